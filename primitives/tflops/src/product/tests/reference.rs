//! A second verifier: it folds generators and commitments round by round, and checks one equation after the other.

use super::*;
use crate::product::{generators::Generators, ipa, verify, ProductError};
use zeroize::Zeroizing;

/// Folds generators with a challenge.
fn fold(points: &[RistrettoPoint], u: &Scalar) -> Vec<RistrettoPoint> {
	let (low, high) = points.split_at(points.len() / 2);
	low.iter().zip(high).map(|(low, high)| low * u.invert() + high * u).collect()
}

/// `point[0] + base point[1] + base^2 point[2] + ..`
fn combine(points: &[Point], base: &Scalar) -> RistrettoPoint {
	points
		.iter()
		.rev()
		.fold(Default::default(), |sum: RistrettoPoint, next| sum * base + point(next))
}

/// As [`verify`], after the protocol's description and without batching.
fn reference(statement: &Statement, proof: &[u8]) -> bool {
	let shape = &statement.shape;
	let proof = Proof::parse(shape, proof).unwrap();
	let Challenges { xi, eta, x, w, inner, outer, .. } = Challenges::new(statement, &proof);
	let generators = Generators::new();
	let (h, u) = (generators.h(), generators.u());
	let [v, s_a, s_b, s_c, t_1, t_2, d] = proof.masks.map(|bytes| point(&bytes));
	let [t, tau, t_z, tau_z, mu_a, mu_b, mu_c] = proof.responses;
	let [last_l, last_r, last_z] = proof.last;

	let mut holds = v + t_1 * x + t_2 * (x * x) == u * t + h * tau;
	holds &= v + d * x == u * t_z + h * tau_z;

	let mut l = combine(proof.rows, &xi) + s_a * x - h * mu_a + u * (w * t);
	let mut r = combine(proof.columns, &eta) + s_b * x - h * mu_b;
	let (mut for_l, mut for_r) = (generators.g(shape.k()), generators.g(shape.k()));
	for (round, u) in proof.inner.iter().zip(&inner) {
		let [l_l, r_l, l_r, r_r] = round.map(|bytes| point(&bytes));
		let (square, inverse) = (u * u, (u * u).invert());
		l += l_l * square + r_l * inverse;
		r += l_r * inverse + r_r * square;
		for_l = fold(&for_l, u);
		for_r = fold(&for_r, &u.invert());
	}
	holds &= l == for_l[0] * last_l + u * (w * last_l * last_r);
	holds &= r == for_r[0] * last_r;

	let mut z = combine(proof.product, &xi) + s_c * x - h * mu_c + u * (w * t_z);
	let mut for_z = generators.q(shape.n());
	let mut y = powers(&eta, shape.n() as usize);
	y.resize(for_z.len(), Scalar::ZERO);
	for (round, v) in proof.outer.iter().zip(&outer) {
		let [l_z, r_z] = round.map(|bytes| point(&bytes));
		z += l_z * (v * v) + r_z * (v * v).invert();
		for_z = fold(&for_z, v);
		let (low, high) = y.split_at(y.len() / 2);
		y = low.iter().zip(high).map(|(low, high)| low * v.invert() + high * v).collect();
	}
	holds & (z == for_z[0] * last_z + u * (w * last_z * y[0]))
}

#[test]
fn should_agree_with_the_reference_when_proofs_are_right_or_wrong() {
	for (m, k, n) in [(1, 1, 1), (2, 3, 4), (5, 8, 3), (3, 1, 9), (4, 16, 1)] {
		let mut case = Case::new(m, k, n);
		let proof = case.prove();
		assert!(reference(&case.statement, &proof));
		assert_eq!(verify(&case.statement, &proof), Ok(()));
		let later = Statement { job: 4, ..case.statement };
		assert!(!reference(&later, &proof));
		assert_eq!(verify(&later, &proof), Err(ProductError::NotProven));
		let mut c = case.c.clone();
		c[0] += if c[0] < 0 { 1 } else { -1 };
		case.claim(c);
		let forged = case.cheat(|_| ());
		assert!(!reference(&case.statement, &forged));
		assert_eq!(verify(&case.statement, &forged), Err(ProductError::NotProven));
	}
}

/// Folding by the definition: entry i ends up multiplied by the challenge of every round in which it is in the lower
/// half, and by its inverse in the others.
#[test]
fn should_fold_vectors_as_defined() {
	let mut rng = ChaCha20Rng::seed_from_u64(1);
	let mut random = |len: usize| -> Vec<Scalar> {
		(0..len).map(|_| Scalar::from(rng.next_u64()) * Scalar::from(rng.next_u64())).collect()
	};
	for rounds in 0..5usize {
		let len = 1 << rounds;
		let (l, r, challenges) = (random(len), random(len), random(rounds));
		let generators = Generators::new();
		let (g, tie) = (generators.g(len as u32), generators.u());
		let factor = |at: usize| -> Scalar {
			let round = |(round, u): (usize, &Scalar)| match at >> (rounds - 1 - round) & 1 {
				0 => *u,
				_ => u.invert(),
			};
			challenges.iter().enumerate().map(round).product()
		};
		let mut asked = challenges.iter();
		let secret = |values: &[Scalar]| Zeroizing::new(values.to_vec());
		let [last_l, last_r] =
			ipa::fold_both(&g, &tie, secret(&l), secret(&r), |_| *asked.next().unwrap());
		assert_eq!(last_l, (0..len).map(|at| l[at] * factor(at)).sum());
		assert_eq!(last_r, (0..len).map(|at| r[at] * factor(at).invert()).sum());
		assert!(asked.next().is_none());
		let mut asked = challenges.iter();
		let last_z = ipa::fold_one(&g, &tie, secret(&l), r.clone(), |_| *asked.next().unwrap());
		assert_eq!(last_z, last_l);
		assert!(asked.next().is_none());
	}
}
