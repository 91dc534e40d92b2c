#![doc = include_str!("../README.md")]
//! ## Example
//!
//! A job from submission to payment, as a test does it:
#![doc = docify::embed!("src/tests/settlement.rs", should_pay_everybody_and_refund_the_rest_when_all_agree)]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod agenda;
mod authorize;
mod draw;
mod offchain;
mod replica;
mod settlement;
mod steps;
mod submission;
pub mod types;
mod verdicts;
mod view;
pub mod weights;
mod workers;

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
	weights::WeightMeter,
	BoundedVec,
};
use frame_system::offchain::CreateAuthorizedTransaction;
use io_primitives::{
	job::{JobView, OutputAt},
	Balance, BlockNumber, Bonding, Certificates, ClassId, ClassInfo, FailReason, JobId, JobSpec,
	MissReason, OffenceReason, Outcome, Price, Profile, Randomness, ReplicaId, Slashing,
	WorkLedger, WorkerCall, WorkerKey,
};
use sp_core::{sr25519, H256};
use sp_runtime::{
	traits::SaturatedConversion, transaction_validity::TransactionPriority, DispatchError, Permill,
};

pub use agenda::AGENDA_PROBES;
pub use authorize::{HEARTBEATS_PER_TTL, MAX_CALL_VALIDITY};
pub use draw::DRAW_WIDTH;
pub use pallet::*;
pub use types::{Heartbeat, Job, OperatorSummary, WorkerInfo, WorkerSummary};
pub use view::PAGE;
pub use weights::WeightInfo;

