//! What an operator does: registers its devices, changes and retires them. And the class index from which draws pick.

use frame_support::{
	defensive, ensure,
	traits::{fungible::MutateHold, Get},
	BoundedVec,
};
use io_primitives::{
	call::registration_payload, Balance, Bonding, ClassId, ClassInfo, Profile, WorkerKey,
};
use sp_core::{sr25519, H256};
use sp_runtime::DispatchResult;

use crate::{
	types::{WorkerInfo, MAX_LIVE, START_REPUTATION},
	ClassCount, ClassSlot, Classes, Config, Error, Event, Heartbeats, HoldReason, Pallet, Profiles,
	Workers, WorkersOf,
};

impl<T: Config> Pallet<T> {
	/// Hash of the genesis block, to which all signatures of workers are bound.
	pub fn genesis() -> H256 {
		frame_system::Pallet::<T>::block_hash(
			frame_system::pallet_prelude::BlockNumberFor::<T>::from(0u32),
		)
	}

	fn check_profile(operator: &T::AccountId, profile: &Profile) -> DispatchResult {
		let class = Classes::<T>::get(profile.class).ok_or(Error::<T>::UnknownClass)?;
		ensure!(profile.engines.contains(class.engine), Error::<T>::ClassMismatch);
		ensure!((1..=MAX_LIVE).contains(&u32::from(profile.capacity)), Error::<T>::BadCapacity);
		ensure!(profile.ask_per_unit >= T::MinPricePerUnit::get(), Error::<T>::PriceTooLow);
		let valid = |url: &io_primitives::Locator| core::str::from_utf8(url).is_ok();
		ensure!(profile.endpoints.iter().all(valid), Error::<T>::BadLocator);
		let stake = Self::stake(operator);
		// A bond follows the job's price, which is no less than what the worker asks.
		ensure!(Self::bond(profile.ask_per_unit, 1) <= stake, Error::<T>::InsufficientBond);
		Ok(())
	}

	/// An operator's own stake, whether or not jobs have locked it.
	fn stake(operator: &T::AccountId) -> Balance {
		T::Bonding::stake(operator)
	}

	/// Whether the operator still has at least half of the stake that its workers need. A slash must not put it out of
	/// work at once, but who registers workers and then withdraws the stake shall not keep their chances.
	pub(crate) fn backs_its_workers(operator: &T::AccountId) -> bool {
		let needed = T::StakePerWorker::get().saturating_mul(WorkersOf::<T>::get(operator).into());
		Self::stake(operator) >= needed / 2
	}

	pub(crate) fn do_register_worker(
		operator: T::AccountId,
		worker: WorkerKey,
		profile: Profile,
		proof: sr25519::Signature,
	) -> DispatchResult {
		ensure!(T::Bonding::is_operator(&operator), Error::<T>::NotOperator);
		ensure!(!Workers::<T>::contains_key(worker), Error::<T>::DuplicateWorkerKey);
		Self::check_profile(&operator, &profile)?;
		let payload = registration_payload(Self::genesis(), &operator);
		ensure!(sp_io::crypto::sr25519_verify(&proof, &payload, &worker), Error::<T>::BadProof);
		let workers = WorkersOf::<T>::get(&operator).saturating_add(1);
		let needed = T::StakePerWorker::get().saturating_mul(workers.into());
		ensure!(Self::stake(&operator) >= needed, Error::<T>::StakeTooLow);
		let deposit = T::WorkerDeposit::get();
		T::Currency::hold(&HoldReason::WorkerDeposit.into(), &operator, deposit)?;

		let class = profile.class;
		Workers::<T>::insert(
			worker,
			WorkerInfo {
				operator: operator.clone(),
				class,
				index: Self::join_class(class, worker),
				changed_at: Self::now(),
				ask: profile.ask_per_unit,
				capacity: profile.capacity,
				engines: profile.engines,
				reputation: START_REPUTATION,
				deposit,
				live: BoundedVec::new(),
			},
		);
		WorkersOf::<T>::insert(&operator, workers);
		Profiles::<T>::insert(worker, profile);
		Self::deposit_event(Event::WorkerRegistered { worker, operator, class });
		Ok(())
	}

