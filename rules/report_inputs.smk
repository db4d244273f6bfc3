# Which panels and stores the report covers, and which files its rules read.
from functools import cache

from truepremia.report.contents import CAPTIONS, FIGURES, PAGE_PARTS, TABLES
from truepremia.report.contents import caption_files, exhibits_of
from truepremia.report.selection import finished_panels

REPORT = f"{RESULTS}/report"
SUMMARISED = ["ff_returns", "fm_returns", "fama_stats", "model_stats", "sdf"]
PANELS_PER_SUMMARY = 25


wildcard_constraints:
    block="0|[1-9][0-9]*",


@cache
def reported():
    """Return the indices of the reported panels by economy, and the panels that are left out."""

    def settings(panel_id):
        model, _, index = panel_id.rpartition("_")
        if model not in RUN.calibrations or not index.isdigit():
            return None
        return STAGES.settings("bundle_panel", {"model": model, "index": index})

    included, left_out = finished_panels(RESULTS, RUN.panel_ids(), settings)
    named = [panel_id.rpartition("_") for panel_id in included]
    models = [model for model in ECONOMIES if model in {name for name, _, _ in named}]
    return {
        model: sorted(int(index) for name, _, index in named if name == model)
        for model in models
    }, left_out


def wanted_stores():
    """Return the names of the stores of this run."""
    return {*BUILT_STORES, *([PUBLISHED] if RUN.tidy.published_data else [])}


def stores():
    """Return the folders of the stores of this run, and of finished ones beside them, by name."""
    finished = sorted((Path(RESULTS) / "tidy").glob("*/evaluation.csv"))
    names = sorted(wanted_stores() | {file.parent.name for file in finished})
    return {name: f"{RESULTS}/tidy/{name}" for name in names}


def files_of_stores(wildcards):
    """Return every table and figure of the empirical track that the page shows."""
    tables = ("evaluation.csv", "pricing.csv")
    figures = [figure for figure in REPLICATION_FIGURES if figure.endswith(".png")]
    files = []
    for name, folder in stores().items():
        shown = [
            f"{folder}/{f}" for f in (*tables, *(figures if name != PUBLISHED else ()))
        ]
        files += [f for f in shown if name in wanted_stores() or Path(f).exists()]
    return files


def contents(wildcards):
    """Return what the page shows, for its parameter."""
    return {
        "economies": list(reported()[0]),
        "left_out": reported()[1],
        "stores": stores(),
    }


def files_of_block(wildcards):
    """Return the files of a block of panels, the same table of all panels together."""
    panels = [
        f"{wildcards.model}_{index}"
        for index in reported()[0][wildcards.model]
        if index // PANELS_PER_SUMMARY == int(wildcards.block)
    ]
    loadings = ECONOMIES[wildcards.model].loadings
    tables = [*SUMMARISED, "panel", "aggregates", "states", "moments"]
    tables += [f"{kind}_{n}" for kind in ("model_premia", "latent") for n in loadings]
    files = {t: [f"{RESULTS}/panels/{p}/{t}.parquet" for p in panels] for t in tables}
    return files | {"manifest": [f"{RESULTS}/{p}_manifest.json" for p in panels]}


def summaries_of(model):
    """Return the summary files of an economy."""
    blocks = sorted({index // PANELS_PER_SUMMARY for index in reported()[0][model]})
    return [f"{REPORT}/summaries/{model}_{block}.json" for block in blocks]


def files_of_shown_panel(wildcards):
    """Return the files of the panel whose time series are drawn, the first one."""
    panel_id = f"{wildcards.model}_{reported()[0][wildcards.model][0]}"
    tables = [
        *SUMMARISED,
        *(f"latent_{n}" for n in ECONOMIES[wildcards.model].loadings),
    ]
    files = {t: f"{RESULTS}/panels/{panel_id}/{t}.parquet" for t in tables}
    return files | {"manifest": f"{RESULTS}/{panel_id}_manifest.json"}


def in_report(path, kind, name, title):
    """Return ``path`` with its place in Snakemake's own report."""
    return report(
        path,
        caption=f"{CAPTIONS}/{kind}_{name}.rst",
        category=f"{kind.capitalize()}s",
        subcategory="{model}",
        labels={"economy": "{model}", kind: title},
    )
