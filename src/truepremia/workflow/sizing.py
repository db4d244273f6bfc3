"""Whether a run can be at all: what its largest job and its files need, before anything starts."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from truepremia.errors import ConfigError
from truepremia.panel import Size
from truepremia.workflow.config import RunConfig
from truepremia.workflow.stages import ENGINE_MB, STAGES, Need

OF_A_PANEL = ("simulate_panel", "compute_moments", "build_factors", "portfolio_stats")
BYTES_PER_DATE = 200
"""Memory for a date of the economy's own path, burn-in included: some twenty series."""
BYTES_PER_FIRM_MONTH = 90
"""Disk for a firm and month in the tables of a panel: 97 to 197 measured, by economy."""
LARGEST_MACHINE_MB, LONGEST_MINUTES = 24_000_000, 10 * 365 * 24 * 60


@dataclass(frozen=True)
class Estimate:
    """What a run needs.

    Parameters
    ----------
    megabytes : float
        Memory of the largest job.
    minutes : float
        Run time of the longest job.
    disk : float
        Bytes of the files of one panel.
    """

    megabytes: float
    minutes: float
    disk: float


def estimate(config: RunConfig) -> Estimate:
    """Return what a run of the simulated track needs."""
    size, models = config.size, [*config.panels]
    needs = [STAGES[r].need_of(config, {"model": m}) for r in OF_A_PANEL for m in models]
    return Estimate(
        max((_megabytes(need, size) for need in needs), default=0),
        max((need.minutes(size) for need in needs), default=0),
        BYTES_PER_FIRM_MONTH * size.firms * size.months * bool(models),
    )


def _megabytes(need: Need, size: Size) -> float:
    """Return the memory of a job without the engine around it."""
    return need.memory(size, 1) - ENGINE_MB + BYTES_PER_DATE * (size.burnin + size.months) / 1e6


def require_possible(config: RunConfig, folder: Path) -> None:
    """Refuse sizes that no machine, or the disk behind ``folder``, can hold.

    Raises
    ------
    ConfigError
        With the estimate and the remedy.
    """
    _refuse(config.size, _impossible(estimate(config), LARGEST_MACHINE_MB, _disk(folder)))


def require_memory(config: RunConfig) -> None:
    """Refuse sizes whose largest job this machine's memory cannot hold, for jobs that run here.

    Raises
    ------
    ConfigError
        With the estimate and the remedy.
    """
    _refuse(config.size, _impossible(estimate(config), _memory_here(), float("inf")))


def require_memory_for_panel(size: Size) -> None:
    """Refuse a panel that this machine's memory cannot hold as a whole.

    Raises
    ------
    ConfigError
        With the estimate and the remedy.
    """
    need = STAGES["simulate_panel"].need
    held = BYTES_PER_FIRM_MONTH * size.firms * size.months / 1e6  # as much as on disk
    needed = Estimate(_megabytes(need, size) + held, need.minutes(size), 0.0)
    _refuse(size, _impossible(needed, _memory_here(), float("inf")))


def _memory_here() -> float:
    """Return the megabytes of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6


def _refuse(size: Size, impossible: Iterable[str]) -> None:
    reasons = "; ".join(impossible)
    if reasons:
        raise ConfigError(
            f"firms is {size.firms:,}, months is {size.months:,}, burnin is {size.burnin:,}: "
            f"{reasons}; lower firms, months or burnin"
        )


def _impossible(needed: Estimate, memory: float, disk: float) -> Iterator[str]:
    if needed.megabytes > memory:
        yield (
            f"a job needs about {_size(1e6 * needed.megabytes)} of memory, more than the "
            f"{_size(1e6 * memory)} of {'the largest' if memory >= 1e7 else 'this'} machine"
        )
    if needed.minutes > LONGEST_MINUTES:
        yield f"a job takes about {needed.minutes / 525_600:,.0f} years, more than 10"
    if needed.disk > disk:
        yield (
            f"the files of a panel need about {_size(needed.disk)}, more than the {_size(disk)} "
            "of the disk"
        )


def _size(number: float) -> str:
    """Return a number of bytes in the unit that one reads it in."""
    if number < 1e9:
        return f"{number / 1e6:,.0f} MB"
    return f"{number / 1e9:,.{int(number < 1e10)}f} GB"


def _disk(folder: Path) -> float:
    """Return the bytes of the file system that ``folder`` is, or will be, on."""
    folder = folder.absolute()
    nearest = next(p for p in (folder, *folder.parents) if os.access(p, os.F_OK))
    found = os.statvfs(nearest)
    return found.f_blocks * found.f_frsize or float("inf")
