// The emergency brakes as a dApp meets them: single calls paused, and safe mode.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { alice, fund, IO, key, money } from '../lib/accounts.js';
import { Chain } from '../lib/chain.js';
import { follow, spec, submit } from '../lib/jobs.js';
import { view } from '../lib/reads.js';
import { assertFails, one, send, sudo } from '../lib/tx.js';
import { crew, dismiss } from '../lib/worker.js';

const requester = key('//Requester');
let chain;
let workers = [];
before(async () => {
	chain = await Chain.start();
	await fund(chain, [requester], 1_000n * IO);
	workers = await crew(chain, ['honest']);
});
after(() => dismiss(chain, workers));

test('should refuse a paused call by name and nothing else when the administrator pauses it', async () => {
	const { tx } = chain.api;
	const name = ['IoJobs', 'submit'];
	const { events } = await sudo(chain, tx.txPause.pause(name), alice);
	assert.deepEqual(one(chain.api, events, 'txPause', 'CallPaused').data.fullName.map((part) => part.toUtf8()), name);
	assert.ok((await chain.api.query.txPause.pausedCalls(name)).isSome, 'a dApp can ask whether a call is paused');
	await assertFails(chain, tx.ioJobs.submit(spec()), requester, 'system', 'CallFiltered');
	await send(chain, tx.balances.transferKeepAlive(alice.address, IO), requester);
	await sudo(chain, tx.txPause.unpause(name), alice);
	const { id, number } = await submit(chain, requester, { replicas: 1, quorum: 1 });
	assert.equal((await follow(chain, id, number)).end.method, 'JobSettled');
});

test('should refuse to pause the brakes themselves when asked to', async () => {
	const { tx } = chain.api;
	await assert.rejects(
		sudo(chain, tx.txPause.pause(['SafeMode', 'force_exit']), alice),
		(error) => error.name === 'Unpausable',
	);
	await assert.rejects(send(chain, tx.txPause.pause(['IoJobs', 'submit']), requester), (error) => error.name === 'BadOrigin');
});

test('should stop users but settle running jobs when safe mode is on', async () => {
	const { tx, query } = chain.api;
	const { id, number } = await submit(chain, requester, { replicas: 1, quorum: 1 });
	await sudo(chain, tx.safeMode.forceEnter(), alice);
	assert.ok((await query.safeMode.enteredUntil()).isSome, 'a dApp can ask whether safe mode is on');
	assert.ok((await view(chain, 'IoJobs', 'job', id)) !== null);
	await assertFails(chain, tx.ioJobs.submit(spec()), requester, 'system', 'CallFiltered');
	await assertFails(chain, tx.balances.transferKeepAlive(alice.address, IO), requester, 'system', 'CallFiltered');
	const { end, number: last } = await follow(chain, id, number);
	assert.equal(end.method, 'JobSettled');
	assert.ok(last > number);
	assert.deepEqual((await money(chain, requester)).holds, {});
	await sudo(chain, tx.safeMode.forceExit(), alice);
	await send(chain, tx.balances.transferKeepAlive(alice.address, IO), requester);
});
