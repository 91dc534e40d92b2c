//! The output archive.
//!
//! A tar archive (GNU format, so that long names work) of `out/` with all that is in it, `stderr` and `stdout`, in this
//! order, the entries of each directory sorted by their bytes. Modes are 0755 for directories and 0644 for files,
//! owners and times are 0. Symbolic links are kept unless they lead out of `/out`; a file with several names is packed
//! once for each.

use std::{
	fs::File,
	io::{self, BufWriter, Write},
	path::{Path, PathBuf},
};

use tar::{EntryType, Header};

use crate::{
	error::{Error, Stop},
	executor::{Control, Watch},
	exit_code,
	vfs::{Fail, Ino, Kind, MAX_PATH, OUT, STDERR, STDOUT, Vfs},
};

const NAME: &str = "output.tar";
/// Bytes of an archive that holds only empty `out/`, `stderr` and `stdout`.
const EMPTY: u64 = 3 * 512 + 1_024;

/// The packed output.
pub(crate) struct Archive {
	/// The execution's exit code, or that of an exceeded output limit.
	pub(crate) exit_code: i32,
	pub(crate) path: PathBuf,
	pub(crate) len: u64,
	pub(crate) hash: [u8; 32],
}

/// Packs what the program wrote. If that is more than allowed, or if the program was stopped for that, the archive
/// holds an empty `out/` and the beginnings of `stderr` and `stdout` only: of each half of what fits.
pub(crate) fn pack(
	vfs: &mut Vfs,
	scratch: &Path,
	exit_code: i32,
	watch: &Watch,
) -> Result<Archive, Stop> {
	let path = scratch.join(NAME);
	if exit_code != exit_code::OUTPUT_LIMIT {
		let mut writer = Writer::create(&path, vfs.max_output())?;
		match pack_all(vfs, &mut writer, watch).and_then(|()| Ok(writer.finish()?)) {
			Ok((len, hash)) => return Ok(Archive { exit_code, path, len, hash }),
			Err(Full::Full) => {},
			Err(Full::Stop(stop)) => return Err(stop),
		}
	}

	// The smallest archive has to be possible whatever the limit is.
	let limit = vfs.max_output().max(EMPTY);
	let each = (limit - EMPTY) / 2 / 512 * 512;
	let mut writer = Writer::create(&path, limit)?;
	let packed = writer
		.header(b"out/", EntryType::Directory, 0, None)
		.and_then(|()| pack_file(vfs, &mut writer, b"stderr", STDERR, each, watch))
		.and_then(|()| pack_file(vfs, &mut writer, b"stdout", STDOUT, each, watch))
		.and_then(|()| Ok(writer.finish()?));
	match packed {
		Ok((len, hash)) => Ok(Archive { exit_code: exit_code::OUTPUT_LIMIT, path, len, hash }),
		Err(Full::Stop(stop)) => Err(stop),
		Err(Full::Full) => Err(Stop::Engine("the output archive does not fit".into())),
	}
}

/// An archive that was made without a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
	/// The archive.
	pub path: PathBuf,
	/// Its bytes.
	pub len: u64,
	/// BLAKE3 of it.
	pub hash: [u8; 32],
}

/// A file of an archive that is made without a program.
pub struct OutputFile<'a> {
	/// Its path in the archive: `out/` and a name without slashes, at most 100 bytes in all.
	pub path: &'a str,
	/// Its bytes.
	pub len: u64,
	/// Writes them: exactly `len`.
	pub write: &'a mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
}

/// Packs what was made without a program, such as the product of a built-in kernel: the archive that a program would have
/// left which wrote this file, if there is one, and nothing else.
///
/// # Errors
/// [`Error::Io`] if the archive in `scratch` cannot be written, or if the file writes more or less than it says;
/// [`Error::Cancelled`] as in [`crate::Executor::execute`].
pub fn pack_output(
	scratch: &Path,
	file: Option<OutputFile<'_>>,
	control: &Control,
) -> Result<Packed, Error> {
	let path = scratch.join(NAME);
	let packed = Writer::create(&path, u64::MAX).and_then(|mut writer| {
		pack_one(&mut writer, file, control).map_err(|full| match full {
			Full::Full => Stop::Engine("the output archive has no bounds, and is full".into()),
			Full::Stop(stop) => stop,
		})?;
		writer.finish()
	});
	let (len, hash) = packed.map_err(|stop| stop.into_error(scratch))?;
	Ok(Packed { path, len, hash })
}

