//! The file system, seen by programs in C.

use io_executor::exit_code;

use crate::support::*;

fn check(name: &str) -> Done {
	let bench = Bench::new().args(&[name]).input(b"the input").limits(|limits| {
		limits.max_units = 100;
		limits.max_output = 64 << 20;
	});
	let done = bench.run(&compiled("files.c"));
	assert_eq!(done.exit_code, 0, "{name}: {}", done.text("stdout"));
	done
}

#[test]
fn should_write_at_the_end_when_opened_for_appending() {
	check("append");
}

#[test]
fn should_read_zeros_between_when_written_behind_the_end() {
	check("seek");
}

#[test]
fn should_forget_old_bytes_when_a_file_is_cut_off() {
	check("truncated");
}

#[test]
fn should_keep_a_files_bytes_when_it_is_unlinked_while_open() {
	check("unlinked");
}

#[test]
fn should_follow_posix_when_renaming() {
	check("renamed");
}

#[test]
fn should_list_names_in_order_when_a_directory_is_read() {
	let done = check("directories");
	let text = done.text("stdout");
	let names: Vec<_> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
	assert_eq!(names, [".", "..", "B", "_", "a", "ab", "b", "ä"]);
	assert_eq!(text, check("directories").text("stdout"));
}

#[test]
fn should_miss_no_name_when_a_directory_is_emptied_while_read() {
	check("emptied");
}

#[test]
fn should_add_nothing_when_the_directory_was_removed() {
	check("removed");
}

#[test]
fn should_follow_links_when_they_lead_somewhere() {
	check("links");
}

#[test]
fn should_stay_inside_when_a_path_leads_out() {
	check("escapes");
}

#[test]
fn should_refuse_writes_when_the_place_is_read_only() {
	check("readonly");
}

#[test]
fn should_check_names_when_they_are_long_or_odd() {
	let done = check("names");
	assert!(done.file(&format!("out/{}", "n".repeat(255))).is_some());
}

#[test]
fn should_run_out_of_descriptors_when_too_many_are_open() {
	check("descriptors");
}

#[test]
fn should_run_out_of_entries_when_too_many_files_are_made() {
	check("entries");
}

#[test]
fn should_run_out_of_space_when_tmp_is_full() {
	check("quota");
}

#[test]
fn should_pack_everything_in_order_when_out_has_directories() {
	let done = check("nested");
	assert_eq!(
		done.names(),
		[
			"out/",
			"out/a/",
			"out/a/deep/",
			"out/a/deep/three",
			"out/a/two",
			"out/a.txt",
			"out/link",
			"out/z/",
			"out/z/one",
			"stderr",
			"stdout",
		]
	);
	assert_eq!(done.text("out/a/deep/three"), "3");
	assert_eq!(done.text("stdout"), "standard output");
	assert_eq!(done.text("stderr"), "standard error");

	let archive = std::fs::read(&done.output).unwrap();
	for entry in tar::Archive::new(&archive[..]).entries().unwrap() {
		let entry = entry.unwrap();
		let header = entry.header();
		assert_eq!(
			(header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()),
			(0, 0, 0)
		);
		let mode = if header.entry_type().is_dir() { 0o755 } else { 0o644 };
		assert_eq!(header.mode().unwrap(), mode);
		if header.entry_type().is_symlink() {
			assert_eq!(&entry.link_name_bytes().unwrap()[..], b"a/two");
		}
	}
}

#[test]
fn should_keep_the_output_when_a_program_fails() {
	let text = module(
		"path_open:iiiiillii fd_write:iiii",
		r#"(data (i32.const 100) "out/file")
		(data (i32.const 0) "\64\00\00\00\08\00\00\00")
		(func (export "_start")
			(drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 8)
				(i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))
			(drop (call $fd_write (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 20)))
			unreachable)"#,
	);
	let done = Bench::new().run_wat(&text);
	assert_eq!(done.exit_code, exit_code::TRAP);
	assert_eq!(done.text("out/file"), "out/file");
}
