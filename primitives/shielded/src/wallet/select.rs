//! Which coins are spent: one, two or four of them, in two windows at most.
//!
//! Two are the usual number, even where one would do: a wallet that has two coins never shows that one of them sufficed.
//! Among the sets that suffice, chance decides.

use alloc::vec::Vec;
use rand_core::{CryptoRng, RngCore};

use super::{below, rings};
use crate::window::Window;

/// Among more coins than this only the largest are looked at: pairs of them are counted.
const MOST_CANDIDATES: usize = 1_000;

/// A coin that could be spent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
	/// Its number in the pool.
	pub coin: u64,
	/// Micro-IO.
	pub amount: u64,
	/// Where it can be spent: [`rings::windows`].
	pub windows: Vec<Window>,
}

/// What a bundle looks like from outside; all that its fee may depend on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Shape {
	/// Coins that are spent: 1, 2 or 4.
	pub inputs: usize,
	/// Windows that they are in: 1 or 2.
	pub windows: usize,
	/// Coins that are made: 2 or 4.
	pub outputs: usize,
}

/// The coins to spend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selection {
	/// Numbers of the coins, and the windows that they are spent in.
	pub inputs: Vec<(u64, Window)>,
	/// Micro-IO.
	pub fee: u64,
	/// Micro-IO that come back.
	pub change: u64,
}

/// Why no coins can be chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SelectError {
	/// All coins that can be spent now are not enough for the amount and the fee.
	Insufficient {
		/// What they are worth together, micro-IO.
		available: u64,
		/// Amount and fee, micro-IO.
		needed: u64,
	},
	/// There is enough, but in too many pieces, or in pieces too far apart, for one bundle.
	Scattered {
		/// The most that one bundle could pay now beside its fee, micro-IO.
		most: u64,
	},
}

/// Chooses coins for `amount` and a fee, which depends on the shape.
pub fn select<R: RngCore + CryptoRng>(
	candidates: &[Candidate],
	amount: u64,
	outputs: usize,
	fee: impl Fn(Shape) -> u64,
	rng: &mut R,
) -> Result<Selection, SelectError> {
	let mut coins: Vec<&Candidate> =
		candidates.iter().filter(|coin| !coin.windows.is_empty()).collect();
	coins.sort_unstable_by_key(|coin| (core::cmp::Reverse(coin.amount), coin.coin));
	let available = sum(&coins);
	coins.truncate(MOST_CANDIDATES);

	let mut sets = if coins.len() == 1 { [coins.clone()].to_vec() } else { Vec::new() };
	for (at, one) in coins.iter().enumerate() {
		sets.extend(coins[at + 1..].iter().map(|other| [*one, *other].to_vec()));
	}
	let four = fours(&coins);
	let mut most = 0;
	for sets in [sets, four] {
		let found = enough(&sets, amount, outputs, &fee, &mut most);
		if !found.is_empty() {
			let (set, windows) = found[below(found.len(), rng)];
			return complete(set, windows, amount, outputs, &fee, rng)
				.ok_or(SelectError::Scattered { most });
		}
	}
	let least = fee(Shape { inputs: coins.len().clamp(1, 2), windows: 1, outputs });
	let needed = amount.saturating_add(least);
	if available < needed {
		Err(SelectError::Insufficient { available, needed })
	} else {
		Err(SelectError::Scattered { most })
	}
}

fn sum(coins: &[&Candidate]) -> u64 {
	coins.iter().fold(0, |sum: u64, coin| sum.saturating_add(coin.amount))
}

/// The sets that suffice: those in one window, or if there are none, those in two. `most` becomes the most that any of
/// `sets` could pay.
fn enough<'s, 'c>(
	sets: &'s [Vec<&'c Candidate>],
	amount: u64,
	outputs: usize,
	fee: &impl Fn(Shape) -> u64,
	most: &mut u64,
) -> Vec<(&'s [&'c Candidate], usize)> {
	let mut found = [Vec::new(), Vec::new()];
	for set in sets {
		let windows = if in_one_window(set) { 1 } else { 2 };
		let cost = fee(Shape { inputs: set.len(), windows, outputs });
		let left = sum(set).saturating_sub(cost);
		*most = left.max(*most);
		if left >= amount && sum(set) >= cost {
			found[windows - 1].push((set.as_slice(), windows));
		}
	}
	let [one, two] = found;
	if one.is_empty() {
		two
	} else {
		one
	}
}

