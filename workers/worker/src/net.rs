//! Sockets: binding with clear errors, connections that cannot be held open for ever, and which addresses are public.

use std::{
	future::Future,
	io,
	net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
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

/// Whether an address is on the public internet, and not this machine, its network or something reserved.
pub fn is_public(address: IpAddr) -> bool {
	match address {
		IpAddr::V4(v4) => is_public_v4(v4),
		IpAddr::V6(v6) => is_public_v6(v6),
	}
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
	let [a, b, c, _] = v4.octets();
	!(v4.is_private()
		|| v4.is_loopback()
		|| v4.is_link_local()
		|| v4.is_documentation()
		|| v4.is_multicast()
		|| a == 0
		|| a >= 240
		|| (a == 100 && (64..128).contains(&b))
		|| (a == 192 && b == 0 && c == 0)
		|| (a == 198 && (18..20).contains(&b)))
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
	let s = v6.segments();
	let low = Ipv4Addr::from(((s[6] as u32) << 16) | s[7] as u32);
	match s {
		// IPv4 in IPv6: mapped, compatible (with :: and ::1), translated.
		[0, 0, 0, 0, 0, 0xffff, ..] => is_public_v4(low),
		[0, 0, 0, 0, 0, 0, ..] => false,
		[0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(low),
		// 6to4 holds an IPv4 address in front.
		[0x2002, high, mid, ..] => is_public_v4(Ipv4Addr::from(((high as u32) << 16) | mid as u32)),
		// Teredo and the other special blocks in 2001:0000::/23, documentation.
		[0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
		// All public addresses given out so far are in 2000::/3.
		[first, ..] => first & 0xe000 == 0x2000,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_call_an_address_private_when_it_is() {
		for text in [
			"127.0.0.1",
			"10.1.2.3",
			"172.16.0.1",
			"192.168.1.1",
			"169.254.169.254",
			"0.0.0.0",
			"100.64.0.1",
			"224.0.0.1",
			"255.255.255.255",
			"::1",
			"::",
			"fe80::1",
			"fd00::1",
			"::ffff:127.0.0.1",
			"::127.0.0.1",
			"64:ff9b::10.0.0.1",
			"2002:7f00:1::",
			"2001:db8::1",
			"ff02::1",
			"2001:0:1::",
		] {
			assert!(!is_public(text.parse().unwrap()), "{text}");
		}
	}

	#[test]
	fn should_call_an_address_public_when_it_is() {
		for text in ["1.1.1.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "2001:4860::1"]
		{
			assert!(is_public(text.parse().unwrap()), "{text}");
		}
	}

	#[tokio::test]
	async fn should_say_what_to_do_when_the_port_is_taken() {
		let first = bind("gateway", ([127, 0, 0, 1], 0).into()).await.unwrap();
		let error = bind("gateway", first.local_addr().unwrap()).await.unwrap_err();
		assert!(error.to_string().contains("uses this port"), "{error}");
	}
}
