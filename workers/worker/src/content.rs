//! Contents on disk under their BLAKE3 hash, and the HTTP server that shows outputs to their requesters.
//!
//! `cache/` holds programs and inputs; those unused for the longest time go first when space is needed. `output/`
//! holds outputs, which stay for a while after their job ended. Only outputs are shown to others: an input is its
//! requester's business.

use std::{
	collections::{HashMap, HashSet},
	fs, io,
	os::unix::fs::{DirBuilderExt, MetadataExt},
	path::{Path, PathBuf},
	sync::{Arc, Mutex, Weak},
	time::{Duration, SystemTime},
};

use axum::{
	Router,
	body::Body,
	extract::{Path as UrlPath, State},
	http::{HeaderMap, HeaderValue, Method, StatusCode, header},
	response::{IntoResponse, Response},
	routing::get,
};
use io_mesh::{ContentAt, PeerAddress};
use io_primitives::Locator;
use sp_core::H256;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::{config::MIB, lock};

/// Path under which contents are shown, without the hash.
pub const PATH: &str = "/v1/content/";

/// What can go wrong with contents.
#[derive(thiserror::Error, Debug)]
pub enum Error {
	/// Too little space.
	#[error(
		"the disk of {} is full: {needed} MiB are needed, {free} MiB are free, and {reserve} MiB must stay free \
		 (content.min_free_mib). Make room, or move data_dir to a larger disk",
		path.display()
	)]
	DiskFull {
		/// The folder.
		path: PathBuf,
		/// MiB needed.
		needed: u64,
		/// MiB free.
		free: u64,
		/// MiB that must stay free.
		reserve: u64,
	},
	/// The file system said no.
	#[error("{}: {source}", path.display())]
	Io {
		/// Which file.
		path: PathBuf,
		/// Why.
		source: io::Error,
	},
}

impl Error {
	fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
		move |source| Error::Io { path: path.into(), source }
	}

	/// Whether there is no space left, as we see it or as the system says.
	pub fn is_disk_full(&self) -> bool {
		match self {
			Error::DiskFull { .. } => true,
			Error::Io { source, .. } => is_full(source),
		}
	}
}

/// Whether the system says that there is no space left.
pub fn is_full(error: &io::Error) -> bool {
	matches!(
		error.kind(),
		io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
	)
}

/// How much is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
	/// Bytes of programs and inputs.
	pub cache: u64,
	/// Bytes of outputs.
	pub output: u64,
	/// How long outputs are kept.
	pub keep_output: Duration,
	/// Bytes of the disk that stay free.
	pub min_free: u64,
}

/// The store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
	root: PathBuf,
	bounds: Bounds,
	state: Mutex<Index>,
}

#[derive(Default)]
struct Index {
	pins: HashMap<H256, usize>,
	/// Contents whose hash this process has checked.
	checked: HashSet<H256>,
	fetching: HashMap<H256, Weak<tokio::sync::Mutex<()>>>,
	/// What is promised to work that has begun.
	promises: HashMap<u64, Promise>,
	/// Makes the numbers of promises and the names of scratch folders differ.
	counted: u64,
}

impl Index {
	fn count(&mut self) -> u64 {
		self.counted += 1;
		self.counted
	}
}

/// Space that is promised, and the folders in which it is used.
struct Promise {
	bytes: u64,
	folders: Vec<PathBuf>,
}

impl Promise {
	/// Bytes of it that are not written yet. Those that are show in the free space of the disk already.
	fn left(&self) -> u64 {
		let written = self.folders.iter().map(|folder| taken(folder)).sum();
		self.bytes.saturating_sub(written)
	}
}

/// Bytes on the disk that the files of a folder take; none if it is gone.
fn taken(folder: &Path) -> u64 {
	let files = fs::read_dir(folder).into_iter().flatten().flatten();
	let blocks = files.filter_map(|file| Some(file.metadata().ok()?.blocks()));
	blocks.sum::<u64>().saturating_mul(512)
}

/// Keeps a content from being removed.
pub struct Pin {
	store: Store,
	hash: H256,
}

impl Drop for Pin {
	fn drop(&mut self) {
		let mut state = lock(&self.store.0.state);
		if let Some(count) = state.pins.get_mut(&self.hash) {
			*count -= 1;
			if *count == 0 {
				state.pins.remove(&self.hash);
			}
		}
	}
}

/// Space that is promised to somebody.
pub struct Reservation {
	store: Store,
	number: u64,
}

