"""Ristretto255 (RFC 9496) on integers, with a multiscalar multiplication.

An element is a tuple (X, Y, Z, T) of extended twisted Edwards coordinates: x = X/Z, y = Y/Z, xy = T/Z on
-x^2 + y^2 = 1 + d x^2 y^2 over GF(2^255 - 19). Coordinates are kept reduced. Nothing here is constant time: it verifies
public data. Section numbers are those of RFC 9496.
"""

import functools

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
"""Order of the group."""

# Section 4.1.
D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
SQRT_M1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752
SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578
ONE_MINUS_D_SQ = 1159843021668779879193775521855586647937357759715417654439879720876111806838
D_MINUS_ONE_SQ = 40440834346308536858101042469323190826248399146238708352240133220865137265952

IDENTITY = (0, 1, 1, 0)


def absolute(x):
    """CT_ABS of section 3.1: the one of x and -x whose least residue is even."""
    return P - x if x & 1 else x


def sqrt_ratio_m1(u, v):
    """SQRT_RATIO_M1 of section 4.2: (u/v is a square, the non-negative root of u/v or of SQRT_M1 * u/v)."""
    v3 = v * v % P * v % P
    r = u * v3 % P * pow(u * v3 % P * v3 % P * v % P, (P - 5) // 8, P) % P
    check = v * r % P * r % P
    correct, flipped, flipped_i = check == u, check == -u % P, check == -u * SQRT_M1 % P
    if flipped or flipped_i:
        r = r * SQRT_M1 % P
    return correct or flipped, absolute(r)


@functools.lru_cache(maxsize=8192)
def decode(data):
    """Section 4.3.1. Returns the element, whose Z is 1, or None for 32 bytes that encode none."""
    s = int.from_bytes(data, "little")
    if len(data) != 32 or s >= P or s & 1:
        return None
    ss = s * s % P
    u1, u2 = (1 - ss) % P, 1 + ss
    u2_sqr = u2 * u2 % P
    v = (-D * u1 % P * u1 - u2_sqr) % P
    was_square, invsqrt = sqrt_ratio_m1(1, v * u2_sqr % P)
    den_x = invsqrt * u2 % P
    den_y = invsqrt * den_x % P * v % P
    x = absolute(2 * s * den_x % P)
    y = u1 * den_y % P
    t = x * y % P
    if not was_square or t & 1 or y == 0:
        return None
    return x, y, 1, t


def encode(point):
    """Section 4.3.2: the one encoding of the element, 32 bytes."""
    x0, y0, z0, t0 = point
    u1 = (z0 + y0) * (z0 - y0) % P
    u2 = x0 * y0 % P
    _, invsqrt = sqrt_ratio_m1(1, u1 * u2 % P * u2 % P)
    den1, den2 = invsqrt * u1 % P, invsqrt * u2 % P
    z_inv = den1 * den2 % P * t0 % P
    if t0 * z_inv % P & 1:
        x, y, den_inv = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D % P
    else:
        x, y, den_inv = x0, y0, den2
    if x * z_inv % P & 1:
        y = -y
    return absolute(den_inv * (z0 - y) % P).to_bytes(32, "little")


def equal(p, q):
    """Section 4.3.3: whether both tuples stand for the same element."""
    return (p[0] * q[1] - p[1] * q[0]) % P == 0 or (p[1] * q[1] - p[0] * q[0]) % P == 0


def is_identity(p):
    return p[0] == 0 or p[1] == 0


def is_proper(data):
    """Whether the bytes encode an element other than the identity."""
    point = decode(data)
    return point is not None and not is_identity(point)


def _map(t):
    """MAP of section 4.3.4."""
    r = SQRT_M1 * t % P * t % P
    u = (r + 1) * ONE_MINUS_D_SQ % P
    v = (-1 - r * D) * (r + D) % P
    was_square, s = sqrt_ratio_m1(u, v)
    if was_square:
        c = -1
    else:
        s, c = -absolute(s * t % P) % P, r
    n = (c * (r - 1) % P * D_MINUS_ONE_SQ - v) % P
    w0, w1, w2, w3 = 2 * s * v % P, n * SQRT_AD_MINUS_ONE % P, (1 - s * s) % P, (1 + s * s) % P
    return w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P


def from_uniform_bytes(data):
    """Element derivation of section 4.3.4 from 64 bytes."""
    assert len(data) == 64
    low, high = (int.from_bytes(half, "little") % 2**255 % P for half in (data[:32], data[32:]))
    return affine(add(_map(low), _map(high)))


def add(p, q):
    """Sum; Hisil, Wong, Carter, Dawson 2008, section 3.1 with a = -1 (complete: also doubles)."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = p[3] * q[3] % P * (2 * D) % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def double(p):
    """2 p; the same paper, section 3.3."""
    x, y, z, _ = p
    a, b = x * x % P, y * y % P
    h = a + b
    e, g = h - (x + y) * (x + y) % P, a - b
    f = 2 * z * z % P + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def neg(p):
    return -p[0] % P, p[1], p[2], -p[3] % P


def sub(p, q):
    return add(p, neg(q))


def mul(scalar, p):
    return msm([scalar], [p])


def affine(p):
    """The same element with Z = 1."""
    z_inv = pow(p[2], -1, P)
    x, y = p[0] * z_inv % P, p[1] * z_inv % P
    return x, y, 1, x * y % P


def _add_affine(p, y_minus_x, y_plus_x, t2d):
    """`add` for a second summand with Z = 1 given as (y - x, y + x, 2 d x y)."""
    x, y, z, t = p
    a, b, c = (y - x) * y_minus_x % P, (y + x) * y_plus_x % P, t * t2d % P
    e, f, g, h = b - a, 2 * z - c, 2 * z + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _cached(point):
    x, y, _, t = point if point[2] == 1 else affine(point)
    return (y - x) % P, (y + x) % P, 2 * D * t % P


def _digits(scalar, width):
    """`scalar` mod L in base 2^width, least first, all but the last digit in -2^(width - 1) .. 2^(width - 1) - 1."""
    scalar, digits = scalar % L, []
    for _ in range(253 // width):
        digit = (scalar + (1 << (width - 1))) % (1 << width) - (1 << (width - 1))
        digits.append(digit)
        scalar = (scalar - digit) >> width
    return digits + [scalar]


def _bucket_sum(terms):
    """Sum of digit * point over (digit, cached point): one addition a term and two a bucket."""
    buckets = {}
    for digit, (minus, plus, t2d) in terms:
        if digit > 0:
            buckets[digit] = _add_affine(buckets.get(digit, IDENTITY), minus, plus, t2d)
        elif digit < 0:
            buckets[-digit] = _add_affine(buckets.get(-digit, IDENTITY), plus, minus, -t2d)
    running = total = IDENTITY
    for digit in range(max(buckets, default=0), 0, -1):
        if digit in buckets:
            running = add(running, buckets[digit])
        total = add(total, running)
    return total


def _non_adjacent_form(scalar):
    """`scalar` mod L as digits of base 2, least first: each zero or odd and below 16 in magnitude, few of them not zero."""
    scalar, digits = scalar % L, []
    while scalar:
        digit = (scalar + 16) % 32 - 16 if scalar & 1 else 0
        digits.append(digit)
        scalar = (scalar - digit) >> 1
    return digits


def _straus(scalars, points):
    columns = [[] for _ in range(254)]
    for scalar, point in zip(scalars, points, strict=True):
        twice, odd = double(point), [point]
        for _ in range(7):
            odd.append(add(odd[-1], twice))
        for position, digit in enumerate(_non_adjacent_form(scalar)):
            if digit:
                columns[position].append(odd[digit >> 1] if digit > 0 else neg(odd[-digit >> 1]))
    total = IDENTITY
    for column in reversed(columns):
        total = double(total)
        for multiple in column:
            total = add(total, multiple)
    return total


def _pippenger(scalars, points):
    width = min(range(2, 13), key=lambda w: (253 // w + 1) * (len(points) + 2**w))
    digits = [_digits(scalar, width) for scalar in scalars]
    cached = [_cached(point) for point in points]
    total = IDENTITY
    for column in reversed(list(zip(*digits))):
        for _ in range(width):
            total = double(total)
        total = add(total, _bucket_sum(zip(column, cached, strict=True)))
    return total


def msm(scalars, points):
    """Sum of scalars[i] * points[i]. Scalars are taken mod L."""
    return (_straus if len(points) < 48 else _pippenger)(scalars, points)


class FixedPoints:
    """Points that many sums use: with their multiples by 2^WIDTH at hand, all digits of a sum share one set of buckets."""

    WIDTH = 9

    def __init__(self, points):
        self.multiples = []
        for point in points:
            for _ in range(253 // self.WIDTH + 1):
                self.multiples.append(_cached(point))
                for _ in range(self.WIDTH):
                    point = double(point)

    def msm(self, scalars):
        """Sum of scalars[i] * points[i] over the first len(scalars) points."""
        digits = (digit for scalar in scalars for digit in _digits(scalar, self.WIDTH))
        return _bucket_sum(zip(digits, self.multiples))


BASEPOINT = decode(bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"))


def decode_scalar(data):
    """Section 4.4: a scalar from its canonical 32 bytes, or None."""
    scalar = int.from_bytes(data, "little")
    return scalar if len(data) == 32 and scalar < L else None


def scalar_from_wide(data):
    """64 bytes, little-endian, reduced mod L."""
    assert len(data) == 64
    return int.from_bytes(data, "little") % L
