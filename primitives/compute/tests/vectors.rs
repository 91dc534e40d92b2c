//! The byte formats, frozen: every type that crosses the border between chain, off-chain worker, worker and wallet,
//! written out field by field. A test that fails here means that old and new programs no longer understand each other.
//!
//! The literals were made by a small SCALE encoder, BLAKE3 and BLAKE2 that share no code with this crate.
#![allow(clippy::unwrap_used, missing_docs)]

use codec::{DecodeAll, Encode};
use hex_literal::hex;
use io_primitives::{
	call::registration_payload,
	digest::{commitment, result_digest, units_from_fuel, Opening},
	gateway::{SyncRequest, SyncResponse, WorkerSync},
	job::{Kernel, Payee, Seat},
	AccountId, Assignment, Engines, FailReason, JobSpec, JobState, JobView, Locator, MissReason,
	OffenceReason, Outcome, Profile, Program, Reason, Replica, ReplicaState, SignedWorkerCall,
	Verification, WorkerCall, WorkerKey, WorkerView, FUEL_PER_UNIT, OPS_PER_UNIT,
};
use sp_core::{sr25519, Pair, H256};

const GENESIS: H256 = H256([0x11; 32]);

const OPERATOR: AccountId = AccountId::new([0x33; 32]);
const REQUESTER: AccountId = AccountId::new([0x44; 32]);
const JOB: u64 = 0x0a0b;
const VALID_UNTIL: u32 = 0x0102_0304;
const COIN: u128 = 1_000_000_000_000;

fn worker() -> WorkerKey {
	WorkerKey::from_raw([0x22; 32])
}

fn at(locator: &str) -> Locator {
	locator.as_bytes().to_vec().try_into().unwrap()
}

fn spec() -> JobSpec {
	JobSpec {
		program: Program::Wasm { hash: H256([0x55; 32]) },
		program_at: vec![at("http://a/p"), at("http://b/p")].try_into().unwrap(),
		input_at: vec![at("http://a/i")].try_into().unwrap(),
		input: H256([0x66; 32]),
		input_len: 0x0102,
		args: vec![b"-n".to_vec().try_into().unwrap(), Default::default()].try_into().unwrap(),
		class: 0x0304,
		max_units: 1_000,
		max_memory: 256,
		max_output: 1 << 20,
		price_per_unit: 5 * COIN,
		replicas: 3,
		quorum: 2,
		run_blocks: 100,
		encryption: None,
		min_perf: 0,
		verification: Verification::Quorum,
	}
}

fn kernel_spec() -> JobSpec {
	JobSpec {
		program: Program::Kernel { kind: Kernel::MatMulI8 { m: 2, k: 3, n: 4 } },
		program_at: Default::default(),
		input_at: Default::default(),
		input: H256::zero(),
		input_len: 0,
		args: Default::default(),
		class: 1,
		max_units: 1,
		max_memory: 1,
		max_output: 0,
		price_per_unit: 1,
		replicas: 1,
		quorum: 1,
		run_blocks: 1,
		encryption: Some([0xaa; 32]),
		min_perf: 50_000_000,
		verification: Verification::Dispute {
			context: H256([0xab; 32]),
			left: H256([0xcd; 32]),
			right: H256([0xef; 32]),
			blocks: 600,
		},
	}
}

fn profile() -> Profile {
	Profile {
		class: 0x0304,
		ask_per_unit: 4 * COIN,
		capacity: 2,
		engines: Engines(0b101),
		x25519: [0xaa; 32],
		endpoints: vec![at("http://c")].try_into().unwrap(),
	}
}

fn heartbeat() -> WorkerCall {
	WorkerCall::Heartbeat { seq: 7, load: 1 }
}

fn accept() -> WorkerCall {
	WorkerCall::Accept { job: JOB, replica: 2 }
}

fn decline() -> WorkerCall {
	WorkerCall::Decline { job: JOB, replica: 2 }
}

fn commit() -> WorkerCall {
	WorkerCall::Commit { job: JOB, replica: 2, commitment: H256([0x99; 32]) }
}

fn reveal() -> WorkerCall {
	WorkerCall::Reveal {
		job: JOB,
		replica: 2,
		digest: H256([0x77; 32]),
		units: 900,
		exit_code: -3,
		salt: [0x88; 32],
		output_at: at("http://a/o"),
	}
}

