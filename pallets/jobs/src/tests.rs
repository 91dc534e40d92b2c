//! Tests by topic. Each one checks all invariants at its end.

mod agenda;
mod draw;
mod footprint;
mod invariants;
mod offchain;
mod settlement;
mod states;
mod steps;
mod submission;
mod trial;
mod view;
mod workers;
