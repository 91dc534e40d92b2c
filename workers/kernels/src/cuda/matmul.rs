//! Products on a GPU for proofs of computing power.

use io_tflops::{
	params::{LEAF_BYTES, SEG},
	prover::{LaneOpening, MatMul},
	transcript::{lane_keys, leaf_key, node_key},
	Hash, Params,
};

use super::{
	check::check,
	gpu::{Gpu, Place, Queue, Watch, HASH_BYTES, QUEUES},
	kernel::{Element, Gemm},
	lanes::{Buffers, Panel, Run, TreeKeys},
	GpuError,
};
use crate::{error::try_vec, Cancel, Error};

/// Of the memory that is free, what lanes may take: the driver and other programs need some too.
const SHARE: (u64, u64) = (9, 10);

/// Multiplies on a GPU. Memory for lanes is kept from one call to the next.
pub struct CudaMatMul<G: Gpu> {
	pub(super) gemm: Gemm,
	pub(super) watch: Watch,
	limit: Option<u64>,
	/// Dropped before the GPU.
	buffers: Option<Buffers<G::Memory>>,
	pub(super) gpu: G,
}

impl<G: Gpu> CudaMatMul<G> {
	/// Uses the fastest product that the GPU has, after checking what it computes against the CPU.
	///
	/// # Errors
	/// [`GpuError::Wrong`] if the GPU does not compute what the CPU does; else what the GPU refuses.
	pub fn new(gpu: G, watch: Watch) -> Result<Self, GpuError> {
		let facts = gpu.facts();
		let gemm = facts.gemm().ok_or_else(|| GpuError::TooOld {
			name: facts.name.clone(),
			compute: facts.compute,
			needed: Gemm::Dp4a.needs(),
		})?;
		Self::with_gemm(gpu, gemm, watch)
	}

	/// As [`Self::new`], with a product of choice.
	///
	/// # Errors
	/// As [`Self::new`], and [`GpuError::TooOld`] if the GPU does not have this product.
	pub fn with_gemm(gpu: G, gemm: Gemm, watch: Watch) -> Result<Self, GpuError> {
		let facts = gpu.facts();
		if facts.compute < gemm.needs() {
			return Err(GpuError::TooOld {
				name: facts.name.clone(),
				compute: facts.compute,
				needed: gemm.needs(),
			});
		}
		let mut device = Self { gemm, watch, limit: None, buffers: None, gpu };
		check(&mut device)?;
		let facts = device.gpu.facts();
		tracing::info!(gpu = %facts.name, kernel = gemm.name(), "computes as the CPU does");
		Ok(device)
	}

	/// Lets it take at most `bytes` of the GPU's memory for matrices.
	pub fn with_memory_limit(mut self, bytes: u64) -> Self {
		self.limit = Some(bytes);
		self.buffers = None;
		self
	}

	/// The GPU.
	pub fn gpu(&self) -> &G {
		&self.gpu
	}

	/// How it multiplies.
	pub fn gemm(&self) -> Gemm {
		self.gemm
	}

	/// What ends its work.
	pub fn cancel(&self) -> &Cancel {
		&self.watch.cancel
	}

	/// Bytes that matrices may take now.
	pub(super) fn available(&self) -> Result<u64, GpuError> {
		let free = self.gpu.free_memory()? / SHARE.1 * SHARE.0;
		Ok(self.limit.map_or(free, |limit| limit.min(free)))
	}

	/// Gives the memory of lanes back.
	pub fn release(&mut self) {
		self.buffers = None;
	}

	/// Does `work`. If it fails or is cancelled, waits until the GPU is idle again, so that whatever comes next finds it
	/// so; a GPU that does not become idle is given up.
	pub(super) fn settled<T>(
		&mut self,
		work: impl FnOnce(&mut Self) -> Result<T, GpuError>,
	) -> Result<T, GpuError> {
		work(self).map_err(|error| {
			if error.is_fatal() {
				self.buffers = None;
				return error;
			}
			let watch = Watch { cancel: Cancel::new(), patience: self.watch.patience };
			let settled = QUEUES.into_iter().try_for_each(|queue| self.gpu.finish(queue, &watch));
			settled.err().unwrap_or(error)
		})
	}

