//! The shielded pool in the whole runtime: rings of 1,024 places, real fees, a job for somebody without an account.

use crate::{
	market::spec,
	support::{account, held, signed, Chain},
};
use codec::{Decode, Encode};
use curve25519_dalek::{constants::RISTRETTO_BASEPOINT_TABLE as G, scalar::Scalar};
use frame_support::{
	assert_ok,
	dispatch::{DispatchClass, GetDispatchInfo},
	traits::{fungible::InspectHold, Get},
};
use io_primitives::{api::runtime_decl_for_io_shielded_api::IoShieldedApi, JobState};
use io_runtime::{
	configs::{parameters::SHIELDED_TERMS, RuntimeBlockWeights, TreasuryAccount},
	constants::*,
	Balances, Executive, IoJobs, IoShielded, Runtime, RuntimeCall, System, UncheckedExtrinsic,
};
use io_shielded::{
	build_bundle,
	bundle::{is_stamp, CIPHERTEXT},
	Bundle, MintNote, Opening, OutputNote, Plan, Ring, Spend, Target, Window,
};
use pallet_io_shielded::{HoldReason, Shape, MATURITY, UNIT};
use rand_chacha::{rand_core::SeedableRng, ChaCha20Rng};
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, One};
use sp_runtime::{transaction_validity::InvalidTransaction, DispatchError, TransactionOutcome};

/// What each coin of the tests is worth, in units: 20 IO.
const COIN: u64 = 20_000_000;

fn point(seed: u64) -> [u8; 32] {
	(&Scalar::from(seed) * G).compress().to_bytes()
}

/// The note of the coin whose secret is this number.
fn note(secret: u64) -> MintNote {
	let ephemeral = point(secret + 1_000_000);
	MintNote { key: point(secret), ephemeral, view_tag: [0; 2], ciphertext: [0; CIPHERTEXT] }
}

/// A chain whose pool has 32 coins that may be spent; number `n` has the secret `n + 1`.
fn funded() -> Chain {
	let mut chain = Chain::development();
	let calls = (1..=32u64)
		.map(|secret| {
			let value = u128::from(COIN) * UNIT;
			pallet_io_shielded::Call::shield { value, note: note(secret) }.into()
		})
		.collect();
	chain.must([(Charlie, pallet_utility::Call::batch_all { calls }.into())]);
	let mature = chain.number + MATURITY;
	chain.run_to(mature);
	chain
}

/// A bundle that spends coin number `coin` for `target`.
fn bundle(chain: &mut Chain, coin: u32, target: Target, fee_to: Option<[u8; 32]>) -> Bundle {
	let era = chain.number;
	chain.state(|| {
		let window = Window { index: 0, len: 32 };
		let coins = Runtime::coins(0, 32);
		let fee = match (fee_to, &target) {
			(Some(_), _) => 10,
			(None, Target::Job { .. }) => Runtime::minimum_fee(1, 1, 2, Some(spec())),
			(None, _) => Runtime::minimum_fee(1, 1, 2, None),
		};
		let change = COIN - fee - target.amount();
		let mut outputs = Vec::new();
		for (at, amount) in [(0, change), (1, 0)] {
			let secret = 10_000 + u64::from(coin) * 10 + at;
			let opening = Opening { amount, mask: Scalar::from(secret + 7) };
			let MintNote { key, ephemeral, view_tag, ciphertext } = note(secret);
			let commitment = opening.commitment();
			outputs
				.push((OutputNote { key, commitment, ephemeral, view_tag, ciphertext }, opening));
		}
		let spends = [Spend {
			ring: Ring { window, coins: &coins },
			place: coin,
			spend_key: Scalar::from(u64::from(coin) + 1).into(),
			opening: Opening { amount: COIN, mask: Scalar::ONE },
		}];
		let plan = Plan {
			domain: &IoShielded::domain(),
			matured: 32,
			spends: &spends,
			outputs: &outputs,
			fee,
			fee_to,
			target,
			era: era - 1,
			era_hash: System::block_hash(era - 1).0,
		};
		build_bundle(&plan, &mut ChaCha20Rng::seed_from_u64(coin.into())).unwrap()
	})
}

