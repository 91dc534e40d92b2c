//! The prover's chain: what it keeps, what it recomputes, what it does when a device fails. And reveals without work.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "support/toy.rs"]
mod toy;

use std::collections::HashSet;

use codec::{Decode, DecodeAll, Encode};
use io_tflops::{
	prover::{sparse::sparse_reveal, Chain, ChainError, LaneOpening, MatMul, Scalar},
	transcript::challenge,
	verify_reveal, Hash, Params, RevealError, Statement,
};
use toy::{acc, params, seed, Tampered, WINDOW, WORKER};

fn chain(rounds: u32) -> Chain {
	let mut chain = Chain::new(params(), seed());
	for _ in 0..rounds {
		chain.round(&mut Scalar).unwrap();
	}
	chain
}

fn audit(chain: &Chain, openings: u32) -> Statement {
	let commitment = chain.commitment();
	Statement {
		seed: *chain.seed(),
		params: *chain.params(),
		rounds: chain.rounds(),
		openings,
		commitment,
		challenge: challenge(&commitment, &WORKER, WINDOW, &acc(0)),
	}
}

/// Fails after a number of products.
struct Failing(u32);

impl MatMul for Failing {
	type Error = &'static str;

	fn product(
		&mut self,
		params: &Params,
		key_a: &Hash,
		key_b: &Hash,
		c: &mut [u16],
	) -> Result<(), Self::Error> {
		self.0 = self.0.checked_sub(1).ok_or("device lost")?;
		Scalar.product(params, key_a, key_b, c).map_err(|never| match never {})
	}
}

/// Returns too few of everything.
struct Lossy;

impl MatMul for Lossy {
	type Error = ();

	fn product(&mut self, _: &Params, _: &Hash, _: &Hash, _: &mut [u16]) -> Result<(), ()> {
		Ok(())
	}

	fn lane_roots(&mut self, params: &Params, _: &Hash) -> Result<Vec<Hash>, ()> {
		Ok(vec![[0; 32]; params.lanes() as usize - 1])
	}

	fn open_lane(
		&mut self,
		_: &Params,
		_: &Hash,
		_: u32,
		_: &[u64],
	) -> Result<Vec<LaneOpening>, ()> {
		Ok(Vec::new())
	}
}

#[test]
fn should_go_on_and_answer_when_restored_from_its_journal() {
	let mut before = chain(2);
	let bytes = before.encode();
	// Dimensions, seed, and 32 bytes for each lane of each round.
	assert_eq!(bytes.len(), 17 + 32 + 1 + 2 * 8 * 32);
	let mut after = Chain::decode_all(&mut &bytes[..]).unwrap();
	assert_eq!(after, before);
	before.round(&mut Scalar).unwrap();
	after.round(&mut Scalar).unwrap();
	assert_eq!(after, before);
	let statement = audit(&before, 32);
	assert_eq!(after.reveal(&mut Scalar, &statement), before.reveal(&mut Scalar, &statement));
}

#[test]
fn should_give_an_error_when_a_journal_is_damaged() {
	let bytes = chain(2).encode();
	for length in 0..bytes.len() {
		assert!(Chain::decode_all(&mut &bytes[..length]).is_err());
	}
	for (lane_roots, valid) in [(0, true), (7, false), (8, true), (1_024, true), (1_032, false)] {
		let journal = (params(), seed(), vec![[1u8; 32]; lane_roots]).encode();
		assert_eq!(Chain::decode(&mut &journal[..]).is_ok(), valid, "{lane_roots} roots of lanes");
	}
	let three_lanes = ((0u8, 16u32, 128u32, 8u32, 3u32), seed(), Vec::<Hash>::new()).encode();
	assert!(Chain::decode(&mut &three_lanes[..]).is_err());
}

#[test]
fn should_stay_as_it_was_when_the_device_gives_up() {
	let mut chain = chain(1);
	let before = chain.clone();
	assert_eq!(chain.round(&mut Failing(7)), Err(ChainError::Device("device lost")));
	assert_eq!(chain.round(&mut Lossy), Err(ChainError::WrongAnswer));
	assert_eq!(chain, before);
	assert_eq!(chain.round(&mut Failing(8)), Ok(()));

	let statement = audit(&chain, 32);
	assert_eq!(chain.reveal(&mut Failing(0), &statement), Err(ChainError::Device("device lost")));
	assert_eq!(chain.reveal(&mut Lossy, &statement), Err(ChainError::WrongAnswer));
}

#[test]
fn should_recompute_opened_lanes_only_when_audited() {
	let chain = chain(4);
	let statement = audit(&chain, 8);
	let opened: HashSet<_> =
		statement.positions().map(|position| (position.round, position.lane)).collect();
	let mut products = 0;
	let mut device = Tampered(|_: &Hash, _: &mut [u16]| products += 1);
	let reveal = chain.reveal(&mut device, &statement).unwrap();
	assert_eq!(products, opened.len());
	assert!(products < 4 * 8);
	assert_eq!(verify_reveal(&statement, &reveal), Ok(()));
}

