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
	mesh::{Fetcher, Serving},
	serve::{Content, HttpServer, Server},
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
	let server = serve(&args.place, &client, content.clone()).await?;
	let spec = spec(
		&args,
		votes,
		class,
		input.shape(),
		verification,
		&content,
		server.places(&content.hash),
	)?;
	let Placed { job, block } = place(&client, &signer, &spec, args.yes, true, app).await?;
	let kernel = matmul::kernel(input.shape());
	let record = Record { genesis: client.genesis(), job, kernel, verification };
	folder.remember(&record)?;
	let task = Task { folder, record, input, from: block };
	task.finish(client, signer, server, &args.place, app).await
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
	let from = match view.submitted_at {
		Some(block) => block,
		None => client.best_block().await?.number,
	};
	let content = Content::of(&folder.input()).await?;
	let server = serve(&args.place, &client, content).await?;
	if view.outcome.is_none()
		&& let Some(spec) = &view.spec
		&& !server
			.places(&spec.input)
			.iter()
			.any(|place| spec.input_at.iter().any(|at| at[..] == *place.as_bytes()))
	{
		app.output.note(
			"workers look for the input somewhere else: name the same --listen, --public-url or --relay as before, unless they have it",
		);
	}
	let task = Task { folder, record, input: Arc::new(input), from };
	task.finish(client, signer, server, &args.place, app).await
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
		place: &PlaceArgs,
		app: &App,
	) -> Result<u8> {
		let Task { folder, record, input, from } = self;
		let private = place.allow_private || client.chain_info().await?.is_development();
		let (job, shape) = (record.job, *input.shape());
		let mesh = Fetcher::new(&place.mesh_args, &client, server.node());
		let mut checker = Checker::new(client.clone(), signer, record, input, private, mesh, app);
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

async fn serve(args: &PlaceArgs, client: &Client, content: Content) -> Result<Server> {
	if args.mesh {
		return Ok(Server::Mesh(Serving::start(&args.mesh_args, client, [content], None).await?));
	}
	let url = args.public_url.as_deref();
	Ok(Server::Http(HttpServer::start(args.listen, url, [content]).await?))
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
	places: Vec<String>,
) -> Result<JobSpec> {
	let kernel = matmul::kernel(shape);
	let too_large = || Error::Usage("the product is too large for a job".into());
	Ok(JobSpec {
		max_units: kernel.units().ok_or_else(too_large)?,
		program: Program::Kernel { kind: kernel },
		program_at: Default::default(),
		input_at: locators("the input's URL", places, &[])?,
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

#[cfg(test)]
mod tests {
	use clap::Parser;

	use super::*;

	#[derive(Parser)]
	struct Line {
		#[command(flatten)]
		args: MatmulArgs,
	}

	fn args(more: &[&str]) -> MatmulArgs {
		let line = ["io", "--left", "a", "--right", "b", "--price", "0.5", "--output", "o"];
		Line::try_parse_from(line.iter().chain(more)).map(|line| line.args).unwrap()
	}

	/// A .npy file with ones of int8.
	fn ones(dir: &Path, name: &str, rows: u32, columns: u32) -> std::path::PathBuf {
		let mut bytes = npy::i32_header(rows, columns);
		let at = bytes.windows(3).position(|bytes| bytes == b"<i4").unwrap();
		bytes[at..at + 3].copy_from_slice(b"|i1");
		bytes.resize(bytes.len() + (rows * columns) as usize, 1);
		let path = dir.join(name);
		std::fs::write(&path, bytes).unwrap();
		path
	}

	fn content(len: u64) -> Content {
		Content { hash: sp_core::H256::repeat_byte(4), len, path: "input".into() }
	}

	#[test]
	fn should_make_a_job_of_exactly_what_the_product_needs() {
		let dir = tempfile::tempdir().unwrap();
		let (left, right) = (ones(dir.path(), "a", 30, 1000), ones(dir.path(), "b", 1000, 70));
		let given = args(&["--min-perf", "250", "--run-blocks", "9"]);
		let (input, verification) = prepare(&left, &right, Verify::Dispute, 44).unwrap();
		let mut bytes = Vec::new();
		input.write(&mut bytes).unwrap();
		let url = "http://10.0.0.1:9/v1/content/04".to_owned();
		let content = content(bytes.len() as u64);
		let spec = spec(
			&given,
			votes(&given).unwrap(),
			2,
			input.shape(),
			verification,
			&content,
			vec![url],
		)
		.unwrap();
		let Program::Kernel { kind } = &spec.program else { panic!("{:?}", spec.program) };
		let shape = matmul::shape(kind).unwrap();
		assert_eq!((shape.m(), shape.k(), shape.n()), (30, 1000, 70));
		assert_eq!((spec.replicas, spec.quorum, spec.class), (1, 1, 2));
		assert_eq!((spec.min_perf, spec.run_blocks), (250_000, 9));
		assert_eq!(spec.price_per_unit, 500_000_000_000);
		assert_eq!(spec.max_units, 1);
		assert_eq!(spec.input_len, 30 * 1000 + 1000 * 70 + 32);
		assert_eq!(spec.input_len, matmul::input_len(&shape, &spec.verification));
		assert!(spec.program_at.is_empty() && spec.args.is_empty());
		assert_eq!(spec.input_at.len(), 1);
		assert!(matches!(spec.verification, Verification::Dispute { blocks: 44, .. }));
		assert!(u64::from(spec.max_memory) * MIB >= matmul::memory(&shape));
		assert!(spec.max_output >= 4 * 30 * 70);
	}

	#[test]
	fn should_ask_several_workers_only_when_they_vote() {
		assert_eq!(votes(&args(&["--verify", "quorum"])).unwrap(), (3, 2));
		let many = args(&["--verify", "quorum", "--replicas", "5", "--quorum", "4"]);
		assert_eq!(votes(&many).unwrap(), (5, 4));
		assert!(votes(&args(&["--verify", "quorum", "--replicas", "5", "--quorum", "2"])).is_err());
		for verify in ["dispute", "product"] {
			assert_eq!(votes(&args(&["--verify", verify])).unwrap(), (1, 1));
			assert!(votes(&args(&["--verify", verify, "--replicas", "2"])).is_err());
		}
	}

	#[test]
	fn should_bind_the_job_to_the_matrices() {
		let dir = tempfile::tempdir().unwrap();
		let (left, right) = (ones(dir.path(), "a", 3, 4), ones(dir.path(), "b", 4, 5));
		for how in [Verify::Quorum, Verify::Dispute, Verify::Product] {
			let (input, verification) = prepare(&left, &right, how, 10).unwrap();
			assert!(input.bind(&verification).unwrap().fits().unwrap());
			assert_eq!(matmul::has_seed(&verification), how != Verify::Quorum);
			assert_eq!(find_wrong(&input, &[4; 15]), None);
			assert!(find_wrong(&input, &[5; 15]).is_some());
		}
	}

	fn find_wrong(input: &Input, product: &[i32]) -> Option<(u32, u32)> {
		input.wrong_entry(product).unwrap()
	}

	#[test]
	fn should_say_what_is_wrong_with_the_matrices() {
		let dir = tempfile::tempdir().unwrap();
		let file = |rows, columns| ones(dir.path(), &format!("{rows}x{columns}"), rows, columns);
		let message = |left: &Path, right: &Path, how| match prepare(left, right, how, 1) {
			Err(Error::Usage(message)) => message,
			other => panic!("{:?}", other.map(|(_, verification)| verification)),
		};
		let unlike = message(&file(2, 3), &file(2, 3), Verify::Quorum);
		assert!(unlike.contains("2 x 3 and the right one 2 x 3"), "{unlike}");
		let large = message(&file(1, 1025), &file(1025, 1), Verify::Product);
		assert!(large.contains("1025"), "{large}");
		assert!(prepare(&file(1, 1025), &file(1025, 1), Verify::Dispute, 1).is_ok());
		let text = dir.path().join("text");
		std::fs::write(&text, "1 2 3").unwrap();
		assert!(message(&text, &file(2, 3), Verify::Quorum).contains("no .npy file"));
		let missing = prepare(&dir.path().join("none"), &text, Verify::Quorum, 1);
		assert!(matches!(missing, Err(Error::File { .. })));
	}
}
