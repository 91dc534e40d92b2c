//! Balances and fees.

use crate::{
	configs::TreasuryAccount, constants::*, weights, AccountId, Authorship, Balance, Balances,
	Runtime, RuntimeEvent, RuntimeFreezeReason, RuntimeHoldReason, System,
};
use frame_support::{
	parameter_types,
	traits::{
		fungible::{Balanced, Credit},
		ConstU32, ConstU8, Imbalance, OnUnbalanced, VariantCountOf,
	},
	weights::{constants::ExtrinsicBaseWeight, ConstantMultiplier, Weight},
};
use polkadot_runtime_common::SlowAdjustingFeeUpdate;

parameter_types! {
	/// What an account must hold to exist.
	pub const ExistentialDeposit: Balance = EXISTENTIAL_DEPOSIT;
	/// Fee for each byte of a transaction.
	pub const TransactionByteFee: Balance = 10 * MICRO_IO;
}

impl pallet_balances::Config for Runtime {
	type AccountStore = System;
	type Balance = Balance;
	type DoneSlashHandler = ();
	type DustRemoval = ();
	type ExistentialDeposit = ExistentialDeposit;
	type FreezeIdentifier = RuntimeFreezeReason;
	type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
	type MaxLocks = ConstU32<50>;
	type MaxReserves = ConstU32<50>;
	type ReserveIdentifier = [u8; 8];
	type RuntimeEvent = RuntimeEvent;
	type RuntimeFreezeReason = RuntimeFreezeReason;
	type RuntimeHoldReason = RuntimeHoldReason;
	type WeightInfo = weights::pallet_balances::WeightInfo<Runtime>;
}

/// What computing and proving cost: the dearer of the two counts, since the scarcer of the two limits the block.
///
/// The computing of an empty transaction costs a tenth of a milli-IO, and so do 10 kB of proof.
pub struct WeightToFee;

impl frame_support::weights::WeightToFee for WeightToFee {
	type Balance = Balance;

	fn weight_to_fee(weight: &Weight) -> Balance {
		const UNIT_PRICE: Balance = MILLI_IO / 10;
		const PROOF_BYTES: Balance = 10_000;
		let base = Balance::from(ExtrinsicBaseWeight::get().ref_time()).max(1);
		let time = Balance::from(weight.ref_time()).saturating_mul(UNIT_PRICE) / base;
		let proof = Balance::from(weight.proof_size()).saturating_mul(UNIT_PRICE) / PROOF_BYTES;
		time.max(proof)
	}
}

/// Half of each fee goes to the treasury, half to the author of the block. Tips go to the author alone: it is the author
/// whom they ask for a favour.
pub struct DealWithFees;

impl DealWithFees {
	fn give(to: &AccountId, credit: Credit<AccountId, Balances>) {
		// What cannot be deposited, because the account would stay below the minimum, is burnt.
		let _ = Balances::resolve(to, credit);
	}

	fn give_author(credit: Credit<AccountId, Balances>) {
		let author = Authorship::author().unwrap_or_else(TreasuryAccount::get);
		Self::give(&author, credit);
	}
}

impl OnUnbalanced<Credit<AccountId, Balances>> for DealWithFees {
	fn on_unbalanceds(mut fees_then_tips: impl Iterator<Item = Credit<AccountId, Balances>>) {
		if let Some(fee) = fees_then_tips.next() {
			let (treasury, author) = fee.ration(50, 50);
			Self::give(&TreasuryAccount::get(), treasury);
			Self::give_author(author);
		}
		if let Some(tip) = fees_then_tips.next() {
			Self::give_author(tip);
		}
	}
}

impl pallet_transaction_payment::Config for Runtime {
	type FeeMultiplierUpdate = SlowAdjustingFeeUpdate<Self>;
	type LengthToFee = ConstantMultiplier<Balance, TransactionByteFee>;
	type OnChargeTransaction = pallet_transaction_payment::FungibleAdapter<Balances, DealWithFees>;
	type OperationalFeeMultiplier = ConstU8<5>;
	type RuntimeEvent = RuntimeEvent;
	type WeightInfo = weights::pallet_transaction_payment::WeightInfo<Runtime>;
	type WeightToFee = WeightToFee;
}
