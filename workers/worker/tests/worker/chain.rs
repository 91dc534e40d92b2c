//! A chain made by hand: one worker, any number of jobs with one replica each, and the rules that a worker meets.

use std::{
	collections::BTreeMap,
	time::{Duration, Instant},
};

use codec::{DecodeAll, Encode};
use io_primitives::{
	AccountId, Assignment, JobSpec, JobState, Locator, Locators, Profile, Program, ReplicaState,
	SignedWorkerCall, Verification, WorkerCall, WorkerKey, WorkerView,
	digest::{Opening, commitment},
	gateway::{SyncRequest, SyncResponse, WorkerSync},
	worker::Engines,
};
use sp_core::{H256, Pair, sr25519};

use crate::{
	machine::{self, Machine},
	server::Server,
};

pub(crate) const GENESIS: H256 = H256::repeat_byte(0x42);
const ACCEPT_BLOCKS: u32 = 10;
const REVEAL_BLOCKS: u32 = 20;

/// A reveal that the chain took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Revealed {
	pub(crate) digest: H256,
	pub(crate) units: u64,
	pub(crate) exit_code: i32,
	pub(crate) output_at: String,
}

pub(crate) struct Chain {
	pub(crate) genesis: H256,
	pub(crate) best: u32,
	pub(crate) worker: WorkerKey,
	pub(crate) view: WorkerView<AccountId>,
	pub(crate) jobs: BTreeMap<u64, Assignment<AccountId>>,
	pub(crate) declined: Vec<u64>,
	pub(crate) revealed: BTreeMap<u64, Revealed>,
	/// Every commitment that was ever offered, per job: there must be one.
	pub(crate) commitments: BTreeMap<u64, Vec<H256>>,
	pub(crate) heartbeats: Vec<u64>,
	/// Calls of the last sync, as they came.
	pub(crate) last: Vec<SignedWorkerCall>,
	/// Whether calls have an effect.
	pub(crate) deaf: bool,
}

pub(crate) fn spec(program: H256, program_at: &str) -> JobSpec {
	let locator = |url: &str| Locator::try_from(url.as_bytes().to_vec()).unwrap();
	JobSpec {
		program: Program::Wasm { hash: program },
		program_at: Locators::try_from(vec![locator(program_at)]).unwrap(),
		input_at: Locators::default(),
		input: H256::zero(),
		input_len: 0,
		args: Default::default(),
		class: 0,
		max_units: 1_000,
		max_memory: 64,
		max_output: 1024 * 1024,
		price_per_unit: 100,
		replicas: 1,
		quorum: 1,
		run_blocks: 1_000,
		encryption: None,
		min_perf: 0,
		verification: Verification::Quorum,
	}
}

