//! Private payments through the command line: two wallets, a job paid out of the pool, and what the chain shows of it.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use codec::{Compact, Decode, DecodeAll, Encode};
use io_primitives::{Balance, JobId, JobSpec, shielded::PoolStatus};
use io_shielded::{
	Bundle, InputProof, OutputNote, RingSize, Target,
	keys::SpendKey,
	note::{MEMO_LEN, NewNote, Origin},
};
use rand_core::OsRng;
use serde_json::Value;
use sp_core::H256;
use sp_crypto_hashing::blake2_256;
use subxt::rpcs::rpc_params;

use crate::{
	chain::{Chain, decode},
	money::io,
	process::{Finished, free_ports},
	programs,
	worker::Options,
	world::{IO, PRICE, Party, World, private_file},
};

/// Wallets use the first window from this many coins on.
const LEAST: u64 = 64;
/// A window that is not full grows by this many coins.
const STEP: u64 = 32;
/// Blocks until a coin can be spent, and one more.
const MATURITY: u32 = 11;
/// Micro-IO to the smallest unit.
const MICRO: Balance = 1_000_000;

impl Chain {
	/// How the shielded pool stands.
	async fn pool(&self) -> Result<PoolStatus> {
		decode(&self.state_call("IoShieldedApi_pool", &[]).await?)
	}

	/// An extrinsic of a block, by its hash.
	async fn extrinsic(&self, block: H256, hash: H256) -> Result<Vec<u8>> {
		let params = rpc_params![format!("{block:?}")];
		let answer: Value = self.rpc("chain_getBlock", params).await?;
		let list = answer["block"]["extrinsics"].as_array().context("a block without a list")?;
		for extrinsic in list {
			let text = extrinsic.as_str().context("an extrinsic that is no text")?;
			let bytes = hex::decode(text.trim_start_matches("0x"))?;
			if H256(blake2_256(&bytes)) == hash {
				return Ok(bytes);
			}
		}
		bail!("block {block:?} has no extrinsic {hash:?}")
	}
}

/// A wallet's file.
struct Purse {
	path: PathBuf,
	phrase: PathBuf,
	passphrase: PathBuf,
	/// Its first address.
	address: String,
	/// What it must be worth.
	worth: Balance,
}

impl Purse {
	async fn create(world: &World, name: &str) -> Result<Purse> {
		let file = |what: &str| world.dir.join(format!("shielded-{name}.{what}"));
		let mut purse = Purse {
			path: file("wallet"),
			phrase: file("phrase"),
			passphrase: private_file(&file("pass"), "correct horse battery")?,
			address: String::new(),
			worth: 0,
		};
		let phrase = format!("--phrase-out={}", purse.phrase.display());
		let made = purse.run(world, None, &["create", &phrase]).await?.ok("io wallet create")?;
		ensure!(
			!made.text().contains("phrase\":"),
			"the phrase was shown though it went to a file"
		);
		purse.address = text(&json(&made)?, "address")?;
		Ok(purse)
	}

	async fn run(&self, world: &World, account: Option<&Party>, args: &[&str]) -> Result<Finished> {
		let wallet = format!("--wallet={}", self.path.display());
		// `shield` has the key's passphrase beside the wallet's.
		let option = if account.is_some() { "wallet-passphrase" } else { "passphrase" };
		let passphrase = format!("--{option}-file={}", self.passphrase.display());
		let mut all = vec!["--json", "wallet"];
		all.extend(args);
		all.extend([wallet.as_str(), passphrase.as_str()]);
		world.io(account, &all).await
	}

	/// What it has, as it says itself.
	async fn balance(&self, world: &World) -> Result<Balance> {
		let shown = json(&self.run(world, None, &["balance"]).await?.ok("io wallet balance")?)?;
		ensure!(amount(&shown, "reserved")? == 0, "coins are still reserved");
		Ok(amount(&shown, "available")? + amount(&shown, "maturing")?)
	}

	async fn check(&self, world: &World) -> Result<()> {
		let found = self.balance(world).await?;
		ensure!(found == self.worth, "a wallet has {found} instead of {}", self.worth);
		Ok(())
	}
}

fn json(done: &Finished) -> Result<Value> {
	let first = done.stdout.lines().next().context("no output")?;
	serde_json::from_str(first).with_context(|| format!("no JSON: {}", done.stdout))
}

