"""Merlin v1.0 transcripts: STROBE-128 v1.0.2 over Keccak-f[1600], the operations that Merlin uses.

Keccak: FIPS 202. STROBE: https://strobe.sourceforge.io/specs/. Merlin: https://merlin.cool/transcript/ops.html.
"""

import struct

_M64 = 2**64 - 1


def _round_constants():
    """FIPS 202, algorithms 5 and 6."""
    register, constants = 1, []
    for _ in range(24):
        constant = 0
        for j in range(7):
            if register & 1:
                constant |= 1 << (2**j - 1)
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return constants


def _rho_pi():
    """For each lane, numbered x + 5 y, after the steps rho and pi: the lane it comes from and its rotation."""
    sources, (x, y) = [(0, 0)] * 25, (1, 0)
    for t in range(24):
        x, y, source = y, (2 * x + 3 * y) % 5, x + 5 * y
        sources[x + 5 * y] = source, (t + 1) * (t + 2) // 2 % 64
    return sources


_ROUND_CONSTANTS, _RHO_PI = _round_constants(), _rho_pi()


def keccak_f1600(state):
    """The permutation, in place, of a bytearray of 200 bytes."""
    a = struct.unpack("<25Q", state)
    for constant in _ROUND_CONSTANTS:
        c0, c1, c2, c3, c4 = (a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5))
        theta = (
            c4 ^ (c1 << 1 & _M64 | c1 >> 63),
            c0 ^ (c2 << 1 & _M64 | c2 >> 63),
            c1 ^ (c3 << 1 & _M64 | c3 >> 63),
            c2 ^ (c4 << 1 & _M64 | c4 >> 63),
            c3 ^ (c0 << 1 & _M64 | c0 >> 63),
        )
        a = [lane ^ column for lane, column in zip(a, theta * 5)]
        b = [a[source] << rotation & _M64 | a[source] >> (64 - rotation) for source, rotation in _RHO_PI]
        a = []
        for y in range(0, 25, 5):
            b0, b1, b2, b3, b4 = b[y : y + 5]
            a += b0 ^ ~b1 & b2, b1 ^ ~b2 & b3, b2 ^ ~b3 & b4, b3 ^ ~b4 & b0, b4 ^ ~b0 & b1
        a[0] ^= constant
    state[:] = struct.pack("<25Q", *a)


_I, _A, _C, _T, _M, _K = (1 << bit for bit in range(6))
_RATE = 166


class Strobe128:
    """STROBE-128 restricted to meta-AD, AD and PRF."""

    def __init__(self, protocol):
        self.state = bytearray(200)
        self.state[:18] = bytes([1, _RATE + 2, 1, 0, 1, 96]) + b"STROBEv1.0.2"
        keccak_f1600(self.state)
        self.position = self.begin = 0
        self.meta_ad(protocol, False)

    def meta_ad(self, data, more):
        if not more:
            self._begin(_M | _A)
        self._absorb(data)

    def ad(self, data):
        self._begin(_A)
        self._absorb(data)

    def prf(self, length):
        self._begin(_I | _A | _C)
        out = bytearray()
        for _ in range(length):
            out.append(self.state[self.position])
            self.state[self.position] = 0
            self._advance()
        return bytes(out)

    def copy(self):
        other = object.__new__(Strobe128)
        other.state, other.position, other.begin = bytearray(self.state), self.position, self.begin
        return other

    def _begin(self, flags):
        begin, self.begin = self.begin, self.position + 1
        self._absorb(bytes([begin, flags]))
        if flags & (_C | _K) and self.position:
            self._run_f()

    def _absorb(self, data):
        for byte in data:
            self.state[self.position] ^= byte
            self._advance()

    def _advance(self):
        self.position += 1
        if self.position == _RATE:
            self._run_f()

    def _run_f(self):
        self.state[self.position] ^= self.begin
        self.state[self.position + 1] ^= 0x04
        self.state[_RATE + 1] ^= 0x80
        keccak_f1600(self.state)
        self.position = self.begin = 0


class Transcript:
    """A Merlin transcript. Labels and messages are bytes."""

    def __init__(self, label):
        self._strobe = Strobe128(b"Merlin v1.0")
        self.append_message(b"dom-sep", label)

    def append_message(self, label, message):
        self._strobe.meta_ad(label, False)
        self._strobe.meta_ad(struct.pack("<I", len(message)), True)
        self._strobe.ad(message)

    def append_u64(self, label, number):
        self.append_message(label, struct.pack("<Q", number))

    def challenge_bytes(self, label, length):
        self._strobe.meta_ad(label, False)
        self._strobe.meta_ad(struct.pack("<I", length), True)
        return self._strobe.prf(length)

    def copy(self):
        other = object.__new__(Transcript)
        other._strobe = self._strobe.copy()
        return other
