"""The hold that one run has on the results folder it writes into."""

import fcntl
import os
from pathlib import Path

from truepremia.errors import DataError
from truepremia.outside import circumstance

_HELD: set[Path] = set()
"""Folders that this process holds, by descriptors that stay open until it ends."""


def hold(folder: Path) -> None:
    """Keep other runs out of a results folder until this process ends, in whatever way.

    Snakemake's lock is on the folder in which an engine works, and two of them may have one results
    folder. Ours is on that folder itself, so it leaves no file behind; a file server that has no
    such locks goes without.

    Parameters
    ----------
    folder : path
        Made if it is missing.

    Raises
    ------
    DataError
        If another run holds it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        place = folder.resolve()
        if place in _HELD:
            return
        handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise DataError(f"cannot write {folder}: {circumstance(error, folder) or error}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _HELD.add(place)
    except BlockingIOError:
        os.close(handle)
        raise DataError(
            f"another run writes into {folder}: wait for its end, or choose another results_dir"
        ) from None
    except OSError:
        os.close(handle)
