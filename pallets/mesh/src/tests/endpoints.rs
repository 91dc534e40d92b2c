//! Whom endpoints stand for.

use frame_support::{assert_noop, assert_ok};
use io_primitives::mesh::{EndpointView, Party};
use sp_runtime::{DispatchResult, TokenError};

use crate::{mock::*, *};

fn register(who: AccountId, n: u8, worker: Option<WorkerKey>) -> DispatchResult {
	let proof = proof(n, &who);
	IoMesh::register_endpoint(origin(who), endpoint_key(n), worker, proof)
}

#[test]
fn should_stand_for_the_account_when_a_requester_registers_it() {
	execute(|| {
		assert_ok!(register(REQUESTER, 60, None));
		let endpoint = endpoint_key(60);
		let done = Event::EndpointRegistered { endpoint, account: REQUESTER, worker: None };
		assert_eq!(events(), [done]);
		assert_eq!(held(HoldReason::EndpointDeposit, &REQUESTER), DEPOSIT);
		let (account, active) = (REQUESTER, true);
		let view = EndpointView { endpoint, account, worker: None, active, budget: 0 };
		assert_eq!(IoMesh::endpoint(endpoint), Some(view));
		assert_eq!(IoMesh::endpoints_of(Party::Account(REQUESTER)), [endpoint]);
	});
}

#[test]
fn should_stand_for_the_worker_when_its_operator_registers_it() {
	execute(|| {
		let worker = funded(1, 500);
		assert_ok!(register(OPERATOR, 60, Some(worker)));
		assert_ok!(register(OPERATOR, 61, Some(worker)));
		let view = IoMesh::endpoint(endpoint_key(60)).unwrap();
		assert_eq!((view.worker, view.active, view.budget), (Some(worker), true, 500));
		let both = [endpoint_key(60), endpoint_key(61)];
		assert_eq!(IoMesh::endpoints_of(Party::Worker(worker)), both);
		assert_eq!(IoMesh::endpoints_of(Party::Account(OPERATOR)), []);
	});
}

#[test]
fn should_not_be_active_when_the_worker_is_retired_or_moves_to_another_operator() {
	execute(|| {
		let worker = register_worker(1);
		assert_ok!(register(OPERATOR, 60, Some(worker)));
		Registered::insert(worker, STRANGER);
		assert!(!IoMesh::endpoint(endpoint_key(60)).unwrap().active);
		Registered::remove(worker);
		assert!(!IoMesh::endpoint(endpoint_key(60)).unwrap().active);
		assert_ok!(IoMesh::remove_endpoint(origin(OPERATOR), endpoint_key(60)));
	});
}

#[test]
fn should_refuse_when_the_worker_is_not_the_senders() {
	execute(|| {
		let known = register_worker(1);
		assert_noop!(register(STRANGER, 60, Some(known)), Error::<Runtime>::NotYourWorker);
		assert_noop!(register(OPERATOR, 60, Some(worker(2))), Error::<Runtime>::UnknownWorker);
	});
}

#[test]
fn should_refuse_when_the_endpoint_has_not_signed_for_the_sender() {
	execute(|| {
		// Copied from somebody else's transaction.
		let stolen = proof(60, &REQUESTER);
		assert_noop!(
			IoMesh::register_endpoint(origin(STRANGER), endpoint_key(60), None, stolen),
			Error::<Runtime>::BadProof
		);
	});
}

#[test]
fn should_refuse_when_the_endpoint_is_taken() {
	execute(|| {
		assert_ok!(register(REQUESTER, 60, None));
		assert_noop!(register(REQUESTER, 60, None), Error::<Runtime>::EndpointTaken);
		assert_noop!(register(STRANGER, 60, None), Error::<Runtime>::EndpointTaken);
		register_relay(50);
		assert_noop!(register(RELAYER, 50, None), Error::<Runtime>::EndpointTaken);
	});
}

#[test]
fn should_refuse_when_there_are_too_many_of_one_party() {
	execute(|| {
		let worker = register_worker(1);
		for n in 0..MAX_ENDPOINTS as u8 {
			assert_ok!(register(OPERATOR, 60 + n, Some(worker)));
		}
		let too_many = Error::<Runtime>::TooManyEndpoints;
		assert_noop!(register(OPERATOR, 70, Some(worker)), too_many);
		assert_ok!(register(OPERATOR, 70, None));
	});
}

#[test]
fn should_refuse_when_there_is_no_deposit() {
	execute(|| {
		assert_noop!(register(NOBODY, 60, None), TokenError::FundsUnavailable);
	});
}

#[test]
fn should_give_the_deposit_back_when_removed() {
	execute(|| {
		assert_ok!(register(REQUESTER, 60, None));
		assert_ok!(register(REQUESTER, 61, None));
		events();
		assert_ok!(IoMesh::remove_endpoint(origin(REQUESTER), endpoint_key(60)));
		assert_eq!(events(), [Event::EndpointRemoved { endpoint: endpoint_key(60) }]);
		assert_eq!(held(HoldReason::EndpointDeposit, &REQUESTER), DEPOSIT);
		assert_eq!(IoMesh::endpoints_of(Party::Account(REQUESTER)), [endpoint_key(61)]);
		assert_eq!(IoMesh::endpoint(endpoint_key(60)), None);
		assert_ok!(IoMesh::remove_endpoint(origin(REQUESTER), endpoint_key(61)));
		assert_eq!(free(&REQUESTER), FUNDS);
		assert!(!EndpointsOf::<Runtime>::contains_key(Party::Account(REQUESTER)));
	});
}

#[test]
fn should_refuse_to_remove_what_is_unknown_or_somebody_elses() {
	execute(|| {
		assert_ok!(register(REQUESTER, 60, None));
		assert_noop!(
			IoMesh::remove_endpoint(origin(STRANGER), endpoint_key(60)),
			Error::<Runtime>::NotYourEndpoint
		);
		assert_noop!(
			IoMesh::remove_endpoint(origin(REQUESTER), endpoint_key(61)),
			Error::<Runtime>::UnknownEndpoint
		);
	});
}
