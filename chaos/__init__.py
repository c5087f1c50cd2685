"""Faults under load: what clients were told is compared with what is true afterwards.

For this machine only: it starts a local system of its own, and kills nothing but that.
"""
