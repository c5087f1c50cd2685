"""Who may see and change what: the one place that decides it.

A patient has their own attempts and bookings, staff their clinic's doctors, slots and bookings,
admins everything; which role calls is the token's word, which clinic the users' collection's. What
is not the caller's is refused as what is not there: NotFound, the same to the last byte.

That a role may call a route at all is declared there (`App.operation`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from slotkeeper.domain.attempt import Attempt, is_attempt_of
from slotkeeper.domain.errors import Forbidden, InvalidRequest, NotFound
from slotkeeper.domain.user import Caller, Role
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.booking import Booking
    from slotkeeper.domain.doctor import Doctor
    from slotkeeper.ports.bookings import BookingFilter, Ledger
    from slotkeeper.ports.clinic import Catalogue, DoctorStore
    from slotkeeper.ports.people import UserStore


class Sight(Value, kw_only=True):
    """Whose things somebody sees: all, a user's, or a clinic's; none where none is named."""

    is_all: bool = False
    user_id: str | None = None
    clinic_id: str | None = None


def sight_of(caller: Caller, users: UserStore) -> Sight:
    """Whose bookings, and as whose staff, the caller may see and change."""
    match caller.role:
        case Role.ADMIN:
            return Sight(is_all=True)
        case Role.STAFF:
            return Sight(clinic_id=users.get(caller.user_id).clinic_id)
        case Role.PATIENT:
            return Sight(user_id=caller.user_id)


def _refuse_unless(is_theirs: bool) -> None:
    """Every refusal of somebody else's thing."""
    if not is_theirs:
        raise NotFound


# --- bookings and attempts ------------------------------------------------------------------------


def booking_for(
    caller: Caller, booking_id: str, *, ledger: Ledger, doctors: DoctorStore, users: UserStore
) -> Booking:
    """The booking, if it is the caller's own or of the clinic they work for.

    Raises:
        NotFound: absent, or not the caller's.
    """
    booking = ledger.booking(booking_id)
    if booking is None:
        raise NotFound
    sight = sight_of(caller, users)
    is_theirs = sight.is_all or booking.user_id == sight.user_id
    if not is_theirs and sight.clinic_id is not None:
        is_theirs = doctors.clinic_of(booking.doctor_id) == sight.clinic_id
    _refuse_unless(is_theirs)
    return booking


def bookings_for(
    caller: Caller, wanted: BookingFilter, *, catalogue: Catalogue, users: UserStore
) -> BookingFilter | None:
    """Of the bookings that are wanted, those that the caller may see; None where they are none."""
    sight = sight_of(caller, users)
    if sight.is_all:
        return wanted
    if sight.user_id is not None:
        return replace(wanted, user_id=sight.user_id)
    doctor_ids = catalogue.ids_of(sight.clinic_id) if sight.clinic_id else ()
    return replace(wanted, doctor_ids=tuple(doctor_ids)) if doctor_ids else None


def own_booking(booking: Booking | None, user_id: str) -> Booking:
    """The booking, if it is the patient's. Raises NotFound."""
    if booking is None:
        raise NotFound
    _refuse_unless(booking.user_id == user_id)
    return booking


def ensure_own(attempt: Attempt) -> None:
    """Raises NotFound where the attempt is another patient's, or nobody's; its id alone tells."""
    _refuse_unless(is_attempt_of(attempt.id, attempt.user_id))


# --- doctors and their slots ----------------------------------------------------------------------


def ensure_manages(
    caller: Caller, doctor_id: str, *, doctors: DoctorStore, users: UserStore
) -> None:
    """Raises NotFound where the doctor is of another clinic than the caller, or of none.

    Of an admin nothing is asked: whether there is such a doctor shows in what they do next.
    """
    sight = sight_of(caller, users)
    _refuse_unless(
        sight.is_all
        or (sight.clinic_id is not None and doctors.clinic_of(doctor_id) == sight.clinic_id)
    )


def ensure_is_shown(
    caller: Caller, doctor_id: str, *, doctors: DoctorStore, users: UserStore
) -> None:
    """Raises NotFound where staff look at another clinic's doctor; the catalogue is patients'."""
    if caller.role is Role.STAFF:
        ensure_manages(caller, doctor_id, doctors=doctors, users=users)


def clinic_shown_to(caller: Caller, users: UserStore) -> str | None:
    """The clinic whose doctors the caller is shown; None for all, "" for none."""
    if caller.role is not Role.STAFF:
        return None
    sight = sight_of(caller, users)
    return None if sight.is_all else sight.clinic_id or ""


def ensure_of_clinic(doctor: Doctor, clinic_id: str | None) -> None:
    """Raises NotFound where the doctor is not of that clinic (`clinic_shown_to`)."""
    _refuse_unless(clinic_id in {None, doctor.clinic_id})


def clinic_to_add_to(caller: Caller, wanted: str | None, users: UserStore) -> str:
    """The clinic that the caller's new doctor is of.

    Raises:
        InvalidRequest: an admin names no clinic.
        Forbidden: somebody else's clinic, or staff of none.
    """
    if caller.role is Role.ADMIN:
        if wanted is None:
            raise InvalidRequest([("clinicId", "which clinic's doctor is it?")])
        return wanted
    own = sight_of(caller, users).clinic_id
    if own is None or wanted not in {None, own}:
        raise Forbidden
    return own
