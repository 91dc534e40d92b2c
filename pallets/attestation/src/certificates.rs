//! What certificates prove together.

use frame_support::BoundedVec;
use io_primitives::{
	attestation::{Certificate, MAX_DEVICES},
	BlockNumber, WorkerKey,
};
use sp_core::ConstU32;

use crate::{Certificates, Config, Pallet};

/// Certificates of one worker, at most one for each device.
pub type CertificateList = BoundedVec<Certificate, ConstU32<{ MAX_DEVICES as u32 }>>;

/// Computing power in 10^6 int8 operations per second. Only certificates of one window are added, of the best one: what was
/// proven in different windows could be the work of a single device that was called by another name each time.
pub(crate) fn power(certificates: &[Certificate], now: BlockNumber) -> u64 {
	let valid = || certificates.iter().filter(|certificate| now < certificate.expires);
	valid()
		.map(|first| {
			valid()
				.filter(|other| other.window == first.window)
				.fold(0u64, |sum, other| sum.saturating_add(other.mops))
		})
		.max()
		.unwrap_or(0)
}

impl<T: Config> io_primitives::Certificates for Pallet<T> {
	fn proven(worker: &WorkerKey) -> u64 {
		power(&Certificates::<T>::get(worker), Self::now())
	}

	/// The list is as long as it can be.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_proven(worker: &WorkerKey, mops: u64) {
		let mut list = CertificateList::default();
		for device in 0..MAX_DEVICES {
			let certificate = Certificate {
				device,
				class: 0,
				window: 1,
				ops: 0,
				slots: 1,
				mops: if device == 0 { mops } else { 0 },
				audited: true,
				expires: BlockNumber::MAX,
			};
			list.try_push(certificate).expect("there is room for one of each device");
		}
		Certificates::<T>::insert(worker, list);
	}
}
