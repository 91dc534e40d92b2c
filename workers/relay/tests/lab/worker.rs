//! The worker: serves a content, and an echo at port 22 of its tunnels. It hears commands on its standard input.

use std::{collections::HashMap, os::unix::fs::FileExt, sync::Arc};

use io_mesh::{EndpointId, ListedRelay, Peer, metrics::Metrics, tunnel::TunnelServer};
use tokio::{
	io::{AsyncBufReadExt, BufReader},
	net::TcpListener,
};

use crate::{
	place,
	support::{CLIENT, WORKER, anywhere, random, serve},
};

/// The port that clients name.
pub(crate) const ECHO: u16 = 22;
/// The byte that `spoil` changes.
pub(crate) const SPOILED: u64 = (5 << 20) + 77;

/// `SIZE direct|relays RELAY...`, each relay as `URL QUIC_PORT PIN`.
pub(crate) async fn run(arguments: &[String]) {
	let [size, direct, relays @ ..] = arguments else { panic!("{arguments:?}") };
	let served = serve(random(size.parse().unwrap()));
	let relays: Vec<ListedRelay> = relays.iter().map(|relay| parse(relay)).collect();
	let listener = TcpListener::bind(anywhere()).await.unwrap();
	let services = HashMap::from([((Peer([CLIENT; 32]), ECHO), listener.local_addr().unwrap())]);
	tokio::spawn(echo(listener));
	let tunnels = Arc::new(TunnelServer::new(Arc::new(services), Metrics::default()));
	let relays: Vec<_> = relays.iter().collect();
	let protocols = vec![served.server.clone(), tunnels];
	let _node = place::node(WORKER, &relays, direct == "direct", protocols).await;
	println!("ready");
	let mut commands = BufReader::new(tokio::io::stdin()).lines();
	while let Some(command) = commands.next_line().await.unwrap() {
		assert_eq!(command, "spoil");
		let content = served.folder.path().join("content");
		let file = std::fs::File::options().read(true).write(true).open(content).unwrap();
		let mut byte = [0];
		file.read_exact_at(&mut byte, SPOILED).unwrap();
		file.write_all_at(&[byte[0] ^ 1], SPOILED).unwrap();
		println!("spoiled");
	}
}

fn parse(relay: &str) -> ListedRelay {
	let words: Vec<_> = relay.split(' ').collect();
	let [url, quic_port, pin] = words[..] else { panic!("{relay}") };
	ListedRelay {
		id: EndpointId([0; 32]),
		url: url.to_owned(),
		pin: Some(hex::decode(pin).unwrap().try_into().unwrap()),
		quic_port: Some(quic_port.parse().unwrap()),
		operator: [0; 32],
		region: *b"XX",
	}
}

async fn echo(listener: TcpListener) {
	loop {
		let (socket, _) = listener.accept().await.unwrap();
		tokio::spawn(async move {
			let (mut from, mut to) = socket.into_split();
			let _ = tokio::io::copy(&mut from, &mut to).await;
		});
	}
}
