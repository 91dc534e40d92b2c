//! What is to be seen in the lab.

use std::{
	path::Path,
	pin::Pin,
	sync::Arc,
	time::{Duration, Instant},
};

use io_mesh::{
	Error, ListedRelay, MeshSession,
	blob::{Content, FetchConfig, FetchReport, fetch},
	job::{Body, say},
	session::SessionConfig,
	transport::{
		RelayTrust,
		quic::{LaneConfig, QuicTransport},
	},
	tunnel::{TunnelConfig, connect},
};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::TcpStream,
};

use crate::{
	chain, job,
	place::{
		Lab, Paths, RelayProcess, Talking, client, lane, list, node, relays, worker, worker_address,
	},
	support::{CLIENT, LIMIT, of_lane, random, secret, wait_for},
	worker::{ECHO, SPOILED},
};

/// A peer that nobody has registered.
const STRANGER: u8 = 9;
pub(crate) const MIB: u64 = 1 << 20;

type Ended = Pin<Box<dyn Future<Output = String> + Send>>;

/// All scenarios by name. What they return is shown.
pub(crate) fn all() -> Vec<(&'static str, fn(Lab) -> Ended)> {
	vec![
		("should_reach_a_worker_behind_nat_that_has_no_open_port", |lab| Box::pin(nat(lab))),
		("should_work_by_relay_when_udp_is_blocked", |lab| Box::pin(no_udp(lab))),
		("should_pause_less_than_a_second_when_a_relay_is_killed", |lab| Box::pin(killed(lab))),
		("should_go_on_when_both_relays_were_killed_and_came_back", |lab| {
			Box::pin(both_killed(lab))
		}),
		("should_refuse_an_endpoint_that_is_not_registered", |lab| Box::pin(unregistered(lab))),
		("should_not_use_a_relay_that_is_not_on_the_list", |lab| Box::pin(unlisted(lab))),
		("should_find_a_wrong_byte_within_its_chunk", |lab| Box::pin(corrupt(lab))),
		("should_not_wait_for_the_slow_lane", |lab| Box::pin(slow_lane(lab))),
		("should_prefer_the_nearer_relay", |lab| Box::pin(far_relay(lab))),
		("should_follow_the_chain_in_whom_to_let_in_and_be_paid", |lab| {
			Box::pin(chain::chain(lab))
		}),
		("should_settle_a_job_of_a_worker_behind_nat_that_has_no_open_port", |lab| {
			Box::pin(job::job(lab))
		}),
	]
}

/// What the worker serves.
fn content(size: u64) -> (Vec<u8>, Content) {
	let bytes = random(size as usize);
	let content = Content { hash: *blake3::hash(&bytes).as_bytes(), size };
	(bytes, content)
}

/// Fetches what the worker serves and checks every byte.
pub(crate) async fn fetch_all(session: &MeshSession, size: u64) -> FetchReport {
	let folder = tempfile::tempdir().unwrap();
	let to = folder.path().join("copy");
	let (bytes, content) = content(size);
	let sources = [session];
	let fetched = fetch(&sources, content, &to, FetchConfig::default());
	let report = tokio::time::timeout(LIMIT, fetched).await.unwrap().unwrap();
	assert_exact(&report, &bytes, &to);
	report
}

/// Nothing is lost, nothing came twice.
fn assert_exact(report: &FetchReport, bytes: &[u8], to: &Path) {
	assert!(std::fs::read(to).unwrap() == bytes);
	let came: u64 = report.by_lane.iter().flatten().sum();
	assert_eq!(came + report.resumed, bytes.len() as u64, "{report:?}");
	assert_eq!(report.corrupt, 0, "{report:?}");
}

/// Sends bytes through a tunnel and gets the same back.
async fn echo(session: &MeshSession, length: usize) {
	let sent = random(length);
	let (local, application) = tokio::io::duplex(64 * 1024);
	let ((from, to), (mut read, mut write)) =
		(tokio::io::split(local), tokio::io::split(application));
	let talk = async {
		let mut back = Vec::new();
		let send = async {
			write.write_all(&sent).await.unwrap();
			write.shutdown().await.unwrap();
		};
		tokio::join!(send, read.read_to_end(&mut back)).1.unwrap();
		back
	};
	let tunnel = connect(session, from, to, ECHO, TunnelConfig::default());
	let both = async { tokio::join!(tunnel, talk) };
	let (tunnel, back) = tokio::time::timeout(LIMIT, both).await.unwrap();
	tunnel.unwrap();
	assert!(back == sent);
}

