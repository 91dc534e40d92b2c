//! Verifier of the proof of computing power.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| io_fuzz::reveal(bytes));
