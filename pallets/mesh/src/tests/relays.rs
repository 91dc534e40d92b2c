//! Registration, change and end of relays.

use frame_support::{assert_noop, assert_ok};
use io_primitives::mesh::{RelayProfile, RelayState, CLAIM_EPOCHS, MAX_PRICE};
use sp_core::Pair;
use sp_runtime::{traits::BadOrigin, TokenError};

use crate::{mock::*, *};

fn with(change: impl FnOnce(&mut RelayProfile)) -> RelayProfile {
	let mut profile = profile();
	change(&mut profile);
	profile
}

fn url(text: &str) -> RelayProfile {
	with(|profile| profile.url = text.as_bytes().to_vec().try_into().unwrap())
}

fn register(n: u8, profile: RelayProfile) -> sp_runtime::DispatchResult {
	IoMesh::register_relay(origin(RELAYER), endpoint_key(n), profile, proof(n, &RELAYER))
}

fn state(key: EndpointKey) -> RelayState {
	IoMesh::relay(key).unwrap().state
}

#[test]
fn should_be_on_the_map_with_its_bond_on_hold_when_registered() {
	execute(|| {
		let relay = register_relay(50);
		let bonded = Event::RelayRegistered { relay, operator: RELAYER, bond: BOND };
		assert_eq!(events(), [bonded]);
		assert_eq!(held(HoldReason::RelayBond, &RELAYER), BOND);
		let map = IoMesh::relay_map();
		assert_eq!((map.epoch, map.epoch_blocks), (0, EPOCH));
		assert_eq!(map.relays.len(), 1);
		assert_eq!(map.relays[0].profile, profile());
		assert_eq!(map.relays[0].operator, RELAYER);
	});
}

#[test]
fn should_refuse_when_the_profile_breaks_a_rule() {
	execute(|| {
		for (profile, error) in [
			(url("http://relay.example"), Error::<Runtime>::BadUrl),
			(url("https://"), Error::BadUrl),
			(with(|p| p.url = vec![b'a', 0xff].try_into().unwrap()), Error::BadUrl),
			(with(|p| p.quic_port = Some(0)), Error::BadPort),
			(with(|p| p.region = *b"de"), Error::BadRegion),
			(with(|p| p.capacity = 0), Error::BadCapacity),
			(with(|p| p.price_per_gib = MAX_PRICE + 1), Error::BadPrice),
		] {
			assert_noop!(register(50, profile), error);
		}
		assert_ok!(register(50, with(|p| p.price_per_gib = MAX_PRICE)));
		assert_noop!(
			IoMesh::update_relay(origin(RELAYER), endpoint_key(50), url("https://a/b")),
			Error::<Runtime>::BadUrl
		);
	});
}

#[test]
fn should_refuse_when_the_key_has_not_signed_for_this_account_and_chain() {
	execute(|| {
		let key = endpoint_key(50);
		let elsewhere = endpoint(50).sign(&io_primitives::mesh::endpoint_payload(
			sp_core::H256::repeat_byte(0x12),
			&RELAYER,
		));
		for proof in [proof(51, &RELAYER), proof(50, &STRANGER), elsewhere] {
			assert_noop!(
				IoMesh::register_relay(origin(RELAYER), key, profile(), proof),
				Error::<Runtime>::BadProof
			);
		}
	});
}

#[test]
fn should_refuse_when_the_key_is_taken() {
	execute(|| {
		register_relay(50);
		assert_noop!(register(50, profile()), Error::<Runtime>::EndpointTaken);
		let of = proof(51, &RELAYER);
		assert_ok!(IoMesh::register_endpoint(origin(RELAYER), endpoint_key(51), None, of));
		assert_noop!(register(51, profile()), Error::<Runtime>::EndpointTaken);
	});
}

#[test]
fn should_refuse_when_there_is_no_bond() {
	execute(|| {
		let of = proof(50, &NOBODY);
		assert_noop!(
			IoMesh::register_relay(origin(NOBODY), endpoint_key(50), profile(), of),
			TokenError::FundsUnavailable
		);
	});
}

