from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest
from pymongo import MongoClient

from slotkeeper.domain.limits import RateLimits
from slotkeeper.domain.policy import BookingPolicy
from slotkeeper.domain.provider import names_of
from slotkeeper.settings import SmsProviders, from_environment

LEAST = {"ENVIRONMENT": "test"}
LOCAL = {"ENVIRONMENT": "local"}
IN_THE_CLEAR = {**LOCAL, "REQUIRE_TLS": "false"}


def test_defaults_are_the_contracts() -> None:
    policy = from_environment(LEAST).policy

    assert policy.hold == timedelta(minutes=5)
    assert policy.code_lifetime == timedelta(minutes=5)
    assert policy.max_tries == 5
    assert policy.max_resends == 3
    assert policy.max_live_holds == 3


def test_defaults_are_the_policys_own() -> None:
    assert from_environment(LEAST).policy == BookingPolicy()


def test_every_rule_can_be_set() -> None:
    policy = from_environment(
        {
            **LEAST,
            "HOLD_SECONDS": "10",
            "OTP_SECONDS": "9",
            "OTP_RESEND_WAIT_SECONDS": "1",
            "OTP_MAX_TRIES": "2",
            "OTP_MAX_RESENDS": "1",
            "OTP_MAX_FAILURES": "7",
            "OTP_FAILURE_WINDOW_SECONDS": "60",
            "OTP_DAILY_PER_USER": "8",
            "OTP_DAILY_PER_PHONE": "9",
            "MAX_LIVE_HOLDS": "4",
        }
    ).policy

    assert policy == BookingPolicy(
        hold=timedelta(seconds=10),
        code_lifetime=timedelta(seconds=9),
        resend_wait=timedelta(seconds=1),
        max_tries=2,
        max_resends=1,
        max_failures_per_user=7,
        failure_window=timedelta(minutes=1),
        max_codes_per_user=8,
        max_codes_per_phone=9,
        max_live_holds=4,
    )


def test_default_rate_limits_are_the_domains_own() -> None:
    assert from_environment(LEAST).rate_limits == RateLimits()


def test_every_rate_limit_can_be_set_and_switched_off() -> None:
    limits = from_environment(
        {**LEAST, "RATE_LIMIT_IP": "0", "RATE_LIMIT_READS": "7", "RATE_LIMIT_WRITES": "3"}
    ).rate_limits

    assert limits == RateLimits(ip=0, reads=7, writes=3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("ENVIRONMENT", text) for text in ("", "Prod", "1st", "a:b", "a b", "x" * 33, "prod\n")),
        *(("HOLD_SECONDS", text) for text in ("", "-1", "five", "1.5", "86401", "NaN", "1e999")),
        *(("OTP_SECONDS", text) for text in ("5m", "601")),
        ("OTP_MAX_TRIES", "-1"),
        ("OTP_MAX_TRIES", "1001"),
        ("OTP_MAX_RESENDS", "many"),
        ("MAX_LIVE_HOLDS", "true"),
        ("OTP_DAILY_PER_USER", "0"),
        ("OTP_DAILY_PER_PHONE", "1001"),
        ("RATE_LIMIT_IP", "-1"),
        ("RATE_LIMIT_WRITES", "1.5"),
        ("SMS_PROVIDER", "twilio"),
        ("SMS_PROVIDER", "SNS"),
        ("SMS_PROVIDER", ""),
        ("SMS_PROVIDER", "sns,sns"),
        ("SMS_PROVIDER", "none,sns"),
        ("SMS_FALLBACK_TO_EMAIL", "perhaps"),
        ("SMS_FALLBACK_TO_EMAIL", ""),
    ],
)
def test_bad_value_refuses_to_start(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        from_environment({**LEAST, name: value})


@pytest.mark.parametrize("name", ["HOLD_SECONDS", "OTP_SECONDS", "OTP_MAX_TRIES", "MAX_LIVE_HOLDS"])
def test_rule_of_nothing_at_all_refuses_to_start(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        from_environment({**LEAST, name: "0"})


def test_no_environment_refuses_to_start() -> None:
    with pytest.raises(ValueError, match="ENVIRONMENT"):
        from_environment({})


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False)])
def test_fallback_is_read_as_the_template_gives_it(text: str, value: bool) -> None:
    settings = from_environment({**LEAST, "SMS_FALLBACK_TO_EMAIL": text})

    assert settings.sms_fallback_to_email is value


