//! `io attest`: computing power that workers have proven.

use clap::{Args, Subcommand};
use io_client::Client;
use io_primitives::{
	AccountId, WorkerKey,
	attestation::{AttestationView, Certificate, ClassParams, Commitment, Enrolment, Window},
};
use serde_json::{Value, json};

use crate::{
	App,
	error::Result,
	job::power,
	keys,
	output::{self, json_amount, money},
};

#[derive(Subcommand, Debug)]
pub(crate) enum AttestCommand {
	/// Show the window, and what a worker, or every worker with a certificate, has proven
	Show(ShowArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
	/// The worker's key; without it, all workers with certificates
	#[arg(value_parser = keys::parse_worker)]
	worker: Option<WorkerKey>,
	/// Most workers to list
	#[arg(long, default_value_t = 100)]
	limit: usize,
}

type View = AttestationView<AccountId>;

pub(crate) async fn run(command: AttestCommand, app: &App) -> Result<()> {
	let AttestCommand::Show(ShowArgs { worker, limit }) = command;
	let client = app.connect().await?;
	match worker {
		Some(worker) => show(&client, &worker, app).await,
		None => list(&client, limit, app).await,
	}
}

async fn show(client: &Client, worker: &WorkerKey, app: &App) -> Result<()> {
	let view = client.attestation(worker).await?;
	app.output.result(&view_json(worker, &view), || view_text(worker, &view))
}

async fn list(client: &Client, limit: usize, app: &App) -> Result<()> {
	let workers: Vec<WorkerKey> =
		client.storage_keys("IoAttestation", "Certificates", limit).await?;
	let mut views = Vec::new();
	for worker in workers {
		views.push((worker, client.attestation(&worker).await?));
	}
	views.sort_by_key(|(worker, view)| (std::cmp::Reverse(view.mops), worker.0));
	let json = json!({
		"workers": views.iter().map(|(worker, view)| view_json(worker, view)).collect::<Vec<_>>(),
	});
	app.output.result(&json, || {
		if views.is_empty() {
			return "no worker has a certificate".into();
		}
		let total: u64 = views.iter().map(|(_, view)| view.mops).fold(0, u64::saturating_add);
		let mut table =
			output::table(["worker", "proven power", "certificates", "first expires in block"]);
		for (worker, view) in &views {
			let first = view.certificates.iter().map(|certificate| certificate.expires).min();
			table.add_row([
				output::key(worker),
				power(view.mops),
				view.certificates.len().to_string(),
				first.map(|block| block.to_string()).unwrap_or_default(),
			]);
		}
		format!("{table}\nall together: {}", power(total))
	})
}

fn window_json(window: &Window) -> Value {
	json!({
		"window": window.id,
		"seed": output::hash(&window.seed),
		"block": window.block,
		"slot": window.slot,
		"last_slot": window.last_slot,
	})
}

fn enrolment_json(enrolment: &Enrolment<AccountId>) -> Value {
	let ClassParams { m, n, k, .. } = enrolment.params;
	json!({
		"device": enrolment.device,
		"class": enrolment.class,
		"lanes": enrolment.lanes,
		"m": m,
		"k": k,
		"n": n,
		"operator": output::address(&enrolment.operator),
		"bond": json_amount(enrolment.bond),
		"since": enrolment.since,
	})
}

fn commitment_json(commitment: &Commitment) -> Value {
	json!({
		"device": commitment.device,
		"window": commitment.window,
		"rounds": commitment.rounds,
		"slots": commitment.slots,
		"commitment": output::hash(&commitment.commitment),
		"audit": commitment.audit.map(|audit| json!({
			"challenge": output::hash(&audit.challenge),
			"deadline": audit.deadline,
		})),
	})
}

fn certificate_json(certificate: &Certificate) -> Value {
	json!({
		"device": certificate.device,
		"class": certificate.class,
		"window": certificate.window,
		// Wider than JSON's numbers.
		"ops": certificate.ops.to_string(),
		"slots": certificate.slots,
		"mops": certificate.mops,
		"audited": certificate.audited,
		"expires": certificate.expires,
	})
}

/// What a worker has proven, for programs.
fn view_json(worker: &WorkerKey, view: &View) -> Value {
	json!({
		"worker": output::key(worker),
		"block": view.now,
		"slot": view.slot,
		"window": view.window.as_ref().map(window_json),
		"free_bond": view.free_bond.map(json_amount),
		"enrolments": view.enrolments.iter().map(enrolment_json).collect::<Vec<_>>(),
		"commitments": view.commitments.iter().map(commitment_json).collect::<Vec<_>>(),
		"certificates": view.certificates.iter().map(certificate_json).collect::<Vec<_>>(),
		"mops": view.mops,
		"products": view
			.products
			.iter()
			.map(|(job, deadline)| json!({ "job": job, "deadline": deadline }))
			.collect::<Vec<_>>(),
	})
}

/// What a worker has proven, for people.
fn view_text(worker: &WorkerKey, view: &View) -> String {
	let window = match &view.window {
		None => "none yet".into(),
		Some(window) if view.slot <= window.last_slot => {
			format!("{}, open for {} more slots", window.id, window.last_slot - view.slot)
		},
		Some(window) => format!("{}, closed", window.id),
	};
	let bond = match view.free_bond {
		None => "the worker is not registered".into(),
		Some(bond) => money(bond),
	};
	let mut text = output::list([
		("worker", output::key(worker)),
		("proven power", power(view.mops)),
		("last window", window),
		("free stake of its operator", bond),
	]);
	let mut add = |heading: &str, table: comfy_table::Table| {
		if !table.is_empty() {
			text.push_str(&format!("\n\n{heading}\n{table}"));
		}
	};

	let mut enrolled =
		output::table(["device", "class", "lanes", "m x k x n", "bond", "since block"]);
	for enrolment in &view.enrolments {
		let ClassParams { m, n, k, .. } = enrolment.params;
		enrolled.add_row([
			enrolment.device.to_string(),
			enrolment.class.to_string(),
			enrolment.lanes.to_string(),
			format!("{m} x {k} x {n}"),
			money(enrolment.bond),
			enrolment.since.to_string(),
		]);
	}
	add("devices that take part in windows", enrolled);

	let mut pending = output::table(["device", "window", "rounds", "slots", "audit"]);
	for commitment in &view.commitments {
		pending.add_row([
			commitment.device.to_string(),
			commitment.window.to_string(),
			commitment.rounds.to_string(),
			commitment.slots.to_string(),
			commitment.audit.map_or_else(
				|| "not drawn yet".into(),
				|audit| format!("answer before block {}", audit.deadline),
			),
		]);
	}
	add("commitments that are not certified yet", pending);

	let mut certified = output::table([
		"device",
		"class",
		"window",
		"power",
		"slots",
		"audited",
		"expires in block",
	]);
	for certificate in &view.certificates {
		certified.add_row([
			certificate.device.to_string(),
			certificate.class.to_string(),
			certificate.window.to_string(),
			power(certificate.mops),
			certificate.slots.to_string(),
			if certificate.audited { "yes" } else { "no" }.into(),
			certificate.expires.to_string(),
		]);
	}
	add("certificates", certified);

	let mut products = output::table(["job", "to be proven before block"]);
	for (job, deadline) in &view.products {
		products.add_row([job.to_string(), deadline.to_string()]);
	}
	add("products of jobs on trial", products);
	text
}

#[cfg(test)]
mod tests {
	use super::*;
	use io_primitives::attestation::Audit;
	use sp_core::H256;

