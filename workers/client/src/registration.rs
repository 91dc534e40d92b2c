//! The file that a worker hands to its operator: everything that `register_worker` needs.

use io_primitives::{
	AccountId, Locator, WorkerKey,
	mesh::{EndpointKey, endpoint_payload},
	worker::{Engines, Profile},
};
use serde::{Deserialize, Serialize};
use sp_core::{
	H256,
	crypto::{Pair, Ss58Codec},
	ed25519, sr25519,
};

use crate::amount;

/// A device's wish to be registered, signed with its hot key for one operator on one chain.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
	/// The device's hot key, 32 bytes in hex.
	pub worker_key: String,
	/// Address of the operator that may register it.
	pub operator: String,
	/// Genesis hash of the chain, in hex.
	pub genesis: String,
	/// What the device offers.
	pub profile: ProfileFile,
	/// Signature of the hot key, 64 bytes in hex: see [`io_primitives::call::registration_payload`].
	pub proof: String,
	/// Endpoints of the device in the mesh that are to be registered with it.
	#[serde(default, skip_serializing_if = "Vec::is_empty")]
	pub mesh: Vec<EndpointFile>,
}

/// An endpoint's consent to stand for a device of the operator.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointFile {
	/// Its key, 32 bytes in hex.
	pub endpoint: String,
	/// Its signature, 64 bytes in hex: see [`io_primitives::mesh::endpoint_payload`].
	pub proof: String,
}

impl EndpointFile {
	/// Puts it together.
	pub fn new(endpoint: &EndpointKey, proof: &ed25519::Signature) -> Self {
		Self {
			endpoint: format!("0x{}", hex::encode(endpoint.0)),
			proof: format!("0x{}", hex::encode(proof.0)),
		}
	}

	/// Key and signature.
	pub fn read(&self) -> Result<(EndpointKey, ed25519::Signature)> {
		let endpoint = bytes("mesh.endpoint", &self.endpoint).map(EndpointKey::from_raw)?;
		Ok((endpoint, ed25519::Signature::from_raw(bytes("mesh.proof", &self.proof)?)))
	}
}

/// A [`Profile`] as people read and write it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileFile {
	/// Hardware class.
	pub class: u16,
	/// What one unit costs, in IO.
	pub ask_per_unit: String,
	/// Jobs that it runs at the same time.
	pub capacity: u8,
	/// Engines that it has, one bit each; 1 is WebAssembly.
	pub engines: u8,
	/// Key to which inputs are sealed, 32 bytes in hex.
	pub x25519: String,
	/// Where it can be reached.
	#[serde(default)]
	pub endpoints: Vec<String>,
}

/// Why a registration cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RegistrationError {
	/// A part of it is not what it should be.
	#[error(
		"the registration's {field} is wrong: {reason}. Make the file again with `io-worker register`"
	)]
	Field {
		/// Which part.
		field: &'static str,
		/// What is wrong.
		reason: String,
	},
	/// The signature fits something else.
	#[error(
		"the registration's proof does not fit it: it was made for another operator or another chain, or changed since. Make the file again with `io-worker register`"
	)]
	Proof,
}

type Result<T> = core::result::Result<T, RegistrationError>;

fn wrong(field: &'static str, reason: impl ToString) -> RegistrationError {
	RegistrationError::Field { field, reason: reason.to_string() }
}

fn bytes<const N: usize>(field: &'static str, text: &str) -> Result<[u8; N]> {
	let bytes =
		hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(|e| wrong(field, e))?;
	let len = bytes.len();
	bytes.try_into().map_err(|_| wrong(field, format!("it has {len} bytes instead of {N}")))
}

impl Registration {
	/// Puts a registration together.
	pub fn new(
		worker: &WorkerKey,
		operator: &AccountId,
		genesis: H256,
		profile: &Profile,
		proof: &sr25519::Signature,
	) -> Self {
		Self {
			worker_key: format!("0x{}", hex::encode(worker.0)),
			operator: operator.to_ss58check(),
			genesis: format!("0x{}", hex::encode(genesis)),
			profile: profile.into(),
			proof: format!("0x{}", hex::encode(proof.0)),
			mesh: Vec::new(),
		}
	}

	/// The device's hot key.
	pub fn worker_key(&self) -> Result<WorkerKey> {
		bytes("worker_key", &self.worker_key).map(WorkerKey::from_raw)
	}

	/// The operator that it was made for.
	pub fn operator(&self) -> Result<AccountId> {
		AccountId::from_ss58check(&self.operator).map_err(|e| wrong("operator", format!("{e:?}")))
	}

