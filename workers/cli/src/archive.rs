//! Tar archives: inputs packed so that the same files always give the same bytes, outputs unpacked so that nothing
//! gets out of the directory.

use std::{
	collections::BTreeSet,
	fs::{self, File, OpenOptions},
	io::{self, BufWriter, Read, Write},
	os::unix::fs::{OpenOptionsExt, PermissionsExt},
	path::{Component, Path, PathBuf},
};

use tar::{Archive, Builder, EntryType, Header};
use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// Packs what is in a directory, without the directory itself: sorted by name, without owners and times, so that the
/// hash depends on names, contents, executable bits and links alone. Returns a file that vanishes when it is dropped.
pub(crate) fn pack(dir: &Path) -> Result<NamedTempFile> {
	let failed = |e| Error::file("pack the directory", dir)(e);
	let file = NamedTempFile::new().map_err(failed)?;
	let mut builder = Builder::new(BufWriter::new(file));
	pack_dir(&mut builder, dir, Path::new(""))?;
	builder
		.into_inner()
		.and_then(|buffer| buffer.into_inner().map_err(|e| e.into_error()))
		.map_err(failed)
}

fn pack_dir<W: Write>(builder: &mut Builder<W>, dir: &Path, inside: &Path) -> Result<()> {
	let mut names = fs::read_dir(dir)
		.and_then(|entries| {
			entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()
		})
		.map_err(Error::file("list the directory", dir))?;
	names.sort();
	for name in names {
		let (path, inside) = (dir.join(&name), inside.join(&name));
		let failed = |e| Error::file("pack", &path)(e);
		let metadata = fs::symlink_metadata(&path).map_err(failed)?;
		let mut header = Header::new_gnu();
		header.set_mtime(0);
		header.set_uid(0);
		header.set_gid(0);
		if metadata.is_dir() {
			header.set_entry_type(EntryType::Directory);
			header.set_mode(0o755);
			header.set_size(0);
			builder.append_data(&mut header, &inside, io::empty()).map_err(failed)?;
			pack_dir(builder, &path, &inside)?;
		} else if metadata.is_symlink() {
			let target = fs::read_link(&path).map_err(failed)?;
			header.set_entry_type(EntryType::Symlink);
			header.set_mode(0o777);
			header.set_size(0);
			builder.append_link(&mut header, &inside, target).map_err(failed)?;
		} else if metadata.is_file() {
			let executable = metadata.permissions().mode() & 0o111 != 0;
			header.set_entry_type(EntryType::Regular);
			header.set_mode(if executable { 0o755 } else { 0o644 });
			let file = File::open(&path).map_err(failed)?;
			// A file that grows meanwhile must not spoil the archive.
			let size = file.metadata().map_err(failed)?.len();
			header.set_size(size);
			builder.append_data(&mut header, &inside, file.take(size)).map_err(failed)?;
		} else {
			return Err(Error::Local(format!(
				"{} is neither a file nor a directory nor a link; an input cannot hold it",
				path.display()
			)));
		}
	}
	Ok(())
}

/// A file that was unpacked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Unpacked {
	/// Where it is, below the directory.
	pub(crate) path: PathBuf,
	/// Its bytes.
	pub(crate) size: u64,
}

/// What came out of an archive.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Contents {
	/// The files, in the archive's order.
	pub(crate) files: Vec<Unpacked>,
	/// Links and special files that were left out.
	pub(crate) skipped: Vec<PathBuf>,
}

