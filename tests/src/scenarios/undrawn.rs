//! A sealed job, and a worker that was not drawn for it but wants to read the input. All that it tries is tried by one that was drawn,
//! too, and works there.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use io_mesh::{
	ContentAt, Error, ListedRelay, Mesh, MeshSession, PeerAddress,
	blob::{self, Content, FetchConfig},
	error::Refusal,
	job::{Body, say},
	lanes::{Identity, LaneOptions, NamedRelay},
	seal::{self, ContentKey, Purpose, SEALED_KEY, Sealed, SealedKey},
	session::SessionConfig,
};
use io_primitives::{JobId, JobState, WorkerKey};
use io_worker::{
	config::Config,
	journal::Journal,
	keystore::{self, Keys},
};

use super::{
	happy::find,
	mesh::{Place, RUN_BLOCKS, begin},
};
use crate::{
	programs,
	worker::{Options, RealWorker},
	world::World,
};

/// Work of the program, so that its workers still run while the other one tries.
const UNITS: u64 = 60;
/// The input, so often that it takes two records.
const SECRET: &[u8] = b"a secret line\n";
const REPEATS: usize = 8_000;
/// Time for a relay to let an endpoint in.
const ONLINE: Duration = Duration::from_secs(20);
/// Time for a peer to answer.
const PATIENCE: Duration = Duration::from_secs(6);

/// A node of the mesh with the keys of somebody.
struct Guise(Mesh);

impl Guise {
	/// Waits until the relays have let it in.
	async fn new(identity: &Identity, relays: &[ListedRelay]) -> Result<Guise> {
		let list = io_mesh::RelayList::new(relays.to_vec());
		let options = LaneOptions { direct: false, proxy: None };
		let mut builder = Mesh::builder().relays(list.clone());
		for lane in identity.open(relays, &list, &options).await? {
			lane.online(ONLINE).await.context("a relay keeps a registered endpoint out")?;
			builder = builder.lane(lane);
		}
		Ok(Guise(builder.start()?))
	}

	fn session(&self, to: &PeerAddress) -> MeshSession {
		self.0.session(to, SessionConfig { patience: PATIENCE })
	}

	/// Asks a peer for a content.
	async fn ask(&self, of: &PeerAddress, content: Content, to: &Path) -> Result<(), Error> {
		let session = self.session(of);
		blob::describe(&session, content.hash, content.size).await?;
		blob::fetch(&[&session], content, to, FetchConfig { patience: PATIENCE }).await.map(drop)
	}
}

/// It failed because the peer does not let such an endpoint in, and for no other reason.
fn kept_out(what: &str, result: Result<(), Error>) -> Result<()> {
	match result {
		Err(Error::Unreachable(why)) if why.contains("not admitted") => Ok(()),
		Err(error) => bail!("{what} failed, but for another reason: {error}"),
		Ok(()) => bail!("{what} worked"),
	}
}

/// It failed because the key does not fit, and for no other reason.
fn locked<T>(what: &str, result: Result<T, seal::Error>) -> Result<()> {
	match result {
		Err(seal::Error::Authentication) => Ok(()),
		Err(error) => bail!("{what} failed, but for another reason: {error}"),
		Ok(_) => bail!("{what} worked"),
	}
}

fn settings(worker: &RealWorker) -> Result<Config> {
	Ok(Config::load(Some(&worker.dir().join("config.toml")))?)
}

/// The keys of a worker, as its owner opens them.
fn keys(worker: &RealWorker) -> Result<Keys> {
	let passphrase = std::fs::read(worker.dir().join("passphrase"))?;
	Ok(keystore::open(&settings(worker)?.keystore_path(), &passphrase)?)
}

/// The key of the input that a worker was given.
fn handed_out(worker: &RealWorker, job: JobId) -> Result<SealedKey> {
	let (_, opened) = Journal::open(&settings(worker)?.journal_path(), worker.key(), None)?;
	let record = opened.live.into_iter().find(|record| record.execution.job == job);
	record.and_then(|record| record.guest?.input_key).context("the worker was given no key")
}

fn opened(key: &ContentKey, sealed: &Path) -> Result<Vec<u8>, seal::Error> {
	let (mut from, mut plain) = (std::fs::File::open(sealed)?, Vec::new());
	seal::open(key, &mut from, &mut plain, u64::MAX)?;
	Ok(plain)
}

fn address(text: &[u8]) -> Result<PeerAddress> {
	Ok(std::str::from_utf8(text)?.parse::<ContentAt>()?.peer)
}

