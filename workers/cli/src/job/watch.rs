//! Follows a job to its end.

use std::{
	collections::BTreeMap,
	io::{self, IsTerminal},
	time::Duration,
};

use futures::StreamExt;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use io_client::{BlockInfo, Client, JobEvent};
use io_primitives::{
	AccountId, FUEL_PER_UNIT, JobId, JobState, JobView, MissReason, Outcome, ReplicaId,
	ReplicaState, WorkerKey,
};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::{
	WatchArgs,
	check::Checker,
	show::{job_json, outcome_json, outcome_text, replica_state, state},
	unknown,
};
use crate::{
	App,
	error::{Error, JOB_FAILED, Result},
	output::{self, Output, json_amount, money, note, short_address, short_key},
	serve::{Server, size},
};

/// Blocks whose events are caught up with after a pause; older ones are left out.
const MAX_CATCH_UP: u32 = 200;
/// Blocks without the job after which it is believed not to exist.
const MAX_ABSENT: u32 = 5;
/// How long finality is waited for once the job has ended.
const FINALITY_PATIENCE: Duration = Duration::from_secs(300);

pub(super) async fn watch(args: WatchArgs, app: &App) -> Result<u8> {
	let client = app.connect().await?;
	let view = client.job(args.job).await?.ok_or_else(|| unknown(args.job))?;
	let from = match view.submitted_at {
		Some(block) => block,
		None => client.best_block().await?.number,
	};
	let outcome = follow(&client, args.job, from, None, None, app).await?;
	Ok(status(&outcome))
}

/// The exit status that a job's end means.
pub(super) fn status(outcome: &Outcome<AccountId>) -> u8 {
	let good = outcome.state == JobState::Settled && outcome.exit_code == 0;
	if good { 0 } else { JOB_FAILED }
}

/// Follows the job until its end is final. Events are told from block `from` on. A product on trial is shown to `checker`.
pub(super) async fn follow(
	client: &Client,
	job: JobId,
	from: u32,
	server: Option<&Server>,
	checker: Option<&mut Checker>,
	app: &App,
) -> Result<Outcome<AccountId>> {
	let mut follower = Follower::new(client.clone(), job, from, checker, server, app);
	let screen = follower.screen.clone();
	let mut heads = client.best_blocks();
	let mut signals = signal(SignalKind::interrupt()).map_err(Error::file("wait for", "Ctrl-C"))?;
	let mut interrupted = false;
	let mut interrupt = || {
		if server.is_none() || interrupted {
			return Err(Error::Interrupted(format!(
				"job {job} goes on without you; `io job watch {job}` follows it again"
			)));
		}
		interrupted = true;
		screen.say(
			"workers may still need the files that are served from here; without them they decline. \
			 Press Ctrl-C again to stop anyway",
		);
		Ok(())
	};
	loop {
		let head = tokio::select! {
			head = heads.next() => head,
			_ = signals.recv() => {
				interrupt()?;
				continue;
			},
		};
		match head {
			Some(Ok(head)) => {
				follower.answered();
				let looked = {
					let mut look = std::pin::pin!(follower.look(head));
					loop {
						tokio::select! {
							looked = &mut look => break looked,
							_ = signals.recv() => interrupt()?,
						}
					}
				};
				match looked {
					Ok(Some(outcome)) => {
						follower.end(&outcome, server)?;
						return Ok(outcome);
					},
					Ok(None) => {},
					Err(Error::Client(e)) if e.is_temporary() => follower.wait(&e),
					Err(e) => return Err(e),
				}
			},
			Some(Err(e @ io_client::Error::WrongChain { .. })) => return Err(e.into()),
			Some(Err(e)) => follower.wait(&e),
			None => return Err(Error::Chain("the stream of blocks ended".into())),
		}
	}
}

/// Where lines for people go: above the lines that change, if there are any.
#[derive(Clone)]
struct Screen {
	output: Output,
	bars: Option<MultiProgress>,
}

impl Screen {
	fn say(&self, text: &str) {
		match &self.bars {
			Some(bars) => bars.suspend(|| note(text)),
			None => self.output.note(text),
		}
	}
}

/// What became of a worker that was drawn.
struct Drawn {
	operator: AccountId,
	fate: &'static str,
}