impl Reservation {
	/// A fresh empty folder, for its owner only, whose files use what is promised here. A run that was called off may still be busy
	/// in an older one.
	pub fn scratch(&self, label: &str) -> Result<PathBuf, Error> {
		let mut state = lock(&self.store.0.state);
		let name = format!("{label}-{}", state.count());
		let path = self.store.0.root.join("scratch").join(name);
		make_folder(&path)?;
		if let Some(promise) = state.promises.get_mut(&self.number) {
			promise.folders.push(path.clone());
		}
		Ok(path)
	}
}

impl Drop for Reservation {
	fn drop(&mut self) {
		lock(&self.store.0.state).promises.remove(&self.number);
	}
}

/// Makes a folder that its owner only can read, if it is not there.
fn make_folder(path: &Path) -> Result<(), Error> {
	fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::io(path))
}

fn name(hash: H256) -> String {
	hex::encode(hash)
}

fn parse_name(name: &str) -> Option<H256> {
	let mut bytes = [0u8; 32];
	hex::decode_to_slice(name, &mut bytes).ok()?;
	// One name per content: capital letters are another name.
	(name == hex::encode(bytes)).then_some(H256(bytes))
}

struct Entry {
	hash: H256,
	path: PathBuf,
	len: u64,
	used: SystemTime,
}

fn entries(folder: &Path) -> Result<Vec<Entry>, Error> {
	let mut found = Vec::new();
	for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
		let entry = entry.map_err(Error::io(folder))?;
		let name = entry.file_name();
		// What belongs to a content has its name and an ending.
		let stem = name.to_str().and_then(|name| name.split('.').next());
		let Some(hash) = stem.and_then(parse_name) else { continue };
		// It may have been removed meanwhile.
		let Ok(meta) = entry.metadata() else { continue };
		let used = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
		found.push(Entry { hash, path: entry.path(), len: meta.len(), used });
	}
	found.sort_by_key(|entry| entry.used);
	Ok(found)
}

impl Store {
	/// Opens the store in `root`, and removes what an earlier process left half done (but not half downloads).
	pub fn open(root: &Path, bounds: Bounds) -> Result<Store, Error> {
		let store = Store(Arc::new(Inner {
			root: root.into(),
			bounds,
			state: Mutex::new(Index::default()),
		}));
		for folder in ["cache", "output", "partial", "scratch"] {
			make_folder(&root.join(folder))?;
		}
		let scratch = root.join("scratch");
		for entry in fs::read_dir(&scratch).map_err(Error::io(&scratch))?.flatten() {
			let _ = fs::remove_dir_all(entry.path());
		}
		store.tidy()?;
		Ok(store)
	}

	fn cache_path(&self, hash: H256) -> PathBuf {
		self.0.root.join("cache").join(name(hash))
	}

	/// Where the output with this hash lies, if it is there.
	pub fn output_path(&self, hash: H256) -> PathBuf {
		self.0.root.join("output").join(name(hash))
	}

	/// Where a download is collected.
	pub fn partial_path(&self, hash: H256) -> PathBuf {
		self.0.root.join("partial").join(name(hash))
	}

	/// Where a download through the mesh is collected, which need not come from front to back.
	pub fn mesh_partial_path(&self, hash: H256) -> PathBuf {
		self.0.root.join("partial").join(format!("{}.mesh", name(hash)))
	}

	/// Keeps a content until the pin is dropped.
	pub fn pin(&self, hash: H256) -> Pin {
		*lock(&self.0.state).pins.entry(hash).or_insert(0) += 1;
		Pin { store: self.clone(), hash }
	}

	/// A lock on fetching one content, so that two jobs with the same program fetch it once.
	pub fn fetch_lock(&self, hash: H256) -> Arc<tokio::sync::Mutex<()>> {
		let mut state = lock(&self.0.state);
		state.fetching.retain(|_, weak| weak.strong_count() > 0);
		if let Some(found) = state.fetching.get(&hash).and_then(Weak::upgrade) {
			return found;
		}
		let fresh = Arc::new(tokio::sync::Mutex::new(()));
		state.fetching.insert(hash, Arc::downgrade(&fresh));
		fresh
	}

