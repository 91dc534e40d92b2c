//! The parts of verifying a reveal, and whether a sparse reveal (`prover::sparse`) costs its verifier what a real one does.
//! Whole reveals and products, native and in WASM: `bench/`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{hint::black_box, time::Duration};

use criterion::{criterion_group, criterion_main, BenchmarkId, Criterion};
use io_tflops::{
	params::LEAF_BYTES,
	prover::{sparse::sparse_reveal, Chain, Scalar},
	stream::entry,
	transcript::challenge,
	tree::TreeHasher,
	verify_reveal, Params, Statement,
};

const SEED: [u8; 32] = [7; 32];

fn params(side: u32, k: u32, lanes: u32) -> Params {
	Params::new(0, side, side, k, lanes).unwrap()
}

fn sparse_against_real(criterion: &mut Criterion) {
	let toy = params(128, 256, 4);
	let mut chain = Chain::new(toy, SEED);
	for _ in 0..8 {
		chain.round(&mut Scalar).unwrap();
	}
	let commitment = chain.commitment();
	let statement = Statement {
		seed: SEED,
		params: toy,
		rounds: 8,
		openings: 64,
		commitment,
		challenge: challenge(&commitment, &[1; 32], 1, &[2; 32]),
	};
	let real = (statement, chain.reveal(&mut Scalar, &statement).unwrap());
	let sparse = sparse_reveal(&toy, &SEED, 8, 64).unwrap();

	let mut group = criterion.benchmark_group("toy of 8 rounds, 64 openings");
	for (name, (statement, reveal)) in [("real", real), ("sparse", sparse)] {
		group.bench_function(name, |bencher| {
			bencher.iter(|| verify_reveal(black_box(&statement), black_box(&reveal)).unwrap());
		});
	}
}

fn parts(criterion: &mut Criterion) {
	let mut group = criterion.benchmark_group("part");
	for k in [4_096, 16_384, 65_536] {
		group.bench_function(BenchmarkId::new("entry, K", k), |bencher| {
			bencher.iter(|| entry(black_box(&SEED), black_box(&[8; 32]), 3, 5, k));
		});
	}
	let hasher = TreeHasher::new(&SEED);
	group.bench_function("leaf", |bencher| {
		bencher.iter(|| hasher.leaf(black_box(&[9; LEAF_BYTES])));
	});
	group.bench_function("node", |bencher| {
		bencher.iter(|| hasher.node(black_box(&SEED), black_box(&SEED)));
	});
}

criterion_group! {
	name = benches;
	config = Criterion::default()
		.sample_size(20)
		.warm_up_time(Duration::from_millis(500))
		.measurement_time(Duration::from_secs(2));
	targets = sparse_against_real, parts
}
criterion_main!(benches);