/// Unpacks an archive of somebody whom nobody trusts into a directory. Nothing is written outside of it, nothing that
/// exists is overwritten unless `overwrite` is set, and only plain files, directories and links inside appear.
pub(crate) fn unpack(archive: impl Read, dir: &Path, overwrite: bool) -> Result<Contents> {
	let hostile = |path: &Path, reason: &str| {
		Error::Local(format!("the output archive is not acceptable: {} {reason}", path.display()))
	};
	fs::create_dir_all(dir).map_err(Error::file("make the directory", dir))?;
	let damaged = |e: io::Error| Error::Local(format!("the output archive is damaged: {e}"));
	let mut contents = Contents::default();
	// Links that were made here; nothing may be written through them.
	let mut links = BTreeSet::new();
	for entry in Archive::new(archive).entries().map_err(damaged)? {
		let mut entry = entry.map_err(damaged)?;
		let name = entry.path().map_err(damaged)?.into_owned();
		let Some(inside) = plain(&name) else {
			return Err(hostile(&name, "leads out of it"));
		};
		if inside.as_os_str().is_empty() {
			continue;
		}
		if inside.ancestors().skip(1).any(|parent| links.contains(parent)) {
			return Err(hostile(&name, "goes through a link"));
		}
		let path = dir.join(&inside);
		let parent = path.parent().unwrap_or(dir);
		through_no_link(dir, &inside)?;
		match entry.header().entry_type() {
			EntryType::Directory => {
				fs::create_dir_all(&path).map_err(Error::file("make the directory", &path))?;
			},
			EntryType::Regular | EntryType::Continuous => {
				fs::create_dir_all(parent).map_err(Error::file("make the directory", parent))?;
				if overwrite {
					remove(&path)?;
				}
				let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
				let mut file = OpenOptions::new()
					.write(true)
					.create_new(true)
					.mode(if executable { 0o755 } else { 0o644 })
					.open(&path)
					.map_err(Error::file("write", &path))?;
				let size = io::copy(&mut entry, &mut file).map_err(Error::file("write", &path))?;
				contents.files.push(Unpacked { path: inside, size });
			},
			EntryType::Symlink => {
				let target = entry.link_name().map_err(damaged)?.map(|t| t.into_owned());
				match target {
					Some(target) if stays_inside(&inside, &target) => {
						fs::create_dir_all(parent)
							.map_err(Error::file("make the directory", parent))?;
						if overwrite {
							remove(&path)?;
						}
						std::os::unix::fs::symlink(&target, &path)
							.map_err(Error::file("make the link", &path))?;
						links.insert(inside);
					},
					_ => contents.skipped.push(inside),
				}
			},
			_ => contents.skipped.push(inside),
		}
	}
	Ok(contents)
}

/// Whether a path of the archive passes a link that was in the directory before.
fn through_no_link(dir: &Path, inside: &Path) -> Result<()> {
	let mut path = dir.to_owned();
	let parents = inside.parent().map(Path::components).into_iter().flatten();
	for part in parents {
		path.push(part);
		if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink()) {
			return Err(Error::Local(format!(
				"{} is a link; choose an empty directory for the output",
				path.display()
			)));
		}
	}
	Ok(())
}

/// Makes room for a file.
fn remove(path: &Path) -> Result<()> {
	match fs::remove_file(path) {
		Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::file("replace", path)(e)),
		_ => Ok(()),
	}
}

/// The path without `.`; `None` if it is absolute or climbs.
fn plain(path: &Path) -> Option<PathBuf> {
	let mut plain = PathBuf::new();
	for part in path.components() {
		match part {
			Component::Normal(name) => plain.push(name),
			Component::CurDir => {},
			_ => return None,
		}
	}
	Some(plain)
}

