// Jobs as a requester sees them.

import { stringToU8a } from '@polkadot/util';

import { IO } from './accounts.js';
import { home } from './chain.js';
import { blake3Of } from './protocol.js';
import { eventsAt, one, send } from './tx.js';

/** The most that test requesters pay for one unit. */
export const PRICE = IO / 5n;

/** A job of three replicas that two equal results settle; `changes` replace fields. */
export function spec(changes = {}) {
	return {
		program: { Wasm: { hash: blake3Of(stringToU8a('a program')) } },
		programAt: ['http://127.0.0.1:1/program.wasm'],
		inputAt: [],
		input: new Uint8Array(32),
		inputLen: 0,
		args: ['--scene', 'spheres'],
		class: home.class,
		maxUnits: 10,
		maxMemory: 64,
		maxOutput: 65_536,
		pricePerUnit: PRICE,
		replicas: 3,
		quorum: 2,
		runBlocks: 12,
		encryption: null,
		minPerf: 0,
		verification: 'Quorum',
		...changes,
	};
}

/** Submits a job. Returns `{ id, number, fee }`: its number, its block, and the transaction's fee. */
export async function submit(chain, requester, changes) {
	const { api } = chain;
	const done = await send(chain, api.tx.ioJobs.submit(spec(changes)), requester);
	return { ...done, id: one(api, done.events, 'ioJobs', 'JobSubmitted').data.job.toBigInt() };
}

const ENDS = ['JobSettled', 'JobFailed', 'JobExpired', 'JobCancelled'];

/**
 * Follows the events of a job from block `first` until it ends. Returns `{ story, end, number, hash }`: its events in
 * order, the last of them, and the block of that.
 */
export async function follow(chain, id, first, blocks = 120) {
	const story = [];
	let next = first;
	return chain.until(`job ${id} ends`, async (best) => {
		for (; next <= best; next += 1) {
			const hash = await chain.api.rpc.chain.getBlockHash(next);
			for (const event of await eventsAt(chain, hash)) {
				if (event.section === 'ioJobs' && event.data.job?.toBigInt() === id) {
					story.push(event);
					if (ENDS.includes(event.method)) {
						return { story, end: event, number: next, hash: hash.toHex() };
					}
				}
			}
		}
		return undefined;
	}, blocks);
}
