//! The file system that a program sees: a tree in memory, with the input's bytes read from the input file and the
//! program's own files in one paged file of the scratch directory.
//!
//! ```text
//! /       read-only
//! /in     read-only: the input
//! /out    writable: becomes the output
//! /tmp    writable: forgotten
//! ```
//!
//! Nothing of the host shows through: inode numbers count up from 1 in the order of creation, names are sorted, there
//! are no times, owners or modes.

mod pages;
mod resolve;

use std::{collections::BTreeMap, fs::File, os::unix::fs::FileExt, path::Path, sync::Arc};

pub(crate) use resolve::Found;

use crate::{
	error::{Error, Stop},
	input::{Input, Member, MemberKind},
	tariff,
	wasi::{MAX_OPEN, errno::Errno},
};
use pages::{PAGE, Pages};

/// Index of a node. What the program sees as inode number is one more.
pub(crate) type Ino = u32;
/// Longest name of a file.
pub(crate) const MAX_NAME: usize = 255;
/// Longest path that a call may pass.
pub(crate) const MAX_PATH: usize = 4_096;
/// Most entries of all writable directories.
pub(crate) const MAX_ENTRIES: u32 = 65_536;
/// Most files, directories and links of an archive that is shown as such; one with more is shown as one file. Those
/// that only the paths of its members name count too: a path of 4,096 bytes can name 2,048 directories.
const MAX_INPUT_NODES: usize = 524_288;
/// Most bytes of all files in `/tmp`.
const TMP_QUOTA: u64 = 1 << 30;
/// Bytes of a block that is paid for when a file gives it back.
const BLOCK: u64 = 64 * 1024;

/// The root directory.
pub(crate) const ROOT: Ino = 0;
const IN: Ino = 1;
/// The directory `/out`.
pub(crate) const OUT: Ino = 2;
const TMP: Ino = 3;
/// What the program reads from descriptor 0.
pub(crate) const STDIN: Ino = 4;
/// What the program wrote to descriptor 1.
pub(crate) const STDOUT: Ino = 5;
/// What the program wrote to descriptor 2.
pub(crate) const STDERR: Ino = 6;

/// Most bytes on the disk that [`crate::Executor::execute`] takes in the scratch directory of a task with this
/// `max_output`: what is in `/out`, the archive made of it, what is in `/tmp`, and the ends of all files, which take whole
/// pages of the host's file.
pub fn scratch_bytes(max_output: u64) -> u64 {
	let files = u64::from(MAX_ENTRIES) + MAX_OPEN as u64;
	max_output.saturating_mul(2).saturating_add(TMP_QUOTA).saturating_add(files * PAGE)
}

/// Why a file operation did not work.
#[derive(Debug)]
pub(crate) enum Fail {
	/// The program gets to know.
	Errno(Errno),
	/// The program ends.
	Stop(Stop),
}

impl From<Errno> for Fail {
	fn from(errno: Errno) -> Self {
		Fail::Errno(errno)
	}
}

impl From<Stop> for Fail {
	fn from(stop: Stop) -> Self {
		Fail::Stop(stop)
	}
}

/// Which rules hold for a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Area {
	/// Read-only.
	Fixed,
	/// Counts against the output limit.
	Out,
	/// Counts against the quota of `/tmp`.
	Tmp,
}

/// A file, directory or symbolic link.
#[derive(Debug)]
struct Node {
	area: Area,
	/// Directory entries that lead here.
	links: u32,
	/// Descriptors that are open here.
	opens: u32,
	body: Body,
}

#[derive(Debug)]
enum Body {
	Dir(Dir),
	/// A member of the input: where it lies in the input file.
	Input {
		offset: u64,
		len: u64,
	},
	/// A file of the program: `None` is a page of zeros.
	File {
		len: u64,
		pages: Vec<Option<u32>>,
	},
	Link(Arc<[u8]>),
}

#[derive(Debug)]
struct Dir {
	parent: Ino,
	entries: BTreeMap<Arc<[u8]>, Ino>,
}

/// What kind of node something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
	/// A directory.
	Dir,
	/// A regular file.
	File,
	/// A symbolic link.
	Link,
}

