//! The hash list of a content: BLAKE3 chaining values of its chunks.
//!
//! BLAKE3 is a binary tree over pieces of 1 KiB. A chunk of 1 MiB is a whole subtree of it (the last chunk may be a smaller
//! one), so the chaining values of the chunks, joined as the tree demands, give the BLAKE3 hash of the content: the hash that stands
//! on chain proves the list, and the list proves each chunk alone (BLAKE3 paper, section 2.1). Nothing besides the content's
//! hash has to be trusted.

use std::io::{self, Read};

use blake3::hazmat::{
	ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};
use codec::{Decode, Encode};

use crate::Error;

/// Bytes of a chunk: a power of two, so that chunks are subtrees.
pub const CHUNK: u64 = 1024 * 1024;
/// Most bytes of a content: its hash list stays below 2 MiB.
pub const MAX_CONTENT: u64 = 64 * 1024 * 1024 * 1024;

/// What identifies a content.
#[derive(Encode, Decode, Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Content {
	/// Its BLAKE3 hash.
	pub hash: [u8; 32],
	/// Its length in bytes.
	pub size: u64,
}

impl Content {
	/// Number of chunks. Empty content has one, of no bytes.
	pub fn chunks(&self) -> u32 {
		// Fits: `HashList` refuses more than `MAX_CONTENT`.
		u32::try_from(self.size.div_ceil(CHUNK).max(1)).unwrap_or(u32::MAX)
	}

	/// Bytes of a chunk.
	pub fn chunk_len(&self, index: u32) -> u64 {
		self.size.saturating_sub(u64::from(index) * CHUNK).min(CHUNK)
	}
}

/// A hash list that belongs to its content's hash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HashList {
	content: Content,
	values: Vec<ChainingValue>,
}

impl HashList {
	/// Checks a list against the hash of the content.
	pub fn new(content: Content, values: Vec<ChainingValue>) -> Result<HashList, Error> {
		if content.size > MAX_CONTENT {
			return Err(Error::Protocol("the content is larger than 64 GiB"));
		}
		if values.len() != content.chunks() as usize {
			return Err(Error::Protocol("the hash list has a wrong length"));
		}
		// A content of one chunk is its own subtree: its root hash is checked with the bytes.
		if values.len() > 1 && root(content.size, &values) != content.hash {
			return Err(Error::Protocol("the hash list does not belong to the content"));
		}
		Ok(HashList { content, values })
	}

	/// Reads a content and makes its hash list.
	pub fn of(mut reader: impl Read) -> io::Result<HashList> {
		let (mut values, mut size) = (Vec::new(), 0);
		let mut chunk = Vec::new();
		// The content's hash, if it is one chunk only.
		let mut of_first = [0; 32];
		loop {
			chunk.clear();
			reader.by_ref().take(CHUNK).read_to_end(&mut chunk)?;
			if chunk.is_empty() && size > 0 {
				break;
			}
			if size + chunk.len() as u64 > MAX_CONTENT {
				return Err(io::Error::other("the content is larger than 64 GiB"));
			}
			if values.is_empty() {
				of_first = *blake3::hash(&chunk).as_bytes();
			}
			values.push(chaining_value(size, &chunk));
			size += chunk.len() as u64;
			if (chunk.len() as u64) < CHUNK {
				break;
			}
		}
		let hash = match &values[..] {
			[_] => of_first,
			_ => root(size, &values),
		};
		Ok(HashList { content: Content { hash, size }, values })
	}

	/// The content.
	pub fn content(&self) -> Content {
		self.content
	}

	/// The list itself.
	pub fn values(&self) -> &[ChainingValue] {
		&self.values
	}

	/// Whether these bytes are the chunk with this number.
	pub fn check(&self, index: u32, bytes: &[u8]) -> bool {
		if bytes.len() as u64 != self.content.chunk_len(index) {
			return false;
		}
		if self.values.len() == 1 {
			return index == 0 && *blake3::hash(bytes).as_bytes() == self.content.hash;
		}
		self.values
			.get(index as usize)
			.is_some_and(|value| *value == chaining_value(u64::from(index) * CHUNK, bytes))
	}
}

