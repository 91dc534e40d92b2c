//! What `io-node benchmark pallet` and `frame-omni-bencher` can measure. Only in builds with `runtime-benchmarks`.

use crate::{configs::xcm as messages, constants::*, *};
use alloc::{boxed::Box, string::String, vec::Vec};
use codec::Encode;
use cumulus_pallet_session_benchmarking::Pallet as SessionBench;
use cumulus_primitives_core::ParaId;
use frame_benchmarking::{add_benchmark, list_benchmark};
use frame_benchmarking::{BenchmarkBatch, BenchmarkConfig, BenchmarkError, BenchmarkList};
use frame_support::{
	parameter_types,
	traits::{fungible::Mutate, StorageInfo, StorageInfoTrait, WhitelistedStorageKeys},
};
use frame_system_benchmarking::{
	extensions::Pallet as SystemExtensionsBench, Pallet as SystemBench,
};
use pallet_xcm::benchmarking::Pallet as XcmBench;
use sp_core::storage::TrackedStorageKey;
use xcm::latest::prelude::*;

frame_benchmarking::define_benchmarks!(
	[cumulus_pallet_parachain_system, ParachainSystem]
	[cumulus_pallet_weight_reclaim, WeightReclaim]
	[cumulus_pallet_xcmp_queue, XcmpQueue]
	[frame_system, SystemBench::<Runtime>]
	[frame_system_extensions, SystemExtensionsBench::<Runtime>]
	[pallet_balances, Balances]
	[pallet_io_attestation, IoAttestation]
	[pallet_io_jobs, IoJobs]
	[pallet_io_mesh, IoMesh]
	[pallet_io_shielded, IoShielded]
	[pallet_io_staking, IoStaking]
	[pallet_message_queue, MessageQueue]
	[pallet_multisig, Multisig]
	[pallet_parameters, Parameters]
	[pallet_preimage, Preimage]
	[pallet_proxy, Proxy]
	[pallet_safe_mode, SafeMode]
	[pallet_scheduler, Scheduler]
	[pallet_session, SessionBench::<Runtime>]
	[pallet_timestamp, Timestamp]
	[pallet_transaction_payment, TransactionPayment]
	[pallet_treasury, Treasury]
	[pallet_tx_pause, TxPause]
	[pallet_utility, Utility]
	[pallet_xcm, XcmBench::<Runtime>]
	[pallet_xcm_benchmarks::fungible, XcmFungible]
	[pallet_xcm_benchmarks::generic, XcmGeneric]
);

impl frame_system_benchmarking::Config for Runtime {
	fn setup_set_code_requirements(code: &Vec<u8>) -> Result<(), BenchmarkError> {
		ParachainSystem::initialize_for_set_code_benchmark(code.len() as u32);
		Ok(())
	}

	fn verify_set_code() {
		System::assert_last_event(
			cumulus_pallet_parachain_system::Event::<Runtime>::ValidationFunctionStored.into(),
		);
	}
}

impl cumulus_pallet_session_benchmarking::Config for Runtime {
	fn generate_session_keys_and_proof(owner: AccountId) -> (SessionKeys, Vec<u8>) {
		let generated = SessionKeys::generate(&owner.encode(), None);
		(generated.keys, generated.proof.encode())
	}
}

impl pallet_transaction_payment::BenchmarkConfig for Runtime {}

parameter_types! {
	/// What a message's sender must own.
	pub ExistentialDepositAsset: Option<Asset> =
		Some((messages::NativeLocation::get(), EXISTENTIAL_DEPOSIT).into());
	/// A sibling that the benchmarks send to.
	pub const SiblingId: ParaId = ParaId::new(1000);
}

/// Makes deliveries to the relay chain and to the sibling possible.
type DeliveryHelper = (
	cumulus_primitives_utility::ToParentDeliveryHelper<
		messages::XcmConfig,
		ExistentialDepositAsset,
		messages::PriceForParentDelivery,
	>,
	polkadot_runtime_common::xcm_sender::ToParachainDeliveryHelper<
		messages::XcmConfig,
		ExistentialDepositAsset,
		messages::PriceForSiblingDelivery,
		SiblingId,
		ParachainSystem,
	>,
);

impl pallet_xcm::benchmarking::Config for Runtime {
	type DeliveryHelper = DeliveryHelper;

	fn reachable_dest() -> Option<Location> {
		Some(Location::parent())
	}

	fn teleportable_asset_and_dest() -> Option<(Asset, Location)> {
		None
	}

	fn reserve_transferable_asset_and_dest() -> Option<(Asset, Location)> {
		ParachainSystem::open_outbound_hrmp_channel_for_benchmarks_or_tests(SiblingId::get());
		Some((
			Asset { fun: Fungible(EXISTENTIAL_DEPOSIT), id: AssetId(Here.into()) },
			Location::new(1, [Parachain(SiblingId::get().into())]),
		))
	}

