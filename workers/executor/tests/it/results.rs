//! What executions give: exit codes, archives, limits, determinism.


use crate::support::*;

#[test]
fn should_return_zero_and_the_streams_when_a_program_prints_and_returns() {
	let done = Bench::new().run_wat(&printing("hello, world\n"));
	assert_eq!(done.exit_code, 0);
	assert_eq!(done.units, 1);
	assert_eq!(done.file("stdout"), Some(b"hello, world\n".to_vec()));
	assert_eq!(done.file("stderr"), Some(vec![]));
	assert_eq!(done.names(), ["out/", "stderr", "stdout"]);
}

