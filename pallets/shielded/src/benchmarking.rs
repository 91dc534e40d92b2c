//! Benchmarks of the calls, of the authorisation of unsigned bundles, and of the check in `on_idle`, each in its dearest case.

use alloc::{boxed::Box, vec::Vec};
use codec::Encode;
use core::hint::black_box;
use curve25519_dalek::{constants::RISTRETTO_BASEPOINT_POINT, ristretto::RistrettoPoint};
use frame_benchmarking::v2::*;
use frame_support::{traits::Authorize, weights::WeightMeter};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use sp_core::H256;
use sp_runtime::transaction_validity::TransactionSource;

use super::*;
use crate::wallet::{stamp_for, Held, Plan};

const NOW: BlockNumber = 1_000;
const ERA: BlockNumber = NOW - 100;
const ERA_HASH: [u8; 32] = [9; 32];
/// What each spent coin is worth, in units: more than the fee of any bundle.
const AMOUNT: u64 = 2_000_000;

/// Two full windows, with the coins that are to be spent among them: the first one alone in the second window, if there
/// are two.
fn pool<T: Config>(inputs: u32, windows: u32) -> Vec<Held> {
	frame_system::Pallet::<T>::set_block_number(BlockNumberFor::<T>::from(NOW));
	frame_system::BlockHash::<T>::insert(BlockNumberFor::<T>::from(ERA), H256(ERA_HASH));
	let count = u64::from(T::RING.places() + T::RING.half());
	let mut held: Vec<Held> = (0..inputs).map(|_| Held::new(AMOUNT)).collect();
	for (at, coin) in (0u64..).zip(&mut held) {
		coin.index = if windows == 2 && at == 0 { count - 1 } else { at };
	}
	// Points that are cheap to make.
	let mut point = RISTRETTO_BASEPOINT_POINT;
	let mut next = || {
		point += RISTRETTO_BASEPOINT_POINT;
		RistrettoPoint::compress(&point).to_bytes()
	};
	let coins: Vec<Coin> = (0..count)
		.map(|index| match held.iter().find(|coin| coin.index == index) {
			Some(coin) => coin.coin(),
			None => Coin { key: next(), commitment: next() },
		})
		.collect();
	for (chunk, coins) in (0u32..).zip(coins.chunks(CHUNK as usize)) {
		Chunks::<T>::insert(chunk, BoundedVec::truncate_from(coins.to_vec()));
	}
	for coin in &coins {
		Keys::<T>::insert(coin.key, ());
	}
	Count::<T>::put(count);
	let mut history = Counts::new();
	for age in (0..=MATURITY).rev() {
		let early = u64::from(age.saturating_sub(MATURITY));
		history.try_push((NOW - MATURITY - age, count - early)).expect("there is room for eleven");
	}
	History::<T>::put(history);
	let supply = Balance::from(AMOUNT) * Balance::from(inputs) * UNIT;
	let account = Pallet::<T>::account();
	T::Currency::mint_into(&account, supply + T::Currency::minimum_balance())
		.expect("benchmarks can mint");
	T::Currency::hold(&HoldReason::Pool.into(), &account, supply).expect("just minted");
	ShieldedSupply::<T>::put(supply);
	Outflows::<T>::put(Outflow { level: 1, at: NOW - 1 });
	held
}

