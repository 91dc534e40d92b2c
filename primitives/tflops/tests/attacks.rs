//! Attacks on the proof of computing power, one test for each.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/toy.rs"]
mod toy;

use codec::{Decode, Encode};
use io_tflops::{
	params::{ParamsError, Position, LEAF_BYTES},
	prover::{Chain, ChainError, Scalar},
	reveal_len,
	transcript::{challenge, device_seed},
	verify_reveal, Params, RevealError, Statement,
};
use toy::*;

/// Passes of `audits` audits lie within three standard deviations of their expectation.
fn assert_pass_rate(passed: u32, audits: u32, probability: f64) {
	let expected = f64::from(audits) * probability;
	let sigma = (expected * (1.0 - probability)).sqrt();
	assert!(
		(f64::from(passed) - expected).abs() <= 3.0 * sigma,
		"{passed} of {audits} passed, expected {expected:.1} +- {sigma:.1}"
	);
}

/// A chain of which `percent` of all leaves, spread over it, are wrong in all entries; with the fraction that is wrong.
fn lazy(percent: u64, rounds: u32) -> (Forest, f64) {
	let total = u64::from(rounds) * 128;
	let mut wrong = 0;
	let forest = Forest::grow(params(), seed(), rounds, |round, index, leaf| {
		let number = u64::from(round) * 128 + index;
		if (number + 1) * percent / 100 > number * percent / 100 {
			spoil(leaf);
			wrong += 1;
		}
	});
	(forest, wrong as f64 / total as f64)
}

#[test]
fn should_catch_a_lazy_worker_as_often_as_computed_when_a_fraction_of_leaves_is_wrong() {
	const AUDITS: u32 = 10_000;
	const OPENINGS: u32 = 16;
	for percent in [1, 5, 10, 20, 50] {
		let (forest, fraction) = lazy(percent, 4);
		assert!((fraction * 100.0 - percent as f64).abs() < 0.5);
		let mut passed = 0;
		for number in 0..AUDITS {
			let statement = forest.audit(OPENINGS, &acc(u64::from(number)));
			match verify_reveal(&statement, &forest.reveal(&statement)) {
				Ok(()) => passed += 1,
				Err(error) => assert!(matches!(error, RevealError::Entry { .. })),
			}
		}
		assert_pass_rate(passed, AUDITS, (1.0 - fraction).powi(OPENINGS as i32));
	}
}

#[test]
fn should_pass_when_all_entries_are_right() {
	let forest = Forest::grow(params(), seed(), 4, |_, _, _| ());
	let mut chain = Chain::new(params(), seed());
	for _ in 0..4 {
		chain.round(&mut Scalar).unwrap();
	}
	assert_eq!(chain.roots(), forest.roots());
	for openings in [1, 64, 128] {
		let statement = forest.audit(openings, &acc(0));
		let reveal = forest.reveal(&statement);
		assert_eq!(verify_reveal(&statement, &reveal), Ok(()));
		assert_eq!(chain.reveal(&mut Scalar, &statement).unwrap(), reveal);
	}
}

#[test]
fn should_refuse_wrong_c_when_one_opened_entry_is_flipped() {
	let wanted = Position { round: 2, lane: 3, row: 5, column: 77 };
	let forest = Forest::grow(params(), seed(), 4, |round, index, leaf| {
		if (round, index) == (wanted.round, wanted.leaf(&params())) {
			leaf[2 * 77] ^= 1;
		}
	});
	let statement = audit_that_opens(&forest, 128, wanted);
	let opening = statement.positions().position(|position| position == wanted).unwrap() as u32;
	assert_eq!(
		verify_reveal(&statement, &forest.reveal(&statement)),
		Err(RevealError::Entry { opening })
	);
}

#[test]
fn should_refuse_wrong_c_when_all_entries_are_wrong() {
	let forest = Forest::grow(params(), seed(), 4, |_, _, leaf| spoil(leaf));
	let statement = forest.audit(1, &acc(0));
	assert_eq!(
		verify_reveal(&statement, &forest.reveal(&statement)),
		Err(RevealError::Entry { opening: 0 })
	);
}

/// By design: entries count modulo 2^16, which saves half of the hashing and no work.
#[test]
fn should_pass_when_entries_are_off_by_65536() {
	let forest = Forest::grow(params(), seed(), 2, |_, _, leaf| {
		for entry in leaf.chunks_mut(2) {
			let off = u32::from(u16::from_le_bytes([entry[0], entry[1]])) + 65_536;
			entry.copy_from_slice(&(off as u16).to_le_bytes());
		}
	});
	let statement = forest.audit(64, &acc(0));
	assert_eq!(verify_reveal(&statement, &forest.reveal(&statement)), Ok(()));
}

