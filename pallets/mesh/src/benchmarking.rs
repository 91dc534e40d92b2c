//! Benchmarks of the calls, of the authorisation of reports, and of the work in `on_idle`, each in its dearest case.

use alloc::{vec, vec::Vec};
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{
		fungible::{InspectHold, Mutate},
		Authorize,
	},
	BoundedVec,
};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use io_primitives::mesh::{
	endpoint_payload, Receipt, RelayState, SignedReport, CLAIM_EPOCHS, MAX_PRICE, MAX_REPORT,
};
use sp_core::crypto::KeyTypeId;
use sp_runtime::transaction_validity::TransactionSource;

use super::*;
use crate::types::Prices;

const KEY_TYPE: KeyTypeId = KeyTypeId(*b"iome");
/// The present epoch of the benchmarks.
const EPOCH: EpochIndex = 100;
/// Money for anything.
const RICH: Balance = 1 << 100;

fn set_epoch<T: Config>(epoch: EpochIndex) {
	let block = epoch.saturating_mul(EpochBlocks::<T>::get());
	frame_system::Pallet::<T>::set_block_number(BlockNumberFor::<T>::from(block));
}

fn rich<T: Config>(name: &'static str, n: u32) -> T::AccountId {
	let who = account(name, n, 0);
	T::Currency::set_balance(&who, RICH);
	who
}

fn rich_caller<T: Config>() -> T::AccountId {
	let who: T::AccountId = whitelisted_caller();
	T::Currency::set_balance(&who, RICH);
	who
}

fn held<T: Config>(reason: HoldReason, who: &T::AccountId) -> Balance {
	T::Currency::balance_on_hold(&reason.into(), who)
}

/// A new key whose endpoint agrees to stand for the account.
fn signed_endpoint<T: Config>(who: &T::AccountId) -> (EndpointKey, ed25519::Signature) {
	let key = sp_io::crypto::ed25519_generate(KEY_TYPE, None);
	let payload = endpoint_payload(Pallet::<T>::genesis(), who);
	let proof =
		sp_io::crypto::ed25519_sign(KEY_TYPE, &key, &payload).expect("the keystore made the key");
	(key, proof)
}

/// The longest profile.
fn profile() -> RelayProfile {
	let mut url = b"https://".to_vec();
	url.resize(70, b'a');
	url.push(b'.');
	url.resize(128, b'b');
	RelayProfile {
		url: url.try_into().expect("it has 128 bytes"),
		tls_pin: Some(H256::repeat_byte(1)),
		quic_port: Some(1),
		region: *b"DE",
		capacity: 1,
		price_per_gib: 1 << 40,
	}
}

/// A relay with as many prices as it can have, whose key need not exist.
fn relay_of<T: Config>(operator: &T::AccountId, key: EndpointKey, state: RelayState) {
	let bond = T::Terms::get().bond;
	T::Currency::hold(&HoldReason::RelayBond.into(), operator, bond)
		.expect("the operator has the money");
	let first = EPOCH.saturating_sub(CLAIM_EPOCHS);
	let prices: Vec<_> = (0..MAX_PRICES).map(|n| (first.saturating_add(n), 1 << 40)).collect();
	let prices = Prices::try_from(prices).expect("there are no more than there can be");
	let operator = operator.clone();
	Relays::<T>::insert(key, Relay { operator, profile: profile(), prices, bond, state });
}

fn key(n: u32) -> EndpointKey {
	let mut raw = [7; 32];
	raw[..4].copy_from_slice(&n.to_be_bytes());
	EndpointKey::from_raw(raw)
}

fn worker_of<T: Config>(operator: &T::AccountId) -> WorkerKey {
	let worker = sp_io::crypto::sr25519_generate(KEY_TYPE, None);
	T::Workers::ensure_worker(&worker, operator);
	worker
}

/// A worker of the account with so many endpoints.
fn worker_with<T: Config>(operator: &T::AccountId, endpoints: u32) -> WorkerKey {
	let worker = worker_of::<T>(operator);
	for _ in 0..endpoints {
		let (key, proof) = signed_endpoint::<T>(operator);
		Pallet::<T>::do_register_endpoint(operator.clone(), key, Some(worker), proof)
			.expect("the worker may have as many");
	}
	worker
}

fn funded<T: Config>(payer: &T::AccountId) -> WorkerKey {
	let worker = worker_of::<T>(payer);
	let amount = T::MinBudget::get().max(1 << 50);
	Pallet::<T>::do_fund(payer.clone(), worker, amount).expect("the payer has the money");
	worker
}

