//! The shielded pool as the chain tells about it.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

use crate::{Balance, BlockNumber};

/// What a pause of the pool stops.
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
pub enum PauseScope {
	/// Nothing comes in and nothing moves within the pool; bundles that pay somebody in the open go on.
	#[codec(index = 0)]
	AllButExits,
	/// Everything.
	#[codec(index = 1)]
	Everything,
}

/// A pause of the pool. It ends by itself.
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
pub struct Pause {
	/// What it stops.
	pub scope: PauseScope,
	/// First block in which it no longer holds.
	pub until: BlockNumber,
}

/// How the pool stands.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct PoolStatus {
	/// Number of the parachain.
	pub para: u32,
	/// Index of the pallet in the runtime.
	pub pallet: u8,
	/// Digits of a place in a ring: it has 4 to the power of it.
	pub ring_digits: u8,
	/// Coins that were ever made; they are numbered from 0.
	pub coins: u64,
	/// Coins that the next block lets bundles use.
	pub matured: u64,
	/// What all unspent coins are worth together, in the smallest unit.
	pub supply: Balance,
	/// The most that they may be worth, in the smallest unit.
	pub pool_cap: Balance,
	/// The most that one call may shield, in the smallest unit.
	pub max_shield: Balance,
	/// What may leave the pool now, in the smallest unit.
	pub outflow_left: Balance,
	/// Leading zero bits that the stamp of an unsigned bundle must show.
	pub stamp_bits: u32,
	/// Whether unsigned bundles are taken. If not, somebody has to relay them.
	pub unsigned_spends: bool,
	/// What is stopped now.
	pub pause: Option<Pause>,
}
