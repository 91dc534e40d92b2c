//! Random calls by honest, lazy and silent devices: after each of them all invariants hold, only who lied or stayed silent
//! is slashed, and when everybody falls silent nothing stays pending.

use frame_support::weights::{Weight, WeightMeter};
use io_primitives::attestation::{AttestationCall, ProofBytes};
use io_tflops::prover::{Chain, Scalar};
use proptest::prelude::*;
use sp_runtime::Permill;
use std::collections::BTreeMap;

use crate::{mock::*, *};

/// Workers 1 and 2 are honest and 3 is lazy. Nobody reveals unless an action says so.
const PLAYERS: u8 = 3;
const DEVICES: u16 = 2;

#[derive(Clone, Copy, Debug)]
enum Action {
	Enrol {
		w: u8,
		device: u8,
		class: u8,
		lanes: u8,
	},
	Leave {
		w: u8,
		device: u8,
	},
	Release {
		w: u8,
		device: u8,
		by: u8,
	},
	Commit {
		w: u8,
		device: u8,
		rounds: u8,
	},
	/// One of those that are audited.
	Reveal {
		which: u8,
	},
	/// Any bytes of the right or a wrong length.
	Garbage {
		w: u8,
		device: u8,
		len: u8,
	},
	Block {
		weight: u8,
	},
	Blocks {
		count: u8,
	},
	Relay {
		number: u8,
		vrf: bool,
	},
	Stake {
		w: u8,
		kind: u8,
		amount: u32,
	},
	Change {
		what: u8,
		to: u8,
	},
}

fn action(bytes: [u8; 6]) -> Action {
	let [kind, a, b, c, d, _] = bytes;
	match kind % 32 {
		0..=5 => Action::Enrol { w: a, device: b, class: c, lanes: d },
		6 => Action::Leave { w: a, device: b },
		7 => Action::Release { w: a, device: b, by: c },
		8..=15 => Action::Commit { w: a, device: b, rounds: c },
		16..=21 => Action::Reveal { which: a },
		22 => Action::Garbage { w: a, device: b, len: c },
		23..=26 => Action::Block { weight: a },
		27 => Action::Blocks { count: a },
		28 => Action::Relay { number: a, vrf: b % 2 == 0 },
		29 => Action::Stake { w: a, kind: b, amount: u32::from_le_bytes([c, d, 0, 0]) },
		30 => Action::Blocks { count: 20 },
		_ => Action::Change { what: a, to: b },
	}
}

/// What happened, by kind.
type Seen = BTreeMap<&'static str, u32>;

#[derive(Default)]
struct Model {
	/// The honest devices' chains, and those of the lazy ones.
	chains: BTreeMap<(u8, u16), Chain>,
	seen: Seen,
	/// Proven work, by the events.
	certified: usize,
}

impl Model {
	fn matmul(w: u8) -> Lazy {
		Lazy { percent: if w == PLAYERS { 30 } else { 0 } }
	}

	fn perform(&mut self, action: Action) {
		let worker = |w: u8| w % PLAYERS + 1;
		let index = |device: u8| u16::from(device) % DEVICES;
		match action {
			Action::Enrol { w, device, class, lanes } => {
				let lanes = u32::from(lanes % 3);
				let _ = dispatch(worker(w), enrol_call(index(device), class % 8 / 7, lanes));
			},
			Action::Leave { w, device } => {
				let _ = dispatch(worker(w), AttestationCall::Leave { device: index(device) });
			},
			Action::Release { w, device, by } => {
				let operator = RuntimeOrigin::signed(account(worker(by)));
				let _ = IoAttestation::release(operator, key(worker(w)), index(device));
			},
			Action::Commit { w, device, rounds } => self.commit(worker(w), index(device), rounds),
			Action::Reveal { which } => self.reveal(which),
			Action::Garbage { w, device, len } => {
				let proof = ProofBytes::truncate_from(vec![7; usize::from(len)]);
				dispatch(worker(w), answer(worker(w), index(device), proof)).unwrap_err();
			},
			Action::Block { weight } => {
				let limit = Weight::from_parts(40_000_000, 2_000).saturating_mul(weight.into());
				next_block_with(&mut WeightMeter::with_limit(limit));
			},
			Action::Blocks { count } => run_blocks((count % 24).into()),
			Action::Relay { number, vrf } => {
				let (relay, slot) = relay_of(now());
				let relay = relay - 3 + u32::from(number % 4);
				IoAttestation::note_relay(relay, slot, vrf.then(|| lot(relay)));
			},
			Action::Stake { w, kind, amount } => {
				let operator = RuntimeOrigin::signed(account(worker(w)));
				let amount = amount.into();
				let _ = match kind % 3 {
					0 => IoStaking::bond_extra(operator, amount),
					1 => IoStaking::unbond(operator, account(worker(w)), amount),
					_ => IoStaking::withdraw(operator, account(worker(w))),
				};
			},
			Action::Change { what, to } => match what % 5 {
				0 => AuditRate::set(Permill::from_percent(u32::from(to % 101))),
				1 => RevealBlocks::set(u32::from(to % 30) + 1),
				2 => CertificateTtl::set(to.into()),
				3 => WindowSlots::set(u32::from(to % 20)),
				_ => MinWindowGap::set(u32::from(to % 30)),
			},
		}
	}

