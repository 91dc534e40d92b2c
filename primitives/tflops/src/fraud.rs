//! One wrong entry of a product, proven to who knows nothing but three hashes.
//!
//! The requester of a product commits to the rows of the left matrix A and to the columns of the right matrix B, the
//! worker to the product C. Whoever has the matrices and finds an entry `C[i][j]` that is not
//! `<row i of A, column j of B>` shows that row, that column and the 128 entries around the wrong one. The verdict is
//! exact: int8 factors, int32 sums, no tolerance. It discloses one row and one column, and only if there is a dispute.
//!
//! # Hashes
//! With `dk` for BLAKE3 in its key derivation mode and integers in little-endian order:
//! - `key(s) = dk("ionet zktf v1 job leaf", context || s u8)`, `leaf = BLAKE3_keyed(key(s), salt || bytes)`,
//! - `node = BLAKE3_keyed(dk("ionet zktf v1 job node", context || s u8), left || right)`,
//! - `salt = dk("ionet zktf v1 job salt", seed || s u8 || index u64)`.
//!
//! `s` is the [`Side`]. A leaf is a row of A, a column of B, or up to 128 int32 of a row of C, the last leaf of a row
//! filled up with zeros. Leaves are counted from 0, those of C row by row, and their number is filled up to a power of
//! two with `BLAKE3_keyed(key(s), "")`, which is no leaf, because leaves have 33 bytes or more. The depth follows from
//! the dimensions and nodes have their own key, so that no node can pass as a leaf.
//!
//! `context` is 32 random bytes that the requester puts into the job. The number of the job would do as well, but it is
//! not known when the requester computes its roots. Salts hide rows that can be guessed; they come from a seed, so that
//! one secret of 32 bytes opens everything. Requester and worker may use the same one, which the requester then sends
//! along with the matrices: sides have different salts.
//!
//! # Limits
//! A worker that does not hand out what its root commits to cannot be refuted this way, because nobody can open the
//! root. Jobs have to pay for data that arrived, not for roots.

#[cfg(feature = "prover")]
mod build;
#[cfg(feature = "prover")]
mod freivalds;
mod tree;

use core::fmt;

use crate::{
	params::{MAX_K, MAX_SIDE, SEG},
	Hash,
};

#[cfg(feature = "prover")]
pub use build::{build_dispute, root_columns, root_product, root_rows, BuildError};
#[cfg(feature = "prover")]
pub use freivalds::find_wrong_entry;

/// Bytes of a leaf of C without its salt.
const ENTRIES_BYTES: usize = 4 * SEG as usize;

/// Which matrix a tree commits to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
	/// Rows of the left matrix.
	Left,
	/// Columns of the right matrix.
	Right,
	/// Entries of the product.
	Product,
}

impl Side {
	/// The byte that stands for it in keys and salts.
	fn label(self) -> u8 {
		match self {
			Side::Left => 0,
			Side::Right => 1,
			Side::Product => 2,
		}
	}
}

/// Why a dispute is refused, or cannot be started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FraudError {
	/// A dimension is 0 or above 65,536.
	BadShape,
	/// The proof is not exactly as long as the dimensions say.
	BadLength,
	/// The entry is outside of the matrix.
	BadEntry,
	/// The proof is about another product than the claimed one.
	OtherProduct,
	/// What is shown is not what a root commits to.
	BadPath(Side),
	/// The entry is what it should be.
	EntryIsRight,
}

impl fmt::Display for FraudError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			FraudError::BadShape => f.write_str("a dimension is 0 or above 65,536"),
			FraudError::BadLength => f.write_str("the proof has a wrong length"),
			FraudError::BadEntry => f.write_str("there is no such entry"),
			FraudError::OtherProduct => f.write_str("the proof is about another product"),
			FraudError::BadPath(side) => write!(f, "the root does not contain this: {side:?}"),
			FraudError::EntryIsRight => f.write_str("the entry is right"),
		}
	}
}

impl core::error::Error for FraudError {}

/// Dimensions of a product: A has `m` rows and `k` columns, B has `k` rows and `n` columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
	m: u32,
	k: u32,
	n: u32,
}

impl Shape {
	/// Checks and takes dimensions, each 1 to 65,536. Sums of `k` products of int8 are then at most 2^30.
	pub fn new(m: u32, k: u32, n: u32) -> Result<Self, FraudError> {
		let side = 1..=MAX_SIDE;
		if side.contains(&m) && side.contains(&n) && (1..=MAX_K).contains(&k) {
			Ok(Self { m, k, n })
		} else {
			Err(FraudError::BadShape)
		}
	}

	/// Rows of A and C.
	pub fn m(&self) -> u32 {
		self.m
	}

	/// Columns of A, rows of B.
	pub fn k(&self) -> u32 {
		self.k
	}

	/// Columns of B and C.
	pub fn n(&self) -> u32 {
		self.n
	}

	/// Leaves of one row of C.
	fn leaves_per_row(&self) -> u32 {
		self.n.div_ceil(SEG)
	}

	/// Leaves of a tree, without those that fill it up.
	fn leaves(&self, side: Side) -> u64 {
		match side {
			Side::Left => self.m.into(),
			Side::Right => self.n.into(),
			Side::Product => u64::from(self.m) * u64::from(self.leaves_per_row()),
		}
	}

	/// Levels of a tree above its leaves: at most 16 for the factors, 25 for the product.
	fn depth(&self, side: Side) -> u32 {
		self.leaves(side).next_power_of_two().trailing_zeros()
	}

