//! `io job matmul` and `io job resume`: a product of two int8 matrices, from the files to the checked product.

use std::{fs::File, io::BufReader, path::Path, sync::Arc};

use codec::Encode;
use io_client::{
	Client, Keypair,
	matmul::{self, Input, npy},
};
use io_primitives::{ClassId, ClassInfo, Engine, JobSpec, JobState, Program, Verification};
use io_tflops::fraud::Shape;
use serde_json::json;

use super::{
	MatmulArgs, PlaceArgs, ResumeArgs, Verify,
	check::Checker,
	dispute::blocking,
	fetch,
	folder::{Folder, Record, read_input, shape_of},
	submit::{Placed, locators, place, quorum},
	unknown, watch,
};
use crate::{
	App,
	error::{Error, Result},
	serve::{Content, Server},
};

/// Bytes in one MiB.
const MIB: u64 = 1024 * 1024;

/// `io job matmul`.
pub(super) async fn matmul(args: MatmulArgs, app: &App) -> Result<u8> {
	fetch::check_directory(&args.output, args.overwrite)?;
	let votes = votes(&args)?;
	let (left, right) = (args.left.clone(), args.right.clone());
	let (how, blocks) = (args.verify, args.dispute_blocks);
	let (input, verification) = blocking(move || prepare(&left, &right, how, blocks)).await?;
	let (client, signer) = args.key.connect(app).await?;
	let class = match args.class {
		Some(class) => class,
		None => kernel_class(&client).await?,
	};
	let folder = Folder::make(&args.output)?;
	let (input, target) = (Arc::new(input), folder.clone());
	let source = input.clone();
	blocking(move || target.write_input(&source)).await?;
	let content = Content::of(&folder.input()).await?;
	let server = serve(&args.place, content.clone()).await?;
	let spec = spec(
		&args,
		votes,
		class,
		input.shape(),
		verification,
		&content,
		server.url(&content.hash),
	)?;
	let Placed { job, block } = place(&client, &signer, &spec, args.yes, true, app).await?;
	let kernel = matmul::kernel(input.shape());
	let record = Record { genesis: client.genesis(), job, kernel, verification };
	folder.remember(&record)?;
	let task = Task { folder, record, input, from: block };
	task.finish(client, signer, server, args.place.allow_private, app).await
}

/// `io job resume`.
pub(super) async fn resume(args: ResumeArgs, app: &App) -> Result<u8> {
	let folder = Folder::at(&args.dir);
	let record = folder.recall()?;
	let (shape, verification) = (shape_of(&record.kernel)?, record.verification);
	let path = folder.input();
	let input = blocking(move || read_input(&path, shape, &verification)).await?;
	let (client, signer) = args.key.connect(app).await?;
	client.expect_genesis(record.genesis)?;
	let view = client.job(record.job).await?.ok_or_else(|| unknown(record.job))?;
	let from = match view.outcome {
		Some(_) => client.best_block().await?.number,
		None => view.submitted_at,
	};
	let server = serve(&args.place, Content::of(&folder.input()).await?).await?;
	if view.outcome.is_none()
		&& let Some(spec) = &view.spec
		&& !spec.input_at.iter().any(|at| at[..] == *server.url(&spec.input).as_bytes())
	{
		app.output.note(
			"workers look for the input somewhere else: name the same --listen or --public-url as before, unless they have it",
		);
	}
	let task = Task { folder, record, input: Arc::new(input), from };
	task.finish(client, signer, server, args.place.allow_private, app).await
}

/// A product whose job is on chain.
struct Task {
	folder: Folder,
	record: Record,
	input: Arc<Input>,
	/// Block from which on events are told.
	from: u32,
}

impl Task {
	/// Follows the job to its end, and keeps its product if that is right.
	async fn finish(
		self,
		client: Client,
		signer: Keypair,
		server: Server,
		allow_private: bool,
		app: &App,
	) -> Result<u8> {
		let Task { folder, record, input, from } = self;
		let private = allow_private || client.chain_info().await?.is_development();
		let (job, shape) = (record.job, *input.shape());
		let mut checker = Checker::new(client.clone(), signer, record, input, private, app);
		let outcome =
			watch::follow(&client, job, from, Some(&server), Some(&mut checker), app).await?;
		if outcome.state == JobState::Settled && outcome.exit_code == 0 {
			let product = checker.settled(&outcome).await?;
			let path = folder.product();
			blocking(move || folder.write_product(&shape, &product)).await?;
			let text = path.display().to_string();
			let json = json!({ "type": "fetched", "job": job, "right": true, "product": text });
			app.output.result(&json, || {
				format!("{text}: {} x {} int32, checked", shape.m(), shape.n())
			})?;
		}
		Ok(watch::status(&outcome))
	}
}

