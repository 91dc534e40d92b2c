//! Benchmarks of the calls, of their authorisation, and of the work in `on_poll`, each in its dearest case.

use alloc::{vec, vec::Vec};
use codec::Encode;
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{
		fungible::{Mutate, MutateHold},
		Authorize,
	},
	weights::WeightMeter,
};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use io_primitives::{
	call::registration_payload,
	digest::{commitment, Opening},
	job::{Payee, Seat, KERNEL_SEED_BYTES, MAX_REPLICAS, MAX_TOTAL_REPLICAS},
	worker::{Accelerator, Engine, Engines},
	Beacon, Claim, JobState, Kernel, Locator, Program, Replica, ReplicaState, SignedWorkerCall,
	Verification,
};
use sp_core::crypto::KeyTypeId;
use sp_runtime::transaction_validity::TransactionSource;

use super::*;
use crate::{
	settlement::Ending,
	types::{Verdict, START_REPUTATION},
};

const CLASS: ClassId = 0;
const KERNEL_CLASS: ClassId = 2;
const UNITS: u64 = 1_000_000;
const KEY_TYPE: KeyTypeId = KeyTypeId(*b"iowk");
const NOW: BlockNumber = 1_000;

fn set_block<T: Config>(block: BlockNumber) {
	frame_system::Pallet::<T>::set_block_number(BlockNumberFor::<T>::from(block));
}

fn price<T: Config>() -> Balance {
	T::MinPricePerUnit::get().max(T::Currency::minimum_balance()).max(1)
}

fn set_up<T: Config>() {
	set_block::<T>(NOW);
	AgendaCursor::<T>::put(NOW + 1);
	for class in [CLASS, CLASS + 1] {
		set_class::<T>(class, Engine::Wasm);
	}
}

fn set_class<T: Config>(class: ClassId, engine: Engine) {
	let info = ClassInfo { engine, min_memory: 1_024, min_vram: 0, accelerator: Accelerator::None };
	Pallet::<T>::do_set_class(class, Some(info)).expect("the number is below MaxClasses");
}

fn rich<T: Config>(who: &T::AccountId) {
	let amount = price::<T>().saturating_mul(Balance::from(UNITS)).saturating_mul(1_000);
	T::Currency::mint_into(who, amount).expect("benchmarks can mint");
}

fn locators(count: usize) -> io_primitives::Locators {
	BoundedVec::truncate_from(vec![Locator::truncate_from(vec![b'u'; 60]); count])
}

fn spec<T: Config>(replicas: u8) -> JobSpec {
	JobSpec {
		program: Program::Wasm { hash: H256::repeat_byte(1) },
		program_at: locators(1),
		input_at: locators(1),
		input: H256::repeat_byte(2),
		input_len: 1,
		args: Default::default(),
		class: CLASS,
		max_units: UNITS,
		max_memory: 1,
		max_output: 1,
		price_per_unit: price::<T>(),
		replicas,
		quorum: replicas / 2 + 1,
		run_blocks: T::MinRunBlocks::get().max(1),
		encryption: None,
		min_perf: 0,
		verification: Verification::Quorum,
	}
}

/// A job for the kernel of a claim, verified as the claim says.
fn kernel_spec<T: Config>(claim: &Claim<T::AccountId>) -> JobSpec {
	let Kernel::MatMulI8 { m, k, n } = claim.kernel;
	let [m, k, n] = [m, k, n].map(u64::from);
	JobSpec {
		program: Program::Kernel { kind: claim.kernel.clone() },
		program_at: Default::default(),
		input_len: m * k + k * n + KERNEL_SEED_BYTES,
		class: KERNEL_CLASS,
		max_output: 4 * m * n,
		verification: claim.verification,
		..spec::<T>(1)
	}
}

/// Full size, with everything that a profile can carry.
fn profile<T: Config>(class: ClassId) -> Profile {
	Profile {
		class,
		ask_per_unit: price::<T>(),
		capacity: 32,
		engines: Engines::WASM,
		x25519: [1; 32],
		endpoints: BoundedVec::truncate_from(vec![Locator::truncate_from(vec![b'e'; 256]); 4]),
	}
}

fn operator<T: Config>(index: u32) -> T::AccountId {
	let who: T::AccountId = account("operator", index, 0);
	let bonds = Pallet::<T>::bond(price::<T>(), UNITS).saturating_mul(100);
	let stake = bonds.saturating_add(T::StakePerWorker::get());
	T::Bonding::ensure_operator(&who, stake);
	rich::<T>(&who);
	who
}