/// What `stat` says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stat {
	/// Inode number.
	pub(crate) ino: u64,
	/// File, directory or link.
	pub(crate) kind: Kind,
	/// Names of the node.
	pub(crate) links: u64,
	/// Bytes of a file, or of a link's target.
	pub(crate) size: u64,
}

/// The tree. See the module's documentation.
#[derive(Debug)]
pub(crate) struct Vfs {
	nodes: Vec<Option<Node>>,
	/// Slots of `nodes` to be used again, the last one first.
	free: Vec<Ino>,
	pages: Pages,
	input: Option<Arc<File>>,
	out_bytes: u64,
	max_output: u64,
	tmp_bytes: u64,
	entries: u32,
	/// Fuel for the work done since the last [`Vfs::take_work`].
	work: u64,
}

impl Vfs {
	/// An empty tree. `max_output` bounds the bytes in `/out`, stdout and stderr together.
	pub(crate) fn new(scratch: &Path, max_output: u64) -> Result<Self, Error> {
		let pages = Pages::create(scratch)?;
		let dir = |area, parent| {
			let body = Body::Dir(Dir { parent, entries: BTreeMap::new() });
			Some(Node { area, links: 1, opens: 0, body })
		};
		let stream = |area| {
			let body = Body::File { len: 0, pages: Vec::new() };
			Some(Node { area, links: 1, opens: 0, body })
		};
		let mut root = BTreeMap::new();
		root.insert(Arc::from(&b"in"[..]), IN);
		root.insert(Arc::from(&b"out"[..]), OUT);
		root.insert(Arc::from(&b"tmp"[..]), TMP);
		let body = Body::Dir(Dir { parent: ROOT, entries: root });
		// In the order of the constants above.
		let nodes = vec![
			Some(Node { area: Area::Fixed, links: 1, opens: 0, body }),
			dir(Area::Fixed, ROOT),
			dir(Area::Out, ROOT),
			dir(Area::Tmp, ROOT),
			stream(Area::Fixed),
			stream(Area::Out),
			stream(Area::Out),
		];
		Ok(Self {
			nodes,
			free: Vec::new(),
			pages,
			input: None,
			out_bytes: 0,
			max_output,
			tmp_bytes: 0,
			entries: 0,
			work: 0,
		})
	}

	/// The directory that holds the program's bytes on the host.
	pub(crate) fn scratch(&self) -> &Path {
		self.pages.directory()
	}

	/// Most bytes of the output.
	pub(crate) fn max_output(&self) -> u64 {
		self.max_output
	}

	/// Fuel for the work since the last call.
	pub(crate) fn take_work(&mut self) -> u64 {
		std::mem::take(&mut self.work)
	}

	/// Puts the input into `/in`. Members of an archive that cannot be placed are left out.
	pub(crate) fn mount(&mut self, input: &mut Input) {
		self.input = Some(input.file());
		let members = input.take_members();
		if members.is_some_and(|members| self.mount_members(&members)) {
			return;
		}
		let ino = self.add(IN, b"input", Body::Input { offset: 0, len: input.len() });
		// Standard input is the same file, under another number.
		if let (Some(_), Some(Some(stdin))) = (ino, self.nodes.get_mut(STDIN as usize)) {
			stdin.body = Body::Input { offset: 0, len: input.len() };
		}
	}

	/// Shows the members of an archive. If they are too many it shows none, and says so.
	fn mount_members(&mut self, members: &[Member]) -> bool {
		let own = self.nodes.len();
		for member in members {
			self.mount_member(member);
			if self.nodes.len() - own > MAX_INPUT_NODES {
				self.nodes.truncate(own);
				if let Ok(dir) = self.dir_mut(IN) {
					dir.entries.clear();
				}
				return false;
			}
		}
		true
	}

