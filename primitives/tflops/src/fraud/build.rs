//! Roots and disputes, for who has the matrices.

use alloc::vec::Vec;
use core::{fmt, ops::Range};

use super::{tree::Keys, FraudError, Shape, Side, ENTRIES_BYTES};
use crate::{params::SEG, Hash};

/// Why there is no root or no dispute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BuildError {
	/// A matrix has not as many entries as its dimensions say.
	BadMatrix(Side),
	/// There is no such entry.
	BadEntry,
}

impl fmt::Display for BuildError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			BuildError::BadMatrix(side) => write!(f, "a matrix has a wrong size: {side:?}"),
			BuildError::BadEntry => FraudError::BadEntry.fmt(f),
		}
	}
}

impl core::error::Error for BuildError {}

/// Root over the rows of A, which is given row by row. `seed` is secret.
pub fn root_rows(shape: &Shape, context: &Hash, seed: &Hash, a: &[i8]) -> Result<Hash, BuildError> {
	Ok(Leaves::rows(shape, a)?.root(context, seed))
}

/// Root over the columns of B, which is given row by row. `seed` is secret.
pub fn root_columns(
	shape: &Shape,
	context: &Hash,
	seed: &Hash,
	b: &[i8],
) -> Result<Hash, BuildError> {
	Ok(Leaves::columns(shape, b)?.root(context, seed))
}

/// Root over the entries of C, which is given row by row. `seed` is secret.
pub fn root_product(
	shape: &Shape,
	context: &Hash,
	seed: &Hash,
	c: &[i32],
) -> Result<Hash, BuildError> {
	Ok(Leaves::product(shape, c)?.root(context, seed))
}

/// The bytes of a [`super::Dispute`] over the entry in row and column `entry`. `seeds` are those with which the roots
/// over the factors and over the product were made. Whether the entry is wrong is not looked at.
pub fn build_dispute(
	shape: &Shape,
	context: &Hash,
	seeds: (&Hash, &Hash),
	matrices: (&[i8], &[i8], &[i32]),
	entry: (u32, u32),
) -> Result<Vec<u8>, BuildError> {
	let ((factors, product), (a, b, c), (row, column)) = (seeds, matrices, entry);
	if row >= shape.m() || column >= shape.n() {
		return Err(BuildError::BadEntry);
	}
	let at = u64::from(row);
	let segment = at * u64::from(shape.leaves_per_row()) + u64::from(column / SEG);
	let left = Leaves::rows(shape, a)?.open(context, factors, at);
	let right = Leaves::columns(shape, b)?.open(context, factors, column.into());
	let entries = Leaves::product(shape, c)?.open(context, product, segment);

	let mut bytes = Vec::with_capacity(shape.dispute_len());
	bytes.extend(row.to_le_bytes());
	bytes.extend(column.to_le_bytes());
	bytes.extend(entries.root);
	for opened in [left, right, entries] {
		bytes.extend(opened.salt);
		bytes.extend(opened.data);
		bytes.extend(opened.path.as_flattened());
	}
	Ok(bytes)
}

/// The salt of a leaf.
fn salt(seed: &Hash, side: Side, index: u64) -> Hash {
	*blake3::Hasher::new_derive_key("ionet zktf v1 job salt")
		.update(seed)
		.update(&[side.label()])
		.update(&index.to_le_bytes())
		.finalize()
		.as_bytes()
}

