//! What is counted, for Prometheus.

use std::sync::atomic::AtomicU64;

use io_primitives::mesh::RelayState;
use iroh_relay::server::RelayMetrics;
use prometheus_client::{
	encoding::text::encode,
	metrics::{counter::Counter, gauge::Gauge},
	registry::Registry,
};

use crate::{access::Gate, chain::Chain};

/// Counters of the relay. Clones count together.
#[derive(Clone, Default, Debug)]
pub struct Metrics {
	/// Connections that were let in.
	pub admitted: Counter,
	/// Connections that were kept out.
	pub refused: Counter,
	/// Connections that were ended because the endpoint left the list.
	pub expelled: Counter,
}

/// Everything in the text format of Prometheus (OpenMetrics).
pub fn render(
	metrics: &Metrics,
	mesh: &io_mesh::metrics::Metrics,
	gate: &Gate,
	relay: &RelayMetrics,
	chain: Option<&Chain>,
) -> Result<String, std::fmt::Error> {
	let mut registry = Registry::with_prefix("io_relay");
	registry.register("admitted", "Connections let in", metrics.admitted.clone());
	registry.register("refused", "Connections kept out", metrics.refused.clone());
	registry.register("expelled", "Connections ended by the list", metrics.expelled.clone());
	let connections: Gauge = Gauge::default();
	connections.set(i64::try_from(gate.connections()).unwrap_or(i64::MAX));
	registry.register("connections", "Connections that are open", connections);
	if let Some(chain) = chain {
		let on_map = chain.entry().is_some_and(|entry| entry.state == RelayState::Live);
		for (name, help, value) in [
			("finalized_block", "Block of the chain that is in force", i64::from(chain.block())),
			("on_map", "Whether workers find the relay on chain", i64::from(on_map)),
		] {
			let gauge: Gauge = Gauge::default();
			gauge.set(value);
			registry.register(name, help, gauge);
		}
	}
	let server = &relay.server;
	for (name, help, value) in [
		("received_bytes", "Bytes from clients, to be forwarded", server.bytes_recv.get()),
		("sent_bytes", "Bytes forwarded to clients", server.bytes_sent.get()),
		(
			"dropped_packets",
			"Packets whose addressee was not there",
			server.send_packets_dropped.get(),
		),
		(
			"limited_bytes",
			"Bytes held back by the rate limit",
			server.bytes_rx_ratelimited_total.get(),
		),
	] {
		let counter: Counter<u64, AtomicU64> = Counter::default();
		counter.inc_by(value);
		registry.register(name, help, counter);
	}
	mesh.register(&mut registry);
	let mut text = String::new();
	encode(&mut text, &registry)?;
	Ok(text)
}
