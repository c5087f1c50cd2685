"""Keys from a provider that really listens, on a clock that is moved by hand."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from slotkeeper.adapters.oidc.documents import (
    FETCH_SECONDS,
    MAX_BYTES,
    Documents,
    UntrustedDocument,
)
from slotkeeper.adapters.oidc.keys import (
    FIRST_RETRY_SECONDS,
    KEPT_SECONDS,
    REFETCH_SECONDS,
    TRUSTED_SECONDS,
    JwksKeys,
)
from slotkeeper.adapters.oidc.provider import PLACE_KEPT_SECONDS, Provider
from slotkeeper.adapters.tokens import TokenVerifier
from slotkeeper.domain.errors import Unauthenticated, Unavailable
from slotkeeper.readings import collected
from tests.support.identity_provider import (
    AUDIENCE,
    DISCOVERY,
    JWKS,
    OURS,
    IdentityProvider,
    published,
    rsa_key,
    running,
)

FIVE_MINUTES = 300
SHORT = 0.2
"""Seconds that a test waits for a provider that says nothing."""


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Container:
    """One authorizer's container: the verifier, and its clock."""

    provider: IdentityProvider
    jwks_url: str = ""
    may_be_plain: bool = True
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        issuer = self.provider.issuer
        documents = Documents(may_be_plain=self.may_be_plain, wait_seconds=SHORT, now=self.clock)
        published_keys = Provider(issuer, self.jwks_url, documents=documents, now=self.clock)
        self.keys = JwksKeys(published_keys, now=self.clock)
        self.verifier = TokenVerifier(self.keys, issuer=issuer, audience=AUDIENCE)

    def outcome(self, **how: Any) -> str:
        """What becomes of a token of ours (`how` it is made): a user id, or the refusal's code."""
        try:
            return self.verifier.caller(f"Bearer {self.provider.token(**how)}").user_id
        except (Unauthenticated, Unavailable) as refusal:
            return refusal.code

    def later(self, seconds: float) -> Container:
        self.clock.seconds += seconds
        return self

    @property
    def fetches(self) -> int:
        """Of the keys."""
        return self.provider.asked[JWKS]


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with running() as made:
        yield made


@pytest.fixture
def container(provider: IdentityProvider) -> Container:
    return Container(provider)


# --- discovery ------------------------------------------------------------------------------------


def test_keys_are_found_by_the_issuer_alone(container: Container) -> None:
    assert container.outcome() == "alice"
    assert container.provider.asked == {DISCOVERY: 1, JWKS: 1}


def test_nothing_is_discovered_where_the_keys_place_is_given(provider: IdentityProvider) -> None:
    container = Container(provider, jwks_url=provider.jwks_url)

    assert container.outcome() == "alice"
    assert provider.asked == {JWKS: 1}


def test_issuer_that_ends_with_a_slash_is_asked_at_the_same_place(
    provider: IdentityProvider,
) -> None:
    issuer = provider.issuer + "/"
    provider.discovery["issuer"] = issuer
    found = Provider(issuer, documents=Documents(may_be_plain=True))

    assert found.key_set() == list(OURS)
    assert provider.asked[DISCOVERY] == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://identity.example.org/pool"},
        {"issuer": None},
        {"issuer": ["..."]},
        {"jwks_uri": None},
        {"jwks_uri": 5},
        {"jwks_uri": ""},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "ftp://127.0.0.1/keys"},
        {"jwks_uri": "data:application/json,{}"},
        {"jwks_uri": "/pool/keys"},
        {"jwks_uri": "http:///keys"},
        {"jwks_uri": "http://[::1/keys"},
        {"jwks_uri": "http://127.0.0.1:port/keys"},
    ],
    ids=str,
)
def test_discovery_that_is_not_our_issuers_or_leads_nowhere_lets_nobody_in(
    container: Container, changes: dict[str, Any]
) -> None:
    container.provider.discovery |= changes

    assert container.outcome() == "unavailable"
    assert container.fetches == 0


@pytest.mark.parametrize("end", ["/", "x", "?a=b"])
def test_discovery_of_an_issuer_that_is_nearly_ours_lets_nobody_in(
    container: Container, end: str
) -> None:
    container.provider.discovery["issuer"] = container.provider.issuer + end

    assert container.outcome() == "unavailable"


