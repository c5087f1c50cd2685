"""Free text that clients write: bounded, normalised, without characters that deceive a reader."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

MAX_LINE = 100
MAX_WORDS = 500

# Controls, line and paragraph separators, what reorders or hides the text around it, a mark of the
# byte order, what stands for bytes that were lost on the way, and what is no character at all.
_DECEITFUL = r"\x7f-\x9f\u200b\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\uffff"
_CONTROLS = r"\x00-\x1f"
_CONTROLS_BUT_BREAKS = r"\x00-\x08\x0b\x0c\x0e-\x1f"
_BLANK = r"\x20\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
_INNER = rf"[^{_CONTROLS}{_DECEITFUL}]"
_OUTER = rf"[^{_CONTROLS}{_DECEITFUL}{_BLANK}]"


def _normalised(most: int) -> AfterValidator:
    """Texts in normalisation form C: what looks the same is the same."""

    def normalise(value: str) -> str:
        text = unicodedata.normalize("NFC", value)
        if len(text) > most:  # a few characters have no form of their own in it, and become two
            raise ValueError(f"String should have at most {most} characters")
        return text

    return AfterValidator(normalise)


Line = Annotated[
    str,
    Field(min_length=1, max_length=MAX_LINE, pattern=rf"^{_OUTER}({_INNER}*{_OUTER})?$"),
    _normalised(MAX_LINE),
]
"""One line of text, without spaces around it."""
Words = Annotated[
    str,
    Field(max_length=MAX_WORDS, pattern=rf"^[^{_CONTROLS_BUT_BREAKS}{_DECEITFUL}]*$"),
    _normalised(MAX_WORDS),
]
"""Some lines of text."""
