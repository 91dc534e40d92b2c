// Calls of workers cost nothing, so what is wrong must not enter the pool. The refusal says which rule it breaks:
// `Custom(n)` is the error with index n in the metadata of the pallet.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { randomAsU8a } from '@polkadot/util-crypto';

import { fund, key } from '../lib/accounts.js';
import { Chain } from '../lib/chain.js';
import { submit } from '../lib/jobs.js';
import { extrinsicOf, refused as refusedBy, signCall, submitCall } from '../lib/protocol.js';
import { send } from '../lib/tx.js';
import { PURSE, recruit, STAKE, UNITS } from '../lib/worker.js';

const requester = key('//Requester');
let chain;
/** Two devices that take no step by themselves. */
let worker;
let other;
before(async () => {
	chain = await Chain.start();
	[worker, other] = recruit(chain, ['honest', 'honest']);
	await fund(chain, [requester, worker.operator, other.operator], PURSE);
	await Promise.all([worker, other].map(async (each) => {
		await send(chain, chain.api.tx.ioStaking.registerOperator(STAKE, 0, 'test'), each.operator);
		await each.join();
	}));
});
after(() => chain?.stop());

/** Expects the pool to refuse with that error of the pallet, or that text of the node. */
const refused = (sent, expected) => refusedBy(chain, 'ioJobs', sent, expected);

/** Puts a job of two replicas on the two devices and returns both assignments, those of `worker` first. */
async function bothAssigned() {
	const { id } = await submit(chain, requester, { replicas: 2, quorum: 2 });
	const mine = async (each) => (await each.assignments()).find(({ job }) => job.toBigInt() === id);
	return chain.until(`job ${id} is assigned`, async () => {
		const found = [await mine(worker), await mine(other)];
		return found.every(Boolean) && found;
	}, 20);
}

/** Sends a call and waits until the assignment of the device has come to that state. */
async function step(each, call, { job, replica }, state) {
	await each.call(call);
	return chain.until(`the replica is ${state}`, async () => {
		const found = (await each.assignments()).find((a) => a.job.eq(job) && a.replica.eq(replica));
		return found?.state[`is${state}`] && found;
	}, 20);
}

test('should refuse heartbeats when they are unknown, stale or too frequent', async () => {
	const [stranger] = recruit(chain, ['honest'], { name: '/stranger' });
	await refused(stranger.call({ Heartbeat: { seq: 1, load: 0 } }), 'UnknownWorker');
	await refused(worker.call({ Heartbeat: { seq: worker.seq, load: 0 } }), 'StaleHeartbeat');
	await refused(worker.call({ Heartbeat: { seq: worker.seq + 1, load: 0 } }), 'TooEarly');
});

test('should refuse signatures when they are wrong, of another key, or for another chain', async () => {
	const [{ job, replica }] = await bothAssigned();
	const call = { Accept: { job, replica } };
	const good = await worker.sign(call);

	const bytes = good.signature.toU8a();
	bytes[5] ^= 1;
	const broken = chain.api.registry.createType('IoPrimitivesCallSignedWorkerCall', { ...entries(good), signature: bytes });
	await refused(submitCall(chain, broken), 'bad signature');

	const forged = signCall(chain.api, other.pair, call, good.validUntil.toNumber());
	const claimed = chain.api.registry.createType('IoPrimitivesCallSignedWorkerCall', { ...entries(forged), worker: worker.pair.publicKey });
	await refused(submitCall(chain, claimed), 'bad signature');

	const foreign = { registry: chain.api.registry, genesisHash: chain.api.registry.createType('H256', randomAsU8a(32)) };
	await refused(submitCall(chain, signCall(foreign, worker.pair, call, good.validUntil.toNumber())), 'bad signature');

	// The same bytes twice are harmless: the pool knows them.
	const extrinsic = await extrinsicOf(chain, good);
	await chain.rpc('author_submitExtrinsic', extrinsic);
	await assert.rejects(chain.rpc('author_submitExtrinsic', extrinsic), /Already Imported|already imported|low priority|Custom error/i);
	await worker.call({ Decline: { job, replica } }, 4).catch(() => {});
});

test('should refuse calls when they are outdated or meant to last too long', async () => {
	await refused(worker.call({ Heartbeat: { seq: 1000, load: 0 } }, -1), 'outdated');
	await refused(worker.call({ Heartbeat: { seq: 1000, load: 0 } }, 20_000), 'ValidityTooLong');
});

test('should refuse each step when the replica is not there yet, and take it in its order', async () => {
	const [mine, theirs] = await bothAssigned();
	const { job, replica } = mine;
	const { digest, exitCode, salt } = worker.result(mine);
	const commitment = worker.commitmentTo(mine);
	const commit = { Commit: { job, replica, commitment } };
	const reveal = (changes) => ({ Reveal: { job, replica, digest, units: UNITS, exitCode, salt, outputAt: '', ...changes } });

	await refused(worker.call({ Accept: { job: 999_999, replica } }), 'UnknownJob');
	await refused(worker.call({ Accept: { job, replica: theirs.replica } }), 'NotAssigned');
	await refused(worker.call({ Accept: { job, replica: 200 } }), 'NotAssigned');
	await refused(worker.call(commit), 'WrongState');
	await refused(worker.call(reveal()), 'WrongState');

	await step(worker, { Accept: { job, replica } }, mine, 'Accepted');
	await refused(worker.call({ Accept: { job, replica } }), 'WrongState');
	await refused(worker.call({ Decline: { job, replica } }), 'WrongState');

	await step(worker, commit, mine, 'Committed');
	await refused(worker.call(commit), 'AlreadyCommitted');
	await refused(worker.call(reveal()), 'TooEarly');

	// The other one copies the commitment. It cannot open it, whatever it says, since the key is part of it.
	await step(other, { Accept: { job, replica: theirs.replica } }, theirs, 'Accepted');
	await step(other, { Commit: { job, replica: theirs.replica, commitment } }, theirs, 'Committed');
	await chain.until('the reveals begin', async () => (await worker.assignments()).some((a) => a.job.eq(job) && a.jobState.isRevealing), 20);
	await refused(other.call({ ...reveal({ replica: theirs.replica }) }), 'CommitmentMismatch');

	await refused(worker.call(reveal({ exitCode: 1 })), 'CommitmentMismatch');
	await refused(worker.call(reveal({ units: 8n })), 'CommitmentMismatch');
	await refused(worker.call(reveal({ units: 11n })), 'UnitsAboveMax');
	await step(worker, reveal(), mine, 'Revealed');
	await refused(worker.call(reveal()), 'WrongState');
});

/** The fields of a struct, to make another one that differs in one of them. */
const entries = (struct) => Object.fromEntries([...struct.entries()]);
