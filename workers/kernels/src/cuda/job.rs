//! Products of given matrices, for jobs.

use super::{
	gpu::{Gpu, Place, Queue},
	kernel::{Element, STREAM_BLOCK, TILE},
	plan::{Plan, Task},
	CudaMatMul, GpuError,
};
use crate::{error::try_vec, Dims, Error, Layout};

/// Panels in the GPU's memory.
struct OnGpu<M> {
	a: M,
	b: M,
	c: M,
}

impl<G: Gpu> CudaMatMul<G> {
	/// C = A B, exact: A row by row, B as `layout` says, C row by row. The memory of lanes is given back before.
	///
	/// # Errors
	/// [`GpuError::Refused`] if the lengths are not those of `dims`, or cancelled; [`GpuError::TooSmall`] if not even one
	/// tile fits into the GPU's memory; what goes wrong on the GPU.
	pub fn matmul_i8(
		&mut self,
		dims: Dims,
		a: &[i8],
		b: &[i8],
		layout: Layout,
	) -> Result<Vec<i32>, GpuError> {
		let mut c = try_vec(dims.m() * dims.n())?;
		self.matmul_i8_into(dims, (a, b), layout, &mut c, &mut |_| ())?;
		Ok(c)
	}

	/// [`Self::matmul_i8`] into memory that is there, which holds anything after an error. `done` hears of each panel how
	/// many int8 operations it took.
	///
	/// # Errors
	/// As [`Self::matmul_i8`].
	pub fn matmul_i8_into(
		&mut self,
		dims: Dims,
		factors: (&[i8], &[i8]),
		layout: Layout,
		c: &mut [i32],
		done: &mut dyn FnMut(u128),
	) -> Result<(), GpuError> {
		dims.check(factors.0.len(), factors.1.len(), c.len())?;
		if dims.m() == 0 || dims.k() == 0 || dims.n() == 0 {
			c.fill(0);
			return Ok(());
		}
		self.release();
		let (m, n) = (dims.m(), dims.n());
		let number = |side: usize| u32::try_from(side).map_err(|_| Error::TooLarge(m, n));
		let (m, k, n) = (number(m)?, number(dims.k())?, number(n)?);
		let entry = Element::Full32.bytes() as u64;
		let task = Task { m, n, k, entry, copies: 1, fixed: 0 };
		let plan = Plan::new(&task, self.available()?)?;
		let on_gpu = OnGpu {
			a: self.gpu.allocate(plan.a_bytes(&task))?,
			b: self.gpu.allocate(plan.b_bytes(&task))?,
			c: self.gpu.allocate(plan.c_bytes(&task))?,
		};
		// Freed when the GPU has settled.
		self.settled(|device| device.panels(dims, factors, layout, &plan, &on_gpu, c, done))
	}

	/// Multiplies panel by panel.
	#[allow(clippy::too_many_arguments)]
	fn panels(
		&self,
		dims: Dims,
		(a, b): (&[i8], &[i8]),
		layout: Layout,
		plan: &Plan,
		on_gpu: &OnGpu<G::Memory>,
		c: &mut [i32],
		done: &mut dyn FnMut(u128),
	) -> Result<(), GpuError> {
		let (m, k, n) = (dims.m(), dims.k(), dims.n());
		let [row_step, column_step] = [plan.rows, plan.columns].map(|side| side as usize);
		let [on_gpu_a, on_gpu_b, on_gpu_c] =
			[&on_gpu.a, &on_gpu.b, &on_gpu.c].map(|memory| Place { memory, at: 0 });
		// At most those of a panel, which are counted in 32 bits; k is at most 65,536.
		let tiles = |side: usize| side.div_ceil(TILE as usize) as u32;
		let pitch_of_k = (k as u32).next_multiple_of(STREAM_BLOCK);

		for first_column in (0..n).step_by(column_step) {
			let columns = column_step.min(n - first_column);
			let packed = pack_columns(dims, b, layout, first_column, columns)?;
			self.gpu.upload(Queue::Products, &packed, on_gpu_b)?;
			for first_row in (0..m).step_by(row_step) {
				self.watch.cancel.check()?;
				let rows = row_step.min(m - first_row);
				let packed = pack_rows(&a[first_row * k..][..rows * k], k)?;
				self.gpu.upload(Queue::Products, &packed, on_gpu_a)?;
				self.gpu.product(
					Queue::Products,
					(self.gemm, Element::Full32),
					(tiles(rows), tiles(columns)),
					pitch_of_k,
					on_gpu_a,
					on_gpu_b,
					on_gpu_c,
				)?;

				let pitch = columns.next_multiple_of(TILE as usize);
				let mut panel = try_vec(rows * pitch * Element::Full32.bytes())?;
				self.gpu.download(Queue::Products, on_gpu_c, &mut panel, &self.watch)?;
				let (entries, _) = panel.as_chunks();
				let first = first_row * n + first_column;
				for (to, row) in c[first..].chunks_mut(n).zip(entries.chunks_exact(pitch)) {
					for (to, entry) in to.iter_mut().take(columns).zip(row) {
						*to = i32::from_le_bytes(*entry);
					}
				}
				done(2 * (rows * columns) as u128 * k as u128);
			}
		}
		Ok(())
	}
}

/// Bytes of rows of `k` entries, each followed by zeros as products need them, and whole tiles of rows.
fn padded(rows: usize, k: usize) -> Result<(Vec<u8>, usize), Error> {
	let pitch = k.next_multiple_of(STREAM_BLOCK as usize);
	Ok((try_vec(rows.next_multiple_of(TILE as usize) * pitch)?, pitch))
}

/// Rows of A as the GPU needs them.
fn pack_rows(rows: &[i8], k: usize) -> Result<Vec<u8>, Error> {
	let (mut packed, pitch) = padded(rows.len() / k, k)?;
	for (to, row) in packed.chunks_exact_mut(pitch).zip(rows.chunks_exact(k)) {
		for (to, entry) in to.iter_mut().zip(row) {
			*to = *entry as u8;
		}
	}
	Ok(packed)
}

/// Columns of B as the GPU needs them.
fn pack_columns(
	dims: Dims,
	b: &[i8],
	layout: Layout,
	first: usize,
	columns: usize,
) -> Result<Vec<u8>, Error> {
	/// Rows that are turned at a time: their part of a column is a line of the cache.
	const BLOCK: usize = 64;
	let (k, n) = (dims.k(), dims.n());
	if layout == Layout::Columns {
		return pack_rows(&b[first * k..][..columns * k], k);
	}
	let (mut packed, pitch) = padded(columns, k)?;
	for block in (0..k).step_by(BLOCK) {
		for (column, to) in packed.chunks_exact_mut(pitch).take(columns).enumerate() {
			for row in block..k.min(block + BLOCK) {
				to[row] = b[row * n + first + column] as u8;
			}
		}
	}
	Ok(packed)
}
