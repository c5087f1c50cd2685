"""The AWS emulator, made fit for one machine: state kept while it runs, processes, layers shared.

Runs in the emulator's own environment. The emulator writes its state when it is asked to stop; a
kill would lose the stack, the user pool and the queues. This saves what people change (users,
messages, queues) every two seconds, and everything when the file `save-all` appears in STATE_DIR.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

CHANGING = ("cognito", "sns", "ses", "sqs")
SECONDS = 2.0
WORKERS = 2 * (os.cpu_count() or 2)
REQUEST = "save-all"
EVALUATED = "alarms-evaluated"
"""A file in STATE_DIR, touched now and then by who looks after the alarms (`metrics_bridge`)."""
EVALUATED_SECONDS = 20.0


def main() -> None:
    from ministack import app
    from ministack.core import persistence

    _share_workers()
    _ask_for_batches_as_aws_does()
    _ask_for_senders_as_aws_does()
    _share_layers()
    _transform_with_parameters()
    _leave_alarms_to_others()
    app.app = _without_forwarded_for(app.app)
    _keep_once_loaded(app, persistence)
    app.main()


def _without_forwarded_for(inner: Any) -> Any:  # Any: ASGI applications
    """The emulator believes what a client says of its address; API Gateway tells its peer's."""

    async def direct(scope: Any, receive: Any, send: Any) -> None:
        if "headers" in scope:
            kept = [(n, v) for n, v in scope["headers"] if n.lower() != b"x-forwarded-for"]
            scope = {**scope, "headers": kept}
        await inner(scope, receive, send)

    return direct


def _share_workers() -> None:
    """Let calls beyond `WORKERS` of a function wait for a free process instead of starting theirs.

    The emulator starts a process for each concurrent call. Fifty at once are a hundred cold starts
    on two cores, and every one of them times out; Lambda has the cores. No function of ours calls
    itself, so waiting cannot deadlock.
    """
    from ministack.services import lambda_svc

    acquire = lambda_svc.acquire_worker

    def acquire_or_wait(*args: Any, **options: Any) -> Any:
        while True:
            worker, reason = acquire(*args, max_concurrency=WORKERS, **options)
            if reason != "func_cap":
                return worker, reason
            time.sleep(0.002)

    lambda_svc.acquire_worker = acquire_or_wait


def _ask_for_batches_as_aws_does() -> None:
    """AWS has no permission for batches of messages: who may send one may send ten."""
    from ministack.core import iam_actions

    asked_for = iam_actions.extract_iam_action

    def without_batch(*args: Any, **options: Any) -> Any:
        action = asked_for(*args, **options)
        is_batch = isinstance(action, str) and re.fullmatch(r"sqs:\w+MessageBatch", action)
        return action.removesuffix("Batch") if is_batch else action

    iam_actions.extract_iam_action = without_batch


def _ask_for_senders_as_aws_does() -> None:
    """On AWS who sends an email needs a right to its sender, not to everything."""
    from ministack.core import iam_actions

    named = iam_actions._ses_v2_resource_arn  # noqa: SLF001  # the emulator has no way to be told

    def by_sender(method: str, path: str, body: bytes, region: str, account_id: str) -> Any:
        sender = None
        if path.rstrip("/") == "/v2/email/outbound-emails":
            sender = json.loads(body).get("FromEmailAddress")
        if sender:
            return f"arn:aws:ses:{region}:{account_id}:identity/{sender}"
        return named(method, path, body, region, account_id)

    iam_actions._ses_v2_resource_arn = by_sender  # noqa: SLF001


