//! The `Authorization` header and the tokens in it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::tokens::check(data));
