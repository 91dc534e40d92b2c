//! The relays that may be used: on the real network those that stand bonded on chain.

use std::{
	collections::HashSet,
	sync::{Arc, PoisonError, RwLock},
};

use io_primitives::{
	AccountId,
	mesh::{RelayMap, RelayView},
};

use crate::EndpointId;

/// What a relay says to an endpoint that it does not know.
pub const NOT_REGISTERED: &str = "this endpoint is not registered";

/// A relay as the list has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedRelay {
	/// The relay's own endpoint, to which workers bring receipts.
	pub id: EndpointId,
	/// Where its clients connect.
	pub url: String,
	/// BLAKE3 hash of the key in its certificate; none: its certificate is signed by a public authority.
	pub pin: Option<[u8; 32]>,
	/// UDP port at which it tells endpoints their public address.
	pub quic_port: Option<u16>,
	/// Who runs it. Two relays of one operator may fail together.
	pub operator: [u8; 32],
	/// Where it is, as a country code.
	pub region: [u8; 2],
}

/// As it stands on chain.
impl From<&RelayView<AccountId>> for ListedRelay {
	fn from(view: &RelayView<AccountId>) -> ListedRelay {
		ListedRelay {
			id: EndpointId(view.relay.0),
			// The chain takes nothing but ASCII.
			url: String::from_utf8_lossy(&view.profile.url).into_owned(),
			pin: view.profile.tls_pin.map(|pin| pin.0),
			quic_port: view.profile.quic_port,
			operator: view.operator.clone().into(),
			region: view.profile.region,
		}
	}
}

impl ListedRelay {
	/// All relays of the chain's map.
	pub fn on(map: &RelayMap<AccountId>) -> Vec<ListedRelay> {
		map.relays.iter().map(ListedRelay::from).collect()
	}
}

/// The relays that may be used. Clones share one list, which changes while it is used.
#[derive(Clone, Default, Debug)]
pub struct RelayList(Arc<RwLock<Vec<ListedRelay>>>);

/// Two ways to write one URL are one relay.
fn canonical(url: &str) -> String {
	let url = url.trim_end_matches('/').to_ascii_lowercase();
	match url.strip_prefix("https://").and_then(|host| host.strip_suffix(":443")) {
		Some(host) => format!("https://{host}"),
		None => url,
	}
}

/// The host of a URL, without port.
fn host(url: &str) -> Option<String> {
	let rest = canonical(url);
	let authority = rest.split_once("://")?.1.split('/').next()?.to_owned();
	let host = match authority.strip_prefix('[') {
		Some(ipv6) => ipv6.split(']').next()?,
		None => authority.split(':').next()?,
	};
	Some(host.to_owned())
}

impl RelayList {
	/// A list with these relays.
	pub fn new(relays: Vec<ListedRelay>) -> RelayList {
		RelayList(Arc::new(RwLock::new(relays)))
	}

	/// Takes these relays instead of those before. Links that exist are left alone; new ones follow the new list.
	pub fn replace(&self, relays: Vec<ListedRelay>) {
		*self.0.write().unwrap_or_else(PoisonError::into_inner) = relays;
	}

	fn read<T>(&self, with: impl FnOnce(&[ListedRelay]) -> T) -> T {
		with(&self.0.read().unwrap_or_else(PoisonError::into_inner))
	}

	/// All relays.
	pub fn all(&self) -> Vec<ListedRelay> {
		self.read(<[ListedRelay]>::to_vec)
	}

	/// The relay at this URL, if it is on the list.
	pub fn find(&self, url: &str) -> Option<ListedRelay> {
		let url = canonical(url);
		self.read(|relays| relays.iter().find(|relay| canonical(&relay.url) == url).cloned())
	}

	/// The certificate keys that relays at a host have registered. Empty and true: a public authority's word is needed.
	pub(crate) fn pins(&self, name: &str) -> (Vec<[u8; 32]>, bool) {
		let name = name.to_ascii_lowercase();
		self.read(|relays| {
			let at_host = relays.iter().filter(|relay| host(&relay.url).as_deref() == Some(&name));
			let pins: Vec<_> = at_host.clone().map(|relay| relay.pin).collect();
			(pins.iter().flatten().copied().collect(), pins.contains(&None))
		})
	}

