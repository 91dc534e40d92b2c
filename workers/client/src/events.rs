//! Events, read by the names that the chain's metadata gives to their fields.

use codec::{Decode, DecodeAll};
use io_primitives::{
	AccountId, Balance, BlockNumber, ClassId, FailReason, JobId, MissReason, OffenceReason,
	ReplicaId, WorkerKey, job::OutputAt,
};
use sp_core::H256;

use crate::{Error, Result, client::JOBS};

/// When in a block an event happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Decode)]
pub enum Phase {
	/// While this extrinsic was applied.
	ApplyExtrinsic(u32),
	/// When the block was closed.
	Finalization,
	/// When the block was opened; jobs are drawn and timed here.
	Initialization,
}

/// The fields of an event: names with encoded values.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
	pub(crate) fn push(&mut self, name: String, value: Vec<u8>) {
		self.0.push((name, value));
	}

	/// A field by its name.
	pub fn get<T: Decode>(&self, name: &str) -> Result<T> {
		let (_, value) = self
			.0
			.iter()
			.find(|(found, _)| found == name)
			.ok_or_else(|| Error::Missing { what: format!("field {name} in an event") })?;
		T::decode_all(&mut &value[..])
			.map_err(|e| Error::decode(format!("the field {name} of an event"), e))
	}

	/// The fields' names in order.
	pub fn names(&self) -> impl Iterator<Item = &str> {
		self.0.iter().map(|(name, _)| name.as_str())
	}
}

/// Something that happened in a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainEvent {
	/// When in the block.
	pub phase: Phase,
	/// Whose event it is.
	pub pallet: String,
	/// What it is called.
	pub name: String,
	/// Its fields.
	pub fields: Fields,
}

impl ChainEvent {
	/// Whether it is this event of this pallet.
	pub fn is(&self, pallet: &str, name: &str) -> bool {
		self.pallet == pallet && self.name == name
	}
}

