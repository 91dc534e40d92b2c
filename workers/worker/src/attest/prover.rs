//! The thread of one device: it takes orders, and computes one thing at a time.
//!
//! Audits go first, because a bond hangs on them. Rounds of a chain and measurements pause while a job wants the machine:
//! what runs is then stopped between two blocks of rows, and the round is begun anew later. The thread has a low priority,
//! and so have those that a device starts from it.

use std::{
	sync::{Arc, Condvar, Mutex, PoisonError},
	thread::JoinHandle,
	time::{Duration, Instant},
};

use io_kernels::Cancel;
use io_primitives::attestation::{AttestationClass, ClassParams, WindowId};
use io_tflops::{
	Params, Statement,
	params::MAX_ROUNDS,
	prover::{Chain, ChainError, MatMul},
};
use sp_core::H256;

use super::{
	device::{Device, Engine, Fault},
	plan::{Measured, SLOWEST_ROUND},
};
use crate::lock;

/// Priority of the thread: programs of jobs and the owner's own go first.
const NICE: i32 = 10;
/// Openings of the audit with which a device checks itself after its first round of a window.
const OWN_OPENINGS: u32 = 2;
/// Pause after a fault of the device.
const FAULT_PAUSE: Duration = Duration::from_secs(2);
/// Faults in a row after which a device gives up its chain or its measurement; audits are tried on and on.
const MAX_FAULTS: u32 = 3;
/// Rounds over which their length is averaged.
const TIMED_ROUNDS: u32 = 32;
/// Fewer rounds than this say nothing of their length.
const FEW_ROUNDS: u32 = 3;
/// A measurement goes on for so long, after one product to warm up.
const MEASURE: Duration = Duration::from_millis(400);

/// Which window: its number and its seed.
pub type WindowKey = (WindowId, H256);

/// What a device does at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Doing {
	/// Nothing.
	#[default]
	Idle,
	/// It measures itself.
	Measuring,
	/// It does rounds.
	Proving,
	/// It would do rounds, if no job wanted the machine.
	Paused,
	/// It answers an audit.
	Revealing,
}

/// A chain, as far as it has come.
#[derive(Clone, Debug)]
pub struct Progress {
	/// The window.
	pub key: WindowKey,
	/// The chain.
	pub chain: Arc<Chain>,
}

/// How long rounds of some dimensions last, over the last of them.
#[derive(Clone, Copy)]
struct Timing {
	params: Params,
	seconds: f64,
	rounds: u32,
}

struct Run {
	progress: Progress,
	/// Rounds at which the chain ends.
	limit: u32,
	/// Whether jobs have to share the machine with it.
	urgent: bool,
	/// Whether the device has checked itself in this run.
	checked: bool,
	faults: u32,
}

struct Audit {
	key: WindowKey,
	chain: Arc<Chain>,
	statement: Statement,
	proof: Option<Vec<u8>>,
	not_before: Option<Instant>,
}

#[derive(Default)]
struct Measuring {
	classes: Vec<(AttestationClass, ClassParams)>,
	done: Option<Vec<Measured>>,
	faults: u32,
}

/// What the thread has to do, and what came of it.
#[derive(Default)]
struct Orders {
	stop: bool,
	paused: bool,
	doing: Doing,
	run: Option<Run>,
	audit: Option<Audit>,
	timing: Option<Timing>,
	measuring: Option<Measuring>,
	/// Nothing but audits before this moment.
	rest_until: Option<Instant>,
	/// The last trouble, in words.
	trouble: Option<String>,
	/// The device computes wrongly, and takes part in no window.
	broken: bool,
}

/// A device with its thread.
pub struct Prover {
	name: String,
	shared: Arc<Shared>,
	thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
	orders: Mutex<Orders>,
	changed: Condvar,
	cancel: Cancel,
}

enum Task {
	Audit(WindowKey, Arc<Chain>, Statement),
	Round(WindowKey, Arc<Chain>, bool),
	Measure(Vec<(AttestationClass, ClassParams)>),
}