fn text(value: &Value, name: &str) -> Result<String> {
	Ok(value[name].as_str().with_context(|| format!("no {name} in {value}"))?.to_owned())
}

fn amount(value: &Value, name: &str) -> Result<Balance> {
	Ok(text(value, name)?.parse()?)
}

fn hash(value: &Value, name: &str) -> Result<H256> {
	let bytes = hex::decode(text(value, name)?.trim_start_matches("0x"))?;
	let bytes: [u8; 32] = bytes.try_into().ok().context("no hash of 32 bytes")?;
	Ok(H256(bytes))
}

pub(super) async fn run(world: &mut World) -> Result<()> {
	let market = world.market("shielded", 3).await?;
	let before = world.chain.pool().await?;
	let mut ann = Purse::create(world, "ann").await?;
	let mut ben = Purse::create(world, "ben").await?;
	for (to_ann, value) in [(true, 100), (true, 50), (false, 30), (false, 1)] {
		let purse = if to_ann { &mut ann } else { &mut ben };
		let value = value.to_string();
		let args = ["shield", &value, "--yes"];
		let done =
			purse.run(world, Some(&market.requester), &args).await?.ok("io wallet shield")?;
		purse.worth += amount(&json(&done)?, "amount")?;
	}
	// Before there are enough coins for a window, so that it cannot happen to be late enough.
	let early = ann.run(world, None, &["send", &ben.address, "1", "--yes"]).await?;
	let why = ["ten blocks", "has more to hide them among"];
	early.refused("spending coins that are too new, or in no window yet", &why)?;
	let mut strangers = fill(world, &market.requester).await?;
	world.step("two coins of Ann, two of Ben, and those of strangers are in the pool");
	world.chain.pass_blocks(MATURITY).await?;

	let seen = five_payments(world, &mut ann, &mut ben, &market.requester, &mut strangers).await?;
	prove(world, &ann, &ben, &seen).await?;
	leave(world, &mut ben).await?;
	let job = pay_job(world, &mut ann, &market).await?;

	ann.check(world).await?;
	ben.check(world).await?;
	let supply = world.chain.pool().await?.supply;
	let expected = before.supply + strangers + ann.worth + ben.worth;
	ensure!(supply == expected, "the pool is worth {supply} instead of {expected}");
	world.step(format!(
		"to the unit: Ann {} IO, Ben {} IO, strangers {} IO, the pool {} IO, job {job} settled",
		io(ann.worth),
		io(ben.worth),
		io(strangers),
		io(supply)
	));

	restored(world, &ann, &ben).await?;
	double_spend(world, &seen).await?;
	ann.check(world).await?;
	ben.check(world).await
}

/// Adds coins of strangers, worth 1, 2, 3 .. micro-IO, until a window holds all that are there; returns their worth.
async fn fill(world: &World, payer: &Party) -> Result<Balance> {
	let there = world.chain.pool().await?.coins;
	let missing = there.max(LEAST).next_multiple_of(STEP) - there;
	let to = SpendKey::from_seed(&[0x57; 32]).view_key().address(0);
	let origin = Origin::Mint { depositor: payer.account.clone().into() };
	let (pallet, call) = world.chain.call_index("IoShielded", "shield")?;
	for chunk in (1..=missing).collect::<Vec<_>>().chunks(35) {
		let calls: Vec<_> = chunk
			.iter()
			.map(|micro| {
				let note = NewNote::new(&to, *micro, &[0; MEMO_LEN], &origin, &mut OsRng);
				(pallet, call, Compact(Balance::from(*micro) * MICRO), note.mint())
			})
			.collect();
		let batch = crate::chain::encoded_call("Utility", "batch_all", calls.encode());
		world.chain.submit(&batch, &payer.key).await?;
	}
	Ok(Balance::from((1..=missing).sum::<u64>()) * MICRO)
}

/// A private payment as the chain has it.
struct Seen {
	/// The payment's number, which only the wallets know to be one.
	id: String,
	extrinsic: Vec<u8>,
}

