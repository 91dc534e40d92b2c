//! Together with the real market of jobs: certificates decide who is drawn, and verdicts decide who is paid.

#![allow(missing_docs, reason = "a runtime for tests")]
#![allow(clippy::unwrap_used)]

use codec::Encode;
use frame_support::{
	derive_impl, parameter_types,
	traits::{ConstU32, ConstU64, OnPoll, UnfilteredDispatchable},
	weights::WeightMeter,
};
use frame_system::{EnsureRoot, RawOrigin};
use io_primitives::{
	attestation::{AttestationCall, ClassParams, ProofBytes, SignedAttestation},
	call::registration_payload,
	digest::{commitment, result_digest, Opening},
	worker::{Accelerator, Engine, Engines},
	Balance, Beacon, BlockNumber, ClassInfo, FailReason, JobId, JobSpec, JobState, Kernel, Profile,
	Program, Randomness, SignedWorkerCall, Verification, WorkerCall, WorkerKey,
};
use io_tflops::{
	fraud, product,
	prover::{Chain, Scalar},
	transcript::device_seed,
	Params, Statement,
};
use rand_chacha::{rand_core::SeedableRng, ChaCha20Rng};
use sp_core::{sr25519, Pair, H256};
use sp_runtime::{
	generic,
	traits::{BlakeTwo256, IdentityLookup},
	AccountId32, BoundedVec, BuildStorage, Permill,
};

type AccountId = AccountId32;
type TxExtension = frame_system::AuthorizeCall<Runtime>;
type Extrinsic =
	generic::UncheckedExtrinsic<AccountId, RuntimeCall, sp_runtime::MultiSignature, TxExtension>;
type Block = generic::Block<generic::Header<BlockNumber, BlakeTwo256>, Extrinsic>;

