"""Rank the configured methods over all panels."""

from pathlib import Path

from truepremia.files.formats import replacing
from truepremia.methods.entry import Entry
from truepremia.plotting import save, style
from truepremia.report.board import every_table, figures, headline_table, paired_table, to_latex
from truepremia.report.board_inputs import read_exhibits
from truepremia.report.contents import caption
from truepremia.report.page import board_part, report_page
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    output = snakemake.output
    methods = {name: Entry.from_mapping(name, entry) for name, entry in settings["methods"]}
    shown = read_exhibits(snakemake.input, methods, settings)
    tables = {
        output.csv: every_table(shown),
        output.headline: headline_table(shown),
        output.paired: paired_table(shown),
        output.panels: shown.board.panels,
        output.realised: shown.realised,
    }
    for path, table in tables.items():
        with replacing(path) as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n")
    with replacing(output.tex) as temporary:
        temporary.write_text(to_latex(shown, caption("table", "board_headline")), encoding="utf-8")
    with style():
        for name, figure in figures(shown):
            save(figure, Path(output.share_png).parent, name)
    board = board_part(output)
    with replacing(output.page) as temporary:
        temporary.write_text(report_page([], [], [], board), encoding="utf-8")
    logger.info("%s", shown.judged)
