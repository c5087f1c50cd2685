"""HTTP: routes that declare what they take and answer, and refuse as the contract says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from slotkeeper import asides
from slotkeeper.contracts.problems import problem
from slotkeeper.contracts.shapes import Nothing, Shape
from slotkeeper.domain import errors
from slotkeeper.domain.attempt import request_key
from slotkeeper.domain.errors import AppointmentError
from slotkeeper.entrypoints.answers import problem_answer, rate_limit_headers, refusal
from slotkeeper.entrypoints.incoming import Incoming, authorizer_of
from slotkeeper.entrypoints.observability import count, identify, logger
from slotkeeper.entrypoints.operation import JSON, Body, Call, Operation, Path, Query
from slotkeeper.entrypoints.replay import once

if TYPE_CHECKING:
    from slotkeeper.domain.user import Role
    from slotkeeper.ports.requests import RequestMemory

STANDBY_RETRY_SECONDS = 30
"""Of who would write to a region that stands by: it takes a hand until it may."""
_IS_OF_ATTEMPT = re.compile("/(hold|[a-z]+-otp)$")
_COUNTED: Mapping[type[AppointmentError], str] = {
    errors.SlotHeld: "booking_lock_conflicts_total",
    errors.OtpInvalid: "otp_failed_total",
    errors.OtpLocked: "otp_locked_total",
}
"""Refusals that say how the system does, whoever is refused."""


def _ids_of(route: str, id_: str | None) -> Mapping[str, str | None]:
    """What a path's id names, as the logs call it; a doctor's is on no line."""
    if route.startswith("/slots/"):
        return {"slotId": id_}
    if route.startswith("/bookings/"):
        return {"attemptId" if _IS_OF_ATTEMPT.search(route) else "bookingId": id_}
    return {}


class App(APIGatewayRestResolver):
    """The Powertools resolver with our parsing, caller and problems.

    Routes are declared by `operation`: what a handler is given has been read with the very models
    that the OpenAPI document is made of.
    """

    def __init__(
        self, requests: Callable[[], RequestMemory] | None, is_standby: Callable[[], bool] | None
    ) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self._requests = requests
        self._is_standby = is_standby

    def resolve(self, event: Any, context: Any) -> dict[str, Any]:
        answer = super().resolve(event, context)
        headers = answer.setdefault("multiValueHeaders", {})
        headers["X-Request-Id"] = [context.aws_request_id]
        for name, value in rate_limit_headers(authorizer_of(event)).items():
            headers[name] = [value]
        return answer

    def operation(
        self,
        method: str,
        path: str,
        *,
        roles: Iterable[Role],
        path_model: type[Path] = Nothing,  # type: ignore[assignment]  # the default of a parameter
        query_model: type[Query] = Nothing,  # type: ignore[assignment]
        body_model: type[Body] = Nothing,  # type: ignore[assignment]
        answers: Mapping[HTTPStatus, type[Shape] | None],
        refuses: Sequence[type[AppointmentError]] = (),
        idempotency: Literal["required", "honoured", "none"] = "none",
        takes_if_match: bool = False,
        media_type: str = JSON,
        gives_etag: bool = False,
        writes: bool | None = None,
    ) -> Callable[[Callable[[Call[Path, Query, Body]], Response[str]]], None]:
        """Declare what a route takes and answers; the handler gets the request read and checked.

        Where an idempotency key is `honoured`, a request repeated with its key is answered from
        memory (`entrypoints.replay`); where it is `required`, the handler sees to that itself.
        What `writes` (by default all but GET) is refused while the system stands by.
        """
        writes = method != "GET" if writes is None else writes
        is_standby = self._is_standby if writes else _never
        assert self._requests or idempotency != "honoured", "create_app() was given no memory"
        assert is_standby, "create_app() was not told how to know whether the system stands by"

        def declare(handler: Callable[[Call[Path, Query, Body]], Response[str]]) -> None:
            operation = Operation(
                name=handler.__name__,
                method=method,
                path=path,
                summary=(handler.__doc__ or "").strip(),
                roles=frozenset(roles),
                path_model=path_model,
                query_model=query_model,
                body_model=body_model,
                answers=answers,
                refuses=tuple(refuses),
                idempotency=idempotency,
                takes_if_match=takes_if_match,
                media_type=media_type,
                gives_etag=gives_etag,
                writes=writes,
            )
            self.operations.append(operation)

            def serve(**_: str) -> Response[str]:
                if is_standby():
                    raise errors.Unavailable(retry_after_seconds=STANDBY_RETRY_SECONDS)
                incoming = Incoming(self.current_event.raw_event)
                # In this order: who may not call learns nothing of what is wrong.
                caller = incoming.caller(operation.roles)
                key = incoming.idempotency_key(operation)
                path = incoming.path(path_model)
                query = incoming.query(query_model)
                identify(**_ids_of(operation.path, getattr(path, "id", None)))
                body = incoming.body(body_model)
                identify(slotId=getattr(body, "slot_id", None))
                call = Call(
                    caller=caller,
                    idempotency_key=key,
                    path=path,
                    query=query,
                    body=body,
                    request_id=self.request_id,
                    request_key=request_key(caller.user_id, key) if key else self.request_id,
                    fingerprint=incoming.fingerprint(body, query) if key else "",
                    if_match=incoming.if_match() if takes_if_match else None,
                    if_none_match=incoming.if_none_match() if gives_etag else frozenset(),
                )
                if key is None or idempotency != "honoured" or self._requests is None:
                    return handler(call)
                return once(call, lambda: handler(call), self._requests())

            self.route(re.sub(r"{(\w+)}", r"<\1>", path), method)(serve)

        return declare

    @property
    def request_id(self) -> str:
        """The invocation's own id, never one the client chose: no two requests share it.

        (The gateway's is not unique everywhere: `sam local` gives every request the same.)
        """
        return str(self.lambda_context.aws_request_id)


def create_app(
    requests: Callable[[], RequestMemory] | None = None,
    *,
    is_standby: Callable[[], bool] | None = None,
) -> App:
    """A resolver that answers every refusal itself, as the contract says.

    `requests` makes the memory of idempotency keys, for routes that honour them; `is_standby` tells
    whether this region only reads, which routes that write have to know.
    """
    app = App(requests, is_standby)

    @app.exception_handler(AppointmentError)  # type: ignore[untyped-decorator]  # Powertools' own
    def refuse(error: AppointmentError) -> Response[str]:
        if type(error) in _COUNTED:
            count(_COUNTED[type(error)])
        return refusal(error, app.request_id)

    @app.exception_handler(Exception)  # type: ignore[untyped-decorator]  # Powertools' own
    def fail(error: Exception) -> Response[str]:
        # The one place that catches everything: a caller never sees what went wrong inside.
        if isinstance(error, errors.Corrupted):
            asides.note(asides.Aside(error.collection, error.id, error.why))
        logger.exception("invocation.failed", errorType=type(error).__name__)
        return problem_answer(
            problem(
                status=HTTPStatus.INTERNAL_SERVER_ERROR,
                code="internal_error",
                detail="Something went wrong on our side.",
                request_id=app.request_id,
                more={},
            ),
            {},
        )

    @app.not_found
    def no_route(_: NotFoundError) -> Response[str]:
        return refusal(errors.NotFound(), app.request_id)

    return app


def _never() -> bool:
    return False
