//! The table of classes.

use frame_support::{assert_noop, assert_ok};
use io_primitives::attestation::ClassParams;
use sp_runtime::DispatchError;

use crate::{mock::*, *};

fn set(class: u8, params: Option<ClassParams>) -> sp_runtime::DispatchResult {
	IoAttestation::set_class(RuntimeOrigin::root(), class, params)
}

#[test]
fn should_set_and_remove_classes() {
	ExtBuilder::default().build_and_execute(|| {
		assert_ok!(set(3, Some(class())));
		assert_eq!(IoAttestation::classes().last(), Some(&(3, class())));
		assert_ok!(set(3, None));
		assert_eq!(IoAttestation::classes().len(), 2);
		assert_eq!(
			events(),
			[
				Event::ClassSet { class: 3, params: Some(class()) },
				Event::ClassSet { class: 3, params: None }
			]
		);
	});
}

#[test]
fn should_refuse_to_set_a_class_when_the_sender_is_not_the_admin() {
	ExtBuilder::default().build_and_execute(|| {
		let call = IoAttestation::set_class(RuntimeOrigin::signed(account(1)), 0, None);
		assert_noop!(call, DispatchError::BadOrigin);
	});
}

#[test]
fn should_refuse_classes_that_break_a_rule() {
	ExtBuilder::default().build_and_execute(|| {
		type E = Error<Runtime>;
		assert_noop!(set(4, Some(class())), E::BadClass);
		for (params, error) in [
			(ClassParams { arith: 1, ..class() }, E::BadDimensions),
			(ClassParams { m: 24, ..class() }, E::BadDimensions),
			(ClassParams { m: 0, ..class() }, E::BadDimensions),
			(ClassParams { n: 64, ..class() }, E::BadDimensions),
			(ClassParams { k: 131_072, ..class() }, E::BadDimensions),
			(ClassParams { min_lanes: 0, ..class() }, E::BadLanes),
			(ClassParams { min_lanes: 16, ..class() }, E::BadLanes),
			(ClassParams { min_lanes: 3, ..class() }, E::BadLanes),
			(ClassParams { max_lanes: 7, ..class() }, E::BadLanes),
			(ClassParams { max_lanes: 2_048, ..class() }, E::BadLanes),
			(ClassParams { openings: 0, ..class() }, E::BadOpenings),
			(ClassParams { openings: 129, ..class() }, E::BadOpenings),
			(ClassParams { bond_per_lane: 0, ..class() }, E::NoBond),
		] {
			assert_noop!(set(0, Some(params)), error);
		}
	});
}

#[test]
fn should_keep_what_enrolled_devices_were_promised_when_their_class_changes() {
	ExtBuilder::default().build_and_execute(|| {
		enrol(1);
		assert_ok!(set(0, Some(ClassParams { k: 8, bond_per_lane: 5, ..class() })));
		let enrolment = Enrolments::<Runtime>::get(key(1), 0).unwrap();
		assert_eq!(enrolment.params, class());
		assert_eq!(enrolment.bond, BOND);
		assert_ok!(set(0, None));
		assert_refused(2, enrol_call(0, 0, 1), Error::UnknownClass);
		assert_ok!(set(0, Some(class())));
	});
}

#[test]
fn should_accept_the_constants_of_the_tests() {
	ExtBuilder::default().build_and_execute(IoAttestation::check_constants);
}
