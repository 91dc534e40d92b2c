//! Eras: the mint, its curve, and who gets it.

use frame_support::{assert_noop, assert_ok, traits::fungible::Mutate, weights::WeightMeter};
use io_primitives::{Balance, WorkLedger};
use pallet_authorship::EventHandler;
use sp_runtime::{Perbill, Perquintill};

use crate::{
	eras::{budget, inflation, YEAR_MILLIS},
	mock::*,
	Economics, Era, Error, Event, Points, Total, CLAIM_ERAS,
};

const COINS: Balance = 1_000_000_000_000;

/// Closes an era in which these authored so many blocks.
fn close_era(points: &[(AccountId, u32)]) {
	for (who, blocks) in points {
		for _ in 0..*blocks {
			IoStaking::note_author(*who);
		}
	}
	let era = IoStaking::current_era();
	while IoStaking::current_era() == era {
		IoStaking::close_session();
	}
}

/// Two pools of collators.
fn seated() -> ExtBuilder {
	ExtBuilder::default().with_candidate(ALICE, 1_000).with_candidate(BOB, 1_000)
}

/// Two pools with 1 and 3 parts of the stake.
fn pools() -> ExtBuilder {
	ExtBuilder::default().with_operator(ALICE, 1_000).with_operator(BOB, 1_000)
}

fn reward_of(event: &Event<Test>, who: AccountId) -> Option<(Balance, Balance)> {
	match event {
		Event::Rewarded { operator, value, commission } if *operator == who => {
			Some((*value, *commission))
		},
		_ => None,
	}
}

fn rewards(who: AccountId) -> (Balance, Balance) {
	System::events()
		.into_iter()
		.find_map(|record| match record.event {
			RuntimeEvent::IoStaking(event) => reward_of(&event, who),
			_ => None,
		})
		.unwrap_or_default()
}

fn fund(who: AccountId) {
	Balances::mint_into(&who, COINS).unwrap();
}

#[test]
fn should_follow_the_curve() {
	let economics = Economics::DEFAULT;
	let at = |percent: u128| inflation(&economics, percent, 100);
	let percent = Perquintill::from_percent;
	assert_eq!(at(0), percent(2));
	assert_eq!(at(25), percent(5));
	assert_eq!(at(50), percent(8));
	// Each 5 % more halves what is above the minimum.
	let near = |a: Perquintill, b: Perquintill| {
		assert!(a.deconstruct().abs_diff(b.deconstruct()) < 10_000_000_000, "{a:?} {b:?}");
	};
	near(at(55), percent(5));
	near(at(60), Perquintill::from_rational(35u64, 1_000));
	let mut last = percent(8);
	for staked in 51..=100 {
		assert!(at(staked) < last && at(staked) > percent(2));
		last = at(staked);
	}
	// Nothing at all, and more staked than there is, are no errors.
	assert_eq!(inflation(&economics, 0, 0), percent(2));
	assert_eq!(inflation(&economics, 5, 1), at(100));
}

#[test]
fn should_split_the_mint() {
	let parts = budget(&Economics::DEFAULT, 50 * COINS, 100 * COINS, YEAR_MILLIS);
	assert_eq!(parts.mint, 8 * COINS);
	assert_eq!(parts.stake, 8 * COINS * 6 / 10);
	assert_eq!(parts.work, 8 * COINS * 3 / 10);
	assert_eq!(parts.treasury, 8 * COINS / 10);
	// Four hours are a part of a year.
	let era = budget(&Economics::DEFAULT, 50 * COINS, 100 * COINS, ERA_MILLIS);
	assert_eq!(era.mint, 8 * COINS * u128::from(ERA_MILLIS) / u128::from(YEAR_MILLIS));
	assert!(era.stake + era.work + era.treasury <= era.mint);
}

#[test]
fn should_force_economics_into_their_bounds() {
	let wild = Economics {
		min_inflation: Perbill::one(),
		max_inflation: Perbill::one(),
		ideal_stake: Perbill::zero(),
		falloff: Perbill::zero(),
		stake_share: Perbill::from_percent(90),
		work_share: Perbill::from_percent(90),
		certified_share: Perbill::one(),
		kappa: Perbill::one(),
	}
	.bounded();
	assert_eq!(wild.max_inflation, Perbill::from_percent(20));
	assert_eq!(wild.min_inflation, wild.max_inflation);
	assert_eq!(wild.work_share, Perbill::from_percent(10));
	assert_eq!(wild.certified_share, Perbill::from_percent(30));
	let parts = budget(&wild, 1, COINS, YEAR_MILLIS);
	assert!(parts.stake + parts.work + parts.treasury <= parts.mint);
	assert_eq!(Economics::DEFAULT.bounded(), Economics::DEFAULT);
}

