//! Who may link to this worker, and what for.
//!
//! A job names the endpoints at which its program and input are. The requester has signed that on chain, so whoever holds the keys of
//! these endpoints speaks for the requester of this job.
//!
//! To the mesh each endpoint is a peer of its own. What it may do follows from all jobs that name it: naming somebody else's endpoints
//! gives them rights in that job, and takes nothing from them.

use std::{
	collections::{BTreeMap, BTreeSet},
	sync::{Arc, Mutex},
};

use io_mesh::{ContentAt, EndpointId, Peer, PeerAddress, node::Admission};
use io_primitives::{AccountId, Assignment, JobId, JobSpec, Locator, ReplicaId};
use sp_core::H256;

use crate::{
	journal::{Execution, Guest, Record, Stage},
	lock,
};

/// Endpoints of one job that count.
const MAX_ENDPOINTS: usize = 16;

impl Guest {
	/// Where the requester is in the mesh, as the job says.
	pub(crate) fn addresses(spec: &JobSpec) -> impl Iterator<Item = PeerAddress> {
		let places = spec.program_at.iter().chain(&spec.input_at);
		let parse = |at: &Locator| std::str::from_utf8(at).ok()?.parse::<ContentAt>().ok();
		places.filter_map(parse).map(|at| at.peer)
	}

	/// Who asks for this.
	pub(crate) fn of(assignment: &Assignment<AccountId>) -> Guest {
		let endpoints: BTreeSet<[u8; 32]> = Guest::addresses(&assignment.spec)
			.flat_map(|peer| peer.lanes().iter().map(|lane| lane.endpoint.0).collect::<Vec<_>>())
			.take(MAX_ENDPOINTS)
			.collect();
		Guest {
			account: assignment.requester.clone(),
			endpoints: endpoints.into_iter().collect(),
			input_key: None,
		}
	}
}

/// What is known of the requester of one execution.
#[derive(Debug)]
struct Known {
	endpoints: Vec<EndpointId>,
	output: Option<H256>,
	/// Whether it runs here, or has just run.
	runs: bool,
	finished: bool,
	changed: u64,
}

impl Known {
	fn names(&self, peer: Peer) -> bool {
		self.endpoints.contains(&EndpointId(peer.0))
	}
}

/// All requesters whose jobs this worker has, or whose outputs it may still keep. Clones are the same.
#[derive(Clone, Default, Debug)]
pub struct Guests(Arc<Mutex<BTreeMap<Execution, Known>>>);

impl Guests {
	/// Takes over what the journal says of an execution.
	pub fn note(&self, record: &Record) {
		let Some(guest) = &record.guest else { return };
		let runs = matches!(
			record.stage,
			Stage::Accepted | Stage::Running | Stage::Produced | Stage::Committed
		);
		let known = Known {
			endpoints: guest.endpoints.iter().copied().map(EndpointId).collect(),
			output: record.produced.as_ref().map(|produced| produced.output),
			runs,
			finished: record.stage == Stage::Final,
			changed: record.changed,
		};
		lock(&self.0).insert(record.execution, known);
	}

	/// Forgets what was finished before `before` (seconds since 1970).
	pub fn prune(&self, before: u64) {
		lock(&self.0).retain(|_, known| !known.finished || known.changed >= before);
	}

	/// Whether a job of the peer has the output with this hash.
	pub(super) fn asked_for(&self, peer: Peer, output: H256) -> bool {
		lock(&self.0).values().any(|known| known.names(peer) && known.output == Some(output))
	}

	/// Whether a job of the peer runs here.
	pub(super) fn has_running(&self, peer: Peer) -> bool {
		lock(&self.0).values().any(|known| known.names(peer) && known.runs)
	}

	/// The latest draw of this replica, if the job is the peer's.
	pub(super) fn execution(
		&self,
		peer: Peer,
		job: JobId,
		replica: ReplicaId,
	) -> Option<Execution> {
		let known = lock(&self.0);
		let first = Execution { job, replica, attempt: 0 };
		let last = Execution { job, replica, attempt: u8::MAX };
		let (execution, known) = known.range(first..=last).next_back()?;
		(known.names(peer) && !known.finished).then_some(*execution)
	}
}

