from pathlib import Path
from snakemake.utils import min_version

min_version("9.20")

ROOT = Path(workflow.basedir)


configfile: ROOT / "config" / "config.yaml"


include: "rules/common.smk"
include: "rules/economy.smk"
include: "rules/factors.smk"
include: "rules/evaluation.smk"
include: "rules/tidy.smk"
include: "rules/report_inputs.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        [files_of(panel) for panel in RUN.panel_ids()],
        [files_of_store(store) for store in BUILT_STORES],
        files_of_published_data(),


rule report:
    input:
        f"{REPORT}/report.html",