	fn mount_member(&mut self, member: &Member) {
		let mut parents = member.path.split(|byte| *byte == b'/');
		let Some(name) = parents.next_back() else { return };
		let mut dir = IN;
		for parent in parents {
			dir = match self.dir(dir).ok().and_then(|dir| dir.entries.get(parent)).copied() {
				Some(found) if self.dir(found).is_ok() => found,
				// A file is in the way.
				Some(_) => return,
				None => match self.add(dir, parent, self.empty_dir(dir)) {
					Some(made) => made,
					None => return,
				},
			};
		}
		let before = self.dir(dir).ok().and_then(|dir| dir.entries.get(name)).copied();
		let body = match &member.kind {
			MemberKind::Dir => {
				if before.is_some() {
					return;
				}
				self.empty_dir(dir)
			},
			MemberKind::File { offset, len } => Body::Input { offset: *offset, len: *len },
			MemberKind::Link { target } => Body::Link(Arc::from(&target[..])),
			MemberKind::Hard { target } => {
				let mut ino = IN;
				for part in target.split(|byte| *byte == b'/') {
					let found = self.dir(ino).ok().and_then(|dir| dir.entries.get(part));
					let Some(found) = found else { return };
					ino = *found;
				}
				match self.nodes.get(ino as usize) {
					Some(Some(Node { body: Body::Input { offset, len }, .. })) => {
						Body::Input { offset: *offset, len: *len }
					},
					_ => return,
				}
			},
		};
		match before {
			// As when an archive is unpacked: the last file of a name wins, a directory stays.
			Some(ino) => {
				if let Some(Some(node)) = self.nodes.get_mut(ino as usize)
					&& !matches!(node.body, Body::Dir(_))
				{
					node.body = body;
				}
			},
			None => {
				self.add(dir, name, body);
			},
		}
	}

	fn empty_dir(&self, parent: Ino) -> Body {
		Body::Dir(Dir { parent, entries: BTreeMap::new() })
	}

	/// Adds a node without asking for permission.
	fn add(&mut self, dir: Ino, name: &[u8], body: Body) -> Option<Ino> {
		let area = self.nodes.get(dir as usize)?.as_ref()?.area;
		let node = Node { area, links: 1, opens: 0, body };
		let ino = match self.free.pop() {
			Some(ino) => {
				*self.nodes.get_mut(ino as usize)? = Some(node);
				ino
			},
			None => {
				self.nodes.push(Some(node));
				u32::try_from(self.nodes.len() - 1).ok()?
			},
		};
		match self.nodes.get_mut(dir as usize) {
			Some(Some(Node { body: Body::Dir(dir), .. })) => {
				dir.entries.insert(Arc::from(name), ino);
				Some(ino)
			},
			_ => None,
		}
	}

	fn node(&self, ino: Ino) -> Result<&Node, Errno> {
		self.nodes.get(ino as usize).and_then(Option::as_ref).ok_or(Errno::BadF)
	}

	fn node_mut(&mut self, ino: Ino) -> Result<&mut Node, Errno> {
		self.nodes.get_mut(ino as usize).and_then(Option::as_mut).ok_or(Errno::BadF)
	}

	fn dir(&self, ino: Ino) -> Result<&Dir, Errno> {
		match &self.node(ino)?.body {
			Body::Dir(dir) => Ok(dir),
			_ => Err(Errno::NotDir),
		}
	}

	fn dir_mut(&mut self, ino: Ino) -> Result<&mut Dir, Errno> {
		match &mut self.node_mut(ino)?.body {
			Body::Dir(dir) => Ok(dir),
			_ => Err(Errno::NotDir),
		}
	}

	/// Which kind of node this is.
	pub(crate) fn kind(&self, ino: Ino) -> Result<Kind, Errno> {
		Ok(match self.node(ino)?.body {
			Body::Dir(_) => Kind::Dir,
			Body::Input { .. } | Body::File { .. } => Kind::File,
			Body::Link(_) => Kind::Link,
		})
	}

	/// Bytes of a file.
	pub(crate) fn len(&self, ino: Ino) -> Result<u64, Errno> {
		match &self.node(ino)?.body {
			Body::Input { len, .. } | Body::File { len, .. } => Ok(*len),
			Body::Dir(_) => Err(Errno::IsDir),
			Body::Link(_) => Err(Errno::Inval),
		}
	}

