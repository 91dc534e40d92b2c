//! What others read: off-chain workers and workers through the runtime API, dApps through view functions. Nothing here
//! runs in a block.

use alloc::vec::Vec;
use frame_support::traits::Get;
use io_primitives::{
	attestation::{
		AttestationClass, AttestationView, Certificate, ClassParams, Commitment, Enrolment,
	},
	Bonding, Verdicts, WorkerKey, WorkerRegistry,
};

use crate::{
	certificates::power, Certificates, Classes, Commitments, Config, Enrolments, LastWindow,
	Pallet, Relay,
};

impl<T: Config> Pallet<T> {
	/// What the chain knows of the worker's devices, and what they have to do now, for the runtime API.
	pub fn attestation_view(worker: WorkerKey) -> AttestationView<T::AccountId> {
		let certificates = Self::valid_certificates(&worker);
		AttestationView {
			para: T::ParaId::get(),
			now: Self::now(),
			slot: Relay::<T>::get().slot,
			free_bond: T::Workers::operator(&worker).map(|operator| T::Bonding::free(&operator)),
			classes: Self::sorted_classes(),
			enrolments: Self::enrolments_of(&worker),
			window: LastWindow::<T>::get(),
			commitments: Self::commitments_of(&worker),
			mops: power(&certificates, Self::now()),
			certificates,
			products: T::Verdicts::pending(&worker),
		}
	}

	pub(crate) fn sorted_classes() -> Vec<(AttestationClass, ClassParams)> {
		let mut classes: Vec<_> = Classes::<T>::iter().collect();
		classes.sort_unstable_by_key(|(class, _)| *class);
		classes
	}

	pub(crate) fn enrolments_of(worker: &WorkerKey) -> Vec<Enrolment<T::AccountId>> {
		let mut enrolments: Vec<_> = Enrolments::<T>::iter_prefix_values(worker).collect();
		enrolments.sort_unstable_by_key(|enrolment| enrolment.device);
		enrolments
	}

	pub(crate) fn commitments_of(worker: &WorkerKey) -> Vec<Commitment> {
		let mut commitments: Vec<_> = Commitments::<T>::iter_prefix_values(worker)
			.map(|pending| pending.commitment)
			.collect();
		commitments.sort_unstable_by_key(|commitment| commitment.device);
		commitments
	}

	pub(crate) fn valid_certificates(worker: &WorkerKey) -> Vec<Certificate> {
		let now = Self::now();
		let mut certificates = Certificates::<T>::get(worker).into_inner();
		certificates.retain(|certificate| now < certificate.expires);
		certificates.sort_unstable_by_key(|certificate| certificate.device);
		certificates
	}
}
