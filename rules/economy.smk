# The simulated economies: prices, a panel of firms, exact conditional moments.


rule solve_economy:
    output:
        solution=f"{RESULTS}/solutions/{{model}}.npz",
        diagnostics=f"{RESULTS}/solutions/{{model}}.json",
    log:
        log_of("solve_economy", "{model}"),
    benchmark:
        benchmark_of("solve_economy", "{model}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=megabytes("solve_economy", RUN.size),
        runtime=minutes("solve_economy", RUN.size),
    params:
        stage=STAGES.stage("solve_economy"),
    script:
        "../scripts/solve_economy.py"


rule simulate_panel:
    input:
        solution=f"{RESULTS}/solutions/{{model}}.npz",
    output:
        panel=f"{PANEL}/panel.parquet",
        aggregates=f"{PANEL}/aggregates.parquet",
        states=f"{PANEL}/states.parquet",
    log:
        log_of("simulate_panel"),
    benchmark:
        benchmark_of("simulate_panel")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=megabytes("simulate_panel", RUN.size),
        runtime=minutes("simulate_panel", RUN.size),
    params:
        stage=STAGES.stage("simulate_panel"),
    script:
        "../scripts/simulate_panel.py"


rule compute_moments:
    input:
        solution=f"{RESULTS}/solutions/{{model}}.npz",
        panel=f"{PANEL}/panel.parquet",
        aggregates=f"{PANEL}/aggregates.parquet",
        states=f"{PANEL}/states.parquet",
    output:
        moments=f"{PANEL}/moments.parquet",
        sdf=f"{PANEL}/sdf.parquet",
    log:
        log_of("compute_moments"),
    benchmark:
        benchmark_of("compute_moments")
    conda:
        ENVIRONMENT
    threads: threads("compute_moments", RUN.size)
    resources:
        mem_mb=megabytes("compute_moments", RUN.size),
        runtime=minutes("compute_moments", RUN.size),
    params:
        stage=STAGES.stage("compute_moments"),
    script:
        "../scripts/compute_moments.py"
