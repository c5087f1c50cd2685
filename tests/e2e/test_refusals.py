"""What is refused, over HTTP: the contract's status and code, and nothing left behind."""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from pymongo.database import Database
from redis import Redis

from local import identity
from local.api import Answer, Patient, call
from local.config import Config
from tests.support.deployed import NewPatient, NextSlot

JSON = {"Content-Type": "application/json"}


def _refused(answer: Answer, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = answer.json
    assert (answer.status, body["code"], body["status"]) == (status, code, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"] == body["requestId"]
    assert {"type", "title", "detail"} <= set(body)
    assert "Traceback" not in answer.text
    return body


def _post(patient: Patient, body: object, **headers: str) -> Answer:
    return call(
        "POST",
        f"{patient.api_url}/bookings",
        token=patient.token,
        body=body,
        headers={"Idempotency-Key": secrets.token_hex(16), **headers},
    )


# --- bodies ---------------------------------------------------------------------------------------

MALFORMED = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b'{"slotId": NaN}',
    b'{"slotId": "a", "slotId": "b"}',
    b'{"slotId": "\\ud800"}',
    b'{"slotId": "a"} x',
    b"\xef\xbb\xbf{}",
    b"[" * 8000,
    b"9" * 5000,
]


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_body_is_an_invalid_request(alice: Patient, body: bytes) -> None:
    _refused(_post(alice, body), 400, "invalid_request")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"slotId": {"$gt": ""}},
        {"slotId": ["a"]},
        {"slotId": 1},
        {"slotId": None},
        {"slotId": ""},
        {"slotId": "a b"},
        {"slotId": "x" * 65},
        {"slotId": "a\n"},
        {"slotId": "a", "channel": "fax"},
        {"slotId": "a", "channel": {"$ne": None}},
        {"slotId": "a", "userId": "somebody"},
        {"slotId": "a", "status": "booked"},
        {"slot_id": "a"},
    ],
    ids=str,
)
def test_wrong_types_and_unknown_fields_are_named(alice: Patient, body: object) -> None:
    problem = _refused(_post(alice, body), 400, "invalid_request")

    assert all(set(error) == {"field", "message"} for error in problem["errors"])
    assert problem["errors"]


@pytest.mark.parametrize(
    "code",
    [123456, "12345", "1234567", "١٢٣٤٥٦", "１２３４５６", "12345²", "123456\n", " 12345", None]
    + [{"$gt": ""}, ["123456"], True, 1.5],
    ids=str,
)
def test_a_code_is_six_ascii_digits_in_a_string(
    alice: Patient, next_slot: NextSlot, code: object
) -> None:
    attempt = alice.hold(next_slot()).json["attemptId"]

    _refused(alice.verify(attempt, code), 400, "invalid_request")

    assert alice.release(attempt).status == 204


def test_a_body_that_is_too_large_or_not_json_is_refused(alice: Patient) -> None:
    large = {"slotId": "a", "padding": "x" * 17_000}

    _refused(_post(alice, large), 413, "payload_too_large")
    _refused(_post(alice, b"{}", **{"Content-Type": "text/plain"}), 415, "unsupported_media_type")
    _refused(_post(alice, b"{}", **{"Content-Encoding": "gzip"}), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "key", ["", "short", "x" * 129, "with spaces in it all", "$where-0123456789", '"' * 20]
)
def test_a_bad_idempotency_key_is_refused(alice: Patient, next_slot: NextSlot, key: str) -> None:
    answer = call(
        "POST",
        f"{alice.api_url}/bookings",
        token=alice.token,
        body={"slotId": next_slot()},
        headers={"Idempotency-Key": key} if key else {},
    )

    _refused(answer, 400, "invalid_request")


