//! At which relays this worker waits, and at which it may meet others.

use std::path::Path;

use io_client::Client;
use io_mesh::{EndpointId, ListedRelay, RelayList, lanes::LANES};
use io_primitives::mesh::EpochIndex;

use crate::config::{self, Config};

/// Why there are no relays.
#[derive(thiserror::Error, Debug)]
pub enum Error {
	/// The settings.
	#[error(transparent)]
	Config(#[from] config::Error),
	/// The node.
	#[error("relays of the mesh: {0}")]
	Client(#[from] io_client::Error),
	/// The chain has none.
	#[error("no relay of the mesh is registered on this chain: name some in mesh.relays")]
	None,
	/// The choice cannot be kept.
	#[error("{}: {source}", path.display())]
	File {
		/// Where.
		path: std::path::PathBuf,
		/// Why not.
		source: std::io::Error,
	},
}

/// The relays of a worker.
pub struct Relays {
	/// Those at which it waits.
	pub chosen: Vec<ListedRelay>,
	/// Those that may be used.
	pub list: RelayList,
	/// Where the list comes from, if not from the settings, and in which epoch.
	pub chain: Option<(Client, EpochIndex)>,
}

impl Relays {
	/// Those that the settings name, or those on chain; `None` if the worker is not to join the mesh.
	pub async fn find(config: &Config) -> Result<Option<Relays>, Error> {
		let chosen = config.mesh.relays()?;
		if !chosen.is_empty() {
			let list = RelayList::new(chosen.clone());
			return Ok(Some(Relays { chosen, list, chain: None }));
		}
		let (true, Some(url)) = (config.mesh.from_chain, &config.chain.rpc) else {
			return Ok(None);
		};
		let client = Client::connect(url).await?;
		if let Some(genesis) = config.genesis()? {
			client.expect_genesis(genesis)?;
		}
		let map = client.finalized_relay_map().await?;
		let list = RelayList::new(ListedRelay::on(&map));
		let chosen = choose(&list, &config.relays_path())?;
		Ok(Some(Relays { chosen, list, chain: Some((client, map.epoch)) }))
	}
}

/// The relays that were chosen before, or new ones if none were. The worker's registration names them, and who looks for the worker
/// goes by that, so they are not changed by themselves: one that is not on the map now may be back in the next epoch.
fn choose(list: &RelayList, path: &Path) -> Result<Vec<ListedRelay>, Error> {
	let failed = |source| Error::File { path: path.into(), source };
	let before = match std::fs::read_to_string(path) {
		Ok(text) => text,
		Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
		Err(e) => return Err(failed(e)),
	};
	let mut chosen = Vec::new();
	for line in before.lines().take(LANES) {
		let mut words = line.split_whitespace();
		let Some(url) = words.next() else { continue };
		if let Some(relay) = list.find(url) {
			chosen.push(relay);
			continue;
		}
		chosen.extend(words.next().and_then(|id| recall(url, id)));
		tracing::warn!(
			relay = url,
			path = %path.display(),
			"a relay at which this worker waits is not on the chain's map. It may come back; if it does not, remove this file, and \
			 register the worker anew"
		);
	}
	if chosen.is_empty() {
		chosen = list.choose(LANES, &[]);
	}
	if chosen.is_empty() {
		return Err(Error::None);
	}
	let text: String = chosen.iter().map(note).collect();
	if text != before {
		std::fs::write(path, text).map_err(failed)?;
	}
	Ok(chosen)
}

/// A line of the file: the relay's URL, and its endpoint, to which receipts go.
fn note(relay: &ListedRelay) -> String {
	format!("{} {}\n", relay.url, hex::encode(relay.id.0))
}

/// What a line of the file tells of a relay that is not on the map.
fn recall(url: &str, id: &str) -> Option<ListedRelay> {
	let mut bytes = [0; 32];
	hex::decode_to_slice(id, &mut bytes).ok()?;
	// Its certificate is checked by the map, once it is on that again; no more is needed of the rest.
	Some(ListedRelay {
		id: EndpointId(bytes),
		url: url.into(),
		pin: None,
		quic_port: None,
		operator: [0; 32],
		region: *b"--",
	})
}

#[cfg(test)]
mod tests {
	use io_mesh::EndpointId;

	use super::*;

	fn relay(n: u8) -> ListedRelay {
		ListedRelay {
			id: EndpointId([n; 32]),
			url: format!("https://relay-{n}.example/"),
			pin: None,
			quic_port: None,
			operator: [n; 32],
			region: *b"DE",
		}
	}

	#[test]
	fn should_keep_its_choice_when_relays_are_not_on_the_map() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("relays");
		let list = RelayList::new(vec![relay(3), relay(4), relay(5)]);
		let urls =
			|relays: Vec<ListedRelay>| relays.into_iter().map(|r| r.id.0[0]).collect::<Vec<_>>();
		assert_eq!(urls(choose(&list, &path).unwrap()), [3, 4]);
		for map in [vec![relay(1), relay(4), relay(2)], vec![relay(1), relay(2)], Vec::new()] {
			list.replace(map);
			// Each keeps its place too: the lane that waits at it goes by that.
			assert_eq!(urls(choose(&list, &path).unwrap()), [3, 4]);
		}
		std::fs::remove_file(&path).unwrap();
		assert!(matches!(choose(&list, &path), Err(Error::None)));
	}

	#[test]
	fn should_read_urls_alone_when_an_earlier_version_wrote_them() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("relays");
		std::fs::write(&path, "https://relay-4.example/\nhttps://relay-9.example/\n").unwrap();
		let list = RelayList::new(vec![relay(3), relay(4)]);
		assert_eq!(choose(&list, &path).unwrap(), [relay(4)]);
		assert_eq!(std::fs::read_to_string(&path).unwrap(), note(&relay(4)));
	}
}
