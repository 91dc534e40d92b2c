//! A worker: one device with its hot key, and the hardware class it belongs to.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::{sr25519, ConstU32};
use sp_runtime::BoundedVec;

use crate::{Balance, BlockNumber, JobId, Locator};

/// The sr25519 hot key of one device. It holds no funds and pays no fees.
pub type WorkerKey = sr25519::Public;
/// Number of a hardware class in the table on chain.
pub type ClassId = u16;

/// What can execute a program.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	serde::Serialize,
	serde::Deserialize,
)]
pub enum Engine {
	/// WebAssembly with WASI preview 1.
	#[codec(index = 0)]
	Wasm,
	/// Built-in kernels.
	#[codec(index = 1)]
	Kernel,
	/// OCI containers.
	#[codec(index = 2)]
	Oci,
}

/// A set of engines, one bit each, in the order of [`Engine`]'s indices.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	Default,
)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub struct Engines(pub u8);

impl Engines {
	/// Only WebAssembly.
	pub const WASM: Engines = Engines(1);
	/// Only built-in kernels.
	pub const KERNEL: Engines = Engines(2);

	/// Whether the engine is in the set.
	pub fn contains(self, engine: Engine) -> bool {
		self.0 & (1 << engine as u8) != 0
	}
}

/// Kind of accelerator of a hardware class.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	serde::Serialize,
	serde::Deserialize,
)]
pub enum Accelerator {
	/// CPU only.
	#[codec(index = 0)]
	None,
	/// An NVIDIA GPU.
	#[codec(index = 1)]
	Cuda,
}

/// A hardware class.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	PartialEq,
	Eq,
	Debug,
	serde::Serialize,
	serde::Deserialize,
)]
pub struct ClassInfo {
	/// What executes the programs of this class.
	pub engine: Engine,
	/// Memory that each job of the class can count on, in MiB. A job may not ask for more.
	pub min_memory: u32,
	/// GPU memory, in MiB; 0 for CPU classes.
	pub min_vram: u32,
	/// What accelerates.
	pub accelerator: Accelerator,
}

/// What an operator says of a device.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct Profile {
	/// Hardware class.
	pub class: ClassId,
	/// What one unit costs, in the smallest unit of IO Coin.
	pub ask_per_unit: Balance,
	/// Jobs that it runs at the same time, at least 1.
	pub capacity: u8,
	/// Engines that it has.
	pub engines: Engines,
	/// Key to which requesters seal inputs.
	pub x25519: [u8; 32],
	/// Where it can be reached: URLs or mesh endpoints.
	pub endpoints: BoundedVec<Locator, ConstU32<4>>,
}

/// A registered device as the chain sees it.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct WorkerView<AccountId> {
	/// Its hot key.
	pub worker: WorkerKey,
	/// Who answers for it.
	pub operator: AccountId,
	/// What it offers.
	pub profile: Profile,
	/// Whether its last heartbeat is young enough to be drawn.
	pub online: bool,
	/// Sequence number of its last heartbeat; the next must be higher.
	pub heartbeat_seq: u64,
	/// Block of its last heartbeat; `None` if there was none.
	pub last_heartbeat: Option<BlockNumber>,
	/// Blocks after which a heartbeat is too old.
	pub heartbeat_ttl: BlockNumber,
	/// Replicas that it holds now, as (job, replica).
	pub live: Vec<(JobId, u8)>,
	/// Reputation, in parts per million.
	pub reputation: u32,
	/// Stake of its operator that no job has locked.
	pub free_bond: Balance,
}

/// Why a job does not go to a worker.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub enum Reason {
	/// There is no such job, or it has ended.
	#[codec(index = 0)]
	UnknownJob,
	/// No such worker is registered.
	#[codec(index = 1)]
	UnknownWorker,
	/// All replicas of the job have workers.
	#[codec(index = 2)]
	NoVacancy,
	/// The worker belongs to another class.
	#[codec(index = 3)]
	OtherClass,
	/// The worker lacks the engine.
	#[codec(index = 4)]
	NoEngine,
	/// Its last heartbeat is too old.
	#[codec(index = 5)]
	Offline,
	/// It is full.
	#[codec(index = 6)]
	NoCapacity,
	/// It asks for more than the job pays.
	#[codec(index = 7)]
	AskTooHigh,
	/// Its operator has too little free stake.
	#[codec(index = 8)]
	InsufficientBond,
	/// Its operator submitted the job.
	#[codec(index = 9)]
	OwnJob,
	/// Its operator has, or had, a replica of the job.
	#[codec(index = 10)]
	OperatorInJob,
	/// There was no fresh randomness in this block.
	#[codec(index = 11)]
	NoRandomness,
	/// It has proven less computing power than the job asks for.
	#[codec(index = 12)]
	UncertifiedPerf,
}