impl Prover {
	/// Starts the thread of a device. The device itself is opened when there is something to do.
	pub fn start(device: Device) -> std::io::Result<Prover> {
		let shared = Arc::new(Shared {
			orders: Mutex::default(),
			changed: Condvar::new(),
			cancel: Cancel::new(),
		});
		let (own, name) = (shared.clone(), device.name.clone());
		let thread = std::thread::Builder::new()
			.name(format!("attest-{}", device.index))
			.spawn(move || own.serve(device))?;
		Ok(Prover { name, shared, thread: Mutex::new(Some(thread)) })
	}

	/// Name of the device.
	pub fn name(&self) -> &str {
		&self.name
	}

	/// Goes on with a chain until it is full. Another chain than before takes its place; the same one, or a
	/// shorter piece of it, changes nothing.
	pub fn run(&self, key: WindowKey, chain: &Arc<Chain>) {
		self.rounds(key, chain, MAX_ROUNDS, false);
	}

	/// Does the rounds of an audited commitment again. As with audits, jobs do not make it pause.
	pub fn recover(&self, key: WindowKey, chain: &Arc<Chain>, rounds: u32) {
		self.rounds(key, chain, rounds.min(MAX_ROUNDS), true);
	}

	fn rounds(&self, key: WindowKey, chain: &Arc<Chain>, limit: u32, urgent: bool) {
		self.shared.order(|orders| {
			let same = orders.run.as_ref().is_some_and(|run| {
				run.progress.key == key
					&& run.limit == limit
					&& run.progress.chain.seed() == chain.seed()
					&& run.progress.chain.rounds() >= chain.rounds()
			});
			if !same {
				let progress = Progress { key, chain: chain.clone() };
				orders.run = Some(Run { progress, limit, urgent, checked: false, faults: 0 });
			}
			// A round of another chain is of no use any more.
			!same && matches!(orders.doing, Doing::Proving)
		});
	}

	/// Ends the chain that grows, if it is of this window.
	pub fn end(&self, key: WindowKey) {
		self.shared.order(|orders| {
			let ends = orders.run.as_ref().is_some_and(|run| run.progress.key == key);
			if ends {
				orders.run = None;
			}
			ends && matches!(orders.doing, Doing::Proving)
		});
	}

	/// The chain that grows.
	pub fn progress(&self) -> Option<Progress> {
		lock(&self.shared.orders).run.as_ref().map(|run| run.progress.clone())
	}

	/// Answers an audit; the proof can be had from [`Self::proof`] some time later.
	pub fn audit(&self, key: WindowKey, chain: &Arc<Chain>, statement: &Statement) {
		self.shared.order(|orders| {
			let same = orders
				.audit
				.as_ref()
				.is_some_and(|audit| audit.key == key && audit.statement == *statement);
			if !same {
				let (chain, statement) = (chain.clone(), *statement);
				orders.audit = Some(Audit { key, chain, statement, proof: None, not_before: None });
			}
			false
		});
	}

	/// The answer to an audit, once it is there.
	pub fn proof(&self, key: WindowKey, statement: &Statement) -> Option<Vec<u8>> {
		let orders = lock(&self.shared.orders);
		let audit = orders.audit.as_ref()?;
		if audit.key == key && audit.statement == *statement { audit.proof.clone() } else { None }
	}

	/// Measures how fast the device is in these classes, unless that is known or under way.
	pub fn measure(&self, classes: &[(AttestationClass, ClassParams)]) {
		self.shared.order(|orders| {
			if orders.measuring.as_ref().is_none_or(|measuring| measuring.classes != classes) {
				orders.measuring =
					Some(Measuring { classes: classes.to_vec(), done: None, faults: 0 });
			}
			false
		});
	}

	/// How fast the device is in these classes; those that are too much for it are left out.
	pub fn measured(&self, classes: &[(AttestationClass, ClassParams)]) -> Option<Vec<Measured>> {
		let orders = lock(&self.shared.orders);
		let measuring = orders.measuring.as_ref()?;
		if measuring.classes == classes { measuring.done.clone() } else { None }
	}

	/// Pauses rounds and measurements, or lets them go on.
	pub fn pause(&self, paused: bool) {
		let interrupts = |orders: &mut Orders| {
			let was = std::mem::replace(&mut orders.paused, paused);
			paused && !was && matches!(orders.doing, Doing::Proving | Doing::Measuring)
		};
		if lock(&self.shared.orders).paused != paused {
			self.shared.order(interrupts);
		}
	}

