"""Miniature runs of the whole workflow, each in a folder of its own."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from truepremia.economies.registry import ECONOMIES

REPOSITORY = Path(__file__).parents[2]
WORKFLOW_PARTS = ("Snakefile", "rules", "scripts", "config", "profiles", "envs", "src")

PANELS = ("bgn_0", "bgn_2")
RESULTS = "out"
REPORTED = {"bgn": [2, 0], "kp14": [0]}
SHARED_SETTINGS = {
    "panels": {"bgn": [2, 0]},
    "results_dir": RESULTS,
    "tidy": {"stores": {"demo": False}, "published_data": False},
    # The report of the bundled methods alone; test_laboratory.py judges others.
    "methods": {"capm": False},
}

TARGETS = ("all", "report")

ERROR_PREFIX = "truepremia: error: "


@dataclass(frozen=True)
class Done:
    """What a run of Snakemake left on the terminal."""

    status: int
    text: str

    def succeeded(self) -> "Done":
        assert self.status == 0, self.text
        return self

    def error(self) -> str:
        """Return the one error line of a run that failed as a user's mistake should."""
        assert self.status != 0, self.text
        assert "Traceback" not in self.text, self.text
        errors = [line for line in self.text.splitlines() if line.startswith(ERROR_PREFIX)]
        assert len(errors) == 1, self.text
        return errors[0].removeprefix(ERROR_PREFIX)


@dataclass(frozen=True)
class Workplace:
    """A folder in which Snakemake runs the workflow of ``repository``."""

    repository: Path
    folder: Path

    @property
    def results(self) -> Path:
        return self.folder / RESULTS

    def panel(self, panel_id: str = PANELS[0]) -> Path:
        return self.results / "panels" / panel_id

    def snakemake(self, *arguments: str, cores: int = 2, **settings: object) -> Done:
        """Run Snakemake; ``arguments`` are targets before options, ``settings`` configuration."""
        return self.command(*self.arguments(*arguments, cores=cores, **settings))

    def arguments(self, *arguments: str, cores: int = 2, **settings: object) -> list[str]:
        """Return the arguments of :meth:`command` for a run with ``settings``."""
        overlay = self.folder.with_suffix(".yaml")
        chosen = SHARED_SETTINGS | settings
        # Snakemake merges: an economy that is not named would keep its default panels.
        chosen["panels"] = dict.fromkeys(ECONOMIES, 0) | chosen["panels"]
        overlay.write_text(yaml.safe_dump(chosen))
        miniature = self.repository / "config" / "test.yaml"
        cores_and_files = ["--cores", str(cores), "--configfile", str(miniature), str(overlay)]
        return [*arguments, *cores_and_files]

    def command(self, *arguments: str, before: Sequence[str] = (), **environment: str) -> Done:
        """Run Snakemake with nothing but ``arguments`` and the place to work at."""
        process = self.start(*arguments, before=before, **environment)
        text = process.communicate()[0]
        return Done(process.returncode, text)

    def start(
        self, *arguments: str, before: Sequence[str] = (), **environment: str
    ) -> subprocess.Popen:
        """Start Snakemake, in a process group of its own, and do not wait for it.

        ``before`` is a command that runs it, such as unshare.
        """
        places = ["--snakefile", str(self.repository / "Snakefile"), "--directory", "."]
        return subprocess.Popen(
            [*before, sys.executable, "-m", "snakemake", *arguments, *places],
            cwd=self.folder,
            env=_clean_environment() | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=hear_signals,
        )

    def planned(self, *targets: str, **settings: object) -> set[str]:
        """Return the jobs that a run would have, such as "build_factors bgn_0 ff"."""
        return jobs(self.snakemake(*targets, "--dry-run", **settings).succeeded().text)

    def digests(self) -> dict[str, str]:
        """Return the sha256 of every result, without logs, timings and manifests."""
        files = [*self.results.rglob("*.parquet"), *self.results.glob("*.pkl")]
        files += (self.results / "solutions").iterdir()
        return {
            str(file.relative_to(self.results)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in files
        }

    def entries(self) -> set[str]:
        """Return what lies in the folder, without Snakemake's own records."""
        return {entry.name for entry in self.folder.iterdir()} - {".snakemake"}


def jobs(text: str) -> set[str]:
    """Return the jobs that Snakemake announces in ``text``, without target rules."""
    announced = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", text, re.MULTILINE)
    found = Counter(_job(rule, details) for rule, details in announced if rule not in TARGETS)
    assert not found or max(found.values()) == 1, found
    nothing = "Nothing to be done" in text
    assert nothing == (not announced), text
    return set(found)


def _job(rule: str, details: str) -> str:
    wildcards = re.search(r"^    wildcards: (.*)$", details, re.MULTILINE)
    if not wildcards:
        return rule
    values = dict(pair.split("=") for pair in wildcards[1].split(", "))
    if "store" in values:
        return f"{rule} {values['store']}"
    identity = "_".join(
        [values.pop("model"), *([values.pop("index")] if "index" in values else [])]
    )
    return " ".join([rule, identity, *values.values()])


def hear_signals() -> None:
    """Undo what a shell does to commands in its background: they do not hear Ctrl-C."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def _clean_environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "SNAKEMAKE_PROFILE")}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def copy_repository(source: Path, target: Path) -> Path:
    for part in WORKFLOW_PARTS:
        if (source / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".*")
            shutil.copytree(source / part, target / part, ignore=ignored)
        else:
            target.mkdir(exist_ok=True)
            shutil.copy2(source / part, target / part)
    return target
