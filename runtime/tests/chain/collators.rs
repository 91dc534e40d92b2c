//! Who authors: sessions, eras, the election by stake and work.

use crate::support::{account, held, Chain};
use frame_support::{assert_ok, traits::fungible::Inspect};
use io_primitives::WorkLedger;
use io_runtime::{
	configs::{
		parameters::{dynamic_params::staking, RuntimeParameters},
		TreasuryAccount,
	},
	constants::*,
	genesis_config_presets::{COLLATOR_STAKE, ERAS},
	AuraId, Balances, IoStaking, Parameters, RuntimeOrigin, Session,
};
use pallet_io_staking::ElectionTerms;
use sp_core::crypto::ByteArray;
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie};

fn session() -> u32 {
	ERAS.session_blocks
}

fn era() -> u32 {
	ERAS.session_blocks * ERAS.sessions_per_era
}

/// Two candidates with equal stake, nobody invulnerable.
fn with_seats(seats: u32) -> Chain {
	let mut chain = Chain::new("local_testnet");
	chain.state(|| {
		assert_ok!(IoStaking::set_invulnerables(RuntimeOrigin::root(), vec![]));
		let terms = ElectionTerms { seats, ..ElectionTerms::DEFAULT };
		let seats = RuntimeParameters::Staking((staking::Election, terms).into());
		assert_ok!(Parameters::set_parameter(RuntimeOrigin::root(), seats));
	});
	chain
}

fn run(chain: &mut Chain, blocks: u32) {
	let last = chain.number + blocks;
	chain.run_to(last);
}

fn assert_author(chain: &mut Chain, who: Sr25519Keyring) {
	chain.state(|| {
		assert_eq!(Session::validators(), vec![account(who)]);
		let authorities = pallet_aura::Authorities::<io_runtime::Runtime>::get();
		assert_eq!(authorities.to_vec(), vec![AuraId::from_slice(&who.public().0).unwrap()]);
	});
}

#[test]
fn should_change_seats_when_stake_changes_and_again_when_work_changes() {
	let mut chain = with_seats(1);
	run(&mut chain, 3 * session());
	// Equal stake: the smaller account wins.
	let first = if account(Alice) < account(Bob) { Alice } else { Bob };
	let second = if first == Alice { Bob } else { Alice };
	assert_author(&mut chain, first);

	let value = COLLATOR_STAKE / 2;
	let delegate = pallet_io_staking::Call::delegate { operator: account(second), value };
	chain.must([(Charlie, delegate.into())]);
	chain.state(|| assert_eq!(held(pallet_io_staking::HoldReason::Stake, Charlie), value));
	run(&mut chain, 3 * session());
	assert_author(&mut chain, second);

	// 0.7 * 10 / 25 + 0.3 against 0.7 * 15 / 25.
	chain.state(|| IoStaking::certified(&account(first), 1_000_000));
	run(&mut chain, 3 * session());
	assert_author(&mut chain, first);

	// Work is forgotten, stake is not.
	run(&mut chain, 8 * era());
	assert_author(&mut chain, second);
}

#[test]
fn should_chill_a_collator_when_it_authors_nothing_in_an_era() {
	let mut chain = with_seats(2);
	run(&mut chain, era());
	chain.state(|| assert_eq!(Session::validators().len(), 2));
	chain.idle = vec![Bob];
	run(&mut chain, 2 * era() + 3 * session());
	assert_author(&mut chain, Alice);
	chain.state(|| {
		let standing: Vec<_> =
			IoStaking::election_preview().into_iter().map(|candidate| candidate.who).collect();
		assert_eq!(standing, [account(Alice)]);
	});

	// It stands again, and has its seat back.
	chain.idle = Vec::new();
	chain.must([(Bob, pallet_io_staking::Call::candidate { stand: true }.into())]);
	run(&mut chain, 3 * session());
	chain.state(|| assert_eq!(Session::validators().len(), 2));
}

#[test]
fn should_keep_the_collators_when_nobody_stands_for_election() {
	let mut chain = with_seats(1);
	chain.state(|| {
		for who in [Alice, Bob] {
			let origin = RuntimeOrigin::signed(account(who));
			assert_ok!(IoStaking::candidate(origin, false));
		}
	});
	run(&mut chain, 4 * session());
	chain.state(|| assert_eq!(Session::validators().len(), 2));
}

#[test]
fn should_mint_for_stake_and_treasury_at_the_end_of_an_era() {
	let mut chain = Chain::development();
	run(&mut chain, era() - 1);
	let (before, treasury) =
		chain.state(|| (IoStaking::apy().supply, Balances::balance(&TreasuryAccount::get())));
	run(&mut chain, era());
	chain.state(|| {
		let minted = IoStaking::apy().supply - before;
		let to_treasury = Balances::balance(&TreasuryAccount::get()) - treasury;
		let pool = IoStaking::operator(account(Alice)).unwrap().active - COLLATOR_STAKE;
		// Nobody worked, so nothing is minted for work.
		assert!(pool > 0 && to_treasury > 0);
		assert_eq!(minted, pool + to_treasury);
		assert!(pool.abs_diff(6 * to_treasury) <= 6, "60 % and 10 %: {pool}, {to_treasury}");
		// No more than 8 % a year, in the blocks that have passed.
		let most = before * 8 / 100 / u128::from(365 * DAYS) * u128::from(era()) * 70 / 100;
		assert!(minted <= most, "{minted} > {most}");
	});
}
