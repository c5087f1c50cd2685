"""What one route takes and answers: read by the handler's entry and by the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from slotkeeper.contracts.shapes import Request, Shape
from slotkeeper.domain import errors
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.errors import AppointmentError
    from slotkeeper.domain.user import Caller, Role

Path = TypeVar("Path", bound=Request)
Query = TypeVar("Query", bound=Request)
Body = TypeVar("Body", bound=Request)

JSON = "application/json"

STATUS: Mapping[type[AppointmentError], HTTPStatus] = {
    errors.InvalidRequest: HTTPStatus.BAD_REQUEST,
    errors.PayloadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.SlotHeld: HTTPStatus.CONFLICT,
    errors.SlotUnavailable: HTTPStatus.CONFLICT,
    errors.BookingNotConfirmed: HTTPStatus.CONFLICT,
    errors.AppointmentsAhead: HTTPStatus.CONFLICT,
    errors.VersionConflict: HTTPStatus.CONFLICT,
    errors.RequestInProgress: HTTPStatus.CONFLICT,
    errors.HoldExpired: HTTPStatus.GONE,
    errors.PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    errors.SlotInPast: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooLate: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.OtpInvalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.PaymentDeclined: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.IdempotencyKeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.OtpLocked: HTTPStatus.TOO_MANY_REQUESTS,
    errors.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    errors.TooManyHolds: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Operation(Value, kw_only=True):
    """One method of one path; `roles` empty means that nobody need sign in.

    `answers` are the successes by status, each with the shape of its body (None: no body, or text
    where `media_type` is not JSON's), and `refuses` what may go wrong besides what may anywhere.
    """

    name: str
    method: str
    path: str
    summary: str
    roles: frozenset[Role]
    path_model: type[Request]
    query_model: type[Request]
    body_model: type[Request]
    answers: Mapping[HTTPStatus, type[Shape] | None]
    refuses: tuple[type[AppointmentError], ...]
    idempotency: Literal["required", "honoured", "none"]
    takes_if_match: bool
    media_type: str = JSON
    gives_etag: bool = False
    """Answers 304 where `If-None-Match` names the answer's entity tag."""
    writes: bool = False
    """Refused while the system stands by."""


class Call(Value, Generic[Path, Query, Body], kw_only=True):
    """One request, read and checked.

    `request_id` is the invocation's own. `request_key` names the request as the client repeats it:
    derived from its idempotency key where it sent one, else the request id. `if_match` holds the
    versions the caller expects, None where any will do; `if_none_match` the entity tags of what it
    has already, "*" for whatever there is. `fingerprint` is empty where there is no key.
    """

    caller: Caller
    path: Path
    query: Query
    body: Body
    request_id: str
    request_key: str
    idempotency_key: str | None
    fingerprint: str
    if_match: frozenset[int] | None
    if_none_match: frozenset[str] = frozenset()
