//! `submit`, `cancel`, `quote`, `set_class`.

use codec::Encode;
use frame_support::{
	assert_noop, assert_ok, assert_storage_noop,
	traits::fungible::{InspectHold, Mutate},
};
use io_primitives::{JobState, JobSubmission, Kernel, Program, Verification};
use sp_runtime::{BoundedVec, DispatchError, TokenError};

use crate::{mock::*, AGENDA_PROBES, *};

fn held(reason: HoldReason) -> Balance {
	Balances::balance_on_hold(&reason.into(), &REQUESTER)
}

fn refuse(spec: JobSpec, error: Error<Runtime>) {
	let quoted = IoJobs::quote(spec.clone());
	assert_noop!(IoJobs::submit(RuntimeOrigin::signed(REQUESTER), spec), error);
	assert!(quoted.is_err());
}

#[test]
fn should_hold_price_fee_and_deposit_when_a_job_is_submitted() {
	ExtBuilder::default().build_and_execute(|| {
		let price = IoJobs::quote(spec()).unwrap();
		assert_eq!((price.work, price.fee), (3 * 100 * 10, 150));
		assert_eq!(price.deposit, 100 + spec().encoded_size() as Balance);
		assert_eq!(price.bond_per_replica, 3 * 100 * 10);
		let id = submit(spec());
		assert_eq!(held(HoldReason::JobEscrow), 3_150);
		assert_eq!(held(HoldReason::JobDeposit), price.deposit);
		assert_eq!(
			events(),
			[Event::JobSubmitted {
				job: id,
				requester: REQUESTER,
				class: 0,
				escrow: 3_150,
				deposit: price.deposit
			}]
		);
		assert_eq!(job(id).state, JobState::Open);
	});
}

#[test]
fn should_refuse_when_the_quorum_is_no_majority_of_at_most_seven() {
	ExtBuilder::default().build_and_execute(|| {
		for (n, k) in
			[(0, 0), (0, 1), (1, 0), (1, 2), (2, 1), (3, 1), (4, 2), (7, 3), (7, 8), (8, 5)]
		{
			refuse(spec_of(n, k), Error::BadQuorum);
		}
		for (n, k) in [(1, 1), (2, 2), (3, 2), (3, 3), (4, 3), (7, 4), (7, 7)] {
			assert_ok!(IoJobs::quote(spec_of(n, k)));
		}
	});
}

#[test]
fn should_refuse_when_the_engine_is_not_supported() {
	ExtBuilder::default().build_and_execute(|| {
		let oci = Program::Oci { manifest_digest: H256::zero() };
		refuse(JobSpec { program: oci, ..spec() }, Error::UnsupportedEngine);
	});
}

#[test]
fn should_take_sealed_jobs_only_when_a_quorum_decides() {
	ExtBuilder::default().build_and_execute(|| {
		let sealed = |spec| JobSpec { encryption: Some([1; 32]), ..spec };
		for verified in [dispute_spec(), product_spec()] {
			refuse(sealed(verified), Error::SealedOutputUnsupported);
		}
		assert_ok!(IoJobs::quote(sealed(spec())));
		let id = submit(sealed(spec()));
		assert_eq!(Specs::<Runtime>::get(id).unwrap().encryption, Some([1; 32]));
	});
}

#[test]
fn should_refuse_when_the_class_does_not_exist_or_fit() {
	ExtBuilder::default().build_and_execute(|| {
		refuse(JobSpec { class: 7, ..spec() }, Error::UnknownClass);
		let oci = ClassInfo { engine: io_primitives::Engine::Oci, ..class_info() };
		assert_ok!(IoJobs::set_class(RuntimeOrigin::root(), 2, Some(oci)));
		refuse(JobSpec { class: 2, ..spec() }, Error::ClassMismatch);
		refuse(JobSpec { class: KERNEL_CLASS, ..spec() }, Error::ClassMismatch);
		refuse(JobSpec { class: 0, ..kernel_spec() }, Error::ClassMismatch);
	});
}

