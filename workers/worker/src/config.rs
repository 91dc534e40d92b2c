//! Settings: a TOML file, overridden by flags and environment variables.

use std::{
	collections::BTreeSet,
	net::SocketAddr,
	path::{Path, PathBuf},
	time::Duration,
};

use io_mesh::{ListedRelay, address::MAX_LANES, lanes::NamedRelay};
use serde::{Deserialize, Serialize};
use sp_core::H256;

use crate::devices;

/// The file that `io-worker config` prints: every setting with its default and what it means.
pub const TEMPLATE: &str = include_str!("../config.toml");

/// Bytes in one MiB.
pub const MIB: u64 = 1024 * 1024;
/// Most threads of the CPU that prove its power.
const MAX_THREADS: usize = 4096;

/// What can be wrong with the settings.
#[derive(thiserror::Error, Debug)]
pub enum Error {
	/// The file cannot be read.
	#[error("cannot read the configuration {}: {source}. Give an existing file with --config", path.display())]
	Read {
		/// Which file.
		path: PathBuf,
		/// Why.
		source: std::io::Error,
	},
	/// The file is not what we expect.
	#[error("the configuration {} is not valid: {source}\nCompare it with `io-worker config`, which prints every setting", path.display())]
	Parse {
		/// Which file.
		path: PathBuf,
		/// Where and why.
		source: Box<toml::de::Error>,
	},
	/// A value makes no sense.
	#[error("setting `{name}`: {problem}")]
	Value {
		/// Which setting.
		name: &'static str,
		/// What is wrong, and what would be right.
		problem: String,
	},
}

/// All settings. See the crate's `config.toml` for what each means.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
	/// Folder of keystore, journal and contents.
	pub data_dir: PathBuf,
	/// Keystore file; `keystore.json` in `data_dir` if not set.
	pub keystore: Option<PathBuf>,
	/// Programs that run at the same time.
	pub capacity: u8,
	/// Seconds that a stopping worker waits for the chain to take results that it has already.
	pub drain_seconds: u64,
	/// The chain.
	pub chain: Chain,
	/// The gateway, for the node.
	pub gateway: Gateway,
	/// The content store, and the server that shows outputs.
	pub content: Content,
	/// How programs and inputs are fetched.
	pub fetch: Fetch,
	/// The mesh.
	pub mesh: Mesh,
	/// How programs run.
	pub run: Run,
	/// How devices prove their computing power.
	pub attestation: Attestation,
	/// What is logged.
	pub log: Log,
}

/// The chain.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct Chain {
	/// Genesis hash, `0x` and 64 hexadecimal digits; learned from the node if not set.
	pub genesis: Option<String>,
	/// WebSocket URL of a node for the direct mode.
	pub rpc: Option<String>,
	/// The direct mode acts when no off-chain worker has called for so many seconds.
	pub rpc_after_seconds: u64,
	/// Blocks before the accept deadline at which the worker decides at the latest.
	pub accept_margin_blocks: u32,
}

/// The gateway.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct Gateway {
	/// Where it listens.
	pub listen: SocketAddr,
	/// Whether `listen` may be an address other than loopback.
	pub allow_remote: bool,
}

/// The content store.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct Content {
	/// Where the server of outputs listens.
	pub listen: SocketAddr,
	/// The URL under which others reach that server; made of `listen` if not set.
	pub public_url: Option<String>,
	/// Most connections at the same time.
	pub max_connections: usize,
	/// Most MiB of programs and inputs that are kept.
	pub cache_mib: u64,
	/// Most MiB of outputs of finished jobs that are kept.
	pub output_mib: u64,
	/// Hours for which the output of a finished job is kept.
	pub keep_output_hours: u64,
	/// MiB of the disk that the worker leaves free.
	pub min_free_mib: u64,
}

/// How programs and inputs are fetched.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct Fetch {
	/// Whether URLs may point to private and loopback addresses.
	pub allow_private_addresses: bool,
	/// Seconds to connect.
	pub connect_seconds: u64,
	/// Seconds without enough data after which a source counts as stalled.
	pub stall_seconds: u64,
	/// Bytes per second that a source must give.
	pub min_bytes_per_second: u64,
	/// Rounds through all sources before a job is declined.
	pub rounds: u32,
}

/// The mesh.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct Mesh {
	/// Relays at which this worker waits, `URL` or `URL#PIN`.
	pub relays: Vec<String>,
	/// Whether it waits at relays that are registered on chain, if `relays` names none.
	pub from_chain: bool,
	/// Whether links may leave the relay and go straight from machine to machine.
	pub direct: bool,
	/// HTTP proxy through which relays are reached.
	pub proxy: Option<String>,
	/// Services for requesters of running jobs, `NAME=PORT`.
	pub expose: Vec<String>,
}

