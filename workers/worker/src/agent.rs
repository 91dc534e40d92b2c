//! What to do for each assignment, given what the chain shows.
//!
//! The chain is the truth: every decision follows from the assignment as it stands at the best block and from what
//! the journal holds. The same sync may come twice, from two nodes, out of order or from before a re-org: the agent then says the same
//! again, with the same bytes, until the chain shows the effect. Nothing is said before it is on disk.

use std::{
	collections::{BTreeMap, BTreeSet, btree_map::Entry},
	sync::{Arc, Mutex},
	time::{Duration, Instant},
};

use codec::Encode;
use io_mesh::{
	error::Refusal,
	seal::{Sealed, SealedKey},
};
use io_primitives::{
	AccountId, Assignment, BlockNumber, FUEL_PER_UNIT, JobState, ReplicaState, SignedWorkerCall,
	WorkerCall, WorkerView,
	digest::{Opening, commitment, result_digest},
	gateway::{MAX_CALLS, SyncRequest, SyncResponse, WorkerSync},
};
use sp_core::H256;

use crate::{
	content::{Pin, Place, Store},
	journal::{self, Batch, Execution, Guest, Journal, Produced, Record, Stage},
	kernel::NO_PARA,
	keystore::Keys,
	lock,
	mesh::{guests::Guests, progress::Running},
	metrics::Metrics,
	runner::{Failure, Output, Phase, Runner, Work},
	sealing, unix_seconds,
};

/// Blocks for which an assignment must be gone before it counts as finished: a small re-org brings it back.
const GONE_BLOCKS: BlockNumber = 3;
/// Blocks for which a heartbeat counts. The chain takes none that counts for longer than a worker stays online by it.
const HEARTBEAT_BLOCKS: BlockNumber = 16;
/// Most blocks for which a call is made to count; the chain takes no call that counts for much longer.
const MAX_VALID_BLOCKS: BlockNumber = 10_000;
/// Most assignments of one sync that are looked at; a worker's capacity on chain is far below.
const MAX_ASSIGNMENTS: usize = 256;
/// When no node has called for so long, the owner is told.
const SILENCE: Duration = Duration::from_secs(60);
/// Pause before an execution that failed on this machine is tried anew.
const RETRY_PAUSE: Duration = Duration::from_secs(20);

/// Why a sync is refused.
#[derive(thiserror::Error, Debug)]
pub enum SyncError {
	/// The node is on another chain, or the disk fails.
	#[error(transparent)]
	Journal(#[from] journal::Error),
}

/// What the agent needs to know of the owner's settings.
#[derive(Clone, Debug)]
pub struct Settings {
	/// Programs at the same time.
	pub capacity: u8,
	/// Blocks before the accept deadline at which it decides at the latest.
	pub accept_margin: BlockNumber,
	/// Where outputs are.
	pub outputs: Place,
}

/// The agent. Clones are the same agent.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

impl std::fmt::Debug for Agent {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		write!(f, "Agent({})", self.worker())
	}
}

struct Inner {
	keys: Keys,
	journal: Journal,
	guests: Guests,
	runner: Runner,
	metrics: Metrics,
	settings: Settings,
	runtime: tokio::runtime::Handle,
	state: Mutex<State>,
}

/// What the agent remembers in memory.
pub(crate) struct State {
	pub(crate) best: BlockNumber,
	pub(crate) last_sync: Option<Instant>,
	last_off_chain_worker: Option<Instant>,
	pub(crate) view: Option<WorkerView<AccountId>>,
	pub(crate) live: BTreeMap<Execution, Live>,
	pub(crate) draining: bool,
	pub(crate) disk_full: bool,
	heartbeat: Option<SignedWorkerCall>,
	clock: BlockClock,
	told_unregistered: bool,
	told_silent: bool,
	/// Records that changed in memory, but could not be written.
	unsaved: BTreeSet<Execution>,
}

/// An execution that is not finished.
pub(crate) struct Live {
	pub(crate) record: Record,
	pub(crate) work: Option<Arc<Work>>,
	pub(crate) seen: Option<Assignment<AccountId>>,
	missing_since: Option<BlockNumber>,
	failed_at: Option<Instant>,
	/// Keeps the output until the job is finished.
	_output: Option<Pin>,
}

impl Live {
	fn new(record: Record, store: &Store) -> Live {
		let output = record.produced.as_ref().map(|produced| store.pin(produced.output));
		Live {
			record,
			work: None,
			seen: None,
			missing_since: None,
			failed_at: None,
			_output: output,
		}
	}

