//! A market with honest operators and one party of the same size that tries something else.
//!
//! What the market does off chain (lots, running costs, audits) is drawn here; what it means for money is done by the
//! pallet and by transfers with the fees of the job market. Each strategy is run beside honest work with the same capital,
//! devices and seeds, so that chance affects both alike.

use std::collections::BTreeMap;

use io_primitives::Balance;
use pallet_io_staking::{Economics, ElectionTerms};
use rand::{rngs::StdRng, RngExt, SeedableRng};
use sp_runtime::Perbill;

use crate::{
	chain::{self, AccountId, Genesis, IoStaking, Session},
	parameters::{self as p, IO},
	stats::Estimate,
};

/// Who orders the jobs.
const REQUESTERS: AccountId = 2;
/// Who orders the party's own jobs.
const OWN_REQUESTER: AccountId = 3;
/// The party's operators.
const PARTY: AccountId = 100;
/// The honest operators.
const HONEST: AccountId = 200;
/// Delegators are the operators' numbers and this.
const DELEGATOR: AccountId = 1_000;

/// Honest operators besides the party.
const OPERATORS: u64 = 20;
/// int8 operations a second of one operator's device: a GPU of the middle class.
const POWER: u128 = 100_000_000_000_000;
/// Own stake of an operator.
const STAKE: Balance = 20_000 * IO;
/// Commission of all operators.
const COMMISSION: Perbill = Perbill::from_percent(10);
/// Least and most that is delegated to a pool: about half of the supply is staked.
const DELEGATED: (Balance, Balance) = (1_500_000 * IO, 3_300_000 * IO);
/// What is delegated to a party that is too weak for a seat.
const WEAK: Balance = 1_000_000 * IO;
/// Supply at the start.
const SUPPLY: Balance = 100_000_000 * IO;
/// Jobs of an era, on average, per honest operator.
const JOBS_PER_OPERATOR: f64 = 10.0;
/// Price of a replica.
const PRICE: Balance = IO;
/// What it costs the operator to run one.
const COST: Balance = IO * 6 / 10;
/// What it costs to run a device for an era; windows take their part of it.
const DEVICE_ERA: Balance = 30 * IO;

/// What it costs to run the node of a collator for an era: a server without accelerator, a thirtieth of a device.
const NODE_ERA: Balance = IO;

/// What a party does that is not honest work.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Strategy {
	/// Nothing else: for comparison.
	Honest,
	/// Divides stake and devices among so many operators.
	Split(u64),
	/// The same, by a party with four times as much stake as others.
	SplitWhale(u64),
	/// Orders jobs from itself, that cost nothing to run, for so many coins an era, where its share of the class is so many
	/// per cent.
	Wash {
		/// Coins an era.
		volume: u64,
		/// Chance in per cent that the lot gives a job to itself.
		share: u8,
	},
	/// The same in a class of its own, by a party that is too weak for a seat and wants to buy one with the work that its
	/// fees count for.
	WashForSeat {
		/// Coins an era.
		volume: u64,
	},
	/// Proves its devices and takes no jobs.
	CertifyThenIdle,
	/// Proves its devices, takes jobs and lets them time out.
	CertifyThenTimeOut,
	/// Skips so many per cent of the entries in windows, and claims that much more power.
	LazyProof(u8),
	/// Answers jobs with invented results.
	Lie,
	/// Owns so many per cent of the power under four names, and invents results when the lot gives it a quorum.
	Collude(u8),
}

impl Strategy {
	/// All that the table shows.
	pub const ALL: [Self; 21] = [
		Self::Split(2),
		Self::Split(4),
		Self::Split(16),
		Self::SplitWhale(2),
		Self::SplitWhale(4),
		Self::Wash { volume: 100, share: 5 },
		Self::Wash { volume: 100, share: 50 },
		Self::Wash { volume: 100, share: 100 },
		Self::Wash { volume: 10_000, share: 100 },
		Self::WashForSeat { volume: 100 },
		Self::WashForSeat { volume: 1_000 },
		Self::WashForSeat { volume: 10_000 },
		Self::CertifyThenIdle,
		Self::CertifyThenTimeOut,
		Self::LazyProof(5),
		Self::LazyProof(20),
		Self::LazyProof(50),
		Self::LazyProof(80),
		Self::Lie,
		Self::Collude(10),
		Self::Collude(33),
	];

