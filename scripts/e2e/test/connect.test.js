// What a dApp sees when it connects: everything is in the metadata, no custom types are needed.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { Chain } from '../lib/chain.js';

let chain;
before(async () => {
	chain = await Chain.start();
});
after(() => chain?.stop());

test('should connect without a complaint when no custom types are given', () => {
	// Two things are told to developers on all chains of this SDK and harm nobody: extensions that add nothing to a
	// transaction, and RPC methods that polkadot.js does not wrap.
	const harmless = [
		/REGISTRY: Unknown signed extensions AuthorizeCall, StorageWeightReclaim found, treating them as no-effect$/,
		/API\/INIT: RPC methods not decorated: /,
	];
	assert.deepEqual(chain.warnings.filter((text) => !harmless.some((known) => known.test(text))), []);
});

test('should tell token, decimals and address prefix when asked for the chain properties', async () => {
	const { tokenSymbol, tokenDecimals, ss58Format } = await chain.api.rpc.system.properties();
	assert.deepEqual(tokenSymbol.unwrap().toJSON(), ['IO']);
	assert.deepEqual(tokenDecimals.unwrap().toJSON(), [12]);
	assert.equal(ss58Format.unwrap().toNumber(), 42);
	assert.equal(chain.api.runtimeVersion.specName.toString(), 'io-network');
});

test('should describe view functions when the metadata has version 16', () => {
	assert.equal(chain.api.runtimeMetadata.version, 16);
	const { pallets } = chain.api.runtimeMetadata.asV16;
	const functions = (name) => pallets.find((pallet) => pallet.name.eq(name)).viewFunctions.map((each) => each.name.toString());
	assert.deepEqual(functions('IoJobs').sort(), ['job', 'open_jobs', 'operator_summary', 'outputs', 'quote']);
	assert.deepEqual(functions('IoMesh').sort(), ['budget', 'endpoint', 'endpoints_of', 'relay', 'relay_map']);
	assert.deepEqual(functions('IoShielded').sort(), ['job_amount', 'minimum_fee', 'status']);
	assert.deepEqual(functions('IoStaking').sort(), ['apy', 'election_preview', 'operator', 'position', 'validators']);
});

test('should offer the runtime API typed when the metadata describes it', () => {
	assert.deepEqual(Object.keys(chain.api.call.ioWorkerApi).sort(), ['assignments', 'transaction', 'whyNot', 'worker']);
	assert.deepEqual(
		Object.keys(chain.api.call.ioMeshApi).sort(),
		['budget', 'endpoint', 'endpoints', 'endpointsOf', 'relay', 'relayMap', 'reportTransaction'],
	);
	assert.deepEqual(Object.keys(chain.api.call.ioShieldedApi).sort(), ['coins', 'minimumFee', 'pool', 'spendTransaction']);
});

test('should keep the pallets at the indices that other tools may have stored', () => {
	const indices = Object.fromEntries(
		chain.api.runtimeMetadata.asLatest.pallets.map(({ name, index }) => [name.toString(), index.toNumber()]),
	);
	assert.equal(indices.IoStaking, 70);
	assert.equal(indices.IoJobs, 71);
	assert.equal(indices.IoShielded, 73);
	assert.equal(indices.IoRandomness, 74);
	assert.equal(indices.IoMesh, 75);
	assert.equal(indices.System, 0);
	assert.equal(indices.Sudo, 59);
});

test('should explain each call, event and error of our pallets when a dApp shows its documentation', () => {
	for (const section of ['ioAttestation', 'ioJobs', 'ioMesh', 'ioShielded', 'ioStaking']) {
		const { tx, events, errors } = chain.api;
		const items = [
			...Object.values(tx[section]).map(({ meta }) => meta),
			...Object.values(events[section]).map(({ meta }) => meta),
			...Object.values(errors[section]).map(({ meta }) => meta),
		];
		assert.ok(items.length > 10);
		for (const { name, docs } of items) {
			assert.ok(docs.join('').trim().length > 10, `${section}.${name} is not documented`);
		}
	}
});

test('should name every call, event, error and read when a developer looks into docs/dapp.md', () => {
	const page = readFileSync(new URL('../../../docs/dapp.md', import.meta.url), 'utf8');
	const { tx, events, errors, runtimeMetadata } = chain.api;
	const missing = [];
	for (const section of ['ioJobs', 'ioMesh', 'ioShielded', 'ioStaking']) {
		const names = [tx, events, errors].flatMap((kind) => Object.keys(kind[section]));
		missing.push(...names.filter((name) => !new RegExp(`\\b${name}\\b`).test(page)).map((name) => `${section}.${name}`));
	}
	for (const pallet of runtimeMetadata.asV16.pallets) {
		missing.push(...pallet.viewFunctions
			.map(({ name }) => `${pallet.name}.${name}`)
			.filter((name) => name.startsWith('Io') && !page.includes(name)));
	}
	assert.deepEqual(missing, []);
});

test('should know every type when it decodes all storage of the chain', async () => {
	const { api } = chain;
	const keys = await api.rpc.state.getKeysPaged('0x', 1000, '');
	assert.ok(keys.length > 50);
	for (const [name, section] of Object.entries(api.query)) {
		for (const item of Object.values(section)) {
			// `substrate` is not of this chain: it holds well-known keys, one of them the code itself.
			if (name !== 'substrate' && item.creator?.meta.type.isPlain) {
				await item();
			}
		}
	}
});

test('should produce blocks by itself and finalise them when started with --dev', async () => {
	const { api } = chain;
	const first = await chain.best();
	await chain.reach(first + 3);
	await chain.until('finality', async () => {
		const head = await api.rpc.chain.getFinalizedHead();
		return (await api.rpc.chain.getHeader(head)).number.toNumber() > first;
	});
});