	/// Whether it takes one of the places for running programs.
	fn is_busy(&self) -> bool {
		self.record.produced.is_none()
			&& self.missing_since.is_none()
			&& matches!(self.record.stage, Stage::Accepted | Stage::Running)
	}
}

/// How long a block takes, as seen.
struct BlockClock {
	last: Option<(BlockNumber, Instant)>,
	millis: u64,
}

impl BlockClock {
	fn see(&mut self, best: BlockNumber) {
		match self.last {
			Some((number, at)) if best > number => {
				let step = at.elapsed().as_millis() as u64 / u64::from(best - number);
				self.millis = (self.millis * 3 + step.clamp(50, 60_000)) / 4;
				self.last = Some((best, Instant::now()));
			},
			Some((number, _)) if best == number => {},
			_ => self.last = Some((best, Instant::now())),
		}
	}
}

fn spec_hash(assignment: &Assignment<AccountId>) -> H256 {
	let bytes = (&assignment.requester, &assignment.spec).encode();
	H256(*blake3::hash(&bytes).as_bytes())
}

impl Agent {
	/// Makes an agent that goes on with the executions `live` of its journal. It tells `guests` who asks for what.
	pub fn new(
		keys: Keys,
		journal: Journal,
		live: Vec<Record>,
		guests: Guests,
		runner: Runner,
		metrics: Metrics,
		settings: Settings,
		runtime: tokio::runtime::Handle,
	) -> Result<Agent, journal::Error> {
		let genesis = journal.genesis();
		for record in live.iter().chain(&journal.finished()?) {
			guests.note(record);
		}
		let state = State {
			best: 0,
			last_sync: None,
			last_off_chain_worker: None,
			view: None,
			// Before the first sync nobody knows the chain, and then the journal is empty.
			live: live
				.into_iter()
				.filter(|_| genesis.is_some())
				.map(|record| (record.execution, Live::new(record, runner.store())))
				.collect(),
			draining: false,
			disk_full: false,
			heartbeat: journal.heartbeat()?,
			clock: BlockClock { last: None, millis: 6_000 },
			told_unregistered: false,
			told_silent: false,
			unsaved: BTreeSet::new(),
		};
		Ok(Agent(Arc::new(Inner {
			keys,
			journal,
			guests,
			runner,
			metrics,
			settings,
			runtime,
			state: Mutex::new(state),
		})))
	}

	/// The hot key.
	pub fn worker(&self) -> io_primitives::WorkerKey {
		self.0.keys.worker()
	}

	/// The chain, once it is known.
	pub fn genesis(&self) -> Option<H256> {
		self.0.journal.genesis()
	}

	/// The owner's settings.
	pub fn settings(&self) -> &Settings {
		&self.0.settings
	}

	/// The runner.
	pub fn runner(&self) -> &Runner {
		&self.0.runner
	}

	/// The metrics.
	pub fn metrics(&self) -> &Metrics {
		&self.0.metrics
	}

	pub(crate) fn with_state<T>(&self, read: impl FnOnce(&State) -> T) -> T {
		read(&lock(&self.0.state))
	}

	/// Since when no node has called; `None` if none ever did.
	pub fn last_sync(&self) -> Option<Duration> {
		self.with_state(|state| state.last_sync.map(|at| at.elapsed()))
	}

	/// Since when no off-chain worker has called; `None` if none ever did.
	pub fn last_off_chain_worker(&self) -> Option<Duration> {
		self.with_state(|state| state.last_off_chain_worker.map(|at| at.elapsed()))
	}

	/// Notes that an off-chain worker called.
	pub fn off_chain_worker_called(&self) {
		lock(&self.0.state).last_off_chain_worker = Some(Instant::now());
	}

