//! The pool's ledger under any sequence of calls.

use io_shielded::Target;
use proptest::prelude::*;

use crate::{mock::*, wallet::*, *};

#[derive(Clone, Debug)]
enum Step {
	Shield { units: u64 },
	Send { coin: usize, part: u64 },
	Exit { coin: usize, part: u64 },
	Relay { coin: usize, fee: u64 },
	Again,
	Wait { blocks: u32 },
}

fn step() -> impl Strategy<Value = Step> {
	prop_oneof![
		3 => (1..50_000u64).prop_map(|units| Step::Shield { units }),
		3 => (any::<usize>(), 0..100u64).prop_map(|(coin, part)| Step::Send { coin, part }),
		2 => (any::<usize>(), 1..100u64).prop_map(|(coin, part)| Step::Exit { coin, part }),
		2 => (any::<usize>(), 0..99u64).prop_map(|(coin, fee)| Step::Relay { coin, fee }),
		1 => Just(Step::Again),
		3 => (1..12u32).prop_map(|blocks| Step::Wait { blocks }),
	]
}

/// What the owners of the coins believe.
#[derive(Default)]
struct Model {
	coins: Vec<Held>,
	last: Option<Bundle>,
}

impl Model {
	/// Takes a mature coin that is worth more than a fee.
	fn take(&mut self, wish: usize) -> Option<Held> {
		let matured = IoShielded::matured();
		let usable: Vec<usize> = (0..self.coins.len())
			.filter(|at| self.coins[*at].index < matured && self.coins[*at].amount > 10_000)
			.collect();
		let at = *usable.get(wish % usable.len().max(1))?;
		Some(self.coins.remove(at))
	}

	fn run(&mut self, step: Step) {
		match step {
			Step::Shield { units } => self.coins.push(shield(&ALICE, units)),
			Step::Wait { blocks } => run_blocks(blocks),
			Step::Send { coin, part } => {
				let Some(coin) = self.take(coin) else { return };
				let fee = IoShielded::minimum_fee(1, 1, 2, None);
				let amount = (coin.amount - fee) * part / 100;
				let (bundle, made) = Plan::spend(&[coin]).outputs([amount]).make();
				send(&bundle).unwrap();
				self.note(bundle, made);
			},
			Step::Exit { coin, part } => {
				let Some(coin) = self.take(coin) else { return };
				let fee = IoShielded::minimum_fee(1, 1, 2, None);
				let amount = ((coin.amount - fee) * part / 100).max(1);
				let target = Target::Account { id: BOB.into(), amount };
				let (bundle, made) = Plan::spend(&[coin]).to(target).make();
				send(&bundle).unwrap();
				self.note(bundle, made);
			},
			Step::Relay { coin, fee } => {
				let Some(coin) = self.take(coin) else { return };
				let (bundle, made) = Plan::spend(&[coin]).relayed_by(&RELAYER, fee).make();
				relay(&RELAYER, &bundle).unwrap();
				self.note(bundle, made);
			},
			Step::Again => {
				let Some(bundle) = self.last.clone() else { return };
				assert!(send(&bundle).is_err());
				assert!(relay(&RELAYER, &bundle).is_err());
			},
		}
	}

	fn note(&mut self, bundle: Bundle, made: Vec<Held>) {
		self.last = Some(bundle);
		self.coins.extend(made);
	}
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 12, ..Default::default() })]

	#[test]
	fn should_hold_what_the_coins_are_worth_after_any_calls(
		steps in proptest::collection::vec(step(), 1..30),
	) {
		execute(|| {
			let issuance = Balances::total_issuance();
			let mut model = Model::default();
			for units in [20_000, 30_000, 40_000] {
				model.coins.push(shield(&ALICE, units));
			}
			mature();
			for step in steps {
				model.run(step);
				IoShielded::do_try_state().unwrap();
				let worth: u64 = model.coins.iter().map(|coin| coin.amount).sum();
				assert_eq!(supply(), Balance::from(worth) * UNIT);
				assert_eq!(Balances::total_issuance(), issuance);
			}
		});
	}

	#[test]
	fn should_never_pour_more_than_twice_the_limit_in_a_day(
		pours in proptest::collection::vec((0..30u32, 1..400u128), 1..200),
	) {
		const LIMIT: Balance = 1_000;
		const DAY: BlockNumber = 100;
		let mut bucket = Outflow::default();
		let mut now = 1;
		let mut poured: Vec<(BlockNumber, Balance)> = Vec::new();
		for (wait, amount) in pours {
			now += wait;
			if let Some(next) = bucket.poured(amount, now, LIMIT, DAY) {
				bucket = next;
				poured.push((now, amount));
			}
			let day: Balance = poured
				.iter()
				.filter(|(at, _)| at + DAY > now)
				.map(|(_, amount)| *amount)
				.sum();
			prop_assert!(day <= 2 * LIMIT);
			prop_assert!(bucket.level <= LIMIT);
		}
	}
}
