//! What executions give: exit codes, archives, limits, determinism.

use std::{
	fs::{self, File},
	thread,
	time::{Duration, Instant},
};

use io_executor::{Config, Control, Error, Executor, Task, exit_code};
use tempfile::TempDir;

use crate::support::*;

const MIB: u64 = 1 << 20;

#[test]
fn should_return_zero_and_the_streams_when_a_program_prints_and_returns() {
	let done = Bench::new().run_wat(&printing("hello, world\n"));
	assert_eq!(done.exit_code, 0);
	assert_eq!(done.units, 1);
	assert_eq!(done.file("stdout"), Some(b"hello, world\n".to_vec()));
	assert_eq!(done.file("stderr"), Some(vec![]));
	assert_eq!(done.names(), ["out/", "stderr", "stdout"]);
}

fn exiting(code: i32) -> String {
	module(
		"proc_exit:i",
		&format!(r#"(func (export "_start") (call $proc_exit (i32.const {code})))"#),
	)
}

#[test]
fn should_return_the_programs_code_when_it_exits() {
	assert_eq!(Bench::new().run_wat(&exiting(3)).exit_code, 3);
	assert_eq!(Bench::new().run_wat(&exiting(0)).exit_code, 0);
}

#[test]
fn should_clamp_the_code_when_a_program_forges_a_reserved_one() {
	for code in [-1, -2, -5, i32::MIN] {
		assert_eq!(Bench::new().run_wat(&exiting(code)).exit_code, exit_code::CLAMPED);
	}
}

#[test]
fn should_trap_when_a_program_does_what_is_not_possible() {
	for body in [
		"unreachable",
		"(drop (i32.div_u (i32.const 1) (i32.const 0)))",
		"(drop (i32.load (i32.const 65536)))",
		"(drop (i32.trunc_f64_s (f64.const nan)))",
		"(call_indirect (i32.const 9))",
		"(memory.fill (i32.const 1) (i32.const 0) (i32.const 65536))",
	] {
		let text = module("", &format!(r#"(table 1 funcref) (func (export "_start") {body})"#));
		let done = Bench::new().run_wat(&text);
		assert_eq!(done.exit_code, exit_code::TRAP, "{body}");
		assert!(done.detail.is_some());
	}
}

#[test]
fn should_trap_at_the_same_depth_when_the_stack_overflows() {
	let text = module(
		"",
		r#"(func $deeper (param i32 f64) (result i32)
				(i32.store (i32.const 0) (local.get 0))
				(i32.add (local.get 0)
					(call $deeper (i32.add (local.get 0) (i32.const 1)) (local.get 1))))
			(func (export "_start") (drop (call $deeper (i32.const 1) (f64.const 0))))"#,
	);
	let first = Bench::new().run_wat(&text);
	assert_eq!(first.exit_code, exit_code::TRAP);
	// Also when the caller's own stack is small.
	let second = thread::Builder::new()
		.stack_size(256 * 1024)
		.spawn(move || Bench::new().run_wat(&text).result())
		.unwrap()
		.join()
		.unwrap();
	assert_eq!(first.result(), second);
}

#[test]
fn should_be_out_of_fuel_when_a_program_loops() {
	let text = module("", r#"(func (export "_start") (loop (br 0)))"#);
	let done = Bench::new().limits(|limits| limits.max_units = 2).run_wat(&text);
	assert_eq!(done.exit_code, exit_code::OUT_OF_FUEL);
	assert_eq!((done.units, done.fuel), (2, 2_000_000_000));
}

#[test]
fn should_be_out_of_fuel_when_calls_to_the_host_cost_too_much() {
	let text = module(
		"random_get:ii",
		r#"(func (export "_start")
			(loop (drop (call $random_get (i32.const 0) (i32.const 65536))) (br 0)))"#,
	);
	let done = Bench::new().limits(|limits| limits.max_units = 1).run_wat(&text);
	assert_eq!(done.exit_code, exit_code::OUT_OF_FUEL);
	assert_eq!((done.units, done.fuel), (1, 1_000_000_000));
}

#[test]
fn should_be_out_of_fuel_when_the_program_is_too_large_for_the_units() {
	let mut program = wat::parse_str(printing("x")).unwrap();
	// A custom section of 60 MiB.
	let len = 60 * MIB as u32;
	program.push(0);
	let mut rest = len;
	while rest > 127 {
		program.push(rest as u8 | 0x80);
		rest >>= 7;
	}
	program.push(rest as u8);
	program.extend(std::iter::repeat_n(0, len as usize));
	let done = Bench::new().limits(|limits| limits.max_units = 1).run(&program);
	assert_eq!((done.exit_code, done.units), (exit_code::OUT_OF_FUEL, 1));
	let done = Bench::new().run(&program);
	assert_eq!((done.exit_code, done.units), (0, 2));
}

#[test]
fn should_be_out_of_fuel_when_much_memory_is_filled_at_once() {
	// 32 MiB each time: 8 million units of fuel.
	for operation in [
		"(memory.fill (i32.const 0) (i32.const 1) (i32.const 33554432))",
		"(memory.copy (i32.const 0) (i32.const 100) (i32.const 33554432))",
		"(table.fill $t (i32.const 0) (ref.null func) (i32.const 1000000))",
	] {
		let text = format!(
			r#"(module (memory 1000) (table $t 1000000 funcref)
				(func (export "_start") (loop {operation} (br 0))))"#
		);
		let started = Instant::now();
		let done = Bench::new().limits(|limits| limits.max_units = 1).run_wat(&text);
		assert_eq!(done.exit_code, exit_code::OUT_OF_FUEL, "{operation}");
		assert!(started.elapsed() < Duration::from_secs(60), "{operation}");
	}
}

#[test]
fn should_charge_by_length_when_memory_is_copied() {
	let fuel = |len: u32| {
		let text = format!(
			r#"(module (memory 100) (data $d "hello")
				(func $unused (param i64 f32) (result f64) (f64.const 1))
				(func (export "_start")
					(memory.init $d (i32.const 0) (i32.const 0) (i32.const 5))
					(memory.copy (i32.const 1000) (i32.const 0) (i32.const {len}))
					(memory.fill (i32.const 0) (i32.const 1) (i32.const 100))
					(if (i32.ne (i32.load8_u (i32.const 1001)) (i32.const 101)) (then unreachable))))"#
		);
		let done = Bench::new().run_wat(&text);
		assert_eq!(done.exit_code, 0);
		done.fuel
	};
	// The same number of bytes in the module, so that loading costs the same.
	let (short, long) = (fuel(1_100_000), fuel(2_124_000));
	assert_eq!(long - short, 1_000 * io_executor::tariff::BULK_BLOCK);
}

