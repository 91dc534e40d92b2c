//! Reports of workers about relays, and what follows from them.
//!
//! An epoch is judged when the first report of a later one comes in. No hook has to go over all relays for that.

use frame_support::{ensure, traits::Get, weights::Weight};
use io_primitives::{
	call::refusal,
	mesh::{RelayState, Report},
	WorkerKey, WorkerRegistry,
};
use sp_core::sr25519;
use sp_runtime::{
	transaction_validity::{InvalidTransaction, TransactionValidityWithRefund, ValidTransaction},
	DispatchResult,
};

use crate::{Config, EpochBlocks, Error, Event, Pallet, Relays, Reported, Reporters};

impl<T: Config> Pallet<T> {
	/// What pool and dispatch ask of a report. Returns the worker's operator.
	fn check_report(worker: &WorkerKey, report: &Report) -> Result<T::AccountId, Error<T>> {
		ensure!(report.epoch == Self::epoch(), Error::<T>::OtherEpoch);
		ensure!(report.is_ordered(), Error::<T>::Unordered);
		let operator = T::Workers::operator(worker).ok_or(Error::<T>::UnknownWorker)?;
		ensure!(!Reporters::<T>::contains_key(report.epoch, worker), Error::<T>::AlreadyReported);
		Ok(operator)
	}

	/// Whether a report would be accepted into the next block. The whole weight is spent.
	pub(crate) fn authorize_report(
		worker: &WorkerKey,
		report: &Report,
		signature: &sr25519::Signature,
	) -> TransactionValidityWithRefund {
		Self::check_report(worker, report).map_err(|error| refusal(&error))?;
		let payload = report.payload(Self::genesis());
		ensure!(
			sp_io::crypto::sr25519_verify(signature, &payload, worker),
			InvalidTransaction::BadProof
		);
		let blocks = EpochBlocks::<T>::get().max(1);
		let left = blocks.saturating_sub(Self::now() % blocks);
		ValidTransaction::with_tag_prefix("IoMesh")
			.priority(T::UnsignedPriority::get())
			.and_provides((worker, report.epoch))
			.longevity(left.into())
			.propagate(true)
			.build()
			.map(|valid| (valid, Weight::zero()))
	}

	pub(crate) fn do_report(worker: WorkerKey, report: Report) -> DispatchResult {
		let operator = Self::check_report(&worker, &report)?;
		let epoch = report.epoch;
		let terms = T::Terms::get();
		for (key, alive) in report.relays {
			let Some(mut relay) = Relays::<T>::get(key) else { continue };
			// Nobody votes for the own relay.
			if relay.state != RelayState::Live || relay.operator == operator {
				continue;
			}
			let mut liveness = Reported::<T>::get(key);
			liveness.turn(epoch, &terms);
			if liveness.dead_epochs >= terms.dead_epochs {
				Self::chill(key, &mut relay);
				Relays::<T>::insert(key, relay);
			} else {
				liveness.count(alive);
				Reported::<T>::insert(key, liveness);
			}
		}
		Reporters::<T>::insert(epoch, worker, ());
		Self::deposit_event(Event::RelaysReported { worker, epoch });
		Ok(())
	}
}
