//! Safe mode and transaction pause.

use crate::{
	market::{heartbeat, market},
	support::{account, signed, Chain},
};
use frame_support::{assert_noop, assert_ok, traits::Contains};
use frame_system::Error as SystemError;
use io_runtime::{
	configs::TxPauseWhitelist, Runtime, RuntimeCall, RuntimeOrigin, SafeMode, TxPause,
};
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