/// A program that exits with `code` after `rounds` of a loop.
pub(crate) fn program(rounds: u64, code: u32) -> Vec<u8> {
	wat::parse_str(format!(
		r#"(module
			(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
			(import "wasi_snapshot_preview1" "fd_write"
				(func $write (param i32 i32 i32 i32) (result i32)))
			(memory (export "memory") 1)
			(data (i32.const 16) "hello\n")
			(func (export "_start") (local $i i64)
				(i32.store (i32.const 0) (i32.const 16))
				(i32.store (i32.const 4) (i32.const 6))
				(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
				(loop $again
					(local.set $i (i64.add (local.get $i) (i64.const 1)))
					(br_if $again (i64.lt_u (local.get $i) (i64.const {rounds}))))
				(call $exit (i32.const {code}))))"#
	))
	.unwrap()
}

impl Chain {
	pub(crate) fn new(machine: &Machine) -> Chain {
		let worker = machine.key();
		Chain {
			genesis: GENESIS,
			best: 100,
			worker,
			view: WorkerView {
				worker,
				operator: AccountId::from([5; 32]),
				profile: Profile {
					class: 0,
					ask_per_unit: 1,
					capacity: 1,
					engines: Engines::WASM,
					x25519: [0; 32],
					endpoints: Default::default(),
				},
				online: true,
				heartbeat_seq: 0,
				last_heartbeat: None,
				heartbeat_ttl: 30,
				live: Vec::new(),
				reputation: 1_000_000,
				free_bond: 0,
			},
			jobs: BTreeMap::new(),
			declined: Vec::new(),
			revealed: BTreeMap::new(),
			commitments: BTreeMap::new(),
			heartbeats: Vec::new(),
			last: Vec::new(),
			deaf: false,
		}
	}

	/// Draws the worker for a new job.
	pub(crate) fn draw(&mut self, job: u64, spec: JobSpec) {
		let assignment = Assignment {
			job,
			replica: 0,
			attempt: 1,
			requester: AccountId::from([6; 32]),
			job_state: JobState::Running,
			state: ReplicaState::Assigned,
			deadline: self.best + ACCEPT_BLOCKS,
			ask: 1,
			bond: 1,
			spec,
		};
		self.jobs.insert(job, assignment);
	}

	/// Draws the worker for a good program on the server.
	pub(crate) fn draw_good(&mut self, server: &Server, job: u64, rounds: u64, code: u32) {
		let name = format!("program-{rounds}-{code}");
		let hash = server.put(&name, &program(rounds, code), crate::server::Manner::Good);
		self.draw(job, spec(hash, &server.url(&name)));
	}

	pub(crate) fn request(&self) -> SyncRequest<AccountId> {
		SyncRequest {
			genesis: self.genesis,
			best: self.best,
			workers: vec![WorkerSync {
				worker: self.worker,
				view: Some(self.view.clone()),
				assignments: self.jobs.values().cloned().collect(),
			}],
		}
	}

	/// The next block: a sync, and what the calls do.
	pub(crate) fn block(&mut self, machine: &Machine) {
		self.best += 1;
		let sent = machine::post(&machine.url("/v1/sync"), self.request().encode(), &[]);
		let (code, body) = sent.unwrap();
		assert_eq!(code, 200, "{}", String::from_utf8_lossy(&body));
		let response = SyncResponse::decode_all(&mut &body[..]).unwrap();
		assert_eq!(response.keys.to_vec(), vec![self.worker]);
		self.last = response.calls.to_vec();
		for signed in self.last.clone() {
			self.take(&signed);
		}
	}

	fn take(&mut self, signed: &SignedWorkerCall) {
		assert_eq!(signed.worker, self.worker);
		assert!(signed.valid_until >= self.best);
		let payload = signed.call.payload(self.genesis, signed.valid_until);
		assert!(sr25519::Pair::verify(&signed.signature, &payload, &signed.worker));
		if let WorkerCall::Commit { job, commitment, .. } = signed.call {
			let all = self.commitments.entry(job).or_default();
			if !all.contains(&commitment) {
				all.push(commitment);
			}
		}
		if self.deaf {
			return;
		}
		if let WorkerCall::Heartbeat { seq, .. } = signed.call {
			assert!(seq > self.view.heartbeat_seq);
			self.view.heartbeat_seq = seq;
			self.view.last_heartbeat = Some(self.best);
			self.heartbeats.push(seq);
			return;
		}
		let (job, replica) = signed.call.target().unwrap();
		assert_eq!(replica, 0);
		let assignment = self.jobs.get_mut(&job).expect("a call for a job that we have");
		match (&signed.call, assignment.state) {
			(WorkerCall::Accept { .. }, ReplicaState::Assigned) => {
				assignment.state = ReplicaState::Accepted;
				assignment.deadline = self.best + assignment.spec.run_blocks;
			},
			(WorkerCall::Decline { .. }, ReplicaState::Assigned) => {
				self.jobs.remove(&job);
				self.declined.push(job);
			},
			(WorkerCall::Commit { commitment, .. }, ReplicaState::Accepted) => {
				assignment.state = ReplicaState::Committed { commitment: *commitment };
				assignment.job_state = JobState::Revealing;
				assignment.deadline = self.best + REVEAL_BLOCKS;
			},
			(
				WorkerCall::Reveal { digest, units, exit_code, salt, output_at, .. },
				ReplicaState::Committed { commitment: committed },
			) => {
				assert_eq!(assignment.job_state, JobState::Revealing);
				let (digest, units, exit_code) = (*digest, *units, *exit_code);
				let opening = Opening { digest, units, exit_code, salt: *salt };
				assert_eq!(
					commitment(&self.worker, job, 0, assignment.attempt, &opening),
					committed
				);
				assignment.state = ReplicaState::Revealed { digest, units, exit_code };
				let output_at = String::from_utf8(output_at.to_vec()).unwrap();
				self.revealed.insert(job, Revealed { digest, units, exit_code, output_at });
			},
			(call, state) => panic!("{call:?} does not fit {state:?}"),
		}
	}

	/// Makes blocks until `done`, or fails after half a minute.
	pub(crate) fn blocks_until(
		&mut self,
		machine: &Machine,
		what: &str,
		mut done: impl FnMut(&Chain) -> bool,
	) {
		let deadline = Instant::now() + Duration::from_secs(30);
		loop {
			self.block(machine);
			if done(self) {
				return;
			}
			assert!(Instant::now() < deadline, "not reached: {what}");
			std::thread::sleep(Duration::from_millis(100));
		}
	}

	pub(crate) fn state(&self, job: u64) -> Option<ReplicaState> {
		self.jobs.get(&job).map(|assignment| assignment.state)
	}
}
