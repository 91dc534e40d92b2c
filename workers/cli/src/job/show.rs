//! Jobs as they stand.

use io_client::Client;
use io_primitives::{
	AccountId, JobId, JobSpec, JobState, JobView, Kernel, Outcome, Program, Reason, Replica,
	ReplicaState, Verification, WorkerKey,
};
use serde_json::{Value, json};

use super::{ListArgs, unknown};
use crate::{
	App,
	error::{Error, Result},
	keys::KeyArgs,
	output::{self, json_amount, money},
};

pub(super) async fn show(job: JobId, app: &App) -> Result<()> {
	let client = app.connect().await?;
	let view = client.job(job).await?.ok_or_else(|| unknown(job))?;
	app.output.result(&job_json(&view), || job_text(&view))
}

pub(super) async fn cancel(job: JobId, yes: bool, key: &KeyArgs, app: &App) -> Result<()> {
	let (client, signer) = key.connect(app).await?;
	let view = client.job(job).await?.ok_or_else(|| unknown(job))?;
	if view.state.is_terminal() {
		return Err(Error::Chain(format!("job {job} has ended already: {}", state(view.state))));
	}
	let account = Client::account_of(&signer);
	if view.requester != account {
		return Err(Error::Chain(format!(
			"job {job} is {}'s, and only that account can withdraw it",
			output::address(&view.requester)
		)));
	}
	let call = client.call("IoJobs", "cancel", codec::Compact(job)).await?;
	let back = view.escrow.saturating_add(view.deposit);
	app.output.confirm(&format!("withdraw job {job}, and get {} back?", money(back)), yes)?;
	let included = client.submit(&call, &signer).await?.in_block().await?;
	let json = json!({
		"job": job,
		"released": json_amount(back),
		"block": included.block.number,
		"extrinsic": output::hash(&included.hash),
	});
	app.output.result(&json, || format!("job {job} is withdrawn; {} are free again", money(back)))
}

pub(super) async fn list(args: ListArgs, app: &App) -> Result<()> {
	let (client, of) = if args.of.is_some() || args.mine {
		let (client, account) = args.key.account(args.of, app).await?;
		(client, Some(account))
	} else {
		(app.connect().await?, None)
	};
	let mut ids: Vec<JobId> = client.storage_keys("IoJobs", "Jobs", usize::MAX).await?;
	ids.sort_unstable();
	let mut views = Vec::new();
	// Newest first.
	for id in ids.into_iter().rev() {
		if views.len() >= args.limit {
			break;
		}
		// It may have ended meanwhile.
		let Some(view) = client.job(id).await? else { continue };
		let class = view.spec.as_ref().map(|spec| spec.class);
		let fits = of.as_ref().is_none_or(|account| *account == view.requester)
			&& args.class.is_none_or(|wanted| class == Some(wanted));
		if fits && !view.state.is_terminal() {
			views.push(view);
		}
	}
	let json = json!({ "jobs": views.iter().map(job_json).collect::<Vec<_>>() });
	app.output.result(&json, || {
		if views.is_empty() {
			return "no unfinished jobs".into();
		}
		let mut table = output::table([
			"job",
			"state",
			"class",
			"requester",
			"replicas",
			"submitted",
			"on hold",
		]);
		for view in &views {
			table.add_row([
				view.id.to_string(),
				state(view.state).into(),
				view.spec.as_ref().map(|s| s.class.to_string()).unwrap_or_default(),
				output::address(&view.requester),
				view.replicas.len().to_string(),
				view.submitted_at.map(|block| block.to_string()).unwrap_or_default(),
				money(view.escrow.saturating_add(view.deposit)),
			]);
		}
		table.to_string()
	})
}

pub(super) async fn why_not(job: JobId, worker: &WorkerKey, app: &App) -> Result<()> {
	let client = app.connect().await?;
	let reasons = client.why_not(job, worker).await?;
	let json = json!({
		"job": job,
		"worker": output::key(worker),
		"reasons": reasons.iter().map(|reason| format!("{reason:?}")).collect::<Vec<_>>(),
	});
	app.output.result(&json, || {
		if reasons.is_empty() {
			return format!(
				"nothing is in the way: job {job} could go to this worker, if the lot falls on it"
			);
		}
		reasons
			.iter()
			.map(|reason| format!("{reason:?}: {}", explain(*reason)))
			.collect::<Vec<_>>()
			.join("\n")
	})
}

