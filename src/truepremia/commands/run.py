"""Run the workflow from the folder one stands in: ``truepremia run``, ``report``, ``leaderboard``.

Snakemake does the work, in a process of its own; this module starts it with our Snakefile, and
shows what its jobs say.
"""

import contextlib
import os
import posixpath
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from truepremia.commands.progress import Follower, reader
from truepremia.economies.registry import ECONOMIES
from truepremia.errors import ConfigError, DataError
from truepremia.files.results import MANIFEST
from truepremia.outside import circumstance
from truepremia.workflow.documents import read_yaml
from truepremia.workflow.place import FROM, ROOT
from truepremia.workflow.signals import end_with_parent, hand_on

CHOOSE_HOW_JOBS_START = ("--executor", "-e", "--profile", "--sdm", "--software-deployment-method")
"""Options of Snakemake that leave no room for warm Pythons."""

ONLY_TELL = re.compile(
    "-[pkfFt]*n[pkfFt]*|-[lSDvht]|--(dry-?run|touch|help|version|summary|detailed-summary|lint|lt|lc|li|lp|lu"
    "|list-.*|list|dag|d3dag|rulegraph|filegraph|print-compilation|report|archive|unlock|cm"
    "|cleanup-.*|conda-cleanup-.*|container-cleanup-.*|delete-(all|temp)-output"
    "|generate-unit-tests|containerize|export-cwl)(=.*)?"
)
"""Options of Snakemake with which it runs no job and says something in its own words."""

INTERRUPTED = "interrupted: what was finished stays, and the same command goes on from there"

_SETTINGS = {
    "--config": "--config",
    "-C": "--config",
    "--configfile": "--configfile",
    "--configfiles": "--configfile",
}
"""Options of Snakemake that a run has too, by all their names."""

_KEY = re.compile(r"[a-zA-Z_][\w-]*\w")
_PANEL = re.compile(r"[a-z][a-z0-9]*_(0|[1-9][0-9]*)")


@dataclass(frozen=True)
class Order:
    """What to run.

    Parameters
    ----------
    targets : sequence of str
        Rules and files, "all" where there is none.
    cores : str
        A number, or "all".
    configfiles : sequence of path
        Overlays of the configuration, in their order.
    config : sequence of str
        Single keys as KEY=VALUE.
    dry_run : bool
        Whether to list the jobs only.
    more : sequence of str
        Further arguments of Snakemake.
    """

    targets: Sequence[str] = ()
    cores: str = "all"
    configfiles: Sequence[Path] = ()
    config: Sequence[str] = ()
    dry_run: bool = False
    more: Sequence[str] = ()

    def joined(self) -> "Order":
        """Return the order with the targets and settings among ``more`` joined to the others.

        Snakemake itself would take the last --config and forget the others. A panel that stands
        among settings, as in ``--configfile mine.yaml bgn_0``, is a target.
        """
        found: dict[str, list[str]] = {"targets": [], "--config": [], "--configfile": []}
        rest: list[str] = []
        into = found["targets"]
        for word in self.more:
            name, equals, value = word.partition("=")
            if not word.startswith("-"):
                into.append(word)
            elif name in _SETTINGS:
                into = found[_SETTINGS[name]]
                into += [value] if equals else []
            else:
                into = rest
                into.append(word)
        files = [*self.configfiles, *map(Path, found["--configfile"])]
        pairs = [*self.config, *found["--config"]]
        panels = [str(word) for word in (*files, *pairs) if _PANEL.fullmatch(str(word))]
        panels = [name for name in panels if not Path(name).is_file()]
        return replace(
            self,
            targets=[*self.targets, *found["targets"], *panels],
            configfiles=[file for file in files if str(file) not in panels],
            config=[pair for pair in pairs if pair not in panels],
            more=rest,
        )

    def arguments(self) -> list[str]:
        """Return the arguments of Snakemake."""
        _check_cores(self.cores)
        contents = {file: read_yaml(file) for file in self.configfiles}
        for file, content in contents.items():
            if content is not None and not isinstance(content, Mapping):
                raise ConfigError(
                    f"{file}: must be a mapping of keys to values, for example firms: 200"
                )
        # A file of comments says nothing, as the one that `init` writes; Snakemake refuses it.
        files = [file for file, content in contents.items() if content is not None]
        # Options that take one value go last: none of them swallows what follows.
        given = []
        if files:
            given += ["--configfile", *map(_no_option, files)]
        if self.config:
            given += ["--config", *_pairs(self.config)]
        if not self.only_tells and "--logger" not in self.more:
            given += ["--logger", "truepremia"]
        if not self.only_tells and not self._chooses_how_jobs_start:
            given += ["--executor", "warm"]
        given += ["--snakefile", str(ROOT / "Snakefile"), "--cores", self.cores]
        given += ["--dry-run"] if self.dry_run else []
        targets = self._targets()
        return [*given, *self.more, *(["--", *targets] if targets else [])]

    @property
    def _chooses_how_jobs_start(self) -> bool:
        return any(word.split("=")[0] in CHOOSE_HOW_JOBS_START for word in self.more)

    @property
    def only_tells(self) -> bool:
        """Whether Snakemake runs no job and says something in its own words."""
        return self.dry_run or any(ONLY_TELL.fullmatch(word) for word in self.more)

    def _targets(self) -> list[str]:
        """Return the targets, the names of panels as the files that complete them."""
        for target in self.targets:
            _check_target(target)
        if not any(_PANEL.fullmatch(target) for target in self.targets):
            return list(self.targets)
        folder = read_yaml(ROOT / "config" / "config.yaml")["results_dir"]
        for file in self.configfiles:
            folder = (read_yaml(file) or {}).get("results_dir", folder)
        for pair in self.config:
            key, _, value = pair.partition("=")
            folder = value if key == "results_dir" else folder
        folder = posixpath.normpath(str(folder))
        return [
            f"{folder}/{target}{MANIFEST}" if _PANEL.fullmatch(target) else target
            for target in self.targets
        ]


