//! Relays and lanes as they run, on loopback: no internet, no server of anybody else.

#![allow(clippy::unwrap_used)]

mod access;
mod failover;
mod privacy;
mod receipts;
mod support;
mod tls;