	/// How long a round of these dimensions lasts, pauses left out; `None` before a few have been done.
	pub fn round_seconds(&self, params: &Params) -> Option<f64> {
		let timing = lock(&self.shared.orders).timing?;
		(timing.params == *params && timing.rounds >= FEW_ROUNDS).then_some(timing.seconds)
	}

	/// What it does at the moment.
	pub fn doing(&self) -> Doing {
		let orders = lock(&self.shared.orders);
		match (orders.doing, &orders.run) {
			(Doing::Idle, Some(run)) if orders.paused && !run.is_over() => Doing::Paused,
			(doing, _) => doing,
		}
	}

	/// The last trouble, in words.
	pub fn trouble(&self) -> Option<String> {
		lock(&self.shared.orders).trouble.clone()
	}

	/// Whether the device computes wrongly and takes no part any more.
	pub fn is_broken(&self) -> bool {
		lock(&self.shared.orders).broken
	}

	/// Ends the thread, whatever it does, and waits until it has ended.
	pub fn stop(&self) {
		self.shared.order(|orders| {
			orders.stop = true;
			true
		});
		if let Some(thread) = lock(&self.thread).take()
			&& thread.join().is_err()
		{
			tracing::error!(device = self.name, "the thread of a device panicked");
		}
	}
}

impl Drop for Prover {
	fn drop(&mut self) {
		self.stop();
	}
}

impl Timing {
	/// With one more round. Older ones count for less and less.
	fn of(before: Option<Timing>, params: Params, seconds: f64) -> Timing {
		let rounds = before.map_or(0, |timing| timing.rounds).min(TIMED_ROUNDS - 1);
		let sum = before.map_or(0.0, |timing| timing.seconds) * f64::from(rounds) + seconds;
		Timing { params, seconds: sum / f64::from(rounds + 1), rounds: rounds + 1 }
	}
}

impl Run {
	fn is_over(&self) -> bool {
		self.progress.chain.rounds() >= self.limit || self.faults >= MAX_FAULTS
	}
}

impl Orders {
	/// What is to be done now.
	fn next(&mut self, now: Instant) -> Option<Task> {
		if let Some(audit) = &self.audit
			&& audit.proof.is_none()
			&& audit.not_before.is_none_or(|at| now >= at)
		{
			self.doing = Doing::Revealing;
			return Some(Task::Audit(audit.key, audit.chain.clone(), audit.statement));
		}
		let rests = self.rest_until.is_some_and(|until| now < until);
		if rests || self.broken {
			self.doing = Doing::Idle;
			return None;
		}
		if let Some(run) =
			self.run.as_ref().filter(|run| !run.is_over() && (run.urgent || !self.paused))
		{
			self.doing = Doing::Proving;
			let Progress { key, chain, .. } = &run.progress;
			return Some(Task::Round(*key, chain.clone(), run.checked));
		}
		match &self.measuring {
			Some(measuring) if measuring.done.is_none() && !self.paused => {
				self.doing = Doing::Measuring;
				Some(Task::Measure(measuring.classes.clone()))
			},
			_ => {
				self.doing = Doing::Idle;
				None
			},
		}
	}

	/// When to look again although nobody gave an order.
	fn wakes_at(&self, now: Instant) -> Option<Instant> {
		let audit = self.audit.as_ref().filter(|audit| audit.proof.is_none());
		let moments = [audit.and_then(|audit| audit.not_before), self.rest_until];
		moments.into_iter().flatten().filter(|at| *at > now).min()
	}
}

impl Shared {
	/// Changes the orders; with `true` also stops what is being computed.
	fn order(&self, change: impl FnOnce(&mut Orders) -> bool) {
		let mut orders = lock(&self.orders);
		if change(&mut orders) {
			self.cancel.cancel();
		}
		self.changed.notify_all();
	}

