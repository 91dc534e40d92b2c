//! Verifier of disputes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| io_fuzz::fraud(bytes));