fn directly(session: &MeshSession) -> usize {
	let links = session.lanes().iter().filter_map(|lane| lane.link());
	links.filter(|link| link.status().direct).count()
}

async fn nat(lab: Lab) -> String {
	let relays = relays(&lab).await;
	let relays = relays.each_ref().map(|relay| &relay.listed);
	let _worker = worker(&lab, &relays, Paths::Any, 32 * MIB).await;
	let (_client, session) = client(&lab, &relays, Paths::Any).await;
	echo(&session, 4 << 20).await;
	let report = fetch_all(&session, 32 * MIB).await;
	if !lab.is_whole() {
		return format!(": {:?}; no NAT here", report.by_lane[0]);
	}

	no_open_port(&lab, &[ECHO]).await;
	// And yet packets soon go from machine to machine.
	let punched = async {
		while directly(&session) < 2 {
			tokio::time::sleep(Duration::from_millis(50)).await;
		}
	};
	tokio::time::timeout(Duration::from_secs(30), punched).await.unwrap();
	let direct = fetch_all(&session, 32 * MIB).await;
	format!(": both lanes direct, then {:.0} MiB/s", speed(&direct))
}

/// The worker has no listener but on loopback, and at these ports of its NAT nothing comes in.
pub(crate) async fn no_open_port(lab: &Lab, ports: &[u16]) {
	let listening = lab.output("worker", &["ss", "-H", "-l", "-t", "-n"]).await;
	assert!(listening.contains("127.0.0.1:"), "nothing is seen: {listening}");
	let open = |line: &&str| !line.contains("127.0.0.1:");
	assert_eq!(listening.lines().filter(open).count(), 0, "{listening}");
	for port in ports {
		let knock = TcpStream::connect(lab.address("nat", *port));
		let knocked = tokio::time::timeout(Duration::from_secs(1), knock).await;
		assert!(!matches!(knocked, Ok(Ok(_))), "port {port} is open");
	}
}

/// MiB per second.
fn speed(report: &FetchReport) -> f64 {
	let came: u64 = report.by_lane.iter().flatten().sum();
	came as f64 / MIB as f64 / report.time.as_secs_f64()
}

async fn no_udp(lab: Lab) -> String {
	lab.udp(false).await;
	let relays = relays(&lab).await;
	let relays = relays.each_ref().map(|relay| &relay.listed);
	let _worker = worker(&lab, &relays, Paths::Relays, 32 * MIB).await;
	let (_client, session) = client(&lab, &relays, Paths::Relays).await;
	echo(&session, 4 << 20).await;
	let report = fetch_all(&session, 32 * MIB).await;
	assert_eq!(directly(&session), 0);
	lab.udp(true).await;
	format!(": {:.0} MiB/s by relays, {:?}", speed(&report), report.by_lane[0])
}

async fn killed(lab: Lab) -> String {
	const SIZE: u64 = 200 * MIB;
	let rounds: u8 =
		std::env::var("IO_LAB_ROUNDS").map_or(1, |rounds| rounds.parse().expect("IO_LAB_ROUNDS"));
	lab.udp(false).await;
	let (bytes, content) = content(SIZE);
	let mut relays = relays(&lab).await;
	let listed = relays.each_ref().map(|relay| relay.listed.clone());
	let listed = listed.each_ref();
	let _worker = worker(&lab, &listed, Paths::Relays, SIZE).await;
	let mut gaps = Vec::new();
	for round in 0..rounds {
		let (client, session) = client(&lab, &listed, Paths::Relays).await;
		let folder = tempfile::tempdir().unwrap();
		let to = folder.path().join("copy");
		let doomed = usize::from(round % 2);
		let fault = async {
			wait_for(&client, SIZE / 4).await;
			relays[doomed].kill().await;
			of_lane(&client, doomed as u32)
		};
		let sources = [&*session];
		let fetched = fetch(&sources, content, &to, FetchConfig::default());
		let both = async { tokio::join!(fetched, fault) };
		let (report, before) = tokio::time::timeout(LIMIT, both).await.unwrap();
		let report = report.unwrap();
		assert_exact(&report, &bytes, &to);
		// What was on the way to the disk, but nothing more, came after the death.
		let of_doomed = report.by_lane[0][doomed];
		assert!(of_doomed <= before + 8 * MIB, "{before} {report:?}");
		gaps.push(report.worst_gap);
		relays[doomed].restart().await;
		client.close().await;
	}
	lab.udp(true).await;
	let worst = *gaps.iter().max().unwrap();
	let shown: Vec<_> = gaps.iter().map(|gap| format!("{:.3}", gap.as_secs_f64())).collect();
	// On loopback other tests run at the same time.
	let most = Duration::from_secs(if lab.is_whole() { 1 } else { 3 });
	assert!(worst < most, "{shown:?}");
	format!(": {rounds} transfers of 200 MiB, longest time without a byte, s: {}", shown.join(" "))
}