	fn set_up_complex_asset_transfer() -> Option<(Assets, u32, Location, Box<dyn FnOnce()>)> {
		ParachainSystem::open_outbound_hrmp_channel_for_benchmarks_or_tests(SiblingId::get());
		let dest = Location::new(1, [Parachain(SiblingId::get().into())]);
		let amount = EXISTENTIAL_DEPOSIT;
		let who: AccountId = frame_benchmarking::whitelisted_caller();
		let balance = amount.saturating_mul(1_000);
		Balances::mint_into(&who, balance).ok()?;
		let verify = Box::new(move || {
			assert!(Balances::free_balance(&who) <= balance - amount);
		});
		let asset = Asset { fun: Fungible(amount), id: AssetId(Here.into()) };
		Some((asset.into(), 0, dest, verify))
	}

	fn get_asset() -> Asset {
		Asset { id: AssetId(Location::here()), fun: Fungible(EXISTENTIAL_DEPOSIT) }
	}
}

type XcmFungible = pallet_xcm_benchmarks::fungible::Pallet<Runtime>;
type XcmGeneric = pallet_xcm_benchmarks::generic::Pallet<Runtime>;

impl pallet_xcm_benchmarks::Config for Runtime {
	type AccountIdConverter = messages::LocationToAccountId;
	type DeliveryHelper = DeliveryHelper;
	type XcmConfig = messages::XcmConfig;

	fn valid_destination() -> Result<Location, BenchmarkError> {
		Ok(Location::parent())
	}

	fn worst_case_holding(depositable_count: u32) -> xcm_executor::AssetsInHolding {
		let most = messages::MaxAssetsIntoHolding::get();
		pallet_xcm_benchmarks::generate_holding_assets(most.saturating_sub(depositable_count))
	}
}

parameter_types! {
	/// Nobody teleports to us.
	pub const NoTeleporter: Option<(Location, Asset)> = None;
	/// Nobody else is a reserve.
	pub const NoReserve: Option<(Location, Asset)> = None;
	/// Nothing is checked in or out.
	pub const NotChecked: Option<(AccountId, xcm_builder::MintLocation)> = None;
}

fn coins() -> Asset {
	Asset { id: AssetId(Location::here()), fun: Fungible(1_000 * IO) }
}

impl pallet_xcm_benchmarks::fungible::Config for Runtime {
	type CheckedAccount = NotChecked;
	type TransactAsset = Balances;
	type TrustedReserve = NoReserve;
	type TrustedTeleporter = NoTeleporter;

	fn get_asset() -> Asset {
		coins()
	}
}

impl pallet_xcm_benchmarks::generic::Config for Runtime {
	type RuntimeCall = RuntimeCall;
	type TransactAsset = Balances;

	fn worst_case_response() -> (u64, Response) {
		(0, Response::Version(Default::default()))
	}

	fn worst_case_asset_exchange() -> Result<(Assets, Assets), BenchmarkError> {
		Err(BenchmarkError::Skip)
	}

	fn universal_alias() -> Result<(Location, Junction), BenchmarkError> {
		Err(BenchmarkError::Skip)
	}

	fn transact_origin_and_runtime_call() -> Result<(Location, RuntimeCall), BenchmarkError> {
		let remark = Default::default();
		Ok((Location::parent(), frame_system::Call::remark_with_event { remark }.into()))
	}

	fn subscribe_origin() -> Result<Location, BenchmarkError> {
		Ok(Location::parent())
	}

	fn claimable_asset() -> Result<(Location, Location, Assets), BenchmarkError> {
		Ok((Location::parent(), Location::here(), coins().into()))
	}

	fn worst_case_for_trader() -> Result<(Asset, WeightLimit), BenchmarkError> {
		Ok((coins(), WeightLimit::Limited(Weight::from_parts(5_000, 5_000))))
	}

	fn unlockable_asset() -> Result<(Location, Location, Asset), BenchmarkError> {
		Err(BenchmarkError::Skip)
	}

	fn export_message_origin_and_destination(
	) -> Result<(Location, NetworkId, InteriorLocation), BenchmarkError> {
		Err(BenchmarkError::Skip)
	}

	fn alias_origin() -> Result<(Location, Location), BenchmarkError> {
		let origin = Location::new(1, [Parachain(SiblingId::get().into())]);
		let target = Location::new(
			1,
			[Parachain(SiblingId::get().into()), AccountId32 { network: None, id: [1; 32] }],
		);
		Ok((origin, target))
	}
}

/// Which benchmarks there are.
pub(crate) fn metadata(extra: bool) -> (Vec<BenchmarkList>, Vec<StorageInfo>) {
	let mut list = Vec::<BenchmarkList>::new();
	list_benchmarks!(list, extra);
	#[cfg(feature = "sudo")]
	list_benchmark!(list, extra, pallet_sudo, Sudo);
	(list, AllPalletsWithSystem::storage_info())
}

/// Runs one.
pub(crate) fn dispatch(config: BenchmarkConfig) -> Result<Vec<BenchmarkBatch>, String> {
	let mut batches = Vec::<BenchmarkBatch>::new();
	let whitelist: Vec<TrackedStorageKey> = AllPalletsWithSystem::whitelisted_storage_keys();
	let params = (&config, &whitelist);
	add_benchmarks!(params, batches);
	#[cfg(feature = "sudo")]
	add_benchmark!(params, batches, pallet_sudo, Sudo);
	if batches.is_empty() {
		return Err("this runtime has no such benchmark; see `--list`".into());
	}
	Ok(batches)
}