fn explain(reason: Reason) -> &'static str {
	match reason {
		Reason::UnknownJob => "there is no such job, or it has ended",
		Reason::UnknownWorker => "no such worker is registered; see `io operator register-worker`",
		Reason::NoVacancy => "all replicas of the job have workers",
		Reason::OtherClass => "the worker belongs to another hardware class",
		Reason::NoEngine => "the worker lacks the engine that the program needs",
		Reason::Offline => {
			"the worker's last heartbeat is too old; is io-worker running, and does its node have off-chain workers?"
		},
		Reason::NoCapacity => "the worker is full",
		Reason::AskTooHigh => "the worker asks for more than the job pays",
		Reason::InsufficientBond => {
			"the operator has too little free stake; see `io operator bond-extra`"
		},
		Reason::UncertifiedPerf => {
			"the worker has not proven as much computing power as the job asks for; see `io attest show`"
		},
		Reason::OwnJob => "the worker's operator submitted the job itself",
		Reason::OperatorInJob => "the worker's operator has, or had, a replica of the job",
		Reason::NoRandomness => {
			"no randomness is known yet that is newer than the job and the worker's last change; the next blocks bring it"
		},
	}
}

/// A word for a job's state, stable for programs.
pub(super) fn state(state: JobState) -> &'static str {
	match state {
		JobState::Open => "open",
		JobState::Running => "running",
		JobState::Revealing => "revealing",
		JobState::Verifying => "verifying",
		JobState::Settled => "settled",
		JobState::Expired => "expired",
		JobState::Cancelled => "cancelled",
		JobState::Failed => "failed",
	}
}

/// A word for a replica's state, stable for programs.
pub(super) fn replica_state(state: &ReplicaState) -> &'static str {
	match state {
		ReplicaState::Vacant => "vacant",
		ReplicaState::Assigned => "assigned",
		ReplicaState::Accepted => "accepted",
		ReplicaState::Committed { .. } => "committed",
		ReplicaState::Revealed { .. } => "revealed",
		ReplicaState::Missed { .. } => "missed",
	}
}

fn locators(list: &io_primitives::Locators) -> Vec<String> {
	list.iter().map(|locator| String::from_utf8_lossy(locator).into_owned()).collect()
}

fn spec_json(spec: &JobSpec) -> Value {
	let program = match &spec.program {
		Program::Wasm { hash } => json!({ "wasm": output::hash(hash) }),
		Program::Kernel { kind: Kernel::MatMulI8 { m, k, n } } => {
			json!({ "kernel": "matmul_i8", "m": m, "k": k, "n": n })
		},
		Program::Oci { manifest_digest } => json!({ "oci": output::hash(manifest_digest) }),
	};
	json!({
		"program": program,
		"program_at": locators(&spec.program_at),
		"input": output::hash(&spec.input),
		"input_len": spec.input_len,
		"input_at": locators(&spec.input_at),
		"args": spec.args.iter().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect::<Vec<_>>(),
		"class": spec.class,
		"max_units": spec.max_units,
		"max_memory_mib": spec.max_memory,
		"max_output": spec.max_output,
		"price_per_unit": json_amount(spec.price_per_unit),
		"replicas": spec.replicas,
		"quorum": spec.quorum,
		"run_blocks": spec.run_blocks,
		"min_perf": spec.min_perf,
		"verification": verification_json(&spec.verification),
	})
}

/// How a job is verified, for programs.
pub(super) fn verification_json(verification: &Verification) -> Value {
	match verification {
		Verification::Quorum => json!({ "kind": "quorum" }),
		Verification::Dispute { context, left, right, blocks } => json!({
			"kind": "dispute",
			"context": output::hash(context),
			"left": output::hash(left),
			"right": output::hash(right),
			"blocks": blocks,
		}),
		Verification::Product { inputs } => {
			json!({ "kind": "product", "inputs": output::hash(inputs) })
		},
	}
}

