// Reads: view functions of pallets, found and typed by the metadata alone.

import { u8aConcat, u8aToHex } from '@polkadot/util';

import { DispatchFailure } from './tx.js';

/**
 * Calls a view function, for instance `view(chain, 'IoJobs', 'job', 7)`. Arguments and result have the types that the
 * metadata names; the result of `Option<T>` is `null` or the value.
 */
export async function view(chain, pallet, name, ...args) {
	const { api } = chain;
	const { pallets } = api.runtimeMetadata.asV16;
	const found = pallets
		.find((candidate) => candidate.name.eq(pallet))
		?.viewFunctions.find((candidate) => candidate.name.eq(name));
	if (!found) {
		throw new Error(`the metadata has no view function ${pallet}.${name}`);
	}
	if (found.inputs.length !== args.length) {
		throw new Error(`${pallet}.${name} takes (${found.inputs.map((input) => input.name)}), not ${args.length} arguments`);
	}
	const typeOf = (id) => api.registry.createLookupType(id);
	const input = u8aConcat(...found.inputs.map((each, i) => api.registry.createType(typeOf(each.type), args[i]).toU8a()));
	const result = await api.call.runtimeViewFunction.executeViewFunction(found.id.toHex(), u8aToHex(input));
	if (result.isErr) {
		throw new Error(`${pallet}.${name}: ${result.asErr}`);
	}
	const value = api.registry.createType(typeOf(found.output), result.asOk.toU8a(true));
	if (value.isOk !== undefined) {
		if (value.isErr) {
			throw DispatchFailure.from(api, value.asErr);
		}
		return value.asOk;
	}
	return value.isNone === undefined ? value : value.unwrapOr(null);
}
