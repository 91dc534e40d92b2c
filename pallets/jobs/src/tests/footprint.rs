//! What calls touch: the proof that a block carries is the scarce thing.

use std::collections::BTreeSet;

use crate::{mock::*, *};

/// Keys of this pallet that a worker's call touches, and the bytes of their values before and after it.
fn touched(prepare: impl Fn() -> (u8, WorkerCall)) -> (usize, usize) {
	let mut ext = ExtBuilder::default().workers(40).build();
	let call = ext.execute_with(|| {
		let (worker, call) = prepare();
		System::reset_events();
		signed(worker, call)
	});
	ext.commit_all().unwrap();
	let recorder = Default::default();
	ext.execute_with_recorder(Clone::clone(&recorder), || {
		recorder.reset();
		apply(call).unwrap();
	});
	let prefix = sp_io::hashing::twox_128(b"IoJobs");
	let read = recorder.recorded_keys().into_values().flatten().map(|(key, _)| key.to_vec());
	let written: Vec<_> = ext.overlayed_changes().changes().map(|(key, _)| key.clone()).collect();
	let keys: BTreeSet<_> = read.chain(written).filter(|key| key.starts_with(&prefix)).collect();
	let bytes = ext.execute_with(|| {
		keys.iter().map(|key| sp_io::storage::get(key).map_or(0, |value| value.len())).sum()
	});
	(keys.len(), bytes)
}

#[test]
fn should_touch_at_most_four_keys_and_three_kibibytes_in_a_workers_call() {
	let heartbeat = touched(|| {
		run_to(20);
		(1, WorkerCall::Heartbeat { seq: 2, load: 0 })
	});
	let accept_it = touched(|| {
		let id = drawn(spec_of(7, 4));
		(seat(id, 0), accept_call(id, 0))
	});
	let decline_it = touched(|| {
		let id = drawn(spec_of(7, 4));
		(seat(id, 0), WorkerCall::Decline { job: id, replica: 0 })
	});
	let last_commit = touched(|| {
		let id = drawn(spec_of(7, 4));
		committed(id, &[1; 6]);
		accept(id, 6);
		(seat(id, 6), commit_call(id, 6, &opening(1)))
	});
	let last_reveal = touched(|| {
		let id = drawn(spec_of(7, 4));
		committed(id, &[1; 7]);
		(0..6).for_each(|replica| reveal(id, replica, 1));
		(seat(id, 6), reveal_call(id, 6, &opening(1)))
	});
	println!(
		"keys and bytes of values: heartbeat {heartbeat:?}, accept {accept_it:?}, \
		decline {decline_it:?}, last commit {last_commit:?}, last reveal {last_reveal:?}"
	);
	for (keys, bytes) in [heartbeat, accept_it, decline_it, last_commit, last_reveal] {
		assert!(keys <= 4, "{keys} keys");
		assert!(bytes <= 3_072, "{bytes} bytes");
	}
}
