// The mesh as operators of relays and workers, and requesters, see it. No byte is carried here: workers sign receipts, and
// the chain pays for what is signed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Keyring } from '@polkadot/keyring';
import { u8aToHex } from '@polkadot/util';
import { randomAsU8a } from '@polkadot/util-crypto';

import { fund, IO, key, money } from '../lib/accounts.js';
import { Chain } from '../lib/chain.js';
import { endpointProof, refused as refusedBy, signReceipt, signReport, submitReport } from '../lib/protocol.js';
import { view } from '../lib/reads.js';
import { assertFails, one, send } from '../lib/tx.js';
import { PURSE, recruit, STAKE } from '../lib/worker.js';

const GIB = 1n << 30n;
const PRICE = 7n * 10n ** 9n;
const BUDGET = 10n * IO;

const relayer = key('/relayer');
const requester = key('/requester');
let chain;
let worker;

before(async () => {
	chain = await Chain.start();
	[worker] = recruit(chain, ['honest'], { name: '/mesh' });
	await fund(chain, [worker.operator, relayer, requester], PURSE);
	await send(chain, chain.api.tx.ioStaking.registerOperator(STAKE, 0, 'test'), worker.operator);
	await worker.join();
	await send(chain, chain.api.tx.ioMesh.fund(worker.pair.publicKey, BUDGET), worker.operator);
});
after(() => chain?.stop());

/** A new endpoint's key pair. */
const endpoint = () => new Keyring({ type: 'ed25519' }).addFromSeed(randomAsU8a(32));
const proof = (pair, account) => endpointProof(pair, chain.genesis, account.publicKey);
const profile = (changes) => ({
	url: 'https://127.0.0.1:3340', tlsPin: null, quicPort: 7842, region: 'DE', capacity: 1000, pricePerGib: PRICE, ...changes,
});

const register = (pair, changes, account = relayer) =>
	chain.api.tx.ioMesh.registerRelay(pair.publicKey, profile(changes), proof(pair, account));

/** Puts a relay on the map. */
async function relay() {
	const pair = endpoint();
	await send(chain, register(pair), relayer);
	return pair.publicKey;
}

const map = () => chain.api.call.ioMeshApi.relayMap();
/** The present epoch, when it does not end before a report about it is sent. */
const epochWithTime = async () => {
	const blocks = (await chain.api.query.ioMesh.epochBlocks()).toNumber();
	await chain.until('blocks are left in the epoch', async () => (await chain.best()) % blocks < blocks - 4, blocks);
	return (await map()).epoch;
};
const onMap = async (relay) => (await map()).relays.find((found) => found.relay.toHex() === u8aToHex(relay));
const receipt = (relay, epoch, bytes) => signReceipt(chain.api, worker.pair, relay, epoch, bytes);

test('should put a relay on the map and its bond on hold when somebody registers it', async () => {
	const held = (await money(chain, relayer)).holds['ioMesh.relayBond'] ?? 0n;
	const found = await onMap(await relay());
	assert.equal(found.operator.toString(), relayer.address);
	assert.equal(found.profile.pricePerGib.toBigInt(), PRICE);
	assert.ok(found.state.isLive);
	assert.equal((await money(chain, relayer)).holds['ioMesh.relayBond'], held + found.bond.toBigInt());
});

test('should refuse relays when they break a rule', async () => {
	const pair = endpoint();
	const fails = (call, name) => assertFails(chain, call, relayer, 'ioMesh', name);
	await fails(register(pair, { url: 'http://127.0.0.1' }), 'BadUrl');
	await fails(register(pair, { url: 'https://127.0.0.1/admin' }), 'BadUrl');
	await fails(register(pair, { region: 'de' }), 'BadRegion');
	await fails(register(pair, { capacity: 0 }), 'BadCapacity');
	await fails(register(pair, {}, requester), 'BadProof');
	const poor = key('/poor');
	await fund(chain, [poor], IO);
	await assertFails(chain, register(pair, {}, poor), poor, 'token', 'FundsUnavailable');
});

