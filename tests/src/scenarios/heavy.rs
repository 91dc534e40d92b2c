//! Blocks as heavy as our chain makes them: what they cost the validators.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use codec::{Compact, Decode};
use futures::future::try_join_all;
use io_primitives::AccountId;
use sp_core::H256;
use sp_crypto_hashing::blake2_256;
use subxt::dynamic::Value;

use crate::{
	chain::{Included, address, call, call_value, decode},
	network::VALIDATORS,
	world::{IO, World},
};

/// Who pays, each with one transaction. With 24 a block holds them all, 1.4 s by benchmarked weights; validators whose
/// executor is not optimised need 2.05 s of computing time for it and refuse it.
const PAYERS: usize = 12;
/// Payments to new accounts in one transaction: a tenth of a block by proof size, before what was not needed is given back.
const PAYMENTS: u32 = 250;
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

/// Fills blocks with payments to new accounts, until the block's weight or its author's time is used up.
pub(super) async fn run(world: &mut World) -> Result<()> {
	let start = measured(world).await?;
	ensure!(start.preparation.count > 0.0, "no validator has prepared our code");
	world.step(format!(
		"validators prepared our code {} times, in {:.1} s on average; the relay chain gives 60 s to check it",
		start.preparation.count,
		start.preparation.mean()
	));

	let names = (0..PAYERS).map(|i| format!("payer-{i}")).collect::<Vec<_>>();
	let names = names.iter().map(String::as_str).collect::<Vec<_>>();
	let payers = world.people("heavy", &names).await?;
	let payments = payers.iter().map(|payer| {
		let pay = |i: u32| {
			let new =
				AccountId::from(blake2_256(&[payer.uri.as_bytes(), &i.to_le_bytes()].concat()));
			let to = vec![("dest", address(&new)), ("value", Value::u128(IO / 100))];
			call_value("Balances", "transfer_keep_alive", to)
		};
		let calls = (0..PAYMENTS).map(pay).collect::<Vec<_>>();
		call("Utility", "batch_all", vec![("calls", Value::unnamed_composite(calls))])
	});
	let payments = payments.collect::<Vec<_>>();
	let sent = payments.iter().zip(&payers).map(|(pay, payer)| world.chain.submit(pay, &payer.key));
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
	ensure!(transactions >= 2, "the payments were not together in blocks: {blocks:?}");
	world.step(format!(
		"{} payments to new accounts are final, in {} blocks; the heaviest, {height}, has {}: {seconds:.2} s and {:.2} MiB by benchmarked weights",
		PAYMENTS * included.len() as u32,
		blocks.len(),
		PAYMENTS * transactions,
		proof / 1024.0 / 1024.0
	));

	let end = measured(world).await?;
	let (execution, pov) = (end.execution.since(&start.execution), end.pov.since(&start.pov));
	ensure!(execution.count >= blocks.len() as f64, "validators executed nothing: {execution:?}");
	ensure!(pov.bound() <= POV_LIMIT, "a proof above the limit: {pov:?}");
	world.step(format!(
		"meanwhile validators executed {} candidates, {:.2} s on average, none longer than {} s (the relay chain gives 2 s to back one); no proof above {:.2} MiB, of 10 MiB",
		execution.count,
		execution.mean(),
		execution.bound(),
		pov.bound() / 1024.0 / 1024.0
	));
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