fn pack_one(
	writer: &mut Writer,
	file: Option<OutputFile<'_>>,
	control: &Control,
) -> Result<(), Full> {
	writer.header(b"out/", EntryType::Directory, 0, None)?;
	if let Some(file) = file {
		writer.header(file.path.as_bytes(), EntryType::Regular, file.len, None)?;
		let mut member = Member { writer, left: file.len, control };
		let written = (file.write)(&mut member);
		let left = member.left;
		if control.is_cancelled() {
			return Err(Stop::Cancelled.into());
		}
		written.map_err(failed)?;
		if left > 0 {
			return Err(failed(io::ErrorKind::UnexpectedEof.into()).into());
		}
		writer.pad(file.len)?;
	}
	writer.header(b"stderr", EntryType::Regular, 0, None)?;
	writer.header(b"stdout", EntryType::Regular, 0, None)
}

/// What may still be written of a member of an archive.
struct Member<'a> {
	writer: &'a mut Writer,
	left: u64,
	control: &'a Control,
}

impl Write for Member<'_> {
	fn write(&mut self, data: &[u8]) -> io::Result<usize> {
		if self.control.is_cancelled() {
			return Err(io::Error::other("cancelled"));
		}
		self.left = self.left.checked_sub(data.len() as u64).ok_or(io::ErrorKind::FileTooLarge)?;
		self.writer.data(data).map_err(|full| match full {
			Full::Stop(Stop::Machine { source, .. }) => source,
			_ => io::ErrorKind::FileTooLarge.into(),
		})?;
		Ok(data.len())
	}

	fn flush(&mut self) -> io::Result<()> {
		Ok(())
	}
}

/// Why packing ends early.
enum Full {
	/// The limit is reached.
	Full,
	/// The machine's fault.
	Stop(Stop),
}

impl From<Stop> for Full {
	fn from(stop: Stop) -> Self {
		Full::Stop(stop)
	}
}

fn pack_all(vfs: &mut Vfs, writer: &mut Writer, watch: &Watch) -> Result<(), Full> {
	writer.header(b"out/", EntryType::Directory, 0, None)?;
	// Directories that are being walked: the path with a slash, and the name that was packed last.
	let mut walk: Vec<(Ino, Vec<u8>, Option<Vec<u8>>)> = vec![(OUT, b"out/".to_vec(), None)];
	while let Some((dir, path, last)) = walk.last_mut() {
		let next = vfs
			.list(*dir, last.as_deref())
			.ok()
			.and_then(|mut entries| entries.next().map(|(name, ino)| (name.to_vec(), ino)));
		let Some((name, ino)) = next else {
			walk.pop();
			continue;
		};
		let path = [&path[..], &name[..]].concat();
		*last = Some(name);
		if path.len() >= MAX_PATH {
			return Err(Full::Full);
		}
		match vfs.kind(ino) {
			Ok(Kind::Dir) => {
				let path = [&path[..], b"/"].concat();
				writer.header(&path, EntryType::Directory, 0, None)?;
				walk.push((ino, path, None));
			},
			Ok(Kind::File) => pack_file(vfs, writer, &path, ino, u64::MAX, watch)?,
			Ok(Kind::Link) => {
				let depth = walk.len() - 1;
				if let Ok(target) = vfs.read_link(ino)
					&& stays_inside(depth, &target)
				{
					writer.header(&path, EntryType::Symlink, 0, Some(&target))?;
				}
			},
			Err(_) => {},
		}
	}
	pack_file(vfs, writer, b"stderr", STDERR, u64::MAX, watch)?;
	pack_file(vfs, writer, b"stdout", STDOUT, u64::MAX, watch)
}

/// Whether a link in a directory this far below `/out` leads to something in there.
fn stays_inside(mut depth: usize, target: &[u8]) -> bool {
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
	!target.starts_with(b"/")
}

fn pack_file(
	vfs: &mut Vfs,
	writer: &mut Writer,
	path: &[u8],
	ino: Ino,
	most: u64,
	watch: &Watch,
) -> Result<(), Full> {
	let len = vfs.len(ino).unwrap_or(0).min(most);
	writer.header(path, EntryType::Regular, len, None)?;
	let mut buffer = vec![0; (256 * 1024).min(len as usize)];
	let mut at = 0;
	while at < len {
		watch.check()?;
		let piece = (len - at).min(buffer.len() as u64) as usize;
		let Some(into) = buffer.get_mut(..piece) else { break };
		match vfs.read(ino, at, into) {
			Ok(count) if count == piece => {},
			Err(Fail::Stop(stop)) => return Err(stop.into()),
			_ => {
				return Err(
					Stop::Engine("a file of the program is shorter than it was".into()).into()
				);
			},
		}
		writer.data(into)?;
		at += piece as u64;
	}
	writer.pad(len)
}

/// Writes, counts and hashes.
struct Writer {
	file: BufWriter<File>,
	hasher: blake3::Hasher,
	len: u64,
	limit: u64,
}

impl Writer {
	fn create(path: &Path, limit: u64) -> Result<Self, Stop> {
		let file = File::create(path).map_err(failed)?;
		let file = BufWriter::with_capacity(256 * 1024, file);
		// The end of an archive is two empty blocks.
		Ok(Self { file, hasher: blake3::Hasher::new(), len: 0, limit: limit.saturating_sub(1_024) })
	}

