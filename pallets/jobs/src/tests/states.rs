//! Invariant 8: a call that does not fit the state fails and changes nothing.

use frame_support::storage::{with_transaction, TransactionOutcome};
use io_primitives::{JobState, ReplicaState, Verdicts};
use sp_core::storage::StateVersion;
use sp_runtime::DispatchResult;

use crate::{mock::*, *};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
	Open,
	Assigned,
	Accepted,
	Committed,
	Revealing,
	Revealed,
	Verifying,
	Settled,
	Cancelled,
	Expired,
	Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
	Accept,
	Decline,
	Commit,
	Reveal,
	Cancel,
	Poke,
	Refute,
	Confirm,
}

const STATES: [State; 11] = [
	State::Open,
	State::Assigned,
	State::Accepted,
	State::Committed,
	State::Revealing,
	State::Revealed,
	State::Verifying,
	State::Settled,
	State::Cancelled,
	State::Expired,
	State::Failed,
];
const ACTIONS: [Action; 8] = [
	Action::Accept,
	Action::Decline,
	Action::Commit,
	Action::Reveal,
	Action::Cancel,
	Action::Poke,
	Action::Refute,
	Action::Confirm,
];

/// The table: everything else must fail.
const ALLOWED: [(State, Action); 9] = [
	(State::Open, Action::Cancel),
	(State::Assigned, Action::Accept),
	(State::Assigned, Action::Decline),
	(State::Assigned, Action::Cancel),
	(State::Accepted, Action::Commit),
	(State::Revealing, Action::Reveal),
	// All have revealed: the job can be settled before the agenda does it.
	(State::Revealed, Action::Poke),
	(State::Verifying, Action::Refute),
	(State::Verifying, Action::Confirm),
];

/// Brings a job of one replica (two while it must not go on by itself) into a state.
fn bring(state: State) -> JobId {
	if state == State::Open || state == State::Expired {
		HasBeacon::set(false);
	}
	let replicas = if state == State::Committed { 2 } else { 1 };
	let spec = if state == State::Verifying { dispute_spec() } else { kernel_spec() };
	let id = submit(JobSpec { replicas, quorum: replicas, ..spec });
	next_block();
	let step =
		|at: State| STATES.iter().position(|s| *s == state) >= STATES.iter().position(|s| *s == at);
	match state {
		State::Open | State::Assigned => {},
		State::Cancelled => IoJobs::cancel(RuntimeOrigin::signed(REQUESTER), id).unwrap(),
		State::Expired => run_blocks(60),
		State::Failed => (0..3).for_each(|_| {
			decline(id, 0);
			next_block();
		}),
		_ => {
			accept(id, 0);
			if step(State::Committed) {
				commit(id, 0, 1);
			}
			if step(State::Revealed) {
				reveal(id, 0, 1);
			}
			if step(State::Verifying) {
				next_block();
			}
		},
	}
	assert!(is_in(id, state), "{state:?}");
	id
}

fn is_in(id: JobId, state: State) -> bool {
	let terminal = |state: JobState| outcome(id).state == state;
	let replica = || job(id).replicas[0].state;
	match state {
		State::Open => job(id).state == JobState::Open,
		State::Assigned => replica() == ReplicaState::Assigned,
		State::Accepted => replica() == ReplicaState::Accepted,
		State::Committed => {
			job(id).state == JobState::Running
				&& matches!(replica(), ReplicaState::Committed { .. })
		},
		State::Revealing => job(id).state == JobState::Revealing,
		State::Revealed => matches!(replica(), ReplicaState::Revealed { .. }),
		State::Verifying => job(id).state == JobState::Verifying,
		State::Settled => terminal(JobState::Settled),
		State::Cancelled => terminal(JobState::Cancelled),
		State::Expired => terminal(JobState::Expired),
		State::Failed => terminal(JobState::Failed),
	}
}

fn act(action: Action, id: JobId, worker: u8) -> DispatchResult {
	match action {
		Action::Accept => dispatch(worker, accept_call(id, 0)),
		Action::Decline => dispatch(worker, WorkerCall::Decline { job: id, replica: 0 }),
		Action::Commit => dispatch(worker, commit_call(id, 0, &opening_of(id, 1))),
		Action::Reveal => dispatch(worker, reveal_call(id, 0, &opening_of(id, 1))),
		Action::Cancel => IoJobs::cancel(RuntimeOrigin::signed(REQUESTER), id),
		Action::Poke => IoJobs::poke(RuntimeOrigin::signed(account(101)), id)
			.map(|_| ())
			.map_err(|error| error.error),
		Action::Refute => IoJobs::refute(id),
		Action::Confirm => IoJobs::confirm(id),
	}
}

fn root() -> Vec<u8> {
	sp_io::storage::root(StateVersion::V1)
}

#[test]
fn should_fail_and_change_nothing_when_a_call_is_not_in_the_table() {
	for state in STATES {
		HasBeacon::set(true);
		ExtBuilder::default().kernels().build_and_execute(|| {
			let id = bring(state);
			let seated = Jobs::<Runtime>::get(id)
				.and_then(|job| job.replicas[0].seat.clone())
				.map_or(1, |seat| number(&seat.worker));
			for action in ACTIONS {
				let allowed = ALLOWED.contains(&(state, action));
				let result =
					with_transaction(|| -> TransactionOutcome<Result<_, DispatchError>> {
						let before = root();
						let result = act(action, id, seated);
						if result.is_ok() {
							check();
						}
						TransactionOutcome::Rollback(Ok((result, root() != before)))
					});
				let (result, changed) = result.unwrap();
				assert_eq!(result.is_ok(), allowed, "{action:?} in {state:?}: {result:?}");
				assert_eq!(changed, allowed, "{action:?} in {state:?}");
			}
		});
	}
}
