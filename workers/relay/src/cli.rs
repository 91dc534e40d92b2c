//! The command line.

use std::{
	net::SocketAddr,
	num::NonZeroU32,
	path::{Path, PathBuf},
};

use clap::{Args, Parser, Subcommand};
use sp_core::H256;

use crate::{
	access::GateLimits,
	operator,
	server::{self, Config, Relay},
	tls::{self, Certificate},
};

/// A relay of IO Network's mesh.
///
/// Workers behind NAT or a firewall wait at a relay, and requesters reach them there. Whenever the two can, they talk directly; until
/// then the relay passes their packets on. They are encrypted from end to end: a relay sees who talks to whom and how much, never
/// what.
///
/// To run one: make a key (`io-relay key`), get a certificate for your host name or make one (`io-relay cert`), put the relay on the map
/// (`io-relay register`), then `io-relay run`.
#[derive(Parser, Debug)]
#[command(version, about, long_about, max_term_width = 100)]
pub struct Cli {
	#[command(subcommand)]
	command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
	/// Run the relay until it gets SIGTERM or Ctrl-C.
	Run(Box<Run>),
	#[command(flatten)]
	Operator(operator::Operator),
	/// Make the key of the relay's own endpoint, to which workers bring receipts. Prints its public part.
	Key {
		/// The file to write. It must not be there yet.
		#[arg(long, value_name = "FILE")]
		out: PathBuf,
	},
	/// Make a certificate that no authority has signed. Clients know it by its pin, which this prints.
	Cert {
		/// Host names or addresses of the relay.
		#[arg(long = "name", value_name = "NAME", required = true)]
		names: Vec<String>,
		/// The certificate to write (PEM). It must not be there yet.
		#[arg(long, value_name = "FILE")]
		cert: PathBuf,
		/// The private key to write (PEM). It must not be there yet.
		#[arg(long, value_name = "FILE")]
		key: PathBuf,
	},
}

#[derive(Args, Debug)]
struct Run {
	/// The key that `io-relay key` made.
	#[arg(long, value_name = "FILE", env = "IO_RELAY_KEY")]
	key: PathBuf,

	/// A node of the chain whose registered endpoints may use the relay. Its finalised blocks are followed.
	#[arg(long, value_name = "URL", required_unless_present = "allow", env = "IO_RELAY_NODE")]
	node: Option<String>,

	/// Who may use the relay besides: one line for each endpoint, `<endpoint id> [<worker's key>]`, in hexadecimal. `#` begins a comment.
	/// The file is read again when it changes.
	#[arg(long, value_name = "FILE", env = "IO_RELAY_ALLOW")]
	allow: Option<PathBuf>,

