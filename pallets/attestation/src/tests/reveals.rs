//! Reveals that must not pass, and who pays for them.

use io_primitives::attestation::AttestationCall;
use io_tflops::{
	prover::{Chain, Scalar},
	reveal::reveal_len,
	verify_reveal,
};

use crate::{mock::*, *};

/// A reveal for what worker 1 is asked.
fn reveal(window: WindowId, device: DeviceIndex, proof: Vec<u8>) -> AttestationCall {
	let audit = pending(1, 0).and_then(|found| found.audit);
	let challenge = audit.map_or_else(H256::zero, |audit| audit.challenge);
	AttestationCall::Reveal { window, challenge, device, proof: proof.try_into().unwrap() }
}

fn proof_of(call: AttestationCall) -> Vec<u8> {
	match call {
		AttestationCall::Reveal { proof, .. } => proof.into_inner(),
		other => panic!("{other:?}"),
	}
}

fn bytes(w: u8, chain: &Chain) -> Vec<u8> {
	proof_of(reveal_call(w, 0, chain, &mut Scalar))
}

fn is_slashed(w: u8) -> bool {
	let gone = !Enrolments::<Runtime>::contains_key(key(w), 0);
	assert_eq!(gone, ledger(w).pending == BOND);
	gone
}

#[test]
fn should_refuse_a_reveal_of_the_wrong_length_without_a_slash() {
	ExtBuilder::default().build_and_execute(|| {
		let chain = audited(1, 3, &mut Scalar);
		let right = bytes(1, &chain);
		let mut long = right.clone();
		long.push(0);
		let leaf = [right.clone(), vec![0; 256 + 32 * 5]].concat();
		for wrong in [vec![], right[1..].to_vec(), long, leaf, vec![0; 192 * 1_024]] {
			assert_refused(1, reveal(1, 0, wrong), Error::BadProofLength);
		}
		assert!(!is_slashed(1));
		send(1, reveal(1, 0, right)).unwrap();
		assert_eq!(certificates(1).len(), 1);
	});
}

#[test]
fn should_refuse_a_reveal_that_answers_another_forks_audit_without_a_slash() {
	ExtBuilder::default().build_and_execute(|| {
		let chain = audited(1, 3, &mut Scalar);
		let right = bytes(1, &chain);
		let AttestationCall::Reveal { window, device, proof, .. } = reveal(1, 0, right.clone())
		else {
			panic!("a reveal")
		};
		let challenge = H256::repeat_byte(0xaf);
		let other = AttestationCall::Reveal { window, challenge, device, proof };
		assert_refused(1, other, Error::OtherChallenge);
		assert!(!is_slashed(1));
		send(1, reveal(1, 0, right)).unwrap();
		assert_eq!(certificates(1).len(), 1);
	});
}

#[test]
fn should_refuse_a_reveal_that_nobody_asked_for() {
	ExtBuilder::default().build_and_execute(|| {
		enrolled(1);
		assert_refused(1, reveal(1, 0, vec![]), Error::NoCommitment);
		let chain = chain(1, 0, 1, &mut Scalar);
		send(1, commit_call(0, &chain)).unwrap();
		let len = reveal_len(chain.params(), 1, class().openings);
		assert_refused(1, reveal(1, 0, vec![0; len]), Error::NotAudited);
		run_blocks(4);
		let right = bytes(1, &chain);
		assert_refused(1, reveal(2, 0, right.clone()), Error::NoCommitment);
		assert_refused(1, reveal(1, 1, right.clone()), Error::NoCommitment);
		assert_refused(2, reveal(1, 0, right.clone()), Error::NoCommitment);
		send(1, reveal(1, 0, right.clone())).unwrap();
		assert_refused(1, reveal(1, 0, right), Error::NoCommitment);
	});
}

#[test]
fn should_refuse_a_reveal_after_its_deadline() {
	ExtBuilder::default().build_and_execute(|| {
		let chain = audited(1, 1, &mut Scalar);
		let right = bytes(1, &chain);
		let deadline = pending(1, 0).unwrap().audit.unwrap().deadline;
		run_blocks(deadline - now() - 1);
		assert!(validate(signed(1, reveal(1, 0, right.clone()))).is_ok());
		// The block has no weight left for the slash, and the reveal is too late all the same.
		let none = frame_support::weights::Weight::zero();
		next_block_with(&mut frame_support::weights::WeightMeter::with_limit(none));
		assert_refused(1, reveal(1, 0, right), Error::TooLate);
		next_block();
		assert!(is_slashed(1));
	});
}

