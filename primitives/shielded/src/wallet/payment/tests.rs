use rand_core::SeedableRng;

use super::*;
use crate::{
	bundle::{MintNote, OutputNote},
	keys::Addresses,
	note::{Incoming, Memo, NewNote, MEMO_LEN},
};

const GENESIS: Hash = [3; 32];
const NONCE: &[u8] = b"shop order 17";
const MEMO: Memo = [b'm'; MEMO_LEN];

fn rng() -> rand_chacha::ChaCha20Rng {
	rand_chacha::ChaCha20Rng::seed_from_u64(1)
}

/// A coin that a wallet has received.
fn owned(keys: &SpendKey, note: &Incoming<'_>) -> OwnedCoin {
	let got = note.receive(keys.view_key(), &Addresses::new(keys.view_key(), 5)).unwrap();
	OwnedCoin {
		number: 0,
		coin: note.coin,
		amount: got.content.amount,
		address: got.address,
		anchor: got.content.anchor,
		origin: note.origin,
		block: 1,
		tag: None,
		spent: None,
		secret: got.secret,
	}
}

/// A payment of 9 from one wallet to address 2 of another.
struct Setup {
	payer: SpendKey,
	payee: SpendKey,
	first: OwnedCoin,
	tag: PointBytes,
	note: OutputNote,
	payment: Outgoing,
}

impl Setup {
	fn new() -> Self {
		let (payer, payee) = (SpendKey::from_seed(&[1; 32]), SpendKey::from_seed(&[2; 32]));
		let origin = Origin::Bundle { tag: [4; 32] };
		let received =
			NewNote::new(&payer.view_key().address(1), 20, &MEMO, &origin, &mut rng()).note;
		let first = owned(&payer, &Incoming::output(&received, [4; 32]));
		let tag = first.secret.tag(&payer);
		let to = payee.view_key().address(2);
		let made = NewNote::new(&to, 9, &MEMO, &Origin::Bundle { tag }, &mut rng());
		let payment = Outgoing {
			key: made.note.key,
			to: to.to_bytes(),
			amount: 9,
			memo: MEMO,
			anchor: made.anchor,
			coin: None,
		};
		Self { payer, payee, first, tag, note: made.note, payment }
	}

	fn incoming(&self) -> Incoming<'_> {
		Incoming::output(&self.note, self.tag)
	}

	fn by_payer(&self) -> PaymentProof {
		let Self { payer, payment, first, .. } = self;
		PaymentProof::by_payer(payer, &GENESIS, payment, first, NONCE, &mut rng()).unwrap()
	}

	fn by_payee(&self) -> PaymentProof {
		let coin = owned(&self.payee, &self.incoming());
		PaymentProof::by_payee(&self.payee, &GENESIS, &coin, NONCE, &mut rng()).unwrap()
	}

	fn verify(&self, proof: &PaymentProof) -> Result<Prover, ProofError> {
		proof.verify(&GENESIS, &self.note.coin(), NONCE)
	}
}

#[test]
fn should_convince_when_payer_or_payee_proves() {
	let setup = Setup::new();
	for (proof, by) in [(setup.by_payer(), Prover::Payer), (setup.by_payee(), Prover::Payee)] {
		assert_eq!(setup.verify(&proof), Ok(by));
		assert_eq!(proof.amount, 9);
		let bytes = proof.encode();
		assert_eq!(PaymentProof::decode(&mut &bytes[..]).as_ref(), Ok(&proof));
	}
}

#[test]
fn should_convince_only_the_verifier_that_chose_the_nonce() {
	let setup = Setup::new();
	for proof in [setup.by_payer(), setup.by_payee()] {
		for (genesis, nonce) in [(&GENESIS, &b"another shop"[..]), (&[4; 32], NONCE)] {
			assert_eq!(
				proof.verify(genesis, &setup.note.coin(), nonce),
				Err(ProofError::Signature)
			);
		}
	}
}

