//! Random calls by random users.

use frame_support::weights::WeightMeter;
use io_primitives::{Balance, Bonding, Offence, Slashing, WorkLedger};
use proptest::prelude::*;
use sp_runtime::Perbill;

use crate::{mock::*, Economics, Event, Metadata, SlashId, Slashes, WeightInfo};

const USERS: [AccountId; 6] = [ALICE, BOB, CHARLIE, DAVE, EVE, NOBODY];

#[derive(Clone, Debug)]
enum Step {
	Register(AccountId, Balance, u32),
	BondExtra(AccountId, Balance),
	Delegate(AccountId, AccountId, Balance),
	Redelegate(AccountId, AccountId, AccountId, Balance),
	Unbond(AccountId, AccountId, Balance),
	Withdraw(AccountId, AccountId),
	Settle(AccountId, AccountId, AccountId),
	Commission(AccountId, u32),
	Candidate(AccountId, bool),
	Back(AccountId, Option<AccountId>),
	Lock(AccountId, Balance),
	Unlock(AccountId, Balance),
	Certified(AccountId, u64),
	Settled(AccountId, Balance),
	Claim(u32, AccountId),
	/// Id, operator, amount, age, harmed party.
	Report(u64, AccountId, Balance, u32, Option<(AccountId, Balance)>),
	/// One of the pending slashes, or, if there is none, one that does not exist.
	Cancel(prop::sample::Index),
	/// Likewise.
	Apply(prop::sample::Index),
	Defer(u32),
	Idle(AccountId),
	/// Blocks to go on, with weight for this many slashes in each.
	Blocks(u32, u64),
}

fn user() -> impl Strategy<Value = AccountId> {
	prop::sample::select(&USERS[..])
}

/// Two of the users are operators most of the time.
fn pool() -> impl Strategy<Value = AccountId> {
	prop_oneof![4 => Just(ALICE), 3 => Just(BOB), 1 => user()]
}

fn value() -> impl Strategy<Value = Balance> {
	prop_oneof![
		8 => 0..1_000u128,
		2 => 0..2 * FUNDS,
		1 => Just(Balance::MAX),
	]
}

