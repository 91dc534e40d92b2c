//! The shielded pool: how it stands, its coins, what its blocks did, and bundles for it.
//!
//! Nothing here asks a node for single coins or tags: a node must not learn which are whose.

mod calls;

pub use calls::PoolCall;

use codec::Encode;
use io_primitives::{AccountId, Balance, JobSpec, shielded::PoolStatus};
use io_shielded::{
	Bundle, Coin, Domain, MintNote, OutputNote, RingSize, Target,
	bundle::BASE_UNITS,
	wallet::{
		ledger::{Block, BlockRef, Transfer},
		select::Shape,
	},
};
use sp_core::H256;
use sp_runtime::{DispatchError, ModuleError};

use crate::{
	BlockInfo, ChainEvent, Client, Error, Pending, Result, Runtime, transaction::TOO_LOW_PRIORITY,
};

/// The name of the pallet in the runtime.
pub const POOL: &str = "IoShielded";
/// Most coins in one answer of the runtime API.
const MOST_COINS: u64 = 4_096;
/// Blocks for which a node keeps an unsigned bundle that it could not put into a block.
const LONGEVITY: u32 = 16;

/// What a bundle that pays for a job binds: BLAKE2b-256 of its encoded specification.
pub fn spec_hash(spec: &JobSpec) -> [u8; 32] {
	sp_crypto_hashing::blake2_256(&spec.encode())
}

/// An amount of the pool in the smallest unit.
pub fn base_units(micro: u64) -> Balance {
	Balance::from(micro).saturating_mul(BASE_UNITS)
}

impl Client {
	/// How the pool stands at a block; `None` is the best one.
	pub async fn pool_at(&self, block: Option<H256>) -> Result<PoolStatus> {
		self.runtime_call_at("IoShieldedApi_pool", (), block).await
	}

	/// What tells the pool from all others.
	pub fn pool_domain(&self, pool: &PoolStatus) -> Result<Domain> {
		let size = RingSize::new(pool.ring_digits).ok_or_else(|| {
			Error::decode("the pool's rings", format!("they have {} digits", pool.ring_digits))
		})?;
		let genesis = self.genesis().0;
		Ok(Domain { genesis, para: pool.para, pallet: pool.pallet, size })
	}

	/// How many coins the pool had at a block.
	pub async fn pool_count(&self, block: H256) -> Result<u64> {
		let count = self.storage(POOL, "Count", &[], Some(block)).await?;
		Ok(count.unwrap_or(0))
	}

	/// The coins of the pool with the numbers `start .. start + count`, at a block.
	pub async fn pool_coins(
		&self,
		start: u64,
		count: u64,
		block: Option<H256>,
	) -> Result<Vec<Coin>> {
		let mut coins = Vec::new();
		while (coins.len() as u64) < count {
			let from = start.saturating_add(coins.len() as u64);
			let wanted = (count - coins.len() as u64).min(MOST_COINS);
			// At most MOST_COINS.
			let request = (from, wanted as u32);
			let part: Vec<Coin> =
				self.runtime_call_at("IoShieldedApi_coins", request, block).await?;
			if part.is_empty() || part.len() as u64 > wanted {
				return Err(Error::decode(
					"the pool's coins",
					format!("{} instead of {wanted} from number {from} on", part.len()),
				));
			}
			coins.extend(part);
		}
		Ok(coins)
	}

	/// The least fee of an unsigned bundle, in micro-IO.
	pub async fn pool_minimum_fee(&self, shape: Shape, job: Option<&JobSpec>) -> Result<u64> {
		let Shape { inputs, windows, outputs } = shape;
		let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
		self.runtime_call(
			"IoShieldedApi_minimum_fee",
			(count(inputs), count(windows), count(outputs), job),
		)
		.await
	}

	/// What a bundle has to pay for a job at least, in micro-IO. A specification that the chain would refuse is
	/// [`Error::Dispatch`].
	pub async fn pool_job_amount(&self, spec: &JobSpec) -> Result<u64> {
		let amount: Result<u64, DispatchError> = self.view(POOL, "job_amount", spec).await?;
		match amount {
			Ok(amount) => Ok(amount),
			Err(e) => Err(Error::Dispatch(self.runtime().await?.describe(&e))),
		}
	}

	/// What a block did to the pool. The node must still have the block's state.
	pub async fn pool_block(&self, block: BlockInfo) -> Result<Block> {
		let events = self.events(block.hash).await?;
		let transfers = events.iter().filter(|event| event.pallet == POOL).filter_map(transfer);
		Ok(Block {
			at: BlockRef { number: block.number, hash: block.hash.0 },
			parent: block.parent.0,
			transfers: transfers.collect::<Result<_>>()?,
		})
	}

