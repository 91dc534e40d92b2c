//! A chain that shows anything in any order: states that cannot follow each other, re-orgs, other nodes' views, and a worker that is
//! started anew now and then. Whatever it shows, the agent commits to one result per execution and opens no other commitment than its own.

use std::{
	collections::BTreeMap,
	sync::{
		Arc,
		atomic::{AtomicUsize, Ordering},
	},
	time::Duration,
};

use io_primitives::{
	AccountId, Assignment, JobState, ReplicaState, WorkerCall,
	gateway::{SyncRequest, WorkerSync},
};
use io_worker::{
	agent::{Agent, Settings},
	attest::product::Products,
	config,
	content::{Bounds, Place, Store},
	fetch::Fetcher,
	journal::Journal,
	kernel::{CpuDevice, Kernels},
	keystore::Keys,
	mesh::guests::Guests,
	metrics::Metrics,
	runner::Runner,
};
use proptest::prelude::*;
use sp_core::{H256, Pair, sr25519};

use crate::{
	chain::{GENESIS, program, spec},
	server::{Manner, Server},
};

/// What the chain shows of one execution.
#[derive(Clone, Copy, Debug)]
enum Shown {
	Nothing,
	Assigned,
	Accepted,
	CommittedByUs,
	CommittedByStranger,
	Revealing,
	Revealed,
	Missed,
}

fn shown() -> impl Strategy<Value = Shown> {
	prop_oneof![
		Just(Shown::Nothing),
		Just(Shown::Assigned),
		Just(Shown::Accepted),
		Just(Shown::Accepted),
		Just(Shown::CommittedByUs),
		Just(Shown::CommittedByStranger),
		Just(Shown::Revealing),
		Just(Shown::Revealed),
		Just(Shown::Missed),
	]
}

struct World {
	folder: tempfile::TempDir,
	server: Server,
	running: Option<(Agent, tokio::runtime::Runtime)>,
}

impl World {
	fn new() -> World {
		let folder = tempfile::tempdir().unwrap();
		let mut world = World { folder, server: Server::start(), running: None };
		world.start();
		world
	}

	fn agent(&self) -> &Agent {
		&self.running.as_ref().unwrap().0
	}

	fn start(&mut self) {
		let folder = self.folder.path();
		let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
		let keys = Keys::from_secrets(&[3; 32], [4; 32]).unwrap();
		let path = folder.join("journal.redb");
		let (journal, opened) = Journal::open(&path, keys.worker(), None).unwrap();
		assert!(opened.damaged.is_empty());
		let bounds = Bounds {
			cache: u64::MAX,
			output: u64::MAX,
			keep_output: Duration::from_secs(3600),
			min_free: 0,
		};
		let store = Store::open(folder, bounds).unwrap();
		let settings = config::Fetch { allow_private_addresses: true, ..Default::default() };
		let fetcher = Fetcher::new(settings, store.clone(), None).unwrap();
		let executor = io_executor::Executor::new(io_executor::Config::default()).unwrap();
		let products = Products::new(folder);
		let device = Arc::new(CpuDevice::detect(1));
		let kernels = Kernels::new(device, products, keys.worker());
		let run = config::Run::default();
		let runner = Runner::new(executor, kernels, keys.clone(), store, fetcher, 2, run);
		let outputs = Place::Http("http://127.0.0.1:1".into());
		let settings = Settings { capacity: 2, accept_margin: 4, outputs };
		let handle = runtime.handle().clone();
		let metrics = Metrics::default();
		let (live, guests) = (opened.live, Guests::default());
		let agent =
			Agent::new(keys, journal, live, guests, runner, metrics, settings, handle).unwrap();
		self.running = Some((agent, runtime));
	}

	fn stop(&mut self) {
		let (agent, runtime) = self.running.take().unwrap();
		agent.stop();
		runtime.shutdown_timeout(Duration::from_secs(10));
	}
}