/// The chaining value of the chunk at `offset`. For empty content, which is no subtree, zeroes stand there.
fn chaining_value(offset: u64, chunk: &[u8]) -> ChainingValue {
	if chunk.is_empty() {
		return [0; 32];
	}
	blake3::Hasher::new().set_input_offset(offset).update(chunk).finalize_non_root()
}

/// The root hash of at least two chunks.
fn root(size: u64, values: &[ChainingValue]) -> [u8; 32] {
	let (left, right) = halves(size, values);
	*merge_subtrees_root(&left, &right, Mode::Hash).as_bytes()
}

fn halves(size: u64, values: &[ChainingValue]) -> (ChainingValue, ChainingValue) {
	// The left side of a node is the largest power of two that leaves something for the right, here at least one chunk.
	let left = left_subtree_len(size);
	let (first, second) = values.split_at((left / CHUNK) as usize);
	(subtree(left, first), subtree(size - left, second))
}

fn subtree(size: u64, values: &[ChainingValue]) -> ChainingValue {
	if let [value] = values {
		return *value;
	}
	let (left, right) = halves(size, values);
	merge_subtrees_non_root(&left, &right, Mode::Hash)
}

#[cfg(test)]
mod tests {
	use super::*;

	fn bytes(length: u64) -> Vec<u8> {
		(0..length).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
	}

	#[test]
	fn should_give_the_hash_of_the_content_when_it_has_any_shape() {
		for length in [
			0,
			1,
			1024,
			CHUNK - 1,
			CHUNK,
			CHUNK + 1,
			2 * CHUNK,
			2 * CHUNK + 1,
			3 * CHUNK,
			5 * CHUNK + 777,
			8 * CHUNK,
		] {
			let bytes = bytes(length);
			let list = HashList::of(&bytes[..]).unwrap();
			assert_eq!(list.content().hash, *blake3::hash(&bytes).as_bytes(), "{length}");
			assert_eq!(list.values().len(), list.content().chunks() as usize);
			let again = HashList::new(list.content(), list.values().to_vec()).unwrap();
			assert_eq!(again, list);
			for index in 0..list.content().chunks() {
				let start = index as usize * CHUNK as usize;
				let chunk = &bytes[start..start + list.content().chunk_len(index) as usize];
				assert!(list.check(index, chunk), "{length} {index}");
			}
			assert!(!list.check(list.content().chunks(), &[]));
		}
	}

	#[test]
	fn should_refuse_a_chunk_when_one_bit_is_wrong_or_it_is_another() {
		for length in [1000, 3 * CHUNK + 5] {
			let bytes = bytes(length);
			let list = HashList::of(&bytes[..]).unwrap();
			let end = CHUNK.min(length) as usize;
			let mut chunk = bytes[..end].to_vec();
			chunk[end / 2] ^= 1;
			assert!(!list.check(0, &chunk) && !list.check(0, &bytes[..end - 1]));
			assert!(!list.check(1, &bytes[..end]));
		}
	}

	#[test]
	fn should_refuse_a_list_when_it_belongs_to_something_else() {
		let list = HashList::of(&bytes(3 * CHUNK)[..]).unwrap();
		for at in 0..3 {
			let mut values = list.values().to_vec();
			values[at][0] ^= 1;
			assert!(HashList::new(list.content(), values).is_err());
		}
		let content = list.content();
		assert!(HashList::new(content, list.values()[..2].to_vec()).is_err());
		let longer = Content { size: content.size + CHUNK, ..content };
		assert!(HashList::new(longer, [list.values(), &[[0; 32]]].concat()).is_err());
		let huge = Content { size: MAX_CONTENT + 1, ..content };
		assert!(HashList::new(huge, Vec::new()).is_err());
	}
}
