//! Trees of salted leaves.

use super::{Opening, Side};
use crate::Hash;

/// Keys of one tree.
pub(super) struct Keys {
	leaf: Hash,
	node: Hash,
}

impl Keys {
	pub(super) fn new(context: &Hash, side: Side) -> Self {
		let derive = |name: &str| {
			*blake3::Hasher::new_derive_key(name)
				.update(context)
				.update(&[side.label()])
				.finalize()
				.as_bytes()
		};
		Self { leaf: derive("ionet zktf v1 job leaf"), node: derive("ionet zktf v1 job node") }
	}

	/// Hash of a leaf.
	pub(super) fn leaf(&self, salt: &Hash, data: &[u8]) -> Hash {
		*blake3::Hasher::new_keyed(&self.leaf).update(salt).update(data).finalize().as_bytes()
	}

	/// What stands where there is no leaf.
	#[cfg(feature = "prover")]
	pub(super) fn filler(&self) -> Hash {
		*blake3::keyed_hash(&self.leaf, &[]).as_bytes()
	}

	/// Hash of two hashes.
	pub(super) fn node(&self, left: &Hash, right: &Hash) -> Hash {
		*blake3::Hasher::new_keyed(&self.node).update(left).update(right).finalize().as_bytes()
	}

	/// The root of the tree that has this leaf at `index`.
	pub(super) fn root_of(&self, opening: &Opening<'_>, index: u64) -> Hash {
		let leaf = self.leaf(opening.salt, opening.data);
		let (root, _) = opening.path.iter().fold((leaf, index), |(hash, at), sibling| {
			let node = match at & 1 {
				0 => self.node(&hash, sibling),
				_ => self.node(sibling, &hash),
			};
			(node, at >> 1)
		});
		root
	}
}
