//! Commitments to matrices: right, and the same work for all matrices.

use core::{
	cell::Cell,
	ops::{AddAssign, Neg},
};

use curve25519_dalek::traits::{Identity, MultiscalarMul};
use subtle::{Choice, ConditionallySelectable};

use super::*;
use crate::product::{commit::sums, generators::Generators, CommitError};

/// `<vector, points> + blinding H` the slow way.
fn commitment(vector: &[i64], points: &[RistrettoPoint], blinding: &Scalar) -> Point {
	let scalar = |entry: &i64| match entry.is_negative() {
		true => -Scalar::from(entry.unsigned_abs()),
		false => Scalar::from(entry.unsigned_abs()),
	};
	let sum = RistrettoPoint::multiscalar_mul(vector.iter().map(scalar), points);
	(sum + Generators::new().h() * blinding).compress().to_bytes()
}

#[test]
fn should_commit_to_every_entry_when_entries_are_extreme() {
	let shape = Shape::new(3, 5, 2).unwrap();
	let generators = Generators::new();
	for (low, high) in [(-128i8, 127i8), (-128, -128), (127, 127), (-1, 1), (0, 0), (-9, 8)] {
		let a: Vec<i8> = (0..15).map(|at| if at % 2 == 0 { low } else { high }).collect();
		let b: Vec<i8> = (0..10).map(|at| if at % 3 == 0 { low } else { high }).collect();
		let c = multiply(&a, &b, [3, 5, 2]);
		let openings = Openings::new(&shape, &a, &b, &[9; 32]).unwrap();
		let inputs = commit_inputs(&shape, &a, &b, &openings).unwrap();
		let output = commit_output(&shape, &c, &openings).unwrap();
		let (g, q) = (generators.g(5), generators.q(2));
		for i in 0..3 {
			let row: Vec<i64> = a[5 * i..][..5].iter().map(|entry| i64::from(*entry)).collect();
			assert_eq!(inputs.rows[i], commitment(&row, &g[..5], &openings.rows[i]));
			let row: Vec<i64> = c[2 * i..][..2].iter().map(|entry| i64::from(*entry)).collect();
			assert_eq!(output.rows[i], commitment(&row, &q, &openings.product[i]));
		}
		for j in 0..2 {
			let column: Vec<i64> =
				b[j..].iter().step_by(2).map(|entry| i64::from(*entry)).collect();
			assert_eq!(inputs.columns[j], commitment(&column, &g[..5], &openings.columns[j]));
		}
	}
}

#[test]
fn should_commit_to_the_largest_sums_and_refuse_larger_ones() {
	for k in [1u32, 2, 3, 255, 256, 1024] {
		let shape = Shape::new(1, k, 2).unwrap();
		let (a, b) = (vec![-128; k as usize], vec![-128; 2 * k as usize]);
		let openings = Openings::new(&shape, &a, &b, &[9; 32]).unwrap();
		let most = (k << 14) as i32;
		for c in [[most, -most], [most - 1, 1 - most], [8, -8]] {
			let output = commit_output(&shape, &c, &openings).unwrap();
			let row = c.map(i64::from);
			let expected = commitment(&row, &Generators::new().q(2), &openings.product[0]);
			assert_eq!(output.rows, [expected]);
		}
		for c in [[most + 1, 0], [0, -most - 1], [i32::MIN, 0], [0, i32::MAX]] {
			let refused = commit_output(&shape, &c, &openings);
			assert_eq!(refused, Err(CommitError::EntryOutOfRange));
		}
	}
}