	/// Learns what the chain sees, and answers with what is to be sent. Blocking: it writes to the journal.
	pub fn sync(&self, request: &SyncRequest<AccountId>) -> Result<SyncResponse, SyncError> {
		self.0.journal.bind_genesis(request.genesis)?;
		let mut guard = lock(&self.0.state);
		let state = &mut *guard;
		state.best = request.best;
		state.last_sync = Some(Instant::now());
		state.clock.see(request.best);
		self.0.metrics.syncs.inc();

		let me = self.worker();
		let mut response = SyncResponse::default();
		let _ = response.keys.try_push(me);
		let Some(entry) = request.workers.iter().find(|entry| entry.worker == me) else {
			return Ok(response);
		};
		let mut calls = Vec::new();
		let mut dirty = std::mem::take(&mut state.unsaved);
		let heartbeat = self.heartbeat(state, entry, request);
		calls.extend(heartbeat.clone());
		let looked = self.look_at(state, entry, request, &mut calls, &mut dirty);
		self.forget(state, entry, request.best, &mut dirty);

		let now = unix_seconds();
		for execution in &dirty {
			if let Some(live) = state.live.get_mut(execution) {
				live.record.changed = now;
			}
		}
		let fresh = heartbeat.as_ref().filter(|call| Some(*call) != state.heartbeat.as_ref());
		let written = self.write(&Batch {
			records: dirty.iter().filter_map(|e| state.live.get(e)).map(|l| &l.record).collect(),
			heartbeat: fresh,
		});
		if let Err(error) = looked.and(written) {
			// Nothing is said now, and next time not before all of this is on disk.
			state.unsaved = dirty;
			return Err(error.into());
		}
		if fresh.is_some() {
			self.0.metrics.heartbeats.inc();
			state.heartbeat = heartbeat;
		}
		state.live.retain(|_, live| live.record.stage != Stage::Final);
		calls.truncate(MAX_CALLS as usize);
		self.0.metrics.calls.inc_by(calls.len() as u64);
		for call in calls {
			let _ = response.calls.try_push(call);
		}
		Ok(response)
	}

	/// Writes to the journal, and tells the mesh.
	fn write(&self, batch: &Batch<'_>) -> Result<(), journal::Error> {
		self.0.journal.write(batch)?;
		for record in &batch.records {
			self.0.guests.note(record);
		}
		Ok(())
	}

	/// Takes the key of a sealed input from its requester. It is on disk when this returns well. Blocking.
	pub(crate) fn take_input_key(
		&self,
		execution: Execution,
		key: SealedKey,
	) -> Result<(), Refusal> {
		let genesis = self.genesis().ok_or(Refusal::NotFound)?;
		let purpose = sealing::purpose(genesis, execution.job, Sealed::Input);
		self.0.keys.open_key(&key, &purpose).map_err(|_| Refusal::Request)?;
		let mut state = lock(&self.0.state);
		let live = state.live.get_mut(&execution).ok_or(Refusal::NotFound)?;
		let mut record = live.record.clone();
		let guest = record.guest.as_mut().ok_or(Refusal::NotFound)?;
		if guest.input_key.is_none() {
			guest.input_key = Some(key);
			self.write(&Batch { records: vec![&record], heartbeat: None }).map_err(|error| {
				tracing::error!(%execution, %error, "the journal cannot be written");
				Refusal::Busy
			})?;
			live.record = record;
			tracing::info!(%execution, "the requester has handed out the key of the input");
		}
		if let Some(work) = &live.work {
			work.give_input_key(key);
		}
		Ok(())
	}

	/// A heartbeat, if one is due.
	fn heartbeat(
		&self,
		state: &mut State,
		entry: &WorkerSync<AccountId>,
		request: &SyncRequest<AccountId>,
	) -> Option<SignedWorkerCall> {
		let best = request.best;
		let was_online = state.view.as_ref().map(|view| view.online);
		state.view.clone_from(&entry.view);
		let Some(view) = &entry.view else {
			if !std::mem::replace(&mut state.told_unregistered, true) {
				tracing::warn!(
					"the chain does not know this worker yet: make a file with `io-worker register` and submit it \
					 with `io operator register-worker --file`"
				);
			}
			return None;
		};
		if std::mem::take(&mut state.told_unregistered) || was_online.is_none() {
			tracing::info!(operator = %view.operator, online = view.online, "registered on chain");
		} else if was_online == Some(!view.online) {
			tracing::info!(online = view.online, "the chain's view of this worker changed");
		}
		// Who cannot take a job had better not be drawn.
		if state.draining || state.disk_full {
			return None;
		}
		let due = view
			.last_heartbeat
			.is_none_or(|last| best.saturating_sub(last) >= (view.heartbeat_ttl / 3).max(1));
		if !due {
			return None;
		}
		let furthest = best.saturating_add(HEARTBEAT_BLOCKS.min(view.heartbeat_ttl));
		let mut last_seq = view.heartbeat_seq;
		if let Some(last) = &state.heartbeat
			&& let WorkerCall::Heartbeat { seq, .. } = last.call
		{
			let fresh = (best..=furthest).contains(&last.valid_until);
			if seq > view.heartbeat_seq && fresh {
				return Some(last.clone());
			}
			last_seq = last_seq.max(seq);
		}
		let load = state.live.values().filter(|live| live.is_busy()).count();
		let call = WorkerCall::Heartbeat {
			seq: last_seq.saturating_add(1),
			load: u8::try_from(load).unwrap_or(u8::MAX),
		};
		Some(self.0.keys.sign_call(request.genesis, call, furthest))
	}

