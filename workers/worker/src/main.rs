//! `io-worker`: the daemon and the commands of a GPU owner. Everything lives in the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
	let cli = io_worker::cli::Cli::parse();
	match io_worker::cli::run(cli) {
		Ok(code) => code,
		Err(error) => {
			eprintln!("Error: {error}");
			ExitCode::FAILURE
		},
	}
}
