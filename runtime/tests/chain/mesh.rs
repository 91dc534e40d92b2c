//! The mesh: a relay from its registration to its pay, with real transactions.

use crate::{
	market::market,
	support::{account, held, signed, Chain},
};
use codec::{Decode, Encode};
use frame_support::{
	assert_noop, assert_ok,
	traits::{fungible::Inspect, Contains, InstanceFilter},
};
use io_primitives::{
	api::runtime_decl_for_io_mesh_api::IoMeshApi,
	mesh::{
		endpoint_payload, EndpointKey, Party, Receipt, RelayProfile, Report, SignedReceipt,
		SignedReport,
	},
};
use io_runtime::{
	configs::{ProxyType, SafeModeWhitelist},
	constants::*,
	genesis_config_presets::{ENDOWMENT, MESH, MESH_EPOCH_BLOCKS},
	AccountId, Balances, Runtime, RuntimeCall, RuntimeOrigin, SafeMode, System, UncheckedExtrinsic,
};
use pallet_io_mesh::{Call, HoldReason};
use sp_core::{ed25519, sr25519, Pair};
use sp_keyring::Sr25519Keyring::{self, Bob, Charlie, Dave};
use sp_runtime::{traits::Dispatchable, transaction_validity::InvalidTransaction};

const PRICE: u128 = 2 * MILLI_IO;
const BUDGET: u128 = 5 * IO;
const GIB: u64 = 1 << 30;

fn endpoint(seed: u8) -> ed25519::Pair {
	ed25519::Pair::from_seed(&[seed; 32])
}

fn proof(chain: &mut Chain, seed: u8, who: Sr25519Keyring) -> ed25519::Signature {
	let payload = chain.state(|| endpoint_payload(System::block_hash(0), &account(who)));
	endpoint(seed).sign(&payload)
}

fn profile() -> RelayProfile {
	RelayProfile {
		url: b"https://127.0.0.1:3340".to_vec().try_into().unwrap(),
		tls_pin: Some(Default::default()),
		quic_port: Some(7_842),
		region: *b"SE",
		capacity: 1_000,
		price_per_gib: PRICE,
	}
}

/// Charlie's relay.
fn relay(chain: &mut Chain) -> EndpointKey {
	let (relay, proof) = (endpoint(50).public(), proof(chain, 50, Charlie));
	chain.must([(Charlie, Call::register_relay { relay, profile: profile(), proof }.into())]);
	relay
}

/// Bob's worker, with a budget.
fn worker(chain: &mut Chain) -> sr25519::Pair {
	let key = market(chain);
	chain.must([(Bob, Call::fund { worker: key.public(), amount: BUDGET }.into())]);
	key
}

fn receipt(chain: &mut Chain, key: &sr25519::Pair, relay: EndpointKey, bytes: u64) -> RuntimeCall {
	let genesis = chain.state(|| System::block_hash(0));
	let receipt = Receipt { relay, epoch: 0, bytes };
	let signature = key.sign(&receipt.payload(genesis));
	let signed = SignedReceipt { worker: key.public(), receipt, signature };
	Call::claim { receipts: vec![signed].try_into().unwrap() }.into()
}

/// The transaction that carries a report, as the runtime API makes it and a node sends it.
fn report(
	chain: &mut Chain,
	key: &sr25519::Pair,
	relay: EndpointKey,
	alive: bool,
) -> UncheckedExtrinsic {
	let epoch = chain.number / MESH_EPOCH_BLOCKS;
	chain.state(|| {
		let report = Report { epoch, relays: vec![(relay, alive)].try_into().unwrap() };
		let signature = key.sign(&report.payload(System::block_hash(0)));
		let signed = SignedReport { worker: key.public(), report, signature };
		UncheckedExtrinsic::decode(&mut &Runtime::report_transaction(signed).encode()[..]).unwrap()
	})
}

#[test]
fn should_pay_a_relay_to_the_unit_when_anybody_brings_the_receipts() {
	let mut chain = Chain::development();
	let (relay, key) = (relay(&mut chain), worker(&mut chain));
	let issuance = chain.state(Balances::total_issuance);
	let before = chain.state(|| Balances::free_balance(account(Charlie)));
	let fees = chain.state(|| Balances::free_balance(account(Dave)));
	for bytes in [3 * GIB, 3 * GIB + GIB / 2] {
		let claim = receipt(&mut chain, &key, relay, bytes);
		chain.must([(Dave, claim)]);
	}
	chain.state(|| {
		let due = 7 * PRICE / 2;
		assert_eq!(Balances::free_balance(account(Charlie)), before + due);
		assert_eq!(held(HoldReason::RelayBudget, Bob), BUDGET - due);
		assert_eq!(Runtime::budget(key.public()).unwrap().held, BUDGET - due);
		// Fees move to treasury and author; nothing is minted.
		assert_eq!(Balances::total_issuance(), issuance);
		assert!(Balances::free_balance(account(Dave)) < fees);
	});
}

