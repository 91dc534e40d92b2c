"""Sections 3 and 4 of README.md: keys, addresses as text (BIP 350), notes (ChaCha20-Poly1305, RFC 8439)."""

import collections
import itertools
import struct

import ristretto as group
from merlin import Transcript
from notation import G, G1, H, digest, hash_to_scalar, le

Note = collections.namedtuple("Note", "key commitment ephemeral view_tag ciphertext")
Opening = collections.namedtuple("Opening", "offset amount mask anchor memo")
"""What the receiver of a note learns: the coin's secret is `offset` + s_i."""


# Section 3: keys.


def expand(seed):
    transcript = Transcript(b"ExpandSecretKeys")
    transcript.append_message(b"mini", seed)
    return group.scalar_from_wide(transcript.challenge_bytes(b"sk", 64))


def hard(seed, junction):
    transcript = Transcript(b"SchnorrRistrettoHDKD")
    transcript.append_message(b"sign-bytes", junction)
    transcript.append_message(b"chain-code", b"io-shield".ljust(32, b"\0"))
    transcript.append_message(b"secret-key", le(expand(seed), 32))
    return transcript.challenge_bytes(b"HDKD-hard", 32)


def keys(seed):
    """The spend key s and the view key v."""
    return expand(hard(seed, b"spend")), expand(hard(seed, b"view"))


def address(s, v, number):
    """S_i and V_i, encoded, and s_i."""
    s_i = s + hash_to_scalar(b"sub", le(v, 32) + le(number, 4)) if number else s
    point = group.mul(s_i, G)
    return group.encode(point), group.encode(group.mul(v, point)), s_i % group.L


_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def _polymod(values):
    check = 1
    for value in values:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator * (top >> i & 1)
    return check


def bech32m_encode(prefix, data):
    bits = len(data) * 8
    number, groups = int.from_bytes(data, "big"), -(-bits // 5)
    number <<= groups * 5 - bits
    values = [number >> 5 * i & 31 for i in reversed(range(groups))]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = _polymod(expanded + values + [0] * 6) ^ 0x2BC830A3
    values += [check >> 5 * i & 31 for i in reversed(range(6))]
    return prefix + "1" + "".join(_BECH32[value] for value in values)


def address_text(s_i_point, v_i_point, genesis, live):
    return bech32m_encode("ioz" if live else "tioz", b"\x01" + s_i_point + v_i_point + genesis[:4])


# RFC 8439.


def chacha20_block(key, counter, nonce):
    initial = list(struct.unpack("<16I", b"expand 32-byte k" + key + le(counter, 4) + nonce))
    x = initial.copy()

    def quarter(a, b, c, d):
        for to, by, turned, rotation in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[to] = (x[to] + x[by]) & 0xFFFFFFFF
            word = x[turned] ^ x[to]
            x[turned] = word << rotation & 0xFFFFFFFF | word >> (32 - rotation)

    for _ in range(10):
        for i in range(4):
            quarter(i, i + 4, i + 8, i + 12)
        for i in range(4):
            quarter(i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(x, initial)))


