//! Why an execution gave no result.

use std::{io, path::PathBuf};

/// No result: something about this machine, never about the job. The same task may be tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
	/// [`Control::cancel`](crate::Control::cancel) was called.
	#[error("the execution was cancelled")]
	Cancelled,
	/// The task's wall-clock time is over. It is a guard for this machine: another one may be fast enough.
	#[error("the execution took longer than its wall-clock limit; a faster machine may finish it")]
	WallClock,
	/// A file of this machine could not be read or written.
	#[error("cannot {what} {}: {source}; check the disk's free space and permissions", path.display())]
	Io {
		/// What was tried.
		what: &'static str,
		/// The file or directory.
		path: PathBuf,
		/// What the system said.
		source: io::Error,
	},
	/// The WebAssembly engine could not do its work here, for example for lack of memory.
	#[error("the WebAssembly engine failed on this machine: {0}")]
	Engine(String),
}

impl Error {
	pub(crate) fn io(
		what: &'static str,
		path: impl Into<PathBuf>,
	) -> impl FnOnce(io::Error) -> Self {
		let path = path.into();
		move |source| Error::Io { what, path, source }
	}
}

/// Why a running program is stopped from the host's side.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
	#[error("exit {0}")]
	Exit(u32),
	#[error("out of fuel")]
	OutOfFuel,
	#[error("output limit")]
	OutputLimit,
	#[error("cancelled")]
	Cancelled,
	#[error("wall clock")]
	WallClock,
	#[error("cannot {what}: {source}")]
	Machine { what: &'static str, source: io::Error },
	#[error("engine: {0}")]
	Engine(String),
}
