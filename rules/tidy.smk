# The empirical track: stores in the form of Tidy Finance, factors replicated from them.


wildcard_constraints:
    store=RUN.stores,


rule export_demo_store:
    input:
        unpack(RUN.panel_of_store),
    output:
        **RUN.of_store(store="demo.sqlite"),
    wildcard_constraints:
        store=RUN.exported_stores,
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
    resources:
        **RUN.needs("read_store"),
    params:
        stage=RUN.parameter("read_store", log=RUN.log_of_store),
    script:
        "../scripts/read_store.py"


rule replicate_factors:
    input:
        **RUN.of_store("stocks", "variables", "accounts", report="store.json"),
    output:
        **RUN.of_store("formations", "breakpoints", "cells", "factors", "portfolios"),
        **RUN.of_store(replication="replication.json"),
    resources:
        **RUN.needs("replicate_factors"),
    params:
        stage=RUN.parameter("replicate_factors"),
    script:
        "../scripts/replicate_factors.py"


rule replicate_exercises:
    input:
        **RUN.of_store("stocks", "variables", "accounts", report="store.json"),
    output:
        **RUN.of_store("two_years", "op_portfolios", "op_breakpoints"),
    resources:
        **RUN.needs("replicate_exercises"),
    params:
        stage=RUN.parameter("replicate_exercises"),
    script:
        "../scripts/replicate_exercises.py"


rule replicate_sorts:
    input:
        **RUN.of_store("stocks", "variables", "accounts", "published"),
        **RUN.of_store(report="store.json"),
    output:
        **RUN.of_store("momentum", "sorts", breakpoints="sort_breakpoints.parquet"),
        **RUN.of_store(report="sorts.json"),
    resources:
        **RUN.needs("replicate_sorts"),
    params:
        stage=RUN.parameter("replicate_sorts"),
    script:
        "../scripts/replicate_sorts.py"


rule export_store_panel:
    input:
        **RUN.of_store("stocks", "variables", "accounts", "published"),
        **RUN.of_store(report="store.json"),
    output:
        **RUN.of_store("panel"),
    resources:
        **RUN.needs("export_store_panel"),
    params:
        stage=RUN.parameter("export_store_panel"),
    script:
        "../scripts/export_store_panel.py"


rule evaluate_op_portfolios:
    input:
        unpack(RUN.french_files("op_portfolios", "op_breakpoints")),
        **RUN.of_store("published", portfolios="op_portfolios.parquet"),
        **RUN.of_store(edges="op_breakpoints.parquet", report="store.json"),
    output:
        **RUN.of_store(csv="op_evaluation.csv", json="op_evaluation.json"),
        **RUN.of_store(text="op_evaluation.txt"),
        figures=[f"{RUN.tidy}/figures/op_evaluation.{s}" for s in ("pdf", "png")],
    resources:
        **RUN.needs("evaluate_op_portfolios"),
    params:
        stage=RUN.parameter("evaluate_op_portfolios"),
    script:
        "../scripts/evaluate_op_portfolios.py"


rule evaluate_replication:
    input:
        unpack(RUN.french_files(*SERIES)),
        **RUN.of_store("factors", "momentum", "published", "two_years"),
        **RUN.of_store(report="store.json", replication="replication.json"),
        **RUN.of_store(sorts="sorts.json"),
    output:
        **RUN.of_store("rolling", json="evaluation.json", csv="evaluation.csv"),
        **RUN.of_store(text="evaluation.txt"),
    resources:
        **RUN.needs("evaluate_replication"),
    params:
        stage=RUN.parameter("evaluate_replication"),
    script:
        "../scripts/evaluate_replication.py"


rule price_portfolios:
    input:
        unpack(RUN.french_files(*SERIES)),
        **RUN.of_store("portfolios", "factors", "momentum", "published"),
        **RUN.of_store(report="store.json"),
    output:
        **RUN.of_store(json="pricing.json", csv="pricing.csv"),
    resources:
        **RUN.needs("price_portfolios"),
    params:
        stage=RUN.parameter("price_portfolios"),
    script:
        "../scripts/price_portfolios.py"


rule price_test_assets:
    input:
        unpack(RUN.french_files(*SERIES, "test_assets")),
        **RUN.of_store("factors", "momentum", "published", report="store.json"),
    output:
        **RUN.of_store(json="asset_pricing.json", csv="asset_pricing.csv"),
    resources:
        **RUN.needs("price_test_assets"),
    params:
        stage=RUN.parameter("price_test_assets"),
    script:
        "../scripts/price_test_assets.py"


rule draw_replication:
    input:
        unpack(RUN.french_files(*SERIES)),
        **RUN.of_store("factors", "momentum", "published", "rolling", "cells"),
        **RUN.of_store("breakpoints", "formations", evaluation="evaluation.json"),
    output:
        figures=[f"{RUN.tidy}/{figure}" for figure in REPLICATION_FIGURES],
    resources:
        **RUN.needs("draw_replication"),
    params:
        stage=RUN.parameter("draw_replication"),
    script:
        "../scripts/draw_replication.py"


rule evaluate_published:
    output:
        **RUN.of_published(),
    resources:
        **RUN.needs("evaluate_published"),
    params:
        stage=RUN.parameter("evaluate_published"),
    script:
        "../scripts/evaluate_published.py"
