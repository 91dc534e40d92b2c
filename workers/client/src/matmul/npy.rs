//! NumPy's `.npy` files with matrices of int8 and int32.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>. Read are versions 1 to 3, rows or columns
//! first; written is version 1, rows first, with the very bytes of `numpy.save`.

use std::io::{self, Read, Write};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Most bytes of a header. Those of matrices have some hundred.
const MAX_HEADER: u32 = 64 * 1024;
/// `numpy.save` leaves so much room for the first dimension, so that an array can grow in place.
const GROWTH: usize = 21;
/// Data begin at a multiple of this.
const ALIGN: usize = 64;
/// Entries that are moved at once.
const PIECE: usize = 16 * 1024;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
	/// It cannot be read.
	#[error("{0}")]
	Io(#[from] io::Error),
	/// It is something else.
	#[error("it is no .npy file; numpy.save makes one")]
	NotNpy,
	/// It is of a later version.
	#[error("its version is {0}.{1}; known are 1.0, 2.0 and 3.0")]
	Version(u8, u8),
	/// Its header is not what NumPy writes.
	#[error("its header is damaged: {0}")]
	Header(&'static str),
	/// Its entries have another type.
	#[error(
		"its entries are {found:?}, and {expected} are needed: convert it with array.astype(\"{expected}\")"
	)]
	Type {
		/// As the file says.
		found: String,
		/// NumPy's name of what is needed.
		expected: &'static str,
	},
	/// It is no matrix.
	#[error("it has {0} dimensions, and a matrix has 2")]
	Dimensions(usize),
	/// A side is 0 or too long.
	#[error("it is {0} x {1}; sides have 1 to 65536 entries")]
	Sides(u64, u64),
	/// It does not have as many bytes as its header says.
	#[error("its data have {0}")]
	Length(&'static str),
	/// There is no memory for it.
	#[error("there is no memory for its {0} entries")]
	Memory(usize),
}

/// A matrix, row by row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Matrix<T> {
	/// Rows.
	pub rows: u32,
	/// Columns.
	pub columns: u32,
	/// `rows * columns` entries.
	pub entries: Vec<T>,
}

/// A type of entries.
trait Entry: Copy + Default {
	/// NumPy's name.
	const NAME: &'static str;
	/// How files name it.
	const CODES: &'static [&'static str];
	/// Bytes of one.
	const BYTES: usize;
	/// Reads one from its bytes.
	fn read(bytes: &[u8]) -> Self;
}

impl Entry for i8 {
	const NAME: &'static str = "int8";
	// The order of bytes means nothing for one byte.
	const CODES: &'static [&'static str] = &["|i1", "<i1", ">i1", "=i1", "i1"];
	const BYTES: usize = 1;
	fn read(bytes: &[u8]) -> Self {
		bytes.first().map_or(0, |byte| byte.cast_signed())
	}
}

impl Entry for i32 {
	const NAME: &'static str = "int32";
	const CODES: &'static [&'static str] = &["<i4"];
	const BYTES: usize = 4;
	fn read(bytes: &[u8]) -> Self {
		bytes.first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes))
	}
}

/// Reads a matrix of int8.
pub fn read_i8(reader: impl Read) -> Result<Matrix<i8>, NpyError> {
	read(reader)
}

/// Reads a matrix of int32, little-endian.
pub fn read_i32(reader: impl Read) -> Result<Matrix<i32>, NpyError> {
	read(reader)
}

