//! Stopping a product that runs.

use std::sync::{
	atomic::{AtomicBool, Ordering},
	Arc,
};

use crate::Error;

/// A switch shared between what computes and what may want the machine back. Products look at it between blocks of
/// rows, so they end within a fraction of a second.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
	/// A switch that is off.
	pub fn new() -> Self {
		Self::default()
	}

	/// Ends what runs now, and what starts before [`Self::reset`], with [`Error::Cancelled`].
	pub fn cancel(&self) {
		self.0.store(true, Ordering::Relaxed);
	}

	/// Lets products run again.
	pub fn reset(&self) {
		self.0.store(false, Ordering::Relaxed);
	}

	/// Whether the switch is on.
	pub fn is_cancelled(&self) -> bool {
		self.0.load(Ordering::Relaxed)
	}

	/// [`Error::Cancelled`] if the switch is on.
	pub fn check(&self) -> Result<(), Error> {
		if self.is_cancelled() {
			Err(Error::Cancelled)
		} else {
			Ok(())
		}
	}
}
