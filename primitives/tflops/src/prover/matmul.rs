//! What multiplies matrices.

use alloc::{vec, vec::Vec};

use crate::{
	params::{LEAF_BYTES, SEG},
	transcript::lane_keys,
	tree::{leaf_bytes, TreeHasher},
	Hash, Params,
};

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
/// Only [`Self::product`] has to be written. Devices that hash next to the product override the others, which must
/// return the same bytes.
pub trait MatMul {
	/// Why a device gives up: out of memory, lost, cancelled.
	type Error;

	/// One product: A has a row stream for each row under `key_a`, B a stream for each column under `key_b`, see
	/// [`crate::stream`]. Writes C mod 2^16 row by row into `c`, which has `m * n` entries.
	///
	/// # Errors
	/// The device gives up; `c` then holds anything.
	fn product(
		&mut self,
		params: &Params,
		key_a: &Hash,
		key_b: &Hash,
		c: &mut [u16],
	) -> Result<(), Self::Error>;

	/// Root of the subtree of one lane in the round that starts from `state`. Here it needs memory for all of C.
	///
	/// # Errors
	/// The device gives up.
	fn lane_root(&mut self, params: &Params, state: &Hash, lane: u32) -> Result<Hash, Self::Error> {
		let hasher = TreeHasher::new(state);
		let c = lane_product(self, params, state, lane)?;
		// The leaves of a lane are a power of two, so there is a root.
		Ok(hasher.root(leaf_hashes(&hasher, &c)).unwrap_or_default())
	}

	/// Roots of all lanes of the round that starts from `state`, in order. A device that can generate one lane while it
	/// multiplies the last overrides this one.
	///
	/// # Errors
	/// The device gives up.
	fn lane_roots(&mut self, params: &Params, state: &Hash) -> Result<Vec<Hash>, Self::Error> {
		(0..params.lanes()).map(|lane| self.lane_root(params, state, lane)).collect()
	}

	/// Leaves of one lane with their paths up to the lane's root. `leaves` are indices in the lane, from 0, below
	/// [`Params::leaves_per_lane`], in any order and possibly repeated; the openings come in the same order. No openings
	/// at all if an index lies beyond.
	///
	/// # Errors
	/// The device gives up.
	fn open_lane(
		&mut self,
		params: &Params,
		state: &Hash,
		lane: u32,
		leaves: &[u64],
	) -> Result<Vec<LaneOpening>, Self::Error> {
		let hasher = TreeHasher::new(state);
		let c = lane_product(self, params, state, lane)?;
		let (entries, _) = c.as_chunks();
		let paths = hasher.paths(leaf_hashes(&hasher, &c).collect(), leaves).unwrap_or_default();
		let open = |(leaf, siblings): (&u64, Vec<Hash>)| LaneOpening {
			// There is a path to it, hence it exists.
			leaf: leaf_bytes(&entries[*leaf as usize]),
			siblings,
		};
		Ok(leaves.iter().zip(paths).map(open).collect())
	}
}

fn lane_product<M: MatMul + ?Sized>(
	device: &mut M,
	params: &Params,
	state: &Hash,
	lane: u32,
) -> Result<Vec<u16>, M::Error> {
	let (key_a, key_b) = lane_keys(state, lane);
	let mut c = vec![0; params.m() as usize * params.n() as usize];
	device.product(params, &key_a, &key_b, &mut c)?;
	Ok(c)
}

fn leaf_hashes<'a>(hasher: &'a TreeHasher, c: &'a [u16]) -> impl Iterator<Item = Hash> + 'a {
	let (leaves, _) = c.as_chunks::<{ SEG as usize }>();
	leaves.iter().map(|entries| hasher.leaf(&leaf_bytes(entries)))
}
