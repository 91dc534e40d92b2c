//! A second implementation of the worker's side of the protocol, over plain RPC. It can be told to misbehave, which
//! the product cannot.

use std::{
	collections::HashMap,
	sync::{
		Arc, Mutex,
		atomic::{AtomicBool, AtomicU64, Ordering},
	},
	time::Duration,
};

use anyhow::Result;
use codec::Encode;
use io_primitives::{
	AccountId, Assignment, JobId, JobState, ReplicaId, ReplicaState, SignedWorkerCall, WorkerCall,
	WorkerKey, WorkerView,
	call::registration_payload,
	digest::{Opening, commitment, result_digest},
	job::OutputAt,
};
use sp_core::{H256, sr25519};
use subxt_signer::sr25519::Keypair;

use crate::chain::Chain;

/// What a puppet says the program's result is.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
	/// Exit code.
	pub exit_code: i32,
	/// Units used.
	pub units: u64,
	/// BLAKE3 of the output archive.
	pub output: H256,
}

/// How a puppet behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Conduct {
	/// Follows the protocol with the answer it was given (which may be a lie).
	Follows,
	/// Is online, but never accepts.
	NeverAccepts,
	/// Accepts, but never commits.
	NeverCommits,
	/// Commits, but never reveals.
	NeverReveals,
	/// Declines whatever it gets.
	Declines,
}

/// A worker that is steered by the tests.
pub struct Puppet {
	key: Keypair,
	conduct: Conduct,
	answer: Answer,
	output_at: OutputAt,
	openings: HashMap<(JobId, ReplicaId, u8), Opening>,
	// Calls that were sent, with the block of sending.
	sent: HashMap<Vec<u8>, u32>,
	seq: u64,
	/// Calls that the pool took.
	pub accepted_calls: Arc<AtomicU64>,
	/// One extrinsic of each kind, in the order of [`WorkerCall`]'s variants.
	pub samples: Arc<Mutex<HashMap<u8, Vec<u8>>>>,
}

/// Blocks for which a call of a puppet counts.
const VALID_FOR: u32 = 30;
/// Blocks after which a call without effect is sent again.
const RESEND_AFTER: u32 = 4;

impl Puppet {
	/// A puppet with the key of a secret URI such as `//puppet`.
	pub fn new(uri: &str, conduct: Conduct, answer: Answer) -> Result<Puppet> {
		Ok(Puppet {
			key: Keypair::from_uri(&uri.parse()?)?,
			conduct,
			answer,
			output_at: OutputAt::default(),
			openings: HashMap::new(),
			sent: HashMap::new(),
			seq: 0,
			accepted_calls: Arc::default(),
			samples: Arc::default(),
		})
	}

	/// Lets it say where its output can be fetched.
	pub fn serving(mut self, place: OutputAt) -> Puppet {
		self.output_at = place;
		self
	}

	/// Its public key.
	pub fn worker(&self) -> WorkerKey {
		sr25519::Public::from_raw(self.key.public_key().0)
	}

	/// Its agreement to be registered by `operator`.
	pub fn proof(&self, genesis: H256, operator: &AccountId) -> sr25519::Signature {
		sr25519::Signature::from_raw(self.key.sign(&registration_payload(genesis, operator)).0)
	}

	/// Signs a call.
	pub fn sign(&self, genesis: H256, call: WorkerCall, valid_until: u32) -> SignedWorkerCall {
		let signature =
			sr25519::Signature::from_raw(self.key.sign(&call.payload(genesis, valid_until)).0);
		SignedWorkerCall { worker: self.worker(), call, valid_until, signature }
	}

	/// The calls that are due, given what the chain shows at block `best`.
	pub fn due(
		&mut self,
		genesis: H256,
		best: u32,
		view: Option<&WorkerView<AccountId>>,
		assignments: &[Assignment<AccountId>],
	) -> Vec<SignedWorkerCall> {
		let mut calls = Vec::new();
		if let Some(view) = view {
			let old = view.last_heartbeat.is_none_or(|at| best >= at + view.heartbeat_ttl / 3);
			if old && self.once(best, b"heartbeat".to_vec()) {
				self.seq = self.seq.max(view.heartbeat_seq) + 1;
				let load = u8::try_from(assignments.len()).unwrap_or(u8::MAX);
				calls.push(WorkerCall::Heartbeat { seq: self.seq, load });
			}
		}
		for task in assignments {
			let Some(call) = self.step(genesis, task) else { continue };
			if self.once(best, (task.attempt, call.encode()).encode()) {
				calls.push(call);
			}
		}
		calls.into_iter().map(|call| self.sign(genesis, call, best + VALID_FOR)).collect()
	}