/// The header of a matrix of int32: everything before the entries.
pub fn i32_header(rows: u32, columns: u32) -> Vec<u8> {
	let rows = rows.to_string();
	let dict =
		format!("{{'descr': '<i4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
	let before = MAGIC.len() + 4;
	let text = dict.len() + GROWTH.saturating_sub(rows.len());
	// A newline ends it.
	let len = (before + text + 1).next_multiple_of(ALIGN);
	let mut header = MAGIC.to_vec();
	header.extend([1, 0]);
	header.extend(((len - before) as u16).to_le_bytes());
	header.extend(dict.as_bytes());
	header.resize(len - 1, b' ');
	header.push(b'\n');
	header
}

/// Writes a matrix of int32, which is given row by row.
pub fn write_i32(
	rows: u32,
	columns: u32,
	entries: &[i32],
	mut writer: impl Write,
) -> io::Result<()> {
	writer.write_all(&i32_header(rows, columns))?;
	let mut bytes = Vec::with_capacity(4 * PIECE.min(entries.len()));
	for piece in entries.chunks(PIECE) {
		bytes.clear();
		bytes.extend(piece.iter().flat_map(|entry| entry.to_le_bytes()));
		writer.write_all(&bytes)?;
	}
	writer.flush()
}

fn read<T: Entry>(mut reader: impl Read) -> Result<Matrix<T>, NpyError> {
	let header = Header::read(&mut reader)?;
	if !T::CODES.contains(&header.descr.as_str()) {
		return Err(NpyError::Type { found: header.descr, expected: T::NAME });
	}
	let [rows, columns] = header.shape[..] else {
		return Err(NpyError::Dimensions(header.shape.len()));
	};
	let side = |side: u64| u32::try_from(side).ok().filter(|side| (1..=65_536).contains(side));
	let (Some(rows), Some(columns)) = (side(rows), side(columns)) else {
		return Err(NpyError::Sides(rows, columns));
	};
	let entries = read_entries(reader, rows as usize * columns as usize)?;
	let entries = if header.fortran_order {
		transpose(&entries, columns as usize, rows as usize)?
	} else {
		entries
	};
	Ok(Matrix { rows, columns, entries })
}

/// Reads exactly `count` entries to the end. Takes no memory for what is not there.
fn read_entries<T: Entry>(mut reader: impl Read, count: usize) -> Result<Vec<T>, NpyError> {
	let mut entries = Vec::new();
	let mut bytes = vec![0; T::BYTES * PIECE.min(count)];
	while entries.len() < count {
		let piece = PIECE.min(count - entries.len());
		let into = bytes.get_mut(..piece * T::BYTES).unwrap_or_default();
		reader.read_exact(into).map_err(|e| match e.kind() {
			io::ErrorKind::UnexpectedEof => NpyError::Length("fewer bytes than its header says"),
			_ => e.into(),
		})?;
		entries.try_reserve(piece).map_err(|_| NpyError::Memory(count))?;
		entries.extend(into.chunks_exact(T::BYTES).map(T::read));
	}
	match reader.read(&mut [0])? {
		0 => Ok(entries),
		_ => Err(NpyError::Length("more bytes than its header says")),
	}
}

/// Turns `rows` lines of `columns` entries into `columns` lines of `rows`.
fn transpose<T: Entry>(entries: &[T], rows: usize, columns: usize) -> Result<Vec<T>, NpyError> {
	/// Side of a square that stays in the cache.
	const SQUARE: usize = 64;
	let mut turned = Vec::new();
	turned.try_reserve_exact(entries.len()).map_err(|_| NpyError::Memory(entries.len()))?;
	turned.resize(entries.len(), T::default());
	for first in (0..rows).step_by(SQUARE) {
		for left in (0..columns).step_by(SQUARE) {
			for row in first..rows.min(first + SQUARE) {
				for column in left..columns.min(left + SQUARE) {
					turned[column * rows + row] = entries[row * columns + column];
				}
			}
		}
	}
	Ok(turned)
}

/// What a header says.
#[derive(Debug)]
struct Header {
	descr: String,
	fortran_order: bool,
	shape: Vec<u64>,
}

impl Header {
	fn read(reader: &mut impl Read) -> Result<Self, NpyError> {
		let short = |e: io::Error| match e.kind() {
			io::ErrorKind::UnexpectedEof => NpyError::NotNpy,
			_ => e.into(),
		};
		let mut start = [0; 8];
		reader.read_exact(&mut start).map_err(short)?;
		let [magic @ .., major, minor] = start;
		if magic != *MAGIC {
			return Err(NpyError::NotNpy);
		}
		let len = match (major, minor) {
			(1, 0) => {
				let mut len = [0; 2];
				reader.read_exact(&mut len).map_err(short)?;
				u16::from_le_bytes(len).into()
			},
			(2 | 3, 0) => {
				let mut len = [0; 4];
				reader.read_exact(&mut len).map_err(short)?;
				u32::from_le_bytes(len)
			},
			(major, minor) => return Err(NpyError::Version(major, minor)),
		};
		if len > MAX_HEADER {
			return Err(NpyError::Header("it is too long"));
		}
		let mut text = vec![0; len as usize];
		reader.read_exact(&mut text).map_err(short)?;
		let text = std::str::from_utf8(&text).map_err(|_| NpyError::Header("it is no text"))?;
		Parser(text).header()
	}
}

/// Reads a header's dictionary: a literal of Python with three known keys.
struct Parser<'a>(&'a str);