	/// Goes through the assignments.
	fn look_at(
		&self,
		state: &mut State,
		entry: &WorkerSync<AccountId>,
		request: &SyncRequest<AccountId>,
		calls: &mut Vec<SignedWorkerCall>,
		dirty: &mut BTreeSet<Execution>,
	) -> Result<(), journal::Error> {
		let margin = Duration::from_millis(state.clock.millis);
		for assignment in entry.assignments.iter().take(MAX_ASSIGNMENTS) {
			if matches!(assignment.state, ReplicaState::Vacant | ReplicaState::Missed { .. }) {
				continue;
			}
			let execution = Execution {
				job: assignment.job,
				replica: assignment.replica,
				attempt: assignment.attempt,
			};
			let busy = state
				.live
				.iter()
				.filter(|(other, live)| **other != execution && live.is_busy())
				.count();
			let draining = state.draining;
			let spec = spec_hash(assignment);
			if let Entry::Vacant(place) = state.live.entry(execution) {
				let record = match self.0.journal.get(execution)? {
					Some(record) => {
						dirty.insert(execution);
						self.revive(record)
					},
					None => {
						tracing::info!(%execution, ask = assignment.ask, deadline = assignment.deadline, "drawn");
						self.0.metrics.assignments.inc();
						dirty.insert(execution);
						Record::new(execution, spec, unix_seconds())
					},
				};
				place.insert(Live::new(record, self.0.runner.store()));
			}
			let Some(live) = state.live.get_mut(&execution) else { continue };
			if live.record.spec != spec {
				tracing::warn!(%execution, "the chain shows another job under this number: the chain was started anew");
				if let Some(work) = live.work.take() {
					work.cancel();
				}
				let record = Record::new(execution, spec, unix_seconds());
				*live = Live::new(record, self.0.runner.store());
				dirty.insert(execution);
			}
			live.missing_since = None;
			live.seen = Some(assignment.clone());
			if live.record.guest.is_none() {
				live.record.guest = Some(Guest::of(assignment));
				dirty.insert(execution);
			}
			let before = (live.record.stage, live.record.deadline);
			live.record.deadline = assignment.deadline;
			let has_place = busy < usize::from(self.0.settings.capacity);
			let call = self.decide(live, assignment, request, has_place, draining, margin);
			if let Some(call) = call
				&& request.best <= assignment.deadline
			{
				let (signed, fresh) =
					self.sign(&mut live.record, request, call, assignment.deadline);
				if fresh {
					dirty.insert(execution);
				}
				calls.push(signed);
			}
			if before != (live.record.stage, live.record.deadline) {
				dirty.insert(execution);
				if before.0 != live.record.stage {
					tracing::info!(%execution, stage = ?live.record.stage, "moved on");
				}
			}
		}
		Ok(())
	}

	/// A finished execution that the chain shows again, after a re-org or a new start of a chain for tests.
	fn revive(&self, mut record: Record) -> Record {
		tracing::info!(execution = %record.execution, "the chain shows a finished job again");
		let store = self.0.runner.store();
		// Without its output a result is of no use; doing the work again gives the same one.
		if record.produced.as_ref().is_some_and(|p| !store.output_path(p.output).exists()) {
			record.produced = None;
		}
		record.stage = if record.produced.is_some() { Stage::Produced } else { Stage::Assigned };
		record
	}

