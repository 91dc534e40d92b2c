//! Bundles in a block: admitted, verified, carried out. The same whichever way they come.

use alloc::boxed::Box;
use io_primitives::JobSpec;
use io_shielded::Bundle;
use sp_runtime::DispatchResult;

use crate::{
	admission::{Entry, Shape},
	money::FeeTo,
	BlockTime, Config, Pallet,
};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_spend(
		bundle: Bundle,
		job: Option<Box<JobSpec>>,
		stamp: u64,
	) -> DispatchResult {
		let weight = Self::spend_weight(Shape::of(&bundle), job.as_deref());
		BlockTime::<T>::mutate(|time| *time = time.saturating_add(weight.ref_time()));
		let checked = Self::admit(&bundle, job.as_deref(), Entry::Unsigned { stamp })?;
		Self::verify(&checked)?;
		Self::settle(bundle, job, FeeTo::Handler)
	}

	pub(crate) fn do_relay(
		who: T::AccountId,
		bundle: Bundle,
		job: Option<Box<JobSpec>>,
	) -> DispatchResult {
		let checked = Self::admit(&bundle, job.as_deref(), Entry::Signed { by: &who })?;
		Self::verify(&checked)?;
		Self::settle(bundle, job, FeeTo::Relayer(who))
	}
}
