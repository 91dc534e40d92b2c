//! Group 12: the pool's money.

use frame_support::{assert_noop, assert_ok, traits::fungible::MutateHold};
use io_primitives::shielded::PauseScope;
use io_shielded::Target;

use crate::{mock::*, wallet::*, *};

/// As if more coins had been made than money came in: the pool is worth only this much.
fn shrink(units: u64) {
	let reason = HoldReason::Pool.into();
	let left = Balance::from(units) * UNIT;
	Balances::burn_held(
		&reason,
		&IoShielded::account(),
		IoShielded::held() - left,
		frame_support::traits::tokens::Precision::Exact,
		frame_support::traits::tokens::Fortitude::Force,
	)
	.unwrap();
	ShieldedSupply::<Runtime>::put(left);
}

#[test]
fn should_let_out_no_more_than_came_in_when_coins_were_counterfeited() {
	execute(|| {
		let coins = matured_coins(20);
		let to_bob = |amount, coin: usize| {
			let target = Target::Account { id: BOB.into(), amount };
			Plan::spend(&coins[coin..coin + 1]).to(target).relayed_by(&RELAYER, 100).make().0
		};
		shrink(5_000);
		let too_much = to_bob(4_901, 0);
		assert_noop!(relay(&RELAYER, &too_much), Error::<Runtime>::Turnstile);
		assert_ok!(relay(&RELAYER, &to_bob(4_900, 0)));
		assert_eq!((supply(), IoShielded::held()), (0, 0));
		// What is left in the pool is worth nothing, and it says so.
		assert_noop!(relay(&RELAYER, &to_bob(1, 1)), Error::<Runtime>::Turnstile);
		let target = Target::Account { id: BOB.into(), amount: 10 };
		let (bundle, _) = Plan::spend(&coins[1..2]).to(target).make();
		assert_eq!(send(&bundle), invalid(Error::Turnstile));
	});
}

#[test]
fn should_empty_the_pool_to_the_last_unit_and_keep_its_account() {
	execute(|| {
		let coin = shield(&ALICE, 500);
		mature();
		let target = Target::Account { id: BOB.into(), amount: 400 };
		let (bundle, _) = Plan::spend(&[coin]).to(target).relayed_by(&RELAYER, 100).make();
		assert_ok!(relay(&RELAYER, &bundle));
		assert_eq!((supply(), IoShielded::held()), (0, 0));
		assert_eq!(free(&IoShielded::account()), EXISTENTIAL_DEPOSIT);
	});
}

#[test]
fn should_take_the_fee_out_of_the_held_money_only() {
	execute(|| {
		let coins = matured_coins(4);
		let gift = 9 * UNIT;
		let pool = IoShielded::account();
		assert_ok!(Balances::transfer_allow_death(RuntimeOrigin::signed(BOB), pool.clone(), gift));
		let (bundle, _) = Plan::spend(&coins[..1]).make();
		assert_ok!(send(&bundle));
		assert_eq!(free(&pool), EXISTENTIAL_DEPOSIT + gift);
	});
}

#[test]
fn should_stop_everything_when_money_and_coins_do_not_agree() {
	new_test_ext().execute_with(|| {
		let coins = matured_coins(4);
		ShieldedSupply::<Runtime>::mutate(|supply| *supply += UNIT);
		System::reset_events();
		run_blocks(1);
		let (held, until) = (IoShielded::held(), now() - 1 + MAX_PAUSE);
		assert_eq!(
			events(),
			[
				Event::TurnstileBroken { held, supply: held + UNIT },
				Event::Paused { scope: PauseScope::Everything, until }
			]
		);
		let (bundle, _) = Plan::spend(&coins[..1]).make();
		assert_eq!(send(&bundle), invalid(Error::Paused));
		assert!(IoShielded::do_try_state().is_err());
		// It says so once, and again when the pause is over and nothing was mended.
		run_blocks(5);
		assert_eq!(events(), []);
		run_to(until);
		assert_eq!(events(), []);
		run_blocks(1);
		assert_eq!(events().len(), 2);
	});
}

#[test]
fn should_conserve_all_money_when_it_goes_in_round_and_out() {
	execute(|| {
		let issuance = Balances::total_issuance();
		let coins = matured_coins(20);
		let (bundle, made) = Plan::spend(&coins[..4]).outputs([7, 8, 9]).make();
		assert_ok!(send(&bundle));
		mature();
		let target = Target::Account { id: NOBODY.into(), amount: 3 };
		let (bundle, _) = Plan::spend(&made[3..4]).to(target).make();
		assert_ok!(send(&bundle));
		assert_eq!(Balances::total_issuance(), issuance);
	});
}
