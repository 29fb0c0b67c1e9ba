//! Requests of every client, for every backend.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::requests::check(data));
