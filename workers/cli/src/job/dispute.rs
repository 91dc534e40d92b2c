//! Proves on chain that an entry of a product is wrong.

use std::{fs::File, io::BufReader, path::Path};

use codec::Compact;
use io_client::{
	Client, Keypair,
	matmul::{Input, npy},
};
use io_primitives::{JobId, JobState, Program, Verification};
use io_tflops::fraud::Shape;
use serde_json::json;

use super::{
	DisputeArgs,
	folder::{read_input, shape_of},
	show::state,
	unknown,
};
use crate::{
	App,
	error::{Error, Result},
	output::{self, Output},
};

/// `io job dispute`.
pub(super) async fn dispute(args: DisputeArgs, app: &App) -> Result<()> {
	let (client, signer) = args.key.connect(app).await?;
	let view = client.job(args.job).await?.ok_or_else(|| unknown(args.job))?;
	let spec = match (view.state, view.spec) {
		(JobState::Verifying, Some(spec)) => spec,
		(other, _) => {
			return Err(Error::Chain(format!(
				"job {} is {}: only a product on trial can be disputed",
				args.job,
				state(other)
			)));
		},
	};
	let (Program::Kernel { kind }, Verification::Dispute { .. }) =
		(&spec.program, &spec.verification)
	else {
		return Err(Error::Chain(format!("job {} is verified in another way", args.job)));
	};
	let (shape, verification) = (shape_of(kind)?, spec.verification);
	let (input, product) = (args.input.clone(), args.product.clone());
	let (proof, entry) = blocking(move || {
		let input = read_input(&input, shape, &verification)?;
		let product = read_product(&product, &shape)?;
		let entry = find(&input, &product)?.ok_or_else(|| {
			Error::Local("this is the right product: there is nothing to dispute".into())
		})?;
		Ok((prove(&input, &verification, &product, entry)?, entry))
	})
	.await?;
	let question = format!(
		"Prove that row {}, column {} is wrong? This shows one row and one column to everybody.",
		entry.0, entry.1
	);
	app.output.confirm(&question, args.yes)?;
	send(&client, &signer, args.job, proof, entry, app.output).await
}

/// Reads a product of these dimensions from a file.
fn read_product(path: &Path, shape: &Shape) -> Result<Vec<i32>> {
	let file = File::open(path).map_err(Error::file("open", path))?;
	let matrix = npy::read_i32(BufReader::new(file))
		.map_err(|e| Error::Local(format!("{}: {e}", path.display())))?;
	if (matrix.rows, matrix.columns) != (shape.m(), shape.n()) {
		return Err(Error::Local(format!(
			"{} is {} x {}, and the product is {} x {}",
			path.display(),
			matrix.rows,
			matrix.columns,
			shape.m(),
			shape.n()
		)));
	}
	Ok(matrix.entries)
}

/// A wrong entry, if there is one.
pub(super) fn find(input: &Input, product: &[i32]) -> Result<Option<(u32, u32)>> {
	input.wrong_entry(product).map_err(|e| Error::Local(e.to_string()))
}

/// The proof that an entry is wrong.
pub(super) fn prove(
	input: &Input,
	verification: &Verification,
	product: &[i32],
	entry: (u32, u32),
) -> Result<Vec<u8>> {
	input.dispute(verification, product, entry).map_err(|e| Error::Local(e.to_string()))
}

/// Sends a proof, and waits until it is in a block.
pub(super) async fn send(
	client: &Client,
	signer: &Keypair,
	job: JobId,
	proof: Vec<u8>,
	(row, column): (u32, u32),
	output: Output,
) -> Result<()> {
	let call = client.call("IoAttestation", "dispute", (Compact(job), proof)).await?;
	let included = client.submit(&call, signer).await?.in_block().await?;
	let json = json!({
		"type": "disputed",
		"job": job,
		"row": row,
		"column": column,
		"block": included.block.number,
		"extrinsic": output::hash(&included.hash),
	});
	output.result(&json, || {
		format!(
			"row {row}, column {column} of the product of job {job} is wrong; proven in block {}",
			included.block.number
		)
	})
}

/// Does what takes long in a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
	work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
	tokio::task::spawn_blocking(work)
		.await
		.map_err(|e| Error::Local(format!("the computation was broken off: {e}")))?
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_refuse_a_product_when_it_is_none_of_the_job() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("product.npy");
		let shape = Shape::new(2, 9, 1).unwrap();
		assert!(matches!(read_product(&path, &shape), Err(Error::File { .. })));
		std::fs::write(&path, "text").unwrap();
		assert!(read_product(&path, &shape).unwrap_err().to_string().contains("no .npy"));
		let mut bytes = Vec::new();
		npy::write_i32(1, 2, &[5, 6], &mut bytes).unwrap();
		std::fs::write(&path, bytes).unwrap();
		assert!(read_product(&path, &shape).unwrap_err().to_string().contains("1 x 2"));
		assert_eq!(read_product(&path, &Shape::new(1, 9, 2).unwrap()).unwrap(), [5, 6]);
	}
}
