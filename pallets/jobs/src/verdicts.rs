//! Products on trial: what is claimed, and what a verdict does. Who judges is another pallet's business.

use alloc::vec::Vec;
use frame_support::ensure;
use io_primitives::{
	BlockNumber, Claim, FailReason, JobId, Program, Verdicts, WorkerKey, WorkerRegistry,
};
use sp_runtime::DispatchResult;

use crate::{
	settlement::Ending,
	types::{Job, Trial, Verdict},
	Config, Error, Jobs, Pallet, Specs, Workers,
};

impl<T: Config> Pallet<T> {
	/// A job on trial, and the result that is claimed.
	fn on_trial(id: JobId) -> Result<(Job<T::AccountId>, Verdict), Error<T>> {
		let job = Jobs::<T>::get(id).ok_or(Error::<T>::UnknownJob)?;
		let (result, _, deadline) = job.on_trial().ok_or(Error::<T>::WrongState)?;
		// The agenda may be late; a verdict must not depend on that.
		ensure!(Self::now() < deadline, Error::<T>::TooLate);
		Ok((job, result))
	}

	fn decide(id: JobId, job: Job<T::AccountId>, ending: Ending) {
		Self::unfile(id, job.slot);
		Self::end(id, job, ending);
	}
}

impl<T: Config> Verdicts<T::AccountId> for Pallet<T> {
	fn claim(id: JobId) -> Option<Claim<T::AccountId>> {
		let (job, Verdict { digest, units, exit_code }) = Self::on_trial(id).ok()?;
		let (_, replica, _) = job.on_trial()?;
		let worker = replica.seat.as_ref()?.worker;
		let spec = Specs::<T>::get(id)?;
		let Program::Kernel { kind: kernel } = spec.program else { return None };
		let verification = spec.verification;
		let requester = job.requester;
		Some(Claim { requester, worker, kernel, verification, digest, units, exit_code })
	}

	fn refute(id: JobId) -> DispatchResult {
		let (job, _) = Self::on_trial(id)?;
		Self::decide(id, job, Ending::Failed(FailReason::Refuted));
		Ok(())
	}

	fn confirm(id: JobId) -> DispatchResult {
		let (job, result) = Self::on_trial(id)?;
		Self::decide(id, job, Ending::Settled(result));
		Ok(())
	}

	fn pending(worker: &WorkerKey) -> Vec<(JobId, BlockNumber)> {
		let Some(info) = Workers::<T>::get(worker) else { return Vec::new() };
		let due = |id: JobId| {
			let job = Jobs::<T>::get(id).filter(|job| job.trial == Some(Trial::Provable))?;
			let (_, _, deadline) = job.on_trial()?;
			Some((id, deadline))
		};
		info.live.into_iter().filter_map(|(id, _)| due(id)).collect()
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_claim(claim: Claim<T::AccountId>) -> JobId {
		crate::benchmarking::on_trial::<T>(claim)
	}
}

impl<T: Config> WorkerRegistry<T::AccountId> for Pallet<T> {
	fn operator(worker: &WorkerKey) -> Option<T::AccountId> {
		Workers::<T>::get(worker).map(|info| info.operator)
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_worker(worker: &WorkerKey, operator: &T::AccountId) {
		crate::benchmarking::registered::<T>(worker, operator);
	}
}
