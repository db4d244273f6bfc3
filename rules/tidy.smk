# The empirical track: stores in the form of Tidy Finance, factors replicated from them.


wildcard_constraints:
    store=one_of(RUN.tidy.stores),


onstart:
    for _name in sorted({*RUN.tidy.stores} - {*BUILT_STORES}):
        print(
            f"store {_name} is left out: a panel of {RUN.size.firms} firms and {RUN.size.months} "
            f"months is too small for annual portfolios ({LEAST_FIRMS} and {LEAST_MONTHS} suffice); "
            f"ask for a file such as {RESULTS}/tidy/{_name}/factors.parquet to try",
            file=sys.stderr,
        )


onsuccess:
    for _line in lines_of_warnings(Path(RESULTS) / "tidy", RUN.tidy.stores):
        print(_line, file=sys.stderr)


rule export_demo_store:
    input:
        unpack(panel_of_store),
    output:
        store=f"{TIDY}/demo.sqlite",
    log:
        log_of("export_demo_store", "{store}"),
    benchmark:
        benchmark_of("export_demo_store", "{store}")
    wildcard_constraints:
        store=one_of(name for name, store in RUN.tidy.stores.items() if store.panel),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        stage=STAGES.stage("export_demo_store"),
    script:
        "../scripts/export_demo_store.py"


