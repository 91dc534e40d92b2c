//! What messages of other chains weigh.

use frame_support::{dispatch::DispatchClass, weights::Weight};
use io_runtime::{
	configs::{xcm::XcmConfig, RuntimeBlockWeights},
	constants::IO,
	RuntimeCall,
};
use xcm::latest::prelude::*;
use xcm_executor::traits::WeightBounds;

type Weigher = <XcmConfig as xcm_executor::Config>::Weigher;

fn weigh(message: Vec<Instruction<RuntimeCall>>) -> Option<Weight> {
	Weigher::weight(&mut Xcm(message), Weight::MAX).ok()
}

fn coins() -> Assets {
	(Location::here(), IO).into()
}

/// Coins that a sibling holds come home.
fn withdrawal() -> Vec<Instruction<RuntimeCall>> {
	vec![
		WithdrawAsset(coins()),
		BuyExecution { fees: (Location::here(), IO).into(), weight_limit: Unlimited },
		DepositAsset { assets: AllCounted(1).into(), beneficiary: [1; 32].into() },
	]
}

#[test]
fn should_weigh_what_each_instruction_weighs_when_a_message_is_weighed() {
	let whole = weigh(withdrawal()).unwrap();
	let parts = withdrawal().into_iter().map(|one| weigh(vec![one]).unwrap());
	assert_eq!(whole, parts.fold(Weight::zero(), Weight::saturating_add));
	let limits = RuntimeBlockWeights::get();
	let most = limits.get(DispatchClass::Normal).max_extrinsic.unwrap();
	assert!(whole.all_lt(most), "{whole:?} of {most:?}");
	assert!(whole.proof_size() > 0 && whole.ref_time() > 0);
}

#[test]
fn should_weigh_each_asset_when_a_message_names_many() {
	let filter = |count| AssetFilter::Wild(AllCounted(count));
	let deposit =
		|count| weigh(vec![DepositAsset { assets: filter(count), beneficiary: [1; 32].into() }]);
	assert_eq!(deposit(4).unwrap(), deposit(1).unwrap().saturating_mul(4));
	// No message holds more than eight, whatever it says.
	assert_eq!(deposit(u32::MAX), deposit(8));
}

#[test]
fn should_refuse_to_weigh_a_message_when_nobody_here_would_execute_it() {
	for never in [
		ReserveAssetDeposited(coins()),
		ReceiveTeleportedAsset(coins()),
		UniversalOrigin(GlobalConsensus(NetworkId::Kusama)),
		LockAsset { asset: (Location::here(), IO).into(), unlocker: Location::parent() },
	] {
		// It weighs as much as there can be, so no limit allows it.
		let weight = weigh(vec![never.clone()]);
		assert!(weight.is_none_or(|weight| weight == Weight::MAX), "{never:?}: {weight:?}");
	}
}
