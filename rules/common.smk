# Checks the configuration before anything runs and gives all rules the one object RUN.
import os
import sys

# The source of this checkout is what runs, here and in every job; an installed workflow has none.
if (ROOT / "src").is_dir():
    sys.path.insert(0, str(ROOT / "src"))
    os.environ.update(PYTHONPATH=str(ROOT / "src"))

from truepremia.files.results import PUBLISHED, REPLICATION_FIGURES
from truepremia.tidy.settings import SERIES
from truepremia.workflow.targets import Run

RUN = Run.checked(
    config, workflow.configfiles, ROOT, workflow.modifier.path_modifier.prefix
)


wildcard_constraints:
    model=RUN.models,
    index="0|[1-9][0-9]*",
    loading=RUN.loadings,


onsuccess:
    for _line in RUN.warnings_of_stores():
        print(_line, file=sys.stderr)


onstart:
    for _line in RUN.left_out_stores():
        print(_line, file=sys.stderr)
