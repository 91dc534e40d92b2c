//! What blocks did to the pool, read from the calls in their bodies: nodes keep those when they have long discarded the
//! states with the events.
//!
//! A call may have failed; whether all its coins are in the pool tells. Calls inside of other calls are found in batches only,
//! whose caller is known. Whoever follows the pool notices what is not found here, since coins are missing then.

use codec::{Compact, Decode};
use io_primitives::Balance;
use io_shielded::{Bundle, Coin, Hash, MintNote, OutputNote, wallet::ledger::Transfer};
use sp_core::H256;

use super::{POOL, micro};
use crate::{BlockInfo, Client, Error, Result, Runtime};

/// How deep batches may lie in each other.
const MAX_DEPTH: u32 = 8;
const BATCHES: [&str; 3] = ["batch", "batch_all", "force_batch"];

/// A call that makes coins, unless it fails.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PoolCall {
	/// `shield`.
	Mint {
		/// Who pays.
		depositor: Hash,
		/// Micro-IO.
		amount: u64,
		/// The note.
		note: MintNote,
	},
	/// `spend` or `relay`.
	Bundle(Box<Bundle>),
}

impl PoolCall {
	/// Whether these coins, from the first on, are those that it makes: then it did not fail.
	pub fn made(&self, coins: &[Coin]) -> bool {
		match self {
			Self::Mint { amount, note, .. } => {
				coins.first().is_some_and(|coin| note.coin(*amount).is_ok_and(|made| made == *coin))
			},
			Self::Bundle(bundle) => {
				let made: Vec<_> = bundle.outputs.iter().map(OutputNote::coin).collect();
				!made.is_empty() && coins.starts_with(&made)
			},
		}
	}

	/// What it did, if its first coin is the pool's coin number `first`.
	pub fn transfer(self, first: u64) -> Transfer {
		match self {
			Self::Mint { depositor, amount, note } => {
				Transfer::Mint { coin: first, depositor, amount, note }
			},
			Self::Bundle(bundle) => Transfer::Bundle {
				first,
				tags: bundle.inputs.iter().map(|input| input.tag).collect(),
				fee: bundle.fee,
				target: bundle.target,
				outputs: bundle.outputs.into_inner(),
			},
		}
	}
}

impl Client {
	/// A block, and the calls in its body that are for the pool. The state that would tell the block's version of the
	/// runtime may be gone, so that one has to be named.
	pub async fn pool_calls(
		&self,
		block: H256,
		runtime: &Runtime,
	) -> Result<(BlockInfo, Vec<PoolCall>)> {
		let (block, extrinsics) = self.body(block).await?;
		let mut calls = Vec::new();
		for extrinsic in &extrinsics {
			runtime.pool_calls(extrinsic, &mut calls);
		}
		Ok((block, calls))
	}

	/// Whether the node still has the state of a block.
	pub async fn has_state(&self, block: H256) -> Result<bool> {
		match self.pool_count(block).await {
			Ok(_) => Ok(true),
			Err(e) if e.is_discarded() => Ok(false),
			Err(e) => Err(e),
		}
	}
}

impl Runtime {
	/// Collects the pool's calls in an extrinsic. One that cannot be read, of another version of the runtime for example,
	/// has none.
	fn pool_calls(&self, extrinsic: &[u8], found: &mut Vec<PoolCall>) {
		let mut input = extrinsic;
		let bare = Compact::<u32>::decode(&mut input).is_err()
			|| input.first().is_none_or(|version| version & 0b1100_0000 == 0);
		if bare {
			// An inherent: large, and made by the block's author.
			return;
		}
		let metadata = self.metadata();
		let decoded = frame_decode::extrinsics::decode_extrinsic(
			&mut &extrinsic[..],
			&**metadata,
			metadata.types(),
		);
		let Ok(decoded) = decoded else { return };
		// A `MultiAddress` of the variant `Id`.
		let signer = decoded.signature_payload().and_then(|signature| {
			match extrinsic.get(signature.address_range())? {
				[0, account @ ..] => account.try_into().ok(),
				_ => None,
			}
		});
		if let Some(call) = extrinsic.get(decoded.call_data_range()) {
			// What cannot be read to its end may still have been read in part.
			let _ = self.collect(&mut &call[..], signer, MAX_DEPTH, found);
		}
	}

