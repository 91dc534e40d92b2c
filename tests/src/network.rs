//! A parachain under a real relay chain, which `scripts/local-network.sh` started and controls.

use std::{
	collections::BTreeMap,
	path::{Path, PathBuf},
	time::Duration,
};

use anyhow::{Context, Result, ensure};
use codec::{Compact, Decode, Encode};
use sp_core::H256;
use sp_crypto_hashing::twox_64;

use crate::{
	chain::{Chain, decode},
	process::run,
};

/// Time between our blocks, when nothing goes wrong.
pub const BLOCK_TIME: Duration = Duration::from_secs(6);
/// Our number on the relay chain.
pub const PARA_ID: u32 = 2000;
/// The validators.
pub const VALIDATORS: [&str; 2] = ["validator-alice", "validator-bob"];
/// The collator that the tests talk to.
pub const FIRST: &str = "collator-alice";
/// The other collator with a seat; it has a relay chain node inside.
pub const SECOND: &str = "collator-bob";
/// A node without keys and without a seat.
pub const THIRD: &str = "collator-charlie";

/// The network's processes and the relay chain's view.
pub struct Network {
	dir: PathBuf,
	script: PathBuf,
	ports: BTreeMap<String, BTreeMap<String, u16>>,
	/// The relay chain, through the first validator.
	pub relay: Chain,
}

#[derive(serde::Deserialize)]
struct Settings {
	script: PathBuf,
	ports: BTreeMap<String, BTreeMap<String, u16>>,
}

/// Where a block of ours stands on the relay chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
	/// Height of our block.
	pub block: u32,
	/// Height of the relay chain block upon which it was built.
	pub relay_parent: u32,
	/// Height of the relay chain block that includes it.
	pub included: u32,
}

impl Network {
	/// A network that runs already.
	pub async fn open(dir: &Path) -> Result<Network> {
		let path = dir.join("network.json");
		let text = std::fs::read(&path)
			.with_context(|| format!("no network in {}: start one first", dir.display()))?;
		let Settings { script, ports } = serde_json::from_slice(&text)?;
		let rpc = port_of(&ports, VALIDATORS[0], "rpc")?;
		let relay = Chain::connect(&format!("ws://127.0.0.1:{rpc}")).await?;
		Ok(Network { dir: dir.into(), script, ports, relay })
	}

	/// Folder of its chains and logs.
	pub fn dir(&self) -> &Path {
		&self.dir
	}

	/// WebSocket URL of a node.
	pub fn url(&self, node: &str) -> Result<String> {
		Ok(format!("ws://127.0.0.1:{}", port_of(&self.ports, node, "rpc")?))
	}

	/// Log of a node.
	pub fn log(&self, node: &str) -> PathBuf {
		self.dir.join(format!("{node}.log"))
	}

	/// Connects to a node, as soon as it answers.
	pub async fn connect(&self, node: &str) -> Result<Chain> {
		let url = self.url(node)?;
		let mut last = None;
		for _ in 0..300 {
			match Chain::connect(&url).await {
				Ok(chain) => return Ok(chain),
				Err(error) => last = Some(error),
			}
			tokio::time::sleep(Duration::from_secs(1)).await;
		}
		Err(last.context("no try")?).with_context(|| format!("{node} does not answer"))
	}

	/// Starts nodes that do not run.
	pub async fn start(&self, nodes: &[&str]) -> Result<()> {
		self.control("start", nodes, "").await
	}

	/// [`Self::start`], with more arguments for collators.
	pub async fn start_with(&self, nodes: &[&str], args: &str) -> Result<()> {
		self.control("start", nodes, args).await
	}

	/// Asks nodes to end, and waits.
	pub async fn stop(&self, nodes: &[&str]) -> Result<()> {
		self.control("stop", nodes, "").await
	}

	/// Kills nodes at once, as a power failure would.
	pub async fn kill(&self, nodes: &[&str]) -> Result<()> {
		self.control("kill", nodes, "").await
	}

	async fn control(&self, what: &str, nodes: &[&str], more: &str) -> Result<()> {
		let mut args = vec![
			format!("IO_NETWORK_DIR={}", self.dir.display()),
			format!("IO_COLLATOR_ARGS={more}"),
			self.script.display().to_string(),
			what.into(),
		];
		args.extend(nodes.iter().map(|node| (*node).to_owned()));
		let done = run(Path::new("env"), &args, Duration::from_secs(300)).await?;
		done.ok(&format!("local-network.sh {what}")).map(drop)
	}

	/// Height of our newest head that a relay chain block knows; of the newest one if none is given.
	pub async fn included(&self, at: H256) -> Result<u32> {
		let mut key = self.relay.key("Paras", "Heads")?.to_vec();
		let id = PARA_ID.encode();
		key.extend(twox_64(&id));
		key.extend(id);
		let head =
			self.relay.storage(&key, at).await?.context("the relay chain has no head of ours")?;
		height(&decode::<Vec<u8>>(&head)?)
	}

	/// Which of our blocks the relay chain blocks `from..=to` include.
	pub async fn inclusions(&self, from: u32, to: u32) -> Result<Vec<Inclusion>> {
		let mut found = Vec::new();
		for included in from..=to {
			let hash = self.relay.block_hash(included).await?.context("a relay block has gone")?;
			for event in self.relay.events(included, hash).await? {
				if !event.is("ParaInclusion", "CandidateIncluded") {
					continue;
				}
				let (parent, head) = (
					event.bytes_at(&["0", "descriptor", "relay_parent"])?,
					event.bytes_at(&["1"])?,
				);
				let parent = self.relay.height_of(Some(decode(&parent)?)).await?;
				found.push(Inclusion {
					block: height(&head)?,
					relay_parent: parent.context("a relay parent has gone")?,
					included,
				});
			}
		}
		Ok(found)
	}

	/// A node's Prometheus metrics.
	pub async fn metrics(&self, node: &str) -> Result<String> {
		let port = port_of(&self.ports, node, "metrics")?;
		Ok(reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await?.text().await?)
	}
}

/// The height in an encoded header.
fn height(header: &[u8]) -> Result<u32> {
	let (_, number) = <(H256, Compact<u32>)>::decode(&mut &header[..])?;
	Ok(number.0)
}

fn port_of(ports: &BTreeMap<String, BTreeMap<String, u16>>, node: &str, kind: &str) -> Result<u16> {
	let port = ports.get(node).and_then(|of_node| of_node.get(kind));
	port.copied().with_context(|| format!("the network has no node {node}"))
}

/// What the relay chain shows in the state of one of its blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
	/// Randomness of the block's author.
	pub author: Option<H256>,
	/// Randomness of the epoch before.
	pub epoch: Option<H256>,
	/// The block's slot.
	pub slot: u64,
}

impl Shown {
	/// Reads it from the relay chain itself.
	pub async fn at(relay: &Chain, number: u32) -> Result<Shown> {
		let hash = relay.block_hash(number).await?.context("a relay block has gone")?;
		let read = async |item| relay.storage(&relay.key("Babe", item)?, hash).await;
		let author = match read("AuthorVrfRandomness").await? {
			Some(bytes) => decode::<Option<H256>>(&bytes)?,
			None => None,
		};
		let epoch = read("NextRandomness").await?.map(|bytes| decode(&bytes)).transpose()?;
		let slot = read("CurrentSlot").await?.context("a relay block without a slot")?;
		ensure!(slot.len() == 8, "an unexpected slot");
		Ok(Shown { author, epoch, slot: decode(&slot)? })
	}
}
