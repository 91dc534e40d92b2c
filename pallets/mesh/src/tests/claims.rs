//! Receipts become money.

use std::slice::from_ref;

use frame_support::{assert_noop, assert_ok};
use io_primitives::mesh::{owed, RelayProfile, CLAIM_EPOCHS};

use crate::{mock::*, *};

#[docify::export_content]
#[test]
fn should_pay_the_relay_to_the_unit_when_a_worker_has_signed() {
	execute(|| {
		let relay = register_relay(50);
		let worker = funded(1, 1_000);
		events();
		// Three GiB at 12 units each, and half a GiB more with a byte that is worth nothing yet.
		assert_ok!(claim(&[receipt(1, 50, 0, 3 * GIB)]));
		assert_ok!(claim(&[receipt(1, 50, 0, 3 * GIB + GIB / 2 + 1)]));
		let paid = |amount| Event::RelayPaid { relay, operator: RELAYER, worker, epoch: 0, amount };
		assert_eq!(events(), [paid(36), paid(6)]);
		assert_eq!(free(&RELAYER), FUNDS - BOND + 42);
		assert_eq!(held(HoldReason::RelayBudget, &OPERATOR), 1_000 - 42);
		assert_eq!(Balances::total_issuance(), 5 * FUNDS);
	});
}

#[test]
fn should_pay_what_is_owed_for_all_bytes_when_they_are_claimed_in_small_steps() {
	execute(|| {
		register_relay(50);
		let worker = funded(1, 1_000);
		// Each step is worth a fraction of a unit.
		let step = GIB / 50 + 1;
		for n in 1..=100 {
			let _ = claim(&[receipt(1, 50, 0, n * step)]);
		}
		assert_eq!(left(worker), 1_000 - owed(100 * step, PRICE));
	});
}

#[test]
fn should_pay_nothing_twice_when_a_receipt_comes_again() {
	execute(|| {
		register_relay(50);
		funded(1, 1_000);
		assert_ok!(claim(&[receipt(1, 50, 0, GIB), receipt(1, 50, 0, GIB)]));
		assert_eq!(free(&RELAYER), FUNDS - BOND + PRICE);
		for old in [GIB, GIB / 2, 0] {
			assert_noop!(claim(&[receipt(1, 50, 0, old)]), Error::<Runtime>::NothingDue);
		}
	});
}

#[test]
fn should_count_each_epoch_worker_and_relay_alone() {
	execute(|| {
		register_relay(50);
		register_relay(51);
		let (first, second) = (funded(1, 1_000), funded(2, 1_000));
		run_to_epoch(1);
		assert_ok!(claim(&[
			receipt(1, 50, 0, GIB),
			receipt(1, 50, 1, GIB),
			receipt(1, 51, 1, GIB),
			receipt(2, 50, 1, GIB),
		]));
		assert_eq!((left(first), left(second)), (1_000 - 3 * PRICE, 1_000 - PRICE));
	});
}

#[test]
fn should_refuse_all_when_a_signature_is_wrong() {
	execute(|| {
		register_relay(50);
		funded(1, 1_000);
		let good = receipt(1, 50, 0, GIB);
		let changes: [fn(&mut SignedReceipt); 4] = [
			|r| r.receipt.bytes += 1,
			|r| r.receipt.epoch += 1,
			|r| r.receipt.relay = endpoint_key(51),
			|r| r.worker = worker(2),
		];
		for change in changes {
			let mut wrong = good.clone();
			change(&mut wrong);
			assert_noop!(claim(&[good.clone(), wrong]), Error::<Runtime>::BadSignature);
		}
	});
}

#[test]
fn should_refuse_when_there_is_no_receipt() {
	execute(|| {
		assert_noop!(claim(&[]), Error::<Runtime>::NothingDue);
	});
}

#[test]
fn should_pass_over_receipts_when_they_pay_nothing() {
	execute(|| {
		register_relay(50);
		funded(1, 1_000);
		let broke = register_worker(2);
		run_to_epoch(CLAIM_EPOCHS + 1);
		let useless = [
			// Too old, of an epoch to come, of nobody's relay, without budget.
			receipt(1, 50, 0, GIB),
			receipt(1, 50, CLAIM_EPOCHS + 2, GIB),
			receipt(1, 59, 1, GIB),
			receipt(2, 50, 1, GIB),
		];
		for receipt in &useless {
			assert_noop!(claim(from_ref(receipt)), Error::<Runtime>::NothingDue);
		}
		let good = receipt(1, 50, 1, GIB);
		let all: Vec<_> = useless.iter().cloned().chain([good]).collect();
		assert_ok!(claim(&all));
		assert_eq!(free(&RELAYER), FUNDS - BOND + PRICE);
		assert_eq!(left(broke), 0);
	});
}

