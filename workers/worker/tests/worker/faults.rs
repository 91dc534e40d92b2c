//! What goes wrong around a worker: each gives a clear message, none a panic.

use std::{fs, os::unix::fs::MetadataExt, process::Command};

use codec::Encode;
use io_primitives::ReplicaState;
use io_worker::journal::{Batch, Execution, Journal, Record};
use sp_core::H256;

use crate::{
	chain::{Chain, program, spec},
	machine::{Machine, get, post},
	server::{Manner, Server},
};

fn sync(machine: &Machine, body: Vec<u8>) -> (u16, String) {
	let (code, body) = post(&machine.url("/v1/sync"), body, &[]).unwrap();
	(code, String::from_utf8_lossy(&body).into_owned())
}

#[test]
fn should_answer_400_when_the_gateway_gets_random_bytes() {
	let mut machine = Machine::new();
	machine.start();
	let mut state = 1u64;
	for len in [0usize, 1, 31, 32, 33, 40, 100, 1000, 100_000] {
		let body: Vec<u8> = (0..len)
			.map(|_| {
				state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
				(state >> 33) as u8
			})
			.collect();
		assert_eq!(sync(&machine, body).0, 400, "{len}");
	}
	let mut longer = Chain::new(&machine).request().encode();
	longer.push(0);
	assert_eq!(sync(&machine, longer).0, 400);
	assert_eq!(sync(&machine, vec![0; 8 * 1024 * 1024 + 1]).0, 413);
	Chain::new(&machine).block(&machine);
	assert!(!machine.log().contains("panicked"));
}

#[test]
fn should_refuse_web_pages_when_they_reach_the_gateway() {
	let mut machine = Machine::new();
	machine.start();
	let body = Chain::new(&machine).request().encode();
	let (code, _) =
		post(&machine.url("/v1/sync"), body, &[("origin", "http://evil.example")]).unwrap();
	assert_eq!(code, 403);
	let rebound = [("host", "evil.example:9650")];
	assert_eq!(get(&machine.url("/v1/status"), &rebound).unwrap().0, 403);
	assert_eq!(
		get(&machine.url("/v1/status"), &[("origin", "http://evil.example")]).unwrap().0,
		403
	);
}

#[test]
fn should_refuse_a_node_when_it_is_on_another_chain() {
	let mut machine = Machine::new();
	machine.start();
	let mut chain = Chain::new(&machine);
	chain.block(&machine);
	chain.genesis = H256::repeat_byte(1);
	let (code, said) = sync(&machine, chain.request().encode());
	assert_eq!(code, 409);
	assert!(said.contains("another data folder"), "{said}");
	machine.kill();
	machine.flags = vec!["--genesis".into(), format!("{:?}", H256::repeat_byte(1))];
	assert!(machine.refuse().contains("belongs to the chain"));
}

#[test]
fn should_say_so_when_the_port_is_taken() {
	let machine = Machine::new();
	let _taken = std::net::TcpListener::bind(("127.0.0.1", machine.gateway)).unwrap();
	let said = machine.refuse();
	assert!(said.contains("Another program") && said.contains("gateway"), "{said}");
}

#[test]
fn should_say_so_when_the_passphrase_is_wrong() {
	let machine = Machine::new();
	fs::write(machine.passphrase(), "wrong").unwrap();
	let said = machine.refuse();
	assert!(said.contains("wrong passphrase"), "{said}");
	assert!(!said.contains("secret"));
}

#[test]
fn should_say_so_when_another_worker_uses_the_folder() {
	let mut machine = Machine::new();
	machine.start();
	machine.gateway = crate::machine::free_port();
	machine.content = crate::machine::free_port();
	let said = machine.refuse();
	assert!(said.contains("another io-worker"), "{said}");
}

