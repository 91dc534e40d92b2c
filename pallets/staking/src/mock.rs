//! A runtime with balances, sessions and this pallet.

use frame_support::{
	derive_impl, parameter_types,
	traits::{OnInitialize, OnPoll},
	weights::WeightMeter,
};
use frame_system::EnsureRoot;
use io_primitives::{Balance, BlockNumber, Offence, OffenceReason, Slashing};
use pallet_authorship::EventHandler;
use sp_core::{ConstU32, ConstU64, H256};
use sp_runtime::{
	impl_opaque_keys,
	testing::UintAuthorityId,
	traits::{ConvertInto, IdentityLookup},
	BuildStorage, Perbill,
};

use crate::{self as pallet_io_staking, Economics, ElectionTerms, EraIndex};

pub(crate) type AccountId = u64;
type Block = frame_system::mocking::MockBlockU32<Test>;

pub(crate) const ALICE: AccountId = 1;
pub(crate) const BOB: AccountId = 2;
pub(crate) const CHARLIE: AccountId = 3;
pub(crate) const DAVE: AccountId = 4;
pub(crate) const EVE: AccountId = 5;
pub(crate) const TREASURY: AccountId = 50;
/// Has no balance, so it does not exist.
pub(crate) const NOBODY: AccountId = 99;

pub(crate) const ED: Balance = 10;
pub(crate) const MIN_STAKE: Balance = 100;
pub(crate) const MIN_DELEGATION: Balance = 20;
pub(crate) const FUNDS: Balance = 10_000;
/// Eras until unbonded stake is due.
pub(crate) const UNBONDING: EraIndex = 3;
pub(crate) const DEFER: BlockNumber = 5;
pub(crate) const MAX_UNBONDING: u32 = 5;
/// Blocks in a session and in an era.
pub(crate) const SESSION: BlockNumber = 10;
pub(crate) const ERA: BlockNumber = 2 * SESSION;
/// As on a chain with blocks of 6 seconds and eras of 4 hours.
pub(crate) const ERA_MILLIS: u64 = 4 * 3_600_000;

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
	#[runtime::pallet_index(22)]
	pub type Session = pallet_session::Pallet<Test>;
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

/// Nothing is minted.
pub(crate) const NO_MINT: Economics = Economics {
	min_inflation: Perbill::zero(),
	max_inflation: Perbill::zero(),
	..Economics::DEFAULT
};

pub(crate) const TERMS: ElectionTerms = ElectionTerms {
	seats: 2,
	min_self_stake: 200,
	work_weight: Perbill::from_percent(30),
	work_per_burnt: 10,
};

parameter_types! {
	pub const ExistentialDeposit: Balance = ED;
	pub const MinOperatorStake: Balance = MIN_STAKE;
	pub const MinDelegation: Balance = MIN_DELEGATION;
	pub const Treasury: AccountId = TREASURY;
	pub const Period: BlockNumber = SESSION;
	pub const Offset: BlockNumber = 0;
	pub const FirstLoss: Perbill = Perbill::from_percent(50);
	pub static SlashDefer: BlockNumber = DEFER;
	pub static MaxSlashesPerBlock: u32 = 4;
	pub static MaxDelegations: u32 = 3;
	pub static Election: ElectionTerms = TERMS;
	pub static Mint: Economics = NO_MINT;
	/// Collators that author nothing.
	pub static Idle: Vec<AccountId> = Vec::new();
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = Balance;
	type ExistentialDeposit = ExistentialDeposit;
	type AccountStore = System;
	type RuntimeHoldReason = RuntimeHoldReason;
}

impl_opaque_keys! {
	pub struct Keys {
		pub dummy: UintAuthorityId,
	}
}

impl pallet_session::Config for Test {
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
	type KeyDeposit = sp_core::ConstU128<0>;
}

impl pallet_io_staking::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type AdminOrigin = EnsureRoot<AccountId>;
	type Treasury = Treasury;
	type Collators = crate::SessionCollators<Test>;
	type MinOperatorStake = MinOperatorStake;
	type MinDelegation = MinDelegation;
	type MaxDelegations = MaxDelegations;
	type UnbondingEras = ConstU32<UNBONDING>;
	type MaxUnbonding = ConstU32<MAX_UNBONDING>;
	type FirstLoss = FirstLoss;
	type SlashDefer = SlashDefer;
	type MaxSlashesPerBlock = MaxSlashesPerBlock;
	type SessionsPerEra = ConstU32<{ ERA / SESSION }>;
	type EraMillis = ConstU64<ERA_MILLIS>;
	type Election = Election;
	type Economics = Mint;
	type WorkWindow = ConstU32<3>;
	type MaxCandidates = ConstU32<4>;
	type MaxInvulnerables = ConstU32<3>;
	type WeightInfo = ();
}

