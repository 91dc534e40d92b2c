//! The byte formats of proofs of computing power, frozen: what devices sign, and what off-chain worker and gateway say to
//! each other. A test that fails here means that old and new programs no longer understand each other.
//!
//! The literals were made by a small SCALE encoder and BLAKE2 that share no code with this crate.
#![allow(clippy::unwrap_used, missing_docs)]

use codec::{DecodeAll, Encode};
use hex_literal::hex;
use io_primitives::{
	attestation::{
		AttestRequest, AttestResponse, AttestationCall, AttestationView, Audit, Certificate,
		ClassParams, Commitment, Enrolment, SignedAttestation, Window,
	},
	AccountId, WorkerKey,
};
use sp_core::{sr25519, H256};

const GENESIS: H256 = H256([0x11; 32]);
const OPERATOR: AccountId = AccountId::new([0x33; 32]);
const JOB: u64 = 0x0a0b;
const VALID_UNTIL: u32 = 0x0102_0304;
const COIN: u128 = 1_000_000_000_000;

fn worker() -> WorkerKey {
	WorkerKey::from_raw([0x22; 32])
}

fn enrol() -> AttestationCall {
	AttestationCall::Enrol { device: 3, class: 2, lanes: 64 }
}

fn leave() -> AttestationCall {
	AttestationCall::Leave { device: 3 }
}

fn commit() -> AttestationCall {
	AttestationCall::Commit {
		window: 7,
		seed: H256([0x55; 32]),
		device: 3,
		rounds: 100,
		commitment: H256([0x99; 32]),
	}
}

fn reveal() -> AttestationCall {
	let proof = vec![1, 2, 3, 4, 5].try_into().unwrap();
	AttestationCall::Reveal { window: 7, challenge: H256([0x66; 32]), device: 3, proof }
}

fn settle_product() -> AttestationCall {
	AttestationCall::SettleProduct { job: JOB, proof: vec![0xcc; 70].try_into().unwrap() }
}

fn signed(call: AttestationCall) -> SignedAttestation {
	SignedAttestation {
		worker: worker(),
		call,
		valid_until: VALID_UNTIL,
		signature: sr25519::Signature::from_raw([0xbb; 64]),
	}
}

fn params() -> ClassParams {
	ClassParams {
		arith: 0,
		m: 16_384,
		n: 8_192,
		k: 65_536,
		min_lanes: 16,
		max_lanes: 128,
		openings: 64,
		bond_per_lane: 5 * COIN,
	}
}

fn commitment(audit: Option<Audit>) -> Commitment {
	Commitment {
		window: 7,
		seed: H256([0x55; 32]),
		device: 3,
		rounds: 100,
		commitment: H256([0x99; 32]),
		slots: 11,
		audit,
	}
}

/// What the chain sees of a worker with one device.
fn view() -> AttestationView<AccountId> {
	AttestationView {
		free_bond: Some(1_000 * COIN),
		classes: vec![(2, params())],
		enrolments: vec![Enrolment {
			device: 3,
			class: 2,
			lanes: 64,
			params: params(),
			operator: OPERATOR,
			bond: 320 * COIN,
			since: 90,
		}],
		window: Some(Window {
			id: 7,
			seed: H256([0x55; 32]),
			slot: 1_000,
			block: 95,
			last_slot: 1_020,
		}),
		commitments: vec![
			commitment(Some(Audit { challenge: H256([0x66; 32]), deadline: 150 })),
			commitment(None),
		],
		certificates: vec![Certificate {
			device: 3,
			class: 2,
			window: 6,
			ops: 0x0102_0304_0506_0708_090a,
			slots: 10,
			mops: 300_000_000,
			audited: true,
			expires: 2_000,
		}],
		mops: 300_000_000,
		products: vec![(JOB, 160)],
		..nothing()
	}
}

/// What the chain sees of a worker of which it knows nothing.
fn nothing() -> AttestationView<AccountId> {
	AttestationView {
		para: 2_000,
		now: 101,
		slot: 1_012,
		free_bond: None,
		classes: vec![],
		enrolments: vec![],
		window: None,
		commitments: vec![],
		certificates: vec![],
		mops: 0,
		products: vec![],
	}
}

/// What a device signs for `enrol`.
const PAYLOAD_ENROL: &[u8] = &hex!(
	"696f2f6174746573742f7631" // tag "io/attest/v1"
	"1111111111111111111111111111111111111111111111111111111111111111" // genesis
	"1633f375912ee553f7e9e4944b1a6293fbdb2ca6240dd2c1f3b628ddb7a65212" // BLAKE2b-256 of the call
	"04030201" // valid_until
);

/// The signed call `enrol`.
const SIGNED_ENROL: &[u8] = &hex!(
	"2222222222222222222222222222222222222222222222222222222222222222" // worker
	"00" // Enrol
	"0300" // device
	"02" // class
	"40000000" // lanes
	"04030201" // valid_until
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" // signature
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
);

