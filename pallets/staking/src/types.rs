//! What the pallet stores, what governance sets, and what dApps see.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	traits::Get, BoundedVec, CloneNoBound, DebugNoBound, DefaultNoBound, EqNoBound,
	PartialEqNoBound,
};
use io_primitives::{Balance, BlockNumber, OffenceReason};
use scale_info::TypeInfo;
use sp_core::{ConstU32, H256};
use sp_runtime::{Perbill, Perquintill};

use crate::pool::{Shares, Tranche};

/// Number of a pending slash: a counter, never reused.
pub type SlashId = u64;
/// Number of an era.
pub type EraIndex = u32;

/// An operator bonds at most so many times its own stake.
pub const LEVERAGE: Balance = 5;
/// Most seats in the collator set.
pub const MAX_COLLATORS: u32 = 64;
/// Most redelegations for which the stake of one position still answers elsewhere.
pub const MAX_MOVES: u32 = 4;
/// Eras of leaving stake to which a cancelled slash is given back. A job of a day began six eras ago, and no duty is longer by
/// default.
pub const MAX_SLASH_PARTS: u32 = 8;

/// The pool of an operator: all that bonding and slashing need of it, in one item.
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
pub struct Ledger {
	/// Stake that counts: the operator's own and that of its delegators.
	pub active: Tranche,
	/// Shares of `active` that are the operator's own.
	#[codec(compact)]
	pub own: Shares,
	/// What is locked as bonds.
	#[codec(compact)]
	pub locked: Balance,
	/// What leaves and is not yet withdrawn, in all buckets together.
	#[codec(compact)]
	pub leaving: Balance,
	/// Slashes that are taken out of the pool and not yet applied or cancelled.
	#[codec(compact)]
	pub pending: Balance,
	/// Positions in the pool, the operator's own included, and moves out of it that are not yet forgotten.
	#[codec(compact)]
	pub holders: u64,
	/// What the operator takes of its delegators' rewards.
	pub commission: Perbill,
	/// Era of the last rise of the commission.
	#[codec(compact)]
	pub raised: EraIndex,
}

impl Ledger {
	/// Worth of the operator's own active stake.
	pub fn own_stake(&self) -> Balance {
		self.active.worth(self.own)
	}

	/// What can still be locked: bonds need active stake, a fifth of it the operator's own.
	pub fn free(&self) -> Balance {
		self.active.value.min(self.own_stake().saturating_mul(LEVERAGE)).saturating_sub(self.locked)
	}

	/// All that a bond can be taken from.
	pub fn cover(&self) -> Balance {
		self.active.value.saturating_add(self.leaving)
	}
}

/// What left the active stake of a pool in an era. It answers for offences whose duty began in that era or before.
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
pub struct Bucket {
	/// What is unbonded, until its owners withdraw it.
	pub leaving: Tranche,
	/// What is redelegated. The money is in other pools; what this says less than was moved, it owes.
	pub moved: Tranche,
}

impl Bucket {
	/// Whether nobody has shares of it.
	pub fn is_empty(&self) -> bool {
		self.leaving.shares == 0 && self.moved.shares == 0
	}
}

/// Stake of a position that came from another pool, for whose older offences it answers.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct Move<AccountId> {
	/// Whose pool it left.
	pub from: AccountId,
	/// In which era.
	pub era: EraIndex,
	/// Shares of what was moved then.
	#[codec(compact)]
	pub shares: Shares,
	/// What they were worth at the last `sync`.
	#[codec(compact)]
	pub noted: Balance,
}

/// What is known of an account that delegates.
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
pub struct Delegator {
	/// Pools of others in which it has a position.
	pub pools: u32,
	/// One more than the era of its last redelegation; 0 for never.
	pub moved: EraIndex,
}

/// Shares of an unbonding bucket.
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
pub struct UnbondingChunk {
	/// Era in which they were bought: that of the bucket.
	pub era: EraIndex,
	/// How many.
	#[codec(compact)]
	pub shares: Shares,
}

/// What one account has in one pool.
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
#[codec(mel_bound(AccountId: MaxEncodedLen))]
pub struct Position<AccountId: Clone + PartialEq + Eq + core::fmt::Debug, MaxUnbonding: Get<u32>> {
	/// Shares of the active stake.
	#[codec(compact)]
	pub shares: Shares,
	/// Part of the account's hold that belongs to this position. It lags behind the worth until the next `sync`.
	#[codec(compact)]
	pub held: Balance,
	/// What leaves, oldest first.
	pub unbonding: BoundedVec<UnbondingChunk, MaxUnbonding>,
	/// What came from other pools, oldest first.
	pub moves: BoundedVec<Move<AccountId>, ConstU32<MAX_MOVES>>,
}

impl<AccountId: Clone + PartialEq + Eq + core::fmt::Debug, MaxUnbonding: Get<u32>>
	Position<AccountId, MaxUnbonding>
{
	/// Whether no share is left, here or of what was moved.
	pub fn is_empty(&self) -> bool {
		self.shares == 0 && self.unbonding.is_empty() && self.moves.is_empty()
	}
}

