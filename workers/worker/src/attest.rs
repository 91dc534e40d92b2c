//! Proves the computing power of this machine's devices, window by window.
//!
//! As with jobs the chain is the truth and the journal the memory: every sync shows what the chain sees, and is answered
//! with what follows from it. The same view may come twice, from two nodes, out of order or from before a re-org; the same
//! calls are then said again, with the same bytes, until the chain shows their effect. Nothing is said before it is on
//! disk, and a device commits to a window once.
//!
//! | file | what it does |
//! | --- | --- |
//! | `journal` | seeds, roots and signed calls, durable |
//! | `prover` | a thread per device: rounds, audits, measurements; gives way to jobs |
//! | `device` | what a device is to the prover |
//! | `plan` | which class and how many lanes a device takes |
//! | `clock` | slots: when to commit; and which views are out of date |
//! | `product` | proofs of jobs' products, which the runner has made |

pub mod clock;
pub mod device;
pub mod journal;
pub mod plan;
pub mod product;
pub mod prover;
pub mod status;

use std::{
	collections::{BTreeMap, BTreeSet},
	sync::{Arc, Mutex},
	time::{Duration, Instant},
};

use io_primitives::{
	AccountId, Balance, BlockNumber, WorkerKey,
	attestation::{
		AttestRequest, AttestResponse, AttestationCall, AttestationView, Commitment, DeviceIndex,
		ENROLMENT_BLOCKS, Enrolment, ProofBytes, SignedAttestation, Window,
	},
};
use io_tflops::{Params, Statement, params::MAX_ROUNDS, prover::Chain, transcript};
use sp_core::H256;

use crate::{keystore::Keys, lock};
use clock::{SlotClock, Tide};
use device::Device;
use journal::{Book, Changes, Journal, Record, RecordKey, Stage, Topic};
use plan::{Measured, Plan};
use product::Products;
use prover::{Progress, Prover, WindowKey};

/// Blocks for which something must be gone from the chain before it counts as finished: a small re-org brings it back.
const GONE_BLOCKS: BlockNumber = 3;
/// Blocks for which an enrolment or a departure counts.
const CHANGE_BLOCKS: BlockNumber = 16;
/// Blocks for which an answer counts, at most; later it is signed anew.
const VALID_BLOCKS: BlockNumber = 64;
/// A window that opened so many blocks before the one of the same number that we know belongs to a chain that was started
/// anew: no re-org is so deep.
const NO_REORG: BlockNumber = 100;
/// A poorer certificate is not worth it while one that is better by a quarter counts for so many blocks more.
const STILL_GOOD: BlockNumber = 1_200;

/// Why a sync is refused.
#[derive(thiserror::Error, Debug)]
pub enum SyncError {
	/// The node is on another chain, or the disk fails.
	#[error(transparent)]
	Journal(#[from] crate::journal::Error),
}

/// What the owner set.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
	/// Whether devices take part in windows.
	pub enabled: bool,
	/// Share of the operator's free stake that all devices together may lock, in percent.
	pub stake_percent: u8,
	/// Roots of a chain that grows are written to disk so often: so much work is lost with the machine at most.
	pub save_every: Duration,
}

/// The part of the worker that proves computing power. Clones are the same.
#[derive(Clone)]
pub struct Attester(Arc<Inner>);

struct Inner {
	keys: Keys,
	journal: Journal,
	products: Products,
	settings: Settings,
	provers: BTreeMap<DeviceIndex, Prover>,
	started: Instant,
	state: Mutex<State>,
}

/// What is remembered in memory.
#[derive(Default)]
struct State {
	book: Book,
	view: Option<AttestationView<AccountId>>,
	synced: Option<Instant>,
	clock: SlotClock,
	tide: Tide,
	draining: bool,
	saved: BTreeMap<RecordKey, Instant>,
	missing: BTreeMap<Missing, BlockNumber>,
	/// Why a device cannot enrol.
	obstacles: BTreeMap<DeviceIndex, String>,
	/// What its owner should know of a device in the last window.
	notes: BTreeMap<DeviceIndex, String>,
}

