//! What the pallet stores, and the part of the state machine that needs nothing but a job.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::BoundedVec;
use io_primitives::{
	job::{MAX_ATTEMPTS, MAX_REPLICAS, MAX_TIE_BREAKS, MAX_TOTAL_REPLICAS},
	worker::{Engine, Engines},
	Balance, BlockNumber, ClassId, JobId, JobState, MissReason, Replica, ReplicaId, ReplicaState,
	Verification, WorkerKey,
};
use scale_info::TypeInfo;
use sp_core::{ConstU32, H256};
use sp_runtime::Permill;

/// Most replicas that one worker can hold at the same time.
pub const MAX_LIVE: u32 = 32;
/// Most seats that a job can give away in its life: each replica its attempts, each tie-break one.
pub const MAX_SEATS: u32 = MAX_REPLICAS * MAX_ATTEMPTS as u32 + MAX_TIE_BREAKS;
/// Reputation of a new worker, in parts per million. It is low, so that few gain anything by registering anew.
pub const START_REPUTATION: u32 = 250_000;
/// The highest reputation.
pub const MAX_REPUTATION: u32 = 1_000_000;
/// The lowest reputation. It is not zero, so that a worker can earn its way back.
pub const MIN_REPUTATION: u32 = 1_000;

/// A job that has waited `w` blocks for workers is tried again after `1 + w / RETRY_DIVISOR` blocks.
pub const RETRY_DIVISOR: BlockNumber = 16;

/// Short name of an operator, to remember whom a job has already had. Two operators with the same short name only
/// mean that one of them is not drawn.
pub type Fingerprint = [u8; 8];

/// The fingerprint of an operator.
pub fn fingerprint<AccountId: Encode>(operator: &AccountId) -> Fingerprint {
	let hash = operator.using_encoded(sp_io::hashing::blake2_128);
	(u128::from_le_bytes(hash) as u64).to_le_bytes()
}

/// What becomes of a product that nobody but its worker has computed. Roots and commitments stay in the specification.
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
pub enum Trial {
	/// It counts as right unless somebody proves it wrong.
	Disputable {
		/// For so many blocks.
		blocks: BlockNumber,
	},
	/// It counts as nothing unless its worker proves it right.
	Provable,
}

impl Trial {
	/// The trial that a kind of verification asks for; `None` if a quorum decides.
	pub fn of(verification: &Verification) -> Option<Self> {
		match *verification {
			Verification::Quorum => None,
			Verification::Dispute { blocks, .. } => Some(Trial::Disputable { blocks }),
			Verification::Product { .. } => Some(Trial::Provable),
		}
	}
}

/// What the state transitions of a job need. The bulky rest of its specification is stored apart.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct Job<AccountId> {
	/// Who pays.
	pub requester: AccountId,
	/// `Open`, `Running`, `Revealing` or `Verifying`; terminal jobs are not stored.
	pub state: JobState,
	/// Hardware class.
	pub class: ClassId,
	/// Engine that a worker must have.
	pub engine: Engine,
	/// Block of submission.
	pub submitted_at: BlockNumber,
	/// Block in whose agenda the job stands.
	pub slot: BlockNumber,
	/// Since when a replica waits for a draw; `None` while every replica has a worker.
	pub vacant_since: Option<BlockNumber>,
	/// Blocks that the job may still wait for draws, counted from `vacant_since`.
	pub vacancy_left: BlockNumber,
	/// Last block in which somebody could influence which replicas are drawn: only a beacon newer than this draws them.
	pub fixed_at: BlockNumber,
	/// How long one replica may run, in blocks.
	pub run_blocks: BlockNumber,
	/// Most units of one replica; those of its kernel, if it has one.
	#[codec(compact)]
	pub max_units: u64,
	/// Most that one unit costs.
	#[codec(compact)]
	pub price: Balance,
	/// On hold for replicas and fee.
	#[codec(compact)]
	pub escrow: Balance,
	/// On hold for storage.
	#[codec(compact)]
	pub deposit: Balance,
	/// The fee that held when the job was submitted.
	pub fee_rate: Permill,
	/// Replicas that were asked for. Those after them are tie-breaks.
	pub n: u8,
	/// Equal results that settle the job.
	pub quorum: u8,
	/// Computing power that workers must have proven, in 10^6 int8 operations per second; 0 asks for none.
	#[codec(compact)]
	pub min_perf: u64,
	/// What a result has to go through before it is paid; `None` if the quorum's agreement is enough.
	pub trial: Option<Trial>,
	/// The replicas.
	pub replicas: BoundedVec<Replica<AccountId>, ConstU32<MAX_TOTAL_REPLICAS>>,
	/// Operators that had a seat and lost it.
	pub former: BoundedVec<Fingerprint, ConstU32<MAX_SEATS>>,
}

