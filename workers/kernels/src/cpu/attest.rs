//! The proof of computing power on the CPU.

use io_tflops::{
	params::SEG,
	prover::{LaneOpening, MatMul},
	stream,
	transcript::{lane_keys, leaf_key, node_key},
	tree::{leaf_bytes, TreeHasher},
	Hash, Params,
};

use crate::{
	cpu::{hash, lane::Buffers, Cpu},
	error::try_vec,
	Error,
};

impl Cpu {
	/// Computes the lane of these keys in rows of `out`, see [`Buffers::run`].
	fn run_lane<T: Send>(
		&mut self,
		params: &Params,
		key_a: &Hash,
		key_b: &Hash,
		out: &mut [T],
		finish: impl Fn(&[i32], &mut [T]) + Send + Sync,
	) -> Result<(), Error> {
		let threads = self.threads();
		let buffers = match self.buffers.take().filter(|buffers| buffers.fit(params)) {
			Some(buffers) => self.buffers.insert(buffers),
			None => self.buffers.insert(Buffers::new(&self.micro, params, threads)?),
		};
		let cancel = &self.cancel;
		self.pool.install(|| buffers.run(key_a, key_b, cancel, out, finish))
	}

	/// Hashes of the leaves of a lane.
	fn leaves(&mut self, params: &Params, state: &Hash, lane: u32) -> Result<Vec<Hash>, Error> {
		let (key_a, key_b) = lane_keys(state, lane);
		let key = leaf_key(state);
		let leaves = params.leaves_per_lane();
		let leaves = usize::try_from(leaves).map_err(|_| Error::OutOfMemory(usize::MAX))?;
		let mut hashes = try_vec(leaves)?;
		let avx2 = self.micro.avx2;
		self.run_lane(params, &key_a, &key_b, &mut hashes, |c, hashes| {
			hash::hash_leaves(avx2, &key, c, hashes)
		})?;
		Ok(hashes)
	}
}

impl MatMul for Cpu {
	type Error = Error;

	fn product(
		&mut self,
		params: &Params,
		key_a: &Hash,
		key_b: &Hash,
		c: &mut [u16],
	) -> Result<(), Error> {
		let expected = params.m() as usize * params.n() as usize;
		if c.len() != expected {
			return Err(Error::Length { matrix: "C", expected, actual: c.len() });
		}
		self.run_lane(params, key_a, key_b, c, |block, c| {
			for (to, entry) in c.iter_mut().zip(block) {
				// Modulo 2^16.
				*to = *entry as u16;
			}
		})
	}

	fn lane_root(&mut self, params: &Params, state: &Hash, lane: u32) -> Result<Hash, Error> {
		let leaves = self.leaves(params, state, lane)?;
		Ok(hash::root(self.micro.avx2, &node_key(state), leaves))
	}

	fn open_lane(
		&mut self,
		params: &Params,
		state: &Hash,
		lane: u32,
		leaves: &[u64],
	) -> Result<Vec<LaneOpening>, Error> {
		let level = self.leaves(params, state, lane)?;
		let paths = TreeHasher::new(state).paths(level, leaves).unwrap_or_default();
		let open = |(leaf, siblings): (&u64, Vec<Hash>)| LaneOpening {
			leaf: one_leaf(params, state, lane, *leaf),
			siblings,
		};
		Ok(leaves.iter().zip(paths).map(open).collect())
	}
}

/// The bytes of one leaf, entry by entry from the definition: 128 inner products, a small part of a lane. If they are
/// not what the lane was hashed from, then one of both is wrong, and [`io_tflops::prover::Chain`] says so.
fn one_leaf(
	params: &Params,
	state: &Hash,
	lane: u32,
	leaf: u64,
) -> [u8; io_tflops::params::LEAF_BYTES] {
	let (key_a, key_b) = lane_keys(state, lane);
	let segments = u64::from(params.n() / SEG);
	// Rows and columns are below 65,536.
	let (row, first) = ((leaf / segments) as u32, (leaf % segments) as u32 * SEG);
	let mut entries = [0; SEG as usize];
	for (entry, column) in entries.iter_mut().zip(first..) {
		// Modulo 2^16.
		*entry = stream::entry(&key_a, &key_b, row, column, params.k()) as u16;
	}
	leaf_bytes(&entries)
}
