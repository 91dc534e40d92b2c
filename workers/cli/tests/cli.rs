//! The real binary: arguments, exit statuses, output forms, and nodes that are none.

#![allow(clippy::unwrap_used)]

use std::{
	io::{Read, Write},
	net::TcpListener,
	os::unix::fs::PermissionsExt,
	path::Path,
	process::{Command, Output, Stdio},
	time::{Duration, Instant},
};

const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

fn io(args: &[&str]) -> Output {
	command(args).output().unwrap()
}

fn command(args: &[&str]) -> Command {
	let mut command = Command::new(env!("CARGO_BIN_EXE_io"));
	command.args(args).env_remove("IO_NODE").stdin(Stdio::null());
	command
}

fn stdout(output: &Output) -> String {
	String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
	let text = String::from_utf8_lossy(&output.stderr).into_owned();
	assert!(!text.contains("panicked"), "{text}");
	text
}

fn status(output: &Output) -> i32 {
	output.status.code().unwrap()
}

/// A port on which nobody listens.
fn dead_node() -> String {
	let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
	format!("ws://127.0.0.1:{port}")
}

/// A server that answers every connection with the same bytes.
fn server_saying(bytes: &'static [u8]) -> String {
	let listener = TcpListener::bind("127.0.0.1:0").unwrap();
	let url = format!("ws://{}", listener.local_addr().unwrap());
	std::thread::spawn(move || {
		for stream in listener.incoming() {
			let Ok(mut stream) = stream else { return };
			std::thread::spawn(move || {
				let mut buffer = [0; 4096];
				let _ = stream.read(&mut buffer);
				let _ = stream.write_all(bytes);
				std::thread::sleep(Duration::from_secs(30));
			});
		}
	});
	url
}

fn module(dir: &Path) -> String {
	let path = dir.join("program.wasm");
	std::fs::write(&path, b"\0asm\x01\0\0\0").unwrap();
	path.display().to_string()
}

#[test]
fn should_explain_itself_when_asked() {
	let output = io(&["--help"]);
	assert_eq!(status(&output), 0);
	for word in [
		"job",
		"operator",
		"attest",
		"account",
		"wallet",
		"chain",
		"serve",
		"Exit status",
		"IO_NODE",
	] {
		assert!(stdout(&output).contains(word), "{word}");
	}
	for command in [
		&["job", "submit"][..],
		&["job", "watch"],
		&["job", "fetch"],
		&["job", "matmul"],
		&["job", "resume"],
		&["job", "dispute"],
		&["attest", "show"],
		&["operator", "register-worker"],
		&["account", "transfer"],
		&["wallet", "create"],
		&["wallet", "restore"],
		&["wallet", "shield"],
		&["wallet", "send"],
		&["wallet", "unshield"],
		&["wallet", "pay-job"],
		&["wallet", "prove-payment"],
		&["wallet", "verify-payment"],
		&["admin", "set-class"],
	] {
		let output = io(&[command, &["--help"]].concat());
		assert_eq!(status(&output), 0, "{command:?}");
	}
}

#[test]
fn should_show_only_the_mesh_under_its_heading_when_a_job_is_explained() {
	let help = stdout(&io(&["job", "submit", "--help"]));
	let (others, mesh): (Vec<_>, Vec<_>) =
		help.split("\n\n").partition(|part| !part.starts_with("Mesh:"));
	assert!(mesh.concat().contains("--relay-only"), "{help}");
	for option in ["--watch", "--output", "--yes", "--key-file"] {
		assert!(others.concat().contains(option), "{option}: {help}");
	}
}

#[test]
fn should_speak_of_the_wallet_when_its_passphrase_is_explained() {
	let help = stdout(&io(&["wallet", "balance", "--help"]));
	assert!(help.contains("File with the wallet's passphrase"), "{help}");
	assert!(!help.contains("key file"), "{help}");
}

