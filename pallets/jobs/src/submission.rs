//! What a requester does: checks of a specification, its price, submission, withdrawal.

use codec::Encode;
use frame_support::{
	ensure,
	traits::{fungible::MutateHold, Get},
	weights::Weight,
	BoundedVec,
};
use io_primitives::{
	job::{KERNEL_SEED_BYTES, MAX_KERNEL_SIDE, MAX_PRODUCT_SIDE, MAX_REPLICAS},
	worker::Engine,
	Balance, JobId, JobSpec, JobState, JobSubmission, Kernel, Locators, Price, Program, Replica,
	ReplicaState, Verification, MAX_INPUT_BYTES, MAX_OUTPUT_BYTES,
};
use sp_runtime::{DispatchError, DispatchResult};

use crate::{
	settlement::Ending,
	types::{Job, Trial},
	Classes, Config, Error, Event, HoldReason, Jobs, NextJobId, Pallet, Specs, WeightInfo,
};

impl<T: Config> Pallet<T> {
	/// Checks every rule for specifications.
	fn check_spec(spec: &JobSpec) -> DispatchResult {
		let engine = spec.program.engine();
		ensure!(engine != Engine::Oci, Error::<T>::UnsupportedEngine);
		ensure!(
			spec.encryption.is_none() || spec.verification == Verification::Quorum,
			Error::<T>::SealedOutputUnsupported
		);
		let class = Classes::<T>::get(spec.class).ok_or(Error::<T>::UnknownClass)?;
		ensure!(class.engine == engine, Error::<T>::ClassMismatch);
		ensure!(
			(1..=MAX_REPLICAS).contains(&u32::from(spec.replicas))
				&& spec.quorum > spec.replicas / 2
				&& spec.quorum <= spec.replicas,
			Error::<T>::BadQuorum
		);
		ensure!(spec.max_units > 0, Error::<T>::BadUnits);
		ensure!(spec.max_memory > 0 && spec.max_memory <= class.min_memory, Error::<T>::BadMemory);
		ensure!(spec.max_output > 0 && spec.max_output <= MAX_OUTPUT_BYTES, Error::<T>::BadOutput);
		ensure!(spec.input_len <= MAX_INPUT_BYTES, Error::<T>::InputTooLarge);
		let run_blocks = T::MinRunBlocks::get().max(1)..=T::MaxRunBlocks::get();
		ensure!(run_blocks.contains(&spec.run_blocks), Error::<T>::BadRunBlocks);
		ensure!(spec.price_per_unit >= T::MinPricePerUnit::get(), Error::<T>::PriceTooLow);
		let usable = |at: &Locators| {
			!at.is_empty()
				&& at.iter().all(|url| !url.is_empty() && core::str::from_utf8(url).is_ok())
		};
		match &spec.program {
			Program::Kernel { kind } => Self::check_kernel(spec, kind)?,
			_ => {
				ensure!(usable(&spec.program_at), Error::<T>::BadLocator);
				ensure!(spec.verification == Verification::Quorum, Error::<T>::BadVerification);
			},
		}
		ensure!(
			spec.input_len == 0 && spec.input_at.is_empty() || usable(&spec.input_at),
			Error::<T>::BadLocator
		);
		ensure!(spec.encoded_size() <= T::MaxSpecBytes::get() as usize, Error::<T>::SpecTooLarge);
		Ok(())
	}

	/// Checks the rules for built-in kernels. The input is the left matrix, then the right one, row by row, one byte for
	/// an entry; then 32 bytes of a seed if the product is verified on chain. The output has four bytes for an entry.
	fn check_kernel(spec: &JobSpec, kind: &Kernel) -> DispatchResult {
		let Kernel::MatMulI8 { m, k, n } = *kind;
		let fits = |largest: u32| [m, k, n].iter().all(|side| (1..=largest).contains(side));
		ensure!(fits(MAX_KERNEL_SIDE), Error::<T>::BadKernel);
		ensure!(
			spec.program_at.is_empty() && spec.args.is_empty(),
			Error::<T>::KernelTakesNoProgram
		);
		let verifiable = match spec.verification {
			Verification::Quorum => true,
			Verification::Dispute { blocks, .. } => {
				(1..=T::MaxDisputeBlocks::get()).contains(&blocks)
			},
			Verification::Product { .. } => fits(MAX_PRODUCT_SIDE),
		};
		let on_trial = Trial::of(&spec.verification).is_some();
		ensure!(
			verifiable && (!on_trial || (spec.replicas, spec.quorum) == (1, 1)),
			Error::<T>::BadVerification
		);
		// No overflow: a side is at most 2^16.
		let [m, k, n] = [m, k, n].map(u64::from);
		let seed = if on_trial { KERNEL_SEED_BYTES } else { 0 };
		ensure!(spec.input_len == m * k + k * n + seed, Error::<T>::BadInputLength);
		ensure!(spec.max_output >= 4 * m * n, Error::<T>::BadOutput);
		let units = kind.units().ok_or(Error::<T>::BadKernel)?;
		ensure!(spec.max_units >= units, Error::<T>::BadUnits);
		Ok(())
	}

