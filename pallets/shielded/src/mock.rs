//! A small runtime for the pallet's tests, with rings of 16 places. Which jobs there are is what the test says.

mod bundles;

pub(crate) use bundles::*;

use codec::Encode;
use frame_support::{
	derive_impl,
	dispatch::GetDispatchInfo,
	parameter_types,
	storage::types::ValueQuery,
	traits::{
		fungible::{Balanced, Credit, Mutate},
		tokens::{Fortitude, Precision, Preservation},
		ConstU32, Hooks, Imbalance, OnUnbalanced,
	},
	weights::Weight,
	PalletId,
};
use frame_system::{ChainContext, EnsureRoot};
use io_primitives::{
	Balance, BlockNumber, JobId, JobSpec, JobSubmission, Locator, Program, Verification,
};
use io_shielded::RingSize;
use sp_core::H256;
use sp_runtime::{
	generic,
	traits::{Applyable, BlakeTwo256, Checkable, Convert, IdentityLookup},
	transaction_validity::{
		InvalidTransaction, TransactionSource, TransactionValidityError, ValidTransaction,
	},
	AccountId32, BuildStorage, DispatchError,
};

use crate as pallet_io_shielded;
use crate::{Terms, UNIT};

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
		IoShielded: pallet_io_shielded,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Runtime {
	type Block = Block;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
	type AccountData = pallet_balances::AccountData<Balance>;
	type BlockHashCount = ConstU32<1_000>;
}

/// Rings of the tests.
pub(crate) const RING: RingSize = RingSize::N16;
pub(crate) const EXISTENTIAL_DEPOSIT: Balance = 3 * UNIT;
pub(crate) const PARA_ID: u32 = 2_000;
/// Blocks of a day.
pub(crate) const DAY: BlockNumber = 1_000;
/// Longest pause.
pub(crate) const MAX_PAUSE: BlockNumber = 500;

pub(crate) const TERMS: Terms = Terms {
	pool_cap: 10_000_000 * UNIT,
	max_shield: 1_000_000 * UNIT,
	max_outflow_per_day: 5_000_000 * UNIT,
	stamp_bits: 4,
	unsigned_spends: true,
};

parameter_types! {
	pub const Ed: Balance = EXISTENTIAL_DEPOSIT;
	pub const PoolId: PalletId = PalletId(*b"io/shild");
	pub static CurrentTerms: Terms = TERMS;
	/// What a byte of an unsigned bundle costs, in units.
	pub static ByteFee: Balance = 1;
	/// What a job costs; nothing if it breaks a rule.
	pub static JobCost: Option<Balance> = Some(70 * UNIT);
	/// Whether the market refuses jobs although they keep the rules.
	pub static MarketFull: bool = false;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Runtime {
	type Balance = Balance;
	type ExistentialDeposit = Ed;
	type AccountStore = System;
}

/// The jobs of the test. What a job costs is burnt.
pub struct TestJobs;

/// Jobs that were submitted.
#[frame_support::storage_alias]
pub type Submitted = StorageValue<TestJobs, Vec<(AccountId, JobSpec)>, ValueQuery>;

impl JobSubmission<AccountId> for TestJobs {
	fn cost(_: &JobSpec) -> Result<Balance, DispatchError> {
		JobCost::get().ok_or(DispatchError::Other("a rule"))
	}

	fn submit(requester: AccountId, spec: JobSpec) -> Result<JobId, DispatchError> {
		if MarketFull::get() {
			return Err(DispatchError::Exhausted);
		}
		let cost = Self::cost(&spec)?;
		Balances::burn_from(
			&requester,
			cost,
			Preservation::Preserve,
			Precision::Exact,
			Fortitude::Polite,
		)?;
		Submitted::mutate(|jobs| {
			jobs.push((requester, spec));
			Ok(jobs.len() as JobId)
		})
	}

	fn submit_weight(spec: &JobSpec) -> Weight {
		Weight::from_parts(spec.encoded_size() as u64, 0)
	}
}

/// What unsigned bundles paid: half to the treasury, half to the author.
pub struct TestFees;

impl OnUnbalanced<Credit<AccountId, Balances>> for TestFees {
	fn on_unbalanceds(fees: impl Iterator<Item = Credit<AccountId, Balances>>) {
		for fee in fees {
			let (treasury, author) = fee.ration(50, 50);
			Balances::resolve(&TREASURY, treasury).unwrap();
			Balances::resolve(&AUTHOR, author).unwrap();
		}
	}
}

/// A byte costs [`ByteFee`], a second of computing a thousand units.
pub struct TestFee;

impl Convert<(u32, Weight), Balance> for TestFee {
	fn convert((bytes, weight): (u32, Weight)) -> Balance {
		let time = Balance::from(weight.ref_time()) * UNIT / 1_000_000_000;
		Balance::from(bytes) * ByteFee::get() * UNIT + time
	}
}

impl pallet_io_shielded::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Jobs = TestJobs;
	type AdminOrigin = EnsureRoot<AccountId>;
	type FeeHandler = TestFees;
	type TransactionFee = TestFee;
	type Terms = CurrentTerms;
	type ParaId = ConstU32<PARA_ID>;
	type PalletId = PoolId;
	type BlocksPerDay = ConstU32<DAY>;
	type MaxPause = ConstU32<MAX_PAUSE>;
	type WeightInfo = ();

	const RING: RingSize = RING;
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

pub(crate) const ALICE: AccountId = account(1);
pub(crate) const BOB: AccountId = account(2);
pub(crate) const RELAYER: AccountId = account(3);
pub(crate) const TREASURY: AccountId = account(200);
pub(crate) const AUTHOR: AccountId = account(201);
/// Has nothing.
pub(crate) const NOBODY: AccountId = account(99);
/// What the accounts start with.
pub(crate) const FUNDS: Balance = 100_000_000 * UNIT;

/// Account number `n`.
pub(crate) const fn account(n: u8) -> AccountId {
	AccountId32::new([n; 32])
}

/// Starts at block 1, with a genesis hash of its own.
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	let mut storage = frame_system::GenesisConfig::<Runtime>::default().build_storage().unwrap();
	let balances = [ALICE, BOB, RELAYER, TREASURY, AUTHOR].map(|who| (who, FUNDS)).to_vec();
	pallet_balances::GenesisConfig::<Runtime> { balances, ..Default::default() }
		.assimilate_storage(&mut storage)
		.unwrap();
	pallet_io_shielded::GenesisConfig::<Runtime>::default()
		.assimilate_storage(&mut storage)
		.unwrap();
	let mut ext = sp_io::TestExternalities::from(storage);
	ext.execute_with(|| {
		frame_system::BlockHash::<Runtime>::insert(0, H256::repeat_byte(0x11));
		System::set_block_number(1);
	});
	ext
}

