// The same values as in the tests of `primitives/compute`: both implementations of the protocol agree to the byte.
// Needs no chain.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { u8aToHex } from '@polkadot/util';

import { commitment, resultDigest } from '../lib/protocol.js';

const bytes = (value) => new Uint8Array(32).fill(value);
const FACTS = { job: 0x0a0bn, exitCode: -3, units: 900n };

test('should match the Rust implementation when a result digest is computed', () => {
	const digest = resultDigest({ genesis: bytes(0x11), ...FACTS, output: bytes(0xcc) });
	assert.equal(u8aToHex(digest), '0xdcf3c2c500f10bc75f332afffb8919aa2e1cf64787755c95b3b534109e9e1f42');
});

test('should match the Rust implementation when a commitment is computed', () => {
	const made = commitment({ worker: bytes(0x22), replica: 2, attempt: 1, digest: bytes(0x77), salt: bytes(0x88), ...FACTS });
	assert.equal(u8aToHex(made), '0xba07111c36614e149d5ffa2c494d9776c3eb7f18bf69f37b227f992159722c50');
});
