"""Snakemake executor ``warm``: local jobs whose scripts run in warm Pythons.

Jobs, their files, records, logs and errors are those of Snakemake's local executor, and so are the
bytes of the results; what is saved is the start of a Python for every job. Ctrl-C ends the jobs at
once, and so does whatever ends the engine.
"""

from queue import LifoQueue
from typing import TYPE_CHECKING, Any

from snakemake.exceptions import SpawnedJobError
from snakemake.executors import local

if TYPE_CHECKING:
    from truepremia.workflow.warm import WarmPython

common_settings = local.common_settings


class Executor(local.Executor):  # type: ignore[misc]
    """The local executor, but for how a script is started."""

    _idle: "LifoQueue[WarmPython]"

    def __post_init__(self) -> None:
        super().__post_init__()
        # Snakemake imports all plugins before it reads a Snakefile, and the Snakefile chooses the
        # source of its own checkout: importing ours on top would load that of the environment.
        from truepremia.workflow.warm import WarmPython

        # One for every worker. The last in is the first out: those beyond the cores never start.
        self._pythons = [WarmPython() for _ in range(self.workers)]
        self._idle = LifoQueue()
        for python in self._pythons:
            self._idle.put(python)
        self._cancelled = False

    def cached_or_run(self, job: Any, run_func: Any, *arguments: Any) -> None:
        """Run a job in a thread of this process; called by the local executor."""
        # With --sdm the script belongs to another Python.
        if job.rule.script is None or self.workflow.deployment_settings.deployment_method:
            super().cached_or_run(job, run_func, *arguments)
            return
        script = str(job.rule.basedir.join(job.rule.script).get_path_or_uri(secret_free=True))
        python = self._idle.get()
        try:
            status = python.run(script, _description(job))
        finally:
            self._idle.put(python)
        if status and self._cancelled:
            raise KeyboardInterrupt  # as the local executor's jobs: nothing more is said
        if status < 0:
            self.logger.error(f"{script} was ended by signal {-status}")
        if status:
            raise SpawnedJobError  # the job itself has said why

    def cancel(self) -> None:
        """End the jobs that run, now, and the Pythons."""
        self._cancelled = True
        for python in self._pythons:
            python.end()
        self.shutdown()

    def shutdown(self) -> None:
        """Wait for the jobs that run and end the Pythons."""
        super().shutdown()
        for python in self._pythons:
            python.close()


def _description(job: Any) -> dict[str, Any]:
    """Return what scripts of this workflow read from their ``snakemake`` object."""
    return {
        "rule": job.rule.name,
        "params": {"stage": job.params.stage},
        "input": dict(job.input.items()),
        "output": dict(job.output.items()),
        "log": [str(file) for file in job.log],
        "threads": job.threads,
    }
