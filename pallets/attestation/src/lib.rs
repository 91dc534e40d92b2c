#![doc = include_str!("../README.md")]
//! ## Example
//!
//! A device from its enrolment to its certificate, as a test does it:
#![doc = docify::embed!("src/tests/lifecycle.rs", should_certify_a_device_that_passes_its_audit)]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod audits;
mod authorize;
mod beacon;
mod certificates;
mod commitments;
mod enrolments;
mod offchain;
pub mod types;
mod verdicts;
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
	traits::{EnsureOrigin, Get},
	weights::{Weight, WeightMeter},
};
use frame_system::offchain::CreateAuthorizedTransaction;
use io_primitives::{
	attestation::{
		AttestationCall, AttestationClass, Certificate, ClassParams, Commitment, DeviceIndex,
		Enrolment, ProofBytes, Window, WindowId,
	},
	Balance, BlockNumber, Bonding, JobId, OffenceReason, Slashing, Verdicts, WorkLedger, WorkerKey,
	WorkerRegistry,
};
use sp_core::{sr25519, H256};
use sp_runtime::{
	traits::SaturatedConversion, transaction_validity::TransactionPriority, Perbill, Permill,
};

pub use authorize::MAX_CALL_VALIDITY;
pub use certificates::CertificateList;
pub use pallet::*;
pub use types::{Clock, Deadline, Draw, Pending, Queue};
pub use weights::WeightInfo;

/// Target of the pallet's log lines.
pub(crate) const LOG_TARGET: &str = "runtime::io-attestation";

