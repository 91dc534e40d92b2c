//! The driver's library, loaded at run time: none, a mock that runs the kernels on the CPU, and one that fails in every
//! way that a GPU may. The library is chosen once in a process, so each case is a process of its own, `io-cuda-check`,
//! which goes through unmodified `cust`: start, context, PTX, memory, copies, launches, events.

#![allow(clippy::unwrap_used)]

mod cuda_emulator;

use std::{
	path::PathBuf,
	process::{Command, Output},
};

use cuda_emulator::build::{mock, whole_mock};

const PROGRAM: &str = env!("CARGO_BIN_EXE_io-cuda-check");
/// Of the test vector of the protocol.
const COMMITMENT: &str = "0c0dacb15b5860d1767fc8d7ef7983fcb06071e43e04412aa198e17b01ec0470";

/// What `io-cuda-check` says with this library.
fn check(library: PathBuf, environment: &[(&str, &str)]) -> (i32, String) {
	let output = Command::new(PROGRAM)
		.args(["--patience", "0.3"])
		.env_remove("IO_MOCK_FAULT")
		.env_remove("IO_MOCK_COMPUTE")
		.env("IO_LIBCUDA", library)
		.envs(environment.iter().copied())
		.output()
		.unwrap();
	let Output { status, stdout, stderr } = output;
	let said = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
	(status.code().unwrap_or_else(|| panic!("{status}: {said}")), said.into_owned())
}

fn with_fault(fault: &str) -> (i32, String) {
	check(whole_mock(), &[("IO_MOCK_FAULT", fault)])
}

#[test]
fn should_not_need_the_library_when_the_program_starts() {
	let output = Command::new("readelf").args(["--dynamic", PROGRAM]).output().unwrap();
	assert!(output.status.success());
	let dynamic = String::from_utf8(output.stdout).unwrap();
	assert!(dynamic.contains("NEEDED"), "{dynamic}");
	assert!(!dynamic.contains("libcuda"), "{dynamic}");
}

#[test]
fn should_say_that_no_driver_is_installed_when_there_is_none() {
	let (code, said) = check("/nonexistent/libcuda.so.1".into(), &[]);
	assert_eq!(code, 1);
	assert!(said.contains("no GPU: no CUDA driver is installed: /nonexistent/"), "{said}");
}

#[test]
fn should_compute_as_the_cpu_does_when_the_driver_works() {
	let (code, said) = check(whole_mock(), &[]);
	assert_eq!(code, 0, "{said}");
	assert!(said.contains("driver: CUDA 12.8\n"), "{said}");
	assert!(said.contains("GPU 0: Mock GPU, sm_80, 4 multiprocessors, 1024 MiB\n"), "{said}");
	for gemm in ["dp4a", "mma"] {
		let line = format!(
			"  {gemm}: computes as the CPU does, commitment of the test vector {COMMITMENT}\n"
		);
		assert!(said.contains(&line), "{said}");
	}
	// Each of the two devices gave everything back.
	assert_eq!(said.matches(" launches, 0 bytes left").count(), 2, "{said}");
}

#[test]
fn should_leave_tensor_cores_alone_when_the_gpu_is_older() {
	let (code, said) = check(whole_mock(), &[("IO_MOCK_COMPUTE", "7.5")]);
	assert_eq!(code, 0, "{said}");
	assert!(said.contains("  dp4a: computes as the CPU does"), "{said}");
	assert!(said.contains("  mma: not on this GPU\n"), "{said}");
	let (code, said) = check(whole_mock(), &[("IO_MOCK_COMPUTE", "6.0")]);
	assert_eq!(code, 0, "{said}");
	assert!(said.contains("  dp4a: not on this GPU\n"), "{said}");
}

#[test]
fn should_say_what_is_wrong_when_the_driver_does_not_start() {
	let symbol = mock("libio_cuda_mock_without_launch.so", &["-DNO_SYMBOL"]);
	let cases = [
		(with_fault("no-device"), "no GPU: the CUDA driver finds no device\n"),
		(
			with_fault("old"),
			"no GPU: the CUDA driver supports CUDA 10.2, 11.0 or later is needed\n",
		),
		// A result that `cust` does not know must not become one of its variants.
		(with_fault("future"), "no GPU: the CUDA driver does not start: CUDA_ERROR_UNKNOWN\n"),
		(check(symbol, &[]), "no GPU: the CUDA driver has no function cuLaunchKernel\n"),
	];
	for ((code, said), expected) in cases {
		assert_eq!((code, said.as_str()), (1, expected));
	}
}

#[test]
fn should_give_up_cleanly_when_memory_runs_out() {
	// Each allocation of a run, until there is none of that number.
	for nth in 1.. {
		let (code, said) = with_fault(&format!("oom:{nth}"));
		if code == 0 {
			assert!(nth > 8, "allocations do not fail: {said}");
			break;
		}
		assert_eq!(code, 2, "{said}");
		assert!(said.contains("the GPU has no "), "{said}");
		assert_eq!(said.matches(" launches, 0 bytes left").count(), 2, "{said}");
	}
}

#[test]
fn should_say_that_the_gpu_is_lost_when_a_kernel_breaks_it() {
	for launch in [1, 4, 30] {
		let (code, said) = with_fault(&format!("illegal:{launch}"));
		assert_eq!(code, 2, "{said}");
		assert!(said.contains("the GPU is lost: "), "{said}");
		assert!(said.to_lowercase().contains("illegal"), "{said}");
	}
}

#[test]
fn should_stop_waiting_when_the_gpu_hangs() {
	for launch in [1, 4, 30] {
		// On this device every call that waits, freeing memory too, waits for ever.
		let (code, said) = with_fault(&format!("hang:{launch}"));
		assert_eq!(code, 2, "{said}");
		assert!(said.contains("the GPU has not answered for 0.3"), "{said}");
		assert!(said.contains("and is given up"), "{said}");
	}
}

#[test]
fn should_find_out_when_any_kernel_is_wrong() {
	let kernels =
		["chacha8_rows", "blake3_leaves", "blake3_nodes", "gemm_dp4a_u16", "gemm_mma_u16"];
	for kernel in kernels {
		let (code, said) = with_fault(&format!("wrong:{kernel}"));
		assert_eq!(code, 2, "{said}");
		let found = said.contains("the GPU computes wrongly: streams, products or hashes");
		assert!(found, "{kernel}: {said}");
	}
	for kernel in ["gemm_dp4a_i32", "gemm_mma_i32"] {
		let (code, said) = with_fault(&format!("wrong:{kernel}"));
		assert_eq!(code, 2, "{said}");
		assert!(said.contains("the GPU computes wrongly: products of extremes"), "{said}");
	}
}