#[test]
fn should_say_so_when_the_journal_is_of_another_key() {
	let mut machine = Machine::new();
	machine.start();
	machine.kill();
	fs::remove_file(machine.data.join("keystore.json")).unwrap();
	let passphrase = machine.passphrase();
	assert!(machine.run(&["keys", "new", "--passphrase-file", &passphrase]).status.success());
	let said = machine.refuse();
	assert!(said.contains("belongs to worker"), "{said}");
}

#[test]
fn should_say_so_when_a_setting_is_wrong() {
	let machine = Machine::new();
	fs::write(machine.config(), "[gateway]\nlisten = \"0.0.0.0:1\"\n").unwrap();
	let output = machine.run(&["run", "--passphrase-file", &machine.passphrase()]);
	let said = String::from_utf8_lossy(&output.stderr).into_owned();
	assert!(said.contains("allow_remote"), "{said}");
	fs::write(machine.config(), "nonsense = [").unwrap();
	let said = machine.refuse();
	assert!(said.contains("io-worker config"), "{said}");
}

#[test]
fn should_decline_when_the_program_cannot_be_had() {
	let server = Server::start();
	let mut machine = Machine::new();
	machine.start();
	let mut chain = Chain::new(&machine);
	let bytes = program(1, 0);
	for (job, manner) in [(1, Manner::Wrong), (2, Manner::Missing), (3, Manner::Stall)] {
		let name = format!("p{job}");
		let hash = server.put(&name, &bytes, manner);
		let mut spec = spec(hash, &server.url(&name));
		// Distinct programs, so that no job waits for another's download.
		if job == 2 {
			spec.program = io_primitives::Program::Wasm { hash: H256::repeat_byte(2) };
		}
		chain.draw(job, spec);
		chain.blocks_until(&machine, "decline", |chain| chain.declined.contains(&job));
	}
	assert_eq!(chain.declined, vec![1, 2, 3]);
	assert!(machine.log().contains("wrong BLAKE3 hash"), "{}", machine.log());
}

#[test]
fn should_decline_when_a_job_is_of_a_kind_it_does_not_know() {
	let server = Server::start();
	let mut machine = Machine::new();
	machine.start();
	let mut chain = Chain::new(&machine);
	let mut oci = spec(H256::zero(), &server.url("x"));
	oci.program = io_primitives::Program::Oci { manifest_digest: H256::zero() };
	chain.draw(1, oci);
	let mut sealed = spec(H256::zero(), &server.url("x"));
	// A point of low order: everybody could open what is sealed to it.
	sealed.encryption = Some([0; 32]);
	chain.draw(2, sealed.clone());
	sealed.encryption = Some(io_mesh::seal::public_key(&[1; 32]).unwrap());
	sealed.verification = io_primitives::Verification::Product { inputs: H256::zero() };
	chain.draw(3, sealed);
	chain.block(&machine);
	assert_eq!(chain.declined, vec![1, 2, 3]);
	assert_eq!(server.requests(), 0);
}

#[test]
fn should_try_on_when_a_source_breaks_after_the_acceptance() {
	let server = Server::start();
	let mut machine = Machine::new();
	machine.start();
	let mut chain = Chain::new(&machine);
	let bytes = program(1, 0);
	let hash = server.put("p", &bytes, Manner::Missing);
	chain.draw(1, spec(hash, &server.url("p")));
	// As if the worker had accepted, and then lost what it had fetched.
	if let Some(job) = chain.jobs.get_mut(&1) {
		job.state = ReplicaState::Accepted;
		job.deadline = 5_000;
	}
	chain.blocks_until(&machine, "a failed try", |_| machine.log().contains("trying again"));
	server.put("p", &bytes, Manner::Good);
	chain.blocks_until(&machine, "reveal", |chain| chain.revealed.contains_key(&1));
}

