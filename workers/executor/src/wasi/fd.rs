//! Descriptors: streams, files and open directories.

use std::{collections::VecDeque, sync::Arc};

use super::{Ctx, Done, Errno};
use crate::{
	tariff,
	vfs::{Fail, Ino, Kind, ROOT, STDERR, STDIN, STDOUT, Stat, Vfs},
};

/// Most descriptors that are open at a time.
pub(crate) const MAX_OPEN: usize = 1_024;

/// Descriptor flag: writes go to the end.
pub(super) const APPEND: u16 = 1;
/// All descriptor flags.
pub(super) const ALL_FLAGS: u16 = 31;

/// Right to read.
pub(super) const READ: u64 = 1 << 1;
/// Right to write.
pub(super) const WRITE: u64 = 1 << 6;
const SEEK: u64 = 1 << 2;
const TELL: u64 = 1 << 5;
/// All rights that there are.
pub(super) const ALL_RIGHTS: u64 = (1 << 30) - 1;
/// Rights that mean something for a file.
pub(super) const FILE_RIGHTS: u64 = 0x08e0_01ff;
/// Rights that mean something for a directory.
pub(super) const DIR_RIGHTS: u64 = ALL_RIGHTS & !(READ | WRITE | SEEK | TELL);

/// An open file or directory.
#[derive(Debug)]
pub(super) struct Fd {
	pub(super) ino: Ino,
	pub(super) flags: u16,
	pub(super) rights: u64,
	pub(super) inheriting: u64,
	position: u64,
	/// Output only, without positions.
	stream: bool,
	/// Known at the start of the program under this name.
	preopened: Option<&'static [u8]>,
	/// Where the last listing of a directory ended: its last cookies, with the names before them.
	cursors: VecDeque<(u64, Arc<[u8]>)>,
}

impl Fd {
	pub(super) fn new(ino: Ino, flags: u16, rights: u64, inheriting: u64) -> Self {
		Self {
			ino,
			flags,
			rights,
			inheriting,
			position: 0,
			stream: false,
			preopened: None,
			cursors: VecDeque::new(),
		}
	}

	/// That the descriptor was opened for this.
	fn require(&self, right: u64) -> Result<(), Errno> {
		match self.rights & right {
			0 => Err(Errno::BadF),
			_ => Ok(()),
		}
	}
}

/// The table of descriptors.
#[derive(Debug)]
pub(super) struct Descriptors {
	table: Vec<Option<Fd>>,
}

impl Descriptors {
	/// The streams, and 3 for `/`.
	pub(super) fn new() -> Self {
		let stream = |ino| Fd {
			stream: true,
			..Fd::new(ino, APPEND, FILE_RIGHTS & !(READ | SEEK | TELL), 0)
		};
		let root = Fd { preopened: Some(b"/"), ..Fd::new(ROOT, 0, DIR_RIGHTS, ALL_RIGHTS) };
		let stdin = Fd::new(STDIN, 0, FILE_RIGHTS & !WRITE, 0);
		Self { table: vec![Some(stdin), Some(stream(STDOUT)), Some(stream(STDERR)), Some(root)] }
	}

	pub(super) fn get(&self, fd: u32) -> Result<&Fd, Errno> {
		self.table.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::BadF)
	}

	fn get_mut(&mut self, fd: u32) -> Result<&mut Fd, Errno> {
		self.table.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::BadF)
	}

	/// The lowest number that is free.
	pub(super) fn next(&self) -> Result<u32, Errno> {
		let next = self.table.iter().position(Option::is_none).unwrap_or(self.table.len());
		if next >= MAX_OPEN {
			return Err(Errno::MFile);
		}
		Ok(next as u32)
	}

	/// Puts a descriptor at the lowest free number.
	pub(super) fn insert(&mut self, fd: Fd) -> Result<u32, Errno> {
		let next = self.next()?;
		match self.table.get_mut(next as usize) {
			Some(slot) => *slot = Some(fd),
			None => self.table.push(Some(fd)),
		}
		Ok(next)
	}

	fn remove(&mut self, fd: u32) -> Result<Fd, Errno> {
		self.table.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::BadF)
	}
}

/// The number that WASI has for a kind of file.
pub(super) fn file_type(kind: Kind) -> u8 {
	match kind {
		Kind::Dir => 3,
		Kind::File => 4,
		Kind::Link => 7,
	}
}

/// The price of the accesses to the disk for a number of bytes.
fn accesses(len: usize) -> u64 {
	(len as u64).div_ceil(64 * 1024) * tariff::ACCESS
}

