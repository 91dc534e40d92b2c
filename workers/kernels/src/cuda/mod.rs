//! Kernels for NVIDIA GPUs.
//!
//! [`driver_status`] and [`devices`] say what there is. [`CudaGpu`] is one GPU, by the crate `cust`, behind the trait
//! [`Gpu`]; [`CudaMatMul`] multiplies on any [`Gpu`], for proofs of computing power and for jobs. The kernels themselves
//! are in the folder `cuda/` of this crate. A program with this module starts without a driver too, see [`driver`].

mod check;
mod device;
pub mod driver;
mod error;
mod gpu;
mod job;
mod kernel;
mod lanes;
mod matmul;
mod plan;

pub use device::{devices, CudaGpu, CudaMemory};
pub use driver::{driver_status, DriverError, DriverInfo};
pub use error::GpuError;
pub use gpu::{Facts, Gpu, Place, Queue, Rows, Watch, QUEUES};
pub use kernel::{Argument, Element, Gemm, Kernel, Slot, STREAM_BLOCK, TILE};
pub use matmul::CudaMatMul;
