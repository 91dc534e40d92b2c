//! Which window a coin is spent in.
//!
//! Nobody chooses decoys: a window has all coins of its range. A coin lies in two windows at most, and a fair coin is
//! flipped between them. A fixed rule, such as the window in whose middle it lies, would tell in which half of the window
//! the coin is, and so halve the ring.

use alloc::vec::Vec;
use rand_core::{CryptoRng, RngCore};

use super::below;
use crate::window::{RingSize, Window};

/// The first window of a pool is used only from so many steps on: fewer coins hide nothing.
const FIRST_STEPS: u32 = 2;

/// The windows in which coin number `coin` can be spent while `matured` coins are old enough: each as long as permitted, so
/// that all wallets ask for the same ones.
pub fn windows(size: RingSize, matured: u64, coin: u64) -> Vec<Window> {
	let half = u64::from(size.half());
	let last = coin / half;
	[last.checked_sub(1), Some(last)]
		.into_iter()
		.flatten()
		.filter_map(|index| {
			let index = u32::try_from(index).ok()?;
			let there = matured.checked_sub(u64::from(index) * half)?;
			let places = size.places();
			let len = match u32::try_from(there) {
				Ok(there) if there < places => there - there % size.step(),
				_ => places,
			};
			let window = Window { index, len };
			let enough = index > 0 || len >= FIRST_STEPS * size.step();
			(enough && coin < window.end(size) && window.check(size, matured).is_ok())
				.then_some(window)
		})
		.collect()
}

/// A window for each coin, given the windows that each could be in: one for all if there is one, else two; none if two do
/// not suffice. Where several choices are left, chance decides.
pub fn choose<R: RngCore + CryptoRng>(options: &[&[Window]], rng: &mut R) -> Option<Vec<Window>> {
	let mut all: Vec<Window> = options.iter().flat_map(|windows| windows.iter().copied()).collect();
	all.sort_unstable();
	all.dedup();
	let fits = |allowed: &[Window]| {
		options.iter().all(|windows| windows.iter().any(|window| allowed.contains(window)))
	};
	let singles: Vec<Vec<Window>> =
		all.iter().map(|window| [*window].to_vec()).filter(|set| fits(set)).collect();
	let sets = if singles.is_empty() {
		let pairs = all
			.iter()
			.enumerate()
			.flat_map(|(at, one)| all[at + 1..].iter().map(move |other| [*one, *other].to_vec()));
		pairs.filter(|set| fits(set)).collect()
	} else {
		singles
	};
	if sets.is_empty() {
		return None;
	}
	let allowed = &sets[below(sets.len(), rng)];
	let chosen = options
		.iter()
		.map(|windows| {
			let left: Vec<_> = windows.iter().filter(|window| allowed.contains(window)).collect();
			*left[below(left.len(), rng)]
		})
		.collect();
	Some(chosen)
}

#[cfg(test)]
mod tests {
	use super::*;
	use rand_core::SeedableRng;

	const N: RingSize = RingSize::N1024;

	fn rng() -> rand_chacha::ChaCha20Rng {
		rand_chacha::ChaCha20Rng::seed_from_u64(3)
	}

	fn window(index: u32, len: u32) -> Window {
		Window { index, len }
	}

	#[test]
	fn should_offer_both_windows_when_both_are_full() {
		assert_eq!(windows(N, 5_000, 1_000), [window(0, 1024), window(1, 1024)]);
		assert_eq!(windows(N, 5_000, 1_024), [window(1, 1024), window(2, 1024)]);
		assert_eq!(windows(N, 5_000, 511), [window(0, 1024)], "the first half has one window");
	}

	#[test]
	fn should_offer_the_longest_partial_window_when_the_pool_is_young() {
		assert_eq!(windows(N, 63, 0), []);
		assert_eq!(windows(N, 64, 63), [window(0, 64)]);
		assert_eq!(windows(N, 100, 95), [window(0, 96)]);
		assert_eq!(windows(N, 100, 96), [], "not in a whole step yet");
		assert_eq!(windows(N, 1_023, 600), [window(0, 992)], "window 1 has 511 coins");
		assert_eq!(windows(N, 1_056, 600), [window(0, 1024), window(1, 544)]);
	}

	#[test]
	fn should_offer_only_windows_that_the_pool_permits() {
		for matured in (0..4_000).step_by(37) {
			for coin in (0..4_000).step_by(41) {
				for window in windows(N, matured, coin) {
					assert_eq!(window.check(N, matured), Ok(()), "{matured} {coin}");
					assert!((window.start(N)..window.end(N)).contains(&coin));
				}
			}
		}
		assert_eq!(windows(N, u64::MAX, u64::MAX), []);
	}

	#[test]
	fn should_flip_a_fair_coin_when_there_are_two_windows() {
		let (mut rng, two) = (rng(), [window(1, 1024), window(2, 1024)]);
		let first = (0..10_000).filter(|_| choose(&[&two], &mut rng).unwrap()[0] == two[0]);
		// The standard deviation is 50.
		assert!((4_700..=5_300).contains(&first.count()));
	}

	#[test]
	fn should_put_all_coins_into_one_window_when_one_holds_them() {
		let [a, b, c] = [1, 2, 3].map(|index| window(index, 1024));
		for _ in 0..50 {
			assert_eq!(choose(&[&[a, b], &[b, c]], &mut rng()), Some([b, b].to_vec()));
		}
	}

	#[test]
	fn should_use_two_windows_when_one_is_not_enough_and_none_when_two_are_not() {
		let [a, b, c, d] = [1, 2, 8, 20].map(|index| window(index, 1024));
		let mut rng = rng();
		let chosen = choose(&[&[a, b], &[c]], &mut rng).unwrap();
		assert!(chosen[0] != c && chosen[1] == c);
		assert_eq!(choose(&[&[a], &[c], &[d]], &mut rng), None);
		assert_eq!(choose(&[&[a], &[]], &mut rng), None);
		assert_eq!(choose(&[], &mut rng), None);
	}
}
