//! Encryption of job data from requester to worker and back, whatever lies between: relays, mirrors, disks of others.
//!
//! A content is encrypted once under a key of its own: XChaCha20-Poly1305 in the STREAM construction (Hoang, Reyhanitabar,
//! Rogaway and Vizár, 2015), so that records can be opened one by one while cutting, swapping and doubling are detected. The key is
//! sealed with HPKE (RFC 9180, base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305) to the x25519 key of
//! each one that may read it.
//!
//! ```text
//! content  = "iosealv1" (8) || nonce prefix (19) || record*            record = at most 65,536 bytes, encrypted, || tag (16)
//! key      = enc (32) || encrypted content key (32) || tag (16)        80 bytes
//! letter   = key || content                                            to one recipient
//! ```

use std::io::{self, Read, Write};

use chacha20poly1305::{
	KeyInit, XChaCha20Poly1305,
	aead::stream::{DecryptorBE32, EncryptorBE32},
};
use codec::Encode;
use hpke::{
	Deserializable, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
	kem::X25519HkdfSha256,
};
use zeroize::Zeroizing;

type Kem = X25519HkdfSha256;

/// Plain bytes of a record; only the last one is shorter.
pub const RECORD: usize = 64 * 1024;
/// Bytes of a sealed content key.
pub const SEALED_KEY: usize = 80;
const TAG: usize = 16;
const MAGIC: &[u8; 8] = b"iosealv1";
const PREFIX: usize = 19;
/// Bytes before the first record.
const HEADER: usize = MAGIC.len() + PREFIX;
/// The counter of STREAM has 32 bits, and its last value is kept free.
const MAX_RECORDS: u64 = u32::MAX as u64;

/// What can go wrong with sealed data.
#[derive(thiserror::Error, Debug)]
pub enum Error {
	/// Reading or writing failed.
	#[error(transparent)]
	Io(#[from] io::Error),
	/// It is not sealed, or with another version.
	#[error("this is not sealed data of a version that this program knows")]
	Format,
	/// Wrong key, altered, cut off or mixed up.
	#[error("the data does not open: wrong key, or it was altered or cut off")]
	Authentication,
	/// More data than the reader wants.
	#[error("the content is longer than {0} bytes")]
	TooLong(u64),
	/// The public key is unusable.
	#[error("the recipient's x25519 key is invalid")]
	BadKey,
	/// The machine has no randomness.
	#[error("no randomness from the operating system")]
	Randomness,
}

/// The key of one content. Used for one content only.
#[derive(Clone)]
pub struct ContentKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for ContentKey {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.write_str("ContentKey")
	}
}

/// A content key that one recipient can open.
pub type SealedKey = [u8; SEALED_KEY];

/// Binds a sealed key to its use, so that it cannot be presented for another job or chain.
#[derive(Encode, Clone, PartialEq, Eq, Debug)]
pub struct Purpose {
	/// Genesis hash of the chain.
	pub genesis: [u8; 32],
	/// The job.
	pub job: u64,
	/// What is sealed.
	pub content: Sealed,
}

/// Which content of a job a key is for.
#[derive(Encode, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sealed {
	/// What the requester gives.
	#[codec(index = 0)]
	Input,
	/// What the worker gives back.
	#[codec(index = 1)]
	Output,
}

impl Purpose {
	fn info(&self) -> Vec<u8> {
		(b"ionet/key/v1", self).encode()
	}
}

impl ContentKey {
	/// A fresh key.
	pub fn generate() -> Result<ContentKey, Error> {
		let mut key = Zeroizing::new([0; 32]);
		getrandom::fill(&mut *key).map_err(|_| Error::Randomness)?;
		Ok(ContentKey(key))
	}

	/// Seals the key to the owner of an x25519 key.
	pub fn seal(&self, recipient: &[u8; 32], purpose: &Purpose) -> Result<SealedKey, Error> {
		let recipient =
			<Kem as hpke::Kem>::PublicKey::from_bytes(recipient).map_err(|_| Error::BadKey)?;
		// HPKE panics when there is no randomness: ask before.
		getrandom::fill(&mut [0; 1]).map_err(|_| Error::Randomness)?;
		let (enc, ciphertext) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, Kem>(
			&OpModeS::Base,
			&recipient,
			&purpose.info(),
			&*self.0,
			&[],
		)
		.map_err(|_| Error::BadKey)?;
		let mut sealed = [0; SEALED_KEY];
		let (head, tail) = sealed.split_at_mut(32);
		head.copy_from_slice(&enc.to_bytes());
		tail.copy_from_slice(&ciphertext);
		Ok(sealed)
	}