#[test]
fn should_refuse_when_a_limit_is_zero_or_too_high() {
	ExtBuilder::default().build_and_execute(|| {
		refuse(JobSpec { max_units: 0, ..spec() }, Error::BadUnits);
		refuse(JobSpec { max_memory: 0, ..spec() }, Error::BadMemory);
		refuse(JobSpec { max_memory: 1_025, ..spec() }, Error::BadMemory);
		refuse(JobSpec { max_output: 0, ..spec() }, Error::BadOutput);
		refuse(JobSpec { max_output: (1 << 30) + 1, ..spec() }, Error::BadOutput);
		refuse(JobSpec { input_len: (1 << 30) + 1, ..spec() }, Error::InputTooLarge);
		refuse(JobSpec { run_blocks: 0, ..spec() }, Error::BadRunBlocks);
		refuse(JobSpec { run_blocks: 4, ..spec() }, Error::BadRunBlocks);
		refuse(JobSpec { run_blocks: 101, ..spec() }, Error::BadRunBlocks);
		refuse(JobSpec { price_per_unit: 1, ..spec() }, Error::PriceTooLow);
	});
}

#[test]
fn should_refuse_when_the_price_overflows() {
	ExtBuilder::default().build_and_execute(|| {
		refuse(JobSpec { price_per_unit: Balance::MAX, ..spec() }, Error::PriceTooHigh);
		let with_fee = JobSpec { price_per_unit: Balance::MAX / 300, ..spec() };
		refuse(with_fee, Error::PriceTooHigh);
	});
}

#[test]
fn should_refuse_when_content_cannot_be_located() {
	ExtBuilder::default().build_and_execute(|| {
		refuse(JobSpec { program_at: Default::default(), ..spec() }, Error::BadLocator);
		refuse(JobSpec { input_at: Default::default(), ..spec() }, Error::BadLocator);
		let empty = BoundedVec::truncate_from(vec![Default::default()]);
		refuse(JobSpec { program_at: empty, ..spec() }, Error::BadLocator);
		let garbage = BoundedVec::truncate_from(vec![BoundedVec::truncate_from(vec![0xff, 0xfe])]);
		refuse(JobSpec { input_at: garbage, ..spec() }, Error::BadLocator);
	});
}

#[test]
fn should_need_no_input_locator_when_there_is_no_input() {
	ExtBuilder::default().build_and_execute(|| {
		submit(JobSpec { input_len: 0, input_at: Default::default(), ..spec() });
	});
}

#[test]
fn should_refuse_when_the_specification_is_too_large() {
	ExtBuilder::default().build_and_execute(|| {
		let arg = BoundedVec::truncate_from(vec![b'x'; 256]);
		let args = BoundedVec::truncate_from(vec![arg; 16]);
		refuse(JobSpec { args, ..spec() }, Error::SpecTooLarge);
	});
}

/// A job for a product of these dimensions, its other fields as they must be.
fn kernel_of(m: u32, k: u32, n: u32) -> JobSpec {
	let [rows, inner, columns] = [m, k, n].map(u64::from);
	JobSpec {
		program: Program::Kernel { kind: Kernel::MatMulI8 { m, k, n } },
		input_len: rows * inner + inner * columns,
		max_units: 1_000,
		max_output: 4 * rows * columns,
		..kernel_spec()
	}
}

#[test]
fn should_take_kernels_up_to_the_largest_input_and_output() {
	ExtBuilder::default().build_and_execute(|| {
		for (m, k, n) in [(1, 1, 1), (4, 8, 2), (65_536, 1, 1), (1, 65_536, 8_192), (1, 1, 65_536)]
		{
			assert_ok!(IoJobs::quote(kernel_of(m, k, n)));
		}
		// A product of 1 GiB is the largest.
		assert_ok!(IoJobs::quote(kernel_of(16_384, 8_192, 16_384)));
		refuse(kernel_of(16_385, 8_192, 16_384), Error::BadOutput);
		refuse(kernel_of(65_536, 65_536, 65_536), Error::BadOutput);
		refuse(kernel_of(8_192, 65_536, 8_193), Error::InputTooLarge);
	});
}

