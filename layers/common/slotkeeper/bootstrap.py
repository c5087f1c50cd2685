"""The composition root: which adapter stands behind which port.

Everything is made at first use and then kept, so importing a module does no I/O, a function pays
only for what it uses, and its container reuses its connections.
"""

from __future__ import annotations

import base64
import random
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from slotkeeper import readiness, readings, snapshots, startup, tracing
from slotkeeper import settings as settings_module
from slotkeeper.adapters.together import together as together  # noqa: PLC0414  # re-exported
from slotkeeper.domain.attempt import attempt_id, request_key
from slotkeeper.domain.errors import Unavailable
from slotkeeper.ports.codes import CodeRecord
from slotkeeper.ports.holds import HoldTicket

if TYPE_CHECKING:
    from pymongo.database import Database
    from redis import Redis

    from slotkeeper.adapters.aws.deployments import CodeDeployments
    from slotkeeper.adapters.aws.jobs import SqsJobs
    from slotkeeper.adapters.aws.providers import SesEmail
    from slotkeeper.adapters.aws.relay_waker import LambdaRelayWaker
    from slotkeeper.adapters.aws.rotation import SecretVersions
    from slotkeeper.adapters.aws.signed import Signed
    from slotkeeper.adapters.aws.waits import SqsWaits
    from slotkeeper.adapters.calendar_file import IcalendarFiles
    from slotkeeper.adapters.code_maker import HotpCodes
    from slotkeeper.adapters.mongo.blocks import MongoSlotBlocks
    from slotkeeper.adapters.mongo.booked_slots import MongoBookedSlots
    from slotkeeper.adapters.mongo.booking_lists import MongoBookingLists
    from slotkeeper.adapters.mongo.catalogue import MongoCatalogue
    from slotkeeper.adapters.mongo.controls import KeptControls
    from slotkeeper.adapters.mongo.deliveries import MongoDeliveries
    from slotkeeper.adapters.mongo.doctor_file import MongoDoctorFile
    from slotkeeper.adapters.mongo.failures import MongoFailures
    from slotkeeper.adapters.mongo.ledger import MongoLedger
    from slotkeeper.adapters.mongo.outbox import MongoOutbox
    from slotkeeper.adapters.mongo.paid_slots import MongoPaidSlots
    from slotkeeper.adapters.mongo.people import MongoDoctors, MongoUsers
    from slotkeeper.adapters.mongo.personal import MongoPersonalData
    from slotkeeper.adapters.mongo.quotas import MongoCodeQuota
    from slotkeeper.adapters.mongo.sagas import MongoSagas
    from slotkeeper.adapters.mongo.seals import MongoSeals
    from slotkeeper.adapters.mongo.slots import MongoSlots
    from slotkeeper.adapters.mongo.timetables import MongoTimetables
    from slotkeeper.adapters.otel.tracer import OtelTracer
    from slotkeeper.adapters.payment.stripe import StripePayments
    from slotkeeper.adapters.redis.breaker import Breaker
    from slotkeeper.adapters.redis.codes import RedisCodes
    from slotkeeper.adapters.redis.gate import RedisGate
    from slotkeeper.adapters.redis.keys import Keys
    from slotkeeper.adapters.redis.limiter import RedisRateLimiter
    from slotkeeper.adapters.redis.pages import RedisDoctorPages, RedisSlotPages
    from slotkeeper.adapters.redis.personal import RedisPersonalKeys
    from slotkeeper.adapters.redis.provider_breakers import RedisBreakers
    from slotkeeper.adapters.redis.requests import RedisRequests
    from slotkeeper.adapters.redis.views import RedisViews
    from slotkeeper.adapters.tokens import TokenVerifier
    from slotkeeper.domain.limits import RateLimits
    from slotkeeper.domain.policy import BookingPolicy
    from slotkeeper.ports.common import Dependency
    from slotkeeper.ports.notifications import Provider, Watch
    from slotkeeper.services.change_booking import BookingEnds
    from slotkeeper.services.payment_saga import Till
    from slotkeeper.services.send_notification import Post
    from slotkeeper.settings import Settings


