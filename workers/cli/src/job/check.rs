//! Fetches a product, finds out whether it is right, and disputes it if it is not.

use std::{
	fs::File,
	io::{BufReader, Seek, SeekFrom},
	path::Path,
	sync::Arc,
};

use io_client::{
	Client, Keypair,
	matmul::{self, Input, npy},
};
use io_primitives::{
	AccountId, JobView, Outcome, ReplicaState, Verification, digest::result_digest,
};
use serde_json::json;
use sp_core::H256;

use super::{
	dispute::{blocking, find, prove, send},
	fetch::{download, places},
	folder::Record,
};
use crate::{
	App,
	error::{Error, Result},
	mesh::Fetcher,
	output::Output,
};

/// A result as the chain knows it.
#[derive(Clone, Copy)]
struct Revealed {
	digest: H256,
	units: u64,
	exit_code: i32,
}

/// Watches over the product of one job.
pub(super) struct Checker {
	client: Client,
	signer: Keypair,
	record: Record,
	input: Arc<Input>,
	/// Whether private addresses are fine.
	private: bool,
	mesh: Fetcher,
	output: Output,
	/// The product that was checked, with whether it is right.
	checked: Option<(Arc<Vec<i32>>, bool)>,
	/// What was said last of a product that cannot be had.
	said: String,
}

impl Checker {
	pub(super) fn new(
		client: Client,
		signer: Keypair,
		record: Record,
		input: Arc<Input>,
		private: bool,
		mesh: Fetcher,
		app: &App,
	) -> Self {
		let (output, said) = (app.output, String::new());
		Self { client, signer, record, input, private, mesh, output, checked: None, said }
	}

	/// Looks at a job on trial. If its product can be disputed and is wrong, that is proven to the chain at once. What cannot be
	/// fetched now is tried again with the next block.
	pub(super) async fn on_trial(
		&mut self,
		view: &JobView<AccountId>,
		say: &(dyn Fn(&str) + Sync),
	) -> Result<()> {
		let disputable = matches!(self.record.verification, Verification::Dispute { .. });
		if !disputable || self.checked.is_some() {
			return Ok(());
		}
		let revealed = view.replicas.iter().find_map(|replica| match replica.state {
			ReplicaState::Revealed { digest, units, exit_code } => {
				Some(Revealed { digest, units, exit_code })
			},
			_ => None,
		});
		let Some(revealed) = revealed else { return Ok(()) };
		let places = self.client.outputs(self.record.job).await?.into_iter();
		let places: Vec<String> =
			places.map(|(_, at)| String::from_utf8_lossy(&at).into_owned()).collect();
		let product = match self.obtain(&places, revealed).await? {
			Ok(product) => product,
			Err(failures) => {
				// Without what its worker committed to, nobody can dispute a product.
				let text = format!("the product cannot be checked yet: {failures}");
				if text != self.said {
					say(&text);
					self.said = text;
				}
				return Ok(());
			},
		};
		let (input, other) = (self.input.clone(), product.clone());
		let entry = blocking(move || find(&input, &other)).await?;
		let json = json!({ "type": "checked", "job": self.record.job, "right": entry.is_none() });
		self.output.record(&json)?;
		let Some(entry) = entry else {
			say("the product is right");
			self.checked = Some((product, true));
			return Ok(());
		};
		say(&format!("row {}, column {} of the product is wrong: disputing it", entry.0, entry.1));
		let (input, verification) = (self.input.clone(), self.record.verification);
		let other = product.clone();
		let proof = blocking(move || prove(&input, &verification, &other, entry)).await?;
		match send(&self.client, &self.signer, self.record.job, proof, entry, self.output).await {
			// Somebody else may have been quicker; the end of the job tells.
			Err(Error::Client(e @ io_client::Error::Dispatch(_))) => {
				say(&format!("the dispute was refused: {e}"));
			},
			sent => sent?,
		}
		self.checked = Some((product, false));
		Ok(())
	}

	/// The product of a settled job, checked.
	pub(super) async fn settled(&mut self, outcome: &Outcome<AccountId>) -> Result<Arc<Vec<i32>>> {
		let checked = match &self.checked {
			Some(checked) => checked.clone(),
			None => {
				let places = places(&self.client, outcome).await?;
				let Outcome { digest, units, exit_code, .. } = *outcome;
				let revealed = Revealed { digest, units, exit_code };
				let product = self.obtain(&places, revealed).await?.map_err(|failures| {
					Error::Local(format!(
						"no worker gives the product of job {}: {failures}\nTry `io job resume` later; workers keep it for a while",
						outcome.id
					))
				})?;
				let (input, other) = (self.input.clone(), product.clone());
				let right = blocking(move || find(&input, &other)).await?.is_none();
				(product, right)
			},
		};
		match checked {
			(product, true) => Ok(product),
			(_, false) => Err(Error::Chain(format!(
				"the product of job {} is wrong, although it settled: its workers agreed on it. Ask other workers, and do \
				 not trust these again",
				outcome.id
			))),
		}
	}

