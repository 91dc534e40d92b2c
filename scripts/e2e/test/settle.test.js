// From submission to payment: a requester and three workers, all in JavaScript, and where each unit of money goes.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { alice, fund, IO, key, minted, money, supply } from '../lib/accounts.js';
import { Chain } from '../lib/chain.js';
import { follow, PRICE, spec, submit } from '../lib/jobs.js';
import { blake3Of, resultDigest } from '../lib/protocol.js';
import { view } from '../lib/reads.js';
import { eventsAt, one } from '../lib/tx.js';
import { ASK, crew, dismiss, STAKE, UNITS } from '../lib/worker.js';

const requester = key('//Requester');
let chain;
let workers = [];
before(async () => {
	chain = await Chain.start();
	await fund(chain, [requester], 1_000n * IO);
	workers = await crew(chain, ['honest', 'honest', 'honest']);
});
after(() => dismiss(chain, workers));

/** The part of `amount` that is so many per cent, rounded down. */
const percent = (amount, share) => (amount * share) / 100n;

test('should settle and move each unit of money as documented when three workers agree', async () => {
	const { api } = chain;
	const operators = workers.map(({ operator }) => operator);
	const start = await money(chain, requester);
	const quote = await view(chain, 'IoJobs', 'quote', spec());
	const { id, number, hash, fee: txFee } = await submit(chain, requester);

	// What is held is what was quoted.
	const work = 3n * 10n * PRICE;
	assert.equal(quote.work.toBigInt(), work);
	assert.equal(quote.fee.toBigInt(), percent(work, 5n));
	const deposit = quote.deposit.toBigInt();
	const held = await money(chain, requester, hash);
	assert.deepEqual(held.holds, { 'ioJobs.jobEscrow': work + percent(work, 5n), 'ioJobs.jobDeposit': deposit });
	assert.equal(held.total, start.total - txFee, 'money on hold stays in the account of its owner');

	const { story, end, number: settledAt, hash: settledHash } = await follow(chain, id, number);
	assert.equal(end.method, 'JobSettled', story.map(({ method }) => method).join());

	// Each replica took every step.
	const count = (method) => story.filter((event) => event.method === method).length;
	assert.deepEqual(
		['JobSubmitted', 'ReplicaAssigned', 'ReplicaAccepted', 'ReplicaCommitted', 'JobRevealing', 'ReplicaRevealed', 'ReplicaPaid', 'JobSettled'].map(count),
		[1, 3, 3, 3, 1, 3, 3, 1],
	);

	const paid = 3n * UNITS * ASK;
	const fee = percent(paid, 5n);
	assert.equal(end.data.units.toBigInt(), UNITS);
	assert.equal(end.data.paid.toBigInt(), paid);
	assert.equal(end.data.fee.toBigInt(), fee);
	assert.equal(end.data.refunded.toBigInt(), work + percent(work, 5n) - paid - fee);
	assert.deepEqual(end.data.digest.toU8a(), resultDigest({
		genesis: chain.genesis, job: id, exitCode: 0, units: UNITS, output: blake3Of(new TextEncoder().encode('the output')),
	}));

	// The block of settlement holds no transaction that pays a fee, so what changed there is the settlement alone.
	const previous = await api.rpc.chain.getBlockHash(settledAt - 1);
	const change = async (account) =>
		(await money(chain, account, settledHash)).total - (await money(chain, account, previous)).total;
	assert.equal(await change(requester), -(paid + fee));
	for (const operator of operators) {
		assert.equal(await change(operator), UNITS * ASK);
	}
	const burnt = percent(fee, 40n);
	const toAuthor = percent(fee, 20n);
	assert.equal(await supply(chain, settledHash), (await supply(chain, previous)) - burnt + (await minted(chain, settledHash)));
	const treasury = api.consts.treasury.potAccount;
	assert.equal(await change(treasury), fee - burnt - toAuthor);
	// The author may get his share of older transaction fees in the same block; that is told by an event of its own.
	const author = alice.address;
	const others = (await eventsAt(chain, settledHash))
		.filter((event) => api.events.balances.Transfer.is(event) && event.data.to.eq(author))
		.reduce((sum, event) => sum + event.data.amount.toBigInt(), 0n);
	assert.equal((await change(author)) - others, toAuthor);

	// Nothing is left behind.
	const final = await money(chain, requester);
	assert.deepEqual(final.holds, {});
	assert.equal(final.free, start.free - txFee - paid - fee);
	for (const operator of operators) {
		assert.equal((await money(chain, operator)).holds['ioStaking.stake'], STAKE);
		assert.equal((await view(chain, 'IoStaking', 'operator', operator.address)).locked.toBigInt(), 0n);
	}
});

test('should pay for the units that ran when all agree on an exit code other than 0', async () => {
	for (const worker of workers) {
		worker.exitCode = 3;
	}
	const { id, number } = await submit(chain, requester);
	const { end } = await follow(chain, id, number);
	for (const worker of workers) {
		worker.exitCode = 0;
	}
	assert.equal(end.method, 'JobSettled');
	assert.equal(end.data.paid.toBigInt(), 3n * UNITS * ASK);
	const outcome = (await view(chain, 'IoJobs', 'job', id)).outcome.unwrap();
	assert.equal(outcome.exitCode.toNumber(), 3);
});

test('should settle two jobs side by side when workers have free capacity', async () => {
	const jobs = await Promise.all(['//Requester1', '//Requester2'].map(async (uri, i) => ({ requester: key(uri), i })));
	await fund(chain, jobs.map((job) => job.requester), 100n * IO);
	const submitted = await Promise.all(jobs.map((job) => submit(chain, job.requester, { maxUnits: 8 + job.i })));
	for (const { id, number } of submitted) {
		assert.equal((await follow(chain, id, number)).end.method, 'JobSettled');
	}
	assert.equal(new Set(submitted.map(({ id }) => id)).size, submitted.length);
});

test('should leave blocks readable when they hold feeless extrinsics of workers', async () => {
	const { api } = chain;
	const { id, number } = await submit(chain, requester);
	const { number: last } = await follow(chain, id, number);
	const seen = [];
	for (let n = number; n <= last; n += 1) {
		const { block } = await api.rpc.chain.getBlock(await api.rpc.chain.getBlockHash(n));
		seen.push(...block.extrinsics.map(({ method }) => `${method.section}.${method.method}`));
	}
	for (const call of ['ioJobs.submit', 'ioJobs.accept', 'ioJobs.commit', 'ioJobs.reveal']) {
		assert.ok(seen.includes(call), `${call} is not among ${[...new Set(seen)]}`);
	}
	assert.equal(one(api, await eventsAt(chain, await api.rpc.chain.getBlockHash(last)), 'ioJobs', 'JobSettled').data.job.toBigInt(), id);
});