#[test]
fn should_not_convince_when_any_byte_of_the_proof_is_changed() {
	let setup = Setup::new();
	for proof in [setup.by_payer(), setup.by_payee()] {
		let good = proof.encode();
		for at in 0..good.len() {
			let mut bytes = good.clone();
			bytes[at] ^= 1;
			if let Ok(changed) = PaymentProof::decode(&mut &bytes[..]) {
				assert!(setup.verify(&changed).is_err(), "byte {at}");
			}
		}
	}
}

#[test]
fn should_not_convince_when_the_chain_has_another_coin() {
	let setup = Setup::new();
	let proof = setup.by_payer();
	let coin = setup.note.coin();
	for coin in [Coin { commitment: [8; 32], ..coin }, Coin { key: [8; 32], ..coin }] {
		assert_eq!(proof.verify(&GENESIS, &coin, NONCE), Err(ProofError::Coin));
	}
}

#[test]
fn should_make_no_proof_when_the_wallet_had_no_part_in_the_payment() {
	let setup = Setup::new();
	let Setup { payer, payment, first, .. } = &setup;
	let proof = |keys, payment, first| {
		PaymentProof::by_payer(keys, &GENESIS, payment, first, NONCE, &mut rng()).err()
	};
	let other = SpendKey::from_seed(&[7; 32]);
	assert_eq!(proof(&other, payment, first), Some(ProofError::Foreign));
	let more = Outgoing { amount: 10, ..payment.clone() };
	assert_eq!(proof(payer, &more, first), Some(ProofError::Foreign));
	let elsewhere = Outgoing { to: other.view_key().address(0).to_bytes(), ..payment.clone() };
	assert_eq!(proof(payer, &elsewhere, first), Some(ProofError::Foreign));
	assert_eq!(proof(payer, payment, &setup.first_of_another()), Some(ProofError::Foreign));
}

impl Setup {
	/// A coin of the payer that the bundle does not spend first.
	fn first_of_another(&self) -> OwnedCoin {
		let to = self.payer.view_key().address(0);
		let origin = Origin::Bundle { tag: [5; 32] };
		let note = NewNote::new(&to, 20, &MEMO, &origin, &mut rng()).note;
		owned(&self.payer, &Incoming::output(&note, [5; 32]))
	}
}

#[test]
fn should_refuse_when_the_signer_knows_the_anchor_but_no_key() {
	// A verifier who got a proof tries to pass it on to another one as its own.
	let setup = Setup::new();
	let genuine = setup.by_payer();
	let thief = SpendKey::from_seed(&[7; 32]);
	let coin = setup.first_of_another();
	let stolen = Outgoing { anchor: genuine.anchor, ..setup.payment.clone() };
	assert!(PaymentProof::by_payer(&thief, &GENESIS, &stolen, &coin, b"other", &mut rng()).is_err());
	let forged = PaymentProof {
		signer: Signer::Payer { challenge: [0; 32], response: [0; 32] },
		..genuine.clone()
	};
	assert_eq!(setup.verify(&forged), Err(ProofError::Signature));
	let forged = PaymentProof { signer: Signer::Payee { signature: [0; 64] }, ..genuine };
	assert_eq!(setup.verify(&forged), Err(ProofError::Signature));
}

#[test]
fn should_let_only_the_payee_prove_what_was_minted() {
	let setup = Setup::new();
	let to = setup.payee.view_key().address(0);
	let origin = Origin::Mint { depositor: [6; 32] };
	let mint: MintNote = NewNote::new(&to, 9, &MEMO, &origin, &mut rng()).mint();
	let incoming = Incoming::mint(&mint, 9, [6; 32]).unwrap();
	let coin = owned(&setup.payee, &incoming);
	let proof = PaymentProof::by_payee(&setup.payee, &GENESIS, &coin, NONCE, &mut rng()).unwrap();
	assert_eq!(proof.verify(&GENESIS, &incoming.coin, NONCE), Ok(Prover::Payee));
	let forged =
		PaymentProof { signer: Signer::Payer { challenge: [1; 32], response: [1; 32] }, ..proof };
	assert_eq!(forged.verify(&GENESIS, &incoming.coin, NONCE), Err(ProofError::Signature));
}
