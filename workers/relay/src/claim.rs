//! Brings receipts to the chain.

use std::{
	collections::{HashMap, hash_map::Entry},
	time::Duration,
};

use io_client::{Client, Error, Keypair, Result, mesh::MESH};
use io_primitives::{
	Balance, WorkerKey,
	mesh::{EpochIndex, MAX_CLAIM, SignedReceipt, owed},
};
use sp_core::H256;

use crate::{
	book::{self, Book},
	chain::Chain,
};

/// How often it is checked whether an epoch has ended.
const PAUSE: Duration = Duration::from_secs(10);

/// What came of a claim.
#[derive(Default, Debug)]
pub struct Claimed {
	/// What was paid.
	pub paid: Balance,
	/// Receipts for which no more will be paid.
	pub settled: Vec<SignedReceipt>,
}

/// Claims what these receipts are worth, and waits until that is final.
///
/// Anybody can claim; it is the relay's operator who is paid. What was paid before, is too late or has no budget is skipped by the chain.
pub async fn claim(
	client: &Client,
	signer: &Keypair,
	receipts: &[SignedReceipt],
) -> Result<Claimed> {
	let mut claimed = Claimed::default();
	for some in receipts.chunks(MAX_CLAIM as usize) {
		let block = match client.claim_receipts(signer, some).await?.finalized().await {
			Ok(included) => {
				for event in included.events.iter().filter(|event| event.is(MESH, "RelayPaid")) {
					claimed.paid = claimed.paid.saturating_add(event.fields.get("amount")?);
				}
				Some(included.block.hash)
			},
			Err(Error::Dispatch(failure)) if failure.name == "NothingDue" => None,
			Err(error) => return Err(error),
		};
		let left = budgets(client, some, block).await?;
		claimed.settled.extend(funded(some, &left).cloned());
	}
	Ok(claimed)
}

/// What each worker has set aside to pay its receipts with.
type Budgets = HashMap<WorkerKey, Balance>;

/// The budgets of the workers that signed these receipts, at a block; `None` is the best one.
async fn budgets(
	client: &Client,
	receipts: &[SignedReceipt],
	block: Option<H256>,
) -> Result<Budgets> {
	let mut budgets = HashMap::new();
	for receipt in receipts {
		if let Entry::Vacant(unknown) = budgets.entry(receipt.worker) {
			let budget = client.mesh_budget(&receipt.worker, block).await?;
			unknown.insert(budget.map_or(0, |budget| budget.held));
		}
	}
	Ok(budgets)
}

/// Receipts of workers that have money set aside. After a claim they are those that got all that is due to them: the chain
/// pays as far as a budget goes, and the rest can be claimed when there is money again.
fn funded<'a>(
	receipts: &'a [SignedReceipt],
	budgets: &Budgets,
) -> impl Iterator<Item = &'a SignedReceipt> {
	let held = |receipt: &SignedReceipt| budgets.get(&receipt.worker).copied().unwrap_or(0);
	receipts.iter().filter(move |receipt| held(receipt) > 0)
}

/// What a claim can bring: no more than the budgets have.
fn worth(receipts: &[SignedReceipt], budgets: &Budgets, price_per_gib: Balance) -> Balance {
	let of = |worker: &WorkerKey| -> Balance {
		let of_worker = receipts.iter().filter(|receipt| receipt.worker == *worker);
		of_worker.map(|receipt| owed(receipt.receipt.bytes, price_per_gib)).sum()
	};
	budgets.iter().map(|(worker, held)| of(worker).min(*held)).sum()
}

/// Claims once in each epoch, and when it begins, what is due for the epochs before. Never ends.
///
/// What would cost more than it brings stays in the book, until it is more or is paid no more.
pub(crate) async fn keep_claiming(chain: &Chain, book: &Book, signer: Option<&Keypair>) {
	let mut done: Option<EpochIndex> = None;
	loop {
		let epoch = chain.epoch();
		let closed = blocking(book, move |book| {
			book.set_epoch(epoch)?;
			let mut due = book.unclaimed()?;
			due.retain(|receipt| receipt.receipt.epoch < epoch);
			Ok(due)
		});
		match (closed.await, signer) {
			(Err(error), _) => tracing::error!(%error, "the book of receipts cannot be used"),
			(Ok(due), Some(signer)) if done != Some(epoch) && !due.is_empty() => {
				match claim_due(chain, book, signer, due).await {
					Ok(()) => done = Some(epoch),
					Err(error) => tracing::warn!(%error, "receipts could not be claimed"),
				}
			},
			(Ok(_), _) => {},
		}
		tokio::time::sleep(PAUSE).await;
	}
}

async fn claim_due(
	chain: &Chain,
	book: &Book,
	signer: &Keypair,
	due: Vec<SignedReceipt>,
) -> Result<()> {
	let Some(registered) = chain.entry() else { return Ok(()) };
	let client = chain.client();
	let budgets = budgets(client, &due, None).await?;
	let due: Vec<_> = funded(&due, &budgets).cloned().collect();
	let worth = worth(&due, &budgets, registered.price_per_gib);
	let first = &due[..due.len().min(MAX_CLAIM as usize)];
	let call = client.call(MESH, "claim", first).await?;
	let claims = due.len().div_ceil(MAX_CLAIM as usize) as u128;
	if due.is_empty() || worth <= claims * client.estimate_fee(&call, signer).await? {
		tracing::debug!(receipts = due.len(), worth, "not worth a claim yet");
		return Ok(());
	}
	let Claimed { paid, settled } = claim(client, signer, &due).await?;
	tracing::info!(receipts = due.len(), paid = io_client::amount::display(paid), "claimed");
	if let Err(error) = blocking(book, move |book| book.set_claimed(&settled)).await {
		tracing::error!(%error, "claims may be made twice; that does no harm but costs fees");
	}
	Ok(())
}

async fn blocking<T: Send + 'static>(
	book: &Book,
	work: impl FnOnce(Book) -> Result<T, book::Error> + Send + 'static,
) -> Result<T, book::Error> {
	let book = book.clone();
	tokio::task::spawn_blocking(move || work(book)).await.unwrap_or_else(|error| Err(error.into()))
}

#[cfg(test)]
mod tests {
	use io_primitives::mesh::Receipt;
	use sp_core::{ed25519, sr25519};

	use super::*;

	const GIB: u64 = 1 << 30;

	fn worker(number: u8) -> WorkerKey {
		sr25519::Public::from_raw([number; 32])
	}

	fn receipt(number: u8, epoch: EpochIndex, bytes: u64) -> SignedReceipt {
		let relay = ed25519::Public::from_raw([9; 32]);
		let receipt = Receipt { relay, epoch, bytes };
		SignedReceipt { worker: worker(number), receipt, signature: Default::default() }
	}

	#[test]
	fn should_go_on_claiming_when_a_budget_fell_short() {
		let receipts = [receipt(1, 1, GIB), receipt(2, 1, GIB), receipt(1, 2, GIB)];
		let left = HashMap::from([(worker(1), 0), (worker(2), 1)]);
		let settled: Vec<_> = funded(&receipts, &left).cloned().collect();
		assert_eq!(settled, [receipt(2, 1, GIB)]);
	}

	#[test]
	fn should_expect_no_more_than_a_budget_has() {
		let receipts = [receipt(1, 1, GIB), receipt(2, 1, GIB), receipt(1, 2, 2 * GIB)];
		let budgets = HashMap::from([(worker(1), 25), (worker(2), 100)]);
		assert_eq!(worth(&receipts, &budgets, 10), 25 + 10);
	}
}