/// A result, as far as workers have to agree on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verdict {
	/// Digest of the result.
	pub digest: H256,
	/// Units that the execution used.
	pub units: u64,
	/// The program's exit code.
	pub exit_code: i32,
}

/// What has to happen to a job next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
	/// Nothing before this block, at which a replica's time or that of a trial is up.
	Wait(BlockNumber),
	/// A replica needs a worker.
	Draw,
	/// Everybody who can commit has committed, and they are enough.
	Reveal,
	/// Everybody who can reveal has revealed.
	Judge,
	/// Too few replicas are left for a quorum.
	Fail,
}

/// What the revealed results say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judgement {
	/// A quorum agreed.
	Agreed(Verdict),
	/// No quorum yet, but one more replica may bring it.
	TieBreak,
	/// No quorum, and no number of tie-breaks that is left can bring it.
	NoQuorum,
}

impl<AccountId: PartialEq + Encode> Job<AccountId> {
	/// Draws that a replica can use up.
	pub fn max_attempts(&self, replica: usize) -> u8 {
		if replica < usize::from(self.n) {
			MAX_ATTEMPTS
		} else {
			1
		}
	}

	/// Whether tie-breaks have begun.
	pub fn in_tie_break(&self) -> bool {
		self.replicas.len() > usize::from(self.n)
	}

	fn count(&self, of: impl Fn(&ReplicaState) -> bool) -> usize {
		self.replicas.iter().filter(|replica| of(&replica.state)).count()
	}

	/// Replicas that have committed, whether or not they have revealed.
	pub fn committed(&self) -> usize {
		self.count(|state| {
			matches!(state, ReplicaState::Committed { .. } | ReplicaState::Revealed { .. })
		})
	}

	/// Replicas that have a worker which has not yet committed.
	pub fn running(&self) -> usize {
		self.count(is_running)
	}

	/// Whether some worker has accepted: from then on the requester cannot withdraw.
	pub fn is_accepted(&self) -> bool {
		self.committed() > 0 || self.count(|state| matches!(state, ReplicaState::Accepted)) > 0
	}