	/// Opens a sealed key with an x25519 secret.
	pub fn open(
		sealed: &SealedKey,
		secret: &[u8; 32],
		purpose: &Purpose,
	) -> Result<ContentKey, Error> {
		let (enc, ciphertext) = sealed.split_at(32);
		let secret =
			<Kem as hpke::Kem>::PrivateKey::from_bytes(secret).map_err(|_| Error::BadKey)?;
		let enc =
			<Kem as hpke::Kem>::EncappedKey::from_bytes(enc).map_err(|_| Error::Authentication)?;
		let plain = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, Kem>(
			&OpModeR::Base,
			&secret,
			&enc,
			&purpose.info(),
			ciphertext,
			&[],
		)
		.map(Zeroizing::new)
		.map_err(|_| Error::Authentication)?;
		let key = <[u8; 32]>::try_from(&plain[..]).map_err(|_| Error::Authentication)?;
		Ok(ContentKey(Zeroizing::new(key)))
	}
}

/// Length of the sealed form of so many bytes.
pub fn sealed_len(plain: u64) -> u64 {
	let records = plain.div_ceil(RECORD as u64).max(1);
	HEADER as u64 + plain + records * TAG as u64
}

/// Encrypts all that `from` gives. Returns the number of plain bytes.
pub fn seal(key: &ContentKey, from: &mut impl Read, to: &mut impl Write) -> Result<u64, Error> {
	let mut prefix = [0; PREFIX];
	getrandom::fill(&mut prefix).map_err(|_| Error::Randomness)?;
	seal_with(key, prefix, from, to)
}

fn seal_with(
	key: &ContentKey,
	prefix: [u8; PREFIX],
	from: &mut impl Read,
	to: &mut impl Write,
) -> Result<u64, Error> {
	to.write_all(MAGIC)?;
	to.write_all(&prefix)?;
	let mut stream = EncryptorBE32::from_aead(cipher(key), &prefix.into());
	let mut records = Records::new(from, RECORD);
	let (mut total, mut count) = (0, 0);
	loop {
		let (mut record, last) = records.next()?;
		total += record.len() as u64;
		count += 1;
		// `encrypt_*_in_place` fails only when the counter is used up, which this excludes.
		if count >= MAX_RECORDS {
			return Err(Error::TooLong(MAX_RECORDS * RECORD as u64));
		}
		if last {
			stream.encrypt_last_in_place(MAGIC, &mut record).map_err(|_| Error::Authentication)?;
			to.write_all(&record)?;
			return Ok(total);
		}
		stream.encrypt_next_in_place(MAGIC, &mut record).map_err(|_| Error::Authentication)?;
		to.write_all(&record)?;
	}
}

/// Decrypts all that `from` gives, at most `most` plain bytes. Returns their number.
///
/// Each record is authentic when it is written, but only `Ok` says that it was the whole content: what was written before an
/// error must be thrown away.
pub fn open(
	key: &ContentKey,
	from: &mut impl Read,
	to: &mut impl Write,
	most: u64,
) -> Result<u64, Error> {
	let mut header = [0; HEADER];
	from.read_exact(&mut header).map_err(|error| match error.kind() {
		io::ErrorKind::UnexpectedEof => Error::Format,
		_ => Error::Io(error),
	})?;
	let (magic, prefix) = header.split_at(MAGIC.len());
	if magic != MAGIC {
		return Err(Error::Format);
	}
	let prefix = <[u8; PREFIX]>::try_from(prefix).map_err(|_| Error::Format)?;
	let mut stream = DecryptorBE32::from_aead(cipher(key), &prefix.into());
	let mut records = Records::new(from, RECORD + TAG);
	let mut total = 0u64;
	loop {
		let (mut record, last) = records.next()?;
		total += record.len().saturating_sub(TAG) as u64;
		if total > most {
			return Err(Error::TooLong(most));
		}
		if last {
			stream.decrypt_last_in_place(MAGIC, &mut record).map_err(|_| Error::Authentication)?;
			to.write_all(&record)?;
			return Ok(total);
		}
		stream.decrypt_next_in_place(MAGIC, &mut record).map_err(|_| Error::Authentication)?;
		to.write_all(&record)?;
	}
}

/// Length of a letter of so many plain bytes.
pub fn letter_len(plain: u64) -> u64 {
	SEALED_KEY as u64 + sealed_len(plain)
}

