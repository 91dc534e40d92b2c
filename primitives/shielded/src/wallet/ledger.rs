//! What a wallet knows of the pool: its coins, where they came from and where they went.
//!
//! Blocks are applied in order. After a re-organisation [`Ledger::roll_back`] takes them back, and the new ones are
//! applied. A block that does not follow the last one, or whose coins do not follow the last ones of the pool, is refused:
//! no coin is missed silently.

use alloc::{collections::VecDeque, vec::Vec};
use codec::{Decode, Encode};

use super::{memo, Keys};
use crate::{
	bundle::{Coin, MintNote, OutputNote, Target},
	keys::Addresses,
	note::{CoinSecret, Incoming, Memo, Origin, Received, ANCHOR_LEN},
	Hash, PointBytes,
};

/// Blocks that can be taken back, those without coins for the pool not counted.
pub const DEEPEST_FORK: usize = 512;
/// Addresses beyond the last used one that a scan looks at, so that a restored wallet finds what was sent to them.
const GAP: u32 = 20;

/// A block by number and hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub struct BlockRef {
	/// Its height.
	pub number: u32,
	/// Its hash.
	pub hash: Hash,
}

/// What a block did to the pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
	/// The block.
	pub at: BlockRef,
	/// Hash of the one before it.
	pub parent: Hash,
	/// In the order in which they made coins.
	pub transfers: Vec<Transfer>,
}

/// What made coins, or spent some.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Transfer {
	/// An account paid in.
	Mint {
		/// Number of the coin.
		coin: u64,
		/// The account.
		depositor: Hash,
		/// Micro-IO.
		amount: u64,
		/// The note.
		note: MintNote,
	},
	/// A bundle.
	Bundle {
		/// Number of the first coin that it made.
		first: u64,
		/// Tags of the coins that it spent.
		tags: Vec<PointBytes>,
		/// The notes.
		outputs: Vec<OutputNote>,
		/// Micro-IO.
		fee: u64,
		/// What it paid in the open.
		target: Target,
	},
}

impl Transfer {
	/// Number of the first coin that it made, and how many.
	pub fn coins(&self) -> (u64, u64) {
		match self {
			Self::Mint { coin, .. } => (*coin, 1),
			Self::Bundle { first, outputs, .. } => (*first, outputs.len() as u64),
		}
	}
}

/// A coin of the wallet.
#[derive(Clone, Encode, Decode)]
pub struct OwnedCoin {
	/// Its number in the pool.
	pub number: u64,
	/// What the chain has of it.
	pub coin: Coin,
	/// Micro-IO.
	pub amount: u64,
	/// Number of the address that it was sent to.
	pub address: u32,
	/// What the sender chose at random.
	pub anchor: [u8; ANCHOR_LEN],
	/// How it came into the pool.
	pub origin: Origin,
	/// Block in which it came.
	pub block: u32,
	/// What is needed to spend it, beside the key.
	pub secret: CoinSecret,
	/// Tag that appears when it is spent; unknown to a wallet that only sees.
	pub tag: Option<PointBytes>,
	/// Block in which it was spent.
	pub spent: Option<u32>,
}

/// Something that happened to the wallet.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
	/// In which block.
	pub block: u32,
	/// What.
	pub event: Event,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub enum Event {
	/// A coin came, from an account or from a stranger's bundle.
	Received {
		/// Number of the coin.
		coin: u64,
		/// Micro-IO.
		amount: u64,
		/// Number of the address that it was sent to.
		address: u32,
		/// What the sender wrote.
		memo: Memo,
		/// How it came into the pool.
		origin: Origin,
	},
	/// A bundle of this wallet.
	Sent {
		/// Tag of its first input, which names it.
		tag: PointBytes,
		/// Micro-IO of the coins that it spent.
		spent: u64,
		/// Micro-IO that came back.
		change: u64,
		/// Micro-IO.
		fee: u64,
		/// What it paid in the open.
		target: Target,
	},
}

/// What a bundle of this wallet pays to somebody. The chain does not show it: only who made the bundle can know it.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Outgoing {
	/// The one-time key of the output.
	pub key: PointBytes,
	/// `S_i || V_i`.
	pub to: [u8; 64],
	/// Micro-IO.
	pub amount: u64,
	/// For the receiver.
	pub memo: Memo,
	/// With it the payment can be proven.
	pub anchor: [u8; ANCHOR_LEN],
	/// Number of the coin, as soon as it is in the pool.
	pub coin: Option<u64>,
}

/// A bundle that this wallet made, whether it has got into a block or not.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Dispatch {
	/// Tag of its first input, which names it.
	pub tag: PointBytes,
	/// Numbers of the coins that it spends.
	pub coins: Vec<u64>,
	/// Last block that can have it.
	pub expires: u32,
	/// Whom it pays.
	pub payments: Vec<Outgoing>,
	/// What it pays in the open.
	pub target: Target,
	/// Micro-IO.
	pub fee: u64,
}

