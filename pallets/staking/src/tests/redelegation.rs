//! Stake that changes its pool, and what it still answers for.

use frame_support::{assert_noop, assert_ok};
use io_primitives::Bonding;

use crate::{mock::*, Bucket, Error, Event, Ledgers, MoveView, Positions, Unbonding, MAX_MOVES};

/// Charlie has 500 in Alice's pool of 1,500; Dave has 1,000 in Bob's of 2,000.
fn pools() -> ExtBuilder {
	ExtBuilder::default().with_operator(ALICE, 1_000).with_operator(BOB, 1_000)
}

fn joined() {
	delegate(CHARLIE, ALICE, 500);
	delegate(DAVE, BOB, 1_000);
	events();
}

fn redelegate(from: AccountId, to: AccountId, value: u128) {
	IoStaking::redelegate(signed(CHARLIE), from, to, value).unwrap();
}

fn active(operator: AccountId) -> u128 {
	Ledgers::<Test>::get(operator).unwrap().active.value
}

#[test]
fn should_move_stake_at_once_when_it_is_redelegated() {
	pools().build_and_execute(|| {
		joined();
		redelegate(ALICE, BOB, 300);
		assert_eq!((active(ALICE), active(BOB)), (1_200, 2_300));
		assert_eq!((worth(CHARLIE, ALICE), worth(CHARLIE, BOB)), (200, 300));
		assert_eq!((held(CHARLIE), free(CHARLIE)), (500, FUNDS - 500));
		let due = UNBONDING;
		let views = IoStaking::position(CHARLIE);
		let moved = views.iter().find(|view| view.operator == BOB).unwrap();
		assert_eq!(moved.moves, [MoveView { from: ALICE, value: 300, due }]);
		assert_eq!(
			events(),
			[Event::Redelegated { delegator: CHARLIE, from: ALICE, to: BOB, value: 300, due }]
		);
	});
}

#[test]
fn should_move_all_when_the_value_is_more_than_the_worth() {
	pools().build_and_execute(|| {
		joined();
		redelegate(ALICE, BOB, u128::MAX);
		assert_eq!((active(ALICE), active(BOB)), (1_000, 2_500));
		assert!(!Positions::<Test>::contains_key(CHARLIE, ALICE));
	});
}

#[test]
fn should_refuse_to_redelegate_when_it_cannot_be() {
	pools().with_operator(EVE, 1_000).build_and_execute(|| {
		joined();
		delegate(ALICE, BOB, 100);
		let try_it = |who, from, to, value| IoStaking::redelegate(signed(who), from, to, value);
		assert_noop!(try_it(CHARLIE, ALICE, BOB, 0), Error::<Test>::ZeroValue);
		assert_noop!(try_it(CHARLIE, ALICE, ALICE, 100), Error::<Test>::SamePool);
		assert_noop!(try_it(ALICE, ALICE, BOB, 100), Error::<Test>::OwnPool);
		assert_noop!(try_it(ALICE, BOB, ALICE, 100), Error::<Test>::OwnPool);
		assert_noop!(try_it(CHARLIE, NOBODY, BOB, 100), Error::<Test>::NotOperator);
		assert_noop!(try_it(CHARLIE, ALICE, NOBODY, 100), Error::<Test>::NotOperator);
		assert_noop!(try_it(CHARLIE, BOB, ALICE, 100), Error::<Test>::NoPosition);
		let few = MIN_DELEGATION - 1;
		assert_noop!(try_it(CHARLIE, ALICE, BOB, few), Error::<Test>::DelegationTooLow);
		assert_noop!(try_it(CHARLIE, ALICE, BOB, 500 - few), Error::<Test>::DelegationTooLow);
		assert_ok!(IoStaking::unbond(signed(EVE), EVE, 1_000));
		assert_noop!(try_it(CHARLIE, ALICE, EVE, 100), Error::<Test>::OperatorLeaving);
		MaxDelegations::set(1);
		assert_noop!(try_it(CHARLIE, ALICE, BOB, 100), Error::<Test>::TooManyDelegations);
		// Who takes all out of one pool has room for another.
		assert_ok!(try_it(CHARLIE, ALICE, BOB, 500));
	});
}

#[test]
fn should_refuse_to_redelegate_when_bonds_need_the_stake() {
	pools().build_and_execute(|| {
		joined();
		assert_ok!(IoStaking::lock(&ALICE, 1_300));
		assert_noop!(
			IoStaking::redelegate(signed(CHARLIE), ALICE, BOB, 300),
			Error::<Test>::BondsLocked
		);
		redelegate(ALICE, BOB, 200);
	});
}