def run(order: Order, folder: Path | None = None, *, stays: bool = True) -> int:
    """Run the workflow and return Snakemake's exit status.

    Parameters
    ----------
    order : Order
    folder : path, optional
        Where to work; None is the present folder.
    stays : bool
        Whether the results stay, so that it is said where they are and what to do next.

    Raises
    ------
    ConfigError
        If a configuration file cannot be read, or an argument is none.
    DataError
        If the run fails and nothing on the terminal says so in a line of ours.
    KeyboardInterrupt
        If a signal ended it.
    """
    follower = reader(sys.stderr)
    # Without -P a file of the working folder, numpy.py say, goes before the library of its name.
    command = [sys.executable, "-P", "-m", "snakemake", *order.arguments()]
    _require_place_for_records(folder or Path())
    status = _follow(command, follower, folder, stays)
    if status and not follower.has_said_error:
        if follower.reader_is_gone:
            return 128 + signal.SIGPIPE  # as of any command before `| head`
        cause = follower.cause()
        if cause or not order.only_tells:  # else Snakemake has told it on the standard output
            raise DataError(f"the run failed: {cause or 'the lines above say why'}")
    return status


def _require_place_for_records(folder: Path) -> None:
    """Refuse a folder that the engine, which keeps its records in .snakemake, cannot write."""
    records = folder / ".snakemake"
    if os.path.lexists(records) and not records.is_dir():
        raise DataError(f"{records.absolute()} is no folder; remove it: the engine needs its name")
    try:
        Path(tempfile.mkdtemp(dir=records if records.is_dir() else folder)).rmdir()
    except OSError as error:
        reason = circumstance(error, folder) or error.strerror
        raise DataError(
            f"{folder.absolute()}: {reason}; the engine keeps its records in .snakemake there: "
            "work in another folder"
        ) from None


def _follow(command: Sequence[str], follower: Follower, folder: Path | None, stays: bool) -> int:
    environment = dict(os.environ)
    if folder is not None:
        environment[FROM] = str(Path.cwd()) if stays else ""
    if (ROOT / "src").is_dir():
        # Snakemake looks for executors and loggers before it reads a Snakefile.
        others = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), *filter(None, [others])])
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        errors="replace",
        preexec_fn=end_with_parent,
    ) as process:
        assert process.stderr is not None
        ended = False

        def end(number: int) -> None:
            nonlocal ended
            ended = True
            process.send_signal(number)

        hand_on(end)
        while True:
            try:
                with follower:
                    for line in process.stderr:
                        follower.read(line.rstrip("\n"))
                status = process.wait()
                break
            except KeyboardInterrupt:
                ended = True  # Snakemake has it too and ends its jobs; its last words are read
    if status and ended:
        raise KeyboardInterrupt(INTERRUPTED)
    return status


def require_cores(cores: int) -> None:
    """Refuse a number of cores that no run can have."""
    if cores < 1:
        raise ConfigError(f"--cores is {cores}: must be at least 1")


def _check_cores(cores: str) -> None:
    if cores != "all" and not re.fullmatch("0*[1-9][0-9]*", cores):
        raise ConfigError(f"--cores is {cores!r}: must be a number of at least 1, or all")


def _check_target(target: str) -> None:
    if not target.strip():
        raise ConfigError(f"target {target!r}: must name a panel such as bgn_0, a file or a rule")
    for model in ECONOMIES:
        like = re.fullmatch(f"{model}_?([-+]?[0-9]+)?", target, re.IGNORECASE)
        if like and not _PANEL.fullmatch(target):
            index = max(int(like[1] or 0), 0)
            raise ConfigError(
                f"target {target!r}: a panel is named by economy and index, such as {model}_{index}"
            )


def _pairs(config: Sequence[str]) -> Sequence[str]:
    for pair in config:
        key, _, value = pair.partition("=")
        if not value or not _KEY.fullmatch(key):
            raise ConfigError(f"--config {pair!r}: must be KEY=VALUE, for example firms=200")
        with contextlib.suppress(yaml.YAMLError, ValueError, RecursionError):
            if yaml.load(value, Loader=yaml.BaseLoader) is None:
                raise ConfigError(f"--config {pair!r}: YAML reads {value!r} as nothing; quote it")
    # Snakemake knows Python's words only and would take YAML's for texts.
    words = {"true": "True", "false": "False"}
    split = [pair.partition("=") for pair in config]
    return [f"{key}={words.get(value, value)}" for key, _, value in split]


def _no_option(file: Path) -> str:
    """Return the path of a file so that no command takes it for an option."""
    return f"./{file}" if str(file).startswith("-") else str(file)
