"""Python that has imported the libraries once and then runs script after script.

Starting Python and importing numpy and pyarrow costs more than a small job's own work. A warm
Python has done that and makes a copy of itself for every job (fork), so that jobs share
the start and nothing else. ``python -m truepremia.workflow.warm`` reads one job a line, as JSON,
and answers each with a line, its status. The executor ``warm`` keeps one for every core.

No process outlives the one that started it: a warm Python whose requests end while a job is at
work has lost its engine and ends the job, and a job that has lost its warm Python ends itself.
"""

import contextlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from truepremia.workflow.signals import end_with_parent

LIBRARIES = ("numpy", "pyarrow.parquet", "pandas", "scipy.optimize")
"""What most jobs import; the last takes as long as all that a small panel's method does."""


class Files(dict[str, Any]):
    """A mapping whose values are attributes too, as in a script's ``snakemake`` object.

    Walked, it gives its files and not their names, those of lists one by one, as Snakemake's does.
    """

    __getattr__ = dict.__getitem__

    def __iter__(self) -> Iterator[Any]:
        for value in self.values():
            yield from value if isinstance(value, list | tuple) else (value,)


def run_script(script: str, job: Mapping[str, Any]) -> None:
    """Run a script of the workflow as the engine does.

    Parameters
    ----------
    script : str
        Path of the script.
    job : mapping
        ``rule``, ``params``, ``input``, ``output``, ``log`` and ``threads`` of its ``snakemake``
        object; files by name.
    """
    named = {key: Files(v) if isinstance(v, Mapping) else v for key, v in job.items()}
    runpy.run_path(script, init_globals={"snakemake": Files(named)})


class WarmPython:
    """A warm Python in a process of its own, for one job at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, script: str, job: Mapping[str, Any]) -> int:
        """Run a script and return its status.

        A negative status is the signal that ended the job; so is a warm Python that is gone.
        """
        if self._process is None:
            command = [sys.executable, "-m", "truepremia.workflow.warm"]
            pipe = subprocess.PIPE
            # Where the standard error was closed at the start, its number may be any file by now.
            errors = subprocess.DEVNULL if sys.__stderr__ is None else None
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=errors, text=True
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        answer = ""
        # A pipe is broken if the other process is gone, and closed after `end`.
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._process.stdin.write(json.dumps({"script": script, "job": job}) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            return self.close() or 1
        return int(answer)

    def end(self) -> None:
        """End the process with the job it runs, now; may be called while another thread runs one.

        It is done as the death of this process would do it, by closing the requests.
        """
        process = self._process
        if process is not None and process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()

    def close(self) -> int:
        """End the process once it is idle and return its status; a next job starts a new one."""
        self.end()
        process, self._process = self._process, None
        if process is None:
            return 0
        assert process.stdout is not None
        process.stdout.close()
        return process.wait()


def main() -> None:
    """Answer jobs until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the engine decides, the job ends
    for library in LIBRARIES:
        if not _has_engine():
            return
        __import__(library)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a job prints belongs on the terminal
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            _be_the_job(asked["script"], asked["job"])
        status = _status(child, ended)
        with contextlib.suppress(BrokenPipeError):
            answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
            answers.flush()
            continue
        os._exit(1)  # nobody is there to hear it


def _has_engine() -> bool:
    """Whether requests can come, or one is waiting; seen without reading it."""
    requests = select.poll()
    requests.register(sys.stdin, 0)  # hang-ups are reported unasked
    return not requests.poll(0)


def _status(child: int, ended: int) -> int:
    """Wait for a job; if the engine is gone first, end the job and this process."""
    while True:
        ready, _, _ = select.select([sys.stdin, ended], [], [])
        if ended in ready:
            os.read(ended, select.PIPE_BUF)
        finished, status = os.waitpid(child, os.WNOHANG)
        if finished:
            return status
        if sys.stdin in ready:  # no request comes before an answer: this is the end of them
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os._exit(1)


def _be_the_job(script: str, job: Mapping[str, Any]) -> NoReturn:
    """Run the script and end this process with its status."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    status = 1
    try:
        end_with_parent()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # requests are not for the job
        run_script(script, job)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
