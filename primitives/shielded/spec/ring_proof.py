"""Section 10 of README.md: Triptych (eprint 2020/018) over a vector of keys and a vector of commitments, base 4."""

import ristretto as group
from notation import B, BH, G, G1, U, le
from ristretto import L


def length(m):
    """Bytes of a proof over a ring of 4^m."""
    return 32 * (8 + 6 * m)


def split(proof, m):
    """The encodings of the 4 + 3 m points and of the 4 + 3 m scalars."""
    fields = [proof[i : i + 32] for i in range(0, len(proof), 32)]
    return fields[: 4 + 3 * m], fields[4 + 3 * m :]


def challenge(transcript, index, encoded_points, m):
    """xi. `transcript` is a clone of T1 of the caller's own."""
    labels = [b"A", b"B", b"C", b"D"] + [b"X"] * m + [b"X1"] * m + [b"Y"] * m
    transcript.append_message(b"input", le(index, 4))
    for label, point in zip(labels, encoded_points, strict=True):
        transcript.append_message(label, point)
    return group.scalar_from_wide(transcript.challenge_bytes(b"xi", 64))


def failed_equations(transcript, index, m, ring, tag, pseudo, proof):
    """The numbers of the equations of section 10 that do not hold: none for a valid proof; 0 stands for xi = 0.

    `ring` has 4^m pairs of points; `tag`, `pseudo` and the parts of `proof` have been found proper and canonical.
    """
    encoded_points, encoded_scalars = split(proof, m)
    xi = challenge(transcript, index, encoded_points, m)
    if xi == 0:
        return [0]
    points = [group.decode(point) for point in encoded_points]
    a, b, c, d = points[:4]
    x, x1, y = points[4 : 4 + m], points[4 + m : 4 + 2 * m], points[4 + 2 * m :]
    scalars = [group.decode_scalar(scalar) for scalar in encoded_scalars]
    z_a, z_c, z, z1 = scalars[3 * m :]
    f = [[xi - sum(scalars[3 * j : 3 * j + 3])] + scalars[3 * j : 3 * j + 3] for j in range(m)]

    p = [1]
    for row in f:
        p = [product * entry % L for entry in row for product in p]
    minus_powers = [-pow(xi, j, L) for j in range(m)]

    matrix = [point for row in B[:m] for point in row] + [BH]
    entries = [entry for row in f for entry in row]
    negated = [-entry for entry in entries]
    products = [entry * (entry - xi) for entry in entries]
    keys, commitments = zip(*ring)
    differences = {
        1: group.msm([1, xi] + negated + [-z_a], [a, b] + matrix),
        2: group.msm([xi, 1] + products + [-z_c], [c, d] + matrix),
        3: group.msm(p + minus_powers + [-z], [*keys, *x, G]),
        4: group.msm(p + [-sum(p)] + minus_powers + [-z1], [*commitments, pseudo, *x1, G1]),
        5: group.msm([sum(p)] + minus_powers + [-z], [U, *y, tag]),
    }
    return [number for number, difference in differences.items() if not group.is_identity(difference)]
