//! Receipts become money.

use frame_support::{
	ensure,
	traits::{
		fungible::MutateHold,
		tokens::{Fortitude, Precision, Restriction},
	},
};
use io_primitives::{
	mesh::{owed, SignedReceipt},
	Balance,
};
use sp_core::H256;
use sp_runtime::{DispatchError, DispatchResult};

use crate::{Budgets, Config, Error, Event, HoldReason, PaidOut, Pallet, Receipts, Relays};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_claim(receipts: Receipts) -> DispatchResult {
		let genesis = Self::genesis();
		let mut total: Balance = 0;
		for receipt in &receipts {
			total = total.saturating_add(Self::claim_one(receipt, genesis)?);
		}
		ensure!(total > 0, Error::<T>::NothingDue);
		Ok(())
	}

	/// Pays what is due for one receipt over what was paid before for the same worker, relay and epoch, as far as the budget
	/// goes. Returns what was paid.
	///
	/// What is noted is the money, not the bytes: if a budget falls short, the rest can be claimed with the same receipt when
	/// there is money again, and rounding leaves no remainder, since the sum of all payments is what is owed for all bytes.
	fn claim_one(signed: &SignedReceipt, genesis: H256) -> Result<Balance, DispatchError> {
		let SignedReceipt { worker, receipt, signature } = signed;
		let payload = receipt.payload(genesis);
		ensure!(
			sp_io::crypto::sr25519_verify(signature, &payload, worker),
			Error::<T>::BadSignature
		);
		let epoch = receipt.epoch;
		if !(Self::oldest_claimable()..=Self::epoch()).contains(&epoch) {
			return Ok(0);
		}
		let Some(relay) = Relays::<T>::get(receipt.relay) else { return Ok(0) };
		let Some(price) = relay.price(epoch) else { return Ok(0) };
		let Some(mut budget) = Budgets::<T>::get(worker) else { return Ok(0) };
		let key = (*worker, receipt.relay);
		let paid = PaidOut::<T>::get(epoch, key);
		let amount = owed(receipt.bytes, price).saturating_sub(paid).min(budget.held);
		if amount == 0 {
			return Ok(0);
		}
		T::Currency::transfer_on_hold(
			&HoldReason::RelayBudget.into(),
			&budget.payer,
			&relay.operator,
			amount,
			Precision::Exact,
			Restriction::Free,
			Fortitude::Polite,
		)?;
		PaidOut::<T>::insert(epoch, key, paid.saturating_add(amount));
		budget.held = budget.held.saturating_sub(amount);
		Budgets::<T>::set(worker, Some(budget).filter(|budget| budget.held > 0));
		Self::deposit_event(Event::RelayPaid {
			relay: receipt.relay,
			operator: relay.operator,
			worker: *worker,
			epoch,
			amount,
		});
		Ok(amount)
	}
}
