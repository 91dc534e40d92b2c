//! What a relay's operator does, and what is done to relays.

use frame_support::{
	ensure,
	traits::{
		fungible::MutateHold,
		tokens::{Fortitude, Precision, Restriction},
		Get,
	},
};
use io_primitives::{
	mesh::{endpoint_payload, EndpointKey, RelayProfile, RelayState},
	Balance,
};
use sp_core::ed25519;
use sp_runtime::DispatchResult;

use crate::{
	types::Prices, Config, Endpoints, Error, Event, HoldReason, Pallet, Relay, Relays, Reported,
};

impl<T: Config> Pallet<T> {
	/// Whether the endpoint's key has signed for this account on this chain, and the endpoint is nobody's yet.
	pub(crate) fn check_new_endpoint(
		who: &T::AccountId,
		endpoint: &EndpointKey,
		proof: &ed25519::Signature,
	) -> DispatchResult {
		ensure!(
			!Endpoints::<T>::contains_key(endpoint) && !Relays::<T>::contains_key(endpoint),
			Error::<T>::EndpointTaken
		);
		let payload = endpoint_payload(Self::genesis(), who);
		ensure!(sp_io::crypto::ed25519_verify(proof, &payload, endpoint), Error::<T>::BadProof);
		Ok(())
	}

	fn own_relay(who: &T::AccountId, relay: &EndpointKey) -> Result<Relay<T::AccountId>, Error<T>> {
		let found = Relays::<T>::get(relay).ok_or(Error::<T>::UnknownRelay)?;
		ensure!(found.operator == *who, Error::<T>::NotYourRelay);
		Ok(found)
	}

	pub(crate) fn do_register_relay(
		who: T::AccountId,
		relay: EndpointKey,
		profile: RelayProfile,
		proof: ed25519::Signature,
	) -> DispatchResult {
		profile.check().map_err(Error::<T>::from)?;
		ensure!(Relays::<T>::count() < T::MaxRelays::get(), Error::<T>::TooManyRelays);
		Self::check_new_endpoint(&who, &relay, &proof)?;
		let bond = T::Terms::get().bond;
		T::Currency::hold(&HoldReason::RelayBond.into(), &who, bond)?;
		let mut prices = Prices::default();
		prices.force_push((Self::epoch(), profile.price_per_gib));
		let state = RelayState::Live;
		let operator = who.clone();
		Relays::<T>::insert(relay, Relay { operator: who, profile, prices, bond, state });
		Self::deposit_event(Event::RelayRegistered { relay, operator, bond });
		Ok(())
	}

	pub(crate) fn do_update_relay(
		who: T::AccountId,
		relay: EndpointKey,
		profile: RelayProfile,
	) -> DispatchResult {
		profile.check().map_err(Error::<T>::from)?;
		let mut found = Self::own_relay(&who, &relay)?;
		ensure!(!matches!(found.state, RelayState::Leaving { .. }), Error::<T>::RelayLeaving);
		found.announce(Self::epoch(), profile.price_per_gib);
		found.profile = profile;
		Relays::<T>::insert(relay, found);
		Self::deposit_event(Event::RelayUpdated { relay });
		Ok(())
	}

	pub(crate) fn do_unregister_relay(who: T::AccountId, relay: EndpointKey) -> DispatchResult {
		let mut found = Self::own_relay(&who, &relay)?;
		ensure!(!matches!(found.state, RelayState::Leaving { .. }), Error::<T>::RelayLeaving);
		let until = Self::epoch().saturating_add(T::Terms::get().unbonding_epochs);
		found.state = RelayState::Leaving { until };
		Relays::<T>::insert(relay, found);
		Reported::<T>::remove(relay);
		Self::deposit_event(Event::RelayLeaving { relay, until });
		Ok(())
	}

	pub(crate) fn do_release_relay(who: T::AccountId, relay: EndpointKey) -> DispatchResult {
		let found = Self::own_relay(&who, &relay)?;
		let RelayState::Leaving { until } = found.state else {
			return Err(Error::<T>::NotLeaving.into());
		};
		ensure!(Self::epoch() >= until, Error::<T>::TooEarly);
		let bond = found.bond;
		T::Currency::release(&HoldReason::RelayBond.into(), &who, bond, Precision::Exact)?;
		Relays::<T>::remove(relay);
		Self::deposit_event(Event::RelayReleased { relay, operator: who, bond });
		Ok(())
	}

	pub(crate) fn do_wake_relay(who: T::AccountId, relay: EndpointKey) -> DispatchResult {
		let mut found = Self::own_relay(&who, &relay)?;
		let RelayState::Chilled { until } = found.state else {
			return Err(Error::<T>::NotChilled.into());
		};
		ensure!(Self::epoch() >= until, Error::<T>::TooEarly);
		let lacks = T::Terms::get().bond.saturating_sub(found.bond);
		T::Currency::hold(&HoldReason::RelayBond.into(), &who, lacks)?;
		found.bond = found.bond.saturating_add(lacks);
		found.state = RelayState::Live;
		Relays::<T>::insert(relay, found);
		Self::deposit_event(Event::RelayWoken { relay });
		Ok(())
	}

	pub(crate) fn do_slash_relay(relay: EndpointKey, amount: Balance) -> DispatchResult {
		let mut found = Relays::<T>::get(relay).ok_or(Error::<T>::UnknownRelay)?;
		let amount = amount.min(found.bond);
		T::Currency::transfer_on_hold(
			&HoldReason::RelayBond.into(),
			&found.operator,
			&T::Treasury::get(),
			amount,
			Precision::Exact,
			Restriction::Free,
			Fortitude::Polite,
		)?;
		found.bond = found.bond.saturating_sub(amount);
		Self::deposit_event(Event::RelaySlashed { relay, amount });
		if !matches!(found.state, RelayState::Leaving { .. }) {
			Self::chill(relay, &mut found);
		}
		Relays::<T>::insert(relay, found);
		Ok(())
	}

	/// Takes a relay off the map. The caller writes its record.
	pub(crate) fn chill(relay: EndpointKey, found: &mut Relay<T::AccountId>) {
		let until = Self::epoch().saturating_add(1);
		found.state = RelayState::Chilled { until };
		Reported::<T>::remove(relay);
		Self::deposit_event(Event::RelayChilled { relay, until });
	}
}