/// An event of the pallet of jobs that is about a job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JobEvent {
	/// A job was submitted; its money is on hold.
	Submitted {
		/// The job.
		job: JobId,
		/// Who pays.
		requester: AccountId,
		/// Hardware class.
		class: ClassId,
		/// Put on hold for replicas and fee.
		escrow: Balance,
		/// Put on hold for storage.
		deposit: Balance,
	},
	/// A worker was drawn for a replica.
	Assigned {
		/// The job.
		job: JobId,
		/// The replica.
		replica: ReplicaId,
		/// Which draw of the replica, counted from 1.
		attempt: u8,
		/// The device.
		worker: WorkerKey,
		/// Its operator.
		operator: AccountId,
		/// What one unit costs.
		ask: Balance,
		/// What was locked of the operator's stake.
		bond: Balance,
		/// Block in which it is too late for the next step.
		deadline: BlockNumber,
	},
	/// A worker took its replica on.
	Accepted {
		/// The job.
		job: JobId,
		/// The replica.
		replica: ReplicaId,
		/// The device.
		worker: WorkerKey,
		/// Block in which it is too late for the next step.
		deadline: BlockNumber,
	},
	/// A worker did not want its replica; another one is drawn.
	Declined {
		/// The job.
		job: JobId,
		/// The replica.
		replica: ReplicaId,
		/// The device.
		worker: WorkerKey,
	},
	/// A worker has a result.
	Committed {
		/// The job.
		job: JobId,
		/// The replica.
		replica: ReplicaId,
		/// The device.
		worker: WorkerKey,
	},
	/// Enough results are in; they have to be shown now.
	Revealing {
		/// The job.
		job: JobId,
		/// Block in which it is too late for the next step.
		deadline: BlockNumber,
	},
	/// A worker showed its result.
	Revealed {
		/// The job.
		job: JobId,
		/// The replica.
		replica: ReplicaId,
		/// The device.
		worker: WorkerKey,
		/// Digest of the result.
		digest: H256,
		/// Units of one replica.
		units: u64,
		/// The program's exit code.
		exit_code: i32,
		/// Where the output can be fetched.
		output_at: OutputAt,
	},
	/// A product is on trial: it can be disputed, or has to be proven.
	Verifying {
		/// The job.
		job: JobId,
		/// The device that claims it.
		worker: WorkerKey,
		/// Block in which it is too late for either.
		deadline: BlockNumber,
	},
	/// A worker did not do its duty.
	Missed {
		/// The job.
		job: JobId,
		/// The replica.
		replica: ReplicaId,
		/// The device.
		worker: WorkerKey,
		/// Its operator.
		operator: AccountId,
		/// What it missed.
		reason: MissReason,
	},
	/// An operator was paid.
	Paid {
		/// The job.
		job: JobId,
		/// The replica.
		replica: ReplicaId,
		/// Its operator.
		operator: AccountId,
		/// How much.
		amount: Balance,
	},
	/// A part of an operator's stake was taken; it can be given back until the slash is applied.
	Slashed {
		/// The job.
		job: JobId,
		/// The replica.
		replica: ReplicaId,
		/// Its operator.
		operator: AccountId,
		/// How much.
		amount: Balance,
		/// Why.
		reason: OffenceReason,
	},
	/// A quorum agreed, and everybody was paid.
	Settled {
		/// The job.
		job: JobId,
		/// Digest of the result.
		digest: H256,
		/// Units of one replica.
		units: u64,
		/// The program's exit code.
		exit_code: i32,
		/// Paid to all operators together.
		paid: Balance,
		/// Given back to the requester.
		refunded: Balance,
		/// Fee taken.
		fee: Balance,
	},
	/// No result could be agreed on.
	Failed {
		/// The job.
		job: JobId,
		/// Why.
		reason: FailReason,
		/// Given back to the requester.
		refunded: Balance,
	},
	/// No fitting worker was found in time.
	Expired {
		/// The job.
		job: JobId,
		/// Given back to the requester.
		refunded: Balance,
	},
	/// The requester withdrew the job.
	Cancelled {
		/// The job.
		job: JobId,
		/// Given back to the requester.
		refunded: Balance,
	},
}

