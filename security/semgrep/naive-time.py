from datetime import UTC, date, datetime


def planted(stamp):
    # ruleid: naive-time
    datetime.now()
    # ruleid: naive-time
    datetime.utcnow()
    # ruleid: naive-time
    date.today()
    # ruleid: naive-time
    datetime.fromtimestamp(stamp)


def sound(stamp):
    # ok: naive-time
    datetime.now(UTC)
    # ok: naive-time
    datetime.fromtimestamp(stamp, tz=UTC)
