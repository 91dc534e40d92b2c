// Sending calls, and reading what came of them.

import assert from 'node:assert/strict';

/** A call that was included and failed. `section` and `name` are the error's names in the metadata. */
export class DispatchFailure extends Error {
	constructor(section, name, docs) {
		super(`${section}.${name}: ${docs}`);
		Object.assign(this, { section, name, docs });
	}

	/** Names the error by the metadata, as every dApp should. */
	static from(api, error) {
		if (error.isModule) {
			const { section, name, docs } = api.registry.findMetaError(error.asModule);
			return new DispatchFailure(section, name, docs.join(' ').trim());
		}
		if (error.isToken) {
			return new DispatchFailure('token', error.asToken.type, '');
		}
		return new DispatchFailure('dispatch', error.type, '');
	}
}

/** The last transaction of each signer: until the pool has it, the next one waits. */
const turns = new Map();
/** The nonces that come after those that each signer has used. */
const nonces = new Map();

/**
 * The next nonce. We count ourselves: polkadot.js keeps the node's answer for nearly two seconds, and while a block is
 * imported the node may not count a transaction that is in it.
 */
async function nextNonce(chain, signer) {
	const node = await chain.rpc('system_accountNextIndex', signer.address);
	const nonce = Math.max(node, nonces.get(signer.address) ?? 0);
	nonces.set(signer.address, nonce + 1);
	return nonce;
}

/**
 * Signs and sends a call and waits for its block. Returns `{ events, hash, number, fee }`: the call's events, its
 * block, and what the signer paid for the transaction. Throws `DispatchFailure` if the call failed. Calls of one signer
 * can be sent side by side.
 */
export async function send(chain, call, signer) {
	const { api } = chain;
	const before = turns.get(signer.address);
	let pooled;
	turns.set(signer.address, new Promise((resolve) => {
		pooled = resolve;
	}));
	await before;
	const nonce = await nextNonce(chain, signer).catch((error) => {
		pooled();
		throw error;
	});
	const result = await new Promise((resolve, reject) => {
		let unsubscribe;
		const finish = (settle, value) => {
			settle(value);
			unsubscribe?.();
		};
		call
			// Immortal: on a dev chain every block is final at once, and the pool may not know the newest yet, from which a
			// mortal transaction would count.
			.signAndSend(signer, { nonce, era: 0 }, (update) => {
				pooled();
				// A development chain finalises at once, and then says only that.
				if (update.status.isInBlock || update.status.isFinalized) {
					finish(resolve, update);
				} else if (update.isError || update.internalError) {
					finish(reject, update.internalError ?? new Error(`the pool dropped the transaction: ${update.status.type}`));
				}
			})
			.then((stop) => {
				unsubscribe = stop;
			}, reject);
	}).catch((error) => {
		// Whether the nonce is used up, the node knows.
		nonces.delete(signer.address);
		throw error;
	}).finally(pooled);
	if (result.dispatchError) {
		throw DispatchFailure.from(api, result.dispatchError);
	}
	const events = result.events.map(({ event }) => event);
	const hash = result.status.isInBlock ? result.status.asInBlock : result.status.asFinalized;
	const header = await api.rpc.chain.getHeader(hash);
	const paid = events.find((event) => api.events.transactionPayment.TransactionFeePaid.is(event));
	return { events, hash, number: header.number.toNumber(), fee: paid ? paid.data.actualFee.toBigInt() : 0n };
}

/** Sends a call as the superuser and fails if the call itself failed. */
export async function sudo(chain, call, key) {
	const { api } = chain;
	const done = await send(chain, api.tx.sudo.sudo(call), key);
	const { sudoResult } = one(api, done.events, 'sudo', 'Sudid').data;
	if (sudoResult.isErr) {
		throw DispatchFailure.from(api, sudoResult.asErr);
	}
	return done;
}

/** The only event of that name among `events`. */
export function one(api, events, section, method) {
	const found = all(api, events, section, method);
	assert.equal(
		found.length, 1,
		`expected one event ${section}.${method}, found ${found.length} among ${events.map((e) => `${e.section}.${e.method}`)}`,
	);
	return found[0];
}

/** All events of that name among `events`. */
export function all(api, events, section, method) {
	const { is } = api.events[section][method];
	return events.filter((event) => is(event));
}

/** All events of a block. */
export async function eventsAt(chain, hash) {
	const records = await (await chain.api.at(hash)).query.system.events();
	return [...records].map(({ event }) => event);
}

/** Events of all blocks from `first` to `last`, each with the `number` and `hash` of its block. */
export async function eventsBetween(chain, first, last) {
	const found = [];
	for (let number = first; number <= last; number += 1) {
		const hash = await chain.api.rpc.chain.getBlockHash(number);
		found.push(...(await eventsAt(chain, hash)).map((event) => ({ event, number, hash })));
	}
	return found;
}

/**
 * Expects the call to be included and to fail with that error of the metadata, and the error to explain itself.
 * Nothing but the transaction's fee may have changed hands.
 */
export async function assertFails(chain, call, signer, section, name) {
	let failure;
	try {
		await send(chain, call, signer);
	} catch (error) {
		failure = error;
	}
	assert.ok(failure, `expected ${section}.${name}, but the call succeeded`);
	assert.ok(failure instanceof DispatchFailure, `expected ${section}.${name}, but the call did not reach a block: ${failure}`);
	assert.equal(`${failure.section}.${failure.name}`, `${section}.${name}`);
	assert.ok(!section.startsWith('io') || failure.docs.length > 10, `${section}.${name} has no documentation in the metadata`);
}