impl Mesh {
	/// The relays that the owner has set.
	pub fn relays(&self) -> Result<Vec<ListedRelay>, Error> {
		let relays: Vec<ListedRelay> = self
			.relays
			.iter()
			.map(|text| match text.parse::<NamedRelay>() {
				Ok(relay) => Ok(relay.listed()),
				Err(e) => Err(bad("mesh.relays", format!("`{text}`: {e}"))),
			})
			.collect::<Result<_, _>>()?;
		if relays.len() > MAX_LANES {
			return Err(bad("mesh.relays", format!("at most {MAX_LANES} are possible")));
		}
		Ok(relays)
	}

	/// The ports of the exposed services.
	pub fn ports(&self) -> BTreeSet<u16> {
		self.expose.iter().filter_map(|text| Some(parse_service(text).ok()?.1)).collect()
	}
}

/// Reads a service, such as `ssh=22`.
pub fn parse_service(text: &str) -> Result<(String, u16), String> {
	let wrong = || format!("`{text}` is no service; one looks like ssh=22");
	let (name, port) = text.split_once('=').ok_or_else(wrong)?;
	let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
	let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
	if good { Ok((name.to_owned(), port)) } else { Err(wrong()) }
}

/// How programs run.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct Run {
	/// Seconds after which a run is stopped, whatever the chain says.
	pub max_seconds: u64,
	/// How often a run is repeated after a fault of this machine.
	pub retries: u32,
	/// Which devices multiply matrices for jobs. The CPU stands in for GPUs that fail; WebAssembly runs on it always.
	pub devices: DeviceChoice,
}

/// How devices prove their computing power.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct Attestation {
	/// Whether they do.
	pub enabled: bool,
	/// Which devices.
	pub devices: DeviceChoice,
	/// Threads of the CPU; 0 means all.
	pub threads: usize,
	/// Share of the operator's free stake that all devices together may lock, in percent.
	pub stake_percent: u8,
}

/// Devices of this machine.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(untagged)]
pub enum DeviceChoice {
	/// The word `auto`: the GPUs, or the CPU if there are none.
	Word(String),
	/// These: `cpu`, `cuda:0` and so on.
	List(Vec<String>),
}

/// What is logged.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
	/// Text for people or JSON for machines.
	pub format: LogFormat,
	/// What is logged, such as `info` or `io_worker=debug,info`.
	pub filter: String,
}

/// Form of the log.
#[derive(Serialize, Deserialize, clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
	/// For people.
	Text,
	/// One JSON object per line.
	Json,
}

impl Default for Config {
	fn default() -> Self {
		Config {
			data_dir: "./io-worker".into(),
			keystore: None,
			capacity: 1,
			drain_seconds: 30,
			chain: Chain::default(),
			gateway: Gateway::default(),
			content: Content::default(),
			fetch: Fetch::default(),
			mesh: Mesh::default(),
			run: Run::default(),
			attestation: Attestation::default(),
			log: Log::default(),
		}
	}
}

impl Default for Chain {
	fn default() -> Self {
		Chain { genesis: None, rpc: None, rpc_after_seconds: 20, accept_margin_blocks: 4 }
	}
}

impl Default for Gateway {
	fn default() -> Self {
		Gateway { listen: SocketAddr::from(([127, 0, 0, 1], 9650)), allow_remote: false }
	}
}

impl Default for Content {
	fn default() -> Self {
		Content {
			listen: SocketAddr::from(([127, 0, 0, 1], 9651)),
			public_url: None,
			max_connections: 64,
			cache_mib: 10 * 1024,
			output_mib: 10 * 1024,
			keep_output_hours: 7 * 24,
			min_free_mib: 1024,
		}
	}
}

impl Default for Fetch {
	fn default() -> Self {
		Fetch {
			allow_private_addresses: false,
			connect_seconds: 10,
			stall_seconds: 10,
			min_bytes_per_second: 1024,
			rounds: 3,
		}
	}
}

impl Default for Mesh {
	fn default() -> Self {
		Mesh {
			relays: Vec::new(),
			from_chain: false,
			direct: true,
			proxy: None,
			expose: Vec::new(),
		}
	}
}

impl Default for Run {
	fn default() -> Self {
		Run { max_seconds: 24 * 3600, retries: 2, devices: DeviceChoice::default() }
	}
}

impl DeviceChoice {
	/// What is wrong with it, if anything.
	fn check(&self) -> Result<(), String> {
		match self {
			DeviceChoice::Word(word) if word != "auto" => {
				Err("must be \"auto\" or a list of devices".into())
			},
			DeviceChoice::Word(_) => Ok(()),
			DeviceChoice::List(list) => list
				.iter()
				.try_for_each(|name| devices::check_name(name))
				.map_err(|e| e.to_string()),
		}
	}
}

