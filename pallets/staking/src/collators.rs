//! What the pallet needs to know of sessions.

use alloc::vec::Vec;
use core::marker::PhantomData;

/// The collators' session keys and the set in force.
pub trait Collators<AccountId> {
	/// Whether the account has registered session keys.
	fn has_keys(who: &AccountId) -> bool;
	/// The collators of the current session.
	fn current() -> Vec<AccountId>;
	/// Registers session keys for the account: for benchmarks.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_keys(who: &AccountId);
}

/// Nobody is a collator.
impl<AccountId> Collators<AccountId> for () {
	fn has_keys(_: &AccountId) -> bool {
		false
	}
	fn current() -> Vec<AccountId> {
		Vec::new()
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_keys(_: &AccountId) {}
}

/// [`Collators`] by the session pallet of the runtime.
pub struct SessionCollators<Runtime>(PhantomData<Runtime>);

impl<Runtime> Collators<Runtime::AccountId> for SessionCollators<Runtime>
where
	Runtime: pallet_session::Config<ValidatorId = <Runtime as frame_system::Config>::AccountId>,
{
	fn has_keys(who: &Runtime::AccountId) -> bool {
		pallet_session::NextKeys::<Runtime>::contains_key(who)
	}
	fn current() -> Vec<Runtime::AccountId> {
		pallet_session::Validators::<Runtime>::get()
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_keys(who: &Runtime::AccountId) {
		use codec::Decode;
		let keys = Decode::decode(&mut sp_runtime::traits::TrailingZeroInput::zeroes())
			.expect("session keys are of a fixed length");
		pallet_session::NextKeys::<Runtime>::insert::<_, Runtime::Keys>(who, keys);
	}
}