impl<'a> Parser<'a> {
	fn header(mut self) -> Result<Header, NpyError> {
		let (mut descr, mut order, mut shape) = (None, None, None);
		self.expect('{')?;
		while !self.take('}') {
			let key = self.string()?;
			self.expect(':')?;
			let twice = match key {
				"descr" => descr.replace(self.string()?).is_some(),
				"fortran_order" => order.replace(self.boolean()?).is_some(),
				"shape" => shape.replace(self.tuple()?).is_some(),
				_ => return Err(NpyError::Header("it has an unknown key")),
			};
			if twice {
				return Err(NpyError::Header("a key comes twice"));
			}
			if !self.take(',') {
				self.expect('}')?;
				break;
			}
		}
		if !self.0.trim().is_empty() {
			return Err(NpyError::Header("something follows the dictionary"));
		}
		match (descr, order, shape) {
			(Some(descr), Some(fortran_order), Some(shape)) => {
				Ok(Header { descr: descr.to_owned(), fortran_order, shape })
			},
			_ => Err(NpyError::Header("a key is missing")),
		}
	}

	/// Takes a character after white space, if it comes next.
	fn take(&mut self, wanted: char) -> bool {
		let rest = self.0.trim_start();
		let taken = rest.strip_prefix(wanted);
		self.0 = taken.unwrap_or(rest);
		taken.is_some()
	}

	fn expect(&mut self, wanted: char) -> Result<(), NpyError> {
		if self.take(wanted) {
			Ok(())
		} else {
			Err(NpyError::Header("it is no dictionary with a type, an order and a shape"))
		}
	}

	fn string(&mut self) -> Result<&'a str, NpyError> {
		let quote = if self.take('"') { '"' } else { '\'' };
		if quote == '\'' {
			// Types with fields are lists.
			if self.0.starts_with('[') {
				return Err(NpyError::Header("its entries have fields, and numbers are needed"));
			}
			self.expect('\'')?;
		}
		let (text, rest) =
			self.0.split_once(quote).ok_or(NpyError::Header("a text does not end"))?;
		if text.contains('\\') {
			return Err(NpyError::Header("a text has escapes"));
		}
		self.0 = rest;
		Ok(text)
	}

	fn boolean(&mut self) -> Result<bool, NpyError> {
		let rest = self.0.trim_start();
		for (word, value) in [("False", false), ("True", true)] {
			if let Some(rest) = rest.strip_prefix(word) {
				self.0 = rest;
				return Ok(value);
			}
		}
		Err(NpyError::Header("its order is neither True nor False"))
	}

	fn tuple(&mut self) -> Result<Vec<u64>, NpyError> {
		/// NumPy knows no more dimensions.
		const MOST: usize = 64;
		let mut numbers = Vec::new();
		self.expect('(')?;
		while !self.take(')') {
			let rest = self.0.trim_start();
			let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
			let (digits, rest) = rest.split_at(end);
			let number =
				digits.parse().map_err(|_| NpyError::Header("its shape has no numbers"))?;
			numbers.push(number);
			self.0 = rest;
			if numbers.len() > MOST {
				return Err(NpyError::Header("its shape has too many numbers"));
			}
			if !self.take(',') {
				self.expect(')')?;
				break;
			}
		}
		Ok(numbers)
	}
}

