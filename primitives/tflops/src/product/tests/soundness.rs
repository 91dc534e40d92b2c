//! Provers that try to get away with a wrong product.

use curve25519_dalek::traits::MultiscalarMul;

use super::*;
use crate::product::{field::inner, generators::Generators, verify, ProductError};

/// The case with one entry of C changed, commitments and statement included.
fn wrong_by_one(m: u32, k: u32, n: u32, at: usize) -> Case {
	let mut case = Case::new(m, k, n);
	let mut c = case.c.clone();
	c[at] += if c[at] < 0 { 1 } else { -1 };
	case.claim(c);
	case
}

#[test]
fn should_hold_in_every_equation_when_product_is_right() {
	let mut case = Case::new(3, 5, 6);
	let proof = case.prove();
	assert_eq!(holding_of(&case.statement, &proof), [true; EQUATIONS]);
}

#[test]
fn should_reject_when_one_entry_is_wrong() {
	for at in 0..9 {
		let mut case = wrong_by_one(3, 4, 3, at);
		let proof = case.cheat(|_| ());
		// V commits to <z, y>, which is not <l, r>.
		assert_eq!(holding_of(&case.statement, &proof), [false, true, true, true, true]);
		assert_eq!(verify(&case.statement, &proof), Err(ProductError::NotProven));
	}
}

#[test]
fn should_reject_when_a_vector_is_bent_to_fit_a_wrong_entry() {
	// Each time all is made to fit but the opening of one commitment.
	let difference =
		|vectors: &Vectors| inner(&vectors.z, &vectors.y) - inner(&vectors.l, &vectors.r);
	let mut case = wrong_by_one(3, 4, 3, 5);
	let proof = case.cheat(|vectors| {
		let missing = difference(vectors) * vectors.r[1].invert();
		vectors.l[1] += missing;
	});
	assert_eq!(holding_of(&case.statement, &proof), [true, false, true, true, true]);
	assert_eq!(verify(&case.statement, &proof), Err(ProductError::NotProven));

	let proof = case.cheat(|vectors| {
		let missing = difference(vectors) * vectors.l[2].invert();
		vectors.r[2] += missing;
	});
	assert_eq!(holding_of(&case.statement, &proof), [true, true, false, true, true]);
	assert_eq!(verify(&case.statement, &proof), Err(ProductError::NotProven));

	let proof = case.cheat(|vectors| {
		let excess = difference(vectors);
		vectors.z[0] -= excess;
	});
	assert_eq!(holding_of(&case.statement, &proof), [true, true, true, true, false]);
	assert_eq!(verify(&case.statement, &proof), Err(ProductError::NotProven));

	// Zeros behind the end of the vectors are committed to as well.
	let mut case = wrong_by_one(3, 3, 3, 5);
	let proof = case.cheat(|vectors| {
		vectors.r[3] = difference(vectors);
		vectors.l[3] = Scalar::ONE;
	});
	assert_eq!(holding_of(&case.statement, &proof), [true, false, false, true, true]);
	assert_eq!(verify(&case.statement, &proof), Err(ProductError::NotProven));
}

/// What a prover writes behind the columns of C meets zeros of y: it changes commitments, but proves nothing else.
#[test]
fn should_not_count_what_is_behind_the_columns_of_c() {
	let mut case = Case::new(2, 2, 3);
	let proof = case.cheat(|vectors| vectors.z[3] = Scalar::ONE);
	assert_eq!(holding_of(&case.statement, &proof), [true, true, true, true, false]);
	// With a commitment that says so, the same C is proven.
	let q = Generators::new().q(3)[3];
	let first = (point(&case.output.rows[0]) + q).compress().to_bytes();
	case.output.rows[0] = first;
	case.statement.output = case.output.hash();
	let proof = case.cheat(|vectors| vectors.z[3] = Scalar::ONE);
	assert_eq!(verify(&case.statement, &proof), Ok(()));
	let mut wrong = case.c.clone();
	wrong[0] += if wrong[0] < 0 { 1 } else { -1 };
	case.claim(wrong);
	case.output.rows[0] = (point(&case.output.rows[0]) + q).compress().to_bytes();
	case.statement.output = case.output.hash();
	let proof = case.cheat(|vectors| {
		let missing = inner(&vectors.z, &vectors.y) - inner(&vectors.l, &vectors.r);
		vectors.z[3] = missing;
	});
	assert_eq!(verify(&case.statement, &proof), Err(ProductError::NotProven));
}