/// Whether a link's target lies inside, whatever else is unpacked.
fn stays_inside(link: &Path, target: &Path) -> bool {
	if target.as_os_str().is_empty() {
		return false;
	}
	let mut depth = link.components().count().saturating_sub(1);
	for part in target.components() {
		match part {
			Component::Normal(_) => depth += 1,
			Component::CurDir => {},
			// A part before may itself be a link that leads somewhere else, so that only a way up at the beginning is
			// sure to lead where it seems to.
			Component::ParentDir if depth > 0 => depth -= 1,
			_ => return false,
		}
	}
	let mut climbing = true;
	target.components().all(|part| match part {
		Component::ParentDir => climbing,
		Component::CurDir => true,
		_ => {
			climbing = false;
			true
		},
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	/// One entry with any name, also such as the library would not write.
	fn entry(archive: &mut Vec<u8>, name: &str, kind: EntryType, link: &str, data: &[u8]) {
		let mut header = Header::new_ustar();
		let bytes = header.as_mut_bytes();
		bytes[..name.len()].copy_from_slice(name.as_bytes());
		bytes[157..157 + link.len()].copy_from_slice(link.as_bytes());
		header.set_entry_type(kind);
		header.set_mode(0o644);
		header.set_size(data.len() as u64);
		header.set_cksum();
		archive.extend(header.as_bytes());
		archive.extend(data);
		archive.resize(archive.len().next_multiple_of(512), 0);
	}

	fn archive(entries: &[(&str, EntryType, &str, &[u8])]) -> Vec<u8> {
		let mut bytes = Vec::new();
		for (name, kind, link, data) in entries {
			entry(&mut bytes, name, *kind, link, data);
		}
		bytes.extend([0; 1024]);
		bytes
	}

	/// Unpacks into a directory inside of another one, and returns everything that is there afterwards.
	fn try_unpack(bytes: &[u8]) -> (Result<Contents>, Vec<String>) {
		let outer = tempfile::tempdir().unwrap();
		fs::write(outer.path().join("secret"), "keep").unwrap();
		let result = unpack(bytes, &outer.path().join("to"), false);
		assert_eq!(fs::read_to_string(outer.path().join("secret")).unwrap(), "keep");
		let mut found = Vec::new();
		let mut todo = vec![outer.path().to_owned()];
		while let Some(dir) = todo.pop() {
			for entry in fs::read_dir(dir).unwrap() {
				let path = entry.unwrap().path();
				let inside = path.strip_prefix(outer.path()).unwrap();
				found.push(inside.display().to_string());
				if fs::symlink_metadata(&path).unwrap().is_dir() {
					todo.push(path);
				}
			}
		}
		found.sort();
		(result, found)
	}

	#[test]
	fn should_unpack_files_directories_and_links_when_they_stay_inside() {
		let bytes = archive(&[
			("out/", EntryType::Directory, "", b""),
			("out/a", EntryType::Regular, "", b"hello"),
			("out/deep/b", EntryType::Regular, "", b""),
			("out/deep/up", EntryType::Symlink, "../a", b""),
			("stdout", EntryType::Regular, "", b"text"),
		]);
		let (result, found) = try_unpack(&bytes);
		let contents = result.unwrap();
		assert_eq!(contents.files.iter().map(|f| f.size).collect::<Vec<_>>(), [5, 0, 4]);
		assert!(contents.skipped.is_empty());
		assert_eq!(
			found,
			[
				"secret",
				"to",
				"to/out",
				"to/out/a",
				"to/out/deep",
				"to/out/deep/b",
				"to/out/deep/up",
				"to/stdout"
			]
		);
	}

	#[test]
	fn should_refuse_archive_when_a_path_leads_out() {
		for name in ["../secret", "/secret", "out/../../secret", "out/./../../secret"] {
			let (result, found) = try_unpack(&archive(&[(name, EntryType::Regular, "", b"x")]));
			assert!(result.unwrap_err().to_string().contains("leads out"), "{name}");
			assert_eq!(found, ["secret", "to"]);
		}
	}

	#[test]
	fn should_refuse_archive_when_it_writes_through_its_own_link() {
		let (result, found) = try_unpack(&archive(&[
			("out/", EntryType::Directory, "", b""),
			("out/link", EntryType::Symlink, ".", b""),
			("out/link/x", EntryType::Regular, "", b"x"),
		]));
		assert!(result.unwrap_err().to_string().contains("goes through a link"));
		assert_eq!(found, ["secret", "to", "to/out", "to/out/link"]);
	}

	#[test]
	fn should_leave_links_out_when_they_lead_out() {
		for target in ["..", "../..", "/etc/passwd", "x/../../..", "a/..", ""] {
			let (result, found) =
				try_unpack(&archive(&[("link", EntryType::Symlink, target, b"")]));
			assert_eq!(result.unwrap().skipped, [PathBuf::from("link")], "{target}");
			assert_eq!(found, ["secret", "to"]);
		}
	}

	#[test]
	fn should_leave_special_files_out() {
		for kind in [
			EntryType::Char,
			EntryType::Block,
			EntryType::Fifo,
			EntryType::Link,
			EntryType::GNUSparse,
		] {
			let (result, found) = try_unpack(&archive(&[("x", kind, "../secret", b"")]));
			// The library itself refuses some of them.
			if let Ok(contents) = result {
				assert_eq!(contents.skipped, [PathBuf::from("x")]);
			}
			assert_eq!(found, ["secret", "to"]);
		}
	}

	#[test]
	fn should_not_overwrite_when_a_name_comes_twice_or_exists() {
		let twice =
			archive(&[("a", EntryType::Regular, "", b"1"), ("a", EntryType::Regular, "", b"2")]);
		let (result, _) = try_unpack(&twice);
		assert!(result.is_err());
		let dir = tempfile::tempdir().unwrap();
		fs::write(dir.path().join("a"), "old").unwrap();
		assert!(unpack(&twice[..], dir.path(), false).is_err());
		assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "old");
		assert!(unpack(&twice[..], dir.path(), true).is_ok());
		assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "2");
	}

	#[test]
	fn should_refuse_to_unpack_through_a_link_that_was_there_before() {
		let outer = tempfile::tempdir().unwrap();
		let to = outer.path().join("to");
		fs::create_dir_all(outer.path().join("elsewhere")).unwrap();
		fs::create_dir_all(&to).unwrap();
		std::os::unix::fs::symlink("../elsewhere", to.join("out")).unwrap();
		let bytes = archive(&[("out/x", EntryType::Regular, "", b"x")]);
		assert!(unpack(&bytes[..], &to, true).unwrap_err().to_string().contains("is a link"));
		assert!(!outer.path().join("elsewhere/x").exists());
	}

	#[test]
	fn should_report_damage_when_archive_is_cut_or_random() {
		let bytes = archive(&[("a", EntryType::Regular, "", &[7; 2000])]);
		for len in [1, 511, 600, 1500] {
			assert!(try_unpack(&bytes[..len]).0.is_err(), "{len}");
		}
		assert!(try_unpack(&[0xa5; 4096]).0.is_err());
	}

	fn tree(dir: &Path, order: &[&str]) {
		for name in order {
			let path = dir.join(name);
			fs::create_dir_all(path.parent().unwrap()).unwrap();
			fs::write(path, name).unwrap();
		}
	}

	fn bytes_of(dir: &Path) -> Vec<u8> {
		let mut bytes = Vec::new();
		pack(dir).unwrap().reopen().unwrap().read_to_end(&mut bytes).unwrap();
		bytes
	}

	#[test]
	fn should_pack_the_same_bytes_when_files_are_the_same() {
		let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
		let long = format!("d/{}", "n".repeat(180));
		tree(one.path(), &["b", "a", "d/c", &long, "d-x"]);
		tree(two.path(), &["d-x", &long, "d/c", "a", "b"]);
		fs::set_permissions(two.path().join("a"), fs::Permissions::from_mode(0o600)).unwrap();
		let past = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
		File::options().write(true).open(two.path().join("b")).unwrap().set_modified(past).unwrap();
		assert_eq!(bytes_of(one.path()), bytes_of(two.path()));
		fs::write(two.path().join("a"), "A").unwrap();
		assert_ne!(bytes_of(one.path()), bytes_of(two.path()));
	}

	#[test]
	fn should_unpack_what_was_packed() {
		let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
		let long = format!("d/{}", "n".repeat(180));
		tree(from.path(), &["a", "d/b", &long]);
		let contents =
			unpack(pack(from.path()).unwrap().reopen().unwrap(), to.path(), false).unwrap();
		assert_eq!(contents.files.len(), 3);
		assert_eq!(fs::read_to_string(to.path().join(&long)).unwrap(), long);
	}

	#[test]
	fn should_refuse_to_pack_what_is_no_file() {
		let dir = tempfile::tempdir().unwrap();
		let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("s")).unwrap();
		assert!(pack(dir.path()).is_err());
	}
}
