//! Group 1: one coin, spent twice.

use codec::Encode;
use frame_support::assert_ok;

use crate::{mock::*, wallet::*, *};

fn twice() -> (Bundle, Bundle) {
	let coins = matured_coins(20);
	let (first, _) = Plan::spend(&coins[2..3]).outputs([1]).make();
	let (second, _) = Plan::spend(&coins[2..3]).outputs([2]).make();
	assert_eq!(first.inputs[0].tag, second.inputs[0].tag);
	(first, second)
}

#[test]
fn should_refuse_a_coin_twice_when_in_one_bundle() {
	execute(|| {
		let coins = matured_coins(20);
		let (mut bundle, _) = Plan::spend(&coins[2..4]).make();
		bundle.inputs[1] = bundle.inputs[0].clone();
		assert_eq!(send(&bundle), invalid(Error::DuplicateTag));
	});
}

#[test]
fn should_refuse_a_coin_twice_when_in_one_block() {
	execute(|| {
		let (first, second) = twice();
		assert_ok!(send(&first));
		assert_eq!(send(&second), invalid(Error::TagSpent));
		assert_eq!(send(&first), invalid(Error::TagSpent));
	});
}

#[test]
fn should_refuse_a_coin_twice_when_in_two_blocks() {
	execute(|| {
		let (first, second) = twice();
		assert_ok!(send(&first));
		for blocks in [1, MATURITY, 100] {
			run_blocks(blocks);
			assert_eq!(send(&second), invalid(Error::TagSpent));
		}
	});
}

#[test]
fn should_refuse_a_coin_twice_when_the_second_comes_relayed() {
	execute(|| {
		let coins = matured_coins(20);
		let (first, _) = Plan::spend(&coins[..1]).make();
		let (second, _) = Plan::spend(&coins[..1]).relayed_by(&RELAYER, 500).make();
		assert_ok!(send(&first));
		frame_support::assert_noop!(relay(&RELAYER, &second), Error::<Runtime>::TagSpent);
	});
}

#[test]
fn should_refuse_a_coin_twice_when_the_node_was_restarted_between() {
	let mut ext = new_test_ext();
	let (first, second) = ext.execute_with(twice);
	ext.execute_with(|| {
		assert_ok!(send(&first));
	});
	ext.commit_all().unwrap();
	// What a restart leaves is the state, not the process.
	let (state, root) = ext.into_raw_snapshot();
	let mut again = sp_io::TestExternalities::from_raw_snapshot(state, root, Default::default());
	again.execute_with(|| {
		assert_eq!(send(&second), invalid(Error::TagSpent));
		IoShielded::do_try_state().unwrap();
	});
}

#[test]
fn should_take_either_of_two_bundles_when_a_reorganisation_undid_the_other() {
	execute(|| {
		let (first, second) = twice();
		let undone = frame_support::storage::with_transaction(|| {
			let sent = send(&first);
			sp_runtime::TransactionOutcome::Rollback(Ok::<_, sp_runtime::DispatchError>(sent))
		});
		assert_ok!(undone.unwrap());
		assert_ok!(send(&second));
		assert_eq!(send(&first), invalid(Error::TagSpent));
	});
}

#[test]
fn should_let_only_one_of_two_into_the_pool_when_they_spend_the_same_coin() {
	execute(|| {
		let (first, second) = twice();
		let tag = ("IoShielded", first.inputs[0].tag).encode();
		for bundle in [&first, &second] {
			let call = IoShielded::spend_call(bundle.clone(), None, stamp(bundle));
			assert!(validate(call).unwrap().provides.contains(&tag));
		}
	});
}
