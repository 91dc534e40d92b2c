//! Which lane fetches which chunk.
//!
//! Lanes take chunks as they have room, so each carries its share by speed. When nothing is left to take, a lane without work takes
//! over what another lane would finish much later; the first that arrives counts.

use std::{
	collections::{HashMap, VecDeque},
	sync::{
		Arc,
		atomic::{AtomicU64, Ordering},
	},
	time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

/// Attempts at one chunk at one time.
const ATTEMPTS: usize = 2;

/// A chunk being fetched over a lane.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
	/// Over which lane.
	pub(super) lane: usize,
	/// Its bytes so far.
	pub(super) received: Arc<AtomicU64>,
	/// Since when.
	since: Instant,
	/// The lane does not move.
	stalled: bool,
}

impl Attempt {
	/// Time until it is complete, at the speed so far; `None` if it does not move.
	fn remaining(&self, length: u64, now: Instant) -> Option<Duration> {
		let received = self.received.load(Ordering::Relaxed);
		if self.stalled || received == 0 {
			return None;
		}
		let left = length.saturating_sub(received) as f64 / received as f64;
		Some((now - self.since).mul_f64(left))
	}
}

#[derive(Debug)]
struct Active {
	attempts: Vec<Attempt>,
	done: CancellationToken,
}

/// The work that is left.
#[derive(Debug)]
pub(super) struct Plan {
	todo: VecDeque<u32>,
	active: HashMap<u32, Active>,
}

/// A chunk to fetch.
#[derive(Debug)]
pub(super) struct Order {
	pub(super) index: u32,
	/// Another lane is at it too.
	pub(super) again: bool,
	/// To be counted up.
	pub(super) received: Arc<AtomicU64>,
	/// Somebody else was faster.
	pub(super) done: CancellationToken,
}

impl Plan {
	pub(super) fn new(missing: Vec<u32>) -> Plan {
		Plan { todo: missing.into(), active: HashMap::new() }
	}

	/// Whether every chunk is there.
	pub(super) fn finished(&self) -> bool {
		self.todo.is_empty() && self.active.is_empty()
	}

	/// What a lane with this speed (bytes/s, if known) shall fetch next.
	pub(super) fn take(&mut self, lane: usize, goodput: Option<u64>, length: u64) -> Option<Order> {
		let now = Instant::now();
		let free = |index: &u32| {
			self.active
				.get(index)
				.is_none_or(|active| active.attempts.iter().all(|attempt| attempt.lane != lane))
		};
		let queued = self.todo.iter().position(free).and_then(|at| self.todo.remove(at));
		let (index, again) = match queued {
			Some(index) => (index, self.active.contains_key(&index)),
			None => (self.late(lane, goodput, length, now)?, true),
		};
		let active = self
			.active
			.entry(index)
			.or_insert_with(|| Active { attempts: Vec::new(), done: CancellationToken::new() });
		let received = Arc::new(AtomicU64::new(0));
		active.attempts.push(Attempt {
			lane,
			received: received.clone(),
			since: now,
			stalled: false,
		});
		Some(Order { index, again, received, done: active.done.clone() })
	}

	/// The chunk that this lane would finish in less than half the time that its holder needs.
	fn late(&self, lane: usize, goodput: Option<u64>, length: u64, now: Instant) -> Option<u32> {
		let mine = goodput.map(|rate| Duration::from_secs_f64(length as f64 / rate as f64));
		self.active
			.iter()
			.filter(|(_, active)| {
				active.attempts.len() < ATTEMPTS
					&& active.attempts.iter().all(|attempt| attempt.lane != lane)
			})
			.map(|(index, active)| {
				let soonest = active
					.attempts
					.iter()
					.filter_map(|attempt| attempt.remaining(length, now))
					.min();
				(soonest.unwrap_or(Duration::MAX), *index)
			})
			.filter(|(soonest, _)| match mine {
				Some(mine) => *soonest > 2 * mine,
				None => *soonest == Duration::MAX,
			})
			.max()
			.map(|(_, index)| index)
	}

