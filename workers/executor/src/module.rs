//! What is done with a program before it is compiled: a look at whether it can be a command at all, and a price for
//! the instructions that do much work at once.
//!
//! The engine charges one unit of fuel for `memory.fill` and the like, whatever the length. A program could keep a
//! machine busy for hours with them and use nearly no fuel. So a function is added to the program that takes a length,
//! uses fuel in proportion, and gives the length back, and a call of it is put in front of each such instruction.

use std::{borrow::Cow, ops::Range};

use wasmparser::{
	BinaryReaderError, Chunk, Encoding, ExternalKind, FunctionBody, Operator, Parser, Payload,
	TypeRef,
};

use crate::{tariff, wasi::MODULE};

/// Most bytes of one function. The compiler's time for one function grows faster than its length. For comparison: the
/// largest function of CRuby has 138 KB, that of a JavaScript bundler with 24 MB of code 338 KB.
const MAX_FUNCTION: usize = 512 * 1024;

/// Bytes of a function for which its code counts twice; with twice as many it counts three times, and so on.
const LONG_FUNCTION: u64 = 32 * 1024;

/// A program as it is compiled.
pub(crate) struct Prepared<'a> {
	/// The module.
	pub(crate) bytes: Cow<'a, [u8]>,
	/// How much there is to compile: bytes of code, those of long functions counted several times.
	pub(crate) work: u64,
}

/// What is known about the sections of a module.
#[derive(Default)]
struct Layout<'a> {
	/// How many types there are, and where their section is.
	types: Option<(u32, Range<usize>)>,
	/// How many functions the module has itself, and where the section of their types is.
	functions: Option<(u32, Range<usize>)>,
	/// How many functions it imports.
	imported: u32,
	code: Option<Range<usize>>,
	bodies: Vec<FunctionBody<'a>>,
	work: u64,
	has_start: bool,
	/// Places in front of which the price is to be taken.
	priced: Vec<usize>,
}

/// Looks at a program and adds the prices. The error says why it cannot be a WASI command; what passes can still be
/// invalid, but only if it was so before: `validate` is asked before anything is added.
pub(crate) fn prepare<'a>(
	program: &'a [u8],
	validate: impl FnOnce(&[u8]) -> Result<(), String>,
) -> Result<Prepared<'a>, String> {
	let layout = look(program)?;
	let work = layout.work;
	if layout.priced.is_empty() {
		return Ok(Prepared { bytes: Cow::Borrowed(program), work });
	}
	validate(program)?;
	let bytes = Cow::Owned(price(program, &layout).ok_or("the sections are not in order")?);
	Ok(Prepared { bytes, work })
}

fn look(program: &[u8]) -> Result<Layout<'_>, String> {
	let failed = |error: BinaryReaderError| error.to_string();
	let mut layout = Layout::default();
	let mut parser = Parser::new(0);
	let mut rest = program;
	loop {
		let (payload, consumed) = match parser.parse(rest, true).map_err(failed)? {
			Chunk::Parsed { consumed, payload } => (payload, consumed),
			Chunk::NeedMoreData(_) => return Err("the module is cut off".into()),
		};
		rest = rest.get(consumed..).unwrap_or_default();
		match payload {
			Payload::Version { encoding: Encoding::Component, .. } => {
				return Err("this is a component; compile it as a WASI preview 1 command".into());
			},
			Payload::TypeSection(types) => layout.types = Some((types.count(), types.range())),
			Payload::ImportSection(imports) => {
				for import in imports {
					let import = import.map_err(failed)?;
					if import.module != MODULE {
						return Err(format!(
							"the module imports from `{}`; jobs have nothing but `{MODULE}`",
							import.module
						));
					}
					if let TypeRef::Func(_) = import.ty {
						layout.imported += 1;
					}
				}
			},
			Payload::FunctionSection(functions) => {
				layout.functions = Some((functions.count(), functions.range()))
			},
			Payload::ExportSection(exports) => {
				for export in exports {
					let export = export.map_err(failed)?;
					layout.has_start |=
						export.name == "_start" && export.kind == ExternalKind::Func;
				}
			},
			Payload::CodeSectionStart { range, .. } => layout.code = Some(range),
			Payload::CodeSectionEntry(body) if body.range().len() > MAX_FUNCTION => {
				return Err(format!(
					"a function has {} bytes, at most {MAX_FUNCTION} can be compiled in time; \
					compile with less inlining",
					body.range().len()
				));
			},
			Payload::CodeSectionEntry(body) => {
				let operators = body.get_operators_reader().map_err(failed)?;
				for operator in operators.into_iter_with_offsets() {
					let (operator, offset) = operator.map_err(failed)?;
					if is_bulk(&operator) {
						layout.priced.push(offset);
					}
				}
				let len = body.range().len() as u64;
				layout.work += len + len * len / LONG_FUNCTION;
				layout.bodies.push(body);
			},
			Payload::End(_) if layout.has_start => return Ok(layout),
			Payload::End(_) => {
				return Err("the module exports no function `_start`; link it as a command".into());
			},
			_ => {},
		}
	}
}

