// The shielded pool as a dApp sees it: money goes in, limits and pauses hold, and the pool of transactions refuses bundles that
// are wrong, naming the rule. Bundles with proofs that hold are made by the wallet of `io`, and shown in the whole-system tests.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { stringToU8a, u8aConcat, u8aToHex } from '@polkadot/util';
import { blake2AsU8a, encodeAddress, randomAsU8a } from '@polkadot/util-crypto';

import { alice, fund, IO, key, money } from '../lib/accounts.js';
import { Chain } from '../lib/chain.js';
import { spec } from '../lib/jobs.js';
import { PoolRefusal, refused as refusedBy } from '../lib/protocol.js';
import { view } from '../lib/reads.js';
import { assertFails, one, send, sudo } from '../lib/tx.js';

/** Amounts of the pool are multiples of this. */
const UNIT = 10n ** 6n;
const owner = key('//Owner');
let chain;
/** Account of the pool. */
let pool;
before(async () => {
	chain = await Chain.start();
	const id = chain.api.consts.ioShielded.palletId.toU8a();
	pool = encodeAddress(u8aConcat('modl', id, new Uint8Array(20)), 42);
	await fund(chain, [owner], 5_000n * IO);
});
after(() => chain?.stop());

let made = 0;
/** A point of the curve that nobody has used: public keys of accounts are such points. */
const point = () => key(`//Point/${made++}`).publicKey;
/** A note that nobody can open. The chain cannot tell. */
const note = (changes) => ({ key: point(), ephemeral: point(), viewTag: randomAsU8a(2), ciphertext: randomAsU8a(104), ...changes });
const shield = (value, changes) => chain.api.tx.ioShielded.shield(value, note(changes));
const status = () => view(chain, 'IoShielded', 'status');

describe('shield', () => {
	test('should take what is shielded from the sender to the last unit and hold it in the pool', async () => {
		const before = await Promise.all([money(chain, owner), money(chain, pool), status()]);
		const done = await send(chain, shield(123n * IO), owner);
		const { who, value, coin } = one(chain.api, done.events, 'ioShielded', 'Shielded').data;
		assert.equal(who.toString(), owner.address);
		assert.equal(value.toBigInt(), 123n * IO);
		assert.equal(coin.toBigInt(), before[2].coins.toBigInt());
		const after = await Promise.all([money(chain, owner), money(chain, pool), status()]);
		assert.equal(after[0].total, before[0].total - 123n * IO - done.fee);
		assert.equal(after[1].holds['ioShielded.pool'] - (before[1].holds['ioShielded.pool'] ?? 0n), 123n * IO);
		assert.equal(after[2].supply.toBigInt(), after[1].held);
		assert.equal(after[1].free, before[1].free, 'the existential deposit stays');
	});

	test('should put the coin where wallets look for it', async () => {
		const mine = point();
		const done = await send(chain, shield(IO, { key: mine }), owner);
		const { coin } = one(chain.api, done.events, 'ioShielded', 'Shielded').data;
		const [found] = await chain.api.call.ioShieldedApi.coins(coin, 1);
		assert.equal(found.key.toHex(), u8aToHex(mine));
		assert.equal((await chain.api.call.ioShieldedApi.pool()).coins.toBigInt(), coin.toBigInt() + 1n);
	});

	for (const [name, when, call] of [
		['BadValue', 'the value is nothing', () => shield(0)],
		['BadValue', 'the value is a fraction of a unit', () => shield(UNIT + 1n)],
		['AboveMaxShield', 'it is more than one call may shield', () => shield(1_001n * IO)],
		['BadPoint', 'the key is no point', () => shield(IO, { key: new Uint8Array(32).fill(255) })],
		['BadPoint', 'the ephemeral key is the identity', () => shield(IO, { ephemeral: new Uint8Array(32) })],
	]) {
		test(`should be refused with ${name} when ${when}`, () => assertFails(chain, call(), owner, 'ioShielded', name));
	}

	test('should be refused with KeyExists when a coin has that key already', async () => {
		const twice = { key: point() };
		await send(chain, shield(IO, twice), owner);
		await assertFails(chain, shield(IO, twice), owner, 'ioShielded', 'KeyExists');
	});
});

