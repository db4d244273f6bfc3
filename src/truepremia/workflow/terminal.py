"""What a run says on the terminal beside its jobs: what it replaces, short reasons, where to look.

All of it is text; nothing here changes what is built.
"""

import json
import logging
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from truepremia.errors import DataError, error_line
from truepremia.files.formats import read_json
from truepremia.files.results import MANIFEST
from truepremia.report.selection import differences
from truepremia.workflow.place import FROM
from truepremia.workflow.targets import Run, files_of

MOST_NAMED = 3
LONGEST_REASON = 160

PARAMETERS = re.compile(r"before: '(?P<before>\{.*?\})' now: '(?P<now>\{.*\})'")
NO_RULE = re.compile(r"No rule to produce (?P<target>\S+)")
NO_TARGET = re.compile(r"Target rules may not contain wildcards")
SETTING = re.compile("[A-Za-z_]+=")
LOCKED = re.compile(r"Directory cannot be locked")


def replaced(run: Run) -> Iterator[str]:
    """Yield a line for the finished panels of other settings that a run would replace.

    Parameters
    ----------
    run : Run
    """
    other: dict[str, list[str]] = {}
    for panel_id in run.config.panel_ids():
        try:
            has = read_json(run.folder / f"{panel_id}{MANIFEST}").get("config", {})
        except DataError:
            continue  # none there, or one that `verify` complains about
        model, _, index = panel_id.rpartition("_")
        found = differences(has, run.settings("bundle_panel", {"model": model, "index": index}))
        if found:
            other.setdefault("; ".join(found[:MOST_NAMED]), []).append(panel_id)
    for phrase, panels in other.items():
        more = f" and {len(panels) - MOST_NAMED} more" if len(panels) > MOST_NAMED else ""
        yield (
            f"{run.folder} holds {', '.join(panels[:MOST_NAMED])}{more} of other settings "
            f"({phrase}): what this run makes of them replaces them; choose another results_dir, "
            "for example --config results_dir=results-2, to keep both"
        )


def last_lines(run: Run, settings: Any) -> Iterator[str]:
    """Yield what a run that ended well says at last: warnings, and what to do next.

    Parameters
    ----------
    run : Run
    settings : snakemake.settings.types.ConfigSettings
        What the command line has said of the configuration.
    """
    yield from run.warnings_of_stores()
    yield from farewell(run, given_settings(settings.configfiles, settings.config))


def farewell(run: Run, given: Sequence[str] = ()) -> Iterator[str]:
    """Yield where the results of a run are and what to do next.

    Parameters
    ----------
    run : Run
    given : sequence of str
        Settings of the command line, which the next command needs too.
    """
    if os.environ.get(FROM) == "":
        return
    folder = as_seen(run.folder)
    files = run.folder.glob(f"*{MANIFEST}")
    sealed = {file.name.removesuffix(MANIFEST) for file in files if file.is_file()}
    panels = [panel for panel in run.config.panel_ids() if panel in sealed] or sorted(sealed)
    real = len(run.config.real_panels)
    earned = real and not run.config.panel_ids() and (run.folder / _EARNED).is_file()
    show = ""
    if earned:
        yield f"results: {folder} ({real} real panel{'s' if real > 1 else ''}, {_EARNED} first)"
    elif panels:
        bundle = f"{panels[0]}_fama.pkl"
        many = f"{len(sealed)} panel{'s' if len(sealed) > 1 else ''}"
        yield f"results: {folder} ({many}, {bundle} first)"
        show = f"truepremia show {quoted(folder / bundle)}; "
    else:
        yield f"results: {folder}"
    built = [page for page in _PAGES if (run.folder / page).is_file()]
    if not (earned or panels or built):
        return
    newest = max(built, key=lambda page: (run.folder / page).stat().st_mtime_ns, default=None)
    report = shlex.join(["truepremia", "report", *given])
    step = f"open {quoted(folder / newest)}" if newest else f"tables and figures: {report}"
    yield f"next: {show}{step}"


_EARNED = Path("leaderboard") / "realised.csv"
_PAGES = (Path("report") / "report.html", Path("leaderboard") / "leaderboard.html")


def quoted(path: Path) -> str:
    """Return a path as a shell reads it."""
    return shlex.quote(str(path))


def as_seen(path: Path) -> Path:
    """Return a path as it is seen from where the command was given."""
    there = os.environ.get(FROM)
    return path if there is None else Path(os.path.relpath(path, there))


