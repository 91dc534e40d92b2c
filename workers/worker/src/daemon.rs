//! The running worker: its parts put together, and stopped in order.

use std::{
	os::unix::fs::DirBuilderExt,
	path::PathBuf,
	sync::Arc,
	time::{Duration, Instant},
};

use io_executor::Executor;
use io_primitives::WorkerKey;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::AbortOnDropHandle;

use crate::{
	agent::{Agent, Settings},
	attest::{self, Attester, product::Products},
	config::{self, Config, MIB},
	content::{self, Bounds, Place, Store},
	devices, direct,
	fetch::{self, Fetcher},
	gateway,
	journal::{self, Journal},
	kernel::{self, Kernels},
	keystore::Keys,
	mesh::{
		self,
		guests::Guests,
		relays::{self, Relays},
	},
	metrics::Metrics,
	net::{BindError, Guarded, bind},
	runner::Runner,
};

/// Connections of the gateway at the same time: a node's, and some of the owner's.
const GATEWAY_CONNECTIONS: usize = 64;
/// Connections on which nothing moves for so long are closed.
const IDLE: Duration = Duration::from_secs(30);
/// How often the disk is looked at.
const DISK_EVERY: Duration = Duration::from_secs(5);
/// How often the log tells how programs get on.
const REPORT_EVERY: Duration = Duration::from_secs(15);
/// How often it is looked whether programs run, for which devices give way.
const BUSY_EVERY: Duration = Duration::from_millis(50);
/// How often the roots of a growing chain are written to disk.
const SAVE_EVERY: Duration = Duration::from_secs(10);
/// How often old things are removed.
const TIDY_EVERY: Duration = Duration::from_secs(600);

/// Pause before a node that did not answer is asked again.
const NODE_AGAIN: Duration = Duration::from_secs(5);