#[test]
fn should_report_the_memory_limit_when_the_program_starts_with_too_much() {
	let text = r#"(module (memory (export "memory") 1025) (func (export "_start")))"#;
	assert_eq!(Bench::new().run_wat(text).exit_code, exit_code::MEMORY_LIMIT);
	assert_eq!(Bench::new().limits(|l| l.max_memory_mib = 65).run_wat(text).exit_code, 0);
	let text = r#"(module (table 2000000 funcref) (func (export "_start")))"#;
	assert_eq!(Bench::new().run_wat(text).exit_code, exit_code::MEMORY_LIMIT);
}

#[test]
fn should_refuse_more_memory_when_the_program_grows_beyond_its_limit() {
	let text = module(
		"proc_exit:i",
		r#"(table $t 1 funcref)
		(func (export "_start")
			(if (i32.ne (memory.grow (i32.const 1023)) (i32.const 1)) (then unreachable))
			(if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
			(if (i32.ne (table.grow $t (ref.null func) (i32.const 2000000)) (i32.const -1))
				(then unreachable))
			(if (i32.ne (table.grow $t (ref.null func) (i32.const 2)) (i32.const 1))
				(then unreachable))
			(call $proc_exit (i32.const 7)))"#,
	);
	assert_eq!(Bench::new().run_wat(&text).exit_code, 7);
}

/// Writes a block of 64 KiB to a stream as often as asked for.
fn writing(stream: u32, times: u32) -> String {
	module(
		"fd_write:iiii",
		&format!(
			r#"(func (export "_start") (local i32)
				(memory.fill (i32.const 1024) (i32.const 120) (i32.const 60000))
				(i32.store (i32.const 0) (i32.const 1024))
				(i32.store (i32.const 4) (i32.const 60000))
				(loop
					(drop (call $fd_write
						(i32.const {stream}) (i32.const 0) (i32.const 1) (i32.const 8)))
					(local.set 0 (i32.add (local.get 0) (i32.const 1)))
					(br_if 0 (i32.lt_u (local.get 0) (i32.const {times})))))"#
		),
	)
}

