//! Safe mode and transaction pause.

use crate::{
	market::{heartbeat, market},
	support::{account, held, signed, Chain},
};
use codec::{Decode, Encode};
use frame_support::{assert_noop, assert_ok, traits::Contains};
use frame_system::Error as SystemError;
use io_primitives::{
	api::runtime_decl_for_io_attestation_api::IoAttestationApi,
	attestation::{AttestationCall, ClassParams, SignedAttestation},
};
use io_runtime::{
	configs::{SafeModeWhitelist, TxPauseWhitelist},
	constants::IO,
	IoAttestation, Runtime, RuntimeCall, RuntimeOrigin, SafeMode, System, TxPause,
	UncheckedExtrinsic,
};
use io_tflops::{
	prover::{self, Scalar},
	transcript::device_seed,
	Params, Statement,
};
use pallet_io_staking::HoldReason::Stake;
use sp_core::{sr25519, Pair};
use sp_keyring::Sr25519Keyring::{Bob, Charlie};
use sp_runtime::traits::Dispatchable;

fn transfer() -> RuntimeCall {
	pallet_balances::Call::transfer_keep_alive { dest: account(Bob).into(), value: 1 }.into()
}

fn enter_safe_mode(chain: &mut Chain) {
	chain.state(|| {
		assert_ok!(SafeMode::force_enter(RuntimeOrigin::root()));
	});
}

#[test]
fn should_stop_transfers_when_in_safe_mode() {
	let mut chain = Chain::development();
	enter_safe_mode(&mut chain);
	let transaction = chain.state(|| signed(Charlie, transfer()));
	assert_eq!(
		chain.run([transaction])[0].unwrap(),
		Err(SystemError::<Runtime>::CallFiltered.into())
	);
}

#[test]
fn should_let_workers_finish_their_jobs_when_in_safe_mode() {
	let mut chain = Chain::development();
	let worker = market(&mut chain);
	enter_safe_mode(&mut chain);
	let transaction = heartbeat(&mut chain, &worker, 1);
	assert_ok!(chain.run([transaction])[0].unwrap());
}

const CLASS: u8 = 9;
const OPENINGS: u32 = 8;

fn attest(chain: &mut Chain, key: &sr25519::Pair, call: AttestationCall) {
	let valid_until = chain.number + 10;
	let transaction = chain.state(|| {
		let signature = key.sign(&call.payload(System::block_hash(0), valid_until));
		let signed = SignedAttestation { worker: key.public(), call, valid_until, signature };
		let made = Runtime::attestation_transaction(signed);
		UncheckedExtrinsic::decode(&mut &made.encode()[..]).unwrap()
	});
	assert_ok!(chain.run([transaction])[0].unwrap());
}

/// The worker's device does a round in the next window, and its commitment is audited.
fn audited(chain: &mut Chain, key: &sr25519::Pair) -> prover::Chain {
	let params = ClassParams {
		arith: 0,
		m: 32,
		n: 128,
		k: 64,
		min_lanes: 1,
		max_lanes: 1,
		openings: OPENINGS,
		bond_per_lane: IO,
	};
	chain.state(|| {
		assert_ok!(IoAttestation::set_class(RuntimeOrigin::root(), CLASS, Some(params)));
	});
	attest(chain, key, AttestationCall::Enrol { device: 0, class: CLASS, lanes: 1 });
	let enrolled = chain.number;
	let window = loop {
		chain.run([]);
		let window = chain.state(IoAttestation::window).unwrap();
		if window.block > enrolled {
			break window;
		}
		assert!(chain.number < enrolled + 40, "no window opens");
	};
	let params = Params::new(0, 32, 128, 64, 1).unwrap();
	let seed = device_seed(&window.seed.0, &key.public().0, 0, CLASS, &params);
	let mut work = prover::Chain::new(params, seed);
	work.round(&mut Scalar).unwrap();
	let commitment = work.commitment().into();
	let call = AttestationCall::Commit {
		window: window.id,
		seed: window.seed,
		device: 0,
		rounds: 1,
		commitment,
	};
	attest(chain, key, call);
	chain.run_to(chain.number + 5);
	work
}