async fn both_killed(lab: Lab) -> String {
	const SIZE: u64 = 48 * MIB;
	lab.udp(false).await;
	let mut relays = relays(&lab).await;
	let listed = relays.each_ref().map(|relay| relay.listed.clone());
	let listed = listed.each_ref();
	let _worker = worker(&lab, &listed, Paths::Relays, SIZE).await;
	let (client, session) = client(&lab, &listed, Paths::Relays).await;
	let fault = async {
		wait_for(&client, SIZE / 4).await;
		for relay in &mut relays {
			relay.kill().await;
		}
		tokio::time::sleep(Duration::from_secs(2)).await;
		for relay in &mut relays {
			relay.restart().await;
		}
		// A tunnel can be had again, too.
		echo(&session, 1 << 20).await;
	};
	let (report, ()) = tokio::join!(fetch_all(&session, SIZE), fault);
	lab.udp(true).await;
	// Otherwise they were not dead.
	assert!(report.worst_gap > Duration::from_secs(1), "{report:?}");
	format!(": dead for 2 s, {:.1} s without a byte", report.worst_gap.as_secs_f64())
}

async fn unregistered(lab: Lab) -> String {
	let relays = relays(&lab).await;
	let relays = relays.each_ref().map(|relay| &relay.listed);
	let _worker = worker(&lab, &relays, Paths::Any, MIB).await;
	let config = LaneConfig {
		trust: RelayTrust::Listed(list(relays)),
		..LaneConfig::new(secret(STRANGER, 0), Some(relays[0].url.clone()))
	};
	let stranger = QuicTransport::bind(config).await.unwrap();
	let error = stranger.online(Duration::from_secs(30)).await.unwrap_err().to_string();
	assert!(error.contains("not registered"), "{error}");
	format!(": \"{error}\"")
}

async fn unlisted(lab: Lab) -> String {
	let relays = relays(&lab).await;
	let relays = relays.each_ref().map(|relay| &relay.listed);
	let _worker = worker(&lab, &relays, Paths::Relays, 4 * MIB).await;

	// The worker names both relays; for the client only one of them is bonded.
	let bonded = node(CLIENT, &relays[..1], Paths::Relays.direct(&lab), vec![]).await;
	let session = bonded.session(&worker_address(relays), SessionConfig::default());
	session.lanes()[0].linked().await;
	let report = fetch_all(&session, 4 * MIB).await;
	assert_eq!(report.by_lane[0][1], 0);
	let second = tokio::time::timeout(Duration::from_secs(2), session.lanes()[1].linked());
	assert!(second.await.is_err(), "a relay without bond was used");
	drop(session);
	bonded.close().await;

	// And where none is bonded, nothing goes at all.
	let none = list(&[] as &[ListedRelay]);
	let at_relay = lane(secret(CLIENT, 1), relays[1], &list(relays), false).await.unwrap();
	let alone = io_mesh::Mesh::builder().lane(at_relay).relays(none).start().unwrap();
	let config = SessionConfig { patience: Duration::from_secs(2) };
	let session = alone.session(&worker_address(relays), config);
	let error = say(&session, 1, 0, Body::Progress { fuel: 1 }).await.unwrap_err();
	assert!(
		matches!(&error, Error::Unreachable(why) if why.contains("not on the list")),
		"{error}"
	);
	format!(": \"{error}\"")
}

