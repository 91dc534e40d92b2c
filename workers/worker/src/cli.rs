//! The command line.

use std::{io::IsTerminal, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand};
use io_mesh::lanes::LANES;
use io_primitives::Balance;
use sp_core::{H256, crypto::Ss58Codec};
use tracing_subscriber::EnvFilter;

use crate::{
	bench,
	config::{self, Config, LogFormat, TEMPLATE, parse_hash},
	daemon, doctor,
	journal::{self, Journal},
	keystore::{self, PassphraseSource},
	mesh::{self, relays::Relays},
	registration,
};

/// The worker of IO Network: takes jobs from the chain, runs them in a sandbox, signs the results.
#[derive(Parser, Debug)]
#[command(name = "io-worker", version, about, next_help_heading = "Global options")]
pub struct Cli {
	/// Settings file (TOML); `io-worker config` prints one
	#[arg(long, short, global = true, env = "IO_WORKER_CONFIG", value_name = "FILE")]
	config: Option<PathBuf>,
	/// Folder of keystore, journal and contents
	#[arg(long, short, global = true, env = "IO_WORKER_DATA_DIR", value_name = "DIR")]
	data_dir: Option<PathBuf>,
	/// Keystore file
	#[arg(long, global = true, env = "IO_WORKER_KEYSTORE", value_name = "FILE")]
	keystore: Option<PathBuf>,
	/// Form of the log
	#[arg(long, global = true, env = "IO_WORKER_LOG_FORMAT", value_enum, value_name = "FORMAT")]
	log_format: Option<LogFormat>,
	/// What is logged, such as `debug` or `io_worker=debug,info`
	#[arg(long, global = true, env = "IO_WORKER_LOG", value_name = "FILTER")]
	log: Option<String>,
	#[command(subcommand)]
	command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
	/// Run the worker
	Run(RunArgs),
	/// Make or show the worker's keys
	#[command(subcommand)]
	Keys(KeysCommand),
	/// Make the file with which an operator registers this worker (`io operator register-worker --file`)
	Register(RegisterArgs),
	/// Show what a running worker does
	Status {
		/// Base URL of the worker's gateway [default: from the settings]
		#[arg(long, value_name = "URL")]
		gateway: Option<String>,
		/// Print JSON
		#[arg(long)]
		json: bool,
	},
	/// Look at everything that a worker needs, and say how to repair what is wrong
	Doctor {
		#[command(flatten)]
		passphrase: PassphraseArgs,
		#[command(flatten)]
		network: NetworkArgs,
		/// Print JSON
		#[arg(long)]
		json: bool,
	},
	/// Measure the devices of this machine, and say as what they would best prove their power
	Bench {
		/// Seconds for each kernel
		#[arg(long, default_value_t = 2.0, value_name = "SECONDS", value_parser = parse_seconds)]
		seconds: f64,
		/// Print JSON
		#[arg(long)]
		json: bool,
	},
	/// Print a settings file with all defaults and what they mean
	Config,
}

#[derive(Args, Debug)]
#[group(multiple = false)]
struct PassphraseArgs {
	/// File that holds the passphrase
	#[arg(long, env = "IO_WORKER_PASSPHRASE_FILE", value_name = "FILE")]
	passphrase_file: Option<PathBuf>,
	/// Open file descriptor from which the passphrase is read
	#[arg(long, value_name = "N")]
	passphrase_fd: Option<u32>,
}

impl PassphraseArgs {
	fn source(&self) -> Option<PassphraseSource> {
		match (&self.passphrase_file, self.passphrase_fd) {
			(_, Some(fd)) => Some(PassphraseSource::Fd(fd)),
			(Some(path), None) => Some(PassphraseSource::File(path.clone())),
			(None, None) => None,
		}
	}

	fn needed(&self) -> Result<PassphraseSource, keystore::Error> {
		self.source().ok_or(keystore::Error::NoPassphrase)
	}
}