#[test]
fn should_let_an_audited_device_answer_when_in_safe_mode() {
	let mut chain = Chain::development();
	let worker = market(&mut chain);
	let work = audited(&mut chain, &worker);
	enter_safe_mode(&mut chain);
	let stake = chain.state(|| held(Stake, Bob));
	let commitment = chain.state(|| IoAttestation::commitments(worker.public())).remove(0);
	let audit = commitment.audit.unwrap();
	let statement = Statement {
		seed: *work.seed(),
		params: *work.params(),
		rounds: 1,
		openings: OPENINGS,
		commitment: work.commitment(),
		challenge: audit.challenge.0,
	};
	let call = AttestationCall::Reveal {
		window: commitment.window,
		challenge: audit.challenge,
		device: 0,
		proof: work.reveal(&mut Scalar, &statement).unwrap().try_into().unwrap(),
	};
	attest(&mut chain, &worker, call);
	chain.run_to(audit.deadline + 1);
	assert!(chain.state(SafeMode::is_entered));
	chain.state(|| {
		assert_eq!(IoAttestation::certificates(worker.public()).len(), 1);
		assert_eq!(held(Stake, Bob), stake);
	});
}

#[test]
fn should_let_products_be_proven_and_disputed_but_nobody_enrol_when_in_safe_mode() {
	use pallet_io_attestation::Call;
	let worker = crate::support::hot_key(1).public();
	let (job, proof, valid_until, signature) = (0, Default::default(), 1, Default::default());
	let settle = Call::<Runtime>::settle_product { worker, job, proof, valid_until, signature };
	assert!(SafeModeWhitelist::contains(&settle.into()));
	let dispute = Call::<Runtime>::dispute { job, proof: Default::default() };
	assert!(SafeModeWhitelist::contains(&dispute.into()));
	let (device, class, lanes) = (0, 0, 1);
	let enrol = Call::<Runtime>::enrol { worker, device, class, lanes, valid_until, signature };
	assert!(!SafeModeWhitelist::contains(&enrol.into()));
}

#[test]
fn should_refuse_new_jobs_when_in_safe_mode() {
	let mut chain = Chain::development();
	enter_safe_mode(&mut chain);
	chain.state(|| {
		let call: RuntimeCall = pallet_io_jobs::Call::submit { spec: crate::market::spec() }.into();
		assert_noop!(
			call.dispatch(RuntimeOrigin::signed(account(Charlie))),
			SystemError::<Runtime>::CallFiltered
		);
	});
}

#[test]
fn should_leave_safe_mode_by_itself_when_its_time_is_over() {
	let mut chain = Chain::development();
	enter_safe_mode(&mut chain);
	chain.state(|| {
		assert_ok!(SafeMode::force_exit(RuntimeOrigin::root()));
		assert_ok!(transfer().dispatch(RuntimeOrigin::signed(account(Charlie))));
	});
}

#[test]
fn should_stop_one_call_when_it_is_paused() {
	let name = (b"Balances".to_vec(), b"transfer_keep_alive".to_vec());
	Chain::development().state(|| {
		let bounded = (name.0.try_into().unwrap(), name.1.try_into().unwrap());
		assert_ok!(TxPause::pause(RuntimeOrigin::root(), bounded));
		assert_noop!(
			transfer().dispatch(RuntimeOrigin::signed(account(Charlie))),
			SystemError::<Runtime>::CallFiltered
		);
	});
}

#[test]
fn should_never_pause_what_a_block_needs() {
	for (pallet, call) in [("Timestamp", "set"), ("ParachainSystem", "set_validation_data")] {
		let name = (
			pallet.as_bytes().to_vec().try_into().unwrap(),
			call.as_bytes().to_vec().try_into().unwrap(),
		);
		assert!(TxPauseWhitelist::contains(&name));
		Chain::development().state(|| {
			assert_noop!(
				TxPause::pause(RuntimeOrigin::root(), name.clone()),
				pallet_tx_pause::Error::<Runtime>::Unpausable
			);
		});
	}
}

#[test]
fn should_build_blocks_when_in_safe_mode() {
	let mut chain = Chain::development();
	enter_safe_mode(&mut chain);
	chain.run_to(3);
	assert_eq!(chain.number, 3);
	assert!(chain.state(SafeMode::is_entered));
}
