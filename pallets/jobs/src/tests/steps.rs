//! `heartbeat`, `accept`, `decline`, `commit`, `reveal`: through the whole pipeline, and what the pool refuses.

use frame_support::{assert_noop, assert_ok};
use io_primitives::{JobState, ReplicaState};
use sp_core::Pair;
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};

use crate::{mock::*, *};

fn heartbeat(seq: u64) -> WorkerCall {
	WorkerCall::Heartbeat { seq, load: 1 }
}

fn custom(error: Error<Runtime>) -> Result<(), SendError> {
	Err(SendError::Invalid(refused(error)))
}

#[test]
fn should_note_a_heartbeat() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		run_to(20);
		assert_ok!(send(1, heartbeat(5)));
		assert_eq!(Heartbeats::<Runtime>::get(key(1)), Some(Heartbeat { seq: 5, at: 20, load: 1 }));
	});
}

#[test]
fn should_refuse_heartbeats_that_are_old_or_too_frequent() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		run_to(20);
		assert_eq!(send(1, heartbeat(1)), custom(Error::StaleHeartbeat));
		assert_ok!(send(1, heartbeat(2)));
		run_to(29);
		assert_eq!(send(1, heartbeat(3)), custom(Error::TooEarly));
		assert_noop!(dispatch(1, heartbeat(3)), Error::<Runtime>::TooEarly);
		run_to(30);
		assert_ok!(send(1, heartbeat(3)));
	});
}

#[test]
fn should_refuse_calls_of_unknown_workers() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		assert_eq!(send(9, heartbeat(9)), custom(Error::UnknownWorker));
		assert_noop!(dispatch(9, heartbeat(9)), Error::<Runtime>::UnknownWorker);
	});
}

#[test]
fn should_refuse_calls_whose_signature_is_not_the_workers() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let worker = seat(id, 0);
		let mut forged = signed(worker, accept_call(id, 0));
		forged.signature =
			pair(worker % 5 + 1).sign(&forged.call.payload(IoJobs::genesis(), forged.valid_until));
		let bad_proof = Err(SendError::Invalid(TransactionValidityError::Invalid(
			InvalidTransaction::BadProof,
		)));
		assert_eq!(apply(forged), bad_proof);
		let mut other_chain = signed(worker, accept_call(id, 0));
		other_chain.signature =
			pair(worker).sign(&other_chain.call.payload(H256::zero(), other_chain.valid_until));
		assert_eq!(apply(other_chain), bad_proof);
		let mut prolonged = signed(worker, accept_call(id, 0));
		prolonged.valid_until += 1;
		assert_eq!(apply(prolonged), bad_proof);
	});
}

#[test]
fn should_refuse_calls_that_have_expired_or_last_too_long() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let worker = seat(id, 0);
		let at = |valid_until: BlockNumber| {
			let call = accept_call(id, 0);
			let signature = pair(worker).sign(&call.payload(IoJobs::genesis(), valid_until));
			io_primitives::SignedWorkerCall { worker: key(worker), call, valid_until, signature }
		};
		assert_eq!(apply(at(now() - 1)), Err(SendError::Invalid(InvalidTransaction::Stale.into())));
		assert_eq!(apply(at(now() + MAX_CALL_VALIDITY + 1)), custom(Error::ValidityTooLong));
		assert_ok!(apply(at(now())));
	});
}

#[test]
fn should_refuse_heartbeats_that_count_for_longer_than_a_worker_is_online() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		run_to(20);
		let lasting = |blocks: BlockNumber| {
			let (call, valid_until) = (heartbeat(2), now() + blocks);
			let signature = pair(1).sign(&call.payload(IoJobs::genesis(), valid_until));
			io_primitives::SignedWorkerCall { worker: key(1), call, valid_until, signature }
		};
		assert_eq!(apply(lasting(51)), custom(Error::ValidityTooLong));
		assert_ok!(apply(lasting(50)));
	});
}

