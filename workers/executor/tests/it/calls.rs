//! Calls with whatever arguments: nothing panics, nothing differs between two runs.

use proptest::prelude::*;

use crate::support::*;

/// All functions but `proc_exit`, with their parameters: `i` for 32, `l` for 64 bits.
const ALL: &str =
	"args_get:ii args_sizes_get:ii environ_get:ii environ_sizes_get:ii clock_res_get:ii
	clock_time_get:ili fd_advise:illi fd_allocate:ill fd_close:i fd_datasync:i fd_fdstat_get:ii
	fd_fdstat_set_flags:ii fd_fdstat_set_rights:ill fd_filestat_get:ii fd_filestat_set_size:il
	fd_filestat_set_times:illi fd_pread:iiili fd_prestat_get:ii fd_prestat_dir_name:iii
	fd_pwrite:iiili fd_read:iiii fd_readdir:iiili fd_renumber:ii fd_seek:ilii fd_sync:i fd_tell:ii
	fd_write:iiii path_create_directory:iii path_filestat_get:iiiii path_filestat_set_times:iiiilli
	path_link:iiiiiii path_open:iiiiillii path_readlink:iiiiii path_remove_directory:iii
	path_rename:iiiiii path_symlink:iiiii path_unlink_file:iii poll_oneoff:iiii proc_raise:i
	random_get:ii sched_yield: sock_accept:iii sock_recv:iiiiii sock_send:iiiii sock_shutdown:ii";

/// Paths in memory, each at a multiple of 16 from 1024.
const PATHS: [&str; 12] = [
	"out/a",
	"out/b",
	"out/d/",
	"out",
	".",
	"in/input",
	"tmp/../out",
	"tmp/x",
	"",
	"/",
	"out/d/e",
	"a\\00",
];

/// A program that does the calls and prints the sum of all that they gave.
fn calling(calls: &[(usize, Vec<i64>)]) -> String {
	let functions: Vec<_> = ALL.split_whitespace().collect();
	let mut body = String::new();
	for (function, args) in calls {
		let (name, types) = functions[function % functions.len()].split_once(':').unwrap();
		let args: String = types
			.chars()
			.zip(args.iter().cycle())
			.map(|(kind, arg)| match kind {
				'l' => format!("(i64.const {arg})"),
				_ => format!("(i32.const {})", *arg as i32),
			})
			.collect();
		body += &format!(
			"(global.set $sum (i32.add (i32.mul (global.get $sum) (i32.const 31)) (call ${name} {args})))\n"
		);
	}
	let paths: String = PATHS
		.iter()
		.enumerate()
		.map(|(index, path)| format!(r#"(data (i32.const {}) "{path}")"#, 1024 + 16 * index))
		.collect();
	module(
		ALL,
		&format!(
			r#"(global $sum (mut i32) (i32.const 0)) {paths}
			(data (i32.const 512) "\00\04\00\00\10\00\00\00\00\10\00\00\ff\00\00\00\00\00\ff\ff\ff\ff\ff\ff")
			(func (export "_start") {body}
				(i32.store (i32.const 0) (global.get $sum))
				(i32.store (i32.const 8) (i32.const 0))
				(i32.store (i32.const 12) (i32.const 4))
				(drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16))))"#
		),
	)
}

/// Values that mean something, and some that do not.
fn argument() -> impl Strategy<Value = i64> {
	prop_oneof![
		6 => 0i64..12,
		4 => (0i64..12).prop_map(|index| 1024 + 16 * index),
		3 => Just(512i64),
		2 => 2_000i64..65_536,
		2 => 65_500i64..65_600,
		2 => prop::sample::select(vec![
			-1, i64::MAX, i64::MIN, u32::MAX as i64, i32::MAX as i64, 1 << 40, (1 << 30) - 1,
		]),
		1 => any::<i64>(),
	]
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

	#[test]
	fn should_give_equal_results_when_functions_get_random_arguments(
		calls in prop::collection::vec((0usize..1_000, prop::collection::vec(argument(), 9)), 1..120)
	) {
		let program = wat::parse_str(calling(&calls)).unwrap();
		let bench = Bench::new().input(b"the input").limits(|limits| limits.max_units = 4);
		let first = bench.run(&program);
		let second = bench.run(&program);
		prop_assert_eq!(first.result(), second.result());
	}
}

