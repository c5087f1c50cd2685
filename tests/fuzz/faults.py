"""What no answer may be or say, whatever was asked."""

from __future__ import annotations

import re
from collections.abc import Collection

from tests.fuzz.wire import Answer, Sent

PROBLEM = "application/problem+json"
MEMBERS = {"type", "title", "status", "code", "detail", "requestId"}
MORE_MEMBERS = {"errors", "attemptsRemaining"}
INNARDS = re.compile(
    r"Traceback|File \"|\.py\b|lambda_handler|pymongo|bson\.|redis\.|botocore|pydantic|mongodb://"
    r"|redis://|E11000|WriteConflict|NotPrimary|dup key|Errno|object at 0x|Exception\b|KeyError"
)
"""Words of drivers, libraries and stack traces."""
LONGEST_REFUSAL = 8_000
"""Characters: a refusal is no way to have much sent back for little."""
_NO_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


def faults_of(sent: Sent, answer: Answer, *, secrets: Collection[str] = ()) -> list[str]:
    """Everything that is wrong with the answer; `secrets` belong to people who do not ask."""
    found = []
    text = answer.text
    told = text + "\n".join(f"{name}: {value}" for name, value in answer.headers)
    if answer.status >= 500:
        found.append(f"status {answer.status}")
    if match := INNARDS.search(told):
        found.append(f"innards: {match.group()!r}")
    found += [f"somebody else's: {secret[:40]!r}" for secret in secrets if secret in told]
    if any(_NO_HEADER.search(name + value) for name, value in answer.headers):
        found.append("a control character in a header")
    if not _ID.fullmatch(answer.header("X-Request-Id") or ""):
        found.append("no X-Request-Id")
    if answer.header("X-Content-Type-Options") != "nosniff" and answer.status != 404:
        found.append("no X-Content-Type-Options")  # a route that is not there: the gateway's own
    if answer.status >= 400 and sent.method != "HEAD":
        found += _faults_of_problem(answer)
    return found


def _faults_of_problem(answer: Answer) -> list[str]:
    if answer.header("Content-Type") != PROBLEM:
        return [f"a refusal of the type {answer.header('Content-Type')!r}"]
    document = answer.json
    if not isinstance(document, dict):
        return ["a refusal that is no JSON object"]
    found = []
    names = set(document)
    if not names >= MEMBERS or names - MEMBERS - MORE_MEMBERS:
        found.append(f"members {sorted(names)}")
    if document.get("status") != answer.status:
        found.append("its status is not the status")
    if document.get("type") != f"urn:slotkeeper:problem:{document.get('code')}":
        found.append("its type is not its code's")
    if document.get("requestId") != answer.header("X-Request-Id"):
        found.append("its requestId is not X-Request-Id")
    if len(answer.body) > LONGEST_REFUSAL:
        found.append(f"{len(answer.body)} bytes long")
    return found
