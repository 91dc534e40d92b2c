//! Products on trial: disputes, proofs, and what the silence of either side means.

use frame_support::{assert_noop, assert_ok};
use io_primitives::{
	digest::Opening, Claim, JobState, Kernel, ReplicaState, Verdicts, WorkerRegistry,
};

use crate::{mock::*, *};

/// One unit at 1,000, bond factor 3.
const BOND: Balance = 3_000;
/// One unit at 1,000, and 5 % fee.
const ESCROW: Balance = 1_050;
/// What an operator has beside its stake and its worker's deposit.
const OPERATORS: Balance = FUNDS - 7;

fn kernels() -> ExtBuilder {
	ExtBuilder::default().kernels()
}

fn pending_slash(w: u8) -> Balance {
	pallet_io_staking::Ledgers::<Runtime>::get(account(w)).unwrap().pending
}

fn reputation(w: u8) -> u32 {
	Workers::<Runtime>::get(key(w)).unwrap().reputation
}

fn missed(id: JobId, w: u8, reason: MissReason) -> Event<Runtime> {
	Event::ReplicaMissed { job: id, replica: 0, worker: key(w), operator: account(w), reason }
}

fn slashed(id: JobId, w: u8, amount: Balance, reason: OffenceReason) -> Event<Runtime> {
	Event::Slashed { job: id, replica: 0, operator: account(w), amount, reason }
}

/// Blocks pass in which the agenda gets no weight.
fn pass_busy_blocks(blocks: BlockNumber) {
	for _ in 0..blocks {
		next_block_with(&mut WeightMeter::with_limit(Default::default()));
	}
}

fn check_settled(id: JobId, w: u8) {
	let ended = outcome(id);
	assert_eq!((ended.state, ended.digest, ended.units), (JobState::Settled, digest(), 1));
	assert_eq!((ended.paid, ended.fee, ended.refunded), (800, 40, ESCROW - 840));
	assert_eq!(free(w), OPERATORS + 800);
	assert_eq!(free(100), FUNDS - 840);
	assert_eq!(IoStaking::locked(&account(w)), 0);
	assert_eq!(reputation(w), 287_500);
	assert_eq!(IoJobs::outputs(id), [(0, output_at(0))]);
}

fn digest() -> H256 {
	opening(1).digest
}

#[test]
fn should_put_a_product_on_trial_when_its_only_worker_has_revealed_it() {
	for (spec, blocks) in [(dispute_spec(), 15), (product_spec(), 12)] {
		kernels().build_and_execute(|| {
			let id = revealed(spec, &[1]);
			events();
			next_block();
			let w = seat(id, 0);
			let deadline = now() + blocks;
			assert_eq!(events(), [Event::JobVerifying { job: id, worker: key(w), deadline }]);
			let record = job(id);
			assert_eq!((record.state, record.slot), (JobState::Verifying, deadline));
			assert_eq!(record.replicas[0].deadline, deadline);
			assert_eq!(IoJobs::job(id).unwrap().next_timer, Some(deadline));
			assert_eq!(IoStaking::locked(&account(w)), BOND);
		});
	}
}

#[test]
fn should_settle_without_a_trial_when_a_quorum_decides_on_a_kernel() {
	kernels().build_and_execute(|| {
		let id = revealed(JobSpec { replicas: 3, quorum: 2, ..kernel_spec() }, &[1, 1, 2]);
		let liar = seat(id, 2);
		next_block();
		assert_eq!((outcome(id).state, outcome(id).paid), (JobState::Settled, 2 * 800));
		assert_eq!(pending_slash(liar), BOND / 2);
	});
}

#[test]
fn should_settle_when_nobody_disputes_a_product_in_time() {
	kernels().build_and_execute(|| {
		let id = on_trial(dispute_spec());
		let w = seat(id, 0);
		run_blocks(14);
		assert_eq!(job(id).state, JobState::Verifying);
		next_block();
		check_settled(id, w);
	});
}

#[test]
fn should_settle_at_once_when_a_product_is_confirmed() {
	kernels().build_and_execute(|| {
		let id = on_trial(product_spec());
		let w = seat(id, 0);
		assert_ok!(IoJobs::confirm(id));
		check_settled(id, w);
		assert_noop!(IoJobs::confirm(id), Error::<Runtime>::UnknownJob);
	});
}

