// Proofs of computing power as a dApp and a device see them: windows, enrolment, bonds, what the pool refuses. The proofs
// themselves are made and checked in the whole-system tests.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { alice, fund, IO } from '../lib/accounts.js';
import { Chain } from '../lib/chain.js';
import { refused as refusedBy, signAttestation, submitAttestation } from '../lib/protocol.js';
import { view } from '../lib/reads.js';
import { assertFails, one, send, sudo } from '../lib/tx.js';
import { PURSE, recruit, STAKE } from '../lib/worker.js';

let chain;
let worker;
let other;
before(async () => {
	chain = await Chain.start();
	[worker, other] = recruit(chain, ['honest', 'honest'], { name: '/attest' });
	await fund(chain, [worker.operator, other.operator], PURSE);
	await Promise.all([worker, other].map(async (each) => {
		await send(chain, chain.api.tx.ioStaking.registerOperator(STAKE, 0, 'test'), each.operator);
		await each.join();
	}));
});
after(() => chain?.stop());

/** Expects the pool to refuse with that error of the pallet, or that text of the node. */
const refused = (sent, expected) => refusedBy(chain, 'ioAttestation', sent, expected);

/** Signs a call of a device's hot key, to hold for some blocks. */
const sign = async ({ pair }, call, blocks = 20) => signAttestation(chain.api, pair, call, (await chain.best()) + blocks);

/** Signs and sends it. */
const say = async (each, call, blocks) => submitAttestation(chain, await sign(each, call, blocks));

/** What the chain knows of the devices of a worker. */
const seen = ({ pair }) => chain.api.call.ioAttestationApi.attestation(pair.publicKey);

/** What of the operator's stake is locked. */
const locked = async ({ operator }) => (await chain.api.query.ioStaking.ledgers(operator.address)).unwrap().locked.toBigInt();

/** Enrols a device and waits until the chain knows it. */
async function enrol(each, device, lanes) {
	await say(each, { Enrol: { device, class: 0, lanes } });
	return chain.until(`device ${device} is enrolled`, async () =>
		(await seen(each)).enrolments.find((found) => found.device.eq(device)), 20);
}

test('should open windows again and again when the beacon is drawn', async () => {
	const first = await chain.until('a window opens', () => view(chain, 'IoAttestation', 'window'), 60);
	assert.ok(first.lastSlot.gt(first.slot));
	const next = await chain.until('the next window opens', async () => {
		const found = await view(chain, 'IoAttestation', 'window');
		return found.id.gt(first.id) && found;
	}, 60);
	assert.ok(next.block.sub(first.block).gten(20), 'windows keep their distance');
	assert.notEqual(next.seed.toHex(), first.seed.toHex());
});

test('should tell the classes of devices when asked', async () => {
	const classes = await view(chain, 'IoAttestation', 'classes');
	assert.deepEqual(classes.map(([id]) => id.toNumber()), [0, 1, 2, 3]);
	for (const [, { m, n, k, minLanes, maxLanes, openings, bondPerLane }] of classes) {
		for (const side of [m, n, k, minLanes, maxLanes]) {
			assert.ok(Number.isInteger(Math.log2(side.toNumber())), `${side} is a power of two`);
		}
		assert.ok(openings.gtn(0) && bondPerLane.toBigInt() > 0n);
	}
});

test('should lock a bond for each lane when a device enrols, and free it when its operator releases it', async () => {
	const [[, { bondPerLane }]] = await view(chain, 'IoAttestation', 'classes');
	const enrolment = await enrol(worker, 0, 4);
	assert.equal(enrolment.bond.toBigInt(), 4n * bondPerLane.toBigInt());
	assert.equal(await locked(worker), enrolment.bond.toBigInt());
	assert.equal((await view(chain, 'IoAttestation', 'enrolments', worker.pair.publicKey)).length, 1);
	assert.equal((await view(chain, 'IoAttestation', 'proven', worker.pair.publicKey)).toBigInt(), 0n);

	const release = chain.api.tx.ioAttestation.release(worker.pair.publicKey, 0);
	await assertFails(chain, release, other.operator, 'ioAttestation', 'NotYourWorker');
	const { events } = await send(chain, release, worker.operator);
	one(chain.api, events, 'ioAttestation', 'DeviceLeft');
	assert.equal(await locked(worker), 0n);
	await assertFails(chain, release, worker.operator, 'ioAttestation', 'NotEnrolled');
});

