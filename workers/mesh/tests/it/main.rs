//! The mesh on the network inside the process: every fault on command.

#![allow(clippy::unwrap_used)]

mod jobs;
mod limits;
mod support;
mod transfers;
mod tunnels;
