"""What the functions find under `sam local`. Run by docker-compose.yml, see docs/sam-local.md.

seed.py        makes indexes, doctor, slots, bookings, the demo patient; queue, OTP key, sender
seed.py token  prints an access token of the demo patient
seed.py jobs   takes all that is on the queue, prints it as the event that SQS would send

Tokens are signed here, not by the emulator's Cognito, whose ids change at every start: so
env.json and the events can be files, and one patient appears in all of them.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import jwt
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec.structs import replace

from slotkeeper.adapters.mongo.client import connect
from slotkeeper.adapters.mongo.documents import DOCTORS, SLOTS, USERS, slot_document
from slotkeeper.adapters.mongo.indexes import create_indexes
from slotkeeper.adapters.mongo.ledger import MongoLedger
from slotkeeper.adapters.mongo.slots import MongoSlots
from slotkeeper.domain.attempt import attempt_id, booking_id
from slotkeeper.domain.slot import Slot, SlotStatus, slot_id
from slotkeeper.services.record_facts import record_facts
from slotkeeper.settings import Settings, from_environment

USER = "5f0c8a52-0d2f-4c1e-9a57-5d0c1f6f2a01"
DOCTOR = "dr-amara-okafor"
# So far ahead that no event turns stale.
OPENING = datetime(2099, 1, 5, 9, 0, tzinfo=UTC)
SLOT = timedelta(minutes=30)
SLOTS_OF_DAY = 16
HOLDS = {
    # For resend_otp.json and release_hold.json.
    1: ("event-held-slot-0001", timedelta(days=1)),
    # Over at once: for expire_locks.json.
    2: ("event-lapsed-slot-0001", timedelta(0)),
}
"""Slots that are held already, by number: the key of the attempt, and for how long."""
BOOKED = {14: "event-cancelled-slot-0001", 15: "event-rescheduled-slot-0001"}
"""Slots that are booked already, for cancel.json and reschedule.json: the key of the attempt."""
TOKEN_KEY = "slotkeeper-local/token-key"  # noqa: S105  # the name of a secret
TOKEN_SECONDS = 12 * 60 * 60


def seed(settings: Settings) -> None:
    """Make what is not there yet; harmless to repeat."""
    database = connect(settings.mongo_uri)
    create_indexes(database)
    doctor = {
        "name": "Dr. Amara Okafor",
        "specialty": "general practice",
        "timeZone": "Europe/Berlin",
        "clinicId": "clinic-demo",
        "version": 1,
    }
    user = {
        "phone": "+15550100",
        "email": "alice@example.com",
        "preferredChannel": "sms",
        "locale": "en",
        "timeZone": "Europe/Berlin",
    }
    database[DOCTORS].update_one({"_id": DOCTOR}, {"$setOnInsert": doctor}, upsert=True)
    database[USERS].update_one({"_id": USER}, {"$setOnInsert": user}, upsert=True)
    for number in range(SLOTS_OF_DAY):
        document = slot_document(slot(number))
        stored = database[SLOTS].update_one(
            {"_id": document["_id"]}, {"$setOnInsert": document}, upsert=True
        )
        if stored.upserted_id is not None and number in HOLDS:
            key, length = HOLDS[number]
            hold(MongoSlots(database, replace(settings.policy, hold=length)), slot(number).id, key)
        if stored.upserted_id is not None and number in BOOKED:
            book(MongoSlots(database, settings.policy), slot(number).id, BOOKED[number])
    # As bookings, too, not only in their slots.
    record_facts(slots=MongoSlots(database, settings.policy), ledger=MongoLedger(database))

    queue = settings.notification_queue_url.rpartition("/")[2]
    boto3.client("sqs").create_queue(QueueName=queue)
    secret(settings.otp_secret_id, json.dumps({"k1": secrets.token_hex(32)}))
    sender(settings.email_from)
    publish(settings, token_key())
    print(f"ready: {SLOTS_OF_DAY} slots of {DOCTOR} from {OPENING:%Y-%m-%dT%H:%MZ}, patient {USER}")


def hold(slots: MongoSlots, slot_id: str, key: str) -> str:
    """Let the demo patient hold the slot; the attempt."""
    attempt = attempt_id(USER, key, slot_id)
    slots.place_hold(slot_id, attempt_id=attempt, user_id=USER, channel=None, request_id=key)
    return attempt


def book(slots: MongoSlots, slot_id: str, key: str) -> None:
    """Let the demo patient have booked the slot, as if with the first code."""
    attempt = hold(slots, slot_id, key)
    slots.confirm(
        slot_id,
        attempt_id=attempt,
        user_id=USER,
        send_number=1,
        booking_id=booking_id(attempt),
        request_id=key,
    )


def slot(number: int) -> Slot:
    """The doctor's slot of that number, as first made."""
    start = OPENING + number * SLOT
    return Slot(
        id=slot_id(DOCTOR, start),
        doctor_id=DOCTOR,
        date=start.date().isoformat(),
        start_time=start,
        end_time=start + SLOT,
        status=SlotStatus.ACTIVE,
        version=1,
    )