/// Sums over all pools and positions. They make supply exact although holds lag behind worth.
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
pub struct Totals {
	/// Active value of all pools.
	#[codec(compact)]
	pub active: Balance,
	/// Value of all pools, with what leaves.
	#[codec(compact)]
	pub value: Balance,
	/// What the positions have on hold.
	#[codec(compact)]
	pub held: Balance,
	/// Slashes that are not yet applied or cancelled.
	#[codec(compact)]
	pub pending: Balance,
	/// What redelegated stake answers with in the pools that it left.
	#[codec(compact)]
	pub moved: Balance,
	/// The same, as positions have noted it. What is missing in `moved` they owe.
	#[codec(compact)]
	pub noted: Balance,
}

/// Where the count of eras stands.
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
pub struct EraState {
	/// Number of the current era.
	pub index: EraIndex,
	/// Sessions of it that are over.
	pub sessions: u32,
}

/// Work of one operator, or of all, in one era.
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
pub struct Work {
	/// Certified int8 operations.
	#[codec(compact)]
	pub ops: u128,
	/// Fees that were burnt for jobs it was paid for.
	#[codec(compact)]
	pub fees: Balance,
}

/// What the work of an era earns, and the work it is shared by.
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
pub struct EraReward {
	/// For certified operations.
	#[codec(compact)]
	pub certified: Balance,
	/// For settled jobs.
	#[codec(compact)]
	pub settled: Balance,
	/// All work of the era.
	pub work: Work,
}

/// Work that counts for a candidate, by eras, oldest first.
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
#[scale_info(skip_type_params(Window))]
#[codec(mel_bound())]
pub struct WorkRing<Window: Get<u32>> {
	/// Era and work.
	pub eras: BoundedVec<(EraIndex, u128), Window>,
}

impl<Window: Get<u32>> WorkRing<Window> {
	/// Adds work of the era; what is older than the window makes room.
	pub(crate) fn credit(&mut self, era: EraIndex, work: u128) {
		match self.eras.last_mut() {
			Some((last, sum)) if *last == era => *sum = sum.saturating_add(work),
			_ => {
				self.eras.retain(|(old, _)| old.saturating_add(Window::get()) > era);
				if self.eras.is_full() {
					self.eras.remove(0);
				}
				// There is room now, unless the window is empty.
				let _ = self.eras.try_push((era, work));
			},
		}
	}

	/// Work of the last eras, this one included.
	pub(crate) fn sum(&self, era: EraIndex) -> u128 {
		self.eras
			.iter()
			.filter(|(old, _)| old.saturating_add(Window::get()) > era)
			.fold(0, |sum, (_, work)| sum.saturating_add(*work))
	}
}

/// A candidate in the list, with its score as of the last election or of its entry.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct Candidate<AccountId> {
	/// Who.
	pub who: AccountId,
	/// Score, of 10^18.
	pub score: u128,
}

/// Sums of the last election.
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
pub struct ElectionTotals {
	/// Stake of all candidates.
	pub stake: Balance,
	/// Work of all candidates.
	pub work: u128,
}

/// What a slash took of stake that had left the pool in one era.
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
pub struct SlashPart {
	/// The era.
	#[codec(compact)]
	pub era: EraIndex,
	/// Of what was unbonded.
	#[codec(compact)]
	pub leaving: Balance,
	/// Of what was redelegated.
	#[codec(compact)]
	pub moved: Balance,
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
	/// What of it the operator lost before the pool was asked.
	#[codec(compact)]
	pub own: Balance,
	/// What of it was leaving or had been moved, by eras.
	pub parts: BoundedVec<SlashPart, ConstU32<MAX_SLASH_PARTS>>,
	/// Who gets up to half of it, but no more than `own`, and how much at most.
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

/// How the election goes. One parameter, since its values are read together.
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
pub struct ElectionTerms {
	/// Seats, those of invulnerables included: 1 to [`MAX_COLLATORS`].
	pub seats: u32,
	/// Least own stake of a candidate.
	pub min_self_stake: Balance,
	/// Weight of work; that of stake is the rest. At most a half.
	pub work_weight: Perbill,
	/// Certified operations that one burnt unit of fees counts as.
	pub work_per_burnt: u128,
}

impl ElectionTerms {
	/// 16 seats, 1,000 coins, 30 % work.
	pub const DEFAULT: Self = Self {
		seats: 16,
		min_self_stake: 1_000 * 1_000_000_000_000,
		work_weight: Perbill::from_percent(30),
		work_per_burnt: 1_000,
	};

