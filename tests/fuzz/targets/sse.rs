//! The event-stream splitter.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::sse::check(data));