/// Registers a worker of operator `index` that is online.
fn worker<T: Config>(index: u32, worker: WorkerKey) -> WorkerKey {
	let operator = operator::<T>(index);
	let place = Pallet::<T>::join_class(CLASS, worker);
	let deposit = T::WorkerDeposit::get();
	T::Currency::hold(&HoldReason::WorkerDeposit.into(), &operator, deposit)
		.expect("the operator is rich");
	let info = WorkerInfo {
		operator,
		class: CLASS,
		index: place,
		changed_at: NOW - 1,
		ask: price::<T>(),
		capacity: 32,
		engines: Engines::WASM,
		reputation: START_REPUTATION,
		deposit,
		live: BoundedVec::new(),
	};
	WorkersOf::<T>::mutate(&info.operator, |workers| *workers += 1);
	Workers::<T>::insert(worker, info);
	Profiles::<T>::insert(worker, profile::<T>(CLASS));
	Heartbeats::<T>::insert(worker, Heartbeat { seq: 1, at: NOW - 500, load: 0 });
	worker
}

/// A key whose signatures nobody needs.
fn plain_key(index: u32) -> WorkerKey {
	WorkerKey::from_raw((b"worker", index).using_encoded(sp_io::hashing::blake2_256))
}

fn signing_key() -> WorkerKey {
	sp_io::crypto::sr25519_generate(KEY_TYPE, None)
}

fn sign(worker: &WorkerKey, message: &[u8]) -> sr25519::Signature {
	sp_io::crypto::sr25519_sign(KEY_TYPE, worker, message).expect("the keystore made the key")
}

fn signed<T: Config>(worker: WorkerKey, call: WorkerCall) -> SignedWorkerCall {
	let valid_until = Pallet::<T>::now().saturating_add(10);
	let signature = sign(&worker, &call.payload(Pallet::<T>::genesis(), valid_until));
	SignedWorkerCall { worker, call, valid_until, signature }
}

fn verdict() -> Verdict {
	Verdict { digest: H256::repeat_byte(3), units: UNITS, exit_code: 0 }
}

fn opening() -> Opening {
	let Verdict { digest, units, exit_code } = verdict();
	Opening { digest, units, exit_code, salt: [7; 32] }
}

fn revealed() -> ReplicaState {
	let Verdict { digest, units, exit_code } = verdict();
	ReplicaState::Revealed { digest, units, exit_code }
}

/// Submits a job whose `r` replicas have workers and are in `state`. The first worker is `first`, if given.
fn seated<T: Config>(
	r: u32,
	state: ReplicaState,
	first: Option<WorkerKey>,
) -> (T::AccountId, JobId, Job<T::AccountId>) {
	set_up::<T>();
	let requester: T::AccountId = account("requester", 0, 0);
	rich::<T>(&requester);
	let id = NextJobId::<T>::get();
	Pallet::<T>::do_submit(requester.clone(), spec::<T>(r.min(MAX_REPLICAS) as u8))
		.expect("the specification is valid and the requester rich");
	let mut job = Jobs::<T>::get(id).expect("just submitted");
	for index in 0..r {
		let key = first.filter(|_| index == 0).unwrap_or_else(|| plain_key(index));
		let worker = worker::<T>(index, key);
		let operator: T::AccountId = account("operator", index, 0);
		let bond = Pallet::<T>::bond(price::<T>(), UNITS);
		T::Bonding::lock(&operator, bond).expect("the operator has the stake");
		Pallet::<T>::with_worker(&worker, |info| {
			info.live.try_push((id, index as ReplicaId)).expect("it has capacity");
		});
		let replica = Replica {
			state,
			attempt: 1,
			deadline: NOW + 5,
			seat: Some(Seat { worker, operator, ask: price::<T>(), bond }),
		};
		match job.replicas.get_mut(index as usize) {
			Some(place) => *place = replica,
			None => job.replicas.try_push(replica).expect("there are at most so many"),
		}
	}
	job.refresh(NOW);
	Jobs::<T>::insert(id, &job);
	(requester, id, job)
}

/// As [`seated`], in `Revealing`.
fn revealing<T: Config>(
	r: u32,
	state: ReplicaState,
	first: Option<WorkerKey>,
) -> (JobId, Job<T::AccountId>) {
	let (_, id, mut job) = seated::<T>(r, state, first);
	job.state = JobState::Revealing;
	job.vacant_since = None;
	Jobs::<T>::insert(id, &job);
	(id, job)
}

