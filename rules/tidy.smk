# The empirical track: stores in the form of Tidy Finance, factors replicated from them.


wildcard_constraints:
    store=RUN.stores,


rule export_demo_store:
    input:
        unpack(RUN.panel_of_store),
    output:
        **RUN.of_store(store="demo.sqlite"),
    log:
        RUN.log("export_demo_store", "{store}"),
    wildcard_constraints:
        store=RUN.exported_stores,
    conda:
        RUN.environment
    resources:
        **RUN.needs("export_demo_store"),
    params:
        stage=RUN.parameter("export_demo_store"),
    script:
        "../scripts/export_demo_store.py"


rule read_store:
    input:
        store=RUN.source_of_store,
    output:
        **RUN.of_store("stocks", "variables", "accounts", "published"),
        **RUN.of_store(report="store.json"),
    log:
        RUN.log("read_store", "{store}"),
    conda:
        RUN.environment
    resources:
        **RUN.needs("read_store"),
    params:
        stage=RUN.parameter("read_store"),
    script:
        "../scripts/read_store.py"


# Stages that differ in nothing but their files: series of Kenneth French that they read if the
# store has them, tables that they read, and what they write.
STORE, SOURCES = RUN.of_store, ("stocks", "variables", "accounts")
REPORT = STORE(report="store.json")
OF_A_STORE = {
    "replicate_factors": (
        [],
        STORE(*SOURCES) | REPORT,
        STORE("formations", "breakpoints", "cells", "factors", "portfolios")
        | STORE(replication="replication.json"),
    ),
    "replicate_exercises": (
        [],
        STORE(*SOURCES) | REPORT,
        STORE("two_years", "op_portfolios", "op_breakpoints"),
    ),
    "replicate_sorts": (
        [],
        STORE(*SOURCES, "published") | REPORT,
        STORE("momentum", "sorts", breakpoints="sort_breakpoints.parquet")
        | STORE(report="sorts.json"),
    ),
    "export_store_panel": ([], STORE(*SOURCES, "published") | REPORT, STORE("panel")),
    "evaluate_op_portfolios": (
        ["op_portfolios", "op_breakpoints"],
        STORE("published", portfolios="op_portfolios.parquet")
        | STORE(edges="op_breakpoints.parquet")
        | REPORT,
        STORE(csv="op_evaluation.csv", json="op_evaluation.json")
        | STORE(text="op_evaluation.txt")
        | {
            "figures": [f"{RUN.tidy}/figures/op_evaluation.{s}" for s in ("pdf", "png")]
        },
    ),
    "evaluate_replication": (
        SERIES,
        STORE("factors", "momentum", "published", "two_years", sorts="sorts.json")
        | STORE(replication="replication.json")
        | REPORT,
        STORE("rolling", json="evaluation.json", csv="evaluation.csv")
        | STORE(text="evaluation.txt"),
    ),
    "price_portfolios": (
        SERIES,
        STORE("portfolios", "factors", "momentum", "published") | REPORT,
        STORE(json="pricing.json", csv="pricing.csv"),
    ),
    "price_test_assets": (
        [*SERIES, "test_assets"],
        STORE("factors", "momentum", "published") | REPORT,
        STORE(json="asset_pricing.json", csv="asset_pricing.csv"),
    ),
    "draw_replication": (
        SERIES,
        STORE("factors", "momentum", "published", "rolling", "cells", "breakpoints")
        | STORE("formations", evaluation="evaluation.json"),
        {"figures": [f"{RUN.tidy}/{figure}" for figure in REPLICATION_FIGURES]},
    ),
}


for _stage, (_series, _reads, _writes) in OF_A_STORE.items():

    rule:
        name:
            _stage
        input:
            unpack(RUN.french_files(*_series)),
            **_reads,
        output:
            **_writes,
        log:
            RUN.log(_stage, "{store}"),
        conda:
            RUN.environment
        resources:
            **RUN.needs(_stage),
        params:
            stage=RUN.parameter(_stage),
        script:
            f"../scripts/{_stage}.py"


rule evaluate_published:
    output:
        **RUN.of_published(),
    log:
        RUN.log("evaluate_published", PUBLISHED),
    conda:
        RUN.environment
    resources:
        **RUN.needs("evaluate_published"),
    params:
        stage=RUN.parameter("evaluate_published"),
    script:
        "../scripts/evaluate_published.py"
