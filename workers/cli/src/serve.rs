//! Gives programs and inputs of jobs to workers: through the mesh, or by a small content server with the same paths as a worker's.

use std::{
	collections::{BTreeMap, HashMap},
	fmt::Write as _,
	io::SeekFrom,
	net::SocketAddr,
	path::{Path, PathBuf},
	sync::{
		Arc,
		atomic::{AtomicU64, Ordering},
	},
};

use axum::{
	Router,
	body::Body,
	extract::{Path as UrlPath, State},
	http::{HeaderMap, HeaderValue, Method, StatusCode, header},
	response::{IntoResponse, Response},
	routing::get,
};
use io_client::Client;
use io_primitives::{AccountId, JobId, JobView, ReplicaId};
use sp_core::H256;
use tokio::{
	io::{AsyncReadExt, AsyncSeekExt},
	net::TcpListener,
	task::JoinHandle,
};
use tokio_util::io::ReaderStream;

use crate::{
	error::{Error, Result},
	mesh::{Node, Serving},
};

/// A file with its hash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Content {
	/// BLAKE3 of it.
	pub(crate) hash: H256,
	/// Its bytes.
	pub(crate) len: u64,
	/// Where it is.
	pub(crate) path: PathBuf,
}

impl Content {
	/// Reads the file once for its hash.
	pub(crate) async fn of(path: &Path) -> Result<Self> {
		let path = path.to_owned();
		let name = path.display().to_string();
		tokio::task::spawn_blocking(move || {
			let mut hasher = blake3::Hasher::new();
			let file = std::fs::File::open(&path).map_err(Error::file("open", &path))?;
			hasher.update_reader(file).map_err(Error::file("read", &path))?;
			let (hash, len) = (H256(*hasher.finalize().as_bytes()), hasher.count());
			Ok(Self { hash, len, path })
		})
		.await
		.map_err(|e| Error::Local(format!("reading {name} was broken off: {e}")))?
	}
}

#[derive(Default)]
struct Shared {
	contents: HashMap<H256, Content>,
	sent: AtomicU64,
}

/// What gives files to workers. It stops when it is dropped.
pub(crate) enum Server {
	/// A server of our own.
	Http(HttpServer),
	/// The mesh.
	Mesh(Serving),
}

impl Server {
	/// Where workers find a content, and what else a job has to name besides that place.
	pub(crate) fn places(&self, hash: &H256) -> Vec<String> {
		match self {
			Self::Http(server) => vec![server.url(hash)],
			Self::Mesh(serving) => serving.locators(),
		}
	}

	/// Bytes that were sent so far.
	pub(crate) fn sent(&self) -> u64 {
		match self {
			Self::Http(server) => server.sent(),
			Self::Mesh(serving) => serving.sent(),
		}
	}

	/// Looks who was drawn for the job.
	pub(crate) async fn look(
		&self,
		client: &Client,
		view: &JobView<AccountId>,
		say: &(dyn Fn(&str) + Sync),
	) -> Result<()> {
		match self {
			// Whoever knows the URL may have it.
			Self::Http(_) => Ok(()),
			Self::Mesh(serving) => serving.look(client, view, say).await,
		}
	}

	/// Fuel that the program has used at the worker of each replica. Only the mesh brings word of that.
	pub(crate) fn progress(&self, job: JobId) -> BTreeMap<ReplicaId, u64> {
		match self {
			Self::Http(_) => BTreeMap::new(),
			Self::Mesh(serving) => serving.progress(job),
		}
	}

	/// The node of the mesh.
	pub(crate) fn node(&self) -> Option<Arc<Node>> {
		match self {
			Self::Http(_) => None,
			Self::Mesh(serving) => Some(serving.node()),
		}
	}
}

/// A running content server.
pub(crate) struct HttpServer {
	base: String,
	shared: Arc<Shared>,
	task: JoinHandle<()>,
}

impl Drop for HttpServer {
	fn drop(&mut self) {
		self.task.abort();
	}
}

