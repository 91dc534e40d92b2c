//! Tests by topic. Numbers in names are the groups of attacks in the design.

mod brakes;
mod double_spend;
mod front_running;
mod jobs;
mod ledger;
mod pool;
mod properties;
mod relay;
mod replay;
mod rules;
mod shield;
mod spend;
mod turnstile;
mod view;