def test_user_and_password_in_the_keys_address_are_refused(container: Container) -> None:
    address = container.provider.jwks_url.replace("http://", "http://user:word@")
    container.provider.discovery["jwks_uri"] = address

    assert container.outcome() == "unavailable"


def test_plain_http_is_refused_but_on_one_machine(provider: IdentityProvider) -> None:
    strict = Container(provider, may_be_plain=False)
    strict_of_place = Container(provider, jwks_url=provider.jwks_url, may_be_plain=False)

    assert (strict.outcome(), strict_of_place.outcome()) == ("unavailable", "unavailable")
    assert not provider.asked


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("path", [DISCOVERY, JWKS])
def test_no_redirect_is_followed(container: Container, path: str, status: int) -> None:
    provider = container.provider
    _, _, body = provider.answer(path)
    provider.answers["/elsewhere"] = (200, {}, body)
    provider.answers[path] = (status, {"Location": "/elsewhere"}, body)

    assert container.outcome() == "unavailable"
    assert provider.asked["/elsewhere"] == 0


def test_moved_keys_are_found_again_within_the_hour(container: Container) -> None:
    container.outcome()
    provider = container.provider
    provider.answers["/new"] = (200, {}, provider.answer(JWKS)[2])
    provider.discovery["jwks_uri"] = provider.origin + "/new"

    container.later(PLACE_KEPT_SECONDS).outcome()

    assert provider.asked["/new"] == 1


def test_moved_keys_are_found_again_at_once_where_the_old_place_is_gone(
    container: Container,
) -> None:
    container.outcome()
    provider = container.provider
    provider.answers["/new"] = (200, {}, provider.answer(JWKS)[2])
    provider.answers[JWKS] = (404, {}, b"")
    provider.discovery["jwks_uri"] = provider.origin + "/new"

    container.later(KEPT_SECONDS).outcome()
    container.later(REFETCH_SECONDS).outcome()

    assert provider.asked["/new"] == 1


# --- documents ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [201, 204, 206, 400, 401, 404, 500, 503])
def test_any_other_status_than_200_is_no_document(container: Container, status: int) -> None:
    _, _, body = container.provider.answer(JWKS)
    container.provider.answers[JWKS] = (status, {}, body)

    assert container.outcome() == "unavailable"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"keys": [',
        b'{"keys": {}}',
        b'{"keys": ' + b"[" * 100_000,
        b'{"keys": ' + b"9" * 5_000 + b"}",
    ],
    ids=lambda body: body[:20],
)
def test_body_that_is_no_key_set_is_none(container: Container, body: bytes) -> None:
    container.provider.answers[JWKS] = (200, {}, body)

    assert container.outcome() == "unavailable"


@pytest.mark.parametrize("path", [DISCOVERY, JWKS])
def test_document_that_is_too_long_is_not_read(container: Container, path: str) -> None:
    provider = container.provider
    document = provider.answer(path)[2]
    fits, too_long = (
        document + b" " * (size - len(document)) for size in (MAX_BYTES, MAX_BYTES + 1)
    )

    provider.answers[path] = (200, {}, too_long)
    assert container.outcome() == "unavailable"

    provider.answers[path] = (200, {}, fits)
    assert container.later(REFETCH_SECONDS).outcome() == "alice"


def test_answer_that_is_cut_off_is_none(container: Container) -> None:
    _, _, body = container.provider.answer(JWKS)
    container.provider.answers[JWKS] = (200, {"Content-Length": str(len(body) + 9)}, body[:-9])

    assert container.outcome() == "unavailable"


@pytest.mark.parametrize("headers", [{"X": "x" * 70_000}, {f"X-{n}": "x" for n in range(200)}])
def test_answer_with_endless_headers_is_none(container: Container, headers: dict[str, str]) -> None:
    container.provider.answers[JWKS] = (200, headers, b"{}")

    assert container.outcome() == "unavailable"


def test_provider_that_says_nothing_is_not_waited_for(container: Container) -> None:
    ended = threading.Event()

    def say_nothing(_: str) -> None:
        ended.wait(30)

    container.provider.before_answer = say_nothing

    try:
        assert container.outcome() == "unavailable"
    finally:
        ended.set()