#[test]
fn should_reward_pools_by_blocks_and_stake() {
	seated().build_and_execute(|| {
		fund(DAVE);
		run_to_era(1);
		assert_eq!(Session::validators(), [ALICE, BOB]);
		delegate(CHARLIE, BOB, 1_000);
		Mint::set(Economics::DEFAULT);
		let (supply, issuance) = (IoStaking::supply(), Balances::total_issuance());
		// Twice the stake and half the blocks.
		close_era(&[(ALICE, 2), (BOB, 1)]);
		let (alice, bob) = (rewards(ALICE).0, rewards(BOB).0);
		assert!(alice > 1_000_000 && alice == bob, "{alice} {bob}");
		let budget = budget(&Economics::DEFAULT, 3_000, supply, ERA_MILLIS);
		// Blocks times stake, of which there could have been 3/2 * 3,000.
		assert_eq!(alice, budget.stake * 2_000 / 4_500);
		assert_eq!(IoStaking::supply(), supply + alice + bob + budget.treasury);
		// Only the treasury's part is issued by now.
		assert_eq!(Balances::total_issuance(), issuance + budget.treasury);
		assert_eq!(free(TREASURY), budget.treasury);
		assert_eq!(worth(ALICE, ALICE), 1_000 + alice);
		assert_eq!(worth(CHARLIE, BOB), 1_000 + bob / 2);
	});
}

#[test]
fn should_pay_each_pool_alike_whoever_has_the_other_seats() {
	let paid = |authors: &[(AccountId, u32)]| {
		let mut value = 0;
		seated().with_operator(CHARLIE, 1_000).build_and_execute(|| {
			fund(DAVE);
			run_to_era(1);
			assert_eq!(Session::validators().len(), 2);
			Mint::set(Economics::DEFAULT);
			let staked = crate::Total::<Test>::get().active;
			let budget = budget(&Economics::DEFAULT, staked, IoStaking::supply(), ERA_MILLIS);
			close_era(authors);
			value = rewards(ALICE).0;
			// The yield is that of all that is staked, so a third is not minted when a third has no seat.
			assert_eq!(value, budget.stake / 3);
		});
		value
	};
	// To divide oneself and take Bob's seat with the other half changes nothing.
	assert_eq!(paid(&[(ALICE, 5), (BOB, 5)]), paid(&[(ALICE, 5), (CHARLIE, 5)]));
}

#[test]
fn should_take_the_commission_first() {
	ExtBuilder::default().build_and_execute(|| {
		[ALICE, BOB, DAVE].into_iter().for_each(fund);
		let commission = Perbill::from_percent(20);
		let metadata = Default::default();
		assert_ok!(IoStaking::register_operator(signed(ALICE), COINS / 5, commission, metadata));
		delegate(BOB, ALICE, 3 * COINS / 5);
		Mint::set(Economics::DEFAULT);
		close_era(&[(ALICE, 1)]);
		let (value, taken) = rewards(ALICE);
		assert_eq!(taken, value / 5);
		let rest = value - taken;
		assert!((3 * COINS / 5 + rest * 3 / 4).abs_diff(worth(BOB, ALICE)) <= 1);
		assert!((COINS / 5 + rest / 4 + taken).abs_diff(worth(ALICE, ALICE)) <= 2);
	});
}

#[test]
fn should_mint_nothing_for_stake_when_nobody_authored() {
	pools().build_and_execute(|| {
		fund(DAVE);
		Mint::set(Economics::DEFAULT);
		let supply = IoStaking::supply();
		// An author without a pool is paid nothing.
		close_era(&[(DAVE, 3)]);
		assert_eq!(IoStaking::supply(), supply + free(TREASURY));
		assert_eq!(Points::<Test>::iter().count(), 0);
	});
}

#[test]
fn should_count_sessions_and_eras() {
	pools().build_and_execute(|| {
		run_to_block(SESSION - 1);
		assert_eq!(Era::<Test>::get().sessions, 0);
		run_to_block(SESSION);
		assert_eq!((Era::<Test>::get().index, Era::<Test>::get().sessions), (0, 1));
		run_to_block(ERA);
		assert_eq!((Era::<Test>::get().index, Era::<Test>::get().sessions), (1, 0));
		run_to_era(2);
		assert_eq!(IoStaking::era_of(0), 0);
		assert_eq!(IoStaking::era_of(ERA - 1), 0);
		assert_eq!(IoStaking::era_of(ERA), 1);
		assert_eq!(IoStaking::era_of(2 * ERA), 2);
		run_to_era(10);
		assert_eq!(IoStaking::era_of(9 * ERA), 9);
		// Older than what is remembered.
		assert_eq!(IoStaking::era_of(1), 10 - MAX_UNBONDING);
	});
}

