//! All equations together and each by itself.

use curve25519_dalek::traits::{Identity, IsIdentity};

use super::*;

#[test]
fn should_prove_every_place_of_a_ring() {
	for place in 0..16 {
		let mut case = Case::new(SIZE, 16, place);
		let proof = case.prove(SIZE);
		assert_eq!(proof.len(), SIZE.proof_len());
		assert_eq!(case.verify(SIZE, &proof), Ok(()));
	}
}

#[test]
fn should_prove_in_rings_of_all_sizes_and_with_pads() {
	for digits in 1..=5 {
		let size = RingSize::new(digits).unwrap();
		for len in [size.places(), size.half(), 1] {
			let mut case = Case::new(size, len, len - 1);
			let proof = case.prove(size);
			assert_eq!(case.verify(size, &proof), Ok(()));
		}
	}
}

#[test]
fn should_satisfy_all_equations_by_their_definition() {
	let mut case = Case::new(SIZE, 11, 6);
	let proof = case.prove(SIZE);
	let proof = parse(SIZE, &proof).unwrap();
	let claim =
		Claim::new(&proof, case.tag, case.pseudo, transcript(), &mut Weights::new()).unwrap();
	assert!(errors(SIZE, &case.coins, &claim).iter().all(IsIdentity::is_identity));
}

/// Every piece of a proof, changed after the challenge is fixed, breaks at least one equation, and then the verifier
/// refuses. Each equation is broken by itself at least once.
#[test]
fn should_refuse_when_a_single_equation_fails() {
	let mut case = Case::new(SIZE, 16, 5);
	let bytes = case.prove(SIZE);
	let proof = parse(SIZE, &bytes).unwrap();
	let xi =
		Claim::new(&proof, case.tag, case.pseudo, transcript(), &mut Weights::new()).unwrap().xi;
	let mut alone = [false; 5];
	let (points, scalars) = (proof.points.len(), proof.responses.f.len() + 4);
	for piece in 0..points + scalars {
		let mut wrong = proof.clone();
		let f = wrong.responses.f.len();
		if piece < points {
			wrong.points[piece] += generators().value;
		} else if piece < points + f {
			wrong.responses.f[piece - points] += Scalar::ONE;
		} else {
			wrong.responses.last[piece - points - f] += Scalar::ONE;
		}
		let claim = Claim { proof: &wrong, tag: case.tag, pseudo: case.pseudo, xi };
		let broken: Vec<usize> = errors(SIZE, &case.coins, &claim)
			.iter()
			.enumerate()
			.filter_map(|(at, error)| (!error.is_identity()).then_some(at))
			.collect();
		assert!(!broken.is_empty());
		if let [only] = broken[..] {
			alone[only] = true;
		}
		let verdict = verify(SIZE, &case.coins, &[claim], &mut Weights::new());
		assert_eq!(verdict, Err(Error::BadRingProof), "piece {piece}");
	}
	assert_eq!(alone, [true; 5]);
}

#[test]
fn should_agree_with_the_definition_when_f_is_zero() {
	let mut case = Case::new(SIZE, 16, 5);
	let bytes = case.prove(SIZE);
	let mut proof = parse(SIZE, &bytes).unwrap();
	for f in &mut proof.responses.f {
		*f = Scalar::ZERO;
	}
	let xi = Scalar::from(3u64);
	let claim = Claim { proof: &proof, tag: case.tag, pseudo: case.pseudo, xi };
	assert!(!errors(SIZE, &case.coins, &claim)[0].is_identity());
	let verdict = verify(SIZE, &case.coins, &[claim], &mut Weights::new());
	assert_eq!(verdict, Err(Error::BadRingProof));
}

/// `f = 0` is as good as any other value: a proof with it, made by choosing the challenge first, satisfies the equations.
#[test]
fn should_accept_zero_f_when_all_equations_hold() {
	let mut case = Case::new(SIZE, 16, 5);
	let bytes = case.prove(SIZE);
	let mut proof = parse(SIZE, &bytes).unwrap();
	proof.responses.f.fill(Scalar::ZERO);
	let xi = Scalar::from(7u64);
	simulate(&mut proof, &case, xi);
	let claim = Claim { proof: &proof, tag: case.tag, pseudo: case.pseudo, xi };
	assert_eq!(verify(SIZE, &case.coins, &[claim], &mut Weights::new()), Ok(()));
}

/// Solves the equations for A, D, X_0, X1_0 and Y_0: possible for everybody who picks the challenge first. That is the
/// zero-knowledge of the proof, and why the challenge has to depend on these five.
pub(super) fn simulate(proof: &mut RingProof<'_>, case: &Case, xi: Scalar) {
	let digits = SIZE.digits();
	let solved = [0, 3, 4, 4 + digits, 4 + 2 * digits];
	let claim = Claim { proof: &proof.clone(), tag: case.tag, pseudo: case.pseudo, xi };
	let errors = errors(SIZE, &case.coins, &claim);
	for (number, (at, error)) in solved.into_iter().zip(errors).enumerate() {
		// A and D come in with a plus, the others with a minus.
		let sign = if number < 2 { -Scalar::ONE } else { Scalar::ONE };
		proof.points[at] += error * sign;
	}
}

#[test]
fn should_simulate_without_a_witness_when_the_challenge_is_known_first() {
	// Nobody's coins, and a tag and a commitment out of nothing.
	let mut case = Case::new(SIZE, 16, 16);
	case.tag = generators().value;
	case.pseudo = generators().pad;
	let bytes = case.prove(SIZE);
	let mut proof = parse(SIZE, &bytes).unwrap();
	let xi = Scalar::random(&mut case.rng);
	simulate(&mut proof, &case, xi);
	let claim = Claim { proof: &proof, tag: case.tag, pseudo: case.pseudo, xi };
	assert_eq!(verify(SIZE, &case.coins, &[claim], &mut Weights::new()), Ok(()));
	// With the challenge that follows from the points, it is nothing.
	let pieces: Vec<[u8; 32]> =
		proof.points.iter().map(|point| point.compress().to_bytes()).collect();
	let forged = [&pieces.concat()[..], &bytes[32 * pieces.len()..]].concat();
	assert_eq!(case.verify(SIZE, &forged), Err(Error::BadRingProof));
}

#[test]
fn should_refuse_when_the_ring_has_something_else_than_coins() {
	let mut case = Case::new(SIZE, 16, 5);
	let proof = case.prove(SIZE);
	for bytes in [[0; 32], [255; 32], RistrettoPoint::identity().compress().to_bytes()] {
		let own = case.coins[3];
		case.coins[3].key = bytes;
		assert_eq!(case.verify(SIZE, &proof), Err(Error::BadRing));
		case.coins[3] = Coin { commitment: bytes, ..own };
		assert_eq!(case.verify(SIZE, &proof), Err(Error::BadRing));
		case.coins[3] = own;
	}
	case.coins.push(case.coins[0]);
	assert_eq!(case.verify(SIZE, &proof), Err(Error::BadRing));
}
