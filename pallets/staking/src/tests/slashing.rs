//! Offences, deferral, cancellation, payment.

use frame_support::{
	assert_noop, assert_ok,
	traits::Get,
	weights::{Weight, WeightMeter},
};
use io_primitives::{Bonding, OffenceReason, Slashing};
use sp_runtime::DispatchError;

use crate::{mock::*, Error, Event, Offences, Queue, Slashes, WeightInfo};

#[test]
fn should_pay_half_to_the_harmed_and_burn_the_rest_when_due() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		let issuance = Balances::total_issuance();
		// Alice's device missed its duty, which cost Bob 1,000.
		assert_eq!(report_harm(1, ALICE, 101, (BOB, 1_000)), 101);
		// Her stake is smaller at once, and so is her hold; supply is not.
		assert_eq!(IoStaking::free(&ALICE), 199);
		assert_eq!(held(ALICE), 199);
		assert_eq!(IoStaking::supply(), issuance);

		run_to_block(1 + DEFER);
		assert_eq!(held(ALICE), 199);
		assert_eq!(Balances::free_balance(BOB), FUNDS + 50);
		assert_eq!(Balances::total_issuance(), issuance - 51);
	});
}

#[test]
fn should_tell_when_a_slash_is_reported_and_applied() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		report_harm(1, ALICE, 100, (BOB, 20));
		run_to_block(1 + DEFER);
		assert_eq!(
			events(),
			[
				Event::SlashReported {
					id: 0,
					operator: ALICE,
					amount: 100,
					reason: OffenceReason::Late,
					due: 1 + DEFER
				},
				Event::SlashApplied { id: 0, operator: ALICE, paid: 20, burnt: 80 },
			]
		);
	});
}

#[test]
fn should_wait_when_the_slash_is_not_due() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		report(1, ALICE, 100);
		run_to_block(DEFER);
		assert_eq!(Slashes::<Test>::iter().count(), 1);
	});
}

#[test]
fn should_not_let_operator_and_requester_gain_together_when_delegators_pay_most_of_it() {
	for amount in [2_000, 4_000, 5_000, 10_000] {
		ExtBuilder::default().with_operator(ALICE, 2_000).build_and_execute(|| {
			delegate(BOB, ALICE, 8_000);
			assert_eq!(report_harm(1, ALICE, amount, (CHARLIE, amount)), amount);
			run_to_block(1 + DEFER);
			let lost = 2_000 - worth(ALICE, ALICE);
			assert_eq!(free(CHARLIE) - FUNDS, lost.min(amount / 2), "of a slash of {amount}");
		});
	}
}

#[test]
fn should_pay_nobody_when_the_operator_has_nothing_of_its_own_left() {
	ExtBuilder::default().with_operator(ALICE, 200).build_and_execute(|| {
		delegate(BOB, ALICE, 1_000);
		report(1, ALICE, 600);
		assert_eq!(report_harm(2, ALICE, 300, (CHARLIE, 300)), 300);
		run_to_block(1 + DEFER);
		assert_eq!(free(CHARLIE), FUNDS);
	});
}

#[test]
fn should_burn_all_when_nobody_is_harmed() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		let issuance = Balances::total_issuance();
		report(1, ALICE, 100);
		run_to_block(1 + DEFER);
		assert_eq!(Balances::total_issuance(), issuance - 100);
	});
}

#[test]
fn should_burn_all_when_the_harmed_account_cannot_take_it() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		let issuance = Balances::total_issuance();
		report_harm(1, ALICE, 100, (NOBODY, ED - 1));
		run_to_block(1 + DEFER);
		assert_eq!(Balances::total_issuance(), issuance - 100);
		assert_eq!(Balances::free_balance(NOBODY), 0);
	});
}

#[test]
fn should_create_the_harmed_account_when_the_damage_covers_the_deposit() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		report_harm(1, ALICE, 100, (NOBODY, ED));
		run_to_block(1 + DEFER);
		assert_eq!(Balances::free_balance(NOBODY), ED);
	});
}

#[test]
fn should_burn_all_when_the_operator_claims_the_damage() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		let issuance = Balances::total_issuance();
		report_harm(1, ALICE, 100, (ALICE, 100));
		run_to_block(1 + DEFER);
		assert_eq!(Balances::total_issuance(), issuance - 100);
		assert_eq!(Balances::free_balance(ALICE), FUNDS - 300);
	});
}

#[test]
fn should_take_all_there_is_when_the_offence_costs_more() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		assert_eq!(report(1, ALICE, 1_000), 300);
		assert_eq!(IoStaking::free(&ALICE), 0);
		assert_eq!(report(2, ALICE, 1), 0);
		assert!(!Offences::<Test>::contains_key(sp_core::H256::from_low_u64_be(2)));
	});
}

