//! Numbers that the whole runtime shares: money, time, block limits.

use crate::{Balance, BlockNumber};
use frame_support::weights::{constants::WEIGHT_REF_TIME_PER_SECOND, Weight};
use sp_runtime::Perbill;

/// One IO Coin.
pub const IO: Balance = 1_000_000_000_000;
/// A thousandth of an IO Coin.
pub const MILLI_IO: Balance = IO / 1_000;
/// A millionth of an IO Coin.
pub const MICRO_IO: Balance = IO / 1_000_000;
/// What an account must hold to exist.
pub const EXISTENTIAL_DEPOSIT: Balance = MILLI_IO;

/// Deposit for storage: so much for each item and each byte that somebody makes the chain keep.
pub const fn deposit(items: u32, bytes: u32) -> Balance {
	items as Balance * 20 * MILLI_IO + bytes as Balance * 100 * MICRO_IO
}

/// Milliseconds between two blocks, and length of an Aura slot.
pub const SLOT_DURATION: u64 = 6_000;
/// Milliseconds of a slot of the relay chain.
pub const RELAY_CHAIN_SLOT_DURATION_MILLIS: u32 = 6_000;
/// Blocks that may be built upon one relay chain block.
pub const BLOCK_PROCESSING_VELOCITY: u32 = 1;
/// Relay chain blocks by which a block's relay parent lies behind the relay chain's tip: a fork of the tip does not
/// invalidate the block.
pub const RELAY_PARENT_OFFSET: u32 = 1;
/// Blocks that may wait for inclusion by the relay chain.
pub const UNINCLUDED_SEGMENT_CAPACITY: u32 = (3 + RELAY_PARENT_OFFSET) * BLOCK_PROCESSING_VELOCITY;

/// Blocks in a minute.
pub const MINUTES: BlockNumber = 60_000 / SLOT_DURATION as BlockNumber;
/// Blocks in an hour.
pub const HOURS: BlockNumber = 60 * MINUTES;
/// Blocks in a day.
pub const DAYS: BlockNumber = 24 * HOURS;

/// Share of a block that hooks are assumed to use, so that no transaction is bigger than what is left.
pub const AVERAGE_ON_INITIALIZE_RATIO: Perbill = Perbill::from_percent(5);
/// Share of a block that ordinary transactions may fill; the rest is for operational ones.
pub const NORMAL_DISPATCH_RATIO: Perbill = Perbill::from_percent(75);
/// Two seconds of computing, and what the relay chain takes as proof.
pub const MAXIMUM_BLOCK_WEIGHT: Weight = Weight::from_parts(
	WEIGHT_REF_TIME_PER_SECOND.saturating_mul(2),
	cumulus_primitives_core::relay_chain::MAX_POV_SIZE as u64,
);
/// Bytes of transactions in a block, at most.
pub const MAXIMUM_BLOCK_LENGTH: u32 = 5 * 1024 * 1024;
/// Bytes of a header, at most.
pub const MAXIMUM_HEADER_LENGTH: u32 = 100 * 1024;
