"""Who has which slot: the locks in Redis beside the holds in MongoDB; and let one go by force.

`list` tells of each lock its slot, its attempt, how long it still lives, and whether MongoDB
agrees, which decides: a lock that is wrong keeps a slot from patients until it lapses, no longer.

  held       its attempt holds the slot
  beginning  nobody holds it yet: a request may be at work (20 s at most)
  other      another attempt holds it, or it is booked
  stale      nobody holds it, for longer than a request takes
  no slot    there is no such slot

`release` ends the hold as its patient could, gives the lock back, and notes in the audit log that
an operator did, and why. Exit codes: 0 done; 1 there was nothing to release; 2 a store does not
answer.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from ops import person, stores
from ops.check.batches import batches
from ops.person import OPERATOR, House
from ops.telling import answer, say
from slotkeeper.adapters.mongo.documents import AUDIT_LOGS, SLOTS, entry_document
from slotkeeper.adapters.redis.client import script
from slotkeeper.adapters.redis.keys import LOCK_CLAIM, ms
from slotkeeper.adapters.together import together
from slotkeeper.bootstrap import SystemClock
from slotkeeper.domain.attempt import Attempt
from slotkeeper.domain.errors import HoldExpired
from slotkeeper.domain.slot import Hold, Slot, SlotStatus, doctor_of
from slotkeeper.services.release_hold import release_hold

WHY = ("stuck", "hoarded", "asked", "practised")
"""Nobody can own it; somebody takes more than they book; its patient or clinic asked; a drill.

One of a few words: the audit log keeps no text that somebody wrote."""
MOST = 10_000
_AT_ONCE = 500
_PROGRESS = 5_000
_NO_END, _GONE = -1, -2


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock, and what MongoDB says to it; `lives_ms` is None where it never lapses."""

    slot_id: str
    attempt_id: str
    lives_ms: int | None
    state: str

    @property
    def as_json(self) -> dict[str, object]:
        lives = None if self.lives_ms is None else self.lives_ms / 1000
        about = {"slotId": self.slot_id, "attemptId": self.attempt_id, "secondsLeft": lives}
        return {**about, "state": self.state, "agrees": self.state == "held"}

    @property
    def line(self) -> str:
        lives = "never lapses" if self.lives_ms is None else f"{self.lives_ms / 1000:.0f} s left"
        return f"{self.slot_id}  {self.attempt_id}  {lives}  {self.state}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    of_list = actions.add_parser("list", help="the locks, and whether MongoDB agrees")
    of_list.add_argument("--doctor", metavar="ID", help="of this doctor's slots alone")
    of_list.add_argument(
        "--limit", type=int, default=MOST, metavar="N", help="not more than so many"
    )
    release = actions.add_parser("release", help="end a slot's hold, and give its lock back")
    release.add_argument("slot", metavar="SLOT", help="the slot's id, as the list tells it")
    release.add_argument("--reason", choices=WHY, default=WHY[0], help="default: %(default)s")
    release.add_argument("--dry-run", action="store_true", help="say what would be released")
    for action in (of_list, release):
        action.add_argument("--json", action="store_true", help="one JSON object a line")
        stores.add_arguments(action)


def run(arguments: argparse.Namespace) -> int:
    with person.opened(arguments) as house:
        if arguments.action == "list":
            return _list(house, arguments)
        return _release(house, arguments)


def locks(house: House, *, doctor: str | None = None) -> Iterator[Lock]:
    """Every lock of the environment, as it is found; of one doctor's slots where one is named."""
    prefix = house.keys.lock("")
    pattern = re.sub(r"([*?\[\]\\])", r"\\\1", prefix + (f"{doctor}_" if doctor else "")) + "*"
    for keys in batches(house.redis.scan_iter(pattern, count=_AT_ONCE), _AT_ONCE):
        with house.redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.get(key)
                pipeline.pttl(key)
            answers = pipeline.execute(raise_on_error=False)
        # What is no text under such a key is none of ours: `check` tells of it.
        found = {
            str(key).removeprefix(prefix): (str(holder), int(lives))
            for key, holder, lives in zip(keys, answers[::2], answers[1::2], strict=True)
            if isinstance(holder, str) and isinstance(lives, int) and lives != _GONE
        }
        slots = {slot.id: slot for slot in house.slots.find(list(found))} if found else {}
        now = _now(house)
        for slot_id, (holder, lives) in found.items():
            state = _state(slots.get(slot_id), holder, lives, now)
            lives_ms = None if lives == _NO_END else lives
            yield Lock(slot_id=slot_id, attempt_id=holder, lives_ms=lives_ms, state=state)


