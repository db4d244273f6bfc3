"""What a computer sets around a command, put right before a library or the engine is started."""

import os
import pwd
import sys
import tempfile
from collections.abc import MutableMapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from truepremia.outside import exists
from truepremia.workflow.place import PACKAGE

COMMON = {"test", "tests", "docs", "examples", "scripts", "benchmarks"}
"""Folders that some libraries install by mistake, and that any project may have."""


def put_right(environment: MutableMapping[str, str], search: list[str]) -> list[str]:
    """Leave out foreign libraries and give the engine a cache that it can write.

    Module systems of clusters put folders on PYTHONPATH whose numpy is for another Python; these
    would come before the libraries of our own environment. The engine ends with a traceback where
    its cache cannot be made.

    Parameters
    ----------
    environment : mapping
        Variables, changed here.
    search : list of str
        Places of modules, changed here.

    Returns
    -------
    list of str
        A line for everything that was changed.
    """
    said = []
    folders = [f for f in environment.get("PYTHONPATH", "").split(os.pathsep) if f]
    foreign = [f for f in folders if _is_foreign(Path(f))]
    if foreign:
        environment["PYTHONPATH"] = os.pathsep.join(f for f in folders if f not in foreign)
        search[:] = [place for place in search if place not in foreign]
        said.append(
            f"PYTHONPATH: {', '.join(foreign)} is left out, it holds other versions of libraries"
        )
    if not _is_known(os.getuid()):  # as in a container that runs under any number
        environment.setdefault("USER", f"user-{os.getuid()}")
        environment.setdefault("HOME", tempfile.gettempdir())
    cache = _cache(environment)
    if cache is not None and not _is_writable(cache):
        other = Path(tempfile.gettempdir()) / f"cache-{os.getuid()}"
        other = other if _is_writable(other) else Path(tempfile.mkdtemp(prefix="cache-"))
        environment["XDG_CACHE_HOME"] = str(other)
        said.append(f"{cache} is not writable: {environment['XDG_CACHE_HOME']} is used instead")
    return said


def _is_known(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _is_foreign(folder: Path) -> bool:
    """Return whether a folder holds modules of names that a library of ours or Python's has."""
    if folder.resolve() == PACKAGE.parent:
        return False
    try:
        names = {entry.name for entry in folder.iterdir()}
    except OSError:
        return False
    modules = {name.partition(".")[0] for name in names if name.endswith((".py", ".so", ".pyd"))}
    modules |= {name for name in names if exists(folder / name / "__init__.py")}
    return bool(modules & _taken())


@cache
def _taken() -> frozenset[str]:
    """Return the names of all modules of Python and of the libraries that are installed."""
    installed = {*packages_distributions()}
    return frozenset((installed | sys.stdlib_module_names) - COMMON)


def _cache(environment: MutableMapping[str, str]) -> Path | None:
    if environment.get("XDG_CACHE_HOME"):
        return Path(environment["XDG_CACHE_HOME"])
    home = environment.get("HOME")
    return Path(home) / ".cache" if home else None


def _is_writable(folder: Path) -> bool:
    nearest = next((p for p in (folder, *folder.parents) if exists(p)), folder)
    if nearest.parts[:2] in (("/", "proc"), ("/", "sys")):
        return False  # nobody makes a folder there, whatever the permissions say
    return os.access(nearest, os.W_OK | os.X_OK) and nearest.is_dir()


def put_this_process_right() -> None:
    """Put the variables and module places of this process right, and say so."""
    for line in put_right(os.environ, sys.path):
        print(f"truepremia: {line}", file=sys.stderr)  # noqa: T201
