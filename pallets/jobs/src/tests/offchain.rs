//! The off-chain worker against gateways, good and hostile.

use codec::{Decode, Encode};
use io_primitives::gateway::{
	SyncRequest, SyncResponse, WorkerSync, CONTENT_TYPE, GATEWAYS_KEY, MAX_RESPONSE_BYTES,
};
use parking_lot::RwLock;
use sp_core::offchain::{
	testing::{OffchainState, PendingRequest, TestOffchainExt, TestTransactionPoolExt},
	Externalities, HttpError, HttpRequestId, HttpRequestStatus, OffchainDbExt, OffchainWorkerExt,
	OpaqueNetworkState, Timestamp, TransactionPoolExt,
};
use sp_runtime::BoundedVec;
use std::sync::Arc;

use crate::{mock::*, *};

type State = Arc<RwLock<OffchainState>>;
type Pool = Arc<RwLock<sp_core::offchain::testing::PoolState>>;

const URL: &str = "http://127.0.0.1:9650/v1/sync";

/// Like the test externalities, but every request ends with this status.
struct Broken(TestOffchainExt, HttpRequestStatus);

impl Externalities for Broken {
	fn is_validator(&self) -> bool {
		self.0.is_validator()
	}
	fn network_state(&self) -> Result<OpaqueNetworkState, ()> {
		self.0.network_state()
	}
	fn timestamp(&mut self) -> Timestamp {
		self.0.timestamp()
	}
	fn sleep_until(&mut self, deadline: Timestamp) {
		self.0.sleep_until(deadline)
	}
	fn random_seed(&mut self) -> [u8; 32] {
		self.0.random_seed()
	}
	fn http_request_start(
		&mut self,
		method: &str,
		uri: &str,
		meta: &[u8],
	) -> Result<HttpRequestId, ()> {
		self.0.http_request_start(method, uri, meta)
	}
	fn http_request_add_header(
		&mut self,
		id: HttpRequestId,
		name: &str,
		value: &str,
	) -> Result<(), ()> {
		self.0.http_request_add_header(id, name, value)
	}
	fn http_request_write_body(
		&mut self,
		id: HttpRequestId,
		chunk: &[u8],
		deadline: Option<Timestamp>,
	) -> Result<(), HttpError> {
		self.0.http_request_write_body(id, chunk, deadline)
	}
	fn http_response_wait(
		&mut self,
		ids: &[HttpRequestId],
		_deadline: Option<Timestamp>,
	) -> Vec<HttpRequestStatus> {
		ids.iter().map(|_| self.1).collect()
	}
	fn http_response_headers(&mut self, id: HttpRequestId) -> Vec<(Vec<u8>, Vec<u8>)> {
		self.0.http_response_headers(id)
	}
	fn http_response_read_body(
		&mut self,
		id: HttpRequestId,
		buffer: &mut [u8],
		deadline: Option<Timestamp>,
	) -> Result<usize, HttpError> {
		self.0.http_response_read_body(id, buffer, deadline)
	}
	fn set_authorized_nodes(&mut self, nodes: Vec<sp_core::OpaquePeerId>, only: bool) {
		self.0.set_authorized_nodes(nodes, only)
	}
}

/// Runs a test with the externalities of an off-chain worker.
fn with_offchain(test: impl FnOnce(&State, &Pool)) {
	with_status(None, test)
}

fn with_status(status: Option<HttpRequestStatus>, test: impl FnOnce(&State, &Pool)) {
	let mut ext = ExtBuilder::default().build();
	let (offchain, state) = TestOffchainExt::new();
	let (pool, pool_state) = TestTransactionPoolExt::new();
	ext.register_extension(OffchainDbExt::new(offchain.clone()));
	match status {
		None => ext.register_extension(OffchainWorkerExt::new(offchain)),
		Some(status) => ext.register_extension(OffchainWorkerExt::new(Broken(offchain, status))),
	};
	ext.register_extension(TransactionPoolExt::new(pool));
	ext.execute_with(|| {
		test(&state, &pool_state);
		check();
	});
}

fn sync_of(workers: &[u8]) -> Vec<u8> {
	SyncRequest {
		genesis: IoJobs::genesis(),
		best: now(),
		workers: workers
			.iter()
			.map(|w| WorkerSync {
				worker: key(*w),
				view: IoJobs::worker_view(key(*w)),
				assignments: IoJobs::assignments(key(*w)),
			})
			.collect(),
	}
	.encode()
}

fn expect(state: &State, uri: &str, body: Vec<u8>, answer: Vec<u8>) {
	state.write().expect_request(PendingRequest {
		method: "POST".into(),
		uri: uri.into(),
		headers: vec![("Content-Type".into(), CONTENT_TYPE.into())],
		body,
		sent: true,
		response: Some(answer),
		..Default::default()
	});
}

fn answer(keys: &[u8], calls: Vec<io_primitives::SignedWorkerCall>) -> Vec<u8> {
	SyncResponse {
		keys: BoundedVec::truncate_from(keys.iter().map(|w| key(*w)).collect()),
		calls: BoundedVec::truncate_from(calls),
	}
	.encode()
}

fn sync() {
	IoJobs::sync_gateways(now());
}

fn submitted(pool: &Pool) -> Vec<crate::Call<Runtime>> {
	std::mem::take(&mut pool.write().transactions)
		.into_iter()
		.map(|bytes| match Extrinsic::decode(&mut &bytes[..]).unwrap().function {
			RuntimeCall::IoJobs(call) => call,
			other => panic!("{other:?}"),
		})
		.collect()
}