def _list(house: House, arguments: argparse.Namespace) -> int:
    if arguments.limit < 1:
        raise stores.OpsError("--limit is at least 1")
    states: Counter[str] = Counter()
    longest = 0.0
    endless = 0
    found = locks(house, doctor=arguments.doctor)
    for number, lock in enumerate(islice(found, arguments.limit), 1):
        states[lock.state] += 1
        endless += lock.lives_ms is None
        longest = max(longest, (lock.lives_ms or 0) / 1000)
        answer(lock.as_json, as_json=arguments.json, line=lock.line)
        if number % _PROGRESS == 0:
            say(f"{number:,} ...")
    of_each = ", ".join(f"{count} {state}" for state, count in states.most_common())
    told = f"{states.total():,} locks" + (f": {of_each}; longest {longest:.0f} s" if states else "")
    more = "; there are more (--limit)" if next(found, None) else ""
    say(f"{told}{f'; {endless} never lapse' if endless else ''}{more}")
    say(f"{_held(house, arguments.doctor):,} slots are held in MongoDB")
    return 0


def _held(house: House, doctor: str | None) -> int:
    wanted = {"status": SlotStatus.RESERVED.value, "hold.expiresAt": {"$gt": _now(house)}}
    # By the index of holds by their end: as small as the number of live holds.
    return house.database[SLOTS].count_documents(
        {**wanted, **({"doctorId": doctor} if doctor else {})}
    )


def _release(house: House, arguments: argparse.Namespace) -> int:
    slot_id: str = arguments.slot
    key = house.keys.lock(slot_id)
    held_by, lives = house.redis.get(key), house.redis.pttl(key)
    holder = None if held_by is None else str(held_by)
    slot = next(iter(house.slots.find([slot_id])), None)
    hold = slot.live_hold(_now(house)) if slot else None
    told = {
        "slotId": slot_id,
        "lock": holder,
        "hold": hold.attempt_id if hold else None,
        "reason": arguments.reason,
        "isDryRun": arguments.dry_run,
    }
    if holder is None and hold is None:
        answer({**told, "released": False}, as_json=arguments.json, line=f"{slot_id} is not held")
        return 1
    if not arguments.dry_run:
        _note(house, slot_id, holder or (hold.attempt_id if hold else ""), arguments.reason)
        if hold is not None:
            _end(house, hold)
        if holder is not None:
            house.redis.eval(script("release_lock"), 1, key, holder)
    does = "would be released" if arguments.dry_run else "released"
    whose = f"hold of {hold.attempt_id}" if hold else "no hold"
    lock = f"lock of {holder}, {_seconds(lives)}" if holder else "no lock"
    line = f"{does}: {slot_id}: {whose}; {lock}"
    answer({**told, "released": not arguments.dry_run}, as_json=arguments.json, line=line)
    return 0


def _end(house: House, hold: Hold) -> None:
    attempt = Attempt(
        id=hold.attempt_id, user_id=hold.user_id, request_id=person.asked().request_id
    )
    # Ended by somebody else meanwhile: all the same.
    with suppress(HoldExpired):
        release_hold(
            attempt=attempt,
            slots=house.slots,
            ledger=house.ledger,
            gate=house.gate,
            together=together,
            sagas=house.sagas,
            actor=OPERATOR,
        )


def _note(house: House, slot_id: str, attempt_id: str, why: str) -> None:
    """Before it is done, so that nothing is done of which the log does not know."""
    asked, event = person.asked(), "lock.released"
    entry = entry_document(
        asked.entry_id(event, slot_id),
        event,
        doctor_of(slot_id),
        asked=asked,
        at=SystemClock().now(),
        details={"slotId": slot_id, "attemptId": attempt_id, "why": why},
    )
    house.database[AUDIT_LOGS].insert_one(entry)


def _state(slot: Slot | None, holder: str, lives: int, now: datetime) -> str:
    if slot is None:
        return "no slot"
    hold = slot.live_hold(now)
    if hold is not None:
        return "held" if hold.attempt_id == holder else "other"
    if slot.status is SlotStatus.BOOKED:
        return "other"
    return "beginning" if 0 <= lives <= ms(LOCK_CLAIM) else "stale"


def _now(house: House) -> datetime:
    """By the database's clock, which holds are judged by."""
    hello = house.database.command("hello", codec_options=house.database.codec_options)
    told = hello["localTime"]
    assert isinstance(told, datetime)
    return told


def _seconds(lives: object) -> str:
    return f"{int(lives) / 1000:.0f} s left" if isinstance(lives, int) and lives >= 0 else "no end"
