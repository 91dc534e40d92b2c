//! Inputs: one file, archives, and what only looks like one.

use tar::{Builder, EntryType, Header};

use crate::support::*;

/// Prints what is in `/in`, with everything below it.
const LIST: &str = "list.c";

fn header(kind: EntryType, name: &[u8], len: u64) -> Header {
	let mut header = Header::new_gnu();
	header.set_entry_type(kind);
	header.set_size(len);
	header.set_mode(0o4777);
	header.set_uid(1234);
	header.set_mtime(1_600_000_000);
	header.as_old_mut().name[..name.len()].copy_from_slice(name);
	header
}

struct Tar(Builder<Vec<u8>>);

impl Tar {
	fn new() -> Self {
		Tar(Builder::new(vec![]))
	}

	fn file(mut self, name: &str, data: &[u8]) -> Self {
		let mut header = header(EntryType::Regular, name.as_bytes(), data.len() as u64);
		header.set_cksum();
		self.0.append(&header, data).unwrap();
		self
	}

	fn special(mut self, kind: EntryType, name: &str, target: &str) -> Self {
		let mut header = header(kind, name.as_bytes(), 0);
		header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
		header.set_cksum();
		self.0.append(&header, &[][..]).unwrap();
		self
	}

	fn raw(mut self, kind: EntryType, data: &[u8]) -> Self {
		let mut header = header(kind, b"extended", data.len() as u64);
		header.set_cksum();
		self.0.append(&header, data).unwrap();
		self
	}

	fn bytes(self) -> Vec<u8> {
		self.0.into_inner().unwrap()
	}
}

fn listing(input: &[u8]) -> String {
	let done = Bench::new().input(input).run(&compiled(LIST));
	assert_eq!(done.exit_code, 0, "{}", done.text("stdout"));
	done.text("stdout")
}

#[test]
fn should_show_one_file_and_stdin_when_the_input_is_no_archive() {
	assert_eq!(listing(b"plain"), "/in/input: plain\nstdin: plain\n");
}

#[test]
fn should_show_nothing_when_there_is_no_input() {
	let done = Bench::new().run(&compiled(LIST));
	assert_eq!(done.text("stdout"), "stdin: \n");
}

#[test]
fn should_show_the_members_when_the_input_is_an_archive() {
	let input = Tar::new()
		.file("b.txt", b"second")
		.special(EntryType::Directory, "empty/", "")
		.file("./deep/er/a.txt", b"first")
		.special(EntryType::Symlink, "deep/link", "er/a.txt")
		.special(EntryType::Link, "hard", "b.txt")
		.bytes();
	assert_eq!(
		listing(&input),
		"/in/b.txt: second\n/in/deep/\n/in/deep/er/\n/in/deep/er/a.txt: first\n/in/deep/link: first\n\
		/in/empty/\n/in/hard: second\nstdin: \n"
	);
}

#[test]
fn should_leave_hostile_members_out_when_an_archive_has_some() {
	let input = Tar::new()
		.file("../up", b"x")
		.file("a/../../up", b"x")
		.file("/absolute", b"kept inside")
		.special(EntryType::Symlink, "passwd", "/etc/passwd")
		.special(EntryType::Symlink, "climb", "../../etc/passwd")
		.special(EntryType::Symlink, "out", "../out")
		.special(EntryType::Link, "hard", "../../etc/passwd")
		.special(EntryType::Link, "nothing", "missing")
		.special(EntryType::Char, "tty", "")
		.special(EntryType::Block, "disk", "")
		.special(EntryType::Fifo, "pipe", "")
		.file("file", b"1")
		.file("file/below", b"2")
		.file("file", b"3")
		.special(EntryType::Directory, "file", "")
		.special(EntryType::Symlink, "self", "self")
		.bytes();
	assert_eq!(
		listing(&input),
		"/in/absolute: kept inside\n/in/file: 3\n/in/self: cannot open\nstdin: \n"
	);
}

#[test]
fn should_read_long_names_when_an_archive_has_them() {
	let long = format!("{}/{}", "d".repeat(150), "f".repeat(200));
	let mut builder = Builder::new(vec![]);
	let mut small = Header::new_gnu();
	small.set_size(3);
	builder.append_data(&mut small, &long, &b"gnu"[..]).unwrap();
	let gnu = builder.into_inner().unwrap();
	let record = format!(" path={long}\n");
	let len = record.len() + 3;
	let pax = Tar::new()
		.raw(EntryType::XGlobalHeader, b"20 comment=whatever\n")
		.raw(EntryType::XHeader, format!("{len}{record}").as_bytes())
		.file("short", b"gnu")
		.bytes();
	let expected = format!("/in/{}/\n/in/{long}: gnu\nstdin: \n", "d".repeat(150));
	assert_eq!(listing(&gnu), expected);
	assert_eq!(listing(&pax), expected);
}

#[test]
fn should_show_one_file_when_an_archive_is_damaged() {
	let good = Tar::new().file("a", b"data").file("b", &[7; 2000]).bytes();
	let mut checksum = good.clone();
	checksum[0] ^= 1;
	let cut = good[..2000].to_vec();
	let huge = Tar::new().raw(EntryType::GNULongName, &vec![b'x'; 100_000]).file("a", b"").bytes();
	let sized = Tar::new().raw(EntryType::XHeader, b"11 size=12\n").file("a", b"abc").bytes();
	let nonsense = Tar::new().raw(EntryType::XHeader, b"99999999 path=x").file("a", b"").bytes();
	let sparse = Tar::new().raw(EntryType::GNUSparse, b"data").file("a", b"").bytes();
	for input in [checksum, cut, huge, sized, nonsense, sparse] {
		let text = listing(&input);
		assert!(text.starts_with("/in/input: "), "{text}");
	}
}

#[test]
fn should_give_some_result_when_bytes_of_an_archive_are_changed() {
	let good = Tar::new()
		.raw(EntryType::XHeader, b"13 path=long\n")
		.file("a/b", b"data")
		.special(EntryType::Symlink, "c", "a/b")
		.file("d", &[7; 700])
		.bytes();
	let program = compiled(LIST);
	for at in (0..good.len().min(3_000)).step_by(37) {
		let mut input = good.clone();
		input[at] ^= 0x11;
		let first = Bench::new().input(&input).run(&program);
		assert_eq!(first.exit_code, 0);
	}
}