/// Something that the chain does not show, since a block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Missing {
	Record(RecordKey),
	Product(u64),
}

/// What one sync does to the state.
struct Sync<'a> {
	inner: &'a Inner,
	genesis: H256,
	view: &'a AttestationView<AccountId>,
	book: Book,
	changes: Changes,
	calls: Vec<SignedAttestation>,
	/// How long a round may last on this chain, in seconds.
	longest_round: f64,
	/// Devices that do rounds again for an audit.
	recovering: BTreeSet<DeviceIndex>,
	/// Chains that end when all of this is on disk.
	ends: Vec<(DeviceIndex, WindowKey)>,
}

/// Whether an enrolled device is what it should be.
enum Wish {
	/// It is.
	Keep,
	/// With other lanes its rounds would have a better length.
	Lanes(Measured),
	/// Its class is another one now.
	Anew,
}

impl Attester {
	/// Makes one that goes on with what its journal holds.
	pub fn new(
		keys: Keys,
		journal: Journal,
		book: Book,
		products: Products,
		devices: Vec<Device>,
		settings: Settings,
	) -> std::io::Result<Attester> {
		let mut provers = BTreeMap::new();
		for device in devices {
			provers.insert(device.index, Prover::start(device)?);
		}
		let state = Mutex::new(State { book, ..State::default() });
		Ok(Attester(Arc::new(Inner {
			keys,
			journal,
			products,
			settings,
			provers,
			started: Instant::now(),
			state,
		})))
	}

	/// The hot key.
	pub fn worker(&self) -> WorkerKey {
		self.0.keys.worker()
	}

	/// Time since the start.
	pub fn up(&self) -> Duration {
		self.0.started.elapsed()
	}

	/// Learns what the chain sees, and answers with what is to be sent. Blocking: it writes to the journal.
	pub fn sync(&self, request: &AttestRequest<AccountId>) -> Result<AttestResponse, SyncError> {
		let inner = &*self.0;
		inner.journal.bind_genesis(request.genesis)?;
		let me = self.worker();
		let mut response = AttestResponse::default();
		let _ = response.keys.try_push(me);
		let Some((_, view)) = request.workers.iter().find(|(worker, _)| *worker == me) else {
			return Ok(response);
		};
		let mut guard = lock(&inner.state);
		let state = &mut *guard;
		let now = Instant::now();
		state.synced = Some(now);
		if !state.tide.takes(view.now) {
			tracing::debug!(now = view.now, "a view of an old block is passed over");
			return Ok(response);
		}
		state.clock.see(view.slot, now);
		state.view = Some(view.clone());

		let pace = state.clock.slot_time().zip(view.window);
		let longest_round = pace.map_or(plan::LONGEST_ROUND, |(slot, window)| {
			plan::longest_round(window.last_slot.saturating_sub(window.slot), slot)
		});
		let mut sync = Sync {
			inner,
			longest_round,
			genesis: request.genesis,
			view,
			book: state.book.clone(),
			changes: Changes::default(),
			calls: Vec::new(),
			recovering: BTreeSet::new(),
			ends: Vec::new(),
		};
		// In the order of what is lost if it does not fit into the answer.
		sync.audits(state);
		sync.products(state);
		sync.windows(state);
		sync.enrolments(state);
		sync.forget(state);
		let Sync { book, changes, calls, ends, .. } = sync;
		// If this fails, then nothing is said, and nothing was decided.
		inner.journal.write(&book, &changes)?;
		for (device, key) in ends {
			if let Some(prover) = inner.provers.get(&device) {
				prover.end(key);
			}
		}
		state.book = book;
		for key in changes.records {
			state.saved.insert(key, now);
		}
		let State { saved, book, .. } = state;
		saved.retain(|key, _| book.records.contains_key(key));
		for call in calls {
			let _ = response.calls.try_push(call);
		}
		Ok(response)
	}

