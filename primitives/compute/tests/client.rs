//! Two exchanges with the same gateways: each has a path, a lock and remembered keys of its own.
#![allow(clippy::unwrap_used, missing_docs)]

use std::cell::RefCell;

use codec::Encode;
use io_primitives::{
	attestation::{AttestResponse, ATTEST_PATH},
	gateway::{
		client::{Answer, Exchange},
		SyncResponse, CONTENT_TYPE, DEFAULT_GATEWAY, SYNC_PATH,
	},
	WorkerKey,
};
use sp_core::offchain::{
	testing::{PendingRequest, TestOffchainExt},
	OffchainDbExt, OffchainWorkerExt, StorageKind,
};
use sp_io::TestExternalities;

const SYNC: Exchange =
	Exchange { path: SYNC_PATH, max_request: 1_000, max_response: 1_000, log_target: "test" };
const ATTEST: Exchange = Exchange { path: ATTEST_PATH, ..SYNC };

fn key(byte: u8) -> WorkerKey {
	WorkerKey::from_raw([byte; 32])
}

/// Runs a test with the externalities of an off-chain worker; the function that it gets says which request comes next.
fn with_offchain(test: impl FnOnce(&dyn Fn(&str, Vec<WorkerKey>, Vec<u8>))) {
	let (offchain, state) = TestOffchainExt::new();
	let mut ext = TestExternalities::default();
	ext.register_extension(OffchainDbExt::new(offchain.clone()));
	ext.register_extension(OffchainWorkerExt::new(offchain));
	ext.execute_with(|| {
		test(&|path, told, answer| {
			state.write().expect_request(PendingRequest {
				method: "POST".into(),
				uri: format!("{DEFAULT_GATEWAY}{path}"),
				headers: vec![("Content-Type".into(), CONTENT_TYPE.into())],
				body: told.encode(),
				sent: true,
				response: Some(answer),
				..Default::default()
			});
		})
	});
}

/// One round in which a gateway is told its keys and nothing else. Returns what it answered.
fn round<A: Answer>(exchange: &Exchange) -> Vec<A> {
	let answers = RefCell::new(Vec::new());
	exchange.round(
		1,
		|worker| worker,
		|workers: Vec<_>| workers,
		|answer| {
			answers.borrow_mut().push(answer);
		},
	);
	answers.into_inner()
}

fn sync_answer(keys: Vec<WorkerKey>) -> Vec<u8> {
	SyncResponse { keys: keys.try_into().unwrap(), ..Default::default() }.encode()
}

fn attest_answer(keys: Vec<WorkerKey>) -> Vec<u8> {
	AttestResponse { keys: keys.try_into().unwrap(), ..Default::default() }.encode()
}

#[test]
fn should_remember_the_keys_of_each_path_apart() {
	with_offchain(|expect| {
		expect(SYNC_PATH, vec![], sync_answer(vec![key(1)]));
		assert_eq!(round::<SyncResponse>(&SYNC).len(), 1);
		expect(ATTEST_PATH, vec![], attest_answer(vec![key(2)]));
		assert_eq!(round::<AttestResponse>(&ATTEST).len(), 1);
		expect(SYNC_PATH, vec![key(1)], sync_answer(vec![key(1)]));
		round::<SyncResponse>(&SYNC);
		expect(ATTEST_PATH, vec![key(2)], attest_answer(vec![key(2)]));
		round::<AttestResponse>(&ATTEST);
		let stored =
			|at: &str| sp_io::offchain::local_storage_get(StorageKind::PERSISTENT, at.as_bytes());
		let at = |path| format!("io/gateways{path}/keys/{DEFAULT_GATEWAY}");
		assert_eq!(stored(&at("")), Some(vec![key(1)].encode()));
		assert_eq!(stored(&at("/v1/attest")), Some(vec![key(2)].encode()));
	});
}

#[test]
fn should_leave_out_workers_for_which_a_request_has_no_room() {
	with_offchain(|expect| {
		let keys: Vec<_> = (1..=16).map(key).collect();
		expect(SYNC_PATH, vec![], sync_answer(keys.clone()));
		round::<SyncResponse>(&SYNC);
		// One byte of length and three keys are less than 100 bytes, four are not.
		let small = Exchange { max_request: 100, ..SYNC };
		expect(SYNC_PATH, keys[..3].to_vec(), sync_answer(vec![]));
		assert_eq!(round::<SyncResponse>(&small).len(), 1);
	});
}

#[test]
fn should_use_no_answer_that_is_too_long_or_not_decoded_to_its_end() {
	with_offchain(|expect| {
		let mut long = sync_answer(vec![key(1)]);
		long.push(0);
		expect(SYNC_PATH, vec![], long);
		assert!(round::<SyncResponse>(&SYNC).is_empty());
		expect(SYNC_PATH, vec![], sync_answer(vec![key(1); 16]));
		let small = Exchange { max_response: 16 * 32, ..SYNC };
		assert!(round::<SyncResponse>(&small).is_empty());
		// Neither was remembered.
		expect(SYNC_PATH, vec![], sync_answer(vec![]));
		assert_eq!(round::<SyncResponse>(&SYNC).len(), 1);
	});
}