fn signed(call: WorkerCall) -> SignedWorkerCall {
	SignedWorkerCall {
		worker: worker(),
		call,
		valid_until: VALID_UNTIL,
		signature: sr25519::Signature::from_raw([0xbb; 64]),
	}
}

fn assignment() -> Assignment<AccountId> {
	Assignment {
		job: JOB,
		replica: 2,
		attempt: 1,
		requester: REQUESTER,
		job_state: JobState::Revealing,
		state: ReplicaState::Committed { commitment: H256([0x99; 32]) },
		deadline: 120,
		ask: 4 * COIN,
		bond: 12_000 * COIN,
		spec: spec(),
	}
}

fn view() -> WorkerView<AccountId> {
	WorkerView {
		worker: worker(),
		operator: OPERATOR,
		profile: profile(),
		online: true,
		heartbeat_seq: 7,
		last_heartbeat: Some(99),
		heartbeat_ttl: 50,
		live: vec![(JOB, 2)],
		reputation: 1_000_000,
		free_bond: 1_000 * COIN,
	}
}

fn job_view() -> JobView<AccountId> {
	JobView {
		id: JOB,
		requester: REQUESTER,
		state: JobState::Revealing,
		submitted_at: Some(90),
		next_timer: Some(130),
		escrow: 5,
		deposit: 6,
		spec: Some(kernel_spec()),
		replicas: vec![
			Replica {
				state: ReplicaState::Revealed {
					digest: H256([0x77; 32]),
					units: 900,
					exit_code: -3,
				},
				attempt: 1,
				deadline: 130,
				seat: Some(Seat {
					worker: worker(),
					operator: OPERATOR,
					ask: 4 * COIN,
					bond: 12_000 * COIN,
				}),
			},
			Replica {
				state: ReplicaState::Missed { reason: MissReason::Unrevealed },
				attempt: 3,
				deadline: 0,
				seat: None,
			},
		],
		outcome: Some(Outcome {
			id: JOB,
			requester: REQUESTER,
			state: JobState::Settled,
			fail_reason: None,
			ended_at: 140,
			digest: H256([0x77; 32]),
			units: 900,
			exit_code: -3,
			paid: 1,
			refunded: 2,
			fee: 3,
			payees: vec![Payee { replica: 2, worker: worker(), operator: OPERATOR, amount: 1 }]
				.try_into()
				.unwrap(),
		}),
	}
}

/// A WASM job.
const SPEC: &[u8] = &hex!(
	"00" // program: Wasm
	"5555555555555555555555555555555555555555555555555555555555555555" // hash
	"08" // program_at: 2
	"28" // program_at[0]: 10 bytes
	"687474703a2f2f612f70" // program_at[0]
	"28" // program_at[1]: 10 bytes
	"687474703a2f2f622f70" // program_at[1]
	"04" // input_at: 1
	"28" // input_at[0]: 10 bytes
	"687474703a2f2f612f69" // input_at[0]
	"6666666666666666666666666666666666666666666666666666666666666666" // input
	"0201000000000000" // input_len
	"08" // args: 2
	"08" // args[0]: 2 bytes
	"2d6e" // args[0]
	"00" // args[1]: 0 bytes
	"0403" // class
	"e803000000000000" // max_units
	"00010000" // max_memory
	"0000100000000000" // max_output
	"005039278c0400000000000000000000" // price_per_unit
	"03" // replicas
	"02" // quorum
	"64000000" // run_blocks
	"00" // encryption: none
	"0000000000000000" // min_perf
	"00" // verification: Quorum
);

/// A kernel job without input, with sealed output, for workers of proven performance, whose product can be disputed.
const SPEC_KERNEL: &[u8] = &hex!(
	"01" // program: Kernel
	"00" // MatMulI8
	"02000000" // m
	"03000000" // k
	"04000000" // n
	"00" // program_at: 0
	"00" // input_at: 0
	"0000000000000000000000000000000000000000000000000000000000000000" // input
	"0000000000000000" // input_len
	"00" // args: 0
	"0100" // class
	"0100000000000000" // max_units
	"01000000" // max_memory
	"0000000000000000" // max_output
	"01000000000000000000000000000000" // price_per_unit
	"01" // replicas
	"01" // quorum
	"01000000" // run_blocks
	"01" // encryption: some
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" // x25519 key
	"80f0fa0200000000" // min_perf
	"01" // verification: Dispute
	"abababababababababababababababababababababababababababababababab" // context
	"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd" // left
	"efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef" // right
	"58020000" // blocks
);