rule read_store:
    input:
        store=source_of_store,
    output:
        stocks=f"{TIDY}/stocks.parquet",
        variables=f"{TIDY}/variables.parquet",
        accounts=f"{TIDY}/accounts.parquet",
        published=f"{TIDY}/published.parquet",
        report=f"{TIDY}/store.json",
    log:
        log_of("read_store", "{store}"),
    benchmark:
        benchmark_of("read_store", "{store}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
    params:
        stage=STAGES.stage("read_store"),
    script:
        "../scripts/read_store.py"


rule replicate_factors:
    input:
        stocks=f"{TIDY}/stocks.parquet",
        variables=f"{TIDY}/variables.parquet",
        accounts=f"{TIDY}/accounts.parquet",
        report=f"{TIDY}/store.json",
    output:
        formations=f"{TIDY}/formations.parquet",
        breakpoints=f"{TIDY}/breakpoints.parquet",
        cells=f"{TIDY}/cells.parquet",
        factors=f"{TIDY}/factors.parquet",
        portfolios=f"{TIDY}/portfolios.parquet",
        replication=f"{TIDY}/replication.json",
    log:
        log_of("replicate_factors", "{store}"),
    benchmark:
        benchmark_of("replicate_factors", "{store}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        stage=STAGES.stage("replicate_factors"),
    script:
        "../scripts/replicate_factors.py"


rule replicate_exercises:
    input:
        stocks=f"{TIDY}/stocks.parquet",
        variables=f"{TIDY}/variables.parquet",
        accounts=f"{TIDY}/accounts.parquet",
        report=f"{TIDY}/store.json",
    output:
        two_years=f"{TIDY}/two_years.parquet",
        op_portfolios=f"{TIDY}/op_portfolios.parquet",
        op_breakpoints=f"{TIDY}/op_breakpoints.parquet",
    log:
        log_of("replicate_exercises", "{store}"),
    benchmark:
        benchmark_of("replicate_exercises", "{store}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        stage=STAGES.stage("replicate_exercises"),
    script:
        "../scripts/replicate_exercises.py"


rule replicate_sorts:
    input:
        stocks=f"{TIDY}/stocks.parquet",
        variables=f"{TIDY}/variables.parquet",
        accounts=f"{TIDY}/accounts.parquet",
        published=f"{TIDY}/published.parquet",
        report=f"{TIDY}/store.json",
    output:
        momentum=f"{TIDY}/momentum.parquet",
        sorts=f"{TIDY}/sorts.parquet",
        breakpoints=f"{TIDY}/sort_breakpoints.parquet",
        report=f"{TIDY}/sorts.json",
    log:
        log_of("replicate_sorts", "{store}"),
    benchmark:
        benchmark_of("replicate_sorts", "{store}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        stage=STAGES.stage("replicate_sorts"),
    script:
        "../scripts/replicate_sorts.py"


rule export_store_panel:
    input:
        stocks=f"{TIDY}/stocks.parquet",
        variables=f"{TIDY}/variables.parquet",
        accounts=f"{TIDY}/accounts.parquet",
        published=f"{TIDY}/published.parquet",
        report=f"{TIDY}/store.json",
    output:
        panel=f"{TIDY}/panel.parquet",
    log:
        log_of("export_store_panel", "{store}"),
    benchmark:
        benchmark_of("export_store_panel", "{store}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        stage=STAGES.stage("export_store_panel"),
    script:
        "../scripts/export_store_panel.py"


rule evaluate_op_portfolios:
    input:
        unpack(
            lambda w: RUN.tidy.french_files(w.store, "op_portfolios", "op_breakpoints")
        ),
        portfolios=f"{TIDY}/op_portfolios.parquet",
        edges=f"{TIDY}/op_breakpoints.parquet",
        published=f"{TIDY}/published.parquet",
        report=f"{TIDY}/store.json",
    output:
        csv=f"{TIDY}/op_evaluation.csv",
        json=f"{TIDY}/op_evaluation.json",
        text=f"{TIDY}/op_evaluation.txt",
        figures=[f"{TIDY}/figures/op_evaluation.{suffix}" for suffix in ("pdf", "png")],
    log:
        log_of("evaluate_op_portfolios", "{store}"),
    benchmark:
        benchmark_of("evaluate_op_portfolios", "{store}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        stage=STAGES.stage("evaluate_op_portfolios"),
    script:
        "../scripts/evaluate_op_portfolios.py"


rule evaluate_replication:
    input:
        unpack(further_series_of_store),
        momentum=f"{TIDY}/momentum.parquet",
        sorts=f"{TIDY}/sorts.json",
        factors=f"{TIDY}/factors.parquet",
        published=f"{TIDY}/published.parquet",
        two_years=f"{TIDY}/two_years.parquet",
        report=f"{TIDY}/store.json",
        replication=f"{TIDY}/replication.json",
    output:
        json=f"{TIDY}/evaluation.json",
        csv=f"{TIDY}/evaluation.csv",
        text=f"{TIDY}/evaluation.txt",
        rolling=f"{TIDY}/rolling.parquet",
    log:
        log_of("evaluate_replication", "{store}"),
    benchmark:
        benchmark_of("evaluate_replication", "{store}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        stage=STAGES.stage("evaluate_replication"),
    script:
        "../scripts/evaluate_replication.py"


rule price_portfolios:
    input:
        unpack(further_series_of_store),
        momentum=f"{TIDY}/momentum.parquet",
        portfolios=f"{TIDY}/portfolios.parquet",
        factors=f"{TIDY}/factors.parquet",
        published=f"{TIDY}/published.parquet",
        report=f"{TIDY}/store.json",
    output:
        json=f"{TIDY}/pricing.json",
        csv=f"{TIDY}/pricing.csv",
    log:
        log_of("price_portfolios", "{store}"),
    benchmark:
        benchmark_of("price_portfolios", "{store}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        stage=STAGES.stage("price_portfolios"),
    script:
        "../scripts/price_portfolios.py"


rule price_test_assets:
    input:
        unpack(further_series_of_store),
        unpack(lambda w: RUN.tidy.french_files(w.store, "test_assets")),
        factors=f"{TIDY}/factors.parquet",
        momentum=f"{TIDY}/momentum.parquet",
        published=f"{TIDY}/published.parquet",
        report=f"{TIDY}/store.json",
    output:
        json=f"{TIDY}/asset_pricing.json",
        csv=f"{TIDY}/asset_pricing.csv",
    log:
        log_of("price_test_assets", "{store}"),
    benchmark:
        benchmark_of("price_test_assets", "{store}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        stage=STAGES.stage("price_test_assets"),
    script:
        "../scripts/price_test_assets.py"


rule draw_replication:
    input:
        factors=f"{TIDY}/factors.parquet",
        published=f"{TIDY}/published.parquet",
        rolling=f"{TIDY}/rolling.parquet",
        cells=f"{TIDY}/cells.parquet",
        breakpoints=f"{TIDY}/breakpoints.parquet",
        formations=f"{TIDY}/formations.parquet",
        evaluation=f"{TIDY}/evaluation.json",
    output:
        figures=[f"{TIDY}/{figure}" for figure in REPLICATION_FIGURES],
    log:
        log_of("draw_replication", "{store}"),
    benchmark:
        benchmark_of("draw_replication", "{store}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        stage=STAGES.stage("draw_replication"),
    script:
        "../scripts/draw_replication.py"


rule evaluate_published:
    output:
        evaluation_json=f"{RESULTS}/tidy/{PUBLISHED}/evaluation.json",
        evaluation_csv=f"{RESULTS}/tidy/{PUBLISHED}/evaluation.csv",
        pricing_json=f"{RESULTS}/tidy/{PUBLISHED}/pricing.json",
        pricing_csv=f"{RESULTS}/tidy/{PUBLISHED}/pricing.csv",
    log:
        log_of("evaluate_published", PUBLISHED),
    benchmark:
        benchmark_of("evaluate_published", PUBLISHED)
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        stage=STAGES.stage("evaluate_published"),
    script:
        "../scripts/evaluate_published.py"
