# The simulated economies: prices, a panel of firms, exact conditional moments.


rule solve_economy:
    output:
        **RUN.of_solution("npz", "json"),
    resources:
        **RUN.needs("solve_economy"),
    params:
        stage=RUN.parameter("solve_economy"),
    script:
        "../scripts/solve_economy.py"


rule simulate_panel:
    input:
        **RUN.of_solution("npz"),
    output:
        **RUN.of_large(temp, "panel", "states"),
        **RUN.of_panel("aggregates"),
    resources:
        **RUN.needs("simulate_panel"),
    params:
        stage=RUN.parameter("simulate_panel"),
    script:
        "../scripts/simulate_panel.py"


rule compute_moments:
    input:
        **RUN.of_solution("npz"),
        **RUN.of_panel("panel", "aggregates", "states"),
    output:
        **RUN.of_large(temp, "moments"),
        **RUN.of_panel("sdf"),
    threads: RUN.threads("compute_moments")
    resources:
        **RUN.needs("compute_moments"),
    params:
        stage=RUN.parameter("compute_moments"),
    script:
        "../scripts/compute_moments.py"
