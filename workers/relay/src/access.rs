//! Who may use the relay.

use std::{
	collections::HashMap,
	fs, io,
	path::{Path, PathBuf},
	sync::{Arc, Mutex},
	time::{Duration, Instant, SystemTime},
};

use io_mesh::{
	EndpointId,
	node::{Admission, Peer},
	relays::NOT_REGISTERED,
};
use iroh_relay::server::{Access, AccessControl, ClientRequest, ConnectionId};

use crate::{lock, metrics::Metrics};

/// An allow list in a file, read again when it changes.
///
/// One line for each endpoint: its id and the peer that it belongs to (a worker's key or an account), both 64 hexadecimal digits,
/// separated by blanks. Without a peer the endpoint stands for itself. `#` begins a comment.
#[derive(Debug)]
pub struct AllowList {
	path: PathBuf,
	state: Mutex<State>,
}

#[derive(Debug)]
struct State {
	list: HashMap<EndpointId, Peer>,
	/// What the file looked like when it was read.
	seen: Option<(SystemTime, u64)>,
}

/// Why an allow list cannot be used.
#[derive(thiserror::Error, Debug)]
pub enum ListError {
	/// The file cannot be read.
	#[error("the allow list {} cannot be read: {source}", path.display())]
	Io {
		/// Which file.
		path: PathBuf,
		/// Why.
		source: io::Error,
	},
	/// A line is wrong.
	#[error("line {line} of the allow list {}: {reason}", path.display())]
	Line {
		/// Which file.
		path: PathBuf,
		/// Which line, from 1.
		line: usize,
		/// What is wrong.
		reason: &'static str,
	},
}

impl AllowList {
	/// Reads the list.
	pub fn open(path: &Path) -> Result<AllowList, ListError> {
		let (list, seen) = read(path)?;
		Ok(AllowList { path: path.to_owned(), state: Mutex::new(State { list, seen }) })
	}

	/// Reads the file again if it has changed; says whether it has. A wrong file changes nothing.
	pub fn refresh(&self) -> Result<bool, ListError> {
		if look(&self.path) == lock(&self.state).seen {
			return Ok(false);
		}
		let (list, seen) = read(&self.path)?;
		let mut state = lock(&self.state);
		state.seen = seen;
		let changed = state.list != list;
		state.list = list;
		Ok(changed)
	}

	/// Number of endpoints.
	pub fn len(&self) -> usize {
		lock(&self.state).list.len()
	}

	/// Whether nobody is admitted.
	pub fn is_empty(&self) -> bool {
		self.len() == 0
	}
}

impl Admission for AllowList {
	fn admit(&self, endpoint: EndpointId) -> Option<Peer> {
		lock(&self.state).list.get(&endpoint).copied()
	}
}

type Read = (HashMap<EndpointId, Peer>, Option<(SystemTime, u64)>);

fn look(path: &Path) -> Option<(SystemTime, u64)> {
	let meta = fs::metadata(path).ok()?;
	Some((meta.modified().ok()?, meta.len()))
}

fn read(path: &Path) -> Result<Read, ListError> {
	// Looked at before it is read: a change in between is seen at the next look.
	let seen = look(path);
	let text = fs::read_to_string(path)
		.map_err(|source| ListError::Io { path: path.to_owned(), source })?;
	let list = parse(&text).map_err(|(line, reason)| ListError::Line {
		path: path.to_owned(),
		line,
		reason,
	})?;
	Ok((list, seen))
}

fn parse(text: &str) -> Result<HashMap<EndpointId, Peer>, (usize, &'static str)> {
	let mut list = HashMap::new();
	for (number, line) in (1..).zip(text.lines()) {
		let line = line.split('#').next().unwrap_or_default();
		let mut words = line.split_whitespace();
		let Some(endpoint) = words.next() else { continue };
		let endpoint: EndpointId =
			endpoint.parse().map_err(|_| (number, "an endpoint id has 64 hexadecimal digits"))?;
		let peer = match words.next() {
			None => Peer(endpoint.0),
			Some(peer) => {
				let peer: EndpointId =
					peer.parse().map_err(|_| (number, "a peer has 64 hexadecimal digits"))?;
				Peer(peer.0)
			},
		};
		if words.next().is_some() {
			return Err((number, "too many words: an endpoint id and a peer are expected"));
		}
		if list.insert(endpoint, peer).is_some_and(|other| other != peer) {
			return Err((number, "the endpoint stands on another line with another peer"));
		}
	}
	Ok(list)
}

/// What one endpoint may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GateLimits {
	/// Connections of all endpoints at one time.
	pub connections: usize,
	/// Connections of one endpoint at one time.
	pub per_endpoint: usize,
	/// Connections that one endpoint may open in a minute.
	pub per_minute: u32,
}

impl Default for GateLimits {
	fn default() -> GateLimits {
		GateLimits { connections: 4096, per_endpoint: 4, per_minute: 60 }
	}
}

/// The relay's door: lets in whom the admission knows, within limits.
#[derive(Debug)]
pub struct Gate {
	admission: Arc<dyn Admission>,
	/// The relay's own endpoint.
	own: EndpointId,
	limits: GateLimits,
	metrics: Metrics,
	open: Mutex<HashMap<EndpointId, Visitor>>,
}

