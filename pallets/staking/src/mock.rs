//! A runtime with balances and this pallet.

use frame_support::{derive_impl, parameter_types, traits::OnPoll, weights::WeightMeter};
use frame_system::EnsureRoot;
use io_primitives::{Balance, BlockNumber, Offence, OffenceReason, Slashing};
use sp_core::{ConstU32, H256};
use sp_runtime::{traits::IdentityLookup, BuildStorage};

use crate as pallet_io_staking;

pub(crate) type AccountId = u64;
type Block = frame_system::mocking::MockBlockU32<Test>;

pub(crate) const ALICE: AccountId = 1;
pub(crate) const BOB: AccountId = 2;
pub(crate) const CHARLIE: AccountId = 3;
/// Has no balance, so it does not exist.
pub(crate) const NOBODY: AccountId = 99;

pub(crate) const ED: Balance = 10;
pub(crate) const MIN_STAKE: Balance = 100;
pub(crate) const FUNDS: Balance = 10_000;
pub(crate) const UNBONDING: BlockNumber = 10;
pub(crate) const DEFER: BlockNumber = 5;
pub(crate) const MAX_UNBONDING: u32 = 3;

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
	pub struct Test;

	#[runtime::pallet_index(0)]
	pub type System = frame_system::Pallet<Test>;
	#[runtime::pallet_index(10)]
	pub type Balances = pallet_balances::Pallet<Test>;
	#[runtime::pallet_index(70)]
	pub type IoStaking = pallet_io_staking::Pallet<Test>;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = Block;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
	type AccountData = pallet_balances::AccountData<Balance>;
}

parameter_types! {
	pub const ExistentialDeposit: Balance = ED;
	pub const MinOperatorStake: Balance = MIN_STAKE;
	pub static SlashDefer: BlockNumber = DEFER;
	pub static MaxSlashesPerBlock: u32 = 4;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = Balance;
	type ExistentialDeposit = ExistentialDeposit;
	type AccountStore = System;
	type RuntimeHoldReason = RuntimeHoldReason;
}

impl crate::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type AdminOrigin = EnsureRoot<AccountId>;
	type MinOperatorStake = MinOperatorStake;
	type UnbondingBlocks = ConstU32<UNBONDING>;
	type SlashDefer = SlashDefer;
	type MaxUnbonding = ConstU32<MAX_UNBONDING>;
	type MaxSlashesPerBlock = MaxSlashesPerBlock;
	type WeightInfo = ();
}

/// Builds the state that a test starts from.
#[derive(Default)]
pub(crate) struct ExtBuilder {
	operators: Vec<(AccountId, Balance)>,
}

impl ExtBuilder {
	pub(crate) fn with_operator(mut self, who: AccountId, stake: Balance) -> Self {
		self.operators.push((who, stake));
		self
	}

	pub(crate) fn build(self) -> sp_io::TestExternalities {
		let mut storage = frame_system::GenesisConfig::<Test>::default().build_storage().unwrap();
		pallet_balances::GenesisConfig::<Test> {
			balances: [ALICE, BOB, CHARLIE].map(|who| (who, FUNDS)).to_vec(),
			..Default::default()
		}
		.assimilate_storage(&mut storage)
		.unwrap();
		crate::GenesisConfig::<Test> { operators: self.operators }
			.assimilate_storage(&mut storage)
			.unwrap();
		let mut ext = sp_io::TestExternalities::from(storage);
		ext.execute_with(|| System::set_block_number(1));
		ext
	}

	pub(crate) fn build_and_execute(self, test: impl FnOnce()) {
		self.build().execute_with(|| {
			test();
			IoStaking::do_try_state().unwrap();
		});
	}
}

#[cfg(feature = "runtime-benchmarks")]
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	ExtBuilder::default().build()
}

/// Goes to block `n`, with unlimited weight for `on_poll` in each block.
pub(crate) fn run_to_block(n: BlockNumber) {
	while System::block_number() < n {
		run_block(&mut WeightMeter::new());
	}
}

/// Goes one block on; the meter limits `on_poll`.
pub(crate) fn run_block(meter: &mut WeightMeter) {
	let next = System::block_number() + 1;
	System::set_block_number(next);
	IoStaking::on_poll(next, meter);
}

/// An offence with a number as its id.
pub(crate) fn offence(id: u64, operator: AccountId, amount: Balance) -> Offence<AccountId> {
	Offence {
		id: H256::from_low_u64_be(id),
		operator,
		amount,
		reason: OffenceReason::Late,
		harmed: None,
	}
}

/// Reports an offence that harmed somebody.
pub(crate) fn report_harm(
	id: u64,
	operator: AccountId,
	amount: Balance,
	harmed: (AccountId, Balance),
) -> Balance {
	IoStaking::report(Offence { harmed: Some(harmed), ..offence(id, operator, amount) }).unwrap()
}

/// Reports an offence that harmed nobody in particular.
pub(crate) fn report(id: u64, operator: AccountId, amount: Balance) -> Balance {
	IoStaking::report(offence(id, operator, amount)).unwrap()
}

/// The pallet's events since the last call.
pub(crate) fn events() -> Vec<crate::Event<Test>> {
	let events = System::events()
		.into_iter()
		.filter_map(|record| match record.event {
			RuntimeEvent::IoStaking(event) => Some(event),
			_ => None,
		})
		.collect();
	System::reset_events();
	events
}

pub(crate) fn held(who: AccountId) -> Balance {
	use frame_support::traits::fungible::InspectHold;
	Balances::balance_on_hold(&crate::HoldReason::Stake.into(), &who)
}