#[test]
fn should_end_with_status_2_when_arguments_are_wrong() {
	let dir = tempfile::tempdir().unwrap();
	let program = &*module(dir.path());
	let text = dir.path().join("text");
	std::fs::write(&text, "no module").unwrap();
	let text = text.to_str().unwrap();
	let node = &*dead_node();
	let key = ["--dev-account", "alice"];
	let submit = ["--node", node, "job", "submit"];
	let cases: &[(&[&str], &str)] = &[
		(&["--no-such-flag"], "unexpected argument"),
		(&["job"], "Usage"),
		(&["job", "submit", program], "--price"),
		(&["job", "submit", "--price", "1"], "PROGRAM"),
		(&["job", "submit", program, "--price", "1e3"], "is not an amount"),
		(&["job", "submit", program, "--price", "-1"], ""),
		(&["job", "submit", program, "--price", "0.0000000000001"], "12 decimals"),
		(&["job", "submit", program, "--price", "1", "--replicas", "8"], "1..=7"),
		(&["job", "submit", "--price", "1", "--program-hash", "0x12"], "64 hex digits"),
		(&["job", "submit", program, "--price", "1", "--program-url", "file:///x"], "http"),
		(&["job", "submit", program, "--price", "1", "--input", text, "--input-hash", "00"], ""),
		(&["job", "submit", program, "--price", "1", "--listen", "127.0.0.1:0"], "--serve"),
		(&["job", "submit", program, "--price", "1", "--min-perf", "0.5"], "whole number"),
		(&["job", "matmul", "--left", text, "--right", text, "--price", "1"], "--output"),
		(&["job", "matmul", "--left", text, "--verify", "trust"], "possible values"),
		(&["job", "dispute", "1", "--input", text], "--product"),
		(&["attest", "show", "0x12"], "64 hex digits"),
		(&["job", "watch", "seven"], "invalid value"),
		(&["job", "watch", "-1"], ""),
		(&["job", "why-not", "1", "0x12"], "64 hex digits"),
		(&["account", "transfer", "5Grw", "1"], "no address"),
		(&["account", "balance", "--dev-account", "../x"], "a name such as alice"),
		(
			&["account", "balance", "--dev-account", "alice", "--key-file", "x"],
			"cannot be used with",
		),
		(&["account", "show"], "no account is named"),
		(&["operator", "register", "--stake", "x"], "is not an amount"),
		(&["chain", "info", "--genesis", "abc"], "64 hex digits"),
		(&["chain", "info", "--timeout", "0"], "1..=3600"),
	];
	for (args, word) in cases {
		let output = io(args);
		assert_eq!(status(&output), 2, "{args:?}: {}", stderr(&output));
		assert!(stderr(&output).contains(word), "{args:?}: {}", stderr(&output));
	}
	// Checked before the node is asked.
	for (args, word) in [
		(vec![text, "--price", "1", "--serve"], "no WebAssembly module"),
		(vec![program, "--price", "1"], "add --serve"),
		(
			vec![program, "--price", "1", "--serve", "--output", dir.path().to_str().unwrap()],
			"not empty",
		),
	] {
		let output = io(&[&submit[..], &args, &key].concat());
		assert_eq!(status(&output), 2, "{args:?}: {}", stderr(&output));
		assert!(stderr(&output).contains(word), "{}", stderr(&output));
	}
	let result = dir.path().join("result");
	let product =
		["--node", node, "job", "matmul", "--left", text, "--right", text, "--price", "1"];
	let to = ["--output", result.to_str().unwrap()];
	for (args, word) in [
		(&["--output", dir.path().to_str().unwrap()][..], "not empty"),
		(&[&to[..], &["--replicas", "3"]].concat(), "--verify quorum"),
		(&to, "no .npy file"),
	] {
		let output = io(&[&product[..], args, &key].concat());
		assert_eq!(status(&output), 2, "{args:?}: {}", stderr(&output));
		assert!(stderr(&output).contains(word), "{}", stderr(&output));
	}
	assert!(!result.exists(), "nothing is written before the chain is asked");
}

#[test]
fn should_end_with_status_3_and_name_the_address_when_nobody_listens() {
	let node = dead_node();
	for command in [
		&["chain", "info"][..],
		&["job", "watch", "1"],
		&["job", "show", "1"],
		&["job", "list"],
		&["operator", "workers", ALICE],
		&["account", "balance", ALICE],
	] {
		let started = Instant::now();
		let output = io(&[&["--node", &node], command].concat());
		assert_eq!(status(&output), 3, "{command:?}");
		assert!(stderr(&output).contains(&node), "{}", stderr(&output));
		assert!(started.elapsed() < Duration::from_secs(5), "a closed port is known at once");
		assert!(stdout(&output).is_empty());
	}
}

