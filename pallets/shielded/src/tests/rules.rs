//! Each rule for bundles, broken: by the pool, in a block, and when relayed.

use codec::Encode;
use frame_support::assert_noop;
use io_shielded::{Target, Window};
use sp_runtime::transaction_validity::InvalidTransaction;

use crate::{mock::*, wallet::*, *};

/// An unsigned bundle is refused by the pool and does not enter a block; if it did, it would fail there.
fn refuse(bundle: &Bundle, error: Error<Runtime>) {
	refuse_stamped(bundle, stamp(bundle), error);
}

fn refuse_stamped(bundle: &Bundle, stamp: u64, error: Error<Runtime>) {
	let call = || IoShielded::spend_call(bundle.clone(), None, stamp);
	let code = error.encode()[0];
	let refusal = InvalidTransaction::Custom(code).into();
	assert_eq!(validate(call()).unwrap_err(), refusal, "{error:?}");
	assert_noop!(dispatch_authorized(call()), error);
}

/// As [`refuse`], of a proof: a block may hold such a bundle, but it fails.
fn refuse_proof(bundle: &Bundle, error: Error<Runtime>) {
	let call = IoShielded::spend_call(bundle.clone(), None, stamp(bundle));
	let code = error.encode()[0];
	assert_eq!(validate(call.clone()).unwrap_err(), InvalidTransaction::Custom(code).into());
	let expected = SendError::Failed(error.into());
	let tags = Tags::<Runtime>::iter().count();
	let before = (supply(), Count::<Runtime>::get(), tags);
	assert_eq!(apply(call), Err(expected));
	assert_eq!(before, (supply(), Count::<Runtime>::get(), Tags::<Runtime>::iter().count()));
}

fn good() -> (Bundle, Vec<Held>) {
	let coins = matured_coins(20);
	Plan::spend(&coins[..2]).make()
}

#[test]
fn should_refuse_a_bundle_when_it_has_a_number_of_inputs_or_outputs_that_is_not_allowed() {
	execute(|| {
		let (bundle, _) = good();
		let mut none = bundle.clone();
		none.inputs = Default::default();
		refuse(&none, Error::BadShape);
		let mut three = bundle.clone();
		three.inputs.try_push(bundle.inputs[0].clone()).unwrap();
		refuse(&three, Error::BadShape);
		let mut one = bundle.clone();
		one.outputs.pop();
		refuse(&one, Error::BadShape);
		let mut none = bundle.clone();
		none.outputs = Default::default();
		refuse(&none, Error::BadShape);
		let mut short = bundle.clone();
		short.range_proof.pop();
		refuse(&short, Error::BadShape);
		let mut long = bundle;
		long.inputs[0].proof.try_push(0).unwrap();
		refuse(&long, Error::BadShape);
	});
}

#[test]
fn should_refuse_a_bundle_when_the_public_amount_is_zero_or_overflows_with_the_fee() {
	execute(|| {
		let (bundle, _) = good();
		for amount in [0, u64::MAX] {
			let target = Target::Account { id: BOB.into(), amount };
			refuse(&Bundle { target, ..bundle.clone() }, Error::BadAmount);
		}
	});
}

#[test]
fn should_refuse_a_bundle_when_the_fee_is_not_round() {
	execute(|| {
		let (bundle, _) = good();
		refuse(&Bundle { fee: 10_001, ..bundle }, Error::BadFee);
	});
}

#[test]
fn should_refuse_a_bundle_when_its_window_is_not_permitted() {
	execute(|| {
		let (bundle, _) = good();
		let with = |index, len| {
			let mut bundle = bundle.clone();
			bundle.inputs[0].window = Window { index, len };
			bundle
		};
		// Beyond what is mature, empty, unknown, overflowing, larger than a ring.
		for (index, len) in [(1, 16), (0, 0), (3, 16), (u32::MAX, 16), (0, 17), (0, u32::MAX)] {
			refuse(&with(index, len), Error::BadWindow);
		}
	});
}

#[test]
fn should_refuse_a_bundle_when_coins_of_its_window_are_not_mature() {
	execute(|| {
		let coins = matured_coins(8);
		shield(&ALICE, 500);
		let (bundle, _) = Plan::spend(&coins[..1]).make();
		let mut early = bundle;
		early.inputs[0].window = Window { index: 0, len: 9 };
		refuse(&early, Error::BadWindow);
		run_blocks(MATURITY - 1);
		refuse(&early, Error::BadWindow);
		run_blocks(1);
		// Permitted now, but not what was proven.
		refuse_proof(&early, Error::BadRangeProof);
	});
}

#[test]
fn should_refuse_a_bundle_when_its_inputs_are_in_more_than_two_windows() {
	execute(|| {
		let coins = matured_coins(40);
		let (mut bundle, _) = Plan::spend(&coins[..4]).make();
		for (input, index) in bundle.inputs.iter_mut().zip([0, 1, 2, 2]) {
			input.window = Window { index, len: 16 };
		}
		refuse(&bundle, Error::TooManyWindows);
	});
}

#[test]
fn should_refuse_a_bundle_when_two_outputs_have_the_same_key() {
	execute(|| {
		let (mut bundle, _) = good();
		bundle.outputs[1].key = bundle.outputs[0].key;
		refuse(&bundle, Error::DuplicateKey);
	});
}

