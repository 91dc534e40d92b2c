//! A runtime with balances, sessions and the pallet. A block of it stands for a session of the real chain.
// The macros write most of it.
#![allow(missing_docs)]

use frame_support::{derive_impl, parameter_types};
use frame_system::EnsureRoot;
use io_primitives::{Balance, BlockNumber};
use pallet_io_staking::{Economics, ElectionTerms};
use sp_core::{ConstU128, ConstU32, ConstU64};
use sp_runtime::{
	impl_opaque_keys,
	testing::UintAuthorityId,
	traits::{ConvertInto, IdentityLookup},
	Perbill,
};

use crate::parameters as p;

/// Accounts are numbers.
pub type AccountId = u64;
type Block = frame_system::mocking::MockBlockU32<Sim>;

/// The treasury.
pub const TREASURY: AccountId = 1;

#[frame_support::runtime]
mod runtime {
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeFreezeReason,
		RuntimeHoldReason,
		RuntimeSlashReason,
		RuntimeLockId,
		RuntimeTask,
		RuntimeViewFunction
	)]
	pub struct Sim;

	#[runtime::pallet_index(0)]
	pub type System = frame_system::Pallet<Sim>;
	#[runtime::pallet_index(10)]
	pub type Balances = pallet_balances::Pallet<Sim>;
	#[runtime::pallet_index(22)]
	pub type Session = pallet_session::Pallet<Sim>;
	#[runtime::pallet_index(70)]
	pub type IoStaking = pallet_io_staking::Pallet<Sim>;
}
#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Sim {
	type Block = Block;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
	type AccountData = pallet_balances::AccountData<Balance>;
}

parameter_types! {
	pub const Treasury: AccountId = TREASURY;
	pub const Period: BlockNumber = 1;
	pub const Offset: BlockNumber = 0;
	pub static Mint: Economics = Economics::DEFAULT;
	pub static Election: ElectionTerms = ElectionTerms::DEFAULT;
	pub static FirstLoss: Perbill = p::FIRST_LOSS;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Sim {
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<{ p::EXISTENTIAL_DEPOSIT }>;
	type AccountStore = System;
	type RuntimeHoldReason = RuntimeHoldReason;
}

impl_opaque_keys! {
	pub struct Keys {
		pub dummy: UintAuthorityId,
	}
}

impl pallet_session::Config for Sim {
	type RuntimeEvent = RuntimeEvent;
	type ValidatorId = AccountId;
	type ValidatorIdOf = ConvertInto;
	type ShouldEndSession = pallet_session::PeriodicSessions<Period, Offset>;
	type NextSessionRotation = pallet_session::PeriodicSessions<Period, Offset>;
	type SessionManager = IoStaking;
	type SessionHandler = pallet_session::TestSessionHandler;
	type Keys = Keys;
	type DisablingStrategy = ();
	type WeightInfo = ();
	type Currency = Balances;
	type KeyDeposit = ConstU128<0>;
}

impl pallet_io_staking::Config for Sim {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type AdminOrigin = EnsureRoot<AccountId>;
	type Treasury = Treasury;
	type Collators = pallet_io_staking::SessionCollators<Sim>;
	type MinOperatorStake = ConstU128<{ p::MIN_OPERATOR_STAKE }>;
	type MinDelegation = ConstU128<{ p::MIN_DELEGATION }>;
	type MaxDelegations = ConstU32<32>;
	type UnbondingEras = ConstU32<{ p::UNBONDING_ERAS }>;
	type MaxUnbonding = ConstU32<{ p::UNBONDING_ERAS + 1 }>;
	type FirstLoss = FirstLoss;
	type SlashDefer = ConstU32<{ p::SLASH_DEFER / p::SESSION_BLOCKS }>;
	type MaxSlashesPerBlock = ConstU32<1_000>;
	type SessionsPerEra = ConstU32<{ p::SESSIONS_PER_ERA }>;
	type EraMillis = ConstU64<{ p::ERA_MILLIS }>;
	type Election = Election;
	type Economics = Mint;
	type WorkWindow = ConstU32<{ p::WORK_WINDOW }>;
	type MaxCandidates = ConstU32<512>;
	type MaxInvulnerables = ConstU32<16>;
	type WeightInfo = ();
}