/// The transaction of an unsigned bundle, as the runtime API makes it and a node sends it.
fn transaction(chain: &mut Chain, bundle: &Bundle) -> UncheckedExtrinsic {
	chain.state(|| {
		let id = bundle.id(&IoShielded::domain());
		let bits = SHIELDED_TERMS.stamp_bits;
		let stamp = (0..).find(|nonce| is_stamp(&id, *nonce, bits)).unwrap();
		let job = matches!(bundle.target, Target::Job { .. }).then(spec);
		let made = Runtime::spend_transaction(bundle.clone(), job, stamp);
		UncheckedExtrinsic::decode(&mut &made.encode()[..]).unwrap()
	})
}

fn pooled() -> u128 {
	Balances::balance_on_hold(&HoldReason::Pool.into(), &IoShielded::account())
}

fn to(who: Sr25519Keyring, amount: u64) -> Target {
	Target::Account { id: account(who).into(), amount }
}

fn job_of(who: Sr25519Keyring) -> Target {
	let spec = spec();
	let amount = pallet_io_shielded::Pallet::<Runtime>::job_amount(spec.clone()).unwrap();
	let hash = spec.using_encoded(sp_io::hashing::blake2_256);
	Target::Job { owner: account(who).into(), spec: hash, amount }
}

#[test]
fn should_limit_the_pool_from_the_first_block() {
	let mut chain = Chain::development();
	let terms = chain.state(<Runtime as pallet_io_shielded::Config>::Terms::get);
	assert_eq!((terms.pool_cap, terms.max_shield), (100_000 * IO, 1_000 * IO));
	assert_eq!((terms.max_outflow_per_day, terms.stamp_bits), (10_000 * IO, 20));
	let value = terms.max_shield + UNIT;
	let call = pallet_io_shielded::Call::shield { value, note: note(1) };
	let sent = chain.state(|| signed(Charlie, call));
	let error = pallet_io_shielded::Error::<Runtime>::AboveMaxShield;
	assert_eq!(chain.run([sent])[0].unwrap(), Err(error.into()));
}

#[test]
fn should_run_a_job_for_an_owner_without_an_account_when_the_pool_pays() {
	let mut chain = funded();
	let target = chain.state(|| job_of(One));
	let bundle = bundle(&mut chain, 3, target, None);
	let transaction = transaction(&mut chain, &bundle);
	assert_ok!(chain.validate(transaction.clone()));
	let before = chain.state(pooled);
	assert_ok!(chain.run([transaction])[0].unwrap());
	chain.state(|| {
		let job = IoJobs::job(0).unwrap();
		assert_eq!((job.requester, job.state), (account(One), JobState::Open));
		let price = IoJobs::quote(spec()).unwrap();
		assert_eq!(held(pallet_io_jobs::HoldReason::JobEscrow, One), price.work + price.fee);
		assert_eq!(held(pallet_io_jobs::HoldReason::JobDeposit, One), price.deposit);
		// The existential deposit, and what the rounding to units left.
		let rest = Balances::free_balance(account(One)) - EXISTENTIAL_DEPOSIT;
		assert!(rest < UNIT);
		let left = u128::from(bundle.fee + target.amount()) * UNIT;
		assert_eq!(pooled(), before - left);
		assert_eq!(IoShielded::status().supply, pooled());
	});
}

