//! `io relay`: the relays of the mesh that are registered on chain.

use clap::Subcommand;
use serde_json::json;

use crate::{
	App,
	error::Result,
	output::{self, json_amount, money},
};

#[derive(Subcommand, Debug)]
pub(crate) enum RelayCommand {
	/// List the relays that can be used (to run one: `io-relay`)
	List,
}

pub(crate) async fn run(command: RelayCommand, app: &App) -> Result<()> {
	let RelayCommand::List = command;
	let client = app.connect().await?;
	let map = client.finalized_relay_map().await?;
	let url = |relay: &[u8]| String::from_utf8_lossy(relay).escape_debug().to_string();
	let country = |region: &[u8; 2]| String::from_utf8_lossy(region).into_owned();
	let json = json!({
		"epoch": map.epoch,
		"relays": map
			.relays
			.iter()
			.map(|relay| json!({
				"relay": format!("0x{}", hex::encode(relay.relay.0)),
				"operator": output::address(&relay.operator),
				"url": url(&relay.profile.url),
				"tls_pin": relay.profile.tls_pin.map(hex::encode),
				"quic_port": relay.profile.quic_port,
				"region": country(&relay.profile.region),
				"capacity_mbit": relay.profile.capacity,
				"price_per_gib": json_amount(relay.profile.price_per_gib),
				"bond": json_amount(relay.bond),
			}))
			.collect::<Vec<_>>(),
	});
	app.output.result(&json, || {
		if map.relays.is_empty() {
			return "no relay is registered".into();
		}
		let mut table = output::table(["relay", "operator", "region", "Mbit/s", "price of a GiB"]);
		for relay in &map.relays {
			table.add_row([
				url(&relay.profile.url),
				output::short_address(&relay.operator),
				country(&relay.profile.region),
				relay.profile.capacity.to_string(),
				money(relay.profile.price_per_gib),
			]);
		}
		table.trim_fmt()
	})
}
