//! Addresses and their text: specification, section 3.

use alloc::string::String;
use bech32::{primitives::decode::CheckedHrpstring, Bech32m, Hrp};
use curve25519_dalek::{
	ristretto::{CompressedRistretto, RistrettoPoint},
	traits::Identity,
};

/// Version of the form.
const VERSION: u8 = 1;
/// `S_i`, `V_i` and the genesis tag.
const PAYLOAD_LEN: usize = 1 + 32 + 32 + 4;

/// The chain that an address is for: what is sent to an address of another chain would be lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
	/// Whether it is the chain whose coins are worth something.
	pub live: bool,
	/// Hash of its first block.
	pub genesis: [u8; 32],
}

impl Network {
	fn hrp(&self) -> Hrp {
		Hrp::parse_unchecked(if self.live { "ioz" } else { "tioz" })
	}

	fn tag(&self) -> &[u8] {
		&self.genesis[..4]
	}
}

/// Why a text is no address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AddressError {
	/// It is no Bech32m: mistyped, cut, or something else altogether.
	Malformed,
	/// It begins with neither `ioz` nor `tioz`.
	NotAnAddress,
	/// It is a test chain's address on the live chain, or the other way round, or another test chain's.
	OtherChain,
	/// A version that this program does not know.
	Version(u8),
	/// Its points are none.
	Points,
}

impl core::fmt::Display for AddressError {
	fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
		match self {
			Self::Malformed => {
				f.write_str("it is mistyped or incomplete: ask for the address again")
			},
			Self::NotAnAddress => {
				f.write_str("it is no shielded address; those begin with ioz1 or tioz1")
			},
			Self::OtherChain => {
				f.write_str("it is an address of another chain; money sent to it would be lost")
			},
			Self::Version(version) => {
				write!(f, "its version is {version}; a newer program may know it")
			},
			Self::Points => {
				f.write_str("its keys are not valid; whoever made it has to make another")
			},
		}
	}
}

impl core::error::Error for AddressError {}

/// Where shielded money can be sent: `(S_i, V_i)`.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
	spend: RistrettoPoint,
	view: RistrettoPoint,
}

impl Address {
	pub(crate) fn from_points(spend: RistrettoPoint, view: RistrettoPoint) -> Self {
		Self { spend, view }
	}

	/// `S_i`.
	pub(crate) fn spend(&self) -> &RistrettoPoint {
		&self.spend
	}

	/// `V_i`.
	pub(crate) fn view(&self) -> &RistrettoPoint {
		&self.view
	}

	/// `S_i || V_i`.
	pub fn to_bytes(&self) -> [u8; 64] {
		let mut bytes = [0; 64];
		bytes[..32].copy_from_slice(self.spend.compress().as_bytes());
		bytes[32..].copy_from_slice(self.view.compress().as_bytes());
		bytes
	}

	/// Reads `S_i || V_i`; `None` unless both are points other than the identity.
	pub fn from_bytes(bytes: &[u8; 64]) -> Option<Self> {
		let point = |part: &[u8]| {
			CompressedRistretto::from_slice(part)
				.ok()?
				.decompress()
				.filter(|point| *point != RistrettoPoint::identity())
		};
		Some(Self { spend: point(&bytes[..32])?, view: point(&bytes[32..])? })
	}

	/// As text, for people.
	pub fn encode(&self, network: &Network) -> String {
		let mut payload = [0; PAYLOAD_LEN];
		payload[0] = VERSION;
		payload[1..65].copy_from_slice(&self.to_bytes());
		payload[65..].copy_from_slice(network.tag());
		encode(network.hrp(), &payload)
	}

	/// Reads a text. Capital letters are fine if all letters are.
	pub fn decode(text: &str, network: &Network) -> Result<Self, AddressError> {
		let text = text.trim();
		let checked = CheckedHrpstring::new::<Bech32m>(text).map_err(|_| {
			let lower = text.to_ascii_lowercase();
			if ["ioz1", "tioz1"].iter().any(|start| lower.starts_with(start)) {
				AddressError::Malformed
			} else {
				AddressError::NotAnAddress
			}
		})?;
		let hrp = checked.hrp().to_lowercase();
		if hrp != "ioz" && hrp != "tioz" {
			return Err(AddressError::NotAnAddress);
		}
		let mut payload = [0; PAYLOAD_LEN];
		let mut count = 0;
		for byte in checked.byte_iter() {
			*payload.get_mut(count).ok_or(AddressError::Malformed)? = byte;
			count += 1;
		}
		if count > 0 && payload[0] != VERSION {
			return Err(AddressError::Version(payload[0]));
		}
		// A second encoding of the same bytes would differ in the bits that fill up the last letter.
		if count != PAYLOAD_LEN || encode(checked.hrp(), &payload) != text.to_ascii_lowercase() {
			return Err(AddressError::Malformed);
		}
		if hrp != network.hrp().to_lowercase() || &payload[65..] != network.tag() {
			return Err(AddressError::OtherChain);
		}
		let mut points = [0; 64];
		points.copy_from_slice(&payload[1..65]);
		Self::from_bytes(&points).ok_or(AddressError::Points)
	}
}

