//! Decoder of `SignedWorkerCall`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| io_fuzz::signed_worker_call(bytes));