/// A bundle that is right, of `t` outputs, which pays a new account.
fn bundle<T: Config>(w: u32, s: u32, t: u32, relayer: Option<&T::AccountId>) -> Bundle {
	// There is no bundle with three of anything.
	let (w, t) = (w.next_power_of_two(), t.next_power_of_two());
	let held = pool::<T>(w, s);
	let shape = Shape { inputs: w, windows: s, outputs: t };
	let bytes = |account: &T::AccountId| -> [u8; 32] {
		account.encode().try_into().expect("an account has 32 bytes")
	};
	let amount = T::Currency::minimum_balance().div_ceil(UNIT) as u64;
	let payee: T::AccountId = account("payee", 0, 0);
	let plan = Plan {
		outputs: (1..u64::from(t)).collect(),
		fee: match relayer {
			Some(_) => 10,
			None => Pallet::<T>::minimum_fee_of(shape, None),
		},
		fee_to: relayer.map(bytes),
		target: Target::Account { id: bytes(&payee), amount },
		era: ERA,
		era_hash: ERA_HASH,
		domain: Pallet::<T>::domain(),
		coins: held,
	};
	plan.prove(
		&|window| Pallet::<T>::coins_from(window.start(T::RING), window.len),
		Count::<T>::get(),
	)
	.0
}

fn stamp<T: Config>(bundle: &Bundle) -> u64 {
	stamp_for(bundle, &Pallet::<T>::domain(), T::Terms::get().stamp_bits)
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn shield() -> Result<(), BenchmarkError> {
		pool::<T>(1, 1);
		let caller: T::AccountId = whitelisted_caller();
		T::Currency::mint_into(&caller, UNIT + T::Currency::minimum_balance())?;
		let note = Held::minted(1).note();
		#[extrinsic_call]
		_(RawOrigin::Signed(caller), UNIT, note);

		assert_eq!(Count::<T>::get(), u64::from(T::RING.places() + T::RING.half()) + 1);
		Ok(())
	}

	#[benchmark]
	fn spend(w: Linear<2, 4>, s: Linear<1, 2>, t: Linear<2, 4>) -> Result<(), BenchmarkError> {
		let bundle = bundle::<T>(w, s, t, None);
		let stamp = stamp::<T>(&bundle);

		#[extrinsic_call]
		_(RawOrigin::Authorized, Box::new(bundle), None, stamp);

		assert_eq!(Tags::<T>::iter().count() as u32, w.next_power_of_two());
		Ok(())
	}

	#[benchmark]
	fn relay(w: Linear<2, 4>, s: Linear<1, 2>, t: Linear<2, 4>) -> Result<(), BenchmarkError> {
		let caller: T::AccountId = whitelisted_caller();
		T::Currency::mint_into(&caller, T::Currency::minimum_balance())?;
		let bundle = bundle::<T>(w, s, t, Some(&caller));

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), Box::new(bundle), None);

		assert_eq!(Tags::<T>::iter().count() as u32, w.next_power_of_two());
		Ok(())
	}

	#[benchmark]
	fn pause() -> Result<(), BenchmarkError> {
		let origin =
			T::AdminOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, PauseScope::Everything, T::MaxPause::get());

		assert!(Paused::<T>::exists());
		Ok(())
	}

	#[benchmark]
	fn resume() -> Result<(), BenchmarkError> {
		let origin =
			T::AdminOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
		Paused::<T>::put(Pause { scope: PauseScope::Everything, until: NOW });

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin);

		assert!(!Paused::<T>::exists());
		Ok(())
	}

	#[benchmark]
	fn authorize_spend(w: Linear<2, 4>, t: Linear<2, 4>) {
		let bundle = bundle::<T>(w, 2, t, None);
		let stamp = stamp::<T>(&bundle);
		let call = Pallet::<T>::spend_call(bundle, None, stamp);

		#[block]
		{
			let verdict = black_box(call.authorize(TransactionSource::InBlock));
			assert!(verdict.is_some_and(|verdict| verdict.is_ok()));
		}
	}

	#[benchmark]
	fn check_turnstile() {
		pool::<T>(1, 1);
		Paused::<T>::put(Pause { scope: PauseScope::AllButExits, until: NOW + 1 });
		// The dearer case: the pool is paused.
		ShieldedSupply::<T>::mutate(|supply| *supply += UNIT);

		#[block]
		{
			Pallet::<T>::check_turnstile(&mut WeightMeter::new());
		}

		assert!(Paused::<T>::get().is_some_and(|now| now.scope == PauseScope::Everything));
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Runtime);
}
