//! What wallets and dApps read.

use io_primitives::shielded::PoolStatus;

use crate::{mock::*, *};

#[test]
fn should_tell_how_the_pool_stands() {
	execute(|| {
		matured_coins(3);
		shield(&ALICE, 4);
		assert_eq!(
			IoShielded::status(),
			PoolStatus {
				para: PARA_ID,
				pallet: 2,
				ring_digits: 2,
				coins: 4,
				matured: 3,
				supply: supply(),
				pool_cap: TERMS.pool_cap,
				max_shield: TERMS.max_shield,
				outflow_left: supply().min(TERMS.max_outflow_per_day),
				stamp_bits: TERMS.stamp_bits,
				unsigned_spends: true,
				pause: None,
			}
		);
	});
}

#[test]
fn should_ask_for_round_fees_that_depend_on_the_shape_only() {
	execute(|| {
		for inputs in [1, 2, 4] {
			for outputs in [2, 4] {
				for windows in [1, 2] {
					let fee = IoShielded::minimum_fee(inputs, windows, outputs, None);
					assert!(fee > 0 && io_shielded::bundle::is_round_fee(fee));
				}
			}
		}
		let least = IoShielded::minimum_fee(1, 1, 2, None);
		assert!(IoShielded::minimum_fee(4, 2, 4, None) > least);
	});
}

#[test]
fn should_ask_for_the_highest_fee_when_a_fee_is_beyond_64_bits() {
	execute(|| {
		ByteFee::set(Balance::from(u64::MAX));
		assert_eq!(IoShielded::minimum_fee(1, 1, 2, None), u64::MAX);
	});
}

#[test]
fn should_give_no_more_coins_at_once_than_it_says() {
	execute(|| {
		matured_coins(3);
		assert_eq!(IoShielded::coins(0, u32::MAX).len(), 3);
	});
}
