//! What the worker tells its owner: `GET /v1/status`, shown by `io-worker status`.

use comfy_table::{ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};
use io_primitives::FUEL_PER_UNIT;
use serde::{Deserialize, Serialize};
use sp_core::crypto::Ss58Codec;

use crate::{
	agent::Agent,
	attest::{Attester, status::AttestStatus},
	metrics::stage_name,
	runner::Phase,
	unix_seconds,
};

/// Columns of a table that is not shown on a terminal.
const WIDTH: u16 = 140;

/// Where the status is shown.
pub const PATH: &str = "/v1/status";

/// State of a worker. Hashes and keys are hexadecimal with `0x`.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub struct Status {
	/// Version of the program.
	pub version: String,
	/// The hot key.
	pub worker: String,
	/// The hot key as an address.
	pub address: String,
	/// The chain; `None` before the first sync.
	pub genesis: Option<String>,
	/// The best block that a node told.
	pub best_block: u32,
	/// Seconds since a node called; `None` if none ever did.
	pub last_sync_seconds: Option<u64>,
	/// Whether the chain knows this worker.
	pub registered: bool,
	/// Whether the chain holds it for alive.
	pub online: bool,
	/// Its operator's address.
	pub operator: Option<String>,
	/// Block of the last heartbeat that the chain saw.
	pub last_heartbeat: Option<u32>,
	/// Programs that may run at the same time.
	pub capacity: u8,
	/// Whether it is stopping.
	pub draining: bool,
	/// Bytes free on the disk of the data folder.
	pub disk_free: Option<u64>,
	/// Whether the disk is too full for new jobs.
	pub disk_full: bool,
	/// Base URL of outputs, or this worker's address in the mesh.
	pub content_url: String,
	/// Seconds since the worker started.
	#[serde(default)]
	pub up_seconds: u64,
	/// How devices prove their computing power.
	#[serde(default)]
	pub attestation: AttestStatus,
	/// Executions that are not finished.
	pub jobs: Vec<JobStatus>,
}

/// State of one execution.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub struct JobStatus {
	/// The job.
	pub job: u64,
	/// The replica.
	pub replica: u8,
	/// Which draw of the replica.
	pub attempt: u8,
	/// How far it has come, as in the journal.
	pub stage: String,
	/// What happens on this machine now.
	pub phase: Option<String>,
	/// Where the replica stands on chain, as last seen.
	pub on_chain: Option<String>,
	/// Block at which that times out.
	pub deadline: u32,
	/// Bytes of program and input that are here.
	pub fetched: u64,
	/// Fuel used so far.
	pub fuel: u64,
	/// Fuel that the job may use.
	pub max_fuel: u64,
	/// Seconds since it was drawn.
	pub since_seconds: u64,
	/// Digest of the result.
	pub digest: Option<String>,
	/// Units of the result.
	pub units: Option<u64>,
	/// Exit code of the result.
	pub exit_code: Option<i32>,
	/// Where the output can be fetched.
	pub output: Option<String>,
	/// The last trouble.
	pub note: String,
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
	format!("0x{}", hex::encode(bytes))
}

impl Status {
	/// The state of a worker now.
	pub fn of(agent: &Agent, attester: &Attester) -> Status {
		let attestation = AttestStatus::of(attester);
		let worker = agent.worker();
		let outputs = &agent.settings().outputs;
		let disk_free = agent.runner().store().free().ok();
		let last_sync_seconds = agent.last_sync().map(|age| age.as_secs());
		agent.with_state(|state| Status {
			version: env!("CARGO_PKG_VERSION").into(),
			worker: hex(worker.0),
			address: worker.to_ss58check(),
			genesis: agent.genesis().map(hex),
			best_block: state.best,
			last_sync_seconds,
			registered: state.view.is_some(),
			online: state.view.as_ref().is_some_and(|view| view.online),
			operator: state.view.as_ref().map(|view| view.operator.to_ss58check()),
			last_heartbeat: state.view.as_ref().and_then(|view| view.last_heartbeat),
			capacity: agent.settings().capacity,
			draining: state.draining,
			disk_free,
			disk_full: state.disk_full,
			up_seconds: attester.up().as_secs(),
			attestation,
			jobs: state
				.live
				.values()
				.map(|live| {
					let record = &live.record;
					let produced = record.produced.as_ref();
					let work = live.work.as_ref();
					let spec = live.seen.as_ref().map(|seen| &seen.spec);
					JobStatus {
						job: record.execution.job,
						replica: record.execution.replica,
						attempt: record.execution.attempt,
						stage: stage_name(record.stage).into(),
						phase: work.map(|work| match work.phase() {
							Phase::Failed(_) => "failed".into(),
							phase => format!("{phase:?}").to_lowercase(),
						}),
						on_chain: live.seen.as_ref().map(|seen| {
							let state = format!("{:?}", seen.state);
							let name = state.split([' ', '{']).next().unwrap_or_default();
							format!("{:?}/{name}", seen.job_state)
						}),
						deadline: record.deadline,
						fetched: work.map_or(0, |work| work.program.done() + work.input.done()),
						fuel: work.map_or(0, |work| work.fuel_used()),
						max_fuel: spec
							.map_or(0, |spec| spec.max_units.saturating_mul(FUEL_PER_UNIT)),
						since_seconds: unix_seconds().saturating_sub(record.since),
						digest: produced.map(|p| hex(p.digest)),
						units: produced.map(|p| p.units),
						exit_code: produced.map(|p| p.exit_code),
						output: produced.map(|p| {
							String::from_utf8_lossy(&outputs.locator(p.output)).into_owned()
						}),
						note: record.note.clone(),
					}
				})
				.collect(),
			content_url: outputs.to_string(),
		})
	}

	/// The status for people.
	pub fn to_text(&self) -> String {
		let mut lines = vec![
			format!("worker     {} ({})", self.address, self.worker),
			format!(
				"chain      {}, best block {}, last call of a node: {}",
				self.genesis.as_deref().unwrap_or("not known yet"),
				self.best_block,
				self.last_sync_seconds.map_or("never".into(), |s| format!("{s} s ago")),
			),
			format!(
				"on chain   {}{}",
				match (self.registered, self.online) {
					(false, _) => "not registered",
					(true, false) => "registered, not online",
					(true, true) => "registered, online",
				},
				self.operator.as_ref().map_or(String::new(), |o| format!(", operator {o}")),
			),
			format!("outputs    {}", self.content_url),
		];
		lines.extend(self.attestation.to_lines());
		if self.draining {
			lines.push("stopping   takes no more jobs".into());
		}
		if self.disk_full {
			lines.push("disk full  takes no more jobs".into());
		}
		let mut table = Table::new();
		table.load_preset(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
		if !table.is_tty() {
			table.set_width(WIDTH);
		}
		table.set_header(["job/replica/draw", "stage", "now", "on chain", "fuel", "since", "note"]);
		for job in &self.jobs {
			let fuel = match (job.units, job.max_fuel) {
				(Some(units), _) => format!("{units} units"),
				(None, 0) => String::new(),
				(None, max) => format!("{} %", (job.fuel as u128 * 100 / max as u128)),
			};
			table.add_row([
				format!("{}/{}/{}", job.job, job.replica, job.attempt),
				job.stage.clone(),
				job.phase.clone().unwrap_or_default(),
				job.on_chain.clone().unwrap_or_default(),
				fuel,
				format!("{} s", job.since_seconds),
				job.note.clone(),
			]);
		}
		if self.jobs.is_empty() {
			lines.push("jobs       none".into());
			lines.join("\n")
		} else {
			format!("{}\n{table}", lines.join("\n"))
		}
	}
}
