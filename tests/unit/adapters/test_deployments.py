"""CodeDeploy and Lambda as the check of a release asks them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from slotkeeper.adapters.aws.client import connect
from slotkeeper.adapters.aws.deployments import CodeDeployments
from slotkeeper.domain.errors import Unavailable
from slotkeeper.ports.release import Target

TARGET = Target("slotkeeper-hold-slot", "7")
DEPLOYMENT = "d-ABCDEF123"


class Cloud:
    """Both services, which answer what the test says and refuse what it does not expect."""

    def __init__(self) -> None:
        codedeploy, lambda_ = connect("codedeploy"), connect("lambda", answers_within=25)
        assert lambda_.meta.config.read_timeout == 25
        self.codedeploy, self.functions = Stubber(codedeploy), Stubber(lambda_)
        self.deployments = CodeDeployments(codedeploy, lambda_)

    def answers(self, payload: object, **more: Any) -> None:
        body = json.dumps(payload).encode()
        self.functions.add_response(
            "invoke",
            {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(body), len(body)), **more},
            {
                "FunctionName": TARGET.function,
                "Qualifier": TARGET.version,
                "Payload": b'{"slotkeeperReadiness": ["redis"]}',
            },
        )


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    made = Cloud()
    with made.codedeploy, made.functions:
        yield made
    made.codedeploy.assert_no_pending_responses()
    made.functions.assert_no_pending_responses()


def test_targets_are_the_versions_that_are_to_serve(cloud: Cloud) -> None:
    asked = {"deploymentId": DEPLOYMENT}
    cloud.codedeploy.add_response("list_deployment_targets", {"targetIds": ["t1"]}, asked)
    info = {"functionName": "slotkeeper-hold-slot", "currentVersion": "6", "targetVersion": "7"}
    cloud.codedeploy.add_response(
        "batch_get_deployment_targets",
        {"deploymentTargets": [{"lambdaTarget": {"lambdaFunctionInfo": info}}]},
        {**asked, "targetIds": ["t1"]},
    )

    assert cloud.deployments.targets(DEPLOYMENT) == [TARGET]


@pytest.mark.parametrize(
    ("answer", "is_ready"),
    [
        ({"reached": {"redis": True}}, True),
        ({"reached": {"redis": False}}, False),
        ({"reached": {}}, False),
        ({"statusCode": 200}, False),
        (None, False),
    ],
)
def test_a_version_is_ready_that_says_it_reached_all(
    cloud: Cloud, answer: object, is_ready: bool
) -> None:
    cloud.answers(answer)

    assert cloud.deployments.is_ready(TARGET, ["redis"]) is is_ready


def test_a_version_that_fails_is_not_ready_whatever_it_says(cloud: Cloud) -> None:
    cloud.answers({"reached": {"redis": True}}, FunctionError="Unhandled")

    assert cloud.deployments.is_ready(TARGET, ["redis"]) is False


@pytest.mark.parametrize(("is_fit", "status"), [(True, "Succeeded"), (False, "Failed")])
def test_deployment_is_told(cloud: Cloud, is_fit: bool, status: str) -> None:
    cloud.codedeploy.add_response(
        "put_lifecycle_event_hook_execution_status",
        {},
        {
            "deploymentId": DEPLOYMENT,
            "lifecycleEventHookExecutionId": "hook",
            "status": status,
        },
    )

    cloud.deployments.report(DEPLOYMENT, "hook", is_fit=is_fit)


def test_what_keeps_aws_from_answering_is_one_error(cloud: Cloud) -> None:
    cloud.codedeploy.add_client_error("list_deployment_targets", "DeploymentDoesNotExistException")
    cloud.functions.add_client_error("invoke", "ResourceConflictException")

    with pytest.raises(Unavailable):
        cloud.deployments.targets(DEPLOYMENT)
    with pytest.raises(Unavailable):
        cloud.deployments.is_ready(TARGET, ["redis"])
