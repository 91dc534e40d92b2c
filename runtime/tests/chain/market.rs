//! A job from submission to payment, with real transactions.

use crate::support::{account, held, hot_key, signed, Chain};
use codec::{Decode, Encode};
use frame_support::assert_ok;
use io_primitives::{
	api::runtime_decl_for_io_worker_api::IoWorkerApi,
	call::registration_payload,
	digest::{commitment, Opening},
	Engines, JobSpec, JobState, Locator, Locators, Profile, Program, SignedWorkerCall, WorkerCall,
};
use io_runtime::{
	constants::*, genesis_config_presets::ENDOWMENT, Balances, Executive, IoJobs, IoStaking,
	Runtime, System, UncheckedExtrinsic,
};
use sp_core::{sr25519, Pair, H256};
use sp_keyring::Sr25519Keyring::{Bob, Charlie};
use sp_runtime::transaction_validity::InvalidTransaction;
use sp_runtime::Perbill;

const STAKE: u128 = 10_000 * IO;
const PRICE: u128 = MILLI_IO;
const UNITS: u64 = 100;

/// A job of one replica.
pub(crate) fn spec() -> JobSpec {
	let url: Locator = b"http://127.0.0.1/content".to_vec().try_into().unwrap();
	let place: Locators = vec![url].try_into().unwrap();
	JobSpec {
		program: Program::Wasm { hash: H256::repeat_byte(1) },
		program_at: place.clone(),
		input_at: place,
		input: H256::repeat_byte(2),
		input_len: 1,
		args: Default::default(),
		class: 0,
		max_units: UNITS,
		max_memory: 64,
		max_output: 1_024,
		price_per_unit: PRICE,
		replicas: 1,
		quorum: 1,
		run_blocks: 50,
		encryption: None,
		min_perf: 0,
		verification: io_primitives::Verification::Quorum,
	}
}

/// Makes Bob an operator with one device, and returns its hot key.
pub(crate) fn market(chain: &mut Chain) -> sr25519::Pair {
	let key = hot_key(1);
	let payload = chain.state(|| registration_payload(System::block_hash(0), &account(Bob)));
	let profile = Profile {
		class: 0,
		ask_per_unit: PRICE / 2,
		capacity: 2,
		engines: Engines::WASM,
		x25519: [0; 32],
		endpoints: Default::default(),
	};
	chain.must([
		(
			Bob,
			pallet_io_staking::Call::register_operator {
				stake: STAKE,
				commission: Perbill::zero(),
				metadata: Default::default(),
			}
			.into(),
		),
		(
			Bob,
			pallet_io_jobs::Call::register_worker {
				worker: key.public(),
				profile,
				proof: key.sign(&payload),
			}
			.into(),
		),
	]);
	key
}

/// The transaction that carries a worker's call, as the runtime API makes it and a node sends it.
fn transaction(chain: &mut Chain, key: &sr25519::Pair, call: WorkerCall) -> UncheckedExtrinsic {
	let valid_until = chain.number + 10;
	chain.state(|| {
		let signature = key.sign(&call.payload(System::block_hash(0), valid_until));
		let worker = key.public();
		let made = Runtime::transaction(SignedWorkerCall { worker, call, valid_until, signature });
		UncheckedExtrinsic::decode(&mut &made.encode()[..]).unwrap()
	})
}

pub(crate) fn heartbeat(chain: &mut Chain, key: &sr25519::Pair, seq: u64) -> UncheckedExtrinsic {
	transaction(chain, key, WorkerCall::Heartbeat { seq, load: 0 })
}

fn send(chain: &mut Chain, key: &sr25519::Pair, call: WorkerCall) {
	let transaction = transaction(chain, key, call);
	assert_ok!(chain.validate(transaction.clone()));
	assert_ok!(chain.run([transaction])[0].unwrap());
}

#[test]
fn should_accept_a_workers_call_without_fee_when_its_signature_is_right() {
	let mut chain = Chain::development();
	let key = market(&mut chain);
	let issuance = chain.state(Balances::total_issuance);
	let transaction = heartbeat(&mut chain, &key, 1);
	assert_ok!(chain.validate(transaction.clone()));
	assert_ok!(chain.run([transaction])[0].unwrap());
	chain.state(|| assert_eq!(Balances::total_issuance(), issuance));
}

