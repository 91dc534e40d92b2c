// Runs the examples of the documentation as a reader would.

import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * A copy of `docs/examples/<name>` at a place where it finds its modules: Node.js looks for them beside the script.
 * `write(name, bytes)` makes a file beside it, `run(...args)` gives `{ status, output }`.
 */
export function example(name) {
	const folder = here(`../node_modules/.cache/examples/${name}-${process.pid}/`);
	mkdirSync(folder, { recursive: true });
	const script = join(folder, name);
	copyFileSync(here(`../../../docs/examples/${name}`), script);
	return {
		write(file, bytes) {
			writeFileSync(join(folder, file), bytes);
			return join(folder, file);
		},
		run: (...args) => new Promise((resolve) => {
			execFile(process.execPath, [script, ...args], { timeout: 60_000 }, (error, stdout, stderr) => {
				resolve({ status: error ? (error.code ?? error.signal) : 0, output: `${stdout}${stderr}` });
			});
		}),
	};
}
