//! `io-relay`: a relay of the mesh. Everything lives in the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
	match io_relay::cli::run(io_relay::cli::Cli::parse()) {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("Error: {error}");
			ExitCode::FAILURE
		},
	}
}