#[test]
fn should_take_node_from_environment() {
	let node = dead_node();
	let output = command(&["chain", "info"]).env("IO_NODE", &node).output().unwrap();
	assert_eq!(status(&output), 3);
	assert!(stderr(&output).contains(&node));
}

#[test]
fn should_end_with_status_3_when_the_server_is_no_node() {
	for bytes in [
		&b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"[..],
		b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
		b"\x00\xff\xfe\x80garbage\r\n\r\n",
		b"SSH-2.0-OpenSSH_9.2\r\n",
	] {
		let node = server_saying(bytes);
		let output = io(&["--node", &node, "chain", "info"]);
		assert_eq!(status(&output), 3, "{}", stderr(&output));
		assert!(stderr(&output).contains("no node answers"), "{}", stderr(&output));
	}
}

#[test]
fn should_refuse_url_when_it_is_no_websocket() {
	for node in ["http://127.0.0.1:9944", "127.0.0.1:9944", "ws://"] {
		let output = io(&["--node", node, "chain", "info"]);
		assert_eq!(status(&output), 3);
		assert!(stderr(&output).contains("looks like ws://"), "{}", stderr(&output));
	}
}

#[test]
fn should_print_errors_as_json_when_programs_read_them() {
	let output = io(&["--node", &dead_node(), "--json", "chain", "info"]);
	assert_eq!(status(&output), 3);
	let error: serde_json::Value = serde_json::from_str(stderr(&output).trim()).unwrap();
	assert_eq!(error["error"]["kind"], "chain");
	assert!(error["error"]["message"].is_string());
}

#[test]
fn should_make_and_show_accounts_without_a_node() {
	let dir = tempfile::tempdir().unwrap();
	let path = dir.path().join("key");
	let file = path.to_str().unwrap();
	let made = io(&["--json", "account", "new", "--key-file", file]);
	assert_eq!(status(&made), 0, "{}", stderr(&made));
	let made: serde_json::Value = serde_json::from_str(&stdout(&made)).unwrap();
	assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

	let shown = io(&["--json", "account", "show", "--key-file", file]);
	let shown: serde_json::Value = serde_json::from_str(&stdout(&shown)).unwrap();
	assert_eq!(shown["address"], made["address"]);
	assert_eq!(shown["public_key"].as_str().unwrap().len(), 66);

	let again = io(&["account", "new", "--key-file", file]);
	assert_eq!(status(&again), 4, "a key is never overwritten");

	std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
	let open = io(&["account", "show", "--key-file", file]);
	assert_eq!(status(&open), 4);
	assert!(stderr(&open).contains("chmod 600"));
}

#[test]
fn should_encrypt_key_file_when_a_passphrase_is_named() {
	let dir = tempfile::tempdir().unwrap();
	let (key, pass) = (dir.path().join("key"), dir.path().join("pass"));
	let (key, pass) = (key.to_str().unwrap(), pass.to_str().unwrap());
	let passphrase = |text: &str| {
		std::fs::write(pass, text).unwrap();
		std::fs::set_permissions(pass, std::fs::Permissions::from_mode(0o600)).unwrap();
	};
	passphrase("short\n");
	let output = io(&["account", "new", "--key-file", key, "--passphrase-file", pass]);
	assert_eq!(status(&output), 2, "{}", stderr(&output));
	passphrase("correct horse battery\n");
	let output = io(&["--json", "account", "new", "--key-file", key, "--passphrase-file", pass]);
	assert_eq!(status(&output), 0, "{}", stderr(&output));
	let made: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
	let show = ["--json", "account", "show", "--key-file", key];

	let output = io(&show);
	assert_eq!(status(&output), 2);
	assert!(stderr(&output).contains("--passphrase-file"), "{}", stderr(&output));
	let output = io(&[&show[..], &["--passphrase-file", pass]].concat());
	let shown: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
	assert_eq!(shown["address"], made["address"]);
	passphrase("another horse\n");
	let output = io(&[&show[..], &["--passphrase-file", pass]].concat());
	assert_eq!(status(&output), 4);
	assert!(stderr(&output).contains("does not open"), "{}", stderr(&output));
}

