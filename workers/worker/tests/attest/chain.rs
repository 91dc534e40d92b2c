//! A chain made by hand, as far as proofs of computing power go: it takes calls under the rules of the pallet, and
//! verifies what it is shown.

use std::collections::{BTreeMap, BTreeSet};

use codec::{DecodeAll, Encode};
use io_primitives::{
	AccountId, JobId, WorkerKey,
	attestation::{
		AttestRequest, AttestResponse, AttestationCall, AttestationView, Audit, Certificate,
		ClassParams, Commitment, DeviceIndex, ENROLMENT_BLOCKS, Enrolment, SignedAttestation,
		Window, WindowId,
	},
};
use io_tflops::{Params, Statement, transcript, verify_reveal};
use io_worker::attest::Attester;
use sp_core::{H256, Pair, sr25519};

pub(crate) const GENESIS: H256 = H256::repeat_byte(0x42);
const REVEAL_BLOCKS: u32 = 40;
const AUDIT_BLOCKS: u32 = 4;
const TTL: u32 = 5_000;

/// A class that takes no time.
pub(crate) const TOY: ClassParams = ClassParams {
	arith: 0,
	m: 4,
	n: 128,
	k: 16,
	min_lanes: 2,
	max_lanes: 4,
	openings: 8,
	bond_per_lane: 10,
};

/// Whoever answers requests.
pub(crate) trait Worker {
	/// The encoded answer.
	fn attest(&self, request: &AttestRequest<AccountId>) -> Vec<u8>;
}

impl Worker for Attester {
	fn attest(&self, request: &AttestRequest<AccountId>) -> Vec<u8> {
		self.sync(request).unwrap().encode()
	}
}

pub(crate) struct Chain {
	pub(crate) worker: WorkerKey,
	pub(crate) view: AttestationView<AccountId>,
	/// Whether calls have an effect.
	pub(crate) deaf: bool,
	/// Whether commitments are audited.
	pub(crate) audits: bool,
	/// Calls of the last sync.
	pub(crate) last: Vec<SignedAttestation>,
	/// All commitments that were ever said for a window: there must be one of each device.
	pub(crate) commitments: BTreeMap<(DeviceIndex, WindowId, H256), BTreeSet<H256>>,
	/// Calls that the chain did not take.
	pub(crate) refused: Vec<String>,
	/// Jobs whose product was proven.
	pub(crate) settled: Vec<JobId>,
	/// Block in which each commitment came.
	since: BTreeMap<DeviceIndex, u32>,
}

impl Chain {
	pub(crate) fn new(worker: WorkerKey) -> Chain {
		Chain {
			worker,
			view: AttestationView {
				para: 2_000,
				now: 1_000,
				slot: 5_000,
				free_bond: Some(1_000),
				classes: vec![(3, TOY)],
				enrolments: Vec::new(),
				window: None,
				commitments: Vec::new(),
				certificates: Vec::new(),
				mops: 0,
				products: Vec::new(),
			},
			deaf: false,
			audits: true,
			last: Vec::new(),
			commitments: BTreeMap::new(),
			refused: Vec::new(),
			settled: Vec::new(),
			since: BTreeMap::new(),
		}
	}

	/// A device that is enrolled since long ago.
	pub(crate) fn enrol(&mut self, device: DeviceIndex, lanes: u32) {
		self.view.enrolments.push(Enrolment {
			device,
			class: 3,
			lanes,
			params: TOY,
			operator: AccountId::from([5; 32]),
			bond: 10 * u128::from(lanes),
			since: self.view.now.saturating_sub(500),
		});
	}

	/// Opens the next window, with a seed of this kind.
	pub(crate) fn open_window(&mut self, kind: u8) -> Window {
		let id = self.view.window.map_or(1, |window| window.id + 1);
		let AttestationView { now, slot, .. } = self.view;
		let seed = H256(*blake3::hash(&[&[kind][..], &id.to_le_bytes()].concat()).as_bytes());
		let window = Window { id, seed, slot, block: now, last_slot: slot + 10 };
		self.view.window = Some(window);
		window
	}

	pub(crate) fn request(&self) -> AttestRequest<AccountId> {
		AttestRequest { genesis: GENESIS, workers: vec![(self.worker, self.view.clone())] }
	}