#[test]
fn should_refuse_a_forged_reveal_without_a_slash() {
	ExtBuilder::default().build_and_execute(|| {
		let chain = audited(1, 1, &mut Scalar);
		let mut wrong = bytes(1, &chain);
		wrong[40] ^= 1;
		// Somebody else sends a wrong proof in the name of worker 1.
		let mut forged = signed(2, reveal(1, 0, wrong));
		forged.worker = key(1);
		assert!(validate(forged).is_err());
		assert!(!is_slashed(1));
		send(1, reveal_call(1, 0, &chain, &mut Scalar)).unwrap();
	});
}

#[test]
fn should_slash_a_reveal_in_which_any_part_is_changed() {
	let chain_len = |rounds: usize| 32 * rounds;
	let rounds = 3;
	// A root, a leaf's opened entry or another one, a sibling.
	for at in
		[0, chain_len(rounds), chain_len(rounds) + 256 * 31 + 255, chain_len(rounds) + 256 * 32]
	{
		ExtBuilder::default().build_and_execute(|| {
			let chain = audited(1, rounds as u32, &mut Scalar);
			let mut wrong = bytes(1, &chain);
			wrong[at] ^= 1;
			send(1, reveal(1, 0, wrong)).unwrap();
			assert!(is_slashed(1));
			assert!(certificates(1).is_empty());
		});
	}
}

#[test]
fn should_slash_a_device_that_shows_the_reveal_of_the_last_window() {
	ExtBuilder::default().build_and_execute(|| {
		let old_chain = audited(1, 3, &mut Scalar);
		let old = bytes(1, &old_chain);
		send(1, reveal(1, 0, old.clone())).unwrap();
		// It commits to the same rounds again.
		next_window();
		send(1, commit_call(0, &old_chain)).unwrap();
		run_blocks(4);
		let statement = statement(1, 0, &old_chain, class().openings);
		let again = reveal_bytes(&old_chain, &statement, &mut Scalar);
		assert_eq!(verify_reveal(&statement, &again), Ok(()), "only the seed is wrong");
		send(1, answer(1, 0, again)).unwrap();
		assert!(is_slashed(1));
	});
}

#[test]
fn should_slash_a_device_that_shows_another_devices_work() {
	ExtBuilder::default().build_and_execute(|| {
		send(1, enrol_call(1, 0, 1)).unwrap();
		enrolled(1);
		let first = chain(1, 0, 3, &mut Scalar);
		send(1, commit_call(0, &first)).unwrap();
		send(1, commit_call(1, &first)).unwrap();
		run_blocks(4);
		send(1, reveal_call(1, 1, &first, &mut Scalar)).unwrap();
		assert!(!Enrolments::<Runtime>::contains_key(key(1), 1));
		send(1, reveal_call(1, 0, &first, &mut Scalar)).unwrap();
		assert_eq!(certificates(1).len(), 1);
	});
}

#[test]
fn should_slash_who_copies_a_commitment_and_not_its_author() {
	ExtBuilder::default().build_and_execute(|| {
		enrol(1);
		enrol(2);
		next_window();
		let honest = chain(1, 0, 3, &mut Scalar);
		// Worker 2 has seen the commitment of worker 1 in the pool and is first.
		send(2, commit_call(0, &honest)).unwrap();
		send(1, commit_call(0, &honest)).unwrap();
		run_blocks(4);
		assert_ne!(pending(1, 0).unwrap().audit, pending(2, 0).unwrap().audit);
		send(2, reveal_call(2, 0, &honest, &mut Scalar)).unwrap();
		send(1, reveal_call(1, 0, &honest, &mut Scalar)).unwrap();
		assert!(is_slashed(2));
		assert!(!is_slashed(1));
		assert_eq!(certificates(1).len(), 1);
		assert!(certificates(2).is_empty());
	});
}

#[test]
fn should_refuse_somebody_elses_reveal_in_the_own_name_without_a_slash_of_its_author() {
	ExtBuilder::default().build_and_execute(|| {
		let chain = audited(1, 3, &mut Scalar);
		let right = bytes(1, &chain);
		assert_refused(2, reveal(1, 0, right.clone()), Error::NoCommitment);
		send(1, reveal(1, 0, right)).unwrap();
		assert!(!is_slashed(1));
	});
}

