//! Where a peer is: one endpoint per lane, each with the relay at which it waits.

use std::{fmt, net::SocketAddr, str::FromStr};

use codec::{Decode, DecodeAll, Encode};

use crate::Error;

/// Most lanes of a peer.
pub const MAX_LANES: usize = 4;
/// Most bytes of a relay's URL (as on chain).
pub const MAX_URL_BYTES: usize = 128;
/// Most direct addresses of a lane.
pub const MAX_DIRECT: usize = 8;
/// Begins every address in text form.
pub(crate) const PREFIX: &str = "io-mesh:";

/// An ed25519 public key: the name of an endpoint, proven in each handshake.
#[derive(Encode, Decode, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(pub [u8; 32]);

impl fmt::Debug for EndpointId {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(&hex::encode(&self.0[..5]))
	}
}

impl fmt::Display for EndpointId {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(&hex::encode(self.0))
	}
}

impl FromStr for EndpointId {
	type Err = Error;

	fn from_str(text: &str) -> Result<Self, Error> {
		let mut id = [0; 32];
		hex::decode_to_slice(text, &mut id)
			.map_err(|_| Error::Address("an endpoint id is 64 hexadecimal digits"))?;
		Ok(EndpointId(id))
	}
}

/// How to reach one endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LaneAddress {
	/// Who.
	pub endpoint: EndpointId,
	/// The relay at which it waits.
	pub relay: Option<String>,
	/// Socket addresses at which it may be reached without a relay.
	pub direct: Vec<SocketAddr>,
}

/// How to reach a peer: the addresses of its lanes, at least one and at most [`MAX_LANES`].
///
/// As text it is a ticket: `io-mesh:` and the base58 of version byte and SCALE encoding. Two lanes with relay URLs of up to 40
/// bytes fit the 256 bytes of a locator on chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerAddress {
	lanes: Vec<LaneAddress>,
}

/// The encoded form: text and sockets as bytes.
#[derive(Encode, Decode)]
struct Wire {
	endpoint: [u8; 32],
	relay: Option<Vec<u8>>,
	direct: Vec<Vec<u8>>,
}

/// First byte of the encoding.
const VERSION: u8 = 1;

impl PeerAddress {
	/// Puts lanes together.
	pub fn new(lanes: Vec<LaneAddress>) -> Result<PeerAddress, Error> {
		if lanes.is_empty() || lanes.len() > MAX_LANES {
			return Err(Error::Address("a peer has one to four lanes"));
		}
		for lane in &lanes {
			if lane.relay.as_ref().is_some_and(|url| url.len() > MAX_URL_BYTES) {
				return Err(Error::Address("the URL of a relay has at most 128 bytes"));
			}
			if lane.direct.len() > MAX_DIRECT {
				return Err(Error::Address("a lane has at most eight direct addresses"));
			}
		}
		Ok(PeerAddress { lanes })
	}

	/// The lanes.
	pub fn lanes(&self) -> &[LaneAddress] {
		&self.lanes
	}

	/// The lanes that wait at relays of which `known` says that we may go there; `None` if there are none.
	///
	/// For addresses that others have made: without this, they would decide to which machines we connect. Direct addresses are
	/// left out for the same reason.
	pub fn only_at(&self, known: impl Fn(&str) -> bool) -> Option<PeerAddress> {
		let lanes: Vec<_> = self
			.lanes
			.iter()
			.filter(|lane| lane.relay.as_deref().is_some_and(&known))
			.map(|lane| LaneAddress { direct: Vec::new(), ..lane.clone() })
			.collect();
		PeerAddress::new(lanes).ok()
	}

	/// The bytes of the address.
	pub fn to_bytes(&self) -> Vec<u8> {
		let lanes: Vec<Wire> = self
			.lanes
			.iter()
			.map(|lane| Wire {
				endpoint: lane.endpoint.0,
				relay: lane.relay.clone().map(String::into_bytes),
				direct: lane.direct.iter().map(|addr| addr.to_string().into_bytes()).collect(),
			})
			.collect();
		(VERSION, lanes).encode()
	}

