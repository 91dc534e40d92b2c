//! The prover.

use alloc::vec::Vec;
use core::fmt;

use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar, traits::MultiscalarMul};
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::{
	commit::{sides, InputCommitments, Openings, OutputCommitments},
	field::{inner, powers, random, Secret, Weights},
	generators::Generators,
	ipa::{fold_both, fold_one},
	transcript::Script,
	Shape, Statement,
};

/// Why there is no proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProveError {
	/// A matrix, a list of commitments or the openings do not have the dimensions of the statement.
	BadWitness,
	/// The commitments are not those of the statement.
	OtherStatement,
	/// C is not the product of A and B.
	NotTheProduct,
}

impl fmt::Display for ProveError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			ProveError::BadWitness => "matrices, commitments or openings have wrong dimensions",
			ProveError::OtherStatement => "the commitments are not those of the statement",
			ProveError::NotTheProduct => "this is not the product of these matrices",
		})
	}
}

impl core::error::Error for ProveError {}

/// What the prover knows. Matrices are given row by row.
#[derive(Clone, Copy)]
pub struct Witness<'a> {
	/// The left matrix.
	pub a: &'a [i8],
	/// The right matrix.
	pub b: &'a [i8],
	/// Their product.
	pub c: &'a [i32],
	/// Blindings of the commitments.
	pub openings: &'a Openings,
	/// Commitments to A and B, made with `openings`.
	pub inputs: &'a InputCommitments,
	/// Commitments to C, made with `openings`.
	pub output: &'a OutputCommitments,
}

/// Proves the statement. The proof has [`super::Shape::proof_len`] bytes.
///
/// That the commitments are made from these matrices is not computed again; if they are not, the proof will not hold.
pub fn prove<R: RngCore + CryptoRng>(
	statement: &Statement,
	witness: &Witness<'_>,
	rng: &mut R,
) -> Result<Vec<u8>, ProveError> {
	let Witness { a, b, c, openings, inputs, output } = *witness;
	let shape = &statement.shape;
	let [m, k, n] = sides(shape);
	let lengths = [
		(a.len(), m * k),
		(b.len(), k * n),
		(c.len(), m * n),
		(inputs.rows.len(), m),
		(inputs.columns.len(), n),
		(output.rows.len(), m),
		(openings.rows.len(), m),
		(openings.columns.len(), n),
		(openings.product.len(), m),
	];
	if lengths.into_iter().any(|(len, expected)| len != expected) {
		return Err(ProveError::BadWitness);
	}
	if inputs.hash() != statement.inputs || output.hash() != statement.output {
		return Err(ProveError::OtherStatement);
	}
	let lists = [&inputs.rows[..], &inputs.columns, &output.rows];
	let (mut script, xi, eta) = Script::new(statement, lists);
	let (x, y) = (powers(&xi, m), powers(&eta, n));
	let vectors = Vectors::new(shape, (a, b, c), openings, &x, y);
	if inner(&vectors.l, &vectors.r) != inner(&vectors.z, &vectors.y) {
		return Err(ProveError::NotTheProduct);
	}
	let mut secrets = script.secrets(&*openings.root, rng);
	let mut proof = Vec::with_capacity(shape.proof_len());
	proof.extend(lists.into_iter().flatten().flatten());
	argue(vectors, &mut script, &mut secrets, &mut proof);
	Ok(proof)
}

/// The vectors of step 2, with zeros up to the next power of two.
pub(super) struct Vectors {
	/// `x^T A`.
	pub(super) l: Secret,
	/// `B y`.
	pub(super) r: Secret,
	/// `x^T C`.
	pub(super) z: Secret,
	/// The public y.
	pub(super) y: Vec<Scalar>,
	/// Blindings of the commitments to l, r and z.
	pub(super) blindings: Zeroizing<[Scalar; 3]>,
}

