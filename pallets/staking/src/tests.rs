//! One file per topic; every test ends with `try_state`.

mod bonds;
mod invariants;
mod operators;
mod slashing;