#[test]
fn should_refuse_when_a_kernels_side_is_zero_or_too_long() {
	ExtBuilder::default().build_and_execute(|| {
		for bad in [0, 65_537, u32::MAX] {
			for (m, k, n) in [(bad, 1, 1), (1, bad, 1), (1, 1, bad)] {
				let program = Program::Kernel { kind: Kernel::MatMulI8 { m, k, n } };
				refuse(JobSpec { program, ..kernel_spec() }, Error::BadKernel);
			}
		}
	});
}

#[test]
fn should_refuse_when_a_kernel_comes_with_a_program_or_arguments() {
	ExtBuilder::default().build_and_execute(|| {
		let program_at = spec().program_at;
		refuse(JobSpec { program_at, ..kernel_spec() }, Error::KernelTakesNoProgram);
		let args = BoundedVec::truncate_from(vec![Default::default()]);
		refuse(JobSpec { args, ..kernel_spec() }, Error::KernelTakesNoProgram);
	});
}

#[test]
fn should_refuse_when_a_kernels_input_has_another_length() {
	ExtBuilder::default().build_and_execute(|| {
		for right in [kernel_spec(), dispute_spec(), product_spec()] {
			assert_ok!(IoJobs::quote(right.clone()));
			for input_len in [0, right.input_len - 1, right.input_len + 1, 1 << 30] {
				refuse(JobSpec { input_len, ..right.clone() }, Error::BadInputLength);
			}
		}
		// The seed belongs to verification on chain, and only to it.
		let JobSpec { input_len, .. } = dispute_spec();
		refuse(JobSpec { input_len, ..kernel_spec() }, Error::BadInputLength);
		let JobSpec { input_len, .. } = kernel_spec();
		refuse(JobSpec { input_len, ..product_spec() }, Error::BadInputLength);
	});
}

#[test]
fn should_refuse_when_a_kernels_input_or_output_has_no_room() {
	ExtBuilder::default().build_and_execute(|| {
		refuse(JobSpec { max_output: 4 * 4 * 2 - 1, ..kernel_spec() }, Error::BadOutput);
		refuse(JobSpec { input_at: Default::default(), ..kernel_spec() }, Error::BadLocator);
		// 2 * 8,192^3 operations are a little more than one unit.
		refuse(JobSpec { max_units: 1, ..kernel_of(8_192, 8_192, 8_192) }, Error::BadUnits);
		assert_ok!(IoJobs::quote(JobSpec { max_units: 2, ..kernel_of(8_192, 8_192, 8_192) }));
	});
}

#[test]
fn should_hold_no_more_than_the_kernel_can_cost() {
	ExtBuilder::default().build_and_execute(|| {
		let generous = JobSpec { max_units: 50, ..kernel_spec() };
		let price = IoJobs::quote(generous.clone()).unwrap();
		assert_eq!((price.work, price.fee, price.bond_per_replica), (1_000, 50, 3_000));
		let id = submit(generous);
		assert_eq!((job(id).max_units, job(id).escrow), (1, 1_050));
	});
}

