//! Reaching a service of a worker through the mesh.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::{TcpListener, TcpStream},
};

use super::mesh::{Place, RUN_BLOCKS, begin};
use crate::{process::Process, programs, worker::Options, world::World};

/// Bytes that are sent to the service and come back.
const BYTES: usize = 4 << 20;

pub(super) async fn run(world: &mut World) -> Result<()> {
	let service = TcpListener::bind("127.0.0.1:0").await?;
	let port = service.local_addr()?.port();
	tokio::spawn(echo(service));
	let hidden = TcpListener::bind("127.0.0.1:0").await?;
	let hidden_port = hidden.local_addr()?.port();
	let options = Options { expose: vec![format!("echo={port}")], ..Options::default() };
	let mut place = Place::new(world, "tunnel", 1, options).await?;

	let program = world.dir.join("tunnel.wasm");
	// Long enough for all that is done before its end, on a slow machine too.
	std::fs::write(&program, programs::work(100)?)?;
	let args = place.submit(&program, None, &["--replicas=1", "--quorum=1", "--watch"]);
	let (mut submitting, job) = begin(world, &place.market, args).await?;
	world.step(format!("job {job} runs"));

	let mut open = vec![format!("--node={}", world.node.url()), "--json".into()];
	open.extend(["tunnel".into(), "open".into(), job.to_string()]);
	open.extend([format!("0:{port}"), format!("0:{hidden_port}")]);
	open.extend(place.options());
	let log = world.dir.join("tunnel-open.log");
	let mut tunnel = Process::start("io tunnel open", &world.binaries.cli, &open, &log)?;
	world.watch_log("io tunnel open", &log);
	let [local, local_hidden] = opened(&mut tunnel).await?;

	round_trip(&local, None).await.context("through the tunnel")?;
	world.step(format!("{} MiB went to the service and back", BYTES >> 20));
	let mut socket = TcpStream::connect(&local_hidden).await?;
	socket.write_all(b"knock").await.ok();
	let closed = tokio::time::timeout(Duration::from_secs(20), socket.read(&mut [0; 1])).await?;
	ensure!(matches!(closed, Ok(0) | Err(_)), "a port was reached that is not exposed");
	ensure!(
		tokio::time::timeout(Duration::from_millis(300), hidden.accept()).await.is_err(),
		"the worker connected to a port that is not exposed"
	);
	world.step("a port that the worker does not expose cannot be reached");

	let relay = &mut place.relays[0];
	round_trip(&local, Some(relay)).await.context("while a relay is killed")?;
	world.step("a connection lost and doubled nothing when a relay was killed");

	// When the job is over, so is the access.
	world.wait_end(job, world.job_limit(RUN_BLOCKS)).await?;
	submitting.wait(Duration::from_secs(60)).await?;
	ensure!(
		submitting.output().lines().any(|line| line.contains("\"progress\"")),
		"the worker did not tell how it gets on: {}",
		submitting.output()
	);
	let until = Instant::now() + Duration::from_secs(30);
	while round_trip(&local, None).await.is_ok() {
		ensure!(Instant::now() < until, "the service can still be reached after the job has ended");
		tokio::time::sleep(Duration::from_millis(500)).await;
	}
	world.step("after the job's end the service cannot be reached any more");
	tunnel.terminate(Duration::from_secs(20)).await?;
	Ok(())
}

/// Sends back what comes.
async fn echo(listener: TcpListener) {
	while let Ok((socket, _)) = listener.accept().await {
		tokio::spawn(async move {
			let (mut from, mut to) = socket.into_split();
			let _ = tokio::io::copy(&mut from, &mut to).await;
		});
	}
}

/// Sends bytes to the service, in the middle of which a relay may be killed, and checks what comes back.
async fn round_trip(at: &str, relay: Option<&mut crate::relays::Relay>) -> Result<()> {
	let sent: Vec<u8> = (0..BYTES).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
	let (mut from, mut to) = TcpStream::connect(at).await?.into_split();
	let (first, second) = sent.split_at(BYTES / 2);
	let sending = async {
		to.write_all(first).await?;
		if let Some(relay) = relay {
			relay.kill().await?;
		}
		to.write_all(second).await?;
		to.shutdown().await?;
		Ok::<_, anyhow::Error>(())
	};
	let receiving = async {
		let mut received = Vec::new();
		from.read_to_end(&mut received).await?;
		Ok::<_, anyhow::Error>(received)
	};
	let both = async { tokio::try_join!(sending, receiving) };
	let ((), received) = tokio::time::timeout(Duration::from_secs(60), both).await??;
	ensure!(received == sent, "{} bytes came back, not those that were sent", received.len());
	Ok(())
}

/// The local addresses of the tunnels.
async fn opened<const N: usize>(tunnel: &mut Process) -> Result<[String; N]> {
	let until = Instant::now() + Duration::from_secs(60);
	loop {
		let found: Vec<String> = tunnel
			.output()
			.lines()
			.filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
			.filter(|json| json["type"] == "open")
			.filter_map(|json| Some(json["local"].as_str()?.to_owned()))
			.collect();
		if let Ok(found) = found.try_into() {
			return Ok(found);
		}
		if tunnel.ended()?.is_some() {
			bail!("io tunnel open: {}", tunnel.output());
		}
		ensure!(Instant::now() < until, "the tunnel does not open: {}", tunnel.output());
		tokio::time::sleep(Duration::from_millis(100)).await;
	}
}
