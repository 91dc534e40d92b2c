//! What bounds the damage of an unknown fault: pauses that end by themselves, and a tripwire on the money.

use frame_support::{ensure, traits::Get, weights::WeightMeter};
use io_primitives::{
	shielded::{Pause, PauseScope},
	BlockNumber,
};
use sp_runtime::DispatchResult;

use crate::{Config, Error, Event, Pallet, Paused, ShieldedSupply, WeightInfo, LOG_TARGET};

impl<T: Config> Pallet<T> {
	/// The pause that holds now.
	pub(crate) fn current_pause() -> Option<Pause> {
		Paused::<T>::get().filter(|pause| Self::now() < pause.until)
	}

	pub(crate) fn do_pause(scope: PauseScope, blocks: BlockNumber) -> DispatchResult {
		ensure!((1..=T::MaxPause::get()).contains(&blocks), Error::<T>::BadPause);
		Self::start_pause(scope, blocks);
		Ok(())
	}

	fn start_pause(scope: PauseScope, blocks: BlockNumber) {
		let until = Self::now().saturating_add(blocks);
		Paused::<T>::put(Pause { scope, until });
		Self::deposit_event(Event::Paused { scope, until });
	}

	pub(crate) fn do_resume() -> DispatchResult {
		ensure!(Paused::<T>::take().is_some(), Error::<T>::NotPaused);
		Self::deposit_event(Event::Resumed);
		Ok(())
	}

	/// Stops everything if the money on hold is not what the coins are worth, which only a fault or an intervention by
	/// root can cause.
	pub(crate) fn check_turnstile(meter: &mut WeightMeter) {
		if meter.try_consume(T::WeightInfo::check_turnstile()).is_err() {
			return;
		}
		let (held, supply) = (Self::held(), ShieldedSupply::<T>::get());
		if held == supply
			|| Self::current_pause().is_some_and(|p| p.scope == PauseScope::Everything)
		{
			return;
		}
		log::error!(target: LOG_TARGET, "the pool holds {held} and its coins are worth {supply}");
		Self::deposit_event(Event::TurnstileBroken { held, supply });
		Self::start_pause(PauseScope::Everything, T::MaxPause::get());
	}
}
