#!/usr/bin/env python3
"""Prover of the bundles of README.md, for tests: slow, and nothing in it is constant time.

It answers whatever witness it is given, also a wrong one; the proof is then wrong in the equations the witness breaks.

    python3 primitives/shielded/spec/prove.py > primitives/shielded/tests/vectors/from-spec.json

records valid and forged bundles, for other verifiers.
"""

import collections
import json
import os
import secrets
import sys

import bulletproof
import notes
import ring_proof
import ristretto as group
import verify
from notation import B, BH, G, G1, H, U, Z, le
from ristretto import L


def random_scalar():
    return secrets.randbelow(L - 1) + 1


def commit(amount, mask):
    return group.msm([amount, mask], [H, G1])


def encode_scalars(scalars):
    return [(scalar % L).to_bytes(32, "little") for scalar in scalars]


def prove_ring(transcript, index, m, ring, place, x, d, tag, pseudo):
    """Section 10: place is l. `transcript` is a clone of T1 of the caller's own."""
    digits = [place >> 2 * j & 3 for j in range(m)]
    sigma = [[int(i == digit) for i in range(4)] for digit in digits]
    a = [[random_scalar() for _ in range(3)] for _ in range(m)]
    a = [[-sum(row)] + row for row in a]
    r_a, r_b, r_c, r_d = (random_scalar() for _ in range(4))
    rho, rho1 = ([random_scalar() for _ in range(m)] for _ in range(2))
    cells = [(j, i) for j in range(m) for i in range(4)]

    def matrix_commitment(entry, blinding):
        return group.msm([entry(sigma[j][i], a[j][i]) for j, i in cells] + [blinding], [B[j][i] for j, i in cells] + [BH])

    # p[k][j]: coefficient j of the polynomial of place k.
    p = []
    for k in range(4**m):
        polynomial = [1]
        for j in range(m):
            i = k >> 2 * j & 3
            shifted = [0] + [sigma[j][i] * c for c in polynomial]
            polynomial = [(low + high) % L for low, high in zip([a[j][i] * c for c in polynomial] + [0], shifted)]
        p.append(polynomial)
    differences = [group.sub(commitment, pseudo) for _, commitment in ring]
    points = [
        matrix_commitment(lambda s, a: a, r_a),
        matrix_commitment(lambda s, a: s, r_b),
        matrix_commitment(lambda s, a: a * (1 - 2 * s), r_c),
        matrix_commitment(lambda s, a: -a * a, r_d),
    ]
    points += [group.msm([row[j] for row in p] + [rho[j]], [key for key, _ in ring] + [G]) for j in range(m)]
    points += [group.msm([row[j] for row in p] + [rho1[j]], differences + [G1]) for j in range(m)]
    points += [group.mul(rho[j], tag) for j in range(m)]
    encoded = [group.encode(point) for point in points]

    xi = ring_proof.challenge(transcript, index, encoded, m)
    f = [(sigma[j][i] * xi + a[j][i]) for j, i in cells if i]
    top = pow(xi, m, L)
    z = x * top - sum(rho[j] * pow(xi, j, L) for j in range(m))
    z1 = d * top - sum(rho1[j] * pow(xi, j, L) for j in range(m))
    return b"".join(encoded + encode_scalars(f + [r_a + xi * r_b, r_d + xi * r_c, z, z1]))