#[test]
fn should_refuse_a_reused_proof_when_window_device_class_or_dimensions_differ() {
	let forest = Forest::grow(params(), seed(), 4, |_, _, _| ());
	let statement = forest.audit(16, &acc(0));
	let reveal = forest.reveal(&statement);
	let longer = Params::new(0, 16, 128, 16, 8).unwrap();
	for other in [
		device_seed(&window_seed(WINDOW + 1), &WORKER, 0, 0, &params()),
		device_seed(&window_seed(WINDOW), &WORKER, 1, 0, &params()),
		device_seed(&window_seed(WINDOW), &WORKER, 0, 1, &params()),
		device_seed(&window_seed(WINDOW), &WORKER, 0, 0, &longer),
	] {
		let statement = Statement { seed: other, ..statement };
		assert_eq!(verify_reveal(&statement, &reveal), Err(RevealError::Commitment));
	}
	// The same chain, told to be one of longer rows.
	let statement = Statement { params: longer, ..statement };
	assert!(matches!(verify_reveal(&statement, &reveal), Err(RevealError::Entry { .. })));
}

#[test]
fn should_refuse_a_reused_proof_when_it_is_of_more_or_fewer_rounds() {
	let forest = Forest::grow(params(), seed(), 4, |_, _, _| ());
	let statement = forest.audit(16, &acc(0));
	let reveal = forest.reveal(&statement);
	for rounds in [3, 5] {
		let statement = Statement { rounds, ..statement };
		assert_eq!(verify_reveal(&statement, &reveal), Err(RevealError::Length));
		let mut fitted = reveal.clone();
		match rounds {
			3 => drop(fitted.drain(96..128)),
			_ => drop(fitted.splice(128..128, [0; 32])),
		}
		assert_eq!(verify_reveal(&statement, &fitted), Err(RevealError::Commitment));
	}
}

#[test]
fn should_refuse_another_workers_proof_when_its_commitment_is_copied() {
	let victim = Forest::grow(params(), seed(), 4, |_, _, _| ());
	let thief = [0x34; 32];
	let statement = Statement {
		seed: device_seed(&window_seed(WINDOW), &thief, 0, 0, &params()),
		challenge: challenge(&victim.commitment(), &thief, WINDOW, &acc(0)),
		..victim.audit(16, &acc(0))
	};
	// The victim's own reveal, and the victim's data at the positions that the thief is asked for.
	for reveal in [victim.reveal(&victim.audit(16, &acc(0))), victim.reveal(&statement)] {
		assert_eq!(verify_reveal(&statement, &reveal), Err(RevealError::Commitment));
	}
	// The victim is not disturbed.
	let statement = victim.audit(16, &acc(0));
	assert_eq!(verify_reveal(&statement, &victim.reveal(&statement)), Ok(()));
}

#[test]
fn should_refuse_the_answer_to_another_challenge_when_the_beacon_went_on() {
	let forest = Forest::grow(params(), seed(), 4, |_, _, _| ());
	let asked = forest.audit(16, &acc(1));
	let reveal = forest.reveal(&forest.audit(16, &acc(0)));
	assert_eq!(verify_reveal(&asked, &reveal), Err(RevealError::Path { opening: 0 }));
}

/// Without a beacon the challenge is a function of the commitment, and a cheat tries commitments until one is not caught.
/// With the beacon that commitment is worth as much as any other.
#[test]
fn should_catch_a_grinder_as_often_as_computed_when_the_beacon_asks() {
	const OPENINGS: u32 = 16;
	let (mut forest, fraction) = lazy(20, 2);
	let spoilt = 127;
	let honest = Forest::grow(params(), seed(), 2, |_, _, _| ());
	assert_ne!(forest.trees[1].0[spoilt], honest.trees[1].0[spoilt]);

	let passes = |forest: &Forest, statement: &Statement| {
		verify_reveal(statement, &forest.reveal(statement)).is_ok()
	};
	let tries = (0u64..)
		.find(|number| {
			let mut garbage = [0; LEAF_BYTES];
			garbage[..8].copy_from_slice(&number.to_le_bytes());
			forest.change_last_round(spoilt, garbage);
			// A challenge that the cheat can compute itself: the beacon is a constant.
			passes(&forest, &forest.audit(OPENINGS, &[0; 32]))
		})
		.unwrap();
	// 1 / 0.8^16 = 36 on average.
	assert!(tries < 1_000);

	let audits = 2_000;
	let passed = (0..audits)
		.filter(|n| passes(&forest, &forest.audit(OPENINGS, &acc(u64::from(*n)))))
		.count();
	assert_pass_rate(passed as u32, audits, (1.0 - fraction).powi(OPENINGS as i32));
}

#[test]
fn should_give_an_error_when_rounds_or_openings_are_out_of_range() {
	let forest = Forest::grow(params(), seed(), 1, |_, _, _| ());
	let statement = forest.audit(1, &acc(0));
	let reveal = forest.reveal(&statement);
	for rounds in [0, 129, u32::MAX] {
		let statement = Statement { rounds, ..statement };
		assert_eq!(verify_reveal(&statement, &reveal), Err(RevealError::Rounds));
		assert_eq!(verify_reveal(&statement, &[]), Err(RevealError::Rounds));
		assert_eq!(statement.positions().count(), 1);
	}
	for openings in [0, 129, u32::MAX] {
		let statement = Statement { openings, ..statement };
		assert_eq!(verify_reveal(&statement, &reveal), Err(RevealError::Openings));
		assert!(reveal_len(&params(), u32::MAX, openings) > 1 << 32);
	}
}

