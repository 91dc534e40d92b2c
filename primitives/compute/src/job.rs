//! A job: what a requester asks for, and how far it has come.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::{ConstU32, H256};
use sp_runtime::BoundedVec;

use crate::{
	worker::{ClassId, Engine, WorkerKey},
	Balance, BlockNumber, Locator, Locators,
};

/// Number of a job: a counter, never reused.
pub type JobId = u64;
/// Index of a replica in its job, counted from 0. Tie-break replicas come after the ordinary ones.
pub type ReplicaId = u8;

/// Most replicas that a requester can ask for.
pub const MAX_REPLICAS: u32 = 7;
/// Tie-break replicas that can be added when no quorum agrees.
pub const MAX_TIE_BREAKS: u32 = 2;
/// Most replicas that a job can have in all.
pub const MAX_TOTAL_REPLICAS: u32 = MAX_REPLICAS + MAX_TIE_BREAKS;
/// Draws that one replica can use up.
pub const MAX_ATTEMPTS: u8 = 3;
/// Largest side of a kernel's matrices.
pub const MAX_KERNEL_SIDE: u32 = 65_536;
/// Largest side of the matrices whose product is proven in zero knowledge.
pub const MAX_PRODUCT_SIDE: u32 = 1_024;
/// Bytes of the seed that ends the input of a kernel whose product is verified on chain: salts or blindings follow from
/// it.
pub const KERNEL_SEED_BYTES: u64 = 32;

/// Arguments of a program: `argv[1..]`, at most 32 of at most 256 bytes.
pub type Args = BoundedVec<BoundedVec<u8, ConstU32<256>>, ConstU32<32>>;

/// What is to be executed.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub enum Program {
	/// A WASI preview 1 command.
	#[codec(index = 0)]
	Wasm {
		/// BLAKE3 of the module's bytes.
		hash: H256,
	},
	/// A built-in kernel, for exact integer work on CPU and GPU.
	#[codec(index = 1)]
	Kernel {
		/// Which kernel, with its dimensions.
		kind: Kernel,
	},
	/// An OCI image.
	#[codec(index = 2)]
	Oci {
		/// SHA-256 of the image's manifest.
		manifest_digest: H256,
	},
}

impl Program {
	/// The engine that this program needs.
	pub fn engine(&self) -> Engine {
		match self {
			Program::Wasm { .. } => Engine::Wasm,
			Program::Kernel { .. } => Engine::Kernel,
			Program::Oci { .. } => Engine::Oci,
		}
	}
}

/// A built-in kernel.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub enum Kernel {
	/// `int8[m,k] x int8[k,n] -> int32[m,n]`.
	#[codec(index = 0)]
	MatMulI8 {
		/// Rows of the left matrix.
		m: u32,
		/// Columns of the left matrix.
		k: u32,
		/// Columns of the right matrix.
		n: u32,
	},
}

impl Kernel {
	/// int8 operations of the kernel, a multiplication and an addition counted as two. `None` if there are more than
	/// 2^64.
	pub fn ops(&self) -> Option<u64> {
		let Kernel::MatMulI8 { m, k, n } = *self;
		u64::from(m).checked_mul(k.into())?.checked_mul(n.into())?.checked_mul(2)
	}

	/// Units of the kernel: whole units, rounded up. `None` as in [`Self::ops`].
	pub fn units(&self) -> Option<u64> {
		self.ops().map(|ops| ops.div_ceil(crate::OPS_PER_UNIT))
	}
}

/// How a job's result is checked.
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
pub enum Verification {
	/// Several workers execute the job, and a quorum has to agree.
	#[codec(index = 0)]
	#[default]
	Quorum,
	/// One worker multiplies two matrices. For some blocks anybody who has the matrices can prove on chain that one entry
	/// of the product is wrong.
	#[codec(index = 1)]
	Dispute {
		/// Random bytes of the requester, which bind the roots to this job.
		context: H256,
		/// Root over the rows of the left matrix.
		left: H256,
		/// Root over the columns of the right matrix.
		right: H256,
		/// Blocks in which the product can be disputed.
		blocks: BlockNumber,
	},
	/// One worker multiplies two matrices and proves the product in zero knowledge.
	#[codec(index = 2)]
	Product {
		/// BLAKE3 of the compressed commitments to the rows of the left and the columns of the right matrix.
		inputs: H256,
	},
}

