//! Arithmetic of shares: rounding never favours the user.

use proptest::prelude::*;

use crate::pool::{mul_div, Division, Tranche};

/// A pool after rewards and slashes: shares and value are far apart.
fn tranche() -> impl Strategy<Value = Tranche> {
	let amount = prop_oneof![1..100u128, 1..1_000_000u128, 1..1u128 << 90];
	(amount.clone(), amount).prop_map(|(shares, value)| Tranche { shares, value })
}

/// Whether a share of `after` is worth at least one of `before`, without rounding.
fn not_cheaper(before: Tranche, after: Tranche) -> bool {
	use sp_core::U256;
	let cross = |a: u128, b: u128| U256::from(a) * U256::from(b);
	after.shares == 0 || cross(after.value, before.shares) >= cross(before.value, after.shares)
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

	#[test]
	fn should_not_lower_the_price_when_somebody_buys(pool in tranche(), value in 1..1u128 << 90) {
		let mut after = pool;
		if let Some(shares) = after.buy(value) {
			prop_assert!(not_cheaper(pool, after));
			prop_assert!(after.worth(shares) <= value);
			prop_assert!(after.worth(shares) + 1 >= value - value / 1_000);
			prop_assert_eq!(after.value, pool.value + value);
		} else {
			prop_assert_eq!(after, pool);
		}
	}

	#[test]
	fn should_not_lower_the_price_when_somebody_sells(
		pool in tranche(),
		value in 0..1u128 << 90,
		owned in 0..1u128 << 90,
	) {
		let owned = owned.min(pool.shares);
		let worth = pool.worth(owned);
		let mut after = pool;
		let (shares, got) = after.sell(value, owned);
		prop_assert!(shares <= owned);
		prop_assert!(got <= worth);
		prop_assert!(got == worth || got == value);
		prop_assert_eq!(after, Tranche { shares: pool.shares - shares, value: pool.value - got });
		prop_assert!(not_cheaper(pool, after));
		prop_assert!(after.shares > 0 || after.value == 0);
	}

	#[test]
	fn should_not_gain_when_somebody_buys_and_sells(
		pool in tranche(),
		value in 1..1u128 << 90,
		times in 1..20u32,
	) {
		let mut after = pool;
		let mut money = value;
		for _ in 0..times {
			let Some(shares) = after.buy(money) else { break };
			money = after.sell_all(shares);
			prop_assert!(money <= value);
		}
		prop_assert!(after.value >= pool.value);
		prop_assert_eq!(after.shares, pool.shares);
	}

	#[test]
	fn should_divide_to_the_unit(
		values in prop::collection::vec(0..1u128 << 100, 1..50),
		part in 0..=1_000u128,
	) {
		let whole: u128 = values.iter().sum();
		let amount = mul_div(whole, part, 1_000);
		let mut division = Division::new(amount, whole);
		let parts: Vec<_> = values.iter().map(|value| division.next(*value)).collect();
		prop_assert_eq!(parts.iter().sum::<u128>(), amount);
		for (part, value) in parts.iter().zip(&values) {
			prop_assert!(part <= value);
			// Each differs from its exact part by less than a unit for each value before it.
			let exact = mul_div(*value, amount, whole.max(1));
			prop_assert!(part.abs_diff(exact) <= values.len() as u128);
		}
	}
}

#[test]
fn should_take_no_money_when_a_share_is_worth_next_to_nothing() {
	let mut pool = Tranche { shares: 1_000_001, value: 1 };
	assert!(pool.is_emptied());
	assert_eq!(pool.buy(1_000), None);
	let mut pool = Tranche { shares: 1_000_000, value: 1 };
	assert_eq!(pool.buy(1_000), Some(1_000_000_000));
}

#[test]
fn should_take_no_money_when_a_share_costs_too_much_for_it() {
	// One share for 1,000: whoever pays 1,999 for one would lose 999.
	let mut pool = Tranche { shares: 10, value: 10_000 };
	assert_eq!(pool.buy(1_999), None);
	assert_eq!(pool.buy(999), None);
	assert_eq!(pool.buy(2_000), Some(2));
}

#[test]
fn should_leave_nothing_behind_when_the_last_holder_sells() {
	let mut pool = Tranche { shares: 3, value: 10 };
	assert_eq!(pool.sell_all(1), 3);
	assert_eq!(pool.sell(6, 2), (2, 7));
	assert_eq!(pool, Tranche::default());
}
