//! Which addresses are public: programs and outputs are never fetched from others unasked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
			"192.0.0.8",
			"198.18.0.1",
			"240.0.0.1",
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
}
