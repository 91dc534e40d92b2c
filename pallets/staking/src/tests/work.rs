//! Work: what counts in elections, what it earns, claims.

use frame_support::{assert_noop, assert_ok, weights::WeightMeter};
use io_primitives::{Balance, WorkLedger};
use sp_runtime::Perbill;

use crate::{
	mock::*, Backing, Economics, EraRewards, Error, Event, OldestEra, WeightInfo, WorkOf,
	CLAIM_ERAS,
};

fn two() -> ExtBuilder {
	ExtBuilder::default().with_operator(ALICE, 1_000).with_operator(BOB, 1_000)
}

fn settled(who: AccountId, fee: Balance) {
	IoStaking::settled(&who, 0, 1, fee);
}

fn work(who: AccountId) -> u128 {
	IoStaking::operator(who).unwrap().work
}

/// As much for work as the default, with so much supply that an era mints something.
fn mint() {
	use frame_support::traits::fungible::Mutate;
	Balances::mint_into(&DAVE, 1_000_000_000_000).unwrap();
	Mint::set(Economics { kappa: Perbill::from_percent(90), ..Economics::DEFAULT });
}

/// What work can earn in the era that ended last.
fn for_work() -> Balance {
	events()
		.into_iter()
		.find_map(|event| match event {
			Event::EraEnded { for_work, .. } => Some(for_work),
			_ => None,
		})
		.unwrap()
}

#[test]
fn should_count_operations_and_burnt_fees_in_the_election() {
	two().build_and_execute(|| {
		IoStaking::certified(&ALICE, 500);
		settled(ALICE, 7);
		settled(ALICE, 0);
		assert_eq!((work(ALICE), work(BOB)), (500 + 7 * TERMS.work_per_burnt, 0));
	});
}

#[test]
fn should_count_work_for_the_candidate_that_is_backed() {
	two().build_and_execute(|| {
		IoStaking::certified(&BOB, 1);
		assert_ok!(IoStaking::back(signed(BOB), Some(ALICE)));
		IoStaking::certified(&BOB, 10);
		assert_eq!((work(ALICE), work(BOB)), (10, 1));
		assert_ok!(IoStaking::back(signed(BOB), None));
		IoStaking::certified(&BOB, 100);
		assert_eq!((work(ALICE), work(BOB)), (10, 101));
		assert!(!Backing::<Test>::contains_key(BOB));
		assert_eq!(
			events(),
			[
				Event::Backed { operator: BOB, candidate: Some(ALICE) },
				Event::Backed { operator: BOB, candidate: None }
			]
		);
	});
}

#[test]
fn should_count_work_for_oneself_when_the_backed_candidate_is_gone() {
	two().build_and_execute(|| {
		assert_ok!(IoStaking::back(signed(BOB), Some(ALICE)));
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 1_000));
		run_to_era(UNBONDING);
		assert_ok!(IoStaking::withdraw(signed(ALICE), ALICE));
		IoStaking::certified(&BOB, 10);
		assert_eq!(work(BOB), 10);
	});
}

#[test]
fn should_refuse_to_back_when_one_of_both_is_no_operator() {
	two().build_and_execute(|| {
		assert_noop!(IoStaking::back(signed(CHARLIE), Some(ALICE)), Error::<Test>::NotOperator);
		assert_noop!(IoStaking::back(signed(BOB), Some(CHARLIE)), Error::<Test>::NotOperator);
	});
}

#[test]
fn should_forget_work_when_it_is_older_than_the_window() {
	two().build_and_execute(|| {
		IoStaking::certified(&ALICE, 1);
		run_to_era(1);
		IoStaking::certified(&ALICE, 10);
		run_to_era(2);
		assert_eq!(work(ALICE), 11);
		run_to_era(3);
		assert_eq!(work(ALICE), 10);
		IoStaking::certified(&ALICE, 100);
		assert_eq!(work(ALICE), 110);
		run_to_era(9);
		assert_eq!(work(ALICE), 0);
	});
}

