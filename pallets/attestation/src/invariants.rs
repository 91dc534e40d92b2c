//! What must hold after every block and every call, as far as a state shows it.

use alloc::collections::{BTreeMap, BTreeSet};
use frame_support::{ensure, traits::Get};
use io_primitives::{attestation::MAX_DEVICES, Balance, Bonding};
use io_tflops::params::MAX_ROUNDS;
use sp_runtime::TryRuntimeError;

use crate::{
	types::{check_class, dimensions},
	Certificates, Classes, Commitments, Config, DeadlineQueue, Deadlines, DrawQueue, Draws,
	Enrolments, LastWindow, Pallet, Relay, Ring, AUDIT_FOLDS, RING,
};

impl<T: Config> Pallet<T> {
	/// Checks all invariants.
	pub(crate) fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_beacon()?;
		Self::check_enrolments()?;
		Self::check_queues()?;
		Self::check_commitments()?;
		Self::check_certificates()
	}

	fn check_beacon() -> Result<(), TryRuntimeError> {
		let clock = Relay::<T>::get();
		for (place, (fold, acc)) in Ring::<T>::iter() {
			ensure!(u64::from(place) == fold % u64::from(RING), "a fold lies in the wrong place");
			ensure!(fold <= clock.folds, "a fold comes from the future");
			ensure!(fold + u64::from(RING) > clock.folds, "a fold should have been overwritten");
			ensure!(fold < clock.folds || acc == clock.acc, "the last fold is not in the ring");
		}
		if let Some(window) = LastWindow::<T>::get() {
			ensure!(window.id > 0, "windows are counted from 1");
			ensure!(window.slot <= clock.slot, "a window opened in the future");
			ensure!(window.slot <= window.last_slot, "a window ends before it opens");
			ensure!(window.block <= Self::now(), "a window opened in a block to come");
		}
		Ok(())
	}

	fn check_enrolments() -> Result<(), TryRuntimeError> {
		for (class, params) in Classes::<T>::iter() {
			ensure!(u32::from(class) < T::MaxClasses::get(), "a class is out of range");
			ensure!(check_class(&params).is_ok(), "a class breaks a rule");
		}
		let mut bonds: BTreeMap<T::AccountId, Balance> = BTreeMap::new();
		for (_, device, enrolment) in Enrolments::<T>::iter() {
			ensure!(device == enrolment.device && device < MAX_DEVICES, "a device is out of range");
			ensure!(check_class(&enrolment.params).is_ok(), "a device's class breaks a rule");
			ensure!(
				dimensions(&enrolment.params, enrolment.lanes).is_ok(),
				"a device cannot prove anything"
			);
			ensure!(enrolment.since <= Self::now(), "a device was enrolled in a block to come");
			*bonds.entry(enrolment.operator).or_default() += enrolment.bond;
		}
		for (operator, sum) in bonds {
			ensure!(T::Bonding::locked(&operator) >= sum, "a bond is not locked");
		}
		Ok(())
	}

	/// Each commitment has one entry, in one queue.
	fn check_queues() -> Result<(), TryRuntimeError> {
		let mut filed = BTreeSet::new();
		let queue = DrawQueue::<T>::get();
		for (ticket, draw) in Draws::<T>::iter() {
			ensure!((queue.first..queue.next).contains(&ticket), "a draw is not in the queue");
			ensure!(filed.insert((draw.worker, draw.device)), "a commitment is in a queue twice");
			let pending = Commitments::<T>::get(draw.worker, draw.device)
				.ok_or("a draw has no commitment")?;
			ensure!(pending.ticket == ticket, "a commitment believes that it stands elsewhere");
			ensure!(pending.commitment.audit.is_none(), "an audited commitment waits for its lot");
			ensure!(
				draw.fold <= Relay::<T>::get().folds + AUDIT_FOLDS,
				"a lot is further away than it was at the commitment"
			);
		}
		ensure!(
			Draws::<T>::iter_keys().count() as u64 == queue.next - queue.first,
			"a ticket of the draws has no commitment"
		);
		let queue = DeadlineQueue::<T>::get();
		for (ticket, deadline) in Deadlines::<T>::iter() {
			let key = (deadline.worker, deadline.device);
			ensure!((queue.first..queue.next).contains(&ticket), "an audit is not in the queue");
			ensure!(filed.insert(key), "a commitment is in a queue twice");
			let pending = Commitments::<T>::get(deadline.worker, deadline.device)
				.ok_or("a deadline has no commitment")?;
			ensure!(pending.ticket == ticket, "an audit believes that it stands elsewhere");
			let audit = pending.commitment.audit.ok_or("a deadline has no audit")?;
			ensure!(audit.deadline == deadline.at, "an audit has two deadlines");
		}
		ensure!(
			Commitments::<T>::iter_keys().count() == filed.len(),
			"a commitment is in no queue"
		);
		Ok(())
	}

	fn check_commitments() -> Result<(), TryRuntimeError> {
		let last = LastWindow::<T>::get().map_or(0, |window| window.id);
		for (worker, device, pending) in Commitments::<T>::iter() {
			let commitment = pending.commitment;
			ensure!(commitment.device == device, "a commitment is another device's");
			ensure!(commitment.window <= last, "a commitment is of a window to come");
			ensure!((1..=MAX_ROUNDS).contains(&commitment.rounds), "rounds are out of range");
			ensure!(commitment.slots > 0, "work took no time");
			ensure!(
				Enrolments::<T>::contains_key(worker, device),
				"a commitment outlived its enrolment"
			);
		}
		Ok(())
	}

	fn check_certificates() -> Result<(), TryRuntimeError> {
		let last = LastWindow::<T>::get().map_or(0, |window| window.id);
		for (worker, certificates) in Certificates::<T>::iter() {
			ensure!(!certificates.is_empty(), "an empty list of certificates is stored");
			let mut devices = BTreeSet::new();
			for certificate in certificates {
				ensure!(devices.insert(certificate.device), "a device has two certificates");
				ensure!(certificate.window <= last, "a certificate is of a window to come");
				ensure!(certificate.slots > 0, "work took no time");
				ensure!(
					Enrolments::<T>::contains_key(worker, certificate.device),
					"a certificate outlived its enrolment"
				);
			}
		}
		Ok(())
	}
}
