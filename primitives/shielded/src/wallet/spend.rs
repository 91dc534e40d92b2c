//! Making a bundle: notes for the receivers, change, padding, and the proofs.

use alloc::vec::Vec;
use rand_core::{CryptoRng, RngCore};

use super::{
	ledger::{Dispatch, Outgoing, OwnedCoin},
	memo, shuffle,
};
use crate::{
	address::Address,
	build::{build_bundle, BuildError, Plan, Spend},
	bundle::{is_stamp, Bundle, Coin, Domain, Target},
	keys::SpendKey,
	note::{Memo, NewNote, Origin, MEMO_LEN},
	verify::Ring,
	window::Window,
	Hash,
};

/// Blocks for which a bundle is valid after its era.
pub const VALID_FOR: u32 = 256;
/// Coins that a bundle makes for others, at most: one is always change.
pub const MOST_RECIPIENTS: usize = 3;

/// Somebody who is paid privately.
#[derive(Clone)]
pub struct Recipient {
	/// The address.
	pub to: Address,
	/// Micro-IO.
	pub amount: u64,
	/// Only the receiver can read it.
	pub memo: Memo,
}

/// A coin to spend, and its ring.
pub struct Input<'a> {
	/// The coin.
	pub coin: &'a OwnedCoin,
	/// The window in which it is spent.
	pub window: Window,
	/// All coins of the window.
	pub ring: &'a [Coin],
}

/// What a bundle is to do.
pub struct Order<'a> {
	/// Whom it pays privately.
	pub recipients: &'a [Recipient],
	/// What it pays in the open.
	pub target: Target,
	/// Micro-IO.
	pub fee: u64,
	/// Who has to submit the bundle, and gets the fee.
	pub fee_to: Option<Hash>,
	/// Number and hash of a recent block.
	pub era: (u32, Hash),
	/// Coins of the whole pool that may be spent.
	pub matured: u64,
}

/// Why no bundle was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpendError {
	/// More recipients than a bundle has room for.
	TooManyRecipients,
	/// The inputs are not worth enough, or too much to be counted.
	Amount,
	/// The ring does not hold the coin where it has to be: the node tells something else than it told while the wallet was
	/// scanned.
	Ring {
		/// Number of the coin.
		coin: u64,
	},
	/// The proofs could not be made, or do not hold.
	Build(BuildError),
}

impl core::fmt::Display for SpendError {
	fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
		match self {
			Self::TooManyRecipients => write!(f, "a bundle pays at most {MOST_RECIPIENTS}"),
			Self::Amount => f.write_str("the coins are not worth what is to be paid"),
			Self::Ring { coin } => write!(f, "the node does not show coin {coin} where it was"),
			Self::Build(error) => error.fmt(f),
		}
	}
}

impl core::error::Error for SpendError {}

/// Coins that a bundle for so many recipients makes: one is change, and what is left over are worthless coins for the
/// wallet itself.
pub fn outputs(recipients: usize) -> usize {
	if recipients < 2 {
		2
	} else {
		4
	}
}

/// Makes the bundle and checks it. The order of inputs and outputs says nothing. What it returns beside the bundle is for
/// [`super::ledger::Ledger::dispatch`].
pub fn make<R: RngCore + CryptoRng>(
	keys: &SpendKey,
	domain: &Domain,
	mut inputs: Vec<Input<'_>>,
	order: &Order<'_>,
	rng: &mut R,
) -> Result<(Bundle, Dispatch), SpendError> {
	let Order { recipients, target, fee, fee_to, era, matured } = order;
	if recipients.len() > MOST_RECIPIENTS {
		return Err(SpendError::TooManyRecipients);
	}
	let checked = |sum: Option<u64>, amount: u64| sum?.checked_add(amount);
	let spent = inputs.iter().map(|input| input.coin.amount).fold(Some(0), checked);
	let paid = recipients.iter().map(|recipient| recipient.amount).fold(Some(0), checked);
	let change = (|| spent?.checked_sub(paid?)?.checked_sub(*fee)?.checked_sub(target.amount()))()
		.ok_or(SpendError::Amount)?;

	shuffle(&mut inputs, rng);
	let tag = inputs.first().ok_or(SpendError::Amount)?.coin.secret.tag(keys);
	let origin = Origin::Bundle { tag };
	let coins: Vec<u64> = inputs.iter().map(|input| input.coin.number).collect();

	let mut payments = Vec::new();
	let mut notes = Vec::new();
	for Recipient { to, amount, memo } in *recipients {
		let note = NewNote::new(to, *amount, memo, &origin, rng);
		payments.push(Outgoing {
			key: note.note.key,
			to: to.to_bytes(),
			amount: *amount,
			memo: *memo,
			anchor: note.anchor,
			coin: None,
		});
		notes.push(note);
	}
	let own = keys.view_key().address(0);
	let told = memo::spent(keys.view_key(), &origin, &coins);
	notes.push(NewNote::new(&own, change, &told, &origin, rng));
	while notes.len() < outputs(recipients.len()) {
		notes.push(NewNote::new(&own, 0, &[0; MEMO_LEN], &origin, rng));
	}
	shuffle(&mut notes, rng);

	let mut spends = Vec::new();
	for Input { coin, window, ring } in &inputs {
		let wrong = SpendError::Ring { coin: coin.number };
		let place = coin.number.checked_sub(window.start(domain.size)).ok_or(wrong)?;
		let place = u32::try_from(place).map_err(|_| wrong)?;
		if ring.get(place as usize) != Some(&coin.coin) {
			return Err(wrong);
		}
		spends.push(Spend {
			ring: Ring { window: *window, coins: ring },
			place,
			spend_key: coin.secret.key(keys),
			opening: coin.secret.opening(coin.amount),
		});
	}
	let outputs: Vec<_> = notes.iter().map(|note| (note.note, note.opening.clone())).collect();
	let plan = Plan {
		domain,
		matured: *matured,
		spends: &spends,
		outputs: &outputs,
		fee: *fee,
		fee_to: *fee_to,
		target: *target,
		era: era.0,
		era_hash: era.1,
	};
	let bundle = build_bundle(&plan, rng).map_err(SpendError::Build)?;
	let dispatch = Dispatch {
		tag,
		coins,
		expires: era.0.saturating_add(VALID_FOR),
		payments,
		target: *target,
		fee: *fee,
	};
	Ok((bundle, dispatch))
}

/// Looks for stamps: `2^bits` hashes for each on average. A pool of transactions has no room for a bundle if another one
/// with the same [`stamp_place`] pays as much: then the next stamp may do.
pub fn stamps(bundle: &Bundle, domain: &Domain, bits: u32) -> impl Iterator<Item = u64> {
	let id = bundle.id(domain);
	(0..=u64::MAX).filter(move |nonce| is_stamp(&id, *nonce, bits))
}

#[cfg(test)]
mod tests;
