"""A request repeated with its idempotency key has one effect and one answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import Response

from slotkeeper.domain.errors import IdempotencyKeyReused, RequestInProgress, Unavailable
from slotkeeper.ports.requests import RequestMemory, RequestState

if TYPE_CHECKING:
    from slotkeeper.entrypoints.operation import Call


def once(
    call: Call[Any, Any, Any], make: Callable[[], Response[str]], requests: RequestMemory
) -> Response[str]:
    """The answer `make` gives, or, byte for byte, the one it gave to this key before.

    Only successes are remembered: a refusal keeps no key. Where the memory does not answer, the
    request is carried out all the same: whatever honours a key finds its own first effect by
    `call.request_key`, so the memory saves the answer's bytes, not the effect.

    Raises:
        RequestInProgress, IdempotencyKeyReused: the key is taken.
    """
    key = call.request_key
    try:
        known = requests.begin(key, fingerprint=call.fingerprint, owner=call.request_id)
    except Unavailable:
        # Perhaps it was begun and only the answer was lost: what follows ends it then.
        known = RequestState()
    if known.is_reused:
        raise IdempotencyKeyReused
    if known.busy_for_ms is not None:
        raise RequestInProgress(retry_after_seconds=-(-known.busy_for_ms // 1000))
    replayed = _replayed(known.answer)
    if replayed is not None:
        return replayed
    is_success = False
    try:
        answer = make()
        is_success = answer.status_code < HTTPStatus.BAD_REQUEST
    finally:
        if not is_success:
            with suppress(Unavailable):
                requests.abandon(key, owner=call.request_id)
    if is_success:
        with suppress(Unavailable):
            requests.complete(key, owner=call.request_id, answer=_text_of(answer))
    return answer


def _text_of(answer: Response[str]) -> str:
    return json.dumps(
        {
            "status": answer.status_code,
            "type": answer.content_type,
            "headers": answer.headers,
            "body": answer.body,
        }
    )


def _replayed(text: str | None) -> Response[str] | None:
    """The answer that was given, or None: none was, or what is kept is none of ours."""
    try:
        told = json.loads(text or "null")
    except ValueError:
        return None
    match told:
        case {"status": int(status), "type": kind, "headers": dict(headers), "body": str(body)}:
            return Response(
                status_code=status,
                content_type=kind,
                headers={**headers, "Idempotent-Replayed": "true"},
                body=body,
            )
    return None
