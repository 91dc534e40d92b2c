//! Random values of every type that crosses a border, within their bounds.

use io_primitives::{
	attestation::{
		AttestRequest, AttestResponse, AttestationCall, AttestationView, Audit, Certificate,
		ClassParams, Commitment, Enrolment, SignedAttestation, Window, MAX_ATTESTATIONS,
	},
	gateway::{SyncRequest, SyncResponse, WorkerSync, MAX_CALLS, MAX_KEYS},
	job::{Args, Kernel, Payee, Seat, MAX_TOTAL_REPLICAS},
	Accelerator, AccountId, Assignment, ClassInfo, Engine, Engines, FailReason, JobSpec, JobState,
	JobView, Locator, Locators, MissReason, Offence, OffenceReason, Outcome, Price, Profile,
	Program, Reason, Replica, ReplicaState, SignedWorkerCall, Verification, WorkerCall, WorkerKey,
	WorkerView,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use sp_core::{sr25519, ConstU32, Get, H256};
use sp_runtime::BoundedVec;

fn bounded<T: std::fmt::Debug + Clone, const MOST: u32>(
	item: impl Strategy<Value = T>,
) -> impl Strategy<Value = BoundedVec<T, ConstU32<MOST>>> {
	let most = <ConstU32<MOST> as Get<u32>>::get() as usize;
	vec(item, 0..=most).prop_map(|items| BoundedVec::truncate_from(items))
}

pub(crate) fn hash() -> impl Strategy<Value = H256> {
	any::<[u8; 32]>().prop_map(H256)
}

pub(crate) fn account() -> impl Strategy<Value = AccountId> {
	any::<[u8; 32]>().prop_map(AccountId::new)
}

pub(crate) fn key() -> impl Strategy<Value = WorkerKey> {
	any::<[u8; 32]>().prop_map(WorkerKey::from_raw)
}

pub(crate) fn locator() -> impl Strategy<Value = Locator> {
	bounded(any::<u8>())
}

pub(crate) fn locators() -> impl Strategy<Value = Locators> {
	bounded(locator())
}

pub(crate) fn program() -> impl Strategy<Value = Program> {
	prop_oneof![
		hash().prop_map(|hash| Program::Wasm { hash }),
		any::<(u32, u32, u32)>()
			.prop_map(|(m, k, n)| Program::Kernel { kind: Kernel::MatMulI8 { m, k, n } }),
		hash().prop_map(|manifest_digest| Program::Oci { manifest_digest }),
	]
}

fn verification() -> impl Strategy<Value = Verification> {
	prop_oneof![
		Just(Verification::Quorum),
		(hash(), hash(), hash(), any::<u32>()).prop_map(|(context, left, right, blocks)| {
			Verification::Dispute { context, left, right, blocks }
		}),
		hash().prop_map(|inputs| Verification::Product { inputs }),
	]
}

fn args() -> impl Strategy<Value = Args> {
	bounded(bounded(any::<u8>()))
}

pub(crate) fn spec() -> impl Strategy<Value = JobSpec> {
	(
		(program(), locators(), locators(), hash(), args()),
		any::<(u64, u16, u64, u32, u64, u128, u8, u8, u32)>(),
		(any::<Option<[u8; 32]>>(), any::<u64>(), verification()),
	)
		.prop_map(|((program, program_at, input_at, input, args), numbers, rest)| {
			let (encryption, min_perf, verification) = rest;
			let (
				input_len,
				class,
				max_units,
				max_memory,
				max_output,
				price_per_unit,
				replicas,
				quorum,
				run_blocks,
			) = numbers;
			JobSpec {
				program,
				program_at,
				input_at,
				input,
				input_len,
				args,
				class,
				max_units,
				max_memory,
				max_output,
				price_per_unit,
				replicas,
				quorum,
				run_blocks,
				encryption,
				min_perf,
				verification,
			}
		})
}

pub(crate) fn profile() -> impl Strategy<Value = Profile> {
	(any::<(u16, u128, u8, u8)>(), any::<[u8; 32]>(), bounded(locator())).prop_map(
		|((class, ask_per_unit, capacity, engines), x25519, endpoints)| Profile {
			class,
			ask_per_unit,
			capacity,
			engines: Engines(engines),
			x25519,
			endpoints,
		},
	)
}

pub(crate) fn class_info() -> impl Strategy<Value = ClassInfo> {
	(
		select(vec![Engine::Wasm, Engine::Kernel, Engine::Oci]),
		any::<(u32, u32)>(),
		select(vec![Accelerator::None, Accelerator::Cuda]),
	)
		.prop_map(|(engine, (min_memory, min_vram), accelerator)| ClassInfo {
			engine,
			min_memory,
			min_vram,
			accelerator,
		})
}

pub(crate) fn call() -> impl Strategy<Value = WorkerCall> {
	prop_oneof![
		any::<(u64, u8)>().prop_map(|(seq, load)| WorkerCall::Heartbeat { seq, load }),
		any::<(u64, u8)>().prop_map(|(job, replica)| WorkerCall::Accept { job, replica }),
		any::<(u64, u8)>().prop_map(|(job, replica)| WorkerCall::Decline { job, replica }),
		(any::<(u64, u8)>(), hash()).prop_map(|((job, replica), commitment)| {
			WorkerCall::Commit { job, replica, commitment }
		}),
		(any::<(u64, u8, u64, i32, [u8; 32])>(), hash(), locator()).prop_map(
			|((job, replica, units, exit_code, salt), digest, output_at)| WorkerCall::Reveal {
				job,
				replica,
				digest,
				units,
				exit_code,
				salt,
				output_at,
			}
		),
	]
}

pub(crate) fn signed_call() -> impl Strategy<Value = SignedWorkerCall> {
	(key(), call(), any::<u32>(), signature()).prop_map(|(worker, call, valid_until, signature)| {
		SignedWorkerCall { worker, call, valid_until, signature }
	})
}

fn signature() -> impl Strategy<Value = sr25519::Signature> {
	vec(any::<u8>(), 64).prop_map(|bytes| {
		sr25519::Signature::try_from(&bytes[..]).expect("a signature has 64 bytes")
	})
}

pub(crate) fn job_state() -> impl Strategy<Value = JobState> {
	select(vec![
		JobState::Open,
		JobState::Running,
		JobState::Revealing,
		JobState::Settled,
		JobState::Expired,
		JobState::Cancelled,
		JobState::Failed,
		JobState::Verifying,
	])
}

fn miss_reason() -> impl Strategy<Value = MissReason> {
	select(vec![
		MissReason::NoShow,
		MissReason::Late,
		MissReason::Unrevealed,
		MissReason::Disagreed,
		MissReason::Refuted,
		MissReason::Unproven,
	])
}

pub(crate) fn replica_state() -> impl Strategy<Value = ReplicaState> {
	prop_oneof![
		Just(ReplicaState::Vacant),
		Just(ReplicaState::Assigned),
		Just(ReplicaState::Accepted),
		hash().prop_map(|commitment| ReplicaState::Committed { commitment }),
		(hash(), any::<u64>(), any::<i32>()).prop_map(|(digest, units, exit_code)| {
			ReplicaState::Revealed { digest, units, exit_code }
		}),
		miss_reason().prop_map(|reason| ReplicaState::Missed { reason }),
	]
}

fn seat() -> impl Strategy<Value = Seat<AccountId>> {
	(key(), account(), any::<(u128, u128)>()).prop_map(|(worker, operator, (ask, bond))| Seat {
		worker,
		operator,
		ask,
		bond,
	})
}

pub(crate) fn replica() -> impl Strategy<Value = Replica<AccountId>> {
	(replica_state(), any::<(u8, u32)>(), option::of(seat()))
		.prop_map(|(state, (attempt, deadline), seat)| Replica { state, attempt, deadline, seat })
}

pub(crate) fn outcome() -> impl Strategy<Value = Outcome<AccountId>> {
	(
		(any::<(u64, u32, u64, i32)>(), account(), job_state(), hash()),
		option::of(select(vec![
			FailReason::AttemptsExhausted,
			FailReason::NoQuorum,
			FailReason::Refuted,
			FailReason::Unproven,
		])),
		any::<(u128, u128, u128)>(),
		bounded::<_, MAX_TOTAL_REPLICAS>((any::<(u8, u128)>(), key(), account()).prop_map(
			|((replica, amount), worker, operator)| Payee { replica, worker, operator, amount },
		)),
	)
		.prop_map(|(head, fail_reason, (paid, refunded, fee), payees)| {
			let ((id, ended_at, units, exit_code), requester, state, digest) = head;
			Outcome {
				id,
				requester,
				state,
				fail_reason,
				ended_at,
				digest,
				units,
				exit_code,
				paid,
				refunded,
				fee,
				payees,
			}
		})
}

pub(crate) fn job_view() -> impl Strategy<Value = JobView<AccountId>> {
	(
		(any::<(u64, Option<u32>, Option<u32>, u128, u128)>(), account(), job_state()),
		option::of(spec()),
		vec(replica(), 0..MAX_TOTAL_REPLICAS as usize),
		option::of(outcome()),
	)
		.prop_map(|(head, spec, replicas, outcome)| {
			let ((id, submitted_at, next_timer, escrow, deposit), requester, state) = head;
			JobView {
				id,
				requester,
				state,
				submitted_at,
				next_timer,
				escrow,
				deposit,
				spec,
				replicas,
				outcome,
			}
		})
}

pub(crate) fn price() -> impl Strategy<Value = Price> {
	any::<(u128, u128, u128, u128)>().prop_map(|(work, fee, deposit, bond_per_replica)| Price {
		work,
		fee,
		deposit,
		bond_per_replica,
	})
}

pub(crate) fn assignment() -> impl Strategy<Value = Assignment<AccountId>> {
	(any::<(u64, u8, u8, u32, u128, u128)>(), account(), job_state(), replica_state(), spec())
		.prop_map(|(numbers, requester, job_state, state, spec)| {
			let (job, replica, attempt, deadline, ask, bond) = numbers;
			Assignment {
				job,
				replica,
				attempt,
				requester,
				job_state,
				state,
				deadline,
				ask,
				bond,
				spec,
			}
		})
}

pub(crate) fn worker_view() -> impl Strategy<Value = WorkerView<AccountId>> {
	(
		(key(), account(), profile()),
		any::<(bool, u64, Option<u32>, u32, u32, u128)>(),
		vec(any::<(u64, u8)>(), 0..8),
	)
		.prop_map(|((worker, operator, profile), numbers, live)| {
			let (online, heartbeat_seq, last_heartbeat, heartbeat_ttl, reputation, free_bond) =
				numbers;
			WorkerView {
				worker,
				operator,
				profile,
				online,
				heartbeat_seq,
				last_heartbeat,
				heartbeat_ttl,
				live,
				reputation,
				free_bond,
			}
		})
}

pub(crate) fn request() -> impl Strategy<Value = SyncRequest<AccountId>> {
	let worker = (key(), option::of(worker_view()), vec(assignment(), 0..3))
		.prop_map(|(worker, view, assignments)| WorkerSync { worker, view, assignments });
	(hash(), any::<u32>(), vec(worker, 0..4)).prop_map(|(genesis, best, workers)| SyncRequest {
		genesis,
		best,
		workers,
	})
}

pub(crate) fn response() -> impl Strategy<Value = SyncResponse> {
	(bounded::<_, MAX_KEYS>(key()), bounded::<_, MAX_CALLS>(signed_call()))
		.prop_map(|(keys, calls)| SyncResponse { keys, calls })
}

pub(crate) fn reason() -> impl Strategy<Value = Reason> {
	select(vec![
		Reason::UnknownJob,
		Reason::UnknownWorker,
		Reason::NoVacancy,
		Reason::OtherClass,
		Reason::NoEngine,
		Reason::Offline,
		Reason::NoCapacity,
		Reason::AskTooHigh,
		Reason::InsufficientBond,
		Reason::OwnJob,
		Reason::OperatorInJob,
		Reason::NoRandomness,
		Reason::UncertifiedPerf,
	])
}

pub(crate) fn offence() -> impl Strategy<Value = Offence<AccountId>> {
	(
		(hash(), account(), any::<u32>(), any::<u128>()),
		select(vec![
			OffenceReason::NoShow,
			OffenceReason::Late,
			OffenceReason::Unrevealed,
			OffenceReason::Disagreed,
			OffenceReason::Refuted,
			OffenceReason::Unproven,
			OffenceReason::FalseCertificate,
			OffenceReason::UnrevealedCertificate,
		]),
		option::of((account(), any::<u128>())),
	)
		.prop_map(|((id, operator, since, amount), reason, harmed)| Offence {
			id,
			operator,
			since,
			amount,
			reason,
			harmed,
		})
}

pub(crate) fn attestation_call() -> impl Strategy<Value = AttestationCall> {
	// Proofs are mostly short, so that the tests are quick; the tests of limits have long ones.
	let proof = || vec(any::<u8>(), 0..600).prop_map(BoundedVec::truncate_from);
	prop_oneof![
		any::<(u16, u8, u32)>().prop_map(|(device, class, lanes)| AttestationCall::Enrol {
			device,
			class,
			lanes
		}),
		any::<u16>().prop_map(|device| AttestationCall::Leave { device }),
		(any::<(u64, u16, u32)>(), hash(), hash()).prop_map(
			|((window, device, rounds), seed, commitment)| {
				AttestationCall::Commit { window, seed, device, rounds, commitment }
			}
		),
		(any::<(u64, u16)>(), hash(), proof()).prop_map(|((window, device), challenge, proof)| {
			AttestationCall::Reveal { window, challenge, device, proof }
		}),
		(any::<u64>(), proof())
			.prop_map(|(job, proof)| AttestationCall::SettleProduct { job, proof }),
	]
}

pub(crate) fn signed_attestation() -> impl Strategy<Value = SignedAttestation> {
	(key(), attestation_call(), any::<u32>(), signature()).prop_map(
		|(worker, call, valid_until, signature)| SignedAttestation {
			worker,
			call,
			valid_until,
			signature,
		},
	)
}

fn class_params() -> impl Strategy<Value = ClassParams> {
	any::<(u8, u32, u32, u32, u32, u32, u32, u128)>().prop_map(
		|(arith, m, n, k, min_lanes, max_lanes, openings, bond_per_lane)| ClassParams {
			arith,
			m,
			n,
			k,
			min_lanes,
			max_lanes,
			openings,
			bond_per_lane,
		},
	)
}

fn enrolment() -> impl Strategy<Value = Enrolment<AccountId>> {
	(any::<(u16, u8, u32, u128, u32)>(), class_params(), account()).prop_map(
		|((device, class, lanes, bond, since), params, operator)| Enrolment {
			device,
			class,
			lanes,
			params,
			operator,
			bond,
			since,
		},
	)
}

fn window() -> impl Strategy<Value = Window> {
	(any::<(u64, u64, u32, u64)>(), hash()).prop_map(|((id, slot, block, last_slot), seed)| {
		Window { id, seed, slot, block, last_slot }
	})
}

fn commitment() -> impl Strategy<Value = Commitment> {
	let audit =
		(hash(), any::<u32>()).prop_map(|(challenge, deadline)| Audit { challenge, deadline });
	(any::<(u64, u16, u32, u32)>(), hash(), hash(), option::of(audit)).prop_map(
		|((window, device, rounds, slots), seed, commitment, audit)| Commitment {
			window,
			seed,
			device,
			rounds,
			commitment,
			slots,
			audit,
		},
	)
}

fn certificate() -> impl Strategy<Value = Certificate> {
	any::<(u16, u8, u64, u128, u32, u64, bool, u32)>().prop_map(
		|(device, class, window, ops, slots, mops, audited, expires)| Certificate {
			device,
			class,
			window,
			ops,
			slots,
			mops,
			audited,
			expires,
		},
	)
}

fn attestation_view() -> impl Strategy<Value = AttestationView<AccountId>> {
	(
		any::<(u32, u32, u64, Option<u128>, u64)>(),
		vec((any::<u8>(), class_params()), 0..4),
		vec(enrolment(), 0..4),
		option::of(window()),
		vec(commitment(), 0..4),
		vec(certificate(), 0..4),
		vec(any::<(u64, u32)>(), 0..4),
	)
		.prop_map(|(head, classes, enrolments, window, commitments, certificates, products)| {
			let (para, now, slot, free_bond, mops) = head;
			AttestationView {
				para,
				now,
				slot,
				free_bond,
				classes,
				enrolments,
				window,
				commitments,
				certificates,
				mops,
				products,
			}
		})
}

pub(crate) fn attest_request() -> impl Strategy<Value = AttestRequest<AccountId>> {
	(hash(), vec((key(), attestation_view()), 0..4))
		.prop_map(|(genesis, workers)| AttestRequest { genesis, workers })
}

pub(crate) fn attest_response() -> impl Strategy<Value = AttestResponse> {
	(bounded::<_, MAX_KEYS>(key()), bounded::<_, MAX_ATTESTATIONS>(signed_attestation()))
		.prop_map(|(keys, calls)| AttestResponse { keys, calls })
}
