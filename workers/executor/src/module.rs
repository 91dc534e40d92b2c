//! A look at a program before it is compiled, which is expensive.

use wasmparser::{Encoding, ExternalKind, Parser, Payload};

use crate::wasi::MODULE;

/// Bytes of the program's code section. The error says why the program cannot be a WASI command; what is found in
/// order here can still be invalid.
pub(crate) fn code_len(program: &[u8]) -> Result<u64, String> {
	let mut code = 0u64;
	let mut has_start = false;
	let failed = |error: wasmparser::BinaryReaderError| error.to_string();
	let mut parser = Parser::new(0);
	let mut rest = program;
	loop {
		let (payload, consumed) = match parser.parse(rest, true).map_err(failed)? {
			wasmparser::Chunk::Parsed { consumed, payload } => (payload, consumed),
			wasmparser::Chunk::NeedMoreData(_) => return Err("the module is cut off".into()),
		};
		rest = rest.get(consumed..).unwrap_or_default();
		match payload {
			Payload::Version { encoding: Encoding::Component, .. } =>
				return Err("this is a component; compile it as a WASI preview 1 command".into()),
			Payload::ImportSection(imports) =>
				for import in imports {
					let import = import.map_err(failed)?;
					if import.module != MODULE {
						return Err(format!(
							"the module imports from `{}`; jobs have nothing but `{MODULE}`",
							import.module
						));
					}
				},
			Payload::ExportSection(exports) =>
				for export in exports {
					let export = export.map_err(failed)?;
					has_start |= export.name == "_start" && export.kind == ExternalKind::Func;
				},
			Payload::CodeSectionStart { size, .. } => {
				code = code.saturating_add(size as u64);
				parser.skip_section();
				rest = rest.get(size as usize..).ok_or("the module is cut off")?;
			},
			Payload::End(_) if has_start => return Ok(code),
			Payload::End(_) =>
				return Err("the module exports no function `_start`; link it as a command".into()),
			_ => {},
		}
	}
}
