//! A whole job and a tunnel to its worker, with the real node, relays, worker and command line. The worker is behind NAT and has no
//! open port: it hears of jobs from a node to which it connects, and the rest goes through the mesh.

use std::{
	fs::Permissions,
	net::SocketAddr,
	os::unix::fs::PermissionsExt,
	process::Stdio,
	time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
	io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
	net::{TcpListener, TcpStream},
	process::{Child, ChildStdout},
};

use crate::{
	chain::{binary, connect, register_relay, start_node, start_relay},
	place::{Lab, RelayProcess, Talking},
	scenarios::no_open_port,
	support::{LIMIT, random},
};

/// Bytes of the input, and so of the output: several chunks.
const SIZE: usize = 6 << 20;
/// Bytes that go through the tunnel and come back.
const ECHOED: usize = 2 << 20;
/// What the service says first, as SSH does.
const GREETING: &[u8] = b"SSH-2.0-lab\r\n";
/// Lines that are typed, each after the echo of the one before.
const TYPED: usize = 20;

/// A service at the worker's place that greets, then sends everything back: `ADDRESS`.
pub(crate) async fn service(arguments: &[String]) {
	let listener = TcpListener::bind(&arguments[0]).await.unwrap();
	println!("ready");
	while let Ok((mut socket, _)) = listener.accept().await {
		tokio::spawn(async move {
			let (mut from, mut to) = socket.split();
			if to.write_all(GREETING).await.is_ok() {
				let _ = tokio::io::copy(&mut from, &mut to).await;
			}
		});
	}
}

/// A command of `io` that goes on; it prints JSON line by line.
struct Going {
	child: Child,
	lines: Lines<BufReader<ChildStdout>>,
}

impl Going {
	/// Waits for a line that says so.
	async fn until(&mut self, name: &str, value: &str) -> Value {
		let found = async {
			while let Some(line) = self.lines.next_line().await.unwrap() {
				let json: Value = serde_json::from_str(&line).unwrap();
				if json[name] == value {
					return json;
				}
			}
			panic!("it ended without {name} {value}")
		};
		tokio::time::timeout(LIMIT, found).await.unwrap()
	}
}

/// Who takes part.
struct Cast {
	lab: Lab,
	/// URL of the node.
	node: String,
	relays: [RelayProcess; 2],
	/// `io-worker` and `io`.
	worker: String,
	cli: String,
	/// Files of the worker and the requester.
	folder: tempfile::TempDir,
}

impl Cast {
	fn path(&self, name: &str) -> String {
		self.folder.path().join(name).display().to_string()
	}

	/// Runs a command of `io` to its end; what it printed.
	async fn io(&self, words: &[&str]) -> String {
		let own: &[&str] = &[&self.cli, "--node", &self.node, "--json"];
		self.lab.output("client", &[own, words].concat()).await
	}

	/// Starts a command of `io` that goes on.
	fn start_io(&self, words: &[&str]) -> Going {
		let mut command = self.lab.command("client", &self.cli);
		command.args(["--node", &self.node, "--json"]).args(words);
		let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
		let lines = BufReader::new(child.stdout.take().unwrap()).lines();
		Going { child, lines }
	}

	/// Bytes that the relays were given to pass on.
	async fn carried(&self) -> u64 {
		let mut sum = 0;
		for relay in &self.relays {
			let url = format!("http://{}/metrics", relay.metrics);
			let text = self.lab.output(&relay.place, &["curl", "-sSf", &url]).await;
			let name = "io_relay_received_bytes_total ";
			let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
			sum += value.parse::<u64>().unwrap();
		}
		sum
	}

