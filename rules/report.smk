# The report: numbers of finished panels, tables, figures and one page.


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
        shown=[
            in_report(f"{REPORT}/tables/{{model}}_{name}.html", "table", name, title)
            for name, title in TABLES.items()
        ],
        printed=[
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
        shown=[
            in_report(f"{REPORT}/figures/{{model}}_{name}.png", "figure", name, title)
            for name, title in FIGURES.items()
        ],
        printed=[f"{REPORT}/figures/{{model}}_{name}.pdf" for name in FIGURES],
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
