//! The mesh: relays, endpoints, payment by receipts.

use crate::{
	configs::{parameters, TreasuryAccount},
	constants::*,
	AccountId, Balance, Balances, BlockNumber, IoJobs, Runtime, RuntimeHoldReason,
};
use frame_support::{
	parameter_types,
	traits::{ConstU32, ConstU64},
};
use frame_system::EnsureRoot;

parameter_types! {
	/// Deposit for an endpoint: itself, and its place in the list of whom it stands for.
	pub const EndpointDeposit: Balance = deposit(2, 192);
	/// Least amount by which a budget is made or raised: no less than the deposit for an item of its size.
	pub const MinRelayBudget: Balance = deposit(1, 128);
	/// Blocks of an epoch: four hours.
	pub const MeshEpochBlocks: BlockNumber = 4 * HOURS;
}

impl pallet_io_mesh::Config for Runtime {
	type AdminOrigin = EnsureRoot<AccountId>;
	type Currency = Balances;
	type DefaultEpochBlocks = MeshEpochBlocks;
	type EndpointDeposit = EndpointDeposit;
	type MaxRelays = ConstU32<256>;
	type MinBudget = MinRelayBudget;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Terms = parameters::MeshTerms;
	type Treasury = TreasuryAccount;
	// Below the calls of running jobs and of proofs, above everything that pays.
	type UnsignedPriority = ConstU64<{ u64::MAX / 8 }>;
	type WeightInfo = crate::weights::pallet_io_mesh::WeightInfo<Runtime>;
	type Workers = IoJobs;
}
