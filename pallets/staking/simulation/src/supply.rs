//! Years of eras: how supply, stake and yields move each other.
//!
//! Savers delegate more while the yield is above what they get elsewhere, and leave while it is below. Operators work and
//! are sometimes slashed. Whatever happens, supply is the genesis, and what was minted, without what was burnt.

use frame_support::traits::fungible::Inspect;
use io_primitives::Balance;
use pallet_io_staking::{Economics, ElectionTerms};
use rand::{rngs::StdRng, RngExt, SeedableRng};

use crate::{
	chain::{self, AccountId, Balances, Genesis, IoStaking},
	parameters::{self as p, IO},
};

const OPERATORS: AccountId = 20;
const FIRST: AccountId = 200;
/// One account for all savers of a pool.
const SAVERS: AccountId = 1_000;
const REQUESTERS: AccountId = 2;
const SUPPLY: Balance = 100_000_000 * IO;
/// Own stake of an operator.
const STAKE: Balance = 100_000 * IO;
/// What savers get elsewhere in a year.
const ELSEWHERE: f64 = 0.06;
/// Certified operations of an operator in an era: a GPU of 100 TOPS, four windows of two minutes.
const OPS: u128 = 100_000_000_000_000 * p::WINDOW_SECONDS * p::WINDOWS_PER_ERA as u128;
/// Fees that are burnt in an era for the jobs of one operator at the start; they double every two years.
const BURNT: f64 = 20.0 * IO as f64;

/// One point of the curves.
#[derive(Clone, Copy, Debug)]
pub struct Point {
	/// Years since the start.
	pub year: f64,
	/// Millions of coins.
	pub supply: f64,
	/// Part of the supply that is staked.
	pub staked: f64,
	/// Coins that were minted in the last year, as a part of the supply.
	pub inflation: f64,
	/// What a staked coin earned in the last year, before commission.
	pub stake_yield: f64,
	/// Coins that the work of one operator earned in the last year, in thousands.
	pub work: f64,
}

/// Runs years of eras; a point for each quarter.
pub fn run(years: u32, seed: u64) -> Vec<Point> {
	chain::Mint::set(Economics::DEFAULT);
	chain::Election::set(ElectionTerms::DEFAULT);
	chain::FirstLoss::set(p::FIRST_LOSS);
	let operators = FIRST..FIRST + OPERATORS;
	let savings = SUPPLY * 7 / 10 / Balance::from(OPERATORS);
	let mut balances: Vec<_> = operators
		.clone()
		.flat_map(|who| [(who, STAKE + 1_000 * IO), (who + SAVERS, savings)])
		.chain([(chain::TREASURY, IO)])
		.collect();
	let given: Balance = balances.iter().map(|(_, balance)| balance).sum();
	balances.push((REQUESTERS, SUPPLY - given));
	let genesis: Vec<_> = operators.clone().map(|who| Genesis { who, stake: STAKE }).collect();
	let mut rng = StdRng::seed_from_u64(seed);
	let quarter = p::ERAS_PER_YEAR / 4;

	let mut chain = chain::new_chain(&genesis, balances);
	let mut points = Vec::new();
	let (mut minted, mut burnt): (Balance, Balance) = (0, 0);
	for index in 0..years * 4 {
		let sums = chain.execute_with(|| {
			let mut sums = Sums::default();
			for step in 0..quarter {
				let age = f64::from(index * quarter + step) / f64::from(p::ERAS_PER_YEAR);
				let fees = era(&mut rng, age, operators.clone());
				let summary = chain::run_era();
				minted += summary.minted;
				burnt += summary.slashed + fees;
				sums.minted += summary.minted;
				sums.to_stake += summary.to_stake;
				sums.for_work += summary.for_work;
			}
			assert_eq!(IoStaking::supply(), SUPPLY + minted - burnt, "every unit is accounted for");
			sums
		});
		chain.commit_all().expect("the state is written");
		// Sums of a quarter, as of a year.
		let point = chain.execute_with(|| point(f64::from(index + 1) / 4.0, sums));
		points.push(point);
	}
	points
}

/// Of a quarter.
#[derive(Default, Clone, Copy)]
struct Sums {
	minted: Balance,
	to_stake: Balance,
	for_work: Balance,
}

fn point(year: f64, quarter: Sums) -> Point {
	let apy = IoStaking::apy();
	let yearly = |sum: Balance| 4.0 * sum as f64;
	Point {
		year,
		supply: apy.supply as f64 / IO as f64 / 1e6,
		staked: apy.staked as f64 / apy.supply as f64,
		inflation: yearly(quarter.minted) / apy.supply as f64,
		stake_yield: yearly(quarter.to_stake) / apy.staked as f64,
		work: yearly(quarter.for_work) / IO as f64 / OPERATORS as f64 / 1e3,
	}
}

/// What people do in an era. Returns the fees that were burnt.
fn era(rng: &mut StdRng, age: f64, operators: std::ops::Range<AccountId>) -> Balance {
	let last = chain::current_era();
	let apy = IoStaking::apy().apy as f64 / 1e9;
	let mut burnt = 0;
	for who in operators {
		chain::certified(who, OPS);
		let fees = (BURNT * 2f64.powf(age / 2.0) * (0.5 + rng.random::<f64>())) as Balance;
		// Requesters are refilled by what operators sell: here by what is left of the purse.
		if Balances::balance(&REQUESTERS) > fees + IO {
			chain::burn(REQUESTERS, fees);
			chain::settled(who, fees);
			burnt += fees;
		}
		if last > 0 {
			// Many have nothing to claim in the first eras.
			let _ = IoStaking::claim(chain::signed(who), last - 1, who);
		}
		// Two of a hundred operators are slashed in a day.
		if rng.random::<f64>() < 0.02 / 6.0 {
			chain::slash(who, 500 * IO, None);
		}
		move_savings(rng, apy, who);
	}
	burnt
}

/// Savers look at their pool every few days, and move a hundredth of what they have.
fn move_savings(rng: &mut StdRng, apy: f64, operator: AccountId) {
	let saver = operator + SAVERS;
	if rng.random::<f64>() > 0.05 {
		return;
	}
	let origin = chain::signed(saver);
	// What cannot be is left.
	let _ = IoStaking::withdraw(origin.clone(), operator);
	let wanted = (apy - ELSEWHERE) / ELSEWHERE + rng.random::<f64>() * 0.2 - 0.1;
	let wealth = chain::wealth(saver);
	let step = (wanted.abs().min(1.0) * wealth as f64 / 20.0) as Balance;
	if wanted > 0.0 {
		let free = Balances::balance(&saver).saturating_sub(IO);
		let _ = IoStaking::delegate(origin, operator, step.min(free));
	} else {
		let _ = IoStaking::unbond(origin, operator, step);
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_account_for_every_unit_in_half_a_year() {
		// The run itself compares supply with mint and burns, to the unit.
		let points = run(1, 1);
		assert_eq!(points.len(), 4);
		assert!(points.iter().all(|point| point.supply > 100.0 && point.staked > 0.01));
		// Within the bounds of inflation, for a supply that hardly changes.
		assert!(points.iter().all(|point| (0.0..0.0805).contains(&point.inflation)));
	}
}
