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
        **RUN.of_store("stocks", "accounts", "published", report="store.json"),
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


rule replicate_factors:
    input:
        **RUN.of_store("stocks", "accounts", report="store.json"),
    output:
        **RUN.of_store("formations", "breakpoints", "cells", "factors", "portfolios"),
        **RUN.of_store(replication="replication.json"),
    log:
        RUN.log("replicate_factors", "{store}"),
    conda:
        RUN.environment
    resources:
        **RUN.needs("replicate_factors"),
    params:
        stage=RUN.parameter("replicate_factors"),
    script:
        "../scripts/replicate_factors.py"


rule replicate_exercises:
    input:
        **RUN.of_store("stocks", "accounts", report="store.json"),
    output:
        **RUN.of_store("two_years", "op_portfolios"),
    log:
        RUN.log("replicate_exercises", "{store}"),
    conda:
        RUN.environment
    resources:
        **RUN.needs("replicate_exercises"),
    params:
        stage=RUN.parameter("replicate_exercises"),
    script:
        "../scripts/replicate_exercises.py"


rule evaluate_replication:
    input:
        **RUN.of_store("factors", "published", "two_years", report="store.json"),
    output:
        **RUN.of_store("rolling", json="evaluation.json", csv="evaluation.csv"),
        **RUN.of_store(text="evaluation.txt"),
    log:
        RUN.log("evaluate_replication", "{store}"),
    conda:
        RUN.environment
    resources:
        **RUN.needs("evaluate_replication"),
    params:
        stage=RUN.parameter("evaluate_replication"),
    script:
        "../scripts/evaluate_replication.py"


rule price_portfolios:
    input:
        **RUN.of_store("portfolios", "factors", "published"),
    output:
        **RUN.of_store(json="pricing.json", csv="pricing.csv"),
    log:
        RUN.log("price_portfolios", "{store}"),
    conda:
        RUN.environment
    resources:
        **RUN.needs("price_portfolios"),
    params:
        stage=RUN.parameter("price_portfolios"),
    script:
        "../scripts/price_portfolios.py"


rule draw_replication:
    input:
        **RUN.of_store("factors", "published", "rolling", "cells", "breakpoints"),
        **RUN.of_store("formations", evaluation="evaluation.json"),
    output:
        figures=[f"{RUN.tidy}/{figure}" for figure in REPLICATION_FIGURES],
    log:
        RUN.log("draw_replication", "{store}"),
    conda:
        RUN.environment
    resources:
        **RUN.needs("draw_replication"),
    params:
        stage=RUN.parameter("draw_replication"),
    script:
        "../scripts/draw_replication.py"


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
