//! Fetching programs and inputs over HTTP or the mesh, from sources that nobody trusts.
//!
//! Data is streamed to disk, with its length and its BLAKE3 checked; an interrupted download goes on where it
//! stopped; a source that is too slow, too long or wrong is left for the next. Neither a URL nor a redirect may lead to private addresses,
//! unless the owner allows it.

use std::{
	io,
	net::SocketAddr,
	path::{Path, PathBuf},
	sync::{
		Arc,
		atomic::{AtomicU64, Ordering},
	},
	time::{Duration, Instant},
};

use futures::StreamExt;
use io_mesh::{
	ContentAt,
	blob::{self, FetchConfig},
};
use io_primitives::Locators;
use reqwest::{StatusCode, Url, header, redirect};
use sp_core::H256;
use tokio::io::AsyncWriteExt;

use crate::{
	config,
	content::{self, Store},
	mesh::Node,
};

/// Most redirects in a row.
const MAX_REDIRECTS: usize = 5;
/// How often one download is taken up again in one round.
const MAX_RESUMES: usize = 8;

/// Why a content could not be fetched.
#[derive(thiserror::Error, Debug)]
pub enum Error {
	/// The job names no source.
	#[error("the job names no source for {0:?}")]
	NoSource(H256),
	/// No source gave it.
	#[error("no source gave {hash:?}: {}", reasons.join("; "))]
	Failed {
		/// The content.
		hash: H256,
		/// What was wrong with each source.
		reasons: Vec<String>,
	},
	/// This machine has no room for it.
	#[error(transparent)]
	Content(#[from] content::Error),
	/// The HTTP client cannot be made.
	#[error("cannot make an HTTP client: {0}")]
	Client(reqwest::Error),
}

/// What is wrong with one source.
#[derive(thiserror::Error, Debug)]
enum Fault {
	#[error("is neither an HTTP URL nor an address of the mesh")]
	NotHttp,
	#[error("is in the mesh, of which this worker is no part: set mesh.relays")]
	NoMesh,
	#[error("waits only at relays that this worker does not know")]
	UnknownRelay,
	#[error("{0}")]
	Mesh(io_mesh::Error),
	#[error("points to the private address {0}; set fetch.allow_private_addresses to allow that")]
	Private(String),
	#[error("{0}")]
	Http(String),
	#[error("answered {0}")]
	Status(StatusCode),
	#[error("has {found} bytes instead of {expected}")]
	Length { found: u64, expected: u64 },
	#[error("has more than {0} bytes")]
	TooLong(u64),
	#[error("gave less than {0} bytes per second")]
	Stalled(u64),
	#[error("has the wrong BLAKE3 hash {0:?}")]
	Hash(H256),
	#[error("this machine: {0}")]
	Local(content::Error),
}

impl Fault {
	/// Whether what was collected so far cannot be completed.
	fn spoils_part(&self) -> bool {
		match self {
			Fault::Length { .. } | Fault::TooLong(_) => true,
			Fault::Status(status) => {
				matches!(*status, StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE)
			},
			_ => false,
		}
	}
}

/// How long a content is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Length {
	/// So many bytes.
	Exactly(u64),
	/// Not more than so many bytes.
	AtMost(u64),
}

impl Length {
	fn most(self) -> u64 {
		match self {
			Length::Exactly(bytes) | Length::AtMost(bytes) => bytes,
		}
	}
}

/// What is to be fetched.
#[derive(Clone, Debug)]
pub struct Wanted {
	/// Its BLAKE3 hash.
	pub hash: H256,
	/// Its length.
	pub length: Length,
	/// Where it may be.
	pub sources: Locators,
}

/// How far a download is. Shared with whoever wants to watch.
#[derive(Debug)]
pub struct Progress {
	started: Instant,
	done: AtomicU64,
	/// 0 while it is not known.
	total: AtomicU64,
}

impl Default for Progress {
	fn default() -> Self {
		Progress { started: Instant::now(), done: AtomicU64::new(0), total: AtomicU64::new(0) }
	}
}

impl Progress {
	/// Bytes that are here.
	pub fn done(&self) -> u64 {
		self.done.load(Ordering::Relaxed)
	}

