//! Which devices take part, and as what.

use io_primitives::{
	AccountId, Balance, BlockNumber,
	attestation::{AttestationCall, DeviceIndex, ENROLMENT_BLOCKS, Enrolment},
};

use super::{
	State, dimensions,
	journal::{Stage, Topic},
	plan::{self, Measured, Plan},
	prover::Prover,
	sync::Sync,
};

/// Blocks for which an enrolment or a departure counts.
const CHANGE_BLOCKS: BlockNumber = 16;

/// Whether an enrolled device is what it should be.
enum Wish {
	/// It is.
	Keep,
	/// With other lanes its rounds would have a better length.
	Lanes(Measured),
	/// Its class is another one now.
	Anew,
}

impl Sync<'_> {
	/// Enrols devices, or lets them leave.
	pub(super) fn enrolments(&mut self, state: &mut State) {
		if state.draining {
			return;
		}
		let share = Balance::from(self.inner.settings.stake_percent.min(100));
		let locked: Balance =
			self.view.enrolments.iter().fold(0, |sum, e| sum.saturating_add(e.bond));
		let free = self.view.free_bond.unwrap_or_default();
		// What devices of this worker have locked counts as theirs.
		let mut budget =
			(free.saturating_add(locked).saturating_mul(share) / 100).saturating_sub(locked);
		budget = budget.min(free);
		for enrolment in &self.view.enrolments {
			let is_here = self.inner.provers.get(&enrolment.device).is_some_and(|p| !p.is_broken());
			if !(self.inner.settings.enabled && is_here) {
				let leave = AttestationCall::Leave { device: enrolment.device };
				self.change(enrolment.device, Some(enrolment), leave);
			}
		}
		if !self.inner.settings.enabled {
			return;
		}
		for (device, prover) in &self.inner.provers {
			if prover.is_broken() {
				continue;
			}
			let current = self.enrolment(*device).cloned();
			match self.wanted(prover, *device, current.as_ref(), budget) {
				Ok(Some(plan)) => {
					let Plan { class, lanes, bond, .. } = plan;
					let enrol = AttestationCall::Enrol { device: *device, class, lanes };
					let own = current.as_ref().map_or(0, |current| current.bond);
					if self.change(*device, current.as_ref(), enrol) {
						budget = budget.saturating_sub(bond.saturating_sub(own));
					}
					state.obstacles.remove(device);
				},
				Ok(None) => {
					state.obstacles.remove(device);
				},
				Err(obstacle) => {
					if state.obstacles.get(device) != Some(&obstacle) {
						tracing::warn!(device, "a device cannot enrol: {obstacle}");
						state.obstacles.insert(*device, obstacle);
					}
				},
			}
		}
	}

	/// What a device should enrol as; `None` if nothing is to be changed, or not yet. Fails with what stands in the way.
	fn wanted(
		&mut self,
		prover: &Prover,
		device: DeviceIndex,
		current: Option<&Enrolment<AccountId>>,
		budget: Balance,
	) -> Result<Option<Plan>, String> {
		if self.view.free_bond.is_none() {
			return Err("the chain does not know this worker yet".into());
		}
		if self.view.classes.is_empty() {
			return Err("the chain has no class of devices".into());
		}
		let measured = match current.map_or(Wish::Anew, |current| self.wish(prover, current)) {
			Wish::Keep => {
				self.forget_call(Topic::Device(device));
				return Ok(None);
			},
			Wish::Lanes(measured) => vec![measured],
			// A window is no time to measure: the device has a chain to do.
			Wish::Anew if prover.progress().is_some() => return Ok(None),
			Wish::Anew => {
				prover.measure(&self.view.classes);
				match prover.measured(&self.view.classes) {
					Some(measured) => measured,
					None => return Ok(None),
				}
			},
		};
		let own = current.map_or(0, |current| current.bond);
		let plan = plan::choose(&measured, budget.saturating_add(own), self.longest_round)
			.map_err(|e| e.to_string())?;
		let same = current
			.is_some_and(|c| (c.class, c.lanes) == (plan.class, plan.lanes) && self.is_of_today(c));
		Ok((!same).then_some(plan))
	}

	/// Whether an enrolment has the dimensions that its class has now; one of a class that is gone keeps its own.
	fn is_of_today(&self, enrolment: &Enrolment<AccountId>) -> bool {
		let today = self.view.classes.iter().find(|(class, _)| *class == enrolment.class);
		today.is_none_or(|(_, params)| *params == enrolment.params)
	}

	/// Whether an enrolled device had better enrol as something else, although that costs it its certificate.
	fn wish(&self, prover: &Prover, current: &Enrolment<AccountId>) -> Wish {
		let Some(params) = dimensions(current).filter(|_| self.is_of_today(current)) else {
			return Wish::Anew;
		};
		match prover.round_seconds(&params) {
			Some(seconds)
				if plan::is_misfit(seconds, current.lanes, &current.params, self.longest_round) =>
			{
				Wish::Lanes(Measured {
					class: current.class,
					params: current.params,
					lane_seconds: seconds / f64::from(current.lanes),
				})
			},
			_ => Wish::Keep,
		}
	}

	/// Says that a device enrols or leaves, if the chain would take it now.
	fn change(
		&mut self,
		device: DeviceIndex,
		current: Option<&Enrolment<AccountId>>,
		call: AttestationCall,
	) -> bool {
		let now = self.view.now;
		let too_early = current.is_some_and(|c| now <= c.since.saturating_add(ENROLMENT_BLOCKS));
		let pending = self.view.commitments.iter().any(|c| c.device == device);
		let window = self.view.window.filter(|window| self.view.slot <= window.last_slot);
		// Whoever changes in a window is out of it.
		let runs = window.is_some_and(|window| {
			let record = self.book.records.get(&(device, window.id));
			record.is_some_and(|record| record.stage != Stage::Finished)
		});
		if too_early || pending || runs {
			return false;
		}
		let topic = Topic::Device(device);
		let before = self.book.calls.get(&topic);
		let (signed, fresh) = self.sign(before, call, now.saturating_add(CHANGE_BLOCKS));
		if fresh {
			tracing::info!(device, call = ?signed.call, "a device enrols or leaves");
			self.book.calls.insert(topic, signed.clone());
			self.changes.calls.insert(topic);
		}
		self.calls.push(signed);
		true
	}
}
