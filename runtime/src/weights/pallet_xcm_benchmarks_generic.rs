//! Instructions of messages that move nothing. Not measured yet: each has the constant that every instruction had before, which is far above what
//! such an instruction takes. To be made by the benchmarks with `runtime/weights-xcm.hbs`.

#![allow(dead_code)]

use core::marker::PhantomData;
use frame_support::weights::Weight;

/// Weight functions.
pub struct WeightInfo<T>(PhantomData<T>);
impl<T: frame_system::Config> WeightInfo<T> {
	pub(crate) fn report_holding() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn buy_execution() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn pay_fees() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn asset_claimer() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn query_response() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn transact() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn refund_surplus() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn set_error_handler() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn set_appendix() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn clear_error() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn descend_origin() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn execute_with_origin() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn clear_origin() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn report_error() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn claim_asset() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn trap() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn subscribe_version() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn unsubscribe_version() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn burn_asset() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn expect_asset() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn expect_origin() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn expect_error() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn expect_transact_status() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn query_pallet() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn expect_pallet() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn report_transact_status() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn clear_transact_status() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn set_topic() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn clear_topic() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn set_fees_mode() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn unpaid_execution() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
	pub(crate) fn alias_origin() -> Weight {
		Weight::from_parts(1_000_000_000, 64 * 1024)
	}
}
