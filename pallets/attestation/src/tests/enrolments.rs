//! Enrolling, leaving, releasing.

use frame_support::{assert_noop, assert_ok};
use io_primitives::attestation::{AttestationCall, ENROLMENT_BLOCKS};
use io_tflops::prover::Scalar;
use sp_core::Pair;
use sp_runtime::transaction_validity::InvalidTransaction;

use crate::{mock::*, *};

const LEAVE: AttestationCall = AttestationCall::Leave { device: 0 };

#[test]
fn should_lock_a_bond_for_each_lane() {
	ExtBuilder::default().build_and_execute(|| {
		assert_ok!(send(1, enrol_call(0, 0, 8)));
		assert_eq!(ledger(1).locked, 8 * BOND);
		assert_ok!(send(1, enrol_call(15, 1, 2)));
		assert_eq!(ledger(1).locked, 10 * BOND);
		assert_eq!(IoAttestation::enrolments(key(1)).len(), 2);
	});
}

#[test]
fn should_refuse_enrolments_that_break_a_rule() {
	ExtBuilder::default().build_and_execute(|| {
		assert_refused(1, enrol_call(16, 0, 1), Error::BadDevice);
		assert_refused(1, enrol_call(u16::MAX, 0, 1), Error::BadDevice);
		assert_refused(1, enrol_call(0, 2, 1), Error::UnknownClass);
		for lanes in [0, 3, 6, 16, u32::MAX] {
			assert_refused(1, enrol_call(0, 0, lanes), Error::BadLanes);
		}
		assert_refused(6, enrol_call(0, 0, 1), Error::UnknownWorker);
		let operator = RuntimeOrigin::signed(account(1));
		IoStaking::unbond(operator, account(1), STAKE - 2 * BOND + 1).unwrap();
		assert_refused(1, enrol_call(0, 0, 2), Error::InsufficientBond);
		assert_ok!(send(1, enrol_call(0, 0, 1)));
		assert_refused(1, enrol_call(1, 0, 1), Error::InsufficientBond);
	});
}

#[test]
fn should_replace_an_enrolment_and_its_bond() {
	ExtBuilder::default().build_and_execute(|| {
		assert_ok!(send(1, enrol_call(0, 0, 1)));
		assert_refused(1, enrol_call(0, 0, 1), Error::Unchanged);
		assert_refused(1, enrol_call(0, 0, 4), Error::TooEarly);
		run_blocks(ENROLMENT_BLOCKS + 1);
		assert_refused(1, enrol_call(0, 0, 1), Error::Unchanged);
		assert_ok!(send(1, enrol_call(0, 0, 4)));
		assert_eq!(ledger(1).locked, 4 * BOND);
		assert_eq!(Enrolments::<Runtime>::get(key(1), 0).unwrap().since, now());
		run_blocks(ENROLMENT_BLOCKS + 1);
		assert_ok!(send(1, enrol_call(0, 1, 2)));
		assert_eq!(ledger(1).locked, 2 * BOND);
	});
}

#[test]
fn should_use_the_old_bond_for_the_new_one() {
	ExtBuilder::default().build_and_execute(|| {
		assert_ok!(send(1, enrol_call(0, 0, 4)));
		let operator = RuntimeOrigin::signed(account(1));
		IoStaking::unbond(operator, account(1), STAKE - 6 * BOND).unwrap();
		run_blocks(ENROLMENT_BLOCKS + 1);
		assert_refused(1, enrol_call(0, 0, 8), Error::InsufficientBond);
		assert_ok!(send(1, enrol_call(0, 1, 4)));
		assert_eq!(ledger(1).locked, 4 * BOND);
	});
}

#[test]
fn should_charge_the_new_operator_when_a_worker_has_changed_hands() {
	ExtBuilder::default().build_and_execute(|| {
		enrol(1);
		run_blocks(ENROLMENT_BLOCKS + 1);
		Registered::mutate(|workers| workers.insert(1, 2));
		assert_ok!(send(1, enrol_call(0, 0, 1)));
		assert_eq!(ledger(1).locked, 0);
		assert_eq!(ledger(2).locked, BOND);
	});
}

#[test]
fn should_drop_the_certificate_with_its_enrolment() {
	ExtBuilder::default().build_and_execute(|| {
		let chain = audited(1, 100, &mut Scalar);
		send(1, reveal_call(1, 0, &chain, &mut Scalar)).unwrap();
		run_blocks(ENROLMENT_BLOCKS + 1);
		assert_eq!(IoAttestation::proven(key(1)), 2);
		assert_ok!(send(1, enrol_call(0, 0, 2)));
		assert_eq!(IoAttestation::proven(key(1)), 0);
	});
}

#[test]
fn should_unlock_the_bond_when_a_device_leaves() {
	ExtBuilder::default().build_and_execute(|| {
		assert_refused(1, LEAVE, Error::NotEnrolled);
		enrol(1);
		assert_refused(1, LEAVE, Error::TooEarly);
		run_blocks(ENROLMENT_BLOCKS + 1);
		assert_ok!(send(1, LEAVE));
		assert_eq!(ledger(1).locked, 0);
		assert_refused(1, LEAVE, Error::NotEnrolled);
	});
}

