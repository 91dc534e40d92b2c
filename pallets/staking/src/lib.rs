#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod slashing;
mod types;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
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
		tokens::Precision,
		EnsureOrigin, Get,
	},
	weights::WeightMeter,
	BoundedVec,
};
use io_primitives::{Balance, BlockNumber, Bonding, Offence, OffenceReason, Slashing};
use sp_core::{ConstU32, H256};
use sp_runtime::{traits::SaturatedConversion, DispatchError};

pub use pallet::*;
pub use types::{Ledger, OperatorView, PendingSlash, SlashId, SlashQueue, UnbondingChunk};
pub use weights::WeightInfo;

/// Most bytes of an operator's metadata.
pub const MAX_METADATA: u32 = 64;

/// What an operator says of itself: a name or a URL, UTF-8.
pub type Metadata = BoundedVec<u8, ConstU32<MAX_METADATA>>;
/// The ledger as the runtime bounds it.
pub type LedgerOf<T> = Ledger<<T as Config>::MaxUnbonding>;

#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use frame_support::pallet_prelude::*;
	use frame_system::pallet_prelude::*;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	/// See the crate's documentation.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What the pallet needs of the runtime.
	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The coin. Stake stays in its owner's account, on hold.
		type Currency: Inspect<Self::AccountId, Balance = Balance>
			+ Mutate<Self::AccountId>
			+ MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

		/// The runtime's hold reasons.
		type RuntimeHoldReason: From<HoldReason>;

		/// Who may cancel a slash.
		type AdminOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// The least stake of an operator, in the smallest unit.
		#[pallet::constant]
		type MinOperatorStake: Get<Balance>;

		/// Blocks from `unbond` to `withdraw`.
		#[pallet::constant]
		type UnbondingBlocks: Get<BlockNumber>;

		/// Blocks from an offence to the payment of its slash; until then it can be cancelled.
		#[pallet::constant]
		type SlashDefer: Get<BlockNumber>;

		/// Most unbonding chunks of one operator.
		#[pallet::constant]
		type MaxUnbonding: Get<u32>;

		/// Most slashes that are applied by themselves in one block.
		#[pallet::constant]
		type MaxSlashesPerBlock: Get<u32>;

		/// Benchmarked weights.
		type WeightInfo: WeightInfo;
	}

	/// Why the pallet holds money.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Stake of an operator: active, leaving, or slashed and not yet paid out.
		Stake,
	}

	/// Stake of the operators. Who has a ledger is an operator.
	#[pallet::storage]
	pub type Ledgers<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, LedgerOf<T>, OptionQuery>;

	/// What operators say of themselves. Kept apart from the ledger, which jobs read and write all the time.
	#[pallet::storage]
	pub type MetadataOf<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, Metadata, OptionQuery>;

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

	/// Operators that exist from the start.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Accounts and their stake. Each account must have more than its stake as free balance.
		pub operators: Vec<(T::AccountId, Balance)>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			for (who, stake) in &self.operators {
				Pallet::<T>::do_register(who, *stake, Default::default()).expect(
					"a genesis operator is named once, stakes at least the minimum and owns more",
				);
			}
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
		/// Stake began to leave.
		Unbonded {
			/// Whose.
			operator: T::AccountId,
			/// How much.
			value: Balance,
			/// First block in which it can be withdrawn.
			due: BlockNumber,
		},
		/// Stake is free again.
		Withdrawn {
			/// Whose.
			operator: T::AccountId,
			/// How much.
			value: Balance,
		},
		/// An operator without any stake left was forgotten.
		OperatorRemoved {
			/// Who.
			operator: T::AccountId,
		},
		/// Stake was taken for an offence. It is paid out and burnt at `due` unless it is cancelled before.
		SlashReported {
			/// Number of the slash.
			id: SlashId,
			/// Whose stake.
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
			/// Whose stake it was.
			operator: T::AccountId,
			/// What the harmed party got.
			paid: Balance,
			/// What was burnt.
			burnt: Balance,
		},
		/// A slash was cancelled; the operator has its stake back.
		SlashCancelled {
			/// Number of the slash.
			id: SlashId,
			/// Whose stake it is.
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
		/// The account is no operator: use `register_operator`.
		NotOperator,
		/// The active stake would be below `MinOperatorStake`. Stake more, or unbond all.
		StakeTooLow,
		/// The value is zero.
		ZeroValue,
		/// Less stake is free. Wait until jobs unlock their bonds, or add stake.
		InsufficientFree,
		/// There are `MaxUnbonding` chunks. Withdraw those that are due first.
		TooManyUnbonding,
		/// No unbonding chunk is due yet.
		NothingToWithdraw,
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
		}

		fn integrity_test() {
			assert!(
				T::MinOperatorStake::get() >= T::Currency::minimum_balance()
					&& T::MinOperatorStake::get() > 0,
				"MinOperatorStake must be positive and at least the existential deposit"
			);
			assert!(T::UnbondingBlocks::get() > 0, "UnbondingBlocks must be positive");
			assert!(T::MaxUnbonding::get() > 0, "MaxUnbonding must be positive");
			assert!(T::MaxSlashesPerBlock::get() > 0, "MaxSlashesPerBlock must be positive");
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
		/// Parameters: `stake`, at least `MinOperatorStake`, goes on hold; `metadata` is a name or URL.
		///
		/// Emits `OperatorRegistered`.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::register_operator())]
		pub fn register_operator(
			origin: OriginFor<T>,
			#[pallet::compact] stake: Balance,
			metadata: Metadata,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_register(&who, stake, metadata)
		}

		/// Adds stake.
		///
		/// Parameters: `value` goes on hold; the active stake must be at least `MinOperatorStake` afterwards.
		///
		/// Emits `Bonded`.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::bond_extra())]
		pub fn bond_extra(
			origin: OriginFor<T>,
			#[pallet::compact] value: Balance,
		) -> DispatchResult {
			let operator = ensure_signed(origin)?;
			ensure!(value > 0, Error::<T>::ZeroValue);
			let mut ledger = Ledgers::<T>::get(&operator).ok_or(Error::<T>::NotOperator)?;
			ledger.active = ledger.active.saturating_add(value);
			ensure!(ledger.active >= T::MinOperatorStake::get(), Error::<T>::StakeTooLow);
			T::Currency::hold(&HoldReason::Stake.into(), &operator, value)?;
			Ledgers::<T>::insert(&operator, ledger);
			Self::deposit_event(Event::Bonded { operator, value });
			Ok(())
		}

		/// Starts to take stake out. It can be withdrawn after `UnbondingBlocks` and can be slashed until then.
		///
		/// Parameters: `value`, at most what no job has locked; what stays must be nothing or at least
		/// `MinOperatorStake`.
		///
		/// Emits `Unbonded`.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::unbond())]
		pub fn unbond(origin: OriginFor<T>, #[pallet::compact] value: Balance) -> DispatchResult {
			let operator = ensure_signed(origin)?;
			ensure!(value > 0, Error::<T>::ZeroValue);
			let mut ledger = Ledgers::<T>::get(&operator).ok_or(Error::<T>::NotOperator)?;
			ensure!(value <= ledger.free(), Error::<T>::InsufficientFree);
			let rest = ledger.active.saturating_sub(value);
			ensure!(rest == 0 || rest >= T::MinOperatorStake::get(), Error::<T>::StakeTooLow);
			let due = Self::now().saturating_add(T::UnbondingBlocks::get());
			ensure!(ledger.start_unbonding(value, due), Error::<T>::TooManyUnbonding);
			Ledgers::<T>::insert(&operator, ledger);
			Self::deposit_event(Event::Unbonded { operator, value, due });
			Ok(())
		}

		/// Frees the unbonded stake that is due. An operator without any stake and without pending slashes is
		/// forgotten.
		///
		/// Emits `Withdrawn` if something was due, and `OperatorRemoved` if nothing is left.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::withdraw())]
		pub fn withdraw(origin: OriginFor<T>) -> DispatchResult {
			let operator = ensure_signed(origin)?;
			let mut ledger = Ledgers::<T>::get(&operator).ok_or(Error::<T>::NotOperator)?;
			let value = ledger.take_due(Self::now());
			let gone = ledger.is_empty();
			ensure!(value > 0 || gone, Error::<T>::NothingToWithdraw);
			if value > 0 {
				T::Currency::release(
					&HoldReason::Stake.into(),
					&operator,
					value,
					Precision::Exact,
				)?;
				Self::deposit_event(Event::Withdrawn { operator: operator.clone(), value });
			}
			if gone {
				Ledgers::<T>::remove(&operator);
				MetadataOf::<T>::remove(&operator);
				Self::deposit_event(Event::OperatorRemoved { operator });
			} else {
				Ledgers::<T>::insert(&operator, ledger);
			}
			Ok(())
		}

		/// Gives a pending slash back to its operator's active stake. Only for the admin origin.
		///
		/// Parameters: `id`, the number that `SlashReported` told.
		///
		/// Emits `SlashCancelled`.
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::cancel_slash())]
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
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// Stake, bonds and unbonding of an operator; `None` for anybody else.
		pub fn operator(account: T::AccountId) -> Option<OperatorView> {
			let ledger = Ledgers::<T>::get(&account)?;
			Some(OperatorView {
				active: ledger.active,
				locked: ledger.locked,
				free: ledger.free(),
				pending: ledger.pending,
				unbonding: ledger.unbonding.into_inner(),
				metadata: MetadataOf::<T>::get(&account).unwrap_or_default().into_inner(),
			})
		}
	}
}

