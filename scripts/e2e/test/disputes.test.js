// A worker that lies is out-voted; its slash waits, is applied, or is cancelled by the administrator.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { alice, fund, IO, key, minted, money, supply } from '../lib/accounts.js';
import { Chain } from '../lib/chain.js';
import { follow, PRICE, submit } from '../lib/jobs.js';
import { view } from '../lib/reads.js';
import { assertFails, eventsAt, eventsBetween, one, sudo } from '../lib/tx.js';
import { ASK, crew, dismiss, STAKE, UNITS } from '../lib/worker.js';

const requester = key('//Requester');
/** Bond of one replica: three times what the job pays for it at most, whatever the worker asks. */
const BOND = 3n * 10n * PRICE;
/** Blocks between an offence and its slash, on development chains. */
const SLASH_DEFER = 20;

let chain;
let workers = [];
before(async () => {
	chain = await Chain.start();
	await fund(chain, [requester], 1_000n * IO);
	workers = await crew(chain, ['honest', 'honest', 'lying']);
});
after(() => dismiss(chain, workers));

/** Lets the lie happen and returns the reported slash. */
async function outvote() {
	const liar = workers[2];
	const { id, number } = await submit(chain, requester);
	const { story, end, number: at, hash } = await follow(chain, id, number);
	assert.equal(end.method, 'JobSettled');
	assert.equal(end.data.paid.toBigInt(), 2n * UNITS * ASK, 'only the two who agree are paid');
	const missed = story.find(({ method }) => method === 'ReplicaMissed');
	assert.equal(missed?.data.reason.type, 'Disagreed');
	const events = await eventsAt(chain, hash);
	const slashed = one(chain.api, events, 'ioJobs', 'Slashed').data;
	const reported = one(chain.api, events, 'ioStaking', 'SlashReported').data;
	assert.equal(slashed.operator.toString(), liar.operator.address);
	assert.equal(slashed.amount.toBigInt(), BOND / 2n, 'half of the bond is taken');
	assert.equal(reported.amount.toBigInt(), BOND / 2n);
	assert.equal(reported.reason.type, 'Disagreed');
	assert.equal(reported.due.toNumber(), at + SLASH_DEFER);
	return { id: reported.id.toBigInt(), due: reported.due.toNumber(), at, amount: BOND / 2n };
}

test('should take half of the bond and pay half of that to the requester when a liar is out-voted', async () => {
	const { api } = chain;
	const { operator } = workers[2];
	const slash = await outvote();

	// The stake is gone at once, the requester is paid later, and nobody can hurry it.
	await assertFails(chain, api.tx.ioStaking.applySlash(slash.id), requester, 'ioStaking', 'NotDue');
	const pending = await view(chain, 'IoStaking', 'operator', operator.address);
	assert.equal(pending.active.toBigInt(), STAKE - slash.amount);
	assert.equal(pending.pending.toBigInt(), slash.amount);
	assert.equal(pending.locked.toBigInt(), 0n);
	assert.equal((await money(chain, operator)).holds['ioStaking.stake'], STAKE - slash.amount);

	await chain.reach(slash.due);
	const applied = (await eventsBetween(chain, slash.at, await chain.best()))
		.find(({ event }) => api.events.ioStaking.SlashApplied.is(event));
	assert.ok(applied, `expected the slash to be applied at block ${slash.due}`);
	assert.equal(applied.number, slash.due);
	const { paid, burnt } = applied.event.data;
	assert.equal(paid.toBigInt(), slash.amount / 2n);
	assert.equal(burnt.toBigInt(), slash.amount - slash.amount / 2n);
	assert.ok(paid.toBigInt() <= 10n * PRICE, 'the requester gets no more than its price');

	const previous = await api.rpc.chain.getBlockHash(applied.number - 1);
	const change = async (account) =>
		(await money(chain, account, applied.hash)).total - (await money(chain, account, previous)).total;
	assert.equal(await change(requester), paid.toBigInt());
	assert.equal(await change(operator), 0n, 'the operator has paid when the slash was reported');
	assert.equal(await supply(chain, applied.hash), (await supply(chain, previous)) - burnt.toBigInt() + (await minted(chain, applied.hash)));
	assert.equal((await money(chain, operator)).holds['ioStaking.stake'], STAKE - slash.amount);
});

test('should give the stake back when the administrator cancels a slash in time', async () => {
	const { api } = chain;
	const { operator } = workers[2];
	const before = await view(chain, 'IoStaking', 'operator', operator.address);
	const slash = await outvote();
	assert.equal(
		(await view(chain, 'IoStaking', 'operator', operator.address)).active.toBigInt(),
		before.active.toBigInt() - slash.amount,
	);
	const { events } = await sudo(chain, api.tx.ioStaking.cancelSlash(slash.id), alice);
	assert.equal(one(api, events, 'ioStaking', 'SlashCancelled').data.amount.toBigInt(), slash.amount);
	const after = await view(chain, 'IoStaking', 'operator', operator.address);
	assert.equal(after.active.toBigInt(), before.active.toBigInt());
	assert.equal(after.pending.toBigInt(), 0n);
	await assert.rejects(
		sudo(chain, api.tx.ioStaking.cancelSlash(slash.id), alice),
		(error) => error.name === 'UnknownSlash',
	);
});

test('should fail, refund everything and slash nobody when no two results are equal', async () => {
	const { api } = chain;
	const [classId] = await chain.newClasses(1);
	// The slashes of the other tests are paid to another account, at any time.
	const poor = key('//Requester/noquorum');
	await fund(chain, [poor], 100n * IO);
	const liars = await crew(chain, ['lying', 'lying', 'lying', 'lying'], { name: '/liar', classId });
	workers.push(...liars);
	const start = await money(chain, poor);
	const { id, number, fee } = await submit(chain, poor, { class: classId, replicas: 2, quorum: 2 });
	const { story, end, number: last } = await follow(chain, id, number);
	assert.equal(end.method, 'JobFailed');
	assert.equal(end.data.reason.type, 'NoQuorum');
	assert.equal(story.filter(({ method }) => method === 'ReplicaRevealed').length, 4, 'two replicas and two tie-breaks');
	assert.deepEqual(await money(chain, poor), { ...start, free: start.free - fee, total: start.total - fee });
	const slashed = (await eventsBetween(chain, number, last)).filter(({ event }) => api.events.ioJobs.Slashed.is(event));
	assert.deepEqual(slashed, []);
});
