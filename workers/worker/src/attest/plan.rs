//! Which class a device takes, and how many products make one round of it.
//!
//! A round should last between half a second and a second: long enough that its fixed costs vanish, short enough that a
//! chain of 128 rounds fits well into a window and that little is lost when a job interrupts it. On chains whose windows
//! last only seconds, rounds are shorter.

use std::time::Duration;

use io_primitives::{
	Balance,
	attestation::{AttestationClass, ClassParams},
};

/// A round lasts at most so long, in seconds, if the class allows it.
pub const LONGEST_ROUND: f64 = 1.0;
/// A window is to hold so many rounds at least.
const ROUNDS_OF_WINDOW: f64 = 16.0;
/// However short windows are: shorter rounds than this mostly measure their fixed costs.
const SHORTEST: f64 = 0.05;
/// A class of which the smallest round lasts so many times too long is too much for a device.
const TOO_LONG: f64 = 4.0;
/// Lanes are worth a change when rounds are shorter than this part of what they could be.
const TOO_SHORT: f64 = 0.125;
/// The smallest round of a class may last so long, in seconds.
pub const SLOWEST_ROUND: f64 = TOO_LONG * LONGEST_ROUND;
/// A larger class has to be so much faster than a smaller one, whose bond is lower.
const WORTH: f64 = 1.05;

/// How long a round may last on a chain with windows of so many slots, in seconds.
pub fn longest_round(slots: u64, slot: Duration) -> f64 {
	(slots as f64 * slot.as_secs_f64() / ROUNDS_OF_WINDOW).clamp(SHORTEST, LONGEST_ROUND)
}

/// How fast a device is in a class.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Measured {
	/// The class.
	pub class: AttestationClass,
	/// Its dimensions and bounds when that was measured.
	pub params: ClassParams,
	/// Seconds for one product with its hashes.
	pub lane_seconds: f64,
}

impl Measured {
	/// int8 operations per second.
	pub fn rate(&self) -> f64 {
		let ClassParams { m, n, k, .. } = self.params;
		2.0 * f64::from(m) * f64::from(n) * f64::from(k) / self.lane_seconds.max(f64::MIN_POSITIVE)
	}

	/// The most lanes, within the bounds of the class, of which a round lasts at most `longest` seconds; `None` if even the
	/// fewest take far too long.
	pub fn lanes(&self, longest: f64) -> Option<u32> {
		let ClassParams { min_lanes, max_lanes, .. } = self.params;
		let seconds = |lanes: u32| f64::from(lanes) * self.lane_seconds;
		let fewest = min_lanes.max(1).checked_next_power_of_two()?;
		if fewest > max_lanes || seconds(fewest) > TOO_LONG * longest {
			return None;
		}
		let doubled = std::iter::successors(Some(fewest), |lanes| lanes.checked_mul(2));
		doubled
			.take_while(|lanes| {
				*lanes == fewest || (*lanes <= max_lanes && seconds(*lanes) <= longest)
			})
			.last()
	}
}

/// What a device enrols as.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Plan {
	/// The class.
	pub class: AttestationClass,
	/// Products of one round.
	pub lanes: u32,
	/// Stake that is locked for it.
	pub bond: Balance,
	/// What is expected of the device, in int8 operations per second.
	pub rate: f64,
}

/// Why a device has no plan.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
	/// Nothing fits.
	#[error("too slow, or with too little memory, for the classes of this chain")]
	TooSlow,
	/// There is not enough stake.
	#[error(
		"the bond needs {} IO of free stake, {} IO may be used: raise the operator's stake or attestation.stake_percent",
		io_client::amount::format(*needed),
		io_client::amount::format(*budget)
	)]
	Bond {
		/// The lowest bond of a class that would do.
		needed: Balance,
		/// What may be locked.
		budget: Balance,
	},
}

/// The best class and lanes for what was measured, for at most `budget` of bond, with rounds of at most `longest` seconds.
pub fn choose(measured: &[Measured], budget: Balance, longest: f64) -> Result<Plan, Refusal> {
	let mut best: Option<Plan> = None;
	let mut cheapest: Option<Balance> = None;
	for candidate in measured {
		let Some(mut lanes) = candidate.lanes(longest) else { continue };
		let ClassParams { min_lanes, bond_per_lane, .. } = candidate.params;
		let bond = |lanes: u32| bond_per_lane.saturating_mul(Balance::from(lanes));
		while bond(lanes) > budget && lanes / 2 >= min_lanes.max(1) {
			lanes /= 2;
		}
		let plan =
			Plan { class: candidate.class, lanes, bond: bond(lanes), rate: candidate.rate() };
		if plan.bond > budget {
			cheapest = Some(cheapest.map_or(plan.bond, |least| least.min(plan.bond)));
		} else if best.is_none_or(|best| plan.rate > best.rate * WORTH) {
			best = Some(plan);
		}
	}
	match (best, cheapest) {
		(Some(plan), _) => Ok(plan),
		(None, Some(needed)) => Err(Refusal::Bond { needed, budget }),
		(None, None) => Err(Refusal::TooSlow),
	}
}

