#![doc = include_str!("../README.md")]
//! ## Example
//!
//! A relay is paid for what a worker has signed, as a test does it:
#![doc = docify::embed!("src/tests/claims.rs", should_pay_the_relay_to_the_unit_when_a_worker_has_signed)]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod budgets;
mod claims;
mod endpoints;
mod epochs;
mod liveness;
mod relays;
pub mod types;
mod view;
pub mod weights;

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
	traits::{
		fungible::{Inspect, Mutate, MutateHold},
		EnsureOrigin, Get,
	},
	weights::{Weight, WeightMeter},
	BoundedVec,
};
use frame_system::offchain::CreateAuthorizedTransaction;
use io_primitives::{
	mesh::{
		Budget, EndpointKey, EndpointView, EpochIndex, Party, ProfileError, RelayMap, RelayProfile,
		RelayView, Report, SignedReceipt, MAX_CLAIM, MAX_ENDPOINTS,
	},
	Balance, BlockNumber, WorkerKey, WorkerRegistry,
};
use sp_core::{ed25519, sr25519, H256};
use sp_runtime::{traits::SaturatedConversion, transaction_validity::TransactionPriority};

pub use pallet::*;
pub use types::{Endpoint, Liveness, Relay, Terms, MAX_PRICES};
pub use view::PAGE;
pub use weights::WeightInfo;

