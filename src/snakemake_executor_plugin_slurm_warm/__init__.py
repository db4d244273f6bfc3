"""Snakemake executor ``slurm-warm``: the SLURM executor with warm Pythons inside its jobs.

A submission of ``snakemake-executor-plugin-slurm`` starts a step with an engine and a Python of
its own for every job in its group. Here the group's one engine runs all of them warm.
"""

from snakemake_executor_plugin_slurm import Executor as SlurmExecutor
from snakemake_executor_plugin_slurm import ExecutorSettings, common_settings

__all__ = ["Executor", "ExecutorSettings", "common_settings"]


class Executor(SlurmExecutor):  # type: ignore[misc]
    """The SLURM executor, but for what runs inside a submission."""

    def additional_general_args(self) -> str:
        """Return the arguments of the engine inside a submission."""
        return f"--executor warm --cores {self.workflow.resource_settings.cores}"
