//! The ledger under any sequence of calls by anybody: nothing is made or lost, all invariants hold after each call, and a
//! relay gets exactly what a model owes it.

use std::collections::BTreeMap;

use io_primitives::mesh::{owed, RelayProfile};
use proptest::prelude::*;

use crate::{mock::*, *};

#[derive(Clone, Copy, Debug)]
enum Step {
	Register { relay: u8 },
	Update { relay: u8, price: u8 },
	Unregister { relay: u8 },
	Release { relay: u8 },
	Wake { relay: u8 },
	Slash { relay: u8, amount: u16 },
	Endpoint { endpoint: u8, worker: Option<u8> },
	RemoveEndpoint { endpoint: u8 },
	Fund { worker: u8, amount: u16 },
	Close { worker: u8 },
	ReleaseBudget { worker: u8 },
	Claim { receipts: [(u8, u8, u8, u16); 2] },
	Report { worker: u8, relay: u8, alive: bool },
	Retire { worker: u8 },
	Hire { worker: u8 },
	Wait { blocks: u8 },
}

fn step() -> impl Strategy<Value = Step> {
	let relay = || 50..54u8;
	let worker = || 1..5u8;
	let receipt = || (1..5u8, 50..54u8, 0..9u8, any::<u16>());
	prop_oneof![
		4 => relay().prop_map(|relay| Step::Register { relay }),
		3 => (relay(), any::<u8>()).prop_map(|(relay, price)| Step::Update { relay, price }),
		1 => relay().prop_map(|relay| Step::Unregister { relay }),
		2 => relay().prop_map(|relay| Step::Release { relay }),
		2 => relay().prop_map(|relay| Step::Wake { relay }),
		1 => (relay(), 0..2_000u16).prop_map(|(relay, amount)| Step::Slash { relay, amount }),
		3 => (60..66u8, proptest::option::of(worker()))
			.prop_map(|(endpoint, worker)| Step::Endpoint { endpoint, worker }),
		2 => (60..66u8).prop_map(|endpoint| Step::RemoveEndpoint { endpoint }),
		6 => (worker(), 0..3_000u16).prop_map(|(worker, amount)| Step::Fund { worker, amount }),
		1 => worker().prop_map(|worker| Step::Close { worker }),
		1 => worker().prop_map(|worker| Step::ReleaseBudget { worker }),
		12 => [receipt(), receipt()].prop_map(|receipts| Step::Claim { receipts }),
		6 => (worker(), relay(), any::<bool>())
			.prop_map(|(worker, relay, alive)| Step::Report { worker, relay, alive }),
		1 => worker().prop_map(|worker| Step::Retire { worker }),
		2 => worker().prop_map(|worker| Step::Hire { worker }),
		5 => (1..25u8).prop_map(|blocks| Step::Wait { blocks }),
	]
}

/// Relays with even numbers are the relayer's, the others the operator's own.
fn relay_owner(relay: u8) -> AccountId {
	if relay.is_multiple_of(2) {
		RELAYER
	} else {
		OPERATOR
	}
}

