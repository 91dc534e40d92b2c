//! The rounds of one device in one window.

use alloc::{collections::BTreeMap, vec, vec::Vec};
use codec::{Decode, Encode, Input};
use core::fmt;

use crate::{
	params::{LEAF_BYTES, MAX_ROUNDS},
	reveal::{verify_reveal, RevealError, Statement},
	transcript,
	tree::TreeHasher,
	Hash, Params,
};

use super::MatMul;

/// The rounds of one device in one window: what must be kept until its audit.
///
/// That is the root of each lane of each round, 32 bytes each and at most 4 MiB: with them an audit recomputes only the
/// lanes that it opens, not their whole rounds. SCALE: `params || seed || roots of lanes`, all else follows from these.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chain {
	params: Params,
	seed: Hash,
	/// The state after the last round.
	state: Hash,
	roots: Vec<Hash>,
	/// Round by round, lane by lane.
	lane_roots: Vec<Hash>,
}

/// Why a chain does not go on or is not opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChainError<E> {
	/// It has 128 rounds already.
	Full,
	/// The audit is of another chain.
	OtherChain,
	/// The device gave up. The chain is as it was.
	Device(E),
	/// The device answered with another number of lanes or openings than was asked for.
	WrongAnswer,
	/// The device does not find again what it found before: one of both is wrong. To be tried again, if need be on
	/// another device.
	Contradiction {
		/// The round.
		round: u32,
		/// The lane.
		lane: u32,
	},
	/// The reveal would be refused, for a reason that the chain cannot repair.
	Refused(RevealError),
}

impl<E: fmt::Display> fmt::Display for ChainError<E> {
	fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
		match self {
			Self::Full => write!(f, "the chain has {MAX_ROUNDS} rounds already"),
			Self::OtherChain => write!(f, "the audit is of another chain"),
			Self::Device(error) => write!(f, "the device gave up: {error}"),
			Self::WrongAnswer => {
				write!(f, "the device gave another number of results than asked for")
			},
			Self::Contradiction { round, lane } => {
				write!(f, "the device does not find round {round}, lane {lane} as it was before")
			},
			Self::Refused(error) => write!(f, "the reveal would be refused: {error}"),
		}
	}
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for ChainError<E> {}

impl Chain {
	/// A chain without rounds that starts from `seed`, see [`transcript::device_seed`].
	pub fn new(params: Params, seed: Hash) -> Self {
		Self { params, seed, state: seed, roots: Vec::new(), lane_roots: Vec::new() }
	}

	/// Does one round: all its lanes on `device`.
	///
	/// # Errors
	/// [`ChainError::Full`], [`ChainError::Device`] or [`ChainError::WrongAnswer`]; the chain is then as it was, and the
	/// round may be tried again.
	pub fn round<M: MatMul>(&mut self, device: &mut M) -> Result<(), ChainError<M::Error>> {
		if self.rounds() >= MAX_ROUNDS {
			return Err(ChainError::Full);
		}
		let lanes = device.lane_roots(&self.params, &self.state).map_err(ChainError::Device)?;
		self.append(&lanes).ok_or(ChainError::WrongAnswer)
	}

	/// Takes the roots of the lanes of one round; `None`, and nothing changed, if there are not as many as lanes.
	fn append(&mut self, lanes: &[Hash]) -> Option<()> {
		if lanes.len() != self.params.lanes() as usize {
			return None;
		}
		let root = TreeHasher::new(&self.state).root(lanes.iter().copied())?;
		self.state = transcript::next_state(&self.state, &root, self.rounds());
		self.roots.push(root);
		self.lane_roots.extend_from_slice(lanes);
		Some(())
	}

	/// Dimensions of a round.
	pub fn params(&self) -> &Params {
		&self.params
	}

	/// The first state.
	pub fn seed(&self) -> &Hash {
		&self.seed
	}

	/// The state from which the next round starts.
	pub fn state(&self) -> &Hash {
		&self.state
	}

	/// The root of each round.
	pub fn roots(&self) -> &[Hash] {
		&self.roots
	}

	/// Rounds that are done.
	pub fn rounds(&self) -> u32 {
		// At most 128.
		self.roots.len() as u32
	}

