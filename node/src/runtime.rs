//! What the node assumes of the runtime.

use polkadot_omni_node_lib::runtime::{
	AuraConsensusId, BlockNumber, Consensus, Runtime, RuntimeResolver,
};
use sc_service::ChainSpec;

/// Knows our runtime. The library's own resolver finds out the same by compiling the runtime twice at each start.
pub(crate) struct Resolver;

impl RuntimeResolver for Resolver {
	fn runtime(&self, _: &dyn ChainSpec) -> sc_cli::Result<Runtime> {
		Ok(Runtime::Omni(BlockNumber::U32, Consensus::Aura(AuraConsensusId::Sr25519)))
	}
}
