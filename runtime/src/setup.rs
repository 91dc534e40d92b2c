//! # Initial parameters
//!
//! `pallet-parameters` has no genesis of its own. This writes the parameters of a new chain that differ from their
//! defaults, for example shorter deferrals on a development chain. It has no calls and no storage.

use crate::configs::parameters;
use frame_support::{pallet_prelude::*, traits::dynamic_params::AggregatedKeyValue};

pub use pallet::*;

#[frame_support::pallet]
pub mod pallet {
	use super::*;

	/// See the module's documentation.
	#[pallet::pallet]
	pub struct Pallet<T>(_);

	/// What the pallet needs of the runtime.
	#[pallet::config]
	pub trait Config: frame_system::Config {}

	/// Parameters of a new chain. What is left out has its default.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Blocks from an offence to the payment of its slash.
		pub slash_defer: Option<crate::BlockNumber>,
		/// Sessions, eras, and how long stake stays bound.
		pub eras: Option<parameters::EraTerms>,
		/// How computing power is proven.
		pub attestation: Option<parameters::AttestationTerms>,
		/// Bonds of relays, and when they count as dead.
		pub mesh: Option<pallet_io_mesh::Terms>,
		/// No parameter: ties the type to the runtime.
		#[serde(skip)]
		pub _config: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			let initial =
				parameters::initial(self.slash_defer, self.eras, self.attestation, self.mesh);
			for parameter in initial {
				if let (key, Some(value)) = parameter.into_parts() {
					pallet_parameters::Parameters::<crate::Runtime>::insert(key, value);
				}
			}
		}
	}
}
