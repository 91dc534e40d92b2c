//! Spending: choosing coins, asking, proving, sending.

use std::collections::BTreeMap;

use io_client::{
	BlockInfo, Client, Included, JobEvent, Pending,
	shielded::{base_units, spec_hash},
};
use io_primitives::{
	JobSpec,
	shielded::{PauseScope, PoolStatus},
};
use io_shielded::{
	Bundle, Coin, Domain, Target, Window,
	address::Address,
	note::Memo,
	wallet::{
		ledger::Dispatch,
		memo as memos, rings,
		select::{Candidate, SelectError, Selection, Shape, select},
		spend::{self, Input, Order, Recipient},
	},
};
use rand_core::OsRng;
use serde_json::{Value, json};

use super::{
	SendArgs, UnshieldArgs, WalletArgs,
	file::Wallet,
	json_amount,
	make::owner_secret,
	micro, money,
	scan::{self, Scanned},
};
use crate::{
	App,
	error::{Error, Result},
	job::{Placed, Prepared, RunArgs},
	keys, output,
};

/// If finality is further behind than this, bundles name the best block.
const MAX_FINALITY_LAG: u32 = 64;
/// Stamps that are tried if the node's pool is busy: each finds another place with a good chance.
const MAX_STAMPS: usize = 8;

/// What is to be paid.
struct Payment {
	recipients: Vec<Recipient>,
	target: Target,
	job: Option<JobSpec>,
}

/// A bundle that is in a block.
struct Paid {
	included: Included,
	dispatch: Dispatch,
}

impl Paid {
	fn json(&self) -> Value {
		json!({
			"fee": json_amount(self.dispatch.fee),
			"block": self.included.block.number,
			"block_hash": output::hash(&self.included.block.hash),
			"extrinsic": output::hash(&self.included.hash),
		})
	}
}

/// Reads a shielded address of the wallet's chain.
pub(super) fn address(text: &str, wallet: &Wallet) -> Result<Address> {
	Address::decode(text, &wallet.network)
		.map_err(|e| Error::Usage(format!("{text} cannot be paid: {e}")))
}

/// Makes a memo.
pub(super) fn memo(text: &str) -> Result<Memo> {
	memos::text(text).map_err(|_| {
		Error::Usage(format!("the memo has {} bytes; at most 64 are possible", text.len()))
	})
}

/// Fails if the pool is paused. Exits may be possible all the same.
pub(super) fn not_paused(pool: &PoolStatus, exit: bool) -> Result<()> {
	match &pool.pause {
		Some(pause) if !(exit && pause.scope == PauseScope::AllButExits) => Err(Error::Chain(
			format!("the pool is paused until block {}; the money in it is safe", pause.until),
		)),
		_ => Ok(()),
	}
}

pub(super) async fn send(args: SendArgs, app: &App) -> Result<()> {
	let (amount, memo) = (micro(args.amount)?, memo(&args.memo)?);
	let mut wallet = args.wallet.open()?;
	let to = address(&args.to, &wallet)?;
	let client = app.connect().await?;
	let payment = Payment {
		recipients: vec![Recipient { to, amount, memo }],
		target: Target::None,
		job: None,
	};
	let paid = pay(&client, &mut wallet, payment, args.yes, app).await?;
	let id = paid.dispatch.payments.first().map(|made| format!("0x{}", hex::encode(made.key)));
	let mut json = paid.json();
	json["to"] = args.to.trim().into();
	json["amount"] = json_amount(amount);
	json["payment"] = id.clone().into();
	app.output.result(&json, || {
		format!(
			"sent in block {} as payment {}",
			paid.included.block.number,
			id.unwrap_or_default()
		)
	})
}

pub(super) async fn unshield(args: UnshieldArgs, app: &App) -> Result<()> {
	let amount = micro(args.amount)?;
	if amount == 0 {
		return Err(Error::Usage("nothing is to be paid".into()));
	}
	let mut wallet = args.wallet.open()?;
	let client = app.connect().await?;
	let target = Target::Account { id: args.to.clone().into(), amount };
	let payment = Payment { recipients: Vec::new(), target, job: None };
	let paid = pay(&client, &mut wallet, payment, args.yes, app).await?;
	let mut json = paid.json();
	json["to"] = output::address(&args.to).into();
	json["amount"] = json_amount(amount);
	app.output.result(&json, || format!("paid in block {}", paid.included.block.number))
}

/// `io wallet pay-job`.
pub(super) async fn job(run: RunArgs, wallet: &WalletArgs, app: &App) -> Result<u8> {
	let yes = run.yes;
	let prepared = Prepared::new(run).await?;
	let mut wallet = wallet.open()?;
	wallet.spend_key()?;
	let client = app.connect().await?;
	let place = async |spec: &JobSpec, follow: bool| {
		place(&client, &mut wallet, spec, yes, follow, app).await
	};
	prepared.submit(&client, app, place).await
}