	/// The replicas that need a worker. A replica whose worker missed its deadline is not drawn anew once enough others
	/// have committed: its deadline was the job's.
	pub fn wanted(&self) -> impl Iterator<Item = ReplicaId> + '_ {
		let enough = self.committed() >= usize::from(self.quorum);
		(0u8..).zip(self.replicas.iter()).filter_map(move |(id, replica)| {
			let wanted = replica.state == ReplicaState::Vacant && (replica.attempt == 0 || !enough);
			wanted.then_some(id)
		})
	}

	/// The earliest deadline of the replicas whose state is `of`.
	fn deadline(&self, of: impl Fn(&ReplicaState) -> bool) -> Option<BlockNumber> {
		self.replicas.iter().filter(|r| of(&r.state)).map(|r| r.deadline).min()
	}

	/// What has to happen next. Deadlines are not looked at: they turn into states when they are due.
	pub fn next(&self) -> Next {
		match self.state {
			JobState::Revealing => {
				return self.deadline(is_committed).map_or(Next::Judge, Next::Wait);
			},
			JobState::Verifying => {
				return self.deadline(is_revealed).map_or(Next::Fail, Next::Wait);
			},
			_ => {},
		}
		let (committed, wanted) = (self.committed(), self.wanted().count());
		let reachable = committed + self.running() + wanted >= usize::from(self.quorum);
		if !self.in_tie_break() && !reachable {
			return Next::Fail;
		}
		if wanted > 0 {
			return Next::Draw;
		}
		if let Some(deadline) = self.deadline(is_running) {
			return Next::Wait(deadline);
		}
		// In a tie-break the replicas before it have revealed, so a commitment can only be the tie-break's.
		if self.in_tie_break() && self.deadline(is_committed).is_none() {
			Next::Judge
		} else {
			Next::Reveal
		}
	}

	/// The block in which the job needs to be looked at again, if nobody does anything. `patience` as in
	/// [`Self::enough_at`].
	///
	/// A job without workers is tried again in the next block, and the longer it has waited the less often, so that
	/// hopeless jobs do not fill the blocks.
	pub fn next_timer(&self, now: BlockNumber, patience: BlockNumber) -> BlockNumber {
		let soon = now.saturating_add(1);
		match self.next() {
			Next::Wait(deadline) => deadline,
			Next::Draw => {
				let since = self.vacant_since.unwrap_or(now);
				let retry = soon.saturating_add(now.saturating_sub(since) / RETRY_DIVISOR);
				let end = since.saturating_add(self.vacancy_left);
				let timer = self.deadline(is_running).map_or(end, |deadline| deadline.min(end));
				let enough = self.enough_at(patience).unwrap_or(end);
				timer.min(enough).min(retry).max(soon)
			},
			_ => soon,
		}
	}

	/// Brings `state` and the vacancy clock in line with the replicas.
	pub fn refresh(&mut self, now: BlockNumber) {
		if matches!(self.state, JobState::Revealing | JobState::Verifying) {
			return;
		}
		let vacant = self.wanted().next().is_some();
		self.state = if vacant { JobState::Open } else { JobState::Running };
		match self.vacant_since {
			None if vacant => self.vacant_since = Some(now),
			Some(since) if !vacant => {
				self.vacancy_left = self.vacancy_left.saturating_sub(now.saturating_sub(since));
				self.vacant_since = None;
			},
			_ => {},
		}
	}

	/// Whether the job has waited for draws as long as it may.
	pub fn vacancy_over(&self, now: BlockNumber) -> bool {
		self.vacant_since.is_some_and(|since| now.saturating_sub(since) >= self.vacancy_left)
	}

	/// The block in which those who have committed need not wait any longer for replicas without a worker: they are
	/// enough, nobody else is at work, and the draws have been in vain for `patience` blocks. A tie-break is not given
	/// up like that: without it there is no quorum.
	pub fn enough_at(&self, patience: BlockNumber) -> Option<BlockNumber> {
		let enough = !self.in_tie_break()
			&& self.running() == 0
			&& self.committed() >= usize::from(self.quorum);
		self.vacant_since.filter(|_| enough).map(|since| since.saturating_add(patience))
	}

	/// Gives up on the replicas that need a worker.
	pub fn drop_vacant(&mut self) {
		for replica in self.replicas.iter_mut() {
			if replica.state == ReplicaState::Vacant {
				replica.state = ReplicaState::Missed { reason: MissReason::NoShow };
			}
		}
	}

	/// From now on commitments are opened, until `deadline`.
	pub fn start_reveal(&mut self, now: BlockNumber, deadline: BlockNumber) {
		self.drop_vacant();
		self.refresh(now);
		self.state = JobState::Revealing;
		for replica in self.replicas.iter_mut().filter(|r| is_committed(&r.state)) {
			replica.deadline = deadline;
		}
	}

	/// From now on the product is on trial, until `deadline`.
	pub fn start_trial(&mut self, deadline: BlockNumber) {
		self.state = JobState::Verifying;
		for replica in self.replicas.iter_mut().filter(|r| is_revealed(&r.state)) {
			replica.deadline = deadline;
		}
	}

	/// Whether the only worker of a job says that there is no product, so that there is nothing to verify.
	pub fn evades_trial(&self, result: Verdict) -> bool {
		self.trial.is_some() && result.exit_code != 0
	}

	/// Units for which an agreed result is paid. Nobody is paid for a failure that nobody else can have seen.
	pub fn paid_units(&self, result: Verdict) -> u64 {
		if self.evades_trial(result) {
			0
		} else {
			result.units
		}
	}

	/// The result on trial, its replica, and the block in which the trial is over; `None` if there is no trial.
	pub fn on_trial(&self) -> Option<(Verdict, &Replica<AccountId>, BlockNumber)> {
		let verifying = self.state == JobState::Verifying;
		let replica = self.replicas.iter().find(|r| verifying && is_revealed(&r.state))?;
		Some((verdict(&replica.state)?, replica, replica.deadline))
	}

	/// Compares the revealed results.
	pub fn judge(&self) -> Judgement {
		let verdicts = || self.replicas.iter().filter_map(|r| verdict(&r.state));
		let best = verdicts()
			.map(|candidate| (verdicts().filter(|other| *other == candidate).count(), candidate))
			.max_by_key(|(votes, _)| *votes);
		let votes = best.map_or(0, |(votes, _)| votes);
		let quorum = usize::from(self.quorum);
		match best {
			Some((votes, verdict)) if votes >= quorum => return Judgement::Agreed(verdict),
			_ => {},
		}
		let used = self.replicas.len().saturating_sub(usize::from(self.n));
		let left = (MAX_TIE_BREAKS as usize).saturating_sub(used);
		// Nobody needs a tie-break that cannot bring a quorum any more.
		if left > 0 && votes + left >= quorum {
			Judgement::TieBreak
		} else {
			Judgement::NoQuorum
		}
	}

	/// Whether the operator has or had a seat in this job.
	pub fn has_had(&self, operator: &AccountId) -> bool {
		self.replicas.iter().flat_map(|r| &r.seat).any(|seat| seat.operator == *operator)
			|| self.former.contains(&fingerprint(operator))
	}

	/// The replica, if it is this worker's.
	pub fn replica_of(
		&self,
		replica: ReplicaId,
		worker: &WorkerKey,
	) -> Option<&Replica<AccountId>> {
		self.replicas
			.get(usize::from(replica))
			.filter(|r| r.seat.as_ref().is_some_and(|seat| seat.worker == *worker))
	}
}