async fn five_payments(
	world: &mut World,
	ann: &mut Purse,
	ben: &mut Purse,
	payer: &Party,
	strangers: &mut Balance,
) -> Result<Vec<Seen>> {
	let mut seen = Vec::new();
	for (forth, value, memo) in [
		(true, 20 * IO, "rent"),
		(false, 5 * IO + IO / 4, "change of rent"),
		(true, IO / 1_000, "a bit"),
		(false, 17 * IO, "books"),
		(true, 3 * IO, "invoice 12"),
	] {
		let (from, to) = if forth { (&mut *ann, &mut *ben) } else { (&mut *ben, &mut *ann) };
		let (value_text, memo_text) = (io(value), format!("--memo={memo}"));
		let args = ["send", &to.address, &value_text, &memo_text, "--yes"];
		let done = json(&from.run(world, None, &args).await?.ok("io wallet send")?)?;
		let fee = amount(&done, "fee")?;
		from.worth -= value + fee;
		to.worth += value;
		let block = hash(&done, "block_hash")?;
		let extrinsic = world.chain.extrinsic(block, hash(&done, "extrinsic")?).await?;
		world.step(format!(
			"{} IO go privately, fee {} IO; all that the chain has of it:{}",
			io(value),
			io(fee),
			shown(world, &extrinsic)?
		));
		let key = world.chain.key("System", "Events")?;
		let events = world.chain.storage(&key, block).await?.context("a block without events")?;
		for public in [&extrinsic, &events] {
			hidden(world, public, value, memo, [&from.address, &to.address], payer)?;
		}
		seen.push(Seen { id: text(&done, "payment")?, extrinsic });
		*strangers += fill(world, payer).await?;
		world.chain.pass_blocks(MATURITY).await?;
	}
	ann.check(world).await?;
	ben.check(world).await?;
	let lengths: Vec<usize> = seen.iter().map(|seen| seen.extrinsic.len()).collect();
	ensure!(lengths.iter().all(|len| *len == lengths[0]), "lengths differ: {lengths:?}");
	let history = ben.run(world, None, &["history"]).await?.ok("io wallet history")?;
	for memo in ["rent", "a bit", "invoice 12"] {
		ensure!(history.stdout.contains(memo), "Ben did not get the memo {memo:?}");
	}
	world.step(
		"five payments, back and forth: right to the unit, all of the same length, memos arrived",
	);
	Ok(seen)
}

/// A bundle as everybody sees it, field by field.
fn shown(world: &World, extrinsic: &[u8]) -> Result<String> {
	// Its length, then what says that it is a general transaction of version 5, which nobody signs.
	let mut body = extrinsic;
	Compact::<u32>::decode(&mut body)?;
	ensure!(body.first() == Some(&0x45), "not a general transaction");
	let (pallet, call) = world.chain.call_index("IoShielded", "spend")?;
	// The call is what begins with its index and ends with the extrinsic.
	let arguments = body.windows(2).zip(2..).filter(|(index, _)| **index == [pallet, call]);
	let bundle = arguments
		.filter_map(|(_, at)| <(Bundle, Option<JobSpec>, u64)>::decode_all(&mut &body[at..]).ok())
		.map(|(bundle, ..)| bundle)
		.next()
		.context("no bundle in the extrinsic")?;
	let start = |bytes: &[u8]| format!("{}…", hex::encode(&bytes[..8]));
	let mut lines = vec![format!("{} bytes, signed by nobody", extrinsic.len())];
	for InputProof { window, tag, pseudo, proof } in &bundle.inputs {
		let first = window.start(RingSize::N1024);
		lines.push(format!(
			"spent: one of coins {first} to {}; tag {}, commitment {}, proof of {} bytes",
			window.end(RingSize::N1024) - 1,
			start(tag),
			start(pseudo),
			proof.len()
		));
	}
	for OutputNote { key, commitment, ephemeral, view_tag, ciphertext } in &bundle.outputs {
		lines.push(format!(
			"made: key {}, commitment {}, ephemeral key {}, view tag {}, ciphertext {}",
			start(key),
			start(commitment),
			start(ephemeral),
			hex::encode(view_tag),
			start(ciphertext)
		));
	}
	lines.push(format!(
		"fee {} micro-IO to {:?}, public payment: {:?}, era: block {}, range proof of {} bytes",
		bundle.fee,
		bundle.fee_to,
		bundle.target,
		bundle.era,
		bundle.range_proof.len()
	));
	ensure!(bundle.target == Target::None, "a private payment has a public target");
	Ok(lines.iter().map(|line| format!("\n              {line}")).collect())
}

