//! Cost does not depend on the number of delegators.

use codec::Encode;
use frame_support::{assert_ok, traits::fungible::Mutate};
use io_primitives::WorkLedger;
use pallet_authorship::EventHandler;

use crate::{mock::*, Delegations, Economics, Ledgers, PositionOf, Positions, Total};

/// Alice's pool with so many delegators.
fn crowd(delegators: u64) -> sp_io::TestExternalities {
	let mut ext =
		ExtBuilder::default().with_candidate(ALICE, 1_000).with_candidate(BOB, 1_000).build();
	ext.execute_with(|| {
		Mint::set(Economics::DEFAULT);
		Balances::mint_into(&DAVE, 1_000_000_000_000).unwrap();
		delegate(DAVE, ALICE, 1_000);
		for who in 1_000..1_000 + delegators {
			let position = PositionOf::<Test> { shares: 100, held: 100, ..Default::default() };
			Positions::<Test>::insert(who, ALICE, position);
			Delegations::<Test>::insert(who, 1);
		}
		let all = u128::from(delegators) * 100;
		Ledgers::<Test>::mutate(ALICE, |ledger| {
			let ledger = ledger.as_mut().unwrap();
			ledger.active.shares += all;
			ledger.active.value += all;
			ledger.holders += delegators;
		});
		Total::<Test>::mutate(|totals| {
			totals.active += all;
			totals.value += all;
			totals.held += all;
		});
		// Some leave, in two eras.
		assert_ok!(IoStaking::unbond(signed(DAVE), ALICE, 100));
		run_to_era(1);
		assert_ok!(IoStaking::unbond(signed(DAVE), ALICE, 100));
		IoStaking::note_author(ALICE);
		IoStaking::note_author(BOB);
		IoStaking::certified(&ALICE, 5);
	});
	ext.commit_all().unwrap();
	ext
}

/// Keys that are read, and keys that are written, by the action.
fn touched(delegators: u64, action: fn()) -> (usize, usize) {
	let mut ext = crowd(delegators);
	let recorder = Default::default();
	let mut before = Vec::new();
	ext.execute_with(|| before = snapshot());
	ext.execute_with_recorder(Clone::clone(&recorder), || {
		recorder.reset();
		action();
	});
	let read = recorder.recorded_keys().values().map(|keys| keys.len()).sum();
	let after = ext.execute_with(snapshot);
	let written = before
		.iter()
		.filter(|pair| after.binary_search(pair).is_err())
		.map(|(key, _)| key)
		.chain(after.iter().filter(|pair| before.binary_search(pair).is_err()).map(|(key, _)| key))
		.collect::<std::collections::BTreeSet<_>>()
		.len();
	(read, written)
}

/// All storage, in order.
fn snapshot() -> Vec<(Vec<u8>, Vec<u8>)> {
	let mut all = Vec::new();
	let mut key = Vec::new();
	while let Some(next) = sp_io::storage::next_key(&key) {
		let value = sp_io::storage::get(&next).map(|value| value.to_vec()).unwrap_or_default();
		all.push((next.clone(), value));
		key = next;
	}
	all
}

/// Asserts that the action touches the same number of items with 10 and with 100,000 delegators, and how many at most.
fn assert_constant(action: fn(), reads: usize, writes: usize) {
	let few = touched(10, action);
	let many = touched(100_000, action);
	assert_eq!(few, many);
	assert!(few.0 <= reads && few.1 <= writes, "{few:?}");
	assert!(few.0 > 0 && few.1 > 0, "{few:?}");
}

#[test]
fn should_slash_at_the_same_cost_for_10_and_for_100_000_delegators() {
	assert_constant(|| assert!(report_since(1, ALICE, 500, 1) == 500), 20, 16);
}

#[test]
fn should_reward_at_the_same_cost_for_10_and_for_100_000_delegators() {
	assert_constant(
		|| {
			IoStaking::close_session();
			IoStaking::close_session();
			assert_eq!(IoStaking::current_era(), 2);
			let views = (IoStaking::operator(ALICE).unwrap(), IoStaking::operator(BOB).unwrap());
			assert!(views.0.active > 1_000 && views.1.active > 1_000);
		},
		50,
		22,
	);
}

#[test]
fn should_elect_at_the_same_cost_for_10_and_for_100_000_delegators() {
	assert_constant(|| assert_eq!(IoStaking::elect(9), Some(vec![ALICE, BOB])), 20, 6);
}

#[test]
fn should_settle_a_slash_at_the_same_cost_for_10_and_for_100_000_delegators() {
	assert_constant(
		|| {
			report_harm(1, ALICE, 500, (DAVE, 100));
			System::set_block_number(System::block_number() + DEFER);
			IoStaking::apply_due_slashes(&mut frame_support::weights::WeightMeter::new());
			assert_eq!(crate::Slashes::<Test>::iter().count(), 0);
		},
		25,
		16,
	);
}

#[test]
fn should_bond_with_one_item() {
	let mut ext = crowd(10);
	let recorder = Default::default();
	ext.execute_with_recorder(Clone::clone(&recorder), || {
		use io_primitives::Bonding;
		recorder.reset();
		assert_ok!(IoStaking::lock(&ALICE, 100));
		assert!(IoStaking::free(&ALICE) > 0 && IoStaking::stake(&ALICE) > 0);
		IoStaking::unlock(&ALICE, 50);
		let ledger = Ledgers::<Test>::get(ALICE).unwrap();
		assert!(ledger.encoded_size() < 120);
	});
	let read: usize = recorder.recorded_keys().values().map(|keys| keys.len()).sum();
	assert_eq!(read, 1);
}
