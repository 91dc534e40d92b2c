//! An iroh endpoint as the library gives it: default transport settings, one stream.

use std::{error::Error, net::Ipv4Addr, sync::Arc, time::Instant};

use iroh::{Endpoint, EndpointAddr, RelayMap, RelayMode, RelayUrl, endpoint::presets};
use iroh_relay::server::{RelayConfig, Server, ServerConfig};

use crate::{BULK, Path, ROUNDS, median, rate};

pub(crate) const ALPN: &[u8] = b"bench";
type Failed = Box<dyn Error>;

/// A stock relay that admits everybody.
pub(crate) async fn relay() -> Result<(Server, RelayUrl), Failed> {
	let mut config = ServerConfig::default();
	config.relay = Some(RelayConfig::new((Ipv4Addr::LOCALHOST, 0)));
	let server = Server::spawn(config).await?;
	let url = format!("http://{}", server.http_addr().ok_or("no address")?).parse()?;
	Ok((server, url))
}

/// An endpoint; with relays it uses nothing else.
pub(crate) async fn endpoint(relays: &[RelayUrl]) -> Result<Endpoint, Failed> {
	let mut builder = Endpoint::builder(presets::Minimal).alpns(vec![ALPN.to_vec()]);
	if relays.is_empty() {
		builder = builder.clear_ip_transports().bind_addr("127.0.0.1:0")?;
	} else {
		let map = RelayMap::empty();
		for url in relays {
			map.insert(url.clone(), Arc::new(iroh::RelayConfig::new(url.clone(), None)));
		}
		builder = builder.relay_mode(RelayMode::Custom(map)).clear_ip_transports();
	}
	let endpoint = builder.bind().await?;
	if !relays.is_empty() {
		endpoint.online().await;
	}
	Ok(endpoint)
}

pub(crate) async fn measure(relayed: bool) -> Result<Path, Failed> {
	let relay = if relayed { Some(relay().await?) } else { None };
	let relays: Vec<_> = relay.iter().map(|(_, url)| url.clone()).collect();
	let (server, client) = (endpoint(&relays).await?, endpoint(&relays).await?);
	let mut address = EndpointAddr::new(server.id());
	address = match relays.first() {
		Some(url) => address.with_relay_url(url.clone()),
		None => address.with_addrs(server.addr().addrs),
	};
	let serving = server.clone();
	tokio::spawn(async move {
		let connection = serving.accept().await.ok_or("closed")?.await?;
		let (mut send, mut recv) = connection.accept_bi().await?;
		let mut question = [0; 64];
		for _ in 0..ROUNDS {
			recv.read_exact(&mut question).await?;
			send.write_all(&question).await?;
		}
		let piece = vec![0; 64 * 1024];
		for _ in 0..BULK / piece.len() as u64 {
			send.write_all(&piece).await?;
		}
		send.finish()?;
		connection.closed().await;
		Ok::<_, Box<dyn Error + Send + Sync>>(())
	});
	let connection = client.connect(address, ALPN).await?;
	let (mut send, mut recv) = connection.open_bi().await?;
	let mut times = Vec::new();
	let mut question = [0; 64];
	for _ in 0..ROUNDS {
		let asked = Instant::now();
		send.write_all(&question).await?;
		recv.read_exact(&mut question).await?;
		times.push(asked.elapsed());
	}
	let begun = Instant::now();
	let mut piece = vec![0; 64 * 1024];
	let mut got = 0;
	while let Some(read) = recv.read(&mut piece).await? {
		got += read as u64;
	}
	let path = Path { rate: rate(got, begun), latency: median(times) };
	connection.close(0u32.into(), b"");
	client.close().await;
	server.close().await;
	Ok(path)
}
