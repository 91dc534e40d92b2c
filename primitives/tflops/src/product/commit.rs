//! Commitments to matrices.
//!
//! # Time
//! Entries are secret, hence nothing here branches on them or looks them up in a table: an entry is written as a fixed
//! number of signed digits, and for each digit all multiples are read and one is kept by masking. A test counts the
//! operations on points for different matrices. Masking itself, and the arithmetic of points and scalars, is that of
//! `subtle` and `curve25519-dalek`, which claim constant time; compilers and CPUs were not examined.

use alloc::vec::Vec;
use core::{
	fmt,
	ops::{AddAssign, Neg},
};

use curve25519_dalek::{
	ristretto::{RistrettoBasepointTable, RistrettoPoint},
	scalar::Scalar,
	traits::Identity,
};
use subtle::{Choice, ConditionallyNegatable, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use super::{field::Secret, generators::Generators, proof, transcript::Point, Shape};
use crate::Hash;

/// Why there is no commitment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommitError {
	/// A matrix has not as many entries as its dimensions say.
	BadMatrix,
	/// An entry of C is larger than any sum of products of int8.
	EntryOutOfRange,
	/// The openings are for other dimensions.
	OtherOpenings,
}

impl fmt::Display for CommitError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			CommitError::BadMatrix => "a matrix has a wrong size",
			CommitError::EntryOutOfRange => "an entry is too large",
			CommitError::OtherOpenings => "the openings are for other dimensions",
		})
	}
}

impl core::error::Error for CommitError {}

/// Blindings of all commitments: what opens them. Wiped when it goes.
///
/// They come from a secret seed of 32 bytes, so that the requester sends one seed along with the matrices and both
/// sides have the same blindings, those of the product included: the requester can check that the C it got is the one
/// that was committed to. They also depend on the matrices. A seed that is used twice for different matrices does
/// therefore not disclose their difference; for the same matrices it gives the same commitments, which shows that they
/// are the same.
pub struct Openings {
	/// Of the rows of A.
	pub(super) rows: Secret,
	/// Of the columns of B.
	pub(super) columns: Secret,
	/// Of the rows of C.
	pub(super) product: Secret,
	/// What they come from.
	pub(super) root: Zeroizing<Hash>,
}

impl Openings {
	/// The openings for these matrices, both row by row, and this secret seed.
	///
	/// `root = dk("ionet/zkmm/v1 openings", seed || m u32 || k u32 || n u32 || A || B)`; the blindings of A, B and C
	/// are 64 bytes each, reduced, of the output of `BLAKE3_keyed(root, s u8)` with s = 0, 1, 2.
	pub fn new(shape: &Shape, a: &[i8], b: &[i8], seed: &[u8; 32]) -> Result<Self, CommitError> {
		let [m, k, n] = sides(shape);
		if a.len() != m * k || b.len() != k * n {
			return Err(CommitError::BadMatrix);
		}
		let mut hasher = blake3::Hasher::new_derive_key("ionet/zkmm/v1 openings");
		hasher.update(seed);
		for side in [shape.m(), shape.k(), shape.n()] {
			hasher.update(&side.to_le_bytes());
		}
		let mut bytes = Zeroizing::new(Vec::with_capacity(a.len().max(b.len())));
		for matrix in [a, b] {
			bytes.clear();
			bytes.extend(matrix.iter().map(|entry| entry.cast_unsigned()));
			hasher.update(&bytes);
		}
		let root = Zeroizing::new(*hasher.finalize().as_bytes());
		let blindings = |side: u8, len: usize| {
			let mut output = blake3::Hasher::new_keyed(&root).update(&[side]).finalize_xof();
			let mut bytes = Zeroizing::new([0; 64]);
			let mut scalars = Zeroizing::new(Vec::with_capacity(len));
			for _ in 0..len {
				output.fill(&mut *bytes);
				scalars.push(Scalar::from_bytes_mod_order_wide(&bytes));
			}
			scalars
		};
		let [rows, columns, product] = [blindings(0, m), blindings(1, n), blindings(2, m)];
		Ok(Self { rows, columns, product, root })
	}
}

impl fmt::Debug for Openings {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("Openings(..)")
	}
}

/// Commitments to the rows of A and the columns of B.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputCommitments {
	/// `T_A`.
	pub(super) rows: Vec<Point>,
	/// `T_B`.
	pub(super) columns: Vec<Point>,
}

impl InputCommitments {
	/// [`super::Statement::inputs`].
	pub fn hash(&self) -> Hash {
		proof::hash(&[&self.rows, &self.columns])
	}
}

/// Commitments to the rows of C.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutputCommitments {
	/// `T_C`.
	pub(super) rows: Vec<Point>,
}

impl OutputCommitments {
	/// [`super::Statement::output`].
	pub fn hash(&self) -> Hash {
		proof::hash(&[&self.rows])
	}
}

