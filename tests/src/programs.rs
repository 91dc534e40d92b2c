//! WASI programs of the tests, as WebAssembly text.

use anyhow::Result;

const HEAD: &str = r#"(module
	(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
	(import "wasi_snapshot_preview1" "sock_accept" (func $sock_accept (param i32 i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "sock_send" (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
	(memory (export "memory") 2)
	(data (i32.const 64) "hello from io\n")
"#;

fn module(body: &str) -> Result<Vec<u8>> {
	Ok(wat::parse_str(format!("{HEAD}{body})"))?)
}

/// Writes a line and ends.
pub fn hello() -> Result<Vec<u8>> {
	module(
		r#"(func (export "_start")
			(i32.store (i32.const 0) (i32.const 64))
			(i32.store (i32.const 4) (i32.const 14))
			(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"#,
	)
}

/// Copies its input to its output.
pub fn copies() -> Result<Vec<u8>> {
	copies_then_works(0)
}

/// Copies its input to its output, then counts for about `units` units of work.
pub fn copies_then_works(units: u64) -> Result<Vec<u8>> {
	let counts = counts(units);
	Ok(wat::parse_str(format!(
		r#"(module
			(import "wasi_snapshot_preview1" "path_open"
				(func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
			(import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
			(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
			(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
			(memory (export "memory") 4)
			(data (i32.const 64) "in/input")
			(func $check (param $error i32)
				(if (local.get $error) (then (call $proc_exit (local.get $error)))))
			{counts}
			(func (export "_start")
				(call $check (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 8)
					(i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
				(i32.store (i32.const 0) (i32.const 65536))
				(loop $again
					(i32.store (i32.const 4) (i32.const 65536))
					(call $check
						(call $fd_read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
					(if (i32.load (i32.const 8)) (then
						(i32.store (i32.const 4) (i32.load (i32.const 8)))
						(call $check (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
						(br $again))))
				(call $work)))"#,
	))?)
}

/// The function `$work`, which counts for about so many units of work.
fn counts(units: u64) -> String {
	// About eight metered instructions a round. What a loop has used is seen from outside at the next call of a function.
	const ROUNDS: u64 = 1_000_000;
	let calls = units * io_primitives::FUEL_PER_UNIT / (8 * ROUNDS);
	format!(
		r#"(func $count (local $i i64)
			(loop $again
				(local.set $i (i64.add (local.get $i) (i64.const 1)))
				(br_if $again (i64.lt_u (local.get $i) (i64.const {ROUNDS})))))
		(func $work (local $i i64)
			(loop $again
				(if (i64.lt_u (local.get $i) (i64.const {calls})) (then
					(call $count)
					(local.set $i (i64.add (local.get $i) (i64.const 1)))
					(br $again)))))"#
	)
}

/// Counts for about `units` units of work, writes a line and ends.
pub fn work(units: u64) -> Result<Vec<u8>> {
	let counts = counts(units);
	module(&format!(
		r#"{counts}
		(func (export "_start")
			(call $work)
			(i32.store (i32.const 0) (i32.const 64))
			(i32.store (i32.const 4) (i32.const 14))
			(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"#
	))
}

/// Never ends by itself.
pub fn endless() -> Result<Vec<u8>> {
	module(r#"(func (export "_start") (loop $again (br $again)))"#)
}

/// Takes memory until it gets no more, then traps.
pub fn greedy() -> Result<Vec<u8>> {
	module(
		r#"(func (export "_start")
			(loop $again
				(br_if $again (i32.ne (memory.grow (i32.const 256)) (i32.const -1))))
			(unreachable))"#,
	)
}

/// Wants more memory at its start than any job of the tests gives.
pub fn oversized() -> Result<Vec<u8>> {
	// 1 GiB.
	Ok(wat::parse_str(r#"(module (memory (export "memory") 16384) (func (export "_start")))"#)?)
}

/// Writes to its output without end.
pub fn talkative() -> Result<Vec<u8>> {
	module(
		r#"(func (export "_start")
			(i32.store (i32.const 0) (i32.const 0))
			(i32.store (i32.const 4) (i32.const 65536))
			(loop $again
				(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
				(br $again)))"#,
	)
}

/// Exits with a code.
pub fn exits(code: i32) -> Result<Vec<u8>> {
	module(&format!(r#"(func (export "_start") (call $proc_exit (i32.const {code})))"#))
}

/// Tries to take a connection and to send; exits with 7 if both were refused, with 0 if one of them worked.
pub fn socket() -> Result<Vec<u8>> {
	module(
		r#"(func (export "_start")
			(if (i32.and
					(i32.ne (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 16)) (i32.const 0))
					(i32.ne (call $sock_send (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 16))
						(i32.const 0)))
				(then (call $proc_exit (i32.const 7)))))"#,
	)
}

/// No module at all.
pub fn garbage() -> Vec<u8> {
	b"this is not WebAssembly".to_vec()
}
