//! What workers and dApps read.

use io_primitives::attestation::AttestationView;
use io_tflops::prover::Scalar;

use crate::{mock::*, *};

#[test]
fn should_show_a_worker_everything_about_its_devices() {
	ExtBuilder::default().build_and_execute(|| {
		send(1, enrol_call(3, 0, 1)).unwrap();
		send(1, enrol_call(1, 0, 1)).unwrap();
		let chain = audited(1, 100, &mut Scalar);
		send(1, reveal_call(1, 0, &chain, &mut Scalar)).unwrap();
		let second = self::chain(1, 3, 2, &mut Scalar);
		send(1, commit_call(3, &second)).unwrap();
		let view = IoAttestation::attestation_view(key(1));
		assert_eq!(
			view,
			AttestationView {
				para: PARA_ID,
				now: now(),
				slot: relay_of(now()).1,
				free_bond: Some(STAKE - 3 * BOND),
				classes: IoAttestation::classes(),
				enrolments: IoAttestation::enrolments(key(1)),
				window: IoAttestation::window(),
				commitments: vec![pending(1, 3).unwrap()],
				certificates: certificates(1),
				mops: 2,
				products: vec![],
			}
		);
		assert_eq!(view.classes.iter().map(|(class, _)| *class).collect::<Vec<_>>(), [0, 1]);
		let devices: Vec<_> = view.enrolments.iter().map(|enrolment| enrolment.device).collect();
		assert_eq!(devices, [0, 1, 3]);
		assert_eq!(view.certificates.len(), 1);
	});
}

#[test]
fn should_show_strangers_nothing_but_the_window() {
	ExtBuilder::default().build_and_execute(|| {
		next_window();
		let view = IoAttestation::attestation_view(key(9));
		assert_eq!(view.free_bond, None);
		assert!(view.window.is_some());
		assert!(view.enrolments.is_empty() && view.commitments.is_empty());
		assert!(view.certificates.is_empty() && view.products.is_empty());
		assert_eq!(view.mops, 0);
	});
}

#[test]
fn should_make_the_calls_that_devices_sign() {
	ExtBuilder::default().build_and_execute(|| {
		let signed = signed(1, enrol_call(2, 1, 4));
		let (worker, valid_until, signature) = (key(1), signed.valid_until, signed.signature);
		assert_eq!(
			IoAttestation::attestation_call(signed),
			Call::enrol { worker, device: 2, class: 1, lanes: 4, valid_until, signature }
		);
	});
}
