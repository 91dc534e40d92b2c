//! The bytes of the protocol, frozen. A test that fails here means that old and new programs no longer understand each
//! other.
//!
//! The vector of the protocol was made by two programs in two languages that share no code with this crate, the ones of
//! ChaCha8 and BLAKE3 are the published ones.
#![allow(clippy::unwrap_used, missing_docs)]

use hex_literal::hex;
use io_tflops::{
	params::{Position, LEAF_BYTES},
	prover::{Chain, MatMul, Scalar},
	stream,
	transcript::{self, challenge, device_seed, lane_keys, positions, window_seed},
	tree::{leaf_bytes, TreeHasher},
	verify_reveal, Hash, Params, Statement,
};

const WORKER: Hash = [0x33; 32];
const WINDOW_SEED: Hash = hex!("d75879632318e220f35451c2823cadad82abd53b2b8319e519682d2895220157");
const STATE_0: Hash = hex!("b140139198440a2c60e808bde8de898e2c6f6a3a489ff7d3381417bd2136ff35");
const KEY_A: Hash = hex!("bf9d9a5a433a682bf834b8dc436318d2de5fce318a7f1a1d23723686e60ebe7a");
const LEAF_0: Hash = hex!("ac057cf3be46d0a8fd8c7f1af4b8a7f464b7d596f1488a8661e1a3d70c64a324");
const ROOT_0: Hash = hex!("658affc39de349a289fd1431d85a6f548430bd51316455e96c3027ce2df29e3c");
const STATE_1: Hash = hex!("1b5b7d8852055b710225710ea2785a623eea5cc04c8cb5ce6497363995c30ca4");
const ROOT_1: Hash = hex!("f83362f0a77d79d48b15d8289ef36e45b6908a0a77e9073b892dcc2c49dfc22a");
const COMMITMENT: Hash = hex!("0c0dacb15b5860d1767fc8d7ef7983fcb06071e43e04412aa198e17b01ec0470");
const CHALLENGE: Hash = hex!("e94297870b9a37ec037812e50b04adaf4fa0dde017dd3064fcf212c7e57364b4");

fn params() -> Params {
	Params::new(0, 128, 128, 256, 1).unwrap()
}

#[test]
fn should_match_both_reference_programs_when_seeds_are_derived() {
	assert_eq!(window_seed(&[0x11; 32], 2_000, 7, &[0x22; 32], 1_000), WINDOW_SEED);
	assert_eq!(device_seed(&WINDOW_SEED, &WORKER, 0, 0, &params()), STATE_0);
	assert_eq!(lane_keys(&STATE_0, 0).0, KEY_A);
}

#[test]
fn should_match_both_reference_programs_when_matrices_are_generated() {
	let (key_a, key_b) = lane_keys(&STATE_0, 0);
	let mut row = [0; 8];
	stream::fill(&key_a, 0, &mut row);
	assert_eq!(row, [19, 91, 18, 44, 88, 9, -115, 91]);
	let mut column = [0; 8];
	stream::fill(&key_b, 5, &mut column);
	assert_eq!(column, [90, -87, 119, 39, -18, 113, -29, 26]);

	for (row, column, entry) in [(0, 0, 69_892), (3, 5, -36_373), (127, 127, 23_770)] {
		assert_eq!(stream::entry(&key_a, &key_b, row, column, 256), entry);
	}
	assert_eq!(stream::entry(&key_a, &key_b, 3, 5, 256) as u16, 29_163);
}

#[test]
fn should_match_both_reference_programs_when_a_product_is_hashed() {
	let (key_a, key_b) = lane_keys(&STATE_0, 0);
	let mut c = vec![0; 128 * 128];
	Scalar.product(&params(), &key_a, &key_b, &mut c).unwrap();
	let hasher = TreeHasher::new(&STATE_0);
	let first: &[u16; 128] = c.first_chunk().unwrap();
	assert_eq!(hasher.leaf(&leaf_bytes(first)), LEAF_0);
	assert_eq!(Scalar.lane_root(&params(), &STATE_0, 0).unwrap(), ROOT_0);
	assert_eq!(Scalar.lane_root(&params(), &STATE_1, 0).unwrap(), ROOT_1);
	assert_eq!(transcript::next_state(&STATE_0, &ROOT_0, 0), STATE_1);
}

