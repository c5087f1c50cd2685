"""Everything a caller can be refused for: one tree, each leaf with the contract's stable `code`.

AppointmentError
  InvalidRequest  PayloadTooLarge  UnsupportedMediaType      what was sent cannot be read
  Unauthenticated  Forbidden  NotFound                       who sent it may not
  SlotHeld  SlotUnavailable  SlotInPast  TooManyHolds        the slot is not to be had
  HoldExpired  OtpInvalid  OtpLocked  RateLimited            the attempt cannot go on (yet)
  PaymentDeclined                                            nor without another way to pay
  BookingNotConfirmed  TooLate                               the booking cannot be changed (so)
  AppointmentsAhead                                          nobody is forgotten who is expected
  VersionConflict  PreconditionFailed                        it was changed by somebody else
  RequestInProgress  IdempotencyKeyReused                    the request was sent before
  Unavailable                                                a dependency is down, nothing half done

The HTTP status of each is in `entrypoints/operation.py`. What is wrong inside (`Corrupted`,
`BrokenInvariant`) is none of these: a caller learns no more of it than that it is our fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class AppointmentError(Exception):
    """A refusal with a stable `code`; `detail` is fit for the caller's eyes."""

    code: ClassVar[str] = "internal_error"
    detail = "The request could not be carried out."
    retry_after_seconds: int | None = None

    def __init__(self, detail: str | None = None, *, retry_after_seconds: int | None = None):
        super().__init__(detail or self.detail)
        if detail is not None:
            self.detail = detail
        if retry_after_seconds is not None:
            self.retry_after_seconds = max(1, retry_after_seconds)


class InvalidRequest(AppointmentError):
    """Malformed or of the wrong shape; `errors` are (field, message) pairs."""

    code = "invalid_request"
    detail = "The request is not valid."

    def __init__(self, errors: Sequence[tuple[str, str]], detail: str | None = None):
        super().__init__(detail)
        self.errors = tuple(errors)


class PayloadTooLarge(AppointmentError):
    code = "payload_too_large"
    detail = "The request body is too large."


class UnsupportedMediaType(AppointmentError):
    code = "unsupported_media_type"
    detail = "The request body must be application/json, not encoded."


class Unauthenticated(AppointmentError):
    code = "unauthenticated"
    detail = "A valid bearer token is required."


class Forbidden(AppointmentError):
    code = "forbidden"
    detail = "Your role does not allow this."


class NotFound(AppointmentError):
    """Absent, or somebody else's: never told apart."""

    code = "not_found"
    detail = "There is no such thing here."


class SlotHeld(AppointmentError):
    code = "slot_held"
    detail = "Another patient is holding this slot."


class SlotUnavailable(AppointmentError):
    code = "slot_unavailable"
    detail = "This slot is not free."


class SlotInPast(AppointmentError):
    code = "slot_in_past"
    detail = "This slot has already begun."


class TooManyHolds(AppointmentError):
    code = "too_many_holds"
    detail = "You are holding as many slots as you may at once."


class HoldExpired(AppointmentError):
    code = "hold_expired"
    detail = "This attempt no longer holds its slot."


class OtpInvalid(AppointmentError):
    """The code is not the one that was sent last; `attempts_remaining` tries are left."""

    code = "otp_invalid"
    detail = "That is not the code we sent."

    def __init__(self, attempts_remaining: int, detail: str | None = None):
        super().__init__(detail)
        self.attempts_remaining = attempts_remaining


class OtpLocked(AppointmentError):
    code = "otp_locked"
    detail = "Too many wrong codes."


class RateLimited(AppointmentError):
    code = "rate_limited"
    detail = "Too many requests."
    retry_after_seconds = 1


class PaymentDeclined(AppointmentError):
    """Nothing was taken; hold and code stay good, another payment method may do."""

    code = "payment_declined"
    detail = "The payment was declined."


class BookingNotConfirmed(AppointmentError):
    code = "booking_not_confirmed"
    detail = "Only a confirmed booking can be changed."


class AppointmentsAhead(AppointmentError):
    """Who has confirmed appointments to come cannot be forgotten: the clinic awaits them."""

    code = "appointments_ahead"
    detail = "You have confirmed appointments to come: cancel them first."


class TooLate(AppointmentError):
    code = "too_late"
    detail = "It is too late for that."


class VersionConflict(AppointmentError):
    """Somebody else changed it at the same time; read it and try again."""

    code = "version_conflict"
    detail = "It was changed at the same time."


class PreconditionFailed(AppointmentError):
    code = "precondition_failed"
    detail = "It is not the version that If-Match names."


class RequestInProgress(AppointmentError):
    code = "request_in_progress"
    detail = "The first request with this idempotency key is still being worked on."


class IdempotencyKeyReused(AppointmentError):
    code = "idempotency_key_reused"
    detail = "This idempotency key was used for a different request."


class Unavailable(AppointmentError):
    """A dependency did not answer; nothing was left half done."""

    code = "unavailable"
    detail = "The service is temporarily unavailable."
    retry_after_seconds = 5


class Corrupted(Exception):
    """A stored document cannot be read as what it should be: an inside matter, like a bug.

    It names the document and the field that is wrong and how, never what is in it.
    """

    def __init__(self, collection: str, id_: str, why: str):
        super().__init__(f"{collection}/{id_}: {why}")
        self.collection = collection
        self.id = id_
        self.why = why


class BrokenInvariant(Exception):
    """The database holds what the rules exclude: not the caller's doing, and no answer to one."""
