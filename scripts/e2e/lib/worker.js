// A worker in JavaScript. It executes nothing: it claims the digest of a constant output, which is all the chain sees
// of a result anyway.

import { randomAsU8a } from '@polkadot/util-crypto';
import { stringToU8a, u8aToHex } from '@polkadot/util';
import { setTimeout as sleep } from 'node:timers/promises';

import { fund, IO, key } from './accounts.js';
import { home } from './chain.js';
import { BLOCK_TIME } from './node.js';
import { blake3Of, commitment, registrationProof, resultDigest, signCall, submitCall } from './protocol.js';
import { send } from './tx.js';

/** Stake of each test operator. */
export const STAKE = 1_000n * IO;
/** Money of each test operator before it stakes. */
export const PURSE = 2_000n * IO;
/** What test workers ask for one unit. */
export const ASK = IO / 10n;
/** Units that test workers claim. */
export const UNITS = 7n;
/** Blocks between two heartbeats. */
const BEAT_BLOCKS = 12;

/**
 * How workers behave. Only `honest` gets paid.
 * - `silent`: takes part in the draw, never accepts.
 * - `declining`: says no.
 * - `late`: accepts, never commits.
 * - `unrevealed`: commits, never opens the commitment.
 * - `lying`: does everything in time, with a result of its own.
 */
const BEHAVIOURS = ['honest', 'silent', 'declining', 'late', 'unrevealed', 'lying'];

/** One device with its hot key, and the operator who answers for it. */
export class Worker {
	constructor(chain, { operator, device, behaviour = 'honest', ask = ASK, capacity = 2, classId = home.class }) {
		if (!BEHAVIOURS.includes(behaviour)) {
			throw new Error(`a worker cannot be ${behaviour}; it can be ${BEHAVIOURS.join(', ')}`);
		}
		this.chain = chain;
		this.operator = operator;
		this.pair = key(device);
		this.behaviour = behaviour;
		this.profile = {
			class: classId,
			askPerUnit: ask,
			capacity,
			engines: 1,
			x25519: new Uint8Array(32),
			endpoints: [],
		};
		this.seq = 0;
		this.exitCode = 0;
		this.results = new Map();
		this.sent = new Set();
		this.errors = [];
	}

	/** The hot key in hex, as dApps show it. */
	get hex() {
		return u8aToHex(this.pair.publicKey);
	}

	/** The call by which the operator registers this device. */
	registration({ operator = this.operator, profile = this.profile } = {}) {
		const proof = registrationProof(this.pair, this.chain.genesis, operator.publicKey);
		return this.chain.api.tx.ioJobs.registerWorker(this.pair.publicKey, profile, proof);
	}

	/** Registers the device and shows its first sign of life, so that it can be drawn. */
	async join() {
		const done = await send(this.chain, this.registration(), this.operator);
		await this.heartbeat();
		return done;
	}

	/** Signs a call, without sending it. It holds for `blocks` more blocks. */
	async sign(call, blocks = 8) {
		return signCall(this.chain.api, this.pair, call, (await this.chain.best()) + blocks);
	}

	/** Signs and sends a call. */
	async call(call, blocks) {
		return submitCall(this.chain, await this.sign(call, blocks));
	}

	/** Tells the chain that the device is there. */
	async beat(now) {
		this.seq += 1;
		this.lastBeat = now;
		await this.call({ Heartbeat: { seq: this.seq, load: 0 } });
	}

	/** Tells the chain that the device is there, and waits until the chain knows. */
	async heartbeat() {
		await this.beat(await this.chain.best());
		await this.chain.until(`heartbeat ${this.seq} of ${this.pair.address} arrives`, async () => {
			const view = await this.view();
			return view && view.heartbeatSeq.toNumber() >= this.seq;
		}, 10);
	}

	/** How the chain sees this device; `null` if it is not registered. */
	async view() {
		return (await this.chain.api.call.ioWorkerApi.worker(this.pair.publicKey)).unwrapOr(null);
	}

	/** What the chain wants of this device. */
	async assignments() {
		return [...(await this.chain.api.call.ioWorkerApi.assignments(this.pair.publicKey))];
	}

