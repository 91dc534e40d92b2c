//! Attacks on bundles from outside. Accepting one is a bug. Those that need a prover of one's own are in `src`.

#![allow(clippy::unwrap_used)]

#[path = "../examples/bundles/cases.rs"]
#[allow(dead_code)]
mod cases;

use bounded_collections::BoundedVec;
use codec::Encode;
use curve25519_dalek::{
	constants::{EIGHT_TORSION, RISTRETTO_BASEPOINT_POINT},
	ristretto::CompressedRistretto,
};
use io_shielded::{
	bundle::proper_point,
	sample::{Sample, Shape},
	verify_bundle, verify_bundles, Bundle, Error, Hash, MintNote, Ring, RingSize, Target,
	VerifyContext, Window,
};

const ONE: Shape = Shape {
	size: RingSize::N16,
	inputs: 2,
	outputs: 2,
	windows: [Window { index: 0, len: 16 }; 2],
	target: Target::None,
	fee_to: None,
};

fn sample() -> Sample {
	Sample::new(&ONE, [1; 32]).unwrap()
}

/// The verdict on the sample's bundle after a change.
fn after(change: impl FnOnce(&mut Bundle)) -> Result<(), Error> {
	let sample = sample();
	let mut bundle = sample.bundle.clone();
	change(&mut bundle);
	assert_ne!(bundle, sample.bundle);
	sample.verify(&bundle)
}

fn negative(point: &[u8; 32]) -> [u8; 32] {
	(-proper_point(point).unwrap()).compress().to_bytes()
}

// --- double spends

#[test]
fn should_refuse_the_same_tag_twice_in_a_bundle() {
	assert_eq!(
		after(|bundle| bundle.inputs[1].tag = bundle.inputs[0].tag),
		Err(Error::DuplicateTag)
	);
	assert_eq!(
		after(|bundle| bundle.inputs[1] = bundle.inputs[0].clone()),
		Err(Error::DuplicateTag)
	);
}

#[test]
fn should_refuse_the_same_bundle_twice_in_a_batch() {
	let sample = sample();
	let windows = sample.windows(&sample.bundle);
	let rings = [Ring { window: windows[0].0, coins: &windows[0].1 }];
	let context = VerifyContext { domain: &sample.domain, rings: &rings };
	let entry = (&sample.bundle, sample.era_hash);
	assert_eq!(verify_bundles(&context, 16, &[entry]), Ok(()));
	assert_eq!(verify_bundles(&context, 16, &[entry, entry]), Err(Error::DuplicateTag));
}

// --- malleable tags and other points

#[test]
fn should_refuse_the_negative_of_a_tag() {
	assert_eq!(
		after(|bundle| bundle.inputs[0].tag = negative(&bundle.inputs[0].tag)),
		Err(Error::BadRangeProof)
	);
}

#[test]
fn should_refuse_every_other_encoding_of_every_point() {
	let sample = sample();
	let bytes = sample.bundle.encode();
	let points: Vec<_> = cases::fields(&sample.bundle)
		.into_iter()
		.map(|(_, range)| range)
		.filter(|range| {
			range.len() == 32
				&& CompressedRistretto::from_slice(&bytes[range.clone()])
					.is_ok_and(|bytes| bytes.decompress().is_some())
		})
		.collect();
	// 2 x (2 + 4 + 6), 2 x 3, 4 + 14; scalars may look like points.
	assert!(points.len() >= 48);
	for range in points {
		let mut wrong = bytes.clone();
		// The sign bit that RFC 9496 wants to be 0, and the other root.
		wrong[range.end - 1] ^= 0x80;
		assert!(matches!(sample.verify_bytes(&wrong), Err(Error::BadPoint | Error::BadScalar)));
		let mut wrong = bytes.clone();
		let mut borrow = 0u16;
		for (byte, prime) in wrong[range].iter_mut().zip(cases::PRIME) {
			let difference = 256 + u16::from(prime) - u16::from(*byte) - borrow;
			*byte = difference as u8;
			borrow = u16::from(difference < 256);
		}
		assert!(sample.verify_bytes(&wrong).is_err());
	}
}

