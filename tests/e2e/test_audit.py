"""What is booked over HTTP is sealed by the deployed function, and the checker agrees."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from pymongo.database import Database

from local import aws
from local.api import Patient
from local.config import Config
from ops.check import check
from tests.support.deployed import NextSlot


def test_a_booking_is_sealed_by_the_deployed_function(
    alice: Patient,
    next_slot: NextSlot,
    deployed_mongo: Database[dict[str, Any]],
    system: Config,
    stack: dict[str, Any],
) -> None:
    attempt = alice.hold(next_slot()).json["attemptId"]
    booking = alice.verify(attempt, alice.code()).json["id"]

    answer = aws.client(system, "lambda").invoke(
        FunctionName=stack["functions"]["seal_audit"], Payload=b"{}"
    )

    assert "FunctionError" not in answer
    # The schedule runs it as well, and may have been quicker.
    assert set(json.loads(answer["Payload"].read())) == {"entries", "blocks"}
    entry = deployed_mongo["audit_logs"].find_one({"bookingId": booking})
    assert entry is not None
    assert deployed_mongo["audit_seals"].count_documents({"ids": entry["_id"]}) == 1
    found = check(deployed_mongo, grace=timedelta(days=1))
    assert [one for one in found if one.rule.startswith("audit_")] == []
