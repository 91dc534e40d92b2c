#!/usr/bin/env python3
"""Tests of the second verifier: published vectors of what it is built from, then bundles of a pool of its own."""

import hashlib
import json
import pathlib
import random
import unittest

import notes
import prove
import ring_proof
import ristretto as group
import verify
from merlin import Transcript, keccak_f1600
from notation import G, U, Z, digest, le

HERE = pathlib.Path(__file__).parent


class Ristretto(unittest.TestCase):
    vectors = json.loads((HERE / "rfc9496.json").read_text())

    def test_should_encode_small_multiples_as_in_appendix_a1(self):
        total = group.IDENTITY
        for factor, encoding in enumerate(map(bytes.fromhex, self.vectors["multiples"])):
            self.assertEqual(group.encode(total), encoding)
            self.assertEqual(group.encode(group.mul(factor, G)), encoding)
            self.assertTrue(group.equal(group.decode(encoding), total))
            total = group.add(total, G)

    def test_should_refuse_the_encodings_of_appendix_a2(self):
        for encoding in map(bytes.fromhex, self.vectors["invalid"]):
            self.assertIsNone(group.decode(encoding))

    def test_should_derive_the_elements_of_appendix_a3(self):
        for uniform, encoding in self.vectors["derivation"]:
            self.assertEqual(group.encode(group.from_uniform_bytes(bytes.fromhex(uniform))).hex(), encoding)

    def test_should_take_the_roots_of_appendix_a4(self):
        for u, v, was_square, root in self.vectors["sqrt_ratio_m1"]:
            u, v, root = (int.from_bytes(bytes.fromhex(number), "little") for number in (u, v, root))
            self.assertEqual(group.sqrt_ratio_m1(u, v), (was_square, root))

    def test_should_agree_on_sums_when_computed_in_three_ways(self):
        rng = random.Random(9496)
        points = [group.from_uniform_bytes(rng.randbytes(64)) for _ in range(60)]
        scalars = [0, 1, group.L - 1, -1, 2**252] + [rng.randrange(group.L) for _ in points[5:]]
        expected = group.IDENTITY
        for bit in range(252, -1, -1):
            expected = group.double(expected)
            for scalar, point in zip(scalars, points):
                if scalar % group.L >> bit & 1:
                    expected = group.add(expected, point)
        for compute in (group._straus, group._pippenger, lambda scalars, points: group.FixedPoints(points).msm(scalars)):
            self.assertTrue(group.equal(compute(scalars, points), expected))

    def test_should_refuse_scalars_when_they_are_not_reduced(self):
        self.assertEqual(group.decode_scalar(le(group.L - 1, 32)), group.L - 1)
        for number in (group.L, group.L + 1, 2**256 - 1):
            self.assertIsNone(group.decode_scalar(le(number, 32)))


class Merlin(unittest.TestCase):
    def test_should_give_sha3_when_keccak_absorbs_a_padded_message(self):
        state = bytearray(200)
        state[:4], state[135] = b"abc\x06", 0x80
        keccak_f1600(state)
        self.assertEqual(state[:32], hashlib.sha3_256(b"abc").digest())

    def test_should_give_the_challenge_of_merlins_simple_vector(self):
        transcript = Transcript(b"test protocol")
        transcript.append_message(b"some label", b"some data")
        expected = "d5a21972d0d5fe320c0d263fac7fffb8145aa640af6e9bca177c03c7efcf0615"
        self.assertEqual(transcript.challenge_bytes(b"challenge", 32).hex(), expected)

    def test_should_give_the_challenge_of_merlins_complex_vector(self):
        transcript = Transcript(b"test protocol")
        transcript.append_message(b"step1", b"some data")
        for _ in range(32):
            challenge = transcript.challenge_bytes(b"challenge", 32)
            transcript.append_message(b"bigdata", bytes([99]) * 1024)
            transcript.append_message(b"challengedata", challenge)
        self.assertEqual(challenge.hex(), "a8c933f54fae76e3f9bea93648c1308e7dfa2152dd51674ff3ca438351cf003c")


