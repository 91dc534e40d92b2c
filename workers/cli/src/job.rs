//! `io job`: submit, follow, fetch, cancel, list.

mod check;
mod dispute;
mod fetch;
mod folder;
mod matmul;
mod show;
mod submit;
mod watch;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use io_client::amount;
use io_mesh::ContentAt;
use io_primitives::{AccountId, Balance, ClassId, JobId, WorkerKey};
use sp_core::H256;

use crate::{
	App,
	error::{Error, Result},
	keys::{self, KeyArgs},
	mesh::MeshArgs,
};

#[derive(Subcommand, Debug)]
pub(crate) enum JobCommand {
	/// Submit a job, and follow it if wanted
	Submit(Box<SubmitArgs>),
	/// Have two int8 matrices multiplied, check the product, and dispute it if it is wrong
	Matmul(Box<MatmulArgs>),
	/// Go on with a product whose `io job matmul` was interrupted
	Resume(ResumeArgs),
	/// Prove on chain that an entry of a product is wrong
	Dispute(DisputeArgs),
	/// Show what a job would cost at most
	Quote(Box<SpecArgs>),
	/// Follow a job to its end
	Watch(WatchArgs),
	/// Fetch the output of a settled job, check it against the chain, and unpack it
	Fetch(FetchArgs),
	/// Withdraw a job that nobody has accepted
	Cancel {
		/// The job's number
		job: JobId,
		/// Do not ask
		#[arg(long, short)]
		yes: bool,
		#[command(flatten)]
		key: KeyArgs,
	},
	/// List jobs that are not yet finished
	List(ListArgs),
	/// Show a job as it stands, or how it ended
	Show {
		/// The job's number
		job: JobId,
	},
	/// Say why a job does not go to a worker
	WhyNot {
		/// The job's number
		job: JobId,
		/// The worker's key
		#[arg(value_parser = keys::parse_worker)]
		worker: WorkerKey,
	},
}

/// What is to be executed, and under which terms.
#[derive(Args, Debug)]
pub(crate) struct SpecArgs {
	/// The program: a WASI preview 1 command module
	#[arg(value_name = "PROGRAM.wasm", required_unless_present = "program_hash")]
	pub(crate) program: Option<PathBuf>,
	/// BLAKE3 of the program, instead of a file
	#[arg(long, value_name = "HASH", value_parser = parse_hash, conflicts_with = "program", requires = "program_url")]
	pub(crate) program_hash: Option<H256>,
	/// Where workers find the program; up to 4 times
	#[arg(long, value_name = "URL", value_parser = parse_url)]
	pub(crate) program_url: Vec<String>,
	/// The input: a file, or a directory, which is packed into a tar archive that the program sees below /in
	#[arg(long, value_name = "PATH")]
	pub(crate) input: Option<PathBuf>,
	/// BLAKE3 of the input, instead of a file
	#[arg(long, value_name = "HASH", value_parser = parse_hash, conflicts_with = "input", requires = "input_url", requires = "input_len")]
	pub(crate) input_hash: Option<H256>,
	/// Bytes of the input that --input-hash names
	#[arg(long, value_name = "BYTES", requires = "input_hash")]
	pub(crate) input_len: Option<u64>,
	/// Where workers find the input; up to 4 times
	#[arg(long, value_name = "URL", value_parser = parse_url)]
	pub(crate) input_url: Vec<String>,
	/// An argument for the program; can be repeated
	#[arg(long = "arg", value_name = "ARG", allow_hyphen_values = true)]
	pub(crate) args: Vec<String>,
	/// More arguments for the program, after `--`
	#[arg(last = true, value_name = "ARGS")]
	pub(crate) trailing: Vec<String>,
	/// Hardware class
	#[arg(long, default_value_t = 0)]
	pub(crate) class: ClassId,
	/// Most units that one replica may use; a unit is 10^9 steps of the program
	#[arg(long, value_name = "N", default_value_t = 100)]
	pub(crate) max_units: u64,
	/// Most memory of the program, in MiB
	#[arg(long, value_name = "MIB", default_value_t = 256)]
	pub(crate) max_memory: u32,
	/// Most bytes of the output
	#[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
	pub(crate) max_output: u64,
	/// The most that you pay for one unit, in IO
	#[arg(long, value_name = "IO", value_parser = amount::parse)]
	pub(crate) price: Balance,
	/// How many workers execute the job, 1 to 7
	#[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=7))]
	pub(crate) replicas: u8,
	/// How many equal results settle it; more than half of the replicas, which is also what it is without this
	#[arg(long, value_name = "K")]
	pub(crate) quorum: Option<u8>,
	/// How long one replica may run, in blocks
	#[arg(long, value_name = "BLOCKS", default_value_t = 100)]
	pub(crate) run_blocks: u32,
	/// Computing power that workers must have proven, in 10^9 int8 operations per second
	#[arg(long, value_name = "GOPS", value_parser = parse_power)]
	pub(crate) min_perf: Option<u64>,
}