/// Why a block was not applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LedgerError {
	/// It does not follow the last one: there was a re-organisation, or one was left out.
	NotNext {
		/// The last block.
		last: BlockRef,
	},
	/// Its coins do not follow the last ones of the pool.
	Gap {
		/// Number of the coin that should come next.
		expected: u64,
		/// Number of the coin that came.
		found: u64,
	},
}

/// Where the scan was after a block.
#[derive(Clone, Copy, Encode, Decode)]
struct Mark {
	at: BlockRef,
	/// Number of the pool's next coin, as soon as one was seen.
	next: Option<u64>,
}

/// A wallet's knowledge of the pool.
#[derive(Clone, Default, Encode, Decode)]
pub struct Ledger {
	/// Number of addresses that were given out.
	addresses: u32,
	/// The last blocks, the newest at the end.
	blocks: VecDeque<Mark>,
	coins: Vec<OwnedCoin>,
	history: Vec<Entry>,
	dispatches: Vec<Dispatch>,
}

/// What the wallet has, in micro-IO.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Funds {
	/// Can be spent now.
	pub available: u64,
	/// Not old enough yet.
	pub maturing: u64,
	/// In bundles that wait for a block.
	pub reserved: u64,
}

impl Ledger {
	/// An empty one: the scan begins after the block `birthday`, when the pool had `coins` coins, if that is known.
	pub fn new(birthday: BlockRef, coins: Option<u64>) -> Self {
		let mark = Mark { at: birthday, next: coins };
		Self { addresses: 1, blocks: [mark].into(), ..Self::default() }
	}

	/// The last block that was applied.
	pub fn last(&self) -> Option<BlockRef> {
		self.blocks.back().map(|mark| mark.at)
	}

