//! Random calls by random users: after each of them all invariants hold, and when everybody falls silent every job comes
//! to its end in time.

use codec::Encode;
use frame_support::{
	traits::UnfilteredDispatchable,
	weights::{Weight, WeightMeter},
};
use io_primitives::{
	job::{MAX_ATTEMPTS, MAX_TIE_BREAKS},
	ReplicaState, Verdicts,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

use crate::{mock::*, *};

const WORKERS: u8 = 12;
/// The workers after these run kernels.
const WASM_WORKERS: u8 = 8;
/// The longest run of the random jobs.
const RUN: BlockNumber = 8;

/// Something that somebody tries. Most numbers are reduced to what exists.
#[derive(Clone, Copy, Debug)]
enum Action {
	Submit {
		who: u8,
		n: u8,
		k: u8,
		price: u8,
		units: u8,
		run: u8,
	},
	SubmitKernel {
		who: u8,
		verification: u8,
		price: u8,
		min_perf: u8,
		run: u8,
	},
	/// The verdict on a job's product.
	Verdict {
		job: u8,
		refute: bool,
	},
	/// A worker's certificates change.
	Prove {
		worker: u8,
		mops: u8,
	},
	Cancel {
		who: u8,
		job: u8,
	},
	/// What the replica's worker should do next.
	Advance {
		job: u8,
		replica: u8,
	},
	/// Any step, by anybody.
	Step {
		job: u8,
		replica: u8,
		kind: u8,
		result: u8,
		stranger: u8,
	},
	Beat {
		worker: u8,
	},
	BeatAll,
	Block {
		weight: u8,
	},
	Register {
		worker: u8,
		ask: u8,
		capacity: u8,
	},
	Update {
		worker: u8,
		ask: u8,
		class: u8,
	},
	Retire {
		worker: u8,
	},
	Poke {
		job: u8,
	},
	Stake {
		worker: u8,
		kind: u8,
		amount: u32,
	},
	CancelSlash {
		id: u8,
	},
	Change {
		what: u8,
		to: u8,
	},
}

fn action(bytes: [u8; 8]) -> Action {
	let [kind, a, b, c, d, e, f, _] = bytes;
	match kind % 80 {
		0..=2 => Action::Submit { who: a, n: b, k: c, price: d, units: e, run: f },
		3 => Action::Cancel { who: a, job: b },
		4..=30 => Action::Advance { job: a, replica: b },
		31..=37 => Action::Step { job: a, replica: b, kind: c, result: d, stranger: e },
		38 => Action::Beat { worker: a },
		39..=40 => Action::BeatAll,
		41..=49 => Action::Block { weight: a },
		50..=52 => Action::Submit { who: 0, n: 9, k: 9, price: 10, units: a, run: b },
		53 => Action::Register { worker: a, ask: b, capacity: c },
		54 => Action::Update { worker: a, ask: b, class: c },
		55 => Action::Retire { worker: a },
		56 => Action::Poke { job: a },
		57..=60 => Action::Stake { worker: a, kind: b, amount: u32::from_le_bytes([c, d, 0, 0]) },
		61 => Action::CancelSlash { id: a },
		62..=63 => Action::Change { what: a, to: b },
		64..=65 => Action::SubmitKernel { who: a, verification: b, price: c, min_perf: d, run: e },
		66 => Action::Verdict { job: a, refute: b % 2 == 0 },
		67 => Action::Prove { worker: a, mops: b },
		_ => Action::Advance { job: a, replica: b },
	}
}

/// What is known of the jobs from outside.
#[derive(Default)]
struct Model {
	escrows: BTreeMap<JobId, Balance>,
	ended: BTreeMap<JobId, ()>,
	issuance: Balance,
	/// How often each kind of event was seen.
	seen: Seen,
}

type Seen = BTreeMap<&'static str, u32>;

impl Model {
	fn new() -> Self {
		Self { issuance: IoStaking::supply(), ..Default::default() }
	}

	/// Reads the events since the last time and compares them with the state.
	fn observe(&mut self) {
		for record in System::read_events_no_consensus() {
			match record.event {
				RuntimeEvent::IoJobs(event) => self.note(event),
				// Money only leaves by burning fees and slashes.
				RuntimeEvent::Balances(pallet_balances::Event::BurnedHeld {
					reason: RuntimeHoldReason::IoJobs(HoldReason::JobEscrow),
					amount,
					..
				}) => self.issuance -= amount,
				RuntimeEvent::IoStaking(pallet_io_staking::Event::SlashApplied {
					burnt, ..
				}) => self.issuance -= burnt,
				_ => {},
			}
		}
		System::reset_events();
		assert_eq!(IoStaking::supply(), self.issuance, "invariant 9");
	}

	fn note(&mut self, event: Event<Runtime>) {
		*self.seen.entry(name(&event)).or_default() += 1;
		match event {
			Event::JobSubmitted { job, escrow, .. } => {
				self.escrows.insert(job, escrow);
			},
			Event::JobSettled { job, paid, refunded, fee, .. } => {
				self.end(job, paid + refunded + fee);
			},
			Event::JobFailed { job, refunded, .. }
			| Event::JobExpired { job, refunded }
			| Event::JobCancelled { job, refunded } => self.end(job, refunded),
			_ => {},
		}
	}

	fn end(&mut self, job: JobId, money: Balance) {
		assert_eq!(self.escrows[&job], money, "invariant 2: nothing is lost or made");
		assert!(self.ended.insert(job, ()).is_none(), "a job ends once");
	}
}

/// What the random runs have to come across.
const KINDS: [&str; 15] = [
	"settled",
	"cancelled",
	"expired",
	"attempts exhausted",
	"no quorum",
	"tie-break",
	"declined",
	"no show",
	"late",
	"unrevealed",
	"disagreed",
	"verifying",
	"refuted",
	"unproven",
	"not disputed or proven",
];

fn name(event: &Event<Runtime>) -> &'static str {
	match event {
		Event::JobSettled { units: 1, .. } => "not disputed or proven",
		Event::JobSettled { .. } => "settled",
		Event::JobCancelled { .. } => "cancelled",
		Event::JobExpired { .. } => "expired",
		Event::JobFailed { reason: FailReason::AttemptsExhausted, .. } => "attempts exhausted",
		Event::JobFailed { reason: FailReason::NoQuorum, .. } => "no quorum",
		Event::ReplicaAssigned { job: id, replica, .. }
			if Jobs::<Runtime>::get(id).is_some_and(|job| *replica >= job.n) =>
		{
			"tie-break"
		},
		Event::ReplicaDeclined { .. } => "declined",
		Event::ReplicaMissed { reason: MissReason::NoShow, .. } => "no show",
		Event::ReplicaMissed { reason: MissReason::Late, .. } => "late",
		Event::ReplicaMissed { reason: MissReason::Unrevealed, .. } => "unrevealed",
		Event::ReplicaMissed { reason: MissReason::Disagreed, .. } => "disagreed",
		Event::ReplicaMissed { reason: MissReason::Refuted, .. } => "refuted",
		Event::ReplicaMissed { reason: MissReason::Unproven, .. } => "unproven",
		Event::JobVerifying { .. } => "verifying",
		_ => "other",
	}
}

