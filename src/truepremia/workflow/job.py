"""The frame around every script of the workflow: its settings, its log, its errors."""

import contextlib
import json
import logging
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

    Messages go to the rule's log file and to the terminal. An error of ours ends the script
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
    try:
        yield settings
    except TruepremiaError as error:
        logger.error("%s", error)
        print(error_line(error), file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except Exception:
        logger.exception("unexpected failure")
        raise


_IDENTITY = ("store", "model", "index", "method", "loading", "block")


def with_progress(items: Iterable[Item], total: int, unit: str = "month") -> Iterator[Item]:
    """Yield ``items`` and log how many of ``total`` are done, every few seconds."""
    last = monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if monotonic() - last > SECONDS_BETWEEN_MESSAGES:
            logger.info("%s %d of %d", unit, done, total)
            last = monotonic()