/// The revealed result of a replica.
pub fn verdict(state: &ReplicaState) -> Option<Verdict> {
	match *state {
		ReplicaState::Revealed { digest, units, exit_code } => {
			Some(Verdict { digest, units, exit_code })
		},
		_ => None,
	}
}

/// Whether the replica has a worker which has not yet committed.
pub fn is_running(state: &ReplicaState) -> bool {
	matches!(state, ReplicaState::Assigned | ReplicaState::Accepted)
}

/// Whether the replica has a commitment that is not yet opened.
pub fn is_committed(state: &ReplicaState) -> bool {
	matches!(state, ReplicaState::Committed { .. })
}

/// Whether the replica's commitment is opened.
pub fn is_revealed(state: &ReplicaState) -> bool {
	matches!(state, ReplicaState::Revealed { .. })
}

/// A registered worker, as far as draws need it.
#[derive(
	Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Clone, PartialEq, Eq, Debug,
)]
pub struct WorkerInfo<AccountId> {
	/// Who answers for it.
	pub operator: AccountId,
	/// Hardware class.
	pub class: ClassId,
	/// Where it stands in the index of its class.
	pub index: u32,
	/// Block in which it was registered or last changed: only a newer beacon can draw it.
	pub changed_at: BlockNumber,
	/// What one unit costs.
	#[codec(compact)]
	pub ask: Balance,
	/// Replicas that it runs at the same time.
	pub capacity: u8,
	/// Engines that it has.
	pub engines: Engines,
	/// Reputation in parts per million.
	pub reputation: u32,
	/// On hold for its registration.
	#[codec(compact)]
	pub deposit: Balance,
	/// Replicas that it holds now.
	pub live: BoundedVec<(JobId, ReplicaId), ConstU32<MAX_LIVE>>,
}

impl<AccountId> WorkerInfo<AccountId> {
	/// Replicas that it could take in addition.
	pub fn free_capacity(&self) -> u32 {
		u32::from(self.capacity).saturating_sub(self.live.len() as u32)
	}

	/// Agreeing with a quorum moves the reputation a twentieth of the way to the top.
	pub fn praise(&mut self) {
		let missing = MAX_REPUTATION.saturating_sub(self.reputation);
		self.reputation = self.reputation.saturating_add(missing / 20).min(MAX_REPUTATION);
	}

	/// A fault costs a part of the reputation that grows with its gravity.
	pub fn blame(&mut self, reason: MissReason) {
		let part = match reason {
			MissReason::NoShow => 20,
			MissReason::Late => 10,
			MissReason::Unrevealed | MissReason::Unproven => 5,
			MissReason::Disagreed | MissReason::Refuted => 2,
		};
		self.lose(part);
	}

	/// Declining costs a hundredth of the reputation, so that nobody picks the best jobs at no cost.
	pub fn declined(&mut self) {
		self.lose(100);
	}

	fn lose(&mut self, part: u32) {
		self.reputation =
			self.reputation.saturating_sub(self.reputation / part).max(MIN_REPUTATION);
	}
}

/// A worker's last sign of life.
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
pub struct Heartbeat {
	/// Rises with every heartbeat.
	#[codec(compact)]
	pub seq: u64,
	/// Block in which it came.
	pub at: BlockNumber,
	/// Replicas that ran then, as the worker said.
	pub load: u8,
}

/// An operator as a dApp sees it.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct OperatorSummary {
	/// Whether the account is an operator.
	pub is_operator: bool,
	/// Stake that no job has locked.
	pub free_bond: Balance,
	/// Stake that jobs have locked.
	pub locked_bond: Balance,
	/// Its workers, with their class, reputation and the number of replicas that they hold now.
	pub workers: alloc::vec::Vec<WorkerSummary>,
}

/// One worker of an operator.
#[derive(Encode, Decode, DecodeWithMemTracking, TypeInfo, Clone, PartialEq, Eq, Debug)]
pub struct WorkerSummary {
	/// Its hot key.
	pub worker: WorkerKey,
	/// Its hardware class.
	pub class: ClassId,
	/// Whether it can be drawn.
	pub online: bool,
	/// Reputation in parts per million.
	pub reputation: u32,
	/// Replicas that it holds now.
	pub live: u32,
}