test('should pay a relay to the unit, once, when anybody brings what a worker has signed', async () => {
	const carried = await relay();
	const { epoch } = await map();
	const before = (await money(chain, relayer)).free;
	const first = receipt(carried, epoch, 3n * GIB);
	const second = receipt(carried, epoch, 3n * GIB + GIB / 2n);
	const { events } = await send(chain, chain.api.tx.ioMesh.claim([first]), requester);
	assert.equal(one(chain.api, events, 'ioMesh', 'RelayPaid').data.amount.toBigInt(), 3n * PRICE);
	await send(chain, chain.api.tx.ioMesh.claim([second, first]), requester);
	const due = (7n * PRICE) / 2n;
	assert.equal((await money(chain, relayer)).free, before + due);
	assert.equal((await money(chain, worker.operator)).holds['ioMesh.relayBudget'], BUDGET - due);
	assert.equal((await view(chain, 'IoMesh', 'budget', worker.pair.publicKey)).held.toBigInt(), BUDGET - due);

	await assertFails(chain, chain.api.tx.ioMesh.claim([second]), requester, 'ioMesh', 'NothingDue');
	const forged = chain.api.registry.createType('IoPrimitivesMeshSignedReceipt', {
		...second.toJSON(), receipt: { relay: carried, epoch, bytes: 9n * GIB },
	});
	await assertFails(chain, chain.api.tx.ioMesh.claim([forged]), requester, 'ioMesh', 'BadSignature');
});

test('should tell whom an endpoint stands for when it is registered', async () => {
	const { ioMesh } = chain.api.tx;
	const [own, other] = [endpoint(), endpoint()];
	const hot = worker.hex;
	await send(chain, ioMesh.registerEndpoint(own.publicKey, hot, proof(own, worker.operator)), worker.operator);
	await send(chain, ioMesh.registerEndpoint(other.publicKey, null, proof(other, requester)), requester);
	const seen = (await chain.api.call.ioMeshApi.endpoint(own.publicKey)).unwrap();
	assert.equal(seen.worker.unwrap().toHex(), hot);
	assert.ok(seen.active.isTrue && seen.budget.toBigInt() > 0n);
	const [listed] = await chain.api.call.ioMeshApi.endpointsOf({ Account: requester.address });
	assert.equal(listed.toHex(), u8aToHex(other.publicKey));

	const taken = ioMesh.registerEndpoint(own.publicKey, null, proof(own, requester));
	await assertFails(chain, taken, requester, 'ioMesh', 'EndpointTaken');
	const third = endpoint();
	const stolen = ioMesh.registerEndpoint(third.publicKey, null, proof(third, relayer));
	await assertFails(chain, stolen, requester, 'ioMesh', 'BadProof');
	const foreign = ioMesh.registerEndpoint(third.publicKey, hot, proof(third, requester));
	await assertFails(chain, foreign, requester, 'ioMesh', 'NotYourWorker');
	await assertFails(chain, ioMesh.removeEndpoint(own.publicKey), requester, 'ioMesh', 'NotYourEndpoint');
	await send(chain, ioMesh.removeEndpoint(own.publicKey), worker.operator);
	assert.ok((await chain.api.call.ioMeshApi.endpoint(own.publicKey)).isNone);
});

test('should take a dead relay off the map when workers report it, free', async () => {
	const dead = await relay();
	const purse = (await money(chain, worker.operator)).total;
	const said = new Set();
	/** Says once in each epoch that the relay is dead. */
	const report = async () => {
		const epoch = await epochWithTime();
		if (!said.has(epoch.toNumber())) {
			said.add(epoch.toNumber());
			await submitReport(chain, signReport(chain.api, worker.pair, epoch, [[dead, false]]));
		}
		return (await onMap(dead)) === undefined;
	};
	await chain.until('the relay is chilled', report, 100);
	assert.ok((await view(chain, 'IoMesh', 'relay', dead)).state.isChilled);
	assert.equal((await money(chain, worker.operator)).total, purse);
});

test('should refuse reports when they break a rule', async () => {
	const [stranger] = recruit(chain, ['honest'], { name: '/unknown' });
	const target = await relay();
	const epoch = await epochWithTime();
	const refused = (sent, name) => refusedBy(chain, 'ioMesh', sent, name);
	const say = (pair, when, relays) => submitReport(chain, signReport(chain.api, pair, when, relays));
	await refused(say(stranger.pair, epoch, [[target, true]]), 'UnknownWorker');
	await refused(say(worker.pair, epoch.toNumber() + 5, [[target, true]]), 'OtherEpoch');
	await refused(say(worker.pair, epoch, []), 'Unordered');
});
