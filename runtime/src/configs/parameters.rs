//! Numbers that the administration can change without an upgrade, each with its default and its bounds.
//!
//! `pallet-parameters` stores what it is given; nothing checks it there. So every reader goes through a type of this
//! module that forces the value into its bounds ([`Bounded`]): a wrong vote cannot break the market, it takes the nearest
//! value that works. What is stored and what holds can then differ; the metadata constants show the defaults.

use crate::{constants::*, Balance, BlockNumber, Runtime, RuntimeEvent, RuntimeOrigin};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::marker::PhantomData;
use frame_support::{
	dynamic_params::{dynamic_pallet_params, dynamic_params},
	traits::{ConstU128, ConstU32, EnsureOriginWithArg, Get},
};
use frame_system::ensure_root;
use pallet_io_staking::{Economics, ElectionTerms};
use scale_info::TypeInfo;
use sp_runtime::{Permill, Saturating};

/// The parameters, grouped by the pallet that reads them.
#[dynamic_params(RuntimeParameters, pallet_parameters::Parameters::<Runtime>)]
#[allow(missing_docs)]
pub mod dynamic_params {
	use super::*;

	/// Stakes and slashes.
	#[dynamic_pallet_params]
	#[codec(index = 0)]
	pub mod staking {
		/// Least stake of an operator, in the smallest unit.
		#[codec(index = 0)]
		pub static MinOperatorStake: Balance = 100 * IO;
		/// Sessions, eras, and how long stake stays bound.
		#[codec(index = 1)]
		pub static Eras: EraTerms = EraTerms::DEFAULT;
		/// Blocks from an offence to the payment of its slash.
		#[codec(index = 2)]
		pub static SlashDefer: BlockNumber = DAYS;
		/// Own stake that an operator needs for each of its workers, in the smallest unit.
		#[codec(index = 3)]
		pub static StakePerWorker: Balance = 1_000 * IO;
		/// Least stake of a delegator in one pool, in the smallest unit.
		#[codec(index = 4)]
		pub static MinDelegation: Balance = 10 * IO;
		/// How collators are elected.
		#[codec(index = 5)]
		pub static Election: ElectionTerms = ElectionTerms::DEFAULT;
		/// How much is minted, and for whom.
		#[codec(index = 6)]
		pub static Economy: Economics = Economics::DEFAULT;
	}

	/// The job market. Values that are read together are set together: each is one storage item, and each storage item
	/// that a call touches costs proof.
	#[dynamic_pallet_params]
	#[codec(index = 1)]
	pub mod jobs {
		/// Time-outs.
		#[codec(index = 0)]
		pub static Timers: JobTimers = JobTimers::DEFAULT;
		/// Bond, price, fee.
		#[codec(index = 1)]
		pub static Terms: JobTerms = JobTerms::DEFAULT;
		/// What workers lose that fail.
		#[codec(index = 2)]
		pub static Slashes: JobSlashes = JobSlashes::DEFAULT;
		/// Time-outs of products that are verified on chain.
		#[codec(index = 3)]
		pub static Verdicts: VerdictTimers = VerdictTimers::DEFAULT;
	}

	/// Proofs of computing power.
	#[dynamic_pallet_params]
	#[codec(index = 2)]
	pub mod attestation {
		/// Windows, audits, certificates.
		#[codec(index = 0)]
		pub static Terms: AttestationTerms = AttestationTerms::DEFAULT;
	}

	/// The shielded pool.
	#[dynamic_pallet_params]
	#[codec(index = 3)]
	pub mod shielded {
		/// Caps, limits, stamp.
		#[codec(index = 0)]
		pub static Terms: pallet_io_shielded::Terms = SHIELDED_TERMS;
	}

	/// The mesh.
	#[dynamic_pallet_params]
	#[codec(index = 4)]
	pub mod mesh {
		/// Bonds of relays, and when they count as dead.
		#[codec(index = 0)]
		pub static Terms: pallet_io_mesh::Terms = MESH_TERMS;
	}
}

/// Most eras for which unbonding stake stays bound.
pub const MAX_UNBONDING_ERAS: u32 = 84;

