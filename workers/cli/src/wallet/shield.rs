//! `io wallet shield`: money of an account comes into the pool.

use codec::Compact;
use io_client::{Client, shielded::POOL};
use io_shielded::{
	address::Address,
	note::{NewNote, Origin},
};
use rand_core::OsRng;
use serde_json::json;

use super::{ShieldArgs, file::Wallet, json_amount, micro, money, pay};
use crate::{
	App,
	error::{Error, Result},
	keys::PassphraseArgs,
	output,
};

pub(super) async fn shield(args: ShieldArgs, app: &App) -> Result<()> {
	let amount = micro(args.amount)?;
	if amount == 0 {
		return Err(Error::Usage("nothing is to be shielded".into()));
	}
	let memo = pay::memo(&args.memo)?;
	let passphrase = PassphraseArgs {
		passphrase_file: args.wallet_passphrase_file.clone(),
		passphrase_fd: args.wallet_passphrase_fd,
	};
	let wallet = Wallet::open(&args.wallet, &passphrase)?;
	let to = match &args.to {
		Some(text) => pay::address(text, &wallet)?,
		None => wallet.keys.view().address(0),
	};
	let (client, signer) = args.key.connect(app).await?;
	client.expect_genesis(sp_core::H256(wallet.network.genesis))?;
	let pool = client.pool_at(None).await?;
	pay::not_paused(&pool, false)?;
	if args.amount > pool.max_shield {
		return Err(Error::Chain(format!(
			"at most {} can be shielded at once; use several steps",
			output::money(pool.max_shield)
		)));
	}
	let room = pool.pool_cap.saturating_sub(pool.supply);
	if args.amount > room {
		return Err(Error::Chain(format!(
			"the pool takes only {} more: it is limited, because the protocol is unaudited",
			output::money(room)
		)));
	}
	let account = Client::account_of(&signer);
	let call = call(&client, &to, amount, memo, account.clone().into()).await?;
	let fee = client.estimate_fee(&call, &signer).await?;
	let free = client.balance(&account).await?.free;
	if free < args.amount.saturating_add(fee) {
		return Err(Error::Chain(format!(
			"{} has {} free, which is not enough for {} and the fee of about {}",
			output::address(&account),
			output::money(free),
			money(amount),
			output::money(fee)
		)));
	}
	app.output.note(&format!(
		"shield {} of {}, for a fee of about {}; account and amount are public",
		money(amount),
		output::address(&account),
		output::money(fee)
	));
	app.output.confirm("Shield it?", args.yes)?;
	let included = client.submit(&call, &signer).await?.in_block().await?;
	let json = json!({
		"from": output::address(&account),
		"to": to.encode(&wallet.network),
		"amount": json_amount(amount),
		"block": included.block.number,
		"block_hash": output::hash(&included.block.hash),
		"extrinsic": output::hash(&included.hash),
	});
	app.output.result(&json, || {
		format!("shielded in block {}; it can be spent in about ten blocks", included.block.number)
	})
}

async fn call(
	client: &Client,
	to: &Address,
	amount: u64,
	memo: io_shielded::note::Memo,
	depositor: [u8; 32],
) -> Result<Vec<u8>> {
	let note = NewNote::new(to, amount, &memo, &Origin::Mint { depositor }, &mut OsRng);
	let value = Compact(io_client::shielded::base_units(amount));
	Ok(client.call(POOL, "shield", (value, note.mint())).await?)
}