	/// The same, forced into its bounds.
	pub fn bounded(self) -> Self {
		Self {
			seats: self.seats.clamp(1, MAX_COLLATORS),
			work_weight: self.work_weight.min(Perbill::from_percent(50)),
			..self
		}
	}
}

impl Default for ElectionTerms {
	fn default() -> Self {
		Self::DEFAULT
	}
}

/// How much is minted, and for whom. One parameter, since its values are read together.
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
pub struct Economics {
	/// Inflation of a year when nothing is staked.
	pub min_inflation: Perbill,
	/// Inflation of a year at the ideal stake: at most 20 %.
	pub max_inflation: Perbill,
	/// Staked part of the supply at which inflation is highest: 1 % to 99 %.
	pub ideal_stake: Perbill,
	/// How much more stake halves what inflation exceeds the minimum by: at least 1 %.
	pub falloff: Perbill,
	/// Part of the mint for pools of collators.
	pub stake_share: Perbill,
	/// Part of the mint for work. What neither stake nor work gets is the treasury's.
	pub work_share: Perbill,
	/// Part of the work's part for certified operations: at most 30 %.
	pub certified_share: Perbill,
	/// Most that is paid for settled jobs, as a part of the fees that were burnt for them: at most 100 %.
	pub kappa: Perbill,
}

impl Economics {
	/// 2 % to 8 % a year with half of the supply staked; 60 % for stake, 30 % for work, 10 % for the treasury.
	pub const DEFAULT: Self = Self {
		min_inflation: Perbill::from_percent(2),
		max_inflation: Perbill::from_percent(8),
		ideal_stake: Perbill::from_percent(50),
		falloff: Perbill::from_percent(5),
		stake_share: Perbill::from_percent(60),
		work_share: Perbill::from_percent(30),
		certified_share: Perbill::from_percent(30),
		kappa: Perbill::from_percent(90),
	};

	/// The same, forced into its bounds.
	pub fn bounded(self) -> Self {
		let max_inflation = self.max_inflation.min(Perbill::from_percent(20));
		let (one, most) = (Perbill::from_percent(1), Perbill::from_percent(99));
		Self {
			min_inflation: self.min_inflation.min(max_inflation),
			max_inflation,
			ideal_stake: self.ideal_stake.clamp(one, most),
			falloff: self.falloff.max(one),
			work_share: self.work_share.min(Perbill::one() - self.stake_share),
			certified_share: self.certified_share.min(Perbill::from_percent(30)),
			..self
		}
	}
}

impl Default for Economics {
	fn default() -> Self {
		Self::DEFAULT
	}
}

/// An operator as a dApp sees it.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct OperatorView {
	/// Stake of the pool that counts.
	pub active: Balance,
	/// The operator's own part of it.
	pub own: Balance,
	/// What jobs and devices have locked as bonds.
	pub locked: Balance,
	/// What can still be locked.
	pub free: Balance,
	/// What leaves and is not yet withdrawn.
	pub leaving: Balance,
	/// Slashes that are not yet applied or cancelled.
	pub pending: Balance,
	/// Positions in the pool, the operator's own included.
	pub holders: u64,
	/// What the operator takes of its delegators' rewards.
	pub commission: Perbill,
	/// Work that counts for it in the next election.
	pub work: u128,
	/// Whether it stands for election.
	pub candidate: bool,
	/// What the operator says of itself.
	pub metadata: Vec<u8>,
}

/// Part of a position that leaves.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct LeavingView {
	/// What it is worth.
	pub value: Balance,
	/// First era in which it can be withdrawn.
	pub due: EraIndex,
}

/// Redelegated stake of a position.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct MoveView<AccountId> {
	/// Whose pool it left.
	pub from: AccountId,
	/// How much of it answers for older offences there.
	pub value: Balance,
	/// First era in which it does not any more.
	pub due: EraIndex,
}

/// What an account has in one pool.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct PositionView<AccountId> {
	/// Whose pool.
	pub operator: AccountId,
	/// Worth of the active part.
	pub worth: Balance,
	/// What leaves, oldest first.
	pub unbonding: Vec<LeavingView>,
	/// What the account has on hold for it.
	pub held: Balance,
	/// What came from other pools, oldest first.
	pub moves: Vec<MoveView<AccountId>>,
	/// Slashes that are not yet taken out of the hold, those of pools that it left included.
	pub uncollected: Balance,
	/// Rewards that are not yet minted into the hold.
	pub unminted: Balance,
}

/// A member of the collator set.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct ValidatorView<AccountId> {
	/// Who.
	pub who: AccountId,
	/// Stake of its pool.
	pub stake: Balance,
	/// Its own part of it.
	pub own: Balance,
	/// Its commission.
	pub commission: Perbill,
	/// Blocks it authored in this era.
	pub points: u32,
	/// Whether it has its seat without election.
	pub invulnerable: bool,
}

/// A candidate with both halves of its score.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct ScoreView<AccountId> {
	/// Who.
	pub who: AccountId,
	/// Stake of its pool.
	pub stake: Balance,
	/// Work of the window, its own and that of its backers.
	pub work: u128,
	/// Score for stake, of 10^18.
	pub stake_score: u128,
	/// Score for work, of 10^18.
	pub work_score: u128,
	/// Whether it would be elected now.
	pub elected: bool,
}

/// What staking yields.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct ApyView {
	/// Supply, with all rewards and slashes that holds do not show yet.
	pub supply: Balance,
	/// Active stake of all pools.
	pub staked: Balance,
	/// Inflation of a year at this staked part.
	pub inflation: Perquintill,
	/// Rewards of a year for a staked coin, before commission, if all pools were paid alike: in parts of 10^9, as more
	/// than 100 % is possible.
	pub apy: u64,
}
