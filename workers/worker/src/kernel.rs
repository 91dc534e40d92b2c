//! Built-in kernels: exact products of int8 matrices. How they come in, go out and are bound to a job is told in
//! [`io_client::matmul`].
//!
//! What depends on the job alone is a result, the same on every machine: also that the input does not have the roots or commitments
//! that the job names ([`INPUT_MISMATCH`]), or that the job allows too little memory. What depends on this machine is a [`Failure`].

mod gpu;

use std::{
	fs::{self, File},
	io::{BufReader, Write},
	path::Path,
	sync::{Arc, mpsc},
	thread,
	time::Duration,
};

use io_client::matmul::{self, Content, Input, Prover, npy};
use io_executor::{
	Control, OutputFile, Packed,
	exit_code::{INPUT_MISMATCH, MEMORY_LIMIT, OUTPUT_LIMIT},
	pack_output,
};
use io_kernels::{Cancel, Cpu, DeviceKind, Dims, Layout};
use io_primitives::{
	FUEL_PER_UNIT, JobId, JobSpec, Kernel, OPS_PER_UNIT, Program, Verification, WorkerKey,
};
use sp_core::H256;

use crate::{attest::product::Products, config::MIB, devices::Found, runner::Failure};

/// Units of a result for which nothing was computed.
const IDLE_UNITS: u64 = 1;
/// A product is computed in blocks of so many int8 operations, between which its progress is told.
const BLOCK_OPS: u64 = 20_000_000_000;
/// Fewest rows of a block: the right matrix is packed anew for each.
const BLOCK_ROWS: u64 = 512;
/// How often it is looked whether a product is called off.
const TICK: Duration = Duration::from_millis(20);

/// Something that multiplies matrices.
pub trait Device: Send + Sync {
	/// Its name, for the log.
	fn name(&self) -> String;

	/// `product = left * right`, exact, all row by row. Ends soon with [`Failure::Cancelled`] after `control` was told so, and tells
	/// it how many operations are done, see [`Progress`].
	fn multiply(
		&self,
		dims: Dims,
		factors: (&[i8], &[i8]),
		product: &mut [i32],
		control: &Control,
	) -> Result<(), Failure>;

	/// A product that it said was right is wrong.
	fn distrust(&self) {}
}

/// The device that multiplies for jobs: of the devices that were found the GPUs, for which the CPU stands in, with so many threads
/// for one product.
pub fn device(found: &[Found], threads: usize) -> Arc<dyn Device> {
	let cpu = CpuDevice::detect(threads);
	let gpus: Vec<_> = found
		.iter()
		.filter(|found| found.info.kind == DeviceKind::Cuda)
		.filter_map(|found| {
			let number = u32::try_from(found.info.index).ok()?;
			Some(gpu::Gpu::cuda(number, found.info.name.clone()))
		})
		.collect();
	if gpus.is_empty() { Arc::new(cpu) } else { Arc::new(gpu::Gpus::new(gpus, cpu)) }
}

/// Does `work` while it is watched whether the execution is called off, which then pulls `cancel`.
fn called_off_with<T>(control: &Control, cancel: &Cancel, work: impl FnOnce() -> T) -> T {
	thread::scope(|scope| {
		let (alive, ended) = mpsc::channel::<()>();
		// It ends when this thread drops its side of the channel, in whatever way that happens.
		scope.spawn(move || {
			while ended.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
				if control.is_cancelled() {
					cancel.cancel();
				}
			}
		});
		let _alive = alive;
		work()
	})
}

/// Tells how much of a product is done, as programs do: in fuel, the whole of it being that of the product's units.
pub struct Progress<'a> {
	control: &'a Control,
	done: u128,
	total: u128,
}

impl<'a> Progress<'a> {
	/// Nothing is done yet of a product with these dimensions.
	pub fn new(dims: Dims, control: &'a Control) -> Self {
		Progress { control, done: 0, total: dims.ops().max(1) }
	}

