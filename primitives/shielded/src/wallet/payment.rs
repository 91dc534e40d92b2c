//! Proofs of payment.
//!
//! Whoever knows a note's anchor can recompute the coin: that shows how much was paid to which address. A proof reveals the
//! anchor, and is signed over a nonce that the verifier chose, by the payer or by the payee, so that it convinces nobody
//! else:
//! - **the payer** proves to know the key x of the bundle's first input, whose tag is J: `U = x J` (Schnorr's protocol to the
//!   base J). That says nothing about which coin it was.
//! - **the payee** signs with the coin's one-time key P as an sr25519 key.
//!
//! J takes part in the derivation of P, so that a tag of another bundle would not do. The rest of the bundle stays hidden,
//! and so does the memo.

use codec::{Decode, Encode};
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::{CryptoRng, RngCore};
use schnorrkel::{PublicKey, SecretKey, Signature};
use zeroize::Zeroizing;

use super::ledger::{Outgoing, OwnedCoin};
use crate::{
	address::Address,
	bundle::{proper_point, Coin},
	generators::generators,
	keys::SpendKey,
	note::{Derived, Origin, ANCHOR_LEN},
	Hash, PointBytes,
};

const LABEL: &[u8] = b"io-shield/payment/v1";

/// A proof that so much was paid to an address.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct PaymentProof {
	/// The one-time key of the coin.
	pub key: PointBytes,
	/// How the coin came into the pool.
	pub origin: Origin,
	/// `S_i || V_i`.
	pub to: [u8; 64],
	/// Micro-IO.
	pub amount: u64,
	anchor: [u8; ANCHOR_LEN],
	signer: Signer,
}

/// Who vouches for the proof.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
enum Signer {
	Payer { challenge: [u8; 32], response: [u8; 32] },
	Payee { signature: [u8; 64] },
}

/// Why there is no proof, or why it proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProofError {
	/// The coins do not belong together: the bundle is another one, or the wallet is.
	Foreign,
	/// The address in it is none.
	Address,
	/// The coin on the chain is another one: other receiver, amount or anchor.
	Coin,
	/// The signature is not the payer's or payee's, or was made for another verifier.
	Signature,
}

impl core::fmt::Display for ProofError {
	fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
		f.write_str(match self {
			Self::Foreign => "this wallet neither made nor received the payment",
			Self::Address => "the address in the proof is none",
			Self::Coin => "the chain's coin is not the one that the proof is about",
			Self::Signature => {
				"the proof is signed by neither payer nor payee, or for another nonce"
			},
		})
	}
}

impl core::error::Error for ProofError {}

/// Who made a proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prover {
	/// Who paid.
	Payer,
	/// Who was paid.
	Payee,
}

impl PaymentProof {
	/// Proves a payment of a bundle of this wallet. `first` is the coin that the bundle spends first, of tag `origin`.
	pub fn by_payer<R: RngCore + CryptoRng>(
		keys: &SpendKey,
		genesis: &Hash,
		payment: &Outgoing,
		first: &OwnedCoin,
		nonce: &[u8],
		rng: &mut R,
	) -> Result<Self, ProofError> {
		let x = first.secret.key(keys);
		let tag = first.secret.tag(keys);
		let base = proper_point(&tag).map_err(|_| ProofError::Foreign)?;
		let mut proof = Self {
			key: payment.key,
			origin: Origin::Bundle { tag },
			to: payment.to,
			amount: payment.amount,
			anchor: payment.anchor,
			signer: Signer::Payee { signature: [0; 64] },
		};
		proof.check_key()?;
		let mut transcript = proof.transcript(genesis, nonce);
		let mut blinding =
			transcript.build_rng().rekey_with_witness_bytes(b"x", x.as_bytes()).finalize(rng);
		let k = Zeroizing::new(Scalar::random(&mut blinding));
		transcript.append_message(b"R", (*k * base).compress().as_bytes());
		let challenge = scalar(&mut transcript);
		let response = *k + challenge * *x;
		proof.signer =
			Signer::Payer { challenge: challenge.to_bytes(), response: response.to_bytes() };
		Ok(proof)
	}

