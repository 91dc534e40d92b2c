//! Transactions with all their extensions, and where fees go.

use crate::support::{account, signed, signed_with, Chain};
use frame_support::assert_ok;
use io_runtime::{
	configs::TreasuryAccount,
	constants::*,
	genesis_config_presets::{COLLATOR_STAKE, ENDOWMENT},
	Balances, RuntimeCall,
};
use sp_keyring::Sr25519Keyring::{Alice, Bob, Charlie};
use sp_runtime::transaction_validity::InvalidTransaction;

fn transfer(value: u128) -> RuntimeCall {
	pallet_balances::Call::transfer_keep_alive { dest: account(Bob).into(), value }.into()
}

#[test]
fn should_move_money_and_charge_a_fee_when_transfer_is_signed() {
	let mut chain = Chain::development();
	chain.must([(Charlie, transfer(5 * IO))]);
	chain.state(|| {
		assert_eq!(Balances::free_balance(account(Bob)), ENDOWMENT + 5 * IO);
		let fee = ENDOWMENT - 5 * IO - Balances::free_balance(account(Charlie));
		assert!(fee > 0 && fee < 10 * MILLI_IO, "a transfer costs {fee}");
	});
}

#[test]
fn should_split_the_fee_between_treasury_and_author() {
	let mut chain = Chain::development();
	chain.must([(Charlie, transfer(5 * IO))]);
	chain.state(|| {
		let fee = ENDOWMENT - 5 * IO - Balances::free_balance(account(Charlie));
		let treasury = Balances::free_balance(TreasuryAccount::get()) - EXISTENTIAL_DEPOSIT;
		assert_eq!(treasury, fee / 2);
		let author = Balances::free_balance(account(Alice)) + COLLATOR_STAKE - ENDOWMENT;
		assert_eq!(author, fee - fee / 2);
	});
}

#[test]
fn should_give_the_tip_to_the_author() {
	let mut chain = Chain::development();
	let tip = IO;
	let transaction = chain.state(|| signed_with(Charlie, transfer(1), 0, tip));
	assert_ok!(chain.run([transaction])[0].unwrap());
	chain.state(|| {
		assert!(Balances::free_balance(account(Alice)) >= ENDOWMENT - COLLATOR_STAKE + tip)
	});
}

#[test]
fn should_refuse_a_transaction_when_its_nonce_was_used() {
	let mut chain = Chain::development();
	chain.must([(Charlie, transfer(1))]);
	let again = chain.state(|| signed_with(Charlie, transfer(1), 0, 0));
	assert_eq!(chain.validate(again), Err(InvalidTransaction::Stale.into()));
}

#[test]
fn should_refuse_a_transaction_when_it_was_changed_after_signing() {
	let mut chain = Chain::development();
	let mut transaction = chain.state(|| signed(Charlie, transfer(1)));
	transaction.function = transfer(1_000 * IO);
	transaction.encoded_call = None;
	assert_eq!(chain.validate(transaction), Err(InvalidTransaction::BadProof.into()));
}

#[test]
fn should_refuse_a_transaction_when_the_sender_cannot_pay_the_fee() {
	let mut chain = Chain::development();
	let poor = sp_keyring::Sr25519Keyring::One;
	chain.must([(
		Charlie,
		pallet_balances::Call::transfer_keep_alive {
			dest: account(poor).into(),
			value: EXISTENTIAL_DEPOSIT,
		}
		.into(),
	)]);
	let transaction = chain.state(|| signed(poor, transfer(1)));
	assert_eq!(chain.validate(transaction), Err(InvalidTransaction::Payment.into()));
}
