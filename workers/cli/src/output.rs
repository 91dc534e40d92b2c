//! What the commands print: tables for people on standard output, or JSON for programs; notes on standard error.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Cell, ContentArrangement, Table, presets};
use io_client::amount;
use io_primitives::{AccountId, Balance, WorkerKey};
use serde_json::{Value, json};
use sp_core::crypto::Ss58Codec;

use crate::error::{Error, Result};

/// Where a command's results go.
#[derive(Clone, Copy)]
pub(crate) struct Output {
	/// Whether a program reads them.
	pub(crate) json: bool,
}

impl Output {
	/// A result: JSON for programs, text for people.
	pub(crate) fn result(self, json: &Value, text: impl FnOnce() -> String) -> Result<()> {
		if self.json { line(&json.to_string()) } else { line(&text()) }
	}

	/// A line of JSON if a program reads; nothing for people.
	pub(crate) fn record(self, json: &Value) -> Result<()> {
		if self.json { line(&json.to_string()) } else { Ok(()) }
	}

	/// Something that people want to know on the way; programs do not get it.
	pub(crate) fn note(self, text: &str) {
		if !self.json {
			note(text);
		}
	}

	/// The end of a command that failed.
	pub(crate) fn failure(self, error: &Error) {
		if matches!(error, Error::BrokenPipe) {
			return;
		}
		if self.json {
			let value = json!({ "error": { "kind": error.kind(), "message": error.to_string() } });
			note(&value.to_string());
		} else {
			note(&format!("error: {error}"));
		}
	}

	/// Asks whether to go on. `yes` is the answer that was given on the command line.
	pub(crate) fn confirm(self, question: &str, yes: bool) -> Result<()> {
		if yes {
			return Ok(());
		}
		if self.json || !io::stdin().is_terminal() {
			return Err(Error::Usage(
				"this needs your consent: look at the figures and add --yes".into(),
			));
		}
		eprint!("{question} [y/N] ");
		let mut answer = String::new();
		io::stdin().read_line(&mut answer).map_err(Error::file("read from", "the terminal"))?;
		match answer.trim().to_ascii_lowercase().as_str() {
			"y" | "yes" => Ok(()),
			_ => Err(Error::Declined),
		}
	}
}

/// A line on standard output.
fn line(text: &str) -> Result<()> {
	let mut out = io::stdout().lock();
	match writeln!(out, "{text}").and_then(|()| out.flush()) {
		Ok(()) => Ok(()),
		Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Err(Error::BrokenPipe),
		Err(e) => Err(Error::file("write to", "standard output")(e)),
	}
}

/// A line on standard error; if nobody reads that, nothing can be done.
pub(crate) fn note(text: &str) {
	let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A table with a heading.
pub(crate) fn table<const N: usize>(heading: [&str; N]) -> Table {
	let mut table = Table::new();
	table
		.load_preset(presets::UTF8_BORDERS_ONLY)
		.set_content_arrangement(ContentArrangement::Disabled)
		.set_header(heading.map(Cell::new));
	table
}

/// A list of names and values.
pub(crate) fn list(rows: impl IntoIterator<Item = (&'static str, String)>) -> String {
	let mut table = Table::new();
	table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
	for (name, value) in rows {
		table.add_row([name.to_owned(), value]);
	}
	table.trim_fmt()
}

/// An amount for programs: in the smallest unit, as text, since JSON's numbers are not wide enough.
pub(crate) fn json_amount(amount: Balance) -> Value {
	Value::String(amount.to_string())
}

/// An amount for people.
pub(crate) fn money(value: Balance) -> String {
	amount::display(value)
}

/// So many of something.
pub(crate) fn count(number: u64, word: &str) -> String {
	let plural = if number == 1 { "" } else { "s" };
	format!("{number} {word}{plural}")
}

/// A worker's key.
pub(crate) fn key(worker: &WorkerKey) -> String {
	format!("0x{}", hex::encode(worker.0))
}

/// A hash.
pub(crate) fn hash(hash: &sp_core::H256) -> String {
	format!("0x{}", hex::encode(hash))
}

/// The beginning of a worker's key, enough to tell workers apart.
pub(crate) fn short_key(worker: &WorkerKey) -> String {
	format!("0x{}…", hex::encode(&worker.0[..6]))
}

/// An address.
pub(crate) fn address(account: &AccountId) -> String {
	account.to_ss58check()
}

/// The beginning of an address.
pub(crate) fn short_address(account: &AccountId) -> String {
	let full = address(account);
	let short: String = full.chars().take(10).collect();
	format!("{short}…")
}