impl<T: Config> Pallet<T> {
	pub(crate) fn now() -> BlockNumber {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	fn do_register(who: &T::AccountId, stake: Balance, metadata: Metadata) -> DispatchResult {
		ensure!(!Ledgers::<T>::contains_key(who), Error::<T>::AlreadyOperator);
		ensure!(stake >= T::MinOperatorStake::get(), Error::<T>::StakeTooLow);
		T::Currency::hold(&HoldReason::Stake.into(), who, stake)?;
		Ledgers::<T>::insert(who, LedgerOf::<T> { active: stake, ..Default::default() });
		MetadataOf::<T>::insert(who, metadata);
		Self::deposit_event(Event::OperatorRegistered { operator: who.clone(), stake });
		Ok(())
	}
}

#[cfg(any(test, feature = "try-runtime"))]
impl<T: Config> Pallet<T> {
	/// Checks the invariants that the crate's documentation lists.
	pub(crate) fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
		use frame_support::traits::fungible::InspectHold;

		let mut pending = alloc::collections::BTreeMap::<T::AccountId, Balance>::new();
		let queue = Queue::<T>::get();
		let mut slashes = 0;
		for (id, slash) in Slashes::<T>::iter() {
			slashes += 1;
			ensure!(slash.amount > 0, "a pending slash is empty");
			ensure!((queue.first..queue.next).contains(&id), "a slash is not in the queue");
			ensure!(
				Offences::<T>::get(slash.offence) == Some(id),
				"an offence does not point to its slash"
			);
			ensure!(Ledgers::<T>::contains_key(&slash.operator), "a slash outlived its ledger");
			*pending.entry(slash.operator).or_default() += slash.amount;
		}
		ensure!(Offences::<T>::iter().count() == slashes, "an offence has no slash");

