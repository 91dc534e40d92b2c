//! A job that is paid out of the pool.

use codec::Encode;
use frame_support::{assert_noop, assert_ok};
use io_primitives::JobSpec;
use io_shielded::Target;

use crate::{mock::*, wallet::*, *};

/// The least amount for a job of the tests: its cost and an existential deposit.
const LEAST: u64 = 73;

fn target(owner: &AccountId, spec: &JobSpec, amount: u64) -> Target {
	let spec = spec.using_encoded(sp_io::hashing::blake2_256);
	Target::Job { owner: owner.clone().into(), spec, amount }
}

fn send_with(bundle: &Bundle, job: Option<JobSpec>) -> Result<(), SendError> {
	apply(IoShielded::spend_call(bundle.clone(), job, stamp(bundle)))
}

fn paying(owner: &AccountId, amount: u64) -> Bundle {
	let coins = matured_coins(20);
	Plan::spend(&coins[..1]).to(target(owner, &spec(), amount)).job(spec()).make().0
}

#[test]
fn should_submit_a_job_for_an_owner_without_an_account_when_the_pool_pays() {
	execute(|| {
		let bundle = paying(&NOBODY, 100);
		let before = supply();
		let call = IoShielded::spend_call(bundle.clone(), Some(spec()), stamp(&bundle));
		assert_ok!(validate(call.clone()));
		assert_ok!(apply(call));
		assert_eq!(Submitted::get(), [(NOBODY, spec())]);
		// What the job does not cost is the owner's.
		assert_eq!(free(&NOBODY), 30 * UNIT);
		assert_eq!(supply(), before - Balance::from(100 + bundle.fee) * UNIT);
	});
}

#[test]
fn should_submit_a_job_when_a_relayed_bundle_pays() {
	execute(|| {
		let coins = matured_coins(20);
		let (bundle, _) = Plan::spend(&coins[..1])
			.to(target(&NOBODY, &spec(), 100))
			.relayed_by(&RELAYER, 20)
			.make();
		let origin = RuntimeOrigin::signed(RELAYER);
		assert_ok!(IoShielded::relay(origin, Box::new(bundle), Some(Box::new(spec()))));
		assert_eq!(Submitted::get(), [(NOBODY, spec())]);
	});
}

#[test]
fn should_cover_the_existential_deposit_to_the_unit_when_a_job_is_paid() {
	execute(|| {
		assert_eq!(IoShielded::job_amount(spec()), Ok(LEAST));
		let bundle = paying(&NOBODY, LEAST - 1);
		assert_eq!(send_with(&bundle, Some(spec())), invalid(Error::JobUnderpaid));
		let bundle = paying(&NOBODY, LEAST);
		assert_ok!(send_with(&bundle, Some(spec())));
		assert_eq!(free(&NOBODY), EXISTENTIAL_DEPOSIT);
	});
}

#[test]
fn should_refuse_a_bundle_when_its_job_is_missing_or_another_one() {
	execute(|| {
		let bundle = paying(&NOBODY, 100);
		let other = JobSpec { max_units: 2, ..spec() };
		assert_eq!(send_with(&bundle, None), invalid(Error::WrongJob));
		assert_eq!(send_with(&bundle, Some(other)), invalid(Error::WrongJob));
	});
}

#[test]
fn should_refuse_a_bundle_when_it_brings_a_job_and_pays_for_none() {
	execute(|| {
		let coins = matured_coins(20);
		let (bundle, _) = Plan::spend(&coins[..1]).job(spec()).make();
		assert_eq!(send_with(&bundle, Some(spec())), invalid(Error::WrongJob));
	});
}

#[test]
fn should_refuse_a_bundle_when_the_owner_of_its_job_was_changed() {
	execute(|| {
		let bundle = paying(&NOBODY, 100);
		let stolen = Bundle { target: target(&BOB, &spec(), 100), ..bundle };
		assert_eq!(send_with(&stolen, Some(spec())), failed(Error::BadRangeProof));
		assert_eq!(Submitted::get(), []);
	});
}

#[test]
fn should_refuse_a_bundle_when_its_job_breaks_a_rule_of_the_market() {
	execute(|| {
		let bundle = paying(&NOBODY, 100);
		JobCost::set(None);
		assert_eq!(send_with(&bundle, Some(spec())), invalid(Error::BadTarget));
	});
}

#[test]
fn should_refuse_a_bundle_when_the_market_does_not_take_its_job() {
	execute(|| {
		let bundle = paying(&NOBODY, 100);
		MarketFull::set(true);
		let call = IoShielded::spend_call(bundle.clone(), Some(spec()), stamp(&bundle));
		assert_eq!(validate(call.clone()).unwrap_err(), refused(Error::BadTarget));
		assert_eq!(apply(call.clone()), invalid(Error::BadTarget));
		// Even if it reached the dispatch, nothing would have happened.
		assert_noop!(dispatch_authorized(call), sp_runtime::DispatchError::Exhausted);
	});
}

#[test]
fn should_ask_for_a_higher_fee_when_a_bundle_brings_a_job() {
	execute(|| {
		let without = IoShielded::minimum_fee(1, 1, 2, None);
		assert!(IoShielded::minimum_fee(1, 1, 2, Some(spec())) > without);
	});
}
