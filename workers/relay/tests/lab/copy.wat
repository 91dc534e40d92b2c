;; Copies its input to its output, then counts for some seconds: time in which others look what its worker has open.
(module
	(import "wasi_snapshot_preview1" "path_open"
		(func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
	(memory (export "memory") 4)
	(data (i32.const 64) "in/input")
	(func $check (param $error i32)
		(if (local.get $error) (then (call $proc_exit (local.get $error)))))
	(func (export "_start") (local $i i64)
		(call $check (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 8)
			(i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
		(i32.store (i32.const 0) (i32.const 65536))
		(loop $again
			(i32.store (i32.const 4) (i32.const 65536))
			(call $check (call $fd_read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
			(if (i32.load (i32.const 8)) (then
				(i32.store (i32.const 4) (i32.load (i32.const 8)))
				(call $check (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
				(br $again))))
		(loop $count
			(local.set $i (i64.add (local.get $i) (i64.const 1)))
			(br_if $count (i64.lt_u (local.get $i) (i64.const 6000000000))))))
