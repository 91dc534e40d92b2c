//! What can go wrong on a device.

/// Why a device gives up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
	/// A matrix does not have as many entries as its dimensions say.
	#[error("{matrix} has {actual} entries, its dimensions need {expected}")]
	Length {
		/// Which matrix.
		matrix: &'static str,
		/// Entries that the dimensions need.
		expected: usize,
		/// Entries that are there.
		actual: usize,
	},
	/// A product of dimensions is beyond what the machine can address.
	#[error("a matrix of {0} x {1} entries cannot be addressed")]
	TooLarge(usize, usize),
	/// Sums over so many products could leave 32 bits.
	#[error("inner dimension is {0}, at most {max} keeps sums inside of 32 bits", max = crate::MAX_K)]
	InnerTooLarge(usize),
	/// Memory for a working copy cannot be had.
	#[error("{0} bytes of memory cannot be had")]
	OutOfMemory(usize),
	/// [`crate::Cancel`] was pulled.
	#[error("cancelled")]
	Cancelled,
	/// The CPU lacks the instructions.
	#[error("this CPU cannot run the kernel {0}")]
	KernelUnavailable(&'static str),
	/// The operating system refuses threads.
	#[error("threads cannot be started: {0}")]
	Threads(String),
}

/// A vector of `len` default values, or an error instead of an abort when memory is short.
pub(crate) fn try_vec<T: Clone + Default>(len: usize) -> Result<Vec<T>, Error> {
	let mut vec = Vec::new();
	vec.try_reserve_exact(len)
		.map_err(|_| Error::OutOfMemory(len.saturating_mul(size_of::<T>())))?;
	vec.resize(len, T::default());
	Ok(vec)
}