	/// Sets a worker up as its owner would, Eve, and starts it; it exposes the service.
	async fn start_worker(&self, service: SocketAddr) -> Child {
		let settings = format!(
			"data_dir = \"{}\"\n[chain]\nrpc = \"{}\"\nrpc_after_seconds = 1\n\
			 [gateway]\nlisten = \"{}\"\n[content]\nlisten = \"{}\"\nmin_free_mib = 64\n\
			 [mesh]\nfrom_chain = true\nexpose = [\"ssh={}\"]\n\
			 [attestation]\nenabled = false\n[log]\nfilter = \"warn\"\n",
			self.path("data"),
			self.node,
			self.lab.inside(9650),
			self.lab.inside(9651),
			service.port(),
		);
		let (config, passphrase, registration) =
			(self.path("config.toml"), self.path("passphrase"), self.path("registration.json"));
		std::fs::write(&config, settings).unwrap();
		std::fs::write(&passphrase, "correct horse battery staple").unwrap();
		std::fs::set_permissions(&passphrase, Permissions::from_mode(0o600)).unwrap();
		let own = [&self.worker, "--config", &config];
		let secret = ["--passphrase-file", &passphrase];
		self.lab.output("worker", &[&own[..], &["keys", "new"], &secret].concat()).await;

		let eve = self.io(&["account", "show", "--dev-account", "eve"]).await;
		let eve: Value = serde_json::from_str(&eve).unwrap();
		let offer = ["--operator", eve["address"].as_str().unwrap(), "--ask", "0.01"];
		let register = [&own[..], &["register", "--output", &registration], &offer, &secret];
		self.lab.output("worker", &register.concat()).await;
		let by_eve = ["--dev-account", "eve", "--yes"];
		self.io(&[&["operator", "register", "--stake", "10000"], &by_eve[..]].concat()).await;
		let file = ["operator", "register-worker", "--file", &registration];
		self.io(&[&file[..], &by_eve].concat()).await;

		let mut run = self.lab.command("worker", &self.worker);
		run.args(&own[1..]).arg("run").args(secret).kill_on_drop(true);
		let worker = run.spawn().unwrap();
		let online = async {
			loop {
				let mut ask = self.lab.command("worker", &self.worker);
				let said = ask.args(&own[1..]).args(["status", "--json"]).output().await.unwrap();
				let status: Value = serde_json::from_slice(&said.stdout).unwrap_or_default();
				if status["online"] == true {
					return;
				}
				tokio::time::sleep(Duration::from_millis(300)).await;
			}
		};
		tokio::time::timeout(LIMIT, online).await.unwrap();
		worker
	}

	/// A sealed job, and a tunnel while it runs. Returns how many bytes the relays carried, and what was seen.
	async fn round(&self, name: &str, service: SocketAddr, more: &[&str]) -> (u64, String) {
		let (begun, before) = (Instant::now(), self.carried().await);
		let (key, output, input) = (self.path("mesh.key"), self.path(name), self.path("input"));
		let mesh = [&["--mesh-key", &key][..], more].concat();
		let program = self.path("copy.wasm");
		let files = ["job", "submit", &program, "--input", &input, "--output", &output];
		let terms = ["--price", "0.02", "--replicas", "1", "--dev-account", "dave", "--yes"];
		let way = ["--serve", "--mesh", "--sealed"];
		let mut job = self.start_io(&[&files[..], &terms, &way, &mesh].concat());
		let number = job.until("type", "submitted").await["job"].to_string();
		job.until("event", "accepted").await;
		let accepted = begun.elapsed();

		let ports = format!("0:{}", service.port());
		let open = ["tunnel", "open", &number, &ports];
		let mut tunnel = self.start_io(&[&open[..], &mesh].concat());
		let at = tunnel.until("type", "open").await["local"].as_str().unwrap().to_owned();
		let longest = tokio::time::timeout(LIMIT, talk(&at)).await.unwrap();
		if self.lab.is_whole() {
			no_open_port(&self.lab, &[service.port(), 9650, 9651]).await;
		}
		tunnel.child.kill().await.unwrap();

		job.until("type", "fetched").await;
		let ended = tokio::time::timeout(LIMIT, job.child.wait()).await.unwrap().unwrap();
		assert!(ended.success(), "{ended}");
		let came = std::fs::read(self.folder.path().join(name).join("stdout")).unwrap();
		assert!(came == std::fs::read(input).unwrap(), "the output is not the input");
		let carried = self.carried().await - before;
		let seen = format!(
			"accepted after {:.1} s, output after {:.1} s, at most {} ms between a line and its echo, {:.1} MiB by relays",
			accepted.as_secs_f64(),
			begun.elapsed().as_secs_f64(),
			longest.as_millis(),
			carried as f64 / f64::from(1 << 20),
		);
		(carried, seen)
	}
}

