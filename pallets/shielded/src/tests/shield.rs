//! `shield`.

use frame_support::{assert_noop, assert_ok};
use io_shielded::MintNote;
use sp_runtime::{DispatchError, TokenError};

use crate::{mock::*, *};

#[test]
fn should_move_money_into_the_pool_when_shielded() {
	execute(|| {
		let (note, _) = mint(1_000);
		System::reset_events();
		assert_ok!(IoShielded::shield(RuntimeOrigin::signed(ALICE), 1_000 * UNIT, note));
		assert_eq!(free(&ALICE), FUNDS - 1_000 * UNIT);
		assert_eq!((supply(), IoShielded::held()), (1_000 * UNIT, 1_000 * UNIT));
		assert_eq!(events(), [Event::Shielded { who: ALICE, value: 1_000 * UNIT, coin: 0, note }]);
	});
}

#[test]
fn should_compute_the_commitment_itself_when_shielded() {
	execute(|| {
		let (note, coin) = mint(1_000);
		assert_ok!(IoShielded::shield(RuntimeOrigin::signed(ALICE), 1_000 * UNIT, note));
		assert_eq!(IoShielded::coins(0, 1), [coin.coin()]);
	});
}

#[test]
fn should_let_an_account_shield_all_that_it_has() {
	execute(|| {
		let (note, _) = mint((FUNDS / UNIT / 100) as u64);
		CurrentTerms::mutate(|terms| (terms.pool_cap, terms.max_shield) = (FUNDS, FUNDS));
		assert_ok!(Balances::transfer_all(RuntimeOrigin::signed(ALICE), BOB, false));
		assert_ok!(Balances::transfer_allow_death(RuntimeOrigin::signed(BOB), ALICE, FUNDS / 100));
		assert_ok!(IoShielded::shield(RuntimeOrigin::signed(ALICE), FUNDS / 100, note));
		assert_eq!(free(&ALICE), 0);
	});
}

#[test]
fn should_refuse_to_shield_when_the_value_is_no_positive_multiple_of_the_unit() {
	execute(|| {
		let (note, _) = mint(1);
		for value in [0, 1, UNIT - 1, UNIT + 1] {
			assert_noop!(
				IoShielded::shield(RuntimeOrigin::signed(ALICE), value, note),
				Error::<Runtime>::BadValue
			);
		}
	});
}

#[test]
fn should_refuse_to_shield_when_the_sender_has_less() {
	execute(|| {
		let (note, _) = mint(1);
		assert_noop!(
			IoShielded::shield(RuntimeOrigin::signed(NOBODY), UNIT, note),
			DispatchError::Token(TokenError::FundsUnavailable)
		);
	});
}

#[test]
fn should_refuse_to_shield_when_nobody_signed() {
	execute(|| {
		let (note, _) = mint(1);
		assert_noop!(
			IoShielded::shield(RuntimeOrigin::none(), UNIT, note),
			DispatchError::BadOrigin
		);
	});
}

#[test]
fn should_refuse_to_shield_when_a_point_of_the_note_is_none() {
	execute(|| {
		let (note, _) = mint(1);
		for bad in [[0; 32], [0xff; 32]] {
			for note in [MintNote { key: bad, ..note }, MintNote { ephemeral: bad, ..note }] {
				assert_noop!(
					IoShielded::shield(RuntimeOrigin::signed(ALICE), UNIT, note),
					Error::<Runtime>::BadPoint
				);
			}
		}
	});
}

#[test]
fn should_refuse_to_shield_when_a_coin_has_the_same_key_already() {
	execute(|| {
		let (note, _) = mint(1);
		assert_ok!(IoShielded::shield(RuntimeOrigin::signed(ALICE), UNIT, note));
		assert_noop!(
			IoShielded::shield(RuntimeOrigin::signed(BOB), 2 * UNIT, note),
			Error::<Runtime>::KeyExists
		);
	});
}

#[test]
fn should_refuse_to_shield_more_than_the_limit_of_one_call() {
	execute(|| {
		CurrentTerms::mutate(|terms| terms.max_shield = 10 * UNIT);
		let (note, _) = mint(10);
		assert_noop!(
			IoShielded::shield(RuntimeOrigin::signed(ALICE), 11 * UNIT, note),
			Error::<Runtime>::AboveMaxShield
		);
		assert_ok!(IoShielded::shield(RuntimeOrigin::signed(ALICE), 10 * UNIT, note));
	});
}

#[test]
fn should_fill_the_pool_to_its_cap_and_not_beyond() {
	execute(|| {
		CurrentTerms::mutate(|terms| terms.pool_cap = 10 * UNIT);
		shield(&ALICE, 9);
		let (note, _) = mint(1);
		assert_noop!(
			IoShielded::shield(RuntimeOrigin::signed(ALICE), 2 * UNIT, note),
			Error::<Runtime>::PoolFull
		);
		assert_ok!(IoShielded::shield(RuntimeOrigin::signed(ALICE), UNIT, note));
		let (note, _) = mint(1);
		assert_noop!(
			IoShielded::shield(RuntimeOrigin::signed(ALICE), UNIT, note),
			Error::<Runtime>::PoolFull
		);
	});
}

#[test]
fn should_not_mistake_a_gift_to_the_pools_account_for_shielded_money() {
	execute(|| {
		shield(&ALICE, 100);
		assert_ok!(Balances::transfer_allow_death(
			RuntimeOrigin::signed(BOB),
			IoShielded::account(),
			55 * UNIT
		));
		assert_eq!((supply(), IoShielded::held()), (100 * UNIT, 100 * UNIT));
		run_blocks(2);
		assert_eq!(IoShielded::current_pause(), None);
	});
}