/// A job as its requester describes it. Every part is bounded.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct JobSpec {
	/// What to execute.
	pub program: Program,
	/// Where the program can be fetched.
	pub program_at: Locators,
	/// Where the input can be fetched.
	pub input_at: Locators,
	/// BLAKE3 of the input.
	pub input: H256,
	/// Bytes of the input; 0 means that there is none, and nothing is fetched.
	pub input_len: u64,
	/// Arguments of the program, without its name.
	pub args: Args,
	/// Hardware class that the job needs.
	pub class: ClassId,
	/// Most units that one replica may use.
	pub max_units: u64,
	/// Most memory that the program may have, in MiB.
	pub max_memory: u32,
	/// Most bytes of the output archive.
	pub max_output: u64,
	/// The most that the requester pays for one unit, in the smallest unit of IO Coin.
	pub price_per_unit: Balance,
	/// How many workers execute the job, 1 to 7.
	pub replicas: u8,
	/// How many equal results settle it; more than half of `replicas`.
	pub quorum: u8,
	/// How long one replica may run, in blocks.
	pub run_blocks: BlockNumber,
	/// The requester's x25519 key, if the job is sealed: the output is sealed to this key, and the input, if there is one, under a
	/// key that the requester hands out to the workers that were drawn.
	pub encryption: Option<[u8; 32]>,
	/// Computing power that workers must have proven, in 10^6 int8 operations per second; 0 asks for none.
	pub min_perf: u64,
	/// How the result is checked.
	pub verification: Verification,
}

/// Where a job stands.
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
pub enum JobState {
	/// Waits for workers.
	#[codec(index = 0)]
	Open,
	/// Every replica has a worker.
	#[codec(index = 1)]
	Running,
	/// Enough commitments are in; the digests are being shown.
	#[codec(index = 2)]
	Revealing,
	/// A quorum agreed; everybody is paid.
	#[codec(index = 3)]
	Settled,
	/// No fitting worker was found in time; everything went back to the requester.
	#[codec(index = 4)]
	Expired,
	/// The requester withdrew it.
	#[codec(index = 5)]
	Cancelled,
	/// No result could be agreed on; everything went back to the requester.
	#[codec(index = 6)]
	Failed,
	/// The product is on the table and waits for its verdict.
	#[codec(index = 7)]
	Verifying,
}

impl JobState {
	/// Whether nothing can happen to the job any more.
	pub fn is_terminal(self) -> bool {
		!matches!(
			self,
			JobState::Open | JobState::Running | JobState::Revealing | JobState::Verifying
		)
	}
}

/// Why a job failed.
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
pub enum FailReason {
	/// A replica used up its attempts.
	#[codec(index = 0)]
	AttemptsExhausted,
	/// No quorum agreed, not even with tie-breaks.
	#[codec(index = 1)]
	NoQuorum,
	/// The product was proven wrong.
	#[codec(index = 2)]
	Refuted,
	/// The product was not proven in time.
	#[codec(index = 3)]
	Unproven,
}

/// Why a replica did not do its duty.
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
pub enum MissReason {
	/// It did not accept in time.
	#[codec(index = 0)]
	NoShow,
	/// It accepted, but did not commit in time.
	#[codec(index = 1)]
	Late,
	/// It committed, but did not open its commitment.
	#[codec(index = 2)]
	Unrevealed,
	/// It revealed a result other than the quorum's.
	#[codec(index = 3)]
	Disagreed,
	/// Its product was proven wrong, or its proof of it was.
	#[codec(index = 4)]
	Refuted,
	/// It did not prove its product in time.
	#[codec(index = 5)]
	Unproven,
}

/// Where a replica stands. While a job is not terminal a replica is in one of these; what became of a
/// replica whose worker was replaced is told by events.
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
pub enum ReplicaState {
	/// Waits for a (new) draw; it has no worker.
	#[codec(index = 0)]
	Vacant,
	/// Drawn; the worker has to accept.
	#[codec(index = 1)]
	Assigned,
	/// The worker accepted and runs the program.
	#[codec(index = 2)]
	Accepted,
	/// The worker committed to a result.
	#[codec(index = 3)]
	Committed {
		/// See [`crate::digest::commitment`].
		commitment: H256,
	},
	/// The worker opened its commitment.
	#[codec(index = 4)]
	Revealed {
		/// See [`crate::digest::result_digest`].
		digest: H256,
		/// Units that the execution used.
		units: u64,
		/// The program's exit code.
		exit_code: i32,
	},
	/// Out of the game: the replica used up its attempts or missed its reveal.
	#[codec(index = 5)]
	Missed {
		/// What it missed.
		reason: MissReason,
	},
}

