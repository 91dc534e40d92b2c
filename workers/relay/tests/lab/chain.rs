//! The chain decides who may use which relay: a node with the real runtime, relays that follow its finalised blocks.

use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use codec::{Compact, Encode};
use io_client::{Client, Included, Keypair, Pending};
use io_mesh::{
	ListedRelay, Mesh, RelayList,
	receipt::{Meter, give},
	session::SessionConfig,
	transport::{Transport, quic::QuicTransport},
};
use io_primitives::{
	AccountId, Balance, ClassId, Engines, Profile,
	call::registration_payload,
	mesh::{EndpointKey, SignedReceipt, endpoint_payload, owed},
};
use sp_core::{Pair, ed25519, sr25519};
use subxt_signer::sr25519::dev;

use crate::{
	place::{Lab, Paths, RelayProcess, lane, node, worker, worker_address},
	scenarios::{MIB, fetch_all},
	support::{CLIENT, LIMIT, WORKER, endpoint, secret},
};

/// One IO in the smallest unit.
const IO: Balance = 1_000_000_000_000;
/// What the relay takes for a GiB.
const PRICE: &str = "2.5";
/// Bytes of the content.
const SIZE: u64 = 16 * MIB;
/// The seed of the worker's hot key.
const HOT: [u8; 32] = [77; 32];

/// A program of the workspace, if it was built: in `IO_BIN_DIR` or beside this program; the node also where `IO_NODE_BIN` says.
pub(crate) fn binary(name: &str) -> Option<PathBuf> {
	let named = std::env::var_os("IO_NODE_BIN").filter(|_| name == "io-node").map(PathBuf::from);
	let in_folder = || {
		let folder = std::env::var_os("IO_BIN_DIR").map(PathBuf::from);
		let beside = || Some(std::env::current_exe().ok()?.parent()?.parent()?.to_path_buf());
		Some(folder.or_else(beside)?.join(name))
	};
	named.or_else(in_folder).filter(|path| path.exists())
}

pub(crate) async fn start_node(lab: &Lab, binary: PathBuf) -> (tokio::process::Child, String) {
	let (rpc, p2p) = (lab.address("node", 9944), lab.address("node", 30333));
	let mut command = lab.command("node", binary);
	command
		.args(["--dev", "--tmp", "--dev-block-time=500", "--offchain-worker=never"])
		.args([format!("--rpc-port={}", rpc.port()), format!("--port={}", p2p.port())])
		.args(["--no-prometheus", "--no-telemetry", "--no-hardware-benchmarks", "--no-mdns"])
		.stdout(Stdio::null())
		.stderr(Stdio::null())
		.kill_on_drop(true);
	if lab.is_whole() {
		command.args(["--unsafe-rpc-external", "--rpc-cors=all"]);
	}
	(command.spawn().unwrap(), format!("ws://{rpc}"))
}

/// Waits until the node answers.
pub(crate) async fn connect(url: &str) -> Client {
	let client = async {
		loop {
			match Client::connect(url).await {
				Ok(client) => return client,
				Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
			}
		}
	};
	tokio::time::timeout(LIMIT, client).await.unwrap()
}

async fn done(pending: io_client::Result<Pending>) -> Included {
	tokio::time::timeout(LIMIT, pending.unwrap().finalized()).await.unwrap().unwrap()
}

async fn call(client: &Client, pallet: &str, name: &str, arguments: impl Encode, by: &Keypair) {
	let call = client.call(pallet, name, arguments).await.unwrap();
	done(client.submit(&call, by).await).await;
}

/// Registers a peer's endpoints, one for each relay.
async fn register_endpoints(client: &Client, peer: u8, by: &Keypair, hot: Option<&sr25519::Pair>) {
	for lane in 0..2 {
		let pair = ed25519::Pair::from_seed(&secret(peer, lane));
		let proof = pair.sign(&endpoint_payload(client.genesis(), &Client::account_of(by)));
		let worker = hot.map(|hot| hot.public());
		let pending = client.register_endpoint(by, &pair.public(), worker.as_ref(), &proof).await;
		done(pending).await;
	}
}