#[test]
fn should_pay_the_rest_later_when_the_budget_falls_short() {
	execute(|| {
		register_relay(50);
		let worker = funded(1, 20);
		let receipt = receipt(1, 50, 0, 3 * GIB);
		assert_ok!(claim(from_ref(&receipt)));
		assert_eq!(free(&RELAYER), FUNDS - BOND + 20);
		assert_eq!(IoMesh::budget(worker), None);
		assert_noop!(claim(from_ref(&receipt)), Error::<Runtime>::NothingDue);
		assert_ok!(IoMesh::fund(origin(OPERATOR), worker, 100));
		assert_ok!(claim(&[receipt]));
		assert_eq!(free(&RELAYER), FUNDS - BOND + 3 * PRICE);
	});
}

#[test]
fn should_pay_the_price_of_the_epoch_when_it_has_changed_since() {
	execute(|| {
		let relay = register_relay(50);
		let worker = funded(1, 10_000);
		let dear = RelayProfile { price_per_gib: 500, ..profile() };
		assert_ok!(IoMesh::update_relay(origin(RELAYER), relay, dear));
		run_to_epoch(2);
		assert_ok!(claim(&[receipt(1, 50, 0, GIB), receipt(1, 50, 1, GIB)]));
		assert_eq!(left(worker), 10_000 - 2 * PRICE);
		assert_ok!(claim(&[receipt(1, 50, 2, GIB)]));
		assert_eq!(left(worker), 10_000 - 2 * PRICE - 500);
	});
}

#[test]
fn should_pay_nothing_for_epochs_before_the_relay_was_there() {
	execute(|| {
		run_to_epoch(3);
		register_relay(50);
		funded(1, 1_000);
		assert_noop!(claim(&[receipt(1, 50, 2, GIB)]), Error::<Runtime>::NothingDue);
		assert_ok!(claim(&[receipt(1, 50, 3, GIB)]));
	});
}

#[test]
fn should_still_pay_when_the_worker_is_retired_the_budget_closing_or_the_relay_leaving() {
	execute(|| {
		let relay = register_relay(50);
		let worker = funded(1, 1_000);
		Registered::remove(worker);
		assert_ok!(claim(&[receipt(1, 50, 0, GIB)]));
		assert_ok!(IoMesh::close_budget(origin(OPERATOR), worker));
		assert_ok!(claim(&[receipt(1, 50, 0, 2 * GIB)]));
		assert_ok!(IoMesh::unregister_relay(origin(RELAYER), relay));
		run_to_epoch(CLAIM_EPOCHS);
		assert_ok!(claim(&[receipt(1, 50, 0, 3 * GIB)]));
		assert_eq!(left(worker), 1_000 - 3 * PRICE);
	});
}

#[test]
fn should_still_pay_when_the_relay_is_chilled() {
	execute(|| {
		let relay = register_relay(50);
		funded(1, 1_000);
		assert_ok!(IoMesh::slash_relay(RuntimeOrigin::root(), relay, 1));
		assert_ok!(claim(&[receipt(1, 50, 0, GIB)]));
	});
}

#[test]
fn should_take_no_more_than_the_budget_when_a_hot_key_signs_for_anything() {
	execute(|| {
		let dearest = io_primitives::mesh::MAX_PRICE;
		let profile = RelayProfile { price_per_gib: dearest, ..profile() };
		let proof = proof(50, &RELAYER);
		assert_ok!(IoMesh::register_relay(origin(RELAYER), endpoint_key(50), profile, proof));
		funded(1, 1_000);
		assert_ok!(claim(&[receipt(1, 50, 0, u64::MAX)]));
		assert_eq!(free(&RELAYER), FUNDS - BOND + 1_000);
		assert_eq!(free(&OPERATOR), FUNDS - 1_000);
	});
}

#[test]
fn should_move_nothing_when_payer_and_operator_are_the_same() {
	execute(|| {
		let of = proof(50, &OPERATOR);
		assert_ok!(IoMesh::register_relay(origin(OPERATOR), endpoint_key(50), profile(), of));
		funded(1, 1_000);
		assert_ok!(claim(&[receipt(1, 50, 0, GIB)]));
		assert_eq!(free(&OPERATOR), FUNDS - BOND - 1_000 + PRICE);
		assert_eq!(held(HoldReason::RelayBudget, &OPERATOR), 1_000 - PRICE);
		assert_eq!(Balances::total_issuance(), 5 * FUNDS);
	});
}
