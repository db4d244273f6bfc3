# The report: numbers of finished panels, tables, figures and one page.


wildcard_constraints:
    block="0|[1-9][0-9]*",


rule summarise_panels:
    input:
        unpack(RUN.block_of_panels),
    output:
        summaries=f"{RUN.report}/summaries/{{model}}_{{block}}.json",
    resources:
        **RUN.needs("summarise_panels"),
    params:
        stage=RUN.parameter("summarise_panels"),
    script:
        "../scripts/summarise_panels.py"


rule tabulate_economy:
    input:
        captions=caption_files(),
        summaries=lambda wildcards: RUN.summaries(wildcards.model),
    output:
        shown=RUN.shown_tables(report),
        printed=RUN.printed_tables(),
    resources:
        **RUN.needs("tabulate_economy"),
    params:
        stage=RUN.parameter("tabulate_economy"),
    script:
        "../scripts/tabulate_economy.py"


rule draw_economy:
    input:
        unpack(RUN.shown_panel),
        **RUN.of_solution("npz"),
        summaries=lambda wildcards: RUN.summaries(wildcards.model),
    output:
        shown=RUN.shown_figures(report),
        printed=RUN.printed_figures(),
    resources:
        **RUN.needs("draw_economy"),
    params:
        stage=RUN.parameter("draw_economy"),
    script:
        "../scripts/draw_economy.py"


rule write_report:
    input:
        captions=caption_files(),
        page=PAGE_PARTS,
        summaries=lambda wildcards: RUN.every_summary(),
        exhibits=lambda wildcards: RUN.exhibits(),
        stores=lambda wildcards: RUN.exhibits_of_stores(),
        leaderboard=lambda wildcards: RUN.board_on_page(),
    output:
        page=RUN.shown_page(report),
    resources:
        **RUN.needs("write_report"),
    params:
        stage=RUN.parameter(
            "write_report", contents=lambda wildcards: RUN.page_contents()
        ),
    script:
        "../scripts/write_report.py"
