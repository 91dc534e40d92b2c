"""Section 9 of README.md: aggregated range proofs of 64 bits (Bulletproofs, eprint 2017/1066)."""

import hashlib

import ristretto as group
from ristretto import L

BITS = 64


def length(parties):
    """Bytes of a proof over a power of two of commitments."""
    return 32 * (9 + 2 * ((BITS * parties).bit_length() - 1))


def split(proof):
    """The encodings of the points A, S, T_1, T_2, L_0, R_0, L_1, ... and of the scalars t_x, t_b, e_b, a, b."""
    fields = [proof[i : i + 32] for i in range(0, len(proof), 32)]
    return fields[:4] + fields[7:-2], fields[4:7] + fields[-2:]


def generators(letter, party):
    """The BITS vector generators of one party, `letter` being b"G" or b"H"."""
    stream = hashlib.shake_256(b"GeneratorsChain" + letter + party.to_bytes(4, "little")).digest(64 * BITS)
    return [group.from_uniform_bytes(stream[64 * i : 64 * i + 64]) for i in range(BITS)]


class Dialogue:
    """The transcript of one proof, message by message, for prover and verifier."""

    def __init__(self, transcript, commitments):
        """`transcript` is a clone of T0 of the caller's own; commitments are encoded."""
        self.transcript = transcript
        transcript.append_message(b"dom-sep", b"rangeproof v1")
        transcript.append_u64(b"n", BITS)
        transcript.append_u64(b"m", len(commitments))
        self.append(*((b"V", commitment) for commitment in commitments))

    def append(self, *messages):
        for label, message in messages:
            self.transcript.append_message(label, message)

    def challenge(self, label):
        return group.scalar_from_wide(self.transcript.challenge_bytes(label, 64))

    def bit_challenges(self, a, s):
        self.append((b"A", a), (b"S", s))
        return self.challenge(b"y"), self.challenge(b"z")

    def polynomial_challenge(self, t1, t2):
        self.append((b"T_1", t1), (b"T_2", t2))
        return self.challenge(b"x")

    def inner_product_challenge(self, t_x, t_blinding, e_blinding, size):
        self.append((b"t_x", t_x), (b"t_x_blinding", t_blinding), (b"e_blinding", e_blinding))
        w = self.challenge(b"w")
        self.append((b"dom-sep", b"ipp v1"))
        self.transcript.append_u64(b"n", size)
        return w

    def round_challenge(self, left, right):
        self.append((b"L", left), (b"R", right))
        return self.challenge(b"u")


class RangeVerifier:
    """Commitments are v * value_base + mask * mask_base; a proof covers at most `parties` of them."""

    def __init__(self, value_base, mask_base, parties):
        self.value_base, self.mask_base = value_base, mask_base
        pairs = (zip(generators(b"G", party), generators(b"H", party)) for party in range(parties))
        # Gv[0], Hv[0], Gv[1], Hv[1], ...: the generators of fewer parties are a prefix.
        self.vectors = group.FixedPoints([point for pair in pairs for both in pair for point in both])

    def verify(self, transcript, commitments, proof):
        """Whether `proof` shows that each of the encoded `commitments` holds a value below 2^64.

        `transcript` is a clone of T0 of the caller's own. Lengths, points and scalars have been checked.
        """
        parties, size = len(commitments), BITS * len(commitments)
        points, scalars = split(proof)
        dialogue = Dialogue(transcript, commitments)
        y, z = dialogue.bit_challenges(*points[:2])
        x = dialogue.polynomial_challenge(*points[2:4])
        w = dialogue.inner_product_challenge(*scalars[:3], size)
        u = [dialogue.round_challenge(*points[i : i + 2]) for i in range(4, len(points), 2)]
        if 0 in (y, *u):
            return False
        a_point, s_point, t1, t2, *rounds = map(group.decode, points)
        t_x, t_blinding, e_blinding, a, b = map(group.decode_scalar, scalars)

        # First equation: t_x and t_blinding open the commitment to the polynomial t at x.
        delta = (z - z * z) * sum(pow(y, i, L) for i in range(size))
        delta -= sum(pow(z, 3 + p, L) for p in range(parties)) * (2**BITS - 1)
        opening = group.msm(
            [t_x - delta, t_blinding, -x, -x * x] + [-pow(z, 2 + p, L) for p in range(parties)],
            [self.value_base, self.mask_base, t1, t2] + [group.decode(commitment) for commitment in commitments],
        )
        # Second equation: the inner product argument for l(x), r(x), all rounds at once.
        inverses = [pow(challenge, -1, L) for challenge in u]
        s = [1]
        for challenge, inverse in zip(u, inverses):
            s = [factor * choice % L for factor in s for choice in (inverse, challenge)]
        y_inverse = pow(y, -1, L)
        of_vectors = []
        for i in range(size):
            digit = pow(z, 2 + i // BITS, L) * 2 ** (i % BITS)
            # 1 / s_i is s_(size - 1 - i).
            of_vectors += -z - a * s[i], z + pow(y_inverse, i, L) * (digit - b * s[-1 - i])
        inner_product = group.msm(
            [1, x, -e_blinding, w * (t_x - a * b)] + [k * k for k in u] + [k * k for k in inverses],
            [a_point, s_point, self.mask_base, self.value_base] + rounds[::2] + rounds[1::2],
        )
        return group.is_identity(opening) and group.is_identity(group.add(self.vectors.msm(of_vectors), inner_product))
