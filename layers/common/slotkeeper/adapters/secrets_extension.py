"""A secret by AWS's Parameters and Secrets extension, which answers on the function's own machine.

No boto3: nine functions use none, and it would make their cold start a third longer (ADR 0008).
"""

from __future__ import annotations

import json
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote

from slotkeeper.domain.errors import Unavailable

_SECONDS = 3.0
_MOST_BYTES = 100_000
"""More than a secret may have."""


def read_secret(secret_id: str, *, session_token: str, port: int) -> str:
    """The secret's text; `session_token` of the function shows that it may ask.

    Raises:
        Unavailable: the extension or Secrets Manager did not answer, or has no such secret.
    """
    connection = HTTPConnection("localhost", port, timeout=_SECONDS)
    try:
        connection.request(
            "GET",
            f"/secretsmanager/get?secretId={quote(secret_id, safe='')}",
            headers={"X-Aws-Parameters-Secrets-Token": session_token},
        )
        answer = connection.getresponse()
        body = answer.read(_MOST_BYTES)
        if answer.status != HTTPStatus.OK:
            raise Unavailable
        text = json.loads(body)["SecretString"]
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        # What was answered may be the secret, and is told to nobody.
        raise Unavailable from _without_answer(error)
    finally:
        connection.close()
    if not isinstance(text, str):
        raise Unavailable
    return text


def _without_answer(error: Exception) -> Exception:
    return error if isinstance(error, OSError) else RuntimeError(type(error).__name__)