impl Default for DeviceChoice {
	fn default() -> Self {
		DeviceChoice::Word("auto".into())
	}
}

impl Default for Attestation {
	fn default() -> Self {
		Attestation {
			enabled: true,
			devices: DeviceChoice::default(),
			threads: 0,
			stake_percent: 50,
		}
	}
}

impl Default for Log {
	fn default() -> Self {
		Log { format: LogFormat::Text, filter: "info".into() }
	}
}

fn bad(name: &'static str, problem: impl Into<String>) -> Error {
	Error::Value { name, problem: problem.into() }
}

impl Config {
	/// Reads a file; without one all settings have their defaults.
	pub fn load(path: Option<&Path>) -> Result<Config, Error> {
		let Some(path) = path else { return Ok(Config::default()) };
		let text = std::fs::read_to_string(path)
			.map_err(|source| Error::Read { path: path.into(), source })?;
		toml::from_str(&text)
			.map_err(|source| Error::Parse { path: path.into(), source: Box::new(source) })
	}

	/// Checks what the types do not say.
	pub fn check(&self) -> Result<(), Error> {
		if self.capacity == 0 {
			return Err(bad("capacity", "must be at least 1"));
		}
		if !self.gateway.allow_remote && !self.gateway.listen.ip().is_loopback() {
			return Err(bad(
				"gateway.listen",
				format!(
					"{} is not a loopback address. Whoever reaches the gateway steers this worker: \
					 use 127.0.0.1, or set gateway.allow_remote = true behind a firewall",
					self.gateway.listen
				),
			));
		}
		if self.gateway.listen == self.content.listen && self.gateway.listen.port() != 0 {
			return Err(bad("content.listen", "must differ from gateway.listen"));
		}
		if self.content.max_connections == 0 {
			return Err(bad("content.max_connections", "must be at least 1"));
		}
		if self.fetch.stall_seconds == 0 || self.fetch.connect_seconds == 0 {
			return Err(bad("fetch", "connect_seconds and stall_seconds must be at least 1"));
		}
		if self.fetch.rounds == 0 {
			return Err(bad("fetch.rounds", "must be at least 1"));
		}
		self.mesh.relays()?;
		if self.mesh.from_chain && self.chain.rpc.is_none() {
			return Err(bad("mesh.from_chain", "needs chain.rpc, the URL of a node"));
		}
		for text in &self.mesh.expose {
			parse_service(text).map_err(|problem| bad("mesh.expose", problem))?;
		}
		if self.run.max_seconds == 0 {
			return Err(bad("run.max_seconds", "must be at least 1"));
		}
		for (name, choice) in
			[("run.devices", &self.run.devices), ("attestation.devices", &self.attestation.devices)]
		{
			choice.check().map_err(|problem| bad(name, problem))?;
		}
		if self.attestation.threads > MAX_THREADS {
			return Err(bad("attestation.threads", format!("must be at most {MAX_THREADS}")));
		}
		if self.attestation.stake_percent > 100 {
			return Err(bad("attestation.stake_percent", "must be at most 100"));
		}
		self.genesis()?;
		if let Some(url) = &self.content.public_url {
			let parsed = reqwest::Url::parse(url)
				.map_err(|e| bad("content.public_url", format!("`{url}` is not a URL: {e}")))?;
			if !matches!(parsed.scheme(), "http" | "https") {
				return Err(bad("content.public_url", "must start with http:// or https://"));
			}
			// The path of an output is 12 + 64 bytes long, and a locator holds at most 256.
			if url.len() > 180 {
				return Err(bad("content.public_url", "must not be longer than 180 bytes"));
			}
		}
		if let Some(url) = &self.chain.rpc
			&& !(url.starts_with("ws://") || url.starts_with("wss://"))
		{
			return Err(bad("chain.rpc", format!("`{url}` must start with ws:// or wss://")));
		}
		Ok(())
	}

	/// The genesis hash that the owner pinned.
	pub fn genesis(&self) -> Result<Option<H256>, Error> {
		self.chain
			.genesis
			.as_deref()
			.map(parse_hash)
			.transpose()
			.map_err(|p| bad("chain.genesis", p))
	}

	/// Where the keystore lies.
	pub fn keystore_path(&self) -> PathBuf {
		self.keystore.clone().unwrap_or_else(|| self.data_dir.join("keystore.json"))
	}

	/// Where the journal lies.
	pub fn journal_path(&self) -> PathBuf {
		self.data_dir.join("journal.redb")
	}

	/// Whether the worker joins the mesh, at relays that are named or at those of the chain.
	pub fn joins_mesh(&self) -> bool {
		!self.mesh.relays.is_empty() || (self.mesh.from_chain && self.chain.rpc.is_some())
	}

