//! Where a content is in the mesh, as text that fits a locator on chain: `io-mesh:<peer>` or `io-mesh:<peer>/<content>`, both base58.

use std::{fmt, str::FromStr};

use crate::{Error, PeerAddress, address::PREFIX};

/// A peer that has a content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContentAt {
	/// Who has it.
	pub peer: PeerAddress,
	/// BLAKE3 of the content; `None` where the context tells it, as for the input of a job.
	pub hash: Option<[u8; 32]>,
}

impl ContentAt {
	/// Whether this text is meant to be an address of the mesh.
	pub fn is_one(text: &str) -> bool {
		text.starts_with(PREFIX)
	}

	/// The text with as many of the peer's lanes as fit into `most` bytes; `None` if not even one does.
	pub fn fitting(&self, most: usize) -> Option<String> {
		let lanes = self.peer.lanes();
		(1..=lanes.len()).rev().find_map(|count| {
			let peer = PeerAddress::new(lanes[..count].to_vec()).ok()?;
			let text = ContentAt { peer, hash: self.hash }.to_string();
			(text.len() <= most).then_some(text)
		})
	}
}

impl fmt::Display for ContentAt {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{}", self.peer)?;
		match self.hash {
			Some(hash) => write!(f, "/{}", bs58::encode(hash).into_string()),
			None => Ok(()),
		}
	}
}

impl FromStr for ContentAt {
	type Err = Error;

	fn from_str(text: &str) -> Result<Self, Error> {
		let Some((peer, code)) = text.split_once('/') else {
			return Ok(ContentAt { peer: text.parse()?, hash: None });
		};
		let mut hash = [0; 32];
		let wrong = Error::Address("the name of the content is wrong");
		match bs58::decode(code).onto(&mut hash) {
			Ok(32) => Ok(ContentAt { peer: peer.parse()?, hash: Some(hash) }),
			_ => Err(wrong),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{EndpointId, LaneAddress};

	fn peer(lanes: u8, url: &str) -> PeerAddress {
		let lane = |n| LaneAddress {
			endpoint: EndpointId([n; 32]),
			relay: Some(url.to_owned()),
			direct: Vec::new(),
		};
		PeerAddress::new((0..lanes).map(lane).collect()).unwrap()
	}

	#[test]
	fn should_come_back_when_it_is_written() {
		for hash in [None, Some([0; 32]), Some([255; 32])] {
			let at = ContentAt { peer: peer(2, "https://relay-1.example/"), hash };
			assert!(ContentAt::is_one(&at.to_string()));
			assert_eq!(at.to_string().parse::<ContentAt>().unwrap(), at);
		}
	}

	#[test]
	fn should_leave_lanes_out_when_there_is_no_room() {
		let fitted = |url: &str| {
			let text = ContentAt { peer: peer(2, url), hash: Some([9; 32]) }.fitting(256)?;
			assert!(text.len() <= 256);
			Some(text.parse::<ContentAt>().unwrap().peer.lanes().len())
		};
		assert_eq!(fitted("https://relay-fra-1.example.org/"), Some(2));
		assert_eq!(fitted(&format!("https://{}.example/", "a".repeat(60))), Some(1));
		assert_eq!(fitted(&format!("https://{}.example/", "a".repeat(110))), None);
	}

	#[test]
	fn should_refuse_when_the_name_of_the_content_is_wrong() {
		let peer = peer(1, "https://relay.example/");
		for code in ["", "0", "abc", &"1".repeat(31), &"1".repeat(33), &"z".repeat(5000)] {
			assert!(format!("{peer}/{code}").parse::<ContentAt>().is_err(), "{code}");
		}
		assert!("https://relay.example/x".parse::<ContentAt>().is_err());
	}

	proptest::proptest! {
		#[test]
		fn should_not_panic_when_text_is_random(text in ".*") {
			let _ = text.parse::<ContentAt>();
			let _ = format!("io-mesh:{text}").parse::<ContentAt>();
		}
	}
}
