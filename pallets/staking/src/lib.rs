#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod collators;
mod election;
mod eras;
mod pool;
mod positions;
mod redelegation;
mod slashing;
mod types;
mod views;
pub mod weights;
mod work;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(any(test, feature = "try-runtime"))]
mod invariants;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use frame_support::{
	dispatch::DispatchResult,
	ensure,
	traits::{
		fungible::{Inspect, Mutate, MutateHold},
		EnsureOrigin, Get,
	},
	weights::WeightMeter,
	BoundedVec,
};
use io_primitives::{Balance, BlockNumber, Bonding, Offence, OffenceReason, Slashing};
use sp_core::{ConstU32, H256};
use sp_runtime::{traits::SaturatedConversion, DispatchError, Perbill, Saturating};

pub use collators::{Collators, SessionCollators};
pub use pallet::*;
pub use pool::{Shares, Tranche};
pub use types::*;
pub use weights::WeightInfo;

/// Most bytes of an operator's metadata.
pub const MAX_METADATA: u32 = 64;
/// Eras for which work can be claimed.
pub const CLAIM_ERAS: EraIndex = 84;

/// What an operator says of itself: a name or a URL, UTF-8.
pub type Metadata = BoundedVec<u8, ConstU32<MAX_METADATA>>;
/// A position as the runtime bounds it.
pub type PositionOf<T> =
	Position<<T as frame_system::Config>::AccountId, <T as Config>::MaxUnbonding>;

/// The target of this pallet's log lines.
pub(crate) const LOG_TARGET: &str = "runtime::io-staking";

