#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod address;
pub mod blob;
pub mod error;
pub mod frame;
pub mod job;
#[cfg(feature = "quic")]
pub mod lanes;
pub mod locator;
pub mod metrics;
pub mod node;
pub mod receipt;
pub mod relays;
pub mod seal;
pub mod session;
pub mod transport;
pub mod tunnel;

pub use address::{EndpointId, LaneAddress, PeerAddress};
pub use error::Error;
pub use locator::ContentAt;
pub use node::{Mesh, Peer};
pub use relays::{ListedRelay, RelayList};
pub use session::MeshSession;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The one application protocol of our QUIC connections (ALPN). Each stream in it begins with the name of its own.
pub const ALPN: &[u8] = b"ionet/mesh/1";

/// Locks a mutex, also after a thread panicked while it held it: all data behind our mutexes is valid at any moment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
	mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
