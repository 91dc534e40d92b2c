//! The off-chain worker: tells the gateways of this node's workers what the chain sees of their devices, and puts the calls
//! that they sign into the pool.
//!
//! A gateway's answer is treated as hostile: see [`io_primitives::gateway::client`]. Each call is checked as the pool would
//! check it.

use frame_system::offchain::SubmitTransaction;
use io_primitives::{
	attestation::{AttestRequest, AttestResponse, ATTEST_PATH, MAX_ATTEST_RESPONSE_BYTES},
	gateway::{client::Exchange, MAX_REQUEST_BYTES},
	BlockNumber, WorkerKey,
};

use crate::{Call, Config, Pallet, LOG_TARGET};

const EXCHANGE: Exchange = Exchange {
	path: ATTEST_PATH,
	max_request: MAX_REQUEST_BYTES,
	max_response: MAX_ATTEST_RESPONSE_BYTES,
	log_target: LOG_TARGET,
};

impl<T: Config> Pallet<T> {
	/// One round with all gateways.
	pub(crate) fn attest_gateways(now: BlockNumber) {
		let genesis = Self::genesis();
		EXCHANGE.round(
			now,
			|worker: WorkerKey| (worker, Self::attestation_view(worker)),
			|workers| AttestRequest { genesis, workers },
			|answer: AttestResponse| {
				EXCHANGE.forward(answer.calls, Self::check_attestation, |signed| {
					let extrinsic =
						T::create_authorized_transaction(Self::attestation_call(signed).into());
					SubmitTransaction::<T, Call<T>>::submit_transaction(extrinsic)
				});
			},
		);
	}
}
