// Each mistake of a requester or an operator has an error of its own, with a name and a text in the metadata. Left out
// are `AgendaFull` and `TooManyUnbonding`, which need thousands of jobs and dozens of unbonding blocks, and
// `SpecTooLarge`, which this runtime's other limits do not let happen.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { u8aConcat } from '@polkadot/util';

import { alice, fund, IO, key } from '../lib/accounts.js';
import { Chain, home } from '../lib/chain.js';
import { spec, submit } from '../lib/jobs.js';
import { view } from '../lib/reads.js';
import { assertFails, send, sudo } from '../lib/tx.js';
import { PURSE, recruit, STAKE } from '../lib/worker.js';

const MAX_U128 = 2n ** 128n - 1n;
const NOT_UTF8 = Uint8Array.from([0xff, 0xfe]);

const requester = key('//Requester');
const stranger = key('//Stranger');
let chain;
/** A class that executes no programs. */
let kernels;
/** Registered, and never takes part. */
let worker;
/** Not registered; its operator is one. */
let spare;
/** Registered, and holds a replica that it has accepted. */
let busy;
/** The job of `busy`. */
let accepted;
before(async () => {
	chain = await Chain.start();
	const { tx } = chain.api;
	[worker, spare, busy] = recruit(chain, ['silent', 'silent', 'late']);
	const operators = [worker, spare, busy].map(({ operator }) => operator);
	await fund(chain, [requester, stranger, ...operators], PURSE);
	[kernels] = await chain.newClasses(1, { engine: 'Kernel', accelerator: 'Cuda' });
	await Promise.all(operators.map((operator) => send(chain, tx.ioStaking.registerOperator(STAKE, 0, 'test'), operator)));
	await send(chain, worker.registration(), worker.operator);
	await busy.join();
	accepted = await submit(chain, requester, { replicas: 1, quorum: 1, runBlocks: 600 });
	await chain.until('the job is accepted', async () => {
		await busy.act(await chain.best());
		return (await view(chain, 'IoJobs', 'job', accepted.id)).replicas[0].state.isAccepted;
	}, 20);
});
after(() => chain?.stop());

/** Makes a test of each mistake of a signer. */
function mistakes(who, section, cases) {
	for (const [name, when, call] of cases) {
		test(`should be refused with ${section}.${name} when ${when}`, async () => {
			await assertFails(chain, call(chain.api.tx), who(), section, name);
		});
	}
}

const ZERO = `0x${'00'.repeat(32)}`;

/** A job that multiplies two square matrices. */
function kernel(side) {
	return {
		program: { Kernel: { kind: { MatMulI8: { m: side, k: side, n: side } } } },
		programAt: [],
		args: [],
		inputLen: 2 * side * side,
		inputAt: ['http://x/'],
	};
}