describe('the administrator', () => {
	test('should stop and resume the pool', async () => {
		const { tx } = chain.api;
		const { events, number } = await sudo(chain, tx.ioShielded.pause('AllButExits', 100), alice);
		const paused = one(chain.api, events, 'ioShielded', 'Paused').data;
		assert.equal(paused.scope.type, 'AllButExits');
		assert.equal(paused.until.toNumber(), number + 100);
		assert.ok((await status()).pause.isSome);
		await assertFails(chain, shield(IO), owner, 'ioShielded', 'Paused');
		await sudo(chain, tx.ioShielded.resume(), alice);
		await send(chain, shield(IO), owner);
	});

	for (const [name, when, call] of [
		['BadPause', 'a pause has no end', (tx) => tx.ioShielded.pause('Everything', 2 ** 32 - 1)],
		['NotPaused', 'nothing is paused', (tx) => tx.ioShielded.resume()],
	]) {
		test(`should be refused with ${name} when ${when}`, () => assert.rejects(
			sudo(chain, call(chain.api.tx), alice),
			(error) => error.name === name && error.docs.length > 10,
		));
	}

	test('should be the only one who may', async () => {
		await assertFails(chain, chain.api.tx.ioShielded.pause('Everything', 1), owner, 'dispatch', 'BadOrigin');
		await assertFails(chain, chain.api.tx.ioShielded.resume(), owner, 'dispatch', 'BadOrigin');
	});
});

test('should tell fees and the price of a job before anything is made', async () => {
	const fee = async (...shape) => (await view(chain, 'IoShielded', 'minimum_fee', ...shape)).toBigInt();
	const least = await fee(1, 1, 2, null);
	assert.ok(least > 0n && least % 10n ** BigInt(`${least}`.length - 2) === 0n, `${least} has two digits`);
	assert.ok((await fee(4, 2, 4, null)) > least);
	// Rounded up to two digits, a job may add nothing.
	assert.ok((await fee(1, 1, 2, spec())) >= least);
	assert.equal((await chain.api.call.ioShieldedApi.minimumFee(1, 1, 2, null)).toBigInt(), least);
	const { work, fee: cut, deposit } = await view(chain, 'IoJobs', 'quote', spec());
	const cost = work.toBigInt() + cut.toBigInt() + deposit.toBigInt() + chain.api.consts.balances.existentialDeposit.toBigInt();
	assert.equal((await view(chain, 'IoShielded', 'job_amount', spec())).toBigInt(), (cost + UNIT - 1n) / UNIT);
	await assert.rejects(view(chain, 'IoShielded', 'job_amount', spec({ replicas: 9 })), (error) => error.name === 'BadQuorum');
});

