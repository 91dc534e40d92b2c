//! From a seed and a few relays to the lanes of a node.

use std::{fmt, str::FromStr, sync::Arc};

use iroh::RelayUrl;
use sp_core::{Pair, ed25519};
use zeroize::Zeroizing;

use crate::{
	EndpointId, Error, LaneAddress, ListedRelay, PeerAddress, RelayList,
	address::MAX_URL_BYTES,
	transport::{
		RelayTrust,
		quic::{LaneConfig, QuicTransport},
	},
};

/// Lanes that a node normally has: one may lose its relay.
pub const LANES: usize = 2;

/// A relay as settings name it: `https://relay.example/`, or with the pin of its certificate behind it,
/// `https://relay.example/#<64 hexadecimal digits>`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedRelay {
	url: String,
	pin: Option<[u8; 32]>,
}

impl NamedRelay {
	/// The relay as a list has it. Its own endpoint is not known, so it gets no receipts; whoever names it by hand answers for its
	/// operator.
	pub fn listed(&self) -> ListedRelay {
		ListedRelay {
			id: EndpointId(*blake3::hash(self.url.as_bytes()).as_bytes()),
			url: self.url.clone(),
			pin: self.pin,
			quic_port: None,
			operator: *blake3::hash(self.url.as_bytes()).as_bytes(),
			region: *b"--",
		}
	}
}

impl FromStr for NamedRelay {
	type Err = Error;

	fn from_str(text: &str) -> Result<Self, Error> {
		let (url, pin) = match text.split_once('#') {
			None => (text, None),
			Some((url, digits)) => {
				let mut pin = [0; 32];
				hex::decode_to_slice(digits, &mut pin)
					.map_err(|_| Error::Address("the pin of a relay is 64 hexadecimal digits"))?;
				(url, Some(pin))
			},
		};
		Ok(NamedRelay { url: normal(url)?, pin })
	}
}

impl fmt::Display for NamedRelay {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(&self.url)?;
		match self.pin {
			Some(pin) => write!(f, "#{}", hex::encode(pin)),
			None => Ok(()),
		}
	}
}

/// The URL of a relay in the form that peers compare.
fn normal(url: &str) -> Result<String, Error> {
	let parsed: RelayUrl =
		url.parse().map_err(|_| Error::Address("the URL of the relay is wrong"))?;
	if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
		return Err(Error::Address("the URL of a relay begins with https:// or http://"));
	}
	let url = parsed.to_string();
	if url.len() > MAX_URL_BYTES {
		return Err(Error::Address("the URL of a relay has at most 128 bytes"));
	}
	Ok(url)
}

/// The keys of a node's endpoints, one for each lane, all derived from one seed.
#[derive(Clone)]
pub struct Identity(Zeroizing<[u8; 32]>);

impl fmt::Debug for Identity {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("Identity")
	}
}

impl Identity {
	/// The identity that belongs to a seed.
	pub fn new(seed: [u8; 32]) -> Identity {
		Identity(Zeroizing::new(seed))
	}

	/// Secret key of a lane's endpoint.
	fn secret(&self, lane: usize) -> Zeroizing<[u8; 32]> {
		let mut material = Zeroizing::new([0; 40]);
		material[..32].copy_from_slice(&*self.0);
		material[32..].copy_from_slice(&(lane as u64).to_le_bytes());
		Zeroizing::new(blake3::derive_key("ionet mesh endpoint v1", &*material))
	}

	fn pair(&self, lane: usize) -> ed25519::Pair {
		ed25519::Pair::from_seed(&self.secret(lane))
	}

	/// Another identity of the same owner, for a second node that runs at the same time.
	pub fn other(&self, name: &str) -> Identity {
		let mut hasher = blake3::Hasher::new_derive_key("ionet mesh other identity v1");
		hasher.update(&*self.0).update(name.as_bytes());
		Identity::new(*hasher.finalize().as_bytes())
	}

	/// Name of a lane's endpoint.
	pub fn endpoint(&self, lane: usize) -> EndpointId {
		EndpointId(self.pair(lane).public().0)
	}

	/// Signs with the key of a lane's endpoint: proves to the chain that it is ours.
	pub fn sign(&self, lane: usize, payload: &[u8]) -> ed25519::Signature {
		self.pair(lane).sign(payload)
	}

