"""GET / and /docs: the booking page and the API reference, with what both load (docs/web.md)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mangum import Mangum
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from slotkeeper import bootstrap
from slotkeeper.contracts.problems import problem
from slotkeeper.domain.errors import NotFound
from slotkeeper.entrypoints.answers import SAFE_HEADERS
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.settings import Settings

STATIC = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
TEXT = ["text/", "application/json", "application/problem+json", "image/svg+xml"]
"""What is answered as it is: the gateway would hand on anything else in base64."""
FOR_A_YEAR = "public, max-age=31536000, immutable"
ASKED_EACH_TIME = "no-cache"
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
"""Everything from here, nothing inline, no text ever made into markup."""


@dataclass(frozen=True, slots=True)
class File:
    """What is answered for one name; all are read before the first request."""

    body: bytes
    media_type: str

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:20]}"'


def _read() -> tuple[str, Mapping[str, File]]:
    """The version of all that pages load, and every file by its name; pages name that version."""
    names = sorted(path for path in STATIC.iterdir() if path.suffix in MEDIA_TYPES)
    bodies = {path.name: path.read_bytes() for path in names}
    loaded = (name.encode() + body for name, body in bodies.items() if not name.endswith(".html"))
    version = hashlib.sha256(b"\0".join(loaded)).hexdigest()[:12]
    return version, {
        name: File(body.replace(b"{version}", version.encode()), MEDIA_TYPES[Path(name).suffix])
        if name.endswith(".html")
        else File(body, MEDIA_TYPES[Path(name).suffix])
        for name, body in bodies.items()
    }


VERSION, FILES = _read()


def sign_in(settings: Settings) -> Mapping[str, str]:
    """How the page signs people in: with the identity provider, or not at all."""
    if not settings.web_client_id:
        return {"kind": "none", "environment": settings.environment}
    return {
        "kind": "oidc",
        "clientId": settings.web_client_id,
        "authorizeUrl": settings.web_authorize_url,
        "tokenUrl": settings.web_grant_url,
    }


@cache
def headers() -> Mapping[str, str]:
    """Of every answer; the one other place that the page may ask is where tokens are given out."""
    token_url = urlsplit(bootstrap.settings().web_grant_url)
    origin = f" {token_url.scheme}://{token_url.netloc}" if token_url.netloc else ""
    policy = POLICY | {"connect-src": POLICY["connect-src"] + origin}
    return {
        **SAFE_HEADERS,
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    }


def _answer(request: Request, file: File, caching: str) -> Response:
    known = {tag.strip().removeprefix("W/") for tag in _tags(request)}
    given = {"ETag": file.etag, "Cache-Control": caching}
    if known & {file.etag, "*"}:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=given)
    return Response(file.body, media_type=file.media_type, headers=given)


def _tags(request: Request) -> list[str]:
    return request.headers.get("if-none-match", "").split(",")


async def get_page(request: Request) -> Response:
    """The booking page. All its links are relative: where the API has a prefix, so has the page."""
    asked = str(request.scope["aws.event"]["requestContext"].get("path") or "/")
    if not asked.endswith("/"):  # .../prod: from there, links would lead past the prefix
        query = f"?{request.url.query}" if request.url.query else ""
        location = f"{asked.rpartition('/')[2]}/{query}"
        return Response(
            status_code=HTTPStatus.PERMANENT_REDIRECT,
            headers={"Location": location, "Cache-Control": ASKED_EACH_TIME},
        )
    return _answer(request, FILES["index.html"], ASKED_EACH_TIME)


async def get_docs(request: Request) -> Response:
    return _answer(request, FILES["docs.html"], ASKED_EACH_TIME)


async def get_site(request: Request) -> Response:
    body = json.dumps({"signIn": sign_in(bootstrap.settings())}).encode()
    return _answer(request, File(body, MEDIA_TYPES[".json"]), ASKED_EACH_TIME)


async def get_asset(request: Request) -> Response:
    """What a page loads, known by its name alone: no path leads to any other file."""
    file = FILES.get(request.path_params["name"])
    if file is None or request.path_params["name"].endswith(".html"):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    # While a release is shifted, a page of one version may be given files of the other: then they
    # are not to be kept under its name.
    is_ours = request.path_params["version"] == VERSION
    return _answer(request, file, FOR_A_YEAR if is_ours else "no-store")


async def not_found(request: Request, error: Exception) -> Response:
    document = problem(
        status=HTTPStatus.NOT_FOUND,
        code=NotFound.code,
        detail=NotFound.detail,
        request_id=request.scope["aws.context"].aws_request_id,
        more={},
    )
    return Response(
        json.dumps(document), HTTPStatus.NOT_FOUND, media_type="application/problem+json"
    )


app = Starlette(
    routes=[
        Route("/", get_page),
        Route("/docs", get_docs),
        Route("/assets/site.json", get_site),
        Route("/assets/{version}/{name}", get_asset),
    ],
    exception_handlers={HTTPException: not_found},
)
app.router.redirect_slashes = False  # to whatever host the request names
logging.getLogger("mangum").setLevel(logging.WARNING)  # ours is the line of a request


class NotServed(Exception):
    """The application failed; Mangum has logged where."""


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    with asyncio.Runner():  # Mangum takes the thread's loop, and there is none by itself
        answer = Mangum(app, lifespan="off", text_mime_types=TEXT)(event, context)
    if answer["statusCode"] == HTTPStatus.INTERNAL_SERVER_ERROR:
        raise NotServed  # so that it is counted, and refused by the gateway, as everywhere
    own = {**answer.pop("headers"), "x-request-id": context.aws_request_id}
    given = {name.lower(): value for name, value in headers().items()}
    answer["multiValueHeaders"] |= {name: [value] for name, value in (given | own).items()}
    return answer
