//! Memos: text from the sender, or a wallet's message to itself.
//!
//! The change of a bundle carries the numbers of the coins that were spent for it. A wallet that has only the view key
//! cannot compute tags, and learns in this way what has gone. The message is authenticated with the view key: nobody else
//! can make a watcher believe that a coin was spent.

use alloc::{string::String, vec::Vec};

use crate::{
	bundle::MAX_INPUTS,
	hash::hash,
	keys::ViewKey,
	note::{Memo, Origin, MEMO_LEN},
};

/// No text begins with it: it is not UTF-8.
const MACHINE: u8 = 0xff;
/// Kind of message: spent coins.
const SPENT: u8 = 1;
const MAC_LEN: usize = 16;
const NUMBERS: usize = 3;
const MAC: usize = NUMBERS + 8 * MAX_INPUTS as usize;
const _: () = assert!(MAC + MAC_LEN <= MEMO_LEN);

/// The text does not fit: a memo has 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLong;

/// A memo with a text.
pub fn text(text: &str) -> Result<Memo, TooLong> {
	let mut memo = [0; MEMO_LEN];
	memo.get_mut(..text.len()).ok_or(TooLong)?.copy_from_slice(text.as_bytes());
	Ok(memo)
}

/// The text of a memo: nothing if it is empty or something else than text. Control characters, which could mislead who
/// reads it on a terminal, are left out.
pub fn read(memo: &Memo) -> Option<String> {
	let end = memo.iter().rposition(|byte| *byte != 0)? + 1;
	let text = core::str::from_utf8(&memo[..end]).ok()?;
	Some(text.chars().filter(|c| !c.is_control()).collect())
}

/// The message of a bundle's change: which coins the bundle spends, by their numbers in the pool. At most four are kept.
pub(crate) fn spent(view: &ViewKey, origin: &Origin, coins: &[u64]) -> Memo {
	let mut memo = [0; MEMO_LEN];
	let coins = &coins[..coins.len().min(MAX_INPUTS as usize)];
	memo[..NUMBERS].copy_from_slice(&[MACHINE, SPENT, coins.len() as u8]);
	for (place, coin) in memo[NUMBERS..MAC].chunks_exact_mut(8).zip(coins) {
		place.copy_from_slice(&coin.to_le_bytes());
	}
	let mac = mac(view, origin, &memo[..MAC]);
	memo[MAC..MAC + MAC_LEN].copy_from_slice(&mac);
	memo
}

/// The coins that a bundle of this wallet spent, if the memo is a message that this wallet made for that bundle.
pub(crate) fn read_spent(view: &ViewKey, origin: &Origin, memo: &Memo) -> Option<Vec<u64>> {
	let [MACHINE, SPENT, count, ..] = *memo else { return None };
	// The view key is the watcher's own, and the memo came out of an authenticated ciphertext: nobody can measure how
	// long this comparison takes.
	if memo[MAC..MAC + MAC_LEN] != mac(view, origin, &memo[..MAC]) || u32::from(count) > MAX_INPUTS
	{
		return None;
	}
	let number = |bytes: &[u8]| {
		let mut number = [0; 8];
		number.copy_from_slice(bytes);
		u64::from_le_bytes(number)
	};
	Some(memo[NUMBERS..MAC].chunks_exact(8).take(count.into()).map(number).collect())
}

fn mac(view: &ViewKey, origin: &Origin, message: &[u8]) -> [u8; MAC_LEN] {
	let digest = hash("change", &[view.secret_bytes(), &origin.context(), message]);
	let mut mac = [0; MAC_LEN];
	mac.copy_from_slice(&digest[..MAC_LEN]);
	mac
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::keys::SpendKey;

	const ORIGIN: Origin = Origin::Bundle { tag: [4; 32] };

	#[test]
	fn should_read_back_text() {
		for written in ["a", "invoice 12 \u{1f436}", &"x".repeat(64)] {
			assert_eq!(read(&text(written).unwrap()).as_deref(), Some(written));
		}
		assert_eq!(read(&text("").unwrap()), None);
		assert_eq!(text(&"x".repeat(65)), Err(TooLong));
		assert_eq!(text(&"\u{1f436}".repeat(17)), Err(TooLong));
	}

	#[test]
	fn should_leave_out_what_could_mislead_on_a_terminal() {
		assert_eq!(read(&text("a\u{1b}[31mb\rc\n").unwrap()).as_deref(), Some("a[31mbc"));
		assert_eq!(read(&[0xff; MEMO_LEN]), None);
		assert_eq!(read(&[0xc3; MEMO_LEN]), None);
	}

	#[test]
	fn should_tell_spent_coins_only_to_the_wallet_that_spent_them() {
		let (own, other) = (SpendKey::from_seed(&[1; 32]), SpendKey::from_seed(&[2; 32]));
		let coins = [7, u64::MAX, 0, 9];
		for count in 0..=4 {
			let memo = spent(own.view_key(), &ORIGIN, &coins[..count]);
			assert_eq!(read(&memo), None);
			let told = read_spent(own.view_key(), &ORIGIN, &memo);
			assert_eq!(told.as_deref(), Some(&coins[..count]));
			assert_eq!(read_spent(other.view_key(), &ORIGIN, &memo), None);
			let replayed = Origin::Bundle { tag: [5; 32] };
			assert_eq!(read_spent(own.view_key(), &replayed, &memo), None);
			for at in 0..MAC + MAC_LEN {
				let mut changed = memo;
				changed[at] ^= 1;
				assert_eq!(read_spent(own.view_key(), &ORIGIN, &changed), None, "{at}");
			}
		}
	}
}
