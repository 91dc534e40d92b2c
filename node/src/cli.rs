//! What the command line says of this node, and where its defaults differ from the library's.

use clap::{error::ErrorKind, ArgMatches, Command, FromArgMatches};
use polkadot_omni_node_lib::{
	extra_subcommand::{DefaultExtraSubcommands, ExtraSubcommand},
	RunConfig, NODE_VERSION,
};

/// Describes the binary to its users.
pub(crate) struct Config;

impl polkadot_omni_node_lib::CliConfig for Config {
	fn impl_version() -> String {
		format!("{} (omni-node library {NODE_VERSION})", env!("CARGO_PKG_VERSION"))
	}

	fn description(executable_name: String) -> String {
		format!(
			"The collator of IO Network: renting out idle GPUs and CPUs, as a parachain.\n\n\
			Try it:        {executable_name} --dev\n\
			Join a chain:  {executable_name} --chain spec.json -- --chain relay.json\n\n\
			Arguments before `--` are for the parachain, arguments behind it for the relay chain node inside."
		)
	}

	fn author() -> String {
		env!("CARGO_PKG_AUTHORS").into()
	}

	fn support_url() -> String {
		concat!(env!("CARGO_PKG_REPOSITORY"), "/issues").into()
	}

	fn copyright_start_year() -> u16 {
		2026
	}
}

/// The library's additional subcommands; on the way it changes the default database.
#[derive(Debug)]
pub(crate) struct Subcommand(DefaultExtraSubcommands);

/// ParityDB unless the user says otherwise: the library's own default is RocksDB, because parts of it need that
/// compiled in.
fn with_default_database(command: Command) -> Command {
	const DATABASE: &str = "database";
	let command = command.mut_subcommands(with_default_database);
	if command.get_arguments().any(|arg| arg.get_id() == DATABASE) {
		command.mut_arg(DATABASE, |arg| arg.default_value("paritydb"))
	} else {
		command
	}
}

impl FromArgMatches for Subcommand {
	fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
		DefaultExtraSubcommands::from_arg_matches(matches).map(Self)
	}

	fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), clap::Error> {
		Err(clap::Error::raw(ErrorKind::InvalidSubcommand, "a command is parsed once"))
	}
}

impl clap::Subcommand for Subcommand {
	fn augment_subcommands(command: Command) -> Command {
		with_default_database(DefaultExtraSubcommands::augment_subcommands(command))
	}

	fn augment_subcommands_for_update(command: Command) -> Command {
		Self::augment_subcommands(command)
	}

	fn has_subcommand(name: &str) -> bool {
		DefaultExtraSubcommands::has_subcommand(name)
	}
}

impl ExtraSubcommand for Subcommand {
	fn handle(self, config: &RunConfig) -> sc_cli::Result<()> {
		self.0.handle(config)
	}
}
