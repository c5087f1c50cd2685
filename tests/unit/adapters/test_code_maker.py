from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from datetime import UTC, datetime

import pytest

from slotkeeper.adapters.code_maker import HotpCodes
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.key_ring import OtpKey
from slotkeeper.ports.codes import CodeRecord, KeyGone

KEYS = {"k1": b"first key of the ring", "k2": b"second key of the ring"}


class Keys:
    """Those keys by id (or `made`, whatever the id); the last is in use."""

    def __init__(self, *, is_down: bool = False, made: bool = False) -> None:
        self.is_down, self.made = is_down, made

    def in_use(self) -> OtpKey:
        return self.find("k2")

    def recent(self) -> list[OtpKey]:
        return [self.find("k2"), self.find("k1")]

    def find(self, key_id: str) -> OtpKey:
        if self.is_down:
            raise Unavailable
        if not self.made and key_id not in KEYS:
            raise KeyGone
        key = key_id if self.made else KEYS[key_id].decode()
        return OtpKey(id=key_id, key=key, since=datetime(2026, 1, 1, tzinfo=UTC))


MAKER = HotpCodes(Keys())


def record(
    *, seed: str = "JBSWY3DPEHPK3PXP", key_id: str | None = "k1", send: int = 1
) -> CodeRecord:
    return CodeRecord(slot_id="doc_1", seed=seed, key_id=key_id, send_number=send)


def a_seed() -> str:
    return base64.b32encode(secrets.token_bytes(20)).decode()


def rfc_4226(secret: bytes, counter: int) -> str:
    """HOTP by the letter of the RFC, section 5.3."""
    mac = hmac.new(secret, struct.pack(">Q", counter), hashlib.sha1).digest()
    offset = mac[-1] & 0x0F
    (number,) = struct.unpack(">I", mac[offset : offset + 4])
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06d}"


def test_reference_in_this_test_is_the_rfcs() -> None:
    codes = [rfc_4226(b"12345678901234567890", counter) for counter in range(10)]

    assert codes == [
        *("755224", "287082", "359152", "969429", "338314"),
        *("254676", "287922", "162583", "399871", "520489"),
    ]


@pytest.mark.parametrize("send", [1, 2, 3, 4])
@pytest.mark.parametrize("key_id", ["k1", "k2"])
def test_code_is_hotp_of_seed_and_key_at_the_send_number(key_id: str, send: int) -> None:
    made_of = record(seed=a_seed(), key_id=key_id, send=send)
    shared = hmac.new(KEYS[key_id], made_of.seed.encode(), hashlib.sha256).digest()

    assert MAKER.code(made_of) == rfc_4226(shared, send)


def test_same_record_always_makes_the_same_code() -> None:
    assert {MAKER.code(record()) for _ in range(10)} == {MAKER.code(record())}


def test_slot_is_no_part_of_the_code() -> None:
    elsewhere = CodeRecord(
        slot_id="doc_2", seed=record().seed, key_id="k1", send_number=record().send_number
    )

    assert MAKER.code(elsewhere) == MAKER.code(record())


def test_codes_of_other_send_numbers_are_hardly_ever_the_same() -> None:
    codes = {MAKER.code(record(send=send)) for send in range(1_000)}

    assert len(codes) > 990


def test_codes_of_other_seeds_are_hardly_ever_the_same() -> None:
    codes = {MAKER.code(record(seed=f"SEED{number}")) for number in range(1_000)}

    assert len(codes) > 990


def test_codes_of_other_keys_are_hardly_ever_the_same() -> None:
    maker = HotpCodes(Keys(made=True))

    codes = {maker.code(record(key_id=f"k{number}")) for number in range(1_000)}

    assert len(codes) > 990


def test_every_code_is_six_ascii_digits_with_its_leading_zeros() -> None:
    codes = [MAKER.code(record(send=send)) for send in range(1_000)]

    assert all(len(code) == 6 and code.isascii() and code.isdigit() for code in codes)
    assert any(code.startswith("0") for code in codes)


def test_every_digit_is_as_likely_as_another() -> None:
    digits = "".join(MAKER.code(record(send=send)) for send in range(2_000))

    counts = [digits.count(str(digit)) for digit in range(10)]

    assert min(counts) > 1_000  # 1,200 each, give or take 33 (one standard deviation)
    assert max(counts) < 1_400


def test_key_that_cannot_be_had_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        HotpCodes(Keys(is_down=True)).code(record())


@pytest.mark.parametrize("key_id", [None, "k9", ""])
def test_record_without_a_key_that_there_is_has_no_code(key_id: str | None) -> None:
    with pytest.raises(KeyGone):
        MAKER.code(record(key_id=key_id))


def test_new_codes_are_made_with_the_key_in_use() -> None:
    assert MAKER.key_in_use() == "k2"


# --- what a guess is known again by ---------------------------------------------------------------


def test_guess_has_a_mark_by_each_recent_key_and_the_same_each_time() -> None:
    marks = MAKER.marks("at_1", "123456")

    assert len(set(marks)) == 2
    assert MAKER.marks("at_1", "123456") == marks


def test_no_two_guesses_and_no_two_attempts_share_a_mark() -> None:
    found = [
        mark
        for attempt in ("at_1", "at_2")
        for guess in range(500)
        for mark in MAKER.marks(attempt, f"{guess:06d}")
    ]

    assert len(set(found)) == len(found) == 2_000


def test_mark_can_be_made_by_nobody_without_the_key() -> None:
    """Six digits are a million: whoever could make marks would find the guess of each."""
    other = HotpCodes(Keys(made=True))

    assert not set(other.marks("at_1", "123456")) & set(MAKER.marks("at_1", "123456"))


def test_record_does_not_show_its_seed() -> None:
    assert record().seed not in repr(record())
