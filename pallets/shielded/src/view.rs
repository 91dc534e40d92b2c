//! What wallets and dApps read. Nothing here runs in a block.

use frame_support::traits::{fungible::Inspect, Get};
use io_primitives::{shielded::PoolStatus, JobSpec, JobSubmission};
use sp_runtime::DispatchError;

use crate::{Config, Count, Outflows, Pallet, ShieldedSupply, UNIT};

impl<T: Config> Pallet<T> {
	/// How the pool stands.
	pub fn pool_status() -> PoolStatus {
		let terms = T::Terms::get();
		let limit = terms.max_outflow_per_day;
		let used = Outflows::<T>::get().level_at(Self::now(), limit, T::BlocksPerDay::get());
		let supply = ShieldedSupply::<T>::get();
		let domain = Self::domain();
		PoolStatus {
			para: domain.para,
			pallet: domain.pallet,
			ring_digits: T::RING.digits() as u8,
			coins: Count::<T>::get(),
			matured: Self::matured(),
			supply,
			pool_cap: terms.pool_cap,
			max_shield: terms.max_shield,
			outflow_left: limit.saturating_sub(used).min(supply),
			stamp_bits: terms.stamp_bits,
			unsigned_spends: terms.unsigned_spends,
			pause: Self::current_pause(),
		}
	}

	/// What a bundle must pay for a job at least, in units.
	pub(crate) fn least_job_amount(spec: &JobSpec) -> Result<u64, DispatchError> {
		let cost = T::Jobs::cost(spec)?.saturating_add(T::Currency::minimum_balance());
		u64::try_from(cost.div_ceil(UNIT)).map_err(|_| sp_runtime::ArithmeticError::Overflow.into())
	}
}
