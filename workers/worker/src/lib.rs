#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod agent;
pub mod attest;
pub mod bench;
pub mod cli;
pub mod config;
pub mod content;
pub mod daemon;
pub mod devices;
pub mod direct;
pub mod doctor;
pub mod fetch;
pub mod gateway;
pub mod journal;
pub mod kernel;
pub mod keystore;
pub mod mesh;
pub mod metrics;
pub mod net;
pub mod registration;
pub mod runner;
mod sealing;
pub mod status;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex, also after a thread panicked while it held it: all data behind our mutexes is valid at any moment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
	mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds since 1970, for file names, logs and retention; no decision about money depends on it.
pub(crate) fn unix_seconds() -> u64 {
	std::time::SystemTime::now()
		.duration_since(std::time::UNIX_EPOCH)
		.map_or(0, |since| since.as_secs())
}