#[test]
fn should_import_secret_from_standard_input_and_never_show_it() {
	let dir = tempfile::tempdir().unwrap();
	let path = dir.path().join("key");
	for (secret, good) in [
		("bottom drive obey lake curtain smoke basket hold race lonely fit walk//Alice\n", true),
		("bottom drive obey lake curtain smoke basket hold race lonely fit fit\n", false),
		("hunter2\n", false),
		("", false),
	] {
		let mut child = command(&["account", "import", "--key-file", path.to_str().unwrap()])
			.stdin(Stdio::piped())
			.stdout(Stdio::piped())
			.stderr(Stdio::piped())
			.spawn()
			.unwrap();
		child.stdin.take().unwrap().write_all(secret.as_bytes()).unwrap();
		let output = child.wait_with_output().unwrap();
		if good {
			assert_eq!(status(&output), 0, "{}", stderr(&output));
			assert!(stdout(&output).contains(ALICE));
			std::fs::remove_file(&path).unwrap();
		} else {
			assert_eq!(status(&output), 4);
			assert!(!path.exists());
		}
		let word = secret.split_whitespace().next().unwrap_or("\u{1}");
		assert!(!stdout(&output).contains(word) && !stderr(&output).contains(word));
	}
}

#[test]
fn should_refuse_registration_file_when_it_is_none() {
	let dir = tempfile::tempdir().unwrap();
	let path = dir.path().join("registration.json");
	let file = path.to_str().unwrap();
	let args = ["operator", "register-worker", "--file", file, "--yes", "--dev-account", "alice"];
	assert_eq!(status(&io(&args)), 4, "it does not exist");
	for text in ["", "{}", "[]", "{\"worker_key\": 1}", "\u{0}"] {
		std::fs::write(&path, text).unwrap();
		let output = io(&args);
		assert_eq!(status(&output), 4);
		assert!(stderr(&output).contains("io-worker register"), "{}", stderr(&output));
	}
	std::fs::write(&path, vec![b' '; 1 << 20]).unwrap();
	assert!(stderr(&io(&args)).contains("too large"));
}

#[test]
fn should_serve_files_and_directories_and_end_at_a_signal() {
	let dir = tempfile::tempdir().unwrap();
	std::fs::create_dir(dir.path().join("input")).unwrap();
	std::fs::write(dir.path().join("input/a"), "A").unwrap();
	let program = module(dir.path());
	let input = dir.path().join("input");
	let mut child = command(&["--json", "serve", &program, input.to_str().unwrap()])
		.stdout(Stdio::piped())
		.stderr(Stdio::piped())
		.spawn()
		.unwrap();
	let mut line = String::new();
	std::io::BufRead::read_line(
		&mut std::io::BufReader::new(child.stdout.take().unwrap()),
		&mut line,
	)
	.unwrap();
	let served: serde_json::Value = serde_json::from_str(&line).unwrap();
	let contents = served["contents"].as_array().unwrap();
	assert_eq!(contents.len(), 2);
	let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
	for content in contents {
		let body = runtime.block_on(async {
			let client = reqwest::Client::builder().no_proxy().build().unwrap();
			let url = content["url"].as_str().unwrap();
			client.get(url).send().await.unwrap().bytes().await.unwrap()
		});
		assert_eq!(body.len() as u64, content["len"].as_u64().unwrap());
		let hash = format!("0x{}", blake3::hash(&body).to_hex());
		assert_eq!(content["hash"], hash.as_str());
	}
	let pid = child.id().to_string();
	assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
	assert!(child.wait().unwrap().success());
}

#[test]
fn should_name_port_when_it_is_taken() {
	let dir = tempfile::tempdir().unwrap();
	let taken = TcpListener::bind("127.0.0.1:0").unwrap();
	let address = taken.local_addr().unwrap().to_string();
	let output = io(&["serve", &module(dir.path()), "--listen", &address]);
	assert_eq!(status(&output), 4);
	assert!(stderr(&output).contains(&address), "{}", stderr(&output));
}

