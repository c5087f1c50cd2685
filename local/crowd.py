"""Patients in the background, who make an incident visible: nobody's metrics rise by themselves."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import urllib3

from local.api import Answer

Turn = Callable[[], Answer]


class Crowd:
    """What the turns were answered so far."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.last_done = 0.0
        """When something was last done as asked, in seconds of `time.monotonic`."""
        self.stopping = threading.Event()

    def note(self, status: int) -> None:
        self.statuses[status] += 1
        if 200 <= status < 300:
            self.last_done = time.monotonic()


@contextmanager
def at_it(turns: list[Turn], every_seconds: float) -> Iterator[Crowd]:
    """Each turn by a thread of its own, again and again; over when the block is."""
    crowd = Crowd()

    def live(turn: Turn) -> None:
        for _ in itertools.count():
            try:
                crowd.note(turn().status)
            except (urllib3.exceptions.HTTPError, OSError):
                crowd.note(0)
            if crowd.stopping.wait(every_seconds):
                return

    threads = [threading.Thread(target=live, args=(turn,), daemon=True) for turn in turns]
    for thread in threads:
        thread.start()
    try:
        yield crowd
    finally:
        crowd.stopping.set()
        for thread in threads:
            thread.join()