/// Sessions and eras. Bounds: `session_blocks` 10 to a day, `sessions_per_era` 1 to 96, `unbonding_eras` 1 to
/// [`MAX_UNBONDING_ERAS`].
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	serde::Serialize,
	serde::Deserialize,
)]
pub struct EraTerms {
	/// Blocks in a session.
	pub session_blocks: BlockNumber,
	/// Sessions in an era.
	pub sessions_per_era: u32,
	/// Eras from `unbond` to `withdraw`.
	pub unbonding_eras: u32,
}

impl EraTerms {
	/// Sessions of an hour, eras of four, unbonding for a week.
	pub const DEFAULT: Self =
		Self { session_blocks: HOURS, sessions_per_era: 4, unbonding_eras: 42 };

	/// The nearest values within the bounds.
	pub fn bounded(self) -> Self {
		Self {
			session_blocks: self.session_blocks.clamp(10, DAYS),
			sessions_per_era: self.sessions_per_era.clamp(1, 96),
			unbonding_eras: self.unbonding_eras.clamp(1, MAX_UNBONDING_ERAS),
		}
	}

	/// The values that hold now.
	pub fn now() -> Self {
		dynamic_params::staking::Eras::get().bounded()
	}
}

/// The shortest time that a job may give a replica to run: a commitment needs some blocks to come in.
pub const MIN_RUN_BLOCKS: BlockNumber = 5;

/// Time-outs of jobs, in blocks. Bounds: each at least 2 and `max_run_blocks` at least [`MIN_RUN_BLOCKS`]; `open_ttl` and
/// `max_run_blocks` at most 28 days, the others at most a day.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
)]
pub struct JobTimers {
	/// Blocks that a job may wait for workers, in all.
	pub open_ttl: BlockNumber,
	/// Blocks in which a drawn worker has to accept.
	pub accept_blocks: BlockNumber,
	/// Blocks in which commitments have to be opened.
	pub reveal_blocks: BlockNumber,
	/// Blocks for which a heartbeat makes a worker count as online.
	pub heartbeat_ttl: BlockNumber,
	/// The longest time that a job may give a replica to run.
	pub max_run_blocks: BlockNumber,
}

impl JobTimers {
	/// Ten minutes and more for people, a minute and more for machines.
	pub const DEFAULT: Self = Self {
		open_ttl: 600,
		accept_blocks: 10,
		reveal_blocks: 20,
		heartbeat_ttl: 50,
		max_run_blocks: DAYS,
	};

	/// The nearest values within the bounds.
	pub fn bounded(self) -> Self {
		let day = |blocks: BlockNumber| blocks.clamp(2, DAYS);
		let month = |blocks: BlockNumber| blocks.clamp(2, 28 * DAYS);
		Self {
			open_ttl: month(self.open_ttl),
			accept_blocks: day(self.accept_blocks),
			reveal_blocks: day(self.reveal_blocks),
			heartbeat_ttl: day(self.heartbeat_ttl),
			max_run_blocks: self.max_run_blocks.clamp(MIN_RUN_BLOCKS, 28 * DAYS),
		}
	}

	/// The values that hold now.
	pub fn now() -> Self {
		dynamic_params::jobs::Timers::get().bounded()
	}
}

/// What jobs cost. Bounds: `bond_factor` 1 to 100, `fee_rate` at most 50 %, both shares together at most 100 %,
/// `min_price_per_unit` 1 to 1 IO.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
)]
pub struct JobTerms {
	/// Bond of a replica, as a multiple of its highest price.
	pub bond_factor: u32,
	/// Fee, as a part of what operators are paid.
	pub fee_rate: Permill,
	/// Part of the fee that is burnt.
	pub fee_burn_share: Permill,
	/// Part of the fee for the author of the block. The rest goes to the treasury.
	pub fee_author_share: Permill,
	/// The lowest price of a unit, in the smallest unit of the coin.
	pub min_price_per_unit: Balance,
}

impl JobTerms {
	/// A bond of three prices; a fee of 5 %, of which 40 % are burnt, 20 % paid to the author, 40 % to the treasury.
	pub const DEFAULT: Self = Self {
		bond_factor: 3,
		fee_rate: Permill::from_percent(5),
		fee_burn_share: Permill::from_percent(40),
		fee_author_share: Permill::from_percent(20),
		min_price_per_unit: 1_000,
	};

	/// The nearest values within the bounds.
	pub fn bounded(self) -> Self {
		let left = Permill::one().saturating_sub(self.fee_burn_share);
		Self {
			bond_factor: self.bond_factor.clamp(1, 100),
			fee_rate: self.fee_rate.min(Permill::from_percent(50)),
			fee_burn_share: self.fee_burn_share,
			fee_author_share: self.fee_author_share.min(left),
			min_price_per_unit: self.min_price_per_unit.clamp(1, IO),
		}
	}