	/// Where clients connect (HTTPS; HTTP with --plain-http).
	#[arg(
		long,
		value_name = "ADDRESS:PORT",
		default_value = "0.0.0.0:443",
		env = "IO_RELAY_LISTEN"
	)]
	listen: SocketAddr,

	/// UDP port at which endpoints learn their public address. Without it fewer of them reach each other directly.
	#[arg(long, value_name = "ADDRESS:PORT", env = "IO_RELAY_QUIC_LISTEN")]
	quic_listen: Option<SocketAddr>,

	/// The URL by which clients know the relay. Default: the listening address.
	#[arg(long, env = "IO_RELAY_URL")]
	url: Option<String>,

	/// Certificate chain (PEM), the relay's own first. Read again every day.
	#[arg(long, value_name = "FILE", requires = "tls_key", env = "IO_RELAY_TLS_CERT")]
	tls_cert: Option<PathBuf>,

	/// Private key of the certificate (PEM).
	#[arg(long, value_name = "FILE", requires = "tls_cert", env = "IO_RELAY_TLS_KEY")]
	tls_key: Option<PathBuf>,

	/// Get a certificate for this host name from Let's Encrypt. The relay must be reachable at port 443 of it.
	#[arg(long, value_name = "NAME", requires_all = ["acme_contact", "url"], conflicts_with = "tls_cert")]
	acme_domain: Vec<String>,

	/// Mail address to which Let's Encrypt sends notices.
	#[arg(long, value_name = "MAIL")]
	acme_contact: Option<String>,

	/// Where certificates from Let's Encrypt are kept.
	#[arg(long, value_name = "FOLDER", default_value = "acme")]
	acme_folder: PathBuf,

	/// No certificate: HTTP. For tests, and behind a TLS proxy of yours. Then others on the way see who talks to whom.
	#[arg(long, conflicts_with_all = ["tls_cert", "acme_domain"])]
	plain_http: bool,

	/// Bytes per second that each client may send.
	#[arg(long, value_name = "BYTES")]
	client_rate: Option<NonZeroU32>,

	/// Bytes that a client may send at once above the rate.
	#[arg(long, value_name = "BYTES", requires = "client_rate")]
	client_burst: Option<NonZeroU32>,

	/// Connections of all clients at one time.
	#[arg(long, value_name = "N", default_value_t = GateLimits::default().connections)]
	max_connections: usize,

	/// Connections of one client at one time.
	#[arg(long, value_name = "N", default_value_t = GateLimits::default().per_endpoint)]
	max_per_client: usize,

	/// Connections that one client may open in a minute.
	#[arg(long, value_name = "N", default_value_t = GateLimits::default().per_minute)]
	max_per_minute: u32,

	/// Keep workers' receipts in this file; needs --node or --genesis. It is made if it is not there.
	#[arg(long, value_name = "FILE")]
	receipts: Option<PathBuf>,

	/// File with the secret of an account that claims the payment for receipts, once in each epoch if that brings more than its fee.
	/// It needs only money for fees: it is the relay's operator who is paid.
	#[arg(long, value_name = "FILE", requires_all = ["node", "receipts"])]
	claim_key: Option<PathBuf>,

	/// Genesis hash of the chain that pays for receipts.
	#[arg(long, value_name = "0xHASH", value_parser = parse_hash)]
	genesis: Option<H256>,

	/// Where Prometheus reads /metrics and the operator /v1/receipts. Anybody who reaches this port can read them.
	#[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9652")]
	metrics_listen: SocketAddr,

	/// Show no metrics.
	#[arg(long)]
	no_metrics: bool,
}

fn parse_hash(text: &str) -> Result<H256, String> {
	let mut hash = [0; 32];
	hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut hash)
		.map_err(|_| "a hash has 64 hexadecimal digits".to_owned())?;
	Ok(H256(hash))
}

