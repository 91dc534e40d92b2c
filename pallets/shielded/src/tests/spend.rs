//! `spend`, when all is well.

use frame_support::assert_ok;
use io_shielded::Target;

use crate::{mock::*, wallet::*, *};

#[docify::export]
#[test]
fn should_hide_who_pays_whom_when_a_bundle_is_spent() {
	execute(|| {
		let coins = matured_coins(12);
		let before = supply();
		// 400 for somebody, the rest minus the fee for oneself: on the chain both outputs look the same.
		let (bundle, made) = Plan::spend(&coins[3..4]).outputs([400]).make();
		let fee = bundle.fee;
		assert_ok!(send(&bundle));
		assert_eq!(supply(), before - Balance::from(fee) * UNIT);

		// A later bundle spends what was received.
		run_blocks(MATURITY);
		let (bundle, _) = Plan::spend(&made[..1]).outputs([0]).fee(300).make();
		assert_eq!(send(&bundle), invalid(Error::FeeTooLow));
		let (bundle, _) = Plan::spend(&made[1..]).outputs([10, 20, 30]).make();
		assert_ok!(send(&bundle));
	});
}

#[test]
fn should_tell_nothing_but_tags_outputs_fee_and_target_when_a_bundle_is_spent() {
	execute(|| {
		let coins = matured_coins(4);
		let target = Target::Account { id: NOBODY.into(), amount: 77 };
		let (bundle, _) = Plan::spend(&coins[..1]).to(target).make();
		System::reset_events();
		assert_ok!(send(&bundle));
		assert_eq!(
			events(),
			[Event::Spent {
				tags: vec![bundle.inputs[0].tag],
				first: 4,
				outputs: bundle.outputs.to_vec(),
				fee: Balance::from(bundle.fee) * UNIT,
				target,
			}]
		);
	});
}

#[test]
fn should_pay_an_account_in_the_open_when_it_is_the_target() {
	execute(|| {
		let coins = matured_coins(4);
		for (who, had) in [(BOB, FUNDS), (NOBODY, 0)] {
			let before = supply();
			let target = Target::Account { id: who.clone().into(), amount: 500 };
			let coin = if had > 0 { &coins[..1] } else { &coins[1..2] };
			let (bundle, _) = Plan::spend(coin).to(target).make();
			assert_ok!(send(&bundle));
			assert_eq!(free(&who), had + 500 * UNIT);
			assert_eq!(supply(), before - Balance::from(bundle.fee + 500) * UNIT);
		}
	});
}

#[test]
fn should_split_the_fee_to_the_last_unit_when_a_bundle_is_spent() {
	execute(|| {
		let coins = matured_coins(4);
		let issuance = Balances::total_issuance();
		let (bundle, _) = Plan::spend(&coins[..1]).fee(11_000).make();
		assert_ok!(send(&bundle));
		let got = [TREASURY, AUTHOR].map(|who| free(&who) - FUNDS);
		assert_eq!(got, [5_500 * UNIT; 2]);
		assert_eq!(Balances::total_issuance(), issuance);
	});
}

#[test]
fn should_spend_one_two_and_four_coins_into_two_and_four_outputs() {
	for inputs in [1, 2, 4] {
		for outputs in [2, 4] {
			execute(|| {
				let coins = matured_coins(8);
				let amounts = (1..outputs).collect::<Vec<u64>>();
				let (bundle, made) = Plan::spend(&coins[..inputs]).outputs(amounts).make();
				assert_ok!(send(&bundle));
				assert_eq!(Count::<Runtime>::get(), 8 + outputs);
				assert_eq!(made.len() as u64, outputs);
				assert_eq!(Tags::<Runtime>::iter().count(), inputs);
			});
		}
	}
}

#[test]
fn should_spend_coins_of_two_windows_in_one_bundle() {
	execute(|| {
		let coins = matured_coins(32);
		let (bundle, _) = Plan::spend(&[coins[1].clone(), coins[30].clone()]).make();
		assert_eq!(Shape::of(&bundle).windows, 2);
		assert_ok!(send(&bundle));
	});
}

#[test]
fn should_weigh_more_when_a_bundle_has_more_of_anything() {
	let shape = |inputs, windows, outputs| Shape { inputs, windows, outputs };
	let weigh = |shape| IoShielded::spend_weight(shape, None);
	let least = weigh(shape(1, 1, 2));
	for more in [shape(2, 1, 2), shape(1, 2, 2), shape(1, 1, 4)] {
		assert!(weigh(more).ref_time() > least.ref_time());
	}
	let job = spec();
	let with_job = IoShielded::spend_weight(shape(1, 1, 2), Some(&job));
	assert!(with_job.ref_time() > least.ref_time());
}
