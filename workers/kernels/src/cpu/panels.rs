//! Panels: matrices in the order in which the innermost loop reads them, see [`crate::cpu::micro`].

use rayon::prelude::*;

use crate::{
	cpu::micro::{pairs, Form, Micro, BIAS},
	error::try_vec,
	Cancel, Error, Layout,
};

/// Successive rows of A, or columns of B, in panels. Panels reach over all of k; what is beyond the matrix is padded.
pub(crate) struct Panels {
	words: Vec<u32>,
	/// Rows (columns) of a panel.
	width: usize,
	/// Words of a panel.
	panel: usize,
}

/// What is to be packed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
	/// Rows of the left factor.
	A,
	/// Columns of the right factor.
	B,
}

/// Quads of `k` bytes.
pub(crate) const fn quads(k: usize) -> usize {
	k.div_ceil(4)
}

impl Side {
	/// Rows or columns of one panel.
	pub(crate) fn width(self, micro: &Micro) -> usize {
		match self {
			Self::A => micro.mr,
			Self::B => micro.nr,
		}
	}

	/// What is xored to quads before they become words.
	pub(crate) fn bias(self, form: Form) -> u32 {
		match (self, form) {
			(Self::A, Form::Quads) => BIAS,
			_ => 0,
		}
	}
}

impl Panels {
	/// Empty panels for `lines` rows of A or columns of B, each of `k` bytes; a multiple of eight lines, so that eight
	/// streams can be written at once.
	pub(crate) fn new(micro: &Micro, side: Side, lines: usize, k: usize) -> Result<Self, Error> {
		let width = side.width(micro);
		let panel = quads(k) * micro.form.groups_per_quad() * width;
		let panels = lines.next_multiple_of(8).div_ceil(width);
		let words = panel.checked_mul(panels).ok_or(Error::OutOfMemory(usize::MAX))?;
		Ok(Self { words: try_vec(words)?, width, panel })
	}

	/// The panels, one after the other; none if k is zero.
	pub(crate) fn iter(&self) -> impl Iterator<Item = &[u32]> {
		self.words.chunks_exact(self.panel.max(1))
	}

	/// Rows (columns) of a panel.
	pub(crate) fn width(&self) -> usize {
		self.width
	}

	/// All panels to write to, with the words of each.
	pub(crate) fn parts_mut(&mut self) -> (&mut [u32], usize) {
		(&mut self.words, self.panel.max(1))
	}
}

/// Writes one quad of a panel's line: `quad` is its index along k, `line` the row or column inside of the panel.
#[inline(always)]
fn put(panel: &mut [u32], width: usize, form: Form, quad: usize, line: usize, bytes: u32) {
	match form {
		Form::Quads => panel[quad * width + line] = bytes,
		Form::Pairs => {
			let [even, odd] = pairs(bytes);
			panel[2 * quad * width + line] = even;
			panel[(2 * quad + 1) * width + line] = odd;
		},
	}
}

/// A quad from the bytes that are there; the rest is zero, which adds nothing to a product when B has it.
#[inline(always)]
fn quad_of(bytes: &[i8]) -> u32 {
	let mut quad = [0; 4];
	for (to, from) in quad.iter_mut().zip(bytes) {
		*to = *from as u8;
	}
	u32::from_le_bytes(quad)
}

/// Packs one panel from lines that lie one after the other, `k` bytes each: rows of A, or columns of B.
pub(crate) fn pack_lines(micro: &Micro, side: Side, lines: &[i8], k: usize, panel: &mut [u32]) {
	let (width, form, bias) = (side.width(micro), micro.form, side.bias(micro.form));
	for (line, bytes) in lines.chunks_exact(k.max(1)).enumerate() {
		let (whole, rest) = bytes.as_chunks::<4>();
		for (quad, bytes) in whole.iter().enumerate() {
			let word = u32::from_le_bytes(bytes.map(|byte| byte as u8));
			put(panel, width, form, quad, line, word ^ bias);
		}
		if !rest.is_empty() {
			put(panel, width, form, whole.len(), line, quad_of(rest) ^ bias);
		}
	}
}

/// Packs the panel of B whose first column is `first`, from a B that lies row by row.
fn pack_columns(micro: &Micro, b: &[i8], k: usize, n: usize, first: usize, panel: &mut [u32]) {
	let last = n.min(first + micro.nr);
	for quad in 0..quads(k) {
		let rows = (k - 4 * quad).min(4);
		let mut words = [0u32; 32];
		for row in 0..rows {
			let at = (4 * quad + row) * n;
			for (word, byte) in words.iter_mut().zip(&b[at + first..at + last]) {
				*word |= u32::from(*byte as u8) << (8 * row);
			}
		}
		for (line, word) in words[..last - first].iter().enumerate() {
			put(panel, micro.nr, micro.form, quad, line, *word);
		}
	}
}

/// B in panels, and what is to be taken off its products.
pub(crate) struct PackedB {
	/// The panels.
	pub(crate) panels: Panels,
	/// What a column's products start from: minus 128 times the sum of the column if A is biased, else zero.
	pub(crate) start: Vec<i32>,
}

impl PackedB {
	/// Packs B, panels in parallel on the threads of the pool that this runs in.
	pub(crate) fn new(
		micro: &Micro,
		b: &[i8],
		k: usize,
		n: usize,
		layout: Layout,
		cancel: &Cancel,
	) -> Result<Self, Error> {
		let mut panels = Panels::new(micro, Side::B, n, k)?;
		let (words, panel) = panels.parts_mut();
		words.par_chunks_exact_mut(panel).enumerate().try_for_each(|(index, panel)| {
			let first = index * micro.nr;
			let last = n.min(first + micro.nr);
			if first < last {
				match layout {
					Layout::Columns => {
						pack_lines(micro, Side::B, &b[first * k..last * k], k, panel)
					},
					Layout::Rows => pack_columns(micro, b, k, n, first, panel),
				}
			}
			cancel.check()
		})?;
		let mut packed = Self { panels, start: try_vec(n)? };
		packed.sum_columns(micro);
		Ok(packed)
	}

	/// Panels to be filled, for `n` columns of `k` bytes.
	pub(crate) fn new_empty(micro: &Micro, n: usize, k: usize) -> Result<Self, Error> {
		Ok(Self { panels: Panels::new(micro, Side::B, n, k)?, start: try_vec(n)? })
	}

	/// Finds [`Self::start`] after the panels have changed.
	pub(crate) fn sum_columns(&mut self, micro: &Micro) {
		if micro.form != Form::Quads {
			return;
		}
		let panels = self.panels.words.par_chunks_exact(self.panels.panel.max(1));
		self.start.par_chunks_mut(micro.nr).zip(panels).for_each(|(start, panel)| {
			start.fill(0);
			for group in panel.chunks_exact(micro.nr) {
				for (start, word) in start.iter_mut().zip(group) {
					let bytes = word.to_le_bytes().map(|byte| i32::from(byte as i8));
					// At most 2^16 summands of 2^7, times 2^7: inside of 32 bits.
					*start -= 128 * bytes.iter().sum::<i32>();
				}
			}
		});
	}
}