	/// The file of a cached content, if it is there and its hash is right. Blocking: reads the file once per process.
	pub fn cached(&self, hash: H256) -> Result<Option<PathBuf>, Error> {
		let path = self.cache_path(hash);
		if !path.exists() {
			return Ok(None);
		}
		if !lock(&self.0.state).checked.contains(&hash) {
			let found = hash_file(&path).map_err(Error::io(&path))?;
			if found != hash {
				tracing::warn!(path = %path.display(), "a cached file was altered on disk; it is fetched again");
				fs::remove_file(&path).map_err(Error::io(&path))?;
				return Ok(None);
			}
			lock(&self.0.state).checked.insert(hash);
		}
		touch(&path);
		Ok(Some(path))
	}

	/// Takes a complete download, whose hash the caller has checked, into the cache.
	pub fn keep_cached(&self, hash: H256, from: &Path) -> Result<PathBuf, Error> {
		let path = self.cache_path(hash);
		move_durably(from, &path)?;
		lock(&self.0.state).checked.insert(hash);
		Ok(path)
	}

	/// Takes an output archive, whose hash the caller has computed. It is on disk when this returns.
	pub fn keep_output(&self, hash: H256, from: &Path) -> Result<PathBuf, Error> {
		let path = self.output_path(hash);
		move_durably(from, &path)?;
		touch(&path);
		Ok(path)
	}

	/// Bytes that are free on the disk.
	pub fn free(&self) -> Result<u64, Error> {
		let stat = rustix::fs::statvfs(&self.0.root)
			.map_err(|e| Error::io(&self.0.root)(io::Error::from(e)))?;
		Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
	}

	/// Promises `bytes`, removing cached files for it if it must. Fails if the disk is too full.
	pub fn reserve(&self, bytes: u64) -> Result<Reservation, Error> {
		let (number, needed) = {
			let mut state = lock(&self.0.state);
			let number = state.count();
			state.promises.insert(number, Promise { bytes, folders: Vec::new() });
			(number, state.promises.values().map(Promise::left).fold(0, u64::saturating_add))
		};
		// From here on the promise is taken back when we leave.
		let reservation = Reservation { store: self.clone(), number };
		self.make_room(needed)?;
		Ok(reservation)
	}

	/// Removes cached files until only what has to stay free is free, if it must. Fails if the disk is too full.
	///
	/// What is promised does not count: it is for those who have it.
	pub fn check_free(&self) -> Result<(), Error> {
		self.make_room(0)
	}

	/// Removes cached files until `needed` bytes are free besides what has to stay so.
	fn make_room(&self, needed: u64) -> Result<(), Error> {
		let bounds = &self.0.bounds;
		let wanted = needed.saturating_add(bounds.min_free);
		if self.free()? < wanted {
			self.evict(|store| Ok(store.free()? >= wanted))?;
		}
		let free = self.free()?;
		if free < wanted {
			return Err(Error::DiskFull {
				path: self.0.root.clone(),
				needed: needed.div_ceil(MIB),
				free: free / MIB,
				reserve: bounds.min_free.div_ceil(MIB),
			});
		}
		Ok(())
	}

	/// Removes unpinned cached files, those unused for the longest time first, until `enough` says so.
	fn evict(&self, enough: impl Fn(&Store) -> Result<bool, Error>) -> Result<(), Error> {
		for entry in entries(&self.0.root.join("cache"))? {
			if enough(self)? {
				break;
			}
			self.remove(&entry)?;
		}
		Ok(())
	}

	/// Removes a file unless it is pinned; says whether it did.
	fn remove(&self, entry: &Entry) -> Result<bool, Error> {
		let mut state = lock(&self.0.state);
		if state.pins.contains_key(&entry.hash) {
			return Ok(false);
		}
		state.checked.remove(&entry.hash);
		match fs::remove_file(&entry.path) {
			Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io(&entry.path)(e)),
			_ => Ok(true),
		}
	}

	/// Enforces the bounds: old outputs, surplus outputs, surplus cached files, forgotten downloads.
	pub fn tidy(&self) -> Result<(), Error> {
		let bounds = self.0.bounds;
		let now = SystemTime::now();
		let age = |entry: &Entry| now.duration_since(entry.used).unwrap_or_default();
		for (folder, most, keep) in [
			("output", bounds.output, bounds.keep_output),
			("cache", bounds.cache, Duration::MAX),
			("partial", u64::MAX, Duration::from_secs(24 * 3600)),
		] {
			let found = entries(&self.0.root.join(folder))?;
			let mut total: u64 = found.iter().map(|entry| entry.len).sum();
			for entry in &found {
				if (total > most || age(entry) > keep) && self.remove(entry)? {
					total -= entry.len;
				}
			}
		}
		Ok(())
	}
}

