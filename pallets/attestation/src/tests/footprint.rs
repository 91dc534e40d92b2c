//! What calls and blocks touch: the proof that a block carries is the scarce thing.

use io_primitives::attestation::AttestationCall;
use io_tflops::prover::Scalar;
use std::collections::BTreeSet;

use crate::{mock::*, *};

/// Keys of this pallet that `act` touches, and the bytes of their values after it. All workers have all their devices
/// certified.
fn touched<A>(prepare: impl Fn() -> A, act: impl Fn(A)) -> (usize, usize) {
	let mut ext = ExtBuilder::default().build();
	let prepared = ext.execute_with(|| {
		for device in 1..16 {
			(1..=WORKERS).for_each(|w| {
				send(w, enrol_call(device, 0, 1)).unwrap();
				trust(w, device);
			});
		}
		let prepared = prepare();
		System::reset_events();
		prepared
	});
	ext.commit_all().unwrap();
	let recorder = Default::default();
	ext.execute_with_recorder(Clone::clone(&recorder), || {
		recorder.reset();
		act(prepared);
	});
	let prefix = sp_io::hashing::twox_128(b"IoAttestation");
	let read = recorder.recorded_keys().into_values().flatten().map(|(key, _)| key.to_vec());
	let written: Vec<_> = ext.overlayed_changes().changes().map(|(key, _)| key.clone()).collect();
	let keys: BTreeSet<_> = read.chain(written).filter(|key| key.starts_with(&prefix)).collect();
	let bytes = ext.execute_with(|| {
		keys.iter().map(|key| sp_io::storage::get(key).map_or(0, |value| value.len())).sum()
	});
	(keys.len(), bytes)
}

fn call(prepare: impl Fn() -> AttestationCall) -> (usize, usize) {
	touched(|| signed(1, prepare()), |signed| assert!(apply(signed).is_ok()))
}

#[test]
fn should_touch_few_keys_in_calls_and_blocks() {
	let enrol_it = call(|| enrol_call(0, 0, 1));
	let commit_it = call(|| {
		enrolled(1);
		commit_call(0, &chain(1, 0, 1, &mut Scalar))
	});
	let reveal_it = call(|| {
		let chain = audited(1, 1, &mut Scalar);
		reveal_call(1, 0, &chain, &mut Scalar)
	});
	let block = touched(|| run_blocks(5), |()| next_block());
	let draw = touched(
		|| {
			enrolled(1);
			send(1, commit_call(0, &chain(1, 0, 1, &mut Scalar))).unwrap();
			run_blocks(3);
		},
		|()| next_block(),
	);
	println!(
		"keys and bytes of values: enrol {enrol_it:?}, commit {commit_it:?}, reveal {reveal_it:?}, a block {block:?}, \
		a block with a draw {draw:?}"
	);
	for (keys, bytes) in [enrol_it, commit_it, reveal_it, block] {
		assert!(keys <= 7, "{keys} keys");
		assert!(bytes <= 2_048, "{bytes} bytes");
	}
	// A block and a draw together.
	assert!(draw.0 <= 5 + 7 && draw.1 <= 2 * 2_048, "{draw:?}");
}
