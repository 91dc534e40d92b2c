//! The input of a job: one file, or the members of a tar archive, which stay where they are in it.

use std::{
	fs::File,
	io::{self, Read, Seek, SeekFrom},
	os::unix::fs::FileExt,
	path::Path,
	sync::Arc,
};

use tar::EntryType;

use crate::{
	error::Error,
	vfs::{MAX_NAME, MAX_PATH},
};

/// Most members of an archive that is shown as directories; one with more is shown as one file.
const MAX_MEMBERS: usize = 262_144;
/// Most bytes of all paths and link targets of such an archive, which are held in memory.
const MAX_NAMES: usize = 64 * 1024 * 1024;
/// Most bytes of one extended header.
const MAX_EXTENDED: u64 = 64 * 1024;

/// An opened input.
#[derive(Debug)]
pub(crate) struct Input {
	file: Arc<File>,
	len: u64,
	members: Option<Vec<Member>>,
}

/// A member of an archive that can be shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member {
	/// Parts of the path with slashes between them, at least one, none of them empty, `.` or `..`.
	pub(crate) path: Box<[u8]>,
	pub(crate) kind: MemberKind,
}

/// What a member is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MemberKind {
	/// A directory.
	Dir,
	/// A file: where its bytes lie in the archive.
	File { offset: u64, len: u64 },
	/// A symbolic link that does not leave the archive.
	Link { target: Vec<u8> },
	/// The same file as an earlier member.
	Hard { target: Box<[u8]> },
}

impl MemberKind {
	/// Bytes of names that it holds.
	fn names(&self) -> usize {
		match self {
			MemberKind::Dir | MemberKind::File { .. } => 0,
			MemberKind::Link { target } => target.len(),
			MemberKind::Hard { target } => target.len(),
		}
	}
}

impl Input {
	/// Opens an input. What is not a tar archive from start to end is one file.
	pub(crate) fn open(path: &Path) -> Result<Self, Error> {
		let failed = || Error::io("read the input", path);
		let mut file = File::open(path).map_err(failed())?;
		let len = file.metadata().map_err(failed())?.len();
		let mut magic = [0; 5];
		let is_tar = len >= 512
			&& file
				.seek(SeekFrom::Start(257))
				.and_then(|_| file.read_exact(&mut magic))
				.map(|()| &magic == b"ustar")
				.map_err(failed())?;
		let mut members = None;
		if is_tar {
			file.seek(SeekFrom::Start(0)).map_err(failed())?;
			members = scan(&file, len).map_err(failed())?;
		}
		Ok(Self { file: Arc::new(file), len, members })
	}

	/// The file on the host.
	pub(crate) fn file(&self) -> Arc<File> {
		self.file.clone()
	}

	/// Bytes of the file on the host.
	pub(crate) fn len(&self) -> u64 {
		self.len
	}

	/// Fills a buffer from a position.
	pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
		self.file.read_exact_at(buffer, offset)
	}

	/// Gives the members away, if this is an archive.
	pub(crate) fn take_members(&mut self) -> Option<Vec<Member>> {
		self.members.take()
	}
}

/// Why a scan ends early.
enum Bad {
	/// It is not a well-formed archive: a fact about the input.
	Archive,
	/// The host could not read the file.
	Host(io::Error),
}

/// The members of an archive; `None` if it is not a well-formed one.
fn scan(file: &File, len: u64) -> io::Result<Option<Vec<Member>>> {
	match try_scan(file, len) {
		Ok(members) => Ok(Some(members)),
		Err(Bad::Archive) => Ok(None),
		Err(Bad::Host(error)) => Err(error),
	}
}

