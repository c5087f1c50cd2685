"""The rules of booking: plain data and functions, no I/O, no clock, no randomness."""