	/// Where it stands at which relays of the chain this worker waits.
	pub fn relays_path(&self) -> PathBuf {
		self.data_dir.join("relays")
	}

	/// Where it stands what was signed for to relays of the chain.
	pub fn receipts_path(&self) -> PathBuf {
		self.data_dir.join("receipts")
	}

	/// Where the journal of the proof of computing power lies.
	pub fn attest_journal_path(&self) -> PathBuf {
		self.data_dir.join("attest.redb")
	}

	/// The base URL of outputs, for a server that listens at `bound`.
	pub fn public_url(&self, bound: SocketAddr) -> String {
		match &self.content.public_url {
			Some(url) => url.trim_end_matches('/').to_owned(),
			None if bound.ip().is_unspecified() => format!("http://127.0.0.1:{}", bound.port()),
			None => format!("http://{bound}"),
		}
	}

	/// Bytes of the disk that the worker leaves free.
	pub fn min_free(&self) -> u64 {
		self.content.min_free_mib.saturating_mul(MIB)
	}

	/// How long a source may be silent.
	pub fn stall(&self) -> Duration {
		Duration::from_secs(self.fetch.stall_seconds)
	}
}

/// Reads a 32-byte hash from hexadecimal digits, with or without `0x`.
pub fn parse_hash(text: &str) -> Result<H256, String> {
	let digits = text.strip_prefix("0x").unwrap_or(text);
	let bytes = hex::decode(digits).map_err(|e| format!("`{text}` is not hexadecimal: {e}"))?;
	let array: [u8; 32] = bytes
		.try_into()
		.map_err(|b: Vec<u8>| format!("`{text}` has {} bytes, but 32 are needed", b.len()))?;
	Ok(H256(array))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_equal_the_defaults_when_the_template_is_parsed() {
		let parsed: Config = toml::from_str(TEMPLATE).unwrap();
		assert_eq!(parsed, Config::default());
		parsed.check().unwrap();
	}

	#[test]
	fn should_refuse_when_a_setting_is_unknown() {
		let error = toml::from_str::<Config>("capcity = 3").unwrap_err();
		assert!(error.to_string().contains("capcity"), "{error}");
	}

	#[test]
	fn should_refuse_when_the_gateway_is_open_to_others() {
		let mut config = Config::default();
		config.gateway.listen = SocketAddr::from(([0, 0, 0, 0], 9650));
		assert!(config.check().unwrap_err().to_string().contains("allow_remote"));
		config.gateway.allow_remote = true;
		config.check().unwrap();
	}

	#[test]
	fn should_refuse_when_devices_or_stake_make_no_sense() {
		for text in [
			"devices = \"all\"",
			"devices = [\"cpu\", \"gpu\"]",
			"stake_percent = 101",
			"threads = 5000",
		] {
			let config: Config = toml::from_str(&format!("[attestation]\n{text}")).unwrap();
			let error = config.check().unwrap_err().to_string();
			assert!(error.contains("attestation."), "{error}");
		}
		let good = "[attestation]\ndevices = [\"cpu\", \"cuda:0\"]\nenabled = false";
		toml::from_str::<Config>(good).unwrap().check().unwrap();
	}

	#[test]
	fn should_refuse_when_relays_or_services_are_none() {
		for text in [
			"relays = [\"relay.example\"]",
			"relays = [\"https://relay.example/#12\"]",
			"relays = [\"http://a\", \"http://b\", \"http://c\", \"http://d\", \"http://e\"]",
			"expose = [\"ssh\"]",
			"expose = [\"ssh=0\"]",
			"expose = [\"=22\"]",
			"expose = [\"ssh=70000\"]",
		] {
			let config: Config = toml::from_str(&format!("[mesh]\n{text}")).unwrap();
			let error = config.check().unwrap_err().to_string();
			assert!(error.contains("mesh."), "{error}");
		}
		let good =
			"[mesh]\nrelays = [\"https://relay.example\"]\nexpose = [\"ssh=22\", \"nb-1=8888\"]";
		let config: Config = toml::from_str(good).unwrap();
		config.check().unwrap();
		assert_eq!(config.mesh.ports(), [22, 8888].into());
	}

	#[test]
	fn should_refuse_when_the_genesis_is_no_hash() {
		let mut config = Config::default();
		config.chain.genesis = Some("0x1234".into());
		assert!(config.check().unwrap_err().to_string().contains("32 are needed"));
	}

	#[test]
	fn should_point_to_this_machine_when_the_server_listens_everywhere() {
		let config = Config::default();
		let bound = SocketAddr::from(([0, 0, 0, 0], 9651));
		assert_eq!(config.public_url(bound), "http://127.0.0.1:9651");
	}
}
