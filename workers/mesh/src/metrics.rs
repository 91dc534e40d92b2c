//! What is counted, for Prometheus.

use prometheus_client::{
	encoding::EncodeLabelSet,
	metrics::{counter::Counter, family::Family, gauge::Gauge},
	registry::Registry,
};

/// A lane by its number.
#[derive(Clone, PartialEq, Eq, Hash, EncodeLabelSet, Debug)]
pub struct LaneLabel {
	/// The number.
	pub lane: u32,
}

/// Counters of a node of the mesh. Clones count together.
#[derive(Clone, Default, Debug)]
pub struct Metrics {
	/// Links made, by lane. More than one per session and lane are reconnections.
	pub links: Family<LaneLabel, Counter>,
	/// Bytes of verified content received, by lane.
	pub received: Family<LaneLabel, Counter>,
	/// Bytes of content served.
	pub served: Counter,
	/// Requests and chunks that were asked for on a second lane.
	pub hedges: Counter,
	/// Chunks that came a second time and were dropped.
	pub duplicates: Counter,
	/// Chunks that did not have their hash.
	pub corrupt: Counter,
	/// Links that were refused.
	pub refused: Counter,
	/// Peers that broke a protocol.
	pub breaches: Counter,
	/// Tunnels that are open.
	pub tunnels: Gauge,
	/// Times that a tunnel went on over another link.
	pub tunnel_moves: Counter,
}

impl Metrics {
	/// Adds everything to a registry.
	pub fn register(&self, registry: &mut Registry) {
		let registry = registry.sub_registry_with_prefix("mesh");
		registry.register("links", "Links made, by lane", self.links.clone());
		registry.register("received_bytes", "Verified content received", self.received.clone());
		registry.register("served_bytes", "Content served", self.served.clone());
		registry.register("hedges", "Requests sent on a second lane", self.hedges.clone());
		registry.register("duplicate_chunks", "Chunks that came twice", self.duplicates.clone());
		registry.register("corrupt_chunks", "Chunks with a wrong hash", self.corrupt.clone());
		registry.register("refused_links", "Links refused", self.refused.clone());
		registry.register("breaches", "Peers that broke a protocol", self.breaches.clone());
		registry.register("tunnels", "Tunnels that are open", self.tunnels.clone());
		registry.register("tunnel_moves", "Tunnels that changed links", self.tunnel_moves.clone());
	}
}