	/// The values that hold now.
	pub fn now() -> Self {
		dynamic_params::jobs::Terms::get().bounded()
	}
}

/// Parts of the bond that a worker loses. None is above 100 %, so nothing needs a bound.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
)]
pub struct JobSlashes {
	/// It did not accept in time.
	pub no_show: Permill,
	/// It did not commit in time.
	pub late: Permill,
	/// It did not open its commitment.
	pub unrevealed: Permill,
	/// Its result is not the quorum's.
	pub disagreed: Permill,
}

impl JobSlashes {
	/// 1, 10, 20 and 50 %.
	pub const DEFAULT: Self = Self {
		no_show: Permill::from_percent(1),
		late: Permill::from_percent(10),
		unrevealed: Permill::from_percent(20),
		disagreed: Permill::from_percent(50),
	};
}

/// Time-outs of products that are verified on chain, in blocks. Bounds: 2 blocks to a day.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
)]
pub struct VerdictTimers {
	/// Most blocks that a requester may reserve for a dispute.
	pub max_dispute_blocks: BlockNumber,
	/// Blocks in which a worker has to prove its product.
	pub proof_blocks: BlockNumber,
}

impl VerdictTimers {
	/// An hour for disputes, five minutes for proofs.
	pub const DEFAULT: Self = Self { max_dispute_blocks: HOURS, proof_blocks: 50 };

	/// The nearest values within the bounds.
	pub fn bounded(self) -> Self {
		Self {
			max_dispute_blocks: self.max_dispute_blocks.clamp(2, DAYS),
			proof_blocks: self.proof_blocks.clamp(2, DAYS),
		}
	}

	/// The values that hold now.
	pub fn now() -> Self {
		dynamic_params::jobs::Verdicts::get().bounded()
	}
}

/// How computing power is proven. Bounds: `window_slots` 2 to 600, `window_gap` more than the blocks of a window,
/// `reveal_blocks` 5 blocks to a day, `certificate_ttl` `window_gap` to 28 days, `audit_rate` at least 1 %.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	serde::Serialize,
	serde::Deserialize,
)]
pub struct AttestationTerms {
	/// Fewest blocks from the opening of a window to that of the next.
	pub window_gap: BlockNumber,
	/// Chance that a window opens in a block, once the gap is over.
	pub window_odds: Permill,
	/// Relay chain slots in which commitments count.
	pub window_slots: u32,
	/// Share of commitments that are audited.
	pub audit_rate: Permill,
	/// Blocks in which an audited device has to answer.
	pub reveal_blocks: BlockNumber,
	/// Blocks for which a certificate counts.
	pub certificate_ttl: BlockNumber,
}

impl AttestationTerms {
	/// A window an hour on average, of two minutes; a fifth of the commitments audited; certificates for three hours, which
	/// one gap between two windows in twenty outlasts: a device that serves several names in turn gains little.
	pub const DEFAULT: Self = Self {
		window_gap: 50,
		window_odds: Permill::from_parts(1_000_000 / 550),
		window_slots: 20,
		audit_rate: Permill::from_percent(20),
		reveal_blocks: 100,
		certificate_ttl: 3 * HOURS,
	};

	/// The nearest values within the bounds.
	pub fn bounded(self) -> Self {
		let window_slots = self.window_slots.clamp(2, 600);
		let window_gap = self.window_gap.clamp(window_slots.saturating_add(1), DAYS);
		Self {
			window_gap,
			window_odds: self.window_odds,
			window_slots,
			audit_rate: self.audit_rate.max(Permill::from_percent(1)),
			reveal_blocks: self.reveal_blocks.clamp(5, DAYS),
			certificate_ttl: self.certificate_ttl.clamp(window_gap, 28 * DAYS),
		}
	}

	/// The values that hold now.
	pub fn now() -> Self {
		dynamic_params::attestation::Terms::get().bounded()
	}
}

/// Limits of the shielded pool while its proofs are not audited: it holds at most 100,000 IO, of which a tenth can leave
/// in a day, and a thousandth come in at once; a stamp takes a million hashes.
pub const SHIELDED_TERMS: pallet_io_shielded::Terms = pallet_io_shielded::Terms {
	pool_cap: 100_000 * IO,
	max_shield: 1_000 * IO,
	max_outflow_per_day: 10_000 * IO,
	stamp_bits: 20,
	unsigned_spends: true,
};