fn verification_text(spec: &JobSpec) -> String {
	match spec.verification {
		Verification::Quorum => format!("quorum of {} in {} replicas", spec.quorum, spec.replicas),
		Verification::Dispute { blocks, .. } => {
			format!("one worker; anybody can prove it wrong for {blocks} blocks")
		},
		Verification::Product { .. } => "one worker, which proves it in zero knowledge".into(),
	}
}

/// Computing power for people. `mops` are 10^6 int8 operations per second.
pub(crate) fn power(mops: u64) -> String {
	let (value, unit) = match mops {
		0..1_000 => (mops as f64, "MOP/s"),
		1_000..1_000_000 => (mops as f64 / 1e3, "GOP/s"),
		_ => (mops as f64 / 1e6, "TOP/s"),
	};
	format!("{value:.3} int8 {unit}")
}

fn replica_json((index, replica): (usize, &Replica<AccountId>)) -> Value {
	let mut json = json!({
		"replica": index,
		"state": replica_state(&replica.state),
		"attempt": replica.attempt,
		"deadline": replica.deadline,
		"worker": replica.seat.as_ref().map(|seat| output::key(&seat.worker)),
		"operator": replica.seat.as_ref().map(|seat| output::address(&seat.operator)),
		"ask": replica.seat.as_ref().map(|seat| json_amount(seat.ask)),
		"bond": replica.seat.as_ref().map(|seat| json_amount(seat.bond)),
	});
	match &replica.state {
		ReplicaState::Revealed { digest, units, exit_code } => {
			json["digest"] = output::hash(digest).into();
			json["units"] = (*units).into();
			json["exit_code"] = (*exit_code).into();
		},
		ReplicaState::Missed { reason } => json["missed"] = format!("{reason:?}").into(),
		_ => {},
	}
	json
}

/// How a job ended, for programs.
pub(super) fn outcome_json(outcome: &Outcome<AccountId>) -> Value {
	let settled = outcome.state == JobState::Settled;
	json!({
		"job": outcome.id,
		"state": state(outcome.state),
		"fail_reason": outcome.fail_reason.map(|reason| format!("{reason:?}")),
		"ended_at": outcome.ended_at,
		"digest": settled.then(|| output::hash(&outcome.digest)),
		"units": settled.then_some(outcome.units),
		"exit_code": settled.then_some(outcome.exit_code),
		"paid": json_amount(outcome.paid),
		"refunded": json_amount(outcome.refunded),
		"fee": json_amount(outcome.fee),
		"payees": outcome
			.payees
			.iter()
			.map(|payee| json!({
				"replica": payee.replica,
				"worker": output::key(&payee.worker),
				"operator": output::address(&payee.operator),
				"amount": json_amount(payee.amount),
			}))
			.collect::<Vec<_>>(),
	})
}

/// A job, for programs.
pub(super) fn job_json(view: &JobView<AccountId>) -> Value {
	json!({
		"job": view.id,
		"requester": output::address(&view.requester),
		"state": state(view.state),
		"submitted_at": view.submitted_at,
		"next_timer": view.next_timer,
		"escrow": json_amount(view.escrow),
		"deposit": json_amount(view.deposit),
		"spec": view.spec.as_ref().map(spec_json),
		"replicas": view.replicas.iter().enumerate().map(replica_json).collect::<Vec<_>>(),
		"outcome": view.outcome.as_ref().map(outcome_json),
	})
}

/// What an exit code means.
pub(super) fn exit_code(code: i32) -> String {
	match code {
		0 => "0 (success)".into(),
		-1 => "-1 (the program trapped)".into(),
		-2 => "-2 (out of units: --max-units was too low)".into(),
		-3 => "-3 (out of memory at the start: --max-memory was too low)".into(),
		-4 => "-4 (the output was larger than --max-output)".into(),
		-5 => "-5 (the program is no valid module, or needs what is not supported)".into(),
		-6 => "-6 (the input is not the one that the job's roots or commitments name)".into(),
		code => format!("{code} (the program's own)"),
	}
}

