//! Candidates, scores, elections, idle collators.

use frame_support::{assert_noop, assert_ok};
use io_primitives::WorkLedger;
use proptest::prelude::*;
use sp_runtime::{DispatchError, Perbill};

use crate::{
	election::{Merit, Score, SCALE},
	mock::*,
	Candidates, ElectionTerms, ElectionTotals, Error, Event,
};

fn three() -> ExtBuilder {
	ExtBuilder::default()
		.with_candidate(ALICE, 1_000)
		.with_candidate(BOB, 2_000)
		.with_candidate(CHARLIE, 3_000)
}

fn listed() -> Vec<AccountId> {
	Candidates::<Test>::get().into_iter().map(|candidate| candidate.who).collect()
}

/// The next elected set comes into force two sessions later.
fn two_sessions() {
	run_to_block(System::block_number() + 2 * SESSION);
}

#[test]
fn should_seat_those_with_the_most_stake_when_nobody_works() {
	three().build_and_execute(|| {
		two_sessions();
		assert_eq!(Session::validators(), [CHARLIE, BOB]);
		assert_eq!(listed(), [CHARLIE, BOB, ALICE]);
		let seats: Vec<_> =
			IoStaking::validators().iter().map(|view| (view.who, view.stake)).collect();
		assert_eq!(seats, [(CHARLIE, 3_000), (BOB, 2_000)]);
	});
}

#[test]
fn should_seat_who_works_when_stake_is_near() {
	three().build_and_execute(|| {
		two_sessions();
		IoStaking::certified(&ALICE, 1);
		two_sessions();
		// Alice: 70 % of 1/6, and 30 %. Charlie: 70 % of a half.
		assert_eq!(Session::validators(), [ALICE, CHARLIE]);
		let view = IoStaking::election_preview().remove(0);
		assert_eq!((view.who, view.work, view.elected), (ALICE, 1, true));
		assert_eq!((view.stake_score, view.work_score), (SCALE * 7 / 60, SCALE * 3 / 10));
	});
}

#[test]
fn should_seat_who_is_backed() {
	three().with_operator(DAVE, 100).build_and_execute(|| {
		assert_ok!(IoStaking::back(signed(DAVE), Some(ALICE)));
		IoStaking::certified(&DAVE, 1);
		two_sessions();
		assert_eq!(Session::validators(), [ALICE, CHARLIE]);
	});
}

#[test]
fn should_change_seats_when_delegation_changes() {
	three().build_and_execute(|| {
		two_sessions();
		delegate(DAVE, ALICE, 5_000);
		two_sessions();
		assert_eq!(Session::validators(), [ALICE, CHARLIE]);
		assert_ok!(IoStaking::unbond(signed(DAVE), ALICE, 5_000));
		two_sessions();
		assert_eq!(Session::validators(), [CHARLIE, BOB]);
	});
}

#[test]
fn should_seat_invulnerables_first() {
	three().with_invulnerable(EVE).build_and_execute(|| {
		two_sessions();
		assert_eq!(Session::validators(), [EVE, CHARLIE]);
		// Without keys there is no seat.
		assert_ok!(IoStaking::set_invulnerables(RuntimeOrigin::root(), vec![DAVE]));
		two_sessions();
		assert_eq!(Session::validators(), [CHARLIE, BOB]);
		// All of them have seats, and who is a candidate too has one.
		let all = vec![ALICE, BOB, CHARLIE];
		assert_ok!(IoStaking::set_invulnerables(RuntimeOrigin::root(), all.clone()));
		two_sessions();
		assert_eq!(Session::validators(), all);
	});
}

#[test]
fn should_refuse_invulnerables_when_they_are_wrong() {
	three().build_and_execute(|| {
		let set = |accounts: &[AccountId]| {
			IoStaking::set_invulnerables(RuntimeOrigin::root(), accounts.to_vec())
		};
		assert_noop!(set(&[ALICE, BOB, ALICE]), Error::<Test>::BadInvulnerables);
		assert_noop!(set(&[1, 2, 3, 4]), Error::<Test>::BadInvulnerables);
		let by_alice = IoStaking::set_invulnerables(signed(ALICE), vec![]);
		assert_eq!(by_alice, Err(DispatchError::BadOrigin));
	});
}

#[test]
fn should_keep_the_set_when_nobody_can_be_elected() {
	three().build_and_execute(|| {
		two_sessions();
		for who in [ALICE, BOB, CHARLIE] {
			assert_ok!(IoStaking::candidate(signed(who), false));
		}
		two_sessions();
		two_sessions();
		assert_eq!(Session::validators(), [CHARLIE, BOB]);
	});
}

#[test]
fn should_order_by_account_when_scores_are_equal() {
	ExtBuilder::default()
		.with_candidate(CHARLIE, 1_000)
		.with_candidate(ALICE, 1_000)
		.with_candidate(BOB, 1_000)
		.build_and_execute(|| {
			two_sessions();
			assert_eq!(Session::validators(), [ALICE, BOB]);
		});
}

#[test]
fn should_stand_and_leave() {
	three().with_keys(DAVE).with_operator(DAVE, 2_500).build_and_execute(|| {
		two_sessions();
		events();
		assert_ok!(IoStaking::candidate(signed(DAVE), true));
		assert_eq!(listed(), [CHARLIE, DAVE, BOB, ALICE]);
		assert_noop!(IoStaking::candidate(signed(DAVE), true), Error::<Test>::AlreadyCandidate);
		assert_ok!(IoStaking::candidate(signed(DAVE), false));
		assert_eq!(listed(), [CHARLIE, BOB, ALICE]);
		assert_noop!(IoStaking::candidate(signed(DAVE), false), Error::<Test>::NotCandidate);
		let score = SCALE * 25 / 60;
		assert_eq!(
			events(),
			[Event::CandidateAdded { who: DAVE, score }, Event::CandidateRemoved { who: DAVE }]
		);
	});
}