impl JobEvent {
	/// Reads the event if it is one of these.
	pub fn read(event: &ChainEvent) -> Result<Option<Self>> {
		if event.pallet != JOBS {
			return Ok(None);
		}
		let f = &event.fields;
		Ok(Some(match event.name.as_str() {
			"JobSubmitted" => Self::Submitted {
				job: f.get("job")?,
				requester: f.get("requester")?,
				class: f.get("class")?,
				escrow: f.get("escrow")?,
				deposit: f.get("deposit")?,
			},
			"ReplicaAssigned" => Self::Assigned {
				job: f.get("job")?,
				replica: f.get("replica")?,
				attempt: f.get("attempt")?,
				worker: f.get("worker")?,
				operator: f.get("operator")?,
				ask: f.get("ask")?,
				bond: f.get("bond")?,
				deadline: f.get("deadline")?,
			},
			"ReplicaAccepted" => Self::Accepted {
				job: f.get("job")?,
				replica: f.get("replica")?,
				worker: f.get("worker")?,
				deadline: f.get("deadline")?,
			},
			"ReplicaDeclined" => Self::Declined {
				job: f.get("job")?,
				replica: f.get("replica")?,
				worker: f.get("worker")?,
			},
			"ReplicaCommitted" => Self::Committed {
				job: f.get("job")?,
				replica: f.get("replica")?,
				worker: f.get("worker")?,
			},
			"JobRevealing" => Self::Revealing { job: f.get("job")?, deadline: f.get("deadline")? },
			"ReplicaRevealed" => Self::Revealed {
				job: f.get("job")?,
				replica: f.get("replica")?,
				worker: f.get("worker")?,
				digest: f.get("digest")?,
				units: f.get("units")?,
				exit_code: f.get("exit_code")?,
				output_at: f.get("output_at")?,
			},
			"JobVerifying" => Self::Verifying {
				job: f.get("job")?,
				worker: f.get("worker")?,
				deadline: f.get("deadline")?,
			},
			"ReplicaMissed" => Self::Missed {
				job: f.get("job")?,
				replica: f.get("replica")?,
				worker: f.get("worker")?,
				operator: f.get("operator")?,
				reason: f.get("reason")?,
			},
			"ReplicaPaid" => Self::Paid {
				job: f.get("job")?,
				replica: f.get("replica")?,
				operator: f.get("operator")?,
				amount: f.get("amount")?,
			},
			"Slashed" => Self::Slashed {
				job: f.get("job")?,
				replica: f.get("replica")?,
				operator: f.get("operator")?,
				amount: f.get("amount")?,
				reason: f.get("reason")?,
			},
			"JobSettled" => Self::Settled {
				job: f.get("job")?,
				digest: f.get("digest")?,
				units: f.get("units")?,
				exit_code: f.get("exit_code")?,
				paid: f.get("paid")?,
				refunded: f.get("refunded")?,
				fee: f.get("fee")?,
			},
			"JobFailed" => Self::Failed {
				job: f.get("job")?,
				reason: f.get("reason")?,
				refunded: f.get("refunded")?,
			},
			"JobExpired" => Self::Expired { job: f.get("job")?, refunded: f.get("refunded")? },
			"JobCancelled" => Self::Cancelled { job: f.get("job")?, refunded: f.get("refunded")? },
			_ => return Ok(None),
		}))
	}

	/// The job that it is about.
	pub fn job(&self) -> JobId {
		match *self {
			Self::Submitted { job, .. }
			| Self::Assigned { job, .. }
			| Self::Accepted { job, .. }
			| Self::Declined { job, .. }
			| Self::Committed { job, .. }
			| Self::Revealing { job, .. }
			| Self::Revealed { job, .. }
			| Self::Verifying { job, .. }
			| Self::Missed { job, .. }
			| Self::Paid { job, .. }
			| Self::Slashed { job, .. }
			| Self::Settled { job, .. }
			| Self::Failed { job, .. }
			| Self::Expired { job, .. }
			| Self::Cancelled { job, .. } => job,
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use codec::Encode;

	fn event(name: &str, fields: &[(&str, Vec<u8>)]) -> ChainEvent {
		let mut all = Fields::default();
		for (name, value) in fields {
			all.push((*name).to_owned(), value.clone());
		}
		ChainEvent {
			phase: Phase::Initialization,
			pallet: JOBS.into(),
			name: name.into(),
			fields: all,
		}
	}

	#[test]
	fn should_read_fields_by_name_when_their_order_differs() {
		let read = JobEvent::read(&event(
			"ReplicaMissed",
			&[
				("reason", MissReason::Late.encode()),
				("operator", vec![1; 32]),
				("worker", vec![2; 32]),
				("replica", 2u8.encode()),
				("job", 7u64.encode()),
			],
		));
		assert_eq!(
			read.unwrap(),
			Some(JobEvent::Missed {
				job: 7,
				replica: 2,
				worker: WorkerKey::from_raw([2; 32]),
				operator: AccountId::new([1; 32]),
				reason: MissReason::Late
			})
		);
	}

	#[test]
	fn should_say_which_field_when_one_is_missing() {
		let error = JobEvent::read(&event("JobExpired", &[])).unwrap_err();
		assert!(error.to_string().contains("field job"), "{error}");
	}

	#[test]
	fn should_pass_over_event_when_it_is_of_another_pallet() {
		let mut other = event("JobExpired", &[]);
		other.pallet = "Balances".into();
		assert_eq!(JobEvent::read(&other).unwrap(), None);
	}
}
