//! Rings: how many places they have, and which coins may be in them.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

use crate::{
	bundle::{Coin, MAX_RING_PROOF},
	error::Error,
	hash::hash,
	Hash,
};

/// Base of the digits of a place.
pub(crate) const BASE: usize = 4;

/// Number of digits of a place; a ring has 4 to the power of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RingSize(u8);

impl RingSize {
	/// The rings of a chain: 1,024 places.
	pub const N1024: Self = Self(5);
	/// Rings for tests: 16 places.
	pub const N16: Self = Self(2);

	/// A ring of `4^digits` places, with 1 to 5 digits.
	pub const fn new(digits: u8) -> Option<Self> {
		match digits {
			1..=5 => Some(Self(digits)),
			_ => None,
		}
	}

	/// Digits of a place.
	pub const fn digits(self) -> usize {
		self.0 as usize
	}

	/// The same, as it is on the wire.
	pub(crate) const fn byte(self) -> u8 {
		self.0
	}

	/// Places of a ring.
	pub const fn places(self) -> u32 {
		1 << (2 * self.0 as u32)
	}

	/// Coins from the start of a window to that of the next one: half a ring.
	pub const fn half(self) -> u32 {
		self.places() / 2
	}

	/// A window that is not full has a multiple of so many coins.
	pub const fn step(self) -> u32 {
		let step = self.places() / 32;
		if step == 0 {
			1
		} else {
			step
		}
	}

	/// Bytes of a ring proof: 1,216 with 1,024 places.
	pub const fn proof_len(self) -> usize {
		32 * (8 + 6 * self.0 as usize)
	}
}

const _: () = assert!(RingSize::N1024.proof_len() == MAX_RING_PROOF as usize);

/// Which coins a ring holds: `len` of them, from coin number `index * half a ring` on.
#[derive(
	Clone,
	Copy,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Hash,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Window {
	/// Number of the window.
	pub index: u32,
	/// Number of coins in it. The other places of the ring hold the pad, which nobody can spend.
	pub len: u32,
}

impl Window {
	/// Number of the first coin.
	pub fn start(&self, size: RingSize) -> u64 {
		u64::from(self.index) * u64::from(size.half())
	}

	/// Number after that of the last coin.
	pub fn end(&self, size: RingSize) -> u64 {
		self.start(size) + u64::from(self.len)
	}

	/// Whether a bundle may use the window when the pool has `matured` coins that may be spent: a full window, or one of
	/// the two newest ones with a length on the grid. See section 5 of the specification.
	pub fn check(&self, size: RingSize, matured: u64) -> Result<(), Error> {
		let (places, half, step) = (size.places(), size.half(), size.step());
		let filled = self.len > 0 && self.len <= places && self.end(size) <= matured;
		let recent = u64::from(self.index) + 2 >= matured / u64::from(half);
		let least = if self.index == 0 { step } else { half };
		let partial = recent && self.len >= least && self.len.is_multiple_of(step);
		if filled && (self.len == places || partial) {
			Ok(())
		} else {
			Err(Error::BadWindow)
		}
	}

	/// What the proofs of a bundle bind: a hash of the window and all its coins.
	pub fn digest(&self, coins: &[Coin]) -> Hash {
		let mut bytes = alloc::vec::Vec::with_capacity(64 * coins.len());
		for coin in coins {
			bytes.extend_from_slice(&coin.key);
			bytes.extend_from_slice(&coin.commitment);
		}
		hash("ring", &[&self.index.to_le_bytes(), &self.len.to_le_bytes(), &bytes])
	}
}