class SystemClock:
    """`Clock` of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@cache
def settings() -> Settings:
    return settings_module.from_environment()


@cache
def policy() -> BookingPolicy:
    return settings().policy


def is_standby() -> bool:
    """Whether this region only reads."""
    return settings().standby


@cache
def clock() -> SystemClock:
    return SystemClock()


@cache
def _stores() -> Settings:
    """The settings with where the stores are; outside local a secret tells.

    Raises:
        Unavailable: it could not be read.
    """
    known = settings()
    readings.set_share(known.metrics_command_share)
    if not known.stores_secret_id:
        return known
    from slotkeeper.adapters.secrets_extension import read_secret
    from slotkeeper.contracts.stores_secret import StoresSecret

    text = read_secret(
        known.stores_secret_id,
        session_token=known.aws_session_token or known.aws_container_authorization_token,
        port=known.parameters_secrets_extension_http_port,
    )
    try:
        found = StoresSecret.of(text)
        return known.with_stores(mongo_uri=found.mongo_uri, redis_url=found.redis_url)
    except ValueError as error:
        raise Unavailable from error


# --- clients --------------------------------------------------------------------------------------


@cache
def database() -> Database[dict[str, Any]]:
    from slotkeeper.adapters.mongo.client import connect

    return connect(_stores().mongo_uri)


@cache
def redis() -> Redis:
    from slotkeeper.adapters.redis.client import connect

    known = _stores()
    return connect(known.redis_url, known.redis_mode, sentinel_master=known.redis_sentinel_master)


@cache
def aws(service: str) -> Any:  # Any: each service has its own generated client type
    from slotkeeper.adapters.aws.client import connect

    return connect(service)


@cache
def signed(service: str) -> Signed:
    """As `aws`, of the three that requests call: a cold start has no time for a client."""
    from slotkeeper.adapters.aws.signed import Keys, Signed

    known = settings()
    at = known.aws_endpoint_url or f"https://{service}.{known.region}.{known.aws_url_suffix}"
    keys = Keys(
        access_key=known.aws_access_key_id,
        secret_key=known.aws_secret_access_key,
        token=known.aws_session_token or None,
    )
    return Signed(service, region=known.region, endpoint=at, keys=keys if keys.are_there else None)


@cache
def breaker() -> Breaker:
    from slotkeeper.adapters.redis.breaker import Breaker

    return Breaker(clock())


def _keys() -> Keys:
    from slotkeeper.adapters.redis.keys import Keys

    return Keys(settings().environment)


# --- ports ----------------------------------------------------------------------------------------


@cache
def slots() -> MongoSlots:
    from slotkeeper.adapters.mongo.slots import MongoSlots

    return MongoSlots(database(), policy())


@cache
def booked_slots() -> MongoBookedSlots:
    from slotkeeper.adapters.mongo.booked_slots import MongoBookedSlots

    return MongoBookedSlots(database(), policy())


@cache
def booking_ends() -> BookingEnds:
    from slotkeeper.services.change_booking import BookingEnds

    return BookingEnds(
        slots=booked_slots(),
        ledger=ledger(),
        pages=slot_pages(),
        relay=relay_waker(),
        together=together,
    )


@cache
def ledger() -> MongoLedger:
    from slotkeeper.adapters.mongo.ledger import MongoLedger

    return MongoLedger(database(), together, takes_payment=settings().takes_payment)


@cache
def audit_seals() -> MongoSeals:
    from slotkeeper.adapters.mongo.seals import MongoSeals

    return MongoSeals(database())


@cache
def sagas() -> MongoSagas | None:
    """None where no payment is taken."""
    if not settings().takes_payment:
        return None
    from slotkeeper.adapters.mongo.sagas import MongoSagas

    return MongoSagas(database())


@cache
def paid_slots() -> MongoPaidSlots:
    from slotkeeper.adapters.mongo.paid_slots import MongoPaidSlots

    return MongoPaidSlots(database(), policy())


@cache
def payment_provider() -> StripePayments:
    from slotkeeper.adapters.aws.secrets import KeptSecret, read_api_key
    from slotkeeper.adapters.payment.stripe import StripePayments

    secret_id = settings().payment_secret_id
    secret = KeptSecret(signed("secretsmanager"), secret_id, read_api_key, clock())
    return StripePayments(secret.value, settings().payment_api_base)


@cache
def till() -> Till | None:
    """None where no payment is taken."""
    found = sagas()
    if found is None:
        return None
    from slotkeeper.services.payment_saga import Till

    return Till(
        provider=payment_provider,
        sagas=found,
        fees=doctors(),
        slots=paid_slots(),
        gate=gate(),
        ends=booking_ends(),
        currency=settings().payment_currency,
        late=settings().payment_late,
        forbid_overlaps=policy().forbid_overlaps,
    )


@cache
def outbox() -> MongoOutbox:
    from slotkeeper.adapters.mongo.outbox import MongoOutbox

    return MongoOutbox(database())


@cache
def users() -> MongoUsers:
    from slotkeeper.adapters.mongo.people import MongoUsers

    return MongoUsers(database())


@cache
def personal_data() -> MongoPersonalData:
    from slotkeeper.adapters.mongo.personal import MongoPersonalData

    return MongoPersonalData(database())


@cache
def personal_keys() -> RedisPersonalKeys:
    from slotkeeper.adapters.redis.personal import RedisPersonalKeys

    return RedisPersonalKeys(redis(), _keys())


@cache
def doctors() -> MongoDoctors:
    from slotkeeper.adapters.mongo.people import MongoDoctors

    return MongoDoctors(database())


@cache
def calendars() -> IcalendarFiles:
    from slotkeeper.adapters.calendar_file import IcalendarFiles

    return IcalendarFiles()


@cache
def catalogue() -> MongoCatalogue:
    from slotkeeper.adapters.mongo.catalogue import MongoCatalogue

    return MongoCatalogue(database())


@cache
def booking_lists() -> MongoBookingLists:
    from slotkeeper.adapters.mongo.booking_lists import MongoBookingLists

    return MongoBookingLists(database())


@cache
def doctor_file() -> MongoDoctorFile:
    from slotkeeper.adapters.mongo.doctor_file import MongoDoctorFile

    return MongoDoctorFile(database())


@cache
def timetables() -> MongoTimetables:
    from slotkeeper.adapters.mongo.timetables import MongoTimetables

    return MongoTimetables(database())


@cache
def slot_blocks() -> MongoSlotBlocks:
    from slotkeeper.adapters.mongo.blocks import MongoSlotBlocks

    return MongoSlotBlocks(database())


@cache
def deliveries() -> MongoDeliveries:
    from slotkeeper.adapters.mongo.deliveries import MongoDeliveries

    return MongoDeliveries(database())


@cache
def gate() -> RedisGate:
    from slotkeeper.adapters.redis.gate import RedisGate

    return RedisGate(redis(), _keys(), policy())


@cache
def requests() -> RedisRequests:
    from slotkeeper.adapters.redis.requests import RedisRequests

    return RedisRequests(redis(), _keys())


@cache
def views() -> RedisViews:
    from slotkeeper.adapters.redis.views import RedisViews

    kept = timedelta(seconds=settings().last_viewed_seconds)
    return RedisViews(redis(), _keys(), breaker=breaker(), kept=kept)


@cache
def slot_pages() -> RedisSlotPages:
    from slotkeeper.adapters.redis.pages import RedisSlotPages

    return RedisSlotPages(
        redis(),
        _keys(),
        clock=clock(),
        breaker=breaker(),
        views=views(),
        kept=timedelta(seconds=settings().availability_cache_seconds),
    )


@cache
def doctor_pages() -> RedisDoctorPages:
    from slotkeeper.adapters.redis.pages import RedisDoctorPages

    return RedisDoctorPages(
        redis(),
        _keys(),
        clock=clock(),
        breaker=breaker(),
        views=views(),
        kept=timedelta(seconds=settings().list_cache_seconds),
    )


@cache
def codes() -> RedisCodes:
    from slotkeeper.adapters.redis.codes import RedisCodes

    return RedisCodes(redis(), _keys(), policy())


@cache
def failures() -> MongoFailures:
    from slotkeeper.adapters.mongo.failures import MongoFailures

    return MongoFailures(database(), policy())


@cache
def code_maker() -> HotpCodes:
    from slotkeeper.adapters.aws.secrets import KeptSecret
    from slotkeeper.adapters.code_maker import HotpCodes
    from slotkeeper.adapters.otp_keys import OtpKeys
    from slotkeeper.contracts.otp_secret import read_ring

    ring = KeptSecret(signed("secretsmanager"), settings().otp_secret_id, read_ring, clock())
    return HotpCodes(OtpKeys(ring, clock()))


@cache
def otp_secret() -> SecretVersions:
    from slotkeeper.adapters.aws.rotation import SecretVersions

    return SecretVersions(aws("secretsmanager"), settings().otp_secret_id)


@cache
def jobs() -> SqsJobs:
    from slotkeeper.adapters.aws.jobs import SqsJobs

    return SqsJobs(signed("sqs"), settings().notification_queue_url)


@cache
def waits() -> SqsWaits:
    from slotkeeper.adapters.aws.waits import SqsWaits

    return SqsWaits(aws("sqs"), settings().notification_queue_url)


@cache
def relay_waker() -> LambdaRelayWaker:
    from slotkeeper.adapters.aws.relay_waker import LambdaRelayWaker

    return LambdaRelayWaker(signed("lambda"), settings().relay_function_name)


@cache
def code_quota() -> MongoCodeQuota:
    from slotkeeper.adapters.mongo.quotas import MongoCodeQuota

    return MongoCodeQuota(database(), policy())


@cache
def provider_breakers() -> RedisBreakers:
    from slotkeeper.adapters.redis.provider_breakers import RedisBreakers

    return RedisBreakers(redis(), _keys(), breaker())


@cache
def controls() -> KeptControls:
    from slotkeeper.adapters.mongo.controls import KeptControls, MongoControls

    return KeptControls(MongoControls(database()), clock(), settings().sms_choice)


@cache
def sms() -> Mapping[str, Provider]:
    """Every provider of SMS, by its name."""
    from slotkeeper.adapters.aws.providers import EumSms, SnsSms

    eum = EumSms(aws, sender=settings().sms_origination_identity)
    return {one.name: one for one in (SnsSms(aws), eum)}


@cache
def email() -> SesEmail:
    from slotkeeper.adapters.aws.providers import SesEmail

    return SesEmail(aws, sender=settings().email_from)


@contextmanager
def post(watch: Watch) -> Iterator[Post]:
    """The way to people, as it is chosen at this moment. Raises Unavailable."""
    from slotkeeper.domain.user import Channel
    from slotkeeper.services.by_providers import ByProviders
    from slotkeeper.services.send_notification import Post

    chosen = controls().sms()
    in_use: Mapping[Channel, Sequence[Provider]] = {
        Channel.SMS: [sms()[name] for name in chosen.providers],
        Channel.EMAIL: [email()],
    }
    notifier = ByProviders(in_use=in_use, breakers=provider_breakers(), watch=watch)
    try:
        yield Post(
            deliveries=deliveries(),
            notifier=notifier,
            fallback_to_email=chosen.falls_back,
            watch=watch,
        )
    finally:
        notifier.tell_taken()


@cache
def token_verifier() -> TokenVerifier:
    from slotkeeper.adapters.oidc.documents import Documents
    from slotkeeper.adapters.oidc.keys import JwksKeys
    from slotkeeper.adapters.oidc.provider import Provider
    from slotkeeper.adapters.tokens import TokenVerifier

    known = settings()
    documents = Documents(may_be_plain=not known.require_tls)
    return TokenVerifier(
        JwksKeys(Provider(known.jwt_issuer, known.jwks_url, documents=documents)),
        issuer=known.jwt_issuer,
        audience=known.jwt_audience,
    )


def tracer() -> OtelTracer:
    """For where `tracing_endpoint` says."""
    from slotkeeper.adapters.otel.tracer import over_http

    known = settings()
    return over_http(
        known.tracing_endpoint,
        sample_rate=known.tracing_sample_rate,
        environment=known.environment,
        trusts_callers=known.tracing_trusts_callers,
    )


if settings_module.is_traced():
    tracing.provide(tracer)
    with suppress(ImportError):  # told at the first invocation
        # Already here, as a container begins with more of a processor than it goes on with.
        from slotkeeper.adapters.otel.tracer import over_http as over_http  # noqa: PLC0414


def rate_limits() -> RateLimits:
    return settings().rate_limits


@cache
def rate_limiter() -> RedisRateLimiter:
    from slotkeeper.adapters.redis.limiter import RedisRateLimiter

    return RedisRateLimiter(redis(), _keys(), breaker())


@cache
def dependencies() -> tuple[Dependency, ...]:
    from slotkeeper.adapters.dependencies import MongoPrimary, NotificationQueue, RedisServer

    return (
        MongoPrimary(database()),
        RedisServer(redis()),
        NotificationQueue(aws, settings().notification_queue_url),
    )


def note_loads() -> None:
    """Note how full MongoDB and Redis are, for the metrics."""
    from slotkeeper.adapters.loads import note_loads as note

    note(database(), redis())


@cache
def deployments() -> CodeDeployments:
    from slotkeeper.adapters.aws.client import connect
    from slotkeeper.adapters.aws.deployments import COLD_START_SECONDS, CodeDeployments

    return CodeDeployments(aws("codedeploy"), connect("lambda", answers_within=COLD_START_SECONDS))


# --- values only the edge may make ----------------------------------------------------------------


def hold_ticket(
    *, slot_id: str, user_id: str, idempotency_key: str, fingerprint: str, request_id: str
) -> HoldTicket:
    """A request to hold a slot, with a random seed for its codes."""
    return HoldTicket(
        request_key=request_key(user_id, idempotency_key),
        attempt_id=attempt_id(user_id, idempotency_key, slot_id),
        slot_id=slot_id,
        user_id=user_id,
        fingerprint=fingerprint,
        request_id=request_id,
        seed=_seed(),
    )


def fresh_code() -> CodeRecord:
    """A record for an attempt whose own was lost: a new seed."""
    return CodeRecord(slot_id="", seed=_seed(), send_number=0)


def new_otp_key() -> str:
    """A key for one-time codes: 256 random bits."""
    return secrets.token_urlsafe(32)


def _seed() -> str:
    return base64.b32encode(secrets.token_bytes(20)).decode()


# --- what is asked of a version, and done to a snapshot of one ------------------------------------


def _reached(names: Sequence[str]) -> dict[str, bool]:
    """Of each store, whether it answers."""
    from slotkeeper.adapters.dependencies import MongoPrimary, RedisServer

    def answers(name: str) -> bool:
        try:
            store = MongoPrimary(database()) if name == MongoPrimary.name else RedisServer(redis())
            store.check()
        except Unavailable:
            return False
        return True

    settings()
    return {name: answers(name) for name in names}


_primed: list[Callable[[], object]] = []


def prime(*parts: Callable[[], object]) -> None:
    """Have `parts` made, and the stores connected to, before the function's first call.

    A container has more of a processor while it starts than afterwards, and nobody waits for its
    answer. What fails now is left to the first call, which tells of it. Nowhere but in Lambda:
    whoever else imports a function opens nothing.
    """
    _primed[:] = parts
    if startup.is_in_lambda():
        _make_ready()


def _make_ready() -> None:
    for part in _primed:
        with suppress(Exception):  # as it will at the first call, where it is answered for
            part()
    with suppress(Exception):
        _connect()


def _connect() -> None:
    """Open what the parts that were made have clients for."""
    if redis.cache_info().currsize:
        redis().ping()
    if database.cache_info().currsize:
        database().command("ping")


def warm_up() -> None:
    """What is left to do before a snapshot: look at the settings, and leave nothing open."""
    settings()
    forget()


def forget() -> None:
    """Close every connection, and make everything anew at its next use.

    So that what a snapshot was made of is nobody's twice: sockets, keys and secrets that were read,
    credentials, an order that was drawn. What is secret is drawn from the system's own randomness,
    which every start of a snapshot has its own of.
    """
    if database.cache_info().currsize:
        database().client.close()
    if redis.cache_info().currsize:
        redis().close()
    for made in list(globals().values()):
        if hasattr(made, "cache_clear"):
            made.cache_clear()
    random.seed()  # nosemgrep: predictable-random  # an order, no secret


def start_anew() -> None:
    """What a start from a snapshot does: nothing of the snapshot's goes on."""
    forget()
    _make_ready()


readiness.answer_by(_reached)
snapshots.hooks(before=warm_up, after=start_anew)