/// A small disk; unmounted at the end.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
	fn mount(path: std::path::PathBuf, size: &str) -> SmallDisk {
		fs::create_dir_all(&path).unwrap();
		let owner = fs::metadata(&path).unwrap();
		let options = format!("size={size},uid={},gid={}", owner.uid(), owner.gid());
		let output = as_root("mount")
			.args(["-t", "tmpfs", "-o", &options, "tmpfs"])
			.arg(&path)
			.output()
			.unwrap();
		assert!(
			output.status.success(),
			"this test mounts a small tmpfs and so needs root, or sudo without a password: {}",
			String::from_utf8_lossy(&output.stderr)
		);
		SmallDisk(path)
	}
}

/// A command that only root may run.
fn as_root(program: &str) -> Command {
	// Files that this process makes are its user's.
	if tempfile::tempfile().unwrap().metadata().unwrap().uid() == 0 {
		return Command::new(program);
	}
	let mut command = Command::new("sudo");
	command.args(["--non-interactive", program]);
	command
}

impl SmallDisk {
	fn resize(&self, size: &str) {
		let options = format!("remount,size={size}");
		let output = as_root("mount").args(["-o", &options]).arg(&self.0).output().unwrap();
		assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
	}

	/// Leaves not one block free.
	fn fill(&self) {
		let mut ballast = fs::File::create(self.0.join("ballast")).unwrap();
		let block = vec![1u8; 4096];
		while std::io::Write::write(&mut ballast, &block).is_ok_and(|n| n > 0) {}
	}

	fn make_room(&self) {
		fs::remove_file(self.0.join("ballast")).unwrap();
	}
}

impl Drop for SmallDisk {
	fn drop(&mut self) {
		let _ = as_root("umount").arg("-l").arg(&self.0).status();
	}
}

#[test]
fn should_decline_and_live_on_when_the_disk_is_full() {
	let server = Server::start();
	let folder = tempfile::tempdir().unwrap();
	// The scratch space of one program, and a little more. Nothing of it is taken before it is used.
	let size = format!("{}m", io_executor::scratch_bytes(0).div_ceil(1 << 20) + 12);
	let disk = SmallDisk::mount(folder.path().join("disk"), &size);
	let mut machine = Machine::with_data(folder, disk.0.join("data"));
	machine.start();
	let mut chain = Chain::new(&machine);

	// A program that does not fit, valid up to its padding.
	let mut large = program(1, 0);
	large.extend_from_slice(&[0, 0x80, 0x80, 0x80, 0x08, 1, b'x']);
	large.resize(20 * 1024 * 1024, 0);
	let hash = server.put("large", &large, Manner::Good);
	chain.draw(1, spec(hash, &server.url("large")));
	chain.blocks_until(&machine, "decline", |chain| chain.declined == [1]);
	assert!(machine.log().contains("Make room"), "{}", machine.log());

	// With room for it the worker works again, without a restart.
	chain.draw_good(&server, 2, 5, 0);
	if let Some(job) = chain.jobs.get_mut(&2) {
		job.spec.max_output = 100_000;
	}
	chain.blocks_until(&machine, "reveal", |chain| chain.revealed.contains_key(&2));

	// A disk without a free byte: nothing can be written down, so nothing is said.
	disk.resize("12m");
	disk.fill();
	chain.draw_good(&server, 3, 6, 0);
	let mut said = Vec::new();
	for _ in 0..30 {
		chain.best += 1;
		let (code, body) = sync(&machine, chain.request().encode());
		said.push((code, body));
	}
	assert!(said.iter().all(|(code, _)| matches!(code, 200 | 503)), "{said:?}");
	assert!(machine.try_alive(), "{}", machine.log());
	assert!(!machine.log().contains("panicked"), "{}", machine.log());
	disk.make_room();
	disk.resize(&size);
	chain.jobs.remove(&3);
	chain.draw_good(&server, 4, 7, 0);
	if let Some(job) = chain.jobs.get_mut(&4) {
		job.spec.max_output = 100_000;
	}
	chain.blocks_until(&machine, "reveal", |chain| chain.revealed.contains_key(&4));
	drop(machine);
}