#[test]
fn should_give_each_step_its_own_place_in_the_pool() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let worker = seat(id, 0);
		let accept = validate(signed(worker, accept_call(id, 0))).unwrap();
		let decline =
			validate(signed(worker, WorkerCall::Decline { job: id, replica: 0 })).unwrap();
		assert_ne!(accept.provides, decline.provides);
		assert!(accept.propagate);
		assert_eq!(accept.priority, 1_001);
		// The accept deadline comes before the end of the signature's validity.
		assert_eq!(accept.longevity, 10);
		run_to(20);
		let beat = validate(signed(worker, heartbeat(7))).unwrap();
		assert_eq!((beat.priority, beat.longevity), (1_000, 50));
	});
}

#[test]
fn should_start_the_run_when_a_worker_accepts() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		run_blocks(3);
		events();
		let worker = seat(id, 2);
		assert_ok!(send(worker, accept_call(id, 2)));
		let replica = &job(id).replicas[2];
		assert_eq!((replica.state, replica.deadline), (ReplicaState::Accepted, now() + 20));
		assert_eq!(
			events(),
			[Event::ReplicaAccepted {
				job: id,
				replica: 2,
				worker: key(worker),
				deadline: now() + 20
			}]
		);
	});
}

#[test]
fn should_refuse_steps_of_workers_that_were_not_drawn() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let stranger = (1..=5).find(|w| (0..3).all(|r| seat(id, r) != *w)).unwrap();
		assert_eq!(send(stranger, accept_call(id, 0)), custom(Error::NotAssigned));
		assert_noop!(dispatch(stranger, accept_call(id, 0)), Error::<Runtime>::NotAssigned);
		let worker = seat(id, 0);
		assert_eq!(send(worker, accept_call(id, 1)), custom(Error::NotAssigned));
		assert_eq!(send(worker, accept_call(id, 9)), custom(Error::NotAssigned));
		assert_eq!(send(worker, accept_call(id + 1, 0)), custom(Error::UnknownJob));
		assert_noop!(dispatch(worker, accept_call(id + 1, 0)), Error::<Runtime>::UnknownJob);
	});
}

#[test]
fn should_not_slash_when_a_worker_declines() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let worker = seat(id, 0);
		decline(id, 0);
		assert!(events().contains(&Event::ReplicaDeclined {
			job: id,
			replica: 0,
			worker: key(worker)
		}));
		let reputation = Workers::<Runtime>::get(key(worker)).unwrap().reputation;
		assert_eq!(reputation, 247_500, "a hundredth less");
		let replica = &job(id).replicas[0];
		assert_eq!((replica.state, replica.attempt), (ReplicaState::Vacant, 1));
		assert_eq!(job(id).state, JobState::Open);
		next_block();
		assert_ne!(seat(id, 0), worker);
		assert_eq!(job(id).replicas[0].attempt, 2);
		assert!(!events().iter().any(|event| matches!(event, Event::Slashed { .. })));
	});
}

#[test]
fn should_begin_the_reveal_when_all_have_committed() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		committed(id, &[1, 1]);
		assert_eq!(job(id).state, JobState::Running);
		accept(id, 2);
		commit(id, 2, 1);
		assert_eq!(job(id).state, JobState::Revealing);
		assert!(job(id).replicas.iter().all(|r| r.deadline == now() + 20));
		assert!(events().contains(&Event::JobRevealing { job: id, deadline: now() + 20 }));
	});
}

#[test]
fn should_refuse_steps_that_do_not_fit_the_replicas_state() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let worker = seat(id, 0);
		let commit_it = || commit_call(id, 0, &opening(1));
		let reveal_it = || reveal_call(id, 0, &opening(1));
		assert_noop!(dispatch(worker, commit_it()), Error::<Runtime>::WrongState);
		assert_noop!(dispatch(worker, reveal_it()), Error::<Runtime>::WrongState);
		accept(id, 0);
		assert_noop!(dispatch(worker, accept_call(id, 0)), Error::<Runtime>::WrongState);
		let decline = WorkerCall::Decline { job: id, replica: 0 };
		assert_noop!(dispatch(worker, decline), Error::<Runtime>::WrongState);
		commit(id, 0, 1);
		assert_noop!(dispatch(worker, commit_it()), Error::<Runtime>::AlreadyCommitted);
		assert_noop!(dispatch(worker, reveal_it()), Error::<Runtime>::TooEarly);
		for replica in [1, 2] {
			accept(id, replica);
			commit(id, replica, 1);
		}
		reveal(id, 0, 1);
		assert_noop!(dispatch(worker, commit_it()), Error::<Runtime>::AlreadyCommitted);
		assert_noop!(dispatch(worker, reveal_it()), Error::<Runtime>::WrongState);
	});
}

