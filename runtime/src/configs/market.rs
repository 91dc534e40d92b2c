//! The job market: stake, jobs, randomness.

use crate::{
	configs::parameters, AccountId, Balances, Runtime, RuntimeHoldReason,
};
use frame_support::traits::ConstU32;
use frame_system::EnsureRoot;

impl pallet_io_staking::Config for Runtime {
	type AdminOrigin = EnsureRoot<AccountId>;
	type Currency = Balances;
	type MaxSlashesPerBlock = ConstU32<16>;
	type MaxUnbonding = ConstU32<32>;
	type MinOperatorStake = parameters::MinOperatorStake;
	type RuntimeHoldReason = RuntimeHoldReason;
	type SlashDefer = parameters::SlashDefer;
	type UnbondingBlocks = parameters::UnbondingBlocks;
	type WeightInfo = ();
}

impl crate::randomness::Config for Runtime {}

impl crate::setup::Config for Runtime {}
