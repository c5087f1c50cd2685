from __future__ import annotations

import pytest

from slotkeeper.domain.provider import names_of, sms_providers


@pytest.mark.parametrize(
    ("text", "providers"),
    [("none", ()), ("sns", ("sns",)), ("sns,eum", ("sns", "eum")), ("eum,sns", ("eum", "sns"))],
)
def test_providers_are_read_in_their_order_and_told_as_they_were(
    text: str, providers: tuple[str, ...]
) -> None:
    assert sms_providers(text) == providers
    assert names_of(providers) == text


@pytest.mark.parametrize("text", ["", "SNS", "ses", "sns,", "sns, eum", "sns,sns", "none,sns", "x"])
def test_what_names_no_provider_or_one_twice_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not none, nor some of"):
        sms_providers(text)