	/// Whether files can be changed or added here.
	pub(crate) fn writable(&self, ino: Ino) -> Result<(), Errno> {
		match self.node(ino)?.area {
			Area::Fixed => Err(Errno::Rofs),
			Area::Out | Area::Tmp => Ok(()),
		}
	}

	/// What is known about a node.
	pub(crate) fn stat(&self, ino: Ino) -> Result<Stat, Errno> {
		let node = self.node(ino)?;
		let size = match &node.body {
			Body::Dir(_) => 0,
			Body::Input { len, .. } | Body::File { len, .. } => *len,
			Body::Link(target) => target.len() as u64,
		};
		Ok(Stat { ino: ino as u64 + 1, kind: self.kind(ino)?, links: node.links as u64, size })
	}

	/// A symbolic link's target.
	pub(crate) fn read_link(&self, ino: Ino) -> Result<Arc<[u8]>, Errno> {
		match &self.node(ino)?.body {
			Body::Link(target) => Ok(target.clone()),
			_ => Err(Errno::Inval),
		}
	}

	/// The parent of a directory.
	pub(crate) fn parent(&self, ino: Ino) -> Result<Ino, Errno> {
		Ok(self.dir(ino)?.parent)
	}

	/// The entries of a directory in order, from the first name that is greater than `after`.
	pub(crate) fn list(
		&self,
		dir: Ino,
		after: Option<&[u8]>,
	) -> Result<impl Iterator<Item = (&Arc<[u8]>, Ino)>, Errno> {
		use std::ops::Bound::{Excluded, Unbounded};
		let from = after.map_or(Unbounded, Excluded);
		let entries = &self.dir(dir)?.entries;
		Ok(entries.range::<[u8], _>((from, Unbounded)).map(|(name, ino)| (name, *ino)))
	}

	/// How many entries a directory has.
	pub(crate) fn count(&self, dir: Ino) -> Result<usize, Errno> {
		Ok(self.dir(dir)?.entries.len())
	}

	/// Counts a descriptor that is opened.
	pub(crate) fn opened(&mut self, ino: Ino) -> Result<(), Errno> {
		self.node_mut(ino)?.opens += 1;
		Ok(())
	}

	/// Counts a descriptor that is closed.
	pub(crate) fn closed(&mut self, ino: Ino) -> Result<(), Fail> {
		let node = self.node_mut(ino)?;
		node.opens = node.opens.saturating_sub(1);
		self.collect(ino)
	}

	/// Gives a node's space back if nothing leads to it any more.
	fn collect(&mut self, ino: Ino) -> Result<(), Fail> {
		let node = self.node(ino)?;
		if node.links > 0 || node.opens > 0 {
			return Ok(());
		}
		if let Body::File { .. } = node.body {
			self.resize(ino, 0)?;
		}
		if let Some(slot) = self.nodes.get_mut(ino as usize) {
			*slot = None;
			self.free.push(ino);
		}
		Ok(())
	}

	/// Adds a node to a writable directory.
	fn insert(&mut self, dir: Ino, name: &[u8], body: Body) -> Result<Ino, Errno> {
		self.insertable(dir, name)?;
		self.entries += 1;
		self.add(dir, name, body).ok_or(Errno::NoSpc)
	}

	/// Whether a name can be added to a directory.
	fn insertable(&mut self, dir: Ino, name: &[u8]) -> Result<(), Errno> {
		let entries = &self.dir(dir)?.entries;
		if entries.contains_key(name) {
			return Err(Errno::Exist);
		}
		self.writable(dir)?;
		if self.node(dir)?.links == 0 {
			// The directory was removed while it was open.
			return Err(Errno::NoEnt);
		}
		if self.entries >= MAX_ENTRIES {
			return Err(Errno::NoSpc);
		}
		self.work += tariff::CREATE;
		Ok(())
	}

	/// Makes an empty file.
	pub(crate) fn create_file(&mut self, dir: Ino, name: &[u8]) -> Result<Ino, Errno> {
		self.insert(dir, name, Body::File { len: 0, pages: Vec::new() })
	}