	/// An x25519 secret of the same owner.
	pub fn x25519(&self) -> Zeroizing<[u8; 32]> {
		Zeroizing::new(blake3::derive_key("ionet x25519 v1", &*self.0))
	}

	/// Where a node with one lane at each of these relays will be.
	pub fn address(&self, relays: &[ListedRelay]) -> Result<PeerAddress, Error> {
		let lanes = relays.iter().enumerate().map(|(lane, relay)| {
			let (endpoint, relay) = (self.endpoint(lane), Some(normal(&relay.url)?));
			Ok(LaneAddress { endpoint, relay, direct: Vec::new() })
		});
		PeerAddress::new(lanes.collect::<Result<_, Error>>()?)
	}

	/// Opens one lane at each of `relays`. At the relays of the `list`, which may change later, peers may be met.
	pub async fn open(
		&self,
		relays: &[ListedRelay],
		list: &RelayList,
		options: &LaneOptions,
	) -> Result<Vec<Arc<QuicTransport>>, Error> {
		let mut lanes = Vec::new();
		for (lane, relay) in relays.iter().enumerate() {
			let config = LaneConfig {
				relay_quic_port: relay.quic_port,
				trust: RelayTrust::Listed(list.clone()),
				direct: options.direct,
				proxy: options.proxy.clone(),
				..LaneConfig::new(*self.secret(lane), Some(relay.url.clone()))
			};
			lanes.push(QuicTransport::bind(config).await?);
		}
		Ok(lanes)
	}
}

/// What all lanes of a node have in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LaneOptions {
	/// Whether links may leave the relay and go straight from machine to machine.
	pub direct: bool,
	/// HTTP proxy through which relays are reached.
	pub proxy: Option<String>,
}

impl Default for LaneOptions {
	fn default() -> LaneOptions {
		LaneOptions { direct: true, proxy: None }
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_read_back_what_is_shown_when_a_relay_has_a_pin_or_none() {
		let pin = "ab".repeat(32);
		for (text, shown) in [
			("https://relay.example", "https://relay.example/".to_owned()),
			(&format!("https://relay.example:7/#{pin}"), format!("https://relay.example:7/#{pin}")),
			("http://127.0.0.1:80/", "http://127.0.0.1/".to_owned()),
		] {
			let relay: NamedRelay = text.parse().unwrap();
			assert_eq!(relay.to_string(), shown);
			assert_eq!(relay.to_string().parse::<NamedRelay>().unwrap(), relay);
		}
	}

	#[test]
	fn should_refuse_when_a_relay_is_none() {
		let long = format!("https://{}.example/", "a".repeat(128));
		for text in ["", "relay", "ftp://relay.example/", "https://relay.example/#ab", &long] {
			assert!(text.parse::<NamedRelay>().is_err(), "{text}");
		}
	}

	#[test]
	fn should_give_the_same_keys_when_the_seed_is_the_same() {
		let identity = Identity::new([7; 32]);
		assert_eq!(identity.endpoint(0), Identity::new([7; 32]).endpoint(0));
		assert_ne!(identity.endpoint(0), identity.endpoint(1));
		assert_ne!(identity.endpoint(0), Identity::new([8; 32]).endpoint(0));
		assert_ne!(identity.endpoint(0), identity.other("tunnel").endpoint(0));
		// Other tools and earlier versions must find the same endpoint.
		assert_eq!(identity.endpoint(0).to_string(), include_str!("lanes/golden.hex").trim());
	}

	#[tokio::test]
	async fn should_be_the_endpoint_that_was_announced_when_a_lane_is_opened() {
		let identity = Identity::new([7; 32]);
		let relays = ["http://127.0.0.1:9".parse::<NamedRelay>().unwrap().listed()];
		let list = RelayList::new(relays.to_vec());
		let lanes = identity.open(&relays, &list, &LaneOptions::default()).await.unwrap();
		let [lane] = &lanes[..] else { panic!("{} lanes", lanes.len()) };
		use crate::transport::Transport;
		assert_eq!(lane.address(), identity.address(&relays).unwrap().lanes()[0]);
	}

	#[test]
	fn should_verify_when_an_endpoint_signs() {
		let identity = Identity::new([7; 32]);
		let signature = identity.sign(1, b"payload");
		let public = ed25519::Public::from_raw(identity.endpoint(1).0);
		assert!(ed25519::Pair::verify(&signature, b"payload", &public));
	}
}
