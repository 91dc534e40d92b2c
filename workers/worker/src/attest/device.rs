//! A device that multiplies: what the prover needs of it, whatever it is.

use io_kernels::{Cancel, Error};
use io_primitives::attestation::DeviceIndex;
use io_tflops::{
	Hash, Params,
	prover::{LaneOpening, MatMul},
};

/// What multiplies, with its type forgotten.
pub type AnyMatMul = Box<dyn MatMul<Error = Error> + Send>;
/// Opens a device, in the thread that will use it. The switch stops what it computes.
pub type Opener = Box<dyn FnMut(Cancel) -> Result<AnyMatMul, Error> + Send>;

/// A device of this machine.
pub struct Device {
	/// Its index on chain.
	pub index: DeviceIndex,
	/// Its name, for people.
	pub name: String,
	/// Bytes of memory that a product may take.
	pub memory: u64,
	/// Opens it.
	pub open: Opener,
}

impl std::fmt::Debug for Device {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		write!(f, "Device({}, {})", self.index, self.name)
	}
}

/// A device that is open.
pub(crate) struct Engine(pub(crate) AnyMatMul);

impl MatMul for Engine {
	type Error = Error;

	fn product(
		&mut self,
		params: &Params,
		key_a: &Hash,
		key_b: &Hash,
		c: &mut [u16],
	) -> Result<(), Error> {
		self.0.product(params, key_a, key_b, c)
	}

	fn lane_root(&mut self, params: &Params, state: &Hash, lane: u32) -> Result<Hash, Error> {
		self.0.lane_root(params, state, lane)
	}

	fn lane_roots(&mut self, params: &Params, state: &Hash) -> Result<Vec<Hash>, Error> {
		self.0.lane_roots(params, state)
	}

	fn open_lane(
		&mut self,
		params: &Params,
		state: &Hash,
		lane: u32,
		leaves: &[u64],
	) -> Result<Vec<LaneOpening>, Error> {
		self.0.open_lane(params, state, lane, leaves)
	}
}
