"""The check of a release from CodeDeploy's event on, and what every function answers to it."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest

from slotkeeper import bootstrap, readiness
from slotkeeper.entrypoints.observability import InvocationFailed
from tests.support.aws_events import Context
from tests.template.test_template import FOLDERS

EVENT = {"DeploymentId": "d-ABCDEF123", "LifecycleEventHookExecutionId": "hook"}
CALLS: dict[str, dict[str, Any]] = {
    "ListDeploymentTargets": {"targetIds": ["t1"]},
    "BatchGetDeploymentTargets": {
        "deploymentTargets": [
            {
                "lambdaTarget": {
                    "lambdaFunctionInfo": {
                        "functionName": "slotkeeper-local-cancel",
                        "targetVersion": "2",
                    }
                }
            }
        ]
    },
}


class Payload:
    def __init__(self, answer: object) -> None:
        self._text = json.dumps(answer).encode()

    def read(self) -> bytes:
        return self._text


def _run(monkeypatch: pytest.MonkeyPatch, answer: object) -> list[dict[str, Any]]:
    """What CodeDeploy is told when the version answers that."""
    told: list[dict[str, Any]] = []

    def call(_: Any, operation: str, request: dict[str, Any]) -> Any:
        if operation == "PutLifecycleEventHookExecutionStatus":
            told.append(request)
        return {"Payload": Payload(answer)} if operation == "Invoke" else CALLS.get(operation, {})

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", call)
    app = importlib.import_module("functions.check_release.app")
    app.lambda_handler(dict(EVENT), Context())
    return told


def test_codedeploy_goes_on_with_a_version_that_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    [told] = _run(monkeypatch, {"reached": {"mongodb": True, "redis": True}})

    assert told == {
        "deploymentId": "d-ABCDEF123",
        "lifecycleEventHookExecutionId": "hook",
        "status": "Succeeded",
    }


def test_codedeploy_takes_back_a_version_that_is_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    [told] = _run(monkeypatch, {"reached": {"mongodb": False, "redis": True}})

    assert told["status"] == "Failed"
    [line] = [record for record in caplog.records if record.message == "release.unfit"]
    assert vars(line)["unfit"] == ["slotkeeper-local-cancel:2"]


def test_what_is_no_event_of_codedeploy_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    app = importlib.import_module("functions.check_release.app")

    with pytest.raises(InvocationFailed):
        app.lambda_handler({"DeploymentId": "../etc"}, Context())


# --- the question ---------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_function_says_what_it_reaches_and_does_nothing_else(folder: str) -> None:
    app = importlib.import_module(f"functions.{folder}.app")

    # Nothing listens where the settings say that the stores are.
    answer = app.lambda_handler(readiness.question(["redis"]), Context())

    assert answer == {"reached": {"redis": False}}
    assert not readiness.is_ready(answer, ["redis"])


def test_settings_that_are_wrong_are_found_before_traffic(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("HOLD_SECONDS", "soon")
    bootstrap.settings.cache_clear()
    app = importlib.import_module("functions.rotate_otp_keys.app")

    with pytest.raises(InvocationFailed):
        app.lambda_handler(readiness.question([]), Context())


@pytest.mark.parametrize(
    "event",
    [
        {"httpMethod": "GET", readiness.ASKED: ["redis"]},
        {"body": json.dumps(readiness.question(["redis"]))},
        {"Records": []},
        {},
    ],
)
def test_no_request_and_no_message_is_taken_for_the_question(event: dict[str, Any]) -> None:
    assert readiness.answer_to(event) is None
