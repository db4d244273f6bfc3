"""How a run ends early: signals to the engine, and jobs whose engine is gone.

Ctrl-C, a hang-up of the terminal, SIGQUIT and SIGTERM end the engine by its own ways, so that it
waits for its jobs and unlocks the folder. A job that sees its engine gone, killed without a word,
ends too: what it was writing would be made again by the next run.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

ENGINE = "TRUEPREMIA_ENGINE"
"""Environment variable with the process id of the engine that started a job."""

SECONDS_BETWEEN_LOOKS = 1.0
AS_SIGTERM = ("SIGHUP", "SIGQUIT")
"""Signals that end a run as SIGTERM does: the jobs that run are finished first."""


def engine_ends_well() -> None:
    """Let signals end this engine, the main process of a run, without a traceback or a lock.

    Called when the workflow is read, and again when its scheduler is there.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # Python takes handlers from the main thread only
    scheduler = signal.getsignal(signal.SIGTERM)
    end: Callable[[int, FrameType | None], Any] = _interrupt
    if callable(scheduler) and scheduler is not _interrupt:
        end = partial(_aside, scheduler)
    elif signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt)
    for name in ("SIGTERM", *AS_SIGTERM):
        number = getattr(signal, name)
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, end)


def wake_for_jobs_only(workflow: Any) -> None:
    """Lift the engine's limit of jobs a second where they run here; it is meant for submissions.

    Under that limit every pass of the scheduler sets an alarm for a second later, and so does the
    pass that the alarm starts: after hundreds of jobs the engine would work for nothing else.
    """
    if not workflow.non_local_exec:
        workflow.scheduler.job_rate_limiter = None


def _aside(handler: Callable[..., Any], number: int, _frame: FrameType | None) -> None:
    """Call Snakemake's handler in a thread: it takes a lock that the main thread may hold."""
    threading.Thread(target=handler, args=(number, None)).start()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End as at Ctrl-C; a second one changes nothing, a third ends at once."""
    signal.signal(signal.SIGINT, _once_more)
    raise KeyboardInterrupt


def _once_more(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with contextlib.suppress(OSError):
        sys.stderr.write(
            "truepremia: the run is ending already and waits for its jobs; another Ctrl-C ends it "
            "at once and leaves the folder locked\n"
        )


def hand_on(send: Callable[[int], None]) -> None:
    """Give the signals that end a run to its engine, which ends this process by its own end."""
    for name in ("SIGTERM", *AS_SIGTERM):
        number = getattr(signal, name)
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: send(signal.SIGTERM))


def announce_engine() -> None:
    """Tell the jobs that this process starts who their engine is."""
    os.environ[ENGINE] = str(os.getpid())


def end_with_engine() -> None:
    """End this job soon after its engine, even if that was killed; Linux only."""
    engine = os.environ.get(ENGINE, "")
    if engine.isdigit() and int(engine) in _ancestors():
        threading.Thread(target=_watch, args=(int(engine),), daemon=True).start()


def _watch(engine: int) -> None:
    while _parent(engine) is not None:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)


def _ancestors() -> Iterator[int]:
    """Yield the processes above this one: in another container, the engine is none of them."""
    process: int | None = os.getppid()
    while process and process > 1:
        yield process
        process = _parent(process)


def _parent(process: int) -> int | None:
    """Return the parent of a process; None where there is none at work."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, parent, *_ = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(parent)


def end_with_parent() -> None:
    """Ask Linux to interrupt this process when its parent is gone; for a started process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG


def open_closed_streams() -> None:
    """Give a process whose standard streams were closed at its start such as lead nowhere.

    Python has None in the place of a closed stream, and the next file would take its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123