#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use frame_support::pallet_prelude::*;
	use frame_system::pallet_prelude::*;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(2);

	/// See the crate's documentation.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What the pallet needs of the runtime.
	#[pallet::config(with_default)]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The coin. Stake stays in its owner's account, on hold.
		#[pallet::no_default]
		type Currency: Inspect<Self::AccountId, Balance = Balance>
			+ Mutate<Self::AccountId>
			+ MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

		/// The runtime's hold reasons.
		#[pallet::no_default]
		type RuntimeHoldReason: From<HoldReason>;

		/// Who may cancel a slash and name invulnerable collators.
		#[pallet::no_default]
		type AdminOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// Who gets the treasury's part of the mint.
		#[pallet::no_default]
		type Treasury: Get<Self::AccountId>;

		/// Session keys and the collator set in force.
		#[pallet::no_default_bounds]
		type Collators: Collators<Self::AccountId>;

		/// The least stake of an operator, in the smallest unit.
		#[pallet::constant]
		type MinOperatorStake: Get<Balance>;

		/// The least stake of a delegator in one pool, in the smallest unit.
		#[pallet::constant]
		type MinDelegation: Get<Balance>;

		/// Most pools of one delegator.
		#[pallet::constant]
		type MaxDelegations: Get<u32>;

		/// Eras from `unbond` to `withdraw`.
		#[pallet::constant]
		type UnbondingEras: Get<EraIndex>;

		/// Most unbonding chunks of one position, and most eras of which the first block is remembered: more than
		/// `UnbondingEras`.
		#[pallet::constant]
		type MaxUnbonding: Get<u32>;

		/// Part of a slash that the operator pays alone, as far as its own stake goes. Otherwise who has a hundred times
		/// its own stake delegated would pay a hundredth of what it does wrong.
		#[pallet::constant]
		type FirstLoss: Get<Perbill>;

		/// Blocks from an offence to the payment of its slash; until then it can be cancelled.
		#[pallet::constant]
		type SlashDefer: Get<BlockNumber>;

		/// Most slashes that are applied by themselves in one block.
		#[pallet::constant]
		type MaxSlashesPerBlock: Get<u32>;

		/// Sessions in an era.
		#[pallet::constant]
		type SessionsPerEra: Get<u32>;

		/// Milliseconds in an era.
		#[pallet::constant]
		type EraMillis: Get<u64>;

		/// How the election goes.
		type Election: Get<ElectionTerms>;

		/// How much is minted, and for whom.
		type Economics: Get<Economics>;

		/// Eras whose work counts in the election.
		#[pallet::constant]
		type WorkWindow: Get<EraIndex>;

		/// Most candidates.
		#[pallet::constant]
		type MaxCandidates: Get<u32>;

		/// Most invulnerable collators: at most [`MAX_COLLATORS`].
		#[pallet::constant]
		type MaxInvulnerables: Get<u32>;

		/// Benchmarked weights.
		type WeightInfo: WeightInfo;
	}

	/// Default values for the tests of this pallet and of others.
	pub mod config_preludes {
		use super::*;
		use frame_support::{
			derive_impl, parameter_types,
			traits::{ConstU128, ConstU32, ConstU64},
		};

		parameter_types! {
			/// Half.
			pub const FirstLoss: Perbill = Perbill::from_percent(50);
		}

		/// A configuration for tests, in which no collators are elected.
		pub struct TestDefaultConfig;

		#[derive_impl(frame_system::config_preludes::TestDefaultConfig, no_aggregated_types)]
		impl frame_system::DefaultConfig for TestDefaultConfig {}

		#[frame_support::register_default_impl(TestDefaultConfig)]
		impl DefaultConfig for TestDefaultConfig {
			type Collators = ();
			type MinOperatorStake = ConstU128<1_000>;
			type MinDelegation = ConstU128<100>;
			type MaxDelegations = ConstU32<32>;
			type UnbondingEras = ConstU32<3>;
			type MaxUnbonding = ConstU32<8>;
			type FirstLoss = FirstLoss;
			type SlashDefer = ConstU32<20>;
			type MaxSlashesPerBlock = ConstU32<16>;
			type SessionsPerEra = ConstU32<2>;
			type EraMillis = ConstU64<120_000>;
			type Election = ();
			type Economics = ();
			type WorkWindow = ConstU32<6>;
			type MaxCandidates = ConstU32<512>;
			type MaxInvulnerables = ConstU32<16>;
			type WeightInfo = ();
		}
	}

	/// Why the pallet holds money.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Stake: active, leaving, or slashed and not yet taken out.
		Stake,
	}

	/// The pools. Who has one is an operator.
	#[pallet::storage]
	pub type Ledgers<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, Ledger, OptionQuery>;

	/// What operators say of themselves. Kept apart from the ledger, which jobs read and write all the time.
	#[pallet::storage]
	pub type MetadataOf<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, Metadata, OptionQuery>;

	/// What each account has in each pool, by account and operator. An operator has a position in its own pool.
	#[pallet::storage]
	pub type Positions<T: Config> = StorageDoubleMap<
		_,
		Blake2_128Concat,
		T::AccountId,
		Blake2_128Concat,
		T::AccountId,
		PositionOf<T>,
		OptionQuery,
	>;

	/// Accounts with positions in other operators' pools.
	#[pallet::storage]
	pub type Delegators<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, Delegator, ValueQuery>;

	/// What left a pool in an era, by operator and era, until the last has withdrawn it or answers for it no more.
	#[pallet::storage]
	pub type Unbonding<T: Config> = StorageDoubleMap<
		_,
		Blake2_128Concat,
		T::AccountId,
		Twox64Concat,
		EraIndex,
		Bucket,
		OptionQuery,
	>;

	/// Sums over all pools and positions.
	#[pallet::storage]
	pub type Total<T: Config> = StorageValue<_, Totals, ValueQuery>;

	/// Slashes that are not yet applied or cancelled.
	#[pallet::storage]
	pub type Slashes<T: Config> =
		StorageMap<_, Twox64Concat, SlashId, PendingSlash<T::AccountId>, OptionQuery>;

	/// The pending slash of each offence.
	#[pallet::storage]
	pub type Offences<T: Config> = StorageMap<_, Blake2_128Concat, H256, SlashId, OptionQuery>;

	/// The order in which slashes are applied.
	#[pallet::storage]
	pub type Queue<T: Config> = StorageValue<_, SlashQueue, ValueQuery>;

	/// The current era.
	#[pallet::storage]
	pub type Era<T: Config> = StorageValue<_, EraState, ValueQuery>;

	/// First blocks of the last eras, oldest first; the last is that of the current one.
	#[pallet::storage]
	pub type EraStarts<T: Config> =
		StorageValue<_, BoundedVec<BlockNumber, T::MaxUnbonding>, ValueQuery>;

	/// Blocks that each collator authored in the current era.
	#[pallet::storage]
	pub type Points<T: Config> = StorageMap<_, Twox64Concat, T::AccountId, u32, ValueQuery>;

	/// Who was in the collator set in every session of the current era that is over.
	#[pallet::storage]
	pub type Watched<T: Config> =
		StorageValue<_, BoundedVec<T::AccountId, ConstU32<MAX_COLLATORS>>, ValueQuery>;

	/// Candidates, best score first.
	#[pallet::storage]
	pub type Candidates<T: Config> =
		StorageValue<_, BoundedVec<Candidate<T::AccountId>, T::MaxCandidates>, ValueQuery>;

	/// Sums of the last election, by which newcomers are scored.
	#[pallet::storage]
	pub type LastElection<T: Config> = StorageValue<_, ElectionTotals, ValueQuery>;

	/// Collators that have a seat without election.
	#[pallet::storage]
	pub type Invulnerables<T: Config> =
		StorageValue<_, BoundedVec<T::AccountId, T::MaxInvulnerables>, ValueQuery>;

	/// Which candidate an operator's work counts for, if not for itself.
	#[pallet::storage]
	pub type Backing<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, T::AccountId, OptionQuery>;

	/// Work that counts for each operator in elections.
	#[pallet::storage]
	pub type WorkRings<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, WorkRing<T::WorkWindow>, OptionQuery>;

	/// All work of the current era.
	#[pallet::storage]
	pub type EraWork<T: Config> = StorageValue<_, Work, ValueQuery>;

	/// Work of each operator by era, until it is claimed or forgotten.
	#[pallet::storage]
	pub type WorkOf<T: Config> = StorageDoubleMap<
		_,
		Twox64Concat,
		EraIndex,
		Blake2_128Concat,
		T::AccountId,
		Work,
		OptionQuery,
	>;

	/// What work earns, of each era that can be claimed.
	#[pallet::storage]
	pub type EraRewards<T: Config> = StorageMap<_, Twox64Concat, EraIndex, EraReward, OptionQuery>;

	/// The oldest era that is not yet forgotten.
	#[pallet::storage]
	pub type OldestEra<T: Config> = StorageValue<_, EraIndex, ValueQuery>;

	/// Operators and collators that exist from the start.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Accounts and their stake. Each account must have more than its stake as free balance.
		pub operators: Vec<(T::AccountId, Balance)>,
		/// Operators that stand for election.
		pub candidates: Vec<T::AccountId>,
		/// Collators that have a seat without election.
		pub invulnerables: Vec<T::AccountId>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			EraStarts::<T>::put(BoundedVec::truncate_from(alloc::vec![0]));
			for (who, stake) in &self.operators {
				Pallet::<T>::do_register(who, *stake, Perbill::zero(), Default::default()).expect(
					"a genesis operator is named once, stakes at least the minimum and owns more",
				);
			}
			let mut candidates = self.candidates.clone();
			candidates.sort();
			candidates.dedup();
			assert!(
				candidates.iter().all(Ledgers::<T>::contains_key),
				"a genesis candidate is an operator"
			);
			let candidates: Vec<_> =
				candidates.into_iter().map(|who| Candidate { who, score: 0 }).collect();
			Candidates::<T>::put(
				BoundedVec::try_from(candidates).expect("at most MaxCandidates at genesis"),
			);
			Invulnerables::<T>::put(
				BoundedVec::try_from(self.invulnerables.clone())
					.expect("at most MaxInvulnerables at genesis"),
			);
		}
	}

	/// What happened. Locking and unlocking of bonds is told by the events of the pallet that does it.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An account became an operator.
		OperatorRegistered {
			/// Who.
			operator: T::AccountId,
			/// Its stake.
			stake: Balance,
		},
		/// An operator added stake.
		Bonded {
			/// Who.
			operator: T::AccountId,
			/// How much.
			value: Balance,
		},
		/// An account delegated stake to an operator.
		Delegated {
			/// Who.
			delegator: T::AccountId,
			/// Whose pool.
			operator: T::AccountId,
			/// How much.
			value: Balance,
		},
		/// Stake began to leave.
		Unbonded {
			/// Whose.
			delegator: T::AccountId,
			/// Out of whose pool.
			operator: T::AccountId,
			/// How much.
			value: Balance,
			/// First era in which it can be withdrawn.
			due: EraIndex,
		},
		/// Stake was moved to another pool. It answers for older offences of the one that it left until `due`.
		Redelegated {
			/// Whose.
			delegator: T::AccountId,
			/// Whose pool it left.
			from: T::AccountId,
			/// Whose pool it is in.
			to: T::AccountId,
			/// How much.
			value: Balance,
			/// First era in which it answers for nothing there.
			due: EraIndex,
		},
		/// Stake that was moved from another pool owes more for a slash there than is left of it.
		Uncollectable {
			/// Whose.
			delegator: T::AccountId,
			/// In whose pool the stake was.
			operator: T::AccountId,
			/// What nobody pays: it is not burnt.
			value: Balance,
		},
		/// Stake is free again.
		Withdrawn {
			/// Whose.
			delegator: T::AccountId,
			/// Out of whose pool.
			operator: T::AccountId,
			/// How much.
			value: Balance,
		},
		/// A hold was brought in line with the worth of its position.
		Settled {
			/// Whose.
			delegator: T::AccountId,
			/// In whose pool.
			operator: T::AccountId,
			/// Rewards that were minted into the hold.
			minted: Balance,
			/// Slashes that were burnt out of the hold.
			burnt: Balance,
			/// What the position paid to who settled it.
			bounty: Balance,
		},
		/// An operator without any position in its pool was forgotten.
		OperatorRemoved {
			/// Who.
			operator: T::AccountId,
		},
		/// An operator changed its commission.
		CommissionSet {
			/// Who.
			operator: T::AccountId,
			/// The new commission.
			commission: Perbill,
		},
		/// An operator's work counts for a candidate from now on, or for itself.
		Backed {
			/// Who.
			operator: T::AccountId,
			/// Whom; `None` for itself.
			candidate: Option<T::AccountId>,
		},
		/// An operator stands for election.
		CandidateAdded {
			/// Who.
			who: T::AccountId,
			/// Its score, of 10^18.
			score: u128,
		},
		/// A candidate does not stand for election any more: it left, was replaced by a better one, or has too little
		/// own stake or no session keys.
		CandidateRemoved {
			/// Who.
			who: T::AccountId,
		},
		/// A collator authored no block in an era and does not stand for election any more.
		Chilled {
			/// Who.
			who: T::AccountId,
		},
		/// The invulnerable collators were named.
		InvulnerablesSet {
			/// How many.
			count: u32,
		},
		/// The collators of a coming session were elected.
		Elected {
			/// The session.
			session: u32,
			/// How many.
			count: u32,
		},
		/// An era is over.
		EraEnded {
			/// Its number.
			era: EraIndex,
			/// Supply before the mint.
			supply: Balance,
			/// Active stake.
			staked: Balance,
			/// What this era may mint.
			mint: Balance,
			/// What the collators' pools got of it.
			to_stake: Balance,
			/// What the treasury got of it.
			to_treasury: Balance,
			/// What can be claimed for work.
			for_work: Balance,
		},
		/// A pool was rewarded.
		Rewarded {
			/// Whose pool.
			operator: T::AccountId,
			/// How much.
			value: Balance,
			/// The operator's commission, a part of it.
			commission: Balance,
		},
		/// Work of an era was paid.
		Claimed {
			/// The era.
			era: EraIndex,
			/// Who worked.
			operator: T::AccountId,
			/// How much was minted.
			value: Balance,
		},
		/// Stake was taken for an offence. It is paid out and burnt at `due` unless it is cancelled before.
		SlashReported {
			/// Number of the slash.
			id: SlashId,
			/// Whose pool.
			operator: T::AccountId,
			/// How much.
			amount: Balance,
			/// Why.
			reason: OffenceReason,
			/// First block in which it is applied.
			due: BlockNumber,
		},
		/// A slash was applied.
		SlashApplied {
			/// Number of the slash.
			id: SlashId,
			/// Whose pool it was.
			operator: T::AccountId,
			/// What the harmed party got.
			paid: Balance,
			/// What was burnt.
			burnt: Balance,
		},
		/// A slash was cancelled, and given back to those from whom it was taken.
		SlashCancelled {
			/// Number of the slash.
			id: SlashId,
			/// Whose pool it is.
			operator: T::AccountId,
			/// How much.
			amount: Balance,
		},
	}

	/// Why a call fails.
	#[pallet::error]
	pub enum Error<T> {
		/// The account is an operator already: use `bond_extra`.
		AlreadyOperator,
		/// The account is no operator: use `register_operator`, or name one.
		NotOperator,
		/// The own active stake would be below `MinOperatorStake`. Stake more, or unbond all.
		StakeTooLow,
		/// The delegation would be below `MinDelegation`. Delegate more, or unbond all.
		DelegationTooLow,
		/// The value is zero.
		ZeroValue,
		/// Bonds need this stake. Wait until jobs unlock them, or add stake.
		InsufficientFree,
		/// The position has `MaxUnbonding` unbonding chunks. Withdraw those that are due first.
		TooManyUnbonding,
		/// No unbonding chunk is due yet.
		NothingToWithdraw,
		/// The rest of the pool would not cover the operator's bonds. Wait until jobs unlock them.
		BondsLocked,
		/// The account has nothing in this pool.
		NoPosition,
		/// The account has stakes in `MaxDelegations` pools. Leave one first.
		TooManyDelegations,
		/// This is the sender's own pool: use `bond_extra`, `unbond`.
		OwnPool,
		/// The stake is in this pool already.
		SamePool,
		/// The sender has redelegated in this era. Wait for the next one.
		MovedThisEra,
		/// Stake of this position came from another pool and answers for its older offences. Wait until it does not.
		StillLiable,
		/// Stake of `MAX_MOVES` redelegations answers for offences in other pools. Wait until one does not.
		TooManyMoves,
		/// The operator is leaving: its own stake is below `MinOperatorStake`. Choose another one.
		OperatorLeaving,
		/// Slashes left next to nothing in the pool, or one share costs too much for this value. Settle the positions
		/// in it, wait for the next era, or choose another operator.
		PoolEmptied,
		/// The commission may rise by one percentage point an era.
		CommissionTooHigh,
		/// The operator stands for election already.
		AlreadyCandidate,
		/// The operator does not stand for election.
		NotCandidate,
		/// A candidate needs an own stake of `min_self_stake`.
		SelfStakeTooLow,
		/// A candidate needs session keys: set them first.
		NoSessionKeys,
		/// All places are taken by candidates with a better score. Add stake or work.
		TooManyCandidates,
		/// There are more accounts than `MaxInvulnerables`, or one is named twice.
		BadInvulnerables,
		/// The era is not over yet.
		EraNotOver,
		/// The era is forgotten: work can be claimed for 84 eras.
		EraForgotten,
		/// The operator has nothing to claim for this era.
		NothingToClaim,
		/// There is no such pending slash: it was applied or cancelled.
		UnknownSlash,
		/// The slash is still deferred.
		NotDue,
		/// The offence was reported before, and its slash is pending.
		DuplicateOffence,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_poll(_now: BlockNumberFor<T>, meter: &mut WeightMeter) {
			Self::apply_due_slashes(meter);
			Self::forget_old_eras(meter);
		}

		fn integrity_test() {
			assert!(
				T::MinOperatorStake::get() >= T::Currency::minimum_balance()
					&& T::MinOperatorStake::get() > 0,
				"MinOperatorStake must be positive and at least the existential deposit"
			);
			assert!(T::MinDelegation::get() > 0, "MinDelegation must be positive");
			assert!(T::UnbondingEras::get() > 0, "UnbondingEras must be positive");
			assert!(
				T::MaxUnbonding::get() > T::UnbondingEras::get(),
				"MaxUnbonding must be more than UnbondingEras"
			);
			assert!(T::MaxSlashesPerBlock::get() > 0, "MaxSlashesPerBlock must be positive");
			assert!(T::SessionsPerEra::get() > 0, "SessionsPerEra must be positive");
			assert!(T::WorkWindow::get() > 0, "WorkWindow must be positive");
			assert!(
				T::MaxInvulnerables::get() <= MAX_COLLATORS,
				"MaxInvulnerables must be at most MAX_COLLATORS"
			);
			let one = T::WeightInfo::poll_base().saturating_add(T::WeightInfo::poll_apply());
			assert!(
				one.all_lte(T::BlockWeights::get().max_block),
				"a block must have room for one slash"
			);
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_now: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Makes the sender an operator.
		///
		/// Parameters: `stake`, at least `MinOperatorStake`, goes on hold; `commission` is what the operator takes of its
		/// delegators' rewards; `metadata` is a name or URL.
		///
		/// Emits `OperatorRegistered`.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::register_operator())]
		pub fn register_operator(
			origin: OriginFor<T>,
			#[pallet::compact] stake: Balance,
			commission: Perbill,
			metadata: Metadata,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_register(&who, stake, commission, metadata)
		}

		/// Adds own stake.
		///
		/// Parameters: `value` goes on hold; the own active stake must be at least `MinOperatorStake` afterwards.
		///
		/// Emits `Bonded`.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::bond_extra())]
		pub fn bond_extra(
			origin: OriginFor<T>,
			#[pallet::compact] value: Balance,
		) -> DispatchResult {
			let operator = ensure_signed(origin)?;
			Self::do_buy(&operator, &operator, value)?;
			Self::deposit_event(Event::Bonded { operator, value });
			Ok(())
		}

		/// Starts to take stake out of a pool. It can be withdrawn after `UnbondingEras`; until then an offence that
		/// began before is taken out of it too.
		///
		/// Parameters: `operator`, whose pool, the sender's own or another's; `value`, or all if the position is worth
		/// less. What stays must be nothing or at least the minimum. A fifth of the locked bonds must stay covered by the
		/// operator's own stake; delegators can always unbond.
		///
		/// Emits `Unbonded`.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::unbond())]
		pub fn unbond(
			origin: OriginFor<T>,
			operator: T::AccountId,
			#[pallet::compact] value: Balance,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_unbond(who, operator, value)
		}

		/// Frees the unbonded stake that is due. A position without anything is forgotten, and so is an operator without
		/// positions and pending slashes.
		///
		/// Parameters: `operator`, whose pool, the sender's own or another's.
		///
		/// Emits `Withdrawn` if something was due, and `OperatorRemoved` if nothing is left.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::withdraw())]
		pub fn withdraw(origin: OriginFor<T>, operator: T::AccountId) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_withdraw(who, operator)
		}

		/// Gives a pending slash back: to the operator what it lost alone, to stake that was leaving or had moved its part, and
		/// to the active stake of the pool the rest. Only for the admin origin. What was active then and is not any more gets
		/// nothing of it, and who has joined since gets a part.
		///
		/// Parameters: `id`, the number that `SlashReported` told.
		///
		/// Emits `SlashCancelled`.
		#[pallet::call_index(4)]
		// What is given back to each era is one item read and written, as when a slash is looked at.
		#[pallet::weight(T::WeightInfo::cancel_slash().saturating_add(
			T::WeightInfo::poll_skip().saturating_mul(MAX_SLASH_PARTS.into())
		))]
		pub fn cancel_slash(
			origin: OriginFor<T>,
			#[pallet::compact] id: SlashId,
		) -> DispatchResult {
			T::AdminOrigin::ensure_origin(origin)?;
			Self::return_slash(id)
		}

		/// Applies a slash whose deferral is over, if the chain did not come to it by itself. For anybody; free if
		/// it was due.
		///
		/// Parameters: `id`, the number that `SlashReported` told.
		///
		/// Emits `SlashApplied`.
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::apply_slash())]
		pub fn apply_slash(
			origin: OriginFor<T>,
			#[pallet::compact] id: SlashId,
		) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			let slash = Slashes::<T>::get(id).ok_or(Error::<T>::UnknownSlash)?;
			ensure!(slash.due <= Self::now(), Error::<T>::NotDue);
			Self::settle_slash(id, slash);
			Ok(Pays::No.into())
		}

		/// Lets the sender stand for election, or not any more.
		///
		/// Parameters: `stand`. A candidate needs session keys and an own stake of `min_self_stake`. If all places are
		/// taken, it takes that of the weakest candidate if its own score is better.
		///
		/// Emits `CandidateAdded` or `CandidateRemoved`, the latter also for who was replaced.
		#[pallet::call_index(6)]
		#[pallet::weight(T::WeightInfo::candidate())]
		pub fn candidate(origin: OriginFor<T>, stand: bool) -> DispatchResult {
			let who = ensure_signed(origin)?;
			if stand {
				Self::stand(who)
			} else {
				ensure!(Self::drop_candidate(&who), Error::<T>::NotCandidate);
				Self::deposit_event(Event::CandidateRemoved { who });
				Ok(())
			}
		}

		/// Lets the sender's work from now on count for a candidate.
		///
		/// Parameters: `candidate`, an operator, or `None` for the sender itself.
		///
		/// Emits `Backed`.
		#[pallet::call_index(7)]
		#[pallet::weight(T::WeightInfo::back())]
		pub fn back(origin: OriginFor<T>, candidate: Option<T::AccountId>) -> DispatchResult {
			let operator = ensure_signed(origin)?;
			Self::do_back(operator, candidate)
		}

		/// Changes the sender's commission.
		///
		/// Parameters: `commission`: it falls freely, and rises once an era, by one percentage point at most.
		///
		/// Emits `CommissionSet`.
		#[pallet::call_index(8)]
		#[pallet::weight(T::WeightInfo::set_commission())]
		pub fn set_commission(origin: OriginFor<T>, commission: Perbill) -> DispatchResult {
			let operator = ensure_signed(origin)?;
			Self::do_set_commission(operator, commission)
		}

		/// Delegates stake to an operator. It shares its rewards and its slashes.
		///
		/// Parameters: `operator`, whose pool; `value` goes on hold, and the position must be at least `MinDelegation`
		/// afterwards.
		///
		/// Emits `Delegated`.
		#[pallet::call_index(9)]
		#[pallet::weight(T::WeightInfo::delegate())]
		pub fn delegate(
			origin: OriginFor<T>,
			operator: T::AccountId,
			#[pallet::compact] value: Balance,
		) -> DispatchResult {
			let delegator = ensure_signed(origin)?;
			ensure!(delegator != operator, Error::<T>::OwnPool);
			Self::do_buy(&delegator, &operator, value)?;
			Self::deposit_event(Event::Delegated { delegator, operator, value });
			Ok(())
		}

		/// Moves delegated stake to another operator's pool without unbonding it. It counts and earns there at once, and
		/// answers for the offences of both: for older ones of the pool that it left until it could have been withdrawn.
		///
		/// Parameters: `from` and `to`, whose pools, neither the sender's own; `value`, or all if the position is worth
		/// less. Once an era. What stays must be nothing or at least `MinDelegation`, and enough for the bonds of `from`.
		/// Stake cannot be moved on while it answers for the pool that it came from.
		///
		/// Emits `Redelegated`.
		#[pallet::call_index(10)]
		#[pallet::weight(T::WeightInfo::redelegate())]
		pub fn redelegate(
			origin: OriginFor<T>,
			from: T::AccountId,
			to: T::AccountId,
			#[pallet::compact] value: Balance,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_redelegate(who, from, to, value)
		}

		/// Brings a hold in line with the worth of its position: mints rewards into it, burns slashes out of it. For
		/// anybody: a delegator's position from which somebody else collects a slash pays that account 1 % of it, out of
		/// the stake that is left and at most 1 % of that.
		///
		/// In a pool that slashes have emptied, the position's shares are sold to it, so that the pool can begin anew.
		///
		/// Parameters: `delegator` and `operator`, whose position in whose pool.
		///
		/// Emits `Settled`, and `OperatorRemoved` if nothing is left.
		#[pallet::call_index(11)]
		#[pallet::weight(T::WeightInfo::settle())]
		pub fn settle(
			origin: OriginFor<T>,
			delegator: T::AccountId,
			operator: T::AccountId,
		) -> DispatchResult {
			let caller = ensure_signed(origin)?;
			Self::do_settle(caller, delegator, operator)
		}

		/// Pays an operator for its work in an era that is over. For anybody.
		///
		/// Parameters: `era`, one of the last 84; `operator`, who worked.
		///
		/// Emits `Claimed`.
		#[pallet::call_index(12)]
		#[pallet::weight(T::WeightInfo::claim())]
		pub fn claim(
			origin: OriginFor<T>,
			#[pallet::compact] era: EraIndex,
			operator: T::AccountId,
		) -> DispatchResult {
			ensure_signed(origin)?;
			Self::do_claim(era, operator)
		}

		/// Names the collators that have a seat without election. Only for the admin origin.
		///
		/// Parameters: `accounts`, each once; those without session keys get no seat until they have some.
		///
		/// Emits `InvulnerablesSet`.
		#[pallet::call_index(13)]
		#[pallet::weight(T::WeightInfo::set_invulnerables())]
		pub fn set_invulnerables(
			origin: OriginFor<T>,
			accounts: Vec<T::AccountId>,
		) -> DispatchResult {
			T::AdminOrigin::ensure_origin(origin)?;
			let mut once = accounts.clone();
			once.sort();
			once.dedup();
			ensure!(once.len() == accounts.len(), Error::<T>::BadInvulnerables);
			let count = accounts.len().saturated_into();
			let accounts =
				BoundedVec::try_from(accounts).map_err(|_| Error::<T>::BadInvulnerables)?;
			Invulnerables::<T>::put(accounts);
			Self::deposit_event(Event::InvulnerablesSet { count });
			Ok(())
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// The collator set of this session.
		pub fn validators() -> Vec<ValidatorView<T::AccountId>> {
			Self::view_validators()
		}

		/// Stake, bonds, work of an operator; `None` for anybody else.
		pub fn operator(account: T::AccountId) -> Option<OperatorView> {
			Self::view_operator(account)
		}

		/// What an account has in each pool.
		pub fn position(delegator: T::AccountId) -> Vec<PositionView<T::AccountId>> {
			Self::view_position(delegator)
		}

		/// What staking yields.
		pub fn apy() -> ApyView {
			Self::view_apy()
		}

		/// The election as it would go now: each candidate with both halves of its score, best first.
		pub fn election_preview() -> Vec<ScoreView<T::AccountId>> {
			Self::view_election()
		}
	}
}