#[test]
fn should_report_the_output_limit_when_a_stream_is_too_long() {
	let bench = Bench::new().limits(|limits| limits.max_output = MIB);
	for stream in [1, 2] {
		let done = bench.run_wat(&writing(stream, 100));
		assert_eq!(done.exit_code, exit_code::OUTPUT_LIMIT);
		assert!(done.output_len <= MIB);
		// Of each stream half of what fits is kept.
		let name = if stream == 1 { "stdout" } else { "stderr" };
		let kept = done.file(name).unwrap();
		assert_eq!(kept.len() as u64, (MIB - 2_560) / 2 / 512 * 512);
		assert!(kept.iter().all(|byte| *byte == b'x'));
		assert_eq!(done.names(), ["out/", "stderr", "stdout"]);
	}
}

#[test]
fn should_report_the_output_limit_when_only_the_archive_is_too_large() {
	// 17 blocks are 1,020,000 bytes; the archive adds three headers, padding and an end.
	let text = writing(1, 17);
	let done = Bench::new().limits(|limits| limits.max_output = 1_020_000).run_wat(&text);
	assert_eq!(done.exit_code, exit_code::OUTPUT_LIMIT);
	let exact = 1_020_000u64.next_multiple_of(512) + 3 * 512 + 1_024;
	let done = Bench::new().limits(|limits| limits.max_output = exact).run_wat(&text);
	assert_eq!((done.exit_code, done.output_len), (0, exact));
	let done = Bench::new().limits(|limits| limits.max_output = exact - 1).run_wat(&text);
	assert_eq!(done.exit_code, exit_code::OUTPUT_LIMIT);
}

#[test]
fn should_give_the_empty_archive_when_the_output_limit_is_tiny() {
	let done = Bench::new().limits(|limits| limits.max_output = 0).run_wat(&printing("x"));
	assert_eq!(done.exit_code, exit_code::OUTPUT_LIMIT);
	assert_eq!(done.output_len, 2_560);
}

