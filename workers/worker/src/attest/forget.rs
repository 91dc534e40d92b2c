//! The end of windows and calls: what the chain has not shown for a while is finished.

use std::{collections::BTreeSet, sync::Arc};

use io_primitives::{
	BlockNumber,
	attestation::{AttestationCall, DeviceIndex},
};
use io_tflops::prover::Chain;

use super::{
	State,
	journal::{RecordKey, Stage, Topic},
	sync::Sync,
};

/// Blocks for which something must be gone from the chain before it counts as finished: a small re-org brings it back.
const GONE_BLOCKS: BlockNumber = 3;

/// Something that the chain does not show, since a block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Missing {
	Record(RecordKey),
	Product(u64),
}

impl Sync<'_> {
	/// Finishes what the chain does not show any more.
	pub(super) fn forget(&mut self, state: &mut State) {
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
			self.ends.push((key.0, (record.window, record.seed)));
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
