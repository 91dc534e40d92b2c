//! Frames: a length of four bytes (little-endian) and a SCALE value. Every reader says how long a frame may be.

use std::time::Duration;

use codec::{Decode, DecodeAll, Encode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{Error, error::Refusal, transport::SendHalf};

/// Longest name of a protocol.
const MAX_NAME: usize = 32;

/// Writes one frame.
pub async fn write<T: Encode>(to: &mut (impl AsyncWrite + Unpin), value: &T) -> Result<(), Error> {
	to.write_all(&encode(value)?).await?;
	Ok(())
}

/// Answers with a refusal and ends the stream.
pub(crate) async fn refuse(to: &mut SendHalf, refusal: Refusal) -> Result<(), Error> {
	let no: Result<(), Refusal> = Err(refusal);
	write(to, &no).await?;
	Ok(to.shutdown().await?)
}

/// Writes all bytes. If none of them can be written for `patience`, the peer has stalled.
pub(crate) async fn write_all(
	to: &mut SendHalf,
	mut bytes: &[u8],
	patience: Duration,
) -> Result<(), Error> {
	while !bytes.is_empty() {
		let written = tokio::time::timeout(patience, to.write(bytes))
			.await
			.map_err(|_| Error::Stalled(patience.as_secs()))??;
		bytes = &bytes[written..];
	}
	Ok(())
}

/// The bytes of one frame.
pub fn encode<T: Encode>(value: &T) -> Result<Vec<u8>, Error> {
	let mut bytes = vec![0; 4];
	value.encode_to(&mut bytes);
	let length = u32::try_from(bytes.len() - 4)
		.map_err(|_| Error::Protocol("a frame of more than 4 GiB"))?;
	bytes[..4].copy_from_slice(&length.to_le_bytes());
	Ok(bytes)
}

/// Reads one frame of at most `most` bytes. A longer one is an error before anything is allocated for it.
pub async fn read<T: Decode>(from: &mut (impl AsyncRead + Unpin), most: usize) -> Result<T, Error> {
	let length = from.read_u32_le().await? as usize;
	if length > most {
		return Err(Error::Protocol("a frame is longer than allowed"));
	}
	let mut bytes = vec![0; length];
	from.read_exact(&mut bytes).await?;
	decode(&bytes)
}

/// Reads a value from all of the bytes.
pub fn decode<T: Decode>(bytes: &[u8]) -> Result<T, Error> {
	T::decode_all(&mut &bytes[..]).map_err(|_| Error::Protocol("a frame cannot be understood"))
}

/// Begins a stream: writes the name of its protocol.
pub(crate) fn greeting(name: &str) -> Vec<u8> {
	debug_assert!(name.len() <= MAX_NAME);
	let mut bytes = vec![name.len() as u8];
	bytes.extend_from_slice(name.as_bytes());
	bytes
}

/// Reads the name of a stream's protocol.
pub(crate) async fn read_greeting(from: &mut (impl AsyncRead + Unpin)) -> Result<String, Error> {
	let length = usize::from(from.read_u8().await?);
	if length > MAX_NAME {
		return Err(Error::Protocol("the name of a protocol is too long"));
	}
	let mut name = vec![0; length];
	from.read_exact(&mut name).await?;
	String::from_utf8(name).map_err(|_| Error::Protocol("the name of a protocol is no text"))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[tokio::test]
	async fn should_come_back_when_a_frame_is_written() {
		let mut bytes = Vec::new();
		write(&mut bytes, &(1u8, vec![2u8, 3])).await.unwrap();
		assert_eq!(bytes, [4, 0, 0, 0, 1, 8, 2, 3]);
		assert_eq!(read::<(u8, Vec<u8>)>(&mut &bytes[..], 4).await.unwrap(), (1, vec![2, 3]));
	}

	#[tokio::test]
	async fn should_refuse_when_a_frame_is_too_long() {
		let bytes = [255, 255, 255, 255];
		let error = read::<Vec<u8>>(&mut &bytes[..], 1024).await.unwrap_err();
		assert!(matches!(error, Error::Protocol(_)), "{error}");
	}

	#[tokio::test]
	async fn should_refuse_when_bytes_are_left_over() {
		let bytes = [2, 0, 0, 0, 1, 1];
		assert!(read::<u8>(&mut &bytes[..], 16).await.is_err());
	}

	proptest::proptest! {
		#[test]
		fn should_not_panic_when_a_greeting_is_random(bytes: Vec<u8>) {
			let _ = futures::executor::block_on(read_greeting(&mut &bytes[..]));
		}
	}
}
