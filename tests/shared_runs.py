"""Runs that several tests share, and copies of them that a test may change.

All runs use one copy of the repository, so that nobody's editing changes a run half-way, and one
finished run serves every test.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from miniature import REPORTED, REPOSITORY, Workplace, copy_repository

from truepremia.economies.registry import ECONOMIES


def pytest_configure(config):
    config.addinivalue_line("markers", "network: installs packages; skipped where it cannot")


@dataclass(frozen=True)
class SharedRuns:
    """Folder of the runs that are made once, by whichever worker comes first."""

    folder: Path

    def once(
        self,
        name: str,
        start: Callable[[], Workplace],
        targets: Sequence[str] = ("all",),
        **settings: object,
    ) -> tuple[Workplace, str]:
        """Return the place and the terminal text of a run of ``targets``."""
        log, place_file = self.folder / f"{name}.log", self.folder / f"{name}.json"
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not place_file.exists():
                place = start()
                done = place.snakemake(*targets, **settings)
                log.write_text(done.text)
                paths = [str(place.repository), str(place.folder), done.status]
                place_file.write_text(json.dumps(paths))
        repository, folder, status = json.loads(place_file.read_text())
        assert status == 0, log.read_text()
        return Workplace(Path(repository), Path(folder)), log.read_text()


@pytest.fixture(scope="session")
def shared_runs(tmp_path_factory) -> SharedRuns:
    base = tmp_path_factory.getbasetemp()
    return SharedRuns(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture(scope="session")
def finished_with_text(shared_runs) -> tuple[Workplace, str]:
    def start() -> Workplace:
        place = Workplace(shared_runs.folder / "repository", shared_runs.folder / "finished")
        copy_repository(REPOSITORY, place.repository)
        place.folder.mkdir()
        return place

    return shared_runs.once("finished", start)


@pytest.fixture(scope="session")
def finished(finished_with_text) -> Workplace:
    """Return a finished run of two panels, made once for all workers; never change it."""
    return finished_with_text[0]


@pytest.fixture(scope="session")
def reported(shared_runs, finished) -> Workplace:
    """Return a finished run with its report, made once for all workers; never change it."""

    def start() -> Workplace:
        folder = shared_runs.folder / "reported"
        shutil.copytree(finished.folder, folder)
        return Workplace(finished.repository, folder)

    return shared_runs.once("reported", start, ("report",), panels=REPORTED)[0]


@pytest.fixture(scope="session")
def every_economy(shared_runs, finished) -> Workplace:
    """Return a finished run of panel 0 of every economy, made once; never change it."""

    def start() -> Workplace:
        place = Workplace(finished.repository, shared_runs.folder / "every_economy")
        place.folder.mkdir()
        return place

    return shared_runs.once("every_economy", start, panels=dict.fromkeys(ECONOMIES, 1))[0]


@pytest.fixture
def workplace(finished, tmp_path) -> Workplace:
    """Return a copy of the finished run's folder, free to change."""
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder)
    return Workplace(finished.repository, folder)


@pytest.fixture
def empty_workplace(finished, tmp_path) -> Workplace:
    """Return an empty folder to run in."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return Workplace(finished.repository, folder)


@pytest.fixture
def own_repository(workplace, tmp_path) -> Workplace:
    """Return a copy of the finished run and of the repository, both free to change."""
    repository = copy_repository(workplace.repository, tmp_path / "repository")
    return Workplace(repository, workplace.folder)