	/// What to tell the chain about one assignment. Changes the record's stage; starts and stops work.
	fn decide(
		&self,
		live: &mut Live,
		assignment: &Assignment<AccountId>,
		request: &SyncRequest<AccountId>,
		has_place: bool,
		draining: bool,
		block: Duration,
	) -> Option<WorkerCall> {
		let (job, replica) = (assignment.job, assignment.replica);
		match assignment.state {
			ReplicaState::Vacant | ReplicaState::Missed { .. } => None,
			ReplicaState::Assigned => {
				match self.choose(live, assignment, request, has_place, draining, block) {
					Choice::Wait => None,
					Choice::Accept => {
						if live.record.produced.is_none() && live.record.stage != Stage::Running {
							live.record.stage = Stage::Accepted;
						}
						Some(WorkerCall::Accept { job, replica })
					},
					Choice::Decline(reason) => {
						if live.record.stage != Stage::Declined {
							tracing::warn!(execution = %live.record.execution, reason, "declined");
							self.0.metrics.declined.inc();
							live.record.note = reason;
							live.record.stage = Stage::Declined;
						}
						if let Some(work) = live.work.take() {
							work.cancel();
						}
						Some(WorkerCall::Decline { job, replica })
					},
				}
			},
			ReplicaState::Accepted => match &live.record.produced {
				Some(produced) => {
					let commitment = self.commitment(live.record.execution, produced);
					live.record.stage = Stage::Committed;
					Some(WorkerCall::Commit { job, replica, commitment })
				},
				None => {
					if !matches!(live.record.stage, Stage::Accepted | Stage::Running) {
						live.record.stage = Stage::Accepted;
					}
					self.work_on(live, assignment).accept();
					None
				},
			},
			ReplicaState::Committed { commitment: shown } => match &live.record.produced {
				Some(produced) if self.commitment(live.record.execution, produced) != shown => {
					if live.record.note != FOREIGN_COMMITMENT {
						tracing::error!(execution = %live.record.execution, "{FOREIGN_COMMITMENT}");
						live.record.note = FOREIGN_COMMITMENT.into();
					}
					None
				},
				Some(produced) if self.lacks_proof(assignment, produced) => {
					self.prove_again(live, assignment);
					None
				},
				Some(produced) if assignment.job_state == JobState::Revealing => {
					let call = WorkerCall::Reveal {
						job,
						replica,
						digest: produced.digest,
						units: produced.units,
						exit_code: produced.exit_code,
						salt: produced.salt,
						output_at: self.0.settings.outputs.locator(produced.output),
					};
					live.record.stage = Stage::Revealed;
					Some(call)
				},
				Some(_) => {
					live.record.stage = Stage::Committed;
					None
				},
				None => {
					// The journal was lost. The same work gives the same commitment again.
					if !matches!(live.record.stage, Stage::Accepted | Stage::Running) {
						live.record.stage = Stage::Accepted;
					}
					self.work_on(live, assignment).accept();
					None
				},
			},
			ReplicaState::Revealed { .. } => {
				live.record.stage = Stage::Revealed;
				let lost = match &live.record.produced {
					Some(produced) => self.lacks_proof(assignment, produced),
					None => false,
				};
				if lost && assignment.job_state == JobState::Verifying {
					self.prove_again(live, assignment);
				}
				None
			},
		}
	}

	/// Makes a lost proof anew: the same work gives the same result again, and a proof of it.
	fn prove_again(&self, live: &mut Live, assignment: &Assignment<AccountId>) {
		let done = live.work.as_ref().is_some_and(|work| work.phase() == Phase::Done);
		if done {
			// The proof was lost after the work was done, or could not be kept: not at once again.
			if live.failed_at.is_some_and(|at| at.elapsed() < RETRY_PAUSE) {
				return;
			}
			tracing::warn!(execution = %live.record.execution, "the proof of a product was lost; it is made again");
			live.work = None;
		}
		self.work_on(live, assignment).accept();
		if done {
			live.failed_at = Some(Instant::now());
		}
	}

