// Nobody waits for ever: who is silent is replaced and slashed, and a job that cannot be done gives everything back.
// Each case has a hardware class of its own, so that the lot can only fall on its own workers.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { alice, fund, IO, key, money } from '../lib/accounts.js';
import { Chain } from '../lib/chain.js';
import { follow, PRICE, submit } from '../lib/jobs.js';
import { view } from '../lib/reads.js';
import { all, assertFails, eventsBetween, one, send, sudo } from '../lib/tx.js';
import { ASK, crew, dismiss, employ, PURSE, recruit, STAKE, UNITS } from '../lib/worker.js';

const CASES = ['silent', 'late', 'unrevealed', 'declining', 'empty', 'exhausted', 'assigned'];
const CLASSES = {};
const BOND = 3n * 10n * PRICE;
const OPEN_TTL = 30;
/** As on any chain, but that nobody waits ten minutes for a job to expire. */
const TIMERS = { openTtl: OPEN_TTL, acceptBlocks: 10, revealBlocks: 20, heartbeatTtl: 50, maxRunBlocks: 14_400 };
/** One replica that one result settles. */
const SINGLE = { replicas: 1, quorum: 1, runBlocks: 6 };

const requesters = Object.fromEntries(CASES.map((name) => [name, key(`//Requester/${name}`)]));
let chain;
const employed = [];

before(async () => {
	chain = await Chain.start();
	const ids = await chain.newClasses(CASES.length);
	CASES.forEach((name, i) => {
		CLASSES[name] = ids[i];
	});
	await setTimers(TIMERS);
	await fund(chain, Object.values(requesters), 100n * IO);
});
after(async () => {
	await setTimers(null);
	await dismiss(chain, employed);
});

/** Sets the timers of all jobs; `null` brings the defaults back. */
const setTimers = (timers) => sudo(chain, chain.api.tx.parameters.setParameter({ Jobs: { Timers: [null, timers] } }), alice);

/** Employs workers in the class of a case. */
async function hire(name, behaviours) {
	const workers = await crew(chain, behaviours, { name: `/${name}`, classId: CLASSES[name] });
	employed.push(...workers);
	return workers;
}

/** Waits until the first replica of a job has a worker. */
function assigned(id) {
	return chain.until(`job ${id} is assigned`, async () => {
		const [replica] = (await view(chain, 'IoJobs', 'job', id)).replicas;
		return replica.seat.unwrapOr(null);
	}, 20);
}

/**
 * One worker fails its duty and an honest one, who comes later, is drawn instead. Returns the events of the slash.
 */
async function replaced(name, behaviour) {
	const [culprit] = await hire(name, [behaviour]);
	const { id, number } = await submit(chain, requesters[name], { ...SINGLE, class: CLASSES[name] });
	const seat = await assigned(id);
	assert.equal(seat.worker.toHex(), culprit.hex);
	assert.equal(seat.bond.toBigInt(), BOND);
	assert.equal((await view(chain, 'IoStaking', 'operator', culprit.operator.address)).locked.toBigInt(), BOND);

	const [substitute] = recruit(chain, ['honest'], { name: `/${name}/substitute`, classId: CLASSES[name] });
	employed.push(substitute);
	await employ(chain, [substitute]);

	const { story, end, number: last } = await follow(chain, id, number);
	assert.equal(end.method, 'JobSettled', story.map(({ method }) => method).join());
	assert.equal(end.data.paid.toBigInt(), UNITS * ASK);
	assert.equal((await money(chain, substitute.operator)).total - PURSE > 0n, true, 'the substitute is paid');
	assert.equal((await view(chain, 'IoStaking', 'operator', culprit.operator.address)).locked.toBigInt(), 0n);
	const slashes = (await eventsBetween(chain, number, last))
		.filter(({ event }) => chain.api.events.ioJobs.Slashed.is(event) && event.data.operator.eq(culprit.operator.address));
	return { culprit, story, slashes: slashes.map(({ event }) => event.data) };
}