	/// The lane does not move: others may take the chunk at once.
	pub(super) fn stalled(&mut self, index: u32, lane: usize, stalled: bool) {
		let Some(active) = self.active.get_mut(&index) else { return };
		for attempt in active.attempts.iter_mut().filter(|attempt| attempt.lane == lane) {
			attempt.stalled = stalled;
		}
		let waits = active.attempts.iter().all(|attempt| attempt.stalled);
		let queued = self.todo.contains(&index);
		if waits && !queued && active.attempts.len() < ATTEMPTS {
			self.todo.push_front(index);
		} else if !waits && queued {
			// It moves again before anybody else took it.
			self.todo.retain(|other| *other != index);
		}
	}

	/// An attempt came to nothing.
	pub(super) fn failed(&mut self, index: u32, lane: usize) {
		let Some(active) = self.active.get_mut(&index) else { return };
		active.attempts.retain(|attempt| attempt.lane != lane);
		if active.attempts.is_empty() {
			self.active.remove(&index);
			if !self.todo.contains(&index) {
				self.todo.push_front(index);
			}
		}
	}

	/// The chunk is there. False if it was there already.
	pub(super) fn arrived(&mut self, index: u32) -> bool {
		let Some(active) = self.active.remove(&index) else { return false };
		active.done.cancel();
		self.todo.retain(|other| *other != index);
		true
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const LENGTH: u64 = 1 << 20;

	#[test]
	fn should_give_each_chunk_once_when_all_goes_well() {
		let mut plan = Plan::new(vec![0, 1, 2]);
		for lane in [0, 1, 0] {
			let order = plan.take(lane, None, LENGTH).unwrap();
			assert!(!order.again && plan.arrived(order.index) && order.done.is_cancelled());
			assert!(!plan.arrived(order.index));
		}
		assert!(plan.finished() && plan.take(0, None, LENGTH).is_none());
	}

	#[test]
	fn should_give_a_chunk_to_another_lane_when_its_lane_stalls() {
		let mut plan = Plan::new(vec![0]);
		let first = plan.take(0, None, LENGTH).unwrap();
		first.received.store(10, Ordering::Relaxed);
		plan.stalled(0, 0, true);
		let second = plan.take(1, None, LENGTH).unwrap();
		assert!(second.again);
		// Never more than two at one time.
		plan.stalled(0, 1, true);
		assert!(plan.take(2, Some(1), LENGTH).is_none());
		assert!(plan.arrived(0) && first.done.is_cancelled() && plan.finished());
	}

	#[test]
	fn should_take_a_chunk_back_when_its_lane_moves_again() {
		let mut plan = Plan::new(vec![0]);
		let order = plan.take(0, None, LENGTH).unwrap();
		order.received.store(LENGTH / 2, Ordering::Relaxed);
		plan.stalled(0, 0, true);
		plan.stalled(0, 0, false);
		assert!(plan.take(1, Some(1), LENGTH).is_none());
	}

	#[test]
	fn should_take_over_the_tail_when_the_other_lane_is_much_slower() {
		let mut plan = Plan::new(vec![0]);
		let order = plan.take(0, None, LENGTH).unwrap();
		std::thread::sleep(Duration::from_millis(20));
		// 1 % after 20 ms: 2 s remain.
		order.received.store(LENGTH / 100, Ordering::Relaxed);
		assert!(plan.take(1, Some(LENGTH / 2), LENGTH).is_none(), "it needs 2 s itself");
		assert!(plan.take(1, Some(LENGTH * 10), LENGTH).unwrap().again);
	}

	#[test]
	fn should_give_a_chunk_again_when_every_copy_failed() {
		let mut plan = Plan::new(vec![7]);
		plan.take(0, None, LENGTH).unwrap();
		plan.failed(7, 0);
		let order = plan.take(0, None, LENGTH).unwrap();
		assert!(order.index == 7 && !order.again);
	}
}