/// Who finds out whether a product is right.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verify {
	/// Several workers: they have to agree
	Quorum,
	/// You: this command checks the product, and proves on chain that an entry is wrong, if one is
	Dispute,
	/// The chain: the worker proves the product to it, in zero knowledge; up to 1024 rows and columns
	Product,
}

#[derive(Args, Debug)]
pub(crate) struct MatmulArgs {
	/// The left matrix: a .npy file with two dimensions of int8
	#[arg(long, value_name = "A.npy")]
	pub(crate) left: PathBuf,
	/// The right matrix: a .npy file with two dimensions of int8
	#[arg(long, value_name = "B.npy")]
	pub(crate) right: PathBuf,
	/// Who finds out whether the product is right
	#[arg(long, value_enum, default_value_t = Verify::Dispute)]
	pub(crate) verify: Verify,
	/// How many workers multiply, 1 to 7; only with --verify quorum, where it is 3 without this
	#[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=7))]
	pub(crate) replicas: Option<u8>,
	/// How many equal results settle it; only with --verify quorum; more than half of the replicas, as without this
	#[arg(long, value_name = "K")]
	pub(crate) quorum: Option<u8>,
	/// For how many blocks the product can be disputed; only with --verify dispute
	#[arg(long, value_name = "BLOCKS", default_value_t = 50)]
	pub(crate) dispute_blocks: u32,
	/// Computing power that workers must have proven, in 10^9 int8 operations per second
	#[arg(long, value_name = "GOPS", value_parser = parse_power)]
	pub(crate) min_perf: Option<u64>,
	/// Hardware class; without this the first one whose workers run built-in kernels
	#[arg(long)]
	pub(crate) class: Option<ClassId>,
	/// The most that you pay for one unit, in IO; a unit is 10^12 int8 operations
	#[arg(long, value_name = "IO", value_parser = amount::parse)]
	pub(crate) price: Balance,
	/// How long one replica may run, in blocks
	#[arg(long, value_name = "BLOCKS", default_value_t = 100)]
	pub(crate) run_blocks: u32,
	/// Directory for `product.npy`, and for what is needed to go on after an interruption
	#[arg(long, value_name = "DIR")]
	pub(crate) output: PathBuf,
	/// Replace files that are in the directory
	#[arg(long)]
	pub(crate) overwrite: bool,
	/// Do not ask
	#[arg(long, short)]
	pub(crate) yes: bool,
	#[command(flatten)]
	pub(crate) place: PlaceArgs,
	#[command(flatten)]
	pub(crate) key: KeyArgs,
}

