"""Check what a run needs: Python, packages, cores, memory, disk, SLURM, a store's file."""

import importlib.metadata as metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from truepremia.errors import TruepremiaError
from truepremia.workflow.config import RunConfig, load_overlay
from truepremia.workflow.place import ROOT
from truepremia.workflow.stages import STAGES

MOST_BYTES_PER_FIRM_MONTH = 200
"""Disk for a firm and month of a panel or a demo store: 97 to 197 measured, by economy."""


@dataclass(frozen=True)
class Finding:
    """One line of the examination.

    Parameters
    ----------
    what : str
    said : str
        What was found, with the remedy where it is a fault.
    fault : bool
        Whether a run cannot work with it.
    """

    what: str
    said: str
    fault: bool = False

    def __str__(self) -> str:
        return f"{'FAULT' if self.fault else 'ok':5}  {self.what}: {self.said}"


def examine(store: Path | None = None) -> Iterator[Finding]:
    """Yield what was found, one finding for each thing that a run needs.

    Parameters
    ----------
    store : path, optional
        A Tidy-Finance store to read; None examines none.
    """
    yield _python()
    yield from _packages()
    yield Finding("workflow", str(ROOT), fault=not (ROOT / "Snakefile").is_file())
    yield from _commands()
    yield Finding("cores", f"{len(os.sched_getaffinity(0))} for this process")
    yield from _sizes()
    yield _slurm()
    if store is not None:
        yield _store(store)


def _python() -> Finding:
    found = f"{platform.python_version()} at {sys.executable}"
    return Finding("Python", found, fault=sys.version_info < (3, 11))


def _packages() -> Iterator[Finding]:
    from packaging.requirements import Requirement

    wanted = [Requirement(text) for text in metadata.requires("truepremia") or ()]
    faults = 0
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            there = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            faults += 1
            yield Finding(
                "package", f"{requirement.name} is missing: pip install '{requirement}'", fault=True
            )
            continue
        if not requirement.specifier.contains(there, prereleases=True):
            faults += 1
            remedy = f"pip install '{requirement}'"
            yield Finding("package", f"{requirement.name} is {there}: {remedy}", fault=True)
    if not faults:
        yield Finding("packages", f"truepremia {metadata.version('truepremia')} has all it needs")


def _commands() -> Iterator[Finding]:
    """Yield a fault for each command that the workflow engine calls and does not find."""
    for name in ("bash", "which"):
        if shutil.which(name) is None:
            said = f"{name} is nowhere on the PATH ({os.environ.get('PATH', '')}): correct it"
            yield Finding("command", said, fault=True)


def _sizes() -> Iterator[Finding]:
    """Yield what the default configuration needs of memory and disk, and whether it is sound."""
    try:
        config = load_overlay({}, ROOT)
    except TruepremiaError as error:
        yield Finding("configuration", str(error), fault=True)
        try:
            # Sizes do not depend on where results go, which may be what is wrong.
            elsewhere = str(Path(tempfile.gettempdir()) / "truepremia" / "results")
            config = load_overlay({"results_dir": elsewhere}, ROOT)
        except TruepremiaError:
            return
    yield _memory(config)
    yield _disk(config, Path.cwd())


def _memory(config: RunConfig) -> Finding:
    """Compare the memory with what the largest job of the default configuration needs."""
    there = _megabytes_of_memory()
    most = max(
        need.memory(config.size, stage.threads(config.size))
        for stage in STAGES.values()
        for need in (stage.need, *stage.other_needs.values())
    )
    said = f"{there:,} MB; the largest job of the default configuration needs {most:,} MB"
    return Finding("memory", said, fault=there < most)


def _megabytes_of_memory() -> int:
    """Return the memory of the machine, or of the control group that we are in if it is less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    groups = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.limit_in_bytes"))
    texts = [file.read_text(encoding="ascii").strip() for file in groups if file.is_file()]
    limits = [machine, *(int(text) for text in texts if text.isdigit())]
    return min(limits) // 10**6


def _disk(config: RunConfig, folder: Path) -> Finding:
    """Compare the free disk with the most that the default panels and demo stores take."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding("disk", f"{folder} is not writable: work in another folder", fault=True)
    free = shutil.disk_usage(folder).free // 10**6
    demos = [store for store in config.tidy.stores.values() if store.panel is not None]
    firm_months = config.size.firms * config.size.months * (len(config.panel_ids()) + len(demos))
    most = firm_months * MOST_BYTES_PER_FIRM_MONTH // 10**6
    said = f"{free:,} MB free in {folder}; results of the default configuration take up to {most:,}"
    return Finding("disk", f"{said} MB", fault=free < most)


def _slurm() -> Finding:
    place = shutil.which("sbatch")
    return Finding(
        "SLURM", f"sbatch is {place}" if place else "none here; jobs run on this machine"
    )


def _store(path: Path) -> Finding:
    from truepremia.tidy.reading import read_store

    try:
        report = read_store(str(path)).report
    except TruepremiaError as error:
        return Finding("store", str(error), fault=True)
    warnings = len(report["warnings"])
    said = f"{report['edition']}, {report['first_month']} to {report['last_month']}"
    return Finding("store", f"{said}, {warnings} warning{'s' if warnings != 1 else ''}")
