//! What the simulation does with a chain.

use frame_support::{
	traits::{fungible::Mutate, OnInitialize, OnPoll},
	weights::WeightMeter,
};
use io_primitives::{Balance, Offence, OffenceReason, Slashing, WorkLedger};
use pallet_authorship::EventHandler;
use pallet_io_staking::{EraIndex, Event};
use sp_core::H256;
use sp_runtime::{testing::UintAuthorityId, BuildStorage};

pub use crate::runtime::*;

/// Blocks that each collator authors in a session. Only ratios matter; with fewer than four in an era nobody would be due.
const BLOCKS_PER_SEAT: u32 = 2;

/// An operator of the genesis.
pub struct Genesis {
	/// Who.
	pub who: AccountId,
	/// Its stake.
	pub stake: Balance,
}

/// A new chain on which these operators stand for election and these accounts have free coins.
pub fn new_chain(
	operators: &[Genesis],
	balances: Vec<(AccountId, Balance)>,
) -> sp_io::TestExternalities {
	let mut storage = frame_system::GenesisConfig::<Sim>::default()
		.build_storage()
		.expect("the system has a genesis");
	let mut add = |part: &dyn BuildStorage| {
		part.assimilate_storage(&mut storage).expect("each pallet has a genesis");
	};
	add(&pallet_balances::GenesisConfig::<Sim> { balances, ..Default::default() });
	add(&pallet_io_staking::GenesisConfig::<Sim> {
		operators: operators.iter().map(|operator| (operator.who, operator.stake)).collect(),
		candidates: operators.iter().map(|operator| operator.who).collect(),
		invulnerables: Vec::new(),
	});
	add(&pallet_session::GenesisConfig::<Sim> {
		keys: operators
			.iter()
			.map(|Genesis { who, .. }| (*who, *who, Keys { dummy: UintAuthorityId(*who) }))
			.collect(),
		..Default::default()
	});
	let mut chain = sp_io::TestExternalities::from(storage);
	chain.execute_with(|| System::set_block_number(1));
	chain
}

/// What the chain did in an era.
#[derive(Default, Clone, Copy, Debug)]
pub struct EraSummary {
	/// Minted: for stake, for the treasury, and what was claimed for work.
	pub minted: Balance,
	/// Burnt by slashes.
	pub slashed: Balance,
	/// What the mint had for work.
	pub for_work: Balance,
	/// What pools got.
	pub to_stake: Balance,
}

/// Goes on by one era: every collator authors its blocks, sessions end, slashes are applied.
pub fn run_era() -> EraSummary {
	let mut summary = EraSummary::default();
	let era = current_era();
	while current_era() == era {
		let number = System::block_number() + 1;
		System::set_block_number(number);
		for author in Session::validators() {
			for _ in 0..BLOCKS_PER_SEAT {
				IoStaking::note_author(author);
			}
		}
		Session::on_initialize(number);
		IoStaking::on_poll(number, &mut WeightMeter::new());
		summary.add_events();
	}
	summary
}

impl EraSummary {
	/// Adds what the events since the last call tell.
	pub fn add_events(&mut self) {
		for record in System::events() {
			match record.event {
				RuntimeEvent::IoStaking(Event::EraEnded {
					to_stake,
					to_treasury,
					for_work,
					..
				}) => {
					self.minted += to_stake + to_treasury;
					self.to_stake += to_stake;
					self.for_work += for_work;
				},
				RuntimeEvent::IoStaking(Event::Claimed { value, .. }) => self.minted += value,
				RuntimeEvent::IoStaking(Event::SlashApplied { burnt, .. }) => self.slashed += burnt,
				_ => {},
			}
		}
		System::reset_events();
	}
}

/// The current era.
pub fn current_era() -> EraIndex {
	pallet_io_staking::Era::<Sim>::get().index
}

/// Pays, or says that the payer is out of money.
pub fn pay(from: AccountId, to: AccountId, value: Balance) -> bool {
	<Balances as Mutate<AccountId>>::transfer(
		&from,
		&to,
		value,
		frame_support::traits::tokens::Preservation::Preserve,
	)
	.is_ok()
}

/// Burns coins of an account.
pub fn burn(from: AccountId, value: Balance) {
	use frame_support::traits::tokens::{Fortitude, Precision, Preservation};
	let burnt = <Balances as Mutate<AccountId>>::burn_from(
		&from,
		value,
		Preservation::Preserve,
		Precision::Exact,
		Fortitude::Polite,
	);
	assert!(burnt.is_ok(), "who pays a fee has it");
}

/// Reports an offence that began in this block.
pub fn slash(operator: AccountId, amount: Balance, harmed: Option<(AccountId, Balance)>) {
	thread_local!(static NEXT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) });
	let number = NEXT.replace(NEXT.get() + 1);
	let reported = IoStaking::report(Offence {
		id: H256::from_low_u64_be(number),
		operator,
		since: System::block_number(),
		amount,
		reason: OffenceReason::Disagreed,
		harmed,
	});
	assert!(reported.is_ok(), "operators of the simulation exist: {reported:?}");
}

/// Notes what the work ledger hears of settled jobs.
pub fn settled(operator: AccountId, burnt: Balance) {
	IoStaking::settled(&operator, 0, 1, burnt);
}

/// Notes what the work ledger hears of certificates.
pub fn certified(operator: AccountId, ops: u128) {
	IoStaking::certified(&operator, ops);
}

/// What an account owns: free, and in pools, without what it owes.
pub fn wealth(who: AccountId) -> Balance {
	let staked: Balance = IoStaking::position(who)
		.iter()
		.map(|view| {
			let leaving: Balance = view.unbonding.iter().map(|part| part.value).sum();
			view.worth + leaving
		})
		.sum();
	Balances::free_balance(who) + staked
}

/// The origin of an account.
pub fn signed(who: AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}
