//! What proxies may do with the money of the account that they stand for.

use crate::support::{account, held, Chain};
use frame_support::traits::InstanceFilter;
use io_runtime::{configs::ProxyType, constants::IO, Runtime, RuntimeCall};
use pallet_io_staking::{Call, HoldReason::Stake};
use sp_keyring::Sr25519Keyring::{Bob, Charlie};
use sp_runtime::Perbill;

fn register() -> RuntimeCall {
	let (commission, metadata) = (Perbill::one(), Default::default());
	Call::<Runtime>::register_operator { stake: 10_000 * IO, commission, metadata }.into()
}

fn delegate() -> RuntimeCall {
	Call::<Runtime>::delegate { operator: account(Charlie), value: 1_000 * IO }.into()
}

/// Charlie's call in the name of Bob.
fn by_proxy(call: RuntimeCall) -> RuntimeCall {
	pallet_proxy::Call::<Runtime>::proxy {
		real: account(Bob).into(),
		force_proxy_type: None,
		call: Box::new(call),
	}
	.into()
}

#[test]
fn should_let_a_proxy_manage_own_stake_but_not_delegate_it() {
	for kind in [ProxyType::NonTransfer, ProxyType::Operator] {
		let mut chain = Chain::development();
		let add = pallet_proxy::Call::<Runtime>::add_proxy {
			delegate: account(Charlie).into(),
			proxy_type: kind,
			delay: 0,
		};
		chain.must([(Bob, add.into()), (Charlie, register())]);
		let batch = pallet_utility::Call::<Runtime>::batch { calls: vec![delegate()] };
		chain.must([(Charlie, by_proxy(delegate())), (Charlie, by_proxy(batch.into()))]);
		assert_eq!(chain.state(|| held(Stake, Bob)), 0, "{kind:?}");
		chain.must([
			(Charlie, by_proxy(register())),
			(Charlie, by_proxy(Call::<Runtime>::bond_extra { value: IO }.into())),
			(
				Charlie,
				by_proxy(Call::<Runtime>::unbond { operator: account(Bob), value: IO }.into()),
			),
		]);
		assert_eq!(chain.state(|| held(Stake, Bob)), 10_001 * IO, "{kind:?}");
	}
}

#[test]
fn should_refuse_a_proxy_that_moves_stake_between_pools() {
	let redelegate: RuntimeCall =
		Call::<Runtime>::redelegate { from: account(Bob), to: account(Charlie), value: IO }.into();
	for kind in [ProxyType::NonTransfer, ProxyType::Operator] {
		assert!(!kind.filter(&redelegate) && !kind.filter(&delegate()), "{kind:?}");
	}
	assert!(ProxyType::Any.filter(&redelegate));
}
