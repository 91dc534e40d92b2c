//! Functions that take paths.

use super::{
	Ctx, Done, Errno,
	fd::{ALL_FLAGS, DIR_RIGHTS, FILE_RIGHTS, Fd, WRITE},
};
use crate::vfs::{Fail, Found, Ino, Kind, MAX_PATH};

const FOLLOW: u32 = 1;
const CREATE: u32 = 1;
const DIRECTORY: u32 = 2;
const EXCLUSIVE: u32 = 4;
const TRUNCATE: u32 = 8;

impl Ctx<'_> {
	/// A path of the program's memory.
	fn path(&mut self, pointer: u32, len: u32) -> Result<Vec<u8>, Fail> {
		if len as usize > MAX_PATH {
			return Err(Errno::NameTooLong.into());
		}
		self.charge_bytes(len as u64)?;
		Ok(self.bytes(pointer, len)?.to_vec())
	}

	/// Where a path leads, from the directory of a descriptor.
	fn find(&mut self, fd: u32, pointer: u32, len: u32, follow: bool) -> Result<Found, Fail> {
		let dir = self.host.fds.get(fd)?.ino;
		let path = self.path(pointer, len)?;
		Ok(self.vfs().resolve(dir, &path, follow)?)
	}

	pub(super) fn path_create_directory(&mut self, fd: u32, path: u32, len: u32) -> Done {
		match self.find(fd, path, len, false)? {
			Found::Node { .. } => Err(Errno::Exist.into()),
			Found::Free { dir, name, .. } => {
				self.vfs().create_dir(dir, &name)?;
				Ok(())
			},
		}
	}

	pub(super) fn path_filestat_get(
		&mut self,
		fd: u32,
		flags: u32,
		path: u32,
		len: u32,
		result: u32,
	) -> Done {
		let ino = self.find(fd, path, len, flags & FOLLOW != 0)?.node()?;
		let stat = self.host.vfs.stat(ino)?;
		self.put_stat(stat, result)
	}

	pub(super) fn path_filestat_set_times(
		&mut self,
		fd: u32,
		flags: u32,
		path: u32,
		len: u32,
		_accessed: u64,
		_modified: u64,
		set: u32,
	) -> Done {
		let ino = self.find(fd, path, len, flags & FOLLOW != 0)?.node()?;
		self.set_times(ino, set)
	}

	pub(super) fn path_link(
		&mut self,
		from_fd: u32,
		flags: u32,
		from: u32,
		from_len: u32,
		to_fd: u32,
		to: u32,
		to_len: u32,
	) -> Done {
		let ino = self.find(from_fd, from, from_len, flags & FOLLOW != 0)?.node()?;
		match self.find(to_fd, to, to_len, false)? {
			Found::Node { .. } => Err(Errno::Exist.into()),
			Found::Free { slash: true, .. } => Err(Errno::NoEnt.into()),
			Found::Free { dir, name, .. } => Ok(self.vfs().link(ino, dir, &name)?),
		}
	}

	pub(super) fn path_open(
		&mut self,
		fd: u32,
		lookup: u32,
		path: u32,
		len: u32,
		open: u32,
		base: u64,
		inheriting: u64,
		flags: u32,
		result: u32,
	) -> Done {
		let flags = u16::try_from(flags).map_err(|_| Errno::Inval)?;
		if flags & !ALL_FLAGS != 0 || open > 15 || open & (CREATE | DIRECTORY) == 3 {
			return Err(Errno::Inval.into());
		}
		let allowed = self.host.fds.get(fd)?.inheriting;
		self.bytes(result, 4)?;
		self.host.fds.next()?;
		let follow = lookup & FOLLOW != 0 && open & EXCLUSIVE == 0;
		let ino = match self.find(fd, path, len, follow)? {
			Found::Node { .. } if open & (CREATE | EXCLUSIVE) == CREATE | EXCLUSIVE => {
				return Err(Errno::Exist.into());
			},
			Found::Node { ino, .. } => self.check_open(ino, open, base)?,
			Found::Free { slash: true, .. } if open & CREATE != 0 => {
				return Err(Errno::IsDir.into());
			},
			Found::Free { dir, name, .. } if open & CREATE != 0 => {
				self.vfs().create_file(dir, &name)?
			},
			Found::Free { .. } => return Err(Errno::NoEnt.into()),
		};
		let known = match self.host.vfs.kind(ino)? {
			Kind::Dir => DIR_RIGHTS,
			_ => FILE_RIGHTS,
		};
		let opened = Fd::new(ino, flags, base & known & allowed, inheriting & allowed);
		self.vfs().opened(ino)?;
		let number = self.host.fds.insert(opened)?;
		Ok(self.put_u32(result, number)?)
	}

	/// Whether something that is there can be opened like this. Cuts it off if asked to.
	fn check_open(&mut self, ino: Ino, open: u32, base: u64) -> Result<Ino, Fail> {
		match self.host.vfs.kind(ino)? {
			Kind::Link => Err(Errno::Loop.into()),
			Kind::Dir if open & DIRECTORY == 0 && (base & WRITE != 0 || open & TRUNCATE != 0) => {
				Err(Errno::IsDir.into())
			},
			Kind::Dir => Ok(ino),
			Kind::File if open & DIRECTORY != 0 => Err(Errno::NotDir.into()),
			Kind::File => {
				if base & WRITE != 0 || open & TRUNCATE != 0 {
					self.host.vfs.writable(ino)?;
				}
				if open & TRUNCATE != 0 {
					self.vfs().resize(ino, 0)?;
				}
				Ok(ino)
			},
		}
	}

	pub(super) fn path_readlink(
		&mut self,
		fd: u32,
		path: u32,
		len: u32,
		buffer: u32,
		buffer_len: u32,
		result: u32,
	) -> Done {
		let ino = self.find(fd, path, len, false)?.node()?;
		let target = self.host.vfs.read_link(ino)?;
		let count = target.len().min(buffer_len as usize);
		self.charge_bytes(count as u64)?;
		self.put(buffer, target.get(..count).unwrap_or_default())?;
		Ok(self.put_u32(result, count as u32)?)
	}

	pub(super) fn path_remove_directory(&mut self, fd: u32, path: u32, len: u32) -> Done {
		match self.find(fd, path, len, false)? {
			Found::Node { place: Some((dir, name)), .. } => self.vfs().remove_dir(dir, &name),
			Found::Node { place: None, .. } => Err(Errno::Inval.into()),
			Found::Free { .. } => Err(Errno::NoEnt.into()),
		}
	}

	pub(super) fn path_rename(
		&mut self,
		fd: u32,
		from: u32,
		from_len: u32,
		to_fd: u32,
		to: u32,
		to_len: u32,
	) -> Done {
		let (from, ino) = match self.find(fd, from, from_len, false)? {
			Found::Node { place: Some(place), ino, .. } => (place, ino),
			Found::Node { place: None, .. } => return Err(Errno::Inval.into()),
			Found::Free { .. } => return Err(Errno::NoEnt.into()),
		};
		let (to, slash) = match self.find(to_fd, to, to_len, false)? {
			Found::Node { place: Some(place), slash, .. } => (place, slash),
			Found::Node { place: None, .. } => return Err(Errno::Inval.into()),
			Found::Free { dir, name, slash } => ((dir, name), slash),
		};
		if slash && self.host.vfs.kind(ino)? != Kind::Dir {
			return Err(Errno::NotDir.into());
		}
		self.vfs().rename((from.0, &from.1), (to.0, &to.1))
	}

	pub(super) fn path_symlink(
		&mut self,
		target: u32,
		target_len: u32,
		fd: u32,
		path: u32,
		len: u32,
	) -> Done {
		let target = self.path(target, target_len)?;
		match target.first() {
			None => return Err(Errno::NoEnt.into()),
			// It could not be followed: paths of this interface are relative.
			Some(b'/') => return Err(Errno::Perm.into()),
			_ if target.contains(&0) => return Err(Errno::IlSeq.into()),
			_ => {},
		}
		match self.find(fd, path, len, false)? {
			Found::Node { .. } => Err(Errno::Exist.into()),
			Found::Free { slash: true, .. } => Err(Errno::NoEnt.into()),
			Found::Free { dir, name, .. } => {
				self.vfs().create_link(dir, &name, &target)?;
				Ok(())
			},
		}
	}

	pub(super) fn path_unlink_file(&mut self, fd: u32, path: u32, len: u32) -> Done {
		match self.find(fd, path, len, false)? {
			Found::Node { place: Some((dir, name)), .. } => self.vfs().unlink(dir, &name),
			Found::Node { place: None, .. } => Err(Errno::IsDir.into()),
			Found::Free { .. } => Err(Errno::NoEnt.into()),
		}
	}
}