/// Holds what is known of the job, and shows it.
struct Follower<'a> {
	client: Client,
	job: JobId,
	checker: Option<&'a mut Checker>,
	server: Option<&'a Server>,
	app: &'a App,
	/// Next block whose events have not been told.
	next: u32,
	view: Option<JobView<AccountId>>,
	/// Units of work done for each replica, as its worker said.
	units: BTreeMap<ReplicaId, u64>,
	drawn: BTreeMap<(ReplicaId, [u8; 32]), Drawn>,
	absent: u32,
	waiting: bool,
	/// Whether it was said that events cannot be read.
	events_failed: bool,
	display: Option<Display>,
	screen: Screen,
}

/// Lines that change, on a terminal.
struct Display {
	all: MultiProgress,
	head: ProgressBar,
	replicas: Vec<ProgressBar>,
}

impl Display {
	fn new() -> Self {
		let all = MultiProgress::new();
		let head = all.add(ProgressBar::new_spinner());
		head.enable_steady_tick(Duration::from_millis(120));
		Self { all, head, replicas: Vec::new() }
	}

	fn replica(&mut self, index: usize) -> &ProgressBar {
		while self.replicas.len() <= index {
			let bar = self.all.add(ProgressBar::new(4));
			if let Ok(style) = ProgressStyle::with_template("  {bar:12} {msg}") {
				bar.set_style(style);
			}
			self.replicas.push(bar);
		}
		&self.replicas[index]
	}

	fn clear(&self) {
		// What cannot be cleared stays; that does no harm.
		let _ = self.all.clear();
	}
}

impl Drop for Display {
	fn drop(&mut self) {
		self.clear();
	}
}

impl<'a> Follower<'a> {
	fn new(
		client: Client,
		job: JobId,
		from: u32,
		checker: Option<&'a mut Checker>,
		server: Option<&'a Server>,
		app: &'a App,
	) -> Self {
		let display = (!app.output.json && io::stderr().is_terminal()).then(Display::new);
		let screen = Screen {
			output: app.output,
			bars: display.as_ref().map(|display| display.all.clone()),
		};
		Self {
			screen,
			client,
			job,
			checker,
			server,
			app,
			next: from,
			view: None,
			units: BTreeMap::new(),
			drawn: BTreeMap::new(),
			absent: 0,
			waiting: false,
			events_failed: false,
			display,
		}
	}

	/// A line for people.
	fn say(&self, text: &str) {
		self.screen.say(text);
	}

	/// The node does not answer; that is said once.
	fn wait(&mut self, e: &io_client::Error) {
		if let Some(display) = &self.display {
			display.head.set_message(format!("waiting for the node: {e}"));
		}
		if !self.waiting {
			self.waiting = true;
			self.say(&format!("waiting for the node: {e}"));
		}
	}

	/// The node answers; that is said if it did not before.
	fn answered(&mut self) {
		if self.waiting {
			self.waiting = false;
			self.say("the node answers again");
		}
	}

	/// Looks at the job in a new block; returns how it ended if that is final.
	async fn look(&mut self, head: BlockInfo) -> Result<Option<Outcome<AccountId>>> {
		let view = match self.client.job_at(self.job, Some(head.hash)).await {
			Ok(view) => view,
			// The node may have dropped the block already; the next one is not far.
			Err(io_client::Error::Rpc { .. } | io_client::Error::UnknownBlock { .. }) => {
				return Ok(None);
			},
			Err(e) => return Err(e.into()),
		};
		if let (Some(server), Some(view)) = (self.server, &view) {
			let screen = self.screen.clone();
			server.look(&self.client, view, &|text| screen.say(text)).await?;
		}
		self.tell_events(head).await?;
		let Some(view) = view else {
			self.absent += 1;
			return if self.absent > MAX_ABSENT { Err(unknown(self.job)) } else { Ok(None) };
		};
		self.absent = 0;
		self.show(&view, head)?;
		if view.state == JobState::Verifying
			&& let Some(checker) = &mut self.checker
		{
			let screen = self.screen.clone();
			checker.on_trial(&view, &|text| screen.say(text)).await?;
		}
		let ended = view.outcome.clone();
		self.view = Some(view);
		match ended {
			Some(outcome) => self.confirm(outcome).await,
			None => Ok(None),
		}
	}