/// What each function gives for one list of arguments.
fn outcomes(function: &str, args: &str) -> i32 {
	let text = module(
		&format!("{function} proc_exit:i"),
		&format!(
			r#"(func (export "_start") (call $proc_exit (call ${} {args})))"#,
			function.split_once(':').unwrap().0
		),
	);
	Bench::new().run_wat(&text).exit_code
}

const NOT_SOCKET: i32 = 57;
const BAD_FD: i32 = 8;
const FAULT: i32 = 21;

#[test]
fn should_refuse_sockets_when_a_program_wants_a_network() {
	let fd = |number: u32, rest: &str| format!("(i32.const {number}) {rest}");
	let zeros = |count: usize| "(i32.const 0)".repeat(count);
	for (function, rest) in [
		("sock_accept:iii", 2),
		("sock_recv:iiiiii", 5),
		("sock_send:iiiii", 4),
		("sock_shutdown:ii", 1),
	] {
		assert_eq!(outcomes(function, &fd(3, &zeros(rest))), NOT_SOCKET);
		assert_eq!(outcomes(function, &fd(9, &zeros(rest))), BAD_FD);
	}
}

#[test]
fn should_say_fault_when_pointers_are_outside_of_the_memory() {
	for (function, args) in [
		("args_get:ii", "(i32.const 65535) (i32.const 0)"),
		("random_get:ii", "(i32.const -1) (i32.const 2)"),
		("clock_time_get:ili", "(i32.const 0) (i64.const 0) (i32.const 65530)"),
		("fd_prestat_get:ii", "(i32.const 3) (i32.const 65532)"),
		("fd_write:iiii", "(i32.const 1) (i32.const 65535) (i32.const 1) (i32.const 0)"),
		("fd_read:iiii", "(i32.const 0) (i32.const 0) (i32.const 0) (i32.const -2)"),
		("fd_fdstat_get:ii", "(i32.const 1) (i32.const 65528)"),
		("path_create_directory:iii", "(i32.const 3) (i32.const 65530) (i32.const 10)"),
		("poll_oneoff:iiii", "(i32.const 65500) (i32.const 0) (i32.const 1) (i32.const 0)"),
	] {
		assert_eq!(outcomes(function, args), FAULT, "{function}");
	}
}

#[test]
fn should_say_fault_when_the_program_has_no_memory() {
	let text = r#"(module
		(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
		(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
		(func (export "_start") (call $exit (call $random (i32.const 0) (i32.const 1)))))"#;
	assert_eq!(Bench::new().run_wat(text).exit_code, FAULT);
}

#[test]
fn should_move_the_clock_when_a_program_waits_for_it() {
	// One subscription to the steady clock, five seconds from now, then the time that passed, in seconds.
	let text = module(
		"poll_oneoff:iiii clock_time_get:ili proc_exit:i",
		r#"(data (i32.const 0) "\2a")
		(func (export "_start")
			(i32.store (i32.const 16) (i32.const 1))
			(i64.store (i32.const 24) (i64.const 5000000000))
			(if (call $poll_oneoff (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200))
				(then unreachable))
			(if (i32.ne (i32.load (i32.const 200)) (i32.const 1)) (then unreachable))
			(if (i64.ne (i64.load (i32.const 100)) (i64.const 42)) (then unreachable))
			(drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 300)))
			(call $proc_exit
				(i32.wrap_i64 (i64.div_u (i64.load (i32.const 300)) (i64.const 1000000000)))))"#,
	);
	assert_eq!(Bench::new().run_wat(&text).exit_code, 5);
}