/// Submits a job in the name of a fresh account, which the bundle pays.
async fn place(
	client: &Client,
	wallet: &mut Wallet,
	spec: &JobSpec,
	yes: bool,
	follow: bool,
	app: &App,
) -> Result<Placed> {
	let (seed, index) = wallet.jobs()?;
	let owner = Client::account_of(&keys::parse(&owner_secret(seed, index))?);
	let amount = client.pool_job_amount(spec).await?;
	let target = Target::Job { owner: owner.clone().into(), spec: spec_hash(spec), amount };
	let payment = Payment { recipients: Vec::new(), target, job: Some(spec.clone()) };
	let paid = pay(client, wallet, payment, yes, app).await?;
	let mut job = None;
	for event in &paid.included.events {
		if let Some(JobEvent::Submitted { job: id, .. }) = JobEvent::read(event)? {
			job = Some(id);
		}
	}
	let job = job.ok_or_else(|| {
		Error::Chain(
			"the bundle was taken without an event JobSubmitted; this is a fault of the chain"
				.into(),
		)
	})?;
	let mut json = paid.json();
	json["type"] = "submitted".into();
	json["job"] = job.into();
	json["requester"] = output::address(&owner).into();
	json["owner_index"] = index.into();
	json["amount"] = json_amount(amount);
	app.output.result(&json, || {
		let hint =
			if follow { String::new() } else { format!("; `io job watch {job}` follows it") };
		format!(
			"job {job} is in block {}{hint}\nits owner is {}: `io wallet job-key {index}` gives its key",
			paid.included.block.number,
			output::address(&owner)
		)
	})?;
	Ok(Placed { job, block: paid.included.block.number })
}

/// Scans, chooses coins, shows the price, asks, proves, sends, waits for the block, and scans again.
async fn pay(
	client: &Client,
	wallet: &mut Wallet,
	payment: Payment,
	yes: bool,
	app: &App,
) -> Result<Paid> {
	wallet.spend_key()?;
	let Scanned { head, pool, .. } = scan::scan(client, wallet, app).await?;
	not_paused(&pool, payment.target != Target::None)?;
	if !pool.unsigned_spends {
		return Err(Error::Chain(
			"the chain takes no unsigned bundles at the moment; try later, the money in the pool is safe".into(),
		));
	}
	let domain = client.pool_domain(&pool)?;
	let selection = choose(client, wallet, &pool, &domain, &payment).await?;
	let leaving = base_units(selection.fee.saturating_add(payment.target.amount()));
	if leaving > pool.outflow_left {
		return Err(Error::Chain(format!(
			"{} would leave the pool, and only {} may leave it now; try less, or tomorrow",
			output::money(leaving),
			output::money(pool.outflow_left)
		)));
	}
	describe(&payment, &selection, app);
	app.output.confirm("Send it?", yes)?;

	let rings = rings_of(client, &selection, &domain, &head).await?;
	let era = era(client, head).await?;
	app.output.note("making the proofs");
	let (bundle, dispatch) = tokio::task::block_in_place(|| {
		prove(wallet, &payment, &selection, &rings, &domain, &pool, era)
	})?;
	let tag = dispatch.tag;
	wallet.ledger_mut().0.dispatch(dispatch.clone());
	if payment.job.is_some() {
		wallet.count_job();
	}
	// Before it is sent: after a crash the coins must not be spent in another bundle, nor the anchors be lost.
	wallet.save()?;
	let stamps = spend::stamps(&bundle, &domain, pool.stamp_bits).take(MAX_STAMPS);
	let pending = match submit(client, &bundle, payment.job.as_ref(), stamps).await {
		Ok(pending) => pending,
		// A node that was not reached may have got it all the same.
		Err(e) if e.is_temporary() => return Err(e.into()),
		Err(e) => {
			wallet.ledger_mut().0.withdraw(&tag);
			wallet.save()?;
			return Err(e.into());
		},
	};
	app.output.note("sent; waiting for a block");
	let included = pending.in_block().await.map_err(|e| match e {
		io_client::Error::NotIncluded => Error::Chain(format!(
			"no block has the bundle yet, and the node may have dropped it. Its coins are reserved until block {}: look \
			 with `io wallet balance`, and try again if they are still there then",
			dispatch.expires
		)),
		e => e.into(),
	})?;
	scan::scan(client, wallet, app).await?;
	Ok(Paid { included, dispatch })
}

/// Sends a bundle with the first stamp for whose place the node's pool has room.
async fn submit(
	client: &Client,
	bundle: &Bundle,
	job: Option<&JobSpec>,
	mut stamps: impl Iterator<Item = u64>,
) -> io_client::Result<Pending> {
	loop {
		let Some(stamp) = tokio::task::block_in_place(|| stamps.next()) else {
			return Err(io_client::Error::NoPlace);
		};
		match client.submit_bundle(bundle, job, stamp).await {
			Err(io_client::Error::NoPlace) => {},
			other => return other,
		}
	}
}