/// Builds the state that a test starts from.
#[derive(Default)]
pub(crate) struct ExtBuilder {
	operators: Vec<(AccountId, Balance)>,
	candidates: Vec<AccountId>,
	invulnerables: Vec<AccountId>,
	keys: Vec<AccountId>,
}

impl ExtBuilder {
	pub(crate) fn with_operator(mut self, who: AccountId, stake: Balance) -> Self {
		self.operators.push((who, stake));
		self
	}

	/// An operator with session keys that stands for election.
	pub(crate) fn with_candidate(mut self, who: AccountId, stake: Balance) -> Self {
		self.candidates.push(who);
		self.with_keys(who).with_operator(who, stake)
	}

	pub(crate) fn with_keys(mut self, who: AccountId) -> Self {
		self.keys.push(who);
		self
	}

	pub(crate) fn with_invulnerable(mut self, who: AccountId) -> Self {
		self.invulnerables.push(who);
		self.with_keys(who)
	}

	pub(crate) fn build(self) -> sp_io::TestExternalities {
		SlashDefer::set(DEFER);
		MaxSlashesPerBlock::set(4);
		MaxDelegations::set(3);
		Election::set(TERMS);
		Mint::set(NO_MINT);
		Idle::set(Vec::new());
		let mut storage = frame_system::GenesisConfig::<Test>::default().build_storage().unwrap();
		pallet_balances::GenesisConfig::<Test> {
			balances: [ALICE, BOB, CHARLIE, DAVE, EVE].map(|who| (who, FUNDS)).to_vec(),
			..Default::default()
		}
		.assimilate_storage(&mut storage)
		.unwrap();
		crate::GenesisConfig::<Test> {
			operators: self.operators,
			candidates: self.candidates,
			invulnerables: self.invulnerables,
		}
		.assimilate_storage(&mut storage)
		.unwrap();
		let keys = |who| Keys { dummy: UintAuthorityId(who) };
		pallet_session::GenesisConfig::<Test> {
			keys: self.keys.into_iter().map(|who| (who, who, keys(who))).collect(),
			..Default::default()
		}
		.assimilate_storage(&mut storage)
		.unwrap();
		let mut ext = sp_io::TestExternalities::from(storage);
		ext.execute_with(|| {
			System::set_block_number(1);
			System::reset_events();
		});
		ext
	}

	pub(crate) fn build_and_execute(self, test: impl FnOnce()) {
		self.build().execute_with(|| {
			test();
			check();
		});
	}
}

/// Checks all invariants.
pub(crate) fn check() {
	IoStaking::do_try_state().unwrap();
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

/// Goes to the first block of an era.
pub(crate) fn run_to_era(era: EraIndex) {
	run_to_block(era * ERA);
	assert_eq!(IoStaking::current_era(), era);
}

/// Goes one block on; the meter limits `on_poll`.
pub(crate) fn run_block(meter: &mut WeightMeter) {
	let next = System::block_number() + 1;
	System::set_block_number(next);
	let collators = Session::validators();
	if !collators.is_empty() {
		let author = collators[next as usize % collators.len()];
		if !Idle::get().contains(&author) {
			IoStaking::note_author(author);
		}
	}
	Session::on_initialize(next);
	IoStaking::on_poll(next, meter);
}

pub(crate) fn signed(who: AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

/// An offence of now with a number as its id.
pub(crate) fn offence(id: u64, operator: AccountId, amount: Balance) -> Offence<AccountId> {
	Offence {
		id: H256::from_low_u64_be(id),
		operator,
		since: System::block_number(),
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

/// Reports an offence whose duty began in `since`.
pub(crate) fn report_since(
	id: u64,
	operator: AccountId,
	amount: Balance,
	since: BlockNumber,
) -> Balance {
	IoStaking::report(Offence { since, ..offence(id, operator, amount) }).unwrap()
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

/// Worth of a position, with what leaves.
pub(crate) fn worth(who: AccountId, operator: AccountId) -> Balance {
	IoStaking::position(who)
		.into_iter()
		.filter(|view| view.operator == operator)
		.map(|view| {
			view.worth + view.unbonding.iter().map(|leaving| leaving.value).sum::<Balance>()
		})
		.sum()
}

pub(crate) fn free(who: AccountId) -> Balance {
	Balances::free_balance(who)
}

pub(crate) fn delegate(who: AccountId, operator: AccountId, value: Balance) {
	IoStaking::delegate(signed(who), operator, value).unwrap();
}
