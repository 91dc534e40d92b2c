//! `ionet/tcp/1`: a TCP connection from the client's machine to a service on the worker's, over the mesh.
//!
//! A tunnel outlives the link it goes over. Both ends number the bytes of each direction and keep what the other end has not yet
//! handed on; when a link is lost or silent, the client opens a stream on another lane and both go on where they were. Nothing is lost
//! or doubled, and the applications notice a pause at most.
//!
//! The client says [`Hello`], the server answers `Result<u64, Refusal>` with the number of bytes that it has received, then both send
//! [`Frame`]s. Which ports can be reached is decided by the server alone ([`Services`]).

mod client;
mod pipe;
mod server;

pub use client::{Forward, TunnelConfig, connect};
pub use server::{Services, TunnelServer};

use codec::{Decode, Encode};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Name of the protocol.
pub const PROTOCOL: &str = "ionet/tcp/1";

/// Most bytes of data in a frame.
pub(crate) const MAX_DATA: usize = 32 * 1024;
/// Most bytes of a frame.
pub const MAX_FRAME: usize = MAX_DATA + 32;
/// Most bytes of a [`Hello`].
const MAX_HELLO: usize = 32;
/// Bytes of one direction that are under way: sent by one application, not yet taken by the other.
pub const WINDOW: usize = 2 * 1024 * 1024;

/// Name of a tunnel: random, chosen by the client, known to nobody else. Whoever says it and may reach the port goes on with the tunnel,
/// for a client can be another peer on each of its lanes.
pub type TunnelId = [u8; 16];

/// Closes a socket so that its application does not take what came for all there is.
fn break_off(from: OwnedReadHalf, to: OwnedWriteHalf) {
	if let Ok(socket) = from.reunite(to) {
		// Without the reset it would look like the end of the stream.
		let _ = socket.set_zero_linger();
	}
}

/// How a stream of a tunnel begins.
#[derive(Encode, Decode, Clone, PartialEq, Eq, Debug)]
pub enum Hello {
	/// A new tunnel to this port of the worker's machine. Said twice with the same id it is one tunnel.
	#[codec(index = 0)]
	Open(TunnelId, u16),
	/// An old tunnel goes on over this stream; the client has received so many bytes.
	#[codec(index = 1)]
	Resume(TunnelId, u64),
}

/// What travels in a tunnel, both ways.
#[derive(Encode, Decode, Clone, PartialEq, Eq, Debug)]
pub enum Frame {
	/// Bytes, and how many of this direction were before them.
	#[codec(index = 0)]
	Data(u64, Vec<u8>),
	/// So many bytes were handed to the application. The end of the direction counts as one.
	#[codec(index = 1)]
	Taken(u64),
	/// The direction ends after so many bytes.
	#[codec(index = 2)]
	End(u64),
	/// The application broke the connection off.
	#[codec(index = 3)]
	Abort,
	/// Are you there?
	#[codec(index = 4)]
	Ping,
	/// I am.
	#[codec(index = 5)]
	Pong,
}