/// What a device signs for `leave`.
const PAYLOAD_LEAVE: &[u8] = &hex!(
	"696f2f6174746573742f7631" // tag "io/attest/v1"
	"1111111111111111111111111111111111111111111111111111111111111111" // genesis
	"96bc2d0f5e0f16f763b08a33c1b874cc59cb5066efc379338ec52ca034720f31" // BLAKE2b-256 of the call
	"04030201" // valid_until
);

/// The signed call `leave`.
const SIGNED_LEAVE: &[u8] = &hex!(
	"2222222222222222222222222222222222222222222222222222222222222222" // worker
	"01" // Leave
	"0300" // device
	"04030201" // valid_until
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" // signature
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
);

/// What a device signs for `commit`.
const PAYLOAD_COMMIT: &[u8] = &hex!(
	"696f2f6174746573742f7631" // tag "io/attest/v1"
	"1111111111111111111111111111111111111111111111111111111111111111" // genesis
	"8bdcf1d09df9a0431813cfd0befbf00269b93f46a653bca722a1a4fb7076b9de" // BLAKE2b-256 of the call
	"04030201" // valid_until
);

/// The signed call `commit`.
const SIGNED_COMMIT: &[u8] = &hex!(
	"2222222222222222222222222222222222222222222222222222222222222222" // worker
	"02" // Commit
	"0700000000000000" // window
	"5555555555555555555555555555555555555555555555555555555555555555" // seed
	"0300" // device
	"64000000" // rounds
	"9999999999999999999999999999999999999999999999999999999999999999" // commitment
	"04030201" // valid_until
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" // signature
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
);

/// What a device signs for `reveal`.
const PAYLOAD_REVEAL: &[u8] = &hex!(
	"696f2f6174746573742f7631" // tag "io/attest/v1"
	"1111111111111111111111111111111111111111111111111111111111111111" // genesis
	"77c095b5e54a35b02f704f3eabfe24321638f18a0b3eabd00198987027f4eb66" // BLAKE2b-256 of the call
	"04030201" // valid_until
);

/// The signed call `reveal`.
const SIGNED_REVEAL: &[u8] = &hex!(
	"2222222222222222222222222222222222222222222222222222222222222222" // worker
	"03" // Reveal
	"0700000000000000" // window
	"6666666666666666666666666666666666666666666666666666666666666666" // challenge
	"0300" // device
	"14" // proof: 5 bytes
	"0102030405" // proof
	"04030201" // valid_until
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" // signature
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
);

/// What a device signs for `settle_product`.
const PAYLOAD_PRODUCT: &[u8] = &hex!(
	"696f2f6174746573742f7631" // tag "io/attest/v1"
	"1111111111111111111111111111111111111111111111111111111111111111" // genesis
	"dbaee3e76bf96644d0e7fc994280e09754882db83330654ff205d8f16158bdd5" // BLAKE2b-256 of the call
	"04030201" // valid_until
);

/// The signed call `settle_product`.
const SIGNED_PRODUCT: &[u8] = &hex!(
	"2222222222222222222222222222222222222222222222222222222222222222" // worker
	"04" // SettleProduct
	"0b0a000000000000" // job
	"1901" // proof: 70 bytes
	"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc" // proof
	"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
	"cccccccccccc"
	"04030201" // valid_until
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" // signature
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
);

