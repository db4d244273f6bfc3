# Factors from the cross-sections of a panel.


rule build_factors:
    input:
        panel=f"{PANEL}/panel.parquet",
        aggregates=f"{PANEL}/aggregates.parquet",
    output:
        returns=f"{PANEL}/{{method}}_returns.parquet",
    log:
        log_of("build_factors", "{model}_{index}_{method}"),
    benchmark:
        benchmark_of("build_factors", "{model}_{index}_{method}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=megabytes("build_factors", RUN.size),
        runtime=minutes("build_factors", RUN.size),
    params:
        stage=STAGES.stage("build_factors"),
    script:
        "../scripts/build_factors.py"


rule extract_model_premia:
    input:
        panel=f"{PANEL}/panel.parquet",
        aggregates=f"{PANEL}/aggregates.parquet",
    output:
        premia=f"{PANEL}/model_premia_{{loading}}.parquet",
        latent=f"{PANEL}/latent_{{loading}}.parquet",
    log:
        log_of("extract_model_premia", "{model}_{index}_{loading}"),
    benchmark:
        benchmark_of("extract_model_premia", "{model}_{index}_{loading}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=megabytes("extract_model_premia", RUN.size),
        runtime=minutes("extract_model_premia", RUN.size),
    params:
        stage=STAGES.stage("extract_model_premia"),
    script:
        "../scripts/extract_model_premia.py"
