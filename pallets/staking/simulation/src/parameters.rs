//! What a new chain starts with. A test of the runtime compares these numbers with its own.

use io_primitives::{Balance, BlockNumber};
use sp_runtime::{Perbill, Permill};

/// One IO Coin.
pub const IO: Balance = 1_000_000_000_000;
/// What an account must hold to exist.
pub const EXISTENTIAL_DEPOSIT: Balance = IO / 1_000;
/// Least own stake of an operator.
pub const MIN_OPERATOR_STAKE: Balance = 100 * IO;
/// Least delegation.
pub const MIN_DELEGATION: Balance = 10 * IO;
/// Blocks of a session.
pub const SESSION_BLOCKS: BlockNumber = 600;
/// Sessions of an era.
pub const SESSIONS_PER_ERA: u32 = 4;
/// Milliseconds of an era: blocks come every 6 s.
pub const ERA_MILLIS: u64 = SESSION_BLOCKS as u64 * SESSIONS_PER_ERA as u64 * 6_000;
/// Eras of a year of 365.25 days.
pub const ERAS_PER_YEAR: u32 = (31_557_600_000 / ERA_MILLIS) as u32;
/// Eras from `unbond` to `withdraw`.
pub const UNBONDING_ERAS: u32 = 42;
/// Part of a slash that the operator pays alone.
pub const FIRST_LOSS: Perbill = Perbill::from_percent(50);
/// Blocks from an offence to the payment of its slash.
pub const SLASH_DEFER: BlockNumber = 14_400;
/// Eras whose work counts in the election.
pub const WORK_WINDOW: u32 = 6;

/// Bond of a replica, as a multiple of its highest price.
pub const BOND_FACTOR: Balance = 3;
/// Fee, as a part of what operators are paid.
pub const FEE_RATE: Permill = Permill::from_percent(5);
/// Part of the fee that is burnt.
pub const FEE_BURN_SHARE: Permill = Permill::from_percent(40);
/// Part of the fee for the author of the block; the rest is the treasury's.
pub const FEE_AUTHOR_SHARE: Permill = Permill::from_percent(20);
/// Part of the bond that a replica loses when it ran and did not deliver.
pub const LATE_SLASH: Permill = Permill::from_percent(10);
/// Part of the bond that a replica loses when the quorum has another result.
pub const DISAGREED_SLASH: Permill = Permill::from_percent(50);
/// Replicas of a job, and how many must agree.
pub const REPLICAS: usize = 3;
/// See [`REPLICAS`].
pub const QUORUM: usize = 2;

/// Windows of an era: one an hour on average.
pub const WINDOWS_PER_ERA: u32 = 4;
/// Seconds of a window.
pub const WINDOW_SECONDS: u128 = 120;
/// Share of commitments that are audited.
pub const AUDIT_RATE: Perbill = Perbill::from_percent(20);
/// Openings of an audit.
pub const OPENINGS: i32 = 64;
/// Multiplications in a round for which a device is bonded with [`BOND_PER_WORK`]. A round takes about a second.
pub const BOND_WORK: u128 = 1 << 32;
/// See [`BOND_WORK`].
pub const BOND_PER_WORK: Balance = IO / 20;
