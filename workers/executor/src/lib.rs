#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod archive;
mod error;
mod executor;
pub mod exit_code;
mod input;
mod module;
pub mod tariff;
mod vfs;
mod wasi;

pub use archive::{OutputFile, Packed, pack_output};
pub use error::Error;
pub use executor::{Config, Control, Execution, Executor, Limits, Task};
pub use vfs::scratch_bytes;
