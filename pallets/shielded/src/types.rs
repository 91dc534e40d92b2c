//! What governance sets, and what the pallet stores beside coins, keys and tags.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use io_primitives::{Balance, BlockNumber};
use io_shielded::bundle::BASE_UNITS;
use scale_info::TypeInfo;

/// The smallest unit in which coins of the pool are counted, in base units.
pub const UNIT: Balance = BASE_UNITS;
/// Most bits of a stamp that governance can ask for: more would take minutes on a laptop.
pub const MAX_STAMP_BITS: u32 = 28;

/// Limits of the pool. They bound what an unknown fault of the proofs can cost.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
)]
pub struct Terms {
	/// The most that the pool takes, in base units.
	pub pool_cap: Balance,
	/// The most that one call may shield, in base units.
	pub max_shield: Balance,
	/// What may leave the pool in a day, in base units. What was not used can leave later at once, so that it is at most
	/// twice that in any 24 hours.
	pub max_outflow_per_day: Balance,
	/// Leading zero bits of a stamp.
	pub stamp_bits: u32,
	/// Whether unsigned bundles are taken.
	pub unsigned_spends: bool,
}

impl Terms {
	/// The nearest values that work: the pool's cap in units fits in 64 bits, and a stamp can be found.
	pub fn bounded(self) -> Self {
		Self {
			pool_cap: self.pool_cap.min(Balance::from(u64::MAX).saturating_mul(UNIT)),
			stamp_bits: self.stamp_bits.min(MAX_STAMP_BITS),
			..self
		}
	}
}

/// What has left the pool, drained like a bucket: a day after the last outflow it is empty.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	Default,
)]
pub struct Outflow {
	/// What was in the bucket in block `at`, in base units.
	pub level: Balance,
	/// Block of the last outflow.
	pub at: BlockNumber,
}

impl Outflow {
	/// What is in the bucket now, if `limit` drains in `day` blocks.
	pub fn level_at(&self, now: BlockNumber, limit: Balance, day: BlockNumber) -> Balance {
		let elapsed = Balance::from(now.saturating_sub(self.at));
		let drained = limit.saturating_mul(elapsed) / Balance::from(day.max(1));
		self.level.saturating_sub(drained)
	}

	/// The bucket after `amount` more, or nothing if it would overflow `limit`.
	pub fn poured(
		&self,
		amount: Balance,
		now: BlockNumber,
		limit: Balance,
		day: BlockNumber,
	) -> Option<Self> {
		let level = self.level_at(now, limit, day).checked_add(amount)?;
		(level <= limit).then_some(Self { level, at: now })
	}
}
