//! Decoder and verifier of shielded bundles.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| io_fuzz::shielded(bytes));