	pub(crate) fn do_update_worker(
		operator: T::AccountId,
		worker: WorkerKey,
		profile: Profile,
	) -> DispatchResult {
		let mut info = Self::own_worker(&operator, &worker)?;
		Self::check_profile(&operator, &profile)?;
		if info.class != profile.class {
			Self::leave_class(info.class, info.index);
			info.class = profile.class;
			info.index = Self::join_class(profile.class, worker);
		}
		info.changed_at = Self::now();
		info.ask = profile.ask_per_unit;
		info.capacity = profile.capacity;
		info.engines = profile.engines;
		Workers::<T>::insert(worker, info);
		Profiles::<T>::insert(worker, profile);
		Self::deposit_event(Event::WorkerUpdated { worker });
		Ok(())
	}

	pub(crate) fn do_retire_worker(operator: T::AccountId, worker: WorkerKey) -> DispatchResult {
		let info = Self::own_worker(&operator, &worker)?;
		ensure!(info.live.is_empty(), Error::<T>::WorkerBusy);
		Self::leave_class(info.class, info.index);
		Workers::<T>::remove(worker);
		WorkersOf::<T>::mutate_exists(&operator, |workers| {
			*workers = workers.map(|count| count.saturating_sub(1)).filter(|count| *count > 0);
		});
		Profiles::<T>::remove(worker);
		Heartbeats::<T>::remove(worker);
		Self::give_back(HoldReason::WorkerDeposit, &operator, info.deposit);
		Self::deposit_event(Event::WorkerRetired { worker, operator });
		Ok(())
	}

	fn own_worker(
		operator: &T::AccountId,
		worker: &WorkerKey,
	) -> Result<WorkerInfo<T::AccountId>, Error<T>> {
		let info = Workers::<T>::get(worker).ok_or(Error::<T>::UnknownWorker)?;
		ensure!(info.operator == *operator, Error::<T>::NotYourWorker);
		Ok(info)
	}

	/// Appends a worker to the index of a class and returns its place.
	pub(crate) fn join_class(class: ClassId, worker: WorkerKey) -> u32 {
		let index = ClassCount::<T>::get(class);
		ClassSlot::<T>::insert(class, index, worker);
		ClassCount::<T>::insert(class, index.saturating_add(1));
		index
	}

	/// Takes a place out of the index of a class; the last one moves there. The caller writes or removes the record of
	/// the worker that leaves.
	fn leave_class(class: ClassId, index: u32) {
		let last = ClassCount::<T>::get(class).saturating_sub(1);
		match ClassSlot::<T>::take(class, last) {
			Some(moved) if last != index => {
				ClassSlot::<T>::insert(class, index, moved);
				Self::with_worker(&moved, |info| info.index = index);
			},
			Some(_) => {},
			None => {
				defensive!("the index of a class is dense");
			},
		}
		if last == 0 {
			ClassCount::<T>::remove(class);
		} else {
			ClassCount::<T>::insert(class, last);
		}
	}

	pub(crate) fn do_set_class(class: ClassId, info: Option<ClassInfo>) -> DispatchResult {
		ensure!(u32::from(class) < T::MaxClasses::get(), Error::<T>::BadClass);
		let engine = |info: &Option<ClassInfo>| info.as_ref().map(|info| info.engine);
		if engine(&Classes::<T>::get(class)) != engine(&info) {
			ensure!(ClassCount::<T>::get(class) == 0, Error::<T>::ClassInUse);
		}
		if let Some(info) = &info {
			ensure!(info.min_memory > 0, Error::<T>::BadClass);
		}
		Classes::<T>::set(class, info.clone());
		Self::deposit_event(Event::ClassSet { class, info });
		Ok(())
	}
}