fn try_scan(file: &File, len: u64) -> Result<Vec<Member>, Bad> {
	// What the library reports itself comes without an operating system's error number.
	let bad = |error: io::Error| match error.raw_os_error() {
		Some(_) => Bad::Host(error),
		None => Bad::Archive,
	};
	let mut archive = tar::Archive::new(file);
	let mut members = Vec::new();
	let (mut long_name, mut long_link) = (None::<Vec<u8>>, None::<Vec<u8>>);
	let (mut count, mut names) = (0, 0);
	// Raw: the library would read extended headers of any size into memory.
	for entry in archive.entries_with_seek().map_err(bad)?.raw(true) {
		let mut entry = entry.map_err(bad)?;
		count += 1;
		if count > MAX_MEMBERS {
			return Err(Bad::Archive);
		}
		let offset = entry.raw_file_position();
		let size = entry.size();
		let end = offset.checked_add(size).ok_or(Bad::Archive)?;
		let kind = entry.header().entry_type();
		if end > len {
			return Err(Bad::Archive);
		}
		if matches!(kind, EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader) {
			if size > MAX_EXTENDED {
				return Err(Bad::Archive);
			}
			let mut data = Vec::with_capacity(size as usize);
			entry.read_to_end(&mut data).map_err(bad)?;
			match kind {
				EntryType::GNULongName => long_name = Some(until_nul(data)),
				EntryType::GNULongLink => long_link = Some(until_nul(data)),
				_ => pax(&data, &mut long_name, &mut long_link)?,
			}
			continue;
		}
		if kind == EntryType::XGlobalHeader {
			continue;
		}
		if kind == EntryType::GNUSparse {
			// Its bytes do not lie one after the other.
			return Err(Bad::Archive);
		}
		let name = long_name.take().unwrap_or_else(|| entry.header().path_bytes().into_owned());
		let link = long_link
			.take()
			.or_else(|| entry.header().link_name_bytes().map(|target| target.into_owned()));
		let Some(path) = inside(&name) else { continue };
		let kind = match kind {
			// An old way to mark a directory is a slash at the end.
			EntryType::Regular if name.ends_with(b"/") => MemberKind::Dir,
			EntryType::Regular | EntryType::Continuous => MemberKind::File { offset, len: size },
			EntryType::Directory => MemberKind::Dir,
			EntryType::Symlink => match link {
				Some(target) if stays_inside(&path, &target) => MemberKind::Link { target },
				_ => continue,
			},
			EntryType::Link => match link.as_deref().and_then(inside) {
				Some(target) => MemberKind::Hard { target },
				None => continue,
			},
			_ => continue,
		};
		names += path.len() + kind.names();
		if names > MAX_NAMES {
			return Err(Bad::Archive);
		}
		members.push(Member { path, kind });
	}
	Ok(members)
}

fn until_nul(mut data: Vec<u8>) -> Vec<u8> {
	if let Some(end) = data.iter().position(|byte| *byte == 0) {
		data.truncate(end);
	}
	data
}

/// Reads the records `length key=value\n` of a POSIX extended header.
fn pax(mut data: &[u8], name: &mut Option<Vec<u8>>, link: &mut Option<Vec<u8>>) -> Result<(), Bad> {
	while !data.is_empty() {
		let space = data.iter().position(|byte| *byte == b' ').ok_or(Bad::Archive)?;
		let len: usize = data
			.get(..space)
			.and_then(|digits| std::str::from_utf8(digits).ok())
			.and_then(|digits| digits.parse().ok())
			.ok_or(Bad::Archive)?;
		let record = data
			.get(space + 1..len)
			.and_then(|record| record.strip_suffix(b"\n"))
			.ok_or(Bad::Archive)?;
		let equals = record.iter().position(|byte| *byte == b'=').ok_or(Bad::Archive)?;
		let (key, value) = record.split_at(equals);
		let value = value.get(1..).unwrap_or_default();
		match key {
			b"path" => *name = Some(value.to_vec()),
			b"linkpath" => *link = Some(value.to_vec()),
			// Both would change where the next header lies.
			b"size" => return Err(Bad::Archive),
			key if key.starts_with(b"GNU.sparse.") => return Err(Bad::Archive),
			_ => {},
		}
		data = data.get(len..).unwrap_or_default();
	}
	Ok(())
}

/// A member's path relative to the archive's root, without needless slashes; `None` if it names nothing in there.
fn inside(path: &[u8]) -> Option<Box<[u8]>> {
	if path.len() > MAX_PATH || path.contains(&0) {
		return None;
	}
	let mut inside = Vec::with_capacity(path.len());
	for part in path.split(|byte| *byte == b'/') {
		match part {
			b"" | b"." => {},
			b".." => return None,
			part if part.len() > MAX_NAME => return None,
			part => {
				if !inside.is_empty() {
					inside.push(b'/');
				}
				inside.extend_from_slice(part);
			},
		}
	}
	(!inside.is_empty()).then(|| inside.into())
}

/// Whether a symbolic link at a path points to something in the archive.
fn stays_inside(path: &[u8], target: &[u8]) -> bool {
	if target.is_empty() || target.len() > MAX_PATH || target.starts_with(b"/") {
		return false;
	}
	let mut depth = path.iter().filter(|byte| **byte == b'/').count();
	for part in target.split(|byte| *byte == b'/') {
		match part {
			b"" | b"." => {},
			b".." => match depth.checked_sub(1) {
				Some(less) => depth = less,
				None => return false,
			},
			_ => depth += 1,
		}
	}
	!target.contains(&0)
}