class Notes(unittest.TestCase):
    def setUp(self):
        self.s, self.v = notes.keys(bytes(32))
        pairs = [notes.address(self.s, self.v, number) for number in (0, 7)]
        self.addresses = {spend: view for spend, view, _ in pairs}
        self.secrets = {spend: secret for spend, _, secret in pairs}

    def test_should_seal_as_in_section_2_8_2_of_rfc_8439(self):
        sealed = notes.seal(
            bytes(range(0x80, 0xA0)),
            bytes.fromhex("070000004041424344454647"),
            bytes.fromhex("50515253c0c1c2c3c4c5c6c7"),
            b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
            b"sunscreen would be it.",
        )
        self.assertEqual(
            sealed.hex(),
            "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b"
            "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
            "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691",
        )

    def test_should_write_bech32m_as_bip_350_does(self):
        data = int("".join(f"{value:05b}" for value in range(31, -1, -1)), 2)
        self.assertEqual(notes.bech32m_encode("a", b""), "a1lqfn3a")
        text = notes.bech32m_encode("abcdef", data.to_bytes(20, "big"))
        self.assertEqual(text, "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx")

    def test_should_derive_the_keys_that_schnorrkel_derives(self):
        spend = "157192b690cca8cec85d330ffa5e5d0b391542213b5486eb124a358033ec7f09"
        view = "ef6407fee49bef0964dc63f40fce12b9286412f1d74f35d06513e0ebbad333d6"
        self.assertEqual([notes.hard(bytes(32), name).hex() for name in (b"spend", b"view")], [spend, view])
        self.assertEqual(le(self.s, 32).hex(), "b195b820deca62beaeecf0c8d7e607bd1232de622a18947e56f3f404941eac06")

    def test_should_open_a_note_when_it_is_for_an_own_address(self):
        for spend, view in self.addresses.items():
            for minted in (False, True):
                note, mask = notes.make_note(spend, view, 5, bytes(16), b"m" * 64, bytes(32), minted)
                owner, opening = notes.open_note(self.v, self.addresses, note, bytes(32), minted)
                self.assertEqual((owner, opening.amount, opening.mask, opening.memo), (spend, 5, mask, b"m" * 64))
                self.assertEqual(group.encode(group.mul(self.secrets[spend] + opening.offset, G)), note.key)

    def test_should_not_take_a_note_when_anything_in_it_is_wrong(self):
        note, _ = notes.make_note(*next(iter(self.addresses.items())), 5, bytes(16), bytes(64), bytes(32), False)
        other = group.encode(U)
        wrong = [note._replace(**{field: other}) for field in ("key", "commitment", "ephemeral")]
        wrong += [note._replace(view_tag=bytes(2)), note._replace(ciphertext=bytes(104))]
        for bad in wrong:
            self.assertIsNone(notes.open_note(self.v, self.addresses, bad, bytes(32), False))
        self.assertIsNone(notes.open_note(self.v, self.addresses, note, bytes(31) + b"1", False))
        self.assertIsNone(notes.open_note(self.v, self.addresses, note, bytes(32), True))
        self.assertIsNone(notes.open_note(self.v + 1, self.addresses, note, bytes(32), False))

    def test_should_report_a_recorded_key_or_note_when_it_is_another(self):
        document = json.loads((HERE.parent / "tests/vectors/notes.json").read_text())
        key, note = document["keys"][1], document["notes"][1]
        wrong = {"keys": [key, key | {"index": key["index"] + 1}], "notes": [note, note | {"vt": "0000"}]}
        self.assertEqual([same for _, same in notes.judge(wrong)], [True, False, True, False])


IDENTITY = bytes(32)
NOT_A_POINT = b"\x01" + bytes(31)
NOT_REDUCED = le(group.L, 32)
ACCOUNT, ERA_HASH = b"a" * 32, b"e" * 32
POOL = verify.Pool(b"g" * 32, 2000, 50, 1)


