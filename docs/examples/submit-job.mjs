// Submits a WASM job to IO Network, follows it to its end and says who was paid. Needs Node.js 18 or newer and
//
//   npm install @polkadot/api@16.5.6 @noble/hashes@1.8.0
//   node submit-job.mjs ws://127.0.0.1:9944 //Alice program.wasm http://127.0.0.1:8000/program.wasm
//
// The second argument is the secret URI of the account that pays: a development account here. A web page asks a wallet
// extension to sign instead. The third is the program, a WASI preview 1 command; the fourth is where workers can get it.
// A file as input may follow, with the place where workers can get that, and then arguments for the program.

import { readFile } from 'node:fs/promises';

import { blake3 } from '@noble/hashes/blake3';
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import { u8aConcat, u8aToHex } from '@polkadot/util';

const [node, secret, program, programUrl, input, inputUrl, ...args] = process.argv.slice(2);
if (!programUrl || (input && !inputUrl)) {
	console.error('usage: node submit-job.mjs NODE SECRET PROGRAM PROGRAM-URL [INPUT INPUT-URL [ARGUMENT...]]');
	process.exit(2);
}

// All types come from the chain's metadata; nothing has to be registered.
const api = await ApiPromise.create({ provider: new WsProvider(node), noInitWarn: true });
const requester = new Keyring({ type: 'sr25519' }).addFromUri(secret);
const coins = (value) => `${Number(value.toBigInt()) / 1e12} IO`;

const inputBytes = input ? await readFile(input) : new Uint8Array();
const spec = {
	program: { Wasm: { hash: blake3(await readFile(program)) } },
	programAt: [programUrl], // at most four places; workers check the hash
	inputAt: input ? [inputUrl] : [],
	input: input ? blake3(inputBytes) : new Uint8Array(32), // BLAKE3 of the input
	inputLen: inputBytes.length, // 0: no input
	args, // argv of the program, without its name
	class: 0, // hardware class
	maxUnits: 10, // 1 unit = 10^9 of WASM fuel
	maxMemory: 64, // MiB
	maxOutput: 1024 * 1024, // bytes
	pricePerUnit: 200_000_000_000n, // 0.2 IO; 1 IO = 10^12
	replicas: 3, // executed by three workers of different operators
	quorum: 2, // settled by two equal results
	runBlocks: 20, // time for one execution, in blocks of 6 s
	encryption: null,
	minPerf: 0,
	verification: 'Quorum',
};

// What will it cost at most? `quote` is a view function: it is called by its id, which the metadata knows.
async function view(pallet, name, ...args) {
	const { viewFunctions } = api.runtimeMetadata.asV16.pallets.find((each) => each.name.eq(pallet));
	const { id, inputs, output } = viewFunctions.find((each) => each.name.eq(name));
	const type = (lookup) => api.registry.createLookupType(lookup);
	const bytes = u8aConcat(...inputs.map((input, i) => api.registry.createType(type(input.type), args[i]).toU8a()));
	const result = await api.call.runtimeViewFunction.executeViewFunction(id.toHex(), u8aToHex(bytes));
	return api.registry.createType(type(output), result.asOk.toU8a(true));
}
const quote = (await view('IoJobs', 'quote', spec)).asOk;
console.log(`costs at most ${coins(quote.work)} and a fee of ${coins(quote.fee)}; ${coins(quote.deposit)} are held for storage meanwhile`);

// Events of all blocks, from now on. Started before the job is submitted, so that none of its events is missed.
let jobId = null;
const finished = new Promise((resolve) => {
	api.query.system.events((records) => {
		for (const { event } of records) {
			if (event.section !== 'ioJobs' || jobId === null || !event.data.job?.eq(jobId)) {
				continue;
			}
			console.log(`${event.method} ${JSON.stringify(event.data.toHuman())}`);
			if (['JobSettled', 'JobFailed', 'JobExpired', 'JobCancelled'].includes(event.method)) {
				resolve(event);
			}
		}
	});
});

// Sign, send, wait for the block. Errors have names and texts in the metadata.
jobId = await new Promise((resolve, reject) => {
	api.tx.ioJobs.submit(spec).signAndSend(requester, { nonce: -1 }, ({ status, dispatchError, events }) => {
		if (dispatchError?.isModule) {
			const { section, name, docs } = api.registry.findMetaError(dispatchError.asModule);
			reject(new Error(`${section}.${name}: ${docs.join(' ')}`));
		} else if (dispatchError) {
			reject(new Error(dispatchError.toString()));
		} else if (status.isInBlock || status.isFinalized) {
			resolve(events.find(({ event }) => api.events.ioJobs.JobSubmitted.is(event)).event.data.job);
		}
	}).catch(reject);
}).catch((error) => {
	console.error(`refused: ${error.message}`);
	process.exit(1);
});
console.log(`job ${jobId} is submitted`);

const end = await finished;
const { outcome } = (await view('IoJobs', 'job', jobId)).unwrap();
if (end.method === 'JobSettled') {
	const { exitCode, units, payees, refunded, fee } = outcome.unwrap();
	console.log(`settled: exit code ${exitCode}, ${units} units, refund ${coins(refunded)}, fee ${coins(fee)}`);
	for (const { operator, amount } of payees) {
		console.log(`  ${operator} got ${coins(amount)}`);
	}
}
await api.disconnect();
process.exit(end.method === 'JobSettled' ? 0 : 1);
