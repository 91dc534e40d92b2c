//! Money that is set aside for relays.

use frame_support::{assert_noop, assert_ok};
use io_primitives::mesh::CLAIM_EPOCHS;
use sp_runtime::TokenError;

use crate::{mock::*, *};

#[test]
fn should_be_on_hold_in_the_operators_account_when_funded() {
	execute(|| {
		let worker = funded(1, 100);
		assert_ok!(IoMesh::fund(origin(OPERATOR), worker, 50));
		let funded = |amount| Event::BudgetFunded { worker, payer: OPERATOR, amount };
		assert_eq!(events(), [funded(100), funded(50)]);
		assert_eq!(held(HoldReason::RelayBudget, &OPERATOR), 150);
		assert_eq!(IoMesh::budget(worker).unwrap().held, 150);
	});
}

#[test]
fn should_refuse_to_fund_when_the_worker_is_not_the_senders() {
	execute(|| {
		let known = register_worker(1);
		let not_yours = Error::<Runtime>::NotYourWorker;
		assert_noop!(IoMesh::fund(origin(STRANGER), known, 100), not_yours);
		let unknown = Error::<Runtime>::UnknownWorker;
		assert_noop!(IoMesh::fund(origin(OPERATOR), worker(2), 100), unknown);
	});
}

#[test]
fn should_refuse_to_fund_when_the_amount_is_too_small_or_not_there() {
	execute(|| {
		let worker = register_worker(1);
		assert_noop!(
			IoMesh::fund(origin(OPERATOR), worker, MIN_BUDGET - 1),
			Error::<Runtime>::BudgetTooSmall
		);
		assert_noop!(IoMesh::fund(origin(OPERATOR), worker, FUNDS), TokenError::FundsUnavailable);
	});
}

#[test]
fn should_refuse_a_new_operator_when_the_old_one_has_money_there() {
	execute(|| {
		let worker = funded(1, 100);
		Registered::insert(worker, STRANGER);
		assert_noop!(IoMesh::fund(origin(STRANGER), worker, 100), Error::<Runtime>::NotYourBudget);
		assert_noop!(
			IoMesh::close_budget(origin(STRANGER), worker),
			Error::<Runtime>::NotYourBudget
		);
		assert_noop!(
			IoMesh::release_budget(origin(STRANGER), worker),
			Error::<Runtime>::NotYourBudget
		);
		assert_ok!(IoMesh::close_budget(origin(OPERATOR), worker));
		run_to_epoch(CLAIM_EPOCHS + 1);
		assert_ok!(IoMesh::release_budget(origin(OPERATOR), worker));
		assert_ok!(IoMesh::fund(origin(STRANGER), worker, 100));
	});
}

#[test]
fn should_come_back_only_when_no_receipt_can_be_claimed_any_more() {
	execute(|| {
		let worker = funded(1, 100);
		run_to_epoch(2);
		let not_closing = Error::<Runtime>::NotClosing;
		assert_noop!(IoMesh::release_budget(origin(OPERATOR), worker), not_closing);
		events();
		assert_ok!(IoMesh::close_budget(origin(OPERATOR), worker));
		let closes = 2 + CLAIM_EPOCHS + 1;
		assert_eq!(events(), [Event::BudgetClosing { worker, closes }]);
		assert_noop!(
			IoMesh::close_budget(origin(OPERATOR), worker),
			Error::<Runtime>::AlreadyClosing
		);
		// The worker is gone meanwhile: the money is still the payer's.
		Registered::remove(worker);
		run_to(closes * EPOCH - 1);
		let too_early = Error::<Runtime>::TooEarly;
		assert_noop!(IoMesh::release_budget(origin(OPERATOR), worker), too_early);
		run_to_epoch(closes);
		assert_ok!(IoMesh::release_budget(origin(OPERATOR), worker));
		assert_eq!(events(), [Event::BudgetReleased { worker, payer: OPERATOR, amount: 100 }]);
		assert_eq!(free(&OPERATOR), FUNDS);
		assert_eq!(IoMesh::budget(worker), None);
	});
}

#[test]
fn should_be_open_again_when_funded_while_closing() {
	execute(|| {
		let worker = funded(1, 100);
		assert_ok!(IoMesh::close_budget(origin(OPERATOR), worker));
		assert_ok!(IoMesh::fund(origin(OPERATOR), worker, 10));
		assert_eq!(IoMesh::budget(worker).unwrap().closes, None);
	});
}

#[test]
fn should_refuse_when_there_is_no_budget() {
	execute(|| {
		let worker = register_worker(1);
		let no_budget = Error::<Runtime>::NoBudget;
		assert_noop!(IoMesh::close_budget(origin(OPERATOR), worker), no_budget);
		let no_budget = Error::<Runtime>::NoBudget;
		assert_noop!(IoMesh::release_budget(origin(OPERATOR), worker), no_budget);
	});
}
