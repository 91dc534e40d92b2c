//! What can go wrong between two machines.

use std::io;

/// An error of the mesh.
#[derive(thiserror::Error, Debug)]
pub enum Error {
	/// No link to the peer could be had in time.
	#[error("the peer cannot be reached on any lane: {0}")]
	Unreachable(String),
	/// The link ended while it was used.
	#[error("the link was lost: {0}")]
	Lost(String),
	/// A stream broke or the file system said no.
	#[error(transparent)]
	Io(#[from] io::Error),
	/// The peer sent what the protocol does not allow.
	#[error("the peer broke the protocol: {0}")]
	Protocol(&'static str),
	/// The peer said no.
	#[error("the peer refused: {0}")]
	Refused(Refusal),
	/// Nothing moved for too long.
	#[error("nothing moved for {0} s")]
	Stalled(u64),
	/// The content is longer than wanted.
	#[error("the content has more than {0} bytes")]
	TooLong(u64),
	/// Content did not have the hash that it must have.
	#[error("chunk {0} of the content is corrupt")]
	Corrupt(u32),
	/// An address could not be read.
	#[error("not an address of the mesh: {0}")]
	Address(&'static str),
	/// The local endpoint could not be set up.
	#[error("cannot open an endpoint: {0}")]
	Endpoint(String),
	/// A setting makes no sense.
	#[error("{0}")]
	Config(String),
}

/// Why a peer says no.
#[derive(codec::Encode, codec::Decode, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
	/// It does not serve this protocol.
	#[codec(index = 0)]
	Protocol,
	/// It does not have this, or does not show it to us.
	#[codec(index = 1)]
	NotFound,
	/// We ask for too much at once.
	#[codec(index = 2)]
	Busy,
	/// This port is not on its list.
	#[codec(index = 3)]
	Port,
	/// The service behind the port does not answer.
	#[codec(index = 4)]
	Service,
	/// It does not understand the request, or the request does not fit its state.
	#[codec(index = 5)]
	Request,
}

impl std::fmt::Display for Refusal {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.write_str(match self {
			Refusal::Protocol => "it does not serve this protocol",
			Refusal::NotFound => "it does not have this, or does not show it to us",
			Refusal::Busy => "too much at once",
			Refusal::Port => "this port is not on its list",
			Refusal::Service => "the service behind the port does not answer",
			Refusal::Request => "it does not accept the request",
		})
	}
}
