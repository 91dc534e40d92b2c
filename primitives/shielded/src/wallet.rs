//! What a wallet does beside keys and notes: it follows the pool, chooses coins and rings, makes bundles, and proves
//! payments.
//!
//! Nothing here talks to a node. [`ledger::Ledger`] takes blocks in order and takes them back after a re-organisation;
//! [`select`] chooses coins, [`rings`] the windows that they are spent in, [`spend`] makes the bundle; [`payment`] proves
//! to a third party what was paid.

pub mod ledger;
pub mod memo;
pub mod payment;
pub mod rings;
pub mod select;
pub mod spend;

use rand_core::{CryptoRng, RngCore};

use crate::keys::{SpendKey, ViewKey};

/// The keys of a wallet.
pub enum Keys {
	/// It sees and spends.
	Spend(SpendKey),
	/// It only sees.
	View(ViewKey),
}

impl Keys {
	/// The part that sees.
	pub fn view(&self) -> &ViewKey {
		match self {
			Self::Spend(keys) => keys.view_key(),
			Self::View(view) => view,
		}
	}

	/// The whole, if it is here.
	pub fn spend(&self) -> Option<&SpendKey> {
		match self {
			Self::Spend(keys) => Some(keys),
			Self::View(_) => None,
		}
	}
}

/// A number below `count`, which is above 0; the bias is below `count / 2^64`.
fn below<R: RngCore + CryptoRng>(count: usize, rng: &mut R) -> usize {
	(rng.next_u64() % count as u64) as usize
}

/// Puts things into an order that says nothing about them (Fisher and Yates).
fn shuffle<T, R: RngCore + CryptoRng>(things: &mut [T], rng: &mut R) {
	for last in (1..things.len()).rev() {
		things.swap(last, below(last + 1, rng));
	}
}
