"""What a job of the workflow needs: memory and time, as functions of size and economy.

The numbers are measured by ``benchmarks/stages.py`` at 1,000, 10,000 and 100,000 firms, rounded
up. A job's files are read and written month by month, so that its memory grows with the firms
of one month and not with the number of months.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from truepremia.panel import Size

ENGINE_MB = 550
"""What stands around a job on a cluster: two processes of Snakemake and a warm Python."""

SAFETY = 3.0
"""Times are those of a quiet core; a busy node or a slow file system takes longer."""


@dataclass(frozen=True)
class Need:
    """Memory and time of one stage.

    Parameters
    ----------
    megabytes : float
        Memory at any size: Python, its libraries, 65,536 rows of a table.
    bytes_per_firm : float
        Memory that grows with the firms, for each thread.
    seconds : float
        CPU time at any size.
    microseconds : float
        CPU time for each firm and month.
    """

    megabytes: float
    bytes_per_firm: float
    seconds: float
    microseconds: float


NEEDS: Mapping[str, Need] = {
    "solve_economy": Need(100, 0, 1, 0),
    "simulate_panel": Need(150, 1_000, 1, 3.0),
    "compute_moments": Need(180, 6_500, 1, 7.0),
    "build_factors": Need(180, 500, 1, 1.0),
    "extract_model_premia": Need(180, 500, 1, 1.0),
    "portfolio_stats": Need(190, 2_000, 2, 2.5),
    "bundle_panel": Need(180, 0, 3, 0.1),
}
"""The most that any economy needs, but for these:"""

OTHER_NEEDS: Mapping[tuple[str, str], Need] = {
    ("solve_economy", "gs21"): Need(350, 0, 60, 0),
    ("simulate_panel", "gs21"): Need(200, 11_000, 1, 3.0),
}

MANY_FIRMS = 20_000
"""Panels from this size on compute the moments of several months at a time."""

MONTHS_AT_A_TIME = 4


def threads(rule: str, size: Size) -> int:
    """Return the threads a job is worth; fewer cores take fewer, with the same results."""
    return MONTHS_AT_A_TIME if rule == "compute_moments" and size.firms >= MANY_FIRMS else 1


def megabytes(rule: str, size: Size) -> Callable[[Any, int, int], int]:
    """Return the function from wildcards, attempt and threads to the memory of a job.

    Parameters
    ----------
    rule : str
        Name of the rule.
    size : Size
        Size of the panels.
    """

    def memory(wildcards: Any, attempt: int, threads: int) -> int:
        need = _need(rule, wildcards.model)
        own = need.megabytes + need.bytes_per_firm * size.firms * threads / 1e6
        return attempt * ceil((ENGINE_MB + own) / 50) * 50

    return memory


def minutes(rule: str, size: Size) -> Callable[[Any, int], int]:
    """Return the function from wildcards and attempt to the run time of a job."""

    def runtime(wildcards: Any, attempt: int) -> int:
        need = _need(rule, wildcards.model)
        firm_months = size.firms * (size.burnin + size.months)
        seconds = need.seconds + need.microseconds * firm_months / 1e6
        return attempt * (2 + ceil(SAFETY * seconds / 60))

    return runtime


def _need(rule: str, model: str) -> Need:
    return OTHER_NEEDS.get((rule, model), NEEDS[rule])
