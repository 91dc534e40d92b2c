//! The kernels by name: what `cuda/*.cu` has, compiled to PTX by `cuda/build.sh`.

use io_tflops::Hash;

use super::Place;

/// Threads of a block of the kernels that take one for each block of a stream or hash.
pub(super) const THREADS: u32 = 256;
/// Rows and columns of a tile of C, see `cuda/tiles.h`.
pub const TILE: u32 = 128;
/// Bytes of a block of a stream; products take whole ones of each row.
pub const STREAM_BLOCK: u32 = 64;

/// PTX of the kernels, with the compute capability that it needs.
pub(super) const MODULES: [(&str, (u32, u32)); 4] = [
	(include_str!("../../cuda/chacha8.ptx"), (6, 1)),
	(include_str!("../../cuda/blake3.ptx"), (6, 1)),
	(include_str!("../../cuda/gemm_dp4a.ptx"), (6, 1)),
	(include_str!("../../cuda/gemm_mma.ptx"), (8, 0)),
];

/// How int8 matrices are multiplied. Both are exact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gemm {
	/// `dp4a`, four products at a time.
	Dp4a,
	/// Tensor cores, `mma.m16n8k32`.
	Mma,
}

impl Gemm {
	/// Compute capability from which on GPUs have it.
	pub fn needs(self) -> (u32, u32) {
		match self {
			Self::Dp4a => (6, 1),
			Self::Mma => (8, 0),
		}
	}

	/// Its name.
	pub fn name(self) -> &'static str {
		match self {
			Self::Dp4a => "dp4a",
			Self::Mma => "mma",
		}
	}
}

/// What is stored of an entry of C.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Element {
	/// The low 16 bits, as proofs commit to.
	Low16,
	/// All 32 bits, as jobs ask for.
	Full32,
}

impl Element {
	/// Bytes of an entry.
	pub fn bytes(self) -> usize {
		match self {
			Self::Low16 => 2,
			Self::Full32 => 4,
		}
	}
}

/// A kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kernel {
	/// Makes rows of A and columns of B.
	ChaCha8Rows,
	/// Hashes leaves.
	Leaves,
	/// Hashes one level of the tree.
	Nodes,
	/// Multiplies.
	Product(Gemm, Element),
}

impl Kernel {
	/// All of them.
	pub const ALL: [Self; 7] = [
		Self::ChaCha8Rows,
		Self::Leaves,
		Self::Nodes,
		Self::Product(Gemm::Dp4a, Element::Low16),
		Self::Product(Gemm::Dp4a, Element::Full32),
		Self::Product(Gemm::Mma, Element::Low16),
		Self::Product(Gemm::Mma, Element::Full32),
	];

	/// Its name in the PTX.
	pub fn name(self) -> &'static str {
		match self {
			Self::ChaCha8Rows => "chacha8_rows",
			Self::Leaves => "blake3_leaves",
			Self::Nodes => "blake3_nodes",
			Self::Product(Gemm::Dp4a, Element::Low16) => "gemm_dp4a_u16",
			Self::Product(Gemm::Dp4a, Element::Full32) => "gemm_dp4a_i32",
			Self::Product(Gemm::Mma, Element::Low16) => "gemm_mma_u16",
			Self::Product(Gemm::Mma, Element::Full32) => "gemm_mma_i32",
		}
	}

	/// Threads of a block.
	pub fn threads(self) -> u32 {
		match self {
			Self::Product(Gemm::Mma, _) => 128,
			_ => THREADS,
		}
	}

	/// Index of its module in [`MODULES`].
	pub(super) fn module(self) -> usize {
		match self {
			Self::ChaCha8Rows => 0,
			Self::Leaves | Self::Nodes => 1,
			Self::Product(Gemm::Dp4a, _) => 2,
			Self::Product(Gemm::Mma, _) => 3,
		}
	}
}

/// An argument of a kernel.
#[derive(Debug)]
pub enum Argument<'a, M> {
	/// A key, by value.
	Key(Hash),
	/// A number.
	Number(u32),
	/// A place in the device's memory.
	Place(Place<'a, M>),
}

/// An argument as a driver takes it: by the address of its bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct Slot([u8; 32]);

impl<M> Argument<'_, M> {
	/// Its bytes; `address` says where a memory begins.
	pub fn slot(&self, address: impl Fn(&M) -> u64) -> Slot {
		let mut slot = [0; 32];
		match self {
			Self::Key(key) => slot = *key,
			Self::Number(number) => slot[..4].copy_from_slice(&number.to_ne_bytes()),
			Self::Place(place) => {
				let address = address(place.memory) + place.at;
				slot[..8].copy_from_slice(&address.to_ne_bytes());
			},
		}
		Slot(slot)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_have_an_entry_in_its_module_when_a_kernel_is_named() {
		for kernel in Kernel::ALL {
			let (ptx, (major, minor)) = MODULES[kernel.module()];
			assert!(ptx.contains(&format!(".target sm_{major}{minor}")), "{kernel:?}");
			let (_, entry) = ptx.split_once(&format!(".entry {}(", kernel.name())).unwrap();
			let (_, threads) = entry.split_once(".maxntid ").unwrap();
			assert!(threads.starts_with(&format!("{}, 1, 1", kernel.threads())), "{kernel:?}");
		}
	}
}