/// The extrinsic shows neither sender, nor recipient, nor amount, nor memo; and neither do the events of its block.
fn hidden(
	world: &World,
	public: &[u8],
	value: Balance,
	memo: &str,
	addresses: [&String; 2],
	payer: &Party,
) -> Result<()> {
	let micro = u64::try_from(value / MICRO)?;
	let mut secrets: Vec<(String, Vec<u8>)> = vec![
		("the amount".into(), micro.to_le_bytes().to_vec()),
		("the amount in base units".into(), value.to_le_bytes().to_vec()),
		("the memo".into(), memo.as_bytes().to_vec()),
		("who paid in".into(), payer.account.encode()),
	];
	let network = io_shielded::address::Network { live: false, genesis: world.chain.genesis().0 };
	for address in addresses {
		let address = io_shielded::address::Address::decode(address, &network)
			.map_err(|e| anyhow::anyhow!("{address}: {e}"))?;
		for half in address.to_bytes().chunks(32) {
			secrets.push(("a part of an address".into(), half.to_vec()));
		}
	}
	for (what, secret) in secrets {
		let found = public.windows(secret.len()).any(|part| part == secret);
		ensure!(!found, "the chain shows {what}");
	}
	Ok(())
}

/// The payer proves a payment to whom it paid, and the payee too; nobody else is convinced.
async fn prove(world: &World, ann: &Purse, ben: &Purse, seen: &[Seen]) -> Result<()> {
	let payment = &seen.last().context("nothing was paid")?.id;
	for (name, purse) in [("payer", ann), ("payee", ben)] {
		let file = world.dir.join(format!("shielded-{name}.proof"));
		let output = format!("--output={}", file.display());
		let args = ["prove-payment", payment, "--nonce=order 17", &output];
		purse.run(world, None, &args).await?.ok("io wallet prove-payment")?;
		let file = file.display().to_string();
		let verify = ["--json", "wallet", "verify-payment", &file, "--nonce"];
		let good = [&verify[..], &["order 17"]].concat();
		let shown = json(&world.io(None, &good).await?.ok("io wallet verify-payment")?)?;
		ensure!(text(&shown, "proven_by")? == name, "proven by somebody else: {shown}");
		ensure!(amount(&shown, "amount")? == 3 * IO, "another amount: {shown}");
		ensure!(text(&shown, "to")? == ben.address, "another address: {shown}");
		let bad = [&verify[..], &["order 18"]].concat();
		world.io(None, &bad).await?.refused("a proof for another verifier", &["does not hold"])?;
	}
	world
		.step("payer and payee prove the last payment, to the verifier that asked and to no other");
	Ok(())
}

/// Money leaves the pool to an account that nobody has used.
async fn leave(world: &mut World, ben: &mut Purse) -> Result<()> {
	let fresh = Party::new(&world.uri("shielded/fresh"))?;
	let address = sp_core::crypto::Ss58Codec::to_ss58check(&fresh.account);
	let args = ["unshield", &address, "2.5", "--yes"];
	let done = json(&ben.run(world, None, &args).await?.ok("io wallet unshield")?)?;
	ben.worth -= 5 * IO / 2 + amount(&done, "fee")?;
	let books = crate::money::Books::now(&world.chain).await?;
	ensure!(books.total(&fresh.account) == 5 * IO / 2, "the fresh account has another amount");
	world.step("2.5 IO left the pool to a fresh account, to the unit");
	Ok(())
}

