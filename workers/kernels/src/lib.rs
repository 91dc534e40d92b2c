#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cancel;
pub mod cpu;
pub mod cuda;
mod device;
mod error;
mod matrix;

pub use cancel::Cancel;
pub use cpu::{matmul_i8, Cpu, Kernel};
pub use device::{devices, DeviceInfo, DeviceKind};
pub use error::Error;
pub use matrix::{Dims, Layout, MAX_K};
