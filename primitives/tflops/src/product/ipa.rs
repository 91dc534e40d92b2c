//! The prover's part of the inner-product arguments.
//!
//! In each round a vector is halved, and a challenge u folds it: `u low + 1/u high`, with the generators folded the
//! other way round, `1/u low + u high`. Then `<folded vector, folded generators>` is `<vector, generators>` plus
//! `u^2 <low, high generators> + u^-2 <high, low generators>`, which is what the prover sends: L and R. The second
//! vector of an inner product is folded with 1/u in place of u, so that the inner product changes in the same manner.

use alloc::vec::Vec;

use curve25519_dalek::{
	ristretto::RistrettoPoint,
	scalar::Scalar,
	traits::{MultiscalarMul, VartimeMultiscalarMul},
};
use zeroize::Zeroizing;

use super::{
	field::{inner, Secret},
	transcript::Point,
};

/// Folds l and r, with commitments over the same generators but separately. `tie` is `w U`, whose multiples by the
/// inner product are folded along with l. `ask` sends `L_l, R_l, L_r, R_r` and gets the challenge.
///
/// Returns what is left of l and r. Both have the length of `generators`, a power of two.
pub(super) fn fold_both(
	generators: &[RistrettoPoint],
	tie: &RistrettoPoint,
	l: Secret,
	r: Secret,
	mut ask: impl FnMut([Point; 4]) -> Scalar,
) -> [Scalar; 2] {
	let mut l = Committed { values: l, generators: generators.to_vec() };
	let mut r = Committed { values: r, generators: generators.to_vec() };
	while l.values.len() > 1 {
		let [low, high] = cross(&l.values, &r.values);
		let [l_l, r_l] = l.messages([Some((&low, tie)), Some((&high, tie))]);
		let [l_r, r_r] = r.messages([None, None]);
		let u = ask([l_l, r_l, l_r, r_r]);
		let inverse = u.invert();
		l.fold(&u, &inverse);
		r.fold(&inverse, &u);
	}
	[l.values[0], r.values[0]]
}

/// Folds z, whose inner product with the public y is at stake. As [`fold_both`], with `L_z, R_z`.
pub(super) fn fold_one(
	generators: &[RistrettoPoint],
	tie: &RistrettoPoint,
	z: Secret,
	mut y: Vec<Scalar>,
	mut ask: impl FnMut([Point; 2]) -> Scalar,
) -> Scalar {
	let mut z = Committed { values: z, generators: generators.to_vec() };
	while z.values.len() > 1 {
		let [low, high] = cross(&z.values, &y);
		let v = ask(z.messages([Some((&low, tie)), Some((&high, tie))]));
		let inverse = v.invert();
		z.fold(&v, &inverse);
		y = fold(&y, &inverse, &v);
	}
	z.values[0]
}

/// A secret vector with the generators of its commitment.
struct Committed {
	values: Secret,
	generators: Vec<RistrettoPoint>,
}

impl Committed {
	/// L and R, each with another multiple of a point if there is one.
	fn messages(&self, extra: [Option<(&Scalar, &RistrettoPoint)>; 2]) -> [Point; 2] {
		let half = self.values.len() / 2;
		let (low, high) = self.values.split_at(half);
		let (low_generators, high_generators) = self.generators.split_at(half);
		let commit = |values: &[Scalar], generators: &[RistrettoPoint], extra: Option<_>| {
			let (scalar, point): (Option<&Scalar>, Option<&RistrettoPoint>) = extra.unzip();
			let scalars = values.iter().chain(scalar);
			let points = generators.iter().chain(point);
			RistrettoPoint::multiscalar_mul(scalars, points).compress().to_bytes()
		};
		let [extra_low, extra_high] = extra;
		[commit(low, high_generators, extra_low), commit(high, low_generators, extra_high)]
	}

	/// One round.
	fn fold(&mut self, u: &Scalar, inverse: &Scalar) {
		self.values = Zeroizing::new(fold(&self.values, u, inverse));
		let (low, high) = self.generators.split_at(self.generators.len() / 2);
		// Challenges and generators are public.
		self.generators = low
			.iter()
			.zip(high)
			.map(|(low, high)| RistrettoPoint::vartime_multiscalar_mul([inverse, u], [low, high]))
			.collect();
	}
}

/// `low_factor low + high_factor high`.
fn fold(values: &[Scalar], low_factor: &Scalar, high_factor: &Scalar) -> Vec<Scalar> {
	let (low, high) = values.split_at(values.len() / 2);
	low.iter().zip(high).map(|(low, high)| low_factor * low + high_factor * high).collect()
}

/// `<low l, high r>` and `<high l, low r>`.
fn cross(l: &[Scalar], r: &[Scalar]) -> [Scalar; 2] {
	let ((l_low, l_high), (r_low, r_high)) = (l.split_at(l.len() / 2), r.split_at(r.len() / 2));
	[inner(l_low, r_high), inner(l_high, r_low)]
}
