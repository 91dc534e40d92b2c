//! A slow line: a TCP proxy that holds everything back for a while, as kernels with netem do.

use std::{net::SocketAddr, time::Duration};

use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::{
		TcpListener, TcpStream,
		tcp::{OwnedReadHalf, OwnedWriteHalf},
	},
	sync::mpsc,
	time::Instant,
};

/// Pieces in flight each way.
const WINDOW: usize = 256;

/// `LISTEN TO MILLISECONDS`: the time is added to each direction.
pub(crate) async fn run(arguments: &[String]) {
	let [listen, to, delay] = arguments else { panic!("{arguments:?}") };
	let to: SocketAddr = to.parse().unwrap();
	let delay = Duration::from_millis(delay.parse().unwrap());
	let listener = TcpListener::bind(listen).await.unwrap();
	println!("ready");
	loop {
		let (client, _) = listener.accept().await.unwrap();
		tokio::spawn(async move {
			let Ok(server) = TcpStream::connect(to).await else { return };
			let _ = (client.set_nodelay(true), server.set_nodelay(true));
			let (from_client, to_client) = client.into_split();
			let (from_server, to_server) = server.into_split();
			tokio::join!(pass(from_client, to_server, delay), pass(from_server, to_client, delay));
		});
	}
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
	let (line_in, mut line_out) = mpsc::channel::<(Instant, Vec<u8>)>(WINDOW);
	let take = async move {
		let mut bytes = vec![0; 16 * 1024];
		while let Ok(length @ 1..) = from.read(&mut bytes).await {
			let due = Instant::now() + delay;
			if line_in.send((due, bytes[..length].to_vec())).await.is_err() {
				return;
			}
		}
	};
	let give = async move {
		while let Some((due, bytes)) = line_out.recv().await {
			tokio::time::sleep_until(due).await;
			if to.write_all(&bytes).await.is_err() {
				return;
			}
		}
	};
	tokio::join!(take, give);
}
