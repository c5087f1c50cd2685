"""Every route of the template, for every role, on one's own, a foreign and an absent thing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest

from slotkeeper import bootstrap
from slotkeeper.entrypoints import auth
from slotkeeper.services import access
from slotkeeper.services.access import Sight
from tests.crash.cloud import Cloud, listening
from tests.support import identity_provider
from tests.support.access_rows import FOREIGN, OWN, ROLES, ROWS, Row
from tests.support.access_world import World, problems_of
from tests.support.databases import Databases
from tests.support.house import House
from tests.support.identity_provider import AUDIENCE, IdentityProvider
from tests.support.routes import pages_of
from tests.support.servers import Stores
from tests.template.test_template import FUNCTIONS, events_of, routes

Found = Callable[[str], World]

SETTINGS = {
    "NOTIFICATION_QUEUE_URL": "http://127.0.0.1/123456789012/notifications",
    "OTP_SECRET_ID": "otp-keys",
    "OTP_RESEND_WAIT_SECONDS": "0",
    "RELAY_FUNCTION_NAME": "relay",
    "JWT_AUDIENCE": AUDIENCE,
    "RATE_LIMIT_IP": "0",
    "RATE_LIMIT_READS": "0",
    "RATE_LIMIT_WRITES": "0",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    """Where AWS answers."""
    secrets = {"otp-keys": json.dumps({"k1": "secret of k1"})}
    with listening(Cloud(secrets=secrets)) as port:
        yield f"http://127.0.0.1:{port}"
    bootstrap.aws.cache_clear()


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with identity_provider.running() as made:
        yield made


def cold_start() -> None:
    """Bootstrap has made nothing yet, but for AWS clients: they are slow to make."""
    for name, made in vars(bootstrap).items():
        clear = getattr(made, "cache_clear", None)
        if clear is not None and name != "aws":
            clear()


@pytest.fixture
def found(
    stores: Stores,
    databases: Databases,
    cloud: str,
    provider: IdentityProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Found]:
    """The functions, as they are deployed, in a world of their own."""
    environment = f"t{uuid.uuid4().hex[:12]}"
    with databases.one() as database, stores.connect_redis() as redis:
        uri = stores.database_uri(database.name)
        given = {
            **SETTINGS,
            "ENVIRONMENT": environment,
            "REQUIRE_TLS": "false",
            "MONGO_URI": uri,
            "REDIS_URL": stores.redis_url,
            "REDIS_MODE": stores.redis_mode,
            "JWT_ISSUER": provider.issuer,
            "AWS_ENDPOINT_URL": cloud,
        }
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        cold_start()
        house = House.on(uri, redis, environment=environment)
        yield lambda role: World(house, provider, role)
        house.database.client.close()
        bootstrap.database().client.close()
        for key in redis.scan_iter(f"{environment}:*"):
            redis.delete(key)
    cold_start()


PAGES = {f"{method} {path}" for method, path in pages_of("web")}
"""What is the same for everybody: tests/unit/functions/test_web.py."""

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)


def test_every_route_of_the_template_has_a_row_and_every_row_a_route() -> None:
    assert {row.route for row in ROWS} == {f"{m} {path}" for _, m, path in routes()} - PAGES


def test_what_has_an_id_in_its_path_is_asked_for_ones_own_a_foreign_and_an_absent_one() -> None:
    assert [row.id for row in ROWS if "{" in row.path and not row.thing] == []
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_nobody_gets_in_but_where_the_template_asks_no_authorizer() -> None:
    open_ = {
        f"{event['Method']} {event['Path']}"
        for function in FUNCTIONS.values()
        for event in events_of(function, "Api")
        if event.get("Auth", {}).get("Authorizer") == "NONE"
    }

    assert {row.route for row in ROWS if set(row.statuses["nobody"]) != {401}} == open_ - PAGES


@every_row
@pytest.mark.parametrize("role", ROLES)
def test_everybody_gets_what_is_theirs_and_no_sign_of_what_is_not(
    found: Found, row: Row, role: str
) -> None:
    assert problems_of(row, found(role)) == []


# --- where a role and a clinic come from ----------------------------------------------------------


@pytest.mark.parametrize("claim", [{"role": "admin"}, {"roles": "admin"}, {"groups": ["admin"]}])
def test_role_is_the_tokens_group_whatever_users_collection_or_other_claims_say(
    found: Found, provider: IdentityProvider, claim: dict[str, Any]
) -> None:
    world = found("patient")
    [row] = [row for row in ROWS if row.id == "GET /bookings/{id}"]
    world.house.database["users"].update_one(
        {"_id": world.alice}, {"$set": {"role": "admin", "clinicId": "clinic-1"}}
    )

    _, foreign, _ = world.ids_of(row.thing)
    answer, _ = world.ask(row, foreign, provider.bearer(sub=world.alice, **claim))

    assert answer["statusCode"] == 404


@pytest.mark.parametrize("claim", ["clinicId", "custom:clinicId", "clinic_id"])
def test_clinic_is_what_the_users_collection_says_whatever_the_token_claims(
    found: Found, provider: IdentityProvider, claim: str
) -> None:
    world = found("staff")
    [row] = [row for row in ROWS if row.id == "PATCH /doctors/{id}"]

    _, foreign, _ = world.ids_of(row.thing)
    bearer = provider.bearer(sub=world.carol, **{"cognito:groups": ["staff"], claim: "clinic-2"})
    answer, _ = world.ask(row, foreign, bearer)

    assert answer["statusCode"] == 404


def test_staff_that_change_clinic_lose_the_old_one_and_reach_the_new_one(found: Found) -> None:
    world = found("staff")
    [row] = [row for row in ROWS if row.id == "PATCH /doctors/{id}"]
    [bearer] = world.credentials()
    world.house.database["users"].update_one(
        {"_id": world.carol}, {"$set": {"clinicId": "clinic-2"}}
    )

    own, foreign, _ = world.ids_of(row.thing)
    statuses = [world.ask(row, id_, bearer)[0]["statusCode"] for id_ in (own, foreign)]

    assert statuses == [404, 200]


def test_nobody_gives_themselves_a_clinic(found: Found) -> None:
    world = found("stray")
    [row] = [row for row in ROWS if row.id == "PUT /me"]
    [bearer] = world.credentials()
    theirs = Row(
        route=row.route,
        thing="",
        statuses=row.statuses,
        body=lambda *_: {"phone": "+15550199", "clinicId": "clinic-1"},
    )

    answer, _ = world.ask(theirs, "", bearer)

    assert answer["statusCode"] == 400
    assert world.house.users.get(world.dave).clinic_id is None


# --- negative controls ----------------------------------------------------------------------------

GUARDED = [
    (row, role)
    for row in ROWS
    for role in ("patient", "staff", "stray")
    if (row.thing and row.status(role, FOREIGN) == 404 and row.statuses["admin"][OWN] != 404)
    or (row.shows and role not in row.shows_all_to)
]


def test_something_is_guarded_of_every_kind() -> None:
    kinds = {row.thing or row.shows for row, _ in GUARDED}

    assert kinds == {"booking", "attempt", "doctor", "slot"}
    assert len(GUARDED) > 20


@pytest.mark.parametrize(("row", "role"), GUARDED, ids=lambda one: getattr(one, "id", one))
def test_table_goes_red_where_access_is_not_checked(
    found: Found, monkeypatch: pytest.MonkeyPatch, row: Row, role: str
) -> None:
    monkeypatch.setattr(access, "_refuse_unless", lambda _: None)
    monkeypatch.setattr(access, "sight_of", lambda *_: Sight(is_all=True))

    assert problems_of(row, found(role)) != []


BEHIND_THE_AUTHORIZER = [row for row in ROWS if set(row.statuses["nobody"]) == {401}]


@pytest.mark.parametrize("row", BEHIND_THE_AUTHORIZER, ids=lambda row: row.id)
def test_table_goes_red_where_the_authorizer_checks_no_signature(
    found: Found, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    decode = jwt.decode

    def unchecked(text: str, *_: Any, **__: Any) -> Any:
        return decode(text, options={"verify_signature": False})

    monkeypatch.setattr(jwt, "decode", unchecked)

    assert problems_of(row, found("nobody")) != []


def test_table_goes_red_where_the_policy_is_for_the_whole_stage(
    found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "_method_of", lambda arn: "/".join([*arn.split("/")[:2], "*"]))
    [row] = [row for row in ROWS if row.id == "GET /me"]

    assert problems_of(row, found("patient")) != []
