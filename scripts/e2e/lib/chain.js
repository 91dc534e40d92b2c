// The chain under test, as polkadot.js sees it.

import { setTimeout as sleep } from 'node:timers/promises';

import { ApiPromise, WsProvider } from '@polkadot/api';

import { alice } from './accounts.js';
import { BLOCK_TIME, Node, tail } from './node.js';
import { sudo } from './tx.js';

/** The hardware class of this test file: no other file's workers are in it. Known once the chain is connected. */
export const home = { class: 0 };

// Whoever kills the run kills the node with it; a test that then waits for ever shall end as well.
const parent = process.ppid;
setInterval(() => {
	if (process.ppid !== parent) {
		process.exit(1);
	}
}, 1000).unref();

/** A connection to a running chain. */
export class Chain {
	/** Connects to the node that `run.js` has started, or to one of its own if a test file is run without it. */
	static async start() {
		const chain = new Chain();
		try {
			if (process.env.IO_E2E_URL) {
				chain.url = process.env.IO_E2E_URL;
				chain.logFile = process.env.IO_E2E_LOG;
			} else {
				chain.node = await Node.start();
				chain.url = chain.node.url;
				chain.logFile = chain.node.logFile;
			}
			await chain.#connect();
			[home.class] = await chain.newClasses(1);
		} catch (error) {
			await chain.stop();
			throw error;
		}
		return chain;
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

	/** Adds that many hardware classes that nobody is in, and returns their numbers. */
	async newClasses(count, changes = {}) {
		const { query, tx } = this.api;
		const used = (await query.ioJobs.classes.keys()).map(({ args: [id] }) => id.toNumber());
		const first = Math.max(99, ...used) + 1;
		const ids = Array.from({ length: count }, (_, i) => first + i);
		const info = { engine: 'Wasm', minMemory: 1024, minVram: 0, accelerator: 'None', ...changes };
		await sudo(this, tx.utility.batchAll(ids.map((id) => tx.ioJobs.setClass(id, info))), alice);
		return ids;
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
					throw new Error(`expected: ${what} within ${blocks} blocks of block ${start}; it did not happen\n${tail(this.logFile)}`);
				}
				last = now;
				stuck = Date.now();
			}
			if (Date.now() - stuck > 60_000) {
				throw new Error(`expected: ${what}; the chain stands still at block ${now} since a minute\n${tail(this.logFile)}`);
			}
			await sleep(Math.min(100, BLOCK_TIME / 4));
		}
	}

	/** Disconnects, and ends the node if it is our own. Can be called in any state, more than once. */
	async stop() {
		await this.api?.disconnect().catch(() => {});
		await this.node?.stop();
	}
}