/// Encrypts all that `from` gives to the owner of an x25519 key, under a fresh content key that stands before it.
pub fn seal_letter(
	recipient: &[u8; 32],
	purpose: &Purpose,
	from: &mut impl Read,
	to: &mut impl Write,
) -> Result<u64, Error> {
	let key = ContentKey::generate()?;
	to.write_all(&key.seal(recipient, purpose)?)?;
	seal(&key, from, to)
}

/// Decrypts what [`seal_letter`] made, under the same conditions as [`open`].
pub fn open_letter(
	secret: &[u8; 32],
	purpose: &Purpose,
	from: &mut impl Read,
	to: &mut impl Write,
	most: u64,
) -> Result<u64, Error> {
	let mut sealed = [0; SEALED_KEY];
	from.read_exact(&mut sealed).map_err(|error| match error.kind() {
		io::ErrorKind::UnexpectedEof => Error::Format,
		_ => Error::Io(error),
	})?;
	open(&ContentKey::open(&sealed, secret, purpose)?, from, to, most)
}

/// The public key of an x25519 secret.
pub fn public_key(secret: &[u8; 32]) -> Result<[u8; 32], Error> {
	let secret = <Kem as hpke::Kem>::PrivateKey::from_bytes(secret).map_err(|_| Error::BadKey)?;
	Ok(<Kem as hpke::Kem>::sk_to_pk(&secret).to_bytes().into())
}

/// Whether something can be sealed to this x25519 key: to points of low order nothing can.
pub fn is_usable(recipient: &[u8; 32]) -> bool {
	let purpose = Purpose { genesis: [0; 32], job: 0, content: Sealed::Input };
	ContentKey(Zeroizing::new([0; 32])).seal(recipient, &purpose).is_ok()
}

fn cipher(key: &ContentKey) -> XChaCha20Poly1305 {
	XChaCha20Poly1305::new((&*key.0).into())
}

/// Cuts a reader into records and knows which one is the last.
struct Records<'a, R> {
	from: &'a mut R,
	size: usize,
	/// The record after the one that was given.
	ahead: Option<Vec<u8>>,
}

impl<'a, R: Read> Records<'a, R> {
	fn new(from: &'a mut R, size: usize) -> Self {
		Records { from, size, ahead: None }
	}

	fn read(&mut self) -> io::Result<Vec<u8>> {
		let mut record = Vec::with_capacity(RECORD + TAG);
		self.from.take(self.size as u64).read_to_end(&mut record)?;
		Ok(record)
	}

