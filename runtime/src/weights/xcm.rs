//! What the instructions of messages weigh: measured, and multiplied by the assets that they move.
//!
//! What this chain never executes weighs more than any block, so that a message with it is refused before it costs anything.

use crate::{
	configs::xcm::MaxAssetsIntoHolding,
	weights::{
		pallet_xcm_benchmarks_fungible::WeightInfo as Fungible,
		pallet_xcm_benchmarks_generic::WeightInfo as Generic,
	},
	Runtime,
};
use alloc::vec::Vec;
use core::marker::PhantomData;
use frame_support::{weights::Weight, BoundedVec};
use xcm::{
	latest::{prelude::*, AssetTransferFilter},
	DoubleEncoded,
};

/// Weights of instructions.
pub struct XcmWeight<Call>(PhantomData<Call>);

/// How often the weight of one asset counts.
trait Count {
	fn count(&self) -> u64;
}

impl Count for Assets {
	fn count(&self) -> u64 {
		self.len() as u64
	}
}

impl Count for AssetFilter {
	fn count(&self) -> u64 {
		let most = u64::from(MaxAssetsIntoHolding::get());
		match self {
			AssetFilter::Definite(assets) => assets.count(),
			AssetFilter::Wild(AllCounted(count) | AllOfCounted { count, .. }) => {
				u64::from(*count).min(most)
			},
			AssetFilter::Wild(All | AllOf { .. }) => most,
		}
	}
}

impl Count for AssetTransferFilter {
	fn count(&self) -> u64 {
		Count::count(self.inner())
	}
}

fn times(assets: &impl Count, weight: Weight) -> Weight {
	weight.saturating_mul(assets.count())
}

impl<Call> XcmWeightInfo<Call> for XcmWeight<Call> {
	fn withdraw_asset(assets: &Assets) -> Weight {
		times(assets, Fungible::<Runtime>::withdraw_asset())
	}

	fn reserve_asset_deposited(_: &Assets) -> Weight {
		// Nobody else is a reserve of an asset that we know.
		Weight::MAX
	}

	fn receive_teleported_asset(_: &Assets) -> Weight {
		// We teleport nothing.
		Weight::MAX
	}

	fn query_response(_: &u64, _: &Response, _: &Weight, _: &Option<Location>) -> Weight {
		Generic::<Runtime>::query_response()
	}

	fn transfer_asset(assets: &Assets, _: &Location) -> Weight {
		times(assets, Fungible::<Runtime>::transfer_asset())
	}

	fn transfer_reserve_asset(assets: &Assets, _: &Location, _: &Xcm<()>) -> Weight {
		times(assets, Fungible::<Runtime>::transfer_reserve_asset())
	}

	fn transact(_: &OriginKind, _: &Option<Weight>, _: &DoubleEncoded<Call>) -> Weight {
		Generic::<Runtime>::transact()
	}

	fn hrmp_new_channel_open_request(_: &u32, _: &u32, _: &u32) -> Weight {
		// Nothing is done with such notes of the relay chain.
		Generic::<Runtime>::clear_error()
	}

	fn hrmp_channel_accepted(_: &u32) -> Weight {
		// Nothing is done with such notes of the relay chain.
		Generic::<Runtime>::clear_error()
	}

	fn hrmp_channel_closing(_: &u32, _: &u32, _: &u32) -> Weight {
		// Nothing is done with such notes of the relay chain.
		Generic::<Runtime>::clear_error()
	}

	fn clear_origin() -> Weight {
		Generic::<Runtime>::clear_origin()
	}

	fn descend_origin(_: &InteriorLocation) -> Weight {
		Generic::<Runtime>::descend_origin()
	}

	fn report_error(_: &QueryResponseInfo) -> Weight {
		Generic::<Runtime>::report_error()
	}

	fn deposit_asset(assets: &AssetFilter, _: &Location) -> Weight {
		times(assets, Fungible::<Runtime>::deposit_asset())
	}

	fn deposit_reserve_asset(assets: &AssetFilter, _: &Location, _: &Xcm<()>) -> Weight {
		times(assets, Fungible::<Runtime>::deposit_reserve_asset())
	}

	fn exchange_asset(_: &AssetFilter, _: &Assets, _: &bool) -> Weight {
		Weight::MAX
	}

	fn initiate_reserve_withdraw(assets: &AssetFilter, _: &Location, _: &Xcm<()>) -> Weight {
		times(assets, Fungible::<Runtime>::initiate_reserve_withdraw())
	}

	fn initiate_teleport(assets: &AssetFilter, _: &Location, _: &Xcm<()>) -> Weight {
		times(assets, Fungible::<Runtime>::initiate_teleport())
	}