/// Lots that are kept.
pub const RING: u32 = 512;
/// The lot so many folds after a commitment decides about its audit. To know it beforehand takes that many authors of
/// relay chain blocks in a row.
pub const AUDIT_FOLDS: u64 = 4;
/// A claim that is above the device's last certificate by more than this share is always audited.
pub const CREDIBLE_GROWTH: Perbill = Perbill::from_percent(25);
/// Length of a slot of the relay chain.
pub const SLOT_SECONDS: u128 = 6;
/// Share of the rest of a block that `on_poll` may use; transactions need the other part.
const POLL_SHARE: Perbill = Perbill::from_percent(50);

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
	/// The runtime's transaction extensions must contain [`frame_system::AuthorizeCall`], and it must call
	/// [`Pallet::note_relay`] in each block. What is not a constant may change at any time: what a device was promised at
	/// its enrolment is stored with it.
	#[pallet::config]
	pub trait Config:
		frame_system::Config<RuntimeEvent: From<Event<Self>>, Hash = H256>
		+ CreateAuthorizedTransaction<Call<Self>>
	{
		/// The registered workers.
		type Workers: WorkerRegistry<Self::AccountId>;

		/// The operators' stake.
		type Bonding: Bonding<Self::AccountId>;

		/// Takes the slashes.
		type Slashing: Slashing<Self::AccountId>;

		/// Takes note of proven work.
		type WorkLedger: WorkLedger<Self::AccountId>;

		/// Jobs whose products are verified here.
		type Verdicts: Verdicts<Self::AccountId>;

		/// Who sets classes.
		type AdminOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// Number of this parachain, part of what proofs are bound to.
		type ParaId: Get<u32>;

		/// Fewest blocks from the opening of a window to that of the next.
		type MinWindowGap: Get<BlockNumber>;

		/// Chance that a lot opens a window, once the gap is over.
		type WindowOdds: Get<Permill>;

		/// Relay chain slots, after that of its opening, in which a window takes commitments. Less than [`RING`].
		type WindowSlots: Get<u32>;

		/// Share of the commitments that are audited, of devices that hold a certificate of about as much; claims of others
		/// are always audited.
		type AuditRate: Get<Permill>;

		/// Blocks in which an audited device has to reveal.
		type RevealBlocks: Get<BlockNumber>;

		/// Blocks for which a certificate counts.
		type CertificateTtl: Get<BlockNumber>;

		/// Classes have numbers below this.
		#[pallet::constant]
		type MaxClasses: Get<u32>;

		/// Priority of devices' calls in the pool.
		#[pallet::constant]
		type UnsignedPriority: Get<TransactionPriority>;

		/// Benchmarked weights.
		type WeightInfo: WeightInfo;
	}

	/// The relay chain as the newest block saw it.
	#[pallet::storage]
	pub type Relay<T: Config> = StorageValue<_, Clock, ValueQuery>;

	/// The last [`RING`] folds: number `fold` with all lots up to it, at place `fold % RING`.
	#[pallet::storage]
	pub type Ring<T: Config> = StorageMap<_, Twox64Concat, u32, (u64, H256), OptionQuery>;

	/// Whether a chain without lots makes its own, which everybody can foresee. Only a chain for development may.
	#[pallet::storage]
	pub type PredictableBeacon<T: Config> = StorageValue<_, bool, ValueQuery>;

	/// The last window.
	#[pallet::storage]
	pub type LastWindow<T: Config> = StorageValue<_, Window, OptionQuery>;

	/// Classes of devices.
	#[pallet::storage]
	pub type Classes<T: Config> =
		StorageMap<_, Twox64Concat, AttestationClass, ClassParams, OptionQuery>;

	/// Devices that take part in windows.
	#[pallet::storage]
	pub type Enrolments<T: Config> = StorageDoubleMap<
		_,
		Blake2_128Concat,
		WorkerKey,
		Twox64Concat,
		DeviceIndex,
		Enrolment<T::AccountId>,
		OptionQuery,
	>;

	/// Commitments that are neither certified nor punished. A device has one at most, and its enrolment cannot change
	/// meanwhile.
	#[pallet::storage]
	pub type Commitments<T: Config> = StorageDoubleMap<
		_,
		Blake2_128Concat,
		WorkerKey,
		Twox64Concat,
		DeviceIndex,
		Pending,
		OptionQuery,
	>;

	/// Commitments that wait for their lot, by ticket.
	#[pallet::storage]
	pub type Draws<T: Config> = StorageMap<_, Twox64Concat, u64, Draw, OptionQuery>;

	/// Tickets of [`Draws`].
	#[pallet::storage]
	pub type DrawQueue<T: Config> = StorageValue<_, Queue, ValueQuery>;

	/// Audits that wait for their reveal, by ticket.
	#[pallet::storage]
	pub type Deadlines<T: Config> = StorageMap<_, Twox64Concat, u64, Deadline, OptionQuery>;

	/// Tickets of [`Deadlines`].
	#[pallet::storage]
	pub type DeadlineQueue<T: Config> = StorageValue<_, Queue, ValueQuery>;

	/// The newest certificate of each device. Those that have expired count for nothing and go with the next change.
	#[pallet::storage]
	pub type Certificates<T: Config> =
		StorageMap<_, Blake2_128Concat, WorkerKey, CertificateList, ValueQuery>;

	/// What exists from the start.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Number of each class, and what it is.
		pub classes: Vec<(AttestationClass, ClassParams)>,
		/// See [`PredictableBeacon`].
		pub predictable_beacon: bool,
		/// Nothing; it ties the type to the runtime.
		#[serde(skip)]
		pub _config: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			for (class, params) in &self.classes {
				Pallet::<T>::do_set_class(*class, Some(*params))
					.expect("a genesis class has a number below MaxClasses and keeps all rules");
			}
			PredictableBeacon::<T>::put(self.predictable_beacon);
		}
	}

	/// What happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A window opened for all devices that were enrolled before.
		WindowOpened {
			/// Its number.
			window: WindowId,
			/// Its seed.
			seed: H256,
			/// Relay chain slot from which time is counted.
			slot: u64,
			/// Last slot in which commitments count.
			last_slot: u64,
		},
		/// A device takes part in windows from now on. This ends its earlier enrolment, if it had one.
		DeviceEnrolled {
			/// The worker.
			worker: WorkerKey,
			/// The device.
			device: DeviceIndex,
			/// Its class.
			class: AttestationClass,
			/// Products of one round.
			lanes: u32,
			/// Who answers for it.
			operator: T::AccountId,
			/// What was locked of the operator's stake.
			bond: Balance,
		},
		/// A device takes part in windows no more. Its bond is free.
		DeviceLeft {
			/// The worker.
			worker: WorkerKey,
			/// The device.
			device: DeviceIndex,
		},
		/// A device committed to its rounds.
		Committed {
			/// The worker.
			worker: WorkerKey,
			/// The device.
			device: DeviceIndex,
			/// The window.
			window: WindowId,
			/// How many rounds.
			rounds: u32,
			/// In how many slots.
			slots: u32,
		},
		/// The lot has it that a device opens entries of its products. It has to reveal before `deadline`.
		AuditDrawn {
			/// The worker.
			worker: WorkerKey,
			/// The device.
			device: DeviceIndex,
			/// The window.
			window: WindowId,
			/// From which the entries follow.
			challenge: H256,
			/// Block in which it is too late.
			deadline: BlockNumber,
		},
		/// A commitment was forgotten, because the chain stood still for too long to draw its lot. Nobody is to blame.
		CommitmentDropped {
			/// The worker.
			worker: WorkerKey,
			/// The device.
			device: DeviceIndex,
			/// The window.
			window: WindowId,
		},
		/// A device has a new certificate.
		Certified {
			/// The worker.
			worker: WorkerKey,
			/// The device.
			device: DeviceIndex,
			/// The window.
			window: WindowId,
			/// 10^6 int8 operations per second.
			mops: u64,
			/// Whether entries were checked.
			audited: bool,
		},
		/// A device brought a false proof, or none. It lost its bond, its certificate and its enrolment.
		DeviceSlashed {
			/// The worker.
			worker: WorkerKey,
			/// The device.
			device: DeviceIndex,
			/// The window.
			window: WindowId,
			/// Who answers for it.
			operator: T::AccountId,
			/// How much was taken.
			amount: Balance,
			/// Why.
			reason: OffenceReason,
		},
		/// A worker proved the product of a job.
		ProductProven {
			/// The job.
			job: JobId,
			/// The worker.
			worker: WorkerKey,
		},
		/// A worker brought a wrong proof of a job's product.
		ProductRefuted {
			/// The job.
			job: JobId,
			/// The worker.
			worker: WorkerKey,
		},
		/// Somebody proved that an entry of a job's product is wrong.
		ProductDisputed {
			/// The job.
			job: JobId,
			/// The worker.
			worker: WorkerKey,
			/// Who proved it.
			by: T::AccountId,
		},
		/// A class was set, or removed. Devices that are enrolled keep what they were promised.
		ClassSet {
			/// Its number.
			class: AttestationClass,
			/// What it is now.
			params: Option<ClassParams>,
		},
	}

	/// Why a call fails. A device's call that fails is refused by the pool already, as `Custom(index of the error)`.
	#[pallet::error]
	pub enum Error<T> {
		/// A worker's devices have numbers below 16.
		BadDevice,
		/// There is no such class.
		UnknownClass,
		/// The number of lanes is no power of two, or not within the bounds of the class.
		BadLanes,
		/// No such worker is registered.
		UnknownWorker,
		/// The device is enrolled like that already.
		Unchanged,
		/// The operator's free stake does not cover the bond.
		InsufficientBond,
		/// The device is not enrolled.
		NotEnrolled,
		/// The device has a commitment that is neither certified nor punished.
		CommitmentPending,
		/// The device was enrolled no more than `ENROLMENT_BLOCKS` ago; its operator can release it.
		TooEarly,
		/// The worker is another operator's.
		NotYourWorker,
		/// Rounds must be 1 to 128.
		BadRounds,
		/// The window is not the last one.
		NotLastWindow,
		/// The window has another seed: the device saw another fork.
		OtherSeed,
		/// The window takes no more commitments.
		WindowOver,
		/// The device was enrolled when the window was open already.
		EnrolledTooLate,
		/// The device has committed in this window.
		AlreadyCommitted,
		/// The device has no pending commitment in this window.
		NoCommitment,
		/// Nobody has asked for a reveal.
		NotAudited,
		/// The audit asks for other entries: the device saw another fork.
		OtherChallenge,
		/// The deadline is over.
		TooLate,
		/// The proof does not have the length that follows from what it is about, or is not laid out like one.
		BadProofLength,
		/// No product of this job waits for its verdict.
		NoClaim,
		/// The product is another worker's.
		NotYourJob,
		/// The product is to be verified in another way.
		OtherVerification,
		/// The proof is about another output than the one that the worker claimed.
		OtherOutput,
		/// The proof shows things to which the job's roots do not commit.
		BadDispute,
		/// The entry is what it should be.
		EntryIsRight,
		/// `valid_until` lies too far ahead.
		ValidityTooLong,
		/// The class's number is not below `MaxClasses`.
		BadClass,
		/// The arithmetic or a dimension is none that proofs can have.
		BadDimensions,
		/// Openings must be 1 to 128.
		BadOpenings,
		/// A class needs a bond.
		NoBond,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_poll(now: BlockNumberFor<T>, meter: &mut WeightMeter) {
			Self::serve_queues(now.saturated_into(), meter);
		}

		fn offchain_worker(now: BlockNumberFor<T>) {
			Self::attest_gateways(now.saturated_into());
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
		/// A device will take part in the windows that open from the next block on. Locks a bond of its operator's stake,
		/// and ends an earlier enrolment with its certificate. For devices only, free.
		///
		/// Parameters: `worker`, the hot key of a registered worker; `device`, below 16; `class`; `lanes`, a power of two
		/// within the bounds of the class; `valid_until`, the last block in which the call counts, at most
		/// `ENROLMENT_BLOCKS` ahead; `signature`, the worker's, of [`AttestationCall::payload`].
		///
		/// Emits `DeviceEnrolled`.
		#[pallet::call_index(0)]
		#[pallet::weight((T::WeightInfo::enrol(), Pays::No))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_change())]
		#[pallet::authorize(|_source, worker, device, class, lanes, valid_until, signature| {
			let call = AttestationCall::Enrol { device: *device, class: *class, lanes: *lanes };
			Pallet::<T>::authorize_attestation(worker, call, *valid_until, signature)
		})]
		pub fn enrol(
			origin: OriginFor<T>,
			worker: WorkerKey,
			device: DeviceIndex,
			class: AttestationClass,
			lanes: u32,
			_valid_until: BlockNumber,
			_signature: sr25519::Signature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_enrol(worker, device, class, lanes)
		}

		/// A device takes part no more. Its bond is free again, its certificate is gone. For devices only, free.
		///
		/// Parameters: `worker` and `device`, without a pending commitment; `valid_until` and `signature` as in `enrol`.
		///
		/// Emits `DeviceLeft`.
		#[pallet::call_index(1)]
		#[pallet::weight((T::WeightInfo::leave(), Pays::No))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_change())]
		#[pallet::authorize(|_source, worker, device, valid_until, signature| {
			let call = AttestationCall::Leave { device: *device };
			Pallet::<T>::authorize_attestation(worker, call, *valid_until, signature)
		})]
		pub fn leave(
			origin: OriginFor<T>,
			worker: WorkerKey,
			device: DeviceIndex,
			_valid_until: BlockNumber,
			_signature: sr25519::Signature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_leave(worker, device)
		}

		/// A device commits to the rounds that it did in the open window. For devices only, free.
		///
		/// Parameters: `worker` and `device`, enrolled before the window opened; `window`, the last one, and its `seed`; `rounds`,
		/// 1 to 128; `commitment`, see `io_tflops::transcript::commitment`; `valid_until` and `signature` as in `enrol`, but
		/// `valid_until` may lie a day ahead.
		///
		/// Emits `Committed`.
		#[pallet::call_index(2)]
		#[pallet::weight((T::WeightInfo::commit(), Pays::No))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_commit())]
		#[pallet::authorize(|_source, worker, window, seed, device, rounds, commitment, valid_until, signature| {
			let call = AttestationCall::Commit {
				window: *window,
				seed: *seed,
				device: *device,
				rounds: *rounds,
				commitment: *commitment,
			};
			Pallet::<T>::authorize_attestation(worker, call, *valid_until, signature)
		})]
		pub fn commit(
			origin: OriginFor<T>,
			worker: WorkerKey,
			window: WindowId,
			seed: H256,
			device: DeviceIndex,
			rounds: u32,
			commitment: H256,
			_valid_until: BlockNumber,
			_signature: sr25519::Signature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_commit(worker, window, seed, device, rounds, commitment)
		}

		/// An audited device shows its roots and the entries that were asked for. A proof that is wrong costs the bond. For
		/// devices only, free.
		///
		/// Parameters: `worker`, `window` and `device` of the commitment; `challenge` of the audit; `proof`, see
		/// `io_tflops::reveal`; `valid_until` and `signature` as in `commit`.
		///
		/// Emits `Certified`, or `DeviceSlashed`.
		///
		/// Weight: charged for as many openings of the longest rows as the proof has room for, and given back as far as its
		/// class has fewer or shorter ones.
		#[pallet::call_index(3)]
		#[pallet::weight((Pallet::<T>::reveal_weight_limit(proof.len()), Pays::No))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_reveal(proof.len() as u32))]
		#[pallet::authorize(|_source, worker, window, challenge, device, proof, valid_until, signature| {
			let call = AttestationCall::Reveal {
				window: *window,
				challenge: *challenge,
				device: *device,
				proof,
			};
			Pallet::<T>::authorize_attestation(worker, call, *valid_until, signature)
		})]
		pub fn reveal(
			origin: OriginFor<T>,
			worker: WorkerKey,
			window: WindowId,
			challenge: H256,
			device: DeviceIndex,
			proof: ProofBytes,
			_valid_until: BlockNumber,
			_signature: sr25519::Signature,
		) -> DispatchResultWithPostInfo {
			ensure_authorized(origin)?;
			Self::do_reveal(worker, window, challenge, device, &proof)
		}

		/// A worker proves the product of a job in zero knowledge. A proof that is wrong counts as a wrong product. For
		/// workers only, free.
		///
		/// Parameters: `worker` and `job`, whose product waits for its proof; `proof`, see `io_tflops::product`;
		/// `valid_until` and `signature` as in `commit`.
		///
		/// Emits `ProductProven` or `ProductRefuted`, and what the verdict causes.
		///
		/// Weight: by the length of the proof, for the most columns; given back as far as there are fewer.
		#[pallet::call_index(4)]
		#[pallet::weight((Pallet::<T>::settle_weight_limit(proof.len()), Pays::No))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_settle_product(proof.len() as u32))]
		#[pallet::authorize(|_source, worker, job, proof, valid_until, signature| {
			let call = AttestationCall::SettleProduct { job: *job, proof };
			Pallet::<T>::authorize_attestation(worker, call, *valid_until, signature)
		})]
		pub fn settle_product(
			origin: OriginFor<T>,
			worker: WorkerKey,
			job: JobId,
			proof: ProofBytes,
			_valid_until: BlockNumber,
			_signature: sr25519::Signature,
		) -> DispatchResultWithPostInfo {
			ensure_authorized(origin)?;
			Self::do_settle_product(worker, job, &proof)
		}

		/// Proves that an entry of a job's product is wrong. For anybody; free if it is.
		///
		/// Parameters: `job`, whose product can be disputed; `proof`, see `io_tflops::fraud`.
		///
		/// Emits `ProductDisputed`, and what the verdict causes.
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::dispute(proof.len() as u32))]
		pub fn dispute(
			origin: OriginFor<T>,
			#[pallet::compact] job: JobId,
			proof: ProofBytes,
		) -> DispatchResultWithPostInfo {
			let sender = ensure_signed(origin)?;
			Self::do_dispute(sender, job, &proof)
		}

		/// Ends the enrolment of one of the sending operator's devices, whose hot key may be lost.
		///
		/// Parameters: `worker` and `device`, without a pending commitment.
		///
		/// Emits `DeviceLeft`.
		#[pallet::call_index(6)]
		#[pallet::weight(T::WeightInfo::release())]
		pub fn release(
			origin: OriginFor<T>,
			worker: WorkerKey,
			device: DeviceIndex,
		) -> DispatchResult {
			let operator = ensure_signed(origin)?;
			Self::do_release(operator, worker, device)
		}

		/// Sets or removes a class. Devices that are enrolled keep the class as it was. Only for the admin origin.
		///
		/// Parameters: `class`, its number, below `MaxClasses`; `params`, what it is, or nothing to remove it.
		///
		/// Emits `ClassSet`.
		#[pallet::call_index(7)]
		#[pallet::weight(T::WeightInfo::set_class())]
		pub fn set_class(
			origin: OriginFor<T>,
			class: AttestationClass,
			params: Option<ClassParams>,
		) -> DispatchResult {
			T::AdminOrigin::ensure_origin(origin)?;
			Self::do_set_class(class, params)
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// The last window; `None` before the first.
		pub fn window() -> Option<Window> {
			LastWindow::<T>::get()
		}

		/// The classes of devices, by number.
		pub fn classes() -> Vec<(AttestationClass, ClassParams)> {
			Self::sorted_classes()
		}

		/// A worker's devices that take part in windows.
		pub fn enrolments(worker: WorkerKey) -> Vec<Enrolment<T::AccountId>> {
			Self::enrolments_of(&worker)
		}

		/// A worker's certificates that count.
		pub fn certificates(worker: WorkerKey) -> Vec<Certificate> {
			Self::valid_certificates(&worker)
		}

		/// A worker's commitments that are neither certified nor punished.
		pub fn commitments(worker: WorkerKey) -> Vec<Commitment> {
			Self::commitments_of(&worker)
		}

		/// What a worker's certificates prove together, in 10^6 int8 operations per second.
		pub fn proven(worker: WorkerKey) -> u64 {
			<Self as io_primitives::Certificates>::proven(&worker)
		}
	}
}