async fn serve(args: &PlaceArgs, content: Content) -> Result<Server> {
	Server::start(args.listen, args.public_url.as_deref(), [content]).await
}

/// How many workers multiply, and how many have to agree.
fn votes(args: &MatmulArgs) -> Result<(u8, u8)> {
	if args.verify == Verify::Quorum {
		let replicas = args.replicas.unwrap_or(3);
		return Ok((replicas, quorum(replicas, args.quorum)?));
	}
	match (args.replicas.unwrap_or(1), args.quorum.unwrap_or(1)) {
		(1, 1) => Ok((1, 1)),
		_ => Err(Error::Usage(
			"--replicas and --quorum are for --verify quorum; otherwise one worker multiplies"
				.into(),
		)),
	}
}

/// Reads the matrices, and makes what binds the job to them.
fn prepare(left: &Path, right: &Path, how: Verify, blocks: u32) -> Result<(Input, Verification)> {
	let (a, b) = (read_matrix(left)?, read_matrix(right)?);
	if a.columns != b.rows {
		return Err(Error::Usage(format!(
			"the left matrix is {} x {} and the right one {} x {}: the left one must have as many columns as the right one has rows",
			a.rows, a.columns, b.rows, b.columns
		)));
	}
	let failed = |e: &dyn ToString| Error::Usage(e.to_string());
	let shape = Shape::new(a.rows, a.columns, b.columns).map_err(|e| failed(&e))?;
	// The hash does not matter for the size.
	let of_size = match how {
		Verify::Quorum | Verify::Dispute => Verification::Quorum,
		Verify::Product => Verification::Product { inputs: Default::default() },
	};
	matmul::check_size(&shape, &of_size).map_err(|e| failed(&e))?;
	let input = Input::new(shape, a.entries, b.entries).map_err(|e| failed(&e))?;
	let local = |e: &dyn ToString| Error::Local(e.to_string());
	if how == Verify::Quorum {
		return Ok((input, Verification::Quorum));
	}
	let input = input.with_random_seed().map_err(|e| local(&e))?;
	let verification = match how {
		Verify::Product => input.provable(),
		_ => input.disputable(blocks),
	};
	Ok((input, verification.map_err(|e| local(&e))?))
}

fn read_matrix(path: &Path) -> Result<npy::Matrix<i8>> {
	let file = File::open(path).map_err(Error::file("open", path))?;
	npy::read_i8(BufReader::new(file)).map_err(|e| Error::Usage(format!("{}: {e}", path.display())))
}

/// The first class whose workers run built-in kernels.
async fn kernel_class(client: &Client) -> Result<ClassId> {
	let mut ids: Vec<ClassId> = client.storage_keys("IoJobs", "Classes", usize::MAX).await?;
	ids.sort_unstable();
	for id in ids {
		let info: Option<ClassInfo> =
			client.storage("IoJobs", "Classes", &[id.encode()], None).await?;
		if info.is_some_and(|info| info.engine == Engine::Kernel) {
			return Ok(id);
		}
	}
	Err(Error::Chain(
		"no class of this chain runs built-in kernels; `io chain classes` lists them".into(),
	))
}

/// The job as the chain takes it: with exactly what the product needs.
fn spec(
	args: &MatmulArgs,
	(replicas, quorum): (u8, u8),
	class: ClassId,
	shape: &Shape,
	verification: Verification,
	content: &Content,
	url: String,
) -> Result<JobSpec> {
	let kernel = matmul::kernel(shape);
	let too_large = || Error::Usage("the product is too large for a job".into());
	Ok(JobSpec {
		max_units: kernel.units().ok_or_else(too_large)?,
		program: Program::Kernel { kind: kernel },
		program_at: Default::default(),
		input_at: locators("the input's URL", Some(url), &[])?,
		input: content.hash,
		input_len: content.len,
		args: Default::default(),
		class,
		max_memory: u32::try_from(matmul::memory(shape).div_ceil(MIB)).map_err(|_| too_large())?,
		max_output: matmul::archive_len(shape),
		price_per_unit: args.price,
		replicas,
		quorum,
		run_blocks: args.run_blocks,
		encryption: None,
		min_perf: args.min_perf.unwrap_or(0),
		verification,
	})
}
