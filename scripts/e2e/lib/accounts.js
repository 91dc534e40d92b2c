// Keys and money.

import { Keyring } from '@polkadot/keyring';
import { u8aToHex } from '@polkadot/util';
import { cryptoWaitReady, randomAsU8a } from '@polkadot/util-crypto';

import { eventsAt, send } from './tx.js';

await cryptoWaitReady();

/** One IO Coin in its smallest unit. */
export const IO = 10n ** 12n;

const keyring = new Keyring({ type: 'sr25519', ss58Format: 42 });

/** Keys of this process differ from those of all others, so that files can share a chain and be run again on it. */
const scope = `//${u8aToHex(randomAsU8a(8)).slice(2)}`;

/** An account of this test file, for instance `//Requester`. */
export const key = (path) => keyring.addFromUri(secretOf(path));

/** The secret of such an account. */
export const secretOf = (path) => `${scope}${path}`;

/** Collator and superuser of development chains. */
export const alice = keyring.addFromUri('//Alice');

/** Gives each account that much out of Alice's purse, all in one transaction. */
export function fund(chain, pairs, amount) {
	const { api } = chain;
	return send(
		chain,
		api.tx.utility.batchAll(pairs.map((pair) => api.tx.balances.transferKeepAlive(pair.address, amount))),
		alice,
	);
}

/**
 * Money of an account at a block (the best one without `hash`): `free`, `held`, `total`, and `holds` by reason, such as
 * `{ 'ioJobs.jobEscrow': 5n }`.
 */
export async function money(chain, account, hash) {
	const api = hash ? await chain.api.at(hash) : chain.api;
	const address = account.address ?? account;
	const [{ data }, holds] = await Promise.all([api.query.system.account(address), api.query.balances.holds(address)]);
	const free = data.free.toBigInt();
	const held = data.reserved.toBigInt();
	return {
		free,
		held,
		total: free + held,
		holds: Object.fromEntries([...holds].map(({ id, amount }) => [`${lower(id.type)}.${lower(id.inner.type)}`, amount.toBigInt()])),
	};
}

/**
 * All money there is at a block, with rewards that no hold shows yet, and without slashes that are still in holds or owed by
 * stake that moved.
 */
export async function supply(chain, hash) {
	const api = hash ? await chain.api.at(hash) : chain.api;
	const total = await api.query.ioStaking.total();
	const sum = (...names) => names.reduce((all, name) => all + total[name].toBigInt(), 0n);
	const issuance = (await api.query.balances.totalIssuance()).toBigInt();
	return issuance + sum('value', 'pending', 'moved') - sum('held', 'noted');
}

/** What was minted in a block: at the end of an era, and for claimed work. */
export async function minted(chain, hash) {
	const { ioStaking } = chain.api.events;
	return (await eventsAt(chain, hash)).reduce((sum, event) => {
		if (ioStaking.EraEnded.is(event)) return sum + event.data.toStake.toBigInt() + event.data.toTreasury.toBigInt();
		return ioStaking.Claimed.is(event) ? sum + event.data.value.toBigInt() : sum;
	}, 0n);
}

const lower = (name) => name[0].toLowerCase() + name.slice(1);
