//! Decoder of `SyncResponse`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| io_fuzz::sync_response(bytes));