/// Talks with the service: greeting, some typing, then much at once. Returns the longest wait for an echo.
async fn talk(at: &str) -> Duration {
	let mut socket = TcpStream::connect(at).await.unwrap();
	let mut greeting = [0; GREETING.len()];
	socket.read_exact(&mut greeting).await.unwrap();
	assert_eq!(greeting, GREETING);
	let mut longest = Duration::ZERO;
	for number in 0..TYPED {
		let typed = format!("command {number:03}\n");
		let asked = Instant::now();
		socket.write_all(typed.as_bytes()).await.unwrap();
		let mut back = vec![0; typed.len()];
		socket.read_exact(&mut back).await.unwrap();
		assert_eq!(back, typed.as_bytes());
		longest = longest.max(asked.elapsed());
	}
	let sent = random(ECHOED);
	let (mut from, mut to) = socket.split();
	let send = async {
		to.write_all(&sent).await.unwrap();
		to.shutdown().await.unwrap();
	};
	let mut back = Vec::new();
	let ((), read) = tokio::join!(send, from.read_to_end(&mut back));
	read.unwrap();
	assert!(back == sent);
	longest
}

pub(crate) async fn job(lab: Lab) -> String {
	let found = ["io-node", "io-worker", "io"].map(binary);
	let [Some(node), Some(worker), Some(cli)] = found else {
		assert!(!lab.is_whole(), "io-node, io-worker or io is not built: {found:?}");
		return ": NOT TESTED, io-node, io-worker or io is not built".into();
	};
	lab.udp(true).await;
	let (_node, url) = start_node(&lab, node).await;
	connect(&url).await;
	let relays = [start_relay(&lab, 0, &url).await, start_relay(&lab, 1, &url).await];
	for (relay, account) in relays.iter().zip(["charlie", "ferdie"]) {
		register_relay(&lab, relay, &url, account).await.unwrap();
	}
	let folder = tempfile::tempdir().unwrap();
	let [worker, cli] = [worker, cli].map(|path| path.display().to_string());
	let cast = Cast { lab: lab.clone(), node: url, relays, worker, cli, folder };
	std::fs::write(cast.path("input"), random(SIZE)).unwrap();
	std::fs::write(cast.path("copy.wasm"), wat::parse_str(include_str!("copy.wat")).unwrap())
		.unwrap();

	let service = lab.inside(22);
	let _service = Talking::start(&lab, "worker", &[crate::SERVICE, &service.to_string()]).await;
	let _worker = cast.start_worker(service).await;
	let key = cast.path("mesh.key");
	cast.io(&["mesh", "register", "--mesh-key", &key, "--dev-account", "dave", "--yes"]).await;

	// On loopback nothing blocks UDP: the requester stays on the relays by itself, and there is only one way to look at.
	let (mut seen, mut more) = (String::new(), ["--relay-only"].as_slice());
	if lab.is_whole() {
		let (_, allowed) = cast.round("output", service, &[]).await;
		(seen, more) = (format!("\n      UDP allowed: {allowed}"), &[]);
	}
	lab.udp(false).await;
	let (carried, blocked) = cast.round("output-by-relay", service, more).await;
	lab.udp(true).await;
	let all = 2 * (SIZE + ECHOED) as u64;
	assert!(carried > all, "{carried} of {all} bytes went through the relays");
	format!("{seen}\n      by relays alone: {blocked}")
}
