//! Whether a GPU computes what the CPU does, asked when it is opened.

use io_tflops::{
	params::ARITH_INT8,
	prover::{MatMul, Scalar},
	Hash, Params,
};

use super::{CudaMatMul, Gpu, GpuError};
use crate::{Dims, Layout};

/// State of the round that is computed.
const STATE: Hash = *b"ionet kernels check, state of it";

/// Computes a small round and a product of extremes on the device and on the CPU, through every kernel that it will use.
///
/// # Errors
/// [`GpuError::Wrong`] if they differ, or what the device refuses.
pub(super) fn check<G: Gpu>(device: &mut CudaMatMul<G>) -> Result<(), GpuError> {
	// Two tiles high, two lanes.
	let params = Params::new(ARITH_INT8, 256, 128, 128, 2)
		.map_err(|_| GpuError::Wrong("dimensions of the check"))?;
	let on_gpu = device.lane_roots(&params, &STATE)?;
	let Ok(on_cpu) = Scalar.lane_roots(&params, &STATE);
	if on_gpu != on_cpu {
		return Err(GpuError::Wrong("streams, products or hashes"));
	}

	// Rows of A and columns of B are all -128 or all 127, in turn; the sides are no multiple of anything.
	const SIDE: usize = 131;
	let extreme = |line: usize| if line.is_multiple_of(2) { -128 } else { 127 };
	let lines: Vec<i8> = (0..SIDE).flat_map(|line| [extreme(line) as i8; SIDE]).collect();
	let dims = Dims::new(SIDE, SIDE, SIDE)?;
	let found = device.matmul_i8(dims, &lines, &lines, Layout::Columns)?;
	let expected = |at: usize| extreme(at / SIDE) * extreme(at % SIDE) * SIDE as i32;
	if (0..).map(expected).zip(&found).any(|(expected, found)| expected != *found) {
		return Err(GpuError::Wrong("products of extremes"));
	}
	Ok(())
}
