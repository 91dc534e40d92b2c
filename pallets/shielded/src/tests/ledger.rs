//! Coins, their numbers, and when they may be in rings.

use frame_support::assert_ok;
use io_shielded::Coin;

use crate::{mock::*, wallet::*, *};

fn coins(start: u64, count: u32) -> Vec<Coin> {
	IoShielded::coins(start, count)
}

#[test]
fn should_number_coins_in_the_order_in_which_they_were_made() {
	execute(|| {
		let made: Vec<_> = (0..150).map(|n| shield(&ALICE, n + 1).coin()).collect();
		assert_eq!(coins(0, 150), made);
		assert_eq!(coins(60, 10), made[60..70]);
		assert_eq!(coins(64, 64), made[64..128]);
		assert_eq!(coins(127, 2), made[127..129]);
		assert_eq!(coins(140, 100), made[140..]);
		assert_eq!(coins(150, 1), []);
		assert_eq!(coins(u64::MAX, u32::MAX), []);
		assert_eq!(Chunks::<Runtime>::get(2).len(), 22);
	});
}

#[test]
fn should_let_coins_mature_ten_blocks_after_they_were_made() {
	execute(|| {
		run_to(5);
		shield(&ALICE, 1);
		shield(&ALICE, 1);
		assert_eq!(IoShielded::matured(), 0);
		run_to(6);
		shield(&ALICE, 1);
		run_to(14);
		assert_eq!(IoShielded::matured(), 0);
		run_to(15);
		assert_eq!(IoShielded::matured(), 2);
		run_to(16);
		assert_eq!(IoShielded::matured(), 3);
		run_to(1_000);
		assert_eq!(IoShielded::matured(), 3);
	});
}

#[test]
fn should_remember_no_more_blocks_than_decide_what_is_mature() {
	execute(|| {
		for _ in 0..40 {
			shield(&ALICE, 1);
			run_blocks(1);
			assert!(History::<Runtime>::get().len() as u32 <= MATURITY + 1);
			let old = u64::from(now().saturating_sub(MATURITY));
			assert_eq!(IoShielded::matured(), old);
			IoShielded::do_try_state().unwrap();
		}
	});
}

#[test]
fn should_spend_every_coin_of_a_pool_with_several_windows() {
	execute(|| {
		let held = matured_coins(30);
		for coin in &held {
			let (bundle, _) = Plan::spend(std::slice::from_ref(coin)).relayed_by(&ALICE, 0).make();
			assert_ok!(relay(&ALICE, &bundle));
		}
		assert_eq!(Tags::<Runtime>::iter().count(), 30);
	});
}