#[test]
fn should_refuse_reveals_that_do_not_open_the_commitment() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		committed(id, &[1, 1, 1]);
		let worker = seat(id, 0);
		assert_eq!(
			send(worker, reveal_call(id, 0, &opening(2))),
			custom(Error::CommitmentMismatch)
		);
		let salted = io_primitives::digest::Opening { salt: [8; 32], ..opening(1) };
		assert_noop!(
			dispatch(worker, reveal_call(id, 0, &salted)),
			Error::<Runtime>::CommitmentMismatch
		);
		let greedy = io_primitives::digest::Opening { units: 101, ..opening(1) };
		assert_noop!(
			dispatch(worker, reveal_call(id, 0, &greedy)),
			Error::<Runtime>::UnitsAboveMax
		);
	});
}

#[test]
fn should_not_open_a_copied_commitment() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		for replica in 0..3 {
			accept(id, replica);
		}
		// The copy is of replica 0, whatever its worker will reveal.
		let copy = commit_call(id, 0, &opening(1));
		let WorkerCall::Commit { commitment, .. } = copy else { panic!() };
		commit(id, 0, 1);
		commit(id, 1, 1);
		let thief = seat(id, 2);
		assert_ok!(send(thief, WorkerCall::Commit { job: id, replica: 2, commitment }));
		reveal(id, 0, 1);
		assert_eq!(send(thief, reveal_call(id, 2, &opening(1))), custom(Error::CommitmentMismatch));
	});
}

#[test]
fn should_refuse_steps_after_their_deadline_even_if_no_timer_has_fired() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let worker = seat(id, 0);
		let late = |blocks: BlockNumber| System::set_block_number(now() + blocks);
		late(10);
		assert_noop!(dispatch(worker, accept_call(id, 0)), Error::<Runtime>::TooLate);
		System::set_block_number(now() - 1);
		accept(id, 0);
		late(20);
		let commit_it = commit_call(id, 0, &opening(1));
		assert_noop!(dispatch(worker, commit_it), Error::<Runtime>::TooLate);
		System::set_block_number(now() - 20);
		committed_rest(id);
		late(20);
		let reveal_it = reveal_call(id, 0, &opening(1));
		assert_noop!(dispatch(worker, reveal_it), Error::<Runtime>::TooLate);
		System::set_block_number(now() - 20);
	});
}

fn committed_rest(id: JobId) {
	commit(id, 0, 1);
	for replica in [1, 2] {
		accept(id, replica);
		commit(id, replica, 1);
	}
}

#[test]
fn should_let_nobody_but_an_authorised_worker_call() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let signed = signed(seat(id, 0), accept_call(id, 0));
		let (valid_until, signature) = (signed.valid_until, signed.signature);
		for origin in
			[RuntimeOrigin::signed(REQUESTER), RuntimeOrigin::root(), RuntimeOrigin::none()]
		{
			assert_noop!(
				IoJobs::accept(origin, signed.worker, id, 0, valid_until, signature),
				DispatchError::BadOrigin
			);
		}
	});
}

#[test]
fn should_let_a_worker_do_its_whole_job_through_the_pipeline() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		let id = drawn(spec_of(1, 1));
		assert_ok!(send(1, accept_call(id, 0)));
		assert_ok!(send(1, commit_call(id, 0, &opening(3))));
		assert_ok!(send(1, reveal_call(id, 0, &opening(3))));
		assert_eq!(
			events().last(),
			Some(&Event::ReplicaRevealed {
				job: id,
				replica: 0,
				worker: key(1),
				digest: H256::repeat_byte(3),
				units: 43,
				exit_code: 0,
				output_at: output_at(0),
			})
		);
		next_block();
		assert_eq!(outcome(id).state, JobState::Settled);
	});
}