/// What an off-chain worker tells a gateway.
const REQUEST: &[u8] = &hex!(
	"1111111111111111111111111111111111111111111111111111111111111111" // genesis
	"08" // workers: 2
	"2222222222222222222222222222222222222222222222222222222222222222" // workers[0].worker
	"d0070000" // para
	"65000000" // now
	"f403000000000000" // slot
	"01" // free_bond: some
	"0080c6a47e8d03000000000000000000" // amount
	"04" // classes: 1
	"02" // classes[0].number
	"00" // classes[0].arith
	"00400000" // classes[0].m
	"00200000" // classes[0].n
	"00000100" // classes[0].k
	"10000000" // classes[0].min_lanes
	"80000000" // classes[0].max_lanes
	"40000000" // classes[0].openings
	"005039278c0400000000000000000000" // classes[0].bond_per_lane
	"04" // enrolments: 1
	"0300" // enrolments[0].device
	"02" // enrolments[0].class
	"40000000" // enrolments[0].lanes
	"00" // enrolments[0].params.arith
	"00400000" // enrolments[0].params.m
	"00200000" // enrolments[0].params.n
	"00000100" // enrolments[0].params.k
	"10000000" // enrolments[0].params.min_lanes
	"80000000" // enrolments[0].params.max_lanes
	"40000000" // enrolments[0].params.openings
	"005039278c0400000000000000000000" // enrolments[0].params.bond_per_lane
	"3333333333333333333333333333333333333333333333333333333333333333" // enrolments[0].operator
	"000054ce092301000000000000000000" // enrolments[0].bond
	"5a000000" // enrolments[0].since
	"01" // window: some
	"0700000000000000" // window.id
	"5555555555555555555555555555555555555555555555555555555555555555" // window.seed
	"e803000000000000" // window.slot
	"5f000000" // window.block
	"fc03000000000000" // window.last_slot
	"08" // commitments: 2
	"0700000000000000" // commitments[0].window
	"5555555555555555555555555555555555555555555555555555555555555555" // commitments[0].seed
	"0300" // commitments[0].device
	"64000000" // commitments[0].rounds
	"9999999999999999999999999999999999999999999999999999999999999999" // commitments[0].commitment
	"0b000000" // commitments[0].slots
	"01" // commitments[0].audit: some
	"6666666666666666666666666666666666666666666666666666666666666666" // commitments[0].challenge
	"96000000" // commitments[0].deadline
	"0700000000000000" // commitments[1].window
	"5555555555555555555555555555555555555555555555555555555555555555" // commitments[1].seed
	"0300" // commitments[1].device
	"64000000" // commitments[1].rounds
	"9999999999999999999999999999999999999999999999999999999999999999" // commitments[1].commitment
	"0b000000" // commitments[1].slots
	"00" // commitments[1].audit: none
	"04" // certificates: 1
	"0300" // certificates[0].device
	"02" // certificates[0].class
	"0600000000000000" // certificates[0].window
	"0a090807060504030201000000000000" // certificates[0].ops
	"0a000000" // certificates[0].slots
	"00a3e11100000000" // certificates[0].mops
	"01" // certificates[0].audited
	"d0070000" // certificates[0].expires
	"00a3e11100000000" // mops
	"04" // products: 1
	"0b0a000000000000" // products[0].job
	"a0000000" // products[0].block
	"3333333333333333333333333333333333333333333333333333333333333333" // workers[1].worker
	"d0070000" // para
	"65000000" // now
	"f403000000000000" // slot
	"00" // free_bond: none
	"00" // classes: 0
	"00" // enrolments: 0
	"00" // window: none
	"00" // commitments: 0
	"00" // certificates: 0
	"0000000000000000" // mops
	"00" // products: 0
);

/// What a gateway answers.
const RESPONSE: &[u8] = &hex!(
	"04" // keys: 1
	"2222222222222222222222222222222222222222222222222222222222222222" // keys[0]
	"08" // calls: 2
	"2222222222222222222222222222222222222222222222222222222222222222" // worker
	"02" // Commit
	"0700000000000000" // window
	"5555555555555555555555555555555555555555555555555555555555555555" // seed
	"0300" // device
	"64000000" // rounds
	"9999999999999999999999999999999999999999999999999999999999999999" // commitment
	"04030201" // valid_until
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" // signature
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	"2222222222222222222222222222222222222222222222222222222222222222" // worker
	"03" // Reveal
	"0700000000000000" // window
	"6666666666666666666666666666666666666666666666666666666666666666" // challenge
	"0300" // device
	"14" // proof: 5 bytes
	"0102030405" // proof
	"04030201" // valid_until
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" // signature
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
);

#[track_caller]
fn check<T: Encode + DecodeAll + PartialEq + std::fmt::Debug>(value: T, bytes: &[u8]) {
	assert_eq!(hex::encode(value.encode()), hex::encode(bytes));
	assert_eq!(T::decode_all(&mut &bytes[..]).unwrap(), value);
}

#[test]
fn should_match_when_a_payload_is_built() {
	for (call, bytes) in [
		(enrol(), PAYLOAD_ENROL),
		(leave(), PAYLOAD_LEAVE),
		(commit(), PAYLOAD_COMMIT),
		(reveal(), PAYLOAD_REVEAL),
		(settle_product(), PAYLOAD_PRODUCT),
	] {
		assert_eq!(hex::encode(call.payload(GENESIS, VALID_UNTIL)), hex::encode(bytes));
	}
}

#[test]
fn should_match_when_a_signed_call_is_encoded() {
	check(signed(enrol()), SIGNED_ENROL);
	check(signed(leave()), SIGNED_LEAVE);
	check(signed(commit()), SIGNED_COMMIT);
	check(signed(reveal()), SIGNED_REVEAL);
	check(signed(settle_product()), SIGNED_PRODUCT);
}

#[test]
fn should_match_when_a_request_is_encoded() {
	let workers = vec![(worker(), view()), (WorkerKey::from_raw([0x33; 32]), nothing())];
	check(AttestRequest { genesis: GENESIS, workers }, REQUEST);
}

#[test]
fn should_match_when_a_response_is_encoded() {
	let response = AttestResponse {
		keys: vec![worker()].try_into().unwrap(),
		calls: vec![signed(commit()), signed(reveal())].try_into().unwrap(),
	};
	check(response, RESPONSE);
}
