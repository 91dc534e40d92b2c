//! What peers of the mesh send each other.

use io_mesh::{
	blob::{Hashes, Question},
	job::Message,
	seal::{self, ContentKey, Purpose, Sealed},
	tunnel::{Frame, Hello},
	PeerAddress,
};
use io_primitives::mesh::SignedReceipt;

use crate::decode;

/// Every message of the mesh's protocols, and addresses. The first byte says which.
pub fn mesh_wire(bytes: &[u8]) {
	let Some((kind, bytes)) = bytes.split_first() else { return };
	match kind % 7 {
		0 => drop(decode::<Question>(bytes)),
		1 => drop(decode::<Hashes>(bytes)),
		2 => drop(decode::<Hello>(bytes)),
		3 => drop(decode::<Frame>(bytes)),
		4 => drop(decode::<Message>(bytes)),
		5 => drop(decode::<SignedReceipt>(bytes)),
		_ => {
			if let Ok(address) = PeerAddress::from_bytes(bytes) {
				let text = address.to_string();
				assert_eq!(text.parse::<PeerAddress>().ok(), Some(address));
			}
		},
	}
}

/// Sealed content and sealed keys of strangers. Nothing that was not sealed with the key opens.
pub fn seal_open(bytes: &[u8]) {
	let purpose = Purpose { genesis: [0; 32], job: 0, content: Sealed::Input };
	let secret = [1; 32];
	let Some((sealed, content)) = bytes.split_first_chunk() else { return };
	assert!(ContentKey::open(sealed, &secret, &purpose).is_err());
	let Ok(key) = ContentKey::generate() else { return };
	assert!(seal::open(&key, &mut &content[..], &mut std::io::sink(), 1 << 20).is_err());
}