	/// Bytes of a leaf without its salt.
	fn leaf_len(&self, side: Side) -> usize {
		match side {
			Side::Left | Side::Right => self.k as usize,
			Side::Product => ENTRIES_BYTES,
		}
	}

	/// Bytes of an opened leaf: `salt || bytes || siblings`.
	fn opening_len(&self, side: Side) -> usize {
		32 + self.leaf_len(side) + 32 * self.depth(side) as usize
	}

	/// Bytes of a dispute: at most 133,544.
	pub fn dispute_len(&self) -> usize {
		let sides = [Side::Left, Side::Right, Side::Product];
		40 + sides.into_iter().map(|side| self.opening_len(side)).sum::<usize>()
	}
}

/// What is claimed: this is the product of these two matrices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statement {
	/// Random bytes of the requester, which bind all roots to one job.
	pub context: Hash,
	/// Dimensions.
	pub shape: Shape,
	/// Root over the rows of A.
	pub left: Hash,
	/// Root over the columns of B.
	pub right: Hash,
	/// Root over the entries of C.
	pub product: Hash,
}

/// One opened leaf.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opening<'a> {
	/// Hides what can be guessed.
	pub salt: &'a [u8; 32],
	/// The row, the column or the entries.
	pub data: &'a [u8],
	/// Siblings from the leaf to the root, without both.
	pub path: &'a [[u8; 32]],
}

/// The proof that one entry is wrong, not yet verified: see [`verify_dispute`].
///
/// Its bytes: `row u32 || column u32 || root of C || left || right || product`, the latter three being
/// `salt || bytes || siblings`. Every length follows from the dimensions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dispute<'a> {
	/// Row of the entry.
	pub row: u32,
	/// Column of the entry.
	pub column: u32,
	/// Root of the product that is disputed. Whoever has only a hash of the claimed root compares this one with it,
	/// before it becomes part of the [`Statement`].
	pub product_root: Hash,
	/// The row of A.
	pub left: Opening<'a>,
	/// The column of B.
	pub right: Opening<'a>,
	/// The entries of C around the disputed one.
	pub product: Opening<'a>,
}

impl<'a> Dispute<'a> {
	/// Reads a proof. Copies nothing and hashes nothing.
	pub fn parse(shape: &Shape, bytes: &'a [u8]) -> Result<Self, FraudError> {
		if bytes.len() != shape.dispute_len() {
			return Err(FraudError::BadLength);
		}
		let mut reader = Reader(bytes);
		Ok(Self {
			row: u32::from_le_bytes(*reader.array()?),
			column: u32::from_le_bytes(*reader.array()?),
			product_root: *reader.array()?,
			left: reader.opening(shape, Side::Left)?,
			right: reader.opening(shape, Side::Right)?,
			product: reader.opening(shape, Side::Product)?,
		})
	}
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
	fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], FraudError> {
		let (head, rest) = self.0.split_first_chunk().ok_or(FraudError::BadLength)?;
		self.0 = rest;
		Ok(head)
	}

	fn slice(&mut self, len: usize) -> Result<&'a [u8], FraudError> {
		let (head, rest) = self.0.split_at_checked(len).ok_or(FraudError::BadLength)?;
		self.0 = rest;
		Ok(head)
	}

	fn opening(&mut self, shape: &Shape, side: Side) -> Result<Opening<'a>, FraudError> {
		Ok(Opening {
			salt: self.array()?,
			data: self.slice(shape.leaf_len(side))?,
			path: self.slice(32 * shape.depth(side) as usize)?.as_chunks().0,
		})
	}
}

/// Verifies that the product is *wrong*: `Ok` means that entry (`dispute.row`, `dispute.column`) of the claimed C is
/// not what the committed A and B give.
///
/// # Errors
/// One for each rule of [`FraudError`]; with any of them nothing is said about the product, except that with
/// [`FraudError::EntryIsRight`] this entry is right.
///
/// # Cost
/// Hashes at most 134 kB, and adds up at most 65,536 products. No allocation.
pub fn verify_dispute(statement: &Statement, dispute: &Dispute<'_>) -> Result<(), FraudError> {
	let Statement { context, shape, left, right, product } = statement;
	if dispute.row >= shape.m || dispute.column >= shape.n {
		return Err(FraudError::BadEntry);
	}
	if dispute.product_root != *product {
		return Err(FraudError::OtherProduct);
	}
	let row = u64::from(dispute.row);
	let segment = row * u64::from(shape.leaves_per_row()) + u64::from(dispute.column / SEG);
	// The cheapest first.
	for (side, opening, index, root) in [
		(Side::Product, &dispute.product, segment, product),
		(Side::Left, &dispute.left, row, left),
		(Side::Right, &dispute.right, dispute.column.into(), right),
	] {
		if opening.data.len() != shape.leaf_len(side)
			|| opening.path.len() != shape.depth(side) as usize
		{
			return Err(FraudError::BadLength);
		}
		if tree::Keys::new(context, side).root_of(opening, index) != *root {
			return Err(FraudError::BadPath(side));
		}
	}
	let claimed = dispute
		.product
		.data
		.as_chunks()
		.0
		.get((dispute.column % SEG) as usize)
		.map(|entry| i32::from_le_bytes(*entry))
		.ok_or(FraudError::BadLength)?;
	if claimed == dot(dispute.left.data, dispute.right.data) {
		return Err(FraudError::EntryIsRight);
	}
	Ok(())
}

/// Sum of products of int8, exact for up to 2^16 of them.
fn dot(row: &[u8], column: &[u8]) -> i32 {
	row.iter()
		.zip(column)
		.map(|(a, b)| i32::from(a.cast_signed()) * i32::from(b.cast_signed()))
		.sum()
}