/// A profile.
const PROFILE: &[u8] = &hex!(
	"0403" // class
	"00409452a30300000000000000000000" // ask_per_unit
	"02" // capacity
	"05" // engines: Wasm, Oci
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" // x25519
	"04" // endpoints: 1
	"20" // endpoints[0]: 8 bytes
	"687474703a2f2f63" // endpoints[0]
);

/// What a worker has to do.
const ASSIGNMENT: &[u8] = &hex!(
	"0b0a000000000000" // job
	"02" // replica
	"01" // attempt
	"4444444444444444444444444444444444444444444444444444444444444444" // requester
	"02" // job_state: Revealing
	"03" // state: Committed
	"9999999999999999999999999999999999999999999999999999999999999999" // commitment
	"78000000" // deadline
	"00409452a30300000000000000000000" // ask
	"00004eb9efa12a000000000000000000" // bond
	"00" // program: Wasm
	"5555555555555555555555555555555555555555555555555555555555555555" // hash
	"08" // program_at: 2
	"28" // program_at[0]: 10 bytes
	"687474703a2f2f612f70" // program_at[0]
	"28" // program_at[1]: 10 bytes
	"687474703a2f2f622f70" // program_at[1]
	"04" // input_at: 1
	"28" // input_at[0]: 10 bytes
	"687474703a2f2f612f69" // input_at[0]
	"6666666666666666666666666666666666666666666666666666666666666666" // input
	"0201000000000000" // input_len
	"08" // args: 2
	"08" // args[0]: 2 bytes
	"2d6e" // args[0]
	"00" // args[1]: 0 bytes
	"0403" // class
	"e803000000000000" // max_units
	"00010000" // max_memory
	"0000100000000000" // max_output
	"005039278c0400000000000000000000" // price_per_unit
	"03" // replicas
	"02" // quorum
	"64000000" // run_blocks
	"00" // encryption: none
	"0000000000000000" // min_perf
	"00" // verification: Quorum
);

/// What an off-chain worker tells a gateway.
const REQUEST: &[u8] = &hex!(
	"1111111111111111111111111111111111111111111111111111111111111111" // genesis
	"65000000" // best
	"08" // workers: 2
	"2222222222222222222222222222222222222222222222222222222222222222" // workers[0].worker
	"01" // view: some
	"2222222222222222222222222222222222222222222222222222222222222222" // worker
	"3333333333333333333333333333333333333333333333333333333333333333" // operator
	"0403" // class
	"00409452a30300000000000000000000" // ask_per_unit
	"02" // capacity
	"05" // engines: Wasm, Oci
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" // x25519
	"04" // endpoints: 1
	"20" // endpoints[0]: 8 bytes
	"687474703a2f2f63" // endpoints[0]
	"01" // online
	"0700000000000000" // heartbeat_seq
	"01" // last_heartbeat: some
	"63000000" // block
	"32000000" // heartbeat_ttl
	"04" // live: 1
	"0b0a000000000000" // live[0].job
	"02" // live[0].replica
	"40420f00" // reputation
	"0080c6a47e8d03000000000000000000" // free_bond
	"04" // assignments: 1
	"0b0a000000000000" // job
	"02" // replica
	"01" // attempt
	"4444444444444444444444444444444444444444444444444444444444444444" // requester
	"02" // job_state: Revealing
	"03" // state: Committed
	"9999999999999999999999999999999999999999999999999999999999999999" // commitment
	"78000000" // deadline
	"00409452a30300000000000000000000" // ask
	"00004eb9efa12a000000000000000000" // bond
	"00" // program: Wasm
	"5555555555555555555555555555555555555555555555555555555555555555" // hash
	"08" // program_at: 2
	"28" // program_at[0]: 10 bytes
	"687474703a2f2f612f70" // program_at[0]
	"28" // program_at[1]: 10 bytes
	"687474703a2f2f622f70" // program_at[1]
	"04" // input_at: 1
	"28" // input_at[0]: 10 bytes
	"687474703a2f2f612f69" // input_at[0]
	"6666666666666666666666666666666666666666666666666666666666666666" // input
	"0201000000000000" // input_len
	"08" // args: 2
	"08" // args[0]: 2 bytes
	"2d6e" // args[0]
	"00" // args[1]: 0 bytes
	"0403" // class
	"e803000000000000" // max_units
	"00010000" // max_memory
	"0000100000000000" // max_output
	"005039278c0400000000000000000000" // price_per_unit
	"03" // replicas
	"02" // quorum
	"64000000" // run_blocks
	"00" // encryption: none
	"0000000000000000" // min_perf
	"00" // verification: Quorum
	"3333333333333333333333333333333333333333333333333333333333333333" // workers[1].worker
	"00" // view: none
	"00" // assignments: 0
);

