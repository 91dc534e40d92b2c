//! Clocks, random bytes, polling, signals and sockets.

use super::{Ctx, Done, Errno, MAX_BUFFERS, Random};
use crate::{error::Stop, tariff};

/// The real-time clock at the start of every program: 2026-01-01 00:00:00 UTC, in nanoseconds since 1970.
pub(super) const START: u64 = 1_767_225_600_000_000_000;
/// Nanoseconds that a clock advances per unit of fuel.
const NANOS_PER_FUEL: u64 = 1;

const SUBSCRIPTION: u32 = 48;
const EVENT: u32 = 32;

impl Ctx<'_> {
	/// Time: fuel used and time slept since the start. Processor clocks do not count sleep.
	fn now(&self, clock: u32) -> Result<u64, Errno> {
		let worked = self.used().saturating_mul(NANOS_PER_FUEL);
		let passed = worked.saturating_add(self.host.slept);
		match clock {
			0 => Ok(START.saturating_add(passed)),
			1 => Ok(passed),
			2 | 3 => Ok(worked),
			_ => Err(Errno::Inval),
		}
	}

	pub(super) fn clock_res_get(&mut self, clock: u32, result: u32) -> Done {
		self.now(clock)?;
		Ok(self.put_u64(result, NANOS_PER_FUEL)?)
	}

	pub(super) fn clock_time_get(&mut self, clock: u32, _precision: u64, result: u32) -> Done {
		let now = self.now(clock)?;
		Ok(self.put_u64(result, now)?)
	}

	pub(super) fn random_get(&mut self, buffer: u32, len: u32) -> Done {
		self.charge(len as u64 * tariff::RANDOM_BYTE)?;
		if let Random::Seed(seed) = &mut self.host.random {
			let stream = seed
				.stream()
				.map_err(|source| Stop::Machine { what: "read the input from", source })?;
			self.host.random = Random::Stream(Box::new(stream));
		}
		let start = buffer as usize;
		let into = self.memory.get_mut(start..start + len as usize).ok_or(Errno::Fault)?;
		if let Random::Stream(stream) = &mut self.host.random {
			stream.fill(into);
		}
		Ok(())
	}

	/// Descriptors are always ready. If only clocks are waited for, the earliest one comes at once, and the clocks
	/// advance to it.
	pub(super) fn poll_oneoff(
		&mut self,
		subscriptions: u32,
		events: u32,
		count: u32,
		result: u32,
	) -> Done {
		if count == 0 || count > MAX_BUFFERS {
			return Err(Errno::Inval.into());
		}
		self.charge_bytes(count as u64 * (SUBSCRIPTION + EVENT) as u64)?;
		self.bytes(subscriptions, count * SUBSCRIPTION)?;
		self.bytes_mut(events, count * EVENT)?;

		let mut ready: Vec<[u8; EVENT as usize]> = Vec::new();
		// When each clock comes, as nanoseconds from now.
		let mut clocks: Vec<(u64, u64)> = Vec::new();
		for index in 0..count {
			let at = subscriptions + index * SUBSCRIPTION;
			let user = self.u64(at)?;
			let kind = self.array::<1>(at + 8)?[0];
			match kind {
				0 => {
					let clock = self.u32(at + 16)?;
					let timeout = self.u64(at + 24)?;
					let absolute = self.u16(at + 40)? & 1 == 1;
					match self.now(clock) {
						Ok(now) if absolute => clocks.push((user, timeout.saturating_sub(now))),
						Ok(_) => clocks.push((user, timeout)),
						Err(errno) => ready.push(event(user, Some(errno), kind, 0)),
					}
				},
				1 | 2 => {
					let fd = self.u32(at + 16)?;
					let (errno, bytes) = match self.ready_bytes(fd, kind == 1) {
						Ok(bytes) => (None, bytes),
						Err(errno) => (Some(errno), 0),
					};
					ready.push(event(user, errno, kind, bytes));
				},
				_ => return Err(Errno::Inval.into()),
			}
		}
		let wait = match ready.is_empty() {
			true => clocks.iter().map(|(_, wait)| *wait).min().unwrap_or(0),
			false => 0,
		};
		self.host.slept = self.host.slept.saturating_add(wait);
		ready.extend(
			clocks.iter().filter(|(_, due)| *due <= wait).map(|(user, _)| event(*user, None, 0, 0)),
		);
		let count = ready.len() as u32;
		for (index, event) in ready.iter().enumerate() {
			self.put(events + index as u32 * EVENT, event)?;
		}
		Ok(self.put_u32(result, count)?)
	}

	pub(super) fn proc_raise(&mut self, _signal: u32) -> Done {
		Err(Errno::NotSup.into())
	}

	pub(super) fn sched_yield(&mut self) -> Done {
		Ok(())
	}

	/// There is no network: no descriptor is a socket.
	fn no_socket(&mut self, fd: u32) -> Done {
		self.host.fds.get(fd)?;
		Err(Errno::NotSock.into())
	}

	pub(super) fn sock_accept(&mut self, fd: u32, _flags: u32, _result: u32) -> Done {
		self.no_socket(fd)
	}

	pub(super) fn sock_recv(
		&mut self,
		fd: u32,
		_buffers: u32,
		_count: u32,
		_flags: u32,
		_size: u32,
		_result: u32,
	) -> Done {
		self.no_socket(fd)
	}

	pub(super) fn sock_send(
		&mut self,
		fd: u32,
		_buffers: u32,
		_count: u32,
		_flags: u32,
		_result: u32,
	) -> Done {
		self.no_socket(fd)
	}

	pub(super) fn sock_shutdown(&mut self, fd: u32, _how: u32) -> Done {
		self.no_socket(fd)
	}
}

fn event(user: u64, errno: Option<Errno>, kind: u8, bytes: u64) -> [u8; EVENT as usize] {
	let mut event = [0; EVENT as usize];
	event[..8].copy_from_slice(&user.to_le_bytes());
	event[8..10].copy_from_slice(&errno.map_or(0, |errno| errno as u16).to_le_bytes());
	event[10] = kind;
	event[16..24].copy_from_slice(&bytes.to_le_bytes());
	event
}
