//! The products of a round, one after the other, with everything else next to them.

use std::collections::VecDeque;

use io_tflops::{params::SEG, Hash, Params};

use super::{
	gpu::{Gpu, Place, Queue, Rows, Watch, HASH_BYTES},
	kernel::{Element, Gemm, TILE},
	plan::{Plan, Task},
	GpuError,
};

/// Steps that may be in a device's queues. More would only mean that it takes longer to be cancelled.
const DEPTH: usize = 3;

/// Memory for the lanes of a round.
pub(super) struct Buffers<M> {
	params: Params,
	plan: Plan,
	/// Two panels each: one in use, one being made or hashed.
	a: [M; 2],
	b: [M; 2],
	c: [M; 2],
	/// Hashes of the leaves of a lane, then level for level those above, without the root.
	tree: M,
	/// Roots of the lanes.
	roots: M,
}

/// Keys of the tree of a round.
pub(super) struct TreeKeys {
	pub(super) leaf: Hash,
	pub(super) node: Hash,
}

/// A panel of C.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Panel {
	/// The how many-eth lane that was asked for.
	lane: u32,
	/// Which of the two in memory.
	turn: usize,
	pub(super) first_row: u32,
	pub(super) rows: u32,
	pub(super) first_column: u32,
	pub(super) columns: u32,
}

impl Panel {
	/// Byte of the panel where 128 entries of C begin: those of `segment` of `row`. `None` if they are in another panel.
	pub(super) fn offset(&self, row: u32, segment: u32) -> Option<u64> {
		let row = row.checked_sub(self.first_row).filter(|row| *row < self.rows)?;
		let column = (segment * SEG).checked_sub(self.first_column)?;
		let inside = column < self.columns;
		let entry = u64::from(row) * u64::from(self.columns) + u64::from(column);
		inside.then_some(entry * Element::Low16.bytes() as u64)
	}
}

/// What looks at each panel when its product is done.
pub(super) type Visitor<'a, G> =
	&'a mut dyn FnMut(&G, &Panel, Place<'_, <G as Gpu>::Memory>) -> Result<(), GpuError>;

fn task(params: &Params) -> Task {
	Task {
		m: params.m(),
		n: params.n(),
		k: params.k(),
		entry: Element::Low16.bytes() as u64,
		copies: 2,
		fixed: tree_bytes(params) + roots_bytes(params),
	}
}

fn tree_bytes(params: &Params) -> u64 {
	2 * params.leaves_per_lane() * HASH_BYTES
}

fn roots_bytes(params: &Params) -> u64 {
	u64::from(params.lanes()) * HASH_BYTES
}

impl<M> Buffers<M> {
	/// Takes memory for the lanes of `params`, of at most `available` bytes.
	pub(super) fn new<G: Gpu<Memory = M>>(
		gpu: &G,
		params: &Params,
		available: u64,
	) -> Result<Self, GpuError> {
		let task = task(params);
		let plan = Plan::new(&task, available)?;
		let two = |bytes| Ok::<_, GpuError>([gpu.allocate(bytes)?, gpu.allocate(bytes)?]);
		Ok(Self {
			params: *params,
			plan,
			a: two(plan.a_bytes(&task))?,
			b: two(plan.b_bytes(&task))?,
			c: two(plan.c_bytes(&task))?,
			tree: gpu.allocate(tree_bytes(params))?,
			roots: gpu.allocate(roots_bytes(params))?,
		})
	}

	/// Roots of the lanes, one after the other.
	pub(super) fn roots(&self) -> Place<'_, M> {
		Place { memory: &self.roots, at: 0 }
	}

	/// Dimensions that they are for.
	pub(super) fn params(&self) -> &Params {
		&self.params
	}

	/// Where hash `index` of a level of a lane's tree is; level 0 are the leaves, the last one is the root.
	pub(super) fn node(&self, lane: u32, level: u32, index: u64) -> Place<'_, M> {
		let leaves = self.params.leaves_per_lane();
		if leaves >> level <= 1 {
			return Place { memory: &self.roots, at: u64::from(lane) * HASH_BYTES };
		}
		// leaves + leaves / 2 + ... of the levels below.
		let below = 2 * leaves - ((2 * leaves) >> level);
		Place { memory: &self.tree, at: (below + index) * HASH_BYTES }
	}
}

/// One run over lanes.
pub(super) struct Run<'a, G: Gpu> {
	pub(super) gpu: &'a G,
	pub(super) gemm: Gemm,
	pub(super) watch: &'a Watch,
	pub(super) buffers: &'a Buffers<G::Memory>,
	/// Of the tree, if one is to be made.
	pub(super) tree: Option<TreeKeys>,
}