/// The `n`-th of the jobs that go on.
fn live_job(n: u8) -> Option<JobId> {
	let mut ids: Vec<_> = Jobs::<Runtime>::iter_keys().collect();
	ids.sort_unstable();
	let index = usize::from(n).checked_rem(ids.len())?;
	Some(ids[index])
}

fn requester(n: u8) -> AccountId {
	// An operator among them: it must never get its own job.
	[account(100), account(101), account(1)][usize::from(n % 3)].clone()
}

fn worker(n: u8) -> u8 {
	n % WORKERS + 1
}

/// What a worker offers before it changes it.
fn offer(w: u8) -> Profile {
	let profile = if w > WASM_WORKERS { kernel_profile() } else { profile() };
	Profile { ask_per_unit: 8, ..profile }
}

/// Dispatches a worker's call, whether or not it fails. The signature has its own tests; here it would take most of the
/// time.
fn unsigned(w: u8, call: WorkerCall) {
	let call = IoJobs::worker_call(io_primitives::SignedWorkerCall {
		worker: key(w),
		call,
		valid_until: now(),
		signature: Default::default(),
	});
	let _ = call.dispatch_bypass_filter(frame_system::RawOrigin::Authorized.into());
}

fn perform(action: Action) {
	match action {
		Action::Submit { who, n, k, price, units, run } => {
			let spec = JobSpec {
				replicas: n % 5 + u8::from(n > 8),
				quorum: k % 4 + u8::from(k > 8),
				price_per_unit: Balance::from(price % 12) + 1,
				max_units: u64::from(units) + 30,
				run_blocks: BlockNumber::from(run) % (RUN - 3) + 4,
				..spec()
			};
			let _ = IoJobs::submit(RuntimeOrigin::signed(requester(who)), spec);
		},
		Action::SubmitKernel { who, verification, price, min_perf, run } => {
			let spec = match verification % 8 {
				0..=2 => dispute_spec(),
				3..=5 => product_spec(),
				6 => kernel_spec(),
				// Two workers, which only a quorum can have.
				_ => JobSpec { replicas: 2, quorum: 2, ..dispute_spec() },
			};
			let spec = JobSpec {
				price_per_unit: Balance::from(price % 12) + 1,
				min_perf: u64::from(min_perf % 4),
				run_blocks: BlockNumber::from(run) % (RUN - 3) + 4,
				..spec
			};
			let _ = IoJobs::submit(RuntimeOrigin::signed(requester(who)), spec);
		},
		Action::Verdict { job, refute } => {
			let Some(id) = live_job(job) else { return };
			let claimed = IoJobs::claim(id).is_some();
			let verdict = if refute { IoJobs::refute(id) } else { IoJobs::confirm(id) };
			assert_eq!(verdict.is_ok(), claimed, "who has a claim can get a verdict");
		},
		Action::Prove { worker: w, mops } => Proven::insert(key(worker(w)), u64::from(mops % 8)),
		Action::Cancel { who, job } => {
			if let Some(id) = live_job(job) {
				let _ = IoJobs::cancel(RuntimeOrigin::signed(requester(who)), id);
			}
		},
		Action::Advance { job: n, replica } => {
			let Some(id) = live_job(n) else { return };
			let record = job(id);
			let replica = replica % record.replicas.len() as u8;
			let it = &record.replicas[usize::from(replica)];
			let Some(seat) = &it.seat else { return };
			let w = number(&seat.worker);
			// One in eight lies, each in its own way, and does so at the reveal as well.
			let lies = sp_io::hashing::twox_64(&(id, replica, it.attempt).encode())[0] < 32;
			let opening = opening_of(id, if lies { w + 1 } else { 1 });
			let call = match it.state {
				ReplicaState::Assigned => accept_call(id, replica),
				ReplicaState::Accepted => commit_call(id, replica, &opening),
				ReplicaState::Committed { .. } => reveal_call(id, replica, &opening),
				_ => return,
			};
			unsigned(w, call);
		},
		Action::Step { job: n, replica, kind, result, stranger } => {
			let Some(id) = live_job(n) else { return };
			let record = job(id);
			let replica = replica % record.replicas.len() as u8;
			let seated = record.replicas[usize::from(replica)].seat.as_ref();
			let w = match seated {
				Some(seat) if stranger < 240 => number(&seat.worker),
				_ => worker(stranger),
			};
			// Mostly honest workers, so that quorums come about; each liar has its own lie.
			let opening = opening_of(id, if result < 215 { 1 } else { w + 1 });
			let call = match kind % 16 {
				0..=2 => WorkerCall::Decline { job: id, replica },
				3..=5 => accept_call(id, replica),
				6..=10 => commit_call(id, replica, &opening),
				_ => reveal_call(id, replica, &opening),
			};
			unsigned(w, call);
		},
		Action::Beat { worker: w } => {
			let seq = Heartbeats::<Runtime>::get(key(worker(w))).map_or(1, |beat| beat.seq + 1);
			unsigned(worker(w), WorkerCall::Heartbeat { seq, load: 0 });
		},
		Action::BeatAll => beat(),
		Action::Block { weight } => match weight {
			0..=20 => next_block_with(&mut WeightMeter::with_limit(Weight::zero())),
			21..=60 => {
				let limit = IoJobs::service_weight_limit().saturating_mul(u64::from(weight % 8));
				next_block_with(&mut WeightMeter::with_limit(limit));
			},
			_ => next_block(),
		},
		Action::Register { worker: w, ask, capacity } => {
			let operator = account(worker(w));
			let profile = Profile {
				ask_per_unit: Balance::from(ask % 12) + 1,
				capacity: capacity % 4,
				..offer(worker(w))
			};
			let proof = proof(worker(w), &operator);
			let _ = IoJobs::register_worker(
				RuntimeOrigin::signed(operator),
				key(worker(w)),
				profile,
				proof,
			);
		},
		Action::Update { worker: w, ask, class } => {
			let offer = offer(worker(w));
			let profile = Profile {
				ask_per_unit: Balance::from(ask % 12) + 1,
				class: if class % 16 == 0 { 1 } else { offer.class },
				..offer
			};
			let operator = RuntimeOrigin::signed(account(worker(w)));
			let _ = IoJobs::update_worker(operator, key(worker(w)), profile);
		},
		Action::Retire { worker: w } => {
			let operator = RuntimeOrigin::signed(account(worker(w)));
			let _ = IoJobs::retire_worker(operator, key(worker(w)));
		},
		Action::Poke { job } => {
			if let Some(id) = live_job(job) {
				let _ = IoJobs::poke(RuntimeOrigin::signed(account(101)), id);
			}
		},
		Action::Stake { worker: w, kind, amount } => {
			let operator = RuntimeOrigin::signed(account(worker(w)));
			let amount = Balance::from(amount);
			let _ = match kind % 4 {
				0 => IoStaking::bond_extra(operator, amount),
				1 => IoStaking::unbond(operator, account(worker(w)), amount),
				2 => IoStaking::withdraw(operator, account(worker(w))),
				_ => IoStaking::register_operator(
					operator,
					amount,
					Default::default(),
					Default::default(),
				),
			};
		},
		Action::CancelSlash { id } => {
			let _ = IoStaking::cancel_slash(RuntimeOrigin::root(), id.into());
		},
		Action::Change { what, to } => match what % 8 {
			0 => BondFactor::set(u32::from(to % 4) + 1),
			1 => FeeRate::set(Permill::from_percent(u32::from(to % 20))),
			2 => HasBeacon::set(to % 8 != 0),
			3 => Author::set((to % 2 == 0).then(|| account(200))),
			4 => BeaconSeed::set(to.into()),
			5 => StakePerWorker::set(Balance::from(to) * 100),
			6 => BeaconAge::set(if to % 8 == 0 { 2 } else { 0 }),
			_ => WorkerDepositAmount::set(to.into()),
		},
	}
}