	/// In words.
	pub fn name(&self) -> String {
		match self {
			Self::Honest => "honest".into(),
			Self::Split(parts) => format!("split into {parts}"),
			Self::SplitWhale(parts) => format!("split much stake into {parts}"),
			Self::Wash { volume, share } => format!("wash {volume} IO, share {share} %"),
			Self::WashForSeat { volume } => format!("buy a seat by washing {volume} IO"),
			Self::CertifyThenIdle => "certify, take no jobs".into(),
			Self::CertifyThenTimeOut => "certify, let jobs time out".into(),
			Self::LazyProof(skipped) => format!("skip {skipped} % of a proof"),
			Self::Lie => "invent results".into(),
			Self::Collude(share) => format!("collude with {share} % of the power"),
		}
	}

	/// Whether stake and fees alone must make it a loss. Who owns most of a quorum by chance can cheat on that job: against
	/// that stand the lot, larger quorums, and proofs.
	pub fn is_deterred(&self) -> bool {
		!matches!(self, Self::Honest | Self::Collude(_))
	}

	fn identities(&self) -> u64 {
		match self {
			Self::Split(parts) | Self::SplitWhale(parts) => *parts,
			Self::Collude(_) => 4,
			_ => 1,
		}
	}

	/// Devices of the party, in those of one honest operator.
	fn devices(&self) -> u64 {
		match self {
			Self::Collude(share) => OPERATORS * u64::from(*share) / (100 - u64::from(*share)),
			_ => 1,
		}
	}

	fn delegated(&self) -> Balance {
		match self {
			Self::WashForSeat { .. } => WEAK,
			Self::SplitWhale(_) => 2 * (DELEGATED.0 + DELEGATED.1),
			_ => (DELEGATED.0 + DELEGATED.1) / 2,
		}
	}
}

/// Numbers that a study may change.
#[derive(Clone, Copy)]
pub struct Rules {
	/// Of the mint.
	pub economics: Economics,
	/// Of the election.
	pub election: ElectionTerms,
	/// Part of the bond that a wrong result costs.
	pub disagreed_slash: sp_runtime::Permill,
	/// Part of a slash that the operator pays alone.
	pub first_loss: Perbill,
}

impl Default for Rules {
	fn default() -> Self {
		Self {
			economics: Economics::DEFAULT,
			election: ElectionTerms::DEFAULT,
			disagreed_slash: p::DISAGREED_SLASH,
			first_loss: p::FIRST_LOSS,
		}
	}
}

#[derive(Clone, Copy)]
struct Operator {
	who: AccountId,
	power: u128,
	ours: bool,
}

/// One run.
struct Market {
	strategy: Strategy,
	rules: Rules,
	operators: Vec<Operator>,
	jobs: StdRng,
	party: StdRng,
	delegators: StdRng,
	/// What the party has spent on running devices.
	costs: Balance,
	/// What requesters owe for the jobs of this era.
	bills: BTreeMap<(AccountId, AccountId), Balance>,
	/// Their fees that are burnt.
	burns: BTreeMap<AccountId, Balance>,
	/// Burnt fees for the work of each operator.
	settled: BTreeMap<AccountId, Balance>,
}

/// Independent streams of a seed: what one part draws does not shift what others draw.
fn stream(seed: u64, label: u64) -> StdRng {
	StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(label))
}

/// Knuth's algorithm (The Art of Computer Programming, 3.4.1), for small means.
fn poisson(rng: &mut StdRng, mean: f64) -> u32 {
	// In steps, so that `exp` does not vanish.
	let mut left = mean;
	let mut count = 0;
	while left > 0.0 {
		let limit = (-left.min(30.0)).exp();
		let mut product: f64 = rng.random();
		while product > limit {
			count += 1;
			product *= rng.random::<f64>();
		}
		left -= 30.0;
	}
	count
}

fn part(share: Perbill, rng: &mut StdRng) -> bool {
	rng.random_range(0..1_000_000_000) < share.deconstruct()
}

/// Profit of the party in coins an era, and that of honest work with the same means.
pub fn compare(strategy: Strategy, rules: Rules, seed: u64, eras: u32) -> (f64, f64) {
	let honest = Market::run(strategy, false, rules, seed, eras);
	(Market::run(strategy, true, rules, seed, eras), honest)
}

/// What a strategy earns beside honest work with the same means.
#[derive(Clone, Debug)]
pub struct Row {
	/// Which.
	pub strategy: Strategy,
	/// Coins an era by the strategy.
	pub profit: Estimate,
	/// Coins an era by honest work.
	pub honest: Estimate,
	/// The difference, seed by seed.
	pub gain: Estimate,
}

