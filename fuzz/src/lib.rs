#![doc = include_str!("../README.md")]

mod damage;
mod fraud;
mod mesh;
mod product;
mod reveal;
mod shielded;

pub use fraud::fraud;
pub use mesh::{mesh_wire, seal_open};
pub use product::product;
pub use reveal::reveal;
pub use shielded::shielded;

use codec::{DecodeAll, Encode};
use io_primitives::{
	gateway::{SyncRequest, SyncResponse, MAX_RESPONSE_BYTES},
	AccountId, JobSpec, SignedWorkerCall,
};

/// Decodes; what is understood must be the only encoding of its value.
fn decode<T: DecodeAll + Encode>(bytes: &[u8]) -> Option<T> {
	let value = T::decode_all(&mut &bytes[..]).ok()?;
	assert_eq!(value.encode(), bytes, "two encodings of one value");
	Some(value)
}

/// What a gateway answers, read by the off-chain worker.
pub fn sync_response(bytes: &[u8]) {
	if decode::<SyncResponse>(bytes).is_some() {
		assert!(bytes.len() <= MAX_RESPONSE_BYTES);
	}
}

/// What the off-chain worker sends, read by a gateway.
pub fn sync_request(bytes: &[u8]) {
	decode::<SyncRequest<AccountId>>(bytes);
}

/// A worker's call, read by the chain.
pub fn signed_worker_call(bytes: &[u8]) {
	if let Some(signed) = decode::<SignedWorkerCall>(bytes) {
		let payload = signed.call.payload(Default::default(), signed.valid_until);
		assert!(payload.ends_with(&signed.valid_until.to_le_bytes()));
		assert!(signed.call.same_step(&signed.call));
	}
}

/// A job, read by chain and worker.
pub fn job_spec(bytes: &[u8]) {
	if let Some(spec) = decode::<JobSpec>(bytes) {
		let _ = spec.program.engine();
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	/// Bytes of all seeds of a target.
	fn seeds(target: &str) -> Vec<Vec<u8>> {
		let folder = format!("{}/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
		std::fs::read_dir(folder)
			.expect("every target has seeds")
			.map(|entry| std::fs::read(entry.expect("it is there").path()).expect("it is a file"))
			.collect()
	}

	#[test]
	fn should_understand_every_seed_when_decoded() {
		assert!(seeds("sync_response").iter().all(|seed| decode::<SyncResponse>(seed).is_some()));
		assert!(seeds("sync_request")
			.iter()
			.all(|seed| decode::<SyncRequest<AccountId>>(seed).is_some()));
		assert!(seeds("signed_worker_call")
			.iter()
			.all(|seed| decode::<SignedWorkerCall>(seed).is_some()));
		assert!(seeds("job_spec").iter().all(|seed| decode::<JobSpec>(seed).is_some()));
	}

	#[test]
	fn should_survive_when_a_seed_is_cut_or_flipped() {
		for (target, run) in [
			("sync_response", sync_response as fn(&[u8])),
			("sync_request", sync_request),
			("signed_worker_call", signed_worker_call),
			("job_spec", job_spec),
			("verify_reveal", reveal),
			("fraud", fraud),
			("product", product),
			("shielded", shielded),
			("mesh_wire", mesh_wire),
			("seal_open", seal_open),
		] {
			for seed in seeds(target) {
				for at in 0..seed.len() {
					run(&seed[..at]);
					for bit in 0..8 {
						let mut flipped = seed.clone();
						flipped[at] ^= 1 << bit;
						run(&flipped);
					}
				}
			}
		}
	}
}