	/// Bytes in all, once known.
	pub fn total(&self) -> Option<u64> {
		Some(self.total.load(Ordering::Relaxed)).filter(|total| *total > 0)
	}

	/// Time that is left at the average speed so far; `None` while nobody can say.
	pub fn remaining(&self) -> Option<Duration> {
		let (done, total) = (self.done(), self.total()?);
		if done == 0 {
			return None;
		}
		let spent = self.started.elapsed().as_millis() as u64;
		let left = total.saturating_sub(done);
		Some(Duration::from_millis((spent as u128 * left as u128 / done as u128) as u64))
	}

	/// As if so much had come.
	#[cfg(test)]
	pub(crate) fn at(done: u64, total: u64) -> Progress {
		Progress { started: Instant::now(), done: done.into(), total: total.into() }
	}

	fn set_done(&self, bytes: u64) {
		self.done.store(bytes, Ordering::Relaxed);
	}
}

/// Resolves names to public addresses only.
struct PublicOnly;

impl reqwest::dns::Resolve for PublicOnly {
	fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
		let host = name.as_str().to_owned();
		Box::pin(async move {
			let all: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
			let public: Vec<SocketAddr> =
				all.iter().copied().filter(|address| io_client::is_public(address.ip())).collect();
			match (public.is_empty(), all.first()) {
				(true, Some(address)) => Err(io::Error::other(
					Fault::Private(format!("{} ({host})", address.ip())).to_string(),
				)
				.into()),
				_ => Ok(Box::new(public.into_iter()) as reqwest::dns::Addrs),
			}
		})
	}
}

/// The private address that a URL names literally, if it does. Names are checked when they are resolved.
fn private_literal(url: &Url) -> Option<String> {
	let host = url.host_str()?;
	let address: std::net::IpAddr =
		host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
	(!io_client::is_public(address)).then(|| host.to_owned())
}

/// Whether a redirect may be followed; if not, why.
fn may_follow(url: &Url, redirects: usize, allow_private: bool) -> Result<(), String> {
	if redirects > MAX_REDIRECTS {
		return Err("redirects too often".into());
	}
	if !matches!(url.scheme(), "http" | "https") {
		return Err(format!("redirects to {}, which is not HTTP", url.scheme()));
	}
	match private_literal(url) {
		Some(host) if !allow_private => Err(Fault::Private(host).to_string()),
		_ => Ok(()),
	}
}

/// Fetches contents into a store.
#[derive(Clone)]
pub struct Fetcher {
	client: reqwest::Client,
	store: Store,
	settings: config::Fetch,
	mesh: Option<Arc<Node>>,
	received: Arc<AtomicU64>,
}

impl Fetcher {
	/// Makes a fetcher. Without a node of the mesh it fetches over HTTP only.
	pub fn new(
		settings: config::Fetch,
		store: Store,
		mesh: Option<Arc<Node>>,
	) -> Result<Fetcher, Error> {
		let allow_private = settings.allow_private_addresses;
		let policy = redirect::Policy::custom(move |attempt| {
			match may_follow(attempt.url(), attempt.previous().len(), allow_private) {
				Ok(()) => attempt.follow(),
				Err(reason) => attempt.error(io::Error::other(reason)),
			}
		});
		let mut builder = reqwest::Client::builder()
			.user_agent(concat!("io-worker/", env!("CARGO_PKG_VERSION")))
			.connect_timeout(Duration::from_secs(settings.connect_seconds))
			// A proxy would resolve names itself and so pass by the check of addresses.
			.no_proxy()
			.referer(false)
			.redirect(policy);
		if !allow_private {
			builder = builder.dns_resolver(Arc::new(PublicOnly));
		}
		let client = builder.build().map_err(Error::Client)?;
		Ok(Fetcher { client, store, settings, mesh, received: Arc::default() })
	}

	/// Bytes received since the start.
	pub fn received(&self) -> u64 {
		self.received.load(Ordering::Relaxed)
	}

