//! `io mesh`: what this machine is in the mesh.

use clap::Subcommand;
use io_client::Client;
use io_mesh::{
	lanes::{Identity, LANES},
	seal,
};
use io_primitives::mesh::{EndpointKey, MAX_ENDPOINTS, Party, endpoint_payload};
use serde_json::json;

use super::{MeshArgs, Purpose};
use crate::{
	App,
	error::{Error, Result},
	keys::KeyArgs,
	output,
};

#[derive(Subcommand, Debug)]
pub(crate) enum MeshCommand {
	/// Show the public keys of this machine; makes them if there are none
	Show {
		#[command(flatten)]
		mesh: MeshArgs,
	},
	/// Register the endpoints of this machine for your account, so that relays on chain let them in. A deposit goes on hold
	Register {
		#[command(flatten)]
		mesh: MeshArgs,
		/// Do not ask
		#[arg(long, short)]
		yes: bool,
		#[command(flatten)]
		key: KeyArgs,
	},
}

/// The endpoints of a machine, with what signs for each: those for files, then those for tunnels.
fn lanes(identity: &Identity) -> impl Iterator<Item = (Identity, usize)> {
	let of = [Purpose::Files, Purpose::Tunnel].map(|purpose| purpose.identity(identity));
	of.into_iter().flat_map(|identity| (0..LANES).map(move |lane| (identity.clone(), lane)))
}

async fn register(mesh: &MeshArgs, yes: bool, key: &KeyArgs, app: &App) -> Result<()> {
	let identity = mesh.identity()?;
	let (client, signer) = key.connect(app).await?;
	let account = Client::account_of(&signer);
	let payload = endpoint_payload(client.genesis(), &account);
	let known = client.mesh_endpoints_of(&Party::Account(account.clone()), None).await?;
	let missing: Vec<_> = lanes(&identity)
		.map(|(identity, lane)| {
			let endpoint = EndpointKey::from_raw(identity.endpoint(lane).0);
			(endpoint, identity.sign(lane, &payload))
		})
		.filter(|(endpoint, _)| !known.contains(endpoint))
		.collect();
	if missing.len() + known.len() > MAX_ENDPOINTS as usize {
		return Err(Error::Chain(format!(
			"{} has {} endpoints of another machine or key, and can have {MAX_ENDPOINTS} in all: use that --mesh-key, another account, or \
			 remove them (ioMesh.removeEndpoint)",
			output::address(&account),
			known.len()
		)));
	}
	if !missing.is_empty() {
		let question =
			format!("Register {} endpoints for {}?", missing.len(), output::address(&account));
		app.output.confirm(&question, yes)?;
	}
	for (endpoint, proof) in &missing {
		client.register_endpoint(&signer, endpoint, None, proof).await?.finalized().await?;
	}
	let json = json!({ "account": output::address(&account), "registered": missing.len() });
	app.output.result(&json, || match missing.len() {
		0 => "all endpoints are registered".into(),
		count => format!("{count} endpoints are registered; relays let them in within seconds"),
	})
}

/// The endpoints of a machine: those for files, then those for tunnels.
pub(super) fn endpoints(identity: &Identity) -> Vec<String> {
	lanes(identity).map(|(identity, lane)| identity.endpoint(lane).to_string()).collect()
}

pub(crate) async fn run(command: MeshCommand, app: &App) -> Result<()> {
	let mesh = match command {
		MeshCommand::Show { mesh } => mesh,
		MeshCommand::Register { mesh, yes, key } => return register(&mesh, yes, &key, app).await,
	};
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
