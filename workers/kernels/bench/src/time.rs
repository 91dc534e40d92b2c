//! Time of something that is done again and again.

use std::time::Duration;

use anyhow::Result;
use rustix::time::{clock_gettime, ClockId};

/// What is counted.
#[derive(Clone, Copy)]
pub enum Clock {
	/// Time on the CPU, of all threads of this process: does not count what other processes get.
	Cpu,
	/// Time that passes.
	Wall,
}

impl Clock {
	fn now(self) -> f64 {
		let clock = match self {
			Self::Cpu => ClockId::ProcessCPUTime,
			Self::Wall => ClockId::Monotonic,
		};
		let time = clock_gettime(clock);
		time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
	}
}

/// Seconds of the quickest of at least two runs, and of about a second of them.
pub fn best(clock: Clock, mut run: impl FnMut() -> Result<()>) -> Result<f64> {
	const ENOUGH: Duration = Duration::from_secs(1);
	let begin = Clock::Wall.now();
	let mut best = f64::INFINITY;
	let mut runs = 0;
	while runs < 2 || Clock::Wall.now() - begin < ENOUGH.as_secs_f64() {
		let start = clock.now();
		run()?;
		best = best.min(clock.now() - start);
		runs += 1;
	}
	Ok(best)
}
