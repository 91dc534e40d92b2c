//! What must fit, and what must never move.

use crate::market::spec;
use codec::Encode;
use frame_support::{
	dispatch::{DispatchClass, GetDispatchInfo},
	traits::{Get, PalletInfoAccess},
};
use io_primitives::{job::Args, Locator};
use io_runtime::{
	configs::{
		parameters::{EraTerms, JobTerms, JobTimers},
		RuntimeBlockWeights,
	},
	constants::*,
	Runtime, RuntimeCall, RuntimeHoldReason,
};
use sp_runtime::{Perbill, Permill};

#[test]
fn should_keep_indices_and_names() {
	fn of<P: PalletInfoAccess>() -> (usize, &'static str) {
		(P::index(), P::name())
	}
	assert_eq!(of::<io_runtime::System>(), (0, "System"));
	assert_eq!(of::<io_runtime::ParachainSystem>(), (1, "ParachainSystem"));
	assert_eq!(of::<io_runtime::Balances>(), (10, "Balances"));
	assert_eq!(of::<io_runtime::Aura>(), (23, "Aura"));
	assert_eq!(of::<io_runtime::PolkadotXcm>(), (31, "PolkadotXcm"));
	assert_eq!(of::<io_runtime::Proxy>(), (42, "Proxy"));
	assert_eq!(of::<io_runtime::Preimage>(), (44, "Preimage"));
	assert_eq!(of::<io_runtime::Treasury>(), (55, "Treasury"));
	assert_eq!(of::<io_runtime::Parameters>(), (56, "Parameters"));
	assert_eq!(of::<io_runtime::SafeMode>(), (60, "SafeMode"));
	assert_eq!(of::<io_runtime::TxPause>(), (61, "TxPause"));
	assert_eq!(of::<io_runtime::IoStaking>(), (70, "IoStaking"));
	assert_eq!(of::<io_runtime::IoJobs>(), (71, "IoJobs"));
	assert_eq!(of::<io_runtime::IoShielded>(), (73, "IoShielded"));
	assert_eq!(of::<io_runtime::IoRandomness>(), (74, "IoRandomness"));
	assert_eq!(of::<io_runtime::IoMesh>(), (75, "IoMesh"));
}

#[test]
fn should_keep_the_names_under_which_money_is_held() {
	use pallet_io_jobs::HoldReason as Jobs;
	let encoded = |reason: RuntimeHoldReason| reason.encode();
	assert_eq!(encoded(pallet_io_staking::HoldReason::Stake.into()), [70, 0]);
	assert_eq!(encoded(Jobs::JobEscrow.into()), [71, 0]);
	assert_eq!(encoded(Jobs::JobDeposit.into()), [71, 1]);
	assert_eq!(encoded(Jobs::WorkerDeposit.into()), [71, 2]);
	assert_eq!(encoded(pallet_io_shielded::HoldReason::Pool.into()), [73, 0]);
	assert_eq!(encoded(pallet_io_mesh::HoldReason::RelayBond.into()), [75, 0]);
	assert_eq!(encoded(pallet_io_mesh::HoldReason::EndpointDeposit.into()), [75, 1]);
	assert_eq!(encoded(pallet_io_mesh::HoldReason::RelayBudget.into()), [75, 2]);
}

#[test]
fn should_fit_a_block_when_calls_are_as_big_as_they_get() {
	let mut big = spec();
	let place: Locator = vec![b'a'; 256].try_into().unwrap();
	big.program_at = vec![place.clone(); 4].try_into().unwrap();
	big.input_at = vec![place; 4].try_into().unwrap();
	let argument = vec![b'a'; 256].try_into().unwrap();
	big.args = Args::try_from(vec![argument; 32]).unwrap();
	assert!(
		big.encoded_size() as u32 <= <Runtime as pallet_io_jobs::Config>::MaxSpecBytes::get(),
		"the biggest specification has {} bytes",
		big.encoded_size()
	);
	let remark = vec![0; 100 * 1024];
	let calls: Vec<RuntimeCall> = vec![
		pallet_io_jobs::Call::submit { spec: big }.into(),
		pallet_io_jobs::Call::cancel { job: 0 }.into(),
		pallet_io_jobs::Call::poke { job: 0 }.into(),
		pallet_io_staking::Call::withdraw {
			operator: crate::support::account(sp_keyring::Sr25519Keyring::Bob),
		}
		.into(),
		pallet_io_staking::Call::redelegate {
			from: crate::support::account(sp_keyring::Sr25519Keyring::Bob),
			to: crate::support::account(sp_keyring::Sr25519Keyring::Charlie),
			value: 1,
		}
		.into(),
		frame_system::Call::remark_with_event { remark }.into(),
		pallet_utility::Call::batch {
			calls: vec![pallet_io_jobs::Call::poke { job: 0 }.into(); 10],
		}
		.into(),
	];
	let limits = RuntimeBlockWeights::get();
	let most = limits.get(DispatchClass::Normal).max_extrinsic.unwrap();
	for call in calls {
		let weight = call.get_dispatch_info().call_weight;
		assert!(weight.all_lte(most), "{call:?} weighs {weight:?} of {most:?}");
	}
}

#[test]
fn should_fit_a_quarter_of_a_block_when_an_era_ends_with_all_candidates_that_there_can_be() {
	use pallet_io_staking::{Config, WeightInfo, MAX_COLLATORS};
	type Weights = <Runtime as Config>::WeightInfo;
	let weight = Weights::elect(<Runtime as Config>::MaxCandidates::get())
		.saturating_add(Weights::close_era(MAX_COLLATORS));
	let most = RuntimeBlockWeights::get().max_block / 4;
	assert!(weight.all_lte(most), "{weight:?} of {most:?}");
}