#[test]
fn should_refuse_verification_that_cannot_be() {
	ExtBuilder::default().build_and_execute(|| {
		let crowded = |spec: JobSpec| JobSpec { replicas: 3, quorum: 2, ..spec };
		refuse(crowded(dispute_spec()), Error::BadVerification);
		refuse(crowded(product_spec()), Error::BadVerification);
		let open_for = |blocks| {
			let Verification::Dispute { context, left, right, .. } = dispute_spec().verification
			else {
				panic!("it is a dispute")
			};
			let verification = Verification::Dispute { context, left, right, blocks };
			JobSpec { verification, ..dispute_spec() }
		};
		for blocks in [0, 26, u32::MAX] {
			refuse(open_for(blocks), Error::BadVerification);
		}
		for blocks in [1, 25] {
			assert_ok!(IoJobs::quote(open_for(blocks)));
		}
		for (m, k, n) in [(1_025, 1, 1), (1, 1_025, 1), (1, 1, 1_025)] {
			let verification = product_spec().verification;
			refuse(JobSpec { verification, ..kernel_of(m, k, n) }, Error::BadVerification);
		}
		for JobSpec { verification, .. } in [dispute_spec(), product_spec()] {
			refuse(JobSpec { verification, ..spec_of(1, 1) }, Error::BadVerification);
		}
	});
}

#[test]
fn should_refuse_when_the_requester_cannot_pay() {
	ExtBuilder::default().build_and_execute(|| {
		let dear = JobSpec { price_per_unit: FUNDS, ..spec() };
		assert_noop!(
			IoJobs::submit(RuntimeOrigin::signed(REQUESTER), dear),
			DispatchError::Token(TokenError::FundsUnavailable)
		);
	});
}

#[test]
fn should_refuse_when_the_agenda_has_no_room() {
	ExtBuilder::default().workers(0).build_and_execute(|| {
		MaxAgenda::set(1);
		for _ in 0..AGENDA_PROBES {
			submit(spec());
		}
		assert_noop!(
			IoJobs::submit(RuntimeOrigin::signed(REQUESTER), spec()),
			Error::<Runtime>::AgendaFull
		);
	});
}

#[test]
fn should_give_everything_back_when_an_open_job_is_cancelled() {
	ExtBuilder::default().workers(0).build_and_execute(|| {
		let id = submit(spec());
		run_blocks(3);
		assert_ok!(IoJobs::cancel(RuntimeOrigin::signed(REQUESTER), id));
		assert_eq!(free(100), FUNDS);
		assert_eq!(outcome(id).state, JobState::Cancelled);
		assert!(events().contains(&Event::JobCancelled { job: id, refunded: 3_150 }));
	});
}

#[test]
fn should_release_the_workers_when_a_job_is_cancelled_before_anybody_accepts() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		assert_eq!(job(id).state, JobState::Running);
		assert_ok!(IoJobs::cancel(RuntimeOrigin::signed(REQUESTER), id));
		assert!(Workers::<Runtime>::iter_values().all(|info| info.live.is_empty()));
		assert!(!events().iter().any(|event| matches!(event, Event::Slashed { .. })));
	});
}

#[test]
fn should_not_cancel_when_a_worker_has_accepted() {
	ExtBuilder::default().build_and_execute(|| {
		let id = drawn(spec());
		accept(id, 1);
		let origin = RuntimeOrigin::signed(REQUESTER);
		assert_noop!(IoJobs::cancel(origin.clone(), id), Error::<Runtime>::WrongState);
		commit(id, 1, 1);
		assert_noop!(IoJobs::cancel(origin, id), Error::<Runtime>::WrongState);
	});
}

#[test]
fn should_not_cancel_when_the_job_is_another_requesters_or_unknown() {
	ExtBuilder::default().build_and_execute(|| {
		let id = submit(spec());
		let other = RuntimeOrigin::signed(account(101));
		assert_noop!(IoJobs::cancel(other, id), Error::<Runtime>::NotRequester);
		let origin = RuntimeOrigin::signed(REQUESTER);
		assert_noop!(IoJobs::cancel(origin.clone(), id + 1), Error::<Runtime>::UnknownJob);
		assert_ok!(IoJobs::cancel(origin.clone(), id));
		assert_noop!(IoJobs::cancel(origin, id), Error::<Runtime>::UnknownJob);
	});
}

