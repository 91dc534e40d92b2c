//! Numbers that the administration can change without an upgrade, each with its default and its bounds.
//!
//! `pallet-parameters` stores what it is given; nothing checks it there. So every reader goes through a type of this
//! module that forces the value into its bounds ([`Bounded`]): a wrong vote cannot break the market, it takes the nearest
//! value that works. What is stored and what holds can then differ; the metadata constants show the defaults.

use crate::{constants::*, Balance, BlockNumber, Runtime, RuntimeEvent, RuntimeOrigin};
use alloc::vec::Vec;
use core::marker::PhantomData;
use frame_support::{
	dynamic_params::{dynamic_pallet_params, dynamic_params},
	traits::{ConstU128, ConstU32, EnsureOriginWithArg, Get},
};
use frame_system::ensure_root;

/// The parameters, grouped by the pallet that reads them.
#[dynamic_params(RuntimeParameters, pallet_parameters::Parameters::<Runtime>)]
#[allow(missing_docs)]
pub mod dynamic_params {
	use super::*;

	/// Stakes and slashes.
	#[dynamic_pallet_params]
	#[codec(index = 0)]
	pub mod staking {
		/// Least stake of an operator, in the smallest unit.
		#[codec(index = 0)]
		pub static MinOperatorStake: Balance = 100 * IO;
		/// Blocks from `unbond` to `withdraw`.
		#[codec(index = 1)]
		pub static UnbondingBlocks: BlockNumber = 7 * DAYS;
		/// Blocks from an offence to the payment of its slash.
		#[codec(index = 2)]
		pub static SlashDefer: BlockNumber = DAYS;
	}
}

/// A parameter forced into the bounds `[Min, Max]`.
pub struct Bounded<Parameter, Min, Max>(PhantomData<(Parameter, Min, Max)>);

impl<T: Ord, Parameter: Get<T>, Min: Get<T>, Max: Get<T>> Get<T> for Bounded<Parameter, Min, Max> {
	fn get() -> T {
		Parameter::get().max(Min::get()).min(Max::get())
	}
}

/// Least stake of an operator: 1 to 1,000,000 IO.
pub type MinOperatorStake = Bounded<
	dynamic_params::staking::MinOperatorStake,
	ConstU128<IO>,
	ConstU128<{ 1_000_000 * IO }>,
>;
/// Blocks from an offence to the payment of its slash: 1 block to 28 days.
pub type SlashDefer =
	Bounded<dynamic_params::staking::SlashDefer, ConstU32<1>, ConstU32<{ 28 * DAYS }>>;

/// Blocks from `unbond` to `withdraw`: at least until no slash can come any more for what was done before, at most 56
/// days.
pub struct UnbondingBlocks;

impl Get<BlockNumber> for UnbondingBlocks {
	fn get() -> BlockNumber {
		dynamic_params::staking::UnbondingBlocks::get()
			.max(SlashDefer::get().saturating_add(1))
			.min(56 * DAYS)
	}
}

/// The parameters of a new chain that differ from their defaults.
pub fn initial(
	slash_defer: Option<BlockNumber>,
	unbonding_blocks: Option<BlockNumber>,
) -> Vec<RuntimeParameters> {
	use dynamic_params::staking;
	let slash_defer = slash_defer.map(|v| (staking::SlashDefer, v).into());
	let unbonding = unbonding_blocks.map(|v| (staking::UnbondingBlocks, v).into());
	slash_defer.into_iter().chain(unbonding).map(RuntimeParameters::Staking).collect()
}

#[cfg(feature = "runtime-benchmarks")]
impl Default for RuntimeParameters {
	fn default() -> Self {
		use dynamic_params::staking;
		RuntimeParameters::Staking((staking::MinOperatorStake, 100 * IO).into())
	}
}

/// Who may change which parameter: root, all of them.
pub struct ParameterAdmin;

impl EnsureOriginWithArg<RuntimeOrigin, RuntimeParametersKey> for ParameterAdmin {
	type Success = ();

	fn try_origin(
		origin: RuntimeOrigin,
		_: &RuntimeParametersKey,
	) -> Result<Self::Success, RuntimeOrigin> {
		ensure_root(origin.clone()).map_err(|_| origin)
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn try_successful_origin(_: &RuntimeParametersKey) -> Result<RuntimeOrigin, ()> {
		Ok(RuntimeOrigin::root())
	}
}

impl pallet_parameters::Config for Runtime {
	type AdminOrigin = ParameterAdmin;
	type RuntimeEvent = RuntimeEvent;
	type RuntimeParameters = RuntimeParameters;
	type WeightInfo = ();
}