/// The agenda's list of a block is full.
fn fill_agenda<T: Config>(block: BlockNumber) {
	let ids: Vec<JobId> = (0..u64::from(T::MaxAgendaPerBlock::get())).map(|n| n + 1_000).collect();
	Agenda::<T>::insert(block, BoundedVec::truncate_from(ids));
}

/// The job stands far in the future, where a call has to fetch it from.
fn file_far<T: Config>(id: JobId, job: &mut Job<T::AccountId>) {
	Pallet::<T>::unfile(id, job.slot);
	let far = Pallet::<T>::now() + 10_000;
	fill_agenda::<T>(far);
	Agenda::<T>::mutate(far, |list| {
		list.pop();
		list.try_push(id).expect("one was taken out");
	});
	job.slot = far;
	Jobs::<T>::insert(id, &*job);
}

/// Registers the worker for the operator, for the benchmarks of other pallets.
pub(crate) fn registered<T: Config>(worker: &WorkerKey, operator: &T::AccountId) {
	if Workers::<T>::contains_key(worker) {
		return;
	}
	set_class::<T>(KERNEL_CLASS, Engine::Kernel);
	let info = WorkerInfo {
		operator: operator.clone(),
		class: KERNEL_CLASS,
		index: Pallet::<T>::join_class(KERNEL_CLASS, *worker),
		changed_at: 0,
		ask: price::<T>(),
		capacity: 32,
		engines: Engines::KERNEL,
		reputation: START_REPUTATION,
		deposit: 0,
		live: BoundedVec::new(),
	};
	WorkersOf::<T>::mutate(operator, |workers| *workers += 1);
	Workers::<T>::insert(worker, info);
	Profiles::<T>::insert(worker, profile::<T>(KERNEL_CLASS));
}

/// Makes a job whose claim waits for its verdict, for the benchmarks of the pallet that judges. To end it is as dear as
/// it can be: it stands in a full list, and an old outcome makes room.
pub(crate) fn on_trial<T: Config>(claim: Claim<T::AccountId>) -> JobId {
	let operator = match Workers::<T>::get(claim.worker) {
		Some(info) => info.operator,
		None => {
			let operator = operator::<T>(0);
			registered::<T>(&claim.worker, &operator);
			operator
		},
	};
	set_class::<T>(KERNEL_CLASS, Engine::Kernel);
	rich::<T>(&claim.requester);
	rich::<T>(&operator);
	let id = NextJobId::<T>::get();
	Pallet::<T>::do_submit(claim.requester.clone(), kernel_spec::<T>(&claim))
		.expect("the claim's kernel and verification are valid and the requester rich");
	let mut job = Jobs::<T>::get(id).expect("just submitted");
	let bond = Pallet::<T>::bond(job.price, job.max_units);
	let stake = T::Bonding::stake(&operator);
	T::Bonding::ensure_operator(&operator, stake.saturating_add(bond));
	T::Bonding::lock(&operator, bond).expect("the operator has the stake");
	Pallet::<T>::with_worker(&claim.worker, |info| {
		info.live.try_push((id, 0)).expect("a benchmark needs few jobs");
	});
	let Claim { worker, digest, units, exit_code, .. } = claim;
	job.replicas[0] = Replica {
		state: ReplicaState::Revealed { digest, units: units.min(job.max_units), exit_code },
		attempt: 1,
		deadline: Pallet::<T>::now(),
		seat: Some(Seat { worker, operator, ask: price::<T>(), bond }),
	};
	job.vacant_since = None;
	job.start_trial(Pallet::<T>::now() + 100);
	Outputs::<T>::insert(id, 0, OutputAt::truncate_from(vec![b'o'; 256]));
	file_far::<T>(id, &mut job);
	remembered::<T>(id, MAX_TOTAL_REPLICAS);
	id
}

