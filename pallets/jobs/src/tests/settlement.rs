//! How jobs end, to the unit of money.

use frame_support::assert_ok;
use io_primitives::{JobState, ReplicaState};

use crate::{mock::*, types::MIN_REPUTATION, *};

/// Price 10, 100 units, bond factor 3.
const BOND: Balance = 3_000;
/// What an operator has beside its stake and its worker's deposit.
const OPERATORS: Balance = FUNDS - 7;
/// 3 replicas of 100 units at 10, and 5 % fee.
const ESCROW: Balance = 3_150;

fn pending(w: u8) -> Balance {
	pallet_io_staking::Ledgers::<Runtime>::get(account(w)).unwrap().pending
}

fn reputation(w: u8) -> u32 {
	Workers::<Runtime>::get(key(w)).unwrap().reputation
}

fn worker_of(id: JobId, replica: u8) -> u8 {
	number(&outcome(id).payees.iter().find(|payee| payee.replica == replica).unwrap().worker)
}

#[docify::export]
#[test]
fn should_pay_everybody_and_refund_the_rest_when_all_agree() {
	ExtBuilder::default().build_and_execute(|| {
		let issuance = Balances::total_issuance();
		let id = revealed(spec(), &[1, 1, 1]);
		events();
		next_block();
		// 41 units at 8 for each of three; 5 % of that, rounded down.
		let (paid, fee) = (3 * 41 * 8, 49);
		let refunded = ESCROW - paid - fee;
		for replica in 0..3 {
			let operator = worker_of(id, replica);
			assert_eq!(free(operator), OPERATORS + 41 * 8);
			assert_eq!(reputation(operator), 287_500);
		}
		assert_eq!(free(100), FUNDS - paid - fee);
		// 40 % burnt, 20 % to the author, both rounded down; the treasury has the rest.
		assert_eq!(Balances::total_issuance(), issuance - 19);
		assert_eq!(free(200), FUNDS + 9);
		assert_eq!(free(201), FUNDS + 21);
		assert_eq!(
			events().last(),
			Some(&Event::JobSettled {
				job: id,
				digest: H256::repeat_byte(1),
				units: 41,
				exit_code: 0,
				paid,
				refunded,
				fee
			})
		);
		let outcome = outcome(id);
		assert_eq!((outcome.state, outcome.paid, outcome.fee), (JobState::Settled, paid, fee));
		assert_eq!(outcome.paid + outcome.fee + outcome.refunded, ESCROW);
	});
}

#[test]
fn should_settle_one_block_after_the_last_reveal() {
	ExtBuilder::default().build_and_execute(|| {
		let id = revealed(spec(), &[1, 1, 1]);
		assert!(Jobs::<Runtime>::contains_key(id));
		next_block();
		assert!(!Jobs::<Runtime>::contains_key(id));
		assert!(!Specs::<Runtime>::contains_key(id));
	});
}

#[test]
fn should_slash_and_not_pay_when_a_replica_disagrees() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let liar = seat(id, 1);
		committed(id, &[1, 2, 1]);
		for (replica, result) in [(0, 1), (1, 2), (2, 1)] {
			reveal(id, replica, result);
		}
		next_block();
		assert_eq!(free(liar), OPERATORS);
		assert_eq!(pending(liar), BOND / 2);
		assert_eq!(reputation(liar), 125_000);
		assert_eq!(outcome(id).paid, 2 * 41 * 8);
		assert!(events().contains(&Event::Slashed {
			job: id,
			replica: 1,
			operator: account(liar),
			amount: BOND / 2,
			reason: OffenceReason::Disagreed
		}));
		let (before, supply) = (free(100), IoStaking::supply());
		run_blocks(20);
		// Half of the slash is less than the replica's price of 800.
		assert_eq!(free(100), before + BOND / 4);
		assert_eq!(IoStaking::supply(), supply - BOND / 4);
		assert_eq!(pending(liar), 0);
	});
}

#[test]
fn should_tell_the_work_ledger_no_more_than_what_was_burnt() {
	ExtBuilder::default().build_and_execute(|| {
		let issuance = Balances::total_issuance();
		revealed(spec(), &[1, 1, 1]);
		next_block();
		// Of 16 for each of three, 40 % rounded down; 19 of the whole fee of 49 were burnt.
		assert_eq!(issuance - Balances::total_issuance(), 19);
		assert_eq!(pallet_io_staking::EraWork::<Runtime>::get().fees, 3 * 6);
	});
}

