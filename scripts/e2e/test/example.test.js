// The examples of the documentation, run as a reader would run them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { u8aToHex } from '@polkadot/util';

import { fund, IO, key, secretOf } from '../lib/accounts.js';
import { Chain } from '../lib/chain.js';
import { example } from '../lib/example.js';
import { assertFails, send } from '../lib/tx.js';
import { crew, dismiss } from '../lib/worker.js';

let chain;
let workers = [];
before(async () => {
	chain = await Chain.start();
	workers = await crew(chain, ['honest', 'honest', 'honest'], { classId: 0 });
});
after(() => dismiss(chain, workers));

test('should settle the job of the documentation when a reader runs it', async () => {
	const submitJob = example('submit-job.mjs');
	const program = submitJob.write('program.wasm', Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
	const { status, output } = await submitJob.run(chain.url, '//Alice', program, 'http://127.0.0.1:1/program.wasm');
	assert.equal(status, 0, output);
	assert.match(output, /costs at most 6 IO and a fee of 0\.3 IO/);
	assert.match(output, /JobSettled/);
	assert.match(output, /settled: exit code 0, 7 units, refund 4\.095 IO, fee 0\.105 IO/);
	assert.equal(output.match(/ got 0\.7 IO/g)?.length, 3, output);
});

test('should say why when the account of the example cannot pay', async () => {
	const submitJob = example('submit-job.mjs');
	const program = submitJob.write('program.wasm', Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
	const { status, output } = await submitJob.run(chain.url, secretOf('//Beggar'), program, 'http://127.0.0.1:1/program.wasm');
	assert.equal(status, 1, output);
	assert.match(output, /refused: .+/);
});

test('should register session keys with a proof when a collator runs the example', async () => {
	const { tx, query } = chain.api;
	const collator = key('//Collator');
	await fund(chain, [collator], 2_000n * IO);
	const setKeys = example('set-session-keys.mjs');
	const { status, output } = await setKeys.run(chain.url, setKeys.write('secret', `${secretOf('//Collator')}\n`));
	assert.equal(status, 0, output);
	const registered = (await query.session.nextKeys(collator.address)).unwrap();
	assert.match(output, new RegExp(registered.toHex()));

	// Nobody can register the keys of another one's node: the proof is for the account that asked for it.
	const thief = key('//Thief');
	await fund(chain, [thief], 10n * IO);
	const made = await chain.rpc('author_rotateKeysWithOwner', u8aToHex(collator.publicKey));
	await assertFails(chain, tx.session.setKeys(made.keys, made.proof), thief, 'session', 'InvalidProof');

	await send(chain, tx.ioStaking.registerOperator(1_000n * IO, 0, 'collator'), collator);
	await send(chain, tx.ioStaking.candidate(true), collator);
	const candidates = await query.ioStaking.candidates();
	assert.ok(candidates.some(({ who }) => who.eq(collator.address)));
	// Its node would get a turn from the session after the next one on.
	await send(chain, tx.ioStaking.candidate(false), collator);
});
