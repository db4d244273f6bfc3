# Factors of a panel's cross-sections, and methods that learn from them month by month.


rule build_factors:
    input:
        **RUN.of_panel("panel", "aggregates"),
    output:
        **RUN.of_panel(returns="{method}_returns"),
    wildcard_constraints:
        method=RUN.factor_methods,
    threads: RUN.threads("build_factors")
    resources:
        **RUN.needs("build_factors"),
    params:
        stage=RUN.parameter("build_factors"),
    script:
        "../scripts/build_factors.py"


rule extract_model_premia:
    input:
        **RUN.of_panel("panel", "aggregates"),
    output:
        **RUN.of_panel(premia="model_premia_{loading}", latent="latent_{loading}"),
    resources:
        **RUN.needs("extract_model_premia"),
    params:
        stage=RUN.parameter("extract_model_premia"),
    script:
        "../scripts/extract_model_premia.py"


rule judge_method:
    input:
        **RUN.of_panel("panel", "aggregates", "moments"),
    output:
        **RUN.of_method(),
    wildcard_constraints:
        method=RUN.methods,
    resources:
        **RUN.needs("judge_method"),
    params:
        stage=RUN.parameter("judge_method"),
    script:
        "../scripts/judge_method.py"


rule judge_real_panel:
    input:
        panel=RUN.real_panel,
    output:
        **RUN.of_method("{panel}", "real"),
    wildcard_constraints:
        panel=RUN.real_panels,
        method=RUN.methods,
    resources:
        **RUN.needs("judge_real_panel"),
    params:
        stage=RUN.parameter("judge_real_panel"),
    script:
        "../scripts/judge_real_panel.py"
