//! The verifier: is a chain, of which only a commitment is known, right at the positions of an audit?
//!
//! A reveal is `roots[R] || leaves[k] || siblings[k]`, with 32 bytes for each of R roots, 256 for each of k leaves, and
//! D * 32 for each path, lowest sibling first; D is [`Params::depth`]. Leaves and paths are those of the positions of the
//! challenge, in their order, each in full even where two share something. So there is one length and one encoding.
//!
//! What it proves, and what not: if a fraction d of all entries is wrong, a reveal passes with probability
//! `(1 - d (1 - 2^-16))^k`, up to 2^4 times that if somebody biases the beacon. This deters together with a penalty; it
//! does not show that every entry is right. Entries count modulo 2^16.

use core::fmt;

use crate::{
	params::{LEAF_BYTES, MAX_OPENINGS, MAX_ROUNDS, SEG},
	stream, transcript,
	transcript::Positions,
	tree::TreeHasher,
	Hash, Params,
};

/// What a reveal has to show. All of it is known to the chain before it reads the reveal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statement {
	/// First state of the chain, see [`transcript::device_seed`].
	pub seed: Hash,
	/// Dimensions of a round. They must be the ones in `seed`.
	pub params: Params,
	/// Rounds, 1 to 128.
	pub rounds: u32,
	/// Entries to open, 1 to 128.
	pub openings: u32,
	/// See [`transcript::commitment`].
	pub commitment: Hash,
	/// See [`transcript::challenge`].
	pub challenge: Hash,
}

impl Statement {
	/// Whether rounds and openings are in range.
	///
	/// # Errors
	/// [`RevealError::Rounds`] or [`RevealError::Openings`].
	pub fn check(&self) -> Result<(), RevealError> {
		if !(1..=MAX_ROUNDS).contains(&self.rounds) {
			return Err(RevealError::Rounds);
		}
		if !(1..=MAX_OPENINGS).contains(&self.openings) {
			return Err(RevealError::Openings);
		}
		Ok(())
	}

	/// Bytes of a reveal, see [`reveal_len`].
	pub fn reveal_len(&self) -> usize {
		reveal_len(&self.params, self.rounds, self.openings)
	}

	/// The positions to open, in their order.
	pub fn positions(&self) -> core::iter::Take<Positions> {
		transcript::positions(&self.challenge, &self.params, self.rounds)
			.take(self.openings as usize)
	}
}

/// Why a reveal is refused. From [`Self::Commitment`] on, whoever signed it has cheated or computed wrongly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RevealError {
	/// The statement has no rounds or more than 128.
	Rounds,
	/// The statement opens nothing or more than 128 entries.
	Openings,
	/// The reveal is too short or too long.
	Length,
	/// The roots are not those of the commitment.
	Commitment,
	/// A leaf is not in the tree of its round.
	Path {
		/// Which opening.
		opening: u32,
	},
	/// An entry is not the product of its row and column.
	Entry {
		/// Which opening.
		opening: u32,
	},
}

impl fmt::Display for RevealError {
	fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
		match self {
			Self::Rounds => write!(f, "rounds must be 1 to {MAX_ROUNDS}"),
			Self::Openings => write!(f, "openings must be 1 to {MAX_OPENINGS}"),
			Self::Length => write!(f, "the reveal is too short or too long"),
			Self::Commitment => write!(f, "the roots are not those of the commitment"),
			Self::Path { opening } => {
				write!(f, "opening {opening}: the leaf is not in the tree of its round")
			},
			Self::Entry { opening } => {
				write!(f, "opening {opening}: the entry is not the product of its row and column")
			},
		}
	}
}

impl core::error::Error for RevealError {}

/// Bytes of a reveal: at most 180 KiB for rounds and openings in range; for any others it saturates, so that no reveal
/// is that long.
pub fn reveal_len(params: &Params, rounds: u32, openings: u32) -> usize {
	let opening = LEAF_BYTES + 32 * params.depth() as usize;
	(openings as usize).saturating_mul(opening).saturating_add((rounds as usize).saturating_mul(32))
}

/// Checks a reveal: exact length, the commitment, and for each position the path of its leaf and the one entry.
///
/// Costs one hash for each root, and for each opening `depth + 8` short hashes and two streams of `k` bytes. Allocates
/// nothing, keeps 4 KiB of states on the stack, and never panics.
///
/// # Errors
/// One for each rule, see [`RevealError`]; the first one that is broken. A wrong length is found before any hashing.
pub fn verify_reveal(statement: &Statement, reveal: &[u8]) -> Result<(), RevealError> {
	statement.check()?;
	if reveal.len() != statement.reveal_len() {
		return Err(RevealError::Length);
	}
	let rounds = statement.rounds as usize;
	let openings = statement.openings as usize;
	let (roots, rest) = reveal.split_at(32 * rounds);
	let (leaves, siblings) = rest.split_at(LEAF_BYTES * openings);
	// The length is right, so nothing remains of any of the three.
	let (roots, _) = roots.as_chunks::<32>();
	let (leaves, _) = leaves.as_chunks::<LEAF_BYTES>();
	let (siblings, _) = siblings.as_chunks::<32>();

	if transcript::commitment(&statement.seed, roots) != statement.commitment {
		return Err(RevealError::Commitment);
	}

	let mut states = [statement.seed; MAX_ROUNDS as usize];
	for round in 1..rounds {
		states[round] =
			transcript::next_state(&states[round - 1], &roots[round - 1], round as u32 - 1);
	}

	let params = &statement.params;
	let depth = params.depth() as usize;
	for (at, (position, leaf)) in statement.positions().zip(leaves).enumerate() {
		let opening = at as u32;
		let state = &states[position.round as usize];
		let path = &siblings[depth * at..depth * (at + 1)];
		let hasher = TreeHasher::new(state);
		let root = hasher.root_of_path(hasher.leaf(leaf), position.leaf(params), path);
		if root != roots[position.round as usize] {
			return Err(RevealError::Path { opening });
		}

		let (key_a, key_b) = transcript::lane_keys(state, position.lane);
		let entry = stream::entry(&key_a, &key_b, position.row, position.column, params.k());
		let (entries, _) = leaf.as_chunks::<2>();
		// Arithmetic 0 commits to the low 16 bits.
		if u16::from_le_bytes(entries[(position.column % SEG) as usize]) != entry as u16 {
			return Err(RevealError::Entry { opening });
		}
	}
	Ok(())
}
