//! The job market: stake, jobs, randomness.

use crate::{
	configs::{parameters, TreasuryAccount},
	constants::*,
	AccountId, Authorship, Balance, Balances, IoAttestation, IoRandomness, IoStaking, Runtime,
	RuntimeHoldReason,
};
use frame_support::{
	parameter_types,
	traits::{ConstU32, ConstU64},
};
use frame_system::EnsureRoot;
use sp_runtime::Perbill;

parameter_types! {
	/// Deposit for a job, besides that for its specification: the job, its entry in the agenda, its outputs.
	pub const JobDepositBase: Balance = deposit(3, 1_024);
	/// Deposit for each byte of a specification.
	pub const JobDepositPerByte: Balance = deposit(0, 1);
	/// Deposit for a registered worker: the device, its profile, its heartbeat, its place in the class.
	pub const WorkerDeposit: Balance = deposit(4, 1_536);
	/// Part of a slash that the operator pays alone.
	pub const FirstLoss: Perbill = Perbill::from_percent(50);
	/// Author of the block.
	pub BlockAuthor: Option<AccountId> = Authorship::author();
}

impl pallet_io_staking::Config for Runtime {
	type AdminOrigin = EnsureRoot<AccountId>;
	type Collators = pallet_io_staking::SessionCollators<Runtime>;
	type Currency = Balances;
	type Economics = parameters::StakingEconomics;
	type Election = parameters::StakingElection;
	type EraMillis = parameters::EraMillis;
	type FirstLoss = FirstLoss;
	type MaxCandidates = ConstU32<512>;
	type MaxDelegations = ConstU32<32>;
	type MaxInvulnerables = ConstU32<16>;
	type MaxSlashesPerBlock = ConstU32<16>;
	type MaxUnbonding = ConstU32<{ parameters::MAX_UNBONDING_ERAS + 1 }>;
	type MinDelegation = parameters::MinDelegation;
	type MinOperatorStake = parameters::MinOperatorStake;
	type RuntimeHoldReason = RuntimeHoldReason;
	type SessionsPerEra = parameters::SessionsPerEra;
	type SlashDefer = parameters::SlashDefer;
	type Treasury = TreasuryAccount;
	type UnbondingEras = parameters::UnbondingEras;
	type WeightInfo = crate::weights::pallet_io_staking::WeightInfo<Runtime>;
	// A day.
	type WorkWindow = ConstU32<6>;
}

impl pallet_io_jobs::Config for Runtime {
	type AcceptBlocks = parameters::AcceptBlocks;
	type AdminOrigin = EnsureRoot<AccountId>;
	type BlockAuthor = BlockAuthor;
	type BondFactor = parameters::BondFactor;
	type Bonding = IoStaking;
	type Certificates = IoAttestation;
	type Currency = Balances;
	type DepositBase = JobDepositBase;
	type DepositPerByte = JobDepositPerByte;
	type DisagreedSlash = parameters::DisagreedSlash;
	type FeeAuthorShare = parameters::FeeAuthorShare;
	type FeeBurnShare = parameters::FeeBurnShare;
	type FeeRate = parameters::FeeRate;
	type FeeTreasury = TreasuryAccount;
	type HeartbeatTtl = parameters::HeartbeatTtl;
	type LateSlash = parameters::LateSlash;
	type MaxAgendaPerBlock = ConstU32<256>;
	type MaxClasses = ConstU32<1_024>;
	type MaxDisputeBlocks = parameters::MaxDisputeBlocks;
	type MaxOutcomes = ConstU32<10_000>;
	type MaxRunBlocks = parameters::MaxRunBlocks;
	// The longest possible specification has 10,7 kB: 32 arguments and 8 places of 256 bytes, and the rest.
	type MaxSpecBytes = ConstU32<12_288>;
	type MinPricePerUnit = parameters::MinPricePerUnit;
	type MinRunBlocks = ConstU32<{ parameters::MIN_RUN_BLOCKS }>;
	type NoShowSlash = parameters::NoShowSlash;
	type OpenTtl = parameters::OpenTtl;
	type ProofBlocks = parameters::ProofBlocks;
	type Randomness = IoRandomness;
	type RevealBlocks = parameters::RevealBlocks;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Slashing = IoStaking;
	type StakePerWorker = parameters::StakePerWorker;
	type UnrevealedSlash = parameters::UnrevealedSlash;
	// Workers' calls have deadlines, are few (one for each step of a replica), and pay nothing: they go first.
	type UnsignedPriority = ConstU64<{ u64::MAX / 2 }>;
	type WeightInfo = crate::weights::pallet_io_jobs::WeightInfo<Runtime>;
	type WorkLedger = IoStaking;
	type WorkerDeposit = WorkerDeposit;
}

impl crate::randomness::Config for Runtime {}

impl crate::setup::Config for Runtime {}
