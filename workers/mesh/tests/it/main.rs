//! The mesh on the network inside the process: every fault on command.

mod jobs;
mod limits;
mod support;
mod transfers;
mod tunnels;
