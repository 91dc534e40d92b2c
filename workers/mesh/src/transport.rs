//! What the layers above need from a network: authenticated, encrypted links that carry many streams.
//!
//! `quic` is the real one (iroh), [`memory`] a network inside the process with faults on command.

pub mod memory;
#[cfg(feature = "quic")]
pub mod quic;
#[cfg(feature = "quic")]
mod trust;

#[cfg(feature = "quic")]
pub use trust::{RelayTrust, pin_of};

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{EndpointId, Error, LaneAddress};

/// One end of a lane: an endpoint that can dial and be dialed.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
	/// Its name.
	fn local(&self) -> EndpointId;

	/// Where others reach it.
	fn address(&self) -> LaneAddress;

	/// Dials. The link that comes back is to exactly that endpoint.
	async fn connect(&self, to: &LaneAddress) -> Result<Arc<dyn Link>, Error>;

	/// The next link that somebody else opened; `None` after [`Transport::close`].
	async fn accept(&self) -> Option<Arc<dyn Link>>;

	/// Bytes that its relay has carried for it, both ways, since it was opened.
	fn relayed(&self) -> u64;

	/// Returns when the way out (the relay of this lane) has come back after an outage. Links that suffered from it are better
	/// dialed anew than waited for.
	async fn restored(&self);

	/// Ends all links.
	async fn close(&self);
}

/// An authenticated, encrypted link to another endpoint.
#[async_trait]
pub trait Link: fmt::Debug + Send + Sync + 'static {
	/// Who is at the other end.
	fn remote(&self) -> EndpointId;

	/// Opens a stream.
	async fn open(&self) -> Result<Stream, Error>;

	/// The next stream that the other end opened.
	async fn accept(&self) -> Result<Stream, Error>;

	/// How it goes.
	fn status(&self) -> LinkStatus;

	/// Returns when the link has ended.
	async fn closed(&self);

	/// Why it has ended, in words; `None` while it has not.
	fn ended(&self) -> Option<String>;

	/// Ends the link. The other end learns the reason.
	fn close(&self, reason: &'static str);
}

/// How a link goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkStatus {
	/// Whether data could flow as far as this end can tell: false while the relay that the link goes through is not there.
	pub up: bool,
	/// Whether it goes straight from machine to machine.
	pub direct: bool,
	/// Round-trip time.
	pub rtt: Duration,
}

/// A pair of byte streams, one each way.
pub struct Stream {
	/// To the peer.
	pub send: SendHalf,
	/// From the peer. Dropping it tells the peer to stop.
	pub recv: Pin<Box<dyn AsyncRead + Send>>,
}

impl fmt::Debug for Stream {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("Stream")
	}
}

/// The sending half of a stream.
///
/// Dropped without [`tokio::io::AsyncWriteExt::shutdown`] it resets the stream, so that what was cut off never looks complete.
pub struct SendHalf {
	inner: Box<dyn RawSend>,
	finished: bool,
}

/// A sender that can be cut off.
pub(crate) trait RawSend: AsyncWrite + Send + Unpin {
	/// Cuts off: the reader gets an error.
	fn reset(&mut self);
}

impl SendHalf {
	pub(crate) fn new(inner: Box<dyn RawSend>) -> SendHalf {
		SendHalf { inner, finished: false }
	}
}

impl Drop for SendHalf {
	fn drop(&mut self) {
		if !self.finished {
			self.inner.reset();
		}
	}
}

impl AsyncWrite for SendHalf {
	fn poll_write(
		mut self: Pin<&mut Self>,
		cx: &mut std::task::Context<'_>,
		buf: &[u8],
	) -> std::task::Poll<std::io::Result<usize>> {
		Pin::new(&mut self.inner).poll_write(cx, buf)
	}

	fn poll_flush(
		mut self: Pin<&mut Self>,
		cx: &mut std::task::Context<'_>,
	) -> std::task::Poll<std::io::Result<()>> {
		Pin::new(&mut self.inner).poll_flush(cx)
	}

	fn poll_shutdown(
		mut self: Pin<&mut Self>,
		cx: &mut std::task::Context<'_>,
	) -> std::task::Poll<std::io::Result<()>> {
		let polled = Pin::new(&mut self.inner).poll_shutdown(cx);
		if matches!(polled, std::task::Poll::Ready(Ok(()))) {
			self.finished = true;
		}
		polled
	}
}
