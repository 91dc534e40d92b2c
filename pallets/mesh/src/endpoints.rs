//! Whom endpoints stand for.

use frame_support::{
	ensure,
	traits::{fungible::MutateHold, tokens::Precision, Get},
};
use io_primitives::{mesh::EndpointKey, WorkerKey, WorkerRegistry};
use sp_core::ed25519;
use sp_runtime::DispatchResult;

use crate::{Config, Endpoint, Endpoints, EndpointsOf, Error, Event, HoldReason, Pallet};

impl<T: Config> Pallet<T> {
	/// Whether the account is the operator of the registered worker.
	pub(crate) fn check_own_worker(who: &T::AccountId, worker: &WorkerKey) -> DispatchResult {
		let operator = T::Workers::operator(worker).ok_or(Error::<T>::UnknownWorker)?;
		ensure!(operator == *who, Error::<T>::NotYourWorker);
		Ok(())
	}

	pub(crate) fn do_register_endpoint(
		who: T::AccountId,
		endpoint: EndpointKey,
		worker: Option<WorkerKey>,
		proof: ed25519::Signature,
	) -> DispatchResult {
		if let Some(worker) = &worker {
			Self::check_own_worker(&who, worker)?;
		}
		Self::check_new_endpoint(&who, &endpoint, &proof)?;
		let deposit = T::EndpointDeposit::get();
		let account = who.clone();
		let record = Endpoint { account: who, worker, deposit };
		EndpointsOf::<T>::try_mutate(record.party(), |endpoints| endpoints.try_push(endpoint))
			.map_err(|_| Error::<T>::TooManyEndpoints)?;
		T::Currency::hold(&HoldReason::EndpointDeposit.into(), &account, deposit)?;
		Endpoints::<T>::insert(endpoint, record);
		Self::deposit_event(Event::EndpointRegistered { endpoint, account, worker });
		Ok(())
	}

	pub(crate) fn do_remove_endpoint(who: T::AccountId, endpoint: EndpointKey) -> DispatchResult {
		let found = Endpoints::<T>::get(endpoint).ok_or(Error::<T>::UnknownEndpoint)?;
		ensure!(found.account == who, Error::<T>::NotYourEndpoint);
		let reason = HoldReason::EndpointDeposit.into();
		T::Currency::release(&reason, &who, found.deposit, Precision::Exact)?;
		EndpointsOf::<T>::mutate_exists(found.party(), |endpoints| {
			if let Some(list) = endpoints {
				list.retain(|other| *other != endpoint);
				if list.is_empty() {
					*endpoints = None;
				}
			}
		});
		Endpoints::<T>::remove(endpoint);
		Self::deposit_event(Event::EndpointRemoved { endpoint });
		Ok(())
	}
}
