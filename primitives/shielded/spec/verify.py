#!/usr/bin/env python3
"""Second verifier of shielded bundles, written from README.md beside it and from nothing else.

    python3 primitives/shielded/spec/verify.py [--jobs N] FILE...

reads files of recorded bundles (section 14), judges each bundle anew and prints for each file how many were accepted and
rejected, by error, and where the verdict is not the recorded one; then it exits with status 1.
"""

import argparse
import collections
import dataclasses
import functools
import json
import multiprocessing
import sys

import bulletproof
import notes
import ring_proof
import ristretto as group
from merlin import Transcript
from notation import G1, H, Z, blake2b_512, digest, le

MAX_INPUTS = MAX_OUTPUTS = 4
MAX_RING_PROOF, MAX_RANGE_PROOF = ring_proof.length(5), 800
MAX_RINGS = 2
MAX_LINES = 20
U64_MAX = 2**64 - 1


class Rejected(Exception):
    """A bundle is not valid; the argument is the error's name in section 13."""


def require(condition, error):
    if not condition:
        raise Rejected(error)


@dataclasses.dataclass(frozen=True)
class Pool:
    """What a bundle is bound to besides its own bytes and its rings."""

    genesis: bytes
    para: int
    pallet: int
    m: int

    @property
    def places(self):
        """N."""
        return 4**self.m


# Section 6: the bundle.

Input = collections.namedtuple("Input", "index len tag pseudo proof")
Output = collections.namedtuple("Output", "key commitment ephemeral view_tag ciphertext")
Bundle = collections.namedtuple("Bundle", "inputs outputs fee fee_to target amount era range_proof")
"""`fee_to` and `target` are their SCALE bytes; `amount` is that of the target, None if there is no target."""


class Reader:
    """SCALE of section 1 from bytes, each value in its one encoding."""

    def __init__(self, data):
        self.data, self.position = data, 0

    def take(self, size):
        self.position += size
        require(self.position <= len(self.data), "BadEncoding")
        return self.data[self.position - size : self.position]

    def uint(self, size):
        return int.from_bytes(self.take(size), "little")

    def count(self, limit):
        """A compact length of at most `limit` < 2^14."""
        first = self.uint(1)
        count, smallest = {0: (first >> 2, 0), 1: (first >> 2, 64)}.get(first & 3, (limit + 1, 0))
        if first & 3 == 1:
            count |= self.uint(1) << 6
        require(smallest <= count <= limit, "BadEncoding")
        return count

    def since(self, start):
        return self.data[start : self.position]


def decode_bundle(data):
    reader = Reader(data)
    inputs = [
        Input(reader.uint(4), reader.uint(4), reader.take(32), reader.take(32), reader.take(reader.count(MAX_RING_PROOF)))
        for _ in range(reader.count(MAX_INPUTS))
    ]
    outputs = [
        Output(reader.take(32), reader.take(32), reader.take(32), reader.take(2), reader.take(104))
        for _ in range(reader.count(MAX_OUTPUTS))
    ]
    fee, start = reader.uint(8), reader.position
    some = reader.uint(1)
    require(some <= 1, "BadEncoding")
    reader.take(32 * some)
    fee_to, start = reader.since(start), reader.position
    kind = reader.uint(1)
    require(kind <= 2, "BadEncoding")
    reader.take((0, 32, 64)[kind])
    amount = reader.uint(8) if kind else None
    target = reader.since(start)
    era, range_proof = reader.uint(4), reader.take(reader.count(MAX_RANGE_PROOF))
    require(reader.position == len(data), "BadEncoding")
    return Bundle(inputs, outputs, fee, fee_to, target, amount, era, range_proof)


def bundle_id(pool, data):
    """The identifier of section 6 of an encoded bundle."""
    return digest(b"bundle", pool.genesis + le(pool.para, 4) + le(pool.pallet, 1) + le(pool.m, 1) + data)


def stamp_is_valid(identifier, nonce, bits):
    """Section 12."""
    return int.from_bytes(digest(b"stamp", identifier + le(nonce, 8)), "big") >> (256 - bits) == 0


# Section 5: windows and rings.


def window_is_permitted(index, length, places, matured):
    half, step = places // 2, max(1, places // 32)
    start = index * half
    if length == places:
        return start + places <= matured
    return (
        length < places
        and length % step == 0
        and length >= (half if index else step)
        and start + length <= matured
        and index + 2 >= matured // half
    )


