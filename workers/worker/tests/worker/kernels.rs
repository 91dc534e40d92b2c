//! Products of matrices: what the chain gets to verify.

use std::{ffi::OsString, fs, time::Duration};

use codec::Encode;
use io_client::matmul::{self, Input, npy};
use io_executor::exit_code::INPUT_MISMATCH;
use io_primitives::{
	AccountId, JobSpec, Program, ReplicaState, Verification,
	attestation::{ATTEST_PATH, AttestRequest, AttestationView},
	digest::result_digest,
};
use io_tflops::{fraud::Shape, product};
use sp_core::H256;

use crate::{
	chain::{self, Chain, GENESIS},
	cuda::whole_mock,
	machine::{Machine, get, post},
	server::{Manner, Server},
};

const PARA: u32 = 2000;

fn set_up() -> (Server, Machine, Chain) {
	set_up_with(&[])
}

/// The same, with these variables in the worker's environment.
fn set_up_with(environment: &[(&'static str, OsString)]) -> (Server, Machine, Chain) {
	let (server, mut machine) = (Server::start(), Machine::new());
	machine.environment = environment.to_vec();
	let config = fs::read_to_string(machine.config()).unwrap();
	fs::write(machine.config(), format!("{config}\n[attestation]\nenabled = false\n")).unwrap();
	machine.start();
	let chain = Chain::new(&machine);
	(server, machine, chain)
}

fn input() -> Input {
	let shape = Shape::new(3, 4, 5).unwrap();
	let entries = |len| (0..len).map(|i: i32| (i * 37 % 251) as i8).collect();
	Input::new(shape, entries(12), entries(20)).unwrap().with_random_seed().unwrap()
}

/// A job with this input, which is put on the server.
fn spec(server: &Server, input: &Input, verification: Verification) -> JobSpec {
	let mut bytes = Vec::new();
	input.write(&mut bytes).unwrap();
	let hash = server.put("matrices", &bytes, Manner::Good);
	let at = server.url("matrices").into_bytes().try_into().unwrap();
	JobSpec {
		program: Program::Kernel { kind: matmul::kernel(input.shape()) },
		program_at: Default::default(),
		input: hash,
		input_len: bytes.len() as u64,
		input_at: vec![at].try_into().unwrap(),
		max_units: 1,
		verification,
		..chain::spec(H256::zero(), "http://127.0.0.1:1/")
	}
}

/// What the off-chain worker asks beside the assignments.
fn attest(machine: &Machine) {
	let view = AttestationView::<AccountId> {
		para: PARA,
		now: 100,
		slot: 1,
		free_bond: Some(0),
		classes: Vec::new(),
		enrolments: Vec::new(),
		window: None,
		commitments: Vec::new(),
		certificates: Vec::new(),
		mops: 0,
		products: Vec::new(),
	};
	let request = AttestRequest { genesis: GENESIS, workers: vec![(machine.key(), view)] };
	let (code, body) = post(&machine.url(ATTEST_PATH), request.encode(), &[]).unwrap();
	assert_eq!(code, 200, "{}", String::from_utf8_lossy(&body));
}

/// The product in an output archive.
fn product_of(archive: &[u8]) -> Vec<i32> {
	let start = archive.windows(6).position(|bytes| bytes == b"\x93NUMPY").unwrap();
	let len = matmul::product_len(input().shape()) as usize;
	npy::read_i32(&archive[start..start + len]).unwrap().entries
}

/// Checks a revealed product, and returns what stands for it.
fn check(chain: &Chain, input: &Input, verification: &Verification) -> H256 {
	let revealed = &chain.revealed[&7];
	assert_eq!((revealed.exit_code, revealed.units), (0, 1));
	let (code, archive) = get(&revealed.output_at, &[]).unwrap();
	assert_eq!(code, 200);
	let product = product_of(&archive);
	assert_eq!(input.wrong_entry(&product).unwrap(), None);
	let content = input.bind(verification).unwrap().content(&product).unwrap().hash().unwrap();
	assert_eq!(revealed.digest, result_digest(GENESIS, 7, 0, 1, content));
	content
}

/// A machine with this environment has computed a product that can be disputed, and shown the right one.
fn computed(environment: &[(&'static str, OsString)]) -> (Server, Machine) {
	let (server, machine, mut chain) = set_up_with(environment);
	let input = input();
	let verification = input.disputable(10).unwrap();
	chain.draw(7, spec(&server, &input, verification));
	chain.blocks_until(&machine, "reveal", |chain| chain.revealed.contains_key(&7));
	check(&chain, &input, &verification);
	(server, machine)
}

#[test]
fn should_commit_to_the_root_when_the_product_can_be_disputed() {
	let (server, _machine) = computed(&[]);
	assert_eq!(server.requests(), 1, "kernels have no program to fetch");
}

#[test]
fn should_have_the_proof_before_it_reveals_and_only_then() {
	let (server, mut machine, mut chain) = set_up();
	let input = input();
	let verification = input.provable().unwrap();
	chain.draw(7, spec(&server, &input, verification));
	chain.block(&machine);
	std::thread::sleep(Duration::from_millis(500));
	chain.block(&machine);
	assert_eq!(chain.state(7), Some(ReplicaState::Assigned), "nobody has said the parachain yet");

	attest(&machine);
	let proof = machine.data.join("products/7");
	chain.blocks_until(&machine, "commitment", |chain| {
		matches!(chain.state(7), Some(ReplicaState::Committed { .. }))
	});
	assert!(proof.exists());
	// Whatever happens to the proof, a product is not shown without one.
	machine.kill();
	fs::remove_file(&proof).unwrap();
	machine.start();
	chain.block(&machine);
	assert!(!chain.revealed.contains_key(&7));
	attest(&machine);
	chain.blocks_until(&machine, "reveal", |chain| chain.revealed.contains_key(&7));
	let output = check(&chain, &input, &verification);

	let Verification::Product { inputs } = verification else { panic!("{verification:?}") };
	let statement = product::Statement {
		genesis: GENESIS.0,
		para: PARA,
		job: 7,
		worker: machine.key().0,
		shape: product::Shape::new(3, 4, 5).unwrap(),
		inputs: inputs.0,
		output: output.0,
	};
	assert_eq!(product::verify(&statement, &fs::read(&proof).unwrap()), Ok(()));
	assert_eq!(chain.commitments[&7].len(), 1);
}

#[test]
fn should_make_the_proof_again_when_it_is_lost_after_the_work_is_done() {
	let (server, machine, mut chain) = set_up();
	let input = input();
	let verification = input.provable().unwrap();
	chain.draw(7, spec(&server, &input, verification));
	attest(&machine);
	chain.blocks_until(&machine, "commitment", |chain| {
		matches!(chain.state(7), Some(ReplicaState::Committed { .. }))
	});
	let proof = machine.data.join("products/7");
	fs::remove_file(&proof).unwrap();
	chain.block(&machine);
	assert!(!chain.revealed.contains_key(&7));
	chain.blocks_until(&machine, "reveal", |chain| chain.revealed.contains_key(&7));
	assert!(proof.exists());
	check(&chain, &input, &verification);
	assert_eq!(chain.commitments[&7].len(), 1);
}

#[test]
fn should_show_a_mismatch_when_roots_are_not_those_of_the_input() {
	let (server, machine, mut chain) = set_up();
	let (mine, other) = (input(), input());
	let verification = other.disputable(10).unwrap();
	chain.draw(7, spec(&server, &mine, verification));
	chain.blocks_until(&machine, "reveal", |chain| chain.revealed.contains_key(&7));
	let revealed = &chain.revealed[&7];
	assert_eq!((revealed.exit_code, revealed.units), (INPUT_MISMATCH, 1));
}

#[test]
fn should_decline_when_the_job_cannot_be_what_it_says() {
	let (server, machine, mut chain) = set_up();
	let input = input();
	let mut short = spec(&server, &input, Verification::Quorum);
	short.input_len += 1;
	chain.draw(7, short);
	chain.blocks_until(&machine, "decline", |chain| chain.declined.contains(&7));
	assert_eq!(server.requests(), 0);
}

#[test]
fn should_compute_on_the_gpu_when_there_is_one() {
	let driver = whole_mock().into_os_string();
	let (_server, machine) = computed(&[("IO_LIBCUDA", driver)]);
	let log = machine.log();
	assert!(log.contains("a product was computed") && log.contains("Mock GPU"), "{log}");
}

#[test]
fn should_compute_on_the_cpu_when_the_gpu_breaks() {
	let driver = whole_mock().into_os_string();
	for fault in ["illegal:1", "oom:1", "wrong:gemm_mma_i32"] {
		let environment = [("IO_LIBCUDA", driver.clone()), ("IO_MOCK_FAULT", fault.into())];
		let (_server, machine) = computed(&environment);
		let log = machine.log();
		assert!(log.contains("a product is computed elsewhere"), "{fault}: {log}");
	}
}