@pytest.mark.parametrize(
    "query",
    [
        *(
            "limit=0",
            "limit=-1",
            "limit=101",
            "limit=many",
            "limit=1.0",
            "limit=1_0",
            "limit=%C2%B2",
        ),
        *("page=0", "page=-1", "page=99999999999", "cursor=nonsense", "cursor=e30", "unknown=1"),
        *("date=2025-02-29", "date=2026-W09-1", "date=20260101", "from=2026-01-01T09:00:00"),
        *("to=yesterday", "limit=1&limit=2", "date[$gt]=2026-01-01"),
    ],
)
def test_a_bad_list_parameter_is_refused(alice: Patient, stack: dict[str, Any], query: str) -> None:
    url = f"{alice.api_url}/doctors/{stack['doctors'][0]}/slots?{query}"

    _refused(call("GET", url, token=alice.token), 400, "invalid_request")


def test_a_cursor_belongs_to_its_list(alice: Patient, stack: dict[str, Any]) -> None:
    one, other = (f"{alice.api_url}/doctors/{doctor}/slots" for doctor in stack["doctors"][:2])
    first = call("GET", f"{one}?limit=2", token=alice.token).json
    cursor = first["pageInfo"]["nextCursor"]

    second = call("GET", f"{one}?limit=2&cursor={cursor}", token=alice.token)
    foreign = call("GET", f"{other}?limit=2&cursor={cursor}", token=alice.token)

    assert second.status == 200
    assert not {s["id"] for s in first["items"]} & {s["id"] for s in second.json["items"]}
    assert set(first["pageInfo"]) == {"page", "limit", "totalPages", "totalItems", "nextCursor"}
    _refused(foreign, 400, "invalid_request")


def test_unknown_slots_and_doctors_are_not_found(alice: Patient) -> None:
    _refused(alice.hold("dr-nobody_20990101T0900Z"), 404, "not_found")
    url = f"{alice.api_url}/doctors/dr-nobody/slots"
    _refused(call("GET", url, token=alice.token), 404, "not_found")


def test_a_slot_in_the_past_is_refused(
    alice: Patient, stack: dict[str, Any], deployed_mongo: Database[dict[str, Any]]
) -> None:
    doctor = stack["doctors"][0]
    found = deployed_mongo["slots"].find_one({"doctorId": doctor})
    assert found is not None
    past = {**found, "_id": f"{doctor}_20200101T0900Z", "status": "active"}
    past["startTime"] = past["startTime"].replace(year=2020)
    past["endTime"] = past["endTime"].replace(year=2020)
    deployed_mongo["slots"].replace_one({"_id": past["_id"]}, past, upsert=True)

    _refused(alice.hold(past["_id"]), 422, "slot_in_past")


def test_refusals_leave_nothing_behind(
    alice: Patient,
    next_slot: NextSlot,
    deployed_mongo: Database[dict[str, Any]],
    deployed_redis: Redis,
) -> None:
    def state() -> tuple[Any, ...]:
        reserved = deployed_mongo["slots"].count_documents({"status": "reserved"})
        passing = ":rl:|:booking:attempts:"  # how often, and by whom, something was asked
        keys = {key for key in deployed_redis.scan_iter("local:*") if not re.search(passing, key)}
        return reserved, keys, len(alice.messages())

    slot, before = next_slot(), state()
    _post(alice, {"slotId": slot, "x": 1})
    _post(alice, b"{")
    _post(alice, {"slotId": "dr-nobody_20990101T0900Z"})
    alice.verify("at_unknown", "123456")
    call("POST", f"{alice.api_url}/bookings", body={"slotId": slot}, headers=JSON)

    after = state()
    assert after[0] <= before[0]
    assert after[1] <= before[1]
    assert after[2] == 0


# --- tokens ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def signing_key(system: Config, stack: dict[str, Any]) -> str:
    """The identity provider's own key for access tokens: what only it should have."""
    pool = stack["jwt_issuer"].rpartition("/")[2]
    keys = system.state / "emulator" / "state" / "cognito-pool-keys"
    return Path(keys / f"{pool}-access.pem").read_text()


