"""`sam build` and `sam deploy` of the one template to the emulator."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local import aws
from local.config import (
    ACCOUNT,
    ADMIN,
    EMAIL_FROM,
    ENVIRONMENT,
    REGION,
    ROOT,
    SENTINEL_MASTER,
    STACK,
    TOOLS,
    Config,
)
from local.identity import Identity
from local.pack import pack_layers
from local.progress import LocalError, say

BUCKET = "slotkeeper-artifacts"
_SAMCONFIG = ("--config-file", str(ROOT / "samconfig.toml"), "--config-env", "local")
_UNPROTECTED = {
    # Everything here is on loopback and in the clear; the emulator knows no association of a web
    # ACL, and lets processes wait by a rule of its own (`emulator_process`).
    "RequireTls": "false",
    "WebAcl": "false",
    "ReserveConcurrency": "false",
    # A race tried by hand, and the tests' crowds, are many requests at once.
    **{f"Throttle{kind}": "1000" for kind in ("Reads", "Writes", "Codes")},
    **{f"Throttle{kind}Burst": "500" for kind in ("Reads", "Writes", "Codes")},
}
"""Template parameters: what protects a system on the internet and not one on this machine."""
_ALARMS = {
    # The emulator looks at the last period alone, and refuses alarms on several metrics.
    "AlarmQueries": "false",
    "AlarmPeriodSeconds": "10",
    "AlarmSlowPeriodSeconds": "10",
    "AlarmPeriods": "1",
    "AlarmDatapoints": "1",
}
"""Template parameters: alarms that begin and end within seconds, for whoever tries a runbook."""
RELEASE_LENGTH = 10
"""Of the digest that names a release: as much as SAM takes into a name."""
_SOURCES = ("template.yaml", "samconfig.toml", "functions", "layers")


def build(config: Config) -> str:
    """Build if the sources changed since the last build; their fingerprint."""
    out = config.state / "build"
    stamp = config.state / "build.stamp"
    fingerprint = fingerprint_of(config.runtime)
    if not (stamp.exists() and stamp.read_text() == fingerprint and out.exists()):
        stamp.unlink(missing_ok=True)
        _sam_build(config, out)
        stamp.write_text(fingerprint)
        say("built functions and layers")
    return fingerprint


def build_for_deployment(config: Config) -> str:
    """Build where `sam deploy` looks by itself; the runtime it is for."""
    config.state.mkdir(parents=True, exist_ok=True)
    _sam_build(config, ROOT / ".aws-sam" / "build")
    return config.runtime


def _sam_build(config: Config, out: Path) -> None:
    runtime = f"PyRuntime={config.runtime}"
    _sam(config, "build", "--build-dir", str(out), "--parameter-overrides", runtime)
    pack_layers(out)


def deploy(config: Config, identity: Identity, fingerprint: str) -> tuple[dict[str, str], bool]:
    """Deploy if anything changed, or the emulator lost the stack; its outputs, and if it did."""
    parameters = _parameters(config, identity)
    stamp = config.state / "deploy.stamp"
    wanted = hashlib.sha256(f"{fingerprint}{sorted(parameters.items())}".encode()).hexdigest()
    outputs = _outputs(config)
    is_due = outputs is None or not stamp.exists() or stamp.read_text() != wanted
    if is_due:
        stamp.unlink(missing_ok=True)
        _ensure_bucket_and_sender(config)
        if outputs is None:
            # What a start or a save that was cut off left of it cannot be deployed to.
            aws.client(config, "cloudformation").delete_stack(StackName=STACK)
        _sam_deploy(config, {**parameters, "Release": wanted[:RELEASE_LENGTH]})
        outputs = _outputs(config)
        if outputs is None:
            raise LocalError("the stack was deployed but the emulator does not have it")
        stamp.write_text(wanted)
        say("deployed template.yaml")
    assert outputs is not None
    return outputs, is_due


def _sam_deploy(config: Config, parameters: Mapping[str, str]) -> None:
    _sam(
        config,
        "deploy",
        *("--template-file", str(config.state / "build" / "template.yaml")),
        *("--stack-name", STACK, "--s3-bucket", BUCKET),
        "--parameter-overrides",
        *(f"{name}={value}" for name, value in parameters.items()),
    )


def _parameters(config: Config, identity: Identity) -> dict[str, str]:
    return {
        "Environment": ENVIRONMENT,
        "PyRuntime": config.runtime,
        "MongoUri": config.mongo_uri,
        "RedisUrl": config.redis_url,
        "RedisMode": config.redis_mode,
        # Neither is in the emulator: functions are told where the stores are, and keys stay.
        "SecretsExtensionLayer": f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:none:1",
        "OtpKeyRotationDays": "0",
        "RedisSentinelMaster": SENTINEL_MASTER,
        "JwtIssuer": identity.issuer,
        "JwtAudience": identity.client_id,
        "JwksUrl": identity.jwks_url,
        "EmailFrom": EMAIL_FROM,
        **_UNPROTECTED,
        **_ALARMS,
        **config.payment_parameters,
        **_traced(config),
        **config.rules,
    }


def _traced(config: Config) -> dict[str, str]:
    if not config.tracing_endpoint:
        return {}
    return {"TracingEndpoint": config.tracing_endpoint, "TracingSampleRate": "1"}


_LISTED = {
    "AWS::Lambda::Function": ("lambda", "list_functions", "Functions"),
    "AWS::SQS::Queue": ("sqs", "list_queues", "QueueUrls"),
    "AWS::Scheduler::Schedule": ("scheduler", "list_schedules", "Schedules"),
    "AWS::SecretsManager::Secret": ("secretsmanager", "list_secrets", "SecretList"),
    "AWS::Lambda::EventSourceMapping": (
        "lambda",
        "list_event_source_mappings",
        "EventSourceMappings",
    ),
}


def _outputs(config: Config) -> dict[str, str] | None:
    try:
        answer = aws.client(config, "cloudformation").describe_stacks(StackName=STACK)
    except ClientError as error:
        # Any other no is not one to deploy anew for, which begins with deleting what there is.
        if "does not exist" not in error.response["Error"]["Message"]:
            raise
        return None
    stack: dict[str, Any] = answer["Stacks"][0]
    if stack["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        say(f"the stack is to be deployed anew: it is {stack['StackStatus']}")
        return None
    if missing := _missing(config):
        say(f"the stack is to be deployed anew: of {', '.join(missing)} the emulator has too few")
        return None
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _missing(config: Config) -> list[str]:
    """Kinds of which the emulator, killed while saving, has less than the stack says."""
    stack = aws.client(config, "cloudformation")
    pages = stack.get_paginator("list_stack_resources").paginate(StackName=STACK)
    told = Counter(one["ResourceType"] for page in pages for one in page["StackResourceSummaries"])
    return [
        kind
        for kind, (service, call, key) in _LISTED.items()
        if len(getattr(aws.client(config, service), call)().get(key, [])) < max(told[kind], 1)
    ]


def _ensure_bucket_and_sender(config: Config) -> None:
    aws.client(config, "s3").create_bucket(Bucket=BUCKET)
    try:
        aws.client(config, "sesv2").create_email_identity(EmailIdentity=EMAIL_FROM)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AlreadyExistsException":
            raise


def _sam(config: Config, *arguments: str) -> None:
    log = config.state / "sam.log"
    with log.open("ab") as out:
        done = subprocess.run(
            [str(TOOLS / "venvs" / "sam" / "bin" / "sam"), *arguments, *_SAMCONFIG],
            cwd=ROOT,
            env={
                **os.environ,
                **ADMIN,
                "AWS_ENDPOINT_URL": config.aws_endpoint,
                "SAM_CLI_TELEMETRY": "0",
                # `sam build` wants an interpreter of the runtime's version there.
                "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
                "UV": str(TOOLS / "venvs" / "tools" / "bin" / "uv"),
                "UV_CACHE_DIR": str(TOOLS / "uv-cache"),
                "PYTHON": sys.executable,
                "PY_RUNTIME": config.runtime,
            },
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    if done.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise LocalError(f"sam {arguments[0]} failed:\n{tail}")


def fingerprint_of(runtime: str) -> str:
    """A digest of all that is deployed."""
    digest = hashlib.sha256(runtime.encode())
    for source in _SOURCES:
        for path in _files(ROOT / source):
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