/// How a job ended, for people.
pub(super) fn outcome_text(outcome: &Outcome<AccountId>) -> String {
	let mut rows = vec![
		("job", outcome.id.to_string()),
		("ended", format!("{} in block {}", state(outcome.state), outcome.ended_at)),
	];
	if let Some(reason) = outcome.fail_reason {
		let reason = match reason {
			io_primitives::FailReason::AttemptsExhausted => {
				"too few replicas came to a result, and their attempts are used up"
			},
			io_primitives::FailReason::NoQuorum => "the results differ, and no quorum agreed",
			io_primitives::FailReason::Refuted => {
				"the product was proven wrong; its worker loses a part of its bond"
			},
			io_primitives::FailReason::Unproven => {
				"the product was not proven in time; its worker loses a part of its bond"
			},
		};
		rows.push(("reason", reason.into()));
	}
	if outcome.state == JobState::Settled {
		rows.push(("exit code", exit_code(outcome.exit_code)));
		rows.push(("units", format!("{} per replica", outcome.units)));
		rows.push(("digest", output::hash(&outcome.digest)));
	}
	rows.push(("paid", money(outcome.paid)));
	rows.push(("fee", money(outcome.fee)));
	rows.push(("refunded", money(outcome.refunded)));
	let mut text = output::list(rows);
	if !outcome.payees.is_empty() {
		let mut table = output::table(["replica", "worker", "operator", "paid"]);
		for payee in &outcome.payees {
			table.add_row([
				payee.replica.to_string(),
				output::key(&payee.worker),
				output::address(&payee.operator),
				money(payee.amount),
			]);
		}
		text.push('\n');
		text.push_str(&table.to_string());
	}
	text
}

fn job_text(view: &JobView<AccountId>) -> String {
	if let Some(outcome) = &view.outcome {
		return outcome_text(outcome);
	}
	let mut rows = vec![
		("job", view.id.to_string()),
		("state", state(view.state).into()),
		("requester", output::address(&view.requester)),
		(
			"submitted in block",
			view.submitted_at.map(|block| block.to_string()).unwrap_or_default(),
		),
		("next timer", view.next_timer.map(|block| format!("block {block}")).unwrap_or_default()),
		("escrow", money(view.escrow)),
		("deposit", money(view.deposit)),
	];
	if let Some(spec) = &view.spec {
		let program = match &spec.program {
			Program::Wasm { hash } => format!("wasm {}", output::hash(hash)),
			Program::Kernel { kind: Kernel::MatMulI8 { m, k, n } } => {
				format!("product of int8 matrices, {m} x {k} times {k} x {n}")
			},
			Program::Oci { manifest_digest } => format!("image {}", output::hash(manifest_digest)),
		};
		rows.push(("program", program));
		let input = match spec.input_len {
			0 => "none".into(),
			len => format!("{len} bytes, {}", output::hash(&spec.input)),
		};
		rows.push(("input", input));
		rows.push((
			"limits",
			format!(
				"{} units, {} MiB, {} bytes of output, {} blocks",
				spec.max_units, spec.max_memory, spec.max_output, spec.run_blocks
			),
		));
		rows.push(("price per unit", money(spec.price_per_unit)));
		rows.push(("verification", verification_text(spec)));
		if spec.min_perf > 0 {
			rows.push(("proven power, at least", power(spec.min_perf)));
		}
	}
	let mut text = output::list(rows);
	if !view.replicas.is_empty() {
		let mut table =
			output::table(["replica", "state", "attempt", "until block", "worker", "operator"]);
		for (index, replica) in view.replicas.iter().enumerate() {
			table.add_row([
				index.to_string(),
				replica_state(&replica.state).into(),
				replica.attempt.to_string(),
				replica.seat.as_ref().map(|_| replica.deadline.to_string()).unwrap_or_default(),
				replica.seat.as_ref().map(|s| output::key(&s.worker)).unwrap_or_default(),
				replica.seat.as_ref().map(|s| output::address(&s.operator)).unwrap_or_default(),
			]);
		}
		text.push('\n');
		text.push_str(&table.to_string());
	}
	text
}

#[cfg(test)]
mod tests {
	use super::*;
	use io_primitives::job::{Payee, Seat};
	use sp_core::H256;

