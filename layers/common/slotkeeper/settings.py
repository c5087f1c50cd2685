"""Every environment variable, read once. No other module reads the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from slotkeeper import redis_url as redis_urls
from slotkeeper import transport
from slotkeeper.domain.limits import RateLimits
from slotkeeper.domain.payment import LatePayment
from slotkeeper.domain.policy import BookingPolicy
from slotkeeper.domain.provider import SmsChoice, sms_providers
from slotkeeper.redis_url import RedisMode

Seconds = Annotated[int, Field(ge=0, le=86_400)]
Count = Annotated[int, Field(ge=0, le=1_000)]
RequestsAMinute = Annotated[int, Field(ge=0, le=100_000)]
SmsProviders = Literal["sns", "eum", "sns,eum", "eum,sns", "none"]
"""Those that the template lets choose: `domain/provider.py`."""
AtLeastOne = Field(ge=1)
LOCAL = "local"
_PASSWORD = re.compile(r"://[^/?#]*:[^/?#]*@|password=", re.IGNORECASE)
"""In a URL: `user:password@` or an option that is one."""


class Settings(BaseModel):
    """One environment's settings; each field is the variable of its name in capitals.

    Defaults are the contract's (design.md, section 5). What only some functions are given has an
    empty default, and only they use it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    environment: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")
    mongo_uri: str = Field(default="", repr=False)
    redis_url: str = Field(default="", repr=False)
    stores_secret_id: str = ""
    """Of the secret with both, outside local: no password is in a function's environment."""
    aws_session_token: str = Field(default="", repr=False)
    """The function's own, as AWS gives it; the secrets extension asks for it."""
    aws_container_authorization_token: str = Field(default="", repr=False)
    """What there is instead where a function was started from a snapshot."""
    parameters_secrets_extension_http_port: Annotated[int, Field(ge=1, le=65_535)] = 2773
    """Where that extension listens; AWS's own variable."""
    aws_region: str = ""
    aws_default_region: str = "us-east-1"
    """Where `AWS_REGION`, which Lambda sets, is not: outside of it."""
    aws_url_suffix: str = Field(default="amazonaws.com", pattern=r"^[a-z0-9.-]+$")
    """Of AWS's names in this partition."""
    aws_endpoint_url: str = ""
    """Of an emulator of AWS."""
    metrics_command_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Of the invocations: those that tell how long each command to MongoDB and Redis took."""
    redis_mode: RedisMode = "single"
    redis_sentinel_master: str = Field(default="slotkeeper", min_length=1)
    require_tls: bool = True
    standby: bool = False
    """This region only reads: another one is where bookings are made."""

    hold_seconds: Annotated[Seconds, AtLeastOne] = 300
    otp_seconds: Annotated[int, Field(ge=1, le=600)] = 300
    otp_resend_wait_seconds: Seconds = 30
    otp_max_tries: Annotated[Count, AtLeastOne] = 5
    otp_max_resends: Count = 3
    otp_max_failures: Count = 20
    otp_failure_window_seconds: Seconds = 3_600
    otp_max_failures_in_a_row: Annotated[int, Field(ge=1, le=100)] = 100
    otp_daily_per_user: Annotated[Count, AtLeastOne] = 30
    otp_daily_per_phone: Annotated[Count, AtLeastOne] = 30
    max_live_holds: Annotated[Count, AtLeastOne] = 3
    reschedule_window_seconds: Annotated[int, Field(ge=0, le=2_592_000)] = 86_400
    cancel_window_seconds: Annotated[int, Field(ge=0, le=2_592_000)] = 0
    forbid_overlaps: bool = True

    availability_cache_seconds: Annotated[int, Field(ge=0, le=60)] = 15
    list_cache_seconds: Annotated[int, Field(ge=0, le=60)] = 30
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
    payment_currency: str = Field(default="eur", pattern=r"^[a-z]{3}$")
    payment_late: LatePayment = LatePayment.REFUND
    payment_secret_id: str = ""
    payment_api_base: str = ""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwks_url: str = ""
    web_client_id: str = Field(default="", pattern=r"^[A-Za-z0-9._~:/-]{0,256}$")
    """The page's own, with the issuer; empty: nobody signs in there."""
    web_authorize_url: str = Field(default="", pattern=r"^(https?://[^ #;,]+)?$")
    web_grant_url: str = Field(default="", pattern=r"^(https?://[^ #;,?]+)?$")
    tracing_endpoint: str = Field(default="", pattern=r"^(https?://[^\s?#@]+)?$")
    """Of a collector (OTLP over HTTP), its root; empty traces nothing."""
    tracing_sample_rate: Annotated[float, Field(ge=0, le=1)] = 0.05
    tracing_trusts_callers: bool = False
    rate_limit_ip: RequestsAMinute = 600
    rate_limit_reads: RequestsAMinute = 240
    rate_limit_writes: RequestsAMinute = 60

    @model_validator(mode="after")
    def _nothing_secret_is_in_the_environment(self) -> Settings:
        told = [self.mongo_uri, self.redis_url]
        if self.environment != LOCAL and any(_PASSWORD.search(url) for url in told):
            raise ValueError("a password belongs in the secret that STORES_SECRET_ID names")
        return self

    @model_validator(mode="after")
    def _stores_fit_what_is_set(self) -> Settings:
        self._ensure_fit(self.mongo_uri, self.redis_url)
        return self

    @model_validator(mode="after")
    def _nothing_is_fetched_in_the_clear(self) -> Settings:
        # Where JWKS_URL is given, the issuer is a name and need not be fetched.
        keys = "jwks_url" if self.jwks_url else "jwt_issuer"
        urls = (keys, "payment_api_base", "web_authorize_url", "web_grant_url")
        asked = {name: getattr(self, name) for name in urls}
        if not transport.is_within(self.tracing_endpoint):
            asked["tracing_endpoint"] = self.tracing_endpoint
        for name, url in asked.items():
            if url:
                transport.require_http(name.upper(), url, may_be_plain=not self.require_tls)
        return self

    def with_stores(self, *, mongo_uri: str, redis_url: str) -> Settings:
        """These settings with stores that no variable names.

        Raises:
            ValueError: of another mode, or without TLS where it is required.
        """
        self._ensure_fit(mongo_uri, redis_url)
        return self.model_copy(update={"mongo_uri": mongo_uri, "redis_url": redis_url})

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
        pydantic.ValidationError: refuse to start rather than guess.
    """
    names = {name.upper(): name for name in Settings.model_fields}
    return Settings.model_validate(
        {names[key]: value for key, value in environ.items() if key in names}
    )