impl Vectors {
	pub(super) fn new(
		shape: &Shape,
		(a, b, c): (&[i8], &[i8], &[i32]),
		openings: &Openings,
		x: &[Scalar],
		y: Vec<Scalar>,
	) -> Self {
		let [_, k, n] = sides(shape);
		let blindings = Zeroizing::new([
			inner(x, &openings.rows),
			inner(&y, &openings.columns),
			inner(x, &openings.product),
		]);
		let (weights_x, weights_y) = (Weights::new(x), Weights::new(&y));
		let column_a = |at: usize| a[at..].iter().step_by(k).map(|entry| i32::from(*entry));
		let row_b = |at: usize| b[at * n..][..n].iter().map(|entry| i32::from(*entry));
		let column_c = |at: usize| c[at..].iter().step_by(n).copied();
		let mut padded = y;
		padded.resize(n.next_power_of_two(), Scalar::ZERO);
		Self {
			l: secret(k.next_power_of_two(), (0..k).map(|at| weights_x.dot(column_a(at)))),
			r: secret(k.next_power_of_two(), (0..k).map(|at| weights_y.dot(row_b(at)))),
			z: secret(n.next_power_of_two(), (0..n).map(|at| weights_x.dot(column_c(at)))),
			y: padded,
			blindings,
		}
	}
}

/// Steps 3 to 5: appends to `proof` what comes after the lists.
pub(super) fn argue<R: RngCore + CryptoRng>(
	vectors: Vectors,
	script: &mut Script,
	rng: &mut R,
	proof: &mut Vec<u8>,
) {
	let Vectors { l, r, z, y, blindings } = vectors;
	let (inner_len, outer_len) = (l.len(), z.len());
	let generators = Generators::new();
	let (g, q) = (generators.g(inner_len as u32), generators.q(outer_len as u32));
	let (h, u) = (generators.h(), generators.u());
	let commit = |values: &[Scalar], points: &[RistrettoPoint], blinding: &Scalar| {
		let scalars = values.iter().chain([blinding]);
		let points = points.iter().chain([&h]);
		RistrettoPoint::multiscalar_mul(scalars, points).compress().to_bytes()
	};
	let number = |value: &Scalar, blinding: &Scalar| {
		RistrettoPoint::multiscalar_mul([value, blinding], [u, h]).compress().to_bytes()
	};

	let mut mask = |len: usize| secret(len, core::iter::repeat_with(|| random(rng)).take(len));
	let (s_l, s_r, s_z) = (mask(inner_len), mask(inner_len), mask(outer_len));
	// Of S_A, S_B, S_C, T_1, T_2, D and V.
	let blind = mask(7);
	let t_1 = Zeroizing::new(inner(&l, &s_r) + inner(&s_l, &r));
	let masks = [
		number(&inner(&z, &y), &blind[6]),
		commit(&s_l, &g, &blind[0]),
		commit(&s_r, &g, &blind[1]),
		commit(&s_z, &q, &blind[2]),
		number(&t_1, &blind[3]),
		number(&inner(&s_l, &s_r), &blind[4]),
		number(&inner(&s_z, &y), &blind[5]),
	];
	let x = script.masks(&masks);

	let at_x = |values: &[Scalar], masks: &[Scalar]| {
		secret(values.len(), values.iter().zip(masks).map(|(value, mask)| value + x * mask))
	};
	let (l, r, z) = (at_x(&l, &s_l), at_x(&r, &s_r), at_x(&z, &s_z));
	let responses = [
		inner(&l, &r),
		blind[6] + x * blind[3] + x * x * blind[4],
		inner(&z, &y),
		blind[6] + x * blind[5],
		blindings[0] + x * blind[0],
		blindings[1] + x * blind[1],
		blindings[2] + x * blind[2],
	];
	let tie = script.responses(&responses) * u;
	proof.extend(masks.as_flattened());
	proof.extend(responses.iter().flat_map(Scalar::to_bytes));

	let [last_l, last_r] = fold_both(&g, &tie, l, r, |round| {
		proof.extend(round.as_flattened());
		script.inner(&round)
	});
	let last_z = fold_one(&q, &tie, z, y, |round| {
		proof.extend(round.as_flattened());
		script.outer(&round)
	});
	proof.extend([last_l, last_r, last_z].iter().flat_map(Scalar::to_bytes));
}

/// A vector of `len` scalars, continued with zeros. It is allocated once, so that no copy stays behind.
fn secret(len: usize, scalars: impl Iterator<Item = Scalar>) -> Secret {
	let mut values = Zeroizing::new(Vec::with_capacity(len));
	values.extend(scalars);
	values.resize(len, Scalar::ZERO);
	values
}