#[test]
fn should_slash_the_worker_and_refund_the_requester_when_a_product_is_refuted() {
	for spec in [dispute_spec(), product_spec()] {
		kernels().build_and_execute(|| {
			let id = on_trial(spec);
			let w = seat(id, 0);
			events();
			assert_ok!(IoJobs::refute(id));
			assert_eq!(
				events(),
				[
					missed(id, w, MissReason::Refuted),
					slashed(id, w, BOND / 2, OffenceReason::Refuted),
					Event::JobFailed { job: id, reason: FailReason::Refuted, refunded: ESCROW },
				]
			);
			assert_eq!(outcome(id).fail_reason, Some(FailReason::Refuted));
			assert_eq!((free(100), free(w)), (FUNDS, OPERATORS));
			assert_eq!(IoStaking::locked(&account(w)), 0);
			assert_eq!(reputation(w), 125_000);
			assert!(IoJobs::outputs(id).is_empty());
			// Half of the slash is less than the price of 1,000.
			run_blocks(20);
			assert_eq!(free(100), FUNDS + BOND / 4);
		});
	}
}

#[test]
fn should_slash_the_worker_and_refund_the_requester_when_a_product_is_not_proven_in_time() {
	kernels().build_and_execute(|| {
		let id = on_trial(product_spec());
		let w = seat(id, 0);
		run_blocks(11);
		assert_eq!(job(id).state, JobState::Verifying);
		events();
		next_block();
		assert_eq!(
			events(),
			[
				missed(id, w, MissReason::Unproven),
				slashed(id, w, BOND / 5, OffenceReason::Unproven),
				Event::JobFailed { job: id, reason: FailReason::Unproven, refunded: ESCROW },
			]
		);
		assert_eq!(reputation(w), 200_000);
		assert_eq!(IoStaking::locked(&account(w)), 0);
		// Nothing of it goes to the requester.
		run_blocks(20);
		assert_eq!(free(100), FUNDS);
	});
}

#[test]
fn should_slash_for_each_job_when_one_worker_is_refuted_twice() {
	kernels().workers(1).build_and_execute(|| {
		let jobs = [on_trial(dispute_spec()), on_trial(dispute_spec())];
		for id in jobs {
			assert_ok!(IoJobs::refute(id));
		}
		assert_eq!(pending_slash(1), BOND);
	});
}

#[test]
fn should_pay_nothing_when_the_only_worker_says_that_there_is_no_product() {
	kernels().build_and_execute(|| {
		let id = drawn(dispute_spec());
		let w = seat(id, 0);
		let failed = Opening { exit_code: -2, ..opening_of(id, 1) };
		accept(id, 0);
		assert_ok!(send(w, commit_call(id, 0, &failed)));
		assert_ok!(send(w, reveal_call(id, 0, &failed)));
		next_block();
		let ended = outcome(id);
		assert_eq!((ended.state, ended.exit_code), (JobState::Settled, -2));
		assert_eq!((ended.paid, ended.fee, ended.refunded), (0, 0, ESCROW));
		assert_eq!((free(100), free(w)), (FUNDS, OPERATORS));
		// As if it had declined.
		assert_eq!((reputation(w), pending_slash(w)), (247_500, 0));
	});
}

#[test]
fn should_refuse_more_units_than_the_kernel_takes() {
	kernels().build_and_execute(|| {
		let id = drawn(JobSpec { max_units: 50, ..dispute_spec() });
		let greedy = Opening { units: 2, ..opening(1) };
		accept(id, 0);
		assert_ok!(send(seat(id, 0), commit_call(id, 0, &greedy)));
		assert_noop!(
			dispatch(seat(id, 0), reveal_call(id, 0, &greedy)),
			Error::<Runtime>::UnitsAboveMax
		);
	});
}

#[test]
fn should_refuse_a_verdict_when_the_job_does_not_wait_for_one() {
	kernels().build_and_execute(|| {
		let refused = |id, error: Error<Runtime>| {
			assert_eq!(IoJobs::claim(id), None);
			let error: DispatchError = error.into();
			assert_noop!(IoJobs::refute(id), error);
			assert_noop!(IoJobs::confirm(id), error);
		};
		refused(7, Error::UnknownJob);
		let id = drawn(dispute_spec());
		refused(id, Error::WrongState);
		accept(id, 0);
		commit(id, 0, 1);
		refused(id, Error::WrongState);
		reveal(id, 0, 1);
		refused(id, Error::WrongState);
		next_block();
		assert!(IoJobs::claim(id).is_some());
		// The agenda is late; the end of the trial is not.
		pass_busy_blocks(15);
		assert_eq!(job(id).state, JobState::Verifying);
		refused(id, Error::TooLate);
	});
}

