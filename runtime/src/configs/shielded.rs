//! Shielded transfers.

use crate::{
	configs::{attestation::ParaId, money::DealWithFees, parameters},
	constants::*,
	AccountId, Balance, Balances, BlockNumber, IoJobs, Runtime, RuntimeHoldReason,
	TransactionPayment,
};
use frame_support::{dispatch::DispatchInfo, parameter_types, weights::Weight, PalletId};
use frame_system::EnsureRoot;
use io_shielded::RingSize;
use sp_runtime::traits::Convert;

parameter_types! {
	/// Names the account that holds the pool's money.
	pub const ShieldedPalletId: PalletId = PalletId(*b"io/shild");
	/// Blocks in which the limit of a day's outflow drains.
	pub const OutflowDay: BlockNumber = DAYS;
	/// The longest pause of the pool: two weeks, in which a fault can be mended.
	pub const MaxShieldedPause: BlockNumber = 14 * DAYS;
}

/// What a signed transaction costs, as the fee extension would compute it.
pub struct TransactionFee;

impl Convert<(u32, Weight), Balance> for TransactionFee {
	fn convert((bytes, call_weight): (u32, Weight)) -> Balance {
		let info = DispatchInfo { call_weight, ..Default::default() };
		TransactionPayment::compute_fee(bytes, &info, 0)
	}
}

impl pallet_io_shielded::Config for Runtime {
	type AdminOrigin = EnsureRoot<AccountId>;
	type BlocksPerDay = OutflowDay;
	type Currency = Balances;
	type FeeHandler = DealWithFees;
	type Jobs = IoJobs;
	type MaxPause = MaxShieldedPause;
	type PalletId = ShieldedPalletId;
	type ParaId = ParaId;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Terms = parameters::ShieldedTerms;
	type TransactionFee = TransactionFee;
	type WeightInfo = crate::weights::pallet_io_shielded::WeightInfo<Runtime>;

	const RING: RingSize = RingSize::N1024;
}
