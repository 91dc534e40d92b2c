"""Sections 1 and 2 of README.md: hashes and generators."""

import hashlib

import ristretto as group


def le(number, size):
    return number.to_bytes(size, "little")


def blake2b_512(data):
    """H64."""
    return hashlib.blake2b(data).digest()


def digest(label, data):
    """H."""
    return hashlib.blake2b(b"io-shield/" + label + b"/v1" + data, digest_size=32).digest()


def hash_to_scalar(label, data):
    """Hs."""
    return group.scalar_from_wide(blake2b_512(b"io-shield/" + label + b"/v1" + data))


def generator(label, index=0):
    return group.from_uniform_bytes(blake2b_512(b"io-shield/gen/v1" + label + le(index, 4)))


G = group.BASEPOINT
G1, H, U, Z = generator(b"mask"), generator(b"value"), generator(b"tag"), generator(b"pad")
B = [[generator(b"bit", 4 * j + i) for i in range(4)] for j in range(5)]
BH = generator(b"bit-blinding")