/// One sync: what is shown of each job, blocks since the last, a pause, whether the node knows us, whether to restart.
fn step() -> impl Strategy<Value = (Vec<Shown>, i64, u64, bool, bool)> {
	(
		prop::collection::vec(shown(), 3),
		-4i64..6,
		0u64..16,
		prop::bool::weighted(0.9),
		prop::bool::weighted(0.1),
	)
}

#[test]
fn should_keep_to_one_result_when_the_chain_shows_anything() {
	let (commits, reveals) = (AtomicUsize::new(0), AtomicUsize::new(0));
	let config = ProptestConfig { cases: 10, failure_persistence: None, ..Default::default() };
	proptest!(config, |(steps in prop::collection::vec(step(), 60))| {
		let mut world = World::new();
		let worker = world.agent().worker();
		let name = "p";
		let hash = world.server.put(name, &program(10, 5), Manner::Good);
		let mut best = 1_000i64;
		let mut commitments: BTreeMap<u64, H256> = BTreeMap::new();
		for (states, step, pause, knows_us, restart) in steps {
			if restart {
				world.stop();
				world.start();
			}
			best += step;
			let mut assignments = Vec::new();
			for (job, state) in states.iter().enumerate() {
				let job = job as u64;
				let ours = commitments.get(&job).copied();
				let (job_state, state) = match (state, ours) {
					(Shown::Nothing, _) => continue,
					(Shown::Assigned, _) => (JobState::Open, ReplicaState::Assigned),
					(Shown::CommittedByUs, Some(commitment)) =>
						(JobState::Running, ReplicaState::Committed { commitment }),
					(Shown::Revealing, Some(commitment)) =>
						(JobState::Revealing, ReplicaState::Committed { commitment }),
					(Shown::CommittedByStranger, _) => (
						JobState::Revealing,
						ReplicaState::Committed { commitment: H256::repeat_byte(0xee) },
					),
					(Shown::Revealed, _) => (
						JobState::Revealing,
						ReplicaState::Revealed { digest: H256::zero(), units: 1, exit_code: 0 },
					),
					(Shown::Missed, _) => (
						JobState::Running,
						ReplicaState::Missed { reason: io_primitives::MissReason::Late },
					),
					_ => (JobState::Running, ReplicaState::Accepted),
				};
				assignments.push(Assignment {
					job,
					replica: 0,
					attempt: 1,
					requester: AccountId::from([6; 32]),
					job_state,
					state,
					deadline: (best + 20) as u32,
					ask: 1,
					bond: 1,
					spec: spec(hash, &world.server.url(name)),
				});
			}
			let request = SyncRequest {
				genesis: GENESIS,
				best: best as u32,
				workers: if knows_us {
					vec![WorkerSync { worker, view: None, assignments: assignments.clone() }]
				} else {
					Vec::new()
				},
			};
			let response = world.agent().sync(&request).unwrap();
			for signed in &response.calls {
				let payload = signed.call.payload(GENESIS, signed.valid_until);
				prop_assert!(sr25519::Pair::verify(&signed.signature, &payload, &worker));
				let (job, _) = signed.call.target().unwrap();
				let about = assignments.iter().find(|a| a.job == job).unwrap();
				match (&signed.call, about.state) {
					(WorkerCall::Accept { .. } | WorkerCall::Decline { .. }, ReplicaState::Assigned) => {},
					(WorkerCall::Commit { commitment, .. }, ReplicaState::Accepted) => {
						let first = *commitments.entry(job).or_insert(*commitment);
						commits.fetch_add(1, Ordering::Relaxed);
						prop_assert_eq!(first, *commitment, "two commitments for one execution");
					},
					(WorkerCall::Reveal { .. }, ReplicaState::Committed { commitment }) => {
						reveals.fetch_add(1, Ordering::Relaxed);
						prop_assert_eq!(commitments.get(&job), Some(&commitment));
						prop_assert_eq!(about.job_state, JobState::Revealing);
					},
					(call, state) => prop_assert!(false, "{:?} does not fit {:?}", call, state),
				}
			}
			std::thread::sleep(Duration::from_millis(pause));
		}
		world.stop();
	});
	assert!(commits.into_inner() > 0 && reveals.into_inner() > 0, "nothing was put to the test");
}
