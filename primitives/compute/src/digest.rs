//! Digest of a result, and the commitment to it.

use blake2::{
	digest::{consts::U32, Digest},
	Blake2b,
};
use sp_core::H256;

use crate::{
	job::{JobId, ReplicaId},
	worker::WorkerKey,
};

/// Domain tag of result digests.
pub const RESULT_TAG: &[u8] = b"io job result v1";

/// Digest of a result:
/// `blake3("io job result v1" || genesis || job_id || exit_code || units || blake3(output archive))`,
/// integers little-endian. It holds nothing that differs between honest machines.
pub fn result_digest(genesis: H256, job: JobId, exit_code: i32, units: u64, output: H256) -> H256 {
	let mut hasher = blake3::Hasher::new();
	hasher.update(RESULT_TAG);
	hasher.update(genesis.as_bytes());
	hasher.update(&job.to_le_bytes());
	hasher.update(&exit_code.to_le_bytes());
	hasher.update(&units.to_le_bytes());
	hasher.update(output.as_bytes());
	H256(*hasher.finalize().as_bytes())
}

/// The secret part of a result that a commitment hides and a reveal shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opening {
	/// See [`result_digest`].
	pub digest: H256,
	/// Units that the execution used.
	pub units: u64,
	/// The program's exit code.
	pub exit_code: i32,
	/// 32 random bytes.
	pub salt: [u8; 32],
}

/// Commitment to a result:
/// `blake2_256(worker || job || replica || attempt || digest || units || exit_code || salt)`, integers
/// little-endian. The worker's key is part of it, so nobody can open a copy of somebody else's commitment.
pub fn commitment(
	worker: &WorkerKey,
	job: JobId,
	replica: ReplicaId,
	attempt: u8,
	opening: &Opening,
) -> H256 {
	let mut hasher = Blake2b::<U32>::new();
	hasher.update(worker.0);
	hasher.update(job.to_le_bytes());
	hasher.update([replica, attempt]);
	hasher.update(opening.digest.as_bytes());
	hasher.update(opening.units.to_le_bytes());
	hasher.update(opening.exit_code.to_le_bytes());
	hasher.update(opening.salt);
	H256(hasher.finalize().into())
}

/// Units of an execution that used `fuel`: whole units, rounded up, at least one.
pub fn units_from_fuel(fuel: u64) -> u64 {
	fuel.div_ceil(crate::FUEL_PER_UNIT).max(1)
}
