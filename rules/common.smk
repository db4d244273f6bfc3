# Checks the configuration before anything runs and provides what all rules share.
import os
import sys

# The source of this checkout is what runs, here and in every job.
sys.path.insert(0, str(ROOT / "src"))
os.environ.update(PYTHONPATH=str(ROOT / "src"))

from truepremia.workflow.config import load_config, read_yaml
from truepremia.economies.registry import ECONOMIES
from truepremia.errors import TruepremiaError, error_line
from truepremia.workflow.needs import megabytes, minutes, threads
from truepremia.tidy.settings import LEAST_FIRMS, LEAST_MONTHS, PUBLISHED
from truepremia.tidy.settings import SERIES, lines_of_warnings
from truepremia.workflow.stages import Workflow, known_models, one_of, panel_files

# One BLAS thread in every job: the bits of a result must not depend on the number of cores.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

try:
    for _file in workflow.configfiles:
        read_yaml(_file)  # the engine itself would keep the last of two equal keys
    RUN = load_config(config, ROOT)
except TruepremiaError as _error:
    print(error_line(_error), file=sys.stderr)
    raise SystemExit(1)

RESULTS = RUN.results_dir
PANEL = f"{RESULTS}/panels/{{model}}_{{index}}"
TIDY = f"{RESULTS}/tidy/{{store}}"
STAGES = Workflow(RUN, ROOT)
BUILT_STORES = RUN.tidy.built(RUN.size)
ENVIRONMENT = str(ROOT / "envs" / "truepremia.yaml")


wildcard_constraints:
    model=known_models(),
    index="0|[1-9][0-9]*",
    method="ff|fm",
    loading="taylor|proj",


def log_of(rule_name, of="{model}_{index}"):
    return f"{RESULTS}/logs/{rule_name}/{of}.log"


def benchmark_of(rule_name, of="{model}_{index}"):
    return f"{RESULTS}/benchmarks/{rule_name}/{of}.tsv"


def files_of(panel_id):
    """Return every file of a panel: a deleted one is then missed and built again."""
    files = [f"{panel_id}_manifest.json", *panel_files(panel_id).values()]
    return [f"{RESULTS}/{file}" for file in files]


def of_every_loading(table):
    """Return an input function: ``table`` for every loading that the wildcards' economy has."""

    def paths(wildcards):
        loadings = ECONOMIES[wildcards.model].loadings
        return {
            f"{table}_{name}": f"{PANEL}/{table}_{name}.parquet" for name in loadings
        }

    return paths


REPLICATION_FIGURES = [
    f"figures/{name}.{suffix}"
    for name in (
        *("fitted", "cumulative", "rolling", "differences"),
        *("stocks_per_cell", "breakpoints", "cell_heatmaps"),
    )
    for suffix in ("pdf", "png")
]


def files_of_store(name):
    """Return every file of a store."""
    tables = [
        "stocks",
        "variables",
        "accounts",
        "published",
        "formations",
        "breakpoints",
        "cells",
    ]
    tables += ["factors", "portfolios", "two_years", "op_portfolios", "op_breakpoints"]
    tables += ["momentum", "sorts", "sort_breakpoints", "rolling"]
    texts = [
        "sorts.json",
        "store.json",
        "replication.json",
        "pricing.json",
        "pricing.csv",
    ]
    texts += [f"evaluation.{suffix}" for suffix in ("json", "csv", "txt")]
    files = [*(f"{table}.parquet" for table in tables), *texts, *REPLICATION_FIGURES]
    if RUN.tidy.french_files(name, "op_portfolios"):
        files += [f"op_evaluation.{suffix}" for suffix in ("csv", "json", "txt")]
        files += [f"figures/op_evaluation.{suffix}" for suffix in ("pdf", "png")]
    if RUN.tidy.french_files(name, "test_assets"):
        files += ["asset_pricing.json", "asset_pricing.csv"]
    return [f"{RESULTS}/tidy/{name}/{file}" for file in files]


def files_of_published_data():
    """Return every file of the evaluation of published series, none if it is switched off."""
    names = [
        f"{what}.{s}" for what in ("evaluation", "pricing") for s in ("json", "csv")
    ]
    wanted = names if RUN.tidy.published_data else []
    return [f"{RESULTS}/tidy/{PUBLISHED}/{name}" for name in wanted]


def panel_of_store(wildcards):
    """Return the tables of the panel that a store is exported from."""
    panel = f"{RESULTS}/panels/{RUN.tidy.stores[wildcards.store].panel}"
    tables = ("panel", "aggregates", "ff_returns")
    return {table: f"{panel}/{table}.parquet" for table in tables}


def further_series_of_store(wildcards):
    """Return the files of momentum and reversals that a store is compared with."""
    return RUN.tidy.french_files(wildcards.store, *SERIES)


def source_of_store(wildcards):
    """Return the file of a store, or its Parquet files."""
    own = RUN.tidy.stores[wildcards.store].source()
    return f"{TIDY}/demo.sqlite" if own is None else own
