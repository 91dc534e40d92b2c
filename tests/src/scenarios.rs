//! The scenarios, in the order in which they run. They share one chain; each has a hardware class of its own.

mod attest;
mod crash;
mod ending;
mod faults;
mod happy;
mod heavy;
mod late;
mod lying;
mod matmul;
mod mesh;
mod messages;
mod node_restart;
mod outage;
mod parallel;
mod programs;
mod relay;
mod relays;
mod shielded;
mod silent;
mod staking;
mod toolchains;
mod tunnel;
mod undrawn;
mod upgrade;

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
		"mesh", "jobs go through two relays to workers without an open port; what passes the relays shows neither input nor output", 400, mesh::run;
		"sealed", "a sealed job: its workers open the input, agree, and keep nothing of it in clear; the requester opens the output", 300, mesh::sealed;
		"undrawn", "a worker that was not drawn gets neither the bytes nor the key of a sealed input, and can open neither", 300, undrawn::run;
		"tunnel", "a service of a worker is reached through the mesh, by the requester of a running job alone, and survives a relay", 300, tunnel::run;
		"relays", "relays that are registered on chain are found, paid to the unit for what they carry, and taken off the map when they are dead", 400, relays::run;
		"toolchains", "programs of other toolchains run", 240, toolchains::run;
		"cancel", "the requester cancels a job that nobody takes", 120, ending::cancel;
		"expire", "a job that fits nobody expires", 180, ending::expire;
		"faults", "nothing panics: dead node, wrong chain, wrong passphrase, taken port, garbage, stalled and wrong files", 300, faults::run;
		"node-restart", "the node is stopped and killed in the middle of jobs", 300, node_restart::run;
		// The last one: it leaves the node without off-chain workers.
		"no-offchain-worker", "without the off-chain worker, workers settle a job over RPC", 240, node_restart::without_offchain_worker;
	}
}

/// Those of a network with a relay chain: the ones for every day, or all.
pub fn of_network(full: bool) -> Vec<Scenario> {
	let mut chosen = scenarios! {
		"happy", "three workers settle a job through the CLI; every unit of money is accounted for", 900, happy::run;
		"inclusion", "the relay chain includes our blocks without a gap, and finalises them", 300, relay::inclusion;
		"beacon", "randomness and slots are those of the relay chain", 120, relay::beacon;
		"restart", "both collators are killed at once, and go on where they were", 600, outage::restart;
	};
	if full {
		chosen.extend(scenarios! {
			"collators", "one collator is killed, then both, in the middle of jobs", 1200, outage::collators;
			"validator", "a validator is killed: the chain stands still, and nobody is slashed for it", 900, outage::validator;
			"heavy", "full blocks: what they cost the validators", 900, heavy::run;
			"messages", "messages of the relay chain: paid ones are executed, none acts as root", 900, messages::run;
			"late", "a node that comes late syncs in three ways, and is restored from a snapshot", 1800, late::sync;
			"seat", "it gets session keys and a seat, and authors", 2400, late::seat;
			"upgrade", "a new runtime, authorised and applied while a job runs", 900, upgrade::run;
		});
	}
	chosen
}