#[test]
fn should_refuse_a_workers_call_when_somebody_else_signed_it() {
	let mut chain = Chain::development();
	let key = market(&mut chain);
	let call = WorkerCall::Heartbeat { seq: 1, load: 0 };
	let forged = chain.state(|| {
		let signature = hot_key(9).sign(&call.payload(System::block_hash(0), 10));
		Runtime::transaction(SignedWorkerCall {
			worker: key.public(),
			call,
			valid_until: 10,
			signature,
		})
	});
	assert_eq!(chain.validate(forged), Err(InvalidTransaction::BadProof.into()));
}

#[test]
fn should_refuse_a_workers_call_when_it_is_sent_as_an_ordinary_transaction() {
	let mut chain = Chain::development();
	let key = market(&mut chain);
	let made = heartbeat(&mut chain, &key, 1);
	let transaction = chain.state(|| signed(Charlie, made.function));
	let results = chain.run([transaction]);
	assert!(results[0].unwrap().is_err(), "only an authorised origin may call");
}

#[test]
fn should_pay_the_operator_when_a_job_runs_from_submission_to_settlement() {
	let mut chain = Chain::development();
	let key = market(&mut chain);
	send(&mut chain, &key, WorkerCall::Heartbeat { seq: 1, load: 0 });
	chain.must([(Charlie, pallet_io_jobs::Call::submit { spec: spec() }.into())]);
	chain.state(|| {
		assert!(held(pallet_io_jobs::HoldReason::JobEscrow, Charlie) >= PRICE * u128::from(UNITS));
		assert!(held(pallet_io_jobs::HoldReason::JobDeposit, Charlie) > 0);
		assert_eq!(held(pallet_io_staking::HoldReason::Stake, Bob), STAKE);
	});
	let operator_before = chain.state(|| Balances::free_balance(account(Bob)));

	let submitted = chain.number;
	while chain.state(|| Runtime::assignments(key.public())).is_empty() {
		assert!(chain.number < submitted + 10, "the job was not assigned");
		chain.run([]);
	}
	let assignment = chain.state(|| Runtime::assignments(key.public())).remove(0);
	let (job, replica) = (assignment.job, assignment.replica);
	send(&mut chain, &key, WorkerCall::Accept { job, replica });

	let (digest, units, exit_code, salt) = (H256::repeat_byte(3), 80, 0, [4; 32]);
	let opening = Opening { digest, units, exit_code, salt };
	let commitment = commitment(&key.public(), job, replica, assignment.attempt, &opening);
	send(&mut chain, &key, WorkerCall::Commit { job, replica, commitment });
	send(
		&mut chain,
		&key,
		WorkerCall::Reveal {
			job,
			replica,
			digest,
			units,
			exit_code,
			salt,
			output_at: Default::default(),
		},
	);
	let last = chain.number;
	while chain.state(|| IoJobs::job(job).unwrap().state) != JobState::Settled {
		assert!(chain.number < last + 5, "the job was not settled");
		chain.run([]);
	}
	chain.state(|| {
		assert_eq!(Balances::free_balance(account(Bob)) - operator_before, PRICE / 2 * 80);
		assert_eq!(held(pallet_io_jobs::HoldReason::JobEscrow, Charlie), 0);
		assert_eq!(held(pallet_io_jobs::HoldReason::JobDeposit, Charlie), 0);
		let spent = ENDOWMENT - Balances::free_balance(account(Charlie));
		let price = PRICE / 2 * 80;
		assert!(spent > price + price / 20 && spent < price + price / 20 + 100 * MILLI_IO);
		assert_eq!(<IoStaking as io_primitives::Bonding<_>>::locked(&account(Bob)), 0);
	});
}

#[test]
fn should_build_blocks_without_draw_when_there_is_no_randomness() {
	let mut chain = Chain::development();
	let key = market(&mut chain);
	send(&mut chain, &key, WorkerCall::Heartbeat { seq: 1, load: 0 });
	chain.must([(Charlie, pallet_io_jobs::Call::submit { spec: spec() }.into())]);
	for _ in 0..5 {
		chain.block(Default::default(), || ());
	}
	assert!(chain.state(|| Runtime::assignments(key.public())).is_empty());
}

#[test]
fn should_refuse_a_workers_call_when_it_was_used_before() {
	let mut chain = Chain::development();
	let key = market(&mut chain);
	let transaction = heartbeat(&mut chain, &key, 1);
	assert_ok!(chain.run([transaction.clone()])[0].unwrap());
	assert!(chain.validate(transaction.clone()).is_err());
	let result = chain.block(Default::default(), || Executive::apply_extrinsic(transaction));
	assert!(result.is_err(), "an invalid transaction cannot stand in a block");
}