/// Runs a test and checks all invariants after it.
pub(crate) fn execute(test: impl FnOnce()) {
	new_test_ext().execute_with(|| {
		test();
		IoShielded::do_try_state().unwrap();
	});
}

pub(crate) fn now() -> BlockNumber {
	System::block_number()
}

/// The hash of a block of the tests' chain.
fn hash_of(block: BlockNumber) -> H256 {
	H256(sp_io::hashing::blake2_256(&(b"block", block).encode()))
}

/// Goes on to a block, with the hooks that run between transactions.
pub(crate) fn run_to(block: BlockNumber) {
	while now() < block {
		IoShielded::on_idle(now(), Weight::MAX);
		IoShielded::on_finalize(now());
		frame_system::BlockHash::<Runtime>::insert(now(), hash_of(now()));
		let next = now() + 1;
		if let Some(old) = next.checked_sub(1_001).filter(|old| *old > 0) {
			frame_system::BlockHash::<Runtime>::remove(old);
		}
		System::set_block_number(next);
		IoShielded::on_initialize(next);
	}
}

pub(crate) fn run_blocks(blocks: BlockNumber) {
	run_to(now() + blocks);
}

pub(crate) fn free(who: &AccountId) -> Balance {
	Balances::free_balance(who)
}

pub(crate) fn supply() -> Balance {
	crate::ShieldedSupply::<Runtime>::get()
}

/// A specification; the market of the tests does not look at it.
pub(crate) fn spec() -> JobSpec {
	let url: Locator = b"http://example.org/program".to_vec().try_into().unwrap();
	JobSpec {
		program: Program::Wasm { hash: H256::repeat_byte(1) },
		program_at: vec![url].try_into().unwrap(),
		input_at: Default::default(),
		input: H256::zero(),
		input_len: 0,
		args: Default::default(),
		class: 0,
		max_units: 1,
		max_memory: 1,
		max_output: 1,
		price_per_unit: 1,
		replicas: 1,
		quorum: 1,
		run_blocks: 10,
		encryption: None,
		min_perf: 0,
		verification: Verification::Quorum,
	}
}

fn extrinsic(call: crate::Call<Runtime>) -> Extrinsic {
	<Runtime as frame_system::offchain::CreateAuthorizedTransaction<crate::Call<Runtime>>>::create_authorized_transaction(call.into())
}

/// What the pool says to a call without a signature.
pub(crate) fn validate(
	call: crate::Call<Runtime>,
) -> Result<ValidTransaction, TransactionValidityError> {
	let extrinsic = extrinsic(call);
	let len = extrinsic.encoded_size();
	let info = extrinsic.get_dispatch_info();
	let checked = extrinsic.check(&ChainContext::<Runtime>::default())?;
	// The pool throws away what validation did to the state.
	frame_support::hypothetically!({
		checked.validate::<Runtime>(TransactionSource::External, &info, len)
	})
}

/// Why a call fails.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SendError {
	/// It does not enter the block.
	Invalid(TransactionValidityError),
	/// It fails there.
	Failed(DispatchError),
}

/// Sends a call without a signature through the whole pipeline of transactions, as a block does.
pub(crate) fn apply(call: crate::Call<Runtime>) -> Result<(), SendError> {
	let extrinsic = extrinsic(call);
	let len = extrinsic.encoded_size();
	let info = extrinsic.get_dispatch_info();
	let result = extrinsic
		.check(&ChainContext::<Runtime>::default())
		.and_then(|checked| checked.apply::<Runtime>(&info, len))
		.map_err(SendError::Invalid)?;
	result.map(|_| ()).map_err(|error| SendError::Failed(error.error))
}

/// The refusal by the pool that stands for an error.
pub(crate) fn refused(error: crate::Error<Runtime>) -> TransactionValidityError {
	InvalidTransaction::Custom(error.encode()[0]).into()
}

/// This pallet's events since the last call.
pub(crate) fn events() -> Vec<crate::Event<Runtime>> {
	let events = System::read_events_for_pallet::<crate::Event<Runtime>>();
	System::reset_events();
	events
}