/// What a gateway answers.
const RESPONSE: &[u8] = &hex!(
	"04" // keys: 1
	"2222222222222222222222222222222222222222222222222222222222222222" // keys[0]
	"08" // calls: 2
	"2222222222222222222222222222222222222222222222222222222222222222" // worker
	"00" // Heartbeat
	"0700000000000000" // seq
	"01" // load
	"04030201" // valid_until
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" // signature
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	"2222222222222222222222222222222222222222222222222222222222222222" // worker
	"04" // Reveal
	"0b0a000000000000" // job
	"02" // replica
	"7777777777777777777777777777777777777777777777777777777777777777" // digest
	"8403000000000000" // units
	"fdffffff" // exit_code
	"8888888888888888888888888888888888888888888888888888888888888888" // salt
	"28" // output_at: 10 bytes
	"687474703a2f2f612f6f" // output_at
	"04030201" // valid_until
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" // signature
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
);

/// A job as a dApp sees it.
const JOB_VIEW: &[u8] = &hex!(
	"0b0a000000000000" // id
	"4444444444444444444444444444444444444444444444444444444444444444" // requester
	"02" // state: Revealing
	"01" // submitted_at: some
	"5a000000" // block
	"01" // next_timer: some
	"82000000" // block
	"05000000000000000000000000000000" // escrow
	"06000000000000000000000000000000" // deposit
	"01" // spec: some
	"01" // program: Kernel
	"00" // MatMulI8
	"02000000" // m
	"03000000" // k
	"04000000" // n
	"00" // program_at: 0
	"00" // input_at: 0
	"0000000000000000000000000000000000000000000000000000000000000000" // input
	"0000000000000000" // input_len
	"00" // args: 0
	"0100" // class
	"0100000000000000" // max_units
	"01000000" // max_memory
	"0000000000000000" // max_output
	"01000000000000000000000000000000" // price_per_unit
	"01" // replicas
	"01" // quorum
	"01000000" // run_blocks
	"01" // encryption: some
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" // x25519 key
	"80f0fa0200000000" // min_perf
	"01" // verification: Dispute
	"abababababababababababababababababababababababababababababababab" // context
	"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd" // left
	"efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef" // right
	"58020000" // blocks
	"08" // replicas: 2
	"04" // state: Revealed
	"7777777777777777777777777777777777777777777777777777777777777777" // digest
	"8403000000000000" // units
	"fdffffff" // exit_code
	"01" // attempt
	"82000000" // deadline
	"01" // seat: some
	"2222222222222222222222222222222222222222222222222222222222222222" // seat.worker
	"3333333333333333333333333333333333333333333333333333333333333333" // seat.operator
	"0b00409452a303" // seat.ask, compact
	"0f00004eb9efa12a" // seat.bond, compact
	"05" // state: Missed
	"02" // Unrevealed
	"03" // attempt
	"00000000" // deadline
	"00" // seat: none
	"01" // outcome: some
	"0b0a000000000000" // id
	"4444444444444444444444444444444444444444444444444444444444444444" // requester
	"03" // state: Settled
	"00" // fail_reason: none
	"8c000000" // ended_at
	"7777777777777777777777777777777777777777777777777777777777777777" // digest
	"8403000000000000" // units
	"fdffffff" // exit_code
	"01000000000000000000000000000000" // paid
	"02000000000000000000000000000000" // refunded
	"03000000000000000000000000000000" // fee
	"04" // payees: 1
	"02" // payees[0].replica
	"2222222222222222222222222222222222222222222222222222222222222222" // worker
	"3333333333333333333333333333333333333333333333333333333333333333" // operator
	"01000000000000000000000000000000" // amount
);

