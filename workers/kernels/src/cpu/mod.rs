//! Products on the CPU.

mod attest;
mod gemm;
mod hash;
mod kernel;
mod lane;
mod micro;
mod panels;
mod peak;
mod streams;

use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuilder};

pub use kernel::Kernel;

use crate::{error::try_vec, Cancel, Dims, Error, Layout};
use lane::Buffers;
use micro::Micro;

/// A CPU, or the part of it that may be used: a kernel, and threads of its own.
pub struct Cpu {
	kernel: Kernel,
	micro: Micro,
	pool: Arc<ThreadPool>,
	cancel: Cancel,
	/// Kept from one lane to the next.
	buffers: Option<Buffers>,
}

impl Cpu {
	/// The fastest kernel of this CPU, on all cores that this process may use.
	///
	/// # Errors
	/// [`Error::Threads`].
	pub fn detect() -> Result<Self, Error> {
		Self::with_kernel(Kernel::detect(), 0)
	}

	/// A kernel on `threads` threads; 0 means all cores that this process may use.
	///
	/// # Errors
	/// [`Error::KernelUnavailable`] or [`Error::Threads`].
	pub fn with_kernel(kernel: Kernel, threads: usize) -> Result<Self, Error> {
		let micro = Micro::new(kernel).ok_or(Error::KernelUnavailable(kernel.name()))?;
		Self::with_micro(kernel, micro, threads)
	}

	fn with_micro(kernel: Kernel, micro: Micro, threads: usize) -> Result<Self, Error> {
		let threads = match threads {
			0 => std::thread::available_parallelism().map_or(1, usize::from),
			threads => threads,
		};
		let pool = ThreadPoolBuilder::new()
			.num_threads(threads)
			.thread_name(|index| format!("io-kernels-{index}"))
			.build()
			.map_err(|error| Error::Threads(error.to_string()))?;
		let cancel = Cancel::new();
		Ok(Self { kernel, micro, pool: Arc::new(pool), cancel, buffers: None })
	}

	/// Uses a switch that others hold as well.
	pub fn with_cancel(mut self, cancel: Cancel) -> Self {
		self.cancel = cancel;
		self
	}

	/// The switch that stops what runs here.
	pub fn cancel(&self) -> Cancel {
		self.cancel.clone()
	}

	/// The kernel.
	pub fn kernel(&self) -> Kernel {
		self.kernel
	}

	/// Name of the kernel.
	pub fn name(&self) -> &'static str {
		self.kernel.name()
	}

	/// Threads.
	pub fn threads(&self) -> usize {
		self.pool.current_num_threads()
	}

	/// int8 operations per second that the kernel's instructions allow on all threads, were there nothing but them: see
	/// [`Kernel::peak_ops`], times the threads. An upper estimate, as cores together run slower than one alone.
	pub fn peak_ops(&self) -> f64 {
		self.kernel.peak_ops().unwrap_or_default() * self.threads() as f64
	}

	/// `C = A B`, exact.
	///
	/// # Errors
	/// [`Error::Length`], [`Error::OutOfMemory`] or [`Error::Cancelled`].
	pub fn matmul_i8(
		&self,
		dims: Dims,
		a: &[i8],
		b: &[i8],
		layout: Layout,
	) -> Result<Vec<i32>, Error> {
		let mut c = try_vec(dims.m() * dims.n())?;
		self.matmul_i8_into(dims, a, b, layout, &mut c)?;
		Ok(c)
	}

	/// [`Self::matmul_i8`] into memory that is there. After an error it holds anything.
	///
	/// # Errors
	/// As [`Self::matmul_i8`].
	pub fn matmul_i8_into(
		&self,
		dims: Dims,
		a: &[i8],
		b: &[i8],
		layout: Layout,
		c: &mut [i32],
	) -> Result<(), Error> {
		self.pool.install(|| gemm::multiply(&self.micro, dims, a, b, layout, c, &self.cancel))
	}
}

impl std::fmt::Debug for Cpu {
	fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
		f.debug_struct("Cpu")
			.field("kernel", &self.kernel)
			.field("threads", &self.threads())
			.finish_non_exhaustive()
	}
}

/// `C = A B`, exact, where A is m x k and B is k x n, all row by row: on the fastest kernel, and on the threads of the
/// `rayon` pool that this is called in (by default all cores). [`Cpu`] gives more choice.
///
/// # Errors
/// [`Error::InnerTooLarge`], [`Error::TooLarge`], [`Error::Length`] or [`Error::OutOfMemory`].
pub fn matmul_i8(a: &[i8], b: &[i8], m: usize, k: usize, n: usize) -> Result<Vec<i32>, Error> {
	let dims = Dims::new(m, k, n)?;
	let kernel = Kernel::detect();
	let micro = Micro::new(kernel).ok_or(Error::KernelUnavailable(kernel.name()))?;
	dims.check(a.len(), b.len(), m * n)?;
	let mut c = try_vec(m * n)?;
	gemm::multiply(&micro, dims, a, b, Layout::Rows, &mut c, &Cancel::new())?;
	Ok(c)
}

#[cfg(test)]
mod tests;
