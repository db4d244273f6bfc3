# Judgement of all factors by the exact moments, and the bundle of a panel.


rule portfolio_stats:
    input:
        unpack(of_every_loading("latent")),
        panel=f"{PANEL}/panel.parquet",
        aggregates=f"{PANEL}/aggregates.parquet",
        moments=f"{PANEL}/moments.parquet",
        ff_returns=f"{PANEL}/ff_returns.parquet",
        fm_returns=f"{PANEL}/fm_returns.parquet",
    output:
        fama_stats=f"{PANEL}/fama_stats.parquet",
        model_stats=f"{PANEL}/model_stats.parquet",
    log:
        log_of("portfolio_stats"),
    benchmark:
        benchmark_of("portfolio_stats")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=megabytes("portfolio_stats", RUN.size),
        runtime=minutes("portfolio_stats", RUN.size),
    params:
        stage=STAGES.stage("portfolio_stats"),
    script:
        "../scripts/portfolio_stats.py"


rule bundle_panel:
    input:
        unpack(of_every_loading("model_premia")),
        unpack(of_every_loading("latent")),
        ff_returns=f"{PANEL}/ff_returns.parquet",
        fm_returns=f"{PANEL}/fm_returns.parquet",
        fama_stats=f"{PANEL}/fama_stats.parquet",
        model_stats=f"{PANEL}/model_stats.parquet",
        panel=f"{PANEL}/panel.parquet",
        aggregates=f"{PANEL}/aggregates.parquet",
        states=f"{PANEL}/states.parquet",
        moments=f"{PANEL}/moments.parquet",
        sdf=f"{PANEL}/sdf.parquet",
        solution=f"{RESULTS}/solutions/{{model}}.npz",
        diagnostics=f"{RESULTS}/solutions/{{model}}.json",
    output:
        bundle=f"{RESULTS}/{{model}}_{{index}}_fama.pkl",
        manifest=f"{RESULTS}/{{model}}_{{index}}_manifest.json",
    log:
        log_of("bundle_panel"),
    benchmark:
        benchmark_of("bundle_panel")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=megabytes("bundle_panel", RUN.size),
        runtime=minutes("bundle_panel", RUN.size),
    params:
        stage=STAGES.stage("bundle_panel"),
    script:
        "../scripts/bundle_panel.py"
