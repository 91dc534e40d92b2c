//! Plain TCP: what the machine can do.

use std::{io, time::Instant};

use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::{TcpListener, TcpStream},
};

use crate::{BULK, Path, ROUNDS, median, rate};

pub(crate) async fn measure() -> io::Result<Path> {
	let listener = TcpListener::bind("127.0.0.1:0").await?;
	let address = listener.local_addr()?;
	tokio::spawn(async move {
		let (mut socket, _) = listener.accept().await?;
		socket.set_nodelay(true)?;
		let mut question = [0; 64];
		for _ in 0..ROUNDS {
			socket.read_exact(&mut question).await?;
			socket.write_all(&question).await?;
		}
		let piece = vec![0; 64 * 1024];
		for _ in 0..BULK / piece.len() as u64 {
			socket.write_all(&piece).await?;
		}
		Ok::<_, io::Error>(())
	});
	let mut socket = TcpStream::connect(address).await?;
	socket.set_nodelay(true)?;
	let mut times = Vec::new();
	let mut question = [0; 64];
	for _ in 0..ROUNDS {
		let asked = Instant::now();
		socket.write_all(&question).await?;
		socket.read_exact(&mut question).await?;
		times.push(asked.elapsed());
	}
	let begun = Instant::now();
	let mut piece = vec![0; 64 * 1024];
	let mut got = 0;
	while got < BULK {
		got += socket.read(&mut piece).await? as u64;
	}
	Ok(Path { rate: rate(got, begun), latency: median(times) })
}
