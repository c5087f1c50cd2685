"""Our own signed requests, answered by moto as those of botocore's clients are."""

from __future__ import annotations

from typing import Any

from botocore.httpsession import URLLib3Session
from moto.core.models import botocore_stubber


class ByMoto(URLLib3Session):
    """Stands for the connection; what moto does not know of goes nowhere."""

    def send(self, request: Any) -> Any:  # botocore's AWSPreparedRequest
        answer = botocore_stubber("before-send", request)
        assert answer is not None, f"moto did not answer {request.url}"
        return answer
