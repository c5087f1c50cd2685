"""Thousands of requests that nobody thought of: no server error, no leak, nothing left behind.

`make fuzz` asks more than 20,000 times, `make test` some 2,000 times here (and more in tests/e2e,
against the deployed stack).
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz import schema
from tests.fuzz.campaign import Campaign, ids_of, mutator_of
from tests.fuzz.fronts import Tally, front
from tests.fuzz.ground import ROLES, Ground
from tests.fuzz.mutate import run
from tests.fuzz.scale import IS_LONG, SEED
from tests.fuzz.wire import over_http

MUTATED = 12_000 if IS_LONG else 1_500
EXAMPLES = 80 if IS_LONG else 2
PHASES = "examples,coverage,fuzzing,stateful" if IS_LONG else "examples,fuzzing,stateful"
# As a patient tests/e2e/test_fuzz.py does; nobody's requests are rows 21 and 22 of the corpus.
WHO = ROLES if IS_LONG else ("admin",)
LEAST = 20_000 if IS_LONG else 1_500
CONTROL = 4_000
"""Requests within which a planted bug is found, with as many again to spare."""


NEVER_SERVED = {"DELETE /me"}  # all who ask are expected somewhere (`ground`)


@pytest.mark.timeout(3_600)
def test_whatever_is_asked_nothing_breaks_leaks_or_stays_behind(
    ground: Ground, tmp_path: Path
) -> None:
    print(f"\nseed {SEED}: make fuzz SEED={SEED} does the same again")
    campaign = Campaign(
        ground=ground,
        folder=tmp_path,
        seed=SEED,
        examples=EXAMPLES,
        mutated=MUTATED,
        phases=PHASES,
        roles=WHO,
    )

    campaign.run()

    print(campaign.report())
    findings = campaign.findings()
    assert not findings, "\n\n".join(findings[:20])
    assert campaign.tally.requests >= LEAST
    # It got somewhere: every route was asked, and most of them did what they are for.
    routes = set(ground.gateway.routes)
    assert routes <= set(campaign.tally.by_route)
    served = {
        route
        for route, counts in campaign.tally.by_route.items()
        if any(200 <= status < 300 for status in counts)
    }
    assert routes - NEVER_SERVED <= served


def test_the_same_seed_asks_the_same(ground: Ground) -> None:
    one, same, other = (mutator_of(ground, seed) for seed in ("1", "1", "2"))

    asked = [[mutator.next() for _ in range(200)] for mutator in (one, same, other)]

    assert asked[0] == asked[1] != asked[2]


# --- controls -------------------------------------------------------------------------------------


def test_control_planted_bugs_are_hit_upon_by_chance(ground: Ground, tmp_path: Path) -> None:
    wanted = {"status 500", "somebody else's"}
    with front(ground.environment, tmp_path, planted="crash,leak") as planted:
        mutator, ask = mutator_of(ground, f"{SEED}"), over_http(planted.url)
        tally, found = Tally(), set[str]()
        while tally.requests < CONTROL and not found >= wanted:
            run(mutator, ask, 50, lambda *_: None)
            tally.add(planted.notes[tally.requests :])
            told = [fault for note in tally.faults for fault in note["faults"]]
            found = {one for one in wanted if any(fault.startswith(one) for fault in told)}

    assert found == wanted


def test_control_planted_bugs_are_found_by_the_schema(ground: Ground, tmp_path: Path) -> None:
    document = schema.document_for("staff")
    wanted = {("/doctors", "get"), ("/doctors", "post"), ("/me", "get")}
    document["paths"] = {
        path: {method: document["paths"][path][method] for p, method in wanted if p == path}
        for path, _ in wanted
    }
    with front(ground.environment, tmp_path / "front", planted="crash,length,door") as planted:
        done = schema.fuzz(
            tmp_path,
            document,
            schema.Run(
                role="staff",
                token=ground.people.tokens["staff"],
                ids=ids_of(ground),
                url=planted.url,
                examples=50,
                seed=SEED,
                phases="fuzzing",
            ),
        )

    assert done.returncode == 1, done.stdout[-3_000:] + done.stderr[-3_000:]
    for told in ("Server error", "violating request", "without authentication"):
        assert told in done.stdout, done.stdout[-6_000:]


def test_control_what_is_left_behind_is_seen(ground: Ground) -> None:
    house = ground.house
    key = f"{house.keys.environment}:booking:attempt:{random.getrandbits(64)}"
    assert ground.what_is_left() == []
    before = ground.state()

    house.redis.set(key, "for ever")
    ground.database["slots"].update_one(
        {"_id": ground.people.slots[0]}, {"$set": {"status": "booked"}}
    )
    left = ground.what_is_left()
    after = ground.state()

    house.redis.delete(key)
    ground.database["slots"].update_one(
        {"_id": ground.people.slots[0]}, {"$set": {"status": "active"}}
    )
    assert any("a key without an end" in told for told in left)
    assert any("ops.check" in told and ground.people.slots[0] in told for told in left)
    assert before[0] != after[0]
    assert before[1] != after[1]
