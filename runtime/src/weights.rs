//! What calls and hooks weigh, one module for each pallet.
//!
//! The modules that are files were measured; see the header of each for machine and date. The others take what the
//! pallet's authors measured on their reference machine.

/// Jobs.
pub mod pallet_io_jobs;
/// Stakes and slashes.
pub mod pallet_io_staking;

/// The extension that gives unused weight back.
pub mod cumulus_pallet_weight_reclaim;
/// Parameters.
pub mod pallet_parameters;
/// Calls that send messages.
pub mod pallet_xcm;

macro_rules! of_the_authors {
	($($(#[$doc:meta])* $name:ident => $($path:ident)::+,)*) => { $(
		$(#[$doc])*
		pub mod $name {
			/// Measured by the pallet's authors.
			pub type WeightInfo<T> = $($path)::+<T>;
		}
	)* };
}

of_the_authors! {
	/// The parachain's inherent.
	cumulus_pallet_parachain_system => cumulus_pallet_parachain_system::weights::SubstrateWeight,
	/// Queue of messages of siblings.
	cumulus_pallet_xcmp_queue => cumulus_pallet_xcmp_queue::weights::SubstrateWeight,
	/// The system's calls.
	frame_system => frame_system::weights::SubstrateWeight,
	/// The system's transaction extensions.
	frame_system_extensions => frame_system::SubstrateExtensionsWeight,
	/// Balances.
	pallet_balances => pallet_balances::weights::SubstrateWeight,
	/// Collators.
	pallet_collator_selection => pallet_collator_selection::weights::SubstrateWeight,
	/// Message queue.
	pallet_message_queue => pallet_message_queue::weights::SubstrateWeight,
	/// Multi-signature accounts.
	pallet_multisig => pallet_multisig::weights::SubstrateWeight,
	/// Preimages.
	pallet_preimage => pallet_preimage::weights::SubstrateWeight,
	/// Proxies.
	pallet_proxy => pallet_proxy::weights::SubstrateWeight,
	/// Safe mode.
	pallet_safe_mode => pallet_safe_mode::weights::SubstrateWeight,
	/// Scheduler.
	pallet_scheduler => pallet_scheduler::weights::SubstrateWeight,
	/// Sessions.
	pallet_session => pallet_session::weights::SubstrateWeight,
	/// Sudo.
	pallet_sudo => pallet_sudo::weights::SubstrateWeight,
	/// Clock.
	pallet_timestamp => pallet_timestamp::weights::SubstrateWeight,
	/// The fee extension.
	pallet_transaction_payment => pallet_transaction_payment::weights::SubstrateWeight,
	/// Treasury.
	pallet_treasury => pallet_treasury::weights::SubstrateWeight,
	/// Transaction pause.
	pallet_tx_pause => pallet_tx_pause::weights::SubstrateWeight,
	/// Batches.
	pallet_utility => pallet_utility::weights::SubstrateWeight,
}
