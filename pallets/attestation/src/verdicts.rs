//! Products that are verified on chain: the worker's zero-knowledge proof, and anybody's proof of a wrong entry.

use frame_support::{
	dispatch::{DispatchResultWithPostInfo, Pays, PostDispatchInfo},
	ensure,
	traits::Get,
	weights::Weight,
};
use io_primitives::{
	digest::result_digest, Claim, JobId, Kernel, Verdicts, Verification, WorkerKey,
};
use io_tflops::{
	fraud::{self, verify_dispute, Dispute, FraudError},
	product,
};
use sp_core::H256;
use sp_runtime::SaturatedConversion;

use crate::{Config, Error, Event, Pallet, WeightInfo};

/// Bytes of a point in the lists of a proof.
const POINT_BYTES: usize = 32;

impl<T: Config> Pallet<T> {
	/// Whether `output` is what the worker claimed as its result.
	fn is_output_of(job: JobId, claim: &Claim<T::AccountId>, output: H256) -> bool {
		let Claim { exit_code, units, digest, .. } = *claim;
		result_digest(Self::genesis(), job, exit_code, units, output) == digest
	}

	/// Checks everything about a proof of a product but the proof itself: that it is due, has the right length, and is of
	/// the output that the worker claimed.
	pub(crate) fn check_settle(
		worker: &WorkerKey,
		job: JobId,
		proof: &[u8],
	) -> Result<product::Statement, Error<T>> {
		let claim = T::Verdicts::claim(job).ok_or(Error::<T>::NoClaim)?;
		ensure!(claim.worker == *worker, Error::<T>::NotYourJob);
		let Verification::Product { inputs } = claim.verification else {
			return Err(Error::<T>::OtherVerification);
		};
		let Kernel::MatMulI8 { m, k, n } = claim.kernel;
		let shape = product::Shape::new(m, k, n).map_err(|_| Error::<T>::BadProofLength)?;
		let output = product::output_of(&shape, proof).map_err(|_| Error::<T>::BadProofLength)?;
		ensure!(Self::is_output_of(job, &claim, output.into()), Error::<T>::OtherOutput);
		let statement = product::Statement {
			genesis: Self::genesis().0,
			para: T::ParaId::get(),
			job,
			worker: worker.0,
			shape,
			inputs: inputs.0,
			output,
		};
		Ok(statement)
	}

	/// The most that a proof of `len` bytes can weigh: as many points as fit, and the most columns.
	pub(crate) fn settle_weight_limit(len: usize) -> Weight {
		let points = (len / POINT_BYTES).saturated_into::<u32>().min(3 * product::MAX_DIM);
		T::WeightInfo::settle_product(points, product::MAX_DIM)
	}

	/// Verifies the proof of a product and passes the verdict on to the job.
	pub(crate) fn do_settle_product(
		worker: WorkerKey,
		job: JobId,
		proof: &[u8],
	) -> DispatchResultWithPostInfo {
		let statement = Self::check_settle(&worker, job, proof)?;
		match product::verify(&statement, proof) {
			Ok(()) => {
				T::Verdicts::confirm(job)?;
				Self::deposit_event(Event::ProductProven { job, worker });
			},
			Err(error) => {
				log::debug!(target: crate::LOG_TARGET, "the proof of a product is wrong: {error:?}");
				T::Verdicts::refute(job)?;
				Self::deposit_event(Event::ProductRefuted { job, worker });
			},
		}
		let shape = statement.shape;
		let points = shape.m().saturating_mul(2).saturating_add(shape.n());
		let weight = T::WeightInfo::settle_product(points, shape.k());
		Ok(PostDispatchInfo { actual_weight: Some(weight), pays_fee: Pays::No })
	}

	/// Verifies that an entry of a job's product is wrong.
	pub(crate) fn do_dispute(
		sender: T::AccountId,
		job: JobId,
		proof: &[u8],
	) -> DispatchResultWithPostInfo {
		let claim = T::Verdicts::claim(job).ok_or(Error::<T>::NoClaim)?;
		let Verification::Dispute { context, left, right, .. } = claim.verification else {
			return Err(Error::<T>::OtherVerification.into());
		};
		let Kernel::MatMulI8 { m, k, n } = claim.kernel;
		let shape = fraud::Shape::new(m, k, n).map_err(|_| Error::<T>::BadProofLength)?;
		let dispute = Dispute::parse(&shape, proof).map_err(|_| Error::<T>::BadProofLength)?;
		let product = dispute.product_root;
		ensure!(Self::is_output_of(job, &claim, product.into()), Error::<T>::OtherOutput);
		let statement =
			fraud::Statement { context: context.0, shape, left: left.0, right: right.0, product };
		verify_dispute(&statement, &dispute).map_err(|error| match error {
			FraudError::EntryIsRight => Error::<T>::EntryIsRight,
			_ => Error::<T>::BadDispute,
		})?;
		T::Verdicts::refute(job)?;
		Self::deposit_event(Event::ProductDisputed { job, worker: claim.worker, by: sender });
		Ok(Pays::No.into())
	}
}
