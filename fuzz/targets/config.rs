#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| judges::config::judge(input));
