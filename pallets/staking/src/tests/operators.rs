//! Registration, stake, unbonding.

use frame_support::{assert_noop, assert_ok, traits::Hooks};
use io_primitives::Bonding;
use sp_runtime::{Perbill, TokenError};

use crate::{mock::*, Error, Event, LeavingView, Ledgers, Metadata, MetadataOf, OperatorView};

const COMMISSION: Perbill = Perbill::from_percent(10);

#[test]
fn should_hold_the_stake_when_registering() {
	ExtBuilder::default().build_and_execute(|| {
		let metadata = Metadata::try_from(b"alice".to_vec()).unwrap();
		assert_ok!(IoStaking::register_operator(signed(ALICE), 500, COMMISSION, metadata));
		assert!(IoStaking::is_operator(&ALICE));
		assert_eq!(held(ALICE), 500);
		assert_eq!(Balances::free_balance(ALICE), FUNDS - 500);
		assert_eq!(events(), [Event::OperatorRegistered { operator: ALICE, stake: 500 }]);
	});
}

#[test]
fn should_refuse_registration_when_already_operator() {
	ExtBuilder::default().with_operator(ALICE, 500).build_and_execute(|| {
		assert_noop!(
			IoStaking::register_operator(signed(ALICE), 500, COMMISSION, Metadata::default()),
			Error::<Test>::AlreadyOperator
		);
	});
}

#[test]
fn should_refuse_registration_when_stake_is_below_minimum() {
	ExtBuilder::default().build_and_execute(|| {
		assert_noop!(
			IoStaking::register_operator(
				signed(ALICE),
				MIN_STAKE - 1,
				COMMISSION,
				Metadata::default()
			),
			Error::<Test>::StakeTooLow
		);
	});
}

#[test]
fn should_refuse_registration_when_stake_takes_the_existential_deposit() {
	ExtBuilder::default().build_and_execute(|| {
		assert_noop!(
			IoStaking::register_operator(signed(ALICE), FUNDS, COMMISSION, Metadata::default()),
			TokenError::FundsUnavailable
		);
	});
}

#[test]
fn should_register_when_named_in_genesis() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_eq!(held(ALICE), 300);
		assert_eq!(IoStaking::free(&ALICE), 300);
	});
}

#[test]
#[should_panic(expected = "a genesis operator")]
fn should_refuse_genesis_when_stake_is_below_minimum() {
	ExtBuilder::default().with_operator(ALICE, MIN_STAKE - 1).build();
}

#[test]
fn should_add_stake_when_bonding_extra() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_ok!(IoStaking::bond_extra(signed(ALICE), 50));
		assert_eq!(IoStaking::free(&ALICE), 350);
		assert_eq!(events(), [Event::Bonded { operator: ALICE, value: 50 }]);
	});
}

#[test]
fn should_refuse_bond_extra_when_not_operator() {
	ExtBuilder::default().build_and_execute(|| {
		assert_noop!(IoStaking::bond_extra(signed(ALICE), 1), Error::<Test>::NotOperator);
	});
}

#[test]
fn should_refuse_bond_extra_when_value_is_zero() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_noop!(IoStaking::bond_extra(signed(ALICE), 0), Error::<Test>::ZeroValue);
	});
}

#[test]
fn should_refuse_bond_extra_when_stake_stays_below_minimum() {
	ExtBuilder::default().with_operator(ALICE, MIN_STAKE).build_and_execute(|| {
		report(1, ALICE, 50);
		assert_noop!(IoStaking::bond_extra(signed(ALICE), 49), Error::<Test>::StakeTooLow);
		assert_ok!(IoStaking::bond_extra(signed(ALICE), 50));
	});
}

#[test]
fn should_refuse_bond_extra_when_funds_are_missing() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_noop!(IoStaking::bond_extra(signed(ALICE), u128::MAX), TokenError::FundsUnavailable);
	});
}

#[test]
fn should_keep_the_money_on_hold_when_unbonding() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 200));
		assert_eq!(held(ALICE), 300);
		assert_eq!(IoStaking::free(&ALICE), 100);
		assert_eq!(
			events(),
			[Event::Unbonded { delegator: ALICE, operator: ALICE, value: 200, due: UNBONDING }]
		);
	});
}

#[test]
fn should_refuse_unbond_when_not_operator() {
	ExtBuilder::default().build_and_execute(|| {
		assert_noop!(IoStaking::unbond(signed(ALICE), ALICE, 1), Error::<Test>::NotOperator);
	});
}

#[test]
fn should_refuse_unbond_when_value_is_zero() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_noop!(IoStaking::unbond(signed(ALICE), ALICE, 0), Error::<Test>::ZeroValue);
	});
}

#[test]
fn should_refuse_unbond_when_stake_is_locked() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		// A fifth of the bonds must be covered by the own stake.
		assert_ok!(IoStaking::bond_extra(signed(ALICE), 700));
		assert_ok!(IoStaking::lock(&ALICE, 1_000));
		assert_noop!(IoStaking::unbond(signed(ALICE), ALICE, 801), Error::<Test>::InsufficientFree);
		assert_noop!(
			IoStaking::unbond(signed(ALICE), ALICE, 1_000),
			Error::<Test>::InsufficientFree
		);
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 800));
	});
}

