//! Proofs by people who do not have what they claim to have.

use curve25519_dalek::traits::{Identity, IsIdentity};

use super::{equations::simulate, *};

/// Refused, both by the careful prover and, whatever the careless one makes, by the verifier.
fn assert_refused(mut case: Case) {
	let statement =
		Statement { size: SIZE, coins: &case.coins, tag: case.tag, pseudo: case.pseudo };
	let witness = Witness { place: case.place, spend_key: &case.spend_key, mask: &case.mask };
	let careful = crate::ring::prove(&statement, &witness, transcript(), &mut case.rng);
	assert_eq!(careful, Err(Error::BadRingProof));
	let proof = case.prove(SIZE);
	assert_eq!(case.verify(SIZE, &proof), Err(Error::BadRingProof));
}

#[test]
fn should_refuse_a_tag_of_another_key() {
	for change in [
		|x: Scalar| x + Scalar::ONE,
		|x: Scalar| -x,
		|x: Scalar| x.invert(),
		|_: Scalar| Scalar::from(7u64),
	] {
		let mut case = Case::new(SIZE, 16, 5);
		case.tag = generators().tag * change(case.spend_key).invert();
		assert_refused(case);
	}
	let mut case = Case::new(SIZE, 16, 5);
	// Key image of the CryptoNote kind.
	case.tag = generators().tag * case.spend_key;
	assert_refused(case);
}

#[test]
fn should_refuse_a_coin_of_somebody_else() {
	let mut case = Case::new(SIZE, 16, 5);
	case.place = 6;
	assert_refused(case);
}

#[test]
fn should_refuse_the_pad_as_a_coin() {
	let mut case = Case::new(SIZE, 11, 5);
	case.place = 12;
	assert_refused(case);
}

#[test]
fn should_refuse_a_place_outside_the_ring() {
	let mut case = Case::new(SIZE, 16, 5);
	case.place = 21;
	let statement =
		Statement { size: SIZE, coins: &case.coins, tag: case.tag, pseudo: case.pseudo };
	let witness = Witness { place: 21, spend_key: &case.spend_key, mask: &case.mask };
	let careful = crate::ring::prove(&statement, &witness, transcript(), &mut case.rng);
	assert_eq!(careful, Err(Error::BadRingProof));
}

#[test]
fn should_refuse_a_pseudo_commitment_to_another_amount() {
	for (h, g1) in [(1u64, 0u64), (u64::MAX, 0), (1, 1)] {
		let mut case = Case::new(SIZE, 16, 5);
		case.pseudo += generators().value * Scalar::from(h) + generators().mask * Scalar::from(g1);
		assert_refused(case);
	}
	// A mask that only looks like one.
	let mut case = Case::new(SIZE, 16, 5);
	case.pseudo += RISTRETTO_BASEPOINT_TABLE * &Scalar::from(5u64);
	assert_refused(case);
}

/// Keys that were minted to be trouble: U itself, the negative of another key, another key moved by a known offset.
#[test]
fn should_refuse_to_spend_tricky_keys_that_nobody_has_the_logarithm_of() {
	let other = proper_point(&foreign_coin(&[9; 32], 2).key).unwrap();
	let offset = RISTRETTO_BASEPOINT_TABLE * &Scalar::from(5u64);
	for key in [generators().tag, -other, other + offset, generators().value, generators().mask] {
		let mut case = Case::new(SIZE, 16, 5);
		case.coins[5].key = key.compress().to_bytes();
		assert_refused(case);
	}
}

/// The owner of x knows x + d as well if d is public: the tags are unrelated, and each is of use for its own key only.
#[test]
fn should_have_unrelated_tags_when_keys_differ_by_a_known_offset() {
	let case = Case::new(SIZE, 16, 5);
	let d = Scalar::from(5u64);
	let moved = generators().tag * (case.spend_key + d).invert();
	assert_ne!(moved, case.tag + generators().tag * d);
	assert_ne!(moved, case.tag);
	assert_refused(Case { tag: moved, ..Case::new(SIZE, 16, 5) });
}