	/// Brings a content into the store, and says where it lies. Pin it before: unpinned contents may be removed again.
	pub async fn obtain(&self, wanted: &Wanted, progress: &Progress) -> Result<PathBuf, Error> {
		if let Length::Exactly(bytes) = wanted.length {
			progress.total.store(bytes, Ordering::Relaxed);
		}
		let alone = self.store.fetch_lock(wanted.hash);
		let _alone = alone.lock().await;
		let store = self.store.clone();
		let hash = wanted.hash;
		if let Some(path) = blocking(move || store.cached(hash)).await? {
			let len = std::fs::metadata(&path).map_or(0, |meta| meta.len());
			progress.total.store(len, Ordering::Relaxed);
			progress.set_done(len);
			return Ok(path);
		}
		if wanted.sources.is_empty() {
			return Err(Error::NoSource(wanted.hash));
		}
		let part = self.store.partial_path(wanted.hash);
		let mut reasons = Vec::new();
		for round in 0..self.settings.rounds {
			if round > 0 {
				tokio::time::sleep(Duration::from_millis(500u64 << round.min(6))).await;
			}
			reasons.clear();
			for source in &wanted.sources {
				let text = String::from_utf8_lossy(source).into_owned();
				let complete = if ContentAt::is_one(&text) {
					self.try_mesh(&text, wanted, progress).await
				} else {
					self.try_source(&text, wanted, &part, progress).await.map(|()| part.clone())
				};
				match complete {
					Ok(complete) => {
						let store = self.store.clone();
						let path = blocking(move || {
							let path = store.keep_cached(hash, &complete)?;
							store.tidy()?;
							Ok(path)
						});
						return Ok(path.await?);
					},
					Err(Fault::Local(error)) => {
						if error.is_disk_full() {
							let _ = tokio::fs::remove_file(&part).await;
						}
						return Err(error.into());
					},
					Err(fault) => {
						if fault.spoils_part() {
							let _ = tokio::fs::remove_file(&part).await;
							progress.set_done(0);
						}
						tracing::warn!(source = %text, round, %fault, "a source did not give the content");
						reasons.push(format!("{text} {fault}"));
					},
				}
			}
		}
		Err(Error::Failed { hash: wanted.hash, reasons })
	}

	/// Fetches from a peer of the mesh. Each chunk is proven by the content's hash, so what has come stays for the next source.
	async fn try_mesh(
		&self,
		source: &str,
		wanted: &Wanted,
		progress: &Progress,
	) -> Result<PathBuf, Fault> {
		let node = self.mesh.as_ref().ok_or(Fault::NoMesh)?;
		let at: ContentAt = source.parse().map_err(Fault::Mesh)?;
		let hash = wanted.hash.0;
		if let Some(other) = at.hash.filter(|other| *other != hash) {
			return Err(Fault::Hash(H256(other)));
		}
		let connect = Duration::from_secs(self.settings.connect_seconds);
		let stall = Duration::from_secs(self.settings.stall_seconds);
		let session = node.session(&at.peer, connect + stall).ok_or(Fault::UnknownRelay)?;
		session.ready(connect).await.map_err(Fault::Mesh)?;
		let content = match wanted.length {
			Length::Exactly(size) => blob::Content { hash, size },
			Length::AtMost(most) => {
				blob::describe(&session, hash, most).await.map_err(Fault::Mesh)?
			},
		};
		progress.total.store(content.size, Ordering::Relaxed);
		let store = self.store.clone();
		drop(blocking(move || store.reserve(content.size)).await.map_err(Fault::Local)?);
		let to = self.store.mesh_partial_path(wanted.hash);
		let config = FetchConfig { patience: stall };
		let fetched = blob::fetch_watched(&[&session], content, &to, config, &progress.done).await;
		match fetched {
			Ok(report) => {
				let fresh = content.size.saturating_sub(report.resumed);
				self.received.fetch_add(fresh, Ordering::Relaxed);
				Ok(to)
			},
			Err(io_mesh::Error::Io(source)) if content::is_full(&source) => {
				Err(Fault::Local(content::Error::Io { path: to, source }))
			},
			Err(error) => Err(Fault::Mesh(error)),
		}
	}

