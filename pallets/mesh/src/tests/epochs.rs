//! What is forgotten, and how much weight that takes.

use frame_support::{
	assert_ok,
	traits::Hooks,
	weights::{Weight, WeightMeter},
};
use io_primitives::mesh::CLAIM_EPOCHS;

use crate::{mock::*, *};

/// Notes of epoch 0: payments and reports of `n` workers.
fn notes(n: u8) {
	register_relay(50);
	for worker in 1..=n {
		funded(worker, 100);
		assert_ok!(claim(&[receipt(worker, 50, 0, GIB)]));
		assert_ok!(send(report(worker, 0, &[(50, true)])));
	}
}

fn kept() -> usize {
	PaidOut::<Runtime>::iter().count() + Reporters::<Runtime>::iter().count()
}

fn forget_with(entries: u64) -> Weight {
	let weight = <() as WeightInfo>::forget_base()
		.saturating_add(<() as WeightInfo>::forget_epoch())
		.saturating_add(<() as WeightInfo>::forget_entry().saturating_mul(entries));
	IoMesh::on_idle(now(), weight)
}

#[test]
fn should_keep_what_was_paid_while_receipts_can_be_claimed() {
	execute(|| {
		notes(3);
		run_to(EPOCH * (CLAIM_EPOCHS + 1) - 1);
		IoMesh::on_idle(now(), Weight::MAX);
		assert_eq!(kept(), 6);
		run_to(now() + 1);
		IoMesh::on_idle(now(), Weight::MAX);
		assert_eq!(kept(), 0);
		assert_eq!(OldestEpoch::<Runtime>::get(), 1);
	});
}

#[test]
fn should_forget_as_much_as_the_weight_allows() {
	execute(|| {
		notes(3);
		System::set_block_number(EPOCH * (CLAIM_EPOCHS + 1));
		assert_eq!(IoMesh::on_idle(now(), Weight::zero()), Weight::zero());
		for expected in [4, 2, 0] {
			let used = forget_with(2);
			assert!(used.ref_time() > 0);
			assert_eq!(kept(), expected);
			assert_eq!(OldestEpoch::<Runtime>::get(), 0);
			IoMesh::do_try_state().unwrap();
		}
		// The look that finds nothing ends the epoch.
		forget_with(1);
		assert_eq!(OldestEpoch::<Runtime>::get(), 1);
	});
}

#[test]
fn should_never_use_more_weight_than_there_is() {
	execute(|| {
		notes(4);
		System::set_block_number(EPOCH * (CLAIM_EPOCHS + 30));
		for entries in 0..12 {
			let limit = <() as WeightInfo>::forget_entry().saturating_mul(entries);
			let mut meter = WeightMeter::with_limit(limit);
			IoMesh::forget_old_epochs(&mut meter);
			assert!(meter.consumed().all_lte(limit));
			IoMesh::do_try_state().unwrap();
		}
	});
}

#[test]
fn should_count_epochs_from_the_first_block_when_the_genesis_sets_their_length() {
	use sp_runtime::BuildStorage;
	let genesis = GenesisConfig::<Runtime> { epoch_blocks: Some(4), ..Default::default() };
	let mut ext: sp_io::TestExternalities = genesis.build_storage().unwrap().into();
	ext.execute_with(|| {
		System::set_block_number(7);
		assert_eq!((IoMesh::epoch(), IoMesh::relay_map().epoch_blocks), (1, 4));
		System::set_block_number(8);
		assert_eq!(IoMesh::epoch(), 2);
	});
}

#[test]
#[should_panic(expected = "an epoch has blocks")]
fn should_refuse_a_genesis_without_epochs() {
	use sp_runtime::BuildStorage;
	let _ =
		GenesisConfig::<Runtime> { epoch_blocks: Some(0), ..Default::default() }.build_storage();
}
