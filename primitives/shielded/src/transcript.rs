//! What every challenge depends on. Sections 7 and 10 of the specification.

use codec::Encode;
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;

use crate::{
	bundle::{Bundle, Domain, OutputNote},
	Hash,
};

/// `T0`: everything but the proofs. One digest for each input.
pub(crate) fn statement(
	domain: &Domain,
	era_hash: &Hash,
	bundle: &Bundle,
	digests: &[Hash],
) -> Transcript {
	let mut transcript = Transcript::new(b"io-shield/v1");
	transcript.append_message(b"genesis", &domain.genesis);
	transcript.append_message(b"para", &domain.para.to_le_bytes());
	transcript.append_message(b"pallet", &[domain.pallet]);
	transcript.append_message(b"ring", &[domain.size.byte()]);
	let mut era = [0; 36];
	era[..4].copy_from_slice(&bundle.era.to_le_bytes());
	era[4..].copy_from_slice(era_hash);
	transcript.append_message(b"era", &era);
	transcript.append_message(b"inputs", &count(bundle.inputs.len()));
	for (input, digest) in bundle.inputs.iter().zip(digests) {
		// Fixed width: the same as two `le32`.
		transcript.append_message(b"window", &input.window.encode());
		transcript.append_message(b"digest", digest);
		transcript.append_message(b"tag", &input.tag);
		transcript.append_message(b"pseudo", &input.pseudo);
	}
	transcript.append_message(b"outputs", &count(bundle.outputs.len()));
	for output in &bundle.outputs {
		let OutputNote { key, commitment, ephemeral, view_tag, ciphertext } = output;
		let fields: [&[u8]; 5] = [key, commitment, ephemeral, view_tag, ciphertext];
		transcript.append_message(b"output", &fields.concat());
	}
	transcript.append_message(b"fee", &bundle.fee.to_le_bytes());
	transcript.append_message(b"fee-to", &bundle.fee_to.encode());
	transcript.append_message(b"target", &bundle.target.encode());
	transcript
}

/// `T1`: the range proof as well.
pub(crate) fn append_range_proof(transcript: &mut Transcript, proof: &[u8]) {
	transcript.append_message(b"range-proof", proof);
}

/// Where the proof of one input begins: `T1` and the input's number.
pub(crate) fn ring(t1: &Transcript, input: usize) -> Transcript {
	let mut transcript = t1.clone();
	transcript.append_message(b"input", &count(input));
	transcript
}

/// Challenge of a ring proof after its points, as they are on the wire.
pub(crate) fn ring_challenge(transcript: &mut Transcript, points: &[[u8; 32]]) -> Scalar {
	let (matrices, vectors) = points.split_at(points.len().min(4));
	let labels: [&'static [u8]; 4] = [b"A", b"B", b"C", b"D"];
	for (label, point) in labels.into_iter().zip(matrices) {
		transcript.append_message(label, point);
	}
	let labels: [&'static [u8]; 3] = [b"X", b"X1", b"Y"];
	for (label, points) in labels.into_iter().zip(vectors.chunks((vectors.len() / 3).max(1))) {
		for point in points {
			transcript.append_message(label, point);
		}
	}
	challenge_scalar(transcript, b"xi")
}

/// 64 bytes, reduced.
pub(crate) fn challenge_scalar(transcript: &mut Transcript, label: &'static [u8]) -> Scalar {
	let mut wide = [0; 64];
	transcript.challenge_bytes(label, &mut wide);
	Scalar::from_bytes_mod_order_wide(&wide)
}

/// Counts are at most 4.
fn count(count: usize) -> [u8; 4] {
	(count as u32).to_le_bytes()
}
