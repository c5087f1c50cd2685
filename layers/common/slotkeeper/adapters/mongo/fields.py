"""The fields of a stored document, each read as what it must be.

Whatever a document holds, reading it gives a value of the right kind or says by name which field is
wrong: nothing half read goes on to fail somewhere else, and no message quotes what a field holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from bson import ObjectId

from slotkeeper import asides
from slotkeeper.domain.errors import Corrupted

MOST_TEXT = 4_000
"""Characters of one field: a batch of ten events stays within what SQS takes."""

Kind = TypeVar("Kind", bound=StrEnum)
Made = TypeVar("Made")


class Fields:
    """The fields of one document (or of one inside it, `within` which its names are told)."""

    def __init__(self, collection: str, document: Mapping[str, Any], *, within: str = ""):
        self._collection = collection
        self._document = document
        self._within = within
        self.id = shown_id(document.get("_id"))

    def text(self, name: str) -> str:
        value = self._document.get(name)
        if not isinstance(value, str):
            raise self.wrong(name, _kind_of(value))
        if len(value) > MOST_TEXT:
            raise self.wrong(name, "too long")
        return value

    def text_or_none(self, name: str) -> str | None:
        return None if self._document.get(name) is None else self.text(name)

    def has(self, name: str) -> bool:
        return self._document.get(name) is not None

    def own_id(self) -> str:
        return self.text("_id")

    def number(self, name: str) -> int:
        value = self._document.get(name)
        # A shell may have stored a whole number as a double.
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(name, _kind_of(value))
        return int(value)

    def number_or_none(self, name: str) -> int | None:
        return None if self._document.get(name) is None else self.number(name)

    def time(self, name: str) -> datetime:
        value = self._document.get(name)
        if not isinstance(value, datetime):
            raise self.wrong(name, _kind_of(value))
        return value

    def one_of(self, name: str, kinds: type[Kind]) -> Kind:
        value = self.text(name)
        try:
            return kinds(value)
        except ValueError:
            raise self.wrong(name, "unknown value") from None

    def inner(self, name: str) -> Fields:
        value = self._document.get(name)
        if not isinstance(value, Mapping):
            raise self.wrong(name, _kind_of(value))
        found = Fields(self._collection, value, within=f"{self._within}{name}.")
        found.id = self.id
        return found

    def wrong(self, name: str, how: str) -> Corrupted:
        return Corrupted(self._collection, self.id, f"{self._within}{name}: {how}")


def shown_id(id_: object) -> str:
    """A document's id as it may be shown, whatever it is."""
    if isinstance(id_, str):
        return id_[:200]
    return str(id_) if isinstance(id_, int | ObjectId) else f"({_kind_of(id_)})"


def readable(
    documents: Iterable[Mapping[str, Any]], made: Callable[[Mapping[str, Any]], Made]
) -> list[Made]:
    """What the documents are read as; those that cannot be read are left out and noted."""
    return [one for one in (read_or_noted(document, made) for document in documents) if one]


def read_or_noted(
    document: Mapping[str, Any], made: Callable[[Mapping[str, Any]], Made]
) -> Made | None:
    """What the document is read as, or None: it cannot be read, which is noted."""
    try:
        return made(document)
    except Corrupted as corrupted:
        noted(corrupted)
        return None


def noted(corrupted: Corrupted) -> None:
    asides.note(asides.Aside(corrupted.collection, corrupted.id, corrupted.why))


def _kind_of(value: object) -> str:
    if value is None:
        return "missing"
    names: Mapping[type, str] = {dict: "document", list: "list", str: "text", datetime: "time"}
    return f"of kind {names.get(type(value), type(value).__name__)}"