	/// Up to `count` relays for the lanes of a node, in the order in which `preferred` has them (by round trip, say; what it does not
	/// have comes last): of different operators and regions while there are any, then of different operators, then any.
	pub fn choose(&self, count: usize, preferred: &[EndpointId]) -> Vec<ListedRelay> {
		let mut left = self.all();
		left.sort_by_key(|relay| {
			let place = preferred.iter().position(|id| *id == relay.id);
			(place.unwrap_or(usize::MAX), relay.id)
		});
		let mut chosen: Vec<ListedRelay> = Vec::new();
		while chosen.len() < count && !left.is_empty() {
			let operators: HashSet<_> = chosen.iter().map(|relay| relay.operator).collect();
			let regions: HashSet<_> = chosen.iter().map(|relay| relay.region).collect();
			let new_operator = |relay: &ListedRelay| !operators.contains(&relay.operator);
			let at = left
				.iter()
				.position(|relay| new_operator(relay) && !regions.contains(&relay.region))
				.or_else(|| left.iter().position(new_operator))
				.unwrap_or(0);
			chosen.push(left.remove(at));
		}
		chosen
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn relay(n: u8, operator: u8, region: &[u8; 2]) -> ListedRelay {
		ListedRelay {
			id: EndpointId([n; 32]),
			url: format!("https://relay-{n}.example:4{n}/"),
			pin: n.is_multiple_of(2).then_some([n; 32]),
			quic_port: None,
			operator: [operator; 32],
			region: *region,
		}
	}

	#[test]
	fn should_find_a_relay_however_its_url_is_written() {
		let mut first = relay(1, 1, b"DE");
		first.url = "https://Relay.example".into();
		let list = RelayList::new(vec![first.clone(), relay(2, 2, b"FR")]);
		for url in ["https://relay.example/", "https://relay.example:443", "HTTPS://relay.example"]
		{
			assert_eq!(list.find(url), Some(first.clone()), "{url}");
		}
		for url in
			["http://relay.example/", "https://relay.example:444/", "https://relay.example.evil/"]
		{
			assert_eq!(list.find(url), None, "{url}");
		}
		list.replace(Vec::new());
		assert_eq!(list.find("https://relay.example/"), None);
	}

	#[test]
	fn should_know_the_pins_of_a_host() {
		let mut six = relay(4, 1, b"DE");
		six.url = "https://[fd00::1]:444".into();
		let list = RelayList::new(vec![relay(1, 1, b"DE"), relay(2, 2, b"FR"), six]);
		assert_eq!(list.pins("relay-1.example"), (vec![], true));
		assert_eq!(list.pins("RELAY-2.example"), (vec![[2; 32]], false));
		assert_eq!(list.pins("fd00::1"), (vec![[4; 32]], false));
		assert_eq!(list.pins("relay-3.example"), (vec![], false));
	}

	#[test]
	fn should_choose_other_operators_and_regions_when_there_are_any() {
		let list = RelayList::new(vec![
			relay(1, 1, b"DE"),
			relay(2, 1, b"FR"),
			relay(3, 2, b"DE"),
			relay(4, 3, b"US"),
		]);
		let ids = |preferred: &[u8], count| -> Vec<u8> {
			let preferred: Vec<_> = preferred.iter().map(|n| EndpointId([*n; 32])).collect();
			list.choose(count, &preferred).iter().map(|relay| relay.id.0[0]).collect()
		};
		assert_eq!(ids(&[1, 2, 3, 4], 2), [1, 4]);
		assert_eq!(ids(&[4, 3], 2), [4, 3]);
		assert_eq!(ids(&[2], 9), [2, 3, 4, 1]);
		list.replace(vec![relay(1, 1, b"DE"), relay(2, 1, b"DE")]);
		assert_eq!(ids(&[], 2), [1, 2]);
	}
}