describe('a specification', { concurrency: true }, () => {
	const cases = [
		['BadQuorum', 'there is no replica', { replicas: 0, quorum: 0 }],
		['BadQuorum', 'there are more than seven replicas', { replicas: 8, quorum: 5 }],
		['BadQuorum', 'half of the replicas would settle it', { replicas: 4, quorum: 2 }],
		['BadQuorum', 'more equal results are wanted than there are replicas', { replicas: 3, quorum: 4 }],
		['PriceTooLow', 'a unit costs nothing', { pricePerUnit: 0 }],
		['PriceTooHigh', 'nobody can have that much', { pricePerUnit: MAX_U128 }],
		['ClassMismatch', 'the class executes no kernels', kernel(4)],
		['BadKernel', 'a matrix has no rows', () => ({ class: kernels, ...kernel(0) })],
		['KernelTakesNoProgram', 'a kernel comes with a program', () => ({ class: kernels, ...kernel(4), programAt: ['http://x/'] })],
		['BadInputLength', 'the input is not two matrices', () => ({ class: kernels, ...kernel(4), inputLen: 31 })],
		['BadVerification', 'two workers shall prove the same product', () => ({
			class: kernels, ...kernel(4), inputLen: 64, replicas: 2, quorum: 2, verification: { Product: { inputs: ZERO } },
		})],
		['BadVerification', 'a program shall be proven', { verification: { Product: { inputs: ZERO } }, replicas: 1, quorum: 1 }],
		['UnsupportedEngine', 'the program is a container image', { program: { Oci: { manifestDigest: new Uint8Array(32) } } }],
		['SealedOutputUnsupported', 'a sealed output shall be proven', () => ({
			class: kernels, ...kernel(4), inputLen: 64, replicas: 1, quorum: 1, verification: { Product: { inputs: ZERO } },
			encryption: `0x${'01'.repeat(32)}`,
		})],
		['UnknownClass', 'there is no such hardware class', { class: 999 }],
		['ClassMismatch', 'the class executes other programs', () => ({ class: kernels })],
		['BadUnits', 'no unit may be used', { maxUnits: 0 }],
		['BadMemory', 'no memory may be used', { maxMemory: 0 }],
		['BadMemory', 'the class has less memory', { maxMemory: 2 ** 31 }],
		['BadOutput', 'no output may be written', { maxOutput: 0 }],
		['BadOutput', 'more than 1 GiB of output may be written', { maxOutput: 2 ** 30 + 1 }],
		['InputTooLarge', 'the input has more than 1 GiB', { inputLen: 2 ** 30 + 1, inputAt: ['http://x/'] }],
		['BadLocator', 'the program can be had nowhere', { programAt: [] }],
		['BadLocator', 'a locator is empty', { programAt: [''] }],
		['BadLocator', 'a locator is no text', { programAt: [NOT_UTF8] }],
		['BadLocator', 'the input can be had nowhere', { inputLen: 1 }],
		['BadRunBlocks', 'there is no time to run', { runBlocks: 0 }],
		['BadRunBlocks', 'no worker could commit in time', { runBlocks: 4 }],
		['BadRunBlocks', 'it may run for ever', { runBlocks: 2 ** 32 - 1 }],
	];
	for (const [name, when, changes] of cases) {
		test(`should be refused with ${name} when ${when}`, async () => {
			await assertFails(chain, chain.api.tx.ioJobs.submit(typed(changes)), requester, 'ioJobs', name);
			// A dApp need not pay a fee to learn it.
			await assert.rejects(view(chain, 'IoJobs', 'quote', typed(changes)), (error) => error.name === name);
		});
	}

	test('should be refused before it costs anything when the requester has not got the money', async () => {
		await assertFails(chain, chain.api.tx.ioJobs.submit(spec({ pricePerUnit: 1_000n * IO })), requester, 'token', 'FundsUnavailable');
	});

	/** polkadot.js takes bytes that are no text only as hex. */
	function typed(changes) {
		const { programAt, ...rest } = spec(typeof changes === 'function' ? changes() : changes);
		return { ...rest, programAt: programAt.map((at) => (at instanceof Uint8Array ? `0x${Buffer.from(at).toString('hex')}` : at)) };
	}
});

describe('a requester', { concurrency: true }, () => {
	mistakes(() => requester, 'ioJobs', [
		['UnknownJob', 'it cancels a job that never was', (tx) => tx.ioJobs.cancel(999)],
		['WrongState', 'it cancels a job that a worker has accepted', (tx) => tx.ioJobs.cancel(accepted.id)],
		['UnknownJob', 'it pokes a job that never was', (tx) => tx.ioJobs.poke(999)],
		['TooEarly', 'it pokes a job for which nothing is due', (tx) => tx.ioJobs.poke(accepted.id)],
	]);
	mistakes(() => stranger, 'ioJobs', [
		['NotRequester', "it cancels somebody else's job", (tx) => tx.ioJobs.cancel(accepted.id)],
	]);
	mistakes(() => stranger, 'dispatch', [
		['BadOrigin', 'it sets a hardware class', (tx) => tx.ioJobs.setClass(1, null)],
		['BadOrigin', 'it cancels a slash', (tx) => tx.ioStaking.cancelSlash(0)],
		['BadOrigin', 'it signs the call of a worker itself', (tx) => tx.ioJobs.accept(
			busy.pair.publicKey, accepted.id, 0, 1_000_000, new Uint8Array(64),
		)],
	]);
});