async fn corrupt(lab: Lab) -> String {
	const SIZE: u64 = 12 * MIB;
	let relays = relays(&lab).await;
	let relays = relays.each_ref().map(|relay| &relay.listed);
	let mut worker = worker(&lab, &relays, Paths::Any, SIZE).await;
	let (client, session) = client(&lab, &relays, Paths::Any).await;
	// The worker knows the right hash list; then its disk goes bad in one byte.
	fetch_all(&session, SIZE).await;
	worker.say("spoil").await;
	worker.expect("spoiled").await;
	let folder = tempfile::tempdir().unwrap();
	let to = folder.path().join("copy");
	let sources = [&*session];
	let fetched = fetch(&sources, content(SIZE).1, &to, FetchConfig::default());
	let error = tokio::time::timeout(LIMIT, fetched).await.unwrap().unwrap_err();
	assert!(matches!(error, Error::Corrupt(chunk) if u64::from(chunk) == SPOILED / MIB), "{error}");
	format!(": {} copies of the chunk were dropped", client.metrics().corrupt.get())
}

async fn slow_lane(lab: Lab) -> String {
	const SIZE: u64 = 48 * MIB;
	lab.udp(false).await;
	// On loopback the relay itself holds back, in the lab its line does.
	let held_back: &[&str] = if lab.is_whole() { &[] } else { &["--client-rate", "131072"] };
	let relays =
		[RelayProcess::start(&lab, 0, &[]).await, RelayProcess::start(&lab, 1, held_back).await];
	let relays = relays.each_ref().map(|relay| &relay.listed);
	let _worker = worker(&lab, &relays, Paths::Relays, SIZE).await;
	let (alone, session) = client(&lab, &relays[..1], Paths::Relays).await;
	let fast = fetch_all(&session, SIZE).await;
	drop(session);
	alone.close().await;
	let (_client, session) = client(&lab, &relays, Paths::Relays).await;
	lab.rate("relay1", Some("1mbit")).await;
	let both = fetch_all(&session, SIZE).await;
	lab.rate("relay1", None).await;
	lab.udp(true).await;
	assert!(both.by_lane[0][0] > SIZE * 8 / 10, "{both:?}");
	let ratio = both.time.as_secs_f64() / fast.time.as_secs_f64();
	// A chunk that the slow lane must finish would take 8 s; that is more than the fast one needs for all.
	assert!(both.time < fast.time.mul_f64(1.5) + Duration::from_secs(2), "{fast:?} {both:?}");
	format!(": {ratio:.2} of the time of the fast lane alone, {:?}", both.by_lane[0])
}

async fn far_relay(lab: Lab) -> String {
	const DELAY: &str = "60";
	lab.udp(false).await;
	let mut relays = relays(&lab).await;
	let before = lab.address("relay0", 444);
	let (listen, to) = (before.to_string(), relays[0].address.to_string());
	let _line = Talking::start(&lab, "relay0", &[crate::PROXY, &listen, &to, DELAY]).await;
	let far = ListedRelay { url: format!("https://{before}/"), ..relays[0].listed.clone() };
	let near = relays[1].listed.clone();
	let listed = [&far, &near];
	let _worker = worker(&lab, &listed, Paths::Relays, MIB).await;
	let (_client, session) = client(&lab, &listed, Paths::Relays).await;
	let rtt = |lane: usize| session.lanes()[lane].link().unwrap().status().rtt;
	assert!(rtt(0) > Duration::from_millis(200), "{:?}", rtt(0));
	assert_eq!(session.ranked()[0].number(), 1, "{:?} {:?}", rtt(0), rtt(1));
	let (far_rtt, near_rtt) = (rtt(0), rtt(1));
	// When the near one dies, the far one carries on.
	let session: Arc<MeshSession> = session;
	let talk = {
		let session = session.clone();
		tokio::spawn(async move { echo(&session, 6 << 20).await })
	};
	tokio::time::sleep(Duration::from_millis(300)).await;
	relays[1].kill().await;
	let killed = Instant::now();
	talk.await.unwrap();
	lab.udp(true).await;
	format!(
		": {:.0} ms and {:.0} ms; a tunnel was done {:.1} s after the near relay died",
		far_rtt.as_secs_f64() * 1e3,
		near_rtt.as_secs_f64() * 1e3,
		killed.elapsed().as_secs_f64()
	)
}
