//! Books of the chain at one block, and what must hold for them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use codec::{Compact, Decode};
use io_primitives::{AccountId, Balance};

use crate::chain::{Chain, Seen, decode};

/// Why money is on hold: index of the pallet, index of its reason.
pub type HoldId = (u8, u8);
/// Price and fee of a job.
pub const JOB_ESCROW: HoldId = (71, 0);
/// Storage deposit of a job.
pub const JOB_DEPOSIT: HoldId = (71, 1);
/// Stake of an operator.
pub const STAKE: HoldId = (70, 0);

/// All money of the chain at one block.
#[derive(Clone, Debug)]
pub struct Books {
	/// Height of the block.
	pub block: u32,
	/// Free and reserved money of each account.
	pub accounts: BTreeMap<AccountId, (Balance, Balance)>,
	/// What is on hold, by account and reason.
	pub holds: BTreeMap<(AccountId, HoldId), Balance>,
	/// Total issuance.
	pub issuance: Balance,
	/// Issuance with rewards that no hold shows yet, and without slashes that are still in holds or owed by stake that moved.
	pub supply: Balance,
}

impl Books {
	/// Reads them at a block.
	pub async fn at(chain: &Chain, block: u32) -> Result<Books> {
		let hash = chain.block_hash(block).await?.with_context(|| format!("no block {block}"))?;
		let mut accounts = BTreeMap::new();
		for (key, value) in chain.entries("System", "Account", hash).await? {
			// nonce, consumers, providers, sufficients; free, reserved, frozen, flags
			let (_, money) =
				decode::<([u32; 4], [u128; 4])>(&value).context("an unexpected account record")?;
			accounts.insert(account_in(&key)?, (money[0], money[1]));
		}
		let mut holds = BTreeMap::new();
		for (key, value) in chain.entries("Balances", "Holds", hash).await? {
			let account = account_in(&key)?;
			for (id, amount) in decode::<Vec<(HoldId, u128)>>(&value)? {
				holds.insert((account.clone(), id), amount);
			}
		}
		let issuance = chain
			.storage(&chain.key("Balances", "TotalIssuance")?, hash)
			.await?
			.context("no total issuance")?;
		let issuance: Balance = decode(&issuance)?;
		// Active stake, value of all pools, what their holders have on hold, pending slashes, with what moved stake answers
		// elsewhere, and the same as noted.
		let pools = match chain.storage(&chain.key("IoStaking", "Total")?, hash).await? {
			Some(bytes) => decode::<[Compact<u128>; 6]>(&bytes)?.map(|sum| sum.0),
			None => [0; 6],
		};
		let [_, value, held, pending, moved, noted] = pools;
		let supply = (issuance + value + pending + moved)
			.checked_sub(held + noted)
			.with_context(|| format!("block {block}: holds of {held} exceed all money"))?;
		let books = Books { block, accounts, holds, issuance, supply };
		books.check()?;
		Ok(books)
	}

	/// Reads them at the newest finalised block.
	pub async fn now(chain: &Chain) -> Result<Books> {
		let last = chain.finalised().await?;
		Books::at(chain, last).await
	}

	/// Free money of an account.
	pub fn free(&self, who: &AccountId) -> Balance {
		self.accounts.get(who).map_or(0, |a| a.0)
	}

	/// Free and reserved money of an account.
	pub fn total(&self, who: &AccountId) -> Balance {
		self.accounts.get(who).map_or(0, |a| a.0 + a.1)
	}

	/// What an account has on hold for a reason.
	pub fn held(&self, who: &AccountId, id: HoldId) -> Balance {
		self.holds.get(&(who.clone(), id)).copied().unwrap_or(0)
	}

	/// All money on hold for a reason.
	pub fn held_in_all(&self, id: HoldId) -> Balance {
		self.holds.iter().filter(|((_, i), _)| *i == id).map(|(_, amount)| amount).sum()
	}

	/// What holds at every block: the accounts add up to the issuance, and reserved money is what is on hold.
	fn check(&self) -> Result<()> {
		let sum: Balance = self.accounts.values().map(|(free, reserved)| free + reserved).sum();
		ensure!(
			sum == self.issuance,
			"block {}: the accounts hold {sum}, but the issuance is {}",
			self.block,
			self.issuance
		);
		for (who, (_, reserved)) in &self.accounts {
			let held: Balance =
				self.holds.iter().filter(|((a, _), _)| a == who).map(|(_, amount)| amount).sum();
			ensure!(
				held == *reserved,
				"block {}: {who} has {reserved} reserved, but {held} on hold",
				self.block
			);
		}
		Ok(())
	}
}

fn account_in(key: &[u8]) -> Result<AccountId> {
	// Two hashes of 16 bytes, a hash of 16 bytes, the account.
	let bytes = key.get(48..).context("a short storage key")?;
	let mut input = bytes;
	let account = <[u8; 32]>::decode(&mut input)?;
	if !input.is_empty() {
		bail!("an unexpected storage key");
	}
	Ok(account.into())
}

/// The fee's split: what is burnt, what the treasury gets, what the author gets.
pub fn fee_split(fee: Balance) -> (Balance, Balance, Balance) {
	let burnt = fee * 40 / 100;
	let author = fee * 20 / 100;
	(burnt, fee - burnt - author, author)
}

/// What the events say was burnt: 40 % of fees of settled jobs, and the burnt part of applied slashes.
pub fn burnt(events: &[Seen]) -> Result<Balance> {
	let mut sum = 0;
	for event in events {
		if event.is("IoJobs", "JobSettled") {
			sum += fee_split(event.number("fee")?).0;
		} else if event.is("IoStaking", "SlashApplied") {
			sum += event.number("burnt")?;
		}
	}
	Ok(sum)
}

/// What the events say was minted: at the end of eras, and for claimed work.
pub fn minted(events: &[Seen]) -> Result<Balance> {
	let mut sum = 0;
	for event in events {
		if event.is("IoStaking", "EraEnded") {
			sum += event.number("to_stake")? + event.number("to_treasury")?;
		} else if event.is("IoStaking", "Claimed") {
			sum += event.number("value")?;
		}
	}
	Ok(sum)
}

/// An amount in IO, exactly.
pub fn io(amount: Balance) -> String {
	const ONE: Balance = 1_000_000_000_000;
	let text = format!("{}.{:012}", amount / ONE, amount % ONE);
	text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
