// A development node: a real `io-node --dev`, on free ports, killed at the end.

import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { accessSync, closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds between two blocks of the test chain. Timers count blocks, so nothing but patience depends on it. */
export const BLOCK_TIME = Number(process.env.IO_E2E_BLOCK_TIME ?? 500);

/** A debug node compiles its runtime for a while, longer on a busy machine. */
const START_SECONDS = 300;

// The shell ends the node as soon as its standard input closes. That also happens when this process is killed the
// hard way, so no node outlives its tests.
const GUARD = `
exec 3<&0
"$@" 3<&- </dev/null &
node=$!
( cat <&3 >/dev/null; kill -KILL $node 2>/dev/null ) &
guard=$!
wait $node; code=$?
kill $guard 2>/dev/null
exit $code`;

/** A running node. */
export class Node {
	/** The path of the binary, from the environment. */
	static binary() {
		const path = process.env.IO_NODE_BIN;
		if (!path) {
			throw new Error('set IO_NODE_BIN to the path of the io-node binary, for instance target/debug/io-node');
		}
		try {
			accessSync(path, constants.X_OK);
		} catch {
			throw new Error(`IO_NODE_BIN names ${path}, which is not there or cannot be executed: build the node first`);
		}
		return path;
	}

	/** Starts a node and waits until it answers. `args` are more arguments for it. */
	static async start(args = []) {
		const binary = Node.binary();
		const [rpc, p2p, metrics] = await freePorts(3);
		const node = new Node();
		node.url = `ws://127.0.0.1:${rpc}`;
		node.folder = mkdtempSync(join(tmpdir(), 'io-e2e-'));
		node.logFile = join(node.folder, 'node.log');
		const out = openSync(node.logFile, 'w');
		node.process = spawn(
			'sh',
			[
				'-c', GUARD, 'sh', binary,
				'--dev', '--tmp',
				'--dev-block-time', `${BLOCK_TIME}`,
				'--rpc-port', `${rpc}`,
				'--port', `${p2p}`,
				'--prometheus-port', `${metrics}`,
				// The workers of these tests talk to the chain by RPC; gateways of other chains shall not be disturbed.
				'--offchain-worker', 'never',
				'--no-telemetry',
				'--no-hardware-benchmarks',
				...args,
			],
			// The temporary data of `--tmp` goes where we remove it.
			{ stdio: ['pipe', out, out], env: { ...process.env, TMPDIR: node.folder } },
		);
		closeSync(out);
		node.exited = new Promise((resolve) => {
			node.process.once('close', resolve);
			node.process.once('error', resolve);
		});
		node.process.stdin.on('error', () => {});
		try {
			await node.#answers(rpc);
		} catch (error) {
			const log = tail(node.logFile);
			await node.stop();
			throw new Error(`the node did not start: ${error.message}\n--- end of its log\n${log}`, { cause: error });
		}
		return node;
	}

	async #answers(port) {
		const deadline = Date.now() + START_SECONDS * 1000;
		while (!(await answers(port))) {
			if (this.process.exitCode !== null) {
				throw new Error(`it ended by itself with status ${this.process.exitCode}`);
			}
			if (Date.now() > deadline) {
				throw new Error(`no answer on port ${port} within ${START_SECONDS} s`);
			}
			await sleep(100);
		}
	}

	/** Ends the node and removes its data. */
	async stop() {
		this.process.stdin.end();
		await this.exited;
		if (process.env.IO_E2E_KEEP_LOGS) {
			console.error(`the node's log is kept: ${this.logFile}`);
		} else {
			rmSync(this.folder, { recursive: true, force: true });
		}
	}
}

/** The last lines of a log file. */
export function tail(file, lines = 40) {
	try {
		return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
	} catch {
		return '(there is no log)';
	}
}

/**
 * That many free TCP ports of the loopback interface, below the range of outgoing connections: one of those could take a port
 * before the node does.
 */
async function freePorts(count) {
	const ports = new Set();
	while (ports.size < count) {
		const port = randomInt(12_000, 32_000);
		if (await isFree(port)) {
			ports.add(port);
		}
	}
	return [...ports];
}

function isFree(port) {
	return new Promise((resolve) => {
		const server = createServer();
		server.once('error', () => resolve(false));
		server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
	});
}

async function answers(port) {
	try {
		const response = await fetch(`http://127.0.0.1:${port}`, {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify({ id: 1, jsonrpc: '2.0', method: 'chain_getHeader', params: [] }),
			signal: AbortSignal.timeout(2000),
		});
		return Boolean((await response.json()).result);
	} catch {
		return false;
	}
}