	async fn try_source(
		&self,
		source: &str,
		wanted: &Wanted,
		part: &Path,
		progress: &Progress,
	) -> Result<(), Fault> {
		let url = Url::parse(source).map_err(|_| Fault::NotHttp)?;
		if !matches!(url.scheme(), "http" | "https") {
			return Err(Fault::NotHttp);
		}
		if let Some(host) = private_literal(&url)
			&& !self.settings.allow_private_addresses
		{
			return Err(Fault::Private(host));
		}
		let mut resumed_foreign = tokio::fs::metadata(part).await.is_ok_and(|meta| meta.len() > 0);
		let mut resumes = 0;
		loop {
			let before = progress.done();
			match self.download(&url, wanted, part, progress).await {
				Ok(()) => {},
				// Take up what broke off, as long as that leads on.
				Err(Fault::Http(reason)) if resumes < MAX_RESUMES && progress.done() > before => {
					resumes += 1;
					tracing::debug!(%url, reason, "the download broke off and is taken up again");
					continue;
				},
				Err(fault) => return Err(fault),
			}
			let path = part.to_path_buf();
			let found = blocking(move || {
				content::hash_file(&path)
					.map_err(|source| content::Error::Io { path: path.clone(), source })
			})
			.await
			.map_err(Fault::Local)?;
			if found == wanted.hash {
				return Ok(());
			}
			let _ = tokio::fs::remove_file(part).await;
			progress.set_done(0);
			// The part that was there already may have come from another source: this one gets a fair try.
			if !std::mem::take(&mut resumed_foreign) {
				return Err(Fault::Hash(found));
			}
		}
	}

	/// Downloads to `part`, from where that ends.
	async fn download(
		&self,
		url: &Url,
		wanted: &Wanted,
		part: &Path,
		progress: &Progress,
	) -> Result<(), Fault> {
		let local =
			|source: io::Error| Fault::Local(content::Error::Io { path: part.into(), source });
		let stall = Duration::from_secs(self.settings.stall_seconds);
		let most = wanted.length.most();

		let mut have = tokio::fs::metadata(part).await.map_or(0, |meta| meta.len());
		if have > most {
			have = 0;
		}
		if have > 0 && wanted.length == Length::Exactly(have) {
			progress.set_done(have);
			return Ok(());
		}
		let mut request = self.client.get(url.clone());
		if have > 0 {
			request = request.header(header::RANGE, format!("bytes={have}-"));
		}
		let connect = Duration::from_secs(self.settings.connect_seconds) + stall;
		let response = tokio::time::timeout(connect, request.send())
			.await
			.map_err(|_| Fault::Stalled(self.settings.min_bytes_per_second))?
			.map_err(|e| Fault::Http(describe(&e)))?;

		let mut file = match response.status() {
			StatusCode::PARTIAL_CONTENT if have > 0 && starts_at(&response, have) => {
				tokio::fs::File::options().append(true).open(part).await.map_err(local)?
			},
			StatusCode::OK => {
				have = 0;
				tokio::fs::File::create(part).await.map_err(local)?
			},
			StatusCode::RANGE_NOT_SATISFIABLE
				if have > 0 && wanted.length == Length::AtMost(most) =>
			{
				// There is nothing after what we have: it is complete, or wrong, as the hash will tell.
				progress.set_done(have);
				return Ok(());
			},
			status => return Err(Fault::Status(status)),
		};
		if let Some(rest) = response.content_length() {
			let total = have.saturating_add(rest);
			match wanted.length {
				Length::Exactly(expected) if total != expected => {
					return Err(Fault::Length { found: total, expected });
				},
				_ if total > most => return Err(Fault::TooLong(most)),
				_ => {},
			}
			progress.total.store(total, Ordering::Relaxed);
			let store = self.store.clone();
			let reservation = blocking(move || store.reserve(rest)).await.map_err(Fault::Local)?;
			// It guards against starting what cannot end; what is written from now on shows in the free space itself.
			drop(reservation);
		}
		progress.set_done(have);

		let mut stream = response.bytes_stream();
		let mut window = (Instant::now(), 0u64);
		loop {
			let chunk = match tokio::time::timeout(stall, stream.next()).await {
				Err(_) => return Err(Fault::Stalled(self.settings.min_bytes_per_second)),
				Ok(None) => break,
				Ok(Some(Err(error))) => {
					file.flush().await.map_err(local)?;
					return Err(Fault::Http(describe(&error)));
				},
				Ok(Some(Ok(chunk))) => chunk,
			};
			have = have.saturating_add(chunk.len() as u64);
			if have > most {
				return Err(Fault::TooLong(most));
			}
			file.write_all(&chunk).await.map_err(local)?;
			self.received.fetch_add(chunk.len() as u64, Ordering::Relaxed);
			progress.set_done(have);
			// A source that drips is as bad as one that is silent.
			window.1 += chunk.len() as u64;
			if window.0.elapsed() >= stall {
				if window.1 < self.settings.min_bytes_per_second.saturating_mul(stall.as_secs()) {
					file.flush().await.map_err(local)?;
					return Err(Fault::Stalled(self.settings.min_bytes_per_second));
				}
				window = (Instant::now(), 0);
			}
		}
		file.flush().await.map_err(local)?;
		match wanted.length {
			Length::Exactly(expected) if have != expected => {
				Err(Fault::Length { found: have, expected })
			},
			_ => Ok(()),
		}
	}
}

