//! What can go wrong between this program and the chain.

use sp_core::H256;

/// A failure, with what the user can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
	/// The URL is not one of a node.
	#[error(
		"{url:?} is not the URL of a node ({reason}); it looks like ws://127.0.0.1:9944 or wss://node.example"
	)]
	BadUrl {
		/// What was given.
		url: String,
		/// What is wrong with it.
		reason: String,
	},
	/// Nobody answers as a node does.
	#[error("no node answers at {url}: {reason}. Start one (`io-node --dev`) or name another")]
	Unreachable {
		/// Where it was looked for.
		url: String,
		/// What happened.
		reason: String,
	},
	/// The node is another chain's.
	#[error(
		"the node belongs to another chain: its genesis block is {found:?}, expected was {expected:?}. Use a node of the right chain"
	)]
	WrongChain {
		/// Genesis hash that was wanted.
		expected: H256,
		/// Genesis hash of the node.
		found: H256,
	},
	/// A request took too long.
	#[error(
		"the node did not answer {method} within {seconds} s; it may be busy, stopped or out of reach"
	)]
	Timeout {
		/// The request.
		method: String,
		/// How long was waited.
		seconds: u64,
	},
	/// The connection is lost for good.
	#[error("the connection to the node failed in {method}: {reason}")]
	Connection {
		/// The request.
		method: String,
		/// What happened.
		reason: String,
	},
	/// The node refused a request.
	#[error("the node refused {method}: {message} (code {code})")]
	Rpc {
		/// The request.
		method: String,
		/// JSON-RPC error code.
		code: i32,
		/// The node's words.
		message: String,
	},
	/// An answer was not what this version understands.
	#[error(
		"cannot read {what}: {reason}. The node's runtime and this program are probably of different versions"
	)]
	Decode {
		/// What was to be read.
		what: String,
		/// What is wrong with it.
		reason: String,
	},
	/// The runtime lacks something.
	#[error("the chain's runtime has no {what}; it is another chain or another version of it")]
	Missing {
		/// What it lacks.
		what: String,
	},
	/// A call does not have the form that the runtime wants.
	#[error(
		"the runtime does not take this form of {call}: {reason}. It is probably of another version than this program"
	)]
	BadCall {
		/// `Pallet.call`.
		call: String,
		/// What is wrong with it.
		reason: String,
	},
	/// A block is not (or no longer) known to the node.
	#[error("the node does not know the block {block}; it may have discarded it")]
	UnknownBlock {
		/// Number or hash.
		block: String,
	},
	/// The transaction pool refused a transaction.
	#[error("the transaction was refused: {reason}")]
	Refused {
		/// Why.
		reason: String,
	},
	/// The place that a bundle's stamp has in the node's pool is taken by one that pays as much.
	#[error(
		"too many private payments are waiting at the node; nothing was sent. Try again after a few blocks"
	)]
	NoPlace,
	/// A transaction was included, and its call failed. Nothing but the fee changed.
	#[error("{0}")]
	Dispatch(DispatchFailure),
	/// A transaction did not get into a block while it was valid.
	#[error(
		"the transaction did not get into a block in time and is void now; nothing changed. Try again"
	)]
	NotIncluded,
	/// The chain stands still, or its finality does.
	#[error(
		"no block was finalised for {seconds} s; a block may have the transaction all the same. Look at the node's log"
	)]
	NoFinality {
		/// How long.
		seconds: u64,
	},
	/// The chain stands still.
	#[error("the chain has made no block for {seconds} s. Look at the node's log")]
	NoBlocks {
		/// How long.
		seconds: u64,
	},
}

/// Why a call failed, by the names of the chain's metadata.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DispatchFailure {
	/// The pallet, or the kind of error if it is not a pallet's own.
	pub pallet: String,
	/// The error's name.
	pub name: String,
	/// What the pallet's documentation says of it; may be empty.
	pub docs: String,
}

impl core::fmt::Display for DispatchFailure {
	fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
		write!(f, "{}.{}", self.pallet, self.name)?;
		if !self.docs.is_empty() {
			write!(f, ": {}", self.docs)?;
		}
		Ok(())
	}
}

impl Error {
	/// A failure to read something that came from the node.
	pub(crate) fn decode(what: impl Into<String>, reason: impl ToString) -> Self {
		Self::Decode { what: what.into(), reason: reason.to_string() }
	}

	/// Whether the node has discarded the state that was asked for, as most nodes do with all but the last few hundred.
	pub fn is_discarded(&self) -> bool {
		matches!(self, Self::Rpc { message, .. } if message.contains("State already discarded"))
	}

	/// Whether the same request may succeed later without anybody doing anything.
	pub fn is_temporary(&self) -> bool {
		matches!(
			self,
			Self::Unreachable { .. }
				| Self::Timeout { .. }
				| Self::Connection { .. }
				| Self::NoFinality { .. }
				| Self::NoBlocks { .. }
		)
	}
}