#[test]
fn should_slash_a_chain_of_another_class_or_with_other_lanes() {
	for (class_id, lanes) in [(1, 1), (0, 2)] {
		ExtBuilder::default().build_and_execute(|| {
			let window = enrolled(1);
			let other = chain_of(&window, 1, 0, class_id, lanes, 3, &mut Scalar);
			send(1, commit_call(0, &other)).unwrap();
			run_blocks(4);
			let params = *chain(1, 0, 1, &mut Scalar).params();
			let proof = vec![0; reveal_len(&params, 3, class().openings)];
			send(1, reveal(1, 0, proof)).unwrap();
			assert!(is_slashed(1));
		});
	}
}

#[test]
fn should_slash_a_device_that_claims_more_rounds_than_it_did() {
	ExtBuilder::default().build_and_execute(|| {
		let window = enrolled(1);
		let short = chain(1, 0, 3, &mut Scalar);
		let commitment = short.commitment().into();
		send(1, commit_of(&window, 0, 6, commitment)).unwrap();
		run_blocks(4);
		let statement = statement(1, 0, &short, class().openings);
		let three = reveal_bytes(&short, &statement, &mut Scalar).into_inner();
		assert_refused(1, reveal(1, 0, three.clone()), Error::BadProofLength);
		let six = [&three[..96], &three[..96], &three[96..]].concat();
		send(1, reveal(1, 0, six)).unwrap();
		assert!(is_slashed(1));
	});
}

#[test]
fn should_let_pass_what_differs_by_two_to_the_sixteenth() {
	// Entries are committed to modulo 2^16, as the protocol says: nothing to slash.
	ExtBuilder::default().build_and_execute(|| {
		let mut device = Shifted;
		let chain = audited(1, 3, &mut device);
		send(1, reveal_call(1, 0, &chain, &mut device)).unwrap();
		assert_eq!(certificates(1).len(), 1);
	});
}

/// Adds 65,536 to each entry before it writes it.
struct Shifted;

impl io_tflops::prover::MatMul for Shifted {
	type Error = core::convert::Infallible;
	fn product(
		&mut self,
		params: &io_tflops::Params,
		key_a: &[u8; 32],
		key_b: &[u8; 32],
		c: &mut [u16],
	) -> Result<(), Self::Error> {
		Scalar.product(params, key_a, key_b, c)?;
		c.iter_mut().for_each(|entry| *entry = (i32::from(*entry) + 65_536) as u16);
		Ok(())
	}
}

#[test]
fn should_catch_lazy_devices_about_as_often_as_the_mathematics_says() {
	// 32 openings: a device with 5 % wrong entries passes with a probability of 0.95^32 = 19 %.
	let mut passed = 0;
	for w in 1..=WORKERS {
		for extra in 0..20 {
			ExtBuilder::default().build_and_execute(|| {
				run_blocks(extra * 3);
				let mut lazy = Lazy { percent: 5 };
				let chain = audited(w, 1, &mut lazy);
				send(w, reveal_call(w, 0, &chain, &mut lazy)).unwrap();
				passed += certificates(w).len();
				assert_eq!(is_slashed(w), certificates(w).is_empty());
			});
		}
	}
	// Expected 19 of 100, standard deviation 4.
	assert!((7..=31).contains(&passed), "{passed} of 100 lazy devices passed");
}

#[test]
fn should_give_back_weight_that_a_class_does_not_need() {
	use frame_support::dispatch::GetDispatchInfo;
	ExtBuilder::default().build_and_execute(|| {
		let chain = audited(1, 3, &mut Scalar);
		let call = reveal_call(1, 0, &chain, &mut Scalar);
		let signed = signed(1, call);
		let charged = IoAttestation::attestation_call(signed.clone()).get_dispatch_info();
		let AttestationCall::Reveal { proof, .. } = &signed.call else { panic!("a reveal") };
		let authorized = <() as WeightInfo>::authorize_reveal(proof.len() as u32);
		let info = apply(signed).unwrap();
		let weighed = info.actual_weight.unwrap().saturating_sub(authorized);
		assert!(weighed.ref_time() < charged.call_weight.ref_time());
		// 32 openings of 64 columns are 2,048 columns: less than one of the longest rows.
		let expected =
			<() as WeightInfo>::reveal(3, 32).saturating_add(<() as WeightInfo>::reveal_entries(1));
		assert_eq!(weighed, expected);
		assert_eq!(info.pays_fee, frame_support::dispatch::Pays::No);
	});
}