#[test]
fn should_let_no_device_go_while_its_commitment_is_pending() {
	ExtBuilder::default().build_and_execute(|| {
		enrolled(1);
		run_blocks(ENROLMENT_BLOCKS + 1);
		next_window();
		let chain = chain(1, 0, 1, &mut Scalar);
		send(1, commit_call(0, &chain)).unwrap();
		let release = || IoAttestation::release(RuntimeOrigin::signed(account(1)), key(1), 0);
		for blocks in [0, 4] {
			run_blocks(blocks);
			assert_refused(1, LEAVE, Error::CommitmentPending);
			assert_refused(1, enrol_call(0, 0, 2), Error::CommitmentPending);
			assert_noop!(release(), Error::<Runtime>::CommitmentPending);
		}
		send(1, reveal_call(1, 0, &chain, &mut Scalar)).unwrap();
		assert_ok!(send(1, LEAVE));
	});
}

#[test]
fn should_let_the_operator_release_a_device_whose_key_is_lost() {
	ExtBuilder::default().build_and_execute(|| {
		let release = |n| IoAttestation::release(RuntimeOrigin::signed(account(n)), key(1), 0);
		assert_noop!(release(1), Error::<Runtime>::NotEnrolled);
		enrol(1);
		assert_noop!(release(2), Error::<Runtime>::NotYourWorker);
		assert_ok!(release(1));
		assert_eq!(ledger(1).locked, 0);
		assert_eq!(events().last(), Some(&Event::DeviceLeft { worker: key(1), device: 0 }));
	});
}

#[test]
fn should_refuse_a_call_that_was_not_signed_for_it() {
	ExtBuilder::default().build_and_execute(|| {
		let good = signed(1, enrol_call(0, 0, 1));
		let bad_proof = InvalidTransaction::BadProof.into();
		let mut forged = good.clone();
		forged.signature.0[0] ^= 1;
		assert_eq!(validate(forged).unwrap_err(), bad_proof);
		let mut foreign = good.clone();
		foreign.worker = key(2);
		assert_eq!(validate(foreign).unwrap_err(), bad_proof);
		let mut other = good.clone();
		other.call = enrol_call(0, 0, 2);
		assert_eq!(validate(other).unwrap_err(), bad_proof);
		let mut longer = good.clone();
		longer.valid_until += 1;
		assert_eq!(validate(longer).unwrap_err(), bad_proof);
		let mut elsewhere = good.clone();
		let payload = good.call.payload(H256::repeat_byte(1), good.valid_until);
		elsewhere.signature = pair(1).sign(&payload);
		assert_eq!(validate(elsewhere).unwrap_err(), bad_proof);
		assert!(validate(good).is_ok());
	});
}

#[test]
fn should_refuse_calls_that_are_stale_or_valid_for_too_long() {
	ExtBuilder::default().build_and_execute(|| {
		run_blocks(5);
		let valid = |until: BlockNumber, call: AttestationCall| {
			let signature = pair(1).sign(&call.payload(IoAttestation::genesis(), until));
			let worker = key(1);
			validate(io_primitives::attestation::SignedAttestation {
				worker,
				call,
				valid_until: until,
				signature,
			})
		};
		let enrol = || enrol_call(0, 0, 1);
		assert_eq!(valid(now() - 1, enrol()).unwrap_err(), InvalidTransaction::Stale.into());
		assert!(valid(now(), enrol()).is_ok());
		assert!(valid(now() + ENROLMENT_BLOCKS, enrol()).is_ok());
		assert_eq!(
			valid(now() + ENROLMENT_BLOCKS + 1, enrol()).unwrap_err(),
			refused(Error::ValidityTooLong)
		);
		send(1, enrol()).unwrap();
		next_window();
		let window = IoAttestation::window().unwrap();
		let commit = commit_of(&window, 0, 1, H256::zero());
		assert!(valid(now() + MAX_CALL_VALIDITY, commit.clone()).is_ok());
		assert_eq!(
			valid(now() + MAX_CALL_VALIDITY + 1, commit).unwrap_err(),
			refused(Error::ValidityTooLong)
		);
	});
}

#[test]
fn should_be_safe_from_whoever_sends_an_old_departure_again() {
	ExtBuilder::default().build_and_execute(|| {
		enrol(1);
		run_blocks(ENROLMENT_BLOCKS + 1);
		// As late as a departure can be valid.
		let valid_until = now() + ENROLMENT_BLOCKS;
		let signature = pair(1).sign(&LEAVE.payload(IoAttestation::genesis(), valid_until));
		let leave = io_primitives::attestation::SignedAttestation {
			worker: key(1),
			call: LEAVE,
			valid_until,
			signature,
		};
		apply(leave.clone()).unwrap();
		enrol(1);
		while now() <= valid_until + 2 {
			assert!(validate(leave.clone()).is_err());
			next_block();
		}
	});
}