/// A matrix as a list of leaves.
enum Leaves<'a> {
	Rows(Shape, &'a [i8]),
	Columns(Shape, &'a [i8]),
	Product(Shape, &'a [i32]),
}

/// An opened leaf with the root it leads to.
struct Opened {
	root: Hash,
	salt: Hash,
	data: Vec<u8>,
	path: Vec<Hash>,
}

impl<'a> Leaves<'a> {
	fn rows(shape: &Shape, a: &'a [i8]) -> Result<Self, BuildError> {
		check(a.len(), shape.m(), shape.k(), Side::Left)?;
		Ok(Leaves::Rows(*shape, a))
	}

	fn columns(shape: &Shape, b: &'a [i8]) -> Result<Self, BuildError> {
		check(b.len(), shape.k(), shape.n(), Side::Right)?;
		Ok(Leaves::Columns(*shape, b))
	}

	fn product(shape: &Shape, c: &'a [i32]) -> Result<Self, BuildError> {
		check(c.len(), shape.m(), shape.n(), Side::Product)?;
		Ok(Leaves::Product(*shape, c))
	}

	fn side(&self) -> Side {
		match self {
			Leaves::Rows(..) => Side::Left,
			Leaves::Columns(..) => Side::Right,
			Leaves::Product(..) => Side::Product,
		}
	}

	fn shape(&self) -> &Shape {
		match self {
			Leaves::Rows(shape, _) | Leaves::Columns(shape, _) | Leaves::Product(shape, _) => shape,
		}
	}

	/// Writes the bytes of leaf `index`, which exists, into `data`.
	fn write(&self, index: u64, data: &mut Vec<u8>) {
		data.clear();
		let index = index as usize;
		match self {
			Leaves::Rows(shape, a) => {
				let k = shape.k() as usize;
				data.extend(a[index * k..][..k].iter().map(|entry| entry.cast_unsigned()));
			},
			Leaves::Columns(shape, b) => {
				let n = shape.n() as usize;
				data.extend(b[index..].iter().step_by(n).map(|entry| entry.cast_unsigned()));
			},
			Leaves::Product(shape, c) => {
				let (n, per_row) = (shape.n() as usize, shape.leaves_per_row() as usize);
				let (row, first) = (index / per_row, index % per_row * SEG as usize);
				let last = n.min(first + SEG as usize);
				data.extend(c[row * n..][first..last].iter().flat_map(|entry| entry.to_le_bytes()));
				data.resize(ENTRIES_BYTES, 0);
			},
		}
	}

	fn root(&self, context: &Hash, seed: &Hash) -> Hash {
		self.fold(context, seed, None).0
	}

	fn open(&self, context: &Hash, seed: &Hash, index: u64) -> Opened {
		let (root, path) = self.fold(context, seed, Some(index));
		let mut data = Vec::new();
		self.write(index, &mut data);
		Opened { root, salt: salt(seed, self.side(), index), data, path }
	}

	/// The root, and the siblings on the way to it from the leaf `open`. Remembers one hash for each level.
	fn fold(&self, context: &Hash, seed: &Hash, open: Option<u64>) -> (Hash, Vec<Hash>) {
		let (side, shape) = (self.side(), self.shape());
		let keys = Keys::new(context, side);
		let depth = shape.depth(side);
		let mut data = Vec::with_capacity(shape.leaf_len(side));
		let mut path = Vec::new();
		// Left siblings that wait for their right ones, highest first.
		let mut waiting = Vec::with_capacity(depth as usize);
		let filler = keys.filler();
		let mut root = filler;
		for index in 0..1u64 << depth {
			root = if index < shape.leaves(side) {
				self.write(index, &mut data);
				keys.leaf(&salt(seed, side, index), &data)
			} else {
				filler
			};
			// `covered` are the leaves below `root`.
			let mut covered: Range<u64> = index..index + 1;
			while covered.start & (covered.end - covered.start) != 0 {
				let Some(left) = waiting.pop() else { break };
				let size = covered.end - covered.start;
				let both = covered.start - size..covered.end;
				if let Some(opened) = open.filter(|opened| both.contains(opened)) {
					path.push(if covered.contains(&opened) { left } else { root });
				}
				root = keys.node(&left, &root);
				covered = both;
			}
			waiting.push(root);
		}
		(root, path)
	}
}

/// Is a matrix as large as its dimensions say?
pub(super) fn check(len: usize, rows: u32, columns: u32, side: Side) -> Result<(), BuildError> {
	if len as u64 == u64::from(rows) * u64::from(columns) {
		Ok(())
	} else {
		Err(BuildError::BadMatrix(side))
	}
}
