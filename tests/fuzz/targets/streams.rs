//! Streams of every backend, for every client, at any chunking.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::streams::check(data));
