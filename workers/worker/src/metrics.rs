//! What is measured, for Prometheus.

use prometheus_client::{
	encoding::{EncodeLabelSet, text::encode},
	metrics::{counter::Counter, family::Family, gauge::Gauge},
	registry::Registry,
};

use crate::{
	agent::Agent,
	attest::{Attester, status::AttestStatus},
	journal::Stage,
};

/// Counters that the parts of the worker increase.
#[derive(Clone, Default, Debug)]
pub struct Metrics {
	/// Syncs with a node.
	pub syncs: Counter,
	/// Requests to the gateway that were refused.
	pub refused: Counter,
	/// Calls handed out, repetitions included.
	pub calls: Counter,
	/// Heartbeats signed.
	pub heartbeats: Counter,
	/// Draws of this worker.
	pub assignments: Counter,
	/// Jobs declined.
	pub declined: Counter,
	/// Results made.
	pub results: Counter,
	/// Executions without a result, by a fault of this machine or of the sources.
	pub failures: Counter,
	/// Units of work done.
	pub units: Counter,
}

#[derive(Clone, PartialEq, Eq, Hash, EncodeLabelSet, Debug)]
struct DeviceLabel {
	device: u32,
}

#[derive(Clone, PartialEq, Eq, Hash, EncodeLabelSet, Debug)]
struct StageLabel {
	stage: &'static str,
}

/// Name of a stage in labels.
pub fn stage_name(stage: Stage) -> &'static str {
	match stage {
		Stage::Assigned => "assigned",
		Stage::Fetching => "fetching",
		Stage::Accepted => "accepted",
		Stage::Running => "running",
		Stage::Produced => "produced",
		Stage::Committed => "committed",
		Stage::Revealed => "revealed",
		Stage::Final => "final",
		Stage::Declined => "declined",
	}
}

/// Everything in the text format of Prometheus (OpenMetrics).
pub fn render(
	agent: &Agent,
	attester: &Attester,
	mesh: Option<&io_mesh::metrics::Metrics>,
) -> Result<String, std::fmt::Error> {
	let mut registry = Registry::with_prefix("io_worker");
	let metrics = agent.metrics();
	for (name, help, counter) in [
		("syncs", "Syncs with a node", &metrics.syncs),
		("refused_requests", "Requests to the gateway that were refused", &metrics.refused),
		("calls", "Calls handed to nodes, repetitions included", &metrics.calls),
		("heartbeats", "Heartbeats signed", &metrics.heartbeats),
		("assignments", "Times that this worker was drawn", &metrics.assignments),
		("declined", "Jobs declined", &metrics.declined),
		("results", "Results made", &metrics.results),
		("failures", "Executions that gave no result", &metrics.failures),
		("units", "Units of work done", &metrics.units),
	] {
		registry.register(name, help, counter.clone());
	}
	let fetched: Counter = Counter::default();
	fetched.inc_by(agent.runner().received());
	registry.register("fetched_bytes", "Bytes of programs and inputs received", fetched);

	let jobs = Family::<StageLabel, Gauge>::default();
	for stage in [
		Stage::Assigned,
		Stage::Fetching,
		Stage::Accepted,
		Stage::Running,
		Stage::Produced,
		Stage::Committed,
		Stage::Revealed,
		Stage::Declined,
	] {
		jobs.get_or_create(&StageLabel { stage: stage_name(stage) }).set(0);
	}
	let (best, online, registered) = agent.with_state(|state| {
		for live in state.live.values() {
			jobs.get_or_create(&StageLabel { stage: stage_name(live.record.stage) }).inc();
		}
		(state.best, state.view.as_ref().is_some_and(|view| view.online), state.view.is_some())
	});
	registry.register("jobs", "Executions that are not finished, by stage", jobs);
	let mut gauge = |name: &str, help: &str, value: i64| {
		let gauge: Gauge = Gauge::default();
		gauge.set(value);
		registry.register(name, help, gauge);
	};
	gauge("best_block", "Best block that a node told", i64::from(best));
	gauge("registered", "1 if the chain knows this worker", i64::from(registered));
	gauge("online", "1 if the chain holds this worker for alive", i64::from(online));
	if let Some(age) = agent.last_sync() {
		gauge("sync_age_seconds", "Seconds since a node called", age.as_secs() as i64);
	}
	if let Ok(free) = agent.runner().store().free() {
		let free = i64::try_from(free).unwrap_or(i64::MAX);
		gauge("disk_free_bytes", "Bytes free on the disk of the data folder", free);
	}
	attestation(&mut registry, &AttestStatus::of(attester));
	if let Some(mesh) = mesh {
		mesh.register(&mut registry);
	}
	let mut text = String::new();
	encode(&mut text, &registry)?;
	Ok(text)
}

/// The proof of computing power.
fn attestation(registry: &mut Registry, status: &AttestStatus) {
	let mut gauge = |name: &str, help: &str, value: u64| {
		let gauge: Gauge = Gauge::default();
		gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
		registry.register(name, help, gauge);
	};
	gauge(
		"attest_proven_mops",
		"Proven computing power, 10^6 int8 operations/s",
		status.proven_mops,
	);
	if let Some(window) = &status.window {
		gauge("attest_window", "Number of the last window", window.id);
		gauge("attest_window_open", "1 if commitments count in it", window.open.into());
	}
	let mut devices = |name: &str, help: &str, values: Vec<(u16, Option<u64>)>| {
		let family = Family::<DeviceLabel, Gauge>::default();
		for (device, value) in values {
			if let Some(value) = value {
				let label = DeviceLabel { device: device.into() };
				family.get_or_create(&label).set(i64::try_from(value).unwrap_or(i64::MAX));
			}
		}
		registry.register(name, help, family);
	};
	let of = &status.devices;
	devices(
		"attest_enrolled",
		"1 if the device is enrolled",
		of.iter().map(|d| (d.device, Some(d.enrolled.into()))).collect(),
	);
	devices(
		"attest_rounds",
		"Rounds done in the last window",
		of.iter().map(|d| (d.device, Some(d.rounds.into()))).collect(),
	);
	devices(
		"attest_rate_mops",
		"Speed of rounds, 10^6 int8 operations/s",
		of.iter().map(|d| (d.device, d.rate_mops)).collect(),
	);
	let of = &status.certificates;
	devices(
		"attest_certificate_mops",
		"What the device's certificate proves, 10^6 int8 operations/s",
		of.iter().map(|c| (c.device, Some(c.mops))).collect(),
	);
	devices(
		"attest_certificate_blocks_left",
		"Blocks until the device's certificate expires",
		of.iter().map(|c| (c.device, Some(c.blocks_left.into()))).collect(),
	);
}
