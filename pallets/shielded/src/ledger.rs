//! The coins: numbered in the order in which they were made, never changed, never removed.

use alloc::vec::Vec;
use frame_support::{ensure, BoundedVec};
use io_primitives::BlockNumber;
use io_shielded::Coin;

use crate::{Chunks, Config, Count, Error, History, Keys, Pallet, CHUNK, MATURITY, MAX_COINS};

/// Numbers of coins at the ends of the last blocks that made some, oldest first.
pub type Counts = BoundedVec<(BlockNumber, u64), frame_support::traits::ConstU32<{ MATURITY + 1 }>>;

/// The number of coins at the end of block `block`, as far as `counts` reaches back.
fn count_at(counts: &Counts, block: BlockNumber) -> u64 {
	counts.iter().rev().find(|(at, _)| *at <= block).map_or(0, |(_, count)| *count)
}

impl<T: Config> Pallet<T> {
	/// Adds coins and returns the number of the first one. May have changed something if it fails.
	pub(crate) fn append(coins: impl Iterator<Item = Coin>) -> Result<u64, Error<T>> {
		let first = Count::<T>::get();
		let mut count = first;
		for coin in coins {
			ensure!(!Keys::<T>::contains_key(coin.key), Error::<T>::KeyExists);
			Keys::<T>::insert(coin.key, ());
			let chunk =
				u32::try_from(count / u64::from(CHUNK)).map_err(|_| Error::<T>::PoolFull)?;
			Chunks::<T>::try_append(chunk, coin).map_err(|()| Error::<T>::PoolFull)?;
			count = count.saturating_add(1);
		}
		Count::<T>::put(count);
		Self::note_count(count);
		Ok(first)
	}

	/// Remembers how many coins there are in this block, and forgets what no longer decides what is mature.
	fn note_count(count: u64) {
		let now = Self::now();
		History::<T>::mutate(|counts| {
			if let Some(last) = counts.last_mut().filter(|(at, _)| *at == now) {
				last.1 = count;
				return;
			}
			let mature = now.saturating_sub(MATURITY);
			while counts.get(1).is_some_and(|(at, _)| *at <= mature) {
				counts.remove(0);
			}
			// One entry is as old as that, and at most one stands for each younger block.
			if counts.try_push((now, count)).is_err() {
				frame_support::defensive!("the history is longer than the time to maturity");
			}
		});
	}

	/// The coins that bundles may use in this block: those that were there [`MATURITY`] blocks ago.
	pub fn matured() -> u64 {
		match Self::now().checked_sub(MATURITY) {
			Some(block) => count_at(&History::<T>::get(), block),
			None => 0,
		}
	}

	/// `count` coins from number `start` on, or fewer if they are not there.
	pub(crate) fn coins_from(start: u64, count: u32) -> Vec<Coin> {
		let skip = (start % u64::from(CHUNK)) as usize;
		let wanted = skip.saturating_add(count as usize);
		let mut coins = Vec::with_capacity(wanted);
		let mut chunk = start / u64::from(CHUNK);
		while coins.len() < wanted {
			let found = u32::try_from(chunk).map(Chunks::<T>::get).unwrap_or_default();
			let complete = found.is_full();
			coins.extend(found);
			if !complete {
				break;
			}
			chunk = chunk.saturating_add(1);
		}
		coins.truncate(wanted);
		coins.drain(..skip.min(coins.len()));
		coins
	}

	/// At most [`MAX_COINS`] coins, for the runtime API.
	pub fn coins(start: u64, count: u32) -> Vec<Coin> {
		Self::coins_from(start, count.min(MAX_COINS))
	}
}
