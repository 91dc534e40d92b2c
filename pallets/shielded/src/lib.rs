#![doc = include_str!("../README.md")]
//! ## Example
//!
//! A private transfer, as a test does it:
#![doc = docify::embed!("src/tests/spend.rs", should_hide_who_pays_whom_when_a_bundle_is_spent)]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod admission;
mod authorize;
mod brakes;
mod calls;
mod ledger;
mod money;
pub mod types;
mod view;
#[cfg(any(test, feature = "runtime-benchmarks"))]
mod wallet;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(any(test, feature = "try-runtime"))]
mod invariants;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;

use alloc::{boxed::Box, vec::Vec};
use frame_support::{
	traits::{
		fungible::{Balanced, Credit, Inspect, Mutate, MutateHold},
		EnsureOrigin, Get, OnUnbalanced,
	},
	weights::{Weight, WeightMeter},
	BoundedVec, PalletId,
};
use frame_system::offchain::CreateAuthorizedTransaction;
use io_primitives::{
	shielded::{Pause, PauseScope, PoolStatus},
	Balance, BlockNumber, JobSpec, JobSubmission,
};
use io_shielded::{Bundle, Coin, MintNote, OutputNote, RingSize, Target};
use sp_runtime::{
	traits::{Convert, SaturatedConversion},
	Perbill,
};

pub use admission::Shape;
pub use ledger::Counts;
pub use pallet::*;
pub use types::{Outflow, Terms, UNIT};
pub use weights::WeightInfo;

/// Target of the pallet's log lines.
pub(crate) const LOG_TARGET: &str = "runtime::io-shielded";

