//! Benchmarks of the calls, of their authorisation, and of the work in `on_poll`, each in its dearest case.

use alloc::{vec, vec::Vec};
use core::hint::black_box;
use frame_benchmarking::v2::*;
use frame_support::{traits::Authorize, BoundedVec};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use io_primitives::{
	attestation::{Audit, SignedAttestation, MAX_DEVICES},
	digest::result_digest,
	Claim, Kernel, Verification,
};
use io_tflops::{
	fraud,
	params::{MAX_K, MAX_OPENINGS, MAX_ROUNDS, MAX_SIDE},
	product,
	prover::sparse::sparse_reveal,
	stream,
	transcript::device_seed,
};
use sp_core::crypto::KeyTypeId;
use sp_runtime::transaction_validity::TransactionSource;

use super::*;
use crate::types::{check_class, dimensions};

const KEY_TYPE: KeyTypeId = KeyTypeId(*b"iowk");
const NOW: BlockNumber = 1_000;
const DEVICE: DeviceIndex = 3;
const CLASS: AttestationClass = 0;
const WINDOW: WindowId = 9;
const SEED: H256 = H256([2; 32]);
const LANES: u32 = 1_024;
const BOND: Balance = 1;
/// Bytes of one opening in the class of these benchmarks: a leaf and 35 siblings.
const OPENING_BYTES: u32 = 256 + 35 * 32;

fn set_block<T: Config>(block: BlockNumber) {
	frame_system::Pallet::<T>::set_block_number(BlockNumberFor::<T>::from(block));
}

/// The deepest tree, with the shortest rows: what is not in the length of the rows.
fn class() -> ClassParams {
	ClassParams {
		arith: 0,
		m: MAX_SIDE,
		n: MAX_SIDE,
		k: 1,
		min_lanes: 1,
		max_lanes: LANES,
		openings: MAX_OPENINGS,
		bond_per_lane: BOND,
	}
}

fn signing_key() -> WorkerKey {
	sp_io::crypto::sr25519_generate(KEY_TYPE, None)
}

fn signed<T: Config>(worker: WorkerKey, call: AttestationCall) -> Call<T> {
	let valid_until = Pallet::<T>::now().saturating_add(10);
	let payload = call.payload(Pallet::<T>::genesis(), valid_until);
	let signature = sp_io::crypto::sr25519_sign(KEY_TYPE, &worker, &payload)
		.expect("the keystore made the key");
	Pallet::<T>::attestation_call(SignedAttestation { worker, call, valid_until, signature })
}

fn unsigned() -> sr25519::Signature {
	sr25519::Signature::default()
}

/// A registered worker whose device was enrolled long ago, with as many certificates as a worker can have.
fn enrolled<T: Config>(openings: u32) -> (WorkerKey, Enrolment<T::AccountId>) {
	set_block::<T>(NOW);
	let worker = signing_key();
	let operator: T::AccountId = account("operator", 0, 0);
	let params = ClassParams { openings, ..class() };
	check_class(&params).expect("the class keeps all rules");
	Classes::<T>::insert(CLASS, params);
	let bond = BOND * Balance::from(LANES);
	T::Workers::ensure_worker(&worker, &operator);
	T::Bonding::ensure_operator(&operator, bond.saturating_mul(4));
	T::Bonding::lock(&operator, bond).expect("the operator has the stake");
	let enrolment =
		Enrolment { device: DEVICE, class: CLASS, lanes: LANES, params, operator, bond, since: 1 };
	Enrolments::<T>::insert(worker, DEVICE, &enrolment);
	<Pallet<T> as io_primitives::Certificates>::ensure_proven(&worker, 1);
	(worker, enrolment)
}

fn open_window<T: Config>() {
	Relay::<T>::put(Clock { relay_number: 500, slot: 505, folds: 700, acc: H256::repeat_byte(1) });
	LastWindow::<T>::put(Window {
		id: WINDOW,
		seed: SEED,
		slot: 500,
		block: NOW - 5,
		last_slot: 510,
	});
}