describe('an operator who registers a device', { concurrency: true }, () => {
	const wish = (changes) => spare.registration({ profile: { ...spare.profile, ...changes } });
	mistakes(() => spare.operator, 'ioJobs', [
		['DuplicateWorkerKey', 'the device is registered already', () => worker.registration({ operator: spare.operator })],
		['UnknownClass', 'there is no such hardware class', () => wish({ class: 999 })],
		['ClassMismatch', 'the device lacks the engine of the class', () => wish({ engines: 2 })],
		['BadCapacity', 'the device runs nothing', () => wish({ capacity: 0 })],
		['BadCapacity', 'the device runs more than 32 programs', () => wish({ capacity: 33 })],
		['PriceTooLow', 'it works for nothing', () => wish({ askPerUnit: 0 })],
		['InsufficientBond', 'its stake does not cover one unit', () => wish({ askPerUnit: STAKE })],
		['BadLocator', 'an endpoint is no text', () => wish({ endpoints: ['0xfffe'] })],
		['BadProof', 'the hot key agreed to another operator', (tx) => tx.ioJobs.registerWorker(
			spare.pair.publicKey, spare.profile, worker.registration().args[2],
		)],
		['BadProof', 'somebody else signed for the hot key', (tx) => tx.ioJobs.registerWorker(
			spare.pair.publicKey, spare.profile, stranger.sign(u8aConcat('io/register/v1', chain.genesis, spare.operator.publicKey)),
		)],
	]);
	mistakes(() => stranger, 'ioJobs', [
		['NotOperator', 'it has not staked', () => spare.registration({ operator: stranger })],
	]);
});

describe('an operator who has devices', { concurrency: true }, () => {
	mistakes(() => spare.operator, 'ioJobs', [
		['UnknownWorker', 'it updates a device that is not registered', (tx) => tx.ioJobs.updateWorker(spare.pair.publicKey, spare.profile)],
		['NotYourWorker', "it updates somebody else's device", (tx) => tx.ioJobs.updateWorker(worker.pair.publicKey, spare.profile)],
		['UnknownWorker', 'it retires a device that is not registered', (tx) => tx.ioJobs.retireWorker(spare.pair.publicKey)],
		['NotYourWorker', "it retires somebody else's device", (tx) => tx.ioJobs.retireWorker(worker.pair.publicKey)],
	]);
	mistakes(() => worker.operator, 'ioJobs', [
		['StakeTooLow', 'its stake does not cover one more device', () => spare.registration({ operator: worker.operator })],
		['BadCapacity', 'it updates a device to run nothing', (tx) => tx.ioJobs.updateWorker(worker.pair.publicKey, { ...worker.profile, capacity: 0 })],
	]);
	mistakes(() => busy.operator, 'ioJobs', [
		['WorkerBusy', 'it retires a device that works', (tx) => tx.ioJobs.retireWorker(busy.pair.publicKey)],
	]);
});