	fn view() -> View {
		let params = ClassParams {
			arith: 0,
			m: 1024,
			n: 2048,
			k: 4096,
			min_lanes: 1,
			max_lanes: 64,
			openings: 64,
			bond_per_lane: 5,
		};
		AttestationView {
			para: 2000,
			now: 100,
			slot: 55,
			free_bond: Some(7_000_000_000_000),
			classes: vec![(0, params)],
			enrolments: vec![Enrolment {
				device: 0,
				class: 0,
				lanes: 32,
				params,
				operator: AccountId::new([1; 32]),
				bond: 160,
				since: 9,
			}],
			window: Some(Window {
				id: 3,
				seed: H256::repeat_byte(1),
				slot: 50,
				block: 90,
				last_slot: 60,
			}),
			commitments: vec![Commitment {
				window: 3,
				seed: H256::repeat_byte(1),
				device: 0,
				rounds: 12,
				commitment: H256::repeat_byte(2),
				slots: 5,
				audit: Some(Audit { challenge: H256::repeat_byte(3), deadline: 140 }),
			}],
			certificates: vec![Certificate {
				device: 0,
				class: 0,
				window: 2,
				ops: 1 << 100,
				slots: 5,
				mops: 250_000,
				audited: true,
				expires: 777,
			}],
			mops: 250_000,
			products: vec![(42, 133)],
		}
	}

	#[test]
	fn should_tell_programs_everything() {
		let json = view_json(&WorkerKey::from_raw([9; 32]), &view());
		assert_eq!(json["mops"], 250_000);
		assert_eq!(json["window"]["last_slot"], 60);
		assert_eq!(json["enrolments"][0]["bond"], "160");
		assert_eq!(json["commitments"][0]["audit"]["deadline"], 140);
		assert_eq!(json["certificates"][0]["ops"], (1u128 << 100).to_string());
		assert_eq!(json["products"][0]["job"], 42);
		assert_eq!(json["worker"], format!("0x{}", "09".repeat(32)));
	}

	#[test]
	fn should_tell_people_what_there_is_and_nothing_else() {
		let worker = WorkerKey::from_raw([9; 32]);
		let text = view_text(&worker, &view());
		for word in [
			"250.000 int8 GOP/s",
			"3, open for 5 more slots",
			"1024 x 4096 x 2048",
			"140",
			"777",
			"42",
		] {
			assert!(text.contains(word), "{word}: {text}");
		}
		let mut empty = view();
		empty.enrolments.clear();
		empty.commitments.clear();
		empty.certificates.clear();
		empty.products.clear();
		(empty.window, empty.free_bond, empty.mops) = (None, None, 0);
		let text = view_text(&worker, &empty);
		assert!(text.contains("none yet") && text.contains("not registered"), "{text}");
		assert!(!text.contains("certificates"), "{text}");
	}
}