	/// Puts an unsigned bundle into the node's pool of transactions: the runtime makes the extrinsic. A refusal is
	/// [`Error::Dispatch`], with the pallet's words, or [`Error::NoPlace`].
	pub async fn submit_bundle(
		&self,
		bundle: &Bundle,
		job: Option<&JobSpec>,
		stamp: u64,
	) -> Result<Pending> {
		let arguments = (bundle, job, stamp).encode();
		let extrinsic = self.call_raw("IoShieldedApi_spend_transaction", &arguments, None).await?;
		let finalized = self.finalized_block().await?;
		let best = self.best_block().await?;
		// From behind the finalised block: best ones may vanish.
		let first = finalized.number.saturating_add(1);
		let last = best.number.saturating_add(LONGEVITY);
		match self.deliver(extrinsic, first..=last).await {
			Ok(pending) => Ok(pending),
			Err(e) => Err(refusal(e, &*self.runtime().await?)),
		}
	}
}

/// What a refusal of the pool of transactions means.
fn refusal(error: Error, runtime: &Runtime) -> Error {
	match error {
		Error::Rpc { code: TOO_LOW_PRIORITY, .. } => Error::NoPlace,
		error => pallet_error(error, runtime, POOL),
	}
}

/// The pallet's error behind a refusal of the pool of transactions, which only tells its number.
pub(crate) fn pallet_error(error: Error, runtime: &Runtime, pallet: &str) -> Error {
	let number = match &error {
		Error::Rpc { message, .. } => custom_error(message),
		_ => None,
	};
	let index = runtime.metadata().pallet_by_name(pallet).map(|pallet| pallet.call_index());
	match (number, index) {
		(Some(number), Some(index)) => {
			let error = [number, 0, 0, 0];
			let module = ModuleError { index, error, message: None };
			Error::Dispatch(runtime.describe(&DispatchError::Module(module)))
		},
		_ => error,
	}
}

fn custom_error(message: &str) -> Option<u8> {
	let (_, number) = message.split_once("Custom error: ")?;
	number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn transfer(event: &ChainEvent) -> Option<Result<Transfer>> {
	match event.name.as_str() {
		"Shielded" => Some(shielded(event)),
		"Spent" => Some(spent(event)),
		_ => None,
	}
}

fn shielded(event: &ChainEvent) -> Result<Transfer> {
	let fields = &event.fields;
	Ok(Transfer::Mint {
		coin: fields.get("coin")?,
		depositor: fields.get::<AccountId>("who")?.into(),
		amount: micro(fields.get("value")?)?,
		note: fields.get::<MintNote>("note")?,
	})
}

fn spent(event: &ChainEvent) -> Result<Transfer> {
	let fields = &event.fields;
	Ok(Transfer::Bundle {
		first: fields.get("first")?,
		tags: fields.get("tags")?,
		outputs: fields.get::<Vec<OutputNote>>("outputs")?,
		fee: micro(fields.get("fee")?)?,
		target: fields.get::<Target>("target")?,
	})
}

/// An amount in the smallest unit as the pool counts it.
pub fn micro(amount: Balance) -> Result<u64> {
	let whole = amount.is_multiple_of(BASE_UNITS).then_some(amount / BASE_UNITS);
	whole.and_then(|micro| u64::try_from(micro).ok()).ok_or_else(|| {
		Error::decode("an amount of the pool", format!("{amount} is not a number of micro-IO"))
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_find_the_error_s_number_when_the_pool_of_transactions_refuses() {
		assert_eq!(custom_error("Invalid Transaction: Custom error: 17"), Some(17));
		assert_eq!(custom_error("Invalid Transaction: Custom error: 0)"), Some(0));
		assert_eq!(custom_error("Invalid Transaction: Custom error: 300"), None);
		assert_eq!(custom_error("Invalid Transaction: Inability to pay some fees"), None);
	}

	#[test]
	fn should_count_in_micro_io_only_what_is_a_whole_number_of_them() {
		assert_eq!(micro(base_units(u64::MAX)).unwrap(), u64::MAX);
		assert_eq!(micro(0).unwrap(), 0);
		for amount in [1, BASE_UNITS - 1, BASE_UNITS + 1, u128::MAX] {
			assert!(micro(amount).is_err(), "{amount}");
		}
	}
}
