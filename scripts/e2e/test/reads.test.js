// What a dApp can ask the chain: view functions of the pallets, and the runtime API of workers.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { alice, fund, key } from '../lib/accounts.js';
import { Chain } from '../lib/chain.js';
import { follow, PRICE, spec, submit } from '../lib/jobs.js';
import { view } from '../lib/reads.js';
import { send } from '../lib/tx.js';
import { ASK, dismiss, employ, PURSE, recruit, STAKE, UNITS } from '../lib/worker.js';

const requester = key('//Requester');
const BOND = 3n * 10n * PRICE;
let chain;
/** A class for which nobody works. */
let empty;
/** Works for this file's class. */
let worker;
/** Registered in `empty`, with several reasons not to be drawn. */
let offline;
const employed = [];
before(async () => {
	chain = await Chain.start();
	const { tx } = chain.api;
	[empty] = await chain.newClasses(1);
	[worker] = recruit(chain, ['honest']);
	[offline] = recruit(chain, ['silent'], { name: '/offline', classId: empty, ask: 2n * PRICE });
	await fund(chain, [requester, offline.operator], PURSE);
	employed.push(worker);
	await employ(chain, [worker]);
	await send(chain, tx.ioStaking.registerOperator(STAKE, 0, 'offline'), offline.operator);
	await send(chain, offline.registration(), offline.operator);
});
after(() => dismiss(chain, employed));

/** Waits until there is randomness that is newer than the job and all workers, so that it could be drawn. */
const drawable = (id, hotKey) => chain.until('fresh randomness', async () => !(await whyNot(id, hotKey)).includes('NoRandomness'), 20);
const whyNot = async (id, hotKey) => (await chain.api.call.ioWorkerApi.whyNot(id, hotKey)).map(({ type }) => type).sort();

test('should quote what will be held when asked before the submission', async () => {
	const small = await view(chain, 'IoJobs', 'quote', spec());
	assert.equal(small.work.toBigInt(), 3n * 10n * PRICE);
	assert.equal(small.fee.toBigInt(), (3n * 10n * PRICE * 5n) / 100n);
	assert.equal(small.bondPerReplica.toBigInt(), 3n * 10n * PRICE);
	const longer = await view(chain, 'IoJobs', 'quote', spec({ args: ['--scene', 'spheres', 'x'.repeat(99)] }));
	assert.equal(
		(longer.deposit.toBigInt() - small.deposit.toBigInt()) % 100n, 0n,
		'each of the 100 bytes more has the same price',
	);
	assert.ok(longer.deposit.toBigInt() > small.deposit.toBigInt());
	await assert.rejects(view(chain, 'IoJobs', 'quote', spec({ replicas: 9 })), (error) => error.name === 'BadQuorum');
});

test('should show a job from its submission to its outcome when asked for it', async () => {
	const { id, number } = await submit(chain, requester, { replicas: 1, quorum: 1 });
	const fresh = await view(chain, 'IoJobs', 'job', id);
	assert.equal(fresh.requester.toString(), requester.address);
	assert.equal(fresh.submittedAt.unwrap().toNumber(), number);
	assert.equal(fresh.escrow.toBigInt(), (10n * PRICE * 105n) / 100n);
	assert.equal(fresh.spec.unwrap().maxUnits.toNumber(), 10);
	assert.equal(fresh.replicas.length, 1);
	assert.ok(fresh.outcome.isNone);

	const { end } = await follow(chain, id, number);
	assert.equal(end.method, 'JobSettled');
	const ended = await view(chain, 'IoJobs', 'job', id);
	assert.equal(ended.state.type, 'Settled');
	assert.ok(ended.spec.isNone && ended.replicas.length === 0 && ended.nextTimer.isNone);
	const outcome = ended.outcome.unwrap();
	assert.equal(outcome.units.toBigInt(), UNITS);
	assert.deepEqual(outcome.digest.toHex(), end.data.digest.toHex());
	const [payee] = outcome.payees;
	assert.equal(payee.operator.toString(), worker.operator.address);
	assert.equal(payee.worker.toHex(), worker.hex);
	assert.equal(payee.amount.toBigInt(), UNITS * ASK);
	const [[replica, at]] = await view(chain, 'IoJobs', 'outputs', id);
	assert.equal(replica.toNumber(), 0);
	assert.equal(at.toUtf8(), 'http://127.0.0.1:1/output');
	assert.equal(await view(chain, 'IoJobs', 'job', 123_456), null);
});

