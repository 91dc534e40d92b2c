use curve25519_dalek::traits::Identity;
use rand_core::SeedableRng;
use schnorrkel::{
	context::{attach_rng, signing_context},
	PublicKey, SecretKey,
};

use super::*;

const MINT: Origin = Origin::Mint { depositor: [5; 32] };
const BUNDLE: Origin = Origin::Bundle { tag: [6; 32] };
const MEMO: Memo = [b'm'; MEMO_LEN];

struct Wallet {
	keys: SpendKey,
	addresses: Addresses,
}

impl Wallet {
	fn new(seed: u8) -> Self {
		let keys = SpendKey::from_seed(&[seed; 32]);
		let addresses = Addresses::new(keys.view_key(), 5);
		Self { keys, addresses }
	}

	fn address(&self, index: u32) -> Address {
		self.keys.view_key().address(index)
	}

	fn receive(&self, note: &OutputNote, origin: &Origin) -> Option<Received> {
		self.receive_as(&incoming(note, origin))
	}

	fn receive_as(&self, note: &Incoming<'_>) -> Option<Received> {
		note.receive(self.keys.view_key(), &self.addresses)
	}
}

fn incoming<'a>(note: &'a OutputNote, origin: &Origin) -> Incoming<'a> {
	Incoming {
		coin: note.coin(),
		origin: *origin,
		ephemeral: &note.ephemeral,
		view_tag: &note.view_tag,
		ciphertext: &note.ciphertext,
	}
}

fn rng() -> rand_chacha::ChaCha20Rng {
	rand_chacha::ChaCha20Rng::seed_from_u64(1)
}

fn sent(to: &Address, amount: u64, origin: &Origin) -> NewNote {
	NewNote::new(to, amount, &MEMO, origin, &mut rng())
}

/// A note that somebody makes who does not follow the rules.
fn crafted(
	spend: &RistrettoPoint,
	ephemeral: &RistrettoPoint,
	shared: &RistrettoPoint,
	content: &Content,
	origin: &Origin,
) -> OutputNote {
	let ephemeral = ephemeral.compress().to_bytes();
	let secrets = Secrets::new(&ephemeral, shared, &origin.context());
	let mask = secrets.mask(origin, content.amount);
	let coin = Coin {
		key: (spend + &secrets.offset() * G).compress().to_bytes(),
		commitment: Opening { amount: content.amount, mask }.commitment(),
	};
	let mut plaintext = [0u8; PLAINTEXT];
	plaintext[..8].copy_from_slice(&content.amount.to_le_bytes());
	plaintext[8..24].copy_from_slice(&content.anchor);
	plaintext[24..].copy_from_slice(&content.memo);
	let data = associated_data(&coin, &ephemeral, &origin.context());
	let tag = secrets
		.cipher()
		.encrypt_in_place_detached(&Default::default(), &data, &mut plaintext)
		.unwrap();
	let mut ciphertext = [0; CIPHERTEXT];
	ciphertext[..PLAINTEXT].copy_from_slice(&plaintext);
	ciphertext[PLAINTEXT..].copy_from_slice(&tag);
	let Coin { key, commitment } = coin;
	OutputNote { key, commitment, ephemeral, view_tag: secrets.view_tag(), ciphertext }
}

#[test]
fn should_receive_what_was_sent_to_any_of_the_addresses() {
	let wallet = Wallet::new(1);
	for index in 0..5 {
		for (origin, amount) in [(MINT, 1), (BUNDLE, 0), (BUNDLE, u64::MAX)] {
			let made = sent(&wallet.address(index), amount, &origin);
			let got = wallet.receive(&made.note, &origin).unwrap();
			assert_eq!(got.address, index);
			assert_eq!(got.content.amount, amount);
			assert_eq!(got.content.memo, MEMO);
			assert_eq!(got.content.anchor, made.anchor);
			assert_eq!(got.secret.mask, made.opening.mask);
			let x = got.secret.key(&wallet.keys);
			assert_eq!((&*x * G).compress().to_bytes(), made.note.key);
			assert_eq!(got.secret.opening(amount).commitment(), made.note.commitment);
		}
	}
}

