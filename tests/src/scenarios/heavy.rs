//! Blocks as heavy as our chain makes them: what they cost the validators.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use codec::{Compact, Decode, Encode};
use futures::future::try_join_all;
use io_primitives::AccountId;
use sp_core::H256;
use sp_crypto_hashing::blake2_256;
use subxt::transactions::DynamicPayload;

use crate::{
	chain::{Encoded, Included, decode, encoded_call},
	network::VALIDATORS,
	world::{IO, Party, World},
};

/// What is tried before full blocks: how many pay, each with one transaction. If execution takes less than a quarter of [`BACKING`], the next try
/// is safe. Otherwise validators could refuse a block; it is built again and again then, and the chain stands still.
const TRIES: [usize; 2] = [2, 7];
/// Payers whose payments do not fit into one block (27 do), even if some come too early for it.
const FULL: usize = 40;
/// Payments to new accounts in one transaction: a tenth of a block by proof size, before what was not needed is given back.
const PAYMENTS: u32 = 250;
/// Bytes of a remark: forty do not fit into one block, whose transactions have 3.75 MiB.
const REMARK: u32 = 100 * 1024;
/// What a block has for transactions, in seconds by benchmarked weights: `NORMAL_DISPATCH_RATIO` of the runtime's limit.
const LIMIT: f64 = 1.5;
/// What the relay chain gives validators to execute a block that they are to back, in seconds.
const BACKING: f64 = 2.0;
/// The relay chain's limit for a proof of validity.
const POV_LIMIT: f64 = 10.0 * 1024.0 * 1024.0;

/// A histogram of Prometheus: observations up to each bound, their sum, their number.
#[derive(Default, Debug)]
struct Histogram {
	buckets: BTreeMap<u64, f64>,
	sum: f64,
	count: f64,
}

impl Histogram {
	/// All histograms of that name, whatever their labels, added up.
	fn read(metrics: &str, name: &str) -> Result<Histogram> {
		let mut all = Histogram::default();
		for line in metrics.lines().filter(|line| line.starts_with(name)) {
			let (key, value) = line.rsplit_once(' ').context("a metric without a value")?;
			let value: f64 = value.parse()?;
			let rest = &key[name.len()..];
			if rest.starts_with("_sum") {
				all.sum += value;
			} else if rest.starts_with("_count") {
				all.count += value;
			} else if let Some((_, bound)) = rest.split_once("le=\"") {
				let bound = bound.split('"').next().context("a bucket without a bound")?;
				let bound: f64 = if bound == "+Inf" { f64::INFINITY } else { bound.parse()? };
				// Bounds are positive, so their bits are in their order.
				*all.buckets.entry(bound.to_bits()).or_default() += value;
			}
		}
		Ok(all)
	}

	/// What was observed after `earlier`.
	fn since(&self, earlier: &Histogram) -> Histogram {
		let before = |bound| earlier.buckets.get(bound).copied().unwrap_or(0.0);
		Histogram {
			buckets: self.buckets.iter().map(|(bound, n)| (*bound, n - before(bound))).collect(),
			sum: self.sum - earlier.sum,
			count: self.count - earlier.count,
		}
	}

	/// The bound that no observation is above.
	fn bound(&self) -> f64 {
		let all = self.buckets.iter().find(|(_, n)| **n >= self.count);
		all.map_or(f64::INFINITY, |(bound, _)| f64::from_bits(*bound))
	}

	fn mean(&self) -> f64 {
		self.sum / self.count.max(1.0)
	}
}

/// What the validators have measured: preparing and executing our code, and the sizes of its proofs.
struct Measured {
	preparation: Histogram,
	execution: Histogram,
	pov: Histogram,
}

async fn measured(world: &World) -> Result<Measured> {
	let mut metrics = String::new();
	for validator in VALIDATORS {
		metrics.push_str(&world.network()?.metrics(validator).await?);
		metrics.push('\n');
	}
	Ok(Measured {
		preparation: Histogram::read(&metrics, "polkadot_pvf_preparation_time")?,
		execution: Histogram::read(&metrics, "polkadot_pvf_execution_time")?,
		pov: Histogram::read(&metrics, "polkadot_parachain_candidate_validation_pov_size")?,
	})
}

/// Weight of one class of calls: picoseconds, bytes of proof.
type ClassWeight = (Compact<u64>, Compact<u64>);

/// Weight of a block, in seconds and bytes.
async fn weight(world: &World, block: u32) -> Result<(f64, f64)> {
	#[derive(Decode)]
	struct Consumed(ClassWeight, ClassWeight, ClassWeight);
	let hash = world.chain.block_hash(block).await?.with_context(|| format!("no block {block}"))?;
	let bytes = world.chain.storage(&world.chain.key("System", "BlockWeight")?, hash).await?;
	let Consumed(a, b, c) = decode(&bytes.context("a block without a weight")?)?;
	let (mut seconds, mut proof) = (0.0, 0.0);
	for (time, size) in [a, b, c] {
		seconds += time.0 as f64 / 1e12;
		proof += size.0 as f64;
	}
	Ok((seconds, proof))
}

/// A block, and what validators measured from before it was built until it was final.
struct Filled {
	/// Weight of the block.
	seconds: f64,
	execution: Histogram,
}

/// A transaction with [`PAYMENTS`] payments to new accounts, by the call `transfer`.
fn payments(transfer: (u8, u8), payer: &Party) -> DynamicPayload<Encoded> {
	let pay = |i: u32| {
		let seed = [payer.uri.as_bytes(), &i.to_le_bytes()].concat();
		// `MultiAddress::Id` of a new account.
		(transfer, (0u8, AccountId::from(blake2_256(&seed))), Compact(IO / 100))
	};
	encoded_call("Utility", "batch_all", (0..PAYMENTS).map(pay).collect::<Vec<_>>().encode())
}