#[test]
fn should_tell_daemons_whom_to_trust_and_whom_to_let_in() {
	let mut chain = Chain::development();
	let (relay, key) = (relay(&mut chain), worker(&mut chain));
	let of_worker = (endpoint(60).public(), proof(&mut chain, 60, Bob));
	let of_requester = (endpoint(61).public(), proof(&mut chain, 61, Dave));
	let call = |(endpoint, proof), worker| -> RuntimeCall {
		Call::register_endpoint { endpoint, worker, proof }.into()
	};
	chain.must([(Bob, call(of_worker, Some(key.public()))), (Dave, call(of_requester, None))]);
	chain.state(|| {
		let map = Runtime::relay_map();
		assert_eq!(map.epoch_blocks, MESH_EPOCH_BLOCKS);
		assert_eq!(map.relays.len(), 1);
		assert_eq!((map.relays[0].relay, map.relays[0].bond), (relay, MESH.bond));
		assert_eq!(map.relays[0].profile, profile());
		let view = Runtime::endpoint(of_worker.0).unwrap();
		assert_eq!((view.worker, view.active, view.budget), (Some(key.public()), true, BUDGET));
		let view = Runtime::endpoint(of_requester.0).unwrap();
		assert_eq!((view.account, view.worker, view.active), (account(Dave), None, true));
		assert_eq!(Runtime::endpoint(endpoint(62).public()), None);
		assert_eq!(Runtime::endpoints(None, 10).len(), 2);
		assert_eq!(Runtime::endpoints_of(Party::Worker(key.public())), [of_worker.0]);
	});
}

#[test]
fn should_refuse_a_relay_when_there_is_no_bond() {
	let mut chain = Chain::development();
	let poor = AccountId::new([9; 32]);
	chain.state(|| {
		let payload = endpoint_payload(System::block_hash(0), &poor);
		let proof = endpoint(50).sign(&payload);
		let relay = endpoint(50).public();
		let call: RuntimeCall = Call::register_relay { relay, profile: profile(), proof }.into();
		assert_noop!(
			call.dispatch(RuntimeOrigin::signed(poor)).map_err(|error| error.error),
			sp_runtime::TokenError::FundsUnavailable
		);
	});
}

#[test]
fn should_chill_a_relay_by_free_reports_when_it_is_dead() {
	let mut chain = Chain::development();
	let (relay, key) = (relay(&mut chain), worker(&mut chain));
	let purse = chain.state(|| Balances::free_balance(account(Bob)));
	for epoch in 1..=MESH.dead_epochs + 1 {
		chain.run_to(epoch * MESH_EPOCH_BLOCKS);
		assert!(chain.state(|| !Runtime::relay_map().relays.is_empty()));
		let report = report(&mut chain, &key, relay, false);
		assert_ok!(chain.validate(report.clone()));
		assert_ok!(chain.run([report])[0].unwrap());
	}
	chain.state(|| {
		assert_eq!(Runtime::relay_map().relays, []);
		assert_eq!(held(HoldReason::RelayBond, Charlie), MESH.bond);
		// Reports cost nothing.
		assert_eq!(Balances::free_balance(account(Bob)), purse);
	});
}

#[test]
fn should_refuse_a_report_when_somebody_else_signed_it() {
	let mut chain = Chain::development();
	let (relay, _) = (relay(&mut chain), worker(&mut chain));
	let stranger = crate::support::hot_key(9);
	let report = report(&mut chain, &stranger, relay, false);
	let refusal = chain.validate(report).unwrap_err();
	assert!(matches!(
		refusal,
		sp_runtime::transaction_validity::TransactionValidityError::Invalid(
			InvalidTransaction::Custom(_)
		)
	));
}

#[test]
fn should_pay_relays_and_take_reports_but_nothing_else_when_in_safe_mode() {
	let mut chain = Chain::development();
	let (relay, key) = (relay(&mut chain), worker(&mut chain));
	chain.state(|| {
		assert_ok!(SafeMode::force_enter(RuntimeOrigin::root()));
	});
	let claim = receipt(&mut chain, &key, relay, GIB);
	chain.must([(Dave, claim)]);
	let report = report(&mut chain, &key, relay, true);
	assert_ok!(chain.run([report])[0].unwrap());
	let fund: RuntimeCall = Call::fund { worker: key.public(), amount: IO }.into();
	assert!(!SafeModeWhitelist::contains(&fund));
	let transaction = chain.state(|| signed(Bob, fund));
	assert_eq!(
		chain.run([transaction])[0].unwrap(),
		Err(frame_system::Error::<Runtime>::CallFiltered.into())
	);
}

#[test]
fn should_let_proxies_manage_relays_but_set_no_money_aside_for_others() {
	let worker = crate::support::hot_key(1).public();
	let relay = endpoint(50).public();
	let wake: RuntimeCall = Call::wake_relay { relay }.into();
	let fund: RuntimeCall = Call::fund { worker, amount: IO }.into();
	for kind in [ProxyType::NonTransfer, ProxyType::Operator] {
		assert!(kind.filter(&wake) && !kind.filter(&fund), "{kind:?}");
	}
}

#[test]
fn should_keep_what_nobody_spent_when_a_budget_is_closed() {
	let mut chain = Chain::development();
	let key = worker(&mut chain);
	chain.must([(Bob, Call::close_budget { worker: key.public() }.into())]);
	let closes = chain.state(|| Runtime::budget(key.public()).unwrap().closes.unwrap());
	chain.run_to(closes * MESH_EPOCH_BLOCKS);
	chain.must([(Bob, Call::release_budget { worker: key.public() }.into())]);
	chain.state(|| {
		assert_eq!(held(HoldReason::RelayBudget, Bob), 0);
		assert!(Balances::total_balance(&account(Bob)) > ENDOWMENT - IO);
	});
}
