//! Migrations that run with a runtime upgrade, oldest first. An entry goes when every chain has run it.

/// What the next upgrade runs: nothing, this is the first version.
pub type Migrations = ();