frame_support::construct_runtime!(
	pub enum Runtime {
		System: frame_system,
		Balances: pallet_balances,
		IoStaking: pallet_io_staking,
		IoJobs: pallet_io_jobs,
		IoAttestation: pallet_io_attestation,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Runtime {
	type Block = Block;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
	type AccountData = pallet_balances::AccountData<Balance>;
	type BlockHashCount = ConstU32<250>;
}

parameter_types! {
	pub const Ed: Balance = 10;
	pub const MinOperatorStake: Balance = 1_000;
	pub const StakingTreasury: AccountId = account(202);
	pub const NoAuthor: Option<AccountId> = None;
	pub const Treasury: AccountId = account(201);
	pub const Small: Balance = 2;
	pub const Share: Permill = Permill::from_percent(20);
	pub const Always: Permill = Permill::one();
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Runtime {
	type Balance = Balance;
	type ExistentialDeposit = Ed;
	type AccountStore = System;
}

#[derive_impl(pallet_io_staking::config_preludes::TestDefaultConfig)]
impl pallet_io_staking::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type AdminOrigin = EnsureRoot<AccountId>;
	type Treasury = StakingTreasury;
	type MinOperatorStake = MinOperatorStake;
	type SlashDefer = ConstU32<20>;
}

/// A new random value in every block.
pub struct TestBeacon;

impl Randomness for TestBeacon {
	fn beacon() -> Option<Beacon> {
		let since = System::block_number();
		Some(Beacon { value: H256(sp_io::hashing::blake2_256(&since.encode())), since })
	}
}

impl pallet_io_jobs::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Randomness = TestBeacon;
	type Bonding = IoStaking;
	type Slashing = IoStaking;
	type WorkLedger = ();
	type Certificates = IoAttestation;
	type AdminOrigin = EnsureRoot<AccountId>;
	type FeeTreasury = Treasury;
	type BlockAuthor = NoAuthor;
	type OpenTtl = ConstU32<60>;
	type AcceptBlocks = ConstU32<10>;
	type RevealBlocks = ConstU32<20>;
	type MaxDisputeBlocks = ConstU32<25>;
	type ProofBlocks = ConstU32<12>;
	type HeartbeatTtl = ConstU32<500>;
	type MinRunBlocks = ConstU32<5>;
	type MaxRunBlocks = ConstU32<100>;
	type BondFactor = ConstU32<3>;
	type StakePerWorker = MinOperatorStake;
	type FeeRate = Share;
	type FeeBurnShare = Share;
	type FeeAuthorShare = Share;
	type NoShowSlash = Share;
	type LateSlash = Share;
	type UnrevealedSlash = Share;
	type DisagreedSlash = Share;
	type MinPricePerUnit = Small;
	type DepositBase = Small;
	type DepositPerByte = Small;
	type WorkerDeposit = Small;
	type MaxAgendaPerBlock = ConstU32<64>;
	type MaxClasses = ConstU32<8>;
	type MaxOutcomes = ConstU32<16>;
	type MaxSpecBytes = ConstU32<4_096>;
	type UnsignedPriority = ConstU64<1_000>;
	type WeightInfo = ();
}

const PARA_ID: u32 = 2_000;

impl pallet_io_attestation::Config for Runtime {
	type Workers = IoJobs;
	type Bonding = IoStaking;
	type Slashing = IoStaking;
	type WorkLedger = ();
	type Verdicts = IoJobs;
	type AdminOrigin = EnsureRoot<AccountId>;
	type ParaId = ConstU32<PARA_ID>;
	type MinWindowGap = ConstU32<20>;
	type WindowOdds = Always;
	type WindowSlots = ConstU32<10>;
	type AuditRate = Always;
	type RevealBlocks = ConstU32<15>;
	type CertificateTtl = ConstU32<200>;
	type MaxClasses = ConstU32<4>;
	type UnsignedPriority = ConstU64<1_000>;
	type WeightInfo = ();
}

impl<LocalCall> frame_system::offchain::CreateTransactionBase<LocalCall> for Runtime
where
	RuntimeCall: From<LocalCall>,
{
	type RuntimeCall = RuntimeCall;
	type Extrinsic = Extrinsic;
}

impl<LocalCall> frame_system::offchain::CreateTransaction<LocalCall> for Runtime
where
	RuntimeCall: From<LocalCall>,
{
	type Extension = TxExtension;
	fn create_transaction(call: RuntimeCall, extension: TxExtension) -> Extrinsic {
		Extrinsic::new_transaction(call, extension)
	}
}

impl<LocalCall> frame_system::offchain::CreateAuthorizedTransaction<LocalCall> for Runtime
where
	RuntimeCall: From<LocalCall>,
{
	fn create_extension() -> TxExtension {
		TxExtension::new()
	}
}

const REQUESTER: AccountId = account(100);
const FUNDS: Balance = 1_000_000;
const STAKE: Balance = 100_000;
const WORKERS: u8 = 4;
/// Price of the jobs, and the bond for one.
const PRICE: Balance = 1_000;
const BOND: Balance = 3 * PRICE;
/// Dimensions of the jobs' products.
const M: u32 = 2;
const K: u32 = 4;
const N: u32 = 3;

const fn account(n: u8) -> AccountId {
	AccountId32::new([n; 32])
}

fn pair(w: u8) -> sr25519::Pair {
	sr25519::Pair::from_seed(&[w; 32])
}

fn key(w: u8) -> WorkerKey {
	pair(w).public()
}

fn now() -> BlockNumber {
	System::block_number()
}

fn next_block() {
	System::set_block_number(now() + 1);
	let vrf = H256(sp_io::hashing::blake2_256(&now().encode()));
	IoAttestation::note_relay(now(), now().into(), Some(vrf));
	<AllPalletsWithSystem as OnPoll<BlockNumber>>::on_poll(now(), &mut WeightMeter::new());
}

/// Dispatches a worker's call; signatures have tests of their own.
fn work(w: u8, call: WorkerCall) {
	let (worker, valid_until, signature) = (key(w), now(), Default::default());
	IoJobs::worker_call(SignedWorkerCall { worker, call, valid_until, signature })
		.dispatch_bypass_filter(RawOrigin::Authorized.into())
		.unwrap();
}

fn attest(w: u8, call: AttestationCall) {
	let valid_until = now() + 5;
	let signature = pair(w).sign(&call.payload(IoAttestation::genesis(), valid_until));
	let signed = SignedAttestation { worker: key(w), call, valid_until, signature };
	IoAttestation::check_attestation(&signed).unwrap();
	IoAttestation::attestation_call(signed)
		.dispatch_bypass_filter(RawOrigin::Authorized.into())
		.unwrap();
}

fn attestation_class() -> ClassParams {
	ClassParams {
		arith: 0,
		m: 32,
		n: 128,
		k: 64,
		min_lanes: 1,
		max_lanes: 8,
		openings: 64,
		bond_per_lane: 500,
	}
}

/// Runs a test with workers that are online, and checks at its end that nothing but enrolments and seats has a bond.
fn execute(test: impl FnOnce()) {
	let mut storage = frame_system::GenesisConfig::<Runtime>::default().build_storage().unwrap();
	let mut balances: Vec<_> = (1..=WORKERS).map(|w| (account(w), FUNDS + STAKE)).collect();
	balances.extend([100, 201].map(|n| (account(n), FUNDS)));
	pallet_balances::GenesisConfig::<Runtime> { balances, ..Default::default() }
		.assimilate_storage(&mut storage)
		.unwrap();
	pallet_io_staking::GenesisConfig::<Runtime> {
		operators: (1..=WORKERS).map(|w| (account(w), STAKE)).collect(),
		..Default::default()
	}
	.assimilate_storage(&mut storage)
	.unwrap();
	let kernels = ClassInfo {
		engine: Engine::Kernel,
		min_memory: 1_024,
		min_vram: 0,
		accelerator: Accelerator::None,
	};
	pallet_io_jobs::GenesisConfig::<Runtime> { classes: vec![(0, kernels)], ..Default::default() }
		.assimilate_storage(&mut storage)
		.unwrap();
	pallet_io_attestation::GenesisConfig::<Runtime> {
		classes: vec![(0, attestation_class())],
		..Default::default()
	}
	.assimilate_storage(&mut storage)
	.unwrap();
	sp_io::TestExternalities::from(storage).execute_with(|| {
		System::set_block_number(1);
		for w in 1..=WORKERS {
			let operator = account(w);
			let profile = Profile {
				class: 0,
				ask_per_unit: PRICE,
				capacity: 2,
				engines: Engines::KERNEL,
				x25519: [1; 32],
				endpoints: Default::default(),
			};
			let proof = pair(w).sign(&registration_payload(IoJobs::genesis(), &operator));
			let origin = RuntimeOrigin::signed(operator);
			IoJobs::register_worker(origin, key(w), profile, proof).unwrap();
			work(w, WorkerCall::Heartbeat { seq: 1, load: 0 });
		}
		test();
		let enrolled: Balance = pallet_io_attestation::Enrolments::<Runtime>::iter_values()
			.map(|enrolment| enrolment.bond)
			.sum();
		let seats: Balance = pallet_io_jobs::Jobs::<Runtime>::iter_values()
			.flat_map(|job| job.replicas)
			.filter_map(|replica| replica.seat)
			.map(|seat| seat.bond)
			.sum();
		let locked: Balance =
			pallet_io_staking::Ledgers::<Runtime>::iter_values().map(|ledger| ledger.locked).sum();
		assert_eq!(locked, enrolled + seats);
	});
}

/// Worker `w` proves 11 million operations a second.
fn certify(w: u8) {
	attest(w, AttestationCall::Enrol { device: 0, class: 0, lanes: 1 });
	let before = IoAttestation::window();
	while IoAttestation::window() == before {
		next_block();
	}
	let window = IoAttestation::window().unwrap();
	let params = Params::new(0, 32, 128, 64, 1).unwrap();
	let mut chain = Chain::new(params, device_seed(&window.seed.0, &key(w).0, 0, 0, &params));
	for _ in 0..128 {
		chain.round(&mut Scalar).unwrap();
	}
	let commitment = chain.commitment();
	attest(
		w,
		AttestationCall::Commit {
			window: window.id,
			seed: window.seed,
			device: 0,
			rounds: 128,
			commitment: commitment.into(),
		},
	);
	(0..4).for_each(|_| next_block());
	let audit = IoAttestation::commitments(key(w))[0].audit.unwrap();
	let statement = Statement {
		seed: *chain.seed(),
		params,
		rounds: 128,
		openings: 64,
		commitment,
		challenge: audit.challenge.0,
	};
	let proof: ProofBytes = chain.reveal(&mut Scalar, &statement).unwrap().try_into().unwrap();
	attest(
		w,
		AttestationCall::Reveal { window: window.id, challenge: audit.challenge, device: 0, proof },
	);
	assert_eq!(IoAttestation::proven(key(w)), 11);
}

fn a() -> Vec<i8> {
	(0..M * K).map(|entry| entry as i8 - 3).collect()
}

fn b() -> Vec<i8> {
	(0..K * N).map(|entry| 5 - 2 * entry as i8).collect()
}

fn c() -> Vec<i32> {
	let (a, b) = (a(), b());
	let (k, n) = (K as usize, N as usize);
	let entry = |i: usize, j: usize| {
		(0..k).map(|t| i32::from(a[i * k + t]) * i32::from(b[t * n + j])).sum()
	};
	(0..M as usize * n).map(|at| entry(at / n, at % n)).collect()
}

/// Submits a job for workers that have proven enough, and lets worker 1, the only one, claim this output.
fn claimed(verification: Verification, output: [u8; 32]) -> JobId {
	let url = BoundedVec::truncate_from(b"http://example.org/input".to_vec());
	let id = pallet_io_jobs::NextJobId::<Runtime>::get();
	let spec = JobSpec {
		program: Program::Kernel { kind: Kernel::MatMulI8 { m: M, k: K, n: N } },
		program_at: Default::default(),
		input_at: BoundedVec::truncate_from(vec![url]),
		input: H256::repeat_byte(2),
		input_len: u64::from(M * K + K * N + 32),
		args: Default::default(),
		class: 0,
		max_units: 1,
		max_memory: 64,
		max_output: 1_000_000,
		price_per_unit: PRICE,
		replicas: 1,
		quorum: 1,
		run_blocks: 20,
		encryption: None,
		min_perf: 11,
		verification,
	};
	IoJobs::submit(RuntimeOrigin::signed(REQUESTER), spec).unwrap();
	next_block();
	let job = pallet_io_jobs::Jobs::<Runtime>::get(id).unwrap();
	assert_eq!(job.replicas[0].seat.as_ref().unwrap().worker, key(1));
	let digest = result_digest(IoJobs::genesis(), id, 0, 1, output.into());
	let opening = Opening { digest, units: 1, exit_code: 0, salt: [7; 32] };
	let (job, replica) = (id, 0);
	work(1, WorkerCall::Accept { job, replica });
	let commitment = commitment(&key(1), id, 0, 1, &opening);
	work(1, WorkerCall::Commit { job, replica, commitment });
	let Opening { digest, units, exit_code, salt } = opening;
	let output_at = Default::default();
	work(1, WorkerCall::Reveal { job, replica, digest, units, exit_code, salt, output_at });
	next_block();
	assert_eq!(IoJobs::job(id).unwrap().state, JobState::Verifying);
	id
}

/// A job that waits for the proof of its product, and the proof.
fn provable() -> (JobId, Vec<u8>) {
	let shape = product::Shape::new(M, K, N).unwrap();
	let openings = product::Openings::new(&shape, &a(), &b(), &[9; 32]).unwrap();
	let inputs = product::commit_inputs(&shape, &a(), &b(), &openings).unwrap();
	let output = product::commit_output(&shape, &c(), &openings).unwrap();
	let verification = Verification::Product { inputs: inputs.hash().into() };
	let job = claimed(verification, output.hash());
	let statement = product::Statement {
		genesis: IoAttestation::genesis().0,
		para: PARA_ID,
		job,
		worker: key(1).0,
		shape,
		inputs: inputs.hash(),
		output: output.hash(),
	};
	let (a, b, c) = (&a()[..], &b()[..], &c()[..]);
	let (openings, inputs, output) = (&openings, &inputs, &output);
	let witness = product::Witness { a, b, c, openings, inputs, output };
	let mut rng = ChaCha20Rng::from_seed([1; 32]);
	(job, product::prove(&statement, &witness, &mut rng).unwrap())
}

fn settle(job: JobId, proof: Vec<u8>) {
	let proof = ProofBytes::try_from(proof).unwrap();
	attest(1, AttestationCall::SettleProduct { job, proof });
}

fn outcome(id: JobId) -> (JobState, Option<FailReason>, Balance) {
	let outcome = IoJobs::job(id).unwrap().outcome.unwrap();
	(outcome.state, outcome.fail_reason, outcome.paid)
}

#[test]
fn should_pay_a_certified_worker_for_a_product_that_it_proves() {
	execute(|| {
		certify(1);
		let (job, proof) = provable();
		let products = IoAttestation::attestation_view(key(1)).products;
		assert_eq!(products.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [job]);
		settle(job, proof);
		assert_eq!(outcome(job), (JobState::Settled, None, PRICE));
		assert_eq!(Balances::free_balance(account(1)), FUNDS - 2 + PRICE);
		assert!(IoAttestation::attestation_view(key(1)).products.is_empty());
	});
}

#[test]
fn should_slash_and_refund_when_the_worker_signs_a_wrong_proof() {
	execute(|| {
		certify(1);
		let before = Balances::free_balance(REQUESTER);
		let (job, mut proof) = provable();
		proof[32 * (2 * M + N) as usize] ^= 2;
		settle(job, proof);
		assert_eq!(outcome(job), (JobState::Failed, Some(FailReason::Refuted), 0));
		assert_eq!(Balances::free_balance(REQUESTER), before);
		let ledger = pallet_io_staking::Ledgers::<Runtime>::get(account(1)).unwrap();
		assert_eq!(ledger.pending, BOND / 5);
		// The certificate is another matter.
		assert_eq!(IoAttestation::proven(key(1)), 11);
	});
}

#[test]
fn should_slash_and_refund_when_anybody_shows_a_wrong_entry() {
	execute(|| {
		certify(1);
		let before = Balances::free_balance(REQUESTER);
		let shape = fraud::Shape::new(M, K, N).unwrap();
		let (context, seed) = ([4; 32], [5; 32]);
		let mut wrong = c();
		wrong[4] += 1;
		let verification = Verification::Dispute {
			context: context.into(),
			left: fraud::root_rows(&shape, &context, &seed, &a()).unwrap().into(),
			right: fraud::root_columns(&shape, &context, &seed, &b()).unwrap().into(),
			blocks: 10,
		};
		let output = fraud::root_product(&shape, &context, &seed, &wrong).unwrap();
		let job = claimed(verification, output);
		let dispute = |entry| {
			let matrices = (&a()[..], &b()[..], &wrong[..]);
			let proof =
				fraud::build_dispute(&shape, &context, (&seed, &seed), matrices, entry).unwrap();
			let sender = RuntimeOrigin::signed(account(3));
			IoAttestation::dispute(sender, job, ProofBytes::try_from(proof).unwrap())
		};
		dispute((0, 0)).unwrap_err();
		dispute((1, 1)).unwrap();
		assert_eq!(outcome(job), (JobState::Failed, Some(FailReason::Refuted), 0));
		assert_eq!(Balances::free_balance(REQUESTER), before);
		let ledger = pallet_io_staking::Ledgers::<Runtime>::get(account(1)).unwrap();
		assert_eq!(ledger.pending, BOND / 5);
	});
}

#[test]
fn should_fail_a_job_whose_worker_brings_no_proof_in_time() {
	execute(|| {
		certify(1);
		let (job, _) = provable();
		(0..12).for_each(|_| next_block());
		assert_eq!(outcome(job), (JobState::Failed, Some(FailReason::Unproven), 0));
		assert!(IoAttestation::attestation_view(key(1)).products.is_empty());
	});
}
