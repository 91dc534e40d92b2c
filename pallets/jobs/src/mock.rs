//! A small runtime for the pallet's tests, with the real staking pallet.

use codec::Encode;
use frame_support::{
	derive_impl,
	dispatch::GetDispatchInfo,
	parameter_types,
	traits::{ConstU32, ConstU64, OnPoll},
	weights::WeightMeter,
};
use frame_system::{ChainContext, EnsureRoot, RawOrigin};
use io_primitives::{
	call::registration_payload,
	digest::{commitment, Opening},
	job::OutputAt,
	worker::{Accelerator, Engine, Engines},
	Balance, Beacon, BlockNumber, Certificates, ClassInfo, JobId, JobSpec, Kernel, Profile,
	Program, Randomness, ReplicaId, SignedWorkerCall, Verification, WorkerCall, WorkerKey,
};
use sp_core::{sr25519, Pair, H256};
use sp_runtime::{
	generic,
	traits::{Applyable, BlakeTwo256, Checkable, IdentityLookup},
	transaction_validity::{TransactionSource, TransactionValidityError, ValidTransaction},
	AccountId32, BoundedVec, BuildStorage, DispatchError, DispatchResult, Permill,
};
use std::sync::LazyLock;

use crate as pallet_io_jobs;

pub(crate) type AccountId = AccountId32;
pub(crate) type TxExtension = frame_system::AuthorizeCall<Runtime>;
pub(crate) type Extrinsic =
	generic::UncheckedExtrinsic<AccountId, RuntimeCall, sp_runtime::MultiSignature, TxExtension>;
type Header = generic::Header<BlockNumber, BlakeTwo256>;
pub(crate) type Block = generic::Block<Header, Extrinsic>;

