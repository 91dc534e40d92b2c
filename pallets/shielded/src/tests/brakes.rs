//! Pauses and limits, at their edges.

use frame_support::{assert_noop, assert_ok};
use io_primitives::shielded::{Pause, PauseScope};
use io_shielded::Target;
use sp_runtime::DispatchError;

use crate::{mock::*, wallet::*, *};

fn exit(coin: &Held, amount: u64, fee: u64) -> Bundle {
	let target = Target::Account { id: BOB.into(), amount };
	Plan::spend(std::slice::from_ref(coin)).to(target).relayed_by(&RELAYER, fee).make().0
}

fn pause(scope: PauseScope, blocks: BlockNumber) {
	assert_ok!(IoShielded::pause(RuntimeOrigin::root(), scope, blocks));
}

#[test]
fn should_let_only_exits_pass_when_all_but_exits_is_paused() {
	execute(|| {
		let coins = matured_coins(20);
		pause(PauseScope::AllButExits, 10);
		let (note, _) = mint(1);
		assert_noop!(
			IoShielded::shield(RuntimeOrigin::signed(ALICE), UNIT, note),
			Error::<Runtime>::Paused
		);
		let (inner, _) = Plan::spend(&coins[..1]).make();
		assert_eq!(send(&inner), invalid(Error::Paused));
		let (inner, _) = Plan::spend(&coins[..1]).relayed_by(&RELAYER, 0).make();
		assert_noop!(relay(&RELAYER, &inner), Error::<Runtime>::Paused);
		assert_ok!(relay(&RELAYER, &exit(&coins[0], 100, 0)));
		let target = Target::Account { id: BOB.into(), amount: 100 };
		assert_ok!(send(&Plan::spend(&coins[1..2]).to(target).make().0));
	});
}

#[test]
fn should_let_nothing_pass_when_everything_is_paused() {
	execute(|| {
		let coins = matured_coins(20);
		pause(PauseScope::Everything, 10);
		assert_noop!(relay(&RELAYER, &exit(&coins[0], 100, 0)), Error::<Runtime>::Paused);
		let target = Target::Account { id: BOB.into(), amount: 100 };
		let (bundle, _) = Plan::spend(&coins[1..2]).to(target).make();
		assert_eq!(send(&bundle), invalid(Error::Paused));
	});
}

#[test]
fn should_end_a_pause_by_itself_in_the_block_that_it_names() {
	execute(|| {
		let coins = matured_coins(20);
		System::reset_events();
		pause(PauseScope::Everything, 10);
		let until = now() + 10;
		assert_eq!(events(), [Event::Paused { scope: PauseScope::Everything, until }]);
		let bundle = exit(&coins[0], 100, 0);
		run_to(until - 1);
		assert_noop!(relay(&RELAYER, &bundle), Error::<Runtime>::Paused);
		run_to(until);
		assert_ok!(relay(&RELAYER, &bundle));
		assert_eq!(IoShielded::status().pause, None);
	});
}

#[test]
fn should_end_a_pause_early_when_told_to() {
	execute(|| {
		assert_noop!(IoShielded::resume(RuntimeOrigin::root()), Error::<Runtime>::NotPaused);
		pause(PauseScope::Everything, 10);
		let pause = Pause { scope: PauseScope::Everything, until: now() + 10 };
		assert_eq!(IoShielded::status().pause, Some(pause));
		System::reset_events();
		assert_ok!(IoShielded::resume(RuntimeOrigin::root()));
		assert_eq!(events(), [Event::Resumed]);
		shield(&ALICE, 1);
	});
}

#[test]
fn should_refuse_a_pause_when_it_is_too_long_or_none() {
	execute(|| {
		for blocks in [0, MAX_PAUSE + 1, u32::MAX] {
			assert_noop!(
				IoShielded::pause(RuntimeOrigin::root(), PauseScope::Everything, blocks),
				Error::<Runtime>::BadPause
			);
		}
		pause(PauseScope::Everything, MAX_PAUSE);
	});
}

#[test]
fn should_refuse_to_pause_or_resume_when_the_sender_is_not_the_administrator() {
	execute(|| {
		let origin = || RuntimeOrigin::signed(ALICE);
		assert_noop!(
			IoShielded::pause(origin(), PauseScope::Everything, 1),
			DispatchError::BadOrigin
		);
		assert_noop!(IoShielded::resume(origin()), DispatchError::BadOrigin);
	});
}

#[test]
fn should_let_out_no_more_than_the_limit_of_a_day() {
	execute(|| {
		let coins = matured_coins(20);
		CurrentTerms::mutate(|terms| terms.max_outflow_per_day = 1_000 * UNIT);
		assert_ok!(relay(&RELAYER, &exit(&coins[0], 500, 100)));
		assert_eq!(IoShielded::status().outflow_left, 400 * UNIT);
		// The fee counts as well.
		let over = exit(&coins[1], 391, 10);
		assert_noop!(relay(&RELAYER, &over), Error::<Runtime>::OutflowExceeded);
		assert_ok!(relay(&RELAYER, &exit(&coins[1], 390, 10)));
		assert_eq!(IoShielded::status().outflow_left, 0);
		let (bundle, _) = Plan::spend(&coins[2..3]).make();
		assert_eq!(send(&bundle), invalid(Error::OutflowExceeded));
	});
}

#[test]
fn should_let_out_more_as_the_day_passes() {
	execute(|| {
		let coins = matured_coins(20);
		CurrentTerms::mutate(|terms| terms.max_outflow_per_day = 1_000 * UNIT);
		assert_ok!(relay(&RELAYER, &exit(&coins[0], 1_000, 0)));
		// A thousandth of the limit in each of a day's thousand blocks.
		run_blocks(100);
		assert_eq!(IoShielded::status().outflow_left, 100 * UNIT);
		assert_noop!(relay(&RELAYER, &exit(&coins[1], 101, 0)), Error::<Runtime>::OutflowExceeded);
		assert_ok!(relay(&RELAYER, &exit(&coins[1], 100, 0)));
		run_blocks(DAY);
		assert_ok!(relay(&RELAYER, &exit(&coins[2], 1_000, 0)));
	});
}

#[test]
fn should_let_nothing_out_when_a_lower_limit_is_used_up_already() {
	execute(|| {
		let coins = matured_coins(20);
		assert_ok!(relay(&RELAYER, &exit(&coins[0], 1_000, 0)));
		CurrentTerms::mutate(|terms| terms.max_outflow_per_day = 500 * UNIT);
		assert_eq!(IoShielded::status().outflow_left, 0);
		assert_noop!(relay(&RELAYER, &exit(&coins[1], 1, 0)), Error::<Runtime>::OutflowExceeded);
	});
}

#[test]
fn should_move_within_the_pool_for_nothing_when_nothing_may_leave() {
	execute(|| {
		let coins = matured_coins(20);
		CurrentTerms::mutate(|terms| terms.max_outflow_per_day = 0);
		let (bundle, _) = Plan::spend(&coins[..1]).relayed_by(&RELAYER, 0).make();
		assert_ok!(relay(&RELAYER, &bundle));
	});
}

#[test]
fn should_take_the_nearest_limits_that_work() {
	let silly = Terms { pool_cap: Balance::MAX, stamp_bits: 256, ..TERMS }.bounded();
	assert_eq!(silly.pool_cap, Balance::from(u64::MAX) * UNIT);
	assert_eq!(silly.stamp_bits, types::MAX_STAMP_BITS);
	assert_eq!(TERMS.bounded(), TERMS);
}
