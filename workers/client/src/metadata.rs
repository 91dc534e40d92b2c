//! What the chain's metadata tells: how calls are encoded, what errors and events are called.

use codec::{Compact, Decode, DecodeAll, Encode};
use io_primitives::Balance;
use sp_core::H256;
use sp_runtime::DispatchError;
use subxt::{
	Metadata,
	ext::{
		scale_decode::visitor::{IgnoreVisitor, decode_with_visitor},
		scale_value::{At, Composite, Value, ValueDef, scale::decode_as_type},
	},
	metadata::{ArcMetadata, StorageHasher},
};

use crate::{ChainEvent, DispatchFailure, Error, Fields, Phase, Result, storage};

/// Most events that one block is believed to have.
const MAX_EVENTS: u32 = 1_000_000;

/// One version of the chain's runtime, as its metadata describes it.
#[derive(Clone)]
pub struct Runtime {
	spec_version: u32,
	transaction_version: u32,
	metadata: ArcMetadata,
}

impl Runtime {
	/// Reads metadata.
	pub(crate) fn new(
		spec_version: u32,
		transaction_version: u32,
		metadata: &[u8],
	) -> Result<Self> {
		let metadata = Metadata::decode_from(metadata)
			.map_err(|e| Error::decode("the chain's metadata", e))?;
		Ok(Self { spec_version, transaction_version, metadata: metadata.arc() })
	}

	/// Version of the runtime.
	pub fn spec_version(&self) -> u32 {
		self.spec_version
	}

	/// Version of the transactions' form.
	pub fn transaction_version(&self) -> u32 {
		self.transaction_version
	}

	/// The metadata.
	pub fn metadata(&self) -> &ArcMetadata {
		&self.metadata
	}

	/// Whether the runtime has this pallet.
	pub fn has_pallet(&self, name: &str) -> bool {
		self.metadata.pallet_by_name(name).is_some()
	}