fn signed_receipt<T: Config>(worker: WorkerKey, relay: EndpointKey) -> SignedReceipt {
	let receipt = Receipt { relay, epoch: EPOCH.saturating_sub(CLAIM_EPOCHS), bytes: 1 << 31 };
	let payload = receipt.payload(Pallet::<T>::genesis());
	let signature = sp_io::crypto::sr25519_sign(KEY_TYPE, &worker, &payload)
		.expect("the keystore made the key");
	SignedReceipt { worker, receipt, signature }
}

/// Reports after which each of the relays is chilled.
fn nearly_dead<T: Config>(relays: u32) -> Report {
	let operator = rich::<T>("relayer", 0);
	let terms = T::Terms::get();
	let relays: Vec<_> = (0..relays)
		.map(|n| {
			relay_of::<T>(&operator, key(n), RelayState::Live);
			let dead_epochs = terms.dead_epochs;
			let liveness =
				Liveness { epoch: EPOCH - 1, alive: 0, dead: terms.min_reports, dead_epochs };
			Reported::<T>::insert(key(n), liveness);
			(key(n), false)
		})
		.collect();
	let relays = BoundedVec::try_from(relays).expect("there are no more than a report may have");
	Report { epoch: EPOCH, relays }
}

fn signed_report<T: Config>(worker: WorkerKey, report: Report) -> Call<T> {
	let payload = report.payload(Pallet::<T>::genesis());
	let signature = sp_io::crypto::sr25519_sign(KEY_TYPE, &worker, &payload)
		.expect("the keystore made the key");
	Pallet::<T>::report_call(SignedReport { worker, report, signature })
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn register_relay() {
		set_epoch::<T>(EPOCH);
		let caller = rich_caller::<T>();
		let (relay, proof) = signed_endpoint::<T>(&caller);

		#[extrinsic_call]
		_(RawOrigin::Signed(caller.clone()), relay, profile(), proof);

		assert_eq!(held::<T>(HoldReason::RelayBond, &caller), T::Terms::get().bond);
	}

	#[benchmark]
	fn update_relay() {
		set_epoch::<T>(EPOCH);
		let caller = rich_caller::<T>();
		relay_of::<T>(&caller, key(0), RelayState::Live);
		let new = RelayProfile { price_per_gib: MAX_PRICE, ..profile() };

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), key(0), new);

		assert_eq!(Relays::<T>::get(key(0)).map(|r| r.profile.price_per_gib), Some(MAX_PRICE));
	}

	#[benchmark]
	fn unregister_relay() {
		set_epoch::<T>(EPOCH);
		let caller = rich_caller::<T>();
		relay_of::<T>(&caller, key(0), RelayState::Live);
		Reported::<T>::insert(key(0), Liveness::default());

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), key(0));

		assert!(!Reported::<T>::contains_key(key(0)));
	}

	#[benchmark]
	fn release_relay() {
		set_epoch::<T>(EPOCH);
		let caller = rich_caller::<T>();
		relay_of::<T>(&caller, key(0), RelayState::Leaving { until: EPOCH });

		#[extrinsic_call]
		_(RawOrigin::Signed(caller.clone()), key(0));

		assert_eq!(held::<T>(HoldReason::RelayBond, &caller), 0);
	}

	#[benchmark]
	fn wake_relay() {
		set_epoch::<T>(EPOCH);
		let caller = rich_caller::<T>();
		relay_of::<T>(&caller, key(0), RelayState::Live);
		Pallet::<T>::do_slash_relay(key(0), T::Terms::get().bond).expect("there is a bond");
		set_epoch::<T>(EPOCH + 1);

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), key(0));

		assert_eq!(Relays::<T>::get(key(0)).map(|relay| relay.state), Some(RelayState::Live));
	}

	#[benchmark]
	fn register_endpoint() {
		let caller = rich_caller::<T>();
		let worker = worker_with::<T>(&caller, MAX_ENDPOINTS - 1);
		let (endpoint, proof) = signed_endpoint::<T>(&caller);

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), endpoint, Some(worker), proof);

		assert!(Endpoints::<T>::contains_key(endpoint));
	}

	#[benchmark]
	fn remove_endpoint() {
		let caller = rich_caller::<T>();
		let worker = worker_with::<T>(&caller, MAX_ENDPOINTS);
		let endpoint = EndpointsOf::<T>::get(Party::Worker(worker))[0];

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), endpoint);

		assert!(!Endpoints::<T>::contains_key(endpoint));
	}

	#[benchmark]
	fn fund() {
		let caller = rich_caller::<T>();
		let worker = funded::<T>(&caller);
		let before = held::<T>(HoldReason::RelayBudget, &caller);
		let amount = T::MinBudget::get();

		#[extrinsic_call]
		_(RawOrigin::Signed(caller.clone()), worker, amount);

		assert_eq!(held::<T>(HoldReason::RelayBudget, &caller), before + amount);
	}

	#[benchmark]
	fn close_budget() {
		let caller = rich_caller::<T>();
		let worker = funded::<T>(&caller);

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), worker);

		assert!(Budgets::<T>::get(worker).is_some_and(|budget| budget.closes.is_some()));
	}

	#[benchmark]
	fn release_budget() {
		let caller = rich_caller::<T>();
		let worker = funded::<T>(&caller);
		Pallet::<T>::do_close_budget(caller.clone(), worker).expect("it is open");
		set_epoch::<T>(EPOCH);

		#[extrinsic_call]
		_(RawOrigin::Signed(caller.clone()), worker);

		assert_eq!(held::<T>(HoldReason::RelayBudget, &caller), 0);
	}

	/// Each receipt is another worker's, of another payer, for another relay, of another operator.
	#[benchmark]
	fn claim(n: Linear<1, MAX_CLAIM>) {
		set_epoch::<T>(EPOCH);
		let receipts: Vec<_> = (0..n)
			.map(|n| {
				relay_of::<T>(&rich::<T>("relayer", n), key(n), RelayState::Live);
				let worker = funded::<T>(&rich::<T>("payer", n));
				signed_receipt::<T>(worker, key(n))
			})
			.collect();
		let receipts = Receipts::try_from(receipts).expect("there are no more than a claim has");
		let caller: T::AccountId = whitelisted_caller();

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), receipts);

		let epoch = EPOCH - CLAIM_EPOCHS;
		assert_eq!(PaidOut::<T>::iter_prefix(epoch).count() as u32, n);
	}

	#[benchmark]
	fn report(n: Linear<1, MAX_REPORT>) {
		set_epoch::<T>(EPOCH);
		let worker = worker_of::<T>(&rich::<T>("operator", 0));
		let said = nearly_dead::<T>(n);

		#[extrinsic_call]
		_(RawOrigin::Authorized, worker, said, sr25519::Signature::default());

		assert_eq!(Pallet::<T>::map().relays, vec![]);
	}

	#[benchmark]
	fn slash_relay() -> Result<(), BenchmarkError> {
		let origin =
			T::AdminOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
		set_epoch::<T>(EPOCH);
		let operator = rich::<T>("relayer", 0);
		relay_of::<T>(&operator, key(0), RelayState::Live);
		Reported::<T>::insert(key(0), Liveness::default());

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, key(0), Balance::MAX);

		assert_eq!(held::<T>(HoldReason::RelayBond, &operator), 0);
		Ok(())
	}

	#[benchmark]
	fn authorize_report() {
		set_epoch::<T>(EPOCH);
		let worker = worker_of::<T>(&rich::<T>("operator", 0));
		let call = signed_report::<T>(worker, nearly_dead::<T>(MAX_REPORT));
		let valid;

		#[block]
		{
			valid = call.authorize(TransactionSource::External);
		}

		assert!(matches!(valid, Some(Ok(_))));
	}

	#[benchmark]
	fn forget_base() {
		set_epoch::<T>(EPOCH);
		let end;

		#[block]
		{
			end = Pallet::<T>::oldest_claimable();
			OldestEpoch::<T>::mutate(|epoch| *epoch = epoch.saturating_add(1));
		}

		assert_eq!(end, EPOCH - CLAIM_EPOCHS);
	}

	#[benchmark]
	fn forget_epoch() {
		let mut notes = 0;

		#[block]
		{
			notes += PaidOut::<T>::drain_prefix(0).count();
			notes += Reporters::<T>::drain_prefix(0).count();
		}

		assert_eq!(notes, 0);
	}

	#[benchmark]
	fn forget_entry() {
		for n in 0..2 {
			PaidOut::<T>::insert(0, (WorkerKey::from_raw([n; 32]), key(n.into())), 1);
		}
		let note;

		#[block]
		{
			note = PaidOut::<T>::drain_prefix(0).next();
		}

		assert!(note.is_some());
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::ext_with_keystore(), crate::mock::Runtime);
}