	/// Reads one call and moves `input` behind it.
	fn collect(
		&self,
		input: &mut &[u8],
		caller: Option<Hash>,
		depth: u32,
		found: &mut Vec<PoolCall>,
	) -> Result<()> {
		let failed = |reason: String| Error::decode("a call in a block", reason);
		let whole = *input;
		let ty = self.metadata().outer_enums().call_enum_ty();
		self.skip(input, ty).map_err(failed)?;
		let call = &whole[..whole.len() - input.len()];
		let [pallet, index, arguments @ ..] = call else { return Ok(()) };
		let pallet = self.metadata().pallet_by_call_index(*pallet);
		let name = pallet.as_ref().and_then(|pallet| {
			pallet.call_variant_by_index(*index).map(|call| (pallet.name(), call.name.as_str()))
		});
		let arguments = &mut &arguments[..];
		match (name, caller) {
			(Some((POOL, "shield")), Some(depositor)) => {
				let (Compact(value), note) = <(Compact<Balance>, MintNote)>::decode(arguments)
					.map_err(|e| failed(e.to_string()))?;
				// The pallet refuses any other amount.
				if let Ok(amount) = micro(value) {
					found.push(PoolCall::Mint { depositor, amount, note });
				}
			},
			(Some((POOL, "spend" | "relay")), _) => {
				let bundle = Bundle::decode(arguments).map_err(|e| failed(e.to_string()))?;
				found.push(PoolCall::Bundle(Box::new(bundle)));
			},
			(Some(("Utility", name)), _) if BATCHES.contains(&name) && depth > 0 => {
				let Compact(count) =
					Compact::<u32>::decode(arguments).map_err(|e| failed(e.to_string()))?;
				for _ in 0..count {
					self.collect(arguments, caller, depth - 1, found)?;
				}
			},
			_ => {},
		}
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use io_shielded::{PointBytes, Target, bundle::CIPHERTEXT, generators::generators};

	use super::*;

	fn coin(key: u8) -> Coin {
		Coin { key: [key; 32], commitment: [key + 100; 32] }
	}

	fn bundle(keys: &[u8]) -> PoolCall {
		let output = |&key: &u8| OutputNote {
			key: coin(key).key,
			commitment: coin(key).commitment,
			ephemeral: [0; 32],
			view_tag: [0; 2],
			ciphertext: [0; CIPHERTEXT],
		};
		let outputs: Vec<_> = keys.iter().map(output).collect();
		PoolCall::Bundle(Box::new(Bundle {
			inputs: Default::default(),
			outputs: outputs.try_into().unwrap(),
			fee: 0,
			fee_to: None,
			target: Target::None,
			era: 0,
			range_proof: Default::default(),
		}))
	}

	#[test]
	fn should_have_failed_when_not_all_coins_of_a_bundle_are_in_the_pool() {
		let call = bundle(&[1, 2]);
		assert!(call.made(&[coin(1), coin(2)]) && call.made(&[coin(1), coin(2), coin(3)]));
		assert!(!bundle(&[]).made(&[coin(1)]));
		let other = Coin { commitment: [0; 32], ..coin(2) };
		for coins in
			[&[][..], &[coin(1)], &[coin(1), coin(3)], &[coin(1), other], &[coin(2), coin(1)]]
		{
			assert!(!call.made(coins), "{coins:?}");
		}
	}

	#[test]
	fn should_have_failed_when_a_minted_coin_has_another_amount() {
		let key: PointBytes = generators().mask.compress().to_bytes();
		let note = MintNote { key, ephemeral: key, view_tag: [0; 2], ciphertext: [0; CIPHERTEXT] };
		let mint = |amount| PoolCall::Mint { depositor: [0; 32], amount, note };
		let coins = [note.coin(5).unwrap(), coin(1)];
		assert!(mint(5).made(&coins));
		assert!(!mint(6).made(&coins) && !mint(0).made(&coins) && !mint(5).made(&coins[1..]));
	}
}