#[test]
fn should_remember_the_keys_that_a_gateway_announces() {
	with_offchain(|state, _| {
		expect(state, URL, sync_of(&[]), answer(&[1, 2], vec![]));
		sync();
		next_block();
		expect(state, URL, sync_of(&[1, 2]), answer(&[3], vec![]));
		sync();
		expect(state, URL, sync_of(&[3]), answer(&[3], vec![]));
		sync();
	});
}

#[test]
fn should_tell_a_gateway_what_its_workers_have_to_do() {
	with_offchain(|state, _| {
		let id = drawn(spec());
		let worker = seat(id, 0);
		expect(state, URL, sync_of(&[]), answer(&[worker], vec![]));
		sync();
		assert_eq!(IoJobs::assignments(key(worker)).len(), 1);
		expect(state, URL, sync_of(&[worker]), answer(&[worker], vec![]));
		sync();
	});
}

#[test]
fn should_put_a_gateways_calls_into_the_pool() {
	with_offchain(|state, pool| {
		let id = drawn(spec());
		let call = signed(seat(id, 0), accept_call(id, 0));
		expect(state, URL, sync_of(&[]), answer(&[], vec![call.clone()]));
		sync();
		assert_eq!(submitted(pool), [IoJobs::worker_call(call.clone())]);
		let extrinsic_is_valid = validate(call).is_ok();
		assert!(extrinsic_is_valid);
	});
}

#[test]
fn should_leave_out_calls_that_the_chain_would_refuse() {
	with_offchain(|state, pool| {
		let id = drawn(spec());
		let worker = seat(id, 0);
		let good = signed(worker, accept_call(id, 0));
		let mut forged = good.clone();
		forged.signature.0[0] ^= 1;
		let mut foreign = good.clone();
		foreign.worker = key(20);
		let unknown = signed(20, WorkerCall::Heartbeat { seq: 1, load: 0 });
		let early = signed(worker, reveal_call(id, 0, &opening(1)));
		let calls = vec![forged, foreign, unknown, early, good.clone()];
		expect(state, URL, sync_of(&[]), answer(&[], calls));
		sync();
		assert_eq!(submitted(pool), [IoJobs::worker_call(good)]);
	});
}

#[test]
fn should_ignore_answers_that_are_garbage_or_have_something_left_over() {
	with_offchain(|state, pool| {
		let id = drawn(spec());
		let mut long = answer(&[1], vec![signed(seat(id, 0), accept_call(id, 0))]);
		long.push(0);
		for bytes in [vec![], vec![0xff; 100], long] {
			expect(state, URL, sync_of(&[]), bytes);
			sync();
		}
		assert!(submitted(pool).is_empty());
	});
}

#[test]
fn should_stop_reading_an_answer_that_is_too_long() {
	with_offchain(|state, pool| {
		let mut bytes = answer(&[1], vec![]);
		bytes.resize(MAX_RESPONSE_BYTES * 4, 0);
		expect(state, URL, sync_of(&[]), bytes);
		sync();
		assert!(submitted(pool).is_empty());
		// A part of it is still unread.
		let read = state.read().requests.values().map(|request| request.read).max().unwrap();
		assert!(read <= MAX_RESPONSE_BYTES + 4_096, "{read}");
	});
}

#[test]
fn should_refuse_more_keys_than_allowed() {
	with_offchain(|state, _| {
		let keys: Vec<_> = (0..17).map(key).collect();
		expect(state, URL, sync_of(&[]), (keys, Vec::<u8>::new()).encode());
		sync();
		expect(state, URL, sync_of(&[]), answer(&[], vec![]));
		sync();
	});
}

#[test]
fn should_give_up_on_a_gateway_that_stalls_or_fails() {
	let broken = [
		HttpRequestStatus::DeadlineReached,
		HttpRequestStatus::IoError,
		HttpRequestStatus::Invalid,
		HttpRequestStatus::Finished(500),
	];
	for status in broken {
		with_status(Some(status), |_, pool| {
			sync();
			assert!(submitted(pool).is_empty());
		});
	}
}

#[test]
fn should_ask_the_gateways_that_the_node_stores_and_no_others() {
	with_offchain(|state, _| {
		let long = format!("http://{}", "x".repeat(300));
		let list: Vec<Vec<u8>> = ["http://a:1/", "https://b:2", "ftp://c", &long, "http://d:4"]
			.iter()
			.map(|url| url.as_bytes().to_vec())
			.chain([vec![0xff, 0xfe]])
			.collect();
		let kind = sp_core::offchain::StorageKind::PERSISTENT;
		sp_io::offchain::local_storage_set(kind, GATEWAYS_KEY, &list.encode());
		expect(state, "http://a:1/v1/sync", sync_of(&[]), answer(&[1], vec![]));
		expect(state, "http://d:4/v1/sync", sync_of(&[]), answer(&[2], vec![]));
		sync();
		expect(state, "http://a:1/v1/sync", sync_of(&[1]), answer(&[1], vec![]));
		expect(state, "http://d:4/v1/sync", sync_of(&[2]), answer(&[2], vec![]));
		sync();
	});
}

#[test]
fn should_do_nothing_while_an_earlier_round_holds_the_lock() {
	use sp_runtime::offchain::{
		storage_lock::{StorageLock, Time},
		Duration,
	};
	with_offchain(|state, _| {
		let mut lock =
			StorageLock::<Time>::with_deadline(b"io/gateways/lock", Duration::from_millis(2_000));
		let guard = lock.try_lock().ok().unwrap();
		sync();
		assert!(state.read().requests.is_empty());
		drop(guard);
		expect(state, URL, sync_of(&[]), answer(&[], vec![]));
		sync();
	});
}