	/// Most units of one replica. What a kernel costs is known before, and nobody is paid for more.
	fn units_of(spec: &JobSpec) -> u64 {
		match &spec.program {
			Program::Kernel { kind } => kind.units().unwrap_or(spec.max_units).min(spec.max_units),
			_ => spec.max_units,
		}
	}

	/// What a job costs at most, or the rule that its specification breaks.
	pub(crate) fn price(spec: &JobSpec) -> Result<Price, DispatchError> {
		Self::check_spec(spec)?;
		let units = Self::units_of(spec);
		let work = Balance::from(spec.replicas)
			.checked_mul(Balance::from(units))
			.and_then(|units| units.checked_mul(spec.price_per_unit))
			.ok_or(Error::<T>::PriceTooHigh)?;
		let fee = T::FeeRate::get().mul_floor(work);
		ensure!(work.checked_add(fee).is_some(), Error::<T>::PriceTooHigh);
		let deposit = T::DepositBase::get().saturating_add(
			T::DepositPerByte::get().saturating_mul(spec.encoded_size() as Balance),
		);
		let bond_per_replica = Self::bond(spec.price_per_unit, units);
		Ok(Price { work, fee, deposit, bond_per_replica })
	}

	pub(crate) fn do_submit(
		requester: T::AccountId,
		spec: JobSpec,
	) -> Result<JobId, DispatchError> {
		let Price { work, fee, deposit, .. } = Self::price(&spec)?;
		let escrow = work.saturating_add(fee);
		T::Currency::hold(&HoldReason::JobEscrow.into(), &requester, escrow)?;
		T::Currency::hold(&HoldReason::JobDeposit.into(), &requester, deposit)?;

		let now = Self::now();
		let id = NextJobId::<T>::get();
		let slot = Self::file(id, now.saturating_add(1)).ok_or(Error::<T>::AgendaFull)?;
		NextJobId::<T>::put(id.saturating_add(1));
		let vacant = Replica { state: ReplicaState::Vacant, attempt: 0, deadline: now, seat: None };
		let replicas = BoundedVec::truncate_from(alloc::vec![vacant; spec.replicas.into()]);
		Jobs::<T>::insert(
			id,
			Job {
				requester: requester.clone(),
				state: JobState::Open,
				class: spec.class,
				engine: spec.program.engine(),
				submitted_at: now,
				slot,
				vacant_since: Some(now),
				vacancy_left: T::OpenTtl::get(),
				fixed_at: now,
				run_blocks: spec.run_blocks,
				max_units: Self::units_of(&spec),
				price: spec.price_per_unit,
				escrow,
				deposit,
				fee_rate: T::FeeRate::get(),
				n: spec.replicas,
				quorum: spec.quorum,
				min_perf: spec.min_perf,
				trial: Trial::of(&spec.verification),
				replicas,
				former: BoundedVec::new(),
			},
		);
		let class = spec.class;
		Specs::<T>::insert(id, spec);
		Self::deposit_event(Event::JobSubmitted { job: id, requester, class, escrow, deposit });
		Ok(id)
	}

	pub(crate) fn do_cancel(requester: T::AccountId, id: JobId) -> DispatchResult {
		let job = Jobs::<T>::get(id).ok_or(Error::<T>::UnknownJob)?;
		ensure!(job.requester == requester, Error::<T>::NotRequester);
		ensure!(!job.is_accepted() && !job.in_tie_break(), Error::<T>::WrongState);
		Self::unfile(id, job.slot);
		Self::end(id, job, Ending::Cancelled);
		Ok(())
	}
}

/// The money lies in the requester's account like that of any other job: what is left of it at the end is the requester's.
impl<T: Config> JobSubmission<T::AccountId> for Pallet<T> {
	fn cost(spec: &JobSpec) -> Result<Balance, DispatchError> {
		let Price { work, fee, deposit, .. } = Self::price(spec)?;
		Ok(work.saturating_add(fee).saturating_add(deposit))
	}

	fn submit(requester: T::AccountId, spec: JobSpec) -> Result<JobId, DispatchError> {
		Self::do_submit(requester, spec)
	}

	fn submit_weight(spec: &JobSpec) -> Weight {
		T::WeightInfo::submit(spec.encoded_size() as u32)
	}
}
