// The example of docs/dapp.md, as a reader would run it.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Chain } from '../lib/chain.js';
import { crew, dismiss } from '../lib/worker.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
let chain;
let workers = [];
let example;
before(async () => {
	chain = await Chain.start();
	workers = await crew(chain, ['honest', 'honest', 'honest']);
	// Node.js looks for modules beside the script; the reader has installed them there.
	const folder = here('../node_modules/.cache/example/');
	mkdirSync(folder, { recursive: true });
	example = `${folder}submit-job.mjs`;
	copyFileSync(here('../../../docs/examples/submit-job.mjs'), example);
	writeFileSync(`${folder}program.wasm`, Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
});
after(() => dismiss(chain, workers));

/** Runs the example as `secret` and returns `{ status, output }`. */
function run(secret) {
	return new Promise((resolve) => {
		const args = [example, chain.url, secret, example.replace('submit-job.mjs', 'program.wasm'), 'http://127.0.0.1:1/program.wasm'];
		execFile(process.execPath, args, { timeout: 60_000 }, (error, stdout, stderr) => {
			resolve({ status: error ? (error.code ?? error.signal) : 0, output: `${stdout}${stderr}` });
		});
	});
}

test('should settle the job of the documentation when a reader runs it', async () => {
	const { status, output } = await run('//Alice');
	assert.equal(status, 0, output);
	assert.match(output, /costs at most 6 IO and a fee of 0\.3 IO/);
	assert.match(output, /JobSettled/);
	assert.match(output, /settled: exit code 0, 7 units, refund 4\.095 IO, fee 0\.105 IO/);
	assert.equal(output.match(/ got 0\.7 IO/g)?.length, 3, output);
});

test('should name the error when the account cannot pay', async () => {
	const { status, output } = await run('//Beggar');
	assert.equal(status, 1, output);
	assert.match(output, /refused: .+/);
});