	/// Waits for something to do; `None` when told to stop.
	fn next(&self) -> Option<Task> {
		let mut orders = lock(&self.orders);
		loop {
			if orders.stop {
				return None;
			}
			let now = Instant::now();
			if let Some(task) = orders.next(now) {
				// Whoever cancels holds the lock, so nothing that is meant for this task gets lost.
				self.cancel.reset();
				return Some(task);
			}
			orders = match orders.wakes_at(now) {
				Some(at) => {
					let waited = self.changed.wait_timeout(orders, at - now);
					waited.unwrap_or_else(PoisonError::into_inner).0
				},
				None => self.changed.wait(orders).unwrap_or_else(PoisonError::into_inner),
			};
		}
	}

	fn serve(&self, mut device: Device) {
		if let Err(error) = rustix::process::nice(NICE) {
			tracing::debug!(%error, "the priority of a device's thread cannot be lowered");
		}
		let mut engine: Option<Engine> = None;
		while let Some(task) = self.next() {
			let open = match engine.take() {
				Some(open) => Ok(open),
				None => (device.open)(self.cancel.clone()),
			};
			match open {
				Ok(open) => {
					let engine = engine.insert(open);
					match task {
						Task::Audit(key, chain, statement) => {
							self.reveal(engine, key, &chain, &statement)
						},
						Task::Round(key, chain, checked) => {
							self.round(engine, key, &chain, checked)
						},
						Task::Measure(classes) => self.measure(engine, &device, &classes),
					}
				},
				Err(error) => self.fault(format!("the device cannot be opened: {error}")),
			}
			// A fault may have left a GPU without its context: it is opened anew.
			if lock(&self.orders).rest_until.is_some_and(|until| Instant::now() < until) {
				engine = None;
			}
		}
	}

	/// Notes a fault of the device, and rests for a while.
	fn fault(&self, trouble: String) {
		tracing::warn!(trouble, "a device that proves its power has a fault");
		let mut orders = lock(&self.orders);
		let later = Some(Instant::now() + FAULT_PAUSE);
		match orders.doing {
			Doing::Revealing => {
				if let Some(audit) = &mut orders.audit {
					audit.not_before = later;
				}
			},
			Doing::Measuring => {
				if let Some(measuring) = &mut orders.measuring {
					measuring.faults += 1;
					if measuring.faults >= MAX_FAULTS {
						measuring.done = Some(Vec::new());
					}
				}
			},
			_ => {
				if let Some(run) = &mut orders.run {
					run.faults += 1;
				}
			},
		}
		orders.trouble = Some(trouble);
		orders.rest_until = later;
		orders.doing = Doing::Idle;
	}

	fn round(&self, engine: &mut Engine, key: WindowKey, chain: &Chain, checked: bool) {
		let mut chain = chain.clone();
		let params = *chain.params();
		let start = Instant::now();
		let done = chain.round(engine);
		let seconds = start.elapsed().as_secs_f64();
		let done = match done {
			Ok(()) if !checked => check_itself(engine, &chain),
			done => done,
		};
		match done {
			Ok(()) => {
				let mut orders = lock(&self.orders);
				let Some(run) = orders.run.as_mut().filter(|run| run.progress.key == key) else {
					return;
				};
				run.progress.chain = Arc::new(chain);
				run.checked = true;
				run.faults = 0;
				orders.trouble = None;
				let before = orders.timing.filter(|timing| timing.params == params);
				orders.timing = Some(Timing::of(before, params, seconds));
			},
			Err(ChainError::Device(Fault::Cancelled)) => {},
			Err(ChainError::Device(error)) => self.fault(error.to_string()),
			Err(ChainError::Full) => {},
			Err(wrong) => {
				let trouble = format!("the device computes wrongly: {wrong}");
				tracing::error!(trouble, "a device takes no part in windows any more");
				let mut orders = lock(&self.orders);
				orders.trouble = Some(trouble);
				orders.broken = true;
				orders.run = None;
			},
		}
	}

	fn reveal(&self, engine: &mut Engine, key: WindowKey, chain: &Chain, statement: &Statement) {
		match chain.reveal(engine, statement) {
			Ok(proof) => {
				let mut orders = lock(&self.orders);
				if let Some(audit) = orders.audit.as_mut()
					&& audit.key == key
					&& audit.statement == *statement
				{
					audit.proof = Some(proof);
				}
			},
			Err(ChainError::Device(Fault::Cancelled)) => {},
			Err(error) => self.fault(format!("an audit is not answered yet: {error}")),
		}
	}