/// Receipts of one claim.
pub type Receipts = BoundedVec<SignedReceipt, sp_core::ConstU32<MAX_CLAIM>>;

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
	/// The runtime's transaction extensions must contain [`frame_system::AuthorizeCall`].
	#[pallet::config]
	pub trait Config:
		frame_system::Config<RuntimeEvent: From<Event<Self>>, Hash = H256>
		+ CreateAuthorizedTransaction<Call<Self>>
	{
		/// The coin. All money stays in its owner's account, on hold.
		type Currency: Inspect<Self::AccountId, Balance = Balance>
			+ Mutate<Self::AccountId>
			+ MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

		/// The runtime's hold reasons.
		type RuntimeHoldReason: From<HoldReason>;

		/// The registered workers.
		type Workers: WorkerRegistry<Self::AccountId>;

		/// Who slashes relays.
		type AdminOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// Account that gets what is slashed.
		type Treasury: Get<Self::AccountId>;

		/// What relays must bond, and when they count as dead. May change at any time.
		type Terms: Get<Terms>;

		/// Deposit for an endpoint.
		type EndpointDeposit: Get<Balance>;

		/// Least amount by which a budget is made or raised.
		type MinBudget: Get<Balance>;

		/// Blocks of an epoch, if the genesis does not say otherwise.
		#[pallet::constant]
		type DefaultEpochBlocks: Get<BlockNumber>;

		/// Most relays.
		#[pallet::constant]
		type MaxRelays: Get<u32>;

		/// Priority of reports in the pool.
		#[pallet::constant]
		type UnsignedPriority: Get<TransactionPriority>;

		/// Benchmarked weights.
		type WeightInfo: WeightInfo;
	}

	/// Why the pallet holds money.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// An operator's bond for its relay.
		RelayBond,
		/// The deposit for an endpoint.
		EndpointDeposit,
		/// What an operator has set aside to pay its workers' receipts.
		RelayBudget,
	}

	/// Blocks of an epoch: set at genesis, never changed, since epochs are counted from the first block.
	#[pallet::storage]
	pub type EpochBlocks<T: Config> =
		StorageValue<_, BlockNumber, ValueQuery, T::DefaultEpochBlocks>;

	/// The relays, by the key of their own endpoints.
	#[pallet::storage]
	pub type Relays<T: Config> =
		CountedStorageMap<_, Blake2_128Concat, EndpointKey, Relay<T::AccountId>, OptionQuery>;

	/// What workers have reported about live relays.
	#[pallet::storage]
	pub type Reported<T: Config> =
		StorageMap<_, Blake2_128Concat, EndpointKey, Liveness, ValueQuery>;

	/// Whom endpoints stand for.
	#[pallet::storage]
	pub type Endpoints<T: Config> =
		StorageMap<_, Blake2_128Concat, EndpointKey, Endpoint<T::AccountId>, OptionQuery>;

	/// The endpoints of each worker and account.
	#[pallet::storage]
	pub type EndpointsOf<T: Config> = StorageMap<
		_,
		Blake2_128Concat,
		Party<T::AccountId>,
		BoundedVec<EndpointKey, ConstU32<MAX_ENDPOINTS>>,
		ValueQuery,
	>;

	/// What there is to pay each worker's receipts with.
	#[pallet::storage]
	pub type Budgets<T: Config> =
		StorageMap<_, Blake2_128Concat, WorkerKey, Budget<T::AccountId>, OptionQuery>;

	/// What was paid to relays: by epoch, then by worker and relay.
	#[pallet::storage]
	pub type PaidOut<T: Config> = StorageDoubleMap<
		_,
		Twox64Concat,
		EpochIndex,
		Blake2_128Concat,
		(WorkerKey, EndpointKey),
		Balance,
		ValueQuery,
	>;

	/// Workers that have reported in an epoch.
	#[pallet::storage]
	pub type Reporters<T: Config> =
		StorageDoubleMap<_, Twox64Concat, EpochIndex, Blake2_128Concat, WorkerKey, (), OptionQuery>;

	/// The first epoch of which [`PaidOut`] or [`Reporters`] may have entries.
	#[pallet::storage]
	pub type OldestEpoch<T: Config> = StorageValue<_, EpochIndex, ValueQuery>;

	/// What a new chain begins with.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// See [`EpochBlocks`].
		pub epoch_blocks: Option<BlockNumber>,
		/// Nothing; it ties the type to the runtime.
		#[serde(skip)]
		pub _config: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			if let Some(blocks) = self.epoch_blocks {
				assert!(blocks > 0, "an epoch has blocks");
				EpochBlocks::<T>::put(blocks);
			}
		}
	}

	/// What happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A relay is on the map.
		RelayRegistered {
			/// Key of its endpoint.
			relay: EndpointKey,
			/// Who answers for it.
			operator: T::AccountId,
			/// What was put on hold.
			bond: Balance,
		},
		/// A relay has another profile.
		RelayUpdated {
			/// Key of its endpoint.
			relay: EndpointKey,
		},
		/// A relay was withdrawn.
		RelayLeaving {
			/// Key of its endpoint.
			relay: EndpointKey,
			/// From this epoch on the bond can be released.
			until: EpochIndex,
		},
		/// A relay is gone, and its bond free.
		RelayReleased {
			/// Key of its endpoint.
			relay: EndpointKey,
			/// Who has the bond back.
			operator: T::AccountId,
			/// How much.
			bond: Balance,
		},
		/// A relay was taken off the map, because it was reported dead or slashed.
		RelayChilled {
			/// Key of its endpoint.
			relay: EndpointKey,
			/// From this epoch on its operator can wake it.
			until: EpochIndex,
		},
		/// A relay is back on the map.
		RelayWoken {
			/// Key of its endpoint.
			relay: EndpointKey,
		},
		/// A part of a relay's bond was taken.
		RelaySlashed {
			/// Key of its endpoint.
			relay: EndpointKey,
			/// How much.
			amount: Balance,
		},
		/// An endpoint stands for somebody.
		EndpointRegistered {
			/// Its key.
			endpoint: EndpointKey,
			/// Who registered it.
			account: T::AccountId,
			/// The worker that it stands for, or else the account.
			worker: Option<WorkerKey>,
		},
		/// An endpoint stands for nobody any more.
		EndpointRemoved {
			/// Its key.
			endpoint: EndpointKey,
		},
		/// There is money to pay a worker's receipts.
		BudgetFunded {
			/// The worker.
			worker: WorkerKey,
			/// Who pays.
			payer: T::AccountId,
			/// How much was added.
			amount: Balance,
		},
		/// A payer wants the rest of a budget back.
		BudgetClosing {
			/// The worker.
			worker: WorkerKey,
			/// From this epoch on it can be had.
			closes: EpochIndex,
		},
		/// The rest of a budget is free.
		BudgetReleased {
			/// The worker.
			worker: WorkerKey,
			/// Who has it back.
			payer: T::AccountId,
			/// How much.
			amount: Balance,
		},
		/// A relay was paid.
		RelayPaid {
			/// Key of its endpoint.
			relay: EndpointKey,
			/// Who was paid.
			operator: T::AccountId,
			/// The worker that signed.
			worker: WorkerKey,
			/// The epoch in which the relay carried the worker's bytes.
			epoch: EpochIndex,
			/// How much more was paid.
			amount: Balance,
		},
		/// A worker has reported which relays are alive.
		RelaysReported {
			/// The worker.
			worker: WorkerKey,
			/// The epoch.
			epoch: EpochIndex,
		},
	}

	/// Why a call fails. A report that fails is refused by the pool already, as `Custom(index of the error)`.
	#[pallet::error]
	pub enum Error<T> {
		/// The URL must be `https://`, a host in small letters, perhaps a port.
		BadUrl,
		/// Ports begin at 1.
		BadPort,
		/// The region must be two capital letters.
		BadRegion,
		/// A relay that can carry nothing.
		BadCapacity,
		/// The price is above what 64 bits hold.
		BadPrice,
		/// The signature of the endpoint's key does not fit the account and this chain.
		BadProof,
		/// The endpoint is registered, as a relay's or as somebody else's.
		EndpointTaken,
		/// There are as many relays as there can be.
		TooManyRelays,
		/// There is no such relay.
		UnknownRelay,
		/// The relay is another operator's.
		NotYourRelay,
		/// The relay was withdrawn.
		RelayLeaving,
		/// The relay was not withdrawn.
		NotLeaving,
		/// The relay is not chilled.
		NotChilled,
		/// It is too early: see the epoch in the state of the relay or the budget.
		TooEarly,
		/// No such worker is registered.
		UnknownWorker,
		/// The worker is another operator's.
		NotYourWorker,
		/// The worker or account has as many endpoints as it can have.
		TooManyEndpoints,
		/// The endpoint is not registered.
		UnknownEndpoint,
		/// The endpoint is another account's.
		NotYourEndpoint,
		/// The amount is less than a budget must have.
		BudgetTooSmall,
		/// The worker has no budget.
		NoBudget,
		/// The budget is another account's. It ends when that account closes and releases it.
		NotYourBudget,
		/// The budget is being closed.
		AlreadyClosing,
		/// The budget is not being closed.
		NotClosing,
		/// A receipt's signature is not the worker's.
		BadSignature,
		/// None of the receipts pays anything: they are too old, paid already, or have no budget.
		NothingDue,
		/// A report is about the present epoch.
		OtherEpoch,
		/// The worker has reported in this epoch.
		AlreadyReported,
		/// A report names relays in the order of their keys, none twice, at least one.
		Unordered,
	}

	impl<T> From<ProfileError> for Error<T> {
		fn from(error: ProfileError) -> Self {
			match error {
				ProfileError::Url(_) => Error::BadUrl,
				ProfileError::Port => Error::BadPort,
				ProfileError::Region => Error::BadRegion,
				ProfileError::Capacity => Error::BadCapacity,
				ProfileError::Price => Error::BadPrice,
			}
		}
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(_: BlockNumberFor<T>, limit: Weight) -> Weight {
			let mut meter = WeightMeter::with_limit(limit);
			Self::forget_old_epochs(&mut meter);
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
		/// Puts a relay on the map. The bond goes on hold in the sender's account.
		///
		/// Parameters: `relay`, the key of the relay's own endpoint; `profile`; `proof`, that key's signature of
		/// [`endpoint_payload`](io_primitives::mesh::endpoint_payload) for the sender.
		///
		/// Emits `RelayRegistered`.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::register_relay())]
		pub fn register_relay(
			origin: OriginFor<T>,
			relay: EndpointKey,
			profile: RelayProfile,
			proof: ed25519::Signature,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_register_relay(who, relay, profile, proof)
		}

		/// Changes what a relay offers: at once, but for the price, which counts from the epoch after the next one on.
		///
		/// Parameters: `relay`, one of the sender's that is not leaving; `profile`.
		///
		/// Emits `RelayUpdated`.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::update_relay())]
		pub fn update_relay(
			origin: OriginFor<T>,
			relay: EndpointKey,
			profile: RelayProfile,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_update_relay(who, relay, profile)
		}

		/// Takes a relay off the map for good. Its receipts are paid, and its bond can be slashed, until it is released.
		///
		/// Parameters: `relay`, one of the sender's.
		///
		/// Emits `RelayLeaving`.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::unregister_relay())]
		pub fn unregister_relay(origin: OriginFor<T>, relay: EndpointKey) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_unregister_relay(who, relay)
		}

		/// Gives back the bond of a relay that was withdrawn long enough ago.
		///
		/// Parameters: `relay`, one of the sender's.
		///
		/// Emits `RelayReleased`.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::release_relay())]
		pub fn release_relay(origin: OriginFor<T>, relay: EndpointKey) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_release_relay(who, relay)
		}

		/// Puts a chilled relay back on the map. What its bond lacks goes on hold.
		///
		/// Parameters: `relay`, one of the sender's.
		///
		/// Emits `RelayWoken`.
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::wake_relay())]
		pub fn wake_relay(origin: OriginFor<T>, relay: EndpointKey) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_wake_relay(who, relay)
		}

		/// Says whom an endpoint stands for, so that relays and peers let it in. A deposit goes on hold.
		///
		/// Parameters: `endpoint`, its key; `worker`, one of the sender's, or `None`: the endpoint stands for the sender;
		/// `proof`, the endpoint's signature of [`endpoint_payload`](io_primitives::mesh::endpoint_payload) for the sender.
		///
		/// Emits `EndpointRegistered`.
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::register_endpoint())]
		pub fn register_endpoint(
			origin: OriginFor<T>,
			endpoint: EndpointKey,
			worker: Option<WorkerKey>,
			proof: ed25519::Signature,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_register_endpoint(who, endpoint, worker, proof)
		}

		/// Forgets an endpoint. The deposit is free.
		///
		/// Parameters: `endpoint`, one that the sender registered.
		///
		/// Emits `EndpointRemoved`.
		#[pallet::call_index(6)]
		#[pallet::weight(T::WeightInfo::remove_endpoint())]
		pub fn remove_endpoint(origin: OriginFor<T>, endpoint: EndpointKey) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_remove_endpoint(who, endpoint)
		}

		/// Sets money aside to pay a worker's receipts. A budget that was being closed is open again.
		///
		/// Parameters: `worker`, one of the sender's; `amount`, at least `MinBudget`.
		///
		/// Emits `BudgetFunded`.
		#[pallet::call_index(7)]
		#[pallet::weight(T::WeightInfo::fund())]
		pub fn fund(
			origin: OriginFor<T>,
			worker: WorkerKey,
			#[pallet::compact] amount: Balance,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_fund(who, worker, amount)
		}

		/// Asks for the rest of a budget. It is paid out only when no receipt of the time before can be claimed any more.
		///
		/// Parameters: `worker`, whose budget the sender has funded. It need not be registered any more.
		///
		/// Emits `BudgetClosing`.
		#[pallet::call_index(8)]
		#[pallet::weight(T::WeightInfo::close_budget())]
		pub fn close_budget(origin: OriginFor<T>, worker: WorkerKey) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_close_budget(who, worker)
		}

		/// Gives back the rest of a budget that was closed long enough ago.
		///
		/// Parameters: `worker`, whose budget the sender has funded.
		///
		/// Emits `BudgetReleased`.
		#[pallet::call_index(9)]
		#[pallet::weight(T::WeightInfo::release_budget())]
		pub fn release_budget(origin: OriginFor<T>, worker: WorkerKey) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_release_budget(who, worker)
		}

		/// Pays relays for what workers have signed, out of the workers' budgets, to the relays' operators. Anybody may bring
		/// receipts. Those that nothing is due for are passed over: too old, paid already, without budget, of a relay that is
		/// gone.
		///
		/// Parameters: `receipts`, of which one at least must pay something.
		///
		/// Emits `RelayPaid` for each receipt that pays.
		///
		/// Weight: by the number of receipts.
		#[pallet::call_index(10)]
		#[pallet::weight(T::WeightInfo::claim(receipts.len() as u32))]
		pub fn claim(origin: OriginFor<T>, receipts: Receipts) -> DispatchResult {
			ensure_signed(origin)?;
			Self::do_claim(receipts)
		}

		/// Takes note of which relays a worker could use in this epoch. For workers only, free.
		///
		/// Parameters: `worker`, the hot key of a registered worker; `report`; `signature`, the worker's, of
		/// [`Report::payload`].
		///
		/// Emits `RelaysReported`, and `RelayChilled` for each relay that was dead for too long.
		///
		/// Weight: by the number of relays.
		#[pallet::call_index(11)]
		#[pallet::weight((T::WeightInfo::report(report.relays.len() as u32), Pays::No))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_report())]
		#[pallet::authorize(|_source, worker, report, signature| {
			Pallet::<T>::authorize_report(worker, report, signature)
		})]
		pub fn report(
			origin: OriginFor<T>,
			worker: WorkerKey,
			report: Report,
			_signature: sr25519::Signature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_report(worker, report)
		}

		/// Takes a part of a relay's bond for the treasury, and chills the relay. Only for the admin origin.
		///
		/// Parameters: `relay`; `amount`, cut to what is there.
		///
		/// Emits `RelaySlashed`, and `RelayChilled` unless the relay is leaving.
		#[pallet::call_index(12)]
		#[pallet::weight(T::WeightInfo::slash_relay())]
		pub fn slash_relay(
			origin: OriginFor<T>,
			relay: EndpointKey,
			#[pallet::compact] amount: Balance,
		) -> DispatchResult {
			T::AdminOrigin::ensure_origin(origin)?;
			Self::do_slash_relay(relay, amount)
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// The present epoch and the relays that can be used.
		pub fn relay_map() -> RelayMap<T::AccountId> {
			Self::map()
		}

		/// A relay, live or not.
		pub fn relay(relay: EndpointKey) -> Option<RelayView<T::AccountId>> {
			Self::relay_view(relay)
		}

		/// Whom an endpoint stands for.
		pub fn endpoint(endpoint: EndpointKey) -> Option<EndpointView<T::AccountId>> {
			Self::endpoint_view(endpoint)
		}

		/// The endpoints of a worker or an account.
		pub fn endpoints_of(party: Party<T::AccountId>) -> Vec<EndpointKey> {
			EndpointsOf::<T>::get(party).into_inner()
		}

		/// What there is to pay the worker's receipts with.
		pub fn budget(worker: WorkerKey) -> Option<Budget<T::AccountId>> {
			Budgets::<T>::get(worker)
		}
	}
}

impl<T: Config> Pallet<T> {
	pub(crate) fn now() -> BlockNumber {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	/// Hash of the genesis block, to which all signatures are bound.
	pub fn genesis() -> H256 {
		frame_system::Pallet::<T>::block_hash(
			frame_system::pallet_prelude::BlockNumberFor::<T>::from(0u32),
		)
	}

	/// Panics if the runtime's constants cannot work.
	fn check_constants() {
		assert!(T::DefaultEpochBlocks::get() > 0, "DefaultEpochBlocks must be positive");
		assert!(T::MaxRelays::get() > 0, "MaxRelays must be positive");
	}
}
