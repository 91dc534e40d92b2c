//! A small runtime for the pallet's tests, with the real staking pallet. Who is a worker, and which products wait for a
//! verdict, is what the test says.

use codec::Encode;
use frame_support::{
	derive_impl,
	dispatch::{GetDispatchInfo, PostDispatchInfo},
	parameter_types,
	traits::{ConstU32, ConstU64, OnPoll},
	weights::WeightMeter,
};
use frame_system::{ChainContext, EnsureRoot, RawOrigin};
use io_primitives::{
	attestation::{
		AttestationCall, Certificate, ClassParams, Commitment, DeviceIndex, ProofBytes,
		SignedAttestation, Window,
	},
	Balance, BlockNumber, Claim, JobId, Verdicts, WorkLedger, WorkerKey, WorkerRegistry,
};
use io_tflops::{
	prover::{Chain, MatMul, Scalar},
	transcript::device_seed,
	tree::TreeHasher,
	Params, Statement,
};
use sp_core::{sr25519, Pair, H256};
use sp_runtime::{
	generic,
	traits::{Applyable, BlakeTwo256, Checkable, IdentityLookup},
	transaction_validity::{
		InvalidTransaction, TransactionSource, TransactionValidityError, ValidTransaction,
	},
	AccountId32, BuildStorage, DispatchError, DispatchResult, Permill,
};
use std::{collections::BTreeMap, sync::LazyLock};

use crate as pallet_io_attestation;

pub(crate) type AccountId = AccountId32;
type TxExtension = frame_system::AuthorizeCall<Runtime>;
pub(crate) type Extrinsic =
	generic::UncheckedExtrinsic<AccountId, RuntimeCall, sp_runtime::MultiSignature, TxExtension>;
type Header = generic::Header<BlockNumber, BlakeTwo256>;
pub(crate) type Block = generic::Block<Header, Extrinsic>;

