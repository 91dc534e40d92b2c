//! Answers to audits.

use std::sync::Arc;

use io_primitives::attestation::{AttestationCall, Commitment, ProofBytes};
use io_tflops::{Statement, prover::Chain};

use super::{
	State, dimensions,
	journal::{Record, Stage},
	prover::Prover,
	sync::{Sync, note_once},
};

impl Sync<'_> {
	/// Answers audits.
	pub(super) fn audits(&mut self, state: &mut State) {
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
						let (window, challenge) = (commitment.window, audit.challenge);
						let call = AttestationCall::Reveal { window, challenge, device, proof };
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
				prover.recover(window, &chain, commitment.rounds);
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
}
