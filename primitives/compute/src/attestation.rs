//! Proofs of computing power: what a device says to the chain, and what the chain says of it.
//!
//! The proof itself, its bytes and its mathematics are in `io-tflops`; this module carries it. A device's hot key signs
//! [`AttestationCall::payload`]; nobody pays for these calls.
//!
//! Off-chain workers and gateways speak `POST /v1/attest`, SCALE both ways, under the rules of [`crate::gateway`].

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::{sr25519, ConstU32, H256};
use sp_runtime::BoundedVec;

use crate::{
	gateway::client::{Answer, Keys},
	job::JobId,
	worker::WorkerKey,
	Balance, BlockNumber,
};

/// Domain tag of attestation calls.
pub const ATTESTATION_TAG: &[u8; 12] = b"io/attest/v1";
/// Path of the request between off-chain worker and gateway.
pub const ATTEST_PATH: &str = "/v1/attest";
/// Most devices of one worker: each has a chain of its own.
pub const MAX_DEVICES: u16 = 16;
/// Most bytes of a proof: a reveal with 128 openings of 29 levels, or a product of 1,024 rows, rounded up.
pub const MAX_PROOF_BYTES: u32 = 192 * 1024;
/// Most attestation calls in one answer of a gateway.
pub const MAX_ATTESTATIONS: u32 = 8;
/// A device's hot key may change or end an enrolment only when it is older than so many blocks, and `valid_until` of an
/// enrolment or a departure may lie no further ahead: so nobody can send either a second time.
pub const ENROLMENT_BLOCKS: BlockNumber = 50;
/// Most bytes of an answer of a gateway to `/v1/attest`.
pub const MAX_ATTEST_RESPONSE_BYTES: usize = 2 * 1024 * 1024;

/// Number of a class of devices in the table of the attestation pallet; not a hardware class of jobs.
pub type AttestationClass = u8;
/// Index of a device of a worker.
pub type DeviceIndex = u16;
/// Number of a window, counted from 1.
pub type WindowId = u64;
/// A proof, see `io-tflops` for its bytes.
pub type ProofBytes = BoundedVec<u8, ConstU32<MAX_PROOF_BYTES>>;

/// A class of devices: how large a matrix product they repeat. Dimensions are powers of two.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	serde::Serialize,
	serde::Deserialize,
)]
pub struct ClassParams {
	/// Version of the arithmetic, see `io-tflops`.
	pub arith: u8,
	/// Rows of the left matrix.
	pub m: u32,
	/// Columns of the right matrix.
	pub n: u32,
	/// Columns of the left matrix.
	pub k: u32,
	/// Fewest products of one round.
	pub min_lanes: u32,
	/// Most products of one round.
	pub max_lanes: u32,
	/// Entries that an audit opens, 1 to 128.
	pub openings: u32,
	/// Stake that is locked for each lane of a device, and lost with a false proof.
	pub bond_per_lane: Balance,
}

/// One call of a device. The index of a variant is the `call_kind` of the signed payload. `Proof` is [`ProofBytes`], or a
/// reference where the call is only looked at.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
#[scale_info(skip_type_params(Proof))]
pub enum AttestationCall<Proof = ProofBytes> {
	/// This device will take part in windows, each of its rounds having so many lanes. Replaces an earlier enrolment.
	#[codec(index = 0)]
	Enrol {
		/// The device.
		device: DeviceIndex,
		/// Its class.
		class: AttestationClass,
		/// Products of one round, a power of two.
		lanes: u32,
	},
	/// This device takes no part any more.
	#[codec(index = 1)]
	Leave {
		/// The device.
		device: DeviceIndex,
	},
	/// So many rounds are done, and this binds me to them.
	#[codec(index = 2)]
	Commit {
		/// The open window.
		window: WindowId,
		/// Its seed: in another fork the window of this number has another one, and the commitment must not count there.
		seed: H256,
		/// The device.
		device: DeviceIndex,
		/// Rounds, 1 to 128.
		rounds: u32,
		/// See `io_tflops`.
		commitment: H256,
	},
	/// Here are the roots, and the entries that the audit asks for.
	#[codec(index = 3)]
	Reveal {
		/// The window of the commitment.
		window: WindowId,
		/// What the audit asks for: in another fork the lot asks for other entries, and this answer must not count there.
		challenge: H256,
		/// The device.
		device: DeviceIndex,
		/// See `io_tflops`.
		proof: Proof,
	},
	/// Here is the zero-knowledge proof of a job's product.
	#[codec(index = 4)]
	SettleProduct {
		/// The job.
		job: JobId,
		/// See `io_tflops`.
		proof: Proof,
	},
}

