import sys


def planted(booking):
    # ruleid: print-in-function
    print(booking)
    # ruleid: print-in-function
    sys.stdout.write(str(booking))


def sound(logger, booking):
    # ok: print-in-function
    logger.info("booking.confirmed", bookingId=booking.id)
