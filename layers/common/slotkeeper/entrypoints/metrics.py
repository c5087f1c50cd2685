"""Metrics in CloudWatch's embedded format (EMF): every one of them, and how they are written.

What each says, and who writes it: docs/metrics.md, which a test holds to this module.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
    AmazonCloudWatchEMFProvider,
)

from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.readings import Readings

SERVICE = "slotkeeper"
_MOST_VALUES = 100
"""Of one metric in one line, as EMF takes them."""
_OTHER = "other"

# The namespace is POWERTOOLS_METRICS_NAMESPACE, which Powertools reads.
metrics = Metrics(service=SERVICE)
metrics.provider.namespace = metrics.provider.namespace or "Slotkeeper"


class Metric(Value):
    unit: MetricUnit = MetricUnit.Count
    labels: tuple[str, ...] = ()
    is_sampled: bool = False
    """Told of a share of the invocations only (`Settings.metrics_command_share`)."""


LABELS: Mapping[str, frozenset[str]] = {
    "kind": frozenset({"otp.send", "event", "unreadable"}),
    "reason": frozenset({"unavailable", "unreadable", "corrupted", "error"}),
    "cache": frozenset({"slots", "doctors"}),
    "provider": frozenset({"sns", "eum", "ses"}),
    "command": frozenset(
        {
            # MongoDB's
            *("find", "aggregate", "insert", "update", "delete", "getMore", "findAndModify"),
            *("commitTransaction", "abortTransaction", "connect", "ping", "serverStatus"),
            # Redis'
            *("pipeline", "eval", "hmget", "hgetall"),
        }
    ),
}
"""Every label of every metric, and what it may say: few, and nobody's data."""

_MS = MetricUnit.Milliseconds
METRICS: Mapping[str, Metric] = {
    **dict.fromkeys(
        [
            *("booking_attempts_total", "booking_success_total", "booking_lock_conflicts_total"),
            *("otp_sent_total", "otp_capped_total", "otp_verified_total", "otp_failed_total"),
            *("otp_locked_total", "otp_key_rotations_total", "bookings_paid_total"),
            *("holds_expired_total", "outbox_relayed_total", "audit_entries_sealed_total"),
            *("notifications_sent_total", "notifications_superseded_total"),
            *("messages_redriven_total", "documents_set_aside_total", "rate_limited_total"),
            *("payments_captured_total", "payments_voided_total", "payments_refunded_total"),
            *("payments_waiting_total", "payments_set_aside_total", "persons_erased_total"),
            *("fallbacks_total", "jwks_refresh_failed_total", "redis_evicted_total"),
        ],
        Metric(),
    ),
    "messages_failed_total": Metric(labels=("kind", "reason")),
    "deliveries_total": Metric(labels=("provider",)),
    "deliveries_failed_total": Metric(labels=("provider",)),
    "deliveries_refused_total": Metric(labels=("provider",)),
    "provider_open": Metric(MetricUnit.NoUnit, labels=("provider",)),
    "cache_hits_total": Metric(labels=("cache",)),
    "cache_misses_total": Metric(labels=("cache",)),
    "lock_acquisition_ms": Metric(_MS),
    "outbox_lag_seconds": Metric(MetricUnit.Seconds),
    "sweep_lag_seconds": Metric(MetricUnit.Seconds),
    "redis_memory_ratio": Metric(MetricUnit.NoUnit),
    "mongodb_connections_ratio": Metric(MetricUnit.NoUnit),
    "redis_ms": Metric(_MS, labels=("command",), is_sampled=True),
    "mongodb_ms": Metric(_MS, labels=("command",), is_sampled=True),
    "redis_errors_total": Metric(labels=("command",)),
    "mongodb_errors_total": Metric(labels=("command",)),
}


def count(name: str, value: int = 1) -> None:
    """Count business events (guide, section 11)."""
    metrics.add_metric(name=name, unit=METRICS[name].unit, value=int(value))


def count_by(name: str, **labels: str) -> None:
    """Count one event, in all and under labels, of which there are as few as `LABELS` has."""
    known = {k: _known(k, v) for k, v in labels.items() if k in METRICS[name].labels}
    _write([(name, [1.0])], known)


def tell(readings: Readings, *, request_id: str, share: float) -> None:
    """Write what was measured: what has no label with the counts, the rest by its label.

    `share` of the invocations tell how long commands took, evenly, so that what is said of all
    stays true; what failed is always told.
    """
    is_told = zlib.crc32(request_id.encode()) < share * (1 << 32)
    by_label: dict[tuple[str, str], list[tuple[str, Sequence[float]]]] = {}
    for (name, label), values in readings.items():
        metric = METRICS[name]
        if metric.is_sampled and not is_told:
            continue
        if metric.labels and label is not None:
            [kind] = metric.labels
            by_label.setdefault((kind, _known(kind, label)), []).append((name, values))
        else:
            for value in values[:_MOST_VALUES]:
                metrics.add_metric(name=name, unit=metric.unit, value=round(value, 3))
    for (kind, said), found in by_label.items():
        _write(found, {kind: said})


def flush() -> None:
    if metrics.metric_set:
        metrics.flush_metrics()


def _known(label: str, value: str) -> str:
    return value if value in LABELS[label] else _OTHER


@cache
def _labelled() -> AmazonCloudWatchEMFProvider:
    """One line of its own, empty again when it was flushed: it is not cheap to make."""
    return AmazonCloudWatchEMFProvider(
        namespace=metrics.provider.namespace, default_dimensions={"service": SERVICE}
    )


def _write(found: Sequence[tuple[str, Sequence[float]]], labels: Mapping[str, str]) -> None:
    """One line: the values under the service, and under the service and its labels."""
    line = _labelled()
    if labels:
        line.add_dimensions(**labels)
    for name, values in found:
        for value in values[:_MOST_VALUES]:
            line.add_metric(name=name, unit=METRICS[name].unit, value=round(value, 3))
    if line.metric_set:  # it is flushed by itself where it has grown to what a line may have
        line.flush_metrics()
    line.clear_metrics()  # where it was, its labels are left
