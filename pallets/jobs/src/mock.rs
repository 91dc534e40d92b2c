//! A small runtime for the pallet's tests, with the real staking pallet.

use frame_support::{
	derive_impl, parameter_types,
	traits::{ConstU32, ConstU64, Hooks, OnPoll},
	weights::{Weight, WeightMeter},
};
use frame_system::EnsureRoot;
use io_primitives::{Balance, Beacon, BlockNumber, Randomness};
use sp_core::H256;
use sp_runtime::{
	generic,
	traits::{BlakeTwo256, IdentityLookup},
	AccountId32, BuildStorage, Permill,
};

use crate as pallet_io_jobs;

pub(crate) type AccountId = AccountId32;
pub(crate) type TxExtension = frame_system::AuthorizeCall<Runtime>;
pub(crate) type Extrinsic = generic::UncheckedExtrinsic<
	AccountId,
	RuntimeCall,
	sp_runtime::MultiSignature,
	TxExtension,
>;
type Header = generic::Header<BlockNumber, BlakeTwo256>;
pub(crate) type Block = generic::Block<Header, Extrinsic>;

frame_support::construct_runtime!(
	pub enum Runtime {
		System: frame_system,
		Balances: pallet_balances,
		IoStaking: pallet_io_staking,
		IoJobs: pallet_io_jobs,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Runtime {
	type Block = Block;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
	type AccountData = pallet_balances::AccountData<Balance>;
	type BlockHashCount = ConstU32<250>;
}

/// One unit of the tests' money.
pub(crate) const EXISTENTIAL_DEPOSIT: Balance = 10;

parameter_types! {
	pub const Ed: Balance = EXISTENTIAL_DEPOSIT;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Runtime {
	type Balance = Balance;
	type ExistentialDeposit = Ed;
	type AccountStore = System;
}

parameter_types! {
	pub const MinOperatorStake: Balance = 1_000;
}

impl pallet_io_staking::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type AdminOrigin = EnsureRoot<AccountId>;
	type MinOperatorStake = MinOperatorStake;
	type UnbondingBlocks = ConstU32<100>;
	type SlashDefer = ConstU32<20>;
	type MaxUnbonding = ConstU32<8>;
	type MaxSlashesPerBlock = ConstU32<16>;
	type WeightInfo = ();
}

parameter_types! {
	/// What the beacon says, beginning with the block of the tests' genesis.
	pub static HasBeacon: bool = true;
	pub static BeaconSeed: u64 = 0;
	pub static Author: Option<AccountId> = Some(account(200));
	pub static OpenTtl: BlockNumber = 60;
	pub static AcceptBlocks: BlockNumber = 10;
	pub static RevealBlocks: BlockNumber = 20;
	pub static HeartbeatTtl: BlockNumber = 50;
	pub static BondFactor: u32 = 3;
	pub static FeeRate: Permill = Permill::from_percent(5);
	pub static MaxAgenda: u32 = 64;
	pub static WorkerDepositAmount: Balance = 7;
	pub FeeTreasury: AccountId = account(201);
	pub const FeeBurnShare: Permill = Permill::from_percent(40);
	pub const FeeAuthorShare: Permill = Permill::from_percent(20);
	pub const NoShowSlash: Permill = Permill::from_percent(1);
	pub const LateSlash: Permill = Permill::from_percent(10);
	pub const UnrevealedSlash: Permill = Permill::from_percent(20);
	pub const DisagreedSlash: Permill = Permill::from_percent(50);
	pub const MinPrice: Balance = 2;
	pub const DepositBase: Balance = 100;
	pub const DepositPerByte: Balance = 1;
}

/// A new random value in every block.
pub(crate) struct TestBeacon;
impl Randomness for TestBeacon {
	fn beacon() -> Option<Beacon> {
		let now = System::block_number();
		let value = H256(sp_core::hashing::blake2_256(&(now, BeaconSeed::get()).encode()));
		HasBeacon::get().then_some(Beacon { value, since: now })
	}
}
use codec::Encode;

impl pallet_io_jobs::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Randomness = TestBeacon;
	type Bonding = IoStaking;
	type Slashing = IoStaking;
	type WorkLedger = ();
	type Certificates = ();
	type AdminOrigin = EnsureRoot<AccountId>;
	type FeeTreasury = FeeTreasury;
	type BlockAuthor = Author;
	type OpenTtl = OpenTtl;
	type AcceptBlocks = AcceptBlocks;
	type RevealBlocks = RevealBlocks;
	type HeartbeatTtl = HeartbeatTtl;
	type MaxRunBlocks = ConstU32<100>;
	type BondFactor = BondFactor;
	type FeeRate = FeeRate;
	type FeeBurnShare = FeeBurnShare;
	type FeeAuthorShare = FeeAuthorShare;
	type NoShowSlash = NoShowSlash;
	type LateSlash = LateSlash;
	type UnrevealedSlash = UnrevealedSlash;
	type DisagreedSlash = DisagreedSlash;
	type MinPricePerUnit = MinPrice;
	type DepositBase = DepositBase;
	type DepositPerByte = DepositPerByte;
	type WorkerDeposit = WorkerDepositAmount;
	type MaxAgendaPerBlock = MaxAgenda;
	type MaxClasses = ConstU32<8>;
	type MaxOutcomes = ConstU32<16>;
	type MaxSpecBytes = ConstU32<4_096>;
	type UnsignedPriority = ConstU64<1_000>;
	type WeightInfo = ();
}

impl<LocalCall> frame_system::offchain::CreateTransactionBase<LocalCall> for Runtime
where
	RuntimeCall: From<LocalCall>,
{
	type RuntimeCall = RuntimeCall;
	type Extrinsic = Extrinsic;
}

impl<LocalCall> frame_system::offchain::CreateTransaction<LocalCall> for Runtime
where
	RuntimeCall: From<LocalCall>,
{
	type Extension = TxExtension;
	fn create_transaction(call: RuntimeCall, extension: TxExtension) -> Extrinsic {
		Extrinsic::new_transaction(call, extension)
	}
}

impl<LocalCall> frame_system::offchain::CreateAuthorizedTransaction<LocalCall> for Runtime
where
	RuntimeCall: From<LocalCall>,
{
	fn create_extension() -> TxExtension {
		TxExtension::new()
	}
}

/// Account number `n`.
pub(crate) fn account(n: u8) -> AccountId {
	AccountId32::new([n; 32])
}