#[cfg(test)]
mod tests {
	use proptest::prelude::*;

	use super::*;

	/// A file of version 1 with this header and these data.
	fn file(dict: &str, data: &[u8]) -> Vec<u8> {
		let mut bytes = MAGIC.to_vec();
		bytes.extend([1, 0]);
		bytes.extend((dict.len() as u16).to_le_bytes());
		bytes.extend(dict.as_bytes());
		bytes.extend(data);
		bytes
	}

	fn dict(descr: &str, order: &str, shape: &str) -> String {
		format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n")
	}

	#[test]
	fn should_write_the_bytes_of_numpy_save() {
		// numpy.save of numpy.array([[1, -2, 3]], dtype="int32"), by NumPy 2.4.
		let mut expected = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
		expected.extend(b"{'descr': '<i4', 'fortran_order': False, 'shape': (1, 3), }");
		expected.extend([b' '; 58]);
		expected.push(b'\n');
		expected.extend(b"\x01\0\0\0\xfe\xff\xff\xff\x03\0\0\0");
		let mut written = Vec::new();
		write_i32(1, 3, &[1, -2, 3], &mut written).unwrap();
		assert_eq!(written, expected);
	}

	#[test]
	fn should_have_headers_of_one_length_whatever_the_sides_are() {
		for (rows, columns) in [(1, 1), (65_536, 65_536), (10, 99_999)] {
			let header = i32_header(rows, columns);
			assert_eq!((header.len(), header.last()), (128, Some(&b'\n')));
		}
	}

	#[test]
	fn should_read_rows_or_columns_first() {
		let rows = file(&dict("|i1", "False", "(2, 3)"), &[1, 2, 3, 0x80, 0xff, 0x7f]);
		let columns = file(&dict("<i1", "True", "(2, 3)"), &[1, 0x80, 2, 0xff, 3, 0x7f]);
		let expected = Matrix { rows: 2, columns: 3, entries: vec![1, 2, 3, -128, -1, 127] };
		assert_eq!(read_i8(&rows[..]).unwrap(), expected);
		assert_eq!(read_i8(&columns[..]).unwrap(), expected);
	}

	#[test]
	fn should_read_later_versions_and_other_spellings() {
		let dict = "{ \"shape\":(1,2) ,'fortran_order' : False,\n \"descr\":\"i1\"}";
		let mut bytes = MAGIC.to_vec();
		bytes.extend([3, 0]);
		bytes.extend((dict.len() as u32).to_le_bytes());
		bytes.extend(dict.as_bytes());
		bytes.extend([5, 6]);
		assert_eq!(read_i8(&bytes[..]).unwrap().entries, [5, 6]);
	}

	#[test]
	fn should_say_what_is_wrong() {
		let text = |bytes: &[u8]| read_i8(bytes).unwrap_err().to_string();
		assert!(text(b"").contains("no .npy file"));
		assert!(text(b"PK\x03\x04 an archive").contains("no .npy file"));
		assert!(text(b"\x93NUMPY\x04\x00").contains("version is 4.0"));
		assert!(text(&file(&dict("<f4", "False", "(1, 1)"), &[0; 4])).contains("astype(\"int8\")"));
		assert!(text(&file(&dict("|u1", "False", "(1, 1)"), &[0])).contains("\"|u1\""));
		assert!(text(&file(&dict("|i1", "False", "(4,)"), &[0; 4])).contains("1 dimensions"));
		assert!(text(&file(&dict("|i1", "False", "()"), &[0])).contains("0 dimensions"));
		assert!(text(&file(&dict("|i1", "False", "(0, 4)"), &[])).contains("0 x 4"));
		assert!(text(&file(&dict("|i1", "False", "(1, 65537)"), &[])).contains("1 x 65537"));
		assert!(text(&file(&dict("|i1", "False", "(2, 2)"), &[0; 3])).contains("fewer bytes"));
		assert!(text(&file(&dict("|i1", "False", "(2, 2)"), &[0; 5])).contains("more bytes"));
		let fields = "{'descr': [('a', '|i1')], 'fortran_order': False, 'shape': (1, 1)}";
		assert!(text(&file(fields, &[0])).contains("fields"));
	}