/// Coins for a payment. The node is asked for the fees of all shapes, so that it does not learn which one will come.
async fn choose(
	client: &Client,
	wallet: &Wallet,
	pool: &PoolStatus,
	domain: &Domain,
	payment: &Payment,
) -> Result<Selection> {
	let outputs = spend::outputs(payment.recipients.len());
	let mut fees = BTreeMap::new();
	for (inputs, windows) in [(1, 1), (2, 1), (2, 2), (4, 1), (4, 2)] {
		let shape = Shape { inputs, windows, outputs };
		fees.insert(shape, client.pool_minimum_fee(shape, payment.job.as_ref()).await?);
	}
	let candidates: Vec<Candidate> = wallet
		.ledger()
		.spendable(pool.matured)
		.map(|coin| Candidate {
			coin: coin.number,
			amount: coin.amount,
			windows: rings::windows(domain.size, pool.matured, coin.number),
		})
		.collect();
	let private = payment
		.recipients
		.iter()
		.try_fold(payment.target.amount(), |sum, to| sum.checked_add(to.amount));
	let amount = private.ok_or_else(|| Error::Usage("that is more than there can be".into()))?;
	let fee = |shape: Shape| fees.get(&shape).copied().unwrap_or(u64::MAX);
	select(&candidates, amount, outputs, fee, &mut OsRng)
		.map_err(|e| Error::Chain(too_little(e, &candidates, wallet, pool)))
}

fn too_little(
	error: SelectError,
	candidates: &[Candidate],
	wallet: &Wallet,
	pool: &PoolStatus,
) -> String {
	match error {
		SelectError::Scattered { most } => format!(
			"there is enough, but in too many pieces: one bundle can pay at most {} now. Send that to yourself first, or \
			 pay in parts",
			money(most)
		),
		SelectError::Insufficient { available, needed } => {
			let funds = wallet.ledger().funds(pool.matured);
			let mut text = format!(
				"{} can be spent now, which is not enough for {} with the fee",
				money(available),
				money(needed)
			);
			if funds.maturing > 0 {
				text.push_str(&format!("; {} are not ten blocks old", money(funds.maturing)));
			}
			if funds.reserved > 0 {
				text.push_str(&format!("; {} are in bundles on their way", money(funds.reserved)));
			}
			if candidates.iter().any(|coin| coin.windows.is_empty()) {
				text.push_str(
					"; some coins have to wait until the pool has more to hide them among",
				);
			}
			text
		},
	}
}

fn describe(payment: &Payment, selection: &Selection, app: &App) {
	let what = match &payment.target {
		Target::None => {
			let sum = payment.recipients.iter().map(|to| to.amount).sum();
			format!("send {} privately", money(sum))
		},
		Target::Account { id, amount } => format!(
			"pay {} to {}; account and amount are public",
			money(*amount),
			output::address(&(*id).into())
		),
		Target::Job { amount, .. } => format!(
			"pay {} for the job, in the name of a fresh account; the amount is public",
			money(*amount)
		),
	};
	app.output.note(&format!("{what}, for a fee of {}", money(selection.fee)));
}

/// All coins of the chosen windows, as they were at the scanned block.
async fn rings_of(
	client: &Client,
	selection: &Selection,
	domain: &Domain,
	head: &BlockInfo,
) -> Result<BTreeMap<Window, Vec<Coin>>> {
	let mut rings = BTreeMap::new();
	for (_, window) in &selection.inputs {
		if !rings.contains_key(window) {
			let start = window.start(domain.size);
			let coins = client.pool_coins(start, window.len.into(), Some(head.hash)).await?;
			rings.insert(*window, coins);
		}
	}
	Ok(rings)
}

/// The block that a bundle names: a final one, which cannot vanish.
async fn era(client: &Client, head: BlockInfo) -> Result<BlockInfo> {
	let finalized = client.finalized_block().await?;
	let lag = head.number.saturating_sub(finalized.number);
	Ok(if lag > MAX_FINALITY_LAG { head } else { finalized })
}

fn prove(
	wallet: &Wallet,
	payment: &Payment,
	selection: &Selection,
	rings: &BTreeMap<Window, Vec<Coin>>,
	domain: &Domain,
	pool: &PoolStatus,
	era: BlockInfo,
) -> Result<(Bundle, Dispatch)> {
	let coins = wallet.ledger().coins();
	let inputs: Option<Vec<Input<'_>>> = selection
		.inputs
		.iter()
		.map(|(number, window)| {
			let coin = coins.iter().find(|coin| coin.number == *number)?;
			Some(Input { coin, window: *window, ring: rings.get(window)? })
		})
		.collect();
	let inputs = inputs.ok_or_else(|| Error::Local("a chosen coin has vanished".into()))?;
	let order = Order {
		recipients: &payment.recipients,
		target: payment.target,
		fee: selection.fee,
		fee_to: None,
		era: (era.number, era.hash.0),
		matured: pool.matured,
	};
	spend::make(wallet.spend_key()?, domain, inputs, &order, &mut OsRng).map_err(|e| {
		Error::Chain(format!("no bundle can be made: {e}; scan again, or use another node"))
	})
}