	/// Waits until the end cannot be undone.
	async fn confirm(&mut self, outcome: Outcome<AccountId>) -> Result<Option<Outcome<AccountId>>> {
		let reached = |block: &BlockInfo| block.number >= outcome.ended_at;
		let mut finalized = self.client.finalized_block().await?;
		if !reached(&finalized) {
			self.say("the job has ended; waiting until its block is final");
			let mut heads = self.client.finalized_blocks();
			let found = tokio::time::timeout(FINALITY_PATIENCE, async {
				loop {
					match heads.next().await {
						Some(Ok(block)) if reached(&block) => return Some(block),
						Some(_) => {},
						None => return None,
					}
				}
			});
			match found.await {
				Ok(Some(block)) => finalized = block,
				_ => {
					return Err(Error::Chain(format!(
						"job {} ended in block {}, which does not become final; look at the network, then `io job show {}`",
						self.job, outcome.ended_at, self.job
					)));
				},
			}
		}
		let view = self.client.job_at(self.job, Some(finalized.hash)).await?;
		Ok(view.and_then(|view| view.outcome))
	}

	/// Tells what happened to the job in the blocks up to `head`.
	async fn tell_events(&mut self, head: BlockInfo) -> Result<()> {
		let first = self.next.max(head.number.saturating_sub(MAX_CATCH_UP));
		for number in first..=head.number {
			let hash = if number == head.number {
				Some(head.hash)
			} else {
				self.client.block_hash(number).await?
			};
			let Some(hash) = hash else { continue };
			match self.client.events(hash).await {
				Ok(events) => {
					for event in &events {
						match JobEvent::read(event) {
							Ok(Some(event)) if event.job() == self.job => {
								self.tell(number, &event)?;
							},
							Ok(_) => {},
							Err(e) => self.cannot_read(&e),
						}
					}
				},
				Err(e) if e.is_temporary() => return Err(e.into()),
				// Old state may be gone; the job's own state is what counts.
				Err(io_client::Error::Rpc { .. }) => {},
				Err(e) => self.cannot_read(&e),
			}
			self.next = number.saturating_add(1);
		}
		Ok(())
	}

	fn cannot_read(&mut self, e: &io_client::Error) {
		if !self.events_failed {
			self.events_failed = true;
			self.say(&format!("events are not shown: {e}"));
		}
	}

	fn drawn(&mut self, replica: ReplicaId, worker: &WorkerKey, fate: &'static str) {
		if let Some(drawn) = self.drawn.get_mut(&(replica, worker.0)) {
			drawn.fate = fate;
		}
	}

	fn tell(&mut self, block: u32, event: &JobEvent) -> Result<()> {
		match event {
			JobEvent::Assigned { replica, worker, operator, .. } => {
				let drawn = Drawn { operator: operator.clone(), fate: "assigned" };
				self.drawn.insert((*replica, worker.0), drawn);
			},
			JobEvent::Accepted { replica, worker, .. } => self.drawn(*replica, worker, "accepted"),
			JobEvent::Declined { replica, worker, .. } => self.drawn(*replica, worker, "declined"),
			JobEvent::Committed { replica, worker, .. } => {
				self.drawn(*replica, worker, "committed");
			},
			JobEvent::Revealed { replica, worker, .. } => self.drawn(*replica, worker, "revealed"),
			JobEvent::Missed { replica, worker, reason, .. } => {
				self.drawn(*replica, worker, missed(*reason));
			},
			_ => {},
		}
		let (name, text, mut json) = describe(event);
		json["type"] = "event".into();
		json["event"] = name.into();
		json["block"] = block.into();
		json["job"] = self.job.into();
		self.app.output.record(&json)?;
		self.say(&format!("block {block}: {text}"));
		Ok(())
	}