	/// Makes an empty directory.
	pub(crate) fn create_dir(&mut self, dir: Ino, name: &[u8]) -> Result<Ino, Errno> {
		self.insert(dir, name, self.empty_dir(dir))
	}

	/// Makes a symbolic link.
	pub(crate) fn create_link(&mut self, dir: Ino, name: &[u8], to: &[u8]) -> Result<Ino, Errno> {
		self.insert(dir, name, Body::Link(Arc::from(to)))
	}

	/// Gives a file a further name.
	pub(crate) fn link(&mut self, ino: Ino, dir: Ino, name: &[u8]) -> Result<(), Errno> {
		if self.kind(ino)? == Kind::Dir {
			return Err(Errno::Perm);
		}
		self.insertable(dir, name)?;
		if self.node(ino)?.area != self.node(dir)?.area {
			return Err(Errno::XDev);
		}
		if self.node(ino)?.links == 0 {
			return Err(Errno::NoEnt);
		}
		self.node_mut(ino)?.links += 1;
		self.entries += 1;
		self.dir_mut(dir)?.entries.insert(Arc::from(name), ino);
		Ok(())
	}

	/// Takes a name away, and the node with it if that was its last one.
	fn remove(&mut self, dir: Ino, name: &[u8]) -> Result<(), Fail> {
		let ino = self.dir_mut(dir)?.entries.remove(name).ok_or(Errno::NoEnt)?;
		self.entries = self.entries.saturating_sub(1);
		let node = self.node_mut(ino)?;
		node.links = node.links.saturating_sub(1);
		self.collect(ino)
	}

	/// Removes a file or symbolic link.
	pub(crate) fn unlink(&mut self, dir: Ino, name: &[u8]) -> Result<(), Fail> {
		let ino = *self.dir(dir)?.entries.get(name).ok_or(Errno::NoEnt)?;
		self.writable(dir)?;
		if self.kind(ino)? == Kind::Dir {
			return Err(Errno::IsDir.into());
		}
		self.remove(dir, name)
	}

	/// Removes an empty directory.
	pub(crate) fn remove_dir(&mut self, dir: Ino, name: &[u8]) -> Result<(), Fail> {
		let ino = *self.dir(dir)?.entries.get(name).ok_or(Errno::NoEnt)?;
		self.writable(dir)?;
		if !self.dir(ino)?.entries.is_empty() {
			return Err(Errno::NotEmpty.into());
		}
		self.remove(dir, name)
	}

	/// Moves a node, over another one if there is one of the same kind.
	pub(crate) fn rename(&mut self, from: (Ino, &[u8]), to: (Ino, &[u8])) -> Result<(), Fail> {
		let ino = *self.dir(from.0)?.entries.get(from.1).ok_or(Errno::NoEnt)?;
		self.writable(from.0)?;
		self.writable(to.0)?;
		if self.node(from.0)?.area != self.node(to.0)?.area {
			return Err(Errno::XDev.into());
		}
		if self.node(to.0)?.links == 0 {
			return Err(Errno::NoEnt.into());
		}
		let is_dir = self.kind(ino)? == Kind::Dir;
		if is_dir {
			// A directory cannot be moved into itself.
			let mut above = to.0;
			while above != ROOT {
				self.work += tariff::PATH_STEP;
				if above == ino {
					return Err(Errno::Inval.into());
				}
				above = self.parent(above)?;
			}
		}
		if let Some(target) = self.dir(to.0)?.entries.get(to.1).copied() {
			if target == ino {
				return Ok(());
			}
			match (is_dir, self.kind(target)? == Kind::Dir) {
				(true, false) => return Err(Errno::NotDir.into()),
				(false, true) => return Err(Errno::IsDir.into()),
				(true, true) if !self.dir(target)?.entries.is_empty() => {
					return Err(Errno::NotEmpty.into());
				},
				_ => self.remove(to.0, to.1)?,
			}
		}
		self.dir_mut(from.0)?.entries.remove(from.1);
		self.dir_mut(to.0)?.entries.insert(Arc::from(to.1), ino);
		if is_dir {
			self.dir_mut(ino)?.parent = to.0;
		}
		Ok(())
	}

