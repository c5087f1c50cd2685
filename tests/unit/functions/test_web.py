"""GET / and /docs: what is served, under which headers, and that nothing else is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import pytest

from functions.web import app as web
from slotkeeper import bootstrap
from tests.support.aws_events import INVOCATION_ID, Context, header_of, http_event

FIRST_VIEW_BYTES = 150_000
PAGES = ("/", "/docs")
OIDC = {
    "WEB_CLIENT_ID": "the-page",
    "WEB_AUTHORIZE_URL": "https://login.example/oauth2/authorize?audience=slots",
    "WEB_GRANT_URL": "https://tokens.example/oauth2/token",
}


@pytest.fixture(autouse=True)
def cold(environment: pytest.MonkeyPatch) -> Iterator[None]:
    web.headers.cache_clear()
    yield
    web.headers.cache_clear()


def get(path: str, *, at: str = "", **more: Any) -> dict[str, Any]:
    """`at` is the path as the client asked for it, with what stands before the API's own."""
    event = http_event("GET", path, authorizer=None, **more)
    event["requestContext"]["path"] = at or path
    answer: dict[str, Any] = web.lambda_handler(event, Context())
    return answer


def policy_of(answer: dict[str, Any]) -> dict[str, str]:
    text = header_of(answer, "Content-Security-Policy")
    assert text
    return dict(part.split(" ", 1) for part in text.split("; "))


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def elements(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Elements()
    parser.feed(get(page)["body"])
    return parser.found


def loads(page: str) -> list[str]:
    """What the page's own markup names, and what those modules import before they run."""
    named = [
        str(attributes.get("href") or attributes.get("src"))
        for tag, attributes in elements(page)
        if tag in {"link", "script", "img"}
    ]
    found: list[str] = []
    while named:
        path = urljoin("https://x/", named.pop()).removeprefix("https://x")
        if path in found:
            continue
        found.append(path)
        source = web.FILES[path.rpartition("/")[2]].body.decode()
        if path.endswith(".js"):
            named += [
                urljoin(path, name)
                for name in re.findall(r'^import .* "(.+)";', source, re.MULTILINE)
            ]
    return found


# --- what is answered -----------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_asked_for_each_time_and_sent_only_when_it_is_another(page: str) -> None:
    first = get(page)
    again = get(page, headers=[("If-None-Match", f'"other", W/{header_of(first, "ETag")}')])

    assert first["statusCode"] == 200
    assert header_of(first, "Content-Type") == "text/html; charset=utf-8"
    assert header_of(first, "Cache-Control") == "no-cache"
    assert first["isBase64Encoded"] is False
    assert (again["statusCode"], again["body"]) == (304, "")


@pytest.mark.parametrize("page", PAGES)
def test_all_that_a_page_loads_is_there_of_its_type_and_kept_for_good(page: str) -> None:
    for path in loads(page):
        answer = get(path)

        assert answer["statusCode"] == 200, path
        assert header_of(answer, "Cache-Control") == "public, max-age=31536000, immutable"
        assert answer["isBase64Encoded"] is False  # the gateway would pass it on as it is
        assert answer["body"].encode() == web.FILES[path.rpartition("/")[2]].body


@pytest.mark.parametrize("page", PAGES)
def test_first_view_is_small_though_nothing_is_compressed(page: str) -> None:
    sizes = [len(get(path)["body"].encode()) for path in (page, *loads(page))]

    assert sum(sizes) < FIRST_VIEW_BYTES


def test_files_of_another_version_are_given_and_not_kept_under_its_name() -> None:
    answer = get("/assets/0123456789ab/app.js")

    assert answer["statusCode"] == 200
    assert header_of(answer, "Cache-Control") == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        *("/assets/x/app.py", "/assets/x/index.html", "/assets/x/", "/assets/x", "/assets/"),
        *("/assets/x/../app.py", "/assets/x/..%2Fapp.py", "/assets/../../app.py", "/app.py"),
        *("/assets/x//etc/passwd", "/assets/x/%2e%2e%2fapp.py", "/assets/x/app.js%00", "/docs/"),
    ],
)
def test_no_path_leads_to_anything_else(path: str) -> None:
    answer = get(path)

    document = json.loads(answer["body"])
    assert answer["statusCode"] == document["status"] == 404
    assert document["code"] == "not_found"
    assert document["requestId"] == INVOCATION_ID
    assert header_of(answer, "Content-Type") == "application/problem+json"