#[test]
fn should_refuse_a_candidate_when_it_is_not_fit() {
	ExtBuilder::default()
		.with_keys(ALICE)
		.with_operator(ALICE, TERMS.min_self_stake - 1)
		.with_operator(BOB, 1_000)
		.build_and_execute(|| {
			let stand = |who| IoStaking::candidate(signed(who), true);
			assert_noop!(stand(CHARLIE), Error::<Test>::NotOperator);
			// What others have delegated does not count.
			delegate(CHARLIE, ALICE, 1_000);
			assert_noop!(stand(ALICE), Error::<Test>::SelfStakeTooLow);
			assert_noop!(stand(BOB), Error::<Test>::NoSessionKeys);
		});
}

#[test]
fn should_replace_the_weakest_when_the_list_is_full() {
	three().with_candidate(DAVE, 500).with_keys(EVE).with_operator(EVE, 400).build_and_execute(
		|| {
			two_sessions();
			assert_noop!(IoStaking::candidate(signed(EVE), true), Error::<Test>::TooManyCandidates);
			assert_ok!(IoStaking::bond_extra(signed(EVE), 1_000));
			events();
			assert_ok!(IoStaking::candidate(signed(EVE), true));
			assert_eq!(listed(), [CHARLIE, BOB, EVE, ALICE]);
			assert_eq!(events()[0], Event::CandidateRemoved { who: DAVE });
		},
	);
}

#[test]
fn should_remove_a_candidate_when_it_is_not_fit_any_more() {
	three().build_and_execute(|| {
		assert_ok!(IoStaking::unbond(signed(CHARLIE), CHARLIE, 2_900));
		assert_ok!(Session::purge_keys(signed(BOB)));
		two_sessions();
		assert_eq!(Session::validators(), [ALICE]);
		assert_eq!(listed(), [ALICE]);
	});
}

#[test]
fn should_chill_a_collator_that_authors_nothing() {
	three().build_and_execute(|| {
		// From the second era on, the elected ones have seats for all of it.
		run_to_era(1);
		Idle::set(vec![CHARLIE]);
		assert_eq!(Session::validators(), [CHARLIE, BOB]);
		events();
		run_to_era(2);
		assert!(events().contains(&Event::Chilled { who: CHARLIE }));
		assert_eq!(listed(), [BOB, ALICE]);
		two_sessions();
		assert_eq!(Session::validators(), [BOB, ALICE]);
		// It comes back when it wants to.
		assert_ok!(IoStaking::candidate(signed(CHARLIE), true));
		Idle::set(vec![]);
		two_sessions();
		assert_eq!(Session::validators(), [CHARLIE, BOB]);
	});
}

#[test]
fn should_chill_nobody_when_no_blocks_are_authored() {
	three().build_and_execute(|| {
		Idle::set(vec![ALICE, BOB, CHARLIE]);
		run_to_era(4);
		assert_eq!(listed(), [CHARLIE, BOB, ALICE]);
	});
}

#[test]
fn should_spare_a_collator_that_had_a_seat_only_for_a_part_of_the_era() {
	three().build_and_execute(|| {
		run_to_block(3 * SESSION);
		delegate(DAVE, ALICE, 5_000);
		Idle::set(vec![ALICE]);
		// Alice has her seat from the sixth session on, the first of an era.
		run_to_block(6 * SESSION);
		assert!(listed().contains(&ALICE));
		run_to_block(8 * SESSION);
		assert!(!listed().contains(&ALICE));
	});
}

#[test]
fn should_force_terms_into_their_bounds() {
	let wild = ElectionTerms { seats: 1_000, work_weight: Perbill::one(), ..TERMS }.bounded();
	assert_eq!((wild.seats, wild.work_weight), (64, Perbill::from_percent(50)));
	assert_eq!(ElectionTerms { seats: 0, ..TERMS }.bounded().seats, 1);
	assert_eq!(ElectionTerms::DEFAULT.bounded(), ElectionTerms::DEFAULT);
}

fn merit() -> impl Strategy<Value = Merit> {
	(0..1u128 << 100, 0..1u128 << 120).prop_map(|(stake, work)| Merit { stake, work })
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

	#[test]
	fn should_score_no_higher_when_an_identity_is_split(
		parts in prop::collection::vec(merit(), 1..10),
		others in prop::collection::vec(merit(), 0..5),
		weight in 0..=50u32,
	) {
		let mut all = ElectionTotals::default();
		parts.iter().chain(&others).for_each(|merit| all.add(*merit));
		let whole = parts.iter().fold(Merit::default(), |sum, part| Merit {
			stake: sum.stake + part.stake,
			work: sum.work + part.work,
		});
		let score = |merit| Score::new(merit, &all, Perbill::from_percent(weight)).total();
		let split: u128 = parts.iter().map(|part| score(*part)).sum();
		prop_assert!(split <= score(whole));
		let everybody: u128 = parts.iter().chain(&others).map(|merit| score(*merit)).sum();
		prop_assert!(everybody <= SCALE);
	}
}