	fn outcome() -> Outcome<AccountId> {
		Outcome {
			id: 7,
			requester: AccountId::new([1; 32]),
			state: JobState::Settled,
			fail_reason: None,
			ended_at: 99,
			digest: H256([2; 32]),
			units: 12,
			exit_code: 0,
			paid: 24_000_000_000_000,
			refunded: 5,
			fee: 1_200_000_000_000,
			payees: vec![Payee {
				replica: 0,
				worker: WorkerKey::from_raw([3; 32]),
				operator: AccountId::new([4; 32]),
				amount: 24_000_000_000_000,
			}]
			.try_into()
			.unwrap(),
		}
	}

	fn keys(value: &Value) -> Vec<&str> {
		let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
		keys.sort_unstable();
		keys
	}

	#[test]
	fn should_keep_field_names_of_outcome() {
		let json = outcome_json(&outcome());
		assert_eq!(
			keys(&json),
			[
				"digest",
				"ended_at",
				"exit_code",
				"fail_reason",
				"fee",
				"job",
				"paid",
				"payees",
				"refunded",
				"state",
				"units"
			]
		);
		assert_eq!(json["paid"], "24000000000000", "amounts are text in the smallest unit");
		assert_eq!(json["state"], "settled");
		assert_eq!(keys(&json["payees"][0]), ["amount", "operator", "replica", "worker"]);
	}

	#[test]
	fn should_give_no_result_when_job_did_not_settle() {
		let mut failed = outcome();
		failed.state = JobState::Failed;
		failed.fail_reason = Some(io_primitives::FailReason::NoQuorum);
		let json = outcome_json(&failed);
		assert_eq!(json["digest"], Value::Null);
		assert_eq!(json["exit_code"], Value::Null);
		assert_eq!(json["fail_reason"], "NoQuorum");
	}

	#[test]
	fn should_keep_field_names_of_job() {
		let spec = JobSpec {
			program: Program::Wasm { hash: H256([5; 32]) },
			program_at: Default::default(),
			input_at: Default::default(),
			input: H256::zero(),
			input_len: 0,
			args: Default::default(),
			class: 0,
			max_units: 1,
			max_memory: 1,
			max_output: 1,
			price_per_unit: 1,
			replicas: 3,
			quorum: 2,
			run_blocks: 10,
			encryption: None,
			min_perf: 0,
			verification: Verification::Quorum,
		};
		let view = JobView {
			id: 7,
			requester: AccountId::new([1; 32]),
			state: JobState::Running,
			submitted_at: Some(1),
			next_timer: Some(5),
			escrow: 1,
			deposit: 2,
			spec: Some(spec),
			replicas: vec![Replica {
				state: ReplicaState::Accepted,
				attempt: 1,
				deadline: 50,
				seat: Some(Seat {
					worker: WorkerKey::from_raw([3; 32]),
					operator: AccountId::new([4; 32]),
					ask: 1,
					bond: 3,
				}),
			}],
			outcome: None,
		};
		let json = job_json(&view);
		assert_eq!(
			keys(&json),
			[
				"deposit",
				"escrow",
				"job",
				"next_timer",
				"outcome",
				"replicas",
				"requester",
				"spec",
				"state",
				"submitted_at"
			]
		);
		assert_eq!(
			keys(&json["spec"]),
			[
				"args",
				"class",
				"input",
				"input_at",
				"input_len",
				"max_memory_mib",
				"max_output",
				"max_units",
				"min_perf",
				"price_per_unit",
				"program",
				"program_at",
				"quorum",
				"replicas",
				"run_blocks",
				"verification"
			]
		);
		assert_eq!(
			keys(&json["replicas"][0]),
			["ask", "attempt", "bond", "deadline", "operator", "replica", "state", "worker"]
		);
	}

	#[test]
	fn should_write_computing_power_in_fitting_units() {
		assert_eq!(power(999), "999.000 int8 MOP/s");
		assert_eq!(power(1_500), "1.500 int8 GOP/s");
		assert_eq!(power(1_979_000_000), "1979.000 int8 TOP/s");
	}

	#[test]
	fn should_explain_reserved_exit_codes() {
		for (code, word) in [
			(-1, "trapped"),
			(-2, "units"),
			(-3, "memory"),
			(-4, "output"),
			(-5, "module"),
			(-6, "roots"),
		] {
			assert!(exit_code(code).contains(word));
		}
	}
}