#[test]
fn should_fit_the_relay_chain_when_code_is_uploaded() {
	const COMPRESSED: [u8; 8] = [82, 188, 83, 118, 70, 219, 142, 5];
	// Absent where the tests are built without the WASM; a debug build does not compress it.
	if let Some(code) = io_runtime::WASM_BINARY {
		let most = if code.starts_with(&COMPRESSED) { 5 } else { 20 };
		assert!(code.len() < most * 1024 * 1024, "the runtime has {} bytes", code.len());
	}
}

#[test]
fn should_take_the_nearest_allowed_value_when_a_parameter_is_out_of_bounds() {
	let silly = JobTimers {
		open_ttl: 0,
		accept_blocks: 0,
		reveal_blocks: u32::MAX,
		heartbeat_ttl: 1,
		max_run_blocks: u32::MAX,
	}
	.bounded();
	assert_eq!((silly.open_ttl, silly.accept_blocks, silly.heartbeat_ttl), (2, 2, 2));
	assert_eq!((silly.reveal_blocks, silly.max_run_blocks), (DAYS, 28 * DAYS));

	let greedy = JobTerms {
		bond_factor: 0,
		fee_rate: Permill::one(),
		fee_burn_share: Permill::from_percent(70),
		fee_author_share: Permill::from_percent(70),
		min_price_per_unit: 0,
	}
	.bounded();
	assert_eq!(greedy.bond_factor, 1);
	assert_eq!(greedy.fee_rate, Permill::from_percent(50));
	assert_eq!(greedy.fee_author_share, Permill::from_percent(30));
	assert_eq!(greedy.min_price_per_unit, 1);
}

#[test]
fn should_leave_the_defaults_as_they_are_when_bounds_are_applied() {
	assert_eq!(JobTimers::DEFAULT.bounded(), JobTimers::DEFAULT);
	assert_eq!(JobTerms::DEFAULT.bounded(), JobTerms::DEFAULT);
}

#[test]
fn should_be_simulated_with_its_own_numbers() {
	use io_runtime::configs::parameters::{self as here, AttestationTerms, JobSlashes};
	use io_staking_simulation::parameters as simulated;
	use pallet_io_staking::Config;
	sp_io::TestExternalities::default().execute_with(|| {
		assert_eq!((simulated::IO, simulated::EXISTENTIAL_DEPOSIT), (IO, EXISTENTIAL_DEPOSIT));
		assert_eq!(simulated::MIN_OPERATOR_STAKE, here::MinOperatorStake::get());
		assert_eq!(simulated::MIN_DELEGATION, here::MinDelegation::get());
		assert_eq!(simulated::SESSION_BLOCKS, here::SessionBlocks::get());
		assert_eq!(simulated::SESSIONS_PER_ERA, here::SessionsPerEra::get());
		assert_eq!(simulated::ERA_MILLIS, here::EraMillis::get());
		assert_eq!(simulated::UNBONDING_ERAS, here::UnbondingEras::get());
		let first_loss: Perbill = <Runtime as Config>::FirstLoss::get();
		assert_eq!(simulated::FIRST_LOSS, first_loss);
		assert_eq!(simulated::SLASH_DEFER, here::SlashDefer::get());
		let work_window: u32 = <Runtime as Config>::WorkWindow::get();
		assert_eq!(simulated::WORK_WINDOW, work_window);
		let (jobs, slashes) = (JobTerms::DEFAULT, JobSlashes::DEFAULT);
		assert_eq!(simulated::BOND_FACTOR, jobs.bond_factor.into());
		assert_eq!(simulated::FEE_RATE, jobs.fee_rate);
		assert_eq!(simulated::FEE_BURN_SHARE, jobs.fee_burn_share);
		assert_eq!(simulated::FEE_AUTHOR_SHARE, jobs.fee_author_share);
		assert_eq!(
			(simulated::LATE_SLASH, simulated::DISAGREED_SLASH),
			(slashes.late, slashes.disagreed)
		);
		let terms = AttestationTerms::DEFAULT;
		assert_eq!(simulated::AUDIT_RATE.deconstruct(), terms.audit_rate.deconstruct() * 1_000);
		assert_eq!(simulated::WINDOW_SECONDS, u128::from(terms.window_slots) * 6);
		// Windows are the gap and the time until one opens apart.
		let blocks = terms.window_gap + terms.window_odds.saturating_reciprocal_mul(1u32);
		assert_eq!(
			here::SessionBlocks::get() * here::SessionsPerEra::get() / blocks,
			simulated::WINDOWS_PER_ERA
		);
		for (_, class) in io_runtime::genesis_config_presets::attestation_classes() {
			let lane = u128::from(class.m) * u128::from(class.n) * u128::from(class.k);
			assert_eq!(class.bond_per_lane, lane / simulated::BOND_WORK * simulated::BOND_PER_WORK);
			assert_eq!(i64::from(class.openings), i64::from(simulated::OPENINGS));
		}
	});
}

#[test]
fn should_bind_stake_longer_than_any_job_runs_by_default() {
	sp_io::TestExternalities::default().execute_with(|| {
		let EraTerms { session_blocks, sessions_per_era, unbonding_eras } = EraTerms::now();
		let bound = session_blocks * sessions_per_era * unbonding_eras;
		assert_eq!(bound, 7 * DAYS);
		assert!(bound > JobTimers::now().max_run_blocks + JobTimers::now().open_ttl);
	});
}
