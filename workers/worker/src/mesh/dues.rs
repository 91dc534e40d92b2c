//! What this worker owes for the mesh: receipts to its relays for what they have carried, and to the chain, once in each epoch, a
//! word on which of them could be used.

use std::{
	io::{self, Write},
	path::{Path, PathBuf},
	sync::Arc,
	time::Duration,
};

use io_client::Client;
use io_mesh::{
	EndpointId, Error as MeshError, LaneAddress, ListedRelay, Mesh, PeerAddress, RelayList,
	receipt::{Meter, give},
	session::SessionConfig,
	transport::quic::QuicTransport,
};
use io_primitives::mesh::{
	CLAIM_EPOCHS, EndpointKey, EpochIndex, Observations, RelayMap, Report, SignedReceipt,
};
use tokio::time::Instant;

use crate::keystore::Keys;

/// How often the map is read, and the lanes are looked at.
const TICK: Duration = Duration::from_secs(5);
/// Within an epoch a relay gets a receipt no more often than so.
const GIVE: Duration = Duration::from_secs(60);
/// Bytes that are worth a receipt before the epoch ends. Giving one takes some hundred.
const WORTH: u64 = 1 << 20;
/// Time in which a relay must take a receipt.
const PATIENCE: Duration = Duration::from_secs(5);
/// Looks at a lane before anything is said of its relay.
const LOOKS: u32 = 2;

/// How this worker stands with one of its relays.
struct Account {
	relay: ListedRelay,
	lane: Arc<QuicTransport>,
	meter: Meter,
	/// Bytes of the present epoch that are signed for.
	signed: u64,
	/// When a receipt was last made.
	made: Instant,
	/// Receipts that the relay has not taken yet, at most one for each epoch.
	due: Vec<SignedReceipt>,
	seen: Seen,
}

/// What was seen of a relay since the last report.
#[derive(Clone, Copy, Default)]
struct Seen {
	looks: u32,
	/// Whether it could be used at one of them at least.
	alive: bool,
}

/// The accounts with all relays of this worker.
pub(super) struct Dues {
	client: Client,
	keys: Keys,
	mesh: Arc<Mesh>,
	list: RelayList,
	epoch: EpochIndex,
	accounts: Vec<Account>,
	/// Where it stands what was signed for.
	path: PathBuf,
	/// Whether receipts were made since that was last written.
	unwritten: bool,
	/// The last epoch in which a report was sent.
	reported: Option<EpochIndex>,
}

impl Dues {
	/// Begins to count, at what the last process had signed for.
	pub(super) fn open(
		client: Client,
		keys: Keys,
		mesh: Arc<Mesh>,
		list: RelayList,
		lanes: Vec<(ListedRelay, Arc<QuicTransport>)>,
		epoch: EpochIndex,
		path: PathBuf,
	) -> io::Result<Dues> {
		let before = read(&path)?;
		let account = |(relay, lane): (ListedRelay, Arc<QuicTransport>)| {
			let same = |known: &&Signed| known.relay == relay.id && known.epoch == epoch;
			let signed = before.iter().find(same).map_or(0, |known| known.bytes);
			let meter = Meter::new(lane.clone(), relay.id.0, epoch, signed);
			let (made, due, seen) = (Instant::now(), Vec::new(), Seen::default());
			Account { relay, lane, meter, signed, made, due, seen }
		};
		let accounts = lanes.into_iter().map(account).collect();
		Ok(Dues {
			client,
			keys,
			mesh,
			list,
			epoch,
			accounts,
			path,
			unwritten: false,
			reported: None,
		})
	}

	/// Does what there is to do, again and again.
	pub(super) async fn keep(dues: Arc<tokio::sync::Mutex<Dues>>) {
		loop {
			tokio::time::sleep(TICK).await;
			dues.lock().await.tick().await;
		}
	}

	async fn tick(&mut self) {
		match self.client.finalized_relay_map().await {
			Ok(map) => {
				if map.epoch != self.epoch {
					self.turn(map.epoch);
				}
				self.list.replace(ListedRelay::on(&map));
				self.look();
				self.report(&map).await;
			},
			Err(error) => tracing::debug!(%error, "the list of relays stays as it was"),
		}
		self.settle(|account| {
			account.made.elapsed() >= GIVE && account.meter.bytes() >= account.signed + WORTH
		})
		.await;
	}

	/// Signs for the rest, for this process ends.
	pub(super) async fn finish(&mut self) {
		self.settle(|account| account.meter.bytes() > account.signed).await;
	}

