//! Proofs of matrix products, as requester, worker and chain use them.

use crate::support::{self, multiply, Case};
use io_tflops::product::{
	commit_inputs, commit_output, output_of, prove, verify, Openings, ProductError, ProveError,
	Shape, Statement, Witness, MAX_DIM,
};
use proptest::prelude::*;

#[test]
fn should_verify_when_product_is_right() {
	for (m, k, n) in
		[(1, 1, 1), (1, 2, 1), (4, 4, 4), (3, 5, 7), (7, 1, 2), (2, 9, 1), (16, 16, 16)]
	{
		let case = Case::new(m, k, n);
		assert_eq!(case.proof.len(), case.statement.shape.proof_len());
		assert_eq!(verify(&case.statement, &case.proof), Ok(()));
	}
}

#[test]
fn should_verify_when_entries_are_extreme() {
	for (low, high) in [(-128i8, -128i8), (127, -128), (0, 0)] {
		let (a, b) = (vec![low; 6], vec![high; 8]);
		let case = Case::with(3, 2, 4, a, b);
		assert_eq!(verify(&case.statement, &case.proof), Ok(()));
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(16))]

	#[test]
	fn should_verify_for_any_shape(m in 1u32..10, k in 1u32..18, n in 1u32..10) {
		let case = Case::new(m, k, n);
		prop_assert_eq!(verify(&case.statement, &case.proof), Ok(()));
	}
}

/// The whole way: the requester commits, the worker that got the matrices and the seed has the same commitments,
/// proves, and the requester finds that the C it was sent is the one that was proven.
#[test]
fn should_give_both_sides_the_same_commitments_when_they_share_the_seed() {
	let (a, b, seed) = ([1i8, -2, 3, 4, -5, 6], [7i8, 8, -9, 10, 11, 12], [42; 32]);
	let shape = Shape::new(2, 3, 2).unwrap();
	let requester = Openings::new(&shape, &a, &b, &seed).unwrap();
	let posted = commit_inputs(&shape, &a, &b, &requester).unwrap().hash();

	let worker = Openings::new(&shape, &a, &b, &seed).unwrap();
	let inputs = commit_inputs(&shape, &a, &b, &worker).unwrap();
	assert_eq!(inputs.hash(), posted);
	let c = multiply(&a, &b, 3, 2);
	let output = commit_output(&shape, &c, &worker).unwrap();
	let statement = Statement {
		genesis: [0; 32],
		para: 1,
		job: 0,
		worker: [1; 32],
		shape,
		inputs: posted,
		output: output.hash(),
	};
	let witness =
		Witness { a: &a, b: &b, c: &c, openings: &worker, inputs: &inputs, output: &output };
	let proof = prove(&statement, &witness, &mut support::rng(1)).unwrap();
	assert_eq!(verify(&statement, &proof), Ok(()));

	assert_eq!(output_of(&shape, &proof), Ok(statement.output));
	assert_eq!(commit_output(&shape, &c, &requester).unwrap().hash(), statement.output);
	let mut other = c;
	other[0] += 1;
	assert_ne!(commit_output(&shape, &other, &requester).unwrap().hash(), statement.output);
}

#[test]
fn should_refuse_to_prove_when_c_is_not_the_product() {
	let case = Case::new(3, 4, 5);
	for at in 0..15 {
		let mut wrong = case.c.clone();
		wrong[at] += if wrong[at] < 0 { 1 } else { -1 };
		let output = commit_output(&case.statement.shape, &wrong, &case.openings).unwrap();
		let statement = Statement { output: output.hash(), ..case.statement };
		let witness = Witness { c: &wrong, output: &output, ..case.witness() };
		let refused = prove(&statement, &witness, &mut support::rng(1));
		assert_eq!(refused, Err(ProveError::NotTheProduct));
	}
}

#[test]
fn should_refuse_to_prove_when_witness_and_statement_do_not_fit() {
	let case = Case::new(3, 4, 5);
	let rng = &mut support::rng(1);
	let witness = case.witness();
	let other = Case::new(4, 4, 5);
	for bad in [
		Witness { a: &case.a[1..], ..witness },
		Witness { b: &case.b[1..], ..witness },
		Witness { c: &case.c[1..], ..witness },
		Witness { openings: &other.openings, ..witness },
		Witness { inputs: &other.inputs, ..witness },
		Witness { output: &other.output, ..witness },
	] {
		assert_eq!(prove(&case.statement, &bad, rng), Err(ProveError::BadWitness));
	}
	for statement in [
		Statement { inputs: [0; 32], ..case.statement },
		Statement { output: [0; 32], ..case.statement },
	] {
		assert_eq!(prove(&statement, &witness, rng), Err(ProveError::OtherStatement));
	}
}

/// Proofs of any matrices of one shape have one size, and no part of them but the lists is ever the same.
#[test]
fn should_have_one_size_when_matrices_differ() {
	let zero = Case::with(4, 4, 4, vec![0; 16], vec![0; 16]);
	let full = Case::with(4, 4, 4, vec![-128; 16], vec![-128; 16]);
	let random = Case::new(4, 4, 4);
	for case in [&zero, &full, &random] {
		assert_eq!(case.proof.len(), 32 * (12 + 4 * 2 + 2 * 2 + 17));
	}
	let parts = [&zero, &full, &random].map(|case| case.proof.as_chunks::<32>().0);
	for part in parts[0] {
		assert!(!parts[1].contains(part) && !parts[2].contains(part));
	}
}

/// Equal rows have different commitments, and so has the same matrix with another seed.
#[test]
fn should_not_show_equal_rows_when_committed() {
	let case = Case::with(4, 4, 4, vec![3; 16], vec![3; 16]);
	let lists = case.proof[..32 * 12].as_chunks::<32>().0;
	for (at, commitment) in lists.iter().enumerate() {
		assert!(!lists[..at].contains(commitment));
	}
	let again = Openings::new(&case.statement.shape, &case.a, &case.b, &[8; 32]).unwrap();
	let inputs = commit_inputs(&case.statement.shape, &case.a, &case.b, &again).unwrap();
	assert_ne!(inputs.hash(), case.statement.inputs);
}

#[test]
fn should_bound_sizes_when_dimensions_are_largest() {
	let shape = Shape::new(MAX_DIM, MAX_DIM, MAX_DIM).unwrap();
	assert_eq!(shape.proof_len(), 100_768);
	for side in [0, MAX_DIM + 1, u32::MAX] {
		assert_eq!(Shape::new(side, 1, 1), Err(ProductError::BadShape));
		assert_eq!(Shape::new(1, side, 1), Err(ProductError::BadShape));
		assert_eq!(Shape::new(1, 1, side), Err(ProductError::BadShape));
	}
}

/// The bytes are part of the protocol: chain and workers of different versions have to agree on them.
#[test]
fn should_have_frozen_bytes() {
	let case = Case::new(4, 4, 4);
	let hashes =
		[case.statement.inputs, case.statement.output, *blake3::hash(&case.proof).as_bytes()];
	assert_eq!(
		hashes.map(hex::encode),
		[
			"efcf3be81da2639ab5f1266110610232af4665182360b4be7f6249b2cc4f8c28",
			"631948d6bd59fa10a3a9a265ac387f43906e96f959f53216ad1c1ab11e51a215",
			"6d0b1c15733f6614675a097190c3774b32a701d37ec2f396eff5dad45adcc241",
		]
	);
}
