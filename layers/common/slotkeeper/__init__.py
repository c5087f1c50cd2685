"""Slotkeeper's shared layer: what every function needs and none owns.

Rooms, inner to outer: `domain` (rules), `ports` (what the rules need), `services` (one use case a
file), `contracts` (shapes on the wire), `adapters` (MongoDB, Redis, AWS), `entrypoints` (what
calls us), `bootstrap` (puts it together).
"""

from slotkeeper import startup

startup.begin()
