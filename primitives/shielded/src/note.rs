//! Notes: what a sender encrypts to a receiver, and how the receiver finds and checks it. Specification, section 4.

use chacha20poly1305::{aead::AeadInPlace, ChaCha20Poly1305, KeyInit};
use codec::{Decode, Encode};
use curve25519_dalek::{
	constants::RISTRETTO_BASEPOINT_TABLE as G, ristretto::RistrettoPoint, scalar::Scalar,
};
use rand_core::{CryptoRng, RngCore};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
	address::Address,
	build::{tag_of, Opening},
	bundle::{proper_point, Bundle, Coin, MintNote, OutputNote, CIPHERTEXT},
	error::Error,
	hash::{hash, hash_to_scalar},
	keys::{Addresses, SpendKey, ViewKey},
	Hash, PointBytes,
};

/// Bytes of a memo.
pub const MEMO_LEN: usize = 64;
/// Bytes of the random number that a sender chooses for each note.
pub const ANCHOR_LEN: usize = 16;
const PLAINTEXT: usize = 8 + ANCHOR_LEN + MEMO_LEN;
const _: () = assert!(PLAINTEXT + 16 == CIPHERTEXT);

/// A memo, filled up with zeros. Only the receiver can read it.
pub type Memo = [u8; MEMO_LEN];

/// How a coin came into the pool: what its note is bound to, and which mask its commitment has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub enum Origin {
	/// An account paid it in, in the open.
	Mint {
		/// The account.
		depositor: Hash,
	},
	/// A bundle made it.
	Bundle {
		/// Tag of the bundle's first input.
		tag: PointBytes,
	},
}

impl Origin {
	/// The origin of a bundle's outputs; `None` if it has no input.
	pub fn of(bundle: &Bundle) -> Option<Self> {
		bundle.inputs.first().map(|input| Self::Bundle { tag: input.tag })
	}

	/// What the note is bound to: `ctx`.
	pub(crate) fn context(&self) -> Hash {
		match self {
			Self::Mint { depositor } => hash("mint", &[depositor]),
			Self::Bundle { tag } => *tag,
		}
	}
}

/// What a note says, once it is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Content {
	/// Micro-IO.
	pub amount: u64,
	/// What the sender chose at random.
	pub anchor: [u8; ANCHOR_LEN],
	/// For the receiver only.
	pub memo: Memo,
}

/// What both sides compute from the Diffie-Hellman secret.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Secrets {
	q: Hash,
}

impl Secrets {
	fn new(ephemeral: &PointBytes, shared: &RistrettoPoint, context: &Hash) -> Self {
		let shared = Zeroizing::new(shared.compress().to_bytes());
		Self { q: hash("kdf", &[ephemeral, &*shared, context]) }
	}

	fn view_tag(&self) -> [u8; 2] {
		let [first, second, ..] = hash("vt", &[&self.q]);
		[first, second]
	}

	/// What is added to the address's key.
	fn offset(&self) -> Scalar {
		hash_to_scalar("key", &[&self.q])
	}

	fn mask(&self, origin: &Origin, amount: u64) -> Scalar {
		match origin {
			Origin::Mint { .. } => Scalar::ONE,
			Origin::Bundle { .. } => hash_to_scalar("mask", &[&self.q, &amount.to_le_bytes()]),
		}
	}

	fn cipher(&self) -> ChaCha20Poly1305 {
		let key = Zeroizing::new(hash("enc", &[&self.q]));
		ChaCha20Poly1305::new((&*key).into())
	}
}

fn associated_data(coin: &Coin, ephemeral: &PointBytes, context: &Hash) -> [u8; 128] {
	let mut data = [0; 128];
	for (part, bytes) in
		data.chunks_exact_mut(32).zip([&coin.key, &coin.commitment, ephemeral, context])
	{
		part.copy_from_slice(bytes);
	}
	data
}

/// Everything about a note but its ciphertext, as it follows from what the sender knows.
pub(crate) struct Derived {
	pub(crate) coin: Coin,
	ephemeral: PointBytes,
	mask: Scalar,
	secrets: Secrets,
}