	/// Whether to take a job.
	fn choose(
		&self,
		live: &mut Live,
		assignment: &Assignment<AccountId>,
		request: &SyncRequest<AccountId>,
		has_place: bool,
		draining: bool,
		block: Duration,
	) -> Choice {
		if live.record.produced.is_some() {
			return Choice::Accept;
		}
		match live.record.stage {
			Stage::Declined => return Choice::Decline(live.record.note.clone()),
			Stage::Accepted | Stage::Running => {
				self.work_on(live, assignment);
				return Choice::Accept;
			},
			_ => {},
		}
		if draining {
			return Choice::Decline("the worker is stopping".into());
		}
		if let Some(reason) = Runner::unsupported(&assignment.spec) {
			return Choice::Decline(reason.into());
		}
		let work = self.work_on(live, assignment);
		if live.record.stage == Stage::Assigned {
			live.record.stage = Stage::Fetching;
		}
		let left = assignment.deadline.saturating_sub(request.best);
		let last_moment = left <= self.0.settings.accept_margin;
		let no_para = self.0.runner.waits_for_para(&assignment.spec);
		match work.phase() {
			Phase::Failed(reason) => Choice::Decline(reason),
			Phase::Fetching if !last_moment => Choice::Wait,
			Phase::Fetching => {
				// A large input takes longer than there is time to accept, so it may come after that; half of the time to run must do
				// for what is left. A source that stops then makes us late.
				let time = block.saturating_mul(assignment.spec.run_blocks / 2);
				if work.lacks_input_key(&assignment.spec) {
					Choice::Decline("the requester did not hand out the key of the input".into())
				} else if has_place && !no_para && work.fetched_within(&assignment.spec, time) {
					Choice::Accept
				} else {
					Choice::Decline("program and input could not be fetched in time".into())
				}
			},
			_ if has_place && !no_para => Choice::Accept,
			_ if !last_moment => Choice::Wait,
			_ if no_para => Choice::Decline(NO_PARA.into()),
			_ => Choice::Decline("all places for running programs are taken".into()),
		}
	}

	/// Whether the chain wants a proof of the product, and there is none.
	fn lacks_proof(&self, assignment: &Assignment<AccountId>, produced: &Produced) -> bool {
		let kernels = self.0.runner.kernels();
		produced.exit_code == 0 && kernels.lacks_proof(assignment.job, &assignment.spec)
	}

	/// Our commitment to a result.
	fn commitment(&self, execution: Execution, produced: &Produced) -> H256 {
		let opening = Opening {
			digest: produced.digest,
			units: produced.units,
			exit_code: produced.exit_code,
			salt: produced.salt,
		};
		let Execution { job, replica, attempt } = execution;
		commitment(&self.worker(), job, replica, attempt, &opening)
	}

	/// The signed call: the one from before if it still counts, so that its bytes stay the same. Also says whether it is new.
	fn sign(
		&self,
		record: &mut Record,
		request: &SyncRequest<AccountId>,
		call: WorkerCall,
		deadline: BlockNumber,
	) -> (SignedWorkerCall, bool) {
		let furthest = request.best.saturating_add(MAX_VALID_BLOCKS);
		let counts = request.best..=furthest;
		if let Some(found) =
			record.calls.iter().find(|c| c.call == call && counts.contains(&c.valid_until))
		{
			return (found.clone(), false);
		}
		let valid_until = deadline.min(furthest);
		let signed = self.0.keys.sign_call(request.genesis, call, valid_until);
		record.calls.retain(|other| !other.call.same_step(&signed.call));
		record.calls.push(signed.clone());
		(signed, true)
	}

	/// The work for an execution; starts it if it does not go on already.
	fn work_on(&self, live: &mut Live, assignment: &Assignment<AccountId>) -> Arc<Work> {
		if let Some(work) = &live.work {
			let retry = matches!(work.phase(), Phase::Failed(_))
				&& assignment.state != ReplicaState::Assigned
				&& live.failed_at.is_none_or(|at| at.elapsed() >= RETRY_PAUSE);
			if !retry {
				return work.clone();
			}
		}
		let work = Arc::new(Work::default());
		if let Some(key) = live.record.guest.as_ref().and_then(|guest| guest.input_key) {
			work.give_input_key(key);
		}
		live.work = Some(work.clone());
		live.failed_at = None;
		let genesis = self.genesis().unwrap_or_default();
		let (agent, execution, spec) =
			(self.clone(), live.record.execution, assignment.spec.clone());
		let (handle, spec_hash) = (work.clone(), live.record.spec);
		self.0.runtime.spawn(async move {
			let running = || agent.running(execution, &handle);
			let result = agent.0.runner.run(genesis, execution, &spec, &handle, running).await;
			let owner = agent.clone();
			// Writes to the journal.
			let done = tokio::task::spawn_blocking(move || {
				owner.finished(execution, spec_hash, &handle, result)
			});
			if let Err(error) = done.await {
				tracing::error!(%execution, %error, "a result could not be stored");
			}
		});
		work
	}

	fn running(&self, execution: Execution, work: &Arc<Work>) {
		let mut state = lock(&self.0.state);
		let Some(live) = own(&mut state, execution, work) else { return };
		live.record.stage = Stage::Running;
		live.record.changed = unix_seconds();
		let batch = Batch { records: vec![&live.record], heartbeat: None };
		if let Err(error) = self.write(&batch) {
			tracing::error!(%execution, %error, "the journal cannot be written");
			state.unsaved.insert(execution);
		}
		tracing::info!(%execution, "running");
	}

