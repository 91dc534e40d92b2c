//! `io-worker doctor`: looks at everything that a worker needs, and says how to repair what is wrong.

use std::{net::SocketAddr, time::Duration};

use comfy_table::{ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};
use io_client::Client;
use io_executor::{Control, Limits, Task};
use io_kernels::{
	DeviceKind,
	cuda::{DriverError, DriverInfo, driver_status},
};
use io_mesh::ContentAt;
use serde::Serialize;
use sp_core::H256;

use crate::{
	attest::status::rate,
	config::{Config, MIB},
	content, daemon,
	devices::{self, Found},
	journal::{self, Journal},
	keystore::{self, PassphraseSource, PublicKeys},
	net::bind,
	status::{self, Status},
};

/// The smallest WASI command: `_start` does nothing.
const TINY: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x01\
	\x07\x13\x02\x06memory\x02\0\x06_start\0\0\x0a\x04\x01\x02\0\x0b";
/// A node is expected to call at least so often.
const MAX_SYNC_AGE: u64 = 60;
/// The chain's clock may differ so much from ours, in seconds.
const MAX_CLOCK_DIFFERENCE: u64 = 60;

/// Columns of a table that is not shown on a terminal.
const WIDTH: u16 = 140;

/// How a check ended.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub enum Level {
	/// As it should be.
	Ok,
	/// It works, but not as well as it could.
	Warn,
	/// The worker cannot earn like this.
	Fail,
}

/// One finding.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Finding {
	/// What was looked at.
	pub what: &'static str,
	/// How it is.
	pub level: Level,
	/// What was found.
	pub found: String,
	/// What to do about it.
	pub fix: String,
}

/// All findings.
#[derive(Default)]
pub struct Report(pub Vec<Finding>);

impl Report {
	fn ok(&mut self, what: &'static str, found: impl Into<String>) {
		self.0.push(Finding { what, level: Level::Ok, found: found.into(), fix: String::new() });
	}

	/// As it should be, with something that could be added.
	fn hint(&mut self, what: &'static str, found: impl Into<String>, fix: impl Into<String>) {
		self.0.push(Finding { what, level: Level::Ok, found: found.into(), fix: fix.into() });
	}

	fn warn(&mut self, what: &'static str, found: impl Into<String>, fix: impl Into<String>) {
		self.0.push(Finding { what, level: Level::Warn, found: found.into(), fix: fix.into() });
	}

	fn fail(&mut self, what: &'static str, found: impl Into<String>, fix: impl Into<String>) {
		self.0.push(Finding { what, level: Level::Fail, found: found.into(), fix: fix.into() });
	}

	/// Whether anything keeps the worker from earning.
	pub fn has_failures(&self) -> bool {
		self.0.iter().any(|finding| finding.level == Level::Fail)
	}