/// Commits to A and B, both row by row.
pub fn commit_inputs(
	shape: &Shape,
	a: &[i8],
	b: &[i8],
	openings: &Openings,
) -> Result<InputCommitments, CommitError> {
	let [m, k, n] = sides(shape);
	if a.len() != m * k || b.len() != k * n {
		return Err(CommitError::BadMatrix);
	}
	let generators = Generators::new();
	let g = generators.g(shape.k());
	let digits = digits(1 << 7);
	let a = sums(&g[..k], m, digits, |i, at| a[i * k + at].into());
	let b = sums(&g[..k], n, digits, |j, at| b[at * n + j].into());
	Ok(InputCommitments {
		rows: blind(&a, &openings.rows, &generators)?,
		columns: blind(&b, &openings.columns, &generators)?,
	})
}

/// Commits to C, row by row.
pub fn commit_output(
	shape: &Shape,
	c: &[i32],
	openings: &Openings,
) -> Result<OutputCommitments, CommitError> {
	let [m, _, n] = sides(shape);
	if c.len() != m * n {
		return Err(CommitError::BadMatrix);
	}
	let bound = shape.k() << 14;
	if c.iter().fold(false, |beyond, entry| beyond | (entry.unsigned_abs() > bound)) {
		return Err(CommitError::EntryOutOfRange);
	}
	let generators = Generators::new();
	let q = generators.q(shape.n());
	let c = sums(&q[..n], m, digits(bound), |i, at| c[i * n + at]);
	Ok(OutputCommitments { rows: blind(&c, &openings.product, &generators)? })
}

/// Dimensions as lengths.
pub(super) fn sides(shape: &Shape) -> [usize; 3] {
	[shape.m(), shape.k(), shape.n()].map(|side| side as usize)
}

/// How many digits integers up to `bound` have: d of them reach `8 * 16^(d-1)`.
fn digits(bound: u32) -> usize {
	let mut digits = 1;
	while 8u64 << (4 * (digits - 1)) < u64::from(bound) {
		digits += 1;
	}
	digits
}

/// Adds blindings.
fn blind(
	sums: &[RistrettoPoint],
	blindings: &[Scalar],
	generators: &Generators,
) -> Result<Vec<Point>, CommitError> {
	if sums.len() != blindings.len() {
		return Err(CommitError::OtherOpenings);
	}
	let h = RistrettoBasepointTable::create(&generators.h());
	let blinded =
		|(sum, blinding): (&RistrettoPoint, &Scalar)| (sum + &h * blinding).compress().to_bytes();
	Ok(sums.iter().zip(blindings).map(blinded).collect())
}

/// For each of `len` vectors of secret integers its inner product with `points`; `entry(v, i)` is integer i of vector
/// v, in absolute value at most what `digits` digits reach.
///
/// Goes through the points once: all vectors use a point's multiples while they are in the CPU's first cache.
pub(super) fn sums<P>(
	points: &[P],
	len: usize,
	digits: usize,
	entry: impl Fn(usize, usize) -> i32,
) -> Vec<P>
where
	P: Identity + ConditionallySelectable + for<'a> AddAssign<&'a P>,
	for<'a> &'a P: Neg<Output = P>,
{
	// For each vector one sum for each digit, the lowest first.
	let mut sums = alloc::vec![P::identity(); len * digits];
	for (at, point) in points.iter().enumerate() {
		let multiples = multiples(point);
		for (vector, sums) in sums.chunks_exact_mut(digits).enumerate() {
			let mut rest = entry(vector, at);
			for (position, sum) in sums.iter_mut().enumerate() {
				// From -8 to 7, except the highest digit, which can be 8.
				let digit = if position + 1 == digits { rest } else { ((rest + 8) & 15) - 8 };
				rest = (rest - digit) >> 4;
				*sum += &select(&multiples, digit);
			}
		}
	}
	sums.chunks_exact(digits)
		.map(|sums| {
			sums.iter().rev().fold(P::identity(), |mut total, sum| {
				for _ in 0..4 {
					let copy = total;
					total += &copy;
				}
				total += sum;
				total
			})
		})
		.collect()
}

/// 1, 2, .. 8 times a point.
fn multiples<P: Identity + Copy + for<'a> AddAssign<&'a P>>(point: &P) -> [P; 8] {
	let mut last = P::identity();
	core::array::from_fn(|_| {
		last += point;
		last
	})
}

/// `digit` times the point that `multiples` belong to, for a secret digit from -8 to 8.
fn select<P>(multiples: &[P; 8], digit: i32) -> P
where
	P: Identity + ConditionallySelectable,
	for<'a> &'a P: Neg<Output = P>,
{
	let sign = digit >> 31;
	let magnitude = ((digit ^ sign) - sign).cast_unsigned();
	let mut selected = P::identity();
	for (multiple, number) in multiples.iter().zip(1u32..) {
		selected.conditional_assign(multiple, number.ct_eq(&magnitude));
	}
	selected.conditional_negate(Choice::from((sign & 1) as u8));
	selected
}
