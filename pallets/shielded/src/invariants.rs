//! What must hold after every block and every call, as far as a state shows it.

use alloc::collections::BTreeSet;
use frame_support::{
	ensure,
	traits::{fungible::Inspect, Get},
};
use io_primitives::Balance;
use io_shielded::bundle::proper_point;
use sp_runtime::TryRuntimeError;

use crate::{
	Chunks, Config, Count, History, Keys, Outflows, Pallet, Paused, ShieldedSupply, Tags, CHUNK,
	UNIT,
};

impl<T: Config> Pallet<T> {
	/// Checks all invariants.
	pub(crate) fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_money()?;
		Self::check_coins()?;
		Self::check_history()?;
		Self::check_brakes()
	}

	/// The turnstile: what the coins are worth is what is on hold.
	fn check_money() -> Result<(), TryRuntimeError> {
		let supply = ShieldedSupply::<T>::get();
		ensure!(Self::held() == supply, "the pool does not hold what its coins are worth");
		ensure!(supply.is_multiple_of(UNIT), "the coins are worth a fraction of a unit");
		ensure!(supply / UNIT <= Balance::from(u64::MAX), "the coins are worth too much");
		ensure!(
			T::Currency::balance(&Self::account()) >= T::Currency::minimum_balance(),
			"the pool's account can be reaped"
		);
		Ok(())
	}

	fn check_coins() -> Result<(), TryRuntimeError> {
		let count = Count::<T>::get();
		let mut keys = BTreeSet::new();
		let mut left = count;
		for index in 0..count.div_ceil(CHUNK.into()) {
			let index = u32::try_from(index).map_err(|_| "there are too many chunks")?;
			let coins = Chunks::<T>::get(index);
			let expected = left.min(CHUNK.into());
			ensure!(coins.len() as u64 == expected, "a chunk lacks coins, or has too many");
			left -= expected;
			for coin in coins {
				ensure!(proper_point(&coin.key).is_ok(), "a coin's key is no point");
				ensure!(proper_point(&coin.commitment).is_ok(), "a commitment is no point");
				ensure!(Keys::<T>::contains_key(coin.key), "a coin's key is not noted");
				ensure!(keys.insert(coin.key), "two coins have the same key");
			}
		}
		ensure!(
			Chunks::<T>::iter_keys().count() as u64 == count.div_ceil(CHUNK.into()),
			"there is a chunk without coins"
		);
		ensure!(Keys::<T>::iter_keys().count() as u64 == count, "a key belongs to no coin");
		ensure!(
			Tags::<T>::iter_keys().count() as u64 <= count,
			"more coins were spent than there are"
		);
		for tag in Tags::<T>::iter_keys() {
			ensure!(proper_point(&tag).is_ok(), "a tag is no point");
		}
		Ok(())
	}

	fn check_history() -> Result<(), TryRuntimeError> {
		let counts = History::<T>::get();
		ensure!(
			counts.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1),
			"the history of the coins is out of order"
		);
		ensure!(counts.iter().all(|(at, _)| *at <= Self::now()), "coins come from the future");
		ensure!(
			counts.last().map_or(0, |(_, count)| *count) == Count::<T>::get(),
			"the history does not end with the coins that there are"
		);
		ensure!(Self::matured() <= Count::<T>::get(), "more coins are mature than there are");
		Ok(())
	}

	fn check_brakes() -> Result<(), TryRuntimeError> {
		let now = Self::now();
		ensure!(Outflows::<T>::get().at <= now, "money left in a block to come");
		if let Some(pause) = Paused::<T>::get() {
			let longest = now.saturating_add(T::MaxPause::get());
			ensure!(pause.until <= longest, "a pause is too long");
		}
		Ok(())
	}
}
