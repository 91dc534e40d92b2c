//! From files and terms to a job on chain.

use std::{
	io::{BufReader, BufWriter, Read, Write},
	path::Path,
};

use io_client::{Client, JobEvent, Keypair};
use io_mesh::seal::{self, ContentKey};
use io_primitives::{
	Balance, JobId, JobSpec, Locator, Locators, MAX_INPUT_BYTES, MAX_PROGRAM_BYTES, Price, Program,
	Verification, job::Args,
};
use serde_json::json;
use sp_core::H256;
use tempfile::NamedTempFile;

use super::{RunArgs, ServeArgs, SpecArgs, SubmitArgs, fetch, show::verification_json, watch};
use crate::{
	App, archive,
	error::{Error, Result},
	mesh::{self, Serving},
	output::{self, json_amount, money},
	serve::{Content, HttpServer, Server, size},
};

/// What every WebAssembly module begins with.
const MAGIC: &[u8; 4] = b"\0asm";

/// The files of a job that are on this machine.
#[derive(Default)]
struct Files {
	program: Option<Content>,
	input: Option<Content>,
	/// The packed or sealed input.
	_temporary: Option<NamedTempFile>,
	/// Key of the sealed input.
	input_key: Option<ContentKey>,
}

impl Files {
	async fn of(args: &SpecArgs) -> Result<Self> {
		let mut files = Self::default();
		if let Some(path) = &args.program {
			check_program(path)?;
			files.program = Some(Content::of(path).await?);
		}
		if let Some(path) = &args.input {
			let (content, packed) = content(path).await?;
			if content.len > MAX_INPUT_BYTES {
				return Err(Error::Usage(format!(
					"the input has {}; a job takes at most {}",
					size(content.len),
					size(MAX_INPUT_BYTES)
				)));
			}
			// An empty input is none: workers do not fetch it.
			files.input = Some(content).filter(|content| content.len > 0);
			files._temporary = packed;
		}
		Ok(files)
	}

	/// Encrypts the input under a fresh key.
	async fn seal_input(&mut self) -> Result<()> {
		let Some(plain) = self.input.take() else { return Ok(()) };
		let key = ContentKey::generate().map_err(|e| Error::Local(e.to_string()))?;
		let (path, cipher) = (plain.path, key.clone());
		let sealed = tokio::task::spawn_blocking(move || seal_file(&cipher, &path))
			.await
			.map_err(|e| Error::Local(format!("sealing was broken off: {e}")))??;
		let content = Content::of(sealed.path()).await?;
		if content.len > MAX_INPUT_BYTES {
			return Err(Error::Usage("the input is too large to be sealed".into()));
		}
		self.input = Some(content);
		self._temporary = Some(sealed);
		self.input_key = Some(key);
		Ok(())
	}

	fn contents(&self) -> impl Iterator<Item = Content> {
		self.program.iter().chain(&self.input).cloned().collect::<Vec<_>>().into_iter()
	}
}

fn seal_file(key: &ContentKey, path: &Path) -> Result<NamedTempFile> {
	let temporary = "a temporary file";
	let plain = std::fs::File::open(path).map_err(Error::file("open", path))?;
	let sealed = NamedTempFile::new().map_err(Error::file("make", temporary))?;
	let mut writer = BufWriter::new(sealed.as_file());
	seal::seal(key, &mut BufReader::new(plain), &mut writer)
		.map_err(|e| Error::Local(format!("the input cannot be sealed: {e}")))?;
	writer.flush().map_err(Error::file("write", temporary))?;
	drop(writer);
	Ok(sealed)
}

/// A file as it is, a directory packed.
async fn content(path: &Path) -> Result<(Content, Option<NamedTempFile>)> {
	if !path.is_dir() {
		return Ok((Content::of(path).await?, None));
	}
	let dir = path.to_owned();
	let packed = tokio::task::spawn_blocking(move || archive::pack(&dir))
		.await
		.map_err(|e| Error::Local(format!("packing was broken off: {e}")))??;
	Ok((Content::of(packed.path()).await?, Some(packed)))
}

fn check_program(path: &Path) -> Result<()> {
	let file = std::fs::File::open(path).map_err(Error::file("open the program", path))?;
	let len = file.metadata().map_err(Error::file("read the program", path))?.len();
	if len > MAX_PROGRAM_BYTES {
		return Err(Error::Usage(format!(
			"the program has {}; workers take at most {}",
			size(len),
			size(MAX_PROGRAM_BYTES)
		)));
	}
	let mut magic = [0; 4];
	let read = file.take(4).read_exact(&mut magic);
	if read.is_err() || &magic != MAGIC {
		return Err(Error::Usage(format!(
			"{} is no WebAssembly module; compile the program for wasm32-wasi",
			path.display()
		)));
	}
	Ok(())
}

