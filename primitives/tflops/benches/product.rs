//! Proofs of matrix products: time of requester, worker and chain, and bytes.
//!
//! One thread. `cargo bench -p io-tflops --bench product`; under `cargo test`, small products show that it still runs.

#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{criterion_group, criterion_main, BenchmarkId, Criterion};
use io_tflops::product::{
	commit_inputs, commit_output, prove, verify, Openings, Shape, Statement, Witness,
};
use rand_chacha::{rand_core::RngCore, rand_core::SeedableRng, ChaCha20Rng};

/// Row by row.
fn multiply(a: &[i8], b: &[i8], side: usize) -> Vec<i32> {
	let mut c = vec![0; side * side];
	for (a, c) in a.chunks_exact(side).zip(c.chunks_exact_mut(side)) {
		for (entry, b) in a.iter().zip(b.chunks_exact(side)) {
			for (sum, other) in c.iter_mut().zip(b) {
				*sum += i32::from(*entry) * i32::from(*other);
			}
		}
	}
	c
}

fn product(criterion: &mut Criterion) {
	let mut group = criterion.benchmark_group("product");
	group.sample_size(10);
	// Only `cargo bench` says so. Without optimisation the large ones take minutes.
	let is_bench = std::env::args().any(|argument| argument == "--bench");
	let sides: &[u32] = if is_bench { &[256, 512, 1024] } else { &[16] };
	for &side in sides {
		let mut rng = ChaCha20Rng::seed_from_u64(side.into());
		let mut matrix = || -> Vec<i8> { (0..side * side).map(|_| rng.next_u32() as i8).collect() };
		let (a, b) = (matrix(), matrix());
		let c = multiply(&a, &b, side as usize);
		let shape = Shape::new(side, side, side).expect("within bounds");
		let openings = Openings::new(&shape, &a, &b, &[7; 32]).expect("sizes fit");
		let inputs = commit_inputs(&shape, &a, &b, &openings).expect("sizes fit");
		let output = commit_output(&shape, &c, &openings).expect("sizes fit");
		let statement = Statement {
			genesis: [1; 32],
			para: 2000,
			job: 3,
			worker: [4; 32],
			shape,
			inputs: inputs.hash(),
			output: output.hash(),
		};
		let witness =
			Witness { a: &a, b: &b, c: &c, openings: &openings, inputs: &inputs, output: &output };
		let proof = prove(&statement, &witness, &mut rng).expect("it is the product");
		assert_eq!(verify(&statement, &proof), Ok(()));
		println!("product/{side}: a proof has {} bytes", proof.len());

		group.bench_function(BenchmarkId::new("commit inputs", side), |bencher| {
			bencher.iter(|| commit_inputs(&shape, black_box(&a), &b, &openings));
		});
		group.bench_function(BenchmarkId::new("commit output", side), |bencher| {
			bencher.iter(|| commit_output(&shape, black_box(&c), &openings));
		});
		group.bench_function(BenchmarkId::new("prove", side), |bencher| {
			bencher.iter(|| prove(&statement, black_box(&witness), &mut rng));
		});
		group.bench_function(BenchmarkId::new("verify", side), |bencher| {
			bencher.iter(|| verify(&statement, black_box(&proof)));
		});
	}
	group.finish();
}

criterion_group!(benches, product);
criterion_main!(benches);