test('should refuse enrolments when they break a rule', async () => {
	const [stranger] = recruit(chain, ['honest'], { name: '/stranger' });
	const plan = { device: 0, class: 0, lanes: 1 };
	await refused(say(stranger, { Enrol: plan }), 'UnknownWorker');
	await refused(say(worker, { Enrol: { ...plan, device: 16 } }), 'BadDevice');
	await refused(say(worker, { Enrol: { ...plan, class: 200 } }), 'UnknownClass');
	await refused(say(worker, { Enrol: { ...plan, lanes: 3 } }), 'BadLanes');
	await refused(say(worker, { Enrol: { ...plan, lanes: 2048 } }), 'BadLanes');
	await refused(say(worker, { Enrol: { ...plan, class: 2, lanes: 256 } }), 'InsufficientBond');
	await refused(say(worker, { Enrol: plan }, 1_000), 'ValidityTooLong');
	await refused(say(worker, { Leave: { device: 0 } }), 'NotEnrolled');
});

test('should refuse signatures when they are of another key or of other bytes', async () => {
	const good = await sign(worker, { Enrol: { device: 1, class: 0, lanes: 1 } });
	const bytes = good.toU8a();
	bytes[bytes.length - 1] ^= 1;
	const forged = chain.api.registry.createType('IoPrimitivesAttestationSignedAttestation', bytes);
	await refused(submitAttestation(chain, forged), 'Transaction has a bad signature');
	const stolen = chain.api.registry.createType('IoPrimitivesAttestationSignedAttestation', {
		worker: other.pair.publicKey, call: good.call, validUntil: good.validUntil, signature: good.signature,
	});
	await refused(submitAttestation(chain, stolen), 'Transaction has a bad signature');
});

test('should refuse commitments and reveals when nothing of the kind is due', async () => {
	const { device } = await enrol(other, 0, 1);
	const { id: window, seed } = await view(chain, 'IoAttestation', 'window');
	const commitment = `0x${'07'.repeat(32)}`;
	const rounds = 1;
	await refused(say(other, { Commit: { window: window.addn(7), seed, device, rounds, commitment } }), 'NotLastWindow');
	await refused(say(other, { Commit: { window, seed, device, rounds: 0, commitment } }), 'BadRounds');
	await refused(say(other, { Commit: { window, seed, device, rounds: 129, commitment } }), 'BadRounds');
	const now = (await view(chain, 'IoAttestation', 'window')).id;
	await refused(say(other, { Commit: { window: now, seed: commitment, device, rounds, commitment } }), 'OtherSeed');
	await refused(say(other, { Reveal: { window, challenge: commitment, device, proof: '0x00' } }), 'NoCommitment');
	await refused(say(other, { SettleProduct: { job: 999_999, proof: '0x00' } }), 'NoClaim');
	await refused(say(other, { Leave: { device } }), 'TooEarly');
	await send(chain, chain.api.tx.ioAttestation.release(other.pair.publicKey, device), other.operator);
});

test('should refuse disputes and classes when they are unfounded', async () => {
	const { tx } = chain.api;
	await assertFails(chain, tx.ioAttestation.dispute(999_999, '0x00'), worker.operator, 'ioAttestation', 'NoClaim');
	const bad = {
		arith: 0, m: 1000, n: 1024, k: 4096, minLanes: 1, maxLanes: 8, openings: 64, bondPerLane: IO,
	};
	await assert.rejects(send(chain, tx.ioAttestation.setClass(9, bad), worker.operator), (error) => error.name === 'BadOrigin');
	await assert.rejects(sudo(chain, tx.ioAttestation.setClass(9, bad), alice), (error) => error.name === 'BadDimensions');
	await assert.rejects(
		sudo(chain, tx.ioAttestation.setClass(9, { ...bad, m: 1024, openings: 200 }), alice),
		(error) => error.name === 'BadOpenings',
	);
});
