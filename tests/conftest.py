"""What every test may count on."""

from __future__ import annotations

import signal

# A shell starts what runs in its background with interrupts ignored, and children inherit that: the tests of
# Ctrl-C would then wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
