//! One sync: what the chain shows, what is decided, and what is said.

use std::collections::BTreeSet;

use io_primitives::{
	AccountId, BlockNumber,
	attestation::{AttestationCall, AttestationView, DeviceIndex, Enrolment, SignedAttestation},
};
use io_tflops::{Params, transcript};
use sp_core::H256;

use super::{
	Inner, State,
	journal::{Book, Changes, Record, Topic},
	prover::WindowKey,
};

/// Blocks for which an answer counts, at most; later it is signed anew.
const VALID_BLOCKS: BlockNumber = 64;

/// What one sync does to the state.
pub(super) struct Sync<'a> {
	pub(super) inner: &'a Inner,
	pub(super) genesis: H256,
	pub(super) view: &'a AttestationView<AccountId>,
	pub(super) book: Book,
	pub(super) changes: Changes,
	pub(super) calls: Vec<SignedAttestation>,
	/// How long a round may last on this chain, in seconds.
	pub(super) longest_round: f64,
	/// Devices that do rounds again for an audit.
	pub(super) recovering: BTreeSet<DeviceIndex>,
	/// Chains that end when all of this is on disk.
	pub(super) ends: Vec<(DeviceIndex, WindowKey)>,
}

impl Sync<'_> {
	/// The signed call: the one from before if it still counts, so that its bytes stay the same. `true` if it is new.
	pub(super) fn sign(
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
	pub(super) fn until(&self, deadline: BlockNumber) -> BlockNumber {
		deadline.min(self.view.now.saturating_add(VALID_BLOCKS))
	}

	pub(super) fn put(&mut self, record: Record) {
		self.changes.records.insert(record.key());
		self.book.records.insert(record.key(), record);
	}

	pub(super) fn enrolment(&self, device: DeviceIndex) -> Option<&Enrolment<AccountId>> {
		self.view.enrolments.iter().find(|enrolment| enrolment.device == device)
	}

	pub(super) fn device_seed(
		&self,
		window: &H256,
		enrolment: &Enrolment<AccountId>,
		params: &Params,
	) -> [u8; 32] {
		let worker = self.inner.keys.worker();
		transcript::device_seed(&window.0, &worker.0, enrolment.device, enrolment.class, params)
	}

	pub(super) fn forget_call(&mut self, topic: Topic) {
		if self.book.calls.remove(&topic).is_some() {
			self.changes.calls.insert(topic);
		}
	}
}

/// Notes something for the owner, and logs it once.
pub(super) fn note_once(state: &mut State, device: DeviceIndex, note: &str) {
	if state.notes.get(&device).is_none_or(|last| last != note) {
		tracing::warn!(device, "{note}");
		state.notes.insert(device, note.to_owned());
	}
}
