"""What a user's code may do to the process around it, and what is undone after every call."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np


@contextlib.contextmanager
def as_before() -> Iterator[None]:
    """Let code of a user's run; what it does to the surroundings of our own ends with the block.

    The working folder, numpy's treatment of floating-point errors and the standard streams are
    then what they were: without that the next stage would fail in their place. Inside, os._exit
    raises SystemExit: nothing ends this process without a word.

    Raises
    ------
    ValueError
        If the block has closed a standard stream, which cannot be opened again.
    """
    here, streams, leave, process = _here(), (sys.stdout, sys.stderr), os._exit, os.getpid()

    def raising(status: int) -> NoReturn:
        # Not in a process that the code has started, nor in our thread that watches the engine.
        if os.getpid() != process or threading.current_thread() is not threading.main_thread():
            leave(status)
        raise SystemExit(status)

    os._exit = raising
    try:
        with np.errstate():
            yield
    finally:
        os._exit = leave
        sys.stdout, sys.stderr = streams
        if here is not None and _here() != here:
            with contextlib.suppress(OSError):
                os.chdir(here)
    if any(getattr(stream, "closed", False) for stream in streams):
        raise ValueError("a standard stream was closed")


def _here() -> Path | None:
    """Return the working folder, None if it is gone."""
    with contextlib.suppress(OSError):
        return Path.cwd()
    return None


def words_of(error: BaseException) -> str:
    """Return the type of an exception and what it says in one line, if saying it does not raise."""
    kind, said = type(error).__name__, ""
    with contextlib.suppress(Exception):
        said = " ".join(str(error).split())
    return f"{kind}: {said}" if said else kind