/// Eight points of small order, as Ed25519 writes them, and the sum of each with the base point.
#[test]
fn should_refuse_torsion() {
	for torsion in &EIGHT_TORSION {
		let base = curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
		for point in [*torsion, base + torsion] {
			let bytes = point.compress().to_bytes();
			let verdict = after(|bundle| bundle.inputs[0].tag = bytes);
			assert!(matches!(verdict, Err(Error::BadPoint | Error::BadRangeProof)));
			if bytes != [0; 32] && point == *torsion {
				assert_eq!(proper_point(&bytes), Err(Error::BadPoint));
			}
		}
	}
}

#[test]
fn should_refuse_the_identity_anywhere() {
	let changes: [fn(&mut Bundle); 7] = [
		|bundle| bundle.inputs[0].tag = [0; 32],
		|bundle| bundle.inputs[1].pseudo = [0; 32],
		|bundle| bundle.outputs[0].key = [0; 32],
		|bundle| bundle.outputs[0].commitment = [0; 32],
		|bundle| bundle.outputs[0].ephemeral = [0; 32],
		|bundle| bundle.inputs[0].proof.as_mut()[..32].fill(0),
		|bundle| bundle.range_proof.as_mut()[..32].fill(0),
	];
	for change in changes {
		assert_eq!(after(change), Err(Error::BadPoint));
	}
}

#[test]
fn should_refuse_scalars_that_are_not_reduced() {
	for place in 10..20 {
		let verdict = after(|bundle| {
			let scalar = &mut bundle.inputs[0].proof.as_mut()[32 * place..][..32];
			scalar.copy_from_slice(&cases::ORDER);
		});
		assert_eq!(verdict, Err(Error::BadScalar));
	}
	for place in [4, 5, 6, 21, 22] {
		let verdict = after(|bundle| {
			bundle.range_proof.as_mut()[32 * place..][..32].copy_from_slice(&cases::ORDER)
		});
		assert_eq!(verdict, Err(Error::BadScalar));
	}
}

// --- shapes

#[test]
fn should_refuse_numbers_and_lengths_that_are_not_permitted() {
	let changes: [fn(&mut Bundle); 9] = [
		|bundle| bundle.inputs.truncate(0),
		|bundle| bundle.outputs.truncate(0),
		|bundle| bundle.outputs.truncate(1),
		|bundle| bundle.inputs.try_push(bundle.inputs[0].clone()).unwrap(),
		|bundle| bundle.outputs.try_push(bundle.outputs[0]).unwrap(),
		|bundle| bundle.inputs[0].proof.truncate(639),
		|bundle| bundle.inputs[0].proof.try_push(0).unwrap(),
		|bundle| bundle.range_proof.truncate(704),
		|bundle| bundle.range_proof = BoundedVec::truncate_from(vec![1; 800]),
	];
	for change in changes {
		assert_eq!(after(change), Err(Error::BadShape));
	}
	// Fewer inputs than were proven.
	let verdict = after(|bundle| bundle.inputs.truncate(1));
	assert_eq!(verdict, Err(Error::Unbalanced));
}

#[test]
fn should_refuse_rings_of_another_size() {
	let sample = sample();
	let mut other = sample.clone();
	other.domain.size = RingSize::N1024;
	assert_eq!(other.verify(&sample.bundle), Err(Error::BadShape));
}

#[test]
fn should_refuse_the_same_key_twice() {
	assert_eq!(
		after(|bundle| bundle.outputs[1].key = bundle.outputs[0].key),
		Err(Error::DuplicateKey)
	);
}

// --- windows