/// Whether a partial answer goes on at `have`.
fn starts_at(response: &reqwest::Response, have: u64) -> bool {
	response
		.headers()
		.get(header::CONTENT_RANGE)
		.and_then(|value| value.to_str().ok())
		.and_then(|text| text.strip_prefix("bytes "))
		.and_then(|range| range.split_once('-'))
		.and_then(|(start, _)| start.trim().parse::<u64>().ok())
		== Some(have)
}

/// An error with its causes, which hold what matters (such as the refusal of a private address).
fn describe(error: &reqwest::Error) -> String {
	let mut text = String::from("failed");
	let mut source = std::error::Error::source(error);
	if source.is_none() {
		text = error.to_string();
	}
	while let Some(cause) = source {
		text = format!("{text}: {cause}");
		source = cause.source();
	}
	text
}

/// Runs something that blocks on its own thread.
async fn blocking<T: Send + 'static>(
	work: impl FnOnce() -> Result<T, content::Error> + Send + 'static,
) -> Result<T, content::Error> {
	match tokio::task::spawn_blocking(work).await {
		Ok(result) => result,
		Err(error) => {
			Err(content::Error::Io { path: PathBuf::new(), source: io::Error::other(error) })
		},
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_find_private_addresses_when_urls_name_them() {
		for url in
			["http://127.0.0.1/x", "http://[::1]:80/", "http://0x7f.1/", "http://2130706433/"]
		{
			assert!(private_literal(&Url::parse(url).unwrap()).is_some(), "{url}");
		}
		assert!(private_literal(&Url::parse("http://1.1.1.1/").unwrap()).is_none());
		assert!(private_literal(&Url::parse("http://example.org/").unwrap()).is_none());
	}

	#[test]
	fn should_not_follow_when_a_redirect_leads_inside_or_away_from_http() {
		let to = |url: &str, redirects, private| {
			may_follow(&Url::parse(url).unwrap(), redirects, private)
		};
		assert!(to("http://169.254.169.254/meta", 1, false).unwrap_err().contains("private"));
		assert!(to("http://[::ffff:10.0.0.1]/", 1, false).unwrap_err().contains("private"));
		assert!(to("file:///etc/passwd", 1, true).unwrap_err().contains("not HTTP"));
		assert!(to("http://example.org/", MAX_REDIRECTS + 1, false).is_err());
		assert!(to("http://169.254.169.254/meta", 1, true).is_ok());
		assert!(to("https://example.org/", 1, false).is_ok());
	}

	#[test]
	fn should_estimate_when_part_has_arrived() {
		let progress = Progress::default();
		assert_eq!(progress.remaining(), None);
		progress.total.store(100, Ordering::Relaxed);
		assert_eq!(progress.remaining(), None);
		progress.set_done(100);
		assert_eq!(progress.remaining(), Some(Duration::ZERO));
	}
}
