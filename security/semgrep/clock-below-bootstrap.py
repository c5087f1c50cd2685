import time
import uuid
from datetime import UTC, datetime


def planted():
    # ruleid: clock-below-bootstrap
    datetime.now(UTC)
    # ruleid: clock-below-bootstrap
    uuid.uuid4()
    # ruleid: clock-below-bootstrap
    time.time()


def sound(clock):
    # ok: clock-below-bootstrap
    return clock()