@pytest.mark.parametrize("text", get_args(SmsProviders))
def test_providers_of_sms_are_those_the_template_lets_choose(text: str) -> None:
    choice = from_environment({**LEAST, "SMS_PROVIDER": text}).sms_choice

    assert names_of(choice.providers) == text


def test_variables_of_others_are_left_alone() -> None:
    settings = from_environment({**LEAST, "PATH": "/bin", "AWS_REGION": "x", "hold_seconds": "1"})

    assert settings.hold_seconds == 300


def test_settings_do_not_show_their_secrets() -> None:
    settings = from_environment(
        {
            **LOCAL,
            "MONGO_URI": "mongodb://user:secret-4711@db/slotkeeper?tls=true",
            "REDIS_URL": "rediss://:secret-4711@cache",
        }
    )

    assert "4711" not in repr(settings)


def test_refusal_to_start_does_not_show_secrets() -> None:
    with pytest.raises(ValueError, match="ENVIRONMENT") as refused:
        from_environment({"MONGO_URI": "mongodb://user:secret-4711@db/slotkeeper"})

    assert "4711" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("MONGO_URI", "mongodb://user:canary-4711@db/slotkeeper"),
        ("MONGO_URI", "mongodb+srv://user:canary-4711@db/slotkeeper?replicaSet=rs0"),
        ("MONGO_URI", "mongodb://db/?tls=true&tlsCertificateKeyFilePassword=canary-4711"),
        ("REDIS_URL", "rediss://:canary-4711@cache:6379/0"),
        ("REDIS_URL", "rediss://user:canary-4711@cache"),
    ],
)
def test_password_in_the_environment_is_refused_outside_local_and_not_repeated(
    name: str, url: str
) -> None:
    with pytest.raises(ValueError, match="STORES_SECRET_ID") as refused:
        from_environment({**LEAST, name: url})

    assert "canary" not in str(refused.value)
    assert from_environment({**IN_THE_CLEAR, name: url})


@pytest.mark.parametrize(
    "url", ["mongodb://a,b/slotkeeper?tls=true", "mongodb+srv://db/?authMechanism=MONGODB-AWS"]
)
def test_stores_without_a_password_may_be_named_anywhere(url: str) -> None:
    assert from_environment({**LEAST, "MONGO_URI": url}).mongo_uri == url


# --- which Redis, and how


@pytest.mark.parametrize(
    ("mode", "url"),
    [
        ("single", "redis://valkey:6379/3"),
        ("single", "rediss://user:p%40ss@valkey:6380?ssl_ca_certs=/opt/ca.pem"),
        ("single", "redis://[::1]:6379"),
        ("sentinel", "redis://a:26379,b:26379,c/2?sentinel_password=x"),
        ("cluster", "rediss://:pw@a:6379,b:6379/0?ssl_check_hostname=no"),
    ],
)
def test_a_redis_url_that_fits_its_mode_is_taken(mode: str, url: str) -> None:
    there = from_environment({**IN_THE_CLEAR, "REDIS_MODE": mode, "REDIS_URL": url})
    assert there.redis_url == url
    known = from_environment({**LEAST, "REQUIRE_TLS": "false", "REDIS_MODE": mode})
    assert known.with_stores(mongo_uri="mongodb://db", redis_url=url).redis_url == url