#[test]
fn should_end_a_trial_when_somebody_pokes_a_job_that_the_agenda_has_not_come_to() {
	kernels().build_and_execute(|| {
		let id = on_trial(product_spec());
		let anybody = RuntimeOrigin::signed(account(101));
		assert_noop!(IoJobs::poke(anybody.clone(), id), Error::<Runtime>::TooEarly);
		pass_busy_blocks(12);
		assert_ok!(IoJobs::poke(anybody, id));
		assert_eq!(outcome(id).fail_reason, Some(FailReason::Unproven));
	});
}

#[test]
fn should_keep_worker_and_requester_bound_during_a_trial() {
	kernels().build_and_execute(|| {
		let id = on_trial(product_spec());
		let w = seat(id, 0);
		let operator = RuntimeOrigin::signed(account(w));
		assert_noop!(IoJobs::retire_worker(operator, key(w)), Error::<Runtime>::WorkerBusy);
		let requester = RuntimeOrigin::signed(REQUESTER);
		assert_noop!(IoJobs::cancel(requester, id), Error::<Runtime>::WrongState);
		let again = reveal_call(id, 0, &opening_of(id, 1));
		assert_noop!(dispatch(w, again), Error::<Runtime>::WrongState);
	});
}

#[test]
fn should_tell_what_is_claimed() {
	kernels().build_and_execute(|| {
		let id = on_trial(product_spec());
		assert_eq!(
			IoJobs::claim(id),
			Some(Claim {
				requester: REQUESTER,
				worker: key(seat(id, 0)),
				kernel: Kernel::MatMulI8 { m: 4, k: 8, n: 2 },
				verification: product_spec().verification,
				digest: digest(),
				units: 1,
				exit_code: 0,
			})
		);
		assert!(matches!(job(id).replicas[0].state, ReplicaState::Revealed { .. }));
	});
}

#[test]
fn should_tell_a_worker_which_products_it_has_to_prove() {
	kernels().workers(1).build_and_execute(|| {
		let proven = on_trial(product_spec());
		let deadline = job(proven).replicas[0].deadline;
		on_trial(dispute_spec());
		assert_eq!(IoJobs::pending(&key(1)), [(proven, deadline)]);
		assert!(IoJobs::pending(&key(20)).is_empty());
		assert_ok!(IoJobs::confirm(proven));
		assert!(IoJobs::pending(&key(1)).is_empty());
	});
}

#[test]
fn should_tell_who_answers_for_a_worker() {
	kernels().workers(1).build_and_execute(|| {
		assert_eq!(<IoJobs as WorkerRegistry<_>>::operator(&key(1)), Some(account(1)));
		assert_eq!(<IoJobs as WorkerRegistry<_>>::operator(&key(20)), None);
	});
}

/// Other pallets' benchmarks judge such a job.
#[cfg(feature = "runtime-benchmarks")]
#[test]
fn should_make_jobs_on_trial_for_the_benchmarks_of_others() {
	for spec in [dispute_spec(), product_spec()] {
		ExtBuilder::default().workers(0).build().execute_with(|| {
			let claim = Claim {
				requester: REQUESTER,
				worker: key(1),
				kernel: Kernel::MatMulI8 { m: 16, k: 1_024, n: 16 },
				verification: spec.verification,
				digest: digest(),
				units: 1,
				exit_code: 0,
			};
			for _ in 0..2 {
				let id = IoJobs::ensure_claim(claim.clone());
				assert_eq!(IoJobs::claim(id), Some(claim.clone()));
				assert_ok!(IoJobs::refute(id));
				let id = IoJobs::ensure_claim(claim.clone());
				assert_ok!(IoJobs::confirm(id));
			}
			IoJobs::ensure_worker(&key(2), &account(2));
			assert_eq!(<IoJobs as WorkerRegistry<_>>::operator(&key(2)), Some(account(2)));
		});
	}
}