async fn pay_job(
	world: &mut World,
	ann: &mut Purse,
	market: &crate::world::Market,
) -> Result<JobId> {
	let mut workers = Vec::new();
	for (i, operator) in market.operators.iter().enumerate() {
		let name = format!("shielded-{i}");
		workers.push(world.real_worker(&name, operator, market.class, Options::default()).await?);
	}
	let keys: Vec<_> = workers.iter().map(|worker| worker.key()).collect();
	world.wait_online(&keys).await?;
	let file = world.dir.join("shielded.wasm");
	std::fs::write(&file, programs::work(2)?)?;
	let [port] = free_ports()?;
	let result = world.dir.join("shielded-output");
	let args = [
		"pay-job".to_owned(),
		file.display().to_string(),
		format!("--class={}", market.class),
		"--max-units=10".into(),
		"--max-memory=64".into(),
		"--max-output=1048576".into(),
		format!("--price={}", io(PRICE)),
		"--replicas=3".into(),
		"--quorum=2".into(),
		"--run-blocks=40".into(),
		"--serve".into(),
		format!("--listen=127.0.0.1:{port}"),
		format!("--output={}", result.display()),
		"--yes".into(),
	];
	let args: Vec<&str> = args.iter().map(String::as_str).collect();
	let done = json(&ann.run(world, None, &args).await?.ok("io wallet pay-job")?)?;
	let paid = amount(&done, "amount")?;
	ann.worth -= paid + amount(&done, "fee")?;
	let job = JobId::try_from(done["job"].as_u64().context("no number of a job")?)?;
	let view = world.job(job).await?;
	let outcome = view.outcome.context("the job has no outcome")?;
	let accounts =
		[&market.requester.account].into_iter().chain(market.operators.iter().map(|o| &o.account));
	ensure!(
		accounts.into_iter().all(|known| *known != view.requester),
		"the owner is a known account"
	);
	ensure!(super::happy::find(&result, "stdout").is_some(), "the job's output is not here");
	// What the job did not use is the owner's, whose key the wallet gives out.
	let key = world.dir.join("shielded-job.key");
	let key_file = format!("--key-file={}", key.display());
	ann.run(world, None, &["job-key", "0", &key_file]).await?.ok("io wallet job-key")?;
	let shown = ["--json", "account", "balance", &key_file];
	let shown = json(&world.io(None, &shown).await?.ok("io account balance")?)?;
	let left = amount(&shown, "free")?;
	ensure!(
		left == paid - outcome.paid - outcome.fee,
		"{left} are left of {paid}, of which {} and {} were used",
		outcome.paid,
		outcome.fee
	);
	world.step(format!(
		"job {job}, paid with {} IO out of the pool, settled; {} IO are left",
		io(paid),
		io(left)
	));
	Ok(job)
}

/// From the phrase, and from the view key, the same comes back.
async fn restored(world: &World, ann: &Purse, ben: &Purse) -> Result<()> {
	let again = Purse {
		path: world.dir.join("shielded-again.wallet"),
		phrase: ann.phrase.clone(),
		passphrase: ann.passphrase.clone(),
		address: ann.address.clone(),
		worth: ann.worth,
	};
	let phrase = format!("--phrase-file={}", again.phrase.display());
	again.run(world, None, &["restore", &phrase]).await?.ok("io wallet restore")?;
	again.check(world).await?;
	let key = format!("--key-file={}", world.dir.join("shielded-again.key").display());
	again.run(world, None, &["job-key", "0", &key]).await?.ok("io wallet job-key")?;
	let watcher = Purse {
		path: world.dir.join("shielded-watch.wallet"),
		phrase: PathBuf::new(),
		passphrase: ben.passphrase.clone(),
		address: ben.address.clone(),
		worth: ben.worth,
	};
	let key = world.dir.join("shielded-ben.view");
	let output = format!("--output={}", key.display());
	ben.run(world, None, &["export-view-key", &output]).await?.ok("io wallet export-view-key")?;
	let key = format!("--view-key-file={}", key.display());
	watcher.run(world, None, &["watch", &key]).await?.ok("io wallet watch")?;
	watcher.check(world).await?;
	watcher
		.run(world, None, &["send", &ann.address, "1", "--yes"])
		.await?
		.refused("spending with a view key", &["only watches"])?;
	world.step("a wallet from the phrase and one from the view key have the same");
	Ok(())
}

/// A bundle that a block has is refused: at once, and after a restart of the node.
async fn double_spend(world: &mut World, seen: &[Seen]) -> Result<()> {
	let Seen { extrinsic, .. } = seen.last().context("nothing was paid")?;
	for restart in [false, true] {
		if restart && !world.node.is_attached() {
			world.restart_node(true, "always").await?;
		}
		let spent = world.chain.error_index("IoShielded", "TagSpent")?;
		let why = match world.chain.submit_bytes(extrinsic).await {
			Ok(_) => bail!("a coin was spent twice"),
			// The number of the error is in what the node says beside its message.
			Err(e) => format!("{e:#} {:?}", e.downcast_ref::<subxt::rpcs::Error>()),
		};
		ensure!(
			why.contains(&format!("Custom error: {spent}")),
			"refused for another reason: {why}"
		);
		let when = if restart { "after a restart of the node" } else { "at once" };
		world.step(format!("the same bundle again is refused {when}: TagSpent"));
	}
	Ok(())
}