def test_body_that_trickles_is_given_up(container: Container) -> None:
    instants = iter([0.0, FETCH_SECONDS + 0.1])
    documents = Documents(may_be_plain=True, now=lambda: next(instants))

    with pytest.raises(UntrustedDocument):
        documents.get(container.provider.jwks_url)


def test_no_proxy_of_the_environment_is_asked(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)

    assert container.outcome() == "alice"


# --- rotation -------------------------------------------------------------------------------------

NEW = published(rsa_key("new"), "rsa-2", "RS256")


def new(container: Container) -> str:
    return container.outcome(key=rsa_key("new"), kid="rsa-2")


def test_keys_are_fetched_once_for_many_tokens(container: Container) -> None:
    assert {container.outcome() for _ in range(20)} == {"alice"}
    assert container.fetches == 1


def test_new_key_is_found_without_a_restart(container: Container) -> None:
    container.outcome()
    container.provider.keys.append(NEW)

    assert new(container.later(REFETCH_SECONDS)) == "alice"
    assert container.outcome() == "alice"
    assert container.fetches == 2


def test_revoked_key_is_gone_within_five_minutes(container: Container) -> None:
    container.outcome()
    container.provider.keys[:] = [NEW]

    assert container.later(KEPT_SECONDS - 1).outcome() == "alice"
    assert container.later(FIVE_MINUTES - KEPT_SECONDS).outcome() == "unauthenticated"
    assert new(container) == "alice"


def test_revoked_key_is_gone_as_soon_as_keys_are_fetched_for_another(container: Container) -> None:
    container.outcome()
    container.provider.keys[:] = [NEW]

    assert new(container.later(REFETCH_SECONDS)) == "alice"
    assert container.outcome() == "unauthenticated"


def test_a_hundred_rotations_refuse_no_valid_token_and_accept_no_revoked_one(
    container: Container,
) -> None:
    """Each key is published beside the one before it, then alone: as providers rotate."""
    keys = [rsa_key(f"rotated {number % 4}") for number in range(100)]
    names = [f"k{number}" for number in range(100)]
    told: set[str] = set()
    late: set[str] = set()
    for number in range(1, 100):
        both = [published(keys[n], names[n], "RS256") for n in (number - 1, number)]
        container.provider.keys[:] = both
        container.later(REFETCH_SECONDS)
        told |= {container.outcome(key=keys[n], kid=names[n]) for n in (number, number - 1)}
        container.provider.keys[:] = both[1:]
        container.later(FIVE_MINUTES)
        late.add(container.outcome(key=keys[number - 1], kid=names[number - 1]))

    assert (told, late) == ({"alice"}, {"unauthenticated"})


def test_key_whose_name_stays_but_is_another_is_the_new_one(container: Container) -> None:
    container.outcome()
    container.provider.keys[:] = [published(rsa_key("new"), "rsa-1", "RS256")]
    container.later(KEPT_SECONDS)

    assert container.outcome() == "unauthenticated"
    assert container.outcome(key=rsa_key("new")) == "alice"


# --- floods ---------------------------------------------------------------------------------------


def test_a_thousand_unknown_keys_cause_two_fetches_at_most(container: Container) -> None:
    container.outcome()

    outcomes = {container.outcome(kid=f"unknown-{number}") for number in range(500)}
    container.later(REFETCH_SECONDS)
    outcomes |= {container.outcome(kid=f"unknown-{number}") for number in range(500, 1_000)}

    assert outcomes == {"unauthenticated"}
    assert container.fetches == 2
    assert container.outcome() == "alice"


def test_unknown_keys_all_the_time_cause_one_fetch_in_half_a_minute(container: Container) -> None:
    for number in range(600):
        container.later(1).outcome(kid=f"unknown-{number}")

    assert container.fetches <= 1 + 600 // REFETCH_SECONDS


def test_many_at_once_cause_one_fetch(container: Container) -> None:
    at_once = threading.Barrier(16)

    def ask(number: int) -> str:
        at_once.wait()
        return container.outcome(kid="rsa-1" if number % 2 else f"unknown-{number}")

    with ThreadPoolExecutor(16) as pool:
        outcomes = sorted(pool.map(ask, range(16)))

    assert outcomes == ["alice"] * 8 + ["unauthenticated"] * 8
    assert container.fetches == 1