	fn next(&mut self) -> io::Result<(Vec<u8>, bool)> {
		let record = match self.ahead.take() {
			Some(record) => record,
			None => self.read()?,
		};
		if record.len() < self.size {
			return Ok((record, true));
		}
		let ahead = self.read()?;
		if ahead.is_empty() {
			return Ok((record, true));
		}
		self.ahead = Some(ahead);
		Ok((record, false))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn key(byte: u8) -> ContentKey {
		ContentKey(Zeroizing::new([byte; 32]))
	}

	fn purpose() -> Purpose {
		Purpose { genesis: [1; 32], job: 7, content: Sealed::Input }
	}

	fn sealed(plain: &[u8]) -> Vec<u8> {
		let mut bytes = Vec::new();
		assert_eq!(seal(&key(1), &mut &plain[..], &mut bytes).unwrap(), plain.len() as u64);
		bytes
	}

	fn opened(bytes: &[u8]) -> Result<Vec<u8>, Error> {
		let mut plain = Vec::new();
		open(&key(1), &mut &bytes[..], &mut plain, 1 << 20)?;
		Ok(plain)
	}

	/// A secret and its public key.
	fn pair(byte: u8) -> ([u8; 32], [u8; 32]) {
		([byte; 32], public_key(&[byte; 32]).unwrap())
	}

	#[test]
	fn should_come_back_when_content_of_any_length_is_sealed() {
		for length in [0, 1, RECORD - 1, RECORD, RECORD + 1, 3 * RECORD, 3 * RECORD + 17] {
			let plain: Vec<u8> = (0..length).map(|i| (i * 7 % 251) as u8).collect();
			let bytes = sealed(&plain);
			assert_eq!(bytes.len() as u64, sealed_len(length as u64));
			assert_eq!(opened(&bytes).unwrap(), plain, "{length}");
		}
	}

	#[test]
	fn should_detect_it_when_content_is_cut_off_anywhere() {
		let bytes = sealed(&vec![5; 2 * RECORD + 10]);
		let ends_of_records = [HEADER, HEADER + RECORD + TAG, HEADER + 2 * (RECORD + TAG)];
		for end in ends_of_records.into_iter().chain([0, 8, HEADER + 1, bytes.len() - 1]) {
			assert!(opened(&bytes[..end]).is_err(), "{end}");
		}
	}

	#[test]
	fn should_detect_it_when_records_are_swapped_doubled_or_appended() {
		let bytes = sealed(&vec![5; 3 * RECORD]);
		let (header, records) = bytes.split_at(HEADER);
		let record: Vec<_> = records.chunks(RECORD + TAG).collect();
		for order in [vec![1, 0, 2], vec![0, 0, 1, 2], vec![0, 2], vec![0, 1, 2, 2]] {
			let mixed = order.iter().flat_map(|&i| record[i]).copied();
			let bytes: Vec<u8> = header.iter().copied().chain(mixed).collect();
			assert!(matches!(opened(&bytes), Err(Error::Authentication)), "{order:?}");
		}
	}

	#[test]
	fn should_stop_when_content_is_longer_than_wanted() {
		let bytes = sealed(&vec![5; 2 * RECORD]);
		let mut plain = Vec::new();
		let error = open(&key(1), &mut &bytes[..], &mut plain, RECORD as u64).unwrap_err();
		assert!(matches!(error, Error::TooLong(_)) && plain.len() <= RECORD);
	}

	#[test]
	fn should_open_only_for_the_recipient_and_purpose_when_a_key_is_sealed() {
		let ((secret, public), (other, _)) = (pair(3), pair(4));
		let sealed = key(9).seal(&public, &purpose()).unwrap();
		let opened = ContentKey::open(&sealed, &secret, &purpose()).unwrap();
		assert_eq!(*opened.0, [9; 32]);
		assert!(ContentKey::open(&sealed, &other, &purpose()).is_err());
		for wrong in [
			Purpose { job: 8, ..purpose() },
			Purpose { genesis: [2; 32], ..purpose() },
			Purpose { content: Sealed::Output, ..purpose() },
		] {
			assert!(ContentKey::open(&sealed, &secret, &wrong).is_err());
		}
	}

	#[test]
	fn should_open_for_its_recipient_alone_when_a_letter_is_sealed() {
		let ((secret, public), (other, _)) = (pair(3), pair(4));
		let mut letter = Vec::new();
		seal_letter(&public, &purpose(), &mut &b"plain"[..], &mut letter).unwrap();
		assert_eq!(letter.len() as u64, letter_len(5));
		let open = |secret, purpose: &Purpose, letter: &[u8]| {
			let mut plain = Vec::new();
			open_letter(secret, purpose, &mut &letter[..], &mut plain, 5).map(|_| plain)
		};
		assert_eq!(open(&secret, &purpose(), &letter).unwrap(), b"plain");
		assert!(open(&other, &purpose(), &letter).is_err());
		assert!(open(&secret, &Purpose { job: 8, ..purpose() }, &letter).is_err());
		for end in 0..letter.len() {
			assert!(open(&secret, &purpose(), &letter[..end]).is_err(), "{end}");
		}
	}

	#[test]
	fn should_refuse_when_the_recipients_key_has_low_order() {
		assert!(!is_usable(&[0; 32]) && is_usable(&pair(3).1));
		assert!(matches!(key(9).seal(&[0; 32], &purpose()), Err(Error::BadKey)));
	}

	#[test]
	fn should_keep_its_bytes_when_the_code_changes() {
		let mut bytes = Vec::new();
		seal_with(&key(1), [2; PREFIX], &mut &b"IO Network"[..], &mut bytes).unwrap();
		assert_eq!(hex::encode(&bytes), include_str!("seal/golden.hex").trim());
	}

	proptest::proptest! {
		#[test]
		fn should_not_open_when_a_bit_is_flipped(at in 0usize..100, bit in 0u8..8) {
			let mut bytes = sealed(&[7; 57]);
			assert_eq!(bytes.len(), 100);
			bytes[at] ^= 1 << bit;
			assert!(opened(&bytes).is_err());
		}

		#[test]
		fn should_not_panic_when_bytes_are_random(bytes: Vec<u8>) {
			let with_header = [&MAGIC[..], &[0; PREFIX], &bytes].concat();
			assert!(opened(&bytes).is_err() && opened(&with_header).is_err());
		}
	}
}