#[test]
fn should_not_agree_when_only_the_units_differ() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec_of(2, 2));
		let honest = opening(1);
		let greedy = io_primitives::digest::Opening { units: 100, ..honest };
		for (replica, opening) in [(0, honest), (1, greedy)] {
			accept(id, replica);
			assert_ok!(send(seat(id, replica), commit_call(id, replica, &opening)));
		}
		for (replica, opening) in [(0, honest), (1, greedy)] {
			assert_ok!(send(seat(id, replica), reveal_call(id, replica, &opening)));
		}
		next_block();
		assert!(job(id).in_tie_break());
	});
}

#[test]
fn should_settle_when_a_quorum_agrees_that_the_program_failed() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec_of(1, 1));
		let failed = io_primitives::digest::Opening { exit_code: -2, ..opening(1) };
		accept(id, 0);
		assert_ok!(send(seat(id, 0), commit_call(id, 0, &failed)));
		assert_ok!(send(seat(id, 0), reveal_call(id, 0, &failed)));
		next_block();
		let outcome = outcome(id);
		assert_eq!((outcome.state, outcome.exit_code), (JobState::Settled, -2));
		assert_eq!(outcome.paid, 41 * 8);
	});
}

#[test]
fn should_draw_a_tie_break_when_nobody_agrees() {
	ExtBuilder::default().build_and_execute(|| {
		let id = revealed(spec(), &[1, 2, 3]);
		next_block();
		let tied = job(id);
		assert_eq!((tied.state, tied.replicas.len()), (JobState::Running, 4));
		accept(id, 3);
		commit(id, 3, 2);
		assert_eq!(job(id).state, JobState::Revealing);
		reveal(id, 3, 2);
		next_block();
		let outcome = outcome(id);
		assert_eq!(outcome.digest, H256::repeat_byte(2));
		assert_eq!(outcome.payees.iter().map(|p| p.replica).collect::<Vec<_>>(), [1, 3]);
		assert_eq!(outcome.paid, 2 * 42 * 8);
		assert_eq!(pallet_io_staking::Slashes::<Runtime>::iter().count(), 2);
	});
}

#[test]
fn should_fail_and_slash_nobody_when_tie_breaks_do_not_help() {
	ExtBuilder::default().build_and_execute(|| {
		let id = revealed(spec(), &[1, 2, 3]);
		for (replica, result) in [(3, 4), (4, 5)] {
			next_block();
			assert_eq!(job(id).replicas.len(), usize::from(replica) + 1);
			accept(id, replica);
			commit(id, replica, result);
			reveal(id, replica, result);
		}
		next_block();
		let outcome = outcome(id);
		assert_eq!(outcome.state, JobState::Failed);
		assert_eq!(outcome.fail_reason, Some(FailReason::NoQuorum));
		assert_eq!(free(100), FUNDS);
		assert_eq!(pallet_io_staking::Slashes::<Runtime>::iter().count(), 0);
		assert_eq!(Outputs::<Runtime>::iter().count(), 0);
	});
}

#[test]
fn should_fail_at_once_when_no_tie_break_can_bring_a_quorum() {
	ExtBuilder::default().workers(7).build_and_execute(|| {
		let id = revealed(spec_of(7, 4), &[1, 2, 3, 4, 5, 6, 7]);
		next_block();
		assert_eq!(outcome(id).fail_reason, Some(FailReason::NoQuorum));
		assert_eq!(free(100), FUNDS);
	});
}

#[test]
fn should_fail_when_a_tie_break_misses_and_none_is_left() {
	ExtBuilder::default().build_and_execute(|| {
		let id = revealed(spec(), &[1, 2, 3]);
		next_block();
		decline(id, 3);
		next_block();
		assert_eq!(job(id).replicas.len(), 5);
		run_blocks(10);
		assert_eq!(outcome(id).fail_reason, Some(FailReason::NoQuorum));
	});
}

#[test]
fn should_replace_and_slash_a_worker_that_does_not_accept() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let silent = seat(id, 0);
		accept(id, 1);
		accept(id, 2);
		run_blocks(9);
		assert_eq!(seat(id, 0), silent);
		next_block();
		assert_eq!(pending(silent), BOND / 100);
		assert_eq!(reputation(silent), 237_500);
		assert_ne!(seat(id, 0), silent);
		assert_eq!(job(id).replicas[0].attempt, 2);
		assert!(events().contains(&Event::ReplicaMissed {
			job: id,
			replica: 0,
			worker: key(silent),
			operator: account(silent),
			reason: MissReason::NoShow
		}));
	});
}

#[test]
fn should_never_draw_an_operator_twice_for_one_job() {
	ExtBuilder::default().workers(2).build_and_execute(|| {
		let id = drawn(spec_of(2, 2));
		run_blocks(10);
		assert_eq!(job(id).wanted().count(), 2);
		run_blocks(20);
		assert_eq!(job(id).state, JobState::Open);
	});
}

