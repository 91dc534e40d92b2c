// Delegation: who shares an operator's pool earns with it and is slashed with it, to the unit.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { alice, fund, IO, key, minted, money, supply } from '../lib/accounts.js';
import { Chain } from '../lib/chain.js';
import { follow, PRICE, submit } from '../lib/jobs.js';
import { view } from '../lib/reads.js';
import { assertFails, eventsAt, one, send, sudo } from '../lib/tx.js';
import { crew, dismiss, PURSE, STAKE } from '../lib/worker.js';

const requester = key('//Requester/staking');
const [early, leaving, moved, later, saver, reporter] =
	['early', 'leaving', 'moved', 'later', 'saver', 'reporter'].map((name) => key(`//Delegator/${name}`));
const BOND = 3n * 10n * PRICE;
/** All rates of the chain are parts of this. */
const BILLION = 1_000_000_000n;

let chain;
let workers = [];
before(async () => {
	chain = await Chain.start();
	const [classId] = await chain.newClasses(1);
	await fund(chain, [requester, early, leaving, moved, later, saver, reporter], PURSE);
	workers = await crew(chain, ['honest', 'honest', 'lying'], { name: '/staking', classId });
	workers.classId = classId;
});
after(() => dismiss(chain, workers));

const pool = (operator) => view(chain, 'IoStaking', 'operator', operator.address);
const delegate = (who, operator, value) => send(chain, chain.api.tx.ioStaking.delegate(operator.address, value), who);
const settle = (by, who, operator) => send(chain, chain.api.tx.ioStaking.settle(who.address, operator.address), by);
const staked = async (who) => (await money(chain, who)).holds['ioStaking.stake'] ?? 0n;

/** What an account has in an operator's pool. */
async function position(who, operator) {
	const found = await view(chain, 'IoStaking', 'position', who.address);
	return found.find((each) => each.operator.eq(operator.address));
}

/** Waits for the end of an era; returns its event, and the block that it is in. */
async function eraEnd() {
	const { api } = chain;
	const { index } = await api.query.ioStaking.era();
	await chain.until(`era ${index} ends`, async () => (await api.query.ioStaking.era()).index.gt(index), 60);
	const starts = await api.query.ioStaking.eraStarts();
	const number = starts[starts.length - 1].toNumber();
	const hash = await api.rpc.chain.getBlockHash(number);
	return { hash, number, ...one(api, await eventsAt(chain, hash), 'ioStaking', 'EraEnded').data };
}

/** The arithmetic of a pool, written once more from its description: every rounding favours the pool. */
class Shares {
	constructor(value, shares = value) {
		Object.assign(this, { value, shares });
	}

	worth(shares) {
		return (shares * this.value) / this.shares;
	}

	buy(value) {
		const shares = (value * this.shares) / this.value;
		this.shares += shares;
		this.value += value;
		return shares;
	}

	sell(value) {
		const shares = up(value * this.shares, this.value);
		this.shares -= shares;
		this.value -= value;
		return shares;
	}
}

const up = (a, b) => (a + b - 1n) / b;

/** Divides an amount among values in proportion, to the unit: each part is rounded up, of what is left. */
function divide(amount, values) {
	let whole = values.reduce((sum, value) => sum + value, 0n);
	return values.map((value) => {
		const part = up(value * amount, whole);
		whole -= value;
		amount -= part;
		return part;
	});
}

test('should earn with a collator when an era ends, and have it all back after the waiting time', async () => {
	const { api } = chain;
	const start = await money(chain, saver);
	const given = 500n * IO;
	const { fee, events } = await delegate(saver, alice, given);
	one(api, events, 'ioStaking', 'Delegated');
	assert.equal(await staked(saver), given);
	assert.equal((await money(chain, saver)).free, start.free - given - fee);

	const { number } = await eraEnd();
	const hash = await api.rpc.chain.getBlockHash(number);
	const previous = await api.rpc.chain.getBlockHash(number - 1);
	assert.equal(await supply(chain, hash), (await supply(chain, previous)) + (await minted(chain, hash)));
	const earned = await position(saver, alice);
	const reward = earned.unminted.toBigInt();
	assert.ok(reward > 0n, 'the pool of the only author earns');
	assert.equal(earned.worth.toBigInt(), given + reward);
	assert.equal(await staked(saver), given, 'nothing is minted before somebody touches it');

	const settled = await settle(reporter, saver, alice);
	const { minted: now, burnt, bounty } = one(api, settled.events, 'ioStaking', 'Settled').data;
	assert.ok(now.toBigInt() >= reward);
	assert.deepEqual([burnt.toBigInt(), bounty.toBigInt()], [0n, 0n]);
	assert.equal(await staked(saver), given + now.toBigInt());

	const unbonded = await send(chain, api.tx.ioStaking.unbond(alice.address, PURSE), saver);
	const { value, due } = one(api, unbonded.events, 'ioStaking', 'Unbonded').data;
	assert.ok(value.toBigInt() >= given + reward);
	await assertFails(chain, api.tx.ioStaking.withdraw(alice.address), saver, 'ioStaking', 'NothingToWithdraw');
	await chain.until(`era ${due} begins`, async () => (await api.query.ioStaking.era()).index.gte(due), 130);
	const waiting = await money(chain, saver);
	const last = await send(chain, api.tx.ioStaking.withdraw(alice.address), saver);
	const end = await money(chain, saver);
	assert.deepEqual(end.holds, {});
	assert.equal(end.free, waiting.free + value.toBigInt() - last.fee, 'what was given, with the reward');
	assert.equal(await position(saver, alice), undefined);
});