impl<Proof: Encode> AttestationCall<Proof> {
	/// The bytes to sign: `SCALE(tag, genesis_hash, blake2_256(SCALE(call)), valid_until)`. The call is hashed because a
	/// proof can be long.
	pub fn payload(&self, genesis: H256, valid_until: BlockNumber) -> Vec<u8> {
		let body = self.using_encoded(sp_io::hashing::blake2_256);
		(ATTESTATION_TAG, genesis, body, valid_until).encode()
	}
}

/// An attestation call with its signature. Its bytes are the same whichever way they travel to the chain.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
#[scale_info(skip_type_params(Proof))]
pub struct SignedAttestation<Proof = ProofBytes> {
	/// Who says it.
	pub worker: WorkerKey,
	/// What it says.
	pub call: AttestationCall<Proof>,
	/// Last block in which it counts.
	pub valid_until: BlockNumber,
	/// Signature of [`AttestationCall::payload`].
	pub signature: sr25519::Signature,
}

/// A device that takes part in windows.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub struct Enrolment<AccountId> {
	/// Index of the device.
	pub device: DeviceIndex,
	/// Its class.
	pub class: AttestationClass,
	/// Products of one round.
	pub lanes: u32,
	/// The class as it was at enrolment.
	pub params: ClassParams,
	/// Who answers for it.
	pub operator: AccountId,
	/// Locked part of the operator's stake.
	pub bond: Balance,
	/// Block of the enrolment. The device takes part in windows that open later.
	pub since: BlockNumber,
}

/// The last window.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub struct Window {
	/// Its number.
	pub id: WindowId,
	/// Its seed, see `io_tflops`.
	pub seed: H256,
	/// Relay chain slot of its seed: the clock starts.
	pub slot: u64,
	/// Block in which it opened.
	pub block: BlockNumber,
	/// Last relay chain slot in which commitments count.
	pub last_slot: u64,
}

/// Rounds that a device has committed to, until they are certified or the device is slashed.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub struct Commitment {
	/// The window.
	pub window: WindowId,
	/// Seed of the window.
	pub seed: H256,
	/// The device.
	pub device: DeviceIndex,
	/// Rounds.
	pub rounds: u32,
	/// What binds the device to them.
	pub commitment: H256,
	/// Relay chain slots from the start of the window to the commitment, at least 1.
	pub slots: u32,
	/// What is asked for, once it is known; a device that is not audited gets its certificate without a reveal.
	pub audit: Option<Audit>,
}

/// What an audit asks for.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub struct Audit {
	/// See `io_tflops`.
	pub challenge: H256,
	/// Block in which it is too late to reveal.
	pub deadline: BlockNumber,
}

/// Proven computing power of one device.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub struct Certificate {
	/// The device.
	pub device: DeviceIndex,
	/// Its class.
	pub class: AttestationClass,
	/// The window in which it was proven.
	pub window: WindowId,
	/// int8 operations that were done, a multiplication and an addition counted as two.
	pub ops: u128,
	/// In how many relay chain slots of 6 seconds, rounded up.
	pub slots: u32,
	/// `ops` in 10^6 per second.
	pub mops: u64,
	/// Whether entries of it were checked; without an audit the threat of it has to do.
	pub audited: bool,
	/// Block in which it no longer counts.
	pub expires: BlockNumber,
}

/// What the chain knows of a worker's devices, and what they have to do now.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct AttestationView<AccountId> {
	/// The parachain's number: a proof of a product binds it.
	pub para: u32,
	/// The best block's number.
	pub now: BlockNumber,
	/// The relay chain's slot in it.
	pub slot: u64,
	/// Stake of the worker's operator that is free to be locked; `None` if the worker is not registered.
	pub free_bond: Option<Balance>,
	/// The classes of devices.
	pub classes: Vec<(AttestationClass, ClassParams)>,
	/// The worker's devices.
	pub enrolments: Vec<Enrolment<AccountId>>,
	/// The last window; `None` before the first.
	pub window: Option<Window>,
	/// Commitments that are not yet certified.
	pub commitments: Vec<Commitment>,
	/// Certificates that count.
	pub certificates: Vec<Certificate>,
	/// All of them together, in 10^6 int8 operations per second.
	pub mops: u64,
	/// Jobs of the worker whose product has to be proven, each with the block in which it is too late.
	pub products: Vec<(JobId, BlockNumber)>,
}

/// What the chain sees at one block for the keys of one gateway.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct AttestRequest<AccountId> {
	/// Which chain this is.
	pub genesis: H256,
	/// One entry for each key that the gateway announced.
	pub workers: Vec<(WorkerKey, AttestationView<AccountId>)>,
}

/// What a gateway answers.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug, Default)]
pub struct AttestResponse {
	/// Keys of the workers behind this gateway that prove computing power.
	pub keys: Keys,
	/// Calls to send.
	pub calls: BoundedVec<SignedAttestation, ConstU32<MAX_ATTESTATIONS>>,
}

impl Answer for AttestResponse {
	fn keys(&self) -> &Keys {
		&self.keys
	}
}
