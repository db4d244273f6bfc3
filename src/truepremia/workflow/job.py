"""The frame around every script of the workflow: its settings, its log, its errors."""

import contextlib
import json
import logging
import resource
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from time import monotonic, time
from typing import Any, NoReturn, TypeVar

from truepremia.errors import DataError, TruepremiaError, error_line
from truepremia.files.formats import REMEDY
from truepremia.files.records import RECORDS, require_as_made, write_record
from truepremia.outside import circumstance, is_file
from truepremia.workflow.signals import end_with_engine

Item = TypeVar("Item")

SECONDS_BETWEEN_MESSAGES = 2.0

SECONDS_OF_SKEW = 2.0
"""How far ahead another machine's clock may be."""

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
    log = Path(job.log[0])
    results, inputs = log.parents[2], _files(getattr(job, "input", ()))
    started = monotonic()
    end_with_engine()
    try:
        _log_to(log, name)
        if "packages" in settings:
            # Only then: no other job loads the registry for it.
            from truepremia.economies.own import use_own

            use_own(settings["packages"])
        _require_past(inputs, log)
        yield settings
        require_as_made(results, inputs)
        _write_usage(log, monotonic() - started)
        write_record(results, log.parent.name, log.stem, _files(job.output))
    except KeyboardInterrupt:
        logger.info("interrupted")
        sys.exit(128 + signal.SIGINT)
    except TruepremiaError as error:
        _end(error if REMEDY in str(error) else _changed_input(inputs, results) or error)
    except Exception as error:
        reason = circumstance(error)
        if reason is None:
            cause = _changed_input(inputs, results)
            if cause is not None:
                _end(cause)
            logger.exception("unexpected failure")
            raise
        _end(DataError(f"{job.rule}: {_place(error)}{reason}{_size(error, settings, job)}"))
    finally:
        for handler in logger.handlers:
            handler.close()


def _require_past(files: Iterable[Path], log: Path) -> None:
    """Refuse files from the future: the engine takes what is made of them for older.

    The log was made a moment ago, by the clock of a file server if it lies on one.
    """
    now = max(time(), log.stat().st_mtime)
    for file in files:
        ahead = file.stat().st_mtime - now if is_file(file) else 0.0
        if ahead > SECONDS_OF_SKEW:
            raise DataError(
                f"{file} is from the future, by {ahead:.0f} s: a clock was ahead; run 'touch "
                f"{file}' and the same command again"
            )


def _changed_input(inputs: Iterable[Path], results: Path) -> TruepremiaError | None:
    """Return what explains a failure: an input that is not what its job made, if there is one."""
    try:
        require_as_made(results, inputs)
    except TruepremiaError as cause:
        return cause
    return None


def _end(error: TruepremiaError) -> NoReturn:
    logger.error("%s", error)
    print(error_line(error), file=sys.stderr)  # noqa: T201
    sys.exit(1)


def _place(error: Exception) -> str:
    return f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""


def _size(error: Exception, settings: Mapping[str, Any], job: Any) -> str:
    """Return what a job that lacks memory was to do, and what was thought to be enough for it."""
    if not isinstance(error, MemoryError):
        return ""
    said = [f"{key} is {settings[key]:,}" for key in ("firms", "months") if key in settings]
    with contextlib.suppress(AttributeError, KeyError, TypeError):
        said.append(f"the estimate is {job.resources.mem_mb:,} MB")
    return f"; {', '.join(said)}; lower firms or months, or give more memory" if said else ""


class _LogFile(logging.FileHandler):
    """A log whose full disk ends the job like that of any other file, without a traceback."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        error = sys.exc_info()[1]
        reason = circumstance(error, self.baseFilename) if error else None
        logger.removeHandler(self)
        if reason is not None and record.levelno < logging.ERROR:
            raise DataError(f"cannot write {self.baseFilename}: {reason}") from None


def _log_to(file: Path, name: str) -> None:
    """Send messages to the log file, and those that are no errors to the terminal."""
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(logging.Formatter(f"[{name}] %(message)s"))
    terminal.addFilter(lambda record: record.levelno < logging.ERROR)
    logger.setLevel(logging.INFO)
    logger.handlers = [terminal]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        log_file = _LogFile(file, mode="w")
    except OSError as error:
        raise DataError(f"cannot write {file}: {circumstance(error, file) or error}") from None
    log_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.handlers.insert(0, log_file)


def _write_usage(log: Path, seconds: float) -> None:
    """Write wall time, CPU time of this process from its start on, and its peak memory."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    rule = log.parent.name
    file = log.parents[2] / RECORDS / rule / f"{log.stem}.tsv"
    numbers = (seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
    values = "\t".join(f"{value:.4f}" for value in numbers)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"s\tcpu_time\tmax_rss\n{values}\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot write {file}: {circumstance(error, file) or error}") from None


def _files(listed: Any) -> list[Path]:
    """Return the files among a job's inputs or outputs, some of which are lists."""
    items = listed.values() if isinstance(listed, Mapping) else listed
    return [
        Path(str(file)) for item in items for file in (item if isinstance(item, list) else [item])
    ]


_IDENTITY = ("store", "panel", "model", "index", "method", "loading", "block")


def with_progress(items: Iterable[Item], total: int, unit: str = "month") -> Iterator[Item]:
    """Yield ``items`` and log how many of ``total`` are done, every few seconds."""
    last = monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if monotonic() - last > SECONDS_BETWEEN_MESSAGES:
            logger.info("%s %d of %d", unit, done, total)
            last = monotonic()