	/// Proves that a coin of this wallet was paid to it.
	pub fn by_payee<R: RngCore + CryptoRng>(
		keys: &SpendKey,
		genesis: &Hash,
		coin: &OwnedCoin,
		nonce: &[u8],
		rng: &mut R,
	) -> Result<Self, ProofError> {
		let mut proof = Self {
			key: coin.coin.key,
			origin: coin.origin,
			to: keys.view_key().address(coin.address).to_bytes(),
			amount: coin.amount,
			anchor: coin.anchor,
			signer: Signer::Payee { signature: [0; 64] },
		};
		proof.check_key()?;
		let x = coin.secret.key(keys);
		let mut bytes = Zeroizing::new([0u8; 64]);
		bytes[..32].copy_from_slice(x.as_bytes());
		rng.fill_bytes(&mut bytes[32..]);
		let secret = SecretKey::from_bytes(&*bytes).map_err(|_| ProofError::Foreign)?;
		let public = PublicKey::from_bytes(&coin.coin.key).map_err(|_| ProofError::Foreign)?;
		let transcript = schnorrkel::context::attach_rng(proof.transcript(genesis, nonce), rng);
		let signature = secret.sign(transcript, &public).to_bytes();
		proof.signer = Signer::Payee { signature };
		Ok(proof)
	}

	/// Checks it against the coin that the chain has. Returns who made the proof.
	///
	/// # Errors
	/// See [`ProofError`].
	pub fn verify(&self, genesis: &Hash, coin: &Coin, nonce: &[u8]) -> Result<Prover, ProofError> {
		if coin.key != self.key || self.derived()?.coin != *coin {
			return Err(ProofError::Coin);
		}
		let mut transcript = self.transcript(genesis, nonce);
		match &self.signer {
			Signer::Payer { challenge, response } => {
				let Origin::Bundle { tag } = &self.origin else {
					return Err(ProofError::Signature);
				};
				let wrong = ProofError::Signature;
				let base = proper_point(tag).map_err(|_| wrong)?;
				let read = |bytes: &[u8; 32]| {
					Option::<Scalar>::from(Scalar::from_canonical_bytes(*bytes)).ok_or(wrong)
				};
				let (challenge, response) = (read(challenge)?, read(response)?);
				// z J = R + c U
				let r = response * base - challenge * generators().tag;
				transcript.append_message(b"R", r.compress().as_bytes());
				if scalar(&mut transcript) != challenge {
					return Err(wrong);
				}
				Ok(Prover::Payer)
			},
			Signer::Payee { signature } => PublicKey::from_bytes(&self.key)
				.and_then(|key| {
					Signature::from_bytes(signature)
						.and_then(|signature| key.verify(transcript, &signature))
				})
				.map(|()| Prover::Payee)
				.map_err(|_| ProofError::Signature),
		}
	}

	/// The note as the proof claims it.
	fn derived(&self) -> Result<Derived, ProofError> {
		let to = Address::from_bytes(&self.to).ok_or(ProofError::Address)?;
		Ok(Derived::new(&to, self.amount, &self.anchor, &self.origin))
	}

	fn check_key(&self) -> Result<(), ProofError> {
		if self.derived()?.coin.key == self.key {
			Ok(())
		} else {
			Err(ProofError::Foreign)
		}
	}

	/// Everything that is signed.
	fn transcript(&self, genesis: &Hash, nonce: &[u8]) -> Transcript {
		let mut transcript = Transcript::new(LABEL);
		transcript.append_message(b"genesis", genesis);
		transcript.append_message(b"nonce", nonce);
		transcript.append_message(b"key", &self.key);
		transcript.append_message(b"origin", &self.origin.encode());
		transcript.append_message(b"to", &self.to);
		transcript.append_message(b"amount", &self.amount.to_le_bytes());
		transcript.append_message(b"anchor", &self.anchor);
		transcript
	}
}

fn scalar(transcript: &mut Transcript) -> Scalar {
	let mut bytes = [0; 64];
	transcript.challenge_bytes(b"c", &mut bytes);
	Scalar::from_bytes_mod_order_wide(&bytes)
}

#[cfg(test)]
mod tests;