/// A transaction of [`REMARK`] bytes that cannot be compressed.
fn remark(payer: &Party) -> DynamicPayload<Encoded> {
	let hash = |i: u32| blake2_256(&[payer.uri.as_bytes(), &i.to_le_bytes()].concat());
	encoded_call("System", "remark", (0..REMARK / 32).flat_map(hash).collect::<Vec<_>>().encode())
}

/// Sends all at once and waits until they are final. Returns the heaviest block, by time.
async fn fill(
	world: &World,
	payers: &[Party],
	transaction: impl Fn(&Party) -> DynamicPayload<Encoded>,
) -> Result<Filled> {
	let start = measured(world).await?;
	let transactions = payers.iter().map(transaction).collect::<Vec<_>>();
	let sent = transactions.iter().zip(payers).map(|(sent, by)| world.chain.submit(sent, &by.key));
	let included: Vec<Included> = try_join_all(sent).await?;

	let mut blocks: BTreeMap<H256, u32> = BTreeMap::new();
	for one in &included {
		*blocks.entry(one.block).or_default() += 1;
	}
	let mut heaviest = (0, 0.0, 0.0, 0);
	for (hash, transactions) in &blocks {
		let height = world.chain.height_of(Some(*hash)).await?.context("a block has gone")?;
		let (seconds, proof) = weight(world, height).await?;
		if seconds > heaviest.1 {
			heaviest = (height, seconds, proof, *transactions);
		}
	}
	let (height, seconds, proof, transactions) = heaviest;
	world.step(format!(
		"{} transactions are final, in {} blocks; the heaviest, {height}, has {transactions} of them: {seconds:.2} s and {:.2} MiB by benchmarked weights",
		included.len(),
		blocks.len(),
		proof / 1024.0 / 1024.0
	));

	let end = measured(world).await?;
	let (execution, pov) = (end.execution.since(&start.execution), end.pov.since(&start.pov));
	ensure!(execution.count >= blocks.len() as f64, "validators executed nothing: {execution:?}");
	ensure!(pov.bound() <= POV_LIMIT, "a proof above the limit: {pov:?}");
	world.step(format!(
		"meanwhile validators executed {} candidates, {:.2} s on average, none longer than {} s by the clock (the relay chain gives {BACKING} s of computing time to back one); no proof above {:.2} MiB, of 10 MiB",
		execution.count,
		execution.mean(),
		execution.bound(),
		pov.bound() / 1024.0 / 1024.0
	));
	Ok(Filled { seconds, execution })
}

/// Fills blocks: with bytes, and with payments to new accounts as far as that is safe.
pub(super) async fn run(world: &mut World) -> Result<()> {
	let start = measured(world).await?;
	ensure!(start.preparation.count > 0.0, "no validator has prepared our code");
	world.step(format!(
		"validators prepared our code {} times, in {:.1} s on average; the relay chain gives 60 s to check it",
		start.preparation.count,
		start.preparation.mean()
	));

	let count = TRIES.iter().sum::<usize>() + FULL;
	let names = (0..count).map(|i| format!("payer-{i}")).collect::<Vec<_>>();
	let names = names.iter().map(String::as_str).collect::<Vec<_>>();
	let payers = world.people("heavy", &names).await?;

	world.step(format!("blocks as long as the chain makes them: transactions of {REMARK} bytes"));
	fill(world, &payers[..FULL], remark).await?;

	world.step(format!("transactions of {PAYMENTS} payments to new accounts"));
	let transfer = world.chain.call_index("Balances", "transfer_keep_alive")?;
	let mut payers = &payers[..];
	for count in TRIES {
		let (now, later) = payers.split_at(count);
		let tried = fill(world, now, |payer| payments(transfer, payer)).await?;
		if tried.execution.bound() > BACKING / 4.0 {
			world.step(format!(
				"NOT SHOWN: that validators accept a full block. {count} of these transactions took them more than {} s, so they could refuse one: the machine is busy, or their executor is not optimised, see tests/README.md",
				BACKING / 4.0
			));
			return Ok(());
		}
		payers = later;
	}
	let full = fill(world, payers, |payer| payments(transfer, payer))
		.await
		.context("is a full block refused by the validators?")?;
	ensure!(
		full.seconds > 0.9 * LIMIT,
		"no block was full: {:.2} s of {LIMIT} s by benchmarked weights",
		full.seconds
	);
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::Histogram;

	const METRICS: &str = "\
# TYPE x_time histogram
x_time_bucket{chain=\"a\",le=\"0.5\"} 1
x_time_bucket{chain=\"a\",le=\"2\"} 3
x_time_bucket{chain=\"a\",le=\"+Inf\"} 3
x_time_sum{chain=\"a\"} 3.5
x_time_count{chain=\"a\"} 3
y_time_count 9
";

	#[test]
	fn should_read_a_histogram_when_it_has_labels() {
		let all = Histogram::read(METRICS, "x_time").expect("well-formed");
		assert_eq!((all.count, all.sum, all.bound()), (3.0, 3.5, 2.0));
	}

	#[test]
	fn should_count_only_what_came_later_when_an_earlier_one_is_taken_away() {
		let first = Histogram::read(METRICS, "x_time").expect("well-formed");
		let both = Histogram::read(&METRICS.repeat(2), "x_time").expect("well-formed");
		let later = both.since(&first);
		assert_eq!((later.count, later.mean(), later.bound()), (3.0, 3.5 / 3.0, 2.0));
	}
}