	fn pallet(&self, name: &str) -> Result<subxt::metadata::PalletMetadata<'_>> {
		self.metadata
			.pallet_by_name(name)
			.ok_or_else(|| Error::Missing { what: format!("pallet {name}") })
	}

	/// Encodes a call. Arguments are the SCALE encodings of the call's parameters one after the other, so several of
	/// them make a tuple.
	pub fn call(&self, pallet: &str, call: &str, arguments: impl Encode) -> Result<Vec<u8>> {
		let found = self.pallet(pallet)?;
		let variant = found
			.call_variant_by_name(call)
			.ok_or_else(|| Error::Missing { what: format!("call {pallet}.{call}") })?;
		let mut bytes = vec![found.call_index(), variant.index];
		arguments.encode_to(&mut bytes);
		// The parameters must have the encoding that the runtime expects, or something else would be signed.
		let mut rest = &bytes[2..];
		for field in &variant.fields {
			self.skip(&mut rest, field.ty.id)
				.map_err(|reason| Error::BadCall { call: format!("{pallet}.{call}"), reason })?;
		}
		if !rest.is_empty() {
			return Err(Error::BadCall {
				call: format!("{pallet}.{call}"),
				reason: format!("{} bytes are left over", rest.len()),
			});
		}
		Ok(bytes)
	}

	/// Moves `input` behind a value of the type.
	pub(crate) fn skip(&self, input: &mut &[u8], ty: u32) -> core::result::Result<(), String> {
		decode_with_visitor(input, ty, self.metadata.types(), IgnoreVisitor::new())
			.map(|_| ())
			.map_err(|e| e.to_string())
	}

	/// The id under which a view function is called.
	pub(crate) fn view_id(&self, pallet: &str, function: &str) -> Result<[u8; 32]> {
		self.pallet(pallet)?
			.view_function_by_name(function)
			.map(|f| *f.query_id())
			.ok_or_else(|| Error::Missing { what: format!("view function {pallet}.{function}") })
	}

	/// A constant of a pallet.
	pub fn constant<R: Decode>(&self, pallet: &str, name: &str) -> Result<R> {
		let found = self.pallet(pallet)?;
		let constant = found
			.constant_by_name(name)
			.ok_or_else(|| Error::Missing { what: format!("constant {pallet}.{name}") })?;
		R::decode_all(&mut constant.value())
			.map_err(|e| Error::decode(format!("the constant {pallet}.{name}"), e))
	}

	pub(crate) fn hashers(&self, pallet: &str, item: &str) -> Result<Vec<StorageHasher>> {
		let found = self.pallet(pallet)?;
		let entry = found
			.storage()
			.and_then(|storage| storage.entry_by_name(item))
			.ok_or_else(|| Error::Missing { what: format!("storage item {pallet}.{item}") })?;
		Ok(entry.keys().map(|key| key.hasher).collect())
	}

	/// Key of a storage item, or the beginning that all entries with these first keys share.
	pub fn storage_key(&self, pallet: &str, item: &str, keys: &[Vec<u8>]) -> Result<Vec<u8>> {
		let hashers = self.hashers(pallet, item)?;
		let found = self.pallet(pallet)?;
		let prefix = found.storage().map_or(pallet, |storage| storage.prefix());
		Ok(storage::key(prefix, item, &hashers, keys))
	}

	/// Decodes a list of holds, whose reasons are the runtime's own.
	pub(crate) fn decode_holds(
		&self,
		pallet: &str,
		item: &str,
		bytes: &[u8],
	) -> Result<Vec<(String, Balance)>> {
		let found = self.pallet(pallet)?;
		let entry = found
			.storage()
			.and_then(|storage| storage.entry_by_name(item))
			.ok_or_else(|| Error::Missing { what: format!("storage item {pallet}.{item}") })?;
		let value = decode_as_type(&mut &bytes[..], entry.value_ty(), self.metadata.types())
			.map_err(|e| Error::decode("the account's holds", e))?;
		let mut holds = Vec::new();
		collect_holds(&value, &mut holds);
		Ok(holds)
	}

	/// Puts a name to an error.
	pub fn describe(&self, error: &DispatchError) -> DispatchFailure {
		let named = |pallet: &str, name: String, docs: &str| DispatchFailure {
			pallet: pallet.into(),
			name,
			docs: docs.into(),
		};
		match error {
			DispatchError::Module(module) => {
				let found = self.metadata.pallet_by_error_index(module.index);
				let variant =
					found.as_ref().and_then(|p| p.error_variant_by_index(module.error[0]));
				match (found, variant) {
					(Some(pallet), Some(variant)) => DispatchFailure {
						pallet: pallet.name().to_owned(),
						name: variant.name.clone(),
						docs: join_docs(&variant.docs),
					},
					_ => named(
						"Unknown",
						format!("pallet {} error {}", module.index, module.error[0]),
						"the runtime's metadata does not know it",
					),
				}
			},
			DispatchError::Token(e) => {
				let text: &'static str = (*e).into();
				named("Token", format!("{e:?}"), text)
			},
			DispatchError::Arithmetic(e) => {
				let text: &'static str = (*e).into();
				named("Arithmetic", format!("{e:?}"), text)
			},
			DispatchError::BadOrigin => {
				named("Chain", "BadOrigin".into(), "this account may not do that")
			},
			DispatchError::Other(text) => named("Chain", "Other".into(), text),
			other => named("Chain", format!("{other:?}"), ""),
		}
	}

	/// Decodes the value of `System.Events`.
	pub(crate) fn decode_events(&self, bytes: &[u8]) -> Result<Vec<ChainEvent>> {
		const WHAT: &str = "the events of a block";
		let input = &mut &bytes[..];
		let Compact(count) = Compact::<u32>::decode(input).map_err(|e| Error::decode(WHAT, e))?;
		if count > MAX_EVENTS {
			return Err(Error::decode(WHAT, "there are too many"));
		}
		(0..count).map(|_| self.decode_event(input)).collect()
	}

	fn decode_event(&self, input: &mut &[u8]) -> Result<ChainEvent> {
		let failed = |reason: String| Error::decode("an event", reason);
		let (phase, pallet, variant) =
			<(Phase, u8, u8)>::decode(input).map_err(|e| failed(e.to_string()))?;
		let pallet = self
			.metadata
			.pallet_by_event_index(pallet)
			.ok_or_else(|| failed(format!("no pallet has the index {pallet}")))?;
		let variant = pallet.event_variant_by_index(variant).ok_or_else(|| {
			failed(format!("{} has no event with the index {variant}", pallet.name()))
		})?;
		let mut fields = Fields::default();
		for (i, field) in variant.fields.iter().enumerate() {
			let before = *input;
			self.skip(input, field.ty.id)
				.map_err(|e| failed(format!("{}.{}: {e}", pallet.name(), variant.name)))?;
			let name = field.name.clone().unwrap_or_else(|| i.to_string());
			fields.push(name, before[..before.len() - input.len()].to_vec());
		}
		// Topics, which nobody here needs.
		Vec::<H256>::decode(input).map_err(|e| failed(e.to_string()))?;
		Ok(ChainEvent {
			phase,
			pallet: pallet.name().to_owned(),
			name: variant.name.clone(),
			fields,
		})
	}
}