	/// One round, or as many as are claimed falsely.
	fn commit(&mut self, w: u8, device: u16, rounds: u8) {
		let Some(window) = IoAttestation::window() else { return };
		let Some(enrolment) = Enrolments::<Runtime>::get(key(w), device) else { return };
		let Enrolment { class, lanes, .. } = enrolment;
		// No chain has so many rounds.
		let rounds = if rounds > 250 { 129 } else { 1 };
		if IoAttestation::check_commit(&key(w), window.id, window.seed, device, rounds).is_err() {
			let commitment = H256::zero();
			let call = commit_of(&window, device, rounds, commitment);
			dispatch(w, call).unwrap_err();
			return;
		}
		let mut matmul = Self::matmul(w);
		let chain = chain_of(&window, w, device, class, lanes, rounds, &mut matmul);
		let commitment = chain.commitment().into();
		let call = commit_of(&window, device, rounds, commitment);
		dispatch(w, call).unwrap();
		self.chains.insert((w, device), chain);
	}

	fn reveal(&mut self, which: u8) {
		let mut audits: Vec<_> = (1..=PLAYERS)
			.flat_map(|w| (0..DEVICES).map(move |device| (w, device)))
			.filter(|(w, device)| pending(*w, *device).is_some_and(|found| found.audit.is_some()))
			.collect();
		if audits.is_empty() {
			return;
		}
		let (w, device) = audits.swap_remove(usize::from(which) % audits.len());
		let enrolment = Enrolments::<Runtime>::get(key(w), device).unwrap();
		let chain = &self.chains[&(w, device)];
		let statement = statement(w, device, chain, enrolment.params.openings);
		let mut matmul = Self::matmul(w);
		let proof = match chain.reveal(&mut matmul, &statement) {
			Ok(proof) => ProofBytes::try_from(proof).unwrap(),
			// A chain does not bring itself to lie; the trees of one lane are simple enough to do it here.
			Err(_) if enrolment.lanes == 1 => reveal_bytes(chain, &statement, &mut matmul),
			Err(_) => ProofBytes::try_from(vec![0; statement.reveal_len()]).unwrap(),
		};
		let _ = dispatch(w, answer(w, device, proof));
	}

	fn observe(&mut self) {
		for event in events() {
			let name = match event {
				Event::DeviceSlashed {
					worker, reason: OffenceReason::FalseCertificate, ..
				} => {
					assert_eq!(worker, key(PLAYERS), "an honest device was slashed for a lie");
					"lie"
				},
				Event::DeviceSlashed { .. } => "silence",
				Event::Certified { audited, .. } => {
					self.certified += 1;
					if audited {
						"audited"
					} else {
						"trusted"
					}
				},
				Event::DeviceEnrolled { .. } => "enrolled",
				Event::DeviceLeft { .. } => "left",
				_ => "other",
			};
			*self.seen.entry(name).or_default() += 1;
		}
		assert_eq!(Ledger::get().len(), self.certified, "work is noted once");
	}
}

/// Performs the actions, checking after each, and then lets everybody fall silent.
fn run(actions: impl Iterator<Item = Action>) -> Seen {
	let mut model = Model::default();
	ExtBuilder::default().build_and_execute(|| {
		for action in actions {
			model.perform(action);
			check();
			IoStaking::operator(account(1)).unwrap();
			model.observe();
		}
		// Four lots, the longest deadline, and a block for what blocks without weight have left.
		run_blocks(4 + 30 + 1);
		model.observe();
		assert_eq!(Commitments::<Runtime>::iter_values().count(), 0, "nothing stays pending");
		assert_eq!(Draws::<Runtime>::iter_values().count(), 0);
		assert_eq!(Deadlines::<Runtime>::iter_values().count(), 0);
	});
	model.seen
}

/// A generator that gives the same numbers everywhere.
struct Numbers(u64);

impl Iterator for Numbers {
	type Item = [u8; 6];
	fn next(&mut self) -> Option<[u8; 6]> {
		self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut z = self.0;
		z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		let [a, b, c, d, e, f, ..] = (z ^ (z >> 31)).to_le_bytes();
		Some([a, b, c, d, e, f])
	}
}

#[test]
fn should_keep_all_invariants_over_thousands_of_random_calls() {
	let mut seen = Seen::new();
	for seed in 0..4 {
		for (kind, count) in run(Numbers(seed).map(action).take(600)) {
			*seen.entry(kind).or_default() += count;
		}
	}
	println!("{seen:?}");
	for kind in ["enrolled", "left", "audited", "trusted", "lie", "silence"] {
		assert!(seen.contains_key(kind), "{kind}: {seen:?}");
	}
}

#[test]
fn should_slash_nobody_when_all_are_honest_and_answer() {
	ExtBuilder::default().build_and_execute(|| {
		AuditRate::set(Permill::from_percent(50));
		(1..=WORKERS).for_each(enrol);
		let mut certified = 0;
		for _ in 0..6 {
			next_window();
			let chains: Vec<_> = (1..=WORKERS).map(|w| chain(w, 0, 2, &mut Scalar)).collect();
			for (w, chain) in (1..).zip(&chains) {
				send(w, commit_call(0, chain)).unwrap();
			}
			run_blocks(4);
			for (w, chain) in (1..).zip(&chains) {
				if pending(w, 0).is_some() {
					send(w, reveal_call(w, 0, chain, &mut Scalar)).unwrap();
				}
			}
			certified += usize::from(WORKERS);
			assert_eq!(Ledger::get().len(), certified);
			check();
		}
		assert!((1..=WORKERS).all(|w| ledger(w).active.value == STAKE));
	});
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..Default::default() })]

	#[test]
	fn should_keep_all_invariants_whatever_happens(
		bytes in proptest::collection::vec(any::<[u8; 6]>(), 1..120)
	) {
		run(bytes.into_iter().map(action));
	}
}
