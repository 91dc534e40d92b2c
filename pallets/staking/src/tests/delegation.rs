//! Delegators: joining, leaving, settling.

use frame_support::{assert_noop, assert_ok};
use sp_runtime::TokenError;

use crate::{mock::*, Delegators, Error, Event, Ledgers, Positions};

fn pool() -> ExtBuilder {
	ExtBuilder::default().with_operator(ALICE, 1_000)
}

#[test]
fn should_hold_the_stake_in_the_delegators_account_when_delegating() {
	pool().build_and_execute(|| {
		assert_ok!(IoStaking::delegate(signed(BOB), ALICE, 500));
		assert_eq!((held(BOB), free(BOB)), (500, FUNDS - 500));
		assert_eq!(Ledgers::<Test>::get(ALICE).unwrap().active.value, 1_500);
		assert_eq!(events(), [Event::Delegated { delegator: BOB, operator: ALICE, value: 500 }]);
	});
}

#[test]
fn should_refuse_delegation_when_it_cannot_be() {
	pool().with_operator(BOB, 100).build_and_execute(|| {
		let try_it = |who, to, value| IoStaking::delegate(signed(who), to, value);
		assert_noop!(try_it(CHARLIE, DAVE, 500), Error::<Test>::NotOperator);
		assert_noop!(try_it(CHARLIE, ALICE, 0), Error::<Test>::ZeroValue);
		assert_noop!(try_it(ALICE, ALICE, 500), Error::<Test>::OwnPool);
		let few = MIN_DELEGATION - 1;
		assert_noop!(try_it(CHARLIE, ALICE, few), Error::<Test>::DelegationTooLow);
		assert_noop!(try_it(CHARLIE, ALICE, FUNDS), TokenError::FundsUnavailable);
		assert_ok!(IoStaking::unbond(signed(BOB), BOB, 100));
		assert_noop!(try_it(CHARLIE, BOB, 500), Error::<Test>::OperatorLeaving);
	});
}

#[test]
fn should_refuse_delegation_when_there_are_too_many() {
	pool().with_operator(BOB, 100).build_and_execute(|| {
		MaxDelegations::set(1);
		delegate(CHARLIE, ALICE, 100);
		assert_noop!(
			IoStaking::delegate(signed(CHARLIE), BOB, 100),
			Error::<Test>::TooManyDelegations
		);
		delegate(CHARLIE, ALICE, 100);
		// The own pool does not count.
		delegate(BOB, ALICE, 100);
	});
}

#[test]
fn should_give_the_place_back_when_a_delegator_has_left() {
	pool().build_and_execute(|| {
		delegate(BOB, ALICE, 500);
		assert_ok!(IoStaking::unbond(signed(BOB), ALICE, 500));
		assert_eq!(Delegators::<Test>::get(BOB).pools, 1);
		run_to_era(UNBONDING);
		assert_ok!(IoStaking::withdraw(signed(BOB), ALICE));
		assert_eq!((held(BOB), free(BOB)), (0, FUNDS));
		assert!(!Delegators::<Test>::contains_key(BOB));
		assert!(!Positions::<Test>::contains_key(BOB, ALICE));
		assert!(Ledgers::<Test>::contains_key(ALICE));
	});
}

#[test]
fn should_unbond_all_when_the_value_is_more_than_the_worth() {
	pool().build_and_execute(|| {
		delegate(BOB, ALICE, 500);
		assert_ok!(IoStaking::unbond(signed(BOB), ALICE, u128::MAX));
		assert_eq!(Ledgers::<Test>::get(ALICE).unwrap().active.value, 1_000);
	});
}

#[test]
fn should_refuse_unbond_when_dust_would_stay() {
	pool().build_and_execute(|| {
		delegate(BOB, ALICE, 500);
		let most = 500 - MIN_DELEGATION;
		assert_noop!(
			IoStaking::unbond(signed(BOB), ALICE, most + 1),
			Error::<Test>::DelegationTooLow
		);
		assert_ok!(IoStaking::unbond(signed(BOB), ALICE, most));
	});
}

#[test]
fn should_refuse_to_leave_when_there_is_no_position() {
	pool().build_and_execute(|| {
		assert_noop!(IoStaking::unbond(signed(BOB), ALICE, 1), Error::<Test>::NoPosition);
		assert_noop!(IoStaking::withdraw(signed(BOB), ALICE), Error::<Test>::NoPosition);
		assert_noop!(IoStaking::settle(signed(BOB), BOB, ALICE), Error::<Test>::NoPosition);
		assert_noop!(IoStaking::settle(signed(BOB), BOB, BOB), Error::<Test>::NotOperator);
		delegate(BOB, ALICE, 500);
		assert_ok!(IoStaking::unbond(signed(BOB), ALICE, 500));
		assert_noop!(IoStaking::unbond(signed(BOB), ALICE, 1), Error::<Test>::NoPosition);
	});
}

