//! Tests by topic. Each one checks all invariants at its end.

mod beacon;
mod certificates;
mod classes;
mod commitments;
mod enrolments;
mod footprint;
mod invariants;
mod lifecycle;
mod offchain;
mod reveals;
mod verdicts;
mod view;
