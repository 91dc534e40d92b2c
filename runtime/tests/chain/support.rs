//! A chain in memory: genesis from a preset, blocks with all inherents, transactions with all extensions.

use codec::{Decode, Encode};
use cumulus_primitives_core::{relay_chain::well_known_keys, PersistedValidationData};
use cumulus_primitives_parachain_inherent::ParachainInherentData;
use cumulus_test_relay_sproof_builder::RelayStateSproofBuilder;
use frame_support::traits::fungible::InspectHold;
use io_runtime::{
	constants::{RELAY_PARENT_OFFSET, SLOT_DURATION},
	genesis_config_presets,
	transaction::tx_extension,
	AccountId, Balance, Balances, Executive, Header, Nonce, Runtime, RuntimeCall,
	RuntimeGenesisConfig, RuntimeHoldReason, SignedPayload, System, UncheckedExtrinsic,
};
use sp_block_builder::runtime_decl_for_block_builder::BlockBuilderV6;
use sp_core::{sr25519, Pair, H256};
use sp_inherents::InherentData;
use sp_io::TestExternalities;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
	generic::{Digest, DigestItem, Era},
	traits::Header as _,
	transaction_validity::{TransactionSource, TransactionValidity},
	ApplyExtrinsicResult,
};

/// What the relay chain shows of its randomness.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shown {
	pub(crate) current_block: Option<H256>,
	pub(crate) one_epoch_ago: Option<H256>,
	/// Bytes in place of the current block's randomness.
	pub(crate) garbage: bool,
}

impl Shown {
	/// As on a development chain: only the older value.
	pub(crate) fn epoch(value: u8) -> Self {
		Self { one_epoch_ago: Some(H256::repeat_byte(value)), ..Default::default() }
	}
}

pub(crate) struct Chain {
	ext: TestExternalities,
	parent: Option<Header>,
	pub(crate) number: u32,
	slot: u64,
	/// Collators whose slots pass without a block.
	pub(crate) idle: Vec<Sr25519Keyring>,
}

fn merge(base: &mut serde_json::Value, patch: serde_json::Value) {
	match (base, patch) {
		(serde_json::Value::Object(base), serde_json::Value::Object(patch)) => {
			for (key, value) in patch {
				merge(base.entry(key).or_insert(serde_json::Value::Null), value);
			}
		},
		(base, patch) => *base = patch,
	}
}

/// The whole genesis that a preset patches.
pub(crate) fn preset(name: &str) -> serde_json::Value {
	let mut config = serde_json::to_value(RuntimeGenesisConfig::default()).unwrap();
	let patch = genesis_config_presets::get_preset(&name.into()).unwrap();
	merge(&mut config, serde_json::from_slice(&patch).unwrap());
	config
}

impl Chain {
	pub(crate) fn new(name: &str) -> Self {
		Self::from_genesis(&preset(name))
	}

	/// The network of a patch in `chain-spec/patches`, as `chain-spec/build.sh` makes it.
	pub(crate) fn patched(spec: &serde_json::Value) -> Self {
		let mut config = preset("local_testnet");
		if let Some(patch) = spec.pointer("/genesis/runtimeGenesis/patch") {
			merge(&mut config, patch.clone());
		}
		Self::from_genesis(&config)
	}

	fn from_genesis(config: &serde_json::Value) -> Self {
		let mut ext = TestExternalities::default();
		ext.execute_with(|| {
			let json = serde_json::to_vec(config).unwrap();
			frame_support::genesis_builder_helper::build_state::<RuntimeGenesisConfig>(json)
				.unwrap();
		});
		Self { ext, parent: None, number: 0, slot: 1_000, idle: Vec::new() }
	}

	pub(crate) fn development() -> Self {
		Self::new("development")
	}

	/// Reads or writes the state between blocks.
	pub(crate) fn state<R>(&mut self, f: impl FnOnce() -> R) -> R {
		self.ext.execute_with(f)
	}

	/// The next slot whose collator is not idle.
	fn next_slot(&mut self) -> u64 {
		let idle: Vec<_> = self.idle.iter().map(|who| who.public().into()).collect();
		let mut slot = self.slot + 1;
		self.state(|| {
			let authorities = pallet_aura::Authorities::<Runtime>::get();
			let author = |slot: u64| &authorities[(slot % authorities.len() as u64) as usize];
			while idle.contains(author(slot)) {
				slot += 1;
			}
		});
		slot
	}

	/// Builds the next block around `f`.
	pub(crate) fn block<R>(&mut self, shown: Shown, f: impl FnOnce() -> R) -> R {
		self.number += 1;
		let number = self.number;
		self.slot = self.next_slot();
		let slot = self.slot;
		let digest = Digest {
			logs: vec![DigestItem::PreRuntime(sp_consensus_aura::AURA_ENGINE_ID, slot.encode())],
		};
		let genesis = self.ext.execute_with(|| System::block_hash(0));
		let parent_hash = self.parent.as_ref().map_or(genesis, |parent| parent.hash());
		let header = Header::new(number, H256::zero(), H256::zero(), parent_hash, digest);
		let parent_head = self.parent.as_ref().map(Encode::encode).unwrap_or_default();
		let (result, header) = self.ext.execute_with(|| {
			Executive::initialize_block(&header);
			for inherent in
				Runtime::inherent_extrinsics(inherents(slot, number, parent_head, shown))
			{
				Executive::apply_extrinsic(inherent).unwrap().unwrap();
			}
			// Runs the hooks that stand between inherents and transactions, which need not come.
			Executive::inherents_applied();
			let result = f();
			(result, Executive::finalize_block())
		});
		self.parent = Some(header);
		self.ext.commit_all().unwrap();
		result
	}