/// What a hot key signs to be registered.
const REGISTRATION: &[u8] = &hex!(
	"696f2f72656769737465722f7631" // tag "io/register/v1"
	"1111111111111111111111111111111111111111111111111111111111111111" // genesis
	"3333333333333333333333333333333333333333333333333333333333333333" // operator
);

/// What a worker signs for `heartbeat`.
const PAYLOAD_HEARTBEAT: &[u8] = &hex!(
	"696f2f776f726b65722f7631" // tag "io/worker/v1"
	"1111111111111111111111111111111111111111111111111111111111111111" // genesis
	"00" // Heartbeat
	"0700000000000000" // seq
	"01" // load
	"04030201" // valid_until
);

/// The signed call `heartbeat`.
const SIGNED_HEARTBEAT: &[u8] = &hex!(
	"2222222222222222222222222222222222222222222222222222222222222222" // worker
	"00" // Heartbeat
	"0700000000000000" // seq
	"01" // load
	"04030201" // valid_until
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" // signature
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
);

/// What a worker signs for `accept`.
const PAYLOAD_ACCEPT: &[u8] = &hex!(
	"696f2f776f726b65722f7631" // tag "io/worker/v1"
	"1111111111111111111111111111111111111111111111111111111111111111" // genesis
	"01" // Accept
	"0b0a000000000000" // job
	"02" // replica
	"04030201" // valid_until
);

/// The signed call `accept`.
const SIGNED_ACCEPT: &[u8] = &hex!(
	"2222222222222222222222222222222222222222222222222222222222222222" // worker
	"01" // Accept
	"0b0a000000000000" // job
	"02" // replica
	"04030201" // valid_until
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" // signature
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
);

/// What a worker signs for `decline`.
const PAYLOAD_DECLINE: &[u8] = &hex!(
	"696f2f776f726b65722f7631" // tag "io/worker/v1"
	"1111111111111111111111111111111111111111111111111111111111111111" // genesis
	"02" // Decline
	"0b0a000000000000" // job
	"02" // replica
	"04030201" // valid_until
);

/// The signed call `decline`.
const SIGNED_DECLINE: &[u8] = &hex!(
	"2222222222222222222222222222222222222222222222222222222222222222" // worker
	"02" // Decline
	"0b0a000000000000" // job
	"02" // replica
	"04030201" // valid_until
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" // signature
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
);

/// What a worker signs for `commit`.
const PAYLOAD_COMMIT: &[u8] = &hex!(
	"696f2f776f726b65722f7631" // tag "io/worker/v1"
	"1111111111111111111111111111111111111111111111111111111111111111" // genesis
	"03" // Commit
	"0b0a000000000000" // job
	"02" // replica
	"9999999999999999999999999999999999999999999999999999999999999999" // commitment
	"04030201" // valid_until
);

/// The signed call `commit`.
const SIGNED_COMMIT: &[u8] = &hex!(
	"2222222222222222222222222222222222222222222222222222222222222222" // worker
	"03" // Commit
	"0b0a000000000000" // job
	"02" // replica
	"9999999999999999999999999999999999999999999999999999999999999999" // commitment
	"04030201" // valid_until
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" // signature
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
);

/// What a worker signs for `reveal`.
const PAYLOAD_REVEAL: &[u8] = &hex!(
	"696f2f776f726b65722f7631" // tag "io/worker/v1"
	"1111111111111111111111111111111111111111111111111111111111111111" // genesis
	"04" // Reveal
	"0b0a000000000000" // job
	"02" // replica
	"7777777777777777777777777777777777777777777777777777777777777777" // digest
	"8403000000000000" // units
	"fdffffff" // exit_code
	"8888888888888888888888888888888888888888888888888888888888888888" // salt
	"28" // output_at: 10 bytes
	"687474703a2f2f612f6f" // output_at
	"04030201" // valid_until
);

