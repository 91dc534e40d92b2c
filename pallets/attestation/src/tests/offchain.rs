//! The off-chain worker against gateways, good and hostile.

use codec::{Decode, Encode};
use io_primitives::{
	attestation::{
		AttestRequest, AttestResponse, AttestationCall, SignedAttestation,
		MAX_ATTEST_RESPONSE_BYTES,
	},
	gateway::CONTENT_TYPE,
};
use io_tflops::prover::Scalar;
use parking_lot::RwLock;
use sp_core::offchain::{
	testing::{OffchainState, PendingRequest, PoolState, TestOffchainExt, TestTransactionPoolExt},
	OffchainDbExt, OffchainWorkerExt, TransactionPoolExt,
};
use sp_runtime::BoundedVec;
use std::sync::Arc;

use crate::{mock::*, *};

type State = Arc<RwLock<OffchainState>>;
type Pool = Arc<RwLock<PoolState>>;

/// Runs a test with the externalities of an off-chain worker.
fn with_offchain(test: impl FnOnce(&State, &Pool)) {
	let mut ext = ExtBuilder::default().build();
	let (offchain, state) = TestOffchainExt::new();
	let (pool, pool_state) = TestTransactionPoolExt::new();
	ext.register_extension(OffchainDbExt::new(offchain.clone()));
	ext.register_extension(OffchainWorkerExt::new(offchain));
	ext.register_extension(TransactionPoolExt::new(pool));
	ext.execute_with(|| {
		test(&state, &pool_state);
		check();
	});
}

fn request_of(workers: &[u8]) -> Vec<u8> {
	let entry = |w: &u8| (key(*w), IoAttestation::attestation_view(key(*w)));
	AttestRequest {
		genesis: IoAttestation::genesis(),
		workers: workers.iter().map(entry).collect(),
	}
	.encode()
}

fn expect(state: &State, body: Vec<u8>, answer: Vec<u8>) {
	state.write().expect_request(PendingRequest {
		method: "POST".into(),
		uri: "http://127.0.0.1:9650/v1/attest".into(),
		headers: vec![("Content-Type".into(), CONTENT_TYPE.into())],
		body,
		sent: true,
		response: Some(answer),
		..Default::default()
	});
}

fn answer(keys: &[u8], calls: Vec<SignedAttestation>) -> Vec<u8> {
	AttestResponse {
		keys: BoundedVec::truncate_from(keys.iter().map(|w| key(*w)).collect()),
		calls: BoundedVec::truncate_from(calls),
	}
	.encode()
}

fn round() {
	IoAttestation::attest_gateways(now());
}

fn submitted(pool: &Pool) -> Vec<Call<Runtime>> {
	std::mem::take(&mut pool.write().transactions)
		.into_iter()
		.map(|bytes| match Extrinsic::decode(&mut &bytes[..]).unwrap().function {
			RuntimeCall::IoAttestation(call) => call,
			other => panic!("{other:?}"),
		})
		.collect()
}

#[test]
fn should_tell_a_gateway_what_the_chain_sees_of_the_keys_that_it_announces() {
	with_offchain(|state, _| {
		audited(1, 2, &mut Scalar);
		expect(state, request_of(&[]), answer(&[1, 2], vec![]));
		round();
		next_block();
		expect(state, request_of(&[1, 2]), answer(&[], vec![]));
		round();
		expect(state, request_of(&[]), answer(&[], vec![]));
		round();
	});
}

#[test]
fn should_put_a_gateways_calls_into_the_pool() {
	with_offchain(|state, pool| {
		let chain = audited(1, 2, &mut Scalar);
		let calls =
			vec![signed(1, reveal_call(1, 0, &chain, &mut Scalar)), signed(2, enrol_call(0, 0, 1))];
		expect(state, request_of(&[]), answer(&[1], calls.clone()));
		round();
		let expected: Vec<_> = calls.into_iter().map(IoAttestation::attestation_call).collect();
		assert_eq!(submitted(pool), expected);
	});
}

#[test]
fn should_leave_out_calls_that_the_chain_would_refuse() {
	with_offchain(|state, pool| {
		let good = signed(1, enrol_call(0, 0, 1));
		let mut forged = good.clone();
		forged.signature.0[0] ^= 1;
		let unknown = signed(9, enrol_call(0, 0, 1));
		let early = signed(1, AttestationCall::Leave { device: 0 });
		let calls = vec![forged, unknown, early, good.clone()];
		expect(state, request_of(&[]), answer(&[], calls));
		round();
		assert_eq!(submitted(pool), [IoAttestation::attestation_call(good)]);
	});
}

#[test]
fn should_ignore_answers_that_are_garbage_or_too_long() {
	with_offchain(|state, pool| {
		let mut rest = answer(&[1], vec![signed(1, enrol_call(0, 0, 1))]);
		rest.push(0);
		let mut long = answer(&[1], vec![]);
		long.resize(MAX_ATTEST_RESPONSE_BYTES + 10_000, 0);
		for bytes in [vec![], vec![0xff; 100], rest, long] {
			expect(state, request_of(&[]), bytes);
			round();
		}
		assert!(submitted(pool).is_empty());
	});
}

#[test]
fn should_ask_in_each_block() {
	use frame_support::traits::Hooks;
	with_offchain(|state, _| {
		for _ in 0..2 {
			next_block();
			expect(state, request_of(&[]), answer(&[], vec![]));
			<IoAttestation as Hooks<BlockNumber>>::offchain_worker(now());
		}
	});
}