#[test]
fn should_say_invalid_when_the_program_is_no_command() {
	let wasm = |text: &str| wat::parse_str(text).unwrap();
	let mut cut = wasm(&printing("hello"));
	cut.truncate(cut.len() - 3);
	let mut broken = wasm(&printing("hello"));
	let at = broken.len() - 30;
	broken[at] ^= 0xff;
	for (name, program) in [
		("empty", vec![]),
		("text", b"#!/bin/sh\necho hello\n".to_vec()),
		("only a header", b"\0asm\x01\0\0\0".to_vec()),
		("component", b"\0asm\x0d\0\x01\0".to_vec()),
		("cut off", cut),
		("broken", broken),
		("library", wasm(r#"(module (func (export "_initialize")))"#)),
		("memory as start", wasm(r#"(module (memory (export "_start") 1))"#)),
		("start with arguments", wasm(r#"(module (func (export "_start") (param i32)))"#)),
		(
			"start with result",
			wasm(r#"(module (func (export "_start") (result i32) i32.const 0))"#),
		),
		(
			"foreign import",
			wasm(r#"(module (import "env" "system" (func)) (func (export "_start")))"#),
		),
		(
			"old WASI",
			wasm(
				r#"(module (import "wasi_unstable" "sched_yield" (func (result i32)))
				(func (export "_start")))"#,
			),
		),
		(
			"unknown function",
			wasm(
				r#"(module (import "wasi_snapshot_preview1" "fork" (func (result i32)))
				(func (export "_start")))"#,
			),
		),
		(
			"wrong type",
			wasm(
				r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func (result i64)))
				(func (export "_start")))"#,
			),
		),
		(
			"call of a function that is added",
			wasm(
				r#"(module (memory 1) (func (export "_start")
					(memory.fill (i32.const 0) (i32.const 0) (call 1 (i32.const 1)))))"#,
			),
		),
		(
			"huge function",
			wasm(&format!(
				r#"(module (func (export "_start") {}))"#,
				"(drop (i32.const 1))".repeat(180_000)
			)),
		),
		("shared memory", wasm(r#"(module (memory 1 2 shared) (func (export "_start")))"#)),
		("64 bit memory", wasm(r#"(module (memory i64 1) (func (export "_start")))"#)),
		("two memories", wasm(r#"(module (memory 1) (memory 1) (func (export "_start")))"#)),
	] {
		let done = Bench::new().run(&program);
		assert_eq!(done.exit_code, exit_code::INVALID_MODULE, "{name}");
		assert!(done.detail.is_some(), "{name}");
		assert_eq!(done.names(), ["out/", "stderr", "stdout"], "{name}");
	}
}

#[test]
fn should_say_invalid_when_the_program_is_larger_than_allowed() {
	let scratch = TempDir::new().unwrap();
	let path = scratch.path().join("large.wasm");
	File::create(&path).unwrap().set_len(128 * MIB + 1).unwrap();
	let bench = Bench::new();
	let executor = Executor::new(Config::default()).unwrap();
	let task = Task {
		program: &path,
		input: None,
		args: vec![],
		limits: bench.limits,
		scratch: scratch.path(),
	};
	let done = executor.execute(&task, &Control::new()).unwrap();
	assert_eq!(done.exit_code, exit_code::INVALID_MODULE);
}

#[test]
fn should_run_when_the_program_uses_newer_features() {
	let text = r#"(module
		(memory 1)
		(table 2 funcref)
		(elem declare func $f)
		(global (mut v128) (v128.const i32x4 1 2 3 4))
		(func $two (result i32 i32) (i32.const 1) (i32.const 2))
		(func $f (param i32) (if (i32.eqz (local.get 0)) (then (return)))
			(return_call $f (i32.sub (local.get 0) (i32.const 1))))
		(func (export "_start")
			(call $two) drop drop
			(table.set (i32.const 0) (ref.func $f))
			(call $f (i32.const 1000000))
			(drop (i32.extend8_s (i32.const 200)))
			(drop (i32.trunc_sat_f64_s (f64.const 1e30)))
			(drop (f32x4.relaxed_madd (global.get 0) (global.get 0) (global.get 0)))
			(memory.copy (i32.const 0) (i32.const 100) (i32.const 50))))"#;
	assert_eq!(Bench::new().run_wat(text).exit_code, 0);
}

#[test]
fn should_give_no_result_when_cancelled() {
	let text = module("", r#"(func (export "_start") (loop (br 0)))"#);
	let bench = Bench::new().limits(|limits| limits.max_units = 1_000_000);
	let control = bench.control.clone();
	let canceller = thread::spawn(move || {
		thread::sleep(Duration::from_millis(300));
		control.cancel();
	});
	let started = Instant::now();
	let result = bench.try_run(&wat::parse_str(text).unwrap());
	assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
	assert!(started.elapsed() < Duration::from_secs(20));
	canceller.join().unwrap();
}

#[test]
fn should_give_no_result_when_the_wall_clock_runs_out() {
	let text = module("", r#"(func (export "_start") (loop (br 0)))"#);
	let bench = Bench::new().limits(|limits| {
		limits.max_units = 1_000_000;
		limits.wall_clock = Duration::from_millis(300);
	});
	let result = bench.try_run(&wat::parse_str(text).unwrap());
	assert!(matches!(result, Err(Error::WallClock)), "{result:?}");
}

#[test]
fn should_not_wait_for_the_compiler_when_the_task_is_over() {
	let program = wat::parse_str(printing("x")).unwrap();
	let over = Bench::new().limits(|limits| limits.wall_clock = Duration::ZERO);
	assert!(matches!(over.try_run(&program), Err(Error::WallClock)));
	let cancelled = Bench::new();
	cancelled.control.cancel();
	assert!(matches!(cancelled.try_run(&program), Err(Error::Cancelled)));
}

#[test]
fn should_show_progress_when_a_program_runs() {
	let text = module(
		"sched_yield:",
		r#"(func (export "_start") (loop (drop (call $sched_yield)) (br 0)))"#,
	);
	let bench = Bench::new().limits(|limits| limits.max_units = 1_000_000);
	let control = bench.control.clone();
	let watcher = thread::spawn(move || {
		let before = Instant::now();
		while control.fuel_used() < 10_000_000 && before.elapsed() < Duration::from_secs(60) {
			thread::sleep(Duration::from_millis(5));
		}
		let seen = control.fuel_used();
		control.cancel();
		seen
	});
	let _ = bench.try_run(&wat::parse_str(text).unwrap());
	assert!(watcher.join().unwrap() >= 10_000_000);
}

#[test]
fn should_blame_the_machine_when_files_are_missing() {
	let executor = Executor::new(Config::default()).unwrap();
	let scratch = TempDir::new().unwrap();
	let program = scratch.path().join("program.wasm");
	let none = scratch.path().join("none");
	let limits = Bench::new().limits;
	let run = |program, input, scratch| {
		let task = Task { program, input, args: vec![], limits, scratch };
		executor.execute(&task, &Control::new())
	};
	let missing = run(&program, None, scratch.path());
	assert!(matches!(missing, Err(Error::Io { .. })), "{missing:?}");
	fs::write(&program, wat::parse_str(printing("x")).unwrap()).unwrap();
	let missing = run(&program, Some(&none), scratch.path());
	assert!(matches!(missing, Err(Error::Io { .. })), "{missing:?}");
	let missing = run(&program, None, &none);
	assert!(matches!(missing, Err(Error::Io { .. })), "{missing:?}");
	assert!(run(&program, None, scratch.path()).is_ok());
}

#[test]
fn should_give_the_same_result_when_the_program_comes_from_the_cache() {
	let directory = TempDir::new().unwrap();
	let mut config = Config::default();
	config.compile_cache = Some(directory.path().join("cache"));
	let program = compiled("files.c");
	let bench = Bench::new().args(&["nested"]);
	let plain = bench.run(&program).result();
	for _ in 0..2 {
		let executor = Executor::new(config.clone()).unwrap();
		assert_eq!(bench.try_run_with(&executor, &program).unwrap().result(), plain);
	}
	assert!(fs::read_dir(directory.path().join("cache")).unwrap().count() > 0);
}

#[test]
fn should_give_the_same_result_when_run_again_under_load() {
	let program = compiled("machine.c");
	let bench = || Bench::new().args(&["one", "two"]).input(b"some input");
	let alone = bench().run(&program);
	assert_eq!(alone.exit_code, 0, "{}", alone.text("stdout"));
	let results: Vec<_> = thread::scope(|scope| {
		let threads: Vec<_> =
			(0..4).map(|_| scope.spawn(|| bench().run(&program).result())).collect();
		threads.into_iter().map(|thread| thread.join().unwrap()).collect()
	});
	for result in results {
		assert_eq!(result, alone.result());
	}
}

#[test]
fn should_not_show_the_machine_when_a_program_looks_for_it() {
	let done = Bench::new().args(&["one", "two"]).run(&compiled("machine.c"));
	let text = done.text("stdout");
	let lines: Vec<_> = text.lines().collect();
	assert_eq!(lines[..6], ["program", "one", "two", "HOME=/tmp", "PWD=/", "TMPDIR=/tmp"]);
	assert!(lines[7].starts_with("1767225600."), "{text}");
	assert_eq!(lines[8], "slept 3");
	assert!(lines[9].starts_with("3 1767225600 "), "{text}");
	assert!(lines[11].starts_with("7ff8000000000000 "), "{text}");
}

#[test]
fn should_draw_other_random_numbers_when_the_task_is_another() {
	let program = compiled("machine.c");
	let random =
		|bench: Bench| bench.run(&program).text("stdout").lines().nth(6).unwrap().to_string();
	let first = random(Bench::new().args(&["one", "two"]).input(b"input"));
	assert_eq!(first, random(Bench::new().args(&["one", "two"]).input(b"input")));
	assert_ne!(first, random(Bench::new().args(&["one", "twO"]).input(b"input")));
	assert_ne!(first, random(Bench::new().args(&["one", "two"]).input(b"Input")));
	let more = Bench::new().args(&["one", "two"]).input(b"input").limits(|l| l.max_units = 9);
	assert_eq!(first, random(more));
}
