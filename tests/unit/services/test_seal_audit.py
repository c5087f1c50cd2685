"""Sealing, as far as no database is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from slotkeeper.domain.audit import Head, Unsealed
from slotkeeper.services.seal_audit import MOST_ENTRIES, Sealed, seal_audit


@dataclass
class Clock:
    def now(self) -> datetime:
        return datetime(2026, 11, 26, tzinfo=UTC)


@dataclass
class ChainInMemory:
    """`AuditSeals` of numbers; another sealer may be quicker at one of its blocks."""

    waiting: list[int]
    chain: list[Sequence[Unsealed]] = field(default_factory=list)
    outrun_at: int | None = None
    looked: int = 0

    def head(self) -> Head | None:
        return Head(number=len(self.chain), hash=f"h{len(self.chain)}") if self.chain else None

    def unsealed(
        self, after: Head | None, *, limit: int, now: datetime, everything: bool = False
    ) -> Iterator[Sequence[Unsealed]]:
        self.looked += 1
        while self.waiting:
            some, self.waiting = self.waiting[:limit], self.waiting[limit:]
            yield [Unsealed(id=n, digest=b"", stamp=(n, 0), at=None) for n in some]

    def append(self, after: Head | None, entries: Sequence[Unsealed]) -> bool:
        assert (after.number if after else 0) == len(self.chain)
        if self.outrun_at == len(self.chain):
            return False
        self.chain.append(entries)
        return True


def _seal(chain: ChainInMemory, *, rounds: int = 100) -> Sealed:
    left = iter(range(rounds))
    return seal_audit(seals=chain, clock=Clock(), has_time=lambda: next(left, None) is not None)


def test_each_block_follows_the_one_made_before_it() -> None:
    chain = ChainInMemory(list(range(2 * MOST_ENTRIES + 3)))

    sealed = _seal(chain)

    assert [len(block) for block in chain.chain] == [MOST_ENTRIES, MOST_ENTRIES, 3]
    assert (sealed.entries, sealed.blocks, sealed.is_outrun) == (2 * MOST_ENTRIES + 3, 3, False)
    assert str(sealed.head) == "3:h3"


def test_looks_back_once_however_many_blocks_it_makes() -> None:
    chain = ChainInMemory(list(range(5 * MOST_ENTRIES)))

    _seal(chain)

    assert chain.looked == 1


def test_one_that_is_outrun_leaves_the_rest_to_the_other() -> None:
    chain = ChainInMemory(list(range(3 * MOST_ENTRIES)), outrun_at=1)

    sealed = _seal(chain)

    assert (sealed.entries, sealed.blocks, sealed.is_outrun) == (MOST_ENTRIES, 1, True)
    assert len(chain.chain) == 1


def test_without_time_nothing_is_looked_for() -> None:
    chain = ChainInMemory([1, 2])

    sealed = _seal(chain, rounds=0)

    assert (sealed.entries, sealed.head, chain.waiting) == (0, None, [1, 2])


def test_where_there_is_nothing_the_head_stays() -> None:
    chain = ChainInMemory([1])
    first = _seal(chain)

    again = _seal(chain)

    assert (again.entries, again.head) == (0, first.head)
