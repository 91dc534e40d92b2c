//! Batches, multi-signature accounts, proxies, preimages.

use crate::{
	constants::*, weights, AccountId, Balance, Balances, OriginCaller, Runtime, RuntimeCall,
	RuntimeEvent, RuntimeHoldReason, System,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	parameter_types,
	traits::{fungible::HoldConsideration, ConstU32, InstanceFilter, LinearStoragePrice},
};
use frame_system::EnsureRoot;
use scale_info::TypeInfo;
use sp_runtime::traits::BlakeTwo256;

impl pallet_utility::Config for Runtime {
	type PalletsOrigin = OriginCaller;
	type RuntimeCall = RuntimeCall;
	type RuntimeEvent = RuntimeEvent;
	type WeightInfo = weights::pallet_utility::WeightInfo<Runtime>;
}

parameter_types! {
	/// Deposit for an open multi-signature call.
	pub const MultisigDepositBase: Balance = deposit(1, 88);
	/// The same, for each signatory.
	pub const MultisigDepositFactor: Balance = deposit(0, 32);
	/// Deposit for an account that has proxies.
	pub const ProxyDepositBase: Balance = deposit(1, 40);
	/// The same, for each proxy.
	pub const ProxyDepositFactor: Balance = deposit(0, 37);
	/// Deposit for an account that announces delayed calls.
	pub const AnnouncementDepositBase: Balance = deposit(1, 48);
	/// The same, for each announcement.
	pub const AnnouncementDepositFactor: Balance = deposit(0, 68);
	/// Deposit for a preimage.
	pub const PreimageBaseDeposit: Balance = deposit(2, 64);
	/// The same, for each byte.
	pub const PreimageByteDeposit: Balance = deposit(0, 1);
	/// Under which name the deposit of a preimage is held.
	pub const PreimageHoldReason: RuntimeHoldReason =
		RuntimeHoldReason::Preimage(pallet_preimage::HoldReason::Preimage);
}

impl pallet_multisig::Config for Runtime {
	type BlockNumberProvider = System;
	type Currency = Balances;
	type DepositBase = MultisigDepositBase;
	type DepositFactor = MultisigDepositFactor;
	type MaxSignatories = ConstU32<100>;
	type RuntimeCall = RuntimeCall;
	type RuntimeEvent = RuntimeEvent;
	type WeightInfo = weights::pallet_multisig::WeightInfo<Runtime>;
}

/// What a proxy may do in the name of another account.
#[derive(
	Copy,
	Clone,
	Eq,
	PartialEq,
	Ord,
	PartialOrd,
	Encode,
	Decode,
	DecodeWithMemTracking,
	Debug,
	MaxEncodedLen,
	TypeInfo,
	Default,
)]
pub enum ProxyType {
	/// Everything.
	#[default]
	#[codec(index = 0)]
	Any,
	/// Everything that moves no money to others. Jobs cannot be submitted, since they pay others, and stake cannot be
	/// delegated, since it earns for others and answers for what they do.
	#[codec(index = 1)]
	NonTransfer,
	/// Refuse announced calls.
	#[codec(index = 2)]
	CancelProxy,
	/// Manage own stake, workers and relays of an operator, so that its cold key stays cold. Budgets for relays cannot be
	/// raised, since they pay others, and stake cannot be delegated: the proxy could have a pool of its own.
	#[codec(index = 3)]
	Operator,
}

/// Calls that manage own stake, workers and relays of an operator and move no money to others.
fn manages_operator(call: &RuntimeCall) -> bool {
	use pallet_io_staking::Call as Staking;
	matches!(
		call,
		RuntimeCall::IoStaking(
			Staking::register_operator { .. }
				| Staking::bond_extra { .. }
				| Staking::unbond { .. }
				| Staking::withdraw { .. }
				| Staking::apply_slash { .. }
				| Staking::candidate { .. }
				| Staking::back { .. }
				| Staking::set_commission { .. }
				| Staking::settle { .. }
				| Staking::claim { .. }
		) | RuntimeCall::IoJobs(
			pallet_io_jobs::Call::register_worker { .. }
				| pallet_io_jobs::Call::update_worker { .. }
				| pallet_io_jobs::Call::retire_worker { .. }
		) | RuntimeCall::IoMesh(
			pallet_io_mesh::Call::register_relay { .. }
				| pallet_io_mesh::Call::update_relay { .. }
				| pallet_io_mesh::Call::unregister_relay { .. }
				| pallet_io_mesh::Call::release_relay { .. }
				| pallet_io_mesh::Call::wake_relay { .. }
				| pallet_io_mesh::Call::register_endpoint { .. }
				| pallet_io_mesh::Call::remove_endpoint { .. }
				| pallet_io_mesh::Call::close_budget { .. }
				| pallet_io_mesh::Call::release_budget { .. }
		)
	)
}

impl InstanceFilter<RuntimeCall> for ProxyType {
	fn filter(&self, call: &RuntimeCall) -> bool {
		match self {
			ProxyType::Any => true,
			// A list of what is allowed, so that a new pallet is not allowed by accident.
			ProxyType::NonTransfer => {
				matches!(
					call,
					RuntimeCall::System(..)
						| RuntimeCall::Session(..)
						| RuntimeCall::Utility(..)
						| RuntimeCall::Multisig(..)
						| RuntimeCall::Preimage(..)
				) || manages_operator(call)
			},
			ProxyType::CancelProxy => {
				matches!(call, RuntimeCall::Proxy(pallet_proxy::Call::reject_announcement { .. }))
			},
			ProxyType::Operator => manages_operator(call),
		}
	}

	fn is_superset(&self, other: &Self) -> bool {
		match (self, other) {
			(a, b) if a == b => true,
			(ProxyType::Any, _) => true,
			(_, ProxyType::Any) => false,
			(ProxyType::NonTransfer, ProxyType::Operator) => true,
			_ => false,
		}
	}
}

impl pallet_proxy::Config for Runtime {
	type AnnouncementDepositBase = AnnouncementDepositBase;
	type AnnouncementDepositFactor = AnnouncementDepositFactor;
	type BlockNumberProvider = System;
	type CallHasher = BlakeTwo256;
	type Currency = Balances;
	type MaxPending = ConstU32<32>;
	type MaxProxies = ConstU32<32>;
	type ProxyDepositBase = ProxyDepositBase;
	type ProxyDepositFactor = ProxyDepositFactor;
	type ProxyType = ProxyType;
	type RuntimeCall = RuntimeCall;
	type RuntimeEvent = RuntimeEvent;
	type WeightInfo = weights::pallet_proxy::WeightInfo<Runtime>;
}

impl pallet_preimage::Config for Runtime {
	type Consideration = HoldConsideration<
		AccountId,
		Balances,
		PreimageHoldReason,
		LinearStoragePrice<PreimageBaseDeposit, PreimageByteDeposit, Balance>,
	>;
	type Currency = Balances;
	type ManagerOrigin = EnsureRoot<AccountId>;
	type RuntimeEvent = RuntimeEvent;
	type WeightInfo = weights::pallet_preimage::WeightInfo<Runtime>;
}