	/// Tells whether jobs want the machine: rounds and measurements then pause. Audits do not.
	pub fn set_busy(&self, busy: bool) {
		for prover in self.0.provers.values() {
			prover.pause(busy);
		}
	}

	/// Begins nothing new and commits to nothing more; audits are still answered.
	pub fn drain(&self) {
		lock(&self.0.state).draining = true;
		for prover in self.0.provers.values() {
			if let Some(progress) = prover.progress() {
				prover.end(progress.key);
			}
		}
	}

	/// Whether an answer waits for the chain to take it.
	pub fn is_due(&self) -> bool {
		let state = lock(&self.0.state);
		state.view.as_ref().is_some_and(|view| {
			let audited = view.commitments.iter().any(|commitment| {
				let key = (commitment.device, commitment.window);
				commitment.audit.is_some_and(|audit| view.now < audit.deadline)
					&& state.book.records.get(&key).is_some_and(|r| r.is_of(commitment))
			});
			let product = |(job, deadline): &(u64, BlockNumber)| {
				view.now < *deadline && state.book.calls.contains_key(&Topic::Product(*job))
			};
			audited || view.products.iter().any(product)
		})
	}

	/// What the owner risks by stopping now, in words.
	pub fn risks(&self) -> Vec<String> {
		let state = lock(&self.0.state);
		let Some(view) = &state.view else { return Vec::new() };
		let mut risks = Vec::new();
		for Commitment { window, device, audit, .. } in &view.commitments {
			risks.push(match audit {
				Some(audit) => format!(
					"device {device} has to answer an audit of window {window} before block {}: start again in time, \
					 or lose its bond",
					audit.deadline
				),
				None => format!(
					"device {device} has committed to window {window} and may be asked to prove it: start again soon, \
					 or lose its bond"
				),
			});
		}
		risks
	}

	/// Stops the devices, whatever they do; they go on after the next start. Blocking, for a fraction of a second.
	pub fn stop(&self) {
		for prover in self.0.provers.values() {
			prover.stop();
		}
	}
}

impl Record {
	/// Whether this is what the chain holds of the device.
	fn is_of(&self, commitment: &Commitment) -> bool {
		self.seed == commitment.seed
			&& self.chain.rounds() == commitment.rounds
			&& self.chain.commitment() == commitment.commitment.0
	}

	fn key(&self) -> RecordKey {
		(self.device, self.window)
	}

	/// The commitment that was said, if any.
	fn said(&self) -> Option<&SignedAttestation> {
		self.commit.as_ref()
	}
}

/// The dimensions of an enrolled device; `None` if they are of a version that this program does not know.
fn dimensions<AccountId>(enrolment: &Enrolment<AccountId>) -> Option<Params> {
	let params = &enrolment.params;
	Params::new(params.arith, params.m, params.n, params.k, enrolment.lanes).ok()
}

