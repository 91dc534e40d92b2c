//! Brings receipts to the chain.

use std::{
	collections::{HashMap, hash_map::Entry},
	time::Duration,
};

use io_client::{Client, Error, Keypair, Result, mesh::MESH};
use io_primitives::{
	Balance,
	mesh::{EpochIndex, MAX_CLAIM, SignedReceipt, owed},
};

use crate::{
	book::{self, Book},
	chain::Chain,
};

/// How often it is checked whether an epoch has ended.
const PAUSE: Duration = Duration::from_secs(10);

/// Claims what these receipts are worth, and waits until that is final. Returns what was paid.
///
/// Anybody can claim; it is the relay's operator who is paid. What was paid before, is too late or has no budget is skipped by the chain.
pub async fn claim(
	client: &Client,
	signer: &Keypair,
	receipts: &[SignedReceipt],
) -> Result<Balance> {
	let mut paid: Balance = 0;
	for some in receipts.chunks(MAX_CLAIM as usize) {
		match client.claim_receipts(signer, some).await?.finalized().await {
			Ok(included) => {
				for event in included.events.iter().filter(|event| event.is(MESH, "RelayPaid")) {
					paid = paid.saturating_add(event.fields.get("amount")?);
				}
			},
			Err(Error::Dispatch(failure)) if failure.name == "NothingDue" => {},
			Err(error) => return Err(error),
		}
	}
	Ok(paid)
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
	mut due: Vec<SignedReceipt>,
) -> Result<()> {
	let Some(registered) = chain.entry() else { return Ok(()) };
	let client = chain.client();
	let mut budgets = HashMap::new();
	for receipt in &due {
		if let Entry::Vacant(unknown) = budgets.entry(receipt.worker) {
			let budget = client.mesh_budget(&receipt.worker, None).await?;
			unknown.insert(budget.map_or(0, |budget| budget.held));
		}
	}
	due.retain(|receipt| budgets.get(&receipt.worker).is_some_and(|held| *held > 0));
	let worth: Balance =
		due.iter().map(|receipt| owed(receipt.receipt.bytes, registered.price_per_gib)).sum();
	let first = &due[..due.len().min(MAX_CLAIM as usize)];
	let call = client.call(MESH, "claim", first).await?;
	let claims = due.len().div_ceil(MAX_CLAIM as usize) as u128;
	if due.is_empty() || worth <= claims * client.estimate_fee(&call, signer).await? {
		tracing::debug!(receipts = due.len(), worth, "not worth a claim yet");
		return Ok(());
	}
	let paid = claim(client, signer, &due).await?;
	tracing::info!(receipts = due.len(), paid = io_client::amount::display(paid), "claimed");
	if let Err(error) = blocking(book, move |book| book.set_claimed(&due)).await {
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