	fn measure(
		&self,
		engine: &mut Engine,
		device: &Device,
		classes: &[(AttestationClass, ClassParams)],
	) {
		match measure(engine, device.memory, classes) {
			Ok(done) => {
				let mut orders = lock(&self.orders);
				if let Some(measuring) = orders.measuring.as_mut()
					&& measuring.classes == classes
				{
					measuring.done = Some(done);
				}
			},
			Err(Fault::Cancelled) => {},
			Err(error) => self.fault(format!("the device cannot be measured: {error}")),
		}
	}
}

/// An audit of our own, before anybody else's: a device that multiplies wrongly must not commit to anything.
fn check_itself(engine: &mut Engine, chain: &Chain) -> Result<(), ChainError<Fault>> {
	let statement = Statement {
		seed: *chain.seed(),
		params: *chain.params(),
		rounds: chain.rounds(),
		openings: OWN_OPENINGS,
		commitment: chain.commitment(),
		challenge: *chain.state(),
	};
	chain.reveal(engine, &statement).map(|_| ())
}

/// How fast an open device is in the classes that are not too much for its speed and its `memory`.
///
/// # Errors
/// The device gives up.
pub fn measure<M: MatMul<Error = Fault>>(
	device: &mut M,
	memory: u64,
	classes: &[(AttestationClass, ClassParams)],
) -> Result<Vec<Measured>, Fault> {
	let mut sorted: Vec<_> = classes
		.iter()
		.filter_map(|(class, of)| {
			let params = Params::new(of.arith, of.m, of.n, of.k, 1).ok()?;
			Some((params, *class, *of))
		})
		.filter(|(params, ..)| bytes_of_lane(params) <= memory)
		.collect();
	sorted.sort_by_key(|(params, ..)| params.ops_per_round());
	let mut measured: Vec<Measured> = Vec::new();
	// The speed so far; a small product gives a first guess, so that a slow device does not begin with a large one.
	let mut rate = match sorted.first() {
		Some((params, ..)) => {
			let m = params.m().min(256);
			let guess =
				Params::new(params.arith(), m, params.n().min(256), params.k().min(1024), 1)
					.unwrap_or(*params);
			guess.ops_per_round() as f64 / lane_seconds(device, &guess)?
		},
		None => return Ok(measured),
	};
	for (params, class, of) in sorted {
		let ops = params.ops_per_round() as f64;
		// The first guess is on the low side, as small products have their costs as well.
		let slack = if measured.is_empty() { 4.0 } else { 1.5 };
		if f64::from(of.min_lanes.max(1)) * ops / rate > slack * SLOWEST_ROUND {
			continue;
		}
		let lane_seconds = lane_seconds(device, &params)?;
		rate = ops / lane_seconds;
		measured.push(Measured { class, params: of, lane_seconds });
	}
	Ok(measured)
}

/// Bytes that a device needs for one product at most: both factors, the product, and the hashes of its leaves.
fn bytes_of_lane(params: &Params) -> u64 {
	let (m, n, k) = (u64::from(params.m()), u64::from(params.n()), u64::from(params.k()));
	(m + n) * k + 4 * m * n + 64 * params.leaves_per_lane()
}

/// Seconds for one product with its hashes: the mean of as many as fit into [`MEASURE`], at least one.
fn lane_seconds<M: MatMul<Error = Fault>>(device: &mut M, params: &Params) -> Result<f64, Fault> {
	let warm = Instant::now();
	device.lane_root(params, &[0x5a; 32], 0)?;
	if warm.elapsed() > MEASURE {
		return Ok(warm.elapsed().as_secs_f64());
	}
	let start = Instant::now();
	let mut lanes = 0;
	while lanes == 0 || start.elapsed() < MEASURE {
		lanes += 1;
		device.lane_root(params, &[0x5a; 32], lanes)?;
	}
	Ok((start.elapsed().as_secs_f64() / f64::from(lanes)).max(f64::EPSILON))
}