frame_support::construct_runtime!(
	pub enum Runtime {
		System: frame_system,
		Balances: pallet_balances,
		IoStaking: pallet_io_staking,
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
	pub static MinWindowGap: BlockNumber = 20;
	pub static WindowOdds: Permill = Permill::one();
	pub static WindowSlots: u32 = 10;
	pub static AuditRate: Permill = Permill::one();
	pub static RevealBlocks: BlockNumber = 15;
	pub static CertificateTtl: BlockNumber = 100;
	/// Workers that are registered, by number, and their operators' numbers.
	pub static Registered: BTreeMap<u8, u8> = (1..=WORKERS).map(|w| (w, w)).collect();
	/// Products that wait for their verdict.
	pub static Claims: BTreeMap<JobId, Claim<AccountId>> = BTreeMap::new();
	/// Verdicts that were given: whether the claim was true.
	pub static Given: Vec<(JobId, bool)> = Vec::new();
	/// Work that was proven.
	pub static Ledger: Vec<(AccountId, u128)> = Vec::new();
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

/// The workers of the test.
pub struct TestWorkers;

impl WorkerRegistry<AccountId> for TestWorkers {
	fn operator(worker: &WorkerKey) -> Option<AccountId> {
		let known = (1..=WORKERS).find(|w| key(*w) == *worker);
		#[cfg(feature = "runtime-benchmarks")]
		if known.is_none() {
			return Benchmarked::get().get(&worker.0).cloned();
		}
		known.and_then(|w| Registered::get().get(&w).map(|operator| account(*operator)))
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_worker(worker: &WorkerKey, operator: &AccountId) {
		Benchmarked::mutate(|workers| workers.insert(worker.0, operator.clone()));
	}
}

#[cfg(feature = "runtime-benchmarks")]
parameter_types! {
	/// Workers of benchmarks.
	pub static Benchmarked: BTreeMap<[u8; 32], AccountId> = BTreeMap::new();
}

/// The products of the test.
pub struct TestVerdicts;

impl TestVerdicts {
	fn give(job: JobId, truth: bool) -> DispatchResult {
		Claims::mutate(|claims| claims.remove(&job)).ok_or(DispatchError::Unavailable)?;
		Given::mutate(|given| given.push((job, truth)));
		Ok(())
	}
}

impl Verdicts<AccountId> for TestVerdicts {
	fn claim(job: JobId) -> Option<Claim<AccountId>> {
		Claims::get().get(&job).cloned()
	}
	fn refute(job: JobId) -> DispatchResult {
		Self::give(job, false)
	}
	fn confirm(job: JobId) -> DispatchResult {
		Self::give(job, true)
	}
	fn pending(worker: &WorkerKey) -> Vec<(JobId, BlockNumber)> {
		let claims = Claims::get().into_iter();
		claims.filter(|(_, claim)| claim.worker == *worker).map(|(job, _)| (job, 50)).collect()
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_claim(claim: Claim<AccountId>) -> JobId {
		Claims::mutate(|claims| {
			let job = claims.keys().next_back().map_or(0, |last| last + 1);
			claims.insert(job, claim);
			job
		})
	}
}

/// Remembers what was proven.
pub struct TestLedger;

impl WorkLedger<AccountId> for TestLedger {
	fn settled(_: &AccountId, _: io_primitives::ClassId, _: u64, _: Balance) {}
	fn certified(operator: &AccountId, ops: u128) {
		Ledger::mutate(|ledger| ledger.push((operator.clone(), ops)));
	}
}

pub(crate) const PARA_ID: u32 = 2_000;

impl pallet_io_attestation::Config for Runtime {
	type Workers = TestWorkers;
	type Bonding = IoStaking;
	type Slashing = IoStaking;
	type WorkLedger = TestLedger;
	type Verdicts = TestVerdicts;
	type AdminOrigin = EnsureRoot<AccountId>;
	type ParaId = ConstU32<PARA_ID>;
	type MinWindowGap = MinWindowGap;
	type WindowOdds = WindowOdds;
	type WindowSlots = WindowSlots;
	type AuditRate = AuditRate;
	type RevealBlocks = RevealBlocks;
	type CertificateTtl = CertificateTtl;
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

/// Workers 1 to 5 are operated by accounts 1 to 5.
pub(crate) const WORKERS: u8 = 5;
/// What every account starts with, besides stakes.
pub(crate) const FUNDS: Balance = 1_000_000;
/// Stake of each operator.
pub(crate) const STAKE: Balance = 100_000;
/// Bond of a lane of class 0.
pub(crate) const BOND: Balance = 1_000;
/// Relay chain block and slot of block 1 of the tests.
pub(crate) const RELAY: u32 = 1_000;
pub(crate) const SLOT: u64 = 5_000;

/// Account number `n`.
pub(crate) const fn account(n: u8) -> AccountId {
	AccountId32::new([n; 32])
}

static PAIRS: LazyLock<Vec<sr25519::Pair>> =
	LazyLock::new(|| (0..=20u8).map(|n| sr25519::Pair::from_seed(&[n; 32])).collect());

pub(crate) fn pair(w: u8) -> &'static sr25519::Pair {
	&PAIRS[usize::from(w)]
}

/// Hot key of worker `w`.
pub(crate) fn key(w: u8) -> WorkerKey {
	pair(w).public()
}

/// Products of 32 rows and 128 columns, 64 long, opened at 32 places.
pub(crate) fn class() -> ClassParams {
	ClassParams {
		arith: 0,
		m: 32,
		n: 128,
		k: 64,
		min_lanes: 1,
		max_lanes: 8,
		openings: 32,
		bond_per_lane: BOND,
	}
}

fn reset_statics() {
	MinWindowGap::set(20);
	WindowOdds::set(Permill::one());
	WindowSlots::set(10);
	AuditRate::set(Permill::one());
	RevealBlocks::set(15);
	CertificateTtl::set(100);
	Registered::set((1..=WORKERS).map(|w| (w, w)).collect());
	Claims::set(BTreeMap::new());
	Given::set(Vec::new());
	Ledger::set(Vec::new());
}

/// Builds the state that a test starts from: classes 0 and 1, operators with stake, nobody enrolled, no window.
#[derive(Default)]
pub(crate) struct ExtBuilder {
	predictable: bool,
}

impl ExtBuilder {
	pub(crate) fn predictable(mut self) -> Self {
		self.predictable = true;
		self
	}

	pub(crate) fn build(self) -> sp_io::TestExternalities {
		reset_statics();
		let mut storage =
			frame_system::GenesisConfig::<Runtime>::default().build_storage().unwrap();
		let mut balances: Vec<_> = (1..=WORKERS).map(|w| (account(w), FUNDS + STAKE)).collect();
		balances.push((account(100), FUNDS));
		pallet_balances::GenesisConfig::<Runtime> { balances, ..Default::default() }
			.assimilate_storage(&mut storage)
			.unwrap();
		pallet_io_staking::GenesisConfig::<Runtime> {
			operators: (1..=WORKERS).map(|w| (account(w), STAKE)).collect(),
			..Default::default()
		}
		.assimilate_storage(&mut storage)
		.unwrap();
		pallet_io_attestation::GenesisConfig::<Runtime> {
			classes: vec![(0, class()), (1, ClassParams { k: 128, openings: 128, ..class() })],
			predictable_beacon: self.predictable,
			..Default::default()
		}
		.assimilate_storage(&mut storage)
		.unwrap();
		let mut ext = sp_io::TestExternalities::from(storage);
		ext.execute_with(|| System::set_block_number(1));
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

/// Checks the invariants of this pallet and of staking, and that no bond is locked without an enrolment.
pub(crate) fn check() {
	IoAttestation::do_try_state().unwrap();
	let mut bonds = BTreeMap::<AccountId, Balance>::new();
	for enrolment in crate::Enrolments::<Runtime>::iter_values() {
		*bonds.entry(enrolment.operator).or_default() += enrolment.bond;
	}
	for (operator, ledger) in pallet_io_staking::Ledgers::<Runtime>::iter() {
		assert!(ledger.locked <= ledger.cover());
		assert_eq!(ledger.locked, bonds.remove(&operator).unwrap_or_default(), "{operator:?}");
	}
	assert!(bonds.values().all(|bond| *bond == 0));
}

pub(crate) fn now() -> BlockNumber {
	System::block_number()
}

/// The relay chain's block and slot that go with a block of the tests.
pub(crate) fn relay_of(block: BlockNumber) -> (u32, u64) {
	(RELAY + block, SLOT + u64::from(block))
}

/// A VRF output.
pub(crate) fn lot(relay_number: u32) -> H256 {
	H256(sp_io::hashing::blake2_256(&relay_number.encode()))
}

/// One more block, with everything that comes before its transactions, but without a relay parent.
pub(crate) fn block_without_relay(meter: &mut WeightMeter) {
	System::set_block_number(now() + 1);
	poll(meter);
}

/// One more block with a relay parent.
pub(crate) fn next_block_with(meter: &mut WeightMeter) {
	System::set_block_number(now() + 1);
	let (number, slot) = relay_of(now());
	IoAttestation::note_relay(number, slot, Some(lot(number)));
	poll(meter);
}

/// The meter is for this pallet alone.
fn poll(meter: &mut WeightMeter) {
	<IoStaking as OnPoll<BlockNumber>>::on_poll(now(), &mut WeightMeter::new());
	<IoAttestation as OnPoll<BlockNumber>>::on_poll(now(), meter);
}

pub(crate) fn next_block() {
	next_block_with(&mut WeightMeter::new());
}

pub(crate) fn run_blocks(blocks: BlockNumber) {
	for _ in 0..blocks {
		next_block();
	}
}

/// Goes on to the block in which the next window opens.
pub(crate) fn next_window() -> Window {
	let before = IoAttestation::window();
	while IoAttestation::window() == before {
		next_block();
	}
	IoAttestation::window().unwrap()
}

/// Signs a call of worker `w` that counts for 20 blocks.
pub(crate) fn signed(w: u8, call: AttestationCall) -> SignedAttestation {
	let valid_until = now() + 20;
	let signature = pair(w).sign(&call.payload(IoAttestation::genesis(), valid_until));
	SignedAttestation { worker: key(w), call, valid_until, signature }
}

fn extrinsic(signed: SignedAttestation) -> Extrinsic {
	let call = RuntimeCall::IoAttestation(IoAttestation::attestation_call(signed));
	<Runtime as frame_system::offchain::CreateAuthorizedTransaction<crate::Call<Runtime>>>::create_authorized_transaction(call)
}

/// What the pool says to a call.
pub(crate) fn validate(
	signed: SignedAttestation,
) -> Result<ValidTransaction, TransactionValidityError> {
	let extrinsic = extrinsic(signed);
	let len = extrinsic.encoded_size();
	let info = extrinsic.get_dispatch_info();
	let checked = extrinsic.check(&ChainContext::<Runtime>::default())?;
	checked.validate::<Runtime>(TransactionSource::External, &info, len)
}

/// Why a call fails.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SendError {
	/// It does not enter the block.
	Invalid(TransactionValidityError),
	/// It fails there.
	Failed(DispatchError),
}

/// Sends a signed call through the whole pipeline of transactions, as a block does. Returns what it weighed.
pub(crate) fn apply(signed: SignedAttestation) -> Result<PostDispatchInfo, SendError> {
	let extrinsic = extrinsic(signed);
	let len = extrinsic.encoded_size();
	let info = extrinsic.get_dispatch_info();
	let result = extrinsic
		.check(&ChainContext::<Runtime>::default())
		.and_then(|checked| checked.apply::<Runtime>(&info, len))
		.map_err(SendError::Invalid)?;
	result.map_err(|error| SendError::Failed(error.error))
}

/// Signs and sends a call of worker `w`.
pub(crate) fn send(w: u8, call: AttestationCall) -> Result<(), SendError> {
	apply(signed(w, call)).map(|_| ())
}

/// Dispatches a call of worker `w` without authorisation.
pub(crate) fn dispatch(w: u8, call: AttestationCall) -> DispatchResult {
	use frame_support::traits::UnfilteredDispatchable;
	let signed = SignedAttestation {
		worker: key(w),
		call,
		valid_until: now(),
		signature: Default::default(),
	};
	IoAttestation::attestation_call(signed)
		.dispatch_bypass_filter(RawOrigin::Authorized.into())
		.map(|_| ())
		.map_err(|error| error.error)
}

/// The refusal by the pool that stands for an error.
pub(crate) fn refused(error: crate::Error<Runtime>) -> TransactionValidityError {
	InvalidTransaction::Custom(error.encode()[0]).into()
}

/// Neither the pool nor the dispatch takes the call, for this reason, and nothing changes.
#[track_caller]
pub(crate) fn assert_refused(w: u8, call: AttestationCall, error: crate::Error<Runtime>) {
	let index = refused(error);
	assert_eq!(validate(signed(w, call.clone())).unwrap_err(), index);
	let root = || sp_io::storage::root(sp_core::storage::StateVersion::V1);
	let before = root();
	let failed = dispatch(w, call).unwrap_err();
	let DispatchError::Module(module) = failed else { panic!("{failed:?}") };
	assert_eq!(TransactionValidityError::from(InvalidTransaction::Custom(module.error[0])), index);
	assert_eq!(root(), before);
}

pub(crate) fn enrol_call(device: DeviceIndex, class: u8, lanes: u32) -> AttestationCall {
	AttestationCall::Enrol { device, class, lanes }
}

/// Enrols device 0 of worker `w` with one lane in class 0.
pub(crate) fn enrol(w: u8) {
	send(w, enrol_call(0, 0, 1)).unwrap();
}

/// A device that gets some of its products wrong, always the same ones.
pub(crate) struct Lazy {
	/// Entries that are wrong, in percent.
	pub(crate) percent: u8,
}

impl MatMul for Lazy {
	type Error = core::convert::Infallible;

	fn product(
		&mut self,
		params: &Params,
		key_a: &[u8; 32],
		key_b: &[u8; 32],
		c: &mut [u16],
	) -> Result<(), Self::Error> {
		Scalar.product(params, key_a, key_b, c)?;
		for (at, entry) in c.iter_mut().enumerate() {
			// 37 and 100 have no common divisor, so this is the share that it should be.
			if (at * 37 + usize::from(key_a[0])) % 100 < usize::from(self.percent) {
				*entry = entry.wrapping_add(1);
			}
		}
		Ok(())
	}
}

/// The chain of one device in the last window: so many rounds of one lane in class 0.
pub(crate) fn chain<M: MatMul>(w: u8, device: DeviceIndex, rounds: u32, matmul: &mut M) -> Chain
where
	M::Error: core::fmt::Debug,
{
	let window = IoAttestation::window().unwrap();
	chain_of(&window, w, device, 0, 1, rounds, matmul)
}

pub(crate) fn chain_of<M: MatMul>(
	window: &Window,
	w: u8,
	device: DeviceIndex,
	class_id: u8,
	lanes: u32,
	rounds: u32,
	matmul: &mut M,
) -> Chain
where
	M::Error: core::fmt::Debug,
{
	let class = crate::Classes::<Runtime>::get(class_id).unwrap();
	let params = Params::new(class.arith, class.m, class.n, class.k, lanes).unwrap();
	let seed = device_seed(&window.seed.0, &key(w).0, device, class_id, &params);
	let mut chain = Chain::new(params, seed);
	for _ in 0..rounds {
		chain.round(matmul).unwrap();
	}
	chain
}

pub(crate) fn commit_call(device: DeviceIndex, chain: &Chain) -> AttestationCall {
	let window = IoAttestation::window().unwrap();
	commit_of(&window, device, chain.rounds(), chain.commitment().into())
}

pub(crate) fn commit_of(
	window: &Window,
	device: DeviceIndex,
	rounds: u32,
	commitment: H256,
) -> AttestationCall {
	AttestationCall::Commit { window: window.id, seed: window.seed, device, rounds, commitment }
}

/// What an audit asks of a chain; any challenge, if there is none.
pub(crate) fn statement(w: u8, device: DeviceIndex, chain: &Chain, openings: u32) -> Statement {
	Statement {
		seed: *chain.seed(),
		params: *chain.params(),
		rounds: chain.rounds(),
		openings,
		commitment: chain.commitment(),
		challenge: pending(w, device).and_then(|found| found.audit).unwrap().challenge.0,
	}
}

/// The reveal of a chain of one lane whose products are what `matmul` says, right or wrong.
pub(crate) fn reveal_bytes<M: MatMul>(
	chain: &Chain,
	statement: &Statement,
	matmul: &mut M,
) -> ProofBytes
where
	M::Error: core::fmt::Debug,
{
	let mut states = vec![*chain.seed()];
	for (round, root) in (0..).zip(chain.roots()) {
		let last = states[round as usize];
		states.push(io_tflops::transcript::next_state(&last, root, round));
	}
	let mut bytes = chain.roots().as_flattened().to_vec();
	let mut paths = Vec::new();
	for position in statement.positions() {
		let state = &states[position.round as usize];
		let leaf = position.leaf(chain.params());
		let opened = matmul.open_lane(chain.params(), state, 0, &[leaf]).unwrap().pop().unwrap();
		let hasher = TreeHasher::new(state);
		let root = hasher.root_of_path(hasher.leaf(&opened.leaf), leaf, &opened.siblings);
		assert_eq!(root, chain.roots()[position.round as usize]);
		bytes.extend(opened.leaf);
		paths.extend(opened.siblings.into_flattened());
	}
	bytes.extend(paths);
	bytes.try_into().unwrap()
}

/// The call that brings this proof for what the device has committed to; if that is nothing, for anything.
pub(crate) fn answer(w: u8, device: DeviceIndex, proof: ProofBytes) -> AttestationCall {
	let found = pending(w, device);
	AttestationCall::Reveal {
		window: found.map_or(1, |found| found.window),
		challenge: found
			.and_then(|found| found.audit)
			.map_or_else(H256::zero, |audit| audit.challenge),
		device,
		proof,
	}
}

/// The call that answers the audit of a device of one lane in class 0.
pub(crate) fn reveal_call<M: MatMul>(
	w: u8,
	device: DeviceIndex,
	chain: &Chain,
	matmul: &mut M,
) -> AttestationCall
where
	M::Error: core::fmt::Debug,
{
	let statement = statement(w, device, chain, class().openings);
	let proof = reveal_bytes(chain, &statement, matmul);
	answer(w, device, proof)
}

/// The pending commitment of a device.
pub(crate) fn pending(w: u8, device: DeviceIndex) -> Option<Commitment> {
	crate::Commitments::<Runtime>::get(key(w), device).map(|pending| pending.commitment)
}

/// The valid certificates of a worker.
pub(crate) fn certificates(w: u8) -> Vec<Certificate> {
	IoAttestation::certificates(key(w))
}

/// Gives a device a certificate of more than it will claim, so that only the lot decides about its audits.
pub(crate) fn trust(w: u8, device: DeviceIndex) {
	crate::Certificates::<Runtime>::mutate(key(w), |list| {
		list.retain(|held| held.device != device);
		let certificate = Certificate {
			device,
			class: 0,
			window: 0,
			ops: 0,
			slots: 1,
			mops: 1_000,
			audited: true,
			expires: BlockNumber::MAX,
		};
		list.try_push(certificate).unwrap();
	});
}

/// Enrols device 0 of worker `w` and goes on to the next window.
pub(crate) fn enrolled(w: u8) -> Window {
	enrol(w);
	next_window()
}

/// Enrols device 0 of worker `w`, does so many rounds in the next window, and goes on to the block of the draw.
pub(crate) fn audited<M: MatMul>(w: u8, rounds: u32, matmul: &mut M) -> Chain
where
	M::Error: core::fmt::Debug,
{
	enrolled(w);
	run_blocks(3);
	let chain = chain(w, 0, rounds, matmul);
	send(w, commit_call(0, &chain)).unwrap();
	run_blocks(4);
	chain
}

/// The ledger of operator `n`.
pub(crate) fn ledger(n: u8) -> pallet_io_staking::Ledger {
	pallet_io_staking::Ledgers::<Runtime>::get(account(n)).unwrap()
}

/// This pallet's events since the last call.
pub(crate) fn events() -> Vec<crate::Event<Runtime>> {
	let events = System::read_events_for_pallet::<crate::Event<Runtime>>();
	System::reset_events();
	events
}
