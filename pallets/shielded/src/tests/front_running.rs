//! Group 10: somebody who sees a bundle waiting changes it, or sends it another way.

use frame_support::{assert_noop, assert_ok};
use io_shielded::Target;

use crate::{mock::*, wallet::*, *};

/// Neither pool nor block takes the changed bundle, whatever work is put into its stamp.
fn refuse(bundle: Bundle) {
	let call = IoShielded::spend_call(bundle.clone(), None, stamp(&bundle));
	assert!(validate(call.clone()).is_err());
	let failed = apply(call);
	let forged = [Error::BadRangeProof, Error::BadRingProof, Error::Unbalanced]
		.map(|error: Error<Runtime>| Err(SendError::Failed(error.into())));
	assert!(forged.contains(&failed), "{failed:?}");
}

fn paying(who: AccountId) -> Bundle {
	let coins = matured_coins(20);
	let target = Target::Account { id: who.into(), amount: 500 };
	Plan::spend(&coins[..1]).to(target).make().0
}

#[test]
fn should_refuse_a_bundle_when_its_recipient_was_changed() {
	execute(|| {
		let bundle = paying(BOB);
		refuse(Bundle { target: Target::Account { id: ALICE.into(), amount: 500 }, ..bundle });
	});
}

#[test]
fn should_refuse_a_bundle_when_its_amount_was_changed() {
	execute(|| {
		let bundle = paying(BOB);
		for amount in [499, 501] {
			refuse(Bundle { target: Target::Account { id: BOB.into(), amount }, ..bundle.clone() });
		}
	});
}

#[test]
fn should_refuse_a_bundle_when_its_ciphertext_was_changed() {
	execute(|| {
		let mut bundle = paying(BOB);
		bundle.outputs[1].ciphertext[50] ^= 1;
		refuse(bundle);
	});
}

#[test]
fn should_refuse_a_bundle_when_its_view_tag_or_ephemeral_key_was_changed() {
	execute(|| {
		let bundle = paying(BOB);
		let mut changed = bundle.clone();
		changed.outputs[0].view_tag[0] ^= 1;
		refuse(changed);
		let mut changed = bundle.clone();
		changed.outputs[0].ephemeral = bundle.outputs[1].ephemeral;
		refuse(changed);
	});
}

#[test]
fn should_refuse_a_bundle_when_a_third_party_relays_it() {
	execute(|| {
		let bundle = paying(BOB);
		assert_noop!(relay(&RELAYER, &bundle), Error::<Runtime>::NotRelayer);
		let coins = matured_coins(20);
		let (bundle, _) = Plan::spend(&coins[..1]).relayed_by(&RELAYER, 500).make();
		assert_noop!(relay(&ALICE, &bundle), Error::<Runtime>::NotRelayer);
		assert_ok!(relay(&RELAYER, &bundle));
	});
}

#[test]
fn should_refuse_a_bundle_when_a_third_party_makes_itself_its_relayer() {
	execute(|| {
		let bundle = paying(BOB);
		let stolen = Bundle { fee_to: Some(RELAYER.into()), ..bundle };
		assert_noop!(relay(&RELAYER, &stolen), Error::<Runtime>::BadRangeProof);
		let coins = matured_coins(20);
		let (bundle, _) = Plan::spend(&coins[..1]).relayed_by(&RELAYER, 500).make();
		let stolen = Bundle { fee_to: Some(ALICE.into()), ..bundle };
		assert_noop!(relay(&ALICE, &stolen), Error::<Runtime>::BadRangeProof);
	});
}

#[test]
fn should_take_the_bundle_made_anew_when_somebody_minted_a_coin_with_its_key() {
	execute(|| {
		let coins = matured_coins(20);
		let (bundle, _) = Plan::spend(&coins[..1]).make();
		let note = MintNote { key: bundle.outputs[0].key, ..mint(1).0 };
		assert_ok!(IoShielded::shield(RuntimeOrigin::signed(BOB), UNIT, note));
		assert_eq!(send(&bundle), invalid(Error::KeyExists));
		let (anew, _) = Plan::spend(&coins[..1]).make();
		assert_ok!(send(&anew));
	});
}