test('should slash who was in the pool, who leaves it and who moved to another, but nobody who joined later', async () => {
	const { api } = chain;
	const { operator } = workers[2];
	const other = workers[0].operator;
	const parts = { early: 300n * IO, leaving: 200n * IO, moved: 100n * IO };
	await delegate(early, operator, parts.early);
	await delegate(leaving, operator, parts.leaving);
	await delegate(moved, operator, parts.moved);
	// Who left in an era before that of the job would not answer for it: an era is longer than what follows.
	await eraEnd();
	await send(chain, api.tx.ioStaking.unbond(operator.address, parts.leaving), leaving);
	const move = api.tx.ioStaking.redelegate(operator.address, other.address, parts.moved);
	const { due } = one(api, (await send(chain, move, moved)).events, 'ioStaking', 'Redelegated').data;
	const { id, number } = await submit(chain, requester, { class: workers.classId });
	await assertFails(chain, api.tx.ioStaking.redelegate(other.address, operator.address, parts.moved), moved, 'ioStaking', 'MovedThisEra');

	const { end, hash } = await follow(chain, id, number);
	assert.equal(end.method, 'JobSettled');
	const slash = one(api, await eventsAt(chain, hash), 'ioStaking', 'SlashReported').data;
	const amount = slash.amount.toBigInt();
	assert.equal(amount, BOND / 2n);
	assert.equal((await pool(operator)).pending.toBigInt(), amount);
	await delegate(later, operator, parts.early);

	// To the unit: half is the operator's alone, the rest everybody's.
	const own = STAKE - amount / 2n;
	const active = new Shares(own + parts.early);
	const rest = amount - amount / 2n;
	const [fromActive, fromLeaving, fromMoved] = divide(rest, [active.value, parts.leaving, parts.moved]);
	active.value -= fromActive;
	const joined = active.buy(parts.early);
	const left = async (who) => {
		const found = await position(who, operator);
		return found.worth.toBigInt() + found.unbonding.reduce((sum, { value }) => sum + value.toBigInt(), 0n);
	};
	assert.equal(await left(early), active.worth(parts.early), 'who was in the pool');
	assert.equal(await left(leaving), parts.leaving - fromLeaving, 'who was leaving');
	assert.equal(await left(operator), active.worth(own), 'the operator');
	assert.equal(await left(later), active.worth(joined), 'who joined later');
	assert.ok(parts.early - active.worth(joined) <= 1n, 'who joined later has paid nothing');
	assert.equal((await pool(operator)).active.toBigInt(), active.value);
	const elsewhere = await position(moved, other);
	assert.equal(elsewhere.worth.toBigInt(), parts.moved, 'who moved to another pool, before it is collected');
	assert.equal(elsewhere.uncollected.toBigInt(), fromMoved, 'what it owes');
	assert.equal(elsewhere.moves[0].due.toNumber(), due.toNumber());

	// A stranger collects the slash and is paid a hundredth of it.
	const before = await money(chain, reporter);
	const done = await settle(reporter, early, operator);
	const { burnt, bounty } = one(api, done.events, 'ioStaking', 'Settled').data;
	const lost = parts.early - active.worth(parts.early);
	assert.equal(burnt.toBigInt(), lost);
	const hundredth = (lost + 49n) / 100n;
	assert.equal(bounty.toBigInt(), hundredth);
	assert.equal((await money(chain, reporter)).free, before.free - done.fee + hundredth);
	const kept = parts.early - active.sell(hundredth);
	assert.equal(await staked(early), active.worth(kept));
	assert.equal(await left(early), active.worth(kept));

	await settle(moved, moved, other);
	assert.equal((await position(moved, other)).worth.toBigInt(), parts.moved - fromMoved, 'who moved, when it is collected');
	assert.equal(await staked(moved), parts.moved - fromMoved);
});