impl Row {
	/// Runs all seeds.
	pub fn of(strategy: Strategy, rules: Rules, seeds: u64, eras: u32) -> Self {
		let (profits, honest): (Vec<_>, Vec<_>) =
			(0..seeds).map(|seed| compare(strategy, rules, seed, eras)).unzip();
		let gains: Vec<_> = profits.iter().zip(&honest).map(|(a, b)| a - b).collect();
		Self {
			strategy,
			profit: Estimate::of(&profits),
			honest: Estimate::of(&honest),
			gain: Estimate::of(&gains),
		}
	}

	/// Whether it is below honest work with 95 % confidence.
	pub fn is_below(&self) -> bool {
		self.gain.upper() < 0.0
	}
}

impl Market {
	/// Runs a market and returns the party's profit, in coins an era. An honest party has the means of the strategy but one
	/// name.
	fn run(strategy: Strategy, cheats: bool, rules: Rules, seed: u64, eras: u32) -> f64 {
		chain::Mint::set(rules.economics);
		chain::Election::set(rules.election);
		chain::FirstLoss::set(rules.first_loss);
		let names = match strategy {
			// Here the names are the means.
			Strategy::Collude(_) => strategy.identities(),
			_ if cheats => strategy.identities(),
			_ => 1,
		};
		let devices = strategy.devices();
		let power = POWER * u128::from(devices) / u128::from(names);
		let stake = STAKE * Balance::from(devices) / Balance::from(names);
		let mut rng = stream(seed, 1);
		let mut pools: Vec<(AccountId, Balance, Balance)> = (0..names)
			.map(|name| (PARTY + name, stake, strategy.delegated() / Balance::from(names)))
			.collect();
		pools.extend(
			(0..OPERATORS)
				.map(|index| (HONEST + index, STAKE, rng.random_range(DELEGATED.0..=DELEGATED.1))),
		);
		let operators = pools
			.iter()
			.map(|(who, ..)| {
				let ours = *who < HONEST;
				Operator { who: *who, power: if ours { power } else { POWER }, ours }
			})
			.collect();
		let purse = 100_000 * IO;
		let mut balances = vec![(chain::TREASURY, IO), (OWN_REQUESTER, purse * 10)];
		for (who, stake, delegated) in &pools {
			balances.push((*who, stake + purse));
			balances.push((who + DELEGATOR, delegated * 11 / 10));
		}
		let given: Balance = balances.iter().map(|(_, balance)| balance).sum();
		balances.push((REQUESTERS, SUPPLY - given));
		let genesis: Vec<_> =
			pools.iter().map(|(who, stake, _)| Genesis { who: *who, stake: *stake }).collect();

		let mut market = Self {
			strategy: if cheats { strategy } else { Strategy::Honest },
			rules,
			operators,
			jobs: stream(seed, 2),
			party: stream(seed, 3),
			delegators: stream(seed, 4),
			costs: 0,
			bills: BTreeMap::new(),
			burns: BTreeMap::new(),
			settled: BTreeMap::new(),
		};
		chain::new_chain(&genesis, balances).execute_with(|| {
			for (who, _, delegated) in &pools {
				IoStaking::set_commission(chain::signed(*who), Perbill::from_percent(1))
					.expect("it rises by a point");
				IoStaking::delegate(chain::signed(who + DELEGATOR), *who, *delegated)
					.expect("it has the coins");
			}
			// The first elections, and commissions to their level.
			for percent in 2..=10 {
				chain::run_era();
				for (who, ..) in &pools {
					let commission = Perbill::from_percent(percent).min(COMMISSION);
					IoStaking::set_commission(chain::signed(*who), commission)
						.expect("it rises by a point an era");
				}
			}
			chain::run_era();
			let before = market.wealth();
			for _ in 0..eras {
				market.era();
			}
			(market.wealth() as f64 - market.costs as f64 - before as f64)
				/ IO as f64 / f64::from(eras)
		})
	}

	/// What the party owns.
	fn wealth(&self) -> Balance {
		let names = self.operators.iter().filter(|operator| operator.ours);
		names.map(|operator| chain::wealth(operator.who)).sum::<Balance>()
			+ chain::wealth(OWN_REQUESTER)
	}

	fn era(&mut self) {
		self.windows();
		self.run_jobs();
		self.wash();
		self.settle();
		let last = chain::current_era() - 1;
		for operator in &self.operators {
			// Many have nothing to claim.
			let _ = IoStaking::claim(chain::signed(REQUESTERS), last, operator.who);
		}
		self.move_delegations();
		chain::run_era();
		let seats = Session::validators().into_iter().filter(|who| *who < HONEST).count();
		self.costs += NODE_ERA * seats as Balance;
	}

	fn spend(&mut self, operator: Operator, cost: Balance) {
		if operator.ours {
			self.costs += cost;
		}
	}