def _chacha20(key, nonce, data):
    blocks = (chacha20_block(key, 1 + i, nonce) for i in range(-(-len(data) // 64)))
    return bytes(a ^ b for a, b in zip(data, itertools.chain.from_iterable(blocks)))


def poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for i in range(0, len(message), 16):
        total = (total + int.from_bytes(message[i : i + 16] + b"\x01", "little")) * r % (2**130 - 5)
    return le((total + int.from_bytes(key[16:], "little")) % 2**128, 16)


def _tag(key, nonce, associated, ciphertext):
    padded = b"".join(part + bytes(-len(part) % 16) for part in (associated, ciphertext))
    lengths = struct.pack("<QQ", len(associated), len(ciphertext))
    return poly1305(chacha20_block(key, 0, nonce)[:32], padded + lengths)


def seal(key, nonce, associated, plaintext):
    ciphertext = _chacha20(key, nonce, plaintext)
    return ciphertext + _tag(key, nonce, associated, ciphertext)


def unseal(key, nonce, associated, sealed):
    """The plaintext, or None if the tag is wrong."""
    ciphertext, tag = sealed[:-16], sealed[-16:]
    return _chacha20(key, nonce, ciphertext) if tag == _tag(key, nonce, associated, ciphertext) else None


# Section 4: notes.


def make_note(s_i, v_i, amount, anchor, memo, context, minted):
    """The note for the address (`s_i`, `v_i`), both encoded, and the mask of its coin."""
    r = hash_to_scalar(b"eph", anchor + s_i + v_i + le(amount, 8) + context)
    ephemeral = group.encode(group.mul(r, group.decode(s_i)))
    q = digest(b"kdf", ephemeral + group.encode(group.mul(r, group.decode(v_i))) + context)
    key = group.encode(group.add(group.decode(s_i), group.mul(hash_to_scalar(b"key", q), G)))
    mask = 1 if minted else hash_to_scalar(b"mask", q + le(amount, 8))
    commitment = group.encode(group.msm([amount, mask], [H, G1]))
    associated = key + commitment + ephemeral + context
    ciphertext = seal(digest(b"enc", q), bytes(12), associated, le(amount, 8) + anchor + memo)
    return Note(key, commitment, ephemeral, digest(b"vt", q)[:2], ciphertext), mask


def open_note(v, addresses, note, context, minted):
    """Section 4, receiver: (S_i, Opening), or None if the note is not for one of `addresses`, S_i to V_i, all encoded."""
    q = digest(b"kdf", note.ephemeral + group.encode(group.mul(v, group.decode(note.ephemeral))) + context)
    if note.view_tag != digest(b"vt", q)[:2]:
        return None
    associated = note.key + note.commitment + note.ephemeral + context
    plaintext = unseal(digest(b"enc", q), bytes(12), associated, note.ciphertext)
    offset = hash_to_scalar(b"key", q)
    s_i = group.encode(group.sub(group.decode(note.key), group.mul(offset, G)))
    if plaintext is None or s_i not in addresses:
        return None
    amount, anchor, memo = int.from_bytes(plaintext[:8], "little"), plaintext[8:24], plaintext[24:]
    expected, mask = make_note(s_i, addresses[s_i], amount, anchor, memo, context, minted)
    return (s_i, Opening(offset, amount, mask, anchor, memo)) if note == expected else None


# Section 14: recorded keys and notes.


def judge(document):
    """Makes every recorded key, address and note anew: a list of (name, whether it is the same)."""
    results = []

    def addresses_of(case):
        s, v = keys(bytes.fromhex(case["seed"]))
        return v, address(s, v, case["index"])[:2]

    for number, case in enumerate(document["keys"]):
        v, (s_i, v_i) = addresses_of(case)
        here = [le(v, 32).hex(), s_i.hex(), v_i.hex(), address_text(s_i, v_i, bytes.fromhex(case["genesis"]), case["live"])]
        results.append((f"keys {number}", here == [case["v"], case["S_i"], case["V_i"], case["address"]]))
    for number, case in enumerate(document["notes"]):
        v, (s_i, v_i) = addresses_of(case)
        minted, origin = case["origin"] == "mint", bytes.fromhex(case["from"])
        context = digest(b"mint", origin) if minted else origin
        recorded = Note(*(bytes.fromhex(case[field]) for field in ("P", "C", "K", "vt", "ct")))
        amount, anchor, memo = int(case["amount"]), bytes.fromhex(case["anchor"]), bytes.fromhex(case["memo"])
        made, mask = make_note(s_i, v_i, amount, anchor, memo, context, minted)
        opened = open_note(v, {s_i: v_i}, recorded, context, minted)
        same = made == recorded and opened and opened[1][1:] == (amount, mask, anchor, memo)
        results.append((f"note {number}", bool(same)))
    return results
