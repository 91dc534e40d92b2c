//! A worker that follows the protocol, but with a wrong result.

use anyhow::{Result, ensure};
use io_primitives::Balance;
use sp_core::H256;

use crate::{
	money::{self, Books, io},
	programs,
	puppet::{Answer, Conduct, Puppet},
	worker::Options,
	world::{STAKE, World},
};

pub(super) async fn run(world: &mut World) -> Result<()> {
	let market = world.market("lying", 3).await?;
	let mut keys = Vec::new();
	let mut honest = Vec::new();
	for i in 0..2 {
		let worker = world
			.real_worker(
				&format!("lying-honest-{i}"),
				&market.operators[i],
				market.class,
				Options::default(),
			)
			.await?;
		keys.push(worker.key());
		honest.push(worker);
	}
	let lie = Answer { exit_code: 0, units: 1, output: H256::repeat_byte(0x11) };
	let liar = Puppet::new(&world.uri("lying/liar"), Conduct::Follows, lie)?;
	world.register_puppet(&liar, &market.operators[2], market.class, 1).await?;
	keys.push(liar.worker());
	let _liar = liar.run(world.chain.clone());
	world.wait_online(&keys).await?;
	world.step("two honest workers and one liar are online");

	let spec = world.spec(market.class, "lying.wasm", programs::hello()?)?;
	let job = world.submit(&spec, &market.requester).await?;
	let outcome = world.wait_end(job, world.job_limit(60)).await?;
	world.check_settled(&spec, &outcome, 0)?;
	ensure!(outcome.payees.len() == 2, "{} replicas were paid instead of 2", outcome.payees.len());
	let liar = &market.operators[2];
	ensure!(outcome.payees.iter().all(|p| p.operator != liar.account), "the liar was paid");
	world.step("the liar is out-voted: the honest two agree and are paid");

	let before = Books::now(&world.chain).await?;
	let (amount, paid, burnt) = world.one_slash(liar, "Disagreed").await?;
	let bond = world.bond_of(job, &liar.account)?;
	let price = Balance::from(spec.max_units) * spec.price_per_unit;
	ensure!(bond == 3 * price, "the bond of {} IO is not three times the price", io(bond));
	ensure!(
		amount == bond / 2,
		"{} IO were slashed instead of half of {} IO",
		io(amount),
		io(bond)
	);
	ensure!(paid == (amount / 2).min(price), "the requester got {} IO", io(paid));
	ensure!(paid + burnt == amount, "the parts are not the whole");
	let after = Books::now(&world.chain).await?;
	let who = &market.requester.account;
	ensure!(
		after.free(who) - before.free(who) == paid,
		"the requester did not get the compensation"
	);
	ensure!(
		STAKE - after.held(&liar.account, money::STAKE) == amount,
		"the liar did not lose exactly the slash"
	);
	for operator in &market.operators[..2] {
		ensure!(world.slashes_of(&operator.account)?.is_empty(), "an honest operator was slashed");
	}
	Ok(())
}
