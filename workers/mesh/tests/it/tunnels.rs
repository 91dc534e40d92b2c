use std::{
	collections::HashMap,
	net::SocketAddr,
	sync::{
		Arc,
		atomic::{AtomicBool, AtomicU64, Ordering},
	},
	time::Duration,
};

use io_mesh::{
	Error, Mesh, MeshSession, Peer,
	error::Refusal,
	frame,
	metrics::Metrics,
	tunnel::{
		Forward, Frame, Hello, PROTOCOL, Services, TunnelConfig, TunnelServer, WINDOW, connect,
	},
};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::{TcpListener, TcpStream},
};

use crate::support::*;

/// The port that clients name.
const PORT: u16 = 22;

struct Tunnels {
	world: World,
	worker: Mesh,
	client: Mesh,
	session: Arc<MeshSession>,
}

/// A worker that lets [`CLIENT`] reach this service at [`PORT`].
async fn tunnels(lanes: usize, service: SocketAddr) -> Tunnels {
	tunnels_to(lanes, Arc::new(HashMap::from([((CLIENT, PORT), service)]))).await
}

async fn tunnels_to(lanes: usize, services: Arc<dyn Services>) -> Tunnels {
	let world = World::new(lanes);
	let metrics = Metrics::default();
	let server = Arc::new(TunnelServer::new(services, metrics.clone()));
	let worker = world.node(WORKER, vec![server], &metrics);
	let client = world.node(CLIENT, vec![], &Metrics::default());
	let session = Arc::new(session(&client, &worker).await);
	Tunnels { world, worker, client, session }
}

impl Tunnels {
	/// The worker dies, and comes back without any memory of tunnels.
	fn restart(&mut self) {
		let metrics = Metrics::default();
		let services = HashMap::<(Peer, u16), SocketAddr>::new();
		let server = Arc::new(TunnelServer::new(Arc::new(services), metrics.clone()));
		self.worker = self.world.node(WORKER, vec![server], &metrics);
		self.world.lanes.iter().for_each(|lane| lane.kill());
	}

	/// A local port that leads to the service.
	async fn forward(&self) -> SocketAddr {
		let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
		let address = listener.local_addr().unwrap();
		let forward = Forward::new(self.session.clone(), listener, PORT, TunnelConfig::default());
		tokio::spawn(forward.run(|_| ()));
		address
	}
}

/// A service that sends back what it gets, and ends when its client does.
async fn echo() -> SocketAddr {
	let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
	let address = listener.local_addr().unwrap();
	tokio::spawn(async move {
		while let Ok((socket, _)) = listener.accept().await {
			tokio::spawn(async move {
				let (mut from, mut to) = socket.into_split();
				let _ = tokio::io::copy(&mut from, &mut to).await;
			});
		}
	});
	address
}

/// A service that sends these bytes to its one client, and then only listens.
async fn speaker(bytes: Vec<u8>) -> SocketAddr {
	let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
	let address = listener.local_addr().unwrap();
	tokio::spawn(async move {
		let (mut socket, _) = listener.accept().await.unwrap();
		socket.write_all(&bytes).await.unwrap();
		socket.shutdown().await.unwrap();
		let _ = socket.read_to_end(&mut Vec::new()).await;
	});
	address
}