impl<T: Config> Pallet<T> {
	pub(crate) fn now() -> BlockNumber {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	fn do_register(
		who: &T::AccountId,
		stake: Balance,
		commission: Perbill,
		metadata: Metadata,
	) -> DispatchResult {
		ensure!(!Ledgers::<T>::contains_key(who), Error::<T>::AlreadyOperator);
		ensure!(stake >= T::MinOperatorStake::get(), Error::<T>::StakeTooLow);
		Ledgers::<T>::insert(who, Ledger { commission, ..Default::default() });
		Self::do_buy(who, who, stake)?;
		MetadataOf::<T>::insert(who, metadata);
		WorkRings::<T>::insert(who, WorkRing::default());
		Self::deposit_event(Event::OperatorRegistered { operator: who.clone(), stake });
		Ok(())
	}

	fn do_set_commission(operator: T::AccountId, commission: Perbill) -> DispatchResult {
		let mut ledger = Ledgers::<T>::get(&operator).ok_or(Error::<T>::NotOperator)?;
		if commission > ledger.commission {
			let era = Era::<T>::get().index.saturating_add(1);
			let most = Saturating::saturating_add(ledger.commission, Perbill::from_percent(1));
			ensure!(commission <= most && ledger.raised != era, Error::<T>::CommissionTooHigh);
			// One more than the era's number, as 0 stands for never.
			ledger.raised = era;
		}
		ledger.commission = commission;
		Ledgers::<T>::insert(&operator, ledger);
		Self::deposit_event(Event::CommissionSet { operator, commission });
		Ok(())
	}
}

impl<T: Config> Bonding<T::AccountId> for Pallet<T> {
	fn is_operator(who: &T::AccountId) -> bool {
		Ledgers::<T>::contains_key(who)
	}