fn touch(path: &Path) {
	// Only the order of eviction depends on it.
	let _ = fs::File::options()
		.append(true)
		.open(path)
		.and_then(|file| file.set_modified(SystemTime::now()));
}

fn move_durably(from: &Path, to: &Path) -> Result<(), Error> {
	fs::File::open(from).and_then(|file| file.sync_all()).map_err(Error::io(from))?;
	fs::rename(from, to).map_err(Error::io(to))?;
	match to.parent() {
		Some(folder) => {
			fs::File::open(folder).and_then(|dir| dir.sync_all()).map_err(Error::io(folder))
		},
		None => Ok(()),
	}
}

/// BLAKE3 of a file.
pub fn hash_file(path: &Path) -> io::Result<H256> {
	let mut hasher = blake3::Hasher::new();
	hasher.update_reader(fs::File::open(path)?)?;
	Ok(H256(*hasher.finalize().as_bytes()))
}

/// How requesters get outputs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
	/// From the HTTP server with this base URL.
	Http(String),
	/// Through the mesh.
	Mesh(PeerAddress),
}

impl Place {
	/// Where an output can be fetched, for the reveal. Empty if the base URL is too long (the configuration prevents it).
	pub fn locator(&self, hash: H256) -> Locator {
		let text = match self {
			Place::Http(url) => format!("{url}{PATH}{}", name(hash)),
			Place::Mesh(peer) => {
				let at = ContentAt { peer: peer.clone(), hash: Some(hash.0) };
				at.fitting(Locator::bound()).unwrap_or_default()
			},
		};
		Locator::try_from(text.into_bytes()).unwrap_or_default()
	}
}

impl std::fmt::Display for Place {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		match self {
			Place::Http(url) => f.write_str(url),
			Place::Mesh(peer) => write!(f, "{peer}"),
		}
	}
}

/// The HTTP server of outputs: `GET` and `HEAD` of `/v1/content/<hash>`, with `Range`.
pub fn router(store: Store) -> Router {
	Router::new().route("/v1/content/{hash}", get(serve)).with_state(store)
}

async fn serve(
	State(store): State<Store>,
	UrlPath(hash): UrlPath<String>,
	method: Method,
	headers: HeaderMap,
) -> Response {
	let Some(hash) = parse_name(&hash) else {
		return (
			StatusCode::BAD_REQUEST,
			"the name of a content is its BLAKE3 hash: 64 hexadecimal digits\n",
		)
			.into_response();
	};
	let path = store.output_path(hash);
	let opened = async {
		let file = tokio::fs::File::open(&path).await?;
		let len = file.metadata().await?.len();
		Ok::<_, io::Error>((file, len))
	};
	let (mut file, len) = match opened.await {
		Ok(opened) => opened,
		Err(e) if e.kind() == io::ErrorKind::NotFound => {
			return (StatusCode::NOT_FOUND, "this worker does not have it, or not any more\n")
				.into_response();
		},
		Err(error) => {
			tracing::error!(%error, path = %path.display(), "an output cannot be read");
			return StatusCode::INTERNAL_SERVER_ERROR.into_response();
		},
	};
	let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
	let (status, start, end) = match range.map(|range| parse_range(range, len)) {
		None | Some(Range::Ignore) => (StatusCode::OK, 0, len),
		Some(Range::Part(start, end)) => (StatusCode::PARTIAL_CONTENT, start, end),
		Some(Range::Outside) => {
			let range = format!("bytes */{len}");
			return (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, range)])
				.into_response();
		},
	};
	let body = if method == Method::HEAD {
		Body::empty()
	} else {
		if let Err(error) = file.seek(io::SeekFrom::Start(start)).await {
			tracing::error!(%error, path = %path.display(), "an output cannot be read");
			return StatusCode::INTERNAL_SERVER_ERROR.into_response();
		}
		Body::from_stream(ReaderStream::with_capacity(file.take(end - start), 64 * 1024))
	};
	let mut response = (
		status,
		[
			(header::CONTENT_TYPE, "application/octet-stream".to_owned()),
			(header::CONTENT_LENGTH, (end - start).to_string()),
			(header::ACCEPT_RANGES, "bytes".to_owned()),
			(header::ETAG, format!("\"{}\"", name(hash))),
			(header::CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned()),
		],
		body,
	)
		.into_response();
	if status == StatusCode::PARTIAL_CONTENT
		&& let Ok(value) = HeaderValue::from_str(&format!("bytes {start}-{}/{len}", end - 1))
	{
		response.headers_mut().insert(header::CONTENT_RANGE, value);
	}
	response
}

