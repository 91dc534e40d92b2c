//! The output directory of a product: the product itself, and what is needed to go on after an interruption.
//!
//! | file | |
//! | --- | --- |
//! | `input` | the input of the job as workers get it. It ends with the secret seed, so that only its owner may read it |
//! | `job.json` | which job on which chain, the dimensions, and how the product is verified |
//! | `product.npy` | the product, once it is checked |

use std::{
	fs::{self, File, OpenOptions},
	io::{self, BufReader, BufWriter, Write},
	os::unix::fs::OpenOptionsExt,
	path::{Path, PathBuf},
};

use io_client::matmul::{self, Input, npy};
use io_primitives::{JobId, Kernel, Verification};
use io_tflops::fraud::Shape;
use serde::{Deserialize, Serialize};
use sp_core::H256;

use crate::error::{Error, Result};

/// Most bytes of `job.json`; it has some hundred.
const MAX_RECORD: u64 = 64 * 1024;

/// What `job.json` says.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
	/// The chain.
	pub(super) genesis: H256,
	/// The job.
	pub(super) job: JobId,
	/// The product and its dimensions.
	pub(super) kernel: Kernel,
	/// How it is verified.
	pub(super) verification: Verification,
}

/// The directory.
#[derive(Clone, Debug)]
pub(super) struct Folder {
	dir: PathBuf,
}

impl Folder {
	/// One that exists.
	pub(super) fn at(dir: &Path) -> Self {
		Self { dir: dir.to_owned() }
	}

	/// Makes it if it does not exist.
	pub(super) fn make(dir: &Path) -> Result<Self> {
		fs::create_dir_all(dir).map_err(Error::file("make the directory", dir))?;
		Ok(Self::at(dir))
	}

	/// Where the input lies.
	pub(super) fn input(&self) -> PathBuf {
		self.dir.join("input")
	}

	/// Where the product will lie.
	pub(super) fn product(&self) -> PathBuf {
		self.dir.join("product.npy")
	}

	fn record(&self) -> PathBuf {
		self.dir.join("job.json")
	}

	/// Writes the input.
	pub(super) fn write_input(&self, input: &Input) -> Result<()> {
		write(&self.input(), |file| input.write(file))
	}

	/// Writes down which job it is.
	pub(super) fn remember(&self, record: &Record) -> Result<()> {
		write(&self.record(), |mut file| {
			serde_json::to_writer_pretty(&mut file, record)?;
			file.write_all(b"\n")
		})
	}

	/// Reads which job it is.
	pub(super) fn recall(&self) -> Result<Record> {
		let path = self.record();
		let file = File::open(&path).map_err(Error::file("open", &path))?;
		serde_json::from_reader(io::Read::take(file, MAX_RECORD)).map_err(|e| {
			Error::Local(format!("{} is not what `io job matmul` wrote: {e}", path.display()))
		})
	}

	/// Writes the product.
	pub(super) fn write_product(&self, shape: &Shape, product: &[i32]) -> Result<()> {
		write(&self.product(), |file| npy::write_i32(shape.m(), shape.n(), product, file))
	}
}

/// Reads a job's input.
pub(super) fn read_input(path: &Path, shape: Shape, verification: &Verification) -> Result<Input> {
	let file = File::open(path).map_err(Error::file("open", path))?;
	Input::read(shape, matmul::has_seed(verification), BufReader::new(file))
		.map_err(|e| Error::Local(format!("{}: {e}", path.display())))
}

/// The dimensions of a job's product.
pub(super) fn shape_of(kernel: &Kernel) -> Result<Shape> {
	matmul::shape(kernel).map_err(|e| Error::Chain(format!("no product is like this: {e}")))
}

/// Writes a file that only its owner may read, in place of one that is there: never through a link, and never half of it.
fn write(path: &Path, content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
	let partial = path.with_extension("partial");
	match fs::remove_file(&partial) {
		Err(e) if e.kind() != io::ErrorKind::NotFound => {
			return Err(Error::file("replace", &partial)(e));
		},
		_ => {},
	}
	let written = OpenOptions::new()
		.write(true)
		.create_new(true)
		.mode(0o600)
		.open(&partial)
		.and_then(|file| {
			let mut file = BufWriter::new(file);
			content(&mut file)?;
			file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
		})
		.and_then(|()| fs::rename(&partial, path));
	written.map_err(Error::file("write", path))
}

#[cfg(test)]
mod tests {
	use std::os::unix::fs::PermissionsExt;

	use super::*;

	#[test]
	fn should_read_back_what_was_written_and_hide_the_seed() {
		let dir = tempfile::tempdir().unwrap();
		let folder = Folder::make(&dir.path().join("result")).unwrap();
		let shape = Shape::new(1, 2, 1).unwrap();
		let input = Input::new(shape, vec![1, 2], vec![3, 4]).unwrap().with_random_seed().unwrap();
		folder.write_input(&input).unwrap();
		let mode = fs::metadata(folder.input()).unwrap().permissions().mode();
		assert_eq!(mode & 0o777, 0o600);
		assert_eq!(fs::metadata(folder.input()).unwrap().len(), 4 + 32);

		let record = Record {
			genesis: H256::repeat_byte(1),
			job: 7,
			kernel: matmul::kernel(&shape),
			verification: input.disputable(10).unwrap(),
		};
		folder.remember(&record).unwrap();
		assert_eq!(folder.recall().unwrap(), record);
		let again = read_input(&folder.input(), shape, &record.verification).unwrap();
		assert_eq!((again.left(), again.right()), (input.left(), input.right()));
		assert!(again.bind(&record.verification).unwrap().fits().unwrap());
		assert!(read_input(&folder.input(), shape, &Verification::Quorum).is_err());

		folder.write_product(&shape, &[11]).unwrap();
		let product = npy::read_i32(File::open(folder.product()).unwrap()).unwrap();
		assert_eq!(product.entries, [11]);
		assert_eq!(fs::read_dir(dir.path().join("result")).unwrap().count(), 3);
	}

	#[test]
	fn should_replace_a_link_instead_of_writing_through_it() {
		let dir = tempfile::tempdir().unwrap();
		let victim = dir.path().join("victim");
		fs::write(&victim, "keep").unwrap();
		let folder = Folder::make(&dir.path().join("result")).unwrap();
		for name in ["product.npy", "product.partial"] {
			std::os::unix::fs::symlink(&victim, dir.path().join("result").join(name)).unwrap();
		}
		folder.write_product(&Shape::new(1, 1, 1).unwrap(), &[5]).unwrap();
		assert_eq!(fs::read_to_string(&victim).unwrap(), "keep");
		assert!(!fs::symlink_metadata(folder.product()).unwrap().is_symlink());
	}

	#[test]
	fn should_say_so_when_the_record_is_damaged() {
		let dir = tempfile::tempdir().unwrap();
		let folder = Folder::at(dir.path());
		assert!(matches!(folder.recall(), Err(Error::File { .. })));
		fs::write(dir.path().join("job.json"), "{\"job\": 7}").unwrap();
		assert!(folder.recall().unwrap_err().to_string().contains("io job matmul"));
	}
}