	fn stake(operator: &T::AccountId) -> Balance {
		Ledgers::<T>::get(operator).map_or(0, |ledger| ledger.own_stake())
	}

	fn free(operator: &T::AccountId) -> Balance {
		Ledgers::<T>::get(operator).map_or(0, |ledger| ledger.free())
	}

	fn locked(operator: &T::AccountId) -> Balance {
		Ledgers::<T>::get(operator).map_or(0, |ledger| ledger.locked)
	}

	fn lock(operator: &T::AccountId, amount: Balance) -> DispatchResult {
		let mut ledger = Ledgers::<T>::get(operator).ok_or(Error::<T>::NotOperator)?;
		ensure!(amount <= ledger.free(), Error::<T>::InsufficientFree);
		ledger.locked = ledger.locked.saturating_add(amount);
		Ledgers::<T>::insert(operator, ledger);
		Ok(())
	}

	fn unlock(operator: &T::AccountId, amount: Balance) {
		Ledgers::<T>::mutate_extant(operator, |ledger| {
			ledger.locked = ledger.locked.saturating_sub(amount);
		});
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_operator(who: &T::AccountId, stake: Balance) {
		let stake = stake.max(T::MinOperatorStake::get());
		let missing = stake.saturating_sub(Self::stake(who));
		let funds = missing.saturating_add(T::Currency::minimum_balance().saturating_mul(2));
		T::Currency::mint_into(who, funds).expect("benchmarks can mint");
		if !Ledgers::<T>::contains_key(who) {
			Self::do_register(who, stake, Perbill::zero(), Default::default())
				.expect("funded above");
		} else if missing > 0 {
			Self::do_buy(who, who, missing).expect("funded above");
		}
	}
}

impl<T: Config> Slashing<T::AccountId> for Pallet<T> {
	fn report(offence: Offence<T::AccountId>) -> Result<Balance, DispatchError> {
		Self::defer_slash(offence)
	}
}
