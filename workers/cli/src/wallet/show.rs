//! What a wallet has, and what happened to it.

use io_shielded::{
	Target,
	address::Address,
	note::Origin,
	wallet::{
		ledger::{Dispatch, Entry, Event, Funds, Ledger},
		memo,
	},
};
use serde_json::{Value, json};

use super::{WalletArgs, file::Wallet, json_amount, money, scan};
use crate::{App, error::Result, output};

pub(super) fn address(index: u32, args: &WalletArgs, app: &App) -> Result<()> {
	let mut wallet = args.open()?;
	if index >= wallet.ledger().addresses() {
		wallet.ledger_mut().0.use_address(index);
		wallet.save()?;
	}
	let address = wallet.keys.view().address(index).encode(&wallet.network);
	app.output.result(&json!({ "index": index, "address": address }), || address.clone())
}

pub(super) async fn balance(args: &WalletArgs, app: &App) -> Result<()> {
	let mut wallet = args.open()?;
	let client = app.connect().await?;
	let scanned = scan::scan(&client, &mut wallet, app).await?;
	let Funds { available, maturing, reserved } = wallet.ledger().funds(scanned.pool.matured);
	let json = json!({
		"available": json_amount(available),
		"maturing": json_amount(maturing),
		"reserved": json_amount(reserved),
		"coins": wallet.ledger().coins().iter().filter(|coin| coin.spent.is_none()).count(),
		"watch_only": wallet.keys.spend().is_none(),
		"block": scanned.head.number,
	});
	app.output.result(&json, || {
		output::list([
			("available", money(available)),
			("not ten blocks old", money(maturing)),
			("on its way", money(reserved)),
			("as of block", scanned.head.number.to_string()),
		])
	})
}

pub(super) async fn history(args: &WalletArgs, app: &App) -> Result<()> {
	let mut wallet = args.open()?;
	let client = app.connect().await?;
	scan::scan(&client, &mut wallet, app).await?;
	let ledger = wallet.ledger();
	let rows: Vec<Row> =
		ledger.history().iter().flat_map(|entry| rows(entry, ledger, &wallet)).collect();
	let json = json!({ "history": rows.iter().map(Row::json).collect::<Vec<_>>() });
	app.output.result(&json, || {
		let mut table = output::table(["block", "", "amount", "fee", "with", "memo", "payment"]);
		for row in &rows {
			table.add_row([
				row.block.to_string(),
				row.kind.to_owned(),
				money(row.amount),
				row.fee.map(money).unwrap_or_default(),
				row.short_party(),
				row.memo.clone().unwrap_or_default(),
				row.payment.clone().unwrap_or_default(),
			]);
		}
		table.to_string()
	})
}

/// One payment.
struct Row {
	block: u32,
	kind: &'static str,
	amount: u64,
	/// Of the whole bundle; only its first payment shows it.
	fee: Option<u64>,
	/// Who paid or was paid, as far as the wallet knows.
	party: Option<String>,
	/// Number of the own address.
	address: Option<u32>,
	memo: Option<String>,
	payment: Option<String>,
}

impl Row {
	fn json(&self) -> Value {
		json!({
			"block": self.block,
			"kind": self.kind,
			"amount": json_amount(self.amount),
			"fee": self.fee.map(json_amount),
			"party": self.party,
			"address_index": self.address,
			"memo": self.memo,
			"payment": self.payment,
		})
	}

	fn short_party(&self) -> String {
		match (&self.party, self.address) {
			(Some(party), _) if party.chars().count() > 14 => {
				let short: String = party.chars().take(12).collect();
				format!("{short}…")
			},
			(Some(party), _) => party.clone(),
			(None, Some(index)) => format!("own address {index}"),
			(None, None) => String::new(),
		}
	}
}

fn rows(entry: &Entry, ledger: &Ledger, wallet: &Wallet) -> Vec<Row> {
	let block = entry.block;
	match &entry.event {
		Event::Received { coin, amount, address, memo, origin } => {
			let (kind, party) = match origin {
				Origin::Mint { depositor } => {
					("shielded", Some(output::address(&(*depositor).into())))
				},
				Origin::Bundle { .. } => ("received", None),
			};
			let key = ledger.coins().iter().find(|own| own.number == *coin);
			vec![Row {
				block,
				kind,
				amount: *amount,
				fee: None,
				party,
				address: Some(*address),
				memo: memo::read(memo),
				payment: key.map(|own| format!("0x{}", hex::encode(own.coin.key))),
			}]
		},
		Event::Sent { tag, spent, change, fee, target } => {
			let known = ledger.dispatches().iter().find(|dispatch| dispatch.tag == *tag);
			let paid = spent.saturating_sub(*change).saturating_sub(*fee);
			sent(block, paid.saturating_sub(target.amount()), *fee, target, known, wallet)
		},
	}
}

/// What a bundle of this wallet paid. A restored wallet knows only the sum of what it paid privately.
fn sent(
	block: u32,
	private: u64,
	fee: u64,
	target: &Target,
	known: Option<&Dispatch>,
	wallet: &Wallet,
) -> Vec<Row> {
	let row = |kind, amount, party| Row {
		block,
		kind,
		amount,
		fee: None,
		party,
		address: None,
		memo: None,
		payment: None,
	};
	let mut rows = Vec::new();
	match target {
		Target::None => {},
		Target::Account { id, amount } => {
			rows.push(row("unshielded", *amount, Some(output::address(&(*id).into()))));
		},
		Target::Job { owner, amount, .. } => {
			rows.push(row("job", *amount, Some(output::address(&(*owner).into()))));
		},
	}
	match known {
		Some(dispatch) => rows.extend(dispatch.payments.iter().map(|payment| Row {
			memo: memo::read(&payment.memo),
			payment: Some(format!("0x{}", hex::encode(payment.key))),
			..row(
				"sent",
				payment.amount,
				Address::from_bytes(&payment.to).map(|to| to.encode(&wallet.network)),
			)
		})),
		None if private > 0 || rows.is_empty() => rows.push(row("sent", private, None)),
		None => {},
	}
	if let Some(first) = rows.first_mut() {
		first.fee = Some(fee);
	}
	rows
}