	fn data(&mut self, data: &[u8]) -> Result<(), Full> {
		self.len += data.len() as u64;
		if self.len > self.limit {
			return Err(Full::Full);
		}
		self.hasher.update(data);
		Ok(self.file.write_all(data).map_err(failed)?)
	}

	/// Fills up the last block of `len` bytes.
	fn pad(&mut self, len: u64) -> Result<(), Full> {
		let rest = (512 - len % 512) % 512;
		self.data([0; 512].get(..rest as usize).unwrap_or_default())
	}

	fn header(
		&mut self,
		path: &[u8],
		kind: EntryType,
		size: u64,
		target: Option<&[u8]>,
	) -> Result<(), Full> {
		if self.len.saturating_add(size) > self.limit {
			return Err(Full::Full);
		}
		let mut header = Header::new_gnu();
		if let Some(target) = target {
			if let Some(field) = header.as_old_mut().linkname.get_mut(..target.len().min(100)) {
				field.copy_from_slice(target.get(..field.len()).unwrap_or_default());
			}
			if target.len() > 100 {
				self.long(EntryType::GNULongLink, target)?;
			}
		}
		if path.len() > 100 {
			self.long(EntryType::GNULongName, path)?;
		}
		let short = path.get(..path.len().min(100)).unwrap_or_default();
		if let Some(field) = header.as_old_mut().name.get_mut(..short.len()) {
			field.copy_from_slice(short);
		}
		header.set_entry_type(kind);
		header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
		header.set_uid(0);
		header.set_gid(0);
		header.set_mtime(0);
		header.set_size(size);
		header.set_cksum();
		self.data(header.as_bytes())
	}

	/// Announces a name that does not fit into the next header.
	fn long(&mut self, kind: EntryType, name: &[u8]) -> Result<(), Full> {
		let size = name.len() as u64 + 1;
		self.header(b"././@LongLink", kind, size, None)?;
		self.data(name)?;
		self.data(&[0])?;
		self.pad(size)
	}

	fn finish(mut self) -> Result<(u64, [u8; 32]), Stop> {
		let end = [0; 1_024];
		self.hasher.update(&end);
		self.file.write_all(&end).and_then(|()| self.file.flush()).map_err(failed)?;
		Ok((self.len + 1_024, *self.hasher.finalize().as_bytes()))
	}
}

fn failed(source: io::Error) -> Stop {
	Stop::Machine { what: "write the output archive in", source }
}

#[cfg(test)]
mod tests {
	use std::io::Read;

	use super::*;

	/// An archive with one file that writes `data` and claims to have `len` bytes.
	fn pack(len: u64, data: &[u8], control: &Control) -> Result<Vec<u8>, Error> {
		let scratch = tempfile::tempdir().unwrap();
		let mut write =
			|writer: &mut dyn Write| data.chunks(300).try_for_each(|c| writer.write_all(c));
		let file = OutputFile { path: "out/product.npy", len, write: &mut write };
		let packed = pack_output(scratch.path(), Some(file), control)?;
		let bytes = std::fs::read(&packed.path).unwrap();
		assert_eq!(packed.len, bytes.len() as u64);
		assert_eq!(packed.hash, *blake3::hash(&bytes).as_bytes());
		Ok(bytes)
	}

	#[test]
	fn should_pack_one_file_where_programs_put_theirs() {
		let data: Vec<u8> = (0..1_000u32).map(|i| i as u8).collect();
		let bytes = pack(1_000, &data, &Control::new()).unwrap();
		assert_eq!(bytes.len(), 4 * 512 + 1_024 + 1_024);
		let mut found = Vec::new();
		for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
			let mut entry = entry.unwrap();
			let mut content = Vec::new();
			entry.read_to_end(&mut content).unwrap();
			found.push((entry.path().unwrap().display().to_string(), content));
		}
		let empty = |name: &str| (name.to_owned(), Vec::new());
		assert_eq!(
			found,
			[empty("out/"), ("out/product.npy".into(), data), empty("stderr"), empty("stdout")]
		);
	}

	#[test]
	fn should_pack_nothing_but_empty_outputs_when_there_is_no_file() {
		let scratch = tempfile::tempdir().unwrap();
		let packed = pack_output(scratch.path(), None, &Control::new()).unwrap();
		assert_eq!(packed.len, EMPTY);
	}

	#[test]
	fn should_fail_when_a_file_is_not_as_long_as_it_says() {
		for len in [0, 999, 1_001] {
			let result = pack(len, &[7; 1_000], &Control::new());
			assert!(matches!(result, Err(Error::Io { .. })), "{len}: {result:?}");
		}
	}

	#[test]
	fn should_stop_when_it_is_cancelled() {
		let control = Control::new();
		control.cancel();
		assert!(matches!(pack(5, &[7; 5], &control), Err(Error::Cancelled)));
	}
}
