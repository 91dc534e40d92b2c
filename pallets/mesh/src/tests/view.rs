//! What daemons read.

use std::collections::BTreeSet;

use frame_support::assert_ok;

use crate::{mock::*, *};

#[test]
fn should_list_live_relays_in_the_order_of_their_keys() {
	execute(|| {
		for n in 50..54 {
			register_relay(n);
		}
		assert_ok!(IoMesh::unregister_relay(origin(RELAYER), endpoint_key(51)));
		assert_ok!(IoMesh::slash_relay(RuntimeOrigin::root(), endpoint_key(52), 1));
		let keys: Vec<_> = IoMesh::relay_map().relays.iter().map(|view| view.relay.0).collect();
		let mut expected = [endpoint_key(50).0, endpoint_key(53).0];
		expected.sort_unstable();
		assert_eq!(keys, expected);
	});
}

#[test]
fn should_give_each_endpoint_once_when_they_are_read_page_by_page() {
	execute(|| {
		let mut expected = BTreeSet::new();
		for n in 0..7 {
			let worker = register_worker(n + 1);
			let (key, proof) = (endpoint_key(60 + n), proof(60 + n, &OPERATOR));
			assert_ok!(IoMesh::register_endpoint(origin(OPERATOR), key, Some(worker), proof));
			expected.insert(key.0);
		}
		for page in [1, 2, 3, 7, 100] {
			let (mut found, mut after) = (Vec::new(), None);
			loop {
				let views = IoMesh::endpoints_after(after, page);
				assert!(views.len() <= page as usize);
				let Some(last) = views.last() else { break };
				after = Some(last.endpoint);
				found.extend(views.iter().map(|view| view.endpoint.0));
			}
			assert_eq!(found.len(), 7);
			assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
		}
		assert_eq!(IoMesh::endpoints_after(None, u32::MAX).len(), 7);
	});
}

#[test]
fn should_go_on_behind_an_endpoint_that_was_removed() {
	execute(|| {
		for n in 0..4 {
			let (key, proof) = (endpoint_key(60 + n), proof(60 + n, &REQUESTER));
			assert_ok!(IoMesh::register_endpoint(origin(REQUESTER), key, None, proof));
		}
		let all = IoMesh::endpoints_after(None, 10);
		assert_ok!(IoMesh::remove_endpoint(origin(REQUESTER), all[1].endpoint));
		assert_eq!(IoMesh::endpoints_after(Some(all[1].endpoint), 10), all[2..]);
	});
}
