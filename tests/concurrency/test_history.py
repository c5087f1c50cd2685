"""What is answered about one slot could have been answered one after the other."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.concurrency import guards
from tests.concurrency.history import FOREVER, Answer, Did, Operation, State, order_of
from tests.concurrency.one_slot import Story
from tests.concurrency.race import rounds
from tests.concurrency.sound import ensure_sound
from tests.support.house import House

STORIES = 150
FIRST_SEED = 20261125
FREE, HELD, BOOKED = ("active", ""), ("reserved", "a"), ("booked", "a")


def _roomy(house: House) -> House:
    """Rules that refuse nobody for what the story is not about."""
    return house.with_policy(max_live_holds=100, max_codes_per_user=100, max_calls=100)


def _op(did: Did, answer: Answer, began: int, ended: int, of: str = "a") -> Operation:
    return Operation(did=did, answer=answer, began=began, ended=ended, who=f"{of}!", attempt=of)


# --- the search itself ----------------------------------------------------------------------------


def test_one_after_the_other_is_an_order() -> None:
    story = [_op(Did.HOLD, Answer.DONE, 0, 1), _op(Did.VERIFY, Answer.DONE, 2, 3)]

    assert order_of(story, State(), BOOKED) == story
    assert order_of(story[::-1], State(), BOOKED) == story


@pytest.mark.parametrize(
    ("story", "ends"),
    [
        ([_op(Did.HOLD, Answer.DONE, 0, 1), _op(Did.HOLD, Answer.DONE, 2, 3, "b")], HELD),
        ([_op(Did.HOLD, Answer.DONE, 0, 3), _op(Did.HOLD, Answer.DONE, 1, 2, "b")], HELD),
        ([_op(Did.HOLD, Answer.REFUSED, 0, 1)], FREE),
        ([_op(Did.VERIFY, Answer.DONE, 0, 1)], BOOKED),
        ([_op(Did.HOLD, Answer.DONE, 0, 1), _op(Did.VERIFY, Answer.AGAIN, 2, 3)], HELD),
        ([_op(Did.HOLD, Answer.DONE, 0, 1), _op(Did.VERIFY, Answer.REFUSED, 2, 3)], HELD),
        ([_op(Did.HOLD, Answer.DONE, 0, 1), _op(Did.BLOCK, Answer.DONE, 2, 3)], ("blocked", "")),
        ([_op(Did.HOLD, Answer.DONE, 0, 1)], FREE),
        ([_op(Did.HOLD, Answer.BROKEN, 0, 1)], FREE),
    ],
)
def test_what_cannot_have_been_has_no_order(story: list[Operation], ends: tuple[str, str]) -> None:
    assert order_of(story, State(), ends) is None


def test_what_ended_in_two_ways_has_no_order() -> None:
    held = State("reserved", "a", "a!")
    story = [_op(Did.VERIFY, Answer.DONE, 0, 3), _op(Did.RELEASE, Answer.DONE, 1, 2)]

    assert order_of(story, held, BOOKED) is None
    assert order_of(story, held, FREE) is None


def test_an_answer_that_never_came_explains_either_end() -> None:
    held = State("reserved", "a", "a!")
    story = [_op(Did.VERIFY, Answer.UNKNOWN, 0, FOREVER)]

    assert order_of(story, held, HELD) == []
    assert order_of(story, held, BOOKED) == story
    assert order_of(story, held, FREE) is None


# --- the slot -------------------------------------------------------------------------------------


def test_every_story_of_one_slot_has_an_order(house: House) -> None:
    house = _roomy(house)
    seen: Counter[tuple[Did, Answer]] = Counter()
    for seed in range(FIRST_SEED, FIRST_SEED + max(STORIES, rounds(STORIES))):
        story = Story(house, seed)

        story.run()

        told = sorted(story.operations, key=lambda one: one.began)
        assert order_of(told, story.begins, story.ends) is not None, _retold(story)
        seen.update((one.did, one.answer) for one in told)
    ensure_sound(house)
    print(f"seeds from {FIRST_SEED}:", dict(sorted(seen.items())))
    assert set(seen) - {(did, Answer.UNKNOWN) for did in Did} == {
        (Did.HOLD, Answer.DONE),
        (Did.HOLD, Answer.REFUSED),
        (Did.VERIFY, Answer.DONE),
        (Did.VERIFY, Answer.AGAIN),
        (Did.VERIFY, Answer.REFUSED),
        (Did.RELEASE, Answer.DONE),
        (Did.RELEASE, Answer.REFUSED),
        (Did.CANCEL, Answer.DONE),
        (Did.CANCEL, Answer.REFUSED),
        (Did.BLOCK, Answer.DONE),
        (Did.BLOCK, Answer.REFUSED),
        (Did.UNBLOCK, Answer.DONE),
        (Did.UNBLOCK, Answer.REFUSED),
        (Did.LAPSE, Answer.DONE),
        (Did.SWEEP, Answer.DONE),
    }


def test_control_without_the_conditional_update_some_story_has_none(house: House) -> None:
    house = guards.decides_on_a_read(guards.grants_every_lock(_roomy(house)))

    for seed in range(FIRST_SEED, FIRST_SEED + STORIES):
        story = Story(house, seed)
        story.run()
        if order_of(story.operations, story.begins, story.ends) is None:
            print(f"no order in story {seed - FIRST_SEED + 1}")
            return

    raise AssertionError("every story has an order: the search proves nothing")


def _retold(story: Story) -> str:
    lines = [f"seed {story.seed}: {story.begins}"]
    names = {"": "clinic"}
    for one in sorted(story.operations, key=lambda one: one.began):
        who = names.setdefault(one.who, f"patient {len(names)}")
        what = f"{one.did} {names.setdefault(one.attempt, f'attempt {len(names)}')}"
        lines.append(f"{one.began:3}-{one.ended:3} {who}: {what}: {one.answer}")
    return "\n".join([*lines, f"ends {story.ends}"])