@pytest.mark.parametrize(
    ("mode", "url", "said"),
    [
        ("double", "redis://a", "REDIS_MODE"),
        ("single", "redis://a:6379,b:6379", "REDIS_MODE is sentinel or cluster"),
        ("single", "http://a", "begins with redis:// or rediss://"),
        ("single", "unix:///run/redis.sock", "begins with redis:// or rediss://"),
        ("single", "redis://", "host:port"),
        ("sentinel", "redis://a:26379,,b:26379", "host:port"),
        ("cluster", "redis://a:port", "host:port"),
        ("cluster", "redis://a:66000", "host:port"),
        ("single", "redis://a/first", "number of a database"),
        ("cluster", "redis://a,b/1", "no database but 0"),
        ("single", "redis://a?sockettimeout=3", "not known: sockettimeout"),
        ("single", "redis://a?ssl_ca_certs=/ca.pem", "is for TLS"),
        ("single", "rediss://a?ssl_check_hostname=perhaps", "is yes or no"),
        ("cluster", "redis://a?sentinel_password=x", "is for REDIS_MODE=sentinel"),
    ],
)
def test_a_redis_url_that_does_not_fit_its_mode_is_refused(mode: str, url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_environment({**IN_THE_CLEAR, "REDIS_MODE": mode, "REDIS_URL": url})


def test_a_refused_redis_url_is_not_repeated_with_its_password() -> None:
    with pytest.raises(ValueError, match="REDIS_MODE") as refused:
        from_environment({**IN_THE_CLEAR, "REDIS_URL": "redis://user:hunter2@a,b/0"})

    assert "hunter2" not in str(refused.value)


def test_a_url_that_stands_in_a_choices_place_is_not_repeated() -> None:
    with pytest.raises(ValueError, match=r"^Invalid enum value - at `\$.REDIS_MODE`$"):
        from_environment({**LEAST, "REDIS_MODE": "rediss://user:hunter2@a - at b"})


def test_the_sentinels_have_a_master_of_some_name() -> None:
    with pytest.raises(ValueError, match="REDIS_SENTINEL_MASTER"):
        from_environment({**LEAST, "REDIS_SENTINEL_MASTER": ""})


# --- TLS


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://a,b,c/slotkeeper?replicaSet=rs0&tls=true",
        "mongodb://user:p%40ss@a:27017/slotkeeper?ssl=true",
        "mongodb://a/?TLS=true;tlsCAFile=/opt/ca.pem",
        "mongodb://a/?tls=true&tlsInsecure=false",
        "mongodb+srv://cluster.example.org/slotkeeper",
    ],
)
def test_a_mongo_uri_with_tls_is_taken(uri: str) -> None:
    assert from_environment({**LOCAL, "MONGO_URI": uri}).mongo_uri == uri


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://a,b,c/slotkeeper?replicaSet=rs0",
        "mongodb://user:tls=true@a/slotkeeper",
        "mongodb://a/tls=true",
        "mongodb://a/?tls=false",
        "mongodb://a/?tls=TRUE",
        "mongodb://a/?tls=",
        "mongodb://a/?tls=true&ssl=false",
        "mongodb+srv://cluster.example.org/slotkeeper?tls=false",
        "mongodb+srv://cluster.example.org/slotkeeper?%74ls=false",
    ],
)
def test_a_mongo_uri_without_tls_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="MONGO_URI is not encrypted"):
        from_environment({**LOCAL, "MONGO_URI": uri})


@pytest.mark.parametrize(
    "option", ["tlsInsecure", "tlsAllowInvalidCertificates", "tlsallowinvalidhostnames"]
)
def test_tls_that_believes_any_server_is_refused(option: str) -> None:
    with pytest.raises(ValueError, match=option.lower()):
        from_environment({**LOCAL, "MONGO_URI": f"mongodb://a/?tls=true&{option}=true"})


@pytest.mark.parametrize(
    ("mode", "url"),
    [
        ("single", "redis://cache:6379/0"),
        ("sentinel", "redis://a,b,c/0"),
        ("cluster", "redis://a,b"),
        ("single", "rediss://cache?ssl_check_hostname=no"),
    ],
)
def test_a_redis_url_without_tls_is_refused_in_every_mode(mode: str, url: str) -> None:
    with pytest.raises(ValueError, match="where REQUIRE_TLS is true"):
        from_environment({**LOCAL, "REDIS_MODE": mode, "REDIS_URL": url})