/// Finds `{ id, amount }` in nested lists.
fn collect_holds(value: &Value<u32>, holds: &mut Vec<(String, Balance)>) {
	if let (Some(id), Some(amount)) = (value.at("id"), value.at("amount")) {
		holds.push((variant_path(id), amount.as_u128().unwrap_or_default()));
	} else if let ValueDef::Composite(Composite::Unnamed(list)) = &value.value {
		list.iter().for_each(|inner| collect_holds(inner, holds));
	}
}

/// Names of nested variants: `IoJobs.JobEscrow`.
fn variant_path(value: &Value<u32>) -> String {
	match &value.value {
		ValueDef::Variant(variant) => match variant.values.values().next() {
			Some(inner) => format!("{}.{}", variant.name, variant_path(inner)),
			None => variant.name.clone(),
		},
		other => format!("{other:?}"),
	}
}

/// A documentation comment as one line.
fn join_docs(lines: &[String]) -> String {
	lines
		.iter()
		.map(|line| line.trim())
		.filter(|line| !line.is_empty())
		.collect::<Vec<_>>()
		.join(" ")
}

#[cfg(test)]
mod tests {
	use super::*;
	use codec::{Decode, Encode};
	use io_primitives::{Balance, JobId, JobSpec};
	use scale_info::{TypeInfo, meta_type};
	use subxt::ext::frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed, v16};

	#[derive(TypeInfo)]
	#[allow(non_camel_case_types, dead_code)]
	enum JobsCall {
		#[codec(index = 3)]
		cancel {
			#[codec(compact)]
			job: JobId,
		},
		#[codec(index = 7)]
		submit { spec: JobSpec },
	}

	#[derive(TypeInfo)]
	#[scale_info(capture_docs = "always")]
	#[allow(dead_code)]
	enum JobsError {
		/// Never used.
		#[codec(index = 0)]
		Other,
		/// The price is too low:
		/// nobody would run it.
		#[codec(index = 4)]
		PriceTooLow,
	}

	#[derive(TypeInfo, Encode)]
	enum JobsEvent {
		#[codec(index = 2)]
		JobExpired { job: JobId, refunded: Balance },
	}

	#[derive(TypeInfo)]
	#[allow(dead_code)]
	enum Outer {
		#[codec(index = 71)]
		IoJobs(JobsEvent),
	}

	/// Metadata of a chain that has nothing but one pallet, with odd numbers.
	fn runtime() -> Runtime {
		let none = v16::ItemDeprecationInfo::NotDeprecated;
		let nothing = v16::EnumDeprecationInfo::nothing_deprecated;
		let metadata = v16::RuntimeMetadataV16::new(
			vec![v16::PalletMetadata {
				name: "IoJobs",
				storage: None,
				calls: Some(v16::PalletCallMetadata {
					ty: meta_type::<JobsCall>(),
					deprecation_info: nothing(),
				}),
				event: Some(v16::PalletEventMetadata {
					ty: meta_type::<JobsEvent>(),
					deprecation_info: nothing(),
				}),
				constants: Vec::new(),
				error: Some(v16::PalletErrorMetadata {
					ty: meta_type::<JobsError>(),
					deprecation_info: nothing(),
				}),
				associated_types: Vec::new(),
				view_functions: Vec::new(),
				index: 71,
				docs: Vec::new(),
				deprecation_info: none,
			}],
			v16::ExtrinsicMetadata {
				versions: vec![4],
				address_ty: meta_type::<u8>(),
				call_ty: meta_type::<JobsCall>(),
				signature_ty: meta_type::<u8>(),
				transaction_extensions_by_version: [(0u8, Vec::new())].into_iter().collect(),
				transaction_extensions: Vec::new(),
			},
			Vec::new(),
			v16::OuterEnums {
				call_enum_ty: meta_type::<Outer>(),
				event_enum_ty: meta_type::<Outer>(),
				error_enum_ty: meta_type::<Outer>(),
			},
			v16::CustomMetadata { map: Default::default() },
		);
		let bytes = RuntimeMetadataPrefixed(0x6174_656d, RuntimeMetadata::V16(metadata)).encode();
		Runtime::new(1, 1, &bytes).unwrap()
	}

	fn module_error(index: u8, error: u8) -> DispatchError {
		// As the chain encodes it: the variant, the pallet, the error with its padding.
		DispatchError::decode(&mut &[3, index, error, 0, 0, 0][..]).unwrap()
	}

	#[test]
	fn should_encode_call_by_name() {
		let call = runtime().call("IoJobs", "cancel", Compact(5u64)).unwrap();
		assert_eq!(call, [71, 3, 20]);
	}

	#[test]
	fn should_refuse_call_when_arguments_have_another_form() {
		for error in [
			runtime().call("IoJobs", "cancel", ()).unwrap_err(),
			runtime().call("IoJobs", "cancel", (Compact(5u64), 1u8)).unwrap_err(),
			runtime().call("IoJobs", "submit", 7u32).unwrap_err(),
		] {
			assert!(matches!(error, Error::BadCall { .. }), "{error:?}");
		}
	}

	#[test]
	fn should_say_what_is_missing_when_a_name_is_unknown() {
		let runtime = runtime();
		for (error, name) in [
			(runtime.call("Sudo", "sudo", ()).unwrap_err(), "pallet Sudo"),
			(runtime.call("IoJobs", "dance", ()).unwrap_err(), "call IoJobs.dance"),
			(runtime.view_id("IoJobs", "job").unwrap_err(), "view function IoJobs.job"),
			(runtime.storage_key("IoJobs", "Jobs", &[]).unwrap_err(), "storage item IoJobs.Jobs"),
			(runtime.constant::<u32>("IoJobs", "X").unwrap_err(), "constant IoJobs.X"),
		] {
			assert!(error.to_string().contains(name), "{error}");
		}
	}

	#[test]
	fn should_name_and_explain_error_when_a_pallet_refuses() {
		let failure = runtime().describe(&module_error(71, 4));
		assert_eq!(
			failure.to_string(),
			"IoJobs.PriceTooLow: The price is too low: nobody would run it."
		);
	}

	#[test]
	fn should_describe_error_when_metadata_does_not_know_it() {
		let runtime = runtime();
		for (index, error) in [(71, 9), (9, 4), (255, 255)] {
			let failure = runtime.describe(&module_error(index, error));
			assert_eq!(failure.name, format!("pallet {index} error {error}"));
		}
	}

	#[test]
	fn should_describe_errors_that_are_no_pallets() {
		let runtime = runtime();
		for (error, text) in [
			(
				DispatchError::Token(sp_runtime::TokenError::FundsUnavailable),
				"Token.FundsUnavailable",
			),
			(
				DispatchError::Arithmetic(sp_runtime::ArithmeticError::Overflow),
				"Arithmetic.Overflow",
			),
			(DispatchError::BadOrigin, "Chain.BadOrigin"),
			(DispatchError::Exhausted, "Chain.Exhausted"),
		] {
			assert!(runtime.describe(&error).to_string().starts_with(text));
		}
	}

	#[test]
	fn should_decode_events_by_name() {
		let event = JobsEvent::JobExpired { job: 7, refunded: 9 };
		let mut bytes = Compact(1u32).encode();
		bytes.extend([0, 5, 0, 0, 0, 71]);
		bytes.extend(event.encode());
		bytes.push(0);
		let events = runtime().decode_events(&bytes).unwrap();
		assert_eq!(events[0].phase, Phase::ApplyExtrinsic(5));
		assert!(events[0].is("IoJobs", "JobExpired"));
		assert_eq!(events[0].fields.names().collect::<Vec<_>>(), ["job", "refunded"]);
		assert_eq!(
			crate::JobEvent::read(&events[0]).unwrap(),
			Some(crate::JobEvent::Expired { job: 7, refunded: 9 })
		);
	}

	#[test]
	fn should_report_events_when_they_are_cut_or_unknown() {
		let runtime = runtime();
		for bytes in [
			&[][..],
			&[4, 0, 5, 0, 0, 0, 71, 2, 1],
			&[4, 0, 5, 0, 0, 0, 70, 2],
			&[4, 0, 5, 0, 0, 0, 71, 99],
			&[4, 9],
			&[0xfe, 0xff, 0xff, 0xff],
		] {
			assert!(matches!(runtime.decode_events(bytes), Err(Error::Decode { .. })), "{bytes:?}");
		}
	}

	#[test]
	fn should_report_metadata_when_it_is_none() {
		for bytes in [&[][..], b"meta", &[0xff; 64]] {
			assert!(matches!(Runtime::new(1, 1, bytes), Err(Error::Decode { .. })));
		}
	}
}