impl HttpServer {
	/// Serves the contents. `public` is how workers reach the address, if not by itself.
	pub(crate) async fn start(
		listen: SocketAddr,
		public: Option<&str>,
		contents: impl IntoIterator<Item = Content>,
	) -> Result<Self> {
		if listen.ip().is_unspecified() && public.is_none() {
			return Err(Error::Usage(format!(
				"{listen} means every address of this machine: say with --public-url under which one workers reach it"
			)));
		}
		let name = listen.to_string();
		let listener = TcpListener::bind(listen).await.map_err(Error::file("listen on", &name))?;
		let bound = listener.local_addr().map_err(Error::file("listen on", &name))?;
		let base = match public {
			Some(url) => url.trim_end_matches('/').to_owned(),
			None => format!("http://{bound}"),
		};
		let contents = contents.into_iter().map(|content| (content.hash, content)).collect();
		let shared = Arc::new(Shared { contents, sent: AtomicU64::new(0) });
		let router =
			Router::new().route("/v1/content/{hash}", get(content)).with_state(shared.clone());
		let task = tokio::spawn(async move {
			if let Err(e) = axum::serve(listener, router).await {
				crate::output::note(&format!("the content server stopped: {e}"));
			}
		});
		Ok(Self { base, shared, task })
	}

	/// The URL of a content.
	pub(crate) fn url(&self, hash: &H256) -> String {
		format!("{}/v1/content/{}", self.base, hex::encode(hash))
	}

	/// Bytes that were sent so far.
	pub(crate) fn sent(&self) -> u64 {
		self.shared.sent.load(Ordering::Relaxed)
	}
}

async fn content(
	State(shared): State<Arc<Shared>>,
	UrlPath(hash): UrlPath<String>,
	method: Method,
	headers: HeaderMap,
) -> Response {
	let found = hex::decode(&hash)
		.ok()
		.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
		.and_then(|bytes| shared.contents.get(&H256(bytes)).cloned());
	let Some(found) = found else {
		return StatusCode::NOT_FOUND.into_response();
	};
	let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
	let (status, start, end) = match range.map(|range| parse_range(range, found.len)) {
		None | Some(Range::Whole) => (StatusCode::OK, 0, found.len),
		Some(Range::Part { start, end }) => (StatusCode::PARTIAL_CONTENT, start, end),
		Some(Range::Outside) => {
			let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
			set(&mut response, header::CONTENT_RANGE, format!("bytes */{}", found.len));
			return response;
		},
	};
	let body = if method == Method::HEAD {
		Body::empty()
	} else {
		let opened = async {
			let mut file = tokio::fs::File::open(&found.path).await?;
			file.seek(SeekFrom::Start(start)).await?;
			Ok::<_, std::io::Error>(file)
		};
		match opened.await {
			Ok(file) => {
				use futures::StreamExt;
				let stream = ReaderStream::with_capacity(file.take(end - start), 64 * 1024);
				Body::from_stream(stream.inspect(move |chunk| {
					if let Ok(chunk) = chunk {
						shared.sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
					}
				}))
			},
			Err(e) => {
				crate::output::note(&format!("cannot serve {}: {e}", found.path.display()));
				return StatusCode::INTERNAL_SERVER_ERROR.into_response();
			},
		}
	};
	let mut response = (status, body).into_response();
	set(&mut response, header::CONTENT_TYPE, "application/octet-stream".into());
	set(&mut response, header::ACCEPT_RANGES, "bytes".into());
	set(&mut response, header::ETAG, format!("\"{}\"", hex::encode(found.hash)));
	set(&mut response, header::CONTENT_LENGTH, (end - start).to_string());
	if status == StatusCode::PARTIAL_CONTENT {
		let last = end.saturating_sub(1);
		set(&mut response, header::CONTENT_RANGE, format!("bytes {start}-{last}/{}", found.len));
	}
	response
}

fn set(response: &mut Response, name: header::HeaderName, value: String) {
	if let Ok(value) = HeaderValue::try_from(value) {
		response.headers_mut().insert(name, value);
	}
}

#[derive(PartialEq, Eq, Debug)]
enum Range {
	/// Not understood, which means everything.
	Whole,
	/// From `start` to before `end`.
	Part { start: u64, end: u64 },
	/// Nothing of it is there.
	Outside,
}

