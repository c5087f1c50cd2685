"""The checklist: the guide's seven lines, and what else must be there."""

from __future__ import annotations

from ops.golive import of_stack, of_stores
from ops.golive.ground import Point
from ops.golive.of_stores import drill, may_see

_RECORD = "python -m ops go-live --record"
_ONE_SERVER = "make run has one server of each kind; TOPOLOGY=ha has more"
_DEPLOY = "docs/deploy.md"

POINTS = (
    Point(
        id="canary",
        title="releases reach a few first",
        guide=True,
        check=of_stack.canary,
        mend="docs/release.md: CanaryEnabled=true",
        not_here="the emulator has no CodeDeploy",
    ),
    Point(
        id="rollback-drill",
        title="rollback practised",
        guide=True,
        check=drill("rollback"),
        mend=f"docs/release.md, then {_RECORD} rollback",
    ),
    Point(
        id="indexes",
        title="indexes created, validated with explain()",
        guide=True,
        check=may_see(of_stores.indexes),
        mend="python -m ops indexes create, then indexes validate",
    ),
    Point(
        id="redis-replicas",
        title="Redis has a replica to take over",
        guide=True,
        check=of_stores.redis_members,
        mend="docs/topologies.md",
        not_here=_ONE_SERVER,
    ),
    Point(
        id="redis-failover-drill",
        title="failover of Redis practised",
        guide=True,
        check=drill("redis-failover"),
        mend=f"make chaos TOPOLOGY=ha, or end the master; then {_RECORD} redis-failover",
    ),
    Point(
        id="otp-limits",
        title="codes are limited",
        guide=True,
        check=of_stack.otp_limits,
        mend="template parameters RateLimit..., OtpDaily...; docs/reading-and-limits.md",
    ),
    Point(
        id="idempotency",
        title="bookings ask for an idempotency key",
        guide=True,
        check=of_stack.idempotency,
        mend="deploy a version that does; --token-file with a patient's token",
    ),
    Point(
        id="alarms",
        title="alarms that somebody hears",
        guide=True,
        check=of_stack.alarms,
        mend="docs/runbooks/README.md: Alarms=true, AlarmEmail",
        not_here="the emulator makes some alarms only, and nobody is told by mail",
    ),
    Point(
        id="dashboard",
        title="dashboard",
        guide=True,
        check=of_stack.dashboard,
        mend="docs/runbooks/README.md: Alarms=true",
        not_here="the emulator shows none",
    ),
    Point(
        id="restore-drill",
        title="backup and restore practised",
        guide=True,
        check=drill("restore"),
        mend="python -m ops drill",
    ),
    Point(
        id="mongodb-members",
        title="MongoDB survives the loss of a member",
        check=may_see(of_stores.mongodb_members),
        mend="docs/topologies.md",
        not_here=_ONE_SERVER,
    ),
    Point(
        id="versions",
        title="MongoDB is of a version that strangers cannot end",
        check=may_see(of_stores.mongodb_version),
        mend=_DEPLOY,
        not_here="the local mongod listens to this machine alone",
    ),
    Point(
        id="roles",
        title="the functions can only add to the audit log",
        check=may_see(of_stores.role),
        mend="python -m ops roles; docs/audit.md",
        not_here="the local MongoDB asks nobody who they are",
    ),
    Point(
        id="audit-sealed",
        title="the audit log is sealed",
        check=may_see(of_stores.sealed),
        mend="docs/runbooks/audit-lag.md; python -m ops audit seal",
    ),
    Point(
        id="tls",
        title="TLS to every store",
        check=of_stack.tls,
        mend=f"{_DEPLOY}: RequireTls=true",
        not_here="on one machine nothing leaves it",
    ),
    Point(
        id="secrets",
        title="secrets are rotated",
        check=of_stack.secrets,
        mend=f"{_DEPLOY}: OtpKeyRotationDays; new passwords into <stack>/stores",
        not_here="the emulator has no rotation",
    ),
    Point(
        id="web-acl",
        title="a web ACL before the API",
        check=of_stack.web_acl,
        mend=f"{_DEPLOY}: WebAcl=true",
        not_here="the emulator takes web ACLs and does nothing with them",
    ),
    Point(
        id="profile",
        title="MongoDB notes nobody's values",
        check=may_see(of_stores.profile_off),
        mend="python -m ops slow --off",
    ),
    Point(
        id="dead-letters",
        title="no message failed for good",
        check=of_stack.dead_letters,
        mend="docs/runbooks/dlq-notifications.md; python -m ops dlq show",
    ),
    Point(
        id="invariants",
        title="no invariant is broken",
        check=may_see(of_stores.invariants),
        mend="python -m ops check",
    ),
)
