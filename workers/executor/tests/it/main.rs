//! Tests of whole executions.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod calls;
mod files;
mod inputs;
mod programs;
mod results;
mod support;
