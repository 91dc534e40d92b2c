//! The prover: runs the chain of products of a window, and answers its audit.

use alloc::vec::Vec;

use crate::{params::LEAF_BYTES, Hash, Params};

/// One leaf with its path inside of its lane, lowest sibling first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LaneOpening {
	/// Entries, 16 bits each, little-endian.
	pub leaf: [u8; LEAF_BYTES],
	/// Siblings up to, and without, the root of the lane.
	pub siblings: Vec<Hash>,
}

/// What multiplies matrices: a CPU with some instruction set, or a GPU.
///
/// Only [`Self::product`] has to be written. Devices that hash next to the product override the other two, which must
/// return the same bytes.
pub trait MatMul {
	/// Why a device gives up: out of memory, lost, cancelled.
	type Error;

	/// One product: A has a row stream for each row under `key_a`, B a stream for each column under `key_b`, see
	/// [`crate::stream`]. Writes C mod 2^16 row by row into `c`, which has `m * n` entries.
	fn product(
		&mut self,
		params: &Params,
		key_a: &Hash,
		key_b: &Hash,
		c: &mut [u16],
	) -> Result<(), Self::Error>;
}