#[derive(Args, Debug)]
struct NetworkArgs {
	/// Where the gateway listens for the node
	#[arg(long, env = "IO_WORKER_LISTEN", value_name = "ADDRESS:PORT")]
	listen: Option<SocketAddr>,
	/// Where outputs are shown to requesters
	#[arg(long, env = "IO_WORKER_CONTENT_LISTEN", value_name = "ADDRESS:PORT")]
	content_listen: Option<SocketAddr>,
	/// URL under which requesters reach that
	#[arg(long, env = "IO_WORKER_CONTENT_URL", value_name = "URL")]
	content_url: Option<String>,
	/// Node for the direct mode, used while no off-chain worker calls
	#[arg(long, env = "IO_WORKER_RPC", value_name = "WS URL")]
	rpc: Option<String>,
	/// Seconds without a call of an off-chain worker after which the direct mode takes over
	#[arg(long, value_name = "SECONDS")]
	rpc_after: Option<u64>,
	/// Genesis hash of the chain [default: that of the first node met]
	#[arg(long, env = "IO_WORKER_GENESIS", value_name = "HASH")]
	genesis: Option<String>,
	/// Relay of the mesh at which this worker waits, with the pin of its certificate if it has one; two are best
	#[arg(
		long = "relay",
		env = "IO_WORKER_RELAYS",
		value_name = "URL[#PIN]",
		value_delimiter = ','
	)]
	relays: Vec<String>,
	/// Wait at two of the relays that are registered on chain, if no --relay is given; needs --rpc
	#[arg(long, env = "IO_WORKER_MESH")]
	mesh: bool,
	/// Service that the requester of a job may reach through the mesh while this worker has accepted the job, such as ssh=22
	#[arg(long, env = "IO_WORKER_EXPOSE", value_name = "NAME=PORT", value_delimiter = ',')]
	expose: Vec<String>,
	/// Programs that run at the same time
	#[arg(long, env = "IO_WORKER_CAPACITY", value_name = "N")]
	capacity: Option<u8>,
	/// Let URLs of jobs point to private and loopback addresses (tests and closed networks only)
	#[arg(long, env = "IO_WORKER_ALLOW_PRIVATE_ADDRESSES")]
	allow_private_addresses: bool,
}

impl NetworkArgs {
	fn apply(&self, config: &mut Config) {
		if let Some(listen) = self.listen {
			config.gateway.listen = listen;
		}
		if let Some(listen) = self.content_listen {
			config.content.listen = listen;
		}
		if self.content_url.is_some() {
			config.content.public_url.clone_from(&self.content_url);
		}
		if self.rpc.is_some() {
			config.chain.rpc.clone_from(&self.rpc);
		}
		if let Some(seconds) = self.rpc_after {
			config.chain.rpc_after_seconds = seconds;
		}
		if self.genesis.is_some() {
			config.chain.genesis.clone_from(&self.genesis);
		}
		if let Some(capacity) = self.capacity {
			config.capacity = capacity;
		}
		if !self.relays.is_empty() {
			config.mesh.relays.clone_from(&self.relays);
		}
		config.mesh.from_chain |= self.mesh;
		if !self.expose.is_empty() {
			config.mesh.expose.clone_from(&self.expose);
		}
		config.fetch.allow_private_addresses |= self.allow_private_addresses;
	}
}

#[derive(Args, Debug)]
struct RunArgs {
	#[command(flatten)]
	passphrase: PassphraseArgs,
	#[command(flatten)]
	network: NetworkArgs,
}

#[derive(Subcommand, Debug)]
enum KeysCommand {
	/// Make new keys
	New {
		#[command(flatten)]
		passphrase: PassphraseArgs,
	},
	/// Show the public keys; with a passphrase also prove that the keystore opens
	Show {
		#[command(flatten)]
		passphrase: PassphraseArgs,
		/// Print JSON
		#[arg(long)]
		json: bool,
	},
}

#[derive(Args, Debug)]
struct RegisterArgs {
	#[command(flatten)]
	passphrase: PassphraseArgs,
	#[command(flatten)]
	network: NetworkArgs,
	/// Address of the operator (SS58 or 0x...)
	#[arg(long, value_name = "ADDRESS")]
	operator: String,
	/// Hardware class of the jobs that it takes; `io chain classes` lists them. Not the class that `io-worker bench` shows
	#[arg(long, default_value_t = 0, value_name = "N")]
	class: u16,
	/// What one unit costs, in IO, such as 0.001
	#[arg(long, value_name = "IO", value_parser = parse_amount)]
	ask: Balance,
	/// File to write [default: standard output]
	#[arg(long, short, value_name = "FILE")]
	output: Option<PathBuf>,
}

fn parse_amount(text: &str) -> Result<Balance, String> {
	io_client::amount::parse(text).map_err(|e| e.to_string())
}

fn parse_seconds(text: &str) -> Result<f64, String> {
	match text.parse::<f64>() {
		Ok(seconds) if (0.0..=600.0).contains(&seconds) => Ok(seconds),
		_ => Err("give seconds from 0 to 600".into()),
	}
}

