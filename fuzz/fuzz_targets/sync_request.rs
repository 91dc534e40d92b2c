//! Decoder of `SyncRequest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| io_fuzz::sync_request(bytes));
