//! `relay`.

use frame_support::{assert_noop, assert_ok};
use io_shielded::Target;
use sp_runtime::DispatchError;

use crate::{mock::*, wallet::*, *};

#[test]
fn should_pay_the_relayer_out_of_the_pool_when_it_relays() {
	execute(|| {
		let coins = matured_coins(20);
		let before = supply();
		let (bundle, _) = Plan::spend(&coins[..1]).relayed_by(&RELAYER, 500).make();
		assert_ok!(relay(&RELAYER, &bundle));
		assert_eq!(free(&RELAYER), FUNDS + 500 * UNIT);
		assert_eq!(supply(), before - 500 * UNIT);
		assert_eq!((free(&TREASURY), free(&AUTHOR)), (FUNDS, FUNDS));
	});
}

#[test]
fn should_let_somebody_relay_for_nothing() {
	execute(|| {
		let coins = matured_coins(20);
		let before = supply();
		let (bundle, _) = Plan::spend(&coins[..1]).relayed_by(&ALICE, 0).make();
		let paid = free(&ALICE);
		assert_ok!(relay(&ALICE, &bundle));
		assert_eq!((free(&ALICE), supply()), (paid, before));
	});
}

#[test]
fn should_pay_target_and_relayer_when_a_relayed_bundle_has_both() {
	execute(|| {
		let coins = matured_coins(20);
		let target = Target::Account { id: NOBODY.into(), amount: 300 };
		let (bundle, _) = Plan::spend(&coins[..1]).to(target).relayed_by(&RELAYER, 20).make();
		assert_ok!(relay(&RELAYER, &bundle));
		assert_eq!((free(&NOBODY), free(&RELAYER)), (300 * UNIT, FUNDS + 20 * UNIT));
	});
}

#[test]
fn should_refuse_to_relay_when_nobody_signed() {
	execute(|| {
		let coins = matured_coins(20);
		let (bundle, _) = Plan::spend(&coins[..1]).relayed_by(&RELAYER, 0).make();
		for origin in [RuntimeOrigin::none(), RuntimeOrigin::root()] {
			assert_noop!(
				IoShielded::relay(origin, Box::new(bundle.clone()), None),
				DispatchError::BadOrigin
			);
		}
	});
}

#[test]
fn should_refuse_a_relayed_bundle_when_its_proof_is_wrong() {
	execute(|| {
		let coins = matured_coins(20);
		let (mut bundle, _) = Plan::spend(&coins[..1]).relayed_by(&RELAYER, 500).make();
		bundle.fee = 510;
		assert_noop!(relay(&RELAYER, &bundle), Error::<Runtime>::Unbalanced);
	});
}

#[test]
fn should_relay_when_unsigned_bundles_are_not_taken() {
	execute(|| {
		let coins = matured_coins(20);
		CurrentTerms::mutate(|terms| terms.unsigned_spends = false);
		let (bundle, _) = Plan::spend(&coins[..1]).make();
		assert_eq!(send(&bundle), invalid(Error::UnsignedClosed));
		let (bundle, _) = Plan::spend(&coins[..1]).relayed_by(&RELAYER, 500).make();
		assert_ok!(relay(&RELAYER, &bundle));
	});
}