#[test]
fn should_let_the_commission_rise_slowly_and_fall_freely() {
	pools().build_and_execute(|| {
		let set =
			|percent| IoStaking::set_commission(signed(ALICE), Perbill::from_percent(percent));
		assert_noop!(set(2), Error::<Test>::CommissionTooHigh);
		assert_ok!(set(1));
		assert_noop!(set(2), Error::<Test>::CommissionTooHigh);
		assert_ok!(set(0));
		// Down and up again is up.
		assert_noop!(set(1), Error::<Test>::CommissionTooHigh);
		run_to_era(1);
		assert_ok!(set(1));
		run_to_era(2);
		assert_ok!(set(2));
		assert_noop!(
			IoStaking::set_commission(signed(CHARLIE), Perbill::zero()),
			Error::<Test>::NotOperator
		);
	});
}

#[test]
fn should_tell_what_staking_yields() {
	pools().build_and_execute(|| {
		Mint::set(Economics::DEFAULT);
		let view = IoStaking::apy();
		assert_eq!((view.supply, view.staked), (5 * FUNDS, 2_000));
		// 4 % of the supply is staked: 2 % + 6 % * 4 / 50, six tenths of it for the staked 25th.
		assert_eq!(view.inflation, Perquintill::from_rational(248u64, 10_000));
		assert_eq!(view.apy, 372_000_000);
	});
}

/// Supply is genesis + mint - burns over many years, to the unit, and the mint follows the curve.
#[test]
fn should_account_for_every_unit_over_10_000_eras() {
	ExtBuilder::default().build_and_execute(|| {
		for who in [ALICE, BOB, CHARLIE, DAVE, EVE] {
			fund(who);
		}
		for who in [ALICE, BOB] {
			let commission = Perbill::from_percent(5);
			let metadata = Default::default();
			IoStaking::register_operator(signed(who), COINS / 4, commission, metadata).unwrap();
		}
		Mint::set(Economics::DEFAULT);
		delegate(CHARLIE, ALICE, COINS / 2);
		delegate(DAVE, BOB, COINS / 3);
		let genesis = IoStaking::supply();
		assert_eq!(genesis, Balances::total_issuance());
		let (mut minted, mut burnt, mut mint) = (0, 0, 0);
		for era in 0..10_000u32 {
			let i = u64::from(era);
			System::set_block_number(System::block_number() + ERA);
			IoStaking::certified(&ALICE, 1_000 + u128::from(i % 7));
			IoStaking::settled(&BOB, 0, 1, 1_000_000 + u128::from(i % 11));
			let before = IoStaking::supply();
			let staked = Total::<Test>::get().active;
			close_era(&[(ALICE, 3 + era % 5), (BOB, 2)]);
			let expected =
				(i % 10 == 0).then(|| budget(&Economics::DEFAULT, staked, before, ERA_MILLIS));
			if i % 50 == 10 {
				report_harm(i, ALICE, 1_000_000 + u128::from(i), (EVE, u128::from(i) * 1_000));
			}
			if i % 10 == 3 {
				IoStaking::claim(signed(EVE), era.saturating_sub(i as u32 % 5), ALICE).unwrap();
				IoStaking::claim(signed(EVE), era, BOB).unwrap();
			}
			if i % 100 == 50 {
				IoStaking::settle(signed(EVE), CHARLIE, ALICE).unwrap();
				IoStaking::unbond(signed(DAVE), BOB, 1_000_003).unwrap();
				let _ = IoStaking::withdraw(signed(DAVE), BOB);
			}
			IoStaking::apply_due_slashes(&mut WeightMeter::new());
			IoStaking::forget_old_eras(&mut WeightMeter::new());
			for event in events() {
				match event {
					Event::EraEnded { mint: m, to_stake, to_treasury, for_work, .. } => {
						assert!(expected.is_none_or(|expected| m == expected.mint));
						assert!(to_stake + to_treasury + for_work <= m);
						minted += to_stake + to_treasury;
						mint += m;
					},
					Event::Claimed { value, .. } => minted += value,
					Event::SlashApplied { burnt: b, .. } => burnt += b,
					_ => {},
				}
			}
			assert_eq!(IoStaking::supply(), genesis + minted - burnt);
		}
		assert!(minted <= mint && burnt > 0);
		// What is issued is the same, once all holds are in line.
		for (who, operator) in [(ALICE, ALICE), (BOB, BOB), (CHARLIE, ALICE), (DAVE, BOB)] {
			IoStaking::settle(signed(who), who, operator).unwrap();
		}
		System::set_block_number(System::block_number() + DEFER);
		IoStaking::apply_due_slashes(&mut WeightMeter::new());
		let dust = IoStaking::supply() - Balances::total_issuance();
		assert!(dust <= 4 + 2, "{dust}");
		assert!(IoStaking::current_era() > CLAIM_ERAS);
	});
}
