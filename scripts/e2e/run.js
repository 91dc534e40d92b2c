// Runs the tests one file after another against one development chain: `node run.js [FILE...]`.

import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

import { Node, tail } from './lib/node.js';

const folder = fileURLToPath(new URL('test', import.meta.url));
const named = process.argv.slice(2).map((file) => resolve(file));
const files = named.length > 0 ? named : readdirSync(folder).sort().map((file) => join(folder, file));

const started = Date.now();
const node = await Node.start().catch((error) => {
	console.error(error.message);
	process.exit(1);
});
console.log(`the node answers at ${node.url} after ${((Date.now() - started) / 1000).toFixed(1)} s`);
process.env.IO_E2E_URL = node.url;
process.env.IO_E2E_LOG = node.logFile;

let failed = false;
const tests = run({ files, concurrency: false, timeout: 300_000 });
tests.on('test:fail', () => {
	failed = true;
});
tests.compose(new spec()).pipe(process.stdout);
for (const signal of ['SIGINT', 'SIGTERM']) {
	process.once(signal, () => {
		failed = true;
		node.stop().finally(() => process.exit(130));
	});
}
await new Promise((done) => {
	tests.once('end', done);
	tests.once('close', done);
});
if (failed) {
	console.error(`--- end of the node's log\n${tail(node.logFile)}`);
}
await node.stop();
process.exitCode = failed ? 1 : 0;
