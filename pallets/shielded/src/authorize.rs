//! Which unsigned bundles enter the pool of transactions.
//!
//! The pool asks for everything, the proofs included. In a block the proofs are left to the dispatch, so that they are
//! verified once there: a bundle that reached a block past the pool fails in it and changes nothing.
//!
//! Nodes verify what waits in their pool again and again. So that this cannot take all their time, each bundle has one of a
//! few places, which follows from its stamp: two bundles in one place exclude each other, as two that spend one coin do.

use alloc::boxed::Box;
use frame_support::{
	ensure,
	storage::with_transaction,
	traits::{Get, PalletInfoAccess},
	weights::Weight,
};
use io_primitives::{call::refusal, JobSpec};
use io_shielded::{bundle::stamp_place, Bundle};
use sp_runtime::{
	traits::SaturatedConversion,
	transaction_validity::{
		InvalidTransaction, TransactionPriority, TransactionSource, TransactionValidity,
		TransactionValidityError, TransactionValidityWithRefund, ValidTransaction,
	},
	DispatchError, DispatchResult, TransactionOutcome,
};

use crate::{
	admission::{Entry, Shape},
	money::FeeTo,
	BlockTime, Call, Config, Error, Pallet, BLOCK_SHARE, LONGEVITY, MAX_ERA, UNIT,
};

impl<T: Config> Pallet<T> {
	/// Whether the unsigned bundle would be taken into the next block, and with what place in the pool.
	pub(crate) fn check_spend(
		source: TransactionSource,
		bundle: &Bundle,
		job: &Option<Box<JobSpec>>,
		stamp: u64,
	) -> TransactionValidity {
		let refuse = |error: Error<T>| -> TransactionValidityError { refusal(&error) };
		let spec = job.as_deref();
		let checked = Self::admit(bundle, spec, Entry::Unsigned { stamp }).map_err(refuse)?;
		Self::try_pay_out(bundle, job).map_err(Self::refusal_of)?;
		let shape = Shape::of(bundle);
		let weight = Self::spend_weight(shape, spec);
		if source == TransactionSource::InBlock {
			// It stays in the pool for a later block.
			let time = BlockTime::<T>::get().saturating_add(weight.ref_time());
			ensure!(time <= Self::block_share(), InvalidTransaction::ExhaustsResources);
		} else {
			Self::verify(&checked).map_err(refuse)?;
		}
		let age: u64 = Self::now().saturating_sub(bundle.era).into();
		let provides = bundle.inputs.iter().map(|input| input.tag);
		let place = ("place", stamp_place(&bundle.id(&Self::domain()), stamp));
		let validity = ValidTransaction::with_tag_prefix("IoShielded")
			.priority(Self::priority(bundle.fee, shape, spec))
			.longevity(LONGEVITY.min(u64::from(MAX_ERA).saturating_sub(age)).max(1))
			.propagate(true);
		provides
			.fold(validity.and_provides(place), |validity, tag| validity.and_provides(tag))
			.build()
	}

	/// Tries to pay what leaves the pool, and undoes it.
	fn try_pay_out(bundle: &Bundle, job: &Option<Box<JobSpec>>) -> DispatchResult {
		with_transaction(|| {
			TransactionOutcome::Rollback(Self::pay_out(bundle, job.clone(), FeeTo::Handler))
		})
	}

	/// An error of this pallet as it is; any other comes from whom the bundle pays.
	fn refusal_of(error: DispatchError) -> TransactionValidityError {
		match error {
			DispatchError::Module(module)
				if usize::from(module.index) == <Self as PalletInfoAccess>::index() =>
			{
				InvalidTransaction::Custom(module.error[0]).into()
			},
			_ => refusal(&Error::<T>::BadTarget),
		}
	}

	/// Time that unsigned bundles may take in a block.
	pub(crate) fn block_share() -> u64 {
		BLOCK_SHARE * T::BlockWeights::get().max_block.ref_time()
	}

	/// As for signed transactions: what is paid beyond the least fee, for the largest number of such bundles in a block.
	fn priority(fee: u64, shape: Shape, job: Option<&JobSpec>) -> TransactionPriority {
		let tip = fee.saturating_sub(Self::minimum_fee_of(shape, job));
		let tip = UNIT.saturating_mul(tip.into()).saturating_add(1);
		let each = Self::spend_weight(shape, job).ref_time().max(1);
		let most = T::BlockWeights::get().max_block.ref_time() / each;
		tip.saturating_mul(most.max(1).into()).saturated_into()
	}

	/// [`Self::check_spend`] for the `authorize` attribute. The whole weight is spent.
	pub(crate) fn authorize_spend(
		source: TransactionSource,
		bundle: &Bundle,
		job: &Option<Box<JobSpec>>,
		stamp: u64,
	) -> TransactionValidityWithRefund {
		Self::check_spend(source, bundle, job, stamp).map(|valid| (valid, Weight::zero()))
	}

	/// The call that carries an unsigned bundle.
	pub fn spend_call(bundle: Bundle, job: Option<JobSpec>, stamp: u64) -> Call<T> {
		Call::spend { bundle: Box::new(bundle), job: job.map(Box::new), stamp }
	}
}