		let mut operators = 0;
		for (operator, ledger) in Ledgers::<T>::iter() {
			operators += 1;
			ensure!(ledger.locked <= ledger.active, "more is locked than there is");
			ensure!(ledger.unbonding.iter().all(|chunk| chunk.value > 0), "an empty chunk");
			ensure!(
				ledger.pending == pending.remove(&operator).unwrap_or_default(),
				"pending slashes do not add up"
			);
			ensure!(
				T::Currency::balance_on_hold(&HoldReason::Stake.into(), &operator) == ledger.held(),
				"the hold is not active + unbonding + pending"
			);
			ensure!(MetadataOf::<T>::contains_key(&operator), "an operator has no metadata");
		}
		ensure!(MetadataOf::<T>::iter().count() == operators, "metadata without operator");
		Ok(())
	}
}

impl<T: Config> Bonding<T::AccountId> for Pallet<T> {
	fn is_operator(who: &T::AccountId) -> bool {
		Ledgers::<T>::contains_key(who)
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
		let active = Ledgers::<T>::get(who).map_or(0, |ledger| ledger.active);
		let missing = stake.saturating_sub(active);
		let funds = missing.saturating_add(T::Currency::minimum_balance().saturating_mul(2));
		T::Currency::mint_into(who, funds).expect("benchmarks can mint");
		let origin = frame_system::RawOrigin::Signed(who.clone()).into();
		if !Ledgers::<T>::contains_key(who) {
			Pallet::<T>::do_register(who, stake, Default::default()).expect("funded above");
		} else if missing > 0 {
			Pallet::<T>::bond_extra(origin, missing).expect("funded above");
		}
	}
}

impl<T: Config> Slashing<T::AccountId> for Pallet<T> {
	fn report(offence: Offence<T::AccountId>) -> Result<Balance, DispatchError> {
		Self::defer_slash(offence)
	}
}