test('should list the jobs of a class that wait for workers when asked', async () => {
	const { tx } = chain.api;
	const submitted = [
		await submit(chain, requester, { class: empty, replicas: 1, quorum: 1 }),
		await submit(chain, requester, { class: empty, replicas: 1, quorum: 1 }),
	];
	const open = await view(chain, 'IoJobs', 'open_jobs', empty, 0);
	assert.deepEqual(open.map(({ id }) => id.toBigInt()), submitted.map(({ id }) => id));
	assert.equal((await view(chain, 'IoJobs', 'open_jobs', empty, 1)).length, 0);
	for (const { id } of submitted) {
		await send(chain, tx.ioJobs.cancel(id), requester);
	}
	assert.equal((await view(chain, 'IoJobs', 'open_jobs', empty, 0)).length, 0);
	assert.equal((await view(chain, 'IoJobs', 'job', submitted[0].id)).state.type, 'Cancelled');
});

test('should tell bonds, devices and stake of an operator when asked', async () => {
	const summary = await view(chain, 'IoJobs', 'operator_summary', worker.operator.address);
	assert.ok(summary.isOperator.isTrue);
	assert.equal(summary.freeBond.toBigInt(), STAKE);
	const [device] = summary.workers;
	assert.equal(device.worker.toHex(), worker.hex);
	assert.ok(device.online.isTrue);
	assert.ok(device.reputation.toNumber() > 250_000, 'it has settled a job');
	const stake = await view(chain, 'IoStaking', 'operator', worker.operator.address);
	assert.equal(stake.active.toBigInt(), STAKE);
	assert.equal(stake.metadata.toUtf8(), 'test');
	const nobody = await view(chain, 'IoJobs', 'operator_summary', requester.address);
	assert.ok(nobody.isOperator.isFalse && nobody.workers.length === 0);
	assert.equal(await view(chain, 'IoStaking', 'operator', requester.address), null);
});

test('should show a worker and its assignments when it asks the runtime API', async () => {
	worker.behaviour = 'late';
	const { id, number } = await submit(chain, requester, { replicas: 1, quorum: 1 });
	const assignment = await chain.until('the replica is accepted', async () =>
		(await worker.assignments()).find(({ job, state }) => job.toBigInt() === id && state.isAccepted), 20);
	assert.equal(assignment.requester.toString(), requester.address);
	assert.equal(assignment.ask.toBigInt(), ASK);
	assert.equal(assignment.bond.toBigInt(), BOND);
	assert.equal(assignment.attempt.toNumber(), 1);
	assert.deepEqual(assignment.spec.args.map((arg) => arg.toUtf8()), ['--scene', 'spheres']);
	const seen = await worker.view();
	assert.equal(seen.operator.toString(), worker.operator.address);
	assert.deepEqual(seen.live.map(([job, replica]) => [job.toBigInt(), replica.toNumber()]), [[id, 0]]);
	assert.equal(seen.freeBond.toBigInt(), STAKE - BOND);
	assert.deepEqual(await whyNot(id, worker.pair.publicKey), ['NoVacancy', 'OperatorInJob']);
	worker.behaviour = 'honest';
	assert.equal((await follow(chain, id, number)).end.method, 'JobSettled');
});

test('should say why a job does not go to a worker when asked', async () => {
	const { tx } = chain.api;
	const { id } = await submit(chain, requester, { class: empty, replicas: 1, quorum: 1 });
	await drawable(id, offline.pair.publicKey);
	assert.deepEqual(await whyNot(id, offline.pair.publicKey), ['AskTooHigh', 'Offline']);
	assert.deepEqual(await whyNot(id, worker.pair.publicKey), ['OtherClass']);
	assert.deepEqual(await whyNot(id, alice.publicKey), ['UnknownWorker']);
	assert.deepEqual(await whyNot(987_654, worker.pair.publicKey), ['UnknownJob']);
	await send(chain, tx.ioJobs.cancel(id), requester);

	const own = await submit(chain, offline.operator, { class: empty, replicas: 1, quorum: 1, maxUnits: 1_700, pricePerUnit: PRICE });
	await drawable(own.id, offline.pair.publicKey);
	assert.deepEqual(await whyNot(own.id, offline.pair.publicKey), ['AskTooHigh', 'InsufficientBond', 'Offline', 'OwnJob']);
	await send(chain, tx.ioJobs.cancel(own.id), offline.operator);
});
