//! Verifier of proofs of matrix products.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| io_fuzz::product(bytes));