/// Why a command failed.
#[derive(thiserror::Error, Debug)]
pub enum Error {
	/// The relay.
	#[error(transparent)]
	Server(#[from] server::Error),
	/// The certificate.
	#[error(transparent)]
	Tls(#[from] tls::Error),
	/// A file.
	#[error("{}: {reason}", path.display())]
	File {
		/// Which.
		path: PathBuf,
		/// What is wrong.
		reason: String,
	},
	/// Anything else.
	#[error("{0}")]
	Other(String),
}

fn file<E: std::fmt::Display>(path: &Path) -> impl Fn(E) -> Error + '_ {
	move |reason| Error::File { path: path.to_owned(), reason: reason.to_string() }
}

/// Runs a command.
pub fn run(cli: Cli) -> Result<(), Error> {
	match cli.command {
		Command::Run(run) => {
			let level = tracing_subscriber::EnvFilter::try_from_default_env()
				.unwrap_or_else(|_| "info,iroh=warn,iroh_relay=warn".into());
			tracing_subscriber::fmt().with_env_filter(level).with_writer(std::io::stderr).init();
			runtime()?.block_on(serve(run.config()?))
		},
		Command::Operator(command) => runtime()?.block_on(operator::run(command)),
		Command::Key { out } => {
			let secret = iroh::SecretKey::generate();
			let line = format!("{}\n", hex::encode(secret.to_bytes()));
			tls::write_new(&out, line.as_bytes(), 0o600).map_err(file(&out))?;
			println!("{}", secret.public());
			Ok(())
		},
		Command::Cert { names, cert, key } => {
			tls::generate(names, &cert, &key)?;
			let pin = Certificate::Files { chain: cert, key }.pin()?;
			println!("{}", hex::encode(pin.unwrap_or_default()));
			Ok(())
		},
	}
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
	let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
	runtime.map_err(|error| Error::Other(error.to_string()))
}

/// Reads the file that `io-relay key` wrote.
pub(crate) fn read_key(path: &Path) -> Result<[u8; 32], Error> {
	let text = std::fs::read_to_string(path).map_err(|error| {
		file(path)(format!("{error}. Make a key with `io-relay key --out FILE`"))
	})?;
	let mut secret = [0; 32];
	hex::decode_to_slice(text.trim(), &mut secret)
		.map_err(|_| file(path)("this is no key of a relay: 64 hexadecimal digits are expected"))?;
	Ok(secret)
}

impl Run {
	fn config(self) -> Result<Config, Error> {
		let certificate = match (self.tls_cert, self.tls_key) {
			(Some(chain), Some(key)) => Certificate::Files { chain, key },
			_ if !self.acme_domain.is_empty() => Certificate::Acme {
				domains: self.acme_domain,
				contact: self.acme_contact.unwrap_or_default(),
				folder: self.acme_folder,
				directory: None,
			},
			_ if self.plain_http => Certificate::None,
			_ => {
				return Err(Error::Other(
					"a certificate is needed: --tls-cert and --tls-key, or --acme-domain, or --plain-http for tests"
						.into(),
				));
			},
		};
		Ok(Config {
			secret: read_key(&self.key)?,
			listen: self.listen,
			quic_listen: self.quic_listen,
			certificate,
			url: self.url,
			node: self.node,
			allow: self.allow,
			limits: GateLimits {
				connections: self.max_connections,
				per_endpoint: self.max_per_client,
				per_minute: self.max_per_minute,
			},
			rate: self.client_rate.map(|rate| (rate, self.client_burst)),
			receipts: self.receipts,
			genesis: self.genesis,
			claim_key: self.claim_key,
			metrics_listen: (!self.no_metrics).then_some(self.metrics_listen),
		})
	}
}

async fn serve(config: Config) -> Result<(), Error> {
	let mut relay = Relay::start(config).await?;
	tracing::info!(
		url = relay.url(),
		endpoint = %relay.id(),
		pin = relay.pin().map(hex::encode),
		metrics = relay.metrics_address().map(|address| address.to_string()),
		"the relay runs"
	);
	let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
		.map_err(|error| Error::Other(error.to_string()))?;
	tokio::select! {
		reason = relay.failed() => return Err(Error::Other(format!("the relay stopped: {reason}"))),
		_ = terminate.recv() => {},
		_ = tokio::signal::ctrl_c() => {},
	}
	tracing::info!("the relay ends");
	relay.shutdown().await;
	Ok(())
}

#[cfg(test)]
mod tests {
	use clap::CommandFactory;

	use super::*;

	#[test]
	fn should_be_consistent_when_the_command_line_is_built() {
		Cli::command().debug_assert();
	}

	#[test]
	fn should_say_what_to_do_when_no_certificate_is_given() {
		let folder = tempfile::tempdir().unwrap();
		let key = folder.path().join("key");
		let parsed = Cli::try_parse_from(["io-relay", "key", "--out", key.to_str().unwrap()]);
		run(parsed.unwrap()).unwrap();
		let line = ["io-relay", "run", "--allow", "a", "--key", key.to_str().unwrap()];
		let error = run(Cli::try_parse_from(line).unwrap()).unwrap_err();
		assert!(error.to_string().contains("--tls-cert"), "{error}");
	}

	#[test]
	fn should_not_overwrite_when_a_key_is_there() {
		let folder = tempfile::tempdir().unwrap();
		let key = folder.path().join("key");
		let make = || run(Cli { command: Command::Key { out: key.clone() } });
		make().unwrap();
		let secret = read_key(&key).unwrap();
		assert!(make().is_err());
		assert_eq!(read_key(&key).unwrap(), secret);
	}
}
