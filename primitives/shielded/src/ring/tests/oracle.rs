//! Crate `triptych` 0.1.1 as a judge: it has the same equations under other generators, another transcript and another
//! order of places. With these exchanged, each accepts what the other proves.

use std::sync::Arc;

use triptych::parallel::{
	TriptychInputSet, TriptychParameters, TriptychProof, TriptychStatement, TriptychWitness,
};

use super::*;
use crate::{generators::Generators, ring::verify_with};

/// Digits of a place: the smallest ring that crate knows is of two.
const DIGITS: u32 = 2;

/// The generators that crate derives for itself.
fn their_generators() -> Generators {
	let point = |hasher: &blake3::Hasher, skip: u64| {
		let (mut reader, mut wide) = (hasher.finalize_xof(), [0; 64]);
		reader.set_position(64 * skip);
		reader.fill(&mut wide);
		RistrettoPoint::from_uniform_bytes(&wide)
	};
	let mut bits = blake3::Hasher::new();
	bits.update(b"Triptych CommitmentG");
	bits.update(&4u32.to_le_bytes());
	bits.update(&DIGITS.to_le_bytes());
	let mut blinding = blake3::Hasher::new();
	blinding.update(b"Triptych CommitmentH");
	Generators {
		bits: (0..4 * DIGITS).map(|at| point(&bits, at.into())).collect(),
		bit_blinding: point(&blinding, 0),
		..generators().clone()
	}
}

fn hash_of(mut transcript: Transcript) -> [u8; 32] {
	let mut hash = [0; 32];
	transcript.challenge_bytes(b"hash", &mut hash);
	hash
}

/// What that crate has in its transcript before the first point of a proof.
fn their_transcript(generators: &Generators, case: &Case, ring: &[Coin]) -> Transcript {
	let point = |point: &RistrettoPoint| point.compress().to_bytes();
	let mut parameters = Transcript::new(b"Parallel Triptych parameters");
	parameters.append_u64(b"version", 0);
	parameters.append_message(b"n", &4u32.to_le_bytes());
	parameters.append_message(b"m", &DIGITS.to_le_bytes());
	let base = curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
	parameters.append_message(b"G", &point(&base));
	parameters.append_message(b"G1", &point(&generators.mask));
	parameters.append_message(b"U", &point(&generators.tag));
	for bit in &generators.bits {
		parameters.append_message(b"CommitmentG", &point(bit));
	}
	parameters.append_message(b"CommitmentH", &point(&generators.bit_blinding));

	let mut set = Transcript::new(b"Parallel Triptych input set");
	set.append_u64(b"version", 0);
	set.append_message(b"unpadded_size", &(ring.len() as u32).to_le_bytes());
	for coin in ring {
		set.append_message(b"M", &coin.key);
	}
	for coin in ring {
		set.append_message(b"M1", &coin.commitment);
	}

	let mut statement = Transcript::new(b"Parallel Triptych statement");
	statement.append_u64(b"version", 0);
	statement.append_message(b"params", &hash_of(parameters));
	statement.append_message(b"input_set", &hash_of(set));
	statement.append_message(b"offset", &point(&case.pseudo));
	statement.append_message(b"J", &point(&case.tag));

	let mut transcript = Transcript::new(b"oracle");
	transcript.append_message(b"dom-sep", b"Parallel Triptych proof");
	transcript.append_u64(b"version", 0);
	transcript.append_message(b"statement", &hash_of(statement));
	transcript
}

/// The digits that crate gives to a place, as one of our places. Its order is a Gray code of base 4.
fn our_place(their_place: u32) -> u32 {
	let mut shift = 0;
	(0..DIGITS).rev().fold(0, |place, at| {
		let digit = ((their_place >> (2 * at) & 3) + shift) % 4;
		shift = shift + 4 - digit;
		place | digit << (2 * at)
	})
}