	/// Reads what [`PeerAddress::to_bytes`] wrote. Never panics, and allocates no more than the input is long.
	pub fn from_bytes(bytes: &[u8]) -> Result<PeerAddress, Error> {
		let (version, lanes) = <(u8, Vec<Wire>)>::decode_all(&mut &bytes[..])
			.map_err(|_| Error::Address("it is damaged"))?;
		if version != VERSION {
			return Err(Error::Address("its version is unknown; is your program up to date?"));
		}
		let text = |bytes| {
			String::from_utf8(bytes).map_err(|_| Error::Address("it has something that is no text"))
		};
		let lanes = lanes
			.into_iter()
			.map(|lane| {
				let direct = lane.direct.into_iter().map(|addr| {
					text(addr)?.parse().map_err(|_| Error::Address("a socket address is wrong"))
				});
				Ok(LaneAddress {
					endpoint: EndpointId(lane.endpoint),
					relay: lane.relay.map(text).transpose()?,
					direct: direct.collect::<Result<_, Error>>()?,
				})
			})
			.collect::<Result<_, Error>>()?;
		PeerAddress::new(lanes)
	}
}

impl fmt::Display for PeerAddress {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{PREFIX}{}", bs58::encode(self.to_bytes()).into_string())
	}
}

impl FromStr for PeerAddress {
	type Err = Error;

	fn from_str(text: &str) -> Result<Self, Error> {
		let code =
			text.strip_prefix(PREFIX).ok_or(Error::Address("it does not begin with io-mesh:"))?;
		// Base58 takes time that grows with the square of the length.
		if code.len() > 4096 {
			return Err(Error::Address("it is too long"));
		}
		let bytes = bs58::decode(code).into_vec().map_err(|_| Error::Address("it is no base58"))?;
		PeerAddress::from_bytes(&bytes)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn address() -> PeerAddress {
		let lane = |n: u8, relay: &str| LaneAddress {
			endpoint: EndpointId([n; 32]),
			relay: Some(relay.to_owned()),
			direct: Vec::new(),
		};
		PeerAddress::new(vec![
			lane(1, "https://relay-fra-1.operator-a.example/"),
			lane(2, "https://relay-ams-2.operator-b.example/"),
		])
		.unwrap()
	}

	#[test]
	fn should_fit_a_locator_and_come_back_when_a_ticket_is_written() {
		let text = address().to_string();
		assert!(text.len() <= 256, "{}", text.len());
		assert_eq!(text.parse::<PeerAddress>().unwrap(), address());
	}

	#[test]
	fn should_keep_its_bytes_when_the_code_changes() {
		let lane = LaneAddress {
			endpoint: EndpointId([7; 32]),
			relay: Some("http://a".into()),
			direct: vec!["1.2.3.4:5".parse().unwrap()],
		};
		let bytes = PeerAddress::new(vec![lane]).unwrap().to_bytes();
		let expected = format!(
			"0104{}0120{}0424{}",
			"07".repeat(32),
			hex::encode("http://a"),
			hex::encode("1.2.3.4:5")
		);
		assert_eq!(hex::encode(bytes), expected);
	}

	#[test]
	fn should_refuse_when_there_are_too_many_lanes() {
		let lane = address().lanes()[0].clone();
		assert!(PeerAddress::new(vec![]).is_err());
		assert!(PeerAddress::new(vec![lane; 5]).is_err());
	}

	#[test]
	fn should_keep_only_lanes_at_known_relays_when_others_made_the_address() {
		let mut lanes = address().lanes().to_vec();
		lanes[0].direct = vec!["10.0.0.1:1".parse().unwrap()];
		lanes.push(LaneAddress { relay: None, ..lanes[0].clone() });
		let address = PeerAddress::new(lanes).unwrap();
		let known = |url: &str| url == "https://relay-fra-1.operator-a.example/";
		let left = address.only_at(known).unwrap();
		assert_eq!(left.lanes().len(), 1);
		assert!(left.lanes()[0].relay.as_deref().is_some_and(known));
		assert!(left.lanes()[0].direct.is_empty());
		assert!(address.only_at(|_| false).is_none());
	}

	proptest::proptest! {
		#[test]
		fn should_not_panic_when_bytes_are_random(bytes: Vec<u8>, text in ".*") {
			if let Ok(address) = PeerAddress::from_bytes(&bytes) {
				assert_eq!(PeerAddress::from_bytes(&address.to_bytes()).unwrap(), address);
			}
			let _ = format!("io-mesh:{text}").parse::<PeerAddress>();
		}
	}
}
