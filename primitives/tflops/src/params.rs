//! Dimensions of a proof of computing power.

use codec::{Decode, Encode, Input, MaxEncodedLen};
use core::fmt;

/// Version of the protocol, part of every transcript.
pub const VERSION: u8 = 1;
/// Entries of C in one leaf.
pub const SEG: u32 = 128;
/// Bytes of a leaf: 128 entries, 16 bits each.
pub const LEAF_BYTES: usize = 2 * SEG as usize;
/// Most rounds of a chain.
pub const MAX_ROUNDS: u32 = 128;
/// Most products of one round.
pub const MAX_LANES: u32 = 1024;
/// Most columns of A: sums of products of int8 stay below 2^30.
pub const MAX_K: u32 = 65_536;
/// Most rows and columns of C.
pub const MAX_SIDE: u32 = 65_536;
/// Most entries that an audit opens.
pub const MAX_OPENINGS: u32 = 128;

/// Arithmetic 0: int8 x int8 -> int32, of which the low 16 bits are committed to.
pub const ARITH_INT8: u8 = 0;

/// Dimensions of one round: `lanes` products of an m x k and a k x n matrix. All are powers of two.
///
/// There are none that [`Self::new`] refuses: decoding checks them too. SCALE is the arithmetic and the four dimensions;
/// transcripts use [`Self::to_bytes`].
#[derive(Encode, MaxEncodedLen, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Params {
	arith: u8,
	m: u32,
	n: u32,
	k: u32,
	lanes: u32,
}

/// Why dimensions are refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParamsError {
	/// There is no such arithmetic.
	UnknownArith,
	/// A dimension is no power of two.
	NotPowerOfTwo,
	/// A dimension is too small or too large.
	OutOfRange,
}

impl ParamsError {
	const fn message(self) -> &'static str {
		match self {
			Self::UnknownArith => "there is no such arithmetic",
			Self::NotPowerOfTwo => "a dimension is no power of two",
			Self::OutOfRange => "a dimension is too small or too large",
		}
	}
}

impl fmt::Display for ParamsError {
	fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
		f.write_str(self.message())
	}
}

impl core::error::Error for ParamsError {}

impl Decode for Params {
	fn decode<I: Input>(input: &mut I) -> Result<Self, codec::Error> {
		let (arith, m, n, k, lanes) = Decode::decode(input)?;
		Self::new(arith, m, n, k, lanes).map_err(|error| error.message().into())
	}
}

impl Params {
	/// Checks and takes dimensions: `m` 1..=65,536, `n` 128..=65,536, `k` 1..=65,536, `lanes` 1..=1,024, powers of two.
	///
	/// # Errors
	/// One for each rule, see [`ParamsError`].
	pub fn new(arith: u8, m: u32, n: u32, k: u32, lanes: u32) -> Result<Self, ParamsError> {
		if arith != ARITH_INT8 {
			return Err(ParamsError::UnknownArith);
		}
		if ![m, n, k, lanes].into_iter().all(u32::is_power_of_two) {
			return Err(ParamsError::NotPowerOfTwo);
		}
		if m > MAX_SIDE || !(SEG..=MAX_SIDE).contains(&n) || k > MAX_K || lanes > MAX_LANES {
			return Err(ParamsError::OutOfRange);
		}
		Ok(Self { arith, m, n, k, lanes })
	}

	/// Version of the arithmetic.
	pub fn arith(&self) -> u8 {
		self.arith
	}

	/// Rows of A and C.
	pub fn m(&self) -> u32 {
		self.m
	}

	/// Columns of B and C.
	pub fn n(&self) -> u32 {
		self.n
	}

	/// Columns of A, rows of B.
	pub fn k(&self) -> u32 {
		self.k
	}

	/// Products of one round.
	pub fn lanes(&self) -> u32 {
		self.lanes
	}

	/// Leaves of one lane.
	pub fn leaves_per_lane(&self) -> u64 {
		u64::from(self.m) * u64::from(self.n / SEG)
	}

	/// Levels of the tree of a round above its leaves: `log2(lanes * m * n / 128)`, at most 35.
	pub fn depth(&self) -> u32 {
		(self.leaves_per_lane() * u64::from(self.lanes)).trailing_zeros()
	}

	/// int8 operations of one round, a multiplication and an addition counted as two: `2 m n k lanes`.
	pub fn ops_per_round(&self) -> u128 {
		2 * u128::from(self.m) * u128::from(self.n) * u128::from(self.k) * u128::from(self.lanes)
	}

	/// The bytes that stand for them in transcripts: `ver u8 || arith u8 || m || n || k || lanes || SEG`, u32 each.
	pub fn to_bytes(&self) -> [u8; 22] {
		let mut bytes = [0; 22];
		bytes[0] = VERSION;
		bytes[1] = self.arith;
		for (at, value) in [self.m, self.n, self.k, self.lanes, SEG].into_iter().enumerate() {
			bytes[2 + 4 * at..6 + 4 * at].copy_from_slice(&value.to_le_bytes());
		}
		bytes
	}
}

/// Position of one entry of C in a chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
	/// Round.
	pub round: u32,
	/// Product of the round.
	pub lane: u32,
	/// Row of C.
	pub row: u32,
	/// Column of C.
	pub column: u32,
}

impl Position {
	/// Index of the entry's leaf in the tree of its round: `(lane * m + row) * (n / 128) + column / 128`.
	pub fn leaf(&self, params: &Params) -> u64 {
		(u64::from(self.lane) * u64::from(params.m()) + u64::from(self.row))
			* u64::from(params.n() / SEG)
			+ u64::from(self.column / SEG)
	}
}
