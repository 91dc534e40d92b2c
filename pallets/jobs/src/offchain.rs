//! The off-chain worker: tells the gateways of this node's workers what the chain sees for them, and puts the calls
//! that they sign into the pool.
//!
//! A gateway is asked only if the node's owner named it, and its answer is treated as hostile all the same: it is read
//! up to a limit and up to a deadline, decoded without rest (see [`io_primitives::gateway::client`]), and each call is
//! checked as the pool would check it.

use frame_system::offchain::SubmitTransaction;
use io_primitives::{
	gateway::{
		client::Exchange, SyncRequest, SyncResponse, WorkerSync, MAX_REQUEST_BYTES,
		MAX_RESPONSE_BYTES, SYNC_PATH,
	},
	BlockNumber, WorkerKey,
};

use crate::{Call, Config, Pallet, LOG_TARGET};

const EXCHANGE: Exchange = Exchange {
	path: SYNC_PATH,
	max_request: MAX_REQUEST_BYTES,
	max_response: MAX_RESPONSE_BYTES,
	log_target: LOG_TARGET,
};

impl<T: Config> Pallet<T> {
	/// One round with all gateways.
	pub(crate) fn sync_gateways(now: BlockNumber) {
		let sync = |worker: WorkerKey| WorkerSync {
			worker,
			view: Self::worker_view(worker),
			assignments: Self::assignments(worker),
		};
		let genesis = Self::genesis();
		EXCHANGE.round(
			now,
			sync,
			|workers| SyncRequest { genesis, best: now, workers },
			|answer: SyncResponse| {
				EXCHANGE.forward(answer.calls, Self::check_worker_call, |signed| {
					let extrinsic =
						T::create_authorized_transaction(Self::worker_call(signed).into());
					SubmitTransaction::<T, Call<T>>::submit_transaction(extrinsic)
				});
			},
		);
	}
}