#[test]
fn should_match_both_reference_programs_when_a_chain_is_proven() {
	let mut chain = Chain::new(params(), STATE_0);
	chain.round(&mut Scalar).unwrap();
	assert_eq!(chain.state(), &STATE_1);
	chain.round(&mut Scalar).unwrap();
	assert_eq!(chain.roots(), [ROOT_0, ROOT_1]);
	assert_eq!(chain.commitment(), COMMITMENT);
	assert_eq!(challenge(&COMMITMENT, &WORKER, 7, &[0x44; 32]), CHALLENGE);

	let position = |round, lane, row, column| Position { round, lane, row, column };
	assert_eq!(
		positions(&CHALLENGE, &params(), 2).take(4).collect::<Vec<_>>(),
		[
			position(0, 0, 68, 42),
			position(0, 0, 108, 118),
			position(0, 0, 108, 98),
			position(1, 0, 89, 55)
		]
	);

	let statement = Statement {
		seed: STATE_0,
		params: params(),
		rounds: 2,
		openings: 64,
		commitment: COMMITMENT,
		challenge: CHALLENGE,
	};
	let reveal = chain.reveal(&mut Scalar, &statement).unwrap();
	assert_eq!(reveal.len(), 2 * 32 + 64 * (LEAF_BYTES + 7 * 32));
	assert_eq!(reveal[..64], [ROOT_0, ROOT_1].concat());
	assert_eq!(verify_reveal(&statement, &reveal), Ok(()));
}

/// `draft-strombergson-chacha-test-vectors-01`, 256-bit keys, 8 rounds: TC1 (zeros) and TC8 (nonce of eight bytes that
/// differ), two blocks each.
#[test]
fn should_match_the_published_vectors_when_chacha8_is_run() {
	let tc1 = hex!(
		"3e00ef2f895f40d67f5bb8e81f09a5a12c840ec3ce9a7f3b181be188ef711a1e"
		"984ce172b9216f419f445367456d5619314a42a3da86b001387bfdb80e0cfe42"
		"d2aefa0deaa5c151bf0adb6c01f2a5adc0fd581259f9a2aadcf20f8fd566a26b"
		"5032ec38bbc5da98ee0c6f568b872a65a08abf251deb21bb4b56e5d8821e68aa"
	);
	let tc8 = hex!(
		"db43ad9d1e842d1272e4530e276b3f568f8859b3f7cf6d9d2c74fa53808cb515"
		"7a8ebf46ad3dcc4b6c7dadde131784b0120e0e22f6d5f9ffa7407d4a21b695d9"
		"c5dd30bf55612fab9bdd118920c19816470c7f5dcd42325dbbed8c57a56281c1"
		"44cb0f03e81b3004624e0650a1ce5afaf9a7cd8163f6dbd72602257dd96e471e"
	);
	let key = hex!("00112233445566778899aabbccddeeffffeeddccbbaa99887766554433221100");
	let nonce = u64::from_le_bytes(hex!("0f1e2d3c4b5a6978"));
	for (key, nonce, stream) in [([0; 32], 0, tc1), (key, nonce, tc8)] {
		let mut row = [0; 128];
		stream::fill(&key, nonce, &mut row);
		assert_eq!(row.map(|entry| entry as u8), stream);
	}
}

/// `test_vectors.json` of the BLAKE3 project: input bytes count up modulo 251. One compression, one chunk, two chunks.
#[test]
fn should_match_the_published_vectors_when_blake3_is_run() {
	let key = *b"whats the Elvish word for friend";
	let context = "BLAKE3 2019-12-27 16:29:52 test vectors context";
	for (length, keyed, derived) in [
		(
			0,
			hex!("92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26"),
			hex!("2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d"),
		),
		(
			1,
			hex!("6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b"),
			hex!("b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c"),
		),
		(
			1_024,
			hex!("75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4"),
			hex!("7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a689684302706"),
		),
		(
			1_025,
			hex!("357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69"),
			hex!("effaa245f065fbf82ac186839a249707c3bddf6d3fdda22d1b95a3c970379bcb"),
		),
	] {
		let input: Vec<u8> = (0..251).cycle().take(length).collect();
		assert_eq!(*blake3::keyed_hash(&key, &input).as_bytes(), keyed);
		assert_eq!(blake3::derive_key(context, &input), derived);
	}
}
