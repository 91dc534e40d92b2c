//! At which relays this worker waits, and at which it may meet others.

use std::path::Path;

use io_client::Client;
use io_mesh::{ListedRelay, RelayList, lanes::LANES};
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

/// The relays that were chosen before, as far as they are still there; else new ones. The worker's registration names them, so they
/// are not changed without need.
fn choose(list: &RelayList, path: &Path) -> Result<Vec<ListedRelay>, Error> {
	let failed = |source| Error::File { path: path.into(), source };
	let before = match std::fs::read_to_string(path) {
		Ok(text) => text,
		Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
		Err(e) => return Err(failed(e)),
	};
	let kept: Vec<ListedRelay> =
		before.lines().filter_map(|url| list.find(url)).take(LANES).collect();
	if !kept.is_empty() {
		if kept.len() < before.lines().count() {
			tracing::warn!(
				path = %path.display(),
				"a relay at which this worker waits is not registered any more: remove this file, and register the worker anew"
			);
		}
		return Ok(kept);
	}
	let chosen = list.choose(LANES, &[]);
	if chosen.is_empty() {
		return Err(Error::None);
	}
	let text: String = chosen.iter().map(|relay| format!("{}\n", relay.url)).collect();
	std::fs::write(path, text).map_err(failed)?;
	Ok(chosen)
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
	fn should_keep_its_choice_while_one_of_the_relays_is_there() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("relays");
		let list = RelayList::new(vec![relay(3), relay(4), relay(5)]);
		let urls =
			|relays: Vec<ListedRelay>| relays.into_iter().map(|r| r.id.0[0]).collect::<Vec<_>>();
		assert_eq!(urls(choose(&list, &path).unwrap()), [3, 4]);
		list.replace(vec![relay(1), relay(4), relay(2)]);
		assert_eq!(urls(choose(&list, &path).unwrap()), [4]);
		list.replace(vec![relay(1), relay(2)]);
		assert_eq!(urls(choose(&list, &path).unwrap()), [1, 2]);
		list.replace(Vec::new());
		assert!(matches!(choose(&list, &path), Err(Error::None)));
	}
}