	fn report_holding(_: &QueryResponseInfo, _: &AssetFilter) -> Weight {
		Generic::<Runtime>::report_holding()
	}

	fn buy_execution(_: &Asset, _: &WeightLimit) -> Weight {
		Generic::<Runtime>::buy_execution()
	}

	fn pay_fees(_: &Asset) -> Weight {
		Generic::<Runtime>::pay_fees()
	}

	fn refund_surplus() -> Weight {
		Generic::<Runtime>::refund_surplus()
	}

	fn set_error_handler(_: &Xcm<Call>) -> Weight {
		Generic::<Runtime>::set_error_handler()
	}

	fn set_appendix(_: &Xcm<Call>) -> Weight {
		Generic::<Runtime>::set_appendix()
	}

	fn clear_error() -> Weight {
		Generic::<Runtime>::clear_error()
	}

	fn set_hints(hints: &BoundedVec<Hint, HintNumVariants>) -> Weight {
		Generic::<Runtime>::asset_claimer().saturating_mul(hints.len() as u64)
	}

	fn claim_asset(_: &Assets, _: &Location) -> Weight {
		Generic::<Runtime>::claim_asset()
	}

	fn trap(_: &u64) -> Weight {
		Generic::<Runtime>::trap()
	}

	fn subscribe_version(_: &QueryId, _: &Weight) -> Weight {
		Generic::<Runtime>::subscribe_version()
	}

	fn unsubscribe_version() -> Weight {
		Generic::<Runtime>::unsubscribe_version()
	}

	fn burn_asset(assets: &Assets) -> Weight {
		times(assets, Generic::<Runtime>::burn_asset())
	}

	fn expect_asset(assets: &Assets) -> Weight {
		times(assets, Generic::<Runtime>::expect_asset())
	}

	fn expect_origin(_: &Option<Location>) -> Weight {
		Generic::<Runtime>::expect_origin()
	}

	fn expect_error(_: &Option<(u32, XcmError)>) -> Weight {
		Generic::<Runtime>::expect_error()
	}

	fn expect_transact_status(_: &MaybeErrorCode) -> Weight {
		Generic::<Runtime>::expect_transact_status()
	}

	fn query_pallet(_: &Vec<u8>, _: &QueryResponseInfo) -> Weight {
		Generic::<Runtime>::query_pallet()
	}

	fn expect_pallet(_: &u32, _: &Vec<u8>, _: &Vec<u8>, _: &u32, _: &u32) -> Weight {
		Generic::<Runtime>::expect_pallet()
	}

	fn report_transact_status(_: &QueryResponseInfo) -> Weight {
		Generic::<Runtime>::report_transact_status()
	}

	fn clear_transact_status() -> Weight {
		Generic::<Runtime>::clear_transact_status()
	}

	fn universal_origin(_: &Junction) -> Weight {
		Weight::MAX
	}

	fn export_message(_: &NetworkId, _: &Junctions, _: &Xcm<()>) -> Weight {
		Weight::MAX
	}

	fn lock_asset(_: &Asset, _: &Location) -> Weight {
		Weight::MAX
	}

	fn unlock_asset(_: &Asset, _: &Location) -> Weight {
		Weight::MAX
	}

	fn note_unlockable(_: &Asset, _: &Location) -> Weight {
		Weight::MAX
	}

	fn request_unlock(_: &Asset, _: &Location) -> Weight {
		Weight::MAX
	}

	fn set_fees_mode(_: &bool) -> Weight {
		Generic::<Runtime>::set_fees_mode()
	}

	fn set_topic(_: &[u8; 32]) -> Weight {
		Generic::<Runtime>::set_topic()
	}

	fn clear_topic() -> Weight {
		Generic::<Runtime>::clear_topic()
	}

	fn alias_origin(_: &Location) -> Weight {
		Generic::<Runtime>::alias_origin()
	}

	fn unpaid_execution(_: &WeightLimit, _: &Option<Location>) -> Weight {
		Generic::<Runtime>::unpaid_execution()
	}

	fn initiate_transfer(
		_: &Location,
		remote_fees: &Option<AssetTransferFilter>,
		_: &bool,
		assets: &BoundedVec<AssetTransferFilter, MaxAssetTransferFilters>,
		_: &Xcm<()>,
	) -> Weight {
		let fees = remote_fees.iter().map(Count::count);
		let count = assets.iter().map(Count::count).chain(fees).fold(0, u64::saturating_add);
		Fungible::<Runtime>::initiate_transfer().saturating_mul(count.max(1))
	}

	fn execute_with_origin(_: &Option<InteriorLocation>, _: &Xcm<Call>) -> Weight {
		Generic::<Runtime>::execute_with_origin()
	}
}
