//! What certificates are worth, and for how long.

use io_tflops::prover::Scalar;

use crate::{mock::*, *};

/// So many rounds of a device in the open window, one slot after its start, certified.
fn certified(w: u8, device: DeviceIndex, rounds: u32) {
	let chain = chain(w, device, rounds, &mut Scalar);
	send(w, commit_call(device, &chain)).unwrap();
	run_blocks(4);
	send(w, reveal_call(w, device, &chain, &mut Scalar)).unwrap();
}

#[test]
fn should_add_the_devices_that_worked_in_the_same_window() {
	ExtBuilder::default().build_and_execute(|| {
		send(1, enrol_call(1, 0, 1)).unwrap();
		enrolled(1);
		let (one, two) = (chain(1, 0, 128, &mut Scalar), chain(1, 1, 64, &mut Scalar));
		send(1, commit_call(0, &one)).unwrap();
		send(1, commit_call(1, &two)).unwrap();
		run_blocks(4);
		send(1, reveal_call(1, 0, &one, &mut Scalar)).unwrap();
		assert_eq!(IoAttestation::proven(key(1)), 11);
		send(1, reveal_call(1, 1, &two, &mut Scalar)).unwrap();
		assert_eq!(IoAttestation::proven(key(1)), 11 + 5);
	});
}

#[test]
fn should_not_add_what_one_device_can_do_in_several_windows() {
	ExtBuilder::default().build_and_execute(|| {
		send(1, enrol_call(1, 0, 1)).unwrap();
		enrolled(1);
		certified(1, 0, 128);
		next_window();
		certified(1, 1, 64);
		assert_eq!(certificates(1).len(), 2);
		assert_eq!(IoAttestation::proven(key(1)), 11);
		next_window();
		certified(1, 1, 128);
		assert_eq!(IoAttestation::proven(key(1)), 11);
	});
}

#[test]
fn should_replace_the_certificate_of_a_device() {
	ExtBuilder::default().build_and_execute(|| {
		enrolled(1);
		certified(1, 0, 128);
		next_window();
		certified(1, 0, 64);
		assert_eq!(certificates(1).len(), 1);
		assert_eq!(IoAttestation::proven(key(1)), 5);
	});
}

#[test]
fn should_ignore_certificates_that_have_expired() {
	ExtBuilder::default().build_and_execute(|| {
		enrolled(1);
		certified(1, 0, 128);
		let expires = certificates(1)[0].expires;
		run_blocks(expires - now() - 1);
		assert_eq!(IoAttestation::proven(key(1)), 11);
		next_block();
		assert_eq!(IoAttestation::proven(key(1)), 0);
		assert!(certificates(1).is_empty());
	});
}

#[test]
fn should_make_room_by_dropping_certificates_that_have_expired() {
	ExtBuilder::default().build_and_execute(|| {
		send(1, enrol_call(1, 0, 1)).unwrap();
		enrolled(1);
		certified(1, 0, 4);
		run_blocks(CertificateTtl::get());
		next_window();
		certified(1, 1, 4);
		let stored = Certificates::<Runtime>::get(key(1));
		assert_eq!(stored.iter().map(|found| found.device).collect::<Vec<_>>(), [1]);
	});
}

#[test]
fn should_have_room_for_all_devices_of_a_worker() {
	ExtBuilder::default().build_and_execute(|| {
		AuditRate::set(Permill::zero());
		for device in 0..16 {
			send(1, enrol_call(device, 0, 1)).unwrap();
		}
		next_window();
		for device in 0..16 {
			trust(1, device);
			let chain = chain(1, device, 1, &mut Scalar);
			send(1, commit_call(device, &chain)).unwrap();
		}
		run_blocks(4);
		assert_eq!(certificates(1).len(), 16);
	});
}

#[test]
fn should_count_time_in_slots_and_at_least_one() {
	ExtBuilder::default().build_and_execute(|| {
		enrolled(1);
		let early = chain(1, 0, 6, &mut Scalar);
		send(1, commit_call(0, &early)).unwrap();
		assert_eq!(pending(1, 0).unwrap().slots, 1);
		run_blocks(4);
		send(1, reveal_call(1, 0, &early, &mut Scalar)).unwrap();
		next_window();
		run_blocks(10);
		let late = chain(1, 0, 6, &mut Scalar);
		send(1, commit_call(0, &late)).unwrap();
		assert_eq!(pending(1, 0).unwrap().slots, 10);
		run_blocks(4);
		send(1, reveal_call(1, 0, &late, &mut Scalar)).unwrap();
	});
}