	fn windows(&mut self) {
		for operator in self.operators.clone() {
			let running = DEVICE_ERA * operator.power / POWER
				* p::WINDOW_SECONDS
				* Balance::from(p::WINDOWS_PER_ERA)
				/ (u128::from(p::ERA_MILLIS) / 1_000);
			self.spend(operator, running);
			let skipped = match self.strategy {
				Strategy::LazyProof(percent) if operator.ours => u128::from(percent),
				_ => 0,
			};
			// With the same device, as much more as is skipped.
			let claimed = operator.power * 100 / (100 - skipped);
			let caught = 1.0 - (1.0 - skipped as f64 / 100.0).powi(p::OPENINGS);
			let mut proven = 0;
			for _ in 0..p::WINDOWS_PER_ERA {
				let audited = part(p::AUDIT_RATE, &mut self.party);
				if audited && self.party.random::<f64>() < caught {
					// A multiplication is two operations; a round takes a second.
					let bond = claimed / 2 * p::BOND_PER_WORK / p::BOND_WORK;
					chain::slash(operator.who, bond, None);
					break;
				}
				proven += claimed * p::WINDOW_SECONDS;
			}
			chain::certified(operator.who, proven);
		}
	}

	/// Draws operators for the replicas of a job, each at most once, by their power.
	fn draw(&mut self, count: usize, excluded: &[AccountId]) -> Vec<Operator> {
		let idle = self.strategy == Strategy::CertifyThenIdle;
		let mut left: Vec<_> = self
			.operators
			.iter()
			.filter(|operator| !(excluded.contains(&operator.who) || idle && operator.ours))
			.copied()
			.collect();
		let mut drawn = Vec::new();
		while drawn.len() < count {
			let all: u128 = left.iter().map(|operator| operator.power).sum();
			let mut lot = self.jobs.random_range(0..all);
			let winner = left
				.iter()
				.position(|operator| match lot.checked_sub(operator.power) {
					Some(rest) => {
						lot = rest;
						false
					},
					None => true,
				})
				.expect("the lot is below the sum");
			drawn.push(left.swap_remove(winner));
		}
		drawn
	}

	fn run_jobs(&mut self) {
		let power: u128 = self.operators.iter().map(|operator| operator.power).sum();
		let mean = JOBS_PER_OPERATOR * (power / POWER) as f64;
		for _ in 0..poisson(&mut self.jobs, mean) {
			self.run_job();
		}
	}

	fn run_job(&mut self) {
		let bond = PRICE * p::BOND_FACTOR;
		let mut seats = self.draw(p::REPLICAS, &[]);
		if self.strategy == Strategy::CertifyThenTimeOut {
			for index in 0..seats.len() {
				if seats[index].ours {
					let harmed = Some((REQUESTERS, PRICE));
					chain::slash(seats[index].who, p::LATE_SLASH * bond, harmed);
					let taken: Vec<_> = seats.iter().map(|seat| seat.who).collect();
					seats[index] = self.draw(1, &taken)[0];
				}
			}
		}
		let ours = seats.iter().filter(|seat| seat.ours).count();
		let invents = match self.strategy {
			Strategy::Lie => true,
			// Assignments are public, so it knows.
			Strategy::Collude(_) => ours >= p::QUORUM,
			_ => false,
		};
		let wrong_wins = invents && ours >= p::QUORUM;
		let mut paid = Vec::new();
		for seat in seats {
			let wrong = invents && seat.ours;
			if !wrong {
				self.spend(seat, COST);
			}
			if wrong == wrong_wins {
				paid.push(seat.who);
			} else {
				let slash = self.rules.disagreed_slash * bond;
				chain::slash(seat.who, slash, Some((REQUESTERS, PRICE)));
			}
		}
		self.pay(REQUESTERS, &paid, PRICE);
	}

	/// Notes what is paid for a job that is settled, with the fee.
	fn pay(&mut self, requester: AccountId, operators: &[AccountId], price: Balance) {
		let paid = price * operators.len() as Balance;
		let fee = p::FEE_RATE * paid;
		let burnt = p::FEE_BURN_SHARE * fee;
		let authors = p::FEE_AUTHOR_SHARE * fee;
		for who in operators {
			*self.bills.entry((requester, *who)).or_default() += price;
			let share = p::FEE_BURN_SHARE * (p::FEE_RATE * price);
			*self.settled.entry(*who).or_default() += share;
		}
		let validators = Session::validators();
		let author = validators[self.jobs.random_range(0..validators.len())];
		*self.bills.entry((requester, author)).or_default() += authors;
		*self.bills.entry((requester, chain::TREASURY)).or_default() += fee - burnt - authors;
		*self.burns.entry(requester).or_default() += burnt;
	}

