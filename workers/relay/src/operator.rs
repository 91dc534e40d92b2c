//! What an operator does on chain: the bond, the entry on the map, claims.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use codec::DecodeAll;
use io_client::{Client, Included, Keypair, Pending, amount, mesh::MESH};
use io_primitives::{
	Balance,
	mesh::{EndpointKey, RelayProfile, SignedReceipt, endpoint_payload},
};
use sp_core::{H256, Pair, ed25519};

use crate::{
	account::AccountArgs, book::Book, chain::Chain, claim, cli, cli::Error, tls::Certificate,
};

/// Commands that need a node.
#[derive(Subcommand, Debug)]
pub(crate) enum Operator {
	/// Put the relay on the map; its bond goes on hold from your account
	Register(Offered),
	/// Change what the relay offers. A new price counts from the epoch after the next one on
	Update(Offered),
	/// Take the relay off the map for good
	Unregister(Signed),
	/// Get the bond back, some time after `unregister`
	Release(Signed),
	/// Put a relay back on the map that was taken off for being reported dead
	Wake(Signed),
	/// Claim the payment for the receipts that a relay has. A relay that runs with --claim-key does this by itself
	Claim(Claim),
	/// Show how the relay stands
	Status(OnChain),
}

/// Which relay on which chain.
#[derive(Args, Debug)]
pub(crate) struct OnChain {
	/// The node
	#[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:9944", env = "IO_NODE")]
	node: String,
	/// The relay's key, from `io-relay key`
	#[arg(long, value_name = "FILE", env = "IO_RELAY_KEY")]
	key: PathBuf,
}

/// And who signs.
#[derive(Args, Debug)]
pub(crate) struct Signed {
	#[command(flatten)]
	on_chain: OnChain,
	#[command(flatten)]
	account: AccountArgs,
}

/// And what the relay offers.
#[derive(Args, Debug)]
pub(crate) struct Offered {
	#[command(flatten)]
	signed: Signed,
	/// The URL by which clients know it: https://host[:port]/
	#[arg(long, env = "IO_RELAY_URL")]
	url: String,
	/// Its certificate, if no public authority has signed it: clients will know it by its key
	#[arg(long, value_name = "FILE")]
	tls_cert: Option<PathBuf>,
	/// UDP port at which it tells endpoints their public address (the port of --quic-listen)
	#[arg(long)]
	quic_port: Option<u16>,
	/// Country, such as DE
	#[arg(long, value_name = "CC", value_parser = country)]
	region: [u8; 2],
	/// Mbit/s that it can carry
	#[arg(long, value_name = "MBIT/S")]
	capacity: u32,
	/// What a GiB costs, in IO
	#[arg(long, value_name = "IO", value_parser = amount::parse)]
	price: Balance,
}

/// Which receipts are claimed.
#[derive(Args, Debug)]
pub(crate) struct Claim {
	#[command(flatten)]
	signed: Signed,
	/// The running relay's --metrics-listen
	#[arg(
		long,
		value_name = "URL",
		default_value = "http://127.0.0.1:9652",
		conflicts_with = "receipts"
	)]
	from: String,
	/// Its --receipts file, when it does not run
	#[arg(long, value_name = "FILE")]
	receipts: Option<PathBuf>,
}

fn country(text: &str) -> Result<[u8; 2], String> {
	<[u8; 2]>::try_from(text.as_bytes())
		.ok()
		.filter(|letters| letters.iter().all(u8::is_ascii_uppercase))
		.ok_or_else(|| "a country has two capital letters".into())
}

fn chain<E: std::fmt::Display>(error: E) -> Error {
	Error::Other(error.to_string())
}

/// A connection, the relay's key and the account.
struct Session {
	client: Client,
	pair: ed25519::Pair,
	signer: Keypair,
}

impl Signed {
	async fn open(&self) -> Result<Session, Error> {
		let pair = ed25519::Pair::from_seed(&cli::read_key(&self.on_chain.key)?);
		let client = Client::connect(&self.on_chain.node).await.map_err(chain)?;
		let signer = self.account.key(&client).await.map_err(Error::Other)?;
		Ok(Session { client, pair, signer })
	}
}

impl Session {
	fn relay(&self) -> EndpointKey {
		self.pair.public()
	}

	/// The relay's word that the account is its operator.
	fn proof(&self) -> ed25519::Signature {
		let account = Client::account_of(&self.signer);
		self.pair.sign(&endpoint_payload(self.client.genesis(), &account))
	}
}

