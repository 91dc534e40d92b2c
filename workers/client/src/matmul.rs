//! Jobs that multiply two int8 matrices: what requesters and workers must agree on besides the chain.
//!
//! - **Input**: the left matrix (m x k), then the right one (k x n), both row by row, one byte per entry. If the product is verified
//!   on chain, a secret seed of 32 bytes follows, from which both sides derive the same salts or blindings.
//! - **Output**: an archive like those of programs, with `out/product.npy`, and empty `stderr` and `stdout`.
//! - **Content hash**, the part of [`io_primitives::digest::result_digest`] that stands for the output: BLAKE3 of the archive
//!   if a quorum decides, the root over the product if it can be disputed, BLAKE3 of the commitments to its rows if it is proven.
//!   Everything follows from the input, so that honest workers agree.

mod input;
pub mod npy;

pub use input::{Bound, Content, Input, InputError, Prover, Seed};

use io_primitives::{Kernel, MAX_INPUT_BYTES, MAX_OUTPUT_BYTES, Verification};
use io_tflops::fraud::{FraudError, Shape};

/// Path of the product in the output archive.
pub const PRODUCT: &str = "out/product.npy";
/// Most rows and columns of products that are proven in zero knowledge.
pub const MAX_PROVEN: u32 = io_tflops::product::MAX_DIM;

/// Bytes of the entry of an archive with so many bytes of data: its header, and whole blocks.
const fn entry(data: u64) -> u64 {
	512 + data.next_multiple_of(512)
}

/// The dimensions of a kernel.
///
/// # Errors
/// [`FraudError::BadShape`] if one of them is 0 or above 65,536.
pub fn shape(kernel: &Kernel) -> Result<Shape, FraudError> {
	let Kernel::MatMulI8 { m, k, n } = *kernel;
	Shape::new(m, k, n)
}

/// The kernel with these dimensions.
pub fn kernel(shape: &Shape) -> Kernel {
	Kernel::MatMulI8 { m: shape.m(), k: shape.k(), n: shape.n() }
}

/// Whether inputs end with a seed.
pub fn has_seed(verification: &Verification) -> bool {
	!matches!(verification, Verification::Quorum)
}

fn area(rows: u32, columns: u32) -> u64 {
	u64::from(rows) * u64::from(columns)
}

/// Bytes of the two matrices.
fn factors_len(shape: &Shape) -> u64 {
	area(shape.m(), shape.k()) + area(shape.k(), shape.n())
}

/// Bytes of the input.
pub fn input_len(shape: &Shape, verification: &Verification) -> u64 {
	factors_len(shape) + if has_seed(verification) { 32 } else { 0 }
}

/// Bytes of the product's file.
pub fn product_len(shape: &Shape) -> u64 {
	npy::i32_header(shape.m(), shape.n()).len() as u64 + 4 * area(shape.m(), shape.n())
}

/// Bytes of the output archive.
pub fn archive_len(shape: &Shape) -> u64 {
	const OTHERS: u64 = entry(0) + entry(0) + entry(0) + 1024;
	OTHERS + entry(product_len(shape))
}

/// Memory that the job counts as using, in bytes: both matrices, the product, and the archive. It is the same on every worker,
/// whatever that needs for itself.
pub fn memory(shape: &Shape) -> u64 {
	factors_len(shape) + 4 * area(shape.m(), shape.n()) + archive_len(shape)
}

/// Why a product cannot be a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TooLarge {
	/// The input.
	#[error("the input has {0} bytes; a job takes at most {MAX_INPUT_BYTES}")]
	Input(u64),
	/// The output.
	#[error("the output has {0} bytes; a job gives at most {MAX_OUTPUT_BYTES}")]
	Output(u64),
	/// A dimension, for a proof in zero knowledge.
	#[error("{0} rows or columns are too many: products are proven up to {MAX_PROVEN}")]
	Proven(u32),
}

/// Checks the bounds of jobs.
pub fn check_size(shape: &Shape, verification: &Verification) -> Result<(), TooLarge> {
	let (input, output) = (input_len(shape, verification), archive_len(shape));
	let longest = shape.m().max(shape.k()).max(shape.n());
	if matches!(verification, Verification::Product { .. }) && longest > MAX_PROVEN {
		Err(TooLarge::Proven(longest))
	} else if input > MAX_INPUT_BYTES {
		Err(TooLarge::Input(input))
	} else if output > MAX_OUTPUT_BYTES {
		Err(TooLarge::Output(output))
	} else {
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_know_the_sizes_of_a_small_product() {
		let shape = Shape::new(2, 3, 4).unwrap();
		assert_eq!(input_len(&shape, &Verification::Quorum), 18);
		assert_eq!(product_len(&shape), 128 + 32);
		// Headers of out/, the file, stderr and stdout, one block of data, and the end.
		assert_eq!(archive_len(&shape), 4 * 512 + 512 + 1024);
		assert_eq!(memory(&shape), 18 + 32 + 3584);
	}

	#[test]
	fn should_refuse_products_when_they_exceed_the_bounds_of_jobs() {
		let check = |m, k, n| check_size(&Shape::new(m, k, n).unwrap(), &Verification::Quorum);
		assert_eq!(check(16_384, 16_384, 16_000), Ok(()));
		assert!(matches!(check(65_536, 16_384, 1), Err(TooLarge::Input(_))));
		assert!(matches!(check(16_384, 1, 16_384), Err(TooLarge::Output(_))));
	}
}
