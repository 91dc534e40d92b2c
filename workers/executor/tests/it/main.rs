//! Tests of whole executions.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod results;
mod support;