impl Offered {
	fn profile(&self) -> Result<RelayProfile, Error> {
		let pin = match &self.tls_cert {
			Some(path) => pin(path)?,
			None => None,
		};
		let url = self.url.clone().into_bytes();
		let profile = RelayProfile {
			url: url
				.try_into()
				.map_err(|_| Error::Other("the URL of a relay has at most 128 bytes".into()))?,
			tls_pin: pin,
			quic_port: self.quic_port,
			region: self.region,
			capacity: self.capacity,
			price_per_gib: self.price,
		};
		profile.check().map_err(|error| {
			Error::Other(format!("the chain takes no such offer ({error:?}): the URL must be https://host[:port]/, capacity and ports above 0"))
		})?;
		Ok(profile)
	}
}

fn pin(certificate: &Path) -> Result<Option<H256>, Error> {
	let files = Certificate::Files { chain: certificate.to_owned(), key: PathBuf::new() };
	Ok(files.pin()?.map(H256))
}

async fn finalized(pending: io_client::Result<Pending>) -> Result<Included, Error> {
	pending.map_err(chain)?.finalized().await.map_err(chain)
}

/// Runs a command; prints what came of it.
pub(crate) async fn run(command: Operator) -> Result<(), Error> {
	match command {
		Operator::Register(offer) => {
			let profile = offer.profile()?;
			let session = offer.signed.open().await?;
			let relay = session.relay();
			let pending = session
				.client
				.register_relay(&session.signer, &relay, &profile, &session.proof())
				.await;
			let included = finalized(pending).await?;
			let registered = included.events.iter().find(|event| event.is(MESH, "RelayRegistered"));
			let bond: Balance = match registered {
				Some(event) => event.fields.get("bond").map_err(chain)?,
				None => return Err(Error::Other("the chain did not register the relay".into())),
			};
			println!(
				"{} is on the map; {} are on hold",
				hex::encode(relay.0),
				amount::display(bond)
			);
		},
		Operator::Update(offer) => {
			let profile = offer.profile()?;
			let session = offer.signed.open().await?;
			let relay = session.relay();
			finalized(session.client.update_relay(&session.signer, &relay, &profile).await).await?;
			println!("updated");
		},
		Operator::Unregister(signed) => {
			let session = signed.open().await?;
			let relay = session.relay();
			let pending = session.client.unregister_relay(&session.signer, &relay).await;
			finalized(pending).await?;
			println!("off the map. What is due can still be claimed; then `io-relay release`");
		},
		Operator::Release(signed) => {
			let session = signed.open().await?;
			let relay = session.relay();
			finalized(session.client.release_relay(&session.signer, &relay).await).await?;
			println!("the bond is free");
		},
		Operator::Wake(signed) => {
			let session = signed.open().await?;
			let relay = session.relay();
			finalized(session.client.wake_relay(&session.signer, &relay).await).await?;
			println!("on the map from the next epoch on");
		},
		Operator::Claim(args) => {
			let session = args.signed.open().await?;
			let receipts = match &args.receipts {
				Some(path) => Book::open(path, session.relay().0, session.client.genesis())
					.and_then(|book| book.all())
					.map_err(chain)?,
				None => of_running(&args.from).await?,
			};
			let claimed = claim::claim(&session.client, &session.signer, &receipts).await;
			let paid = amount::display(claimed.map_err(chain)?.paid);
			println!("{paid} for {} receipts", receipts.len());
		},
		Operator::Status(on_chain) => {
			let pair = ed25519::Pair::from_seed(&cli::read_key(&on_chain.key)?);
			let id = io_mesh::EndpointId(pair.public().0);
			let chain = Chain::connect(&on_chain.node, id).await.map_err(chain)?;
			println!("relay     {id}\nblock     {}\nepoch     {}", chain.block(), chain.epoch());
			match chain.entry() {
				Some(entry) => println!(
					"state     {:?}\nper GiB   {}",
					entry.state,
					amount::display(entry.price_per_gib)
				),
				None => println!("state     not registered"),
			}
		},
	}
	Ok(())
}

/// The receipts that a running relay shows.
async fn of_running(url: &str) -> Result<Vec<SignedReceipt>, Error> {
	#[derive(serde::Deserialize)]
	struct Shown {
		signed: String,
	}
	let url = format!("{}/v1/receipts", url.trim_end_matches('/'));
	let failed = |error: reqwest::Error| {
		Error::Other(format!("no receipts at {url} ({error}). Does the relay run with --receipts?"))
	};
	let answer = reqwest::get(&url).await.and_then(reqwest::Response::error_for_status);
	let shown: Vec<Shown> = answer.map_err(failed)?.json().await.map_err(failed)?;
	shown
		.iter()
		.map(|shown| {
			let bytes = hex::decode(&shown.signed).ok();
			bytes
				.and_then(|bytes| SignedReceipt::decode_all(&mut &bytes[..]).ok())
				.ok_or_else(|| Error::Other(format!("{url} shows something that is no receipt")))
		})
		.collect()
}
