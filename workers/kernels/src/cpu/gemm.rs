//! The product around the innermost loop: blocks for the caches, and for the threads.

use rayon::prelude::*;

use crate::{
	cpu::{
		micro::{prefetch, Micro, MAX_TILE},
		panels::{pack_lines, PackedB, Panels, Side},
	},
	Cancel, Dims, Error, Layout,
};

/// Most rows of one block of A. With [`K_BLOCK`] bytes of each row it takes 256 KiB in the widest form, which stays in the
/// second-level cache while panels of B pass by; each of them is used for all rows of the block.
const ROW_BLOCK: usize = 128;

/// Bytes along k that are multiplied at a time. The part of a panel of B then takes 32 KiB, which is used by all tiles of
/// a block. Half of it would stay in the smallest first-level cache, but sums would go to C twice as often: that measured
/// 2 to 4 % slower.
const K_BLOCK: usize = 1024;

/// Rows of the blocks that `m` rows are cut into for `threads`: as many as the cache takes, but some for each thread.
/// A multiple of eight, which tiles (4 or 8 rows) and batches of streams (8) divide.
pub(crate) fn row_block(m: usize, threads: usize) -> usize {
	m.div_ceil(threads.max(1)).clamp(1, ROW_BLOCK).next_multiple_of(8)
}

/// Multiplies a packed block of rows with all of B: `c` has the block's rows, `n` entries each.
pub(crate) fn multiply_block(micro: &Micro, a: &Panels, b: &PackedB, c: &mut [i32]) {
	let n = b.start.len();
	for row in c.chunks_exact_mut(n.max(1)) {
		row.copy_from_slice(&b.start);
	}
	let (mr, nr) = (micro.mr, micro.nr);
	let groups_at_a_time = K_BLOCK / 4 * micro.form.groups_per_quad();
	let groups = a.iter().next().map_or(0, |panel| panel.len() / mr);
	let mut tile = [0; MAX_TILE];
	for first in (0..groups).step_by(groups_at_a_time) {
		let last = groups.min(first + groups_at_a_time);
		for (panel_b, columns) in b.panels.iter().zip((0..n).step_by(nr)) {
			let panel_b = &panel_b[first * nr..last * nr];
			let width = nr.min(n - columns);
			for (panel_a, rows) in a.iter().zip(c.chunks_mut(mr * n)) {
				// Rows of C are far apart, so the hardware does not foresee them; they arrive while the tile is computed.
				rows.chunks_exact(n).for_each(|row| prefetch(&row[columns]));
				micro.run(&panel_a[first * mr..last * mr], panel_b, &mut tile);
				for (row, sums) in rows.chunks_exact_mut(n).zip(tile.chunks_exact(nr)) {
					for (entry, sum) in row[columns..columns + width].iter_mut().zip(sums) {
						// Biased partial sums may leave 32 bits on their way; what they come to does not.
						*entry = entry.wrapping_add(*sum);
					}
				}
			}
		}
	}
}

/// `C = A B` on the threads of the pool that this runs in.
pub(crate) fn multiply(
	micro: &Micro,
	dims: Dims,
	a: &[i8],
	b: &[i8],
	layout: Layout,
	c: &mut [i32],
	cancel: &Cancel,
) -> Result<(), Error> {
	dims.check(a.len(), b.len(), c.len())?;
	let (m, k, n) = (dims.m(), dims.k(), dims.n());
	if k == 0 || c.is_empty() {
		c.fill(0);
		return Ok(());
	}
	let packed = PackedB::new(micro, b, k, n, layout, cancel)?;
	let rows = row_block(m, rayon::current_num_threads());
	c.par_chunks_mut(rows * n).zip(a.par_chunks(rows * k)).try_for_each_init(
		|| Panels::new(micro, Side::A, rows, k),
		|panels, (c, a)| {
			cancel.check()?;
			let panels = panels.as_mut().map_err(|error| error.clone())?;
			let width = panels.width();
			let (words, panel) = panels.parts_mut();
			// A short last block leaves old rows behind it: they are multiplied into parts of tiles that nobody reads.
			for (lines, panel) in a.chunks(width * k).zip(words.chunks_exact_mut(panel)) {
				pack_lines(micro, Side::A, lines, k, panel);
			}
			multiply_block(micro, panels, &packed, c);
			Ok(())
		},
	)
}