	/// Builds a block with these transactions and returns what became of them.
	pub(crate) fn run(
		&mut self,
		transactions: impl IntoIterator<Item = UncheckedExtrinsic>,
	) -> Vec<ApplyExtrinsicResult> {
		let shown = Shown::epoch(self.number as u8);
		self.block(shown, || transactions.into_iter().map(Executive::apply_extrinsic).collect())
	}

	/// Builds empty blocks up to and with this one.
	pub(crate) fn run_to(&mut self, number: u32) {
		while self.number < number {
			self.run([]);
		}
	}

	/// Builds a block of calls by these accounts; all must succeed.
	pub(crate) fn must(&mut self, calls: impl IntoIterator<Item = (Sr25519Keyring, RuntimeCall)>) {
		for (who, call) in calls {
			let transaction = self.state(|| signed(who, call));
			let results = self.run([transaction]);
			results[0].unwrap().unwrap();
		}
	}

	/// Asks the pool's question.
	pub(crate) fn validate(&mut self, transaction: UncheckedExtrinsic) -> TransactionValidity {
		// The pool throws away what validation did to the state.
		self.state(|| {
			frame_support::hypothetically!({
				let at = System::block_hash(0);
				Executive::validate_transaction(TransactionSource::External, transaction, at)
			})
		})
	}
}

fn inherents(slot: u64, number: u32, parent_head: Vec<u8>, shown: Shown) -> InherentData {
	let mut proof = RelayStateSproofBuilder {
		para_id: genesis_config_presets::PARA_ID.into(),
		current_slot: slot.into(),
		included_para_head: Some(parent_head.into()),
		num_authorities: 2,
		..Default::default()
	};
	let mut keys: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
	if shown.garbage {
		keys.push((well_known_keys::CURRENT_BLOCK_RANDOMNESS.to_vec(), vec![7; 3]));
	} else if shown.current_block.is_some() {
		let value = shown.current_block.encode();
		keys.push((well_known_keys::CURRENT_BLOCK_RANDOMNESS.to_vec(), value));
	}
	match shown.one_epoch_ago {
		Some(value) => proof.randomness = value,
		// The builder always shows a value. One that does not decode is as good as none.
		None => keys.push((well_known_keys::ONE_EPOCH_AGO_RANDOMNESS.to_vec(), vec![7; 3])),
	}
	proof.additional_key_values = keys;
	let (root, state, descendants) =
		proof.into_state_root_proof_and_descendants(RELAY_PARENT_OFFSET.into());
	let parachain = ParachainInherentData {
		validation_data: PersistedValidationData {
			parent_head: Default::default(),
			relay_parent_storage_root: root,
			relay_parent_number: 1_000 + number,
			max_pov_size: Default::default(),
		},
		downward_messages: Default::default(),
		horizontal_messages: Default::default(),
		relay_chain_state: state,
		relay_parent_descendants: descendants,
		collator_peer_id: None,
	};
	let mut data = InherentData::new();
	data.put_data(cumulus_primitives_parachain_inherent::INHERENT_IDENTIFIER, &parachain).unwrap();
	data.put_data(*b"timstap0", &(slot * SLOT_DURATION)).unwrap();
	data
}

pub(crate) fn account(who: Sr25519Keyring) -> AccountId {
	who.to_account_id()
}

/// A signed transaction with the account's next nonce. Only inside of the chain's state.
pub(crate) fn signed(who: Sr25519Keyring, call: impl Into<RuntimeCall>) -> UncheckedExtrinsic {
	signed_with(who, call, System::account_nonce(account(who)), 0)
}

pub(crate) fn signed_with(
	who: Sr25519Keyring,
	call: impl Into<RuntimeCall>,
	nonce: Nonce,
	tip: Balance,
) -> UncheckedExtrinsic {
	let payload = SignedPayload::new(call.into(), tx_extension(Era::Immortal, nonce, tip)).unwrap();
	let signature = payload.using_encoded(|bytes| who.sign(bytes));
	let (call, extension, _) = payload.deconstruct();
	let transaction =
		UncheckedExtrinsic::new_signed(call, account(who).into(), signature.into(), extension);
	// As it comes from outside.
	UncheckedExtrinsic::decode(&mut &transaction.encode()[..]).unwrap()
}

/// The hot key of a worker.
pub(crate) fn hot_key(seed: u8) -> sr25519::Pair {
	sr25519::Pair::from_seed(&[seed; 32])
}

pub(crate) fn held(reason: impl Into<RuntimeHoldReason>, who: Sr25519Keyring) -> Balance {
	Balances::balance_on_hold(&reason.into(), &account(who))
}
