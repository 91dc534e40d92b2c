//! `io wallet shield`: money of an account comes into the pool.

use codec::{Compact, Encode, Output};
use io_client::{
	Client,
	shielded::{POOL, base_units},
};
use io_shielded::{
	address::Address,
	note::{Memo, NewNote, Origin},
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
	let parts = parts(amount, args.coins)?;
	if parts.iter().any(|part| base_units(*part) > pool.max_shield) {
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
	let call = call(&client, &to, &parts, &memo, account.clone().into()).await?;
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

/// The amount in so many parts, which differ by one at most.
fn parts(amount: u64, count: u64) -> Result<Vec<u64>> {
	if amount < count {
		return Err(Error::Usage(format!("{} is too little for {count} coins", money(amount))));
	}
	Ok((0..count).map(|at| amount / count + u64::from(at < amount % count)).collect())
}

async fn call(
	client: &Client,
	to: &Address,
	parts: &[u64],
	memo: &Memo,
	depositor: [u8; 32],
) -> Result<Vec<u8>> {
	let mut calls = Vec::new();
	for amount in parts {
		let note = NewNote::new(to, *amount, memo, &Origin::Mint { depositor }, &mut OsRng);
		let value = Compact(base_units(*amount));
		calls.push(client.call(POOL, "shield", (value, note.mint())).await?);
	}
	match <[Vec<u8>; 1]>::try_from(calls) {
		Ok([call]) => Ok(call),
		Err(calls) => Ok(client.call("Utility", "batch_all", Calls(calls)).await?),
	}
}

/// A list of calls that are encoded already.
struct Calls(Vec<Vec<u8>>);

impl Encode for Calls {
	fn encode_to<T: Output + ?Sized>(&self, output: &mut T) {
		// At most 100.
		Compact(self.0.len() as u32).encode_to(output);
		self.0.iter().for_each(|call| output.write(call));
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn should_split_amount_without_losing_any_of_it() {
		assert_eq!(parts(10, 3).unwrap(), [4, 3, 3]);
		assert_eq!(parts(5, 1).unwrap(), [5]);
		assert_eq!(parts(u64::MAX, 100).unwrap().iter().sum::<u64>(), u64::MAX);
		assert!(matches!(parts(2, 3), Err(Error::Usage(_))));
	}
}