	/// int8 operations of these rounds, see [`Params::ops_per_round`].
	pub fn ops(&self) -> u128 {
		self.params.ops_per_round() * u128::from(self.rounds())
	}

	/// Commitment to the rounds that are done. A chain without rounds has one too, but no verifier takes it.
	pub fn commitment(&self) -> Hash {
		transcript::commitment(&self.seed, &self.roots)
	}

	/// Answers an audit: recomputes the lanes that it opens, and only those, and checks the answer.
	///
	/// # Errors
	/// [`ChainError::OtherChain`] if `statement` is not of these rounds; [`ChainError::Refused`] if its openings are out
	/// of range or the reveal is wrong; what the device does wrong.
	pub fn reveal<M: MatMul>(
		&self,
		device: &mut M,
		statement: &Statement,
	) -> Result<Vec<u8>, ChainError<M::Error>> {
		if (statement.seed, statement.params) != (self.seed, self.params)
			|| (statement.rounds, statement.commitment) != (self.rounds(), self.commitment())
		{
			return Err(ChainError::OtherChain);
		}
		statement.check().map_err(ChainError::Refused)?;

		let mut openings_of = BTreeMap::<(u32, u32), Vec<(usize, u64)>>::new();
		for (opening, position) in statement.positions().enumerate() {
			let leaf = position.leaf(&self.params) % self.params.leaves_per_lane();
			openings_of.entry((position.round, position.lane)).or_default().push((opening, leaf));
		}

		let mut leaves = vec![[0; LEAF_BYTES]; statement.openings as usize];
		let mut paths = vec![Vec::new(); statement.openings as usize];
		let mut state = self.seed;
		let lanes_of = self.lane_roots.chunks_exact(self.params.lanes() as usize);
		for ((round, root), lane_roots) in (0..).zip(&self.roots).zip(lanes_of) {
			let hasher = TreeHasher::new(&state);
			for ((_, lane), asked) in openings_of.range((round, 0)..=(round, u32::MAX)) {
				let indices: Vec<u64> = asked.iter().map(|(_, leaf)| *leaf).collect();
				let opened = device
					.open_lane(&self.params, &state, *lane, &indices)
					.map_err(ChainError::Device)?;
				if opened.len() != asked.len() {
					return Err(ChainError::WrongAnswer);
				}
				let above = hasher
					.paths(lane_roots.to_vec(), &[u64::from(*lane)])
					.and_then(|mut paths| paths.pop())
					.unwrap_or_default();
				for ((opening, leaf), opened) in asked.iter().zip(opened) {
					let found =
						hasher.root_of_path(hasher.leaf(&opened.leaf), *leaf, &opened.siblings);
					if found != lane_roots[*lane as usize] {
						return Err(ChainError::Contradiction { round, lane: *lane });
					}
					leaves[*opening] = opened.leaf;
					paths[*opening] = opened.siblings;
					paths[*opening].extend_from_slice(&above);
				}
			}
			state = transcript::next_state(&state, root, round);
		}

		let reveal = assemble(&self.roots, &leaves, &paths);
		verify_reveal(statement, &reveal).map_err(ChainError::Refused)?;
		Ok(reveal)
	}
}

/// The bytes of a reveal, see [`crate::reveal`].
pub(super) fn assemble(
	roots: &[Hash],
	leaves: &[[u8; LEAF_BYTES]],
	paths: &[Vec<Hash>],
) -> Vec<u8> {
	let mut reveal = roots.as_flattened().to_vec();
	reveal.extend_from_slice(leaves.as_flattened());
	for path in paths {
		reveal.extend_from_slice(path.as_flattened());
	}
	reveal
}

impl Encode for Chain {
	fn encode(&self) -> Vec<u8> {
		(self.params, self.seed, &self.lane_roots).encode()
	}
}

impl Decode for Chain {
	fn decode<I: Input>(input: &mut I) -> Result<Self, codec::Error> {
		let (params, seed, lane_roots) = <(Params, Hash, Vec<Hash>)>::decode(input)?;
		let lanes = params.lanes() as usize;
		if lane_roots.len() > lanes * MAX_ROUNDS as usize {
			return Err("more than 128 rounds".into());
		}
		let mut chain = Self::new(params, seed);
		for round in lane_roots.chunks(lanes) {
			chain.append(round).ok_or("half a round")?;
		}
		Ok(chain)
	}
}
