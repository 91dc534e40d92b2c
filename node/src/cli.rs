//! What the command line says of this node, and where its defaults differ from the library's.

use clap::{builder::ArgPredicate, error::ErrorKind, ArgMatches, Command, FromArgMatches};
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

/// The library's additional subcommands; on the way it changes defaults of the library.
#[derive(Debug)]
pub(crate) struct Subcommand(DefaultExtraSubcommands);

/// Arguments whose default differs from the library's own.
fn with_our_defaults(command: Command) -> Command {
	let command = command.mut_subcommands(with_our_defaults);
	let names: Vec<_> = command.get_arguments().map(|arg| arg.get_id().clone()).collect();
	names.into_iter().fold(command, |command, name| match name.as_str() {
		// The library's is RocksDB, because parts of it need that compiled in.
		"database" => command.mut_arg(name, |arg| arg.default_value("paritydb")),
		// Blocks of our runtime prove the relay chain blocks that lie between their relay parent and the tip; the
		// library's default gives them none. A chain without a relay chain authors in neither way, and warns of any choice.
		"authoring" => command.mut_arg(name, |arg| {
			let lookahead = Some("lookahead");
			// A flag counts as present even if it is not given: it is false then.
			let given = || ArgPredicate::Equals("true".into());
			arg.default_value("slot-based").default_value_ifs([
				("dev", given(), lookahead),
				("instant_seal", given(), lookahead),
				("dev_block_time", ArgPredicate::IsPresent, lookahead),
			])
		}),
		// Our runtime does not say where collators are; the library would ask again and again, and warn each time.
		"collator_reserved_slots" => command.mut_arg(name, |arg| arg.default_value("0")),
		_ => command,
	})
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
		with_our_defaults(DefaultExtraSubcommands::augment_subcommands(command))
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

#[cfg(test)]
mod tests {
	use super::*;
	use clap::{Arg, ArgAction};

	/// The arguments of the library that matter here, as it declares them.
	fn authoring(args: &[&str]) -> Option<String> {
		let flag = |name| Arg::new(name).long(name).action(ArgAction::SetTrue);
		let command = Command::new("io-node").args([
			flag("dev"),
			flag("instant_seal"),
			Arg::new("dev_block_time").long("dev-block-time"),
			Arg::new("authoring").long("authoring").default_value("lookahead"),
		]);
		let args = ["io-node"].iter().chain(args);
		with_our_defaults(command).get_matches_from(args).get_one("authoring").cloned()
	}

	#[test]
	fn should_author_by_slots_when_nothing_else_is_said() {
		assert_eq!(authoring(&[]).as_deref(), Some("slot-based"));
		assert_eq!(authoring(&["--authoring", "lookahead"]).as_deref(), Some("lookahead"));
	}

	#[test]
	fn should_keep_the_library_quiet_when_there_is_no_relay_chain() {
		for args in [&["--dev"][..], &["--instant_seal"], &["--dev-block-time", "500"]] {
			assert_eq!(authoring(args).as_deref(), Some("lookahead"), "{args:?}");
		}
	}
}
