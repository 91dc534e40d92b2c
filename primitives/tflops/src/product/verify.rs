//! The verifier.

use alloc::vec::Vec;

use curve25519_dalek::{
	ristretto::{CompressedRistretto, RistrettoPoint},
	scalar::Scalar,
	traits::{IsIdentity, VartimeMultiscalarMul},
};

use super::{
	generators::Generators,
	proof::{hash, Proof},
	transcript::{Challenges, Point},
	ProductError, Shape, Statement,
};

/// Equations that have to hold.
pub(super) const EQUATIONS: usize = 5;

/// Verifies that C is the product of A and B, all three being known only by their commitments.
///
/// # Errors
/// One for each rule of [`ProductError`]. No bytes make it panic.
///
/// # Cost
/// Reads `2 m + n` points of the lists, and multiplies them and about `k + n` generators once. Cheap tests come first:
/// lengths, then hashes of the lists, then points.
pub fn verify(statement: &Statement, proof: &[u8]) -> Result<(), ProductError> {
	let shape = &statement.shape;
	let proof = Proof::parse(shape, proof)?;
	if hash(&[proof.rows, proof.columns]) != statement.inputs {
		return Err(ProductError::OtherInputs);
	}
	if hash(&[proof.product]) != statement.output {
		return Err(ProductError::OtherOutput);
	}
	let challenges = Challenges::new(statement, &proof);
	let mut weights = [Scalar::ONE; EQUATIONS];
	for at in 1..EQUATIONS {
		weights[at] = weights[at - 1] * challenges.weight;
	}
	if residual(shape, &proof, &challenges, &weights)?.is_identity() {
		Ok(())
	} else {
		Err(ProductError::NotProven)
	}
}

/// The weighted sum of all equations, each brought to the form `.. = 0`:
/// ```text
/// 0: V + X T_1 + X^2 T_2                          = <l,r> U + tau H
/// 1: P_A + X S_A + w <l,r> U + folding points of l = l' <s, G> + w l' r' U + mu_A H
/// 2: P_B + X S_B             + folding points of r = r' <1/s, G>           + mu_B H
/// 3: V + X D                                      = <z,y> U + tau_z H
/// 4: P_C + X S_C + w <z,y> U + folding points of z = z' <s_z, Q> + w z' <s_z, y> U + mu_C H
/// ```
/// A dash marks what is left of a vector after folding, `s` are the products of challenges that generators are folded
/// with.
pub(super) fn residual(
	shape: &Shape,
	proof: &Proof<'_>,
	challenges: &Challenges,
	weights: &[Scalar; EQUATIONS],
) -> Result<RistrettoPoint, ProductError> {
	let Challenges { xi, eta, x, w, inner, outer, .. } = challenges;
	let [e_0, e_1, e_2, e_3, e_4] = weights;
	let [t, tau, t_z, tau_z, mu_a, mu_b, mu_c] = &proof.responses;
	let [last_l, last_r, last_z] = &proof.last;

	let points = 2 * proof.rows.len() + proof.columns.len();
	let mut sum = Sum::with_capacity(2 * points);
	sum.powers(*e_1, xi, proof.rows)?;
	sum.powers(*e_2, eta, proof.columns)?;
	sum.powers(*e_4, xi, proof.product)?;
	let masks = [e_0 + e_3, e_1 * x, e_2 * x, e_4 * x, e_0 * x, e_0 * x * x, e_3 * x];
	for (scalar, point) in masks.into_iter().zip(proof.masks) {
		sum.add(scalar, point)?;
	}

	let inner = Folding::new(inner);
	for ((square, inverse), [l_l, r_l, l_r, r_r]) in inner.squares().zip(proof.inner) {
		sum.add(e_1 * square, l_l)?;
		sum.add(e_1 * inverse, r_l)?;
		sum.add(e_2 * inverse, l_r)?;
		sum.add(e_2 * square, r_r)?;
	}
	let outer = Folding::new(outer);
	for ((square, inverse), [l_z, r_z]) in outer.squares().zip(proof.outer) {
		sum.add(e_4 * square, l_z)?;
		sum.add(e_4 * inverse, r_z)?;
	}

	let generators = Generators::new();
	let s = inner.products();
	let (for_l, for_r) = (e_1 * last_l, e_2 * last_r);
	// Inverting every challenge turns the list of products around.
	for ((s, inverse), g) in s.iter().zip(s.iter().rev()).zip(generators.g(shape.k())) {
		sum.known(-(for_l * s + for_r * inverse), g);
	}
	let s = outer.products();
	let for_z = e_4 * last_z;
	for (s, q) in s.iter().zip(generators.q(shape.n())) {
		sum.known(-(for_z * s), q);
	}
	let mut power = Scalar::ONE;
	let mut last_y = Scalar::ZERO;
	for s in s.iter().take(shape.n() as usize) {
		last_y += s * power;
		power *= eta;
	}
	sum.known(
		e_1 * w * (t - last_l * last_r) + e_4 * w * (t_z - last_z * last_y) - e_0 * t - e_3 * t_z,
		generators.u(),
	);
	sum.known(-(e_0 * tau + e_1 * mu_a + e_2 * mu_b + e_3 * tau_z + e_4 * mu_c), generators.h());
	Ok(sum.value())
}

