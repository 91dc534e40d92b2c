//! The file with which an operator registers this worker.

use io_client::{EndpointFile, Registration};
use io_mesh::{ContentAt, ListedRelay};
use io_primitives::{
	AccountId, Balance, ClassId, Engines, Locator, Profile,
	mesh::{EndpointKey, endpoint_payload},
};
use sp_core::{H256, crypto::Ss58Codec};

use crate::{config::Config, keystore::Keys};

/// Why there is no registration.
#[derive(thiserror::Error, Debug)]
pub enum Error {
	/// The operator's address is wrong.
	#[error(
		"`{0}` is not an address: give the operator's SS58 address or 0x and 64 hexadecimal digits"
	)]
	Operator(String),
	/// An endpoint is too long, or there are too many.
	#[error("endpoint `{0}` is longer than 256 bytes, or there are more than 4")]
	Endpoint(String),
	/// The mesh.
	#[error("the address in the mesh: {0}")]
	Mesh(#[from] io_mesh::Error),
}

/// Where the worker with these settings and keys can be reached: in the mesh, over HTTP, or both.
pub fn endpoints(
	config: &Config,
	keys: &Keys,
	relays: &[ListedRelay],
) -> Result<Vec<String>, Error> {
	let mut endpoints = Vec::new();
	if !relays.is_empty() {
		let at = ContentAt { peer: keys.identity().address(relays)?, hash: None };
		let text = at.fitting(Locator::bound()).ok_or(Error::Endpoint(at.to_string()))?;
		endpoints.push(text);
	}
	if relays.is_empty() || config.content.public_url.is_some() {
		endpoints.push(config.public_url(config.content.listen));
	}
	Ok(endpoints)
}

/// Reads an address in either form.
pub fn parse_account(text: &str) -> Result<AccountId, Error> {
	if let Ok(account) = AccountId::from_ss58check(text) {
		return Ok(account);
	}
	match crate::config::parse_hash(text) {
		Ok(hash) if text.starts_with("0x") => Ok(AccountId::from(hash.0)),
		_ => Err(Error::Operator(text.into())),
	}
}

/// What the owner offers.
#[derive(Clone, Debug)]
pub struct Offer {
	/// Hardware class.
	pub class: ClassId,
	/// What one unit costs, in the smallest unit of IO Coin.
	pub ask_per_unit: Balance,
	/// Jobs at the same time.
	pub capacity: u8,
	/// Where the worker can be reached.
	pub endpoints: Vec<String>,
	/// Lanes whose endpoints are to be registered on chain.
	pub lanes: usize,
}

/// Signs the worker's consent to be registered by `operator`.
pub fn sign(
	keys: &Keys,
	genesis: H256,
	operator: &AccountId,
	offer: &Offer,
) -> Result<Registration, Error> {
	let mut profile = Profile {
		class: offer.class,
		ask_per_unit: offer.ask_per_unit,
		capacity: offer.capacity,
		engines: Engines(Engines::WASM.0 | Engines::KERNEL.0),
		x25519: keys.public().x25519,
		endpoints: Default::default(),
	};
	for endpoint in &offer.endpoints {
		let wrong = || Error::Endpoint(endpoint.clone());
		let locator = Locator::try_from(endpoint.clone().into_bytes()).map_err(|_| wrong())?;
		profile.endpoints.try_push(locator).map_err(|_| wrong())?;
	}
	let proof = keys.sign_registration(genesis, operator);
	let mut made = Registration::new(&keys.worker(), operator, genesis, &profile, &proof);
	let (identity, payload) = (keys.identity(), endpoint_payload(genesis, operator));
	made.mesh = (0..offer.lanes)
		.map(|lane| {
			let endpoint = EndpointKey::from_raw(identity.endpoint(lane).0);
			EndpointFile::new(&endpoint, &identity.sign(lane, &payload))
		})
		.collect();
	Ok(made)
}

#[cfg(test)]
mod tests {
	use super::*;

	fn offer() -> Offer {
		Offer {
			class: 1,
			ask_per_unit: 1_000,
			capacity: 2,
			endpoints: vec!["http://127.0.0.1:9651".into()],
			lanes: 2,
		}
	}

	#[test]
	fn should_verify_when_a_registration_was_signed() {
		let keys = Keys::from_secrets(&[7; 32], [1; 32]).unwrap();
		let operator = AccountId::from([5; 32]);
		let made = sign(&keys, H256::repeat_byte(2), &operator, &offer()).unwrap();
		made.verify().unwrap();
		assert_eq!(made.worker_key().unwrap(), keys.worker());
		assert_eq!(made.profile.profile().unwrap().ask_per_unit, 1_000);
	}

	#[test]
	fn should_read_both_forms_when_an_account_is_given() {
		let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
		let hex = "0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";
		assert_eq!(parse_account(alice).unwrap(), parse_account(hex).unwrap());
		assert!(parse_account("alice").is_err());
	}

	#[test]
	fn should_refuse_when_there_are_too_many_endpoints() {
		let keys = Keys::from_secrets(&[7; 32], [1; 32]).unwrap();
		let mut offer = offer();
		offer.endpoints = vec!["http://x".into(); 5];
		assert!(sign(&keys, H256::zero(), &AccountId::from([5; 32]), &offer).is_err());
	}
}
