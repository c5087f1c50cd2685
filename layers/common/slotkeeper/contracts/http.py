"""Bodies and parameters of the HTTP API: camelCase, strict types, nothing unknown let in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from slotkeeper.contracts.cursor import decode_cursor, encode_cursor
from slotkeeper.domain.attempt import CodeSent, HoldReceipt
from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.errors import InvalidRequest
from slotkeeper.domain.slot import Slot, SlotStatus
from slotkeeper.domain.user import Channel
from slotkeeper.ports import Position, SlotFilter
from slotkeeper.services.list_slots import SlotPage

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
MAX_PAGE = 10_000

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}\z")]
Code = Annotated[str, Field(pattern=r"^[0-9]{6}\z")]


def _utc_text(instant: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond (what MongoDB keeps)."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Instant = Annotated[datetime, PlainSerializer(_utc_text, return_type=str)]


class _Shape(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, from_attributes=True, extra="forbid"
    )

    def to_text(self) -> str:
        return self.model_dump_json(by_alias=True)


class _Request(BaseModel):
    """What clients send: names as in the contract, types as they are in JSON."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=False, extra="forbid", strict=True
    )


Request = TypeVar("Request", bound=_Request)


def read(model: type[Request], value: Any) -> Request:
    """The request that `value` (parsed JSON, or parameters) is.

    Raises:
        InvalidRequest: with one error for each field that is wrong; never echoes the value.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidRequest(
            [
                (".".join(str(part) for part in problem["loc"]), problem["msg"])
                for problem in error.errors(include_url=False, include_input=False)
            ]
        ) from error


# --- bookings -------------------------------------------------------------------------------------


def _channel(value: Any) -> Any:
    return Channel(value) if isinstance(value, str) and value in list(Channel) else value


class HoldSlotRequest(_Request):
    slot_id: Id
    channel: Annotated[Channel | None, BeforeValidator(_channel)] = None


class CodeSentResponse(_Shape):
    channel: Channel
    destination: str
    expires_at: Instant
    resend_at: Instant


class HoldSlotResponse(_Shape):
    attempt_id: str
    slot_id: str
    expires_at: Instant
    server_time: Instant
    otp: CodeSentResponse

    @classmethod
    def text_of(cls, receipt: HoldReceipt) -> str:
        return cls.model_validate(receipt).to_text()

    @classmethod
    def expires_header(cls, text: str) -> str:
        """The `Expires` header (RFC 9110) of an answer, from its text."""
        return format_datetime(cls.model_validate_json(text).expires_at, usegmt=True)


class ResendOtpResponse(_Shape):
    otp: CodeSentResponse

    @classmethod
    def text_of(cls, sent: CodeSent) -> str:
        return cls(otp=CodeSentResponse.model_validate(sent)).to_text()


class VerifyOtpRequest(_Request):
    code: Code


class IdPath(_Request):
    """`{id}`: API Gateway allows one name for a variable at a place in the path."""

    id: Id


class BookingResponse(_Shape):
    id: str
    slot_id: str
    doctor_id: str
    user_id: str
    date: str
    start_time: Instant
    end_time: Instant
    status: BookingStatus
    version: int
    created_at: Instant
    updated_at: Instant

    @classmethod
    def with_etag(cls, booking: Booking) -> tuple[str, dict[str, str]]:
        """The body, and the headers that name its version."""
        fields = {name: getattr(booking, name) for name in cls.model_fields}
        return cls.model_validate(fields).to_text(), {"ETag": f'"{booking.version}"'}


# --- slots ----------------------------------------------------------------------------------------


def _whole_number(value: Any) -> Any:
    # int() would take "1_000", " 5 " and digits of other scripts.
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    return value


def _calendar_date(value: str) -> str:
    # fromisoformat() would take week dates and dates without hyphens.
    try:
        if date.fromisoformat(value).isoformat() == value:
            return value
    except ValueError:
        pass
    raise ValueError("not a date like 2026-01-31")


_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_NO_TIME = "not a time with its offset, like 2026-01-31T09:00:00Z"


def _instant(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not _RFC_3339.fullmatch(value):
        raise ValueError(_NO_TIME)
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(_NO_TIME) from None


Limit = Annotated[int, BeforeValidator(_whole_number), Field(ge=1, le=MAX_LIMIT)]
Page = Annotated[int, BeforeValidator(_whole_number), Field(ge=1, le=MAX_PAGE)]
CalendarDate = Annotated[str, AfterValidator(_calendar_date)]
InstantText = Annotated[datetime, BeforeValidator(_instant)]


class ListSlotsQuery(_Request):
    date: CalendarDate | None = None
    from_: Annotated[InstantText | None, Field(alias="from")] = None
    to: InstantText | None = None
    page: Page = 1
    limit: Limit = DEFAULT_LIMIT
    cursor: Annotated[str | None, Field(max_length=512)] = None

    def wanted(self, doctor_id: str) -> SlotFilter:
        return SlotFilter(doctor_id=doctor_id, date=self.date, start=self.from_, end=self.to)

    def after(self, wanted: SlotFilter) -> Position | None:
        """Where the page begins. Raises InvalidRequest for a cursor of another list."""
        return decode_cursor(self.cursor, repr(wanted)) if self.cursor else None


class SlotResponse(_Shape):
    id: str
    doctor_id: str
    date: str
    start_time: Instant
    end_time: Instant
    status: SlotStatus

    @classmethod
    def of_free(cls, slot: Slot) -> SlotResponse:
        """A slot as listed among the free ones: a hold that is over no longer counts."""
        return cls(
            id=slot.id,
            doctor_id=slot.doctor_id,
            date=slot.date,
            start_time=slot.start_time,
            end_time=slot.end_time,
            status=SlotStatus.ACTIVE,
        )


class PageInfo(_Shape):
    page: int
    limit: int
    total_pages: int
    total_items: int
    next_cursor: str | None


class SlotPageResponse(_Shape):
    items: list[SlotResponse]
    page_info: PageInfo

    @classmethod
    def text_of(cls, page: SlotPage, query: ListSlotsQuery, wanted: SlotFilter) -> str:
        return cls(
            items=[SlotResponse.of_free(slot) for slot in page.items],
            page_info=PageInfo(
                page=query.page,
                limit=query.limit,
                total_pages=-(-page.total // query.limit),
                total_items=page.total,
                next_cursor=encode_cursor(page.next, repr(wanted)) if page.next else None,
            ),
        ).to_text()


# --- errors, health -------------------------------------------------------------------------------


class HealthResponse(_Shape):
    status: Literal["ok", "unavailable"]
    dependencies: dict[str, Literal["ok", "unavailable"]]

    @classmethod
    def text_of(cls, states: Mapping[str, bool]) -> str:
        return cls(
            status="ok" if all(states.values()) else "unavailable",
            dependencies={name: "ok" if up else "unavailable" for name, up in states.items()},
        ).to_text()


# Python 3.13 renamed these two phrases; a problem's title does not change with the runtime.
_TITLES = {413: "Payload Too Large", 422: "Unprocessable Entity"}


def problem(
    *, status: HTTPStatus, code: str, detail: str, request_id: str, more: Mapping[str, Any]
) -> dict[str, Any]:
    """A problem document (RFC 9457); `code` is what clients go by."""
    return {
        "type": f"urn:slotkeeper:problem:{code}",
        "title": _TITLES.get(status, status.phrase),
        "status": status.value,
        "code": code,
        "detail": detail,
        "requestId": request_id,
        **more,
    }