	/// What the worker says to a request.
	pub(crate) fn ask(
		&self,
		worker: &impl Worker,
		request: &AttestRequest<AccountId>,
	) -> Vec<SignedAttestation> {
		let response = AttestResponse::decode_all(&mut &worker.attest(request)[..]).unwrap();
		assert_eq!(response.keys.to_vec(), vec![self.worker]);
		response.calls.to_vec()
	}

	/// The same block again, without effect.
	pub(crate) fn again(&mut self, worker: &impl Worker) -> Vec<SignedAttestation> {
		let calls = self.ask(worker, &self.request());
		for signed in &calls {
			self.note(signed);
		}
		calls
	}

	/// The next block, in the next slot: a sync, and what the calls do.
	pub(crate) fn block(&mut self, worker: &impl Worker) {
		self.view.now += 1;
		self.view.slot += 1;
		self.serve();
		self.last = self.again(worker);
		for signed in self.last.clone() {
			if !self.deaf
				&& let Err(rule) = self.take(&signed.call)
			{
				self.refused.push(format!("{rule}: {:?}", signed.call));
			}
		}
	}

	fn note(&mut self, signed: &SignedAttestation) {
		assert_eq!(signed.worker, self.worker);
		assert!(signed.valid_until >= self.view.now);
		let payload = signed.call.payload(GENESIS, signed.valid_until);
		assert!(sr25519::Pair::verify(&signed.signature, &payload, &signed.worker));
		match signed.call {
			AttestationCall::Commit { window, seed, device, commitment, .. } => {
				let open = self.view.window.unwrap();
				assert_eq!((open.id, open.seed), (window, seed));
				self.commitments.entry((device, window, seed)).or_default().insert(commitment);
			},
			AttestationCall::Enrol { .. } | AttestationCall::Leave { .. } => {
				assert!(signed.valid_until <= self.view.now + ENROLMENT_BLOCKS);
			},
			_ => {},
		}
	}

	/// What happens at the beginning of a block: lots, deadlines and expiries.
	fn serve(&mut self) {
		let now = self.view.now;
		let mut certified = Vec::new();
		for commitment in &mut self.view.commitments {
			if let Some(audit) = commitment.audit {
				assert!(now < audit.deadline, "slashed: no reveal");
				continue;
			}
			if now < self.since[&commitment.device] + AUDIT_BLOCKS {
				continue;
			}
			let acc = [now as u8; 32];
			let challenge = transcript::challenge(
				&commitment.commitment.0,
				&self.worker.0,
				commitment.window,
				&acc,
			);
			if self.audits {
				let deadline = now + REVEAL_BLOCKS;
				commitment.audit = Some(Audit { challenge: H256(challenge), deadline });
			} else {
				certified.push(*commitment);
			}
		}
		for commitment in certified {
			self.certify(&commitment, false);
		}
		self.view.certificates.retain(|certificate| certificate.expires > now);
	}

