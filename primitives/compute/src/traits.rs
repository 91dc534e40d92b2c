//! How pallets talk to each other: none imports another, each asks for one of these.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::{DispatchError, DispatchResult, FixedU64};

use crate::{
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
	/// Own stake that is neither locked nor leaving; 0 for anybody else.
	fn free(operator: &AccountId) -> Balance;
	/// Locked part of the own stake.
	fn locked(operator: &AccountId) -> Balance;
	/// Locks `amount`. Fails, and changes nothing, if less is free.
	fn lock(operator: &AccountId, amount: Balance) -> DispatchResult;
	/// Unlocks `amount`, or what is locked if that is less.
	fn unlock(operator: &AccountId, amount: Balance);
	/// Makes the account an operator with `stake`, or raises its stake to that: for benchmarks.
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
	/// What it costs, before it is cut to what the operator has.
	pub amount: Balance,
	/// Why.
	pub reason: OffenceReason,
	/// Who gets a part of it, and how much at most; at most half of what is taken.
	pub harmed: Option<(AccountId, Balance)>,
}

/// Takes offences.
pub trait Slashing<AccountId> {
	/// Takes the amount out of the operator's stake at once and pays it out or burns it after the deferral. Returns
	/// what was taken.
	fn report(offence: Offence<AccountId>) -> Result<Balance, DispatchError>;
}

/// Takes note of settled work, from which rewards are computed.
pub trait WorkLedger<AccountId> {
	/// `operator` was paid for `units` of work of this class.
	fn settled(operator: &AccountId, class: ClassId, units: u64);
}

impl<AccountId> WorkLedger<AccountId> for () {
	fn settled(_: &AccountId, _: ClassId, _: u64) {}
}

/// Proven computing power.
pub trait Certificates {
	/// Proven performance of the worker over the minimum of the class; `None` if the class wants a certificate that the
	/// worker lacks, so that it cannot be drawn.
	fn performance(worker: &WorkerKey, class: ClassId) -> Option<FixedU64>;
}

/// Without certificates all workers count as exactly good enough.
impl Certificates for () {
	fn performance(_: &WorkerKey, _: ClassId) -> Option<FixedU64> {
		Some(FixedU64::from_u32(1))
	}
}