def given_settings(configfiles: Iterable[Path], config: Mapping[str, Any]) -> list[str]:
    """Return the options of a command line that bring the same settings.

    Parameters
    ----------
    configfiles : iterable of path
    config : mapping
        Single keys with their values.
    """
    files = [str(file) for file in configfiles]
    pairs = [f"{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in config.items()]
    words = ["--configfile", *files] if files else []
    return words + (["--config", *pairs] if pairs else [])


def targets_of(workflow: Any) -> Callable[[], list[str]]:
    """Return a function that lists the rules of a workflow that can be asked for by name."""
    return lambda: [rule.name for rule in workflow.rules if not rule.has_wildcards()]


class Shortened(logging.Filter):
    """Shortens what Snakemake says of a job's reason, and helps where a target is misspelt.

    Parameters
    ----------
    run : Run
    rules : callable
        Returns the names of the rules that are targets.
    """

    def __init__(self, run: Run, rules: Callable[[], Iterable[str]]):
        super().__init__()
        self._run, self._rules = run, rules

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record's text and keep it."""
        reason = getattr(record, "reason", None)
        if isinstance(reason, str):
            record.reason = short_reason(reason)
        said = NO_RULE.search(str(record.msg))
        if record.levelno >= logging.ERROR and said:
            record.msg, record.args = self._misspelt(said["target"]), ()
        elif record.levelno >= logging.ERROR and LOCKED.search(str(record.msg)):
            record.msg, record.args = error_line(DataError(_locked())), ()
        elif record.levelno >= logging.ERROR and NO_TARGET.search(str(record.msg)):
            record.msg, record.args = error_line(DataError(self._of_many())), ()
        return True

    def _of_many(self) -> str:
        panel = f"{self._run.results}/{self._run.config.panel_ids()[0]}{MANIFEST}"
        return (
            "a rule that makes files of many panels is no target: name a file, such as "
            f"{panel}, or one of the rules {', '.join(self._rules())}"
        )

    def _misspelt(self, target: str) -> str:
        if SETTING.match(target):
            remedy = f"settings follow --config, as in --config {shlex.quote(target)}"
            return error_line(DataError(f"no rule makes {target!r}: {remedy}"))
        close = nearest(target, self._run, self._rules())
        remedy = f"did you mean {close!r}?" if close else "snakemake --list names the rules"
        return error_line(DataError(f"no rule makes {target!r}: {remedy}"))


def _locked() -> str:
    return (
        f"{Path.cwd()} is locked by another run, or by one that a kill or a power loss ended; if "
        "no run is at work there, unlock it (snakemake --unlock or truepremia run -- --unlock, "
        "with the same --configfile) and give the same command again: finished files are kept"
    )


def short_reason(reason: str) -> str:
    """Return a job's reason in a line: which settings changed, instead of all of them twice."""
    changed = PARAMETERS.search(reason)
    if changed:
        try:
            before, now = (_settings(changed[which]) for which in ("before", "now"))
        except ValueError:
            return _cut(reason)
        keys = [k for k in sorted({*before, *now}) if before.get(k) != now.get(k)]
        words = [
            "code"
            if k == "code"
            else f"{k} = {_cut(now.get(k), 30)}, was {_cut(before.get(k), 30)}"
            for k in keys
        ]
        return _cut(f"Changed: {'; '.join(words)}")
    return _cut(reason)


def nearest(target: str, run: Run, rules: Iterable[str]) -> str | None:
    """Return the rule or file whose name is nearest to a target that nothing makes."""
    index = re.search(r"_(0|[1-9][0-9]*)(?![0-9])", target)
    files = [*run.everything(), *run.of_board().values(), f"{run.report}/report.html"]
    if index:
        files += [
            f"{run.results}/{file}"
            for model in run.models.split("|")
            for file in (*files_of(f"{model}_{index[1]}"), f"{model}_{index[1]}_fama.pkl")
        ]
    if "/" in target or "." in target:
        known = {file: file for file in files}
        if "/" not in target:
            known = {file.rpartition("/")[2]: file for file in files}
    else:
        known = {rule: rule for rule in rules}
    close = get_close_matches(target, known, n=1)
    return known[close[0]] if close else None


def refuse_space(executor: str) -> None:
    """End a run whose jobs cannot start: Snakemake does not quote the path of Python.

    Parameters
    ----------
    executor : str
        Name of the executor; a warm one starts no shell.
    """
    if executor != "warm" and re.search(r"\s", sys.executable):
        error = DataError(
            f"{sys.executable!r} has a space in it, and Snakemake cannot start jobs by such a "
            "path: add --executor warm (make run and truepremia run have it), or move the folder"
        )
        print(error_line(error), file=sys.stderr)  # noqa: T201
        raise SystemExit(1)


def _settings(text: str) -> dict[str, Any]:
    """Return settings that Snakemake shows as the text of a Python string."""
    content = json.loads(text.replace("\\'", "'").replace("\\\\", "\\"))
    nested = [key for key, value in content.items() if isinstance(value, dict)]
    flat = {f"{key}.{k}": v for key in nested for k, v in content[key].items()}
    return flat | {key: value for key, value in content.items() if key not in nested}


def _cut(value: Any, longest: int = LONGEST_REASON) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