	/// The findings for people.
	pub fn to_text(&self) -> String {
		let mut table = Table::new();
		table.load_preset(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
		if !table.is_tty() {
			table.set_width(WIDTH);
		}
		table.set_header(["", "what", "found", "what to do"]);
		for finding in &self.0 {
			let mark = match finding.level {
				Level::Ok => "ok",
				Level::Warn => "WARN",
				Level::Fail => "FAIL",
			};
			table.add_row([mark, finding.what, &finding.found, &finding.fix]);
		}
		table.to_string()
	}
}

/// Looks at everything.
pub async fn examine(config: &Config, passphrase: Option<&PassphraseSource>) -> Report {
	let mut report = Report::default();
	match config.check() {
		Ok(()) => report.ok("settings", "valid"),
		Err(error) => report.fail("settings", error.to_string(), "correct the setting"),
	}
	disk(config, &mut report);
	let keys = keys(config, passphrase, &mut report);
	engine(config, &mut report);
	devices(config, &mut report);
	let running = gateway(config, keys, &mut report).await;
	if running.is_none() {
		journal(config, keys, &mut report);
	}
	if let Some(status) = &running {
		attestation(status, &mut report);
	}
	outputs(config, running.as_ref(), &mut report).await;
	chain(config, keys, running.as_ref(), &mut report).await;
	report
}

fn disk(config: &Config, report: &mut Report) {
	let what = "data folder";
	if let Err(error) = daemon::make_data_dir(config) {
		report.fail(
			what,
			error.to_string(),
			"give a folder that this user may write with --data-dir",
		);
		return;
	}
	let probe = config.data_dir.join(format!("probe-{}", std::process::id()));
	let written = std::fs::write(&probe, b"probe");
	let _ = std::fs::remove_file(&probe);
	if let Err(error) = written {
		let found = format!("{}: {error}", config.data_dir.display());
		report.fail(what, found, "make the folder writable, or make room on its disk");
		return;
	}
	match rustix::fs::statvfs(&config.data_dir) {
		Ok(stat) => {
			let free = stat.f_bavail.saturating_mul(stat.f_frsize);
			let found = format!("{}, {} MiB free", config.data_dir.display(), free / MIB);
			if free < config.min_free() {
				report.fail(what, found, "make room: content.min_free_mib must stay free");
			} else if free < config.min_free() + 5 * 1024 * MIB {
				report.warn(
					what,
					found,
					"a program needs 1.3 GiB at least, a large job 5 GiB and more",
				);
			} else {
				report.ok(what, found);
			}
		},
		Err(error) => report.warn(what, error.to_string(), "check the disk"),
	}
}

fn keys(
	config: &Config,
	passphrase: Option<&PassphraseSource>,
	report: &mut Report,
) -> Option<PublicKeys> {
	let path = config.keystore_path();
	let what = "keystore";
	let opened = match passphrase {
		Some(source) => source
			.read()
			.and_then(|passphrase| keystore::open(&path, &passphrase))
			.map(|keys| keys.public()),
		None => keystore::public_keys(&path),
	};
	match opened {
		Ok(public) => {
			let note = if passphrase.is_some() { "opens" } else { "readable, not opened" };
			report.ok(what, format!("0x{}, {note}", hex::encode(public.worker.0)));
			Some(public)
		},
		Err(error) => {
			report.fail(what, error.to_string(), "see `io-worker keys --help`");
			None
		},
	}
}

fn engine(config: &Config, report: &mut Report) {
	let what = "engine";
	let run = || -> Result<String, String> {
		let folder = tempfile::tempdir_in(&config.data_dir).map_err(|e| e.to_string())?;
		let program = folder.path().join("tiny.wasm");
		std::fs::write(&program, TINY).map_err(|e| e.to_string())?;
		let scratch = folder.path().join("scratch");
		std::fs::create_dir(&scratch).map_err(|e| e.to_string())?;
		let executor = io_executor::Executor::new(io_executor::Config::default())
			.map_err(|e| e.to_string())?;
		let limits = Limits {
			max_units: 1,
			max_memory_mib: 16,
			max_output: 64 * 1024,
			wall_clock: Duration::from_secs(30),
		};
		let task =
			Task { program: &program, input: None, args: Vec::new(), limits, scratch: &scratch };
		let done = executor.execute(&task, &Control::new()).map_err(|e| e.to_string())?;
		match done.exit_code {
			0 => Ok(format!("runs WASM ({} fuel)", done.fuel)),
			code => Err(format!("a program that must end with 0 ended with {code}")),
		}
	};
	match run() {
		Ok(found) => report.ok(what, found),
		Err(error) => {
			report.fail(what, error, "this machine cannot run jobs; report it with `uname -a`")
		},
	}
}

fn devices(config: &Config, report: &mut Report) {
	let what = "devices";
	let names = |found: &[Found]| -> Vec<String> {
		found.iter().map(|d| format!("{} ({})", d.key(), d.name())).collect()
	};
	let has_gpus = |found: &[Found]| found.iter().any(|d| d.info.kind == DeviceKind::Cuda);
	let proves = match devices::chosen(&config.attestation.devices, config.attestation.threads) {
		Ok(found) if found.is_empty() => {
			report.warn(what, "none proves its power", "set attestation.devices");
			false
		},
		Ok(found) => {
			report.ok(what, names(&found).join(", "));
			has_gpus(&found)
		},
		Err(error) => {
			report.fail(what, error.to_string(), "correct attestation.devices");
			true
		},
	};
	let what = "devices for products";
	let multiplies = match devices::chosen(&config.run.devices, 0) {
		Ok(found) if has_gpus(&found) => {
			report.ok(what, format!("{}; the CPU stands in", names(&found).join(", ")));
			true
		},
		Ok(_) => {
			report.ok(what, "cpu");
			false
		},
		Err(error) => {
			report.fail(what, error.to_string(), "correct run.devices");
			true
		},
	};
	let uses_gpus = proves || multiplies;
	let what = "CUDA driver";
	match driver_status() {
		Ok(DriverInfo { version, devices }) => {
			report.ok(what, format!("supports CUDA {version}, {devices} devices"));
		},
		Err(error @ DriverError::NotInstalled(_)) if !uses_gpus => report.hint(
			what,
			error.to_string(),
			"nothing, if this machine has no NVIDIA GPU; else install NVIDIA's driver (package nvidia-driver) \
			 and see that `nvidia-smi` shows the GPU",
		),
		Err(error) => {
			let fix = match error {
				DriverError::NotInstalled(_) => {
					"install NVIDIA's driver (package nvidia-driver), and see that `nvidia-smi` shows the GPU"
				},
				DriverError::TooOld { .. } | DriverError::SymbolMissing(_) => {
					"install a newer NVIDIA driver"
				},
				DriverError::NoDevice => {
					"see whether `nvidia-smi` shows a GPU, and whether CUDA_VISIBLE_DEVICES or the container hides it"
				},
				DriverError::Refused(_) => "see `nvidia-smi` and the system's log; restart after a driver update",
			};
			if uses_gpus {
				report.fail(what, error.to_string(), fix);
			} else {
				report.warn(what, error.to_string(), fix);
			}
		},
	}
}

fn attestation(status: &Status, report: &mut Report) {
	let what = "attestation";
	let power = &status.attestation;
	if !power.enabled {
		report.hint(
			what,
			"switched off: jobs that ask for proven power do not come",
			"attestation.enabled = true",
		);
		return;
	}
	if power.last_sync_seconds.is_none() {
		if status.last_sync_seconds.is_some() {
			report.warn(
				what,
				"the node has said nothing of it yet",
				"wait a minute; if it stays so, then the chain is of an earlier version",
			);
		}
		return;
	}
	let enrolled = power.devices.iter().filter(|device| device.enrolled).count();
	let notes: Vec<String> = power
		.devices
		.iter()
		.filter(|device| !device.note.is_empty())
		.map(|device| format!("device {}: {}", device.device, device.note))
		.collect();
	let window = match &power.window {
		None => "no window yet".to_owned(),
		Some(window) if window.open => format!("window {} is open", window.id),
		Some(window) => format!("last window {}", window.id),
	};
	let left = power.certificates.iter().map(|c| c.blocks_left).min();
	let proven = match left {
		Some(left) => format!(
			"{} proven by {} certificates, the first expires in {left} blocks",
			rate(power.proven_mops),
			power.certificates.len()
		),
		None => "no certificate".to_owned(),
	};
	let found = format!("{enrolled} devices enrolled, {window}, {proven}");
	if !notes.is_empty() {
		report.warn(what, format!("{found}; {}", notes.join("; ")), "see the notes");
	} else if enrolled == 0 {
		report.warn(what, found, "wait a minute: devices are measured before they enrol");
	} else {
		report.ok(what, found);
	}
}

fn journal(config: &Config, keys: Option<PublicKeys>, report: &mut Report) {
	let what = "journal";
	let path = config.journal_path();
	let Some(keys) = keys else { return };
	if !path.exists() {
		report.ok(what, "none yet; the first start makes it");
		return;
	}
	match Journal::open(&path, keys.worker, None) {
		Ok((journal, opened)) => {
			let chain = journal.genesis().map_or("no chain yet".into(), |g| format!("chain {g:?}"));
			let found = format!("{} unfinished jobs, {chain}", opened.live.len());
			if opened.damaged.is_empty() {
				report.ok(what, found);
			} else {
				let damaged = format!("{found}; set aside: {}", opened.damaged.join("; "));
				report.warn(what, damaged, "check the disk; the jobs concerned are done again");
			}
		},
		Err(error @ journal::Error::InUse(_)) => {
			report.warn(what, error.to_string(), "nothing, if that worker listens elsewhere")
		},
		Err(error) => report.fail(what, error.to_string(), "see the message"),
	}
}

async fn gateway(config: &Config, keys: Option<PublicKeys>, report: &mut Report) -> Option<Status> {
	let address = config.gateway.listen;
	let status = match fetch_status(&format!("http://{address}")).await {
		Ok(status) => status,
		Err(_) => {
			for (what, address) in
				[("gateway port", address), ("content port", config.content.listen)]
			{
				match bind("test", address).await {
					Ok(_) => report.ok(what, format!("{address} is free; the worker does not run")),
					Err(error) => {
						report.fail(what, error.to_string(), "stop it, or change the port")
					},
				}
			}
			return None;
		},
	};
	if let Some(keys) = keys
		&& status.worker != format!("0x{}", hex::encode(keys.worker.0))
	{
		let found = format!("another worker, {}, listens at {address}", status.worker);
		report.fail("gateway", found, "give each worker its own gateway.listen");
		return None;
	}
	report.ok("gateway", format!("the worker runs at {address}"));
	calls_of_a_node(&status, address, report);
	match (status.registered, status.online) {
		(true, true) => report.ok("on chain", "registered and online"),
		(true, false) => report.warn(
			"on chain",
			"registered, but not online",
			"wait for the next heartbeat; if it stays so, look at the log",
		),
		(false, _) if status.last_sync_seconds.is_some() => report.fail(
			"on chain",
			"not registered",
			"`io-worker register`, then `io operator register-worker --file`",
		),
		_ => {},
	}
	Some(status)
}

fn calls_of_a_node(status: &Status, address: SocketAddr, report: &mut Report) {
	let what = "calls of a node";
	match status.last_sync_seconds {
		Some(age) if age <= MAX_SYNC_AGE => {
			report.ok(what, format!("the last was {age} s ago, block {}", status.best_block))
		},
		None if status.up_seconds < MAX_SYNC_AGE => report.warn(
			what,
			format!("not yet: the worker has run for {} s", status.up_seconds),
			"wait for the node's next block",
		),
		age => report.fail(
			what,
			age.map_or("no node ever called".into(), |age| format!("the last was {age} s ago")),
			format!(
				"start the node with `--offchain-worker always` on this machine, tell it of http://{address} \
				 if that is not the default (offchain storage io/gateways), or set chain.rpc"
			),
		),
	}
}

async fn outputs(config: &Config, running: Option<&Status>, report: &mut Report) {
	let what = "outputs";
	let in_mesh = match running {
		Some(status) => ContentAt::is_one(&status.content_url),
		None => config.content.public_url.is_none() && config.joins_mesh(),
	};
	if in_mesh {
		report.ok(what, "requesters fetch them through the mesh");
		return;
	}
	if config.content.public_url.is_none() {
		report.warn(
			what,
			"only this machine can fetch them",
			"join the mesh (`--mesh`), or set content.listen and content.public_url to an address that requesters reach",
		);
	}
	let Some(status) = running else { return };
	let url = format!("{}{}{}", status.content_url, content::PATH, "0".repeat(64));
	let answer = match http_client() {
		Ok(client) => client.get(&url).send().await.map_err(|e| e.to_string()),
		Err(error) => Err(error),
	};
	match answer {
		Ok(answer) if answer.status().as_u16() == 404 => {
			report.ok(what, format!("{} answers", status.content_url))
		},
		Ok(answer) => report.fail(
			what,
			format!("{url} answers {}", answer.status()),
			"let content.public_url lead to this worker's content.listen",
		),
		Err(error) => report.fail(
			what,
			format!("{}: {error}", status.content_url),
			"open the port in the firewall, and check content.public_url",
		),
	}
}

async fn chain(
	config: &Config,
	keys: Option<PublicKeys>,
	running: Option<&Status>,
	report: &mut Report,
) {
	let what = "node by RPC";
	let Some(url) = &config.chain.rpc else {
		if running.is_none() {
			report.ok(what, "none is set (chain.rpc); the off-chain worker does it all");
		}
		return;
	};
	let client = match Client::connect(url).await {
		Ok(client) => client,
		Err(error) => {
			report.fail(what, error.to_string(), "start the node, or correct chain.rpc");
			return;
		},
	};
	let genesis = client.genesis();
	report.ok(what, format!("{url}, chain {genesis:?}"));
	let bound: Option<H256> = match config.genesis() {
		Ok(Some(genesis)) => Some(genesis),
		_ => running
			.and_then(|status| status.genesis.as_deref())
			.and_then(|text| crate::config::parse_hash(text).ok()),
	};
	match bound {
		Some(bound) if bound != genesis => report.fail(
			"genesis",
			format!("the worker belongs to {bound:?}, the node to {genesis:?}"),
			"use a node of the right chain, or another data folder",
		),
		Some(_) => report.ok("genesis", "worker and node agree"),
		None => {},
	}
	if let Some(keys) = keys {
		match client.worker(&keys.worker).await {
			Ok(Some(view)) => {
				let found = format!("operator {}, online: {}", view.operator, view.online);
				if view.profile.capacity == config.capacity {
					report.ok("registration", found);
				} else {
					report.warn(
						"registration",
						format!(
							"{found}; capacity {} on chain, {} here",
							view.profile.capacity, config.capacity
						),
						"make them equal: `io operator update-worker` or the setting capacity",
					);
				}
			},
			Ok(None) => report.fail(
				"registration",
				"the chain does not know this worker",
				"`io-worker register`, then `io operator register-worker --file`",
			),
			Err(error) => report.fail("registration", error.to_string(), "check the node"),
		}
	}
	match client.storage::<u64>("Timestamp", "Now", &[], None).await {
		Ok(Some(millis)) => {
			let difference = crate::unix_seconds().abs_diff(millis / 1000);
			// A chain for development makes blocks when it likes, and counts its time by them.
			let is_development = client.chain_info().await.is_ok_and(|info| info.is_development());
			if is_development && difference > MAX_CLOCK_DIFFERENCE {
				report.ok("clock", "not compared: a chain for development has a time of its own");
			} else if difference <= MAX_CLOCK_DIFFERENCE {
				report.ok("clock", format!("{difference} s from the chain's last block"));
			} else {
				report.warn(
					"clock",
					format!("{difference} s from the chain's last block"),
					"set the clock (NTP), or look whether the chain stands still",
				);
			}
		},
		Ok(None) => {},
		Err(error) => report.warn("clock", error.to_string(), "check the node"),
	}
}

fn http_client() -> Result<reqwest::Client, String> {
	reqwest::Client::builder()
		.timeout(Duration::from_secs(5))
		.no_proxy()
		.build()
		.map_err(|e| e.to_string())
}

/// Asks a running worker for its status.
pub async fn fetch_status(gateway: &str) -> Result<Status, String> {
	let url = format!("{}{}", gateway.trim_end_matches('/'), status::PATH);
	let answer = http_client()?.get(&url).send().await.map_err(|e| e.to_string())?;
	answer.error_for_status().map_err(|e| e.to_string())?.json().await.map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::attest::status::{AttestStatus, CertificateStatus, DeviceStatus};

	fn only(look: impl FnOnce(&mut Report)) -> (Level, String) {
		let mut report = Report::default();
		look(&mut report);
		assert_eq!(report.0.len(), 1, "{:?}", report.0);
		let Finding { level, found, .. } = report.0.remove(0);
		(level, found)
	}

	fn outputs_of(config: &Config, running: Option<&Status>) -> Vec<(Level, String)> {
		let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
		let mut report = Report::default();
		runtime.block_on(outputs(config, running, &mut report));
		report.0.into_iter().map(|finding| (finding.level, finding.found)).collect()
	}

	#[test]
	fn should_find_outputs_in_the_mesh_when_that_is_where_they_are() {
		let mut config = Config::default();
		let status = |url: &str| Status { content_url: url.into(), ..Status::default() };
		let in_mesh = status("io-mesh:3vQB7B6MrGQZaxCuFg4oh");
		let ok = vec![(Level::Ok, "requesters fetch them through the mesh".to_owned())];
		// Whatever the settings of this call say, the worker that runs knows.
		assert_eq!(outputs_of(&config, Some(&in_mesh)), ok);
		assert_eq!(outputs_of(&config, None)[0].0, Level::Warn);
		config.mesh.relays = vec!["https://relay.example/".into()];
		assert_eq!(outputs_of(&config, None), ok);
		let found = outputs_of(&config, Some(&status("http://127.0.0.1:1")));
		assert_eq!(found.last().unwrap().0, Level::Fail);
	}

	fn calls(last: Option<u64>, up: u64) -> Level {
		let status = Status { last_sync_seconds: last, up_seconds: up, ..Status::default() };
		only(|report| calls_of_a_node(&status, ([127, 0, 0, 1], 9650).into(), report)).0
	}

	#[test]
	fn should_give_a_node_its_first_minute_when_the_worker_has_just_started() {
		assert_eq!(calls(None, 5), Level::Warn);
		assert_eq!(calls(None, MAX_SYNC_AGE), Level::Fail);
		assert_eq!(calls(Some(MAX_SYNC_AGE), 1000), Level::Ok);
		assert_eq!(calls(Some(MAX_SYNC_AGE + 1), 1000), Level::Fail);
	}

	fn power(attestation: AttestStatus) -> (Level, String) {
		let status = Status { last_sync_seconds: Some(1), attestation, ..Status::default() };
		only(|report| super::attestation(&status, report))
	}

	#[test]
	fn should_tell_how_the_proof_of_power_stands_when_the_worker_runs() {
		let off = AttestStatus::default();
		assert_eq!(power(off).0, Level::Ok);
		let silent = AttestStatus { enabled: true, ..AttestStatus::default() };
		assert_eq!(power(silent.clone()).0, Level::Warn);
		let not_enrolled = AttestStatus {
			last_sync_seconds: Some(1),
			devices: vec![DeviceStatus::default()],
			..silent
		};
		assert_eq!(power(not_enrolled.clone()).0, Level::Warn);
		let device = DeviceStatus { enrolled: true, ..DeviceStatus::default() };
		let certificate = CertificateStatus { mops: 2_000, blocks_left: 77, ..Default::default() };
		let good = AttestStatus {
			devices: vec![device.clone()],
			certificates: vec![certificate],
			proven_mops: 2_000,
			..not_enrolled
		};
		let (level, found) = power(good.clone());
		assert_eq!(level, Level::Ok);
		assert!(found.contains("2.0 GOP/s") && found.contains("77 blocks"), "{found}");
		let noted = DeviceStatus { note: "too little stake".into(), ..device };
		let (level, found) = power(AttestStatus { devices: vec![noted], ..good });
		assert_eq!(level, Level::Warn);
		assert!(found.contains("too little stake"), "{found}");
	}
}