/// The job as the chain takes it.
fn spec(
	args: &SpecArgs,
	files: &Files,
	server: Option<&Server>,
	encryption: Option<[u8; 32]>,
) -> Result<JobSpec> {
	let program = files.program.as_ref().map(|content| content.hash).or(args.program_hash);
	let program = program
		.ok_or_else(|| Error::Usage("a program is needed: a file, or --program-hash".into()))?;
	let (input, input_len) = match (&files.input, args.input_hash, args.input_len) {
		(Some(content), ..) => (content.hash, content.len),
		(None, Some(hash), Some(len)) => (hash, len),
		_ => (H256::zero(), 0),
	};
	let served = |content: &Option<Content>| {
		let places = server.zip(content.as_ref());
		places.map(|(server, content)| server.places(&content.hash)).unwrap_or_default()
	};
	let (n, quorum) = (args.replicas, quorum(args.replicas, args.quorum)?);
	Ok(JobSpec {
		program: Program::Wasm { hash: program },
		program_at: locators("--program-url", served(&files.program), &args.program_url)?,
		input_at: locators("--input-url", served(&files.input), &args.input_url)?,
		input,
		input_len,
		args: arguments(&[&args.args[..], &args.trailing[..]].concat())?,
		class: args.class,
		max_units: args.max_units,
		max_memory: args.max_memory,
		max_output: args.max_output,
		price_per_unit: args.price,
		replicas: n,
		quorum,
		run_blocks: args.run_blocks,
		encryption,
		min_perf: args.min_perf.unwrap_or(0),
		verification: Verification::Quorum,
	})
}

/// How many results have to be equal: as wanted, or more than half of the replicas.
pub(super) fn quorum(replicas: u8, wanted: Option<u8>) -> Result<u8> {
	let fewest = replicas / 2 + 1;
	let quorum = wanted.unwrap_or(fewest);
	if (fewest..=replicas).contains(&quorum) {
		Ok(quorum)
	} else {
		Err(Error::Usage(format!(
			"--quorum {quorum} does not fit {replicas} replicas: it is {fewest} to {replicas}"
		)))
	}
}

pub(super) fn locators(name: &str, served: Vec<String>, urls: &[String]) -> Result<Locators> {
	let list = served
		.iter()
		.chain(urls)
		.map(|url| {
			Locator::try_from(url.clone().into_bytes())
				.map_err(|_| Error::Usage(format!("{url} is too long; the chain takes 256 bytes")))
		})
		.collect::<Result<Vec<_>>>()?;
	Locators::try_from(list)
		.map_err(|_| Error::Usage(format!("too many of {name}: the chain takes 4 in all")))
}

fn arguments(args: &[String]) -> Result<Args> {
	let list = args
		.iter()
		.map(|arg| {
			arg.clone().into_bytes().try_into().map_err(|_| {
				Error::Usage(format!(
					"an argument has {} bytes; at most 256 are possible",
					arg.len()
				))
			})
		})
		.collect::<Result<Vec<_>>>()?;
	Args::try_from(list).map_err(|_| {
		Error::Usage(format!("there are {} arguments; at most 32 are possible", args.len()))
	})
}

fn price_json(price: &Price) -> serde_json::Value {
	json!({
		"work": json_amount(price.work),
		"fee": json_amount(price.fee),
		"deposit": json_amount(price.deposit),
		"total": json_amount(total(price)),
		"bond_per_replica": json_amount(price.bond_per_replica),
	})
}

fn total(price: &Price) -> Balance {
	price.work.saturating_add(price.fee).saturating_add(price.deposit)
}

fn price_text(price: &Price, spec: &JobSpec) -> String {
	output::list([
		(
			"work, at most",
			format!(
				"{} ({} x {} x {})",
				money(price.work),
				output::count(spec.replicas.into(), "replica"),
				output::count(spec.max_units, "unit"),
				money(spec.price_per_unit)
			),
		),
		("fee, at most", money(price.fee)),
		("deposit, given back", money(price.deposit)),
		("on hold until the end", money(total(price))),
		("bond of each worker", money(price.bond_per_replica)),
	])
}