#[test]
fn should_take_from_all_in_proportion_when_some_are_leaving() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		delegate(BOB, ALICE, 500);
		delegate(CHARLIE, ALICE, 200);
		assert_ok!(IoStaking::unbond(signed(BOB), ALICE, 400));
		run_to_era(1);
		assert_ok!(IoStaking::unbond(signed(CHARLIE), ALICE, 200));
		assert_eq!(report_since(1, ALICE, 400, 1), 400);
		assert_eq!((worth(ALICE, ALICE), worth(BOB, ALICE), worth(CHARLIE, ALICE)), (75, 375, 150));
	});
}

#[test]
fn should_take_half_from_the_operator_before_it_takes_from_all() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		delegate(BOB, ALICE, 600);
		assert_eq!(report(1, ALICE, 200), 200);
		// 100, and an eighth of what is left.
		assert_eq!((worth(ALICE, ALICE), worth(BOB, ALICE)), (175, 525));
		assert_eq!(held(ALICE), 175);
	});
}

#[test]
fn should_take_from_the_operator_what_it_unbonds_before_it_takes_from_all() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		delegate(BOB, ALICE, 600);
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 300));
		assert_eq!(report(1, ALICE, 200), 200);
		assert_eq!((worth(ALICE, ALICE), worth(BOB, ALICE)), (175, 525));
	});
}

#[test]
fn should_take_the_rest_from_all_when_the_operator_has_less_than_half() {
	ExtBuilder::default().with_operator(ALICE, 200).build_and_execute(|| {
		delegate(BOB, ALICE, 1_000);
		assert_eq!(report(1, ALICE, 600), 600);
		assert_eq!((worth(ALICE, ALICE), worth(BOB, ALICE)), (0, 600));
		// It is still an operator, whose delegators can leave, and which can stake anew.
		assert_ok!(IoStaking::bond_extra(signed(ALICE), 300));
		assert_eq!((worth(ALICE, ALICE), worth(BOB, ALICE)), (300, 600));
	});
}

#[test]
fn should_give_each_its_part_back_when_cancelled() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		delegate(BOB, ALICE, 600);
		report(1, ALICE, 200);
		assert_ok!(IoStaking::cancel_slash(RuntimeOrigin::root(), 0));
		// Rounding leaves at most a unit in the pool.
		assert!((299..=300).contains(&worth(ALICE, ALICE)), "{}", worth(ALICE, ALICE));
		assert!((599..=601).contains(&worth(BOB, ALICE)), "{}", worth(BOB, ALICE));
	});
}

#[test]
fn should_give_what_leaves_its_part_back_when_cancelled() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		delegate(BOB, ALICE, 300);
		assert_ok!(IoStaking::unbond(signed(BOB), ALICE, 300));
		report(1, ALICE, 200);
		assert_eq!((worth(ALICE, ALICE), worth(BOB, ALICE)), (160, 240));
		// He has been to the chain in the meantime.
		assert_ok!(IoStaking::settle(signed(BOB), BOB, ALICE));
		assert_ok!(IoStaking::cancel_slash(RuntimeOrigin::root(), 0));
		assert_eq!((worth(ALICE, ALICE), worth(BOB, ALICE)), (300, 300));
		run_to_era(UNBONDING);
		assert_ok!(IoStaking::withdraw(signed(BOB), ALICE));
		assert_eq!(free(BOB), FUNDS);
	});
}

#[test]
fn should_give_it_to_those_who_stay_when_cancelled_after_the_rest_was_withdrawn() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		SlashDefer::set(UNBONDING * ERA + 5);
		delegate(BOB, ALICE, 300);
		assert_ok!(IoStaking::unbond(signed(BOB), ALICE, 300));
		report(1, ALICE, 200);
		run_to_era(UNBONDING);
		assert_ok!(IoStaking::withdraw(signed(BOB), ALICE));
		assert_eq!(free(BOB), FUNDS - 60);
		assert_ok!(IoStaking::cancel_slash(RuntimeOrigin::root(), 0));
		assert!((359..=360).contains(&worth(ALICE, ALICE)), "{}", worth(ALICE, ALICE));
	});
}

#[test]
fn should_give_each_era_its_part_back_when_cancelled() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		delegate(BOB, ALICE, 400);
		for _ in 0..UNBONDING {
			assert_ok!(IoStaking::unbond(signed(BOB), ALICE, 100));
			run_to_era(IoStaking::current_era() + 1);
		}
		assert_eq!(report_since(1, ALICE, 300, 1), 300);
		let slash = Slashes::<Test>::get(0).unwrap();
		// What was unbonded in era 0 is due.
		assert_eq!(slash.parts.iter().map(|part| part.era).collect::<Vec<_>>(), [1, 2]);
		assert_ok!(IoStaking::cancel_slash(RuntimeOrigin::root(), 0));
		assert_eq!(worth(BOB, ALICE), 400);
	});
}