/// A ring in our order and in theirs, and their statement about it.
fn both(case: &Case) -> (Vec<Coin>, TriptychStatement, Arc<TriptychParameters>) {
	let ring: Vec<Coin> = (0..16).map(|theirs| case.coins[our_place(theirs) as usize]).collect();
	let points = |of: fn(&Coin) -> &[u8; 32]| -> Vec<RistrettoPoint> {
		ring.iter().map(|coin| proper_point(of(coin)).unwrap()).collect()
	};
	let base = curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
	let Generators { mask, tag, .. } = generators();
	let parameters =
		Arc::new(TriptychParameters::new_with_generators(4, DIGITS, &base, mask, tag).unwrap());
	let set = TriptychInputSet::new(&points(|coin| &coin.key), &points(|coin| &coin.commitment));
	let statement =
		TriptychStatement::new(&parameters, &Arc::new(set.unwrap()), &case.pseudo, &case.tag);
	(ring, statement.unwrap(), parameters)
}

/// Their layout: dimensions, A to D, zA, zC, z, z1, X, X1, Y, f. Ours has the four responses at the end.
fn to_theirs(ours: &[u8]) -> Vec<u8> {
	let last = ours.len() - 128;
	let mut bytes = [3u32.to_le_bytes(), DIGITS.to_le_bytes()].concat();
	for part in [&ours[..128], &ours[last..], &ours[128..last]] {
		bytes.extend_from_slice(part);
	}
	bytes
}

fn to_ours(theirs: &[u8]) -> Vec<u8> {
	[&theirs[8..136], &theirs[264..], &theirs[136..264]].concat()
}

fn we_accept(case: &Case, ring: &[Coin], proof: &[u8]) -> bool {
	let generators = their_generators();
	let Ok(proof) = parse(SIZE, proof) else { return false };
	let mut weights = Weights::new();
	let transcript = their_transcript(&generators, case, ring);
	let claim = Claim::new(&proof, case.tag, case.pseudo, transcript, &mut weights).unwrap();
	verify_with(&generators, SIZE, &case.coins, &[claim], &mut weights).is_ok()
}

fn they_accept(statement: &TriptychStatement, proof: &[u8]) -> bool {
	TriptychProof::from_bytes(&to_theirs(proof))
		.is_ok_and(|proof| proof.verify(statement, &mut Transcript::new(b"oracle")).is_ok())
}

#[test]
fn should_accept_what_triptych_proves_and_refuse_what_it_refuses() {
	for their_place in [0, 1, 6, 11, 15] {
		let mut case = Case::new(SIZE, 16, our_place(their_place));
		let (ring, statement, parameters) = both(&case);
		let witness =
			TriptychWitness::new(&parameters, their_place, &case.spend_key, &case.mask).unwrap();
		let theirs = TriptychProof::prove_with_rng(
			&witness,
			&statement,
			&mut case.rng,
			&mut Transcript::new(b"oracle"),
		);
		let proof = to_ours(&theirs.unwrap().to_bytes());
		assert_eq!(proof.len(), SIZE.proof_len());
		assert!(we_accept(&case, &ring, &proof) && they_accept(&statement, &proof));
		for at in 0..proof.len() {
			let mut wrong = proof.clone();
			wrong[at] ^= 1 << (at % 8);
			assert!(!we_accept(&case, &ring, &wrong) && !they_accept(&statement, &wrong));
		}
	}
}

#[test]
fn should_prove_what_triptych_accepts() {
	for place in 0..16 {
		let mut case = Case::new(SIZE, 16, place);
		let (ring, theirs, _) = both(&case);
		let generators = their_generators();
		let statement =
			Statement { size: SIZE, coins: &case.coins, tag: case.tag, pseudo: case.pseudo };
		let witness = Witness { place, spend_key: &case.spend_key, mask: &case.mask };
		let transcript = their_transcript(&generators, &case, &ring);
		let proof =
			prove_unchecked(&generators, &statement, &witness, transcript, &mut case.rng).unwrap();
		assert!(they_accept(&theirs, &proof) && we_accept(&case, &ring, &proof));
		let other = TriptychStatement::new(
			theirs.get_params(),
			theirs.get_input_set(),
			theirs.get_offset(),
			&(case.tag + case.tag),
		);
		assert!(!they_accept(&other.unwrap(), &proof));
	}
}