/// Makes Eve the operator of the worker with this hot key, with money for its receipts.
async fn register_worker(client: &Client, hot: &sr25519::Pair, budget: Balance) {
	let eve = dev::eve();
	let stake = (Compact(2_000 * IO), 0u32, b"lab".to_vec());
	call(client, "IoStaking", "register_operator", stake, &eve).await;
	let profile = Profile {
		class: ClassId::default(),
		ask_per_unit: IO,
		capacity: 1,
		engines: Engines(Engines::WASM.0),
		x25519: [0; 32],
		endpoints: Default::default(),
	};
	let proof = hot.sign(&registration_payload(client.genesis(), &Client::account_of(&eve)));
	let registration = (hot.public(), profile, proof);
	call(client, "IoJobs", "register_worker", registration, &eve).await;
	done(client.fund_budget(&eve, &hot.public(), budget).await).await;
}

/// A relay that admits whom the chain knows.
pub(crate) async fn start_relay(lab: &Lab, number: u8, url: &str) -> RelayProcess {
	let folder = tempfile::tempdir().unwrap();
	let arguments = ["--node", url, "--receipts", "receipts.redb"].map(str::to_owned).to_vec();
	RelayProcess::start_in(lab, number, folder, arguments).await
}

/// Runs a command of `io-relay` in a relay's folder; what it printed, or its complaint.
async fn operate(lab: &Lab, relay: &RelayProcess, words: &[&str]) -> Result<String, String> {
	let mut command = lab.command(&relay.place, env!("CARGO_BIN_EXE_io-relay"));
	let output = command.current_dir(relay.folder()).args(words).output().await.unwrap();
	let (said, complaint) =
		(String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
	if output.status.success() { Ok(said) } else { Err(complaint) }
}

/// Puts a relay on the map, with the command of its operator.
pub(crate) async fn register_relay(
	lab: &Lab,
	relay: &RelayProcess,
	url: &str,
	operator: &str,
) -> Result<String, String> {
	let quic_port = relay.listed.quic_port.unwrap().to_string();
	let region = String::from_utf8(relay.listed.region.into()).unwrap();
	let on_chain = ["register", "--node", url, "--key", "key", "--dev-account", operator];
	let offer = ["--url", &relay.listed.url, "--tls-cert", "cert.pem", "--quic-port", &quic_port];
	let terms = ["--region", &region, "--capacity", "1000", "--price", PRICE];
	operate(lab, relay, &[&on_chain[..], &offer, &terms].concat()).await
}

fn listed(map: &io_primitives::mesh::RelayMap<AccountId>) -> RelayList {
	RelayList::new(ListedRelay::on(map))
}

/// Waits until a relay lets an endpoint in.
async fn admitted(secret: [u8; 32], relay: &ListedRelay, list: &RelayList) -> Arc<QuicTransport> {
	tokio::time::timeout(LIMIT, async {
		loop {
			match lane(secret, relay, list, false).await {
				Ok(lane) => return lane,
				Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
			}
		}
	})
	.await
	.unwrap()
}

pub(crate) async fn chain(lab: Lab) -> String {
	let Some(binary) = binary("io-node") else {
		return ": NOT TESTED, io-node is not built (IO_NODE_BIN)".into();
	};
	lab.udp(false).await;
	let (_node, url) = start_node(&lab, binary).await;
	let chain = connect(&url).await;
	let relays = [start_relay(&lab, 0, &url).await, start_relay(&lab, 1, &url).await];
	let [first, second] = relays.each_ref().map(|relay| &relay.listed);

	// One of the two bonds, with its operator's own command.
	let said = register_relay(&lab, &relays[0], &url, "charlie").await.unwrap();
	assert!(said.contains("100 IO"), "{said}");
	let again = register_relay(&lab, &relays[0], &url, "charlie").await.unwrap_err();
	assert!(again.contains("IoMesh."), "{again}");
	let map = listed(&chain.relay_map(None).await.unwrap());
	assert_eq!(map.find(&first.url).map(|relay| relay.pin), Some(first.pin));
	assert_eq!(map.find(&second.url), None, "a relay without bond is on the map");

	// Who is not registered is refused.
	let both = RelayList::new(vec![first.clone(), second.clone()]);
	let refused = lane(secret(CLIENT, 0), first, &both, false).await.unwrap_err().to_string();
	assert!(refused.contains("not registered"), "{refused}");
	let hot = sr25519::Pair::from_seed(&HOT);
	register_worker(&chain, &hot, IO).await;
	register_endpoints(&chain, WORKER, &dev::eve(), Some(&hot)).await;
	register_endpoints(&chain, CLIENT, &dev::dave(), None).await;
	for (peer, number) in [(WORKER, 0), (WORKER, 1), (CLIENT, 0), (CLIENT, 1)] {
		let relay = if number == 0 { first } else { second };
		admitted(secret(peer, number), relay, &both).await.close().await;
	}

	// The worker is at both; the client goes by the map and uses the bonded one only.
	let _worker = worker(&lab, &[first, second], Paths::Relays, SIZE).await;
	let direct = Paths::Relays.direct(&lab);
	let bonded = node(CLIENT, &[first], direct, vec![]).await;
	let session = bonded.session(&worker_address([first, second]), SessionConfig::default());
	session.lanes()[0].linked().await;
	let report = fetch_all(&session, SIZE).await;
	assert_eq!(report.by_lane[0], [SIZE, 0]);
	drop(session);
	bonded.close().await;

	// The worker signs for what it had carried, and the relay's operator is paid to the unit.
	let receipt = bring_receipt(&chain, &hot, first, &both).await;
	let price = io_client::amount::parse(PRICE).unwrap();
	let due = owed(receipt.receipt.bytes, price);
	let charlie = Client::account_of(&dev::charlie());
	let before = chain.balance(&charlie).await.unwrap().free;
	let relay0 = &relays[0];
	let from = format!("http://{}", relay0.metrics);
	// Dave pays the fee; Charlie, who runs the relay, is paid.
	let words = ["claim", "--node", &url, "--key", "key", "--dev-account", "dave", "--from", &from];
	let said = operate(&lab, relay0, &words).await.unwrap();
	let paid = chain.balance(&charlie).await.unwrap().free - before;
	assert_eq!(paid, due, "{said}");
	// A second time brings nothing.
	let said = operate(&lab, relay0, &words).await.unwrap();
	assert!(said.starts_with("0 IO"), "{said}");
	assert_eq!(chain.balance(&charlie).await.unwrap().free - before, due);

	// Who is taken off the list is put out, and not let in again.
	let inside = admitted(secret(CLIENT, 0), first, &both).await;
	let removed = EndpointKey::from_raw(endpoint(CLIENT, 0).0);
	done(chain.remove_endpoint(&dev::dave(), &removed).await).await;
	let put_out = async {
		while inside.online(Duration::ZERO).await.is_ok() {
			tokio::time::sleep(Duration::from_millis(200)).await;
		}
	};
	tokio::time::timeout(Duration::from_secs(30), put_out).await.unwrap();
	let refused = lane(secret(CLIENT, 0), first, &both, false).await.unwrap_err().to_string();
	assert!(refused.contains("not registered"), "{refused}");
	lab.udp(true).await;
	format!(
		": a receipt for {} bytes, {} paid",
		receipt.receipt.bytes,
		io_client::amount::display(due)
	)
}

/// The worker's daemon meets the relay and gives it a receipt.
async fn bring_receipt(
	chain: &Client,
	hot: &sr25519::Pair,
	relay: &ListedRelay,
	list: &RelayList,
) -> SignedReceipt {
	let at_relay: Arc<dyn Transport> = admitted(secret(WORKER, 1), relay, list).await;
	let epoch = chain.relay_map(None).await.unwrap().epoch;
	// The worker process has the real meter; a daemon that was restarted has signed for so much before.
	let meter = Meter::new(at_relay.clone(), relay.id.0, epoch, SIZE);
	let mesh = Mesh::builder().lane(at_relay).relays(list.clone()).start().unwrap();
	let receipt = meter.receipt(chain.genesis(), hot.public(), |payload| hot.sign(payload));
	let to_relay = io_mesh::PeerAddress::new(vec![io_mesh::LaneAddress {
		endpoint: relay.id,
		relay: Some(relay.url.clone()),
		direct: Vec::new(),
	}]);
	let session = mesh.session(&to_relay.unwrap(), SessionConfig::default());
	give(&session, &receipt).await.unwrap();
	drop(session);
	mesh.close().await;
	receipt
}
