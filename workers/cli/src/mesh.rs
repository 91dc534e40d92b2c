//! This machine's node in the mesh: how `io` gives files to workers behind NAT, gets outputs from them and opens tunnels to them.

mod command;
mod key;
mod serve;

pub(crate) use command::{MeshCommand, run};
pub(crate) use serve::Serving;

use std::{
	io::Write as _,
	path::PathBuf,
	sync::{
		Arc,
		atomic::{AtomicU64, Ordering},
	},
	time::Duration,
};

use clap::Args;
use indicatif::ProgressBar;
use io_client::Client;
use io_mesh::{
	ContentAt, ListedRelay, Mesh, MeshSession, PeerAddress, RelayList,
	blob::{self, FetchConfig},
	lanes::{Identity, LANES, LaneOptions, NamedRelay},
	metrics::Metrics,
	node::{Admission, Protocol},
	seal,
	session::SessionConfig,
};
use sp_core::H256;
use tempfile::NamedTempFile;
use tokio::sync::OnceCell;

use crate::error::{Error, Result};

/// Time to reach a relay or a peer.
const CONNECT: Duration = Duration::from_secs(20);
/// How often the progress of a download is shown.
const LOOK: Duration = Duration::from_millis(100);
/// How long a download may give nothing.
const STALL: Duration = Duration::from_secs(30);

/// Where in the mesh this machine is.
// The heading is said for each option: `next_help_heading` would hold for those of the command that follow, too.
#[derive(Args, Clone, Debug)]
pub(crate) struct MeshArgs {
	/// A relay of the mesh, with the pin of its certificate if it has one; two are best [default: two of those that are registered on
	/// chain, see `io relay list`]
	#[arg(long = "relay", help_heading = "Mesh", env = "IO_RELAYS", value_name = "URL[#PIN]", value_delimiter = ',', value_parser = parse_relay)]
	pub(crate) relays: Vec<NamedRelay>,
	/// File with this machine's key in the mesh; it is made if it does not exist. Workers know the requester of a job by it, and
	/// sealed outputs open with it [default: io-network/mesh.key in the folder for settings]
	#[arg(long, help_heading = "Mesh", env = "IO_MESH_KEY", value_name = "FILE")]
	pub(crate) mesh_key: Option<PathBuf>,
	/// Stay on the relays, also where machines could talk to each other directly
	#[arg(long, help_heading = "Mesh")]
	pub(crate) relay_only: bool,
}

fn parse_relay(text: &str) -> Result<NamedRelay, String> {
	text.parse().map_err(|e: io_mesh::Error| e.to_string())
}

/// What a node of this machine is for. Two with the same purpose cannot run at the same time, for a relay knows each endpoint once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
	/// Files of a job, and its output.
	Files,
	/// Tunnels.
	Tunnel,
}

impl Purpose {
	fn identity(self, identity: &Identity) -> Identity {
		match self {
			Purpose::Files => identity.clone(),
			Purpose::Tunnel => identity.other("tunnel"),
		}
	}

	fn name(self) -> &'static str {
		match self {
			Purpose::Files => "files",
			Purpose::Tunnel => "tunnel",
		}
	}
}

impl MeshArgs {
	/// The file of the key.
	fn key_file(&self) -> Result<PathBuf> {
		match &self.mesh_key {
			Some(path) => Ok(path.clone()),
			None => key::default_path(),
		}
	}

	/// This machine's identity; a new one if there is none yet.
	pub(crate) fn identity(&self) -> Result<Identity> {
		key::load_or_make(&self.key_file()?)
	}

	/// This machine's identity, if there is one.
	pub(crate) fn existing_identity(&self) -> Result<Option<Identity>> {
		let path = self.key_file()?;
		if path.exists() { key::load(&path).map(Some) } else { Ok(None) }
	}