def token(settings: Settings) -> None:
    """Print an access token as Cognito would issue it."""
    key, now = token_key(), int(time.time())
    claims = {
        "sub": USER,
        "iss": settings.jwt_issuer,
        "client_id": settings.jwt_audience,
        "token_use": "access",
        "cognito:groups": ["patient"],
        "iat": now,
        "exp": now + TOKEN_SECONDS,
    }
    print(jwt.encode(claims, key, algorithm="RS256", headers={"kid": public(key)["kid"]}))


def jobs(settings: Settings) -> None:
    """Take all messages off the queue, for good, and print them as one SQS event."""
    sqs = boto3.client("sqs")
    queue_url = settings.notification_queue_url
    messages: list[dict[str, Any]] = []  # Any: a message is free JSON
    # At most ten come at once.
    while received := sqs.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
    ).get("Messages"):
        for message in received:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        messages += received
    queue = queue_url.rpartition("/")[2]
    records = [
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{queue}",
            "awsRegion": "us-east-1",
        }
        for message in messages
    ]
    print(json.dumps({"Records": records}))


def token_key() -> rsa.RSAPrivateKey:
    """The key that tokens are signed with: made once, kept in the emulator's Secrets Manager."""
    new = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    key = serialization.load_pem_private_key(secret(TOKEN_KEY, new.decode()).encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def public(key: rsa.RSAPrivateKey) -> dict[str, Any]:  # Any: a JWK is free JSON
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**jwk, "kid": jwk["n"][:16], "alg": "RS256", "use": "sig"}


def publish(settings: Settings, key: rsa.RSAPrivateKey) -> None:
    """Put the public key where JWKS_URL says: http://emulator:4566/<bucket>/<name>.

    By HTTP alone: of boto3, the layer holds only the services that the functions use.
    """
    keys = json.dumps({"keys": [public(key)]}).encode()
    for url, body in ((settings.jwks_url.rpartition("/")[0], b""), (settings.jwks_url, keys)):
        put = Request(url, body, {"Content-Type": "application/json"}, method="PUT")  # noqa: S310  # ours
        urlopen(put, timeout=10).close()  # noqa: S310  # the same


def sender(address: str) -> None:
    """Let SES send from that address."""
    try:
        boto3.client("sesv2").create_email_identity(EmailIdentity=address)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AlreadyExistsException":
            raise


def secret(name: str, value: str) -> str:
    """The secret of that name; `value` where there is none yet."""
    manager = boto3.client("secretsmanager")
    try:
        manager.create_secret(Name=name, SecretString=value)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceExistsException":
            raise
    return str(manager.get_secret_value(SecretId=name)["SecretString"])


if __name__ == "__main__":
    given = json.loads(Path(__file__).with_name("env.json").read_text())["Parameters"]
    command = {"seed": seed, "token": token, "jobs": jobs}[(sys.argv[1:] or ["seed"])[0]]
    command(from_environment(given))