impl Derived {
	pub(crate) fn new(
		to: &Address,
		amount: u64,
		anchor: &[u8; ANCHOR_LEN],
		origin: &Origin,
	) -> Self {
		let context = origin.context();
		let r = Zeroizing::new(hash_to_scalar(
			"eph",
			&[anchor, &to.to_bytes(), &amount.to_le_bytes(), &context],
		));
		let ephemeral = (*r * to.spend()).compress().to_bytes();
		let secrets = Secrets::new(&ephemeral, &(*r * to.view()), &context);
		let mask = secrets.mask(origin, amount);
		let coin = Coin {
			key: (to.spend() + &secrets.offset() * G).compress().to_bytes(),
			commitment: Opening { amount, mask }.commitment(),
		};
		Self { coin, ephemeral, mask, secrets }
	}
}

/// A note for a receiver, and what its maker has to know to prove the bundle.
pub struct NewNote {
	/// What goes on the chain.
	pub note: OutputNote,
	/// What its commitment holds.
	pub opening: Opening,
	/// Whoever knows the anchor can prove what was paid to whom: see [`crate::wallet::payment`].
	pub anchor: [u8; ANCHOR_LEN],
}

impl NewNote {
	/// A note with a fresh anchor.
	pub fn new<R: RngCore + CryptoRng>(
		to: &Address,
		amount: u64,
		memo: &Memo,
		origin: &Origin,
		rng: &mut R,
	) -> Self {
		let mut anchor = [0; ANCHOR_LEN];
		rng.fill_bytes(&mut anchor);
		Self::with_anchor(to, amount, memo, origin, anchor)
	}

	/// A note with a given anchor. Two notes with the same one, to the same address, of the same amount and origin are
	/// the same coin, which a chain takes only once.
	pub fn with_anchor(
		to: &Address,
		amount: u64,
		memo: &Memo,
		origin: &Origin,
		anchor: [u8; ANCHOR_LEN],
	) -> Self {
		let Derived { coin, ephemeral, mask, secrets } = Derived::new(to, amount, &anchor, origin);
		let mut plaintext = Zeroizing::new([0u8; PLAINTEXT]);
		plaintext[..8].copy_from_slice(&amount.to_le_bytes());
		plaintext[8..24].copy_from_slice(&anchor);
		plaintext[24..].copy_from_slice(memo);
		let tag = secrets
			.cipher()
			.encrypt_in_place_detached(
				&Default::default(),
				&associated_data(&coin, &ephemeral, &origin.context()),
				&mut *plaintext,
			)
			.expect("88 bytes are far below the cipher's limit; qed");
		let mut ciphertext = [0; CIPHERTEXT];
		ciphertext[..PLAINTEXT].copy_from_slice(&*plaintext);
		ciphertext[PLAINTEXT..].copy_from_slice(&tag);
		let Coin { key, commitment } = coin;
		let view_tag = secrets.view_tag();
		Self {
			note: OutputNote { key, commitment, ephemeral, view_tag, ciphertext },
			opening: Opening { amount, mask },
			anchor,
		}
	}

	/// As a call to `shield` takes it: the chain computes the commitment. The note must have been made for
	/// [`Origin::Mint`].
	pub fn mint(&self) -> MintNote {
		let OutputNote { key, ephemeral, view_tag, ciphertext, .. } = self.note;
		MintNote { key, ephemeral, view_tag, ciphertext }
	}
}

/// A note as it is found on a chain.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
	/// The coin.
	pub coin: Coin,
	/// How it came into the pool.
	pub origin: Origin,
	ephemeral: &'a PointBytes,
	view_tag: &'a [u8; 2],
	ciphertext: &'a [u8; CIPHERTEXT],
}

impl<'a> Incoming<'a> {
	/// An output of a bundle whose first input has this tag.
	pub fn output(note: &'a OutputNote, tag: PointBytes) -> Self {
		Self {
			coin: note.coin(),
			origin: Origin::Bundle { tag },
			ephemeral: &note.ephemeral,
			view_tag: &note.view_tag,
			ciphertext: &note.ciphertext,
		}
	}

	/// A note that an account paid in.
	///
	/// # Errors
	/// As [`MintNote::coin`]; a chain has no such note.
	pub fn mint(note: &'a MintNote, amount: u64, depositor: Hash) -> Result<Self, Error> {
		Ok(Self {
			coin: note.coin(amount)?,
			origin: Origin::Mint { depositor },
			ephemeral: &note.ephemeral,
			view_tag: &note.view_tag,
			ciphertext: &note.ciphertext,
		})
	}

