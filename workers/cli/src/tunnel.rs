//! `io tunnel`: TCP connections to services of a worker that executes one of your jobs, through the mesh.

use std::{
	net::{IpAddr, SocketAddr},
	str::FromStr,
	sync::Arc,
	time::Duration,
};

use clap::{Args, Subcommand};
use io_client::Client;
use io_mesh::{
	ContentAt, PeerAddress,
	metrics::Metrics,
	tunnel::{Forward, TunnelConfig},
};
use io_primitives::{JobId, ReplicaId, ReplicaState, WorkerKey};
use serde_json::json;
use tokio::{
	net::TcpListener,
	signal::unix::{SignalKind, signal},
	task::JoinSet,
};

use crate::{
	App,
	error::{Error, Result},
	keys,
	mesh::{MeshArgs, Node, Purpose},
	output,
};

/// Time to reach the worker.
const CONNECT: Duration = Duration::from_secs(30);

#[derive(Subcommand, Debug)]
pub(crate) enum TunnelCommand {
	/// Open local ports that lead to services of a worker, until interrupted
	///
	/// The worker's owner says which services it exposes (`io-worker run --expose ssh=22`), and lets in only requesters of jobs that
	/// the worker has accepted. Such a job must have been submitted with --mesh from this machine, or with the same --mesh-key.
	Open(OpenArgs),
}

#[derive(Args, Debug)]
pub(crate) struct OpenArgs {
	/// The job's number, or the worker's key
	#[arg(value_name = "JOB|WORKER")]
	target: Target,
	/// Local port, and port of the worker to which it leads; 0 takes any free local port
	#[arg(required = true, value_name = "LOCAL:REMOTE")]
	ports: Vec<Ports>,
	/// Which replica of the job [default: the first that has a worker]
	#[arg(long, value_name = "N")]
	replica: Option<ReplicaId>,
	/// Where the local ports listen
	#[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
	listen: IpAddr,
	#[command(flatten)]
	mesh: MeshArgs,
}

#[derive(Clone, Debug)]
enum Target {
	Job(JobId),
	Worker(WorkerKey),
}

impl FromStr for Target {
	type Err = String;

	fn from_str(text: &str) -> Result<Self, String> {
		if let Ok(job) = text.parse() {
			return Ok(Target::Job(job));
		}
		keys::parse_worker(text).map(Target::Worker)
	}
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Ports {
	local: u16,
	remote: u16,
}

impl FromStr for Ports {
	type Err = String;

	fn from_str(text: &str) -> Result<Self, String> {
		let read = || {
			let (local, remote) = text.split_once(':')?;
			let remote = remote.parse().ok().filter(|port| *port > 0)?;
			Some(Ports { local: local.parse().ok()?, remote })
		};
		read().ok_or_else(|| "two ports are expected, such as 2222:22".into())
	}
}

pub(crate) async fn run(command: TunnelCommand, app: &App) -> Result<()> {
	let TunnelCommand::Open(args) = command;
	let client = app.connect().await?;
	let worker = match &args.target {
		Target::Worker(worker) => *worker,
		Target::Job(job) => worker_of(&client, *job, args.replica).await?,
	};
	let address = address_of(&client, &worker).await?;
	let node =
		Node::join(&args.mesh, &client, Purpose::Tunnel, None, Vec::new(), Metrics::default());
	let node = node.await?;
	let session = Arc::new(node.session(&address)?);
	session.ready(CONNECT).await.map_err(|e| {
		Error::Local(format!(
			"{e}\nA worker lets in requesters of its jobs only, by the --mesh-key with which the job was submitted"
		))
	})?;
	let mut forwards = JoinSet::new();
	for Ports { local, remote } in args.ports {
		let at = SocketAddr::new(args.listen, local);
		let name = at.to_string();
		let listener = TcpListener::bind(at).await.map_err(Error::file("listen on", &name))?;
		let bound = listener.local_addr().map_err(Error::file("listen on", &name))?;
		let json = json!({
			"type": "open",
			"worker": output::key(&worker),
			"local": bound.to_string(),
			"remote": remote,
		});
		app.output.result(&json, || {
			format!("{bound} leads to port {remote} of worker {}", output::short_key(&worker))
		})?;
		let out = app.output;
		let failed = move |error: &io_mesh::Error| {
			out.note(&format!("a connection to port {remote}: {error}"));
		};
		let forward = Forward::new(session.clone(), listener, remote, TunnelConfig::default());
		forwards.spawn(forward.run(failed));
	}
	app.output.note("open until Ctrl-C");
	let mut terminate =
		signal(SignalKind::terminate()).map_err(Error::file("wait for", "SIGTERM"))?;
	tokio::select! {
		interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Error::file("wait for", "Ctrl-C")),
		_ = terminate.recv() => Ok(()),
	}
}

/// The worker that executes the job.
async fn worker_of(client: &Client, job: JobId, wanted: Option<ReplicaId>) -> Result<WorkerKey> {
	let view = client
		.job(job)
		.await?
		.ok_or_else(|| Error::Chain(format!("the chain does not know job {job}")))?;
	let running = (0..).zip(&view.replicas).find_map(|(replica, state)| {
		let runs = matches!(state.state, ReplicaState::Accepted | ReplicaState::Committed { .. });
		let chosen = wanted.is_none_or(|wanted| wanted == replica);
		state.seat.as_ref().filter(|_| runs && chosen).map(|seat| seat.worker)
	});
	running.ok_or_else(|| {
		Error::Chain(match wanted {
			Some(replica) => format!("no worker executes replica {replica} of job {job} now"),
			None => format!("no worker executes job {job} now"),
		})
	})
}

/// Where a worker is in the mesh.
async fn address_of(client: &Client, worker: &WorkerKey) -> Result<PeerAddress> {
	let view = client.worker(worker).await?.ok_or_else(|| {
		Error::Chain(format!("no worker {} is registered", output::short_key(worker)))
	})?;
	view.profile
		.endpoints
		.iter()
		.find_map(|endpoint| std::str::from_utf8(endpoint).ok()?.parse::<ContentAt>().ok())
		.map(|at| at.peer)
		.ok_or_else(|| {
			Error::Chain(format!("worker {} is not in the mesh", output::short_key(worker)))
		})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_read_ports_and_targets() {
		assert_eq!("2222:22".parse(), Ok(Ports { local: 2222, remote: 22 }));
		assert_eq!("0:8888".parse(), Ok(Ports { local: 0, remote: 8888 }));
		for text in ["", "22", "22:", ":22", "22:0", "22:70000", "a:b", "1:2:3"] {
			assert!(text.parse::<Ports>().is_err(), "{text}");
		}
		assert!(matches!("7".parse(), Ok(Target::Job(7))));
		assert!(matches!(format!("0x{}", "01".repeat(32)).parse(), Ok(Target::Worker(_))));
		assert!("worker".parse::<Target>().is_err());
	}
}