/// What a job's life can take at most.
fn bound() -> BlockNumber {
	let rounds = u32::from(MAX_ATTEMPTS) + MAX_TIE_BREAKS;
	OpenTtl::get()
		+ rounds * (AcceptBlocks::get() + RUN)
		+ 3 * RevealBlocks::get()
		+ MaxDisputeBlocks::get().max(ProofBlocks::get())
}

fn reset_statics() {
	BondFactor::set(3);
	FeeRate::set(Permill::from_percent(5));
	HasBeacon::set(true);
	Author::set(Some(account(200)));
	BeaconSeed::set(0);
	WorkerDepositAmount::set(7);
	StakePerWorker::set(1_000);
	BeaconAge::set(0);
}

/// Performs the actions, checking after each, and then lets everybody fall silent. Returns what happened.
fn run(actions: impl Iterator<Item = Action>) -> Seen {
	reset_statics();
	let mut seen = Seen::new();
	ExtBuilder::default().workers(WORKERS).build_and_execute(|| {
		for w in WASM_WORKERS + 1..=WORKERS {
			let operator = RuntimeOrigin::signed(account(w));
			IoJobs::update_worker(operator, key(w), offer(w)).unwrap();
			Proven::insert(key(w), 4);
		}
		let mut model = Model::new();
		for action in actions {
			perform(action);
			check();
			model.observe();
		}
		// Any one backlog that blocks without weight have left is worked off in one block.
		let silent_since = now();
		while Jobs::<Runtime>::iter_keys().next().is_some() {
			next_block();
			model.observe();
			assert!(now() <= silent_since + bound() + 1, "invariant 7: a job outlives its bound");
		}
		check();
		assert_eq!(model.escrows.len(), model.ended.len(), "every job has ended");
		assert_eq!(Agenda::<Runtime>::iter().count(), 0);
		seen = model.seen;
	});
	seen
}