#[test]
fn should_permit_full_windows_and_the_two_newest_ones() {
	let size = RingSize::N1024;
	let check = |index, len, matured| Window { index, len }.check(size, matured).is_ok();
	// A young pool.
	assert!(check(0, 32, 32) && check(0, 32, 63) && check(0, 64, 64) && check(0, 992, 1000));
	assert!(!check(0, 0, 0) && !check(0, 0, 2000) && !check(0, 32, 31) && !check(0, 64, 63));
	// Not on the grid.
	assert!(!check(0, 33, 64) && !check(0, 1, 64) && !check(1, 513, 2000));
	// Full.
	assert!(check(0, 1024, 1024) && !check(0, 1024, 1023) && check(0, 1024, u64::MAX));
	assert!(!check(0, 1025, u64::MAX) && !check(0, 1056, 2000) && !check(0, u32::MAX, u64::MAX));
	// The newest one.
	assert!(check(1, 512, 1024) && check(1, 544, 1056) && !check(1, 544, 1055));
	assert!(!check(1, 480, 1024), "less than half");
	assert!(!check(2, 512, 1535) && check(2, 512, 1536));
	// The one before: full by now, or not the newest any more.
	assert!(check(1, 992, 1536) && check(1, 992, 2047) && !check(1, 992, 2048));
	assert!(check(0, 992, 1535) && !check(0, 992, 1536));
	assert!(!check(u32::MAX, 1024, u64::from(u32::MAX)));
	let last = Window { index: u32::MAX, len: 1024 };
	assert!(last.check(size, last.end(size)).is_ok());
}

#[test]
fn should_refuse_more_than_two_windows() {
	let shape = Shape { inputs: 4, ..ONE };
	let sample = Sample::new(&shape, [1; 32]).unwrap();
	let mut bundle = sample.bundle.clone();
	bundle.inputs[1].window.len = 8;
	assert_eq!(sample.verify(&bundle), Err(Error::BadRangeProof));
	bundle.inputs[2].window.len = 9;
	assert_eq!(sample.verify(&bundle), Err(Error::TooManyWindows));
}

#[test]
fn should_refuse_a_window_that_is_not_matured_or_not_there() {
	let sample = sample();
	let early = Sample { matured: 15, ..sample.clone() };
	assert_eq!(early.verify(&sample.bundle), Err(Error::BadWindow));
	assert_eq!(after(|bundle| bundle.inputs[0].window.index = 1), Err(Error::BadWindow));
	assert_eq!(after(|bundle| bundle.inputs[0].window.index = u32::MAX), Err(Error::BadWindow));
	assert_eq!(after(|bundle| bundle.inputs[0].window.len = 0), Err(Error::BadWindow));
}

// --- money

#[test]
fn should_refuse_overflowing_or_empty_public_amounts() {
	let account = |amount| Target::Account { id: [1; 32], amount };
	assert_eq!(after(|bundle| bundle.target = account(0)), Err(Error::BadAmount));
	assert_eq!(after(|bundle| bundle.target = account(u64::MAX)), Err(Error::BadAmount));
	let job = Target::Job { owner: [1; 32], spec: [9; 32], amount: 0 };
	assert_eq!(after(|bundle| bundle.target = job), Err(Error::BadAmount));
	assert_eq!(after(|bundle| bundle.target = account(1)), Err(Error::Unbalanced));
	let rest = |bundle: &mut Bundle| bundle.target = account(u64::MAX - bundle.fee);
	assert_eq!(after(rest), Err(Error::Unbalanced));
}

#[test]
fn should_refuse_another_fee() {
	for fee in [0, 1, 99, 120_000, 140_000, 18_000_000_000_000_000_000] {
		assert_eq!(after(|bundle| bundle.fee = fee), Err(Error::Unbalanced));
	}
	for fee in [101, 130_001, u64::MAX] {
		assert_eq!(after(|bundle| bundle.fee = fee), Err(Error::BadFee));
	}
}

#[test]
fn should_refuse_an_output_worth_more() {
	let verdict = after(|bundle| {
		let point = proper_point(&bundle.outputs[0].commitment).unwrap();
		let more = point + io_shielded::generators::generators().value;
		bundle.outputs[0].commitment = more.compress().to_bytes();
	});
	assert_eq!(verdict, Err(Error::Unbalanced));
}