/// The attack on the shortcut that this protocol does not take. The shortcut: r has generators of its own, and l and r
/// are opened against the *sum* of their commitments, as in a range proof.
///
/// Who makes `T_A` adds `<d, generators of B>` to the first row. Then `r = B y + d` opens the sum, as `x_0 = 1`, and
/// with it `<x^T A, B y + d>`, which is `x^T C' y` for the C' whose first column is `A (first column of B + d)`: a
/// whole column is wrong, and for every x and y the sum opens.
#[test]
fn should_reject_when_commitment_to_a_hides_part_of_b() {
	let (m, k, n) = (3usize, 4, 4);
	let mut case = Case::new(3, 4, 4);
	let generators = Generators::new();
	let (g, other) = (generators.g(4), generators.q(4));
	let commit = |values: &[Scalar], points: &[RistrettoPoint]| {
		RistrettoPoint::multiscalar_mul(values, points)
	};
	let small = |value: i32| match value < 0 {
		true => -Scalar::from(value.unsigned_abs()),
		false => Scalar::from(value.unsigned_abs()),
	};

	let d = [1i8, 0, -2, 3];
	let hidden: Vec<Scalar> = d.iter().map(|entry| small((*entry).into())).collect();
	let mut wrong = case.c.clone();
	for i in 0..m {
		for (entry, added) in case.a[i * k..].iter().zip(d) {
			wrong[i * n] += i32::from(*entry) * i32::from(added);
		}
	}
	assert!((0..m).all(|i| wrong[i * n] != case.c[i * n]));

	// The shortcut, with commitments that are not blinded and vectors that are shown as they are: an inner-product
	// argument is but a shorter way to check the same.
	let row = |i: usize| (0..k).map(|at| small(case.a[i * k + at].into())).collect::<Vec<_>>();
	let column = |j: usize| (0..k).map(|at| small(case.b[at * n + j].into())).collect::<Vec<_>>();
	let mut rows: Vec<RistrettoPoint> = (0..m).map(|i| commit(&row(i), &g)).collect();
	let columns: Vec<RistrettoPoint> = (0..n).map(|j| commit(&column(j), &other)).collect();
	rows[0] += commit(&hidden, &other);
	let mut rng = ChaCha20Rng::seed_from_u64(8);
	for _ in 0..4 {
		let x = powers(&Scalar::from(rng.next_u64()), m);
		let y = powers(&Scalar::from(rng.next_u64()), n);
		let l: Vec<Scalar> = (0..k).map(|at| (0..m).map(|i| x[i] * row(i)[at]).sum()).collect();
		let r: Vec<Scalar> = (0..k)
			.map(|at| hidden[at] + (0..n).map(|j| y[j] * column(j)[at]).sum::<Scalar>())
			.collect();
		let claimed: Scalar = (0..m * n).map(|at| x[at / n] * y[at % n] * small(wrong[at])).sum();
		let (p_a, p_b) = (commit(&x, &rows), commit(&y, &columns));
		assert_eq!(inner(&l, &r), claimed);
		assert_eq!(p_a + p_b, commit(&l, &g) + commit(&r, &other), "the shortcut accepts");
		assert_ne!(p_a, commit(&l, &g));
		assert_ne!(p_b, commit(&r, &other));
	}

	// The same here: the commitment to the first row of A has a part that is no row of A.
	case.claim(wrong);
	for part in [commit(&hidden, &other), commit(&hidden, &g)] {
		let mut bent = Case::new(3, 4, 4);
		bent.claim(case.c.clone());
		bent.inputs.rows[0] = (point(&bent.inputs.rows[0]) + part).compress().to_bytes();
		bent.statement.inputs = bent.inputs.hash();
		let proof = bent.cheat(|vectors| {
			for (entry, hidden) in vectors.r.iter_mut().zip(&hidden) {
				*entry += hidden;
			}
			// All but the commitments to A and B fits.
			assert_eq!(inner(&vectors.l, &vectors.r), inner(&vectors.z, &vectors.y));
		});
		assert_eq!(holding_of(&bent.statement, &proof), [true, false, false, true, true]);
		assert_eq!(verify(&bent.statement, &proof), Err(ProductError::NotProven));
	}
}

/// Multiples of U in a commitment could stand for a part of the inner product.
#[test]
fn should_reject_when_commitments_contain_the_generator_of_inner_products() {
	let u = Generators::new().u();
	for side in 0..3 {
		let mut case = wrong_by_one(2, 2, 2, 0);
		let list = match side {
			0 => &mut case.inputs.rows,
			1 => &mut case.inputs.columns,
			_ => &mut case.output.rows,
		};
		list[0] = (point(&list[0]) + u).compress().to_bytes();
		case.statement.inputs = case.inputs.hash();
		case.statement.output = case.output.hash();
		let proof = case.cheat(|_| ());
		let mut expected = [false, true, true, true, true];
		expected[[1, 2, 4][side]] = false;
		assert_eq!(holding_of(&case.statement, &proof), expected);
		assert_eq!(verify(&case.statement, &proof), Err(ProductError::NotProven));
	}
}
