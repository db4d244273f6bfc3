"""The frame around every script of the workflow: its settings, its log, its errors."""

import contextlib
import json
import logging
import resource
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from truepremia.errors import TruepremiaError, error_line

Item = TypeVar("Item")

SECONDS_BETWEEN_MESSAGES = 2.0

logger = logging.getLogger("truepremia")


@contextlib.contextmanager
def running(job: Any) -> Iterator[dict[str, Any]]:
    """Run the body of a script and yield its settings.

    Messages go to the rule's log file and to the terminal; time and memory of a job that ends
    well go to ``benchmarks/{rule}/`` beside ``logs/{rule}/``. An error of ours ends the script
    with one line and exit status 1.

    Parameters
    ----------
    job : object
        The ``snakemake`` object that the workflow engine gives to a script.
    """
    settings: dict[str, Any] = json.loads(job.params.stage)
    name = " ".join([job.rule, *(str(settings[k]) for k in _IDENTITY if k in settings)])
    Path(job.log[0]).parent.mkdir(parents=True, exist_ok=True)
    log_file = logging.FileHandler(job.log[0], mode="w")
    log_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(logging.Formatter(f"[{name}] %(message)s"))
    terminal.addFilter(lambda record: record.levelno < logging.ERROR)
    logger.setLevel(logging.INFO)
    logger.handlers = [log_file, terminal]
    started = monotonic()
    try:
        if "packages" in settings:
            # Only then: no other job loads the registry for it.
            from truepremia.economies.own import use_own

            use_own(settings["packages"])
        yield settings
        _write_usage(Path(job.log[0]), monotonic() - started)
    except TruepremiaError as error:
        logger.error("%s", error)
        print(error_line(error), file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except Exception:
        logger.exception("unexpected failure")
        raise


def _write_usage(log: Path, seconds: float) -> None:
    """Write wall time, CPU time of this process from its start on, and its peak memory."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    rule = log.parent.name
    file = log.parents[2] / "benchmarks" / rule / f"{log.stem}.tsv"
    file.parent.mkdir(parents=True, exist_ok=True)
    numbers = (seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
    values = "\t".join(f"{value:.4f}" for value in numbers)
    file.write_text(f"s\tcpu_time\tmax_rss\n{values}\n", encoding="utf-8")


_IDENTITY = ("store", "panel", "model", "index", "method", "loading", "block")


def with_progress(items: Iterable[Item], total: int, unit: str = "month") -> Iterator[Item]:
    """Yield ``items`` and log how many of ``total`` are done, every few seconds."""
    last = monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if monotonic() - last > SECONDS_BETWEEN_MESSAGES:
            logger.info("%s %d of %d", unit, done, total)
            last = monotonic()
