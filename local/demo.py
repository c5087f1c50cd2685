"""A narrated booking against the running system. Fails loudly if an answer is not as promised."""

from __future__ import annotations

import json
import secrets
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from local import identity
from local.api import Answer, Patient
from local.config import Config


class BrokenPromise(Exception):
    """An answer was not as the contract says."""


def demo(config: Config) -> int:
    """Book, get things wrong, race, expire; exit status 0 if all went as it should."""
    stack = json.loads((config.state / "stack.json").read_text())
    people = identity.sign_in(config, [identity.anybody("patient") for _ in range(2)])
    alice, bob = (Patient(stack["api_url"], config, p.token, p.phone) for p in people)
    try:
        _play(stack["doctors"][0], alice, bob)
        _change_plans(stack["doctors"][0], alice, bob)
    except (BrokenPromise, TimeoutError) as error:
        print(f"\nNOT AS PROMISED: {error}", file=sys.stderr)
        return 1
    print("\nEverything was as the contract says.")
    return 0


def _play(doctor: str, alice: Patient, bob: Patient) -> None:
    _tell("Alice looks at a doctor's free slots")
    first, second = alice.free_slots(doctor)[:2]
    _show(f"{first['id']} and more, from {first['startTime']}")

    _tell("She holds one, and another that she will forget about")
    key = secrets.token_hex(16)
    held = _expect(alice.hold(first["id"], key), 202)
    code = alice.code()
    forgotten = _expect(alice.hold(second["id"]), 202).json
    attempt = held.json["attemptId"]
    _show(f"attempt {attempt}, hers until {held.json['expiresAt']}")

    _tell("Bob wants the same slot")
    refused = _expect(bob.hold(first["id"]), 409, "slot_held")
    _show(f"{refused.json['detail']} Retry after {refused.headers['Retry-After']} s.")

    _tell("Her SMS")
    _show(alice.messages()[0])

    _tell("She mistypes it")
    wrong = _expect(alice.verify(attempt, _other(code)), 422, "otp_invalid")
    _show(f"{wrong.json['detail']} {wrong.json['attemptsRemaining']} tries left.")

    _tell("She types it right")
    booked = _expect(alice.verify(attempt, code), 201).json
    _show(f"booking {booked['id']} is {booked['status']}")

    _tell("Her app, unsure, sends everything again")
    again = _expect(alice.verify(attempt, code), 200).json
    _require(again == booked, "the repeated verify answers the same booking")
    replayed = _expect(alice.hold(first["id"], key), 202)
    _require(replayed.text == held.text, "the repeated hold answers the same bytes")
    _require(replayed.headers.get("Idempotent-Replayed") == "true", "and says so")
    _show("same booking, same answer, nothing done twice")

    _tell("Bob tries again, and asks for Alice's booking")
    _expect(bob.hold(first["id"]), 409, "slot_unavailable")
    _expect(bob.booking(booked["id"]), 404, "not_found")
    _expect(alice.booking(booked["id"]), 200)
    _show("refused; only she can see it")

    _tell("The confirmation arrives by SMS")
    _show(alice.wait_for(1, r"Your appointment is confirmed.*")[0])

    _tell("The slot she forgot about becomes free by itself")
    _wait_until(forgotten["expiresAt"], forgotten["serverTime"])
    taken = _expect(bob.hold(second["id"]), 202).json
    _expect(alice.verify(forgotten["attemptId"], "000000"), 410, "hold_expired")
    _show("Bob holds it; Alice's attempt is over")

    _tell("Bob lets it go, and it can be held again")
    _expect(bob.release(taken["attemptId"]), 204)
    back = _expect(alice.hold(second["id"]), 202).json
    _expect(alice.release(back["attemptId"]), 204)
    _show("held and released once more")


def _change_plans(doctor: str, alice: Patient, bob: Patient) -> None:
    far = datetime.now(UTC) + timedelta(hours=30)
    later = [
        slot
        for slot in alice.free_slots(doctor, limit=100)
        if datetime.fromisoformat(slot["startTime"]) > far
    ]
    old_slot, new_slot = later[0], later[1]

    _tell("Alice books another day, then wants the next slot instead")
    old = alice.book(old_slot["id"])
    sent = len(alice.codes())
    held = _expect(alice.hold(new_slot["id"], replaces=old["id"]), 202).json
    _expect(alice.booking(old["id"]), 200)
    _show("the old booking is hers until the new one is confirmed")
    new = _expect(alice.verify(held["attemptId"], alice.code(sent + 1)), 201).json
    moved = _expect(alice.booking(old["id"]), 200).json
    _require(moved["status"] == "rescheduled", "the old booking is rescheduled")
    _require(moved["replacedBy"] == new["id"], "and names the new one")
    _show(alice.wait_for(1, r"Your appointment was moved.*")[0])

    _tell("Bob takes the slot she left")
    _expect(bob.hold(old_slot["id"]), 202)

    _tell("She cancels, and cancels again to be sure")
    cancelled = _expect(alice.cancel(new["id"]), 200)
    again = _expect(alice.cancel(new["id"]), 200)
    _require(cancelled.text == again.text, "a repeated cancel answers the same")
    _expect(alice.reschedule(new["id"]), 409, "booking_not_confirmed")
    _show(alice.wait_for(1, r"Your appointment is cancelled.*")[0])


def _other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def _expect(answer: Answer, status: int, code: str | None = None) -> Answer:
    found: Any = answer.json.get("code") if code else None
    _require(
        answer.status == status and found == code,
        f"expected {status} {code or ''}, got {answer.status} {answer.text}",
    )
    return answer


def _require(is_so: bool, what: str) -> None:  # the condition comes first, as in assert
    if not is_so:
        raise BrokenPromise(what)


def _wait_until(expires_at: str, server_time: str) -> None:
    began, ends = (datetime.fromisoformat(text) for text in (server_time, expires_at))
    left = (ends - began).total_seconds()
    _show(f"waiting until {expires_at}")
    # The hold ends on the database's clock, which is this machine's.
    while (now := datetime.now(ends.tzinfo)) <= ends:
        print(
            f"\r    {(ends - now).total_seconds():5.0f} of {left:.0f} s left ", end="", flush=True
        )
        time.sleep(min(1.0, (ends - now).total_seconds() + 0.01))
    print()


def _tell(what: str) -> None:
    print(f"\n* {what}")


def _show(what: str) -> None:
    print(f"    {what}")