pub(super) async fn quote(args: SpecArgs, app: &App) -> Result<()> {
	let files = Files::of(&args).await?;
	let mut spec = spec(&args, &files, None, None)?;
	// The deposit depends on the length of the URLs; those of a content server of our own are the usual ones.
	let stand_in = |hash: &H256| {
		let url = format!("http://255.255.255.255:65535/v1/content/{}", hex::encode(hash));
		locators("--program-url", vec![url], &[])
	};
	if spec.program_at.is_empty()
		&& let Program::Wasm { hash } = &spec.program
	{
		spec.program_at = stand_in(hash)?;
	}
	if spec.input_at.is_empty() && spec.input_len > 0 {
		spec.input_at = stand_in(&spec.input)?;
	}
	let client = app.connect().await?;
	let price = client.quote(&spec).await?;
	app.output.result(&price_json(&price), || price_text(&price, &spec))
}

/// A job that is on chain.
pub(crate) struct Placed {
	pub(crate) job: JobId,
	/// The block of its submission.
	pub(crate) block: u32,
}

/// Shows the price, asks, and submits the job. `follow` says whether this command goes on with it.
pub(super) async fn place(
	client: &Client,
	signer: &Keypair,
	spec: &JobSpec,
	yes: bool,
	follow: bool,
	app: &App,
) -> Result<Placed> {
	let price = client.quote(spec).await?;
	let account = Client::account_of(signer);
	let free = client.balance(&account).await?.free;
	app.output.note(&price_text(&price, spec));
	if free < total(&price) {
		return Err(Error::Chain(format!(
			"{} has {} free, and {} would go on hold: pay less, or add money",
			output::address(&account),
			money(free),
			money(total(&price))
		)));
	}
	app.output.confirm("Submit the job?", yes)?;

	let call = client.call("IoJobs", "submit", spec).await?;
	let pending = client.submit(&call, signer).await?;
	app.output.note("sent; waiting for a block");
	let included = pending.in_block().await?;
	let mut job = None;
	for event in &included.events {
		if let Some(JobEvent::Submitted { job: id, .. }) = JobEvent::read(event)? {
			job = Some(id);
		}
	}
	let job = job.ok_or_else(|| {
		Error::Chain("the transaction succeeded without an event JobSubmitted; is this a chain of IO Network?".into())
	})?;
	let program = match &spec.program {
		Program::Wasm { hash } => Some(output::hash(hash)),
		_ => None,
	};
	let json = json!({
		"type": "submitted",
		"job": job,
		"requester": output::address(&account),
		"block": included.block.number,
		"block_hash": output::hash(&included.block.hash),
		"extrinsic": output::hash(&included.hash),
		"program": program,
		"input": output::hash(&spec.input),
		"input_len": spec.input_len,
		"verification": verification_json(&spec.verification),
		"price": price_json(&price),
	});
	app.output.result(&json, || {
		let hint =
			if follow { String::new() } else { format!("; `io job watch {job}` follows it") };
		format!("job {job} is in block {}{hint}", included.block.number)
	})?;
	Ok(Placed { job, block: included.block.number })
}

pub(super) async fn submit(args: SubmitArgs, app: &App) -> Result<u8> {
	let SubmitArgs { run, key } = args;
	let yes = run.yes;
	let prepared = Prepared::new(run).await?;
	let (client, signer) = key.connect(app).await?;
	let place =
		async |spec: &JobSpec, follow: bool| place(&client, &signer, spec, yes, follow, app).await;
	prepared.submit(&client, app, place).await
}

/// A job whose files were looked at. That needs no node.
pub(crate) struct Prepared {
	args: RunArgs,
	files: Files,
}

impl Prepared {
	pub(crate) async fn new(args: RunArgs) -> Result<Self> {
		let mut files = Files::of(&args.spec).await?;
		check_reachable(&args, &files)?;
		if args.sealed {
			if args.spec.input_hash.is_some() {
				return Err(Error::Usage(
					"--sealed encrypts an input of this machine: name it with --input".into(),
				));
			}
			files.seal_input().await?;
		}
		if let Some(dir) = &args.output {
			fetch::check_directory(dir, args.overwrite)?;
		}
		Ok(Self { args, files })
	}

