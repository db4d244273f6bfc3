from pathlib import Path
from snakemake.utils import min_version

min_version("9.20")

# The folder of this file, also where another workflow uses this one as a module.
ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).resolve()


configfile: ROOT / "config" / "config.yaml"


include: "rules/common.smk"
include: "rules/economy.smk"
include: "rules/methods.smk"
include: "rules/evaluation.smk"
include: "rules/tidy.smk"
include: "rules/report.smk"


# No rule repeats what follows from its name: its log, and the environment of all of them.
RUN.dress(workflow.rules)


rule all:
    default_target: True
    input:
        RUN.everything(),


rule report:
    input:
        f"{RUN.report}/report.html",