	/// So many more int8 operations are done.
	pub fn done(&mut self, ops: u128) {
		self.done = self.done.saturating_add(ops).min(self.total);
		let units = self.total.div_ceil(OPS_PER_UNIT.into());
		let fuel =
			units.saturating_mul(FUEL_PER_UNIT.into()).saturating_mul(self.done) / self.total;
		self.control.set_fuel_used(u64::try_from(fuel).unwrap_or(u64::MAX));
	}
}

/// The CPU of this machine.
#[derive(Clone, Copy, Debug)]
pub struct CpuDevice {
	kernel: io_kernels::Kernel,
	threads: usize,
}

impl CpuDevice {
	/// The fastest kernel, with so many threads for one product.
	pub fn detect(threads: usize) -> Self {
		Self::with_kernel(io_kernels::Kernel::detect(), threads)
	}

	/// A kernel, with so many threads for one product.
	pub fn with_kernel(kernel: io_kernels::Kernel, threads: usize) -> Self {
		CpuDevice { kernel, threads: threads.max(1) }
	}
}

impl Device for CpuDevice {
	fn name(&self) -> String {
		format!("CPU, {}, {} threads", self.kernel.name(), self.threads)
	}

	fn multiply(
		&self,
		dims: Dims,
		(left, right): (&[i8], &[i8]),
		product: &mut [i32],
		control: &Control,
	) -> Result<(), Failure> {
		let cancel = Cancel::new();
		let cpu = Cpu::with_kernel(self.kernel, self.threads)?.with_cancel(cancel.clone());
		let (m, k, n) = (dims.m(), dims.k(), dims.n());
		let row_ops = 2 * k as u64 * n as u64;
		let rows = (BLOCK_OPS / row_ops.max(1)).max(BLOCK_ROWS) as usize;
		let mut progress = Progress::new(dims, control);
		called_off_with(control, &cancel, || {
			let blocks = left.chunks(rows * k).zip(product.chunks_mut(rows * n));
			for (left, product) in blocks {
				if control.is_cancelled() {
					return Err(Failure::Cancelled);
				}
				let block = Dims::new(left.len() / k, k, n)?;
				cpu.matmul_i8_into(block, left, right, Layout::Rows, product)?;
				progress.done(block.ops());
			}
			debug_assert_eq!(left.len(), m * k);
			Ok(())
		})
	}
}

/// A kernel's job on this machine.
pub struct Task<'a> {
	/// What the chain asks for.
	pub spec: &'a JobSpec,
	/// Its number.
	pub job: JobId,
	/// The chain.
	pub genesis: H256,
	/// Number of the parachain; needed only to prove a product.
	pub para: Option<u32>,
	/// File of the input, which has the bytes that the job names.
	pub input: &'a Path,
	/// An empty folder.
	pub scratch: &'a Path,
}

/// What came out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
	/// 0, or a reserved one.
	pub exit_code: i32,
	/// Units to be paid.
	pub units: u64,
	/// The output archive, in the scratch folder.
	pub archive: Packed,
	/// What stands for the output in the digest.
	pub content: H256,
}

/// Runs kernels. Clones are the same.
#[derive(Clone)]
pub struct Kernels {
	device: Arc<dyn Device>,
	products: Products,
	worker: WorkerKey,
}

impl Kernels {
	/// Kernels of the worker `worker` on `device`; proofs go to `products`.
	pub fn new(device: Arc<dyn Device>, products: Products, worker: WorkerKey) -> Kernels {
		Kernels { device, products, worker }
	}

	/// The device that they run on.
	pub fn device(&self) -> &dyn Device {
		&*self.device
	}

	/// The proofs of products.
	pub fn products(&self) -> &Products {
		&self.products
	}

	/// Whether the chain will want a proof of the product for such a job, and there is none.
	pub fn lacks_proof(&self, job: JobId, spec: &JobSpec) -> bool {
		matches!(spec.verification, Verification::Product { .. })
			&& !self.products.path(job).exists()
	}

