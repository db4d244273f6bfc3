from pathlib import Path
from snakemake.utils import min_version

min_version("9.20")

ROOT = Path(workflow.basedir)


configfile: ROOT / "config" / "config.yaml"


include: "rules/common.smk"
include: "rules/economy.smk"
include: "rules/factors.smk"
include: "rules/evaluation.smk"


rule all:
    default_target: True
    input:
        [files_of(panel) for panel in RUN.panel_ids()],
