//! The hash tree of a round.
//!
//! Leaf `(lane * m + row) * (n / 128) + segment` holds the 128 entries `C[row][128 * segment ..]` of a lane, modulo 2^16,
//! little-endian. `leaf = BLAKE3_keyed(leaf_key, bytes)`, `node = BLAKE3_keyed(node_key, left || right)`. The keys come
//! from the state of the round and the depth is fixed by the dimensions, so that no node can stand for a leaf, nor the
//! tree of one round for another's. Each lane is a subtree.

use alloc::vec::Vec;

use crate::{
	params::{LEAF_BYTES, SEG},
	transcript, Hash,
};

/// Entries of a leaf as the hash takes them.
pub fn leaf_bytes(entries: &[u16; SEG as usize]) -> [u8; LEAF_BYTES] {
	let mut bytes = [0; LEAF_BYTES];
	for (pair, entry) in bytes.chunks_exact_mut(2).zip(entries) {
		pair.copy_from_slice(&entry.to_le_bytes());
	}
	bytes
}

/// Hashes leaves and nodes of the round that starts from one state.
#[derive(Clone, Debug)]
pub struct TreeHasher {
	leaf_key: Hash,
	node_key: Hash,
}

impl TreeHasher {
	/// Derives the keys of the round that starts from `state`.
	pub fn new(state: &Hash) -> Self {
		Self { leaf_key: transcript::leaf_key(state), node_key: transcript::node_key(state) }
	}

	/// Hash of a leaf.
	pub fn leaf(&self, bytes: &[u8; LEAF_BYTES]) -> Hash {
		blake3::keyed_hash(&self.leaf_key, bytes).into()
	}

	/// Hash of an inner node.
	pub fn node(&self, left: &Hash, right: &Hash) -> Hash {
		let mut pair = [0; 64];
		pair[..32].copy_from_slice(left);
		pair[32..].copy_from_slice(right);
		blake3::keyed_hash(&self.node_key, &pair).into()
	}

	/// The root that a leaf's hash and its siblings, lowest first, lead to. Bit b of `index` says on which side the leaf
	/// is at level b.
	pub fn root_of_path(&self, leaf: Hash, index: u64, siblings: &[Hash]) -> Hash {
		let mut index = index;
		let mut hash = leaf;
		for sibling in siblings {
			hash = match index & 1 {
				0 => self.node(&hash, sibling),
				_ => self.node(sibling, &hash),
			};
			index >>= 1;
		}
		hash
	}

	/// The root over hashes of one level, leaves or subtrees; `None` if they are no power of two.
	pub fn root(&self, hashes: impl IntoIterator<Item = Hash>) -> Option<Hash> {
		let mut builder = RootBuilder::new(self);
		hashes.into_iter().for_each(|hash| builder.push(hash));
		builder.finish()
	}

	/// The siblings of several hashes of one level, lowest first; `None` if the level is no power of two or an index lies
	/// beyond it. Works in the memory of the level.
	pub fn paths(&self, level: Vec<Hash>, indices: &[u64]) -> Option<Vec<Vec<Hash>>> {
		if !level.len().is_power_of_two()
			|| indices.iter().any(|index| *index >= level.len() as u64)
		{
			return None;
		}
		let mut level = level;
		let mut paths: Vec<Vec<Hash>> = indices.iter().map(|_| Vec::new()).collect();
		let mut height = 0;
		while level.len() > 1 {
			for (path, index) in paths.iter_mut().zip(indices) {
				// An index below the length of a `Vec` fits.
				path.push(level[(index >> height) as usize ^ 1]);
			}
			for at in 0..level.len() / 2 {
				level[at] = self.node(&level[2 * at], &level[2 * at + 1]);
			}
			level.truncate(level.len() / 2);
			height += 1;
		}
		Some(paths)
	}
}

/// Computes a root from hashes that come one after the other, and keeps one for each level only.
#[derive(Clone, Debug)]
pub struct RootBuilder<'a> {
	hasher: &'a TreeHasher,
	/// At level b the finished subtree of 2^b hashes that waits for its right neighbour, if bit b of `count` is set.
	waiting: [Hash; 64],
	count: u64,
}

impl<'a> RootBuilder<'a> {
	/// Without any hash yet.
	pub fn new(hasher: &'a TreeHasher) -> Self {
		Self { hasher, waiting: [[0; 32]; 64], count: 0 }
	}

	/// Takes the next hash.
	pub fn push(&mut self, hash: Hash) {
		let merged = self.count.trailing_ones() as usize;
		let hash =
			self.waiting[..merged].iter().fold(hash, |right, left| self.hasher.node(left, &right));
		self.waiting[merged] = hash;
		self.count += 1;
	}

	/// The root; `None` if the hashes were no power of two.
	pub fn finish(&self) -> Option<Hash> {
		self.count.is_power_of_two().then(|| self.waiting[self.count.trailing_zeros() as usize])
	}
}