impl Sync<'_> {
	/// The signed call: the one from before if it still counts, so that its bytes stay the same. `true` if it is new.
	fn sign(
		&self,
		before: Option<&SignedAttestation>,
		call: AttestationCall,
		valid_until: BlockNumber,
	) -> (SignedAttestation, bool) {
		let now = self.view.now;
		match before {
			Some(before) if before.call == call && before.valid_until >= now => {
				(before.clone(), false)
			},
			_ => (self.inner.keys.sign_attestation(self.genesis, call, valid_until), true),
		}
	}

	/// Last block in which a call counts that has to be there by `deadline`.
	fn until(&self, deadline: BlockNumber) -> BlockNumber {
		deadline.min(self.view.now.saturating_add(VALID_BLOCKS))
	}

	fn put(&mut self, record: Record) {
		self.changes.records.insert(record.key());
		self.book.records.insert(record.key(), record);
	}

	fn enrolment(&self, device: DeviceIndex) -> Option<&Enrolment<AccountId>> {
		self.view.enrolments.iter().find(|enrolment| enrolment.device == device)
	}

	/// Answers audits.
	fn audits(&mut self, state: &mut State) {
		for commitment in &self.view.commitments {
			let Some(audit) = commitment.audit else { continue };
			let device = commitment.device;
			if self.view.now >= audit.deadline {
				continue;
			}
			let Some(prover) = self.inner.provers.get(&device) else {
				let note = "an audit has to be answered, but this machine has no such device";
				note_once(state, device, note);
				continue;
			};
			let (Some(enrolment), Some(mut record)) =
				(self.enrolment(device).cloned(), self.record_of(state, prover, commitment))
			else {
				continue;
			};
			let statement = Statement {
				seed: *record.chain.seed(),
				params: *record.chain.params(),
				rounds: commitment.rounds,
				openings: enrolment.params.openings,
				commitment: commitment.commitment.0,
				challenge: audit.challenge.0,
			};
			let window = (record.window, record.seed);
			let before = record
				.reveal
				.as_ref()
				.filter(|(challenge, call)| {
					*challenge == audit.challenge && call.valid_until >= self.view.now
				})
				.map(|(_, call)| call.clone());
			let reveal = match before {
				Some(call) => call,
				None => match prover.proof(window, &statement).map(ProofBytes::try_from) {
					Some(Ok(proof)) => {
						tracing::info!(device, window = window.0, "an audit is answered");
						let call =
							AttestationCall::Reveal { window: commitment.window, device, proof };
						let (call, _) = self.sign(None, call, self.until(audit.deadline));
						record.reveal = Some((audit.challenge, call.clone()));
						self.put(record);
						call
					},
					Some(Err(_)) => {
						note_once(
							state,
							device,
							"the answer to an audit is longer than a proof may be",
						);
						continue;
					},
					None => {
						prover.audit(window, &record.chain, &statement);
						continue;
					},
				},
			};
			self.calls.push(reveal);
		}
	}

	/// Our record of a commitment that is audited. If the journal was lost, then the device does the same rounds again:
	/// `None` until they are done.
	fn record_of(
		&mut self,
		state: &mut State,
		prover: &Prover,
		commitment: &Commitment,
	) -> Option<Record> {
		let key = (commitment.device, commitment.window);
		let known = self.book.records.get(&key);
		if let Some(record) = known.filter(|record| record.is_of(commitment)) {
			return Some(record.clone());
		}
		let enrolment = self.enrolment(commitment.device)?;
		let params = dimensions(enrolment)?;
		let seed = self.device_seed(&commitment.seed, enrolment, &params);
		let window = (commitment.window, commitment.seed);
		let progress = prover
			.progress()
			.filter(|progress| progress.key == window && *progress.chain.seed() == seed);
		let chain = match &progress {
			Some(progress) => progress.chain.clone(),
			None => {
				let chain = Arc::new(Chain::new(params, seed));
				let note = "the rounds of an audited commitment are not in the journal: they are done again";
				note_once(state, commitment.device, note);
				prover.run(window, &chain, commitment.rounds);
				self.recovering.insert(commitment.device);
				return None;
			},
		};
		if chain.rounds() < commitment.rounds {
			self.recovering.insert(commitment.device);
			return None;
		}
		let record = Record {
			device: commitment.device,
			window: commitment.window,
			seed: commitment.seed,
			class: enrolment.class,
			opened: self.view.now,
			stage: Stage::Committed,
			chain,
			commit: None,
			reveal: None,
		};
		if !record.is_of(commitment) {
			let note = "the chain holds a commitment that is not ours: this key is used by two workers, or the \
			            device has computed wrongly";
			note_once(state, commitment.device, note);
			return None;
		}
		self.ends.push((commitment.device, window));
		self.put(record.clone());
		Some(record)
	}

	fn device_seed(
		&self,
		window: &H256,
		enrolment: &Enrolment<AccountId>,
		params: &Params,
	) -> [u8; 32] {
		let worker = self.inner.keys.worker();
		transcript::device_seed(&window.0, &worker.0, enrolment.device, enrolment.class, params)
	}

	/// Sends the proofs of products.
	fn products(&mut self, state: &mut State) {
		for (job, deadline) in &self.view.products {
			state.missing.remove(&Missing::Product(*job));
			if self.view.now > *deadline {
				continue;
			}
			let topic = Topic::Product(*job);
			let before = self.book.calls.get(&topic);
			let call = match before.filter(|call| call.valid_until >= self.view.now) {
				Some(call) => call.clone(),
				None => {
					let Some(proof) = self.inner.products.proof(*job) else { continue };
					let call = AttestationCall::SettleProduct { job: *job, proof };
					let (call, _) = self.sign(None, call, self.until(*deadline));
					tracing::info!(job, "the proof of a product is sent");
					self.book.calls.insert(topic, call.clone());
					self.changes.calls.insert(topic);
					call
				},
			};
			self.calls.push(call);
		}
	}

	/// Takes part in the open window.
	fn windows(&mut self, state: &mut State) {
		let Some(window) = self.view.window.filter(|_| !state.draining) else { return };
		for enrolment in &self.view.enrolments {
			let device = enrolment.device;
			let Some(prover) = self.inner.provers.get(&device) else { continue };
			if self.recovering.contains(&device) {
				continue;
			}
			let key = (device, window.id);
			let is_open = self.inner.settings.enabled
				&& !prover.is_broken()
				&& self.view.slot <= window.last_slot
				&& enrolment.since < window.block;
			let is_done = self.view.commitments.iter().any(|c| (c.device, c.window) == key)
				|| self.view.certificates.iter().any(|c| (c.device, c.window) == key);
			if !is_open || is_done {
				self.leave_window(key);
				continue;
			}
			let Some(params) = dimensions(enrolment) else {
				note_once(
					state,
					device,
					"its class is of a version that this program does not know",
				);
				continue;
			};
			let seed = self.device_seed(&window.seed, enrolment, &params);
			let known = self.book.records.get(&key);
			let record = match known {
				Some(record) if record.seed == window.seed && *record.chain.seed() == seed => {
					record.clone()
				},
				Some(record) if !may_begin_anew(record, &window, self.view.now) => {
					let note = "the chain shows another window under a number for which we have committed already";
					note_once(state, device, note);
					continue;
				},
				_ => {
					tracing::info!(device, window = window.id, "a window is open");
					state.notes.remove(&device);
					let record = Record {
						device,
						window: window.id,
						seed: window.seed,
						class: enrolment.class,
						opened: window.block,
						stage: Stage::Running,
						chain: Arc::new(Chain::new(params, seed)),
						commit: None,
						reveal: None,
					};
					self.put(record.clone());
					record
				},
			};
			match record.stage {
				Stage::Running => self.go_on(state, prover, &window, record),
				Stage::Committed => self.repeat_commitment(&window, record),
				Stage::Finished => {},
			}
		}
	}

	/// The device has nothing to do in this window any more.
	fn leave_window(&mut self, key: RecordKey) {
		let Some(record) = self.book.records.get(&key) else { return };
		if record.stage == Stage::Running {
			self.ends.push((key.0, (record.window, record.seed)));
			self.book.records.remove(&key);
			self.changes.records.insert(key);
		}
	}

	/// Lets the chain grow, or commits to it.
	fn go_on(&mut self, state: &mut State, prover: &Prover, window: &Window, mut record: Record) {
		let window_key = (window.id, window.seed);
		prover.run(window_key, &record.chain, MAX_ROUNDS);
		let progress = prover.progress().filter(|progress| {
			progress.key == window_key && progress.chain.rounds() > record.chain.rounds()
		});
		let grown = progress.is_some();
		if let Some(Progress { chain, .. }) = progress {
			record.chain = chain;
		}
		let is_time =
			record.chain.rounds() >= MAX_ROUNDS || state.clock.is_time(self.view.slot, window);
		let is_free = !self.view.commitments.iter().any(|c| c.device == record.device);
		if is_time && is_free && record.chain.rounds() > 0 {
			if let Some(note) = self.not_worth_it(window, &record) {
				note_once(state, record.device, &note);
				self.ends.push((record.device, window_key));
				// Finished without a commitment: the window is not begun anew.
				record.chain = Arc::new(Chain::new(*record.chain.params(), *record.chain.seed()));
				record.stage = Stage::Finished;
				self.put(record);
				return;
			}
			self.commit(window, record);
			return;
		}
		let saved = state.saved.get(&record.key());
		if grown {
			if saved.is_none_or(|at| at.elapsed() >= self.inner.settings.save_every) {
				self.changes.records.insert(record.key());
			}
			self.book.records.insert(record.key(), record);
		}
	}

	/// Binds the device to its rounds.
	fn commit(&mut self, window: &Window, mut record: Record) {
		self.ends.push((record.device, (window.id, window.seed)));
		let call = AttestationCall::Commit {
			window: record.window,
			device: record.device,
			rounds: record.chain.rounds(),
			commitment: H256(record.chain.commitment()),
		};
		let (call, _) = self.sign(None, call, self.commit_until(window));
		tracing::info!(
			device = record.device,
			window = record.window,
			rounds = record.chain.rounds(),
			"committed to our rounds"
		);
		record.stage = Stage::Committed;
		record.commit = Some(call.clone());
		self.put(record);
		self.calls.push(call);
	}

	/// Says a commitment again that the chain does not show.
	fn repeat_commitment(&mut self, window: &Window, mut record: Record) {
		let Some(before) = record.said() else { return };
		let call = before.call.clone();
		let (call, fresh) = self.sign(Some(before), call, self.commit_until(window));
		if fresh {
			record.commit = Some(call.clone());
			self.put(record);
		}
		self.calls.push(call);
	}

	/// Last block in which a commitment counts: a few blocks for each slot that is left, as a chain may make several. The
	/// sooner it is void, the sooner a window of the same number in another fork is free.
	fn commit_until(&self, window: &Window) -> BlockNumber {
		let left = window.last_slot.saturating_sub(self.view.slot).min(30);
		// At most 32 * 3.
		self.view.now.saturating_add((left as BlockNumber + 2) * 3)
	}

	/// Why a commitment would do more harm than good: a certificate replaces the one before it.
	fn not_worth_it(&self, window: &Window, record: &Record) -> Option<String> {
		let slots = self.view.slot.saturating_sub(window.slot).saturating_add(1).max(1);
		let mops = record.chain.ops() / (u128::from(slots) * 6 * 1_000_000);
		let good = self.view.certificates.iter().find(|certificate| {
			certificate.device == record.device
				&& u128::from(certificate.mops) > mops + mops / 4
				&& certificate.expires > self.view.now.saturating_add(STILL_GOOD)
		})?;
		Some(format!(
			"window {} was passed over: {mops} Mop/s in it, {} in the certificate of window {}",
			window.id, good.mops, good.window
		))
	}

	/// Enrols devices, or lets them leave.
	fn enrolments(&mut self, state: &mut State) {
		if state.draining {
			return;
		}
		let share = Balance::from(self.inner.settings.stake_percent.min(100));
		let locked: Balance =
			self.view.enrolments.iter().fold(0, |sum, e| sum.saturating_add(e.bond));
		let free = self.view.free_bond.unwrap_or_default();
		// What devices of this worker have locked counts as theirs.
		let mut budget =
			(free.saturating_add(locked).saturating_mul(share) / 100).saturating_sub(locked);
		budget = budget.min(free);
		for enrolment in &self.view.enrolments {
			let is_here = self.inner.provers.get(&enrolment.device).is_some_and(|p| !p.is_broken());
			if !(self.inner.settings.enabled && is_here) {
				let leave = AttestationCall::Leave { device: enrolment.device };
				self.change(enrolment.device, Some(enrolment), leave);
			}
		}
		if !self.inner.settings.enabled {
			return;
		}
		for (device, prover) in &self.inner.provers {
			if prover.is_broken() {
				continue;
			}
			let current = self.enrolment(*device).cloned();
			match self.wanted(prover, *device, current.as_ref(), budget) {
				Ok(Some(plan)) => {
					let Plan { class, lanes, bond, .. } = plan;
					let enrol = AttestationCall::Enrol { device: *device, class, lanes };
					let own = current.as_ref().map_or(0, |current| current.bond);
					if self.change(*device, current.as_ref(), enrol) {
						budget = budget.saturating_sub(bond.saturating_sub(own));
					}
					state.obstacles.remove(device);
				},
				Ok(None) => {
					state.obstacles.remove(device);
				},
				Err(obstacle) => {
					if state.obstacles.get(device) != Some(&obstacle) {
						tracing::warn!(device, "a device cannot enrol: {obstacle}");
						state.obstacles.insert(*device, obstacle);
					}
				},
			}
		}
	}

	/// What a device should enrol as; `None` if nothing is to be changed, or not yet. Fails with what stands in the way.
	fn wanted(
		&mut self,
		prover: &Prover,
		device: DeviceIndex,
		current: Option<&Enrolment<AccountId>>,
		budget: Balance,
	) -> Result<Option<Plan>, String> {
		if self.view.free_bond.is_none() {
			return Err("the chain does not know this worker yet".into());
		}
		if self.view.classes.is_empty() {
			return Err("the chain has no class of devices".into());
		}
		let measured = match current.map_or(Wish::Anew, |current| self.wish(prover, current)) {
			Wish::Keep => {
				self.forget_call(Topic::Device(device));
				return Ok(None);
			},
			Wish::Lanes(measured) => vec![measured],
			// A window is no time to measure: the device has a chain to do.
			Wish::Anew if prover.progress().is_some() => return Ok(None),
			Wish::Anew => {
				prover.measure(&self.view.classes);
				match prover.measured(&self.view.classes) {
					Some(measured) => measured,
					None => return Ok(None),
				}
			},
		};
		let own = current.map_or(0, |current| current.bond);
		let plan = plan::choose(&measured, budget.saturating_add(own), self.longest_round)
			.map_err(|e| e.to_string())?;
		let same = current
			.is_some_and(|c| (c.class, c.lanes) == (plan.class, plan.lanes) && self.is_of_today(c));
		Ok((!same).then_some(plan))
	}

	/// Whether an enrolment has the dimensions that its class has now; one of a class that is gone keeps its own.
	fn is_of_today(&self, enrolment: &Enrolment<AccountId>) -> bool {
		let today = self.view.classes.iter().find(|(class, _)| *class == enrolment.class);
		today.is_none_or(|(_, params)| *params == enrolment.params)
	}

	/// Whether an enrolled device had better enrol as something else, although that costs it its certificate.
	fn wish(&self, prover: &Prover, current: &Enrolment<AccountId>) -> Wish {
		let Some(params) = dimensions(current).filter(|_| self.is_of_today(current)) else {
			return Wish::Anew;
		};
		match prover.round_seconds(&params) {
			Some(seconds)
				if plan::is_misfit(seconds, current.lanes, &current.params, self.longest_round) =>
			{
				Wish::Lanes(Measured {
					class: current.class,
					params: current.params,
					lane_seconds: seconds / f64::from(current.lanes),
				})
			},
			_ => Wish::Keep,
		}
	}

	/// Says that a device enrols or leaves, if the chain would take it now.
	fn change(
		&mut self,
		device: DeviceIndex,
		current: Option<&Enrolment<AccountId>>,
		call: AttestationCall,
	) -> bool {
		let now = self.view.now;
		let too_early = current.is_some_and(|c| now < c.since.saturating_add(ENROLMENT_BLOCKS));
		let pending = self.view.commitments.iter().any(|c| c.device == device);
		let window = self.view.window.filter(|window| self.view.slot <= window.last_slot);
		// Whoever changes in a window is out of it.
		let runs = window.is_some_and(|window| {
			let record = self.book.records.get(&(device, window.id));
			record.is_some_and(|record| record.stage != Stage::Finished)
		});
		if too_early || pending || runs {
			return false;
		}
		let topic = Topic::Device(device);
		let before = self.book.calls.get(&topic);
		let (signed, fresh) = self.sign(before, call, now.saturating_add(CHANGE_BLOCKS));
		if fresh {
			tracing::info!(device, call = ?signed.call, "a device enrols or leaves");
			self.book.calls.insert(topic, signed.clone());
			self.changes.calls.insert(topic);
		}
		self.calls.push(signed);
		true
	}

	fn forget_call(&mut self, topic: Topic) {
		if self.book.calls.remove(&topic).is_some() {
			self.changes.calls.insert(topic);
		}
	}

	/// Finishes what the chain does not show any more.
	fn forget(&mut self, state: &mut State) {
		let now = self.view.now;
		let mut gone = Vec::new();
		for (key, record) in &self.book.records {
			let shown = self.view.commitments.iter().any(|c| (c.device, c.window) == *key)
				|| self.view.window.is_some_and(|window| {
					window.id == record.window
						&& window.seed == record.seed
						&& self.view.slot <= window.last_slot
						&& !self.view.certificates.iter().any(|c| (c.device, c.window) == *key)
				});
			let missing = Missing::Record(*key);
			if shown || record.stage == Stage::Finished {
				state.missing.remove(&missing);
			} else if is_gone(state, missing, now) {
				gone.push(*key);
			}
		}
		for key in gone {
			state.missing.remove(&Missing::Record(key));
			let Some(mut record) = self.book.records.remove(&key) else { continue };
			self.changes.records.insert(key);
			if record.commit.is_some() {
				tracing::info!(device = key.0, window = key.1, "a window is finished");
				record.stage = Stage::Finished;
				record.chain = Arc::new(Chain::new(*record.chain.params(), *record.chain.seed()));
				record.reveal = None;
				self.put(record);
			}
		}
		let settled: BTreeSet<u64> = self
			.book
			.calls
			.keys()
			.filter_map(|topic| match topic {
				Topic::Product(job) => Some(*job),
				Topic::Device(_) => None,
			})
			.filter(|job| !self.view.products.iter().any(|(shown, _)| shown == job))
			.collect();
		for job in settled {
			let missing = Missing::Product(job);
			if is_gone(state, missing, now) {
				state.missing.remove(&missing);
				self.forget_call(Topic::Product(job));
				self.inner.products.forget(job);
			}
		}
		let left: Vec<DeviceIndex> = self
			.book
			.calls
			.iter()
			.filter_map(|(topic, call)| match (topic, &call.call) {
				(Topic::Device(device), AttestationCall::Leave { .. }) => Some(*device),
				_ => None,
			})
			.filter(|device| self.enrolment(*device).is_none())
			.collect();
		for device in left {
			self.forget_call(Topic::Device(device));
		}
		self.book.forget_old(&mut self.changes);
	}
}

/// Whether something that the chain does not show has been missing for long enough.
fn is_gone(state: &mut State, what: Missing, now: BlockNumber) -> bool {
	let since = state.missing.entry(what).or_insert(now);
	*since = (*since).min(now);
	now - *since >= GONE_BLOCKS
}

/// Whether a window that the chain shows under the number of a record, with another seed, may be taken part in: only if
/// no commitment that was said can count any more, on whatever fork.
fn may_begin_anew(record: &Record, window: &Window, now: BlockNumber) -> bool {
	match record.said() {
		None => true,
		Some(said) => {
			now > said.valid_until || window.block.saturating_add(NO_REORG) < record.opened
		},
	}
}

/// Notes something for the owner, and logs it once.
fn note_once(state: &mut State, device: DeviceIndex, note: &str) {
	if state.notes.get(&device).is_none_or(|last| last != note) {
		tracing::warn!(device, "{note}");
		state.notes.insert(device, note.to_owned());
	}
}