def ring_digest(index, length, coins):
    return digest(b"ring", le(index, 4) + le(length, 4) + coins)


def decode_ring(coins, places):
    """The pairs of points of a ring whose coins, 64 bytes each, are `coins`."""
    encoded = [coins[i : i + 32] for i in range(0, len(coins), 32)]
    require(all(map(group.is_proper, encoded)), "BadRing")
    points = list(map(group.decode, encoded))
    pairs = list(zip(points[::2], points[1::2]))
    return pairs + [(Z, Z)] * (places - len(pairs))


# Section 7: the transcript.


def statement_transcript(pool, bundle, era_hash, digests):
    """T0. `digests` are those of the rings of the inputs, in order."""
    transcript = Transcript(b"io-shield/v1")
    append = transcript.append_message
    append(b"genesis", pool.genesis)
    append(b"para", le(pool.para, 4))
    append(b"pallet", le(pool.pallet, 1))
    append(b"ring", le(pool.m, 1))
    append(b"era", le(bundle.era, 4) + era_hash)
    append(b"inputs", le(len(bundle.inputs), 4))
    for item, ring in zip(bundle.inputs, digests, strict=True):
        append(b"window", le(item.index, 4) + le(item.len, 4))
        append(b"digest", ring)
        append(b"tag", item.tag)
        append(b"pseudo", item.pseudo)
    append(b"outputs", le(len(bundle.outputs), 4))
    for output in bundle.outputs:
        append(b"output", b"".join(output))
    append(b"fee", le(bundle.fee, 8))
    append(b"fee-to", bundle.fee_to)
    append(b"target", bundle.target)
    return transcript


# Section 13: the verdict.


@functools.cache
def range_verifier():
    return bulletproof.RangeVerifier(H, G1, MAX_OUTPUTS)


def significant_digits(number):
    return len(str(number).rstrip("0"))


def check_form(pool, bundle, matured):
    """Steps 2 to 6."""
    inputs, outputs, m = bundle.inputs, bundle.outputs, pool.m
    require(len(inputs) in (1, 2, 4) and len(outputs) in (2, 4), "BadShape")
    require(all(len(item.proof) == ring_proof.length(m) for item in inputs), "BadShape")
    require(len(bundle.range_proof) == bulletproof.length(len(outputs)), "BadShape")

    require(bundle.amount != 0, "BadAmount")
    require(bundle.fee + (bundle.amount or 0) <= U64_MAX, "BadAmount")
    require(significant_digits(bundle.fee) <= 2, "BadFee")

    require(all(window_is_permitted(item.index, item.len, pool.places, matured) for item in inputs), "BadWindow")
    require(len({(item.index, item.len) for item in inputs}) <= MAX_RINGS, "TooManyWindows")

    require(len({item.tag for item in inputs}) == len(inputs), "DuplicateTag")
    require(len({output.key for output in outputs}) == len(outputs), "DuplicateKey")

    range_points, range_scalars = bulletproof.split(bundle.range_proof)
    ring_points, ring_scalars = zip(*(ring_proof.split(item.proof, m) for item in inputs))
    points = [point for item in inputs for point in (item.tag, item.pseudo)]
    points += [point for output in outputs for point in (output.key, output.commitment, output.ephemeral)]
    require(all(map(group.is_proper, sum(ring_points, points + range_points))), "BadPoint")
    scalars = sum(ring_scalars, range_scalars)
    require(all(group.decode_scalar(scalar) is not None for scalar in scalars), "BadScalar")


def verify(pool, data, era_hash, matured, coins_of):
    """Raises Rejected unless `data` is a valid bundle.

    `coins_of(index, len)` gives the coins of a permitted window as bytes. The ledger's steps 7 to 11 are not looked at.
    """
    bundle = decode_bundle(data)
    check_form(pool, bundle, matured)

    coins = [coins_of(item.index, item.len) for item in bundle.inputs]
    require(all(len(ring) == 64 * item.len for ring, item in zip(coins, bundle.inputs)), "BadRing")

    balance = [group.decode(item.pseudo) for item in bundle.inputs]
    balance += [group.neg(group.decode(output.commitment)) for output in bundle.outputs]
    leaving = group.mul(bundle.fee + (bundle.amount or 0), H)
    require(group.equal(functools.reduce(group.add, balance), leaving), "Unbalanced")

    digests = [ring_digest(item.index, item.len, ring) for item, ring in zip(bundle.inputs, coins)]
    transcript = statement_transcript(pool, bundle, era_hash, digests)
    commitments = [output.commitment for output in bundle.outputs]
    require(range_verifier().verify(transcript.copy(), commitments, bundle.range_proof), "BadRangeProof")

    transcript.append_message(b"range-proof", bundle.range_proof)
    rings = [decode_ring(ring, pool.places) for ring in coins]
    for number, (item, ring) in enumerate(zip(bundle.inputs, rings)):
        tag, pseudo = group.decode(item.tag), group.decode(item.pseudo)
        failed = ring_proof.failed_equations(transcript.copy(), number, pool.m, ring, tag, pseudo, item.proof)
        require(not failed, "BadRingProof")