# --- wherever the API is --------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_is_relative_so_that_a_prefix_is_kept(page: str) -> None:
    links = [
        value
        for _, attributes in elements(page)
        for name, value in attributes.items()
        if name in {"href", "src", "action", "data-document"}
    ]

    assert links
    assert not [link for link in links if not link or link.startswith(("/", "http"))]


@pytest.mark.parametrize(
    ("at", "query", "leads_to"),
    [("/prod", [], "prod/"), ("/v1/slots", [("state", "s")], "slots/?state=s")],
)
def test_a_prefix_without_its_slash_leads_to_the_one_with_it(
    at: str, query: list[tuple[str, str]], leads_to: str
) -> None:
    answer = get("/", at=at, query=query)

    assert answer["statusCode"] == 308
    assert header_of(answer, "Location") == leads_to


@pytest.mark.parametrize("at", ["/", "/prod/", "/v1/slots/"])
def test_any_other_is_answered(at: str) -> None:
    assert get("/", at=at)["statusCode"] == 200


# --- headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PAGES, "/assets/site.json", "/assets/x/app.js", "/nowhere"])
def test_every_answer_has_the_headers_that_keep_others_out(path: str) -> None:
    answer = get(path)

    policy = policy_of(answer)
    assert policy["default-src"] == "'none'"
    for what in ("script-src", "style-src", "connect-src", "form-action"):
        assert policy[what] == "'self'"
    assert policy["img-src"] == "'self' data:"
    assert policy["base-uri"] == policy["frame-ancestors"] == policy["trusted-types"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert header_of(answer, "X-Content-Type-Options") == "nosniff"
    assert header_of(answer, "Referrer-Policy") == "no-referrer"
    assert header_of(answer, "Cross-Origin-Opener-Policy") == "same-origin"
    assert header_of(answer, "Strict-Transport-Security") == "max-age=63072000; includeSubDomains"
    assert header_of(answer, "X-Request-Id") == INVOCATION_ID
    assert header_of(answer, "Server") is None


@pytest.mark.parametrize("page", PAGES)
def test_no_script_or_style_is_within_a_page(page: str) -> None:
    found = elements(page)

    assert not [tag for tag, _ in found if tag in {"style", "base", "iframe", "object"}]
    assert not [a for tag, a in found if tag == "script" and not a.get("src")]
    assert not [a for _, a in found if any(n == "style" or n.startswith("on") for n in a)]


def test_no_text_becomes_markup_or_code() -> None:
    made_of_text = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc"
        r"|\beval\(|new Function|setTimeout\(\s*[\"']|javascript:"
    )
    scripts = {name: file.body.decode() for name, file in web.FILES.items() if name.endswith("js")}

    assert len(scripts) > 10
    assert {
        name: found[0] for name, text in scripts.items() if (found := made_of_text.search(text))
    } == {}


def test_nothing_comes_from_anywhere_else() -> None:
    named = {
        name: re.findall(rb"(?:https?:)?//[\w.-]+\.\w+", file.body)
        for name, file in web.FILES.items()
        if not name.endswith(("icon.svg", "openapi.json"))
    }

    assert {name: found for name, found in named.items() if found} == {}


# --- signing in -----------------------------------------------------------------------------------


def test_where_nothing_is_set_up_the_page_is_told_that_nobody_can_sign_in() -> None:
    assert json.loads(get("/assets/site.json")["body"]) == {
        "signIn": {"kind": "none", "environment": bootstrap.settings().environment}
    }


def test_the_page_is_told_of_the_provider_and_may_ask_it_for_tokens(
    environment: pytest.MonkeyPatch,
) -> None:
    for name, value in OIDC.items():
        environment.setenv(name, value)
    bootstrap.settings.cache_clear()

    answer = get("/assets/site.json")

    assert json.loads(answer["body"])["signIn"] == {
        "kind": "oidc",
        "clientId": "the-page",
        "authorizeUrl": "https://login.example/oauth2/authorize?audience=slots",
        "tokenUrl": "https://tokens.example/oauth2/token",
    }
    assert policy_of(answer)["connect-src"] == "'self' https://tokens.example"


# --- when it fails --------------------------------------------------------------------------------


def test_a_failure_is_one_of_the_invocation_as_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(web.FILES, "docs.html")

    with pytest.raises(Exception, match="NotServed"):
        get("/docs")
