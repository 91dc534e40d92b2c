//! Proves the computing power of this machine's devices, window by window.
//!
//! As with jobs the chain is the truth and the journal the memory: every sync shows what the chain sees, and is answered
//! with what follows from it. The same view may come twice, from two nodes, out of order or from before a re-org; the same
//! calls are then said again, with the same bytes, until the chain shows their effect. Nothing is said before it is on
//! disk, and a device commits to a window once.
//!
//! | file | what it does |
//! | --- | --- |
//! | `sync` | what one sync decides, with `audits`, `windows`, `enrolments` and `forget` for its parts |
//! | `journal` | seeds, roots and signed calls, durable |
//! | `prover` | a thread per device: rounds, audits, measurements; gives way to jobs |
//! | `device` | what a device is to the prover |
//! | `plan` | which class and how many lanes a device takes |
//! | `clock` | slots: when to commit; and which views are out of date |
//! | `product` | proofs of jobs' products, which the runner has made |

mod audits;
pub mod clock;
pub mod device;
mod enrolments;
mod forget;
pub mod journal;
pub mod plan;
pub mod product;
pub mod prover;
pub mod status;
mod sync;
mod windows;

use std::{
	collections::{BTreeMap, BTreeSet},
	sync::{Arc, Mutex},
	time::{Duration, Instant},
};

use io_primitives::{
	AccountId, BlockNumber, WorkerKey,
	attestation::{
		AttestRequest, AttestResponse, AttestationView, Commitment, DeviceIndex, Enrolment,
		SignedAttestation,
	},
};
use io_tflops::Params;

use crate::{keystore::Keys, lock};
use clock::{SlotClock, Tide};
use device::Device;
use forget::Missing;
use journal::{Book, Changes, Journal, Record, RecordKey, Topic};
use product::Products;
use prover::Prover;
use sync::Sync;

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
