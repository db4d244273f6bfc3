"""Python that has imported the libraries once and then runs script after script.

Starting Python and importing numpy and pyarrow costs more than a small job's own work. A warm
Python has done that and makes a copy of itself for every job (fork), so that jobs share
the start and nothing else. ``python -m truepremia.workflow.warm`` reads one job a line, as JSON,
and answers each with a line, its status. The executor ``warm`` keeps one for every core.
"""

import contextlib
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

LIBRARIES = ("numpy", "pyarrow.parquet", "pandas")


class Files(dict[str, Any]):
    """A mapping whose values are attributes too, as in a script's ``snakemake`` object."""

    __getattr__ = dict.__getitem__


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
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        answer = ""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"script": script, "job": job}) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            return self.close() or 1
        return int(answer)

    def close(self) -> int:
        """End the process once it is idle and return its status; a next job starts a new one."""
        process, self._process = self._process, None
        if process is None:
            return 0
        with contextlib.suppress(BrokenPipeError):
            process.communicate()
        return process.wait()


def main() -> None:
    """Answer jobs until there are no more."""
    for library in LIBRARIES:
        __import__(library)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a job prints belongs on the terminal
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            _be_the_job(asked["script"], asked["job"])
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


def _be_the_job(script: str, job: Mapping[str, Any]) -> None:
    """Run the script and end this process with its status."""
    status = 1
    try:
        run_script(script, job)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