/// How workers reach this machine, and this machine them.
#[derive(Args, Debug)]
pub(crate) struct PlaceArgs {
	/// Where to serve the matrices to the workers
	#[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
	pub(crate) listen: SocketAddr,
	/// Under which URL workers reach what is served, if not under the address itself
	#[arg(long, value_name = "URL", value_parser = parse_url)]
	pub(crate) public_url: Option<String>,
	/// Serve through the mesh instead: no port has to be open, and only workers of the job get the matrices
	#[arg(long, conflicts_with_all = ["listen", "public_url"])]
	pub(crate) mesh: bool,
	#[command(flatten)]
	pub(crate) mesh_args: MeshArgs,
	/// Fetch the product also from private addresses; on development chains that is so anyway
	#[arg(long)]
	pub(crate) allow_private: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
	/// The directory that was named as --output
	pub(crate) dir: PathBuf,
	#[command(flatten)]
	pub(crate) place: PlaceArgs,
	#[command(flatten)]
	pub(crate) key: KeyArgs,
}

#[derive(Args, Debug)]
pub(crate) struct DisputeArgs {
	/// The job's number
	pub(crate) job: JobId,
	/// The job's input: the file `input` that `io job matmul` left in its output directory
	#[arg(long, value_name = "FILE")]
	pub(crate) input: PathBuf,
	/// The product that the worker gave: a .npy file of int32
	#[arg(long, value_name = "product.npy")]
	pub(crate) product: PathBuf,
	/// Do not ask
	#[arg(long, short)]
	pub(crate) yes: bool,
	#[command(flatten)]
	pub(crate) key: KeyArgs,
}

/// What becomes of a job beside its submission.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
	#[command(flatten)]
	pub(crate) spec: SpecArgs,
	/// Serve program and input to the workers from here, until the job ends
	#[arg(long)]
	pub(crate) serve: bool,
	/// Where to serve
	#[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0", requires = "serve")]
	pub(crate) listen: SocketAddr,
	/// Under which URL workers reach what is served, if not under the address itself
	#[arg(long, value_name = "URL", value_parser = parse_url, requires = "serve")]
	pub(crate) public_url: Option<String>,
	/// Serve through the mesh instead: no port has to be open, and only workers of the job get the files
	#[arg(long, requires = "serve", conflicts_with_all = ["listen", "public_url"])]
	pub(crate) mesh: bool,
	/// Encrypt the input to the workers of the job, and have them encrypt the output to this machine's key in the mesh. Only those
	/// workers and you can read them
	#[arg(long, requires = "mesh")]
	pub(crate) sealed: bool,
	#[command(flatten)]
	pub(crate) mesh_args: MeshArgs,
	/// Follow the job to its end
	#[arg(long)]
	pub(crate) watch: bool,
	/// Fetch the output into this directory when the job has ended; follows it
	#[arg(long, value_name = "DIR")]
	pub(crate) output: Option<PathBuf>,
	/// Replace files that are in the output directory
	#[arg(long, requires = "output")]
	pub(crate) overwrite: bool,
	/// Fetch the output also from private addresses; on development chains that is so anyway
	#[arg(long, requires = "output")]
	pub(crate) allow_private: bool,
	/// Do not ask
	#[arg(long, short)]
	pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SubmitArgs {
	#[command(flatten)]
	pub(crate) run: RunArgs,
	#[command(flatten)]
	pub(crate) key: KeyArgs,
}

#[derive(Args, Debug)]
pub(crate) struct WatchArgs {
	/// The job's number
	pub(crate) job: JobId,
}

