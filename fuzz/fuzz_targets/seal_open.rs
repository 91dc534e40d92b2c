//! Opening of sealed data.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| io_fuzz::seal_open(bytes));