#[test]
fn should_redelegate_once_an_era() {
	pools().build_and_execute(|| {
		joined();
		redelegate(ALICE, BOB, 100);
		assert_noop!(
			IoStaking::redelegate(signed(CHARLIE), ALICE, BOB, 100),
			Error::<Test>::MovedThisEra
		);
		run_to_era(1);
		redelegate(ALICE, BOB, 100);
	});
}

#[test]
fn should_refuse_to_move_stake_on_while_it_answers_for_another_pool() {
	pools().with_operator(EVE, 1_000).build_and_execute(|| {
		joined();
		redelegate(ALICE, BOB, 100);
		run_to_era(UNBONDING - 1);
		assert_noop!(
			IoStaking::redelegate(signed(CHARLIE), BOB, EVE, 100),
			Error::<Test>::StillLiable
		);
		run_to_era(UNBONDING);
		redelegate(BOB, EVE, 100);
		assert_eq!(worth(CHARLIE, EVE), 100);
	});
}

#[test]
fn should_refuse_a_move_when_too_many_still_answer() {
	pools().build_and_execute(|| {
		joined();
		for era in 0..MAX_MOVES {
			// As if eras were much shorter than the time for which stake answers.
			crate::Delegators::<Test>::mutate(CHARLIE, |known| known.moved = 0);
			redelegate(ALICE, BOB, 50 + u128::from(era));
		}
		crate::Delegators::<Test>::mutate(CHARLIE, |known| known.moved = 0);
		assert_noop!(
			IoStaking::redelegate(signed(CHARLIE), ALICE, BOB, 50),
			Error::<Test>::TooManyMoves
		);
	});
}

#[test]
fn should_answer_for_an_older_offence_of_the_pool_that_it_left() {
	pools().build_and_execute(|| {
		joined();
		redelegate(ALICE, BOB, 300);
		run_to_era(1);
		let supply = IoStaking::supply();
		// 250 of Alice, and a fifth of her 750, of 200 and 300 of Charlie.
		assert_eq!(report_since(1, ALICE, 500, 1), 500);
		assert_eq!((active(ALICE), active(BOB)), (760, 2_300));
		let view = &IoStaking::position(CHARLIE)[..];
		let moved = view.iter().find(|view| view.operator == BOB).unwrap();
		assert_eq!((moved.worth, moved.uncollected, moved.moves[0].value), (300, 60, 240));

		events();
		assert_ok!(IoStaking::settle(signed(CHARLIE), CHARLIE, BOB));
		let settled =
			Event::Settled { delegator: CHARLIE, operator: BOB, minted: 0, burnt: 60, bounty: 0 };
		assert_eq!(events(), [settled]);
		assert_eq!((worth(CHARLIE, BOB), worth(DAVE, BOB), worth(BOB, BOB)), (240, 1_000, 1_000));
		assert_ok!(IoStaking::settle(signed(CHARLIE), CHARLIE, ALICE));
		assert_eq!(held(CHARLIE), 160 + 240);
		assert_eq!(IoStaking::supply(), supply);
		run_to_block(System::block_number() + DEFER);
		assert_eq!(IoStaking::supply(), supply - 500);
	});
}

#[test]
fn should_not_answer_for_an_offence_that_began_after_it_had_left() {
	pools().build_and_execute(|| {
		joined();
		redelegate(ALICE, BOB, 300);
		run_to_era(1);
		assert_eq!(report(1, ALICE, 120), 120);
		assert_eq!(active(ALICE), 1_080);
		assert_ok!(IoStaking::settle(signed(EVE), CHARLIE, BOB));
		assert_eq!(worth(CHARLIE, BOB), 300);
	});
}

#[test]
fn should_answer_for_nothing_any_more_when_it_could_have_been_withdrawn() {
	pools().build_and_execute(|| {
		joined();
		redelegate(ALICE, BOB, 300);
		run_to_era(UNBONDING);
		assert_eq!(report_since(1, ALICE, 120, 1), 120);
		assert_ok!(IoStaking::settle(signed(EVE), CHARLIE, BOB));
		assert_eq!(worth(CHARLIE, BOB), 300);
		assert_eq!(Unbonding::<Test>::iter().count(), 0);
		assert_eq!(Ledgers::<Test>::get(ALICE).unwrap().holders, 2);
	});
}

#[test]
fn should_pay_out_of_what_leaves_when_nothing_else_is_left() {
	pools().build_and_execute(|| {
		joined();
		redelegate(ALICE, BOB, 300);
		assert_ok!(IoStaking::unbond(signed(CHARLIE), BOB, 300));
		assert_eq!(report(1, ALICE, 500), 500);
		run_to_era(UNBONDING);
		assert_ok!(IoStaking::withdraw(signed(CHARLIE), BOB));
		assert_eq!(free(CHARLIE), FUNDS - 500 + 240);
		assert!(!Positions::<Test>::contains_key(CHARLIE, BOB));
		assert_eq!(Ledgers::<Test>::get(BOB).unwrap().leaving, 0);
	});
}