#[test]
fn should_refuse_unbond_when_too_little_would_stay() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_noop!(IoStaking::unbond(signed(ALICE), ALICE, 201), Error::<Test>::StakeTooLow);
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 300));
	});
}

#[test]
fn should_refuse_unbond_when_all_chunks_are_in_use() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		for _ in 0..MAX_UNBONDING {
			assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 10));
			run_to_era(IoStaking::current_era() + 1);
		}
		assert_noop!(IoStaking::unbond(signed(ALICE), ALICE, 10), Error::<Test>::TooManyUnbonding);
	});
}

#[test]
fn should_share_a_chunk_when_unbonding_twice_in_an_era() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 10));
		run_to_block(ERA - 1);
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 15));
		let view = IoStaking::position(ALICE).remove(0);
		assert_eq!(view.unbonding, [LeavingView { value: 25, due: UNBONDING }]);
	});
}

#[test]
fn should_free_the_stake_when_withdrawing_after_the_unbonding_time() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 100));
		run_to_era(1);
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 50));
		run_to_era(UNBONDING);
		events();
		assert_ok!(IoStaking::withdraw(signed(ALICE), ALICE));
		assert_eq!(held(ALICE), 200);
		assert_eq!(Balances::free_balance(ALICE), FUNDS - 200);
		assert_eq!(events(), [Event::Withdrawn { delegator: ALICE, operator: ALICE, value: 100 }]);
	});
}

#[test]
fn should_refuse_withdraw_when_nothing_is_due() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 100));
		run_to_block(UNBONDING * ERA - 1);
		assert_noop!(IoStaking::withdraw(signed(ALICE), ALICE), Error::<Test>::NothingToWithdraw);
	});
}

#[test]
fn should_refuse_withdraw_when_bonds_need_the_stake() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_ok!(IoStaking::lock(&ALICE, 300));
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 200));
		run_to_era(UNBONDING);
		assert_noop!(IoStaking::withdraw(signed(ALICE), ALICE), Error::<Test>::BondsLocked);
		IoStaking::unlock(&ALICE, 200);
		assert_ok!(IoStaking::withdraw(signed(ALICE), ALICE));
	});
}

#[test]
fn should_refuse_withdraw_when_not_operator() {
	ExtBuilder::default().build_and_execute(|| {
		assert_noop!(IoStaking::withdraw(signed(ALICE), ALICE), Error::<Test>::NotOperator);
	});
}

#[test]
fn should_forget_the_operator_when_all_is_withdrawn() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 300));
		run_to_era(UNBONDING);
		events();
		assert_ok!(IoStaking::withdraw(signed(ALICE), ALICE));
		assert!(!IoStaking::is_operator(&ALICE));
		assert!(!MetadataOf::<Test>::contains_key(ALICE));
		assert_eq!(Balances::free_balance(ALICE), FUNDS);
		assert_eq!(
			events(),
			[
				Event::Withdrawn { delegator: ALICE, operator: ALICE, value: 300 },
				Event::OperatorRemoved { operator: ALICE }
			]
		);
	});
}

#[test]
fn should_keep_the_ledger_when_a_slash_is_pending() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		SlashDefer::set(UNBONDING * ERA + 5);
		report(1, ALICE, 300);
		run_to_era(UNBONDING);
		assert_noop!(IoStaking::withdraw(signed(ALICE), ALICE), Error::<Test>::NothingToWithdraw);
		assert!(Ledgers::<Test>::contains_key(ALICE));
	});
}

#[test]
fn should_forget_the_operator_when_all_was_slashed() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		report(1, ALICE, 300);
		run_to_block(1 + DEFER);
		assert_noop!(IoStaking::bond_extra(signed(ALICE), 500), Error::<Test>::PoolEmptied);
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 1));
		assert!(!IoStaking::is_operator(&ALICE));
	});
}

#[test]
fn should_tell_everything_when_an_operator_is_viewed() {
	ExtBuilder::default().build_and_execute(|| {
		let metadata = Metadata::try_from(b"alice".to_vec()).unwrap();
		assert_ok!(IoStaking::register_operator(signed(ALICE), 500, COMMISSION, metadata));
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 100));
		assert_ok!(IoStaking::lock(&ALICE, 70));
		// Half from what is active first, half from what is active and what leaves alike.
		report(1, ALICE, 30);
		assert_eq!(
			IoStaking::operator(ALICE),
			Some(OperatorView {
				active: 373,
				own: 373,
				locked: 70,
				free: 303,
				leaving: 97,
				pending: 30,
				holders: 1,
				commission: COMMISSION,
				work: 0,
				candidate: false,
				metadata: b"alice".to_vec(),
			})
		);
		assert_eq!(IoStaking::operator(BOB), None);
	});
}

#[test]
fn should_accept_the_constants_when_checked() {
	ExtBuilder::default().build_and_execute(IoStaking::integrity_test);
}