/// A sum of multiples of points, computed at the end in one go.
struct Sum {
	scalars: Vec<Scalar>,
	points: Vec<RistrettoPoint>,
}

impl Sum {
	fn with_capacity(len: usize) -> Self {
		Self { scalars: Vec::with_capacity(len), points: Vec::with_capacity(len) }
	}

	/// Adds a multiple of a point of the proof.
	fn add(&mut self, scalar: Scalar, point: &Point) -> Result<(), ProductError> {
		let point = CompressedRistretto(*point).decompress().ok_or(ProductError::BadPoint)?;
		if point.is_identity() {
			return Err(ProductError::NeutralPoint);
		}
		self.known(scalar, point);
		Ok(())
	}

	/// Adds a multiple of a generator.
	fn known(&mut self, scalar: Scalar, point: RistrettoPoint) {
		self.scalars.push(scalar);
		self.points.push(point);
	}

	/// Adds `first * (1, base, base^2, ..)` times the points.
	fn powers(
		&mut self,
		first: Scalar,
		base: &Scalar,
		points: &[Point],
	) -> Result<(), ProductError> {
		let mut power = first;
		for point in points {
			self.add(power, point)?;
			power *= base;
		}
		Ok(())
	}

	fn value(&self) -> RistrettoPoint {
		RistrettoPoint::vartime_multiscalar_mul(&self.scalars, &self.points)
	}
}

/// Challenges of an inner-product argument with their inverses.
struct Folding {
	/// Squares of the challenges.
	squares: Vec<Scalar>,
	/// Squares of their inverses.
	inverses: Vec<Scalar>,
	/// Product of the inverses.
	first: Scalar,
}

impl Folding {
	/// Challenges are not 0.
	fn new(challenges: &[Scalar]) -> Self {
		let mut inverses = challenges.to_vec();
		let first = Scalar::batch_invert(&mut inverses);
		inverses.iter_mut().for_each(|inverse| *inverse *= *inverse);
		Self { squares: challenges.iter().map(|u| u * u).collect(), inverses, first }
	}

	/// `u^2` and `u^-2` of each round.
	fn squares(&self) -> impl Iterator<Item = (Scalar, Scalar)> + '_ {
		self.squares.iter().copied().zip(self.inverses.iter().copied())
	}

	/// What each generator is multiplied with in the end: `u` for each round in which it is in the upper half, `1/u`
	/// for the others.
	fn products(&self) -> Vec<Scalar> {
		let mut products = Vec::with_capacity(1 << self.squares.len());
		products.push(self.first);
		// The last round decides on the lowest bit of the index.
		for square in self.squares.iter().rev() {
			for at in 0..products.len() {
				products.push(products[at] * square);
			}
		}
		products
	}
}
