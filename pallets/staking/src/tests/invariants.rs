//! Random calls by random users.

use frame_support::weights::WeightMeter;
use io_primitives::{Balance, Bonding, Offence, Slashing};
use proptest::prelude::*;

use crate::{mock::*, Event, Metadata, SlashId, Slashes, WeightInfo};

const USERS: [AccountId; 4] = [ALICE, BOB, CHARLIE, NOBODY];

#[derive(Clone, Debug)]
enum Step {
	Register(AccountId, Balance),
	BondExtra(AccountId, Balance),
	Unbond(AccountId, Balance),
	Withdraw(AccountId),
	Lock(AccountId, Balance),
	Unlock(AccountId, Balance),
	Report(u64, AccountId, Balance, Option<(AccountId, Balance)>),
	/// One of the pending slashes, or, if there is none, one that does not exist.
	Cancel(prop::sample::Index),
	/// Likewise.
	Apply(prop::sample::Index),
	Defer(u32),
	/// Blocks to go on, with weight for this many slashes in each.
	Blocks(u32, u64),
}

fn user() -> impl Strategy<Value = AccountId> {
	prop::sample::select(&USERS[..])
}

fn value() -> impl Strategy<Value = Balance> {
	prop_oneof![
		8 => 0..1_000u128,
		1 => 0..2 * FUNDS,
		1 => Just(Balance::MAX),
	]
}

fn step() -> impl Strategy<Value = Step> {
	prop_oneof![
		2 => (user(), value()).prop_map(|(who, value)| Step::Register(who, value)),
		2 => (user(), value()).prop_map(|(who, value)| Step::BondExtra(who, value)),
		3 => (user(), value()).prop_map(|(who, value)| Step::Unbond(who, value)),
		3 => user().prop_map(Step::Withdraw),
		2 => (user(), value()).prop_map(|(who, value)| Step::Lock(who, value)),
		1 => (user(), value()).prop_map(|(who, value)| Step::Unlock(who, value)),
		4 => (0..200u64, user(), value(), prop::option::of((user(), value())))
			.prop_map(|(id, who, value, harmed)| Step::Report(id, who, value, harmed)),
		1 => any::<prop::sample::Index>().prop_map(Step::Cancel),
		2 => any::<prop::sample::Index>().prop_map(Step::Apply),
		1 => (0..2 * UNBONDING).prop_map(Step::Defer),
		3 => (1..UNBONDING, 0..2u64).prop_map(|(blocks, items)| Step::Blocks(blocks, items)),
	]
}

/// The number of one of the pending slashes.
fn pending(index: prop::sample::Index) -> SlashId {
	let mut ids: Vec<_> = Slashes::<Test>::iter_keys().collect();
	ids.sort_unstable();
	if ids.is_empty() {
		return SlashId::MAX;
	}
	ids[index.index(ids.len())]
}

/// Does one step. Errors are fine: they must only leave no trace.
fn apply(step: Step) {
	let signed = RuntimeOrigin::signed;
	let root = sp_io::storage::root(sp_core::storage::StateVersion::V1);
	let failed = match step {
		Step::Register(who, stake) => {
			IoStaking::register_operator(signed(who), stake, Metadata::default()).is_err()
		},
		Step::BondExtra(who, value) => IoStaking::bond_extra(signed(who), value).is_err(),
		Step::Unbond(who, value) => IoStaking::unbond(signed(who), value).is_err(),
		Step::Withdraw(who) => IoStaking::withdraw(signed(who)).is_err(),
		Step::Lock(who, amount) => IoStaking::lock(&who, amount).is_err(),
		Step::Unlock(who, amount) => {
			IoStaking::unlock(&who, amount);
			false
		},
		Step::Report(id, who, amount, harmed) => {
			let before = IoStaking::operator(who);
			let taken = IoStaking::report(Offence { harmed, ..offence(id, who, amount) });
			if let (Ok(taken), Some(before), Some(after)) =
				(&taken, before, IoStaking::operator(who))
			{
				assert!(*taken <= amount);
				assert_eq!(after.pending, before.pending + taken);
			}
			taken.is_err()
		},
		Step::Cancel(index) => {
			IoStaking::cancel_slash(RuntimeOrigin::root(), pending(index)).is_err()
		},
		Step::Apply(index) => IoStaking::apply_slash(signed(ALICE), pending(index)).is_err(),
		Step::Defer(blocks) => {
			SlashDefer::set(blocks);
			false
		},
		Step::Blocks(blocks, items) => {
			for _ in 0..blocks {
				let limit = <() as WeightInfo>::poll_base()
					.saturating_add(<() as WeightInfo>::poll_apply().saturating_mul(items));
				let mut meter = WeightMeter::with_limit(limit);
				run_block(&mut meter);
				assert!(meter.consumed().all_lte(limit));
			}
			false
		},
	};
	if failed {
		assert_eq!(root, sp_io::storage::root(sp_core::storage::StateVersion::V1));
	}
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

	#[test]
	fn should_keep_all_invariants_when_users_do_anything(
		steps in prop::collection::vec(step(), 1..150),
	) {
		ExtBuilder::default().with_operator(ALICE, 1_000).build().execute_with(|| {
			SlashDefer::set(DEFER);
			let mut issuance = Balances::total_issuance();
			for step in steps {
				apply(step);
				IoStaking::do_try_state().unwrap();
				for event in events() {
					if let Event::SlashApplied { burnt, .. } = event {
						issuance -= burnt;
					}
				}
				prop_assert_eq!(Balances::total_issuance(), issuance);
				for who in USERS {
					let stake = IoStaking::operator(who).map_or(0, |view| {
						let leaving: Balance = view.unbonding.iter().map(|chunk| chunk.value).sum();
						view.active + leaving + view.pending
					});
					prop_assert_eq!(held(who), stake);
				}
			}
			// Whatever is pending ends by itself.
			for _ in 0..100 {
				run_block(&mut WeightMeter::new());
			}
			prop_assert_eq!(Slashes::<Test>::iter().count(), 0);
			IoStaking::do_try_state().unwrap();
			Ok(())
		})?;
	}
}