#[test]
fn should_refuse_when_there_are_too_many() {
	execute(|| {
		for n in 0..MAX_RELAYS as u8 {
			register_relay(50 + n);
		}
		assert_noop!(register(90, profile()), Error::<Runtime>::TooManyRelays);
	});
}

#[test]
fn should_change_all_but_the_price_at_once_when_updated() {
	execute(|| {
		let relay = register_relay(50);
		let new = with(|p| {
			p.region = *b"SE";
			p.price_per_gib = 99;
		});
		assert_ok!(IoMesh::update_relay(origin(RELAYER), relay, new));
		let view = IoMesh::relay(relay).unwrap();
		assert_eq!((view.profile.region, view.profile.price_per_gib), (*b"SE", PRICE));
		assert_eq!(view.next_prices, [(2, 99)]);
		run_to_epoch(2);
		let view = IoMesh::relay(relay).unwrap();
		assert_eq!((view.profile.price_per_gib, view.next_prices), (99, vec![]));
	});
}

#[test]
fn should_take_the_last_price_when_several_are_announced_in_one_epoch() {
	execute(|| {
		let relay = register_relay(50);
		for price in [1, 2, 3] {
			let new = with(|p| p.price_per_gib = price);
			assert_ok!(IoMesh::update_relay(origin(RELAYER), relay, new));
		}
		assert_eq!(IoMesh::relay(relay).unwrap().next_prices, [(2, 3)]);
	});
}

#[test]
fn should_remember_the_price_of_each_claimable_epoch_when_it_changes_in_all_of_them() {
	execute(|| {
		let relay = register_relay(50);
		let last = 3 * CLAIM_EPOCHS;
		for epoch in 1..=last {
			run_to_epoch(epoch);
			let new = with(|p| p.price_per_gib = 100 + Balance::from(epoch));
			assert_ok!(IoMesh::update_relay(origin(RELAYER), relay, new));
			IoMesh::do_try_state().unwrap();
		}
		let stored = Relays::<Runtime>::get(relay).unwrap();
		assert_eq!(stored.prices.len(), MAX_PRICES as usize);
		for epoch in last - CLAIM_EPOCHS..=last + 2 {
			assert_eq!(stored.price(epoch), Some(98 + Balance::from(epoch)));
		}
	});
}

#[test]
fn should_refuse_strangers_and_unknown_relays() {
	execute(|| {
		let relay = register_relay(50);
		let (who, unknown) = (origin(STRANGER), endpoint_key(51));
		let not_yours = Error::<Runtime>::NotYourRelay;
		assert_noop!(IoMesh::update_relay(who.clone(), relay, profile()), not_yours);
		let not_yours = Error::<Runtime>::NotYourRelay;
		assert_noop!(IoMesh::unregister_relay(who.clone(), relay), not_yours);
		assert_noop!(IoMesh::release_relay(who.clone(), relay), Error::<Runtime>::NotYourRelay);
		assert_noop!(IoMesh::wake_relay(who.clone(), relay), Error::<Runtime>::NotYourRelay);
		assert_noop!(
			IoMesh::update_relay(who.clone(), unknown, profile()),
			Error::<Runtime>::UnknownRelay
		);
		assert_noop!(
			IoMesh::slash_relay(RuntimeOrigin::root(), unknown, 1),
			Error::<Runtime>::UnknownRelay
		);
		assert_noop!(IoMesh::slash_relay(who, relay, 1), BadOrigin);
	});
}