#[test]
fn should_tell_what_cannot_be_collected_when_the_new_pool_was_slashed_too() {
	pools().build_and_execute(|| {
		joined();
		redelegate(ALICE, BOB, 300);
		// Nine tenths of Bob's pool, half of Alice's.
		assert_eq!(report(1, BOB, 2_170), 2_170);
		assert_eq!(report(2, ALICE, 1_000), 1_000);
		let supply = IoStaking::supply();
		events();
		assert_ok!(IoStaking::settle(signed(EVE), CHARLIE, BOB));
		let lost = Event::Uncollectable { delegator: CHARLIE, operator: BOB, value: 120 };
		assert!(events().contains(&lost));
		assert_eq!(worth(CHARLIE, BOB), 0);
		assert_eq!(IoStaking::supply(), supply + 120);
	});
}

#[test]
fn should_forget_the_debt_when_the_slash_is_cancelled() {
	pools().build_and_execute(|| {
		joined();
		redelegate(ALICE, BOB, 300);
		let supply = IoStaking::supply();
		assert_eq!(report(1, ALICE, 1_000), 1_000);
		assert_ok!(IoStaking::cancel_slash(RuntimeOrigin::root(), 0));
		assert_eq!((worth(ALICE, ALICE), worth(CHARLIE, ALICE)), (1_000, 200));
		assert_ok!(IoStaking::settle(signed(EVE), CHARLIE, BOB));
		assert_eq!((worth(CHARLIE, BOB), held(CHARLIE)), (300, 500));
		assert_eq!(IoStaking::supply(), supply);
	});
}

#[test]
fn should_have_the_debt_back_when_the_slash_is_cancelled_after_it_was_paid() {
	pools().build_and_execute(|| {
		joined();
		redelegate(ALICE, BOB, 300);
		let supply = IoStaking::supply();
		// 500 of Alice, and half of her 500, of 200 and 300 of Charlie.
		assert_eq!(report(1, ALICE, 1_000), 1_000);
		assert_ok!(IoStaking::settle(signed(CHARLIE), CHARLIE, BOB));
		assert_eq!((worth(CHARLIE, BOB), held(CHARLIE)), (150, 350));
		assert_ok!(IoStaking::cancel_slash(RuntimeOrigin::root(), 0));
		let view = IoStaking::position(CHARLIE);
		let moved = view.iter().find(|view| view.operator == BOB).unwrap();
		assert_eq!((moved.worth, moved.unminted, moved.uncollected), (150, 150, 0));
		assert_ok!(IoStaking::settle(signed(EVE), CHARLIE, BOB));
		assert_eq!((worth(CHARLIE, BOB), worth(BOB, BOB), worth(DAVE, BOB)), (300, 1_000, 1_000));
		assert_eq!(IoStaking::supply(), supply);
	});
}

#[test]
fn should_keep_the_operator_while_stake_that_left_it_answers() {
	pools().build_and_execute(|| {
		joined();
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 1_000));
		run_to_era(1);
		redelegate(ALICE, BOB, 500);
		run_to_era(UNBONDING);
		assert_ok!(IoStaking::withdraw(signed(ALICE), ALICE));
		assert_eq!(report_since(1, ALICE, 100, ERA + 1), 100);
		run_to_era(UNBONDING + 1);
		events();
		assert_ok!(IoStaking::settle(signed(CHARLIE), CHARLIE, BOB));
		assert!(events().contains(&Event::OperatorRemoved { operator: ALICE }));
		assert_eq!((worth(CHARLIE, BOB), held(CHARLIE)), (400, 400));
	});
}

#[test]
fn should_share_a_bucket_with_those_who_unbond() {
	pools().build_and_execute(|| {
		joined();
		delegate(EVE, ALICE, 100);
		assert_ok!(IoStaking::unbond(signed(EVE), ALICE, 100));
		redelegate(ALICE, BOB, 300);
		let Bucket { leaving, moved } = Unbonding::<Test>::get(ALICE, 0).unwrap();
		assert_eq!((leaving.value, moved.value), (100, 300));
		run_to_era(UNBONDING);
		assert_ok!(IoStaking::withdraw(signed(EVE), ALICE));
		assert!(Unbonding::<Test>::contains_key(ALICE, 0));
		assert_ok!(IoStaking::settle(signed(EVE), CHARLIE, BOB));
		assert!(!Unbonding::<Test>::contains_key(ALICE, 0));
	});
}
