//! How a product is cut into panels that fit into a device's memory.

use super::{
	kernel::{STREAM_BLOCK, TILE},
	GpuError,
};

/// Tiles of one step. Enough to fill the largest GPU many times over, so that little is lost when the last ones end, and
/// few enough that a lane has several steps: streams and hashes of one run next to the product of another.
const TILES: u32 = 4096;
/// Most tiles that a panel is wide: eight million columns.
const WIDEST: u32 = 1 << 16;
/// Tiles that a panel should be high and wide, since narrower ones read more than they multiply.
const SIDE: u32 = 8;

/// What is to be cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Task {
	/// Rows of A and C.
	pub(super) m: u32,
	/// Columns of B and C.
	pub(super) n: u32,
	/// Bytes of a row of A and of a column of B.
	pub(super) k: u32,
	/// Bytes of an entry of C.
	pub(super) entry: u64,
	/// Panels of each kind that are in memory at a time.
	pub(super) copies: u64,
	/// Bytes that are needed besides.
	pub(super) fixed: u64,
}

/// A panel of C is the product of a panel of A and one of B. The last ones of a matrix may be smaller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Plan {
	/// Rows of a panel of A, a multiple of [`TILE`].
	pub(super) rows: u32,
	/// Columns of a panel of B, a multiple of [`TILE`].
	pub(super) columns: u32,
}

impl Plan {
	/// The largest panels that are of use and fit into `available` bytes.
	///
	/// # Errors
	/// [`GpuError::TooSmall`] if those of a single tile do not fit.
	pub(super) fn new(task: &Task, available: u64) -> Result<Self, GpuError> {
		let (all_rows, all_columns) = (task.m.div_ceil(TILE).max(1), task.n.div_ceil(TILE).max(1));
		let mut columns = all_columns.min(WIDEST);
		let mut rows = (TILES / columns).clamp(1, all_rows);
		loop {
			let plan = Self { rows: rows * TILE, columns: columns * TILE };
			let needed = plan.bytes(task);
			if needed <= available {
				return Ok(plan);
			}
			// Rather lower than narrower: each panel of B costs all of A again.
			if rows > SIDE || (rows > 1 && columns <= SIDE) {
				rows = rows.div_ceil(2);
			} else if columns > 1 {
				columns = columns.div_ceil(2);
			} else {
				return Err(GpuError::TooSmall { needed, available });
			}
		}
	}

	/// Bytes of a panel of A.
	pub(super) fn a_bytes(&self, task: &Task) -> u64 {
		u64::from(self.rows) * u64::from(task.k.next_multiple_of(STREAM_BLOCK))
	}

	/// Bytes of a panel of B.
	pub(super) fn b_bytes(&self, task: &Task) -> u64 {
		u64::from(self.columns) * u64::from(task.k.next_multiple_of(STREAM_BLOCK))
	}

	/// Bytes of a panel of C.
	pub(super) fn c_bytes(&self, task: &Task) -> u64 {
		u64::from(self.rows) * u64::from(self.columns) * task.entry
	}

	/// Bytes of all.
	pub(super) fn bytes(&self, task: &Task) -> u64 {
		let panels = self.a_bytes(task) + self.b_bytes(task) + self.c_bytes(task);
		task.copies * panels + task.fixed
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const GIB: u64 = 1 << 30;

	fn class(m: u32, k: u32) -> Task {
		let leaves = u64::from(m) * u64::from(m / 128);
		Task { m, n: m, k, entry: 2, copies: 2, fixed: 64 * leaves }
	}

	#[test]
	fn should_take_all_columns_when_memory_is_ample() {
		let plan = Plan::new(&class(16_384, 16_384), 24 * GIB).unwrap();
		assert_eq!(plan, Plan { rows: 4096, columns: 16_384 });
		assert_eq!(Plan::new(&class(1024, 4096), GIB).unwrap(), Plan { rows: 1024, columns: 1024 });
		assert!(Plan::new(&class(16_384, 65_536), 4 * GIB).unwrap().columns == 16_384);
	}

	#[test]
	fn should_fit_when_memory_is_short() {
		let task = class(16_384, 65_536);
		for available in [4 * GIB, 2 * GIB, GIB, GIB / 2, GIB / 4] {
			let plan = Plan::new(&task, available).unwrap();
			assert!(plan.bytes(&task) <= available, "{plan:?}");
			assert_eq!((task.m % plan.rows, task.n % plan.columns), (0, 0));
		}
	}

	#[test]
	fn should_say_what_is_missing_when_one_tile_does_not_fit() {
		let task = class(16_384, 65_536);
		let least = Plan { rows: TILE, columns: TILE }.bytes(&task);
		assert!(Plan::new(&task, least).is_ok());
		let refused = GpuError::TooSmall { needed: least, available: least - 1 };
		assert_eq!(Plan::new(&task, least - 1), Err(refused));
	}

	#[test]
	fn should_round_up_when_dimensions_are_odd() {
		let task = Task { m: 1, n: 129, k: 3, entry: 4, copies: 1, fixed: 0 };
		let plan = Plan::new(&task, GIB).unwrap();
		assert_eq!(plan, Plan { rows: 128, columns: 256 });
		assert_eq!(plan.bytes(&task), 128 * 64 + 256 * 64 + 128 * 256 * 4);
		let most = Task { m: u32::MAX, n: u32::MAX, k: 65_536, entry: 4, copies: 1, fixed: 0 };
		let plan = Plan::new(&most, GIB).unwrap();
		assert!(plan.bytes(&most) <= GIB && plan.bytes(&most) > GIB / 4, "{plan:?}");
	}
}