fn step() -> impl Strategy<Value = Step> {
	prop_oneof![
		2 => (user(), value(), 0..101u32).prop_map(|(a, b, c)| Step::Register(a, b, c)),
		2 => (pool(), value()).prop_map(|(a, b)| Step::BondExtra(a, b)),
		5 => (user(), pool(), value()).prop_map(|(a, b, c)| Step::Delegate(a, b, c)),
		4 => (user(), pool(), pool(), value())
			.prop_map(|(a, b, c, d)| Step::Redelegate(a, b, c, d)),
		5 => (user(), pool(), value()).prop_map(|(a, b, c)| Step::Unbond(a, b, c)),
		5 => (user(), pool()).prop_map(|(a, b)| Step::Withdraw(a, b)),
		4 => (user(), user(), pool()).prop_map(|(a, b, c)| Step::Settle(a, b, c)),
		1 => (user(), 0..101u32).prop_map(|(a, b)| Step::Commission(a, b)),
		1 => (user(), any::<bool>()).prop_map(|(a, b)| Step::Candidate(a, b)),
		1 => (user(), prop::option::of(user())).prop_map(|(a, b)| Step::Back(a, b)),
		2 => (pool(), value()).prop_map(|(a, b)| Step::Lock(a, b)),
		1 => (pool(), value()).prop_map(|(a, b)| Step::Unlock(a, b)),
		1 => (pool(), any::<u64>()).prop_map(|(a, b)| Step::Certified(a, b)),
		1 => (pool(), value()).prop_map(|(a, b)| Step::Settled(a, b)),
		2 => (0..8u32, pool()).prop_map(|(a, b)| Step::Claim(a, b)),
		4 => (0..200u64, pool(), value(), 0..4 * ERA, prop::option::of((user(), value())))
			.prop_map(|(a, b, c, d, e)| Step::Report(a, b, c, d, e)),
		1 => any::<prop::sample::Index>().prop_map(Step::Cancel),
		2 => any::<prop::sample::Index>().prop_map(Step::Apply),
		1 => (0..2 * ERA).prop_map(Step::Defer),
		1 => user().prop_map(Step::Idle),
		6 => (1..ERA, 0..2u64).prop_map(|(a, b)| Step::Blocks(a, b)),
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

/// What everybody has: free, and in pools, without what it owes to others.
fn wealth() -> Vec<Balance> {
	USERS
		.iter()
		.map(|who| {
			let staked = IoStaking::position(*who)
				.iter()
				.map(|view| view.held + view.unminted - view.uncollected)
				.sum::<Balance>();
			free(*who) + staked
		})
		.collect()
}

/// Does one step. Errors are fine: they must only leave no trace.
fn apply(step: Step) {
	let root = || sp_io::storage::root(sp_core::storage::StateVersion::V1);
	let before = root();
	let percent = Perbill::from_percent;
	let result = match step.clone() {
		Step::Register(who, stake, commission) => IoStaking::register_operator(
			signed(who),
			stake,
			percent(commission),
			Metadata::default(),
		),
		Step::BondExtra(who, value) => IoStaking::bond_extra(signed(who), value),
		Step::Delegate(who, to, value) => IoStaking::delegate(signed(who), to, value),
		Step::Redelegate(who, from, to, value) => {
			IoStaking::redelegate(signed(who), from, to, value)
		},
		Step::Unbond(who, from, value) => IoStaking::unbond(signed(who), from, value),
		Step::Withdraw(who, from) => IoStaking::withdraw(signed(who), from),
		Step::Settle(caller, who, at) => IoStaking::settle(signed(caller), who, at),
		Step::Commission(who, part) => IoStaking::set_commission(signed(who), percent(part)),
		Step::Candidate(who, stand) => IoStaking::candidate(signed(who), stand),
		Step::Back(who, whom) => IoStaking::back(signed(who), whom),
		Step::Lock(who, amount) => IoStaking::lock(&who, amount),
		Step::Claim(age, who) => {
			let era = IoStaking::current_era().saturating_sub(age);
			IoStaking::claim(signed(EVE), era, who)
		},
		Step::Report(id, who, amount, age, harmed) => {
			let since = System::block_number().saturating_sub(age);
			IoStaking::report(Offence { harmed, since, ..offence(id, who, amount) })
				.map(|taken| assert!(taken <= amount))
		},
		Step::Cancel(index) => IoStaking::cancel_slash(RuntimeOrigin::root(), pending(index)),
		Step::Apply(index) => {
			IoStaking::apply_slash(signed(ALICE), pending(index)).map(|_| ()).map_err(|e| e.error)
		},
		Step::Unlock(who, amount) => {
			IoStaking::unlock(&who, amount);
			Ok(())
		},
		Step::Certified(who, ops) => {
			IoStaking::certified(&who, ops.into());
			Ok(())
		},
		Step::Settled(who, fee) => {
			IoStaking::settled(&who, 0, 1, fee.min(FUNDS));
			Ok(())
		},
		Step::Defer(blocks) => {
			SlashDefer::set(blocks);
			Ok(())
		},
		Step::Idle(who) => {
			Idle::set(vec![who]);
			Ok(())
		},
		Step::Blocks(blocks, items) => {
			for _ in 0..blocks {
				let limit = <() as WeightInfo>::poll_base()
					.saturating_add(<() as WeightInfo>::poll_apply().saturating_mul(items));
				let mut meter = WeightMeter::with_limit(limit);
				run_block(&mut meter);
				assert!(meter.consumed().all_lte(limit));
			}
			Ok(())
		},
	};
	if result.is_err() {
		assert_eq!(before, root(), "{step:?}");
	}
}

/// Whether nobody gains by it: what one has, free and staked, stays or shrinks by rounding.
fn is_neutral(step: &Step) -> bool {
	matches!(
		step,
		Step::Register(..)
			| Step::BondExtra(..)
			| Step::Delegate(..)
			| Step::Redelegate(..)
			| Step::Unbond(..)
			| Step::Withdraw(..)
			| Step::Commission(..)
			| Step::Candidate(..)
			| Step::Lock(..)
			| Step::Unlock(..)
	)
}

/// The account whose step it is.
fn actor(step: &Step) -> Option<AccountId> {
	match step {
		Step::Register(who, ..)
		| Step::BondExtra(who, _)
		| Step::Delegate(who, ..)
		| Step::Redelegate(who, ..)
		| Step::Unbond(who, ..)
		| Step::Withdraw(who, _) => Some(*who),
		_ => None,
	}
}

/// What happens to a pool after somebody has joined it.
#[derive(Clone, Debug)]
enum Later {
	Apply,
	Reward(Balance),
	Settle(AccountId),
	Unbond(AccountId, Balance),
	Withdraw(AccountId),
	Redelegate(AccountId, Balance),
	Join(AccountId, Balance),
	Blocks(u32),
}

fn later() -> impl Strategy<Value = Later> {
	let who = || prop::sample::select(&[ALICE, BOB, CHARLIE][..]);
	prop_oneof![
		Just(Later::Apply),
		value().prop_map(Later::Reward),
		who().prop_map(Later::Settle),
		(who(), value()).prop_map(|(a, b)| Later::Unbond(a, b)),
		who().prop_map(Later::Withdraw),
		(who(), value()).prop_map(|(a, b)| Later::Redelegate(a, b)),
		(who(), value()).prop_map(|(a, b)| Later::Join(a, b)),
		(1..ERA).prop_map(Later::Blocks),
	]
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

	#[test]
	fn should_never_cost_who_joined_after_the_report(
		stakes in (MIN_STAKE..5_000, MIN_DELEGATION..5_000, MIN_DELEGATION..5_000),
		leaving in 0..2_000u128,
		reward in 0..1_000u128,
		slashes in prop::collection::vec(1..5_000u128, 1..4),
		joins in MIN_DELEGATION..5_000,
		then in prop::collection::vec(later(), 1..40),
	) {
		let pools = ExtBuilder::default().with_operator(ALICE, stakes.0).with_operator(DAVE, 1_000);
		pools.build().execute_with(|| {
			delegate(BOB, ALICE, stakes.1);
			delegate(CHARLIE, ALICE, stakes.2);
			let _ = IoStaking::unbond(signed(BOB), ALICE, leaving);
			IoStaking::reward_pool(&ALICE, reward);
			for (id, amount) in (0..).zip(slashes) {
				report_harm(id, ALICE, amount, (CHARLIE, amount));
			}
			// A pool that slashes have emptied takes nobody.
			if IoStaking::delegate(signed(EVE), ALICE, joins).is_err() {
				return Ok(());
			}
			let mut had = worth(EVE, ALICE);
			prop_assert!(had + 1 + joins / 1_000 >= joins && had <= joins);
			for step in then {
				// Errors are fine.
				let _ = match step.clone() {
					Later::Apply => {
						run_to_block(System::block_number() + DEFER);
						Ok(())
					},
					Later::Reward(value) => {
						IoStaking::reward_pool(&ALICE, value.min(FUNDS));
						Ok(())
					},
					Later::Settle(who) => IoStaking::settle(signed(EVE), who, ALICE),
					Later::Unbond(who, value) => IoStaking::unbond(signed(who), ALICE, value),
					Later::Withdraw(who) => IoStaking::withdraw(signed(who), ALICE),
					Later::Redelegate(who, value) => {
						IoStaking::redelegate(signed(who), ALICE, DAVE, value)
					},
					Later::Join(who, value) => IoStaking::delegate(signed(who), ALICE, value),
					Later::Blocks(blocks) => {
						run_to_block(System::block_number() + blocks);
						Ok(())
					},
				};
				IoStaking::do_try_state().unwrap();
				let has = worth(EVE, ALICE);
				prop_assert!(has >= had, "{:?} costs {} of {}", step, had - has, had);
				had = has;
			}
			Ok(())
		})?;
	}
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

	#[test]
	fn should_keep_all_invariants_when_users_do_anything(
		steps in prop::collection::vec(step(), 1..200),
		mint in any::<bool>(),
	) {
		let ext = ExtBuilder::default().with_candidate(ALICE, 1_000).with_keys(BOB).with_keys(EVE);
		ext.build().execute_with(|| {
			if mint {
				// So much that eras of a test matter: a tenth of the supply in each.
				Mint::set(Economics {
					min_inflation: Perbill::from_percent(20),
					max_inflation: Perbill::from_percent(20),
					..Economics::DEFAULT
				});
				use frame_support::traits::fungible::Mutate;
				Balances::mint_into(&TREASURY, 100_000_000).unwrap();
			}
			let mut supply = IoStaking::supply();
			for step in steps {
				let before = wealth();
				apply(step.clone());
				IoStaking::do_try_state().unwrap();
				for event in events() {
					match event {
						Event::SlashApplied { burnt, .. } => supply -= burnt,
						Event::EraEnded { mint, to_stake, to_treasury, for_work, .. } => {
							prop_assert!(to_stake + to_treasury + for_work <= mint);
							supply += to_stake + to_treasury;
						},
						Event::Claimed { value, .. } | Event::Uncollectable { value, .. } => {
							supply += value
						},
						_ => {},
					}
				}
				prop_assert_eq!(IoStaking::supply(), supply);
				let after = wealth();
				// Whoever has to pay for an offence has paid when it is reported: nobody pays later.
				if let Step::Apply(_) | Step::Cancel(_) = step {
					let nobody_pays = before.iter().zip(&after).all(|(before, after)| after >= before);
					prop_assert!(nobody_pays, "{:?}: {:?} {:?}", step, before, after);
				}
				if is_neutral(&step) {
					prop_assert!(
						after.iter().sum::<Balance>() <= before.iter().sum::<Balance>() + 6 * 5,
						"money out of nothing: {:?}", step
					);
					if let Some(who) = actor(&step) {
						let index = USERS.iter().position(|user| *user == who).unwrap();
						prop_assert!(after[index] <= before[index], "rounding favours: {:?}", step);
					}
				}
			}
			// Whatever is pending ends by itself, and everybody gets out what is theirs.
			SlashDefer::set(0);
			for _ in 0..100 {
				run_block(&mut WeightMeter::new());
			}
			prop_assert_eq!(Slashes::<Test>::iter().count(), 0);
			for operator in USERS {
				IoStaking::unlock(&operator, Balance::MAX);
			}
			for operator in USERS {
				for who in USERS.into_iter().rev() {
					let _ = IoStaking::withdraw(signed(who), operator);
					let _ = IoStaking::unbond(signed(who), operator, Balance::MAX);
				}
			}
			run_to_era(IoStaking::current_era() + UNBONDING);
			for operator in USERS {
				for who in USERS.into_iter().rev() {
					let _ = IoStaking::withdraw(signed(who), operator);
				}
			}
			IoStaking::do_try_state().unwrap();
			prop_assert_eq!(crate::Positions::<Test>::iter().count(), 0);
			prop_assert_eq!(crate::Ledgers::<Test>::iter().count(), 0);
			prop_assert_eq!(IoStaking::supply(), Balances::total_issuance());
			Ok(())
		})?;
	}
}