def _transform_with_parameters() -> None:
    """CloudFormation tells SAM's transform the parameters' values; the emulator only the defaults.

    By them SAM finds that a version is to be published (`Release`), and what is to be shifted.
    """
    from ministack.services.cloudformation import changesets, engine, handlers
    from samtranslator.translator import transform as sam

    apply, translate = engine._apply_transforms, sam.transform  # noqa: SLF001  # as above
    given = threading.local()

    def apply_with(template: Any, provided: Any = None, previous: Any = None) -> Any:  # as its
        given.values = engine._transform_parameters(template, provided, previous)  # noqa: SLF001
        return apply(template, provided, previous)

    def translate_with(template: Any, _: Any, loader: Any, *more: Any) -> Any:
        return translate(template, given.values, loader, *more)

    sam.transform = translate_with
    for module in (changesets, engine, handlers):
        module._apply_transforms = apply_with  # noqa: SLF001


def _leave_alarms_to_others() -> None:
    """Evaluate no alarm while somebody else does, who knows dimensions and what silence means."""
    from ministack.services import cloudwatch

    evaluate = cloudwatch._evaluate_alarm  # noqa: SLF001  # as in `_keep`: there is no other way
    mark = Path(os.environ["STATE_DIR"]) / EVALUATED

    def evaluate_alone(alarm: Any) -> None:  # Any: its own kind of dict
        try:
            is_looked_after = time.time() - mark.stat().st_mtime < EVALUATED_SECONDS
        except OSError:
            is_looked_after = False
        if not is_looked_after:
            evaluate(alarm)

    cloudwatch._evaluate_alarm = evaluate_alone  # noqa: SLF001


def _share_layers() -> None:
    """Let all processes read one copy of a layer, which none may change on Lambda either.

    The emulator unpacks five thousand files for each process that it starts: most of what a cold
    start takes, and 80 MB each.
    """
    from ministack.core import lambda_runtime

    lambda_runtime.zipfile = SimpleNamespace(
        ZipFile=_UnpackedOnce,
        BadZipFile=zipfile.BadZipFile,
        LargeFileError=zipfile.LargeZipFile,  # which it means
    )


class _UnpackedOnce(zipfile.ZipFile):
    """An archive; a layer's is unpacked for the first process, others get a link to that."""

    _unpacking = threading.Lock()

    @property
    def _is_layer(self) -> bool:
        return Path(self.filename or "").name.startswith("layer_")

    def namelist(self) -> list[str]:
        """Nothing of a layer: who asks looks for names that lead out of the folder, one by one.

        (`extractall` lets none of them out.)
        """
        return [] if self._is_layer else super().namelist()

    def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:  # as its
        if not self._is_layer:
            super().extractall(path, members, pwd)
            return
        archive = Path(self.filename or "")
        shared = Path(os.environ["TMPDIR"]) / hashlib.sha256(archive.read_bytes()).hexdigest()
        with self._unpacking:
            if not shared.exists():
                begun = shared.with_suffix(".begun")
                super().extractall(begun, super().namelist())
                begun.rename(shared)
        Path(path).rmdir()
        Path(path).symlink_to(shared)


def _keep_once_loaded(app: Any, persistence: Any) -> None:  # Any: modules of a program
    """On a busy machine loading takes longer than `SECONDS`: saved before, all would be lost."""
    # Private, and pinned with hashes, as below.
    load = app._load_persisted_state  # noqa: SLF001

    def load_then_keep() -> None:
        load()
        threading.Thread(target=_keep, args=(app, persistence), daemon=True).start()

    app._load_persisted_state = load_then_keep  # noqa: SLF001


def _keep(app: Any, persistence: Any) -> None:
    request = Path(os.environ["STATE_DIR"]) / REQUEST
    saved: dict[str, Any] = {}
    while True:
        time.sleep(SECONDS if not request.exists() else 0)
        if request.exists():
            # Private, and pinned with hashes: the emulator offers no other way.
            persistence.save_all(app._build_persistence_save_dict())  # noqa: SLF001
            request.unlink()
        for name in CHANGING:
            module = sys.modules.get(f"ministack.services.{name}")
            try:
                state = module.get_state() if module else None
            except (RuntimeError, AttributeError):
                continue  # changed while it was copied, or is still being imported: next time
            if state is not None and state != saved.get(name):
                persistence.save_state(name, state)
                saved[name] = state


if __name__ == "__main__":
    main()
