//! `ionet/blob/1`: content by its BLAKE3 hash, in chunks of 1 MiB that are each proven alone.
//!
//! Any chunk can come from any mirror over any lane, and a wrong byte is found in the chunk that holds it.
//!
//! A stream carries one question. `Hashes` is answered with a frame; `Chunk` with a frame that tells the length, and the
//! bytes behind it.

mod fetch;
mod hashes;
mod partial;
mod plan;
mod serve;

pub use fetch::{FetchConfig, FetchReport, describe, fetch, fetch_watched};
pub use hashes::{CHUNK, Content, HashList, MAX_CONTENT};
pub use serve::{BlobServer, BlobStore};

use blake3::hazmat::ChainingValue;
use codec::{Decode, Encode};

/// Name of the protocol.
pub const PROTOCOL: &str = "ionet/blob/1";

/// Most bytes of a question.
const MAX_QUESTION: usize = 64;
/// Most bytes of the frame before a chunk.
const MAX_CHUNK_ANSWER: usize = 16;

/// What is asked.
#[derive(Encode, Decode, Clone, PartialEq, Eq, Debug)]
pub enum Question {
	/// The hash list of the content with this hash.
	#[codec(index = 0)]
	Hashes([u8; 32]),
	/// One chunk of it.
	#[codec(index = 1)]
	Chunk([u8; 32], u32),
}

/// A hash list on the wire.
#[derive(Encode, Decode, Clone, PartialEq, Eq, Debug)]
pub struct Hashes {
	/// Bytes of the content.
	pub size: u64,
	/// See [`HashList`].
	pub values: Vec<ChainingValue>,
}
