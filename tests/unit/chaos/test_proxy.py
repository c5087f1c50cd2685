"""What a proxy lets through, and how it misbehaves.

These open sockets, on loopback alone: a proxy is nothing without them.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from chaos.proxy import Proxies, Proxy
from chaos.toxic import Harm, Toxic
from local.config import HOST

SECONDS = 10.0


class Echo:
    """A server that answers each piece with the same in capitals, and knows what it was sent."""

    def __init__(self) -> None:
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self.received = b""
        self._arrived = threading.Condition()
        self._peers: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def wait_for(self, data: bytes) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: data in self.received, SECONDS)

    def close(self) -> None:
        with suppress(OSError):  # closed already
            # Wakes the thread that accepts, which closing alone does not.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self._peers:
            peer.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self._peers.append(peer)
            threading.Thread(target=self._answer, args=(peer,), daemon=True).start()

    def _answer(self, peer: socket.socket) -> None:
        try:
            while data := peer.recv(1024):
                with self._arrived:
                    self.received += data
                    self._arrived.notify_all()
                peer.sendall(data.upper())
        except OSError:
            pass  # reset, which is what this is about


@pytest.fixture
def server() -> Iterator[Echo]:
    echo = Echo()
    yield echo
    echo.close()


@pytest.fixture
def proxy(server: Echo) -> Iterator[Proxy]:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    with Proxies(seed=1) as proxies:
        yield proxies.add("echo", port=port, target=server.port)


@contextmanager
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, proxy.port), timeout=SECONDS) as made:
        yield made


def ask(made: socket.socket, data: bytes) -> bytes:
    made.sendall(data)
    return made.recv(1024)


def test_one_that_behaves_hands_on_both_ways(proxy: Proxy) -> None:
    with client(proxy) as made:
        assert ask(made, b"hello") == b"HELLO"
        assert ask(made, b"again") == b"AGAIN"


def test_a_cut_resets_who_is_connected_and_refuses_who_comes(proxy: Proxy) -> None:
    with client(proxy) as made:
        ask(made, b"hello")

        proxy.set(Toxic(harm=Harm.CUT))

        with pytest.raises(ConnectionResetError):
            made.recv(1024)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, proxy.port), timeout=SECONDS)


def test_a_healed_cut_takes_connections_on_the_same_port_again(proxy: Proxy) -> None:
    proxy.set(Toxic(harm=Harm.CUT))
    proxy.set(None)

    with client(proxy) as made:
        assert ask(made, b"hello") == b"HELLO"


def test_a_cut_of_some_spares_the_others(proxy: Proxy) -> None:
    with client(proxy) as theirs, client(proxy) as ours:
        ask(theirs, b"a member of the set")
        ask(ours, b"slotkeeper says hello")

        proxy.set(Toxic(harm=Harm.CUT, only=b"slotkeeper"))

        assert ask(theirs, b"still here") == b"STILL HERE"
        with pytest.raises(ConnectionResetError):
            ours.recv(1024)
    with client(proxy) as ours, pytest.raises(ConnectionResetError):
        ask(ours, b"slotkeeper again")


def test_a_black_hole_takes_everything_and_answers_nothing(proxy: Proxy, server: Echo) -> None:
    with client(proxy) as made:
        ask(made, b"hello")
        proxy.set(Toxic(harm=Harm.BLACK_HOLE))

        made.sendall(b"lost")
        made.settimeout(0.2)

        with pytest.raises(TimeoutError):
            made.recv(1024)
        assert b"lost" not in server.received


def test_what_a_black_hole_lost_is_reset_when_it_ends(proxy: Proxy) -> None:
    with client(proxy) as made:
        ask(made, b"hello")
        proxy.set(Toxic(harm=Harm.BLACK_HOLE))
        made.sendall(b"lost")
        made.settimeout(0.2)
        with pytest.raises(TimeoutError):
            made.recv(1024)

        proxy.set(None)

        made.settimeout(SECONDS)
        with pytest.raises(ConnectionResetError):
            made.recv(1024)


def test_a_stall_delivers_late_what_was_sent_meanwhile(proxy: Proxy, server: Echo) -> None:
    with client(proxy) as made:
        ask(made, b"hello")
        proxy.set(Toxic(harm=Harm.STALL))
        made.sendall(b"late")
        made.settimeout(0.2)
        with pytest.raises(TimeoutError):
            made.recv(1024)

        proxy.set(None)

        server.wait_for(b"late")
        made.settimeout(SECONDS)
        assert made.recv(1024) == b"LATE"


def test_a_delay_answers_later_and_rightly(proxy: Proxy) -> None:
    with client(proxy) as made:
        proxy.set(Toxic(harm=Harm.DELAY, seconds=0.05))

        assert ask(made, b"hello") == b"HELLO"


def test_an_answer_that_is_lost_was_done_by_the_server(proxy: Proxy, server: Echo) -> None:
    with client(proxy) as made:
        ask(made, b"hello")
        proxy.set(Toxic(harm=Harm.LOSE_ANSWER))

        made.sendall(b"do it")

        with pytest.raises(ConnectionResetError):
            made.recv(1024)
        server.wait_for(b"do it")


def test_an_answer_that_is_torn_never_arrives_whole(proxy: Proxy) -> None:
    with client(proxy) as made:
        ask(made, b"hello")
        proxy.set(Toxic(harm=Harm.RESET_ANSWER))
        made.sendall(b"do it")

        received = b""
        try:
            while data := made.recv(1024):
                received += data
        except ConnectionResetError:
            received += b"!"

        # What had arrived may be thrown away with the reset.
        assert received in {b"!", b"DO!"}


def test_only_its_share_of_the_answers_is_harmed(proxy: Proxy) -> None:
    proxy.set(Toxic(harm=Harm.LOSE_ANSWER, share=0.5))
    arrived = 0

    for _ in range(40):
        with client(proxy) as made:
            try:
                arrived += ask(made, b"hello") == b"HELLO"
            except ConnectionResetError:
                continue

    assert 0 < arrived < 40


def test_a_server_that_is_gone_resets_its_clients(proxy: Proxy, server: Echo) -> None:
    server.close()

    with client(proxy) as made, pytest.raises(ConnectionResetError):
        ask(made, b"anybody?")
