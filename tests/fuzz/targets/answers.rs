//! Plain answers and errors of every backend, for every client.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::answers::check(data));
