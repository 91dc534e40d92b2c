// Makes new session keys inside a collator and registers them for its account. Run it on the collator's machine: the
// call that makes keys is only open to the machine itself. Needs Node.js 18 or newer and
//
//   npm install @polkadot/api@16.5.6
//   node set-session-keys.mjs ws://127.0.0.1:9944 file-with-the-account's-secret

import { readFile } from 'node:fs/promises';

import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import { u8aToHex } from '@polkadot/util';

const [node, secretFile] = process.argv.slice(2);
if (!secretFile) {
	console.error('usage: node set-session-keys.mjs NODE SECRET-FILE');
	process.exit(2);
}
const rpc = { author: { rotateKeysWithOwner: { description: '', params: [{ name: 'owner', type: 'Bytes' }], type: 'Json' } } };
const api = await ApiPromise.create({ provider: new WsProvider(node), rpc, noInitWarn: true });
const collator = new Keyring({ type: 'sr25519' }).addFromUri((await readFile(secretFile, 'utf8')).trim());

// The proof shows that the node owns the keys; it holds for this account only.
const made = await api.rpc.author.rotateKeysWithOwner(u8aToHex(collator.publicKey));
const keys = made.get('keys');
const proof = made.get('proof');
console.log(`session keys ${keys}`);
await new Promise((resolve, reject) => {
	api.tx.session.setKeys(keys, proof).signAndSend(collator, ({ status, dispatchError }) => {
		if (dispatchError) {
			const { section, name, docs } = dispatchError.isModule ? api.registry.findMetaError(dispatchError.asModule) : { name: dispatchError.type };
			reject(new Error(`${section ?? ''}.${name} ${docs?.join(' ') ?? ''}`));
		} else if (status.isInBlock || status.isFinalized) {
			resolve();
		}
	}).catch(reject);
}).catch((error) => {
	console.error(`refused: ${error.message}`);
	process.exit(1);
});
console.log('registered; they count from the session after the next one on');
await api.disconnect();