describe('an unsigned bundle', () => {
	const target = () => ({ None: null });
	/** Sets the limits of the pool; `null` is what a new chain has. */
	const setTerms = (terms) => sudo(chain, chain.api.tx.parameters.setParameter({ Shielded: { Terms: [null, terms] } }), alice);
	after(() => setTerms(null));
	/** A bundle that is right as far as it can be without a proof. */
	let good;
	before(async () => {
		// A million hashes take JavaScript a minute on a slow machine: a thousand show the same.
		const { poolCap, maxShield } = await status();
		const terms = { poolCap, maxShield, maxOutflowPerDay: 10_000n * IO, stampBits: 10, unsignedSpends: true };
		await setTerms(terms);
		// A window needs 32 coins that are ten blocks old.
		const batch = chain.api.tx.utility.batchAll(Array.from({ length: 32 }, () => shield(IO)));
		await send(chain, batch, owner);
		await chain.until('the coins are mature', async () => (await status()).matured.toNumber() >= 32, 30);
		const proof = u8aConcat(...Array.from({ length: 19 }, point), new Uint8Array(19 * 32));
		const rangeProof = u8aConcat(...Array.from({ length: 4 }, point), new Uint8Array(96), ...Array.from({ length: 14 }, point), new Uint8Array(64));
		good = {
			inputs: [{ window: { index: 0, len: 32 }, tag: point(), pseudo: point(), proof: u8aToHex(proof) }],
			outputs: [0, 1].map(() => ({ ...note(), commitment: point() })),
			fee: await view(chain, 'IoShielded', 'minimum_fee', 1, 1, 2, null),
			feeTo: null,
			target: target(),
			era: await chain.best(),
			rangeProof: u8aToHex(rangeProof),
		};
	});

	const typed = (bundle) => {
		const [{ type }] = chain.api.tx.ioShielded.spend.meta.args;
		return chain.api.registry.createType(type.toString(), bundle);
	};
	/** Names the bundle on this chain: section 6 of the specification. */
	async function idOf(bundle) {
		const { para, pallet, ringDigits } = await status();
		return blake2AsU8a(u8aConcat('io-shield/bundle/v1', chain.genesis, para.toU8a(), pallet.toU8a(), ringDigits.toU8a(), bundle.toU8a()), 256);
	}
	/** Finds a stamp, by trying: section 12 of the specification. */
	async function stampOf(bundle) {
		const { stampBits } = await status();
		const bytes = u8aConcat(stringToU8a('io-shield/stamp/v1'), await idOf(bundle), new Uint8Array(8));
		const nonce = new DataView(bytes.buffer, bytes.length - 8);
		for (let n = 0; ; n += 1) {
			nonce.setUint32(0, n, true);
			const hash = blake2AsU8a(bytes, 256);
			if (new DataView(hash.buffer, hash.byteOffset).getUint32(0) >>> (32 - stampBits.toNumber()) === 0) {
				return n;
			}
		}
	}
	/** Sends a bundle. */
	async function spend(changes, stamp = 0) {
		const bundle = typed({ ...good, ...changes });
		const nonce = chain.api.registry.createType('u64', stamp === 'found' ? await stampOf(bundle) : stamp);
		const call = u8aToHex(u8aConcat(bundle.toU8a(), [0], nonce.toU8a()));
		const extrinsic = await chain.rpc('state_call', 'IoShieldedApi_spend_transaction', call);
		try {
			return await chain.rpc('author_submitExtrinsic', extrinsic);
		} catch (error) {
			throw new PoolRefusal(error);
		}
	}
	const refused = (sent, expected) => refusedBy(chain, 'ioShielded', sent, expected);
	const input = (changes) => ({ inputs: [{ ...good.inputs[0], ...changes }] });

	for (const [name, when, changes] of [
		['BadShape', 'it spends nothing', () => ({ inputs: [] })],
		['BadShape', 'it makes one coin', () => ({ outputs: good.outputs.slice(1) })],
		['BadFee', 'its fee is not round', () => ({ fee: 12_345 })],
		['BadAmount', 'it pays somebody nothing', () => ({ target: { Account: { id: owner.publicKey, amount: 0 } } })],
		['BadWindow', 'its window does not exist', () => input({ window: { index: 7, len: 1024 } })],
		['DuplicateTag', 'it spends a coin twice', () => ({ inputs: [good.inputs[0], good.inputs[0]] })],
		['BadPoint', 'its tag is no point', () => input({ tag: new Uint8Array(32).fill(255) })],
		['FeeTooLow', 'its fee is too low', () => ({ fee: 10 })],
		['UnknownEra', 'its block is to come', () => ({ era: 4_000_000 })],
		['NotRelayer', 'it was made for a relayer', () => ({ feeTo: u8aToHex(owner.publicKey) })],
		['WrongJob', 'the job that it pays for is missing', () => ({ target: { Job: { owner: owner.publicKey, spec: randomAsU8a(32), amount: 1 } } })],
		['BadStamp', 'nobody worked for its stamp', () => ({})],
	]) {
		test(`should be refused by the pool with ${name} when ${when}`, () => refused(spend(changes()), name));
	}

	test('should be refused by the pool with Unbalanced when only its proofs are wrong', async () => {
		await refused(spend({ era: await chain.best() }, 'found'), 'Unbalanced');
		assert.equal((await chain.api.rpc.author.pendingExtrinsics()).length, 0);
	});

	test('should be refused when somebody signs it or relays it without being named', async () => {
		const { tx } = chain.api;
		await assertFails(chain, tx.ioShielded.spend(typed(good), null, 0), owner, 'dispatch', 'BadOrigin');
		await assertFails(chain, tx.ioShielded.relay(typed(good), null), owner, 'ioShielded', 'NotRelayer');
		const named = typed({ ...good, feeTo: u8aToHex(owner.publicKey), era: await chain.best() });
		await assertFails(chain, tx.ioShielded.relay(named, null), owner, 'ioShielded', 'Unbalanced');
	});
});
