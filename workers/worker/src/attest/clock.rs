//! The relay chain's clock as the syncs show it: when it is time to commit, and which views are out of date.

use std::{
	collections::VecDeque,
	time::{Duration, Instant},
};

use io_primitives::{BlockNumber, attestation::Window};

/// Blocks from the sync in which a call is said to the block that contains it: one in which it waits in the pool, and one
/// more for a block that was made at the same time.
const INCLUSION_BLOCKS: u64 = 2;
/// Steps from sync to sync that are remembered.
const STEPS: usize = 8;
/// A view may be so many blocks older than the newest; one that is older still comes from a node that lags behind.
const LAG: BlockNumber = 8;
/// So many old views in a row mean that the chain itself has gone back, as a chain for tests that was started anew.
const PATIENCE: u32 = 10;

/// Slots as they pass.
#[derive(Default, Debug)]
pub struct SlotClock {
	last: Option<(u64, Instant)>,
	steps: VecDeque<(u64, Duration)>,
}

impl SlotClock {
	/// Notes the slot of a sync.
	pub fn see(&mut self, slot: u64, at: Instant) {
		match self.last {
			Some((last, since)) if slot > last => {
				self.steps.push_back((slot - last, at.saturating_duration_since(since)));
				if self.steps.len() > STEPS {
					self.steps.pop_front();
				}
			},
			// The same block again, or a fork with another clock: no step.
			Some((last, _)) if slot == last => return,
			_ => self.steps.clear(),
		}
		self.last = Some((slot, at));
	}

	/// Slots from one sync to the next, rounded up; at least 1.
	pub fn step(&self) -> u64 {
		let slots: u64 = self.steps.iter().map(|(slots, _)| *slots).fold(0, u64::saturating_add);
		slots.div_ceil(self.steps.len().max(1) as u64).max(1)
	}

	/// How long a slot lasts, once that was seen.
	pub fn slot_time(&self) -> Option<Duration> {
		let slots: u64 = self.steps.iter().map(|(slots, _)| *slots).fold(0, u64::saturating_add);
		let time: Duration = self.steps.iter().map(|(_, time)| *time).sum();
		(slots > 0).then(|| time.div_f64(slots as f64))
	}

	/// Whether a commitment that is not said at this sync could come too late if it were said at the next.
	pub fn is_time(&self, slot: u64, window: &Window) -> bool {
		let length = window.last_slot.saturating_sub(window.slot);
		// One long step must not end a window when it has hardly begun.
		let step = self.step().min((length / 4).max(1));
		slot.saturating_add(step.saturating_mul(1 + INCLUSION_BLOCKS)) > window.last_slot
	}
}

/// Tells views of the present from those of nodes that lag behind.
#[derive(Default, Debug)]
pub struct Tide {
	newest: BlockNumber,
	behind: u32,
}

impl Tide {
	/// Whether to act on a view as of block `now`.
	pub fn takes(&mut self, now: BlockNumber) -> bool {
		if now.saturating_add(LAG) >= self.newest {
			self.newest = self.newest.max(now);
			self.behind = 0;
			return true;
		}
		self.behind += 1;
		let gone_back = self.behind >= PATIENCE;
		if gone_back {
			*self = Tide { newest: now, behind: 0 };
		}
		gone_back
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_core::H256;

	fn window() -> Window {
		Window { id: 1, seed: H256::zero(), slot: 100, block: 50, last_slot: 110 }
	}

	fn clock(slots: impl IntoIterator<Item = u64>) -> SlotClock {
		let mut clock = SlotClock::default();
		let start = Instant::now();
		for (number, slot) in (0..).zip(slots) {
			clock.see(slot, start + Duration::from_secs(6) * number);
		}
		clock
	}

	#[test]
	fn should_commit_two_slots_before_the_end_when_blocks_come_each_slot() {
		let clock = clock(90..=107);
		assert!(!clock.is_time(107, &window()));
		assert!(clock.is_time(108, &window()));
		assert!(clock.is_time(111, &window()));
		assert_eq!(clock.slot_time(), Some(Duration::from_secs(6)));
	}

	#[test]
	fn should_commit_earlier_when_blocks_come_every_other_slot() {
		let clock = clock((80..=104).step_by(2));
		assert!(!clock.is_time(104, &window()));
		assert!(clock.is_time(105, &window()));
	}

	#[test]
	fn should_count_one_slot_when_several_blocks_share_it() {
		let clock = clock([100, 100, 100, 101, 101, 102]);
		assert_eq!(clock.step(), 1);
	}

	#[test]
	fn should_not_give_up_a_window_when_one_step_was_long() {
		let clock = clock([10, 101]);
		assert!(!clock.is_time(101, &window()));
		assert!(clock.is_time(105, &window()));
	}

	#[test]
	fn should_forget_its_steps_when_the_clock_goes_back() {
		let clock = clock([10, 40, 5]);
		assert_eq!((clock.step(), clock.slot_time()), (1, None));
	}

	#[test]
	fn should_pass_over_a_node_when_it_lags_behind() {
		let mut tide = Tide::default();
		for now in 100..200 {
			assert!(tide.takes(now));
			assert!(!tide.takes(now - 50), "{now}");
		}
		assert!(tide.takes(195), "a small re-org");
	}

	#[test]
	fn should_follow_the_chain_when_it_was_started_anew() {
		let mut tide = Tide::default();
		assert!(tide.takes(500));
		let taken = (1..=20).position(|now| tide.takes(now));
		assert_eq!(taken, Some(PATIENCE as usize - 1));
		assert!(tide.takes(21));
	}

	proptest::proptest! {
		#[test]
		fn should_never_panic_when_slots_are_random(slots: Vec<u64>, from: u64, to: u64) {
			let clock = clock(slots);
			let window = Window { slot: from, last_slot: to, ..window() };
			let _ = clock.slot_time();
			clock.is_time(from, &window);
		}
	}
}
