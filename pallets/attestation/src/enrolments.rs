//! Classes, and the devices that take part in windows, each with a bond.

use frame_support::{ensure, traits::Get};
use io_primitives::{
	attestation::{
		AttestationClass, ClassParams, DeviceIndex, Enrolment, ENROLMENT_BLOCKS, MAX_DEVICES,
	},
	Balance, BlockNumber, Bonding, WorkerKey, WorkerRegistry,
};
use sp_runtime::DispatchResult;

use crate::{
	types::{check_class, ClassFault},
	Certificates, Classes, Commitments, Config, Enrolments, Error, Event, Pallet,
};

impl<T: Config> Pallet<T> {
	/// The enrolment that the call would make.
	pub(crate) fn check_enrol(
		worker: &WorkerKey,
		device: DeviceIndex,
		class: AttestationClass,
		lanes: u32,
		now: BlockNumber,
	) -> Result<Enrolment<T::AccountId>, Error<T>> {
		ensure!(device < MAX_DEVICES, Error::<T>::BadDevice);
		let params = Classes::<T>::get(class).ok_or(Error::<T>::UnknownClass)?;
		let range = params.min_lanes..=params.max_lanes;
		ensure!(lanes.is_power_of_two() && range.contains(&lanes), Error::<T>::BadLanes);
		let operator = T::Workers::operator(worker).ok_or(Error::<T>::UnknownWorker)?;
		let bond = params.bond_per_lane.saturating_mul(Balance::from(lanes));
		let new = Enrolment { device, class, lanes, params, operator, bond, since: now };

		let mut free = T::Bonding::free(&new.operator);
		if let Some(old) = Enrolments::<T>::get(worker, device) {
			ensure!(old != Enrolment { since: old.since, ..new.clone() }, Error::<T>::Unchanged);
			Self::check_change(worker, &old, now)?;
			if old.operator == new.operator {
				free = free.saturating_add(old.bond);
			}
		}
		ensure!(free >= bond, Error::<T>::InsufficientBond);
		Ok(new)
	}

	/// The enrolment that the call would end.
	pub(crate) fn check_leave(
		worker: &WorkerKey,
		device: DeviceIndex,
		now: BlockNumber,
	) -> Result<Enrolment<T::AccountId>, Error<T>> {
		let old = Enrolments::<T>::get(worker, device).ok_or(Error::<T>::NotEnrolled)?;
		Self::check_change(worker, &old, now)?;
		Ok(old)
	}

	/// The hot key may change an enrolment only every so often, because it pays no fees, and only while nothing hangs on
	/// its bond.
	fn check_change(
		worker: &WorkerKey,
		old: &Enrolment<T::AccountId>,
		now: BlockNumber,
	) -> Result<(), Error<T>> {
		ensure!(!Commitments::<T>::contains_key(worker, old.device), Error::<T>::CommitmentPending);
		ensure!(now > old.since.saturating_add(ENROLMENT_BLOCKS), Error::<T>::TooEarly);
		Ok(())
	}

	pub(crate) fn do_enrol(
		worker: WorkerKey,
		device: DeviceIndex,
		class: AttestationClass,
		lanes: u32,
	) -> DispatchResult {
		let new = Self::check_enrol(&worker, device, class, lanes, Self::now())?;
		if let Some(old) = Enrolments::<T>::get(worker, device) {
			T::Bonding::unlock(&old.operator, old.bond);
			Self::drop_certificate(&worker, device);
		}
		T::Bonding::lock(&new.operator, new.bond)?;
		Enrolments::<T>::insert(worker, device, &new);
		let Enrolment { operator, bond, .. } = new;
		Self::deposit_event(Event::DeviceEnrolled { worker, device, class, lanes, operator, bond });
		Ok(())
	}

	pub(crate) fn do_leave(worker: WorkerKey, device: DeviceIndex) -> DispatchResult {
		let old = Self::check_leave(&worker, device, Self::now())?;
		Self::end_enrolment(worker, old);
		Ok(())
	}

	pub(crate) fn do_release(
		operator: T::AccountId,
		worker: WorkerKey,
		device: DeviceIndex,
	) -> DispatchResult {
		let old = Enrolments::<T>::get(worker, device).ok_or(Error::<T>::NotEnrolled)?;
		ensure!(old.operator == operator, Error::<T>::NotYourWorker);
		ensure!(!Commitments::<T>::contains_key(worker, device), Error::<T>::CommitmentPending);
		Self::end_enrolment(worker, old);
		Ok(())
	}

	fn end_enrolment(worker: WorkerKey, old: Enrolment<T::AccountId>) {
		let Enrolment { device, operator, bond, .. } = old;
		Enrolments::<T>::remove(worker, device);
		Self::drop_certificate(&worker, device);
		T::Bonding::unlock(&operator, bond);
		Self::deposit_event(Event::DeviceLeft { worker, device });
	}

	/// A certificate belongs to the enrolment with which it was earned.
	pub(crate) fn drop_certificate(worker: &WorkerKey, device: DeviceIndex) {
		Certificates::<T>::mutate_exists(worker, |list| {
			if let Some(certificates) = list {
				certificates.retain(|certificate| certificate.device != device);
				if certificates.is_empty() {
					*list = None;
				}
			}
		});
	}

	pub(crate) fn do_set_class(
		class: AttestationClass,
		params: Option<ClassParams>,
	) -> DispatchResult {
		ensure!(u32::from(class) < T::MaxClasses::get(), Error::<T>::BadClass);
		if let Some(params) = &params {
			check_class(params).map_err(|fault| match fault {
				ClassFault::Dimensions => Error::<T>::BadDimensions,
				ClassFault::Lanes => Error::<T>::BadLanes,
				ClassFault::Openings => Error::<T>::BadOpenings,
				ClassFault::Bond => Error::<T>::NoBond,
			})?;
		}
		Classes::<T>::set(class, params);
		Self::deposit_event(Event::ClassSet { class, params });
		Ok(())
	}
}