impl<G: Gpu> Run<'_, G> {
	/// Multiplies, and hashes if asked to, a lane for each pair of keys. All is done when it returns; with one lane, its
	/// tree is then in memory.
	///
	/// A step is one panel of C. The queue of products has nothing but products. The other one has, in this order: streams
	/// of step 0, streams of step 1, hashes of step 0, streams of step 2, hashes of step 1 ... Streams of a step are waited
	/// for by its product, its product by its hashes. So streams of step s + 2 come after the product of step s, whose
	/// panels of A and B they overwrite; and the product of step s + 2 comes after the hashes of step s, whose panel of C
	/// it overwrites.
	pub(super) fn lanes(
		&self,
		keys: impl Iterator<Item = (Hash, Hash)>,
		mut visitor: Option<Visitor<'_, G>>,
	) -> Result<(), GpuError> {
		let params = &self.buffers.params;
		let plan = &self.buffers.plan;
		let (m, n) = (params.m(), params.n());
		let row_step = plan.rows.min(m);
		let mut started = VecDeque::new();
		let mut last: Option<(Panel, G::Event)> = None;
		let (mut turn, mut turn_of_b) = (0, 0);
		for (lane, (key_a, key_b)) in (0..).zip(keys) {
			for first_column in (0..n).step_by(plan.columns as usize) {
				let columns = Rows::new(first_column, plan.columns.min(n), params.k());
				let b = Place { memory: &self.buffers.b[turn_of_b], at: 0 };
				self.gpu.streams(Queue::Side, &key_b, &columns, b)?;
				for first_row in (0..m).step_by(row_step as usize) {
					let rows = Rows::new(first_row, row_step, params.k());
					let a = Place { memory: &self.buffers.a[turn], at: 0 };
					self.gpu.streams(Queue::Side, &key_a, &rows, a)?;
					self.gpu.wait(Queue::Products, self.gpu.record(Queue::Side)?)?;

					let c = Place { memory: &self.buffers.c[turn], at: 0 };
					let tiles = (rows.padded / TILE, columns.padded / TILE);
					let kernel = (self.gemm, Element::Low16);
					self.gpu.product(Queue::Products, kernel, tiles, rows.pitch, a, b, c)?;
					let panel = Panel {
						lane,
						turn,
						first_row,
						rows: row_step,
						first_column,
						columns: columns.count,
					};
					let event = self.gpu.record(Queue::Products)?;
					if let Some((panel, event)) = last.replace((panel, event)) {
						self.hash(&panel, event)?;
					}
					if let Some(visitor) = &mut visitor {
						self.gpu.finish(Queue::Products, self.watch)?;
						visitor(self.gpu, &panel, c)?;
					}

					started.push_back(self.gpu.record(Queue::Products)?);
					if started.len() > DEPTH {
						if let Some(oldest) = started.pop_front() {
							self.gpu.await_event(&oldest, self.watch)?;
						}
					}
					turn = 1 - turn;
				}
				turn_of_b = 1 - turn_of_b;
			}
		}
		if let Some((panel, event)) = last {
			self.hash(&panel, event)?;
		}
		for oldest in started {
			self.gpu.await_event(&oldest, self.watch)?;
		}
		self.gpu.finish(Queue::Side, self.watch)
	}

	/// Hashes a panel after the event that its product is done, and the rest of the lane's tree after its last panel.
	fn hash(&self, panel: &Panel, done: G::Event) -> Result<(), GpuError> {
		self.gpu.wait(Queue::Side, done)?;
		let Some(keys) = &self.tree else { return Ok(()) };
		let params = &self.buffers.params;
		let stride = params.n() / SEG;
		let first =
			u64::from(panel.first_row) * u64::from(stride) + u64::from(panel.first_column / SEG);
		self.gpu.leaves(
			Queue::Side,
			&keys.leaf,
			(panel.rows, panel.columns / SEG, stride),
			Place { memory: &self.buffers.c[panel.turn], at: 0 },
			self.buffers.node(panel.lane, 0, first),
		)?;
		if (panel.first_row + panel.rows, panel.first_column + panel.columns)
			!= (params.m(), params.n())
		{
			return Ok(());
		}
		let leaves = params.leaves_per_lane();
		for level in 0..leaves.trailing_zeros() {
			// At most 2^25 leaves.
			let count = (leaves >> (level + 1)) as u32;
			let from = self.buffers.node(panel.lane, level, 0);
			let to = self.buffers.node(panel.lane, level + 1, 0);
			self.gpu.nodes(Queue::Side, &keys.node, count, from, to)?;
		}
		Ok(())
	}
}