/// Whether a device had better enrol anew with other lanes, although that costs it its certificate: its rounds last so
/// long that few fit into a window, or so short that the end of the chain comes before the end of the window.
pub fn is_misfit(round_seconds: f64, lanes: u32, params: &ClassParams, longest: f64) -> bool {
	let too_slow = round_seconds > TOO_LONG * longest && lanes / 2 >= params.min_lanes.max(1);
	let too_fast =
		round_seconds < TOO_SHORT * longest && lanes.saturating_mul(2) <= params.max_lanes;
	too_slow || too_fast
}

#[cfg(test)]
mod tests {
	use super::*;

	fn measured(class: u8, side: u32, lane_seconds: f64) -> Measured {
		let params = ClassParams {
			arith: 0,
			m: side,
			n: side,
			k: 4096,
			min_lanes: 2,
			max_lanes: 64,
			openings: 64,
			bond_per_lane: 10,
		};
		Measured { class, params, lane_seconds }
	}

	#[test]
	fn should_take_the_most_lanes_that_last_a_second_when_stake_is_plenty() {
		for (lane_seconds, lanes) in
			[(0.02, 32), (0.001, 64), (0.5, 2), (0.51, 2), (0.26, 2), (0.25, 4), (1.9, 2)]
		{
			let plan = choose(&[measured(0, 1024, lane_seconds)], 10_000, 1.0).unwrap();
			assert_eq!(plan.lanes, lanes, "{lane_seconds}");
			assert_eq!(plan.bond, Balance::from(lanes) * 10);
		}
	}

	#[test]
	fn should_take_fewer_lanes_when_stake_is_short() {
		let fast = [measured(0, 1024, 0.02)];
		assert_eq!(choose(&fast, 100, 1.0).unwrap().lanes, 8);
		assert_eq!(choose(&fast, 20, 1.0).unwrap().lanes, 2);
		assert_eq!(choose(&fast, 19, 1.0), Err(Refusal::Bond { needed: 20, budget: 19 }));
	}

	#[test]
	fn should_refuse_when_the_device_is_too_slow() {
		assert_eq!(choose(&[measured(0, 1024, 2.1)], 10_000, 1.0), Err(Refusal::TooSlow));
		assert_eq!(choose(&[], 10_000, 1.0), Err(Refusal::TooSlow));
	}

	#[test]
	fn should_take_the_larger_class_only_when_it_is_faster() {
		let small = measured(0, 1024, 0.02);
		let same_rate = measured(1, 2048, 0.08);
		let faster = measured(1, 2048, 0.06);
		assert_eq!(choose(&[small, same_rate], 10_000, 1.0).unwrap().class, 0);
		assert_eq!(choose(&[small, faster], 10_000, 1.0).unwrap().class, 1);
		assert_eq!(choose(&[faster, small], 10_000, 1.0).unwrap().class, 1);
	}

	#[test]
	fn should_make_rounds_short_when_windows_are() {
		let second = Duration::from_secs(1);
		assert_eq!(longest_round(20, 6 * second), 1.0);
		assert_eq!(longest_round(8, second), 0.5);
		assert_eq!(longest_round(10, second / 100), SHORTEST);
		assert_eq!(longest_round(u64::MAX, Duration::MAX), 1.0);
		let fast = [measured(0, 1024, 0.02)];
		assert_eq!(choose(&fast, 10_000, 0.5).unwrap().lanes, 16);
		assert_eq!(choose(&fast, 10_000, 0.009), Err(Refusal::TooSlow));
	}

	#[test]
	fn should_call_a_plan_a_misfit_only_when_other_lanes_would_help() {
		let params = measured(0, 1024, 1.0).params;
		assert!(!is_misfit(0.7, 8, &params, 1.0));
		assert!(is_misfit(5.0, 8, &params, 1.0));
		assert!(!is_misfit(5.0, 2, &params, 1.0));
		assert!(is_misfit(0.1, 8, &params, 1.0));
		assert!(!is_misfit(0.1, 64, &params, 1.0));
	}

	proptest::proptest! {
		#[test]
		fn should_stay_within_class_and_budget_when_anything_is_measured(
			min in 0u32..2048, max in 0u32..2048, bond in 0u128.., budget in 0u128.., seconds: f64,
		) {
			let mut any = measured(3, 1024, seconds);
			any.params.min_lanes = min;
			any.params.max_lanes = max;
			any.params.bond_per_lane = bond;
			if let Ok(plan) = choose(&[any], budget, 1.0) {
				proptest::prop_assert!(plan.lanes.is_power_of_two());
				proptest::prop_assert!((min..=max).contains(&plan.lanes));
				proptest::prop_assert!(plan.bond <= budget);
			}
		}
	}
}