#[test]
fn should_pay_work_by_operations_and_by_burnt_fees() {
	two().build_and_execute(|| {
		mint();
		IoStaking::certified(&ALICE, 300);
		IoStaking::certified(&BOB, 100);
		settled(ALICE, 100);
		settled(BOB, 900);
		let supply = IoStaking::supply();
		run_to_era(1);
		let reward = EraRewards::<Test>::get(0).unwrap();
		// Nine tenths of the thousand that was burnt.
		assert_eq!(reward.settled, 900);
		assert_eq!(reward.certified + reward.settled, for_work());
		let before = (free(ALICE), free(BOB));
		let supply_then = IoStaking::supply();
		assert_ok!(IoStaking::claim(signed(CHARLIE), 0, ALICE));
		assert_ok!(IoStaking::claim(signed(CHARLIE), 0, BOB));
		let paid = (free(ALICE) - before.0, free(BOB) - before.1);
		assert_eq!(paid, (reward.certified * 3 / 4 + 90, reward.certified / 4 + 810));
		assert_eq!(IoStaking::supply(), supply_then + paid.0 + paid.1);
		assert!(supply_then > supply);
		assert_eq!(events().len(), 2);
		assert_noop!(IoStaking::claim(signed(BOB), 0, BOB), Error::<Test>::NothingToClaim);
	});
}

#[test]
fn should_never_pay_back_more_than_kappa_of_what_was_burnt() {
	two().build_and_execute(|| {
		mint();
		// Who pays itself alone gets nine tenths of what it burnt back, although the budget is much larger.
		settled(ALICE, 1_000);
		run_to_era(1);
		assert_ok!(IoStaking::claim(signed(ALICE), 0, ALICE));
		assert_eq!(free(ALICE), FUNDS - 1_000 + 900);
		// And less when more is burnt than the budget has.
		settled(ALICE, 1_000_000_000_000);
		run_to_era(2);
		let budget = EraRewards::<Test>::get(1).unwrap().settled;
		assert!((1..900_000_000_000).contains(&budget), "{budget}");
	});
}

#[test]
fn should_mint_nothing_for_work_when_there_is_none() {
	two().build_and_execute(|| {
		mint();
		run_to_era(1);
		assert_eq!(for_work(), 0);
		assert!(!EraRewards::<Test>::contains_key(0));
	});
}

#[test]
fn should_refuse_a_claim_when_it_cannot_be() {
	two().build_and_execute(|| {
		mint();
		IoStaking::certified(&ALICE, 1);
		assert_noop!(IoStaking::claim(signed(BOB), 0, ALICE), Error::<Test>::EraNotOver);
		assert_noop!(IoStaking::claim(signed(BOB), 7, ALICE), Error::<Test>::EraNotOver);
		run_to_era(CLAIM_ERAS);
		assert_noop!(IoStaking::claim(signed(BOB), 0, BOB), Error::<Test>::NothingToClaim);
		assert_ok!(frame_support::storage::with_storage_layer(|| {
			IoStaking::claim(signed(BOB), 0, ALICE)
		}));
		run_to_era(CLAIM_ERAS + 1);
		assert_noop!(IoStaking::claim(signed(BOB), 0, ALICE), Error::<Test>::EraForgotten);
	});
}

#[test]
fn should_forget_old_work_step_by_step() {
	two().build_and_execute(|| {
		mint();
		for who in 100..140 {
			IoStaking::certified(&who, 1);
		}
		run_to_era(CLAIM_ERAS);
		System::set_block_number(System::block_number() + ERA);
		IoStaking::close_session();
		IoStaking::close_session();
		assert_eq!(WorkOf::<Test>::iter().count(), 40);
		// Without weight nothing happens; with weight for three, three go.
		IoStaking::forget_old_eras(&mut WeightMeter::with_limit(Default::default()));
		assert_eq!(WorkOf::<Test>::iter().count(), 40);
		let limit = <() as WeightInfo>::forget_base()
			.saturating_add(<() as WeightInfo>::forget_one().saturating_mul(3));
		let mut meter = WeightMeter::with_limit(limit);
		IoStaking::forget_old_eras(&mut meter);
		assert_eq!(meter.consumed(), limit);
		assert_eq!(WorkOf::<Test>::iter().count(), 37);
		for left in [21, 5, 0] {
			assert!(EraRewards::<Test>::contains_key(0));
			IoStaking::forget_old_eras(&mut WeightMeter::new());
			assert_eq!(WorkOf::<Test>::iter().count(), left);
		}
		assert!(!EraRewards::<Test>::contains_key(0));
		assert_eq!(OldestEra::<Test>::get(), 1);
		IoStaking::forget_old_eras(&mut WeightMeter::new());
		assert_eq!(OldestEra::<Test>::get(), 1);
	});
}
