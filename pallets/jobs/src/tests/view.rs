//! What workers and dApps read.

use codec::{Encode, MaxEncodedLen};
use io_primitives::{JobState, ReplicaState};

use crate::{mock::*, *};

#[test]
fn should_tell_a_worker_what_it_has_to_do() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let assignments = IoJobs::assignments(key(seat(id, 1)));
		assert_eq!(assignments.len(), 1);
		let assignment = &assignments[0];
		assert_eq!((assignment.job, assignment.replica, assignment.attempt), (id, 1, 1));
		assert_eq!(assignment.spec, spec());
		assert_eq!(assignment.deadline, now() + 10);
		assert_eq!((assignment.ask, assignment.bond), (8, 3_000));
		assert_eq!(assignment.state, ReplicaState::Assigned);
		committed(id, &[1, 1, 1]);
		let assignments = IoJobs::assignments(key(seat(id, 1)));
		assert_eq!(assignments[0].job_state, JobState::Revealing);
		assert!(IoJobs::assignments(key(20)).is_empty());
	});
}

#[test]
fn should_show_a_worker_as_the_chain_sees_it() {
	ExtBuilder::default().workers(1).build_and_execute(|| {
		let id = drawn(spec_of(1, 1));
		let view = IoJobs::worker_view(key(1)).unwrap();
		assert_eq!((view.worker, view.operator.clone()), (key(1), account(1)));
		assert_eq!(view.profile, profile());
		assert_eq!((view.online, view.heartbeat_seq, view.last_heartbeat), (true, 1, Some(1)));
		assert_eq!(view.live, [(id, 0)]);
		assert_eq!(view.free_bond, STAKE - 3_000);
		assert_eq!(view.heartbeat_ttl, 50);
		run_to(60);
		assert!(!IoJobs::worker_view(key(1)).unwrap().online);
		assert!(IoJobs::worker_view(key(20)).is_none());
	});
}

#[test]
fn should_show_a_job_while_it_goes_on_and_after_it_has_ended() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let view = IoJobs::job(id).unwrap();
		assert_eq!((view.id, view.requester, view.state), (id, REQUESTER, JobState::Running));
		assert_eq!((view.submitted_at, view.next_timer), (Some(1), Some(now() + 10)));
		assert_eq!((view.escrow, view.spec), (3_150, Some(spec())));
		assert_eq!(view.replicas.len(), 3);
		committed(id, &[1, 1, 1]);
		(0..3).for_each(|replica| reveal(id, replica, 1));
		next_block();
		let view = IoJobs::job(id).unwrap();
		assert_eq!((view.state, view.next_timer), (JobState::Settled, None));
		assert!(view.replicas.is_empty());
		assert_eq!(view.outcome.unwrap().units, 41);
		assert_eq!(IoJobs::job(id + 1), None);
	});
}

#[test]
fn should_list_open_jobs_by_class_and_page() {
	ExtBuilder::default().workers(0).build_and_execute(|| {
		for _ in 0..PAGE + 3 {
			submit(spec());
		}
		submit(JobSpec { class: 1, ..spec() });
		let ids = |class, page| -> Vec<_> {
			IoJobs::open_jobs(class, page).into_iter().map(|view| view.id).collect()
		};
		assert_eq!(ids(0, 0), (0..50).collect::<Vec<_>>());
		assert_eq!(ids(0, 1), [50, 51, 52]);
		assert_eq!(ids(1, 0), [53]);
		assert!(ids(0, u32::MAX).is_empty());
	});
}

/// How many values of a map of this pallet are read by the action.
fn reads(ext: &mut sp_io::TestExternalities, map: &[u8], action: fn()) -> usize {
	ext.commit_all().unwrap();
	let recorder = Default::default();
	ext.execute_with_recorder(Clone::clone(&recorder), || {
		recorder.reset();
		action();
	});
	let prefix = [sp_io::hashing::twox_128(b"IoJobs"), sp_io::hashing::twox_128(map)].concat();
	let recorded = recorder.recorded_keys().into_values().flatten();
	recorded.filter(|(key, _)| key.starts_with(&prefix)).count()
}

#[test]
fn should_read_no_more_jobs_than_the_page_needs() {
	let mut ext = ExtBuilder::default().workers(0).build();
	ext.execute_with(|| {
		(0..2 * PAGE).for_each(|_| {
			submit(spec());
		});
	});
	let read = reads(&mut ext, b"Jobs", || {
		assert_eq!(IoJobs::open_jobs(0, 0).len() as u32, PAGE);
	});
	assert_eq!(read as u32, PAGE);
}

#[test]
fn should_look_at_no_worker_when_the_operator_has_none() {
	let mut ext = ExtBuilder::default().workers(20).build();
	let read = reads(&mut ext, b"Workers", || {
		assert!(IoJobs::operator_summary(account(101)).workers.is_empty());
	});
	assert_eq!(read, 0);
	let read = reads(&mut ext, b"Workers", || {
		assert_eq!(IoJobs::operator_summary(account(1)).workers.len(), 1);
	});
	assert!((1..20).contains(&read), "{read}");
}

#[test]
fn should_sum_up_an_operator() {
	ExtBuilder::default().workers(2).build_and_execute(|| {
		drawn(spec_of(2, 2));
		let summary = IoJobs::operator_summary(account(1));
		assert!(summary.is_operator);
		assert_eq!((summary.free_bond, summary.locked_bond), (STAKE - 3_000, 3_000));
		let worker = &summary.workers[0];
		assert_eq!((worker.worker, worker.live, worker.online), (key(1), 1, true));
		let nobody = IoJobs::operator_summary(account(101));
		assert!(!nobody.is_operator && nobody.workers.is_empty());
	});
}

#[test]
fn should_store_jobs_in_less_than_a_kibibyte_and_bound_them() {
	ExtBuilder::default().workers(7).build_and_execute(|| {
		let id = drawn(spec());
		committed(id, &[1, 1, 1]);
		let usual = job(id).encoded_size();
		assert!(usual < 700, "{usual}");
		let large = drawn(spec_of(7, 4));
		(0..7).for_each(|replica| accept(large, replica));
		(0..7).for_each(|replica| commit(large, replica, 1));
		let all = job(large).encoded_size();
		assert!(all < 1_200, "{all}");
		println!(
			"a job of 3 replicas has {usual} bytes, of 7 {all}, at most {}",
			Job::<AccountId>::max_encoded_len()
		);
	});
}
