//! When a commitment counts, and what the lot makes of it.

use frame_support::{
	assert_ok,
	weights::{Weight, WeightMeter},
};
use io_primitives::attestation::AttestationCall;
use io_tflops::{prover::Scalar, transcript};
use sp_runtime::Permill;

use crate::{mock::*, *};

fn commit(window: WindowId, device: DeviceIndex, rounds: u32) -> AttestationCall {
	let seed = IoAttestation::window().map_or_else(H256::zero, |open| open.seed);
	AttestationCall::Commit { window, seed, device, rounds, commitment: H256::repeat_byte(3) }
}

#[test]
fn should_take_commitments_up_to_the_last_slot_of_the_window() {
	ExtBuilder::default().build_and_execute(|| {
		enrol(2);
		let window = enrolled(1);
		run_blocks(WindowSlots::get());
		assert_eq!(Relay::<Runtime>::get().slot, window.last_slot);
		assert_ok!(send(1, commit(window.id, 0, 1)));
		assert_eq!(pending(1, 0).unwrap().slots, WindowSlots::get());
		next_block();
		assert_refused(2, commit(window.id, 0, 1), Error::WindowOver);
	});
}

#[test]
fn should_refuse_commitments_to_any_window_but_the_last() {
	ExtBuilder::default().build_and_execute(|| {
		assert_refused(1, commit(1, 0, 1), Error::NotLastWindow);
		let first = enrolled(1);
		assert_refused(1, commit(first.id + 1, 0, 1), Error::NotLastWindow);
		assert_refused(1, commit(0, 0, 1), Error::NotLastWindow);
		let second = next_window();
		assert_refused(1, commit(first.id, 0, 1), Error::NotLastWindow);
		assert_ok!(send(1, commit(second.id, 0, 1)));
	});
}

#[test]
fn should_refuse_a_commitment_to_another_forks_window_of_the_same_number() {
	ExtBuilder::default().build_and_execute(|| {
		let window = enrolled(1);
		let seed = H256::repeat_byte(0xaf);
		let other = commit_of(&Window { seed, ..window }, 0, 1, H256::zero());
		assert_refused(1, other, Error::OtherSeed);
		assert_eq!(pending(1, 0), None);
		assert_ok!(send(1, commit(window.id, 0, 1)));
	});
}

#[test]
fn should_refuse_rounds_that_no_chain_has() {
	ExtBuilder::default().build_and_execute(|| {
		let window = enrolled(1);
		for rounds in [0, 129, u32::MAX] {
			assert_refused(1, commit(window.id, 0, rounds), Error::BadRounds);
		}
		assert_ok!(send(1, commit(window.id, 0, 128)));
	});
}

#[test]
fn should_refuse_devices_that_were_enrolled_when_the_seed_was_known() {
	ExtBuilder::default().build_and_execute(|| {
		let window = next_window();
		assert_refused(1, commit(window.id, 0, 1), Error::NotEnrolled);
		enrol(1);
		assert_refused(1, commit(window.id, 0, 1), Error::EnrolledTooLate);
		next_block();
		assert_refused(1, commit(window.id, 0, 1), Error::EnrolledTooLate);
		let window = next_window();
		assert_ok!(send(1, commit(window.id, 0, 1)));
	});
}

#[test]
fn should_take_one_commitment_of_a_device_in_a_window() {
	ExtBuilder::default().build_and_execute(|| {
		AuditRate::set(Permill::zero());
		send(1, enrol_call(1, 0, 1)).unwrap();
		let window = enrolled(1);
		trust(1, 0);
		assert_ok!(send(1, commit(window.id, 0, 1)));
		assert_refused(1, commit(window.id, 0, 2), Error::AlreadyCommitted);
		assert_ok!(send(1, commit(window.id, 1, 1)));
		// It is certified, and the window still open.
		run_blocks(4);
		assert_eq!(pending(1, 0), None);
		assert_refused(1, commit(window.id, 0, 2), Error::AlreadyCommitted);
	});
}

#[test]
fn should_refuse_the_next_window_while_an_audit_is_open() {
	ExtBuilder::default().build_and_execute(|| {
		RevealBlocks::set(100);
		audited(1, 1, &mut Scalar);
		let window = next_window();
		assert_refused(1, commit(window.id, 0, 1), Error::CommitmentPending);
	});
}