/// Reads a `Range` header with one range; several are answered with everything, as the standard allows.
fn parse_range(text: &str, len: u64) -> Range {
	let Some((first, last)) =
		text.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'))
	else {
		return Range::Whole;
	};
	match (first.parse::<u64>(), last.parse::<u64>()) {
		(Ok(first), _) if first >= len => Range::Outside,
		(Ok(first), Ok(last)) if last >= first => {
			Range::Part { start: first, end: last.saturating_add(1).min(len) }
		},
		(Ok(first), Err(_)) if last.is_empty() => Range::Part { start: first, end: len },
		(Err(_), Ok(0)) if first.is_empty() => Range::Outside,
		(Err(_), Ok(last)) if first.is_empty() => {
			Range::Part { start: len.saturating_sub(last), end: len }
		},
		_ => Range::Whole,
	}
}

/// A size for people.
pub(crate) fn size(bytes: u64) -> String {
	let mut text = String::new();
	let units = [(1u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
	for (unit, name) in units {
		if bytes >= unit {
			let tenths = bytes.saturating_mul(10) / unit;
			let _ = write!(text, "{}.{} {name}", tenths / 10, tenths % 10);
			return text;
		}
	}
	let _ = write!(text, "{bytes} bytes");
	text
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_read_ranges() {
		for (text, expected) in [
			("bytes=0-", Range::Part { start: 0, end: 100 }),
			("bytes=10-19", Range::Part { start: 10, end: 20 }),
			("bytes=10-1000", Range::Part { start: 10, end: 100 }),
			("bytes=-30", Range::Part { start: 70, end: 100 }),
			("bytes=-300", Range::Part { start: 0, end: 100 }),
			("bytes=100-", Range::Outside),
			("bytes=-0", Range::Outside),
			("bytes=20-10", Range::Whole),
			("bytes=0-1,5-6", Range::Whole),
			("bytes=", Range::Whole),
			("bytes=x-y", Range::Whole),
			("lines=1-2", Range::Whole),
			("bytes=18446744073709551615-", Range::Outside),
			("bytes=0-18446744073709551615", Range::Part { start: 0, end: 100 }),
		] {
			assert_eq!(parse_range(text, 100), expected, "{text}");
		}
	}

	#[tokio::test]
	async fn should_serve_content_and_parts_of_it_and_nothing_else() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("file");
		std::fs::write(&path, "0123456789").unwrap();
		let content = Content::of(&path).await.unwrap();
		assert_eq!(content.hash.0, *blake3::hash(b"0123456789").as_bytes());
		let server = HttpServer::start("127.0.0.1:0".parse().unwrap(), None, [content.clone()])
			.await
			.unwrap();
		let url = server.url(&content.hash);
		let client = reqwest::Client::builder().no_proxy().build().unwrap();

		let whole = client.get(&url).send().await.unwrap();
		assert_eq!(whole.status(), 200);
		assert_eq!(whole.headers()["content-length"], "10");
		assert_eq!(whole.text().await.unwrap(), "0123456789");

		let part = client.get(&url).header("range", "bytes=3-5").send().await.unwrap();
		assert_eq!(part.status(), 206);
		assert_eq!(part.headers()["content-range"], "bytes 3-5/10");
		assert_eq!(part.text().await.unwrap(), "345");

		let outside = client.get(&url).header("range", "bytes=10-").send().await.unwrap();
		assert_eq!(outside.status(), 416);

		let head = client.head(&url).send().await.unwrap();
		assert_eq!(head.headers()["content-length"], "10");

		let other = url.replace(&hex::encode(content.hash), &"0".repeat(64));
		assert_eq!(client.get(other).send().await.unwrap().status(), 404);
		let climbing = url.replace(&hex::encode(content.hash), "..%2f..%2fetc%2fpasswd");
		assert_eq!(client.get(climbing).send().await.unwrap().status(), 404);
		assert_eq!(server.sent(), 13);
	}

	#[tokio::test]
	async fn should_want_public_url_when_every_address_is_served() {
		let result = HttpServer::start("0.0.0.0:0".parse().unwrap(), None, []).await;
		assert!(matches!(result, Err(Error::Usage(_))));
	}

	#[test]
	fn should_write_sizes() {
		assert_eq!(size(12), "12 bytes");
		assert_eq!(size(1536), "1.5 KiB");
		assert_eq!(size(5 << 30), "5.0 GiB");
	}
}