/// A relay bonds 1,000 IO, which stay bound for a week. It is chilled when most of at least three workers could not use it in
/// three epochs, half a day.
pub const MESH_TERMS: pallet_io_mesh::Terms = pallet_io_mesh::Terms {
	bond: 1_000 * IO,
	unbonding_epochs: 42,
	min_reports: 3,
	dead_epochs: 3,
};

/// Makes a type that reads one field of a group of parameters.
macro_rules! fields {
	($($(#[$doc:meta])* $name:ident: $value:ty = $get:expr;)*) => { $(
		$(#[$doc])*
		pub struct $name;

		impl Get<$value> for $name {
			fn get() -> $value {
				$get
			}
		}
	)* };
}

fields! {
	/// See [`EraTerms::session_blocks`].
	SessionBlocks: BlockNumber = EraTerms::now().session_blocks;
	/// See [`EraTerms::sessions_per_era`].
	SessionsPerEra: u32 = EraTerms::now().sessions_per_era;
	/// See [`EraTerms::unbonding_eras`].
	UnbondingEras: u32 = EraTerms::now().unbonding_eras;
	/// Milliseconds of an era.
	EraMillis: u64 = {
		let eras = EraTerms::now();
		u64::from(eras.session_blocks) * u64::from(eras.sessions_per_era) * SLOT_DURATION
	};
	/// See [`ElectionTerms`].
	StakingElection: ElectionTerms = dynamic_params::staking::Election::get().bounded();
	/// See [`Economics`].
	StakingEconomics: Economics = dynamic_params::staking::Economy::get().bounded();
	/// See [`JobTimers::open_ttl`].
	OpenTtl: BlockNumber = JobTimers::now().open_ttl;
	/// See [`JobTimers::accept_blocks`].
	AcceptBlocks: BlockNumber = JobTimers::now().accept_blocks;
	/// See [`JobTimers::reveal_blocks`].
	RevealBlocks: BlockNumber = JobTimers::now().reveal_blocks;
	/// See [`JobTimers::heartbeat_ttl`].
	HeartbeatTtl: BlockNumber = JobTimers::now().heartbeat_ttl;
	/// See [`JobTimers::max_run_blocks`].
	MaxRunBlocks: BlockNumber = JobTimers::now().max_run_blocks;
	/// See [`JobTerms::bond_factor`].
	BondFactor: u32 = JobTerms::now().bond_factor;
	/// See [`JobTerms::fee_rate`].
	FeeRate: Permill = JobTerms::now().fee_rate;
	/// See [`JobTerms::fee_burn_share`].
	FeeBurnShare: Permill = JobTerms::now().fee_burn_share;
	/// See [`JobTerms::fee_author_share`].
	FeeAuthorShare: Permill = JobTerms::now().fee_author_share;
	/// See [`JobTerms::min_price_per_unit`].
	MinPricePerUnit: Balance = JobTerms::now().min_price_per_unit;
	/// See [`VerdictTimers::max_dispute_blocks`].
	MaxDisputeBlocks: BlockNumber = VerdictTimers::now().max_dispute_blocks;
	/// See [`VerdictTimers::proof_blocks`].
	ProofBlocks: BlockNumber = VerdictTimers::now().proof_blocks;
	/// See [`AttestationTerms::window_gap`].
	MinWindowGap: BlockNumber = AttestationTerms::now().window_gap;
	/// See [`AttestationTerms::window_odds`].
	WindowOdds: Permill = AttestationTerms::now().window_odds;
	/// See [`AttestationTerms::window_slots`].
	WindowSlots: u32 = AttestationTerms::now().window_slots;
	/// See [`AttestationTerms::audit_rate`].
	AuditRate: Permill = AttestationTerms::now().audit_rate;
	/// See [`AttestationTerms::reveal_blocks`].
	AttestationRevealBlocks: BlockNumber = AttestationTerms::now().reveal_blocks;
	/// See [`AttestationTerms::certificate_ttl`].
	CertificateTtl: BlockNumber = AttestationTerms::now().certificate_ttl;
	/// See [`pallet_io_shielded::Terms`].
	ShieldedTerms: pallet_io_shielded::Terms = dynamic_params::shielded::Terms::get().bounded();
	/// See [`pallet_io_mesh::Terms`].
	MeshTerms: pallet_io_mesh::Terms = dynamic_params::mesh::Terms::get().bounded();
	/// See [`JobSlashes::no_show`].
	NoShowSlash: Permill = dynamic_params::jobs::Slashes::get().no_show;
	/// See [`JobSlashes::late`].
	LateSlash: Permill = dynamic_params::jobs::Slashes::get().late;
	/// See [`JobSlashes::unrevealed`].
	UnrevealedSlash: Permill = dynamic_params::jobs::Slashes::get().unrevealed;
	/// See [`JobSlashes::disagreed`].
	DisagreedSlash: Permill = dynamic_params::jobs::Slashes::get().disagreed;
}

/// A parameter forced into the bounds `[Min, Max]`.
pub struct Bounded<Parameter, Min, Max>(PhantomData<(Parameter, Min, Max)>);

impl<T: Ord, Parameter: Get<T>, Min: Get<T>, Max: Get<T>> Get<T> for Bounded<Parameter, Min, Max> {
	fn get() -> T {
		Parameter::get().max(Min::get()).min(Max::get())
	}
}

/// Least stake of an operator: 1 to 1,000,000 IO.
pub type MinOperatorStake = Bounded<
	dynamic_params::staking::MinOperatorStake,
	ConstU128<IO>,
	ConstU128<{ 1_000_000 * IO }>,
>;
/// Own stake that an operator needs for each of its workers: 1 to 1,000,000 IO.
pub type StakePerWorker =
	Bounded<dynamic_params::staking::StakePerWorker, ConstU128<IO>, ConstU128<{ 1_000_000 * IO }>>;
/// Blocks from an offence to the payment of its slash: 1 block to 28 days.
pub type SlashDefer =
	Bounded<dynamic_params::staking::SlashDefer, ConstU32<1>, ConstU32<{ 28 * DAYS }>>;

/// Least stake of a delegator in one pool: a thousandth of an IO to 1,000,000 IO.
pub type MinDelegation = Bounded<
	dynamic_params::staking::MinDelegation,
	ConstU128<MILLI_IO>,
	ConstU128<{ 1_000_000 * IO }>,
>;

/// The parameters of a new chain that differ from their defaults.
pub fn initial(
	slash_defer: Option<BlockNumber>,
	eras: Option<EraTerms>,
	attestation: Option<AttestationTerms>,
	mesh: Option<pallet_io_mesh::Terms>,
) -> Vec<RuntimeParameters> {
	use dynamic_params::staking;
	let slash_defer = slash_defer.map(|v| (staking::SlashDefer, v).into());
	let eras = eras.map(|v| (staking::Eras, v).into());
	let staking = slash_defer.into_iter().chain(eras).map(RuntimeParameters::Staking);
	let attestation = attestation.map(|v| (dynamic_params::attestation::Terms, v).into());
	let mesh = mesh.map(|v| (dynamic_params::mesh::Terms, v).into());
	staking
		.chain(attestation.map(RuntimeParameters::Attestation))
		.chain(mesh.map(RuntimeParameters::Mesh))
		.collect()
}

#[cfg(feature = "runtime-benchmarks")]
impl Default for RuntimeParameters {
	fn default() -> Self {
		use dynamic_params::jobs;
		RuntimeParameters::Jobs((jobs::Terms, JobTerms::DEFAULT).into())
	}
}

/// Who may change which parameter: root, all of them.
pub struct ParameterAdmin;

impl EnsureOriginWithArg<RuntimeOrigin, RuntimeParametersKey> for ParameterAdmin {
	type Success = ();

	fn try_origin(
		origin: RuntimeOrigin,
		_: &RuntimeParametersKey,
	) -> Result<Self::Success, RuntimeOrigin> {
		ensure_root(origin.clone()).map_err(|_| origin)
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn try_successful_origin(_: &RuntimeParametersKey) -> Result<RuntimeOrigin, ()> {
		Ok(RuntimeOrigin::root())
	}
}

impl pallet_parameters::Config for Runtime {
	type AdminOrigin = ParameterAdmin;
	type RuntimeEvent = RuntimeEvent;
	type RuntimeParameters = RuntimeParameters;
	type WeightInfo = crate::weights::pallet_parameters::WeightInfo<Runtime>;
}