pub(super) async fn run(world: &mut World) -> Result<()> {
	let mut place = Place::new(world, "undrawn", 3, Options::default()).await?;
	let (program, input) = (world.dir.join("undrawn.wasm"), world.dir.join("undrawn.input"));
	std::fs::write(&program, programs::copies_then_works(UNITS)?)?;
	std::fs::write(&input, SECRET.repeat(REPEATS))?;
	let output = world.dir.join("undrawn-output");
	let to = format!("--output={}", output.display());
	let args =
		place.submit(&program, Some(&input), &["--replicas=2", "--quorum=2", "--sealed", &to]);
	let (mut submitting, job) = begin(world, &place.market, args).await?;

	// What follows is on chain for everybody.
	let view = world.job(job).await?;
	let spec = view.spec.context("the job has ended already")?;
	let drawn: Vec<WorkerKey> =
		view.replicas.iter().filter_map(|replica| Some(replica.seat.as_ref()?.worker)).collect();
	let requester = address(spec.input_at.first().context("the job names no input")?)?;
	let content = Content { hash: spec.input.0, size: spec.input_len };
	place.workers.sort_by_key(|worker| {
		drawn.iter().position(|key| *key == worker.key()).unwrap_or(drawn.len())
	});
	let [first, second, undrawn] = &mut place.workers[..] else { bail!("not three workers") };
	ensure!(drawn == [first.key(), second.key()], "the chain drew {drawn:?}");
	let view = world.chain.worker(&second.key()).await?.context("no second worker")?;
	let second = address(view.profile.endpoints.first().context("the worker is not in the mesh")?)?;

	// This program takes the places of two workers.
	first.process()?.kill().await?;
	undrawn.process()?.terminate(Duration::from_secs(20)).await?;
	let (first_keys, undrawn_keys) = (keys(first)?, keys(undrawn)?);
	let relays = place.relays.iter().map(|relay| Ok(relay.url().parse::<NamedRelay>()?.listed()));
	let relays = relays.collect::<Result<Vec<_>>>()?;
	let drawn = Guise::new(first_keys.identity(), &relays).await?;
	let thief = Guise::new(undrawn_keys.identity(), &relays).await?;
	let ciphertext = world.dir.join("undrawn-ciphertext");
	let stolen = world.dir.join("undrawn-stolen");
	kept_out("asking the requester", thief.ask(&requester, content, &stolen).await)?;
	kept_out("asking a drawn worker", thief.ask(&second, content, &stolen).await)?;
	ensure!(!stolen.exists(), "something came to the undrawn worker");
	drawn
		.ask(&requester, content, &ciphertext)
		.await
		.context("asking with a drawn worker's keys")?;
	world.step(format!(
		"job {job}: relays let the undrawn worker in, but requester and workers keep it out; with a drawn worker's keys the \
		 {} bytes come",
		content.size
	));

	// Somebody gives it these bytes, and another's key of them.
	let purpose = Purpose { genesis: world.chain.genesis().0, job, content: Sealed::Input };
	let key = handed_out(first, job)?;
	let plain = opened(&first_keys.open_key(&key, &purpose)?, &ciphertext)?;
	ensure!(plain == std::fs::read(&input)?, "a drawn worker's key opens something else");
	locked("opening another's key", undrawn_keys.open_key(&key, &purpose))?;
	let sealed = std::fs::read(&ciphertext)?;
	let head = sealed.first_chunk::<SEALED_KEY>().context("the input is too short")?;
	locked("opening the input as a letter", undrawn_keys.open_key(head, &purpose))?;
	locked("opening with a key of its own", opened(&ContentKey::generate()?, &ciphertext))?;
	let other = Purpose { job: job + 1, ..purpose };
	locked("opening a key for another job", first_keys.open_key(&key, &other))?;
	world.step(
		"the undrawn worker can open neither the bytes nor the key of a drawn one, which opens both",
	);

	// The message with that key, said again.
	let say_to_second =
		async |who: &Guise| say(&who.session(&second), job, 1, Body::Key(key)).await;
	kept_out("replaying the key", say_to_second(&thief).await)?;
	let mut seed = [0; 32];
	hex::decode_to_slice(std::fs::read_to_string(&place.key)?.trim(), &mut seed)?;
	let owner = Guise::new(&Identity::new(seed).other("tunnel"), &relays).await?;
	let answer = say_to_second(&owner).await;
	ensure!(
		matches!(answer, Err(Error::Refused(Refusal::Request))),
		"a worker was given the key of another, and said {answer:?}"
	);
	world.step(
		"its message, replayed, is not heard; from the requester it is, but another's key is refused",
	);

	for guise in [drawn, thief, owner] {
		guise.0.close().await;
	}
	world.start_worker(first).await?;
	world.wait_end(job, world.job_limit(RUN_BLOCKS)).await?;
	let status = submitting.wait(Duration::from_secs(60)).await?;
	ensure!(status.success(), "io job submit: {status}, {}", submitting.output());
	let came = std::fs::read(find(&output, "stdout").context("the output has no stdout")?)?;
	ensure!(came == plain, "the output is not the input");
	ensure!(world.job(job).await?.state == JobState::Settled, "the job is not settled");
	world.nobody_was_slashed(&place.market)?;
	world.step("the two drawn workers settled the job");
	Ok(())
}
