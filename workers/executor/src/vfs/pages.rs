//! Bytes of the program's files: pages in one file of the scratch directory.
//!
//! One host file for all, so that a program can neither use up the host's descriptors nor its memory.

use std::{
	fs::{File, OpenOptions},
	io,
	os::unix::fs::FileExt,
	path::{Path, PathBuf},
};

use crate::error::{Error, Stop};

/// Bytes of a page: a block of common file systems. Each file can keep one that holds a single byte of it, so it is the
/// number of files that decides how much larger than them the host's file may be; see [`crate::scratch_bytes`].
pub(crate) const PAGE: u64 = 4 * 1024;
const NAME: &str = "pages";
static ZEROS: [u8; PAGE as usize] = [0; PAGE as usize];

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Pages {
	file: File,
	directory: PathBuf,
	/// Pages that were ever in use.
	count: u32,
	/// Pages to be used again, with old bytes in them.
	free: Vec<u32>,
}

impl Pages {
	/// Makes the file.
	pub(crate) fn create(directory: &Path) -> Result<Self, Error> {
		let path = directory.join(NAME);
		let file = OpenOptions::new()
			.read(true)
			.write(true)
			.create(true)
			.truncate(true)
			.open(&path)
			.map_err(Error::io("create", &path))?;
		Ok(Self { file, directory: directory.to_path_buf(), count: 0, free: Vec::new() })
	}

	/// Where the file lies.
	pub(crate) fn directory(&self) -> &Path {
		&self.directory
	}

	/// Most bytes that the host's file can take.
	#[cfg(test)]
	pub(crate) fn len(&self) -> u64 {
		u64::from(self.count) * PAGE
	}

	/// A page of zeros, or, if the caller writes all of it, of anything.
	pub(crate) fn take(&mut self, overwritten: bool) -> Result<u32, Stop> {
		if let Some(page) = self.free.pop() {
			if !overwritten {
				self.zero(page, 0)?;
			}
			return Ok(page);
		}
		let page = self.count;
		self.count = page.checked_add(1).ok_or(Stop::OutputLimit)?;
		Ok(page)
	}

	/// Takes a page back.
	pub(crate) fn give_back(&mut self, page: u32) {
		self.free.push(page);
	}

	/// Fills a page with zeros from a position.
	pub(crate) fn zero(&mut self, page: u32, from: usize) -> Result<(), Stop> {
		self.write(page, from, ZEROS.get(from..).unwrap_or_default())
	}

	/// Reads from a page. What was never written is zero.
	pub(crate) fn read(&self, page: u32, at: usize, buffer: &mut [u8]) -> Result<(), Stop> {
		let failed = |source| Stop::Machine { what: "read a file of the program in", source };
		let mut done = 0;
		while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
			match self.file.read_at(rest, page as u64 * PAGE + (at + done) as u64) {
				// The last page may end early on disk.
				Ok(0) => {
					rest.fill(0);
					break;
				},
				Ok(count) => done += count,
				Err(error) if error.kind() == io::ErrorKind::Interrupted => {},
				Err(error) => return Err(failed(error)),
			}
		}
		Ok(())
	}

	/// Writes into a page.
	pub(crate) fn write(&mut self, page: u32, at: usize, data: &[u8]) -> Result<(), Stop> {
		self.file
			.write_all_at(data, page as u64 * PAGE + at as u64)
			.map_err(|source| Stop::Machine { what: "write a file of the program in", source })
	}
}

impl Drop for Pages {
	fn drop(&mut self) {
		// The caller empties the directory anyway; this only gives the space back earlier.
		let _ = std::fs::remove_file(self.directory.join(NAME));
	}
}