#[test]
fn should_count_the_weight_of_each_era_that_a_slash_looks_at() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		run_to_era(2);
		let weight = |since: u32| {
			let before = System::block_weight().total();
			report_since(since.into(), ALICE, 10, since);
			System::block_weight().total().saturating_sub(before)
		};
		assert_eq!(weight(2 * ERA), Weight::zero());
		assert_eq!(weight(1), <() as WeightInfo>::poll_skip().saturating_mul(2));
	});
}

#[test]
fn should_count_the_weight_of_each_era_in_which_the_operator_unbonds() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		for era in 1..=2 {
			assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 50));
			run_to_era(era);
		}
		let before = System::block_weight().total();
		report(1, ALICE, 10);
		let weight = System::block_weight().total().saturating_sub(before);
		assert_eq!(weight, <() as WeightInfo>::poll_skip().saturating_mul(2));
	});
}

#[test]
fn should_spare_who_left_before_the_duty_began() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		delegate(BOB, ALICE, 300);
		assert_ok!(IoStaking::unbond(signed(BOB), ALICE, 300));
		run_to_era(1);
		assert_eq!(report(1, ALICE, 1_000), 300);
		assert_eq!((worth(ALICE, ALICE), worth(BOB, ALICE)), (0, 300));
	});
}

#[test]
fn should_spare_what_is_due_for_withdrawal() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		delegate(BOB, ALICE, 300);
		assert_ok!(IoStaking::unbond(signed(BOB), ALICE, 300));
		run_to_era(UNBONDING);
		assert_eq!(report_since(1, ALICE, 1_000, 1), 300);
		assert_eq!(worth(BOB, ALICE), 300);
	});
}

#[test]
fn should_spare_who_joined_after_the_report() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		report(1, ALICE, 150);
		delegate(BOB, ALICE, 150);
		run_to_block(1 + DEFER);
		assert_eq!((worth(ALICE, ALICE), worth(BOB, ALICE)), (150, 150));
		assert_eq!(held(BOB), 150);
	});
}

#[test]
fn should_freeze_the_delegators_part_until_it_is_collected() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		delegate(BOB, ALICE, 300);
		let supply = IoStaking::supply();
		report_harm(1, ALICE, 200, (CHARLIE, 1_000));
		run_to_block(1 + DEFER);
		// The whole slash has left the supply or gone to the harmed party, and Bob's part is still in his hold.
		assert_eq!(free(CHARLIE), FUNDS + 100);
		assert_eq!(IoStaking::supply(), supply - 100);
		assert_eq!(Balances::total_issuance(), supply - 40);
		let view = IoStaking::position(BOB).remove(0);
		assert_eq!((view.worth, view.held, view.uncollected), (240, 300, 60));
		assert_ok!(IoStaking::settle(signed(BOB), BOB, ALICE));
		assert_eq!(held(BOB), 240);
		assert_eq!(Balances::total_issuance(), supply - 100);
	});
}

#[test]
fn should_give_it_to_the_operator_when_cancelled_after_all_have_left() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		SlashDefer::set(100);
		report(1, ALICE, 300);
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 1));
		assert!(IoStaking::is_operator(&ALICE));
		assert_eq!(held(ALICE), 0);
		assert_ok!(IoStaking::cancel_slash(RuntimeOrigin::root(), 0));
		assert_eq!(IoStaking::free(&ALICE), 300);
		assert_ok!(IoStaking::settle(signed(BOB), ALICE, ALICE));
		assert_eq!(held(ALICE), 300);
	});
}

#[test]
fn should_refuse_an_offence_when_it_was_reported_before() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		report(1, ALICE, 100);
		assert_noop!(IoStaking::report(offence(1, ALICE, 100)), Error::<Test>::DuplicateOffence);
	});
}

#[test]
fn should_refuse_an_offence_when_not_operator() {
	ExtBuilder::default().build_and_execute(|| {
		assert_noop!(IoStaking::report(offence(1, ALICE, 100)), Error::<Test>::NotOperator);
	});
}

#[test]
fn should_give_the_stake_back_when_cancelled() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		let issuance = Balances::total_issuance();
		report_harm(1, ALICE, 100, (BOB, 50));
		events();
		assert_ok!(IoStaking::cancel_slash(RuntimeOrigin::root(), 0));
		assert_eq!(events(), [Event::SlashCancelled { id: 0, operator: ALICE, amount: 100 }]);
		assert_eq!(IoStaking::free(&ALICE), 300);
		run_to_block(1 + DEFER);
		assert_ok!(IoStaking::settle(signed(BOB), ALICE, ALICE));
		assert_eq!(held(ALICE), 300);
		assert_eq!(Balances::total_issuance(), issuance);
		assert_eq!(Queue::<Test>::get().first, 1);
	});
}

