//! What the mesh costs and what it gives, on loopback: `scripts/bench.sh mesh`.
//!
//! Everything shares this machine's cores: client, worker, relays. Ratios within one run say more than the numbers.

mod failover;
mod ours;
mod stock;
mod tcp;

use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;
/// Bytes of each measurement of throughput.
const BULK: u64 = 256 * MIB;
/// Questions of each measurement of latency.
const ROUNDS: usize = 300;

/// Bytes per second and the time of a small question and its answer.
#[derive(Clone, Copy)]
struct Path {
	rate: f64,
	latency: Duration,
}

fn rate(bytes: u64, since: Instant) -> f64 {
	bytes as f64 / since.elapsed().as_secs_f64()
}

fn median(mut times: Vec<Duration>) -> Duration {
	times.sort();
	times.get(times.len() / 2).copied().unwrap_or_default()
}

fn row(name: &str, path: Path, tcp: Path, stock: Option<Path>) {
	let of_stock = stock.map_or("-".into(), |stock| format!("{:.2}", path.rate / stock.rate));
	println!(
		"| {name} | {:.2} | {:.3} | {of_stock} | {:.0} | {:+.0} |",
		path.rate * 8.0 / 1e9,
		path.rate / tcp.rate,
		path.latency.as_secs_f64() * 1e6,
		(path.latency.as_secs_f64() - tcp.latency.as_secs_f64()) * 1e6,
	);
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
	// `cargo test` runs benchmarks too, to see that they build.
	if !std::env::args().any(|argument| argument == "--bench") {
		return Ok(());
	}
	let rounds: usize =
		std::env::var("IO_BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
	println!("## Throughput and latency, loopback\n");
	println!("| path | Gbit/s | to TCP | to stock iroh | p50 us | above TCP us |");
	println!("| --- | --- | --- | --- | --- | --- |");
	let tcp = tcp::measure().await?;
	row("raw TCP, one stream", tcp, tcp, None);
	let direct = stock::measure(false).await?;
	row("stock iroh, direct, one stream", direct, tcp, Some(direct));
	let relayed = stock::measure(true).await?;
	row("stock iroh, one relay, one stream", relayed, tcp, Some(relayed));
	row(
		"io-mesh, direct, verified and on disk",
		ours::measure(0, None).await?.0,
		tcp,
		Some(direct),
	);
	row(
		"io-mesh, one relay, verified and on disk",
		ours::measure(1, None).await?.0,
		tcp,
		Some(relayed),
	);
	row(
		"io-mesh, two relays, verified and on disk",
		ours::measure(2, None).await?.0,
		tcp,
		Some(relayed),
	);

	println!("\n## Two lanes where a relay limits each client (4 MiB/s)\n");
	println!("| lanes | MiB/s | share of the lanes |");
	println!("| --- | --- | --- |");
	for lanes in [1, 2] {
		let (path, report) = ours::measure(lanes, Some(4 << 20)).await?;
		println!("| {lanes} | {:.2} | {:?} |", path.rate / MIB as f64, report.by_lane);
	}

	println!("\n## A relay dies during a transfer (both peers use relays only)\n");
	let mut gaps = Vec::new();
	for _ in 0..rounds {
		gaps.push(failover::ours().await?);
	}
	let shown: Vec<_> = gaps.iter().map(|gap| format!("{:.3}", gap.as_secs_f64())).collect();
	println!(
		"io-mesh, 200 MiB, gap in which no byte came, {rounds} rounds, s: {}",
		shown.join(" ")
	);
	println!(
		"worst {:.3} s, median {:.3} s",
		gaps.iter().max().unwrap_or(&Duration::ZERO).as_secs_f64(),
		median(gaps.clone()).as_secs_f64()
	);
	let stock = failover::stock().await?;
	println!("stock iroh endpoint with both relays, time until it answers again: {stock}");
	Ok(())
}
