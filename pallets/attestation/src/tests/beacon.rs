//! The clock, the lots and the windows.

use io_tflops::transcript;
use sp_runtime::Permill;

use crate::{mock::*, *};

fn clock() -> Clock {
	Relay::<Runtime>::get()
}

#[test]
fn should_fold_each_relay_parents_lot_once() {
	ExtBuilder::default().build_and_execute(|| {
		next_block();
		let first = clock();
		let (number, slot) = relay_of(now());
		let acc = transcript::fold(&[0; 32], number, &lot(number).0);
		assert_eq!(first, Clock { relay_number: number, slot, folds: 1, acc: acc.into() });
		next_block();
		let (number, slot) = relay_of(now());
		let acc = transcript::fold(&acc, number, &lot(number).0);
		assert_eq!(clock(), Clock { relay_number: number, slot, folds: 2, acc: acc.into() });
	});
}

#[test]
fn should_not_fold_when_the_relay_number_does_not_grow() {
	ExtBuilder::default().build_and_execute(|| {
		next_block();
		let before = clock();
		let (number, slot) = relay_of(now());
		for (number, slot) in [(number, slot), (number - 1, slot + 9), (0, u64::MAX)] {
			IoAttestation::note_relay(number, slot, Some(H256::repeat_byte(7)));
			assert_eq!(clock(), before);
		}
	});
}

#[test]
fn should_move_the_clock_but_not_fold_when_there_is_no_vrf() {
	ExtBuilder::default().build_and_execute(|| {
		next_block();
		let before = clock();
		IoAttestation::note_relay(before.relay_number + 1, before.slot + 5, None);
		assert_eq!(
			clock(),
			Clock { relay_number: before.relay_number + 1, slot: before.slot + 5, ..before }
		);
		// The lot of the same relay parent cannot come later.
		IoAttestation::note_relay(before.relay_number + 1, before.slot + 5, Some(H256::zero()));
		assert_eq!(clock().folds, before.folds);
	});
}

#[test]
fn should_never_turn_the_clock_back() {
	ExtBuilder::default().build_and_execute(|| {
		next_block();
		let before = clock();
		IoAttestation::note_relay(before.relay_number + 1, before.slot - 1, None);
		assert_eq!(clock().slot, before.slot);
	});
}

#[test]
fn should_fold_other_values_when_relay_parents_are_skipped() {
	let run = |numbers: &[u32]| {
		let mut ext = ExtBuilder::default().build();
		ext.execute_with(|| {
			for number in numbers {
				IoAttestation::note_relay(*number, u64::from(*number), Some(lot(*number)));
			}
			check();
			clock()
		})
	};
	let (all, skipped) = (run(&[1, 2, 3]), run(&[1, 3]));
	assert_eq!((all.folds, skipped.folds), (3, 2));
	assert_ne!(all.acc, skipped.acc);
}

#[test]
fn should_make_foreseeable_lots_only_where_the_genesis_says_so() {
	ExtBuilder::default().build_and_execute(|| {
		IoAttestation::note_relay(1, 1, None);
		assert_eq!(clock().folds, 0);
	});
	ExtBuilder::default().predictable().build_and_execute(|| {
		IoAttestation::note_relay(1, 1, None);
		let first = clock();
		assert_eq!(first.folds, 1);
		IoAttestation::note_relay(2, 2, None);
		assert_eq!(clock().folds, 2);
		assert_ne!(clock().acc, first.acc);
	});
}

#[test]
fn should_remember_the_last_folds_and_no_others() {
	ExtBuilder::default().build_and_execute(|| {
		assert_eq!(IoAttestation::acc_at(0), None);
		run_blocks(1);
		let first = clock().acc;
		assert_eq!(IoAttestation::acc_at(1), Some(first));
		assert_eq!(IoAttestation::acc_at(2), None);
		run_blocks(RING - 1);
		assert_eq!(IoAttestation::acc_at(1), Some(first));
		assert_eq!(IoAttestation::acc_at(u64::from(RING)), Some(clock().acc));
		run_blocks(1);
		assert_eq!(IoAttestation::acc_at(1), None);
		assert_eq!(Ring::<Runtime>::iter().count(), RING as usize);
	});
}

#[test]
fn should_open_the_first_window_with_the_first_lot() {
	ExtBuilder::default().build_and_execute(|| {
		next_block();
		let Clock { acc, relay_number, slot, .. } = clock();
		let genesis = IoAttestation::genesis();
		let seed = transcript::window_seed(&genesis.0, PARA_ID, 1, &acc.0, relay_number).into();
		let window = Window { id: 1, seed, slot, block: now(), last_slot: slot + 10 };
		assert_eq!(IoAttestation::window(), Some(window));
	});
}

#[test]
fn should_keep_the_gap_between_windows() {
	ExtBuilder::default().build_and_execute(|| {
		let first = next_window();
		let second = next_window();
		assert_eq!(second.id, first.id + 1);
		assert_eq!(second.block, first.block + MinWindowGap::get());
		assert_ne!(second.seed, first.seed);
	});
}

#[test]
fn should_not_open_a_window_before_the_last_one_is_over() {
	ExtBuilder::default().build_and_execute(|| {
		MinWindowGap::set(1);
		let first = next_window();
		let second = next_window();
		assert_eq!(second.slot, first.last_slot + 1);
	});
}

#[test]
fn should_open_windows_as_often_as_the_odds_say() {
	ExtBuilder::default().build_and_execute(|| {
		MinWindowGap::set(0);
		WindowSlots::set(0);
		for (percent, range) in [(0, 0..=0), (10, 60..=140), (50, 430..=570), (100, 1_000..=1_000)]
		{
			WindowOdds::set(Permill::from_percent(percent));
			let before = IoAttestation::window().map_or(0, |window| window.id);
			run_blocks(1_000);
			let opened = IoAttestation::window().map_or(0, |window| window.id) - before;
			assert!(range.contains(&opened), "{opened} windows at {percent} %");
		}
	});
}

#[test]
fn should_touch_few_keys_in_a_block_without_a_window() {
	let mut ext = ExtBuilder::default().build();
	ext.execute_with(|| {
		run_blocks(5);
		System::reset_events();
	});
	ext.commit_all().unwrap();
	ext.execute_with(|| {
		let (number, slot) = relay_of(now() + 1);
		IoAttestation::note_relay(number, slot, Some(lot(number)));
	});
	let prefix = sp_io::hashing::twox_128(b"IoAttestation");
	let written: Vec<_> = ext
		.overlayed_changes()
		.changes()
		.map(|(key, _)| key.clone())
		.filter(|key| key.starts_with(&prefix))
		.collect();
	assert_eq!(written.len(), 2, "the clock and one place of the ring");
}