impl<T: Config> Pallet<T> {
	pub(crate) fn now() -> BlockNumber {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	/// Hash of the genesis block, to which all signatures and proofs are bound.
	pub fn genesis() -> H256 {
		frame_system::Pallet::<T>::block_hash(
			frame_system::pallet_prelude::BlockNumberFor::<T>::from(0u32),
		)
	}

	/// Serves both queues with at most [`POLL_SHARE`] of what is left of the block; the rest keeps its place.
	fn serve_queues(now: BlockNumber, meter: &mut WeightMeter) {
		let limit = meter.remaining();
		let mut share = WeightMeter::with_limit(Weight::from_parts(
			POLL_SHARE * limit.ref_time(),
			POLL_SHARE * limit.proof_size(),
		));
		if share.try_consume(T::WeightInfo::poll_base()).is_err() {
			return;
		}
		Self::serve_draws(now, &mut share);
		Self::serve_deadlines(now, &mut share);
		meter.consume(share.consumed());
	}

	/// Panics if the runtime's constants cannot work.
	fn check_constants() {
		let block = T::BlockWeights::get();
		let fits = |weight: Weight| weight.saturating_mul(4).all_lte(block.max_block);
		assert!(T::MaxClasses::get() > 0, "MaxClasses must be positive");
		assert!(
			T::MaxClasses::get() <= 1 << AttestationClass::BITS,
			"an AttestationClass has 8 bits"
		);
		// `on_poll` gets half of what is left of a block; what never fits would stay for ever.
		let one = T::WeightInfo::poll_base()
			.saturating_add(T::WeightInfo::poll_draw())
			.saturating_add(T::WeightInfo::poll_skip())
			.saturating_add(T::WeightInfo::punish());
		assert!(fits(one), "a quarter of a block must have room for a lot and a slash");
		let longest = io_primitives::attestation::MAX_PROOF_BYTES as usize;
		let room = block.get(frame_support::dispatch::DispatchClass::Normal).max_extrinsic;
		assert!(
			room.is_none_or(|room| {
				Self::reveal_weight_limit(longest).all_lte(room)
					&& Self::settle_weight_limit(longest).all_lte(room)
			}),
			"a block must have room for the dearest proof"
		);
	}
}
