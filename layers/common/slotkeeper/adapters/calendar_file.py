"""Calendar files (RFC 5545). The library takes long to import: only who makes one imports this."""

from __future__ import annotations

from datetime import UTC

from icalendar import Calendar, Event

from slotkeeper.domain.booking import Booking, BookingStatus

_PRODUCT = "-//Slotkeeper//Slotkeeper//EN"
_GONE = {BookingStatus.CANCELLED, BookingStatus.RESCHEDULED}


class IcalendarFiles:
    """`Calendars` by the library icalendar."""

    def file_of(self, booking: Booking, *, doctor_name: str | None) -> str:
        is_gone = booking.status in _GONE
        file = Calendar()
        file.add("PRODID", _PRODUCT)
        file.add("VERSION", "2.0")
        file.add("METHOD", "CANCEL" if is_gone else "PUBLISH")
        event = Event()
        event.add("UID", f"{booking.id}@slotkeeper")
        # Grows with every change, so that a calendar knows which of two files is the newer.
        event.add("SEQUENCE", booking.version - 1)
        for name, instant in (
            ("DTSTAMP", booking.updated_at),
            ("CREATED", booking.created_at),
            ("LAST-MODIFIED", booking.updated_at),
            ("DTSTART", booking.start_time),
            ("DTEND", booking.end_time),
        ):
            # Of an offset it does not know (MongoDB's driver has its own) the library says nothing.
            event.add(name, instant.astimezone(UTC))
        # Others may see a calendar: not a word of what the doctor treats.
        event.add("SUMMARY", f"Appointment with {doctor_name}" if doctor_name else "Appointment")
        event.add("STATUS", "CANCELLED" if is_gone else "CONFIRMED")
        file.add_component(event)
        return str(file.to_ical().decode())