/// Whether an instruction's work depends on the length on top of the stack.
fn is_bulk(operator: &Operator<'_>) -> bool {
	matches!(
		operator,
		Operator::MemoryFill { .. }
			| Operator::MemoryCopy { .. }
			| Operator::MemoryInit { .. }
			| Operator::TableFill { .. }
			| Operator::TableCopy { .. }
			| Operator::TableInit { .. }
			| Operator::TableGrow { .. }
	)
}

/// The module with the pricing function and its calls.
fn price(program: &[u8], layout: &Layout<'_>) -> Option<Vec<u8>> {
	let (type_count, types) = layout.types.clone()?;
	let (function_count, functions) = layout.functions.clone()?;
	let code = layout.code.clone()?;
	let mut call = vec![0x10];
	leb(&mut call, layout.imported.checked_add(function_count)?);

	// Types: one more, of the pricing function.
	let mut new_types = Vec::new();
	leb(&mut new_types, type_count.checked_add(1)?);
	new_types.extend_from_slice(after_count(program, &types)?);
	new_types.extend_from_slice(&[0x60, 1, 0x7f, 1, 0x7f]);
	let mut new_functions = Vec::new();
	leb(&mut new_functions, function_count.checked_add(1)?);
	new_functions.extend_from_slice(after_count(program, &functions)?);
	leb(&mut new_functions, type_count);

	let mut new_code = Vec::with_capacity(code.len() + layout.priced.len() * call.len() + 2_048);
	leb(&mut new_code, function_count.checked_add(1)?);
	let mut priced = layout.priced.iter().copied().peekable();
	for body in &layout.bodies {
		let range = body.range();
		let mut text = Vec::with_capacity(range.len() + 16);
		let mut from = range.start;
		while let Some(at) = priced.next_if(|at| *at < range.end) {
			text.extend_from_slice(program.get(from..at)?);
			text.extend_from_slice(&call);
			from = at;
		}
		text.extend_from_slice(program.get(from..range.end)?);
		leb(&mut new_code, u32::try_from(text.len()).ok()?);
		new_code.extend_from_slice(&text);
	}
	let pricing = pricing_function();
	leb(&mut new_code, u32::try_from(pricing.len()).ok()?);
	new_code.extend_from_slice(&pricing);

	// The other sections stay as they are. Custom ones are left out: nothing here reads them.
	let mut module = Vec::with_capacity(program.len() + 4_096);
	module.extend_from_slice(program.get(..8)?);
	for payload in Parser::new(0).parse_all(program) {
		let payload = payload.ok()?;
		let Some((id, range)) = payload.as_section() else { continue };
		let content = match id {
			0 => continue,
			1 => &new_types[..],
			3 => &new_functions[..],
			10 => &new_code[..],
			_ => program.get(range)?,
		};
		module.push(id);
		leb(&mut module, u32::try_from(content.len()).ok()?);
		module.extend_from_slice(content);
	}
	Some(module)
}

/// A section's content behind the number of its entries.
fn after_count<'a>(program: &'a [u8], section: &Range<usize>) -> Option<&'a [u8]> {
	let content = program.get(section.clone())?;
	let count = content.iter().position(|byte| byte & 0x80 == 0)?;
	content.get(count + 1..)
}

/// Takes a length, uses [`tariff::BULK_BLOCK`] fuel for each whole block of it, gives it back.
fn pricing_function() -> Vec<u8> {
	// What the loop itself uses for each round: `local.get`, `i32.const`, `i32.ge_u`, `if`, `local.get`, `i32.const`,
	// `i32.sub`, `local.set`, `br`.
	const ROUND: u64 = 9;
	// (local i32) local.get 0, local.set 1, loop, local.get 1, i32.const 1024, i32.ge_u, if
	let mut body =
		vec![1, 1, 0x7f, 0x20, 0, 0x21, 1, 0x03, 0x40, 0x20, 1, 0x41, 0x80, 8, 0x4f, 4, 0x40];
	for _ in ROUND..tariff::BULK_BLOCK {
		// i32.const 0, drop: one unit of fuel, and no machine code.
		body.extend_from_slice(&[0x41, 0, 0x1a]);
	}
	// local.get 1, i32.const 1024, i32.sub, local.set 1, br 1, end, end, local.get 0, end
	body.extend_from_slice(&[
		0x20, 1, 0x41, 0x80, 8, 0x6b, 0x21, 1, 0x0c, 1, 0x0b, 0x0b, 0x20, 0, 0x0b,
	]);
	body
}

/// Appends a number as WebAssembly writes them.
fn leb(out: &mut Vec<u8>, mut value: u32) {
	while value > 0x7f {
		out.push(value as u8 | 0x80);
		value >>= 7;
	}
	out.push(value as u8);
}