describe('time-outs', { concurrency: true }, () => {
	test('should take 1 % of the bond and draw anew when a worker does not accept', async () => {
		const { story, slashes } = await replaced('silent', 'silent');
		assert.equal(story.find(({ method }) => method === 'ReplicaMissed').data.reason.type, 'NoShow');
		assert.deepEqual(slashes.map(({ amount }) => amount.toBigInt()), [BOND / 100n]);
	});

	test('should take 10 % of the bond and draw anew when a worker accepts and does not commit', async () => {
		const { story, slashes } = await replaced('late', 'late');
		assert.equal(story.find(({ method }) => method === 'ReplicaMissed').data.reason.type, 'Late');
		assert.deepEqual(slashes.map(({ amount }) => amount.toBigInt()), [BOND / 10n]);
	});

	test('should take 20 % of the bond and draw a tie-break when a worker does not open its commitment', async () => {
		const { story, slashes } = await replaced('unrevealed', 'unrevealed');
		assert.equal(story.find(({ method }) => method === 'ReplicaMissed').data.reason.type, 'Unrevealed');
		assert.deepEqual(slashes.map(({ amount }) => amount.toBigInt()), [BOND / 5n]);
	});

	test('should draw anew without a slash when a worker declines', async () => {
		const { culprit, story, slashes } = await replaced('declining', 'declining');
		assert.ok(story.some(({ method }) => method === 'ReplicaDeclined'));
		assert.deepEqual(slashes, []);
		assert.equal((await money(chain, culprit.operator)).holds['ioStaking.stake'], STAKE);
	});

	test('should fail and refund everything when a replica has used up its attempts', async () => {
		const requester = requesters.exhausted;
		await hire('exhausted', ['silent', 'silent', 'silent']);
		const start = await money(chain, requester);
		const { id, number, fee } = await submit(chain, requester, { ...SINGLE, class: CLASSES.exhausted });
		const { story, end } = await follow(chain, id, number);
		assert.equal(end.method, 'JobFailed');
		assert.equal(end.data.reason.type, 'AttemptsExhausted');
		assert.equal(story.filter(({ method }) => method === 'ReplicaMissed').length, 3);
		assert.deepEqual(await money(chain, requester), { ...start, free: start.free - fee, total: start.total - fee });
	});

	test('should expire and refund everything when nobody fits', async () => {
		const requester = requesters.empty;
		const start = await money(chain, requester);
		const { id, number, fee } = await submit(chain, requester, { class: CLASSES.empty });
		const { end, number: at } = await follow(chain, id, number);
		assert.equal(end.method, 'JobExpired');
		assert.ok(at - number >= OPEN_TTL && at - number <= OPEN_TTL + 2, `it expired after ${at - number} blocks`);
		assert.deepEqual(await money(chain, requester), { ...start, free: start.free - fee, total: start.total - fee });
		const { state, outcome } = await view(chain, 'IoJobs', 'job', id);
		assert.equal(state.type, 'Expired');
		assert.equal(outcome.unwrap().refunded.toBigInt(), 3n * 10n * (IO / 5n) * 105n / 100n);
	});

	test('should release the workers unharmed when the requester cancels before anybody accepted', async () => {
		const requester = requesters.assigned;
		const [worker] = await hire('assigned', ['silent']);
		const start = await money(chain, requester);
		const { id, fee } = await submit(chain, requester, { ...SINGLE, class: CLASSES.assigned });
		await assigned(id);
		const cancelled = await send(chain, chain.api.tx.ioJobs.cancel(id), requester);
		one(chain.api, cancelled.events, 'ioJobs', 'JobCancelled');
		assert.deepEqual(all(chain.api, cancelled.events, 'ioJobs', 'Slashed'), []);
		const fees = fee + cancelled.fee;
		assert.deepEqual(await money(chain, requester), { ...start, free: start.free - fees, total: start.total - fees });
		assert.equal((await view(chain, 'IoStaking', 'operator', worker.operator.address)).locked.toBigInt(), 0n);
		await assertFails(chain, chain.api.tx.ioJobs.cancel(id), requester, 'ioJobs', 'UnknownJob');
	});

	test('should be free again after the waiting time when an operator takes out its stake', async () => {
		const { tx, query } = chain.api;
		const operator = key('//Leaver');
		await fund(chain, [operator], PURSE);
		await send(chain, tx.ioStaking.registerOperator(STAKE, 0, 'leaves'), operator);
		const { events } = await send(chain, tx.ioStaking.unbond(operator.address, STAKE), operator);
		const due = one(chain.api, events, 'ioStaking', 'Unbonded').data.due.toNumber();
		await assertFails(chain, tx.ioStaking.withdraw(operator.address), operator, 'ioStaking', 'NothingToWithdraw');
		await chain.until(`era ${due} begins`, async () => (await query.ioStaking.era()).index.gten(due), 200);
		await send(chain, tx.ioStaking.withdraw(operator.address), operator);
		assert.equal(await view(chain, 'IoStaking', 'operator', operator.address), null);
		assert.deepEqual((await money(chain, operator)).holds, {});
		assert.equal((await query.ioStaking.ledgers(operator.address)).isNone, true);
	});
});
