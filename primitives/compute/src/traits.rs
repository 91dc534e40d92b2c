//! How pallets talk to each other: none imports another, each asks for one of these.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::{DispatchError, DispatchResult, Weight};

use crate::{
	job::{JobId, JobSpec, Kernel, Verification},
	worker::{ClassId, WorkerKey},
	Balance, BlockNumber,
};

/// A random value and when it became known.
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
pub struct Beacon {
	/// The value.
	pub value: H256,
	/// First block in which it was known. What was fixed in an earlier block could not depend on it.
	pub since: BlockNumber,
}

/// A source of randomness that neither users nor a single collator can choose.
pub trait Randomness {
	/// The newest value, or `None` if this block has none: then nothing is drawn.
	fn beacon() -> Option<Beacon>;
}

/// Stake of operators, and the parts of it that are locked as bonds.
pub trait Bonding<AccountId> {
	/// Whether the account is a registered operator.
	fn is_operator(who: &AccountId) -> bool;
	/// Own active stake, whether or not it is locked; 0 for anybody else.
	fn stake(operator: &AccountId) -> Balance;
	/// What can still be locked, of the own stake and that of delegators; 0 for anybody else.
	fn free(operator: &AccountId) -> Balance;
	/// What is locked.
	fn locked(operator: &AccountId) -> Balance;
	/// Locks `amount`. Fails, and changes nothing, if less is free.
	fn lock(operator: &AccountId, amount: Balance) -> DispatchResult;
	/// Unlocks `amount`, or what is locked if that is less.
	fn unlock(operator: &AccountId, amount: Balance);
	/// Makes the account an operator with an own stake of `stake`, or raises it to that: for benchmarks.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_operator(who: &AccountId, stake: Balance);
}

/// Why somebody is slashed.
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
pub enum OffenceReason {
	/// A drawn worker did not accept in time.
	#[codec(index = 0)]
	NoShow,
	/// A worker accepted and did not commit in time.
	#[codec(index = 1)]
	Late,
	/// A worker did not open its commitment.
	#[codec(index = 2)]
	Unrevealed,
	/// A worker's result was not the quorum's.
	#[codec(index = 3)]
	Disagreed,
	/// A worker's product was proven wrong, or it brought a wrong proof of it.
	#[codec(index = 4)]
	Refuted,
	/// A worker did not prove its product in time.
	#[codec(index = 5)]
	Unproven,
	/// A device's proof of computing power is wrong.
	#[codec(index = 6)]
	FalseCertificate,
	/// A device did not bring the proof of computing power that it had committed to.
	#[codec(index = 7)]
	UnrevealedCertificate,
}

/// Something that an operator answers for with its stake.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct Offence<AccountId> {
	/// Unique: the same offence cannot be reported twice.
	pub id: H256,
	/// Who answers.
	pub operator: AccountId,
	/// Block in which the duty began that was not done: stake that left before it is not touched.
	pub since: BlockNumber,
	/// What it costs, before it is cut to what the operator has.
	pub amount: Balance,
	/// Why.
	pub reason: OffenceReason,
	/// Who gets a part of it, and how much at most; at most half of what is taken, and what the operator loses alone.
	pub harmed: Option<(AccountId, Balance)>,
}

/// Takes offences.
pub trait Slashing<AccountId> {
	/// Takes the amount out of the operator's pool at once and pays it out or burns it after the deferral. Returns
	/// what was taken.
	fn report(offence: Offence<AccountId>) -> Result<Balance, DispatchError>;
}

/// Takes note of work, from which rewards are computed.
pub trait WorkLedger<AccountId> {
	/// `operator` was paid for `units` of work of this class, and `burnt_fee` was burnt for that.
	fn settled(operator: &AccountId, class: ClassId, units: u64, burnt_fee: Balance);
	/// A device of `operator` proved `ops` int8 operations in one window.
	fn certified(operator: &AccountId, ops: u128);
}

impl<AccountId> WorkLedger<AccountId> for () {
	fn settled(_: &AccountId, _: ClassId, _: u64, _: Balance) {}
	fn certified(_: &AccountId, _: u128) {}
}

/// Proven computing power.
pub trait Certificates {
	/// What the worker's valid certificates prove together, in 10^6 int8 operations per second; 0 without any.
	fn proven(worker: &WorkerKey) -> u64;
	/// Gives the worker a certificate of so much: for benchmarks.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_proven(worker: &WorkerKey, mops: u64);
}

/// Nobody has proven anything.
impl Certificates for () {
	fn proven(_: &WorkerKey) -> u64 {
		0
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_proven(_: &WorkerKey, _: u64) {}
}

/// The registered workers.
pub trait WorkerRegistry<AccountId> {
	/// Who answers for the worker; `None` if it is not registered.
	fn operator(worker: &WorkerKey) -> Option<AccountId>;
	/// Registers the worker for the operator: for benchmarks.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_worker(worker: &WorkerKey, operator: &AccountId);
}

/// What a worker claims of a product that is still to be verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim<AccountId> {
	/// Who pays for the job.
	pub requester: AccountId,
	/// Who claims it.
	pub worker: WorkerKey,
	/// The product and its dimensions.
	pub kernel: Kernel,
	/// How it is verified, with the roots or commitments of the inputs.
	pub verification: Verification,
	/// Digest of the result, see [`crate::digest::result_digest`].
	pub digest: sp_core::H256,
	/// Units that were claimed.
	pub units: u64,
	/// Exit code that was claimed; only 0 comes with a product.
	pub exit_code: i32,
}

/// Jobs whose products are verified on chain instead of by a quorum.
pub trait Verdicts<AccountId> {
	/// The claim of a job that waits for its verdict; `None` if it does not.
	fn claim(job: JobId) -> Option<Claim<AccountId>>;
	/// The claim is false: the worker is slashed and the requester refunded. Fails, and changes nothing, if the job does
	/// not wait for a verdict.
	fn refute(job: JobId) -> DispatchResult;
	/// The claim is true: the job is settled. Fails, and changes nothing, if the job does not wait for a verdict.
	fn confirm(job: JobId) -> DispatchResult;
	/// The worker's jobs that wait for its proof, each with the block in which it is too late. Not for use in blocks.
	fn pending(worker: &WorkerKey) -> Vec<(JobId, BlockNumber)>;
	/// Makes a job of the kernel whose claim waits for its verdict, by `worker`: for benchmarks.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_claim(claim: Claim<AccountId>) -> JobId;
}

/// Jobs that others pay for: whoever pays gives the requester's account the money first.
pub trait JobSubmission<AccountId> {
	/// What goes on hold in the requester's account: escrow and deposit. Beside it the account needs the existential
	/// deposit. Fails with the rule that the specification breaks.
	fn cost(spec: &JobSpec) -> Result<Balance, DispatchError>;
	/// Submits the job in the name of the requester, as if it had signed. May have changed something if it fails.
	fn submit(requester: AccountId, spec: JobSpec) -> Result<JobId, DispatchError>;
	/// What `submit` of a specification weighs at most.
	fn submit_weight(spec: &JobSpec) -> Weight;
}