#[test]
fn should_slash_a_worker_that_does_not_commit() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let slow = seat(id, 0);
		accept(id, 0);
		run_blocks(20);
		assert_eq!(pending(slow), BOND / 10);
		assert_eq!(reputation(slow), 225_000);
	});
}

#[test]
fn should_reveal_with_a_quorum_of_commitments_when_the_deadline_comes() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let slow = seat(id, 2);
		committed(id, &[1, 1]);
		accept(id, 2);
		run_blocks(20);
		let record = job(id);
		assert_eq!(record.state, JobState::Revealing);
		assert_eq!(record.replicas[2].state, ReplicaState::Missed { reason: MissReason::NoShow });
		assert_eq!(pending(slow), BOND / 10);
		reveal(id, 0, 1);
		reveal(id, 1, 1);
		next_block();
		assert_eq!(outcome(id).paid, 2 * 41 * 8);
	});
}

#[test]
fn should_reveal_without_another_draw_when_a_worker_declines_and_enough_have_committed() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		committed(id, &[1, 1]);
		decline(id, 2);
		next_block();
		assert_eq!(job(id).state, JobState::Revealing);
	});
}

#[test]
fn should_reveal_with_a_quorum_of_commitments_when_nobody_fits_the_other_replica() {
	ExtBuilder::default().workers(2).build_and_execute(|| {
		let id = submit(spec());
		next_block();
		committed(id, &[1, 1]);
		// The replica waits since block 1, and others have 10 blocks to accept.
		run_to(10);
		assert_eq!(job(id).state, JobState::Open);
		next_block();
		assert_eq!(job(id).state, JobState::Revealing);
		reveal(id, 0, 1);
		reveal(id, 1, 1);
		next_block();
		assert_eq!(outcome(id).paid, 2 * 41 * 8);
	});
}

#[test]
fn should_reveal_in_the_next_block_when_the_quorum_commits_after_a_long_search() {
	ExtBuilder::default().workers(2).build_and_execute(|| {
		let id = submit(spec());
		next_block();
		for replica in [0, 1] {
			accept(id, replica);
		}
		run_blocks(15);
		commit(id, 0, 1);
		next_block();
		assert_eq!(job(id).state, JobState::Open, "replica 1 is at work");
		commit(id, 1, 1);
		next_block();
		assert_eq!(job(id).state, JobState::Revealing);
	});
}

#[test]
fn should_not_give_up_a_tie_break_when_it_takes_long_to_draw() {
	ExtBuilder::default().workers(3).build_and_execute(|| {
		let id = revealed(spec(), &[1, 2, 3]);
		run_blocks(30);
		assert_eq!((job(id).state, job(id).replicas.len()), (JobState::Open, 4));
		register_operator(4);
		next_block();
		assert_eq!(job(id).wanted().count(), 0);
	});
}

#[test]
fn should_slash_a_worker_that_does_not_reveal_and_settle_with_the_others() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		let hiding = seat(id, 0);
		committed(id, &[1, 1, 1]);
		reveal(id, 1, 1);
		reveal(id, 2, 1);
		run_blocks(19);
		assert!(Jobs::<Runtime>::contains_key(id));
		next_block();
		assert_eq!(pending(hiding), BOND / 5);
		assert_eq!(reputation(hiding), 200_000);
		assert_eq!(outcome(id).state, JobState::Settled);
		assert_eq!(outcome(id).payees.len(), 2);
	});
}

#[test]
fn should_fail_when_the_attempts_are_used_up() {
	ExtBuilder::default().workers(3).build_and_execute(|| {
		let id = drawn(spec_of(1, 1));
		for attempt in 1..=3 {
			assert_eq!(job(id).replicas[0].attempt, attempt);
			decline(id, 0);
			next_block();
		}
		assert_eq!(outcome(id).fail_reason, Some(FailReason::AttemptsExhausted));
		assert_eq!(free(100), FUNDS);
	});
}

#[test]
fn should_go_on_when_one_replica_is_out_and_the_others_can_bring_a_quorum() {
	ExtBuilder::default().workers(7).build_and_execute(|| {
		let id = drawn(spec());
		accept(id, 0);
		accept(id, 1);
		for _ in 0..3 {
			decline(id, 2);
			next_block();
		}
		assert_eq!(job(id).replicas[2].state, ReplicaState::Missed { reason: MissReason::NoShow });
		commit(id, 0, 1);
		commit(id, 1, 1);
		assert_eq!(job(id).state, JobState::Revealing);
		reveal(id, 0, 1);
		reveal(id, 1, 1);
		next_block();
		assert_eq!(outcome(id).state, JobState::Settled);
	});
}

