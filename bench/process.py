"""A function's process, and one of bare calls, held by who measures them."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from bench.ground import HERE, KEYS, PYTHON, Ground


class _Talking:
    """A process that answers each line with a line; ends with the block."""

    def __init__(self, script: str, asked: Mapping[str, Any], environ: Mapping[str, str]):
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  (as long as the process)
        self._process = subprocess.Popen(
            [PYTHON, "-I", "-S", "-B", str(HERE / script), json.dumps(asked)],
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.pid = self._process.pid
        self.started = self._read()

    def ask(self, task: object) -> Any:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            self._errors.seek(0)
            why = self._errors.read()[-2_000:]
            raise RuntimeError(f"the process {self.pid} ended: {status}\n{why}")
        return json.loads(line)


class Inside(_Talking):
    """One function, started; `started` has how.

    `counts`: its round trips are counted, which takes time. `sends`: what it sends goes where
    `environ` says, not nowhere. `sender`: the factory of what it sends by, which is timed.
    """

    def __init__(
        self,
        ground: Ground,
        function: str,
        *,
        counts: bool = False,
        sends: bool = False,
        sender: str = "",
        environ: Mapping[str, str] | None = None,
    ):
        asked = {
            "paths": ground.paths(function),
            "runtime": ground.runtime_client,
            "counts": counts,
            "takes": "" if sends else KEYS,
            "sender": sender,
        }
        super().__init__("inside.py", asked, environ or ground.environ())
        self.peak_mb = float(self.started["init_mb"])

    def invoke(self, *events: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What came of each: `ms`, `cpu_us`, `status`, `body`, and the trips where it counts."""
        told = self.ask({"events": events})
        self.peak_mb = float(told["peak_mb"])
        results: list[dict[str, Any]] = told["results"]
        return results

    def profile(self, *events: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The functions that took the most of these, with calls and microseconds an event."""
        rows: list[dict[str, Any]] = self.ask({"events": events, "profiles": True})["profile"]
        return rows


class Bare(_Talking):
    """Bare calls, on the same layer and servers."""

    def __init__(self, ground: Ground):
        asked = {
            "paths": [ground.layer],
            "mongo": ground.mongo_uri("bare"),
            "redis": ground.config.redis_url,
        }
        super().__init__("bare.py", asked, {})

    def run(self, op: str, count: int) -> list[dict[str, float]]:
        """`ms` and `cpu_us` of each."""
        results: list[dict[str, float]] = self.ask({"op": op, "n": count})
        return results
