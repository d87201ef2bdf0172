#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::wire::target(data));