#[test]
fn should_refuse_to_cancel_when_not_admin() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		report(1, ALICE, 100);
		assert_noop!(IoStaking::cancel_slash(signed(ALICE), 0), DispatchError::BadOrigin);
	});
}

#[test]
fn should_refuse_to_cancel_when_unknown() {
	ExtBuilder::default().build_and_execute(|| {
		assert_noop!(
			IoStaking::cancel_slash(RuntimeOrigin::root(), 0),
			Error::<Test>::UnknownSlash
		);
	});
}

#[test]
fn should_apply_for_anybody_when_due() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		report(1, ALICE, 100);
		System::set_block_number(1 + DEFER);
		let info = IoStaking::apply_slash(signed(CHARLIE), 0).unwrap();
		assert_eq!(info.pays_fee, frame_support::dispatch::Pays::No);
		assert_eq!(held(ALICE), 200);
		assert_noop!(IoStaking::apply_slash(signed(CHARLIE), 0), Error::<Test>::UnknownSlash);
	});
}

#[test]
fn should_refuse_to_apply_when_not_due() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		report(1, ALICE, 100);
		System::set_block_number(DEFER);
		assert_noop!(IoStaking::apply_slash(signed(CHARLIE), 0), Error::<Test>::NotDue);
	});
}

#[test]
fn should_accept_the_same_id_when_its_slash_is_over() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		report(1, ALICE, 100);
		run_to_block(1 + DEFER);
		assert_eq!(report(1, ALICE, 100), 100);
	});
}

#[test]
fn should_leave_the_rest_to_the_next_block_when_there_are_too_many() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		let most = MaxSlashesPerBlock::get();
		for id in 0..u64::from(most) + 1 {
			report(id, ALICE, 10);
		}
		run_to_block(1 + DEFER);
		assert_eq!(Slashes::<Test>::iter().count(), 1);
		run_to_block(2 + DEFER);
		assert_eq!(Slashes::<Test>::iter().count(), 0);
		assert_eq!(held(ALICE), 300 - 10 * u128::from(most + 1));
	});
}

#[test]
fn should_leave_the_rest_to_the_next_block_when_weight_is_short() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		report(1, ALICE, 10);
		report(2, ALICE, 10);
		System::set_block_number(DEFER);
		let one = <() as WeightInfo>::poll_base() + <() as WeightInfo>::poll_apply();
		let mut meter = WeightMeter::with_limit(one);
		run_block(&mut meter);
		assert_eq!(meter.consumed(), one);
		assert_eq!(Slashes::<Test>::iter().count(), 1);
		run_block(&mut WeightMeter::new());
		assert_eq!(Slashes::<Test>::iter().count(), 0);
	});
}

#[test]
fn should_do_nothing_when_no_weight_is_left() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		report(1, ALICE, 10);
		System::set_block_number(DEFER);
		let mut meter = WeightMeter::with_limit(Weight::zero());
		run_block(&mut meter);
		assert_eq!(meter.consumed(), Weight::zero());
		assert_eq!(Slashes::<Test>::iter().count(), 1);
	});
}

#[test]
fn should_not_wait_for_older_ones_when_applied_by_hand() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		report(1, ALICE, 10);
		SlashDefer::set(0);
		report(2, ALICE, 10);
		run_to_block(2);
		assert_eq!(Slashes::<Test>::iter().count(), 2);
		assert_ok!(IoStaking::apply_slash(signed(CHARLIE), 1));
		run_to_block(1 + DEFER);
		assert_eq!(Slashes::<Test>::iter().count(), 0);
	});
}

#[test]
fn should_apply_the_slash_when_the_operator_left_meanwhile() {
	ExtBuilder::default().with_operator(ALICE, 300).build_and_execute(|| {
		SlashDefer::set(UNBONDING * ERA + 5);
		let supply = IoStaking::supply();
		assert_ok!(IoStaking::unbond(signed(ALICE), ALICE, 300));
		report(1, ALICE, 100);
		run_to_era(UNBONDING);
		assert_ok!(IoStaking::withdraw(signed(ALICE), ALICE));
		assert_eq!((held(ALICE), free(ALICE)), (0, FUNDS - 100));
		assert!(IoStaking::is_operator(&ALICE));
		assert_eq!(IoStaking::supply(), supply);
		run_to_block(1 + <SlashDefer as Get<u32>>::get());
		assert_eq!(IoStaking::supply(), supply - 100);
		assert!(!IoStaking::is_operator(&ALICE));
	});
}