/// A generator that gives the same numbers everywhere.
struct Numbers(u64);

impl Iterator for Numbers {
	type Item = [u8; 8];
	fn next(&mut self) -> Option<[u8; 8]> {
		self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut z = self.0;
		z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		Some((z ^ (z >> 31)).to_le_bytes())
	}
}

/// Jobs are submitted, and nobody ever does anything.
fn silence() -> impl Iterator<Item = Action> {
	(0..40u8).flat_map(|n| {
		[
			Action::Submit { who: n, n, k: n, price: 9, units: 70, run: 7 },
			Action::Block { weight: 255 },
		]
	})
}

#[test]
fn should_end_every_job_when_nobody_ever_acts() {
	run(silence());
}

#[test]
fn should_keep_all_invariants_over_thousands_of_random_calls() {
	// Attempts are seldom used up while others act.
	let mut seen = run(silence());
	for seed in 0..4 {
		for (kind, count) in run(Numbers(seed).map(action).take(1_000)) {
			*seen.entry(kind).or_default() += count;
		}
	}
	println!("{seen:?}");
	assert!(KINDS.iter().all(|kind| seen.contains_key(kind)), "{seen:?}");
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..Default::default() })]

	#[test]
	fn should_keep_all_invariants_whatever_happens(
		bytes in proptest::collection::vec(any::<[u8; 8]>(), 1..150)
	) {
		run(bytes.into_iter().map(action));
	}
}
