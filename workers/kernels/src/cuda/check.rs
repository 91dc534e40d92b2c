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
	// Several tiles high and wide, two lanes.
	let params = Params::new(ARITH_INT8, 256, 256, 128, 2)
		.map_err(|_| GpuError::Wrong("dimensions of the check"))?;
	let on_gpu = device.lane_roots(&params, &STATE)?;
	let Ok(on_cpu) = Scalar.lane_roots(&params, &STATE);
	if on_gpu != on_cpu {
		return Err(GpuError::Wrong("streams, products or hashes"));
	}

	const SIDE: usize = 130;
	let (least, most) = (vec![-128i8; SIDE * SIDE], vec![127i8; SIDE * SIDE]);
	let dims = Dims::new(SIDE, SIDE, SIDE)?;
	for (a, b, entry) in [(&least, &least, 128 * 128), (&least, &most, -128 * 127)] {
		let c = device.matmul_i8(a, b, dims, Layout::Columns)?;
		if c.iter().any(|found| *found != entry * SIDE as i32) {
			return Err(GpuError::Wrong("products of extremes"));
		}
	}
	Ok(())
}
