//! From paths to nodes.

use super::{Ino, Kind, MAX_NAME, MAX_PATH, Vfs};
use crate::{tariff, wasi::errno::Errno};

/// Most symbolic links that are followed for one path.
const MAX_LINKS: u32 = 32;

/// Where a path leads.
#[derive(Debug)]
pub(crate) enum Found {
	/// A node with its place.
	Node {
		/// The directory that holds it, and its name there. `None` for paths like `.` and `a/..`.
		place: Option<(Ino, Box<[u8]>)>,
		/// The node.
		ino: Ino,
		/// The path ends with a slash.
		slash: bool,
	},
	/// Nothing is there, but it could be made.
	Free {
		/// The directory.
		dir: Ino,
		/// The name.
		name: Box<[u8]>,
		/// The path ends with a slash.
		slash: bool,
	},
}

impl Found {
	/// The node, which has to be a directory if the path says so.
	pub(crate) fn node(&self) -> Result<Ino, Errno> {
		match self {
			Found::Node { ino, .. } => Ok(*ino),
			Found::Free { .. } => Err(Errno::NoEnt),
		}
	}
}

impl Vfs {
	/// Follows a path from a directory. It cannot leave that directory: neither with `..` nor with a symbolic link nor
	/// by being absolute. `follow` is for a symbolic link at the end; those before it are always followed.
	pub(crate) fn resolve(&mut self, base: Ino, path: &[u8], follow: bool) -> Result<Found, Errno> {
		if path.is_empty() {
			return Err(Errno::NoEnt);
		}
		if path.len() > MAX_PATH {
			return Err(Errno::NameTooLong);
		}
		if path.contains(&0) {
			return Err(Errno::IlSeq);
		}
		if path.starts_with(b"/") {
			return Err(Errno::NotCapable);
		}
		// What is still to be walked, the next part last.
		let mut todo: Vec<Box<[u8]>> = Vec::new();
		push(&mut todo, path);
		let mut stack = vec![base];
		let mut slash = path.ends_with(b"/") || path.ends_with(b"/.");
		let mut links = 0;
		self.dir(base)?;
		loop {
			let dir = *stack.last().ok_or(Errno::NotCapable)?;
			let Some(part) = todo.pop() else {
				return Ok(Found::Node { place: None, ino: dir, slash });
			};
			self.work += tariff::PATH_STEP;
			match &part[..] {
				b"." => continue,
				b".." => {
					if stack.len() == 1 {
						return Err(Errno::NotCapable);
					}
					stack.pop();
					continue;
				},
				name if name.len() > MAX_NAME => return Err(Errno::NameTooLong),
				_ => {},
			}
			// `.` at the end says no more than a slash.
			while todo.last().is_some_and(|next| &next[..] == b".") {
				todo.pop();
			}
			let last = todo.is_empty();
			let Some(ino) = self.dir(dir)?.entries.get(&part[..]).copied() else {
				return match last {
					true => Ok(Found::Free { dir, name: part, slash }),
					false => Err(Errno::NoEnt),
				};
			};
			match self.kind(ino)? {
				Kind::Dir if last => {
					return Ok(Found::Node { place: Some((dir, part)), ino, slash });
				},
				Kind::Dir => stack.push(ino),
				Kind::File if last && !slash => {
					return Ok(Found::Node { place: Some((dir, part)), ino, slash });
				},
				Kind::File => return Err(Errno::NotDir),
				Kind::Link if last && !follow && !slash => {
					return Ok(Found::Node { place: Some((dir, part)), ino, slash });
				},
				Kind::Link => {
					links += 1;
					if links > MAX_LINKS {
						return Err(Errno::Loop);
					}
					let target = self.read_link(ino)?;
					if target.is_empty() {
						return Err(Errno::NoEnt);
					}
					if target.starts_with(b"/") {
						return Err(Errno::NotCapable);
					}
					slash |= last && target.ends_with(b"/");
					push(&mut todo, &target);
				},
			}
		}
	}
}

/// Puts a path's parts in front of what is to be walked.
fn push(todo: &mut Vec<Box<[u8]>>, path: &[u8]) {
	let parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
	todo.extend(parts.rev().map(Box::from));
}