	/** The result that this device claims for an assignment. The same whenever it is asked. */
	result({ job, replica, attempt }) {
		const place = `${job}/${replica}/${attempt}`;
		if (!this.results.has(place)) {
			const text = this.behaviour === 'lying' ? `lie of ${this.pair.address}` : 'the output';
			const facts = { job: BigInt(job), exitCode: this.exitCode, units: UNITS };
			this.results.set(place, {
				...facts,
				digest: resultDigest({ genesis: this.chain.genesis, ...facts, output: blake3Of(stringToU8a(text)) }),
				salt: randomAsU8a(32),
			});
		}
		return this.results.get(place);
	}

	/** The commitment to the result of an assignment. */
	commitmentTo(assignment) {
		return commitment({
			worker: this.pair.publicKey,
			replica: Number(assignment.replica),
			attempt: Number(assignment.attempt),
			...this.result(assignment),
		});
	}

	/** The next call for an assignment, or `undefined` if there is nothing to say now. */
	nextCall(assignment) {
		const { job, replica, state, jobState } = assignment;
		const { behaviour } = this;
		if (state.isAssigned && behaviour === 'declining') {
			return { Decline: { job, replica } };
		}
		if (state.isAssigned && behaviour !== 'silent') {
			return { Accept: { job, replica } };
		}
		if (state.isAccepted && behaviour !== 'late') {
			return { Commit: { job, replica, commitment: this.commitmentTo(assignment) } };
		}
		if (state.isCommitted && jobState.isRevealing && behaviour !== 'unrevealed') {
			const { digest, units, exitCode, salt } = this.result(assignment);
			return { Reveal: { job, replica, digest, units, exitCode, salt, outputAt: 'http://127.0.0.1:1/output' } };
		}
		return undefined;
	}

	/** Does once whatever is to be done now. */
	async act(now) {
		if (now - this.lastBeat >= BEAT_BLOCKS) {
			await this.beat(now);
		}
		for (const assignment of await this.assignments()) {
			const call = this.nextCall(assignment);
			const { job, replica, attempt } = assignment;
			const step = call && `${job}/${replica}/${attempt}/${Object.keys(call)[0]}`;
			if (call && !this.sent.has(step)) {
				this.sent.add(step);
				await this.call(call);
			}
		}
	}

	/** Works at each block until `stop`. */
	start() {
		this.running = true;
		this.loop = (async () => {
			let last = -1;
			while (this.running) {
				const now = await this.chain.best();
				if (now === last) {
					await sleep(BLOCK_TIME / 5);
					continue;
				}
				last = now;
				await this.act(now);
			}
		})().catch((error) => {
			if (this.running) {
				this.errors.push(error);
			}
		});
		return this;
	}

	/** Ends the work. Fails if something went wrong meanwhile. */
	async stop() {
		this.running = false;
		await this.loop;
		if (this.errors.length > 0) {
			throw this.errors[0];
		}
	}
}

/**
 * One device with an operator of its own for each behaviour in the list, not yet on the chain. `name` keeps the keys of
 * two crews apart.
 */
export function recruit(chain, behaviours, { name = '', ...options } = {}) {
	return behaviours.map((behaviour, i) => new Worker(chain, {
		operator: key(`//Operator${name}${i + 1}`), device: `//Device${name}${i + 1}`, behaviour, ...options,
	}));
}

/** Brings workers to the chain: operators with stake, devices registered and online, at work until they are dismissed. */
export async function employ(chain, workers) {
	await fund(chain, workers.map(({ operator }) => operator), PURSE);
	await Promise.all(workers.map(async (worker) => {
		await send(chain, chain.api.tx.ioStaking.registerOperator(STAKE, 0, 'test'), worker.operator);
		await worker.join();
		worker.start();
	}));
	return workers;
}

/** `recruit` and `employ`. */
export const crew = (chain, behaviours, options) => employ(chain, recruit(chain, behaviours, options));

/** Ends all workers and then the chain, whatever went wrong. */
export async function dismiss(chain, workers = []) {
	const results = await Promise.allSettled(workers.map((worker) => worker.stop()));
	await chain?.stop();
	const failed = results.find(({ status }) => status === 'rejected');
	if (failed) {
		throw failed.reason;
	}
}

