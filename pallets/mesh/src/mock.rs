//! A small runtime for the pallet's tests. Which workers are registered is what the test says.

use codec::Encode;
use frame_support::{
	derive_impl,
	dispatch::GetDispatchInfo,
	parameter_types,
	traits::{fungible::InspectHold, ConstU32, ConstU64, Hooks},
	weights::Weight,
};
use frame_system::{ChainContext, EnsureRoot};
use io_primitives::{
	mesh::{
		endpoint_payload, EndpointKey, EpochIndex, Receipt, RelayProfile, Report, SignedReceipt,
		SignedReport,
	},
	Balance, BlockNumber, WorkerKey, WorkerRegistry,
};
use sp_core::{ed25519, sr25519, Pair, H256};
use sp_runtime::{
	generic,
	traits::{Applyable, BlakeTwo256, Checkable, IdentityLookup},
	transaction_validity::{
		InvalidTransaction, TransactionSource, TransactionValidityError, ValidTransaction,
	},
	AccountId32, BuildStorage, DispatchError, DispatchResult,
};

use crate as pallet_io_mesh;
use crate::{Error, HoldReason, Terms};

pub(crate) type AccountId = AccountId32;
type TxExtension = frame_system::AuthorizeCall<Runtime>;
type Extrinsic =
	generic::UncheckedExtrinsic<AccountId, RuntimeCall, sp_runtime::MultiSignature, TxExtension>;
type Header = generic::Header<BlockNumber, BlakeTwo256>;
type Block = generic::Block<Header, Extrinsic>;

