//! Proofs of products that jobs made on this machine: the runner puts each into a file before its result is revealed, and
//! it stays there until the chain has settled the job.

use std::path::{Path, PathBuf};

use io_primitives::{
	JobId,
	attestation::{AttestationCall, ProofBytes},
};

use super::{State, forget::Missing, journal::Topic, sync::Sync};

/// Folder of the proofs inside of the data folder.
pub const FOLDER: &str = "products";

/// The proofs that wait to be sent.
#[derive(Clone, Debug)]
pub struct Products(PathBuf);

impl Products {
	/// The proofs of a data folder.
	pub fn new(data_dir: &Path) -> Products {
		Products(data_dir.join(FOLDER))
	}

	/// Where the proof of a job lies.
	pub fn path(&self, job: JobId) -> PathBuf {
		self.0.join(job.to_string())
	}

	/// The proof of a job, if there is one that the chain could take. Blocking.
	pub fn proof(&self, job: JobId) -> Option<ProofBytes> {
		let path = self.path(job);
		let bytes = match std::fs::read(&path) {
			Ok(bytes) => bytes,
			Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
			Err(error) => {
				tracing::error!(%error, path = %path.display(), "the proof of a product cannot be read");
				return None;
			},
		};
		let len = bytes.len();
		let proof = ProofBytes::try_from(bytes).ok().filter(|proof| !proof.is_empty());
		if proof.is_none() {
			tracing::error!(len, path = %path.display(), "no proof of a product has this length");
		}
		proof
	}

	/// Removes the proof of a job that is settled. Blocking.
	pub fn forget(&self, job: JobId) {
		let path = self.path(job);
		if let Err(error) = std::fs::remove_file(&path)
			&& error.kind() != std::io::ErrorKind::NotFound
		{
			tracing::warn!(%error, path = %path.display(), "the proof of a settled product cannot be removed");
		}
	}
}

impl Sync<'_> {
	/// Sends the proofs of products.
	pub(super) fn products(&mut self, state: &mut State) {
		for (job, deadline) in &self.view.products {
			state.missing.remove(&Missing::Product(*job));
			if self.view.now > *deadline {
				continue;
			}
			let topic = Topic::Product(*job);
			let before = self.book.calls.get(&topic);
			let call = match before.filter(|call| call.valid_until >= self.view.now) {
				Some(call) => call.clone(),
				None => {
					let Some(proof) = self.inner.products.proof(*job) else { continue };
					let call = AttestationCall::SettleProduct { job: *job, proof };
					let (call, _) = self.sign(None, call, self.until(*deadline));
					tracing::info!(job, "the proof of a product is sent");
					self.book.calls.insert(topic, call.clone());
					self.changes.calls.insert(topic);
					call
				},
			};
			self.calls.push(call);
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use io_primitives::attestation::MAX_PROOF_BYTES;

	#[test]
	fn should_give_a_proof_only_when_there_is_one_of_possible_length() {
		let folder = tempfile::tempdir().unwrap();
		let products = Products::new(folder.path());
		assert!(products.proof(1).is_none());
		std::fs::create_dir(folder.path().join(FOLDER)).unwrap();
		std::fs::write(products.path(1), [7; 100]).unwrap();
		std::fs::write(products.path(2), []).unwrap();
		std::fs::write(products.path(3), vec![0; MAX_PROOF_BYTES as usize + 1]).unwrap();
		assert_eq!(products.proof(1).unwrap().to_vec(), vec![7; 100]);
		assert!(products.proof(2).is_none());
		assert!(products.proof(3).is_none());
		products.forget(1);
		products.forget(1);
		assert!(products.proof(1).is_none());
	}
}
