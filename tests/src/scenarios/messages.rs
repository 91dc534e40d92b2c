//! Messages of the relay chain: those that pay are executed, those that do not are not, and none acts as root.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use codec::Encode;
use io_primitives::{AccountId, Balance};
use subxt::dynamic::Value;
use xcm::{VersionedLocation, VersionedXcm, latest::prelude::*};

use crate::{
	chain::{Seen, address, call, encoded_call},
	money::{Books, io},
	network::PARA_ID,
	world::{IO, PURSE, Party, World},
};

pub(super) async fn run(world: &mut World) -> Result<()> {
	let alice = subxt_signer::sr25519::dev::alice();
	let receiver = Party::new(&world.uri("messages/receiver"))?;
	// The account that stands for the relay chain here.
	let mut parent = [0; 32];
	parent[..6].copy_from_slice(b"Parent");
	let fund = call(
		"Balances",
		"transfer_keep_alive",
		vec![("dest", address(&AccountId::from(parent))), ("value", Value::u128(PURSE))],
	);
	world.chain.submit(&fund, &alice).await?;

	let coins: Assets = (Location::here(), IO).into();
	let beneficiary: [u8; 32] = *receiver.account.as_ref();
	let deposit = DepositAsset { assets: Wild(AllCounted(1)), beneficiary: beneficiary.into() };
	let buy = BuyExecution { fees: (Location::here(), IO).into(), weight_limit: Unlimited };

	let end = send(world, vec![WithdrawAsset(coins.clone()), buy, deposit.clone()]).await?;
	ensure!(end.is("MessageQueue", "Processed"), "a paid message: {end:?}");
	ensure!(end.flag("success")?, "a paid message failed: {end:?}");
	let got = Books::now(&world.chain).await?.free(&receiver.account);
	ensure!(got > 0 && got < IO, "the receiver has {got}");
	world.step(format!("a message that pays is executed: {} of 1 IO arrived", io(got)));

	let end = send(world, vec![WithdrawAsset(coins), deposit]).await?;
	ensure!(end.is("MessageQueue", "Processed"), "an unpaid message: {end:?}");
	ensure!(!end.flag("success")?, "an unpaid message was executed: {end:?}");
	let now: Balance = Books::now(&world.chain).await?.free(&receiver.account);
	ensure!(now == got, "an unpaid message moved money");
	world.step("a message that does not pay is refused");

	let remark = (0u8, 0u8, b"as root".to_vec()).encode();
	let act = Transact {
		origin_kind: OriginKind::Superuser,
		fallback_max_weight: None,
		call: remark.into(),
	};
	let unpaid = UnpaidExecution { weight_limit: Unlimited, check_origin: None };
	let end = send(world, vec![unpaid, act]).await?;
	ensure!(end.is("MessageQueue", "Processed"), "a message as root: {end:?}");
	ensure!(!end.flag("success")?, "the relay chain acted as root: {end:?}");
	world.step("the relay chain's root cannot act as ours");
	Ok(())
}

/// Sends a message from the relay chain's root, and waits for what becomes of it here.
async fn send(world: &mut World, message: Vec<Instruction<()>>) -> Result<Seen> {
	world.sync().await?;
	let before = world.events.last().map_or(0, |event| event.block);
	let to = VersionedLocation::from(Location::from(Parachain(PARA_ID)));
	let relay = &world.network()?.relay;
	let send = (relay.call_index("XcmPallet", "send")?, to, VersionedXcm::from(Xcm(message)));
	let sudo = encoded_call("Sudo", "sudo", send.encode());
	let done = relay.submit(&sudo, &subxt_signer::sr25519::dev::alice()).await?;
	let result = done.event("Sudo", "Sudid")?.variant("sudo_result")?;
	ensure!(result == "Ok", "the relay chain did not send it");
	// It also sends answers of its own, about the version of messages. Those do not fail, and what is refused has no such id.
	let id = done.event("XcmPallet", "Sent")?.bytes("message_id")?;
	let end = world
		.wait_event("the end of a message", Duration::from_secs(180), |e| {
			e.block > before
				&& (e.is("MessageQueue", "ProcessingFailed")
					|| e.is("MessageQueue", "Processed")
						&& (e.bytes("id").is_ok_and(|i| i == id)
							|| e.flag("success").is_ok_and(|success| !success)))
		})
		.await;
	end.with_context(|| {
		let queues = ["MessageQueue", "ParachainSystem", "PolkadotXcm"];
		let seen = world.events.iter().filter(|e| e.block > before);
		let seen = seen.filter(|e| queues.contains(&e.pallet.as_str()));
		let seen = seen.map(|e| format!("{}.{} in {}", e.pallet, e.name, e.block));
		format!(
			"a message of the relay chain, sent after block {before}; events: {:?}",
			seen.collect::<Vec<_>>()
		)
	})
}