#[test]
fn should_refuse_a_bundle_when_a_point_is_none() {
	execute(|| {
		let (bundle, _) = good();
		for bad in [[0u8; 32], [0xff; 32]] {
			let mut changed = bundle.clone();
			changed.inputs[1].pseudo = bad;
			refuse(&changed, Error::BadPoint);
			let mut changed = bundle.clone();
			changed.inputs[0].tag = bad;
			refuse(&changed, Error::BadPoint);
			let mut changed = bundle.clone();
			changed.outputs[1].key = bad;
			refuse(&changed, Error::BadPoint);
			let mut changed = bundle.clone();
			changed.inputs[0].proof[..32].copy_from_slice(&bad);
			refuse(&changed, Error::BadPoint);
			let mut changed = bundle.clone();
			changed.range_proof[..32].copy_from_slice(&bad);
			refuse(&changed, Error::BadPoint);
		}
	});
}

#[test]
fn should_refuse_a_bundle_when_a_scalar_is_not_reduced() {
	execute(|| {
		let (bundle, _) = good();
		let mut changed = bundle.clone();
		let last = changed.inputs[0].proof.len() - 32;
		changed.inputs[0].proof[last..].copy_from_slice(&[0xff; 32]);
		refuse(&changed, Error::BadScalar);
		let mut changed = bundle;
		let last = changed.range_proof.len() - 32;
		changed.range_proof[last..].copy_from_slice(&[0xff; 32]);
		refuse(&changed, Error::BadScalar);
	});
}

#[test]
fn should_refuse_an_unsigned_bundle_when_its_fee_is_below_the_minimum() {
	execute(|| {
		let coins = matured_coins(8);
		let least = IoShielded::minimum_fee(1, 1, 2, None);
		let (bundle, _) = Plan::spend(&coins[..1]).fee(10).make();
		refuse(&bundle, Error::FeeTooLow);
		let (bundle, _) = Plan::spend(&coins[..1]).fee(least).make();
		assert!(send(&bundle).is_ok());
		// What fees cost follows the runtime's fees at once.
		ByteFee::set(2);
		let (bundle, _) = Plan::spend(&coins[1..2]).fee(least).make();
		refuse(&bundle, Error::FeeTooLow);
	});
}

#[test]
fn should_refuse_a_bundle_when_there_is_a_coin_with_the_key_of_an_output() {
	execute(|| {
		let (mut bundle, _) = good();
		bundle.outputs[0].key = IoShielded::coins(3, 1)[0].key;
		refuse(&bundle, Error::KeyExists);
	});
}

#[test]
fn should_refuse_a_bundle_when_its_stamp_is_too_weak() {
	execute(|| {
		let (bundle, _) = good();
		let id = bundle.id(&IoShielded::domain());
		let weak = (0..).find(|nonce| !io_shielded::bundle::is_stamp(&id, *nonce, 4)).unwrap();
		refuse_stamped(&bundle, weak, Error::BadStamp);
	});
}

#[test]
fn should_refuse_a_bundle_when_it_does_not_balance() {
	execute(|| {
		let (bundle, _) = good();
		refuse_proof(&Bundle { fee: bundle.fee * 10, ..bundle }, Error::Unbalanced);
	});
}

#[test]
fn should_refuse_a_bundle_when_its_range_proof_is_wrong() {
	execute(|| {
		let coins = matured_coins(20);
		let (bundle, _) = Plan::spend(&coins[..1]).make();
		let (other, _) = Plan::spend(&coins[1..2]).make();
		refuse_proof(&Bundle { range_proof: other.range_proof, ..bundle }, Error::BadRangeProof);
	});
}

#[test]
fn should_refuse_a_bundle_when_a_ring_proof_is_wrong() {
	execute(|| {
		let coins = matured_coins(20);
		let (mut bundle, _) = Plan::spend(&coins[..2]).make();
		let first = bundle.inputs[0].proof.clone();
		bundle.inputs[0].proof = bundle.inputs[1].proof.clone();
		bundle.inputs[1].proof = first;
		refuse_proof(&bundle, Error::BadRingProof);
	});
}

#[test]
fn should_refuse_to_pay_an_account_that_cannot_take_it() {
	execute(|| {
		let coins = matured_coins(20);
		let to = |id: AccountId, amount| {
			let target = Target::Account { id: id.into(), amount };
			Plan::spend(&coins[..1]).to(target).make().0
		};
		let least = (EXISTENTIAL_DEPOSIT / UNIT) as u64;
		// Below the existential deposit; the pool itself.
		for bundle in [to(NOBODY, least - 1), to(IoShielded::account(), 50)] {
			let call = IoShielded::spend_call(bundle.clone(), None, stamp(&bundle));
			let refused = refused(Error::BadTarget);
			assert_eq!(validate(call.clone()).unwrap_err(), refused);
			assert_eq!(apply(call), Err(SendError::Invalid(refused)));
		}
		assert!(send(&to(NOBODY, least)).is_ok());
	});
}

#[test]
fn should_refuse_a_spend_when_it_is_signed() {
	execute(|| {
		let (bundle, _) = good();
		for origin in [RuntimeOrigin::signed(ALICE), RuntimeOrigin::root(), RuntimeOrigin::none()] {
			let call = IoShielded::spend_call(bundle.clone(), None, stamp(&bundle));
			assert_noop!(dispatch(call, origin), sp_runtime::DispatchError::BadOrigin);
		}
	});
}