	/// Why no worker can do such a job; the chain should have refused it.
	pub fn unsupported(spec: &JobSpec, kernel: &Kernel) -> Option<&'static str> {
		let Ok(shape) = matmul::shape(kernel) else {
			return Some("the dimensions of the product are out of bounds");
		};
		if matmul::check_size(&shape, &spec.verification).is_err() {
			Some("the product is too large")
		} else if spec.input_len != matmul::input_len(&shape, &spec.verification) {
			Some("the input has another length than the matrices")
		} else if kernel.units().is_none_or(|units| units > spec.max_units) {
			Some("the product takes more units than the job has")
		} else {
			None
		}
	}

	/// Does a job: checks the input, multiplies, proves, packs. Blocking. If a proof is needed it is on disk when this returns.
	pub fn run(&self, task: &Task<'_>, control: &Control) -> Result<Done, Failure> {
		let spec = task.spec;
		let Program::Kernel { kind } = &spec.program else {
			return Err(Failure::Unsupported("this is no kernel"));
		};
		if let Some(reason) = Self::unsupported(spec, kind) {
			return Err(Failure::Unsupported(reason));
		}
		let (Ok(shape), Some(units)) = (matmul::shape(kind), kind.units()) else {
			return Err(Failure::Unsupported("the dimensions of the product are out of bounds"));
		};
		if matmul::memory(&shape) > u64::from(spec.max_memory).saturating_mul(MIB) {
			return refused(task, MEMORY_LIMIT, control);
		}
		if matmul::archive_len(&shape) > spec.max_output {
			return refused(task, OUTPUT_LIMIT, control);
		}
		let seed = matmul::has_seed(&spec.verification);
		let file = File::open(task.input).map_err(Failure::file(task.input))?;
		let input = Input::read(shape, seed, BufReader::new(file))?;
		let mut bound = input.bind(&spec.verification)?;
		going_on(control)?;
		if !bound.fits()? {
			return refused(task, INPUT_MISMATCH, control);
		}
		going_on(control)?;
		let product = self.multiply(&input, control)?;
		let content = bound.content(&product)?;
		going_on(control)?;
		if let Content::Commitments(_) = content {
			let para = task.para.ok_or(Failure::Unsupported(NO_PARA))?;
			let prover = Prover { genesis: task.genesis, para, job: task.job, worker: self.worker };
			let proof = bound.prove(&prover, &product, &content)?;
			self.keep(task.job, &proof)?;
			going_on(control)?;
		}
		let mut write =
			|writer: &mut dyn Write| npy::write_i32(shape.m(), shape.n(), &product, writer);
		let file = OutputFile {
			path: matmul::PRODUCT,
			len: matmul::product_len(&shape),
			write: &mut write,
		};
		let archive = pack_output(task.scratch, Some(file), control)?;
		let content = content.hash().unwrap_or(H256(archive.hash));
		Ok(Done { exit_code: 0, units, archive, content })
	}

	/// The product, checked: a wrong one would cost more than the check, and memory fails now and then.
	fn multiply(&self, input: &Input, control: &Control) -> Result<Vec<i32>, Failure> {
		let shape = input.shape();
		let [m, k, n] = [shape.m(), shape.k(), shape.n()].map(|side| side as usize);
		let mut product = Vec::new();
		product
			.try_reserve_exact(m * n)
			.map_err(|e| Failure::Device(format!("no memory for the product: {e}")))?;
		product.resize(m * n, 0);
		let factors = (input.left(), input.right());
		self.device.multiply(Dims::new(m, k, n)?, factors, &mut product, control)?;
		going_on(control)?;
		match input.wrong_entry(&product)? {
			None => Ok(product),
			Some((row, column)) => {
				self.device.distrust();
				Err(Failure::Device(format!(
					"{} computed a wrong entry in row {row}, column {column}: is its memory damaged?",
					self.device.name()
				)))
			},
		}
	}

	/// Puts a proof on disk, all of it or nothing.
	fn keep(&self, job: JobId, proof: &[u8]) -> Result<(), Failure> {
		let path = self.products.path(job);
		let folder = path.parent().unwrap_or(Path::new("."));
		fs::create_dir_all(folder).map_err(Failure::file(folder))?;
		let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
			file.write_all(proof)?;
			file.as_file().sync_all()?;
			file.persist(&path).map_err(|e| e.error)?;
			File::open(folder)?.sync_all()
		});
		written.map_err(Failure::file(&path))
	}
}

