"""Write the tables of an economy as CSV, LaTeX and HTML."""

from pathlib import Path

from truepremia.economies.registry import economy
from truepremia.report.contents import caption
from truepremia.report.gather import gather, read_summaries
from truepremia.report.shown import shown_methods
from truepremia.report.tables import report_tables
from truepremia.report.writing import write_report_table
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    model = economy(settings["model"])
    methods = shown_methods(model.loadings, settings["methods"])
    panels = gather(model, read_summaries(snakemake.input.summaries), methods)
    folder = Path(snakemake.output.shown[0]).parent
    for table in report_tables(panels):
        stem = folder / f"{model.name}_{table.name}"
        write_report_table(table, caption("table", table.name), stem)
    logger.info("tables of %d panels", len(panels.names))