	/// A new epoch has begun: the old one's last receipts.
	fn turn(&mut self, epoch: EpochIndex) {
		for account in &mut self.accounts {
			if account.meter.bytes() > account.signed {
				account.sign(&self.client, &self.keys);
			}
			account.meter.turn(epoch);
			account.signed = 0;
			// What is older is not paid any more.
			account.due.retain(|due| due.receipt.epoch + CLAIM_EPOCHS >= epoch);
		}
		self.epoch = epoch;
	}

	/// Makes the receipts that `wanted` chooses, and brings the relays what they have not taken yet.
	async fn settle(&mut self, wanted: impl Fn(&Account) -> bool) {
		for account in self.accounts.iter_mut().filter(|account| wanted(account)) {
			account.sign(&self.client, &self.keys);
			self.unwritten = true;
		}
		let signed = self.accounts.iter().map(|account| Signed {
			relay: account.relay.id,
			epoch: self.epoch,
			bytes: account.signed,
		});
		// A relay that has a receipt must never be told of fewer bytes by the next process.
		if let Err(error) = write_if(&mut self.unwritten, &self.path, signed) {
			tracing::error!(path = %self.path.display(), %error, "receipts wait until it can be written");
			return;
		}
		let bring = self.accounts.iter_mut().map(|account| account.bring(&self.mesh));
		futures::future::join_all(bring).await;
	}

	/// Notes which relays can be used now.
	fn look(&mut self) {
		for account in &mut self.accounts {
			account.seen.looks += 1;
			account.seen.alive |= account.lane.is_online();
		}
	}

	/// Tells the chain, once in an epoch.
	async fn report(&mut self, map: &RelayMap<io_primitives::AccountId>) {
		if self.reported == Some(map.epoch) {
			return;
		}
		let on_map =
			|id: EndpointId| map.relays.iter().any(|relay| EndpointId(relay.relay.0) == id);
		let seen = self.accounts.iter().filter(|account| on_map(account.relay.id));
		let seen: Vec<_> = seen.map(|account| (account.relay.id, account.seen)).collect();
		let Some(relays) = observations(&seen) else { return };
		let report = Report { epoch: map.epoch, relays };
		let signed = self.keys.sign_report(self.client.genesis(), report);
		match self.client.submit_report(&signed).await {
			Ok(_) => tracing::debug!(epoch = map.epoch, "told the chain which relays can be used"),
			// An earlier process has.
			Err(io_client::Error::Dispatch(failure)) if failure.name == "AlreadyReported" => {},
			// The chain was quicker, or the node cannot be reached: it is tried again.
			Err(error) => {
				return tracing::debug!(%error, "the report on relays was not taken");
			},
		}
		self.reported = Some(map.epoch);
		self.accounts.iter_mut().for_each(|account| account.seen = Seen::default());
	}
}

/// What is said of relays; `None`: nothing can be said yet.
fn observations(seen: &[(EndpointId, Seen)]) -> Option<Observations> {
	// If none can be used, it may be this machine that is cut off.
	let enough = seen.iter().all(|(_, seen)| seen.looks >= LOOKS);
	if !enough || !seen.iter().any(|(_, seen)| seen.alive) {
		return None;
	}
	let mut relays: Vec<_> =
		seen.iter().map(|(relay, seen)| (EndpointKey::from_raw(relay.0), seen.alive)).collect();
	relays.sort_by_key(|(relay, _)| relay.0);
	relays.dedup_by_key(|(relay, _)| relay.0);
	relays.try_into().ok()
}

impl Account {
	/// Makes a receipt for all that was carried in the epoch so far.
	fn sign(&mut self, client: &Client, keys: &Keys) {
		let sign = |payload: &[u8]| keys.sign_receipt(payload);
		let signed = self.meter.receipt(client.genesis(), keys.worker(), sign);
		(self.signed, self.made) = (signed.receipt.bytes, Instant::now());
		self.due.retain(|due| due.receipt.epoch != signed.receipt.epoch);
		self.due.push(signed);
	}