impl Ctx<'_> {
	pub(super) fn vfs(&mut self) -> &mut Vfs {
		&mut self.host.vfs
	}

	pub(super) fn put_stat(&mut self, stat: Stat, result: u32) -> Done {
		let mut out = [0; 64];
		out[8..16].copy_from_slice(&stat.ino.to_le_bytes());
		out[16] = file_type(stat.kind);
		out[24..32].copy_from_slice(&stat.links.to_le_bytes());
		out[32..40].copy_from_slice(&stat.size.to_le_bytes());
		for time in [40, 48, 56] {
			out[time..time + 8].copy_from_slice(&super::misc::START.to_le_bytes());
		}
		Ok(self.put(result, &out)?)
	}

	/// Bytes that can be read from, or written to, a descriptor at once.
	pub(super) fn ready_bytes(&self, fd: u32, read: bool) -> Result<u64, Errno> {
		let fd = self.host.fds.get(fd)?;
		match read {
			true => Ok(self.host.vfs.len(fd.ino)?.saturating_sub(fd.position)),
			false => Ok(0),
		}
	}

	/// A file's descriptor, not a directory's.
	fn file(&self, fd: u32) -> Result<&Fd, Errno> {
		let fd = self.host.fds.get(fd)?;
		match self.host.vfs.kind(fd.ino)? {
			Kind::File => Ok(fd),
			_ => Err(Errno::IsDir),
		}
	}

	fn seekable(&self, fd: u32) -> Result<&Fd, Errno> {
		let fd = self.host.fds.get(fd)?;
		match fd.stream {
			true => Err(Errno::SPipe),
			false => match self.host.vfs.kind(fd.ino)? {
				Kind::File => Ok(fd),
				_ => Err(Errno::BadF),
			},
		}
	}

	pub(super) fn fd_advise(&mut self, fd: u32, _offset: u64, _len: u64, advice: u32) -> Done {
		self.seekable(fd)?;
		if advice > 5 {
			return Err(Errno::Inval.into());
		}
		Ok(())
	}

	pub(super) fn fd_allocate(&mut self, fd: u32, offset: u64, len: u64) -> Done {
		let file = self.seekable(fd)?;
		file.require(WRITE)?;
		let ino = file.ino;
		let end = offset.checked_add(len).ok_or(Errno::FBig)?;
		if len == 0 {
			return Err(Errno::Inval.into());
		}
		if end > self.host.vfs.len(ino)? {
			self.vfs().resize(ino, end)?;
		}
		Ok(())
	}

	pub(super) fn fd_close(&mut self, fd: u32) -> Done {
		let fd = self.host.fds.remove(fd)?;
		self.vfs().closed(fd.ino)
	}

	pub(super) fn fd_datasync(&mut self, fd: u32) -> Done {
		self.host.fds.get(fd)?;
		Ok(())
	}

	pub(super) fn fd_sync(&mut self, fd: u32) -> Done {
		self.host.fds.get(fd)?;
		Ok(())
	}

	pub(super) fn fd_fdstat_get(&mut self, fd: u32, result: u32) -> Done {
		let fd = self.host.fds.get(fd)?;
		let mut out = [0; 24];
		out[0] = file_type(self.host.vfs.kind(fd.ino)?);
		out[2..4].copy_from_slice(&fd.flags.to_le_bytes());
		out[8..16].copy_from_slice(&fd.rights.to_le_bytes());
		out[16..24].copy_from_slice(&fd.inheriting.to_le_bytes());
		Ok(self.put(result, &out)?)
	}

	pub(super) fn fd_fdstat_set_flags(&mut self, fd: u32, flags: u32) -> Done {
		let fd = self.host.fds.get_mut(fd)?;
		match u16::try_from(flags) {
			Ok(flags) if flags & !ALL_FLAGS == 0 => fd.flags = flags,
			_ => return Err(Errno::Inval.into()),
		}
		Ok(())
	}

	pub(super) fn fd_fdstat_set_rights(&mut self, fd: u32, base: u64, inheriting: u64) -> Done {
		let fd = self.host.fds.get_mut(fd)?;
		if base & !fd.rights != 0 || inheriting & !fd.inheriting != 0 {
			return Err(Errno::NotCapable.into());
		}
		fd.rights = base;
		fd.inheriting = inheriting;
		Ok(())
	}

	pub(super) fn fd_filestat_get(&mut self, fd: u32, result: u32) -> Done {
		let ino = self.host.fds.get(fd)?.ino;
		let stat = self.host.vfs.stat(ino)?;
		self.put_stat(stat, result)
	}

	pub(super) fn fd_filestat_set_size(&mut self, fd: u32, size: u64) -> Done {
		let file = self.seekable(fd)?;
		file.require(WRITE)?;
		let ino = file.ino;
		self.vfs().resize(ino, size)
	}

	pub(super) fn fd_filestat_set_times(
		&mut self,
		fd: u32,
		_accessed: u64,
		_modified: u64,
		flags: u32,
	) -> Done {
		let ino = self.host.fds.get(fd)?.ino;
		self.set_times(ino, flags)
	}

	/// Times are taken and forgotten: no file has any.
	pub(super) fn set_times(&mut self, ino: Ino, flags: u32) -> Done {
		if flags > 15 || flags & 3 == 3 || flags & 12 == 12 {
			return Err(Errno::Inval.into());
		}
		Ok(self.host.vfs.writable(ino)?)
	}

	/// Reads into a program's buffers; stops at the first that is not filled.
	fn read_buffers(
		&mut self,
		ino: Ino,
		mut position: u64,
		buffers: u32,
		count: u32,
	) -> Result<u32, Fail> {
		let (buffers, total) = self.buffers(buffers, count)?;
		let left = self.host.vfs.len(ino)?.saturating_sub(position);
		self.charge_bytes(total.min(left))?;
		let mut done = 0u32;
		for (pointer, len) in buffers {
			// A count has 32 bits.
			let len = len.min(u32::MAX - done) as usize;
			let start = pointer as usize;
			let into = self.memory.get_mut(start..start + len).ok_or(Errno::Fault)?;
			let read = self.host.vfs.read(ino, position, into)?;
			self.charge(accesses(read))?;
			position += read as u64;
			done += read as u32;
			if read < len {
				break;
			}
		}
		Ok(done)
	}

	/// Writes a program's buffers.
	fn write_buffers(
		&mut self,
		ino: Ino,
		mut position: u64,
		buffers: u32,
		count: u32,
	) -> Result<u32, Fail> {
		let (buffers, total) = self.buffers(buffers, count)?;
		self.charge_bytes(total)?;
		let mut done = 0u32;
		for (pointer, len) in buffers {
			let len = len.min(u32::MAX - done) as usize;
			let start = pointer as usize;
			self.charge(accesses(len))?;
			let from = self.memory.get(start..start + len).ok_or(Errno::Fault)?;
			match self.host.vfs.write(ino, position, from) {
				Ok(()) => {},
				// What was written before counts.
				Err(Fail::Errno(_)) if done > 0 => break,
				Err(fail) => return Err(fail),
			}
			position = position.saturating_add(len as u64);
			done += len as u32;
		}
		Ok(done)
	}

	pub(super) fn fd_pread(
		&mut self,
		fd: u32,
		buffers: u32,
		count: u32,
		offset: u64,
		result: u32,
	) -> Done {
		let file = self.seekable(fd)?;
		file.require(READ)?;
		let ino = file.ino;
		let done = self.read_buffers(ino, offset, buffers, count)?;
		Ok(self.put_u32(result, done)?)
	}

	pub(super) fn fd_pwrite(
		&mut self,
		fd: u32,
		buffers: u32,
		count: u32,
		offset: u64,
		result: u32,
	) -> Done {
		let file = self.seekable(fd)?;
		file.require(WRITE)?;
		let ino = file.ino;
		let done = self.write_buffers(ino, offset, buffers, count)?;
		Ok(self.put_u32(result, done)?)
	}

	pub(super) fn fd_read(&mut self, fd: u32, buffers: u32, count: u32, result: u32) -> Done {
		let file = self.file(fd)?;
		file.require(READ)?;
		let (ino, position) = (file.ino, file.position);
		self.bytes(result, 4)?;
		let done = self.read_buffers(ino, position, buffers, count)?;
		self.host.fds.get_mut(fd)?.position = position + done as u64;
		Ok(self.put_u32(result, done)?)
	}

	pub(super) fn fd_write(&mut self, fd: u32, buffers: u32, count: u32, result: u32) -> Done {
		let file = self.file(fd)?;
		file.require(WRITE)?;
		let ino = file.ino;
		let position = match file.stream || file.flags & APPEND != 0 {
			true => self.host.vfs.len(ino)?,
			false => file.position,
		};
		self.bytes(result, 4)?;
		let done = self.write_buffers(ino, position, buffers, count)?;
		self.host.fds.get_mut(fd)?.position = position + done as u64;
		Ok(self.put_u32(result, done)?)
	}

	pub(super) fn fd_seek(&mut self, fd: u32, offset: i64, whence: u32, result: u32) -> Done {
		let file = self.seekable(fd)?;
		let base = match whence {
			0 => 0,
			1 => file.position,
			2 => self.host.vfs.len(file.ino)?,
			_ => return Err(Errno::Inval.into()),
		};
		let position = base.checked_add_signed(offset).ok_or(Errno::Inval)?;
		if position > i64::MAX as u64 {
			return Err(Errno::Overflow.into());
		}
		self.put_u64(result, position)?;
		self.host.fds.get_mut(fd)?.position = position;
		Ok(())
	}

	pub(super) fn fd_tell(&mut self, fd: u32, result: u32) -> Done {
		let position = self.seekable(fd)?.position;
		Ok(self.put_u64(result, position)?)
	}

	pub(super) fn fd_prestat_get(&mut self, fd: u32, result: u32) -> Done {
		let name = self.host.fds.get(fd)?.preopened.ok_or(Errno::BadF)?;
		let mut out = [0; 8];
		out[4..].copy_from_slice(&(name.len() as u32).to_le_bytes());
		Ok(self.put(result, &out)?)
	}

	pub(super) fn fd_prestat_dir_name(&mut self, fd: u32, path: u32, len: u32) -> Done {
		let name = self.host.fds.get(fd)?.preopened.ok_or(Errno::BadF)?;
		if name.len() > len as usize {
			return Err(Errno::NameTooLong.into());
		}
		Ok(self.put(path, name)?)
	}

	pub(super) fn fd_renumber(&mut self, from: u32, to: u32) -> Done {
		self.host.fds.get(from)?;
		self.host.fds.get(to)?;
		if from == to {
			return Ok(());
		}
		let moved = self.host.fds.remove(from)?;
		let old = std::mem::replace(self.host.fds.get_mut(to)?, moved);
		self.vfs().closed(old.ino)
	}

	/// Lists a directory: `.`, `..`, then the names in the order of their bytes. A cookie is the number of entries
	/// before it; a listing that goes on where the last one ended misses no name, whatever was removed in between.
	pub(super) fn fd_readdir(
		&mut self,
		fd: u32,
		buffer: u32,
		len: u32,
		cookie: u64,
		result: u32,
	) -> Done {
		let dir = self.host.fds.get(fd)?;
		let ino = dir.ino;
		let parent = self.host.vfs.parent(ino)?;
		self.bytes(buffer, len)?;

		let mut cost = 0u64;
		let mut out: Vec<u8> = Vec::new();
		let mut cursors = VecDeque::new();
		let mut next = cookie;
		// Whether there is room for more, after an entry was added as far as it fits.
		let mut add = |out: &mut Vec<u8>, next: u64, name: &[u8], ino: Ino, kind: Kind| {
			let mut entry = [0; 24];
			entry[..8].copy_from_slice(&next.to_le_bytes());
			entry[8..16].copy_from_slice(&(ino as u64 + 1).to_le_bytes());
			entry[16..20].copy_from_slice(&(name.len() as u32).to_le_bytes());
			entry[20] = file_type(kind);
			out.extend_from_slice(&entry);
			out.extend_from_slice(name);
			cost += tariff::DIR_ENTRY + (24 + name.len() as u64) * tariff::BYTE;
			let room = out.len() < len as usize;
			out.truncate(len as usize);
			room
		};
		let mut room = len > 0;
		for (name, ino) in
			[(&b"."[..], ino), (b"..", parent)].into_iter().skip(next.min(2) as usize)
		{
			if room {
				next += 1;
				room = add(&mut out, next, name, ino, Kind::Dir);
			}
		}
		let mut skipped = 0;
		let after = dir.cursors.iter().find(|(at, _)| *at == next).map(|(_, name)| name.clone());
		if after.is_none() {
			skipped = usize::try_from(next.saturating_sub(2)).unwrap_or(usize::MAX);
		}
		if room {
			let left = self.fuel / tariff::DIR_ENTRY;
			for (index, (name, ino)) in self.host.vfs.list(ino, after.as_deref())?.enumerate() {
				// Whoever cannot pay is stopped below.
				if index as u64 > left {
					break;
				}
				if index < skipped {
					continue;
				}
				next += 1;
				let kind = self.host.vfs.kind(ino)?;
				room = add(&mut out, next, name, ino, kind);
				if !room {
					break;
				}
				cursors.push_back((next, name.clone()));
				if cursors.len() > 2 {
					cursors.pop_front();
				}
			}
		}
		// How many were really skipped is at most what the directory holds.
		let skipped = skipped.min(self.host.vfs.count(ino)?) as u64;
		self.charge(cost + skipped.saturating_mul(tariff::DIR_ENTRY))?;
		if !cursors.is_empty() {
			self.host.fds.get_mut(fd)?.cursors = cursors;
		}
		self.put(buffer, &out)?;
		Ok(self.put_u32(result, out.len() as u32)?)
	}
}