#[test]
fn should_give_the_bond_back_when_a_relay_has_left_for_long_enough() {
	execute(|| {
		let relay = register_relay(50);
		assert_noop!(IoMesh::release_relay(origin(RELAYER), relay), Error::<Runtime>::NotLeaving);
		run_to_epoch(3);
		events();
		assert_ok!(IoMesh::unregister_relay(origin(RELAYER), relay));
		assert_eq!(events(), [Event::RelayLeaving { relay, until: 23 }]);
		assert_eq!(IoMesh::relay_map().relays, []);
		assert_eq!(state(relay), RelayState::Leaving { until: 23 });
		run_to(23 * EPOCH - 1);
		assert_noop!(IoMesh::release_relay(origin(RELAYER), relay), Error::<Runtime>::TooEarly);
		run_to(23 * EPOCH);
		assert_ok!(IoMesh::release_relay(origin(RELAYER), relay));
		assert_eq!(events(), [Event::RelayReleased { relay, operator: RELAYER, bond: BOND }]);
		assert_eq!(free(&RELAYER), FUNDS);
		assert_eq!(IoMesh::relay(relay), None);
		register_relay(50);
	});
}

#[test]
fn should_refuse_changes_when_a_relay_is_leaving() {
	execute(|| {
		let relay = register_relay(50);
		assert_ok!(IoMesh::unregister_relay(origin(RELAYER), relay));
		assert_noop!(
			IoMesh::update_relay(origin(RELAYER), relay, profile()),
			Error::<Runtime>::RelayLeaving
		);
		assert_noop!(
			IoMesh::unregister_relay(origin(RELAYER), relay),
			Error::<Runtime>::RelayLeaving
		);
		assert_noop!(IoMesh::wake_relay(origin(RELAYER), relay), Error::<Runtime>::NotChilled);
	});
}

#[test]
fn should_be_chilled_until_its_bond_is_whole_when_slashed() {
	execute(|| {
		let relay = register_relay(50);
		events();
		assert_ok!(IoMesh::slash_relay(RuntimeOrigin::root(), relay, 300));
		assert_eq!(
			events(),
			[Event::RelaySlashed { relay, amount: 300 }, Event::RelayChilled { relay, until: 1 }]
		);
		assert_eq!(free(&TREASURY), FUNDS + 300);
		assert_eq!(held(HoldReason::RelayBond, &RELAYER), BOND - 300);
		assert_eq!(IoMesh::relay_map().relays, []);
		assert_noop!(IoMesh::wake_relay(origin(RELAYER), relay), Error::<Runtime>::TooEarly);
		run_to_epoch(1);
		assert_ok!(IoMesh::wake_relay(origin(RELAYER), relay));
		assert_eq!(events(), [Event::RelayWoken { relay }]);
		assert_eq!(held(HoldReason::RelayBond, &RELAYER), BOND);
		assert_eq!(state(relay), RelayState::Live);
	});
}

#[test]
fn should_take_the_nearest_terms_that_work_when_they_are_out_of_bounds() {
	let none = Terms { bond: 0, unbonding_epochs: 0, min_reports: 0, dead_epochs: 0 }.bounded();
	let least =
		Terms { bond: 1, unbonding_epochs: CLAIM_EPOCHS + 1, min_reports: 1, dead_epochs: 1 };
	assert_eq!(none, least);
	let endless = Terms { unbonding_epochs: EpochIndex::MAX, ..least }.bounded();
	assert_eq!(endless.unbonding_epochs, types::MAX_UNBONDING);
}

#[test]
fn should_lose_no_more_than_the_bond_when_slashed() {
	execute(|| {
		let relay = register_relay(50);
		assert_ok!(IoMesh::unregister_relay(origin(RELAYER), relay));
		assert_ok!(IoMesh::slash_relay(RuntimeOrigin::root(), relay, Balance::MAX));
		assert_eq!(held(HoldReason::RelayBond, &RELAYER), 0);
		assert_eq!(free(&TREASURY), FUNDS + BOND);
		// It is still leaving, with nothing to come back.
		assert_eq!(state(relay), RelayState::Leaving { until: 20 });
		run_to_epoch(20);
		assert_ok!(IoMesh::release_relay(origin(RELAYER), relay));
		assert_eq!(free(&RELAYER), FUNDS - BOND);
	});
}
