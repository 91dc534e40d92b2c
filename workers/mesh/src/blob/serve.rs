//! The side that has the content.

use std::{
	collections::HashMap,
	io::SeekFrom,
	path::PathBuf,
	sync::{Arc, Mutex},
	time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::{
	io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
	sync::OnceCell,
};

use super::{CHUNK, HashList, Hashes, MAX_QUESTION, PROTOCOL, Question};
use crate::{
	Error,
	error::Refusal,
	frame, lock,
	metrics::Metrics,
	node::{Peer, Protocol},
	transport::Stream,
};

/// A reader that takes nothing for so long is given up.
const STALL: Duration = Duration::from_secs(30);
/// Bytes that are read from disk and written to the stream at once.
const PIECE: usize = 128 * 1024;
/// Hash lists that are kept in memory.
const LISTS: usize = 64;

/// Where contents lie, and who may have them.
#[async_trait]
pub trait BlobStore: std::fmt::Debug + Send + Sync + 'static {
	/// The file with this content, if it is there and this peer may read it.
	async fn find(&self, peer: Peer, hash: [u8; 32]) -> Option<PathBuf>;
}

/// A list that is made once, by the first who needs it.
type Slot = Arc<OnceCell<Arc<HashList>>>;

/// Serves contents.
#[derive(Debug)]
pub struct BlobServer {
	store: Arc<dyn BlobStore>,
	lists: Mutex<HashMap<[u8; 32], (Slot, Instant)>>,
	metrics: Metrics,
}

impl BlobServer {
	/// Serves what is in a store.
	pub fn new(store: Arc<dyn BlobStore>, metrics: Metrics) -> Arc<BlobServer> {
		Arc::new(BlobServer { store, lists: Mutex::default(), metrics })
	}

	/// The hash list of a file. It reads the whole file the first time.
	async fn list(&self, hash: [u8; 32], path: PathBuf) -> Result<Arc<HashList>, Error> {
		let slot = {
			let mut lists = lock(&self.lists);
			if lists.len() >= LISTS && !lists.contains_key(&hash) {
				let oldest = lists.iter().min_by_key(|(_, (_, used))| *used).map(|(hash, _)| *hash);
				if let Some(oldest) = oldest {
					lists.remove(&oldest);
				}
			}
			let entry = lists.entry(hash).or_insert_with(|| (Slot::default(), Instant::now()));
			entry.1 = Instant::now();
			entry.0.clone()
		};
		let made = slot.get_or_try_init(move || async move {
			let read = move || HashList::of(std::fs::File::open(path)?);
			let list = tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)??;
			if list.content().hash != hash {
				return Err(Error::Corrupt(0));
			}
			Ok(Arc::new(list))
		});
		made.await.cloned()
	}

	async fn chunk(&self, path: PathBuf, index: u32, stream: &mut Stream) -> Result<(), Error> {
		let mut file = tokio::fs::File::open(path).await?;
		let size = file.metadata().await?.len();
		let start = u64::from(index) * CHUNK;
		let length = size.saturating_sub(start).min(CHUNK);
		if length == 0 && index > 0 {
			return frame::refuse(&mut stream.send, Refusal::Request).await;
		}
		file.seek(SeekFrom::Start(start)).await?;
		let yes: Result<u32, Refusal> = Ok(length as u32);
		frame::write(&mut stream.send, &yes).await?;
		let mut left = length as usize;
		let mut piece = vec![0; PIECE];
		while left > 0 {
			let now = left.min(PIECE);
			let bytes = &mut piece[..now];
			file.read_exact(bytes).await?;
			frame::write_all(&mut stream.send, bytes, STALL).await?;
			self.metrics.served.inc_by(now as u64);
			left -= now;
		}
		Ok(stream.send.shutdown().await?)
	}
}

#[async_trait]
impl Protocol for BlobServer {
	fn name(&self) -> &'static str {
		PROTOCOL
	}

	async fn serve(&self, peer: Peer, mut stream: Stream) -> Result<(), Error> {
		let read = tokio::time::timeout(STALL, frame::read(&mut stream.recv, MAX_QUESTION));
		let question: Question = read.await.map_err(|_| Error::Stalled(STALL.as_secs()))??;
		let (Question::Hashes(hash) | Question::Chunk(hash, _)) = question;
		let Some(path) = self.store.find(peer, hash).await else {
			return frame::refuse(&mut stream.send, Refusal::NotFound).await;
		};
		if let Question::Chunk(_, index) = question {
			return self.chunk(path, index, &mut stream).await;
		}
		let answer = match self.list(hash, path).await {
			Ok(list) => Ok(Hashes { size: list.content().size, values: list.values().to_vec() }),
			Err(error) => {
				tracing::error!(%error, hash = hex::encode(hash), "a content cannot be read");
				Err(Refusal::NotFound)
			},
		};
		frame::write_all(&mut stream.send, &frame::encode(&answer)?, STALL).await?;
		Ok(stream.send.shutdown().await?)
	}
}