	/// Pays what was noted: one transfer for many jobs, as they are what takes the time.
	fn settle(&mut self) {
		for ((from, to), value) in std::mem::take(&mut self.bills) {
			assert!(chain::pay(from, to, value), "requesters have enough");
		}
		for (from, value) in std::mem::take(&mut self.burns) {
			chain::burn(from, value);
		}
		for (operator, burnt) in std::mem::take(&mut self.settled) {
			chain::settled(operator, burnt);
		}
	}

	fn wash(&mut self) {
		let (volume, share) = match self.strategy {
			Strategy::Wash { volume, share } => (volume, share),
			Strategy::WashForSeat { volume } => (volume, 100),
			_ => return,
		};
		// Ten jobs of one replica. To run them costs nothing.
		let price = Balance::from(volume) * IO / 10;
		for _ in 0..10 {
			let own = self.party.random_range(0..100) < share;
			let winner = self.operators.iter().find(|operator| operator.ours == own);
			let winner = winner.expect("there are both").who;
			self.pay(OWN_REQUESTER, &[winner], price);
			if own {
				// Back to the purse that it came from.
				*self.bills.entry((winner, OWN_REQUESTER)).or_default() += price;
			}
		}
	}

	/// Delegators come and go.
	fn move_delegations(&mut self) {
		for operator in self.operators.clone() {
			if !part(Perbill::from_percent(5), &mut self.delegators) {
				continue;
			}
			let origin = chain::signed(operator.who + DELEGATOR);
			let value = Balance::from(self.delegators.random_range(1_000..20_000u32)) * IO;
			// What cannot be is left.
			let _ = IoStaking::withdraw(origin.clone(), operator.who);
			if self.delegators.random() {
				let _ = IoStaking::delegate(origin, operator.who, value);
			} else {
				let _ = IoStaking::unbond(origin, operator.who, value);
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_runtime::Permill;

	#[test]
	fn should_give_the_same_when_the_seed_is_the_same() {
		let once = compare(Strategy::Lie, Rules::default(), 7, 3);
		assert_eq!(once, compare(Strategy::Lie, Rules::default(), 7, 3));
		assert_ne!(once, compare(Strategy::Lie, Rules::default(), 8, 3));
	}

	#[test]
	fn should_find_that_lying_pays_when_it_costs_nothing() {
		let free = Rules { disagreed_slash: Permill::zero(), ..Rules::default() };
		let paid = |rules| Row::of(Strategy::Lie, rules, 3, 6).gain.mean;
		assert!(paid(free) > paid(Rules::default()) + 1.0);
	}

	#[test]
	fn should_find_that_a_seat_is_for_sale_when_burnt_fees_count_a_hundred_times_as_much() {
		let mut cheap = Rules::default();
		cheap.election.work_per_burnt *= 100;
		let gain = |rules| Row::of(Strategy::WashForSeat { volume: 100 }, rules, 2, 12).gain.mean;
		assert!(gain(cheap) > 0.0 && gain(Rules::default()) < 0.0);
	}

	#[test]
	fn should_find_that_to_claim_five_times_ones_power_pays_when_all_share_slashes_alike() {
		let alike = Rules { first_loss: Perbill::zero(), ..Rules::default() };
		let gain = |rules| Row::of(Strategy::LazyProof(80), rules, 3, 20).gain.mean;
		assert!(gain(alike) > 0.0 && gain(Rules::default()) < 0.0);
	}

	/// With the numbers of a new chain. What owning a quorum by chance earns is in the README.
	#[test]
	fn should_earn_less_than_honest_work_by_every_strategy_that_must_not_pay() {
		for strategy in Strategy::ALL.into_iter().filter(Strategy::is_deterred) {
			let row = Row::of(strategy, Rules::default(), 4, 20);
			assert!(row.is_below(), "{}: {:?}", strategy.name(), row.gain);
		}
	}

	#[test]
	fn should_find_honest_work_as_good_as_itself() {
		let row = Row::of(Strategy::Honest, Rules::default(), 2, 2);
		assert_eq!((row.gain.mean, row.gain.error), (0.0, 0.0));
	}

	#[test]
	fn should_draw_poisson_numbers_with_their_mean_and_variance() {
		let mut rng = stream(1, 1);
		let drawn: Vec<_> = (0..4_000).map(|_| f64::from(poisson(&mut rng, 200.0))).collect();
		let mean = drawn.iter().sum::<f64>() / 4_000.0;
		let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4_000.0;
		assert!((mean - 200.0).abs() < 1.5 && (variance - 200.0).abs() < 20.0, "{mean} {variance}");
	}
}
