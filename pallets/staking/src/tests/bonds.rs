//! Bonds that jobs lock.

use frame_support::{assert_noop, assert_ok};
use io_primitives::Bonding;

use crate::{mock::*, Error};

#[test]
fn should_reduce_free_stake_when_locking() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_ok!(IoStaking::lock(&ALICE, 120));
		assert_eq!(IoStaking::free(&ALICE), 180);
		assert_eq!(IoStaking::locked(&ALICE), 120);
	});
}

#[test]
fn should_refuse_lock_when_too_little_is_free() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_ok!(IoStaking::lock(&ALICE, 120));
		assert_noop!(IoStaking::lock(&ALICE, 181), Error::<Test>::InsufficientFree);
		assert_ok!(IoStaking::lock(&ALICE, 180));
	});
}

#[test]
fn should_refuse_lock_when_stake_is_unbonding() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 200));
		assert_noop!(IoStaking::lock(&ALICE, 101), Error::<Test>::InsufficientFree);
	});
}

#[test]
fn should_refuse_lock_when_not_operator() {
	ExtBuilder::default().build_and_execute(|| {
		assert_noop!(IoStaking::lock(&ALICE, 1), Error::<Test>::NotOperator);
		assert_eq!(IoStaking::free(&ALICE), 0);
		assert_eq!(IoStaking::locked(&ALICE), 0);
	});
}

#[test]
fn should_unlock_what_is_locked_when_more_is_asked_for() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_ok!(IoStaking::lock(&ALICE, 120));
		IoStaking::unlock(&ALICE, 20);
		assert_eq!(IoStaking::locked(&ALICE), 100);
		IoStaking::unlock(&ALICE, u128::MAX);
		assert_eq!(IoStaking::locked(&ALICE), 0);
		assert_eq!(IoStaking::free(&ALICE), 300);
	});
}

#[test]
fn should_change_nothing_when_unlocking_for_a_stranger() {
	ExtBuilder::default().build_and_execute(|| {
		IoStaking::unlock(&ALICE, 20);
		assert!(!IoStaking::is_operator(&ALICE));
	});
}

#[test]
fn should_keep_other_bonds_when_one_is_unlocked_and_slashed() {
	ExtBuilder::default().with_operator(ALICE, 100).build_and_execute(|| {
		assert_ok!(IoStaking::lock(&ALICE, 50));
		assert_ok!(IoStaking::lock(&ALICE, 50));
		IoStaking::unlock(&ALICE, 50);
		assert_eq!(report(1, ALICE, 50), 50);
		assert_eq!(IoStaking::locked(&ALICE), 50);
		assert_eq!(IoStaking::free(&ALICE), 0);
	});
}

#[test]
fn should_shrink_bonds_when_a_slash_leaves_less() {
	ExtBuilder::default().with_operator(ALICE, 100).build_and_execute(|| {
		assert_ok!(IoStaking::lock(&ALICE, 80));
		report(1, ALICE, 70);
		assert_eq!(IoStaking::locked(&ALICE), 30);
	});
}

#[test]
fn should_lock_delegated_stake_up_to_five_times_the_own() {
	ExtBuilder::default().with_operator(ALICE, 100).build_and_execute(|| {
		delegate(BOB, ALICE, 300);
		assert_eq!((IoStaking::stake(&ALICE), IoStaking::free(&ALICE)), (100, 400));
		delegate(BOB, ALICE, 300);
		assert_eq!((IoStaking::stake(&ALICE), IoStaking::free(&ALICE)), (100, 500));
		assert_noop!(IoStaking::lock(&ALICE, 501), Error::<Test>::InsufficientFree);
		assert_ok!(IoStaking::lock(&ALICE, 500));
	});
}

#[test]
fn should_let_delegators_unbond_and_refuse_withdrawal_when_all_is_locked() {
	ExtBuilder::default().with_operator(ALICE, 100).build_and_execute(|| {
		delegate(BOB, ALICE, 400);
		assert_ok!(IoStaking::lock(&ALICE, 500));
		assert_ok!(IoStaking::unbond(signed(BOB), ALICE, 400));
		assert_eq!(IoStaking::free(&ALICE), 0);
		run_to_era(UNBONDING);
		assert_noop!(IoStaking::withdraw(signed(BOB), ALICE), Error::<Test>::BondsLocked);
		IoStaking::unlock(&ALICE, 400);
		assert_ok!(IoStaking::withdraw(signed(BOB), ALICE));
		assert_eq!(free(BOB), FUNDS);
	});
}
