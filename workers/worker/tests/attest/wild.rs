//! A chain that does anything in any order, and a machine whose power is cut now and then. Whatever happens, a device says
//! one commitment for a window, and the chain finds nothing wrong in what it is shown.

use std::{sync::atomic::Ordering, time::Duration};

use proptest::prelude::*;

use crate::{chain::Chain, machine::Machine};

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Event {
	Block,
	Again,
	/// The view of some blocks ago, once more.
	Stale,
	/// Calls have no effect for some blocks.
	Deaf,
	Window,
	/// Slots pass without blocks.
	Slots(u8),
	Restart,
	Busy(bool),
	Fault,
	Wait,
}

fn event() -> impl Strategy<Value = Event> {
	prop_oneof![
		6 => Just(Event::Block),
		2 => Just(Event::Again),
		1 => Just(Event::Stale),
		1 => Just(Event::Deaf),
		2 => Just(Event::Window),
		1 => (0u8..4).prop_map(Event::Slots),
		1 => Just(Event::Restart),
		1 => any::<bool>().prop_map(Event::Busy),
		1 => Just(Event::Fault),
		2 => Just(Event::Wait),
	]
}

proptest! {
	#![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

	#[test]
	fn should_say_one_commitment_for_a_window_when_anything_happens(
		events in proptest::collection::vec(event(), 1..60),
	) {
		let mut machine = Machine::new();
		let mut chain = Chain::new(machine.attester().worker());
		chain.enrol(0, 4);
		let mut stale = chain.request();
		let mut deaf = 0u32;
		for event in events {
			match event {
				Event::Block => {
					chain.deaf = deaf > 0;
					deaf = deaf.saturating_sub(1);
					chain.block(machine.attester());
				},
				Event::Again => {
					chain.again(machine.attester());
				},
				Event::Stale => {
					chain.ask(machine.attester(), &stale);
					stale = chain.request();
				},
				Event::Deaf => deaf = 3,
				Event::Window => {
					if chain.view.window.is_none_or(|window| chain.view.slot > window.last_slot) {
						chain.open_window(1);
					}
				},
				Event::Slots(slots) => chain.view.slot += u64::from(slots),
				Event::Restart => machine.restart(),
				Event::Busy(busy) => machine.attester().set_busy(busy),
				Event::Fault => machine.manner.faults.store(1, Ordering::Relaxed),
				Event::Wait => std::thread::sleep(Duration::from_millis(5)),
			}
			chain.check();
		}
		// Whoever has committed gets its certificate in the end: the chain's own checks are in its rules.
		machine.attester().set_busy(false);
		if !chain.view.commitments.is_empty() {
			chain.deaf = false;
			let window = chain.view.commitments[0].window;
			machine.manner.faults.store(0, Ordering::Relaxed);
			for _ in 0..30 {
				if chain.certified(window) {
					break;
				}
				chain.block(machine.attester());
				std::thread::sleep(Duration::from_millis(100));
			}
			prop_assert!(chain.certified(window));
		}
	}
}