	#[test]
	fn should_refuse_hostile_headers() {
		for dict in [
			"",
			"{",
			"{}",
			"{'descr': '|i1'}",
			"{'descr': '|i1', 'descr': '|i1', 'fortran_order': False, 'shape': (1, 1)}",
			"{'descr': '|i1', 'fortran_order': False, 'shape': (1, 1), 'x': 1}",
			"{'descr': '|i1', 'fortran_order': 0, 'shape': (1, 1)}",
			"{'descr': '|i1', 'fortran_order': False, 'shape': (-1, 1)}",
			"{'descr': '|i1', 'fortran_order': False, 'shape': (1, 1}",
			"{'descr': '|i1', 'fortran_order': False, 'shape': (18446744073709551616, 1)}",
			"{'descr': '|i1, 'fortran_order': False, 'shape': (1, 1)}",
			"{'descr': '\\x7ci1', 'fortran_order': False, 'shape': (1, 1)}",
			"{'descr': '|i1', 'fortran_order': False, 'shape': (1, 1)} + 1",
		] {
			assert!(matches!(read_i8(&file(dict, &[0])[..]), Err(NpyError::Header(_))), "{dict}");
		}
		let many = format!("({})", "1, ".repeat(10_000));
		let many = file(&dict("|i1", "False", &many), &[0]);
		assert!(matches!(read_i8(&many[..]), Err(NpyError::Header(_))));
		let long = [MAGIC, &[2, 0, 0xff, 0xff, 0xff, 0xff][..]].concat();
		assert!(matches!(read_i8(&long[..]), Err(NpyError::Header(_))));
	}

	#[test]
	fn should_take_no_memory_for_data_that_are_not_there() {
		let claims = file(&dict("<i4", "False", "(65536, 65536)"), &[0; 400]);
		assert!(matches!(read_i32(&claims[..]), Err(NpyError::Length(_))));
	}

	proptest! {
		#[test]
		fn should_read_what_was_written(rows in 1u32..40, columns in 1u32..40, seed: i32) {
			let entries: Vec<i32> =
				(0..rows * columns).map(|i| seed.wrapping_mul(i.cast_signed()).wrapping_add(7)).collect();
			let mut bytes = Vec::new();
			write_i32(rows, columns, &entries, &mut bytes).unwrap();
			prop_assert_eq!(read_i32(&bytes[..]).unwrap(), Matrix { rows, columns, entries });
		}

		#[test]
		fn should_transpose_what_lies_by_columns(rows in 1usize..150, columns in 1usize..150) {
			let entry = |row: usize, column: usize| ((row * 31 + column * 7) % 251) as u8;
			let data: Vec<u8> =
				(0..columns).flat_map(|c| (0..rows).map(move |r| entry(r, c))).collect();
			let bytes = file(&dict("|i1", "True", &format!("({rows}, {columns})")), &data);
			let read = read_i8(&bytes[..]).unwrap();
			for row in 0..rows {
				for column in 0..columns {
					prop_assert_eq!(
						read.entries[row * columns + column],
						entry(row, column).cast_signed()
					);
				}
			}
		}

		#[test]
		fn should_never_panic_when_a_file_is_damaged(
			changes in prop::collection::vec((0usize..160, any::<u8>()), 1..8),
			cut in 0usize..160,
		) {
			let mut bytes = Vec::new();
			write_i32(2, 3, &[1, 2, 3, 4, 5, 6], &mut bytes).unwrap();
			for (at, byte) in changes {
				if let Some(place) = bytes.get_mut(at) {
					*place = byte;
				}
			}
			let _ = (read_i8(&bytes[..]), read_i32(&bytes[..]));
			let _ = read_i32(bytes.get(..cut).unwrap_or(&bytes));
		}
	}
}
