//! The relay chain node, as polkadot-sdk's own `polkadot` binary starts it.

fn main() -> Result<(), polkadot_cli::Error> {
	polkadot_cli::run()
}