fn encode(hrp: Hrp, payload: &[u8; PAYLOAD_LEN]) -> String {
	bech32::encode_lower::<Bech32m>(hrp, payload).expect("far below Bech32m's 1023 letters; qed")
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::keys::SpendKey;

	const TEST: Network = Network { live: false, genesis: [9; 32] };

	fn address() -> Address {
		SpendKey::from_seed(&[7; 32]).view_key().address(3)
	}

	#[test]
	fn should_read_back_what_it_writes() {
		for (network, start) in [(TEST, "tioz1"), (Network { live: true, ..TEST }, "ioz1")] {
			let text = address().encode(&network);
			assert!(text.starts_with(start));
			for text in [text.clone(), text.to_ascii_uppercase(), alloc::format!(" {text}\n")] {
				assert!(Address::decode(&text, &network).is_ok_and(|read| read == address()));
			}
		}
	}

	#[test]
	fn should_refuse_address_when_it_is_another_chains() {
		let text = address().encode(&TEST);
		for network in [Network { live: true, ..TEST }, Network { genesis: [8; 32], ..TEST }] {
			assert_eq!(Address::decode(&text, &network).err(), Some(AddressError::OtherChain));
		}
	}

	#[test]
	fn should_refuse_address_when_one_letter_is_changed() {
		let text = address().encode(&TEST);
		for at in 0..text.len() {
			let mut changed = text.clone().into_bytes();
			changed[at] = if changed[at] == b'q' { b'p' } else { b'q' };
			let changed = String::from_utf8(changed).unwrap();
			assert!(Address::decode(&changed, &TEST).is_err(), "{at}");
			let mut shorter = text.clone();
			shorter.remove(at);
			assert!(Address::decode(&shorter, &TEST).is_err(), "{at}");
		}
	}

	#[test]
	fn should_refuse_text_when_it_is_something_else() {
		let other = bech32::encode_lower::<Bech32m>(Hrp::parse_unchecked("bc"), &[1; 69]).unwrap();
		let mut mixed = address().encode(&TEST);
		mixed.replace_range(6..7, "Q");
		for (text, error) in [
			("", AddressError::NotAnAddress),
			("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", AddressError::NotAnAddress),
			(&other, AddressError::NotAnAddress),
			("tioz1", AddressError::Malformed),
			(&mixed, AddressError::Malformed),
		] {
			assert_eq!(Address::decode(text, &TEST).err(), Some(error), "{text}");
		}
	}

	#[test]
	fn should_refuse_payload_when_version_length_padding_or_points_are_wrong() {
		use bech32::{ByteIterExt, Fe32, Fe32IterExt};
		let hrp = TEST.hrp();
		let text = |bytes: &[u8]| bech32::encode_lower::<Bech32m>(hrp, bytes).unwrap();
		let mut payload = [0; PAYLOAD_LEN];
		payload[0] = VERSION;
		payload[1..65].copy_from_slice(&address().to_bytes());
		payload[65..].copy_from_slice(TEST.tag());
		let refused = |bytes: &[u8]| Address::decode(&text(bytes), &TEST).err();
		assert_eq!(refused(&payload), None);
		let mut version = payload;
		version[0] = 2;
		assert_eq!(refused(&version), Some(AddressError::Version(2)));
		assert_eq!(refused(&payload[..68]), Some(AddressError::Malformed));
		assert_eq!(refused(&[&payload[..], &[0]].concat()), Some(AddressError::Malformed));
		for (range, byte) in [(1..33, 0), (33..65, 0), (1..33, 0xff), (33..65, 0xff)] {
			let mut points = payload;
			points[range].fill(byte);
			assert_eq!(refused(&points), Some(AddressError::Points));
		}
		// 69 bytes are 552 bits, which 111 letters exceed by three.
		let mut letters: alloc::vec::Vec<Fe32> = payload.iter().copied().bytes_to_fes().collect();
		let last = letters.pop().unwrap().to_u8();
		letters.push(Fe32::try_from(last | 1).unwrap());
		let padded: String =
			letters.iter().copied().with_checksum::<Bech32m>(&hrp).chars().collect();
		assert_eq!(Address::decode(&padded, &TEST).err(), Some(AddressError::Malformed));
	}
}
