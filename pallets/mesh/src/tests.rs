//! Tests by topic.

mod budgets;
mod claims;
mod endpoints;
mod epochs;
mod footprint;
mod liveness;
mod properties;
mod relays;
mod view;
