import random
import secrets
import uuid


def planted():
    # ruleid: predictable-random
    code = random.randint(0, 999999)
    # ruleid: predictable-random
    letters = random.choices("abc", k=8)
    # ruleid: predictable-random
    return code, letters, uuid.uuid1()


def sound():
    # ok: predictable-random
    code = secrets.randbelow(1_000_000)
    # ok: predictable-random
    return code, random.SystemRandom().random(), uuid.uuid4()