	/// The chain that it was made for.
	pub fn genesis(&self) -> Result<H256> {
		bytes("genesis", &self.genesis).map(H256)
	}

	/// The signature.
	pub fn proof(&self) -> Result<sr25519::Signature> {
		bytes("proof", &self.proof).map(sr25519::Signature::from_raw)
	}

	/// Checks that the hot key, and each endpoint, signed for this operator on this chain.
	pub fn verify(&self) -> Result<()> {
		let (genesis, operator) = (self.genesis()?, self.operator()?);
		let payload = io_primitives::call::registration_payload(genesis, &operator);
		if !sr25519::Pair::verify(&self.proof()?, payload, &self.worker_key()?) {
			return Err(RegistrationError::Proof);
		}
		let payload = endpoint_payload(genesis, &operator);
		for file in &self.mesh {
			let (endpoint, proof) = file.read()?;
			if !ed25519::Pair::verify(&proof, &payload, &endpoint) {
				return Err(RegistrationError::Proof);
			}
		}
		Ok(())
	}
}

impl ProfileFile {
	/// The profile as the chain takes it.
	pub fn profile(&self) -> Result<Profile> {
		let endpoints = self
			.endpoints
			.iter()
			.map(|text| {
				Locator::try_from(text.as_bytes().to_vec())
					.map_err(|_| wrong("endpoints", format!("{text:?} has more than 256 bytes")))
			})
			.collect::<Result<Vec<_>>>()?
			.try_into()
			.map_err(|_| wrong("endpoints", "there are more than 4"))?;
		Ok(Profile {
			class: self.class,
			ask_per_unit: amount::parse(&self.ask_per_unit)
				.map_err(|e| wrong("ask_per_unit", e))?,
			capacity: self.capacity,
			engines: Engines(self.engines),
			x25519: bytes("x25519", &self.x25519)?,
			endpoints,
		})
	}
}

impl From<&Profile> for ProfileFile {
	fn from(profile: &Profile) -> Self {
		Self {
			class: profile.class,
			ask_per_unit: amount::format(profile.ask_per_unit),
			capacity: profile.capacity,
			engines: profile.engines.0,
			x25519: format!("0x{}", hex::encode(profile.x25519)),
			endpoints: profile
				.endpoints
				.iter()
				.map(|endpoint| String::from_utf8_lossy(endpoint).into_owned())
				.collect(),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn registration() -> Registration {
		let pair = sr25519::Pair::from_seed(&[1; 32]);
		let operator = AccountId::new([2; 32]);
		let genesis = H256([3; 32]);
		let profile = Profile {
			class: 0,
			ask_per_unit: amount::UNIT / 4,
			capacity: 2,
			engines: Engines::WASM,
			x25519: [4; 32],
			endpoints: vec![b"http://127.0.0.1:9651".to_vec().try_into().unwrap()]
				.try_into()
				.unwrap(),
		};
		let proof = pair.sign(&io_primitives::call::registration_payload(genesis, &operator));
		Registration::new(&pair.public(), &operator, genesis, &profile, &proof)
	}

	#[test]
	fn should_read_back_what_it_writes() {
		let made = registration();
		let text = serde_json::to_string(&made).unwrap();
		let read: Registration = serde_json::from_str(&text).unwrap();
		assert_eq!(read, made);
		assert_eq!(read.verify(), Ok(()));
		assert_eq!(ProfileFile::from(&read.profile.profile().unwrap()), made.profile);
	}

	#[test]
	fn should_refuse_when_an_endpoint_did_not_sign_for_the_operator() {
		let mut made = registration();
		let pair = ed25519::Pair::from_seed(&[5; 32]);
		let payload = endpoint_payload(H256([3; 32]), &AccountId::new([2; 32]));
		made.mesh = vec![EndpointFile::new(&pair.public(), &pair.sign(&payload))];
		assert_eq!(made.verify(), Ok(()));
		let other = endpoint_payload(H256([3; 32]), &AccountId::new([9; 32]));
		made.mesh = vec![EndpointFile::new(&pair.public(), &pair.sign(&other))];
		assert_eq!(made.verify(), Err(RegistrationError::Proof));
	}

	#[test]
	fn should_refuse_proof_when_operator_is_another() {
		let mut made = registration();
		made.operator = AccountId::new([9; 32]).to_ss58check();
		assert_eq!(made.verify(), Err(RegistrationError::Proof));
	}

	#[test]
	fn should_name_field_when_it_is_wrong() {
		let mut made = registration();
		made.worker_key = "0x12".into();
		assert!(matches!(made.verify(), Err(RegistrationError::Field { field: "worker_key", .. })));
	}
}