#[test]
fn should_give_an_error_when_dimensions_are_out_of_range() {
	use ParamsError::*;
	for (arith, m, n, k, lanes, error) in [
		(1, 128, 128, 128, 1, UnknownArith),
		(0, 0, 128, 128, 1, NotPowerOfTwo),
		(0, 96, 128, 128, 1, NotPowerOfTwo),
		(0, 128, 130, 128, 1, NotPowerOfTwo),
		(0, 128, 128, 0, 1, NotPowerOfTwo),
		(0, 128, 128, 128, 0, NotPowerOfTwo),
		(0, 128, 128, 128, 3, NotPowerOfTwo),
		(0, 128, 128, u32::MAX, 1, NotPowerOfTwo),
		(0, 131_072, 128, 128, 1, OutOfRange),
		(0, 128, 64, 128, 1, OutOfRange),
		(0, 128, 131_072, 128, 1, OutOfRange),
		(0, 128, 128, 131_072, 1, OutOfRange),
		(0, 128, 128, 128, 2_048, OutOfRange),
		(0, 1 << 31, 1 << 31, 1 << 31, 1 << 31, OutOfRange),
	] {
		assert_eq!(Params::new(arith, m, n, k, lanes), Err(error));
		assert!(Params::decode(&mut &(arith, m, n, k, lanes).encode()[..]).is_err());
	}
	let smallest = Params::new(0, 1, 128, 1, 1).unwrap();
	let largest = Params::new(0, 65_536, 65_536, 65_536, 1_024).unwrap();
	assert_eq!((smallest.depth(), largest.depth()), (0, 35));
	assert_eq!(reveal_len(&largest, 128, 128), 128 * (32 + 256 + 35 * 32));
	for params in [smallest, largest] {
		assert_eq!(Params::decode(&mut &params.encode()[..]), Ok(params));
	}
}

#[test]
fn should_find_every_position_inside_of_the_class_when_any_challenge_comes() {
	for (m, n, lanes, rounds) in [(1, 128, 1, 1), (16, 128, 8, 3), (65_536, 65_536, 1_024, 128)] {
		let params = Params::new(0, m, n, 1, lanes).unwrap();
		let leaves = params.leaves_per_lane() * u64::from(lanes);
		for number in 0..100 {
			for position in
				io_tflops::transcript::positions(&acc(number), &params, rounds).take(128)
			{
				assert!(position.round < rounds && position.lane < lanes);
				assert!(position.row < m && position.column < n);
				assert!(position.leaf(&params) < leaves);
			}
		}
	}
}

/// The commitment of the statement is wrong as well: had anything been hashed, that would be the error.
#[test]
fn should_refuse_before_hashing_when_a_proof_is_oversize_or_undersize() {
	let forest = Forest::grow(params(), seed(), 4, |_, _, _| ());
	let statement = forest.audit(16, &acc(0));
	let reveal = forest.reveal(&statement);
	let unknown = Statement { commitment: [0; 32], ..statement };
	assert_eq!(verify_reveal(&unknown, &reveal), Err(RevealError::Commitment));

	let mut wrong = vec![Vec::new(), vec![0; 4 << 20], reveal[1..].to_vec()];
	// A trailing byte, one more sibling, one more leaf, one more opening.
	for more in [1, 32, LEAF_BYTES, LEAF_BYTES + 7 * 32] {
		wrong.push([reveal.as_slice(), &vec![0; more]].concat());
		wrong.push(reveal[..reveal.len() - more].to_vec());
	}
	for reveal in wrong {
		assert_eq!(verify_reveal(&unknown, &reveal), Err(RevealError::Length));
	}
}

#[test]
fn should_refuse_to_reveal_when_the_device_cheated() {
	let mut chain = Chain::new(params(), seed());
	let mut cheat = Tampered(|_: &_, c: &mut [u16]| c.iter_mut().for_each(|entry| *entry ^= 1));
	chain.round(&mut cheat).unwrap();
	let commitment = chain.commitment();
	let statement = Statement {
		seed: seed(),
		params: params(),
		rounds: 1,
		openings: 8,
		commitment,
		challenge: challenge(&commitment, &WORKER, WINDOW, &acc(0)),
	};
	// With the same wrong device, and with one that is right but too late.
	assert_eq!(
		chain.reveal(&mut cheat, &statement),
		Err(ChainError::Refused(RevealError::Entry { opening: 0 }))
	);
	assert!(matches!(
		chain.reveal(&mut Scalar, &statement),
		Err(ChainError::Contradiction { round: 0, .. })
	));
}
