//! Bundles: time to verify one and many, to make one, and bytes; and beside it, in the same run, ring signatures of other
//! crates.
//!
//! One thread. `cargo bench -p io-shielded --bench verify`; under `cargo test`, small rings show that it still runs.
//! A ratio at the end compares time per input and ring member. Crate `triptych` proves the same as a ring proof of ours
//! (key and commitment), but gets its ring decompressed; `monero-clsag` has rings of 16. Neither includes range proofs;
//! our bundles do.

#![allow(missing_docs)]

use std::{hint::black_box, sync::Arc, time::Instant};

use codec::Encode;
use criterion::{criterion_group, criterion_main, BenchmarkId, Criterion};
use curve25519_dalek::{constants::ED25519_BASEPOINT_TABLE, RistrettoPoint, Scalar};
use io_shielded::{
	check_bundle,
	sample::{Sample, Shape},
	verify::verify_checked,
	verify_bundle, Bundle, Error, Ring, RingSize, VerifyContext,
};
use monero_clsag::{Clsag, ClsagContext, Decoys};
use monero_ed25519::{Commitment, CompressedPoint, Point};
use rand_chacha::{rand_core::SeedableRng, ChaCha20Rng};
use triptych::{
	parallel::{
		TriptychInputSet, TriptychParameters, TriptychProof, TriptychStatement, TriptychWitness,
	},
	Transcript,
};

/// Only `cargo bench` says so.
fn is_bench() -> bool {
	std::env::args().any(|argument| argument == "--bench")
}

fn size() -> RingSize {
	if is_bench() {
		RingSize::N1024
	} else {
		RingSize::N16
	}
}

/// Seconds that this thread has computed, as the system counts them, so that other programs on the machine hardly matter; or
/// seconds that have passed, where it does not tell.
fn computed(start: Instant) -> f64 {
	let counted = || -> Option<f64> {
		let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
		let nanoseconds: f64 = text.split(' ').next()?.parse().ok()?;
		Some(nanoseconds / 1e9)
	};
	counted().unwrap_or_else(|| start.elapsed().as_secs_f64())
}

/// Seconds of one run of each: the best of some rounds, in which they take turns.
fn fastest<const N: usize>(runs: [&dyn Fn(); N]) -> [f64; N] {
	// The system counts in steps of some milliseconds.
	let (rounds, least) = if is_bench() { (ROUNDS, 0.3) } else { (1, 0.0) };
	let (mut best, start) = ([f64::INFINITY; N], Instant::now());
	for _ in 0..rounds {
		for (run, best) in runs.iter().zip(&mut best) {
			let (before, mut count, mut seconds) = (computed(start), 0.0, 0.0);
			while count == 0.0 || seconds < least {
				run();
				count += 1.0;
				seconds = computed(start) - before;
			}
			*best = best.min(seconds / count);
		}
	}
	best
}

/// Verifies so many bundles of two inputs and two outputs at once, all in one window.
fn batch(count: u8) -> impl Fn() {
	let (sample, bundles) = Sample::batch(size(), count, [count; 32]).expect("they fit");
	let (window, coins) = sample.windows(&bundles[0]).remove(0);
	move || {
		let rings = [Ring { window, coins: &coins }];
		let context = VerifyContext { domain: &sample.domain, rings: &rings };
		let checked: Vec<_> = bundles
			.iter()
			.map(|bundle| {
				check_bundle(black_box(bundle), size(), sample.matured).expect("it is fine")
			})
			.collect();
		let entries: Vec<_> = checked.iter().map(|bundle| (bundle, sample.era_hash)).collect();
		assert_eq!(verify_checked(&context, &entries), Ok(()));
	}
}