def test_flood_would_reach_the_provider_if_nothing_held_it_back(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what is counted is what the guard prevents."""
    monkeypatch.setattr(JwksKeys, "_is_due", lambda self, kid: kid not in self._keys)

    for number in range(20):
        container.outcome(kid=f"unknown-{number}")

    assert container.fetches == 20


# --- a provider that is down ----------------------------------------------------------------------


def test_provider_down_from_the_start_is_asked_once_in_a_back_off(container: Container) -> None:
    container.provider.is_down = True

    assert {container.outcome() for _ in range(50)} == {"unavailable"}
    assert container.provider.asked.total() == 1


def test_back_off_doubles_up_to_half_a_minute(container: Container) -> None:
    container.provider.is_down = True
    asked_at = []
    for second in range(200):
        before = container.provider.asked.total()
        container.outcome()
        if container.provider.asked.total() > before:
            asked_at.append(second)
        container.later(1)

    waits = [later - earlier for earlier, later in itertools.pairwise(asked_at)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]


def test_provider_that_comes_back_serves_again(container: Container) -> None:
    container.provider.is_down = True
    container.outcome()
    container.provider.is_down = False

    assert container.later(FIRST_RETRY_SECONDS).outcome() == "alice"


@pytest.mark.parametrize("how", ["down", "503", "nonsense", "other issuer"])
def test_known_keys_serve_while_the_provider_is_down_and_unknown_ones_are_refused(
    container: Container, how: str
) -> None:
    container.outcome()
    break_(container.provider, how)
    outcomes, unknown = set(), set()
    for _ in range(20):  # ten minutes
        outcomes.add(container.later(30).outcome())
        unknown.add(container.outcome(kid="unknown"))

    assert (outcomes, unknown) == ({"alice"}, {"unauthenticated"})


def break_(provider: IdentityProvider, how: str) -> None:
    match how:
        case "down":
            provider.is_down = True
        case "503":
            provider.answers[JWKS] = (503, {}, b"")
        case "nonsense":
            provider.answers[JWKS] = (200, {}, b'{"keys": ["x"]}')
        case "other issuer":
            provider.answers[JWKS] = (404, {}, b"")
            provider.discovery["issuer"] = "https://evil.example.org"


def test_known_keys_do_not_serve_for_ever_without_a_word_from_the_provider(
    container: Container,
) -> None:
    container.outcome()
    container.provider.is_down = True

    assert container.later(TRUSTED_SECONDS).outcome() == "alice"
    assert container.later(1).outcome() == "unavailable"
    assert container.outcome(kid="unknown") == "unavailable"

    container.provider.is_down = False
    assert container.later(REFETCH_SECONDS).outcome() == "alice"


def test_provider_that_is_down_is_not_asked_for_every_token(container: Container) -> None:
    container.outcome()
    container.provider.is_down = True
    container.later(KEPT_SECONDS)
    before = container.provider.asked.total()

    for number in range(50):
        container.outcome()
        container.outcome(kid=f"unknown-{number}")

    assert container.provider.asked.total() == before + 1


def test_key_revoked_while_the_provider_was_down_is_gone_when_it_is_back(
    container: Container,
) -> None:
    container.outcome()
    container.provider.is_down = True
    assert container.later(KEPT_SECONDS).outcome() == "alice"
    container.provider.keys[:] = [NEW]
    container.provider.is_down = False

    assert container.later(REFETCH_SECONDS).outcome() == "unauthenticated"


def test_key_set_without_a_key_revokes_all(container: Container) -> None:
    container.outcome()
    container.provider.answers[JWKS] = (200, {}, json.dumps({"keys": []}).encode())

    assert container.later(FIVE_MINUTES).outcome() == "unauthenticated"


def test_a_refresh_that_fails_while_known_keys_serve_is_counted(container: Container) -> None:
    assert container.outcome() == "alice"
    container.provider.is_down = True

    with collected() as taken:
        assert container.later(KEPT_SECONDS + 1).outcome() == "alice"

    assert taken == {("jwks_refresh_failed_total", None): [1]}