#[test]
fn should_ask_for_what_the_fourth_lot_after_the_commitment_says() {
	ExtBuilder::default().build_and_execute(|| {
		let window = enrolled(1);
		assert_ok!(send(1, commit(window.id, 0, 1)));
		let fold = Relay::<Runtime>::get().folds + 4;
		run_blocks(3);
		assert_eq!(pending(1, 0).unwrap().audit, None);
		run_blocks(1);
		let acc = IoAttestation::acc_at(fold).unwrap();
		let challenge = transcript::challenge(&[3; 32], &key(1).0, window.id, &acc.0);
		let audit = pending(1, 0).unwrap().audit.unwrap();
		assert_eq!(audit.challenge.0, challenge);
		assert_eq!(audit.deadline, now() + RevealBlocks::get());
	});
}

#[test]
fn should_count_lots_and_not_blocks() {
	ExtBuilder::default().build_and_execute(|| {
		let window = enrolled(1);
		assert_ok!(send(1, commit(window.id, 0, 1)));
		for _ in 0..20 {
			block_without_relay(&mut WeightMeter::new());
		}
		assert_eq!(pending(1, 0).unwrap().audit, None);
		run_blocks(4);
		assert!(pending(1, 0).unwrap().audit.is_some());
	});
}

#[test]
fn should_audit_as_many_as_the_rate_says() {
	ExtBuilder::default().build_and_execute(|| {
		AuditRate::set(Permill::from_percent(25));
		MinWindowGap::set(0);
		WindowSlots::set(5);
		for device in 0..16 {
			(1..=WORKERS).for_each(|w| send(w, enrol_call(device, 0, 1)).unwrap());
		}
		let mut asked = 0;
		for _ in 0..5 {
			let window = next_window();
			for device in 0..16 {
				for w in 1..=WORKERS {
					let commitment = H256::from_low_u64_le(u64::from(device) << 8 | u64::from(w));
					trust(w, device);
					send(w, commit_of(&window, device, 1, commitment)).unwrap();
				}
			}
			run_blocks(4);
			asked += Commitments::<Runtime>::iter_values().count();
			// Nobody answers: those who were asked are gone, and come back.
			run_blocks(RevealBlocks::get());
			for device in 0..16 {
				(1..=WORKERS).for_each(|w| {
					let _ = send(w, enrol_call(device, 0, 1));
				});
			}
			check();
		}
		assert!((70..=130).contains(&asked), "{asked} of 400 were audited");
	});
}

#[test]
fn should_certify_and_punish_nothing_when_the_ring_has_lost_the_lot() {
	ExtBuilder::default().build_and_execute(|| {
		let window = enrolled(1);
		assert_ok!(send(1, commit(window.id, 0, 1)));
		let mut none = WeightMeter::with_limit(Weight::zero());
		for _ in 0..RING + 4 {
			next_block_with(&mut none);
		}
		assert!(pending(1, 0).is_some());
		events();
		next_block();
		assert_eq!(
			events().first(),
			Some(&Event::CommitmentDropped { worker: key(1), device: 0, window: window.id })
		);
		assert_eq!(pending(1, 0), None);
		assert!(certificates(1).is_empty());
		assert_eq!(ledger(1).active.value, STAKE);
		assert!(Enrolments::<Runtime>::contains_key(key(1), 0));
	});
}

#[test]
fn should_keep_the_rest_for_later_when_a_block_has_no_more_weight() {
	ExtBuilder::default().build_and_execute(|| {
		(1..=WORKERS).for_each(enrol);
		let window = next_window();
		(1..=WORKERS).for_each(|w| send(w, commit(window.id, 0, 1)).unwrap());
		run_blocks(3);
		let two = <() as WeightInfo>::poll_base()
			.saturating_add(<() as WeightInfo>::poll_draw().saturating_mul(2));
		let open = || (1..=WORKERS).filter(|w| pending(*w, 0).unwrap().audit.is_none()).count();
		for left in [3, 1, 0] {
			// Half of what is left of the block is for the queues.
			let mut meter = WeightMeter::with_limit(two.saturating_mul(2));
			next_block_with(&mut meter);
			assert_eq!(open(), left);
			assert!(meter.consumed().all_lte(two));
			check();
		}
		// The same for those who stay silent.
		run_blocks(RevealBlocks::get() - 3);
		let one = <() as WeightInfo>::poll_base()
			.saturating_add(<() as WeightInfo>::poll_skip())
			.saturating_add(<() as WeightInfo>::punish());
		for left in (0..WORKERS).rev() {
			next_block_with(&mut WeightMeter::with_limit(one.saturating_mul(2)));
			assert_eq!(Commitments::<Runtime>::iter_values().count(), usize::from(left));
			check();
		}
	});
}