#[derive(Debug)]
struct Visitor {
	connections: usize,
	minute: Instant,
	in_minute: u32,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Gate {
	/// A door with nobody inside.
	pub fn new(
		admission: Arc<dyn Admission>,
		own: EndpointId,
		limits: GateLimits,
		metrics: Metrics,
	) -> Gate {
		Gate { admission, own, limits, metrics, open: Mutex::default() }
	}

	/// Lets an endpoint in, or says why not.
	fn enter(&self, endpoint: EndpointId) -> Result<(), &'static str> {
		if endpoint != self.own && self.admission.admit(endpoint).is_none() {
			return Err(NOT_REGISTERED);
		}
		let mut open = lock(&self.open);
		open.retain(|_, visitor| visitor.connections > 0 || visitor.minute.elapsed() < MINUTE);
		if open.values().map(|visitor| visitor.connections).sum::<usize>()
			>= self.limits.connections
		{
			return Err("the relay is full");
		}
		let visitor = open.entry(endpoint).or_insert_with(|| Visitor {
			connections: 0,
			minute: Instant::now(),
			in_minute: 0,
		});
		if visitor.minute.elapsed() >= MINUTE {
			(visitor.minute, visitor.in_minute) = (Instant::now(), 0);
		}
		if visitor.connections >= self.limits.per_endpoint {
			return Err("this endpoint has too many connections");
		}
		if visitor.in_minute >= self.limits.per_minute {
			return Err("this endpoint connects too often");
		}
		visitor.in_minute += 1;
		visitor.connections += 1;
		Ok(())
	}

	fn leave(&self, endpoint: EndpointId) {
		if let Some(visitor) = lock(&self.open).get_mut(&endpoint) {
			visitor.connections = visitor.connections.saturating_sub(1);
		}
	}

	/// Endpoints that are inside and would not be let in any more.
	pub fn expelled(&self) -> Vec<EndpointId> {
		let inside: Vec<_> = lock(&self.open)
			.iter()
			.filter(|(_, visitor)| visitor.connections > 0)
			.map(|(endpoint, _)| *endpoint)
			.collect();
		inside
			.into_iter()
			.filter(|&endpoint| endpoint != self.own && self.admission.admit(endpoint).is_none())
			.collect()
	}

	/// Connections that are open.
	pub fn connections(&self) -> usize {
		lock(&self.open).values().map(|visitor| visitor.connections).sum()
	}
}

impl AccessControl for Gate {
	async fn on_connect(&self, request: &ClientRequest) -> Access {
		let endpoint = EndpointId(*request.endpoint_id().as_bytes());
		match self.enter(endpoint) {
			Ok(()) => {
				self.metrics.admitted.inc();
				Access::Allow
			},
			Err(reason) => {
				tracing::debug!(%endpoint, reason, "kept out");
				self.metrics.refused.inc();
				Access::Deny { reason: Some(reason.to_owned()) }
			},
		}
	}

	fn on_disconnect(&self, endpoint: iroh::EndpointId, _: ConnectionId) {
		self.leave(EndpointId(*endpoint.as_bytes()));
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn id(n: u8) -> EndpointId {
		EndpointId([n; 32])
	}

	fn gate(limits: GateLimits) -> Gate {
		let list = HashMap::from([(id(1), Peer([9; 32]))]);
		Gate::new(Arc::new(list), id(7), limits, Metrics::default())
	}

	#[test]
	fn should_understand_ids_peers_and_comments_when_a_list_is_read() {
		let text = format!("# workers\n{}\n\n  {} {} # b\n", id(1), id(2), id(3));
		let list = parse(&text).unwrap();
		assert_eq!(list, HashMap::from([(id(1), Peer([1; 32])), (id(2), Peer([3; 32]))]));
	}

	#[test]
	fn should_name_the_line_when_a_list_is_wrong() {
		for (text, line) in [
			("xyz".to_owned(), 1),
			(format!("{}\n{} zz", id(1), id(2)), 2),
			(format!("{} {} {}", id(1), id(2), id(3)), 1),
			(format!("{} {}\n{} {}", id(1), id(2), id(1), id(3)), 2),
		] {
			assert_eq!(parse(&text).unwrap_err().0, line, "{text}");
		}
	}

	#[test]
	fn should_keep_the_old_list_when_the_new_one_is_wrong() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("allow");
		fs::write(&path, id(1).to_string()).unwrap();
		let list = AllowList::open(&path).unwrap();
		assert!(!list.refresh().unwrap());
		fs::write(&path, "nonsense").unwrap();
		assert!(list.refresh().is_err() && list.admit(id(1)).is_some());
		fs::write(&path, format!("{}\n", id(2))).unwrap();
		assert!(list.refresh().unwrap());
		assert!(list.admit(id(1)).is_none() && list.admit(id(2)).is_some());
	}

	#[test]
	fn should_let_in_only_the_registered_and_itself() {
		let gate = gate(GateLimits::default());
		assert!(gate.enter(id(1)).is_ok() && gate.enter(id(7)).is_ok());
		assert_eq!(gate.enter(id(2)), Err(NOT_REGISTERED));
	}

	#[test]
	fn should_keep_out_when_a_limit_is_reached() {
		let limits = GateLimits { connections: 3, per_endpoint: 2, per_minute: 3 };
		let gate = gate(limits);
		gate.enter(id(1)).unwrap();
		gate.enter(id(1)).unwrap();
		assert_eq!(gate.enter(id(1)), Err("this endpoint has too many connections"));
		gate.enter(id(7)).unwrap();
		assert_eq!(gate.enter(id(7)), Err("the relay is full"));
		gate.leave(id(1));
		gate.enter(id(1)).unwrap();
		gate.leave(id(1));
		assert_eq!(gate.enter(id(1)), Err("this endpoint connects too often"));
		assert_eq!(gate.connections(), 2);
	}
}