	/// Stores what became of an execution.
	fn finished(
		&self,
		execution: Execution,
		spec: H256,
		work: &Arc<Work>,
		result: Result<Output, Failure>,
	) {
		let Some(genesis) = self.genesis() else { return };
		let mut state = lock(&self.0.state);
		let Some(live) = own(&mut state, execution, work) else { return };
		match result {
			Ok(output) => {
				let Output { exit_code, units, output, output_len, content, detail } = output;
				let produced = Produced {
					digest: result_digest(genesis, execution.job, exit_code, units, content),
					units,
					exit_code,
					output,
					output_len,
					salt: self.0.keys.salt(&(genesis, execution, spec).encode()),
				};
				let mut record = live.record.clone();
				record.produced = Some(produced);
				record.stage = Stage::Produced;
				record.changed = unix_seconds();
				record.note = detail.unwrap_or_default();
				if let Err(error) = self.write(&Batch { records: vec![&record], heartbeat: None }) {
					tracing::error!(%execution, %error, "the result cannot be stored; the job will be done again");
					live.failed_at = Some(Instant::now());
					work.set_phase(Phase::Failed(error.to_string()));
					return;
				}
				live.record = record;
				live._output = Some(self.0.runner.store().pin(output));
				work.set_phase(Phase::Done);
				self.0.metrics.units.inc_by(units);
				self.0.metrics.results.inc();
				let note = Some(&live.record.note).filter(|note| !note.is_empty());
				tracing::info!(%execution, exit_code, units, ?output, output_len, note, "result");
			},
			Err(Failure::Cancelled) => {
				tracing::info!(%execution, "called off");
				work.set_phase(Phase::Failed("it was called off".into()));
			},
			Err(failure) => {
				tracing::error!(%execution, %failure, "no result");
				self.0.metrics.failures.inc();
				live.failed_at = Some(Instant::now());
				live.record.note = failure.to_string();
				work.set_phase(Phase::Failed(failure.to_string()));
			},
		}
	}

	/// Finishes what the chain does not show any more.
	fn forget(
		&self,
		state: &mut State,
		entry: &WorkerSync<AccountId>,
		best: BlockNumber,
		dirty: &mut BTreeSet<Execution>,
	) {
		let shown: BTreeSet<Execution> = entry
			.assignments
			.iter()
			.filter(|a| !matches!(a.state, ReplicaState::Vacant | ReplicaState::Missed { .. }))
			.map(|a| Execution { job: a.job, replica: a.replica, attempt: a.attempt })
			.collect();
		for (execution, live) in &mut state.live {
			if shown.contains(execution) {
				continue;
			}
			let since = match live.missing_since {
				Some(since) if since <= best => since,
				_ => best,
			};
			live.missing_since = Some(since);
			let nothing_to_do = matches!(live.record.stage, Stage::Declined | Stage::Revealed);
			if nothing_to_do || best - since >= GONE_BLOCKS {
				if let Some(work) = live.work.take() {
					work.cancel();
				}
				tracing::info!(%execution, was = ?live.record.stage, "finished: the chain has nothing more for us here");
				// What was revealed may still have to be proven, after a re-org too.
				if live.record.stage != Stage::Revealed {
					self.0.runner.kernels().products().forget(execution.job);
				}
				live.record.stage = Stage::Final;
				dirty.insert(*execution);
			}
		}
	}

	/// Takes no more jobs; what has a result goes on.
	pub fn drain(&self) {
		lock(&self.0.state).draining = true;
	}

	/// Whether a result waits for the chain to take it.
	pub fn is_due(&self) -> bool {
		self.with_state(|state| {
			state.live.values().any(|live| {
				let Some(seen) = &live.seen else { return false };
				live.missing_since.is_none()
					&& live.record.produced.is_some()
					&& match seen.state {
						ReplicaState::Accepted => true,
						ReplicaState::Committed { .. } => seen.job_state == JobState::Revealing,
						_ => false,
					}
			})
		})
	}