/// Why the worker does not start, or stopped by itself.
#[derive(thiserror::Error, Debug)]
pub enum Error {
	/// The settings.
	#[error(transparent)]
	Config(#[from] config::Error),
	/// The data folder.
	#[error("cannot use the data folder {}: {source}", path.display())]
	DataDir {
		/// Which folder.
		path: PathBuf,
		/// Why.
		source: std::io::Error,
	},
	/// The journal.
	#[error(transparent)]
	Journal(#[from] journal::Error),
	/// The content store.
	#[error(transparent)]
	Content(#[from] content::Error),
	/// The HTTP client.
	#[error(transparent)]
	Fetch(#[from] fetch::Error),
	/// The engine.
	#[error("the execution engine does not start: {0}")]
	Executor(#[from] io_executor::Error),
	/// A device that proves its power or multiplies for jobs.
	#[error(transparent)]
	Devices(#[from] devices::Error),
	/// The mesh.
	#[error(transparent)]
	Mesh(#[from] mesh::Error),
	/// A port.
	#[error(transparent)]
	Bind(#[from] BindError),
	/// The system.
	#[error("{what}: {source}")]
	System {
		/// What failed.
		what: &'static str,
		/// Why.
		source: std::io::Error,
	},
}

/// Makes the data folder, readable for its owner only.
pub fn make_data_dir(config: &Config) -> Result<(), Error> {
	std::fs::DirBuilder::new()
		.recursive(true)
		.mode(0o700)
		.create(&config.data_dir)
		.map_err(|source| Error::DataDir { path: config.data_dir.clone(), source })
}

/// Opens the content store that the settings describe.
pub fn open_store(config: &Config) -> Result<Store, content::Error> {
	let bounds = Bounds {
		cache: config.content.cache_mib.saturating_mul(MIB),
		output: config.content.output_mib.saturating_mul(MIB),
		keep_output: keep_output(config),
		min_free: config.min_free(),
	};
	Store::open(&config.data_dir, bounds)
}

fn keep_output(config: &Config) -> Duration {
	Duration::from_secs(config.content.keep_output_hours.saturating_mul(3600))
}

/// Makes the engine that the settings describe.
pub fn make_executor(config: &Config) -> Result<Executor, io_executor::Error> {
	let mut settings = io_executor::Config::default();
	settings.compile_cache = Some(config.data_dir.join("compiled"));
	Executor::new(settings)
}

/// Makes the kernels on the devices that the settings name. Programs that run at the same time share the CPU's cores.
pub fn make_kernels(config: &Config, worker: WorkerKey) -> Result<Kernels, Error> {
	let found = devices::chosen(&config.run.devices, 0)?;
	let cores = std::thread::available_parallelism().map_or(1, usize::from);
	let device = kernel::device(&found, cores / usize::from(config.capacity.max(1)));
	tracing::info!(device = device.name(), "products of matrices are computed on");
	Ok(Kernels::new(device, Products::new(&config.data_dir), worker))
}

/// Makes the part that proves computing power, as the settings describe it.
fn make_attester(config: &Config, keys: Keys) -> Result<Attester, Error> {
	let (journal, opened) = attest::journal::Journal::open(
		&config.attest_journal_path(),
		keys.worker(),
		config.genesis()?,
	)?;
	for damage in &opened.damaged {
		tracing::error!("the journal of attestation was damaged; set aside: {damage}");
	}
	// Without them there is nothing to leave with, but audits of what was committed to are still answered.
	let found = match devices::chosen(&config.attestation.devices, config.attestation.threads) {
		Ok(found) => found,
		Err(error) if !config.attestation.enabled => {
			tracing::warn!(%error, "a device is left out");
			Vec::new()
		},
		Err(error) => return Err(error.into()),
	};
	let settings = attest::Settings {
		enabled: config.attestation.enabled,
		stake_percent: config.attestation.stake_percent,
		save_every: SAVE_EVERY,
	};
	let devices = found.iter().filter_map(devices::Found::device).collect();
	let products = Products::new(&config.data_dir);
	Attester::new(keys, journal, opened.book, products, devices, settings)
		.map_err(|source| Error::System { what: "cannot start the threads of devices", source })
}

/// Runs the worker until it is told to stop.
pub async fn run(config: Config, keys: Keys) -> Result<(), Error> {
	config.check()?;
	make_data_dir(&config)?;
	let (journal, opened) =
		Journal::open(&config.journal_path(), keys.worker(), config.genesis()?)?;
	for damage in &opened.damaged {
		tracing::error!("the journal was damaged; set aside: {damage}");
	}
	if let Some(path) = &opened.moved_to {
		tracing::error!(path = %path.display(), "the damaged journal was moved; unfinished jobs are done again");
	}
	for record in &opened.live {
		tracing::info!(execution = %record.execution, stage = ?record.stage, "going on");
	}
	let store = open_store(&config)?;
	let executor = make_executor(&config)?;
	let gateway_socket = bind("gateway", config.gateway.listen).await?;
	let system = |what| move |source| Error::System { what, source };
	let gateway_bound = gateway_socket.local_addr().map_err(system("gateway"))?;
	let guests = Guests::default();
	let node = join_mesh(&config, &keys, &guests, &store).await?;
	let (outputs, content_socket) = match &node {
		// Nobody could reach the server of outputs.
		Some(node) if config.content.public_url.is_none() => {
			(Place::Mesh(node.address().clone()), None)
		},
		_ => {
			let socket = bind("content server", config.content.listen).await?;
			let bound = socket.local_addr().map_err(system("content server"))?;
			(Place::Http(config.public_url(bound)), Some(socket))
		},
	};
	if node.is_none() && config.content.public_url.is_none() {
		tracing::warn!(
			url = %outputs,
			"neither content.public_url nor mesh.relays is set: only this machine can fetch outputs"
		);
	}
	let fetcher = Fetcher::new(config.fetch.clone(), store.clone(), node.clone())?;
	if config.fetch.allow_private_addresses {
		tracing::warn!(
			"fetch.allow_private_addresses is set: jobs may reach into this machine's network"
		);
	}

	let attester = make_attester(&config, keys.clone())?;
	let kernels = make_kernels(&config, keys.worker())?;
	let (capacity, run) = (config.capacity, config.run.clone());
	let runner =
		Runner::new(executor, kernels, keys.clone(), store.clone(), fetcher, capacity, run);
	let settings = Settings {
		capacity: config.capacity,
		accept_margin: config.chain.accept_margin_blocks,
		outputs: outputs.clone(),
	};
	let agent = Agent::new(
		keys,
		journal,
		opened.live,
		guests,
		runner,
		Metrics::default(),
		settings,
		tokio::runtime::Handle::current(),
	)?;
	if let Some(node) = &node {
		node.attach(agent.clone());
	}
	check_disk(&agent).await;

	let mut terminate = signal(SignalKind::terminate()).map_err(system("SIGTERM"))?;
	let mut interrupt = signal(SignalKind::interrupt()).map_err(system("SIGINT"))?;
	let gateway_guard = Guarded::new(gateway_socket, GATEWAY_CONNECTIONS, IDLE);
	let mut gateway_server = tokio::spawn(
		axum::serve(
			gateway_guard,
			gateway::router(
				agent.clone(),
				attester.clone(),
				node.as_ref().map(|node| node.metrics().clone()),
				config.gateway.allow_remote,
			),
		)
		.into_future(),
	);
	let mut content_server = tokio::spawn(async move {
		let Some(socket) = content_socket else { return std::future::pending().await };
		let guard = Guarded::new(socket, config.content.max_connections, IDLE);
		axum::serve(guard, content::router(store)).await
	});
	let progress = node.clone().map(|node| {
		AbortOnDropHandle::new(tokio::spawn(mesh::progress::tell(node, agent.clone())))
	});
	let direct = config.chain.rpc.clone().map(|url| {
		let after = Duration::from_secs(config.chain.rpc_after_seconds);
		tokio::spawn(direct::run(agent.clone(), attester.clone(), url, after))
	});
	tracing::info!(
		worker = %agent.worker(),
		gateway = %gateway_bound,
		%outputs,
		data = %config.data_dir.display(),
		"io-worker {} runs",
		env!("CARGO_PKG_VERSION")
	);

	let mut disk = tokio::time::interval(DISK_EVERY);
	let mut tidy = tokio::time::interval(TIDY_EVERY);
	let mut report = tokio::time::interval(REPORT_EVERY);
	let watch = tokio::spawn(give_way(agent.clone(), attester.clone()));
	let is_due = || agent.is_due() || attester.is_due();
	let started = Instant::now();
	let mut stopping: Option<Instant> = None;
	let drain = Duration::from_secs(config.drain_seconds);
	loop {
		let poll =
			if stopping.is_some() { Duration::from_millis(100) } else { Duration::from_secs(3600) };
		tokio::select! {
			_ = terminate.recv() => {},
			_ = interrupt.recv() => {},
			_ = disk.tick() => {
				check_disk(&agent).await;
				continue;
			},
			_ = report.tick() => {
				agent.report(started.elapsed());
				continue;
			},
			_ = tidy.tick() => {
				let (agent, keep) = (agent.clone(), keep_output(&config));
				let _ = tokio::task::spawn_blocking(move || agent.tidy(keep)).await;
				continue;
			},
			result = &mut gateway_server => return Err(ended("gateway", result)),
			result = &mut content_server => return Err(ended("content server", result)),
			() = tokio::time::sleep(poll) => {
				match stopping {
					Some(since) if !is_due() || since.elapsed() >= drain => break,
					_ => continue,
				}
			},
		}
		// A signal.
		if stopping.is_some() {
			tracing::warn!("told to stop again: stopping now");
			break;
		}
		agent.drain();
		attester.drain();
		stopping = Some(Instant::now());
		if is_due() {
			tracing::info!(
				"stopping: waiting at most {} s for the chain to take our results",
				drain.as_secs()
			);
		}
	}
	for risk in agent.risks().into_iter().chain(attester.risks()) {
		tracing::warn!("{risk}");
	}
	agent.stop();
	watch.abort();
	let _ = tokio::task::spawn_blocking(move || attester.stop()).await;
	if let Some(direct) = direct {
		direct.abort();
	}
	gateway_server.abort();
	content_server.abort();
	drop(progress);
	if let Some(node) = node {
		node.close().await;
	}
	tracing::info!("stopped; unfinished jobs go on at the next start");
	Ok(())
}

/// Joins the mesh, if the settings name relays or say that the chain's are to be used.
async fn join_mesh(
	config: &Config,
	keys: &Keys,
	guests: &Guests,
	store: &Store,
) -> Result<Option<Arc<mesh::Node>>, Error> {
	let relays = loop {
		match Relays::find(config).await {
			Ok(relays) => break relays,
			Err(relays::Error::Client(error)) if error.is_temporary() => {
				tracing::warn!(%error, "the mesh waits for the node");
				tokio::time::sleep(NODE_AGAIN).await;
			},
			Err(error) => return Err(mesh::Error::from(error).into()),
		}
	};
	let Some(relays) = relays else { return Ok(None) };
	let (guests, store) = (guests.clone(), store.clone());
	let node = mesh::Node::start(config, relays, keys, guests, store);
	Ok(Some(Arc::new(node.await?)))
}

/// Lets devices pause while a program of a job runs, or waits to.
async fn give_way(agent: Agent, attester: Attester) {
	let mut look = tokio::time::interval(BUSY_EVERY);
	loop {
		look.tick().await;
		attester.set_busy(agent.runner().busy());
	}
}

async fn check_disk(agent: &Agent) {
	let agent = agent.clone();
	let _ = tokio::task::spawn_blocking(move || agent.check_disk()).await;
}

fn ended(what: &'static str, result: Result<std::io::Result<()>, tokio::task::JoinError>) -> Error {
	let source = match result {
		Ok(Ok(())) => std::io::Error::other("the server ended"),
		Ok(Err(error)) => error,
		Err(error) => std::io::Error::other(error),
	};
	Error::System { what, source }
}