@pytest.fixture(scope="session")
def kid(new_patient: NewPatient) -> str:
    return str(jwt.get_unverified_header(new_patient().token)["kid"])


def _token(
    key: str, kid: str, stack: dict[str, Any], algorithm: str = "RS256", **claims: Any
) -> str:
    now = int(time.time())
    payload = {
        "sub": "mallory",
        "iss": stack["jwt_issuer"],
        "client_id": stack["jwt_audience"],
        "token_use": "access",
        "iat": now,
        "exp": now + 600,
        **claims,
    }
    given = {name: value for name, value in payload.items() if value is not None}
    # By hand: the library refuses to make some of what we send.
    head, body = ({"alg": algorithm, "kid": kid}, given)
    signed = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in (head, body)
    )
    signer = jwt.get_algorithm_by_name(algorithm)
    signature = signer.sign(signed.encode(), signer.prepare_key(key))
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _get(stack: dict[str, Any], authorization: str | None) -> Answer:
    headers = {} if authorization is None else {"Authorization": authorization}
    return call("GET", f"{stack['api_url']}/bookings/bk_x", headers=headers)


def test_a_token_made_with_the_provider_s_key_is_taken(
    stack: dict[str, Any], signing_key: str, kid: str
) -> None:
    answer = _get(stack, f"Bearer {_token(signing_key, kid, stack)}")

    _refused(answer, 404, "not_found")


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"exp": int(time.time()) - 3600}, id="expired"),
        {"exp": None},
        pytest.param({"nbf": int(time.time()) + 24 * 3600}, id="not valid yet"),
        {"iss": "https://evil.example"},
        {"iss": None},
        {"client_id": "another-app"},
        {"token_use": "id"},
        {"sub": None},
        {"sub": 7},
    ],
    ids=str,
)
def test_a_token_with_wrong_claims_is_refused(
    stack: dict[str, Any], signing_key: str, kid: str, claims: dict[str, Any]
) -> None:
    answer = _get(stack, f"Bearer {_token(signing_key, kid, stack, **claims)}")

    _refused(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_no_token_or_a_forged_one_is_refused(
    stack: dict[str, Any], signing_key: str, kid: str
) -> None:
    good = _token(signing_key, kid, stack)
    head, payload, signature = good.split(".")
    nobody = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode())
    forged = [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {good}",
        good,
        f"Bearer {head}.{payload}.",
        f"Bearer {head}.{payload}.{signature[:-4]}AAAA",
        f"Bearer {nobody.decode().rstrip('=')}.{payload}.",
        f"Bearer {_token('x' * 40, kid, stack, 'HS256')}",
        "Bearer " + "x" * 9000,
    ]

    for authorization in forged:
        _refused(_get(stack, authorization), 401, "unauthenticated")


def test_staff_cannot_book_for_themselves(
    system: Config, stack: dict[str, Any], next_slot: NextSlot
) -> None:
    [person] = identity.sign_in(system, [identity.anybody("staff")])
    staff = Patient(stack["api_url"], system, person.token, person.phone)

    _refused(staff.hold(next_slot()), 403, "forbidden")
    _refused(staff.verify("at_x", "123456"), 403, "forbidden")


def test_staff_see_their_clinic_s_bookings_only(
    system: Config,
    stack: dict[str, Any],
    alice: Patient,
    next_slot: NextSlot,
    deployed_mongo: Database[dict[str, Any]],
) -> None:
    booking = alice.verify(alice.hold(next_slot()).json["attemptId"], alice.code()).json["id"]
    ours, theirs = identity.sign_in(system, [identity.anybody("staff") for _ in range(2)])
    deployed_mongo["users"].update_one({"_id": theirs.user_id}, {"$set": {"clinicId": "other"}})

    seen = Patient(stack["api_url"], system, ours.token, ours.phone).booking(booking)
    unseen = Patient(stack["api_url"], system, theirs.token, theirs.phone).booking(booking)

    assert seen.status == 200
    _refused(unseen, 404, "not_found")
