"""Prover of the bundles of README.md, for tests: slow, and nothing in it is constant time.

It answers whatever witness it is given, also a wrong one; the proof is then wrong in the equations the witness breaks.
"""

import collections
import secrets

import bulletproof
import ring_proof
import ristretto as group
import verify
from notation import B, BH, G, G1, H, U, le
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


def prove_bundle(pool, era, era_hash, coins_of, spends, outputs, fee, fee_to=b"\0", target=b"\0"):
    """Sections 6 to 10. `outputs` are functions from the context to (Note, amount, mask); the rest as in `verify.Bundle`."""
    tags = [group.encode(group.mul(pow(spend.x, -1, L), U)) for spend in spends]
    notes = [output(tags[0]) for output in outputs]
    pseudo_masks = [random_scalar() for _ in spends[1:]]
    pseudo_masks.append(sum(mask for _, _, mask in notes) - sum(pseudo_masks))
    pseudos = [commit(spend.amount, mask) for spend, mask in zip(spends, pseudo_masks)]
    inputs = [
        verify.Input(spend.index, spend.len, tag, group.encode(pseudo), b"")
        for spend, tag, pseudo in zip(spends, tags, pseudos)
    ]
    encoded_outputs = [verify.Output(*note) for note, _, _ in notes]
    bundle = verify.Bundle(inputs, encoded_outputs, fee, fee_to, target, None, era, b"")
    coins = [coins_of(spend.index, spend.len) for spend in spends]
    digests = [verify.ring_digest(spend.index, spend.len, ring) for spend, ring in zip(spends, coins)]
    transcript = verify.statement_transcript(pool, bundle, era_hash, digests)
    range_proof = prove_range(transcript.copy(), [amount for _, amount, _ in notes], [mask for _, _, mask in notes])
    transcript.append_message(b"range-proof", range_proof)
    for number, spend in enumerate(spends):
        ring = verify.decode_ring(coins[number], pool.places)
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
