//! What daemons and dApps read. Nothing here runs in a block.

use alloc::vec::Vec;
use io_primitives::{
	mesh::{EndpointKey, EndpointView, RelayMap, RelayState, RelayView, SignedReport},
	WorkerRegistry,
};

use crate::{Budgets, Call, Config, Endpoint, Endpoints, EpochBlocks, Pallet, Relay, Relays};

/// Most endpoints in one answer of the runtime API.
pub const PAGE: u32 = 512;

impl<T: Config> Pallet<T> {
	/// See `relay_map`.
	pub fn map() -> RelayMap<T::AccountId> {
		let mut relays: Vec<_> = Relays::<T>::iter()
			.filter(|(_, relay)| relay.state == RelayState::Live)
			.map(|(key, relay)| Self::view_of(key, relay))
			.collect();
		relays.sort_unstable_by_key(|view| view.relay.0);
		RelayMap { epoch: Self::epoch(), epoch_blocks: EpochBlocks::<T>::get(), relays }
	}

	/// See `relay`.
	pub fn relay_view(key: EndpointKey) -> Option<RelayView<T::AccountId>> {
		Relays::<T>::get(key).map(|relay| Self::view_of(key, relay))
	}

	fn view_of(key: EndpointKey, relay: Relay<T::AccountId>) -> RelayView<T::AccountId> {
		let epoch = Self::epoch();
		let price = relay.price(epoch).unwrap_or(relay.profile.price_per_gib);
		let Relay { operator, mut profile, prices, bond, state } = relay;
		profile.price_per_gib = price;
		let next_prices = prices.into_iter().filter(|(since, _)| *since > epoch).collect();
		RelayView { relay: key, operator, profile, next_prices, bond, state }
	}

	/// See `endpoint`.
	pub fn endpoint_view(key: EndpointKey) -> Option<EndpointView<T::AccountId>> {
		Endpoints::<T>::get(key).map(|endpoint| Self::endpoint_of(key, endpoint))
	}

	/// The endpoints after one, in the order of the storage, at most [`PAGE`].
	pub fn endpoints_after(
		after: Option<EndpointKey>,
		count: u32,
	) -> Vec<EndpointView<T::AccountId>> {
		let endpoints = match after {
			Some(key) => Endpoints::<T>::iter_from(Endpoints::<T>::hashed_key_for(key)),
			None => Endpoints::<T>::iter(),
		};
		endpoints
			.take(count.min(PAGE) as usize)
			.map(|(key, endpoint)| Self::endpoint_of(key, endpoint))
			.collect()
	}

	fn endpoint_of(
		key: EndpointKey,
		endpoint: Endpoint<T::AccountId>,
	) -> EndpointView<T::AccountId> {
		let Endpoint { account, worker, .. } = endpoint;
		let operator = worker.as_ref().map(T::Workers::operator);
		EndpointView {
			endpoint: key,
			active: operator.is_none_or(|operator| operator.as_ref() == Some(&account)),
			budget: worker.and_then(Budgets::<T>::get).map_or(0, |budget| budget.held),
			account,
			worker,
		}
	}

	/// The call that carries a report.
	pub fn report_call(signed: SignedReport) -> Call<T> {
		let SignedReport { worker, report, signature } = signed;
		Call::report { worker, report, signature }
	}
}
