//! What must hold after every block and every call, as far as a state shows it.

use alloc::collections::{BTreeMap, BTreeSet};
use frame_support::{
	ensure,
	traits::{fungible::InspectHold, Get},
};
use io_primitives::{
	mesh::{RelayState, CLAIM_EPOCHS, PRICE_NOTICE},
	Balance,
};
use sp_runtime::TryRuntimeError;

use crate::{
	Budgets, Config, Endpoints, EndpointsOf, EpochBlocks, HoldReason, OldestEpoch, PaidOut, Pallet,
	Relays, Reported, Reporters,
};

impl<T: Config> Pallet<T> {
	/// Checks all invariants.
	pub(crate) fn do_try_state() -> Result<(), TryRuntimeError> {
		ensure!(EpochBlocks::<T>::get() > 0, "an epoch has no blocks");
		Self::check_relays()?;
		Self::check_endpoints()?;
		Self::check_budgets()?;
		Self::check_notes()
	}

	/// Whether each account has exactly this on hold.
	fn check_holds(
		reason: HoldReason,
		sums: BTreeMap<T::AccountId, Balance>,
	) -> Result<(), TryRuntimeError> {
		let reason = reason.into();
		for (who, sum) in sums {
			let held = T::Currency::balance_on_hold(&reason, &who);
			ensure!(held == sum, "what is on hold is not what the records say");
		}
		Ok(())
	}

	fn check_relays() -> Result<(), TryRuntimeError> {
		let now = Self::epoch();
		let mut bonds = BTreeMap::<T::AccountId, Balance>::new();
		let mut count = 0u32;
		for (key, relay) in Relays::<T>::iter() {
			count += 1;
			ensure!(relay.profile.check().is_ok(), "a relay's profile breaks a rule");
			ensure!(
				relay.prices.windows(2).all(|pair| pair[0].0 < pair[1].0),
				"a relay's prices are out of order"
			);
			let (since, price) = relay.prices.last().ok_or("a relay has no price")?;
			ensure!(*price == relay.profile.price_per_gib, "the last price is not the profile's");
			ensure!(*since <= now + PRICE_NOTICE, "a price is announced for too late");
			ensure!(relay.price(now).is_some(), "a relay has no price now");
			ensure!(!Endpoints::<T>::contains_key(key), "a relay's key is an endpoint's as well");
			ensure!(
				relay.state == RelayState::Live || !Reported::<T>::contains_key(key),
				"there are reports about a relay that is not live"
			);
			*bonds.entry(relay.operator).or_default() += relay.bond;
		}
		ensure!(count == Relays::<T>::count(), "the relays are miscounted");
		ensure!(count <= T::MaxRelays::get(), "there are too many relays");
		for (key, liveness) in Reported::<T>::iter() {
			ensure!(Relays::<T>::contains_key(key), "there are reports about no relay");
			ensure!(liveness.epoch <= now, "a report comes from the future");
		}
		Self::check_holds(HoldReason::RelayBond, bonds)
	}

	fn check_endpoints() -> Result<(), TryRuntimeError> {
		let mut deposits = BTreeMap::<T::AccountId, Balance>::new();
		for (key, endpoint) in Endpoints::<T>::iter() {
			ensure!(
				EndpointsOf::<T>::get(endpoint.party()).contains(&key),
				"an endpoint is not in the list of whom it stands for"
			);
			*deposits.entry(endpoint.account).or_default() += endpoint.deposit;
		}
		let mut listed = BTreeSet::new();
		for (party, keys) in EndpointsOf::<T>::iter() {
			ensure!(!keys.is_empty(), "an empty list of endpoints is stored");
			for key in keys {
				let endpoint = Endpoints::<T>::get(key).ok_or("a list has an unknown endpoint")?;
				ensure!(endpoint.party() == party, "an endpoint is in somebody else's list");
				ensure!(listed.insert(key.0), "an endpoint is listed twice");
			}
		}
		Self::check_holds(HoldReason::EndpointDeposit, deposits)
	}

	fn check_budgets() -> Result<(), TryRuntimeError> {
		let latest = Self::epoch() + CLAIM_EPOCHS + 1;
		let mut sums = BTreeMap::<T::AccountId, Balance>::new();
		for budget in Budgets::<T>::iter_values() {
			ensure!(budget.held > 0, "an empty budget is stored");
			ensure!(budget.closes.is_none_or(|epoch| epoch <= latest), "a budget closes too late");
			*sums.entry(budget.payer).or_default() += budget.held;
		}
		Self::check_holds(HoldReason::RelayBudget, sums)
	}

	fn check_notes() -> Result<(), TryRuntimeError> {
		let range = OldestEpoch::<T>::get()..=Self::epoch();
		for (epoch, _, paid) in PaidOut::<T>::iter() {
			ensure!(range.contains(&epoch), "a payment of an impossible epoch is noted");
			ensure!(paid > 0, "a payment of nothing is noted");
		}
		for (epoch, _, ()) in Reporters::<T>::iter() {
			ensure!(range.contains(&epoch), "a report of an impossible epoch is noted");
		}
		Ok(())
	}
}
