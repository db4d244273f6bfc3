"""How much of the processors other work takes while something is measured."""

import os
import resource
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
IDLE = (3, 4)
"""Columns of /proc/stat for a processor that has nothing to do, or waits for a disk."""


class Others:
    """The work of other processes from now on."""

    def __init__(self) -> None:
        self._busy, self._own, self._wall = _busy(), _own(), time.monotonic()

    def share(self) -> float | None:
        """Return other processes' share of all processors' time so far; None if not known."""
        busy = _busy()
        if busy is None or self._busy is None:
            return None
        others = busy - self._busy - (_own() - self._own)
        return max(others / ((time.monotonic() - self._wall) * (os.cpu_count() or 1)), 0.0)


def _busy() -> float | None:
    """Return the CPU seconds of everything since the machine started, the kernel's included."""
    try:
        first = Path("/proc/stat").read_text().splitlines()[0]
    except OSError:
        return None
    ticks = [int(number) for number in first.split()[1:9]]
    return sum(n for column, n in enumerate(ticks) if column not in IDLE) / TICK


def _own() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)
