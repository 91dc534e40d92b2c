//! One product of a round: generated, multiplied and hashed block by block.
//!
//! B is generated once, straight into panels. Then each block of rows of A is generated, multiplied, and handed on while
//! it is in the cache: as leaves' hashes, or as entries. Neither A nor C ever exists as a whole. What is kept between
//! lanes are the buffers, since fresh memory costs a page fault for each 4 KiB.

use std::sync::Mutex;

use io_tflops::{Hash, Params};
use rayon::prelude::*;

use crate::{
	cpu::{
		gemm::{multiply_block, row_block},
		micro::Micro,
		panels::{PackedB, Panels, Side},
		streams::fill_panels,
	},
	error::try_vec,
	Cancel, Error,
};

/// Buffers for lanes of the same dimensions.
pub(crate) struct Buffers {
	micro: Micro,
	m: usize,
	k: usize,
	n: usize,
	/// Rows of a block.
	rows: usize,
	b: PackedB,
	/// Blocks that no thread uses at the moment.
	blocks: Mutex<Vec<Block>>,
}

/// What a thread needs for a block of rows.
struct Block {
	a: Panels,
	c: Vec<i32>,
}

impl Buffers {
	/// Buffers for lanes of `params` on `threads` threads.
	pub(crate) fn new(micro: &Micro, params: &Params, threads: usize) -> Result<Self, Error> {
		// At most 65,536 each.
		let (m, k, n) = (params.m() as usize, params.k() as usize, params.n() as usize);
		let b = PackedB::new_empty(micro, n, k)?;
		let rows = row_block(m, threads);
		Ok(Self { micro: *micro, m, k, n, rows, b, blocks: Mutex::new(Vec::new()) })
	}

	/// Whether they are for lanes of `params`.
	pub(crate) fn fit(&self, params: &Params) -> bool {
		(self.m, self.k, self.n) == (params.m() as usize, params.k() as usize, params.n() as usize)
	}

	/// Computes C on the threads of the pool that this runs in. `finish` turns blocks of rows of C into rows of `out`,
	/// of which there are `m`, of equal length.
	pub(crate) fn run<T: Send>(
		&mut self,
		key_a: &Hash,
		key_b: &Hash,
		cancel: &Cancel,
		out: &mut [T],
		finish: impl Fn(&[i32], &mut [T]) + Send + Sync,
	) -> Result<(), Error> {
		self.generate_b(key_b, cancel)?;
		let length = out.len() / self.m;
		out.par_chunks_mut(self.rows * length).enumerate().try_for_each(|(index, out)| {
			cancel.check()?;
			let mut block = self.block()?;
			let first = index * self.rows;
			self.generate_a(key_a, first, &mut block.a);
			let c = &mut block.c[..self.rows.min(self.m - first) * self.n];
			multiply_block(&self.micro, &block.a, &self.b, c);
			finish(c, out);
			self.blocks.lock().map_err(poisoned)?.push(block);
			Ok(())
		})
	}

	/// Fills the panels of B, in parallel: units of eight columns, or of a panel where that is wider.
	fn generate_b(&mut self, key: &Hash, cancel: &Cancel) -> Result<(), Error> {
		let (micro, k) = (self.micro, self.k);
		let width = Side::B.width(&micro);
		let (words, panel) = self.b.panels.parts_mut();
		words.par_chunks_mut(panel).enumerate().try_for_each(|(index, words)| {
			for line in (0..width).step_by(8) {
				// Below 65,536.
				let first = (index * width + line) as u32;
				fill_panels(&micro, Side::B, key, first, k, words, panel);
			}
			cancel.check()
		})?;
		self.b.sum_columns(&micro);
		Ok(())
	}

	/// Fills the panels of a block of A. Rows beyond the last one are filled too; they are multiplied into nothing.
	fn generate_a(&self, key: &Hash, first: usize, a: &mut Panels) {
		let (words, panel) = a.parts_mut();
		let panels = 8 / Side::A.width(&self.micro);
		for (batch, words) in words.chunks_mut(panels * panel).enumerate() {
			// Below 65,536 and the padding.
			let first = (first + 8 * batch) as u32;
			fill_panels(&self.micro, Side::A, key, first, self.k, words, panel);
		}
	}

	/// A block that is free, or a new one.
	fn block(&self) -> Result<Block, Error> {
		if let Some(block) = self.blocks.lock().map_err(poisoned)?.pop() {
			return Ok(block);
		}
		let a = Panels::new(&self.micro, Side::A, self.rows, self.k)?;
		Ok(Block { a, c: try_vec(self.rows.min(self.m) * self.n)? })
	}
}

/// A thread can only have panicked inside of the lock for want of memory.
fn poisoned<T>(_: T) -> Error {
	Error::OutOfMemory(size_of::<Block>())
}
