"""Snakemake executor ``slurm-warm``: the SLURM executor with warm Pythons inside its jobs.

A submission of ``snakemake-executor-plugin-slurm`` starts a step with an engine and a Python of
its own for every job in its group. Here the group's one engine runs all of them warm.
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_slurm import Executor as SlurmExecutor
from snakemake_executor_plugin_slurm import ExecutorSettings, common_settings

__all__ = ["Executor", "ExecutorSettings", "common_settings"]

MARK = " ERROR "
"""Between time and text of an error in the log of a job."""


class Executor(SlurmExecutor):  # type: ignore[misc]
    """The SLURM executor, but for what runs inside a submission, and what is left of one.

    A submission holds many jobs. If one fails, the others go on; with ``--keep-incomplete`` what
    they finish stays, and the next run builds only the rest. That is safe because a job puts a file
    in its place when it is whole, and because no file of an earlier run is left when a submission
    starts: Snakemake would take it for what the submission has made.
    """

    def additional_general_args(self) -> str:
        """Return the arguments of the engine inside a submission."""
        cores = self.workflow.resource_settings.cores
        going = " --keep-going" if self.workflow.execution_settings.keep_going else ""
        return f"--executor warm --cores {cores}{going}"

    def run_jobs(self, jobs: list[Any]) -> None:
        """Submit jobs, or groups of them, without the files that they are going to make."""
        for job in jobs:
            self.workflow.async_run(job.remove_existing_output())
        super().run_jobs(jobs)

    def report_job_error(self, job_info: Any, msg: str | None = None, **more: Any) -> None:
        """Say first why jobs of a submission failed: Snakemake names all of them and their logs."""
        from truepremia.errors import error_line

        job = job_info.job
        for member in job.jobs if job.is_group() else [job]:
            for reason in _errors(member.log):
                self.logger.error(error_line(reason))
        super().report_job_error(job_info, msg=msg, **more)


def _errors(logs: Iterable[str]) -> Iterator[Exception]:
    """Yield the errors that jobs wrote into their logs."""
    for log in logs:
        with contextlib.suppress(OSError):
            lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
            yield from (Exception(line.split(MARK, 1)[1]) for line in lines if MARK in line)