/// The signed call `reveal`.
const SIGNED_REVEAL: &[u8] = &hex!(
	"2222222222222222222222222222222222222222222222222222222222222222" // worker
	"04" // Reveal
	"0b0a000000000000" // job
	"02" // replica
	"7777777777777777777777777777777777777777777777777777777777777777" // digest
	"8403000000000000" // units
	"fdffffff" // exit_code
	"8888888888888888888888888888888888888888888888888888888888888888" // salt
	"28" // output_at: 10 bytes
	"687474703a2f2f612f6f" // output_at
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
fn should_match_when_a_job_spec_is_encoded() {
	check(spec(), SPEC);
	check(kernel_spec(), SPEC_KERNEL);
}

#[test]
fn should_match_when_new_variants_are_encoded() {
	let inputs = H256([0xda; 32]);
	check(Verification::Product { inputs }, &[&[2], inputs.as_bytes()].concat());
	check(JobState::Verifying, &[7]);
	check([FailReason::Refuted, FailReason::Unproven], &[2, 3]);
	check([MissReason::Refuted, MissReason::Unproven], &[4, 5]);
	check([OffenceReason::Refuted, OffenceReason::Unproven], &[4, 5]);
	check([OffenceReason::FalseCertificate, OffenceReason::UnrevealedCertificate], &[6, 7]);
	check(Reason::UncertifiedPerf, &[12]);
}

#[test]
fn should_match_when_a_profile_is_encoded() {
	check(profile(), PROFILE);
}

#[test]
fn should_match_when_a_payload_is_built() {
	for (call, bytes) in [
		(heartbeat(), PAYLOAD_HEARTBEAT),
		(accept(), PAYLOAD_ACCEPT),
		(decline(), PAYLOAD_DECLINE),
		(commit(), PAYLOAD_COMMIT),
		(reveal(), PAYLOAD_REVEAL),
	] {
		assert_eq!(hex::encode(call.payload(GENESIS, VALID_UNTIL)), hex::encode(bytes));
	}
}

#[test]
fn should_match_when_a_signed_call_is_encoded() {
	check(signed(heartbeat()), SIGNED_HEARTBEAT);
	check(signed(accept()), SIGNED_ACCEPT);
	check(signed(decline()), SIGNED_DECLINE);
	check(signed(commit()), SIGNED_COMMIT);
	check(signed(reveal()), SIGNED_REVEAL);
}

#[test]
fn should_match_when_a_registration_payload_is_built() {
	assert_eq!(hex::encode(registration_payload(GENESIS, &OPERATOR)), hex::encode(REGISTRATION));
}

#[test]
fn should_match_when_an_assignment_is_encoded() {
	check(assignment(), ASSIGNMENT);
}

#[test]
fn should_match_when_a_sync_request_is_encoded() {
	let request = SyncRequest {
		genesis: GENESIS,
		best: 101,
		workers: vec![
			WorkerSync { worker: worker(), view: Some(view()), assignments: vec![assignment()] },
			WorkerSync { worker: WorkerKey::from_raw([0x33; 32]), view: None, assignments: vec![] },
		],
	};
	check(request, REQUEST);
}

#[test]
fn should_match_when_a_sync_response_is_encoded() {
	let response = SyncResponse {
		keys: vec![worker()].try_into().unwrap(),
		calls: vec![signed(heartbeat()), signed(reveal())].try_into().unwrap(),
	};
	check(response, RESPONSE);
}

#[test]
fn should_match_when_a_job_view_is_encoded() {
	check(job_view(), JOB_VIEW);
}

#[test]
fn should_match_when_a_result_digest_is_computed() {
	let output = H256([0xcc; 32]);
	assert_eq!(
		result_digest(GENESIS, JOB, -3, 900, output).0,
		hex!("dcf3c2c500f10bc75f332afffb8919aa2e1cf64787755c95b3b534109e9e1f42")
	);
}

#[test]
fn should_match_when_a_commitment_is_computed() {
	let opening = Opening { digest: H256([0x77; 32]), units: 900, exit_code: -3, salt: [0x88; 32] };
	assert_eq!(
		commitment(&worker(), JOB, 2, 1, &opening).0,
		hex!("ba07111c36614e149d5ffa2c494d9776c3eb7f18bf69f37b227f992159722c50")
	);
}

#[test]
fn should_round_up_when_fuel_becomes_units() {
	for (fuel, units) in [
		(0, 1),
		(1, 1),
		(FUEL_PER_UNIT, 1),
		(FUEL_PER_UNIT + 1, 2),
		(u64::MAX, u64::MAX / FUEL_PER_UNIT + 1),
	] {
		assert_eq!(units_from_fuel(fuel), units);
	}
}

#[test]
fn should_count_two_operations_for_each_multiplication_and_addition() {
	let kernel = |m, k, n| Kernel::MatMulI8 { m, k, n };
	for (m, k, n, ops) in [
		(0, 1, 1, Some(0)),
		(1, 1, 1, Some(2)),
		(3, 5, 7, Some(210)),
		(65_536, 65_536, 65_536, Some(1 << 49)),
		(u32::MAX, 1 << 31, 1, Some(0xffff_ffff_0000_0000)),
		(u32::MAX, (1 << 31) + 1, 1, None),
		(u32::MAX, u32::MAX, u32::MAX, None),
	] {
		assert_eq!(kernel(m, k, n).ops(), ops, "{m} x {k} x {n}");
	}
}

#[test]
fn should_round_up_when_operations_become_units() {
	let units = |m, k, n| Kernel::MatMulI8 { m, k, n }.units();
	assert_eq!(OPS_PER_UNIT, 1_000_000_000_000);
	assert_eq!(units(1, 1, 1), Some(1));
	// Exactly one unit, and a little more.
	assert_eq!(units(10_000, 10_000, 5_000), Some(1));
	assert_eq!(units(10_000, 10_000, 5_001), Some(2));
	assert_eq!(units(65_536, 65_536, 65_536), Some(563));
	assert_eq!(units(u32::MAX, u32::MAX, 2), None);
}

/// The key that both libraries make of the same seed, and a signature that `schnorrkel` once made of
/// `PAYLOAD_REVEAL` with it.
const SEED: [u8; 32] = [0x5e; 32];
const PUBLIC: [u8; 32] = hex!("f211e23694387f5cf18a21d543fc78802f9aa359ed18a274267b07fb7383e50a");
const SIGNATURE: [u8; 64] = hex!(
	"0c1be412894ad7f1ea406fb95fccf28d7bb62ea6a91f7fde4b2e391f1ac05f11"
	"91be2185f7d52e334e54244ad9ebef8ae1423d1d79c52fbd10d66f60eea68e84"
);

fn keypair() -> schnorrkel::Keypair {
	schnorrkel::MiniSecretKey::from_bytes(&SEED)
		.unwrap()
		.expand_to_keypair(schnorrkel::ExpansionMode::Ed25519)
}

fn verifies(signature: [u8; 64], payload: &[u8]) -> bool {
	let signature = sr25519::Signature::from_raw(signature);
	sr25519::Pair::verify(&signature, payload, &WorkerKey::from_raw(PUBLIC))
}

#[test]
fn should_get_the_same_key_when_both_libraries_read_a_seed() {
	assert_eq!(hex::encode(keypair().public.to_bytes()), hex::encode(PUBLIC));
	assert_eq!(sr25519::Pair::from_seed(&SEED).public().0, PUBLIC);
}

#[test]
fn should_verify_when_a_worker_signs_with_schnorrkel() {
	let context = schnorrkel::signing_context(b"substrate");
	for payload in [
		PAYLOAD_HEARTBEAT,
		PAYLOAD_ACCEPT,
		PAYLOAD_DECLINE,
		PAYLOAD_COMMIT,
		PAYLOAD_REVEAL,
		REGISTRATION,
	] {
		let signature = keypair().sign(context.bytes(payload)).to_bytes();
		assert!(verifies(signature, payload));
	}
}

#[test]
fn should_verify_when_the_signature_is_an_old_one() {
	assert!(verifies(SIGNATURE, PAYLOAD_REVEAL));
}

#[test]
fn should_not_verify_when_the_context_is_another() {
	let context = schnorrkel::signing_context(b"io");
	let signature = keypair().sign(context.bytes(PAYLOAD_REVEAL)).to_bytes();
	assert!(!verifies(signature, PAYLOAD_REVEAL));
}

#[test]
fn should_not_verify_when_anything_of_the_payload_is_changed() {
	for (index, _) in PAYLOAD_REVEAL.iter().enumerate() {
		let mut payload = PAYLOAD_REVEAL.to_vec();
		payload[index] ^= 1;
		assert!(!verifies(SIGNATURE, &payload));
	}
}
