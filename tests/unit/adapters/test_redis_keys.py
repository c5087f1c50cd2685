"""What makes Redis safe to be a Cluster: one key a command, and none bound to another's slot."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import slotkeeper.adapters.redis
from slotkeeper.adapters.redis.keys import Keys

HOME = Path(slotkeeper.adapters.redis.__path__[0])
SCRIPTS = sorted(HOME.glob("scripts/*.lua"))
MODULES = sorted(HOME.glob("*.py"))
# The client for a Cluster passes on what others ask.
ASKING = [path for path in MODULES if not path.name.startswith(("cluster", "slot_map", "connect"))]
KEYS = Keys("prod")
AN_ID = "dr-ana_silva-20270201T0900"
EVERY_KEY = {
    "lock": KEYS.lock(AN_ID),
    "code": KEYS.code("alice", AN_ID),
    "failures": KEYS.failures("alice"),
    "request": KEYS.request("a" * 64),
    "requests_of": KEYS.requests_of("a" * 16),
    "places": KEYS.places("alice"),
    "bucket": KEYS.bucket("/doctors/{doctor_id}/slots", "alice"),
    "slot_pages": KEYS.slot_pages("dr-ana"),
    "doctor_pages": KEYS.doctor_pages(),
    "viewed": KEYS.viewed("alice"),
    "provider": KEYS.provider("sns"),
}


def _calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    for path in ASKING:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in names
            ):
                yield f"{path.name}:{node.lineno}", node


def test_there_are_scripts_and_calls_of_them() -> None:
    assert len(SCRIPTS) >= 14
    assert len(list(_calls("eval"))) >= 14


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_touches_the_one_key_it_is_given(script: Path) -> None:
    code = re.sub(r"--[^\n]*", "", script.read_text())

    assert set(re.findall(r"KEYS\[[^\]]*\]", code)) == {"KEYS[1]"}
    assert "KEYS" not in code.replace("KEYS[1]", "")
    for command, first in re.findall(r"redis\.call\('(\w+)'\s*(?:,\s*([^,)]+))?", code):
        assert first == "KEYS[1]" or command == "TIME"


def test_every_script_is_sent_with_one_key() -> None:
    for where, call in _calls("eval"):
        assert isinstance(call.args[1], ast.Constant), where
        assert call.args[1].value == 1, where


def test_no_command_names_several_keys() -> None:
    several = ("mget", "mset", "sinter", "sunion", "sdiff", "rename", "rpoplpush", "zunionstore")
    assert [where for where, _ in _calls(*several)] == []
    for where, call in _calls("delete", "unlink", "exists", "touch"):
        assert len(call.args) == 1, where
        assert not isinstance(call.args[0], ast.Starred), where


def test_every_kind_of_key_is_tried_here() -> None:
    formed = {name for name in vars(Keys) if not name.startswith("_") and name != "environment"}

    assert formed == set(EVERY_KEY)


@pytest.mark.parametrize("key", EVERY_KEY.values(), ids=EVERY_KEY)
def test_no_key_has_a_hash_tag(key: str) -> None:
    assert "{" not in key
    assert "}" not in key


HOSTILE = ["{a}", "x{a}y", "{", "}{", "{}", "%7Ba}"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_id_brings_a_hash_tag_into_a_key(hostile: str) -> None:
    """A user's id is what the identity provider says it is."""
    made = [
        KEYS.lock(hostile),
        KEYS.code(hostile, hostile),
        KEYS.failures(hostile),
        KEYS.request(hostile),
        KEYS.places(hostile),
        KEYS.bucket(f"/{hostile}/slots", hostile),
        KEYS.slot_pages(hostile),
        KEYS.viewed(hostile),
    ]

    assert not [key for key in made if "{" in key or "}" in key]


def test_users_with_and_without_braces_have_keys_of_their_own() -> None:
    assert len({KEYS.places(user) for user in HOSTILE}) == len(HOSTILE)