	fn take(&mut self, call: &AttestationCall) -> Result<(), &'static str> {
		let now = self.view.now;
		match call {
			AttestationCall::Enrol { device, class, lanes } => {
				self.may_change(*device)?;
				let params = self.view.classes.iter().find(|(c, _)| c == class).ok_or("class")?.1;
				if !(params.min_lanes..=params.max_lanes).contains(lanes) {
					return Err("lanes");
				}
				let bond = params.bond_per_lane * u128::from(*lanes);
				let old = self.view.enrolments.iter().position(|e| e.device == *device);
				let mut free = self.view.free_bond.ok_or("unknown worker")?;
				if let Some(old) = old {
					free += self.view.enrolments.remove(old).bond;
				}
				self.view.free_bond = Some(free.checked_sub(bond).ok_or("bond")?);
				self.view.certificates.retain(|certificate| certificate.device != *device);
				self.view.enrolments.push(Enrolment {
					device: *device,
					class: *class,
					lanes: *lanes,
					params,
					operator: AccountId::from([5; 32]),
					bond,
					since: now,
				});
			},
			AttestationCall::Leave { device } => {
				self.may_change(*device)?;
				let old = self.view.enrolments.iter().position(|e| e.device == *device);
				self.view.enrolments.remove(old.ok_or("not enrolled")?);
			},
			AttestationCall::Commit { window, seed, device, rounds, commitment } => {
				let open = self.view.window.filter(|w| w.id == *window).ok_or("other window")?;
				if open.seed != *seed {
					return Err("other seed");
				}
				let enrolment = self.enrolment(*device).ok_or("not enrolled")?;
				if self.view.slot > open.last_slot {
					return Err("window over");
				}
				if enrolment.since >= open.block {
					return Err("enrolled too late");
				}
				if self.view.commitments.iter().any(|c| c.device == *device) {
					return Err("committed");
				}
				self.view.commitments.push(Commitment {
					window: *window,
					seed: open.seed,
					device: *device,
					rounds: *rounds,
					commitment: *commitment,
					slots: (self.view.slot - open.slot).max(1) as u32,
					audit: None,
				});
				self.since.insert(*device, now);
			},
			AttestationCall::Reveal { window, challenge, device, proof } => {
				let at = self.view.commitments.iter().position(|c| c.device == *device);
				let commitment = self.view.commitments[at.ok_or("no commitment")?];
				let audit = commitment.audit.ok_or("not audited")?;
				if audit.challenge != *challenge {
					return Err("other challenge");
				}
				let enrolment = self.enrolment(*device).ok_or("not enrolled")?;
				assert_eq!(commitment.window, *window);
				let ClassParams { arith, m, n, k, openings, .. } = enrolment.params;
				let params = Params::new(arith, m, n, k, enrolment.lanes).unwrap();
				let statement = Statement {
					seed: transcript::device_seed(
						&commitment.seed.0,
						&self.worker.0,
						*device,
						enrolment.class,
						&params,
					),
					params,
					rounds: commitment.rounds,
					openings,
					commitment: commitment.commitment.0,
					challenge: audit.challenge.0,
				};
				assert_eq!(verify_reveal(&statement, proof), Ok(()), "slashed: a wrong reveal");
				self.certify(&commitment, true);
			},
			AttestationCall::SettleProduct { job, .. } => {
				let at = self.view.products.iter().position(|(shown, _)| shown == job);
				self.view.products.remove(at.ok_or("no such job")?);
				self.settled.push(*job);
			},
		}
		Ok(())
	}

	fn may_change(&self, device: DeviceIndex) -> Result<(), &'static str> {
		if self.view.commitments.iter().any(|c| c.device == device) {
			return Err("commitment pending");
		}
		match self.enrolment(device) {
			Some(old) if self.view.now <= old.since + ENROLMENT_BLOCKS => Err("too early"),
			_ => Ok(()),
		}
	}

	pub(crate) fn enrolment(&self, device: DeviceIndex) -> Option<&Enrolment<AccountId>> {
		self.view.enrolments.iter().find(|enrolment| enrolment.device == device)
	}

	fn certify(&mut self, commitment: &Commitment, audited: bool) {
		let device = commitment.device;
		let lanes = self.enrolment(device).unwrap().lanes;
		let ops = u128::from(commitment.rounds) * u128::from(lanes) * 2 * 4 * 128 * 16;
		self.view.commitments.retain(|c| c.device != device);
		self.view.certificates.retain(|c| c.device != device);
		self.view.certificates.push(Certificate {
			device,
			class: 3,
			window: commitment.window,
			ops,
			slots: commitment.slots,
			mops: (ops / (u128::from(commitment.slots) * 6_000_000)) as u64,
			audited,
			expires: self.view.now + TTL,
		});
	}

	/// Makes blocks until `done`.
	pub(crate) fn until(
		&mut self,
		worker: &impl Worker,
		what: &str,
		mut done: impl FnMut(&Chain) -> bool,
	) {
		for _ in 0..200 {
			if done(self) {
				return;
			}
			self.block(worker);
			std::thread::sleep(std::time::Duration::from_millis(5));
		}
		panic!("not reached: {what}; refused: {:?}", self.refused);
	}

	pub(crate) fn certified(&self, window: WindowId) -> bool {
		self.view.certificates.iter().any(|certificate| certificate.window == window)
	}

	/// Whether no window got two commitments.
	pub(crate) fn check(&self) {
		for (window, said) in &self.commitments {
			assert_eq!(said.len(), 1, "{window:?}");
		}
	}
}