frame_support::construct_runtime!(
	pub enum Runtime {
		System: frame_system,
		Balances: pallet_balances,
		IoMesh: pallet_io_mesh,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Runtime {
	type Block = Block;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
	type AccountData = pallet_balances::AccountData<Balance>;
	type BlockHashCount = ConstU32<1_000_000>;
}

/// Blocks of an epoch.
pub(crate) const EPOCH: BlockNumber = 10;
pub(crate) const BOND: Balance = 1_000;
pub(crate) const DEPOSIT: Balance = 70;
pub(crate) const MIN_BUDGET: Balance = 10;
pub(crate) const MAX_RELAYS: u32 = 5;
pub(crate) const GIB: u64 = 1 << 30;
/// What a GiB costs at the relays of the tests.
pub(crate) const PRICE: Balance = 12;

parameter_types! {
	pub const Ed: Balance = 1;
	pub const Deposit: Balance = DEPOSIT;
	pub const MinBudget: Balance = MIN_BUDGET;
	pub const TreasuryAccount: AccountId = TREASURY;
	pub static CurrentTerms: Terms = Terms {
		bond: BOND,
		unbonding_epochs: 20,
		min_reports: 3,
		dead_epochs: 2,
	};
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Runtime {
	type Balance = Balance;
	type ExistentialDeposit = Ed;
	type AccountStore = System;
}

/// The workers of the test.
pub struct TestWorkers;

/// Operators of the workers.
#[frame_support::storage_alias]
pub(crate) type Registered =
	StorageMap<TestWorkers, frame_support::Blake2_128Concat, WorkerKey, AccountId>;

impl WorkerRegistry<AccountId> for TestWorkers {
	fn operator(worker: &WorkerKey) -> Option<AccountId> {
		Registered::get(worker)
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_worker(worker: &WorkerKey, operator: &AccountId) {
		Registered::insert(worker, operator);
	}
}

impl pallet_io_mesh::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Workers = TestWorkers;
	type AdminOrigin = EnsureRoot<AccountId>;
	type Treasury = TreasuryAccount;
	type Terms = CurrentTerms;
	type EndpointDeposit = Deposit;
	type MinBudget = MinBudget;
	type DefaultEpochBlocks = ConstU32<EPOCH>;
	type MaxRelays = ConstU32<MAX_RELAYS>;
	type UnsignedPriority = ConstU64<7>;
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

/// Runs relays.
pub(crate) const RELAYER: AccountId = account(1);
/// Runs workers.
pub(crate) const OPERATOR: AccountId = account(2);
/// Submits jobs.
pub(crate) const REQUESTER: AccountId = account(3);
/// Anybody else.
pub(crate) const STRANGER: AccountId = account(4);
pub(crate) const TREASURY: AccountId = account(200);
/// Has nothing.
pub(crate) const NOBODY: AccountId = account(99);
/// What the accounts start with.
pub(crate) const FUNDS: Balance = 1_000_000;

/// Account number `n`.
pub(crate) const fn account(n: u8) -> AccountId {
	AccountId32::new([n; 32])
}

pub(crate) fn origin(who: AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

/// Key pair of endpoint number `n`, a relay's or another.
pub(crate) fn endpoint(n: u8) -> ed25519::Pair {
	ed25519::Pair::from_seed(&[n; 32])
}

pub(crate) fn endpoint_key(n: u8) -> EndpointKey {
	endpoint(n).public()
}

/// Hot key of worker number `n`.
pub(crate) fn hot_key(n: u8) -> sr25519::Pair {
	sr25519::Pair::from_seed(&[n; 32])
}

pub(crate) fn worker(n: u8) -> WorkerKey {
	hot_key(n).public()
}

/// Endpoint `n` agrees to be registered by `who`.
pub(crate) fn proof(n: u8, who: &AccountId) -> ed25519::Signature {
	endpoint(n).sign(&endpoint_payload(IoMesh::genesis(), who))
}

pub(crate) fn profile() -> RelayProfile {
	RelayProfile {
		url: b"https://relay.example:443".to_vec().try_into().unwrap(),
		tls_pin: Some(H256::repeat_byte(9)),
		quic_port: Some(7_842),
		region: *b"DE",
		capacity: 1_000,
		price_per_gib: PRICE,
	}
}

/// Puts relay number `n` on the map for [`RELAYER`].
pub(crate) fn register_relay(n: u8) -> EndpointKey {
	let proof = proof(n, &RELAYER);
	IoMesh::register_relay(origin(RELAYER), endpoint_key(n), profile(), proof).unwrap();
	endpoint_key(n)
}

/// Registers worker number `n` for [`OPERATOR`].
pub(crate) fn register_worker(n: u8) -> WorkerKey {
	Registered::insert(worker(n), OPERATOR);
	worker(n)
}

/// A registered worker with a budget.
pub(crate) fn funded(n: u8, amount: Balance) -> WorkerKey {
	register_worker(n);
	IoMesh::fund(origin(OPERATOR), worker(n), amount).unwrap();
	worker(n)
}

/// Worker `n` has had so many bytes carried by relay `relay`.
pub(crate) fn receipt(n: u8, relay: u8, epoch: EpochIndex, bytes: u64) -> SignedReceipt {
	let receipt = Receipt { relay: endpoint_key(relay), epoch, bytes };
	let signature = hot_key(n).sign(&receipt.payload(IoMesh::genesis()));
	SignedReceipt { worker: worker(n), receipt, signature }
}

/// Anybody brings receipts.
pub(crate) fn claim(receipts: &[SignedReceipt]) -> DispatchResult {
	IoMesh::claim(origin(STRANGER), receipts.to_vec().try_into().unwrap())
}

/// What worker `n` says of relays, in the order of their keys.
pub(crate) fn report(n: u8, epoch: EpochIndex, relays: &[(u8, bool)]) -> SignedReport {
	let mut relays: Vec<_> =
		relays.iter().map(|(relay, alive)| (endpoint_key(*relay), *alive)).collect();
	relays.sort_unstable_by_key(|(key, _)| key.0);
	signed_report(n, Report { epoch, relays: relays.try_into().unwrap() })
}

pub(crate) fn signed_report(n: u8, report: Report) -> SignedReport {
	let signature = hot_key(n).sign(&report.payload(IoMesh::genesis()));
	SignedReport { worker: worker(n), report, signature }
}

/// Starts at block 1, with a genesis hash of its own.
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	let mut storage = frame_system::GenesisConfig::<Runtime>::default().build_storage().unwrap();
	let balances =
		[RELAYER, OPERATOR, REQUESTER, STRANGER, TREASURY].map(|who| (who, FUNDS)).to_vec();
	pallet_balances::GenesisConfig::<Runtime> { balances, ..Default::default() }
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
		IoMesh::do_try_state().unwrap();
	});
}

pub(crate) fn now() -> BlockNumber {
	System::block_number()
}

/// Goes on to a block, with the hooks between.
pub(crate) fn run_to(block: BlockNumber) {
	while now() < block {
		IoMesh::on_idle(now(), Weight::MAX);
		System::set_block_number(now() + 1);
	}
}

/// Goes on to the first block of an epoch.
pub(crate) fn run_to_epoch(epoch: EpochIndex) {
	run_to(epoch * EPOCH);
}

pub(crate) fn free(who: &AccountId) -> Balance {
	Balances::free_balance(who)
}

pub(crate) fn held(reason: HoldReason, who: &AccountId) -> Balance {
	Balances::balance_on_hold(&reason.into(), who)
}

/// What a worker's budget has left.
pub(crate) fn left(worker: WorkerKey) -> Balance {
	IoMesh::budget(worker).map_or(0, |budget| budget.held)
}

fn extrinsic(signed: SignedReport) -> Extrinsic {
	let call = IoMesh::report_call(signed);
	<Runtime as frame_system::offchain::CreateAuthorizedTransaction<crate::Call<Runtime>>>::create_authorized_transaction(call.into())
}

/// What the pool says to a report.
pub(crate) fn validate(signed: SignedReport) -> Result<ValidTransaction, TransactionValidityError> {
	let extrinsic = extrinsic(signed);
	let len = extrinsic.encoded_size();
	let info = extrinsic.get_dispatch_info();
	let checked = extrinsic.check(&ChainContext::<Runtime>::default())?;
	// The pool throws away what validation did to the state.
	frame_support::hypothetically!({
		checked.validate::<Runtime>(TransactionSource::External, &info, len)
	})
}

/// Why a report does not count.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SendError {
	/// It does not enter the block.
	Invalid(TransactionValidityError),
	/// It fails there.
	Failed(DispatchError),
}

/// Sends a report through the whole pipeline of transactions, as a block does.
pub(crate) fn send(signed: SignedReport) -> Result<(), SendError> {
	let extrinsic = extrinsic(signed);
	let len = extrinsic.encoded_size();
	let info = extrinsic.get_dispatch_info();
	let result = extrinsic
		.check(&ChainContext::<Runtime>::default())
		.and_then(|checked| checked.apply::<Runtime>(&info, len))
		.map_err(SendError::Invalid)?;
	result.map(|_| ()).map_err(|error| SendError::Failed(error.error))
}

/// The refusal by the pool that stands for an error.
pub(crate) fn refused(error: Error<Runtime>) -> SendError {
	SendError::Invalid(InvalidTransaction::Custom(error.encode()[0]).into())
}

/// This pallet's events since the last call.
pub(crate) fn events() -> Vec<crate::Event<Runtime>> {
	let events = System::read_events_for_pallet::<crate::Event<Runtime>>();
	System::reset_events();
	events
}

/// For benchmarks, which sign.
#[cfg(feature = "runtime-benchmarks")]
pub(crate) fn ext_with_keystore() -> sp_io::TestExternalities {
	let mut ext = new_test_ext();
	ext.register_extension(sp_keystore::KeystoreExt::new(
		sp_keystore::testing::MemoryKeystore::new(),
	));
	ext
}