	/// The note's content if it is for one of the addresses, and everything about it is as it has to be. A note that is
	/// not is no money: whoever made it could take it back, or wants to know which addresses belong together (Janus).
	pub fn receive(&self, view: &ViewKey, addresses: &Addresses) -> Option<Received> {
		let ephemeral = proper_point(self.ephemeral).ok()?;
		let context = self.origin.context();
		let secrets = Secrets::new(self.ephemeral, &view.shared(&ephemeral), &context);
		if secrets.view_tag() != *self.view_tag {
			return None;
		}
		let content = open(&secrets, self)?;
		let key = proper_point(&self.coin.key).ok()?;
		let offset = secrets.offset();
		let address = addresses.find(&(key - &offset * G))?;
		// What an honest sender would have made of the same amount and anchor for that address.
		let derived =
			Derived::new(&view.address(address), content.amount, &content.anchor, &self.origin);
		(derived.coin == self.coin && derived.ephemeral == *self.ephemeral).then(|| Received {
			address,
			content,
			secret: CoinSecret { offset, mask: derived.mask, address },
		})
	}
}

fn open(secrets: &Secrets, note: &Incoming<'_>) -> Option<Content> {
	let mut plaintext = Zeroizing::new([0u8; PLAINTEXT]);
	plaintext.copy_from_slice(&note.ciphertext[..PLAINTEXT]);
	secrets
		.cipher()
		.decrypt_in_place_detached(
			&Default::default(),
			&associated_data(&note.coin, note.ephemeral, &note.origin.context()),
			&mut *plaintext,
			note.ciphertext[PLAINTEXT..].into(),
		)
		.ok()?;
	let mut content = Content { amount: 0, anchor: [0; ANCHOR_LEN], memo: [0; MEMO_LEN] };
	let mut amount = [0; 8];
	amount.copy_from_slice(&plaintext[..8]);
	content.amount = u64::from_le_bytes(amount);
	content.anchor.copy_from_slice(&plaintext[8..24]);
	content.memo.copy_from_slice(&plaintext[24..]);
	Some(content)
}

/// A note that was for this wallet.
pub struct Received {
	/// Number of the address that it was sent to.
	pub address: u32,
	/// What it says.
	pub content: Content,
	/// What is needed, beside the spend key, to spend it.
	pub secret: CoinSecret,
}

/// What is needed, beside the spend key, to spend a coin. With it alone one can tell which address the coin was for, but
/// not spend it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CoinSecret {
	offset: Scalar,
	mask: Scalar,
	address: u32,
}

impl CoinSecret {
	/// Secret of the one-time key: `x`, with `P = x G`.
	pub(crate) fn key(&self, keys: &SpendKey) -> Zeroizing<Scalar> {
		Zeroizing::new(keys.secret(self.address) + self.offset)
	}

	/// What the coin's commitment holds.
	pub(crate) fn opening(&self, amount: u64) -> Opening {
		Opening { amount, mask: self.mask }
	}

	/// The tag that appears when the coin is spent: `J = x^-1 U`.
	pub fn tag(&self, keys: &SpendKey) -> PointBytes {
		tag_of(&self.key(keys))
	}
}

impl Encode for CoinSecret {
	fn encode_to<T: codec::Output + ?Sized>(&self, dest: &mut T) {
		dest.write(self.offset.as_bytes());
		dest.write(self.mask.as_bytes());
		self.address.encode_to(dest);
	}
}

impl Decode for CoinSecret {
	fn decode<I: codec::Input>(input: &mut I) -> Result<Self, codec::Error> {
		let mut scalar = || {
			let bytes = Zeroizing::new(<[u8; 32]>::decode(input)?);
			Option::<Scalar>::from(Scalar::from_canonical_bytes(*bytes))
				.ok_or_else(|| codec::Error::from("a scalar is not reduced"))
		};
		Ok(Self { offset: scalar()?, mask: scalar()?, address: u32::decode(input)? })
	}
}

#[cfg(test)]
mod tests;
