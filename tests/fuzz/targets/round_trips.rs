//! Answers through every dialect and back.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::round_trips::check(data));
