//! The bytes of a proof: `T_A || T_B || T_C || masks || responses || inner rounds || outer rounds || last`.
//!
//! All are compressed points or scalars of 32 bytes, and their number follows from the dimensions.

use curve25519_dalek::scalar::Scalar;

use super::{transcript::Point, ProductError, Shape};
use crate::Hash;

/// Points and scalars whose number is always the same: 7 masks, 7 responses, 3 at the end.
pub(super) const FIXED: u32 = 17;

/// A proof whose scalars are reduced. Points are not yet looked at.
pub(super) struct Proof<'a> {
	/// `T_A`.
	pub(super) rows: &'a [Point],
	/// `T_B`.
	pub(super) columns: &'a [Point],
	/// `T_C`.
	pub(super) product: &'a [Point],
	/// `V, S_A, S_B, S_C, T_1, T_2, D`.
	pub(super) masks: &'a [Point; 7],
	/// `<l, r>` and its blinding; `<z, y>` and its blinding; blindings of the commitments to l, r and z.
	pub(super) responses: [Scalar; 7],
	/// `L_l, R_l, L_r, R_r` of each round.
	pub(super) inner: &'a [[Point; 4]],
	/// `L_z, R_z` of each round.
	pub(super) outer: &'a [[Point; 2]],
	/// l, r and z folded to one entry.
	pub(super) last: [Scalar; 3],
}

impl<'a> Proof<'a> {
	/// Reads a proof. Copies only scalars.
	pub(super) fn parse(shape: &Shape, bytes: &'a [u8]) -> Result<Self, ProductError> {
		if bytes.len() != shape.proof_len() {
			return Err(ProductError::BadLength);
		}
		let mut reader = Reader(bytes.as_chunks().0);
		Ok(Self {
			rows: reader.take(shape.m())?,
			columns: reader.take(shape.n())?,
			product: reader.take(shape.m())?,
			masks: reader.array()?,
			responses: reader.scalars()?,
			inner: reader.take(4 * shape.inner_rounds())?.as_chunks().0,
			outer: reader.take(2 * shape.outer_rounds())?.as_chunks().0,
			last: reader.scalars()?,
		})
	}

	/// The commitments.
	pub(super) fn lists(&self) -> [&'a [Point]; 3] {
		[self.rows, self.columns, self.product]
	}
}

/// Points and scalars that are left to read.
struct Reader<'a>(&'a [Point]);

impl<'a> Reader<'a> {
	fn take(&mut self, len: u32) -> Result<&'a [Point], ProductError> {
		let (head, rest) = self.0.split_at_checked(len as usize).ok_or(ProductError::BadLength)?;
		self.0 = rest;
		Ok(head)
	}

	fn array<const N: usize>(&mut self) -> Result<&'a [Point; N], ProductError> {
		let (head, rest) = self.0.split_first_chunk().ok_or(ProductError::BadLength)?;
		self.0 = rest;
		Ok(head)
	}

	fn scalars<const N: usize>(&mut self) -> Result<[Scalar; N], ProductError> {
		let mut scalars = [Scalar::ZERO; N];
		for (scalar, bytes) in scalars.iter_mut().zip(self.array::<N>()?) {
			*scalar = Option::from(Scalar::from_canonical_bytes(*bytes))
				.ok_or(ProductError::BadScalar)?;
		}
		Ok(scalars)
	}
}

/// BLAKE3 of lists of points.
pub(super) fn hash(lists: &[&[Point]]) -> Hash {
	let mut hasher = blake3::Hasher::new();
	for list in lists {
		hasher.update(list.as_flattened());
	}
	*hasher.finalize().as_bytes()
}

/// The hash of the commitments to C that a proof carries: [`super::Statement::output`], for who knows only a hash of
/// it. Says nothing about the proof.
pub fn output_of(shape: &Shape, proof: &[u8]) -> Result<Hash, ProductError> {
	Proof::parse(shape, proof).map(|proof| hash(&[proof.product]))
}