#[test]
fn should_end_quietly_when_the_output_is_closed() {
	let dir = tempfile::tempdir().unwrap();
	let file = dir.path().join("key");
	let mut child = command(&["account", "new", "--key-file", file.to_str().unwrap()])
		.stdout(Stdio::piped())
		.stderr(Stdio::piped())
		.spawn()
		.unwrap();
	drop(child.stdout.take());
	let output = child.wait_with_output().unwrap();
	assert!(stderr(&output).is_empty(), "{}", stderr(&output));
}

/// A file that only its owner can read.
fn private(path: &Path, content: &str) -> String {
	std::fs::write(path, content).unwrap();
	std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
	path.display().to_string()
}

#[test]
fn should_refuse_wallet_commands_before_the_node_is_asked() {
	let dir = tempfile::tempdir().unwrap();
	let node = dead_node();
	let none = dir.path().join("none.wallet").display().to_string();
	let pass = private(&dir.path().join("pass"), "correct horse\n");
	let garbage = private(&dir.path().join("garbage.wallet"), "{}");
	let wallet = |file: &str| ["--wallet".to_owned(), file.to_owned()];
	let long = "x".repeat(65);
	let cases: &[(&[&str], &str, i32, &str)] = &[
		(&["send", "tioz1x", "1.0000001"], &none, 2, "at most 6 decimals"),
		(&["send", "tioz1x", "1", "--memo", &long], &none, 2, "at most 64"),
		(&["unshield", ALICE, "0"], &none, 2, "nothing is to be paid"),
		(&["unshield", "tioz1x", "1"], &none, 2, "no address"),
		(&["shield", "0", "--dev-account", "alice"], &none, 2, "nothing is to be shielded"),
		(&["balance"], &none, 4, "io wallet create"),
		(&["history"], &garbage, 4, "Restore the wallet from its phrase"),
		(&["restore", "--phrase", "bottom drive"], &none, 2, "unexpected argument"),
		(&["create", "--passphrase", "secret"], &none, 2, "unexpected argument"),
		(&["prove-payment", "0x12", "--nonce", "n", "--output", "o"], &none, 2, "64 hex digits"),
	];
	for (args, file, expected, word) in cases {
		let file = wallet(file);
		let file = [file[0].as_str(), file[1].as_str()];
		let mut all = [&["--node", &node, "wallet"], *args, &file].concat();
		if args[0] != "shield" {
			all.extend(["--passphrase-file", &pass]);
		}
		let output = io(&all);
		assert_eq!(status(&output), *expected, "{args:?}: {}", stderr(&output));
		assert!(stderr(&output).contains(word), "{args:?}: {}", stderr(&output));
	}
	assert!(!Path::new(&none).exists());
}

#[test]
fn should_not_repeat_a_phrase_that_is_wrong() {
	let dir = tempfile::tempdir().unwrap();
	let words = "bottom drive obey lake curtain smoke basket hold race lonely fit fit";
	let phrase = private(&dir.path().join("phrase"), words);
	let wallet = dir.path().join("w").display().to_string();
	let output = io(&[
		"--node",
		&dead_node(),
		"wallet",
		"restore",
		"--phrase-file",
		&phrase,
		"--wallet",
		&wallet,
	]);
	assert_eq!(status(&output), 4);
	assert!(stderr(&output).contains("no phrase"), "{}", stderr(&output));
	assert!(!stderr(&output).contains("curtain") && stdout(&output).is_empty());
}

#[test]
fn should_refuse_proof_of_payment_when_it_is_none() {
	let dir = tempfile::tempdir().unwrap();
	let node = dead_node();
	for text in ["", "{}", "{\"version\":1,\"genesis\":\"0x00\",\"coin\":0,\"proof\":\"zz\"}", "[]"]
	{
		let file = private(&dir.path().join("proof"), text);
		let output = io(&["--node", &node, "wallet", "verify-payment", &file, "--nonce", "n"]);
		assert_eq!(status(&output), 4, "{text}");
		assert!(stderr(&output).contains("no proof of payment"), "{}", stderr(&output));
	}
}