	/// What the owner risks by stopping now, in words.
	pub fn risks(&self) -> Vec<String> {
		self.with_state(|state| {
			let mut risks: Vec<String> = state
				.live
				.values()
				.filter(|live| live.is_busy())
				.map(|live| {
					let Record { execution, deadline, .. } = &live.record;
					format!(
						"job {} (replica {}) is accepted but not done: start again well before block {deadline}, or \
						 lose part of its bond",
						execution.job, execution.replica
					)
				})
				.collect();
			if let Some(view) = state.view.as_ref().filter(|view| view.online)
				&& let Some(last) = view.last_heartbeat
			{
				risks.push(format!(
					"the chain may draw this worker until block {}, {} blocks from now: start again before, or retire it \
					 (`io operator retire-worker`) before you stop it for long",
					last.saturating_add(view.heartbeat_ttl),
					last.saturating_add(view.heartbeat_ttl).saturating_sub(state.best),
				));
			}
			risks
		})
	}

	/// Stops all work; it goes on after the next start.
	pub fn stop(&self) {
		for live in lock(&self.0.state).live.values() {
			if let Some(work) = &live.work {
				work.cancel();
			}
		}
	}

	/// Forgets old things: finished executions, surplus contents. Notices whether the disk is full. Blocking.
	pub fn tidy(&self, keep: Duration) {
		let before = unix_seconds().saturating_sub(keep.as_secs());
		self.0.guests.prune(before);
		if let Err(error) = self.0.journal.prune(before) {
			tracing::error!(%error, "the journal cannot be tidied");
		}
		if let Err(error) = self.0.runner.store().tidy() {
			tracing::error!(%error, "the contents cannot be tidied");
		}
	}

	/// Tells the owner in the log how the programs get on, and when no node calls. `up` is the time since the start.
	pub fn report(&self, up: Duration) {
		let mut state = lock(&self.0.state);
		let silent = state.last_sync.map_or(up, |at| at.elapsed());
		if silent >= SILENCE && !std::mem::replace(&mut state.told_silent, true) {
			tracing::warn!(
				"no node has called for {} s. Does one run here with `--offchain-worker always`, and does it know this \
				 gateway? `io-worker doctor` tells more",
				silent.as_secs()
			);
		} else if silent < SILENCE && std::mem::take(&mut state.told_silent) {
			tracing::info!("a node calls again");
		}
		for (execution, live) in &state.live {
			let (Some(work), Some(seen)) = (&live.work, &live.seen) else { continue };
			match work.phase() {
				Phase::Running => {
					let most = seen.spec.max_units.saturating_mul(FUEL_PER_UNIT).max(1);
					let percent = work.fuel_used() as u128 * 100 / most as u128;
					tracing::info!(%execution, fuel = work.fuel_used(), "running, {percent} % of its fuel used");
				},
				Phase::Fetching => {
					let bytes = work.program.done() + work.input.done();
					tracing::info!(%execution, bytes, "fetching");
				},
				_ => {},
			}
		}
	}

	/// Programs that run for requesters who named a place in the mesh.
	pub(crate) fn running_for_peers(&self) -> Vec<Running> {
		let state = lock(&self.0.state);
		let running = state.live.iter().filter_map(|(execution, live)| {
			let (work, seen) = (live.work.as_ref()?, live.seen.as_ref()?);
			matches!(work.phase(), Phase::Running).then_some(())?;
			let requester = Guest::addresses(&seen.spec).next()?;
			Some(Running { execution: *execution, requester, fuel: work.fuel_used() })
		});
		running.collect()
	}

	/// Notices whether the disk is full; a worker with a full disk sends no heartbeats, so that it is not drawn.
	pub fn check_disk(&self) {
		let full = match self.0.runner.store().check_free() {
			Ok(()) => None,
			Err(error) => Some(error.to_string()),
		};
		let mut state = lock(&self.0.state);
		let was = std::mem::replace(&mut state.disk_full, full.is_some());
		match full {
			Some(reason) if !was => tracing::error!("{reason}. No new jobs until then"),
			None if was => tracing::info!("there is room on the disk again"),
			_ => {},
		}
	}
}

const FOREIGN_COMMITMENT: &str = "the chain holds another commitment than ours: this key is used by two workers, \
	or the program gave another result when it was done again";

enum Choice {
	Wait,
	Accept,
	Decline(String),
}

/// The execution that `work` is for, unless it has been replaced or dropped meanwhile.
fn own<'a>(state: &'a mut State, execution: Execution, work: &Arc<Work>) -> Option<&'a mut Live> {
	state
		.live
		.get_mut(&execution)
		.filter(|live| live.work.as_ref().is_some_and(|own| Arc::ptr_eq(own, work)))
}