#[derive(PartialEq, Eq, Debug)]
enum Range {
	/// From the first to before the second.
	Part(u64, u64),
	/// Nothing of it exists.
	Outside,
	/// Not one range of bytes: RFC 9110 allows to ignore it.
	Ignore,
}

fn parse_range(text: &str, len: u64) -> Range {
	let Some((first, last)) =
		text.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'))
	else {
		return Range::Ignore;
	};
	let number = |text: &str| {
		(!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
			.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
	};
	match (number(first), number(last)) {
		(Some(start), _) if last.is_empty() && start < len => Range::Part(start, len),
		(Some(start), Some(end)) if start <= end && start < len => {
			Range::Part(start, end.saturating_add(1).min(len))
		},
		(Some(start), Some(end)) if start > end => Range::Ignore,
		(Some(_), Some(_)) => Range::Outside,
		(Some(_), None) if last.is_empty() => Range::Outside,
		(None, Some(0)) if first.is_empty() => Range::Outside,
		(None, Some(_)) if first.is_empty() && len == 0 => Range::Outside,
		(None, Some(suffix)) if first.is_empty() => Range::Part(len.saturating_sub(suffix), len),
		_ => Range::Ignore,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn store(folder: &Path) -> Store {
		let bounds =
			Bounds { cache: 25, output: 25, keep_output: Duration::from_secs(3600), min_free: 0 };
		Store::open(folder, bounds).unwrap()
	}

	fn put(store: &Store, content: &[u8]) -> H256 {
		let hash = H256(*blake3::hash(content).as_bytes());
		let partial = store.partial_path(hash);
		fs::write(&partial, content).unwrap();
		store.keep_cached(hash, &partial).unwrap();
		hash
	}

	#[test]
	fn should_remove_the_least_recently_used_when_the_cache_is_full() {
		let folder = tempfile::tempdir().unwrap();
		let store = store(folder.path());
		let hashes: Vec<_> = (0u8..4).map(|i| put(&store, &[i; 10])).collect();
		for (i, hash) in hashes.iter().enumerate() {
			let age = Duration::from_secs(100 - i as u64);
			let file = fs::File::options().append(true).open(store.cache_path(*hash)).unwrap();
			file.set_modified(SystemTime::now() - age).unwrap();
		}
		let _pin = store.pin(hashes[0]);
		store.tidy().unwrap();
		let left: Vec<_> = hashes.iter().map(|h| store.cache_path(*h).exists()).collect();
		assert_eq!(left, [true, false, false, true]);
	}

	#[test]
	fn should_fetch_again_when_a_cached_file_was_altered() {
		let folder = tempfile::tempdir().unwrap();
		let hash = put(&store(folder.path()), b"content");
		let store = store(folder.path());
		fs::write(store.cache_path(hash), b"altered").unwrap();
		assert_eq!(store.cached(hash).unwrap(), None);
		put(&store, b"content");
		assert!(store.cached(hash).unwrap().is_some());
	}

	#[test]
	fn should_say_so_when_the_disk_is_too_small() {
		let folder = tempfile::tempdir().unwrap();
		let store = store(folder.path());
		let error = store.reserve(u64::MAX / 2).err().unwrap();
		assert!(error.is_disk_full() && error.to_string().contains("Make room"), "{error}");
		store.reserve(1).unwrap();
		assert!(lock(&store.0.state).promises.is_empty());
	}

	#[test]
	fn should_count_bytes_once_when_they_are_written_under_a_promise() {
		let folder = tempfile::tempdir().unwrap();
		let store = store(folder.path());
		let left = |number| lock(&store.0.state).promises[&number].left();
		let (large, small) = (store.reserve(10 * MIB).unwrap(), store.reserve(MIB).unwrap());
		let scratch = large.scratch("a").unwrap();
		let other = large.scratch("a").unwrap();
		assert_ne!(scratch, other);
		fs::write(scratch.join("file"), vec![1; 4 * MIB as usize]).unwrap();
		fs::write(other.join("file"), vec![1; MIB as usize]).unwrap();
		// What a hole does not take is still to come.
		fs::File::create(other.join("hole")).unwrap().set_len(MIB).unwrap();
		assert_eq!(left(large.number), 5 * MIB);
		// More than was promised takes nothing from others.
		let file = small.scratch("b").unwrap().join("file");
		fs::write(file, vec![1; 2 * MIB as usize]).unwrap();
		assert_eq!((left(large.number), left(small.number)), (5 * MIB, 0));
		fs::remove_dir_all(scratch).unwrap();
		assert_eq!(left(large.number), 9 * MIB);
	}

	#[test]
	fn should_not_call_the_disk_full_when_its_space_is_promised() {
		let folder = tempfile::tempdir().unwrap();
		let store = store(folder.path());
		let free = store.free().unwrap();
		let _room = store.reserve(free / 2).unwrap();
		let hash = put(&store, b"content");
		assert!(store.reserve(free / 2 + free / 4).is_err());
		assert!(!store.cache_path(hash).exists(), "it went for the second");
		let hash = put(&store, b"content");
		// As if half of the disk had been used by others meanwhile.
		lock(&store.0.state).promises.values_mut().for_each(|promise| promise.bytes = free * 2);
		store.check_free().unwrap();
		assert!(store.cache_path(hash).exists());
	}

	#[test]
	fn should_make_folders_for_its_owner_only_when_the_root_is_open_to_all() {
		use std::os::unix::fs::PermissionsExt;
		let folder = tempfile::tempdir().unwrap();
		fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
		let store = store(folder.path());
		let scratch = store.reserve(0).unwrap().scratch("a").unwrap();
		let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
		assert_eq!(mode(&scratch), 0o700);
		for name in ["cache", "output", "partial", "scratch"] {
			assert_eq!(mode(&folder.path().join(name)), 0o700, "{name}");
		}
	}

	#[test]
	fn should_forget_outputs_when_they_are_old() {
		let folder = tempfile::tempdir().unwrap();
		let store = store(folder.path());
		let hash = H256::repeat_byte(1);
		let archive = folder.path().join("a.tar");
		fs::write(&archive, b"x").unwrap();
		let kept = store.keep_output(hash, &archive).unwrap();
		store.tidy().unwrap();
		assert!(kept.exists());
		let file = fs::File::options().append(true).open(&kept).unwrap();
		file.set_modified(SystemTime::now() - Duration::from_secs(3601)).unwrap();
		store.tidy().unwrap();
		assert!(!kept.exists());
	}

	#[test]
	fn should_forget_downloads_when_they_are_old() {
		let folder = tempfile::tempdir().unwrap();
		let store = store(folder.path());
		let hash = H256::repeat_byte(1);
		let record = store.mesh_partial_path(hash).with_extension("mesh.chunks");
		for path in [store.partial_path(hash), store.mesh_partial_path(hash), record] {
			let file = fs::File::create(&path).unwrap();
			store.tidy().unwrap();
			assert!(path.exists());
			file.set_modified(SystemTime::now() - Duration::from_secs(25 * 3600)).unwrap();
			store.tidy().unwrap();
			assert!(!path.exists());
		}
	}

	#[test]
	fn should_follow_the_rfc_when_ranges_are_parsed() {
		assert_eq!(parse_range("bytes=0-", 10), Range::Part(0, 10));
		assert_eq!(parse_range("bytes=2-3", 10), Range::Part(2, 4));
		assert_eq!(parse_range("bytes=2-99", 10), Range::Part(2, 10));
		assert_eq!(parse_range("bytes=-3", 10), Range::Part(7, 10));
		assert_eq!(parse_range("bytes=-30", 10), Range::Part(0, 10));
		assert_eq!(parse_range("bytes=10-", 10), Range::Outside);
		assert_eq!(parse_range("bytes=0-", 0), Range::Outside);
		assert_eq!(parse_range("bytes=-0", 10), Range::Outside);
		for text in ["bytes=3-2", "bytes=", "bytes=a-b", "lines=1-2", "bytes=1-2,4-5", "bytes=-"] {
			assert_eq!(parse_range(text, 10), Range::Ignore, "{text}");
		}
	}

	proptest::proptest! {
		#[test]
		fn should_stay_inside_when_a_range_is_random(text in ".*", a: u64, b: u64, len: u64) {
			for text in [text, format!("bytes={a}-{b}"), format!("bytes=-{a}")] {
				if let Range::Part(start, end) = parse_range(&text, len) {
					assert!(start < end && end <= len);
				}
			}
		}
	}
}