def prove_range(transcript, values, masks):
    """Bulletproofs, sections 4.2 and 3.1. `transcript` is a clone of T0 of the caller's own."""
    size = bulletproof.BITS * len(values)
    parties = range(len(values))
    gv = [point for party in parties for point in bulletproof.generators(b"G", party)]
    hv = [point for party in parties for point in bulletproof.generators(b"H", party)]
    dialogue = bulletproof.Dialogue(transcript, [group.encode(commit(*both)) for both in zip(values, masks)])
    encoded_points, encoded_scalars = [], []

    def send(*points):
        encoded_points.extend(map(group.encode, points))
        return encoded_points[-len(points) :]

    def inner(left, right):
        return sum(map(int.__mul__, left, right)) % L

    a_left = [value >> i & 1 for value in values for i in range(bulletproof.BITS)]
    a_right = [bit - 1 for bit in a_left]
    s_left, s_right = ([random_scalar() for _ in range(size)] for _ in range(2))
    alpha, rho, tau1, tau2 = (random_scalar() for _ in range(4))
    y, z = dialogue.bit_challenges(
        *send(group.msm(a_left + a_right + [alpha], gv + hv + [G1]), group.msm(s_left + s_right + [rho], gv + hv + [G1]))
    )
    left0 = [bit - z for bit in a_left]
    right0 = [
        pow(y, i, L) * (a_right[i] + z) + pow(z, 2 + i // bulletproof.BITS, L) * 2 ** (i % bulletproof.BITS)
        for i in range(size)
    ]
    right1 = [pow(y, i, L) * s_right[i] for i in range(size)]
    t1, t2 = inner(left0, right1) + inner(s_left, right0), inner(s_left, right1)
    x = dialogue.polynomial_challenge(*send(commit(t1, tau1), commit(t2, tau2)))
    left = [(low + high * x) % L for low, high in zip(left0, s_left)]
    right = [(low + high * x) % L for low, high in zip(right0, right1)]
    t_blinding = tau1 * x + tau2 * x * x + sum(pow(z, 2 + p, L) * masks[p] for p in parties)
    encoded_scalars += encode_scalars([inner(left, right), t_blinding, alpha + rho * x])
    q = group.mul(dialogue.inner_product_challenge(*encoded_scalars, size), H)
    hv = [group.mul(pow(y, -i, L), point) for i, point in enumerate(hv)]
    while len(left) > 1:
        half = len(left) // 2
        cross_left, cross_right = inner(left[:half], right[half:]), inner(left[half:], right[:half])
        u = dialogue.round_challenge(
            *send(
                group.msm(left[:half] + right[half:] + [cross_left], gv[half:] + hv[:half] + [q]),
                group.msm(left[half:] + right[:half] + [cross_right], gv[:half] + hv[half:] + [q]),
            )
        )
        v = pow(u, -1, L)
        left = [(low * u + high * v) % L for low, high in zip(left[:half], left[half:])]
        right = [(low * v + high * u) % L for low, high in zip(right[:half], right[half:])]
        gv = [group.affine(group.msm([v, u], both)) for both in zip(gv[:half], gv[half:])]
        hv = [group.affine(group.msm([u, v], both)) for both in zip(hv[:half], hv[half:])]
    encoded_scalars += encode_scalars(left + right)
    return b"".join(encoded_points[:4] + encoded_scalars[:3] + encoded_points[4:] + encoded_scalars[3:])


Spend = collections.namedtuple("Spend", "index len place x amount mask")
"""A coin of amount `amount` with secret `x` and mask `mask` at `place` of a window."""


class KnownCoins:
    """A ledger of coins whose secrets are known: coin k is of 1000 (k + 1) units."""

    def __init__(self, pool, count):
        self.half = pool.places // 2
        self.secrets = [(random_scalar(), 1000 * (number + 1), random_scalar()) for number in range(count)]
        points = (point for x, amount, mask in self.secrets for point in (group.mul(x, G), commit(amount, mask)))
        self.encoded = b"".join(map(group.encode, points))

    def of(self, index, length):
        """The `coins_of` that `verify.verify` asks for."""
        return self.encoded[64 * self.half * index : 64 * (self.half * index + length)]

    def spend(self, number, index, length):
        return Spend(index, length, number - self.half * index, *self.secrets[number])


def make_output(amount, context):
    """A note to an address of its own, whose commitment is to `amount` even if no u64 can be, and the mask."""
    spend, view, _ = notes.address(random_scalar(), random_scalar(), 0)
    note, mask = notes.make_note(spend, view, amount % 2**64, secrets.token_bytes(16), bytes(64), context, False)
    return verify.Output(*note._replace(commitment=group.encode(commit(amount, mask)))), mask


def ring_of(coins, places):
    """The ring of a window, the pad in place of what is not a point: then only the verifier stumbles."""
    points = [group.decode(coins[at : at + 32]) or Z for at in range(0, len(coins), 32)]
    return list(zip(points[::2], points[1::2])) + [(Z, Z)] * (places - len(points) // 2)


def prove_bundle(pool, era, era_hash, coins_of, spends, amounts, fee, fee_to=b"\0", target=b"\0", tags=None):
    """Sections 6 to 10: the bundle that pays `amounts` from `spends`. `tags` replaces the true ones."""
    tags = tags or [group.encode(group.mul(pow(spend.x, -1, L), U)) for spend in spends]
    outputs, masks = zip(*(make_output(amount, tags[0]) for amount in amounts))
    pseudo_masks = [random_scalar() for _ in spends[1:]]
    pseudo_masks.append(sum(masks) - sum(pseudo_masks))
    pseudos = [commit(spend.amount, mask) for spend, mask in zip(spends, pseudo_masks)]
    inputs = [
        verify.Input(spend.index, spend.len, tag, group.encode(pseudo), b"")
        for spend, tag, pseudo in zip(spends, tags, pseudos)
    ]
    bundle = verify.Bundle(inputs, list(outputs), fee, fee_to, target, None, era, b"")
    coins = [coins_of(spend.index, spend.len) for spend in spends]
    digests = [verify.ring_digest(spend.index, spend.len, ring) for spend, ring in zip(spends, coins)]
    transcript = verify.statement_transcript(pool, bundle, era_hash, digests)
    range_proof = prove_range(transcript.copy(), amounts, masks)
    transcript.append_message(b"range-proof", range_proof)
    for number, spend in enumerate(spends):
        ring = ring_of(coins[number], pool.places)
        d = spend.mask - pseudo_masks[number]
        tag = group.decode(tags[number])
        witness = spend.place, spend.x, d, tag, pseudos[number]
        inputs[number] = inputs[number]._replace(proof=prove_ring(transcript.copy(), number, pool.m, ring, *witness))
    return bundle._replace(inputs=inputs, range_proof=range_proof)


def encode_bundle(bundle):
    """SCALE of section 6."""

    def compact(count):
        return le(count << 2, 1) if count < 64 else le(count << 2 | 1, 2)

    parts = [compact(len(bundle.inputs))]
    for item in bundle.inputs:
        parts += le(item.index, 4), le(item.len, 4), item.tag, item.pseudo
        parts += compact(len(item.proof)), item.proof
    parts += [compact(len(bundle.outputs))] + [b"".join(output) for output in bundle.outputs]
    parts += [le(bundle.fee, 8), bundle.fee_to, bundle.target, le(bundle.era, 4)]
    return b"".join(parts + [compact(len(bundle.range_proof)), bundle.range_proof])


def case_of(name, pool, era_hash, matured, coins, data, verdict):
    """The encoded bundle `data` as a case of section 14 without mutations."""
    encoded = [coins.encoded[at : at + 32].hex() for at in range(0, 64 * matured, 32)]
    return {
        "name": name,
        "genesis": pool.genesis.hex(),
        "para": pool.para,
        "pallet": pool.pallet,
        "digits": pool.m,
        "matured": matured,
        "era_hash": era_hash.hex(),
        "seed": bytes(32).hex(),
        "own": [{"number": n, "key": encoded[2 * n], "commitment": encoded[2 * n + 1]} for n in range(matured)],
        "bundle": data.hex(),
        "id": verify.bundle_id(pool, data).hex(),
        "verdict": verdict,
        "mutations": [],
    }


def mutation_of(name, data, mutated, verdict):
    """A mutation of section 14 that makes `mutated` of `data`."""
    same = len(os.path.commonprefix([data, mutated]))
    tail = len(os.path.commonprefix([data[same:][::-1], mutated[same:][::-1]]))
    put = mutated[same : len(mutated) - tail].hex()
    return {"name": name, "at": same, "cut": len(data) - same - tail, "put": put, "verdict": verdict}


def misshapen(bundle):
    """Mutations of the lists of a bundle: what no decoder may take, and what decodes but is no bundle."""
    data, first = encode_bundle(bundle), bundle.inputs[0]
    inputs, outputs = bundle.inputs[:1] * 5, bundle.outputs[:1] * 5
    compact = bytes([len(bundle.inputs) << 2])
    cases = [
        ("trailing byte", "BadEncoding", data + b"\0"),
        ("number of inputs in two bytes", "BadEncoding", bytes([compact[0] | 1, 0]) + data[1:]),
        ("number of inputs in four bytes", "BadEncoding", bytes([compact[0] | 2, 0, 0, 0]) + data[1:]),
    ]
    changes = [("inputs", inputs[:count], count) for count in (0, 3, 5)]
    changes += [("outputs", outputs[:count], count) for count in (0, 1, 3, 5)]
    changes += [("range_proof", bytes(size), size) for size in (0, 735, 800, 801)]
    changes += [("inputs", [first._replace(proof=bytes(size))], size) for size in (0, 448, 1216, 1217)]
    for field, value, count in changes:
        error = "BadEncoding" if count in (5, 801, 1217) else "BadShape"
        cases.append((f"{field}: {count}", error, encode_bundle(bundle._replace(**{field: value}))))
    return [mutation_of(name, data, mutated, error) for name, error, mutated in cases]


def record(m):
    """Bundles over rings of 4^m with their verdicts, as section 14 lays them down."""
    pool, era_hash = verify.Pool(secrets.token_bytes(32), 2000, 50, m), secrets.token_bytes(32)
    matured = pool.places + 2
    coins = KnownCoins(pool, matured)
    half, first = pool.places // 2, coins.spend(1, 0, pool.places)
    others = [coins.spend(number, 1, half + 2) for number in (half, half + 1, matured - 1)]
    account = b"\x01" + secrets.token_bytes(32)
    cases = []

    def add(name, verdict, spends, amounts, **fields):
        """A case whose last output takes what is left of the amounts that the spends claim."""
        public = int.from_bytes(fields.get("target", b"\0")[-8:], "little")
        amounts = amounts + [sum(spend.amount for spend in spends) - sum(amounts) - 90 - public]
        data = encode_bundle(prove_bundle(pool, 7, era_hash, coins.of, spends, amounts, 90, **fields))
        cases.append(case_of(name, pool, era_hash, matured, coins, data, verdict))

    add("one input, two outputs", "Ok", [first], [0])
    cases[0]["mutations"] = misshapen(verify.decode_bundle(bytes.fromhex(cases[0]["bundle"])))
    add("one input, four outputs, an account", "Ok", [first], [1, 2, 0], target=account + le(300, 8))
    add("two inputs, two outputs, a job", "Ok", [first, others[0]], [700], target=b"\2" + bytes(64) + le(1, 8))
    add("four inputs, two windows, a payee of the fee", "Ok", [first] + others, [5], fee_to=account)
    add("an output of 2^64", "BadRangeProof", [first], [2**64])
    add("an output of -1", "BadRangeProof", [first], [-1])
    add("the tag of another key", "BadRingProof", [first], [0], tags=[group.encode(U)])
    opposite = group.encode(group.mul(pow(-first.x, -1, L), U))
    add("a tag of the opposite sign", "BadRingProof", [first], [0], tags=[opposite])
    add("a pseudo commitment to more", "BadRingProof", [first._replace(amount=first.amount + 1)], [0])
    shifted = [first._replace(amount=1), others[0]._replace(amount=others[0].amount + first.amount - 1)]
    add("one pseudo commitment to less, one to more", "BadRingProof", shifted, [0])
    add("a coin of another place", "BadRingProof", [first, others[0]._replace(place=3)], [0])
    add("a pad", "BadRingProof", [others[0]._replace(place=pool.places - 1)], [0])
    for name, broken in (("the identity", bytes(32)), ("no point", b"\1" + bytes(31))):
        coins.encoded = coins.encoded[: 64 * matured - 32] + broken
        add(f"{name} among the commitments of a ring", "BadRing", [others[0]], [0])
    return {"format": 1, "cases": cases}


if __name__ == "__main__":
    json.dump(record(2), sys.stdout, indent=1)