test('should give a cancelled slash back to those from whom it was taken', async () => {
	const { api } = chain;
	const { operator } = workers[2];
	const { id, number } = await submit(chain, requester, { class: workers.classId });
	const { hash } = await follow(chain, id, number);
	const slash = one(api, await eventsAt(chain, hash), 'ioStaking', 'SlashReported').data;
	const { parts } = (await api.query.ioStaking.slashes(slash.id)).unwrap();
	const sum = (name) => parts.reduce((all, part) => all + part[name].toBigInt(), 0n);
	const before = await pool(operator);
	await sudo(chain, api.tx.ioStaking.cancelSlash(slash.id), alice);
	const now = await pool(operator);
	assert.equal(now.leaving.toBigInt(), before.leaving.toBigInt() + sum('leaving'));
	const back = slash.amount.toBigInt() - sum('leaving') - sum('moved');
	assert.equal(now.active.toBigInt(), before.active.toBigInt() + back);
});

test('should pay operators for settled jobs when somebody claims for them', async () => {
	const { api } = chain;
	const { operator } = workers[0];
	const { id, number } = await submit(chain, requester, { class: workers.classId });
	await follow(chain, id, number);
	const era = (await eraEnd()).era.toNumber();
	const before = await money(chain, operator);
	const { events } = await send(chain, api.tx.ioStaking.claim(era, operator.address), reporter);
	const { value } = one(api, events, 'ioStaking', 'Claimed').data;
	assert.ok(value.toBigInt() > 0n);
	assert.equal((await money(chain, operator)).free, before.free + value.toBigInt());
	await assertFails(chain, api.tx.ioStaking.claim(era, operator.address), reporter, 'ioStaking', 'NothingToClaim');
	await assertFails(chain, api.tx.ioStaking.claim(era + 5, operator.address), reporter, 'ioStaking', 'EraNotOver');
});

test('should add own stake', async () => {
	const { operator } = workers[1];
	const { events } = await send(chain, chain.api.tx.ioStaking.bondExtra(50n * IO), operator);
	assert.equal(one(chain.api, events, 'ioStaking', 'Bonded').data.value.toBigInt(), 50n * IO);
	assert.equal((await pool(operator)).own.toBigInt(), STAKE + 50n * IO);
	assert.equal(await staked(operator), STAKE + 50n * IO);
});

test('should let an operator change its commission, and raise it only slowly', async () => {
	const { api } = chain;
	const { operator } = workers[1];
	const percent = (number) => (BigInt(number) * BILLION) / 100n;
	await send(chain, api.tx.ioStaking.setCommission(percent(1)), operator);
	assert.equal((await pool(operator)).commission.toBigInt(), percent(1));
	await assertFails(chain, api.tx.ioStaking.setCommission(percent(90)), operator, 'ioStaking', 'CommissionTooHigh');
	await send(chain, api.tx.ioStaking.setCommission(0), operator);
	assert.equal((await pool(operator)).commission.toBigInt(), 0n);
});

test('should let work count for a candidate when its operator backs it', async () => {
	const { api } = chain;
	const { operator } = workers[1];
	await send(chain, api.tx.ioStaking.back(alice.address), operator);
	assert.equal((await api.query.ioStaking.backing(operator.address)).unwrap().toString(), alice.address);
	await send(chain, api.tx.ioStaking.back(null), operator);
	assert.equal((await api.query.ioStaking.backing(operator.address)).isNone, true);
	await assertFails(chain, api.tx.ioStaking.back(early.address), operator, 'ioStaking', 'NotOperator');
});

test('should show collators, candidates and yield', async () => {
	const [collator] = await view(chain, 'IoStaking', 'validators');
	assert.equal(collator.who.toString(), alice.address);
	assert.ok(collator.stake.toBigInt() >= 10_000n * IO);
	const [best] = await view(chain, 'IoStaking', 'election_preview');
	assert.equal(best.who.toString(), alice.address);
	assert.equal(best.elected.isTrue, true);
	const apy = await view(chain, 'IoStaking', 'apy');
	assert.ok(apy.supply.toBigInt() > apy.staked.toBigInt());
	assert.ok(apy.inflation.toBigInt() >= 2n * 10n ** 16n && apy.inflation.toBigInt() <= 8n * 10n ** 16n);
});

test('should let only the administrator name invulnerable collators', async () => {
	const { api } = chain;
	await assert.rejects(send(chain, api.tx.ioStaking.setInvulnerables([]), requester), (error) => error.name === 'BadOrigin');
	await sudo(chain, api.tx.ioStaking.setInvulnerables([alice.address]), alice);
	assert.deepEqual((await api.query.ioStaking.invulnerables()).map(String), [alice.address]);
});