	fn once(&mut self, best: u32, what: Vec<u8>) -> bool {
		match self.sent.get(&what) {
			Some(at) if best < at + RESEND_AFTER => false,
			_ => {
				self.sent.insert(what, best);
				true
			},
		}
	}

	fn step(&mut self, genesis: H256, task: &Assignment<AccountId>) -> Option<WorkerCall> {
		let (job, replica, attempt) = (task.job, task.replica, task.attempt);
		match task.state {
			ReplicaState::Assigned => match self.conduct {
				Conduct::NeverAccepts => None,
				Conduct::Declines => Some(WorkerCall::Decline { job, replica }),
				_ => Some(WorkerCall::Accept { job, replica }),
			},
			ReplicaState::Accepted if self.conduct != Conduct::NeverCommits => {
				let opening = self.opening(genesis, job, replica, attempt);
				let commitment = commitment(&self.worker(), job, replica, attempt, &opening);
				Some(WorkerCall::Commit { job, replica, commitment })
			},
			ReplicaState::Committed { .. }
				if task.job_state == JobState::Revealing
					&& self.conduct != Conduct::NeverReveals =>
			{
				let Opening { digest, units, exit_code, salt } =
					self.opening(genesis, job, replica, attempt);
				let output_at = self.output_at.clone();
				Some(WorkerCall::Reveal { job, replica, digest, units, exit_code, salt, output_at })
			},
			_ => None,
		}
	}

	fn opening(&mut self, genesis: H256, job: JobId, replica: ReplicaId, attempt: u8) -> Opening {
		let Answer { exit_code, units, output } = self.answer;
		// Any salt that others cannot guess does; this one needs no source of randomness.
		let salt = *blake3::hash(&self.key.sign(&(job, replica, attempt).encode()).0).as_bytes();
		*self.openings.entry((job, replica, attempt)).or_insert_with(|| Opening {
			digest: result_digest(genesis, job, exit_code, units, output),
			units,
			exit_code,
			salt,
		})
	}

	/// Does what is due now. Returns how many calls the pool took.
	pub async fn tick(&mut self, chain: &Chain, best: u32) -> Result<usize> {
		let worker = self.worker();
		let view = chain.worker(&worker).await?;
		let assignments = chain.assignments(&worker).await?;
		let mut taken = 0;
		for call in self.due(chain.genesis(), best, view.as_ref(), &assignments) {
			let extrinsic = chain.worker_transaction(&call).await?;
			if chain.submit_bytes(&extrinsic).await.is_ok() {
				taken += 1;
				if let (Ok(mut samples), Some(kind)) =
					(self.samples.lock(), call.call.encode().first())
				{
					samples.entry(*kind).or_insert(extrinsic);
				}
			}
		}
		self.accepted_calls.fetch_add(taken as u64, Ordering::Relaxed);
		Ok(taken)
	}

	/// Lets it act by itself until the handle is dropped.
	pub fn run(mut self, chain: Chain) -> Running {
		let stop = Arc::new(AtomicBool::new(false));
		let stopped = stop.clone();
		let task = tokio::spawn(async move {
			let mut last = 0;
			while !stopped.load(Ordering::Relaxed) {
				// The node may be restarted under the puppet's feet: it simply tries again.
				if let Ok(best) = chain.best().await
					&& best != last && self.tick(&chain, best).await.is_ok()
				{
					last = best;
				}
				tokio::time::sleep(Duration::from_millis(100)).await;
			}
		});
		Running { stop, task }
	}
}

/// A puppet that acts by itself.
pub struct Running {
	stop: Arc<AtomicBool>,
	task: tokio::task::JoinHandle<()>,
}

impl Drop for Running {
	fn drop(&mut self) {
		self.stop.store(true, Ordering::Relaxed);
		self.task.abort();
	}
}
