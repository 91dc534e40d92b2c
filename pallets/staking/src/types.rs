//! What the pallet stores, and the arithmetic of one operator's ledger.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	traits::Get, BoundedVec, CloneNoBound, DebugNoBound, DefaultNoBound, EqNoBound,
	PartialEqNoBound,
};
use io_primitives::{Balance, BlockNumber, OffenceReason};
use scale_info::TypeInfo;
use sp_core::H256;

/// Number of a pending slash: a counter, never reused.
pub type SlashId = u64;

/// Stake that is on its way out. It can still be slashed.
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
pub struct UnbondingChunk {
	/// How much leaves.
	#[codec(compact)]
	pub value: Balance,
	/// First block in which it can be withdrawn.
	pub due: BlockNumber,
}

/// The own stake of one operator. The account's hold is `active + unbonding + pending`.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	CloneNoBound,
	PartialEqNoBound,
	EqNoBound,
	DebugNoBound,
	DefaultNoBound,
)]
#[scale_info(skip_type_params(MaxUnbonding))]
#[codec(mel_bound())]
pub struct Ledger<MaxUnbonding: Get<u32>> {
	/// Stake that counts and can be locked.
	#[codec(compact)]
	pub active: Balance,
	/// Part of `active` that is locked as bonds.
	#[codec(compact)]
	pub locked: Balance,
	/// Slashes that were taken out of the stake and are not yet paid out, burnt or given back.
	#[codec(compact)]
	pub pending: Balance,
	/// What leaves, oldest first.
	pub unbonding: BoundedVec<UnbondingChunk, MaxUnbonding>,
}

impl<MaxUnbonding: Get<u32>> Ledger<MaxUnbonding> {
	/// Stake that is neither locked nor leaving.
	pub fn free(&self) -> Balance {
		self.active.saturating_sub(self.locked)
	}

	/// Stake that is leaving.
	pub fn unbonding_total(&self) -> Balance {
		self.unbonding.iter().fold(0, |sum, chunk| sum.saturating_add(chunk.value))
	}

	/// What the account must have on hold.
	pub fn held(&self) -> Balance {
		self.active.saturating_add(self.unbonding_total()).saturating_add(self.pending)
	}

	/// Whether nothing is left, so that the ledger can be removed.
	pub fn is_empty(&self) -> bool {
		self.active == 0 && self.pending == 0 && self.unbonding.is_empty()
	}

	/// Moves `value` from the active stake to the unbonding chunks; false, with nothing changed, if there is no room
	/// for one more chunk. The caller has checked that `value` is free.
	pub(crate) fn start_unbonding(&mut self, value: Balance, due: BlockNumber) -> bool {
		match self.unbonding.last_mut() {
			Some(last) if last.due == due => last.value = last.value.saturating_add(value),
			_ => {
				if self.unbonding.try_push(UnbondingChunk { value, due }).is_err() {
					return false;
				}
			},
		}
		self.active = self.active.saturating_sub(value);
		true
	}

	/// Drops the chunks that are due at `now` and returns their sum.
	pub(crate) fn take_due(&mut self, now: BlockNumber) -> Balance {
		let before = self.unbonding_total();
		self.unbonding.retain(|chunk| chunk.due > now);
		before.saturating_sub(self.unbonding_total())
	}

	/// Moves up to `amount` to `pending`: out of the active stake first, then out of the youngest chunk, and so on.
	/// Returns what was moved. Bonds that are no longer covered by active stake shrink with it.
	pub(crate) fn take_for_slash(&mut self, amount: Balance) -> Balance {
		let from_active = amount.min(self.active);
		self.active -= from_active;
		self.locked = self.locked.min(self.active);
		let mut missing = amount - from_active;
		for chunk in self.unbonding.iter_mut().rev() {
			let part = missing.min(chunk.value);
			chunk.value -= part;
			missing -= part;
		}
		self.unbonding.retain(|chunk| chunk.value > 0);
		let taken = amount - missing;
		self.pending = self.pending.saturating_add(taken);
		taken
	}
}

/// A slash that waits for the end of its deferral.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct PendingSlash<AccountId> {
	/// Whose stake it was.
	pub operator: AccountId,
	/// How much.
	#[codec(compact)]
	pub amount: Balance,
	/// Who gets up to half of it, and how much at most.
	pub harmed: Option<(AccountId, Balance)>,
	/// Why.
	pub reason: OffenceReason,
	/// First block in which it can be applied.
	pub due: BlockNumber,
	/// Id of the offence.
	pub offence: H256,
}

/// Pending slashes are applied in the order of their numbers. Numbers in `first..next` whose slash is gone were
/// applied or cancelled out of turn and are skipped. The first one tells whether there is work: with a constant deferral
/// nobody is due before those in front, and after a cut of the deferral `apply_slash` need not wait for them.
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
pub struct SlashQueue {
	/// Number of the next slash to apply.
	pub first: SlashId,
	/// Number of the next slash to come.
	pub next: SlashId,
}

/// An operator as a dApp sees it.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct OperatorView {
	/// Stake that counts.
	pub active: Balance,
	/// Part of `active` that jobs have locked.
	pub locked: Balance,
	/// Part of `active` that can be locked or unbonded.
	pub free: Balance,
	/// What leaves, oldest first.
	pub unbonding: Vec<UnbondingChunk>,
	/// Slashes that are not yet applied or cancelled.
	pub pending: Balance,
	/// What the operator says of itself.
	pub metadata: Vec<u8>,
}
