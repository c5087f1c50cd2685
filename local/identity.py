"""The identity provider: the emulator's Cognito user pool, and people who sign in to it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import jwt
from pymongo import MongoClient, UpdateOne

from local import aws
from local.config import Config
from ops.demo_clinic import CLINIC
from slotkeeper.adapters.mongo.documents import USERS, user_document
from slotkeeper.domain.user import Channel, User

POOL = "slotkeeper"
ROLES = ("patient", "staff", "admin")
PASSWORD = "Slotkeeper-1"  # noqa: S105  # of people who do not exist, on this machine only
KNOWN_PHONES = {"alice": "+15550100", "bob": "+15550101", "carol": "+15550102"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What the template needs to know of the provider."""

    pool_id: str
    client_id: str
    issuer: str
    jwks_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can sign in; `user_id` is the provider's subject, known once they have."""

    name: str
    phone: str
    email: str
    role: str
    user_id: str = ""
    token: str = ""


def ensure(config: Config) -> Identity:
    """The user pool with a client and a group for each role; made if it is not there."""
    cognito = aws.client(config, "cognito-idp")
    pools = {p["Name"]: p["Id"] for p in cognito.list_user_pools(MaxResults=60)["UserPools"]}
    pool_id = pools.get(POOL) or cognito.create_user_pool(PoolName=POOL)["UserPool"]["Id"]
    clients = cognito.list_user_pool_clients(UserPoolId=pool_id, MaxResults=10)["UserPoolClients"]
    if not clients:
        made = cognito.create_user_pool_client(
            UserPoolId=pool_id,
            ClientName="web",
            ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"],
        )
        clients = [made["UserPoolClient"]]
        for role in ROLES:
            cognito.create_group(UserPoolId=pool_id, GroupName=role)
    return Identity(
        pool_id=pool_id,
        client_id=clients[0]["ClientId"],
        issuer=f"https://cognito-idp.us-east-1.amazonaws.com/{pool_id}",
        jwks_url=f"{config.aws_endpoint}/{pool_id}/.well-known/jwks.json",
    )


def named(name: str, role: str) -> Person:
    """The person of that name, with a phone number that goes with the name."""
    digits = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10_000_000
    return Person(
        name=f"{name}-{role}",
        phone=KNOWN_PHONES.get(name, f"+1556{digits:07}"),
        email=f"{name}@example.com",
        role=role,
    )


def anybody(role: str) -> Person:
    """Somebody new."""
    name = f"user-{secrets.token_hex(8)}"
    return Person(
        name=name,
        phone=f"+1557{secrets.randbelow(10**8):08}",
        email=f"{name}@example.com",
        role=role,
    )


def sign_in(config: Config, people: Sequence[Person]) -> list[Person]:
    """The same people with an access token each; in the pool and in `users` from now on."""
    identity = ensure(config)
    cognito = aws.client(config, "cognito-idp")
    with ThreadPoolExecutor(max_workers=8) as pool:
        signed_in = list(pool.map(lambda person: _sign_in(cognito, identity, person), people))
    _store_profiles(config, signed_in)
    return signed_in


def _sign_in(cognito: Any, identity: Identity, person: Person) -> Person:  # Any: generated client
    pool = {"UserPoolId": identity.pool_id, "Username": person.name}
    try:
        cognito.admin_create_user(
            **pool,
            UserAttributes=[
                {"Name": "email", "Value": person.email},
                {"Name": "phone_number", "Value": person.phone},
            ],
            MessageAction="SUPPRESS",
        )
        cognito.admin_set_user_password(**pool, Password=PASSWORD, Permanent=True)
        cognito.admin_add_user_to_group(**pool, GroupName=person.role)
    except cognito.exceptions.UsernameExistsException:
        pass
    answer = cognito.admin_initiate_auth(
        UserPoolId=identity.pool_id,
        ClientId=identity.client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": person.name, "PASSWORD": PASSWORD},
    )
    token = answer["AuthenticationResult"]["AccessToken"]
    claims = jwt.decode(token, options={"verify_signature": False})
    return replace(person, user_id=claims["sub"], token=token)


def _store_profiles(config: Config, people: Sequence[Person]) -> None:
    with MongoClient[dict[str, Any]](config.mongo_uri) as client:
        client.get_default_database()[USERS].bulk_write(
            [
                UpdateOne(
                    {"_id": person.user_id},
                    {
                        "$setOnInsert": user_document(
                            User(
                                id=person.user_id,
                                phone=person.phone,
                                email=person.email,
                                preferred_channel=Channel.SMS,
                                locale="en",
                                time_zone="Europe/Berlin",
                            )
                        )
                        | ({"clinicId": CLINIC} if person.role == "staff" else {})
                    },
                    upsert=True,
                )
                for person in people
            ],
            ordered=False,
        )