#[test]
fn should_expire_when_nobody_fits_in_time() {
	ExtBuilder::default().workers(0).build_and_execute(|| {
		let id = submit(spec());
		run_blocks(59);
		assert_eq!(job(id).state, JobState::Open);
		next_block();
		assert_eq!(outcome(id).state, JobState::Expired);
		assert!(events().contains(&Event::JobExpired { job: id, refunded: ESCROW }));
		assert_eq!(free(100), FUNDS);
	});
}

#[test]
fn should_release_drawn_workers_when_the_job_expires() {
	ExtBuilder::default().workers(2).build_and_execute(|| {
		let id = submit(spec_of(3, 3));
		next_block();
		accept(id, 0);
		assert_eq!(job(id).state, JobState::Open);
		OpenTtl::set(60);
		run_to(21);
		let late = pallet_io_staking::Slashes::<Runtime>::iter().count();
		assert_eq!(late, 1, "replica 1 did not accept");
		run_to(62);
		assert_eq!(outcome(id).state, JobState::Expired);
		assert_eq!(free(100), FUNDS);
	});
}

#[test]
fn should_give_the_authors_part_to_the_treasury_when_the_author_is_unknown() {
	ExtBuilder::default().build_and_execute(|| {
		Author::set(None);
		revealed(spec(), &[1, 1, 1]);
		next_block();
		assert_eq!(free(201), FUNDS + 30);
	});
}

#[test]
fn should_burn_the_fee_when_neither_author_nor_treasury_can_take_it() {
	ExtBuilder::default().build_and_execute(|| {
		// Accounts that do not exist cannot be opened with less than the existential deposit.
		Author::set(Some(account(250)));
		FeeTreasury::set(account(251));
		FeeRate::set(Permill::from_percent(1));
		let issuance = Balances::total_issuance();
		let id = revealed(spec(), &[1, 1, 1]);
		next_block();
		assert_eq!(outcome(id).fee, 9);
		assert_eq!(Balances::total_issuance(), issuance - 9);
		assert_eq!(free(250) + free(251), 0);
	});
}

#[test]
fn should_pay_the_treasury_when_an_operator_cannot_take_its_pay() {
	ExtBuilder::default().workers(1).build().execute_with(|| {
		let id = drawn(spec_of(1, 1));
		let small = io_primitives::digest::Opening { units: 1, ..opening(1) };
		accept(id, 0);
		assert_ok!(send(1, commit_call(id, 0, &small)));
		assert_ok!(send(1, reveal_call(id, 0, &small)));
		// The account is gone, and 8 are less than the existential deposit of 10.
		frame_system::Account::<Runtime>::remove(account(1));
		pallet_balances::Holds::<Runtime>::remove(account(1));
		next_block();
		assert_eq!(outcome(id).state, JobState::Settled);
		assert_eq!(free(201), FUNDS + 8);
		assert_eq!(free(100), FUNDS - 8);
	});
}

#[test]
fn should_keep_reputation_above_its_floor() {
	let mut info = WorkerInfo {
		operator: (),
		class: 0,
		index: 0,
		changed_at: 0,
		ask: 1,
		capacity: 1,
		engines: Default::default(),
		reputation: 500_000,
		deposit: 0,
		live: Default::default(),
	};
	for _ in 0..100 {
		info.blame(MissReason::Disagreed);
	}
	assert_eq!(info.reputation, MIN_REPUTATION);
	for _ in 0..1_000 {
		info.praise();
	}
	assert!(info.reputation > 990_000 && info.reputation <= 1_000_000);
}

#[test]
fn should_keep_outcomes_and_outputs_until_the_ring_comes_round() {
	ExtBuilder::default().build_and_execute(|| {
		let first = revealed(spec(), &[1, 1, 2]);
		next_block();
		assert_eq!(IoJobs::outputs(first), [(0, output_at(0)), (1, output_at(1))]);
		run_blocks(1);
		for _ in 1..16 {
			let id = submit(spec());
			assert_ok!(IoJobs::cancel(RuntimeOrigin::signed(REQUESTER), id));
		}
		assert!(IoJobs::job(first).is_some());
		let id = submit(spec());
		assert_ok!(IoJobs::cancel(RuntimeOrigin::signed(REQUESTER), id));
		assert_eq!(IoJobs::job(first), None);
		assert!(IoJobs::outputs(first).is_empty());
		assert_eq!(outcome(id).state, JobState::Cancelled);
	});
}
