// A development chain of its own for each test file: a real `io-node --dev`, on free ports, killed at the end.

import { spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { ApiPromise, WsProvider } from '@polkadot/api';

/** Milliseconds between two blocks of the test chain. Timers count blocks, so nothing but patience depends on it. */
export const BLOCK_TIME = Number(process.env.IO_E2E_BLOCK_TIME ?? 500);

const START_SECONDS = 120;

// The shell ends the node as soon as its standard input closes. That also happens when this process is killed the
// hard way, so no node outlives its test.
const GUARD = `
exec 3<&0
"$@" 3<&- </dev/null &
node=$!
( cat <&3 >/dev/null; kill -KILL $node 2>/dev/null ) &
guard=$!
wait $node; code=$?
kill $guard 2>/dev/null
exit $code`;

/** A running chain and the polkadot.js API that is connected to it. */
export class Chain {
	/** The path of the node's binary, from the environment. */
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

	/** Starts a node and connects to it. `args` are more arguments of the node. */
	static async start({ blockTime = BLOCK_TIME, args = [] } = {}) {
		const chain = new Chain();
		try {
			await chain.#launch(blockTime, args);
			await chain.#connect();
		} catch (error) {
			const log = chain.log();
			await chain.stop();
			throw new Error(`the chain did not start: ${error.message}\n--- end of the node's log\n${log}`, { cause: error });
		}
		return chain;
	}

	async #launch(blockTime, args) {
		const [rpc, p2p, metrics] = await freePorts(3);
		this.url = `ws://127.0.0.1:${rpc}`;
		this.metricsUrl = `http://127.0.0.1:${metrics}/metrics`;
		this.folder = mkdtempSync(join(tmpdir(), 'io-e2e-'));
		this.logFile = join(this.folder, 'node.log');
		const out = openSync(this.logFile, 'w');
		this.process = spawn(
			'sh',
			[
				'-c', GUARD, 'sh', Chain.binary(),
				'--dev', '--tmp',
				'--dev-block-time', `${blockTime}`,
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
			{ stdio: ['pipe', out, out], env: { ...process.env, TMPDIR: this.folder } },
		);
		closeSync(out);
		this.exited = new Promise((resolve) => this.process.once('close', resolve));
		this.process.stdin.on('error', () => {});
		const deadline = Date.now() + START_SECONDS * 1000;
		while (!(await answers(rpc))) {
			if (this.process.exitCode !== null) {
				throw new Error(`the node ended by itself with status ${this.process.exitCode}`);
			}
			if (Date.now() > deadline) {
				throw new Error(`no answer on port ${rpc} within ${START_SECONDS} s`);
			}
			await sleep(100);
		}
	}

	async #connect() {
		/** What polkadot.js complained about while it connected. A dApp developer would see it on the console. */
		this.warnings = [];
		const { warn, error } = console;
		console.warn = console.error = (...words) => this.warnings.push(words.map(String).join(' '));
		try {
			this.api = await ApiPromise.create({ provider: new WsProvider(this.url), throwOnConnect: true, noInitWarn: false });
		} finally {
			Object.assign(console, { warn, error });
		}
		this.genesis = this.api.genesisHash.toU8a();
	}

	/** Sends one JSON-RPC request and returns its result as it came. */
	rpc(method, ...params) {
		return this.api._rpcCore.provider.send(method, params);
	}

	/** Number of the best block. */
	async best() {
		return (await this.api.rpc.chain.getHeader()).number.toNumber();
	}

	/** Waits until the best block has at least this number. */
	async reach(number) {
		await this.until(`block ${number}`, async () => (await this.best()) >= number, number - (await this.best()) + 40);
	}

	/** Waits for that many more blocks. */
	async blocks(count) {
		await this.reach((await this.best()) + count);
	}

	/**
	 * Tries `check` at each block until it gives something true, and returns that. Fails after `blocks` blocks, saying
	 * that `what` did not happen, with the end of the node's log.
	 */
	async until(what, check, blocks = 80) {
		const start = await this.best();
		let last = -1;
		let stuck = Date.now();
		for (;;) {
			const now = await this.best();
			if (now !== last) {
				const found = await check(now);
				if (found) {
					return found;
				}
				if (now - start > blocks) {
					throw new Error(`expected: ${what} within ${blocks} blocks of block ${start}; it did not happen\n${this.log()}`);
				}
				last = now;
				stuck = Date.now();
			}
			if (Date.now() - stuck > 60_000) {
				throw new Error(`expected: ${what}; the chain stands still at block ${now} since a minute\n${this.log()}`);
			}
			await sleep(Math.min(100, BLOCK_TIME / 4));
		}
	}

	/** The last lines of the node's log. */
	log(lines = 40) {
		try {
			return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
		} catch {
			return '(there is no log)';
		}
	}

	/** Disconnects and ends the node. Can be called in any state, more than once. */
	async stop() {
		await this.api?.disconnect().catch(() => {});
		if (this.process) {
			this.process.stdin.end();
			await this.exited;
		}
		if (this.folder && !process.env.IO_E2E_KEEP_LOGS) {
			rmSync(this.folder, { recursive: true, force: true });
		} else if (this.folder) {
			console.error(`the node's log is kept: ${this.logFile}`);
		}
	}
}

/** That many free TCP ports of the loopback interface. */
async function freePorts(count) {
	const servers = await Promise.all(
		Array.from({ length: count }, () => new Promise((resolve, reject) => {
			const server = createServer();
			server.once('error', reject);
			server.listen(0, '127.0.0.1', () => resolve(server));
		})),
	);
	const ports = servers.map((server) => server.address().port);
	await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
	return ports;
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