/// What broke the aggregated proof of Lelantus Spark: tags T1 and T2 are wrong, and so are both proofs, but the errors
/// cancel in a sum with equal weights. Every proof has weights of its own, so they do not cancel here.
#[test]
fn should_refuse_two_proofs_whose_tag_equations_cancel() {
	let (mut one, mut two) = (Case::new(SIZE, 16, 5), Case::new(SIZE, 16, 7));
	// One ring with both coins.
	one.coins[7] = two.coins[7];
	two.coins = one.coins.clone();
	let xi = Scalar::random(&mut one.rng);
	let (bytes_one, bytes_two) = (one.prove(SIZE), two.prove(SIZE));
	let (mut proof_one, mut proof_two) =
		(parse(SIZE, &bytes_one).unwrap(), parse(SIZE, &bytes_two).unwrap());
	for case in [&mut one, &mut two] {
		case.tag = generators().tag * Scalar::random(&mut case.rng);
	}
	simulate(&mut proof_one, &one, xi);
	simulate(&mut proof_two, &two, xi);
	// All equations hold now. Errors of one sign in one proof, and of the other sign in the other, for each power of the
	// challenge, leave their sum as it is.
	let digits = SIZE.digits();
	for j in 0..digits {
		let error = RISTRETTO_BASEPOINT_TABLE * &Scalar::from(j as u64 + 3);
		proof_one.points[4 + 2 * digits + j] += error;
		proof_two.points[4 + 2 * digits + j] -= error;
	}
	let claims = [(&one, &proof_one), (&two, &proof_two)].map(|(case, proof)| Claim {
		proof,
		tag: case.tag,
		pseudo: case.pseudo,
		xi,
	});
	let [first, second] = [0, 1].map(|at| errors(SIZE, &one.coins, &claims[at]));
	for equation in 0..5 {
		assert!((first[equation] + second[equation]).is_identity());
	}
	assert!(!first[4].is_identity() && !second[4].is_identity());
	assert_eq!(verify(SIZE, &one.coins, &claims, &mut Weights::new()), Err(Error::BadRingProof));
}

/// The same between two equations of one proof: an error in the tag's that makes up for one in the key's.
#[test]
fn should_refuse_a_proof_whose_equations_cancel_each_other() {
	let mut case = Case::new(SIZE, 16, 5);
	let bytes = case.prove(SIZE);
	let mut proof = parse(SIZE, &bytes).unwrap();
	let xi = Scalar::random(&mut case.rng);
	simulate(&mut proof, &case, xi);
	let digits = SIZE.digits();
	for (plus, minus) in
		[(0, 3), (4, 4 + digits), (4, 4 + 2 * digits), (4 + digits, 4 + 2 * digits)]
	{
		let mut wrong = proof.clone();
		wrong.points[plus] += generators().value;
		wrong.points[minus] -= generators().value;
		let claim = Claim { proof: &wrong, tag: case.tag, pseudo: case.pseudo, xi };
		let sum: RistrettoPoint = errors(SIZE, &case.coins, &claim).iter().sum();
		assert!(sum.is_identity());
		let verdict = verify(SIZE, &case.coins, &[claim], &mut Weights::new());
		assert_eq!(verdict, Err(Error::BadRingProof));
	}
}

#[test]
fn should_change_all_weights_when_any_byte_of_a_proof_changes() {
	let mut case = Case::new(SIZE, 16, 5);
	let bytes = case.prove(SIZE);
	let first = |bytes: &[u8]| {
		// Points are not read, so that all bytes can be tried.
		let wire = Wire::new(bytes, SIZE).unwrap();
		let proof = RingProof::new(
			wire,
			vec![RistrettoPoint::identity()],
			super::super::Responses { f: vec![], last: [Scalar::ZERO; 4] },
		);
		let mut weights = Weights::new();
		Claim::new(&proof, case.tag, case.pseudo, transcript(), &mut weights).unwrap();
		[weights.next(), weights.next()]
	};
	let mut seen = vec![first(&bytes)];
	for at in 0..bytes.len() {
		let mut wrong = bytes.clone();
		wrong[at] ^= 1 << (at % 8);
		let weights = first(&wrong);
		assert!(!seen.contains(&weights), "byte {at}");
		seen.push(weights);
	}
}

#[test]
fn should_draw_other_nonces_when_anything_differs_though_the_generator_repeats() {
	let mut case = Case::new(SIZE, 16, 5);
	let statement =
		Statement { size: SIZE, coins: &case.coins, tag: case.tag, pseudo: case.pseudo };
	let witness = Witness { place: 5, spend_key: &case.spend_key, mask: &case.mask };
	let mut prove = |label: &'static [u8], witness: &Witness<'_>| {
		case.rng = ChaCha20Rng::from_seed([1; 32]);
		let transcript = Transcript::new(label);
		prove_unchecked(generators(), &statement, witness, transcript, &mut case.rng).unwrap()
	};
	let usual = prove(b"test", &witness);
	assert_eq!(usual, prove(b"test", &witness));
	let other = Scalar::from(3u64);
	for changed in [
		prove(b"another", &witness),
		prove(b"test", &Witness { place: 6, ..witness }),
		prove(b"test", &Witness { spend_key: &other, ..witness }),
		prove(b"test", &Witness { mask: &other, ..witness }),
	] {
		for (piece, usual) in changed.as_chunks::<32>().0.iter().zip(usual.as_chunks::<32>().0) {
			assert_ne!(piece, usual);
		}
	}
}