#[derive(Args, Debug)]
pub(crate) struct FetchArgs {
	/// The job's number
	pub(crate) job: JobId,
	/// Directory for the files; it is made if it does not exist
	#[arg(long, value_name = "DIR")]
	pub(crate) output: PathBuf,
	/// Replace files that are in the directory
	#[arg(long)]
	pub(crate) overwrite: bool,
	/// Fetch also from private addresses; on development chains that is so anyway
	#[arg(long)]
	pub(crate) allow_private: bool,
	/// Fetch from here instead of from where the workers say: a URL or an address of the mesh
	#[arg(long, value_name = "URL", value_parser = parse_place)]
	pub(crate) from: Vec<String>,
	#[command(flatten)]
	pub(crate) mesh_args: MeshArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ListArgs {
	/// Only jobs of this class
	#[arg(long)]
	pub(crate) class: Option<ClassId>,
	/// Only jobs of the key's account
	#[arg(long)]
	pub(crate) mine: bool,
	/// Only jobs of this account
	#[arg(long, value_name = "ADDRESS", value_parser = keys::parse_account, conflicts_with = "mine")]
	pub(crate) of: Option<AccountId>,
	/// Most jobs to list
	#[arg(long, default_value_t = 100)]
	pub(crate) limit: usize,
	#[command(flatten)]
	pub(crate) key: KeyArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
	/// Files and directories; directories are packed as `io job submit` packs them
	#[arg(required = true, value_name = "PATH")]
	pub(crate) paths: Vec<PathBuf>,
	/// Where to serve
	#[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
	pub(crate) listen: SocketAddr,
	/// Under which URL workers reach it, if not under the address itself
	#[arg(long, value_name = "URL", value_parser = parse_url)]
	pub(crate) public_url: Option<String>,
}

pub(crate) async fn run(command: JobCommand, app: &App) -> Result<u8> {
	match command {
		JobCommand::Submit(args) => submit::submit(*args, app).await,
		JobCommand::Matmul(args) => matmul::matmul(*args, app).await,
		JobCommand::Resume(args) => matmul::resume(args, app).await,
		JobCommand::Dispute(args) => dispute::dispute(args, app).await.map(|()| 0),
		JobCommand::Quote(args) => submit::quote(*args, app).await.map(|()| 0),
		JobCommand::Watch(args) => watch::watch(args, app).await,
		JobCommand::Fetch(args) => fetch::fetch(args, app).await,
		JobCommand::Cancel { job, yes, key } => show::cancel(job, yes, &key, app).await.map(|()| 0),
		JobCommand::List(args) => show::list(args, app).await.map(|()| 0),
		JobCommand::Show { job } => show::show(job, app).await.map(|()| 0),
		JobCommand::WhyNot { job, worker } => show::why_not(job, &worker, app).await.map(|()| 0),
	}
}

pub(crate) use show::power;
pub(crate) use submit::{Placed, Prepared, serve};

/// Reads 32 bytes in hex.
pub(crate) fn parse_hash(text: &str) -> Result<H256, String> {
	hex::decode(text.strip_prefix("0x").unwrap_or(text))
		.ok()
		.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
		.map(H256)
		.ok_or_else(|| "it is no hash: 64 hex digits".into())
}

/// Reads 10^9 operations per second as the chain's 10^6.
fn parse_power(text: &str) -> Result<u64, String> {
	text.parse::<u64>()
		.ok()
		.and_then(|gops| gops.checked_mul(1_000))
		.ok_or_else(|| "it is no whole number of 10^9 operations per second".into())
}

/// Checks a URL as far as the chain limits it.
fn parse_url(text: &str) -> Result<String, String> {
	let url = reqwest::Url::parse(text).map_err(|e| format!("it is no URL: {e}"))?;
	if !matches!(url.scheme(), "http" | "https") {
		return Err("it must begin with http:// or https://".into());
	}
	if text.len() > 256 {
		return Err(format!("it has {} bytes; the chain takes at most 256", text.len()));
	}
	Ok(text.to_owned())
}

/// Checks a URL or an address of the mesh.
fn parse_place(text: &str) -> Result<String, String> {
	if !ContentAt::is_one(text) {
		return parse_url(text);
	}
	text.parse::<ContentAt>().map(|_| text.to_owned()).map_err(|e| e.to_string())
}

/// The error for a job that the chain does not know.
fn unknown(job: JobId) -> Error {
	Error::Chain(format!(
		"the chain has no job {job}: it was never submitted, or it ended so long ago that its outcome is no longer kept"
	))
}