	/// Prepares to run lanes: takes memory for them, unless it is there from the last time.
	fn start(&mut self, params: &Params, tree: Option<&Hash>) -> Result<Run<'_, G>, GpuError> {
		self.watch.cancel.check()?;
		let buffers = match self.buffers.take().filter(|buffers| buffers.params() == params) {
			Some(buffers) => buffers,
			// Others are given back by now.
			None => Buffers::new(&self.gpu, params, self.available()?)?,
		};
		let tree = tree.map(|state| TreeKeys { leaf: leaf_key(state), node: node_key(state) });
		let buffers = self.buffers.insert(buffers);
		Ok(Run { gpu: &self.gpu, gemm: self.gemm, watch: &self.watch, buffers, tree })
	}

	/// Roots of the first lanes of `params`, for each pair of keys one.
	fn roots(
		&mut self,
		params: &Params,
		state: &Hash,
		keys: impl ExactSizeIterator<Item = (Hash, Hash)>,
	) -> Result<Vec<Hash>, GpuError> {
		let mut roots = vec![0; keys.len() * HASH_BYTES as usize];
		let run = self.start(params, Some(state))?;
		run.lanes(keys, None)?;
		run.gpu.read(Queue::Side, run.buffers.roots(), &mut roots)?;
		Ok(roots.as_chunks().0.to_vec())
	}
}

impl<G: Gpu> MatMul for CudaMatMul<G> {
	type Error = GpuError;

	fn product(
		&mut self,
		params: &Params,
		key_a: &Hash,
		key_b: &Hash,
		c: &mut [u16],
	) -> Result<(), GpuError> {
		let n = params.n() as usize;
		let expected = params.m() as usize * n;
		if c.len() != expected {
			return Err(Error::Length { matrix: "C", expected, actual: c.len() }.into());
		}
		let mut fetch = |gpu: &G, panel: &Panel, from: Place<'_, G::Memory>| {
			let (rows, columns) = (panel.rows as usize, panel.columns as usize);
			let mut bytes = try_vec(rows * columns * Element::Low16.bytes())?;
			gpu.read(Queue::Products, from, &mut bytes)?;
			let (entries, _) = bytes.as_chunks();
			let first = panel.first_row as usize * n + panel.first_column as usize;
			for (to, row) in c[first..].chunks_mut(n).zip(entries.chunks_exact(columns)) {
				for (to, entry) in to.iter_mut().zip(row) {
					*to = u16::from_le_bytes(*entry);
				}
			}
			Ok(())
		};
		self.settled(|device| {
			let keys = [(*key_a, *key_b)].into_iter();
			device.start(params, None)?.lanes(keys, Some(&mut fetch))
		})
	}

	fn lane_root(&mut self, params: &Params, state: &Hash, lane: u32) -> Result<Hash, GpuError> {
		let keys = [lane_keys(state, lane)].into_iter();
		let roots = self.settled(|device| device.roots(params, state, keys))?;
		// One lane, one root.
		roots.first().copied().ok_or(GpuError::OutOfBounds)
	}

	fn lane_roots(&mut self, params: &Params, state: &Hash) -> Result<Vec<Hash>, GpuError> {
		let keys = (0..params.lanes()).map(|lane| lane_keys(state, lane));
		self.settled(|device| device.roots(params, state, keys))
	}

	fn open_lane(
		&mut self,
		params: &Params,
		state: &Hash,
		lane: u32,
		leaves: &[u64],
	) -> Result<Vec<LaneOpening>, GpuError> {
		if leaves.iter().any(|leaf| *leaf >= params.leaves_per_lane()) {
			return Ok(Vec::new());
		}
		let depth = params.leaves_per_lane().trailing_zeros();
		let segments = u64::from(params.n() / SEG);
		let mut opened =
			vec![LaneOpening { leaf: [0; LEAF_BYTES], siblings: vec![] }; leaves.len()];
		self.settled(|device| {
			let mut fetch = |gpu: &G, panel: &Panel, from: Place<'_, G::Memory>| {
				for (leaf, opening) in leaves.iter().zip(&mut opened) {
					// Both are below 65,536.
					let (row, segment) = ((leaf / segments) as u32, (leaf % segments) as u32);
					if let Some(at) = panel.offset(row, segment) {
						let place = Place { memory: from.memory, at: from.at + at };
						gpu.read(Queue::Products, place, &mut opening.leaf)?;
					}
				}
				Ok(())
			};
			let run = device.start(params, Some(state))?;
			run.lanes([lane_keys(state, lane)].into_iter(), Some(&mut fetch))?;
			for (leaf, opening) in leaves.iter().zip(&mut opened) {
				for level in 0..depth {
					let mut sibling = [0; HASH_BYTES as usize];
					let place = run.buffers.node(0, level, (leaf >> level) ^ 1);
					run.gpu.read(Queue::Side, place, &mut sibling)?;
					opening.siblings.push(sibling);
				}
			}
			Ok(())
		})?;
		Ok(opened)
	}
}