#[test]
fn should_refuse_when_sizes_or_openings_do_not_fit() {
	let case = Case::new(3, 5, 2);
	let shape = &case.statement.shape;
	let refused = |result: Result<InputCommitments, _>| result.unwrap_err();
	assert_eq!(
		refused(commit_inputs(shape, &case.a[1..], &case.b, &case.openings)),
		CommitError::BadMatrix
	);
	assert_eq!(
		refused(commit_inputs(shape, &case.a, &case.b[1..], &case.openings)),
		CommitError::BadMatrix
	);
	assert_eq!(commit_output(shape, &case.c[1..], &case.openings), Err(CommitError::BadMatrix));
	assert_eq!(
		Openings::new(shape, &case.a[1..], &case.b, &[7; 32]).unwrap_err(),
		CommitError::BadMatrix
	);
	let other = Case::new(4, 5, 2).openings;
	assert_eq!(refused(commit_inputs(shape, &case.a, &case.b, &other)), CommitError::OtherOpenings);
	assert_eq!(commit_output(shape, &case.c, &other), Err(CommitError::OtherOpenings));
}

#[test]
fn should_have_other_blindings_when_seed_shape_or_a_matrix_differs() {
	let (a, b) = ([1i8, 2, 3, 4], [5i8, 6, 7, 8]);
	let blindings = |m, k, n, a: &[i8], b: &[i8], seed| {
		let openings = Openings::new(&Shape::new(m, k, n).unwrap(), a, b, &[seed; 32]).unwrap();
		[openings.rows[0], openings.columns[0], openings.product[0]]
	};
	let all = [
		blindings(2, 2, 2, &a, &b, 1),
		blindings(2, 2, 2, &a, &b, 2),
		blindings(2, 2, 2, &[1, 2, 3, 5], &b, 1),
		blindings(2, 2, 2, &a, &[5, 6, 7, 9], 1),
		blindings(1, 4, 1, &a, &b, 1),
	]
	.concat();
	for (at, one) in all.iter().enumerate() {
		assert!(!all[..at].contains(one));
	}
}

thread_local! {
	static OPERATIONS: Cell<[u64; 3]> = const { Cell::new([0; 3]) };
}

/// Counts an operation: 0 for an addition, 1 for a selection, 2 for a negation.
fn count(operation: usize) {
	OPERATIONS.with(|operations| {
		let mut counts = operations.get();
		counts[operation] += 1;
		operations.set(counts);
	});
}

/// A group in which operations are counted. It is Z, so that results can be looked at, too.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Counted(i64);

impl Identity for Counted {
	fn identity() -> Self {
		Self(0)
	}
}

impl AddAssign<&Counted> for Counted {
	fn add_assign(&mut self, other: &Counted) {
		count(0);
		self.0 += other.0;
	}
}

impl Neg for &Counted {
	type Output = Counted;

	fn neg(self) -> Counted {
		count(2);
		Counted(-self.0)
	}
}

impl ConditionallySelectable for Counted {
	fn conditional_select(a: &Self, b: &Self, choice: Choice) -> Self {
		count(1);
		Self(i64::conditional_select(&a.0, &b.0, choice))
	}
}

#[test]
fn should_do_the_same_operations_when_entries_differ() {
	let points: Vec<Counted> = (0..16).map(|at| Counted(1 << at)).collect();
	let mut counts = Vec::new();
	for seed in 0..8u64 {
		let mut rng = ChaCha20Rng::seed_from_u64(seed);
		let entries: Vec<i32> = (0..64)
			.map(|_| match seed {
				0 => 0,
				1 => -128,
				2 => 127,
				3 => 1,
				_ => i32::from(rng.next_u32() as i8),
			})
			.collect();
		OPERATIONS.with(|operations| operations.set([0; 3]));
		let result = sums(&points, 4, 2, |vector, at| entries[16 * vector + at]);
		counts.push(OPERATIONS.with(Cell::get));
		for (row, sum) in entries.chunks_exact(16).zip(result) {
			let expected =
				row.iter().zip(&points).map(|(entry, point)| i64::from(*entry) * point.0).sum();
			assert_eq!(sum, Counted(expected));
		}
	}
	assert!(counts[0].iter().all(|count| *count > 0));
	assert!(counts.iter().all(|other| *other == counts[0]), "{counts:?}");
}