fn in_one_window(set: &[&Candidate]) -> bool {
	let Some((first, others)) = set.split_first() else { return false };
	first.windows.iter().any(|window| others.iter().all(|coin| coin.windows.contains(window)))
}

/// For each pair of windows, the four largest coins in them.
fn fours<'c>(coins: &[&'c Candidate]) -> Vec<Vec<&'c Candidate>> {
	let mut windows: Vec<Window> =
		coins.iter().flat_map(|coin| coin.windows.iter().copied()).collect();
	windows.sort_unstable();
	windows.dedup();
	let mut sets: Vec<Vec<&Candidate>> = Vec::new();
	for (at, one) in windows.iter().enumerate() {
		for other in &windows[at..] {
			let set: Vec<_> = coins
				.iter()
				.filter(|coin| coin.windows.contains(one) || coin.windows.contains(other))
				.take(4)
				.copied()
				.collect();
			if set.len() == 4 && !sets.contains(&set) {
				sets.push(set);
			}
		}
	}
	sets
}

fn complete<R: RngCore + CryptoRng>(
	set: &[&Candidate],
	windows: usize,
	amount: u64,
	outputs: usize,
	fee: &impl Fn(Shape) -> u64,
	rng: &mut R,
) -> Option<Selection> {
	let options: Vec<&[Window]> = set.iter().map(|coin| coin.windows.as_slice()).collect();
	let chosen = rings::choose(&options, rng)?;
	let fee = fee(Shape { inputs: set.len(), windows, outputs });
	let change = sum(set).checked_sub(amount)?.checked_sub(fee)?;
	let inputs = set.iter().map(|coin| coin.coin).zip(chosen).collect();
	Some(Selection { inputs, fee, change })
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;
	use rand_core::SeedableRng;

	fn rng() -> rand_chacha::ChaCha20Rng {
		rand_chacha::ChaCha20Rng::seed_from_u64(5)
	}

	fn candidate(coin: u64, amount: u64, windows: &[u32]) -> Candidate {
		let windows = windows.iter().map(|index| Window { index: *index, len: 1024 }).collect();
		Candidate { coin, amount, windows }
	}

	fn fee(shape: Shape) -> u64 {
		10 * (shape.inputs + shape.windows) as u64
	}

	fn chosen(coins: &[Candidate], amount: u64) -> Result<Vec<u64>, SelectError> {
		select(coins, amount, 2, fee, &mut rng()).map(|selection| {
			let mut coins: Vec<u64> = selection.inputs.iter().map(|(coin, _)| *coin).collect();
			coins.sort_unstable();
			coins
		})
	}

	#[test]
	fn should_spend_two_coins_when_one_would_do() {
		let coins = [candidate(1, 1_000, &[0]), candidate(2, 0, &[0])];
		assert_eq!(chosen(&coins, 500), Ok([1, 2].to_vec()));
	}

	#[test]
	fn should_spend_one_coin_only_when_there_is_no_other() {
		let coins = [candidate(1, 1_000, &[0]), candidate(2, 5_000, &[])];
		let selection = select(&coins, 980, 2, fee, &mut rng()).unwrap();
		assert_eq!(selection.inputs, [(1, Window { index: 0, len: 1024 })]);
		assert_eq!((selection.fee, selection.change), (20, 0));
	}

	#[test]
	fn should_spend_four_coins_when_two_are_not_enough() {
		let coins: Vec<_> = (0..6).map(|i| candidate(i, 100 + i, &[0])).collect();
		assert_eq!(chosen(&coins, 300), Ok([2, 3, 4, 5].to_vec()));
	}

	#[test]
	fn should_prefer_coins_of_one_window() {
		let coins =
			[candidate(1, 1_000, &[0, 1]), candidate(2, 1_000, &[9]), candidate(3, 10, &[1, 2])];
		for _ in 0..20 {
			assert_eq!(chosen(&coins, 500), Ok([1, 3].to_vec()));
		}
		assert_eq!(chosen(&coins, 1_500), Ok([1, 2].to_vec()), "two windows if it has to be");
	}

	#[test]
	fn should_say_what_is_missing_when_there_is_too_little() {
		let coins = [candidate(1, 100, &[0]), candidate(2, 50, &[0])];
		assert_eq!(
			chosen(&coins, 121),
			Err(SelectError::Insufficient { available: 150, needed: 151 })
		);
		assert_eq!(chosen(&coins, 120), Ok([1, 2].to_vec()));
		assert_eq!(chosen(&[], 1), Err(SelectError::Insufficient { available: 0, needed: 21 }));
		assert!(matches!(
			chosen(&coins, u64::MAX),
			Err(SelectError::Insufficient { needed: u64::MAX, .. })
		));
	}

	#[test]
	fn should_say_how_much_goes_at_once_when_there_are_too_many_pieces() {
		let coins: Vec<_> = (0..6).map(|i| candidate(i, 100, &[0])).collect();
		assert_eq!(chosen(&coins, 400), Err(SelectError::Scattered { most: 350 }));
		// Far apart: any two are possible, four are not.
		let coins: Vec<_> = (0..6).map(|i| candidate(i, 100, &[10 * i as u32])).collect();
		assert_eq!(chosen(&coins, 200), Err(SelectError::Scattered { most: 160 }));
	}

	#[test]
	fn should_not_always_choose_the_same_coins() {
		let coins: Vec<_> = (0..6).map(|i| candidate(i, 1_000, &[0])).collect();
		let mut rng = rng();
		let mut seen = alloc::collections::BTreeSet::new();
		for _ in 0..200 {
			let selection = select(&coins, 10, 2, fee, &mut rng).unwrap();
			seen.extend(selection.inputs.iter().map(|(coin, _)| *coin));
		}
		assert_eq!(seen.len(), 6);
	}

	proptest! {
		#[test]
		fn should_always_balance(
			coins in proptest::collection::vec((0u64..2_000, 0u32..6), 0..12),
			amount in 1u64..6_000,
			seed: u64,
		) {
			let coins: Vec<_> = coins
				.into_iter()
				.enumerate()
				.map(|(i, (amount, window))| candidate(i as u64, amount, &[window, window + 1]))
				.collect();
			let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(seed);
			let total: u64 = coins.iter().map(|coin| coin.amount).sum();
			match select(&coins, amount, 4, fee, &mut rng) {
				Ok(selection) => {
					let mut numbers: Vec<_> = selection.inputs.iter().map(|(c, _)| *c).collect();
					let spent: u64 = numbers.iter().map(|c| coins[*c as usize].amount).sum();
					prop_assert_eq!(spent, amount + selection.fee + selection.change);
					prop_assert!([1, 2, 4].contains(&numbers.len()));
					numbers.dedup();
					prop_assert_eq!(numbers.len(), selection.inputs.len());
					let mut windows: Vec<_> = selection.inputs.iter().map(|(_, w)| *w).collect();
					windows.sort_unstable();
					windows.dedup();
					prop_assert!(windows.len() <= 2);
					let shape = Shape { inputs: numbers.len(), windows: windows.len(), outputs: 4 };
					prop_assert!(selection.fee >= fee(shape));
					for (coin, window) in &selection.inputs {
						prop_assert!(coins[*coin as usize].windows.contains(window));
					}
				},
				Err(SelectError::Insufficient { available, needed }) => {
					prop_assert_eq!(available, total);
					prop_assert!(available < needed);
				},
				Err(SelectError::Scattered { most }) => prop_assert!(most < amount),
			}
		}
	}
}