@pytest.mark.parametrize(
    ("uri", "url"),
    [("mongodb://db", "rediss://cache"), ("mongodb://db/?tls=true", "redis://cache")],
)
def test_stores_that_a_secret_tells_are_not_asked_in_the_clear_either(uri: str, url: str) -> None:
    with pytest.raises(ValueError, match="is not encrypted"):
        from_environment(LEAST).with_stores(mongo_uri=uri, redis_url=url)


@pytest.mark.parametrize("mode", ["single", "sentinel", "cluster"])
def test_a_redis_url_with_tls_is_taken_in_every_mode(mode: str) -> None:
    url = "rediss://user:pw@a:6379/0"

    assert from_environment({**LOCAL, "REDIS_MODE": mode, "REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize("name", ["JWKS_URL", "PAYMENT_API_BASE"])
@pytest.mark.parametrize("url", ["http://example.org/", "file:///etc/keys", "//example.org"])
def test_keys_and_money_are_not_asked_for_in_the_clear(name: str, url: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is not encrypted"):
        from_environment({**LOCAL, name: url})


def test_nothing_need_be_encrypted_where_it_is_said_so() -> None:
    uri, url = "mongodb://a/slotkeeper", "redis://a:6379/0"

    settings = from_environment({**IN_THE_CLEAR, "MONGO_URI": uri, "REDIS_URL": url})

    assert (settings.mongo_uri, settings.redis_url) == (uri, url)


def test_a_uri_refused_for_its_lack_of_tls_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="MONGO_URI is not encrypted") as refused:
        from_environment(
            {
                **LOCAL,
                "MONGO_URI": "mongodb://user:hunter2@db/slotkeeper",
                "REDIS_URL": "redis://user:hunter2@cache",
            }
        )

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("uri", ["mongodb://a/?tls=true", "mongodb://a/?TLS=true", "mongodb://a"])
def test_the_driver_reads_tls_as_we_do(uri: str) -> None:
    with MongoClient[dict[str, Any]](uri, connect=False) as client:
        is_tls = client._options.pool_options._ssl_context is not None

    assert is_tls == ("tls=true" in uri.lower())


# --- the identity provider ------------------------------------------------------------------------

PLAIN = "http://identity.example.org/pool"
TLS = "https://identity.example.org/pool"


@pytest.mark.parametrize(
    "given",
    [
        {"JWT_ISSUER": PLAIN},
        {"JWT_ISSUER": TLS, "JWKS_URL": PLAIN},
        {"JWT_ISSUER": "identity"},
        {"JWT_ISSUER": "HTTPS://identity.example.org"},
        {"JWT_ISSUER": TLS, "JWKS_URL": "file:///tmp/keys"},
    ],
)
def test_keys_that_would_be_fetched_without_tls_refuse_to_start(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="is not encrypted"):
        from_environment({**LEAST, **given})


@pytest.mark.parametrize(
    ("environment", "given"),
    [
        (LEAST, {"JWT_ISSUER": TLS}),
        (LEAST, {"JWT_ISSUER": TLS, "JWKS_URL": TLS + "/keys"}),
        (LEAST, {"JWT_ISSUER": "a name", "JWKS_URL": TLS + "/keys"}),
        (IN_THE_CLEAR, {"JWT_ISSUER": PLAIN}),
        (IN_THE_CLEAR, {"JWT_ISSUER": TLS, "JWKS_URL": PLAIN + "/keys"}),
    ],
)
def test_keys_are_fetched_over_tls_or_where_it_need_not_be(
    environment: dict[str, str], given: dict[str, str]
) -> None:
    assert from_environment({**environment, **given}).jwt_issuer


def test_keys_are_not_fetched_from_a_file_even_in_the_clear() -> None:
    with pytest.raises(ValueError, match="JWT_ISSUER is not encrypted"):
        from_environment({**IN_THE_CLEAR, "JWT_ISSUER": "file:///tmp/pool"})