	/// The last blocks, the newest first: where the chain has one of them, the scan goes on.
	pub fn recent(&self) -> impl Iterator<Item = BlockRef> + '_ {
		self.blocks.iter().rev().map(|mark| mark.at)
	}

	/// Number of the pool's next coin, if it is known.
	pub fn next_coin(&self) -> Option<u64> {
		self.blocks.back().and_then(|mark| mark.next)
	}

	/// How many addresses were given out.
	pub fn addresses(&self) -> u32 {
		self.addresses
	}

	/// Gives out the addresses up to this one.
	pub fn use_address(&mut self, index: u32) {
		self.addresses = self.addresses.max(index.saturating_add(1));
	}

	/// The addresses that a scan has to look at.
	pub fn watched(&self, keys: &Keys) -> Addresses {
		Addresses::new(keys.view(), self.addresses.saturating_add(GAP))
	}

	/// All coins, spent ones too.
	pub fn coins(&self) -> &[OwnedCoin] {
		&self.coins
	}

	/// What happened, the oldest first.
	pub fn history(&self) -> &[Entry] {
		&self.history
	}

	/// The bundles that this wallet made.
	pub fn dispatches(&self) -> &[Dispatch] {
		&self.dispatches
	}

	/// Remembers a bundle before it is sent: its coins are not used again while it could get into a block.
	pub fn dispatch(&mut self, dispatch: Dispatch) {
		self.dispatches.push(dispatch);
	}

	/// Forgets a bundle that was refused, so that its coins are free again.
	pub fn withdraw(&mut self, tag: &PointBytes) {
		self.dispatches.retain(|dispatch| dispatch.tag != *tag);
	}

	fn is_reserved(&self, number: u64) -> bool {
		let now = self.last().map_or(0, |block| block.number);
		self.dispatches
			.iter()
			.any(|dispatch| dispatch.expires > now && dispatch.coins.contains(&number))
	}

	/// The coins that are neither spent nor promised, while `matured` coins of the pool are old enough.
	pub fn spendable(&self, matured: u64) -> impl Iterator<Item = &OwnedCoin> {
		self.coins.iter().filter(move |coin| {
			coin.spent.is_none() && coin.number < matured && !self.is_reserved(coin.number)
		})
	}

	/// What the wallet has, while `matured` coins of the pool are old enough.
	pub fn funds(&self, matured: u64) -> Funds {
		let mut funds = Funds::default();
		for coin in self.coins.iter().filter(|coin| coin.spent.is_none()) {
			let part = if self.is_reserved(coin.number) {
				&mut funds.reserved
			} else if coin.number < matured {
				&mut funds.available
			} else {
				&mut funds.maturing
			};
			*part = part.saturating_add(coin.amount);
		}
		funds
	}

	/// Applies the next block. `watched` is [`Self::watched`], which may have grown afterwards; that is told by `true`.
	///
	/// # Errors
	/// See [`LedgerError`]. Nothing has changed then.
	pub fn apply(
		&mut self,
		keys: &Keys,
		watched: &Addresses,
		block: &Block,
	) -> Result<bool, LedgerError> {
		if let Some(last) = self.last() {
			if last.hash != block.parent || last.number.checked_add(1) != Some(block.at.number) {
				return Err(LedgerError::NotNext { last });
			}
		}
		let mut next = self.next_coin();
		for transfer in &block.transfers {
			let (found, count) = transfer.coins();
			if let Some(expected) = next.filter(|expected| *expected != found) {
				return Err(LedgerError::Gap { expected, found });
			}
			next = Some(found.saturating_add(count));
		}
		let before = self.addresses;
		for transfer in &block.transfers {
			match transfer {
				Transfer::Mint { coin, depositor, amount, note } => {
					if let Ok(note) = Incoming::mint(note, *amount, *depositor) {
						if let Some(received) = note.receive(keys.view(), watched) {
							self.receive(keys, *coin, &note, &received, block.at.number, true);
						}
					}
				},
				Transfer::Bundle { first, tags, outputs, fee, target } => {
					self.bundle(
						keys,
						watched,
						block.at.number,
						*first,
						tags,
						outputs,
						*fee,
						target,
					);
				},
			}
		}
		self.mark(block.at, next);
		Ok(self.addresses != before)
	}

	/// Goes on to a later block of the same chain, when the pool has made no coin since the last one.
	///
	/// # Errors
	/// [`LedgerError::NotNext`] if the block is not a later one.
	pub fn skip_to(&mut self, at: BlockRef) -> Result<(), LedgerError> {
		match self.last() {
			Some(last) if at.number <= last.number => Err(LedgerError::NotNext { last }),
			_ => {
				self.mark(at, self.next_coin());
				Ok(())
			},
		}
	}

	fn mark(&mut self, at: BlockRef, next: Option<u64>) {
		self.blocks.push_back(Mark { at, next });
		if self.blocks.len() > DEEPEST_FORK {
			self.blocks.pop_front();
		}
	}

	fn bundle(
		&mut self,
		keys: &Keys,
		watched: &Addresses,
		block: u32,
		first: u64,
		tags: &[PointBytes],
		outputs: &[OutputNote],
		fee: u64,
		target: &Target,
	) {
		let Some(tag) = tags.first().copied() else { return };
		let notes: Vec<(u64, Incoming<'_>, Received)> = (first..)
			.zip(outputs)
			.filter_map(|(number, note)| {
				let note = Incoming::output(note, tag);
				let received = note.receive(keys.view(), watched)?;
				Some((number, note, received))
			})
			.collect();
		let told = notes.iter().find_map(|(_, note, received)| {
			memo::read_spent(keys.view(), &note.origin, &received.content.memo)
		});
		let mut spent = None;
		for coin in self.coins.iter_mut().filter(|coin| coin.spent.is_none()) {
			let gone = match coin.tag {
				Some(tag) => tags.contains(&tag),
				None => told.as_ref().is_some_and(|told| told.contains(&coin.number)),
			};
			if gone {
				coin.spent = Some(block);
				spent = Some(coin.amount.saturating_add(spent.unwrap_or(0)));
			}
		}
		for dispatch in self.dispatches.iter_mut().filter(|dispatch| dispatch.tag == tag) {
			for payment in &mut dispatch.payments {
				let made = (first..).zip(outputs).find(|(_, note)| note.key == payment.key);
				payment.coin = made.map(|(number, _)| number);
			}
		}
		let mut change = 0u64;
		for (number, note, received) in &notes {
			change = change.saturating_add(received.content.amount);
			self.receive(keys, *number, note, received, block, spent.is_none());
		}
		if let Some(spent) = spent {
			let event = Event::Sent { tag, spent, change, fee, target: *target };
			self.history.push(Entry { block, event });
		}
	}

	fn receive(
		&mut self,
		keys: &Keys,
		number: u64,
		note: &Incoming<'_>,
		received: &Received,
		block: u32,
		from_outside: bool,
	) {
		let Received { address, content, secret } = received;
		self.use_address(*address);
		self.coins.push(OwnedCoin {
			number,
			coin: note.coin,
			amount: content.amount,
			address: *address,
			anchor: content.anchor,
			origin: note.origin,
			block,
			secret: secret.clone(),
			tag: keys.spend().map(|keys| secret.tag(keys)),
			spent: None,
		});
		if from_outside {
			let event = Event::Received {
				coin: number,
				amount: content.amount,
				address: *address,
				memo: content.memo,
				origin: note.origin,
			};
			self.history.push(Entry { block, event });
		}
	}

	/// Takes back all blocks above this height. What was given out and dispatched stays. Fails if the block at this height
	/// is not known any more: then the scan has to begin anew.
	pub fn roll_back(&mut self, number: u32) -> Result<(), UnknownBlock> {
		if !self.blocks.iter().any(|mark| mark.at.number == number) {
			return Err(UnknownBlock);
		}
		self.blocks.retain(|mark| mark.at.number <= number);
		self.coins.retain(|coin| coin.block <= number);
		for coin in &mut self.coins {
			coin.spent = coin.spent.filter(|block| *block <= number);
		}
		self.history.retain(|entry| entry.block <= number);
		let next = self.next_coin().unwrap_or(0);
		for dispatch in &mut self.dispatches {
			for payment in &mut dispatch.payments {
				payment.coin = payment.coin.filter(|coin| *coin < next);
			}
		}
		Ok(())
	}
}

/// The block is not known, or not any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownBlock;

#[cfg(test)]
mod tests;