/// Coins in one item of the storage.
pub const CHUNK: u32 = 64;
/// Most coins in one answer of the runtime API.
pub const MAX_COINS: u32 = 4_096;
/// Blocks after which a coin may be in rings: what a re-organisation undoes should not be there.
pub const MATURITY: BlockNumber = 10;
/// A bundle counts for this many blocks after the one that it names.
pub const MAX_ERA: BlockNumber = 256;
/// Blocks for which an unsigned bundle stays in the pool of transactions.
pub const LONGEVITY: u64 = 16;
/// Part of a block's time that unsigned bundles may take.
pub const BLOCK_SHARE: Perbill = Perbill::from_percent(50);

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
	///
	/// The runtime's transaction extensions must contain [`frame_system::AuthorizeCall`], and its `BlockHashCount` must be
	/// more than [`MAX_ERA`].
	#[pallet::config]
	pub trait Config:
		frame_system::Config<
			RuntimeEvent: From<Event<Self>>,
			AccountId: From<[u8; 32]>,
			Hash = sp_core::H256,
		> + CreateAuthorizedTransaction<Call<Self>>
	{
		/// The coin. The pool's money is on hold in its account.
		type Currency: Inspect<Self::AccountId, Balance = Balance>
			+ Mutate<Self::AccountId>
			+ MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>
			+ Balanced<Self::AccountId>;

		/// The runtime's hold reasons.
		type RuntimeHoldReason: From<HoldReason>;

		/// Takes jobs that are paid out of the pool.
		type Jobs: JobSubmission<Self::AccountId>;

		/// Who may pause the pool.
		type AdminOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// Takes the fees of unsigned bundles.
		type FeeHandler: OnUnbalanced<Credit<Self::AccountId, Self::Currency>>;

		/// What a signed transaction of these bytes and this weight costs now.
		type TransactionFee: Convert<(u32, Weight), Balance>;

		/// Limits of the pool.
		type Terms: Get<Terms>;

		/// Number of this parachain.
		type ParaId: Get<u32>;

		/// Names the pool's account.
		#[pallet::constant]
		type PalletId: Get<PalletId>;

		/// Blocks in which the limit of a day's outflow drains.
		#[pallet::constant]
		type BlocksPerDay: Get<BlockNumber>;

		/// Longest pause, in blocks.
		#[pallet::constant]
		type MaxPause: Get<BlockNumber>;

		/// Benchmarked weights.
		type WeightInfo: WeightInfo;

		/// Places of a ring. Never changes: windows of the pool are half a ring apart.
		const RING: RingSize;
	}

	/// Why the pallet holds money.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// What the coins of the pool are worth, in the pool's account.
		Pool,
	}

	/// The coins, [`CHUNK`] of them in each item.
	#[pallet::storage]
	pub type Chunks<T: Config> =
		StorageMap<_, Twox64Concat, u32, BoundedVec<Coin, ConstU32<CHUNK>>, ValueQuery>;

	/// How many coins there are.
	#[pallet::storage]
	pub type Count<T: Config> = StorageValue<_, u64, ValueQuery>;

	/// How many coins there were at the ends of the last blocks that made some.
	#[pallet::storage]
	pub type History<T: Config> = StorageValue<_, Counts, ValueQuery>;

	/// One-time keys of all coins: none comes twice.
	#[pallet::storage]
	pub type Keys<T: Config> = StorageMap<_, Blake2_128Concat, [u8; 32], (), OptionQuery>;

	/// Tags of all spent coins: none comes twice.
	#[pallet::storage]
	pub type Tags<T: Config> = StorageMap<_, Blake2_128Concat, [u8; 32], (), OptionQuery>;

	/// What all unspent coins are worth together.
	#[pallet::storage]
	pub type ShieldedSupply<T: Config> = StorageValue<_, Balance, ValueQuery>;

	/// What has left the pool lately.
	#[pallet::storage]
	pub type Outflows<T: Config> = StorageValue<_, Outflow, ValueQuery>;

	/// The last pause. It may be over.
	#[pallet::storage]
	pub type Paused<T: Config> = StorageValue<_, Pause, OptionQuery>;

	/// Time of this block that unsigned bundles have taken. Empty between blocks.
	#[pallet::storage]
	#[pallet::whitelist_storage]
	pub type BlockTime<T: Config> = StorageValue<_, u64, ValueQuery>;

	/// The pool's account exists from the start.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Nothing; it ties the type to the runtime.
		#[serde(skip)]
		pub _config: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			T::Currency::mint_into(&Pallet::<T>::account(), T::Currency::minimum_balance())
				.expect("an account can hold the existential deposit");
		}
	}

	/// What happened. Nothing here tells more than the call did that caused it.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// Money came into the pool.
		Shielded {
			/// Who paid.
			who: T::AccountId,
			/// How much, in base units.
			value: Balance,
			/// Number of the new coin.
			coin: u64,
			/// For whom; only the receiver understands it.
			note: MintNote,
		},
		/// Coins were spent.
		Spent {
			/// Their tags: of which coins, nobody can tell.
			tags: Vec<[u8; 32]>,
			/// Number of the first new coin.
			first: u64,
			/// The new coins, with what only their receivers understand.
			outputs: Vec<OutputNote>,
			/// What left the pool as a fee, in base units.
			fee: Balance,
			/// Who was paid in the open.
			target: Target,
		},
		/// The pool was paused.
		Paused {
			/// What is stopped.
			scope: PauseScope,
			/// First block in which it no longer is.
			until: BlockNumber,
		},
		/// A pause was ended early.
		Resumed,
		/// The pool does not hold what its coins are worth. It was paused.
		TurnstileBroken {
			/// What it holds.
			held: Balance,
			/// What the coins are worth.
			supply: Balance,
		},
	}

	/// Why a call fails. The pool of transactions refuses an unsigned bundle as `Custom(index of the error)`.
	#[pallet::error]
	pub enum Error<T> {
		/// A bundle has 1, 2 or 4 inputs and 2 or 4 outputs, and proofs of the lengths that go with them.
		BadShape,
		/// The public amount or the minted one is 0, or with the fee more than 64 bits hold.
		BadAmount,
		/// The fee has more than two significant digits: round it up.
		BadFee,
		/// A window has no such length, or not all of its coins are ten blocks old.
		BadWindow,
		/// The inputs are in more than two windows.
		TooManyWindows,
		/// Two inputs have the same tag: a coin would be spent twice.
		DuplicateTag,
		/// Two outputs have the same one-time key.
		DuplicateKey,
		/// A point is the identity or not in its canonical encoding.
		BadPoint,
		/// A scalar is not reduced.
		BadScalar,
		/// The coins of a window are missing or wrong.
		BadRing,
		/// Inputs are not worth as much as outputs, fee and public amount.
		Unbalanced,
		/// It is not shown that the amounts of the outputs are in range.
		BadRangeProof,
		/// It is not shown that each input spends a coin of its ring. Was the bundle made for this chain and fork?
		BadRingProof,
		/// The fee is less than what a signed transaction of that size would cost. See `minimum_fee`.
		FeeTooLow,
		/// A coin of the bundle was spent before.
		TagSpent,
		/// There is a coin with that one-time key: make the output anew.
		KeyExists,
		/// The block that the bundle names is none of the last 256: make the bundle anew.
		UnknownEra,
		/// The stamp does not show enough zero bits.
		BadStamp,
		/// The bundle's `fee_to` is not who sent it: it comes unsigned if that is nobody.
		NotRelayer,
		/// Unsigned bundles are not taken at the moment: somebody has to relay them.
		UnsignedClosed,
		/// The pool is paused. Each pause ends by itself.
		Paused,
		/// The value must be a positive multiple of 1,000,000 base units.
		BadValue,
		/// Less can be shielded at once. See `status`.
		AboveMaxShield,
		/// The pool would be worth more than its cap.
		PoolFull,
		/// More would leave the pool than may today. Try a smaller amount, or tomorrow.
		OutflowExceeded,
		/// More would leave the pool than ever came in. Please report this: it should be impossible.
		Turnstile,
		/// Who is to be paid cannot be: a new account needs the existential deposit, the pool does not pay itself, and a job
		/// must keep the rules of the job market.
		BadTarget,
		/// A bundle that pays for a job must come with exactly that job, any other without one.
		WrongJob,
		/// The amount does not cover price, fee and deposits of the job, and an existential deposit for its owner.
		JobUnderpaid,
		/// A pause lasts 1 to `MaxPause` blocks.
		BadPause,
		/// There is no pause to end.
		NotPaused,
	}

	impl<T> From<io_shielded::Error> for Error<T> {
		fn from(error: io_shielded::Error) -> Self {
			use io_shielded::Error as E;
			match error {
				// What does not decode does not become a call either.
				E::BadEncoding | E::BadShape => Error::BadShape,
				E::BadAmount => Error::BadAmount,
				E::BadFee => Error::BadFee,
				E::BadWindow => Error::BadWindow,
				E::TooManyWindows => Error::TooManyWindows,
				E::DuplicateTag => Error::DuplicateTag,
				E::DuplicateKey => Error::DuplicateKey,
				E::BadPoint => Error::BadPoint,
				E::BadScalar => Error::BadScalar,
				E::BadRing => Error::BadRing,
				E::Unbalanced => Error::Unbalanced,
				E::BadRangeProof => Error::BadRangeProof,
				E::BadRingProof => Error::BadRingProof,
			}
		}
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(_: BlockNumberFor<T>) -> Weight {
			// For `on_finalize`.
			T::DbWeight::get().writes(1)
		}

		fn on_finalize(_: BlockNumberFor<T>) {
			BlockTime::<T>::kill();
		}

		fn on_idle(_: BlockNumberFor<T>, limit: Weight) -> Weight {
			let mut meter = WeightMeter::with_limit(limit);
			Self::check_turnstile(&mut meter);
			meter.consumed()
		}

		fn integrity_test() {
			Self::check_constants();
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_now: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Puts money into the pool, for whoever the note is made for.
		///
		/// Parameters: `value`, in base units, a multiple of 1,000,000; `note`, made for that value and the sender.
		///
		/// Emits `Shielded`.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::shield())]
		pub fn shield(
			origin: OriginFor<T>,
			#[pallet::compact] value: Balance,
			note: MintNote,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_shield(who, value, note)
		}

		/// Spends coins of the pool. Nobody signs, the fee comes out of the pool.
		///
		/// Parameters: `bundle`, without `fee_to`; `job`, what its target pays for, if it is a job; `stamp`, work over the
		/// bundle.
		///
		/// Emits `Spent`.
		///
		/// Weight: by the numbers of inputs, windows and outputs, and the size of the job.
		#[pallet::call_index(1)]
		#[pallet::weight((Pallet::<T>::spend_weight(Shape::of(bundle), job.as_deref()), Pays::No))]
		#[pallet::weight_of_authorize(Pallet::<T>::authorize_weight(Shape::of(bundle), job.as_deref()))]
		#[pallet::authorize(|source, bundle, job, stamp| Pallet::<T>::authorize_spend(source, bundle, job, *stamp))]
		pub fn spend(
			origin: OriginFor<T>,
			bundle: Box<Bundle>,
			job: Option<Box<JobSpec>>,
			stamp: u64,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_spend(*bundle, job, stamp)
		}

		/// Spends coins of somebody else, who pays the sender for it out of the pool.
		///
		/// Parameters: `bundle`, whose `fee_to` names the sender; `job` as in `spend`.
		///
		/// Emits `Spent`.
		///
		/// Weight: by the numbers of inputs, windows and outputs, and the size of the job.
		#[pallet::call_index(2)]
		#[pallet::weight(Pallet::<T>::relay_weight(Shape::of(bundle), job.as_deref()))]
		pub fn relay(
			origin: OriginFor<T>,
			bundle: Box<Bundle>,
			job: Option<Box<JobSpec>>,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_relay(who, *bundle, job)
		}

		/// Pauses the pool. Only for the admin origin.
		///
		/// Parameters: `scope`, what to stop; `blocks`, for how long, at most `MaxPause`, counted anew from now.
		///
		/// Emits `Paused`.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::pause())]
		pub fn pause(
			origin: OriginFor<T>,
			scope: PauseScope,
			blocks: BlockNumber,
		) -> DispatchResult {
			T::AdminOrigin::ensure_origin(origin)?;
			Self::do_pause(scope, blocks)
		}

		/// Ends a pause early. Only for the admin origin.
		///
		/// Emits `Resumed`.
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::resume())]
		pub fn resume(origin: OriginFor<T>) -> DispatchResult {
			T::AdminOrigin::ensure_origin(origin)?;
			Self::do_resume()
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// How the pool stands.
		pub fn status() -> PoolStatus {
			Self::pool_status()
		}

		/// The least fee of an unsigned bundle with that many inputs, different windows and outputs, in units of 1,000,000
		/// base units.
		pub fn minimum_fee(inputs: u32, windows: u32, outputs: u32, job: Option<JobSpec>) -> u64 {
			Self::minimum_fee_of(Shape { inputs, windows, outputs }, job.as_ref())
		}

		/// What a bundle must pay for a job at least, in units of 1,000,000 base units; or the rule that the job breaks.
		pub fn job_amount(spec: JobSpec) -> Result<u64, DispatchError> {
			Self::least_job_amount(&spec)
		}
	}
}

impl<T: Config> Pallet<T> {
	pub(crate) fn now() -> BlockNumber {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	/// Panics if the runtime's constants cannot work.
	fn check_constants() {
		assert!(T::BlocksPerDay::get() > 0, "BlocksPerDay must be positive");
		assert!(T::MaxPause::get() > 0, "MaxPause must be positive");
		let hashes: BlockNumber = T::BlockHashCount::get().saturated_into();
		assert!(hashes > MAX_ERA, "BlockHashCount must be more than MAX_ERA");
		let dearest = Shape { inputs: 4, windows: 2, outputs: 4 };
		assert!(
			Self::spend_weight(dearest, None).ref_time() <= Self::block_share(),
			"a block must have room for the dearest bundle"
		);
	}
}