/// Why a product cannot be proven yet.
pub(crate) const NO_PARA: &str = "no node has said yet on which parachain we are";

/// The result of a job that is not worth computing.
fn refused(task: &Task<'_>, exit_code: i32, control: &Control) -> Result<Done, Failure> {
	let archive = pack_output(task.scratch, None, control)?;
	let content = H256(archive.hash);
	Ok(Done { exit_code, units: IDLE_UNITS, archive, content })
}

fn going_on(control: &Control) -> Result<(), Failure> {
	if control.is_cancelled() { Err(Failure::Cancelled) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
	use std::sync::atomic::{AtomicBool, Ordering};

	use io_primitives::digest::result_digest;
	use io_tflops::{fraud::Shape, product};

	use super::*;

	const GENESIS: H256 = H256::repeat_byte(0x42);
	const WORKER: [u8; 32] = [9; 32];
	const JOB: JobId = 7;

	/// A folder with the input of a job.
	struct Bench {
		folder: tempfile::TempDir,
		input: Input,
		spec: JobSpec,
	}

	fn entries(len: u32, factor: u32) -> Vec<i8> {
		(0..len).map(|i| (i.wrapping_mul(factor) >> 3) as i8).collect()
	}

	impl Bench {
		/// A job that multiplies matrices of these dimensions; `how` says how it is verified.
		fn new((m, k, n): (u32, u32, u32), how: impl FnOnce(&Input) -> Verification) -> Bench {
			let folder = tempfile::tempdir().unwrap();
			let shape = Shape::new(m, k, n).unwrap();
			let input = Input::new(shape, entries(m * k, 2_654_435_761), entries(k * n, 40_503))
				.unwrap()
				.with_random_seed()
				.unwrap();
			let verification = how(&input);
			let mut bytes = Vec::new();
			input.write(&mut bytes).unwrap();
			bytes.truncate(matmul::input_len(&shape, &verification) as usize);
			fs::write(folder.path().join("input"), bytes).unwrap();
			let kernel = matmul::kernel(&shape);
			let spec = JobSpec {
				program_at: Default::default(),
				input_at: Default::default(),
				input: H256::zero(),
				input_len: matmul::input_len(&shape, &verification),
				args: Default::default(),
				class: 2,
				max_units: kernel.units().unwrap(),
				program: Program::Kernel { kind: kernel },
				max_memory: matmul::memory(&shape).div_ceil(MIB) as u32,
				max_output: matmul::archive_len(&shape),
				price_per_unit: 1,
				replicas: 1,
				quorum: 1,
				run_blocks: 10,
				encryption: None,
				min_perf: 0,
				verification,
			};
			Bench { folder, input, spec }
		}

		fn run_on(
			&self,
			device: impl Device + 'static,
			control: &Control,
		) -> Result<Done, Failure> {
			let folder = self.folder.path();
			let scratch = folder.join("scratch");
			let _ = fs::remove_dir_all(&scratch);
			fs::create_dir(&scratch).unwrap();
			let worker = WorkerKey::from_raw(WORKER);
			let kernels = Kernels::new(Arc::new(device), Products::new(folder), worker);
			let task = Task {
				spec: &self.spec,
				job: JOB,
				genesis: GENESIS,
				para: Some(2000),
				input: &folder.join("input"),
				scratch: &scratch,
			};
			kernels.run(&task, control)
		}

		fn run(&self) -> Result<Done, Failure> {
			self.run_on(CpuDevice::detect(1), &Control::new())
		}

		/// The product in an archive.
		fn product(&self, done: &Done) -> Vec<i32> {
			let archive = fs::read(&done.archive.path).unwrap();
			assert_eq!(H256(done.archive.hash).0, *blake3::hash(&archive).as_bytes());
			assert_eq!(done.archive.len, archive.len() as u64);
			let start = 2 * 512;
			let len = matmul::product_len(self.input.shape()) as usize;
			npy::read_i32(&archive[start..start + len]).unwrap().entries
		}
	}

	fn disputable(input: &Input) -> Verification {
		input.disputable(10).unwrap()
	}

	fn provable(input: &Input) -> Verification {
		input.provable().unwrap()
	}

	fn quorum(_: &Input) -> Verification {
		Verification::Quorum
	}

	#[test]
	fn should_give_one_result_whatever_kernel_and_however_often() {
		for bench in [
			Bench::new((37, 65, 130), quorum),
			Bench::new((37, 65, 130), disputable),
			Bench::new((5, 6, 7), provable),
		] {
			let first = bench.run().unwrap();
			assert_eq!((first.exit_code, first.units), (0, 1));
			assert_eq!(bench.input.wrong_entry(&bench.product(&first)).unwrap(), None);
			let expected = bench.input.bind(&bench.spec.verification).unwrap();
			let content = expected.content(&bench.product(&first)).unwrap().hash();
			assert_eq!(first.content, content.unwrap_or(H256(first.archive.hash)));
			for kernel in io_kernels::Kernel::available() {
				for threads in [1, 2] {
					let device = CpuDevice::with_kernel(kernel, threads);
					let again = bench.run_on(device, &Control::new()).unwrap();
					assert_eq!(again, first, "{kernel:?}, {threads} threads");
				}
			}
		}
	}

	#[test]
	fn should_keep_the_limits_that_the_command_line_tool_computes() {
		let bench = Bench::new((3, 4, 50), quorum);
		let done = bench.run().unwrap();
		assert_eq!(done.archive.len, bench.spec.max_output);
	}

	#[test]
	fn should_store_a_proof_that_the_chain_takes() {
		let bench = Bench::new((4, 3, 5), provable);
		let worker = WorkerKey::from_raw(WORKER);
		let products = Products::new(bench.folder.path());
		let kernels = Kernels::new(Arc::new(CpuDevice::detect(1)), products.clone(), worker);
		assert!(kernels.lacks_proof(JOB, &bench.spec));
		let done = bench.run().unwrap();
		assert!(!kernels.lacks_proof(JOB, &bench.spec));
		let Verification::Product { inputs } = bench.spec.verification else {
			panic!("another verification")
		};
		let statement = product::Statement {
			genesis: GENESIS.0,
			para: 2000,
			job: JOB,
			worker: WORKER,
			shape: product::Shape::new(4, 3, 5).unwrap(),
			inputs: inputs.0,
			output: done.content.0,
		};
		let proof = products.proof(JOB).unwrap();
		assert_eq!(product::verify(&statement, &proof), Ok(()));
		let digest = result_digest(GENESIS, JOB, 0, done.units, done.content);
		let other = result_digest(GENESIS, JOB, 0, done.units, H256(done.archive.hash));
		assert_ne!(digest, other, "the chain can only verify what it knows");
	}

	#[test]
	fn should_refuse_the_input_when_roots_or_commitments_are_of_another() {
		for how in [disputable, provable] {
			let mut bench = Bench::new((4, 3, 5), how);
			match &mut bench.spec.verification {
				Verification::Dispute { right, .. } => right.0[5] ^= 1,
				Verification::Product { inputs } => inputs.0[5] ^= 1,
				Verification::Quorum => {},
			}
			let done = bench.run().unwrap();
			assert_eq!((done.exit_code, done.units), (INPUT_MISMATCH, 1));
			assert_eq!(done.content, H256(done.archive.hash));
			assert!(!Products::new(bench.folder.path()).path(JOB).exists());
		}
	}

	#[test]
	fn should_end_with_a_reserved_code_when_limits_are_too_low() {
		let mut bench = Bench::new((400, 400, 400), quorum);
		bench.spec.max_memory -= 1;
		assert_eq!(bench.run().unwrap().exit_code, MEMORY_LIMIT);
		bench.spec.max_memory += 1;
		bench.spec.max_output -= 1;
		assert_eq!(bench.run().unwrap().exit_code, OUTPUT_LIMIT);
		bench.spec.max_output += 1;
		assert_eq!(bench.run().unwrap().exit_code, 0);
	}

	#[test]
	fn should_give_no_result_when_the_chain_should_have_refused_the_job() {
		let bench = || Bench::new((4, 3, 5), disputable);
		let unsupported = |change: fn(&mut JobSpec)| {
			let mut bench = bench();
			change(&mut bench.spec);
			assert!(matches!(bench.run(), Err(Failure::Unsupported(_))));
		};
		let kernel = |m, k, n| Program::Kernel { kind: Kernel::MatMulI8 { m, k, n } };
		unsupported(|spec| spec.input_len -= 1);
		unsupported(|spec| spec.max_units = 0);
		for (m, k, n) in [(0, 3, 5), (4, 3, 65_537), (65_536, 65_536, 65_536), (4, 3, 6)] {
			let mut bench = bench();
			bench.spec.program = kernel(m, k, n);
			assert!(matches!(bench.run(), Err(Failure::Unsupported(_))), "{m} {k} {n}");
		}
		let mut bench = bench();
		fs::write(bench.folder.path().join("input"), [1; 9]).unwrap();
		assert!(matches!(bench.run(), Err(Failure::Input(_))));
		bench.spec.program = Program::Wasm { hash: H256::zero() };
		assert!(matches!(bench.run(), Err(Failure::Unsupported(_))));
	}

	#[test]
	fn should_stop_when_it_is_called_off() {
		let bench = Bench::new((200, 200, 200), quorum);
		let control = Control::new();
		control.cancel();
		let result = bench.run_on(CpuDevice::detect(1), &control);
		assert!(matches!(result, Err(Failure::Cancelled)), "{result:?}");
		let mut product = vec![0; 200 * 200];
		let (dims, factors) =
			(Dims::new(200, 200, 200).unwrap(), (bench.input.left(), bench.input.right()));
		let result = CpuDevice::detect(1).multiply(dims, factors, &mut product, &control);
		assert!(matches!(result, Err(Failure::Cancelled)), "{result:?}");
	}

	#[test]
	fn should_tell_its_progress_in_the_fuel_of_programs() {
		let bench = Bench::new((1_100, 64, 64), quorum);
		let control = Control::new();
		bench.run_on(CpuDevice::detect(1), &control).unwrap();
		assert_eq!(control.fuel_used(), FUEL_PER_UNIT, "all of its only unit");
		let dims = Dims::new(10_000, 10_000, 20_000).unwrap();
		let mut progress = Progress::new(dims, &control);
		progress.done(dims.ops() / 4);
		assert_eq!(control.fuel_used(), FUEL_PER_UNIT);
		progress.done(u128::MAX);
		assert_eq!(control.fuel_used(), 4 * FUEL_PER_UNIT);
	}

	/// A device whose memory fails now and then.
	struct Faulty(AtomicBool);

	impl Device for Faulty {
		fn name(&self) -> String {
			"faulty".into()
		}

		fn multiply(
			&self,
			dims: Dims,
			factors: (&[i8], &[i8]),
			product: &mut [i32],
			control: &Control,
		) -> Result<(), Failure> {
			CpuDevice::detect(1).multiply(dims, factors, product, control)?;
			if self.0.swap(false, Ordering::Relaxed) {
				product[3] ^= 1 << 20;
			}
			Ok(())
		}
	}

	#[test]
	fn should_give_no_result_when_the_device_computed_a_wrong_one() {
		let bench = Bench::new((4, 3, 5), disputable);
		let result = bench.run_on(Faulty(AtomicBool::new(true)), &Control::new());
		let Err(Failure::Device(said)) = result else { panic!("{result:?}") };
		assert!(said.contains("row 0, column 3"), "{said}");
		assert!(bench.run_on(Faulty(AtomicBool::new(false)), &Control::new()).is_ok());
	}
}
