//! Cost does not depend on the number of delegators.

use codec::Encode;
use frame_support::{assert_ok, traits::fungible::Mutate, weights::WeightMeter};
use io_primitives::WorkLedger;
use pallet_authorship::EventHandler;

use crate::{mock::*, Economics, Ledgers, PositionOf, Positions, Total};

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

/// Keys that are read, and keys that are written, by the action, which leaves no trace.
fn touched(ext: &mut sp_io::TestExternalities, action: fn()) -> (usize, usize) {
	let recorder = Default::default();
	ext.reset_overlay();
	ext.execute_with_recorder(Clone::clone(&recorder), || {
		recorder.reset();
		action();
	});
	let written = ext.overlayed_changes().changes().count();
	ext.reset_overlay();
	(recorder.recorded_keys().values().map(|keys| keys.len()).sum(), written)
}

fn slash() {
	assert_eq!(report_since(1, ALICE, 500, 1), 500);
}

fn apply_slash() {
	report_harm(1, ALICE, 500, (DAVE, 100));
	System::set_block_number(System::block_number() + DEFER);
	IoStaking::apply_due_slashes(&mut WeightMeter::new());
	assert_eq!(crate::Slashes::<Test>::iter().count(), 0);
}

fn reward() {
	let before = crate::Total::<Test>::get().active;
	IoStaking::close_session();
	IoStaking::close_session();
	assert_eq!(IoStaking::current_era(), 2);
	assert!(crate::Total::<Test>::get().active > before + 1_000);
}

fn elect() {
	assert_eq!(IoStaking::elect(9), Some(vec![ALICE, BOB]));
}

#[test]
fn should_cost_the_same_for_10_and_for_100_000_delegators() {
	let (mut few, mut many) = (crowd(10), crowd(100_000));
	for (name, action, reads, writes) in [
		("slash", slash as fn(), 20, 16),
		("apply", apply_slash, 25, 16),
		("reward", reward, 50, 22),
		("elect", elect, 20, 6),
	] {
		let cost = touched(&mut few, action);
		assert_eq!(cost, touched(&mut many, action), "{name}");
		assert!((1..=reads).contains(&cost.0) && (1..=writes).contains(&cost.1), "{name} {cost:?}");
	}
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