	/// The relays that may be used, and those of them to wait at.
	async fn relays(&self, client: &Client) -> Result<(RelayList, Vec<ListedRelay>)> {
		if !self.relays.is_empty() {
			let relays: Vec<ListedRelay> = self.relays.iter().map(NamedRelay::listed).collect();
			let first = relays.iter().take(LANES).cloned().collect();
			return Ok((RelayList::new(relays), first));
		}
		let list = RelayList::new(ListedRelay::on(&client.finalized_relay_map().await?));
		let chosen = list.choose(LANES, &[]);
		if chosen.is_empty() {
			return Err(Error::Chain(
				"no relay of the mesh is registered on this chain: name some with --relay URL#PIN"
					.into(),
			));
		}
		Ok((list, chosen))
	}
}

/// An error of the mesh as one of ours.
fn wrong(error: io_mesh::Error) -> Error {
	Error::Local(format!("the mesh: {error}"))
}

/// This machine's node.
pub(crate) struct Node {
	mesh: Mesh,
	list: RelayList,
	relays: Vec<ListedRelay>,
	identity: Identity,
	_lock: std::fs::File,
}

impl Node {
	/// Joins the mesh, and waits until a relay lets us in.
	pub(crate) async fn join(
		args: &MeshArgs,
		client: &Client,
		purpose: Purpose,
		admission: Option<Arc<dyn Admission>>,
		protocols: Vec<Arc<dyn Protocol>>,
		metrics: Metrics,
	) -> Result<Arc<Node>> {
		let (list, relays) = args.relays(client).await?;
		let identity = args.identity()?;
		let lock = key::lock(&args.key_file()?, purpose.name())?;
		let options = LaneOptions { direct: !args.relay_only, proxy: None };
		let lanes =
			purpose.identity(&identity).open(&relays, &list, &options).await.map_err(wrong)?;
		let online = lanes.iter().zip(&relays).map(|(lane, relay)| async move {
			lane.online(CONNECT).await.map_err(|error| format!("{}: {error}", relay.url))
		});
		let mut reasons = Vec::new();
		let mut online: futures::stream::FuturesUnordered<_> = online.collect();
		loop {
			use futures::StreamExt;
			match online.next().await {
				Some(Ok(())) => break,
				Some(Err(reason)) => reasons.push(reason),
				None => {
					return Err(Error::Local(format!(
						"no relay of the mesh can be used: {}\nRelays let in registered endpoints only: `io mesh register` registers \
						 those of this machine",
						reasons.join("; ")
					)));
				},
			}
		}
		drop(online);
		let mut builder = Mesh::builder().metrics(metrics).relays(list.clone());
		for lane in lanes {
			builder = builder.lane(lane);
		}
		for protocol in protocols {
			builder = builder.protocol(protocol);
		}
		if let Some(admission) = admission {
			builder = builder.admission(admission);
		}
		let mesh = builder.start().map_err(wrong)?;
		Ok(Arc::new(Node { mesh, list, relays, identity, _lock: lock }))
	}

	/// The addresses of this machine, of all purposes: what a job must name so that its workers let us in.
	pub(crate) fn addresses(&self) -> Result<[PeerAddress; 2]> {
		let at = |purpose: Purpose| {
			purpose.identity(&self.identity).address(&self.relays).map_err(wrong)
		};
		Ok([at(Purpose::Files)?, at(Purpose::Tunnel)?])
	}

	/// A session with a peer, at the relays that are known here.
	pub(crate) fn session(&self, peer: &PeerAddress) -> Result<MeshSession> {
		let peer = peer.only_at(|url| self.list.find(url).is_some()).ok_or_else(|| {
			Error::Local(
				"it waits only at relays that are not known here; add them with --relay".into(),
			)
		})?;
		Ok(self.mesh.session(&peer, SessionConfig { patience: CONNECT }))
	}

	/// What it counts.
	fn metrics(&self) -> &Metrics {
		self.mesh.metrics()
	}

