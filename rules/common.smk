# Checks the configuration before anything runs and gives all rules the one object RUN.
import os
import sys

# The source of this checkout is what runs, here and in every job; an installed workflow has none.
if (ROOT / "src").is_dir():
    sys.path.insert(0, str(ROOT / "src"))
    os.environ.update(PYTHONPATH=str(ROOT / "src"))

from snakemake.logging import logger
from truepremia.files.results import PUBLISHED, REPLICATION_FIGURES
from truepremia.tidy.settings import SERIES
from truepremia.workflow import signals, terminal
from truepremia.workflow.targets import Run

RUN = Run.checked(
    config, workflow.configfiles, ROOT, workflow.modifier.path_modifier.prefix
)


wildcard_constraints:
    model=RUN.models,
    index="0|[1-9][0-9]*",
    loading=RUN.loadings,


signals.announce_engine()
logger.addFilter(terminal.Shortened(RUN, terminal.targets_of(workflow)))
if workflow.is_main_process:
    signals.engine_ends_well()
    for _line in terminal.replaced(RUN):
        print(_line, file=sys.stderr)


onsuccess:
    for _line in terminal.last_lines(RUN, workflow.config_settings):
        print(_line, file=sys.stderr)


onstart:
    signals.engine_ends_well()
    RUN.starts(workflow.non_local_exec, workflow.execution_settings.lock)
    terminal.refuse_space(workflow.executor_plugin.name)
    signals.wake_for_jobs_only(workflow)
    for _line in RUN.left_out_stores():
        print(_line, file=sys.stderr)
