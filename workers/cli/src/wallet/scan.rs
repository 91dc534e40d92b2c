//! Follows the pool up to the best block.
//!
//! The number of the pool's coins tells which blocks did something, so that the others are skipped. Nodes discard the states
//! of old blocks; what those blocks did is read from the calls in their bodies. All wallets that have got as far ask for
//! the same: the node learns nothing of which coins are whose.

use std::{
	io::IsTerminal,
	time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use io_client::{BlockInfo, Client, Runtime, shielded::PoolCall};
use io_primitives::shielded::PoolStatus;
use io_shielded::wallet::ledger::{Block, BlockRef, Ledger, LedgerError};
use sp_core::H256;

use super::file::Wallet;
use crate::{
	App,
	error::{Error, Result},
	output,
};

/// How often the chain may be re-organised during a scan.
const ATTEMPTS: usize = 5;
/// Bodies of blocks that are asked for at the same time.
const CONCURRENT: usize = 16;
/// Hashes of blocks that are asked for at once.
const HASHES: usize = 256;
/// How often the wallet is saved during a long scan: what was scanned before an interruption is not scanned again.
const SAVE_EVERY: Duration = Duration::from_secs(10);

/// Where the scan has got to.
pub(super) struct Scanned {
	/// The best block.
	pub(super) head: BlockInfo,
	/// The pool at it.
	pub(super) pool: PoolStatus,
	/// Coins that were new.
	pub(super) new: u64,
}

/// Why one attempt ended.
enum Stop {
	/// The chain was re-organised, or the node discarded states, meanwhile.
	Moved,
	Failed(Error),
}

impl From<io_client::Error> for Stop {
	fn from(error: io_client::Error) -> Self {
		// It was there when the scan began: the next attempt does without.
		if error.is_discarded() { Self::Moved } else { Self::Failed(error.into()) }
	}
}

impl From<Error> for Stop {
	fn from(error: Error) -> Self {
		Self::Failed(error)
	}
}

/// Scans, and saves the wallet.
pub(super) async fn scan(client: &Client, wallet: &mut Wallet, app: &App) -> Result<Scanned> {
	client.expect_genesis(H256(wallet.network.genesis))?;
	let before = wallet.ledger().next_coin().unwrap_or(0);
	let bar = bar(app);
	let mut attempts = ATTEMPTS;
	let scanned = loop {
		attempts -= 1;
		match once(client, wallet, &bar).await {
			Ok((head, pool)) => {
				let new = pool.coins.saturating_sub(before);
				break Ok(Scanned { head, pool, new });
			},
			Err(Stop::Moved) if attempts > 0 => {},
			Err(Stop::Moved) => {
				break Err(Error::Chain(
					"the chain is re-organised again and again; try later, or another node".into(),
				));
			},
			Err(Stop::Failed(e)) => break Err(e),
		}
	};
	bar.finish_and_clear();
	wallet.find_jobs()?;
	wallet.save()?;
	scanned
}

fn bar(app: &App) -> ProgressBar {
	if app.output.json || !std::io::stderr().is_terminal() {
		return ProgressBar::hidden();
	}
	let bar = ProgressBar::new(0);
	if let Ok(style) =
		ProgressStyle::with_template("scanning {wide_bar} {pos}/{len} coins, {eta} left {msg}")
	{
		bar.set_style(style);
	}
	bar
}

async fn once(
	client: &Client,
	wallet: &mut Wallet,
	bar: &ProgressBar,
) -> Result<(BlockInfo, PoolStatus), Stop> {
	let head = client.best_block().await?;
	let pool = client.pool_at(Some(head.hash)).await?;
	let mut last = back_to_the_chain(client, wallet).await?;
	if !client.has_state(H256(last.hash)).await? {
		through_bodies(client, wallet, last.number, &head, &pool, bar).await?;
		return Ok((head, pool));
	}
	bar.set_length(pool.coins);
	bar.set_message("coins");
	let mut count = match wallet.ledger().next_coin() {
		Some(count) => count,
		None => client.pool_count(H256(last.hash)).await?,
	};
	let mut watched = wallet.ledger().watched(&wallet.keys);
	let mut saved = Instant::now();
	while last.number < head.number {
		bar.set_position(count);
		if count == pool.coins {
			wallet.ledger_mut().0.skip_to(reference(&head)).map_err(moved)?;
			break;
		}
		let block = next_change(client, last.number, count, head).await?;
		let content = client.pool_block(block).await?;
		let (ledger, keys) = wallet.ledger_mut();
		skip_to_parent(ledger, &block)?;
		if ledger.apply(keys, &watched, &content).map_err(moved)? {
			watched = ledger.watched(keys);
		}
		last = content.at;
		let before = count;
		count = ledger.next_coin().unwrap_or(count);
		if count == before {
			return Err(Stop::Failed(Error::Chain(format!(
				"the node says that block {} made coins, but shows none. Use another node, or restore the wallet from its phrase",
				block.number
			))));
		}
		if saved.elapsed() > SAVE_EVERY {
			wallet.save()?;
			saved = Instant::now();
		}
	}
	Ok((head, pool))
}

fn reference(block: &BlockInfo) -> BlockRef {
	BlockRef { number: block.number, hash: block.hash.0 }
}

/// A block that does not fit the ones before shows that the chain was re-organised, unless coins are missing.
fn moved(error: LedgerError) -> Stop {
	match error {
		LedgerError::NotNext { .. } => Stop::Moved,
		LedgerError::Gap { expected, found } => Stop::Failed(Error::Chain(format!(
			"the node shows coin {found} where coin {expected} has to be; use another node"
		))),
	}
}

/// Takes back the blocks that are no longer on the chain. Returns the last one that is.
async fn back_to_the_chain(client: &Client, wallet: &mut Wallet) -> Result<BlockRef, Stop> {
	let recent: Vec<BlockRef> = wallet.ledger().recent().collect();
	for (taken, block) in recent.iter().enumerate() {
		if client.block_hash(block.number).await? != Some(H256(block.hash)) {
			continue;
		}
		if taken > 0 {
			let (ledger, _) = wallet.ledger_mut();
			ledger.roll_back(block.number).map_err(|_| Stop::Moved)?;
		}
		return Ok(*block);
	}
	Err(Stop::Failed(Error::Chain(
		"the node has none of the blocks that this wallet has seen. If it is still catching up, wait; else restore \
		 the wallet from its phrase"
			.into(),
	)))
}

/// Follows the pool up to `head` by the bodies of the blocks above `last`, for want of their states.
async fn through_bodies(
	client: &Client,
	wallet: &mut Wallet,
	last: u32,
	head: &BlockInfo,
	pool: &PoolStatus,
	bar: &ProgressBar,
) -> Result<(), Stop> {
	let mut next = wallet.ledger().next_coin().ok_or_else(too_long_ago)?;
	let new = pool.coins.checked_sub(next).ok_or(Stop::Moved)?;
	let coins = client.pool_coins(next, new, Some(head.hash)).await?;
	// Those that no call has made yet.
	let mut rest = &coins[..];
	let runtime = client.runtime().await?;
	let before = wallet.ledger().clone();
	let mut watched = before.watched(&wallet.keys);
	let mut saved = Instant::now();
	bar.set_length(head.number.saturating_sub(last).into());
	bar.set_message("blocks");

	let heights: Vec<u32> = (last.saturating_add(1)..=head.number).collect();
	let mut bodies = std::pin::pin!(
		stream::iter(heights.chunks(HASHES))
			.then(|heights| client.block_hashes(heights))
			.map_ok(|hashes| stream::iter(hashes.into_iter().map(io_client::Result::Ok)))
			.try_flatten()
			.map_ok(|hash| body(client, &runtime, hash))
			.try_buffered(CONCURRENT)
	);
	while let Some(body) = bodies.try_next().await? {
		let (block, calls) = body.ok_or(Stop::Moved)?;
		let mut transfers = Vec::new();
		for call in calls {
			// A call whose coins are not the next ones has failed.
			if call.made(rest) {
				let transfer = call.transfer(next);
				let count = transfer.coins().1;
				next = next.saturating_add(count);
				rest = rest.get(count as usize..).unwrap_or_default();
				transfers.push(transfer);
			}
		}
		bar.inc(1);
		let (ledger, keys) = wallet.ledger_mut();
		if !transfers.is_empty() {
			skip_to_parent(ledger, &block)?;
			let content = Block { at: reference(&block), parent: block.parent.0, transfers };
			if ledger.apply(keys, &watched, &content).map_err(moved)? {
				watched = ledger.watched(keys);
			}
		}
		if saved.elapsed() > SAVE_EVERY || block.number == head.number {
			if ledger.last().is_some_and(|last| last.number < block.number) {
				ledger.skip_to(reference(&block)).map_err(moved)?;
			}
			wallet.save()?;
			saved = Instant::now();
		}
	}
	if next == pool.coins {
		return Ok(());
	}
	// Coins came in a way that no call shows. What was skipped after them must be looked at again.
	*wallet.ledger_mut().0 = before;
	wallet.save()?;
	Err(too_long_ago())
}

/// A block and its calls, if the chain still has it.
async fn body(
	client: &Client,
	runtime: &Runtime,
	hash: Option<H256>,
) -> io_client::Result<Option<(BlockInfo, Vec<PoolCall>)>> {
	match hash {
		Some(hash) => client.pool_calls(hash, runtime).await.map(Some),
		None => Ok(None),
	}
}

fn too_long_ago() -> Stop {
	Stop::Failed(Error::Chain(
		"the node has discarded the states of blocks that this wallet has not seen, and what they did to the pool does not \
		 follow from their calls alone: use a node that keeps all states (--state-pruning archive)"
			.into(),
	))
}

fn skip_to_parent(ledger: &mut Ledger, block: &BlockInfo) -> Result<(), Stop> {
	let parent = BlockRef { number: block.number.saturating_sub(1), hash: block.parent.0 };
	match ledger.last() {
		Some(last) if last.number >= parent.number => Ok(()),
		_ => ledger.skip_to(parent).map_err(moved),
	}
}

/// The first block above `last` after which the pool has more than `count` coins, if it has at `head`.
async fn next_change(
	client: &Client,
	last: u32,
	count: u64,
	head: BlockInfo,
) -> Result<BlockInfo, Stop> {
	let (mut low, mut step) = (last, 1u32);
	let mut high = loop {
		let at = low.saturating_add(step);
		if at >= head.number {
			break head.number;
		}
		if more_at(client, at, count).await? {
			break at;
		}
		low = at;
		step = step.saturating_mul(2);
	};
	while high - low > 1 {
		let middle = low + (high - low) / 2;
		if more_at(client, middle, count).await? {
			high = middle;
		} else {
			low = middle;
		}
	}
	let hash = client.block_hash(high).await?.ok_or(Stop::Moved)?;
	Ok(client.block(hash).await?)
}

async fn more_at(client: &Client, number: u32, count: u64) -> Result<bool, Stop> {
	let hash = client.block_hash(number).await?.ok_or(Stop::Moved)?;
	Ok(client.pool_count(hash).await? > count)
}

/// `io wallet scan`.
pub(super) fn report(scanned: &Scanned, app: &App) -> Result<()> {
	let json = serde_json::json!({
		"block": scanned.head.number,
		"block_hash": output::hash(&scanned.head.hash),
		"new_coins": scanned.new,
		"coins": scanned.pool.coins,
	});
	app.output.result(&json, || {
		format!(
			"scanned up to block {}: {} of the pool, {} of them new",
			scanned.head.number,
			output::count(scanned.pool.coins, "coin"),
			scanned.new
		)
	})
}