#[test]
fn should_notice_when_a_device_errs_while_it_answers() {
	let chain = chain(2);
	let statement = audit(&chain, 8);
	let mut broken = Tampered(|_: &Hash, c: &mut [u16]| c[0] ^= 4);
	assert!(matches!(chain.reveal(&mut broken, &statement), Err(ChainError::Contradiction { .. })));
	// Not the chain's fault: it can be tried again.
	assert!(chain.reveal(&mut Scalar, &statement).is_ok());
}

#[test]
fn should_refuse_to_answer_when_the_audit_is_of_another_chain() {
	let chain = chain(2);
	let statement = audit(&chain, 8);
	let wider = Params::new(0, 16, 256, 8, 8).unwrap();
	for other in [
		Statement { seed: [0; 32], ..statement },
		Statement { params: wider, ..statement },
		Statement { rounds: 1, ..statement },
		Statement { commitment: [0; 32], ..statement },
	] {
		assert_eq!(chain.reveal(&mut Scalar, &other), Err(ChainError::OtherChain));
	}
	for (openings, error) in [(0, RevealError::Openings), (129, RevealError::Openings)] {
		let other = Statement { openings, ..statement };
		assert_eq!(chain.reveal(&mut Scalar, &other), Err(ChainError::Refused(error)));
	}
	let empty = self::chain(0);
	assert_eq!(
		empty.reveal(&mut Scalar, &audit(&empty, 8)),
		Err(ChainError::Refused(RevealError::Rounds))
	);
}

#[test]
fn should_take_128_rounds_and_no_more_when_it_runs() {
	let params = Params::new(0, 1, 128, 1, 1).unwrap();
	let mut chain = Chain::new(params, seed());
	for _ in 0..128 {
		chain.round(&mut Scalar).unwrap();
	}
	assert_eq!(chain.round(&mut Scalar), Err(ChainError::Full));
	assert_eq!(chain.ops(), 128 * 2 * 128);
	// Depth 0: a round is one leaf, and its path is empty.
	let statement = audit(&chain, 128);
	let reveal = chain.reveal(&mut Scalar, &statement).unwrap();
	assert_eq!(reveal.len(), 128 * (32 + 256));
	assert_eq!(verify_reveal(&statement, &reveal), Ok(()));
}

#[test]
fn should_open_nothing_when_a_leaf_lies_beyond_the_lane() {
	assert_eq!(Scalar.open_lane(&params(), &seed(), 0, &[15, 0, 15]).unwrap().len(), 3);
	assert_eq!(Scalar.open_lane(&params(), &seed(), 0, &[0, 16]).unwrap(), []);
	assert_eq!(Scalar.open_lane(&params(), &seed(), 0, &[u64::MAX]).unwrap(), []);
}

#[test]
fn should_pass_and_be_as_long_as_a_real_one_when_a_reveal_is_sparse() {
	for (m, n, k, lanes, rounds, openings) in [
		// Many openings in few leaves: shared leaves and shared paths.
		(1, 128, 1, 1, 1, 128),
		(2, 128, 16, 2, 3, 128),
		(16, 128, 8, 8, 4, 64),
		(1_024, 1_024, 4_096, 1_024, 128, 64),
		(16_384, 16_384, 65_536, 32, 128, 64),
		(65_536, 65_536, 1, 1_024, 128, 128),
	] {
		let params = Params::new(0, m, n, k, lanes).unwrap();
		let (statement, reveal) = sparse_reveal(&params, &seed(), rounds, openings).unwrap();
		assert_eq!(reveal.len(), statement.reveal_len());
		assert_eq!(verify_reveal(&statement, &reveal), Ok(()));
		let other = Statement { challenge: [0; 32], ..statement };
		assert!(verify_reveal(&other, &reveal).is_err());
	}
	for (rounds, openings) in [(0, 1), (129, 1), (1, 0), (1, 129)] {
		assert!(sparse_reveal(&params(), &seed(), rounds, openings).is_err());
	}
}

/// All leaves of a sparse reveal are zero but for opened entries, so no other audit of it passes.
#[test]
fn should_fail_every_audit_by_the_beacon_when_a_reveal_is_sparse() {
	let (statement, reveal) = sparse_reveal(&params(), &seed(), 4, 64).unwrap();
	for number in 0..100 {
		let challenge = challenge(&statement.commitment, &WORKER, WINDOW, &acc(number));
		let asked = Statement { challenge, ..statement };
		assert!(matches!(verify_reveal(&asked, &reveal), Err(RevealError::Path { .. })));
	}
}
