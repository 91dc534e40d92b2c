//! One execution on this machine: fetch, wait for the chain's go, run, keep the output. It knows nothing of calls and
//! commitments.

use std::{
	path::{Path, PathBuf},
	sync::{Arc, Mutex},
	time::Duration,
};

use io_client::matmul::InputError;
use io_executor::{Control, Executor, Limits, Task};
use io_mesh::seal::{self, SealedKey};
use io_primitives::{JobSpec, MAX_INPUT_BYTES, MAX_PROGRAM_BYTES, Program, Verification};
use serde::Serialize;
use sp_core::H256;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::{
	content::{self, Reservation, Store},
	fetch::{self, Fetcher, Length, Progress, Wanted},
	journal::Execution,
	kernel::{self, Kernels},
	keystore::Keys,
	lock,
	sealing::{self, Opened},
};

/// Longest pause between two tries to fetch what an accepted job needs.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// Why there is no result.
#[derive(thiserror::Error, Debug)]
pub enum Failure {
	/// Nobody wants it any more.
	#[error("it was called off")]
	Cancelled,
	/// What it needs cannot be had.
	#[error(transparent)]
	Fetch(#[from] fetch::Error),
	/// This machine has no room, or its disk fails.
	#[error(transparent)]
	Content(#[from] content::Error),
	/// The engine failed on this machine.
	#[error(transparent)]
	Executor(io_executor::Error),
	/// A kernel's input cannot be read, or nothing can be made of it here.
	#[error(transparent)]
	Input(#[from] InputError),
	/// The sealed input does not open.
	#[error("the sealed input: {0}")]
	Sealed(#[from] seal::Error),
	/// A device failed.
	#[error("{0}")]
	Device(String),
	/// A file of this machine.
	#[error("{}: {source}", path.display())]
	File {
		/// Which file.
		path: PathBuf,
		/// Why.
		source: std::io::Error,
	},
	/// This worker cannot do such jobs.
	#[error("{0}")]
	Unsupported(&'static str),
	/// A thread of ours broke.
	#[error("internal error: {0}")]
	Internal(String),
}

impl Failure {
	/// For `map_err` on file operations.
	pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Failure + '_ {
		move |source| Failure::File { path: path.into(), source }
	}
}

impl From<io_executor::Error> for Failure {
	fn from(error: io_executor::Error) -> Failure {
		match error {
			io_executor::Error::Cancelled => Failure::Cancelled,
			error => Failure::Executor(error),
		}
	}
}

impl From<io_kernels::Error> for Failure {
	fn from(error: io_kernels::Error) -> Failure {
		match error {
			io_kernels::Error::Cancelled => Failure::Cancelled,
			error => Failure::Device(error.to_string()),
		}
	}
}

/// How far an execution is on this machine.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case", tag = "phase", content = "reason")]
pub enum Phase {
	/// Program and input are on their way.
	Fetching,
	/// All is here; the chain has not seen our acceptance yet.
	Ready,
	/// Accepted, but the machine is busy with other programs.
	Queued,
	/// The program runs.
	Running,
	/// There is a result.
	Done,
	/// There will be none.
	Failed(String),
}

/// A handle to one execution.
pub struct Work {
	phase: Mutex<Phase>,
	/// Download of the program.
	pub program: Progress,
	/// Download of the input.
	pub input: Progress,
	control: Control,
	accepted: watch::Sender<bool>,
	/// Key of the sealed input.
	input_key: watch::Sender<Option<SealedKey>>,
	cancel: CancellationToken,
}

impl Default for Work {
	fn default() -> Self {
		Work {
			phase: Mutex::new(Phase::Fetching),
			program: Progress::default(),
			input: Progress::default(),
			control: Control::new(),
			accepted: watch::Sender::new(false),
			input_key: watch::Sender::new(None),
			cancel: CancellationToken::new(),
		}
	}
}

impl Work {
	/// How far it is.
	pub fn phase(&self) -> Phase {
		lock(&self.phase).clone()
	}

	/// Changes how far it is.
	pub fn set_phase(&self, phase: Phase) {
		*lock(&self.phase) = phase;
	}

	/// Tells it that the chain saw our acceptance, so that it may run.
	pub fn accept(&self) {
		self.accepted.send_if_modified(|accepted| !std::mem::replace(accepted, true));
	}

	/// Gives it the key of its sealed input.
	pub fn give_input_key(&self, key: SealedKey) {
		self.input_key.send_replace(Some(key));
	}

	/// Whether it waits for the requester to hand out the key of the input.
	pub fn lacks_input_key(&self, spec: &JobSpec) -> bool {
		sealing::is_input_sealed(spec) && self.input_key.borrow().is_none()
	}

	/// Calls it off, whatever it does.
	pub fn cancel(&self) {
		self.cancel.cancel();
		self.control.cancel();
	}

	/// Fuel used so far.
	pub fn fuel_used(&self) -> u64 {
		self.control.fuel_used()
	}

	/// Whether the downloads move so fast that they end within `time`. Of a sealed input nobody can say: its key has to open it too.
	pub fn fetched_within(&self, spec: &JobSpec, time: Duration) -> bool {
		if sealing::is_input_sealed(spec) {
			return false;
		}
		let program = match spec.program {
			Program::Kernel { .. } => Some(Duration::ZERO),
			_ => self.program.remaining(),
		};
		let input = if spec.input_len == 0 { Some(Duration::ZERO) } else { self.input.remaining() };
		matches!((program, input), (Some(a), Some(b)) if a.max(b) <= time)
	}
}

/// A result, with the output in the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Output {
	/// Exit code, or a reserved one.
	pub exit_code: i32,
	/// Units used.
	pub units: u64,
	/// BLAKE3 of the output as it is shown: the archive, or the archive sealed to the requester.
	pub output: H256,
	/// Bytes of that.
	pub output_len: u64,
	/// What stands for the output in the result's digest: the archive's hash, or what the chain can verify.
	pub content: H256,
	/// What went wrong, for the log.
	pub detail: Option<String>,
}

/// Runs executions, at most `capacity` at the same time.
#[derive(Clone)]
pub struct Runner {
	executor: Executor,
	kernels: Kernels,
	/// Number of the parachain, once a node has said it.
	para: Arc<watch::Sender<Option<u32>>>,
	keys: Keys,
	store: Store,
	fetcher: Fetcher,
	permits: Arc<Semaphore>,
	capacity: u8,
	settings: crate::config::Run,
}

impl Runner {
	/// Makes a runner.
	pub fn new(
		executor: Executor,
		kernels: Kernels,
		keys: Keys,
		store: Store,
		fetcher: Fetcher,
		capacity: u8,
		settings: crate::config::Run,
	) -> Runner {
		let permits = Arc::new(Semaphore::new(capacity.into()));
		let para = Arc::new(watch::Sender::new(None));
		Runner { executor, kernels, para, keys, store, fetcher, permits, capacity, settings }
	}

	/// The kernels.
	pub fn kernels(&self) -> &Kernels {
		&self.kernels
	}

	/// Learns on which parachain we are: a part of proofs of products.
	pub fn learn_para(&self, para: u32) {
		self.para.send_if_modified(|known| known.replace(para) != Some(para));
	}

	/// Whether such a job has to wait until the parachain's number is known.
	pub fn waits_for_para(&self, spec: &JobSpec) -> bool {
		proves(spec) && self.para.borrow().is_none()
	}

	/// The store of contents.
	pub fn store(&self) -> &Store {
		&self.store
	}

	/// Whether a program runs or waits for its place.
	pub fn busy(&self) -> bool {
		self.permits.available_permits() < usize::from(self.capacity)
	}

	/// Bytes received by downloads since the start.
	pub fn received(&self) -> u64 {
		self.fetcher.received()
	}

	/// Why this worker cannot do such a job, if it cannot.
	pub fn unsupported(spec: &JobSpec) -> Option<&'static str> {
		let reason = match &spec.program {
			Program::Wasm { .. } if spec.verification != Verification::Quorum => {
				Some("only products of built-in kernels are verified on chain")
			},
			Program::Wasm { .. } => None,
			Program::Kernel { kind } => Kernels::unsupported(spec, kind),
			Program::Oci { .. } => Some("this worker runs WASM programs and built-in kernels only"),
		};
		if reason.is_some() {
			reason
		} else if spec.encryption.is_some() && spec.verification != Verification::Quorum {
			Some("what the chain verifies cannot be sealed")
		} else if spec.encryption.is_some_and(|key| !seal::is_usable(&key)) {
			Some("nothing can be sealed to the requester's x25519 key")
		} else if spec.input_len > MAX_INPUT_BYTES {
			Some("the input is larger than 1 GiB")
		} else {
			None
		}
	}

	/// Does everything for one execution on the chain `genesis`; `running` is called when the program starts.
	pub async fn run(
		&self,
		genesis: H256,
		execution: Execution,
		spec: &JobSpec,
		work: &Work,
		running: impl FnOnce(),
	) -> Result<Output, Failure> {
		tokio::select! {
			biased;
			() = work.cancel.cancelled() => Err(Failure::Cancelled),
			result = self.steps(genesis, execution, spec, work, running) => result,
		}
	}

	async fn steps(
		&self,
		genesis: H256,
		execution: Execution,
		spec: &JobSpec,
		work: &Work,
		running: impl FnOnce(),
	) -> Result<Output, Failure> {
		if let Some(reason) = Self::unsupported(spec) {
			return Err(Failure::Unsupported(reason));
		}
		let program = match spec.program {
			Program::Wasm { hash } => Some(hash),
			_ => None,
		};
		let _pins = [program.map(|hash| self.store.pin(hash)), Some(self.store.pin(spec.input))];
		let mut accepted = work.accepted.subscribe();
		let mut pause = Duration::from_secs(1);
		let (program, input, room) = loop {
			match self.prepare(genesis, execution, program, spec, work).await {
				Ok(ready) => break ready,
				Err(failure) if *accepted.borrow() => {
					// Our bond is at stake now: try on until the chain takes the job away.
					tracing::warn!(%execution, %failure, "an accepted job cannot be prepared; trying again");
					tokio::time::sleep(pause).await;
					pause = (pause * 2).min(MAX_PAUSE);
				},
				Err(failure) => return Err(failure),
			}
		};
		work.set_phase(Phase::Ready);
		accepted
			.wait_for(|accepted| *accepted)
			.await
			.map_err(|e| Failure::Internal(e.to_string()))?;
		work.set_phase(Phase::Queued);
		if proves(spec) {
			let mut para = self.para.subscribe();
			para.wait_for(Option::is_some).await.map_err(|e| Failure::Internal(e.to_string()))?;
		}
		let _permit = self
			.permits
			.clone()
			.acquire_owned()
			.await
			.map_err(|e| Failure::Internal(e.to_string()))?;
		work.set_phase(Phase::Running);
		running();
		let mut tries = 0;
		loop {
			let result = match (&program, &input) {
				(Some(program), input) => {
					let input = input.as_ref().map(Opened::path);
					self.execute(genesis, execution, spec, program, input, &room, work).await
				},
				(None, Some(input)) => {
					self.multiply(genesis, execution, spec, input.path(), &room, work).await
				},
				(None, None) => Err(Failure::Unsupported("kernels need an input")),
			};
			match result {
				Ok(output) => return Ok(output),
				Err(Failure::Cancelled) => return Err(Failure::Cancelled),
				Err(failure) if tries < self.settings.retries => {
					tries += 1;
					tracing::warn!(%execution, %failure, tries, "a run failed on this machine; trying again");
					tokio::time::sleep(Duration::from_secs(2)).await;
				},
				Err(failure) => return Err(failure),
			}
		}
	}

	async fn prepare(
		&self,
		genesis: H256,
		execution: Execution,
		program: Option<H256>,
		spec: &JobSpec,
		work: &Work,
	) -> Result<(Option<PathBuf>, Option<Opened>, Arc<Reservation>), Failure> {
		let wanted_program = program.map(|hash| Wanted {
			hash,
			length: Length::AtMost(MAX_PROGRAM_BYTES),
			sources: spec.program_at.clone(),
		});
		let wanted_input = Wanted {
			hash: spec.input,
			length: Length::Exactly(spec.input_len),
			sources: spec.input_at.clone(),
		};
		let (store, bytes) = (self.store.clone(), room_for(spec));
		let room = Arc::new(blocking(move || Ok(store.reserve(bytes)?)).await?);
		let input = async {
			match spec.input_len {
				0 => Ok(None),
				_ => self.fetcher.obtain(&wanted_input, &work.input).await.map(Some),
			}
		};
		let program = async {
			match &wanted_program {
				None => Ok(None),
				Some(wanted) => self.fetcher.obtain(wanted, &work.program).await.map(Some),
			}
		};
		let (program, input) = tokio::try_join!(program, input)?;
		let input = match input {
			Some(sealed) if sealing::is_input_sealed(spec) => {
				Some(self.open_input(genesis, execution, sealed, &room, work).await?)
			},
			input => input.map(Opened::Plain),
		};
		Ok((program, input, room))
	}

	/// Waits for the key of the input, and opens it.
	async fn open_input(
		&self,
		genesis: H256,
		execution: Execution,
		sealed: PathBuf,
		room: &Arc<Reservation>,
		work: &Work,
	) -> Result<Opened, Failure> {
		let mut given = work.input_key.subscribe();
		let key = given
			.wait_for(Option::is_some)
			.await
			.map_err(|e| Failure::Internal(e.to_string()))?
			.ok_or_else(|| Failure::Internal("no key".into()))?;
		let (keys, room) = (self.keys.clone(), room.clone());
		blocking(move || {
			let purpose = sealing::purpose(genesis, execution.job, seal::Sealed::Input);
			let key = keys.open_key(&key, &purpose)?;
			let folder = room.scratch(&format!("{}-input", execution.label()))?;
			sealing::open_input(&key, &sealed, folder)
		})
		.await
	}

	async fn execute(
		&self,
		genesis: H256,
		execution: Execution,
		spec: &JobSpec,
		program: &Path,
		input: Option<&Path>,
		room: &Arc<Reservation>,
		work: &Work,
	) -> Result<Output, Failure> {
		let executor = self.executor.clone();
		let (store, room) = (self.store.clone(), room.clone());
		let (program, input) = (program.to_path_buf(), input.map(Path::to_path_buf));
		let limits = Limits {
			max_units: spec.max_units,
			max_memory_mib: spec.max_memory,
			max_output: spec.max_output,
			wall_clock: Duration::from_secs(self.settings.max_seconds),
		};
		let args = spec.args.iter().map(|arg| arg.to_vec()).collect();
		let control = work.control.clone();
		let recipient = spec.encryption;
		blocking(move || {
			let scratch = room.scratch(&execution.label())?;
			let task = Task {
				program: &program,
				input: input.as_deref(),
				args,
				limits,
				scratch: &scratch,
			};
			let result =
				executor.execute(&task, &control).map_err(Failure::from).and_then(|done| {
					let archive = sealing::Archive {
						path: done.output,
						hash: H256(done.output_hash),
						len: done.output_len,
					};
					let content = archive.hash;
					let kept = archive.keep(&store, genesis, execution.job, recipient)?;
					Ok(Output {
						exit_code: done.exit_code,
						units: done.units,
						output: kept.hash,
						output_len: kept.len,
						content,
						detail: done.detail,
					})
				});
			let _ = std::fs::remove_dir_all(&scratch);
			result
		})
		.await
	}

	/// Runs a kernel.
	async fn multiply(
		&self,
		genesis: H256,
		execution: Execution,
		spec: &JobSpec,
		input: &Path,
		room: &Arc<Reservation>,
		work: &Work,
	) -> Result<Output, Failure> {
		let (kernels, control) = (self.kernels.clone(), work.control.clone());
		let (store, room) = (self.store.clone(), room.clone());
		let (spec, input, para) = (spec.clone(), input.to_path_buf(), *self.para.borrow());
		blocking(move || {
			let scratch = room.scratch(&execution.label())?;
			let task = kernel::Task {
				spec: &spec,
				job: execution.job,
				genesis,
				para,
				input: &input,
				scratch: &scratch,
			};
			let result = kernels.run(&task, &control).and_then(|done| {
				let archive = sealing::Archive {
					path: done.archive.path,
					hash: H256(done.archive.hash),
					len: done.archive.len,
				};
				let kept = archive.keep(&store, genesis, execution.job, spec.encryption)?;
				Ok(Output {
					exit_code: done.exit_code,
					units: done.units,
					output: kept.hash,
					output_len: kept.len,
					content: done.content,
					detail: io_executor::exit_code::describe(done.exit_code).map(str::to_owned),
				})
			});
			let _ = std::fs::remove_dir_all(&scratch);
			result
		})
		.await
	}
}

/// Bytes on the disk that a job can take here, besides its program and its input as they come. A program may use all of `/tmp`
/// without saying so before; who has less room is to decline, which costs nothing, rather than be late.
fn room_for(spec: &JobSpec) -> u64 {
	let work = match spec.program {
		Program::Kernel { .. } => spec.max_output,
		_ => io_executor::scratch_bytes(spec.max_output),
	};
	work.saturating_add(sealing::extra_room(spec))
}

/// Whether a job's product has to be proven.
fn proves(spec: &JobSpec) -> bool {
	matches!(spec.verification, Verification::Product { .. })
}

async fn blocking<T: Send + 'static>(
	work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
	match tokio::task::spawn_blocking(work).await {
		Ok(result) => result,
		Err(error) => Err(Failure::Internal(error.to_string())),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn spec(encryption: Option<[u8; 32]>) -> JobSpec {
		JobSpec {
			program: Program::Wasm { hash: H256::zero() },
			program_at: Default::default(),
			input_at: Default::default(),
			input: H256::zero(),
			input_len: 100,
			args: Default::default(),
			class: 0,
			max_units: 1,
			max_memory: 64,
			max_output: 1_000,
			price_per_unit: 1,
			replicas: 1,
			quorum: 1,
			run_blocks: 100,
			encryption,
			min_perf: 0,
			verification: Verification::Quorum,
		}
	}

	#[test]
	fn should_not_expect_a_sealed_input_when_not_all_of_it_is_here() {
		let (program, input) = (Progress::at(99, 100), Progress::at(99, 100));
		let work = Work { program, input, ..Work::default() };
		let time = Duration::from_secs(3600);
		assert!(work.fetched_within(&spec(None), time));
		assert!(!work.fetched_within(&spec(Some([1; 32])), time));
	}

	#[test]
	fn should_take_room_for_all_that_a_program_may_write() {
		let mut spec = spec(None);
		assert_eq!(room_for(&spec), io_executor::scratch_bytes(1_000));
		assert!(room_for(&spec) > (1 << 30) + 2_000, "it may fill /tmp");
		spec.program =
			Program::Kernel { kind: io_primitives::Kernel::MatMulI8 { m: 1, k: 1, n: 1 } };
		assert_eq!(room_for(&spec), 1_000);
	}
}