	/// Gives the relay what is due.
	async fn bring(&mut self, mesh: &Mesh) {
		if self.due.is_empty() || !self.lane.is_online() {
			return;
		}
		let (endpoint, relay) = (self.relay.id, Some(self.relay.url.clone()));
		let lane = LaneAddress { endpoint, relay, direct: Vec::new() };
		let Ok(address) = PeerAddress::new(vec![lane]) else { return };
		let session = mesh.session(&address, SessionConfig { patience: PATIENCE });
		let mut left = Vec::new();
		for receipt in std::mem::take(&mut self.due) {
			let (relay, epoch, bytes) =
				(&self.relay.url, receipt.receipt.epoch, receipt.receipt.bytes);
			match give(&session, &receipt).await {
				Ok(()) => tracing::info!(relay, epoch, bytes, "gave the relay a receipt"),
				Err(MeshError::Refused(reason)) => {
					tracing::info!(relay, epoch, bytes, %reason, "the relay does not want a receipt")
				},
				Err(error) => {
					tracing::debug!(relay, epoch, bytes, %error, "a receipt waits");
					left.push(receipt);
				},
			}
		}
		self.due = left;
	}
}

/// What was signed for a relay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Signed {
	relay: EndpointId,
	epoch: EpochIndex,
	bytes: u64,
}

fn read(path: &Path) -> io::Result<Vec<Signed>> {
	let text = match std::fs::read_to_string(path) {
		Ok(text) => text,
		Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
		Err(e) => return Err(e),
	};
	let parse = |line: &str| {
		let mut words = line.split_whitespace();
		let mut relay = [0; 32];
		hex::decode_to_slice(words.next()?, &mut relay).ok()?;
		let (epoch, bytes) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
		Some(Signed { relay: EndpointId(relay), epoch, bytes })
	};
	let wrong =
		|| io::Error::new(io::ErrorKind::InvalidData, "no list of receipts; remove it to go on");
	text.lines().map(|line| parse(line).ok_or_else(wrong)).collect()
}

/// Writes if something is unwritten, which it is until that has succeeded.
fn write_if(
	unwritten: &mut bool,
	path: &Path,
	all: impl Iterator<Item = Signed>,
) -> io::Result<()> {
	if *unwritten {
		write(path, all)?;
		*unwritten = false;
	}
	Ok(())
}

fn write(path: &Path, all: impl Iterator<Item = Signed>) -> io::Result<()> {
	let folder = path.parent().unwrap_or(Path::new("."));
	let mut file = tempfile::NamedTempFile::new_in(folder)?;
	for Signed { relay, epoch, bytes } in all {
		writeln!(file, "{} {epoch} {bytes}", hex::encode(relay.0))?;
	}
	file.persist(path)?;
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;

	fn seen(n: u8, looks: u32, alive: bool) -> (EndpointId, Seen) {
		(EndpointId([n; 32]), Seen { looks, alive })
	}

	#[test]
	fn should_say_in_order_which_relays_could_be_used() {
		let said = observations(&[seen(2, LOOKS, false), seen(1, 9, true)]).unwrap();
		let key = |n| EndpointKey::from_raw([n; 32]);
		assert_eq!(said.into_inner(), [(key(1), true), (key(2), false)]);
	}

	#[test]
	fn should_say_nothing_when_it_was_not_looked_often_enough() {
		assert!(observations(&[seen(1, 9, true), seen(2, LOOKS - 1, false)]).is_none());
		assert!(observations(&[]).is_none());
	}

	#[test]
	fn should_say_nothing_when_this_machine_may_be_cut_off() {
		assert!(observations(&[seen(1, 9, false), seen(2, 9, false)]).is_none());
	}

	#[test]
	fn should_remember_what_was_signed_for() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("receipts");
		assert_eq!(read(&path).unwrap(), []);
		let all = [1, 2].map(|n| Signed {
			relay: EndpointId([n; 32]),
			epoch: 7,
			bytes: u64::MAX - u64::from(n),
		});
		write(&path, all.into_iter()).unwrap();
		assert_eq!(read(&path).unwrap(), all);
		std::fs::write(&path, "nonsense").unwrap();
		assert!(read(&path).is_err());
	}

	#[test]
	fn should_write_again_when_it_could_not_be_written() {
		let folder = tempfile::tempdir().unwrap();
		let place = folder.path().join("away");
		let path = place.join("receipts");
		let signed = Signed { relay: EndpointId([1; 32]), epoch: 7, bytes: 9 };
		let mut unwritten = true;
		for _ in 0..2 {
			assert!(write_if(&mut unwritten, &path, [signed].into_iter()).is_err());
		}
		std::fs::create_dir(&place).unwrap();
		write_if(&mut unwritten, &path, [signed].into_iter()).unwrap();
		assert_eq!(read(&path).unwrap(), [signed]);
		std::fs::remove_file(&path).unwrap();
		write_if(&mut unwritten, &path, [signed].into_iter()).unwrap();
		assert!(!path.exists());
	}
}
