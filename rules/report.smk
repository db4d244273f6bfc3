# The report: numbers of finished panels, tables, figures and one page.
from functools import cache
from itertools import groupby

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
        if model not in RUN.calibrations or model not in ECONOMIES:
            return None
        return STAGES.settings("bundle_panel", {"model": model, "index": index})

    included, left_out = finished_panels(RESULTS, RUN.panel_ids(), settings)
    named = [panel_id.rpartition("_") for panel_id in included]
    models = [model for model in ECONOMIES if model in {name for name, _, _ in named}]
    return {
        model: sorted(int(index) for name, _, index in named if name == model)
        for model in models
    }, left_out


def stores():
    """Return the folders of the finished stores of the empirical track by name."""
    found = sorted((Path(RESULTS) / "tidy").glob("*/evaluation.csv"))
    return {file.parent.name: str(file.parent) for file in found}


def files_of_stores(wildcards):
    """Return every table and figure of the empirical track that is finished."""
    kinds = ("evaluation.csv", "pricing.csv", "figures/*.png")
    folders = [Path(folder) for folder in stores().values()]
    return [
        str(f)
        for folder in folders
        for kind in kinds
        for f in sorted(folder.glob(kind))
    ]


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


rule summarise_panels:
    input:
        unpack(files_of_block),
    output:
        summaries=f"{REPORT}/summaries/{{model}}_{{block}}.json",
    log:
        log_of("summarise_panels", "{model}_{block}"),
    benchmark:
        benchmark_of("summarise_panels", "{model}_{block}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        stage=STAGES.stage("summarise_panels"),
    script:
        "../scripts/summarise_panels.py"


rule tabulate_economy:
    input:
        captions=caption_files(),
        summaries=lambda wildcards: summaries_of(wildcards.model),
    output:
        [
            in_report(f"{REPORT}/tables/{{model}}_{name}.html", "table", name, title)
            for name, title in TABLES.items()
        ],
        [
            f"{REPORT}/tables/{{model}}_{name}.{suffix}"
            for name in TABLES
            for suffix in ("csv", "tex")
        ],
    log:
        log_of("tabulate_economy", "{model}"),
    benchmark:
        benchmark_of("tabulate_economy", "{model}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=600,
        runtime=10,
    params:
        stage=STAGES.stage("tabulate_economy"),
    script:
        "../scripts/tabulate_economy.py"


rule draw_economy:
    input:
        unpack(files_of_shown_panel),
        summaries=lambda wildcards: summaries_of(wildcards.model),
        solution=f"{RESULTS}/solutions/{{model}}.npz",
    output:
        [
            in_report(f"{REPORT}/figures/{{model}}_{name}.png", "figure", name, title)
            for name, title in FIGURES.items()
        ],
        [f"{REPORT}/figures/{{model}}_{name}.pdf" for name in FIGURES],
    log:
        log_of("draw_economy", "{model}"),
    benchmark:
        benchmark_of("draw_economy", "{model}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=600,
        runtime=10,
    params:
        stage=STAGES.stage("draw_economy"),
    script:
        "../scripts/draw_economy.py"


rule write_report:
    input:
        files_of_stores,
        captions=caption_files(),
        page=PAGE_PARTS,
        summaries=lambda wildcards: [f for m in reported()[0] for f in summaries_of(m)],
        exhibits=lambda wildcards: [
            f"{REPORT}/{exhibit}"
            for model in reported()[0]
            for exhibit in exhibits_of(model)
        ],
    output:
        page=report(
            f"{REPORT}/report.html", caption=f"{CAPTIONS}/page.rst", category="Page"
        ),
    log:
        log_of("write_report", "report"),
    benchmark:
        benchmark_of("write_report", "report")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=600,
        runtime=10,
    params:
        stage=lambda wildcards: STAGES.stage("write_report")(contents(wildcards)),
    script:
        "../scripts/write_report.py"
