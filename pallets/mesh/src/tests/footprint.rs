//! How big what is stored can get.

use codec::MaxEncodedLen;
use io_primitives::mesh::{Budget, EndpointKey, Party};

use crate::{mock::*, *};

#[test]
fn should_take_little_room_for_each_item_and_each_claim() {
	let items = [
		("a relay", Relay::<AccountId>::max_encoded_len()),
		("reports about a relay", Liveness::max_encoded_len()),
		("an endpoint", Endpoint::<AccountId>::max_encoded_len()),
		(
			"a party's endpoints",
			Party::<AccountId>::max_encoded_len()
				+ BoundedVec::<EndpointKey, sp_core::ConstU32<MAX_ENDPOINTS>>::max_encoded_len(),
		),
		("a budget", Budget::<AccountId>::max_encoded_len()),
	];
	for (what, size) in items {
		println!("{what}: at most {size} bytes");
		assert!(size <= 512, "{what}");
	}
	let claim = Receipts::max_encoded_len();
	println!("a claim: at most {claim} bytes");
	assert!(claim <= 10 * 1_024);
}