/// Verifies so many proofs of crate `triptych` at once, over one ring as large as ours.
fn triptych(count: usize) -> impl Fn() {
	let mut rng = ChaCha20Rng::seed_from_u64(1);
	let digits = size().digits() as u32;
	let parameters = Arc::new(TriptychParameters::new(4, digits).expect("they are valid"));
	let places = parameters.get_N() as usize;
	let mut keys: Vec<_> = (0..places).map(|_| RistrettoPoint::random(&mut rng)).collect();
	let mut commitments = keys.clone();
	commitments.reverse();
	let (mut witnesses, mut offsets) = (Vec::new(), Vec::new());
	for place in 0..count as u32 {
		let [spend_key, mask] = [0; 2].map(|_| Scalar::random(&mut rng));
		let witness = TriptychWitness::new(&parameters, place, &spend_key, &mask);
		let witness = witness.expect("the place is in the ring");
		keys[place as usize] = witness.compute_verification_key();
		let offset = RistrettoPoint::random(&mut rng);
		commitments[place as usize] = witness.compute_auxiliary_verification_key() + offset;
		witnesses.push(witness);
		offsets.push(offset);
	}
	let ring = TriptychInputSet::new(&keys, &commitments).expect("it is as long as it should be");
	let ring = Arc::new(ring);
	let transcripts = vec![Transcript::new(b"bench"); count];
	let (mut statements, mut proofs) = (Vec::new(), Vec::new());
	for (witness, offset) in witnesses.iter().zip(&offsets) {
		let tag = witness.compute_linking_tag();
		let statement = TriptychStatement::new(&parameters, &ring, offset, &tag);
		let statement = statement.expect("the ring is fine");
		let proof = TriptychProof::prove_with_rng_vartime(
			witness,
			&statement,
			&mut rng,
			&mut Transcript::new(b"bench"),
		);
		statements.push(statement);
		proofs.push(proof.expect("the witness is right"));
	}
	move || {
		let verdict =
			TriptychProof::verify_batch(&statements, &proofs, &mut black_box(transcripts.clone()));
		assert!(verdict.is_ok());
	}
}

/// Verifies one signature over a ring of Monero's size.
fn clsag() -> impl Fn() {
	let mut rng = ChaCha20Rng::seed_from_u64(1);
	let spend_key = Scalar::random(&mut rng);
	let commitment = Commitment::new(monero_ed25519::Scalar::random(&mut rng), 1_000);
	let mut point = || Point::from(ED25519_BASEPOINT_TABLE * &Scalar::random(&mut rng));
	let mut ring: Vec<[Point; 2]> = (0..CLSAG_RING).map(|_| [point(), point()]).collect();
	ring[5] = [Point::from(ED25519_BASEPOINT_TABLE * &spend_key), commitment.commit()];
	let decoys = Decoys::new((1..=CLSAG_RING as u64).collect(), 5, ring.clone());
	let context = ClsagContext::new(decoys.expect("it is a ring"), commitment);
	let context = context.expect("the commitment is in the ring");
	let image = Point::biased_hash(ring[5][0].compress().to_bytes()).into() * spend_key;
	let image = Point::from(image).compress();
	let key = zeroize::Zeroizing::new(monero_ed25519::Scalar::from(spend_key));
	let message = [7; 32];
	let mask = monero_ed25519::Scalar::random(&mut rng);
	let signed = Clsag::sign(&mut rng, vec![(key, context)], mask, message);
	let (signature, pseudo) = signed.expect("the key is right").remove(0);
	let pseudo = pseudo.compress();
	let ring: Vec<[CompressedPoint; 2]> =
		ring.into_iter().map(|points| points.map(Point::compress)).collect();
	move || {
		let verdict = signature.verify(black_box(ring.clone()), &image, &pseudo, &message);
		assert!(verdict.is_ok());
	}
}

/// Members of a ring on Monero.
const CLSAG_RING: usize = 16;
/// Rounds for the ratios.
const ROUNDS: usize = 7;

