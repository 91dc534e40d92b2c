//! Group 9: bundles on another chain, in another pool, at another time.

use frame_support::{assert_noop, assert_ok};
use io_shielded::{Domain, RingSize};
use sp_core::H256;

use crate::{mock::*, wallet::*, *};

fn refuse_made_for(domain: Domain) {
	execute(|| {
		let coins = matured_coins(20);
		let (bundle, _) = Plan::spend(&coins[..1]).domain(domain).make();
		assert_eq!(send(&bundle), failed(Error::BadRangeProof));
		assert_eq!(
			validate(IoShielded::spend_call(bundle.clone(), None, stamp(&bundle))).unwrap_err(),
			refused(Error::BadRangeProof)
		);
	});
}

fn here() -> Domain {
	new_test_ext().execute_with(IoShielded::domain)
}

#[test]
fn should_refuse_a_bundle_when_it_was_made_for_another_genesis() {
	refuse_made_for(Domain { genesis: [0x22; 32], ..here() });
}

#[test]
fn should_refuse_a_bundle_when_it_was_made_for_another_parachain() {
	refuse_made_for(Domain { para: PARA_ID + 1, ..here() });
}

#[test]
fn should_refuse_a_bundle_when_it_was_made_for_another_pallet() {
	refuse_made_for(Domain { pallet: here().pallet + 1, ..here() });
}

#[test]
fn should_refuse_a_bundle_when_it_was_made_for_rings_of_another_size() {
	execute(|| {
		let coins = matured_coins(64);
		let domain = Domain { size: RingSize::new(3).unwrap(), ..here() };
		let (bundle, _) = Plan::spend(&coins[..1]).domain(domain).make();
		assert_eq!(send(&bundle), invalid(Error::BadShape));
	});
}

#[test]
fn should_take_a_bundle_for_256_blocks_and_then_no_more() {
	execute(|| {
		let coins = matured_coins(20);
		let era = now() - 1;
		let (first, _) = Plan::spend(&coins[..1]).at(era).make();
		let (second, _) = Plan::spend(&coins[1..2]).at(era).make();
		run_to(era + MAX_ERA);
		assert_ok!(send(&first));
		run_blocks(1);
		assert_eq!(send(&second), invalid(Error::UnknownEra));
	});
}

#[test]
fn should_refuse_a_bundle_when_its_block_is_not_yet_known() {
	execute(|| {
		let coins = matured_coins(20);
		let (bundle, _) = Plan::spend(&coins[..1]).make();
		for era in [now(), now() + 1, u32::MAX] {
			let bundle = Bundle { era, ..bundle.clone() };
			assert_eq!(send(&bundle), invalid(Error::UnknownEra));
		}
	});
}

#[test]
fn should_refuse_a_bundle_when_it_was_made_on_another_fork() {
	execute(|| {
		let coins = matured_coins(20);
		let (bundle, _) = Plan::spend(&coins[..1]).make();
		frame_system::BlockHash::<Runtime>::insert(bundle.era, H256::repeat_byte(0x33));
		assert_eq!(send(&bundle), failed(Error::BadRangeProof));
	});
}

#[test]
fn should_refuse_a_bundle_when_a_reorganisation_changed_its_ring() {
	execute(|| {
		let coins = matured_coins(20);
		let (bundle, _) = Plan::spend(&coins[..1]).make();
		let (note, stranger) = mint(7);
		let _ = note;
		Chunks::<Runtime>::mutate(0, |chunk| {
			Keys::<Runtime>::remove(chunk[1].key);
			Keys::<Runtime>::insert(stranger.coin().key, ());
			chunk[1] = stranger.coin();
		});
		assert_eq!(send(&bundle), failed(Error::BadRangeProof));
	});
}

#[test]
fn should_refuse_an_unsigned_bundle_when_it_was_made_for_a_relayer() {
	execute(|| {
		let coins = matured_coins(20);
		let (bundle, _) = Plan::spend(&coins[..1]).relayed_by(&RELAYER, 5_000).make();
		assert_eq!(send(&bundle), invalid(Error::NotRelayer));
		let stripped = Bundle { fee_to: None, ..bundle.clone() };
		assert_eq!(send(&stripped), failed(Error::BadRangeProof));
		assert_ok!(relay(&RELAYER, &bundle));
		assert_noop!(relay(&RELAYER, &bundle), Error::<Runtime>::TagSpent);
	});
}