#[test]
fn should_set_classes_only_for_the_admin() {
	ExtBuilder::default().build_and_execute(|| {
		assert_noop!(
			IoJobs::set_class(RuntimeOrigin::signed(REQUESTER), 3, None),
			DispatchError::BadOrigin
		);
		assert_ok!(IoJobs::set_class(RuntimeOrigin::root(), 3, Some(class_info())));
		assert_eq!(events(), [Event::ClassSet { class: 3, info: Some(class_info()) }]);
		assert_ok!(IoJobs::set_class(RuntimeOrigin::root(), 3, None));
		assert_eq!(Classes::<Runtime>::get(3), None);
	});
}

#[test]
fn should_refuse_classes_that_cannot_be() {
	ExtBuilder::default().build_and_execute(|| {
		let root = RuntimeOrigin::root();
		assert_noop!(
			IoJobs::set_class(root.clone(), 8, Some(class_info())),
			Error::<Runtime>::BadClass
		);
		let no_memory = ClassInfo { min_memory: 0, ..class_info() };
		assert_noop!(IoJobs::set_class(root, 3, Some(no_memory)), Error::<Runtime>::BadClass);
	});
}

#[test]
fn should_keep_the_engine_of_a_class_that_has_workers() {
	ExtBuilder::default().build_and_execute(|| {
		let root = RuntimeOrigin::root();
		let oci = ClassInfo { engine: io_primitives::Engine::Oci, ..class_info() };
		assert_noop!(IoJobs::set_class(root.clone(), 0, None), Error::<Runtime>::ClassInUse);
		assert_noop!(IoJobs::set_class(root.clone(), 0, Some(oci)), Error::<Runtime>::ClassInUse);
		let larger = ClassInfo { min_memory: 2_048, ..class_info() };
		assert_ok!(IoJobs::set_class(root, 0, Some(larger)));
	});
}

#[test]
fn should_hold_in_the_requesters_account_when_somebody_else_submits() {
	ExtBuilder::default().build_and_execute(|| {
		let owner = account(77);
		let cost = <IoJobs as JobSubmission<_>>::cost(&spec()).unwrap();
		let price = IoJobs::quote(spec()).unwrap();
		assert_eq!(cost, price.work + price.fee + price.deposit);
		Balances::mint_into(&owner, cost + EXISTENTIAL_DEPOSIT).unwrap();
		let id = <IoJobs as JobSubmission<_>>::submit(owner.clone(), spec()).unwrap();
		assert_eq!(job(id).requester, owner);
		assert_eq!(Balances::free_balance(&owner), EXISTENTIAL_DEPOSIT);
		let weight = <IoJobs as JobSubmission<AccountId>>::submit_weight(&spec());
		assert_eq!(weight, <() as WeightInfo>::submit(spec().encoded_size() as u32));
		assert_ok!(IoJobs::cancel(RuntimeOrigin::signed(owner.clone()), id));
		assert_eq!(Balances::free_balance(&owner), cost + EXISTENTIAL_DEPOSIT);
	});
}

#[test]
fn should_refuse_when_the_requester_cannot_pay_what_somebody_else_submits() {
	ExtBuilder::default().build_and_execute(|| {
		let owner = account(77);
		let cost = <IoJobs as JobSubmission<_>>::cost(&spec()).unwrap();
		Balances::mint_into(&owner, cost + EXISTENTIAL_DEPOSIT - 1).unwrap();
		assert_storage_noop!(assert_eq!(
			frame_support::storage::with_storage_layer(|| {
				<IoJobs as JobSubmission<_>>::submit(owner.clone(), spec())
			}),
			Err(TokenError::FundsUnavailable.into())
		));
		let bad = JobSpec { replicas: 0, ..spec() };
		assert_eq!(
			<IoJobs as JobSubmission<AccountId>>::cost(&bad),
			Err(Error::<Runtime>::BadQuorum.into())
		);
	});
}