#[test]
fn should_lose_nothing_that_was_written_when_the_journal_runs_out_of_disk() {
	let folder = tempfile::tempdir().unwrap();
	let disk = SmallDisk::mount(folder.path().join("disk"), "8m");
	let worker = io_primitives::WorkerKey::from_raw([1; 32]);
	let path = disk.0.join("journal.redb");
	let record = |job: u64| {
		let execution = Execution { job, replica: 0, attempt: 1 };
		let mut record = Record::new(execution, H256::zero(), 1);
		record.note = "x".repeat(10_000);
		record
	};
	let store = |journal: &Journal, job: u64| {
		journal.write(&Batch { records: vec![&record(job)], heartbeat: None })
	};
	{
		let (journal, _) = Journal::open(&path, worker, Some(H256::zero())).unwrap();
		store(&journal, 0).unwrap();
		disk.fill();
		let mut stored = 1;
		let error = loop {
			match store(&journal, stored) {
				Ok(()) => stored += 1,
				Err(error) => break error.to_string(),
			}
			assert!(stored < 10_000);
		};
		assert!(error.contains("Is the disk full"), "{error}");
		assert!(store(&journal, stored).is_err(), "still full");
		disk.make_room();
		store(&journal, stored).unwrap();
		for job in 0..=stored {
			assert_eq!(journal.get(record(job).execution).unwrap(), Some(record(job)));
		}
	}
	let (_, opened) = Journal::open(&path, worker, None).unwrap();
	assert!(opened.damaged.is_empty() && opened.live.len() > 1);
}

#[test]
fn should_find_what_is_wrong_when_the_doctor_looks() {
	let mut machine = Machine::new();
	let listen = format!("127.0.0.1:{}", machine.gateway);
	let content = format!("127.0.0.1:{}", machine.content);
	let passphrase = machine.passphrase();
	let arguments = [
		"doctor",
		"--json",
		"--passphrase-file",
		&passphrase,
		"--listen",
		&listen,
		"--content-listen",
		&content,
	];
	let before = machine.run(&arguments);
	let said = String::from_utf8_lossy(&before.stdout).into_owned();
	assert!(before.status.success(), "{said}");
	assert!(said.contains("runs WASM") && said.contains("is free"), "{said}");

	machine.start();
	let running = machine.run(&arguments);
	let said = String::from_utf8_lossy(&running.stdout).into_owned();
	assert!(running.status.success(), "a node has a minute to call: {said}");
	assert!(said.contains("not yet") && said.contains("CUDA driver"), "{said}");

	Chain::new(&machine).block(&machine);
	let synced = machine.run(&arguments);
	let said = String::from_utf8_lossy(&synced.stdout).into_owned();
	assert!(synced.status.success(), "{said}");
	assert!(said.contains("registered and online"), "{said}");

	let status = machine.run(&["status", "--gateway", &machine.url("")]);
	let said = String::from_utf8_lossy(&status.stdout).into_owned();
	assert!(said.contains("registered, online"), "{said}");
}

#[test]
fn should_make_a_registration_when_the_chain_is_known() {
	let machine = Machine::new();
	let passphrase = machine.passphrase();
	let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
	let mut arguments =
		vec!["register", "--passphrase-file", &passphrase, "--operator", alice, "--ask", "0.001"];
	let output = machine.run(&arguments);
	assert!(String::from_utf8_lossy(&output.stderr).contains("--genesis"));
	let genesis = format!("{:?}", H256::repeat_byte(3));
	arguments.extend(["--genesis", &genesis]);
	let output = machine.run(&arguments);
	assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
	let made: io_client::Registration = serde_json::from_slice(&output.stdout).unwrap();
	made.verify().unwrap();
	assert_eq!(made.profile.profile().unwrap().ask_per_unit, 1_000_000_000);
}