#[test]
fn should_compute_the_commitment_of_a_mint() {
	let point = RISTRETTO_BASEPOINT_POINT.compress().to_bytes();
	let note = MintNote { key: point, ephemeral: point, view_tag: [0; 2], ciphertext: [0; 104] };
	let generators = io_shielded::generators::generators();
	let coin = note.coin(3).unwrap();
	let three = generators.value + generators.value + generators.value + generators.mask;
	assert_eq!((coin.key, coin.commitment), (point, three.compress().to_bytes()));
	assert_eq!(note.coin(0), Err(Error::BadAmount));
	for bad in [[0; 32], [255; 32], cases::PRIME] {
		assert_eq!(MintNote { key: bad, ..note }.coin(1), Err(Error::BadPoint));
		assert_eq!(MintNote { ephemeral: bad, ..note }.coin(1), Err(Error::BadPoint));
	}
}

// --- front-running

#[test]
fn should_refuse_a_redirected_bundle() {
	let shape = Shape {
		target: Target::Account { id: [1; 32], amount: 500 },
		fee_to: Some([2; 32]),
		..ONE
	};
	let sample = Sample::new(&shape, [1; 32]).unwrap();
	let changes: [fn(&mut Bundle); 9] = [
		|bundle| bundle.target = Target::Account { id: [3; 32], amount: 500 },
		|bundle| bundle.target = Target::Job { owner: [1; 32], spec: [9; 32], amount: 500 },
		|bundle| bundle.fee_to = None,
		|bundle| bundle.fee_to = Some([3; 32]),
		|bundle| bundle.outputs[0].ciphertext[0] ^= 1,
		|bundle| bundle.outputs[0].view_tag[1] ^= 1,
		|bundle| bundle.outputs[0].key = negative(&bundle.outputs[0].key),
		|bundle| bundle.outputs[0].ephemeral = negative(&bundle.outputs[0].ephemeral),
		|bundle| bundle.era += 1,
	];
	for change in changes {
		let mut bundle = sample.bundle.clone();
		change(&mut bundle);
		assert_eq!(sample.verify(&bundle), Err(Error::BadRangeProof));
	}
	let jobs = Shape { target: Target::Job { owner: [7; 32], spec: [9; 32], amount: 500 }, ..ONE };
	let sample = Sample::new(&jobs, [1; 32]).unwrap();
	let mut bundle = sample.bundle.clone();
	bundle.target = Target::Job { owner: [8; 32], spec: [9; 32], amount: 500 };
	assert_eq!(sample.verify(&bundle), Err(Error::BadRangeProof));
}

// --- batches

/// Bundles of one pool: the rings of all are the first one's, with every one's own coins in them.
struct Batch {
	sample: Sample,
	bundles: Vec<Bundle>,
}

impl Batch {
	/// Bundles that differ in the coin they spend, some in window 0 and some in window 1.
	fn new(count: usize) -> Self {
		let mut own = Vec::new();
		let windows = [Window { index: 0, len: 16 }, Window { index: 1, len: 16 }];
		let first = Sample::new(&Shape { inputs: 4, windows, ..ONE }, [1; 32]).unwrap();
		own.extend(first.own.iter().cloned());
		let bundles = (0..count)
			.map(|number| {
				first.spend_again(&[number % 4], &windows[number % 2], number as u8).unwrap()
			})
			.collect();
		Self { sample: first, bundles }
	}

	fn verify(&self, bundles: &[Bundle]) -> Result<(), Error> {
		let windows = [0, 1].map(|index| {
			let window = Window { index, len: 16 };
			(window, self.sample.coins(&window))
		});
		let rings = [1, 0].map(|at: usize| Ring { window: windows[at].0, coins: &windows[at].1 });
		let context = VerifyContext { domain: &self.sample.domain, rings: &rings };
		let entries: Vec<(&Bundle, Hash)> =
			bundles.iter().map(|bundle| (bundle, self.sample.era_hash)).collect();
		let single = |(bundle, era): &(&Bundle, Hash)| {
			verify_bundle(&context, self.sample.matured, bundle, era)
		};
		let batch = verify_bundles(&context, self.sample.matured, &entries);
		let singles: Result<(), Error> = entries.iter().try_for_each(single);
		// A batch is right if and only if each one in it is.
		assert!(batch.is_ok() == singles.is_ok() || batch == Err(Error::DuplicateTag));
		batch
	}
}

