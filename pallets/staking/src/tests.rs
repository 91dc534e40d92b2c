//! One file per topic; every test ends with `try_state`.

mod bonds;
mod delegation;
mod election;
mod invariants;
mod operators;
mod pool;
mod redelegation;
mod rewards;
mod scale;
mod slashing;
mod work;
