//! Proofs of products, and disputes of them.

use frame_support::{assert_noop, assert_ok, dispatch::Pays};
use io_primitives::{
	attestation::{AttestationCall, ProofBytes},
	digest::result_digest,
	Claim, Kernel, Verification,
};
use io_tflops::{fraud, product};
use rand_chacha::{rand_core::SeedableRng, ChaCha20Rng};

use crate::{mock::*, *};

const JOB: JobId = 7;
const M: u32 = 2;
const K: u32 = 4;
const N: u32 = 3;

fn a() -> Vec<i8> {
	(0..M * K).map(|entry| entry as i8 - 3).collect()
}

fn b() -> Vec<i8> {
	(0..K * N).map(|entry| 5 - 2 * entry as i8).collect()
}

fn c() -> Vec<i32> {
	let (a, b) = (a(), b());
	let (k, n) = (K as usize, N as usize);
	(0..(M * N) as usize)
		.map(|at| (0..k).map(|t| i32::from(a[at / n * k + t]) * i32::from(b[t * n + at % n])).sum())
		.collect()
}

fn claim(verification: Verification, output: [u8; 32]) {
	let digest = result_digest(IoAttestation::genesis(), JOB, 0, 1, output.into());
	let kernel = Kernel::MatMulI8 { m: M, k: K, n: N };
	let (requester, worker) = (account(100), key(1));
	let claim = Claim { requester, worker, kernel, verification, digest, units: 1, exit_code: 0 };
	Claims::mutate(|claims| claims.insert(JOB, claim));
}

/// A job that waits for the proof of its product, and that proof.
fn provable() -> Vec<u8> {
	let shape = product::Shape::new(M, K, N).unwrap();
	let openings = product::Openings::new(&shape, &a(), &b(), &[9; 32]).unwrap();
	let inputs = product::commit_inputs(&shape, &a(), &b(), &openings).unwrap();
	let output = product::commit_output(&shape, &c(), &openings).unwrap();
	claim(Verification::Product { inputs: inputs.hash().into() }, output.hash());
	let statement = product::Statement {
		genesis: IoAttestation::genesis().0,
		para: PARA_ID,
		job: JOB,
		worker: key(1).0,
		shape,
		inputs: inputs.hash(),
		output: output.hash(),
	};
	let witness = product::Witness {
		a: &a(),
		b: &b(),
		c: &c(),
		openings: &openings,
		inputs: &inputs,
		output: &output,
	};
	product::prove(&statement, &witness, &mut ChaCha20Rng::from_seed([1; 32])).unwrap()
}

fn settle(proof: Vec<u8>) -> AttestationCall {
	AttestationCall::SettleProduct { job: JOB, proof: ProofBytes::try_from(proof).unwrap() }
}

#[test]
fn should_confirm_a_product_that_is_proven() {
	ExtBuilder::default().build_and_execute(|| {
		let proof = provable();
		let info = apply(signed(1, settle(proof.clone()))).unwrap();
		assert_eq!(info.pays_fee, Pays::No);
		let weight = <() as WeightInfo>::settle_product(2 * M + N, K)
			.saturating_add(<() as WeightInfo>::authorize_settle_product(proof.len() as u32));
		assert_eq!(info.actual_weight, Some(weight));
		assert_eq!(Given::get(), [(JOB, true)]);
		assert_eq!(events(), [Event::ProductProven { job: JOB, worker: key(1) }]);
		assert_refused(1, settle(proof), Error::NoClaim);
	});
}

#[test]
fn should_refute_a_product_whose_worker_signs_a_wrong_proof() {
	// Behind the lists, which the digests pin.
	for at in [32 * (2 * M + N) as usize, 32 * (2 * M + N) as usize + 200] {
		ExtBuilder::default().build_and_execute(|| {
			let mut proof = provable();
			proof[at] ^= 2;
			send(1, settle(proof)).unwrap();
			assert_eq!(Given::get(), [(JOB, false)]);
			assert_eq!(events(), [Event::ProductRefuted { job: JOB, worker: key(1) }]);
		});
	}
}

#[test]
fn should_refute_a_proof_about_other_inputs() {
	ExtBuilder::default().build_and_execute(|| {
		let proof = provable();
		Claims::mutate(|claims| {
			let claim = claims.get_mut(&JOB).unwrap();
			claim.verification = Verification::Product { inputs: H256::repeat_byte(1) };
		});
		send(1, settle(proof)).unwrap();
		assert_eq!(Given::get(), [(JOB, false)]);
	});
}

