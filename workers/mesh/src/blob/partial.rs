//! A download on disk: the bytes in one file, what is known about them in another, so that it goes on after a crash.

use std::{
	fs::{File, OpenOptions},
	io::{self, Read},
	os::unix::fs::FileExt,
	path::{Path, PathBuf},
};

use super::{CHUNK, Content, HashList};

const MAGIC: &[u8; 8] = b"ioparts1";
/// Bytes before the hash list.
const HEADER: usize = 8 + 32 + 8;

/// A download.
///
/// Beside the file lies its record: `"ioparts1" || hash || size (u64, little-endian) || hash list || bitmap`. A bit of the bitmap is set
/// after its chunk was written, and is believed only after the chunk was hashed again, so that no order of writes on disk is
/// assumed.
#[derive(Debug)]
pub(super) struct Partial {
	file: File,
	record: File,
	record_path: PathBuf,
	done: Vec<bool>,
}

/// Where the record of a download lies.
fn record_path(path: &Path) -> PathBuf {
	let mut name = path.as_os_str().to_owned();
	name.push(".chunks");
	name.into()
}

/// The hash list that an earlier attempt has left, if it is whole.
pub(super) fn saved_list(path: &Path, content: Content) -> Option<HashList> {
	let chunks = content.chunks() as usize;
	let mut bytes = Vec::new();
	let most = (HEADER + chunks * 32 + chunks.div_ceil(8)) as u64;
	File::open(record_path(path)).ok()?.take(most + 1).read_to_end(&mut bytes).ok()?;
	if bytes.len() as u64 != most || bytes[..HEADER] != header(content) {
		return None;
	}
	let values = bytes[HEADER..HEADER + chunks * 32].as_chunks::<32>().0.to_vec();
	HashList::new(content, values).ok()
}

fn header(content: Content) -> [u8; HEADER] {
	let mut header = [0; HEADER];
	header[..8].copy_from_slice(MAGIC);
	header[8..40].copy_from_slice(&content.hash);
	header[40..].copy_from_slice(&content.size.to_le_bytes());
	header
}

impl Partial {
	/// Begins a download or takes an earlier one up. Blocking: reads what is there.
	pub(super) fn open(path: &Path, list: &HashList) -> io::Result<Partial> {
		let content = list.content();
		let chunks = content.chunks() as usize;
		let options = || {
			let mut options = OpenOptions::new();
			options.read(true).write(true).create(true).truncate(false);
			options
		};
		let record_path = record_path(path);
		let resumed = saved_list(path, content).is_some_and(|saved| saved == *list);
		let file = options().open(path)?;
		let record = options().open(&record_path)?;
		let mut done = vec![false; chunks];
		if resumed {
			let mut bitmap = vec![0; chunks.div_ceil(8)];
			record.read_exact_at(&mut bitmap, (HEADER + chunks * 32) as u64)?;
			let mut chunk = Vec::new();
			for (index, done) in done.iter_mut().enumerate() {
				if bitmap[index / 8] >> (index % 8) & 1 == 0 {
					continue;
				}
				chunk.resize(content.chunk_len(index as u32) as usize, 0);
				let read = file.read_exact_at(&mut chunk, index as u64 * CHUNK);
				*done = read.is_ok() && list.check(index as u32, &chunk);
			}
		} else {
			record.set_len(0)?;
			file.set_len(0)?;
		}
		file.set_len(content.size)?;
		let mut bytes = header(content).to_vec();
		bytes.extend(list.values().iter().flatten());
		let bitmap = done.chunks(8).map(byte);
		bytes.extend(bitmap);
		record.write_all_at(&bytes, 0)?;
		Ok(Partial { file, record, record_path, done })
	}

	/// Chunks that are missing.
	pub(super) fn missing(&self) -> Vec<u32> {
		(0..).zip(&self.done).filter(|(_, done)| !**done).map(|(index, _)| index).collect()
	}

	/// Takes a chunk that was checked. Blocking.
	pub(super) fn put(&mut self, index: u32, bytes: &[u8]) -> io::Result<()> {
		self.file.write_all_at(bytes, u64::from(index) * CHUNK)?;
		let index = index as usize;
		self.done[index] = true;
		let group = index / 8;
		let end = self.done.len().min(group * 8 + 8);
		let at = HEADER + self.done.len() * 32 + group;
		self.record.write_all_at(&[byte(&self.done[group * 8..end])], at as u64)
	}

	/// All is there: puts the file on disk for good and forgets the record. Blocking.
	pub(super) fn finish(self) -> io::Result<()> {
		self.file.sync_all()?;
		std::fs::remove_file(&self.record_path)
	}
}

/// Up to eight bits.
fn byte(bits: &[bool]) -> u8 {
	bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))
}

#[cfg(test)]
mod tests {
	use super::*;

	fn content() -> (Vec<u8>, HashList) {
		let bytes: Vec<u8> = (0..11 * CHUNK + 100).map(|i| (i / 1000 * 7) as u8).collect();
		let list = HashList::of(&bytes[..]).unwrap();
		(bytes, list)
	}

	fn chunk(bytes: &[u8], index: u32) -> &[u8] {
		let start = index as usize * CHUNK as usize;
		&bytes[start..bytes.len().min(start + CHUNK as usize)]
	}

	#[test]
	fn should_go_on_where_it_was_when_opened_again() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("part");
		let (bytes, list) = content();
		assert!(saved_list(&path, list.content()).is_none());
		let mut partial = Partial::open(&path, &list).unwrap();
		for index in [0, 3, 9, 11] {
			partial.put(index, chunk(&bytes, index)).unwrap();
		}
		drop(partial);
		assert_eq!(saved_list(&path, list.content()), Some(list.clone()));
		let mut partial = Partial::open(&path, &list).unwrap();
		assert_eq!(partial.missing(), [1, 2, 4, 5, 6, 7, 8, 10]);
		for index in partial.missing() {
			partial.put(index, chunk(&bytes, index)).unwrap();
		}
		partial.finish().unwrap();
		assert_eq!(std::fs::read(&path).unwrap(), bytes);
		assert!(!record_path(&path).exists());
	}

	#[test]
	fn should_fetch_again_when_the_disk_lost_what_the_record_claims() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("part");
		let (bytes, list) = content();
		let mut partial = Partial::open(&path, &list).unwrap();
		for index in 0..12 {
			partial.put(index, chunk(&bytes, index)).unwrap();
		}
		partial.file.write_all_at(&[0xff], 5 * CHUNK + 7).unwrap();
		partial.file.set_len(11 * CHUNK).unwrap();
		drop(partial);
		assert_eq!(Partial::open(&path, &list).unwrap().missing(), [5, 11]);
	}

	#[test]
	fn should_begin_anew_when_the_record_is_damaged_or_of_another_content() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("part");
		let (bytes, list) = content();
		let mut partial = Partial::open(&path, &list).unwrap();
		partial.put(0, chunk(&bytes, 0)).unwrap();
		partial.record.write_all_at(&[1], HEADER as u64 + 40).unwrap();
		drop(partial);
		assert!(saved_list(&path, list.content()).is_none());
		assert_eq!(Partial::open(&path, &list).unwrap().missing().len(), 12);
		let other = HashList::of(&bytes[1..]).unwrap();
		assert_eq!(Partial::open(&path, &other).unwrap().missing().len(), 12);
	}
}