#[test]
fn should_split_the_fee_of_a_bundle_like_that_of_any_transaction() {
	let mut chain = funded();
	let bundle = bundle(&mut chain, 3, to(One, 1_000_000), None);
	let transaction = transaction(&mut chain, &bundle);
	let money =
		|| (Balances::free_balance(TreasuryAccount::get()), Balances::free_balance(account(Alice)));
	let (before, issuance) = chain.state(|| (money(), Balances::total_issuance()));
	assert_ok!(chain.run([transaction])[0].unwrap());
	chain.state(|| {
		let fee = u128::from(bundle.fee) * UNIT;
		let after = money();
		assert_eq!((after.0 - before.0, after.1 - before.1), (fee / 2, fee - fee / 2));
		assert_eq!(Balances::free_balance(account(One)), IO);
		assert_eq!(Balances::total_issuance(), issuance);
	});
}

#[test]
fn should_refuse_a_coin_twice_in_pool_and_blocks() {
	let mut chain = funded();
	let first = bundle(&mut chain, 5, to(One, 1_000_000), None);
	let second = bundle(&mut chain, 5, to(Bob, 2_000_000), None);
	let [first, second] = [first, second].map(|bundle| transaction(&mut chain, &bundle));
	let results = chain.run([first.clone(), second.clone()]);
	assert_ok!(results[0].unwrap());
	assert!(results[1].is_err(), "the second one does not enter the block");
	for again in [first, second] {
		assert!(chain.validate(again.clone()).is_err());
		assert!(chain.run([again])[0].is_err());
	}
}

#[test]
fn should_take_only_one_of_two_bundles_for_a_coin_after_a_reorganisation() {
	let mut chain = funded();
	let first = bundle(&mut chain, 5, to(One, 1_000_000), None);
	let second = bundle(&mut chain, 5, to(Bob, 2_000_000), None);
	let [first, second] = [first, second].map(|bundle| transaction(&mut chain, &bundle));
	// A block that is built and abandoned.
	let undone = chain.block(Default::default(), || {
		frame_support::storage::with_transaction(|| {
			let applied = Executive::apply_extrinsic(first.clone());
			TransactionOutcome::Rollback(Ok::<_, DispatchError>(applied))
		})
	});
	assert_ok!(undone.unwrap().unwrap());
	assert_ok!(chain.run([second])[0].unwrap());
	assert!(chain.run([first])[0].is_err());
}

#[test]
fn should_refuse_a_bundle_when_a_byte_of_its_proof_is_wrong() {
	let mut chain = funded();
	let mut bundle = bundle(&mut chain, 3, to(One, 1_000_000), None);
	let last = bundle.inputs[0].proof.len() - 32;
	bundle.inputs[0].proof[last] ^= 1;
	let transaction = transaction(&mut chain, &bundle);
	let error = pallet_io_shielded::Error::<Runtime>::BadRingProof;
	let refused = InvalidTransaction::Custom(error.encode()[0]);
	assert_eq!(chain.validate(transaction.clone()), Err(refused.into()));
	let before = chain.state(pooled);
	assert_eq!(chain.run([transaction])[0].unwrap(), Err(error.into()));
	assert_eq!(chain.state(pooled), before);
}

#[test]
fn should_pay_who_relays_a_bundle() {
	let mut chain = funded();
	let relayer: [u8; 32] = account(Bob).into();
	let bundle = bundle(&mut chain, 3, to(One, 1_000_000), Some(relayer));
	let call = pallet_io_shielded::Call::relay { bundle: Box::new(bundle), job: None };
	let stolen = chain.state(|| signed(Charlie, call.clone()));
	assert!(chain.run([stolen])[0].unwrap().is_err());
	chain.must([(Bob, call.into())]);
	chain.state(|| assert_eq!(Balances::free_balance(account(One)), IO));
}

#[test]
fn should_hold_the_pool_still_in_safe_mode() {
	let mut chain = funded();
	let bundle = bundle(&mut chain, 3, to(One, 1_000_000), None);
	let transaction = transaction(&mut chain, &bundle);
	chain.must([(
		Alice,
		pallet_sudo::Call::sudo { call: Box::new(pallet_safe_mode::Call::force_enter {}.into()) }
			.into(),
	)]);
	let filtered = frame_system::Error::<Runtime>::CallFiltered;
	assert_eq!(chain.run([transaction])[0].unwrap(), Err(filtered.into()));
}