	/// Reads from a file: as many bytes as there are, up to the buffer's length.
	pub(crate) fn read(&self, ino: Ino, offset: u64, buffer: &mut [u8]) -> Result<usize, Fail> {
		let len = self.len(ino)?;
		let count = (buffer.len() as u64).min(len.saturating_sub(offset)) as usize;
		let Some(buffer) = buffer.get_mut(..count) else { return Ok(0) };
		if count == 0 {
			return Ok(0);
		}
		match &self.node(ino)?.body {
			Body::Input { offset: start, .. } => {
				let input = self.input.as_ref().ok_or(Errno::Io)?;
				input
					.read_exact_at(buffer, start + offset)
					.map_err(|source| Stop::Machine { what: "read the input from", source })?;
			},
			Body::File { pages, .. } => {
				let mut done = 0;
				while done < count {
					let at = offset + done as u64;
					let within = (at % PAGE) as usize;
					let piece = (PAGE as usize - within).min(count - done);
					let Some(into) = buffer.get_mut(done..done + piece) else { break };
					match pages.get((at / PAGE) as usize).copied().flatten() {
						Some(page) => self.pages.read(page, within, into)?,
						None => into.fill(0),
					}
					done += piece;
				}
			},
			Body::Dir(_) | Body::Link(_) => return Err(Errno::Inval.into()),
		}
		Ok(count)
	}

	/// Writes to a file, which grows if needed.
	pub(crate) fn write(&mut self, ino: Ino, offset: u64, data: &[u8]) -> Result<(), Fail> {
		self.writable(ino)?;
		if data.is_empty() {
			return Ok(());
		}
		let end = offset.checked_add(data.len() as u64).ok_or(Errno::FBig)?;
		if end > self.len(ino)? {
			self.resize(ino, end)?;
		}
		let Some(Some(Node { body: Body::File { pages, .. }, .. })) =
			self.nodes.get_mut(ino as usize)
		else {
			return Err(Errno::BadF.into());
		};
		let mut rest = data;
		let mut at = offset;
		while !rest.is_empty() {
			let within = (at % PAGE) as usize;
			let piece = (PAGE as usize - within).min(rest.len());
			let (now, later) = rest.split_at(piece);
			let slot = pages.get_mut((at / PAGE) as usize).ok_or(Errno::Io)?;
			let page = match *slot {
				Some(page) => page,
				None => *slot.insert(self.pages.take(piece == PAGE as usize)?),
			};
			self.pages.write(page, within, now)?;
			rest = later;
			at += piece as u64;
		}
		Ok(())
	}