/// The place of the job's outcome is taken by an old one with `r` payees, whose outputs are still kept. Returns the old
/// job's number.
fn remembered<T: Config>(id: JobId, r: u32) -> JobId {
	let old = JobId::from(T::MaxOutcomes::get()).saturating_add(id);
	let mut payees = BoundedVec::new();
	for index in 0..r {
		let payee = Payee {
			replica: index as ReplicaId,
			worker: plain_key(index),
			operator: account("operator", index, 0),
			amount: 1,
		};
		payees.try_push(payee).expect("there are at most so many");
		Outputs::<T>::insert(old, index as ReplicaId, OutputAt::default());
	}
	Outcomes::<T>::insert(
		Pallet::<T>::outcome_slot(old),
		Outcome {
			id: old,
			requester: account("requester", 0, 0),
			state: JobState::Settled,
			fail_reason: None,
			ended_at: Pallet::<T>::now(),
			digest: H256::zero(),
			units: 1,
			exit_code: 0,
			paid: r.into(),
			refunded: 0,
			fee: 0,
			payees,
		},
	);
	old
}

fn key_of<T: Config>(job: &Job<T::AccountId>) -> WorkerKey {
	job.replicas[0].seat.as_ref().expect("all are seated").worker
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn submit(b: Linear<400, { T::MaxSpecBytes::get() }>) -> Result<(), BenchmarkError> {
		set_up::<T>();
		let caller: T::AccountId = whitelisted_caller();
		rich::<T>(&caller);
		let mut spec = spec::<T>(MAX_REPLICAS as u8);
		while let Some(missing) = (b as usize).checked_sub(spec.encoded_size() + 3) {
			let arg = BoundedVec::truncate_from(vec![b'a'; missing.min(253)]);
			if missing == 0 || spec.args.try_push(arg).is_err() {
				break;
			}
		}
		for block in NOW + 1..NOW + AGENDA_PROBES {
			fill_agenda::<T>(block);
		}

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), spec);

		assert_eq!(Jobs::<T>::get(0).map(|job| job.slot), Some(NOW + AGENDA_PROBES));
		Ok(())
	}

	#[benchmark]
	fn cancel() {
		let (requester, id, mut job) = seated::<T>(MAX_REPLICAS, ReplicaState::Assigned, None);
		file_far::<T>(id, &mut job);

		#[extrinsic_call]
		_(RawOrigin::Signed(requester), id);

		assert!(!Jobs::<T>::contains_key(id));
	}

	#[benchmark]
	fn register_worker() {
		set_up::<T>();
		let operator = operator::<T>(0);
		let worker = signing_key();
		let proof = sign(&worker, &registration_payload(Pallet::<T>::genesis(), &operator));

		#[extrinsic_call]
		_(RawOrigin::Signed(operator), worker, profile::<T>(CLASS), proof);

		assert!(Workers::<T>::contains_key(worker));
	}

	#[benchmark]
	fn update_worker() {
		set_up::<T>();
		let first = worker::<T>(0, plain_key(0));
		worker::<T>(1, plain_key(1));
		let operator: T::AccountId = account("operator", 0, 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(operator), first, profile::<T>(CLASS + 1));

		assert_eq!(ClassCount::<T>::get(CLASS), 1);
	}

	#[benchmark]
	fn retire_worker() {
		set_up::<T>();
		let first = worker::<T>(0, plain_key(0));
		worker::<T>(1, plain_key(1));
		let operator: T::AccountId = account("operator", 0, 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(operator), first);

		assert!(!Workers::<T>::contains_key(first));
	}

	#[benchmark]
	fn heartbeat() {
		set_up::<T>();
		let worker = worker::<T>(0, plain_key(0));
		let signature = sr25519::Signature::default();

		#[extrinsic_call]
		_(RawOrigin::Authorized, worker, 2, 1, NOW, signature);

		assert_eq!(Heartbeats::<T>::get(worker).map(|beat| beat.seq), Some(2));
	}

	#[benchmark]
	fn accept() {
		let (_, id, job) = seated::<T>(MAX_TOTAL_REPLICAS, ReplicaState::Assigned, None);
		let signature = sr25519::Signature::default();

		#[extrinsic_call]
		_(RawOrigin::Authorized, key_of::<T>(&job), id, 0, NOW, signature);

		assert_eq!(
			Jobs::<T>::get(id).map(|job| job.replicas[0].state),
			Some(ReplicaState::Accepted)
		);
	}

	#[benchmark]
	fn decline() {
		let (_, id, mut job) = seated::<T>(MAX_REPLICAS, ReplicaState::Assigned, None);
		file_far::<T>(id, &mut job);
		fill_agenda::<T>(NOW + 1);
		let signature = sr25519::Signature::default();

		#[extrinsic_call]
		_(RawOrigin::Authorized, key_of::<T>(&job), id, 0, NOW, signature);

		assert_eq!(Jobs::<T>::get(id).map(|job| job.slot), Some(NOW + 2));
	}

	#[benchmark]
	fn commit() {
		let commitment = H256::repeat_byte(1);
		let (_, id, mut job) =
			seated::<T>(MAX_REPLICAS, ReplicaState::Committed { commitment }, None);
		job.replicas[0].state = ReplicaState::Accepted;
		file_far::<T>(id, &mut job);
		fill_agenda::<T>(NOW + T::RevealBlocks::get());
		let signature = sr25519::Signature::default();

		#[extrinsic_call]
		_(RawOrigin::Authorized, key_of::<T>(&job), id, 0, commitment, NOW, signature);

		assert_eq!(Jobs::<T>::get(id).map(|job| job.state), Some(JobState::Revealing));
	}

	#[benchmark]
	fn reveal() {
		let (id, mut job) = revealing::<T>(MAX_TOTAL_REPLICAS, revealed(), None);
		let key = key_of::<T>(&job);
		let opening = opening();
		job.replicas[0].state =
			ReplicaState::Committed { commitment: commitment(&key, id, 0, 1, &opening) };
		file_far::<T>(id, &mut job);
		fill_agenda::<T>(NOW + 1);
		let signature = sr25519::Signature::default();
		let Opening { digest, units, exit_code, salt } = opening;
		let at = OutputAt::truncate_from(vec![b'o'; 256]);

		#[extrinsic_call]
		_(RawOrigin::Authorized, key, id, 0, digest, units, exit_code, salt, at, NOW, signature);

		assert_eq!(Jobs::<T>::get(id).map(|job| job.slot), Some(NOW + 2));
	}

	#[benchmark]
	fn poke() {
		let (_, id, mut job) = seated::<T>(1, ReplicaState::Accepted, None);
		file_far::<T>(id, &mut job);
		set_block::<T>(NOW + 5);
		let caller: T::AccountId = whitelisted_caller();

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), id);

		assert_eq!(Jobs::<T>::get(id).map(|job| job.wanted().count()), Some(1));
	}

	#[benchmark]
	fn set_class() -> Result<(), BenchmarkError> {
		set_up::<T>();
		let info = Classes::<T>::get(CLASS);
		let origin =
			T::AdminOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, CLASS, info);

		Ok(())
	}

	#[benchmark]
	fn authorize_heartbeat() {
		set_up::<T>();
		let worker = worker::<T>(0, signing_key());
		let call = Pallet::<T>::worker_call(signed::<T>(
			worker,
			WorkerCall::Heartbeat { seq: 2, load: 1 },
		));
		let valid;

		#[block]
		{
			valid = call.authorize(TransactionSource::External);
		}

		assert!(matches!(valid, Some(Ok(_))));
	}

	/// A reveal is the dearest of the steps.
	#[benchmark]
	fn authorize_step() {
		let key = signing_key();
		let (id, mut job) = revealing::<T>(MAX_TOTAL_REPLICAS, revealed(), Some(key));
		let opening = opening();
		job.replicas[0].state =
			ReplicaState::Committed { commitment: commitment(&key, id, 0, 1, &opening) };
		Jobs::<T>::insert(id, &job);
		let Opening { digest, units, exit_code, salt } = opening;
		let call = Pallet::<T>::worker_call(signed::<T>(
			key,
			WorkerCall::Reveal {
				job: id,
				replica: 0,
				digest,
				units,
				exit_code,
				salt,
				output_at: OutputAt::truncate_from(vec![b'o'; 256]),
			},
		));
		let valid;

		#[block]
		{
			valid = call.authorize(TransactionSource::External);
		}

		assert!(matches!(valid, Some(Ok(_))));
	}

	#[benchmark]
	fn poll_base() {
		set_up::<T>();
		let mut meter = WeightMeter::new();
		AgendaCursor::<T>::put(NOW);

		#[block]
		{
			// The list of the block is empty; its slot is counted here as well.
			Pallet::<T>::serve_agenda(NOW, &mut meter);
		}

		assert_eq!(AgendaCursor::<T>::get(), NOW + 1);
	}

	#[benchmark]
	fn poll_slot() {
		set_up::<T>();
		fill_agenda::<T>(NOW);

		#[block]
		{
			let list = Agenda::<T>::take(NOW);
			Agenda::<T>::insert(NOW, list);
		}

		assert!(Agenda::<T>::contains_key(NOW));
	}

	#[benchmark]
	fn service_idle() {
		let (_, id, job) = seated::<T>(MAX_TOTAL_REPLICAS, ReplicaState::Accepted, None);
		Pallet::<T>::unfile(id, job.slot);
		for block in NOW + 5..NOW + 4 + AGENDA_PROBES {
			fill_agenda::<T>(block);
		}

		#[block]
		{
			Pallet::<T>::serve(id, NOW);
		}

		assert_eq!(Jobs::<T>::get(id).map(|job| job.slot), Some(NOW + 4 + AGENDA_PROBES));
	}

	#[benchmark]
	fn service_draw(r: Linear<1, { MAX_TOTAL_REPLICAS }>) {
		let (_, id, mut job) = seated::<T>(r, ReplicaState::Assigned, None);
		// Those who have a seat lose it, so that others than they are drawn; all of these fit.
		for replica in job.replicas.iter_mut() {
			replica.state = ReplicaState::Vacant;
			replica.seat = None;
		}
		for index in 0..r {
			let info = Workers::<T>::get(plain_key(index)).expect("registered above");
			Pallet::<T>::with_worker(&plain_key(index), |info| info.live.clear());
			T::Bonding::unlock(&info.operator, Pallet::<T>::bond(price::<T>(), UNITS));
		}
		for index in r..r + 2 * DRAW_WIDTH {
			worker::<T>(index, plain_key(index));
		}
		// What each has proven is read as well.
		job.min_perf = 1;
		for index in 0..r + 2 * DRAW_WIDTH {
			let key = plain_key(index);
			Heartbeats::<T>::insert(key, Heartbeat { seq: 1, at: NOW, load: 0 });
			T::Certificates::ensure_proven(&key, 2);
		}
		let beacon = Beacon { value: H256::repeat_byte(5), since: NOW + 1 };
		let looked;

		#[block]
		{
			looked = Pallet::<T>::draw_with(&beacon, id, &mut job, NOW);
		}

		assert_eq!((looked, job.wanted().count()), (r, 0));
	}

	#[benchmark]
	fn service_missed(r: Linear<1, { MAX_TOTAL_REPLICAS }>) {
		let (_, id, mut job) = seated::<T>(r, ReplicaState::Accepted, None);
		let missed;

		#[block]
		{
			missed = Pallet::<T>::fire_timers(id, &mut job, NOW + 4, NOW + 5);
		}

		assert_eq!(missed, r);
	}

	/// One of `r` disagrees, the others are paid, and an old outcome with its outputs makes room.
	#[benchmark]
	fn service_settle(r: Linear<1, { MAX_TOTAL_REPLICAS }>) {
		let (id, mut job) = revealing::<T>(r, revealed(), None);
		for index in 0..r as ReplicaId {
			Outputs::<T>::insert(id, index, OutputAt::truncate_from(vec![b'o'; 256]));
		}
		if r > 2 {
			job.replicas[0].state =
				ReplicaState::Revealed { digest: H256::zero(), units: UNITS, exit_code: 0 };
		}
		let old = remembered::<T>(id, r);
		// More replicas agree than the escrow was made for; the tie-breaks of a real job never do.
		let units = UNITS / 2;
		for replica in job.replicas.iter_mut().skip(usize::from(r > 2)) {
			replica.state =
				ReplicaState::Revealed { digest: verdict().digest, units, exit_code: 0 };
		}

		#[block]
		{
			Pallet::<T>::end(id, job, Ending::Settled(Verdict { units, ..verdict() }));
		}

		assert!(!Jobs::<T>::contains_key(id));
		assert_eq!(Outputs::<T>::iter_prefix(old).count(), 0);
	}

	#[benchmark]
	fn service_end(r: Linear<1, { MAX_TOTAL_REPLICAS }>) {
		let (id, job) = revealing::<T>(r, revealed(), None);
		for index in 0..r as ReplicaId {
			Outputs::<T>::insert(id, index, OutputAt::truncate_from(vec![b'o'; 256]));
		}

		#[block]
		{
			Pallet::<T>::end(id, job, Ending::Failed(FailReason::NoQuorum));
		}

		assert_eq!(Outputs::<T>::iter_prefix(id).count(), 0);
	}

	impl_benchmark_test_suite!(
		Pallet,
		crate::mock::ExtBuilder::default().workers(0).build_with_keystore(),
		crate::mock::Runtime
	);
}
