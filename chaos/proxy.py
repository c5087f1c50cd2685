"""TCP proxies that misbehave on request, one in front of each server.

They run in a thread of their own; `Proxies` and `Proxy` may be used from any other. Who connects
is expected to speak first, as clients of MongoDB, Redis and HTTP do.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from chaos.toxic import Harm, Toxic
from local.config import HOST

CHUNK = 64 * 1024
SECONDS = 10.0
"""Longest that the proxies' thread may take to do what it is told."""


@dataclass(slots=True, eq=False)
class _Connection:
    first: bytes
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    has_lost: bool = False

    def reset(self) -> None:
        for side in (self.client, self.server):
            if side is not None:
                _reset(side)


@dataclass(slots=True, eq=False)
class Proxy:
    """Listens on `port` for the server at `target`."""

    name: str
    port: int
    target: int
    loop: asyncio.AbstractEventLoop
    rng: random.Random
    toxic: Toxic | None = None
    _server: asyncio.Server | None = None
    _guard: socket.socket | None = None
    _flows: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[_Connection] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def set(self, toxic: Toxic | None) -> None:
        """Misbehave so from now on; None: behave."""
        self._call(self._set(toxic))

    def close(self) -> None:
        """Reset every connection, listen no more."""
        self._call(self._close())

    def _call(self, doing: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(doing, self.loop).result(SECONDS)

    async def _set(self, toxic: Toxic | None) -> None:
        self.toxic = toxic
        if toxic is not None and toxic.harm is Harm.STALL:
            self._flows.clear()
        else:
            self._flows.set()
        for connection in list(self._open):
            if connection.has_lost or self._is_cut(connection):
                connection.reset()
        await self._listen(is_wanted=toxic is None or not _refuses(toxic))

    async def _listen(self, *, is_wanted: bool) -> None:
        if is_wanted and self._server is None:
            if self._guard is not None:
                self._guard.close()
                self._guard = None
            self._server = await asyncio.start_server(
                self._serve, HOST, self.port, reuse_address=True
            )
        elif not is_wanted and self._server is not None:
            self._server.close()
            self._server = None
            # Bound, not listening: connections are refused, and nobody else gets the port.
            self._guard = socket.socket()
            self._guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._guard.bind((HOST, self.port))

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._guard is not None:
            self._guard.close()
        self._flows.set()
        for connection in list(self._open):
            connection.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = _Connection(b"", writer)
        self._open.add(connection)
        try:
            with suppress(OSError):
                await self._carry(connection, reader)
        except asyncio.CancelledError:
            pass  # closed; a task that ends as cancelled is reported as one that failed
        finally:
            self._tasks.discard(task)
            self._open.discard(connection)
            connection.reset()

    async def _carry(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        connection.first = await reader.read(CHUNK)
        if not connection.first or self._is_cut(connection):
            return
        from_server, connection.server = await asyncio.open_connection(HOST, self.target)
        pumps = [
            asyncio.ensure_future(self._pump(connection, reader, connection.server)),
            asyncio.ensure_future(self._pump(connection, from_server, connection.client)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        is_answer = writer is connection.client
        data = b"" if is_answer else connection.first
        while data or (data := await reader.read(CHUNK)):
            is_last, passes = await self._harm(connection, data, is_answer=is_answer)
            writer.write(passes)
            await writer.drain()
            if is_last:
                return
            data = b""

    async def _harm(
        self, connection: _Connection, data: bytes, *, is_answer: bool
    ) -> tuple[bool, bytes]:
        """Whether the connection ends here, and what of `data` goes through."""
        toxic = self._toxic_of(connection)
        if toxic is None:
            return False, data
        match toxic.harm:
            case Harm.CUT:
                return True, b""
            case Harm.BLACK_HOLE:
                connection.has_lost = True
                return False, b""
            case Harm.STALL:
                await self._flows.wait()
            case Harm.DELAY:
                await asyncio.sleep(toxic.seconds)
            case Harm.RESET_ANSWER | Harm.LOSE_ANSWER:
                if is_answer and self.rng.random() < toxic.share:
                    kept = len(data) // 2 if toxic.harm is Harm.RESET_ANSWER else 0
                    return True, data[:kept]
        return False, data

    def _toxic_of(self, connection: _Connection) -> Toxic | None:
        toxic = self.toxic
        if toxic is None or toxic.only is None or toxic.only in connection.first:
            return toxic
        return None

    def _is_cut(self, connection: _Connection) -> bool:
        toxic = self._toxic_of(connection)
        return toxic is not None and toxic.harm is Harm.CUT


class Proxies:
    """Proxies and the thread they run in; a context that ends them."""

    def __init__(self, seed: int = 0):
        self._rng = random.Random(seed)  # noqa: S311  # which answers are lost: no secret
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._proxies: list[Proxy] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        for proxy in self._proxies:
            proxy.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def add(self, name: str, *, port: int, target: int) -> Proxy:
        """A proxy that listens and behaves."""
        rng = random.Random(self._rng.random())  # noqa: S311
        proxy = Proxy(name=name, port=port, target=target, loop=self._loop, rng=rng)
        proxy.set(None)
        self._proxies.append(proxy)
        return proxy


def _refuses(toxic: Toxic) -> bool:
    return toxic.harm is Harm.CUT and toxic.only is None


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, AttributeError):
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
    writer.transport.abort()