	/// Fetches a content of at most `most` bytes into a temporary file.
	async fn fetch(
		&self,
		at: &ContentAt,
		most: u64,
		bar: &ProgressBar,
	) -> Result<(NamedTempFile, H256, u64)> {
		let hash = at.hash.ok_or_else(|| Error::Local("it names no content".into()))?;
		let session = self.session(&at.peer)?;
		let plain = |error: io_mesh::Error| Error::Local(error.to_string());
		session.ready(CONNECT).await.map_err(plain)?;
		let content = blob::describe(&session, hash, most).await.map_err(plain)?;
		bar.set_length(content.size);
		let file = NamedTempFile::new().map_err(Error::file("make", "a temporary file"))?;
		let done = AtomicU64::new(0);
		let fetched = {
			let (sessions, config) = ([&session], FetchConfig { patience: STALL });
			let fetching = blob::fetch_watched(&sessions, content, file.path(), config, &done);
			let mut fetching = std::pin::pin!(fetching);
			loop {
				tokio::select! {
					fetched = &mut fetching => break fetched,
					() = tokio::time::sleep(LOOK) => bar.set_position(done.load(Ordering::Relaxed)),
				}
			}
		};
		match fetched {
			Ok(_) => Ok((file, H256(hash), content.size)),
			Err(error) => {
				let mut record = file.path().as_os_str().to_owned();
				record.push(".chunks");
				// Most likely it is there; if not, that is as well.
				let _ = std::fs::remove_file(record);
				match error {
					io_mesh::Error::Io(e) if e.kind() == std::io::ErrorKind::StorageFull => {
						Err(Error::file("write", "a temporary file")(e))
					},
					error => Err(plain(error)),
				}
			},
		}
	}
}

/// What fetches outputs from the mesh. It joins only when it has to.
pub(crate) struct Fetcher {
	args: MeshArgs,
	client: Client,
	node: OnceCell<Arc<Node>>,
}

impl Fetcher {
	/// Fetches with a node that runs already, or with one of its own.
	pub(crate) fn new(args: &MeshArgs, client: &Client, node: Option<Arc<Node>>) -> Fetcher {
		let (args, client) = (args.clone(), client.clone());
		Fetcher { args, client, node: OnceCell::new_with(node) }
	}

	/// Fetches a content into a temporary file.
	pub(crate) async fn fetch(
		&self,
		at: &ContentAt,
		most: u64,
		bar: &ProgressBar,
	) -> Result<(NamedTempFile, H256, u64)> {
		let (files, metrics) = (Purpose::Files, Metrics::default());
		let join = || Node::join(&self.args, &self.client, files, None, Vec::new(), metrics);
		self.node.get_or_try_init(join).await?.fetch(at, most, bar).await
	}

	/// Opens an output that was sealed to us; `None` if it was not.
	pub(crate) fn open(
		&self,
		file: &NamedTempFile,
		purpose: &seal::Purpose,
		most: u64,
	) -> Result<Option<(NamedTempFile, H256)>> {
		let Some(identity) = self.args.existing_identity()? else { return Ok(None) };
		let temporary = "a temporary file";
		let mut from =
			std::io::BufReader::new(file.reopen().map_err(Error::file("read", temporary))?);
		let to = NamedTempFile::new().map_err(Error::file("make", temporary))?;
		let mut writer =
			std::io::BufWriter::new(to.reopen().map_err(Error::file("write", temporary))?);
		match seal::open_letter(&identity.x25519(), purpose, &mut from, &mut writer, most) {
			Ok(_) => {},
			Err(seal::Error::Io(error)) => return Err(Error::file("write", temporary)(error)),
			Err(_) => return Ok(None),
		}
		writer.flush().map_err(Error::file("write", temporary))?;
		let mut hasher = blake3::Hasher::new();
		hasher
			.update_reader(to.reopen().map_err(Error::file("read", temporary))?)
			.map_err(Error::file("read", temporary))?;
		Ok(Some((to, H256(*hasher.finalize().as_bytes()))))
	}
}