# Six coins of 1,000 to 6,000 units: two full windows of four.
MATURED = 6
COINS = prove.KnownCoins(POOL, MATURED)


def spend(number, index, length=4):
    return COINS.spend(number, index, length)


def bundle_of(spends, amounts, fee=90, target=b"\0", pool=POOL, coins_of=COINS.of):
    return prove.prove_bundle(pool, 7, ERA_HASH, coins_of, spends, amounts, fee, b"\0", target)


def verdict(data, pool=POOL, era_hash=ERA_HASH, matured=MATURED, coins_of=COINS.of):
    return verify.verdict(pool, data, era_hash, matured, coins_of)


def with_field(proof, number, field):
    """`proof` with its 32 bytes number `number` replaced."""
    number %= len(proof) // 32
    return proof[: 32 * number] + field + proof[32 * number + 32 :]


class Bundles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Coin 1 in window 0, coin 4 in window 1: 2,000 + 5,000 = 90 + 310 + 6,600 + 0.
        cls.target = b"\x01" + ACCOUNT + le(310, 8)
        cls.bundle = bundle_of([spend(1, 0), spend(4, 1)], [6600, 0], 90, cls.target)
        cls.data = prove.encode_bundle(cls.bundle)

    def with_input(self, number=0, **fields):
        inputs = list(self.bundle.inputs)
        inputs[number] = inputs[number]._replace(**fields)
        return self.bundle._replace(inputs=inputs)

    def with_output(self, number=0, **fields):
        outputs = list(self.bundle.outputs)
        outputs[number] = outputs[number]._replace(**fields)
        return self.bundle._replace(outputs=outputs)

    def assert_verdict(self, expected, *bundles):
        for bundle in bundles:
            self.assertEqual(verdict(prove.encode_bundle(bundle)), expected)

    def test_should_accept_a_bundle_when_it_is_valid(self):
        self.assertEqual(verdict(self.data), "Ok")
        decoded = verify.decode_bundle(self.data)
        self.assertEqual(prove.encode_bundle(decoded), self.data)
        self.assertEqual(decoded.amount, 310)

    def test_should_accept_one_or_four_inputs_partial_windows_and_four_outputs(self):
        self.assert_verdict("Ok", bundle_of([spend(2, 1, 3)], [2300, 310, 300, 0]))
        self.assert_verdict("Ok", bundle_of([spend(number, number // 3) for number in (0, 1, 4, 5)], [13910, 0]))
        pool = verify.Pool(b"g" * 32, 2000, 50, 2)
        coins_of = lambda index, length: COINS.encoded[: 64 * length]
        bundle = bundle_of([spend(3, 0, 5)._replace(place=3)], [3910, 0], pool=pool, coins_of=coins_of)
        self.assertEqual(verdict(prove.encode_bundle(bundle), pool=pool, coins_of=coins_of), "Ok")

    def test_should_refuse_bytes_that_are_not_the_one_encoding(self):
        data, after_outputs = self.data, len(self.data) - (8 + 1 + 41 + 4 + 2 + 736)
        for bad in (
            b"",
            data[:-1],
            data + b"\0",
            # Two inputs in the compact form of two bytes, then in that of four.
            b"\x09\x00" + data[1:],
            b"\x0a\x00\x00\x00" + data[1:],
            # Five inputs; an Option of 2; a target of 3.
            b"\x14" + data[1:],
            data[: after_outputs + 8] + b"\x02" + data[after_outputs + 9 :],
            data[: after_outputs + 9] + b"\x03" + data[after_outputs + 10 :],
            prove.encode_bundle(self.with_input(proof=bytes(1217))),
            prove.encode_bundle(self.bundle._replace(range_proof=bytes(801))),
        ):
            self.assertEqual(verdict(bad), "BadEncoding")

    def test_should_refuse_numbers_and_lengths_that_no_bundle_has(self):
        bundle = self.bundle
        self.assert_verdict(
            "BadShape",
            bundle._replace(inputs=[]),
            bundle._replace(inputs=bundle.inputs + bundle.inputs[:1]),
            bundle._replace(outputs=[]),
            bundle._replace(outputs=bundle.outputs[:1]),
            bundle._replace(outputs=bundle.outputs + bundle.outputs[:1]),
            bundle._replace(range_proof=bytes(800)),
            bundle._replace(range_proof=b""),
            self.with_input(proof=bytes(ring_proof.length(2))),
        )

    def test_should_refuse_amounts_and_fees_out_of_bounds(self):
        bundle = self.bundle
        self.assert_verdict(
            "BadAmount",
            bundle._replace(target=b"\x01" + ACCOUNT + le(0, 8)),
            bundle._replace(target=b"\x02" + bytes(64) + le(0, 8)),
            bundle._replace(target=b"\x01" + ACCOUNT + le(2**64 - 1, 8), fee=10),
        )
        self.assert_verdict("BadFee", bundle._replace(fee=101), bundle._replace(fee=99_100_000))

    def test_should_refuse_windows_that_are_not_permitted(self):
        places = 1024
        for index, length, matured, expected in (
            (0, 1024, 1024, True),
            (0, 1024, 1023, False),
            (1, 1024, 1536, True),
            (1, 1024, 1535, False),
            (0, 32, 32, True),
            (0, 0, 32, False),
            (0, 64, 63, False),
            (0, 33, 64, False),
            (0, 992, 1535, True),
            (0, 992, 1536, False),
            (1, 512, 1024, True),
            (1, 480, 1024, False),
            (1, 992, 2047, True),
            (1, 992, 2048, False),
            (1, 2048, 9999, False),
            (2**32 - 1, 1024, 2**32 - 1, False),
        ):
            self.assertEqual(verify.window_is_permitted(index, length, places, matured), expected, (index, length, matured))
        self.assertEqual(verdict(self.data, matured=5), "BadWindow")
        spends = [spend(2, 1, length) for length in (2, 3, 4)]
        three = bundle_of(spends + [spend(3, 1)], [12910, 0])
        self.assert_verdict("TooManyWindows", three)

    def test_should_refuse_tags_and_keys_that_stand_twice(self):
        tag, key = self.bundle.inputs[0].tag, self.bundle.outputs[0].key
        self.assert_verdict("DuplicateTag", self.with_input(1, tag=tag), bundle_of([spend(1, 0)] * 2, [3910, 0]))
        self.assert_verdict("DuplicateKey", self.with_output(1, key=key))

    def test_should_refuse_points_that_are_not_proper_wherever_they_stand(self):
        proof, range_proof = self.bundle.inputs[1].proof, self.bundle.range_proof
        for bad in (IDENTITY, NOT_A_POINT):
            self.assert_verdict("BadPoint", self.with_input(tag=bad), self.with_input(1, pseudo=bad))
            fields = ("key", "commitment", "ephemeral")
            self.assert_verdict("BadPoint", *(self.with_output(1, **{field: bad}) for field in fields))
            self.assert_verdict("BadPoint", *(self.with_input(1, proof=with_field(proof, i, bad)) for i in range(7)))
            points = [0, 1, 2, 3] + list(range(7, 21))
            self.assert_verdict(
                "BadPoint", *(self.bundle._replace(range_proof=with_field(range_proof, i, bad)) for i in points)
            )

    def test_should_refuse_scalars_that_are_not_reduced_after_all_points(self):
        proof, range_proof = self.bundle.inputs[1].proof, self.bundle.range_proof
        for i in range(7, 14):
            self.assert_verdict("BadScalar", self.with_input(1, proof=with_field(proof, i, NOT_REDUCED)))
        worse = [self.bundle._replace(range_proof=with_field(range_proof, i, NOT_REDUCED)) for i in (4, 5, 6, -2, -1)]
        self.assert_verdict("BadScalar", *worse)
        outputs = [self.bundle.outputs[0], self.bundle.outputs[1]._replace(ephemeral=IDENTITY)]
        self.assert_verdict("BadPoint", worse[0]._replace(outputs=outputs))

    def test_should_refuse_rings_that_are_short_or_not_of_points(self):
        self.assertEqual(verdict(self.data, coins_of=lambda index, length: COINS.of(index, length - 1)), "BadRing")
        for bad in (IDENTITY, NOT_A_POINT):
            coins_of = lambda index, length: COINS.of(index, length)[:-32] + bad
            bundle = bundle_of([spend(2, 1)], [2910, 0], coins_of=coins_of)
            self.assertEqual(verdict(prove.encode_bundle(bundle), coins_of=coins_of), "BadRing")

    def test_should_refuse_a_bundle_when_it_does_not_balance(self):
        self.assert_verdict(
            "Unbalanced",
            self.bundle._replace(fee=91),
            self.bundle._replace(target=b"\0"),
            self.with_input(pseudo=self.bundle.inputs[1].pseudo),
            bundle_of([spend(1, 0)], [1911, 0]),
        )

    def test_should_refuse_a_value_when_it_is_not_below_2_to_the_64(self):
        for amounts in ([2**64, 1910 - 2**64], [1911, -1], [group.L - 1, 1911]):
            self.assert_verdict("BadRangeProof", bundle_of([spend(1, 0)], amounts))

    def test_should_bind_the_proofs_to_everything_around_them(self):
        refused = "BadRangeProof"
        for changed in (
            {"pool": verify.Pool(b"h" * 32, 2000, 50, 1)},
            {"pool": verify.Pool(b"g" * 32, 2001, 50, 1)},
            {"pool": verify.Pool(b"g" * 32, 2000, 51, 1)},
            {"era_hash": b"f" * 32},
            {"coins_of": lambda index, length: COINS.of(index, length)[64:] + COINS.of(index, length)[:64]},
        ):
            self.assertEqual(verdict(self.data, **changed), refused)
        self.assert_verdict(
            refused,
            self.bundle._replace(fee_to=b"\x01" + ACCOUNT),
            self.bundle._replace(target=b"\x01" + b"b" * 32 + le(310, 8)),
            self.bundle._replace(target=b"\x02" + bytes(64) + le(310, 8)),
            self.bundle._replace(era=8),
            self.with_input(1, len=3),
            self.with_input(tag=group.encode(Z)),
            self.with_output(view_tag=b"zz"),
            self.with_output(ciphertext=bytes(104)),
            self.with_output(key=group.encode(Z)),
            self.with_output(ephemeral=group.encode(Z)),
            self.bundle._replace(inputs=self.bundle.inputs[::-1]),
            self.bundle._replace(outputs=self.bundle.outputs[::-1]),
        )

    def test_should_refuse_a_ring_proof_when_it_is_of_another_input(self):
        first, second = (item.proof for item in self.bundle.inputs)
        self.assert_verdict("BadRingProof", self.with_input(0, proof=second), self.with_input(1, proof=first))

    def test_should_refuse_a_bundle_when_any_byte_is_another(self):
        rng = random.Random(5)
        for position in rng.sample(range(len(self.data)), 60):
            changed = bytearray(self.data)
            changed[position] ^= 1 << rng.randrange(8)
            self.assertNotEqual(verdict(bytes(changed)), "Ok", position)

    def test_should_report_a_recorded_verdict_when_it_is_another(self):
        mutations = [
            {"name": "a byte more", "at": len(self.data), "cut": 0, "put": "00", "verdict": "BadEncoding"},
            {"name": "a byte less", "at": 0, "cut": 1, "put": "", "verdict": "BadShape"},
            {"name": "another fee", "at": len(self.data) - 792, "cut": 1, "put": "5b", "verdict": "Unbalanced"},
        ]
        case = prove.case_of("a", POOL, ERA_HASH, MATURED, COINS, self.data, "Ok") | {"mutations": mutations}
        differing = [(name, here) for name, recorded, here in verify.judge(case) if recorded != here]
        self.assertEqual(differing, [("a, a byte less", "BadEncoding")])
        self.assertEqual(len(verify.judge(case | {"id": "00", "mutations": []})), 2)

    def test_should_give_other_identifiers_when_pool_or_bytes_differ(self):
        others = [verify.Pool(b"g" * 32, *numbers) for numbers in ((2001, 50, 1), (2000, 51, 1), (2000, 50, 2))]
        identifiers = {verify.bundle_id(pool, self.data) for pool in [POOL, *others]}
        self.assertEqual(len(identifiers | {verify.bundle_id(POOL, self.data[:-1])}), 5)

    def test_should_count_the_zero_bits_of_a_stamp_from_the_most_significant_one(self):
        nonce = next(n for n in range(10**6) if digest(b"stamp", bytes(32) + le(n, 8))[:2] < b"\x00\x10")
        self.assertTrue(verify.stamp_is_valid(bytes(32), nonce, 12))
        self.assertFalse(verify.stamp_is_valid(bytes(32), nonce, 40))


class RingEquations(unittest.TestCase):
    """Each equation is needed: a wrong witness breaks those it enters and no other."""

    def setUp(self):
        self.m, self.place = 2, 9
        self.x, self.d = prove.random_scalar(), prove.random_scalar()
        point = lambda: group.mul(prove.random_scalar(), G)
        self.pseudo = point()
        self.ring = [(point(), point()) for _ in range(16)]
        self.ring[self.place] = group.mul(self.x, G), group.add(self.pseudo, group.mul(self.d, prove.G1))
        self.tag = group.mul(pow(self.x, -1, group.L), U)

    def failed(self, alter=lambda proof: proof, **witness):
        place, x, d, tag, pseudo = (witness.get(name, getattr(self, name)) for name in ("place", "x", "d", "tag", "pseudo"))
        proof = prove.prove_ring(Transcript(b"test"), 0, self.m, self.ring, place, x, d, tag, pseudo)
        return ring_proof.failed_equations(Transcript(b"test"), 0, self.m, self.ring, tag, pseudo, alter(proof))

    def test_should_hold_when_the_witness_is_right(self):
        self.assertEqual(self.failed(), [])

    def test_should_break_when_the_witness_is_wrong(self):
        self.assertEqual(self.failed(tag=group.neg(self.tag)), [5])
        self.assertEqual(self.failed(tag=Z), [5])
        self.assertEqual(self.failed(d=self.d + 1), [4])
        self.assertEqual(self.failed(pseudo=group.add(self.pseudo, prove.H)), [4])
        self.assertEqual(self.failed(place=8), [3, 4])
        self.assertEqual(self.failed(x=self.x + 1), [3, 5])
        # A key -P spends P with tag -J only if it is in the ring: it is not.
        self.assertEqual(self.failed(x=-self.x, tag=group.neg(self.tag)), [3])

    def test_should_break_one_equation_when_one_response_is_another(self):
        for scalar, equation in ((-4, 1), (-3, 2), (-1, 4)):
            self.assertEqual(self.failed(lambda proof: with_field(proof, scalar, le(1, 32))), [equation])
        self.assertEqual(self.failed(lambda proof: with_field(proof, -2, le(1, 32))), [3, 5])
        self.assertEqual(self.failed(lambda proof: with_field(proof, 4 + 3 * self.m, le(0, 32))), [1, 2, 3, 4])

    def test_should_break_all_equations_when_a_commitment_is_another(self):
        for point in range(4 + 3 * self.m):
            self.assertNotEqual(self.failed(lambda proof: with_field(proof, point, group.encode(Z))), [])


if __name__ == "__main__":
    unittest.main()
