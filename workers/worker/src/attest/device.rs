//! A device that multiplies: what the prover needs of it, whatever it is.

use io_kernels::{Cancel, cuda::GpuError};
use io_primitives::attestation::DeviceIndex;
use io_tflops::{
	Hash, Params,
	prover::{LaneOpening, MatMul},
};

/// Why a device gives up.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum Fault {
	/// It was told to.
	#[error("cancelled")]
	Cancelled,
	/// Something else, in words.
	#[error("{0}")]
	Failed(String),
}

impl From<io_kernels::Error> for Fault {
	fn from(error: io_kernels::Error) -> Fault {
		match error {
			io_kernels::Error::Cancelled => Fault::Cancelled,
			other => Fault::Failed(other.to_string()),
		}
	}
}

impl From<GpuError> for Fault {
	fn from(error: GpuError) -> Fault {
		match error {
			GpuError::Refused(error) => error.into(),
			other => Fault::Failed(other.to_string()),
		}
	}
}

/// Opens a device, in the thread that will use it. The switch stops what it computes.
pub type Opener = Box<dyn FnMut(Cancel) -> Result<Engine, Fault> + Send>;

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

/// A device that is open, its type forgotten. It stays in the thread that opened it.
pub struct Engine(Box<dyn MatMul<Error = Fault>>);

impl Engine {
	/// Of anything that multiplies.
	pub fn new<M>(device: M) -> Engine
	where
		M: MatMul + 'static,
		Fault: From<M::Error>,
	{
		Engine(Box::new(Adapter(device)))
	}
}

impl MatMul for Engine {
	type Error = Fault;

	fn product(
		&mut self,
		params: &Params,
		key_a: &Hash,
		key_b: &Hash,
		c: &mut [u16],
	) -> Result<(), Fault> {
		self.0.product(params, key_a, key_b, c)
	}

	fn lane_root(&mut self, params: &Params, state: &Hash, lane: u32) -> Result<Hash, Fault> {
		self.0.lane_root(params, state, lane)
	}

	fn lane_roots(&mut self, params: &Params, state: &Hash) -> Result<Vec<Hash>, Fault> {
		self.0.lane_roots(params, state)
	}

	fn open_lane(
		&mut self,
		params: &Params,
		state: &Hash,
		lane: u32,
		leaves: &[u64],
	) -> Result<Vec<LaneOpening>, Fault> {
		self.0.open_lane(params, state, lane, leaves)
	}
}

/// A device whose faults are turned into ours.
struct Adapter<M>(M);

impl<M: MatMul> MatMul for Adapter<M>
where
	Fault: From<M::Error>,
{
	type Error = Fault;

	fn product(
		&mut self,
		params: &Params,
		key_a: &Hash,
		key_b: &Hash,
		c: &mut [u16],
	) -> Result<(), Fault> {
		Ok(self.0.product(params, key_a, key_b, c)?)
	}

	fn lane_root(&mut self, params: &Params, state: &Hash, lane: u32) -> Result<Hash, Fault> {
		Ok(self.0.lane_root(params, state, lane)?)
	}

	fn lane_roots(&mut self, params: &Params, state: &Hash) -> Result<Vec<Hash>, Fault> {
		Ok(self.0.lane_roots(params, state)?)
	}

	fn open_lane(
		&mut self,
		params: &Params,
		state: &Hash,
		lane: u32,
		leaves: &[u64],
	) -> Result<Vec<LaneOpening>, Fault> {
		Ok(self.0.open_lane(params, state, lane, leaves)?)
	}
}