/// Why a command failed.
#[derive(thiserror::Error, Debug)]
pub enum Error {
	/// The settings.
	#[error(transparent)]
	Config(#[from] config::Error),
	/// The keystore.
	#[error(transparent)]
	Keystore(#[from] keystore::Error),
	/// The journal.
	#[error(transparent)]
	Journal(#[from] journal::Error),
	/// The registration.
	#[error(transparent)]
	Registration(#[from] registration::Error),
	/// The running worker.
	#[error(transparent)]
	Daemon(#[from] daemon::Error),
	/// The node.
	#[error(transparent)]
	Client(#[from] io_client::Error),
	/// Nobody knows the genesis hash.
	#[error(
		"the chain is not known: give --genesis HASH or --rpc ws://NODE, or let the worker run beside its node once"
	)]
	NoGenesis,
	/// The worker does not answer.
	#[error(
		"no worker answers at {url}: {reason}. Start it with `io-worker run`, or give --gateway"
	)]
	NoWorker {
		/// Where.
		url: String,
		/// Why.
		reason: String,
	},
	/// The log filter.
	#[error("setting `log.filter`: {0}")]
	LogFilter(String),
	/// A file or the standard output.
	#[error("{what}: {source}")]
	Io {
		/// What failed.
		what: String,
		/// Why.
		source: std::io::Error,
	},
}

/// Runs a command.
pub fn run(cli: Cli) -> Result<ExitCode, Error> {
	let mut config = Config::load(cli.config.as_deref())?;
	if let Some(folder) = cli.data_dir {
		config.data_dir = folder;
	}
	if cli.keystore.is_some() {
		config.keystore = cli.keystore;
	}
	if let Some(format) = cli.log_format {
		config.log.format = format;
	}
	if let Some(filter) = cli.log {
		config.log.filter = filter;
	}
	match cli.command {
		Command::Config => print(TEMPLATE.trim_end()),
		Command::Run(args) => {
			args.network.apply(&mut config);
			config.check()?;
			start_log(&config)?;
			let passphrase = args.passphrase.needed()?.read()?;
			let keys = keystore::open(&config.keystore_path(), &passphrase)?;
			drop(passphrase);
			block_on(daemon::run(config, keys))??;
			Ok(ExitCode::SUCCESS)
		},
		Command::Keys(KeysCommand::New { passphrase }) => {
			let path = config.keystore_path();
			daemon::make_data_dir(&config)?;
			let keys = keystore::create(&path, &passphrase.needed()?.read()?)?;
			eprintln!(
				"Keystore written to {}. Back it up with its passphrase: nobody can restore it.",
				path.display()
			);
			show_keys(&keys.public(), Some(&keys), false)
		},
		Command::Keys(KeysCommand::Show { passphrase, json }) => {
			let path = config.keystore_path();
			let keys = match passphrase.source() {
				Some(source) => Some(keystore::open(&path, &source.read()?)?),
				None => None,
			};
			let public = match &keys {
				Some(keys) => keys.public(),
				None => keystore::public_keys(&path)?,
			};
			show_keys(&public, keys.as_ref(), json)
		},
		Command::Register(args) => register(config, &args),
		Command::Status { gateway, json } => {
			let url = gateway.unwrap_or_else(|| format!("http://{}", config.gateway.listen));
			let status = block_on(doctor::fetch_status(&url))?
				.map_err(|reason| Error::NoWorker { url: url.clone(), reason })?;
			if json { print_json(&status) } else { print(&status.to_text()) }
		},
		Command::Bench { seconds, json } => {
			let threads = config.attestation.threads;
			let bench = bench::run(threads, Duration::from_secs_f64(seconds));
			if json { print_json(&bench) } else { print(&bench.to_text()) }
		},
		Command::Doctor { passphrase, network, json } => {
			network.apply(&mut config);
			let source = passphrase.source();
			let report = block_on(doctor::examine(&config, source.as_ref()))?;
			if json {
				print_json(&report.0)?;
			} else {
				print(&report.to_text())?;
			}
			Ok(if report.has_failures() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
		},
	}
}

fn register(mut config: Config, args: &RegisterArgs) -> Result<ExitCode, Error> {
	args.network.apply(&mut config);
	config.check()?;
	let operator = registration::parse_account(&args.operator)?;
	let passphrase = args.passphrase.needed()?.read()?;
	let keys = keystore::open(&config.keystore_path(), &passphrase)?;
	let genesis = find_genesis(&config, keys.worker())?;
	let relays =
		block_on(Relays::find(&config))?.map_err(mesh::Error::from).map_err(daemon::Error::from)?;
	let on_chain = relays.as_ref().is_some_and(|relays| relays.chain.is_some());
	let chosen = relays.map(|relays| relays.chosen).unwrap_or_default();
	let offer = registration::Offer {
		class: args.class,
		ask_per_unit: args.ask,
		capacity: config.capacity,
		endpoints: registration::endpoints(&config, &keys, &chosen)?,
		lanes: if on_chain { chosen.len() } else { 0 },
	};
	let made = registration::sign(&keys, genesis, &operator, &offer)?;
	match &args.output {
		None => print_json(&made),
		Some(path) => {
			let mut text = serde_json::to_string_pretty(&made)
				.map_err(|e| Error::Io { what: path.display().to_string(), source: e.into() })?;
			text.push('\n');
			std::fs::write(path, text)
				.map_err(|source| Error::Io { what: path.display().to_string(), source })?;
			eprintln!(
				"Written to {}. Now, with the operator's key: io operator register-worker --file {}",
				path.display(),
				path.display()
			);
			Ok(ExitCode::SUCCESS)
		},
	}
}

/// The chain's genesis hash: as set, as a node says, or as the journal knows.
fn find_genesis(config: &Config, worker: io_primitives::WorkerKey) -> Result<H256, Error> {
	if let Some(genesis) = config.genesis()? {
		return Ok(genesis);
	}
	if let Some(url) = &config.chain.rpc {
		return Ok(block_on(io_client::Client::connect(url))??.genesis());
	}
	let url = format!("http://{}", config.gateway.listen);
	if let Ok(Ok(status)) = block_on(doctor::fetch_status(&url))
		&& status.worker == format!("0x{}", hex::encode(worker.0))
		&& let Some(Ok(genesis)) = status.genesis.as_deref().map(parse_hash)
	{
		return Ok(genesis);
	}
	let path = config.journal_path();
	if path.exists() {
		let (journal, _) = Journal::open(&path, worker, None)?;
		if let Some(genesis) = journal.genesis() {
			return Ok(genesis);
		}
	}
	Err(Error::NoGenesis)
}

/// Shows the public keys; those of endpoints only if the keystore is open.
fn show_keys(
	public: &keystore::PublicKeys,
	keys: Option<&keystore::Keys>,
	json: bool,
) -> Result<ExitCode, Error> {
	let worker = format!("0x{}", hex::encode(public.worker.0));
	let x25519 = format!("0x{}", hex::encode(public.x25519));
	let address = public.worker.to_ss58check();
	let endpoints: Vec<String> = keys
		.iter()
		.flat_map(|keys| (0..LANES).map(|lane| keys.identity().endpoint(lane).to_string()))
		.collect();
	if json {
		return print_json(&serde_json::json!({
			"worker_key": worker,
			"address": address,
			"x25519": x25519,
			"endpoints": endpoints,
		}));
	}
	let mut text = format!("worker key  {worker}\naddress     {address}\nx25519      {x25519}");
	for endpoint in endpoints {
		text.push_str(&format!("\nendpoint    {endpoint}"));
	}
	print(&text)
}

fn start_log(config: &Config) -> Result<(), Error> {
	let filter =
		EnvFilter::try_new(&config.log.filter).map_err(|e| Error::LogFilter(e.to_string()))?;
	let builder = tracing_subscriber::fmt()
		.with_env_filter(filter)
		.with_ansi(std::io::stderr().is_terminal())
		.with_writer(std::io::stderr);
	// A log that is set up already serves as well.
	let _ = match config.log.format {
		LogFormat::Text => builder.with_target(false).try_init(),
		LogFormat::Json => builder.json().flatten_event(true).try_init(),
	};
	Ok(())
}

fn block_on<F: Future>(future: F) -> Result<F::Output, Error> {
	let runtime = tokio::runtime::Builder::new_multi_thread()
		.enable_all()
		.build()
		.map_err(|source| Error::Io { what: "cannot start threads".into(), source })?;
	let output = runtime.block_on(future);
	// A program that is being compiled does not hear that it was called off.
	runtime.shutdown_timeout(Duration::from_secs(3));
	Ok(output)
}

fn print_json(value: &impl serde::Serialize) -> Result<ExitCode, Error> {
	let text = serde_json::to_string_pretty(value)
		.map_err(|e| Error::Io { what: "JSON".into(), source: e.into() })?;
	print(&text)
}

/// Prints to standard output; that nobody reads it to the end is no error.
fn print(text: &str) -> Result<ExitCode, Error> {
	use std::io::Write;
	match writeln!(std::io::stdout(), "{text}") {
		Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
			Err(Error::Io { what: "standard output".into(), source: e })
		},
		_ => Ok(ExitCode::SUCCESS),
	}
}
