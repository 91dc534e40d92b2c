//! Decoder of `JobSpec`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| io_fuzz::job_spec(bytes));
