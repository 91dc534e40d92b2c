//! A window of toy dimensions, honest and dishonest devices in it.
#![allow(clippy::unwrap_used, dead_code, missing_docs, reason = "no test uses all of it")]

use core::convert::Infallible;

use io_tflops::{
	params::{Position, LEAF_BYTES},
	prover::{MatMul, Scalar},
	transcript::{self, challenge, lane_keys},
	tree::{leaf_bytes, TreeHasher},
	Hash, Params, Statement,
};

pub(crate) const GENESIS: Hash = [0x11; 32];
pub(crate) const PARA: u32 = 2_000;
pub(crate) const WORKER: Hash = [0x33; 32];
pub(crate) const WINDOW: u64 = 7;

/// 8 lanes of 16 leaves; in 4 rounds that makes 512 leaves and 65,536 entries.
pub(crate) fn params() -> Params {
	Params::new(0, 16, 128, 8, 8).unwrap()
}

pub(crate) fn window_seed(window: u64) -> Hash {
	transcript::window_seed(&GENESIS, PARA, window, &[0x22; 32], 1_000)
}

pub(crate) fn seed() -> Hash {
	transcript::device_seed(&window_seed(WINDOW), &WORKER, 0, 0, &params())
}

/// The beacon at the audit, one of many.
pub(crate) fn acc(number: u64) -> Hash {
	*blake3::hash(&number.to_le_bytes()).as_bytes()
}

/// Changes what another device computes: the entries of the product under a key of A, row by row.
pub(crate) struct Tampered<F>(pub(crate) F);

impl<F: FnMut(&Hash, &mut [u16])> MatMul for Tampered<F> {
	type Error = Infallible;

	fn product(
		&mut self,
		params: &Params,
		key_a: &Hash,
		key_b: &Hash,
		c: &mut [u16],
	) -> Result<(), Infallible> {
		Scalar.product(params, key_a, key_b, c)?;
		(self.0)(key_a, c);
		Ok(())
	}
}

/// The trees of a whole chain with all their levels, built without `Chain` and `TreeHasher::paths`: a prover that can
/// answer any audit at once.
pub(crate) struct Forest {
	pub(crate) params: Params,
	pub(crate) seed: Hash,
	pub(crate) states: Vec<Hash>,
	/// Of each round the leaves, and the levels from the leaves' hashes to the root.
	pub(crate) trees: Vec<(Vec<[u8; LEAF_BYTES]>, Vec<Vec<Hash>>)>,
}

impl Forest {
	/// Runs a chain in which `change(round, leaf index, bytes)` may change each leaf.
	pub(crate) fn grow(
		params: Params,
		seed: Hash,
		rounds: u32,
		mut change: impl FnMut(u32, u64, &mut [u8; LEAF_BYTES]),
	) -> Self {
		let mut forest = Self { params, seed, states: vec![seed], trees: Vec::new() };
		for round in 0..rounds {
			let state = forest.states[round as usize];
			let mut leaves = Vec::new();
			for lane in 0..params.lanes() {
				let (key_a, key_b) = lane_keys(&state, lane);
				let mut c = vec![0; (params.m() * params.n()) as usize];
				Scalar.product(&params, &key_a, &key_b, &mut c).unwrap();
				leaves.extend(c.chunks(128).map(|entries| leaf_bytes(entries.try_into().unwrap())));
			}
			for (index, leaf) in (0..).zip(&mut leaves) {
				change(round, index, leaf);
			}
			let levels = levels(&state, &leaves);
			forest.states.push(transcript::next_state(&state, &levels.last().unwrap()[0], round));
			forest.trees.push((leaves, levels));
		}
		forest
	}

	/// Changes one leaf of the last round, and what follows from it.
	pub(crate) fn change_last_round(&mut self, leaf: usize, bytes: [u8; LEAF_BYTES]) {
		let round = self.trees.len() - 1;
		let hasher = TreeHasher::new(&self.states[round]);
		let (leaves, levels) = &mut self.trees[round];
		leaves[leaf] = bytes;
		levels[0][leaf] = hasher.leaf(&bytes);
		for height in 1..levels.len() {
			let at = leaf >> height;
			levels[height][at] =
				hasher.node(&levels[height - 1][2 * at], &levels[height - 1][2 * at + 1]);
		}
		let root = levels.last().unwrap()[0];
		self.states[round + 1] = transcript::next_state(&self.states[round], &root, round as u32);
	}

	pub(crate) fn roots(&self) -> Vec<Hash> {
		self.trees.iter().map(|(_, levels)| levels.last().unwrap()[0]).collect()
	}

	pub(crate) fn commitment(&self) -> Hash {
		transcript::commitment(&self.seed, &self.roots())
	}

	/// The audit of this chain by the beacon `acc`.
	pub(crate) fn audit(&self, openings: u32, acc: &Hash) -> Statement {
		let commitment = self.commitment();
		Statement {
			seed: self.seed,
			params: self.params,
			rounds: self.trees.len() as u32,
			openings,
			commitment,
			challenge: challenge(&commitment, &WORKER, WINDOW, acc),
		}
	}

	/// The answer to an audit, right or wrong.
	pub(crate) fn reveal(&self, statement: &Statement) -> Vec<u8> {
		let mut bytes = self.roots().concat();
		for position in statement.positions() {
			let (leaves, _) = &self.trees[position.round as usize];
			bytes.extend(leaves[position.leaf(&self.params) as usize]);
		}
		for position in statement.positions() {
			let (_, levels) = &self.trees[position.round as usize];
			let leaf = position.leaf(&self.params) as usize;
			for (height, level) in levels[..levels.len() - 1].iter().enumerate() {
				bytes.extend(level[(leaf >> height) ^ 1]);
			}
		}
		bytes
	}
}

fn levels(state: &Hash, leaves: &[[u8; LEAF_BYTES]]) -> Vec<Vec<Hash>> {
	let hasher = TreeHasher::new(state);
	let mut levels = vec![leaves.iter().map(|leaf| hasher.leaf(leaf)).collect::<Vec<_>>()];
	while levels.last().unwrap().len() > 1 {
		let below = levels.last().unwrap();
		levels.push(below.chunks(2).map(|pair| hasher.node(&pair[0], &pair[1])).collect());
	}
	levels
}

/// Makes all entries of a leaf wrong.
pub(crate) fn spoil(leaf: &mut [u8; LEAF_BYTES]) {
	for entry in leaf.chunks_mut(2) {
		let wrong = u16::from_le_bytes([entry[0], entry[1]]).wrapping_add(1);
		entry.copy_from_slice(&wrong.to_le_bytes());
	}
}

/// An audit that opens exactly this entry.
pub(crate) fn audit_that_opens(forest: &Forest, openings: u32, wanted: Position) -> Statement {
	(0..)
		.map(|number| forest.audit(openings, &acc(number)))
		.find(|statement| statement.positions().any(|position| position == wanted))
		.unwrap()
}