impl Admission for Guests {
	fn admit(&self, endpoint: EndpointId) -> Option<Peer> {
		let peer = Peer(endpoint.0);
		lock(&self.0).values().any(|known| known.names(peer)).then_some(peer)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::journal::Produced;

	fn record(job: JobId, account: u8, endpoint: u8, stage: Stage) -> Record {
		let execution = Execution { job, replica: 0, attempt: 1 };
		let mut record = Record::new(execution, H256::zero(), 1_000);
		record.stage = stage;
		record.guest = Some(Guest {
			account: AccountId::from([account; 32]),
			endpoints: vec![[endpoint; 32]],
			input_key: None,
		});
		record.produced = (stage == Stage::Final).then(|| Produced {
			digest: H256::zero(),
			units: 1,
			exit_code: 0,
			output: H256::repeat_byte(account),
			output_len: 1,
			salt: [0; 32],
		});
		record
	}

	/// Endpoints.
	const ALICE: Peer = Peer([10; 32]);
	const BOB: Peer = Peer([20; 32]);

	#[test]
	fn should_admit_only_endpoints_that_jobs_name() {
		let guests = Guests::default();
		assert_eq!(guests.admit(EndpointId(ALICE.0)), None);
		guests.note(&record(5, 1, 10, Stage::Fetching));
		assert_eq!(guests.admit(EndpointId(ALICE.0)), Some(ALICE));
		assert_eq!(guests.admit(EndpointId(BOB.0)), None);
	}

	#[test]
	fn should_take_no_rights_away_when_another_requester_names_the_endpoint() {
		let guests = Guests::default();
		guests.note(&record(5, 2, 10, Stage::Fetching));
		guests.note(&record(6, 1, 10, Stage::Running));
		guests.note(&record(7, 1, 10, Stage::Final));
		guests.note(&record(8, 2, 10, Stage::Final));
		assert_eq!(guests.admit(EndpointId(ALICE.0)), Some(ALICE));
		assert!(guests.has_running(ALICE));
		assert!(guests.execution(ALICE, 6, 0).is_some());
		assert!(guests.asked_for(ALICE, H256::repeat_byte(1)));
		// Who only names an endpoint gets nothing by it.
		guests.note(&record(9, 2, 20, Stage::Fetching));
		assert!(!guests.has_running(BOB));
		assert!(guests.execution(BOB, 6, 0).is_none());
		assert!(!guests.asked_for(BOB, H256::repeat_byte(1)));
	}

	#[test]
	fn should_show_outputs_to_their_requester_alone() {
		let guests = Guests::default();
		guests.note(&record(5, 1, 10, Stage::Final));
		guests.note(&record(6, 2, 20, Stage::Final));
		assert!(guests.asked_for(ALICE, H256::repeat_byte(1)));
		assert!(!guests.asked_for(BOB, H256::repeat_byte(1)));
		assert!(!guests.asked_for(ALICE, H256::repeat_byte(3)));
		guests.prune(1_001);
		assert!(!guests.asked_for(ALICE, H256::repeat_byte(1)));
		assert_eq!(guests.admit(EndpointId([10; 32])), None);
	}

	#[test]
	fn should_open_services_only_while_a_job_runs() {
		let guests = Guests::default();
		for (stage, open) in [
			(Stage::Assigned, false),
			(Stage::Fetching, false),
			(Stage::Accepted, true),
			(Stage::Running, true),
			(Stage::Committed, true),
			(Stage::Revealed, false),
			(Stage::Declined, false),
			(Stage::Final, false),
		] {
			guests.note(&record(5, 1, 10, stage));
			assert_eq!(guests.has_running(ALICE), open, "{stage:?}");
			assert!(!guests.has_running(BOB));
		}
	}

	#[test]
	fn should_take_keys_for_unfinished_jobs_of_the_peer_alone() {
		let guests = Guests::default();
		guests.note(&record(5, 1, 10, Stage::Fetching));
		assert!(guests.execution(ALICE, 5, 0).is_some());
		assert!(guests.execution(BOB, 5, 0).is_none());
		assert!(guests.execution(ALICE, 5, 1).is_none());
		assert!(guests.execution(ALICE, 6, 0).is_none());
		guests.note(&record(5, 1, 10, Stage::Final));
		assert!(guests.execution(ALICE, 5, 0).is_none());
	}
}
