//! Scheduler, treasury, sudo. Until there is governance, the root origin decides: sudo on development and test
//! networks, nobody where the runtime is built without it.

use crate::{
	constants::*, weights, AccountId, Balance, Balances, OriginCaller, Preimage, Runtime,
	RuntimeCall, RuntimeEvent, RuntimeOrigin, System,
};
use frame_support::{
	parameter_types,
	traits::{
		tokens::{PayFromAccount, UnityAssetBalanceConversion},
		ConstU32, EqualPrivilegeOnly,
	},
	weights::Weight,
	PalletId,
};
use frame_system::{EnsureRoot, EnsureRootWithSuccess};
use sp_runtime::{
	traits::{AccountIdConversion, IdentityLookup},
	Perbill, Permill,
};

parameter_types! {
	/// Part of a block for scheduled calls.
	pub MaximumSchedulerWeight: Weight =
		Perbill::from_percent(60) * crate::configs::RuntimeBlockWeights::get().max_block;
	/// Names the treasury's account.
	pub const TreasuryPalletId: PalletId = PalletId(*b"io/trsry");
	/// The treasury's account.
	pub TreasuryAccount: AccountId = TreasuryPalletId::get().into_account_truncating();
	/// Blocks between two rounds of payments that were approved the old way.
	pub const SpendPeriod: crate::BlockNumber = DAYS;
	/// Blocks within which an approved payment must be claimed.
	pub const PayoutPeriod: crate::BlockNumber = 30 * DAYS;
	/// The treasury burns nothing of what it does not spend.
	pub const Burn: Permill = Permill::zero();
	/// What root may spend at once.
	pub const MaxSpend: Balance = Balance::MAX;
}

impl pallet_scheduler::Config for Runtime {
	type BlockNumberProvider = System;
	type MaxScheduledPerBlock = ConstU32<50>;
	type MaximumWeight = MaximumSchedulerWeight;
	type OriginPrivilegeCmp = EqualPrivilegeOnly;
	type PalletsOrigin = OriginCaller;
	type Preimages = Preimage;
	type RuntimeCall = RuntimeCall;
	type RuntimeEvent = RuntimeEvent;
	type RuntimeOrigin = RuntimeOrigin;
	type ScheduleOrigin = EnsureRoot<AccountId>;
	type WeightInfo = weights::pallet_scheduler::WeightInfo<Runtime>;
}

impl pallet_treasury::Config for Runtime {
	type AssetKind = ();
	type BalanceConverter = UnityAssetBalanceConversion;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = TreasuryBenchmarkHelper;
	type Beneficiary = AccountId;
	type BeneficiaryLookup = IdentityLookup<AccountId>;
	type BlockNumberProvider = System;
	type Burn = Burn;
	type BurnDestination = ();
	type Currency = Balances;
	type MaxApprovals = ConstU32<100>;
	type PalletId = TreasuryPalletId;
	type Paymaster = PayFromAccount<Balances, pallet_treasury::TreasuryAccountId<Runtime>>;
	type PayoutPeriod = PayoutPeriod;
	type RejectOrigin = EnsureRoot<AccountId>;
	type RuntimeEvent = RuntimeEvent;
	type SpendFunds = ();
	type SpendOrigin = EnsureRootWithSuccess<AccountId, MaxSpend>;
	type SpendPeriod = SpendPeriod;
	type WeightInfo = weights::pallet_treasury::WeightInfo<Runtime>;
}

/// Arguments for the treasury's benchmarks.
#[cfg(feature = "runtime-benchmarks")]
pub struct TreasuryBenchmarkHelper;

#[cfg(feature = "runtime-benchmarks")]
impl pallet_treasury::ArgumentsFactory<(), AccountId> for TreasuryBenchmarkHelper {
	fn create_asset_kind(_: u32) {}

	fn create_beneficiary(seed: [u8; 32]) -> AccountId {
		use frame_support::traits::fungible::Mutate;
		let account = AccountId::from(seed);
		// A failure shows in the benchmark that needs the account.
		let _ = Balances::mint_into(&account, EXISTENTIAL_DEPOSIT);
		account
	}
}

#[cfg(feature = "sudo")]
impl pallet_sudo::Config for Runtime {
	type RuntimeCall = RuntimeCall;
	type RuntimeEvent = RuntimeEvent;
	type WeightInfo = weights::pallet_sudo::WeightInfo<Runtime>;
}