/// The device has committed to `rounds`.
fn committed<T: Config>(
	worker: WorkerKey,
	rounds: u32,
	commitment: H256,
	audit: Option<Audit>,
) -> Pending {
	let commitment = Commitment {
		window: WINDOW,
		seed: SEED,
		device: DEVICE,
		rounds,
		commitment,
		slots: 5,
		audit,
	};
	let pending = Pending { commitment, ticket: 0 };
	Commitments::<T>::insert(worker, DEVICE, pending);
	pending
}

/// An audited device and its reveal.
fn revealable<T: Config>(rounds: u32, openings: u32) -> (WorkerKey, H256, ProofBytes) {
	let (worker, enrolment) = enrolled::<T>(openings);
	let params = dimensions(&enrolment.params, LANES).expect("the class was checked");
	let seed = device_seed(&SEED.0, &worker.0, DEVICE, CLASS, &params);
	let (statement, proof) =
		sparse_reveal(&params, &seed, rounds, openings).expect("both are in range");
	let deadline = NOW + 1;
	let challenge = statement.challenge.into();
	let audit = Audit { challenge, deadline };
	committed::<T>(worker, rounds, statement.commitment.into(), Some(audit));
	Deadlines::<T>::insert(0, Deadline { worker, device: DEVICE, at: deadline });
	DeadlineQueue::<T>::put(Queue { first: 0, next: 1 });
	(worker, challenge, proof.try_into().expect("no reveal is longer than a proof may be"))
}

/// Makes a job whose claimed result has this output.
fn claimed<T: Config>(
	worker: WorkerKey,
	kernel: Kernel,
	verification: Verification,
	output: H256,
) -> JobId {
	let units = kernel.units().expect("the kernel is small");
	let requester: T::AccountId = account("requester", 0, 0);
	let claim = |digest| Claim {
		requester: requester.clone(),
		worker,
		kernel: kernel.clone(),
		verification,
		digest,
		units,
		exit_code: 0,
	};
	// The digest holds the job's number. Numbers are a counter, so the first job tells that of the second.
	let next = T::Verdicts::ensure_claim(claim(H256::zero())).saturating_add(1);
	let digest = result_digest(Pallet::<T>::genesis(), next, 0, units, output);
	let job = T::Verdicts::ensure_claim(claim(digest));
	assert_eq!(job, next);
	job
}

/// The encoding of six times ristretto's base point, which is one of a reduced scalar as well.
const FILLER: [u8; 32] = [
	0xf6, 0x47, 0x46, 0xd3, 0xc9, 0x2b, 0x13, 0x05, 0x0e, 0xd8, 0xd8, 0x02, 0x36, 0xa7, 0xf0, 0x00,
	0x7c, 0x3b, 0x3f, 0x96, 0x2f, 0x5b, 0xa7, 0x93, 0xd1, 0x9a, 0x60, 0x1e, 0xbb, 0x1d, 0xf4, 0x03,
];

/// A proof that fails only when everything has been computed. To make one that holds would take minutes.
fn filled(shape: &product::Shape) -> Vec<u8> {
	FILLER.into_iter().cycle().take(shape.proof_len()).collect()
}

/// A job that waits for the proof of its product, and a proof that is wrong, which is the dearer verdict.
fn provable<T: Config>(m: u32, k: u32, n: u32) -> (WorkerKey, JobId, ProofBytes) {
	set_block::<T>(NOW);
	let worker = signing_key();
	let shape = product::Shape::new(m, k, n).expect("the dimensions are in range");
	let proof = filled(&shape);
	let output = product::output_of(&shape, &proof).expect("it has the right length").into();
	let inputs = H256(blake3_of(&proof[..32 * (m + n) as usize]));
	let kernel = Kernel::MatMulI8 { m, k, n };
	let job = claimed::<T>(worker, kernel, Verification::Product { inputs }, output);
	(worker, job, proof.try_into().expect("no proof is longer than it may be"))
}

/// BLAKE3 of a list of points: that of the output of a product of nothing but this list.
fn blake3_of(points: &[u8]) -> [u8; 32] {
	*blake3::hash(points).as_bytes()
}