#[test]
fn should_receive_mint_only_when_its_public_amount_is_the_note_s() {
	let wallet = Wallet::new(1);
	let made = sent(&wallet.address(2), 500, &MINT);
	let mint = made.mint();
	let read = Incoming::mint(&mint, 500, [5; 32]).unwrap();
	assert_eq!(read.coin, made.note.coin());
	assert!(wallet.receive_as(&read).is_some_and(|got| got.content.amount == 500));
	for (amount, depositor) in [(499, [5; 32]), (500, [4; 32])] {
		let read = Incoming::mint(&mint, amount, depositor).unwrap();
		assert!(wallet.receive_as(&read).is_none());
	}
	assert_eq!(Incoming::mint(&mint, 0, [5; 32]).err(), Some(Error::BadAmount));
}

#[test]
fn should_see_nothing_when_the_note_is_for_somebody_else() {
	let made = sent(&Wallet::new(2).address(0), 7, &BUNDLE);
	assert!(Wallet::new(1).receive(&made.note, &BUNDLE).is_none());
	// An address that the scan does not know.
	let wallet = Wallet::new(1);
	let made = sent(&wallet.address(5), 7, &BUNDLE);
	assert!(wallet.receive(&made.note, &BUNDLE).is_none());
}

#[test]
fn should_receive_with_the_view_key_alone() {
	let wallet = Wallet::new(1);
	let view = ViewKey::from_bytes(&wallet.keys.view_key().to_bytes()).unwrap();
	let made = sent(&wallet.address(3), 7, &BUNDLE);
	let got = incoming(&made.note, &BUNDLE).receive(&view, &wallet.addresses).unwrap();
	assert_eq!((got.address, got.content.amount), (3, 7));
}

#[test]
fn should_refuse_note_when_any_byte_of_it_is_changed() {
	let wallet = Wallet::new(1);
	let made = sent(&wallet.address(1), 7, &BUNDLE);
	let good = made.note.encode();
	for at in 0..good.len() {
		let mut bytes = good.clone();
		bytes[at] ^= 1;
		let note = OutputNote::decode(&mut &bytes[..]).unwrap();
		assert!(wallet.receive(&note, &BUNDLE).is_none(), "byte {at}");
	}
	// Burning: the same coin again in another bundle, or as a mint.
	for origin in [Origin::Bundle { tag: [7; 32] }, MINT, Origin::Mint { depositor: [6; 32] }] {
		assert!(wallet.receive(&made.note, &origin).is_none());
	}
}

#[test]
fn should_refuse_note_when_two_addresses_are_mixed_in_it() {
	// Janus: does the owner of address 1 own address 2? The ephemeral key fits address 2, the coin is for address 1. If
	// the wallet took it, a payment would tell.
	let wallet = Wallet::new(1);
	let (one, two) = (wallet.address(1), wallet.address(2));
	let content = Content { amount: 7, anchor: [3; ANCHOR_LEN], memo: MEMO };
	for (anchored_to, based_on) in [(&one, &two), (&two, &two)] {
		let r = hash_to_scalar(
			"eph",
			&[&content.anchor, &anchored_to.to_bytes(), &7u64.to_le_bytes(), &BUNDLE.context()],
		);
		let (ephemeral, shared) = (r * based_on.spend(), r * based_on.view());
		let note = crafted(one.spend(), &ephemeral, &shared, &content, &BUNDLE);
		assert!(wallet.receive(&note, &BUNDLE).is_none());
		// Its ciphertext is fine, so that it is the check which refuses it.
		let secrets = Secrets::new(&note.ephemeral, &shared, &BUNDLE.context());
		assert!(open(&secrets, &incoming(&note, &BUNDLE)).is_some());
	}
}

#[test]
fn should_refuse_note_when_its_randomness_does_not_come_from_the_anchor() {
	let wallet = Wallet::new(1);
	let to = wallet.address(1);
	let content = Content { amount: 7, anchor: [3; ANCHOR_LEN], memo: MEMO };
	let r = Scalar::from(12_345u64);
	let note = crafted(to.spend(), &(r * to.spend()), &(r * to.view()), &content, &BUNDLE);
	assert!(wallet.receive(&note, &BUNDLE).is_none());
}

