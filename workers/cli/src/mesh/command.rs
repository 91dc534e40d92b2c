//! `io mesh`: what this machine is in the mesh.

use clap::Subcommand;
use io_mesh::{
	lanes::{Identity, LANES},
	seal,
};
use serde_json::json;

use super::{MeshArgs, Purpose};
use crate::{
	App,
	error::{Error, Result},
	output,
};

#[derive(Subcommand, Debug)]
pub(crate) enum MeshCommand {
	/// Show the public keys of this machine; makes them if there are none
	Show {
		#[command(flatten)]
		mesh: MeshArgs,
	},
}

/// The endpoints of a machine: those for files, then those for tunnels.
pub(super) fn endpoints(identity: &Identity) -> Vec<String> {
	[Purpose::Files, Purpose::Tunnel]
		.into_iter()
		.map(|purpose| purpose.identity(identity))
		.flat_map(|identity| (0..LANES).map(move |lane| identity.endpoint(lane).to_string()))
		.collect()
}

pub(crate) fn run(command: MeshCommand, app: &App) -> Result<()> {
	let MeshCommand::Show { mesh } = command;
	let identity = mesh.identity()?;
	let x25519 = seal::public_key(&identity.x25519()).map_err(|e| Error::Local(e.to_string()))?;
	let x25519 = format!("0x{}", hex::encode(x25519));
	let endpoints = endpoints(&identity);
	let json = json!({ "endpoints": endpoints, "x25519": x25519 });
	app.output.result(&json, || {
		let rows = endpoints.iter().map(|endpoint| ("endpoint", endpoint.clone()));
		output::list(rows.chain([("x25519", x25519.clone())]))
	})
}
