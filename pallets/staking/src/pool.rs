//! Pure arithmetic of a pool: what shares cost, what they are worth, how a slash is divided.
//!
//! Every rounding favours the pool: who buys gets the shares rounded down, who sells gives the shares rounded up, and
//! worth is rounded down. The holder of the last share takes what is left, so that nothing belongs to nobody.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use io_primitives::Balance;
use scale_info::TypeInfo;
use sp_runtime::{helpers_128bit::multiply_by_rational_with_rounding, Rounding};

/// Shares of a pool. The first buyer gets one for each unit.
pub type Shares = u128;

/// A pool whose share is worth less than a unit divided by this takes no money any more: shares would grow beyond any
/// bound.
const LEAST_PRICE: u128 = 1_000_000;

/// Who buys loses at most one of so many units to rounding, and one more, or cannot buy.
const MOST_LOSS: u128 = 1_000;

/// `a * b / c`, rounded down; 0 if `c` is 0, and the largest number if the result is larger.
pub(crate) fn mul_div(a: u128, b: u128, c: u128) -> u128 {
	if c == 0 {
		return 0;
	}
	multiply_by_rational_with_rounding(a, b, c, Rounding::Down).unwrap_or(u128::MAX)
}

/// Money that is owned by the holders of shares, in proportion.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	Default,
)]
pub struct Tranche {
	/// All shares.
	#[codec(compact)]
	pub shares: Shares,
	/// What they are worth together.
	#[codec(compact)]
	pub value: Balance,
}

impl Tranche {
	/// What so many of the shares are worth, rounded down.
	pub fn worth(&self, shares: Shares) -> Balance {
		mul_div(shares, self.value, self.shares)
	}

	/// Whether slashes have left so little that nobody may buy any more.
	pub fn is_emptied(&self) -> bool {
		self.value.saturating_mul(LEAST_PRICE) < self.shares
	}

	/// Adds money and returns the shares for it. `None`, with nothing changed, if the pool is emptied, or if the buyer
	/// would lose to rounding.
	pub(crate) fn buy(&mut self, value: Balance) -> Option<Shares> {
		if self.is_emptied() {
			return None;
		}
		let shares = if self.shares == 0 {
			value
		} else {
			multiply_by_rational_with_rounding(value, self.shares, self.value, Rounding::Down)?
		};
		let after = Tranche {
			shares: self.shares.checked_add(shares)?,
			value: self.value.checked_add(value)?,
		};
		let lost = value.saturating_sub(after.worth(shares));
		if shares == 0 || lost > value / MOST_LOSS + 1 {
			return None;
		}
		*self = after;
		Some(shares)
	}

	/// Adds money to all shares. Returns what is left if there are none.
	pub(crate) fn give(&mut self, value: Balance) -> Balance {
		if self.shares == 0 {
			return value;
		}
		self.value = self.value.saturating_add(value);
		0
	}

	/// Takes `value` out for a holder of `owned` shares, or all that these are worth if that is less. Returns the shares
	/// that are gone and the money.
	pub(crate) fn sell(&mut self, value: Balance, owned: Shares) -> (Shares, Balance) {
		let owned = owned.min(self.shares);
		let worth = self.worth(owned);
		let needed =
			multiply_by_rational_with_rounding(value, self.shares, self.value.max(1), Rounding::Up);
		let (shares, value) = match needed {
			Some(needed) if value < worth && needed < owned => (needed, value),
			_ => (owned, worth),
		};
		self.shares -= shares;
		self.value -= value;
		(shares, value)
	}

	/// Takes out all that `owned` shares are worth.
	pub(crate) fn sell_all(&mut self, owned: Shares) -> Balance {
		self.sell(Balance::MAX, owned).1
	}
}

/// Divides `amount` among values in proportion to them, to the unit: the parts add up to the amount, and none is larger
/// than its value. The amount must not be larger than the sum of the values.
pub(crate) struct Division {
	amount: Balance,
	whole: Balance,
}

impl Division {
	pub(crate) fn new(amount: Balance, whole: Balance) -> Self {
		Self { amount: amount.min(whole), whole }
	}

	/// The part of the next value. Each part is rounded up, of what is left: so the last one is exact.
	pub(crate) fn next(&mut self, value: Balance) -> Balance {
		let part =
			multiply_by_rational_with_rounding(value, self.amount, self.whole.max(1), Rounding::Up)
				.unwrap_or(self.amount)
				.min(self.amount)
				.min(value);
		self.whole = self.whole.saturating_sub(value);
		self.amount -= part;
		part
	}
}
