"""Where the workflow lies, and the hold that one run has on the folder it writes into."""

import fcntl
import os
from pathlib import Path

from truepremia.errors import DataError
from truepremia.outside import circumstance

PACKAGE = Path(__file__).resolve().parents[1]

FROM = "TRUEPREMIA_FROM"
"""Environment variable with the folder in which a command was given that works in another one;
empty where the results will not stay."""

INSTALLED = PACKAGE / "_workflow"
"""Where the wheel puts the Snakefile and all that belongs to it (pyproject.toml)."""


def workflow_folder() -> Path:
    """Return the folder of the Snakefile, with rules, scripts, config, profiles and envs.

    Returns
    -------
    Path
        ``truepremia/_workflow`` of an installed package, the root of a checkout else.
    """
    return INSTALLED if (INSTALLED / "Snakefile").is_file() else PACKAGE.parents[1]


ROOT = workflow_folder()

_HELD: dict[Path, int] = {}


def hold(folder: Path) -> None:
    """Keep other runs out of a results folder until this process ends, in whatever way.

    Snakemake's lock is on the folder in which an engine works, and two of them may have one results
    folder. Ours is on that folder itself, so it leaves no file behind; a file server that has no
    such locks goes without.

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
        _HELD[place] = handle
    except BlockingIOError:
        os.close(handle)
        raise DataError(
            f"another run writes into {folder}: wait for its end, or choose another results_dir"
        ) from None
    except OSError:
        os.close(handle)
