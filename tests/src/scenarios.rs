//! The scenarios, in the order in which they run. They share one chain; each has a hardware class of its own.

mod attest;
mod crash;
mod ending;
mod faults;
mod happy;
mod lying;
mod matmul;
mod node_restart;
mod parallel;
mod programs;
mod shielded;
mod silent;
mod staking;
mod toolchains;

use std::time::Duration;

use anyhow::Result;
use futures::future::BoxFuture;

use crate::world::World;

/// One story that must end well.
pub struct Scenario {
	/// Short name, for the command line.
	pub name: &'static str,
	/// What it shows.
	pub about: &'static str,
	/// How long it may take.
	pub limit: Duration,
	/// The story.
	pub run: for<'a> fn(&'a mut World) -> BoxFuture<'a, Result<()>>,
}

macro_rules! scenarios {
	($($name:literal, $about:literal, $seconds:literal, $path:path;)*) => {
		vec![$(Scenario {
			name: $name,
			about: $about,
			limit: Duration::from_secs($seconds),
			run: |world| Box::pin($path(world)),
		}),*]
	};
}

/// All of them.
pub fn all() -> Vec<Scenario> {
	scenarios! {
		"happy", "three workers settle a job through the CLI; every unit of money is accounted for", 240, happy::run;
		"lying", "a worker with a wrong digest is out-voted, its slash is deferred, then applied", 240, lying::run;
		"silent", "workers that fall silent after each step are replaced and slashed", 300, silent::run;
		"crash", "a worker killed in each state of its journal finishes after a restart", 400, crash::run;
		"parallel", "one worker of capacity 2 runs two jobs at the same time", 180, parallel::run;
		"programs", "programs that loop, allocate, flood, exit, connect or are none settle with the documented code", 300, programs::run;
		"matmul", "products of matrices: agreed on, proven in zero knowledge, disputed with one wrong entry", 400, matmul::run;
		"attest", "devices prove their computing power, cheats are slashed, jobs go to the proven", 600, attest::run;
		"staking", "delegators earn; a device cheats, and who was in the pool, leaves it or moved pays, to the unit, but nobody who joined later", 400, staking::run;
		"shielded", "private payments, a job paid out of the pool; the chain shows neither who, whom nor how much", 600, shielded::run;
		"toolchains", "programs of other toolchains run", 240, toolchains::run;
		"cancel", "the requester cancels a job that nobody takes", 120, ending::cancel;
		"expire", "a job that fits nobody expires", 180, ending::expire;
		"faults", "nothing panics: dead node, wrong chain, wrong passphrase, taken port, garbage, stalled and wrong files", 300, faults::run;
		"node-restart", "the node is stopped and killed in the middle of jobs", 300, node_restart::run;
		// The last one: it leaves the node without off-chain workers.
		"no-offchain-worker", "without the off-chain worker, workers settle a job over RPC", 240, node_restart::without_offchain_worker;
	}
}
