//! Groups 9 and 11: what enters the pool of transactions, in which order it leaves it, and what a block takes.

use std::collections::BTreeSet;

use codec::Encode;
use frame_support::{assert_ok, dispatch::GetDispatchInfo, traits::Authorize};
use io_shielded::bundle::{is_stamp, stamp_place, PLACES};
use sp_runtime::transaction_validity::{
	InvalidTransaction, TransactionSource, TransactionValidityError,
};

use crate::{mock::*, wallet::*, *};

fn call(bundle: &Bundle) -> Call<Runtime> {
	IoShielded::spend_call(bundle.clone(), None, stamp(bundle))
}

/// A bundle in which one byte of a proof is another: everything that is cheap to look at is right.
fn forged(coin: &Held) -> Bundle {
	let (mut bundle, _) = Plan::spend(std::slice::from_ref(coin)).make();
	let last = bundle.inputs[0].proof.len() - 32;
	bundle.inputs[0].proof[last] ^= 1;
	bundle
}

#[test]
fn should_enter_the_pool_under_its_tags_and_place_for_16_blocks() {
	execute(|| {
		let coins = matured_coins(20);
		let (bundle, _) = Plan::spend(&coins[..2]).make();
		let valid = validate(call(&bundle)).unwrap();
		let place = stamp_place(&bundle.id(&IoShielded::domain()), stamp(&bundle));
		let place = ("IoShielded", ("place", place)).encode();
		let tags = bundle.inputs.iter().map(|input| ("IoShielded", input.tag).encode());
		assert_eq!(valid.provides, core::iter::once(place).chain(tags).collect::<Vec<_>>());
		assert_eq!(valid.requires, Vec::<Vec<u8>>::new());
		assert_eq!(valid.longevity, LONGEVITY);
		assert!(valid.propagate);
	});
}

#[test]
fn should_share_32_places_whatever_is_spent() {
	execute(|| {
		let coins = matured_coins(20);
		let (bundle, _) = Plan::spend(&coins[..1]).make();
		let id = bundle.id(&IoShielded::domain());
		let stamps = (0..).filter(|nonce| is_stamp(&id, *nonce, TERMS.stamp_bits)).take(400);
		let places: BTreeSet<Vec<u8>> = stamps
			.map(|stamp| {
				let call = IoShielded::spend_call(bundle.clone(), None, stamp);
				validate(call).unwrap().provides[0].clone()
			})
			.collect();
		// That one of 32 does not come up in 400 throws has a probability of 1 in 10,000, and the throws are always the same.
		assert_eq!(places.len(), usize::from(PLACES));
	});
}

#[test]
fn should_stay_in_the_pool_no_longer_than_it_counts() {
	execute(|| {
		let coins = matured_coins(20);
		let era = now() - 1;
		let (bundle, _) = Plan::spend(&coins[..1]).at(era).make();
		run_to(era + MAX_ERA - 3);
		assert_eq!(validate(call(&bundle)).unwrap().longevity, 3);
		run_to(era + MAX_ERA);
		assert_eq!(validate(call(&bundle)).unwrap().longevity, 1);
	});
}

#[test]
fn should_never_enter_the_pool_when_a_proof_is_wrong() {
	execute(|| {
		let coins = matured_coins(20);
		let bundle = forged(&coins[0]);
		let call = call(&bundle);
		for source in [TransactionSource::External, TransactionSource::Local] {
			let verdict = call.authorize(source).unwrap().map(|_| ());
			assert_eq!(verdict, Err(refused(Error::BadRingProof)));
		}
	});
}

#[test]
fn should_verify_a_bundle_once_in_a_block() {
	execute(|| {
		let coins = matured_coins(20);
		let bundle = forged(&coins[0]);
		// In a block the authorisation leaves the proofs to the dispatch, which fails and changes nothing.
		assert!(call(&bundle).authorize(TransactionSource::InBlock).unwrap().is_ok());
		let before = (supply(), Count::<Runtime>::get());
		assert_eq!(
			apply(call(&bundle)),
			Err(SendError::Failed(Error::<Runtime>::BadRingProof.into()))
		);
		assert_eq!(before, (supply(), Count::<Runtime>::get()));
		assert_eq!(Tags::<Runtime>::iter().count(), 0);
	});
}

#[test]
fn should_leave_the_state_as_it_was_when_the_pool_asks() {
	execute(|| {
		let coins = matured_coins(20);
		let target = io_shielded::Target::Account { id: NOBODY.into(), amount: 50 };
		let (bundle, _) = Plan::spend(&coins[..1]).to(target).make();
		frame_support::assert_storage_noop!(assert!(call(&bundle)
			.authorize(TransactionSource::External)
			.unwrap()
			.is_ok()));
	});
}

#[test]
fn should_go_first_when_it_pays_more_than_the_least_fee() {
	execute(|| {
		let coins = matured_coins(20);
		let least = IoShielded::minimum_fee(1, 1, 2, None);
		let priority = |fee| {
			let (bundle, _) = Plan::spend(&coins[..1]).fee(fee).make();
			validate(call(&bundle)).unwrap().priority
		};
		let (low, high) = (priority(least), priority(least * 10));
		assert!(low > 0 && low < high);
	});
}

#[test]
fn should_wait_for_a_later_block_when_this_one_has_no_time_for_it() {
	execute(|| {
		let coins = matured_coins(20);
		let (first, _) = Plan::spend(&coins[..1]).make();
		let (second, _) = Plan::spend(&coins[1..2]).make();
		let each = IoShielded::spend_weight(Shape::of(&first), None).ref_time();
		let exhausted: TransactionValidityError = InvalidTransaction::ExhaustsResources.into();
		// Room for one and a half.
		BlockTime::<Runtime>::put(IoShielded::block_share() - each - each / 2);
		assert_ok!(send(&first));
		assert_eq!(send(&second), Err(SendError::Invalid(exhausted)));
		assert_ok!(validate(call(&second)));
		run_blocks(1);
		assert_ok!(send(&second));
	});
}

#[test]
fn should_weigh_the_authorisation_of_a_bundle() {
	execute(|| {
		let coins = matured_coins(20);
		let (bundle, _) = Plan::spend(&coins[..1]).make();
		let call: RuntimeCall = call(&bundle).into();
		let shape = Shape::of(&bundle);
		assert_eq!(call.weight_of_authorize(), IoShielded::authorize_weight(shape, None));
		let info = call.get_dispatch_info();
		assert_eq!(info.call_weight, IoShielded::spend_weight(shape, None));
		assert_eq!(info.pays_fee, frame_support::dispatch::Pays::No);
	});
}

#[test]
fn should_decode_nothing_that_is_longer_than_a_bundle_can_be() {
	use codec::Decode;
	execute(|| {
		let coins = matured_coins(20);
		let (bundle, _) = Plan::spend(&coins[..4]).make();
		let mut bytes = bundle.encode();
		// A fifth input.
		bytes[0] = 5 << 2;
		assert!(Bundle::decode(&mut &bytes[..]).is_err());
		// A list that claims to be longer than memory.
		bytes[..4].copy_from_slice(&[0xfe, 0xff, 0xff, 0xff]);
		assert!(Bundle::decode(&mut &bytes[..]).is_err());
	});
}
