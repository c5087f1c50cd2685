"""Every environment variable, read once. No other module reads the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from slotkeeper import redis_url as redis_urls
from slotkeeper import transport
from slotkeeper.domain.limits import RateLimits
from slotkeeper.domain.payment import LatePayment
from slotkeeper.domain.policy import BookingPolicy
from slotkeeper.domain.provider import SmsChoice, sms_providers
from slotkeeper.redis_url import RedisMode
from slotkeeper.value import Guarded

Seconds = Annotated[int, Meta(ge=0, le=86_400)]
AtLeastOneSecond = Annotated[int, Meta(ge=1, le=86_400)]
Count = Annotated[int, Meta(ge=0, le=1_000)]
AtLeastOne = Annotated[int, Meta(ge=1, le=1_000)]
RequestsAMinute = Annotated[int, Meta(ge=0, le=100_000)]
Share = Annotated[float, Meta(ge=0, le=1)]
SmsProviders = Literal["sns", "eum", "sns,eum", "eum,sns", "none"]
"""Those that the template lets choose: `domain/provider.py`."""
LOCAL = "local"
_PASSWORD = re.compile(r"://[^/?#]*:[^/?#]*@|password=", re.IGNORECASE)
"""In a URL: `user:password@` or an option that is one."""
_VALUE = re.compile(r"(?<=^Invalid enum value) .*(?= - at )", re.DOTALL)
"""The one thing that an error quotes of what was given, which may be a secret in a wrong place."""


class Settings(Guarded, kw_only=True, rename=str.upper):
    """One environment's settings; each field is the variable of its name in capitals.

    Defaults are the contract's (design.md, section 5). What only some functions are given has an
    empty default, and only they use it.
    """

    secret = frozenset(
        {
            *("mongo_uri", "redis_url", "aws_session_token", "aws_container_authorization_token"),
            *("aws_access_key_id", "aws_secret_access_key"),
        }
    )

    environment: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}\Z")]
    mongo_uri: str = ""
    redis_url: str = ""
    stores_secret_id: str = ""
    """Of the secret with both, outside local: no password is in a function's environment."""
    aws_access_key_id: str = ""
    aws_secret_access_key: str = ""
    aws_session_token: str = ""
    """The function's own, as AWS gives them; the secrets extension asks for the token."""
    aws_container_authorization_token: str = ""
    """What there is instead of these where a function was started from a snapshot."""
    parameters_secrets_extension_http_port: Annotated[int, Meta(ge=1, le=65_535)] = 2773
    """Where that extension listens; AWS's own variable."""
    aws_region: str = ""
    aws_default_region: str = "us-east-1"
    """Where `AWS_REGION`, which Lambda sets, is not: outside of it."""
    aws_url_suffix: Annotated[str, Meta(pattern=r"^[a-z0-9.-]+\Z")] = "amazonaws.com"
    """Of AWS's names in this partition."""
    aws_endpoint_url: str = ""
    """Of an emulator of AWS."""
    metrics_command_share: Share = 1.0
    """Of the invocations: those that tell how long each command to MongoDB and Redis took."""
    redis_mode: RedisMode = "single"
    redis_sentinel_master: Annotated[str, Meta(min_length=1)] = "slotkeeper"
    require_tls: bool = True
    standby: bool = False
    """This region only reads: another one is where bookings are made."""

    hold_seconds: AtLeastOneSecond = 300
    otp_seconds: Annotated[int, Meta(ge=1, le=600)] = 300
    otp_resend_wait_seconds: Seconds = 30
    otp_max_tries: AtLeastOne = 5
    otp_max_resends: Count = 3
    otp_max_failures: Count = 20
    otp_failure_window_seconds: Seconds = 3_600
    otp_max_failures_in_a_row: Annotated[int, Meta(ge=1, le=100)] = 100
    otp_daily_per_user: AtLeastOne = 30
    otp_daily_per_phone: AtLeastOne = 30
    max_live_holds: AtLeastOne = 3
    reschedule_window_seconds: Annotated[int, Meta(ge=0, le=2_592_000)] = 86_400
    cancel_window_seconds: Annotated[int, Meta(ge=0, le=2_592_000)] = 0
    forbid_overlaps: bool = True

    availability_cache_seconds: Annotated[int, Meta(ge=0, le=60)] = 15
    list_cache_seconds: Annotated[int, Meta(ge=0, le=60)] = 30
    last_viewed_seconds: Seconds = 60

    otp_secret_id: str = ""
    notification_queue_url: str = ""
    relay_function_name: str = ""
    sms_provider: SmsProviders = "sns"
    sms_fallback_to_email: bool = True
    sms_origination_identity: str = ""
    """From whom `eum` sends; empty: it chooses among the account's."""
    email_from: str = ""
    payment_provider: Literal["none", "stripe"] = "none"
    payment_currency: Annotated[str, Meta(pattern=r"^[a-z]{3}\Z")] = "eur"
    payment_late: LatePayment = LatePayment.REFUND
    payment_secret_id: str = ""
    payment_api_base: str = ""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwks_url: str = ""
    web_client_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._~:/-]{0,256}\Z")] = ""
    """The page's own, with the issuer; empty: nobody signs in there."""
    web_authorize_url: Annotated[str, Meta(pattern=r"^(https?://[^ #;,]+)?\Z")] = ""
    web_grant_url: Annotated[str, Meta(pattern=r"^(https?://[^ #;,?]+)?\Z")] = ""
    tracing_endpoint: Annotated[str, Meta(pattern=r"^(https?://[^\s?#@]+)?\Z")] = ""
    """Of a collector (OTLP over HTTP), its root; empty traces nothing."""
    tracing_sample_rate: Share = 0.05
    tracing_trusts_callers: bool = False
    rate_limit_ip: RequestsAMinute = 600
    rate_limit_reads: RequestsAMinute = 240
    rate_limit_writes: RequestsAMinute = 60

    def ensure_sound(self) -> None:
        """Raises ValueError: what each variable says is allowed, but not together."""
        self._ensure_nothing_secret_is_in_the_environment()
        self._ensure_fit(self.mongo_uri, self.redis_url)
        self._ensure_nothing_is_fetched_in_the_clear()

    def _ensure_nothing_secret_is_in_the_environment(self) -> None:
        told = [self.mongo_uri, self.redis_url]
        if self.environment != LOCAL and any(_PASSWORD.search(url) for url in told):
            raise ValueError("a password belongs in the secret that STORES_SECRET_ID names")

    def _ensure_nothing_is_fetched_in_the_clear(self) -> None:
        # Where JWKS_URL is given, the issuer is a name and need not be fetched.
        keys = "jwks_url" if self.jwks_url else "jwt_issuer"
        urls = (keys, "payment_api_base", "web_authorize_url", "web_grant_url")
        asked = {name: getattr(self, name) for name in urls}
        if not transport.is_within(self.tracing_endpoint):
            asked["tracing_endpoint"] = self.tracing_endpoint
        for name, url in asked.items():
            if url:
                transport.require_http(name.upper(), url, may_be_plain=not self.require_tls)

    def with_stores(self, *, mongo_uri: str, redis_url: str) -> Settings:
        """These settings with stores that no variable names.

        Raises:
            ValueError: of another mode, or without TLS where it is required.
        """
        self._ensure_fit(mongo_uri, redis_url)
        return replace(self, mongo_uri=mongo_uri, redis_url=redis_url)

    def _ensure_fit(self, mongo_uri: str, redis_url: str) -> None:
        if redis_url:
            redis_urls.read(redis_url, self.redis_mode)
        if self.require_tls and mongo_uri:
            transport.require_mongo_tls(mongo_uri)
        if self.require_tls and redis_url:
            transport.require_redis_tls(redis_url, self.redis_mode)

    @property
    def region(self) -> str:
        return self.aws_region or self.aws_default_region

    @property
    def sms_choice(self) -> SmsChoice:
        """As deployed: an operator may have switched it since."""
        return SmsChoice(
            providers=sms_providers(self.sms_provider), falls_back=self.sms_fallback_to_email
        )

    @property
    def takes_payment(self) -> bool:
        return self.payment_provider != "none"

    @property
    def rate_limits(self) -> RateLimits:
        return RateLimits(
            ip=self.rate_limit_ip, reads=self.rate_limit_reads, writes=self.rate_limit_writes
        )

    @property
    def policy(self) -> BookingPolicy:
        return BookingPolicy(
            hold=timedelta(seconds=self.hold_seconds),
            code_lifetime=timedelta(seconds=self.otp_seconds),
            resend_wait=timedelta(seconds=self.otp_resend_wait_seconds),
            max_tries=self.otp_max_tries,
            max_resends=self.otp_max_resends,
            max_live_holds=self.max_live_holds,
            reschedule_window=timedelta(seconds=self.reschedule_window_seconds),
            cancel_window=timedelta(seconds=self.cancel_window_seconds),
            forbid_overlaps=self.forbid_overlaps,
            max_failures_per_user=self.otp_max_failures,
            failure_window=timedelta(seconds=self.otp_failure_window_seconds),
            max_failures_in_a_row=self.otp_max_failures_in_a_row,
            max_codes_per_user=self.otp_daily_per_user,
            max_codes_per_phone=self.otp_daily_per_phone,
        )


def is_traced(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process traces, before the rest of its settings is looked at."""
    return bool(environ.get("TRACING_ENDPOINT"))


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process.

    Raises:
        ValueError: refuse to start rather than guess. It tells the variable, and no secret.
    """
    try:
        settings = msgspec.convert(dict(environ), Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(_VALUE.sub("", str(error))) from None
    settings.ensure_sound()
    return settings