#[test]
fn should_mint_rewards_into_the_hold_when_settled() {
	pool().build_and_execute(|| {
		delegate(BOB, ALICE, 1_000);
		IoStaking::reward_pool(&ALICE, 201);
		let issuance = Balances::total_issuance();
		let view = IoStaking::position(BOB).remove(0);
		assert_eq!((view.worth, view.held, view.unminted), (1_100, 1_000, 100));
		events();
		assert_ok!(IoStaking::settle(signed(CHARLIE), BOB, ALICE));
		assert_eq!((held(BOB), free(BOB)), (1_100, FUNDS - 1_000));
		assert_eq!(Balances::total_issuance(), issuance + 100);
		let settled =
			Event::Settled { delegator: BOB, operator: ALICE, minted: 100, burnt: 0, bounty: 0 };
		assert_eq!(events(), [settled]);
	});
}

#[test]
fn should_pay_a_stranger_out_of_the_position_when_it_collects_a_slash() {
	pool().build_and_execute(|| {
		delegate(BOB, ALICE, 1_000);
		report(1, ALICE, 800);
		let supply = IoStaking::supply();
		assert_ok!(IoStaking::settle(signed(CHARLIE), BOB, ALICE));
		assert_eq!(free(CHARLIE), FUNDS + 2);
		// The pool keeps a fraction.
		assert_eq!((held(BOB), worth(BOB, ALICE)), (747, 747));
		assert_eq!(worth(ALICE, ALICE), 450);
		assert_eq!(IoStaking::supply(), supply);
		// Once is enough.
		assert_ok!(IoStaking::settle(signed(CHARLIE), BOB, ALICE));
		assert_eq!(free(CHARLIE), FUNDS + 2);
	});
}

#[test]
fn should_pay_no_bounty_when_one_settles_oneself() {
	pool().build_and_execute(|| {
		delegate(BOB, ALICE, 1_000);
		report(1, ALICE, 800);
		assert_ok!(IoStaking::settle(signed(BOB), BOB, ALICE));
		assert_eq!((held(BOB), free(BOB)), (750, FUNDS - 1_000));
	});
}

#[test]
fn should_begin_anew_when_all_positions_of_an_emptied_pool_are_settled() {
	pool().build_and_execute(|| {
		delegate(BOB, ALICE, 1_000);
		assert_eq!(report(1, ALICE, 2_000), 2_000);
		assert_noop!(IoStaking::bond_extra(signed(ALICE), 500), Error::<Test>::PoolEmptied);
		// As long as the slash can be cancelled, nobody loses shares.
		assert_ok!(IoStaking::settle(signed(ALICE), BOB, ALICE));
		assert!(Positions::<Test>::contains_key(BOB, ALICE));
		run_to_block(1 + DEFER);
		assert_ok!(IoStaking::settle(signed(ALICE), BOB, ALICE));
		assert!(!Positions::<Test>::contains_key(BOB, ALICE));
		assert_eq!(held(BOB), 0);
		assert!(!Ledgers::<Test>::contains_key(ALICE));
		let metadata = Default::default();
		let zero = sp_runtime::Perbill::zero();
		assert_ok!(IoStaking::register_operator(signed(ALICE), 500, zero, metadata));
	});
}

#[test]
fn should_keep_what_is_left_when_an_almost_emptied_pool_is_settled() {
	pool().build_and_execute(|| {
		use frame_support::traits::fungible::Mutate;
		Balances::mint_into(&BOB, 100_000_000).unwrap();
		delegate(BOB, ALICE, 100_000_000);
		report(1, ALICE, 100_000_990);
		assert_eq!(worth(BOB, ALICE), 10);
		assert_noop!(IoStaking::delegate(signed(BOB), ALICE, 100), Error::<Test>::OperatorLeaving);
		run_to_block(1 + DEFER);
		assert_ok!(IoStaking::settle(signed(CHARLIE), BOB, ALICE));
		run_to_era(UNBONDING);
		let before = free(BOB);
		assert_ok!(IoStaking::withdraw(signed(BOB), ALICE));
		assert!(free(BOB) > before);
	});
}

#[test]
fn should_tell_all_positions_when_viewed() {
	pool().with_operator(BOB, 300).build_and_execute(|| {
		delegate(BOB, ALICE, 500);
		assert_ok!(IoStaking::unbond(signed(BOB), ALICE, 200));
		let mut views = IoStaking::position(BOB);
		views.sort_by_key(|view| view.operator);
		assert_eq!((views[0].operator, views[0].worth, views[0].held), (ALICE, 300, 500));
		assert_eq!((views[1].operator, views[1].worth, views[1].held), (BOB, 300, 300));
		assert_eq!(views[0].unbonding.len(), 1);
	});
}
