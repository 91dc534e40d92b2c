//! A file server with good and bad manners.

use std::{
	net::SocketAddr,
	sync::{
		Arc, Mutex,
		atomic::{AtomicUsize, Ordering},
	},
	time::Duration,
};

use axum::{
	Router,
	body::Body,
	extract::{Path, State},
	http::{HeaderMap, StatusCode, header},
	response::{IntoResponse, Response},
	routing::get,
};
use sp_core::H256;

/// How the server treats a request.
#[derive(Clone)]
pub(crate) enum Manner {
	/// As it should.
	Good,
	/// The content is cut off in the middle, this many times; ranges work.
	Cut(usize),
	/// The headers come, the content never.
	Stall,
	/// A byte now and then.
	Drip,
	/// Other bytes of the same length.
	Wrong,
	/// It never ends.
	Endless,
	/// Somewhere else.
	Redirect(String),
	/// Not here.
	Missing,
}

#[derive(Default)]
struct Files {
	entries: Mutex<Vec<(String, Vec<u8>, Manner)>>,
	requests: AtomicUsize,
	ranges: AtomicUsize,
}

/// A running server.
pub(crate) struct Server {
	pub(crate) address: SocketAddr,
	files: Arc<Files>,
	runtime: Option<tokio::runtime::Runtime>,
}

impl Server {
	pub(crate) fn start() -> Server {
		let runtime = tokio::runtime::Builder::new_multi_thread()
			.worker_threads(1)
			.enable_all()
			.build()
			.unwrap();
		let files = Arc::new(Files::default());
		let router = Router::new().route("/{name}", get(serve)).with_state(files.clone());
		let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
		let address = listener.local_addr().unwrap();
		runtime.spawn(async move { axum::serve(listener, router).await });
		Server { address, files, runtime: Some(runtime) }
	}

	pub(crate) fn url(&self, name: &str) -> String {
		format!("http://{}/{name}", self.address)
	}

	pub(crate) fn put(&self, name: &str, content: &[u8], manner: Manner) -> H256 {
		let mut entries = self.files.entries.lock().unwrap();
		entries.retain(|(other, ..)| other != name);
		entries.push((name.into(), content.to_vec(), manner));
		H256(*blake3::hash(content).as_bytes())
	}

	/// Requests seen so far.
	pub(crate) fn requests(&self) -> usize {
		self.files.requests.load(Ordering::SeqCst)
	}

	/// Requests with a range seen so far.
	pub(crate) fn ranges(&self) -> usize {
		self.files.ranges.load(Ordering::SeqCst)
	}
}

impl Drop for Server {
	fn drop(&mut self) {
		if let Some(runtime) = self.runtime.take() {
			runtime.shutdown_background();
		}
	}
}

async fn serve(
	State(files): State<Arc<Files>>,
	Path(name): Path<String>,
	headers: HeaderMap,
) -> Response {
	files.requests.fetch_add(1, Ordering::SeqCst);
	let start = headers
		.get(header::RANGE)
		.and_then(|range| range.to_str().ok())
		.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
	if start.is_some() {
		files.ranges.fetch_add(1, Ordering::SeqCst);
	}
	let (content, manner) = {
		let mut entries = files.entries.lock().unwrap();
		let Some((_, content, manner)) = entries.iter_mut().find(|(other, ..)| *other == name)
		else {
			return StatusCode::NOT_FOUND.into_response();
		};
		let now = manner.clone();
		if let Manner::Cut(left) = manner {
			*manner = if *left <= 1 { Manner::Good } else { Manner::Cut(*left - 1) };
		}
		(content.clone(), now)
	};
	let len = content.len();
	let from = start.unwrap_or(0).min(len);
	let rest = content[from..].to_vec();
	let (status, range) = match start {
		Some(_) => (StatusCode::PARTIAL_CONTENT, format!("bytes {from}-{}/{len}", len - 1)),
		None => (StatusCode::OK, String::new()),
	};
	let slowly = |first: Vec<u8>, pause: Duration| {
		let chunks = futures::stream::unfold(first, move |chunk| async move {
			if chunk.is_empty() {
				tokio::time::sleep(pause).await;
			}
			Some((Ok::<_, std::io::Error>(if chunk.is_empty() { vec![0] } else { chunk }), vec![]))
		});
		Body::from_stream(chunks)
	};
	let body = match manner {
		Manner::Good => Body::from(rest),
		Manner::Cut(_) => {
			let half = rest[..rest.len() / 2].to_vec();
			// The half must be on its way before the connection breaks.
			let parts = futures::stream::unfold(Some(half), |half| async {
				if half.is_none() {
					tokio::time::sleep(Duration::from_millis(100)).await;
				}
				half.map(|half| (Ok::<_, std::io::Error>(half), None))
			});
			Body::from_stream(parts)
		},
		Manner::Stall => slowly(rest[..1].to_vec(), Duration::from_secs(3600)),
		Manner::Drip => slowly(rest[..1].to_vec(), Duration::from_millis(300)),
		Manner::Wrong => Body::from(rest.iter().map(|byte| byte ^ 1).collect::<Vec<_>>()),
		Manner::Endless => Body::from_stream(futures::stream::repeat_with(|| {
			Ok::<_, std::io::Error>(vec![7u8; 64 * 1024])
		})),
		Manner::Redirect(to) => {
			return (StatusCode::FOUND, [(header::LOCATION, to)]).into_response();
		},
		Manner::Missing => return StatusCode::NOT_FOUND.into_response(),
	};
	let mut response = (status, body).into_response();
	if !range.is_empty() {
		response.headers_mut().insert(header::CONTENT_RANGE, range.parse().unwrap());
	}
	if matches!(manner, Manner::Cut(_) | Manner::Stall) {
		// The length is promised, but not kept.
		let promised = (len - from).to_string();
		response.headers_mut().insert(header::CONTENT_LENGTH, promised.parse().unwrap());
	}
	response
}