/// The bundle with other numbers of inputs, windows and outputs. It only weighs what such a bundle weighs.
fn reshaped(bundle: &Bundle, shape: Shape) -> Bundle {
	let inputs = (0..shape.inputs).map(|at| {
		let mut input = bundle.inputs[0].clone();
		input.window.index = at % shape.windows;
		input
	});
	let outputs = bundle.outputs.iter().cycle().take(shape.outputs as usize).cloned();
	Bundle {
		inputs: inputs.collect::<Vec<_>>().try_into().unwrap(),
		outputs: outputs.collect::<Vec<_>>().try_into().unwrap(),
		..bundle.clone()
	}
}

#[test]
fn should_have_room_for_several_bundles_of_each_shape_in_a_block() {
	let limits = RuntimeBlockWeights::get();
	let normal = limits.get(DispatchClass::Normal);
	let (room, base) = (normal.max_total.unwrap(), normal.base_extrinsic);
	let share = (pallet_io_shielded::BLOCK_SHARE * limits.max_block).ref_time();
	let mut chain = funded();
	let bundle = bundle(&mut chain, 3, to(One, 1_000_000), None);
	println!(
		"bundles in a block of {:?}, of which {room:?} is for transactions:",
		limits.max_block
	);
	for (inputs, windows, outputs) in
		[(1, 1, 2), (2, 1, 2), (2, 2, 2), (2, 1, 4), (4, 1, 2), (4, 2, 4)]
	{
		let bundle = reshaped(&bundle, Shape { inputs, windows, outputs });
		assert_eq!(Shape::of(&bundle), Shape { inputs, windows, outputs });
		let sent = chain.state(|| Runtime::spend_transaction(bundle.clone(), None, 0));
		let info = sent.get_dispatch_info();
		let each = info.total_weight().saturating_add(base);
		let by_time = (share / info.call_weight.ref_time()).min(room.ref_time() / each.ref_time());
		let by_proof = room.proof_size() / (each.proof_size() + sent.encoded_size() as u64);
		let call = pallet_io_shielded::Call::relay { bundle: Box::new(bundle), job: None };
		let relayed = RuntimeCall::from(call).get_dispatch_info().total_weight();
		let relayed = room.checked_div_per_component(&relayed.saturating_add(base)).unwrap();
		println!(
			"{inputs} inputs, {windows} windows, {outputs} outputs: {by_time} by time and {by_proof} by proof, or {relayed} relayed; {each:?} each"
		);
		assert!(by_time >= 4 && relayed >= 4, "{each:?}");
		assert!(by_time < by_proof, "time is what bounds them: {each:?}");
	}
}

#[test]
fn should_have_room_for_the_dearest_bundle_in_half_a_block() {
	let limits = RuntimeBlockWeights::get();
	let most = limits.get(DispatchClass::Normal).max_extrinsic.unwrap();
	let mut chain = funded();
	let bundle = bundle(&mut chain, 3, to(One, 1_000_000), None);
	let call: RuntimeCall =
		pallet_io_shielded::Call::spend { bundle: Box::new(bundle), job: None, stamp: 0 }.into();
	let info = call.get_dispatch_info();
	assert!(info.total_weight().all_lte(most), "{info:?}");
	chain.state(|| {
		let dearest = Shape { inputs: 4, windows: 2, outputs: 4 };
		let fee = IoShielded::minimum_fee_of(dearest, None);
		println!(
			"fees in millionths of a coin: 1-in 2-out {}, 4-in 4-out in two windows {fee}",
			Runtime::minimum_fee(1, 1, 2, None)
		);
		assert!(fee < 2_000_000, "the dearest bundle costs {fee} millionths of a coin");
	});
}