	/// Serves, submits, follows and fetches, as the arguments say. `place` pays for the job and puts it on the chain; it is
	/// told whether this command goes on with it.
	pub(crate) async fn submit(
		self,
		client: &Client,
		app: &App,
		place: impl AsyncFnOnce(&JobSpec, bool) -> Result<Placed>,
	) -> Result<u8> {
		let Self { args, files } = self;
		let contents = files.contents();
		let server = if args.mesh {
			let key = files.input_key.clone();
			Some(Server::Mesh(Serving::start(&args.mesh_args, client, contents, key).await?))
		} else if args.serve {
			let url = args.public_url.as_deref();
			Some(Server::Http(HttpServer::start(args.listen, url, contents).await?))
		} else {
			None
		};
		let encryption = if args.sealed {
			let secret = args.mesh_args.identity()?.x25519();
			Some(seal::public_key(&secret).map_err(|e| Error::Local(e.to_string()))?)
		} else {
			None
		};
		let spec = spec(&args.spec, &files, server.as_ref(), encryption)?;
		let follow = args.watch || args.serve || args.output.is_some();
		let Placed { job, block } = place(&spec, follow).await?;
		if !follow {
			return Ok(0);
		}
		let outcome = watch::follow(client, job, block, server.as_ref(), None, app).await?;
		let status = watch::status(&outcome);
		if let Some(dir) = &args.output
			&& outcome.state == io_primitives::JobState::Settled
		{
			let options = fetch::Options {
				dir,
				overwrite: args.overwrite,
				allow_private: args.allow_private,
				from: &[],
				mesh: mesh::Fetcher::new(
					&args.mesh_args,
					client,
					server.as_ref().and_then(Server::node),
				),
			};
			fetch::fetch_outcome(client, &outcome, options, app).await?;
		}
		Ok(status)
	}
}

/// Workers must find the files somewhere.
fn check_reachable(args: &RunArgs, files: &Files) -> Result<()> {
	if args.serve {
		return if files.contents().next().is_some() {
			Ok(())
		} else {
			Err(Error::Usage(
				"--serve has nothing to serve: neither program nor input is a file here".into(),
			))
		};
	}
	for (name, file, urls) in [
		("program", &files.program, &args.spec.program_url),
		("input", &files.input, &args.spec.input_url),
	] {
		if file.is_some() && urls.is_empty() {
			return Err(Error::Usage(format!(
				"workers cannot get the {name} from this machine: add --serve, or --{name}-url if it is somewhere else too"
			)));
		}
	}
	Ok(())
}

/// `io serve`.
pub(crate) async fn serve(args: ServeArgs, app: &App) -> Result<()> {
	let mut contents = Vec::new();
	let mut packed = Vec::new();
	for path in &args.paths {
		let (content, file) = content(path).await?;
		contents.push((path.display().to_string(), content));
		packed.extend(file);
	}
	let server = HttpServer::start(
		args.listen,
		args.public_url.as_deref(),
		contents.iter().map(|(_, content)| content.clone()),
	)
	.await?;
	let json = json!({
		"contents": contents
			.iter()
			.map(|(path, content)| json!({
				"path": path,
				"hash": output::hash(&content.hash),
				"len": content.len,
				"url": server.url(&content.hash),
			}))
			.collect::<Vec<_>>(),
	});
	app.output.result(&json, || {
		contents
			.iter()
			.map(|(path, content)| {
				format!("{path} ({})\n  {}", size(content.len), server.url(&content.hash))
			})
			.collect::<Vec<_>>()
			.join("\n")
	})?;
	app.output.note("serving until Ctrl-C");
	tokio::signal::ctrl_c().await.map_err(Error::file("wait for", "Ctrl-C"))?;
	app.output.note(&format!("{} were sent", size(server.sent())));
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_refuse_program_when_it_is_no_module() {
		let dir = tempfile::tempdir().unwrap();
		for bytes in [&b""[..], b"\0as", b"#!/bin/sh\n"] {
			let path = dir.path().join("program");
			std::fs::write(&path, bytes).unwrap();
			assert!(matches!(check_program(&path), Err(Error::Usage(_))));
		}
		let path = dir.path().join("module.wasm");
		std::fs::write(&path, b"\0asm\x01\0\0\0").unwrap();
		assert!(check_program(&path).is_ok());
		assert!(matches!(check_program(&dir.path().join("none")), Err(Error::File { .. })));
	}

	#[test]
	fn should_refuse_arguments_when_they_are_too_long_or_too_many() {
		assert!(arguments(&["x".repeat(256)]).is_ok());
		assert!(arguments(&["x".repeat(257)]).is_err());
		assert!(arguments(&vec![String::new(); 32]).is_ok());
		assert!(arguments(&vec![String::new(); 33]).is_err());
	}
}
