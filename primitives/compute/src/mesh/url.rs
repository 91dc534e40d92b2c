//! Where a relay may be.

use core::{net::Ipv6Addr, str};

/// What is wrong with a relay's URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UrlError {
	/// It does not begin with `https://`.
	Scheme,
	/// It has no host, or one that is neither a name in small letters nor an address.
	Host,
	/// The port is no number from 1 to 65535.
	Port,
}

/// Whether a relay can be at this URL: `https://`, a host, perhaps a port, perhaps a slash at the end. No user, path or query:
/// whoever dials a relay must not be led to a page of another service.
pub fn check_url(url: &[u8]) -> Result<(), UrlError> {
	let url = str::from_utf8(url).map_err(|_| UrlError::Host)?;
	let rest = url.strip_prefix("https://").ok_or(UrlError::Scheme)?;
	let rest = rest.strip_suffix('/').unwrap_or(rest);
	let port = match rest.strip_prefix('[') {
		Some(rest) => {
			let (address, port) = rest.split_once(']').ok_or(UrlError::Host)?;
			address.parse::<Ipv6Addr>().map_err(|_| UrlError::Host)?;
			match port.strip_prefix(':') {
				Some(port) => Some(port),
				None if port.is_empty() => None,
				None => return Err(UrlError::Port),
			}
		},
		None => {
			let (host, port) = match rest.split_once(':') {
				Some((host, port)) => (host, Some(port)),
				None => (rest, None),
			};
			if !host.split('.').all(is_label) {
				return Err(UrlError::Host);
			}
			port
		},
	};
	port.map_or(Ok(()), check_port)
}

/// A part of a host name (RFC 1123), or of an IPv4 address.
fn is_label(label: &str) -> bool {
	(1..=63).contains(&label.len())
		&& !label.starts_with('-')
		&& !label.ends_with('-')
		&& label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn check_port(port: &str) -> Result<(), UrlError> {
	// `parse` would take a sign.
	let digits = port.bytes().all(|b| b.is_ascii_digit());
	match port.parse::<u16>() {
		Ok(number) if digits && number > 0 => Ok(()),
		_ => Err(UrlError::Port),
	}
}