	fn show(&mut self, view: &JobView<AccountId>, head: BlockInfo) -> Result<()> {
		for (replica, seat) in
			(0u8..).zip(&view.replicas).filter_map(|(i, r)| Some((i, r.seat.as_ref()?)))
		{
			self.drawn
				.entry((replica, seat.worker.0))
				.or_insert_with(|| Drawn { operator: seat.operator.clone(), fate: "drawn" });
		}
		let changed = self.view.as_ref().is_none_or(|old| {
			old.state != view.state || old.replicas != view.replicas || old.outcome != view.outcome
		});
		if changed && view.outcome.is_none() {
			let mut json = job_json(view);
			json["type"] = "state".into();
			json["block"] = head.number.into();
			// It does not change, and it is long.
			json.as_object_mut().map(|fields| fields.remove("spec"));
			self.app.output.record(&json)?;
		}
		for (replica, fuel) in self.server.map(|s| s.progress(self.job)).unwrap_or_default() {
			let units = fuel / FUEL_PER_UNIT;
			if units > 0 && self.units.insert(replica, units) != Some(units) {
				let json = json!({ "type": "progress", "replica": replica, "units": units });
				self.app.output.record(&json)?;
			}
		}
		let Some(display) = &mut self.display else { return Ok(()) };
		let next = match view.next_timer {
			Some(timer) => format!(", next timer in {} blocks", timer.saturating_sub(head.number)),
			None => String::new(),
		};
		display.head.set_message(format!(
			"job {}: {} at block {}{next}",
			view.id,
			state(view.state),
			head.number
		));
		for (index, replica) in view.replicas.iter().enumerate() {
			let bar = display.replica(index);
			bar.set_position(match replica.state {
				ReplicaState::Vacant | ReplicaState::Missed { .. } => 0,
				ReplicaState::Assigned => 1,
				ReplicaState::Accepted => 2,
				ReplicaState::Committed { .. } => 3,
				ReplicaState::Revealed { .. } => 4,
			});
			let who = replica.seat.as_ref().map_or_else(String::new, |seat| {
				format!(" {} of {}", short_key(&seat.worker), short_address(&seat.operator))
			});
			let attempt = match replica.attempt {
				0 | 1 => String::new(),
				attempt => format!(" (draw {attempt})"),
			};
			let units = u8::try_from(index).ok().and_then(|replica| self.units.get(&replica));
			let done = match (units, &replica.state) {
				(Some(units), ReplicaState::Accepted) => format!(", {units} units done"),
				_ => String::new(),
			};
			bar.set_message(format!(
				"replica {index}: {}{done}{attempt}{who}",
				replica_state(&replica.state)
			));
		}
		Ok(())
	}

	/// The last words.
	fn end(&mut self, outcome: &Outcome<AccountId>, server: Option<&Server>) -> Result<()> {
		if let Some(display) = self.display.take() {
			display.clear();
		}
		for payee in &outcome.payees {
			self.drawn
				.entry((payee.replica, payee.worker.0))
				.or_insert_with(|| Drawn { operator: payee.operator.clone(), fate: "" })
				.fate = "agreed, paid";
		}
		let mut json = outcome_json(outcome);
		json["type"] = "outcome".into();
		json["drawn"] = self
			.drawn
			.iter()
			.map(|((replica, worker), drawn)| {
				json!({
					"replica": replica,
					"worker": format!("0x{}", hex::encode(worker)),
					"operator": output::address(&drawn.operator),
					"fate": drawn.fate,
				})
			})
			.collect::<Vec<_>>()
			.into();
		if let Some(server) = server {
			self.app.output.note(&format!("{} were sent to workers", size(server.sent())));
		}
		self.app.output.result(&json, || {
			let mut text = String::new();
			let others = self.drawn.len() > outcome.payees.len();
			if others {
				let mut table =
					output::table(["replica", "drawn worker", "operator", "what became of it"]);
				for ((replica, worker), drawn) in &self.drawn {
					table.add_row([
						replica.to_string(),
						format!("0x{}", hex::encode(worker)),
						output::address(&drawn.operator),
						drawn.fate.to_owned(),
					]);
				}
				text.push_str(&table.to_string());
				text.push('\n');
			}
			text.push_str(&outcome_text(outcome));
			text
		})
	}
}

fn missed(reason: MissReason) -> &'static str {
	match reason {
		MissReason::NoShow => "did not accept in time",
		MissReason::Late => "did not finish in time",
		MissReason::Unrevealed => "did not show its result",
		MissReason::Disagreed => "had another result than the quorum",
		MissReason::Refuted => "was proven wrong",
		MissReason::Unproven => "did not prove its product",
	}
}