describe('stake', { concurrency: true }, () => {
	const tooLittle = IO;
	mistakes(() => stranger, 'ioStaking', [
		['StakeTooLow', 'an operator begins with too little', (tx) => tx.ioStaking.registerOperator(tooLittle, 0, '')],
		['NotOperator', 'somebody adds stake who is no operator', (tx) => tx.ioStaking.bondExtra(IO)],
		['NotOperator', 'somebody unbonds who is no operator', (tx) => tx.ioStaking.unbond(stranger.address, IO)],
		['NotOperator', 'somebody withdraws who is no operator', (tx) => tx.ioStaking.withdraw(stranger.address)],
		['NotOperator', 'somebody delegates to nobody', (tx) => tx.ioStaking.delegate(key('//Nobody').address, 100n * IO)],
		['OwnPool', 'somebody delegates to oneself', (tx) => tx.ioStaking.delegate(stranger.address, 100n * IO)],
		['DelegationTooLow', 'somebody delegates too little', (tx) => tx.ioStaking.delegate(spare.operator.address, IO)],
		['NoPosition', 'somebody unbonds who has delegated nothing', (tx) => tx.ioStaking.unbond(spare.operator.address, IO)],
		['NoPosition', 'a position is settled that does not exist', (tx) => tx.ioStaking.settle(stranger.address, spare.operator.address)],
		['NotOperator', 'somebody stands for election who is no operator', (tx) => tx.ioStaking.candidate(true)],
		['NotOperator', 'somebody backs a candidate who is no operator', (tx) => tx.ioStaking.back(spare.operator.address)],
		['NotOperator', 'somebody sets a commission who is no operator', (tx) => tx.ioStaking.setCommission(0)],
		['UnknownSlash', 'somebody applies a slash that is not there', (tx) => tx.ioStaking.applySlash(999)],
	]);
	mistakes(() => stranger, 'token', [
		['FundsUnavailable', 'an operator stakes more than it has', (tx) => tx.ioStaking.registerOperator(PURSE * 2n, 0, '')],
	]);
	mistakes(() => spare.operator, 'ioStaking', [
		['AlreadyOperator', 'an operator registers twice', (tx) => tx.ioStaking.registerOperator(STAKE, 0, '')],
		['ZeroValue', 'nothing is added', (tx) => tx.ioStaking.bondExtra(0)],
		['ZeroValue', 'nothing is unbonded', (tx) => tx.ioStaking.unbond(spare.operator.address, 0)],
		['StakeTooLow', 'too little would stay', (tx) => tx.ioStaking.unbond(spare.operator.address, STAKE - tooLittle)],
		['NothingToWithdraw', 'nothing was unbonded', (tx) => tx.ioStaking.withdraw(spare.operator.address)],
		['NoSessionKeys', 'an operator without keys stands for election', (tx) => tx.ioStaking.candidate(true)],
	]);
	mistakes(() => busy.operator, 'ioStaking', [
		['InsufficientFree', 'a job has locked a part of what is unbonded', (tx) => tx.ioStaking.unbond(busy.operator.address, STAKE)],
	]);
});

describe('the administrator', { concurrency: true }, () => {
	for (const [name, when, call] of [
		['BadClass', 'a class has no memory', (tx) => tx.ioJobs.setClass(1_000, { engine: 'Wasm', minMemory: 0, minVram: 0, accelerator: 'None' })],
		['BadClass', 'the number of a class is too high', (tx) => tx.ioJobs.setClass(65_535, { engine: 'Wasm', minMemory: 1, minVram: 0, accelerator: 'None' })],
		['ClassInUse', 'a class that has workers is removed', (tx) => tx.ioJobs.setClass(home.class, null)],
	]) {
		test(`should be refused with ${name} when ${when}`, () => assert.rejects(
			sudo(chain, call(chain.api.tx), alice),
			(error) => error.name === name && error.docs.length > 10,
		));
	}
});

test('should move to its new terms and give back its deposit when it updates and retires a device', async () => {
	const { tx } = chain.api;
	const profile = { ...worker.profile, capacity: 5, askPerUnit: IO };
	await send(chain, tx.ioJobs.updateWorker(worker.pair.publicKey, profile), worker.operator);
	assert.equal((await worker.view()).profile.capacity.toNumber(), 5);
	await send(chain, tx.ioJobs.retireWorker(worker.pair.publicKey), worker.operator);
	assert.equal(await worker.view(), null);
	const holds = await chain.api.query.balances.holds(worker.operator.address);
	assert.deepEqual(holds.map(({ id }) => id.type), ['IoStaking']);
	await send(chain, worker.registration(), worker.operator);
});