#[test]
fn should_accept_an_empty_batch_and_batches_over_several_windows() {
	let batch = Batch::new(4);
	assert_eq!(batch.verify(&[]), Ok(()));
	for count in 1..=4 {
		assert_eq!(batch.verify(&batch.bundles[..count]), Ok(()));
	}
}

#[test]
fn should_refuse_a_batch_when_one_in_it_is_bad() {
	let batch = Batch::new(4);
	for bad in 0..4 {
		for place in [0, 150, 320, 352, 480, 608] {
			let mut bundles = batch.bundles.clone();
			bundles[bad].inputs[0].proof[place] ^= 1;
			assert!(batch.verify(&bundles).is_err());
		}
		let mut bundles = batch.bundles.clone();
		bundles[bad].range_proof[130] ^= 1;
		assert!(batch.verify(&bundles).is_err());
	}
}

/// Responses z of two proofs are changed by opposite amounts: the same generator, hence the errors cancel in a plain sum.
#[test]
fn should_refuse_two_bad_bundles_whose_errors_cancel_in_a_plain_sum() {
	let batch = Batch::new(4);
	// zA, zC, z, z1 are the last four scalars. The second byte, so that nothing wraps.
	for response in 1..=4 {
		let mut bundles = batch.bundles.clone();
		let at = 640 - 32 * response + 1;
		let [one, two] = [0, 2].map(|bundle: usize| bundles[bundle].inputs[0].proof[at]);
		let Some((one, two)) = one.checked_add(1).zip(two.checked_sub(1)) else { continue };
		(bundles[0].inputs[0].proof[at], bundles[2].inputs[0].proof[at]) = (one, two);
		assert_eq!(batch.verify(&bundles), Err(Error::BadRingProof));
		assert_eq!(batch.verify(&bundles[..1]), Err(Error::BadRingProof));
	}
}

#[test]
fn should_judge_batches_as_it_judges_their_bundles() {
	let batch = Batch::new(4);
	let mut rng = cases::rng("batches");
	use rand_chacha::rand_core::RngCore;
	let mut refused = 0;
	for _ in 0..60 {
		let mut bundles = Vec::new();
		for bundle in &batch.bundles {
			let draw = rng.next_u32();
			if draw.is_multiple_of(3) {
				continue;
			}
			let mut bytes = bundle.encode();
			if draw % 16 == 1 {
				let at = rng.next_u32() as usize % bytes.len();
				bytes[at] ^= 1 << (draw >> 29);
			}
			bundles.extend(Bundle::from_bytes(&bytes));
		}
		refused += u32::from(batch.verify(&bundles).is_err());
	}
	assert!((1..60).contains(&refused));
}

// --- stamps and fees

#[test]
fn should_tell_stamps_from_other_numbers() {
	let id = [5; 32];
	let hash = |nonce: u64| io_shielded::hash::hash("stamp", &[&id, &nonce.to_le_bytes()]);
	let mut best = 0;
	for nonce in 0..5_000 {
		let digest = hash(nonce);
		let zeros = digest.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
		let zeros = zeros.take_while(|bit| *bit == 0).count() as u32;
		for bits in 0..20 {
			assert_eq!(io_shielded::bundle::is_stamp(&id, nonce, bits), bits <= zeros);
		}
		best = best.max(zeros);
	}
	assert!(best > 8);
	assert!(!io_shielded::bundle::is_stamp(&id, 0, 257));
}

#[test]
fn should_round_fees_up_to_two_digits() {
	use io_shielded::bundle::{is_round_fee, round_up_fee};
	for (amount, rounded) in [
		(0, Some(0)),
		(1, Some(1)),
		(99, Some(99)),
		(100, Some(100)),
		(101, Some(110)),
		(990, Some(990)),
		(991, Some(1_000)),
		(123_456, Some(130_000)),
		(18_000_000_000_000_000_001, None),
		(18_000_000_000_000_000_000, Some(18_000_000_000_000_000_000)),
		(u64::MAX, None),
	] {
		assert_eq!(round_up_fee(amount), rounded);
		assert_eq!(is_round_fee(amount), rounded == Some(amount));
	}
}
