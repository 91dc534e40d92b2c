//! Keys of storage items, made from the metadata.

use sp_crypto_hashing::{blake2_128, blake2_256, twox_64, twox_128, twox_256};
use subxt::metadata::StorageHasher;

use crate::{Error, Result, Runtime};

/// Key of a storage item, or the beginning that all entries with these first keys share.
pub(crate) fn key(
	prefix: &str,
	item: &str,
	hashers: &[StorageHasher],
	keys: &[Vec<u8>],
) -> Vec<u8> {
	let mut key = Vec::with_capacity(32 + keys.len() * 48);
	key.extend(twox_128(prefix.as_bytes()));
	key.extend(twox_128(item.as_bytes()));
	for (hasher, part) in hashers.iter().zip(keys) {
		match hasher {
			StorageHasher::Blake2_128 => key.extend(blake2_128(part)),
			StorageHasher::Blake2_256 => key.extend(blake2_256(part)),
			StorageHasher::Blake2_128Concat => {
				key.extend(blake2_128(part));
				key.extend(part);
			},
			StorageHasher::Twox128 => key.extend(twox_128(part)),
			StorageHasher::Twox256 => key.extend(twox_256(part)),
			StorageHasher::Twox64Concat => {
				key.extend(twox_64(part));
				key.extend(part);
			},
			StorageHasher::Identity => key.extend(part),
		}
	}
	key
}

/// The part of a map's full key that encodes the map's first key.
pub(crate) fn last_key<'a>(
	full: &'a [u8],
	prefix: usize,
	runtime: &Runtime,
	pallet: &str,
	item: &str,
) -> Result<&'a [u8]> {
	let hash = match runtime.hashers(pallet, item)?.first() {
		Some(StorageHasher::Blake2_128Concat) => 16,
		Some(StorageHasher::Twox64Concat) => 8,
		Some(StorageHasher::Identity) => 0,
		_ => {
			return Err(Error::Missing { what: format!("readable keys in {pallet}.{item}") });
		},
	};
	full.get(prefix + hash..)
		.ok_or_else(|| Error::decode(format!("a key of {pallet}.{item}"), "it is too short"))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_make_known_key_when_item_is_a_single_value() {
		// The key of System.Events, as every tool of this ecosystem knows it.
		assert_eq!(
			hex::encode(key("System", "Events", &[], &[])),
			"26aa394eea5630e07c48ae0c9558cef780d41e5e16056765bc8461851072c9d7"
		);
	}

	#[test]
	fn should_append_key_when_hasher_keeps_it() {
		let full = key("System", "Account", &[StorageHasher::Blake2_128Concat], &[vec![7; 32]]);
		assert_eq!(full.len(), 32 + 16 + 32);
		assert_eq!(full[48..], [7; 32]);
	}
}