#[test]
fn should_refuse_a_proof_that_is_not_of_the_claim_without_a_verdict() {
	ExtBuilder::default().build_and_execute(|| {
		let proof = provable();
		assert_refused(2, settle(proof.clone()), Error::NotYourJob);
		assert_refused(1, settle(proof[1..].to_vec()), Error::BadProofLength);
		assert_refused(1, settle([&proof[..], &[0]].concat()), Error::BadProofLength);
		assert_refused(1, settle(vec![]), Error::BadProofLength);
		let other_job = AttestationCall::SettleProduct {
			job: JOB + 1,
			proof: ProofBytes::try_from(proof.clone()).unwrap(),
		};
		assert_refused(1, other_job, Error::NoClaim);
		// Its list of the product is another one than that of the claimed result.
		let mut other = proof.clone();
		other[32 * (M + N) as usize] ^= 1;
		assert_refused(1, settle(other), Error::OtherOutput);
		let context = H256::zero();
		let verification =
			Verification::Dispute { context, left: context, right: context, blocks: 9 };
		Claims::mutate(|claims| claims.get_mut(&JOB).unwrap().verification = verification);
		assert_refused(1, settle(proof.clone()), Error::OtherVerification);
		// No product of these dimensions can be proven.
		provable();
		Claims::mutate(|claims| {
			claims.get_mut(&JOB).unwrap().kernel = Kernel::MatMulI8 { m: 0, k: 2_000, n: 1 };
		});
		assert_refused(1, settle(proof), Error::BadProofLength);
		assert!(Given::get().is_empty());
	});
}

const CONTEXT: [u8; 32] = [4; 32];
const SEED: [u8; 32] = [5; 32];

/// A job whose product `c` can be disputed, and the dispute of its entry in row 1 and column 2.
fn disputed(c: &[i32]) -> Vec<u8> {
	let shape = fraud::Shape::new(M, K, N).unwrap();
	let verification = Verification::Dispute {
		context: CONTEXT.into(),
		left: fraud::root_rows(&shape, &CONTEXT, &SEED, &a()).unwrap().into(),
		right: fraud::root_columns(&shape, &CONTEXT, &SEED, &b()).unwrap().into(),
		blocks: 10,
	};
	claim(verification, fraud::root_product(&shape, &CONTEXT, &SEED, c).unwrap());
	let matrices = (&a()[..], &b()[..], c);
	fraud::build_dispute(&shape, &CONTEXT, (&SEED, &SEED), matrices, (1, 2)).unwrap()
}

fn dispute(proof: Vec<u8>) -> frame_support::dispatch::DispatchResultWithPostInfo {
	let sender = RuntimeOrigin::signed(account(100));
	IoAttestation::dispute(sender, JOB, ProofBytes::try_from(proof).unwrap())
}

fn wrong() -> Vec<i32> {
	let mut wrong = c();
	// In int32 even this counts.
	wrong[N as usize + 2] += 65_536;
	wrong
}

#[test]
fn should_refute_a_product_with_a_wrong_entry_for_free() {
	ExtBuilder::default().build_and_execute(|| {
		let info = dispute(disputed(&wrong())).unwrap();
		assert_eq!(info.pays_fee, Pays::No);
		assert_eq!(Given::get(), [(JOB, false)]);
		let by = account(100);
		assert_eq!(events(), [Event::ProductDisputed { job: JOB, worker: key(1), by }]);
	});
}

#[test]
fn should_charge_for_disputes_that_fail() {
	ExtBuilder::default().build_and_execute(|| {
		type E = Error<Runtime>;
		let proof = disputed(&c());
		let failed = dispute(proof).unwrap_err();
		assert_eq!(failed.post_info.pays_fee, Pays::Yes);
		assert_eq!(failed.error, E::EntryIsRight.into());

		let proof = disputed(&wrong());
		assert_noop!(dispute(proof[1..].to_vec()), E::BadProofLength);
		assert_noop!(dispute(vec![]), E::BadProofLength);
		let mut other = proof.clone();
		other[8] ^= 1;
		assert_noop!(dispute(other), E::OtherOutput);
		let mut other = proof.clone();
		other[45] ^= 1;
		assert_noop!(dispute(other), E::BadDispute);
		assert!(Given::get().is_empty());
		assert_ok!(dispute(proof.clone()));
		assert_noop!(dispute(proof), E::NoClaim);
		let proof = provable();
		assert_noop!(dispute(proof), E::OtherVerification);
	});
}

#[test]
fn should_take_disputes_from_signed_senders_only() {
	ExtBuilder::default().build_and_execute(|| {
		let proof = ProofBytes::try_from(disputed(&wrong())).unwrap();
		for origin in [RuntimeOrigin::none(), RuntimeOrigin::root()] {
			let call = IoAttestation::dispute(origin, JOB, proof.clone());
			assert_noop!(call, sp_runtime::DispatchError::BadOrigin);
		}
	});
}
