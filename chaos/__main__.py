"""`make chaos`: faults under load against a local system of its own, and the verdict."""

from __future__ import annotations

import argparse
import json
import secrets
import signal
import sys
from pathlib import Path
from types import FrameType

from chaos.faults import FAULTS
from chaos.run import A_SECOND, PATIENTS, Plan, chaos
from local.config import TOPOLOGIES
from local.progress import LocalError, say


def main() -> int:
    """0: nothing lost, everything as told; 1: findings; 2: it could not be done."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--topology", choices=TOPOLOGIES, default="ha")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--patients", type=int, default=PATIENTS)
    parser.add_argument("--rate", type=float, default=A_SECOND, help="requests a second")
    parser.add_argument("--fault", action="append", help="only this one, as often as named")
    parser.add_argument("--markdown", type=Path, help="write the table there")
    parser.add_argument("--json", type=Path, help="write the whole report there")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    seed = secrets.randbelow(2**31) if arguments.seed is None else arguments.seed
    by_name = {fault.name: fault for fault in FAULTS}
    unknown = [name for name in arguments.fault or [] if name not in by_name]
    if unknown:
        parser.error(f"no such fault: {unknown[0]!r}; there are: {', '.join(by_name)}")
    plan = Plan(
        topology=arguments.topology,
        seconds=60 * arguments.minutes,
        seed=seed,
        patients=max(1, min(arguments.patients, 50)),
        a_second=max(0.1, min(arguments.rate, 100.0)),
        faults=[by_name[name] for name in arguments.fault] if arguments.fault else None,
    )
    say(f"topology {plan.topology}, {arguments.minutes:g} minutes, SEED={seed}")
    try:
        with chaos(plan, tell=say) as run:
            report = run.report
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    assert report is not None
    if arguments.markdown:
        arguments.markdown.write_text(report.to_markdown())
    if arguments.json:
        arguments.json.write_text(json.dumps(report.to_json(), indent=2) + "\n")
    print(report.to_text())
    return 0 if report.is_clean else 1


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