/// Target of the pallet's log lines.
pub(crate) const LOG_TARGET: &str = "runtime::io-jobs";

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
	/// The runtime's transaction extensions must contain [`frame_system::AuthorizeCall`]. Timers, fees and slashes may
	/// change at any time: what a job was promised at its submission is stored with it.
	#[pallet::config]
	pub trait Config:
		frame_system::Config<RuntimeEvent: From<Event<Self>>, Hash = H256>
		+ CreateAuthorizedTransaction<Call<Self>>
	{
		/// The coin. Escrow stays in the requester's account, on hold.
		type Currency: Inspect<Self::AccountId, Balance = Balance>
			+ Mutate<Self::AccountId>
			+ MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

		/// The runtime's hold reasons.
		type RuntimeHoldReason: From<HoldReason>;

		/// Where lots come from.
		type Randomness: Randomness;

		/// The operators' stake.
		type Bonding: Bonding<Self::AccountId>;

		/// Takes the slashes.
		type Slashing: Slashing<Self::AccountId>;

		/// Takes note of settled work.
		type WorkLedger: WorkLedger<Self::AccountId>;

		/// Proven computing power.
		type Certificates: Certificates;

		/// Who sets hardware classes.
		type AdminOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// Account that gets the treasury's part of fees.
		type FeeTreasury: Get<Self::AccountId>;

		/// Author of the current block; without one the treasury gets the author's part.
		type BlockAuthor: Get<Option<Self::AccountId>>;

		/// Blocks that a job may wait for workers, in all.
		type OpenTtl: Get<BlockNumber>;

		/// Blocks in which a drawn worker has to accept.
		type AcceptBlocks: Get<BlockNumber>;

		/// Blocks in which commitments have to be opened.
		type RevealBlocks: Get<BlockNumber>;

		/// Most blocks for which a requester can keep a product open to disputes.
		type MaxDisputeBlocks: Get<BlockNumber>;

		/// Blocks in which a worker has to prove its product, if the job asks for a proof.
		type ProofBlocks: Get<BlockNumber>;

		/// Blocks for which a heartbeat makes a worker count as online.
		type HeartbeatTtl: Get<BlockNumber>;

		/// The shortest `run_blocks` of a job: a worker that accepts must be able to commit in time.
		type MinRunBlocks: Get<BlockNumber>;

		/// The longest `run_blocks` of a job.
		type MaxRunBlocks: Get<BlockNumber>;

		/// Bond of a replica, as a multiple of the highest price that the job pays for one.
		type BondFactor: Get<u32>;

		/// Own stake that an operator needs for each of its workers. It makes chances in the lot cost money.
		type StakePerWorker: Get<Balance>;

		/// Fee, as a part of what operators are paid.
		type FeeRate: Get<Permill>;

		/// Part of the fee that is burnt.
		type FeeBurnShare: Get<Permill>;

		/// Part of the fee that the author of the block gets. The rest goes to the treasury.
		type FeeAuthorShare: Get<Permill>;

		/// Part of the bond that a worker loses that did not accept in time.
		type NoShowSlash: Get<Permill>;

		/// Part of the bond that a worker loses that did not commit in time.
		type LateSlash: Get<Permill>;

		/// Part of the bond that a worker loses that did not open its commitment, or did not prove its product.
		type UnrevealedSlash: Get<Permill>;

		/// Part of the bond that a worker loses whose result is not the quorum's, or was proven wrong.
		type DisagreedSlash: Get<Permill>;

		/// The lowest price of a unit, for jobs and for workers.
		type MinPricePerUnit: Get<Balance>;

		/// Deposit for a job.
		type DepositBase: Get<Balance>;

		/// Deposit for each byte of a job's specification.
		type DepositPerByte: Get<Balance>;

		/// Deposit for a registered worker.
		type WorkerDeposit: Get<Balance>;

		/// Most jobs in one block's list of the agenda.
		#[pallet::constant]
		type MaxAgendaPerBlock: Get<u32>;

		/// Hardware classes have numbers below this.
		#[pallet::constant]
		type MaxClasses: Get<u32>;

		/// Outcomes of ended jobs that are kept.
		#[pallet::constant]
		type MaxOutcomes: Get<u32>;

		/// Most bytes of a specification.
		#[pallet::constant]
		type MaxSpecBytes: Get<u32>;

		/// Priority of workers' calls in the pool.
		#[pallet::constant]
		type UnsignedPriority: Get<TransactionPriority>;

		/// Benchmarked weights.
		type WeightInfo: WeightInfo;
	}

	/// Why the pallet holds money.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// A requester's money for replicas and fee, until its job ends.
		JobEscrow,
		/// A requester's deposit for the storage of its job, until it ends.
		JobDeposit,
		/// An operator's deposit for the storage of a registered worker, until it is retired.
		WorkerDeposit,
	}

	/// Jobs that are not terminal, without the bulk of their specification.
	#[pallet::storage]
	pub type Jobs<T: Config> = StorageMap<_, Twox64Concat, JobId, Job<T::AccountId>, OptionQuery>;

	/// What the requesters asked for. In blocks it is read only for verdicts on products.
	#[pallet::storage]
	pub type Specs<T: Config> = StorageMap<_, Twox64Concat, JobId, JobSpec, OptionQuery>;

	/// Number of the next job.
	#[pallet::storage]
	pub type NextJobId<T: Config> = StorageValue<_, JobId, ValueQuery>;

	/// How the last jobs ended: job `id` in slot `id % MaxOutcomes`.
	#[pallet::storage]
	pub type Outcomes<T: Config> =
		StorageMap<_, Twox64Concat, u32, Outcome<T::AccountId>, OptionQuery>;

	/// Where the outputs of revealed replicas can be fetched. Those of paid replicas stay as long as the job's outcome.
	#[pallet::storage]
	pub type Outputs<T: Config> =
		StorageDoubleMap<_, Twox64Concat, JobId, Twox64Concat, ReplicaId, OutputAt, OptionQuery>;

	/// Jobs that have to be looked at in a block.
	#[pallet::storage]
	pub type Agenda<T: Config> = StorageMap<
		_,
		Twox64Concat,
		BlockNumber,
		BoundedVec<JobId, T::MaxAgendaPerBlock>,
		ValueQuery,
	>;

	/// First block whose list is not worked off.
	#[pallet::storage]
	pub type AgendaCursor<T: Config> = StorageValue<_, BlockNumber, ValueQuery>;

	/// Hardware classes.
	#[pallet::storage]
	pub type Classes<T: Config> = StorageMap<_, Twox64Concat, ClassId, ClassInfo, OptionQuery>;

	/// Workers of each class.
	#[pallet::storage]
	pub type ClassCount<T: Config> = StorageMap<_, Twox64Concat, ClassId, u32, ValueQuery>;

	/// Dense index of the workers of each class, from which draws pick.
	#[pallet::storage]
	pub type ClassSlot<T: Config> =
		StorageDoubleMap<_, Twox64Concat, ClassId, Twox64Concat, u32, WorkerKey, OptionQuery>;

	/// Registered workers, as far as draws need them.
	#[pallet::storage]
	pub type Workers<T: Config> =
		StorageMap<_, Blake2_128Concat, WorkerKey, WorkerInfo<T::AccountId>, OptionQuery>;

	/// Registered workers of each operator.
	#[pallet::storage]
	pub type WorkersOf<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, u32, ValueQuery>;

	/// What the operators said of their workers. Only read outside of blocks.
	#[pallet::storage]
	pub type Profiles<T: Config> = StorageMap<_, Blake2_128Concat, WorkerKey, Profile, OptionQuery>;

	/// The workers' last signs of life.
	#[pallet::storage]
	pub type Heartbeats<T: Config> =
		StorageMap<_, Blake2_128Concat, WorkerKey, Heartbeat, OptionQuery>;

	/// Hardware classes that exist from the start.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Number of each class, and what it is.
		pub classes: Vec<(ClassId, ClassInfo)>,
		/// Nothing; it ties the type to the runtime.
		#[serde(skip)]
		pub _config: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			for (class, info) in &self.classes {
				Pallet::<T>::do_set_class(*class, Some(info.clone()))
					.expect("a genesis class has a number below MaxClasses and some memory");
			}
		}
	}

	/// What happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A job was submitted.
		JobSubmitted {
			/// Its number.
			job: JobId,
			/// Who pays.
			requester: T::AccountId,
			/// Hardware class.
			class: ClassId,
			/// Put on hold for replicas and fee.
			escrow: Balance,
			/// Put on hold for storage.
			deposit: Balance,
		},
		/// A worker was drawn. It has to accept before `deadline`.
		ReplicaAssigned {
			/// The job.
			job: JobId,
			/// The replica.
			replica: ReplicaId,
			/// Which draw of the replica, counted from 1.
			attempt: u8,
			/// The worker.
			worker: WorkerKey,
			/// Its operator.
			operator: T::AccountId,
			/// What one unit costs.
			ask: Balance,
			/// What was locked of the operator's stake.
			bond: Balance,
			/// Block in which it is too late to accept.
			deadline: BlockNumber,
		},
		/// A worker accepted. It has to commit before `deadline`.
		ReplicaAccepted {
			/// The job.
			job: JobId,
			/// The replica.
			replica: ReplicaId,
			/// The worker.
			worker: WorkerKey,
			/// Block in which it is too late to commit.
			deadline: BlockNumber,
		},
		/// A worker declined; the replica has used up one attempt.
		ReplicaDeclined {
			/// The job.
			job: JobId,
			/// The replica.
			replica: ReplicaId,
			/// The worker.
			worker: WorkerKey,
		},
		/// A worker committed to a result.
		ReplicaCommitted {
			/// The job.
			job: JobId,
			/// The replica.
			replica: ReplicaId,
			/// The worker.
			worker: WorkerKey,
			/// The commitment.
			commitment: H256,
		},
		/// Enough commitments are in. They have to be opened before `deadline`.
		JobRevealing {
			/// The job.
			job: JobId,
			/// Block in which it is too late to reveal.
			deadline: BlockNumber,
		},
		/// A worker opened its commitment.
		ReplicaRevealed {
			/// The job.
			job: JobId,
			/// The replica.
			replica: ReplicaId,
			/// The worker.
			worker: WorkerKey,
			/// Digest of the result.
			digest: H256,
			/// Units that the execution used.
			units: u64,
			/// The program's exit code.
			exit_code: i32,
			/// Where the output can be fetched.
			output_at: OutputAt,
		},
		/// A worker did not do its duty and lost its seat.
		ReplicaMissed {
			/// The job.
			job: JobId,
			/// The replica.
			replica: ReplicaId,
			/// The worker.
			worker: WorkerKey,
			/// Its operator.
			operator: T::AccountId,
			/// What it missed.
			reason: MissReason,
		},
		/// An operator was paid.
		ReplicaPaid {
			/// The job.
			job: JobId,
			/// The replica.
			replica: ReplicaId,
			/// The operator.
			operator: T::AccountId,
			/// How much.
			amount: Balance,
		},
		/// A quorum agreed. `paid + refunded + fee` is what was on hold.
		JobSettled {
			/// The job.
			job: JobId,
			/// The digest that the quorum agreed on.
			digest: H256,
			/// Units of one replica.
			units: u64,
			/// The program's exit code.
			exit_code: i32,
			/// Paid to all operators together.
			paid: Balance,
			/// Given back to the requester.
			refunded: Balance,
			/// Fee taken.
			fee: Balance,
		},
		/// No result could be agreed on.
		JobFailed {
			/// The job.
			job: JobId,
			/// Why.
			reason: FailReason,
			/// Given back to the requester.
			refunded: Balance,
		},
		/// No fitting worker was found in time.
		JobExpired {
			/// The job.
			job: JobId,
			/// Given back to the requester.
			refunded: Balance,
		},
		/// The requester withdrew a job.
		JobCancelled {
			/// The job.
			job: JobId,
			/// Given back to the requester.
			refunded: Balance,
		},
		/// A part of an operator's stake was taken. It can be given back until the slash is applied.
		Slashed {
			/// The job.
			job: JobId,
			/// The replica.
			replica: ReplicaId,
			/// The operator.
			operator: T::AccountId,
			/// How much.
			amount: Balance,
			/// Why.
			reason: OffenceReason,
		},
		/// A worker was registered.
		WorkerRegistered {
			/// Its hot key.
			worker: WorkerKey,
			/// Its operator.
			operator: T::AccountId,
			/// Its hardware class.
			class: ClassId,
		},
		/// A worker's profile was replaced.
		WorkerUpdated {
			/// Its hot key.
			worker: WorkerKey,
		},
		/// A worker was retired.
		WorkerRetired {
			/// Its hot key.
			worker: WorkerKey,
			/// Its operator.
			operator: T::AccountId,
		},
		/// A hardware class was set, or removed.
		ClassSet {
			/// Its number.
			class: ClassId,
			/// What it is now.
			info: Option<ClassInfo>,
		},
		/// The product is on trial. Before `deadline` it can be disputed, or has to be proven, as the job asks.
		JobVerifying {
			/// The job.
			job: JobId,
			/// The worker that claims the product.
			worker: WorkerKey,
			/// Block in which it is too late for either.
			deadline: BlockNumber,
		},
	}

	/// Why a call fails. A worker's call that fails is refused by the pool already, as `Custom(index of the error)`.
	#[pallet::error]
	pub enum Error<T> {
		/// Replicas must be 1 to 7, and the quorum more than half of them and not more than all.
		BadQuorum,
		/// The price of a unit is below `MinPricePerUnit`.
		PriceTooLow,
		/// Replicas times units times price is more than any account can have.
		PriceTooHigh,
		/// The specification has more than `MaxSpecBytes` bytes: shorten arguments or locators.
		SpecTooLarge,
		/// Programs of this kind cannot be executed yet.
		UnsupportedEngine,
		/// What the chain verifies cannot be sealed: leave `encryption` empty, or let a quorum of workers decide.
		SealedOutputUnsupported,
		/// There is no such hardware class.
		UnknownClass,
		/// The hardware class does not execute programs of this kind, or the worker lacks its engine.
		ClassMismatch,
		/// `max_units` is 0, or less than the kernel takes.
		BadUnits,
		/// `max_memory` is 0 or more than the class has.
		BadMemory,
		/// `max_output` is 0 or more than 1 GiB, or less than the kernel's product takes.
		BadOutput,
		/// The input is larger than 1 GiB.
		InputTooLarge,
		/// A program or an input needs at least one locator, and each must be UTF-8 and not empty.
		BadLocator,
		/// `run_blocks` is less than `MinRunBlocks` or more than `MaxRunBlocks`.
		BadRunBlocks,
		/// Too many jobs are waiting. Try again in a few blocks.
		AgendaFull,
		/// There is no such job, or it has ended.
		UnknownJob,
		/// The job is somebody else's.
		NotRequester,
		/// The call does not fit the state of the job or replica.
		WrongState,
		/// The replica is not this worker's.
		NotAssigned,
		/// The replica has its commitment already.
		AlreadyCommitted,
		/// The values are not those that the worker committed to.
		CommitmentMismatch,
		/// It is too early: nothing is due, or commitments are not yet opened, or the last heartbeat is too young.
		TooEarly,
		/// The deadline is over.
		TooLate,
		/// The result claims more units than the job allows.
		UnitsAboveMax,
		/// The account is no operator: use `register_operator` first.
		NotOperator,
		/// The operator's stake cannot cover the bond of a single unit at this price: add stake or ask for less.
		InsufficientBond,
		/// The worker is registered already.
		DuplicateWorkerKey,
		/// The proof is not the worker key's signature for this operator and this chain.
		BadProof,
		/// No such worker is registered.
		UnknownWorker,
		/// The worker is another operator's.
		NotYourWorker,
		/// The worker holds replicas. Let it finish them, without heartbeats it gets no new ones.
		WorkerBusy,
		/// The capacity must be 1 to 32.
		BadCapacity,
		/// The sequence number is not higher than the last heartbeat's.
		StaleHeartbeat,
		/// `valid_until` lies more than a day ahead, or for a heartbeat more than `HeartbeatTtl` blocks.
		ValidityTooLong,
		/// The class has workers: its engine cannot change.
		ClassInUse,
		/// The class's number is not below `MaxClasses`, or it has no memory.
		BadClass,
		/// The operator's stake is less than `StakePerWorker` for each of its workers and the new one: add stake.
		StakeTooLow,
		/// The sides of a kernel's matrices must be 1 to 65,536.
		BadKernel,
		/// A kernel is built in: it takes neither a program's locator nor arguments.
		KernelTakesNoProgram,
		/// The input of a kernel is its two matrices, a byte for an entry, and 32 bytes more if the product is verified on
		/// chain: `input_len` must be that.
		BadInputLength,
		/// Disputes and proofs are for kernels with one replica; disputes for 1 to `MaxDisputeBlocks` blocks, proofs for
		/// matrices whose sides are at most 1,024.
		BadVerification,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_poll(now: BlockNumberFor<T>, meter: &mut WeightMeter) {
			Self::serve_agenda(now.saturated_into(), meter);
		}

		fn offchain_worker(now: BlockNumberFor<T>) {
			Self::sync_gateways(now.saturated_into());
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
		/// Submits a job. What it can cost at most goes on hold; `quote` tells it before.
		///
		/// Parameters: `spec`, what to execute, where to get it, on which hardware, and for how much.
		///
		/// Emits `JobSubmitted`.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::submit(spec.encoded_size() as u32))]
		pub fn submit(origin: OriginFor<T>, spec: JobSpec) -> DispatchResult {
			let requester = ensure_signed(origin)?;
			Self::do_submit(requester, spec)?;
			Ok(())
		}

		/// Withdraws a job. Everything is given back.
		///
		/// Parameters: `job`, of which no replica may have been accepted yet.
		///
		/// Emits `JobCancelled`.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::cancel())]
		pub fn cancel(origin: OriginFor<T>, #[pallet::compact] job: JobId) -> DispatchResult {
			let requester = ensure_signed(origin)?;
			Self::do_cancel(requester, job)
		}

		/// Registers a device of the sending operator.
		///
		/// Parameters: `worker`, its hot key; `profile`, what it offers; `proof`, the hot key's signature of
		/// [`io_primitives::call::registration_payload`] for this operator.
		///
		/// Emits `WorkerRegistered`.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::register_worker())]
		pub fn register_worker(
			origin: OriginFor<T>,
			worker: WorkerKey,
			profile: Profile,
			proof: sr25519::Signature,
		) -> DispatchResult {
			let operator = ensure_signed(origin)?;
			Self::do_register_worker(operator, worker, profile, proof)
		}

		/// Replaces a worker's profile. Replicas that it holds keep the terms on which they were drawn.
		///
		/// Parameters: `worker`, one of the sender's; `profile`, what it offers from now on.
		///
		/// Emits `WorkerUpdated`.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::update_worker())]
		pub fn update_worker(
			origin: OriginFor<T>,
			worker: WorkerKey,
			profile: Profile,
		) -> DispatchResult {
			let operator = ensure_signed(origin)?;
			Self::do_update_worker(operator, worker, profile)
		}

		/// Forgets a worker that holds no replicas.
		///
		/// Parameters: `worker`, one of the sender's.
		///
		/// Emits `WorkerRetired`.
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::retire_worker())]
		pub fn retire_worker(origin: OriginFor<T>, worker: WorkerKey) -> DispatchResult {
			let operator = ensure_signed(origin)?;
			Self::do_retire_worker(operator, worker)
		}

		/// A worker's sign of life. For workers only, free.
		///
		/// Parameters: `worker`; `seq`, higher than the last; `load`, replicas that run now; `valid_until`, the last block
		/// in which the call counts; `signature`, the worker's, of [`WorkerCall::payload`].
		#[pallet::call_index(5)]
		#[pallet::weight((T::WeightInfo::heartbeat(), Pays::No))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_heartbeat())]
		#[pallet::authorize(|_source, worker, seq, load, valid_until, signature| {
			let call = WorkerCall::Heartbeat { seq: *seq, load: *load };
			Pallet::<T>::authorize_worker_call(worker, call, *valid_until, signature)
		})]
		pub fn heartbeat(
			origin: OriginFor<T>,
			worker: WorkerKey,
			seq: u64,
			load: u8,
			_valid_until: BlockNumber,
			_signature: sr25519::Signature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_heartbeat(worker, seq, load)
		}

		/// A worker takes the replica for which it was drawn. For workers only, free.
		///
		/// Parameters: `worker`; `job` and `replica`; `valid_until` and `signature` as in `heartbeat`.
		///
		/// Emits `ReplicaAccepted`.
		#[pallet::call_index(6)]
		#[pallet::weight((T::WeightInfo::accept(), Pays::No))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_step())]
		#[pallet::authorize(|_source, worker, job, replica, valid_until, signature| {
			let call = WorkerCall::Accept { job: *job, replica: *replica };
			Pallet::<T>::authorize_worker_call(worker, call, *valid_until, signature)
		})]
		pub fn accept(
			origin: OriginFor<T>,
			worker: WorkerKey,
			job: JobId,
			replica: ReplicaId,
			_valid_until: BlockNumber,
			_signature: sr25519::Signature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_accept(worker, job, replica)
		}

		/// A worker does not want the replica for which it was drawn. It loses a little reputation, nobody is slashed.
		/// For workers only, free.
		///
		/// Parameters: `worker`; `job` and `replica`; `valid_until` and `signature` as in `heartbeat`.
		///
		/// Emits `ReplicaDeclined`.
		#[pallet::call_index(7)]
		#[pallet::weight((T::WeightInfo::decline(), Pays::No))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_step())]
		#[pallet::authorize(|_source, worker, job, replica, valid_until, signature| {
			let call = WorkerCall::Decline { job: *job, replica: *replica };
			Pallet::<T>::authorize_worker_call(worker, call, *valid_until, signature)
		})]
		pub fn decline(
			origin: OriginFor<T>,
			worker: WorkerKey,
			job: JobId,
			replica: ReplicaId,
			_valid_until: BlockNumber,
			_signature: sr25519::Signature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_decline(worker, job, replica)
		}

		/// A worker commits to its result without showing it. For workers only, free.
		///
		/// Parameters: `worker`; `job` and `replica`; `commitment`, see [`io_primitives::digest::commitment`];
		/// `valid_until` and `signature` as in `heartbeat`.
		///
		/// Emits `ReplicaCommitted`, and `JobRevealing` if it was the last one.
		#[pallet::call_index(8)]
		#[pallet::weight((T::WeightInfo::commit(), Pays::No))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_step())]
		#[pallet::authorize(|_source, worker, job, replica, commitment, valid_until, signature| {
			let call =
				WorkerCall::Commit { job: *job, replica: *replica, commitment: *commitment };
			Pallet::<T>::authorize_worker_call(worker, call, *valid_until, signature)
		})]
		pub fn commit(
			origin: OriginFor<T>,
			worker: WorkerKey,
			job: JobId,
			replica: ReplicaId,
			commitment: H256,
			_valid_until: BlockNumber,
			_signature: sr25519::Signature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			Self::do_commit(worker, job, replica, commitment)
		}

		/// A worker opens its commitment. The job is settled in the next block after all have. For workers only, free.
		///
		/// Parameters: `worker`; `job` and `replica`; `digest`, `units`, `exit_code` and `salt`, to which it committed;
		/// `output_at`, where the output can be fetched; `valid_until` and `signature` as in `heartbeat`.
		///
		/// Emits `ReplicaRevealed`.
		#[pallet::call_index(9)]
		#[pallet::weight((T::WeightInfo::reveal(), Pays::No))]
		#[pallet::weight_of_authorize(T::WeightInfo::authorize_step())]
		#[pallet::authorize(|_source, worker, job, replica, digest, units, exit_code, salt, output_at, valid_until, signature| {
			let call = WorkerCall::Reveal {
				job: *job,
				replica: *replica,
				digest: *digest,
				units: *units,
				exit_code: *exit_code,
				salt: *salt,
				output_at: output_at.clone(),
			};
			Pallet::<T>::authorize_worker_call(worker, call, *valid_until, signature)
		})]
		pub fn reveal(
			origin: OriginFor<T>,
			worker: WorkerKey,
			job: JobId,
			replica: ReplicaId,
			digest: H256,
			units: u64,
			exit_code: i32,
			salt: [u8; 32],
			output_at: OutputAt,
			_valid_until: BlockNumber,
			_signature: sr25519::Signature,
		) -> DispatchResult {
			ensure_authorized(origin)?;
			let call =
				WorkerCall::Reveal { job, replica, digest, units, exit_code, salt, output_at };
			Self::do_reveal(worker, call)
		}

		/// Fires the timers of a job that are due, if the agenda has not come to it. For anybody; free if it moved the job.
		///
		/// Parameters: `job`.
		///
		/// Emits what the timers cause.
		#[pallet::call_index(10)]
		#[pallet::weight(T::WeightInfo::poke().saturating_add(Pallet::<T>::service_weight_limit()))]
		pub fn poke(
			origin: OriginFor<T>,
			#[pallet::compact] job: JobId,
		) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			let record = Jobs::<T>::get(job).ok_or(Error::<T>::UnknownJob)?;
			ensure!(Self::serve_poked(job, record, Self::now()), Error::<T>::TooEarly);
			Ok(Pays::No.into())
		}

		/// Sets or removes a hardware class. Only for the admin origin.
		///
		/// Parameters: `class`, its number, below `MaxClasses`; `info`, what it is, or nothing to remove it. The engine of
		/// a class that has workers cannot change.
		///
		/// Emits `ClassSet`.
		#[pallet::call_index(11)]
		#[pallet::weight(T::WeightInfo::set_class())]
		pub fn set_class(
			origin: OriginFor<T>,
			class: ClassId,
			info: Option<ClassInfo>,
		) -> DispatchResult {
			T::AdminOrigin::ensure_origin(origin)?;
			Self::do_set_class(class, info)
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// A job, or how it ended; `None` if it never existed or has been forgotten.
		pub fn job(id: JobId) -> Option<JobView<T::AccountId>> {
			Self::job_view(id)
		}

		/// Jobs of a class that wait for workers, oldest first, [`PAGE`] of them on a page.
		pub fn open_jobs(class: ClassId, page: u32) -> Vec<JobView<T::AccountId>> {
			Self::open_jobs_of(class, page)
		}

		/// Where the outputs of a job's revealed replicas can be fetched.
		pub fn outputs(id: JobId) -> Vec<(ReplicaId, OutputAt)> {
			Self::outputs_of(id)
		}

		/// An account's bonds and workers.
		pub fn operator_summary(account: T::AccountId) -> OperatorSummary {
			Self::summary_of(&account)
		}

		/// What a job costs at most, or the rule that its specification breaks.
		pub fn quote(spec: JobSpec) -> Result<Price, DispatchError> {
			Self::price(&spec)
		}
	}
}

impl<T: Config> Pallet<T> {
	/// Panics if the runtime's constants cannot work.
	fn check_constants() {
		assert!(T::MaxAgendaPerBlock::get() > 0, "MaxAgendaPerBlock must be positive");
		assert!(T::MaxOutcomes::get() > 0, "MaxOutcomes must be positive");
		assert!(T::MaxClasses::get() > 0, "MaxClasses must be positive");
		assert!(T::MaxClasses::get() <= 1 << ClassId::BITS, "a ClassId has 16 bits");
		assert!(T::MaxSpecBytes::get() > 0, "MaxSpecBytes must be positive");
		// The agenda may use half of what is left of a block; jobs that never fit would stay for ever.
		let one = T::WeightInfo::poll_base()
			.saturating_add(T::WeightInfo::poll_slot())
			.saturating_add(Self::service_weight_limit());
		let block = <T as frame_system::Config>::BlockWeights::get().max_block;
		assert!(
			one.saturating_mul(4).all_lte(block),
			"a quarter of a block must have room for the service of one job"
		);
	}
}
