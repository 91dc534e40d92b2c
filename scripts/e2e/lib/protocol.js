// The worker protocol in JavaScript, written from its specification: byte formats, digests, commitments, signatures.
// Nothing of it is taken from io-worker, so it also shows that anybody can implement a worker.

import assert from 'node:assert/strict';

import { blake3 } from '@noble/hashes/blake3';
import { u8aConcat, u8aToHex, stringToU8a, bnToU8a } from '@polkadot/util';
import { blake2AsU8a } from '@polkadot/util-crypto';

const le = (value, bits) => bnToU8a(value, { bitLength: bits, isLe: true, isNegative: value < 0 });

/** BLAKE3 of some bytes. */
export const blake3Of = (bytes) => blake3(bytes);

/**
 * Digest of a result:
 * `blake3("io job result v1" || genesis || job || exit_code || units || blake3(output archive))`, integers little-endian.
 */
export function resultDigest({ genesis, job, exitCode, units, output }) {
	return blake3(u8aConcat(
		stringToU8a('io job result v1'), genesis, le(job, 64), le(exitCode, 32), le(units, 64), output,
	));
}

/** Commitment: `blake2_256(worker || job || replica || attempt || digest || units || exit_code || salt)`. */
export function commitment({ worker, job, replica, attempt, digest, units, exitCode, salt }) {
	return blake2AsU8a(u8aConcat(
		worker, le(job, 64), [replica, attempt], digest, le(units, 64), le(exitCode, 32), salt,
	), 256);
}

/** What a hot key signs to agree that `operator` registers it: `SCALE("io/register/v1", genesis, operator)`. */
export function registrationProof(pair, genesis, operator) {
	return pair.sign(u8aConcat(stringToU8a('io/register/v1'), genesis, operator));
}

/**
 * A worker call with its signature, as the type `SignedWorkerCall` of the chain's metadata. `call` is a variant of
 * `WorkerCall`, for instance `{ Accept: { job: 0, replica: 0 } }`.
 */
export function signCall(api, pair, call, validUntil) {
	const typed = api.registry.createType('IoPrimitivesCallWorkerCall', call);
	const payload = u8aConcat(
		stringToU8a('io/worker/v1'), api.genesisHash.toU8a(), typed.toU8a(), le(validUntil, 32),
	);
	return api.registry.createType('IoPrimitivesCallSignedWorkerCall', {
		worker: pair.publicKey,
		call: typed,
		validUntil,
		signature: pair.sign(payload),
	});
}

/**
 * An attestation call with its signature, as the type `SignedAttestation` of the chain's metadata. `call` is a variant of
 * `AttestationCall`, for instance `{ Leave: { device: 0 } }`. What is signed is the hash of the call.
 */
export function signAttestation(api, pair, call, validUntil) {
	const typed = api.registry.createType('IoPrimitivesAttestationAttestationCall', call);
	const payload = u8aConcat(
		stringToU8a('io/attest/v1'), api.genesisHash.toU8a(), blake2AsU8a(typed.toU8a(), 256), le(validUntil, 32),
	);
	return api.registry.createType('IoPrimitivesAttestationSignedAttestation', {
		worker: pair.publicKey,
		call: typed,
		validUntil,
		signature: pair.sign(payload),
	});
}

/** What an endpoint of the mesh signs to be registered by an account: `SCALE("ionet/endpoint/v1", genesis, account)`. */
export function endpointProof(pair, genesis, account) {
	return pair.sign(u8aConcat(stringToU8a('ionet/endpoint/v1'), genesis, account));
}

/** A worker's receipt for what a relay has carried, as the type `SignedReceipt` of the chain's metadata. */
export function signReceipt(api, pair, relay, epoch, bytes) {
	const payload = u8aConcat(
		stringToU8a('io/receipt/v1'), api.genesisHash.toU8a(), relay, le(epoch, 32), le(bytes, 64),
	);
	return api.registry.createType('IoPrimitivesMeshSignedReceipt', {
		worker: pair.publicKey,
		receipt: { relay, epoch, bytes },
		signature: pair.sign(payload),
	});
}

/** A worker's report of which relays are alive, `[[key, alive], ...]`, as the type `SignedReport` of the metadata. */
export function signReport(api, pair, epoch, relays) {
	const sorted = [...relays].sort(([a], [b]) => Buffer.compare(a, b));
	const report = api.registry.createType('IoPrimitivesMeshReport', { epoch, relays: sorted });
	const payload = u8aConcat(stringToU8a('io/liveness/v1'), api.genesisHash.toU8a(), report.toU8a());
	return api.registry.createType('IoPrimitivesMeshSignedReport', {
		worker: pair.publicKey, report, signature: pair.sign(payload),
	});
}

/** Sends a report, as `submitCall`. */
export const submitReport = (chain, signed) => submitCall(chain, signed, 'IoMeshApi_report_transaction');

/** Bytes of the extrinsic that carries a signed call, built by the node: no metadata and no extension encoding needed. */
export function extrinsicOf(chain, signed, builder = 'IoWorkerApi_transaction') {
	return chain.rpc('state_call', builder, u8aToHex(signed.toU8a()));
}

/** Sends a signed call: feeless, signed by the hot key only. Throws `PoolRefusal` if the pool does not take it. */
export async function submitCall(chain, signed, builder) {
	const extrinsic = await extrinsicOf(chain, signed, builder);
	try {
		return await chain.rpc('author_submitExtrinsic', extrinsic);
	} catch (error) {
		throw new PoolRefusal(error);
	}
}

/** Sends a signed attestation call, as `submitCall`. */
export const submitAttestation = (chain, signed) =>
	submitCall(chain, signed, 'IoAttestationApi_attestation_transaction');

/** The pool refused a transaction. `code` and `data` are those of the JSON-RPC error. */
export class PoolRefusal extends Error {
	constructor(cause) {
		super(cause.message, { cause });
		this.code = cause.code;
		this.data = cause.data;
	}
}

/** Expects the pool to refuse, naming that error of the pallet's metadata, or containing that text of the node. */
export async function refused(chain, pallet, sent, expected) {
	let refusal;
	try {
		await sent;
	} catch (error) {
		assert.ok(error instanceof PoolRefusal, `${error}`);
		refusal = error;
	}
	assert.ok(refusal, `expected ${expected}, but the pool took the call`);
	const custom = /Custom error: (\d+)/.exec(`${refusal.message} ${refusal.data ?? ''}`);
	const reason = custom
		? Object.values(chain.api.errors[pallet]).find(({ meta }) => meta.index.toNumber() === Number(custom[1]))?.meta.name.toString()
		: refusal.message;
	assert.ok(reason?.includes(expected), `expected ${expected}, found ${reason ?? refusal.message}`);
}
