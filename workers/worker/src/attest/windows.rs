//! Windows: rounds, and the commitment to them.

use std::sync::Arc;

use io_primitives::{
	BlockNumber,
	attestation::{AttestationCall, Window},
};
use io_tflops::{params::MAX_ROUNDS, prover::Chain};
use sp_core::H256;

use super::{
	State, dimensions,
	journal::{Record, RecordKey, Stage},
	prover::{Progress, Prover},
	sync::{Sync, note_once},
};

/// A window that opened so many blocks before the one of the same number that we know belongs to a chain that was started
/// anew: no re-org is so deep.
const NO_REORG: BlockNumber = 100;
/// A poorer certificate is not worth it while one that is better by a quarter counts for so many blocks more.
const STILL_GOOD: BlockNumber = 1_200;

impl Sync<'_> {
	/// Takes part in the open window.
	pub(super) fn windows(&mut self, state: &mut State) {
		for (device, prover) in &self.inner.provers {
			if self.enrolment(*device).is_none()
				&& let Some(progress) = prover.progress()
			{
				self.ends.push((*device, progress.key));
			}
		}
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
		prover.run(window_key, &record.chain);
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
			seed: record.seed,
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