	/// Fetches the product that the worker committed to, from any of these places; or in words why none has it.
	async fn obtain(
		&self,
		places: &[String],
		revealed: Revealed,
	) -> Result<Result<Arc<Vec<i32>>, String>> {
		let mut failures = Vec::new();
		for place in places {
			// It is somebody else's text: no control characters on the terminal.
			let name = place.escape_debug().to_string();
			let (file, archive, _) =
				match download(place, self.private, &self.mesh, self.output).await {
					Ok(file) => file,
					// This machine's fault, not the worker's.
					Err(e @ Error::File { .. }) => return Err(e),
					Err(e) => {
						failures.push(format!("{name}: {e}"));
						continue;
					},
				};
			let (input, record) = (self.input.clone(), self.record.clone());
			let genesis = self.client.genesis();
			let read = blocking(move || {
				let (mut file, path) = file.into_parts();
				let product = read_archive(&mut file, &path, &input)?;
				let found = content(&input, &record.verification, &product, archive);
				let Revealed { digest, units, exit_code } = revealed;
				let same = found.is_some_and(|content| {
					result_digest(genesis, record.job, exit_code, units, content) == digest
				});
				Ok(if same { Some(product) } else { None })
			});
			match read.await {
				Ok(Some(product)) => return Ok(Ok(Arc::new(product))),
				Ok(None) => {
					failures.push(format!("{name}: it is not what the worker committed to"))
				},
				Err(e) => failures.push(format!("{name}: {e}")),
			}
		}
		if failures.is_empty() {
			failures.push("the chain does not know where it is".into());
		}
		Ok(Err(failures.join("; ")))
	}
}

/// What stands for a product in the digest of its result; `None` if it cannot be anything, for its numbers are too large.
fn content(
	input: &Input,
	verification: &Verification,
	product: &[i32],
	archive: H256,
) -> Option<H256> {
	let content = input.bind(verification).and_then(|bound| bound.content(product)).ok()?;
	Some(content.hash().unwrap_or(archive))
}

/// The product in an output archive, which is somebody else's.
fn read_archive(file: &mut File, path: &Path, input: &Input) -> Result<Vec<i32>> {
	let damaged = |e: &dyn ToString| {
		Error::Local(format!("the output archive is damaged: {}", e.to_string()))
	};
	file.seek(SeekFrom::Start(0)).map_err(Error::file("read", path))?;
	let mut archive = tar::Archive::new(BufReader::new(file));
	for entry in archive.entries().map_err(|e| damaged(&e))? {
		let entry = entry.map_err(|e| damaged(&e))?;
		let named = entry.path().is_ok_and(|path| path == Path::new(matmul::PRODUCT));
		if !named || !entry.header().entry_type().is_file() {
			continue;
		}
		let matrix = npy::read_i32(entry).map_err(|e| damaged(&e))?;
		let shape = input.shape();
		if (matrix.rows, matrix.columns) != (shape.m(), shape.n()) {
			return Err(damaged(&"the product has other dimensions"));
		}
		return Ok(matrix.entries);
	}
	Err(damaged(&format!("it has no {}", matmul::PRODUCT)))
}

#[cfg(test)]
mod tests {
	use std::io::Write;

	use io_tflops::fraud::Shape;

	use super::*;

	fn input() -> Input {
		let shape = Shape::new(1, 2, 2).unwrap();
		Input::new(shape, vec![1, 2], vec![3, 4, 5, 6]).unwrap().with_random_seed().unwrap()
	}

	fn archive(members: &[(&str, &[u8])]) -> File {
		let mut builder = tar::Builder::new(tempfile::tempfile().unwrap());
		for (name, data) in members {
			let mut header = tar::Header::new_gnu();
			header.set_size(data.len() as u64);
			header.set_mode(0o644);
			builder.append_data(&mut header, name, *data).unwrap();
		}
		builder.into_inner().unwrap()
	}

	fn npy(rows: u32, columns: u32, entries: &[i32]) -> Vec<u8> {
		let mut bytes = Vec::new();
		npy::write_i32(rows, columns, entries, &mut bytes).unwrap();
		bytes
	}

	fn read(mut file: File) -> Result<Vec<i32>> {
		read_archive(&mut file, Path::new("archive"), &input())
	}

	#[test]
	fn should_find_the_product_among_other_files() {
		let members: [(&str, &[u8]); 3] =
			[("stderr", b""), ("out/product.npy", &npy(1, 2, &[13, 16])), ("stdout", b"x")];
		assert_eq!(read(archive(&members)).unwrap(), [13, 16]);
	}

	#[test]
	fn should_refuse_archives_when_there_is_no_such_product() {
		let message = |file| read(file).unwrap_err().to_string();
		assert!(message(archive(&[("product.npy", b"")])).contains("no out/product.npy"));
		assert!(message(archive(&[("out/product.npy", b"text")])).contains("no .npy"));
		let turned = npy(2, 1, &[13, 16]);
		assert!(message(archive(&[("out/product.npy", &turned)])).contains("dimensions"));
		let mut garbage = tempfile::tempfile().unwrap();
		garbage.write_all(&[0xa5; 4096]).unwrap();
		assert!(message(garbage).contains("damaged"));
	}

	#[test]
	fn should_know_what_stands_for_a_product() {
		let (input, archive) = (input(), H256::repeat_byte(5));
		let product = [13, 16];
		assert_eq!(content(&input, &Verification::Quorum, &product, archive), Some(archive));
		for verification in [input.disputable(1).unwrap(), input.provable().unwrap()] {
			let right = content(&input, &verification, &product, archive).unwrap();
			assert_ne!(right, archive);
			assert_ne!(content(&input, &verification, &[13, 17], archive), Some(right));
		}
		let proven = input.provable().unwrap();
		assert_eq!(content(&input, &proven, &[i32::MAX, 0], archive), None);
	}
}
