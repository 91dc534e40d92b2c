//! What the pallet stores besides the types that chain and worker share.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use io_primitives::{
	attestation::{ClassParams, Commitment, DeviceIndex},
	BlockNumber, WorkerKey,
};
use io_tflops::{params::MAX_OPENINGS, Params, ParamsError};
use scale_info::TypeInfo;
use sp_core::H256;

/// The relay chain as the newest block saw it, and the lots that were folded until then.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	Default,
)]
pub struct Clock {
	/// Number of the newest relay parent.
	pub relay_number: u32,
	/// Slot of that relay parent.
	pub slot: u64,
	/// How many lots were folded.
	pub folds: u64,
	/// All of them, see `io_tflops::transcript::fold`.
	pub acc: H256,
}

/// A commitment, and where it stands in one of the two queues.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
)]
pub struct Pending {
	/// What the device committed to.
	pub commitment: Commitment,
	/// Its ticket: in the queue of draws before the draw, in that of deadlines after it.
	pub ticket: u64,
}

/// A commitment that waits for the lot that decides whether it is audited.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
)]
pub struct Draw {
	/// Whose.
	pub worker: WorkerKey,
	/// Of which device.
	pub device: DeviceIndex,
	/// Number of the fold that decides.
	pub fold: u64,
}

/// An audit that waits for its reveal.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
)]
pub struct Deadline {
	/// Whose.
	pub worker: WorkerKey,
	/// Of which device.
	pub device: DeviceIndex,
	/// Block in which it is too late.
	pub at: BlockNumber,
}

/// Tickets of a queue: those in `first..next` have not been served; one without an entry was withdrawn.
#[derive(
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	Default,
)]
pub struct Queue {
	/// Ticket that is served next.
	pub first: u64,
	/// Ticket that is given out next.
	pub next: u64,
}

impl Queue {
	/// Gives out a ticket.
	pub(crate) fn take_ticket(&mut self) -> u64 {
		let ticket = self.next;
		self.next = self.next.saturating_add(1);
		ticket
	}
}

/// Which rule a class breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ClassFault {
	Dimensions,
	Lanes,
	Openings,
	Bond,
}

/// The dimensions of a device of the class with so many lanes.
pub(crate) fn dimensions(class: &ClassParams, lanes: u32) -> Result<Params, ParamsError> {
	Params::new(class.arith, class.m, class.n, class.k, lanes)
}

/// Checks a class. A class without a bond would let devices claim anything for nothing.
pub(crate) fn check_class(class: &ClassParams) -> Result<(), ClassFault> {
	let fails = |lanes| dimensions(class, lanes).is_err();
	if fails(1) {
		return Err(ClassFault::Dimensions);
	}
	if class.min_lanes > class.max_lanes || fails(class.min_lanes) || fails(class.max_lanes) {
		return Err(ClassFault::Lanes);
	}
	if !(1..=MAX_OPENINGS).contains(&class.openings) {
		return Err(ClassFault::Openings);
	}
	if class.bond_per_lane == 0 {
		return Err(ClassFault::Bond);
	}
	Ok(())
}
