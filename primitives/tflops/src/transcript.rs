//! Everything that is derived: seeds, keys, commitments and challenges.
//!
//! Each function is BLAKE3 in its mode `derive_key` under a context string of its own, over fields of fixed length (the
//! one exception, [`commitment`], starts with the number of its roots). So no two of them ever hash the same input, and
//! no input of one can be read in two ways. Integers are little-endian.
//!
//! The order in which a proof comes to be: [`window_seed`] when a window opens, [`device_seed`] is the first state of a
//! device's chain, [`lane_keys`] and the keys of the tree come from the state of a round, [`next_state`] follows from the
//! root of that tree, [`commitment`] closes the chain. A few folds of the beacon later, [`challenge`] decides with
//! [`audited`] whether, and with [`positions`] where, the chain is opened.

use blake3::{Hasher, OutputReader};

use crate::{
	params::{Params, Position},
	Hash,
};

/// Context of [`window_seed`].
pub const WINDOW: &str = "ionet zktf v1 window";
/// Context of [`device_seed`].
pub const DEVICE: &str = "ionet zktf v1 device";
/// Context of the key of A, see [`lane_keys`].
pub const A: &str = "ionet zktf v1 A";
/// Context of the key of B, see [`lane_keys`].
pub const B: &str = "ionet zktf v1 B";
/// Context of [`leaf_key`].
pub const LEAF: &str = "ionet zktf v1 leaf";
/// Context of [`node_key`].
pub const NODE: &str = "ionet zktf v1 node";
/// Context of [`next_state`].
pub const CHAIN: &str = "ionet zktf v1 chain";
/// Context of [`commitment`].
pub const COMMIT: &str = "ionet zktf v1 commit";
/// Context of [`challenge`].
pub const CHALLENGE: &str = "ionet zktf v1 chal";
/// Context of [`positions`].
pub const INDEX: &str = "ionet zktf v1 index";
/// Context of [`fold`].
pub const BEACON: &str = "ionet zktf v1 acc";
/// Context of [`audited`].
pub const AUDIT: &str = "ionet zktf v1 audit";

/// The rate at which [`audited`] always says yes.
pub const PARTS_PER_MILLION: u32 = 1_000_000;

fn derive(context: &str, fields: &[&[u8]]) -> Hash {
	let mut hasher = Hasher::new_derive_key(context);
	for field in fields {
		hasher.update(field);
	}
	hasher.finalize().into()
}

/// What all devices of a window start from, known to nobody before `acc` is:
/// `genesis || para_id u32 || window_id u64 || acc || relay_number u32`.
pub fn window_seed(
	genesis: &Hash,
	para_id: u32,
	window_id: u64,
	acc: &Hash,
	relay_number: u32,
) -> Hash {
	derive(
		WINDOW,
		&[
			genesis,
			&para_id.to_le_bytes(),
			&window_id.to_le_bytes(),
			acc,
			&relay_number.to_le_bytes(),
		],
	)
}

/// First state `s_0` of one device's chain: `window_seed || worker || device u16 || class u8 || params`, see
/// [`Params::to_bytes`]. It differs between any two devices, so that no result is of use to another one.
pub fn device_seed(
	window_seed: &Hash,
	worker: &Hash,
	device: u16,
	class: u8,
	params: &Params,
) -> Hash {
	derive(DEVICE, &[window_seed, worker, &device.to_le_bytes(), &[class], &params.to_bytes()])
}

/// Keys of A and B of one lane, in this order: `state || lane u32`. See [`crate::stream`] for what they generate.
pub fn lane_keys(state: &Hash, lane: u32) -> (Hash, Hash) {
	let lane = lane.to_le_bytes();
	(derive(A, &[state, &lane]), derive(B, &[state, &lane]))
}

/// Key under which the leaves of a round are hashed: of its `state`.
pub fn leaf_key(state: &Hash) -> Hash {
	derive(LEAF, &[state])
}

/// Key under which the inner nodes of a round are hashed: of its `state`.
pub fn node_key(state: &Hash) -> Hash {
	derive(NODE, &[state])
}

/// State `s_{t+1}` after round t: `state || root || round u32`.
pub fn next_state(state: &Hash, root: &Hash, round: u32) -> Hash {
	derive(CHAIN, &[state, root, &round.to_le_bytes()])
}

/// What binds a device to all its rounds: `s_0 || number of roots u32 || roots`.
pub fn commitment(seed: &Hash, roots: &[Hash]) -> Hash {
	// No chain has more than 128 rounds; the cast is there for the length of any slice.
	let rounds = roots.len() as u32;
	derive(COMMIT, &[seed, &rounds.to_le_bytes(), roots.as_flattened()])
}

/// What an audit asks for: `commitment || worker || window_id u64 || acc`, with the beacon as it is four folds after
/// the commitment. The worker's key is part of it, so a copied commitment is asked other questions.
pub fn challenge(commitment: &Hash, worker: &Hash, window_id: u64, audit_acc: &Hash) -> Hash {
	derive(CHALLENGE, &[commitment, worker, &window_id.to_le_bytes(), audit_acc])
}

/// The next value of the beacon: `acc || relay_number u32 || vrf`, where `vrf` is the relay chain's randomness of that
/// block. To be called once for each relay parent that has one.
pub fn fold(acc: &Hash, relay_number: u32, vrf: &Hash) -> Hash {
	derive(BEACON, &[acc, &relay_number.to_le_bytes(), vrf])
}

/// Whether the device that got `challenge` has to open its chain: the first 8 bytes of the derived value, read as a
/// fraction of 2^64, are below `rate`, in parts per million. 0 is never, 1,000,000 and more is always.
pub fn audited(challenge: &Hash, rate: u32) -> bool {
	let mut draw = [0; 8];
	Hasher::new_derive_key(AUDIT).update(challenge).finalize_xof().fill(&mut draw);
	let scaled = (u128::from(u64::from_le_bytes(draw)) * u128::from(PARTS_PER_MILLION)) >> 64;
	scaled < u128::from(rate)
}

/// Where the chain is opened: an endless sequence, of which an audit takes its number of openings.
///
/// The value derived from `challenge` is the key of an XOF: BLAKE3's extended output of it, 16 bytes for each position
/// read as an integer v: `round = v mod rounds`, then successive quotients modulo lanes, rows and columns. The bias of
/// `mod rounds` is below 2^-80. Positions may repeat. Zero rounds are taken for one.
pub fn positions(challenge: &Hash, params: &Params, rounds: u32) -> Positions {
	let output = Hasher::new_derive_key(INDEX).update(challenge).finalize_xof();
	Positions { output, params: *params, rounds: rounds.max(1) }
}

/// See [`positions`].
#[derive(Clone, Debug)]
pub struct Positions {
	output: OutputReader,
	params: Params,
	rounds: u32,
}

impl Iterator for Positions {
	type Item = Position;

	fn next(&mut self) -> Option<Position> {
		let mut bytes = [0; 16];
		self.output.fill(&mut bytes);
		let mut value = u128::from_le_bytes(bytes);
		let mut take = |modulus: u32| {
			let digit = value % u128::from(modulus);
			value /= u128::from(modulus);
			// Less than the modulus, which is a `u32`.
			digit as u32
		};
		Some(Position {
			round: take(self.rounds),
			lane: take(self.params.lanes()),
			row: take(self.params.m()),
			column: take(self.params.n()),
		})
	}
}
