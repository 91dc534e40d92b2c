//! Sockets: binding with clear errors, and connections that cannot be held open for ever.

use std::{
	future::Future,
	io,
	net::SocketAddr,
	pin::Pin,
	sync::Arc,
	task::{Context, Poll},
	time::Duration,
};

use tokio::{
	io::{AsyncRead, AsyncWrite, ReadBuf},
	net::{TcpListener, TcpStream},
	sync::{OwnedSemaphorePermit, Semaphore},
	time::{Instant, Sleep},
};

/// A socket could not be opened.
#[derive(thiserror::Error, Debug)]
#[error(
	"cannot listen on {address} for the {what}: {source}. {}",
	if source.kind() == io::ErrorKind::AddrInUse {
		"Another program (another io-worker?) uses this port: stop it, or choose another one"
	} else {
		"Choose an address and port that this user may use"
	}
)]
pub struct BindError {
	/// For what.
	pub what: &'static str,
	/// Where.
	pub address: SocketAddr,
	/// Why not.
	pub source: io::Error,
}

/// Opens a listening socket.
pub async fn bind(what: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
	TcpListener::bind(address).await.map_err(|source| BindError { what, address, source })
}

/// A listener that has at most so many connections, and drops those on which nothing moves.
pub struct Guarded {
	listener: TcpListener,
	slots: Arc<Semaphore>,
	idle: Duration,
}

impl Guarded {
	/// Guards a listener.
	pub fn new(listener: TcpListener, connections: usize, idle: Duration) -> Guarded {
		Guarded { listener, slots: Arc::new(Semaphore::new(connections)), idle }
	}
}

impl axum::serve::Listener for Guarded {
	type Io = Connection;
	type Addr = SocketAddr;

	async fn accept(&mut self) -> (Connection, SocketAddr) {
		loop {
			// Nobody closes the semaphore.
			let Ok(permit) = self.slots.clone().acquire_owned().await else {
				std::future::pending().await
			};
			match self.listener.accept().await {
				Ok((stream, peer)) => {
					let timer = Box::pin(tokio::time::sleep(self.idle));
					return (Connection { stream, idle: self.idle, timer, _permit: permit }, peer);
				},
				Err(error) => {
					tracing::warn!(%error, "a connection could not be accepted");
					tokio::time::sleep(Duration::from_millis(200)).await;
				},
			}
		}
	}

	fn local_addr(&self) -> io::Result<SocketAddr> {
		self.listener.local_addr()
	}
}

/// One connection of a [`Guarded`] listener.
pub struct Connection {
	stream: TcpStream,
	idle: Duration,
	timer: Pin<Box<Sleep>>,
	_permit: OwnedSemaphorePermit,
}

impl Connection {
	fn guard<T>(
		&mut self,
		cx: &mut Context<'_>,
		polled: Poll<io::Result<T>>,
	) -> Poll<io::Result<T>> {
		if polled.is_ready() {
			let next = Instant::now() + self.idle;
			self.timer.as_mut().reset(next);
			return polled;
		}
		match self.timer.as_mut().poll(cx) {
			Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
			Poll::Pending => Poll::Pending,
		}
	}
}

impl AsyncRead for Connection {
	fn poll_read(
		mut self: Pin<&mut Self>,
		cx: &mut Context<'_>,
		buf: &mut ReadBuf<'_>,
	) -> Poll<io::Result<()>> {
		let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
		self.guard(cx, polled)
	}
}

impl AsyncWrite for Connection {
	fn poll_write(
		mut self: Pin<&mut Self>,
		cx: &mut Context<'_>,
		buf: &[u8],
	) -> Poll<io::Result<usize>> {
		let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
		self.guard(cx, polled)
	}

	fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
		Pin::new(&mut self.stream).poll_flush(cx)
	}

	fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
		Pin::new(&mut self.stream).poll_shutdown(cx)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[tokio::test]
	async fn should_say_what_to_do_when_the_port_is_taken() {
		let first = bind("gateway", ([127, 0, 0, 1], 0).into()).await.unwrap();
		let error = bind("gateway", first.local_addr().unwrap()).await.unwrap_err();
		assert!(error.to_string().contains("uses this port"), "{error}");
	}
}