fn perform(step: Step) {
	let _ = match step {
		Step::Register { relay } => {
			let owner = relay_owner(relay);
			let proof = proof(relay, &owner);
			IoMesh::register_relay(origin(owner), endpoint_key(relay), profile(), proof)
		},
		Step::Update { relay, price } => {
			let profile = RelayProfile { price_per_gib: price.into(), ..profile() };
			IoMesh::update_relay(origin(relay_owner(relay)), endpoint_key(relay), profile)
		},
		Step::Unregister { relay } => {
			IoMesh::unregister_relay(origin(relay_owner(relay)), endpoint_key(relay))
		},
		Step::Release { relay } => {
			IoMesh::release_relay(origin(relay_owner(relay)), endpoint_key(relay))
		},
		Step::Wake { relay } => IoMesh::wake_relay(origin(relay_owner(relay)), endpoint_key(relay)),
		Step::Slash { relay, amount } => {
			IoMesh::slash_relay(RuntimeOrigin::root(), endpoint_key(relay), amount.into())
		},
		Step::Endpoint { endpoint, worker: n } => {
			let who = if n.is_some() { OPERATOR } else { REQUESTER };
			let proof = proof(endpoint, &who);
			IoMesh::register_endpoint(origin(who), endpoint_key(endpoint), n.map(worker), proof)
		},
		Step::RemoveEndpoint { endpoint } => {
			let key = endpoint_key(endpoint);
			let who = IoMesh::endpoint(key).map_or(STRANGER, |view| view.account);
			IoMesh::remove_endpoint(origin(who), key)
		},
		Step::Fund { worker: n, amount } => {
			IoMesh::fund(origin(OPERATOR), worker(n), amount.into())
		},
		Step::Close { worker: n } => IoMesh::close_budget(origin(OPERATOR), worker(n)),
		Step::ReleaseBudget { worker: n } => IoMesh::release_budget(origin(OPERATOR), worker(n)),
		Step::Claim { receipts } => claim(&receipts.map(|(n, relay, ago, part)| {
			let epoch = IoMesh::epoch().saturating_sub(ago.into());
			receipt(n, relay, epoch, u64::from(part) * (GIB / 1_000))
		})),
		Step::Report { worker: n, relay, alive } => {
			let _ = send(report(n, IoMesh::epoch(), &[(relay, alive)]));
			Ok(())
		},
		Step::Retire { worker: n } => {
			Registered::remove(worker(n));
			Ok(())
		},
		Step::Hire { worker: n } => {
			register_worker(n);
			Ok(())
		},
		Step::Wait { blocks } => {
			run_to(now() + BlockNumber::from(blocks));
			Ok(())
		},
	};
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..Default::default() })]

	#[test]
	fn should_conserve_money_and_keep_all_invariants_whatever_happens(
		steps in proptest::collection::vec(step(), 1..120),
	) {
		execute(|| {
			(1..=4).for_each(|n| {
				register_worker(n);
			});
			let issuance = Balances::total_issuance();
			// What was paid for each relay, and what left each payer's holds: from events and from the state.
			let mut paid = BTreeMap::<AccountId, Balance>::new();
			let mut slashed: Balance = 0;
			for step in steps {
				perform(step);
				IoMesh::do_try_state().unwrap();
				for event in events() {
					match event {
						Event::RelayPaid { operator, amount, .. } => {
							*paid.entry(operator).or_default() += amount;
						},
						Event::RelaySlashed { amount, .. } => slashed += amount,
						_ => {},
					}
				}
				assert_eq!(Balances::total_issuance(), issuance);
				// All that the relayer has more or less than at the start is what it was paid and what was slashed.
				let own = Balances::total_balance(&RELAYER) + Balances::total_balance(&TREASURY)
					+ Balances::total_balance(&OPERATOR);
				assert_eq!(own, 3 * FUNDS);
				let earned = paid.get(&RELAYER).copied().unwrap_or(0);
				assert!(Balances::total_balance(&RELAYER) + slashed >= FUNDS + earned);
				assert_eq!(Balances::total_balance(&TREASURY), FUNDS + slashed);
			}
		});
	}

	#[test]
	fn should_pay_what_the_highest_receipt_owes_however_it_is_claimed(
		parts in proptest::collection::vec(0..20_000u64, 1..40),
		price in 0..5_000u128,
	) {
		execute(|| {
			let profile = RelayProfile { price_per_gib: price, ..profile() };
			let of = proof(50, &RELAYER);
			IoMesh::register_relay(origin(RELAYER), endpoint_key(50), profile, of).unwrap();
			let worker = funded(1, 500_000);
			let bytes = |part: &u64| part * (GIB / 1_000);
			for part in &parts {
				let _ = claim(&[receipt(1, 50, 0, bytes(part))]);
			}
			let most = parts.iter().map(bytes).max().unwrap_or(0);
			assert_eq!(500_000 - left(worker), owed(most, price));
		});
	}
}