/// Rows and columns for which lists have `l` points: `2 m + n = l`.
fn lists(l: u32) -> (u32, u32) {
	let n = (l / 3).max(1);
	let n = if (l - n).is_multiple_of(2) { n } else { n + 1 };
	((l - n) / 2, n)
}

/// Rows and columns in the benchmark of disputes.
const SIDE: u32 = 16;

fn dispute_shape(k: u32) -> fraud::Shape {
	fraud::Shape::new(SIDE, k, SIDE).expect("the dimensions are in range")
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn note_relay() {
		open_window::<T>();
		set_block::<T>(BlockNumber::MAX / 2);
		let slot = 1_000;
		let mut number = 1_000;
		// A lot that opens a window; where the odds are none, no lot does.
		let opens = |number: u32| {
			let acc = io_tflops::transcript::fold(&[1; 32], number, &[number as u8; 32]);
			crate::beacon::is_drawn(&acc.into(), T::WindowOdds::get())
		};
		while !opens(number) && number < 100_000 {
			number += 1;
		}
		let vrf = H256::repeat_byte(number as u8);

		#[block]
		{
			Pallet::<T>::note_relay(number, slot, Some(vrf));
		}

		assert_eq!(Relay::<T>::get().folds, 701);
	}

	#[benchmark]
	fn enrol() {
		let (worker, _) = enrolled::<T>(1);

		#[extrinsic_call]
		_(RawOrigin::Authorized, worker, DEVICE, CLASS, LANES / 2, NOW, unsigned());

		assert_eq!(Enrolments::<T>::get(worker, DEVICE).map(|new| new.lanes), Some(LANES / 2));
	}

	#[benchmark]
	fn leave() {
		let (worker, _) = enrolled::<T>(1);

		#[extrinsic_call]
		_(RawOrigin::Authorized, worker, DEVICE, NOW, unsigned());

		assert!(!Enrolments::<T>::contains_key(worker, DEVICE));
	}

	#[benchmark]
	fn release() {
		let (worker, enrolment) = enrolled::<T>(1);

		#[extrinsic_call]
		_(RawOrigin::Signed(enrolment.operator), worker, DEVICE);

		assert!(!Enrolments::<T>::contains_key(worker, DEVICE));
	}

	#[benchmark]
	fn commit() {
		let (worker, _) = enrolled::<T>(1);
		open_window::<T>();

		#[extrinsic_call]
		_(
			RawOrigin::Authorized,
			worker,
			WINDOW,
			SEED,
			DEVICE,
			MAX_ROUNDS,
			H256::repeat_byte(3),
			NOW,
			unsigned(),
		);

		assert!(Commitments::<T>::contains_key(worker, DEVICE));
	}

	#[benchmark]
	fn reveal(r: Linear<1, MAX_ROUNDS>, o: Linear<1, MAX_OPENINGS>) {
		let (worker, challenge, proof) = revealable::<T>(r, o);

		#[extrinsic_call]
		_(RawOrigin::Authorized, worker, WINDOW, challenge, DEVICE, proof, NOW, unsigned());

		assert!(Certificates::<T>::get(worker).iter().any(|found| found.window == WINDOW));
	}

	#[benchmark]
	fn reveal_entries(e: Linear<1, MAX_OPENINGS>) {
		let (key_a, key_b) = ([1; 32], [2; 32]);
		let mut sum = 0i64;

		#[block]
		{
			for at in 0..e {
				let entry = stream::entry(black_box(&key_a), black_box(&key_b), at, at, MAX_K);
				sum += i64::from(entry);
			}
		}

		black_box(sum);
	}

	#[benchmark]
	fn punish() {
		let (worker, enrolment) = enrolled::<T>(1);
		let audit = Audit { challenge: H256::zero(), deadline: NOW };
		committed::<T>(worker, 1, H256::zero(), Some(audit));
		Deadlines::<T>::insert(0, Deadline { worker, device: DEVICE, at: NOW });

		#[block]
		{
			Deadlines::<T>::remove(0);
			Pallet::<T>::punish_silence(worker, DEVICE);
		}

		assert!(!Enrolments::<T>::contains_key(worker, DEVICE));
		assert!(T::Bonding::locked(&enrolment.operator) < enrolment.bond);
	}

	#[benchmark]
	fn settle_product(l: Linear<3, { 3 * product::MAX_DIM }>, k: Linear<1, { product::MAX_DIM }>) {
		let (m, n) = lists(l);
		let (worker, job, proof) = provable::<T>(m, k, n);

		#[extrinsic_call]
		_(RawOrigin::Authorized, worker, job, proof, NOW, unsigned());

		assert!(T::Verdicts::claim(job).is_none());
	}

	#[benchmark]
	fn dispute(p: Linear<1_034, 132_104>) {
		set_block::<T>(NOW);
		let worker = signing_key();
		let k = (p - 1_032) / 2;
		let shape = dispute_shape(k);
		let (context, seed) = ([1; 32], [2; 32]);
		let entries = (SIDE * k) as usize;
		let (a, b) = (vec![0; entries], vec![0; entries]);
		let mut c = vec![0; (SIDE * SIDE) as usize];
		c[17] = 1;
		let built = "the matrices have these dimensions";
		let verification = Verification::Dispute {
			context: context.into(),
			left: fraud::root_rows(&shape, &context, &seed, &a).expect(built).into(),
			right: fraud::root_columns(&shape, &context, &seed, &b).expect(built).into(),
			blocks: 2,
		};
		let output = fraud::root_product(&shape, &context, &seed, &c).expect(built).into();
		let kernel = Kernel::MatMulI8 { m: SIDE, k, n: SIDE };
		let job = claimed::<T>(worker, kernel, verification, output);
		let seeds = (&seed, &seed);
		let proof = fraud::build_dispute(&shape, &context, seeds, (&a, &b, &c), (1, 1));
		let proof: ProofBytes =
			proof.expect(built).try_into().expect("no dispute is longer than a proof may be");
		let caller: T::AccountId = whitelisted_caller();

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), job, proof);

		assert!(T::Verdicts::claim(job).is_none());
	}

	#[benchmark]
	fn set_class() -> Result<(), BenchmarkError> {
		let origin =
			T::AdminOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, CLASS, Some(class()));

		assert_eq!(Classes::<T>::get(CLASS), Some(class()));
		Ok(())
	}

	/// An enrolment in the place of another one is the dearest of the changes.
	#[benchmark]
	fn authorize_change() {
		let (worker, _) = enrolled::<T>(1);
		let call = AttestationCall::Enrol { device: DEVICE, class: CLASS, lanes: LANES / 2 };
		let call = signed::<T>(worker, call);
		let valid;

		#[block]
		{
			valid = call.authorize(TransactionSource::External);
		}

		assert!(matches!(valid, Some(Ok(_))));
	}

	#[benchmark]
	fn authorize_commit() {
		let (worker, _) = enrolled::<T>(1);
		open_window::<T>();
		let commitment = H256::repeat_byte(3);
		let call = AttestationCall::Commit {
			window: WINDOW,
			seed: SEED,
			device: DEVICE,
			rounds: 1,
			commitment,
		};
		let call = signed::<T>(worker, call);
		let valid;

		#[block]
		{
			valid = call.authorize(TransactionSource::External);
		}

		assert!(matches!(valid, Some(Ok(_))));
	}

	#[benchmark]
	fn authorize_reveal(p: Linear<1_408, { OPENING_BYTES * MAX_OPENINGS }>) {
		// As near as rounds and openings come to this length.
		let openings = p / OPENING_BYTES;
		let rounds = ((p - openings * OPENING_BYTES) / 32).max(1);
		let (worker, _) = enrolled::<T>(openings);
		let deadline = NOW + 1;
		let challenge = H256::zero();
		let audit = Audit { challenge, deadline };
		committed::<T>(worker, rounds, H256::zero(), Some(audit));
		let len = openings * OPENING_BYTES + rounds * 32;
		let proof = BoundedVec::truncate_from(vec![1; len as usize]);
		let call = AttestationCall::Reveal { window: WINDOW, challenge, device: DEVICE, proof };
		let call = signed::<T>(worker, call);
		let valid;

		#[block]
		{
			valid = call.authorize(TransactionSource::External);
		}

		assert!(matches!(valid, Some(Ok(_))));
	}

	#[benchmark]
	fn authorize_settle_product(p: Linear<35_296, 100_768>) {
		// 1,024 columns; the length follows from the rows.
		let m = ((p / 32).saturating_sub(1_101) / 2).max(1);
		let (worker, job, proof) = provable::<T>(m, product::MAX_DIM, product::MAX_DIM);
		let call = signed::<T>(worker, AttestationCall::SettleProduct { job, proof });
		let valid;

		#[block]
		{
			valid = call.authorize(TransactionSource::External);
		}

		assert!(matches!(valid, Some(Ok(_))));
	}

	/// Both queues are looked at and have changed.
	#[benchmark]
	fn poll_base() {
		open_window::<T>();
		let folds;

		#[block]
		{
			folds = Relay::<T>::get().folds;
			DrawQueue::<T>::mutate(|queue| queue.next += 1);
			DeadlineQueue::<T>::mutate(|queue| queue.next += 1);
		}

		assert_eq!(folds, 700);
	}

	/// A commitment that is certified at once: its worker's list of certificates is read and written.
	#[benchmark]
	fn poll_draw() {
		let (worker, _) = enrolled::<T>(1);
		open_window::<T>();
		Certificates::<T>::mutate(worker, |list| {
			list.iter_mut().for_each(|certificate| certificate.mops = u64::MAX);
		});
		committed::<T>(worker, 1, H256::repeat_byte(3), None);
		let draw = Draw { worker, device: DEVICE, fold: 700 };
		Draws::<T>::insert(0, draw);
		Ring::<T>::insert(700 % RING, (700, H256::repeat_byte(1)));

		#[block]
		{
			if let Some(draw) = Draws::<T>::take(0) {
				Pallet::<T>::draw(draw, Permill::zero(), NOW);
			}
		}

		let certificates = Certificates::<T>::get(worker);
		assert!(certificates.iter().any(|found| found.window == WINDOW));
		assert_eq!(certificates.len(), usize::from(MAX_DEVICES));
	}

	#[benchmark]
	fn poll_skip() {
		let found;

		#[block]
		{
			found = Deadlines::<T>::get(0);
		}

		assert!(found.is_none());
	}

	impl_benchmark_test_suite!(
		Pallet,
		crate::mock::ExtBuilder::default().build_with_keystore(),
		crate::mock::Runtime
	);
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_compute_everything_before_a_filled_proof_fails() {
		for (m, k, n) in [(1, 1, 1), (5, 3, 2)] {
			let shape = product::Shape::new(m, k, n).unwrap();
			let proof = filled(&shape);
			let statement = product::Statement {
				genesis: [0; 32],
				para: 1,
				job: 1,
				worker: [0; 32],
				shape,
				inputs: blake3_of(&proof[..32 * (m + n) as usize]),
				output: product::output_of(&shape, &proof).unwrap(),
			};
			let verdict = product::verify(&statement, &proof);
			assert_eq!(verdict, Err(product::ProductError::NotProven));
		}
	}

	#[test]
	fn should_find_lists_of_every_length() {
		for l in 3..=3 * product::MAX_DIM {
			let (m, n) = lists(l);
			assert_eq!(2 * m + n, l);
			assert!((1..=product::MAX_DIM).contains(&m) && (1..=product::MAX_DIM).contains(&n));
		}
	}

	#[test]
	fn should_make_disputes_as_long_as_the_benchmark_says() {
		assert_eq!(dispute_shape(1).dispute_len(), 1_034);
		assert_eq!(dispute_shape(MAX_K).dispute_len(), 132_104);
	}
}