frame_support::construct_runtime!(
	pub enum Runtime {
		System: frame_system,
		Balances: pallet_balances,
		IoStaking: pallet_io_staking,
		IoJobs: pallet_io_jobs,
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

/// One unit of the tests' money.
pub(crate) const EXISTENTIAL_DEPOSIT: Balance = 10;

parameter_types! {
	pub const Ed: Balance = EXISTENTIAL_DEPOSIT;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Runtime {
	type Balance = Balance;
	type ExistentialDeposit = Ed;
	type AccountStore = System;
}

parameter_types! {
	pub const MinOperatorStake: Balance = 1_000;
	pub const StakingTreasury: AccountId = account(202);
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

parameter_types! {
	/// What the beacon says, beginning with the block of the tests' genesis.
	pub static HasBeacon: bool = true;
	pub static BeaconSeed: u64 = 0;
	/// Blocks for which a beacon was known before it is used.
	pub static BeaconAge: BlockNumber = 0;
	pub static Author: Option<AccountId> = Some(account(200));
	pub static OpenTtl: BlockNumber = 60;
	pub static AcceptBlocks: BlockNumber = 10;
	pub static RevealBlocks: BlockNumber = 20;
	pub static HeartbeatTtl: BlockNumber = 50;
	pub const MaxDisputeBlocks: BlockNumber = 25;
	pub const ProofBlocks: BlockNumber = 12;
	pub static BondFactor: u32 = 3;
	pub static StakePerWorker: Balance = 1_000;
	pub static FeeRate: Permill = Permill::from_percent(5);
	pub static MaxAgenda: u32 = 64;
	pub static WorkerDepositAmount: Balance = 7;
	pub static FeeTreasury: AccountId = account(201);
	pub const FeeBurnShare: Permill = Permill::from_percent(40);
	pub const FeeAuthorShare: Permill = Permill::from_percent(20);
	pub const NoShowSlash: Permill = Permill::from_percent(1);
	pub const LateSlash: Permill = Permill::from_percent(10);
	pub const UnrevealedSlash: Permill = Permill::from_percent(20);
	pub const DisagreedSlash: Permill = Permill::from_percent(50);
	pub const MinPrice: Balance = 2;
	pub const DepositBase: Balance = 100;
	pub const DepositPerByte: Balance = 1;
}

/// A new random value in every block.
pub struct TestBeacon;
impl Randomness for TestBeacon {
	fn beacon() -> Option<Beacon> {
		let now = System::block_number();
		let value = H256(sp_io::hashing::blake2_256(&(now, BeaconSeed::get()).encode()));
		let since = now.saturating_sub(BeaconAge::get());
		HasBeacon::get().then_some(Beacon { value, since })
	}
}

/// What the tests say that workers have proven.
pub struct Proofs;

/// Storage of [`Proofs`]: to ask for it costs a read, as it does in a chain.
#[frame_support::storage_alias]
pub type Proven = StorageMap<
	Proofs,
	frame_support::Blake2_128Concat,
	WorkerKey,
	u64,
	frame_support::pallet_prelude::ValueQuery,
>;

impl Certificates for Proofs {
	fn proven(worker: &WorkerKey) -> u64 {
		Proven::get(worker)
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_proven(worker: &WorkerKey, mops: u64) {
		Proven::insert(worker, mops);
	}
}

impl pallet_io_jobs::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Randomness = TestBeacon;
	type Bonding = IoStaking;
	type Slashing = IoStaking;
	type WorkLedger = IoStaking;
	type Certificates = Proofs;
	type AdminOrigin = EnsureRoot<AccountId>;
	type FeeTreasury = FeeTreasury;
	type BlockAuthor = Author;
	type OpenTtl = OpenTtl;
	type AcceptBlocks = AcceptBlocks;
	type RevealBlocks = RevealBlocks;
	type MaxDisputeBlocks = MaxDisputeBlocks;
	type ProofBlocks = ProofBlocks;
	type HeartbeatTtl = HeartbeatTtl;
	type MinRunBlocks = ConstU32<5>;
	type MaxRunBlocks = ConstU32<100>;
	type BondFactor = BondFactor;
	type StakePerWorker = StakePerWorker;
	type FeeRate = FeeRate;
	type FeeBurnShare = FeeBurnShare;
	type FeeAuthorShare = FeeAuthorShare;
	type NoShowSlash = NoShowSlash;
	type LateSlash = LateSlash;
	type UnrevealedSlash = UnrevealedSlash;
	type DisagreedSlash = DisagreedSlash;
	type MinPricePerUnit = MinPrice;
	type DepositBase = DepositBase;
	type DepositPerByte = DepositPerByte;
	type WorkerDeposit = WorkerDepositAmount;
	type MaxAgendaPerBlock = MaxAgenda;
	type MaxClasses = ConstU32<8>;
	type MaxOutcomes = ConstU32<16>;
	type MaxSpecBytes = ConstU32<4_096>;
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

/// Submits the tests' jobs.
pub(crate) const REQUESTER: AccountId = account(100);
/// What every account starts with, besides stakes.
pub(crate) const FUNDS: Balance = 10_000_000;
/// Stake of each operator.
pub(crate) const STAKE: Balance = 100_000;

/// Account number `n`.
pub(crate) const fn account(n: u8) -> AccountId {
	AccountId32::new([n; 32])
}

static PAIRS: LazyLock<Vec<sr25519::Pair>> =
	LazyLock::new(|| (0..=40u8).map(|n| sr25519::Pair::from_seed(&[n; 32])).collect());

/// Hot key of worker `w`, whose operator is `account(w)`.
pub(crate) fn pair(w: u8) -> &'static sr25519::Pair {
	&PAIRS[usize::from(w)]
}

pub(crate) fn key(w: u8) -> WorkerKey {
	pair(w).public()
}

/// Number of a worker by its hot key.
pub(crate) fn number(worker: &WorkerKey) -> u8 {
	PAIRS.iter().position(|pair| pair.public() == *worker).unwrap() as u8
}

pub(crate) fn class_info() -> ClassInfo {
	ClassInfo {
		engine: Engine::Wasm,
		min_memory: 1_024,
		min_vram: 0,
		accelerator: Accelerator::None,
	}
}

/// Number of the class whose engine is the built-in kernels.
pub(crate) const KERNEL_CLASS: u16 = 4;

pub(crate) fn kernel_class() -> ClassInfo {
	ClassInfo { engine: Engine::Kernel, ..class_info() }
}

/// A device that runs kernels and asks 800 for a unit.
pub(crate) fn kernel_profile() -> Profile {
	Profile { class: KERNEL_CLASS, engines: Engines::KERNEL, ask_per_unit: 800, ..profile() }
}

/// Asks 8 for a unit and runs two replicas at a time.
pub(crate) fn profile() -> Profile {
	Profile {
		class: 0,
		ask_per_unit: 8,
		capacity: 2,
		engines: Engines::WASM,
		x25519: [1; 32],
		endpoints: Default::default(),
	}
}

pub(crate) fn proof(w: u8, operator: &AccountId) -> sr25519::Signature {
	pair(w).sign(&registration_payload(IoJobs::genesis(), operator))
}

fn locators(url: &str) -> io_primitives::Locators {
	BoundedVec::truncate_from(vec![BoundedVec::truncate_from(url.as_bytes().to_vec())])
}

/// Three replicas, two of which must agree, 100 units at 10 each.
pub(crate) fn spec() -> JobSpec {
	JobSpec {
		program: Program::Wasm { hash: H256::repeat_byte(1) },
		program_at: locators("http://example.org/program"),
		input_at: locators("http://example.org/input"),
		input: H256::repeat_byte(2),
		input_len: 1_000,
		args: Default::default(),
		class: 0,
		max_units: 100,
		max_memory: 64,
		max_output: 1_000_000,
		price_per_unit: 10,
		replicas: 3,
		quorum: 2,
		run_blocks: 20,
		encryption: None,
		min_perf: 0,
		verification: Verification::Quorum,
	}
}

/// A product of 4 x 8 and 8 x 2 matrices, one worker, one unit at 1,000.
pub(crate) fn kernel_spec() -> JobSpec {
	JobSpec {
		program: Program::Kernel { kind: Kernel::MatMulI8 { m: 4, k: 8, n: 2 } },
		program_at: Default::default(),
		input_len: 4 * 8 + 8 * 2,
		class: KERNEL_CLASS,
		max_units: 1,
		price_per_unit: 1_000,
		replicas: 1,
		quorum: 1,
		..spec()
	}
}

/// As [`kernel_spec`], and anybody can dispute the product for 15 blocks.
pub(crate) fn dispute_spec() -> JobSpec {
	JobSpec {
		input_len: 4 * 8 + 8 * 2 + 32,
		verification: Verification::Dispute {
			context: H256::repeat_byte(4),
			left: H256::repeat_byte(5),
			right: H256::repeat_byte(6),
			blocks: 15,
		},
		..kernel_spec()
	}
}

/// As [`kernel_spec`], and the worker has to prove the product.
pub(crate) fn product_spec() -> JobSpec {
	JobSpec {
		verification: Verification::Product { inputs: H256::repeat_byte(7) },
		..dispute_spec()
	}
}

pub(crate) fn spec_of(replicas: u8, quorum: u8) -> JobSpec {
	JobSpec { replicas, quorum, ..spec() }
}

/// Builds the state that a test starts from: class 0, a requester, and workers that are online.
pub(crate) struct ExtBuilder {
	workers: u8,
	profile: Profile,
}

impl Default for ExtBuilder {
	fn default() -> Self {
		Self { workers: 5, profile: profile() }
	}
}

impl ExtBuilder {
	pub(crate) fn workers(mut self, workers: u8) -> Self {
		self.workers = workers;
		self
	}

	pub(crate) fn capacity(mut self, capacity: u8) -> Self {
		self.profile.capacity = capacity;
		self
	}

	/// The workers run kernels.
	pub(crate) fn kernels(mut self) -> Self {
		self.profile = kernel_profile();
		self
	}

	pub(crate) fn build(self) -> sp_io::TestExternalities {
		let mut storage =
			frame_system::GenesisConfig::<Runtime>::default().build_storage().unwrap();
		let mut balances: Vec<_> =
			(1..=self.workers).map(|w| (account(w), FUNDS + STAKE)).collect();
		balances.extend([100, 101, 200, 201].map(|n| (account(n), FUNDS)));
		pallet_balances::GenesisConfig::<Runtime> { balances, ..Default::default() }
			.assimilate_storage(&mut storage)
			.unwrap();
		pallet_io_staking::GenesisConfig::<Runtime> {
			operators: (1..=self.workers).map(|w| (account(w), STAKE)).collect(),
			..Default::default()
		}
		.assimilate_storage(&mut storage)
		.unwrap();
		pallet_io_jobs::GenesisConfig::<Runtime> {
			classes: vec![(0, class_info()), (1, class_info()), (KERNEL_CLASS, kernel_class())],
			..Default::default()
		}
		.assimilate_storage(&mut storage)
		.unwrap();
		let mut ext = sp_io::TestExternalities::from(storage);
		ext.execute_with(|| {
			System::set_block_number(1);
			for w in 1..=self.workers {
				register(w, self.profile.clone());
			}
			System::reset_events();
		});
		ext
	}

	/// For benchmarks, which sign.
	#[cfg(feature = "runtime-benchmarks")]
	pub(crate) fn build_with_keystore(self) -> sp_io::TestExternalities {
		use sp_keystore::{testing::MemoryKeystore, KeystoreExt};
		let mut ext = self.build();
		ext.register_extension(KeystoreExt::new(MemoryKeystore::new()));
		ext
	}

	/// Runs a test and checks all invariants after it.
	pub(crate) fn build_and_execute(self, test: impl FnOnce()) {
		self.build().execute_with(|| {
			test();
			check();
		});
	}
}

/// Checks the invariants of this pallet and that no bond is locked without a replica.
pub(crate) fn check() {
	IoJobs::do_try_state().unwrap();
	let mut bonds = std::collections::BTreeMap::<AccountId, Balance>::new();
	for (_, job) in crate::Jobs::<Runtime>::iter() {
		for seat in job.replicas.iter().filter_map(|replica| replica.seat.clone()) {
			*bonds.entry(seat.operator).or_default() += seat.bond;
		}
	}
	for (operator, ledger) in pallet_io_staking::Ledgers::<Runtime>::iter() {
		assert_eq!(ledger.locked, bonds.remove(&operator).unwrap_or_default(), "{operator:?}");
	}
}

/// Registers worker `w` of operator `w` and lets it show a sign of life.
pub(crate) fn register(w: u8, profile: Profile) {
	let operator = account(w);
	let proof = proof(w, &operator);
	IoJobs::register_worker(RuntimeOrigin::signed(operator), key(w), profile, proof).unwrap();
	crate::Heartbeats::<Runtime>::insert(key(w), crate::Heartbeat { seq: 1, at: now(), load: 0 });
}

/// Makes account `w` an operator with worker `w`.
pub(crate) fn register_operator(w: u8) {
	use frame_support::traits::fungible::Mutate;
	Balances::mint_into(&account(w), FUNDS + STAKE).unwrap();
	let operator = RuntimeOrigin::signed(account(w));
	IoStaking::register_operator(operator, STAKE, Default::default(), Default::default()).unwrap();
	register(w, profile());
}

/// All workers show a sign of life.
pub(crate) fn beat() {
	for worker in crate::Workers::<Runtime>::iter_keys() {
		crate::Heartbeats::<Runtime>::mutate(worker, |beat| {
			let seq = beat.map_or(0, |beat| beat.seq) + 1;
			*beat = Some(crate::Heartbeat { seq, at: now(), load: 0 });
		});
	}
}

pub(crate) fn now() -> BlockNumber {
	System::block_number()
}

/// One more block, with the hooks that run before its transactions.
pub(crate) fn next_block() {
	next_block_with(&mut WeightMeter::new());
}

pub(crate) fn next_block_with(meter: &mut WeightMeter) {
	System::set_block_number(now() + 1);
	<AllPalletsWithSystem as OnPoll<BlockNumber>>::on_poll(now(), meter);
}

pub(crate) fn run_to(block: BlockNumber) {
	while now() < block {
		next_block();
	}
}

pub(crate) fn run_blocks(blocks: BlockNumber) {
	run_to(now() + blocks);
}

/// Submits a job and returns its number.
pub(crate) fn submit(spec: JobSpec) -> JobId {
	let id = crate::NextJobId::<Runtime>::get();
	IoJobs::submit(RuntimeOrigin::signed(REQUESTER), spec).unwrap();
	id
}

pub(crate) fn job(id: JobId) -> crate::Job<AccountId> {
	crate::Jobs::<Runtime>::get(id).unwrap()
}

pub(crate) fn outcome(id: JobId) -> io_primitives::Outcome<AccountId> {
	IoJobs::job(id).unwrap().outcome.unwrap()
}

/// Submits a job and goes on to the block in which its workers are drawn.
pub(crate) fn drawn(spec: JobSpec) -> JobId {
	let id = submit(spec);
	next_block();
	assert_eq!(job(id).wanted().count(), 0, "enough workers fit");
	id
}

/// The worker of a replica.
pub(crate) fn seat(id: JobId, replica: ReplicaId) -> u8 {
	let job = job(id);
	number(&job.replicas[usize::from(replica)].seat.as_ref().unwrap().worker)
}

/// Signs a call of worker `w` that counts for 50 blocks.
pub(crate) fn signed(w: u8, call: WorkerCall) -> SignedWorkerCall {
	let valid_until = now() + 50;
	let signature = pair(w).sign(&call.payload(IoJobs::genesis(), valid_until));
	SignedWorkerCall { worker: key(w), call, valid_until, signature }
}

fn extrinsic(signed: SignedWorkerCall) -> Extrinsic {
	let call = RuntimeCall::IoJobs(IoJobs::worker_call(signed));
	<Runtime as frame_system::offchain::CreateAuthorizedTransaction<crate::Call<Runtime>>>::create_authorized_transaction(call)
}

/// What the pool says to a worker's call.
pub(crate) fn validate(
	signed: SignedWorkerCall,
) -> Result<ValidTransaction, TransactionValidityError> {
	let extrinsic = extrinsic(signed);
	let len = extrinsic.encoded_size();
	let info = extrinsic.get_dispatch_info();
	let checked = extrinsic.check(&ChainContext::<Runtime>::default())?;
	checked.validate::<Runtime>(TransactionSource::External, &info, len)
}

/// Why a worker's call fails.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SendError {
	/// It does not enter the block.
	Invalid(TransactionValidityError),
	/// It fails there.
	Failed(DispatchError),
}

/// Sends a signed call through the whole pipeline of transactions, as a block does.
pub(crate) fn apply(signed: SignedWorkerCall) -> Result<(), SendError> {
	let extrinsic = extrinsic(signed);
	let len = extrinsic.encoded_size();
	let info = extrinsic.get_dispatch_info();
	let result = extrinsic
		.check(&ChainContext::<Runtime>::default())
		.and_then(|checked| checked.apply::<Runtime>(&info, len))
		.map_err(SendError::Invalid)?;
	result.map(|_| ()).map_err(|error| SendError::Failed(error.error))
}

/// Signs and sends a call of worker `w`.
pub(crate) fn send(w: u8, call: WorkerCall) -> Result<(), SendError> {
	apply(signed(w, call))
}

/// Dispatches a call of worker `w` without authorisation.
pub(crate) fn dispatch(w: u8, call: WorkerCall) -> DispatchResult {
	use frame_support::traits::UnfilteredDispatchable;
	IoJobs::worker_call(signed(w, call))
		.dispatch_bypass_filter(RawOrigin::Authorized.into())
		.map(|_| ())
		.map_err(|error| error.error)
}

/// The refusal by the pool that stands for an error.
pub(crate) fn refused(error: crate::Error<Runtime>) -> TransactionValidityError {
	let index = error.encode()[0];
	sp_runtime::transaction_validity::InvalidTransaction::Custom(index).into()
}

/// A result named by a byte. Equal names are equal results.
pub(crate) fn opening(result: u8) -> Opening {
	Opening {
		digest: H256::repeat_byte(result),
		units: 40 + u64::from(result),
		exit_code: 0,
		salt: [7; 32],
	}
}

/// As [`opening`]; a kernel takes the units that it takes.
pub(crate) fn opening_of(id: JobId, result: u8) -> Opening {
	let kernel = crate::Jobs::<Runtime>::get(id).filter(|job| job.engine == Engine::Kernel);
	let units = kernel.map(|job| job.max_units);
	let opening = opening(result);
	Opening { units: units.unwrap_or(opening.units), ..opening }
}

pub(crate) fn accept_call(id: JobId, replica: ReplicaId) -> WorkerCall {
	WorkerCall::Accept { job: id, replica }
}

pub(crate) fn commit_call(id: JobId, replica: ReplicaId, opening: &Opening) -> WorkerCall {
	let attempt = crate::Jobs::<Runtime>::get(id)
		.and_then(|job| job.replicas.get(usize::from(replica)).map(|r| r.attempt))
		.unwrap_or_default();
	let worker = crate::Jobs::<Runtime>::get(id)
		.and_then(|job| job.replicas.get(usize::from(replica))?.seat.clone())
		.map_or(key(0), |seat| seat.worker);
	let commitment = commitment(&worker, id, replica, attempt, opening);
	WorkerCall::Commit { job: id, replica, commitment }
}

pub(crate) fn reveal_call(id: JobId, replica: ReplicaId, opening: &Opening) -> WorkerCall {
	WorkerCall::Reveal {
		job: id,
		replica,
		digest: opening.digest,
		units: opening.units,
		exit_code: opening.exit_code,
		salt: opening.salt,
		output_at: output_at(replica),
	}
}

pub(crate) fn output_at(replica: ReplicaId) -> OutputAt {
	OutputAt::truncate_from(format!("http://worker/{replica}").into_bytes())
}

pub(crate) fn accept(id: JobId, replica: ReplicaId) {
	send(seat(id, replica), accept_call(id, replica)).unwrap();
}

pub(crate) fn decline(id: JobId, replica: ReplicaId) {
	send(seat(id, replica), WorkerCall::Decline { job: id, replica }).unwrap();
}

pub(crate) fn commit(id: JobId, replica: ReplicaId, result: u8) {
	send(seat(id, replica), commit_call(id, replica, &opening_of(id, result))).unwrap();
}

pub(crate) fn reveal(id: JobId, replica: ReplicaId, result: u8) {
	send(seat(id, replica), reveal_call(id, replica, &opening_of(id, result))).unwrap();
}

/// Brings a job to `Revealing`, with one committed result for each replica.
pub(crate) fn committed(id: JobId, results: &[u8]) {
	for (replica, result) in (0u8..).zip(results) {
		accept(id, replica);
		commit(id, replica, *result);
	}
}

/// Submits a job, and lets its replicas accept, commit to and reveal these results.
pub(crate) fn revealed(spec: JobSpec, results: &[u8]) -> JobId {
	let id = drawn(spec);
	committed(id, results);
	for (replica, result) in (0u8..).zip(results) {
		reveal(id, replica, *result);
	}
	id
}

/// Submits a job whose only worker reveals a product, which then goes on trial.
pub(crate) fn on_trial(spec: JobSpec) -> JobId {
	let id = revealed(spec, &[1]);
	next_block();
	assert_eq!(job(id).state, io_primitives::JobState::Verifying);
	id
}

pub(crate) fn free(n: u8) -> Balance {
	Balances::free_balance(account(n))
}

/// This pallet's events since the last call.
pub(crate) fn events() -> Vec<crate::Event<Runtime>> {
	let events = System::read_events_for_pallet::<crate::Event<Runtime>>();
	System::reset_events();
	events
}