/// Sends bytes through and checks that the same come back.
async fn assert_echoed(address: SocketAddr, sent: &[u8]) {
	let (mut from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
	let mut back = Vec::new();
	let send = async {
		to.write_all(sent).await.unwrap();
		to.shutdown().await.unwrap();
	};
	let both = async { tokio::join!(send, from.read_to_end(&mut back)).1 };
	tokio::time::timeout(LIMIT, both).await.unwrap().unwrap();
	assert!(back == sent, "{} bytes of {} came back", back.len(), sent.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn should_carry_both_directions_and_their_ends_when_all_is_well() {
	let tunnels = tunnels(2, echo().await).await;
	let address = tunnels.forward().await;
	for length in [0, 1, 3 * WINDOW as u64 + 7] {
		assert_echoed(address, &bytes(length, length)).await;
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn should_lose_and_double_nothing_when_its_lane_falls_silent() {
	let tunnels = tunnels(2, echo().await).await;
	tunnels.session.lanes()[1].linked().await;
	tunnels.world.lanes.iter().for_each(|lane| lane.set_rate(8 << 20));
	let address = tunnels.forward().await;
	let sent = bytes(12 << 20, 5);
	let fault = async {
		for lane in [0, 1, 0] {
			tokio::time::sleep(Duration::from_millis(700)).await;
			tunnels.world.lanes[1 - lane].set_up(true);
			tunnels.world.lanes[lane].set_up(false);
		}
	};
	tokio::join!(assert_echoed(address, &sent), fault);
	assert!(tunnels.client.metrics().tunnel_moves.get() >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_go_on_over_another_lane_when_each_endpoint_is_a_peer_of_its_own() {
	let (world, service) = (World::new(2), echo().await);
	let peers = [0, 1].map(|lane| (endpoint(CLIENT, lane), Peer(endpoint(CLIENT, lane).0)));
	let services = HashMap::from(peers.map(|(_, peer)| ((peer, PORT), service)));
	let server = Arc::new(TunnelServer::new(Arc::new(services), Metrics::default()));
	let mut worker = Mesh::builder().admission(Arc::new(HashMap::from(peers))).protocol(server);
	for lane in world.endpoints(WORKER) {
		worker = worker.lane(lane);
	}
	let worker = worker.start().unwrap();
	let client = world.node(CLIENT, vec![], &Metrics::default());
	let session = Arc::new(session(&client, &worker).await);
	let tunnels = Tunnels { world, worker, client, session };
	tunnels.session.lanes()[1].linked().await;
	tunnels.world.lanes.iter().for_each(|lane| lane.set_rate(8 << 20));
	let address = tunnels.forward().await;
	let sent = bytes(8 << 20, 7);
	let fault = async {
		tokio::time::sleep(Duration::from_millis(500)).await;
		let best = tunnels.session.ranked()[0].number();
		tunnels.world.lanes[best].set_up(false);
	};
	tokio::join!(assert_echoed(address, &sent), fault);
	assert!(tunnels.client.metrics().tunnel_moves.get() >= 1);
}

/// Says hello over a link of this peer's; the answer.
async fn greet(tunnels: &Tunnels, peer: Peer, hello: Hello) -> Result<u64, Refusal> {
	let node = tunnels.world.node(peer, vec![], &Metrics::default());
	let session = session(&node, &tunnels.worker).await;
	session.request(PROTOCOL, &hello, 16).await.map_err(|error| match error {
		Error::Refused(refusal) => refusal,
		error => panic!("{error}"),
	})
}

#[tokio::test(flavor = "multi_thread")]
async fn should_not_go_on_for_a_peer_that_may_not_reach_the_port() {
	let tunnels = tunnels(1, echo().await).await;
	let id = [7; 16];
	assert_eq!(greet(&tunnels, CLIENT, Hello::Open(id, PORT)).await, Ok(0));
	assert_eq!(greet(&tunnels, OTHER, Hello::Resume(id, 0)).await, Err(Refusal::NotFound));
	assert_eq!(greet(&tunnels, OTHER, Hello::Open(id, PORT)).await, Err(Refusal::Port));
	assert_eq!(greet(&tunnels, CLIENT, Hello::Resume(id, 0)).await, Ok(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn should_say_again_that_all_was_handed_on_when_the_client_did_not_hear_it() {
	let tunnels = tunnels(1, echo().await).await;
	let (id, lane) = ([7; 16], &tunnels.session.lanes()[0]);
	let greet = async |hello: Hello| {
		let mut stream = lane.open(PROTOCOL, &frame::encode(&hello).unwrap()).await.unwrap();
		let answer: Result<u64, Refusal> = frame::read(&mut stream.recv, 16).await.unwrap();
		assert_eq!(answer, Ok(0));
		stream
	};
	let mut stream = greet(Hello::Open(id, PORT)).await;
	// Both directions end without a byte, and the client is gone before the server's last word.
	frame::write(&mut stream.send, &Frame::End(0)).await.unwrap();
	while frame::read::<Frame>(&mut stream.recv, 64).await.unwrap() != Frame::End(0) {}
	frame::write(&mut stream.send, &Frame::Taken(1)).await.unwrap();
	stream.send.shutdown().await.unwrap();
	tokio::time::sleep(Duration::from_millis(300)).await;
	drop(stream);

	let mut stream = greet(Hello::Resume(id, 0)).await;
	assert_eq!(frame::read::<Frame>(&mut stream.recv, 64).await.unwrap(), Frame::Taken(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn should_open_on_the_other_lane_when_the_first_falls_silent_at_that_moment() {
	let tunnels = tunnels(2, echo().await).await;
	tunnels.session.lanes()[1].linked().await;
	let best = tunnels.session.ranked()[0].number();
	tunnels.world.lanes[best].set_up(false);
	let (local, mut other) = tokio::io::duplex(16);
	let (from, to) = tokio::io::split(local);
	// Less than a service may take to be dialed: the silent lane alone would use it up.
	let config = TunnelConfig { patience: Duration::from_secs(4) };
	let talk = async {
		other.write_all(b"a").await.unwrap();
		assert_eq!(other.read_u8().await.unwrap(), b'a');
		other.shutdown().await.unwrap();
		assert!(other.read_u8().await.is_err());
	};
	let both = async { tokio::join!(connect(&tunnels.session, from, to, PORT, config), talk).0 };
	tokio::time::timeout(LIMIT, both).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn should_go_on_when_every_link_was_lost_and_came_back() {
	let tunnels = tunnels(2, echo().await).await;
	tunnels.world.lanes.iter().for_each(|lane| lane.set_rate(8 << 20));
	let address = tunnels.forward().await;
	let sent = bytes(8 << 20, 6);
	let fault = async {
		tokio::time::sleep(Duration::from_millis(500)).await;
		for lane in &tunnels.world.lanes {
			lane.set_up(false);
			lane.kill();
		}
		tokio::time::sleep(Duration::from_millis(1500)).await;
		tunnels.world.lanes.iter().for_each(|lane| lane.set_up(true));
	};
	tokio::join!(assert_echoed(address, &sent), fault);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_hand_over_what_came_when_the_worker_then_forgets_the_tunnel() {
	let sent = bytes(100_000, 8);
	let mut tunnels = tunnels(1, speaker(sent.clone()).await).await;
	let (local, mut other) = tokio::io::duplex(16);
	let (from, to) = tokio::io::split(local);
	let session = tunnels.session.clone();
	let tunnel =
		tokio::spawn(
			async move { connect(&session, from, to, PORT, TunnelConfig::default()).await },
		);
	other.shutdown().await.unwrap();
	// All but 16 bytes of it come, and wait.
	tokio::time::sleep(Duration::from_millis(500)).await;
	tunnels.restart();
	tokio::time::sleep(Duration::from_millis(500)).await;
	let mut came = Vec::new();
	let read = tokio::time::timeout(LIMIT, other.read_to_end(&mut came)).await.unwrap();
	read.unwrap();
	assert!(came == sent, "{} bytes of {} came", came.len(), sent.len());
	tunnel.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn should_report_the_loss_when_the_worker_forgets_the_tunnel_with_our_bytes_under_way() {
	let mut tunnels = tunnels(1, speaker(b"all".to_vec()).await).await;
	let (local, mut other) = tokio::io::duplex(1024);
	let (from, to) = tokio::io::split(local);
	let session = tunnels.session.clone();
	let tunnel =
		tokio::spawn(
			async move { connect(&session, from, to, PORT, TunnelConfig::default()).await },
		);
	let mut came = Vec::new();
	other.read_to_end(&mut came).await.unwrap();
	assert_eq!(came, b"all");
	tunnels.world.lanes[0].set_up(false);
	other.write_all(&[0; 100]).await.unwrap();
	other.shutdown().await.unwrap();
	tunnels.restart();
	tunnels.world.lanes[0].set_up(true);
	let ended = tokio::time::timeout(LIMIT, tunnel).await.unwrap().unwrap();
	assert!(matches!(ended, Err(Error::Refused(Refusal::NotFound))), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn should_refuse_when_the_port_is_not_on_the_list() {
	let tunnels = tunnels(1, echo().await).await;
	let (local, _other) = tokio::io::duplex(16);
	let (from, to) = tokio::io::split(local);
	let error = connect(&tunnels.session, from, to, PORT + 1, TunnelConfig::default()).await;
	assert!(matches!(error, Err(Error::Refused(Refusal::Port))), "{error:?}");
}

/// Services that can be taken away.
#[derive(Debug)]
struct Revocable(SocketAddr, AtomicBool);

impl Services for Revocable {
	fn target(&self, _: Peer, _: u16) -> Option<SocketAddr> {
		(!self.1.load(Ordering::Relaxed)).then_some(self.0)
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn should_break_off_when_the_port_is_taken_off_the_list() {
	let services = Arc::new(Revocable(echo().await, AtomicBool::new(false)));
	let tunnels = tunnels_to(1, services.clone()).await;
	let mut socket = TcpStream::connect(tunnels.forward().await).await.unwrap();
	socket.write_all(b"a").await.unwrap();
	assert_eq!(socket.read_u8().await.unwrap(), b'a');
	services.1.store(true, Ordering::Relaxed);
	let read = tokio::time::timeout(LIMIT, socket.read_u8()).await.unwrap();
	assert!(read.is_err(), "{read:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn should_refuse_when_the_service_does_not_run() {
	let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
	let tunnels = tunnels(1, closed).await;
	let (local, _other) = tokio::io::duplex(16);
	let (from, to) = tokio::io::split(local);
	let error = connect(&tunnels.session, from, to, PORT, TunnelConfig::default()).await;
	assert!(matches!(error, Err(Error::Refused(Refusal::Service))), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn should_break_off_when_the_service_does() {
	let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
	let service = listener.local_addr().unwrap();
	tokio::spawn(async move {
		let (mut socket, _) = listener.accept().await.unwrap();
		socket.read_u8().await.unwrap();
		// With bytes unread this resets the connection.
		drop(socket);
	});
	let tunnels = tunnels(1, service).await;
	let mut socket = TcpStream::connect(tunnels.forward().await).await.unwrap();
	socket.write_all(&[0; 100]).await.unwrap();
	let mut rest = Vec::new();
	let read = tokio::time::timeout(LIMIT, socket.read_to_end(&mut rest)).await.unwrap();
	assert!(read.is_err(), "it looks like a regular end");
}

#[tokio::test(flavor = "multi_thread")]
async fn should_hold_the_sender_back_when_nobody_reads() {
	let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
	let tunnels = tunnels(1, listener.local_addr().unwrap()).await;
	let address = tunnels.forward().await;
	let mut socket = TcpStream::connect(address).await.unwrap();
	let (service, _) = listener.accept().await.unwrap();
	let sent = Arc::new(AtomicU64::new(0));
	let counted = sent.clone();
	let writer = tokio::spawn(async move {
		let piece = vec![0; 64 * 1024];
		while socket.write_all(&piece).await.is_ok() {
			counted.fetch_add(piece.len() as u64, Ordering::Relaxed);
		}
	});
	let mut before = u64::MAX;
	while before != sent.load(Ordering::Relaxed) {
		before = sent.load(Ordering::Relaxed);
		tokio::time::sleep(Duration::from_millis(500)).await;
	}
	// Our two windows, and what the kernel keeps for the sockets at both ends (6 MiB and 4 MiB at most by default, each).
	assert!(before < 2 * WINDOW as u64 + (24 << 20), "{before}");
	writer.abort();
	drop(service);
}
