//! Proofs of payment: files that convince one verifier.

use std::path::Path;

use codec::{DecodeAll, Encode};
use io_client::sealed;
use io_shielded::{
	Coin,
	address::{Address, Network},
	wallet::payment::{PaymentProof, ProofError, Prover},
};
use rand_core::OsRng;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sp_core::H256;

use super::{WalletArgs, file::Wallet, json_amount, money, scan};
use crate::{
	App,
	error::{Error, Result},
	output,
};

/// Version of the form.
const VERSION: u32 = 1;
/// Most bytes of a proof's file.
const MAX_BYTES: u64 = 16 * 1024;

/// The file's form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
	version: u32,
	genesis: String,
	/// Number of the coin in the pool.
	coin: u64,
	/// The encoded proof, in hex.
	proof: String,
}

pub(super) async fn prove(
	payment: &[u8; 32],
	nonce: &str,
	path: &Path,
	args: &WalletArgs,
	app: &App,
) -> Result<()> {
	let mut wallet = args.open()?;
	let client = app.connect().await?;
	scan::scan(&client, &mut wallet, app).await?;
	let (coin, proof) = make(&wallet, payment, nonce.as_bytes())?;
	let form = Form {
		version: VERSION,
		genesis: output::hash(&H256(wallet.network.genesis)),
		coin,
		proof: hex::encode(proof.encode()),
	};
	let text = serde_json::to_string_pretty(&form)
		.map_err(|e| Error::Local(format!("the proof cannot be written: {e}")))?;
	sealed::write_new(path, text.as_bytes()).map_err(Error::file("make", path))?;
	let json = json!({
		"payment": format!("0x{}", hex::encode(payment)),
		"amount": json_amount(proof.amount),
		"proof_file": path.display().to_string(),
	});
	app.output.result(&json, || {
		format!(
			"{} proves a payment of {} to whoever chose this nonce, and shows the address that was paid",
			path.display(),
			money(proof.amount)
		)
	})
}

/// The proof that this wallet can make, as payer or as payee, and the number of the coin.
fn make(wallet: &Wallet, payment: &[u8; 32], nonce: &[u8]) -> Result<(u64, PaymentProof)> {
	let (keys, ledger) = (wallet.spend_key()?, wallet.ledger());
	let genesis = &wallet.network.genesis;
	let failed = |e: ProofError| Error::Local(format!("there is no proof: {e}"));
	if let Some(coin) = ledger.coins().iter().find(|coin| coin.coin.key == *payment) {
		let proof =
			PaymentProof::by_payee(keys, genesis, coin, nonce, &mut OsRng).map_err(failed)?;
		return Ok((coin.number, proof));
	}
	let unknown = || {
		Error::Usage(
			"this wallet knows no such payment: `io wallet history` shows them. After a restoration it no longer knows whom \
			 it paid"
				.into(),
		)
	};
	let found = ledger.dispatches().iter().find_map(|dispatch| {
		let made = dispatch.payments.iter().find(|made| made.key == *payment)?;
		Some((dispatch, made))
	});
	let (dispatch, made) = found.ok_or_else(unknown)?;
	let number = made
		.coin
		.ok_or_else(|| Error::Chain("the payment is in no block yet; try again later".into()))?;
	let first =
		ledger.coins().iter().find(|coin| coin.tag == Some(dispatch.tag)).ok_or_else(unknown)?;
	let proof =
		PaymentProof::by_payer(keys, genesis, made, first, nonce, &mut OsRng).map_err(failed)?;
	Ok((number, proof))
}

pub(super) async fn verify(path: &Path, nonce: &str, app: &App) -> Result<()> {
	let wrong = |what: &dyn std::fmt::Display| {
		Error::Local(format!("{} is no proof of payment: {what}", path.display()))
	};
	let mut text = String::new();
	let file = std::fs::File::open(path).map_err(Error::file("open", path))?;
	std::io::Read::read_to_string(&mut std::io::Read::take(file, MAX_BYTES), &mut text)
		.map_err(Error::file("read", path))?;
	let form: Form = serde_json::from_str(&text).map_err(|e| wrong(&e))?;
	if form.version != VERSION {
		return Err(wrong(&format!("its form is {}", form.version)));
	}
	let bytes = hex::decode(&form.proof).map_err(|e| wrong(&e))?;
	let proof = PaymentProof::decode_all(&mut bytes.as_slice()).map_err(|e| wrong(&e))?;
	let genesis = crate::job::parse_hash(&form.genesis).map_err(|e| wrong(&e))?;

	let client = app.connect().await?;
	client.expect_genesis(genesis)?;
	let pool = client.pool_at(None).await?;
	let domain = client.pool_domain(&pool)?;
	if form.coin >= pool.coins {
		return Err(Error::Chain(format!(
			"the pool has no coin {} yet: the payment did not happen, or the node is behind",
			form.coin
		)));
	}
	// The whole window, so that the node does not learn whose proof is looked at.
	let half = u64::from(domain.size.half());
	let start = form.coin / half * half;
	let count = u64::from(domain.size.places()).min(pool.coins - start);
	let coins = client.pool_coins(start, count, None).await?;
	let coin: &Coin = usize::try_from(form.coin - start)
		.ok()
		.and_then(|at| coins.get(at))
		.ok_or_else(|| wrong(&"its coin is missing"))?;
	let by = proof
		.verify(&genesis.0, coin, nonce.as_bytes())
		.map_err(|e| Error::Local(format!("the proof does not hold: {e}")))?;

	let live = client.chain_info().await?.chain_type == "Live";
	let to = Address::from_bytes(&proof.to)
		.map(|to| to.encode(&Network { live, genesis: genesis.0 }))
		.unwrap_or_default();
	let by = match by {
		Prover::Payer => "payer",
		Prover::Payee => "payee",
	};
	let json = json!({
		"valid": true,
		"to": to,
		"amount": json_amount(proof.amount),
		"proven_by": by,
		"payment": format!("0x{}", hex::encode(proof.key)),
	});
	app.output.result(&json, || {
		output::list([
			("the proof holds", format!("made by the {by}")),
			("paid", money(proof.amount)),
			("to", to.clone()),
		])
	})
}