/// One execution of a job by one worker.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub struct Replica<AccountId> {
	/// Where it stands.
	pub state: ReplicaState,
	/// How often it was drawn, counted from 1; 0 before the first draw.
	pub attempt: u8,
	/// Block at which the present state times out.
	pub deadline: BlockNumber,
	/// The worker that was drawn, with what was agreed with it.
	pub seat: Option<Seat<AccountId>>,
}

/// The worker of a replica and the terms that held when it was drawn.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub struct Seat<AccountId> {
	/// The device.
	pub worker: WorkerKey,
	/// Its operator, who is paid and whose bond is locked.
	pub operator: AccountId,
	/// What one unit costs.
	#[codec(compact)]
	pub ask: Balance,
	/// Bond that is locked for this replica.
	#[codec(compact)]
	pub bond: Balance,
}

/// A job as a requester or a dApp sees it.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct JobView<AccountId> {
	/// Its number.
	pub id: JobId,
	/// Who pays.
	pub requester: AccountId,
	/// Where it stands.
	pub state: JobState,
	/// Block of submission; `None` once it is terminal.
	pub submitted_at: Option<BlockNumber>,
	/// Block of its next timer; `None` once it is terminal.
	pub next_timer: Option<BlockNumber>,
	/// Money on hold for replicas and fee.
	pub escrow: Balance,
	/// Money on hold for storage.
	pub deposit: Balance,
	/// What was asked for; gone once the job is terminal.
	pub spec: Option<JobSpec>,
	/// Its replicas; empty once the job is terminal.
	pub replicas: Vec<Replica<AccountId>>,
	/// How it ended; `None` before it ends.
	pub outcome: Option<Outcome<AccountId>>,
}

/// How a job ended. The chain keeps the last of them for a while, so that a requester can come back later.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub struct Outcome<AccountId> {
	/// The job.
	pub id: JobId,
	/// Who paid.
	pub requester: AccountId,
	/// A terminal state.
	pub state: JobState,
	/// Why, if it failed.
	pub fail_reason: Option<FailReason>,
	/// Block in which it ended.
	pub ended_at: BlockNumber,
	/// Digest that the quorum agreed on; zero unless settled.
	pub digest: H256,
	/// Units of one replica.
	pub units: u64,
	/// Exit code of the program.
	pub exit_code: i32,
	/// Paid to all operators together.
	pub paid: Balance,
	/// Given back to the requester, without the deposit.
	pub refunded: Balance,
	/// Fee taken.
	pub fee: Balance,
	/// The replicas that agreed.
	pub payees: BoundedVec<Payee<AccountId>, ConstU32<MAX_TOTAL_REPLICAS>>,
}

/// One replica that was paid.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub struct Payee<AccountId> {
	/// Which replica.
	pub replica: ReplicaId,
	/// The device that did the work.
	pub worker: WorkerKey,
	/// Its operator.
	pub operator: AccountId,
	/// What it got.
	pub amount: Balance,
}

/// What a worker has to do, as the chain sees it at one block.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct Assignment<AccountId> {
	/// The job.
	pub job: JobId,
	/// Which replica of it.
	pub replica: ReplicaId,
	/// Which draw of the replica.
	pub attempt: u8,
	/// Who pays.
	pub requester: AccountId,
	/// Where the job stands: a committed replica reveals as soon as it is `Revealing`.
	pub job_state: JobState,
	/// Where the replica stands.
	pub state: ReplicaState,
	/// Block at which the present state times out.
	pub deadline: BlockNumber,
	/// What one unit pays.
	pub ask: Balance,
	/// Bond that is at stake.
	pub bond: Balance,
	/// What to execute.
	pub spec: JobSpec,
}

/// What a job costs at most.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub struct Price {
	/// Held for the replicas: `replicas * max_units * price_per_unit`.
	pub work: Balance,
	/// Held for the fee.
	pub fee: Balance,
	/// Held for storage, given back when the job ends.
	pub deposit: Balance,
	/// Bond that each worker must have free.
	pub bond_per_replica: Balance,
}

/// Where the output of a replica can be fetched, shown with the reveal.
pub type OutputAt = Locator;