/// An event's name, a sentence on it, and its fields.
fn describe(event: &JobEvent) -> (&'static str, String, Value) {
	match event {
		JobEvent::Submitted { requester, escrow, deposit, .. } => (
			"submitted",
			format!("submitted; {} on hold", money(escrow.saturating_add(*deposit))),
			json!({
				"requester": output::address(requester),
				"escrow": json_amount(*escrow),
				"deposit": json_amount(*deposit),
			}),
		),
		JobEvent::Assigned { replica, attempt, worker, operator, ask, bond, deadline, .. } => (
			"assigned",
			format!(
				"replica {replica} drew worker {} of {}, for {} per unit",
				short_key(worker),
				short_address(operator),
				money(*ask)
			),
			json!({
				"replica": replica,
				"attempt": attempt,
				"worker": output::key(worker),
				"operator": output::address(operator),
				"ask": json_amount(*ask),
				"bond": json_amount(*bond),
				"deadline": deadline,
			}),
		),
		JobEvent::Accepted { replica, worker, deadline, .. } => (
			"accepted",
			format!("replica {replica}: {} accepted", short_key(worker)),
			json!({ "replica": replica, "worker": output::key(worker), "deadline": deadline }),
		),
		JobEvent::Declined { replica, worker, .. } => (
			"declined",
			format!("replica {replica}: {} declined", short_key(worker)),
			json!({ "replica": replica, "worker": output::key(worker) }),
		),
		JobEvent::Committed { replica, worker, .. } => (
			"committed",
			format!("replica {replica}: {} has a result", short_key(worker)),
			json!({ "replica": replica, "worker": output::key(worker) }),
		),
		JobEvent::Revealing { deadline, .. } => (
			"revealing",
			format!("enough results are in; they have to be shown before block {deadline}"),
			json!({ "deadline": deadline }),
		),
		JobEvent::Revealed { replica, worker, digest, units, exit_code, output_at, .. } => (
			"revealed",
			format!(
				"replica {replica}: {} shows its result: exit code {exit_code}, {}",
				short_key(worker),
				output::count(*units, "unit")
			),
			json!({
				"replica": replica,
				"worker": output::key(worker),
				"digest": output::hash(digest),
				"units": units,
				"exit_code": exit_code,
				"output_at": String::from_utf8_lossy(output_at),
			}),
		),
		JobEvent::Verifying { worker, deadline, .. } => (
			"verifying",
			format!(
				"{} claims the product; it is on trial until block {deadline}",
				short_key(worker)
			),
			json!({ "worker": output::key(worker), "deadline": deadline }),
		),
		JobEvent::Missed { replica, worker, operator, reason, .. } => (
			"missed",
			format!("replica {replica}: {} {}", short_key(worker), missed(*reason)),
			json!({
				"replica": replica,
				"worker": output::key(worker),
				"operator": output::address(operator),
				"reason": format!("{reason:?}"),
			}),
		),
		JobEvent::Paid { replica, operator, amount, .. } => (
			"paid",
			format!("replica {replica}: {} was paid {}", short_address(operator), money(*amount)),
			json!({
				"replica": replica,
				"operator": output::address(operator),
				"amount": json_amount(*amount),
			}),
		),
		JobEvent::Slashed { replica, operator, amount, reason, .. } => (
			"slashed",
			format!(
				"replica {replica}: {} of {}'s stake were taken ({reason:?})",
				money(*amount),
				short_address(operator)
			),
			json!({
				"replica": replica,
				"operator": output::address(operator),
				"amount": json_amount(*amount),
				"reason": format!("{reason:?}"),
			}),
		),
		JobEvent::Settled { digest, units, exit_code, paid, refunded, fee, .. } => (
			"settled",
			format!(
				"settled: {} paid, {} fee, {} refunded",
				money(*paid),
				money(*fee),
				money(*refunded)
			),
			json!({
				"digest": output::hash(digest),
				"units": units,
				"exit_code": exit_code,
				"paid": json_amount(*paid),
				"refunded": json_amount(*refunded),
				"fee": json_amount(*fee),
			}),
		),
		JobEvent::Failed { reason, refunded, .. } => (
			"failed",
			format!("failed ({reason:?}); {} refunded", money(*refunded)),
			json!({ "reason": format!("{reason:?}"), "refunded": json_amount(*refunded) }),
		),
		JobEvent::Expired { refunded, .. } => (
			"expired",
			format!("expired: no fitting worker was found; {} refunded", money(*refunded)),
			json!({ "refunded": json_amount(*refunded) }),
		),
		JobEvent::Cancelled { refunded, .. } => (
			"cancelled",
			format!("withdrawn by its requester; {} refunded", money(*refunded)),
			json!({ "refunded": json_amount(*refunded) }),
		),
	}
}