	/// Changes a file's length. New bytes are zero.
	pub(crate) fn resize(&mut self, ino: Ino, new: u64) -> Result<(), Fail> {
		let old = self.len(ino)?;
		if new > old {
			let more = new - old;
			self.work += more.saturating_mul(tariff::GROWN_BYTE);
			match self.node(ino)?.area {
				Area::Fixed => return Err(Errno::Rofs.into()),
				Area::Out if more > self.max_output.saturating_sub(self.out_bytes) => {
					return Err(Stop::OutputLimit.into());
				},
				Area::Tmp if more > TMP_QUOTA.saturating_sub(self.tmp_bytes) => {
					return Err(Errno::NoSpc.into());
				},
				Area::Out => self.out_bytes += more,
				Area::Tmp => self.tmp_bytes += more,
			}
		} else {
			match self.node(ino)?.area {
				Area::Fixed => return Err(Errno::Rofs.into()),
				Area::Out => self.out_bytes = self.out_bytes.saturating_sub(old - new),
				Area::Tmp => self.tmp_bytes = self.tmp_bytes.saturating_sub(old - new),
			}
		}
		let Some(Some(Node { body: Body::File { len, pages }, .. })) =
			self.nodes.get_mut(ino as usize)
		else {
			return Err(Errno::BadF.into());
		};
		*len = new;
		let count = new.div_ceil(PAGE) as usize;
		if count < pages.len() {
			let blocks = old.div_ceil(BLOCK).saturating_sub(new.div_ceil(BLOCK));
			self.work += blocks * tariff::FREE_BLOCK;
			for page in pages.drain(count..).flatten() {
				self.pages.give_back(page);
			}
		} else {
			pages.resize(count, None);
		}
		// What is cut off must read as zero if the file grows again.
		if new < old
			&& !new.is_multiple_of(PAGE)
			&& let Some(Some(page)) = pages.last()
		{
			self.pages.zero(*page, (new % PAGE) as usize)?;
		}
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	/// An archive of empty files with these paths.
	fn archive(paths: impl Iterator<Item = String>) -> Vec<u8> {
		let mut builder = tar::Builder::new(Vec::new());
		for path in paths {
			let mut header = tar::Header::new_gnu();
			header.set_size(0);
			builder.append_data(&mut header, path, &[][..]).unwrap();
		}
		builder.into_inner().unwrap()
	}

	/// How many entries `/in` has with this input, and whether `input` is one of them.
	fn mounted(input: &[u8]) -> (usize, bool) {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("input.tar");
		std::fs::write(&path, input).unwrap();
		let mut vfs = Vfs::new(folder.path(), 0).unwrap();
		vfs.mount(&mut Input::open(&path).unwrap());
		let is_one_file = vfs.dir(IN).unwrap().entries.contains_key(&b"input"[..]);
		(vfs.count(IN).unwrap(), is_one_file)
	}

	/// A path of 2,047 parts, the first of them a number.
	fn deep(number: usize) -> String {
		format!("{number:03}{}", "/a".repeat(2_046))
	}

	#[test]
	fn should_stay_within_its_space_when_long_files_are_cut_to_a_byte() {
		const MAX_OUTPUT: u64 = 1 << 20;
		let folder = tempfile::tempdir().unwrap();
		let mut vfs = Vfs::new(folder.path(), MAX_OUTPUT).unwrap();
		let data = vec![7; BLOCK as usize];
		for number in 0..20_000 {
			let dir = if number % 2 == 0 { OUT } else { TMP };
			let ino = vfs.create_file(dir, number.to_string().as_bytes()).unwrap();
			vfs.write(ino, 0, &data).unwrap();
			vfs.resize(ino, 1).unwrap();
		}
		let taken = vfs.pages.len();
		assert!(taken < BLOCK + 20_000 * PAGE, "{taken}");
		assert!(taken < scratch_bytes(MAX_OUTPUT));
	}

	#[test]
	fn should_charge_for_blocks_when_a_file_shrinks() {
		let folder = tempfile::tempdir().unwrap();
		let mut vfs = Vfs::new(folder.path(), 1 << 20).unwrap();
		let ino = vfs.create_file(OUT, b"file").unwrap();
		vfs.resize(ino, 3 * BLOCK + 1).unwrap();
		for (len, blocks) in [(3 * BLOCK, 1), (3 * BLOCK - 1, 0), (BLOCK + 1, 1), (0, 2)] {
			vfs.take_work();
			vfs.resize(ino, len).unwrap();
			assert_eq!(vfs.take_work(), blocks * tariff::FREE_BLOCK, "{len}");
		}
	}

	#[test]
	fn should_show_one_file_when_an_archive_names_too_many_directories() {
		let most = MAX_INPUT_NODES / 2_047;
		assert_eq!(mounted(&archive((0..most).map(deep))), (most, false));
		assert_eq!(mounted(&archive((0..=most).map(deep))), (1, true));
		// What is named again is there once.
		assert_eq!(mounted(&archive((0..=most).map(|_| deep(7)))), (1, false));
	}

	#[test]
	fn should_show_one_file_when_an_archive_has_too_many_bytes_of_names() {
		let long =
			|number: usize| format!("{number:05}{}", format!("/{}", "n".repeat(255)).repeat(15));
		let fit = (64 << 20) / long(0).len();
		assert!(!mounted(&archive((0..fit).map(long))).1);
		assert_eq!(mounted(&archive((0..=fit).map(long))), (1, true));
	}
}