#[test]
fn should_refuse_note_when_the_committed_amount_is_another() {
	let wallet = Wallet::new(1);
	let to = wallet.address(0);
	let honest = Derived::new(&to, 7, &[3; ANCHOR_LEN], &BUNDLE);
	let context = BUNDLE.context();
	// The commitment is to 7, and the encrypted amount is 8. The ciphertext is authentic.
	let mut plaintext = [0u8; PLAINTEXT];
	plaintext[..8].copy_from_slice(&8u64.to_le_bytes());
	plaintext[8..24].copy_from_slice(&[3; ANCHOR_LEN]);
	let data = associated_data(&honest.coin, &honest.ephemeral, &context);
	let tag = honest
		.secrets
		.cipher()
		.encrypt_in_place_detached(&Default::default(), &data, &mut plaintext)
		.unwrap();
	let mut ciphertext = [0; CIPHERTEXT];
	ciphertext[..PLAINTEXT].copy_from_slice(&plaintext);
	ciphertext[PLAINTEXT..].copy_from_slice(&tag);
	let Coin { key, commitment } = honest.coin;
	let note = OutputNote {
		key,
		commitment,
		ephemeral: honest.ephemeral,
		view_tag: honest.secrets.view_tag(),
		ciphertext,
	};
	let opened = open(&honest.secrets, &incoming(&note, &BUNDLE)).unwrap();
	assert_eq!(opened.amount, 8);
	assert!(wallet.receive(&note, &BUNDLE).is_none());
}

#[test]
fn should_not_panic_when_points_are_none() {
	let wallet = Wallet::new(1);
	let good = sent(&wallet.address(0), 7, &BUNDLE).note;
	let identity = RistrettoPoint::identity().compress().to_bytes();
	for bytes in [identity, [0xff; 32], [1; 32]] {
		for note in [
			OutputNote { key: bytes, ..good },
			OutputNote { commitment: bytes, ..good },
			OutputNote { ephemeral: bytes, ..good },
		] {
			assert!(wallet.receive(&note, &BUNDLE).is_none());
		}
	}
}

#[test]
fn should_have_one_tag_for_each_coin_which_its_key_explains() {
	let wallet = Wallet::new(1);
	let secret = |origin| {
		let made = sent(&wallet.address(1), 7, &origin);
		wallet.receive(&made.note, &origin).unwrap().secret
	};
	let (one, two) = (secret(BUNDLE), secret(MINT));
	assert_eq!(one.tag(&wallet.keys), one.tag(&wallet.keys));
	assert_ne!(one.tag(&wallet.keys), two.tag(&wallet.keys));
	let tag = proper_point(&one.tag(&wallet.keys)).unwrap();
	assert_eq!(tag * *one.key(&wallet.keys), crate::generators::generators().tag);
}

#[test]
fn should_sign_as_sr25519_with_the_one_time_key() {
	let wallet = Wallet::new(1);
	let made = sent(&wallet.address(4), 7, &BUNDLE);
	let x = wallet.receive(&made.note, &BUNDLE).unwrap().secret.key(&wallet.keys);
	let secret = SecretKey::from_bytes(&[x.to_bytes(), [9; 32]].concat()).unwrap();
	let public = PublicKey::from_bytes(&made.note.key).unwrap();
	assert_eq!(secret.to_public(), public);
	let context = signing_context(b"substrate");
	let signature = secret.sign(attach_rng(context.bytes(b"hello"), rng()), &public);
	assert!(public.verify(context.bytes(b"hello"), &signature).is_ok());
	assert!(public.verify(context.bytes(b"hallo"), &signature).is_err());
}

#[test]
fn should_read_back_secret_of_a_coin_and_refuse_what_is_not_reduced() {
	let wallet = Wallet::new(1);
	let made = sent(&wallet.address(4), 7, &BUNDLE);
	let secret = wallet.receive(&made.note, &BUNDLE).unwrap().secret;
	let bytes = secret.encode();
	let read = CoinSecret::decode(&mut &bytes[..]).unwrap();
	assert_eq!(read.tag(&wallet.keys), secret.tag(&wallet.keys));
	for at in [0, 32] {
		let mut bytes = bytes.clone();
		bytes[at..at + 32].fill(0xff);
		assert!(CoinSecret::decode(&mut &bytes[..]).is_err());
	}
}

#[test]
fn should_encrypt_as_rfc_8439_says() {
	// RFC 8439, 2.8.2.
	let key: [u8; 32] = core::array::from_fn(|i| 0x80 + i as u8);
	let nonce = hex_literal::hex!("070000004041424344454647");
	let data = hex_literal::hex!("50515253c0c1c2c3c4c5c6c7");
	let mut text =
		*b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for \
		the future, sunscreen would be it.";
	let tag = ChaCha20Poly1305::new(&key.into())
		.encrypt_in_place_detached(&nonce.into(), &data, &mut text)
		.unwrap();
	assert_eq!(
		text,
		hex_literal::hex!(
			"d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
			"3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
			"92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
			"3ff4def08e4b7a9de576d26586cec64b6116"
		)
	);
	assert_eq!(tag[..], hex_literal::hex!("1ae10b594f09e26a7e902ecbd0600691"));
}