def verdict(pool, data, era_hash, matured, coins_of):
    """`Ok` or the name of the error."""
    try:
        verify(pool, data, era_hash, matured, coins_of)
    except Rejected as rejection:
        return str(rejection)
    return "Ok"


# Section 14: files of recorded bundles.


@functools.cache
def pool_coin(seed, number):
    return b"".join(
        group.encode(group.from_uniform_bytes(blake2b_512(b"io-shield/test-" + part + b"/v1" + seed + le(number, 8))))
        for part in (b"key", b"commitment")
    )


def judge(case):
    """The verdicts on a recorded bundle and its mutations: a list of (name, recorded verdict, verdict here)."""
    data, seed, name = bytes.fromhex(case["bundle"]), bytes.fromhex(case["seed"]), case["name"]
    pool = Pool(bytes.fromhex(case["genesis"]), case["para"], case["pallet"], case["digits"])
    own = {coin["number"]: bytes.fromhex(coin["key"] + coin["commitment"]) for coin in case["own"]}

    def coins_of(index, length):
        start = index * (pool.places // 2)
        return b"".join(own.get(number) or pool_coin(seed, number) for number in range(start, start + length))

    def judged(data):
        return verdict(pool, data, bytes.fromhex(case["era_hash"]), case["matured"], coins_of)

    results = [(name, case["verdict"], judged(data))]
    if "id" in case and bundle_id(pool, data).hex() != case["id"]:
        results.append((name, "its identifier", "another identifier"))
    for mutation in case["mutations"]:
        at, cut, put = mutation["at"], mutation["cut"], bytes.fromhex(mutation["put"])
        mutated = data[:at] + put + data[at + cut :]
        results.append((f"{name}, {mutation['name']}", mutation["verdict"], judged(mutated)))
    return results


def check_bundles(path, cases, workers):
    """Judges recorded bundles and prints the outcome. Returns the disagreements, a line each."""
    results = [result for case in workers.imap(judge, cases) for result in case]
    rejected = collections.Counter(here for _, _, here in results if here != "Ok")
    errors = ", ".join(f"{count} {error}" for error, count in sorted(rejected.items()))
    accepted = len(results) - rejected.total()
    print(f"{path}: {len(results)} bundles, {accepted} accepted, {rejected.total()} rejected: {errors}")
    return [f"{name}: recorded {recorded}, here {here}" for name, recorded, here in results if recorded != here]


def check_notes(path, document):
    """Makes recorded keys and notes anew, as `check_bundles` does with bundles."""
    results = notes.judge(document)
    print(f"{path}: {len(document['keys'])} addresses, {len(document['notes'])} notes")
    return [f"{name}: another one here" for name, same in results if not same]


def check_file(path, workers):
    with open(path) as file:
        document = json.load(file)
    if "notes" in document:
        differing = check_notes(path, document)
    elif document["format"] == 1:
        differing = check_bundles(path, document["cases"], workers)
    else:
        raise ValueError(f"{path}: format {document['format']} is unknown")
    for line in differing[:MAX_LINES]:
        print(f"  DISAGREEMENT on {line}")
    if len(differing) > MAX_LINES:
        print(f"  and {len(differing) - MAX_LINES} more")
    return len(differing)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument("files", nargs="+", metavar="FILE")
    arguments = parser.parse_args()
    # Before the fork, so that all workers share its tables.
    range_verifier()
    with multiprocessing.get_context("fork").Pool(arguments.jobs) as workers:
        disagreements = sum(check_file(path, workers) for path in arguments.files)
    print(f"{disagreements} disagreements")
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
