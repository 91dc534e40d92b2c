//! What ends a command, and with which exit status.

use std::{io, path::Path, process::ExitCode};

use io_client::{RegistrationError, amount::AmountError};

/// The job ended without a good result.
pub(crate) const JOB_FAILED: u8 = 1;
/// The command was not understood.
pub(crate) const USAGE: u8 = 2;
/// The node or the chain did not do what was asked.
pub(crate) const CHAIN: u8 = 3;
/// Something on this machine, or a download, went wrong.
pub(crate) const LOCAL: u8 = 4;
/// The user stopped the command.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
	/// The arguments make no sense together.
	#[error("{0}")]
	Usage(String),
	/// The node or the chain.
	#[error(transparent)]
	Client(#[from] io_client::Error),
	/// The chain's state does not allow it.
	#[error("{0}")]
	Chain(String),
	/// An amount.
	#[error(transparent)]
	Amount(#[from] AmountError),
	/// A registration file.
	#[error(transparent)]
	Registration(#[from] RegistrationError),
	/// A file or the network of this machine.
	#[error("cannot {action} {path}: {source}")]
	File {
		/// What was tried.
		action: &'static str,
		/// With which file or address.
		path: String,
		/// The system's answer.
		source: io::Error,
	},
	/// Anything else that went wrong here.
	#[error("{0}")]
	Local(String),
	/// The user did not want it after all.
	#[error("stopped; nothing was sent")]
	Declined,
	/// The user stopped it.
	#[error("{0}")]
	Interrupted(String),
	/// Nobody reads the output any more.
	#[error("the output is closed")]
	BrokenPipe,
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
	/// For `map_err` on file operations.
	pub(crate) fn file<'a>(
		action: &'static str,
		path: &'a (impl AsRef<Path> + ?Sized),
	) -> impl FnOnce(io::Error) -> Self + 'a {
		move |source| Self::File { action, path: path.as_ref().display().to_string(), source }
	}

	/// Word for the kind of failure, stable for programs.
	pub(crate) fn kind(&self) -> &'static str {
		match self {
			Self::Usage(_) | Self::Amount(_) => "usage",
			Self::Client(io_client::Error::Dispatch(_)) => "dispatch",
			Self::Client(_) | Self::Chain(_) => "chain",
			Self::Registration(_) | Self::File { .. } | Self::Local(_) => "local",
			Self::Declined => "declined",
			Self::Interrupted(_) => "interrupted",
			Self::BrokenPipe => "closed",
		}
	}

	/// The exit status.
	pub(crate) fn status(&self) -> u8 {
		match self {
			Self::Usage(_) | Self::Amount(_) => USAGE,
			Self::Client(_) | Self::Chain(_) => CHAIN,
			Self::Registration(_) | Self::File { .. } | Self::Local(_) => LOCAL,
			Self::Declined | Self::Interrupted(_) => INTERRUPTED,
			Self::BrokenPipe => 0,
		}
	}

	/// The exit status as the system takes it.
	pub(crate) fn exit_code(&self) -> ExitCode {
		ExitCode::from(self.status())
	}
}