fn verify(criterion: &mut Criterion) {
	let mut group = criterion.benchmark_group("shielded");
	group.sample_size(10);
	let mut runs = Vec::new();
	for count in [1u8, 2, 8] {
		let (ours, theirs) = (batch(count), triptych(2 * usize::from(count)));
		group.bench_function(BenchmarkId::new("verify bundles", count), |bencher| {
			bencher.iter(&ours);
		});
		group.bench_function(BenchmarkId::new("triptych, as many inputs", count), |bencher| {
			bencher.iter(&theirs);
		});
		runs.push((count, ours, theirs));
	}
	let clsag = clsag();
	group.bench_function(BenchmarkId::new("monero-clsag", CLSAG_RING), |bencher| {
		bencher.iter(&clsag);
	});
	let shape = Shape::new(size(), 2, 2);
	let make = || drop(Sample::new(&shape, black_box([1; 32])).expect("the shape is valid"));
	group.bench_function("make a bundle", |bencher| bencher.iter(make));
	group.finish();

	let bundle = Sample::new(&shape, [1; 32]).expect("the shape is valid").bundle;
	let proof = bundle.inputs[0].proof.len();
	println!("a ring proof has {proof} bytes, a bundle {}", bundle.encoded_size());
	println!("computing time, best of {ROUNDS} rounds in which all take turns:");
	for (count, ours, triptych) in &runs {
		let [ours, triptych, clsag, make] = fastest([ours, triptych, &clsag, &make]);
		let inputs = 2.0 * f64::from(*count);
		let each = |seconds: f64| 1e6 * seconds / inputs / f64::from(size().places());
		let clsag = 1e6 * clsag / CLSAG_RING as f64;
		println!(
			"{count} bundles of 2 inputs: {:.2} ms each, made in {:.0} ms; for an input and ring member {:.2} us, triptych {:.2} us \
			 ({:.2} x ours), monero-clsag {clsag:.1} us ({:.1} x ours)",
			1e3 * ours / f64::from(*count),
			1e3 * make,
			each(ours),
			each(triptych),
			triptych / ours,
			clsag / each(ours),
		);
	}
}

/// How long strangers can keep a node busy with a bundle that is refused in the end.
fn refuse(_: &mut Criterion) {
	let sample = Sample::new(&Shape::new(size(), 2, 2), [1; 32]).expect("the shape is valid");
	let (window, coins) = sample.windows(&sample.bundle).remove(0);
	let rings = [Ring { window, coins: &coins }];
	let context = VerifyContext { domain: &sample.domain, rings: &rings };
	let valid = &sample.bundle;
	let mut refused = Vec::new();
	let mut with = |error, change: &dyn Fn(&mut Bundle)| {
		let mut bundle = valid.clone();
		change(&mut bundle);
		refused.push((error, bundle.encode()));
	};
	with(Error::BadFee, &|bundle| bundle.fee += 1);
	with(Error::DuplicateTag, &|bundle| bundle.inputs[1].tag = bundle.inputs[0].tag);
	with(Error::BadPoint, &|bundle| bundle.outputs[1].ephemeral = [0xff; 32]);
	with(Error::Unbalanced, &|bundle| bundle.fee = 10);
	with(Error::BadRangeProof, &|bundle| bundle.outputs[1].ciphertext[0] ^= 1);
	// The last scalar of the last ring proof: everything else holds.
	with(Error::BadRingProof, &|bundle| {
		let proof = &mut bundle.inputs[1].proof;
		let last = proof.len() - 32;
		proof[last] ^= 1;
	});
	println!("computing time until a bundle is refused:");
	for (error, bytes) in &refused {
		let [seconds] = fastest([&|| {
			let read = Bundle::from_bytes(black_box(bytes)).expect("it can be read");
			let verdict = verify_bundle(&context, sample.matured, &read, &sample.era_hash);
			assert_eq!(verdict.as_ref(), Err(error));
		}]);
		println!("{error:?}: {:.3} ms", 1e3 * seconds);
	}
}

criterion_group!(benches, verify, refuse);
criterion_main!(benches);
