"""What a run shows while it works: a line for each panel and method, or plain lines."""

import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TextIO

from snakemake_logger_plugin_truepremia import MARK
from truepremia.errors import error_line

IDENTITY = ("store", "panel", "model", "index", "method", "loading", "block")
"""Wildcards in the order in which a job's own messages name them."""

AT_WORK = re.compile(r"\[(?P<job>[^]]+)\] \w+ (?P<done>\d+) of (?P<total>\d+)$")
"""A job that says how far it is."""

TRACE = re.compile(
    r"[\s+|]*(Exception Group )?Traceback \(most recent call last\):|--- Logging error ---"
    r"|Exception ignored in"
)
BETWEEN = ("During handling of", "The above exception", "Call stack:", "Message:", "Arguments:")
"""How lines begin that stand between the parts of a traceback."""

ERROR = error_line(Exception()).rstrip()


class Traces:
    """Takes tracebacks out of what a run prints; a reader gets their last words, and a file."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._inside = self._ended = False
        self.last_words = ""

    def take(self, line: str) -> bool:
        """Take a line if it belongs to a traceback."""
        if TRACE.match(line):
            self._inside, self._ended = True, False
        elif self._inside and line.startswith(BETWEEN):
            self._ended = line.startswith(BETWEEN[-1])
        elif self._ended and line:
            self._inside = self._ended = False
        elif self._inside and line[:1].strip(" |+\t"):
            self._ended, self.last_words = True, line
        if self._inside:
            self._lines.append(line)
        return self._inside

    def kept(self) -> Path | None:
        """Write all tracebacks into a file and return its path; None where none can be written."""
        with contextlib.suppress(OSError):
            handle, name = tempfile.mkstemp(prefix="truepremia-", suffix=".log")
            os.close(handle)
            text = "\n".join([*self._lines, ""])
            Path(name).write_text(text, encoding="utf-8", errors="replace")
            return Path(name)
        return None


class Follower:
    """Reads the lines of a run and prints plain ones; base of the one that draws.

    Parameters
    ----------
    stream : text stream
        Where to write.
    """

    def __init__(self, stream: TextIO):
        self.stream = stream
        self.done = self.total = 0
        self.has_said_error = False
        self._jobs: dict[Any, tuple[str, str]] = {}
        self._failed: list[str] = []
        self._traces = Traces()
        self._events: dict[str, Callable[..., None]] = {
            "planned": self._planned,
            "started": self._started,
            "finished": self._finished,
            "progress": self._counted,
            "failed": self._failed_job,
            "message": self._message,
            "nothing": self._nothing,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        pass

    def read(self, line: str) -> None:
        """Take one line of the run."""
        before, mark, content = line.partition(MARK)
        if not mark and self._traces.take(line):
            return
        if not mark:
            at_work = AT_WORK.match(line)
            if at_work:
                self.works(at_work["job"], int(at_work["done"]), int(at_work["total"]))
            else:
                self._hand_on(line)
            return
        if before:
            self.say(before)
        event = json.loads(content)
        self._events[event.pop("event")](**event)

    def cause(self) -> str:
        """Return why a run failed or where to look, nothing if no job and no traceback was seen."""
        first = f"{self._failed[0]} failed first" if self._failed else ""
        words = self._traces.last_words
        if not words:
            return f"{first}, and the lines above say why" if first else ""
        place = self._traces.kept()
        return "; ".join(filter(None, [first, words, f"all of it is in {place}" if place else ""]))

    @property
    def reader_is_gone(self) -> bool:
        """Whether the engine ended because nobody reads what it says."""
        return self._traces.last_words.startswith("BrokenPipeError")

    def say(self, line: str) -> None:
        """Print a line."""
        self.stream.write(f"{line}\n")
        self.stream.flush()

    def starts(self, key: str, subject: str, rule: str) -> None:
        """Take notice of a job that starts."""

    def works(self, key: str, done: int, total: int) -> None:
        """Take notice of how far a job is."""

    def ends(self, key: str, subject: str, rule: str) -> None:
        """Take notice of a job that has ended well."""
        del key
        self.say(f"[{self.done + 1} of {self.total}] {subject} {rule}".replace("  ", " "))

    def counts(self) -> None:
        """Take notice of how many jobs are done."""

    # --- events -----------------------------------------------------------------------------------

    def _planned(self, rules: Mapping[str, Any]) -> None:
        self.total = int(rules.get("total", 0))
        self.counts()

    def _started(self, job: Any, rule: str, wildcards: Mapping[str, str]) -> None:
        named = [wildcards[name] for name in IDENTITY if name in wildcards]
        key = " ".join([rule, *named])
        self._jobs[job] = (key, subject_of(wildcards))
        self.starts(key, subject_of(wildcards), rule)

    def _finished(self, job: Any) -> None:
        key, subject = self._jobs.pop(job, ("", ""))
        if key:
            self.ends(key, subject, key.split(" ")[0])

    def _counted(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        self.counts()

    def _failed_job(self, job: Any, rule: str, log: list[str]) -> None:
        key, _ = self._jobs.pop(job, (rule, ""))
        self._failed.append(key)
        self.say(f"truepremia: {key} failed" + (f"; its log is {log[0]}" if log else ""))

    def _nothing(self) -> None:
        self.say("nothing to do: every file is there and up to date")

    def _message(self, text: str, level: str) -> None:
        del level
        self._hand_on(text)

    def _hand_on(self, text: str) -> None:
        self.has_said_error |= text.startswith(ERROR)
        self.say(text)


class Drawer(Follower):
    """Keeps a line of each job at work at the foot of a terminal, and one of the whole run."""

    def __init__(self, stream: TextIO):
        super().__init__(stream)
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as TimeLeft

        text = TextColumn("{task.description}", table_column=None)
        console = Console(file=stream, highlight=False)
        columns = (text, BarColumn(bar_width=24), MofNCompleteColumn(), TimeLeft(compact=True))
        self._progress_lines = Progress(*columns, console=console, transient=True)
        self._whole = self._progress_lines.add_task("all jobs", total=None)
        self._lines: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._progress_lines.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._progress_lines.stop()

    def say(self, line: str) -> None:
        """Print a line above those at the foot."""
        self._progress_lines.console.print(line, markup=False, soft_wrap=True)

    def starts(self, key: str, subject: str, rule: str) -> None:
        """Add a line."""
        name = f"{subject} {rule}".strip()
        self._lines[key] = self._progress_lines.add_task(name, total=None)

    def works(self, key: str, done: int, total: int) -> None:
        """Move a line on."""
        if key in self._lines:
            self._progress_lines.update(self._lines[key], completed=done, total=total)

    def ends(self, key: str, subject: str, rule: str) -> None:
        """Take a line away."""
        del subject, rule
        if key in self._lines:
            self._progress_lines.remove_task(self._lines.pop(key))

    def counts(self) -> None:
        """Move the line of the whole run on."""
        self._progress_lines.update(self._whole, completed=self.done, total=self.total or None)


def reader(stream: TextIO | None = None) -> Follower:
    """Return what draws on a terminal and prints plain lines elsewhere."""
    stream = sys.stderr if stream is None else stream
    return Drawer(stream) if stream.isatty() else Follower(stream)


def subject_of(wildcards: Mapping[str, str]) -> str:
    """Return what a job is about, such as "bgn_0 ipca"."""
    panel = [wildcards[name] for name in ("model", "index") if name in wildcards]
    others = [
        wildcards[name]
        for name in IDENTITY
        if name in wildcards and name not in ("model", "index", "block")
    ]
    return " ".join([*filter(None, ["_".join(panel)]), *others])
